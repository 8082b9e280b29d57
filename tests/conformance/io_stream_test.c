/* io_stream_test.c - operations on pipes, counters, terminals and timers of the kernel: waiting for
 * what comes, full ones, ends, errors without a signal; whether the descriptor blocks or not. */
#define _GNU_SOURCE
#include <sys/timerfd.h>

#include "tests/conformance/driven_scene.h"
#include "tests/conformance/io_kernel.h"
#include "tests/conformance/pool_scene.h"

static const int modes[] = {0, O_NONBLOCK}; /* to the caller it is the same */

/* The pool's only thread is not stuck in an operation that waits. */
static void count_simple(tp_callback_instance_t *instance, void *context)
{
    (void)instance;
    stage_add(context, 1);
}

static void expect_free_thread(struct io_scene *s)
{
    stage_counter_t ran = {0};
    stage_expect_eq(tp_env_set_context_release(s->env, NULL), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &ran, s->env), TP_OK);
    stage_await(&ran, 1);
}

/* ---- pipes ----------------------------------------------------------------------------------- */

static void wait_and_tell(void *context)
{
    struct flow *flow = context;
    wait_io(flow->io, false);
    stage_add(&flow->told, 1);
}

/* C-147: a wait returns after the callback of what is in flight. */
STAGE_TEST(io_stream__c147_c148_read_of_a_pipe_waits_for_what_comes)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_scene s;
        struct act act = {.runs = {{0}}};
        char bytes[8] = "";
        int ends[2];
        open_pipe(ends, modes[i]);
        io_begin(&s, 1, ends[0], note);
        submit(s.io, op_bytes(TP_IO_READ, &act, bytes, 8));
        stage_expect_eq(stage_stats(s.pool).io_in_flight, 1);
        stage_thread_t thread = stage_start(wait_and_tell, &s.flow);
        stage_expect_eq(tp_io_wait(s.io, false, STAGE_MS), TP_ERR_TIMEOUT);
        expect_free_thread(&s);
        expect_no_act(&act);
        stage_expect_eq(stage_value(&s.flow.told), 0);
        put(ends[1], "hello");
        stage_join(thread);
        expect_act(&act, 0, 5);
        stage_expect(memcmp(bytes, "hello", 6) == 0);
        stage_expect_eq(tp_io_wait(s.io, false, 0), TP_OK);
        expect_balance(s.pool);
        io_end(&s);
        shut(ends[0]);
        shut(ends[1]);
    }
}

/* C-150: what is there already is read at once, and comes as a callback. */
STAGE_TEST(io_stream__c150_read_of_what_is_there)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_gated s;
        struct act acts[3] = {{.runs = {{0}}}};
        char bytes[4] = "", more[4] = "";
        struct iovec vectors[2] = {{more, 1}, {more + 1, 3}};
        int ends[2];
        open_pipe(ends, modes[i]);
        put(ends[1], "abcdef");
        io_begin_gated(&s, ends[0], note);
        submit(s.io, op_bytes(TP_IO_READ, &acts[0], bytes, 2));
        stage_expect_eq(stage_value(&s.flow.runs), 0);
        stage_gate_open(&s.gate);
        expect_act(&acts[0], 0, 2);
        submit(s.io, op_bytes(TP_IO_READV, &acts[1], vectors, 2));
        expect_act(&acts[1], 0, 4);
        stage_expect(memcmp(bytes, "ab", 3) == 0 && memcmp(more, "cdef", 4) == 0);
        shut(ends[1]);
        submit(s.io, op_bytes(TP_IO_READ, &acts[2], bytes, 2));
        expect_act(&acts[2], 0, 0); /* the end */
        io_end_gated(&s);
        shut(ends[0]);
    }
}

