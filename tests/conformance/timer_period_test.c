/* timer_period_test.c - timers with a period: the grid, slow callbacks, stalls, skipping. */
#include "tests/conformance/timer_scene.h"

#ifdef TPP_SIM
#include "core/os/sim/sim.h"
#else
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#endif

static bool set_skipping(tp_timer_t *timer, int64_t due, int64_t period)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.due = due;
    spec.period = period;
    spec.flags = TP_TIMER_SKIP_MISSED;
    return set_spec(timer, &spec);
}

/* The nth callback is not before the nth time of the grid; in the simulator it is just then. */
static void expect_grid(struct ticks *ticks, uint32_t count, int64_t due, int64_t period)
{
    for (uint32_t i = 0; i < count; i++)
        expect_at(tick_at(ticks, i), due + i * period);
}

/* ---- the grid -------------------------------------------------------------------------------- */

STAGE_TEST(timer_period__c086_three_ticks)
{
    struct timer_scene s;
    int64_t period = stage_times(10, 200) * STAGE_MS;
    scene_begin(&s, stage_times(1, 2), tick);
    int64_t due = stage_now() + period;
    stage_expect(!set_every(s.timer, period, period));
    stage_await(&s.ticks.runs, 3);
    expect_grid(&s.ticks, 3, due, period);
    stage_expect(is_set(s.timer));
    scene_end(&s);
}

/* C-087, D-29: the first at once, the others a period apart. */
STAGE_TEST(timer_period__c087_due_now_with_a_period)
{
    struct timer_scene s;
    int64_t period = stage_times(5, 100) * STAGE_MS;
    scene_begin(&s, stage_times(1, 2), tick);
    int64_t now = stage_now();
    stage_expect(!set_every(s.timer, 0, period));
    stage_await(&s.ticks.runs, 4);
    expect_grid(&s.ticks, 4, now, period);
    scene_end(&s);
}

STAGE_TEST(timer_period__c088_fifty_ticks_do_not_drift)
{
    struct timer_scene s;
    int64_t period = stage_times(2, 20) * STAGE_MS;
    scene_begin(&s, stage_times(1, 2), tick);
    int64_t due = stage_now() + period;
    stage_expect(!set_every(s.timer, period, period));
    stage_await(&s.ticks.runs, 50);
    expect_grid(&s.ticks, 50, due, period);
    scene_end(&s);
}

/* after another set nothing of the old grid comes. */
STAGE_TEST(timer_period__set_again_begins_a_new_grid)
{
    struct timer_scene s;
    scene_begin(&s, stage_times(1, 2), tick);
    stage_expect(!set_every(s.timer, 10 * STAGE_MS, 10 * STAGE_MS));
    stage_await(&s.ticks.runs, 2);
    int64_t now = stage_now();
    stage_expect(set_every(s.timer, 25 * STAGE_MS, 30 * STAGE_MS));
    stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
    uint32_t before = stage_value(&s.ticks.runs); /* 2, but on a busy machine */
    stage_await(&s.ticks.runs, before + 2);
    expect_at(tick_at(&s.ticks, before + 1), now + 55 * STAGE_MS);
    if (stage_in_simulator) {
        stage_expect_eq(before, 2);
        expect_at(tick_at(&s.ticks, 2), now + 25 * STAGE_MS);
    }
    now = stage_now();
    stage_expect(set_once(s.timer, 15 * STAGE_MS)); /* and without a period there is no other */
    stage_pass(50 * STAGE_MS);
    if (stage_in_simulator) {
        stage_expect_eq(stage_value(&s.ticks.runs), 5);
        expect_at(tick_at(&s.ticks, 4), now + 15 * STAGE_MS);
    }
    scene_end(&s);
}

STAGE_TEST(timer_period__may_be_endless)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick);
    (void)set_every(s.timer, STAGE_MS, TP_INFINITE);
    stage_await(&s.ticks.runs, 1);
    (void)set_every(s.timer, 0, TP_INFINITE - 1); /* the sum is beyond all times */
    stage_await(&s.ticks.runs, 2);
    stage_pass(stage_times(20 * STAGE_MS, 100 * FAR_AWAY));
    stage_expect(is_set(s.timer));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 2);
}

