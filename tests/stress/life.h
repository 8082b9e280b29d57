/* life.h - an object that many threads set at random: what is known of it, and how it ends. */
#ifndef TESTS_STRESS_LIFE_H
#define TESTS_STRESS_LIFE_H

#include "tests/stress/frame.h"

enum {
    MS = 1000000,
    SLOW = UNDER_TSAN ? 10 : 1,
    MEMBERS = 8, /* of a group or a pool of a thread's own */
};

/* It comes first in the record that is the context of the object. References are counted as an
 * application would: one is taken whenever the object is set; one is dropped by each callback, and
 * by whoever is told that an arming was taken away. */
struct life {
    tpp_ptr handle;
    tpp_u32 references;
    tpp_u32 ran, running, released, closed;
    tpp_u32 sealed;  /* nothing may run any more */
    tpp_u32 users;   /* inside a call that sets it, or about to be */
    tpp_u32 leaving; /* nobody may set or stop it any more, but for one */
    uint32_t pool;
    bool shared_fate; /* in a group or pool that ends: then armed ones are stopped in silence */
    bool lossy;       /* what is queued may be cancelled: references are left over */
};

/* Each test has its own: the calls for its kind of object; `halt_now` stops it, and drops the
 * reference of what was armed. */
static tp_status_t close_handle(void *handle);
static tp_status_t wait_handle(void *handle, bool cancel, int64_t timeout);
static tp_status_t halt_now(struct life *life);

static inline void *handle_of(struct life *life)
{
    return tpp_load_acquire(&life->handle);
}

static inline void drop_reference(struct life *life)
{
    must(tpp_sub_acq_rel(&life->references, 1) > 0);
}

/* Whoever gets rid of an object has to know that nobody sets it any more, nor is about to drop a
 * reference. */
static inline bool enter(struct life *life)
{
    tpp_add_acq_rel(&life->users, 1);
    tpp_fence_seq_cst();
    if (!tpp_load_acquire(&life->leaving))
        return true;
    tpp_sub_acq_rel(&life->users, 1);
    return false;
}

static inline void leave(struct life *life)
{
    tpp_sub_acq_rel(&life->users, 1);
}

static inline void let_nobody_enter(struct life *life)
{
    tpp_store_release(&life->leaving, 1);
    tpp_fence_seq_cst();
    while (tpp_load_acquire(&life->users) > 0)
        sched_yield();
}

static inline void wait_for(struct actor *actor, struct life *life)
{
    bool cancel = life->lossy && roll(&actor->dice, 2);
    int64_t timeout = roll(&actor->dice, 8) ? roll(&actor->dice, MS) : TP_INFINITE;
    tp_status_t status = wait_handle(handle_of(life), cancel, timeout);
    must(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_TIMEOUT);
}

/* ---- its beginning --------------------------------------------------------------------------- */

static inline void on_release(void *context)
{
    struct life *life = context;
    must(tpp_add_acq_rel(&life->released, 1) == 0);
    must(tpp_load_acquire(&life->running) == 0);
}

static inline void on_cancel(void *context, void *cleanup_context)
{
    struct life *life = context;
    must(cleanup_context == NULL);
    must(tpp_load_acquire(&life->released) == 0);
}

/* The environment of the next object; no pool means the default one. */
static inline tp_env_t *choose_env(struct actor *actor, tp_pool_t *pool, tp_cleanup_group_t *group)
{
    uint32_t limit = roll(&actor->dice, 6);
    must(tp_env_set_pool(actor->env, pool) == TP_OK);
    must(tp_env_set_priority(actor->env, roll(&actor->dice, 3)) == TP_OK);
    must(tp_env_set_concurrency_limit(actor->env, limit > 2 ? 0 : limit) == TP_OK);
    must(tp_env_set_context_release(actor->env, on_release) == TP_OK);
    must(tp_env_set_cleanup_group(actor->env, group, on_cancel) == TP_OK);
    return actor->env;
}

/* ---- its callbacks --------------------------------------------------------------------------- */

