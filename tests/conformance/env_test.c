/* env_test.c - environments: copied choices, finalizers, released contexts, versioned structs. */
#include <string.h>

#include "tests/support/stage.h"

struct run {
    stage_counter_t runs, finals, released, cancelled;
    struct stage_log log;
    tp_event_t *event;
    uint64_t thread;
    char letter;
};

static void count(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    (void)work;
    stage_add(&run->runs, 1);
}

static void count_simple(tp_callback_instance_t *instance, void *context)
{
    count(instance, context, NULL);
}

static void count_release(void *context)
{
    struct run *run = context;
    stage_add(&run->released, 1);
}

static void count_cancel(void *object_context, void *cleanup_context)
{
    struct run *run = object_context;
    (void)cleanup_context;
    stage_expect_eq(stage_value(&run->released), 0); /* the context is still there */
    stage_add(&run->cancelled, 1);
}

static void finalize(tp_callback_instance_t *instance, void *context)
{
    struct run *run = context;
    (void)instance;
    stage_add(&run->finals, 1);
}

struct letter {
    struct stage_log *log;
    char letter;
};

static void write_letter(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct letter *letter = context;
    (void)instance;
    (void)work;
    stage_log_add(letter->log, letter->letter);
}

/* ---- no environment, a fresh one ------------------------------------------------------------- */

STAGE_TEST(env__c028_null_and_fresh_environment_mean_the_same)
{
    struct run run = {0};
    tp_pool_t *pool;
    tp_env_t *env;
    stage_expect_eq(tp_pool_default(&pool), TP_OK);
    uint64_t before = stage_stats(pool).submitted;
    stage_expect_eq(tp_env_create(&env), TP_OK);
    tp_work_t *plain = stage_work(count, &run, NULL), *fresh = stage_work(count, &run, env);
    stage_expect_eq(tp_work_submit(plain), TP_OK);
    stage_expect_eq(stage_stats(pool).submitted, before + 1);
    stage_expect_eq(tp_work_submit(fresh), TP_OK);
    stage_expect_eq(stage_stats(pool).submitted, before + 2);
    stage_finish(plain);
    stage_finish(fresh);
    stage_expect_eq(stage_value(&run.runs), 2);
    tp_env_destroy(env);
}

/* A fresh environment has priority normal: among low, fresh and high it comes second. */
STAGE_TEST(env__c028_fresh_environment_is_of_normal_priority)
{
    struct stage_gate gate;
    struct stage_log log = {0};
    struct letter letters[3] = {{&log, 'L'}, {&log, 'N'}, {&log, 'H'}};
    tp_work_t *works[3];
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    works[1] = stage_work(write_letter, &letters[1], env);
    tp_env_set_priority(env, TP_PRIORITY_LOW);
    works[0] = stage_work(write_letter, &letters[0], env);
    tp_env_set_priority(env, TP_PRIORITY_HIGH);
    works[2] = stage_work(write_letter, &letters[2], env);
    for (int i = 0; i < 3; i++)
        stage_expect_eq(tp_work_submit(works[i]), TP_OK);
    stage_gate_open(&gate);
    for (int i = 0; i < 3; i++)
        stage_finish(works[i]);
    stage_expect(stage_log_is(&log, "HNL"));
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* ---- copied at creation ---------------------------------------------------------------------- */

STAGE_TEST(env__c029_changes_after_a_create_do_not_reach_the_object)
{
    struct stage_gate gate;
    struct run run = {0}, other = {0};
    tp_cleanup_group_t *group;
    stage_gate_init(&gate, NULL);
    stage_expect_eq(tp_cleanup_group_create(&group), TP_OK);
    tp_env_t *env = stage_gate_env(&gate);
    tp_env_set_finalizer(env, finalize);
    tp_work_t *work = stage_work(count, &run, env);
    tp_env_set_pool(env, NULL);
    tp_env_set_finalizer(env, NULL);
    tp_env_set_context_release(env, count_release);
    tp_env_set_cleanup_group(env, group, count_cancel);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(stage_stats(gate.pool).pending[TP_PRIORITY_NORMAL], 1); /* still its pool */
    stage_gate_open(&gate);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&run.runs), 1);
    stage_expect_eq(stage_value(&run.finals), 1);
    stage_expect_eq(tp_cleanup_group_close_members(group, true, NULL), TP_OK);
    stage_expect_eq(tp_work_close(work), TP_OK); /* it was no member */
    stage_expect_eq(stage_value(&run.released) + stage_value(&run.cancelled), 0);
    stage_expect_eq(tp_try_submit(count_simple, &other, env), TP_OK); /* the next one gets it all */
    stage_await(&other.released, 1);
    stage_expect_eq(tp_cleanup_group_close_members(group, false, NULL), TP_OK);
    stage_expect_eq(tp_cleanup_group_close(group), TP_OK);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

