/* clock_scenarios.c - the wall clock is set and the machine sleeps while timers are armed. */
#include "tests/scenario/scene_timer.h"
#include "tests/scenario/scene_wait.h"

#define SPIN (20 * US)

enum { A, B, C, D, RAN, SET };

static int64_t wall(void)
{
    return tpp_now(TPP_CLOCK_REALTIME);
}

static void end(tp_pool_t *pool, tp_timer_t *a, tp_timer_t *b, tp_timer_t *c)
{
    scene_timer_finish(a);
    scene_timer_finish(b);
    scene_timer_finish(c);
    scene_close_pool(pool);
}

/* ---- one step -------------------------------------------------------------------------------- */

/* [C-114] A timer of the wall clock follows it: so far away after the step, it comes when
 * that clock says so, or at once. One that is relative, and one of BOOTTIME, take no notice. */
static void one_step(int64_t unit, int64_t distance, int64_t step, int64_t late)
{
    tp_pool_t *pool = scene_settled(0, 2);
    tp_timer_t *absolute = scene_ticker(pool, A), *relative = scene_ticker(pool, B),
               *boot = scene_ticker(pool, C);
    int64_t due = wall() + distance, began = tpps_now();
    scene_timer_in(relative, 2 * unit);
    scene_timer_set(boot, TP_CLOCK_BOOTTIME, 3 * unit, 0, 0);
    scene_timer_set(absolute, TP_CLOCK_REALTIME, due, 0, 0);
    if (tpps_choose(2))
        tpps_sleep(MS);
    int64_t stepped = tpps_now(), expected = began + distance - step;
    tpps_step_realtime(step);
    if (expected < stepped)
        expected = stepped;
    scene_until((expected > began + 4 * unit ? expected : began + 4 * unit) + late);
    if (absolute && relative && boot) {
        scene_check_ticks(A, 1, expected, 0, late);
        scene_check_ticks(B, 1, began + 2 * unit, 0, SPIN);
        scene_check_ticks(C, 1, began + 3 * unit, 0, SPIN);
    }
    end(pool, absolute, relative, boot);
}

SCENE(clock__c114_an_hour_on_to_the_moment)
{
    one_step(HOUR, HOUR, HOUR, SPIN);
}

SCENE(clock__c114_an_hour_on_past_it)
{
    one_step(HOUR, HOUR / 2, HOUR, SPIN);
}

SCENE(clock__c114_an_hour_on_but_not_so_far)
{
    one_step(HOUR, HOUR + MS, HOUR, SPIN);
}

SCENE(clock__c114_an_hour_back)
{
    one_step(HOUR, HOUR, -HOUR, SPIN);
}

SCENE(clock__c114_thirty_years_on)
{
    one_step(HOUR, HOUR, 30 * YEAR, SPIN);
}

/* The relative ones have come long before it is due. */
SCENE(clock__c114_three_hundred_days_back)
{
    one_step(HOUR, HOUR, -300 * 24 * HOUR, SPIN);
}

SCENE(clock__c114_hidden_hour_on)
{
    tpps_hide_jumps(true);
    one_step(5 * SECOND, HOUR, HOUR, SECOND + SPIN);
}

SCENE(clock__c114_hidden_seconds_back)
{
    tpps_hide_jumps(true);
    one_step(SECOND, 500 * MS, -3 * SECOND, SECOND + SPIN);
}

/* ---- there and back -------------------------------------------------------------------------- */

/* Far away and to the ends of the clock and back again: it neither comes nor is lost. */
static void there_and_back(int64_t far)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_ticker(pool, A), *early = scene_ticker(pool, B);
    int64_t began = tpps_now(), from = wall(), due = from + 100 * MS;
    scene_timer_set(timer, TP_CLOCK_REALTIME, due, 0, 0);
    tpps_sleep((int64_t)tpps_choose(2) * MS);
    tpps_set_realtime(far);
    if (tpps_choose(2))
        tpps_sleep(MS);
    scene_timer_set(early, TP_CLOCK_REALTIME, far, 0, 0); /* past */
    if (tpps_choose(2))
        tpps_sleep(MS);
    tpps_set_realtime(from + (tpps_now() - began));
    scene_until(began + 200 * MS);
    if (timer && early) {
        scene_check_ticks(A, 1, began + 100 * MS, 0, SPIN);
        tpps_check(scene_latest(B) == 1);
    }
    end(pool, timer, early, NULL);
}