/* Returns the dice of this callback. */
static inline uint64_t begin_run(struct life *life, tp_callback_instance_t *instance, void *handle)
{
    uint64_t dice = ((uintptr_t)instance ^ (uintptr_t)handle) * 0x9e3779b97f4a7c15u | 1;
    must(tpp_load_acquire(&life->released) == 0);
    must(tpp_load_acquire(&life->sealed) == 0);
    must(handle == handle_of(life));
    tpp_add_acq_rel(&life->running, 1);
    return dice + ((uint64_t)tpp_add_relaxed(&life->ran, 1) << 20);
}

static inline void end_run(struct life *life)
{
    must(tpp_load_acquire(&life->sealed) == 0);
    tpp_sub_acq_rel(&life->running, 1);
}

/* ---- its end --------------------------------------------------------------------------------- */

/* False if it was closed before. */
static inline bool close_life(struct life *life)
{
    tp_status_t status = close_handle(handle_of(life));
    must(status == TP_OK || status == TP_ERR_HANDLE);
    if (status == TP_OK)
        must(tpp_add_acq_rel(&life->closed, 1) == 0);
    return status == TP_OK;
}

static inline void seal(struct life *life)
{
    must(tpp_load_acquire(&life->running) == 0);
    tpp_store_release(&life->sealed, 1);
}

/* As it is to be done: stopped, waited for, closed. Then it is certain that nothing runs. True if
 * it is certain, too, that each arming has become a callback or was taken away. */
static inline bool get_rid(struct life *life, uint64_t *dice)
{
    bool cancel = life->lossy && roll(dice, 2);
    let_nobody_enter(life);
    tp_status_t status = halt_now(life);
    status |= wait_handle(handle_of(life), cancel, TP_INFINITE);
    if (status != TP_OK)
        return false; /* somebody has closed it */
    seal(life);
    if (!close_life(life) || life->lossy || life->shared_fate)
        return false;
    must(tpp_load_acquire(&life->references) == 0);
    return true;
}

/* It was a member of a group whose members have been closed. */
static inline void expect_closed_by_group(struct life *life)
{
    must(tpp_load_acquire(&life->released) == 1);
    seal(life);
    must(!close_life(life));
}

/* Its pool has been shut down; it has to be closed all the same. */
static inline void close_after_shutdown(struct life *life)
{
    seal(life);
    (void)close_life(life);
    must(close_handle(handle_of(life)) == TP_ERR_HANDLE);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* A wide pool, one of one thread, and the default pool, which live through the test. */
static inline void make_pools(tp_pool_t *pools[3])
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_maximum = 6;
    config.idle_timeout = 2 * MS;
    must(tp_pool_create(&config, &pools[0]) == TP_OK);
    config.thread_maximum = 1;
    must(tp_pool_create(&config, &pools[1]) == TP_OK);
    must(tp_pool_default(&pools[2]) == TP_OK);
}

/* Everything of that kind has been closed. */
static inline void expect_none_left(enum tpi_kind kind)
{
    check(falls_to(kind, 0));
    check(falls_to(TPI_KIND_EXTRA, 0));
    check_eq(tpi_slab_in_use(TPI_KIND_ENV), 0);
    check_eq(tpi_slab_in_use(TPI_KIND_GROUP), 0);
}

static inline void expect_ended(struct life *life)
{
    must(tpp_peek(&life->released) == 1);
    must(tpp_peek(&life->running) == 0);
    must(tpp_peek(&life->closed) <= 1);
}

/* As many callbacks as its objects count, and more than so few. */
static inline tp_pool_stats_t expect_used(tp_pool_t *pool, uint32_t number, uint64_t ran,
                                          uint64_t more_than)
{
    tp_pool_stats_t stats = expect_settled(pool, ran);
    printf("# pool %u: %llu posts, %llu cancelled, %u threads at most\n", number,
           (unsigned long long)stats.submitted, (unsigned long long)stats.cancelled,
           stats.threads_peak);
    check(ran > more_than);
    return stats;
}

#endif
