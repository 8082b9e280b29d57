/* thread_test.c - which thread a callback gets, and that it gets one, whatever threads do. */
#include "tests/support/stage.h"

#define SHORT_IDLE (5 * STAGE_MS)

struct tally {
    tp_pool_t *pool;
    tp_env_t *env;
    stage_counter_t started, done, go;
    tpp_u64 thread;
    tp_status_t status;
};

static void count(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    (void)instance;
    (void)work;
    stage_add(&tally->done, 1);
}

/* ---- declared: runs long --------------------------------------------------------------------- */

static void stay_until_go(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    (void)work;
    tally->status = tp_callback_may_run_long(instance);
    stage_add(&tally->started, 1);
    stage_await(&tally->go, 1);
}

/* A pool of at most two, one of them in a callback whose environment says that it runs long. */
static tp_work_t *begin_long(struct tally *tally)
{
    tally->pool = stage_pool(0, 2);
    tally->env = stage_env(tally->pool);
    stage_expect_eq(tp_env_set_runs_long(tally->env, true), TP_OK);
    tp_work_t *work = stage_work(stay_until_go, tally, tally->env);
    stage_expect_eq(tp_env_set_runs_long(tally->env, false), TP_OK);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_await(&tally->started, 1);
    return work;
}

static void end_long(struct tally *tally, tp_work_t *work)
{
    stage_add(&tally->go, 1);
    stage_finish(work);
    tp_env_destroy(tally->env);
    tp_pool_close(tally->pool);
}

STAGE_TEST(thread__c036_runs_long_lets_the_next_post_in_at_once)
{
    struct tally tally = {0};
    tp_work_t *work = begin_long(&tally), *next = stage_work(count, &tally, tally.env);
    stage_expect_eq(tp_work_submit(next), TP_OK);
    stage_await(&tally.done, 1);
    stage_expect_eq(stage_stats(tally.pool).threads_injected, 0); /* it did not wait for the gate */
    stage_finish(next);
    end_long(&tally, work);
}

STAGE_TEST(thread__c037_may_run_long_is_granted_where_runs_long_was_said)
{
    struct tally tally = {0};
    tp_work_t *work = begin_long(&tally);
    stage_expect_eq(tally.status, TP_OK);
    end_long(&tally, work);
}

/* ---- persistent ------------------------------------------------------------------------------ */

static void note_thread(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    uint64_t before = tpp_load_acquire(&tally->thread);
    (void)instance;
    (void)work;
    stage_expect(before == 0 || before == stage_self());
    tpp_store_release(&tally->thread, stage_self());
    stage_add(&tally->done, 1);
}

