/* io_pool_test.c - I/O objects and the pool they belong to: order, threads, actions, its end. */
#include <string.h>

#include "tests/conformance/driven_scene.h"
#include "tests/conformance/io_scene.h"
#include "tests/conformance/pool_scene.h"

static void announce(tp_io_t *io, void *key)
{
    start_io(io);
    complete_io(io, key, 0, 1);
}

/* ---- order ----------------------------------------------------------------------------------- */

static void log_io(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                   uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    (void)context;
    (void)error;
    (void)bytes;
    (void)io;
    log_letter(operation);
}

STAGE_TEST(io_pool__callbacks_are_queued_by_priority_like_other_work)
{
    static const struct {
        char letter;
        tp_priority_t priority;
    } plan[] = {{'e', TP_PRIORITY_LOW}, {'c', TP_PRIORITY_NORMAL}, {'a', TP_PRIORITY_HIGH},
                {'f', TP_PRIORITY_LOW}, {'d', TP_PRIORITY_NORMAL}, {'b', TP_PRIORITY_HIGH}};
    struct stage_gate gate;
    struct stage_log log = {.count = {0}};
    struct logger loggers[7];
    tp_io_t *ios[6];
    int fds[6];
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    loggers[6] = (struct logger){&log, 'w'};
    tp_work_t *work = stage_work(log_work, &loggers[6], env);
    stage_expect_eq(tp_work_submit(work), TP_OK); /* before all others */
    for (int i = 0; i < 6; i++) {
        loggers[i] = (struct logger){&log, plan[i].letter};
        stage_expect_eq(tp_env_set_priority(env, plan[i].priority), TP_OK);
        fds[i] = wire_open(i);
        ios[i] = make_io(fds[i], log_io, NULL, env);
    }
    for (int i = 0; i < 6; i++)
        announce(ios[i], &loggers[i]);
    stage_expect_eq(stage_stats(gate.pool).pending[0], 2);
    stage_expect_eq(stage_stats(gate.pool).pending[2], 2);
    stage_gate_open(&gate);
    for (int i = 0; i < 6; i++) {
        wait_io(ios[i], false);
        close_io(ios[i]);
        wire_close(fds[i]);
    }
    stage_finish(work);
    stage_expect(stage_log_is(&log, "abwcdef"));
    stage_expect_eq(tp_env_destroy(env), TP_OK);
    stage_gate_fini(&gate);
}

/* ---- threads --------------------------------------------------------------------------------- */

/* The only thread is in a callback that waits for what this one does: another is added. */
STAGE_TEST(io_pool__comes_though_every_thread_is_blocked)
{
    struct io_scene s;
    struct flow other = {.io = NULL};
    struct act acts[2] = {{.runs = {{0}}}};
    int fd = wire_open(0), fd2 = wire_open(1);
    io_begin(&s, 0, fd, note_held);
    tp_io_t *second = make_io(fd2, note, &other, s.env);
    announce(s.io, &acts[0]);
    stage_await(&s.flow.started, 1);
    announce(second, &acts[1]);
    expect_act(&acts[1], 0, 1);
    expect_no_act(&acts[0]);
    stage_add(&s.flow.open, 1);
    wait_io(second, false);
    close_io(second);
    stage_await(&other.released, 1);
    io_end(&s);
    wire_close(fd);
    wire_close(fd2);
}

STAGE_TEST(io_pool__comes_after_a_long_rest)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin(&s, 0, fd, note);
    for (int i = 0; i < 3; i++) {
        start_io(s.io);
        stage_pass(stage_times(2 * STAGE_MS, 100 * STAGE_S));
        complete_io(s.io, &act, 0, 1);
        expect_act_again(&act, 0, 1);
    }
    io_end(&s);
    wire_close(fd);
}

STAGE_TEST(io_pool__c038_persistent_object_keeps_its_thread)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    uint64_t thread = 0;
    s = (struct io_scene){.pool = scene_pool(3)};
    s.env = scene_env(s.pool);
    stage_expect_eq(tp_env_set_persistent(s.env, true), TP_OK);
    s.io = make_io(fd, note, &s.flow, s.env);
    for (int i = 0; i < 5; i++) {
        announce(s.io, &act);
        wait_io(s.io, false);
        expect_act_again(&act, 0, 1);
        stage_expect(i == 0 || tpp_load_acquire(&s.flow.thread) == thread);
        thread = tpp_load_acquire(&s.flow.thread);
    }
    io_end(&s);
    wire_close(fd);
}

