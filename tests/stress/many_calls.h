/* many_calls.h - what a thread or a callback does with one object among many. */
#ifndef TESTS_STRESS_MANY_CALLS_H
#define TESTS_STRESS_MANY_CALLS_H

#include "tests/stress/many_callbacks.h"

enum { MANY_US = 1000 };

static int64_t many_time(struct many_hand *hand)
{
    static const int64_t times[] = {0, 1, 1 * MANY_US, 50 * MANY_US, 300 * MANY_US, 1000 * MANY_US};
    return times[many_roll(hand->dice, sizeof times / sizeof *times)];
}

/* ---- posting, setting, starting -------------------------------------------------------------- */

static void many_submit(struct many_hand *hand, struct many_thing *thing)
{
    uint32_t count = many_roll(hand->dice, 4) ? 1 : many_roll(hand->dice, 5);
    tp_work_t *work = many_handle(thing);
    many_owe(thing, count);
    tp_status_t status = count == 1 ? tp_work_submit(work) : tp_work_submit_many(work, count);
    if (!many_went(thing, status))
        many_settle(thing, count);
}

/* An arming that was taken away is not due any more. */
static void many_armed(struct many_thing *thing, tp_status_t status, bool set, bool was_armed)
{
    must(status == TP_OK || !was_armed);
    uint32_t gone = (set && status != TP_OK) + (was_armed ? 1u : 0u);
    if (!thing->periodic && gone > 0)
        many_settle(thing, gone);
}

static void many_set_timer(struct many_hand *hand, struct many_thing *thing)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    bool was_armed = false, set = many_roll(hand->dice, 4) != 0, is_set;
    spec.due = many_time(hand);
    if (thing->periodic) {
        spec.period = MANY_PERIOD_US * MANY_US + many_time(hand);
        spec.flags = many_roll(hand->dice, 2) ? TP_TIMER_SKIP_MISSED : 0;
    }
    if (many_roll(hand->dice, 4) == 0)
        spec.window = 100 * MANY_US;
    spec.clock = many_roll(hand->dice, 2) ? TP_CLOCK_RELATIVE : TP_CLOCK_BOOTTIME;
    if (set && !thing->periodic)
        many_owe(thing, 1);
    tp_status_t status = tp_timer_set(many_handle(thing), set ? &spec : NULL, &was_armed);
    many_armed(thing, status, set, was_armed);
    (void)many_went(thing, status);
    (void)many_went(thing, tp_timer_is_set(many_handle(thing), &is_set));
}

static tp_waitable_t many_source(struct many_hand *hand, enum many_source source)
{
    switch (source) {
    case MANY_SEMAPHORE:
        return tp_waitable_semaphore(many.semaphore);
    case MANY_AUTOMATIC:
        return tp_waitable_event(many.automatic);
    case MANY_MANUAL:
        return tp_waitable_event(many.manual);
    case MANY_MUTEX:
        return tp_waitable_mutex(many.mutex);
    case MANY_PLACE:
        return tp_waitable_fd(many_place(many_roll(hand->dice, MANY_PLACES)), POLLIN);
    case MANY_PROCESS:
        return many_process();
    case MANY_SIGNAL:
        return many_signals();
    case MANY_NEVER:
    case MANY_SOURCES:
        break;
    }
    return tp_waitable_never();
}

/* A descriptor may be closed by now; a mutex may be on its way to a callback of this wait. */
static void many_set_wait(struct many_hand *hand, struct many_thing *thing)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    bool was_armed = false, set = many_roll(hand->dice, 5) != 0;
    spec.source = many_source(hand, thing->source);
    if (many_roll(hand->dice, 2))
        spec.timeout = many_time(hand);
    if (set)
        many_owe(thing, 1);
    tp_status_t status = tp_wait_set(many_handle(thing), set ? &spec : NULL, &was_armed);
    many_armed(thing, status, set, was_armed);
    if (!(set && status == TP_ERR_SYSTEM && thing->source == MANY_PLACE) &&
        !(set && status == TP_ERR_BUSY && thing->source == MANY_MUTEX))
        (void)many_went(thing, status);
}

static tp_io_op_t many_operation(struct many_hand *hand, struct many_thing *thing,
                                 struct many_op *op)
{
    tp_io_op_t spec = TP_IO_OP_INIT;
    bool in = many_roll(hand->dice, 2);
    spec.operation = op;
    spec.opcode = in ? TP_IO_READ : TP_IO_WRITE;
    spec.buffer = op->bytes;
    spec.length = 1 + many_roll(hand->dice, MANY_BYTES);
    if (thing->file == MANY_DISK)
        spec.offset = many_roll(hand->dice, 100);
    else if (many_roll(hand->dice, 5) == 0) {
        spec.opcode = TP_IO_POLL;
        spec.flags = in ? POLLIN : POLLOUT;
    }
    return spec;
}

static void many_start_op(struct many_hand *hand, struct many_thing *thing)
{
    uint32_t used = tpp_load_acquire(&thing->ops_used);
    if (used == MANY_OPS || !tpp_cas_acq_rel(&thing->ops_used, &used, used + 1))
        return;
    struct many_op *op = &thing->ops[used];
    tp_io_op_t spec = many_operation(hand, thing, op);
    op->owner = thing;
    tpp_store_release(&op->state, MANY_STARTED);
    many_owe(thing, 1);
    if (many_went(thing, tp_io_submit(many_handle(thing), &spec)))
        return;
    tpp_store_release(&op->state, MANY_UNUSED);
    many_settle(thing, 1);
}

