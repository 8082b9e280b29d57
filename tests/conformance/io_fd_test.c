/* io_fd_test.c - descriptors of I/O objects: closed before or after, reused, duplicated, bound. */
#define _GNU_SOURCE
#include "tests/conformance/io_waiting.h"

/* ---- closed ---------------------------------------------------------------------------------- */

/* The descriptor goes first, with an operation in flight: it comes all the same. */
STAGE_TEST(io_fd__closed_before_the_object_with_an_operation_in_flight)
{
    for (int kind = 0; kind < WAITS_COMING; kind++) {
        struct io_scene s;
        struct waiting w;
        if (kind == WAITS_COUNTER)
            continue; /* then nobody could raise it */
        waiting_open(&w, kind, kind % 2);
        io_begin(&s, 2, w.fd, note);
        submit(s.io, w.op);
        shut(w.fd);
        w.fd = -1;
        settle();
        expect_no_act(&w.act);
        waiting_comes(&w);
        waiting_came(&w);
        io_end(&s);
        waiting_close(&w);
    }
}

/* The object goes first, with an operation in flight, and then the descriptor. */
STAGE_TEST(io_fd__closed_after_the_object_with_an_operation_in_flight)
{
    for (int kind = 0; kind < WAITS_COMING; kind++) {
        struct io_scene s;
        struct waiting w;
        if (kind == WAITS_COUNTER)
            continue;
        waiting_open(&w, kind, kind % 2);
        io_begin(&s, 2, w.fd, note);
        submit(s.io, w.op);
        close_io(s.io);
        s.io = NULL;
        shut(w.fd);
        w.fd = -1;
        settle();
        waiting_comes(&w);
        waiting_came(&w);
        io_end(&s);
        waiting_close(&w);
    }
}

/* It may be used as long as the object lives, though nobody else has it open. */
STAGE_TEST(io_fd__object_works_on_after_its_descriptor_was_closed)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    char byte = 0;
    int ends[2], file = open_filled(100);
    open_pair(ends, SOCK_STREAM);
    io_begin(&s, 2, ends[0], note);
    shut(ends[0]);
    for (int i = 0; i < 3; i++) {
        submit(s.io, op_bytes(TP_IO_RECV, &act, &byte, 1));
        put(ends[1], "x");
        expect_act_again(&act, 0, 1);
        submit(s.io, op_bytes(TP_IO_SEND, &act, &byte, 1));
        expect_act_again(&act, 0, 1);
        stage_expect(got(ends[1], "x"));
    }
    stage_expect(!hung_up(ends[1], 0));
    io_end(&s);
    stage_expect(hung_up(ends[1], 20000)); /* nothing of it is left */
    shut(ends[1]);
    io_begin(&s, 2, file, note);
    shut(file);
    submit(s.io, op_at(TP_IO_READ, &act, &byte, 1, 7));
    expect_act(&act, 0, 1);
    stage_expect(bytes_are((uint8_t *)&byte, 1, 7));
    io_end(&s);
}

/* Once the context has been released nothing of the library holds the file. */
STAGE_TEST(io_fd__r34_nothing_holds_the_file_when_the_object_is_gone)
{
    for (int i = 0; i < 6; i++) {
        struct io_scene s;
        struct act act = {.runs = {{0}}};
        char byte;
        int ends[2];
        open_pipe(ends, i % 2 ? O_NONBLOCK : 0);
        io_begin(&s, 2, ends[0], note);
        if (i >= 2) {
            submit(s.io, op_bytes(TP_IO_READ, &act, &byte, 1));
            if (i >= 4)
                abort_io(s.io, &act);
            else
                put(ends[1], "x");
            wait_io(s.io, false);
        }
        close_io(s.io);
        stage_await(&s.flow.released, 1);
        shut(ends[0]);
        stage_expect(hung_up(ends[1], 20000));
        shut(ends[1]);
        s.io = NULL;
        io_end(&s);
    }
}

/* ---- reused ---------------------------------------------------------------------------------- */