STAGE_TEST(io_pool__concurrency_limit)
{
    enum { MANY = 200 };
    struct io_scene s;
    static struct act acts[MANY];
    int fd = wire_open(0);
    memset(acts, 0, sizeof acts);
    s = (struct io_scene){.pool = scene_pool(3)};
    s.env = scene_env(s.pool);
    stage_expect_eq(tp_env_set_concurrency_limit(s.env, 1), TP_OK);
    s.io = make_io(fd, note, &s.flow, s.env);
    for (int i = 0; i < stage_times(MANY, 4); i++)
        announce(s.io, &acts[i]);
    wait_io(s.io, false);
    stage_expect_eq(stage_value(&s.flow.runs), stage_times(MANY, 4));
    stage_expect_eq(stage_most(&s.flow.peak), 1);
    io_end(&s);
    wire_close(fd);
}

/* C-149: without a limit callbacks of one object run side by side. */
STAGE_TEST(io_pool__c149_callbacks_of_one_object_run_side_by_side)
{
    struct io_scene s;
    struct act acts[3] = {{.runs = {{0}}}};
    int fd = wire_open(0);
    io_begin(&s, 3, fd, note_held);
    for (int i = 0; i < 3; i++)
        announce(s.io, &acts[i]);
    stage_await(&s.flow.started, 3);
    stage_expect_eq(stage_most(&s.flow.peak), 3);
    stage_add(&s.flow.open, 1);
    io_end(&s);
    wire_close(fd);
}

/* ---- what follows a callback ----------------------------------------------------------------- */

struct actions {
    struct flow flow; /* first: the context is that */
    tp_event_t *event;
    tp_semaphore_t *semaphore;
    tp_mutex_t *mutex;
};

static void count_final(tp_callback_instance_t *instance, void *context)
{
    struct flow *flow = context;
    (void)instance;
    stage_expect_eq(stage_value(&flow->runs), stage_value(&flow->told) + 1);
    stage_add(&flow->told, 1);
}

static void act_on_return(tp_callback_instance_t *instance, void *context, void *operation,
                          int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct actions *a = context;
    tp_wait_result_t result = TP_WAIT_FAILED;
    uint32_t states = 99;
    stage_expect_eq(tp_callback_wait_events(instance, &states), TP_ERR_STATE);
    stage_expect_eq(tp_waitable_wait(tp_waitable_mutex(a->mutex), TP_INFINITE, &result), TP_OK);
    stage_expect_eq(tp_callback_release_mutex_on_return(instance, a->mutex), TP_OK);
    stage_expect_eq(tp_callback_set_event_on_return(instance, a->event), TP_OK);
    stage_expect_eq(tp_callback_release_semaphore_on_return(instance, a->semaphore, 2), TP_OK);
    stage_expect_eq(tp_waitable_wait(tp_waitable_event(a->event), 0, &result), TP_OK);
    stage_expect_eq(result, TP_WAIT_TIMEOUT); /* not before it returns */
    note(instance, context, operation, error, bytes, io);
}

static tp_wait_result_t taken(tp_waitable_t source)
{
    tp_wait_result_t result = TP_WAIT_FAILED;
    stage_expect_eq(tp_waitable_wait(source, 0, &result), TP_OK);
    return result;
}

