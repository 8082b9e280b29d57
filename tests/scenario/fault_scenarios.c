/* fault_scenarios.c - creations that run out of memory or threads, and calls that need neither. */
#include "tests/scenario/scene.h"

/* With --sweep-faults one allocation or thread creation fails in a run, or all from there on. What
 * failed leaves everything as it was; everything is tried twice, and what was not to be had is
 * NULL, which all calls here accept. Word 1 counts runs, cancels and releases, word 2 those that
 * are due: in the end both are equal. */

/* True if the status is TP_OK; else a fault was injected, and nothing may have come of the call. */
static bool made(tp_status_t status, const void *out)
{
    tpps_check((status == TP_OK) == (out != NULL));
    return scene_made(status);
}

static tp_pool_t *try_pool(uint32_t minimum, uint32_t maximum)
{
    tp_pool_t *pool = SCENE_WORD(1);
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_minimum = minimum;
    config.thread_maximum = maximum;
    oracle_raising(minimum);
    tp_status_t status = tp_pool_create(&config, &pool);
    if (!made(status, pool)) {
        status = tp_pool_create(&config, &pool);
        made(status, pool);
    }
    oracle_raising(0);
    return pool;
}

static tp_env_t *new_env(void)
{
    tp_env_t *env = SCENE_WORD(1);
    tp_status_t status = tp_env_create(&env);
    if (!made(status, env)) {
        status = tp_env_create(&env);
        made(status, env);
    }
    return env;
}

static tp_env_t *try_env(tp_pool_t *pool, tp_cleanup_group_t *group)
{
    tp_env_t *env = pool ? new_env() : NULL;
    if (!env)
        return NULL;
    tpps_check(tp_env_set_pool(env, pool) == TP_OK);
    tpps_check(tp_env_set_context_release(env, scene_count_release) == TP_OK);
    tpps_check(tp_env_set_name(env, "named") == TP_OK);
    if (group)
        tpps_check(tp_env_set_cleanup_group(env, group, scene_count_cancel) == TP_OK);
    return env;
}

static tp_cleanup_group_t *try_group(void)
{
    tp_cleanup_group_t *group = SCENE_WORD(1);
    tp_status_t status = tp_cleanup_group_create(&group);
    if (!made(status, group)) {
        status = tp_cleanup_group_create(&group);
        made(status, group);
    }
    return group;
}

/* The context stays ours after a failure; else its release is due. */
static tp_work_t *new_work(const tp_env_t *env, uint32_t releases)
{
    tp_work_t *work = SCENE_WORD(1);
    tp_status_t status = tp_work_create(scene_count, SCENE_WORD(1), env, &work);
    if (!made(status, work)) {
        status = tp_work_create(scene_count, SCENE_WORD(1), env, &work);
        made(status, work);
    }
    scene_add(2, work ? releases : 0);
    return work;
}

static tp_work_t *try_work(const tp_env_t *env)
{
    return env ? new_work(env, 1) : NULL;
}

static void try_simple(const tp_env_t *env)
{
    bool posted = env && scene_made(tp_try_submit(scene_count_simple, SCENE_WORD(1), env));
    if (env && !posted)
        posted = scene_made(tp_try_submit(scene_count_simple, SCENE_WORD(1), env));
    scene_add(2, posted ? 2 : 0);
}

static void post(tp_work_t *work, uint32_t posts)
{
    scene_add(2, work ? posts : 0);
    scene_submit(work, posts);
}

static void destroy(tp_env_t *env)
{
    tpps_check(tp_env_destroy(env) == TP_OK);
}

static void all_done(void)
{
    scene_await(1, scene_value(2));
    tpps_check(scene_value(1) == scene_value(2));
}

static tp_pool_stats_t statistics(tp_pool_t *pool)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    tpps_check(tp_pool_get_stats(pool, &stats) == TP_OK);
    return stats;
}

SCENE(fault__pool_create_with_a_minimum)
{
    tp_pool_t *pool = try_pool(3, 3);
    tpps_check(!pool || (statistics(pool).threads == 3 && statistics(pool).thread_minimum == 3));
    scene_close_pool(pool);
}

