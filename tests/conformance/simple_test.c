/* simple_test.c - simple callbacks: run once or refused; waited for, cancelled by a group. */
#include "tests/support/stage.h"

struct run {
    stage_counter_t started, open, runs, cancelled, released;
    tpp_u32 strange; /* wrong instance or context */
    tp_env_t *env;
    void *expected;
};

static void count(tp_callback_instance_t *instance, void *context)
{
    struct run *run = context;
    if (instance == NULL || run->expected != context)
        tpp_add_relaxed(&run->strange, 1);
    stage_add(&run->runs, 1);
}

static void hold(tp_callback_instance_t *instance, void *context)
{
    struct run *run = context;
    (void)instance;
    stage_add(&run->started, 1);
    stage_await(&run->open, 1);
    stage_add(&run->runs, 1);
}

static void count_cancel(void *object_context, void *cleanup_context)
{
    struct run *run = object_context;
    stage_expect(cleanup_context == &run->open);
    stage_add(&run->cancelled, 1);
}

static void count_release(void *context)
{
    struct run *run = context;
    stage_add(&run->released, 1);
}

static tp_cleanup_group_t *new_group(void)
{
    tp_cleanup_group_t *group;
    stage_expect_eq(tp_cleanup_group_create(&group), TP_OK);
    return group;
}

/* ---- run once -------------------------------------------------------------------------------- */

