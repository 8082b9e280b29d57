/* pool_test.c - pools: creation, threads on demand and within limits, the default pool. */
#include <string.h>

#include "tests/support/stage.h"

#define SHORT_IDLE (2 * STAGE_MS)

/* ---- callbacks ------------------------------------------------------------------------------- */

struct tally {
    stage_counter_t started, open, done;
    struct stage_peak peak;
    tpp_u64 threads[4]; /* who ran the nth callback */
};

static void count(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    (void)instance;
    (void)work;
    stage_enter(&tally->peak);
    stage_leave(&tally->peak);
    stage_add(&tally->done, 1);
}

/* Says that it started, then waits until it is let go. */
static void hold(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    (void)instance;
    (void)work;
    stage_enter(&tally->peak);
    stage_add(&tally->started, 1);
    stage_await(&tally->open, 1);
    stage_leave(&tally->peak);
    stage_add(&tally->done, 1);
}

static void note_thread(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    (void)instance;
    (void)work;
    uint32_t nth = stage_value(&tally->done);
    if (nth < 4)
        tpp_store_release(&tally->threads[nth], stage_self());
    stage_add(&tally->done, 1);
}

static bool has_no_thread(void *pool)
{
    return stage_stats(pool).threads == 0;
}

static bool has_one_thread(void *pool)
{
    return stage_stats(pool).threads == 1;
}

static bool has_two_threads(void *pool)
{
    return stage_stats(pool).threads == 2;
}

/* ---- creation -------------------------------------------------------------------------------- */

STAGE_TEST(pool__c001_create_and_close_leaves_no_thread)
{
    uint32_t before = stage_library_threads();
    tp_pool_t *pool = NULL;
    stage_expect_eq(tp_pool_create(NULL, &pool), TP_OK);
    stage_require(pool != NULL);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
    pool = stage_pool(2, 2);
    stage_expect(stage_library_threads() >= 2);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
    stage_expect(stage_library_threads_fall_to(before));
    stage_expect_eq(tp_pool_close(pool), TP_ERR_HANDLE);
}

STAGE_TEST(pool__c003_no_thread_before_the_first_object)
{
    struct tally tally = {0};
    tp_pool_t *pool = stage_pool(0, 0);
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(stage_stats(pool).threads_created, 0);
    tp_work_t *work = stage_work(count, &tally, env);
    stage_expect_eq(stage_stats(pool).threads_created, 1);
    stage_expect_eq(stage_stats(pool).threads, 1);
    stage_finish(work);
    tp_pool_close(pool);

    pool = stage_pool(0, 0);
    stage_expect_eq(tp_pool_set_thread_minimum(pool, 2), TP_OK);
    stage_expect_eq(stage_stats(pool).threads, 2);
    tp_pool_close(pool);
    tp_env_destroy(env);
}

STAGE_TEST(pool__c017_default_limits)
{
    tp_pool_t *pool = stage_pool(0, 0), *process;
    stage_expect_eq(tp_pool_default(&process), TP_OK);
    tp_pool_stats_t stats = stage_stats(pool), shared = stage_stats(process);
    stage_expect_eq(stats.thread_minimum, 0);
    stage_expect_eq(stats.thread_maximum, 500);
    stage_expect_eq(shared.thread_minimum, 0);
    stage_expect_eq(shared.thread_maximum, 500);
    tp_pool_close(pool);
}

static void refused(tp_pool_config_t config, tp_status_t status)
{
    tp_pool_t *pool = (tp_pool_t *)&config;
    stage_expect_eq(tp_pool_create(&config, &pool), status);
    stage_expect(pool == NULL);
}

