/* race_scene.h - what the tests of races share: a pool, a group, callbacks and threads that meet.
 *
 * Each test lets two or three threads meet at the place in question. The simulator tries the orders
 * in which they can; real threads try it many times. */
#ifndef TESTS_CONFORMANCE_RACE_SCENE_H
#define TESTS_CONFORMANCE_RACE_SCENE_H

#include "tests/support/stage.h"

struct race {
    tp_work_fn body; /* first: see unload_plugin.h */
    tp_pool_t *pool, *second;
    tp_env_t *env;
    tp_work_t *work, *other;
    tp_cleanup_group_t *group;
    tp_callback_instance_t *instance;
    tp_event_t *event;
    void *library;
    stage_counter_t started, go, ran, done, released, cancelled, closed;
    struct stage_log log;
};

/* On real threads each race is run so often in one test. */
#define repeatedly for (int turn_ = 0; turn_ < stage_rounds(1000, 1); turn_++)

/* ---- the scene ------------------------------------------------------------------------------- */

static inline void count_release(void *context)
{
    struct race *r = context;
    stage_add(&r->released, 1);
}

static inline void count_cancel(void *object_context, void *cleanup_context)
{
    struct race *r = object_context;
    (void)cleanup_context;
    stage_expect_eq(stage_value(&r->released), 0);
    stage_add(&r->cancelled, 1);
}

/* A pool of so many threads, a group, and an environment of both. */
static inline void race_begin(struct race *r, uint32_t threads)
{
    *r = (struct race){.pool = stage_pool(threads > 1 ? threads : 0, threads)};
    r->env = stage_env(r->pool);
    stage_expect_eq(tp_env_set_context_release(r->env, count_release), TP_OK);
    stage_expect_eq(tp_cleanup_group_create(&r->group), TP_OK);
}

static inline void join_group(struct race *r)
{
    stage_expect_eq(tp_env_set_cleanup_group(r->env, r->group, count_cancel), TP_OK);
}

/* All released once, and all posts accounted for. */
static inline void race_end(struct race *r, uint32_t objects)
{
    stage_await(&r->released, objects);
    stage_expect_eq(stage_value(&r->released), objects);
    tp_pool_stats_t stats = stage_stats(r->pool);
    stage_expect_eq(stats.submitted, stats.executed + stats.cancelled);
    stage_expect_eq(tp_cleanup_group_close(r->group), TP_OK);
    stage_expect_eq(tp_env_destroy(r->env), TP_OK);
    stage_expect_eq(tp_pool_close(r->pool), TP_OK);
}

static inline void count_run(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct race *r = context;
    (void)instance;
    (void)work;
    stage_add(&r->ran, 1);
}

/* For the only object of a scene: its context is good as long as it runs. */
static inline void count_alive(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct race *r = context;
    count_run(instance, context, work);
    stage_expect_eq(stage_value(&r->released), 0);
}

static inline void count_simple(tp_callback_instance_t *instance, void *context)
{
    count_alive(instance, context, NULL);
}

static inline void run_until_go(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct race *r = context;
    stage_add(&r->started, 1);
    stage_await(&r->go, 1);
    count_run(instance, context, work);
}

/* ---- bodies of the other threads ------------------------------------------------------------- */

static inline void wait_for_work(void *context)
{
    struct race *r = context;
    stage_add(&r->started, 1);
    tp_status_t status = tp_work_wait(r->work, false, TP_INFINITE);
    stage_expect(status == TP_OK || status == TP_ERR_HANDLE); /* closed before it came */
    stage_add(&r->done, 1);
}

static inline void close_work(void *context)
{
    struct race *r = context;
    stage_add(&r->closed, tp_work_close(r->work) == TP_OK);
}

static inline void submit_work(void *context)
{
    struct race *r = context;
    stage_add(&r->done, tp_work_submit(r->work) == TP_OK);
}

static inline void close_group(void *context)
{
    struct race *r = context;
    stage_expect_eq(tp_cleanup_group_close_members(r->group, false, NULL), TP_OK);
}

static inline void cancel_group(void *context)
{
    struct race *r = context;
    stage_expect_eq(tp_cleanup_group_close_members(r->group, true, NULL), TP_OK);
}

static inline void close_after_run(void *context)
{
    struct race *r = context;
    close_group(r);
    stage_expect_eq(stage_value(&r->ran), 1);
    stage_add(&r->done, 1);
}

#endif
