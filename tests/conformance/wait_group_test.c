/* wait_group_test.c - waits in cleanup groups: disarmed for good, told, waited for. */
#include "tests/conformance/group_closer.h"
#include "tests/conformance/wait_scene.h"
#include "tests/conformance/wire.h"

/* A pool, a group, and an environment whose objects join both; their context is the scene's. */
struct group_scene {
    struct hits hits;
    HOME;
    tp_semaphore_t *semaphore;
};

static void group_begin(struct group_scene *s, uint32_t threads)
{
    *s = (struct group_scene){.semaphore = make_semaphore(0)};
    home_begin(&s->home, stage_pool(threads, threads), count_cancel, count_release);
}

static void group_begin_gated(struct group_scene *s)
{
    *s = (struct group_scene){.semaphore = make_semaphore(0)};
    home_begin_gated(&s->home, count_cancel, count_release);
}

static void group_end(struct group_scene *s)
{
    home_end(&s->home);
    stage_expect_eq(tp_semaphore_close(s->semaphore), TP_OK);
}

static tp_waitable_t units_of(struct group_scene *s)
{
    return tp_waitable_semaphore(s->semaphore);
}

static tp_wait_t *member(struct group_scene *s, tp_wait_fn callback)
{
    return make_wait(callback, &s->hits, s->env);
}

static void count_simple(tp_callback_instance_t *instance, void *context)
{
    struct hits *hits = context;
    (void)instance;
    stage_expect_eq(tpp_load_acquire(&hits->over), 0);
    stage_add(&hits->runs, 1);
}

static void count_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    count_simple(instance, context);
}

static void count_timer(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)timer;
    count_simple(instance, context);
}

/* ---- cancelled ------------------------------------------------------------------------------- */

STAGE_TEST(wait_group__c167_cancel_behind_a_gate_tells_one_of_each_kind_and_runs_none)
{
    struct group_scene s;
    tp_timer_spec_t at_once = TP_TIMER_SPEC_INIT;
    tp_timer_t *timer = NULL;
    group_begin_gated(&s);
    stage_expect_eq(tp_try_submit(count_simple, &s.hits, s.env), TP_OK);
    stage_expect_eq(tp_work_submit(stage_work(count_work, &s.hits, s.env)), TP_OK);
    stage_expect_eq(tp_timer_create(count_timer, &s.hits, s.env, &timer), TP_OK);
    stage_expect_eq(tp_timer_set(timer, &at_once, NULL), TP_OK);
    stage_expect(!arm(member(&s, hit), units_of(&s)));
    give(s.semaphore, 1);
    stage_expect_eq(stage_stats(s.gate.pool).pending[1], 4);
    home_close_members(&s.home, true);
    stage_expect_eq(stage_value(&s.hits.cancelled), 4);
    stage_expect_eq(stage_value(&s.hits.released), 4);
    stage_gate_open(&s.gate);
    group_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
}

/* Signaled and queued, armed, and never armed: each is told. What is queued is dropped. */
STAGE_TEST(wait_group__c167_cancel_tells_each_wait_whatever_its_state)
{
    struct group_scene s;
    group_begin_gated(&s);
    stage_expect(!arm(member(&s, hit), units_of(&s)));
    give(s.semaphore, 1);
    tp_wait_t *twice = member(&s, hit);
    for (int i = 0; i < 2; i++)
        stage_expect(!arm_for(twice, units_of(&s), 0));
    stage_expect(!arm(member(&s, hit), units_of(&s)));
    stage_expect(!arm_for(member(&s, hit), units_of(&s), FAR_AWAY));
    (void)member(&s, hit);
    home_close_members(&s.home, true);
    stage_expect_eq(stage_value(&s.hits.cancelled), 5);
    stage_expect_eq(stage_value(&s.hits.released), 5);
    stage_expect_eq(stage_stats(s.gate.pool).cancelled, 3);
    stage_expect_eq(stage_stats(s.gate.pool).waits_armed, 0);
    stage_expect_eq(drain(s.semaphore), 0); /* the unit of the queued one stays taken */
    stage_gate_open(&s.gate);
    group_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
}

