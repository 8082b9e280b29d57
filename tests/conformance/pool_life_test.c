/* pool_life_test.c - pools: stack, close, statistics. */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>

#include "tests/support/stage.h"

/* ---- callbacks ------------------------------------------------------------------------------- */

struct tally {
    stage_counter_t done;
};

static void count(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    (void)instance;
    (void)work;
    stage_add(&tally->done, 1);
}

static void count_simple(tp_callback_instance_t *instance, void *context)
{
    count(instance, context, NULL);
}

/* ---- stack ----------------------------------------------------------------------------------- */

STAGE_TEST(pool__c018_stack_round_trip)
{
    uint64_t reserve = 1, commit = 1;
    tp_pool_t *pool = stage_pool(0, 0);
    stage_expect_eq(tp_pool_get_stack(pool, &reserve, &commit), TP_OK);
    stage_expect(reserve > 0);
    stage_expect_eq(tp_pool_set_stack(pool, 3 << 20, 1 << 16), TP_OK);
    stage_expect_eq(tp_pool_get_stack(pool, &reserve, &commit), TP_OK);
    stage_expect_eq(reserve, 3 << 20);
    stage_expect_eq(commit, 1 << 16);
    stage_expect_eq(tp_pool_get_stack(pool, NULL, &commit), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_pool_get_stack(pool, &reserve, NULL), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_pool_get_stack(NULL, &reserve, &commit), TP_ERR_HANDLE);
    stage_expect_eq(reserve, 0);
    stage_expect_eq(commit, 0);
    tp_pool_close(pool);
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.stack_reserve = 3 << 20;
    config.stack_commit = 1 << 16;
    if (tp_pool_create(&config, &pool) != TP_OK)
        return;
    stage_expect_eq(tp_pool_get_stack(pool, &reserve, &commit), TP_OK);
    stage_expect_eq(reserve, 3 << 20);
    stage_expect_eq(commit, 1 << 16);
    tp_pool_close(pool);
}

struct stacks {
    stage_counter_t met;
    tpp_u32 next;
    size_t sizes[2];
};

/* Two callbacks that meet, each on its own thread. */
static void note_stack(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct stacks *stacks = context;
    pthread_attr_t attributes;
    void *address;
    (void)instance;
    (void)work;
    uint32_t nth = tpp_add_acq_rel(&stacks->next, 1);
    stage_expect_eq(pthread_getattr_np(pthread_self(), &attributes), 0);
    stage_expect_eq(pthread_attr_getstack(&attributes, &address, &stacks->sizes[nth % 2]), 0);
    pthread_attr_destroy(&attributes);
    stage_add(&stacks->met, 1);
    stage_await(&stacks->met, 2);
}

STAGE_TEST(pool__c019_stack_is_that_of_later_threads_only)
{
    struct stacks stacks = {0};
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(tp_pool_set_stack(pool, 40 << 20, 0), TP_OK);
    stage_expect_eq(tp_pool_set_thread_minimum(pool, 1), TP_OK);
    stage_expect_eq(tp_pool_set_stack(pool, 80 << 20, 0), TP_OK);
    stage_expect_eq(tp_pool_set_thread_minimum(pool, 2), TP_OK);
    tp_work_t *work = stage_work(note_stack, &stacks, env);
    stage_expect_eq(tp_work_submit_many(work, 2), TP_OK);
    stage_finish(work);
    size_t small = stacks.sizes[0] < stacks.sizes[1] ? stacks.sizes[0] : stacks.sizes[1];
    size_t large = stacks.sizes[0] + stacks.sizes[1] - small;
    stage_expect(small >= 40 << 20 && small < 44 << 20); /* larger than what may lie in a cache */
    stage_expect(large >= 80 << 20 && large < 84 << 20);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* ---- close ----------------------------------------------------------------------------------- */

static void close_gated_pool(struct stage_gate *gate)
{
    stage_expect_eq(tp_pool_close(gate->pool), TP_OK);
    gate->pool = NULL;
}

STAGE_TEST(pool__c020_close_drops_nothing_that_is_queued)
{
    struct stage_gate gate;
    struct tally tally = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_work_t *work = stage_work(count, &tally, env);
    stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &tally, env), TP_OK);
    close_gated_pool(&gate); /* returns although its only thread is blocked */
    stage_expect_eq(stage_value(&tally.done), 0);
    stage_gate_open(&gate);
    stage_finish(work);
    stage_await(&tally.done, 4);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