/* The number now names a stranger's file: nothing is taken from that one. */
STAGE_TEST(io_fd__number_reused_by_a_stranger)
{
    for (int i = 0; i < 4; i++) {
        struct io_scene s;
        struct act acts[2] = {{.runs = {{0}}}};
        char bytes[2] = "";
        int ends[2], strangers[2];
        open_pipe(ends, i % 2 ? O_NONBLOCK : 0);
        open_pipe(strangers, 0);
        io_begin(&s, 2, ends[0], note);
        submit(s.io, op_bytes(TP_IO_READ, &acts[0], bytes, 1));
        stage_expect_eq(dup3(strangers[0], ends[0], O_CLOEXEC), ends[0]);
        put(strangers[1], "s");
        settle();
        expect_no_act(&acts[0]);
        submit(s.io, op_bytes(TP_IO_READ, &acts[1], bytes + 1, 1));
        settle();
        expect_no_act(&acts[1]);
        if (i / 2) { /* the object first */
            close_io(s.io);
            s.io = NULL;
            settle();
        }
        put(ends[1], "ab");
        expect_act(&acts[0], 0, 1);
        expect_act(&acts[1], 0, 1);
        stage_expect_eq(bytes[0] + bytes[1], 'a' + 'b');
        io_end(&s);
        stage_expect(got(strangers[0], "s"));
        stage_expect(hung_up(ends[1], 20000));
        shut(ends[0]);
        shut(ends[1]);
        shut(strangers[0]);
        shut(strangers[1]);
    }
}

/* ---- bound ----------------------------------------------------------------------------------- */

/* C-163: one object for one number that names one open file. */
STAGE_TEST(io_fd__c163_what_counts_as_bound_already)
{
    struct io_scene s;
    struct flow flow = {.io = NULL};
    struct act acts[2] = {{.runs = {{0}}}};
    char bytes[2];
    int ends[2], others[2], copy;
    open_pair(ends, SOCK_STREAM);
    open_pair(others, SOCK_STREAM);
    io_begin(&s, 2, ends[0], note);
    stage_expect_eq(refused_io(ends[0], s.env), TP_ERR_EXISTS);
    stage_expect_eq(dup3(ends[0], others[0], O_CLOEXEC), others[0]);
    stage_expect_eq(dup3(others[0], ends[0], O_CLOEXEC), ends[0]); /* the same file again */
    stage_expect_eq(refused_io(ends[0], NULL), TP_ERR_EXISTS);
    copy = fcntl(ends[0], F_DUPFD_CLOEXEC, 0); /* another number is another descriptor */
    tp_io_t *second = make_io(copy, note, &flow, s.env);
    stage_expect_eq(refused_io(copy, s.env), TP_ERR_EXISTS);
    submit(s.io, op_bytes(TP_IO_RECV, &acts[0], bytes, 1)); /* both work, on one file */
    submit(second, op_bytes(TP_IO_RECV, &acts[1], bytes + 1, 1));
    put(ends[1], "xy");
    expect_act(&acts[0], 0, 1);
    expect_act(&acts[1], 0, 1);
    wait_io(second, false);
    close_io(second);
    stage_await(&flow.released, 1);
    io_end(&s);
    shut(copy);
    for (int i = 0; i < 2; i++) {
        shut(ends[i]);
        shut(others[i]);
    }
}

/* The number names another file now: that may be bound while the old object goes on. */
STAGE_TEST(io_fd__c163_number_of_another_file_is_not_bound)
{
    struct io_scene s;
    struct flow flow = {.io = NULL};
    struct act acts[2] = {{.runs = {{0}}}};
    char bytes[2] = "";
    int ends[2], others[2];
    open_pipe(ends, 0);
    open_pipe(others, 0);
    io_begin(&s, 2, ends[0], note);
    submit(s.io, op_bytes(TP_IO_READ, &acts[0], bytes, 1));
    stage_expect_eq(dup3(others[0], ends[0], O_CLOEXEC), ends[0]);
    tp_io_t *second = make_io(ends[0], note, &flow, s.env);
    stage_expect_eq(refused_io(ends[0], s.env), TP_ERR_EXISTS);
    submit(second, op_bytes(TP_IO_READ, &acts[1], bytes + 1, 1));
    put(others[1], "o");
    expect_act(&acts[1], 0, 1);
    expect_no_act(&acts[0]);
    put(ends[1], "e");
    expect_act(&acts[0], 0, 1);
    stage_expect(bytes[0] == 'e' && bytes[1] == 'o');
    wait_io(second, false);
    close_io(second);
    stage_await(&flow.released, 1);
    io_end(&s);
    for (int i = 0; i < 2; i++) {
        shut(ends[i]);
        shut(others[i]);
    }
}