/* C-201: the finalizer and the actions are done when a wait for the callback returns. */
STAGE_TEST(io_pool__c039_c198_c201_finalizer_and_actions_follow_the_callback)
{
    struct actions a = {.flow = {.io = NULL}};
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    tp_pool_t *pool = stage_pool(2, 2);
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(tp_event_create(false, false, &a.event), TP_OK);
    stage_expect_eq(tp_semaphore_create(0, 9, &a.semaphore), TP_OK);
    stage_expect_eq(tp_mutex_create(false, &a.mutex), TP_OK);
    stage_expect_eq(tp_env_set_finalizer(env, count_final), TP_OK);
    tp_io_t *io = make_io(fd, act_on_return, &a, env);
    for (uint32_t i = 1; i <= 2; i++) {
        announce(io, &act);
        wait_io(io, false);
        expect_act_again(&act, 0, 1);
        stage_expect_eq(stage_value(&a.flow.told), i);
        stage_expect_eq(taken(tp_waitable_event(a.event)), TP_WAIT_SIGNALED);
        stage_expect_eq(taken(tp_waitable_semaphore(a.semaphore)), TP_WAIT_SIGNALED);
        stage_expect_eq(taken(tp_waitable_semaphore(a.semaphore)), TP_WAIT_SIGNALED);
        stage_expect_eq(taken(tp_waitable_semaphore(a.semaphore)), TP_WAIT_TIMEOUT);
        stage_expect_eq(taken(tp_waitable_mutex(a.mutex)), TP_WAIT_SIGNALED);
        stage_expect_eq(tp_mutex_release(a.mutex), TP_OK);
    }
    close_io(io);
    stage_expect_eq(tp_event_close(a.event) | tp_semaphore_close(a.semaphore), TP_OK);
    stage_expect_eq(tp_mutex_close(a.mutex) | tp_env_destroy(env) | tp_pool_close(pool), TP_OK);
    wire_close(fd);
}

/* What is dropped has neither (contract 5.1). */
STAGE_TEST(io_pool__c039_no_finalizer_for_what_is_dropped)
{
    struct stage_gate gate;
    struct flow flow = {.io = NULL};
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    stage_expect_eq(tp_env_set_finalizer(env, count_final), TP_OK);
    tp_io_t *io = make_io(fd, note, &flow, env);
    announce(io, &act);
    wait_io(io, true);
    stage_gate_open(&gate);
    close_io(io);
    stage_expect_eq(tp_env_destroy(env), TP_OK);
    stage_gate_fini(&gate);
    stage_expect_eq(stage_value(&flow.told), 0);
    expect_no_act(&act);
    wire_close(fd);
}

static void until_cancelled(tp_callback_instance_t *instance, void *context, void *operation,
                            int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    bool requested = true;
    stage_expect_eq(tp_callback_may_run_long(instance), TP_OK);
    stage_expect_eq(tp_callback_cancel_requested(instance, &requested), TP_OK);
    stage_expect(!requested);
    stage_add(&flow->told, 1);
    while (!requested) {
        stage_expect_eq(tp_callback_cancel_requested(instance, &requested), TP_OK);
        stage_pass(10000);
    }
    note(instance, context, operation, error, bytes, io);
}

STAGE_TEST(io_pool__running_callback_is_told_of_a_cancel)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin(&s, 2, fd, until_cancelled);
    announce(s.io, &act);
    stage_await(&s.flow.told, 1);
    stage_expect_eq(tp_io_wait(s.io, false, STAGE_MS), TP_ERR_TIMEOUT);
    wait_io(s.io, true);
    expect_act(&act, 0, 1);
    io_end(&s);
    wire_close(fd);
}

/* ---- pools ----------------------------------------------------------------------------------- */

STAGE_TEST(io_pool__c028_default_pool)
{
    struct flow flow = {.io = NULL};
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    flow.io = make_io(fd, note, &flow, NULL);
    announce(flow.io, &act);
    wait_io(flow.io, false);
    expect_act(&act, 0, 1);
    close_io(flow.io);
    wire_close(fd);
}

STAGE_TEST(io_pool__c004_pools_are_independent)
{
    struct io_gated g;
    struct io_scene s;
    struct act stuck = {.runs = {{0}}}, act = {.runs = {{0}}};
    int fd = wire_open(0), fd2 = wire_open(1);
    io_begin_gated(&g, fd, note);
    io_begin(&s, 1, fd2, note);
    start_io(g.io);
    announce(g.io, &stuck);
    announce(s.io, &act);
    expect_act(&act, 0, 1);
    expect_no_act(&stuck);
    stage_expect_eq(stage_stats(s.pool).io_in_flight, 0);
    stage_expect_eq(stage_stats(g.gate.pool).io_in_flight, 1);
    stage_expect_eq(tp_io_cancel(g.io), TP_OK);
    io_end(&s);
    io_end_gated(&g);
    wire_close(fd);
    wire_close(fd2);
}

