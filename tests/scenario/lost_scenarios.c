/* lost_scenarios.c - callbacks that end their thread: everything is accounted for, and replaced. */
#include "tests/scenario/scene.h"

#define MS INT64_C(1000000)

enum { RAN, OPEN, MISUSES, RELEASED, STARTED, STOPPED, LOST, CANCELLED };

/* ---- callbacks ------------------------------------------------------------------------------- */

static void exit_thread(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(LOST, 1);
    tpps_thread_exit();
}

static void exit_simple(tp_callback_instance_t *instance, void *context)
{
    (void)instance;
    (void)context;
    scene_add(LOST, 1);
    tpps_thread_exit();
}

/* So many of the first posts end their thread, the others run as usual. */
static void exit_at_first(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    if (scene_next(RAN) < (uint32_t)(uintptr_t)context) {
        scene_add(LOST, 1);
        tpps_thread_exit();
    }
}

/* Once the scenario opens. */
static void exit_late(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(RAN, 1);
    scene_await(OPEN, 1);
    scene_add(LOST, 1);
    tpps_thread_exit();
}

static void started(void *context)
{
    (void)context;
    scene_add(STARTED, 1);
}

static void stopped(void *context)
{
    (void)context;
    scene_add(STOPPED, 1);
}

static tp_pool_t *pool_with_hooks(uint32_t minimum, uint32_t maximum)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_minimum = minimum;
    config.thread_maximum = maximum;
    config.on_thread_start = started;
    config.on_thread_stop = stopped;
    oracle_allow_hooks();
    return scene_pool_config(&config);
}

/* The hook was told of each thread lost, once. */
static void check_told(uint32_t times)
{
    tpps_check(!scene_complete() || scene_value(LOST) == times);
    tpps_check(scene_value(MISUSES) == scene_value(LOST));
}

/* ---- the object, the pool, the thread -------------------------------------------------------- */

SCENE(lost__wait_returns_and_the_object_is_freed)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work =
        scene_work(exit_thread, SCENE_WORD(RELEASED),
                   &(struct scene_choice){.pool = pool, .release = scene_count_release});
    scene_count_misuses(MISUSES);
    scene_submit(work, 1);
    scene_finish(work);
    scene_await(RELEASED, work != NULL);
    check_told(1);
    scene_close_pool(pool);
}

/* The last worker of a pool goes with work queued: each post finds a thread. */
SCENE(lost__last_worker_with_work_queued)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *work = scene_pool_work(pool, exit_at_first, SCENE_WORD(2));
    scene_count_misuses(MISUSES);
    scene_submit(work, 5);
    scene_finish(work);
    tpps_check(!work || scene_value(RAN) == 5);
    check_told(2);
    scene_close_pool(pool);
}

static void post_twice(void *work)
{
    scene_submit(work, 1);
    scene_submit(work, 1);
}

/* Posts come while threads end. */
SCENE(lost__posts_meet_the_end_of_a_thread)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *a = scene_pool_work(pool, exit_at_first, SCENE_WORD(3));
    tp_work_t *b = scene_pool_work(pool, exit_at_first, SCENE_WORD(3));
    scene_count_misuses(MISUSES);
    tpps_thread one = tpps_spawn(post_twice, a), two = tpps_spawn(post_twice, b);
    tpps_join(one);
    tpps_join(two);
    scene_finish(a);
    scene_finish(b);
    tpps_check(!scene_complete() || scene_value(RAN) == 4);
    check_told(3);
    scene_close_pool(pool);
}

/* What the callback had posted lies in its thread's ring. */
static void post_and_exit(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_submit(context, 1);
    scene_submit(context, 2);
    scene_add(LOST, 1);
    tpps_thread_exit();
}

SCENE(lost__ring_of_the_thread_is_handed_over)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *inner[3];
    tp_work_t *outer[3];
    scene_count_misuses(MISUSES);
    for (int i = 0; i < 3; i++) {
        inner[i] = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
        outer[i] = inner[i] ? scene_pool_work(pool, post_and_exit, inner[i]) : NULL;
    }
    for (int i = 0; i < 3; i++)
        scene_submit(outer[i], 1);
    for (int i = 0; i < 3; i++)
        scene_finish(outer[i]);
    for (int i = 0; i < 3; i++)
        scene_finish(inner[i]);
    tpps_check(!scene_complete() || scene_value(RAN) == 9);
    check_told(3);
    scene_close_pool(pool);
}

