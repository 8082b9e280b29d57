/* many_callbacks.h - the callbacks of objects among many, and what comes with them. */
#ifndef TESTS_STRESS_MANY_CALLBACKS_H
#define TESTS_STRESS_MANY_CALLBACKS_H

#include "tests/stress/many.h"

/* ---- units ----------------------------------------------------------------------------------- */

static void many_took(enum many_source source)
{
    if (source == MANY_SEMAPHORE)
        must(tpp_add_acq_rel(&many.units, 1) < MANY_UNITS);
    if (source == MANY_MUTEX)
        many.guarded++;
}

/* Now, or once the callback is over. */
static void many_give(enum many_source source, tp_callback_instance_t *instance)
{
    if (source == MANY_SEMAPHORE) {
        tpp_sub_acq_rel(&many.units, 1);
        must((instance ? tp_callback_release_semaphore_on_return(instance, many.semaphore, 1)
                       : tp_semaphore_release(many.semaphore, 1, NULL)) == TP_OK);
    } else if (source == MANY_MUTEX) {
        must((instance ? tp_callback_release_mutex_on_return(instance, many.mutex)
                       : tp_mutex_release(many.mutex)) == TP_OK);
    }
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static void many_meddle(struct many_hand *hand);

static void many_finalize(tp_callback_instance_t *instance, void *context)
{
    struct many_thing *thing = context;
    (void)instance;
    must(tpp_load_acquire(&thing->sealed) == 0);
    tpp_add_acq_rel(&thing->finalized, 1);
}

/* So that in the end nobody does anything new. */
static void many_has_meddled(void)
{
    tpp_sub_acq_rel(&many.meddling, 1);
    tpp_wake(&many.meddling, 1);
}

static bool many_may_meddle(void)
{
    tpp_add_acq_rel(&many.meddling, 1);
    tpp_fence_seq_cst();
    uint32_t left = tpp_load_acquire(&many.budget);
    if (left > 0 && tpp_cas_acq_rel(&many.budget, &left, left - 1)) {
        tpp_add_relaxed(&many.meddled, 1);
        return true;
    }
    many_has_meddled();
    return false;
}

/* One callback, from its beginning to its end. */
static void many_ran(struct many_thing *thing, tp_callback_instance_t *instance, void *handle)
{
    struct many_hand hand = {.inside = thing, .instance = instance};
    must(tpp_load_acquire(&thing->released) == 0);
    must(tpp_load_acquire(&thing->sealed) == 0);
    must(thing->kind == MANY_SIMPLE || handle == many_handle(thing));
    tpp_add_acq_rel(&thing->running, 1);
    uint64_t dice = many_dice(instance, tpp_add_acq_rel(&thing->ran, 1));
    if (!thing->periodic)
        many_settle(thing, 1);
    hand.dice = &dice;
    if (many_roll(&dice, 3) == 0 && many_may_meddle()) {
        many_meddle(&hand);
        many_has_meddled();
    }
    must(tpp_load_acquire(&thing->sealed) == 0);
    tpp_sub_acq_rel(&thing->running, 1);
}

static void many_run_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    many_ran(context, instance, work);
}

static void many_run_simple(tp_callback_instance_t *instance, void *context)
{
    many_ran(context, instance, NULL);
}

static void many_run_timer(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    many_ran(context, instance, timer);
}

/* It came with a unit, unless its time ran out. */
static void many_run_wait(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                          tp_wait_result_t result)
{
    struct many_thing *thing = context;
    uint32_t events = 77;
    must(tp_callback_wait_events(instance, &events) == TP_OK && events != 77);
    must(result != TP_WAIT_ABANDONED || thing->source == MANY_MUTEX);
    must(result != TP_WAIT_FAILED);
    if (result != TP_WAIT_TIMEOUT)
        many_took(thing->source);
    many_ran(thing, instance, wait);
    if (result != TP_WAIT_TIMEOUT)
        many_give(thing->source, instance);
}

static void many_run_io(tp_callback_instance_t *instance, void *context, void *operation,
                        int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct many_thing *thing = context;
    struct many_op *op = operation;
    must(error >= 0 && (error == 0 || bytes == 0) && bytes <= 0xffff); /* states of a poll */
    if (op) {
        must(op->owner == thing && tpp_exchange_acq_rel(&op->state, MANY_TOLD) == MANY_STARTED);
        memset(op->bytes, 0x55, MANY_BYTES); /* it is ours again */
        tpp_add_relaxed(&many.told, 1);
    }
    many_ran(thing, instance, io);
}

#endif