STAGE_TEST(io_stream__end_of_file_ends_a_read_in_flight)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_scene s;
        struct act acts[2] = {{.runs = {{0}}}};
        char bytes[8];
        struct iovec vector = {bytes + 4, 4};
        int ends[2];
        open_pipe(ends, modes[i]);
        io_begin(&s, 2, ends[0], note);
        submit(s.io, op_bytes(TP_IO_READ, &acts[0], bytes, 4));
        submit(s.io, op_bytes(TP_IO_READV, &acts[1], &vector, 1));
        settle();
        shut(ends[1]);
        expect_act(&acts[0], 0, 0);
        expect_act(&acts[1], 0, 0);
        io_end(&s);
        shut(ends[0]);
    }
}

/* A full pipe: what is written waits until there is room, and every byte arrives. */
STAGE_TEST(io_stream__write_to_a_full_pipe_waits_for_room)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_scene s;
        struct act acts[2] = {{.runs = {{0}}}};
        struct iovec vectors[2] = {{(char[]){"c"}, 1}, {(char[]){"de"}, 2}};
        int ends[2];
        open_pipe(ends, modes[i]);
        uint64_t full = cram(ends[1]);
        io_begin(&s, 1, ends[1], note);
        submit(s.io, op_bytes(TP_IO_WRITE, &acts[0], (char[]){"ab"}, 2));
        expect_free_thread(&s);
        stage_expect_eq(tp_io_wait(s.io, false, STAGE_MS), TP_ERR_TIMEOUT);
        expect_no_act(&acts[0]);
        drink(ends[0], full);
        expect_act(&acts[0], 0, 2);
        stage_expect(got(ends[0], "ab"));
        full = cram(ends[1]);
        submit(s.io, op_bytes(TP_IO_WRITEV, &acts[1], vectors, 2));
        expect_free_thread(&s);
        expect_no_act(&acts[1]);
        drink(ends[0], full);
        expect_act(&acts[1], 0, 3);
        stage_expect(got(ends[0], "cde"));
        io_end(&s);
        shut(ends[0]);
        shut(ends[1]);
    }
}

/* What this one transferred, if it is over; it may be used again then. */
static uint64_t transferred(struct act *act)
{
    if (stage_value(&act->runs) == 0)
        return 0;
    uint64_t bytes = tpp_load_acquire(&act->bytes);
    stage_expect(tpp_load_acquire(&act->error) == 0 && bytes > 0);
    *act = (struct act){.runs = {{0}}};
    return bytes;
}

/* More than the pipe holds goes through in pieces. */
STAGE_TEST(io_stream__long_write_is_read_piece_by_piece)
{
    enum { SIZE = 300000 };
    static uint8_t bytes[SIZE], back[SIZE];
    fill_bytes(bytes, SIZE, 0);
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_scene s;
        struct flow flow = {.io = NULL};
        struct act out = {.runs = {{0}}}, in = {.runs = {{0}}};
        uint64_t written = 0, got_back = 0, piece;
        int ends[2];
        memset(back, 0, SIZE);
        open_pipe(ends, modes[i]);
        io_begin(&s, 2, ends[1], note);
        tp_io_t *reader = make_io(ends[0], note, &flow, s.env);
        submit(s.io, op_bytes(TP_IO_WRITE, &out, bytes, SIZE));
        submit(reader, op_bytes(TP_IO_READ, &in, back, SIZE));
        while (written < SIZE || got_back < SIZE) {
            written += piece = transferred(&out);
            if (piece > 0 && written < SIZE)
                submit(s.io, op_bytes(TP_IO_WRITE, &out, bytes + written, SIZE - written));
            got_back += piece = transferred(&in);
            if (piece > 0 && got_back < SIZE)
                submit(reader, op_bytes(TP_IO_READ, &in, back + got_back, SIZE - got_back));
            stage_pass(10000);
        }
        stage_expect(memcmp(bytes, back, SIZE) == 0);
        wait_io(reader, false);
        close_io(reader);
        stage_await(&flow.released, 1);
        io_end(&s);
        shut(ends[0]);
        shut(ends[1]);
    }
}

