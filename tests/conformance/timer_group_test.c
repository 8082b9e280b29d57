/* timer_group_test.c - timers in cleanup groups: disarmed for good, told, waited for. */
#include "tests/conformance/group_closer.h"
#include "tests/conformance/timer_scene.h"

/* A pool, a group, and an environment whose objects join both; their context is the scene's. */
struct group_scene {
    struct ticks ticks;
    HOME;
};

static void group_begin(struct group_scene *s, uint32_t threads)
{
    *s = (struct group_scene){.env = NULL};
    home_begin(&s->home, stage_pool(threads, threads), count_cancel, count_release);
}

static void group_begin_gated(struct group_scene *s)
{
    *s = (struct group_scene){.env = NULL};
    home_begin_gated(&s->home, count_cancel, count_release);
}

static void group_end(struct group_scene *s)
{
    home_end(&s->home);
}

static void count_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    tick(instance, context, NULL);
}

static void count_simple(tp_callback_instance_t *instance, void *context)
{
    tick(instance, context, NULL);
}

/* ---- cancelled ------------------------------------------------------------------------------- */

/* Simple, work, a timer that has expired and one that is armed: four are told, none runs. */
STAGE_TEST(timer_group__c167_cancel_behind_a_gate_tells_each_member_and_runs_none)
{
    struct group_scene s;
    group_begin_gated(&s);
    stage_expect_eq(tp_work_submit(stage_work(count_work, &s.ticks, s.env)), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &s.ticks, s.env), TP_OK);
    (void)set_once(make_timer(tick, &s.ticks, s.env), 0);
    (void)set_once(make_timer(tick, &s.ticks, s.env), FAR_AWAY);
    home_close_members(&s.home, true);
    stage_expect_eq(stage_value(&s.ticks.cancelled), 4);
    stage_expect_eq(stage_value(&s.ticks.released), 4);
    stage_gate_open(&s.gate);
    group_end(&s);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
}

/* C-178, in either mode. */
static void armed_member(bool cancel)
{
    struct group_scene s;
    group_begin(&s, 2);
    tp_timer_t *timer = make_timer(tick, &s.ticks, s.env);
    (void)set_every(timer, 0, 10 * STAGE_MS);
    stage_await(&s.ticks.runs, 3);
    home_close_members(&s.home, cancel);
    tpp_store_release(&s.ticks.over, 1);
    uint32_t runs = stage_value(&s.ticks.runs);
    stage_expect_eq(stage_value(&s.ticks.cancelled), cancel);
    stage_expect_eq(stage_value(&s.ticks.released), 1);
    stage_expect_eq(tp_timer_set(timer, NULL, NULL), TP_ERR_HANDLE);
    stage_expect_eq(tp_timer_close(timer), TP_ERR_HANDLE);
    stage_expect_eq(stage_stats(s.pool).timers_armed, 0);
    stage_pass(50 * STAGE_MS);
    stage_expect_eq(stage_value(&s.ticks.runs), runs);
    group_end(&s);
}

STAGE_TEST(timer_group__c178_armed_timer_never_fires_after_a_cancel_and_is_told)
{
    armed_member(true);
}

STAGE_TEST(timer_group__c178_armed_timer_never_fires_and_is_not_told_without_cancel)
{
    armed_member(false);
}

/* What has expired is queued, so it runs before the close returns; what is armed does not. */
STAGE_TEST(timer_group__without_cancel_what_has_expired_runs)
{
    struct group_scene s;
    group_begin_gated(&s);
    for (int i = 0; i < 3; i++)
        (void)set_once(make_timer(tick, &s.ticks, s.env), i < 2 ? 0 : FAR_AWAY);
    struct closing closing = {&s.home, &s.ticks.calls, false, 2};
    stage_thread_t thread = stage_start(closer, &closing);
    stage_gate_open(&s.gate);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.ticks.cancelled), 0);
    stage_expect_eq(stage_value(&s.ticks.released), 3);
    group_end(&s);
}

static void close_itself(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    stage_add(&ticks->told, 1);
    stage_await(&ticks->open, 1);
    stage_expect_eq(tp_timer_close(timer), TP_OK);
    tick(instance, context, timer);
}

STAGE_TEST(timer_group__c176_callback_that_closes_its_timer_spares_it_the_cancel)
{
    struct group_scene s;
    group_begin(&s, 2);
    (void)set_every(make_timer(close_itself, &s.ticks, s.env), 0, FAR_AWAY);
    stage_await(&s.ticks.told, 1);
    struct closing closing = {&s.home, &s.ticks.calls, true, 1};
    stage_thread_t thread = stage_start(closer, &closing);
    stage_add(&s.ticks.open, 1);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.ticks.cancelled), 0);
    stage_expect_eq(stage_value(&s.ticks.released), 1);
    group_end(&s);
}

/* ---- waited for ------------------------------------------------------------------------------ */

static void leave_waits(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    tick_held(instance, context, timer);
}

STAGE_TEST(timer_group__c181_disassociated_callback_is_waited_for_by_the_group_only)
{
    struct group_scene s;
    group_begin(&s, 2);
    tp_timer_t *timer = make_timer(leave_waits, &s.ticks, s.env);
    (void)set_once(timer, STAGE_MS);
    stage_await(&s.ticks.started, 1);
    stage_expect_eq(tp_timer_wait(timer, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&s.ticks.runs), 0);
    struct closing closing = {&s.home, &s.ticks.calls, false, 1};
    stage_thread_t thread = stage_start(closer, &closing);
    stage_expect(!stage_await_for(&s.ticks.told, 1, 2 * STAGE_MS));
    stage_add(&s.ticks.open, 1);
    stage_join(thread);
    group_end(&s);
}

