/* script.h - what the bytes of fuzz/capi.c mean: how a run is scheduled, and lists of calls.
 *
 * An input is SCRIPT_HEADER bytes and then operations of four bytes each; what is left over at the
 * end counts for nothing. Any bytes are a script. An operation is
 *
 *     lane     % LANES: who carries it out, each lane in order. First the one lane BEFORE, alone;
 *              then the threads, at once; a body as often as a callback that has it runs.
 *     code     % CODES: what, see the table
 *     target   bits 0-1: which of its kind; bits 2-3: the other one it needs (an environment, a
 *              pool, a source); bits 4-7: which handle is passed, see enum which
 *     argument its details: a time, a flag, a choice
 *
 * The schedule is not spelled out by bytes but drawn from the seed in the header, which finds more
 * in less time. */
#ifndef FUZZ_SCRIPT_H
#define FUZZ_SCRIPT_H

#include <stdio.h>

#include "core/os/sim/sim.h"

#define SCRIPT_HEADER 8
#define SCRIPT_OPS 64 /* what comes behind them is not looked at */

enum {
    LANE_BEFORE = 0,
    LANE_THREAD = 1,
    SCRIPT_THREADS = 4,
    LANE_BODY = LANE_THREAD + SCRIPT_THREADS,
    SCRIPT_BODIES = 4,
    LANES = LANE_BODY + SCRIPT_BODIES
};

#define SCRIPT_CODES(X) \
    X(pool_create) \
    X(pool_close) \
    X(pool_shutdown) \
    X(pool_limits) X(pool_stack) X(pool_stats) X(pool_run) X(pool_poll) X(env_pool) X(env_group) \
        X(env_choose) X(env_renew) X(group_create) X(group_members) X(group_close) X(simple) \
            X(work_create) X(work_submit) X(work_wait) X(work_close) X(timer_create) X(timer_set) \
                X(timer_stop) X(timer_is_set) X(timer_wait) X(timer_close) X(wait_create) \
                    X(wait_set) X(wait_disarm) X(wait_wait) X(wait_close) X(io_create) \
                        X(io_submit) X(io_many) X(io_abort) X(io_start) X(io_cancel) \
                            X(io_complete) X(io_wait) X(io_close) X(event_create) X(event_set) \
                                X(event_reset) X(event_close) X(semaphore_create) \
                                    X(semaphore_release) X(semaphore_close) X(mutex_create) \
                                        X(mutex_release) X(mutex_close) X(take) X(disassociate) \
                                            X(run_long) X(blocking) X(on_return) X(look) \
                                                X(file_open) X(file_close) X(file_feed) \
                                                    X(file_ready) X(file_hang_up) X(file_error) \
                                                        X(raise) X(sleep) X(busy) X(step_clock) \
                                                            X(suspend) X(processors)

#define SCRIPT_CODE_ENUM(name) CODE_##name,
enum code { SCRIPT_CODES(SCRIPT_CODE_ENUM) CODES };

/* Which value is passed as the handle: the upper half of the target. */
enum which {
    WHICH_CURRENT = 10, /* and all below: the handle; what is not there is made first */
    WHICH_NULL,
    WHICH_STALE,   /* the one that was in this place before */
    WHICH_FOREIGN, /* of another kind */
    WHICH_GARBAGE, /* made up from the argument */
    WHICH_TOPPLED, /* the handle with one bit changed */
};

struct op {
    uint8_t lane, code, target, argument;
};

/* How the run differs from others besides its schedule. */
struct setting {
    uint8_t pools;                 /* how the first two are made */
    uint8_t backend;               /* of I/O: TP_IO_BACKEND_* */
    bool no_rings, calm, shutdown; /* shutdown: at the end, instead of a close */
};

struct script {
    struct tpps_options options;
    struct setting setting;
    uint32_t count;
    struct op ops[SCRIPT_OPS];
};

void script_read(struct script *script, const uint8_t *data, size_t size);
bool script_uses(const struct script *script, uint32_t place); /* in some operation */
bool script_does_io(const struct script *script); /* some of which may never end by itself */
void script_print(const struct script *script, FILE *out);
void script_print_op(const struct op *op, FILE *out);

/* Parts of a target. */
static inline uint32_t op_place(const struct op *op)
{
    return op->target & 3u;
}

static inline uint32_t op_other(const struct op *op)
{
    return op->target >> 2 & 3u;
}

static inline uint32_t op_which(const struct op *op)
{
    return op->target >> 4;
}

#endif
