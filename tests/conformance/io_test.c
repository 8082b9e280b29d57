/* io_test.c - what is announced: start, complete, cancel, wait and close of I/O objects. */
#include <errno.h>

#include "tests/conformance/io_scene.h"

/* ---- waiting --------------------------------------------------------------------------------- */

STAGE_TEST(io__c146_wait_on_a_fresh_object_returns_at_once)
{
    struct io_scene s;
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    stage_expect_eq(tp_io_wait(s.io, false, 0), TP_OK);
    stage_expect_eq(tp_io_wait(s.io, true, 0), TP_OK);
    wait_io(s.io, false);
    wait_io(s.io, true);
    stage_expect_eq(stage_stats(s.pool).io_in_flight, 0);
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 0);
    wire_close(fd);
}

static void wait_and_tell(void *context)
{
    struct flow *flow = context;
    wait_io(flow->io, false);
    stage_add(&flow->told, 1);
}

/* It waits for the callback's end, not only for its begin. */
STAGE_TEST(io__c147_wait_blocks_until_the_announced_callback_is_over)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note_held);
    start_io(s.io);
    stage_expect_eq(stage_stats(s.pool).io_in_flight, 1);
    stage_thread_t thread = stage_start(wait_and_tell, &s.flow);
    settle();
    stage_expect_eq(stage_value(&s.flow.told), 0);
    complete_io(s.io, &act, 0, 0);
    stage_await(&s.flow.started, 1);
    settle();
    stage_expect_eq(stage_value(&s.flow.told), 0);
    stage_add(&s.flow.open, 1);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.flow.runs), 1);
    io_end(&s);
    wire_close(fd);
}

/* All who wait are released, by a completion or by a cancel. */
STAGE_TEST(io__c147_several_wait)
{
    for (int way = 0; way < 2; way++) {
        struct io_scene s;
        struct act act = {.runs = {{0}}};
        stage_thread_t threads[3];
        int fd = wire_open(0);
        io_begin(&s, 2, fd, note);
        start_io(s.io);
        for (int i = 0; i < 3; i++)
            threads[i] = stage_start(wait_and_tell, &s.flow);
        settle();
        stage_expect_eq(stage_value(&s.flow.told), 0);
        if (way == 0)
            complete_io(s.io, &act, 0, 0);
        else
            stage_expect_eq(tp_io_cancel(s.io), TP_OK);
        for (int i = 0; i < 3; i++)
            stage_join(threads[i]);
        stage_expect_eq(stage_value(&s.flow.runs), way == 0);
        io_end(&s);
        wire_close(fd);
    }
}

STAGE_TEST(io__wait_times_out_and_loses_nothing)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    start_io(s.io);
    stage_expect_eq(tp_io_wait(s.io, false, 0), TP_ERR_TIMEOUT);
    int64_t end = stage_now() + 2 * STAGE_MS;
    stage_expect_eq(tp_io_wait(s.io, false, 2 * STAGE_MS), TP_ERR_TIMEOUT);
    expect_at(stage_now(), end);
    stage_expect_eq(stage_stats(s.pool).io_in_flight, 1);
    complete_io(s.io, &act, 0, 5);
    wait_io(s.io, false);
    expect_act(&act, 0, 5);
    io_end(&s);
    wire_close(fd);
}

/* What is queued or running makes it wait as well; what it has dropped stays dropped. */
STAGE_TEST(io__wait_with_cancel_times_out_and_what_it_dropped_stays_dropped)
{
    struct io_scene s;
    struct act running = {.runs = {{0}}}, queued = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin(&s, 1, fd, note_held);
    start_io(s.io);
    start_io(s.io);
    start_io(s.io);
    complete_io(s.io, &running, 0, 0);
    stage_await(&s.flow.started, 1);
    complete_io(s.io, &queued, 0, 0);
    stage_expect_eq(tp_io_wait(s.io, false, 0), TP_ERR_TIMEOUT);
    stage_expect_eq(tp_io_wait(s.io, true, STAGE_MS), TP_ERR_TIMEOUT);
    stage_expect_eq(tp_io_cancel(s.io), TP_ERR_STATE); /* the third was taken back */
    stage_expect_eq(stage_stats(s.pool).cancelled, 1);
    stage_add(&s.flow.open, 1);
    wait_io(s.io, false);
    expect_act(&running, 0, 0);
    expect_no_act(&queued);
    io_end(&s);
    wire_close(fd);
}

