/* many_lives.h - how objects, groups and pools among many come and go. */
#ifndef TESTS_STRESS_MANY_LIVES_H
#define TESTS_STRESS_MANY_LIVES_H

#include "tests/stress/many_calls.h"

/* ---- making ---------------------------------------------------------------------------------- */

/* Whose fate it shares, and whether anything of it may be lost. */
struct many_fate {
    tp_pool_t *pool; /* NULL: one of those that stay */
    tp_cleanup_group_t *group;
    bool lossy;
};

static struct many_thing *many_new(struct many_hand *hand, struct many_fate fate)
{
    uint32_t number = tpp_add_relaxed(&many.thing_count, 1);
    if (number >= many.capacity) {
        tpp_sub_relaxed(&many.thing_count, 1);
        return NULL;
    }
    struct many_thing *thing = &many.things[number];
    thing->kind = many_roll(hand->dice, MANY_KINDS);
    thing->pool = fate.pool ? MANY_POOLS : many_roll(hand->dice, MANY_POOLS);
    thing->grouped = fate.pool || fate.group;
    thing->lossy = fate.lossy || (many_roll(hand->dice, 4) == 0);
    thing->periodic = thing->kind == MANY_TIMER && many_roll(hand->dice, 3) == 0;
    thing->source = many_roll(hand->dice, MANY_SOURCES);
    if (thing->lossy && thing->source == MANY_SEMAPHORE)
        thing->source = MANY_MANUAL;
    tpp_init(&thing->holds, 2);
    return thing;
}

static void many_choose(struct many_hand *hand, tp_env_t *env, struct many_thing *thing,
                        struct many_fate fate)
{
    uint32_t limit = many_roll(hand->dice, 6);
    tp_pool_t *pool = fate.pool ? fate.pool : many.pools[thing->pool];
    must(tp_env_set_pool(env, pool) == TP_OK);
    must(tp_env_set_priority(env, many_roll(hand->dice, 3)) == TP_OK);
    must(tp_env_set_concurrency_limit(env, limit > 2 ? 0 : limit) == TP_OK);
    must(tp_env_set_runs_long(env, many_roll(hand->dice, 20) == 0) == TP_OK);
    must(tp_env_set_persistent(env, many_roll(hand->dice, 20) == 0) == TP_OK);
    must(tp_env_set_context_release(env, many_on_release) == TP_OK);
    must(tp_env_set_finalizer(env, many_roll(hand->dice, 2) ? many_finalize : NULL) == TP_OK);
    must(tp_env_set_cleanup_group(env, fate.group, many_on_cancel) == TP_OK);
    must(tp_env_set_name(env, many_roll(hand->dice, 2) ? "many" : NULL) == TP_OK);
}

static tp_status_t many_create(struct many_hand *hand, struct many_thing *thing, tp_env_t *env)
{
    void *handle = NULL;
    tp_status_t status = TP_ERR_NO_MEMORY;
    tpp_add_acq_rel(&many.alive, 1);
    if (thing->kind == MANY_WORK) {
        status = tp_work_create(many_run_work, thing, env, (tp_work_t **)&handle);
    } else if (thing->kind == MANY_TIMER) {
        status = tp_timer_create(many_run_timer, thing, env, (tp_timer_t **)&handle);
    } else if (thing->kind == MANY_WAIT) {
        status = tp_wait_create(many_run_wait, thing, env, (tp_wait_t **)&handle);
    } else if (thing->kind == MANY_IO) {
        thing->file = many_roll(hand->dice, MANY_FILES);
        many_open(thing->file, &thing->fd, &thing->peer);
        status = tp_io_create(thing->fd, many_run_io, thing, env, (tp_io_t **)&handle);
        if (status != TP_OK)
            many_close(thing->fd, thing->peer);
    } else {
        many_owe(thing, 1);
        status = tp_try_submit(many_run_simple, thing, env);
        if (status != TP_OK)
            many_settle(thing, 1);
    }
    must((handle != NULL) == (status == TP_OK && thing->kind != MANY_SIMPLE));
    tpp_store_release(&thing->handle, handle);
    thing->made = status == TP_OK;
    if (!thing->made)
        tpp_sub_acq_rel(&many.alive, 1);
    return status;
}

/* NULL if there is no room, or nothing to be had. What has an environment of its own, or none. */
static struct many_thing *many_make(struct many_hand *hand, struct many_fate fate)
{
    tp_env_t *env = hand->env;
    struct many_thing *thing = many_new(hand, fate);
    if (!thing)
        return NULL;
    if (!env && many_lacks(tp_env_create(&env)))
        env = NULL;
    if (env)
        many_choose(hand, env, thing, fate);
    tp_status_t status = env ? many_create(hand, thing, env) : TP_ERR_NO_MEMORY;
    must(status == TP_OK || many_lacks(status) || !env ||
         (status == TP_ERR_BUSY && thing->kind == MANY_SIMPLE) ||
         (status == TP_ERR_CLOSED && fate.group == many.group && fate.group));
    if (!hand->env)
        must(tp_env_destroy(env) == TP_OK);
    return thing->made ? thing : NULL;
}

static void many_show(struct many_hand *hand, struct many_thing *thing)
{
    uint32_t number = (uint32_t)(thing - many.things) + 1;
    number = tpp_exchange_acq_rel(&many.table[many_roll(hand->dice, MANY_TABLE)], number);
    if (number)
        many_retire(hand, &many.things[number - 1]);
}

