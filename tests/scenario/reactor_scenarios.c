/* reactor_scenarios.c - who waits for the timers: whatever happens to him, none is late.
 *
 * Time passes only while everybody sleeps, so what is due is due to the nanosecond, but for the
 * moments in which somebody spins. */
#include <string.h>

#include "core/sched/idle.h"
#include "tests/scenario/scene_timer.h"

#define SPIN (20 * US)
#define GRACE (4 * MS + SPIN) /* the gate's, where who waited has gone to run a callback */

enum { A, B, C, D, RAN };

/* ---- what runs ------------------------------------------------------------------------------- */

static void tick_and_exit(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    scene_tick(instance, context, timer);
    tpps_thread_exit();
}

static void once(tp_timer_t *timer, uint32_t series, int64_t due, int64_t late)
{
    if (timer)
        scene_check_ticks(series, 1, due, 0, late);
}

/* ---- everybody is idle ----------------------------------------------------------------------- */

static void idle_pool_fires(uint32_t minimum, uint32_t maximum)
{
    tp_pool_t *pool = scene_settled(minimum, maximum);
    tp_timer_t *timer[4];
    int64_t due[4];
    for (uint32_t i = 0; i < 4; i++)
        timer[i] = scene_ticker(pool, i);
    int64_t began = tpps_now();
    for (uint32_t i = 0; i < 4; i++) {
        due[i] = tpps_now() + (1 + tpps_choose(8)) * MS;
        scene_timer_in(timer[i], due[i] - tpps_now());
        if (tpps_choose(2))
            tpps_sleep((int64_t)tpps_choose(2) * US);
    }
    scene_until(began + 20 * MS);
    for (uint32_t i = 0; i < 4; i++) {
        once(timer[i], i, due[i], SPIN + 4 * US);
        scene_timer_finish(timer[i]);
    }
    scene_close_pool(pool);
}

SCENE(reactor__a_one_idle_worker)
{
    idle_pool_fires(0, 1);
}

SCENE(reactor__a_two_idle_workers)
{
    idle_pool_fires(2, 2);
}

SCENE(reactor__a_a_new_pool)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = scene_ticker(pool, A);
    int64_t due = tpps_now() + MS;
    scene_timer_in(timer, MS);
    scene_until(due + MS);
    once(timer, A, due, SPIN);
    scene_timer_finish(timer);
    scene_close_pool(pool);
}

/* Nothing runs between the moment at which it was set and the one at which it is due. */
static void no_wakeup(tp_pool_t *pool, bool by_the_wall, int64_t delay)
{
    uint32_t clock = by_the_wall ? TP_CLOCK_REALTIME : TP_CLOCK_RELATIVE;
    tp_timer_t *timer = scene_ticker(pool, A), *never = scene_ticker(pool, B);
    tpps_sleep(60 * SECOND); /* those who may retire do */
    scene_timer_set(never, clock, TP_INFINITE, 0, 0);
    int64_t wall = tpp_now(TPP_CLOCK_REALTIME), due = tpps_now() + delay;
    scene_timer_set(timer, clock, by_the_wall ? wall + delay : due - tpps_now(), 0, 0);
    tpps_sleep(60 * SECOND); /* whoever was told falls asleep, and may not retire */
    uint64_t rests = oracle_rests();
    scene_until(due - 1);
    tpps_check(oracle_rests() - rests <= 1); /* this thread's own */
    scene_until(due + MS);
    once(timer, A, due, SPIN);
    tpps_sleep(60 * SECOND);
    rests = oracle_rests();
    tpps_sleep(YEAR);
    tpps_check(oracle_rests() - rests <= 1);
    tpps_check(scene_latest(B) == 0 && (!never || scene_timer_stop(never)));
    scene_timer_finish(timer);
    scene_timer_finish(never);
    scene_close_pool(pool);
}

SCENE(reactor__a_far_timer_wakes_nobody)
{
    no_wakeup(scene_settled(0, 2), false, 10 * HOUR);
}

SCENE(reactor__a_far_timer_of_the_wall_clock_wakes_nobody)
{
    no_wakeup(scene_settled(2, 2), true, 10 * HOUR);
}

/* Not even one that was set and stopped, or replaced by a later one. */
SCENE(reactor__a_stopped_timer_wakes_once_at_most)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_ticker(pool, A);
    scene_timer_in(timer, HOUR);
    tpps_sleep(60 * SECOND);
    tpps_check(scene_timer_stop(timer) == (timer != NULL));
    uint64_t rests = oracle_rests();
    tpps_sleep(3 * HOUR);
    tpps_check(oracle_rests() - rests <= 3); /* at its time, and then once more */
    tpps_check(scene_latest(A) == 0);
    scene_timer_close(timer);
    scene_close_pool(pool);
}

