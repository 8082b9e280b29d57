/* io_forgotten_test.c - operations that nobody waits for any more: dropped by a wait, or outliving
 * their object. */
#define _GNU_SOURCE
#include "tests/conformance/io_waiting.h"

/* ---- dropped by a wait ----------------------------------------------------------------------- */

/* C-156: the wait returns at once; what it dropped goes on, and nobody is told of its end. */
STAGE_TEST(io_forgotten__c156_late_completion_is_silent)
{
    for (int kind = 0; kind < WAITS_COMING; kind++) {
        struct io_scene s;
        struct waiting w;
        waiting_open(&w, kind, kind % 2);
        io_begin(&s, 2, w.fd, note);
        submit(s.io, w.op);
        wait_io(s.io, true);
        tpp_store_release(&s.flow.over, 1);
        stage_expect_eq(tp_io_wait(s.io, false, 0), TP_OK);
        stage_expect_eq(tp_io_abort(s.io, &w.act), TP_ERR_ARGUMENT);
        stage_expect_eq(stage_stats(s.pool).io_in_flight, 1);
        settle();
        waiting_comes(&w);
        await_in_flight(s.pool, 0);
        settle();
        expect_no_act(&w.act);
        stage_expect_eq(stage_stats(s.pool).submitted, stage_stats(s.pool).cancelled);
        tpp_store_release(&s.flow.over, 0);
        io_end(&s);
        stage_expect_eq(stage_value(&s.flow.runs), 0);
        waiting_close(&w);
    }
}

/* C-154: one wait drops what is announced, in flight, and queued; the object is as new. */
STAGE_TEST(io_forgotten__c154_wait_with_cancel_drops_all_sorts)
{
    struct io_gated s;
    struct act acts[4] = {{.runs = {{0}}}};
    char bytes[2] = "";
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    io_begin_gated(&s, ends[0], note);
    start_io(s.io);
    start_io(s.io);
    complete_io(s.io, &acts[0], 0, 0);
    submit(s.io, op_bytes(TP_IO_SEND, &acts[1], (char[]){"a"}, 1));
    submit(s.io, op_bytes(TP_IO_RECV, &acts[2], bytes, 1));
    stage_expect(got(ends[1], "a"));
    wait_io(s.io, true);
    stage_expect_eq(tp_io_cancel(s.io), TP_ERR_STATE);
    stage_expect_eq(stage_stats(s.gate.pool).io_in_flight, 1); /* the read */
    put(ends[1], "b");
    stage_gate_open(&s.gate);
    await_in_flight(s.gate.pool, 0);
    submit(s.io, op_bytes(TP_IO_RECV, &acts[3], bytes + 1, 1));
    put(ends[1], "c");
    expect_act(&acts[3], 0, 1);
    stage_expect(bytes[0] == 'b' && bytes[1] == 'c');
    for (int i = 0; i < 3; i++)
        expect_no_act(&acts[i]);
    io_end_gated(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 1);
    shut(ends[0]);
    shut(ends[1]);
}

/* C-157, R-30: an operation of the same key, started after the other was forgotten, is answered by
 * its own completion only, whichever comes first. */
STAGE_TEST(io_forgotten__r30_c157_old_completion_does_not_answer_a_newer_operation)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    char bytes[4] = "", out = 'o';
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    io_begin(&s, 2, ends[0], note);
    submit(s.io, op_bytes(TP_IO_RECV, &act, bytes, 4));
    wait_io(s.io, true);
    submit(s.io, op_poll(&act, POLLRDHUP)); /* the same key */
    put(ends[1], "old");
    await_in_flight(s.pool, 1); /* the old one is over */
    settle();
    expect_no_act(&act);
    stage_expect(memcmp(bytes, "old", 4) == 0);
    stage_expect_eq(tp_io_wait(s.io, false, 0), TP_ERR_TIMEOUT); /* its credit is not spent */
    stage_expect_eq(shutdown(ends[1], SHUT_WR), 0);
    expect_act_again(&act, 0, POLLRDHUP);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
    open_pair(ends, SOCK_STREAM); /* the newer comes first */
    io_begin(&s, 2, ends[0], note);
    submit(s.io, op_bytes(TP_IO_RECV, &act, bytes, 4));
    wait_io(s.io, true);
    submit(s.io, op_bytes(TP_IO_SEND, &act, &out, 1));
    expect_act_again(&act, 0, 1);
    put(ends[1], "yes");
    await_in_flight(s.pool, 0);
    settle();
    expect_no_act(&act);
    stage_expect(memcmp(bytes, "yes", 4) == 0);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

