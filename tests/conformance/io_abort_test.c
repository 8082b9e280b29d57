/* io_abort_test.c - operations in flight: aborted, by their keys; and what keys may be. */
#define _GNU_SOURCE
#include "tests/conformance/io_waiting.h"

/* ---- each kind ------------------------------------------------------------------------------- */

/* C-153: one callback, ECANCELED and no bytes, soon; the descriptor works as before. */
static void abort_each(int nonblock)
{
    for (int kind = 0; kind < WAITS_KINDS; kind++) {
        struct io_scene s;
        struct waiting w;
        waiting_open(&w, kind, nonblock);
        io_begin(&s, 1, w.fd, note);
        submit(s.io, w.op);
        settle();
        expect_no_act(&w.act);
        stage_expect_eq(stage_stats(s.pool).io_in_flight, 1);
        abort_io(s.io, &w.act);
        expect_act_again(&w.act, ECANCELED, 0);
        stage_expect_eq(tp_io_abort(s.io, &w.act), TP_ERR_ARGUMENT);
        wait_io(s.io, false);
        if (kind < WAITS_COMING) { /* what comes now is the next one's */
            submit(s.io, w.op);
            waiting_comes(&w);
            waiting_came(&w);
        }
        wait_io(s.io, false);
        expect_balance(s.pool);
        io_end(&s);
        stage_expect_eq(stage_value(&s.flow.runs), kind < WAITS_COMING ? 2 : 1);
        waiting_close(&w);
    }
}

STAGE_TEST(io_abort__c153_each_kind_that_waits)
{
    abort_each(0);
}

STAGE_TEST(io_abort__c153_each_kind_that_waits_on_what_does_not_block)
{
    abort_each(1);
}

/* At once after the submit, before anybody has looked. */
STAGE_TEST(io_abort__c153_right_after_the_submit)
{
    struct io_scene s;
    struct waiting w;
    waiting_open(&w, WAITS_RECV, 0);
    io_begin(&s, 2, w.fd, note);
    for (int i = 0; i < stage_rounds(500, 1); i++) {
        submit(s.io, w.op);
        abort_io(s.io, &w.act);
        expect_act_again(&w.act, ECANCELED, 0);
    }
    waiting_comes(&w);
    submit(s.io, w.op); /* nothing was taken */
    waiting_came(&w);
    io_end(&s);
    waiting_close(&w);
}

/* One of several is ended, and no other. */
STAGE_TEST(io_abort__ends_the_one_with_that_key)
{
    enum { MANY = 9 };
    struct io_scene s;
    struct act acts[MANY] = {{.runs = {{0}}}};
    char bytes[MANY] = "";
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    io_begin(&s, 2, ends[0], note);
    for (int i = 0; i < MANY; i++)
        submit(s.io, op_bytes(TP_IO_RECV, &acts[i], &bytes[i], 1));
    for (int i = 1; i < MANY; i += 2) {
        abort_io(s.io, &acts[i]);
        expect_act(&acts[i], ECANCELED, 0);
    }
    settle();
    stage_expect_eq(stage_value(&s.flow.runs), MANY / 2);
    put(ends[1], "abcde");
    for (int i = 0; i < MANY; i += 2) {
        expect_act(&acts[i], 0, 1);
        stage_expect(bytes[i] >= 'a' && bytes[i] <= 'e');
    }
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), MANY);
    shut(ends[0]);
    shut(ends[1]);
}

struct race {
    struct io_scene s;
    stage_counter_t ready;
    struct waiting w;
};

static void come_now(void *context)
{
    struct race *r = context;
    stage_add(&r->ready, 1);
    stage_await(&r->ready, 2);
    waiting_comes(&r->w);
}

/* What it waits for comes meanwhile: one of the two results; if it says cancelled, nothing is
 * taken; and only what was in flight could be aborted. */
STAGE_TEST(io_abort__c153_against_the_completion)
{
    int aborted = 0, rounds = stage_rounds(300, 1);
    for (int i = 0; i < rounds; i++) {
        struct race r = {.ready = {{0}}};
        waiting_open(&r.w, i % 3 ? WAITS_RECV : WAITS_COUNTER, i % 2);
        io_begin(&r.s, 2, r.w.fd, note);
        submit(r.s.io, r.w.op);
        stage_thread_t thread = stage_start(come_now, &r);
        stage_add(&r.ready, 1);
        stage_await(&r.ready, 2);
        tp_status_t status = tp_io_abort(r.s.io, &r.w.act);
        stage_expect(status == TP_OK || status == TP_ERR_ARGUMENT);
        stage_join(thread);
        wait_io(r.s.io, false);
        stage_expect_eq(stage_value(&r.w.act.runs), 1);
        bool cancelled = tpp_load_acquire(&r.w.act.error) == ECANCELED;
        stage_expect(status == TP_OK || !cancelled);
        stage_expect_eq(is_dry(r.w.fd), !cancelled);
        if (cancelled)
            expect_act(&r.w.act, ECANCELED, 0);
        else
            waiting_came(&r.w);
        aborted += cancelled;
        expect_balance(r.s.pool);
        io_end(&r.s);
        waiting_close(&r.w);
    }
    printf("# %d of %d were aborted\n", aborted, rounds);
}