STAGE_TEST(simple__c043_runs_once_with_instance_and_context)
{
    uint32_t times = stage_times(200, 3);
    struct run run = {.expected = &run};
    tp_pool_t *pool = stage_pool(0, 3);
    tp_env_t *env = stage_env(pool);
    tp_env_set_context_release(env, count_release);
    for (uint32_t i = 0; i < times; i++)
        stage_expect_eq(tp_try_submit(count, &run, env), TP_OK);
    stage_await(&run.released, times);
    stage_expect_eq(stage_value(&run.runs), times);
    stage_expect_eq(tpp_load_acquire(&run.strange), 0);
    tp_pool_stats_t stats = stage_stats(pool);
    stage_expect_eq(stats.executed, times);
    stage_expect_eq(stats.submitted, times);
    stage_expect_eq(tp_try_submit(NULL, &run, env), TP_ERR_ARGUMENT);
    stage_expect_eq(stage_stats(pool).submitted, times);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(simple__c044_on_the_default_pool_and_on_a_private_one)
{
    struct run none = {.expected = &none}, plain = {.expected = &plain};
    struct run named = {.expected = &named}, own = {.expected = &own};
    tp_pool_t *pool = stage_pool(0, 0), *process;
    stage_expect_eq(tp_pool_default(&process), TP_OK);
    uint64_t before = stage_stats(process).submitted;
    tp_env_t *env = stage_env(NULL);
    stage_expect_eq(tp_try_submit(count, &none, NULL), TP_OK);
    stage_expect_eq(tp_try_submit(count, &plain, env), TP_OK);
    stage_expect_eq(tp_env_set_pool(env, process), TP_OK);
    stage_expect_eq(tp_try_submit(count, &named, env), TP_OK);
    stage_expect_eq(tp_env_set_pool(env, pool), TP_OK);
    stage_expect_eq(tp_try_submit(count, &own, env), TP_OK);
    stage_await(&none.runs, 1);
    stage_await(&plain.runs, 1);
    stage_await(&named.runs, 1);
    stage_await(&own.runs, 1);
    stage_expect_eq(stage_stats(process).submitted, before + 3);
    stage_expect_eq(stage_stats(pool).submitted, 1);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(simple__c045_refused_without_memory_and_never_runs)
{
    struct stage_gate gate;
    struct run run = {.expected = &run};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_env_set_context_release(env, count_release);
    uint32_t accepted = 0;
    tp_status_t status;
    stage_fail_allocations(true);
    while ((status = tp_try_submit(count, &run, env)) == TP_OK && accepted < 1000000)
        accepted++; /* until the slots that are there already are used up */
    stage_expect_eq(tp_try_submit(count, &run, env), TP_ERR_NO_MEMORY);
    stage_fail_allocations(false);
    stage_expect_eq(status, TP_ERR_NO_MEMORY);
    stage_expect_eq(stage_stats(gate.pool).submitted, accepted + 1); /* and the blocker */
    stage_expect_eq(stage_value(&run.released), 0);
    stage_expect_eq(tp_try_submit(count, &run, env), TP_OK);
    stage_gate_open(&gate);
    stage_await(&run.released, accepted + 1);
    stage_expect_eq(tpp_load_acquire(&run.strange), 0);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
    stage_expect_eq(stage_value(&run.runs), accepted + 1);
    stage_expect_eq(stage_value(&run.released), accepted + 1);
}

/* With every single allocation and thread start failing in turn: it runs once, or never. */
STAGE_TEST(simple__c045_any_failure_refuses_it_cleanly)
{
    struct run run = {.expected = &run};
    uint32_t accepted = 0;
    for (int i = 0; i < 3; i++) {
        tp_status_t status = tp_try_submit(count, &run, NULL);
        stage_expect(status == TP_OK || status == TP_ERR_NO_MEMORY || status == TP_ERR_NO_THREAD);
        accepted += status == TP_OK;
    }
    stage_await(&run.runs, accepted);
    stage_rest();
    stage_expect_eq(stage_value(&run.runs), accepted);
}

static void submit_another(tp_callback_instance_t *instance, void *context)
{
    struct run *run = context;
    (void)instance;
    stage_expect_eq(tp_try_submit(count, run, run->env), TP_OK);
    stage_add(&run->started, 1);
}

STAGE_TEST(simple__c049_a_simple_callback_submits_another)
{
    struct run run = {.expected = &run};
    tp_pool_t *pool = stage_pool(0, 1);
    run.env = stage_env(pool);
    stage_expect_eq(tp_try_submit(submit_another, &run, run.env), TP_OK);
    stage_await(&run.runs, 1);
    stage_await(&run.started, 1);
    tp_env_destroy(run.env);
    tp_pool_close(pool);
}

STAGE_TEST(simple__c211_a_hundred_posts_complete)
{
    struct run run = {.expected = &run};
    int64_t start = stage_now();
    for (int i = 0; i < 100; i++)
        stage_expect_eq(tp_try_submit(count, &run, NULL), TP_OK);
    stage_expect(stage_await_for(&run.runs, 100, 10 * STAGE_S));
    stage_expect(stage_now() - start < 10 * STAGE_S);
    stage_await(&run.runs, 100);
}

/* ---- in a group ------------------------------------------------------------------------------ */

struct closing {
    tp_cleanup_group_t *group;
    bool cancel;
    void *context;
    tp_status_t status;
    stage_counter_t returned;
};

static void close_members(void *context)
{
    struct closing *closing = context;
    closing->status =
        tp_cleanup_group_close_members(closing->group, closing->cancel, closing->context);
    stage_add(&closing->returned, 1);
}

STAGE_TEST(simple__c046_group_waits_for_it)
{
    struct run run = {.expected = &run};
    struct closing closing = {.group = new_group(), .context = &run.open};
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    tp_env_set_cleanup_group(env, closing.group, count_cancel);
    stage_expect_eq(tp_try_submit(hold, &run, env), TP_OK);
    stage_await(&run.started, 1);
    stage_expect_eq(tp_cleanup_group_close(closing.group), TP_ERR_BUSY);
    stage_thread_t closer = stage_start(close_members, &closing);
    stage_expect(!stage_await_for(&closing.returned, 1, 5 * STAGE_MS));
    stage_add(&run.open, 1);
    stage_join(closer);
    stage_expect_eq(closing.status, TP_OK);
    stage_expect_eq(stage_value(&run.runs), 1);
    stage_expect_eq(stage_value(&run.cancelled), 0);
    stage_expect_eq(tp_cleanup_group_close(closing.group), TP_OK);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

static bool something_dropped(void *pool)
{
    return stage_stats(pool).cancelled > 0;
}

/* What runs is waited for and not told; what is queued is told and never runs. */
STAGE_TEST(simple__c047_cancel_drops_what_has_not_started)
{
    uint32_t posts = stage_times(100, 8), most = 3;
    struct run run = {.expected = &run};
    struct closing closing = {.group = new_group(), .cancel = true, .context = &run.open};
    tp_pool_t *pool = stage_pool(most, most);
    tp_env_t *env = stage_env(pool);
    tp_env_set_cleanup_group(env, closing.group, count_cancel);
    tp_env_set_context_release(env, count_release);
    for (uint32_t i = 0; i < posts; i++)
        stage_expect_eq(tp_try_submit(hold, &run, env), TP_OK);
    stage_await(&run.started, 1);
    stage_thread_t closer = stage_start(close_members, &closing);
    stage_expect(stage_eventually(something_dropped, pool));
    stage_expect_eq(stage_value(&closing.returned), 0);
    stage_add(&run.open, 1);
    stage_join(closer);
    stage_expect_eq(closing.status, TP_OK);
    uint32_t runs = stage_value(&run.runs);
    stage_expect(runs >= 1 && runs <= most);
    stage_expect_eq(runs, stage_value(&run.started));
    stage_expect_eq(stage_value(&run.cancelled), posts - runs);
    stage_expect_eq(stage_value(&run.released), posts);
    stage_expect_eq(tp_cleanup_group_close(closing.group), TP_OK);
    tp_pool_stats_t stats = stage_stats(pool);
    stage_expect_eq(stats.executed, runs);
    stage_expect_eq(stats.executed + stats.cancelled, posts);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(simple__c048_finished_it_is_no_member)
{
    struct run run = {.expected = &run};
    struct stage_gate gate;
    tp_cleanup_group_t *group = new_group();
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_env_set_cleanup_group(env, group, count_cancel);
    stage_expect_eq(tp_try_submit(count, &run, env), TP_OK);
    stage_expect_eq(tp_cleanup_group_close(group), TP_ERR_BUSY);
    stage_gate_open(&gate);
    stage_await(&run.runs, 1);
    stage_gate_shut(&gate); /* the worker has left it for good: it is in the blocker now */
    stage_expect_eq(tp_cleanup_group_close_members(group, true, &run.open), TP_OK);
    stage_expect_eq(stage_value(&run.cancelled), 0);
    stage_expect_eq(tp_try_submit(count, &run, env), TP_OK);
    stage_gate_open(&gate);
    stage_await(&run.runs, 2);
    stage_gate_shut(&gate);
    stage_expect_eq(tp_cleanup_group_close(group), TP_OK); /* it left by itself */
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* Closing the group while its simple callback ends: waited for, or gone, never told. */
STAGE_TEST(simple__c048_finishing_while_the_group_closes_is_not_told)
{
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    for (int i = 0; i < stage_times(200, 1); i++) {
        struct run run = {.expected = &run};
        tp_cleanup_group_t *group = new_group();
        tp_env_set_cleanup_group(env, group, count_cancel);
        tp_env_set_context_release(env, count_release);
        stage_expect_eq(tp_try_submit(count, &run, env), TP_OK);
        stage_await(&run.runs, 1);
        stage_expect_eq(tp_cleanup_group_close_members(group, true, &run.open), TP_OK);
        stage_expect_eq(stage_value(&run.released), 1);
        stage_expect_eq(stage_value(&run.cancelled), 0);
        stage_expect_eq(tp_cleanup_group_close(group), TP_OK);
    }
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* ---- the limit of the queue ------------------------------------------------------------------ */

STAGE_TEST(simple__queue_limit_refuses_with_busy)
{
    struct run run = {.expected = &run};
    struct stage_gate gate;
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_cleanup_group_t *group = new_group();
    config.queue_limit = 3;
    stage_gate_init(&gate, &config);
    tp_env_t *env = stage_gate_env(&gate);
    tp_env_set_cleanup_group(env, group, count_cancel);
    tp_env_set_context_release(env, count_release);
    for (int round = 0; round < 2; round++) { /* the second after a cancel, which gives back */
        for (int i = 0; i < 3; i++)
            stage_expect_eq(tp_try_submit(count, &run, env), TP_OK);
        stage_expect_eq(tp_try_submit(count, &run, env), TP_ERR_BUSY);
        stage_expect_eq(stage_misuses(), 0); /* busy is no misuse */
        stage_expect_eq(tp_cleanup_group_close_members(group, true, &run.open), TP_OK);
    }
    stage_expect_eq(stage_value(&run.cancelled), 6);
    stage_expect_eq(stage_value(&run.released), 6);
    stage_expect_eq(stage_value(&run.runs), 0);
    for (int round = 0; round < 2; round++) { /* and after they ran */
        for (int i = 0; i < 3; i++)
            stage_expect_eq(tp_try_submit(count, &run, env), TP_OK);
        stage_expect_eq(tp_try_submit(count, &run, env), TP_ERR_BUSY);
        stage_gate_open(&gate);
        stage_gate_shut(&gate); /* in post order: the three have run before the blocker */
        stage_expect_eq(stage_value(&run.runs), 3 * ((uint32_t)round + 1));
    }
    stage_expect_eq(stage_value(&run.released), 12);
    stage_expect_eq(tp_cleanup_group_close(group), TP_OK);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* What runs does not count against the limit, nor do work objects. */
STAGE_TEST(simple__queue_limit_counts_only_what_is_pending)
{
    struct run run = {.expected = &run};
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    config.queue_limit = 1;
    config.thread_maximum = 1;
    stage_expect_eq(tp_pool_create(&config, &pool), TP_OK);
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(tp_try_submit(hold, &run, env), TP_OK);
    stage_await(&run.started, 1);
    stage_expect_eq(tp_try_submit(hold, &run, env), TP_OK);
    stage_expect_eq(tp_try_submit(hold, &run, env), TP_ERR_BUSY);
    stage_add(&run.open, 1);
    stage_await(&run.runs, 2);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_MAIN(STAGE_CASE(simple__c043_runs_once_with_instance_and_context),
           STAGE_CASE(simple__c044_on_the_default_pool_and_on_a_private_one),
           STAGE_CASE(simple__c045_refused_without_memory_and_never_runs),
           STAGE_CASE_X(simple__c045_any_failure_refuses_it_cleanly, .faults = true),
           STAGE_CASE(simple__c046_group_waits_for_it),
           STAGE_CASE(simple__c047_cancel_drops_what_has_not_started),
           STAGE_CASE(simple__c048_finished_it_is_no_member),
           STAGE_CASE(simple__c048_finishing_while_the_group_closes_is_not_told),
           STAGE_CASE(simple__c049_a_simple_callback_submits_another),
           STAGE_CASE_X(simple__c211_a_hundred_posts_complete, .no_early = true),
           STAGE_CASE(simple__queue_limit_refuses_with_busy),
           STAGE_CASE(simple__queue_limit_counts_only_what_is_pending))
