/* io_end_test.c - groups and pools that end while operations are in flight. */
#define _GNU_SOURCE
#include "tests/conformance/driven_scene.h"
#include "tests/conformance/group_closer.h"
#include "tests/conformance/io_waiting.h"

/* ---- groups ---------------------------------------------------------------------------------- */

struct group_scene {
    struct flow flow;
    HOME;
    struct waiting w;
    tp_io_t *io;
};

/* One member, with one operation of this kind in flight. */
static void group_begin(struct group_scene *s, int kind, tp_io_fn callback)
{
    *s = (struct group_scene){.io = NULL};
    waiting_open(&s->w, kind, kind % 2);
    home_begin(&s->home, stage_pool(2, 2), count_cancel, count_release);
    s->io = make_io(s->w.fd, callback, &s->flow, s->env);
    submit(s->io, s->w.op);
}

static void group_end(struct group_scene *s)
{
    expect_balance(s->pool);
    home_end(&s->home);
    waiting_close(&s->w);
}

STAGE_TEST(io_end__c180_group_close_waits_for_the_callback_of_what_is_in_flight)
{
    for (int kind = 0; kind < WAITS_COMING; kind++) {
        struct group_scene s;
        group_begin(&s, kind, note);
        struct closing closing = {&s.home, &s.flow.calls, false, 1};
        stage_thread_t thread = stage_start(closer, &closing);
        settle();
        stage_expect_eq(stage_value(&s.flow.told), 0);
        waiting_comes(&s.w);
        stage_join(thread);
        waiting_came(&s.w);
        stage_expect_eq(stage_value(&s.flow.cancelled), 0);
        stage_expect_eq(stage_value(&s.flow.released), 1);
        group_end(&s);
    }
}

/* C-180, R-33: it returns without what is in flight, after one cancel callback. The late completion
 * is silent, and the context goes after it. */
STAGE_TEST(io_end__c180_r33_cancelling_group_close_forgets_what_is_in_flight)
{
    for (int kind = 0; kind < WAITS_COMING; kind++) {
        struct group_scene s;
        group_begin(&s, kind, note);
        home_close_members(&s.home, true);
        tpp_store_release(&s.flow.over, 1);
        stage_expect_eq(stage_value(&s.flow.cancelled), 1);
        stage_expect_eq(tp_io_abort(s.io, &s.w.act), TP_ERR_HANDLE);
        settle();
        stage_expect_eq(stage_value(&s.flow.released), 0);
        waiting_comes(&s.w);
        stage_await(&s.flow.released, 1);
        stage_expect_eq(stage_value(&s.flow.cancelled), 1);
        expect_no_act(&s.w.act);
        await_in_flight(s.pool, 0);
        group_end(&s);
    }
}

/* C-167: in flight, queued and announced, of several objects: each is told once, none runs. */
STAGE_TEST(io_end__c167_cancelling_group_close_with_objects_in_every_state)
{
    struct flow flow = {.io = NULL};
    struct home home;
    struct waiting w[3];
    tp_io_t *ios[3];
    home_begin_gated(&home, count_cancel, count_release);
    for (int i = 0; i < 3; i++) {
        waiting_open(&w[i], WAITS_RECV, 0);
        ios[i] = make_io(w[i].fd, note, &flow, home.env);
        submit(ios[i], w[i].op);
        start_io(ios[i]);
    }
    complete_io(ios[1], &w[1].act, 0, 1);
    submit(ios[2], op_bytes(TP_IO_SEND, &flow, (char[]){"x"}, 1)); /* done at once, so queued */
    stage_expect_eq(stage_stats(home.gate.pool).io_in_flight, 5);
    home_close_members(&home, true);
    tpp_store_release(&flow.over, 1);
    stage_expect_eq(stage_value(&flow.cancelled), 3);
    stage_expect_eq(stage_stats(home.gate.pool).cancelled, 2);
    stage_expect_eq(stage_stats(home.gate.pool).io_in_flight, 3);
    stage_expect_eq(stage_value(&flow.released), 0);
    stage_gate_open(&home.gate);
    for (int i = 0; i < 3; i++)
        waiting_comes(&w[i]);
    stage_await(&flow.released, 3);
    home_end(&home);
    stage_expect_eq(stage_value(&flow.runs), 0);
    for (int i = 0; i < 3; i++)
        waiting_close(&w[i]);
}