/* A disk is not to be hurried: own result, or cancelled, or over before it could be asked. */
STAGE_TEST(io_abort__what_waits_for_a_disk)
{
    struct io_scene s;
    static uint8_t bytes[1 << 16];
    int fd = open_filled(sizeof bytes);
    io_begin(&s, 1, fd, note);
    for (int i = 0; i < 20; i++) {
        struct act acts[2] = {{.runs = {{0}}}};
        if (i % 4 == 0) {
            stage_expect_eq(fsync(fd), 0);
            stage_expect_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        }
        submit(s.io, op_at(TP_IO_READ, &acts[0], bytes, sizeof bytes, 0));
        submit(s.io, op_of(TP_IO_FSYNC, &acts[1]));
        for (int k = 0; k < 2; k++) {
            tp_status_t status = tp_io_abort(s.io, &acts[k]);
            stage_expect(status == TP_OK || status == TP_ERR_ARGUMENT);
            stage_await(&acts[k].runs, 1);
            uint32_t error = tpp_load_acquire(&acts[k].error);
            stage_expect(error == 0 || (error == ECANCELED && status == TP_OK));
        }
        wait_io(s.io, false);
        stage_expect_eq(stage_value(&acts[0].runs) + stage_value(&acts[1].runs), 2);
    }
    io_end(&s);
    shut(fd);
}

static void abort_other(tp_callback_instance_t *instance, void *context, void *operation,
                        int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct act *act = operation;
    if (error == 0)
        abort_io(io, act + 1);
    note(instance, context, operation, error, bytes, io);
}

STAGE_TEST(io_abort__from_a_callback_of_the_same_object)
{
    struct io_scene s;
    struct act acts[2] = {{.runs = {{0}}}};
    char bytes[2];
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    io_begin(&s, 1, ends[0], abort_other);
    submit(s.io, op_poll(&acts[1], POLLPRI));
    submit(s.io, op_bytes(TP_IO_RECV, &acts[0], bytes, 1));
    put(ends[1], "x");
    expect_act(&acts[0], 0, 1);
    expect_act(&acts[1], ECANCELED, 0);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

/* The way to know when the system is done with what an operation works on. */
STAGE_TEST(io_abort__then_wait_and_the_buffer_is_the_callers)
{
    for (int i = 0; i < stage_rounds(50, 1); i++) {
        struct io_scene s;
        struct act act = {.runs = {{0}}};
        char *bytes = malloc(64);
        int ends[2];
        open_pipe(ends, 0);
        io_begin(&s, 2, ends[0], note);
        submit(s.io, op_bytes(TP_IO_READ, &act, bytes, 64));
        abort_io(s.io, &act);
        wait_io(s.io, false);
        free(bytes);
        put(ends[1], "late");
        stage_expect(got(ends[0], "late"));
        expect_act(&act, ECANCELED, 0);
        io_end(&s);
        shut(ends[0]);
        shut(ends[1]);
    }
}

/* ---- keys ------------------------------------------------------------------------------------ */

STAGE_TEST(io_abort__unknown_keys)
{
    struct io_scene s;
    struct io_gated g;
    struct act acts[3] = {{.runs = {{0}}}};
    char byte;
    int ends[2], fd = open_counter(0, 0);
    uint64_t count = 1;
    open_pipe(ends, 0);
    io_begin(&s, 1, ends[0], note);
    io_begin_gated(&g, fd, note);
    stage_expect_eq(tp_io_abort(s.io, NULL), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_io_abort(s.io, &acts[0]), TP_ERR_ARGUMENT);
    submit(s.io, op_bytes(TP_IO_READ, &acts[0], &byte, 1));
    stage_expect_eq(tp_io_abort(s.io, &acts[1]), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_io_abort(g.io, &acts[0]), TP_ERR_ARGUMENT); /* another object's */
    start_io(g.io); /* what comes from elsewhere has no key yet */
    stage_expect_eq(tp_io_abort(g.io, NULL), TP_ERR_ARGUMENT);
    complete_io(g.io, &acts[1], 0, 0);
    stage_expect_eq(tp_io_abort(g.io, &acts[1]), TP_ERR_ARGUMENT); /* queued */
    submit(g.io, op_bytes(TP_IO_WRITE, &acts[2], &count, 8));      /* done at once, so queued */
    stage_expect_eq(stage_stats(g.gate.pool).io_in_flight, 0);
    stage_expect_eq(tp_io_abort(g.io, &acts[2]), TP_ERR_ARGUMENT);
    put(ends[1], "x");
    expect_act(&acts[0], 0, 1);
    stage_expect_eq(tp_io_abort(s.io, &acts[0]), TP_ERR_ARGUMENT); /* over */
    stage_gate_open(&g.gate);
    expect_act(&acts[1], 0, 0);
    expect_act(&acts[2], 0, 8);
    io_end(&s);
    io_end_gated(&g);
    shut(ends[0]);
    shut(ends[1]);
    shut(fd);
}

static void note_only(tp_callback_instance_t *instance, void *context, void *operation,
                      int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    (void)instance;
    (void)operation;
    flow_begins(flow, io);
    stage_expect_eq(error, ECANCELED);
    stage_expect_eq(bytes, 0);
    calls_leave(&flow->calls);
}

/* Any value: none of it is looked at. In use once at a time, by object. */
STAGE_TEST(io_abort__key_in_flight_is_refused_in_this_object_only)
{
    static const uintptr_t keys[] = {0, 1, 2, 8, 16, UINTPTR_MAX, UINTPTR_MAX - 1, 1u << 31};
    struct io_scene s;
    struct flow flow = {.io = NULL};
    char byte;
    int ends[2], others[2];
    open_pipe(ends, 0);
    open_pipe(others, 0);
    io_begin(&s, 2, ends[0], note_only);
    tp_io_t *other = make_io(others[0], note_only, &flow, s.env);
    for (size_t i = 0; i < COUNT(keys); i++) {
        tp_io_op_t op = op_bytes(TP_IO_READ, (void *)keys[i], &byte, 1);
        submit(s.io, op);
        stage_expect_eq(tp_io_submit(s.io, &op), TP_ERR_EXISTS);
        op.opcode = TP_IO_POLL;
        stage_expect_eq(tp_io_submit(s.io, &op), TP_ERR_EXISTS);
        op.opcode = TP_IO_READ;
        submit(other, op);
    }
    stage_expect_eq(stage_stats(s.pool).io_in_flight, 2 * COUNT(keys));
    for (size_t i = 0; i < COUNT(keys); i++) {
        abort_io(s.io, (void *)keys[i]);
        abort_io(other, (void *)keys[i]);
    }
    wait_io(other, false);
    close_io(other);
    stage_await(&flow.released, 1);
    stage_expect_eq(stage_value(&flow.runs), COUNT(keys));
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), COUNT(keys));
    for (int i = 0; i < 2; i++) {
        shut(ends[i]);
        shut(others[i]);
    }
}

