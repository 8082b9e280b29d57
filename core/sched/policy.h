/* policy.h - how many threads a pool should have: pure decisions, no effects.
 *
 *   target    the processors this process may use
 *   blocked   callbacks that said they block: may_run_long, runs_long, blocking_begin, a wait
 *   A thread is added when work was published, nobody is idle, and fewer than
 *   min(maximum, target + blocked) threads exist.
 *   A thread leaves when there are more than the maximum; when it has been idle for the idle
 *   timeout and more than max(minimum, one if objects exist) remain; or when the pool is closed and
 *   its last object is gone. */
#ifndef TPI_SCHED_POLICY_H
#define TPI_SCHED_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#define TPI_THREADS_DEFAULT_MAXIMUM 500u
#define TPI_THREADS_MAXIMUM 4000u

struct tpi_demand {
    uint32_t threads, minimum, maximum, target, blocked, objects;
    bool closed;
};

/* May a thread be added for work that nobody is idle for? */
static inline bool tpi_policy_grow(const struct tpi_demand *demand)
{
    return demand->threads < demand->maximum &&
           demand->threads < (uint64_t)demand->target + demand->blocked;
}

/* How many threads must stay however long they have been idle. */
static inline uint32_t tpi_policy_floor(const struct tpi_demand *demand)
{
    if (demand->objects > 0)
        return demand->minimum > 1 ? demand->minimum : 1;
    return demand->closed ? 0 : demand->minimum;
}

/* Must a worker leave before it takes more work? */
static inline bool tpi_policy_surplus(const struct tpi_demand *demand)
{
    return demand->threads > demand->maximum;
}

/* May an idle worker leave? */
static inline bool tpi_policy_retire(const struct tpi_demand *demand)
{
    return demand->threads > tpi_policy_floor(demand);
}

#endif
