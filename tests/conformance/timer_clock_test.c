/* timer_clock_test.c - the four clocks of a timer: what moves each of them, and their ends. */
#include "tests/conformance/timer_scene.h"

/* ---- the world's clocks, of which only the simulator can dispose ----------------------------- */

#ifdef TPP_SIM
#include "core/os/sim/sim.h"
#define step_wall_clock(ns) tpps_step_realtime(ns)
#define sleep_deeply(ns) tpps_suspend(ns)
#else
#define step_wall_clock(ns) ((void)(ns))
#define sleep_deeply(ns) ((void)(ns))
#endif

#define SEC(n) ((n)*STAGE_S)

/* One timer on each clock, all due in the same span from now. */
struct clocks {
    struct ticks ticks[4];
    tp_timer_t *timers[4];
    tp_pool_t *pool;
    tp_env_t *env;
    int64_t began, span;
};

static void clocks_begin(struct clocks *c, int64_t span)
{
    *c = (struct clocks){.pool = stage_pool(2, 2), .span = span};
    c->env = stage_env(c->pool);
    for (uint32_t clock = 0; clock < 4; clock++)
        c->timers[clock] = make_timer(tick, &c->ticks[clock], c->env);
    c->began = stage_now();
    (void)set_clock(c->timers[TP_CLOCK_RELATIVE], TP_CLOCK_RELATIVE, span);
    (void)set_clock(c->timers[TP_CLOCK_BOOTTIME], TP_CLOCK_BOOTTIME, span);
    (void)set_clock(c->timers[TP_CLOCK_MONOTONIC], TP_CLOCK_MONOTONIC, c->began + span);
    (void)set_clock(c->timers[TP_CLOCK_REALTIME], TP_CLOCK_REALTIME,
                    tpp_now(TPP_CLOCK_REALTIME) + span);
}

/* All due in ten seconds, of which so much has passed. */
static void clocks_begin_until(struct clocks *c, int64_t passed)
{
    clocks_begin(c, SEC(10));
    stage_until(c->began + passed);
}

/* The timer on that clock has run, or runs, once: so long after the beginning. */
static void clocks_expect(struct clocks *c, uint32_t clock, int64_t after)
{
    stage_await(&c->ticks[clock].runs, 1);
    expect_at(tick_at(&c->ticks[clock], 0), c->began + after);
}

/* On two of the clocks nothing moves what is due. */
static void clocks_end(struct clocks *c)
{
    clocks_expect(c, TP_CLOCK_RELATIVE, c->span);
    clocks_expect(c, TP_CLOCK_MONOTONIC, c->span);
    stage_pass(stage_times(0, SEC(100)));
    for (uint32_t clock = 0; clock < 4; clock++) {
        finish_timer(c->timers[clock]);
        stage_expect_eq(stage_value(&c->ticks[clock].runs), 1);
    }
    tp_env_destroy(c->env);
    tp_pool_close(c->pool);
}

/* ---- where they agree ------------------------------------------------------------------------ */

STAGE_TEST(timer_clock__each_clock_comes)
{
    struct clocks c;
    int64_t span = stage_times(20, 2000) * STAGE_MS;
    clocks_begin(&c, span);
    clocks_expect(&c, TP_CLOCK_BOOTTIME, span);
    stage_await(&c.ticks[TP_CLOCK_REALTIME].runs, 1);
    if (stage_in_simulator)
        clocks_expect(&c, TP_CLOCK_REALTIME, span);
    clocks_end(&c);
}

STAGE_TEST(timer_clock__one_timer_on_each_clock_in_turn)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick);
    stage_expect(!set_clock(s.timer, TP_CLOCK_REALTIME, tpp_now(TPP_CLOCK_REALTIME) + FAR_AWAY));
    stage_expect(set_clock(s.timer, TP_CLOCK_BOOTTIME, FAR_AWAY));
    stage_expect(set_clock(s.timer, TP_CLOCK_MONOTONIC, stage_now() + FAR_AWAY));
    stage_expect_eq(stage_stats(s.pool).timers_armed, 1);
    int64_t due = stage_now() + 15 * STAGE_MS;
    stage_expect(set_clock(s.timer, TP_CLOCK_MONOTONIC, due));
    stage_await(&s.ticks.runs, 1);
    expect_at(tick_at(&s.ticks, 0), due);
    due = stage_now() + 15 * STAGE_MS;
    stage_expect(!set_clock(s.timer, TP_CLOCK_BOOTTIME, 15 * STAGE_MS));
    stage_await(&s.ticks.runs, 2);
    expect_at(tick_at(&s.ticks, 1), due);
    scene_end(&s);
}

