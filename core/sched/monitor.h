/* monitor.h - the gate: one thread of the process that looks after pools that cannot do it.
 *
 * A publisher that finds nobody idle and may not add a thread has the gate watch the pool. From
 * then on the gate looks at it every few milliseconds: it asks the kernel which of the threads that
 * are in the same callback as at the last look are asleep in it, and adds threads as policy.h says.
 * It stops when nothing waits in the pool, or nothing can be added. With no pool to watch it sleeps
 * without a deadline, so an idle process has no wake-ups from it.
 *
 *   [GT1]  Who publishes: queue, full fence, look at `watched`.
 *          The gate: `watched` = 0, full fence, look at the queues. One of the two sees the other.
 *
 * Blocked is a thread that the kernel shows asleep at two looks within one callback, or at four
 * looks in a row whatever it ran. Where the kernel does not tell, a thread counts as asleep that
 * used less than a fiftieth of the processor time of 20 ms. A thread found blocked is asked about
 * again at every sixteenth look.
 *
 * It also covers the timers and descriptors of a pool while no worker waits for them: it looks when
 * the next timer is due, but in a pool with threads not sooner than a few milliseconds from now,
 * since these look at the clock and into the poller themselves between callbacks; only where it
 * finds that they do not, it is exact, and woken by the poller itself. And it tells every pool when
 * the wall clock was set.
 *
 *   [GT2]  Who has it woken by a poller: `polled` = 1, then the watch. The gate, woken: takes
 *          `polled` away, then looks. A watch that begins meanwhile wakes it once more. The
 *          order of `polled` brings nothing but a hint: the swap finds the newest, whatever the
 *          order, and the look has fences and locks of its own. */
#ifndef TPI_SCHED_MONITOR_H
#define TPI_SCHED_MONITOR_H

#include "core/sched/pool.h"

/* What the gate remembers of a worker; the gate's own. */
struct tpi_gaze {
    uint64_t thread_id; /* whom the rest is about */
    uint64_t claims;    /* at the last look */
    uint32_t asleep;    /* looks in a row at which it slept */
    uint32_t skip;      /* looks left before it is asked about again */
    bool blocked;
    int64_t cpu_ns, cpu_at; /* where the kernel does not tell: its processor time, and when */
};

/* Has the gate look after the pool, if it does not yet. Any thread; nothing need keep the pool
 * alive, if `birth` says which life is meant. */
void tpi_monitor_watch(struct tpi_pool *pool, uint32_t birth);

/* Has the gate post what is due and ready in the pool: at the time in reactor.wake, and as soon as
 * it is ready, if `exactly`, else not before the threads of the pool had the time to. Any thread,
 * after the fence of [DR1]; nothing need keep the pool alive, if `birth` says which life is meant.
 */
void tpi_monitor_cover(struct tpi_pool *pool, uint32_t birth, bool exactly);

/* A worker waits for its timers and descriptors now. */
void tpi_monitor_uncover(struct tpi_pool *pool);

/* The pool is about to be freed. No lock held. */
void tpi_monitor_forget(struct tpi_pool *pool);

/* Starts the gate's thread if there is none; false if the system refuses. Before the first thread
 * of a pool, so that a pool with threads always has it. */
bool tpi_monitor_start(void);

/* Is there a thread of the gate? For those who count threads. */
bool tpi_monitor_started(void);

/* Forgets all, as in a new process. */
void tpi_monitor_reset(void);

#endif
