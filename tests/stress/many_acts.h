/* many_acts.h - what threads and callbacks do, chosen by chance, and what holds in the end. */
#ifndef TESTS_STRESS_MANY_ACTS_H
#define TESTS_STRESS_MANY_ACTS_H

#include "tests/stress/many_lives.h"

/* ---- everybody ------------------------------------------------------------------------------- */

/* A unit that was taken is given back, by whoever took it. */
static void many_use_unit(struct many_hand *hand, enum many_source source)
{
    tp_wait_result_t result = TP_WAIT_TIMEOUT;
    must(tp_waitable_wait(many_source(hand, source), many_time(hand), &result) == TP_OK);
    if (result == TP_WAIT_TIMEOUT)
        return;
    must(result == TP_WAIT_SIGNALED || (result == TP_WAIT_ABANDONED && source == MANY_MUTEX));
    many_took(source);
    many_pause(hand->dice);
    many_give(source, NULL);
}

/* An event closed under those who wait for it. */
static void many_use_victim(struct many_hand *hand)
{
    tp_wait_result_t result;
    tp_event_t *mine = NULL, *old = tpp_load_acquire(&many.victim);
    if (many_roll(hand->dice, 3)) {
        tp_status_t status = tp_waitable_wait(tp_waitable_event(old), many_time(hand), &result);
        must(status == TP_OK || status == TP_ERR_HANDLE);
    } else if (!many_lacks(tp_event_create(many_roll(hand->dice, 2), false, &mine))) {
        must(tp_event_close(tpp_exchange_acq_rel(&many.victim, mine)) == TP_OK);
    }
}

static void many_use_sync(struct many_hand *hand)
{
    switch (many_roll(hand->dice, 8)) {
    case 0:
        must(tp_event_set(many.automatic) == TP_OK);
        break;
    case 1:
        must(tp_event_set(many.manual) == TP_OK);
        must(tp_event_reset(many.manual) == TP_OK);
        break;
    case 2:
        many_use_unit(hand, MANY_SEMAPHORE);
        break;
    case 3:
        many_use_unit(hand, MANY_MUTEX);
        break;
    case 4:
        many_use_victim(hand);
        break;
    case 5:
        many_signal();
        break;
    default:
        many_stir(many_roll(hand->dice, MANY_PLACES), hand->dice);
        break;
    }
}

/* Handles that were never given, of other kinds, and of objects that are gone. */
static void many_use_garbage(struct many_hand *hand)
{
    static const enum tpi_kind kinds[] = {TPI_KIND_POOL,  TPI_KIND_ENV,   TPI_KIND_WORK,
                                          TPI_KIND_TIMER, TPI_KIND_WAIT,  TPI_KIND_IO,
                                          TPI_KIND_GROUP, TPI_KIND_EVENT, TPI_KIND_MUTEX};
    enum tpi_kind kind = kinds[many_roll(hand->dice, sizeof kinds / sizeof *kinds)];
    uint64_t generation = 1u << 24 | many_roll(hand->dice, 1 << 14);
    void *handle = (void *)tpi_token_make(kind, many_roll(hand->dice, 99), (uint32_t)generation);
    struct many_thing *gone = many_pick(hand);
    bool flag;
    if (gone && tpp_load_acquire(&gone->closed) && gone->kind != MANY_SIMPLE) {
        must(many_close_call(gone) == TP_ERR_HANDLE);
        must(many_wait_call(gone, true, 0) == TP_ERR_HANDLE);
        handle = many_handle(gone);
    }
    must(tp_work_submit(handle) == TP_ERR_HANDLE);
    must(tp_timer_set(handle, NULL, &flag) == TP_ERR_HANDLE && !flag);
    must(tp_wait_set(handle, NULL, &flag) == TP_ERR_HANDLE && !flag);
    must(tp_io_abort(handle, hand) == TP_ERR_HANDLE);
    must(tp_io_close(handle) == TP_ERR_HANDLE);
    must(tp_pool_close(handle) == TP_ERR_HANDLE);
    must(tp_env_set_pool(many.env, handle) == TP_ERR_HANDLE);
    must(tp_cleanup_group_close_members(handle, true, NULL) == TP_ERR_HANDLE);
    must(tp_event_set((tp_event_t *)many.mutex) == TP_ERR_HANDLE);
    must(tp_semaphore_release(handle, 1, NULL) == TP_ERR_HANDLE);
    must(tp_mutex_release((tp_mutex_t *)many.env) == TP_ERR_HANDLE);
    must(tp_callback_cancel_requested(handle, &flag) == TP_ERR_HANDLE);
    must(hand->inside || tp_blocking_begin() == TP_ERR_STATE);
}