/* ---- the wall clock is set ------------------------------------------------------------------- */

/* C-114: only what is told in its time moves. */
STAGE_TEST(timer_clock__c114_wall_clock_is_set_forward)
{
    struct clocks c;
    clocks_begin_until(&c, SEC(1));
    step_wall_clock(SEC(4));
    clocks_expect(&c, TP_CLOCK_REALTIME, SEC(6));
    clocks_expect(&c, TP_CLOCK_BOOTTIME, SEC(10));
    clocks_end(&c);
}

STAGE_TEST(timer_clock__c114_wall_clock_is_set_back)
{
    struct clocks c;
    clocks_begin_until(&c, SEC(1));
    step_wall_clock(-SEC(4));
    clocks_expect(&c, TP_CLOCK_BOOTTIME, SEC(10));
    stage_expect_eq(stage_value(&c.ticks[TP_CLOCK_REALTIME].runs), 0);
    clocks_expect(&c, TP_CLOCK_REALTIME, SEC(14));
    clocks_end(&c);
}

/* Beyond the due time it comes at once; and it does not come again when the clock goes back. */
STAGE_TEST(timer_clock__c114_wall_clock_is_set_beyond_the_due_time)
{
    struct clocks c;
    clocks_begin_until(&c, SEC(3));
    step_wall_clock(SEC(3600));
    clocks_expect(&c, TP_CLOCK_REALTIME, SEC(3));
    step_wall_clock(-SEC(7200));
    clocks_expect(&c, TP_CLOCK_RELATIVE, SEC(10));
    stage_expect(is_set(c.timers[TP_CLOCK_REALTIME]));
    clocks_end(&c);
}

/* To and fro, and set anew in between: each set counts from the time that the clock shows then,
 * beside others that were set before. */
STAGE_TEST(timer_clock__c114_set_after_the_wall_clock_was_set)
{
    struct timer_scene s;
    struct ticks far = {0};
    scene_begin(&s, 2, tick);
    tp_timer_t *other = make_timer(tick, &far, s.env);
    (void)set_clock(other, TP_CLOCK_REALTIME, tpp_now(TPP_CLOCK_REALTIME) + 1000 * FAR_AWAY);
    int64_t began = stage_now();
    for (uint32_t i = 0; i < 4; i++) {
        step_wall_clock(i % 2 ? SEC(1000) : -SEC(1000));
        (void)set_clock(s.timer, TP_CLOCK_REALTIME, tpp_now(TPP_CLOCK_REALTIME) + SEC(2));
        stage_await(&s.ticks.runs, i + 1);
        expect_at(tick_at(&s.ticks, i), began + SEC(2) * (i + 1));
    }
    stage_expect(stop(other));
    finish_timer(other);
    scene_end(&s);
    stage_expect_eq(stage_value(&far.runs), 0);
}

/* One timer, due in ten seconds on the wall clock; returns when it was set. */
static int64_t wall_clock_begin(struct timer_scene *s, int64_t period, int64_t window)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    scene_begin(s, 2, tick);
    int64_t began = stage_now();
    spec.clock = TP_CLOCK_REALTIME;
    spec.due = tpp_now(TPP_CLOCK_REALTIME) + SEC(10);
    spec.period = period;
    spec.window = window;
    stage_expect(!set_spec(s->timer, &spec));
    return began;
}

/* A window moves with its due time. */
STAGE_TEST(timer_clock__c114_window_on_the_wall_clock)
{
    struct timer_scene s;
    int64_t began = wall_clock_begin(&s, 0, SEC(5));
    step_wall_clock(SEC(3));
    stage_await(&s.ticks.runs, 1);
    expect_within(tick_at(&s.ticks, 0), began + SEC(7), began + SEC(12));
    scene_end(&s);
}

/* After the first expiry the grid counts on the monotonic clock. */
STAGE_TEST(timer_clock__c114_period_is_a_span_of_time)
{
    struct timer_scene s;
    int64_t began = wall_clock_begin(&s, SEC(3), 0);
    step_wall_clock(SEC(5));
    stage_await(&s.ticks.runs, 1);
    expect_at(tick_at(&s.ticks, 0), began + SEC(5));
    step_wall_clock(-SEC(500));
    stage_await(&s.ticks.runs, 2);
    expect_at(tick_at(&s.ticks, 1), began + SEC(8));
    step_wall_clock(SEC(1000));
    stage_await(&s.ticks.runs, 4);
    expect_at(tick_at(&s.ticks, 2), began + SEC(11));
    expect_at(tick_at(&s.ticks, 3), began + SEC(14));
    scene_end(&s);
}

/* ---- the machine sleeps ---------------------------------------------------------------------- */