STAGE_TEST(io__wait_of_a_negative_time_changes_nothing)
{
    struct io_scene s;
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    start_io(s.io);
    stage_expect_eq(tp_io_wait(s.io, true, -1), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_io_wait(s.io, true, INT64_MIN), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_io_cancel(s.io), TP_OK); /* it is still announced */
    io_end(&s);
    wire_close(fd);
}

static void wait_for_itself(tp_callback_instance_t *instance, void *context, void *operation,
                            int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    start_io(io);
    stage_expect_eq(tp_io_wait(io, false, TP_INFINITE), TP_ERR_DEADLOCK);
    stage_expect_eq(tp_io_wait(io, false, 0), TP_ERR_DEADLOCK);
    stage_expect_eq(tp_io_wait(io, true, TP_INFINITE), TP_ERR_DEADLOCK);
    stage_expect_eq(tp_io_cancel(io), TP_OK); /* nothing was cancelled */
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    stage_expect_eq(tp_io_wait(io, false, TP_INFINITE), TP_OK);
    stage_add(&flow->told, 1);
    note(instance, context, operation, error, bytes, io);
}

STAGE_TEST(io__c205_c194_wait_from_its_own_callback_is_a_deadlock_unless_disassociated)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin(&s, 1, fd, wait_for_itself);
    start_io(s.io);
    complete_io(s.io, &act, 0, 0);
    expect_act(&act, 0, 0);
    stage_expect_eq(stage_value(&s.flow.told), 1);
    io_end(&s);
    wire_close(fd);
}

struct helped {
    struct flow flow;
    struct act act;
};

static void wait_for_other(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct helped *helped = context;
    (void)instance;
    (void)work;
    start_io(helped->flow.io);
    start_io(helped->flow.io);
    complete_io(helped->flow.io, &helped->act, 0, 1);
    stage_expect_eq(tp_io_cancel(helped->flow.io), TP_OK);
    wait_io(helped->flow.io, false);
    stage_expect_eq(stage_value(&helped->act.runs), 1);
}

/* C-206: on a pool of one thread, whoever waits runs it. */
STAGE_TEST(io__c206_wait_from_another_callback_helps)
{
    struct helped helped = {.act = {.runs = {{0}}}};
    int fd = wire_open(0);
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    helped.flow.io = make_io(fd, note, &helped.flow, env);
    tp_work_t *work = stage_work(wait_for_other, &helped, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_finish(work);
    expect_act(&helped.act, 0, 1);
    close_io(helped.flow.io);
    stage_expect_eq(tp_env_destroy(env) | tp_pool_close(pool), TP_OK);
    wire_close(fd);
}

/* ---- completing ------------------------------------------------------------------------------ */

STAGE_TEST(io__c148_callback_is_told_key_error_bytes_and_object)
{
    static const struct {
        int32_t error;
        uint64_t bytes;
    } results[] = {{0, 0},
                   {0, 17},
                   {ECANCELED, 0},
                   {EIO, 5},
                   {1, 1},
                   {INT32_MAX, UINT64_MAX},
                   {0, UINT64_C(1) << 40}};
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note); /* which looks at the object */
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        start_io(s.io);
        complete_io(s.io, &act, results[i].error, results[i].bytes);
        wait_io(s.io, false);
        expect_act_again(&act, results[i].error, (int64_t)results[i].bytes);
    }
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), sizeof results / sizeof *results);
    wire_close(fd);
}

static void note_key(tp_callback_instance_t *instance, void *context, void *operation,
                     int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    (void)instance;
    stage_expect(error == 0 && bytes == (uintptr_t)operation);
    flow_begins(flow, io);
    calls_leave(&flow->calls);
}

/* A key is any value: NULL, what is no address, and the same one twice. */
STAGE_TEST(io__c148_any_key_is_handed_through)
{
    static const uintptr_t keys[] = {0, 1, 7, 7, 7, UINTPTR_MAX, UINTPTR_MAX - 1, 0};
    struct io_gated s;
    int fd = wire_open(0);
    io_begin_gated(&s, fd, note_key);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        start_io(s.io);
        complete_io(s.io, (void *)keys[i], 0, keys[i]);
    }
    stage_gate_open(&s.gate);
    wait_io(s.io, false);
    stage_expect_eq(stage_value(&s.flow.runs), sizeof keys / sizeof *keys);
    io_end_gated(&s);
    wire_close(fd);
}

