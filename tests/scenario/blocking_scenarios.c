/* blocking_scenarios.c - callbacks that say they block: another thread at once, counted once. */
#include "tests/scenario/scene.h"

#define MS INT64_C(1000000)

enum { RAN, OPEN, ARRIVED, REFUSED, DONE };

static void await_open(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(ARRIVED, 1);
    scene_await(OPEN, 1);
}

/* The post behind the one that blocks has begun at once: the gate would have needed 4 ms. */
static void check_no_delay(int64_t began)
{
    scene_await(RAN, 1);
    tpps_check(tpps_now() - began < MS);
}

static tp_work_t *long_work(tp_pool_t *pool, tp_work_fn function)
{
    return scene_work(function, NULL, &(struct scene_choice){.pool = pool, .runs_long = true});
}

/* One blocks, one is posted behind it, at once or once it has said so; at most two threads on one
 * processor. */
static void second_comes_at_once(tp_pool_t *pool, tp_work_t *slow, bool at_once)
{
    tp_work_t *quick = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    int64_t began = tpps_now();
    scene_submit(slow, 1);
    if (!at_once)
        scene_await(ARRIVED, 1);
    scene_submit(quick, 1);
    check_no_delay(began);
    tpps_check(scene_stats(pool).threads_peak <= 2);
    scene_add(OPEN, 1);
    scene_finish(slow);
    scene_finish(quick);
    tpps_check(scene_stats(pool).threads_blocked == 0);
    scene_close_pool(pool);
}

SCENE(blocking__c036_runs_long_gets_a_second_thread_at_once)
{
    tp_pool_t *pool = scene_pool(0, 2);
    second_comes_at_once(pool, long_work(pool, await_open), true);
}

static void ask_and_await(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    bool alone = context != NULL;
    tp_status_t first = tp_callback_may_run_long(instance);
    tp_status_t second = tp_callback_may_run_long(instance); /* by now the other may be busy */
    tpps_check(first == (alone ? TP_ERR_TOO_MANY_THREADS : TP_OK));
    tpps_check(second == TP_ERR_TOO_MANY_THREADS || (second == TP_OK && !alone));
    scene_add(REFUSED, first != TP_OK);
    await_open(instance, context, work);
}

SCENE(blocking__c037_may_run_long_where_runs_long_was_said)
{
    tp_pool_t *pool = scene_pool(0, 2);
    second_comes_at_once(pool, long_work(pool, ask_and_await), false);
}

SCENE(blocking__c190_c191_may_run_long_twice_lets_a_queued_post_in)
{
    tp_pool_t *pool = scene_pool(0, 2);
    second_comes_at_once(pool, scene_pool_work(pool, ask_and_await, NULL), true);
}

/* With a maximum of one the answer is no; it counts all the same, and only while it runs. */
SCENE(blocking__c189_maximum_of_one_says_too_many)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *work = scene_pool_work(pool, ask_and_await, SCENE_WORD(1));
    scene_submit(work, 1);
    scene_await(ARRIVED, work != NULL);
    tpps_check(!work || scene_value(REFUSED) == 1);
    tpps_check(!work || scene_stats(pool).threads_blocked == 1);
    tpps_check(!work || scene_stats(pool).thread_cap_reached > 0);
    scene_add(OPEN, 1);
    scene_finish(work);
    tpps_check(scene_stats(pool).threads_blocked == 0);
    scene_close_pool(pool);
}

/* ---- said in several ways at once ------------------------------------------------------------ */

static void say_everything_and_wait(tp_callback_instance_t *instance, void *event, tp_work_t *work)
{
    tp_wait_result_t result;
    (void)work;
    tpps_check(tp_callback_may_run_long(instance) == TP_OK);
    tpps_check(tp_blocking_begin() == TP_OK);
    tpps_check(tp_blocking_begin() == TP_OK);
    scene_add(ARRIVED, 1);
    tpps_check(tp_waitable_wait(tp_waitable_event(event), TP_INFINITE, &result) == TP_OK);
    tpps_check(tp_blocking_end() == TP_OK);
    tpps_check(tp_blocking_end() == TP_OK);
    scene_add(DONE, 1);
    scene_await(OPEN, 1);
}

