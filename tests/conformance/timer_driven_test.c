/* timer_driven_test.c - timers of caller-driven pools: who waits inside, and who polls outside. */
#include "tests/conformance/driven_scene.h"
#include "tests/conformance/timer_scene.h"

/* ---- pools ----------------------------------------------------------------------------------- */

/* s->pool has no threads; the timer is made. */
static void driven_begin(struct timer_scene *s, uint32_t maximum, tp_timer_fn callback)
{
    scene_prepare_on(s, driven(maximum));
    scene_make(s, callback);
}

/* ---- inside ---------------------------------------------------------------------------------- */

STAGE_TEST(timer_driven__run_returns_when_the_timer_is_due)
{
    struct timer_scene s;
    uint32_t ran = 0, before = stage_library_threads();
    driven_begin(&s, 1, tick);
    int64_t due = stage_now() + 10 * STAGE_MS;
    stage_expect(!set_once(s.timer, 10 * STAGE_MS));
    stage_expect_eq(tp_pool_run(s.pool, 0, TP_INFINITE, &ran), TP_OK);
    stage_expect_eq(ran, 1);
    stage_expect_eq(stage_value(&s.ticks.runs), 1);
    expect_at(tick_at(&s.ticks, 0), due);
    expect_at(stage_now(), due);
    stage_expect_eq(tpp_load_acquire(&s.ticks.thread), stage_self());
    stage_expect(stage_library_threads() <= before);
    stage_expect_eq(stage_stats(s.pool).threads, 0);
    scene_end(&s);
}

STAGE_TEST(timer_driven__run_with_less_time_than_that)
{
    struct timer_scene s;
    uint32_t ran = 9;
    int64_t span = stage_times(2 * STAGE_S, 50 * STAGE_MS);
    driven_begin(&s, 1, tick);
    int64_t now = stage_now();
    stage_expect(!set_once(s.timer, span));
    stage_expect_eq(turn(s.pool, 0), 0);
    stage_expect_eq(tp_pool_run(s.pool, 0, 5 * STAGE_MS, &ran), TP_ERR_TIMEOUT);
    stage_expect_eq(ran, 0);
    expect_at(stage_now(), now + 5 * STAGE_MS);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
    if (stage_in_simulator) {
        stage_expect_eq(tp_pool_run(s.pool, 0, span, &ran), TP_OK);
        stage_expect_eq(ran, 1);
        expect_at(tick_at(&s.ticks, 0), now + span);
    }
    scene_end(&s);
}

/* Nobody was inside when it was due: it is found at the next call. */
STAGE_TEST(timer_driven__due_while_nobody_is_inside)
{
    struct timer_scene s;
    driven_begin(&s, 1, tick);
    stage_expect(!set_once(s.timer, 5 * STAGE_MS));
    stage_pass(20 * STAGE_MS);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
    stage_expect_eq(turn(s.pool, 0), 1);
    stage_expect_eq(turn(s.pool, 0), 0);
    stage_expect(!set_once(s.timer, 0));
    stage_expect_eq(turn(s.pool, 0), 1);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 2);
}

STAGE_TEST(timer_driven__period_runs_on_the_grid)
{
    struct timer_scene s;
    uint32_t ran = 0, all = 0;
    driven_begin(&s, 1, tick);
    int64_t now = stage_now();
    stage_expect(!set_every(s.timer, 0, 10 * STAGE_MS));
    while (all < 5) {
        stage_expect_eq(tp_pool_run(s.pool, 1, TP_INFINITE, &ran), TP_OK);
        stage_expect_eq(ran, 1);
        all += ran;
    }
    for (uint32_t i = 0; i < 5; i++)
        expect_at(tick_at(&s.ticks, i), now + i * 10 * STAGE_MS);
    stage_expect(stop(s.timer));
    stage_expect_eq(tp_timer_wait(s.timer, true, TP_INFINITE), TP_OK);
    scene_end(&s);
}

static void run_once(void *context)
{
    struct ticks *ticks = context;
    stage_add(&ticks->told, 1);
    turn_once(ticks->pool);
}

