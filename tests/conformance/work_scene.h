/* work_scene.h - what the tests of work objects share: the record of a run, and its callbacks. */
#ifndef TESTS_CONFORMANCE_WORK_SCENE_H
#define TESTS_CONFORMANCE_WORK_SCENE_H

#include "tests/support/stage.h"

struct run {
    stage_counter_t started, open, runs, finals, released;
    struct stage_peak peak;
    tp_work_t *self, *other;
    tp_event_t *event;
    tpp_u32 strange, status;
    uint32_t chain; /* how often the callback submits itself again */
    tpp_u64 thread; /* the last to run it */
};

static inline void count(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    (void)work;
    stage_enter(&run->peak);
    stage_leave(&run->peak);
    stage_add(&run->runs, 1);
}

static inline void hold(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    (void)work;
    stage_enter(&run->peak);
    stage_add(&run->started, 1);
    stage_await(&run->open, 1);
    stage_leave(&run->peak);
    stage_add(&run->runs, 1);
}

static inline void count_release(void *context)
{
    struct run *run = context;
    stage_add(&run->released, 1);
}

/* A thread that waits for an object. */
struct waiter {
    tp_work_t *work;
    bool cancel;
    tp_status_t status;
    stage_counter_t calling, returned;
};

static inline void wait_for_ever(void *context)
{
    struct waiter *waiter = context;
    stage_add(&waiter->calling, 1);
    waiter->status = tp_work_wait(waiter->work, waiter->cancel, TP_INFINITE);
    stage_add(&waiter->returned, 1);
}

#endif