/* C-179, in either mode: nothing fires, nothing is taken, and what they were armed on may go. */
static void armed_members(bool cancel)
{
    struct group_scene s;
    tp_wait_t *waits[6];
    tp_event_t *event = make_event(false, false);
    tp_mutex_t *mutex = make_mutex(true);
    int fd = wire_open(0);
    group_begin(&s, 2);
    tpp_store_release(&s.hits.over, 1);
    tp_waitable_t sources[6] = {units_of(&s),    tp_waitable_event(event), tp_waitable_mutex(mutex),
                                wire_source(fd), wire_source(fd),          tp_waitable_never()};
    for (int i = 0; i < 6; i++) {
        waits[i] = member(&s, hit);
        stage_expect(!arm_for(waits[i], sources[i], i % 2 ? FAR_AWAY : TP_INFINITE));
    }
    stage_expect_eq(stage_stats(s.pool).waits_armed, 6);
    home_close_members(&s.home, cancel);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
    stage_expect_eq(stage_value(&s.hits.cancelled), cancel ? 6 : 0);
    stage_expect_eq(stage_value(&s.hits.released), 6);
    wire_raise(fd);
    give(s.semaphore, 2);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_expect_eq(tp_mutex_release(mutex), TP_OK);
    linger();
    wire_close(fd);
    stage_expect_eq(drain(s.semaphore), 2);
    stage_expect(is_set(event));
    stage_expect_eq(take(tp_waitable_mutex(mutex)), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_mutex_close(mutex) | tp_event_close(event), TP_OK);
    for (int i = 0; i < 6; i++) {
        stage_expect_eq(tp_wait_set(waits[i], NULL, NULL), TP_ERR_HANDLE);
        stage_expect_eq(tp_wait_close(waits[i]), TP_ERR_HANDLE);
    }
    group_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
}

STAGE_TEST(wait_group__c179_armed_waits_never_fire_after_a_cancel_and_are_told)
{
    armed_members(true);
}

STAGE_TEST(wait_group__c179_armed_waits_never_fire_and_are_not_told_without_cancel)
{
    armed_members(false);
}

static bool none_is_armed(void *context)
{
    struct group_scene *s = context;
    return stage_stats(s->pool).waits_armed == 0;
}

/* The close waits for one member's callback; what others were armed on is signaled meanwhile. */
static void signaled_meanwhile(bool cancel)
{
    struct group_scene s;
    int fd = wire_open(0);
    group_begin(&s, 2);
    stage_expect(!arm_for(member(&s, hit_held), tp_waitable_never(), 0));
    stage_await(&s.hits.started, 1);
    for (int i = 0; i < 4; i++)
        stage_expect(!arm(member(&s, hit), i % 2 ? wire_source(fd) : units_of(&s)));
    struct closing closing = {&s.home, &s.hits.calls, cancel, 1};
    stage_thread_t thread = stage_start(closer, &closing);
    stage_expect(stage_eventually(none_is_armed, &s)); /* though the close goes on */
    give(s.semaphore, 3);
    wire_raise(fd);
    linger();
    stage_expect_eq(stage_value(&s.hits.told), 0);
    stage_expect_eq(drain(s.semaphore), 3);
    stage_add(&s.hits.open, 1);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    stage_expect_eq(stage_value(&s.hits.cancelled), cancel ? 5 : 0);
    stage_expect_eq(stage_value(&s.hits.released), 5);
    wire_close(fd);
    group_end(&s);
}

STAGE_TEST(wait_group__c179_signal_while_a_cancelling_close_waits_is_not_taken)
{
    signaled_meanwhile(true);
}

STAGE_TEST(wait_group__c179_signal_while_a_close_waits_is_not_taken)
{
    signaled_meanwhile(false);
}

/* What was signaled or has timed out is queued, so it runs before the close returns. */
STAGE_TEST(wait_group__without_cancel_what_is_queued_runs)
{
    struct group_scene s;
    group_begin_gated(&s);
    stage_expect(!arm(member(&s, hit), units_of(&s)));
    stage_expect(!arm_for(member(&s, hit), tp_waitable_never(), 0));
    stage_expect(!arm(member(&s, hit), units_of(&s)));
    give(s.semaphore, 1);
    struct closing closing = {&s.home, &s.hits.calls, false, 2};
    stage_thread_t thread = stage_start(closer, &closing);
    stage_gate_open(&s.gate);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    stage_expect_eq(stage_value(&s.hits.timed_out), 1);
    stage_expect_eq(stage_value(&s.hits.cancelled), 0);
    stage_expect_eq(stage_value(&s.hits.released), 3);
    group_end(&s);
}

