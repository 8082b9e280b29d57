/* standin_scenarios.c - nobody in the pool has time for its timers: the gate posts what is due. */
#include "tests/scenario/scene_timer.h"

enum { A, B, C, D, RAN };

/* ---- the only worker is busy ----------------------------------------------------------------- */

/* Posts pile up meanwhile, each at its time: the gate makes them. */
static void busy_worker(tp_work_fn function)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_ticker(pool, A);
    tp_work_t *work = scene_start(pool, function, 20500);
    int64_t began = tpps_now();
    scene_timer_every(timer, MS);
    scene_until(began + 20 * MS + MS / 4);
    tpps_check(!timer || scene_timer_stop(timer));
    tpps_check(scene_latest(A) == 0);
    scene_timer_wait(timer);
    tpps_check(!timer || (scene_latest(A) <= 20 && scene_latest(A) >= 16));
    scene_finish(work);
    scene_timer_close(timer);
    scene_close_pool(pool);
}

SCENE(standin__only_worker_computes)
{
    busy_worker(scene_compute);
}

SCENE(standin__only_worker_sleeps)
{
    busy_worker(scene_nap);
}

static void tick_slowly(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    scene_tick(instance, context, timer);
    tpps_busy(10 * MS);
}

/* [C-098] Its own callback is too slow: what has piled up runs in the end. */
SCENE(standin__c098_slow_callback_of_a_short_period)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_pool_timer(pool, tick_slowly, SCENE_WORD(A));
    int64_t began = tpps_now();
    scene_timer_every(timer, MS);
    scene_until(began + 30 * MS + MS / 2);
    tpps_check(scene_timer_stop(timer) == (timer != NULL));
    scene_timer_wait(timer);
    if (timer) {
        if (scene_latest(A) > 30 || scene_latest(A) < 26)
            tpps_fail("%u callbacks of 30 expiries", scene_latest(A));
        for (uint32_t i = 1; i < scene_latest(A); i++)
            tpps_check(scene_tick_at(A, i) - scene_tick_at(A, i - 1) >= 10 * MS);
    }
    scene_timer_close(timer);
    scene_close_pool(pool);
}

/* Short callbacks follow each other without a pause: the worker looks at the clock between them. */
static void go_on(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    tpps_busy(100 * US);
    scene_add(RAN, 1);
    if (tpps_now() < (int64_t)(uintptr_t)context)
        scene_submit(work, 1);
}

SCENE(standin__only_worker_is_never_idle)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_ticker(pool, A);
    int64_t began = tpps_now();
    tp_work_t *work = scene_pool_work(pool, go_on, (void *)(uintptr_t)(began + 12 * MS));
    scene_submit(work, 1);
    scene_timer_every(timer, MS);
    scene_until(began + 10 * MS + MS / 2);
    tpps_check(scene_timer_stop(timer) == (timer != NULL));
    scene_timer_wait(timer);
    tpps_check(!timer || (scene_latest(A) <= 10 && scene_latest(A) >= 7));
    scene_finish(work);
    scene_timer_close(timer);
    scene_close_pool(pool);
}

/* It looks at the clock once, after a short callback, and then not for long: the gate must not go
 * by that for longer than its grace. */
SCENE(standin__only_worker_looks_once_and_then_computes)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_ticker(pool, A);
    tp_work_t *brief = scene_pool_work(pool, scene_compute, SCENE_WORD(1200));
    tp_work_t *work = scene_pool_work(pool, scene_compute, SCENE_WORD(22000));
    int64_t began = tpps_now();
    scene_timer_every(timer, MS);
    scene_submit(brief, 1);
    scene_submit(work, 1);
    scene_until(began + 20 * MS + MS / 4);
    tpps_check(scene_timer_stop(timer) == (timer != NULL));
    scene_timer_wait(timer);
    tpps_check(!timer || (scene_latest(A) <= 20 && scene_latest(A) >= 16));
    scene_finish(brief);
    scene_finish(work);
    scene_timer_close(timer);
    scene_close_pool(pool);
}