/* Closed but not gone, for something is in flight: it may be bound again. */
STAGE_TEST(io_fd__c163_bound_again_while_operations_of_the_closed_object_are_in_flight)
{
    struct io_scene s;
    struct flow flow = {.io = NULL};
    struct act acts[2] = {{.runs = {{0}}}};
    char bytes[2] = "";
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    io_begin(&s, 2, ends[0], note);
    submit(s.io, op_bytes(TP_IO_RECV, &acts[0], bytes, 1));
    close_io(s.io);
    s.io = NULL;
    tp_io_t *second = make_io(ends[0], note, &flow, s.env);
    submit(second, op_bytes(TP_IO_RECV, &acts[1], bytes + 1, 1));
    settle();
    put(ends[1], "xy");
    expect_act(&acts[0], 0, 1);
    expect_act(&acts[1], 0, 1);
    stage_await(&s.flow.released, 1);
    wait_io(second, false);
    close_io(second);
    stage_await(&flow.released, 1);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

/* the same file in objects and in waits of one pool, under one number. */
static void count_signal(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                         tp_wait_result_t result)
{
    struct calls *calls = context;
    (void)instance;
    (void)wait;
    stage_expect_eq(result, TP_WAIT_SIGNALED);
    stage_add(&calls->runs, 1);
}

STAGE_TEST(io_fd__r35_object_and_wait_on_one_descriptor)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    struct calls calls = {.runs = {{0}}};
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    tp_wait_t *wait = NULL;
    char byte;
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    io_begin(&s, 2, ends[0], note);
    stage_expect_eq(tp_wait_create(count_signal, &calls, s.env, &wait), TP_OK);
    spec.source = tp_waitable_fd(ends[0], POLLRDHUP);
    for (uint32_t i = 1; i <= 2; i++) {
        submit(s.io, op_bytes(TP_IO_RECV, &act, &byte, 1));
        if (i == 1)
            stage_expect_eq(tp_wait_set(wait, &spec, NULL), TP_OK);
        put(ends[1], "x");
        expect_act_again(&act, 0, 1);
        stage_expect_eq(stage_value(&calls.runs), 0);
    }
    stage_expect_eq(shutdown(ends[1], SHUT_WR), 0);
    stage_await(&calls.runs, 1);
    submit(s.io, op_bytes(TP_IO_RECV, &act, &byte, 1));
    expect_act(&act, 0, 0);
    stage_expect_eq(tp_wait_wait(wait, false, TP_INFINITE) | tp_wait_close(wait), TP_OK);
    stage_await(&calls.released, 1);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

/* Objects of two pools on two numbers of one file. */
STAGE_TEST(io_fd__r35_one_file_in_two_pools)
{
    struct io_scene s, t;
    struct act acts[2] = {{.runs = {{0}}}};
    char bytes[2];
    int ends[2], copy;
    open_pipe(ends, 0);
    copy = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
    io_begin(&s, 1, ends[0], note);
    io_begin(&t, 1, copy, note);
    submit(s.io, op_bytes(TP_IO_READ, &acts[0], bytes, 1));
    submit(t.io, op_bytes(TP_IO_READ, &acts[1], bytes + 1, 1));
    put(ends[1], "a");
    while (stage_value(&s.flow.runs) + stage_value(&t.flow.runs) == 0)
        stage_pass(STAGE_MS / 10);
    settle();
    stage_expect_eq(stage_value(&s.flow.runs) + stage_value(&t.flow.runs), 1);
    put(ends[1], "b");
    expect_act(&acts[0], 0, 1);
    expect_act(&acts[1], 0, 1);
    io_end(&s);
    io_end(&t);
    shut(copy);
    shut(ends[0]);
    shut(ends[1]);
}

/* the callback is over, and the object closed, before the submit has returned. */
static void close_inside(tp_callback_instance_t *instance, void *context, void *operation,
                         int32_t error, uint64_t bytes, tp_io_t *io)
{
    close_io(io);
    note(instance, context, operation, error, bytes, io);
}

STAGE_TEST(io_fd__r31_callback_closes_its_object_while_the_submit_returns)
{
    tp_pool_t *pool = scene_pool(2);
    tp_env_t *env = scene_env(pool);
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    for (int i = 0; i < stage_rounds(400, 1); i++) {
        struct flow flow = {.io = NULL};
        struct act act = {.runs = {{0}}};
        char byte = 'x';
        tp_io_t *io = make_io(ends[0], close_inside, &flow, env);
        if (i % 2)
            put(ends[1], "x");
        submit(io, op_bytes(i % 2 ? TP_IO_RECV : TP_IO_SEND, &act, &byte, 1));
        stage_await(&flow.released, 1);
        expect_act(&act, 0, 1);
        if (i % 2 == 0)
            drink(ends[1], 1);
    }
    expect_balance(pool);
    stage_expect_eq(tp_env_destroy(env) | tp_pool_close(pool), TP_OK);
    shut(ends[0]);
    shut(ends[1]);
}

/* Both ends of a pair are objects of one pool: what one callback writes is another's to read. */
enum { VOLLEYS = 2000 };

struct court {
    struct flow flow;
    struct waiting w[2];
    tp_io_t *ios[2];
    tpp_u32 hits;
    char balls[VOLLEYS]; /* each its own key */
};

static void volley(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                   uint64_t bytes, tp_io_t *io)
{
    struct court *court = context;
    int side = io == court->ios[1];
    (void)instance;
    stage_expect(error == 0 && bytes == 1);
    if (operation != &court->w[side])
        return; /* what it has sent */
    uint32_t nth = tpp_add_acq_rel(&court->hits, 1);
    if (nth + 2 < VOLLEYS) /* the last two wait for no other */
        submit(io, court->w[side].op);
    if (nth + 1 < VOLLEYS)
        submit(io, op_bytes(TP_IO_SEND, &court->balls[nth], &court->balls[nth], 1));
    stage_add(&court->flow.runs, 1);
}

STAGE_TEST(io_fd__both_ends_in_one_pool_play)
{
    static struct court court;
    int ends[2];
    court = (struct court){.hits = {0}};
    open_pair(ends, SOCK_STREAM | SOCK_NONBLOCK);
    tp_pool_t *pool = scene_pool(2);
    tp_env_t *env = stage_env(pool);
    for (int i = 0; i < 2; i++) {
        court.ios[i] = make_io(ends[i], volley, &court, env);
        court.w[i].op = op_bytes(TP_IO_RECV, &court.w[i], &court.w[i].data, 1);
    }
    for (int i = 0; i < 2; i++)
        submit(court.ios[i], court.w[i].op);
    put(ends[1], "o");
    stage_await(&court.flow.runs, VOLLEYS);
    for (int i = 0; i < 2; i++) {
        wait_io(court.ios[i], true);
        close_io(court.ios[i]);
    }
    shut(ends[0]);
    shut(ends[1]);
    await_in_flight(pool, 0);
    stage_expect_eq(stage_value(&court.flow.runs), VOLLEYS);
    stage_expect_eq(tp_env_destroy(env) | tp_pool_close(pool), TP_OK);
}

IO_MAIN(REAL(io_fd__closed_before_the_object_with_an_operation_in_flight),
        REAL(io_fd__closed_after_the_object_with_an_operation_in_flight),
        REAL(io_fd__object_works_on_after_its_descriptor_was_closed),
        REAL(io_fd__r34_nothing_holds_the_file_when_the_object_is_gone),
        REAL(io_fd__number_reused_by_a_stranger), REAL(io_fd__c163_what_counts_as_bound_already),
        REAL(io_fd__c163_number_of_another_file_is_not_bound),
        REAL(io_fd__c163_bound_again_while_operations_of_the_closed_object_are_in_flight),
        REAL(io_fd__r35_object_and_wait_on_one_descriptor), REAL(io_fd__r35_one_file_in_two_pools),
        REAL(io_fd__r31_callback_closes_its_object_while_the_submit_returns),
        REAL(io_fd__both_ends_in_one_pool_play))