SCENE(blocking__c191_whatever_is_said_counts_once)
{
    tp_event_t *event = NULL;
    tpps_check(tp_event_create(true, false, &event) == TP_OK);
    tp_pool_t *pool = scene_pool(0, 4);
    tp_work_t *work = scene_work(say_everything_and_wait, event,
                                 &(struct scene_choice){.pool = pool, .runs_long = true});
    scene_submit(work, 2);
    scene_await(ARRIVED, 2);
    tpps_sleep(MS);
    tpps_check(scene_stats(pool).threads_blocked == 2);
    tpps_check(tp_event_set(event) == TP_OK);
    scene_await(DONE, 2);
    tpps_check(scene_stats(pool).threads_blocked == 2); /* they run long still */
    scene_add(OPEN, 1);
    scene_finish(work);
    tpps_check(scene_stats(pool).threads_blocked == 0);
    tpps_check(tp_event_close(event) == TP_OK);
    scene_close_pool(pool);
}

/* ---- the library's own waits ----------------------------------------------------------------- */

static void set_event(tp_callback_instance_t *instance, void *event, tp_work_t *work)
{
    (void)instance;
    (void)work;
    tpps_check(tp_event_set(event) == TP_OK);
    scene_add(RAN, 1);
}

static void wait_for_event(tp_callback_instance_t *instance, void *event, tp_work_t *work)
{
    tp_wait_result_t result;
    (void)instance;
    (void)work;
    tpps_check(tp_waitable_wait(tp_waitable_event(event), TP_INFINITE, &result) == TP_OK);
}

/* A callback waits for an event that only the next one sets. */
SCENE(blocking__wait_for_an_event_lets_another_in_at_once)
{
    tp_event_t *event = NULL;
    tpps_check(tp_event_create(true, false, &event) == TP_OK);
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *waiter = scene_pool_work(pool, wait_for_event, event);
    tp_work_t *setter = scene_pool_work(pool, set_event, event);
    int64_t began = tpps_now();
    scene_submit(waiter, 1);
    scene_submit(setter, 1);
    check_no_delay(began);
    scene_finish(waiter);
    scene_finish(setter);
    tpps_check(tp_event_close(event) == TP_OK);
    scene_close_pool(pool);
}

static void arrive_and_wait(tp_callback_instance_t *instance, void *event, tp_work_t *work)
{
    scene_add(ARRIVED, 1);
    wait_for_event(instance, event, work);
}

/* It begins to wait while the next one is posted, by somebody who may have found just before that
 * no thread is lacking. */
SCENE(blocking__begins_to_wait_as_another_is_posted)
{
    tp_event_t *event = NULL;
    tpps_check(tp_event_create(true, false, &event) == TP_OK);
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *waiter = scene_pool_work(pool, arrive_and_wait, event);
    tp_work_t *setter = scene_pool_work(pool, set_event, event);
    scene_submit(waiter, 1);
    scene_await(ARRIVED, 1);
    int64_t began = tpps_now();
    scene_submit(setter, 1);
    check_no_delay(began);
    scene_finish(waiter);
    scene_finish(setter);
    tpps_check(tp_event_close(event) == TP_OK);
    scene_close_pool(pool);
}

static void wait_for_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_add(ARRIVED, 1);
    scene_wait(context);
}

/* It waits for an object of another pool: it cannot help, and blocks. */
SCENE(blocking__wait_for_another_pool_lets_another_in_at_once)
{
    tp_pool_t *pool = scene_pool(0, 2), *far = scene_pool(0, 1);
    tp_work_t *slow = scene_pool_work(far, await_open, NULL);
    tp_work_t *waiter = scene_pool_work(pool, wait_for_work, slow);
    tp_work_t *quick = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    scene_submit(slow, 1);
    scene_await(ARRIVED, 1);
    int64_t began = tpps_now();
    scene_submit(waiter, 1);
    scene_submit(quick, 1);
    check_no_delay(began);
    scene_add(OPEN, 1);
    scene_finish(waiter);
    scene_finish(slow);
    scene_finish(quick);
    scene_close_pool(pool);
    scene_close_pool(far);
}

/* ---- threads that do not come ---------------------------------------------------------------- */