STAGE_TEST(io__c149_two_announced_are_two_callbacks)
{
    struct io_scene s;
    struct act acts[2] = {{.runs = {{0}}}};
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    start_io(s.io);
    start_io(s.io);
    stage_expect_eq(stage_stats(s.pool).io_in_flight, 2);
    complete_io(s.io, &acts[1], 0, 1);
    expect_act(&acts[1], 0, 1);
    stage_expect_eq(tp_io_wait(s.io, false, STAGE_MS), TP_ERR_TIMEOUT);
    expect_no_act(&acts[0]);
    complete_io(s.io, &acts[0], 0, 0);
    wait_io(s.io, false);
    expect_act(&acts[0], 0, 0);
    expect_balance(s.pool);
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 2);
    wire_close(fd);
}

/* C-150: complete before anybody waits; it is one callback, and not within the call. */
STAGE_TEST(io__c150_completed_at_once_is_one_callback_though)
{
    struct io_gated s;
    struct act acts[3] = {{.runs = {{0}}}};
    int fd = wire_open(0);
    io_begin_gated(&s, fd, note);
    for (uint32_t i = 0; i < 3; i++) {
        start_io(s.io);
        complete_io(s.io, &acts[i], 0, i);
        stage_expect_eq(stage_stats(s.gate.pool).pending[1], i + 1);
    }
    stage_expect_eq(stage_value(&s.flow.runs), 0);
    stage_gate_open(&s.gate);
    wait_io(s.io, false);
    for (uint32_t i = 0; i < 3; i++)
        expect_act(&acts[i], 0, i);
    io_end_gated(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 3);
    wire_close(fd);
}

/* C-155: what nobody announced is refused, and nothing comes of it, be it the first or a later. */
STAGE_TEST(io__c155_completion_that_was_not_announced_is_refused)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}}, stray = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    stage_expect_eq(tp_io_complete(s.io, &stray, 0, 0), TP_ERR_STATE);
    start_io(s.io);
    complete_io(s.io, &act, 0, 3);
    stage_expect_eq(tp_io_complete(s.io, &stray, 0, 0), TP_ERR_STATE);
    expect_act(&act, 0, 3);
    stage_expect_eq(tp_io_complete(s.io, &stray, EIO, 0), TP_ERR_STATE);
    settle();
    expect_no_act(&stray);
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 1);
    wire_close(fd);
}

STAGE_TEST(io__completion_with_a_negative_error_changes_nothing)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    start_io(s.io);
    stage_expect_eq(tp_io_complete(s.io, &act, -1, 0), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_io_complete(s.io, &act, INT32_MIN, 0), TP_ERR_ARGUMENT);
    stage_expect_eq(stage_stats(s.pool).io_in_flight, 1);
    complete_io(s.io, &act, 0, 0);
    expect_act(&act, 0, 0);
    io_end(&s);
    wire_close(fd);
}

/* On a pool of one thread the callbacks come in the order of the completions, whatever was started
 * first, and whether they are queued together or one by one. */
static void note_letter(tp_callback_instance_t *instance, void *context, void *operation,
                        int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct stage_log *log = operation;
    (void)error;
    (void)instance;
    flow_begins(context, io);
    stage_log_add(log, (char)bytes);
    calls_leave(context);
}

STAGE_TEST(io__c161_callbacks_come_in_the_order_of_the_completions)
{
    struct io_gated s;
    struct stage_log log = {.count = {0}};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    int fd = wire_open(0);
    io_begin_gated(&s, fd, note_letter);
    for (int i = 0; i < 26; i++)
        start_io(s.io);
    for (int i = 0; i < 13; i++)
        complete_io(s.io, &log, 0, (unsigned char)letters[i]);
    stage_gate_open(&s.gate);
    for (int i = 13; i < 26; i++)
        complete_io(s.io, &log, 0, (unsigned char)letters[i]);
    wait_io(s.io, false);
    stage_expect(stage_log_is(&log, letters));
    io_end_gated(&s);
    wire_close(fd);
}