STAGE_TEST(pool__a_bad_configuration_is_refused)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    refused((tp_pool_config_t){.struct_size = sizeof config, .flags = 2}, TP_ERR_ARGUMENT);
    refused((tp_pool_config_t){.struct_size = sizeof config,
                               .flags = TP_POOL_CALLER_DRIVEN,
                               .thread_minimum = 1},
            TP_ERR_ARGUMENT);
    refused((tp_pool_config_t){.struct_size = sizeof config, .thread_minimum = 4001},
            TP_ERR_ARGUMENT);
    refused((tp_pool_config_t){.struct_size = sizeof config, .thread_maximum = 4001},
            TP_ERR_ARGUMENT);
    refused((tp_pool_config_t){.struct_size = sizeof config, .idle_timeout = -1}, TP_ERR_ARGUMENT);
    refused((tp_pool_config_t){.struct_size = sizeof config, .stall_threshold = -1},
            TP_ERR_ARGUMENT);
    refused((tp_pool_config_t){.struct_size = sizeof config, .io_backend = 3}, TP_ERR_ARGUMENT);
    refused((tp_pool_config_t){.struct_size = sizeof config, .stack_reserve = UINT64_MAX},
            TP_ERR_ARGUMENT);
    refused((tp_pool_config_t){.struct_size = sizeof config, .stack_commit = UINT64_MAX},
            TP_ERR_ARGUMENT);
    stage_expect_eq(stage_misuses(), 9);
    stage_expect_eq(tp_pool_create(&config, NULL), TP_ERR_ARGUMENT);
    stage_expect(strcmp(stage_misuse_function(), "tp_pool_create") == 0);
    config.thread_minimum = 3;
    config.thread_maximum = 2; /* D-05: the maximum rises */
    tp_pool_t *pool;
    stage_expect_eq(tp_pool_create(&config, &pool), TP_OK);
    stage_expect_eq(stage_stats(pool).thread_maximum, 3);
    stage_expect_eq(stage_stats(pool).threads, 3);
    tp_pool_close(pool);
}

/* ---- independence and limits ----------------------------------------------------------------- */

STAGE_TEST(pool__c004_a_blocked_pool_delays_no_other)
{
    struct stage_gate gate;
    struct tally behind = {0}, beside = {0}, shared = {0};
    stage_gate_init(&gate, NULL);
    tp_pool_t *other = stage_pool(0, 1);
    tp_env_t *gate_env = stage_gate_env(&gate), *env = stage_env(other);
    tp_work_t *stuck = stage_work(count, &behind, gate_env);
    tp_work_t *free_one = stage_work(count, &beside, env);
    tp_work_t *default_one = stage_work(count, &shared, NULL);
    stage_expect_eq(tp_work_submit(stuck), TP_OK);
    stage_expect_eq(tp_work_submit(free_one), TP_OK);
    stage_expect_eq(tp_work_submit(default_one), TP_OK);
    stage_finish(free_one);
    stage_finish(default_one);
    stage_expect_eq(stage_value(&beside.done), 1);
    stage_expect_eq(stage_value(&shared.done), 1);
    stage_expect_eq(stage_value(&behind.done), 0);
    stage_gate_open(&gate);
    stage_finish(stuck);
    stage_expect_eq(stage_value(&behind.done), 1);
    tp_env_destroy(gate_env);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
    tp_pool_close(other);
}

/* Posts of three objects, made by two threads, never more than `maximum` at once. `runs_long`
 * makes the pool go to its maximum, whatever the number of processors. */
struct crowd {
    tp_work_t *works[3];
    uint32_t rounds;
};

static void submit_rounds(void *context)
{
    struct crowd *crowd = context;
    for (uint32_t i = 0; i < crowd->rounds; i++)
        for (uint32_t k = 0; k < 3; k++)
            stage_expect_eq(tp_work_submit(crowd->works[k]), TP_OK);
}

static void crowd_in(tp_pool_t *pool, uint32_t maximum, bool runs_long)
{
    struct crowd crowd = {.rounds = stage_times(60, 3)};
    struct tally tally = {0};
    tp_env_t *env = stage_env(pool);
    tp_env_set_runs_long(env, runs_long);
    for (uint32_t k = 0; k < 3; k++)
        crowd.works[k] = stage_work(count, &tally, env);
    stage_thread_t other = stage_start(submit_rounds, &crowd);
    submit_rounds(&crowd);
    stage_join(other);
    for (uint32_t k = 0; k < 3; k++)
        stage_finish(crowd.works[k]);
    stage_expect_eq(stage_value(&tally.done), 2 * 3 * crowd.rounds);
    stage_expect(stage_most(&tally.peak) <= maximum);
    stage_expect(stage_stats(pool).threads_peak <= maximum);
    tp_env_destroy(env);
}

