/* wait_mutex_scenarios.c - waits on mutexes: one owner at a time, and none is lost with a callback
 * that does not release it, with what is cancelled, or with a thread that ends. */
#include "tests/scenario/scene_wait.h"

/* Words of scene.h beside the counts of the waits. */
enum { ENTRIES, OPEN, MISUSES, LEFT, BEGUN };

static tp_pool_t *pool;
static tp_mutex_t *mutex;
static tp_event_t *event;

static tp_waitable_t the_mutex(void)
{
    return tp_waitable_mutex(mutex);
}

/* A pool, a mutex that the scenario owns or not, and a wait whose callback this is. */
static void begin(uint32_t minimum, uint32_t maximum, bool owned, tp_wait_fn function)
{
    pool = scene_pool(minimum, maximum);
    event = scene_event(false);
    mutex = scene_mutex(owned);
    scene_wait_calls(0, pool, function);
}

static void end(void)
{
    scene_mutex_close(mutex);
    scene_event_close(event);
    scene_close_pool(pool);
}

static void finish(void)
{
    scene_wait_finish(0);
    end();
}

/* ---- owners ---------------------------------------------------------------------------------- */

/* Nobody else is inside. */
static void work_inside(void)
{
    tpps_check(scene_next(ENTRIES) % 2 == 0);
    tpps_point();
    tpps_check(scene_next(ENTRIES) % 2 == 1);
}

static bool owns(tp_wait_result_t result)
{
    return result == TP_WAIT_SIGNALED || result == TP_WAIT_ABANDONED;
}

/* [C-137] Its callback is the owner. */
static void own(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    if (!owns(result))
        return;
    work_inside();
    scene_mutex_release(mutex);
}

/* The same again and again, for so many callbacks. */
static void own_again(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                      tp_wait_result_t result)
{
    own(instance, context, wait, result);
    if (scene_next(LEFT) < 4)
        tpps_check(!scene_wait_on((uint32_t)(uintptr_t)context, the_mutex(), TP_INFINITE));
}

/* It forgets to. */
static void keep(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                 tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    tpps_sleep(US); /* while the oracle looks */
    scene_await(OPEN, 1);
}

/* A thread has it, and gives it back. */
static void own_thread(void *unused)
{
    (void)unused;
    tpps_check(owns(scene_take(the_mutex(), TP_INFINITE)));
    work_inside();
    scene_mutex_release(mutex);
}

static void own_thread_twice(void *unused)
{
    own_thread(unused);
    own_thread(unused);
}

/* A thread has it, and ends. */
static void own_and_end(void *unused)
{
    (void)unused;
    tpps_check(owns(scene_take(the_mutex(), TP_INFINITE)));
    scene_add(BEGUN, 1);
}

/* Nobody has it any more; and was it abandoned? */
static bool was_abandoned(void)
{
    tp_wait_result_t result = scene_take(the_mutex(), 0);
    tpps_check(owns(result));
    scene_mutex_release(mutex);
    return result == TP_WAIT_ABANDONED;
}

static void check_free(bool abandoned)
{
    if (scene_complete())
        tpps_check(was_abandoned() == abandoned && !was_abandoned());
}

SCENE(wait_mutex__c137_one_owner_at_a_time)
{
    begin(2, 2, false, own_again);
    scene_wait_calls(1, pool, own_again);
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    scene_wait_on(1, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread a = tpps_spawn(own_thread_twice, NULL);
        tpps_thread b = tpps_spawn(own_thread, NULL);
        scene_await(LEFT, 6);
        tpps_join(a);
        tpps_join(b);
        scene_wait_wait(0);
        scene_wait_wait(1);
        tpps_check(scene_hits(0) + scene_hits(1) == 6 && scene_value(ENTRIES) == 18);
        tpps_check(scene_told(0, SCENE_ABANDONED) + scene_told(1, SCENE_ABANDONED) == 0);
    }
    check_free(false);
    scene_wait_finish(1);
    finish();
}

/* They stand in one line, threads and waits. */
static void second_in_line(void *unused)
{
    (void)unused;
    tpps_check(scene_take(the_mutex(), TP_INFINITE) == TP_WAIT_SIGNALED);
    tpps_check(scene_hits(0) == 1 && scene_hits(1) == 0);
    work_inside();
    scene_mutex_release(mutex);
}