/* ---- one posts a part of what is due, and stays in a callback -------------------------------- */

static void stay(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    scene_tick(instance, context, timer);
    tpps_busy(22 * MS);
}

/* Another has no time to fall asleep, and must not leave it to the first for so long. */
SCENE(standin__one_posts_a_part_and_stays)
{
    tp_pool_t *pool = scene_settled(2, 2);
    tp_timer_t *timer = scene_ticker(pool, A), *c = scene_ticker(pool, C),
               *d = scene_ticker(pool, D);
    tp_timer_t *slow = scene_pool_timer(pool, stay, SCENE_WORD(B));
    tpps_sleep(MS);
    int64_t began = tpps_now();
    tp_work_t *work = scene_pool_work(pool, go_on, (void *)(uintptr_t)(began + 24 * MS));
    scene_submit(work, 1);
    scene_timer_set(slow, TP_CLOCK_MONOTONIC, began + MS, 0, 0);
    scene_timer_set(c, TP_CLOCK_MONOTONIC, began + MS, 0, 0);
    scene_timer_set(d, TP_CLOCK_MONOTONIC, began + MS, 0, 0);
    scene_timer_set(timer, TP_CLOCK_MONOTONIC, began + MS, MS, 0);
    scene_until(began + 20 * MS + MS / 2);
    tpps_check(scene_timer_stop(timer) == (timer != NULL));
    scene_timer_wait(timer);
    tpps_check(!slow || (scene_latest(A) <= 20 && scene_latest(A) >= 16));
    scene_finish(work);
    scene_timer_finish(slow);
    scene_timer_finish(c);
    scene_timer_finish(d);
    scene_timer_close(timer);
    scene_close_pool(pool);
}

/* ---- many pools ------------------------------------------------------------------------------ */

/* Each of many pools has its only worker in a callback. */
SCENE(standin__many_pools_are_covered_at_once)
{
    enum { POOLS = 4 };
    tp_pool_t *pool[POOLS];
    tp_timer_t *timer[POOLS];
    tp_work_t *work[POOLS];
    for (uint32_t i = 0; i < POOLS; i++) {
        pool[i] = scene_settled(0, 1);
        timer[i] = scene_ticker(pool[i], i);
        work[i] = scene_pool_work(pool[i], i % 2 ? scene_nap : scene_compute, SCENE_WORD(30500));
        scene_submit(work[i], 1);
    }
    if (scene_complete())
        scene_await(SCENE_STARTED, POOLS);
    int64_t began = tpps_now();
    for (uint32_t i = 0; i < POOLS; i++)
        scene_timer_every(timer[i], (2 + i) * MS);
    scene_until(began + 30 * MS + MS / 4);
    for (uint32_t i = 0; i < POOLS; i++) {
        uint32_t all = 30 / (2 + i);
        tpps_check(scene_timer_stop(timer[i]) == (timer[i] != NULL));
        scene_timer_wait(timer[i]);
        tpps_check(!scene_complete() || (scene_latest(i) <= all && scene_latest(i) + 2 >= all));
        scene_finish(work[i]);
        scene_timer_finish(timer[i]);
        scene_close_pool(pool[i]);
    }
}

/* Exact only if no deadline passes early. */
#define EXACT .no_early = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(standin__only_worker_computes), EXACT},
    {SCENE_ROW(standin__only_worker_sleeps), EXACT},
    {SCENE_ROW(standin__c098_slow_callback_of_a_short_period), EXACT},
    {SCENE_ROW(standin__only_worker_is_never_idle), EXACT},
    {SCENE_ROW(standin__only_worker_looks_once_and_then_computes), EXACT},
    {SCENE_ROW(standin__many_pools_are_covered_at_once), EXACT},
    {SCENE_ROW(standin__one_posts_a_part_and_stays), EXACT},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