/* C-175: closed on its own with an operation in flight: not told, but waited for. */
STAGE_TEST(io_end__c175_c180_member_closed_on_its_own_is_waited_for)
{
    struct group_scene s;
    group_begin(&s, WAITS_RECV, note);
    close_io(s.io);
    stage_expect_eq(tp_cleanup_group_close(s.group), TP_ERR_BUSY);
    struct closing closing = {&s.home, &s.flow.calls, false, 1};
    stage_thread_t thread = stage_start(closer, &closing);
    settle();
    stage_expect_eq(stage_value(&s.flow.told), 0);
    waiting_comes(&s.w);
    stage_join(thread);
    waiting_came(&s.w);
    stage_expect_eq(stage_value(&s.flow.cancelled), 0);
    group_end(&s);
}

/* While it waits: nothing new is taken, but an abort ends what is in flight. */
STAGE_TEST(io_end__c180_submit_is_refused_while_the_group_closes_and_abort_helps)
{
    struct group_scene s;
    struct act act = {.runs = {{0}}};
    tp_status_t status;
    group_begin(&s, WAITS_READ, note);
    struct closing closing = {&s.home, &s.flow.calls, false, 1};
    stage_thread_t thread = stage_start(closer, &closing);
    tp_io_op_t op = op_poll(&act, POLLPRI);
    while ((status = tp_io_submit(s.io, &op)) == TP_OK) { /* it has not begun */
        abort_io(s.io, &act);
        stage_await(&act.runs, 1);
        act = (struct act){.runs = {{0}}};
        closing.must_have_run++; /* only looked at when all is over */
    }
    stage_expect_eq(status, TP_ERR_CLOSED);
    stage_expect_eq(tp_io_start(s.io), TP_ERR_CLOSED);
    stage_expect_eq(stage_value(&s.flow.told), 0);
    abort_io(s.io, &s.w.act);
    stage_join(thread);
    expect_act(&s.w.act, ECANCELED, 0);
    group_end(&s);
}

/* C-185: made and used while the group is being closed. */
enum { MADE = 60 };

struct making {
    struct flow flow;
    HOME;
    bool cancel;
    int ends[MADE][2];
    char bytes[MADE];
    struct act acts[MADE];
};

static void maker(void *context)
{
    struct making *m = context;
    for (int i = 0; i < MADE; i++) {
        tp_io_t *io = make_io(m->ends[i][0], note, &m->flow, m->env);
        tp_io_op_t op = op_bytes(TP_IO_RECV, &m->acts[i], &m->bytes[i], 1);
        if (i % 3 == 0)
            put(m->ends[i][1], "x");
        tp_status_t status = tp_io_submit(io, &op);
        stage_expect(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_CLOSED);
        if (i % 3)
            put(m->ends[i][1], "x");
        stage_add(&m->flow.told, status == TP_OK);
    }
}

static void made_meanwhile(bool cancel)
{
    static struct making m;
    m = (struct making){.cancel = cancel};
    for (int i = 0; i < MADE; i++)
        open_pair(m.ends[i], SOCK_STREAM);
    home_begin(&m.home, stage_pool(2, 2), count_cancel, count_release);
    stage_thread_t thread = stage_start(maker, &m);
    for (int i = 0; i < 50; i++)
        home_close_members(&m.home, cancel);
    stage_join(thread);
    home_close_members(&m.home, cancel);
    stage_await(&m.flow.released, MADE);
    if (!cancel)
        stage_expect_eq(stage_value(&m.flow.runs), stage_value(&m.flow.told));
    for (int i = 0; i < MADE; i++) {
        stage_expect(stage_value(&m.acts[i].runs) <= 1);
        shut(m.ends[i][0]);
        shut(m.ends[i][1]);
    }
    await_in_flight(m.pool, 0);
    expect_balance(m.pool);
    home_end(&m.home);
}

STAGE_TEST(io_end__c185_objects_made_and_used_while_the_group_closes)
{
    made_meanwhile(false);
}

STAGE_TEST(io_end__c185_objects_made_and_used_while_the_group_cancels)
{
    made_meanwhile(true);
}

/* C-188: what comes does so all the time, and no callback starts after the close has returned. */
static void read_for_ever(tp_callback_instance_t *instance, void *context, void *operation,
                          int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct waiting *w = operation;
    struct flow *flow = context;
    (void)instance;
    flow_begins(flow, io);
    stage_expect(error == 0 && bytes > 0);
    tp_status_t status = tp_io_submit(io, &w->op);
    stage_expect(status == TP_OK || status == TP_ERR_CLOSED);
    calls_leave(&flow->calls);
}

struct hose {
    struct group_scene s;
    stage_counter_t stop;
};

