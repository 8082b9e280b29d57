/* timer_pool_test.c - timers among all that happens in a pool: priorities, blocked threads, waits
 * inside callbacks, shutdown and close. */
#include "tests/conformance/pool_scene.h"
#include "tests/conformance/timer_scene.h"

/* ---- what several tests need ----------------------------------------------------------------- */

static void log_tick(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)timer;
    log_letter(context);
}

struct pending {
    tp_pool_t *pool;
    uint64_t posts;
};

static bool are_pending(void *context)
{
    struct pending *wanted = context;
    tp_pool_stats_t stats = stage_stats(wanted->pool);
    return stats.pending[0] + stats.pending[1] + stats.pending[2] == wanted->posts;
}

static void run_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    tick(instance, context, NULL);
}

/* ---- priorities ------------------------------------------------------------------------------ */

/* C-074: once it has expired it overtakes what was queued before it. */
STAGE_TEST(timer_pool__c074_high_timer_overtakes_queued_work)
{
    struct stage_gate gate;
    struct stage_log log = {0};
    struct logger n = {&log, 'n'}, t = {&log, 't'};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    struct pending four = {gate.pool, 4};
    tp_work_t *work = stage_work(log_work, &n, env);
    stage_expect_eq(tp_env_set_priority(env, TP_PRIORITY_HIGH), TP_OK);
    tp_timer_t *timer = make_timer(log_tick, &t, env);
    (void)set_once(timer, 10 * STAGE_MS);
    stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
    stage_expect(stage_eventually(are_pending, &four));
    stage_expect_eq(stage_stats(gate.pool).pending[0], 1);
    stage_gate_open(&gate);
    stage_finish(work);
    finish_timer(timer);
    stage_expect(stage_log_is(&log, "tnnn"));
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* Queued by priority and, within one, by due time. */
STAGE_TEST(timer_pool__priorities_of_timers)
{
    struct stage_gate gate;
    struct stage_log log = {0};
    static const struct {
        char letter;
        uint32_t priority;
        int64_t after;
    } plan[] = {{'e', TP_PRIORITY_LOW, 1},    {'f', TP_PRIORITY_LOW, 6},
                {'d', TP_PRIORITY_NORMAL, 5}, {'c', TP_PRIORITY_NORMAL, 2},
                {'b', TP_PRIORITY_HIGH, 4},   {'a', TP_PRIORITY_HIGH, 3}};
    enum { COUNT = sizeof plan / sizeof *plan };
    struct logger loggers[COUNT];
    tp_timer_t *timers[COUNT];
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    struct pending all = {gate.pool, COUNT};
    int64_t base = stage_now() + stage_times(10, 1) * STAGE_MS;
    for (int i = 0; i < COUNT; i++) {
        loggers[i] = (struct logger){&log, plan[i].letter};
        stage_expect_eq(tp_env_set_priority(env, plan[i].priority), TP_OK);
        timers[i] = make_timer(log_tick, &loggers[i], env);
        (void)set_clock(timers[i], TP_CLOCK_MONOTONIC, base + plan[i].after * STAGE_MS);
    }
    bool in_time = stage_now() < base; /* those set late would be queued as they are set */
    stage_expect(stage_eventually(are_pending, &all));
    stage_gate_open(&gate);
    for (int i = 0; i < COUNT; i++)
        finish_timer(timers[i]);
    stage_expect(!in_time || stage_log_is(&log, "abcdef"));
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* ---- blocked and busy threads ---------------------------------------------------------------- */

/* The only thread is in a callback that waits for what a timer does: somebody looks at the clock
 * for it, and a thread is added. */
STAGE_TEST(timer_pool__comes_though_every_thread_is_blocked)
{
    struct timer_scene s;
    struct ticks held = {0};
    scene_prepare(&s, 0);
    s.timer = make_timer(tick_held, &held, s.env);
    (void)set_once(s.timer, 0);
    stage_await(&held.started, 1);
    tp_timer_t *other = make_timer(tick, &s.ticks, s.env);
    int64_t due = stage_now() + 30 * STAGE_MS;
    (void)set_once(other, 30 * STAGE_MS);
    stage_await(&s.ticks.runs, 1);
    expect_within(tick_at(&s.ticks, 0), due, due + 50 * STAGE_MS);
    stage_add(&held.open, 1);
    finish_timer(other);
    finish_timer(s.timer);
    stage_await(&held.released, 1);
    s.timer = NULL;
    scene_end(&s);
}

STAGE_TEST(timer_pool__comes_between_callbacks_of_a_thread_that_is_never_idle)
{
    struct timer_scene s;
    struct chain chain;
    scene_begin(&s, 1, tick);
    chain_begin(&chain, s.env, &s.ticks.runs);
    int64_t due = stage_now() + 5 * STAGE_MS;
    stage_expect(!set_once(s.timer, 5 * STAGE_MS));
    chain_start(&chain);
    chain_end(&chain);
    stage_expect_eq(stage_value(&s.ticks.runs), 1);
    expect_within(tick_at(&s.ticks, 0), due, due + 10 * STAGE_MS);
    scene_end(&s);
}

/* In the simulator threads retire meanwhile. */
STAGE_TEST(timer_pool__comes_after_a_long_rest)
{
    struct timer_scene s;
    int64_t span = stage_times(30 * STAGE_MS, 100 * STAGE_S);
    scene_begin(&s, 0, tick);
    int64_t due = stage_now() + span;
    stage_expect(!set_once(s.timer, span));
    stage_await(&s.ticks.runs, 1);
    expect_at(tick_at(&s.ticks, 0), due);
    due = stage_now() + span;
    stage_expect(!set_once(s.timer, span));
    stage_await(&s.ticks.runs, 2);
    expect_at(tick_at(&s.ticks, 1), due);
    scene_end(&s);
}

STAGE_TEST(timer_pool__pools_are_independent)
{
    struct stage_gate gate;
    struct timer_scene s;
    struct ticks stuck = {0};
    stage_gate_init(&gate, NULL);
    scene_begin(&s, 1, tick);
    tp_env_t *env = stage_gate_env(&gate);
    tp_timer_t *other = make_timer(tick, &stuck, env);
    int64_t due = stage_now() + 10 * STAGE_MS;
    stage_expect(!set_once(other, 5 * STAGE_MS));
    stage_expect(!set_once(s.timer, 10 * STAGE_MS));
    stage_await(&s.ticks.runs, 1);
    expect_at(tick_at(&s.ticks, 0), due);
    stage_expect_eq(stage_value(&stuck.runs), 0);
    stage_expect_eq(stage_stats(s.pool).submitted, 1);
    stage_gate_open(&gate);
    finish_timer(other);
    stage_expect(stage_value(&stuck.runs) <= 1);
    tp_env_destroy(env);
    scene_end(&s);
    stage_gate_fini(&gate);
}

/* ---- waits inside callbacks ------------------------------------------------------------------ */

static void wait_for_itself(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    stage_expect_eq(tp_timer_wait(timer, false, TP_INFINITE), TP_ERR_DEADLOCK);
    stage_expect_eq(tp_timer_wait(timer, true, 0), TP_ERR_DEADLOCK);
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    stage_expect_eq(tp_timer_wait(timer, false, TP_INFINITE), TP_OK);
    stage_add(&ticks->told, 1);
    tick_held(instance, context, timer);
}

/* C-194 for timers: its own callback may wait once it is disassociated; and nobody waits for it. */
STAGE_TEST(timer_pool__c194_disassociated_callback_waits_for_its_own_timer)
{
    struct timer_scene s;
    scene_begin(&s, 2, wait_for_itself);
    stage_expect(!set_once(s.timer, STAGE_MS));
    stage_await(&s.ticks.started, 1);
    stage_expect_eq(stage_misuses(), 2);
    stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
    stage_add(&s.ticks.open, 1);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ticks.told), 1);
    stage_expect_eq(stage_value(&s.ticks.runs), 1);
}