STAGE_TEST(pool__c005_maximum_of_one_never_overlaps)
{
    tp_pool_t *pool = stage_pool(0, 1);
    crowd_in(pool, 1, false);
    crowd_in(pool, 1, true);
    tp_pool_close(pool);
}

STAGE_TEST(pool__c008_never_more_than_the_maximum)
{
    tp_pool_t *pool = stage_pool(0, 3);
    crowd_in(pool, 3, true);
    tp_pool_close(pool);
}

STAGE_TEST(pool__c009_maximum_zero_counts_as_one)
{
    tp_pool_t *pool = stage_pool(0, 4);
    stage_expect_eq(tp_pool_set_thread_maximum(pool, 0), TP_OK);
    stage_expect_eq(stage_stats(pool).thread_maximum, 1);
    crowd_in(pool, 1, true);
    tp_pool_close(pool);
}

STAGE_TEST(pool__c010_minimum_exists_on_return)
{
    tp_pool_t *pool = stage_pool(0, 0);
    stage_expect_eq(tp_pool_set_thread_minimum(pool, 4), TP_OK);
    tp_pool_stats_t stats = stage_stats(pool);
    stage_expect_eq(stats.threads, 4);
    stage_expect_eq(stats.threads_created, 4);
    stage_expect_eq(stats.thread_minimum, 4);
    stage_expect(stage_library_threads() >= 4);
    tp_pool_close(pool);
    pool = stage_pool(3, 0);
    stage_expect_eq(stage_stats(pool).threads, 3);
    stage_expect_eq(tp_pool_set_thread_minimum(pool, 4001), TP_ERR_ARGUMENT);
    stage_expect_eq(stage_stats(pool).thread_minimum, 3);
    tp_pool_close(pool);
}

/* A pool whose minimum could not be had is as it was, and works. */
static void check_after_failure(tp_pool_t *pool, tp_status_t status, uint32_t minimum)
{
    tp_pool_stats_t stats = stage_stats(pool);
    stage_expect(status == TP_ERR_NO_THREAD || status == TP_ERR_NO_MEMORY);
    stage_expect_eq(stats.thread_minimum, minimum);
    stage_expect_eq(stats.thread_maximum, 4);
    stage_expect(stats.threads < 6);
    stage_expect(stats.thread_create_failures > 0);
}

STAGE_TEST(pool__c011_failing_minimum_leaves_the_pool_as_it_was)
{
    struct tally tally = {0};
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    tp_env_t *env;
    tp_work_t *work;
    config.thread_minimum = 1;
    config.thread_maximum = 4;
    if (tp_pool_create(&config, &pool) != TP_OK)
        return;
    tp_status_t status = tp_pool_set_thread_minimum(pool, 6);
    if (status == TP_OK)
        stage_expect_eq(stage_stats(pool).threads, 6);
    else
        check_after_failure(pool, status, 1);
    if (tp_env_create(&env) == TP_OK) {
        tp_env_set_pool(env, pool);
        if (tp_work_create(count, &tally, env, &work) == TP_OK) {
            tp_work_submit_many(work, 5);
            stage_finish(work);
            stage_expect_eq(stage_value(&tally.done), 5);
        }
        tp_env_destroy(env);
    }
    tp_pool_close(pool);
}