/* Two objects of one pool take turns as works do (C-071). */
STAGE_TEST(io__c161_c071_two_objects_take_turns)
{
    struct io_gated s;
    struct stage_log log = {.count = {0}};
    struct flow other = {.io = NULL};
    int fd = wire_open(0), fd2 = wire_open(1);
    io_begin_gated(&s, fd, note_letter);
    tp_io_t *second = make_io(fd2, note_letter, &other, s.env);
    for (int i = 0; i < 3; i++) {
        start_io(s.io);
        start_io(second);
        complete_io(s.io, &log, 0, (uint64_t)('a' + i));
    }
    for (int i = 0; i < 3; i++)
        complete_io(second, &log, 0, (uint64_t)('A' + i));
    stage_gate_open(&s.gate);
    wait_io(s.io, false);
    wait_io(second, false);
    stage_expect(stage_log_is(&log, "aAbBcC"));
    close_io(second);
    stage_await(&other.released, 1);
    io_end_gated(&s);
    wire_close(fd);
    wire_close(fd2);
}

/* ---- taking back ----------------------------------------------------------------------------- */

STAGE_TEST(io__c151_c152_what_is_taken_back_is_no_callback)
{
    struct io_scene s;
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    for (int i = 0; i < 5; i++) {
        start_io(s.io);
        stage_expect_eq(tp_io_cancel(s.io), TP_OK);
        stage_expect_eq(tp_io_wait(s.io, false, 0), TP_OK);
    }
    settle();
    stage_expect_eq(stage_stats(s.pool).submitted, 0);
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 0);
    wire_close(fd);
}

/* who waits is woken by the last that is taken back, and by no other. */
STAGE_TEST(io__r32_c151_cancel_wakes_who_waits_only_if_it_was_the_last)
{
    struct io_scene s;
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    start_io(s.io);
    start_io(s.io);
    stage_thread_t thread = stage_start(wait_and_tell, &s.flow);
    stage_expect_eq(tp_io_cancel(s.io), TP_OK);
    settle();
    stage_expect_eq(stage_value(&s.flow.told), 0);
    stage_expect_eq(tp_io_cancel(s.io), TP_OK);
    stage_join(thread);
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 0);
    wire_close(fd);
}

/* R-32, C-162: one is taken back while another is completed: who waits sees the callback's end. */
struct rivals {
    struct io_scene s;
    struct act act;
    stage_counter_t ready;
};

static void cancel_one(void *context)
{
    struct rivals *r = context;
    stage_add(&r->ready, 1);
    stage_await(&r->ready, 2);
    stage_expect_eq(tp_io_cancel(r->s.io), TP_OK);
}

STAGE_TEST(io__r32_cancel_against_completion)
{
    for (int i = 0; i < stage_rounds(200, 1); i++) {
        struct rivals r = {.act = {.runs = {{0}}}};
        int fd = wire_open(0);
        io_begin(&r.s, 2, fd, note);
        start_io(r.s.io);
        start_io(r.s.io);
        stage_thread_t thread = stage_start(cancel_one, &r);
        stage_add(&r.ready, 1);
        complete_io(r.s.io, &r.act, 0, 9);
        wait_io(r.s.io, false);
        stage_expect_eq(stage_value(&r.act.runs), 1);
        stage_join(thread);
        io_end(&r.s);
        wire_close(fd);
    }
}

STAGE_TEST(io__c162_one_cancel_too_many_is_refused_and_harmless)
{
    struct io_scene s;
    struct act acts[2] = {{.runs = {{0}}}};
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    for (int i = 0; i < 3; i++)
        stage_expect_eq(tp_io_cancel(s.io), TP_ERR_STATE);
    for (int i = 0; i < 2; i++) {
        start_io(s.io);
        stage_expect_eq(tp_io_wait(s.io, false, 0), TP_ERR_TIMEOUT); /* it counts */
        complete_io(s.io, &acts[i], 0, 1);
        stage_expect_eq(tp_io_cancel(s.io), TP_ERR_STATE); /* it is spent */
        expect_act(&acts[i], 0, 1);
        stage_expect_eq(tp_io_cancel(s.io), TP_ERR_STATE);
    }
    expect_balance(s.pool);
    io_end(&s);
    wire_close(fd);
}

STAGE_TEST(io__c154_wait_with_cancel_takes_announcements_back)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    for (int i = 0; i < 4; i++)
        start_io(s.io);
    stage_expect_eq(stage_stats(s.pool).io_in_flight, 4);
    wait_io(s.io, true);
    stage_expect_eq(stage_stats(s.pool).io_in_flight, 0);
    stage_expect_eq(tp_io_cancel(s.io), TP_ERR_STATE);
    stage_expect_eq(tp_io_wait(s.io, false, 0), TP_OK);
    start_io(s.io);
    complete_io(s.io, &act, 0, 2);
    expect_act(&act, 0, 2);
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 1);
    wire_close(fd);
}

