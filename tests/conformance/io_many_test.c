/* io_many_test.c - thousands of operations on few descriptors, and batches of them. */
#define _GNU_SOURCE
#include "tests/conformance/io_kernel.h"

/* ---- many ------------------------------------------------------------------------------------ */

enum { LANES = 8, MANY = 10000, FEW = MANY / 5 };

struct lane {
    struct flow flow;
    tp_io_t *io;
    int ends[2];
    tpp_u64 sum, bytes;
};

/* Keys are numbers: what comes is counted once for each. */
static tpp_u32 told[MANY];

static void note_number(tp_callback_instance_t *instance, void *context, void *operation,
                        int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct lane *lane = context;
    (void)instance;
    flow_begins(&lane->flow, io);
    stage_expect(error == 0);
    tpp_add_acq_rel(&told[(uintptr_t)operation], 1);
    tpp_add_acq_rel(&lane->bytes, bytes);
    calls_leave(&lane->flow.calls);
}

static void expect_each_once(uint32_t count)
{
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < count; i++)
        wrong += tpp_load_acquire(&told[i]) != 1;
    stage_expect_eq(wrong, 0);
}

static void lanes_begin(struct lane *lanes, tp_env_t *env)
{
    memset(told, 0, sizeof told);
    for (int i = 0; i < LANES; i++) {
        lanes[i] = (struct lane){.io = NULL};
        open_pair(lanes[i].ends, SOCK_STREAM | (i % 2 ? SOCK_NONBLOCK : 0));
        lanes[i].io = lanes[i].flow.io = make_io(lanes[i].ends[0], note_number, &lanes[i], env);
    }
}

static void lanes_end(struct lane *lanes)
{
    for (int i = 0; i < LANES; i++) {
        wait_io(lanes[i].io, false);
        close_io(lanes[i].io);
        stage_await(&lanes[i].flow.released, 1);
        shut(lanes[i].ends[0]);
        shut(lanes[i].ends[1]);
    }
}

/* All of them are in flight at the same time, 1250 on each descriptor; then what they wait for
 * comes. */
STAGE_TEST(io_many__c149_ten_thousand_operations_in_flight_on_few_descriptors)
{
    static struct lane lanes[LANES];
    static char bytes[MANY], out[MANY / LANES];
    uint32_t count = SANITIZED ? FEW : MANY;
    uint64_t total = 0;
    tp_pool_t *pool = scene_pool(2);
    tp_env_t *env = scene_env(pool);
    lanes_begin(lanes, env);
    for (uint32_t i = 0; i < count; i++)
        submit(lanes[i % LANES].io, op_bytes(TP_IO_RECV, (void *)(uintptr_t)i, &bytes[i], 1));
    stage_expect_eq(stage_stats(pool).io_in_flight, count);
    for (int i = 0; i < LANES; i++)
        stage_expect_eq(write(lanes[i].ends[1], out, count / LANES), (ssize_t)(count / LANES));
    for (int i = 0; i < LANES; i++) {
        wait_io(lanes[i].io, false);
        total += stage_value(&lanes[i].flow.runs);
        stage_expect_eq(tpp_load_acquire(&lanes[i].bytes), count / LANES);
    }
    stage_expect_eq(total, count);
    expect_each_once(count);
    expect_balance(pool);
    stage_expect_eq(stage_stats(pool).submitted, count);
    stage_expect_eq(stage_stats(pool).cancelled, 0);
    lanes_end(lanes);
    stage_expect_eq(tp_env_destroy(env) | tp_pool_close(pool), TP_OK);
}

/* Several threads write to the same objects, whose peers are read meanwhile. */
struct crowd {
    struct lane *lanes;
    uint32_t first, count;
};

static void send_many(void *context)
{
    static char byte = 'x';
    struct crowd *crowd = context;
    for (uint32_t i = crowd->first; i < crowd->first + crowd->count; i++)
        submit(crowd->lanes[i % LANES].io, op_bytes(TP_IO_SEND, (void *)(uintptr_t)i, &byte, 1));
}