static void stop_at_eight(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    if (stage_value(&ticks->runs) == 7)
        (void)stop(timer);
    tick(instance, context, timer);
}

/* More often than anybody can run it: it can be stopped all the same. */
STAGE_TEST(timer_period__of_a_nanosecond)
{
    struct timer_scene s;
    scene_prepare(&s, 2);
    stage_expect_eq(tp_env_set_concurrency_limit(s.env, 1), TP_OK);
    scene_make(&s, stop_at_eight);
    stage_expect(!set_every(s.timer, 0, 1));
    stage_await(&s.ticks.runs, 8);
    stage_expect_eq(tp_timer_wait(s.timer, true, TP_INFINITE), TP_OK);
    uint32_t runs = stage_value(&s.ticks.runs);
    stage_pass(STAGE_MS);
    stage_expect_eq(stage_value(&s.ticks.runs), runs);
    scene_end(&s);
}

/* ---- slow callbacks -------------------------------------------------------------------------- */

static void set_itself_anew(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    (void)instance;
    tick_begins(ticks);
    stage_pass(3 * STAGE_MS);
    if (!stage_in_simulator) /* a thread may be held up here until the next one is due */
        stage_leave(&ticks->peak);
    if (stage_value(&ticks->open) == 0)
        (void)set_once(timer, 2 * STAGE_MS);
    if (stage_in_simulator)
        stage_leave(&ticks->peak);
    stage_add(&ticks->runs, 1);
}

STAGE_TEST(timer_period__c096_self_rearming_never_overlaps)
{
    struct timer_scene s;
    scene_begin(&s, 2, set_itself_anew);
    int64_t due = stage_now() + STAGE_MS;
    stage_expect(!set_once(s.timer, STAGE_MS));
    stage_await(&s.ticks.runs, 4);
    expect_grid(&s.ticks, 4, due, 5 * STAGE_MS);
    for (uint32_t i = 1; i < 4; i++)
        stage_expect(tick_at(&s.ticks, i) - tick_at(&s.ticks, i - 1) >= 5 * STAGE_MS);
    stage_add(&s.ticks.open, 1); /* or it might set itself once it is closed */
    finish_timer(s.timer);       /* stopped before it set itself for the last time, or after */
    s.timer = NULL;
    scene_end(&s);
    stage_expect_eq(stage_most(&s.ticks.peak), 1);
}

STAGE_TEST(timer_period__c097_slow_callbacks_overlap)
{
    struct timer_scene s;
    scene_begin(&s, 3, tick_held);
    stage_expect(!set_every(s.timer, 0, 5 * STAGE_MS));
    stage_await(&s.ticks.started, 3); /* three at once */
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
    stage_expect(stop(s.timer));
    stage_add(&s.ticks.open, 1);
    scene_end(&s);
    stage_expect_eq(stage_most(&s.ticks.peak), 3);
}

static void tick_slowly(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    (void)instance;
    (void)timer;
    tick_begins(ticks);
    stage_pass(stage_times(4, 200) * STAGE_MS);
    tick_ends(ticks);
}

/* C-098: they pile up behind the only thread, none is lost, and all run. */
STAGE_TEST(timer_period__c098_posts_of_a_slow_callback_pile_up_on_one_thread)
{
    struct timer_scene s;
    int64_t period = stage_times(1, 50) * STAGE_MS, span = 20 * period;
    scene_begin(&s, 1, tick_slowly);
    int64_t began = stage_now();
    stage_expect(!set_every(s.timer, period, period));
    stage_await(&s.ticks.started, 1);
    stage_until(began + span + period / 2);
    stage_expect(stop(s.timer));
    int64_t passed = stage_now() - began;
    stage_expect(!stage_in_simulator || stage_value(&s.ticks.runs) < 7);
    stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
    uint32_t runs = stage_value(&s.ticks.runs);
    stage_expect(runs <= passed / period);
    stage_expect(!stage_in_simulator || runs == 20);
    stage_expect_eq(stage_most(&s.ticks.peak), 1);
    stage_expect_eq(stage_stats(s.pool).submitted, runs);
    scene_end(&s);
}

struct pending {
    tp_pool_t *pool;
    uint64_t posts;
};

