/* policy.h - how many threads a pool should have: pure decisions, no effects.
 *
 *   target    the pool's share of the processors, see budget.h; a share of 0 counts as 1 here
 *   blocked   threads in callbacks known to block: may_run_long, runs_long, blocking_begin, a wait
 *
 *   A thread is added at once when work was published, nobody is idle, and fewer than
 *   min(maximum, target + blocked) threads exist.
 *   Threads beyond that are injected by the gate (monitor.h) when work does not move, as told at
 *   tpi_policy_inject.
 *   A thread leaves when there are more than the maximum; when it has been idle for the idle
 *   timeout and more than max(minimum, one if objects exist) remain; or when the pool is closed and
 *   its last object is gone, or shut down and empty. */
#ifndef TPI_SCHED_POLICY_H
#define TPI_SCHED_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#define TPI_THREADS_DEFAULT_MAXIMUM 500u
#define TPI_THREADS_MAXIMUM 4000u

#define TPI_MS INT64_C(1000000)

struct tpi_demand {
    uint32_t threads, minimum, maximum, target, blocked, objects;
    bool closed;
    bool driven; /* the pool has no threads of its own */
    bool ending; /* it was shut down and is empty */
};

static inline uint32_t tpi_policy_share(const struct tpi_demand *demand)
{
    return demand->target > 1 ? demand->target : 1;
}

/* Is the pool over, but for threads that have not left yet? */
static inline bool tpi_policy_over(const struct tpi_demand *demand)
{
    return demand->ending || (demand->closed && demand->objects == 0);
}

/* May there be another thread at all? */
static inline bool tpi_policy_room(const struct tpi_demand *demand)
{
    return !demand->driven && !tpi_policy_over(demand) && demand->threads < demand->maximum;
}

/* May a thread be added for work that nobody is idle for? */
static inline bool tpi_policy_grow(const struct tpi_demand *demand)
{
    return tpi_policy_room(demand) &&
           demand->threads < (uint64_t)tpi_policy_share(demand) + demand->blocked;
}

/* Has it just as many as it may have at once, so that one processor more would allow another? */
static inline bool tpi_policy_full(const struct tpi_demand *demand)
{
    return tpi_policy_room(demand) &&
           demand->threads == (uint64_t)tpi_policy_share(demand) + demand->blocked;
}

/* How many threads must stay however long they have been idle. */
static inline uint32_t tpi_policy_floor(const struct tpi_demand *demand)
{
    if (demand->driven)
        return 0;
    if (demand->objects > 0)
        return demand->minimum > 1 ? demand->minimum : 1;
    return demand->closed ? 0 : demand->minimum;
}

/* Must a worker leave before it takes more work? */
static inline bool tpi_policy_surplus(const struct tpi_demand *demand)
{
    return demand->threads > demand->maximum || demand->ending;
}

/* May an idle worker leave? */
static inline bool tpi_policy_retire(const struct tpi_demand *demand)
{
    return demand->threads > tpi_policy_floor(demand);
}

/* ---- what the gate decides ------------------------------------------------------------------- */

#define TPI_INJECT_BATCH 64u               /* threads added at one look, at most */
#define TPI_INJECT_CROWD 8u                /* so many times the share: more is added slowly */
#define TPI_INJECT_STEP (4 * TPI_MS)       /* between two single threads */
#define TPI_INJECT_STEP_MAX (64 * TPI_MS)  /* ... in a crowd */
#define TPI_INJECT_HOG (500 * TPI_MS)      /* no claim for so long: processor hogs hold the pool */
#define TPI_INJECT_HOG_MAX (8000 * TPI_MS) /* between two threads added because of hogs */

/* A pool with work queued and nobody idle, as the gate found it. */
struct tpi_census {
    uint32_t queued;   /* posts that wait, at least 1 */
    uint32_t runnable; /* threads that run, or are about to */
    uint32_t doubtful; /* of these: asleep for the first time, they may turn out blocked */
    bool claimed;      /* work has been taken since the last look, by others than new threads */
};

/* What it remembers of a pool from look to look; all zero at first. */
struct tpi_pace {
    uint32_t batch;      /* threads to add next if all are blocked */
    int64_t step, next;  /* between single threads, and when the next may come */
    int64_t stuck_since; /* when work was last taken, or a thread added because none was */
    int64_t patience;    /* how long hogs may hold the pool */
};

static inline uint32_t tpi_policy_least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* How many threads to add now, as far as the maximum allows:
 *
 *   all blocked            the share; at each further look twice as many as before, up to 64
 *   fewer than the share   one, at least 4 ms after the last; if there are 8 times as many threads
 *   run                    as the share, 16 and then 64 ms after it
 *   enough run             one if nothing was taken for 500 ms, then after 1 s, 2 s, ... 8 s */
static inline uint32_t tpi_policy_inject(const struct tpi_demand *demand,
                                         const struct tpi_census *census, struct tpi_pace *pace,
                                         int64_t now)
{
    uint32_t share = tpi_policy_share(demand);
    uint32_t want = 0;
    if (census->claimed || pace->stuck_since == 0) {
        pace->stuck_since = now;
        pace->patience = TPI_INJECT_HOG;
    }
    if (census->runnable == 0) {
        want = pace->batch > share ? pace->batch : share;
        want = tpi_policy_least(want, TPI_INJECT_BATCH);
        pace->batch = 2 * want;
    } else if (census->runnable < share) {
        if (now >= pace->next)
            want = 1;
    } else if (now - pace->stuck_since >= pace->patience) {
        want = 1;
        if (pace->patience < TPI_INJECT_HOG_MAX)
            pace->patience *= 2;
    }
    if (census->runnable >= share + census->doubtful)
        pace->batch = 0;
    if (want > 0) {
        bool crowd = demand->threads >= (uint64_t)TPI_INJECT_CROWD * share;
        pace->step = crowd && pace->step > 0 ? 4 * pace->step : TPI_INJECT_STEP;
        if (pace->step > TPI_INJECT_STEP_MAX)
            pace->step = TPI_INJECT_STEP_MAX;
        pace->next = now + pace->step;
        pace->stuck_since = now;
    }
    want = tpi_policy_least(want, census->queued);
    return tpi_policy_least(want,
                            demand->maximum - tpi_policy_least(demand->threads, demand->maximum));
}

#endif
