/* timer_test.c - timers: set, expire once, stop, wait, close. */
#include "tests/conformance/timer_scene.h"

/* ---- set and expire -------------------------------------------------------------------------- */

STAGE_TEST(timer__c076_is_not_set_at_first)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick);
    stage_expect(!is_set(s.timer));
    stage_expect(!stop(s.timer));
    stage_expect(!is_set(s.timer));
    stage_expect_eq(tp_timer_wait(s.timer, false, 0), TP_OK);
    stage_rest();
    stage_expect_eq(tp_timer_close(s.timer), TP_OK);
    s.timer = NULL;
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
}

/* C-077, C-085: not before, then once, and never again. */
STAGE_TEST(timer__c077_c085_relative_due_time_comes_once)
{
    struct timer_scene s;
    int64_t unit = stage_times(10, 200) * STAGE_MS;
    scene_begin(&s, 2, tick);
    int64_t due = stage_now() + unit;
    stage_expect(!set_once(s.timer, unit));
    stage_expect(is_set(s.timer));
    stage_until(due - unit / 2);
    stage_expect(!stage_in_simulator || stage_value(&s.ticks.runs) == 0);
    stage_await(&s.ticks.runs, 1);
    expect_at(tick_at(&s.ticks, 0), due);
    stage_expect(is_set(s.timer));
    stage_pass(5 * unit);
    stage_expect_eq(stage_value(&s.ticks.runs), 1);
    stage_expect(is_set(s.timer));
    scene_end(&s);
}

STAGE_TEST(timer__c078_absolute_due_time_on_the_wall_clock)
{
    struct timer_scene s;
    int64_t unit = stage_times(10, 200) * STAGE_MS;
    scene_begin(&s, 2, tick);
    int64_t due = stage_now() + unit;
    stage_expect(!set_clock(s.timer, TP_CLOCK_REALTIME, tpp_now(TPP_CLOCK_REALTIME) + unit));
    stage_expect(is_set(s.timer));
    stage_await(&s.ticks.runs, 1);
    if (stage_in_simulator) /* elsewhere somebody may have set the clock */
        expect_at(tick_at(&s.ticks, 0), due);
    stage_expect(is_set(s.timer));
    stage_pass(5 * unit);
    stage_expect_eq(stage_value(&s.ticks.runs), 1);
    scene_end(&s);
}

STAGE_TEST(timer__c079_due_now_runs_at_once)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick);
    int64_t now = stage_now();
    stage_expect(!set_once(s.timer, 0));
    stage_await(&s.ticks.runs, 1);
    expect_at(tick_at(&s.ticks, 0), now);
    stage_expect(is_set(s.timer));
    stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
    stage_expect(is_set(s.timer));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 1);
}

STAGE_TEST(timer__c080_stopped_is_not_set)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick);
    stage_expect(!set_once(s.timer, FAR_AWAY));
    stage_expect(stop(s.timer));
    stage_expect(!is_set(s.timer));
    stage_expect(!set_once(s.timer, 0));
    stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
    stage_expect(is_set(s.timer));
    stage_expect(!stop(s.timer));
    stage_expect(!is_set(s.timer));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 1);
}