static bool are_pending(void *context)
{
    struct pending *wanted = context;
    return stage_stats(wanted->pool).pending[1] >= wanted->posts;
}

STAGE_TEST(timer_period__c099_stop_and_wait_with_cancel_discard_the_backlog)
{
    struct stage_gate gate;
    struct ticks ticks = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_timer_t *timer = make_timer(tick, &ticks, env);
    struct pending three = {gate.pool, 3};
    stage_expect(!set_every(timer, 0, 10 * STAGE_MS));
    stage_expect(stage_eventually(are_pending, &three)); /* posted though nobody is free */
    stage_expect(stop(timer));
    stage_expect_eq(tp_timer_wait(timer, true, TP_INFINITE), TP_OK); /* the gate is still shut */
    stage_expect(stage_stats(gate.pool).cancelled >= 3);
    stage_gate_open(&gate);
    finish_timer(timer);
    stage_expect_eq(stage_value(&ticks.runs), 0);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* One after the other though threads are idle. */
STAGE_TEST(timer_period__concurrency_limit_keeps_callbacks_apart)
{
    struct timer_scene s;
    scene_prepare(&s, 3);
    stage_expect_eq(tp_env_set_concurrency_limit(s.env, 1), TP_OK);
    scene_make(&s, tick_held);
    stage_expect(!set_every(s.timer, 0, 5 * STAGE_MS));
    stage_await(&s.ticks.started, 1);
    stage_pass(22 * STAGE_MS);
    stage_expect_eq(stage_value(&s.ticks.started), 1);
    stage_expect(!stage_in_simulator || stage_stats(s.pool).pending[1] == 4);
    stage_expect(stop(s.timer));
    stage_add(&s.ticks.open, 1);
    stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
    stage_expect(!stage_in_simulator || stage_value(&s.ticks.runs) == 5);
    stage_expect_eq(stage_most(&s.ticks.peak), 1);
    scene_end(&s);
}

/* ---- skipped expiries ------------------------------------------------------------------------ */

STAGE_TEST(timer_period__skip_missed_keeps_one_post)
{
    struct stage_gate gate;
    struct ticks skipping = {0}, piling = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_timer_t *a = make_timer(tick, &skipping, env), *b = make_timer(tick, &piling, env);
    int64_t now = stage_now();
    stage_expect(!set_skipping(a, 10 * STAGE_MS, 10 * STAGE_MS));
    stage_expect(!set_every(b, 10 * STAGE_MS, 10 * STAGE_MS));
    stage_until(now + 55 * STAGE_MS);
    if (stage_in_simulator)
        stage_expect_eq(stage_stats(gate.pool).pending[1], 1 + 5);
    stage_expect(stop(b));
    stage_gate_open(&gate);
    stage_await(&skipping.runs, 2); /* it goes on, and on its grid */
    expect_at(tick_at(&skipping, 1), now + (stage_in_simulator ? 60 : 20) * STAGE_MS);
    finish_timer(a);
    finish_timer(b);
    stage_expect(stage_value(&piling.runs) >= 1);
    stage_expect(!stage_in_simulator || stage_value(&piling.runs) == 5);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* Also those that expire within the set; and only what is pending counts, not what runs. */
STAGE_TEST(timer_period__skip_missed_when_set_for_now)
{
    struct timer_scene s;
    scene_begin(&s, 1, tick_held);
    stage_expect(!set_skipping(s.timer, 0, 0));
    stage_await(&s.ticks.started, 1);
    for (int i = 0; i < 3; i++) {
        stage_expect(!set_skipping(s.timer, 0, 0));
        stage_expect_eq(stage_stats(s.pool).pending[1], 1);
    }
    stage_expect(!set_once(s.timer, 0)); /* it is for each set to say */
    stage_expect_eq(stage_stats(s.pool).pending[1], 2);
    stage_add(&s.ticks.open, 1);
    stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&s.ticks.runs), 3);
    stage_expect_eq(stage_stats(s.pool).submitted, 3);
    scene_end(&s);
}

/* ---- stalls ---------------------------------------------------------------------------------- */

/* C-100, D-30: ten and a half periods pass in no time. One expiry makes up for those that were
 * missed, and the next is at the next time of the grid. */