SCENE(clock__r29_thirty_years_back_and_on_again)
{
    there_and_back(wall() - 30 * YEAR);
}

SCENE(clock__r29_to_the_beginning_of_time_and_on_again)
{
    there_and_back(INT64_MIN);
}

SCENE(clock__r29_before_1970_and_on_again)
{
    there_and_back(-1);
}

/* The wheel has seen a time that is still to come again. */
SCENE(clock__r29_set_after_the_clock_came_back)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *far = scene_ticker(pool, A), *then = scene_ticker(pool, B),
               *now = scene_ticker(pool, C);
    scene_timer_set(far, TP_CLOCK_REALTIME, wall() + 10 * YEAR, 0, 0);
    tpps_step_realtime(5 * YEAR);
    scene_timer_set(then, TP_CLOCK_REALTIME, wall() + MS, 0, 0);
    tpps_sleep(2 * MS);
    tpps_step_realtime(-5 * YEAR - (int64_t)tpps_choose(2) * YEAR);
    int64_t due = wall() + 3 * MS, expected = tpps_now() + 3 * MS;
    scene_timer_set(now, TP_CLOCK_REALTIME, due, 0, 0);
    scene_until(expected + MS);
    if (far && then && now) {
        scene_check_ticks(C, 1, expected, 0, SPIN);
        tpps_check(scene_latest(B) == 1 && scene_latest(A) == 0);
        tpps_check(scene_timer_stop(far));
    }
    end(pool, far, then, now);
}

/* At the end of time everything is due, but for what never is. */
static void end_of_time(int64_t end_at)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_ticker(pool, A), *never = scene_ticker(pool, B),
               *last = scene_ticker(pool, C);
    int64_t due = wall() + 10 * YEAR; /* the grid shall reach the step */
    due += (int64_t)(((uint64_t)end_at - (uint64_t)due) % MS);
    scene_timer_set(timer, TP_CLOCK_REALTIME, due, MS, 0);
    scene_timer_set(never, TP_CLOCK_REALTIME, TP_INFINITE, 0, 0);
    scene_timer_set(last, TP_CLOCK_REALTIME, INT64_MAX - 1, 0, 0);
    tpps_sleep((int64_t)tpps_choose(2) * MS);
    int64_t stepped = tpps_now();
    tpps_set_realtime(end_at);
    tpps_sleep(MS / 2);
    if (timer && never && last) {
        scene_check_ticks(A, 1, stepped, 0, SPIN);
        tpps_check(scene_latest(B) == 0 && scene_latest(C) == (end_at >= INT64_MAX - 1 ? 1 : 0));
        tpps_set_realtime(0); /* the period goes on all the same */
        scene_until(stepped + 4 * MS + MS / 2);
        scene_check_ticks(A, 5, stepped, MS, SPIN + 1);
        tpps_check(scene_timer_stop(timer) && scene_timer_stop(never));
        tpps_check(scene_timer_stop(last) == (end_at < INT64_MAX - 1));
    }
    end(pool, timer, never, last);
}

SCENE(clock__r29_to_the_last_moment)
{
    end_of_time(INT64_MAX);
}

SCENE(clock__r29_to_the_last_moment_but_one)
{
    end_of_time(INT64_MAX - 1);
}

SCENE(clock__r29_almost_to_the_last_moment)
{
    end_of_time(INT64_MAX - HOUR);
}

/* ---- steps at any moment --------------------------------------------------------------------- */

static void step_on(void *unused)
{
    (void)unused;
    tpps_step_realtime(HOUR);
}

