/* budget_scenarios.c - several pools share the processors; that their targets together are never
 * more than these is checked by the oracle at each rest. */
#include "tests/scenario/scene.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

enum { BEGUN, DONE, STOP, ROUND };
enum { POOLS = 3 };

/* Computes for so many milliseconds. */
static void compute(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_add(BEGUN, 1);
    tpps_busy((int64_t)(uintptr_t)context * MS);
    scene_add(DONE, 1);
}

/* Computes for a while and posts itself again, until the scenario stops. */
static void compute_on(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    compute(instance, context, work);
    if (scene_value(STOP) == 0)
        scene_submit(work, 1);
}

static void nap(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    tpps_sleep((int64_t)(uintptr_t)context * MS);
    scene_add(DONE, 1);
}

static uint32_t target(tp_pool_t *pool)
{
    return scene_stats(pool).thread_target;
}

static tp_work_t *busy_pool(uint32_t posts, tp_pool_t **pool_out)
{
    *pool_out = scene_pool(0, 8);
    tp_work_t *work = scene_pool_work(*pool_out, compute_on, SCENE_WORD(40));
    scene_submit(work, posts);
    return work;
}

static void end_pool(tp_work_t *work, tp_pool_t *pool)
{
    scene_finish(work);
    scene_close_pool(pool);
}

/* Nothing of what other pools had is lost: a new one gets as many processors as there are. */
static void check_all_given_back(uint32_t processors)
{
    tp_pool_t *pool = scene_pool(0, 8);
    tp_work_t *work = scene_pool_work(pool, compute, SCENE_WORD(10));
    scene_submit(work, 8);
    scene_wait(work);
    tpps_check(!scene_complete() || target(pool) == processors);
    end_pool(work, pool);
}

/* ---- at the same time ------------------------------------------------------------------------ */

static bool is_fair(tp_pool_t **pool, uint32_t pools, uint32_t processors)
{
    uint32_t sum = 0;
    bool fair = true;
    for (uint32_t i = 0; i < pools; i++) {
        uint32_t share = target(pool[i]);
        tpps_check(scene_stats(pool[i]).threads <= processors); /* none was added for nothing */
        fair = fair && share >= processors / pools &&
               share <= (processors + pools - 1) / pools + (pools > processors);
        sum += share;
    }
    return fair && sum == processors;
}

/* All have work all the time: after a while they have as much as is fair, one more or less, but for
 * a moment in which one passes from one to another. */
static void level(uint32_t pools, uint32_t processors)
{
    tp_pool_t *pool[POOLS];
    tp_work_t *work[POOLS];
    uint32_t looks = 0;
    for (uint32_t i = 0; i < pools; i++)
        work[i] = busy_pool(6, &pool[i]);
    do
        tpps_sleep(200 * MS);
    while (!is_fair(pool, pools, processors) && ++looks < 3);
    tpps_check(looks < 3);
    scene_add(STOP, 1);
    for (uint32_t i = 0; i < pools; i++)
        end_pool(work[i], pool[i]);
}

SCENE(budget__two_busy_pools_on_two_processors)
{
    level(2, 2);
}

SCENE(budget__two_busy_pools_on_four_processors)
{
    level(2, 4);
}

SCENE(budget__three_busy_pools_on_three_processors)
{
    level(3, 3);
}

SCENE(budget__three_busy_pools_on_two_processors)
{
    level(3, 2);
}

/* Whoever got nothing runs one thread all the same. */
SCENE(budget__pools_without_a_share_get_on)
{
    tp_pool_t *pool[POOLS];
    tp_work_t *work[POOLS];
    for (uint32_t i = 0; i < POOLS; i++) {
        pool[i] = scene_pool(0, 4);
        work[i] = scene_pool_work(pool[i], compute, SCENE_WORD(3));
    }
    for (uint32_t i = 0; i < POOLS; i++)
        scene_submit(work[i], 3);
    for (uint32_t i = 0; i < POOLS; i++)
        end_pool(work[i], pool[i]);
    tpps_check(!scene_complete() || scene_value(DONE) == 3 * POOLS);
}

/* ---- one after the other --------------------------------------------------------------------- */

/* The first had all processors and is idle: the second has them as soon as it has work. */
SCENE(budget__idle_pools_give_up_at_once)
{
    tp_pool_t *first = scene_pool(0, 8), *second = scene_pool(0, 8);
    tp_work_t *before = scene_pool_work(first, compute, SCENE_WORD(10));
    tp_work_t *after = scene_pool_work(second, compute, SCENE_WORD(100));
    scene_submit(before, 4);
    scene_wait(before);
    tpps_sleep(MS);
    tpps_check(target(first) == 4);
    int64_t began = tpps_now();
    scene_submit(after, 4);
    scene_await(BEGUN, 8);
    tpps_check(tpps_now() - began < MS);
    tpps_check(target(second) == 4 && target(first) == 0);
    scene_close(before);
    scene_finish(after);
    scene_close_pool(first);
    scene_close_pool(second);
}