#ifdef TPP_SIM
STAGE_TEST(timer_period__c100_stall_is_one_expiry_and_the_grid_goes_on)
{
    struct timer_scene s;
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    scene_begin(&s, 2, tick);
    int64_t now = stage_now();
    spec.clock = TP_CLOCK_BOOTTIME;
    spec.due = spec.period = 100 * STAGE_MS;
    stage_expect(!set_spec(s.timer, &spec));
    stage_until(now + 150 * STAGE_MS);
    stage_expect_eq(stage_value(&s.ticks.runs), 1);
    tpps_suspend(1070 * STAGE_MS); /* by that clock it is 1220 */
    stage_until(now + 220 * STAGE_MS);
    stage_expect_eq(stage_value(&s.ticks.runs), 2);
    expect_at(tick_at(&s.ticks, 1), now + 150 * STAGE_MS);
    stage_await(&s.ticks.runs, 4);
    expect_at(tick_at(&s.ticks, 2), now + 230 * STAGE_MS); /* 1300 */
    expect_at(tick_at(&s.ticks, 3), now + 330 * STAGE_MS);
    scene_end(&s);
}
#else
/* Stops this process for so long. Only another one, which sleeps meanwhile, can let it go on. */
static void freeze(int64_t duration)
{
    struct timespec span = {.tv_sec = duration / STAGE_S, .tv_nsec = duration % STAGE_S};
    pid_t whole = getpid(), child = fork();
    if (child == 0) {
        kill(whole, SIGSTOP);
        nanosleep(&span, NULL);
        kill(whole, SIGCONT);
        _exit(0);
    }
    stage_expect(child > 0);
    stage_expect_eq(waitpid(child, NULL, 0), child);
}

STAGE_TEST(timer_period__c100_stall_is_one_expiry_and_the_grid_goes_on)
{
    struct timer_scene s;
    int64_t period = 20 * STAGE_MS;
    scene_begin(&s, 2, tick);
    int64_t began = stage_now();
    stage_expect(!set_every(s.timer, period, period));
    stage_await(&s.ticks.runs, 2);
    freeze(15 * period);
    uint32_t runs = stage_value(&s.ticks.runs);
    stage_await(&s.ticks.runs, runs + 3);
    stage_expect(stop(s.timer));
    /* Of the times of the grid 14 at least fell into the stop. */
    int64_t times = (stage_now() - began) / period;
    stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
    stage_expect(stage_value(&s.ticks.runs) <= times - 13);
    scene_end(&s);
}
#endif

/* That time has passed orders nothing: what was counted meanwhile may be seen late (.no_weak). */
STAGE_MAIN(STAGE_CASE_X(timer_period__c086_three_ticks, .no_early = true),
           STAGE_CASE_X(timer_period__c087_due_now_with_a_period, .no_early = true),
           STAGE_CASE_X(timer_period__c088_fifty_ticks_do_not_drift, .no_early = true),
           STAGE_CASE_X(timer_period__set_again_begins_a_new_grid, .no_early = true,
                        .no_weak = true),
           STAGE_CASE_X(timer_period__may_be_endless, .no_early = true),
           STAGE_CASE_X(timer_period__of_a_nanosecond, .no_early = true),
           STAGE_CASE_X(timer_period__c096_self_rearming_never_overlaps, .no_early = true),
           STAGE_CASE_X(timer_period__c097_slow_callbacks_overlap, .no_early = true),
           STAGE_CASE_X(timer_period__c098_posts_of_a_slow_callback_pile_up_on_one_thread,
                        .no_early = true),
           STAGE_CASE_X(timer_period__c099_stop_and_wait_with_cancel_discard_the_backlog,
                        .no_early = true),
           STAGE_CASE_X(timer_period__concurrency_limit_keeps_callbacks_apart, .no_early = true,
                        .no_weak = true),
           STAGE_CASE_X(timer_period__skip_missed_keeps_one_post, .no_early = true,
                        .no_weak = true),
           STAGE_CASE(timer_period__skip_missed_when_set_for_now),
           STAGE_CASE_X(timer_period__c100_stall_is_one_expiry_and_the_grid_goes_on,
                        .no_early = true, .no_weak = true))