/* C-083, C-084: each of these is posted before tp_timer_set returns. */
STAGE_TEST(timer__c083_c084_what_is_past_expires_within_the_set)
{
    struct stage_gate gate;
    struct ticks ticks = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_timer_t *timer = make_timer(tick, &ticks, env);
    uint64_t posts = 0;
    static const struct {
        uint32_t clock;
        int64_t due;
    } past[] = {
        {TP_CLOCK_RELATIVE, 0},  {TP_CLOCK_RELATIVE, -1},         {TP_CLOCK_RELATIVE, INT64_MIN},
        {TP_CLOCK_BOOTTIME, 0},  {TP_CLOCK_BOOTTIME, -STAGE_S},   {TP_CLOCK_BOOTTIME, INT64_MIN},
        {TP_CLOCK_REALTIME, 0},  {TP_CLOCK_REALTIME, 1},          {TP_CLOCK_REALTIME, INT64_MIN},
        {TP_CLOCK_MONOTONIC, 0}, {TP_CLOCK_MONOTONIC, INT64_MIN}, {TP_CLOCK_MONOTONIC, -1},
    };
    for (size_t i = 0; i < sizeof past / sizeof *past; i++) {
        stage_expect(!set_clock(timer, past[i].clock, past[i].due));
        stage_expect_eq(stage_stats(gate.pool).pending[1], ++posts);
    }
    stage_expect(!set_clock(timer, TP_CLOCK_REALTIME, tpp_now(TPP_CLOCK_REALTIME) - STAGE_S));
    stage_expect(!set_clock(timer, TP_CLOCK_MONOTONIC, stage_now()));
    posts += 2;
    stage_expect_eq(stage_stats(gate.pool).pending[1], posts);
    stage_expect_eq(stage_stats(gate.pool).timers_armed, 0);
    stage_gate_open(&gate);
    finish_timer(timer);
    stage_expect_eq(stage_value(&ticks.runs), posts);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

STAGE_TEST(timer__c094_set_again_replaces)
{
    struct timer_scene s;
    int64_t unit = stage_times(4, 50) * STAGE_MS;
    scene_begin(&s, 2, tick);
    int64_t due = stage_now() + 6 * unit;
    stage_expect(!set_once(s.timer, FAR_AWAY));
    stage_expect(set_once(s.timer, 6 * unit));
    stage_until(due - 3 * unit);
    stage_expect(!stage_in_simulator || stage_value(&s.ticks.runs) == 0);
    stage_await(&s.ticks.runs, 1);
    expect_at(tick_at(&s.ticks, 0), due);
    stage_pass(2 * unit);
    stage_expect_eq(stage_value(&s.ticks.runs), 1);
    stage_expect(!set_once(s.timer, unit)); /* an earlier one in place of a later one */
    (void)set_once(s.timer, FAR_AWAY);
    stage_expect(set_once(s.timer, unit));
    stage_await(&s.ticks.runs, 2);
    scene_end(&s);
}

/* ---- wait ------------------------------------------------------------------------------------ */

STAGE_TEST(timer__c081_wait_does_not_wait_for_an_expiry)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick);
    stage_expect(!set_once(s.timer, FAR_AWAY));
    int64_t before = stage_now();
    stage_expect_eq(tp_timer_wait(s.timer, false, 0), TP_OK);
    stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_timer_wait(s.timer, true, TP_INFINITE), TP_OK);
    stage_expect(stage_now() - before < FAR_AWAY);
    stage_expect(stop(s.timer));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
}

STAGE_TEST(timer__c082_wait_with_cancel_does_not_disarm)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick);
    int64_t due = stage_now() + 20 * STAGE_MS;
    stage_expect(!set_once(s.timer, 20 * STAGE_MS));
    stage_expect_eq(tp_timer_wait(s.timer, true, TP_INFINITE), TP_OK);
    stage_expect(is_set(s.timer));
    stage_await(&s.ticks.runs, 1);
    expect_at(tick_at(&s.ticks, 0), due);
    stage_pass(40 * STAGE_MS);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 1);
}

STAGE_TEST(timer__wait_times_out_while_a_callback_runs)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick_held);
    stage_expect(!set_once(s.timer, 0));
    stage_await(&s.ticks.started, 1);
    int64_t until = stage_now() + 5 * STAGE_MS;
    stage_expect_eq(tp_timer_wait(s.timer, true, 0), TP_ERR_TIMEOUT);
    stage_expect_eq(tp_timer_wait(s.timer, false, 5 * STAGE_MS), TP_ERR_TIMEOUT);
    stage_expect(stage_now() >= until);
    stage_add(&s.ticks.open, 1);
    stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&s.ticks.runs), 1);
    scene_end(&s);
}

