/* timer_race_scenarios.c - set, stop, expiry, wait and close of a timer at once: each race has one
 * winner. */
#include "tests/scenario/scene_timer.h"

enum { RAN, OTHER, OVER = 4, RELEASED, CANCELLED, SETS, TAKEN, SHUT, STOPPING };

/* Nothing runs once somebody has been told that nothing will. */
static void tick(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    (void)timer;
    tpps_check(scene_latest(OVER) == 0 && scene_latest(RELEASED) == 0);
    scene_tick_now(RAN);
}

static tp_timer_t *ticker(tp_pool_t *pool)
{
    return scene_released_timer(pool, tick, RELEASED);
}

/* ---- stop against expiry --------------------------------------------------------------------- */

/* True: no callback ever comes from that arming. False: a wait returns after it. */
static void stop_and_judge(tp_timer_t *timer)
{
    scene_about(US);
    if (scene_timer_stop(timer)) {
        scene_add(OVER, 1);
        return;
    }
    scene_timer_wait(timer);
    tpps_check(!timer || scene_latest(RAN) == 1);
}

static void stop_against_expiry(uint32_t clock, int64_t due)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = ticker(pool);
    scene_timer_set(timer, clock, due, 0, 0);
    stop_and_judge(timer);
    tpps_sleep(MS);
    tpps_check(!timer || scene_latest(RAN) + scene_latest(OVER) == 1);
    scene_timer_close(timer);
    scene_close_pool(pool);
}

SCENE(timer_race__r03_stop_against_expiry)
{
    stop_against_expiry(TP_CLOCK_RELATIVE, US);
}

SCENE(timer_race__r03_stop_against_expiry_by_the_wall_clock)
{
    stop_against_expiry(TP_CLOCK_REALTIME, tpp_now(TPP_CLOCK_REALTIME) + US);
}

SCENE(timer_race__r03_stop_against_expiry_by_boottime)
{
    stop_against_expiry(TP_CLOCK_BOOTTIME, US);
}

/* Of two that stop it at most one hears that it was armed. */
static void stop_and_count(void *timer)
{
    scene_about(US);
    if (scene_timer_stop(timer))
        scene_add(TAKEN, 1);
}

SCENE(timer_race__r03_two_stops_against_expiry)
{
    tp_pool_t *pool = scene_pool(1, 2);
    tp_timer_t *timer = ticker(pool);
    scene_timer_in(timer, US);
    tpps_thread other = tpps_spawn(stop_and_count, timer);
    stop_and_count(timer);
    tpps_join(other);
    scene_timer_wait(timer);
    tpps_check(!timer || scene_latest(RAN) + scene_latest(TAKEN) == 1);
    scene_timer_close(timer);
    scene_close_pool(pool);
}

/* Once the stop of a periodic one has returned, and a wait after it, nothing comes any more. */
SCENE(timer_race__c095_stop_and_wait_of_a_period)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = ticker(pool);
    scene_timer_set(timer, TP_CLOCK_RELATIVE, US, 2 * US, 0);
    tpps_sleep(3 * US - 1 + (int64_t)tpps_choose(3));
    tpps_check(!timer || scene_timer_stop(timer)); /* [C-112] armed for the next one */
    scene_timer_cancel(timer);
    scene_add(OVER, 1);
    tpps_sleep(MS);
    scene_timer_close(timer);
    scene_close_pool(pool);
}

/* ---- each arming ends in one way ------------------------------------------------------------- */

/* [C-111] A reference is taken before each set, and dropped in the callback or by whoever hears
 * that an arming was replaced. */
static void drop_reference(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    (void)timer;
    scene_add(TAKEN, 1);
    tpps_check(scene_latest(TAKEN) <= scene_latest(SETS));
}

static void set_with_reference(tp_timer_t *timer, int64_t delay)
{
    if (!timer)
        return;
    scene_add(SETS, 1);
    if (scene_timer_in(timer, delay))
        scene_add(TAKEN, 1);
}

static void set_some(void *timer)
{
    for (int i = 0; i < 2; i++) {
        set_with_reference(timer, (int64_t)tpps_choose(3) * US);
        tpps_sleep((int64_t)tpps_choose(2) * US);
    }
}

static void stop_some(void *timer)
{
    for (int i = 0; i < 2; i++) {
        tpps_sleep((int64_t)tpps_choose(3) * US);
        if (scene_timer_stop(timer))
            scene_add(TAKEN, 1);
    }
}