/* No signal: this process has not said what to do with one, and lives. */
STAGE_TEST(io_stream__write_without_a_reader_is_epipe_and_no_signal)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_scene s;
        struct act acts[3] = {{.runs = {{0}}}};
        struct iovec vector = {(char[]){"x"}, 1};
        int ends[2];
        open_pipe(ends, modes[i]);
        cram(ends[1]);
        io_begin(&s, 2, ends[1], note);
        submit(s.io, op_bytes(TP_IO_WRITE, &acts[0], (char[]){"x"}, 1));
        settle();
        expect_no_act(&acts[0]);
        shut(ends[0]);
        expect_act(&acts[0], EPIPE, 0);
        submit(s.io, op_bytes(TP_IO_WRITE, &acts[1], (char[]){"x"}, 1));
        expect_act(&acts[1], EPIPE, 0);
        submit(s.io, op_bytes(TP_IO_WRITEV, &acts[2], &vector, 1));
        expect_act(&acts[2], EPIPE, 0);
        io_end(&s);
        shut(ends[1]);
    }
}

/* Several wait, and each datum is one's: none of the others is stuck, or keeps a thread. */
STAGE_TEST(io_stream__c149_several_reads_of_one_pipe_in_flight)
{
    enum { MANY = 8 };
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_scene s;
        struct act acts[MANY] = {{.runs = {{0}}}};
        char bytes[MANY] = "";
        uint32_t sum = 0;
        int ends[2];
        open_pipe(ends, modes[i]);
        io_begin(&s, 1, ends[0], note);
        stage_expect_eq(tp_env_set_context_release(s.env, NULL), TP_OK);
        for (int k = 0; k < MANY; k++)
            submit(s.io, op_bytes(TP_IO_READ, &acts[k], &bytes[k], 1));
        for (uint32_t k = 1; k <= MANY; k++) {
            char letter[2] = {(char)k, 0};
            put(ends[1], letter);
            stage_await(&s.flow.runs, k);
            expect_free_thread(&s);
            stage_expect_eq(stage_value(&s.flow.runs), k);
            stage_expect_eq(stage_stats(s.pool).io_in_flight, MANY - k);
        }
        wait_io(s.io, false);
        for (int k = 0; k < MANY; k++) {
            expect_act(&acts[k], 0, 1);
            sum += (unsigned char)bytes[k];
        }
        stage_expect_eq(sum, MANY * (MANY + 1) / 2);
        io_end(&s);
        shut(ends[0]);
        shut(ends[1]);
    }
}

/* ---- counters -------------------------------------------------------------------------------- */

STAGE_TEST(io_stream__counter)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_scene s;
        struct act acts[2] = {{.runs = {{0}}}};
        uint64_t out = 3, in = 0;
        int fd = open_counter(0, modes[i]);
        io_begin(&s, 1, fd, note);
        submit(s.io, op_bytes(TP_IO_READ, &acts[0], &in, 8));
        stage_expect_eq(tp_io_wait(s.io, false, STAGE_MS), TP_ERR_TIMEOUT);
        submit(s.io, op_bytes(TP_IO_WRITE, &acts[1], &out, 8)); /* both ways at once */
        expect_act_again(&acts[1], 0, 8);
        expect_act_again(&acts[0], 0, 8);
        stage_expect_eq(in, 3);
        submit(s.io, op_bytes(TP_IO_READ, &acts[0], &in, 4)); /* too little room */
        expect_act_again(&acts[0], EINVAL, 0);
        out = UINT64_MAX - 1;
        submit(s.io, op_bytes(TP_IO_WRITE, &acts[0], &out, 8));
        expect_act_again(&acts[0], 0, 8);
        out = 1;
        submit(s.io, op_bytes(TP_IO_WRITE, &acts[1], &out, 8)); /* it is full */
        expect_free_thread(&s);
        stage_expect_eq(tp_io_wait(s.io, false, STAGE_MS), TP_ERR_TIMEOUT);
        expect_no_act(&acts[1]);
        submit(s.io, op_bytes(TP_IO_READ, &acts[0], &in, 8));
        expect_act(&acts[0], 0, 8);
        stage_expect_eq(in, UINT64_MAX - 1);
        expect_act(&acts[1], 0, 8);
        io_end(&s);
        shut(fd);
    }
}