/* C-208: each waits for the other. Only they are stuck, until one of them gives up. */
struct circle {
    struct ticks a, b;
    stage_counter_t inside, give_up;
};

static void wait_for_b(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct circle *circle = context;
    (void)instance;
    (void)timer;
    meet(&circle->inside);
    stage_expect_eq(tp_timer_wait(circle->b.timer, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&circle->b.runs), 1);
    stage_add(&circle->a.runs, 1);
}

static void wait_for_a(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct circle *circle = context;
    (void)instance;
    (void)timer;
    meet(&circle->inside);
    do
        stage_expect_eq(tp_timer_wait(circle->a.timer, false, STAGE_MS), TP_ERR_TIMEOUT);
    while (stage_value(&circle->give_up) == 0);
    stage_add(&circle->b.runs, 1);
}

STAGE_TEST(timer_pool__c208_two_timers_wait_for_each_other_and_others_go_on)
{
    struct timer_scene s;
    struct circle circle = {.a = {.timer = NULL}};
    tp_pool_t *pool = stage_pool(3, 3);
    tp_env_t *env = stage_env(pool);
    circle.a.timer = make_timer(wait_for_b, &circle, env);
    circle.b.timer = make_timer(wait_for_a, &circle, env);
    tp_timer_t *third = make_timer(tick, &circle.a, env);
    (void)set_once(circle.a.timer, 0);
    (void)set_once(circle.b.timer, STAGE_MS);
    stage_await(&circle.inside, 2);
    scene_begin(&s, 1, tick); /* another pool goes on, and so do others in this one */
    (void)set_every(s.timer, 0, 2 * STAGE_MS);
    (void)set_once(third, 2 * STAGE_MS);
    stage_await(&s.ticks.runs, 3);
    stage_await(&circle.a.started, 1);
    stage_expect_eq(stage_value(&circle.b.runs), 0);
    stage_add(&circle.give_up, 1);
    finish_timer(circle.a.timer);
    finish_timer(circle.b.timer);
    finish_timer(third);
    stage_expect_eq(stage_value(&circle.a.runs), 2);
    tp_env_destroy(env);
    tp_pool_close(pool);
    scene_end(&s);
}

