/* frame.h - what the stress tests share: arguments, chance, threads that act, counts in the end. */
#ifndef TESTS_STRESS_FRAME_H
#define TESTS_STRESS_FRAME_H

#include <pthread.h>
#include <sched.h>

#include "core/mem/token.h"
#include "tests/support/tap.h"
#include "tp/tp.h"

static uint32_t seconds = 3;
static uint64_t seed = 1;
static uint64_t times_each = UINT64_MAX; /* so often each thread acts, if time is not over before */
static tpp_u32 stop, wrong;
static tpp_u32 acting; /* threads that have begun to */

static inline void read_arguments(int argc, char **argv)
{
    if (argc > 1)
        seconds = (uint32_t)strtoul(argv[1], NULL, 10);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    printf("# seed %llu\n", (unsigned long long)seed);
}

/* A check that any thread may make; the first few that fail are told. */
#define must(condition) \
    do { \
        if (!(condition) && tpp_add_relaxed(&wrong, 1) < 20) \
            printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition); \
    } while (0)

/* Chance: each thread has its own, callbacks take the address of their frame into it. */
static inline uint32_t roll(uint64_t *dice, uint32_t sides)
{
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    return (uint32_t)(*dice >> 33) % sides;
}

/* ---- threads --------------------------------------------------------------------------------- */

struct actor {
    uint64_t dice;
    tp_env_t *env;
};

/* Each test has its own: one thing, chosen by chance. */
static void act(struct actor *actor);

static void *actor_main(void *argument)
{
    struct actor actor = {.dice = (seed * 1000003 + (uintptr_t)argument) * 0x9e3779b97f4a7c15u | 1};
    must(tp_env_create(&actor.env) == TP_OK);
    tpp_add_acq_rel(&acting, 1);
    for (uint64_t times = 0; times < times_each && !tpp_load_relaxed(&stop); times++)
        act(&actor);
    must(tp_env_destroy(actor.env) == TP_OK);
    return NULL;
}

/* So many threads act for as many seconds as were asked for; each tenth of one is told, if wanted.
 * False if a thread is missing: then the others go on. */
static inline bool let_act(pthread_t *threads, uint32_t count, void (*tenth_or_null)(uint32_t nth))
{
    for (uintptr_t i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, actor_main, (void *)i) != 0)
            return false;
    for (uint32_t nth = 1; nth <= 10 * seconds; nth++) {
        if (tenth_or_null)
            tenth_or_null(nth);
        usleep(100000);
    }
    tpp_store_release(&stop, 1);
    for (uint32_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return true;
}

/* The same, until each thread has acted so often. */
static inline bool let_act_so_often(pthread_t *threads, uint32_t count, uint64_t times)
{
    times_each = times;
    for (uintptr_t i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, actor_main, (void *)i) != 0)
            return false;
    for (uint32_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    tpp_store_release(&stop, 1);
    return true;
}

/* ---- in the end ------------------------------------------------------------------------------ */

/* Until no more objects of that kind than that are left, or it is plain that it will not be so. */
static inline bool falls_to(enum tpi_kind kind, uint32_t rest)
{
    for (int i = 0; i < 20000 && tpi_slab_in_use(kind) > rest; i++)
        usleep(1000);
    if (tpi_slab_in_use(kind) > rest)
        printf("# %u of kind %d are still in use\n", tpi_slab_in_use(kind), (int)kind);
    return tpi_slab_in_use(kind) == rest;
}

/* Every post of the pool has become a callback or was cancelled; returns its statistics. */
static inline tp_pool_stats_t expect_settled(tp_pool_t *pool, uint64_t ran)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    check_eq(tp_pool_get_stats(pool, &stats), TP_OK);
    check_eq(stats.executed, ran);
    check_eq(stats.submitted, stats.executed + stats.cancelled);
    check_eq(stats.pending[0] + stats.pending[1] + stats.pending[2], 0);
    check_eq(stats.running, 0);
    return stats;
}

#endif