SCENE(lost__stop_hook_runs_and_another_thread_starts)
{
    tp_pool_t *pool = pool_with_hooks(1, 1);
    tp_work_t *work = scene_pool_work(pool, exit_at_first, SCENE_WORD(1));
    scene_submit(work, 2);
    scene_finish(work);
    scene_close_pool(pool);
    scene_await(STARTED, 2);
    scene_await(STOPPED, 2);
    tpps_check(scene_value(STARTED) == 2 && scene_value(STOPPED) == 2);
}

/* The minimum holds. */
SCENE(lost__minimum_is_made_up_for)
{
    tp_pool_t *pool = scene_pool(2, 3);
    tp_work_t *work = scene_pool_work(pool, exit_at_first, SCENE_WORD(4));
    scene_submit(work, 4);
    scene_wait(work);
    tpps_sleep(MS);
    tpps_check(!scene_complete() || scene_stats(pool).threads >= 2 ||
               scene_stats(pool).thread_create_failures > 0);
    scene_submit(work, 3);
    scene_finish(work);
    tpps_check(!work || scene_value(RAN) == 7);
    scene_close_pool(pool);
}

/* All ends at once: the object and the pool are closed, the only thread is lost. */
SCENE(lost__closed_pool_ends_with_its_thread)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *work = scene_pool_work(pool, exit_late, NULL);
    scene_submit(work, 1);
    scene_await(RAN, work != NULL);
    scene_close(work);
    scene_close_pool(pool);
    scene_add(OPEN, 1);
}

SCENE(lost__several_at_once)
{
    tp_pool_t *pool = scene_pool(3, 3);
    tp_work_t *work = scene_pool_work(pool, exit_late, NULL);
    tp_work_t *other = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    scene_count_misuses(MISUSES);
    scene_submit(work, 3);
    scene_await(RAN, work ? 3 : 0);
    scene_submit(other, 3);
    scene_add(OPEN, 1);
    scene_finish(work);
    scene_finish(other);
    tpps_check(!scene_complete() || scene_value(RAN) == 6);
    check_told(3);
    scene_close_pool(pool);
}

/* ---- what it had said and asked for ---------------------------------------------------------- */

SCENE(lost__concurrency_limit_has_room_again)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work =
        scene_work(exit_at_first, SCENE_WORD(2), &(struct scene_choice){.pool = pool, .limit = 1});
    scene_submit(work, 4);
    scene_finish(work);
    tpps_check(!work || scene_value(RAN) == 4);
    scene_close_pool(pool);
}

/* It said twice that it blocks, and is disassociated. */
static void block_and_exit(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    tp_callback_may_run_long(instance);
    tpps_check(tp_blocking_begin() == TP_OK);
    tpps_check(tp_blocking_begin() == TP_OK);
    if (scene_next(RAN) == 0)
        tpps_check(tp_callback_disassociate(instance) == TP_OK);
    scene_add(LOST, 1);
    tpps_thread_exit();
}

SCENE(lost__what_it_said_about_blocking_is_over)
{
    tp_pool_t *pool = scene_pool(0, 3);
    tp_work_t *work = scene_pool_work(pool, block_and_exit, NULL);
    scene_submit(work, 2);
    scene_wait(work);
    scene_await(LOST, work ? 2 : 0);
    tpps_sleep(MS);
    tpps_check(scene_stats(pool).threads_blocked == 0);
    scene_close(work);
    scene_close_pool(pool);
}

/* Completion actions are done whatever ended the callback. */
static void set_event_and_exit(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    tpps_check(tp_callback_set_event_on_return(instance, context) == TP_OK);
    tpps_thread_exit();
}

SCENE(lost__completion_actions_are_done)
{
    tp_event_t *event = NULL;
    tp_wait_result_t result;
    if (!scene_made(tp_event_create(true, false, &event)))
        return;
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *work = scene_pool_work(pool, set_event_and_exit, event);
    scene_submit(work, 1);
    scene_wait(work);
    tpps_check(tp_waitable_wait(tp_waitable_event(event), 0, &result) == TP_OK);
    tpps_check(!work || result == TP_WAIT_SIGNALED);
    scene_close(work);
    tpps_check(tp_event_close(event) == TP_OK);
    scene_close_pool(pool);
}