STAGE_TEST(pool__c021_objects_of_a_closed_pool_still_work)
{
    struct tally tally = {0};
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(count, &tally, env), *other;
    stage_expect_eq(tp_pool_close(pool), TP_OK);
    stage_expect_eq(tp_work_submit_many(work, 2), TP_OK);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(tp_pool_get_stats(pool, &stats), TP_ERR_HANDLE);
    stage_expect_eq(tp_pool_set_thread_maximum(pool, 3), TP_ERR_HANDLE);
    stage_expect_eq(tp_work_create(count, &tally, env, &other), TP_ERR_CLOSED);
    stage_expect(other == NULL);
    stage_expect_eq(tp_try_submit(count_simple, &tally, env), TP_ERR_CLOSED);
    stage_finish(work);
    stage_expect_eq(stage_value(&tally.done), 3);
    stage_expect_eq(tp_try_submit(count_simple, &tally, env), TP_ERR_CLOSED);
    tp_env_destroy(env);
}

static void close_it(void *context)
{
    stage_expect_eq(tp_pool_close(context), TP_OK);
}

/* An object is made in time and works, or its create says that it came too late. */
STAGE_TEST(pool__c021_a_create_that_races_with_the_close)
{
    for (int i = 0; i < stage_times(300, 1); i++) {
        struct tally tally = {0};
        tp_work_t *work;
        tp_pool_t *pool = stage_pool(0, 2);
        tp_env_t *env = stage_env(pool);
        stage_thread_t closer = stage_start(close_it, pool);
        tp_status_t simple = tp_try_submit(count_simple, &tally, env);
        tp_status_t status = tp_work_create(count, &tally, env, &work);
        stage_expect(simple == TP_OK || simple == TP_ERR_CLOSED);
        stage_expect(status == TP_OK || status == TP_ERR_CLOSED);
        stage_expect(status == TP_ERR_CLOSED || simple == TP_OK); /* closed stays closed */
        if (status == TP_OK) {
            stage_expect_eq(tp_work_submit(work), TP_OK);
            stage_finish(work);
        }
        stage_await(&tally.done, (simple == TP_OK) + (uint32_t)(status == TP_OK));
        stage_join(closer);
        tp_env_destroy(env);
    }
}

static void signal_event(tp_callback_instance_t *instance, void *context)
{
    (void)instance;
    stage_expect_eq(tp_event_set(context), TP_OK);
}

STAGE_TEST(pool__c022_close_while_the_last_callback_returns)
{
    for (int i = 0; i < stage_times(300, 1); i++) {
        tp_event_t *event;
        tp_wait_result_t result;
        tp_pool_t *pool = stage_pool(0, 2);
        tp_env_t *env = stage_env(pool);
        stage_expect_eq(tp_event_create(false, false, &event), TP_OK);
        stage_expect_eq(tp_try_submit(signal_event, event, env), TP_OK);
        stage_expect_eq(tp_waitable_wait(tp_waitable_event(event), TP_INFINITE, &result), TP_OK);
        stage_expect_eq(result, TP_WAIT_SIGNALED);
        tp_pool_close(pool);
        tp_event_close(event);
        tp_env_destroy(env);
    }
}

struct closer {
    tp_pool_t *pool;
    tp_status_t closed, again;
    stage_counter_t done;
};

static void close_own_pool(tp_callback_instance_t *instance, void *context)
{
    struct closer *closer = context;
    (void)instance;
    closer->closed = tp_pool_close(closer->pool);
    closer->again = tp_pool_close(closer->pool);
    stage_add(&closer->done, 1);
}

STAGE_TEST(pool__c023_close_from_a_callback_of_the_pool)
{
    struct closer closer = {.pool = stage_pool(0, 2), .again = TP_OK};
    uint32_t before = stage_library_threads();
    tp_env_t *env = stage_env(closer.pool);
    stage_expect_eq(tp_try_submit(close_own_pool, &closer, env), TP_OK);
    stage_await(&closer.done, 1);
    stage_expect_eq(closer.closed, TP_OK);
    stage_expect_eq(closer.again, TP_ERR_HANDLE);
    stage_expect(stage_library_threads_fall_to(before));
    tp_env_destroy(env);
}