static void balance(void (*first)(void *), void (*second)(void *))
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = scene_pool_timer(pool, drop_reference, NULL);
    tpps_thread a = tpps_spawn(first, timer), b = tpps_spawn(second, timer);
    set_some(timer);
    tpps_join(a);
    tpps_join(b);
    if (scene_timer_stop(timer))
        scene_add(TAKEN, 1);
    scene_timer_wait(timer);
    tpps_check(scene_latest(TAKEN) == scene_latest(SETS));
    tpps_sleep(MS);
    tpps_check(scene_latest(TAKEN) == scene_latest(SETS));
    scene_timer_close(timer);
    scene_close_pool(pool);
}

SCENE(timer_race__c111_three_setters)
{
    balance(set_some, set_some);
}

SCENE(timer_race__c111_two_setters_and_a_stopper)
{
    balance(set_some, stop_some);
}

SCENE(timer_race__c111_a_setter_and_two_stoppers)
{
    balance(stop_some, stop_some);
}

/* ---- a replaced arming ----------------------------------------------------------------------- */

/* The new one is never lost, and the old one comes once or not at all. */
static void replace(uint32_t clock)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = scene_pool_timer(pool, scene_tick, SCENE_WORD(RAN));
    int64_t began = tpps_now(), wall = tpp_now(TPP_CLOCK_REALTIME);
    int64_t from = clock == TP_CLOCK_REALTIME ? wall : clock == TP_CLOCK_MONOTONIC ? began : 0;
    scene_timer_in(timer, US);
    scene_about(US);
    uint32_t expected = scene_timer_set(timer, clock, from + 100 * US, 0, 0) ? 1 : 2;
    if (timer) {
        scene_await(RAN, expected);
        tpps_sleep(MS);
        scene_timer_wait(timer);
        tpps_check(scene_latest(RAN) == expected);
        tpps_check(scene_tick_at(RAN, expected - 1) >= began + 100 * US);
        tpps_check(scene_tick_at(RAN, 0) >= began + US);
        tpps_check(!scene_timer_stop(timer));
    }
    scene_timer_close(timer);
    scene_close_pool(pool);
}

SCENE(timer_race__r01_replaced_arming_keeps_the_new)
{
    replace(TP_CLOCK_RELATIVE);
}

SCENE(timer_race__r01_replaced_by_another_clock)
{
    replace(TP_CLOCK_REALTIME);
}

SCENE(timer_race__r01_replaced_by_the_same_clock_said_otherwise)
{
    replace(TP_CLOCK_MONOTONIC);
}

/* After the set no expiry of the old grid comes: just one of the new. */
static void end_of_a_period(int64_t new_period)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = scene_pool_timer(pool, scene_tick, SCENE_WORD(RAN));
    scene_timer_set(timer, TP_CLOCK_RELATIVE, US, 2 * US, 0);
    tpps_sleep(3 * US - 1 + (int64_t)tpps_choose(3));
    tpps_check(!timer || scene_timer_set(timer, TP_CLOCK_RELATIVE, SECOND, new_period, 0));
    int64_t set = tpps_now();
    scene_timer_wait(timer);
    uint32_t before = scene_latest(RAN);
    bool in_time = tpps_now() < set + SECOND; /* then it has not come yet */
    if (timer && in_time)
        scene_await(RAN, before + 1);
    else
        tpps_sleep(SECOND / 2);
    bool early = tpps_now() < set + SECOND + new_period;
    tpps_check(scene_timer_stop(timer) == (timer && new_period > 0));
    scene_timer_wait(timer);
    uint32_t after = scene_latest(RAN) - before;
    tpps_check(!timer || after == 1 || !in_time || !early);
    scene_timer_close(timer);
    scene_close_pool(pool);
}

SCENE(timer_race__r26_period_replaced_by_a_longer_one)
{
    end_of_a_period(SECOND);
}

SCENE(timer_race__r26_period_replaced_by_none)
{
    end_of_a_period(0);
}

/* ---- at once --------------------------------------------------------------------------------- */

static void set_zero(void *timer)
{
    bool was_armed;
    for (int i = 0; i < 2; i++)
        if (scene_timer_try(timer, 0, 0, &was_armed) == TP_OK) {
            tpps_check(!was_armed);
            scene_add(SETS, 1);
        }
}