static bool limits_are(tp_pool_t *pool, uint32_t minimum, uint32_t maximum)
{
    tp_pool_stats_t stats = statistics(pool);
    return stats.thread_minimum == minimum && stats.thread_maximum == maximum;
}

SCENE(fault__set_thread_minimum)
{
    tp_pool_t *pool = try_pool(0, 2);
    oracle_raising(3);
    for (int i = 0; i < 2 && pool && limits_are(pool, 0, 2); i++)
        if (scene_made(tp_pool_set_thread_minimum(pool, 3)))
            tpps_check(limits_are(pool, 3, 3) && statistics(pool).threads == 3);
        else
            tpps_check(limits_are(pool, 0, 2));
    oracle_raising(0);
    scene_close_pool(pool);
}

SCENE(fault__work_create)
{
    tp_pool_t *pool = try_pool(0, 2);
    tp_env_t *env = try_env(pool, NULL);
    tp_work_t *work = try_work(env);
    destroy(env);
    post(work, 2);
    scene_finish(work);
    all_done();
    scene_close_pool(pool);
}

SCENE(fault__work_create_in_a_closed_pool)
{
    tp_work_t *work = SCENE_WORD(1);
    tp_pool_t *pool = try_pool(1, 1);
    tp_env_t *env = try_env(pool, NULL);
    scene_close_pool(pool);
    if (!env)
        return;
    tp_status_t status = tp_work_create(scene_count, SCENE_WORD(1), env, &work);
    tpps_check(work == NULL && scene_value(1) == 0);
    if (status != TP_ERR_CLOSED)
        scene_made(status); /* out of memory came first */
    destroy(env);
}

/* With faults there may be none. */
static void keep_default_pool(void)
{
    uint32_t pools = tpi_slab_in_use(TPI_KIND_POOL);
    tpps_check(pools == 1 || (pools == 0 && !scene_complete()));
    scene_keeps(pools);
}

SCENE(fault__the_default_pool)
{
    tp_work_t *work = new_work(NULL, 0);
    post(work, 1);
    scene_finish(work);
    all_done();
    keep_default_pool();
}

static void use_default_pool(void *arg)
{
    tp_pool_t *pool = SCENE_WORD(1);
    (void)arg;
    tp_status_t status = tp_pool_default(&pool);
    if (!made(status, pool)) {
        status = tp_pool_default(&pool);
        made(status, pool);
    }
    scene_finish(new_work(NULL, 0));
}

/* R-37 with a failure in it: whoever loses throws its own away, whoever fails tries again. */
SCENE(fault__r37_two_make_the_default_pool)
{
    tpps_thread one = tpps_spawn(use_default_pool, NULL), two = tpps_spawn(use_default_pool, NULL);
    tpps_join(one);
    tpps_join(two);
    tpps_sleep(1000000); /* whoever lost may still be burying its own */
    keep_default_pool();
}

static void make_and_run(void *env)
{
    tp_work_t *work = try_work(env);
    post(work, 1);
    scene_finish(work);
}

/* Each is the first object of the pool; one may lose the thread that the other counts on. */
SCENE(fault__two_first_objects)
{
    tp_pool_t *pool = try_pool(0, 1);
    tp_env_t *env = try_env(pool, NULL);
    tpps_thread one = tpps_spawn(make_and_run, env), two = tpps_spawn(make_and_run, env);
    tpps_join(one);
    tpps_join(two);
    destroy(env);
    all_done();
    scene_close_pool(pool);
}

SCENE(fault__simple_callbacks)
{
    tp_pool_t *pool = try_pool(0, 2);
    tp_env_t *env = try_env(pool, NULL);
    for (int i = 0; i < 3; i++)
        try_simple(env);
    destroy(env);
    all_done();
    scene_close_pool(pool);
}

static void close_members(tp_cleanup_group_t *group, bool cancel)
{
    if (group)
        tpps_check(tp_cleanup_group_close_members(group, cancel, NULL) == TP_OK);
}

static void cancel_members(void *group)
{
    close_members(group, true);
}