/* The first is busy with all of them: the second gets half of them before long. */
SCENE(budget__busy_pools_level_out)
{
    tp_pool_t *first = scene_pool(0, 8), *second = scene_pool(0, 8);
    tp_work_t *hogs = scene_pool_work(first, compute, SCENE_WORD(1000));
    tp_work_t *late = scene_pool_work(second, compute, SCENE_WORD(200));
    scene_submit(hogs, 8);
    scene_await(BEGUN, 4);
    tpps_check(target(first) == 4);
    scene_submit(late, 4);
    scene_await(BEGUN, 5); /* its first callback waits for nobody */
    tpps_check(scene_await_for(BEGUN, 6, 50 * MS));
    tpps_sleep(20 * MS);
    tpps_check(target(first) == 2 && target(second) == 2);
    tpps_check(scene_stats(second).threads == 2);
    scene_cancel(hogs);
    scene_close(hogs);
    scene_finish(late);
    scene_close_pool(first);
    scene_close_pool(second);
}

SCENE(budget__minimum_is_not_limited)
{
    tp_pool_t *other = scene_pool(0, 8), *pool = scene_pool(5, 8);
    tp_work_t *busy = scene_pool_work(other, compute, SCENE_WORD(100));
    tp_work_t *work = scene_pool_work(pool, compute, SCENE_WORD(100));
    scene_submit(busy, 2);
    scene_await(BEGUN, 2);
    int64_t began = tpps_now();
    scene_submit(work, 5);
    scene_await(BEGUN, 7);
    tpps_check(tpps_now() - began < MS);
    tpps_check(scene_stats(pool).threads == 5);
    scene_finish(work);
    scene_finish(busy);
    scene_close_pool(pool);
    scene_close_pool(other);
}

/* ---- a machine that changes ------------------------------------------------------------------ */

SCENE(budget__fewer_processors_are_followed)
{
    tp_pool_t *pool[2];
    tp_work_t *work[2];
    for (uint32_t i = 0; i < 2; i++)
        work[i] = busy_pool(6, &pool[i]);
    tpps_sleep(200 * MS);
    tpps_check(target(pool[0]) + target(pool[1]) == 4);
    tpps_set_cpus(2);
    tpps_sleep(1200 * MS);
    oracle_processors_followed();
    tpps_check(target(pool[0]) == 1 && target(pool[1]) == 1);
    scene_add(STOP, 1);
    for (uint32_t i = 0; i < 2; i++)
        end_pool(work[i], pool[i]);
    check_all_given_back(2);
}

SCENE(budget__more_processors_are_used)
{
    tp_pool_t *pool;
    tp_work_t *work = busy_pool(8, &pool);
    tpps_sleep(200 * MS);
    tpps_check(target(pool) == 1);
    tpps_set_cpus(4);
    tpps_sleep(1200 * MS);
    tpps_check(target(pool) == 4);
    scene_add(STOP, 1);
    end_pool(work, pool);
}

/* Nobody looks while nothing waits; the next pool that is made reads anew. */
SCENE(budget__new_pools_read_anew)
{
    tp_pool_t *first = scene_pool(0, 4);
    tp_work_t *work = scene_pool_work(first, compute, SCENE_WORD(10));
    scene_submit(work, 4);
    scene_wait(work);
    tpps_set_cpus(1);
    tpps_sleep(1200 * MS);
    tp_pool_t *second = scene_pool(0, 4);
    oracle_processors_followed();
    tpps_check(target(first) <= 1);
    scene_close(work);
    scene_close_pool(first);
    scene_close_pool(second);
}

/* ---- what comes back ------------------------------------------------------------------------- */

SCENE(budget__share_returns_when_threads_retire)
{
    tp_pool_t *pool = scene_pool_idle(0, 8, MS);
    tp_work_t *work = scene_pool_work(pool, compute, SCENE_WORD(10));
    scene_submit(work, 8);
    scene_wait(work);
    tpps_sleep(SECOND);
    tpps_check(scene_stats(pool).threads == 1 && target(pool) <= 1);
    tp_pool_t *other;
    tp_work_t *busy = busy_pool(8, &other);
    tpps_sleep(50 * MS);
    tpps_check(target(other) >= 3);
    scene_add(STOP, 1);
    end_pool(busy, other);
    end_pool(work, pool);
}

SCENE(budget__share_returns_when_a_pool_is_closed)
{
    tp_pool_t *pool[2];
    tp_work_t *work[2];
    for (uint32_t i = 0; i < 2; i++)
        work[i] = busy_pool(6, &pool[i]);
    tpps_sleep(100 * MS);
    tpps_check(target(pool[0]) + target(pool[1]) == 4);
    scene_add(STOP, 1);
    end_pool(work[0], pool[0]);
    end_pool(work[1], pool[1]);
    tpps_sleep(100 * MS);
    check_all_given_back(4);
}