/* While it is being set, or whoever waits for it falls asleep, or is just woken. */
static void step_meanwhile(tp_pool_t *pool, bool works)
{
    tp_timer_t *timer = scene_ticker(pool, A);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    int64_t began = tpps_now(), before = wall();
    tpps_thread stepper = tpps_spawn(step_on, NULL);
    if (works)
        scene_submit(work, 1);
    int64_t now = wall();
    scene_timer_set(timer, TP_CLOCK_REALTIME, now + HOUR / 2, 0, 0);
    tpps_join(stepper);
    /* It comes at once, unless the clock had been set before it was read. */
    int64_t delay = now - before >= HOUR ? HOUR / 2 : 0;
    scene_until(began + HOUR);
    if (timer)
        scene_check_ticks(A, 1, began + delay, 0, SPIN);
    scene_finish(work);
    end(pool, timer, NULL, NULL);
}

SCENE(clock__r29_step_while_one_worker_falls_asleep)
{
    step_meanwhile(scene_settled(0, 1), false);
}

SCENE(clock__r29_step_while_a_new_pool_falls_asleep)
{
    step_meanwhile(scene_pool(2, 2), true);
}

/* The gate knew of one pool, and tells another of the step: with a weak memory it is to see it. */
SCENE(clock__r29_step_in_a_pool_made_since)
{
    tp_pool_t *before = scene_pool(1, 1);
    step_meanwhile(scene_pool(1, 1), false);
    scene_close_pool(before);
}

SCENE(clock__r29_step_while_it_goes_to_work)
{
    step_meanwhile(scene_settled(0, 2), true);
}

static void step_at_random(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        static const int64_t steps[] = {HOUR, -HOUR, 10 * MS, -10 * MS, 30 * YEAR, -30 * YEAR};
        tpps_step_realtime(steps[tpps_choose(6)]);
        tpps_sleep((int64_t)tpps_choose(3) * MS);
    }
}

/* Any number of steps while timers are set and expire: in the end each has come exactly once, and
 * relative ones in time. */
SCENE(clock__r29_many_steps)
{
    tp_pool_t *pool = scene_settled(0, 2);
    tp_timer_t *a = scene_ticker(pool, A), *b = scene_ticker(pool, B), *c = scene_ticker(pool, C);
    tpps_thread stepper = tpps_spawn(step_at_random, NULL);
    scene_timer_set(a, TP_CLOCK_REALTIME, wall() + 5 * MS, 0, 0);
    int64_t set = tpps_now();
    scene_timer_in(c, 4 * MS);
    int64_t due = wall() + HOUR;
    scene_timer_set(b, TP_CLOCK_REALTIME, due, 0, MS);
    tpps_join(stepper);
    scene_until(set + 20 * MS);
    if (a && b && c) {
        scene_check_ticks(C, 1, set + 4 * MS, 0, SPIN);
        tpps_step_realtime(100 * YEAR);
        tpps_sleep(MS + SPIN);
        tpps_check(scene_latest(A) == 1 && scene_latest(B) == 1);
    }
    end(pool, a, b, c);
}

/* [D-29] Once it has come, its grid is one of the monotonic clock. */
SCENE(clock__period_after_the_first_is_monotonic)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_ticker(pool, A);
    int64_t began = tpps_now();
    scene_timer_set(timer, TP_CLOCK_REALTIME, wall() + MS, 2 * MS, 0);
    tpps_sleep(2 * MS);
    tpps_step_realtime(tpps_choose(2) ? HOUR : -HOUR);
    scene_until(began + 8 * MS);
    if (timer)
        scene_check_ticks(A, 4, began + MS, 2 * MS, SPIN);
    end(pool, timer, NULL, NULL);
}

static void busy(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(SET, 1);
    tpps_busy(20 * MS);
}

/* The only worker is in a callback: the gate waits, and is told of the step itself. */
SCENE(clock__r29_step_while_the_gate_waits)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_ticker(pool, A);
    tp_work_t *work = scene_pool_work(pool, busy, NULL);
    scene_submit(work, 1);
    if (work)
        scene_await(SET, 1);
    scene_timer_set(timer, TP_CLOCK_REALTIME, wall() + HOUR, 0, 0);
    tpps_sleep(6 * MS);
    tpps_step_realtime(HOUR);
    tpps_sleep(5 * MS);
    tpps_check(!scene_timer_stop(timer)); /* it has been posted */
    scene_finish(work);
    scene_timer_wait(timer);
    tpps_check(scene_latest(A) == (timer ? 1 : 0));
    end(pool, timer, NULL, NULL);
}