SCENE(lost__in_a_finalizer)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_work(scene_count, SCENE_WORD(RAN),
                                 &(struct scene_choice){.pool = pool, .finalizer = exit_simple});
    scene_count_misuses(MISUSES);
    scene_submit(work, 2);
    scene_finish(work);
    tpps_check(!work || scene_value(RAN) == 2);
    check_told(2);
    scene_close_pool(pool);
}

SCENE(lost__in_simple_callbacks)
{
    tp_pool_t *pool = scene_pool(0, 2);
    uint32_t posted = 0;
    scene_count_misuses(MISUSES);
    for (int i = 0; i < 3; i++)
        posted += scene_simple(exit_simple, NULL, &(struct scene_choice){.pool = pool});
    scene_await(MISUSES, posted);
    scene_close_pool(pool);
    tpps_check(scene_value(LOST) == posted);
}

/* ---- waits and helpers ----------------------------------------------------------------------- */

static void wait_for_other(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_submit(context, 1);
    scene_wait(context);
    scene_add(RAN, 1);
}

/* A callback waits and helps: the one that it helps ends the thread under both. */
SCENE(lost__in_a_callback_that_a_wait_runs)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *inner = scene_pool_work(pool, exit_thread, NULL);
    tp_work_t *outer = inner ? scene_pool_work(pool, wait_for_other, inner) : NULL;
    scene_count_misuses(MISUSES);
    scene_submit(outer, 1);
    scene_wait(outer);
    tpps_check(scene_value(RAN) == 0);
    tpps_check(!outer || scene_value(MISUSES) == 2); /* two callbacks ended with the thread */
    scene_submit(inner, 1);
    scene_finish(inner);
    scene_finish(outer);
    scene_close_pool(pool);
}

static void wait_for_all(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_wait(context);
}

/* Others wait for the object whose callback never returns. */
static void wait_outside(void *work)
{
    scene_wait(work);
}

SCENE(lost__all_who_wait_go_on)
{
    tp_pool_t *pool = scene_pool(0, 3);
    tp_work_t *work = scene_pool_work(pool, exit_late, NULL);
    tp_work_t *waiter = work ? scene_pool_work(pool, wait_for_all, work) : NULL;
    scene_submit(work, 1);
    scene_await(RAN, work != NULL);
    scene_submit(waiter, 1);
    tpps_thread outside = tpps_spawn(wait_outside, work);
    scene_add(OPEN, 1);
    tpps_join(outside);
    scene_finish(waiter);
    scene_finish(work);
    scene_close_pool(pool);
}

/* ---- groups ---------------------------------------------------------------------------------- */

SCENE(lost__group_close_returns)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_cleanup_group_t *group = scene_group();
    struct scene_choice choice = {.pool = pool, .group = group};
    tp_work_t *work = group ? scene_work(exit_at_first, SCENE_WORD(2), &choice) : NULL;
    if (work)
        scene_simple(exit_simple, NULL, &choice);
    scene_submit(work, 3);
    if (group)
        tpps_check(tp_cleanup_group_close_members(group, false, NULL) == TP_OK);
    tpps_check(!work || scene_value(RAN) == 3);
    scene_close_group(group);
    scene_close_pool(pool);
}

/* The first of these ends the thread that closes the members. */
static void exit_in_cancel(void *context, void *cleanup_context)
{
    (void)context;
    (void)cleanup_context;
    if (scene_next(CANCELLED) == 0) {
        scene_add(LOST, 1);
        tpps_thread_exit();
    }
}

static void close_members(void *group)
{
    tpps_check(tp_cleanup_group_close_members(group, true, NULL) == TP_OK);
}

/* Two close the members; the cancel callback ends one of them, and the other goes on. */
SCENE(lost__closer_ends_in_a_cancel_callback_and_another_goes_on)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_cleanup_group_t *group = scene_group();
    struct scene_choice choice = {.pool = pool, .group = group, .cancel = exit_in_cancel};
    uint32_t members = 0;
    for (int i = 0; group && i < 3; i++) {
        tp_work_t *work = scene_work(scene_count, SCENE_WORD(RAN), &choice);
        scene_submit(work, 1);
        members += work != NULL;
    }
    if (group) {
        tpps_thread a = tpps_spawn(close_members, group), b = tpps_spawn(close_members, group);
        tpps_join(a);
        tpps_join(b);
        tpps_check(tp_cleanup_group_close_members(group, true, NULL) == TP_OK);
        tpps_check(scene_value(CANCELLED) == members); /* each of them once */
    }
    scene_close_group(group);
    scene_close_pool(pool);
}

