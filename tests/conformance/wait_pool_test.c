/* wait_pool_test.c - waits and the pool they belong to: priority, threads, helpers, its end. */
#include "tests/conformance/pool_scene.h"
#include "tests/conformance/wait_scene.h"
#include "tests/conformance/wire.h"

/* ---- order ----------------------------------------------------------------------------------- */

static void log_hit(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                    tp_wait_result_t result)
{
    (void)instance;
    (void)wait;
    (void)result;
    log_letter(context);
}

/* What is signaled is queued by its priority, in the order of the signals, like other work. */
STAGE_TEST(wait_pool__posts_are_queued_by_priority_like_other_work)
{
    static const struct {
        char letter;
        tp_priority_t priority;
    } plan[] = {{'e', TP_PRIORITY_LOW}, {'c', TP_PRIORITY_NORMAL}, {'a', TP_PRIORITY_HIGH},
                {'f', TP_PRIORITY_LOW}, {'d', TP_PRIORITY_NORMAL}, {'b', TP_PRIORITY_HIGH}};
    struct stage_gate gate;
    struct stage_log log = {.count = {0}};
    struct logger loggers[6];
    tp_wait_t *waits[6];
    tp_event_t *events[6];
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    for (int i = 0; i < 6; i++) {
        loggers[i] = (struct logger){&log, plan[i].letter};
        stage_expect_eq(tp_env_set_priority(env, plan[i].priority), TP_OK);
        waits[i] = make_wait(log_hit, &loggers[i], env);
        events[i] = make_event(false, false);
        stage_expect(!arm(waits[i], tp_waitable_event(events[i])));
    }
    for (int i = 0; i < 6; i++)
        stage_expect_eq(tp_event_set(events[i]), TP_OK);
    stage_expect_eq(stage_stats(gate.pool).pending[0], 2);
    stage_expect_eq(stage_stats(gate.pool).pending[2], 2);
    stage_gate_open(&gate);
    for (int i = 0; i < 6; i++) {
        finish_wait(waits[i]);
        stage_expect_eq(tp_event_close(events[i]), TP_OK);
    }
    stage_expect(stage_log_is(&log, "abcdef"));
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

STAGE_TEST(wait_pool__c074_high_wait_overtakes_queued_work)
{
    struct stage_gate gate;
    struct stage_log log = {.count = {0}};
    struct logger first = {&log, 'h'}, behind = {&log, 'w'};
    tp_event_t *event = make_event(false, false);
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_work_t *work = stage_work(log_work, &behind, env);
    stage_expect_eq(tp_env_set_priority(env, TP_PRIORITY_HIGH), TP_OK);
    tp_wait_t *wait = make_wait(log_hit, &first, env);
    stage_expect(!arm(wait, tp_waitable_event(event)));
    stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_gate_open(&gate);
    finish_wait(wait);
    stage_finish(work);
    stage_expect(stage_log_is(&log, "hwww"));
    stage_expect_eq(tp_event_close(event), TP_OK);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* ---- threads --------------------------------------------------------------------------------- */

/* The only thread is in a callback that waits for what a wait does: another is added. */
static void blocked_thread(tp_waitable_t source, int64_t timeout, void (*signal)(void *), void *arg)
{
    struct wait_scene s;
    struct hits held = {0};
    scene_prepare(&s, 0);
    s.wait = make_wait(hit_held, &held, s.env);
    stage_expect(!arm_for(s.wait, tp_waitable_never(), 0));
    stage_await(&held.started, 1);
    tp_wait_t *other = make_wait(hit, &s.hits, s.env);
    stage_expect(!arm_for(other, source, timeout));
    if (signal)
        signal(arg);
    stage_await(&s.hits.runs, 1);
    stage_expect_eq(stage_value(&held.runs), 0);
    stage_add(&held.open, 1);
    finish_wait(other);
    finish_wait(s.wait);
    stage_await(&held.released, 1);
    s.wait = NULL;
    scene_end(&s);
}

static void set_event(void *event)
{
    stage_expect_eq(tp_event_set(event), TP_OK);
}

STAGE_TEST(wait_pool__comes_though_every_thread_is_blocked)
{
    tp_event_t *event = make_event(false, false);
    blocked_thread(tp_waitable_event(event), TP_INFINITE, set_event, event);
    blocked_thread(tp_waitable_event(event), 10 * STAGE_MS, NULL, NULL);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

static void raise_wire(void *fd)
{
    wire_raise(*(int *)fd);
}

STAGE_TEST(wait_pool__descriptor_comes_though_every_thread_is_blocked)
{
    int fd = wire_open(0);
    blocked_thread(wire_source(fd), TP_INFINITE, raise_wire, &fd);
    wire_close(fd);
}

/* The thread looks now and then between two callbacks. */
static void busy_thread(tp_waitable_t source, int64_t timeout, void (*signal)(void *), void *arg)
{
    struct wait_scene s;
    struct chain chain;
    scene_begin(&s, 1, hit);
    chain_begin(&chain, s.env, &s.hits.runs);
    stage_expect(!arm_for(s.wait, source, timeout));
    chain_start(&chain);
    if (signal)
        signal(arg);
    stage_await(&s.hits.runs, 1);
    chain_end(&chain);
    scene_end(&s);
}

STAGE_TEST(wait_pool__comes_between_callbacks_of_a_thread_that_is_never_idle)
{
    tp_event_t *event = make_event(false, false);
    busy_thread(tp_waitable_event(event), TP_INFINITE, set_event, event);
    busy_thread(tp_waitable_event(event), 10 * STAGE_MS, NULL, NULL);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

STAGE_TEST(wait_pool__descriptor_comes_between_callbacks_of_a_busy_thread)
{
    int fd = wire_open(0);
    busy_thread(wire_source(fd), TP_INFINITE, raise_wire, &fd);
    wire_close(fd);
}

/* In the simulator threads retire meanwhile, and come again. */
STAGE_TEST(wait_pool__comes_after_a_long_rest)
{
    struct wait_scene s;
    int fd = wire_open(0);
    tp_event_t *event = make_event(false, false);
    int64_t span = stage_times(5 * STAGE_MS, 100 * STAGE_S);
    scene_begin(&s, 0, hit);
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_pass(span);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_await(&s.hits.runs, 1);
    stage_expect(!arm(s.wait, wire_source(fd)));
    stage_pass(span);
    wire_raise(fd);
    stage_await(&s.hits.runs, 2);
    int64_t due = stage_now() + span;
    stage_expect(!arm_for(s.wait, tp_waitable_never(), span));
    stage_await(&s.hits.runs, 3);
    expect_at(hit_at(&s.hits, 2), due);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 2);
    stage_expect_eq(tp_event_close(event), TP_OK);
    wire_close(fd);
}

/* On one and the same thread, whoever signaled it. */
STAGE_TEST(wait_pool__c038_persistent_wait_keeps_its_thread)
{
    struct wait_scene s;
    tp_event_t *event = make_event(false, false);
    scene_prepare(&s, 3);
    stage_expect_eq(tp_env_set_persistent(s.env, true), TP_OK);
    scene_make(&s, hit);
    uint64_t thread = 0;
    for (uint32_t i = 1; i <= 5; i++) {
        stage_expect(!arm_for(s.wait, tp_waitable_event(event), i % 2 ? TP_INFINITE : STAGE_MS));
        if (i % 2)
            stage_expect_eq(tp_event_set(event), TP_OK);
        stage_await(&s.hits.runs, i);
        stage_expect(i == 1 || tpp_load_acquire(&s.hits.thread) == thread);
        thread = tpp_load_acquire(&s.hits.thread);
    }
    scene_end(&s);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* One at a time, though many are posted and there are threads. */
STAGE_TEST(wait_pool__concurrency_limit)
{
    struct wait_scene s;
    tp_event_t *event = make_event(true, true);
    scene_prepare(&s, 3);
    stage_expect_eq(tp_env_set_concurrency_limit(s.env, 1), TP_OK);
    scene_make(&s, hit);
    for (int i = 0; i < stage_times(200, 4); i++)
        stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&s.hits.runs), stage_times(200, 4));
    stage_expect_eq(stage_most(&s.hits.peak), 1);
    scene_end(&s);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

static void count_final(tp_callback_instance_t *instance, void *context)
{
    struct hits *hits = context;
    uint32_t events = 99;
    stage_expect_eq(tp_callback_wait_events(instance, &events), TP_OK);
    stage_add(&hits->told, 1);
}

static void signal_on_return(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                             tp_wait_result_t result)
{
    struct hits *hits = context;
    tp_event_t *event = (tp_event_t *)(uintptr_t)hits->source.value;
    stage_expect(wait == hits->wait && instance != NULL);
    stage_expect_eq(tp_callback_set_event_on_return(instance, event), TP_OK);
    hit(instance, context, wait, result);
}

/* The finalizer and the actions on return follow, before a wait for the callback returns. */
STAGE_TEST(wait_pool__c039_finalizer_and_actions_follow_the_callback)
{
    struct wait_scene s;
    tp_event_t *event = make_event(false, false);
    scene_prepare(&s, 2);
    stage_expect_eq(tp_env_set_finalizer(s.env, count_final), TP_OK);
    scene_make(&s, signal_on_return);
    s.hits.source.value = (uintptr_t)event;
    for (uint32_t i = 1; i <= 2; i++) {
        stage_expect(!arm_for(s.wait, tp_waitable_never(), 0));
        stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
        stage_expect_eq(stage_value(&s.hits.told), i);
        stage_expect(is_set(event));
    }
    scene_end(&s);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* One callback's action on return is the next wait's signal. */
STAGE_TEST(wait_pool__action_on_return_signals_another_wait)
{
    struct wait_scene s;
    struct hits next = {0};
    tp_event_t *event = make_event(false, false);
    scene_begin(&s, 1, signal_on_return);
    s.hits.source.value = (uintptr_t)event;
    tp_wait_t *other = make_wait(hit, &next, s.env);
    stage_expect(!arm(other, tp_waitable_event(event)));
    stage_expect(!arm_for(s.wait, tp_waitable_never(), 0));
    stage_await(&next.runs, 1);
    stage_expect_eq(stage_value(&s.hits.runs), 1);
    finish_wait(other);
    stage_await(&next.released, 1);
    scene_end(&s);
    stage_expect_eq(stage_value(&next.signaled), 1);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

static void ask_events(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    uint32_t events = 99;
    (void)work;
    stage_expect_eq(tp_callback_wait_events(instance, &events), TP_ERR_STATE);
    stage_expect_eq(events, 0);
    stage_expect_eq(tp_callback_wait_events(instance, NULL), TP_ERR_ARGUMENT);
    stage_add(context, 1);
}

/* What tp_callback_wait_events says where there is no descriptor. */
STAGE_TEST(wait_pool__wait_events_are_0_without_a_descriptor)
{
    struct wait_scene s;
    stage_counter_t asked = {0};
    tp_event_t *event = make_event(false, true);
    int fd = wire_open(0);
    scene_begin(&s, 1, hit);
    stage_expect_eq(tp_env_set_context_release(s.env, NULL), TP_OK);
    tp_work_t *work = stage_work(ask_events, &asked, s.env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_finish(work);
    stage_expect_eq(stage_value(&asked), 1);
    wire_raise(fd);
    stage_expect(!arm(s.wait, wire_source(fd)));
    stage_await(&s.hits.runs, 1);
    stage_expect_eq(tpp_load_acquire(&s.hits.events), POLLIN);
    stage_expect(!arm(s.wait, tp_waitable_event(event))); /* nothing is left of the last time */
    stage_await(&s.hits.runs, 2);
    stage_expect_eq(tpp_load_acquire(&s.hits.events), 0);
    stage_expect(!arm_for(s.wait, wire_source(fd), 0));
    stage_await(&s.hits.runs, 3);
    stage_expect_eq(tpp_load_acquire(&s.hits.events), 0);
    stage_expect_eq(stage_value(&s.hits.timed_out), 1);
    stage_expect(!arm(s.wait, wire_source(fd)));
    stage_await(&s.hits.runs, 4);
    stage_expect_eq(tpp_load_acquire(&s.hits.events), POLLIN);
    stage_expect(!arm(s.wait, tp_waitable_event(event))); /* signaled later: the same */
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_await(&s.hits.runs, 5);
    stage_expect_eq(tpp_load_acquire(&s.hits.events), 0);
    uint32_t events = 99;
    stage_expect_eq(tp_callback_wait_events(NULL, &events), TP_ERR_HANDLE);
    stage_expect_eq(events, 0);
    scene_end(&s);
    wire_close(fd);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* ---- pools ----------------------------------------------------------------------------------- */

STAGE_TEST(wait_pool__c028_default_pool)
{
    struct hits hits = {0};
    tp_event_t *event = make_event(false, false);
    tp_wait_t *wait = make_wait(hit, &hits, NULL);
    stage_expect(!arm(wait, tp_waitable_event(event)));
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_await(&hits.runs, 1);
    int64_t due = stage_now() + 5 * STAGE_MS;
    stage_expect(!arm_for(wait, tp_waitable_event(event), 5 * STAGE_MS));
    stage_await(&hits.runs, 2);
    expect_at(hit_at(&hits, 1), due);
    finish_wait(wait);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

STAGE_TEST(wait_pool__c004_pools_are_independent)
{
    struct stage_gate gate;
    struct wait_scene s;
    struct hits stuck = {0};
    tp_event_t *event = make_event(true, false);
    stage_gate_init(&gate, NULL);
    scene_begin(&s, 1, hit);
    tp_env_t *env = stage_gate_env(&gate);
    tp_wait_t *other = make_wait(hit, &stuck, env);
    stage_expect(!arm(other, tp_waitable_event(event)));
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_await(&s.hits.runs, 1);
    stage_expect_eq(stage_value(&stuck.runs), 0);
    stage_expect_eq(stage_stats(s.pool).submitted, 1);
    stage_gate_open(&gate);
    finish_wait(other);
    stage_expect_eq(stage_value(&stuck.runs), 1);
    stage_expect_eq(tp_event_close(event) | tp_env_destroy(env), TP_OK);
    scene_end(&s);
    stage_gate_fini(&gate);
}

/* C-208: each waits for the other. Only they are stuck, until one of them gives up. */
struct circle {
    struct hits a, b;
    stage_counter_t inside, give_up;
};

static void wait_for_b(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                       tp_wait_result_t result)
{
    struct circle *circle = context;
    (void)instance;
    (void)wait;
    (void)result;
    meet(&circle->inside);
    stage_expect_eq(tp_wait_wait(circle->b.wait, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&circle->b.runs), 1);
    stage_add(&circle->a.runs, 1);
}

static void wait_for_a(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                       tp_wait_result_t result)
{
    struct circle *circle = context;
    (void)instance;
    (void)wait;
    (void)result;
    meet(&circle->inside);
    do
        stage_expect_eq(tp_wait_wait(circle->a.wait, false, STAGE_MS), TP_ERR_TIMEOUT);
    while (stage_value(&circle->give_up) == 0);
    stage_add(&circle->b.runs, 1);
}

STAGE_TEST(wait_pool__c208_two_waits_wait_for_each_other_and_others_go_on)
{
    struct wait_scene s;
    struct circle circle = {.a = {.wait = NULL}};
    tp_event_t *event = make_event(true, true);
    tp_pool_t *pool = stage_pool(3, 3);
    tp_env_t *env = stage_env(pool);
    circle.a.wait = make_wait(wait_for_b, &circle, env);
    circle.b.wait = make_wait(wait_for_a, &circle, env);
    tp_wait_t *third = make_wait(hit, &circle.a, env);
    stage_expect(!arm(circle.a.wait, tp_waitable_event(event)));
    stage_expect(!arm(circle.b.wait, tp_waitable_event(event)));
    stage_await(&circle.inside, 2);
    scene_begin(&s, 1, hit); /* another pool goes on, and so do others in this one */
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_expect(!arm_for(third, tp_waitable_never(), STAGE_MS));
    stage_await(&s.hits.runs, 1);
    stage_await(&circle.a.started, 1);
    stage_expect_eq(stage_value(&circle.b.runs), 0);
    stage_add(&circle.give_up, 1);
    finish_wait(circle.a.wait);
    finish_wait(circle.b.wait);
    finish_wait(third);
    stage_expect_eq(stage_value(&circle.a.runs), 2);
    stage_expect_eq(tp_event_close(event), TP_OK);
    tp_env_destroy(env);
    tp_pool_close(pool);
    scene_end(&s);
}

/* ---- the end of a pool ----------------------------------------------------------------------- */

enum { KINDS = 5 };

/* Armed is not queued: neither way of shutting down waits for it, it never fires, takes nothing. */
static void shut_down_armed(bool cancel)
{
    struct wait_scene s;
    tp_wait_t *waits[KINDS], *late = NULL;
    bool was_armed = true;
    tp_event_t *event = make_event(false, false);
    tp_semaphore_t *semaphore = make_semaphore(0);
    tp_mutex_t *mutex = make_mutex(true);
    int fd = wire_open(0);
    scene_prepare(&s, 2);
    tp_waitable_t sources[KINDS] = {tp_waitable_event(event), tp_waitable_semaphore(semaphore),
                                    tp_waitable_mutex(mutex), wire_source(fd), tp_waitable_never()};
    for (int i = 0; i < KINDS; i++) {
        waits[i] = make_wait(hit, &s.hits, s.env);
        stage_expect(!arm_for(waits[i], sources[i], i % 2 ? FAR_AWAY : TP_INFINITE));
    }
    stage_expect_eq(tp_pool_shutdown(s.pool, cancel, TP_INFINITE), TP_OK);
    tpp_store_release(&s.hits.over, 1);
    wire_raise(fd);
    give(semaphore, 1);
    stage_expect_eq(tp_event_set(event) | tp_mutex_release(mutex), TP_OK);
    linger();
    stage_expect(is_set(event));
    stage_expect_eq(drain(semaphore), 1);
    stage_expect_eq(take(tp_waitable_mutex(mutex)), TP_WAIT_SIGNALED);
    for (int i = 0; i < KINDS; i++) {
        stage_expect_eq(refused(waits[i], sources[i]), TP_ERR_CLOSED);
        stage_expect_eq(refused(waits[i], tp_waitable_never()), TP_ERR_CLOSED);
        stage_expect_eq(tp_wait_set(waits[i], NULL, &was_armed), TP_OK);
        stage_expect(!was_armed); /* it was disarmed */
        stage_expect_eq(tp_wait_wait(waits[i], i % 2, TP_INFINITE), TP_OK);
        stage_expect_eq(tp_wait_close(waits[i]), TP_OK);
    }
    stage_expect_eq(tp_wait_create(hit, &s.hits, s.env, &late), TP_ERR_CLOSED);
    stage_expect(late == NULL);
    stage_await(&s.hits.released, KINDS);
    stage_expect_eq(tp_mutex_close(mutex) | tp_event_close(event), TP_OK);
    stage_expect_eq(tp_semaphore_close(semaphore) | tp_env_destroy(s.env), TP_OK);
    wire_close(fd);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect_eq(stage_value(&s.hits.released), KINDS);
}

STAGE_TEST(wait_pool__shutdown_disarms)
{
    shut_down_armed(false);
}

STAGE_TEST(wait_pool__shutdown_with_cancel_disarms)
{
    shut_down_armed(true);
}

/* What was signaled or has timed out is queued work like other: it runs, or is dropped. */
static void shut_down_queued(bool cancel)
{
    struct stage_gate gate;
    struct hits hits = {0};
    tp_semaphore_t *semaphore = make_semaphore(1);
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_wait_t *wait = make_wait(hit, &hits, env);
    stage_expect(!arm(wait, tp_waitable_semaphore(semaphore)));
    stage_expect(!arm_for(wait, tp_waitable_semaphore(semaphore), 0));
    stage_expect(!arm(wait, tp_waitable_semaphore(semaphore)));
    stage_expect_eq(tp_pool_shutdown(gate.pool, cancel, 0), TP_ERR_TIMEOUT);
    stage_expect_eq(stage_stats(gate.pool).waits_armed, 0);
    give(semaphore, 1);
    stage_expect_eq(refused(wait, tp_waitable_semaphore(semaphore)), TP_ERR_CLOSED);
    stage_gate_open(&gate);
    stage_expect_eq(tp_work_wait(gate.blocker, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_wait_wait(wait, false, TP_INFINITE), TP_OK);
    tp_pool_stats_t stats = stage_stats(gate.pool);
    stage_expect_eq(stats.submitted, 3);
    stage_expect_eq(stats.executed, cancel ? 1 : 3);
    stage_expect_eq(stats.cancelled, cancel ? 2 : 0);
    stage_expect_eq(tp_pool_shutdown(gate.pool, cancel, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&hits.signaled), !cancel);
    stage_expect_eq(stage_value(&hits.timed_out), !cancel);
    stage_expect_eq(drain(semaphore), 1); /* what came later; the first unit stays taken */
    stage_expect_eq(tp_wait_close(wait) | tp_work_close(gate.blocker), TP_OK);
    stage_expect_eq(tp_semaphore_close(semaphore) | tp_env_destroy(env), TP_OK);
}

STAGE_TEST(wait_pool__shutdown_runs_what_is_queued)
{
    shut_down_queued(false);
}

STAGE_TEST(wait_pool__shutdown_with_cancel_drops_what_is_queued)
{
    shut_down_queued(true);
}

struct ending {
    struct wait_scene s;
    tp_semaphore_t *semaphore;
    stage_counter_t begun;
};

static void give_and_arm(void *context)
{
    struct ending *e = context;
    for (int i = 0; i < stage_times(300, 3); i++) {
        tp_wait_spec_t spec = spec_of(tp_waitable_semaphore(e->semaphore), TP_CLOCK_RELATIVE,
                                      i % 3 ? TP_INFINITE : 1000);
        tp_status_t status = tp_wait_set(e->s.wait, &spec, NULL);
        stage_expect(status == TP_OK || status == TP_ERR_CLOSED);
        give(e->semaphore, 1);
        stage_add(&e->begun, 1);
    }
}

/* While others set and signal: each unit is a callback's, or is still there. */
STAGE_TEST(wait_pool__shutdown_while_others_set_and_signal)
{
    for (int i = 0; i < stage_times(20, 1); i++) {
        struct ending e = {.semaphore = make_semaphore(0)};
        scene_begin(&e.s, 2, hit);
        stage_thread_t thread = stage_start(give_and_arm, &e);
        stage_await(&e.begun, 1 + tpp_random() % 3);
        stage_expect_eq(tp_pool_shutdown(e.s.pool, false, TP_INFINITE), TP_OK);
        tpp_store_release(&e.s.hits.over, 1);
        stage_join(thread);
        stage_expect(!disarm(e.s.wait));
        stage_expect_eq(drain(e.semaphore) + stage_value(&e.s.hits.signaled), stage_times(300, 3));
        stage_expect_eq(tp_wait_close(e.s.wait), TP_OK);
        stage_await(&e.s.hits.released, 1);
        stage_expect_eq(tp_semaphore_close(e.semaphore) | tp_env_destroy(e.s.env), TP_OK);
    }
}

/* A closed pool goes on for the objects that are left. */
STAGE_TEST(wait_pool__c021_close_lets_armed_waits_go_on)
{
    struct wait_scene s;
    tp_event_t *event = make_event(false, false);
    int fd = wire_open(0);
    scene_begin(&s, 2, hit);
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    stage_expect_eq(tp_pool_close(s.pool), TP_OK);
    stage_pass(STAGE_MS);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_await(&s.hits.runs, 1);
    stage_expect(!arm(s.wait, wire_source(fd)));
    wire_raise(fd);
    stage_await(&s.hits.runs, 2);
    stage_expect(!arm_for(s.wait, tp_waitable_never(), STAGE_MS));
    stage_await(&s.hits.runs, 3);
    stage_expect(!arm(s.wait, tp_waitable_event(event)));
    finish_wait(s.wait);
    stage_await(&s.hits.released, 1); /* and the pool goes with it */
    wire_close(fd);
    stage_expect_eq(tp_event_close(event) | tp_env_destroy(s.env), TP_OK);
}

#define TIMED(name) STAGE_CASE_X(name, .no_early = true)

STAGE_MAIN(STAGE_CASE(wait_pool__posts_are_queued_by_priority_like_other_work),
           STAGE_CASE(wait_pool__c074_high_wait_overtakes_queued_work),
           TIMED(wait_pool__comes_though_every_thread_is_blocked),
           TIMED(wait_pool__descriptor_comes_though_every_thread_is_blocked),
           TIMED(wait_pool__comes_between_callbacks_of_a_thread_that_is_never_idle),
           TIMED(wait_pool__descriptor_comes_between_callbacks_of_a_busy_thread),
           TIMED(wait_pool__comes_after_a_long_rest),
           TIMED(wait_pool__c038_persistent_wait_keeps_its_thread),
           STAGE_CASE(wait_pool__concurrency_limit),
           STAGE_CASE(wait_pool__c039_finalizer_and_actions_follow_the_callback),
           STAGE_CASE(wait_pool__action_on_return_signals_another_wait),
           STAGE_CASE(wait_pool__wait_events_are_0_without_a_descriptor),
           TIMED(wait_pool__c028_default_pool), STAGE_CASE(wait_pool__c004_pools_are_independent),
           TIMED(wait_pool__c208_two_waits_wait_for_each_other_and_others_go_on),
           TIMED(wait_pool__shutdown_disarms), TIMED(wait_pool__shutdown_with_cancel_disarms),
           STAGE_CASE(wait_pool__shutdown_runs_what_is_queued),
           STAGE_CASE(wait_pool__shutdown_with_cancel_drops_what_is_queued),
           TIMED(wait_pool__shutdown_while_others_set_and_signal),
           TIMED(wait_pool__c021_close_lets_armed_waits_go_on))