/* two of the same sort race for what comes: the newer's callback says what the newer got. */
STAGE_TEST(io_forgotten__r30_old_and_new_read_with_one_key)
{
    for (int i = 0; i < stage_rounds(100, 1); i++) {
        struct io_scene s;
        struct act act = {.runs = {{0}}};
        char old = 0, new = 0;
        int ends[2];
        open_pair(ends, SOCK_STREAM | (i % 2 ? SOCK_NONBLOCK : 0));
        io_begin(&s, 2, ends[0], note);
        submit(s.io, op_bytes(TP_IO_RECV, &act, &old, 1));
        wait_io(s.io, true);
        submit(s.io, op_bytes(TP_IO_RECV, &act, &new, 1));
        put(ends[1], i % 3 ? "ab" : "a");
        if (i % 3 == 0)
            put(ends[1], "b");
        expect_act(&act, 0, 1);
        await_in_flight(s.pool, 0);
        stage_expect((old == 'a' && new == 'b') || (old == 'b' && new == 'a'));
        stage_expect_eq(stage_value(&act.runs), 1);
        io_end(&s);
        shut(ends[0]);
        shut(ends[1]);
    }
}

/* a credit of tp_io_start is not spent by an operation, forgotten or not, and the other way
 * round. */
STAGE_TEST(io_forgotten__r30_operations_and_announcements_do_not_answer_each_other)
{
    struct io_scene s;
    struct act acts[3] = {{.runs = {{0}}}};
    char bytes[2];
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    io_begin(&s, 2, ends[0], note);
    submit(s.io, op_bytes(TP_IO_RECV, &acts[0], bytes, 1));
    stage_expect_eq(tp_io_complete(s.io, &acts[0], 0, 1), TP_ERR_STATE);
    stage_expect_eq(tp_io_cancel(s.io), TP_ERR_STATE);
    wait_io(s.io, true);
    start_io(s.io);
    put(ends[1], "x"); /* the forgotten one ends */
    await_in_flight(s.pool, 1);
    settle();
    stage_expect_eq(tp_io_wait(s.io, false, 0), TP_ERR_TIMEOUT);
    submit(s.io, op_bytes(TP_IO_RECV, &acts[1], bytes + 1, 1));
    complete_io(s.io, &acts[1], 0, 77); /* a key of its own, though it looks the same */
    expect_act_again(&acts[1], 0, 77);
    stage_expect_eq(tp_io_complete(s.io, &acts[2], 0, 1), TP_ERR_STATE);
    put(ends[1], "y");
    expect_act(&acts[1], 0, 1);
    expect_no_act(&acts[0]);
    expect_no_act(&acts[2]);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

/* Many rounds: what was forgotten comes in between all the time. */
STAGE_TEST(io_forgotten__r30_many_rounds_with_the_same_keys)
{
    enum { KEYS = 4, ROUNDS = 100 };
    struct io_scene s;
    struct act acts[KEYS] = {{.runs = {{0}}}};
    static char bytes[ROUNDS][KEYS];
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    io_begin(&s, 2, ends[0], note);
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < KEYS; k++)
            submit(s.io, op_bytes(TP_IO_RECV, &acts[k], &bytes[i][k], 1));
        if (i % 2)
            put(ends[1], "xy");
        wait_io(s.io, true);
        for (int k = 0; k < KEYS; k++) { /* some came before the wait */
            stage_expect(stage_value(&acts[k].runs) <= 1);
            acts[k] = (struct act){.runs = {{0}}};
        }
    }
    submit(s.io, op_poll(&acts[0], POLLRDHUP));
    while (stage_stats(s.pool).io_in_flight > 1) {
        put(ends[1], "z");
        stage_pass(STAGE_MS / 20);
    }
    expect_no_act(&acts[0]);
    shut(ends[1]);
    stage_await(&acts[0].runs, 1);
    stage_expect(tpp_load_acquire(&acts[0].bytes) & POLLRDHUP);
    wait_io(s.io, false);
    io_end(&s);
    shut(ends[0]);
}