/* Who sleeps inside without a timer, or for a later one, wakes up for the one that is set now. */
STAGE_TEST(timer_driven__set_reaches_who_is_inside_already)
{
    struct timer_scene s;
    struct ticks far = {0};
    driven_begin(&s, 2, tick);
    tp_timer_t *later = make_timer(tick, &far, s.env);
    for (uint32_t i = 0; i < 2; i++) {
        stage_thread_t thread = stage_start(run_once, &s.ticks);
        stage_await(&s.ticks.told, i + 1);
        stage_rest();
        int64_t due = stage_now() + 5 * STAGE_MS;
        stage_expect(!set_once(s.timer, 5 * STAGE_MS));
        stage_join(thread);
        stage_expect_eq(stage_value(&s.ticks.runs), i + 1);
        expect_at(tick_at(&s.ticks, i), due);
        if (i == 0)
            stage_expect(!set_once(later, FAR_AWAY));
    }
    stage_expect(stop(later));
    finish_timer(later);
    scene_end(&s);
}

/* Two are inside: each expiry wakes one of them. */
STAGE_TEST(timer_driven__two_callers_share_two_expiries)
{
    struct timer_scene s;
    driven_begin(&s, 2, tick);
    stage_thread_t a = stage_start(run_once, &s.ticks), b = stage_start(run_once, &s.ticks);
    stage_await(&s.ticks.told, 2);
    stage_expect(!set_every(s.timer, 5 * STAGE_MS, 5 * STAGE_MS));
    stage_join(a);
    stage_join(b);
    stage_expect_eq(stage_value(&s.ticks.runs), 2);
    stage_expect(stop(s.timer));
    stage_expect_eq(tp_timer_wait(s.timer, true, TP_INFINITE), TP_OK);
    scene_end(&s);
}

STAGE_TEST(timer_driven__merges_windows)
{
    struct timer_scene s;
    struct ticks other = {0};
    driven_begin(&s, 1, tick);
    tp_timer_t *second = make_timer(tick, &other, s.env);
    int64_t now = stage_now();
    stage_expect(!set_window(s.timer, 10 * STAGE_MS, 20 * STAGE_MS));
    stage_expect(!set_window(second, 25 * STAGE_MS, 0));
    while (stage_value(&s.ticks.runs) + stage_value(&other.runs) < 2)
        stage_expect_eq(tp_pool_run(s.pool, 0, TP_INFINITE, NULL), TP_OK);
    if (stage_in_simulator)
        expect_at(tick_at(&s.ticks, 0), now + 25 * STAGE_MS);
    expect_within(tick_at(&s.ticks, 0), now + 10 * STAGE_MS, now + 30 * STAGE_MS);
    expect_at(tick_at(&other, 0), now + 25 * STAGE_MS);
    finish_timer(second);
    scene_end(&s);
}

/* ---- outside --------------------------------------------------------------------------------- */

/* The descriptor becomes readable when a timer is due, though nobody is in tp_pool_run. */
STAGE_TEST(timer_driven__descriptor_is_readable_when_a_timer_is_due)
{
    struct timer_scene s;
    int fd = -1;
    driven_begin(&s, 1, tick);
    stage_expect_eq(tp_pool_poll_fd(s.pool, &fd), TP_OK);
    int64_t due = stage_now() + 20 * STAGE_MS;
    stage_expect(!set_once(s.timer, 20 * STAGE_MS));
    stage_expect(!stage_in_simulator || lowered(s.pool, fd));
    uint32_t ran = 0, empty = 0;
    while (ran == 0 && empty < 100 && wait_readable(fd)) {
        ran = turn(s.pool, 0);
        empty += ran == 0; /* readable for nothing, once in a while */
    }
    stage_expect_eq(ran, 1);
    expect_at(tick_at(&s.ticks, 0), due);
    stage_expect_eq(turn(s.pool, 0), 0);
    stage_expect(lowered(s.pool, fd));
    due = stage_now();
    stage_expect(!set_once(s.timer, 0));
    stage_expect(wait_readable(fd)); /* at once, or when the gate has done what it is just at */
    stage_expect_eq(turn(s.pool, 0), 1);
    expect_at(tick_at(&s.ticks, 1), due);
    stage_expect(lowered(s.pool, fd));
    scene_end(&s);
}

/* Armed before there was a descriptor, and due before too. */
STAGE_TEST(timer_driven__descriptor_that_is_asked_for_late)
{
    struct timer_scene s;
    int fd = -1;
    driven_begin(&s, 1, tick);
    int64_t due = stage_now() + 10 * STAGE_MS;
    stage_expect(!set_every(s.timer, 10 * STAGE_MS, 30 * STAGE_MS));
    stage_pass(15 * STAGE_MS);
    stage_expect_eq(tp_pool_poll_fd(s.pool, &fd), TP_OK);
    for (uint32_t all = 0, turns = 0; all < 2 && turns < 100; turns++) {
        stage_expect(wait_readable(fd));
        all += turn(s.pool, 0);
    }
    stage_expect(stage_value(&s.ticks.runs) >= 2);
    expect_within(tick_at(&s.ticks, 0), due, due + 5 * STAGE_MS);
    expect_at(tick_at(&s.ticks, 1), due + 30 * STAGE_MS);
    stage_expect(stop(s.timer));
    stage_expect_eq(tp_timer_wait(s.timer, true, TP_INFINITE), TP_OK);
    scene_end(&s);
}

