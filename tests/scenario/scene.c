/* scene.c - the short calls of scene.h. */
#include "tests/scenario/scene.h"

#include <string.h>

#include "core/object/process.h"
#include "tests/scenario/scene_io.h"
#include "tests/scenario/scene_wait.h"

static struct {
    bool faults; /* creations may fail: the command line sweeps faults */
    tpp_u32 failed;
    uint32_t kept;
    tpp_u32 words[SCENE_WORDS];
} scene;

/* ---- the frame of a run ---------------------------------------------------------------------- */

static void reset(void)
{
    tpi_process_reset();
}

void scene_begin(void)
{
    tpp_init(&scene.failed, 0);
    scene.kept = 0;
    for (uint32_t i = 0; i < SCENE_WORDS; i++)
        tpp_init(&scene.words[i], 0);
    scene_waits_begin();
    scene_ios_begin();
    oracle_begin();
}

void scene_end(void)
{
    oracle_over(scene.kept);
}

void scene_keeps(uint32_t pools)
{
    scene.kept = pools;
}

bool scene_complete(void)
{
    return !tpp_peek(&scene.failed);
}

/* In a token, fail=0 says that nothing fails. */
static bool wants_faults(const char *argument)
{
    const char *fail = strstr(argument, ":fail=");
    return strncmp(argument, "--sweep-", 8) == 0 || (fail && fail[6] != '0');
}

int scene_main(int argc, char **argv, const struct tpps_scenario *table, size_t count)
{
    for (int i = 1; i < argc; i++)
        scene.faults = scene.faults || wants_faults(argv[i]);
    return tpps_runner(argc, argv, table, count, reset);
}

bool scene_sweeps(void)
{
    return scene.faults;
}

bool scene_made(tp_status_t status)
{
    if (status == TP_OK)
        return true;
    if (!scene.faults || (status != TP_ERR_NO_MEMORY && status != TP_ERR_NO_THREAD))
        tpps_fail("scene: a creation gave %s", tp_status_name(status));
    tpp_store_relaxed(&scene.failed, 1); /* relaxed: a mere remark */
    return false;
}

/* ---- making and closing ---------------------------------------------------------------------- */

tp_pool_t *scene_pool_config(const tp_pool_config_t *config)
{
    tp_pool_t *pool = NULL;
    oracle_raising(config->thread_minimum);
    if (!tpp_peek(&scene.failed))
        scene_made(tp_pool_create(config, &pool));
    return pool;
}

tp_pool_t *scene_pool_idle(uint32_t minimum, uint32_t maximum, int64_t idle_timeout)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_minimum = minimum;
    config.thread_maximum = maximum;
    config.idle_timeout = idle_timeout;
    return scene_pool_config(&config);
}

tp_pool_t *scene_pool(uint32_t minimum, uint32_t maximum)
{
    return scene_pool_idle(minimum, maximum, 0);
}

tp_pool_t *scene_driven(uint32_t maximum)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.flags = TP_POOL_CALLER_DRIVEN;
    config.thread_maximum = maximum;
    return scene_pool_config(&config);
}

int scene_flag_of(tp_pool_t *pool)
{
    int fd = -1;
    tpps_check(tp_pool_poll_fd(pool, &fd) == TP_OK && fd >= 0);
    return fd;
}

void scene_close_pool(tp_pool_t *pool)
{
    tpps_check(tp_pool_close(pool) == TP_OK);
}

void scene_minimum(tp_pool_t *pool, uint32_t minimum)
{
    if (!pool)
        return;
    oracle_raising(minimum);
    scene_made(tp_pool_set_thread_minimum(pool, minimum));
}

void scene_maximum(tp_pool_t *pool, uint32_t maximum)
{
    tpps_check(!pool || tp_pool_set_thread_maximum(pool, maximum) == TP_OK);
}

static void choose(tp_env_t *env, const struct scene_choice *choice)
{
    tp_priority_t priority =
        choice->priority_plus_one ? choice->priority_plus_one - 1 : TP_PRIORITY_NORMAL;
    if (choice->pool)
        tpps_check(tp_env_set_pool(env, choice->pool) == TP_OK);
    tpps_check(tp_env_set_priority(env, priority) == TP_OK);
    tpps_check(tp_env_set_concurrency_limit(env, choice->limit) == TP_OK);
    tpps_check(tp_env_set_runs_long(env, choice->runs_long) == TP_OK);
    tpps_check(tp_env_set_persistent(env, choice->persistent) == TP_OK);
    if (choice->group)
        tpps_check(tp_env_set_cleanup_group(env, choice->group, choice->cancel) == TP_OK);
    if (choice->release)
        tpps_check(tp_env_set_context_release(env, choice->release) == TP_OK);
    if (choice->finalizer)
        tpps_check(tp_env_set_finalizer(env, choice->finalizer) == TP_OK);
}