static void close_from_callback(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    close_members(context);
    scene_add(RAN, 1);
}

/* The same on a worker, which is lost with it. */
SCENE(lost__worker_that_closes_a_group_ends_in_a_cancel_callback)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_cleanup_group_t *group = scene_group();
    struct scene_choice choice = {.pool = pool, .group = group, .cancel = exit_in_cancel};
    tp_work_t *closer = group ? scene_pool_work(pool, close_from_callback, group) : NULL;
    for (int i = 0; closer && i < 2; i++)
        (void)scene_work(scene_count, SCENE_WORD(RAN), &choice);
    scene_count_misuses(MISUSES);
    scene_submit(closer, 1);
    scene_wait(closer);
    scene_submit(closer, 1);
    scene_finish(closer);
    tpps_check(scene_value(MISUSES) == scene_value(LOST));
    scene_close_group(group);
    scene_close_pool(pool);
}

/* The closer has several members that nobody else holds, and ends with the first: the others are
 * freed without a word. */
SCENE(lost__closer_ends_and_leaves_simple_members)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_cleanup_group_t *group = scene_group();
    struct scene_choice choice = {
        .pool = pool, .group = group, .cancel = exit_in_cancel, .release = scene_count_release};
    uint32_t members = 0;
    for (int i = 0; group && i < 4; i++)
        members += scene_simple(scene_count_simple, SCENE_WORD(RAN), &choice);
    if (group) {
        tpps_join(tpps_spawn(close_members, group));
        tpps_check(tp_cleanup_group_close_members(group, true, NULL) == TP_OK);
        tpps_check(scene_value(CANCELLED) <= 1);
    }
    scene_close_group(group);
    scene_close_pool(pool);
    /* each is released, and counted here; those that have run a second time */
    tpps_check(scene_value(RAN) >= members && scene_value(RAN) <= 2 * members);
}

static void close_waiting(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    tpps_check(tp_cleanup_group_close_members(context, false, NULL) == TP_OK);
}

/* The only thread closes the members, runs one meanwhile, and is lost in it. */
SCENE(lost__closer_ends_in_a_callback_that_it_helps)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_cleanup_group_t *group = scene_group();
    struct scene_choice choice = {.pool = pool, .group = group};
    tp_work_t *closer = group ? scene_pool_work(pool, close_waiting, group) : NULL;
    tp_work_t *work = group ? scene_work(exit_at_first, SCENE_WORD(1), &choice) : NULL;
    scene_count_misuses(MISUSES);
    scene_submit(closer, 1);
    if (work)
        scene_or_stale(tp_work_submit_many(work, 2)); /* it may be closed already */
    scene_finish(closer);
    if (group)
        tpps_check(tp_cleanup_group_close_members(group, false, NULL) == TP_OK);
    scene_close_group(group);
    scene_close_pool(pool);
}

/* ---- a pool without threads ------------------------------------------------------------------ */

static void run_pool(void *pool)
{
    uint32_t ran;
    tpps_check(tp_pool_run(pool, 0, 0, &ran) == TP_OK);
    scene_add(RAN, 1); /* not reached by who is lost */
}

/* Somebody who runs the pool is lost; the next finds all the rest. */
SCENE(lost__caller_of_a_driven_pool)
{
    tp_pool_t *pool = scene_driven(0);
    tp_work_t *work = scene_pool_work(pool, exit_at_first, SCENE_WORD(2));
    uint32_t ran = 0;
    scene_count_misuses(MISUSES);
    scene_submit(work, 5);
    if (work && scene_complete()) {
        tpps_join(tpps_spawn(run_pool, pool));
        tpps_join(tpps_spawn(run_pool, pool));
        tpps_check(scene_value(LOST) == 2 && scene_value(RAN) == 2);
        tp_status_t status = tp_pool_run(pool, 0, 0, &ran);
        tpps_check(status == TP_OK && ran == 3);
        tpps_check(scene_stats(pool).threads == 0);
    }
    scene_cancel(work);
    scene_close(work);
    scene_close_pool(pool);
}

