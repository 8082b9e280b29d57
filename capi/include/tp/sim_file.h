/* sim_file.h - descriptors of a run of tp/sim.h, whose other side is the scenario.
 *
 * They are numbers from 0 to 1023 that mean nothing to the system: waits and I/O objects take them,
 * and so do read and write in a run. Outside a run all of these do nothing and return 0 or -1. A
 * call about a number that is not open, or of another kind, fails the run. Not frozen, see
 * tp/sim.h. */
#ifndef TP_SIM_FILE_H
#define TP_SIM_FILE_H

#include "tp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a descriptor stands for. STREAM: a pipe, terminal or the like. SOCKET. DISK: a regular
 *  file. DIRECT: one that is not cached. PROCESS: what pidfd_open gives. */
enum {
    TP_SIM_FILE_STREAM = 0,
    TP_SIM_FILE_DISK = 1,
    TP_SIM_FILE_PROCESS = 2,
    TP_SIM_FILE_SOCKET = 3,
    TP_SIM_FILE_DIRECT = 4
};

/* ---- Descriptors ----------------------------------------------------------------------------- */

/** Opens a descriptor on which nothing is ready.
 *
 *  Mirrors: nothing on Windows.
 *  kind     TP_SIM_FILE_*; another fails the run.
 *  Returns: the lowest number that is free, from 3 on; -1 outside a run.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API int tp_sim_open(uint32_t kind);

/** Gives the open file of a descriptor another number, as dup does.
 *
 *  Mirrors: nothing on Windows.
 *  fd       a number of tp_sim_open.
 *  Returns: the lowest number that is free, from 3 on; -1 outside a run.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API int tp_sim_dup(int fd);

/** Closes a number, which may soon be that of another file.
 *
 *  Mirrors: nothing on Windows.
 *  fd       an open number.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_close(int fd);

/** Says what is ready on a descriptor, beside what follows from data and room.
 *
 *  Mirrors: nothing on Windows.
 *  fd       an open number.
 *  poll_events as of poll(2): POLLIN, POLLOUT ...; 0: nothing.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_set_ready(int fd, uint32_t poll_events);

/** Ends the process that a descriptor stands for.
 *
 *  Mirrors: nothing on Windows.
 *  fd       a number opened as TP_SIM_FILE_PROCESS.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_process_end(int fd);

/* ---- What goes in and out -------------------------------------------------------------------- */

/** Sends bytes: they can be read from the descriptor now.
 *
 *  Mirrors: nothing on Windows.
 *  fd       a stream or socket.
 *  data     `size` bytes; NULL: any bytes will do.
 *  size     how many.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    copies the data.
 *  Since:   0.1 */
TP_API void tp_sim_feed(int fd, const void *data, size_t size);

/** Makes room: so many more bytes can be written to the descriptor.
 *
 *  Mirrors: nothing on Windows.
 *  fd       a stream or socket, which has no room when it is new.
 *  size     bytes.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_room(int fd, size_t size);

/** Tells what was written to a descriptor and not yet told, or takes part of it.
 *
 *  Mirrors: nothing on Windows.
 *  fd       a stream or socket.
 *  buffer   where the bytes go; NULL: nothing is taken.
 *  size     of the buffer.
 *  Returns: how many bytes were taken; with NULL, how many there are. 0 outside a run.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    borrows `buffer` for the call.
 *  Since:   0.1 */
TP_API size_t tp_sim_written(int fd, void *buffer, size_t size);

/** Ends what comes: after what was fed a read finds the end of the file.
 *
 *  Mirrors: nothing on Windows.
 *  fd       a stream or socket.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_end(int fd);

/** Hangs up: nothing comes any more, and writing fails with EPIPE.
 *
 *  Mirrors: nothing on Windows.
 *  fd       a stream or socket.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_hang_up(int fd);

/** Has the next read, write, accept or sync fail.
 *
 *  Mirrors: nothing on Windows.
 *  fd       an open number.
 *  error    an errno.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_next_error(int fd, int error);

/** Has clients connect to a socket, which listens from the first call on.
 *
 *  Mirrors: nothing on Windows.
 *  fd       a socket.
 *  connections how many more; 0: it only listens.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_offer(int fd, uint32_t connections);

/** Answers the connect of a socket, begun or yet to come.
 *
 *  Mirrors: nothing on Windows.
 *  fd       a socket.
 *  error    0: it is connected; else the errno with which it is not.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_answer(int fd, int error);

/** Sets the size and the slowness of a regular file; at first 0 bytes, a millisecond.
 *
 *  Mirrors: nothing on Windows.
 *  fd       of TP_SIM_FILE_DISK or TP_SIM_FILE_DIRECT.
 *  size     bytes, which follow a pattern.
 *  cached   a read or write needs no device.
 *  latency_ns of the device; each use takes up to three times as long, by the seed.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_disk(int fd, uint64_t size, bool cached, int64_t latency_ns);

#ifdef __cplusplus
}
#endif

#endif
