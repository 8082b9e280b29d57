/* wait_armed_test.c - what tp_wait_set tells about the arming it took away (D-15), and that every
 * arming ends in exactly one way: R-01. */
#include "tests/conformance/wait_scene.h"

/* ---- the table, row by row ------------------------------------------------------------------- */

STAGE_TEST(wait_armed__c143_true_for_what_was_armed_and_no_callback_follows)
{
    struct wait_scene s;
    tp_event_t *event = make_event(false, false);
    scene_begin(&s, 2, hit);
    tpp_store_release(&s.hits.over, 1);
    stage_expect(!disarm(s.wait));
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_expect(arm_for(s.wait, tp_waitable_event(event), stage_times(FAR_AWAY, STAGE_MS)));
    stage_expect(disarm(s.wait));
    stage_expect(!disarm(s.wait));
    stage_expect_eq(tp_event_set(event), TP_OK);
    linger();
    stage_expect_eq(stage_stats(s.pool).submitted, 0);
    stage_expect(is_set(event));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

STAGE_TEST(wait_armed__c143_false_while_the_callback_runs_and_after_it)
{
    struct wait_scene s;
    tp_event_t *event = make_event(false, false);
    scene_begin(&s, 2, hit_held);
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_await(&s.hits.started, 1);
    stage_expect(!disarm(s.wait));
    stage_expect_eq(tp_wait_wait(s.wait, false, 0), TP_ERR_TIMEOUT);
    stage_add(&s.hits.open, 1);
    stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
    stage_expect(!disarm(s.wait));
    stage_expect(!arm_for(s.wait, tp_waitable_never(), 0));
    stage_await(&s.hits.runs, 2);
    stage_expect(!disarm(s.wait));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 2);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

static bool one_is_pending(void *context)
{
    return stage_stats(context).pending[1] == 1;
}

STAGE_TEST(wait_armed__c143_false_while_the_post_is_queued)
{
    struct gated_scene s;
    scene_begin_gated(&s);
    stage_expect(!arm_for(s.wait, tp_waitable_never(), 5 * STAGE_MS));
    stage_expect(stage_eventually(one_is_pending, s.gate.pool));
    stage_expect(!disarm(s.wait));
    stage_expect(!arm_for(s.wait, tp_waitable_never(), FAR_AWAY));
    stage_expect(disarm(s.wait));
    scene_end_gated(&s);
    stage_expect_eq(stage_value(&s.hits.timed_out), 1);
}

/* Armed for ever is armed, on each clock. */
STAGE_TEST(wait_armed__without_a_timeout_it_is_armed_for_ever)
{
    static const uint32_t clocks[] = {TP_CLOCK_RELATIVE, TP_CLOCK_REALTIME, TP_CLOCK_MONOTONIC,
                                      TP_CLOCK_BOOTTIME};
    static const int64_t ends[] = {TP_INFINITE, TP_INFINITE - 1};
    struct wait_scene s;
    scene_begin(&s, 1, hit);
    tpp_store_release(&s.hits.over, 1);
    for (int i = 0; i < 8; i++) {
        stage_expect_eq(arm_clock(s.wait, tp_waitable_never(), clocks[i % 4], ends[i / 4]), i > 0);
        stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    }
    if (stage_in_simulator)
        stage_pass(1000 * FAR_AWAY);
    stage_expect(disarm(s.wait));
    stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
}

/* ---- exactly one winner ---------------------------------------------------------------------- */

struct signaller {
    tp_semaphore_t *semaphore;
    stage_counter_t go, done;
    uint32_t rounds;
};

static void give_each_round(void *context)
{
    struct signaller *signaller = context;
    for (uint32_t i = 1; i <= signaller->rounds; i++) {
        stage_await(&signaller->go, i);
        if (tpp_random() % 2)
            dawdle();
        give(signaller->semaphore, 1);
        stage_add(&signaller->done, 1);
    }
}

/* What the arming came to: a disarm that took it away, or one callback. The unit tells the same. */
static void disarm_against_signal(int64_t timeout)
{
    struct wait_scene s;
    struct signaller signaller = {.semaphore = make_semaphore(0),
                                  .rounds = (uint32_t)stage_times(1000, 3)};
    uint32_t expected = 0, taken_away = 0;
    scene_begin(&s, 2, hit);
    stage_thread_t thread = stage_start(give_each_round, &signaller);
    for (uint32_t i = 1; i <= signaller.rounds; i++) {
        uint32_t before = stage_value(&s.hits.signaled);
        stage_expect(!arm_for(s.wait, tp_waitable_semaphore(signaller.semaphore), timeout));
        stage_add(&signaller.go, 1);
        dawdle();
        bool won = disarm(s.wait);
        taken_away += won;
        expected += !won;
        stage_await(&signaller.done, i);
        stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
        stage_expect_eq(stage_value(&s.hits.runs), expected);
        bool signaled = stage_value(&s.hits.signaled) > before;
        stage_expect(!(won && signaled));
        stage_expect_eq(drain(signaller.semaphore), !signaled);
    }
    stage_join(thread);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), expected);
    stage_expect_eq(expected + taken_away, signaller.rounds);
    stage_expect_eq(tp_semaphore_close(signaller.semaphore), TP_OK);
}