/* ---- who waited goes to run a callback, and others are idle ---------------------------------- */

static void one_leaves(tp_work_fn function, int64_t when)
{
    tp_pool_t *pool = scene_settled(2, 2);
    tp_timer_t *timer = scene_ticker(pool, A);
    tp_work_t *work = scene_pool_work(pool, function, SCENE_WORD(50000));
    tpps_sleep(MS);
    int64_t began = tpps_now();
    scene_timer_every(timer, 5 * MS);
    tpps_sleep(when);
    scene_submit(work, 1);
    scene_until(began + 41 * MS);
    tpps_check(scene_timer_stop(timer) == (timer != NULL));
    if (timer)
        scene_check_ticks(A, 8, began + 5 * MS, 5 * MS, GRACE);
    scene_finish(work);
    scene_timer_close(timer);
    scene_close_pool(pool);
}

SCENE(reactor__c_one_of_two_computes)
{
    one_leaves(scene_compute, MS);
}

SCENE(reactor__c_one_of_two_sleeps)
{
    one_leaves(scene_nap, 0);
}

SCENE(reactor__c_one_of_two_leaves_as_it_is_due)
{
    one_leaves(scene_nap, 5 * MS - 1 + (int64_t)tpps_choose(3));
}

/* ---- who waited leaves the pool -------------------------------------------------------------- */

SCENE(reactor__d_idle_workers_retire)
{
    tp_pool_t *pool = scene_pool_idle(0, 3, MS);
    tp_work_t *work = scene_pool_work(pool, scene_nap, SCENE_WORD(100));
    tp_timer_t *timer = scene_ticker(pool, A), *far = scene_ticker(pool, B);
    scene_submit(work, 3);
    int64_t began = tpps_now();
    scene_timer_every(timer, 3 * MS / 2);
    scene_timer_in(far, 13 * MS);
    scene_finish(work);
    scene_until(began + 12 * MS + MS / 4);
    tpps_check(scene_timer_stop(timer) == (timer != NULL));
    if (timer)
        scene_check_ticks(A, 8, began + 3 * MS / 2, 3 * MS / 2, SPIN);
    scene_until(began + 14 * MS);
    once(far, B, began + 13 * MS, SPIN);
    scene_timer_finish(timer);
    scene_timer_finish(far);
    scene_close_pool(pool);
}

/* The one that waits has been idle for longer than the other, and goes: the other takes over, and
 * the gate would have come too late. */
SCENE(reactor__d_first_idle_worker_retires)
{
    tp_pool_t *pool = scene_pool_idle(0, 2, 5 * MS);
    tp_work_t *brief = scene_pool_work(pool, scene_nap, SCENE_WORD(100));
    tp_work_t *work = scene_pool_work(pool, scene_nap, SCENE_WORD(3000));
    tp_timer_t *first = scene_ticker(pool, A), *second = scene_ticker(pool, B);
    scene_submit(brief, 1);
    scene_submit(work, 1);
    int64_t began = tpps_now();
    scene_timer_in(first, began + MS - tpps_now());
    scene_timer_in(second, began + 15 * MS / 2 - tpps_now());
    scene_until(began + 13 * MS);
    once(first, A, began + MS, SPIN);
    once(second, B, began + 15 * MS / 2, SPIN);
    scene_finish(brief);
    scene_finish(work);
    scene_timer_finish(first);
    scene_timer_finish(second);
    scene_close_pool(pool);
}

static void lower_limits(void *pool)
{
    tpps_sleep((int64_t)tpps_choose(3) * MS);
    scene_minimum(pool, 0);
    scene_maximum(pool, 1);
}

SCENE(reactor__d_surplus_worker_is_sent_away)
{
    tp_pool_t *pool = scene_settled(3, 3);
    tp_timer_t *timer = scene_ticker(pool, A);
    tpps_sleep(US);
    int64_t began = tpps_now();
    scene_timer_every(timer, MS);
    tpps_thread lowerer = tpps_spawn(lower_limits, pool);
    scene_until(began + 5 * MS + MS / 2);
    tpps_join(lowerer);
    tpps_check(scene_timer_stop(timer) == (timer != NULL));
    if (timer)
        scene_check_ticks(A, 5, began + MS, MS, SPIN);
    scene_timer_finish(timer);
    scene_close_pool(pool);
}

/* Its thread ends in a callback, of the timer or another one. */
SCENE(reactor__d_worker_is_lost_in_the_timers_callback)
{
    tp_pool_t *pool = scene_settled(0, 1 + tpps_choose(2));
    tp_timer_t *timer = scene_pool_timer(pool, tick_and_exit, SCENE_WORD(A));
    int64_t began = tpps_now();
    scene_timer_every(timer, 10 * MS);
    scene_until(began + 35 * MS);
    tpps_check(scene_timer_stop(timer) == (timer != NULL));
    if (timer)
        scene_check_ticks(A, 3, began + 10 * MS, 10 * MS, GRACE);
    scene_timer_finish(timer);
    scene_close_pool(pool);
}