STAGE_TEST(io_many__c149_several_threads_submit)
{
    static struct lane lanes[LANES];
    uint32_t each = (SANITIZED ? FEW : MANY) / 4;
    uint64_t received = 0;
    struct crowd crowds[4];
    stage_thread_t threads[4];
    tp_pool_t *pool = scene_pool(2);
    tp_env_t *env = scene_env(pool);
    lanes_begin(lanes, env);
    for (uint32_t i = 0; i < 4; i++) {
        crowds[i] = (struct crowd){lanes, i * each, each};
        threads[i] = stage_start(send_many, &crowds[i]);
    }
    while (received < 4 * each) /* some wait until there is room */
        for (int i = 0; i < LANES; i++)
            received += soak(lanes[i].ends[1]);
    for (int i = 0; i < 4; i++)
        stage_join(threads[i]);
    for (int i = 0; i < LANES; i++)
        wait_io(lanes[i].io, false);
    expect_each_once(4 * each);
    expect_balance(pool);
    stage_expect_eq(received, 4 * each);
    lanes_end(lanes);
    stage_expect_eq(tp_env_destroy(env) | tp_pool_close(pool), TP_OK);
}

/* Some come, some are aborted, some are forgotten: each has one callback, or none if forgotten. */
static void note_any(tp_callback_instance_t *instance, void *context, void *operation,
                     int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct lane *lane = context;
    (void)instance;
    flow_begins(&lane->flow, io);
    stage_expect(error == 0 ? bytes == 1 : error == ECANCELED && bytes == 0);
    tpp_add_acq_rel(&told[(uintptr_t)operation], 1);
    tpp_add_acq_rel(&lane->bytes, bytes);
    calls_leave(&lane->flow.calls);
}

STAGE_TEST(io_many__r30_c153_some_come_some_are_aborted_some_forgotten)
{
    enum { ROUNDS = 40, EACH = 100 };
    static struct lane lane;
    static char bytes[ROUNDS][EACH];
    struct io_scene s;
    uint64_t put_in = 0;
    memset(told, 0, sizeof told);
    lane = (struct lane){.io = NULL};
    open_pair(lane.ends, SOCK_STREAM);
    s = (struct io_scene){.pool = scene_pool(2)};
    s.env = scene_env(s.pool);
    lane.io = lane.flow.io = make_io(lane.ends[0], note_any, &lane, s.env);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        for (uint32_t k = 0; k < EACH; k++)
            submit(lane.io,
                   op_bytes(TP_IO_RECV, (void *)(uintptr_t)(i * EACH + k), &bytes[i][k], 1));
        put(lane.ends[1], "12345678901234567890");
        put_in += 20;
        for (uint32_t k = 0; k < EACH; k += 2) {
            tp_status_t status = tp_io_abort(lane.io, (void *)(uintptr_t)(i * EACH + k));
            stage_expect(status == TP_OK || status == TP_ERR_ARGUMENT);
        }
        if (i % 4 == 3)
            wait_io(lane.io, true);
    }
    while (stage_stats(s.pool).io_in_flight > 0) {
        if (is_dry(lane.ends[0]))
            put_in += (uint64_t)write(lane.ends[1], bytes, EACH);
        stage_pass(STAGE_MS / 20);
    }
    wait_io(lane.io, false);
    for (uint32_t i = 0; i < ROUNDS * EACH; i++)
        stage_expect(tpp_load_acquire(&told[i]) <= 1);
    stage_expect(tpp_load_acquire(&lane.bytes) <= put_in);
    expect_balance(s.pool);
    close_io(lane.io);
    stage_await(&lane.flow.released, 1);
    stage_expect_eq(tp_env_destroy(s.env) | tp_pool_close(s.pool), TP_OK);
    shut(lane.ends[0]);
    shut(lane.ends[1]);
}

/* ---- batches --------------------------------------------------------------------------------- */

STAGE_TEST(io_many__batch_is_started_in_order)
{
    enum { BATCH = 300 };
    struct io_scene s;
    static struct act acts[BATCH];
    static tp_io_op_t ops[BATCH];
    static uint8_t bytes[BATCH][8];
    uint32_t submitted = 99;
    int fd = open_filled(BATCH * 8);
    memset(acts, 0, sizeof acts);
    io_begin(&s, 2, fd, note);
    for (int i = 0; i < BATCH; i++)
        ops[i] = op_at(TP_IO_READ, &acts[i], bytes[i], 8, i * 8);
    stage_expect_eq(tp_io_submit_many(s.io, ops, 0, &submitted), TP_OK);
    stage_expect_eq(submitted, 0);
    stage_expect_eq(tp_io_submit_many(s.io, NULL, 0, NULL), TP_OK);
    stage_expect_eq(tp_io_submit_many(s.io, ops, BATCH, &submitted), TP_OK);
    stage_expect_eq(submitted, BATCH);
    wait_io(s.io, false);
    for (uint64_t i = 0; i < BATCH; i++) {
        expect_act_again(&acts[i], 0, 8);
        stage_expect(bytes_are(bytes[i], 8, i * 8));
    }
    stage_expect_eq(tp_io_submit_many(s.io, ops, 2, NULL), TP_OK); /* nobody asks how many */
    wait_io(s.io, false);
    expect_act(&acts[1], 0, 8);
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), BATCH + 2);
    shut(fd);
}