/* C-156: the late completion is refused. C-157: of foreign completions none says whose it is, so
 * one that is late is taken for a newer one; but there are never more callbacks than announced. */
STAGE_TEST(io__c156_c157_late_completion_of_what_a_wait_has_dropped)
{
    struct io_scene s;
    struct act late = {.runs = {{0}}}, newer = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    start_io(s.io);
    wait_io(s.io, true);
    stage_expect_eq(tp_io_complete(s.io, &late, 0, 0), TP_ERR_STATE);
    start_io(s.io);
    wait_io(s.io, true);
    start_io(s.io);
    complete_io(s.io, &late, 0, 1);
    stage_expect_eq(tp_io_complete(s.io, &newer, 0, 2), TP_ERR_STATE);
    expect_act(&late, 0, 1);
    settle();
    expect_no_act(&newer);
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 1);
    wire_close(fd);
}

/* Queued callbacks are dropped, and counted as dropped. */
STAGE_TEST(io__c154_wait_with_cancel_drops_what_is_queued)
{
    struct io_gated s;
    struct act acts[5] = {{.runs = {{0}}}};
    int fd = wire_open(0);
    io_begin_gated(&s, fd, note);
    for (int i = 0; i < 5; i++)
        start_io(s.io);
    for (int i = 0; i < 4; i++)
        complete_io(s.io, &acts[i], 0, 0);
    wait_io(s.io, true);
    stage_expect_eq(stage_stats(s.gate.pool).cancelled, 4);
    stage_expect_eq(stage_stats(s.gate.pool).io_in_flight, 0);
    start_io(s.io); /* it can be used as before */
    complete_io(s.io, &acts[4], 0, 4);
    stage_gate_open(&s.gate);
    expect_act(&acts[4], 0, 4);
    io_end_gated(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 1);
    wire_close(fd);
}

/* ---- closing --------------------------------------------------------------------------------- */

STAGE_TEST(io__c158_idle_close_frees_at_once)
{
    struct io_scene s;
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    close_io(s.io);
    stage_expect_eq(stage_value(&s.flow.released), 1);
    stage_expect_eq(tp_io_close(s.io), TP_ERR_HANDLE);
    stage_expect_eq(tp_io_start(s.io), TP_ERR_HANDLE);
    stage_expect_eq(tp_io_cancel(s.io), TP_ERR_HANDLE);
    stage_expect_eq(tp_io_complete(s.io, NULL, 0, 0), TP_ERR_HANDLE);
    stage_expect_eq(tp_io_wait(s.io, false, 0), TP_ERR_HANDLE);
    stage_expect_eq(tp_io_abort(s.io, NULL), TP_ERR_HANDLE);
    s.io = NULL;
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.released), 1);
    stage_expect_eq(tp_io_close(NULL), TP_OK);
    wire_close(fd);
}

/* Nobody could complete them any more: the handle is gone. */
STAGE_TEST(io__c158_c160_close_takes_announcements_back)
{
    struct io_scene s;
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note);
    for (int i = 0; i < 3; i++)
        start_io(s.io);
    close_io(s.io);
    stage_await(&s.flow.released, 1);
    stage_expect_eq(stage_stats(s.pool).io_in_flight, 0);
    stage_expect_eq(tp_io_complete(s.io, NULL, 0, 0), TP_ERR_HANDLE);
    s.io = NULL;
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 0);
    wire_close(fd);
}

/* C-159: what is queued runs, with the old handle, and the context is released after it. */
static void note_closed(tp_callback_instance_t *instance, void *context, void *operation,
                        int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    stage_expect_eq(stage_value(&flow->released), 0);
    stage_expect_eq(tp_io_start(io), TP_ERR_HANDLE);
    stage_expect_eq(tp_io_close(io), TP_ERR_HANDLE);
    note(instance, context, operation, error, bytes, io);
}

