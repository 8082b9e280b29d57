/* timer_armed_test.c - what tp_timer_set tells about the arming it took away: D-15, R-03. */
#include "tests/conformance/timer_scene.h"

/* ---- the table, row by row ------------------------------------------------------------------- */

STAGE_TEST(timer_armed__c107_unset_is_false)
{
    struct timer_scene s;
    scene_begin(&s, 1, tick);
    stage_expect(!stop(s.timer));
    stage_expect(!set_once(s.timer, FAR_AWAY));
    stage_expect(stop(s.timer));
    stage_expect(!stop(s.timer));
    stage_expect(!set_once(s.timer, FAR_AWAY));
    stage_expect_eq(tp_timer_set(s.timer, NULL, NULL), TP_OK); /* nobody asks */
    stage_expect(!stop(s.timer));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
}

STAGE_TEST(timer_armed__c108_stop_of_an_armed_timer_is_true_and_no_callback_follows)
{
    struct timer_scene s;
    int64_t due = stage_times(60 * STAGE_S, 50 * STAGE_MS);
    scene_begin(&s, 2, tick);
    stage_expect(!set_once(s.timer, due));
    stage_expect(stop(s.timer));
    tpp_store_release(&s.ticks.over, 1);
    if (stage_in_simulator)
        stage_pass(3 * due);
    stage_expect_eq(stage_stats(s.pool).submitted, 0);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
}

STAGE_TEST(timer_armed__c109_false_while_the_callback_runs)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick_held);
    stage_expect(!set_once(s.timer, STAGE_MS));
    stage_await(&s.ticks.started, 1);
    stage_expect(!stop(s.timer));
    stage_expect_eq(tp_timer_wait(s.timer, false, 0), TP_ERR_TIMEOUT);
    stage_add(&s.ticks.open, 1);
    stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&s.ticks.runs), 1);
    scene_end(&s);
}

static bool one_is_pending(void *context)
{
    return stage_stats(context).pending[1] == 1;
}

STAGE_TEST(timer_armed__c110_false_while_the_post_is_queued)
{
    struct stage_gate gate;
    struct ticks ticks = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_timer_t *timer = make_timer(tick, &ticks, env);
    stage_expect(!set_once(timer, 5 * STAGE_MS));
    stage_expect(stage_eventually(one_is_pending, gate.pool));
    stage_expect(!stop(timer));
    stage_expect(!set_once(timer, FAR_AWAY));
    stage_expect(stop(timer));
    stage_gate_open(&gate);
    finish_timer(timer);
    stage_expect_eq(stage_value(&ticks.runs), 1);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

STAGE_TEST(timer_armed__c111_false_after_a_completed_one_shot)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick);
    for (uint32_t i = 1; i <= 3; i++) {
        stage_expect(!set_once(s.timer, i % 2 ? STAGE_MS : 0));
        stage_await(&s.ticks.runs, i);
        stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
        stage_expect(is_set(s.timer)); /* it is set, but not armed */
    }
    stage_expect(!stop(s.timer));
    scene_end(&s);
}

STAGE_TEST(timer_armed__c112_true_between_two_ticks)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick);
    stage_expect(!set_every(s.timer, 0, FAR_AWAY));
    stage_await(&s.ticks.runs, 1);
    stage_expect(set_every(s.timer, STAGE_MS, FAR_AWAY));
    stage_await(&s.ticks.runs, 2);
    stage_expect(stop(s.timer));
    stage_expect(!stop(s.timer));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 2);
}

/* Armed for ever is armed, on each clock. */
STAGE_TEST(timer_armed__never_is_armed)
{
    struct timer_scene s;
    scene_begin(&s, 1, tick);
    tpp_store_release(&s.ticks.over, 1);
    static const uint32_t clocks[] = {TP_CLOCK_RELATIVE, TP_CLOCK_REALTIME, TP_CLOCK_MONOTONIC,
                                      TP_CLOCK_BOOTTIME};
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        stage_expect_eq(set_clock(s.timer, clocks[i], TP_INFINITE), i > 0);
        stage_expect(is_set(s.timer));
        stage_expect_eq(stage_stats(s.pool).timers_armed, 1);
    }
    if (stage_in_simulator)
        stage_pass(1000 * FAR_AWAY);
    stage_expect(stop(s.timer));
    stage_expect_eq(stage_stats(s.pool).timers_armed, 0);
    stage_expect(!set_once(s.timer, TP_INFINITE));
    stage_expect(set_once(s.timer, FAR_AWAY));
    stage_expect(set_once(s.timer, TP_INFINITE));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
}