/* In a pool without threads callbacks run in whoever turns. */
STAGE_TEST(io_pool__driven_pool_runs_it_in_the_thread_that_turns)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0), poll_fd = -1;
    io_begin_on(&s, driven(1), fd, note);
    stage_expect_eq(tp_pool_poll_fd(s.pool, &poll_fd), TP_OK);
    for (int i = 0; i < 3; i++) {
        start_io(s.io);
        stage_expect_eq(turn(s.pool, 0), 0);
        stage_expect(!readable(poll_fd));
        complete_io(s.io, &act, 0, 1);
        expect_no_act(&act);
        stage_expect(readable(poll_fd));
        stage_expect_eq(turn(s.pool, 0), 1);
        expect_act_again(&act, 0, 1);
        stage_expect_eq(tpp_load_acquire(&s.flow.thread), stage_self());
        stage_expect(!readable(poll_fd));
    }
    stage_expect_eq(stage_stats(s.pool).threads, 0);
    io_end(&s);
    wire_close(fd);
}

static void run_once(void *context)
{
    struct io_scene *s = context;
    turn_once(s->pool);
}

STAGE_TEST(io_pool__driven_pool_wakes_who_is_inside_already)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin_on(&s, driven(2), fd, note);
    stage_thread_t thread = stage_start(run_once, &s);
    settle();
    announce(s.io, &act);
    stage_join(thread);
    expect_act(&act, 0, 1);
    io_end(&s);
    wire_close(fd);
}

/* ---- the end of a pool ----------------------------------------------------------------------- */

/* Either way it returns though nobody completes what is announced. */
static void shut_down_announced(bool cancel)
{
    struct io_scene s;
    int fd = wire_open(0), fd2 = wire_open(1);
    io_begin(&s, 2, fd, note);
    for (int i = 0; i < 3; i++)
        start_io(s.io);
    stage_expect_eq(tp_pool_shutdown(s.pool, cancel, TP_INFINITE), TP_OK);
    tpp_store_release(&s.flow.over, 1);
    stage_expect_eq(tp_io_start(s.io), TP_ERR_CLOSED);
    stage_expect_eq(tp_io_complete(s.io, NULL, 0, 0), TP_ERR_STATE);
    stage_expect_eq(tp_io_cancel(s.io), TP_ERR_STATE);
    stage_expect_eq(tp_io_wait(s.io, false, 0), TP_OK);
    wait_io(s.io, true);
    stage_expect_eq(refused_io(fd2, s.env), TP_ERR_CLOSED);
    close_io(s.io);
    stage_await(&s.flow.released, 1);
    stage_expect_eq(tp_env_destroy(s.env), TP_OK);
    wire_close(fd);
    wire_close(fd2);
}

STAGE_TEST(io_pool__shutdown_takes_announcements_back)
{
    shut_down_announced(false);
}

STAGE_TEST(io_pool__shutdown_with_cancel_takes_announcements_back)
{
    shut_down_announced(true);
}

/* What is queued runs, or is dropped. */
static void shut_down_queued(bool cancel)
{
    struct io_gated s;
    struct act acts[3] = {{.runs = {{0}}}};
    int fd = wire_open(0);
    io_begin_gated(&s, fd, note);
    for (int i = 0; i < 3; i++)
        announce(s.io, &acts[i]);
    start_io(s.io);
    stage_expect_eq(tp_pool_shutdown(s.gate.pool, cancel, 0), TP_ERR_TIMEOUT);
    stage_expect_eq(tp_io_start(s.io), TP_ERR_CLOSED);
    stage_expect_eq(tp_io_complete(s.io, &acts[0], 0, 0), TP_ERR_STATE);
    stage_gate_open(&s.gate);
    stage_expect_eq(tp_work_wait(s.gate.blocker, false, TP_INFINITE), TP_OK);
    wait_io(s.io, false);
    tp_pool_stats_t stats = stage_stats(s.gate.pool);
    stage_expect_eq(stats.submitted, 4);
    stage_expect_eq(stats.executed, cancel ? 1 : 4);
    stage_expect_eq(stats.cancelled, cancel ? 3 : 0);
    stage_expect_eq(stats.io_in_flight, 0);
    stage_expect_eq(tp_pool_shutdown(s.gate.pool, cancel, TP_INFINITE), TP_OK);
    for (int i = 0; i < 3; i++)
        stage_expect_eq(stage_value(&acts[i].runs), !cancel);
    close_io(s.io);
    stage_await(&s.flow.released, 1);
    stage_expect_eq(tp_work_close(s.gate.blocker) | tp_env_destroy(s.env), TP_OK);
    wire_close(fd);
}

