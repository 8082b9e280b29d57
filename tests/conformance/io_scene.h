/* io_scene.h - what the tests of I/O share: the record of an object and that of an operation, short
 * ways to submit and to complete, and a scene of one object. */
#ifndef TESTS_CONFORMANCE_IO_SCENE_H
#define TESTS_CONFORMANCE_IO_SCENE_H

#include "tests/conformance/calls_scene.h"
#include "tests/conformance/wire.h"

/* The context of an I/O object. All zero at first. */
struct flow {
    CALLS;
    tp_io_t *io; /* what its callbacks are to be told; NULL: it is not looked at */
    tpp_u32 left;
};

/* One operation: its address is the key. All zero at first, and again before it is used again.
 * It is the test's own again as soon as `runs` says so. */
struct act {
    stage_counter_t runs;
    tpp_u32 error;
    tpp_u64 bytes;
};

/* ---- callbacks ------------------------------------------------------------------------------- */

static inline void act_note(void *operation, int32_t error, uint64_t bytes)
{
    struct act *act = operation;
    tpp_store_release(&act->error, (uint32_t)error);
    tpp_store_release(&act->bytes, bytes);
    stage_add(&act->runs, 1);
}

static inline void flow_begins(struct flow *flow, tp_io_t *io)
{
    calls_begin(&flow->calls);
    stage_expect(flow->io == NULL || flow->io == io);
    calls_enter(&flow->calls);
}

static inline void note(tp_callback_instance_t *instance, void *context, void *operation,
                        int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    stage_expect(instance != NULL);
    flow_begins(flow, io);
    act_note(operation, error, bytes);
    calls_leave(&flow->calls);
}

/* Stays inside until the test says open. */
static inline void note_held(tp_callback_instance_t *instance, void *context, void *operation,
                             int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct flow *flow = context;
    (void)instance;
    flow_begins(flow, io);
    stage_await(&flow->open, 1);
    act_note(operation, error, bytes);
    calls_leave(&flow->calls);
}

/* Its callback has come, once so far, and was told this. */
#define expect_act(one, told_error, told_bytes) \
    do { \
        stage_await(&(one)->runs, 1); \
        stage_expect_eq(stage_value(&(one)->runs), 1); \
        stage_expect_eq((int32_t)tpp_load_acquire(&(one)->error), told_error); \
        stage_expect_eq(tpp_load_acquire(&(one)->bytes), told_bytes); \
    } while (0)

/* The same of one that is used again then. */
#define expect_act_again(one, told_error, told_bytes) \
    do { \
        expect_act(one, told_error, told_bytes); \
        *(one) = (struct act){.runs = {{0}}}; \
    } while (0)

#define expect_no_act(one) stage_expect_eq(stage_value(&(one)->runs), 0)

/* ---- operations ------------------------------------------------------------------------------ */

static inline tp_io_op_t op_of(uint32_t opcode, void *key)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = opcode;
    op.operation = key;
    return op;
}

static inline tp_io_op_t op_bytes(uint32_t opcode, void *key, void *buffer, uint64_t length)
{
    tp_io_op_t op = op_of(opcode, key);
    op.buffer = buffer;
    op.length = length;
    return op;
}

static inline tp_io_op_t op_at(uint32_t opcode, void *key, void *buffer, uint64_t length,
                               int64_t offset)
{
    tp_io_op_t op = op_bytes(opcode, key, buffer, length);
    op.offset = offset;
    return op;
}

static inline tp_io_op_t op_poll(void *key, uint32_t states)
{
    tp_io_op_t op = op_of(TP_IO_POLL, key);
    op.flags = states;
    return op;
}

static inline void submit(tp_io_t *io, tp_io_op_t op)
{
    stage_expect_eq(tp_io_submit(io, &op), TP_OK);
}

static inline void start_io(tp_io_t *io)
{
    stage_expect_eq(tp_io_start(io), TP_OK);
}

static inline void complete_io(tp_io_t *io, void *key, int32_t error, uint64_t bytes)
{
    stage_expect_eq(tp_io_complete(io, key, error, bytes), TP_OK);
}

static inline void wait_io(tp_io_t *io, bool cancel)
{
    stage_expect_eq(tp_io_wait(io, cancel, TP_INFINITE), TP_OK);
}

static inline void close_io(tp_io_t *io)
{
    stage_expect_eq(tp_io_close(io), TP_OK);
}