/* Each set that was accepted has made its post by then. */
SCENE(timer_race__r27_zero_set_against_close)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = ticker(pool);
    if (timer) {
        tpps_thread setter = tpps_spawn(set_zero, timer);
        tpps_point();
        scene_timer_close(timer);
        tpps_join(setter);
        scene_await(RELEASED, 1);
        tpps_check(scene_latest(RAN) == scene_latest(SETS));
        tpps_sleep(MS);
        tpps_check(scene_latest(RAN) == scene_latest(SETS));
    }
    scene_close_pool(pool);
}

SCENE(timer_race__r27_zero_set_against_stop)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = scene_pool_timer(pool, scene_tick, SCENE_WORD(RAN));
    if (timer) {
        tpps_thread setter = tpps_spawn(set_zero, timer);
        tpps_check(!scene_timer_stop(timer));
        tpps_join(setter);
        tpps_check(scene_latest(SETS) == 2);
        scene_timer_wait(timer);
        tpps_check(scene_latest(RAN) == 2);
    }
    scene_timer_close(timer);
    scene_close_pool(pool);
}

/* The post is made within the set: a wait after it finds it. */
SCENE(timer_race__r27_zero_set_then_wait)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = scene_pool_timer(pool, scene_tick, SCENE_WORD(RAN));
    for (uint32_t i = 1; timer && i <= 3; i++) {
        tpps_check(!scene_timer_in(timer, i == 2 ? -1 : 0));
        tpps_check(!scene_timer_stop(timer)); /* [C-090] it is posted */
        scene_timer_wait(timer);
        tpps_check(scene_latest(RAN) == i);
    }
    scene_timer_close(timer);
    scene_close_pool(pool);
}

/* ---- close ----------------------------------------------------------------------------------- */

static void set_until_closed(void *timer)
{
    bool was_armed;
    for (int i = 0; i < 3; i++)
        (void)scene_timer_try(timer, (int64_t)tpps_choose(3) * US, 2 * US, &was_armed);
}

SCENE(timer_race__set_against_close)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = ticker(pool);
    if (timer) {
        tpps_thread a = tpps_spawn(set_until_closed, timer);
        tpps_sleep((int64_t)tpps_choose(4) * US);
        scene_timer_close(timer);
        tpps_join(a);
        scene_await(RELEASED, 1);
        tpps_sleep(MS);
        tpps_check(scene_latest(RELEASED) == 1);
    }
    scene_close_pool(pool);
}

static void close_it(void *timer)
{
    scene_about(US);
    if (scene_or_stale(tp_timer_close(timer)))
        scene_add(TAKEN, 1);
}

static void closes_against_expiry(int64_t period)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = ticker(pool);
    if (timer) {
        scene_timer_set(timer, TP_CLOCK_RELATIVE, US, period, 0);
        tpps_thread other = tpps_spawn(close_it, timer);
        close_it(timer);
        tpps_join(other);
        tpps_check(scene_latest(TAKEN) == 1);
        scene_await(RELEASED, 1);
        tpps_check(period > 0 || scene_latest(RAN) <= 1);
        tpps_sleep(MS);
        tpps_check(scene_latest(RELEASED) == 1);
    }
    scene_close_pool(pool);
}

SCENE(timer_race__two_closes_against_expiry)
{
    closes_against_expiry(0);
}

SCENE(timer_race__two_closes_against_a_period)
{
    closes_against_expiry(US);
}

/* [C-095] No callback begins after the close. */
SCENE(timer_race__c095_stop_wait_close_against_expiry)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = ticker(pool);
    scene_timer_set(timer, TP_CLOCK_RELATIVE, US, tpps_choose(2) ? US : 0, 0);
    scene_about(US);
    scene_timer_stop(timer);
    scene_timer_cancel(timer);
    scene_timer_close(timer);
    scene_add(OVER, 1);
    tpps_sleep(MS);
    tpps_check(scene_latest(RELEASED) == (timer ? 1 : 0));
    scene_close_pool(pool);
}

/* ---- from its own callback ------------------------------------------------------------------- */

static void close_own(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    if (scene_or_stale(tp_timer_close(timer)))
        scene_add(TAKEN, 1);
    scene_add(RAN, 1);
}

SCENE(timer_race__closed_by_its_callback_and_by_others)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = scene_released_timer(pool, close_own, RELEASED);
    if (timer) {
        scene_timer_every(timer, US);
        bool also = tpps_choose(2);
        tpps_thread other = also ? tpps_spawn(close_it, timer) : 0;
        if (also)
            tpps_join(other);
        scene_await(RELEASED, 1);
        tpps_check(scene_latest(TAKEN) == 1);
    }
    scene_close_pool(pool);
}