SCENE(wait_mutex__waits_and_a_thread_take_turns)
{
    begin(1, 1, true, own);
    scene_wait_calls(1, pool, own);
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread thread = tpps_spawn(second_in_line, NULL);
        tpps_sleep(MS); /* it waits by then */
        scene_wait_on(1, the_mutex(), TP_INFINITE);
        scene_mutex_release(mutex);
        tpps_join(thread);
        scene_await_hits(1, 1);
        scene_wait_wait(0);
        scene_wait_wait(1);
    }
    check_free(false);
    scene_wait_finish(1);
    finish();
}

/* ---- reserved -------------------------------------------------------------------------------- */

static void blocker(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(BEGUN, 1);
    scene_await(OPEN, 1);
}

/* The pool's one thread is in a callback, so that a result stays queued until OPEN. */
static tp_work_t *begin_blocked(bool owned, tp_wait_fn function)
{
    begin(1, 1, owned, function);
    tp_work_t *work = scene_pool_work(pool, blocker, NULL);
    scene_submit(work, 1);
    if (work)
        scene_await(BEGUN, 1);
    return work;
}

static void finish_blocked(tp_work_t *work)
{
    scene_add(OPEN, 1);
    scene_finish(work);
    finish();
}

/* From the post on it is nobody else's. */
SCENE(wait_mutex__reserved_until_its_callback)
{
    tp_work_t *work = begin_blocked(false, own);
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        tpps_check(scene_take(the_mutex(), 0) == TP_WAIT_TIMEOUT);
        tpps_check(tp_mutex_release(mutex) == TP_ERR_NOT_OWNER);
        tpps_thread other = tpps_spawn(own_thread, NULL);
        scene_add(OPEN, 1);
        tpps_join(other);
        tpps_check(scene_hits(0) == 1);
    }
    check_free(false);
    finish_blocked(work);
}

/* What comes with it is told first. */
static void own_first(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                      tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    if (scene_hits(0) == 1)
        scene_mutex_release(mutex);
}

/* While one is reserved for a queued result the wait cannot ask for another. */
SCENE(wait_mutex__busy_while_reserved)
{
    tp_work_t *work = begin_blocked(false, own_first);
    tp_mutex_t *other = scene_mutex(false);
    bool was_armed;
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        scene_wait_on(0, tp_waitable_event(event), TP_INFINITE);
        tpps_check(scene_wait_try(0, the_mutex(), TP_INFINITE, &was_armed) == TP_ERR_BUSY);
        tpps_check(scene_wait_try(0, tp_waitable_mutex(other), 0, &was_armed) == TP_ERR_BUSY);
        scene_event_set(event); /* still armed on that */
        scene_add(OPEN, 1);
        scene_wait_wait(0);
        tpps_check(scene_told(0, SCENE_SIGNALED) == 2);
    }
    scene_mutex_close(other);
    finish_blocked(work);
}

static void set_on_mutex(void *unused)
{
    bool was_armed;
    (void)unused;
    tp_status_t status = scene_wait_try(0, the_mutex(), TP_INFINITE, &was_armed);
    tpps_check(status == TP_OK || status == TP_ERR_BUSY);
}

/* Two that set it on a free mutex: one is told to wait, or the callback has begun by then. */
SCENE(wait_mutex__busy_against_its_callback)
{
    begin(1, 2, false, own);
    if (scene_complete()) {
        tpps_thread a = tpps_spawn(set_on_mutex, NULL), b = tpps_spawn(set_on_mutex, NULL);
        set_on_mutex(NULL);
        tpps_join(a);
        tpps_join(b);
        scene_wait_wait(0);
        scene_disarm(0);
        scene_wait_wait(0);
        tpps_check(scene_hits(0) >= 1 && scene_told(0, SCENE_ABANDONED) == 0);
    }
    check_free(false);
    finish();
}

/* ---- abandoned ------------------------------------------------------------------------------- */

/* The next one hears of it, and nobody after him. */
SCENE(wait_mutex__abandoned_at_return_tells_a_thread)
{
    begin(1, 1, false, keep);
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        scene_await_hits(0, 1);
        scene_add(OPEN, 1);
        tpps_check(scene_take(the_mutex(), TP_INFINITE) == TP_WAIT_ABANDONED);
        scene_mutex_release(mutex);
    }
    check_free(false);
    finish();
}