/* Those before the one that is refused were started, those behind it were not. */
STAGE_TEST(io_many__batch_ends_at_the_first_that_is_refused)
{
    struct io_scene s;
    struct act acts[4] = {{.runs = {{0}}}};
    tp_io_op_t ops[5];
    char bytes[5];
    uint32_t submitted = 99;
    int ends[2];
    open_pipe(ends, 0);
    io_begin(&s, 2, ends[0], note);
    for (int i = 0; i < 4; i++)
        ops[i] = op_bytes(TP_IO_READ, &acts[i], &bytes[i], 1);
    ops[2].operation = &acts[0]; /* which is in flight by then */
    stage_expect_eq(tp_io_submit_many(s.io, ops, 4, &submitted), TP_ERR_EXISTS);
    stage_expect_eq(submitted, 2);
    stage_expect_eq(tp_io_submit_many(s.io, ops, 4, &submitted), TP_ERR_EXISTS);
    stage_expect_eq(submitted, 0);
    ops[2].operation = &acts[2];
    ops[3].opcode = 99;
    stage_expect_eq(tp_io_submit_many(s.io, ops + 2, 2, &submitted), TP_ERR_ARGUMENT);
    stage_expect_eq(submitted, 1);
    stage_expect_eq(stage_stats(s.pool).io_in_flight, 3);
    put(ends[1], "abc");
    for (int i = 0; i < 3; i++)
        expect_act(&acts[i], 0, 1);
    settle();
    expect_no_act(&acts[3]);
    close_io(s.io);
    stage_expect_eq(tp_io_submit_many(s.io, ops, 1, &submitted), TP_ERR_HANDLE);
    stage_expect_eq(submitted, 0);
    s.io = NULL;
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

/* Structs of a later version are longer: the first tells by how much, the rest of each is zero. */
struct later {
    tp_io_op_t op;
    uint64_t more;
};

STAGE_TEST(io_many__batch_of_longer_structs)
{
    struct io_scene s;
    struct act acts[3] = {{.runs = {{0}}}};
    struct later ops[3];
    char bytes[3] = "";
    uint32_t submitted = 99;
    int ends[2];
    open_pipe(ends, 0);
    put(ends[1], "abcd");
    io_begin(&s, 2, ends[0], note);
    for (int i = 0; i < 3; i++) {
        ops[i] = (struct later){.op = op_bytes(TP_IO_READ, &acts[i], &bytes[i], 1)};
        ops[i].op.struct_size = sizeof(struct later);
    }
    stage_expect_eq(tp_io_submit_many(s.io, &ops[0].op, 3, &submitted), TP_OK);
    stage_expect_eq(submitted, 3);
    for (int i = 0; i < 3; i++)
        expect_act_again(&acts[i], 0, 1);
    stage_expect_eq(bytes[0] + bytes[1] + bytes[2], 'a' + 'b' + 'c');
    ops[1].more = 1; /* which is not known here */
    stage_expect_eq(tp_io_submit_many(s.io, &ops[0].op, 3, &submitted), TP_ERR_VERSION);
    stage_expect_eq(submitted, 1);
    expect_act_again(&acts[0], 0, 1);
    stage_expect(bytes[0] == 'd');
    ops[1].more = 0;
    ops[2].op.struct_size = sizeof(tp_io_op_t); /* they differ: none of those behind, at least */
    stage_expect_eq(tp_io_submit_many(s.io, &ops[1].op, 2, &submitted), TP_ERR_VERSION);
    stage_expect(submitted <= 1);
    put(ends[1], "e");
    if (submitted == 1)
        expect_act(&acts[1], 0, 1);
    settle();
    expect_no_act(&acts[2]);
    ops[0].op.struct_size = 8; /* shorter than any version */
    stage_expect_eq(tp_io_submit_many(s.io, &ops[0].op, 1, &submitted), TP_ERR_VERSION);
    stage_expect_eq(submitted, 0);
    io_end(&s);
    shut(ends[0]);
    shut(ends[1]);
}

/* More at once than a ring of the system has room for. */
STAGE_TEST(io_many__batch_that_is_longer_than_any_queue)
{
    static tp_io_op_t ops[MANY];
    static char bytes[MANY], out[MANY];
    static struct lane lane;
    uint32_t submitted = 0, count = SANITIZED ? FEW : MANY;
    memset(told, 0, sizeof told);
    lane = (struct lane){.io = NULL};
    open_pipe(lane.ends, 0);
    tp_pool_t *pool = scene_pool(2);
    tp_env_t *env = scene_env(pool);
    lane.io = lane.flow.io = make_io(lane.ends[0], note_number, &lane, env);
    for (uint32_t i = 0; i < count; i++)
        ops[i] = op_bytes(TP_IO_READ, (void *)(uintptr_t)i, &bytes[i], 1);
    stage_expect_eq(tp_io_submit_many(lane.io, ops, count, &submitted), TP_OK);
    stage_expect_eq(submitted, count);
    stage_expect_eq(write(lane.ends[1], out, count), (ssize_t)count);
    wait_io(lane.io, false);
    expect_each_once(count);
    expect_balance(pool);
    close_io(lane.io);
    stage_await(&lane.flow.released, 1);
    stage_expect_eq(tp_env_destroy(env) | tp_pool_close(pool), TP_OK);
    shut(lane.ends[0]);
    shut(lane.ends[1]);
}

/* ---- order ----------------------------------------------------------------------------------- */

/* C-161: with one thread callbacks come in the order in which the operations were completed; what
 * is done at once is completed in the order of the submits. */
static void note_letter(tp_callback_instance_t *instance, void *context, void *operation,
                        int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    (void)instance;
    (void)io;
    stage_expect(error == 0 && bytes == 1);
    stage_expect_eq((uintptr_t)operation, stage_value(&flow->runs));
    stage_add(&flow->runs, 1);
}

STAGE_TEST(io_many__c161_what_is_done_at_once_comes_in_the_order_of_the_submits)
{
    struct io_gated s;
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    io_begin_gated(&s, ends[0], note_letter);
    for (uintptr_t i = 0; i < 100; i++)
        submit(s.io, op_bytes(TP_IO_SEND, (void *)i, (char[]){"x"}, 1));
    stage_gate_open(&s.gate);
    for (uintptr_t i = 100; i < 200; i++)
        submit(s.io, op_bytes(TP_IO_SEND, (void *)i, (char[]){"x"}, 1));
    io_end_gated(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 200);
    stage_expect_eq(soak(ends[1]), 200);
    shut(ends[0]);
    shut(ends[1]);
}

/* They wait for different things, which come one after the other, last submitted first. */
static void note_fall(tp_callback_instance_t *instance, void *context, void *operation,
                      int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    (void)instance;
    (void)io;
    (void)bytes;
    stage_expect_eq(error, ECANCELED);
    stage_expect_eq((uintptr_t)operation, 19 - stage_value(&flow->runs));
    stage_add(&flow->runs, 1);
}

STAGE_TEST(io_many__c161_callbacks_come_in_the_order_of_the_completions)
{
    struct io_scene s;
    int ends[2];
    open_pair(ends, SOCK_STREAM);
    io_begin(&s, 1, ends[0], note_fall);
    for (uintptr_t i = 0; i < 20; i++)
        submit(s.io, op_poll((void *)i, POLLPRI));
    for (uintptr_t i = 20; i-- > 0;) {
        abort_io(s.io, (void *)i);
        await_in_flight(s.pool, i);
    }
    io_end(&s);
    stage_expect_eq(stage_value(&s.flow.runs), 20);
    shut(ends[0]);
    shut(ends[1]);
}

IO_MAIN(REAL(io_many__c149_ten_thousand_operations_in_flight_on_few_descriptors),
        REAL(io_many__c149_several_threads_submit),
        REAL(io_many__r30_c153_some_come_some_are_aborted_some_forgotten),
        REAL(io_many__batch_is_started_in_order),
        REAL(io_many__batch_ends_at_the_first_that_is_refused),
        REAL(io_many__batch_of_longer_structs), REAL(io_many__batch_that_is_longer_than_any_queue),
        REAL(io_many__c161_what_is_done_at_once_comes_in_the_order_of_the_submits),
        REAL(io_many__c161_callbacks_come_in_the_order_of_the_completions))