tp_env_t *scene_env(const struct scene_choice *choice)
{
    tp_env_t *env = NULL;
    if (tpp_peek(&scene.failed) || (!choice->pool && !choice->default_pool) ||
        !scene_made(tp_env_create(&env)))
        return NULL;
    choose(env, choice);
    return env;
}

tp_work_t *scene_work(tp_work_fn function, void *context, const struct scene_choice *choice)
{
    tp_work_t *work = NULL;
    tp_env_t *env = scene_env(choice);
    if (!env)
        return NULL;
    scene_made(tp_work_create(function, context, env, &work));
    tpps_check(tp_env_destroy(env) == TP_OK);
    return work;
}

tp_work_t *scene_pool_work(tp_pool_t *pool, tp_work_fn function, void *context)
{
    return scene_work(function, context, &(struct scene_choice){.pool = pool});
}

bool scene_simple(tp_simple_fn function, void *context, const struct scene_choice *choice)
{
    tp_env_t *env = scene_env(choice);
    if (!env)
        return false;
    bool made = scene_made(tp_try_submit(function, context, env));
    tpps_check(tp_env_destroy(env) == TP_OK);
    return made;
}

tp_cleanup_group_t *scene_group(void)
{
    tp_cleanup_group_t *group = NULL;
    if (!tpp_peek(&scene.failed))
        scene_made(tp_cleanup_group_create(&group));
    return group;
}

void scene_close_group(tp_cleanup_group_t *group)
{
    tpps_check(tp_cleanup_group_close(group) == TP_OK);
}

/* ---- using ----------------------------------------------------------------------------------- */

void scene_submit(tp_work_t *work, uint32_t posts)
{
    if (!work)
        return;
    if (posts == 1)
        tpps_check(tp_work_submit(work) == TP_OK);
    else
        tpps_check(tp_work_submit_many(work, posts) == TP_OK);
}

void scene_wait(tp_work_t *work)
{
    tpps_check(!work || tp_work_wait(work, false, TP_INFINITE) == TP_OK);
}

void scene_cancel(tp_work_t *work)
{
    tpps_check(!work || tp_work_wait(work, true, TP_INFINITE) == TP_OK);
}

void scene_close(tp_work_t *work)
{
    tpps_check(tp_work_close(work) == TP_OK);
}

void scene_finish(tp_work_t *work)
{
    scene_wait(work);
    scene_close(work);
}

tp_pool_stats_t scene_stats(tp_pool_t *pool)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    tpps_check(!pool || tp_pool_get_stats(pool, &stats) == TP_OK);
    return stats;
}

bool scene_or_stale(tp_status_t status)
{
    if (status != TP_OK && status != TP_ERR_HANDLE)
        tpps_fail("scene: neither done nor stale, but %s", tp_status_name(status));
    return status == TP_OK;
}

/* ---- words ----------------------------------------------------------------------------------- */

uint32_t scene_next(uint32_t word)
{
    uint32_t before = tpp_add_acq_rel(&scene.words[word], 1);
    tpp_wake(&scene.words[word], UINT32_MAX);
    return before;
}

void scene_add(uint32_t word, uint32_t amount)
{
    tpp_add_acq_rel(&scene.words[word], amount);
    tpp_wake(&scene.words[word], UINT32_MAX);
}

uint32_t scene_value(uint32_t word)
{
    return tpp_load_acquire(&scene.words[word]);
}

void scene_await(uint32_t word, uint32_t at_least)
{
    uint32_t seen;
    while ((seen = tpp_load_acquire(&scene.words[word])) < at_least)
        tpp_wait(&scene.words[word], seen, TPP_FOREVER);
}

bool scene_await_for(uint32_t word, uint32_t at_least, int64_t ns)
{
    int64_t deadline = tpps_now() + ns;
    uint32_t seen;
    while ((seen = tpp_load_acquire(&scene.words[word])) < at_least)
        if (!tpp_wait(&scene.words[word], seen, deadline))
            return false;
    return true;
}

uint64_t scene_told_in(int64_t ns)
{
    uint64_t before = tpps_events_told();
    tpps_sleep(ns);
    return tpps_events_told() - before;
}

static void misused(void *context, const char *function, tp_status_t status, const char *message)
{
    (void)function;
    (void)status;
    (void)message;
    oracle_outside();
    scene_add((uint32_t)(uintptr_t)context, 1);
}

void scene_count_misuses(uint32_t word)
{
    tpps_check(tp_set_misuse_hook(misused, SCENE_WORD(word)) == TP_OK);
}

void scene_count(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_add((uint32_t)(uintptr_t)context, 1);
}

void scene_count_simple(tp_callback_instance_t *instance, void *context)
{
    (void)instance;
    scene_add((uint32_t)(uintptr_t)context, 1);
}

void scene_count_release(void *context)
{
    oracle_outside();
    scene_add((uint32_t)(uintptr_t)context, 1);
}

void scene_count_cancel(void *context, void *cleanup_context)
{
    (void)cleanup_context;
    oracle_outside();
    scene_add((uint32_t)(uintptr_t)context, 1);
}
