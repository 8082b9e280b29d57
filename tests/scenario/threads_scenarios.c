/* threads_scenarios.c - threads come, go and fail to come; limits change while work runs. */
#include "tests/scenario/scene.h"

enum { IDLE_NS = 1000000 };

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

/* The post comes in the very moment in which the last idle worker may retire. */
static void post_as_it_retires(void *work)
{
    tpps_sleep(IDLE_NS);
    scene_submit(work, 1);
}

static uint32_t threads_of(tp_pool_t *pool)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    tpps_check(tp_pool_get_stats(pool, &stats) == TP_OK);
    return stats.threads;
}

SCENE(threads__r16_post_as_the_last_one_retires)
{
    tp_pool_t *pool = scene_pool_idle(0, 2, IDLE_NS);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    scene_submit(work, 1);
    scene_wait(work);
    post_as_it_retires(work);
    scene_finish(work);
    tpps_check(!work || scene_value(0) == 2);
    scene_close_pool(pool);
}

/* An idle timeout beyond the end of the clock. */
SCENE(threads__idle_for_ever_is_woken_all_the_same)
{
    tp_pool_t *pool = scene_pool_idle(0, 1, INT64_MAX);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    for (int i = 0; i < 3; i++) {
        scene_submit(work, 1);
        scene_wait(work);
        tpps_sleep((int64_t)tpps_choose(2) * IDLE_NS);
    }
    scene_finish(work);
    tpps_check(!work || scene_value(0) == 3);
    scene_close_pool(pool);
}

/* Two idle workers at their timeout, two posts that need both. */
SCENE(threads__r16_two_retire_two_posts_meet)
{
    tp_pool_t *pool = scene_pool_idle(0, 2, IDLE_NS);
    tp_work_t *a = scene_pool_work(pool, meet_two, NULL);
    tp_work_t *b = scene_pool_work(pool, meet_two, NULL);
    scene_submit(a, 1);
    scene_submit(b, 1);
    scene_wait(a);
    tpps_thread late = tpps_spawn(post_as_it_retires, a);
    tpps_sleep(IDLE_NS);
    scene_submit(b, 1);
    tpps_join(late);
    scene_finish(a);
    scene_finish(b);
    scene_close_pool(pool);
}

static void close_late(void *work)
{
    tpps_sleep(IDLE_NS);
    scene_finish(work);
}

/* The only worker retires as the last object goes, and another object comes. */
SCENE(threads__last_object_goes_as_another_comes)
{
    tp_pool_t *pool = scene_pool_idle(0, 1, IDLE_NS);
    tp_work_t *first = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    scene_submit(first, 1);
    tpps_thread closer = tpps_spawn(close_late, first);
    tpps_sleep(IDLE_NS);
    tp_work_t *second = scene_pool_work(pool, scene_count, SCENE_WORD(1));
    scene_submit(second, 1);
    scene_finish(second);
    tpps_join(closer);
    tpps_check(!second || scene_value(1) == 1);
    scene_close_pool(pool);
}

/* A pool without objects keeps no thread, though one slept without a deadline. */
SCENE(threads__idle_pool_has_none)
{
    tp_pool_t *pool = scene_pool_idle(0, 2, IDLE_NS);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    scene_submit(work, 1);
    scene_wait(work);
    tpps_sleep(3 * IDLE_NS);
    scene_close(work);
    tpps_sleep(10 * IDLE_NS);
    tpps_check(!pool || threads_of(pool) == 0);
    scene_close_pool(pool);
}

/* The last object goes in the moment in which the only worker, not allowed to leave, gives up its
 * deadline. */
SCENE(threads__last_object_goes_at_the_idle_timeout)
{
    tp_pool_t *pool = scene_pool_idle(0, 1, IDLE_NS);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    scene_submit(work, 1);
    scene_wait(work);
    tpps_sleep(IDLE_NS);
    scene_close(work);
    tpps_sleep(10 * IDLE_NS);
    tpps_check(!pool || threads_of(pool) == 0);
    scene_close_pool(pool);
}

/* The minimum falls: whoever slept without a deadline may go. */
SCENE(threads__lowered_minimum_lets_them_go)
{
    tp_pool_t *pool = scene_pool_idle(2, 3, IDLE_NS);
    tpps_sleep(3 * IDLE_NS);
    scene_minimum(pool, 0);
    tpps_sleep(10 * IDLE_NS);
    tpps_check(!pool || threads_of(pool) == 0);
    scene_close_pool(pool);
}

static void await_word_one(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_await(1, 1);
}

static void raise_maximum(void *pool)
{
    scene_maximum(pool, 2);
}