SCENE(reactor__d_worker_is_lost_before_it_is_due)
{
    tp_pool_t *pool = scene_settled(0, 1 + tpps_choose(2));
    tp_timer_t *timer = scene_ticker(pool, A);
    tp_work_t *work = scene_pool_work(pool, scene_exit_thread, NULL);
    int64_t began = tpps_now();
    scene_timer_in(timer, 10 * MS);
    tpps_sleep(tpps_choose(2) ? 10 * MS - 1 : MS);
    scene_submit(work, 1);
    scene_until(began + 30 * MS);
    once(timer, A, began + 10 * MS, GRACE);
    scene_timer_finish(timer);
    scene_finish(work);
    scene_close_pool(pool);
}

/* ---- a new earliest timer -------------------------------------------------------------------- */

/* One waits for a far one, is about to, or is just not waiting any more. */
static void sooner_than(tp_pool_t *pool, int64_t pause)
{
    tp_timer_t *far = scene_ticker(pool, A), *near = scene_ticker(pool, B);
    int64_t began = tpps_now();
    scene_timer_in(far, 20 * MS);
    if (pause > 0)
        tpps_sleep(pause);
    int64_t due = tpps_now() + 3 * MS;
    scene_timer_in(near, 3 * MS);
    scene_until(began + 30 * MS);
    once(near, B, due, SPIN);
    once(far, A, began + 20 * MS, SPIN);
    scene_timer_finish(far);
    scene_timer_finish(near);
    scene_close_pool(pool);
}

SCENE(reactor__e_sooner_one_while_it_sleeps)
{
    sooner_than(scene_settled(0, 2), MS);
}

SCENE(reactor__e_sooner_one_while_it_falls_asleep)
{
    sooner_than(scene_settled(0, 1), 0);
}

SCENE(reactor__e_sooner_one_as_it_wakes)
{
    sooner_than(scene_settled(0, 2), 20 * MS - 1 + (int64_t)tpps_choose(3));
}

/* With a short idle timeout the pool's threads come and go meanwhile. */
SCENE(reactor__e_sooner_one_as_it_leaves)
{
    tp_pool_t *pool = scene_pool_idle(0, 2, MS);
    tp_work_t *work = scene_pool_work(pool, scene_nap, SCENE_WORD(1));
    scene_submit(work, 2);
    scene_finish(work);
    sooner_than(pool, MS - 1 + (int64_t)tpps_choose(3));
}

struct setter {
    tp_timer_t *timer;
    uint32_t series;
    int64_t due;
};

static void set_twice(void *context)
{
    struct setter *setter = context;
    scene_timer_in(setter->timer, (10 + (int64_t)tpps_choose(3)) * MS);
    if (tpps_choose(2))
        tpps_sleep(US);
    setter->due = tpps_now() + (1 + (int64_t)tpps_choose(5)) * MS;
    scene_timer_set(setter->timer, TP_CLOCK_MONOTONIC, setter->due, 0, 0);
}

/* Two set theirs at once, and work comes for whoever waits. */
static void many_setters(tp_pool_t *pool, bool works)
{
    tp_timer_t *a = scene_ticker(pool, A), *b = scene_ticker(pool, B);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    struct setter one = {a, A, 0}, other = {b, B, 0};
    int64_t began = tpps_now();
    tpps_thread first = tpps_spawn(set_twice, &one), second = tpps_spawn(set_twice, &other);
    for (int i = 0; works && i < 3; i++) {
        scene_submit(work, 1);
        tpps_sleep((int64_t)tpps_choose(2) * MS);
    }
    tpps_join(first);
    tpps_join(second);
    scene_until(began + 20 * MS);
    once(a, A, one.due, SPIN);
    once(b, B, other.due, SPIN);
    scene_timer_finish(a);
    scene_timer_finish(b);
    scene_finish(work);
    scene_close_pool(pool);
}

SCENE(reactor__e_two_setters)
{
    many_setters(scene_settled(0, 2), false);
}

SCENE(reactor__e_two_setters_and_work_for_one_worker)
{
    many_setters(scene_settled(0, 1), true);
}

SCENE(reactor__e_two_setters_and_work_for_two_workers)
{
    many_setters(scene_pool(2, 2), true);
}

/* The map of idle workers alone: one falls asleep, one has work for it, one looks for anybody who
 * is asleep, to tell him of a timer. Whoever hides the sleeper for a moment must wake it. */
static struct tpi_idle map;
static tpp_u32 posted;