SCENE(budget__share_returns_when_a_pool_is_shut_down)
{
    tp_pool_t *pool = scene_pool(0, 8);
    tp_work_t *work = scene_pool_work(pool, compute, SCENE_WORD(10));
    scene_submit(work, 8);
    tpps_sleep(15 * MS);
    if (pool)
        tpps_check(tp_pool_shutdown(pool, true, TP_INFINITE) == TP_OK);
    check_all_given_back(4);
    scene_close(work);
}

static void exit_thread(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    compute(instance, context, work);
    tpps_thread_exit();
}

/* The pool is closed, and its threads end in their last callbacks. */
SCENE(budget__share_returns_when_the_last_threads_are_lost)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, exit_thread, SCENE_WORD(10));
    scene_submit(work, 2);
    scene_await(BEGUN, 2);
    tpps_check(target(pool) == 2);
    scene_close(work);
    scene_close_pool(pool);
    scene_await(DONE, 2);
    tpps_sleep(MS);
    check_all_given_back(4);
}

/* ---- races ----------------------------------------------------------------------------------- */

static void come_and_go(void *function)
{
    for (int i = 0; i < 2; i++) {
        tp_pool_t *pool = scene_pool_idle(0, 3, MS);
        tp_work_t *work = function ? scene_pool_work(pool, nap, SCENE_WORD(1))
                                   : scene_pool_work(pool, compute, SCENE_WORD(1));
        scene_submit(work, 3);
        scene_close_pool(pool);
        scene_finish(work);
    }
}

SCENE(budget__pools_come_and_go)
{
    tpps_thread a = tpps_spawn(come_and_go, NULL), b = tpps_spawn(come_and_go, SCENE_WORD(1));
    come_and_go(NULL);
    tpps_join(a);
    tpps_join(b);
    tpps_sleep(SECOND);
    check_all_given_back(2);
}

static void change_processors(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 2; i++) {
        tpps_set_cpus(4 - i * 3);
        tpps_sleep(1100 * MS);
    }
}

/* The number of processors changes to and fro while pools are busy. */
SCENE(budget__processors_change_while_pools_are_busy)
{
    tp_pool_t *pool[2];
    tp_work_t *work[2];
    for (uint32_t i = 0; i < 2; i++)
        work[i] = busy_pool(4, &pool[i]);
    tpps_thread changer = tpps_spawn(change_processors, NULL);
    tpps_join(changer);
    scene_add(STOP, 1);
    for (uint32_t i = 0; i < 2; i++)
        end_pool(work[i], pool[i]);
}

/* Times and shares are exact only if no deadline passes early and every look sees what is. */
#define MEASURES .no_early = true, .no_faults = true, .no_weak = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(budget__two_busy_pools_on_two_processors), .cpus = 2, MEASURES},
    {SCENE_ROW(budget__two_busy_pools_on_four_processors), .cpus = 4, MEASURES},
    {SCENE_ROW(budget__three_busy_pools_on_three_processors), .cpus = 3, MEASURES},
    {SCENE_ROW(budget__three_busy_pools_on_two_processors), .cpus = 2, MEASURES},
    {SCENE_ROW(budget__pools_without_a_share_get_on)},
    {SCENE_ROW(budget__idle_pools_give_up_at_once), .cpus = 4, MEASURES},
    {SCENE_ROW(budget__busy_pools_level_out), .cpus = 4, MEASURES},
    {SCENE_ROW(budget__minimum_is_not_limited), .cpus = 2, MEASURES},
    {SCENE_ROW(budget__fewer_processors_are_followed), .cpus = 4, .max_steps = 400000, MEASURES},
    {SCENE_ROW(budget__more_processors_are_used), .cpus = 1, .max_steps = 400000, MEASURES},
    {SCENE_ROW(budget__new_pools_read_anew), .cpus = 4, MEASURES},
    {SCENE_ROW(budget__share_returns_when_threads_retire), .cpus = 4, MEASURES},
    {SCENE_ROW(budget__share_returns_when_a_pool_is_closed), .cpus = 4, MEASURES},
    {SCENE_ROW(budget__share_returns_when_a_pool_is_shut_down), .cpus = 4, MEASURES},
    {SCENE_ROW(budget__share_returns_when_the_last_threads_are_lost), .cpus = 4, MEASURES},
    {SCENE_ROW(budget__pools_come_and_go), .cpus = 2, .no_early = true, .no_faults = true,
     .no_weak = true},
    {SCENE_ROW(budget__processors_change_while_pools_are_busy), .cpus = 3, .max_steps = 1000000,
     .no_early = true, .no_faults = true},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