/* Nobody is in a pool that callers drive. */
SCENE(clock__r29_step_while_nobody_is_inside)
{
    tp_pool_t *pool = scene_driven(0);
    tp_timer_t *timer = scene_ticker(pool, A);
    int fd = -1;
    if (timer) {
        tpps_check(tp_pool_poll_fd(pool, &fd) == TP_OK);
        scene_timer_set(timer, TP_CLOCK_REALTIME, wall() + HOUR, 0, 0);
        tpps_check(!tpps_poll(fd, tpps_now() + MS));
        tpps_step_realtime(HOUR);
        tpps_check(tpps_poll(fd, tpps_now() + SPIN));
        tpps_check(tp_pool_run(pool, 0, 0, NULL) == TP_OK && scene_latest(A) == 1);
    }
    scene_timer_finish(timer);
    while (pool && tp_pool_run(pool, 0, 0, NULL) == TP_OK)
        ;
    scene_close_pool(pool);
}

/* ---- the machine sleeps ---------------------------------------------------------------------- */

/* The relative timer does not count it, the other two do. */
static void suspended(int64_t span, int64_t late)
{
    tp_pool_t *pool = scene_settled(0, 2);
    tp_timer_t *relative = scene_ticker(pool, A), *boot = scene_ticker(pool, B),
               *absolute = scene_ticker(pool, C);
    int64_t began = tpps_now();
    scene_timer_in(relative, 100 * MS);
    scene_timer_set(boot, TP_CLOCK_BOOTTIME, 10 * SECOND, 0, 0);
    scene_timer_set(absolute, TP_CLOCK_REALTIME, wall() + 20 * SECOND, 0, 0);
    tpps_sleep(MS);
    int64_t slept = tpps_now();
    tpps_suspend(span);
    scene_until(began + 60 * SECOND);
    if (relative && boot && absolute) {
        int64_t boot_due = began + 10 * SECOND - span, wall_due = began + 20 * SECOND - span;
        scene_check_ticks(A, 1, began + 100 * MS, 0, SPIN);
        scene_check_ticks(B, 1, boot_due > slept ? boot_due : slept, 0, late);
        scene_check_ticks(C, 1, wall_due > slept ? wall_due : slept, 0, late);
    }
    end(pool, relative, boot, absolute);
}

SCENE(clock__suspended_for_a_while)
{
    suspended(5 * SECOND, SPIN);
}

SCENE(clock__suspended_past_one_of_them)
{
    suspended(12 * SECOND, SPIN);
}

SCENE(clock__suspended_for_a_year)
{
    suspended(YEAR, SPIN);
}

SCENE(clock__suspended_and_nobody_told)
{
    tpps_hide_jumps(true);
    suspended(12 * SECOND, SECOND + SPIN);
}

/* [C-100] It slept for several periods: one at once, and the grid as it was. */
static void suspend_for_an_hour(void *ignored)
{
    (void)ignored;
    tpps_suspend(HOUR);
}

/* The sleep comes while a timeout is being set that counts it: whoever looks at the timers after
 * the sleep finds that one, or it knows of the sleep. The oracle sees one that comes late. */
SCENE(clock__suspended_while_a_wait_is_set)
{
    tp_pool_t *pool = scene_settled(0, 1);
    scene_wait_make(A, pool);
    tpps_thread other = tpps_spawn(suspend_for_an_hour, NULL);
    scene_wait_by(A, tp_waitable_never(), TP_CLOCK_BOOTTIME, 2 * SECOND);
    tpps_join(other);
    tpps_sleep(MS);
    scene_wait_finish(A);
    scene_close_pool(pool);
}