/* ---- what is queued -------------------------------------------------------------------------- */

/* C-089: the callback that runs is left alone, and the new expiry runs as well. */
STAGE_TEST(timer__c089_set_during_a_callback_adds_an_expiry)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick_held);
    stage_expect(!set_once(s.timer, STAGE_MS));
    stage_await(&s.ticks.started, 1);
    stage_expect(!set_once(s.timer, 0));
    stage_await(&s.ticks.started, 2); /* beside the first */
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
    stage_add(&s.ticks.open, 1);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 2);
}

STAGE_TEST(timer__c090_stop_does_not_recall_a_post)
{
    struct stage_gate gate;
    struct ticks ticks = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_timer_t *timer = make_timer(tick, &ticks, env);
    stage_expect(!set_once(timer, 0));
    stage_expect(!stop(timer));
    stage_expect_eq(stage_stats(gate.pool).pending[1], 1);
    stage_expect_eq(tp_timer_wait(timer, false, 0), TP_ERR_TIMEOUT);
    stage_gate_open(&gate);
    stage_expect_eq(tp_timer_wait(timer, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&ticks.runs), 1);
    finish_timer(timer);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

STAGE_TEST(timer__c091_each_expiry_is_a_post)
{
    struct stage_gate gate;
    struct ticks ticks = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_timer_t *timer = make_timer(tick, &ticks, env);
    for (int i = 0; i < 3; i++)
        stage_expect(!set_once(timer, 0));
    stage_expect_eq(stage_stats(gate.pool).pending[1], 3);
    stage_gate_open(&gate);
    finish_timer(timer);
    stage_expect_eq(stage_value(&ticks.runs), 3);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

static void use_closed_handle(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    bool set;
    if (timer != ticks->timer || tp_timer_set(timer, NULL, NULL) != TP_ERR_HANDLE ||
        tp_timer_is_set(timer, &set) != TP_ERR_HANDLE || tp_timer_close(timer) != TP_ERR_HANDLE ||
        tp_timer_wait(timer, true, 0) != TP_ERR_HANDLE)
        tpp_add_relaxed(&ticks->strange, 1);
    tick(instance, context, timer);
}

STAGE_TEST(timer__c092_close_lets_a_queued_post_run_with_the_old_handle)
{
    struct stage_gate gate;
    struct ticks ticks = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    stage_expect_eq(tp_env_set_context_release(env, count_release), TP_OK);
    tp_timer_t *timer = ticks.timer = make_timer(use_closed_handle, &ticks, env);
    stage_expect(!set_every(timer, 0, STAGE_MS)); /* later ones do not come any more */
    stage_expect_eq(tp_timer_close(timer), TP_OK);
    stage_expect_eq(tp_timer_close(timer), TP_ERR_HANDLE);
    stage_expect_eq(tp_timer_set(timer, NULL, NULL), TP_ERR_HANDLE);
    stage_expect_eq(tp_timer_wait(timer, true, TP_INFINITE), TP_ERR_HANDLE); /* drops nothing */
    stage_pass(3 * STAGE_MS);
    stage_gate_open(&gate);
    stage_await(&ticks.released, 1);
    stage_expect(stage_value(&ticks.runs) >= 1);
    stage_expect(!stage_in_simulator || stage_value(&ticks.runs) == 1);
    stage_expect_eq(tpp_load_acquire(&ticks.strange), 0);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* ---- close ----------------------------------------------------------------------------------- */

STAGE_TEST(timer__c093_close_while_armed_never_fires)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick);
    tpp_store_release(&s.ticks.over, 1);
    stage_expect(!set_every(s.timer, FAR_AWAY, STAGE_MS));
    stage_expect_eq(tp_timer_close(s.timer), TP_OK);
    stage_expect_eq(stage_stats(s.pool).timers_armed, 0);
    stage_await(&s.ticks.released, 1); /* nothing keeps it */
    if (stage_in_simulator)
        stage_pass(2 * FAR_AWAY);
    s.timer = NULL;
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
}

/* C-095: stop, wait with cancel, close: its context is not used any more. */
STAGE_TEST(timer__c095_no_callback_after_stop_wait_close)
{
    struct ticks batch[20] = {{.timer = NULL}};
    tp_pool_t *pool = stage_pool(2, 2);
    tp_env_t *env = stage_env(pool);
    uint32_t ran = 0;
    for (int round = 0; round < stage_times(500, 1); round++) {
        int size = stage_times(20, 3);
        for (int i = 0; i < size; i++) {
            struct ticks *ticks = &batch[i];
            int64_t due = (int64_t)(tpp_random() % 60) * 1000;
            tpp_store_release(&ticks->over, 0);
            tp_timer_t *timer = make_timer(tick, ticks, env);
            (void)set_every(timer, due, tpp_random() % 2 ? 5000 : 0);
            for (uint32_t spin = tpp_random() % 256; spin > 0 && !stage_in_simulator; spin--)
                (void)stage_now();
            if (stage_in_simulator)
                stage_pass(tpp_random() % 100 * 1000);
            end_timer(timer);
            tpp_store_release(&ticks->over, 1);
        }
    }
    for (int i = 0; i < 20; i++)
        ran += stage_value(&batch[i].runs);
    stage_expect(stage_in_simulator || ran > 0);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

static void close_itself(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    stage_expect_eq(tp_timer_close(timer), TP_OK);
    tpp_store_release(&ticks->thread, stage_self()); /* the context is still good */
    tick(instance, context, timer);
}

STAGE_TEST(timer__closes_itself_while_armed_for_the_next_tick)
{
    struct timer_scene s;
    scene_begin(&s, 1, close_itself);
    (void)set_every(s.timer, 5 * STAGE_MS, FAR_AWAY);
    s.timer = NULL;
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 1);
}

/* ---- from callbacks -------------------------------------------------------------------------- */

static void set_other(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    tick(instance, context, timer);
    (void)set_once(ticks->other, 10 * STAGE_MS);
}

STAGE_TEST(timer__c115_callback_sets_another_timer)
{
    struct timer_scene s;
    struct ticks other = {0};
    scene_begin(&s, 1, set_other);
    s.ticks.other = make_timer(tick, &other, s.env);
    stage_expect(!set_once(s.timer, 5 * STAGE_MS));
    stage_await(&other.runs, 1);
    expect_at(tick_at(&other, 0), tick_at(&s.ticks, 0) + 10 * STAGE_MS);
    finish_timer(s.ticks.other);
    scene_end(&s);
    stage_expect_eq(stage_value(&other.runs), 1);
}

static void stop_at_three(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    if (stage_value(&ticks->runs) == 2)
        (void)stop(timer);
    tick(instance, context, timer);
}

STAGE_TEST(timer__stops_itself)
{
    struct timer_scene s;
    scene_begin(&s, 1, stop_at_three);
    stage_expect(!set_every(s.timer, 0, 10 * STAGE_MS));
    stage_await(&s.ticks.runs, 3);
    stage_pass(30 * STAGE_MS);
    stage_expect(!is_set(s.timer));
    stage_expect(!stage_in_simulator || stage_value(&s.ticks.runs) == 3);
    scene_end(&s);
}

static void compare_handle(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    if (instance == NULL || timer != ticks->timer)
        tpp_add_relaxed(&ticks->strange, 1);
    tick(instance, context, timer);
}

static void count_final(tp_callback_instance_t *instance, void *context)
{
    struct ticks *ticks = context;
    (void)instance;
    stage_add(&ticks->finals, 1);
}

STAGE_TEST(timer__callback_gets_its_own_timer_and_the_finalizer_follows)
{
    struct ticks ticks[3] = {{.timer = NULL}};
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(tp_env_set_finalizer(env, count_final), TP_OK);
    for (int i = 0; i < 3; i++) {
        ticks[i].timer = make_timer(compare_handle, &ticks[i], env);
        (void)set_once(ticks[i].timer, (3 - i) * STAGE_MS);
    }
    for (int i = 0; i < 3; i++) {
        stage_await(&ticks[i].runs, 1);
        finish_timer(ticks[i].timer);
        stage_expect_eq(stage_value(&ticks[i].finals), 1);
        stage_expect_eq(tpp_load_acquire(&ticks[i].strange), 0);
    }
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* ---- what can fail --------------------------------------------------------------------------- */

/* All that can fail fails at the creation; from then on it cannot. */
STAGE_TEST(timer__set_cannot_fail_once_it_is_made)
{
    struct ticks ticks = {0};
    tp_pool_t *pool = NULL;
    tp_timer_t *timer = NULL;
    tp_env_t *env = NULL;
    if (tp_pool_create(NULL, &pool) != TP_OK)
        return;
    if (tp_env_create(&env) == TP_OK) {
        stage_expect_eq(tp_env_set_pool(env, pool), TP_OK);
        tp_status_t status = tp_timer_create(tick, &ticks, env, &timer);
        stage_expect((status == TP_OK) == (timer != NULL));
        stage_expect(status == TP_OK || status == TP_ERR_NO_MEMORY || status == TP_ERR_NO_THREAD);
    }
    if (timer) {
        stage_fail_allocations(true);
        stage_expect(!set_every(timer, STAGE_MS, STAGE_MS));
        stage_await(&ticks.runs, 2);
        stage_expect(set_once(timer, FAR_AWAY));
        stage_expect(stop(timer));
        stage_expect(!set_once(timer, 0));
        finish_timer(timer);
        stage_fail_allocations(false);
        stage_expect(stage_value(&ticks.runs) >= 3);
    }
    if (env)
        tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_MAIN(STAGE_CASE(timer__c076_is_not_set_at_first),
           STAGE_CASE_X(timer__c077_c085_relative_due_time_comes_once, .no_early = true),
           STAGE_CASE_X(timer__c078_absolute_due_time_on_the_wall_clock, .no_early = true),
           STAGE_CASE_X(timer__c079_due_now_runs_at_once, .no_early = true),
           STAGE_CASE_X(timer__c080_stopped_is_not_set, .no_early = true),
           STAGE_CASE(timer__c083_c084_what_is_past_expires_within_the_set),
           STAGE_CASE_X(timer__c094_set_again_replaces, .no_early = true),
           STAGE_CASE_X(timer__c081_wait_does_not_wait_for_an_expiry, .no_early = true),
           STAGE_CASE_X(timer__c082_wait_with_cancel_does_not_disarm, .no_early = true),
           STAGE_CASE(timer__wait_times_out_while_a_callback_runs),
           STAGE_CASE(timer__c089_set_during_a_callback_adds_an_expiry),
           STAGE_CASE(timer__c090_stop_does_not_recall_a_post),
           STAGE_CASE(timer__c091_each_expiry_is_a_post),
           STAGE_CASE_X(timer__c092_close_lets_a_queued_post_run_with_the_old_handle,
                        .no_early = true),
           STAGE_CASE_X(timer__c093_close_while_armed_never_fires, .no_early = true),
           STAGE_CASE_X(timer__c095_no_callback_after_stop_wait_close, .no_early = true),
           STAGE_CASE_X(timer__closes_itself_while_armed_for_the_next_tick, .no_early = true),
           STAGE_CASE_X(timer__c115_callback_sets_another_timer, .no_early = true),
           STAGE_CASE_X(timer__stops_itself, .no_early = true),
           STAGE_CASE(timer__callback_gets_its_own_timer_and_the_finalizer_follows),
           STAGE_CASE_X(timer__set_cannot_fail_once_it_is_made, .no_early = true, .faults = true))