static void begin_and_count(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(STARTED, 1);
    scene_await(OPEN, 1);
}

static void post_open_and_exit(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_await(STARTED, 1);
    scene_submit(context, 1);
    scene_add(OPEN, 1);
    scene_add(LOST, 1);
    tpps_thread_exit();
}

/* What lies in the ring of a thread that ends moves to where others look, while one of them looks
 * whether there is anything above LOW: in transit it must not be overlooked. */
SCENE(lost__low_waits_while_the_ring_is_handed_over)
{
    tp_pool_t *pool = scene_pool(2, 2);
    tp_work_t *low =
        scene_work(scene_count, SCENE_WORD(RAN),
                   &(struct scene_choice){.pool = pool, .priority_plus_one = TP_PRIORITY_LOW + 1});
    tp_work_t *inner = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    tp_work_t *busy = scene_pool_work(pool, begin_and_count, NULL);
    tp_work_t *outer = inner && busy ? scene_pool_work(pool, post_open_and_exit, inner) : NULL;
    scene_count_misuses(MISUSES);
    if (outer) {
        scene_submit(busy, 1);
        scene_await(STARTED, 1);
        scene_submit(low, 1);
    }
    scene_submit(outer, 1);
    scene_finish(outer);
    scene_finish(inner);
    scene_finish(low);
    scene_finish(busy);
    scene_close_pool(pool);
}

/* ---- a replacement that fails ---------------------------------------------------------------- */

/* Where threads are refused, the gate tries again until one comes. */
SCENE(lost__replacement_that_fails_comes_later)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *work = scene_pool_work(pool, exit_at_first, SCENE_WORD(1));
    scene_submit(work, 2);
    bool done = !work || scene_await_for(RAN, 2, 500 * MS);
    if (!done) { /* refused for ever: what waits can only be dropped */
        tpps_check(scene_sweeps());
        tpps_check(scene_stats(pool).thread_create_failures > 1);
        scene_cancel(work);
    }
    scene_wait(work);
    scene_close(work);
    scene_close_pool(pool);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(lost__wait_returns_and_the_object_is_freed)},
    {SCENE_ROW(lost__last_worker_with_work_queued), .no_faults = true},
    {SCENE_ROW(lost__posts_meet_the_end_of_a_thread), .no_faults = true},
    {SCENE_ROW(lost__ring_of_the_thread_is_handed_over), .no_faults = true},
    {SCENE_ROW(lost__stop_hook_runs_and_another_thread_starts), .no_faults = true},
    {SCENE_ROW(lost__minimum_is_made_up_for), .no_early = true, .no_faults = true},
    {SCENE_ROW(lost__closed_pool_ends_with_its_thread)},
    {SCENE_ROW(lost__several_at_once), .no_faults = true},
    {SCENE_ROW(lost__concurrency_limit_has_room_again), .no_faults = true},
    {SCENE_ROW(lost__what_it_said_about_blocking_is_over), .no_early = true, .no_faults = true},
    {SCENE_ROW(lost__completion_actions_are_done)},
    {SCENE_ROW(lost__in_a_finalizer), .no_faults = true},
    {SCENE_ROW(lost__in_simple_callbacks), .no_faults = true},
    {SCENE_ROW(lost__in_a_callback_that_a_wait_runs), .no_faults = true},
    {SCENE_ROW(lost__all_who_wait_go_on), .no_faults = true},
    {SCENE_ROW(lost__group_close_returns), .no_faults = true},
    {SCENE_ROW(lost__closer_ends_in_a_cancel_callback_and_another_goes_on)},
    {SCENE_ROW(lost__worker_that_closes_a_group_ends_in_a_cancel_callback), .no_faults = true},
    {SCENE_ROW(lost__closer_ends_and_leaves_simple_members)},
    {SCENE_ROW(lost__closer_ends_in_a_callback_that_it_helps), .no_faults = true},
    {SCENE_ROW(lost__caller_of_a_driven_pool), .no_faults = true},
    {SCENE_ROW(lost__low_waits_while_the_ring_is_handed_over), .no_faults = true},
    {SCENE_ROW(lost__replacement_that_fails_comes_later), .no_early = true},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