static void many_use_pools(struct many_hand *hand)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    uint32_t which = many_roll(hand->dice, MANY_POOLS);
    int fd = -1;
    must(tp_pool_get_stats(many.pools[which], &stats) == TP_OK);
    must(stats.threads <= stats.threads_peak);
    must(tp_pool_poll_fd(many.pools[0], &fd) == TP_ERR_UNSUPPORTED && fd == -1);
    if (which == 0)
        must(tp_pool_set_thread_maximum(many.pools[0], 1 + many_roll(hand->dice, 8)) == TP_OK);
    if (which != MANY_DRIVEN)
        return;
    tp_status_t status = tp_pool_run(many.pools[MANY_DRIVEN], many_roll(hand->dice, 4), 0, NULL);
    must(status == TP_OK || status == TP_ERR_TIMEOUT || many_lacks(status) ||
         status == (hand->inside ? TP_ERR_DEADLOCK : TP_ERR_TOO_MANY_THREADS));
}

/* The environment that all share is changed while others create with it. */
static void many_use_env(struct many_hand *hand)
{
    struct many_thing *thing = many_new(hand, (struct many_fate){0});
    must(tp_env_set_priority(many.env, many_roll(hand->dice, 3)) == TP_OK);
    must(tp_env_set_concurrency_limit(many.env, many_roll(hand->dice, 3)) == TP_OK);
    if (!thing)
        return;
    thing->kind = MANY_SIMPLE;
    thing->pool = 0;
    thing->periodic = false;
    tp_status_t status = many_create(hand, thing, many.env);
    must(status == TP_OK || many_lacks(status));
}

static void many_close_members(struct many_hand *hand)
{
    if (many_may_wait(hand))
        must(tp_cleanup_group_close_members(many.group, true, NULL) == TP_OK);
}

static void many_act(struct many_hand *hand)
{
    struct many_thing *thing = many_pick(hand);
    uint32_t choice = many_roll(hand->dice, 1000);
    tpp_add_relaxed(&many.calls, 1);
    if (!thing)
        many_replace(hand);
    else if (choice < 400)
        many_poke(hand, thing);
    else if (choice < 480)
        many_wait_for(hand, thing);
    else if (choice < 640)
        many_use_sync(hand);
    else if (choice < 740)
        many_use_garbage(hand);
    else if (choice < 800)
        many_use_pools(hand);
    else if (choice < 840)
        many_use_env(hand);
    else if (choice < 850)
        many_close_members(hand);
    else if (choice < 870)
        (void)many_close_thing(thing);
    else if (choice < 885)
        many_group_life(hand);
    else if (choice < 895)
        many_pool_life(hand);
    else
        many_replace(hand);
}

/* ---- callbacks besides ----------------------------------------------------------------------- */

static void many_disassociate(struct many_hand *hand)
{
    struct many_thing *thing = hand->inside;
    tpp_store_release(&thing->detached, 1);
    must(tp_callback_disassociate(hand->instance) == TP_OK);
    must(tp_callback_disassociate(hand->instance) == TP_OK);
    if (thing->kind == MANY_SIMPLE)
        return;
    tp_status_t status = many_wait_call(thing, false, many_time(hand));
    must(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_TIMEOUT);
}

static void many_wait_for_self(struct many_hand *hand)
{
    tp_status_t status = many_wait_call(hand->inside, true, TP_INFINITE);
    must(status == TP_ERR_DEADLOCK || status == TP_ERR_HANDLE);
    tpp_add_relaxed(&many.deadlocks, status == TP_ERR_DEADLOCK);
}

/* Units that the callback of a wait came with are given back in the same way: one of each kind. */
static void many_act_on_return(struct many_hand *hand)
{
    tp_wait_result_t result = TP_WAIT_TIMEOUT;
    enum many_source source = many_roll(hand->dice, 2) ? MANY_SEMAPHORE : MANY_MUTEX;
    must(tp_callback_set_event_on_return(hand->instance, many.automatic) == TP_OK);
    if (hand->inside->kind == MANY_WAIT)
        return;
    must(tp_waitable_wait(many_source(hand, source), 0, &result) == TP_OK);
    if (result == TP_WAIT_TIMEOUT)
        return;
    many_took(source);
    many_give(source, hand->instance);
}

static void many_run_long(struct many_hand *hand)
{
    bool requested;
    tp_status_t status = tp_callback_may_run_long(hand->instance);
    must(status == TP_OK || status == TP_ERR_TOO_MANY_THREADS);
    must(tp_callback_cancel_requested(hand->instance, &requested) == TP_OK);
    must(tp_blocking_begin() == TP_OK);
    many_pause(hand->dice);
    must(tp_blocking_end() == TP_OK);
    must(tp_blocking_end() == TP_ERR_STATE);
}

/* Another thread's instance, or one that is over, would be refused: it is never ours. */
static void many_meddle(struct many_hand *hand)
{
    switch (many_roll(hand->dice, 8)) {
    case 0:
        many_disassociate(hand);
        break;
    case 1:
        many_wait_for_self(hand);
        break;
    case 2:
        many_act_on_return(hand);
        break;
    case 3:
        many_run_long(hand);
        break;
    case 4:
        many_poke(hand, hand->inside);
        break;
    default:
        many_act(hand);
        break;
    }
}

#endif