static void pour(void *context)
{
    struct hose *hose = context;
    while (stage_value(&hose->stop) == 0)
        (void)cram(hose->s.w.other);
}

STAGE_TEST(io_end__c188_no_callback_starts_after_the_group_was_closed)
{
    for (int i = 0; i < 10; i++) {
        struct hose hose = {.stop = {{0}}};
        struct group_scene *s = &hose.s;
        *s = (struct group_scene){.io = NULL};
        waiting_open(&s->w, WAITS_RECV, 1);
        s->w.op.operation = &s->w;
        set_blocking(s->w.other, false);
        home_begin(&s->home, stage_pool(2, 2), count_cancel, count_release);
        s->io = make_io(s->w.fd, read_for_ever, &s->flow, s->env);
        submit(s->io, s->w.op);
        stage_thread_t thread = stage_start(pour, &hose);
        stage_await(&s->flow.runs, 20);
        home_close_members(&s->home, i % 2);
        tpp_store_release(&s->flow.over, 1);
        stage_await(&s->flow.released, 1);
        stage_add(&hose.stop, 1);
        stage_join(thread);
        await_in_flight(s->pool, 0);
        group_end(s);
    }
}

/* ---- pools ----------------------------------------------------------------------------------- */

/* It ends by itself: what waits for a peer is aborted. Draining tells the callbacks so. */
static void shut_down(bool cancel)
{
    for (int kind = 0; kind < WAITS_KINDS; kind++) {
        struct io_scene s;
        struct waiting w;
        tp_io_op_t op = op_of(TP_IO_FSYNC, &s);
        waiting_open(&w, kind, kind % 2);
        io_begin(&s, 2, w.fd, note);
        submit(s.io, w.op);
        stage_expect_eq(tp_pool_shutdown(s.pool, cancel, TP_INFINITE), TP_OK);
        tpp_store_release(&s.flow.over, 1);
        if (cancel)
            expect_no_act(&w.act);
        else
            expect_act(&w.act, ECANCELED, 0);
        stage_expect_eq(tp_io_submit(s.io, &op), TP_ERR_CLOSED);
        stage_expect_eq(tp_io_abort(s.io, &w.act), TP_ERR_ARGUMENT);
        stage_expect_eq(tp_io_wait(s.io, false, 0), TP_OK);
        close_io(s.io);
        stage_await(&s.flow.released, 1);
        stage_expect_eq(stage_value(&s.flow.runs), !cancel);
        stage_expect_eq(tp_env_destroy(s.env), TP_OK);
        waiting_close(&w);
    }
}

STAGE_TEST(io_end__shutdown_aborts_what_waits_for_a_peer)
{
    shut_down(false);
}

STAGE_TEST(io_end__shutdown_with_cancel_drops_what_waits_for_a_peer)
{
    shut_down(true);
}

/* Forgotten before, by a wait or by a close: that does not keep it either. */
static void shut_down_forgotten(bool cancel)
{
    struct io_scene s;
    struct flow flow = {.io = NULL};
    struct waiting w[3];
    for (int i = 0; i < 3; i++)
        waiting_open(&w[i], i ? WAITS_SEND : WAITS_READ, i % 2);
    io_begin(&s, 2, w[0].fd, note);
    tp_io_t *closed = make_io(w[1].fd, note, &flow, s.env);
    tp_io_t *dropped = make_io(w[2].fd, note, &flow, s.env);
    submit(s.io, w[0].op);
    wait_io(s.io, true);
    submit(closed, w[1].op);
    close_io(closed);
    submit(dropped, w[2].op);
    wait_io(dropped, true);
    close_io(dropped);
    stage_expect_eq(stage_stats(s.pool).io_in_flight, 3);
    stage_expect_eq(tp_pool_shutdown(s.pool, cancel, TP_INFINITE), TP_OK);
    stage_await(&flow.released, 2);
    expect_no_act(&w[0].act);
    expect_no_act(&w[2].act);
    stage_expect_eq(stage_value(&w[1].act.runs), !cancel);
    if (!cancel)
        expect_act(&w[1].act, ECANCELED, 0);
    close_io(s.io);
    stage_await(&s.flow.released, 1);
    stage_expect_eq(tp_env_destroy(s.env), TP_OK);
    for (int i = 0; i < 3; i++)
        waiting_close(&w[i]);
}

STAGE_TEST(io_end__r33_shutdown_ends_what_was_forgotten)
{
    shut_down_forgotten(false);
    shut_down_forgotten(true);
}