/* A connection that nobody is told of is closed again: its other end sees that. */
static void expect_turned_away(int fd)
{
    char byte;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    stage_expect_eq(poll(&ready, 1, 20000), 1);
    stage_expect(read(fd, &byte, 1) <= 0);
    shut(fd);
}

static int connected_to(int listener)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int fd = open_inet(SOCK_STREAM);
    stage_expect_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    stage_expect_eq(connect(fd, (struct sockaddr *)&address, length), 0);
    return fd;
}

STAGE_TEST(io_forgotten__accept_that_nobody_is_told_of_is_closed)
{
    struct io_scene s;
    struct sockaddr_in address;
    struct act act = {.runs = {{0}}};
    int listener = listen_inet(&address, 5, 0);
    io_begin(&s, 2, listener, note);
    submit(s.io, op_of(TP_IO_ACCEPT, &act));
    wait_io(s.io, true);
    expect_turned_away(connected_to(listener));
    await_in_flight(s.pool, 0);
    io_end(&s);
    expect_no_act(&act);
    shut(listener);
}

/* Dropped when its callback was queued: the object runs one at a time, and that one is held. */
STAGE_TEST(io_forgotten__accept_that_is_dropped_from_the_queue_is_closed)
{
    struct flow flow = {.io = NULL};
    struct sockaddr_in address;
    struct act acts[2] = {{.runs = {{0}}}};
    int listener = listen_inet(&address, 5, 0);
    tp_pool_t *pool = scene_pool(2);
    tp_env_t *env = scene_env(pool);
    stage_expect_eq(tp_env_set_concurrency_limit(env, 1), TP_OK);
    tp_io_t *io = make_io(listener, note_held, &flow, env);
    start_io(io);
    complete_io(io, &acts[0], 0, 0);
    stage_await(&flow.started, 1);
    submit(io, op_of(TP_IO_ACCEPT, &acts[1]));
    int fd = connected_to(listener);
    await_in_flight(pool, 0);
    stage_expect_eq(tp_io_wait(io, true, STAGE_MS), TP_ERR_TIMEOUT);
    expect_turned_away(fd);
    stage_add(&flow.open, 1);
    wait_io(io, false);
    expect_no_act(&acts[1]);
    close_io(io);
    scene_leave(&flow.calls, env, pool);
    shut(listener);
}

/* ---- closed ---------------------------------------------------------------------------------- */

/* C-159: the callback comes with the old handle, and then the context goes. */
static void note_closed(tp_callback_instance_t *instance, void *context, void *operation,
                        int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    tp_io_op_t op = op_of(TP_IO_FSYNC, operation);
    stage_expect_eq(stage_value(&flow->released), 0);
    stage_expect_eq(tp_io_submit(io, &op), TP_ERR_HANDLE);
    stage_expect_eq(tp_io_abort(io, operation), TP_ERR_HANDLE);
    note(instance, context, operation, error, bytes, io);
}

STAGE_TEST(io_forgotten__c159_closed_with_an_operation_in_flight)
{
    for (int kind = 0; kind < WAITS_COMING; kind++) {
        struct io_scene s;
        struct waiting w;
        waiting_open(&w, kind, kind % 2);
        io_begin(&s, 2, w.fd, note_closed);
        submit(s.io, w.op);
        close_io(s.io);
        settle();
        stage_expect_eq(stage_value(&s.flow.released), 0);
        stage_expect_eq(stage_stats(s.pool).io_in_flight, 1);
        waiting_comes(&w);
        waiting_came(&w);
        s.io = NULL;
        io_end(&s);
        stage_expect_eq(stage_value(&s.flow.runs), 1);
        waiting_close(&w);
    }
}

/* C-160, R-33: dropped, then closed: the context, and with it the buffer, lives until the system is
 * done with it. */
struct owner {
    struct waiting w;
    stage_counter_t *released;
};

