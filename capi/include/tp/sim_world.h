/* sim_world.h - the machine around a run of tp/sim.h: threads, clocks, processors, signals.
 *
 * Outside a run all of these do nothing and return 0. They are not callable from a callback that
 * the misuse hook or an allocator makes. Not frozen, see tp/sim.h. */
#ifndef TP_SIM_WORLD_H
#define TP_SIM_WORLD_H

#include "tp/sim.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A thread of a scenario. */
typedef uint64_t tp_sim_thread_t;

/* ---- Threads --------------------------------------------------------------------------------- */

/** Starts a thread of the scenario, which is no thread of any pool. The run ends after it.
 *
 *  Mirrors: CreateThread. Differs: never fails; a run that has 64 threads at once fails.
 *  body     its body.
 *  context  for the body.
 *  name     for reports, at most 15 bytes are kept; NULL = "thread".
 *  Returns: the thread; 0 outside a run.
 *  Threads: those of a run.
 *  Blocks:  as the schedule has it.
 *  Owns:    copies the name.
 *  Since:   0.1 */
TP_API tp_sim_thread_t tp_sim_thread_start(tp_sim_fn body, void *context, const char *name);

/** Waits for a thread of the scenario to end.
 *
 *  Mirrors: WaitForSingleObject on a thread. Differs: for ever.
 *  thread   what tp_sim_thread_start gave; one that has ended is no wait.
 *  Returns: nothing.
 *  Threads: those of a run.
 *  Blocks:  until it has ended.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_thread_join(tp_sim_thread_t thread);

/* ---- Time ------------------------------------------------------------------------------------ */

/* Time passes when nobody can run, and a little when somebody spins: a run in which an hour goes by
 * takes no longer than one without. */

/** Tells the monotonic clock of the run.
 *
 *  Mirrors: nothing on Windows.
 *  Returns: nanoseconds; 0 outside a run.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API int64_t tp_sim_now(void);

/** Sleeps in the time of the run.
 *
 *  Mirrors: nothing on Windows.
 *  ns       nanoseconds; not above 0: only a point where others may go on.
 *  Returns: nothing.
 *  Threads: those of a run.
 *  Blocks:  until the time has come.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_sleep(int64_t ns);

/** Computes for so long: the thread does not sleep, its processor is taken.
 *
 *  Mirrors: nothing on Windows.
 *  ns       nanoseconds; not above 0: only a point where others may go on.
 *  Returns: nothing.
 *  Threads: those of a run.
 *  Blocks:  until the time has passed.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_busy(int64_t ns);

/** Sets the wall clock, forward or back.
 *
 *  Mirrors: nothing on Windows.
 *  ns       by how much.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_step_realtime(int64_t ns);

/** Lets the machine sleep: only the wall clock and TP_CLOCK_BOOTTIME go on meanwhile.
 *
 *  Mirrors: nothing on Windows.
 *  ns       for how long.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_suspend(int64_t ns);

/* ---- The machine ----------------------------------------------------------------------------- */

/** Sets how many processors the process may use from now on.
 *
 *  Mirrors: nothing on Windows.
 *  cpus     0 counts as 1.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_set_cpus(uint32_t cpus);

/** Sends a signal to the process, as kill does; see tp_waitable_signal().
 *
 *  Mirrors: nothing on Windows.
 *  signal   its number. Below 34 it is pending once at most, others queue.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_signal_raise(int signal);

/** Chooses what carries out I/O in this run. Without it the seed decides.
 *
 *  Mirrors: nothing on Windows.
 *  backend  TP_IO_BACKEND_EPOLL, TP_IO_BACKEND_URING, or AUTO: what a pool asks for.
 *  Returns: nothing.
 *  Threads: those of a run; also what tp_sim_on_quiet calls.
 *  Blocks:  never.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_sim_set_io_backend(uint32_t backend);

#ifdef __cplusplus
}
#endif

#endif