static void fall_asleep(void *unused)
{
    (void)unused;
    tpi_idle_set(&map, 0);
    tpp_fence_seq_cst();
    if (tpp_load_relaxed(&posted)) /* relaxed: ordered by the fence, as in park.c */
        (void)tpi_idle_take(&map, 0);
}

static void look_for_anybody(void *unused)
{
    (void)unused;
    (void)tpi_idle_take_lowest(&map, TPI_IDLE_NONE);
}

static void post(void *unused)
{
    (void)unused;
    tpp_store_release(&posted, 1);
    tpp_fence_seq_cst();
    if (tpi_idle_any(&map))
        look_for_anybody(NULL);
}

SCENE(reactor__e_sleeper_is_not_hidden_from_a_post)
{
    memset(&map, 0, sizeof map);
    for (int round = 0; round < 16; round++) {
        tpp_init(&posted, 0);
        tpi_idle_set(&map, 0); /* it was asleep once: the summary still says so */
        tpps_check(tpi_idle_take(&map, 0));
        tpps_thread other = tpps_spawn(look_for_anybody, NULL);
        tpps_thread sleeper = tpps_spawn(fall_asleep, NULL), poster = tpps_spawn(post, NULL);
        tpps_join(sleeper);
        tpps_join(other);
        tpps_join(poster);
        tpps_check(tpi_idle_count(&map) == 0);
    }
}

/* ---- several pools --------------------------------------------------------------------------- */

/* One is busy and covered by the gate, the other waits by itself; then the other way round. */
SCENE(reactor__f_two_pools)
{
    tp_pool_t *busy = scene_settled(0, 1), *idle = scene_settled(0, 1);
    tp_timer_t *a = scene_ticker(busy, A), *b = scene_ticker(idle, B);
    tp_work_t *work = scene_pool_work(busy, scene_compute, SCENE_WORD(10200));
    tpps_sleep(MS);
    int64_t began = tpps_now();
    scene_timer_every(b, MS);
    scene_timer_every(a, 2 * MS);
    scene_submit(work, 1);
    scene_until(began + 20 * MS + MS / 2);
    tpps_check(scene_timer_stop(a) == (a != NULL) && scene_timer_stop(b) == (b != NULL));
    if (b) {
        scene_check_ticks(B, 20, began + MS, MS, SPIN);
        tpps_check(scene_latest(A) >= 8 && scene_latest(A) <= 10);
    }
    scene_finish(work);
    scene_timer_finish(a);
    scene_timer_finish(b);
    scene_close_pool(busy);
    scene_close_pool(idle);
}

/* Exact only if no deadline passes early. */
#define EXACT .no_early = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(reactor__a_one_idle_worker), EXACT},
    {SCENE_ROW(reactor__a_two_idle_workers), EXACT},
    {SCENE_ROW(reactor__a_a_new_pool), EXACT},
    {SCENE_ROW(reactor__a_far_timer_wakes_nobody), EXACT},
    {SCENE_ROW(reactor__a_far_timer_of_the_wall_clock_wakes_nobody), EXACT},
    {SCENE_ROW(reactor__a_stopped_timer_wakes_once_at_most), EXACT},
    {SCENE_ROW(reactor__c_one_of_two_computes), EXACT},
    {SCENE_ROW(reactor__c_one_of_two_sleeps), EXACT},
    {SCENE_ROW(reactor__c_one_of_two_leaves_as_it_is_due), EXACT},
    {SCENE_ROW(reactor__d_idle_workers_retire), EXACT},
    {SCENE_ROW(reactor__d_first_idle_worker_retires), EXACT, .cpus = 2, .no_faults = true},
    {SCENE_ROW(reactor__d_surplus_worker_is_sent_away), EXACT},
    {SCENE_ROW(reactor__d_worker_is_lost_in_the_timers_callback), EXACT, .no_faults = true},
    {SCENE_ROW(reactor__d_worker_is_lost_before_it_is_due), EXACT, .no_faults = true},
    {SCENE_ROW(reactor__e_sooner_one_while_it_sleeps), EXACT},
    {SCENE_ROW(reactor__e_sooner_one_while_it_falls_asleep), EXACT},
    {SCENE_ROW(reactor__e_sooner_one_as_it_wakes), EXACT},
    {SCENE_ROW(reactor__e_sooner_one_as_it_leaves), EXACT},
    {SCENE_ROW(reactor__e_two_setters), EXACT},
    {SCENE_ROW(reactor__e_two_setters_and_work_for_one_worker), EXACT},
    {SCENE_ROW(reactor__e_two_setters_and_work_for_two_workers), EXACT},
    {SCENE_ROW(reactor__e_sleeper_is_not_hidden_from_a_post)},
    {SCENE_ROW(reactor__f_two_pools), EXACT},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