STAGE_TEST(thread__c038_persistent_callbacks_stay_on_one_thread)
{
    struct tally tally = {0}, other = {0};
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    config.thread_maximum = 3;
    config.idle_timeout = SHORT_IDLE;
    stage_expect_eq(tp_pool_create(&config, &pool), TP_OK);
    tp_env_t *env = stage_env(pool);
    tp_work_t *ordinary = stage_work(count, &other, env);
    stage_expect_eq(tp_env_set_persistent(env, true), TP_OK);
    tp_work_t *first = stage_work(note_thread, &tally, env);
    tp_work_t *second = stage_work(note_thread, &tally, env);
    for (uint32_t i = 1; i <= 3; i++) {
        stage_expect_eq(tp_work_submit_many(ordinary, 3), TP_OK);
        stage_expect_eq(tp_work_submit(i & 1 ? first : second), TP_OK);
        stage_await(&tally.done, i);
        stage_pass(3 * SHORT_IDLE);
    }
    stage_finish(first);
    stage_finish(second);
    stage_finish(ordinary);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* ---- threads that come and go ---------------------------------------------------------------- */

STAGE_TEST(thread__r16_post_meets_a_worker_that_retires)
{
    struct tally tally = {0};
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_maximum = 2;
    config.idle_timeout = STAGE_MS;
    stage_expect_eq(tp_pool_create(&config, &tally.pool), TP_OK);
    tally.env = stage_env(tally.pool);
    for (uint32_t i = 1; i <= stage_times(300, 3); i++) { /* without an object the last one goes */
        tp_work_t *work = stage_work(count, &tally, tally.env);
        stage_expect_eq(tp_work_submit_many(work, 2), TP_OK);
        stage_await(&tally.done, 2 * i);
        stage_expect_eq(tp_work_close(work), TP_OK);
        stage_pass(STAGE_MS);
    }
    tp_env_destroy(tally.env);
    tp_pool_close(tally.pool);
}

#define PARTY 3u

static void meet(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    (void)instance;
    (void)work;
    stage_add(&tally->started, 1);
    stage_await(&tally->started, PARTY);
}

STAGE_TEST(thread__r17_posts_of_one_object_run_side_by_side)
{
    struct tally tally = {0};
    tally.pool = stage_pool(0, PARTY);
    tally.env = stage_env(tally.pool);
    tp_work_t *work = stage_work(meet, &tally, tally.env);
    stage_expect_eq(tp_work_submit_many(work, PARTY), TP_OK);
    stage_finish(work);
    stage_expect_eq(stage_value(&tally.started), PARTY);
    tp_env_destroy(tally.env);
    tp_pool_close(tally.pool);
}

static void close_all(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    (void)instance;
    stage_expect_eq(tp_pool_close(tally->pool), TP_OK);
    stage_expect_eq(tp_work_close(work), TP_OK);
    stage_add(&tally->done, 1);
}

STAGE_TEST(thread__r20_worker_lets_go_of_the_pool_it_runs_in)
{
    uint32_t before = stage_library_threads();
    for (uint32_t i = 0; i < stage_times(200, 2); i++) {
        struct tally tally = {0};
        tally.pool = stage_pool(0, 2);
        tally.env = stage_env(tally.pool);
        tp_work_t *work = stage_work(close_all, &tally, tally.env);
        tp_env_destroy(tally.env);
        stage_expect_eq(tp_work_submit(work), TP_OK);
        stage_await(&tally.done, 1);
    }
    stage_expect(stage_library_threads_fall_to(before));
}

static void change_limits(void *context)
{
    struct tally *tally = context;
    for (uint32_t i = 0; i < stage_times(200, 2); i++) {
        stage_expect_eq(tp_pool_set_thread_maximum(tally->pool, 1 + i % 4), TP_OK);
        stage_expect_eq(tp_pool_set_thread_minimum(tally->pool, i % 3), TP_OK);
    }
    stage_expect_eq(tp_pool_set_thread_maximum(tally->pool, 2), TP_OK);
}

STAGE_TEST(thread__r38_limits_change_while_threads_come_and_go)
{
    struct tally tally = {0};
    uint32_t posts = stage_times(20000, 8);
    tally.pool = stage_pool(0, 4);
    tally.env = stage_env(tally.pool);
    tp_work_t *work = stage_work(count, &tally, tally.env);
    stage_thread_t changer = stage_start(change_limits, &tally);
    for (uint32_t i = 0; i < posts; i++)
        stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_join(changer);
    stage_finish(work);
    stage_expect_eq(stage_value(&tally.done), posts);
    stage_expect(stage_stats(tally.pool).thread_maximum <= 2);
    tp_env_destroy(tally.env);
    tp_pool_close(tally.pool);
}

STAGE_MAIN(STAGE_CASE_X(thread__c036_runs_long_lets_the_next_post_in_at_once, .no_weak = true),
           STAGE_CASE_X(thread__c037_may_run_long_is_granted_where_runs_long_was_said,
                        .no_weak = true),
           STAGE_CASE(thread__c038_persistent_callbacks_stay_on_one_thread),
           STAGE_CASE(thread__r16_post_meets_a_worker_that_retires),
           STAGE_CASE(thread__r17_posts_of_one_object_run_side_by_side),
           STAGE_CASE(thread__r20_worker_lets_go_of_the_pool_it_runs_in),
           STAGE_CASE(thread__r38_limits_change_while_threads_come_and_go))
