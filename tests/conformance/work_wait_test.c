/* work_wait_test.c - waiting for work objects: several threads, time limits, from callbacks. */
#include <string.h>

#include "tests/conformance/work_scene.h"

/* Eventually: that many posts were dropped in the pool. */
struct dropped {
    tp_pool_t *pool;
    uint64_t posts;
};

/* ---- several waiters ------------------------------------------------------------------------- */

STAGE_TEST(work__c063_every_waiter_is_released)
{
    struct run run = {0};
    struct waiter waiters[3] = {{.cancel = false}};
    stage_thread_t threads[3];
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(hold, &run, env);
    stage_expect_eq(tp_work_submit_many(work, 2), TP_OK);
    stage_await(&run.started, 1);
    for (int i = 0; i < 3; i++) {
        waiters[i].work = work;
        threads[i] = stage_start(wait_for_ever, &waiters[i]);
    }
    for (int i = 0; i < 3; i++)
        stage_await(&waiters[i].calling, 1);
    stage_rest();
    for (int i = 0; i < 3; i++)
        stage_expect_eq(stage_value(&waiters[i].returned), 0);
    stage_add(&run.open, 1);
    for (int i = 0; i < 3; i++) {
        stage_join(threads[i]);
        stage_expect_eq(waiters[i].status, TP_OK);
    }
    stage_expect_eq(stage_value(&run.runs), 2);
    stage_finish(work);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(work__c064_r04_a_cancel_wakes_the_other_waiters)
{
    struct stage_gate gate;
    struct run run = {0};
    struct waiter waiter = {.cancel = false};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_work_t *work = waiter.work = stage_work(count, &run, env);
    stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
    stage_thread_t thread = stage_start(wait_for_ever, &waiter);
    stage_await(&waiter.calling, 1);
    stage_expect(!stage_await_for(&waiter.returned, 1, 2 * STAGE_MS));
    stage_expect_eq(tp_work_wait(work, true, TP_INFINITE), TP_OK);
    stage_join(thread); /* and the gate is still shut */
    stage_expect_eq(waiter.status, TP_OK);
    stage_expect_eq(stage_value(&run.runs), 0);
    stage_expect_eq(tp_work_close(work), TP_OK);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

static void close_itself(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    stage_expect_eq(tp_work_close(work), TP_OK);
    stage_expect_eq(tp_work_submit(work), TP_ERR_HANDLE);
    stage_expect_eq(stage_value(&run->released), 0); /* the context is ours until we return */
    stage_add(&run->runs, 1);
}

STAGE_TEST(work__c062_close_from_its_own_callback)
{
    struct run run = {0};
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    tp_env_set_context_release(env, count_release);
    tp_work_t *work = stage_work(close_itself, &run, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_await(&run.released, 1);
    stage_expect_eq(stage_value(&run.runs), 1);
    stage_expect_eq(tp_work_wait(work, false, 0), TP_ERR_HANDLE);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

static void close_it(void *context)
{
    tp_status_t status = tp_work_close(context);
    stage_expect(status == TP_OK);
}

/* A waiter outlives the close of what it waits for; one that comes too late is told so. */
STAGE_TEST(work__c207_r07_close_while_another_thread_waits)
{
    for (int i = 0; i < stage_times(100, 1); i++) {
        struct run run = {0};
        struct waiter waiter = {.cancel = i % 2 != 0};
        tp_pool_t *pool = stage_pool(0, 1);
        tp_env_t *env = stage_env(pool);
        tp_env_set_context_release(env, count_release);
        waiter.work = stage_work(count, &run, env);
        stage_expect_eq(tp_work_submit_many(waiter.work, 2), TP_OK);
        stage_thread_t waiting = stage_start(wait_for_ever, &waiter);
        stage_thread_t closing = stage_start(close_it, waiter.work);
        stage_join(closing);
        stage_join(waiting);
        stage_expect(waiter.status == TP_OK || waiter.status == TP_ERR_HANDLE);
        stage_expect_eq(tp_work_close(waiter.work), TP_ERR_HANDLE);
        stage_expect_eq(stage_stats(pool).submitted, 2);
        tp_pool_close(pool);
        tp_env_destroy(env);
        stage_await(&run.released, 1); /* run is ours again */
    }
}

/* The waiter is asleep when the close comes: it is let go by the last callback. */
STAGE_TEST(work__c207_a_sleeping_waiter_is_released_after_the_close)
{
    struct run run = {0};
    struct waiter waiter = {.cancel = false};
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    tp_env_set_context_release(env, count_release);
    waiter.work = stage_work(hold, &run, env);
    stage_expect_eq(tp_work_submit_many(waiter.work, 2), TP_OK);
    stage_await(&run.started, 1);
    stage_thread_t waiting = stage_start(wait_for_ever, &waiter);
    stage_await(&waiter.calling, 1);
    stage_expect(!stage_await_for(&waiter.returned, 1, 2 * STAGE_MS));
    stage_rest();
    stage_expect_eq(tp_work_close(waiter.work), TP_OK);
    stage_add(&run.open, 1);
    stage_join(waiting);
    /* On real threads it may have come so late that the handle was stale. */
    stage_expect(waiter.status == TP_OK || (!stage_in_simulator && waiter.status == TP_ERR_HANDLE));
    stage_await(&run.released, 1);
    stage_expect_eq(stage_value(&run.runs), 2);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* ---- timeouts -------------------------------------------------------------------------------- */

STAGE_TEST(work__timeouts_report_and_cancel_keeps_dropped)
{
    struct run run = {0};
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(hold, &run, env);
    stage_expect_eq(tp_work_submit_many(work, 5), TP_OK);
    stage_await(&run.started, 1);
    stage_expect_eq(tp_work_wait(work, false, 0), TP_ERR_TIMEOUT);
    stage_expect_eq(tp_work_wait(work, false, -1), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_work_wait(work, true, INT64_MIN), TP_ERR_ARGUMENT);
    stage_expect_eq(stage_stats(pool).pending[1], 4); /* nothing was dropped */
    int64_t start = stage_now();
    stage_expect_eq(tp_work_wait(work, false, 3 * STAGE_MS), TP_ERR_TIMEOUT);
    stage_expect(stage_now() - start >= 3 * STAGE_MS);
    stage_expect_eq(stage_stats(pool).pending[1], 4);
    stage_expect_eq(tp_work_wait(work, true, 0), TP_ERR_TIMEOUT);
    stage_expect_eq(stage_stats(pool).pending[1], 0);
    stage_expect_eq(stage_stats(pool).cancelled, 4);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_add(&run.open, 1);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE - 1), TP_OK); /* saturates */
    stage_expect_eq(stage_value(&run.runs), 2);
    stage_finish(work);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(work__a_wait_in_time_is_ok)
{
    struct run run = {0};
    struct waiter waiter = {.cancel = false};
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = waiter.work = stage_work(count, &run, env);
    for (int i = 0; i < stage_times(200, 2); i++) {
        stage_expect_eq(tp_work_submit(work), TP_OK);
        stage_expect_eq(tp_work_wait(work, false, 1000 * STAGE_S), TP_OK);
        stage_expect_eq(stage_value(&run.runs), i + 1);
    }
    stage_finish(work);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* ---- waits in callbacks ---------------------------------------------------------------------- */

static void wait_for_itself(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    if (stage_value(&run->runs) == 0) {
        stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_ERR_DEADLOCK);
        stage_expect_eq(tp_work_wait(work, true, TP_INFINITE), TP_ERR_DEADLOCK);
        stage_expect_eq(tp_work_wait(work, true, 0), TP_ERR_DEADLOCK);
    }
    stage_add(&run->runs, 1);
}

STAGE_TEST(work__c205_waiting_for_itself_is_refused_and_cancels_nothing)
{
    struct run run = {0};
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(wait_for_itself, &run, env);
    stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
    stage_finish(work);
    stage_expect_eq(stage_value(&run.runs), 3);
    stage_expect_eq(stage_stats(pool).cancelled, 0);
    stage_expect_eq(stage_misuses(), 3);
    stage_expect_eq(stage_misuse_status(), TP_ERR_DEADLOCK);
    stage_expect(strcmp(stage_misuse_function(), "tp_work_wait") == 0);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

static void wait_for_the_other(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    (void)work;
    tpp_store_relaxed(&run->thread, stage_self());
    stage_expect_eq(tp_work_wait(run->other, false, TP_INFINITE), TP_OK);
    stage_add(&run->runs, 1);
}

static void wait_back(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    (void)work;
    tpp_store_relaxed(&run->thread, stage_self());
    stage_expect_eq(tp_work_wait(run->other, true, TP_INFINITE), TP_ERR_DEADLOCK);
    stage_add(&run->runs, 1);
}

/* A waits for B by running B itself; B, on top of A, waits for A. */
STAGE_TEST(work__c205_c206_a_circle_on_one_thread_is_seen)
{
    struct run a = {0}, b = {0};
    struct stage_gate gate;
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    b.other = stage_work(wait_for_the_other, &a, env);
    a.other = stage_work(wait_back, &b, env);
    stage_expect_eq(tp_work_submit(b.other), TP_OK);
    stage_expect_eq(tp_work_submit(a.other), TP_OK);
    stage_gate_open(&gate);
    stage_expect_eq(tp_work_wait(b.other, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_work_wait(a.other, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&a.runs), 1);
    stage_expect_eq(stage_value(&b.runs), 1);
    stage_expect_eq(stage_misuses(), 1);
    stage_finish(a.other);
    stage_finish(b.other);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

static void note_thread(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    (void)work;
    tpp_store_relaxed(&run->thread, stage_self());
    stage_add(&run->runs, 1);
}

STAGE_TEST(work__c206_a_wait_on_a_one_thread_pool_helps)
{
    struct run waiting = {0}, awaited = {0}, stranger = {0};
    struct stage_gate gate;
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    waiting.other = stage_work(note_thread, &awaited, env);
    tp_work_t *work = stage_work(wait_for_the_other, &waiting, env);
    tp_work_t *unrelated = stage_work(note_thread, &stranger, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(tp_work_submit(unrelated), TP_OK);
    stage_expect_eq(tp_work_submit_many(waiting.other, 3), TP_OK);
    stage_gate_open(&gate);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&awaited.runs), 3);
    stage_expect(tpp_peek(&awaited.thread) == tpp_peek(&waiting.thread));
    stage_finish(unrelated);
    stage_finish(waiting.other);
    stage_finish(work);
    stage_expect_eq(stage_value(&awaited.runs), 3);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

static void wait_a_while(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    (void)work;
    tpp_store_relaxed(&run->thread, stage_self());
    tp_status_t status = tp_work_wait(run->other, false, 4 * STAGE_MS);
    tpp_store_release(&run->status, (uint32_t)status);
    stage_add(&run->runs, 1);
}

/* With a time limit nothing is run on the waiting thread: alone in its pool it runs out of time. */
STAGE_TEST(work__c206_a_wait_with_a_time_limit_does_not_help)
{
    struct run waiting = {0}, awaited = {0};
    struct stage_gate gate;
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_work_t *work = stage_work(wait_a_while, &waiting, env);
    waiting.other = stage_work(note_thread, &awaited, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(tp_work_submit(waiting.other), TP_OK);
    stage_gate_open(&gate);
    stage_finish(work);
    stage_expect_eq((tp_status_t)tpp_load_acquire(&waiting.status), TP_ERR_TIMEOUT);
    stage_finish(waiting.other);
    stage_expect_eq(stage_value(&awaited.runs), 1);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

STAGE_TEST(work__c206_another_thread_of_the_pool_serves_it)
{
    struct run waiting = {0}, awaited = {0};
    struct stage_gate gate;
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_work_t *work = stage_work(wait_for_the_other, &waiting, env);
    tp_pool_t *pool = stage_pool(1, 1);
    stage_expect_eq(tp_env_set_pool(env, pool), TP_OK);
    waiting.other = stage_work(note_thread, &awaited, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(tp_work_submit(waiting.other), TP_OK);
    stage_gate_open(&gate);
    stage_finish(work);
    stage_finish(waiting.other);
    stage_expect_eq(stage_value(&awaited.runs), 1);
    stage_expect(tpp_peek(&awaited.thread) !=
                 tpp_peek(&waiting.thread)); /* another pool's: never helped */
    tp_env_destroy(env);
    stage_gate_fini(&gate);
    tp_pool_close(pool);
}

/* A wait inside a callback counts as blocking: a pool that may grow does, and work goes on. */
STAGE_TEST(work__c206_a_blocked_wait_makes_room_for_a_second_thread)
{
    struct run held = {0}, waiting = {0}, beside = {0};
    tp_pool_t *pool = stage_pool(2, 3), *other = stage_pool(0, 1);
    tp_env_t *env = stage_env(other);
    waiting.other = stage_work(hold, &held, env);
    stage_expect_eq(tp_env_set_pool(env, pool), TP_OK);
    tp_work_t *first = stage_work(wait_for_the_other, &waiting, env);
    tp_work_t *work = stage_work(count, &beside, env);
    stage_expect_eq(tp_work_submit(waiting.other), TP_OK);
    stage_await(&held.started, 1);
    stage_expect_eq(tp_work_submit_many(first, 2), TP_OK); /* both threads block */
    stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
    stage_finish(work); /* a third thread runs it */
    stage_expect_eq(stage_value(&beside.runs), 3);
    stage_expect_eq(stage_value(&waiting.runs), 0);
    stage_add(&held.open, 1);
    stage_finish(first);
    stage_finish(waiting.other);
    tp_env_destroy(env);
    tp_pool_close(pool);
    tp_pool_close(other);
}

STAGE_MAIN(STAGE_CASE(work__c062_close_from_its_own_callback),
           STAGE_CASE(work__c063_every_waiter_is_released),
           STAGE_CASE(work__c064_r04_a_cancel_wakes_the_other_waiters),
           STAGE_CASE(work__c205_waiting_for_itself_is_refused_and_cancels_nothing),
           STAGE_CASE(work__c205_c206_a_circle_on_one_thread_is_seen),
           STAGE_CASE(work__c206_a_wait_on_a_one_thread_pool_helps),
           STAGE_CASE(work__c206_a_wait_with_a_time_limit_does_not_help),
           STAGE_CASE(work__c206_another_thread_of_the_pool_serves_it),
           STAGE_CASE(work__c206_a_blocked_wait_makes_room_for_a_second_thread),
           STAGE_CASE(work__c207_r07_close_while_another_thread_waits),
           STAGE_CASE(work__c207_a_sleeping_waiter_is_released_after_the_close),
           STAGE_CASE_X(work__timeouts_report_and_cancel_keeps_dropped, .no_early = true),
           STAGE_CASE_X(work__a_wait_in_time_is_ok, .no_early = true))
