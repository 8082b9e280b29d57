/* many_whole.h - the beginning and the end of a test with many objects: what must hold of all. */
#ifndef TESTS_STRESS_MANY_WHOLE_H
#define TESTS_STRESS_MANY_WHOLE_H

#include "tests/stress/many_acts.h"

/* The pools that stay: a wide one, one of one thread, the default one, one that a thread of the
 * test drives, and one that takes few simple callbacks. */
static bool many_make_pools(void)
{
    for (uint32_t i = 0; i < MANY_POOLS; i++) {
        tp_pool_config_t config = TP_POOL_CONFIG_INIT;
        config.thread_maximum = i == 0 ? 8 : i == MANY_DRIVEN ? 3 : i;
        config.idle_timeout = i == 0 ? 2000 * MANY_US : 0;
        config.flags = i == MANY_DRIVEN ? TP_POOL_CALLER_DRIVEN : 0;
        config.on_thread_start = many_thread_starts;
        config.queue_limit = i == 4 ? 5 : 0;
        config.io_backend = i == 1 ? TP_IO_BACKEND_EPOLL : TP_IO_BACKEND_AUTO;
        tp_status_t status = i == MANY_DEFAULT ? tp_pool_default(&many.pools[i])
                                               : tp_pool_create(&config, &many.pools[i]);
        must(status == TP_OK || many_lacks(status));
        if (status != TP_OK)
            return false;
    }
    return true;
}

static bool many_make_sync(void)
{
    tp_event_t *first = NULL;
    return !many_lacks(tp_env_create(&many.env)) &&
           !many_lacks(tp_cleanup_group_create(&many.group)) &&
           !many_lacks(tp_event_create(false, false, &many.automatic)) &&
           !many_lacks(tp_event_create(true, false, &many.manual)) &&
           !many_lacks(tp_event_create(true, false, &first)) &&
           !many_lacks(tp_semaphore_create(MANY_UNITS, MANY_UNITS, &many.semaphore)) &&
           !many_lacks(tp_mutex_create(false, &many.mutex)) &&
           (tpp_init(&many.victim, first), true);
}

/* False if something is lacking: then there is nothing to act on. */
static bool many_build(struct many_thing *things, uint32_t capacity, uint32_t budget)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    memset(&many, 0, sizeof many);
    many.things = things;
    many.capacity = capacity;
    tpp_init(&many.budget, budget);
    if (!many_make_pools() || !many_make_sync())
        return false;
    must(tp_pool_get_stats(many.pools[MANY_DEFAULT], &stats) == TP_OK);
    many.before = stats.executed;
    must(tp_env_set_pool(many.env, many.pools[0]) == TP_OK);
    must(tp_env_set_context_release(many.env, many_on_release) == TP_OK);
    return true;
}

/* Nobody acts any more, nor do callbacks; returns when all contexts have been given back. */
static void many_end(struct many_hand *hand)
{
    uint32_t left;
    tpp_store_release(&many.budget, 0);
    tpp_fence_seq_cst();
    while ((left = tpp_load_acquire(&many.meddling)) > 0)
        tpp_wait(&many.meddling, left, TPP_FOREVER);
    for (uint32_t i = 0; i < MANY_TABLE; i++) {
        uint32_t number = tpp_exchange_acq_rel(&many.table[i], 0);
        if (number)
            many_retire(hand, &many.things[number - 1]);
    }
    must(tp_cleanup_group_close_members(many.group, true, NULL) == TP_OK);
    must(tp_cleanup_group_close(many.group) == TP_OK);
    must(tp_env_destroy(many.env) == TP_OK);
    must(tp_event_close(tpp_load_acquire(&many.victim)) == TP_OK);
    while ((left = tpp_load_acquire(&many.alive)) > 0)
        tpp_wait(&many.alive, left, TPP_FOREVER);
}

/* All objects are gone. */
static void many_close_sync(void)
{
    tp_wait_result_t result;
    for (int i = 0; i < MANY_UNITS; i++)
        must(tp_waitable_wait(tp_waitable_semaphore(many.semaphore), 0, &result) == TP_OK &&
             result == TP_WAIT_SIGNALED);
    must(tp_waitable_wait(tp_waitable_mutex(many.mutex), 0, &result) == TP_OK &&
         result != TP_WAIT_TIMEOUT);
    must(tp_mutex_release(many.mutex) == TP_OK);
    must(tp_mutex_release(many.mutex) == TP_ERR_NOT_OWNER);
    must(tp_semaphore_close(many.semaphore) == TP_OK && tp_mutex_close(many.mutex) == TP_OK);
    must(tp_event_close(many.automatic) == TP_OK && tp_event_close(many.manual) == TP_OK);
}

static void many_check_thing(const struct many_thing *thing)
{
    uint32_t due = tpp_peek(&thing->due);
    bool exact = thing->kind != MANY_TIMER && thing->kind != MANY_WAIT;
    must(tpp_peek(&thing->released) == thing->made);
    must(tpp_peek(&thing->running) == 0 && tpp_peek(&thing->closed) <= 1);
    must(tpp_peek(&thing->cancels) <= 1);
    must(tpp_peek(&thing->finalized) <= tpp_peek(&thing->ran));
    must(due == 0 || thing->lossy || !exact || !thing->made);
    if (thing->kind == MANY_SIMPLE && thing->made) /* run or cancelled */
        must(tpp_peek(&thing->ran) + tpp_peek(&thing->cancels) == 1 || thing->pool == MANY_POOLS);
    tpp_add_relaxed(&many.lost, due);
}

/* Each callback was one of its pool's, and each post a callback or dropped. */
static void many_check(void)
{
    uint64_t ran[MANY_POOLS + 1] = {0};
    uint32_t count = tpp_peek(&many.thing_count);
    for (uint32_t i = 0; i < count; i++) {
        const struct many_thing *thing = &many.things[i];
        many_check_thing(thing);
        ran[thing->pool] += tpp_peek(&thing->ran);
        many.ran[thing->kind] += tpp_peek(&thing->ran);
    }
    for (uint32_t i = 0; i < MANY_POOLS; i++) {
        tp_pool_stats_t stats = TP_POOL_STATS_INIT;
        must(tp_pool_get_stats(many.pools[i], &stats) == TP_OK);
        must(stats.executed == ran[i] + (i == MANY_DEFAULT ? many.before : 0));
        must(stats.submitted == stats.executed + stats.cancelled);
        must(stats.pending[0] + stats.pending[1] + stats.pending[2] == 0 && stats.running == 0);
        must(stats.timers_armed == 0 && stats.waits_armed == 0 && stats.io_in_flight == 0);
    }
}

/* Whoever drives one may still be busy with the end of its last object. */
static void many_close_pools(void)
{
    if (many_lacks(tp_pool_shutdown(many.pools[MANY_DRIVEN], false, TP_INFINITE)))
        many_give_up();
    for (uint32_t i = 0; i < MANY_POOLS; i++)
        if (i != MANY_DEFAULT)
            must(tp_pool_close(many.pools[i]) == (i == MANY_DRIVEN ? TP_ERR_HANDLE : TP_OK));
}

#endif