STAGE_TEST(io__c159_closed_with_callbacks_queued)
{
    struct io_gated s;
    struct act acts[3] = {{.runs = {{0}}}};
    int fd = wire_open(0);
    io_begin_gated(&s, fd, note_closed);
    for (int i = 0; i < 3; i++) {
        start_io(s.io);
        start_io(s.io); /* and one that nobody completes */
        complete_io(s.io, &acts[i], 0, 1);
    }
    close_io(s.io);
    s.io = NULL;
    stage_expect_eq(stage_value(&s.flow.released), 0);
    stage_gate_open(&s.gate);
    stage_await(&s.flow.released, 1);
    for (int i = 0; i < 3; i++)
        expect_act(&acts[i], 0, 1);
    stage_expect_eq(stage_stats(s.gate.pool).io_in_flight, 0);
    io_end_gated(&s);
    wire_close(fd);
}

static void close_inside(tp_callback_instance_t *instance, void *context, void *operation,
                         int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    close_io(io);
    stage_expect_eq(tp_io_complete(io, operation, 0, 0), TP_ERR_HANDLE);
    stage_expect_eq(stage_value(&flow->released), 0); /* not before it returns */
    note(instance, context, operation, error, bytes, io);
}

/* the callback may be over, and the object gone, before the completing call has returned. */
STAGE_TEST(io__r31_callback_closes_its_object_while_the_completing_call_returns)
{
    for (int i = 0; i < stage_rounds(200, 1); i++) {
        struct io_scene s;
        struct act act = {.runs = {{0}}};
        int fd = wire_open(0);
        io_begin(&s, 2, fd, close_inside);
        start_io(s.io);
        complete_io(s.io, &act, 0, 1);
        stage_await(&s.flow.released, 1);
        expect_act(&act, 0, 1);
        s.io = NULL;
        io_end(&s);
        wire_close(fd);
    }
}

static void close_once(void *context)
{
    struct flow *flow = context;
    tp_status_t status = tp_io_close(flow->io);
    stage_expect(status == TP_OK || status == TP_ERR_HANDLE);
    stage_add(&flow->told, status == TP_OK);
}

STAGE_TEST(io__of_two_closes_one_succeeds)
{
    for (int i = 0; i < stage_rounds(100, 1); i++) {
        struct io_scene s;
        int fd = wire_open(0);
        io_begin(&s, 2, fd, note);
        start_io(s.io);
        stage_thread_t thread = stage_start(close_once, &s.flow);
        close_once(&s.flow);
        stage_join(thread);
        stage_expect_eq(stage_value(&s.flow.told), 1);
        s.io = NULL;
        io_end(&s);
        wire_close(fd);
    }
}

/* It may come too late to wait. */
static void wait_or_find_it_closed(void *context)
{
    struct flow *flow = context;
    tp_status_t status = tp_io_wait(flow->io, false, TP_INFINITE);
    stage_expect(status == TP_OK || status == TP_ERR_HANDLE);
    stage_expect(status != TP_OK || stage_value(&flow->runs) == 1);
}

/* C-207: a close while somebody waits. He returns when what was queued or announced has come. */
STAGE_TEST(io__c207_closed_while_another_waits)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    int fd = wire_open(0);
    io_begin(&s, 2, fd, note_held);
    start_io(s.io);
    start_io(s.io);
    complete_io(s.io, &act, 0, 0);
    stage_await(&s.flow.started, 1);
    stage_thread_t thread = stage_start(wait_or_find_it_closed, &s.flow);
    settle();
    close_io(s.io); /* the other announcement is taken back */
    stage_add(&s.flow.open, 1);
    stage_join(thread);
    stage_await(&s.flow.released, 1);
    s.io = NULL;
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 1);
    wire_close(fd);
}

/* ---- all together ---------------------------------------------------------------------------- */

/* Several threads start, complete and take back; whatever they do, it comes out even. */
struct crowd {
    struct io_scene s;
    stage_counter_t completed;
};

static void note_count(tp_callback_instance_t *instance, void *context, void *operation,
                       int32_t error, uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    stage_expect(operation == NULL && error == 0 && bytes == 1);
    flow_begins(context, io);
    calls_leave(context);
}

static void announce(void *context)
{
    struct crowd *c = context;
    for (int i = 0; i < stage_rounds(2000, 4); i++) {
        start_io(c->s.io);
        if (tpp_random() % 3) {
            complete_io(c->s.io, NULL, 0, 1);
            stage_add(&c->completed, 1);
        } else {
            stage_expect_eq(tp_io_cancel(c->s.io), TP_OK);
        }
    }
}