static void many_replace(struct many_hand *hand)
{
    struct many_fate fate = {.group = many_roll(hand->dice, 4) ? NULL : many.group};
    fate.lossy = fate.group;
    struct many_thing *thing = many_make(hand, fate);
    if (!thing)
        return;
    if (thing->kind == MANY_SIMPLE)
        return;
    many_poke(hand, thing);
    many_show(hand, thing);
}

/* ---- with others ----------------------------------------------------------------------------- */

/* The first is known to all, and may be retired by others. */
static void many_make_members(struct many_hand *hand, struct many_fate fate,
                              struct many_thing *members[MANY_MEMBERS])
{
    for (uint32_t i = 0; i < MANY_MEMBERS; i++) {
        members[i] = many_make(hand, fate);
        for (uint32_t times = 0; members[i] && times < 3; times++)
            many_poke(hand, members[i]);
    }
    if (members[0] && members[0]->kind != MANY_SIMPLE)
        many_show(hand, members[0]);
    for (uint32_t i = 0; i < MANY_MEMBERS; i++)
        if (members[i] && members[i]->kind == MANY_IO && many_enter(members[i])) {
            many_hang_up(members[i]->file, members[i]->fd, members[i]->peer);
            many_leave(members[i]);
        }
}

/* A callback that is no member of anything may wait for a group, if its pool has a thread more: who
 * waits for ever in the only one may wait for what is behind it. */
static bool many_may_wait(const struct many_hand *hand)
{
    return !hand->inside || (hand->inside->pool == MANY_DEFAULT && !hand->inside->grouped);
}

/* A group of one's own: others use a member of it, too, while it is being closed. */
static void many_group_life(struct many_hand *hand)
{
    struct many_thing *members[MANY_MEMBERS];
    tp_cleanup_group_t *group = NULL;
    bool cancel = hand->inside || many_roll(hand->dice, 2);
    if (!many_may_wait(hand) || many_lacks(tp_cleanup_group_create(&group)))
        return;
    many_make_members(hand, (struct many_fate){.group = group, .lossy = true}, members);
    if (members[1] && many_roll(hand->dice, 2))
        (void)many_close_thing(members[1]);
    must(tp_cleanup_group_close_members(group, cancel, many_roll(hand->dice, 2) ? &many : NULL) ==
         TP_OK);
    for (uint32_t i = 0; i < MANY_MEMBERS; i++) {
        if (!members[i])
            continue;
        must(tpp_load_acquire(&members[i]->running) == 0);
        must(tpp_load_acquire(&members[i]->released) == 1 || members[i]->kind == MANY_IO);
        tpp_store_release(&members[i]->sealed, 1);
        if (i > 0)
            many_retire(hand, members[i]);
    }
    must(tp_cleanup_group_close(group) == TP_OK);
    must(tp_cleanup_group_close(group) == TP_ERR_HANDLE);
    tpp_add_relaxed(&many.groups, 1);
}

static tp_pool_t *many_passing_pool(struct many_hand *hand, bool *driven_out)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool = NULL;
    *driven_out = !hand->inside && !many_lacks(TP_ERR_NO_MEMORY) && many_roll(hand->dice, 4) == 0;
    config.flags = *driven_out ? TP_POOL_CALLER_DRIVEN : 0;
    config.thread_minimum = *driven_out ? 0 : many_roll(hand->dice, 2);
    config.thread_maximum = 1 + many_roll(hand->dice, 3);
    config.idle_timeout = 1 + many_roll(hand->dice, 1000) * MANY_US;
    config.io_backend = many_roll(hand->dice, 2) ? TP_IO_BACKEND_AUTO : TP_IO_BACKEND_EPOLL;
    must(tp_pool_create(&config, &pool) == TP_OK || !pool);
    return pool;
}

/* A pool that comes, and is shut down, or closed under its objects. */
static void many_pool_passes(struct many_hand *hand)
{
    struct many_thing *members[MANY_MEMBERS];
    bool driven, cancel = hand->inside || many_roll(hand->dice, 2);
    tp_pool_t *pool = many_passing_pool(hand, &driven);
    if (!pool)
        return;
    bool shut = driven || hand->inside || many_roll(hand->dice, 3);
    many_make_members(hand, (struct many_fate){.pool = pool, .lossy = shut && cancel}, members);
    tp_status_t status = shut ? tp_pool_shutdown(pool, cancel, TP_INFINITE) : tp_pool_close(pool);
    if (status == TP_ERR_NO_MEMORY && driven)
        many_give_up();
    must(status == TP_OK);
    must(tp_pool_close(pool) == TP_ERR_HANDLE);
    for (uint32_t i = 0; i < MANY_MEMBERS; i++) {
        struct many_thing *thing = members[i];
        if (thing && shut)
            many_seal(thing);
        if (thing && i > 0)
            many_retire(hand, thing);
    }
    tpp_add_relaxed(&many.shutdowns, shut);
}

static void many_pool_life(struct many_hand *hand)
{
    if (tpp_add_acq_rel(&many.passing, 1) < MANY_PASSING)
        many_pool_passes(hand);
    tpp_sub_acq_rel(&many.passing, 1);
}

#endif