/* On real threads a stack that no address space holds makes every start fail. */
STAGE_TEST(pool__c011_no_thread_for_an_impossible_stack)
{
    struct tally tally = {0};
    tp_pool_t *pool = stage_pool(1, 4);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(count, &tally, env);
    stage_expect_eq(tp_pool_set_stack(pool, UINT64_C(1) << 48, 0), TP_OK);
    tp_status_t status = tp_pool_set_thread_minimum(pool, 6);
    check_after_failure(pool, status, 1);
    stage_expect_eq(tp_work_submit_many(work, 20), TP_OK);
    stage_finish(work);
    stage_expect_eq(stage_value(&tally.done), 20);
    stage_expect_eq(tp_pool_set_stack(pool, UINT64_MAX, 0), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_pool_set_stack(pool, 0, UINT64_MAX), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_pool_set_stack(pool, 0, 0), TP_OK);
    stage_expect_eq(tp_pool_set_thread_minimum(pool, 6), TP_OK);
    stage_expect_eq(stage_stats(pool).threads, 6);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

static void meet(tp_pool_t *pool, uint32_t parties)
{
    struct tally tally = {0};
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(hold, &tally, env);
    stage_expect_eq(tp_work_submit_many(work, parties), TP_OK);
    stage_await(&tally.started, parties);
    stage_expect_eq(stage_most(&tally.peak), parties);
    stage_add(&tally.open, 1);
    stage_finish(work);
    tp_env_destroy(env);
}

STAGE_TEST(pool__c012_minimum_above_the_maximum_raises_it)
{
    tp_pool_t *pool = stage_pool(0, 0);
    stage_expect_eq(tp_pool_set_thread_maximum(pool, 2), TP_OK);
    stage_expect_eq(tp_pool_set_thread_minimum(pool, 4), TP_OK);
    stage_expect_eq(stage_stats(pool).thread_maximum, 4);
    stage_expect_eq(stage_stats(pool).thread_minimum, 4);
    meet(pool, 4);
    tp_pool_close(pool);
}

STAGE_TEST(pool__c013_maximum_below_the_minimum_lowers_it)
{
    tp_pool_t *pool = stage_pool(0, 0);
    stage_expect_eq(tp_pool_set_thread_minimum(pool, 4), TP_OK);
    meet(pool, 4);
    stage_expect_eq(tp_pool_set_thread_maximum(pool, 2), TP_OK);
    stage_expect_eq(stage_stats(pool).thread_maximum, 2);
    stage_expect_eq(stage_stats(pool).thread_minimum, 2);
    stage_expect(stage_eventually(has_two_threads, pool));
    struct tally tally = {0};
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(count, &tally, env);
    tp_work_submit_many(work, stage_times(100, 6));
    stage_finish(work);
    stage_expect(stage_most(&tally.peak) <= 2);
    meet(pool, 2);
    stage_expect_eq(stage_stats(pool).threads, 2);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(pool__c014_one_thread_for_ever)
{
    struct tally tally = {0};
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    config.thread_minimum = config.thread_maximum = 1;
    config.idle_timeout = SHORT_IDLE;
    stage_expect_eq(tp_pool_create(&config, &pool), TP_OK);
    tp_env_t *env = stage_env(pool);
    for (uint32_t i = 0; i < 3; i++) { /* also without any object in between */
        tp_work_t *work = stage_work(note_thread, &tally, env);
        tp_work_submit(work);
        stage_finish(work);
        stage_pass(3 * SHORT_IDLE);
    }
    stage_expect(tpp_load_acquire(&tally.threads[0]) != 0);
    stage_expect(tpp_load_acquire(&tally.threads[0]) == tpp_load_acquire(&tally.threads[1]));
    stage_expect(tpp_load_acquire(&tally.threads[0]) == tpp_load_acquire(&tally.threads[2]));
    stage_expect_eq(stage_stats(pool).threads_created, 1);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(pool__c015_idle_threads_retire_and_come_back)
{
    struct tally tally = {0};
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    config.idle_timeout = SHORT_IDLE;
    config.thread_minimum = 3;
    stage_expect_eq(tp_pool_create(&config, &pool), TP_OK);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(count, &tally, env);
    tp_work_submit_many(work, 3);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_pool_set_thread_minimum(pool, 0), TP_OK);
    stage_expect(stage_eventually(has_one_thread, pool)); /* one stays while there is an object */
    stage_pass(3 * SHORT_IDLE);
    stage_expect_eq(stage_stats(pool).threads, 1);
    stage_finish(work);
    stage_expect(stage_eventually(has_no_thread, pool));
    tp_pool_stats_t stats = stage_stats(pool);
    stage_expect_eq(stats.threads_retired, stats.threads_created);
    work = stage_work(count, &tally, env);
    tp_work_submit(work);
    stage_finish(work);
    stage_expect_eq(stage_value(&tally.done), 4);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(pool__c016_lower_maximum_disturbs_no_running_callback)
{
    struct tally tally = {0};
    tp_pool_t *pool = stage_pool(3, 3);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(hold, &tally, env);
    stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
    stage_await(&tally.started, 3);
    stage_expect_eq(tp_pool_set_thread_maximum(pool, 1), TP_OK);
    stage_expect_eq(stage_value(&tally.done), 0);
    stage_expect_eq(stage_stats(pool).running, 3);
    stage_add(&tally.open, 1);
    stage_finish(work);
    stage_expect_eq(stage_value(&tally.done), 3);
    stage_expect(stage_eventually(has_one_thread, pool));
    crowd_in(pool, 3, true); /* three is the peak of before */
    struct tally later = {0};
    work = stage_work(count, &later, env);
    tp_work_submit_many(work, 10);
    stage_finish(work);
    stage_expect_eq(stage_most(&later.peak), 1);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

struct hooks {
    stage_counter_t started, stopped;
};

static void on_start(void *context)
{
    stage_add(&((struct hooks *)context)->started, 1);
}

static void on_stop(void *context)
{
    stage_add(&((struct hooks *)context)->stopped, 1);
}

STAGE_TEST(pool__thread_hooks_run_once_per_thread)
{
    struct hooks hooks = {0};
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    config.thread_minimum = config.thread_maximum = 3;
    config.on_thread_start = on_start;
    config.on_thread_stop = on_stop;
    config.hook_context = &hooks;
    stage_expect_eq(tp_pool_create(&config, &pool), TP_OK);
    stage_await(&hooks.started, 3);
    meet(pool, 3);
    stage_expect_eq(stage_value(&hooks.stopped), 0);
    uint32_t created = (uint32_t)stage_stats(pool).threads_created;
    tp_pool_close(pool);
    stage_await(&hooks.stopped, created);
    stage_expect_eq(stage_value(&hooks.started), created);
}

/* ---- handles that are none, and the default pool --------------------------------------------- */

STAGE_TEST(pool__c025_null_changes_nothing)
{
    tp_pool_t *process, *same;
    stage_expect_eq(tp_pool_default(&process), TP_OK);
    tp_pool_stats_t before = stage_stats(process);
    stage_expect_eq(tp_pool_set_thread_minimum(NULL, 3), TP_ERR_HANDLE);
    stage_expect_eq(tp_pool_set_thread_maximum(NULL, 3), TP_ERR_HANDLE);
    stage_expect_eq(stage_misuses(), 2);
    stage_expect_eq(stage_misuse_status(), TP_ERR_HANDLE);
    stage_expect(strcmp(stage_misuse_function(), "tp_pool_set_thread_maximum") == 0);
    stage_expect_eq(tp_pool_close(NULL), TP_OK);
    stage_expect_eq(stage_misuses(), 2);
    stage_expect_eq(tp_pool_default(&same), TP_OK);
    tp_pool_stats_t after = stage_stats(process);
    stage_expect(same == process);
    stage_expect_eq(after.thread_minimum, before.thread_minimum);
    stage_expect_eq(after.thread_maximum, before.thread_maximum);
}

STAGE_TEST(pool__default_pool_refuses_limits_stack_and_close)
{
    struct tally tally = {0};
    tp_pool_t *pool;
    uint64_t reserve, commit, reserve_after, commit_after;
    stage_expect_eq(tp_pool_default(&pool), TP_OK);
    stage_expect_eq(tp_pool_get_stack(pool, &reserve, &commit), TP_OK);
    stage_expect_eq(tp_pool_set_thread_minimum(pool, 3), TP_ERR_UNSUPPORTED);
    stage_expect_eq(tp_pool_set_thread_maximum(pool, 3), TP_ERR_UNSUPPORTED);
    stage_expect_eq(tp_pool_set_stack(pool, 1 << 20, 0), TP_ERR_UNSUPPORTED);
    stage_expect_eq(tp_pool_close(pool), TP_ERR_UNSUPPORTED);
    stage_expect_eq(stage_misuses(), 4);
    tp_pool_stats_t stats = stage_stats(pool);
    stage_expect_eq(stats.thread_minimum, 0);
    stage_expect_eq(stats.thread_maximum, 500);
    stage_expect_eq(tp_pool_get_stack(pool, &reserve_after, &commit_after), TP_OK);
    stage_expect(reserve == reserve_after && commit == commit_after);
    stage_expect_eq(tp_pool_default(NULL), TP_ERR_ARGUMENT);
    tp_work_t *work = stage_work(count, &tally, NULL);
    tp_work_submit(work);
    stage_finish(work);
    stage_expect_eq(stage_value(&tally.done), 1);
}

struct first_use {
    stage_counter_t ready, start;
    uint32_t times;
    tpp_ptr pool; /* the first one seen */
    stage_counter_t strangers, done;
};

static void done_once(tp_callback_instance_t *instance, void *context)
{
    struct first_use *use = context;
    (void)instance;
    stage_add(&use->done, 1);
}

static void use_default(void *context)
{
    struct first_use *use = context;
    stage_add(&use->ready, 1);
    stage_await(&use->start, 1);
    for (uint32_t i = 0; i < use->times; i++) {
        tp_pool_t *pool;
        void *none = NULL;
        stage_expect_eq(tp_try_submit(done_once, use, NULL), TP_OK);
        stage_expect_eq(tp_pool_default(&pool), TP_OK);
        if (!tpp_cas_acq_rel(&use->pool, &none, pool) && none != pool)
            stage_add(&use->strangers, 1);
    }
}

/* First in the program: on real threads the default pool is made only once. */
STAGE_TEST(pool__c026_r37_concurrent_first_uses_make_one_default_pool)
{
    struct first_use use = {.times = stage_times(63, 1)};
    uint32_t threads = stage_times(16, 3);
    stage_thread_t thread[16];
    for (uint32_t i = 0; i < threads; i++)
        thread[i] = stage_start(use_default, &use);
    stage_await(&use.ready, threads);
    stage_add(&use.start, 1);
    for (uint32_t i = 0; i < threads; i++)
        stage_join(thread[i]);
    stage_await(&use.done, threads * use.times);
    stage_expect_eq(stage_value(&use.strangers), 0);
    tp_pool_t *pool = tpp_load_acquire(&use.pool);
    stage_expect_eq(stage_stats(pool).submitted, threads * use.times);
}

STAGE_MAIN(STAGE_CASE(pool__c026_r37_concurrent_first_uses_make_one_default_pool),
           STAGE_CASE(pool__c001_create_and_close_leaves_no_thread),
           STAGE_CASE(pool__c003_no_thread_before_the_first_object),
           STAGE_CASE(pool__c017_default_limits), STAGE_CASE(pool__a_bad_configuration_is_refused),
           STAGE_CASE(pool__c004_a_blocked_pool_delays_no_other),
           STAGE_CASE(pool__c005_maximum_of_one_never_overlaps),
           STAGE_CASE(pool__c008_never_more_than_the_maximum),
           STAGE_CASE(pool__c009_maximum_zero_counts_as_one),
           STAGE_CASE(pool__c010_minimum_exists_on_return),
           STAGE_CASE_X(pool__c011_failing_minimum_leaves_the_pool_as_it_was, .faults = true),
           STAGE_CASE_X(pool__c011_no_thread_for_an_impossible_stack, .real_only = true),
           STAGE_CASE(pool__c012_minimum_above_the_maximum_raises_it),
           STAGE_CASE(pool__c013_maximum_below_the_minimum_lowers_it),
           STAGE_CASE(pool__c014_one_thread_for_ever),
           STAGE_CASE(pool__c015_idle_threads_retire_and_come_back),
           STAGE_CASE(pool__c016_lower_maximum_disturbs_no_running_callback),
           STAGE_CASE(pool__c025_null_changes_nothing),
           STAGE_CASE(pool__default_pool_refuses_limits_stack_and_close),
           STAGE_CASE(pool__thread_hooks_run_once_per_thread))