SCENE(fault__members_of_a_group)
{
    tp_pool_t *pool = try_pool(0, 2);
    tp_cleanup_group_t *group = try_group();
    tp_env_t *env = group ? try_env(pool, group) : NULL;
    for (int i = 0; i < 2; i++) {
        try_simple(env);
        post(try_work(env), 1);
    }
    close_members(group, false);
    all_done();
    scene_close_group(group);
    destroy(env);
    scene_close_pool(pool);
}

/* Creations meet a close_members: a failed one leaves no half member behind. Cancelled or run, each
 * context is released once. */
SCENE(fault__creations_meet_close_members)
{
    tp_pool_t *pool = try_pool(0, 1);
    tp_cleanup_group_t *group = try_group();
    tp_env_t *env = group ? try_env(pool, group) : NULL;
    tpps_thread closer = tpps_spawn(cancel_members, group);
    try_simple(env);
    tp_work_t *work = try_work(env);
    if (work)
        scene_or_stale(tp_work_submit(work));
    tpps_join(closer);
    cancel_members(group);
    scene_close_group(group);
    destroy(env);
    scene_close_pool(pool);
    /* A work object is always cancelled, and may have run before. */
    uint32_t extra = work ? 1 : 0;
    tpps_check(scene_value(1) >= scene_value(2) + extra);
    tpps_check(scene_value(1) <= scene_value(2) + 2 * extra);
}

static tp_event_t *try_event(void)
{
    tp_event_t *event = SCENE_WORD(1);
    tp_status_t status = tp_event_create(false, false, &event);
    if (!made(status, event)) {
        status = tp_event_create(false, false, &event);
        made(status, event);
    }
    return event;
}

SCENE(fault__events_semaphores_mutexes)
{
    tp_event_t *event = try_event();
    tp_semaphore_t *semaphore = SCENE_WORD(1);
    tp_mutex_t *mutex = SCENE_WORD(1);
    tp_status_t status = tp_semaphore_create(0, 1, &semaphore);
    made(status, semaphore);
    status = tp_mutex_create(true, &mutex);
    if (made(status, mutex))
        tpps_check(tp_mutex_release(mutex) == TP_OK);
    tpps_check(tp_event_close(event) == TP_OK);
    tpps_check(tp_semaphore_close(semaphore) == TP_OK);
    tpps_check(tp_mutex_close(mutex) == TP_OK);
}

/* ---- growth that fails ----------------------------------------------------------------------- */

static void post_five(void *work)
{
    for (int i = 0; i < 5; i++)
        post(work, 1);
}

/* The pool has one thread and wants more; whether they come or not, every post runs. */
SCENE(fault__growth_may_fail)
{
    tp_pool_t *pool = try_pool(0, 4);
    tp_env_t *env = try_env(pool, NULL);
    tp_work_t *a = try_work(env), *b = try_work(env);
    tpps_thread one = tpps_spawn(post_five, a), two = tpps_spawn(post_five, b);
    tpps_join(one);
    tpps_join(two);
    scene_finish(a);
    scene_finish(b);
    destroy(env);
    all_done();
    scene_close_pool(pool);
}

/* A work object of the pool with another callback than the counting one. */
static tp_work_t *try_caller(tp_pool_t *pool, tp_work_fn function, void *context)
{
    tp_work_t *work = NULL;
    tp_env_t *env = pool ? new_env() : NULL;
    if (!env)
        return NULL;
    tpps_check(tp_env_set_pool(env, pool) == TP_OK);
    scene_made(tp_work_create(function, context, env, &work));
    destroy(env);
    return work;
}

static void ask_and_go_on(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    tp_status_t status = tp_callback_may_run_long(instance);
    tpps_check(status == TP_OK || status == TP_ERR_TOO_MANY_THREADS);
    post(context, 1);
}

SCENE(fault__may_run_long_may_be_refused)
{
    tp_pool_t *pool = try_pool(0, 2);
    tp_env_t *env = try_env(pool, NULL);
    tp_work_t *inner = try_work(env), *outer = try_caller(pool, ask_and_go_on, inner);
    scene_submit(outer, 2);
    scene_finish(outer);
    scene_finish(inner);
    destroy(env);
    all_done();
    scene_close_pool(pool);
}

/* ---- calls that need nothing ----------------------------------------------------------------- */