/* ---- environments ---------------------------------------------------------------------------- */

STAGE_TEST(timer_pool__default_pool)
{
    struct ticks ticks = {0};
    tp_timer_t *timer = make_timer(tick, &ticks, NULL);
    int64_t due = stage_now() + 10 * STAGE_MS;
    stage_expect(!set_once(timer, 10 * STAGE_MS));
    stage_await(&ticks.runs, 1);
    expect_at(tick_at(&ticks, 0), due);
    stage_expect(!set_every(timer, 0, FAR_AWAY));
    stage_await(&ticks.runs, 2);
    finish_timer(timer);
    stage_expect_eq(stage_value(&ticks.runs), 2);
}

/* On one and the same thread, whoever found that it was due. */
STAGE_TEST(timer_pool__persistent_timer_keeps_its_thread)
{
    struct timer_scene s;
    scene_prepare(&s, 3);
    stage_expect_eq(tp_env_set_persistent(s.env, true), TP_OK);
    scene_make(&s, tick);
    int64_t due = stage_now() + 5 * STAGE_MS;
    stage_expect(!set_every(s.timer, 5 * STAGE_MS, 5 * STAGE_MS));
    stage_await(&s.ticks.runs, 1);
    uint64_t thread = tpp_load_acquire(&s.ticks.thread);
    expect_at(tick_at(&s.ticks, 0), due);
    for (uint32_t i = 2; i <= 6; i++) {
        stage_await(&s.ticks.runs, i);
        stage_expect(tpp_load_acquire(&s.ticks.thread) == thread);
    }
    scene_end(&s);
}

/* While it runs the pool may have one thread more than there are processors. */
STAGE_TEST(timer_pool__timer_that_runs_long_does_not_delay_what_is_behind_it)
{
    struct timer_scene s;
    struct ticks behind = {0};
    scene_prepare(&s, 0);
    stage_expect_eq(tp_env_set_runs_long(s.env, true), TP_OK);
    scene_make(&s, tick_held);
    stage_expect_eq(tp_env_set_runs_long(s.env, false), TP_OK);
    stage_expect_eq(tp_env_set_context_release(s.env, NULL), TP_OK);
    tp_timer_t *timer = make_timer(tick, &behind, s.env);
    tp_work_t *work = stage_work(run_work, &behind, s.env);
    stage_expect(!set_once(s.timer, STAGE_MS));
    stage_await(&s.ticks.started, 1);
    int64_t due = stage_now() + STAGE_MS;
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect(!set_once(timer, STAGE_MS));
    stage_await(&behind.runs, 2);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
    expect_within(tick_at(&behind, 1), due, due + 20 * STAGE_MS);
    stage_add(&s.ticks.open, 1);
    finish_timer(timer);
    stage_finish(work);
    scene_end(&s);
}

/* ---- the end of a pool ----------------------------------------------------------------------- */