STAGE_TEST(pool__c024_threads_end_with_the_last_object)
{
    struct tally tally = {0};
    uint32_t before = stage_library_threads();
    tp_pool_t *pool = stage_pool(2, 2);
    tp_env_t *env = stage_env(pool);
    tp_work_t *first = stage_work(count, &tally, env), *second = stage_work(count, &tally, env);
    tp_pool_close(pool);
    stage_finish(first);
    stage_expect(stage_library_threads() >= 1); /* somebody serves the second */
    stage_expect_eq(tp_work_submit(second), TP_OK);
    stage_finish(second);
    stage_expect_eq(stage_value(&tally.done), 1);
    stage_expect(stage_library_threads_fall_to(before));
    tp_env_destroy(env);
}

/* ---- statistics ------------------------------------------------------------------------------ */

STAGE_TEST(pool__statistics_are_exact)
{
    struct stage_gate gate;
    struct tally tally = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_work_t *works[3];
    for (uint32_t priority = 0; priority < 3; priority++) {
        tp_env_set_priority(env, priority);
        works[priority] = stage_work(count, &tally, env);
        stage_expect_eq(tp_work_submit_many(works[priority], priority + 2), TP_OK);
    }
    tp_pool_stats_t stats = stage_stats(gate.pool);
    stage_expect_eq(stats.pending[0], 2);
    stage_expect_eq(stats.pending[1], 3);
    stage_expect_eq(stats.pending[2], 4);
    stage_expect_eq(stats.submitted, 10); /* with the blocker */
    stage_expect_eq(stats.running, 1);
    stage_expect_eq(stats.executed, 0);
    stage_expect_eq(stats.threads, 1);
    stage_expect_eq(stats.idle_threads, 0);
    stage_expect_eq(tp_work_wait(works[1], true, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_stats(gate.pool).pending[1], 0);
    stage_expect_eq(stage_stats(gate.pool).cancelled, 3);
    stage_gate_open(&gate);
    for (uint32_t priority = 0; priority < 3; priority++)
        stage_finish(works[priority]);
    stage_expect_eq(tp_work_wait(gate.blocker, false, TP_INFINITE), TP_OK);
    stats = stage_stats(gate.pool);
    stage_expect_eq(stats.submitted, 10);
    stage_expect_eq(stats.executed, 7);
    stage_expect_eq(stats.cancelled, 3);
    stage_expect_eq(stats.running, 0);
    stage_expect_eq(stats.pending[0] + stats.pending[1] + stats.pending[2], 0);
    stage_expect_eq(stats.threads_created, 1);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* On an idle pool submitted = executed + cancelled, however the cancels fell. */
static void cancel_often(void *context)
{
    for (int i = 0; i < stage_times(50, 2); i++)
        stage_expect_eq(tp_work_wait(context, true, TP_INFINITE), TP_OK);
}

STAGE_TEST(pool__statistics_add_up_when_cancels_race)
{
    struct tally tally = {0};
    tp_pool_t *pool = stage_pool(0, 3);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(count, &tally, env);
    stage_thread_t canceller = stage_start(cancel_often, work);
    uint32_t posts = stage_times(500, 5);
    for (uint32_t i = 0; i < posts; i++)
        stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_join(canceller);
    stage_finish(work);
    tp_pool_stats_t stats = stage_stats(pool);
    stage_expect_eq(stats.submitted, posts);
    stage_expect_eq(stats.executed, stage_value(&tally.done));
    stage_expect_eq(stats.executed + stats.cancelled, posts);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_MAIN(STAGE_CASE(pool__c018_stack_round_trip),
           STAGE_CASE_X(pool__c019_stack_is_that_of_later_threads_only, .real_only = true),
           STAGE_CASE(pool__c020_close_drops_nothing_that_is_queued),
           STAGE_CASE(pool__c021_objects_of_a_closed_pool_still_work),
           STAGE_CASE(pool__c021_a_create_that_races_with_the_close),
           STAGE_CASE(pool__c022_close_while_the_last_callback_returns),
           STAGE_CASE(pool__c023_close_from_a_callback_of_the_pool),
           STAGE_CASE(pool__c024_threads_end_with_the_last_object),
           STAGE_CASE(pool__statistics_are_exact),
           STAGE_CASE(pool__statistics_add_up_when_cancels_race))
