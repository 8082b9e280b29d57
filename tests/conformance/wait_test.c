/* wait_test.c - waits: armed on events and semaphores, timed out, replaced, disarmed, closed. */
#include <string.h>

#include "tests/conformance/wait_scene.h"

static const uint32_t clocks[] = {TP_CLOCK_RELATIVE, TP_CLOCK_REALTIME, TP_CLOCK_MONOTONIC,
                                  TP_CLOCK_BOOTTIME};

/* What a spec says for "so long from now". */
static int64_t timeout_on(uint32_t clock, int64_t span)
{
    if (clock == TP_CLOCK_REALTIME)
        return tpp_now(TPP_CLOCK_REALTIME) + span;
    return clock == TP_CLOCK_MONOTONIC ? stage_now() + span : span;
}

/* ---- signaled -------------------------------------------------------------------------------- */

STAGE_TEST(wait__is_not_armed_at_first_and_never_fires)
{
    struct wait_scene s;
    scene_begin(&s, 2, hit);
    stage_expect(!disarm(s.wait));
    stage_expect_eq(tp_wait_wait(s.wait, false, 0), TP_OK);
    stage_expect_eq(tp_wait_wait(s.wait, true, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
    stage_rest();
    stage_expect_eq(tp_wait_close(s.wait), TP_OK);
    s.wait = NULL;
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
}

STAGE_TEST(wait__c116_semaphore_release_is_one_callback_and_takes_the_unit)
{
    struct wait_scene s;
    tp_semaphore_t *semaphore = make_semaphore(0);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_semaphore(semaphore)));
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    give(semaphore, 1);
    stage_await(&s.hits.runs, 1);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
    stage_expect_eq(drain(semaphore), 0);
    give(semaphore, 1); /* it is armed no more */
    linger();
    stage_expect_eq(drain(semaphore), 1);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* Each is posted before tp_wait_set returns. */
STAGE_TEST(wait__c123_what_is_signaled_fires_within_the_set)
{
    struct gated_scene s;
    tp_event_t *manual = make_event(true, true), *automatic = make_event(false, true);
    tp_semaphore_t *semaphore = make_semaphore(2);
    scene_begin_gated(&s);
    tp_waitable_t sources[] = {tp_waitable_event(manual), tp_waitable_event(automatic),
                               tp_waitable_semaphore(semaphore), tp_waitable_semaphore(semaphore)};
    for (uint32_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        stage_expect(!arm(s.wait, sources[i]));
        stage_expect_eq(stage_stats(s.gate.pool).pending[1], i + 1);
        stage_expect_eq(stage_stats(s.gate.pool).waits_armed, 0);
    }
    stage_expect(!is_set(automatic));
    stage_expect_eq(drain(semaphore), 0);
    scene_end_gated(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 4);
    stage_expect_eq(tp_event_close(manual) | tp_event_close(automatic), TP_OK);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

STAGE_TEST(wait__c124_is_one_shot_though_the_event_stays_set)
{
    struct wait_scene s;
    tp_event_t *event = make_event(true, false);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_await(&s.hits.runs, 1);
    stage_expect_eq(tp_event_set(event), TP_OK);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    for (uint32_t i = 2; i <= 4; i++) {
        stage_expect(!arm(s.wait, tp_waitable_event(event)));
        stage_await(&s.hits.runs, i);
    }
    linger();
    stage_expect(is_set(event));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 4);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

STAGE_TEST(wait__c126_automatic_event_set_once_is_one_callback_and_not_set_after)
{
    struct wait_scene s;
    tp_event_t *event = make_event(false, false);
    scene_begin(&s, 2, hit);
    for (uint32_t i = 1; i <= 3; i++) {
        stage_expect(!arm(s.wait, tp_waitable_event(event)));
        stage_expect_eq(tp_event_set(event), TP_OK);
        stage_await(&s.hits.runs, i);
        stage_expect(!is_set(event));
    }
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 3);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* Neither fires for a signal that was gone before anybody armed. */
STAGE_TEST(wait__event_that_was_reset_does_not_fire)
{
    struct wait_scene s;
    tp_event_t *event = make_event(true, true);
    scene_begin(&s, 2, hit);
    stage_expect_eq(tp_event_reset(event), TP_OK);
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect(disarm(s.wait));
    scene_end(&s);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* ---- timed out ------------------------------------------------------------------------------- */

/* C-117, C-119: not before, then once, and never again; on each clock. */
STAGE_TEST(wait__c117_c119_timeout_comes_once_on_each_clock)
{
    struct wait_scene s;
    int64_t unit = stage_times(10, 200) * STAGE_MS;
    tp_semaphore_t *semaphore = make_semaphore(0);
    scene_begin(&s, 2, hit);
    for (uint32_t i = 0; i < 4; i++) {
        int64_t due = stage_now() + unit;
        stage_expect(!arm_clock(s.wait, tp_waitable_semaphore(semaphore), clocks[i],
                                timeout_on(clocks[i], unit)));
        stage_until(due - unit / 2);
        stage_expect(!stage_in_simulator || stage_value(&s.hits.runs) == i);
        stage_await(&s.hits.runs, i + 1);
        if (stage_in_simulator || clocks[i] != TP_CLOCK_REALTIME) /* may be set by somebody */
            expect_at(hit_at(&s.hits, i), due);
        stage_expect(!disarm(s.wait));
        give(semaphore, 1);
        stage_pass(unit);
        stage_expect_eq(drain(semaphore), 1);
    }
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.timed_out), 4);
    stage_expect_eq(stage_value(&s.hits.runs), 4);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* C-118, C-119: signaled halfway, and silent when the time would have run out. */
STAGE_TEST(wait__c118_c119_signal_before_the_timeout_is_the_only_callback)
{
    struct wait_scene s;
    int64_t span = stage_times(60 * STAGE_S, 200 * STAGE_MS);
    tp_semaphore_t *semaphore = make_semaphore(0);
    scene_begin(&s, 2, hit);
    for (uint32_t i = 0; i < 4; i++) {
        int64_t begun = stage_now();
        stage_expect(!arm_clock(s.wait, tp_waitable_semaphore(semaphore), clocks[i],
                                timeout_on(clocks[i], span)));
        stage_pass(stage_times(STAGE_MS, 100 * STAGE_MS));
        stage_expect_eq(stage_value(&s.hits.runs), i);
        give(semaphore, 1);
        stage_await(&s.hits.runs, i + 1);
        stage_expect(!stage_in_simulator || hit_at(&s.hits, i) - begun < span);
        stage_pass(stage_times(STAGE_MS, 300 * STAGE_MS));
        stage_expect_eq(stage_value(&s.hits.runs), i + 1);
        stage_expect_eq(drain(semaphore), 0);
    }
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 4);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* C-120: posted within the set; what is past on its clock is a timeout of 0. */
STAGE_TEST(wait__c120_timeout_of_0_or_past_fires_within_the_set)
{
    struct gated_scene s;
    tp_event_t *event = make_event(false, false);
    uint64_t posts = 0;
    scene_begin_gated(&s);
    for (uint32_t i = 0; i < 4; i++) {
        stage_expect(!arm_clock(s.wait, tp_waitable_event(event), clocks[i], 0));
        stage_expect_eq(stage_stats(s.gate.pool).pending[1], ++posts);
    }
    stage_expect(!arm_clock(s.wait, tp_waitable_event(event), TP_CLOCK_REALTIME,
                            tpp_now(TPP_CLOCK_REALTIME) - STAGE_S));
    stage_expect(!arm_clock(s.wait, tp_waitable_event(event), TP_CLOCK_MONOTONIC, stage_now()));
    stage_expect(!arm_clock(s.wait, tp_waitable_never(), TP_CLOCK_MONOTONIC, 1));
    posts += 3;
    stage_expect_eq(stage_stats(s.gate.pool).pending[1], posts);
    stage_expect_eq(stage_stats(s.gate.pool).waits_armed, 0);
    scene_end_gated(&s);
    stage_expect_eq(stage_value(&s.hits.timed_out), posts);
    stage_expect_eq(stage_value(&s.hits.runs), posts);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* C-121, D-13: signaled or not, a timeout of 0 takes nothing. */
STAGE_TEST(wait__c121_timeout_of_0_takes_nothing_from_what_is_signaled)
{
    struct wait_scene s;
    tp_event_t *automatic = make_event(false, true), *manual = make_event(true, true);
    tp_semaphore_t *semaphore = make_semaphore(3);
    tp_mutex_t *mutex = make_mutex(false);
    tp_waitable_t sources[] = {tp_waitable_event(automatic), tp_waitable_event(manual),
                               tp_waitable_semaphore(semaphore), tp_waitable_mutex(mutex)};
    scene_begin(&s, 2, hit);
    for (uint32_t i = 0; i < 4; i++) {
        stage_expect(!arm_for(s.wait, sources[i], 0));
        stage_expect(!arm_clock(s.wait, sources[i], TP_CLOCK_REALTIME, 1));
        stage_await(&s.hits.runs, 2 * i + 2);
    }
    stage_expect_eq(stage_value(&s.hits.timed_out), 8);
    stage_expect(is_set(automatic));
    stage_expect(is_set(manual));
    stage_expect_eq(drain(semaphore), 3);
    stage_expect_eq(take(tp_waitable_mutex(mutex)), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_mutex_close(mutex), TP_OK);
    stage_expect_eq(tp_event_close(automatic) | tp_event_close(manual), TP_OK);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
    scene_end(&s);
}

STAGE_TEST(wait__c132_never_is_ended_by_its_timeout_only)
{
    struct wait_scene s;
    tp_semaphore_t *semaphore = make_semaphore(0);
    int64_t span = stage_times(10, 100) * STAGE_MS;
    scene_begin(&s, 2, hit);
    stage_expect(!arm_for(s.wait, tp_waitable_never(), 0));
    stage_await(&s.hits.runs, 1);
    int64_t due = stage_now() + span;
    stage_expect(!arm_for(s.wait, tp_waitable_never(), span));
    stage_await(&s.hits.runs, 2);
    expect_at(hit_at(&s.hits, 1), due);
    stage_expect(!arm(s.wait, tp_waitable_semaphore(semaphore)));
    stage_expect(arm(s.wait, tp_waitable_never())); /* in the place of another */
    give(semaphore, 1);
    stage_pass(stage_times(2 * STAGE_MS, 1000 * FAR_AWAY));
    stage_expect_eq(stage_value(&s.hits.runs), 2);
    stage_expect_eq(drain(semaphore), 1);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    stage_expect(disarm(s.wait));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.timed_out), 2);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* ---- disarmed, replaced ---------------------------------------------------------------------- */

STAGE_TEST(wait__c122_disarmed_takes_nothing)
{
    struct wait_scene s;
    tp_semaphore_t *semaphore = make_semaphore(0);
    tp_event_t *event = make_event(false, false);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_semaphore(semaphore)));
    stage_expect(disarm(s.wait));
    stage_expect(!disarm(s.wait));
    give(semaphore, 2);
    stage_expect(!arm_for(s.wait, tp_waitable_event(event), stage_times(FAR_AWAY, STAGE_MS)));
    stage_expect_eq(tp_wait_set(s.wait, NULL, NULL), TP_OK); /* nobody asks */
    stage_expect_eq(tp_event_set(event), TP_OK);
    linger();
    stage_expect_eq(drain(semaphore), 2);
    stage_expect(is_set(event));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect_eq(tp_event_close(event), TP_OK);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

STAGE_TEST(wait__c130_wait_with_cancel_does_not_disarm)
{
    struct wait_scene s;
    tp_event_t *event = make_event(false, false);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_expect_eq(tp_wait_wait(s.wait, false, 0), TP_OK);
    stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_wait_wait(s.wait, true, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_await(&s.hits.runs, 1);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    if (stage_in_simulator) { /* elsewhere it might run out before the wait, and be dropped */
        int64_t due = stage_now() + 10 * STAGE_MS;
        stage_expect(!arm_for(s.wait, tp_waitable_event(event), 10 * STAGE_MS));
        stage_expect_eq(tp_wait_wait(s.wait, true, TP_INFINITE), TP_OK);
        stage_await(&s.hits.runs, 2);
        expect_at(hit_at(&s.hits, 1), due);
        stage_expect_eq(stage_value(&s.hits.timed_out), 1);
    }
    scene_end(&s);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* Each time A is signaled after B took its place: that is nobody's, and B's is delivered. */
STAGE_TEST(wait__c131_set_again_replaces)
{
    struct wait_scene s;
    tp_event_t *a = make_event(false, false), *b = make_event(false, false);
    tp_semaphore_t *semaphore = make_semaphore(0);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_event(a)));
    stage_expect(arm(s.wait, tp_waitable_event(b)));
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    stage_expect_eq(tp_event_set(a), TP_OK);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect(is_set(a));
    stage_expect_eq(tp_event_set(b), TP_OK);
    stage_await(&s.hits.runs, 1);
    stage_expect(!is_set(b));
    stage_expect(!arm_for(s.wait, tp_waitable_event(a), stage_times(FAR_AWAY, 5 * STAGE_MS)));
    stage_expect(arm(s.wait, tp_waitable_semaphore(semaphore))); /* the timeout goes too */
    stage_expect(arm(s.wait, tp_waitable_semaphore(semaphore))); /* by itself */
    stage_pass(10 * STAGE_MS);
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    give(semaphore, 2);
    stage_await(&s.hits.runs, 2);
    linger();
    stage_expect_eq(drain(semaphore), 1);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 2);
    stage_expect_eq(tp_event_close(a) | tp_event_close(b), TP_OK);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* A timeout set anew counts from then. */
STAGE_TEST(wait__set_again_moves_the_timeout)
{
    struct wait_scene s;
    int64_t unit = stage_times(4, 50) * STAGE_MS;
    scene_begin(&s, 2, hit);
    stage_expect(!arm_for(s.wait, tp_waitable_never(), FAR_AWAY));
    int64_t due = stage_now() + 4 * unit;
    stage_expect(arm_for(s.wait, tp_waitable_never(), 4 * unit));
    stage_await(&s.hits.runs, 1);
    expect_at(hit_at(&s.hits, 0), due);
    stage_expect(!arm_for(s.wait, tp_waitable_never(), unit));
    (void)arm_for(s.wait, tp_waitable_never(), FAR_AWAY);
    stage_pass(2 * unit);
    stage_expect(disarm(s.wait));
    scene_end(&s);
}

/* ---- what is queued -------------------------------------------------------------------------- */

/* C-140: the unit is taken and the post queued; a disarm comes too late, and so does a set. */
STAGE_TEST(wait__c140_disarm_does_not_recall_a_post)
{
    struct gated_scene s;
    tp_semaphore_t *semaphore = make_semaphore(0);
    scene_begin_gated(&s);
    stage_expect(!arm(s.wait, tp_waitable_semaphore(semaphore)));
    give(semaphore, 1);
    stage_expect_eq(stage_stats(s.gate.pool).pending[1], 1);
    stage_expect_eq(drain(semaphore), 0);
    stage_expect(!disarm(s.wait));
    stage_expect_eq(tp_wait_wait(s.wait, false, 0), TP_ERR_TIMEOUT);
    stage_expect(!arm(s.wait, tp_waitable_never()));
    stage_gate_open(&s.gate);
    stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    stage_expect(disarm(s.wait));
    scene_end_gated(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* Results of one wait that are queued together are all delivered, each as what it is. */
STAGE_TEST(wait__results_queued_together_are_counted_per_code)
{
    struct gated_scene s;
    tp_semaphore_t *semaphore = make_semaphore(2);
    scene_begin_gated(&s);
    for (int i = 0; i < 5; i++)
        stage_expect(!arm_for(s.wait, tp_waitable_semaphore(semaphore), i % 2 ? 0 : TP_INFINITE));
    give(semaphore, 1); /* the fifth was waiting */
    stage_expect_eq(stage_stats(s.gate.pool).pending[1], 5);
    scene_end_gated(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 3);
    stage_expect_eq(stage_value(&s.hits.timed_out), 2);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* A unit that came with a post which is dropped stays taken. */
STAGE_TEST(wait__cancel_drops_a_post_and_keeps_the_unit)
{
    struct gated_scene s;
    tp_semaphore_t *semaphore = make_semaphore(1);
    tp_event_t *event = make_event(false, true);
    scene_begin_gated(&s);
    stage_expect(!arm(s.wait, tp_waitable_semaphore(semaphore)));
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_expect(!arm_for(s.wait, tp_waitable_event(event), 0));
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_expect_eq(tp_wait_wait(s.wait, true, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_stats(s.gate.pool).cancelled, 3);
    stage_expect_eq(drain(semaphore), 0);
    stage_expect_eq(tp_event_set(event), TP_OK); /* it is still armed, and usable */
    stage_expect_eq(stage_stats(s.gate.pool).pending[1], 1);
    scene_end_gated(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    stage_expect_eq(tp_event_close(event), TP_OK);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

STAGE_TEST(wait__wait_times_out_while_a_callback_runs)
{
    struct wait_scene s;
    scene_begin(&s, 2, hit_held);
    stage_expect(!arm_for(s.wait, tp_waitable_never(), 0));
    stage_await(&s.hits.started, 1);
    int64_t until = stage_now() + 5 * STAGE_MS;
    stage_expect_eq(tp_wait_wait(s.wait, true, 0), TP_ERR_TIMEOUT);
    stage_expect_eq(tp_wait_wait(s.wait, false, 5 * STAGE_MS), TP_ERR_TIMEOUT);
    stage_expect(stage_now() >= until);
    stage_expect(!disarm(s.wait)); /* it has been posted, and its callback runs */
    stage_add(&s.hits.open, 1);
    stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    scene_end(&s);
}

/* The callback that runs is left alone; armed again meanwhile, it fires beside it. */
STAGE_TEST(wait__fires_again_while_its_callback_runs)
{
    struct wait_scene s;
    tp_event_t *event = make_event(true, true);
    scene_begin(&s, 2, hit_held);
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_await(&s.hits.started, 1);
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_await(&s.hits.started, 2);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_add(&s.hits.open, 1);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 2);
    stage_expect_eq(stage_most(&s.hits.peak), 2);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* ---- close ----------------------------------------------------------------------------------- */

STAGE_TEST(wait__c139_closed_while_armed_never_fires_and_takes_nothing)
{
    struct wait_scene s;
    tp_event_t *event = make_event(false, false);
    scene_begin(&s, 2, hit);
    tpp_store_release(&s.hits.over, 1);
    stage_expect(!arm_for(s.wait, tp_waitable_event(event), stage_times(FAR_AWAY, STAGE_MS)));
    stage_expect_eq(tp_wait_close(s.wait), TP_OK);
    stage_expect_eq(tp_wait_close(s.wait), TP_ERR_HANDLE);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
    stage_await(&s.hits.released, 1); /* nothing keeps it */
    stage_expect_eq(tp_event_set(event), TP_OK);
    linger();
    stage_expect(is_set(event));
    s.wait = NULL;
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

static void use_closed_handle(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                              tp_wait_result_t result)
{
    struct hits *hits = context;
    stage_expect(wait == hits->wait);
    stage_expect_eq(tp_wait_set(wait, NULL, NULL), TP_ERR_HANDLE);
    stage_expect_eq(refused(wait, tp_waitable_never()), TP_ERR_HANDLE);
    stage_expect_eq(tp_wait_wait(wait, true, 0), TP_ERR_HANDLE);
    stage_expect_eq(tp_wait_close(wait), TP_ERR_HANDLE);
    hit(instance, context, wait, result);
}

STAGE_TEST(wait__close_lets_a_queued_post_run_with_the_old_handle)
{
    struct stage_gate gate;
    struct hits hits = {0};
    tp_event_t *event = make_event(true, true);
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    stage_expect_eq(tp_env_set_context_release(env, count_release), TP_OK);
    tp_wait_t *wait = hits.wait = make_wait(use_closed_handle, &hits, env);
    stage_expect(!arm(wait, tp_waitable_event(event)));
    stage_expect(!arm_for(wait, tp_waitable_never(), 0));
    stage_expect(!arm_for(wait, tp_waitable_never(), STAGE_MS)); /* does not come any more */
    stage_expect_eq(tp_wait_close(wait), TP_OK);
    stage_expect_eq(tp_wait_wait(wait, true, TP_INFINITE), TP_ERR_HANDLE); /* drops nothing */
    stage_pass(3 * STAGE_MS);
    stage_gate_open(&gate);
    stage_await(&hits.released, 1);
    stage_expect_eq(stage_value(&hits.signaled), 1);
    stage_expect(stage_value(&hits.timed_out) >= 1);
    stage_expect(!stage_in_simulator || stage_value(&hits.timed_out) == 1);
    stage_expect_eq(tp_event_close(event), TP_OK);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

static void close_itself(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                         tp_wait_result_t result)
{
    struct hits *hits = context;
    stage_expect(!arm(wait, hits->source));
    stage_expect_eq(tp_wait_close(wait), TP_OK);
    tpp_store_release(&hits->thread, stage_self()); /* the context is still good */
    hit(instance, context, wait, result);
}

STAGE_TEST(wait__closes_itself_while_armed_again)
{
    struct wait_scene s;
    tp_semaphore_t *semaphore = make_semaphore(0);
    scene_begin(&s, 1, close_itself);
    s.hits.source = tp_waitable_semaphore(semaphore);
    stage_expect(!arm(s.wait, s.hits.source));
    give(semaphore, 1);
    stage_await(&s.hits.runs, 1);
    s.wait = NULL;
    scene_end(&s);
    give(semaphore, 1);
    stage_expect_eq(drain(semaphore), 1);
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* ---- the source is closed -------------------------------------------------------------------- */

/* What it is armed on is closed: it stays armed, until its time runs out, or somebody acts. */
STAGE_TEST(wait__source_closed_while_armed_leaves_it_armed)
{
    struct wait_scene s;
    tp_event_t *event = make_event(true, false), *other = make_event(true, true);
    tp_semaphore_t *semaphore = make_semaphore(0);
    scene_begin(&s, 2, hit);
    int64_t due = stage_now() + 10 * STAGE_MS;
    stage_expect(!arm_for(s.wait, tp_waitable_event(event), 10 * STAGE_MS));
    stage_expect_eq(tp_event_close(event), TP_OK);
    stage_await(&s.hits.runs, 1);
    stage_expect_eq(stage_value(&s.hits.timed_out), 1);
    expect_at(hit_at(&s.hits, 0), due);
    stage_expect(!arm(s.wait, tp_waitable_semaphore(semaphore)));
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
    linger();
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    stage_expect(arm(s.wait, tp_waitable_event(other)));
    stage_await(&s.hits.runs, 2);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    stage_expect_eq(tp_event_close(other), TP_OK);
    event = make_event(false, false);
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_expect_eq(tp_event_close(event), TP_OK);
    stage_expect(disarm(s.wait));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 2);
}

/* ---- refused --------------------------------------------------------------------------------- */

/* The wait is armed on a semaphore as it was, and fires for that. */
static void expect_intact(struct wait_scene *s, tp_semaphore_t *semaphore)
{
    uint32_t runs = stage_value(&s->hits.runs);
    stage_expect_eq(stage_stats(s->pool).waits_armed, 1);
    give(semaphore, 1);
    stage_await(&s->hits.runs, runs + 1);
    stage_expect_eq(stage_value(&s->hits.signaled), runs + 1);
    stage_expect_eq(drain(semaphore), 0);
    stage_expect(!arm(s->wait, tp_waitable_semaphore(semaphore)));
}

static void expect_refused(struct wait_scene *s, const tp_wait_spec_t *spec, tp_status_t expected)
{
    bool was_armed = true;
    uint32_t misuses = stage_misuses();
    stage_expect_eq(tp_wait_set(s->wait, spec, &was_armed), expected);
    stage_expect(!was_armed);
    stage_expect_eq(tp_wait_set(s->wait, spec, NULL), expected);
    stage_expect_eq(stage_misuses(), misuses + 2);
    stage_expect_eq(stage_misuse_status(), expected);
    stage_expect(strcmp(stage_misuse_function(), "tp_wait_set") == 0);
    stage_expect_eq(stage_stats(s->pool).waits_armed, 1);
}

STAGE_TEST(wait__a_refused_spec_leaves_the_arming_as_it_was)
{
    static const uint32_t wrong_clocks[] = {TP_CLOCK_BOOTTIME + 1, 0x100, 0x80000000, UINT32_MAX};
    static const int64_t negative[] = {-1, INT32_MIN, -INT64_MAX, INT64_MIN};
    struct wait_scene s;
    tp_semaphore_t *semaphore = make_semaphore(0);
    tp_event_t *event = make_event(true, true);
    tp_wait_spec_t spec;
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_semaphore(semaphore)));
    for (int i = 0; i < 4; i++) {
        spec = spec_of(tp_waitable_event(event), wrong_clocks[i], TP_INFINITE);
        expect_refused(&s, &spec, TP_ERR_ARGUMENT);
        for (uint32_t clock = 0; clock < 4; clock++) {
            spec = spec_of(tp_waitable_event(event), clock, negative[i]);
            expect_refused(&s, &spec, TP_ERR_ARGUMENT);
        }
    }
    expect_intact(&s, semaphore);
    scene_end(&s);
    stage_expect_eq(tp_event_close(event), TP_OK);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* What no tp_waitable_*() made. Zeros are refused as the handle of nothing is. */
STAGE_TEST(wait__a_source_that_nobody_made_leaves_the_arming_as_it_was)
{
    struct wait_scene s;
    tp_semaphore_t *semaphore = make_semaphore(0);
    tp_wait_result_t result;
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_semaphore(semaphore)));
    for (uint32_t i = 0; i < 40; i++) {
        tp_waitable_t garbage = {tpp_random() | 0x100, tpp_random(), tpp_random()};
        tp_wait_spec_t spec = spec_of(garbage, TP_CLOCK_RELATIVE, TP_INFINITE);
        tp_status_t status = tp_waitable_wait(garbage, 0, &result);
        stage_expect(status == TP_ERR_ARGUMENT || status == TP_ERR_HANDLE);
        expect_refused(&s, &spec, status);
    }
    tp_wait_spec_t zeroed = TP_WAIT_SPEC_INIT; /* with a source of zeros */
    stage_expect_eq(zeroed.source.kind, 0);
    expect_refused(&s, &zeroed, tp_waitable_wait(zeroed.source, 0, &result));
    expect_intact(&s, semaphore);
    scene_end(&s);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

STAGE_TEST(wait__a_bad_handle_in_the_source_leaves_the_arming_as_it_was)
{
    struct wait_scene s;
    tp_semaphore_t *semaphore = make_semaphore(0), *closed_semaphore = make_semaphore(1);
    tp_event_t *event = make_event(true, true);
    tp_mutex_t *mutex = make_mutex(false);
    tp_waitable_t sources[8];
    int count = 0;
    scene_begin(&s, 2, hit);
    sources[count++] = tp_waitable_event(event);
    sources[count++] = tp_waitable_mutex(mutex);
    sources[count++] = tp_waitable_semaphore(closed_semaphore);
    stage_expect_eq(tp_event_close(event) | tp_mutex_close(mutex), TP_OK);
    stage_expect_eq(tp_semaphore_close(closed_semaphore), TP_OK);
    sources[count++] = tp_waitable_event(event);
    sources[count++] = tp_waitable_event(NULL);
    sources[count++] = tp_waitable_event((tp_event_t *)semaphore);
    sources[count++] = tp_waitable_mutex((tp_mutex_t *)semaphore);
    sources[count++] = tp_waitable_semaphore((tp_semaphore_t *)s.wait);
    stage_expect(!arm(s.wait, tp_waitable_semaphore(semaphore)));
    for (int i = 0; i < count; i++) {
        tp_wait_spec_t spec = spec_of(sources[i], TP_CLOCK_RELATIVE, i % 2 ? 0 : TP_INFINITE);
        expect_refused(&s, &spec, TP_ERR_HANDLE); /* also with a timeout of 0 */
    }
    expect_intact(&s, semaphore);
    scene_end(&s);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

STAGE_TEST(wait__a_spec_of_wrong_size_leaves_the_arming_as_it_was)
{
    struct wait_scene s;
    struct {
        tp_wait_spec_t spec;
        unsigned char more[40];
    } longer;
    tp_semaphore_t *semaphore = make_semaphore(0);
    tp_wait_spec_t spec = spec_of(tp_waitable_never(), TP_CLOCK_RELATIVE, 0);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_semaphore(semaphore)));
    for (uint32_t size = 0; size < sizeof spec; size++) {
        spec.struct_size = size;
        expect_refused(&s, &spec, TP_ERR_VERSION);
    }
    memset(&longer, 0, sizeof longer);
    longer.spec = spec_of(tp_waitable_semaphore(semaphore), TP_CLOCK_RELATIVE, TP_INFINITE);
    longer.spec.struct_size = sizeof longer;
    for (size_t i = 0; i < sizeof longer.more; i++) {
        longer.more[i] = 0x80;
        expect_refused(&s, &longer.spec, TP_ERR_VERSION);
        longer.more[i] = 0;
    }
    bool was_armed = false;
    stage_expect_eq(tp_wait_set(s.wait, &longer.spec, &was_armed), TP_OK);
    stage_expect(was_armed);
    expect_intact(&s, semaphore);
    scene_end(&s);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

STAGE_TEST(wait__init_by_macro_and_by_function_are_the_same)
{
    struct wait_scene s;
    tp_wait_spec_t by_macro = TP_WAIT_SPEC_INIT, by_function;
    memset(&by_function, 0xa5, sizeof by_function);
    tp_wait_spec_init(&by_function);
    tp_wait_spec_init(NULL);
    stage_expect(memcmp(&by_macro, &by_function, sizeof by_macro) == 0);
    stage_expect_eq(by_macro.struct_size, sizeof by_macro);
    stage_expect(by_macro.timeout == TP_INFINITE);
    scene_begin(&s, 1, hit);
    by_function.source = tp_waitable_never();
    stage_expect_eq(tp_wait_set(s.wait, &by_function, NULL), TP_OK);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    scene_end(&s);
}

/* Each is refused: nothing is made, and the context stays the caller's. */
STAGE_TEST(wait__creation_refused)
{
    struct hits hits = {0};
    tp_wait_t *wait = (tp_wait_t *)&wait;
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(tp_env_set_context_release(env, count_release), TP_OK);
    stage_expect_eq(tp_wait_create(NULL, &hits, env, &wait), TP_ERR_ARGUMENT);
    stage_expect(wait == NULL);
    stage_expect_eq(tp_wait_create(hit, &hits, env, NULL), TP_ERR_ARGUMENT);
    wait = (tp_wait_t *)&wait;
    stage_expect_eq(tp_wait_create(hit, &hits, (tp_env_t *)pool, &wait), TP_ERR_HANDLE);
    stage_expect(wait == NULL);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
    wait = (tp_wait_t *)&wait;
    stage_expect_eq(tp_wait_create(hit, &hits, env, &wait), TP_ERR_CLOSED);
    stage_expect(wait == NULL);
    stage_expect_eq(tp_wait_close(NULL), TP_OK);
    stage_expect_eq(tp_wait_close((tp_wait_t *)env), TP_ERR_HANDLE);
    stage_expect_eq(tp_wait_wait((tp_wait_t *)env, true, 0), TP_ERR_HANDLE);
    stage_expect_eq(tp_wait_set(NULL, NULL, NULL), TP_ERR_HANDLE);
    stage_expect_eq(stage_value(&hits.released), 0);
    tp_env_destroy(env);
}

static void wait_for_itself(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                            tp_wait_result_t result)
{
    struct hits *hits = context;
    stage_expect_eq(tp_wait_wait(wait, true, TP_INFINITE), TP_ERR_DEADLOCK);
    stage_expect_eq(tp_wait_wait(wait, false, 0), TP_ERR_DEADLOCK);
    stage_expect_eq(tp_wait_wait(wait, false, -1), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    stage_expect_eq(tp_wait_wait(wait, false, TP_INFINITE), TP_OK);
    stage_add(&hits->told, 1);
    hit_held(instance, context, wait, result);
}

/* C-194 for waits: its own callback may wait once it is disassociated; and nobody waits for it. */
STAGE_TEST(wait__c194_disassociated_callback_waits_for_its_own_wait)
{
    struct wait_scene s;
    scene_begin(&s, 2, wait_for_itself);
    stage_expect(!arm_for(s.wait, tp_waitable_never(), 0));
    stage_await(&s.hits.started, 1);
    stage_expect_eq(stage_misuses(), 3);
    stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_add(&s.hits.open, 1);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 1);
}

/* ---- what can fail --------------------------------------------------------------------------- */

/* All that can fail for a thing in user space fails at the creation; from then on it cannot. */
STAGE_TEST(wait__set_cannot_fail_once_it_is_made)
{
    struct hits hits = {0};
    tp_pool_t *pool = NULL;
    tp_wait_t *wait = NULL;
    tp_env_t *env = NULL;
    tp_semaphore_t *semaphore = NULL;
    if (tp_pool_create(NULL, &pool) != TP_OK)
        return;
    if (tp_env_create(&env) == TP_OK && tp_semaphore_create(0, 5, &semaphore) == TP_OK) {
        stage_expect_eq(tp_env_set_pool(env, pool), TP_OK);
        tp_status_t status = tp_wait_create(hit, &hits, env, &wait);
        stage_expect((status == TP_OK) == (wait != NULL));
        stage_expect(status == TP_OK || status == TP_ERR_NO_MEMORY || status == TP_ERR_NO_THREAD);
    }
    if (wait) {
        stage_fail_allocations(true);
        stage_expect(!arm(wait, tp_waitable_semaphore(semaphore)));
        give(semaphore, 1);
        stage_await(&hits.runs, 1);
        stage_expect(!arm_for(wait, tp_waitable_semaphore(semaphore), STAGE_MS));
        stage_await(&hits.runs, 2);
        stage_expect(!arm(wait, tp_waitable_never()));
        stage_expect(arm_for(wait, tp_waitable_semaphore(semaphore), FAR_AWAY));
        stage_expect(disarm(wait));
        stage_expect(!arm_for(wait, tp_waitable_never(), 0));
        finish_wait(wait);
        stage_fail_allocations(false);
        stage_expect_eq(stage_value(&hits.runs), 3);
    }
    if (semaphore)
        tp_semaphore_close(semaphore);
    if (env)
        tp_env_destroy(env);
    tp_pool_close(pool);
}

#define TIMED(name) STAGE_CASE_X(name, .no_early = true)

STAGE_MAIN(STAGE_CASE(wait__is_not_armed_at_first_and_never_fires),
           STAGE_CASE(wait__c116_semaphore_release_is_one_callback_and_takes_the_unit),
           STAGE_CASE(wait__c123_what_is_signaled_fires_within_the_set),
           STAGE_CASE(wait__c124_is_one_shot_though_the_event_stays_set),
           STAGE_CASE(wait__c126_automatic_event_set_once_is_one_callback_and_not_set_after),
           STAGE_CASE(wait__event_that_was_reset_does_not_fire),
           TIMED(wait__c117_c119_timeout_comes_once_on_each_clock),
           TIMED(wait__c118_c119_signal_before_the_timeout_is_the_only_callback),
           STAGE_CASE(wait__c120_timeout_of_0_or_past_fires_within_the_set),
           STAGE_CASE(wait__c121_timeout_of_0_takes_nothing_from_what_is_signaled),
           TIMED(wait__c132_never_is_ended_by_its_timeout_only),
           TIMED(wait__c122_disarmed_takes_nothing),
           TIMED(wait__c130_wait_with_cancel_does_not_disarm), TIMED(wait__c131_set_again_replaces),
           TIMED(wait__set_again_moves_the_timeout),
           STAGE_CASE(wait__c140_disarm_does_not_recall_a_post),
           STAGE_CASE(wait__results_queued_together_are_counted_per_code),
           STAGE_CASE(wait__cancel_drops_a_post_and_keeps_the_unit),
           STAGE_CASE(wait__wait_times_out_while_a_callback_runs),
           STAGE_CASE(wait__fires_again_while_its_callback_runs),
           TIMED(wait__c139_closed_while_armed_never_fires_and_takes_nothing),
           TIMED(wait__close_lets_a_queued_post_run_with_the_old_handle),
           STAGE_CASE(wait__closes_itself_while_armed_again),
           TIMED(wait__source_closed_while_armed_leaves_it_armed),
           STAGE_CASE(wait__a_refused_spec_leaves_the_arming_as_it_was),
           STAGE_CASE(wait__a_source_that_nobody_made_leaves_the_arming_as_it_was),
           STAGE_CASE(wait__a_bad_handle_in_the_source_leaves_the_arming_as_it_was),
           STAGE_CASE(wait__a_spec_of_wrong_size_leaves_the_arming_as_it_was),
           STAGE_CASE(wait__init_by_macro_and_by_function_are_the_same),
           STAGE_CASE(wait__creation_refused),
           STAGE_CASE(wait__c194_disassociated_callback_waits_for_its_own_wait),
           STAGE_CASE_X(wait__set_cannot_fail_once_it_is_made, .no_early = true, .faults = true))
