/* park_scenarios.c - falling asleep and being woken: no wake-up is lost, and work spreads. */
#include "tests/scenario/scene.h"

/* A callback that ends only once `word` has reached its share: so many run at the same time. */
static void meet_three(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(0, 1);
    scene_await(0, 3);
}

static void meet_two(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(0, 1);
    scene_await(0, 2);
}

static void post_once(void *work)
{
    scene_submit(work, 1);
}

static void post_twice(void *work)
{
    scene_submit(work, 1);
    scene_submit(work, 1);
}

/* The worker sleeps already when the second post comes. */
SCENE(park__post_to_a_sleeper)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    scene_submit(work, 1);
    scene_wait(work);
    tpps_sleep(1000);
    scene_submit(work, 1);
    scene_wait(work);
    tpps_check(!work || scene_value(0) == 2);
    scene_close(work);
    scene_close_pool(pool);
}

/* The posts come while the worker falls asleep after the ones before. */
SCENE(park__posts_meet_a_worker_falling_asleep)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    for (int i = 0; i < 4; i++) {
        scene_submit(work, 1);
        scene_wait(work);
    }
    tpps_check(!work || scene_value(0) == 4);
    scene_close(work);
    scene_close_pool(pool);
}

SCENE(park__two_posters_one_sleeper)
{
    tp_pool_t *pool = scene_pool(1, 1);
    tp_work_t *a = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tp_work_t *b = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tpps_thread one = tpps_spawn(post_once, a), two = tpps_spawn(post_once, b);
    tpps_join(one);
    tpps_join(two);
    scene_finish(a);
    scene_finish(b);
    tpps_check(!b || scene_value(0) == 2);
    scene_close_pool(pool);
}

/* Each of three posters brings one post; the callbacks wait for each other, so three must run. */
SCENE(park__three_posters_three_sleepers_meet)
{
    tp_pool_t *pool = scene_pool(3, 3);
    tp_work_t *work[3];
    tpps_thread poster[3];
    for (int i = 0; i < 3; i++)
        work[i] = scene_pool_work(pool, meet_three, NULL);
    for (int i = 0; i < 3; i++)
        poster[i] = tpps_spawn(post_once, work[i]);
    for (int i = 0; i < 3; i++)
        tpps_join(poster[i]);
    for (int i = 0; i < 3; i++)
        scene_finish(work[i]);
    scene_close_pool(pool);
}

/* one object, three posts in one call; each claim must wake the next worker. */
SCENE(park__r17_requeue_wakes_the_next)
{
    tp_pool_t *pool = scene_pool(3, 3);
    tp_work_t *work = scene_pool_work(pool, meet_three, NULL);
    tpps_sleep(1000);
    scene_submit(work, 3);
    scene_finish(work);
    scene_close_pool(pool);
}

/* The threads come one by one, each made for the posts that the one before left. */
SCENE(park__posts_spread_over_new_threads)
{
    tp_pool_t *pool = scene_pool(0, 3);
    tp_work_t *work = scene_pool_work(pool, meet_three, NULL);
    scene_submit(work, 3);
    scene_finish(work);
    scene_close_pool(pool);
}

SCENE(park__two_posters_two_works_meet)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *a = scene_pool_work(pool, meet_two, NULL);
    tp_work_t *b = scene_pool_work(pool, meet_two, NULL);
    tpps_thread one = tpps_spawn(post_once, a), two = tpps_spawn(post_once, b);
    tpps_join(one);
    tpps_join(two);
    scene_finish(a);
    scene_finish(b);
    scene_close_pool(pool);
}

/* ---- callbacks that post and block ----------------------------------------------------------- */

static void post_and_await(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_submit(context, 1);
    scene_await(1, 1);
}

/* The post lies in the poster's own ring, and only another worker can run it. */
SCENE(park__own_ring_is_seen_by_sleepers)
{
    tp_pool_t *pool = scene_pool(2, 2);
    tp_work_t *inner = scene_pool_work(pool, scene_count, SCENE_WORD(1));
    tp_work_t *outer = scene_pool_work(pool, post_and_await, inner);
    scene_submit(outer, 1);
    scene_finish(outer);
    scene_finish(inner);
    scene_close_pool(pool);
}

SCENE(park__own_ring_makes_a_thread)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *inner = scene_pool_work(pool, scene_count, SCENE_WORD(1));
    tp_work_t *outer = scene_pool_work(pool, post_and_await, inner);
    scene_submit(outer, 1);
    scene_finish(outer);
    scene_finish(inner);
    scene_close_pool(pool);
}