/* Armed is not queued: neither way of shutting down waits for it, and it never fires. */
static void shut_down_armed(bool cancel)
{
    struct timer_scene s;
    struct ticks other = {0};
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    bool was_armed = true;
    scene_begin(&s, 2, tick);
    tp_timer_t *once = make_timer(tick, &other, s.env), *refused = NULL;
    stage_expect(!set_every(s.timer, 0, 5 * STAGE_MS));
    stage_expect(!set_once(once, FAR_AWAY));
    stage_await(&s.ticks.runs, 2);
    stage_expect_eq(tp_pool_shutdown(s.pool, cancel, TP_INFINITE), TP_OK);
    tpp_store_release(&s.ticks.over, 1);
    tpp_store_release(&other.over, 1);
    stage_pass(20 * STAGE_MS);
    stage_expect_eq(tp_timer_set(once, &spec, &was_armed), TP_ERR_CLOSED);
    stage_expect(!stop(once)); /* it was disarmed */
    stage_expect_eq(tp_timer_wait(once, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_timer_create(tick, &other, s.env, &refused), TP_ERR_CLOSED);
    stage_expect(refused == NULL);
    stage_expect_eq(tp_timer_close(once), TP_OK);
    stage_expect_eq(tp_timer_close(s.timer), TP_OK);
    stage_await(&s.ticks.released, 1);
    stage_await(&other.released, 1);
    tp_env_destroy(s.env);
}

STAGE_TEST(timer_pool__shutdown_disarms)
{
    shut_down_armed(false);
}

STAGE_TEST(timer_pool__shutdown_with_cancel_disarms)
{
    shut_down_armed(true);
}

/* What has expired is queued work like other: it runs, or is dropped. */
static void shut_down_expired(bool cancel)
{
    struct stage_gate gate;
    struct ticks ticks = {0};
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_timer_t *timer = make_timer(tick, &ticks, env);
    stage_expect(!set_once(timer, 0));
    stage_expect(!set_every(timer, 0, FAR_AWAY));
    stage_expect_eq(tp_pool_shutdown(gate.pool, cancel, 0), TP_ERR_TIMEOUT);
    stage_expect_eq(stage_stats(gate.pool).timers_armed, 0);
    stage_expect_eq(tp_timer_set(timer, &spec, NULL), TP_ERR_CLOSED);
    stage_gate_open(&gate);
    stage_expect_eq(tp_pool_shutdown(gate.pool, cancel, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&ticks.runs), cancel ? 0 : 2);
    stage_expect_eq(tp_timer_close(timer), TP_OK);
    stage_expect_eq(tp_work_close(gate.blocker), TP_OK);
    tp_env_destroy(env);
}

STAGE_TEST(timer_pool__shutdown_runs_what_has_expired)
{
    shut_down_expired(false);
}

STAGE_TEST(timer_pool__shutdown_with_cancel_drops_what_has_expired)
{
    shut_down_expired(true);
}

/* A closed pool goes on for the objects that are left. */
STAGE_TEST(timer_pool__close_lets_armed_timers_go_on)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick);
    int64_t due = stage_now() + 10 * STAGE_MS;
    stage_expect(!set_every(s.timer, 10 * STAGE_MS, 10 * STAGE_MS));
    stage_expect_eq(tp_pool_close(s.pool), TP_OK);
    stage_await(&s.ticks.runs, 3);
    stage_expect(!stage_in_simulator || tick_at(&s.ticks, 2) <= due + 20 * STAGE_MS + LATE);
    stage_expect(stop(s.timer));
    stage_expect(!set_once(s.timer, 5 * STAGE_MS));
    stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
    uint32_t runs = stage_value(&s.ticks.runs);
    if (stage_in_simulator)
        stage_await(&s.ticks.runs, runs + 1);
    finish_timer(s.timer);
    stage_await(&s.ticks.released, 1); /* and the pool goes with it */
    tp_env_destroy(s.env);
}

#define TIMED(name) STAGE_CASE_X(name, .no_early = true)

STAGE_MAIN(TIMED(timer_pool__c074_high_timer_overtakes_queued_work),
           TIMED(timer_pool__priorities_of_timers),
           TIMED(timer_pool__comes_though_every_thread_is_blocked),
           TIMED(timer_pool__comes_between_callbacks_of_a_thread_that_is_never_idle),
           TIMED(timer_pool__comes_after_a_long_rest), TIMED(timer_pool__pools_are_independent),
           STAGE_CASE(timer_pool__c194_disassociated_callback_waits_for_its_own_timer),
           TIMED(timer_pool__c208_two_timers_wait_for_each_other_and_others_go_on),
           TIMED(timer_pool__default_pool), TIMED(timer_pool__persistent_timer_keeps_its_thread),
           TIMED(timer_pool__timer_that_runs_long_does_not_delay_what_is_behind_it),
           TIMED(timer_pool__shutdown_disarms), TIMED(timer_pool__shutdown_with_cancel_disarms),
           TIMED(timer_pool__shutdown_runs_what_has_expired),
           TIMED(timer_pool__shutdown_with_cancel_drops_what_has_expired),
           TIMED(timer_pool__close_lets_armed_timers_go_on))