/* Two read a blocking counter that was raised once: one waits on, and no thread with it. */
STAGE_TEST(io_stream__c149_two_reads_of_a_counter_and_one_signal)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct io_scene s;
        struct act acts[2] = {{.runs = {{0}}}};
        uint64_t in[2] = {0, 0};
        int fd = open_counter(0, modes[i]);
        io_begin(&s, 1, fd, note);
        for (int k = 0; k < 2; k++)
            submit(s.io, op_bytes(TP_IO_READ, &acts[k], &in[k], 8));
        for (uint32_t k = 1; k <= 2; k++) {
            stage_expect_eq(eventfd_write(fd, 5), 0);
            stage_await(&s.flow.runs, k);
            settle();
            expect_free_thread(&s);
            stage_expect_eq(stage_value(&s.flow.runs), k);
        }
        stage_expect(in[0] == 5 && in[1] == 5);
        io_end(&s);
        shut(fd);
    }
}

STAGE_TEST(io_stream__timer_descriptor)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    struct itimerspec spec = {.it_value = {.tv_nsec = 5 * STAGE_MS}};
    uint64_t expiries = 0;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    stage_expect(fd >= 0);
    io_begin(&s, 1, fd, note);
    int64_t due = stage_now() + 5 * STAGE_MS;
    stage_expect_eq(timerfd_settime(fd, 0, &spec, NULL), 0);
    submit(s.io, op_bytes(TP_IO_READ, &act, &expiries, 8));
    expect_act(&act, 0, 8);
    stage_expect(stage_now() >= due);
    stage_expect_eq(expiries, 1);
    io_end(&s);
    shut(fd);
}

/* ---- a terminal ------------------------------------------------------------------------------ */

/* Two lines for two reads of a blocking terminal, the second of which comes later. */
STAGE_TEST(io_stream__terminal)
{
    struct io_scene s;
    struct act acts[2] = {{.runs = {{0}}}};
    char lines[2][16] = {"", ""}, name[64];
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 ||
        ptsname_r(master, name, sizeof name) != 0) {
        stage_skip("there are no terminals here");
        return;
    }
    int terminal = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    stage_expect(terminal >= 0);
    io_begin(&s, 1, terminal, note);
    for (int i = 0; i < 2; i++)
        submit(s.io, op_bytes(TP_IO_READ, &acts[i], lines[i], sizeof lines[i]));
    for (uint32_t i = 1; i <= 2; i++) {
        settle();
        stage_expect_eq(stage_value(&s.flow.runs), i - 1);
        put(master, "line\n");
        stage_await(&s.flow.runs, i);
        expect_free_thread(&s);
    }
    for (int i = 0; i < 2; i++) {
        expect_act(&acts[i], 0, 5);
        stage_expect(memcmp(lines[i], "line\n", 5) == 0);
    }
    io_end(&s);
    shut(terminal);
    shut(master);
}

/* ---- polling --------------------------------------------------------------------------------- */

/* Completes once, with those of the states that were found, and what cannot be left out. */
STAGE_TEST(io_stream__poll_completes_once_with_what_is_found)
{
    struct io_scene s;
    struct act acts[3] = {{.runs = {{0}}}};
    int ends[2];
    open_pipe(ends, 0);
    io_begin(&s, 2, ends[0], note);
    submit(s.io, op_poll(&acts[0], POLLIN | POLLPRI));
    submit(s.io, op_poll(&acts[1], 0)); /* for a hang-up only */
    settle();
    expect_no_act(&acts[0]);
    put(ends[1], "a");
    expect_act_again(&acts[0], 0, POLLIN);
    settle();
    expect_no_act(&acts[0]);                 /* though it stays readable */
    submit(s.io, op_poll(&acts[0], POLLIN)); /* found at once */
    expect_act_again(&acts[0], 0, POLLIN);
    expect_no_act(&acts[1]);
    shut(ends[1]);
    expect_act(&acts[1], 0, POLLHUP);
    submit(s.io, op_poll(&acts[0], POLLIN));
    expect_act(&acts[0], 0, POLLIN | POLLHUP);
    submit(s.io, op_poll(&acts[2], 0));
    expect_act(&acts[2], 0, POLLHUP);
    io_end(&s);
    shut(ends[0]);
}