STAGE_TEST(wait_armed__c143_r01_disarm_against_signal_has_one_winner)
{
    disarm_against_signal(TP_INFINITE);
}

STAGE_TEST(wait_armed__c143_r02_disarm_against_signal_and_timeout_has_one_winner)
{
    disarm_against_signal(stage_times(5000, 2000));
}

/* R-01, C-142: A's signal meets the set that puts B in its place. Either it was A's callback, and B
 * is armed beside it; or A keeps its unit. B is never lost. */
STAGE_TEST(wait_armed__c142_r01_replaced_while_it_is_signaled)
{
    struct wait_scene s;
    struct signaller signaller = {.semaphore = make_semaphore(0),
                                  .rounds = (uint32_t)stage_times(1000, 3)};
    tp_semaphore_t *other = make_semaphore(0);
    uint32_t runs = 0;
    scene_begin(&s, 2, hit);
    stage_thread_t thread = stage_start(give_each_round, &signaller);
    for (uint32_t i = 1; i <= signaller.rounds; i++) {
        stage_expect(!arm(s.wait, tp_waitable_semaphore(signaller.semaphore)));
        stage_add(&signaller.go, 1);
        dawdle();
        bool replaced = arm(s.wait, tp_waitable_semaphore(other));
        stage_await(&signaller.done, i);
        stage_expect_eq(drain(signaller.semaphore), replaced);
        runs += !replaced;
        stage_await(&s.hits.runs, runs);
        stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
        give(other, 1);
        stage_await(&s.hits.runs, ++runs);
        stage_expect_eq(drain(other), 0);
        stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
        stage_expect_eq(stage_value(&s.hits.runs), runs);
    }
    stage_join(thread);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), runs);
    stage_expect_eq(tp_semaphore_close(signaller.semaphore) | tp_semaphore_close(other), TP_OK);
}

/* closed while it is signaled: the callback runs, or the unit is still there. */
STAGE_TEST(wait_armed__r01_closed_while_it_is_signaled)
{
    struct wait_scene s;
    struct signaller signaller = {.semaphore = make_semaphore(0),
                                  .rounds = (uint32_t)stage_times(1000, 2)};
    uint32_t units = 0;
    scene_prepare(&s, 2);
    stage_thread_t thread = stage_start(give_each_round, &signaller);
    for (uint32_t i = 1; i <= signaller.rounds; i++) {
        tp_wait_t *wait = make_wait(hit, &s.hits, s.env);
        stage_expect(!arm(wait, tp_waitable_semaphore(signaller.semaphore)));
        stage_add(&signaller.go, 1);
        dawdle();
        stage_expect_eq(tp_wait_close(wait), TP_OK);
        stage_await(&signaller.done, i);
        stage_await(&s.hits.released, i);
        units += drain(signaller.semaphore);
        stage_expect_eq(stage_value(&s.hits.runs) + units, i);
    }
    stage_join(thread);
    scene_end(&s);
    stage_expect_eq(tp_semaphore_close(signaller.semaphore), TP_OK);
}

/* ---- references ------------------------------------------------------------------------------ */

/* Each set takes a reference, dropped by the callback, or by whoever is told that he has taken the
 * arming away. */