STAGE_TEST(env__c030_priority_changed_between_two_creates)
{
    struct stage_gate gate;
    struct stage_log log = {0};
    struct letter first = {&log, 'l'}, second = {&log, 'h'};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_env_set_priority(env, TP_PRIORITY_LOW);
    tp_work_t *low = stage_work(write_letter, &first, env);
    tp_env_set_priority(env, TP_PRIORITY_HIGH);
    tp_work_t *high = stage_work(write_letter, &second, env);
    stage_expect_eq(tp_work_submit(low), TP_OK);
    stage_expect_eq(tp_work_submit(high), TP_OK);
    tp_pool_stats_t stats = stage_stats(gate.pool);
    stage_expect_eq(stats.pending[TP_PRIORITY_HIGH], 1);
    stage_expect_eq(stats.pending[TP_PRIORITY_LOW], 1);
    stage_gate_open(&gate);
    stage_finish(low);
    stage_finish(high);
    stage_expect(stage_log_is(&log, "hl"));
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

STAGE_TEST(env__c034_three_priorities_and_no_fourth)
{
    struct stage_gate gate;
    struct run run = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    for (tp_priority_t priority = 0; priority <= 2; priority++) {
        stage_expect_eq(tp_env_set_priority(env, priority), TP_OK);
        stage_expect_eq(tp_try_submit(count_simple, &run, env), TP_OK);
        stage_expect_eq(stage_stats(gate.pool).pending[priority], 1);
    }
    stage_expect_eq(tp_env_set_priority(env, 3), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_env_set_priority(env, UINT32_MAX), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_try_submit(count_simple, &run, env), TP_OK); /* low it stays */
    stage_expect_eq(stage_stats(gate.pool).pending[2], 2);
    stage_gate_open(&gate);
    stage_await(&run.runs, 4);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

STAGE_TEST(env__c035_destroyed_before_its_objects)
{
    struct run run = {0};
    tp_work_t *work, *none = (tp_work_t *)&run;
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    tp_env_set_finalizer(env, finalize);
    work = stage_work(count, &run, env);
    stage_expect_eq(tp_env_destroy(env), TP_OK);
    stage_expect_eq(tp_env_destroy(env), TP_ERR_HANDLE);
    stage_expect_eq(tp_env_destroy(NULL), TP_OK);
    stage_expect_eq(tp_work_create(count, &run, env, &none), TP_ERR_HANDLE);
    stage_expect(none == NULL);
    stage_expect_eq(tp_try_submit(count_simple, &run, env), TP_ERR_HANDLE);
    stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
    stage_finish(work);
    stage_expect_eq(stage_value(&run.runs), 3);
    stage_expect_eq(stage_value(&run.finals), 3);
    tp_pool_close(pool);
}

/* ---- the finalizer --------------------------------------------------------------------------- */

static void log_callback(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)work;
    stage_log_add(&run->log, 'c');
    run->thread = stage_self();
    stage_expect_eq(tp_callback_set_event_on_return(instance, run->event), TP_OK);
}

static void log_final(tp_callback_instance_t *instance, void *context)
{
    struct run *run = context;
    tp_wait_result_t result;
    bool requested;
    stage_log_add(&run->log, 'f');
    stage_expect(run->thread == stage_self());
    stage_expect_eq(tp_callback_cancel_requested(instance, &requested), TP_OK); /* still good */
    stage_expect_eq(tp_waitable_wait(tp_waitable_event(run->event), 0, &result), TP_OK);
    stage_expect_eq(result, TP_WAIT_TIMEOUT); /* the completion action is yet to come */
}

STAGE_TEST(env__c039_finalizer_after_each_callback_before_its_actions)
{
    struct run run = {0};
    tp_wait_result_t result;
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    tp_env_set_finalizer(env, log_final);
    tp_env_set_concurrency_limit(env, 1);
    stage_expect_eq(tp_event_create(false, false, &run.event), TP_OK);
    tp_work_t *work = stage_work(log_callback, &run, env);
    for (int i = 0; i < 3; i++) {
        stage_expect_eq(tp_work_submit(work), TP_OK);
        stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
        stage_expect_eq(tp_waitable_wait(tp_waitable_event(run.event), 0, &result), TP_OK);
        stage_expect_eq(result, TP_WAIT_SIGNALED); /* done when the wait returned */
    }
    stage_expect(stage_log_is(&run.log, "cfcfcf"));
    stage_finish(work);
    tp_event_close(run.event);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(env__c040_no_finalizer_for_a_cancelled_post)
{
    struct stage_gate gate;
    struct run run = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_env_set_finalizer(env, finalize);
    tp_work_t *work = stage_work(count, &run, env);
    stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
    stage_expect_eq(tp_work_wait(work, true, TP_INFINITE), TP_OK);
    stage_gate_open(&gate);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_finish(work);
    stage_expect_eq(stage_value(&run.runs), 1);
    stage_expect_eq(stage_value(&run.finals), 1);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* ---- every setter refuses what is none ------------------------------------------------------- */

static void set_everything(tp_env_t *env, tp_status_t expected)
{
    stage_expect_eq(tp_env_set_pool(env, NULL), expected);
    stage_expect_eq(tp_env_set_priority(env, TP_PRIORITY_LOW), expected);
    stage_expect_eq(tp_env_set_runs_long(env, true), expected);
    stage_expect_eq(tp_env_set_persistent(env, true), expected);
    stage_expect_eq(tp_env_set_library(env, NULL), expected);
    stage_expect_eq(tp_env_set_cleanup_group(env, NULL, count_cancel), expected);
    stage_expect_eq(tp_env_set_finalizer(env, finalize), expected);
    stage_expect_eq(tp_env_set_context_release(env, count_release), expected);
    stage_expect_eq(tp_env_set_concurrency_limit(env, 1), expected);
    stage_expect_eq(tp_env_set_name(env, "a name that is rather longer than any object needs"),
                    expected);
}

STAGE_TEST(env__every_setter_judges_its_environment)
{
    struct run run = {0};
    tp_env_t *env = stage_env(NULL);
    set_everything(env, TP_OK);
    stage_expect_eq(stage_misuses(), 0);
    tp_work_t *work = stage_work(count, &run, env);
    tp_work_submit_many(work, 4);
    stage_finish(work);
    stage_await(&run.released, 1);
    stage_expect_eq(stage_value(&run.runs), 4);
    stage_expect_eq(stage_value(&run.finals), 4);
    stage_expect_eq(tp_env_set_name(env, NULL), TP_OK);
    tp_env_destroy(env);
    set_everything(env, TP_ERR_HANDLE);
    set_everything(NULL, TP_ERR_HANDLE);
    set_everything((tp_env_t *)&run, TP_ERR_HANDLE);
    stage_expect_eq(stage_misuses(), 30);
    stage_expect(strcmp(stage_misuse_function(), "tp_env_set_name") == 0);
    stage_expect_eq(tp_env_create(NULL), TP_ERR_ARGUMENT);
}

STAGE_TEST(env__a_pool_or_group_that_is_none_is_refused_and_one_closed_later_is_closed)
{
    struct run run = {0};
    tp_cleanup_group_t *group;
    tp_work_t *work;
    tp_pool_t *pool = stage_pool(0, 0);
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(tp_cleanup_group_create(&group), TP_OK);
    stage_expect_eq(tp_env_set_pool(env, (tp_pool_t *)group), TP_ERR_HANDLE);
    stage_expect_eq(tp_env_set_cleanup_group(env, (tp_cleanup_group_t *)pool, NULL), TP_ERR_HANDLE);
    tp_pool_close(pool);
    stage_expect_eq(tp_env_set_pool(env, pool), TP_ERR_HANDLE);
    stage_expect_eq(tp_work_create(count, &run, env, &work), TP_ERR_CLOSED);
    stage_expect(work == NULL);
    stage_expect_eq(tp_try_submit(count_simple, &run, env), TP_ERR_CLOSED);

    stage_expect_eq(tp_env_set_pool(env, NULL), TP_OK);
    stage_expect_eq(tp_env_set_cleanup_group(env, group, NULL), TP_OK);
    stage_expect_eq(tp_cleanup_group_close(group), TP_OK);
    stage_expect_eq(tp_work_create(count, &run, env, &work), TP_ERR_CLOSED);
    stage_expect_eq(tp_try_submit(count_simple, &run, env), TP_ERR_CLOSED);
    stage_expect_eq(tp_env_set_cleanup_group(env, group, NULL), TP_ERR_HANDLE);
    stage_expect_eq(tp_env_set_cleanup_group(env, NULL, NULL), TP_OK);
    work = stage_work(count, &run, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_finish(work);
    stage_expect_eq(stage_value(&run.runs), 1);
    tp_env_destroy(env);
}

/* ---- the context is released exactly once ---------------------------------------------------- */

STAGE_TEST(env__context_of_a_work_object_is_released_once_after_close_and_last_callback)
{
    struct stage_gate gate;
    struct run run = {0}, closed_idle = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_env_set_context_release(env, count_release);
    tp_work_t *work = stage_work(count, &run, env);
    tp_work_t *idle = stage_work(count, &closed_idle, env);
    stage_expect_eq(tp_work_submit_many(work, 2), TP_OK);
    stage_expect_eq(tp_work_close(work), TP_OK);
    stage_expect_eq(stage_value(&run.released), 0); /* two callbacks are to come */
    stage_expect_eq(tp_work_close(idle), TP_OK);
    stage_expect_eq(stage_value(&closed_idle.released), 1); /* nobody else had it */
    stage_gate_open(&gate);
    stage_await(&run.released, 1);
    stage_expect_eq(stage_value(&run.runs), 2);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
    stage_expect_eq(stage_value(&run.released), 1);
    stage_expect_eq(stage_value(&closed_idle.released), 1);
}

STAGE_TEST(env__context_of_a_simple_callback_is_released_once)
{
    struct stage_gate gate;
    struct run ran = {0}, dropped = {0};
    tp_cleanup_group_t *group;
    stage_gate_init(&gate, NULL);
    stage_expect_eq(tp_cleanup_group_create(&group), TP_OK);
    tp_env_t *env = stage_gate_env(&gate);
    tp_env_set_context_release(env, count_release);
    stage_expect_eq(tp_try_submit(count_simple, &ran, env), TP_OK);
    tp_env_set_cleanup_group(env, group, count_cancel);
    stage_expect_eq(tp_try_submit(count_simple, &dropped, env), TP_OK);
    stage_expect_eq(tp_cleanup_group_close_members(group, true, NULL), TP_OK);
    stage_expect_eq(stage_value(&dropped.runs), 0);
    stage_expect_eq(stage_value(&dropped.cancelled), 1);
    stage_expect_eq(stage_value(&dropped.released), 1);
    stage_expect_eq(stage_value(&ran.released), 0);
    stage_gate_open(&gate);
    stage_await(&ran.released, 1);
    stage_expect_eq(stage_value(&ran.runs), 1);
    stage_expect_eq(tp_cleanup_group_close(group), TP_OK);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
    stage_expect_eq(stage_value(&ran.released), 1);
    stage_expect_eq(stage_value(&dropped.released), 1);
}

STAGE_TEST(env__context_stays_the_callers_after_a_failed_create)
{
    struct run run = {0};
    tp_work_t *work;
    tp_pool_t *pool = stage_pool(0, 0);
    tp_env_t *env = stage_env(pool);
    tp_env_set_context_release(env, count_release);
    tp_pool_close(pool);
    stage_expect_eq(tp_work_create(count, &run, env, &work), TP_ERR_CLOSED);
    stage_expect_eq(tp_work_create(NULL, &run, env, &work), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_work_create(count, &run, env, NULL), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_try_submit(count_simple, &run, env), TP_ERR_CLOSED);
    stage_expect_eq(tp_try_submit(NULL, &run, env), TP_ERR_ARGUMENT);
    stage_expect_eq(stage_value(&run.released), 0);
    tp_env_destroy(env);
}

/* Whatever fails in it, a context is released once if the create said TP_OK, else never. */
STAGE_TEST(env__context_is_released_once_or_never_under_every_failure)
{
    struct run work_run = {0}, simple_run = {0};
    tp_pool_t *pool;
    tp_env_t *env;
    tp_work_t *work;
    if (tp_pool_create(NULL, &pool) != TP_OK)
        return;
    if (tp_env_create(&env) == TP_OK) {
        tp_env_set_pool(env, pool);
        tp_env_set_context_release(env, count_release);
        tp_status_t simple = tp_try_submit(count_simple, &simple_run, env);
        tp_status_t status = tp_work_create(count, &work_run, env, &work);
        if (status == TP_OK) {
            stage_expect_eq(tp_work_submit(work), TP_OK);
            stage_finish(work);
            stage_await(&work_run.released, 1);
        }
        stage_expect_eq(stage_value(&work_run.runs), status == TP_OK);
        if (simple == TP_OK)
            stage_await(&simple_run.released, 1);
        stage_expect_eq(stage_value(&simple_run.runs), simple == TP_OK);
        stage_expect_eq(stage_value(&simple_run.released), simple == TP_OK);
        stage_expect_eq(stage_value(&work_run.released), status == TP_OK);
        tp_env_destroy(env);
    }
    tp_pool_close(pool);
}

/* ---- versioned structs ----------------------------------------------------------------------- */

struct longer_config {
    tp_pool_config_t config;
    unsigned char more[24];
};

STAGE_TEST(env__versioned_configuration_short_long_and_longer_with_content)
{
    struct longer_config given = {.config = TP_POOL_CONFIG_INIT};
    tp_pool_t *pool;
    const uint32_t sizes[] = {0, 4, sizeof(tp_pool_config_t) - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        pool = (tp_pool_t *)&given;
        given.config.struct_size = sizes[i];
        stage_expect_eq(tp_pool_create(&given.config, &pool), TP_ERR_VERSION);
        stage_expect(pool == NULL);
    }
    given.config.struct_size = sizeof given;
    given.config.thread_maximum = 7;
    stage_expect_eq(tp_pool_create(&given.config, &pool), TP_OK);
    stage_expect_eq(stage_stats(pool).thread_maximum, 7);
    tp_pool_close(pool);
    given.more[sizeof given.more - 1] = 1;
    stage_expect_eq(tp_pool_create(&given.config, &pool), TP_ERR_VERSION);
    stage_expect(pool == NULL);
    given.config.struct_size = sizeof given - 1; /* the last byte is none of ours now */
    stage_expect_eq(tp_pool_create(&given.config, &pool), TP_OK);
    tp_pool_close(pool);
    stage_expect_eq(stage_misuses(), 4);
    stage_expect_eq(stage_misuse_status(), TP_ERR_VERSION);
}

struct longer_stats {
    tp_pool_stats_t stats;
    unsigned char more[24];
};

STAGE_TEST(env__versioned_statistics_short_and_long)
{
    struct longer_stats given;
    tp_pool_t *pool = stage_pool(0, 5);
    memset(&given, 0xA5, sizeof given);
    given.stats.struct_size = offsetof(tp_pool_stats_t, thread_target) - 1;
    stage_expect_eq(tp_pool_get_stats(pool, &given.stats), TP_ERR_VERSION);
    stage_expect_eq(given.stats.thread_maximum, 0xA5A5A5A5u); /* nothing was written */
    given.stats.struct_size = sizeof given - 4;
    stage_expect_eq(tp_pool_get_stats(pool, &given.stats), TP_OK);
    stage_expect_eq(given.stats.struct_size, sizeof given - 4);
    stage_expect_eq(given.stats.thread_maximum, 5);
    stage_expect_eq(given.more[0], 0);
    stage_expect_eq(given.more[19], 0);
    stage_expect_eq(given.more[20], 0xA5);
    given.stats.struct_size = sizeof given.stats;
    given.more[0] = 0x5A;
    stage_expect_eq(tp_pool_get_stats(pool, &given.stats), TP_OK);
    stage_expect_eq(given.more[0], 0x5A);
    stage_expect_eq(tp_pool_get_stats(pool, NULL), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_pool_get_stats(NULL, &given.stats), TP_ERR_HANDLE);
    stage_expect_eq(given.stats.thread_maximum, 0);
    tp_pool_close(pool);
}

STAGE_TEST(env__init_functions_equal_the_macros)
{
    tp_pool_config_t config, macro = TP_POOL_CONFIG_INIT;
    tp_pool_stats_t stats, macro_stats = TP_POOL_STATS_INIT;
    memset(&config, 0xA5, sizeof config);
    memset(&stats, 0xA5, sizeof stats);
    tp_pool_config_init(&config);
    tp_pool_stats_init(&stats);
    stage_expect(memcmp(&config, &macro, sizeof config) == 0);
    stage_expect(memcmp(&stats, &macro_stats, sizeof stats) == 0);
    stage_expect_eq(config.struct_size, sizeof config);
    stage_expect_eq(stats.struct_size, sizeof stats);
}

STAGE_MAIN(STAGE_CASE(env__c028_null_and_fresh_environment_mean_the_same),
           STAGE_CASE(env__c028_fresh_environment_is_of_normal_priority),
           STAGE_CASE(env__c029_changes_after_a_create_do_not_reach_the_object),
           STAGE_CASE(env__c030_priority_changed_between_two_creates),
           STAGE_CASE(env__c034_three_priorities_and_no_fourth),
           STAGE_CASE(env__c035_destroyed_before_its_objects),
           STAGE_CASE(env__c039_finalizer_after_each_callback_before_its_actions),
           STAGE_CASE(env__c040_no_finalizer_for_a_cancelled_post),
           STAGE_CASE(env__every_setter_judges_its_environment),
           STAGE_CASE(env__a_pool_or_group_that_is_none_is_refused_and_one_closed_later_is_closed),
           STAGE_CASE(env__context_of_a_work_object_is_released_once_after_close_and_last_callback),
           STAGE_CASE(env__context_of_a_simple_callback_is_released_once),
           STAGE_CASE(env__context_stays_the_callers_after_a_failed_create),
           STAGE_CASE_X(env__context_is_released_once_or_never_under_every_failure, .faults = true),
           STAGE_CASE(env__versioned_configuration_short_long_and_longer_with_content),
           STAGE_CASE(env__versioned_statistics_short_and_long),
           STAGE_CASE(env__init_functions_equal_the_macros))