/* ---- exactly one winner ---------------------------------------------------------------------- */

static void dawdle(void)
{
    if (stage_in_simulator) {
        stage_pass(tpp_random() % 4 * 1000);
        return;
    }
    for (uint32_t spin = tpp_random() % 512; spin > 0; spin--)
        (void)stage_now();
}

/* A stop that took nothing away leaves exactly one run behind, and one that did leaves none. */
STAGE_TEST(timer_armed__r03_stop_against_expiry_has_one_winner)
{
    struct timer_scene s;
    uint32_t expected = 0, stopped = 0, rounds = stage_times(20000, 6);
    scene_begin(&s, 2, tick);
    for (uint32_t i = 0; i < rounds; i++) {
        stage_expect(!set_once(s.timer, 1 + tpp_random() % stage_times(20000, 3000)));
        dawdle();
        bool won = stop(s.timer);
        stopped += won;
        expected += !won;
        stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
        stage_expect_eq(stage_value(&s.ticks.runs), expected);
    }
    stage_expect(stage_in_simulator || (stopped > 0 && expected > 0));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), expected);
}

/* The protocol of C-111: each set takes a reference, dropped by the callback, or by whoever is told
 * that he has taken the expiry away. */
struct counted {
    struct timer_scene s;
    tpp_u32 references; /* 1000: none */
    tpp_u32 strange;
};

static void drop_reference(struct counted *counted)
{
    if (tpp_sub_acq_rel(&counted->references, 1) <= 1000)
        tpp_add_relaxed(&counted->strange, 1);
}

static void run_counted(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct counted *counted = context;
    (void)instance;
    (void)timer;
    drop_reference(counted);
    stage_add(&counted->s.ticks.runs, 1);
}

static int64_t any_due(void)
{
    uint32_t dice = tpp_random();
    switch (dice % 5) {
    case 0:
        return 0;
    case 1:
        return -1;
    case 2:
        return FAR_AWAY;
    default:
        return dice >> 8 & 0xffff;
    }
}

static void set_and_stop(void *context)
{
    struct counted *counted = context;
    for (int i = 0; i < stage_times(50000, 5); i++) {
        bool won;
        if (tpp_random() % 3 == 0) {
            won = stop(counted->s.timer);
        } else {
            tpp_add_acq_rel(&counted->references, 1);
            won = set_once(counted->s.timer, any_due());
        }
        if (won)
            drop_reference(counted);
        if (tpp_random() % 16 == 0)
            dawdle();
    }
}

STAGE_TEST(timer_armed__c111_references_balance)
{
    struct counted counted = {.strange = {0}};
    tpp_store_release(&counted.references, 1000);
    scene_prepare(&counted.s, 2);
    stage_expect_eq(tp_env_set_context_release(counted.s.env, NULL), TP_OK);
    counted.s.timer = make_timer(run_counted, &counted, counted.s.env);
    stage_thread_t other = stage_start(set_and_stop, &counted);
    set_and_stop(&counted);
    stage_join(other);
    if (stop(counted.s.timer))
        drop_reference(&counted);
    finish_timer(counted.s.timer);
    stage_expect_eq(tpp_load_acquire(&counted.references), 1000);
    stage_expect_eq(tpp_load_acquire(&counted.strange), 0);
    stage_expect_eq(stage_stats(counted.s.pool).executed, stage_value(&counted.s.ticks.runs));
    tp_env_destroy(counted.s.env);
    tp_pool_close(counted.s.pool);
}

struct setter {
    tp_timer_t *timer;
    uint32_t taken;
};

static void set_far(void *context)
{
    struct setter *setter = context;
    for (int i = 0; i < stage_times(5000, 3); i++)
        setter->taken += set_once(setter->timer, FAR_AWAY + i);
}