struct counted {
    struct wait_scene s;
    tp_semaphore_t *semaphore;
    tp_event_t *event;
    tpp_u32 references; /* 1000: none */
    tpp_u32 strange;
};

static void drop_reference(struct counted *counted)
{
    if (tpp_sub_acq_rel(&counted->references, 1) <= 1000)
        tpp_add_relaxed(&counted->strange, 1);
}

static void run_counted(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                        tp_wait_result_t result)
{
    struct counted *counted = context;
    (void)instance;
    (void)wait;
    drop_reference(counted);
    hit_result(&counted->s.hits, result);
    stage_add(&counted->s.hits.runs, 1);
}

static bool set_anything(struct counted *counted)
{
    static const int64_t times[] = {0, 1, 2000, 20000, FAR_AWAY, TP_INFINITE, TP_INFINITE};
    uint32_t dice = tpp_random();
    int64_t timeout = times[dice % 7];
    tpp_add_acq_rel(&counted->references, 1);
    switch (dice >> 8 & 3) {
    case 0:
        return arm_for(counted->s.wait, tp_waitable_never(), timeout);
    case 1:
        return arm_for(counted->s.wait, tp_waitable_event(counted->event), timeout);
    default:
        return arm_for(counted->s.wait, tp_waitable_semaphore(counted->semaphore), timeout);
    }
}

static void set_and_signal(void *context)
{
    struct counted *counted = context;
    for (int i = 0; i < stage_times(20000, 5); i++) {
        uint32_t dice = tpp_random() % 6;
        bool won = false;
        if (dice < 3)
            won = set_anything(counted);
        else if (dice == 3)
            won = disarm(counted->s.wait);
        else if (dice == 4)
            give(counted->semaphore, 1);
        else
            stage_expect_eq(tp_event_set(counted->event), TP_OK);
        if (won)
            drop_reference(counted);
        if (tpp_random() % 16 == 0)
            dawdle();
    }
}

STAGE_TEST(wait_armed__c143_references_balance)
{
    struct counted counted = {.strange = {0}};
    tpp_store_release(&counted.references, 1000);
    scene_prepare(&counted.s, 2);
    counted.semaphore = make_semaphore(0);
    counted.event = make_event(false, false);
    stage_expect_eq(tp_env_set_context_release(counted.s.env, NULL), TP_OK);
    counted.s.wait = make_wait(run_counted, &counted, counted.s.env);
    stage_thread_t other = stage_start(set_and_signal, &counted);
    set_and_signal(&counted);
    stage_join(other);
    if (disarm(counted.s.wait))
        drop_reference(&counted);
    finish_wait(counted.s.wait);
    stage_expect_eq(tpp_load_acquire(&counted.references), 1000);
    stage_expect_eq(tpp_load_acquire(&counted.strange), 0);
    tp_pool_stats_t stats = stage_stats(counted.s.pool);
    stage_expect_eq(stats.executed, stage_value(&counted.s.hits.runs));
    stage_expect_eq(stats.submitted, stats.executed);
    stage_expect_eq(stats.waits_armed, 0);
    stage_expect_eq(tp_semaphore_close(counted.semaphore), TP_OK);
    stage_expect_eq(tp_event_close(counted.event), TP_OK);
    tp_env_destroy(counted.s.env);
    tp_pool_close(counted.s.pool);
}

/* ---- several threads set --------------------------------------------------------------------- */

struct setter {
    tp_wait_t *wait;
    tp_event_t *event;
    uint32_t taken;
};

static void set_far(void *context)
{
    struct setter *setter = context;
    for (int i = 0; i < stage_times(3000, 3); i++)
        setter->taken += i % 2 ? arm(setter->wait, tp_waitable_event(setter->event))
                               : arm_for(setter->wait, tp_waitable_never(), FAR_AWAY + i);
}