SCENE(wait_mutex__abandoned_at_return_tells_a_wait)
{
    begin(2, 2, false, keep);
    scene_wait_calls(1, pool, own);
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        scene_await_hits(0, 1);
        scene_wait_on(1, the_mutex(), TP_INFINITE);
        scene_add(OPEN, 1);
        scene_await_told(1, SCENE_ABANDONED, 1);
        scene_wait_wait(1);
    }
    check_free(false);
    scene_wait_finish(1);
    finish();
}

/* [C-137] Its owner thread ends while the wait is being set. */
SCENE(wait_mutex__c137_owner_thread_ends_against_set)
{
    begin(1, 2, false, own);
    if (scene_complete()) {
        tpps_thread owner = tpps_spawn(own_and_end, NULL);
        scene_await(BEGUN, 1);
        scene_wait_on(0, the_mutex(), TP_INFINITE);
        tpps_join(owner);
        scene_await_told(0, SCENE_ABANDONED, 1);
        scene_wait_wait(0);
    }
    check_free(false);
    finish();
}

/* A callback that ends its thread abandons it, once. */
static void end_thread(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                       tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    tpps_thread_exit();
}

SCENE(wait_mutex__callback_ends_its_thread)
{
    begin(1, 2, false, end_thread);
    scene_count_misuses(MISUSES);
    scene_wait_calls(1, pool, own);
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    scene_await_hits(0, 1);
    scene_wait_on(1, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        scene_await_told(1, SCENE_ABANDONED, 1);
        scene_wait_wait(1);
        scene_wait_wait(0);
        tpps_check(scene_value(MISUSES) == 1);
    }
    check_free(false);
    scene_wait_finish(1);
    finish();
}

/* It took it once more, and released it as often, or once too few. */
static void take_again(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                       tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    tpps_check(scene_take(the_mutex(), 0) == TP_WAIT_SIGNALED);
    scene_mutex_release(mutex);
    if (scene_value(LEFT) == 0)
        tpps_check(tp_callback_release_mutex_on_return(instance, mutex) == TP_OK);
}

static void recursive(bool too_few)
{
    begin(1, 1, false, take_again);
    scene_add(LEFT, too_few);
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(own_thread, NULL);
        scene_await_hits(0, 1);
        scene_wait_wait(0);
        tpps_join(other);
        (void)was_abandoned(); /* the other may have come first */
    }
    check_free(false);
    finish();
}

SCENE(wait_mutex__released_on_return)
{
    recursive(false);
}

SCENE(wait_mutex__released_once_too_few)
{
    recursive(true);
}

/* ---- given back ------------------------------------------------------------------------------ */

/* What is dropped is given back as it was, to whoever waits, a wait of another pool, say. */
static void cancel_gives_back(bool abandoned)
{
    tp_work_t *work = begin_blocked(false, own);
    tp_pool_t *other = scene_pool(1, 1);
    scene_wait_calls(1, other, own);
    if (scene_complete() && abandoned)
        tpps_join(tpps_spawn(own_and_end, NULL));
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    scene_wait_on(1, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        tpps_check(scene_hits(1) == 0);
        scene_wait_cancel(0);
        scene_await_hits(1, 1);
        scene_wait_wait(1);
        tpps_check(scene_told(1, abandoned ? SCENE_ABANDONED : SCENE_SIGNALED) == 1);
        tpps_check(scene_hits(0) == 0);
        scene_balance(0, 1);
    }
    check_free(false);
    scene_wait_finish(1);
    scene_wait_close(0);
    scene_add(OPEN, 1);
    scene_finish(work);
    end();
    scene_close_pool(other);
}

SCENE(wait_mutex__cancel_gives_back)
{
    cancel_gives_back(false);
}

SCENE(wait_mutex__cancel_gives_back_as_abandoned)
{
    cancel_gives_back(true);
}

static void cancel_it(void *unused)
{
    (void)unused;
    scene_wait_cancel(0);
}

