/* io.h - what a library must be able to do to have its I/O measured. */
#ifndef BENCH_IO_H
#define BENCH_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IO_BLOCK = 4096, IO_ROOM = 65536, IO_LINE = 128 };

/* ---- random reads ----------------------------------------------------------------------------
 *
 * Each slot has one read of IO_BLOCK bytes in flight, and when that has completed the next. */

struct io_slot {
    _Alignas(IO_LINE) void *buffer;
    int64_t offset; /* of the read in flight, or to come */
    uint64_t random;
    _Atomic uint64_t reads;
};

struct io_slot *io_slot(unsigned place);

/* The file, opened once more for this side. */
int io_open_file(void);

/* The slot's read has brought so many bytes. True: the next one is to begin; false: that was the
 * last. One thread at a time for each slot. */
bool io_read_done(struct io_slot *slot, int64_t bytes);

/* ---- echoes ----------------------------------------------------------------------------------
 *
 * What loops do that are told when a descriptor is ready: receive, send all of it, receive. */

struct io_connection {
    int descriptor;
    unsigned char *room; /* of IO_ROOM bytes */
    size_t sent, held;   /* bytes of what was received */
};

struct io_connection *io_connections(const int *descriptors, unsigned count);

enum io_wish { IO_READABLE, IO_WRITABLE, IO_NOTHING /* the peer has gone */ };

/* Receives if all was sent, and sends; tells what to wait for now. */
enum io_wish io_connection_ready(struct io_connection *connection);

/* ---- sides ----------------------------------------------------------------------------------- */

struct io_side {
    const char *name, *about;
    bool floor; /* not a library, but what there is to do at least */

    /* Begins so many reads, and returns. NULL: not measured. */
    void (*read)(unsigned depth);
    unsigned depth_least, depth_most; /* 0: any */
    bool one_by_one;                  /* its threads wait for each read: for cached files only */

    /* Begins to send back whatever comes from connected sockets, which do not block, and returns.
     * NULL: not measured. */
    void (*serve)(const int *descriptors, unsigned count);
    size_t message_most; /* 0: any */
};

extern const struct io_side tp_io_side, tp_one_io_side, tp_files_io_side;
extern const struct io_side tp_epoll_io_side, tp_epoll_one_io_side, tp_epoll_files_io_side;
extern const struct io_side pool_io_side, pool_one_io_side, pread_io_side, pread_two_io_side,
    epoll_io_side;

/* Where their libraries are installed. */
extern const struct io_side uv_io_side, uv_two_io_side, event_io_side, event_buffer_io_side,
    ev_io_side;
extern const struct io_side ring_io_side, ring_two_io_side, ring_shot_io_side;

/* A thread that runs until the process ends. */
void io_start_thread(void *(*function)(void *), void *argument);

void *io_room(size_t count, size_t size); /* for pages; zeroed */

/* ---- workloads ------------------------------------------------------------------------------- */

struct io_workload {
    const char *name, *about;
    unsigned depth;     /* reads in flight; 0: an echo */
    bool direct;        /* not through the cache */
    size_t message;     /* bytes of an echo */
    unsigned in_flight; /* messages of a connection */
    bool apart;         /* the client has a processor of its own */
    void (*measure)(const struct io_workload *workload, const struct io_side *side, bool quick);
};

/* The last of each has no name. */
extern const struct io_workload io_read_workloads[];
extern const struct io_workload io_echo_workloads[];

/* Whether the file that is read can be read past the cache. Makes it if need be. */
bool io_file_allows_direct(void);

void io_tell(const char *metric, double value, const char *unit);

#endif