/* Of n armings made by several threads each takes away the one before it: all but the first. */
STAGE_TEST(wait_armed__each_arming_is_taken_away_once)
{
    struct wait_scene s;
    struct setter setters[3];
    stage_thread_t threads[3];
    tp_event_t *event = make_event(false, false);
    uint32_t taken = 0;
    scene_begin(&s, 1, hit);
    for (int i = 0; i < 3; i++) {
        setters[i] = (struct setter){s.wait, event, 0};
        threads[i] = stage_start(set_far, &setters[i]);
    }
    for (int i = 0; i < 3; i++) {
        stage_join(threads[i]);
        taken += setters[i].taken;
    }
    stage_expect_eq(taken, 3 * (uint32_t)stage_times(3000, 3) - 1);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    stage_expect(disarm(s.wait));
    stage_expect_eq(tp_event_set(event), TP_OK); /* nothing of all that is left on it */
    linger();
    stage_expect(is_set(event));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

struct stopper {
    tp_wait_t *wait;
    stage_counter_t *go;
    bool won;
};

static void disarm_once(void *context)
{
    struct stopper *stopper = context;
    stage_await(stopper->go, 1);
    stopper->won = disarm(stopper->wait);
}

STAGE_TEST(wait_armed__of_two_disarms_one_is_told)
{
    tp_event_t *event = make_event(true, false);
    for (int i = 0; i < stage_times(100, 2); i++) {
        struct wait_scene s;
        stage_counter_t go = {0};
        scene_begin(&s, 1, hit);
        struct stopper a = {s.wait, &go, false}, b = {s.wait, &go, false};
        stage_expect(!arm_for(s.wait, tp_waitable_event(event), FAR_AWAY));
        stage_thread_t one = stage_start(disarm_once, &a), two = stage_start(disarm_once, &b);
        stage_add(&go, 1);
        stage_join(one);
        stage_join(two);
        stage_expect_eq(a.won + b.won, 1);
        scene_end(&s);
    }
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* ---- the count ------------------------------------------------------------------------------- */

STAGE_TEST(wait_armed__statistics_count_what_is_armed)
{
    struct wait_scene s;
    struct hits other = {0};
    tp_event_t *event = make_event(false, false);
    tp_semaphore_t *semaphore = make_semaphore(0);
    scene_begin(&s, 2, hit);
    tp_wait_t *second = make_wait(hit, &other, s.env);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
    (void)arm(s.wait, tp_waitable_event(event));
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    (void)arm_for(s.wait, tp_waitable_semaphore(semaphore), FAR_AWAY);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    (void)arm(second, tp_waitable_never());
    stage_expect_eq(stage_stats(s.pool).waits_armed, 2);
    stage_expect_eq(stage_stats(s.pool).timers_armed, 0);
    give(semaphore, 1);
    stage_await(&s.hits.runs, 1);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    (void)arm_for(s.wait, tp_waitable_event(event), 0);
    stage_await(&s.hits.runs, 2);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    stage_expect_eq(stage_stats(s.pool).submitted, 2);
    stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_stats(s.pool).executed, 2);
    (void)arm_clock(s.wait, tp_waitable_event(event), TP_CLOCK_BOOTTIME, FAR_AWAY);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 2);
    stage_expect_eq(tp_wait_close(second), TP_OK);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1);
    stage_await(&other.released, 1);
    stage_expect(disarm(s.wait));
    stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
    scene_end(&s);
    stage_expect_eq(tp_event_close(event) | tp_semaphore_close(semaphore), TP_OK);
}

STAGE_MAIN(STAGE_CASE_X(wait_armed__c143_true_for_what_was_armed_and_no_callback_follows,
                        .no_early = true),
           STAGE_CASE(wait_armed__c143_false_while_the_callback_runs_and_after_it),
           STAGE_CASE_X(wait_armed__c143_false_while_the_post_is_queued, .no_early = true),
           STAGE_CASE_X(wait_armed__without_a_timeout_it_is_armed_for_ever, .no_early = true),
           STAGE_CASE(wait_armed__c143_r01_disarm_against_signal_has_one_winner),
           STAGE_CASE(wait_armed__c143_r02_disarm_against_signal_and_timeout_has_one_winner),
           STAGE_CASE(wait_armed__c142_r01_replaced_while_it_is_signaled),
           STAGE_CASE(wait_armed__r01_closed_while_it_is_signaled),
           STAGE_CASE(wait_armed__c143_references_balance),
           STAGE_CASE_X(wait_armed__each_arming_is_taken_away_once, .no_early = true),
           STAGE_CASE_X(wait_armed__of_two_disarms_one_is_told, .no_early = true),
           STAGE_CASE_X(wait_armed__statistics_count_what_is_armed, .no_early = true))