/* Announced here, it may be taken back by others: then there is nothing to complete. */
static void many_announce(struct many_hand *hand, struct many_thing *thing)
{
    tp_io_t *io = many_handle(thing);
    if (!many_went(thing, tp_io_start(io)))
        return;
    bool complete = many_roll(hand->dice, 2);
    many_owe(thing, complete);
    tp_status_t status = complete ? tp_io_complete(io, NULL, 5, 0) : tp_io_cancel(io);
    must(status == TP_OK || status == TP_ERR_HANDLE ||
         ((thing->lossy || thing->grouped) && status == TP_ERR_STATE));
    if (complete && status != TP_OK)
        many_settle(thing, 1);
}

static void many_do_io(struct many_hand *hand, struct many_thing *thing)
{
    tp_status_t status;
    switch (many_roll(hand->dice, 6)) {
    case 0:
        many_announce(hand, thing);
        break;
    case 1:
        status = tp_io_abort(many_handle(thing), &thing->ops[many_roll(hand->dice, MANY_OPS)]);
        must(status == TP_OK || status == TP_ERR_ARGUMENT || status == TP_ERR_HANDLE);
        break;
    case 2:
        many_talk(thing->file, thing->fd, thing->peer, hand->dice);
        break;
    default:
        many_start_op(hand, thing);
        break;
    }
}

/* What makes it go on. */
static void many_poke(struct many_hand *hand, struct many_thing *thing)
{
    if (!many_enter(thing))
        return;
    if (thing->kind == MANY_WORK)
        many_submit(hand, thing);
    else if (thing->kind == MANY_TIMER)
        many_set_timer(hand, thing);
    else if (thing->kind == MANY_WAIT)
        many_set_wait(hand, thing);
    else if (thing->kind == MANY_IO)
        many_do_io(hand, thing);
    many_leave(thing);
}

/* ---- waiting and closing --------------------------------------------------------------------- */

static tp_status_t many_wait_call(struct many_thing *thing, bool cancel, int64_t timeout)
{
    void *handle = many_handle(thing);
    switch (thing->kind) {
    case MANY_WORK:
        return tp_work_wait(handle, cancel, timeout);
    case MANY_TIMER:
        return tp_timer_wait(handle, cancel, timeout);
    case MANY_WAIT:
        return tp_wait_wait(handle, cancel, timeout);
    case MANY_IO:
        return tp_io_wait(handle, cancel, timeout);
    case MANY_SIMPLE:
    case MANY_KINDS:
        break;
    }
    return TP_ERR_HANDLE;
}

static tp_status_t many_close_call(struct many_thing *thing)
{
    void *handle = many_handle(thing);
    switch (thing->kind) {
    case MANY_WORK:
        return tp_work_close(handle);
    case MANY_TIMER:
        return tp_timer_close(handle);
    case MANY_WAIT:
        return tp_wait_close(handle);
    case MANY_IO:
        return tp_io_close(handle);
    case MANY_SIMPLE:
    case MANY_KINDS:
        break;
    }
    return TP_ERR_HANDLE;
}

static void many_wait_for(struct many_hand *hand, struct many_thing *thing)
{
    bool cancel = thing->lossy && many_roll(hand->dice, 2);
    tp_status_t status = many_wait_call(thing, cancel, many_time(hand));
    must(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_TIMEOUT ||
         (status == TP_ERR_DEADLOCK && hand->inside));
}

/* False if it was closed before. */
static bool many_close_thing(struct many_thing *thing)
{
    tp_status_t status = many_close_call(thing);
    must(status == TP_OK || status == TP_ERR_HANDLE);
    if (status == TP_OK)
        must(tpp_add_acq_rel(&thing->closed, 1) == 0);
    return status == TP_OK;
}

/* Nothing new comes of it. */
static tp_status_t many_halt(struct many_thing *thing)
{
    bool was_armed = false;
    tp_status_t status = TP_OK;
    if (thing->kind == MANY_TIMER)
        status = tp_timer_set(many_handle(thing), NULL, &was_armed);
    else if (thing->kind == MANY_WAIT)
        status = tp_wait_set(many_handle(thing), NULL, &was_armed);
    else if (thing->kind == MANY_IO)
        many_hang_up(thing->file, thing->fd, thing->peer);
    many_armed(thing, status, false, was_armed);
    return status;
}

/* A callback that has let go of its object may go on. */
static void many_seal(struct many_thing *thing)
{
    if (tpp_load_acquire(&thing->detached))
        return;
    must(tpp_load_acquire(&thing->running) == 0);
    tpp_store_release(&thing->sealed, 1);
}

/* Nobody knows it any more: it is ended as it is to be done, and then nothing may be due; or it is
 * closed with whatever is to come. Callbacks wait for nothing. */
static void many_retire(struct many_hand *hand, struct many_thing *thing)
{
    bool in_order = !hand->inside && many_roll(hand->dice, 2);
    if (thing->kind == MANY_SIMPLE || !many_let_nobody_enter(thing))
        return;
    tp_status_t status = in_order ? many_halt(thing) : TP_ERR_HANDLE;
    if (in_order && status == TP_OK)
        status = many_wait_call(thing, thing->lossy && many_roll(hand->dice, 2), TP_INFINITE);
    must(status == TP_OK || status == TP_ERR_HANDLE);
    if (status == TP_OK) {
        many_seal(thing);
        must(thing->lossy || thing->grouped || tpp_load_acquire(&thing->due) == 0);
    }
    if (!in_order && thing->kind == MANY_IO)
        many_hang_up(thing->file, thing->fd, thing->peer);
    (void)many_close_thing(thing);
    must(many_close_call(thing) == TP_ERR_HANDLE);
    many_drop_hold(thing);
}

#endif