/* Dropped or told: the mutex has one owner at a time, and is free in the end. */
static void cancel_against(void (*other_body)(void *), bool owned)
{
    begin(1, 2, owned, own);
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread a = tpps_spawn(cancel_it, NULL), b = tpps_spawn(other_body, NULL);
        if (owned)
            scene_mutex_release(mutex);
        tpps_join(a);
        tpps_join(b);
        scene_wait_wait(0);
        scene_disarm(0);
        scene_wait_wait(0);
        scene_balance(0, (uint32_t)scene_stats(pool).cancelled);
    }
    check_free(false);
    scene_wait_close(0);
    end();
}

SCENE(wait_mutex__cancel_against_release)
{
    cancel_against(own_thread, true);
}

SCENE(wait_mutex__cancel_against_set)
{
    cancel_against(set_on_mutex, false);
}

/* [C-143] Disarmed or timed out, it was not taken. */
static void disarm_it(void *unused)
{
    (void)unused;
    scene_about(US);
    scene_disarm(0);
}

SCENE(wait_mutex__c143_release_against_disarm_and_timeout)
{
    begin(1, 2, true, own);
    scene_wait_on(0, the_mutex(), US);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(disarm_it, NULL);
        scene_about(US);
        scene_mutex_release(mutex);
        tpps_join(other);
        scene_wait_wait(0);
        scene_disarm(0);
        scene_wait_wait(0);
        scene_balance(0, 0);
    }
    check_free(false);
    finish();
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void close_wait(void *unused)
{
    (void)unused;
    scene_wait_close(1);
}

/* Closed with a result queued, its callback still gets the mutex; closed before, it does not. */
SCENE(wait_mutex__close_against_release)
{
    begin(1, 2, true, own);
    scene_wait_chosen(1, own, &(struct scene_choice){.pool = pool, .release = scene_count_release});
    scene_wait_on(1, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(close_wait, NULL);
        scene_mutex_release(mutex);
        tpps_join(other);
        scene_await_told(1, SCENE_RELEASED, 1);
    }
    check_free(false);
    finish();
}

static void own_what_is_left(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                             tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    tp_status_t status = tp_mutex_release(mutex);
    tpps_check(status == TP_OK || status == TP_ERR_HANDLE);
}

static void close_mutex(void *unused)
{
    (void)unused;
    scene_mutex_close(mutex);
}

/* It is closed while it is reserved, or owned: the callback comes all the same. */
SCENE(wait_mutex__mutex_closes_against_its_callback)
{
    begin(1, 2, false, own_what_is_left);
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(close_mutex, NULL);
        scene_wait_wait(0);
        tpps_join(other);
        tpps_check(scene_told(0, SCENE_SIGNALED) == 1);
        mutex = NULL;
    }
    finish();
}

/* A new one in its place is nobody's but the next wait's, for which it is reserved in turn. */
static tp_mutex_t *closed;

static void own_nothing(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                        tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    tpps_check(tp_mutex_release(closed) == TP_ERR_HANDLE);
    tpps_check(tp_mutex_release(mutex) == TP_ERR_NOT_OWNER);
}

SCENE(wait_mutex__mutex_in_the_place_of_a_reserved_one)
{
    bool cancel = tpps_choose(2);
    tp_work_t *work = begin_blocked(false, own_nothing);
    scene_wait_calls(1, pool, own);
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        closed = mutex;
        scene_mutex_close(closed);
        mutex = scene_mutex_in_place(closed);
    }
    scene_wait_on(1, the_mutex(), TP_INFINITE);
    if (cancel)
        scene_wait_cancel(0); /* gives nothing back */
    if (scene_complete())
        tpps_check(scene_take(the_mutex(), 0) == TP_WAIT_TIMEOUT);
    scene_add(OPEN, 1);
    scene_wait_wait(0);
    scene_wait_finish(1);
    tpps_check(scene_hits(1) == scene_complete());
    check_free(false);
    scene_wait_close(0);
    scene_finish(work);
    end();
}

/* [C-181] One that has left its object keeps the mutex until it returns. */
static void leave(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                  tp_wait_result_t result)
{
    scene_hit(instance, context, wait, result);
    tpps_check(tp_callback_disassociate(instance) == TP_OK);
    scene_await(OPEN, 1);
    if (scene_value(LEFT) == 0)
        scene_mutex_release(mutex);
}