STAGE_TEST(io_stream__poll_of_an_end_that_is_written_to)
{
    struct io_scene s;
    struct act acts[2] = {{.runs = {{0}}}};
    int ends[2];
    open_pipe(ends, O_NONBLOCK);
    io_begin(&s, 2, ends[1], note);
    submit(s.io, op_poll(&acts[0], POLLIN | POLLOUT));
    expect_act_again(&acts[0], 0, POLLOUT);
    cram(ends[1]);
    submit(s.io, op_poll(&acts[0], POLLOUT));
    submit(s.io, op_poll(&acts[1], 0));
    settle();
    expect_no_act(&acts[0]);
    soak(ends[0]);
    expect_act_again(&acts[0], 0, POLLOUT);
    expect_no_act(&acts[1]);
    shut(ends[0]);
    expect_act(&acts[1], 0, POLLERR);
    submit(s.io, op_poll(&acts[0], POLLOUT));
    expect_act(&acts[0], 0, POLLOUT | POLLERR);
    io_end(&s);
    shut(ends[1]);
}

/* Several polls, and a read that takes what they have found. */
STAGE_TEST(io_stream__several_polls_of_one_descriptor)
{
    enum { MANY = 10 };
    struct io_scene s;
    struct act acts[MANY] = {{.runs = {{0}}}}, act = {.runs = {{0}}};
    char byte = 0;
    int ends[2];
    open_pipe(ends, 0);
    io_begin(&s, 1, ends[0], note);
    for (int i = 0; i < MANY; i++)
        submit(s.io, op_poll(&acts[i], i % 2 ? POLLIN : POLLHUP));
    put(ends[1], "a");
    for (int i = 1; i < MANY; i += 2)
        expect_act(&acts[i], 0, POLLIN);
    submit(s.io, op_bytes(TP_IO_READ, &act, &byte, 1));
    expect_act(&act, 0, 1);
    stage_expect_eq(stage_stats(s.pool).io_in_flight, MANY / 2);
    shut(ends[1]);
    for (int i = 0; i < MANY; i += 2)
        expect_act(&acts[i], 0, POLLHUP);
    io_end(&s);
    shut(ends[0]);
}

/* ---- who harvests ---------------------------------------------------------------------------- */

/* Every thread of the pool is in a callback that waits for what the read is to bring. */
STAGE_TEST(io_stream__comes_though_every_thread_is_blocked)
{
    struct io_scene s;
    struct flow flow = {.io = NULL};
    struct act held = {.runs = {{0}}}, act = {.runs = {{0}}};
    char byte = 0;
    int ends[2], fd = open_counter(1, 0);
    uint64_t count;
    open_pipe(ends, 0);
    io_begin(&s, 0, fd, note_held);
    submit(s.io, op_bytes(TP_IO_READ, &held, &count, 8));
    stage_await(&s.flow.started, 1);
    tp_io_t *other = make_io(ends[0], note, &flow, s.env);
    submit(other, op_bytes(TP_IO_READ, &act, &byte, 1));
    put(ends[1], "x");
    expect_act(&act, 0, 1);
    expect_no_act(&held);
    stage_add(&s.flow.open, 1);
    wait_io(other, false);
    close_io(other);
    stage_await(&flow.released, 1);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
    shut(fd);
}