STAGE_TEST(io__c162_starts_are_callbacks_and_cancels_whoever_makes_them)
{
    struct crowd c = {.completed = {{0}}};
    int fd = wire_open(0);
    io_begin(&c.s, 3, fd, note_count);
    stage_thread_t one = stage_start(announce, &c), two = stage_start(announce, &c);
    announce(&c);
    stage_join(one);
    stage_join(two);
    wait_io(c.s.io, false);
    stage_expect_eq(stage_value(&c.s.flow.runs), stage_value(&c.completed));
    stage_expect_eq(tp_io_cancel(c.s.io), TP_ERR_STATE);
    stage_expect_eq(stage_stats(c.s.pool).submitted, stage_value(&c.completed));
    expect_balance(c.s.pool);
    io_end(&c.s);
    wire_close(fd);
}

/* The same while somebody drops all there is, again and again: a cancel or a completion may come
 * too late, and then says so. #Start = #callbacks + #cancel + #dropped. */
static void announce_or_fail(void *context)
{
    struct crowd *c = context;
    for (int i = 0; i < stage_rounds(1000, 4); i++) {
        start_io(c->s.io);
        tp_status_t status =
            tpp_random() % 3 ? tp_io_complete(c->s.io, NULL, 0, 1) : tp_io_cancel(c->s.io);
        stage_expect(status == TP_OK || status == TP_ERR_STATE);
    }
    stage_add(&c->completed, 1);
}

STAGE_TEST(io__c162_c154_drops_meanwhile)
{
    struct crowd c = {.completed = {{0}}};
    int fd = wire_open(0);
    io_begin(&c.s, 3, fd, note_count);
    stage_thread_t one = stage_start(announce_or_fail, &c);
    stage_thread_t two = stage_start(announce_or_fail, &c);
    int rounds = 0;
    do
        wait_io(c.s.io, true);
    while (stage_value(&c.completed) < 2 && (!stage_in_simulator || ++rounds < 3));
    stage_join(one);
    stage_join(two);
    wait_io(c.s.io, true);
    stage_expect_eq(tp_io_cancel(c.s.io), TP_ERR_STATE);
    tp_pool_stats_t stats = stage_stats(c.s.pool);
    stage_expect_eq(stats.executed, stage_value(&c.s.flow.runs));
    expect_balance(c.s.pool);
    io_end(&c.s);
    wire_close(fd);
}

/* ---- binding --------------------------------------------------------------------------------- */

STAGE_TEST(io__c163_descriptor_that_is_bound_already)
{
    struct io_scene s;
    tp_io_t *again;
    int fd = wire_open(0), other = wire_open(1);
    io_begin(&s, 2, fd, note);
    stage_expect_eq(refused_io(fd, s.env), TP_ERR_EXISTS);
    stage_expect_eq(refused_io(fd, NULL), TP_ERR_EXISTS); /* in whatever pool */
    start_io(s.io);                                       /* it is untouched */
    stage_expect_eq(tp_io_cancel(s.io), TP_OK);
    stage_expect_eq(tp_env_set_context_release(s.env, NULL), TP_OK);
    again = make_io(other, note, NULL, s.env);
    stage_expect_eq(refused_io(other, s.env), TP_ERR_EXISTS);
    close_io(again);
    again = make_io(other, note, NULL, s.env);
    close_io(again);
    io_end(&s);
    wire_close(fd);
    wire_close(other);
}

/* C-163: closed but not gone yet: it may be bound again. */
STAGE_TEST(io__c163_bound_again_while_callbacks_of_the_closed_object_are_queued)
{
    struct io_gated s;
    struct act act = {.runs = {{0}}}, next = {.runs = {{0}}};
    struct flow other = {.io = NULL};
    int fd = wire_open(0);
    io_begin_gated(&s, fd, note);
    start_io(s.io);
    complete_io(s.io, &act, 0, 0);
    close_io(s.io);
    other.io = make_io(fd, note, &other, s.env);
    start_io(other.io);
    complete_io(other.io, &next, 0, 1);
    stage_gate_open(&s.gate);
    wait_io(other.io, false);
    expect_act(&next, 0, 1);
    expect_act(&act, 0, 0);
    close_io(other.io);
    stage_await(&other.released, 1);
    s.io = NULL;
    io_end_gated(&s);
    wire_close(fd);
}