/* It sets itself anew unless it is to stop, and looks again after it. */
static void set_own(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    bool was_armed;
    tick(instance, context, timer);
    if (scene_latest(STOPPING))
        return;
    (void)scene_timer_try(timer, US, 0, &was_armed);
    if (scene_latest(STOPPING))
        (void)tp_timer_set(timer, NULL, NULL);
}

SCENE(timer_race__r08_own_set_against_stop_wait_close)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = scene_released_timer(pool, set_own, RELEASED);
    scene_timer_in(timer, US);
    tpps_sleep(US * tpps_choose(5));
    scene_add(STOPPING, 1);
    scene_timer_stop(timer);
    scene_timer_cancel(timer);
    scene_add(OVER, 1);
    tpps_sleep(MS);
    tpps_check(!timer || !scene_timer_stop(timer));
    scene_timer_close(timer);
    scene_close_pool(pool);
}

/* Without the flag a callback may come after the wait: but none of a post made after the close. */
SCENE(timer_race__r08_own_set_against_close)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = scene_released_timer(pool, set_own, RELEASED);
    scene_timer_in(timer, US);
    tpps_sleep(US * tpps_choose(5));
    scene_timer_stop(timer);
    scene_timer_cancel(timer);
    scene_timer_close(timer);
    if (timer)
        scene_await(RELEASED, 1);
    tpps_sleep(MS);
    scene_close_pool(pool);
}

/* [C-096] One after another, each a delay after the one before. */
SCENE(timer_race__c096_self_setting_chain)
{
    tp_pool_t *pool = scene_pool(0, 3);
    tp_timer_t *timer = scene_pool_timer(pool, set_own, NULL);
    scene_timer_in(timer, US);
    if (timer)
        scene_await(RAN, 6);
    scene_add(STOPPING, 1);
    scene_timer_stop(timer);
    scene_timer_wait(timer);
    for (uint32_t i = 1; timer && i < 6; i++)
        tpps_check(scene_tick_at(RAN, i) - scene_tick_at(RAN, i - 1) >= US);
    scene_timer_close(timer);
    scene_close_pool(pool);
}

/* While ticks go on and on, time must not pass before all that is due has been done. */
#define TICKS_ON .no_early = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(timer_race__r03_stop_against_expiry)},
    {SCENE_ROW(timer_race__r03_stop_against_expiry_by_the_wall_clock)},
    {SCENE_ROW(timer_race__r03_stop_against_expiry_by_boottime)},
    {SCENE_ROW(timer_race__r03_two_stops_against_expiry)},
    {SCENE_ROW(timer_race__c095_stop_and_wait_of_a_period), TICKS_ON},
    {SCENE_ROW(timer_race__c111_three_setters)},
    {SCENE_ROW(timer_race__c111_two_setters_and_a_stopper)},
    {SCENE_ROW(timer_race__c111_a_setter_and_two_stoppers)},
    {SCENE_ROW(timer_race__r01_replaced_arming_keeps_the_new)},
    {SCENE_ROW(timer_race__r01_replaced_by_another_clock)},
    {SCENE_ROW(timer_race__r01_replaced_by_the_same_clock_said_otherwise)},
    {SCENE_ROW(timer_race__r26_period_replaced_by_a_longer_one), TICKS_ON},
    {SCENE_ROW(timer_race__r26_period_replaced_by_none), TICKS_ON},
    {SCENE_ROW(timer_race__r27_zero_set_against_close)},
    {SCENE_ROW(timer_race__r27_zero_set_against_stop)},
    {SCENE_ROW(timer_race__r27_zero_set_then_wait)},
    {SCENE_ROW(timer_race__set_against_close), TICKS_ON},
    {SCENE_ROW(timer_race__two_closes_against_expiry)},
    {SCENE_ROW(timer_race__two_closes_against_a_period), TICKS_ON},
    {SCENE_ROW(timer_race__c095_stop_wait_close_against_expiry), TICKS_ON},
    {SCENE_ROW(timer_race__closed_by_its_callback_and_by_others), TICKS_ON},
    {SCENE_ROW(timer_race__r08_own_set_against_stop_wait_close), TICKS_ON},
    {SCENE_ROW(timer_race__r08_own_set_against_close), TICKS_ON},
    {SCENE_ROW(timer_race__c096_self_setting_chain), TICKS_ON},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