/* a member sets itself again while its group is being closed. It is refused, or disarmed. */
static void set_again(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    stage_add(&ticks->told, 1);
    stage_await(&ticks->open, 1);
    spec.due = tpp_random() % 2 ? 1000 : FAR_AWAY;
    tp_status_t status = tp_timer_set(timer, &spec, NULL);
    stage_expect(set_or_closed(status));
    tick(instance, context, timer);
}

STAGE_TEST(timer_group__r13_callback_sets_its_timer_during_the_close)
{
    for (int i = 0; i < stage_times(100, 2); i++) {
        struct group_scene s;
        group_begin(&s, 2);
        (void)set_once(make_timer(set_again, &s.ticks, s.env), 1000);
        stage_await(&s.ticks.told, 1);
        stage_add(&s.ticks.open, 1);
        home_close_members(&s.home, i % 2);
        tpp_store_release(&s.ticks.over, 1);
        stage_expect_eq(stage_value(&s.ticks.released), 1);
        stage_expect_eq(stage_stats(s.pool).timers_armed, 0);
        stage_pass(10000);
        group_end(&s);
    }
}

/* ---- meanwhile ------------------------------------------------------------------------------- */

static void maker(void *context)
{
    struct group_scene *s = context;
    for (int i = 0; i < stage_times(300, 3); i++) {
        tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
        tp_timer_t *timer = make_timer(tick, &s->ticks, s->env);
        tp_status_t status = tp_timer_set(timer, &spec, NULL);
        spec.due = FAR_AWAY;
        count_made(&s->ticks.calls, status, tp_timer_set(timer, &spec, NULL));
    }
}

STAGE_TEST(timer_group__c185_timers_made_meanwhile_are_closed_or_usable)
{
    struct group_scene s;
    group_begin(&s, 2);
    close_again_and_again(&s.home, maker, &s);
    stage_expect_eq(stage_value(&s.ticks.runs), stage_value(&s.ticks.told));
    stage_expect_eq(stage_value(&s.ticks.released), stage_times(300, 3));
    stage_expect_eq(stage_stats(s.pool).timers_armed, 0);
    group_end(&s);
}

/* C-188: many timers that fire all the time, and none after the close has returned. */
STAGE_TEST(timer_group__c188_no_callback_starts_after_close_members)
{
    for (int round = 0; round < stage_times(40, 2); round++) {
        struct group_scene s;
        int timers = stage_times(50, 3);
        group_begin(&s, 2);
        for (int i = 0; i < timers; i++)
            (void)set_every(make_timer(tick, &s.ticks, s.env), 1000 * i, STAGE_MS);
        stage_await(&s.ticks.runs, (uint32_t)timers + 1);
        home_close_members(&s.home, round % 2);
        tpp_store_release(&s.ticks.over, 1);
        uint32_t runs = stage_value(&s.ticks.runs);
        stage_expect_eq(stage_value(&s.ticks.released), timers);
        stage_expect_eq(stage_value(&s.ticks.cancelled), round % 2 ? timers : 0);
        stage_pass(2 * STAGE_MS);
        stage_expect_eq(stage_value(&s.ticks.runs), runs);
        group_end(&s);
    }
}

STAGE_TEST(timer_group__member_closed_on_its_own_is_not_told)
{
    struct group_scene s;
    group_begin(&s, 1);
    tp_timer_t *timer = make_timer(tick, &s.ticks, s.env);
    (void)set_once(timer, FAR_AWAY);
    stage_expect_eq(tp_timer_close(timer), TP_OK);
    stage_await(&s.ticks.released, 1);
    home_close_members(&s.home, true);
    stage_expect_eq(stage_value(&s.ticks.cancelled), 0);
    stage_expect_eq(stage_value(&s.ticks.released), 1);
    group_end(&s);
}

STAGE_MAIN(STAGE_CASE_X(timer_group__c167_cancel_behind_a_gate_tells_each_member_and_runs_none,
                        .no_early = true),
           STAGE_CASE_X(timer_group__c178_armed_timer_never_fires_after_a_cancel_and_is_told,
                        .no_early = true),
           STAGE_CASE_X(timer_group__c178_armed_timer_never_fires_and_is_not_told_without_cancel,
                        .no_early = true),
           STAGE_CASE_X(timer_group__without_cancel_what_has_expired_runs, .no_early = true),
           STAGE_CASE_X(timer_group__c176_callback_that_closes_its_timer_spares_it_the_cancel,
                        .no_early = true),
           STAGE_CASE(timer_group__c181_disassociated_callback_is_waited_for_by_the_group_only),
           STAGE_CASE_X(timer_group__r13_callback_sets_its_timer_during_the_close,
                        .no_early = true),
           STAGE_CASE_X(timer_group__c185_timers_made_meanwhile_are_closed_or_usable,
                        .no_early = true),
           STAGE_CASE_X(timer_group__c188_no_callback_starts_after_close_members, .no_early = true),
           STAGE_CASE_X(timer_group__member_closed_on_its_own_is_not_told, .no_early = true))