SCENE(clock__c100_suspended_for_many_periods)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_ticker(pool, A);
    int64_t began = tpps_now();
    scene_timer_set(timer, TP_CLOCK_BOOTTIME, 10 * MS, 10 * MS, 0);
    tpps_sleep(25 * MS);
    tpps_suspend(1000 * MS);
    scene_until(began + 43 * MS);
    if (timer) {
        tpps_check(scene_latest(A) == 5);
        tpps_check(scene_tick_at(A, 2) - (began + 25 * MS) <= SPIN);
        tpps_check(scene_tick_at(A, 3) - (began + 30 * MS) <= SPIN);
        tpps_check(scene_tick_at(A, 4) - (began + 40 * MS) <= SPIN);
    }
    end(pool, timer, NULL, NULL);
}

/* A process with timers that no clock's jump concerns sleeps through it. */
SCENE(clock__steps_do_not_disturb_relative_timers)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_ticker(pool, A);
    int64_t began = tpps_now();
    scene_timer_in(timer, 10 * MS);
    for (int i = 0; i < 4; i++) {
        tpps_step_realtime(i % 2 ? -30 * YEAR : 31 * YEAR);
        tpps_suspend(HOUR);
        tpps_sleep(MS);
    }
    scene_until(began + 20 * MS);
    if (timer)
        scene_check_ticks(A, 1, began + 10 * MS, 0, SPIN);
    end(pool, timer, NULL, NULL);
}

#define EXACT .no_early = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(clock__c114_an_hour_on_to_the_moment), EXACT},
    {SCENE_ROW(clock__c114_an_hour_on_past_it), EXACT},
    {SCENE_ROW(clock__c114_an_hour_on_but_not_so_far), EXACT},
    {SCENE_ROW(clock__c114_an_hour_back), EXACT},
    {SCENE_ROW(clock__c114_thirty_years_on), EXACT},
    {SCENE_ROW(clock__c114_three_hundred_days_back), EXACT},
    {SCENE_ROW(clock__c114_hidden_hour_on), EXACT},
    {SCENE_ROW(clock__c114_hidden_seconds_back), EXACT},
    {SCENE_ROW(clock__r29_thirty_years_back_and_on_again), EXACT},
    {SCENE_ROW(clock__r29_to_the_beginning_of_time_and_on_again), EXACT},
    {SCENE_ROW(clock__r29_before_1970_and_on_again), EXACT},
    {SCENE_ROW(clock__r29_set_after_the_clock_came_back), EXACT},
    {SCENE_ROW(clock__r29_to_the_last_moment), EXACT},
    {SCENE_ROW(clock__r29_to_the_last_moment_but_one), EXACT},
    {SCENE_ROW(clock__r29_almost_to_the_last_moment), EXACT},
    {SCENE_ROW(clock__r29_step_while_one_worker_falls_asleep), EXACT},
    {SCENE_ROW(clock__r29_step_while_a_new_pool_falls_asleep), EXACT},
    {SCENE_ROW(clock__r29_step_in_a_pool_made_since), EXACT},
    {SCENE_ROW(clock__r29_step_while_it_goes_to_work), EXACT},
    {SCENE_ROW(clock__r29_many_steps), EXACT},
    {SCENE_ROW(clock__period_after_the_first_is_monotonic), EXACT},
    {SCENE_ROW(clock__r29_step_while_the_gate_waits), EXACT},
    {SCENE_ROW(clock__r29_step_while_nobody_is_inside), EXACT, .no_faults = true},
    {SCENE_ROW(clock__suspended_for_a_while), EXACT},
    {SCENE_ROW(clock__suspended_past_one_of_them), EXACT},
    {SCENE_ROW(clock__suspended_for_a_year), EXACT},
    {SCENE_ROW(clock__suspended_and_nobody_told), EXACT},
    {SCENE_ROW(clock__suspended_while_a_wait_is_set), EXACT},
    {SCENE_ROW(clock__c100_suspended_for_many_periods), EXACT},
    {SCENE_ROW(clock__steps_do_not_disturb_relative_timers), EXACT},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