STAGE_TEST(io_pool__shutdown_runs_what_is_queued)
{
    shut_down_queued(false);
}

STAGE_TEST(io_pool__shutdown_with_cancel_drops_what_is_queued)
{
    shut_down_queued(true);
}

struct ending {
    struct io_scene s;
    stage_counter_t begun, completed;
};

static void announce_until_closed(void *context)
{
    struct ending *e = context;
    for (int i = 0; i < stage_times(2000, 4); i++) {
        tp_status_t status = tp_io_start(e->s.io);
        stage_add(&e->begun, 1);
        stage_expect(status == TP_OK || status == TP_ERR_CLOSED);
        if (status != TP_OK)
            continue;
        status = tp_io_complete(e->s.io, NULL, 0, 1);
        stage_expect(status == TP_OK || status == TP_ERR_STATE);
        stage_add(&e->completed, status == TP_OK);
    }
}

static void note_count(tp_callback_instance_t *instance, void *context, void *operation,
                       int32_t error, uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    stage_expect(operation == NULL && error == 0 && bytes == 1);
    flow_begins(context, io);
    calls_leave(context);
}

STAGE_TEST(io_pool__shutdown_while_others_announce_and_complete)
{
    for (int i = 0; i < stage_times(20, 1); i++) {
        struct ending e = {.begun = {{0}}};
        int fd = wire_open(0);
        io_begin(&e.s, 2, fd, note_count);
        stage_thread_t thread = stage_start(announce_until_closed, &e);
        stage_await(&e.begun, 1 + tpp_random() % 3);
        stage_expect_eq(tp_pool_shutdown(e.s.pool, false, TP_INFINITE), TP_OK);
        tpp_store_release(&e.s.flow.over, 1);
        stage_join(thread);
        wait_io(e.s.io, false);
        stage_expect_eq(stage_value(&e.completed), stage_value(&e.s.flow.runs));
        close_io(e.s.io);
        stage_await(&e.s.flow.released, 1);
        stage_expect_eq(tp_env_destroy(e.s.env), TP_OK);
        wire_close(fd);
    }
}

/* A closed pool goes on for the objects that are left. */
STAGE_TEST(io_pool__c021_close_lets_objects_go_on)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    start_io(s.io);
    stage_expect_eq(tp_pool_close(s.pool), TP_OK);
    complete_io(s.io, &act, 0, 1);
    expect_act_again(&act, 0, 1);
    announce(s.io, &act);
    wait_io(s.io, false);
    expect_act(&act, 0, 1);
    start_io(s.io);
    close_io(s.io); /* and the pool goes with it */
    stage_await(&s.flow.released, 1);
    stage_expect_eq(tp_env_destroy(s.env), TP_OK);
    wire_close(fd);
}

#define TIMED(name) STAGE_CASE_X(name, .no_early = true)

IO_MAIN(STAGE_CASE(io_pool__callbacks_are_queued_by_priority_like_other_work),
        TIMED(io_pool__comes_though_every_thread_is_blocked),
        TIMED(io_pool__comes_after_a_long_rest),
        STAGE_CASE(io_pool__c038_persistent_object_keeps_its_thread),
        STAGE_CASE(io_pool__concurrency_limit),
        STAGE_CASE(io_pool__c149_callbacks_of_one_object_run_side_by_side),
        STAGE_CASE(io_pool__c039_c198_c201_finalizer_and_actions_follow_the_callback),
        STAGE_CASE(io_pool__c039_no_finalizer_for_what_is_dropped),
        TIMED(io_pool__running_callback_is_told_of_a_cancel),
        STAGE_CASE(io_pool__c028_default_pool), STAGE_CASE(io_pool__c004_pools_are_independent),
        STAGE_CASE(io_pool__driven_pool_runs_it_in_the_thread_that_turns),
        TIMED(io_pool__driven_pool_wakes_who_is_inside_already),
        STAGE_CASE(io_pool__shutdown_takes_announcements_back),
        STAGE_CASE(io_pool__shutdown_with_cancel_takes_announcements_back),
        STAGE_CASE(io_pool__shutdown_runs_what_is_queued),
        STAGE_CASE(io_pool__shutdown_with_cancel_drops_what_is_queued),
        TIMED(io_pool__shutdown_while_others_announce_and_complete),
        STAGE_CASE(io_pool__c021_close_lets_objects_go_on))