/* An event loop that calls in only when the descriptor is readable gets every tick. */
STAGE_TEST(timer_driven__event_loop_gets_each_tick)
{
    struct timer_scene s;
    int fd = -1;
    uint32_t calls = 0;
    driven_begin(&s, 1, tick);
    stage_expect_eq(tp_pool_poll_fd(s.pool, &fd), TP_OK);
    int64_t now = stage_now();
    stage_expect(!set_every(s.timer, 5 * STAGE_MS, 5 * STAGE_MS));
    while (stage_value(&s.ticks.runs) < 10 && calls < 1000 && wait_readable(fd)) {
        (void)turn(s.pool, 0);
        calls++;
    }
    stage_expect(stage_value(&s.ticks.runs) >= 10);
    for (uint32_t i = 0; i < 10; i++)
        expect_at(tick_at(&s.ticks, i), now + (i + 1) * 5 * STAGE_MS);
    stage_expect(calls <= 2 * 10 + 5 || !stage_in_simulator);
    stage_expect(stop(s.timer));
    stage_expect_eq(tp_timer_wait(s.timer, true, TP_INFINITE), TP_OK);
    scene_end(&s);
}

/* ---- ends ------------------------------------------------------------------------------------ */

STAGE_TEST(timer_driven__shutdown_disarms)
{
    struct timer_scene s;
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    driven_begin(&s, 1, tick);
    stage_expect(!set_every(s.timer, 0, FAR_AWAY));
    stage_expect_eq(tp_pool_close(s.pool), TP_ERR_BUSY);
    stage_expect_eq(tp_pool_shutdown(s.pool, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&s.ticks.runs), 1); /* it had expired: run by this thread */
    tpp_store_release(&s.ticks.over, 1);
    stage_expect_eq(tp_timer_set(s.timer, &spec, NULL), TP_ERR_CLOSED);
    stage_expect(!stop(s.timer));
    stage_expect_eq(tp_timer_close(s.timer), TP_OK);
    stage_await(&s.ticks.released, 1);
    tp_env_destroy(s.env);
}

static void run_until_closed(void *context)
{
    struct ticks *ticks = context;
    tp_status_t status = TP_OK;
    stage_add(&ticks->told, 1);
    while (status == TP_OK)
        status = tp_pool_run(ticks->pool, 0, TP_INFINITE, NULL);
    stage_expect(status == TP_ERR_CLOSED || status == TP_ERR_HANDLE);
}

/* Who sleeps inside until a timer is due is sent away. */
STAGE_TEST(timer_driven__shutdown_sends_the_sleeper_away)
{
    struct timer_scene s;
    driven_begin(&s, 2, tick);
    stage_expect(!set_once(s.timer, FAR_AWAY));
    stage_thread_t thread = stage_start(run_until_closed, &s.ticks);
    stage_await(&s.ticks.told, 1);
    stage_rest();
    stage_expect_eq(tp_pool_shutdown(s.pool, true, TP_INFINITE), TP_OK);
    stage_join(thread);
    stage_expect_eq(tp_timer_close(s.timer), TP_OK);
    stage_await(&s.ticks.released, 1);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
    tp_env_destroy(s.env);
}

#define TIMED(name) STAGE_CASE_X(name, .no_early = true)

STAGE_MAIN(TIMED(timer_driven__run_returns_when_the_timer_is_due),
           TIMED(timer_driven__run_with_less_time_than_that),
           TIMED(timer_driven__due_while_nobody_is_inside),
           TIMED(timer_driven__period_runs_on_the_grid),
           TIMED(timer_driven__set_reaches_who_is_inside_already),
           TIMED(timer_driven__two_callers_share_two_expiries), TIMED(timer_driven__merges_windows),
           TIMED(timer_driven__descriptor_is_readable_when_a_timer_is_due),
           TIMED(timer_driven__descriptor_that_is_asked_for_late),
           TIMED(timer_driven__event_loop_gets_each_tick), TIMED(timer_driven__shutdown_disarms),
           TIMED(timer_driven__shutdown_sends_the_sleeper_away))