/* What only waits for a disk is awaited: buffers are the caller's when it returns. */
static void shut_down_files(bool cancel)
{
    enum { READS = 40, EACH = 5000 };
    struct io_scene s;
    static struct act acts[READS];
    uint8_t *bytes = malloc(READS * EACH);
    int fd = open_filled(READS * EACH);
    if (!bytes)
        abort();
    memset(acts, 0, sizeof acts);
    stage_expect_eq(fsync(fd), 0);
    stage_expect_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    io_begin(&s, 2, fd, note);
    for (int i = 0; i < READS; i++)
        submit(s.io, op_at(TP_IO_READ, &acts[i], bytes + i * EACH, EACH, i * EACH));
    stage_expect_eq(tp_pool_shutdown(s.pool, cancel, TP_INFINITE), TP_OK);
    tpp_store_release(&s.flow.over, 1);
    for (int i = 0; i < READS; i++) {
        uint32_t runs = stage_value(&acts[i].runs);
        stage_expect(runs == 1 || (cancel && runs == 0));
        if (runs == 0)
            continue;
        expect_act(&acts[i], 0, EACH);
        stage_expect(bytes_are(bytes + i * EACH, EACH, (uint64_t)i * EACH));
    }
    free(bytes);
    close_io(s.io);
    stage_await(&s.flow.released, 1);
    stage_expect_eq(tp_env_destroy(s.env), TP_OK);
    shut(fd);
}

STAGE_TEST(io_end__shutdown_awaits_what_waits_for_a_disk)
{
    shut_down_files(false);
    shut_down_files(true);
}

/* Its time runs out because a callback is busy; nothing new is taken; then it ends. */
STAGE_TEST(io_end__shutdown_that_times_out_and_is_called_again)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    struct waiting w;
    waiting_open(&w, WAITS_RECV, 0);
    io_begin(&s, 1, w.fd, note_held);
    submit(s.io, op_bytes(TP_IO_SEND, &act, (char[]){"x"}, 1));
    stage_await(&s.flow.started, 1);
    submit(s.io, w.op);
    stage_expect_eq(tp_pool_shutdown(s.pool, false, 5 * STAGE_MS), TP_ERR_TIMEOUT);
    tp_io_op_t op = op_poll(&op, POLLIN);
    stage_expect_eq(tp_io_submit(s.io, &op), TP_ERR_CLOSED);
    stage_add(&s.flow.open, 1);
    stage_expect_eq(tp_pool_shutdown(s.pool, false, TP_INFINITE), TP_OK);
    expect_act(&act, 0, 1);
    expect_act(&w.act, ECANCELED, 0);
    close_io(s.io);
    stage_await(&s.flow.released, 1);
    stage_expect_eq(tp_env_destroy(s.env), TP_OK);
    waiting_close(&w);
}

/* Others submit and complete meanwhile: every operation that was taken has its callback. */
struct ending {
    struct io_scene s;
    struct waiting w;
    stage_counter_t begun, taken;
    struct act acts[400];
    char bytes[400];
};

static void submit_until_closed(void *context)
{
    struct ending *e = context;
    for (size_t i = 0; i < COUNT(e->acts); i++) {
        tp_io_op_t op = op_bytes(TP_IO_RECV, &e->acts[i], &e->bytes[i], 1);
        tp_status_t status = tp_io_submit(e->s.io, &op);
        stage_expect(status == TP_OK || status == TP_ERR_CLOSED);
        stage_add(&e->taken, status == TP_OK);
        stage_add(&e->begun, 1);
        if (i % 2)
            put(e->w.other, "x");
    }
}

STAGE_TEST(io_end__shutdown_while_others_submit)
{
    static struct ending e;
    for (int i = 0; i < 10; i++) {
        e = (struct ending){.begun = {{0}}};
        waiting_open(&e.w, WAITS_RECV, i % 2);
        io_begin(&e.s, 2, e.w.fd, note);
        stage_thread_t thread = stage_start(submit_until_closed, &e);
        stage_await(&e.begun, 1 + tpp_random() % 100);
        stage_expect_eq(tp_pool_shutdown(e.s.pool, false, TP_INFINITE), TP_OK);
        stage_join(thread);
        wait_io(e.s.io, false);
        stage_expect_eq(stage_value(&e.s.flow.runs), stage_value(&e.taken));
        close_io(e.s.io);
        stage_await(&e.s.flow.released, 1);
        stage_expect_eq(tp_env_destroy(e.s.env), TP_OK);
        waiting_close(&e.w);
    }
}