SCENE(wait_mutex__c181_disassociated_callback_owns)
{
    uint32_t keeps = tpps_choose(2);
    begin(1, 2, false, leave);
    scene_add(LEFT, keeps);
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        scene_await_hits(0, 1);
        scene_wait_wait(0);
        tpps_check(scene_take(the_mutex(), 0) == TP_WAIT_TIMEOUT);
        scene_add(OPEN, 1);
        tp_wait_result_t result = scene_take(the_mutex(), TP_INFINITE);
        tpps_check(result == (keeps ? TP_WAIT_ABANDONED : TP_WAIT_SIGNALED));
        scene_mutex_release(mutex);
    }
    scene_add(OPEN, 1);
    finish();
}

/* ---- groups and pools ------------------------------------------------------------------------ */

static tp_cleanup_group_t *group;

static void close_members(void *unused)
{
    (void)unused;
    tpps_check(tp_cleanup_group_close_members(group, true, NULL) == TP_OK);
}

/* A wait of a group that is closed, cancelling, gives back what was reserved for it. */
SCENE(wait_mutex__closed_members_give_back)
{
    tp_work_t *work = begin_blocked(true, own);
    group = scene_group();
    struct scene_choice member = {.pool = group ? pool : NULL, .group = group};
    scene_wait_chosen(1, own, &member);
    scene_wait_on(1, the_mutex(), TP_INFINITE);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(close_members, NULL);
        scene_mutex_release(mutex);
        tpps_join(other);
        check_free(false);
        tpps_check(scene_hits(1) == 0);
    } else if (group) {
        close_members(NULL);
    }
    scene_close_group(group);
    finish_blocked(work);
}

static void open_late(void *unused)
{
    (void)unused;
    scene_add(OPEN, 1);
}

/* As one of a pool that is shut down, dropping what is queued. */
SCENE(wait_mutex__shut_pool_gives_back)
{
    tp_work_t *work = begin_blocked(true, own);
    scene_wait_on(0, the_mutex(), TP_INFINITE);
    scene_mutex_release(mutex);
    if (scene_complete()) {
        tpps_thread other = tpps_spawn(open_late, NULL);
        tpps_check(tp_pool_shutdown(pool, true, TP_INFINITE) == TP_OK);
        pool = NULL;
        tpps_join(other);
        check_free(false);
        tpps_check(scene_hits(0) <= 1);
    }
    scene_add(OPEN, 1);
    scene_wait_wait(0);
    scene_wait_close(0);
    scene_finish(work);
    end();
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(wait_mutex__c137_one_owner_at_a_time)},
    {SCENE_ROW(wait_mutex__waits_and_a_thread_take_turns), .no_early = true},
    {SCENE_ROW(wait_mutex__reserved_until_its_callback)},
    {SCENE_ROW(wait_mutex__busy_while_reserved)},
    {SCENE_ROW(wait_mutex__busy_against_its_callback)},
    {SCENE_ROW(wait_mutex__abandoned_at_return_tells_a_thread)},
    {SCENE_ROW(wait_mutex__abandoned_at_return_tells_a_wait)},
    {SCENE_ROW(wait_mutex__c137_owner_thread_ends_against_set)},
    {SCENE_ROW(wait_mutex__callback_ends_its_thread), .no_faults = true},
    {SCENE_ROW(wait_mutex__released_on_return)},
    {SCENE_ROW(wait_mutex__released_once_too_few)},
    {SCENE_ROW(wait_mutex__cancel_gives_back)},
    {SCENE_ROW(wait_mutex__cancel_gives_back_as_abandoned)},
    {SCENE_ROW(wait_mutex__cancel_against_release)},
    {SCENE_ROW(wait_mutex__cancel_against_set)},
    {SCENE_ROW(wait_mutex__c143_release_against_disarm_and_timeout)},
    {SCENE_ROW(wait_mutex__close_against_release)},
    {SCENE_ROW(wait_mutex__mutex_closes_against_its_callback)},
    {SCENE_ROW(wait_mutex__mutex_in_the_place_of_a_reserved_one)},
    {SCENE_ROW(wait_mutex__c181_disassociated_callback_owns)},
    {SCENE_ROW(wait_mutex__closed_members_give_back)},
    {SCENE_ROW(wait_mutex__shut_pool_gives_back)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