/* Of n armings made by several threads each takes away the one before it: all but the first. */
STAGE_TEST(timer_armed__each_arming_is_taken_away_once)
{
    struct timer_scene s;
    struct setter setters[3] = {{NULL, 0}};
    stage_thread_t threads[3];
    uint32_t taken = 0;
    scene_begin(&s, 1, tick);
    for (int i = 0; i < 3; i++) {
        setters[i].timer = s.timer;
        threads[i] = stage_start(set_far, &setters[i]);
    }
    for (int i = 0; i < 3; i++) {
        stage_join(threads[i]);
        taken += setters[i].taken;
    }
    stage_expect_eq(taken, 3 * (uint32_t)stage_times(5000, 3) - 1);
    stage_expect_eq(stage_stats(s.pool).timers_armed, 1);
    stage_expect(stop(s.timer));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
}

struct stopper {
    tp_timer_t *timer;
    stage_counter_t *go;
    bool won;
};

static void stop_once(void *context)
{
    struct stopper *stopper = context;
    stage_await(stopper->go, 1);
    stopper->won = stop(stopper->timer);
}

STAGE_TEST(timer_armed__of_two_stops_one_is_told)
{
    for (int i = 0; i < stage_times(200, 2); i++) {
        struct timer_scene s;
        stage_counter_t go = {0};
        scene_begin(&s, 1, tick);
        struct stopper a = {s.timer, &go, false}, b = {s.timer, &go, false};
        stage_expect(!set_every(s.timer, FAR_AWAY, STAGE_MS));
        stage_thread_t one = stage_start(stop_once, &a), two = stage_start(stop_once, &b);
        stage_add(&go, 1);
        stage_join(one);
        stage_join(two);
        stage_expect_eq(a.won + b.won, 1);
        scene_end(&s);
    }
}

/* ---- the count ------------------------------------------------------------------------------- */

STAGE_TEST(timer_armed__statistics_count_what_is_armed)
{
    struct timer_scene s;
    struct ticks other = {0};
    scene_begin(&s, 2, tick);
    tp_timer_t *second = make_timer(tick, &other, s.env);
    stage_expect_eq(stage_stats(s.pool).timers_armed, 0);
    (void)set_once(s.timer, FAR_AWAY);
    stage_expect_eq(stage_stats(s.pool).timers_armed, 1);
    (void)set_once(s.timer, 2 * FAR_AWAY);
    stage_expect_eq(stage_stats(s.pool).timers_armed, 1);
    (void)set_every(second, 0, FAR_AWAY); /* armed for the next tick */
    stage_expect_eq(stage_stats(s.pool).timers_armed, 2);
    stage_await(&other.runs, 1);
    (void)set_once(s.timer, 0);
    stage_expect_eq(stage_stats(s.pool).timers_armed, 1);
    (void)set_once(s.timer, STAGE_MS);
    stage_await(&s.ticks.runs, 2);
    stage_expect_eq(stage_stats(s.pool).timers_armed, 1);
    stage_expect_eq(stage_stats(s.pool).submitted, 3);
    (void)set_clock(s.timer, TP_CLOCK_REALTIME, tpp_now(TPP_CLOCK_REALTIME) + FAR_AWAY);
    stage_expect_eq(stage_stats(s.pool).timers_armed, 2);
    stage_expect_eq(tp_timer_close(second), TP_OK);
    stage_expect_eq(stage_stats(s.pool).timers_armed, 1);
    stage_await(&other.released, 1);
    stage_expect(stop(s.timer));
    stage_expect_eq(stage_stats(s.pool).timers_armed, 0);
    scene_end(&s);
}

STAGE_MAIN(STAGE_CASE_X(timer_armed__c107_unset_is_false, .no_early = true),
           STAGE_CASE_X(timer_armed__c108_stop_of_an_armed_timer_is_true_and_no_callback_follows,
                        .no_early = true),
           STAGE_CASE(timer_armed__c109_false_while_the_callback_runs),
           STAGE_CASE_X(timer_armed__c110_false_while_the_post_is_queued, .no_early = true),
           STAGE_CASE(timer_armed__c111_false_after_a_completed_one_shot),
           STAGE_CASE_X(timer_armed__c112_true_between_two_ticks, .no_early = true),
           STAGE_CASE_X(timer_armed__never_is_armed, .no_early = true),
           STAGE_CASE(timer_armed__r03_stop_against_expiry_has_one_winner),
           STAGE_CASE(timer_armed__c111_references_balance),
           STAGE_CASE_X(timer_armed__each_arming_is_taken_away_once, .no_early = true),
           STAGE_CASE_X(timer_armed__of_two_stops_one_is_told, .no_early = true),
           STAGE_CASE_X(timer_armed__statistics_count_what_is_armed, .no_early = true))