/* The only thread never rests: it looks now and then. */
STAGE_TEST(io_stream__comes_between_callbacks_of_a_busy_thread)
{
    struct io_scene s;
    struct chain chain;
    struct act act = {.runs = {{0}}};
    char byte = 0;
    int ends[2];
    open_pipe(ends, 0);
    io_begin(&s, 1, ends[0], note);
    chain_begin(&chain, s.env, &act.runs);
    submit(s.io, op_bytes(TP_IO_READ, &act, &byte, 1));
    chain_start(&chain);
    put(ends[1], "x");
    expect_act(&act, 0, 1);
    chain_end(&chain);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

/* Whoever has submitted it may end: that thread is gone when it comes. */
struct submitting {
    struct io_scene s;
    struct act acts[4];
    char bytes[4];
};

static void submit_and_end(void *context)
{
    struct submitting *t = context;
    for (int i = 0; i < 4; i++)
        submit(t->s.io, i % 2 ? op_poll(&t->acts[i], POLLIN)
                              : op_bytes(TP_IO_READ, &t->acts[i], &t->bytes[i], 1));
}

STAGE_TEST(io_stream__submitting_thread_has_ended)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct submitting t = {.bytes = ""};
        int ends[2];
        open_pipe(ends, modes[i]);
        io_begin(&t.s, 2, ends[0], note);
        stage_join(stage_start(submit_and_end, &t));
        settle();
        stage_expect_eq(stage_value(&t.s.flow.runs), 0);
        stage_expect_eq(stage_stats(t.s.pool).io_in_flight, 4);
        put(ends[1], "abc"); /* one stays */
        for (int k = 0; k < 4; k++)
            expect_act(&t.acts[k], 0, k % 2 ? POLLIN : 1);
        io_end(&t.s);
        shut(ends[0]);
        shut(ends[1]);
    }
}

/* The same of threads of the pool, one of which retires at least. */
struct retiring {
    struct submitting t;
    stage_counter_t inside;
    tpp_u32 next;
};

static void submit_together(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct retiring *r = context;
    uint32_t nth = tpp_add_acq_rel(&r->next, 1);
    (void)instance;
    (void)work;
    submit(r->t.s.io, op_bytes(TP_IO_READ, &r->t.acts[nth], &r->t.bytes[nth], 1));
    meet(&r->inside);
}

static bool one_has_retired(void *pool)
{
    return stage_stats(pool).threads_retired > 0;
}

STAGE_TEST(io_stream__submitting_thread_has_retired)
{
    struct retiring r = {.inside = {{0}}};
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool = NULL;
    int ends[2];
    config.idle_timeout = 2 * STAGE_MS;
    stage_expect_eq(tp_pool_create(&config, &pool), TP_OK);
    open_pipe(ends, 0);
    io_begin_on(&r.t.s, pool, ends[0], note);
    stage_expect_eq(tp_env_set_context_release(r.t.s.env, NULL), TP_OK);
    tp_work_t *work = stage_work(submit_together, &r, r.t.s.env);
    stage_expect_eq(tp_work_submit_many(work, 2), TP_OK);
    stage_finish(work);
    stage_expect(stage_eventually(one_has_retired, pool));
    put(ends[1], "ab");
    for (int i = 0; i < 2; i++)
        expect_act(&r.t.acts[i], 0, 1);
    io_end(&r.t.s);
    shut(ends[0]);
    shut(ends[1]);
}

/* C-206: the only thread waits, in a callback of another object, for what is in flight. */
struct waiter {
    struct io_scene s;
    struct act act;
    char byte;
};

static void wait_in_callback(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct waiter *w = context;
    (void)instance;
    (void)work;
    submit(w->s.io, op_bytes(TP_IO_READ, &w->act, &w->byte, 1));
    stage_add(&w->s.flow.told, 1);
    wait_io(w->s.io, false);
    stage_expect_eq(stage_value(&w->act.runs), 1);
}

STAGE_TEST(io_stream__c206_only_thread_waits_for_what_is_in_flight)
{
    for (int i = 0; i < 3; i++) {
        struct waiter w = {.byte = 0};
        int ends[2];
        open_pipe(ends, 0);
        io_begin(&w.s, 1, ends[0], note);
        stage_expect_eq(tp_env_set_context_release(w.s.env, NULL), TP_OK);
        tp_work_t *work = stage_work(wait_in_callback, &w, w.s.env);
        if (i == 0)
            put(ends[1], "x");
        stage_expect_eq(tp_work_submit(work), TP_OK);
        stage_await(&w.s.flow.told, 1);
        if (i == 2)
            settle();
        if (i > 0)
            put(ends[1], "x");
        stage_finish(work);
        expect_act(&w.act, 0, 1);
        io_end(&w.s);
        shut(ends[0]);
        shut(ends[1]);
    }
}