static void nest(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    tp_status_t status = tp_callback_may_run_long(instance);
    (void)context;
    (void)work;
    tpps_check(status == TP_OK || status == TP_ERR_TOO_MANY_THREADS);
    for (int i = 0; i < 3; i++)
        tpps_check(tp_blocking_begin() == TP_OK);
    tpps_point();
    for (int i = 0; i < 3; i++)
        tpps_check(tp_blocking_end() == TP_OK);
    tpps_check(tp_blocking_begin() == TP_OK);
    tpps_check(tp_blocking_end() == TP_OK);
    scene_add(RAN, 1);
}

/* Whether a thread came or not, in the end nobody counts as blocked. */
SCENE(blocking__nests_and_balances_whether_a_thread_comes_or_not)
{
    tp_pool_t *pool = scene_pool(0, 3);
    tp_work_t *work = scene_pool_work(pool, nest, NULL);
    scene_submit(work, 4);
    scene_finish(work);
    tpps_check(!work || scene_value(RAN) == 4);
    tpps_check(scene_stats(pool).threads_blocked == 0);
    scene_close_pool(pool);
}

/* ---- R-18 ------------------------------------------------------------------------------------ */

enum { QUEUED = 50, SEQUENTIAL = 40 };

static void ask(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    bool room = context != NULL;
    (void)work;
    tpps_check((tp_callback_may_run_long(instance) == TP_OK) == room);
    scene_add(RAN, 1);
}

/* Fifty queued objects are cancelled: nothing of them is left in any count. Forty posts one after
 * the other use one thread, and whether another is possible is told as if they had never been. */
SCENE(blocking__r18_cancelled_posts_leave_no_trace)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *blocker = scene_pool_work(pool, await_open, NULL);
    tp_work_t *work[QUEUED];
    scene_submit(blocker, 1);
    scene_await(ARRIVED, 1);
    for (int i = 0; i < QUEUED; i++) {
        work[i] = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
        scene_submit(work[i], 1);
    }
    for (int i = 0; i < QUEUED; i++)
        scene_cancel(work[i]);
    for (int i = 1; i < QUEUED; i++)
        scene_close(work[i]);
    scene_add(OPEN, 1);
    scene_finish(blocker);
    tpps_check(scene_value(RAN) == 0);
    scene_maximum(pool, 8);
    for (int i = 0; i < SEQUENTIAL; i++) {
        scene_submit(work[0], 1);
        scene_wait(work[0]);
    }
    tpps_check(scene_value(RAN) == SEQUENTIAL);
    tpps_check(scene_stats(pool).threads_created == 1);
    tp_work_t *yes = scene_pool_work(pool, ask, SCENE_WORD(1));
    scene_submit(yes, 1);
    scene_finish(yes);
    scene_maximum(pool, 1);
    tpps_sleep(MS); /* the second thread leaves */
    tp_work_t *no = scene_pool_work(pool, ask, NULL);
    scene_submit(no, 1);
    scene_finish(no);
    scene_close(work[0]);
    scene_close_pool(pool);
}

/* Times and counts are exact only if no deadline passes early and every look sees what is. */
#define MEASURES .cpus = 1, .no_early = true, .no_faults = true, .no_weak = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(blocking__c036_runs_long_gets_a_second_thread_at_once), MEASURES},
    {SCENE_ROW(blocking__c037_may_run_long_where_runs_long_was_said), MEASURES},
    {SCENE_ROW(blocking__c190_c191_may_run_long_twice_lets_a_queued_post_in), MEASURES},
    {SCENE_ROW(blocking__c189_maximum_of_one_says_too_many)},
    {SCENE_ROW(blocking__c191_whatever_is_said_counts_once), .no_early = true, .no_faults = true},
    {SCENE_ROW(blocking__wait_for_an_event_lets_another_in_at_once), MEASURES},
    {SCENE_ROW(blocking__begins_to_wait_as_another_is_posted), MEASURES},
    {SCENE_ROW(blocking__wait_for_another_pool_lets_another_in_at_once), MEASURES},
    {SCENE_ROW(blocking__nests_and_balances_whether_a_thread_comes_or_not)},
    {SCENE_ROW(blocking__r18_cancelled_posts_leave_no_trace), MEASURES},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