/* What is queued is in flight no more, so its key may be used; both callbacks come. */
STAGE_TEST(io_abort__key_is_free_as_soon_as_its_callback_is_queued)
{
    struct io_gated s;
    struct act act = {.runs = {{0}}};
    uint64_t one = 1, count = 0;
    int fd = open_counter(0, 0);
    io_begin_gated(&s, fd, note);
    for (int i = 0; i < 2; i++)
        submit(s.io, op_bytes(TP_IO_WRITE, &act, &one, 8)); /* done at once */
    submit(s.io, op_poll(&act, POLLPRI));                   /* this one is in flight */
    abort_io(s.io, &act);
    stage_gate_open(&s.gate);
    stage_await(&act.runs, 3);
    stage_expect_eq(read(fd, &count, 8), 8);
    stage_expect_eq(count, 2);
    io_end_gated(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 3);
    shut(fd);
}

/* A callback may start the next operation with the key of its own. */
static void read_again(tp_callback_instance_t *instance, void *context, void *operation,
                       int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    struct waiting *w = operation;
    (void)instance;
    flow_begins(flow, io);
    stage_expect(error == 0 && bytes == 1);
    uint32_t left = tpp_load_acquire(&flow->left) - 1;
    tpp_store_release(&flow->left, left);
    if (left > 0)
        submit(io, w->op);
    calls_leave(&flow->calls);
}

STAGE_TEST(io_abort__key_is_used_again_in_its_callback)
{
    enum { MANY = 1000 };
    struct io_scene s;
    struct waiting w;
    char letters[101] = "";
    memset(letters, 'x', 100);
    waiting_open(&w, WAITS_RECV, 0);
    w.op.operation = &w;
    io_begin(&s, 2, w.fd, read_again);
    tpp_store_release(&s.flow.left, MANY);
    submit(s.io, w.op);
    for (uint32_t i = 1; i <= MANY / 100; i++) {
        put(w.other, letters);
        if (i % 2 == 0)
            stage_await(&s.flow.runs, i * 100);
    }
    stage_await(&s.flow.runs, MANY);
    expect_balance(s.pool);
    io_end(&s);
    stage_expect(is_dry(w.fd));
    waiting_close(&w);
}

IO_MAIN(REAL(io_abort__c153_each_kind_that_waits),
        REAL(io_abort__c153_each_kind_that_waits_on_what_does_not_block),
        REAL(io_abort__c153_right_after_the_submit), REAL(io_abort__ends_the_one_with_that_key),
        REAL(io_abort__c153_against_the_completion), REAL(io_abort__what_waits_for_a_disk),
        REAL(io_abort__from_a_callback_of_the_same_object),
        REAL(io_abort__then_wait_and_the_buffer_is_the_callers), REAL(io_abort__unknown_keys),
        REAL(io_abort__key_in_flight_is_refused_in_this_object_only),
        REAL(io_abort__key_is_free_as_soon_as_its_callback_is_queued),
        REAL(io_abort__key_is_used_again_in_its_callback))