/* The only thread blocks; the maximum rises while the post that it waits for comes. */
SCENE(threads__raised_maximum_adds_one)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *slow = scene_pool_work(pool, await_word_one, NULL);
    tp_work_t *quick = scene_pool_work(pool, scene_count, SCENE_WORD(1));
    scene_submit(slow, 1);
    tpps_thread a = tpps_spawn(raise_maximum, pool), b = tpps_spawn(post_once, quick);
    tpps_join(a);
    tpps_join(b);
    scene_finish(slow);
    scene_finish(quick);
    scene_close_pool(pool);
}

static void raise_minimum(void *pool)
{
    scene_minimum(pool, 2);
}

static void lower_all(void *pool)
{
    scene_minimum(pool, 0);
    scene_maximum(pool, 1);
}

/* Two threads change both limits while posts come. */
SCENE(threads__limits_change_while_posts_come)
{
    tp_pool_t *pool = scene_pool_idle(0, 3, IDLE_NS);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tpps_thread a = tpps_spawn(raise_minimum, pool), b = tpps_spawn(lower_all, pool);
    scene_submit(work, 3);
    tpps_join(a);
    scene_submit(work, 1);
    tpps_join(b);
    scene_submit(work, 1);
    scene_finish(work);
    tpps_check(!work || scene_value(0) == 5);
    scene_close_pool(pool);
}

/* Three run, the maximum falls to one: two leave, and the one that stays does the rest. */
SCENE(threads__lowered_maximum_sends_them_away)
{
    tp_pool_t *pool = scene_pool(3, 3);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tpps_thread poster = tpps_spawn(post_once, work);
    scene_submit(work, 2);
    scene_maximum(pool, 1);
    scene_submit(work, 2);
    tpps_join(poster);
    scene_wait(work);
    tpps_sleep(1000);
    tpps_check(!work || (scene_value(0) == 5 && threads_of(pool) == 1));
    scene_close(work);
    scene_close_pool(pool);
}

static void minimum_up_and_down(void *pool)
{
    scene_minimum(pool, 1);
    scene_minimum(pool, 0);
}

/* The minimum goes up and down at the idle timeout. */
SCENE(threads__minimum_moves_as_they_retire)
{
    tp_pool_t *pool = scene_pool_idle(1, 2, IDLE_NS);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tpps_sleep(IDLE_NS);
    tpps_thread mover = tpps_spawn(minimum_up_and_down, pool);
    scene_submit(work, 2);
    scene_finish(work);
    tpps_join(mover);
    tpps_sleep(10 * IDLE_NS);
    tpps_check(!scene_complete() || threads_of(pool) == 0);
    scene_close_pool(pool);
}

static void started(void *context)
{
    (void)context;
    scene_add(4, 1);
}

static void stopped(void *context)
{
    (void)context;
    scene_add(5, 1);
}

/* Hooks come in pairs, also when the pool goes while threads start. */
SCENE(threads__hooks_come_in_pairs)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_minimum = 2;
    config.thread_maximum = 3;
    config.on_thread_start = started;
    config.on_thread_stop = stopped;
    oracle_allow_hooks();
    tp_pool_t *pool = scene_pool_config(&config);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    scene_submit(work, 2);
    scene_finish(work);
    scene_close_pool(pool);
    tpps_sleep(1000);
    tpps_check(scene_value(4) == scene_value(5));
    tpps_check(!work || scene_value(0) == 2);
}

/* Two creators of first objects: one first thread, whoever fails to make it. */
static void create_and_post(void *pool)
{
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    scene_submit(work, 1);
    scene_finish(work);
}

SCENE(threads__two_first_objects)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tpps_thread a = tpps_spawn(create_and_post, pool), b = tpps_spawn(create_and_post, pool);
    tpps_join(a);
    tpps_join(b);
    scene_close_pool(pool);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(threads__r16_post_as_the_last_one_retires)},
    {SCENE_ROW(threads__idle_for_ever_is_woken_all_the_same)},
    {SCENE_ROW(threads__r16_two_retire_two_posts_meet), .cpus = 4, .no_faults = true},
    {SCENE_ROW(threads__last_object_goes_as_another_comes)},
    {SCENE_ROW(threads__idle_pool_has_none), .no_early = true},
    {SCENE_ROW(threads__last_object_goes_at_the_idle_timeout), .no_early = true},
    {SCENE_ROW(threads__lowered_minimum_lets_them_go), .no_early = true},
    {SCENE_ROW(threads__raised_maximum_adds_one), .cpus = 4, .no_faults = true},
    {SCENE_ROW(threads__limits_change_while_posts_come)},
    {SCENE_ROW(threads__lowered_maximum_sends_them_away), .no_early = true},
    {SCENE_ROW(threads__minimum_moves_as_they_retire), .no_early = true},
    {SCENE_ROW(threads__hooks_come_in_pairs), .no_early = true, .no_weak = true},
    {SCENE_ROW(threads__two_first_objects)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
