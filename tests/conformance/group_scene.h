/* group_scene.h - what the tests of cleanup groups share: a group, a pool, and counting callbacks.
 *
 * Every object of a scene has the scene as its context. */
#ifndef TESTS_CONFORMANCE_GROUP_SCENE_H
#define TESTS_CONFORMANCE_GROUP_SCENE_H

#include "tests/conformance/group_home.h"

/* A group, and an environment whose objects join it and count what becomes of them. */
struct scene {
    HOME;
    stage_counter_t started, go, ran, cancelled, released, closed;
    struct stage_log log;
    tp_work_t *work;
    tp_status_t status[3];
    uint32_t must_have_run;
    uint64_t cancel_thread;
    void *object_context, *cleanup_context;
};

static inline void count_cancel(void *object_context, void *cleanup_context)
{
    struct scene *s = object_context;
    (void)cleanup_context;
    stage_add(&s->cancelled, 1);
}

static inline void count_release(void *context)
{
    struct scene *s = context;
    stage_add(&s->released, 1);
}

/* On a pool of so many threads; several are there from the start, however few the processors. */
static inline void scene_begin(struct scene *s, uint32_t threads)
{
    *s = (struct scene){.work = NULL};
    home_begin(&s->home, stage_pool(threads > 1 ? threads : 0, threads), count_cancel,
               count_release);
}

static inline void scene_begin_gated(struct scene *s)
{
    *s = (struct scene){.work = NULL};
    home_begin_gated(&s->home, count_cancel, count_release);
}

static inline void scene_end(struct scene *s)
{
    home_end(&s->home);
}

static inline void close_members(struct scene *s, bool cancel)
{
    home_close_members(&s->home, cancel);
}

static inline void count_run(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct scene *s = context;
    (void)instance;
    (void)work;
    stage_add(&s->ran, 1);
}

static inline void count_simple(tp_callback_instance_t *instance, void *context)
{
    count_run(instance, context, NULL);
}

/* Runs until the test says go, so that whoever must wait for it finds it running. */
static inline void run_until_go(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct scene *s = context;
    stage_add(&s->started, 1);
    stage_await(&s->go, 1);
    count_run(instance, context, work);
}

static inline void simple_until_go(tp_callback_instance_t *instance, void *context)
{
    run_until_go(instance, context, NULL);
}

/* ... but nobody who waits for the work object waits for it. */
static inline void leave_waits(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    run_until_go(instance, context, work);
}

/* Threads that close the members, and then look whether all has run that must have. */
static inline void closer(void *context)
{
    struct scene *s = context;
    close_members(s, false);
    stage_expect_eq(stage_value(&s->ran), s->must_have_run);
}

static inline void canceller(void *context)
{
    struct scene *s = context;
    close_members(s, true);
    stage_expect_eq(stage_value(&s->ran), s->must_have_run);
}

#endif