static void free_owner(void *context)
{
    struct owner *owner = context;
    stage_counter_t *released = owner->released;
    memset(owner, 0xa5, sizeof *owner);
    free(owner);
    stage_add(released, 1);
}

static void never(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                  uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    (void)context;
    (void)operation;
    (void)error;
    (void)bytes;
    (void)io;
    stage_expect(false);
}

STAGE_TEST(io_forgotten__c160_r33_context_is_released_after_the_late_completion)
{
    tp_pool_t *pool = stage_pool(1, 2);
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(tp_env_set_context_release(env, free_owner), TP_OK);
    for (int kind = 0; kind < WAITS_COMING; kind++) {
        stage_counter_t released = {0};
        struct owner *owner = malloc(sizeof *owner);
        if (!owner)
            abort();
        owner->released = &released;
        waiting_open(&owner->w, kind, kind % 2);
        struct waiting ends = owner->w; /* the owner may go while it comes */
        tp_io_t *io = make_io(owner->w.fd, never, owner, env);
        submit(io, owner->w.op);
        wait_io(io, true);
        close_io(io);
        settle();
        stage_expect_eq(stage_value(&released), 0);
        waiting_comes(&ends);
        stage_await(&released, 1);
        await_in_flight(pool, 0);
        waiting_close(&ends);
    }
    stage_expect_eq(tp_env_destroy(env) | tp_pool_close(pool), TP_OK);
}

/* Some operations forgotten, some not, one queued: it goes with the last of them all. */
STAGE_TEST(io_forgotten__r33_context_is_released_after_the_last_of_several)
{
    struct io_scene s;
    struct act acts[3] = {{.runs = {{0}}}};
    char bytes[2];
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    io_begin(&s, 1, ends[0], note);
    cram(ends[0]);
    submit(s.io, op_bytes(TP_IO_RECV, &acts[0], bytes, 1));
    wait_io(s.io, true);
    submit(s.io, op_bytes(TP_IO_SEND, &acts[1], (char[]){"x"}, 1));
    submit(s.io, op_poll(&acts[2], POLLRDHUP));
    close_io(s.io);
    s.io = NULL;
    (void)soak(ends[1]);
    expect_act(&acts[1], 0, 1);
    put(ends[1], "y"); /* the forgotten one */
    await_in_flight(s.pool, 1);
    settle();
    stage_expect_eq(stage_value(&s.flow.released), 0);
    stage_expect_eq(shutdown(ends[1], SHUT_WR), 0);
    expect_act(&acts[2], 0, POLLRDHUP);
    stage_await(&s.flow.released, 1);
    expect_no_act(&acts[0]);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

/* Nothing was left in flight: gone with the close. */
STAGE_TEST(io_forgotten__c158_close_after_all_has_come)
{
    for (int kind = 0; kind < WAITS_COMING; kind++) {
        struct io_scene s;
        struct waiting w;
        waiting_open(&w, kind, 0);
        io_begin(&s, 2, w.fd, note);
        submit(s.io, w.op);
        waiting_comes(&w);
        waiting_came(&w);
        wait_io(s.io, false);
        close_io(s.io);
        s.io = NULL;
        io_end(&s); /* which waits for the context */
        waiting_close(&w);
    }
}

IO_MAIN(REAL(io_forgotten__c156_late_completion_is_silent),
        REAL(io_forgotten__c154_wait_with_cancel_drops_all_sorts),
        REAL(io_forgotten__r30_c157_old_completion_does_not_answer_a_newer_operation),
        REAL(io_forgotten__r30_old_and_new_read_with_one_key),
        REAL(io_forgotten__r30_operations_and_announcements_do_not_answer_each_other),
        REAL(io_forgotten__r30_many_rounds_with_the_same_keys),
        REAL(io_forgotten__accept_that_nobody_is_told_of_is_closed),
        REAL(io_forgotten__accept_that_is_dropped_from_the_queue_is_closed),
        REAL(io_forgotten__c159_closed_with_an_operation_in_flight),
        REAL(io_forgotten__c160_r33_context_is_released_after_the_late_completion),
        REAL(io_forgotten__r33_context_is_released_after_the_last_of_several),
        REAL(io_forgotten__c158_close_after_all_has_come))