/* ---- objects --------------------------------------------------------------------------------- */

static inline tp_io_t *make_io(int fd, tp_io_fn callback, void *context, const tp_env_t *env)
{
    tp_io_t *io = NULL;
    stage_expect_eq(tp_io_create(fd, callback, context, env, &io), TP_OK);
    return io;
}

/* What a create that is to be refused says. */
static inline tp_status_t refused_io(int fd, const tp_env_t *env)
{
    tp_io_t *io = (tp_io_t *)(uintptr_t)1;
    tp_status_t status = tp_io_create(fd, note, NULL, env, &io);
    stage_expect(io == NULL);
    return status;
}

/* Most tests have a pool, an environment that names it, and one object. */
struct io_scene {
    struct flow flow;
    tp_pool_t *pool;
    tp_env_t *env;
    tp_io_t *io; /* NULL if the test has closed it */
};

static inline void io_begin_on(struct io_scene *s, tp_pool_t *pool, int fd, tp_io_fn callback)
{
    *s = (struct io_scene){.pool = pool, .env = scene_env(pool)};
    s->io = s->flow.io = make_io(fd, callback, &s->flow, s->env);
}

static inline void io_begin(struct io_scene *s, uint32_t threads, int fd, tp_io_fn callback)
{
    io_begin_on(s, scene_pool(threads), fd, callback);
}

/* Everything that is out comes in before this returns. */
static inline void io_end(struct io_scene *s)
{
    if (s->io) {
        wait_io(s->io, false);
        close_io(s->io);
    }
    scene_leave(&s->flow.calls, s->env, s->pool);
}

/* An object of a pool whose only thread is held until stage_gate_open: what it posts is queued. */
struct io_gated {
    struct flow flow;
    struct stage_gate gate;
    tp_env_t *env;
    tp_io_t *io;
};

static inline void io_begin_gated(struct io_gated *s, int fd, tp_io_fn callback)
{
    *s = (struct io_gated){.io = NULL};
    stage_gate_init(&s->gate, NULL);
    s->env = stage_gate_env(&s->gate);
    stage_expect_eq(tp_env_set_context_release(s->env, count_release), TP_OK);
    s->io = s->flow.io = make_io(fd, callback, &s->flow, s->env);
}

/* The gate may be open already. */
static inline void io_end_gated(struct io_gated *s)
{
    stage_gate_open(&s->gate);
    if (s->io) {
        wait_io(s->io, false);
        close_io(s->io);
    }
    stage_await(&s->flow.released, 1);
    stage_expect_eq(tp_env_destroy(s->env), TP_OK);
    stage_gate_fini(&s->gate);
}

/* Now until nobody can run, or for a while: time enough for a callback that must not come. */
static inline void settle(void)
{
    stage_rest();
    stage_pass(2 * STAGE_MS);
}

static inline bool is_balanced(void *pool)
{
    tp_pool_stats_t stats = stage_stats(pool);
    return stats.submitted == stats.executed + stats.cancelled && stats.io_in_flight == 0 &&
           stats.pending[0] + stats.pending[1] + stats.pending[2] == 0;
}

/* The pool comes to rest: what was posted has run or was dropped, and nothing is out. */
static inline void expect_balance(tp_pool_t *pool)
{
    stage_expect(stage_eventually(is_balanced, pool));
}

/* ---- main ------------------------------------------------------------------------------------ */

/* On real threads these programs run once for each back end. Where a ring is demanded that
 * cannot be had, nothing is tested, and that is said. */
#ifdef TPP_SIM
#define IO_MAIN STAGE_MAIN
#else
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static inline bool ring_is_missing(void)
{
    const char *wish = getenv("TP_IO_BACKEND");
    int status = 0;
    pid_t child = wish && strcmp(wish, "uring") == 0 ? fork() : -1;
    if (child == 0) {
        tp_io_t *io = NULL;
        _exit(tp_io_create(wire_open(0), note, NULL, NULL, &io) == TP_ERR_UNSUPPORTED);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 1;
}

#define IO_MAIN(...) \
    int main(int argc, char **argv) \
    { \
        static const struct stage_case cases[] = {__VA_ARGS__}; \
        if (ring_is_missing()) { \
            puts("1..0 # SKIP the system has no io_uring for this process"); \
            return 0; \
        } \
        return stage_main(argc, argv, cases, sizeof cases / sizeof *cases); \
    }
#endif

#endif