/* C-021: a closed pool lives for what is in flight; the callback comes, then both are gone. */
STAGE_TEST(io_end__c021_pool_close_lets_operations_go_on)
{
    for (int kind = 0; kind < WAITS_COMING; kind++) {
        struct io_scene s;
        struct waiting w;
        waiting_open(&w, kind, kind % 2);
        io_begin(&s, 1, w.fd, note);
        submit(s.io, w.op);
        stage_expect_eq(tp_pool_close(s.pool), TP_OK);
        if (kind % 3)
            close_io(s.io);
        settle();
        waiting_comes(&w);
        waiting_came(&w);
        if (kind % 3 == 0) {
            wait_io(s.io, false);
            close_io(s.io);
        }
        stage_await(&s.flow.released, 1);
        stage_expect_eq(tp_env_destroy(s.env), TP_OK);
        waiting_close(&w);
    }
}

/* A pool without threads: its shutdown does the work itself. */
STAGE_TEST(io_end__shutdown_of_a_driven_pool)
{
    for (int i = 0; i < 4; i++) {
        struct io_scene s;
        struct waiting w;
        struct act act = {.runs = {{0}}};
        waiting_open(&w, i / 2 ? WAITS_WRITE : WAITS_RECV, 0);
        io_begin_on(&s, driven(1), w.fd, note);
        submit(s.io, w.op);
        start_io(s.io);
        start_io(s.io);
        complete_io(s.io, &act, 0, 1);
        stage_expect_eq(tp_pool_shutdown(s.pool, i % 2, TP_INFINITE), TP_OK);
        stage_expect_eq(stage_value(&s.flow.runs), i % 2 ? 0 : 2);
        if (i % 2 == 0)
            expect_act(&w.act, ECANCELED, 0);
        close_io(s.io);
        stage_await(&s.flow.released, 1);
        stage_expect_eq(tp_env_destroy(s.env), TP_OK);
        waiting_close(&w);
    }
}

/* A wait from its own callback while another operation is in flight: a deadlock, nothing is
 * dropped. */
static void wait_for_itself(tp_callback_instance_t *instance, void *context, void *operation,
                            int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct act *act = operation;
    if (error == 0) {
        stage_expect_eq(tp_io_wait(io, false, TP_INFINITE), TP_ERR_DEADLOCK);
        stage_expect_eq(tp_io_wait(io, true, TP_INFINITE), TP_ERR_DEADLOCK);
        abort_io(io, act + 1); /* it is in flight still */
    }
    note(instance, context, operation, error, bytes, io);
}

STAGE_TEST(io_end__c205_wait_from_its_own_callback_drops_nothing)
{
    struct io_scene s;
    struct act acts[2] = {{.runs = {{0}}}};
    char byte;
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    io_begin(&s, 1, ends[0], wait_for_itself);
    submit(s.io, op_bytes(TP_IO_RECV, &acts[1], &byte, 1));
    submit(s.io, op_bytes(TP_IO_SEND, &acts[0], &byte, 1));
    expect_act(&acts[0], 0, 1);
    expect_act(&acts[1], ECANCELED, 0);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

IO_MAIN(REAL(io_end__c180_group_close_waits_for_the_callback_of_what_is_in_flight),
        REAL(io_end__c180_r33_cancelling_group_close_forgets_what_is_in_flight),
        REAL(io_end__c167_cancelling_group_close_with_objects_in_every_state),
        REAL(io_end__c175_c180_member_closed_on_its_own_is_waited_for),
        REAL(io_end__c180_submit_is_refused_while_the_group_closes_and_abort_helps),
        REAL(io_end__c185_objects_made_and_used_while_the_group_closes),
        REAL(io_end__c185_objects_made_and_used_while_the_group_cancels),
        REAL(io_end__c188_no_callback_starts_after_the_group_was_closed),
        REAL(io_end__shutdown_aborts_what_waits_for_a_peer),
        REAL(io_end__shutdown_with_cancel_drops_what_waits_for_a_peer),
        REAL(io_end__r33_shutdown_ends_what_was_forgotten),
        REAL(io_end__shutdown_awaits_what_waits_for_a_disk),
        REAL(io_end__shutdown_that_times_out_and_is_called_again),
        REAL(io_end__shutdown_while_others_submit),
        REAL(io_end__c021_pool_close_lets_operations_go_on),
        REAL(io_end__shutdown_of_a_driven_pool),
        REAL(io_end__c205_wait_from_its_own_callback_drops_nothing))