/* All threads are there: an allocation on this thread fails the run at once. */
SCENE(fault__submit_wait_cancel_close_need_no_memory)
{
    tp_pool_t *pool = try_pool(2, 2);
    tp_env_t *env = try_env(pool, NULL);
    tp_work_t *a = try_work(env), *b = try_work(env);
    tpps_forbid_alloc(true);
    scene_submit(a, 1);
    scene_submit(b, 5);
    scene_cancel(b);
    scene_submit(b, 1);
    scene_wait(a);
    if (b)
        tpps_check(tp_work_wait(b, false, 1000) != TP_ERR_HANDLE);
    scene_submit(a, 2);
    scene_close(a);
    scene_finish(b);
    destroy(env);
    scene_close_pool(pool);
    tpps_forbid_alloc(false);
}

SCENE(fault__closing_a_group_needs_no_memory)
{
    tp_pool_t *pool = try_pool(1, 1);
    tp_cleanup_group_t *group = try_group();
    tp_env_t *env = group ? try_env(pool, group) : NULL;
    tp_work_t *a = try_work(env), *b = try_work(env);
    try_simple(env);
    tpps_forbid_alloc(true);
    scene_submit(a, 3);
    scene_close(b);
    cancel_members(group);
    scene_close_group(group);
    destroy(env);
    scene_close_pool(pool);
    tpps_forbid_alloc(false);
}

static void wait_twice(void *event)
{
    tp_wait_result_t result;
    tpps_forbid_alloc(true);
    tpps_check(tp_waitable_wait(tp_waitable_event(event), TP_INFINITE, &result) == TP_OK);
    tpps_check(result == TP_WAIT_SIGNALED);
    tpps_check(tp_waitable_wait(tp_waitable_event(event), 1000, &result) == TP_OK);
    tpps_check(result == TP_WAIT_TIMEOUT);
    tpps_forbid_alloc(false);
}

SCENE(fault__events_need_no_memory)
{
    tp_event_t *event = try_event();
    if (!event)
        return;
    tpps_thread waiter = tpps_spawn(wait_twice, event);
    tpps_forbid_alloc(true);
    tpps_check(tp_event_set(event) == TP_OK);
    tpps_forbid_alloc(false);
    tpps_join(waiter);
    tpps_check(tp_event_close(event) == TP_OK);
}

static void submit_without_memory(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    bool requested;
    (void)work;
    tpps_forbid_alloc(true);
    post(context, 2);
    tpps_check(tp_callback_cancel_requested(instance, &requested) == TP_OK);
    tpps_check(tp_callback_disassociate(instance) == TP_OK);
    tpps_forbid_alloc(false);
}

SCENE(fault__callbacks_submit_without_memory)
{
    tp_pool_t *pool = try_pool(2, 2);
    tp_env_t *env = try_env(pool, NULL);
    tp_work_t *inner = try_work(env), *outer = try_caller(pool, submit_without_memory, inner);
    scene_submit(outer, 1);
    scene_await(1, outer && inner ? 2 : 0);
    scene_finish(outer);
    scene_finish(inner);
    destroy(env);
    all_done();
    scene_close_pool(pool);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(fault__pool_create_with_a_minimum)},
    {SCENE_ROW(fault__set_thread_minimum)},
    {SCENE_ROW(fault__work_create)},
    {SCENE_ROW(fault__work_create_in_a_closed_pool)},
    {SCENE_ROW(fault__the_default_pool)},
    {SCENE_ROW(fault__r37_two_make_the_default_pool)},
    {SCENE_ROW(fault__two_first_objects)},
    {SCENE_ROW(fault__simple_callbacks)},
    {SCENE_ROW(fault__members_of_a_group)},
    {SCENE_ROW(fault__creations_meet_close_members)},
    {SCENE_ROW(fault__events_semaphores_mutexes)},
    {SCENE_ROW(fault__growth_may_fail), .cpus = 3},
    {SCENE_ROW(fault__may_run_long_may_be_refused)},
    {SCENE_ROW(fault__submit_wait_cancel_close_need_no_memory)},
    {SCENE_ROW(fault__closing_a_group_needs_no_memory)},
    {SCENE_ROW(fault__events_need_no_memory)},
    {SCENE_ROW(fault__callbacks_submit_without_memory)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