STAGE_TEST(io__c163_what_is_no_descriptor)
{
    int fd = wire_open(0);
    wire_close(fd);
    stage_expect_eq(refused_io(fd, NULL), TP_ERR_SYSTEM);
    stage_expect_eq(tp_last_errno(), EBADF);
    stage_expect_eq(refused_io(-1, NULL), TP_ERR_SYSTEM);
    stage_expect_eq(tp_last_errno(), EBADF);
    stage_expect_eq(refused_io(INT32_MIN, NULL), TP_ERR_SYSTEM);
    stage_expect_eq(tp_last_errno(), EBADF);
}

/* Out of memory: nothing is left of the attempt. */
STAGE_TEST(io__create_without_memory_leaves_nothing)
{
    struct io_scene s;
    int fd = wire_open(0), other = wire_open(1);
    io_begin(&s, 1, fd, note);
    stage_fail_allocations(true);
    tp_io_t *io = NULL;
    tp_status_t status = tp_io_create(other, note, NULL, NULL, &io);
    stage_fail_allocations(false);
    stage_expect(status == TP_OK || status == TP_ERR_NO_MEMORY);
    stage_expect((status == TP_OK) == (io != NULL));
    if (status == TP_OK)
        close_io(io);
    stage_expect_eq(tp_env_set_context_release(s.env, NULL), TP_OK);
    close_io(make_io(other, note, NULL, s.env));
    io_end(&s);
    wire_close(fd);
    wire_close(other);
}

#define TIMED(name) STAGE_CASE_X(name, .no_early = true)

IO_MAIN(STAGE_CASE(io__c146_wait_on_a_fresh_object_returns_at_once),
        TIMED(io__c147_wait_blocks_until_the_announced_callback_is_over),
        TIMED(io__c147_several_wait), TIMED(io__wait_times_out_and_loses_nothing),
        STAGE_CASE(io__wait_with_cancel_times_out_and_what_it_dropped_stays_dropped),
        STAGE_CASE(io__wait_of_a_negative_time_changes_nothing),
        STAGE_CASE(io__c205_c194_wait_from_its_own_callback_is_a_deadlock_unless_disassociated),
        STAGE_CASE(io__c206_wait_from_another_callback_helps),
        STAGE_CASE(io__c148_callback_is_told_key_error_bytes_and_object),
        STAGE_CASE(io__c148_any_key_is_handed_through),
        TIMED(io__c149_two_announced_are_two_callbacks),
        STAGE_CASE(io__c150_completed_at_once_is_one_callback_though),
        TIMED(io__c155_completion_that_was_not_announced_is_refused),
        STAGE_CASE(io__completion_with_a_negative_error_changes_nothing),
        STAGE_CASE(io__c161_callbacks_come_in_the_order_of_the_completions),
        STAGE_CASE(io__c161_c071_two_objects_take_turns),
        TIMED(io__c151_c152_what_is_taken_back_is_no_callback),
        TIMED(io__r32_c151_cancel_wakes_who_waits_only_if_it_was_the_last),
        STAGE_CASE(io__r32_cancel_against_completion),
        STAGE_CASE(io__c162_one_cancel_too_many_is_refused_and_harmless),
        STAGE_CASE(io__c154_wait_with_cancel_takes_announcements_back),
        TIMED(io__c156_c157_late_completion_of_what_a_wait_has_dropped),
        STAGE_CASE(io__c154_wait_with_cancel_drops_what_is_queued),
        STAGE_CASE(io__c158_idle_close_frees_at_once),
        STAGE_CASE(io__c158_c160_close_takes_announcements_back),
        STAGE_CASE(io__c159_closed_with_callbacks_queued),
        STAGE_CASE(io__r31_callback_closes_its_object_while_the_completing_call_returns),
        STAGE_CASE(io__of_two_closes_one_succeeds), TIMED(io__c207_closed_while_another_waits),
        STAGE_CASE(io__c162_starts_are_callbacks_and_cancels_whoever_makes_them),
        STAGE_CASE(io__c162_c154_drops_meanwhile),
        STAGE_CASE(io__c163_descriptor_that_is_bound_already),
        STAGE_CASE(io__c163_bound_again_while_callbacks_of_the_closed_object_are_queued),
        STAGE_CASE(io__c163_what_is_no_descriptor),
        STAGE_CASE(io__create_without_memory_leaves_nothing))