STAGE_TEST(timer_clock__time_asleep_counts_on_two_of_them)
{
    struct clocks c;
    clocks_begin_until(&c, SEC(2));
    sleep_deeply(SEC(5));
    clocks_expect(&c, TP_CLOCK_BOOTTIME, SEC(5));
    clocks_expect(&c, TP_CLOCK_REALTIME, SEC(5));
    clocks_end(&c);
}

/* What has passed meanwhile comes when the machine wakes up. */
STAGE_TEST(timer_clock__due_while_asleep)
{
    struct clocks c;
    clocks_begin_until(&c, SEC(2));
    sleep_deeply(SEC(86400));
    clocks_expect(&c, TP_CLOCK_BOOTTIME, SEC(2));
    clocks_expect(&c, TP_CLOCK_REALTIME, SEC(2));
    clocks_end(&c);
}

/* ---- the ends -------------------------------------------------------------------------------- */

/* Sums that no clock will reach are armed, and can be stopped; nothing of them ever comes. */
STAGE_TEST(timer_clock__sums_beyond_all_times)
{
    struct timer_scene s;
    static const int64_t large[] = {TP_INFINITE, TP_INFINITE - 1, TP_INFINITE - STAGE_S,
                                    TP_INFINITE / 2};
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    scene_begin(&s, 1, tick);
    tpp_store_release(&s.ticks.over, 1);
    for (uint32_t clock = 0; clock < 4; clock++) {
        for (uint32_t i = 0; i < sizeof large / sizeof *large; i++) {
            bool absolute = clock == TP_CLOCK_REALTIME || clock == TP_CLOCK_MONOTONIC;
            if (absolute && i == 3)
                continue; /* that is a time like others */
            spec.clock = clock;
            spec.due = large[i];
            spec.period = i % 2 ? TP_INFINITE : 1;
            spec.window = i / 2 % 2 ? TP_INFINITE : 1;
            stage_expect(!set_spec(s.timer, &spec));
            stage_rest();
            stage_expect_eq(stage_stats(s.pool).timers_armed, 1);
            stage_expect(stop(s.timer));
        }
    }
    stage_expect_eq(stage_stats(s.pool).submitted, 0);
    scene_end(&s);
}

/* As far away as a wheel can hold it, beside one that is near: each finds its own. */
STAGE_TEST(timer_clock__near_beside_far)
{
    struct timer_scene s;
    struct ticks far[6] = {{.timer = NULL}};
    scene_begin(&s, 2, tick);
    int64_t span = STAGE_S;
    for (uint32_t i = 0; i < 6; i++, span *= 60) {
        far[i].timer = make_timer(tick, &far[i], s.env);
        tpp_store_release(&far[i].over, 1);
        stage_expect(!set_once(far[i].timer, 20 * STAGE_S + span));
    }
    int64_t now = stage_now();
    for (uint32_t i = 0; i < 3; i++) {
        stage_expect(!set_once(s.timer, 5 * STAGE_MS));
        stage_await(&s.ticks.runs, i + 1);
        expect_at(tick_at(&s.ticks, i), now + 5 * STAGE_MS);
        now = stage_now();
    }
    for (uint32_t i = 0; i < 6; i++) {
        stage_expect(stop(far[i].timer));
        finish_timer(far[i].timer);
    }
    scene_end(&s);
}

#define ONLY_SIM .no_early = true, .sim_only = true

STAGE_MAIN(STAGE_CASE_X(timer_clock__each_clock_comes, .no_early = true),
           STAGE_CASE_X(timer_clock__one_timer_on_each_clock_in_turn, .no_early = true),
           STAGE_CASE_X(timer_clock__c114_wall_clock_is_set_forward, ONLY_SIM),
           STAGE_CASE_X(timer_clock__c114_wall_clock_is_set_back, ONLY_SIM),
           STAGE_CASE_X(timer_clock__c114_wall_clock_is_set_beyond_the_due_time, ONLY_SIM),
           STAGE_CASE_X(timer_clock__c114_set_after_the_wall_clock_was_set, ONLY_SIM),
           STAGE_CASE_X(timer_clock__c114_window_on_the_wall_clock, ONLY_SIM),
           STAGE_CASE_X(timer_clock__c114_period_is_a_span_of_time, ONLY_SIM),
           STAGE_CASE_X(timer_clock__time_asleep_counts_on_two_of_them, ONLY_SIM),
           STAGE_CASE_X(timer_clock__due_while_asleep, ONLY_SIM),
           STAGE_CASE_X(timer_clock__sums_beyond_all_times, .no_early = true),
           STAGE_CASE_X(timer_clock__near_beside_far, .no_early = true))