static void post_two(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_submit(context, 2);
}

/* R-17 in a ring: while its owner claims the first post, the second is in no queue; whoever fell
 * asleep just then must be woken when it is back. */
SCENE(park__r17_requeue_in_a_ring)
{
    tp_pool_t *pool = scene_pool(2, 2);
    tp_work_t *inner = scene_pool_work(pool, meet_two, NULL);
    tp_work_t *outer = scene_pool_work(pool, post_two, inner);
    scene_submit(outer, 1);
    scene_finish(outer);
    scene_finish(inner);
    scene_close_pool(pool);
}

static void run_long_and_await(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    if (tp_callback_may_run_long(instance) == TP_OK)
        scene_await(1, 1);
}

/* One processor: the second thread comes only because the first callback said that it blocks. */
SCENE(park__may_run_long_keeps_its_word)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *quick = scene_pool_work(pool, scene_count, SCENE_WORD(1));
    tp_work_t *slow = scene_pool_work(pool, run_long_and_await, NULL);
    tpps_thread poster = tpps_spawn(post_once, quick);
    scene_submit(slow, 1);
    tpps_join(poster);
    scene_finish(slow);
    scene_finish(quick);
    scene_close_pool(pool);
}

static void block_and_await(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpps_check(tp_blocking_begin() == TP_OK);
    scene_await(1, 1);
    tpps_check(tp_blocking_end() == TP_OK);
}

/* The post comes before, while or after the callback says that it blocks. */
SCENE(park__blocking_lets_another_in)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *quick = scene_pool_work(pool, scene_count, SCENE_WORD(1));
    tp_work_t *slow = scene_pool_work(pool, block_and_await, NULL);
    tpps_thread poster = tpps_spawn(post_once, quick);
    scene_submit(slow, 1);
    tpps_join(poster);
    scene_finish(slow);
    scene_finish(quick);
    scene_close_pool(pool);
}

static void wait_for_other(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_wait(context);
}

/* A callback waits for an object of its own pool that others post: it helps, or another runs it. */
SCENE(park__wait_in_a_callback)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *inner = scene_pool_work(pool, scene_count, SCENE_WORD(1));
    tp_work_t *outer = scene_pool_work(pool, wait_for_other, inner);
    tpps_thread poster = tpps_spawn(post_twice, inner);
    scene_submit(outer, 1);
    tpps_join(poster);
    scene_finish(outer);
    scene_finish(inner);
    tpps_check(!outer || scene_value(1) == 2);
    scene_close_pool(pool);
}

/* Two searches end at the same time, two sleep: nobody may believe in a searcher that is none. */
SCENE(park__searcher_role_changes_hands)
{
    tp_pool_t *pool = scene_pool(2, 2);
    tp_work_t *a = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tp_work_t *b = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tpps_thread one = tpps_spawn(post_twice, a), two = tpps_spawn(post_twice, b);
    tpps_join(one);
    tpps_join(two);
    scene_finish(a);
    scene_finish(b);
    tpps_check(!b || scene_value(0) == 4);
    scene_close_pool(pool);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(park__post_to_a_sleeper)},
    {SCENE_ROW(park__posts_meet_a_worker_falling_asleep)},
    {SCENE_ROW(park__two_posters_one_sleeper)},
    {SCENE_ROW(park__three_posters_three_sleepers_meet), .no_faults = true},
    {SCENE_ROW(park__r17_requeue_wakes_the_next), .no_faults = true},
    {SCENE_ROW(park__posts_spread_over_new_threads), .cpus = 4, .no_faults = true},
    {SCENE_ROW(park__two_posters_two_works_meet), .cpus = 4, .no_faults = true},
    {SCENE_ROW(park__own_ring_is_seen_by_sleepers), .no_faults = true},
    {SCENE_ROW(park__own_ring_makes_a_thread), .cpus = 4, .no_faults = true},
    {SCENE_ROW(park__r17_requeue_in_a_ring), .no_faults = true},
    {SCENE_ROW(park__may_run_long_keeps_its_word), .cpus = 1, .no_faults = true},
    {SCENE_ROW(park__blocking_lets_another_in), .cpus = 1, .no_faults = true},
    {SCENE_ROW(park__wait_in_a_callback)},
    {SCENE_ROW(park__searcher_role_changes_hands)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