/* Those that are no members stay armed, on the same things, in the same pool. */
STAGE_TEST(wait_group__others_of_the_pool_stay_armed)
{
    struct group_scene s;
    struct hits hits[3] = {{.wait = NULL}};
    tp_wait_t *others[3];
    tp_event_t *event = make_event(true, false);
    int fd = wire_open(0);
    group_begin(&s, 2);
    tp_env_t *env = stage_env(s.pool);
    tp_waitable_t sources[3] = {units_of(&s), tp_waitable_event(event), wire_source(fd)};
    for (int i = 0; i < 3; i++) {
        stage_expect(!arm(member(&s, hit), sources[i]));
        others[i] = make_wait(hit, &hits[i], env);
        stage_expect(!arm(others[i], sources[i]));
        stage_expect(!arm(member(&s, hit), sources[i]));
    }
    home_close_members(&s.home, true);
    tpp_store_release(&s.hits.over, 1);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 3);
    give(s.semaphore, 1);
    stage_expect_eq(tp_event_set(event), TP_OK);
    wire_raise(fd);
    for (int i = 0; i < 3; i++) {
        stage_await(&hits[i].runs, 1);
        finish_wait(others[i]);
        stage_expect_eq(stage_value(&hits[i].signaled), 1);
    }
    wire_close(fd);
    stage_expect_eq(stage_value(&s.hits.released), 6);
    stage_expect_eq(tp_event_close(event) | tp_env_destroy(env), TP_OK);
    group_end(&s);
}

/* More than one word of the set keeps: none stands for another. */
STAGE_TEST(wait_group__members_of_another_group_can_be_set_after_a_close)
{
    struct group_scene closed, open;
    tp_wait_t *waits[70];
    uint32_t count = (uint32_t)stage_times(70, 2);
    group_begin(&closed, 1);
    group_begin(&open, 1);
    for (uint32_t i = 0; i < count; i++)
        (void)member(&closed, hit);
    for (uint32_t i = 0; i < count; i++)
        waits[i] = member(&open, hit);
    home_close_members(&closed.home, true);
    for (uint32_t i = 0; i < count; i++)
        stage_expect(!arm(waits[i], units_of(&open)));
    stage_expect_eq(stage_stats(open.pool).waits_armed, count);
    home_close_members(&open.home, true);
    group_end(&closed);
    group_end(&open);
}

/* Members of two pools, a number of them, armed every other one. */
STAGE_TEST(wait_group__closes_many_members_of_two_pools)
{
    struct group_scene s;
    uint32_t count = (uint32_t)stage_times(400, 6), armed = 0;
    group_begin(&s, 1);
    tp_pool_t *second = stage_pool(1, 1);
    for (uint32_t i = 0; i < count; i++) {
        stage_expect_eq(tp_env_set_pool(s.env, i % 3 ? s.pool : second), TP_OK);
        tp_wait_t *wait = member(&s, hit);
        if (i % 2 == 0)
            continue;
        stage_expect(!arm_for(wait, units_of(&s), i % 5 ? TP_INFINITE : FAR_AWAY));
        armed++;
    }
    stage_expect_eq(stage_stats(s.pool).waits_armed + stage_stats(second).waits_armed, armed);
    home_close_members(&s.home, true);
    stage_expect_eq(stage_stats(s.pool).waits_armed + stage_stats(second).waits_armed, 0);
    stage_expect_eq(stage_value(&s.hits.cancelled), count);
    stage_expect_eq(stage_value(&s.hits.released), count);
    give(s.semaphore, count);
    stage_expect_eq(drain(s.semaphore), count);
    stage_expect_eq(tp_pool_close(second), TP_OK);
    group_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
}

static void close_itself(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                         tp_wait_result_t result)
{
    struct hits *hits = context;
    stage_add(&hits->told, 1);
    stage_await(&hits->open, 1);
    stage_expect_eq(tp_wait_close(wait), TP_OK);
    hit(instance, context, wait, result);
}