STAGE_TEST(io_stream__driven_pool)
{
    struct io_scene s;
    struct act act = {.runs = {{0}}};
    char byte = 0;
    int ends[2], poll_fd = -1;
    open_pipe(ends, 0);
    io_begin_on(&s, driven(1), ends[0], note);
    stage_expect_eq(tp_pool_poll_fd(s.pool, &poll_fd), TP_OK);
    for (int i = 0; i < 5; i++) {
        submit(s.io, op_bytes(TP_IO_READ, &act, &byte, 1));
        (void)turn(s.pool, 0);
        expect_no_act(&act);
        put(ends[1], "x");
        for (int k = 0; stage_value(&act.runs) == 0 && k < 100; k++) {
            stage_expect(wait_readable(poll_fd)); /* though nobody is inside */
            (void)turn(s.pool, 0);
        }
        expect_act_again(&act, 0, 1);
        stage_expect_eq(tpp_load_acquire(&s.flow.thread), stage_self());
    }
    put(ends[1], "x"); /* what is there at the submit */
    submit(s.io, op_bytes(TP_IO_READ, &act, &byte, 1));
    for (int k = 0; stage_value(&act.runs) == 0 && k < 100; k++) {
        stage_expect(wait_readable(poll_fd));
        (void)turn(s.pool, 0);
    }
    expect_act(&act, 0, 1);
    stage_expect_eq(stage_stats(s.pool).threads, 0);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

static void run_once(void *context)
{
    struct io_scene *s = context;
    turn_once(s->pool);
}

STAGE_TEST(io_stream__driven_pool_wakes_who_is_inside_already)
{
    for (int i = 0; i < 2; i++) {
        struct io_scene s;
        struct act act = {.runs = {{0}}};
        char byte = 0;
        int ends[2];
        open_pipe(ends, 0);
        io_begin_on(&s, driven(2), ends[0], note);
        if (i == 0)
            submit(s.io, op_bytes(TP_IO_READ, &act, &byte, 1));
        stage_thread_t thread = stage_start(run_once, &s);
        settle();
        if (i == 1)
            submit(s.io, op_bytes(TP_IO_READ, &act, &byte, 1));
        settle();
        put(ends[1], "x");
        stage_join(thread);
        expect_act(&act, 0, 1);
        io_end(&s);
        shut(ends[0]);
        shut(ends[1]);
    }
}

IO_MAIN(REAL(io_stream__c147_c148_read_of_a_pipe_waits_for_what_comes),
        REAL(io_stream__c150_read_of_what_is_there),
        REAL(io_stream__end_of_file_ends_a_read_in_flight),
        REAL(io_stream__write_to_a_full_pipe_waits_for_room),
        REAL(io_stream__long_write_is_read_piece_by_piece),
        REAL(io_stream__write_without_a_reader_is_epipe_and_no_signal),
        REAL(io_stream__c149_several_reads_of_one_pipe_in_flight), REAL(io_stream__counter),
        REAL(io_stream__c149_two_reads_of_a_counter_and_one_signal),
        REAL(io_stream__timer_descriptor), REAL(io_stream__terminal),
        REAL(io_stream__poll_completes_once_with_what_is_found),
        REAL(io_stream__poll_of_an_end_that_is_written_to),
        REAL(io_stream__several_polls_of_one_descriptor),
        REAL(io_stream__comes_though_every_thread_is_blocked),
        REAL(io_stream__comes_between_callbacks_of_a_busy_thread),
        REAL(io_stream__submitting_thread_has_ended),
        REAL(io_stream__submitting_thread_has_retired),
        REAL(io_stream__c206_only_thread_waits_for_what_is_in_flight), REAL(io_stream__driven_pool),
        REAL(io_stream__driven_pool_wakes_who_is_inside_already))