STAGE_TEST(wait_group__c176_callback_that_closes_its_wait_spares_it_the_cancel)
{
    struct group_scene s;
    group_begin(&s, 2);
    tp_wait_t *wait = member(&s, close_itself);
    stage_expect(!arm_for(wait, units_of(&s), 0));
    stage_await(&s.hits.told, 1);
    stage_expect(!arm(wait, units_of(&s))); /* armed besides */
    struct closing closing = {&s.home, &s.hits.calls, true, 1};
    stage_thread_t thread = stage_start(closer, &closing);
    stage_add(&s.hits.open, 1);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.hits.cancelled), 0);
    stage_expect_eq(stage_value(&s.hits.released), 1);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
    group_end(&s);
}

STAGE_TEST(wait_group__member_closed_on_its_own_is_not_told)
{
    struct group_scene s;
    group_begin(&s, 1);
    tp_wait_t *wait = member(&s, hit);
    stage_expect(!arm(wait, units_of(&s)));
    stage_expect_eq(tp_wait_close(wait), TP_OK);
    stage_await(&s.hits.released, 1);
    home_close_members(&s.home, true);
    stage_expect_eq(stage_value(&s.hits.cancelled), 0);
    stage_expect_eq(stage_value(&s.hits.released), 1);
    group_end(&s);
}

STAGE_TEST(wait_group__is_busy_while_a_wait_is_a_member)
{
    struct group_scene s;
    group_begin(&s, 1);
    tp_wait_t *wait = member(&s, hit);
    stage_expect_eq(tp_cleanup_group_close(s.group), TP_ERR_BUSY);
    stage_expect(!arm(wait, units_of(&s)));
    stage_expect_eq(tp_cleanup_group_close(s.group), TP_ERR_BUSY);
    give(s.semaphore, 1); /* it is armed as before */
    stage_await(&s.hits.runs, 1);
    stage_expect_eq(tp_wait_wait(wait, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_wait_close(wait), TP_OK);
    group_end(&s);
}

/* ---- waited for ------------------------------------------------------------------------------ */

static void leave_waits(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                        tp_wait_result_t result)
{
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    hit_held(instance, context, wait, result);
}

STAGE_TEST(wait_group__c181_disassociated_callback_is_waited_for_by_the_group_only)
{
    struct group_scene s;
    group_begin(&s, 2);
    tp_wait_t *wait = member(&s, leave_waits);
    stage_expect(!arm(wait, units_of(&s)));
    give(s.semaphore, 1);
    stage_await(&s.hits.started, 1);
    stage_expect_eq(tp_wait_wait(wait, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    struct closing closing = {&s.home, &s.hits.calls, false, 1};
    stage_thread_t thread = stage_start(closer, &closing);
    stage_expect(!stage_await_for(&s.hits.told, 1, 2 * STAGE_MS));
    stage_add(&s.hits.open, 1);
    stage_join(thread);
    group_end(&s);
}

static void close_its_group(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                            tp_wait_result_t result)
{
    struct group_scene *s = context;
    stage_expect_eq(tp_cleanup_group_close_members(s->group, true, NULL), TP_ERR_DEADLOCK);
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    stage_expect_eq(tp_cleanup_group_close_members(s->group, true, NULL), TP_ERR_DEADLOCK);
    hit(instance, context, wait, result);
}

STAGE_TEST(wait_group__closing_it_from_a_member_is_a_deadlock)
{
    struct group_scene s;
    group_begin(&s, 2);
    tp_wait_t *wait = member(&s, close_its_group), *other = member(&s, hit);
    stage_expect(!arm(other, tp_waitable_never()));
    stage_expect(!arm_for(wait, units_of(&s), 0));
    stage_await(&s.hits.runs, 1);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 1); /* nothing was disarmed */
    home_close_members(&s.home, true);
    stage_expect_eq(stage_value(&s.hits.cancelled), 2);
    group_end(&s);
}

/* ---- set while it is closing ----------------------------------------------------------------- */

/* Sets the members of its group until that is refused: the group is closing them. */
struct refusal {
    struct group_scene s; /* first: its record is the context's */
    tp_wait_t *other;
    tpp_u32 itself, others, disarm;
};

static void set_until_refused(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                              tp_wait_result_t result)
{
    struct refusal *r = context;
    tp_wait_spec_t spec = spec_of(units_of(&r->s), TP_CLOCK_RELATIVE, FAR_AWAY);
    tp_status_t itself, others;
    bool was_armed = true;
    hit_begins(instance, &r->s.hits, result);
    do {
        itself = tp_wait_set(wait, &spec, NULL);
        stage_pass(1000);
    } while (itself == TP_OK);
    do
        others = tp_wait_set(r->other, &spec, NULL);
    while (others == TP_OK);
    tp_status_t disarmed = tp_wait_set(wait, NULL, &was_armed);
    stage_expect(!was_armed);
    tpp_store_release(&r->itself, (uint32_t)-itself);
    tpp_store_release(&r->others, (uint32_t)-others);
    tpp_store_release(&r->disarm, (uint32_t)-disarmed);
    hit_ends(&r->s.hits);
}

STAGE_TEST(wait_group__set_of_a_member_is_refused_while_it_is_closing)
{
    struct refusal r;
    group_begin(&r.s, 2);
    tp_wait_t *wait = member(&r.s, set_until_refused);
    r.other = member(&r.s, hit);
    stage_expect(!arm_for(wait, units_of(&r.s), 0));
    stage_await(&r.s.hits.started, 1);
    home_close_members(&r.s.home, false);
    tpp_store_release(&r.s.hits.over, 1);
    stage_expect_eq(tpp_load_acquire(&r.itself), (uint32_t)-TP_ERR_CLOSED);
    uint32_t others = tpp_load_acquire(&r.others); /* it may be closed by now */
    stage_expect(others == (uint32_t)-TP_ERR_CLOSED || others == (uint32_t)-TP_ERR_HANDLE);
    stage_expect_eq(tpp_load_acquire(&r.disarm), TP_OK);
    stage_expect_eq(stage_stats(r.s.pool).waits_armed, 0);
    give(r.s.semaphore, 1);
    linger();
    stage_expect_eq(drain(r.s.semaphore), 1);
    group_end(&r.s);
    stage_expect_eq(stage_value(&r.s.hits.runs), 1);
}

/* a member sets itself again while its group is being closed. It is refused, or disarmed. */
static void set_again(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                      tp_wait_result_t result)
{
    struct hits *hits = context;
    stage_add(&hits->told, 1);
    stage_await(&hits->open, 1);
    tp_wait_spec_t spec =
        spec_of(hits->source, TP_CLOCK_RELATIVE, tpp_random() % 2 ? 1000 : TP_INFINITE);
    tp_status_t status = tp_wait_set(wait, &spec, NULL);
    stage_expect(set_or_closed(status));
    hit(instance, context, wait, result);
}

STAGE_TEST(wait_group__r13_callback_sets_its_wait_during_the_close)
{
    for (int i = 0; i < stage_times(100, 2); i++) {
        struct group_scene s;
        group_begin(&s, 2);
        s.hits.source = units_of(&s);
        stage_expect(!arm(member(&s, set_again), units_of(&s)));
        give(s.semaphore, 1);
        stage_await(&s.hits.told, 1);
        stage_add(&s.hits.open, 1);
        home_close_members(&s.home, i % 2);
        tpp_store_release(&s.hits.over, 1);
        stage_expect_eq(stage_value(&s.hits.released), 1);
        stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
        give(s.semaphore, 1);
        stage_expect_eq(drain(s.semaphore), 1);
        stage_pass(10000);
        group_end(&s);
    }
}

/* ---- meanwhile ------------------------------------------------------------------------------- */

static void maker(void *context)
{
    struct group_scene *s = context;
    for (int i = 0; i < stage_times(300, 3); i++) {
        tp_wait_t *wait = member(s, hit);
        tp_wait_spec_t spec = spec_of(units_of(s), TP_CLOCK_RELATIVE, 0);
        tp_status_t status = tp_wait_set(wait, &spec, NULL);
        spec.timeout = i % 2 ? TP_INFINITE : FAR_AWAY;
        count_made(&s->hits.calls, status, tp_wait_set(wait, &spec, NULL));
    }
}

STAGE_TEST(wait_group__c185_waits_made_meanwhile_are_closed_or_usable)
{
    struct group_scene s;
    group_begin(&s, 2);
    close_again_and_again(&s.home, maker, &s);
    stage_expect_eq(stage_value(&s.hits.runs), stage_value(&s.hits.told));
    stage_expect_eq(stage_value(&s.hits.released), stage_times(300, 3));
    stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
    group_end(&s);
}

/* Sets itself again as long as it may. */
static void hit_for_ever(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                         tp_wait_result_t result)
{
    struct hits *hits = context;
    tp_wait_spec_t spec =
        spec_of(hits->source, TP_CLOCK_RELATIVE, tpp_random() % 2 ? TP_INFINITE : 100000);
    hit_begins(instance, hits, result);
    if (stage_in_simulator)
        stage_pass(100000);
    tp_status_t status = tp_wait_set(wait, &spec, NULL);
    stage_expect(status == TP_OK || status == TP_ERR_CLOSED);
    hit_ends(hits);
}

/* C-188: waits that fire all the time, and none after the close has returned. */
STAGE_TEST(wait_group__c188_no_callback_starts_after_close_members)
{
    for (int round = 0; round < stage_times(20, 2); round++) {
        struct group_scene s;
        int waits = stage_times(30, 3), fd = wire_open(0);
        tp_event_t *event = make_event(true, true);
        wire_raise(fd);
        group_begin(&s, 2);
        s.hits.source = round % 3 == 2 ? wire_source(fd) : tp_waitable_event(event);
        for (int i = 0; i < waits; i++)
            stage_expect(!arm_for(member(&s, hit_for_ever), s.hits.source, 50000 * i));
        stage_await(&s.hits.runs, (uint32_t)waits * 2);
        home_close_members(&s.home, round % 2);
        tpp_store_release(&s.hits.over, 1);
        uint32_t runs = stage_value(&s.hits.runs);
        stage_expect_eq(stage_value(&s.hits.released), waits);
        stage_expect_eq(stage_value(&s.hits.cancelled), round % 2 ? waits : 0);
        stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
        stage_pass(STAGE_MS);
        stage_expect_eq(stage_value(&s.hits.runs), runs);
        wire_close(fd);
        stage_expect_eq(tp_event_close(event), TP_OK);
        group_end(&s);
    }
}

#define TIMED(name) STAGE_CASE_X(name, .no_early = true)

STAGE_MAIN(STAGE_CASE(wait_group__c167_cancel_behind_a_gate_tells_one_of_each_kind_and_runs_none),
           TIMED(wait_group__c167_cancel_tells_each_wait_whatever_its_state),
           TIMED(wait_group__c179_armed_waits_never_fire_after_a_cancel_and_are_told),
           TIMED(wait_group__c179_armed_waits_never_fire_and_are_not_told_without_cancel),
           TIMED(wait_group__c179_signal_while_a_cancelling_close_waits_is_not_taken),
           TIMED(wait_group__c179_signal_while_a_close_waits_is_not_taken),
           STAGE_CASE(wait_group__without_cancel_what_is_queued_runs),
           STAGE_CASE(wait_group__others_of_the_pool_stay_armed),
           STAGE_CASE(wait_group__members_of_another_group_can_be_set_after_a_close),
           TIMED(wait_group__closes_many_members_of_two_pools),
           STAGE_CASE(wait_group__c176_callback_that_closes_its_wait_spares_it_the_cancel),
           STAGE_CASE(wait_group__member_closed_on_its_own_is_not_told),
           STAGE_CASE(wait_group__is_busy_while_a_wait_is_a_member),
           STAGE_CASE(wait_group__c181_disassociated_callback_is_waited_for_by_the_group_only),
           STAGE_CASE(wait_group__closing_it_from_a_member_is_a_deadlock),
           TIMED(wait_group__set_of_a_member_is_refused_while_it_is_closing),
           TIMED(wait_group__r13_callback_sets_its_wait_during_the_close),
           TIMED(wait_group__c185_waits_made_meanwhile_are_closed_or_usable),
           TIMED(wait_group__c188_no_callback_starts_after_close_members))
