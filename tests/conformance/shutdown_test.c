/* shutdown_test.c - tp_pool_shutdown: what runs, what is dropped, who may call it, what is left. */
#include <pthread.h>
#include <string.h>

#include "tests/support/stage.h"

#ifdef TPP_SIM
#include "core/os/sim/sim.h"
#define end_thread() tpps_thread_exit()
#else
#define end_thread() pthread_exit(NULL)
#endif

/* ---- callbacks ------------------------------------------------------------------------------- */

struct tally {
    stage_counter_t started, open, done, released, accepted, told;
    tpp_u32 over; /* 1: nothing may run any more */
    tp_pool_t *pool;
    const tp_env_t *env;
};

static void count(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    (void)instance;
    (void)work;
    stage_expect_eq(tpp_load_acquire(&tally->over), 0);
    stage_add(&tally->done, 1);
}

static void count_simple(tp_callback_instance_t *instance, void *context)
{
    count(instance, context, NULL);
}

static void hold(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    stage_add(&tally->started, 1);
    stage_await(&tally->open, 1);
    count(instance, context, work);
}

static void release(void *context)
{
    struct tally *tally = context;
    stage_add(&tally->released, 1);
}

/* ---- what is queued -------------------------------------------------------------------------- */

STAGE_TEST(shutdown__drain_runs_all_that_is_queued)
{
    struct tally tally = {0};
    uint32_t before = stage_library_threads();
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(count, &tally, env);
    stage_expect_eq(tp_work_submit_many(work, 20), TP_OK);
    for (int i = 0; i < 5; i++)
        stage_expect_eq(tp_try_submit(count_simple, &tally, env), TP_OK);
    stage_expect_eq(tp_pool_shutdown(pool, false, TP_INFINITE), TP_OK);
    tpp_store_release(&tally.over, 1);
    stage_expect_eq(stage_value(&tally.done), 25);
    stage_expect(stage_library_threads_fall_to(before));
    stage_expect_eq(tp_work_submit(work), TP_ERR_CLOSED);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_work_wait(work, true, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_work_close(work), TP_OK); /* and the pool goes */
    tp_env_destroy(env);
}

/* One runs; three posts of one object and two simple callbacks wait. */
STAGE_TEST(shutdown__cancel_drops_what_is_queued_and_counts_it)
{
    struct stage_gate gate;
    struct tally tally = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_work_t *work = stage_work(count, &tally, env);
    stage_expect_eq(tp_env_set_context_release(env, release), TP_OK);
    stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &tally, env), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &tally, env), TP_OK);
    stage_expect_eq(tp_pool_shutdown(gate.pool, true, 0), TP_ERR_TIMEOUT);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK); /* its posts are gone */
    stage_expect_eq(tp_work_submit(work), TP_ERR_CLOSED);
    stage_expect_eq(tp_try_submit(count_simple, &tally, env), TP_ERR_CLOSED);
    stage_gate_open(&gate);
    stage_await(&tally.released, 2); /* given back once each, without having run */
    stage_expect_eq(tp_work_wait(gate.blocker, false, TP_INFINITE), TP_OK);
    tp_pool_stats_t stats = stage_stats(gate.pool);
    stage_expect_eq(stats.submitted, 6);
    stage_expect_eq(stats.executed, 1);
    stage_expect_eq(stats.cancelled, 5);
    stage_expect_eq(tp_pool_shutdown(gate.pool, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&tally.done), 0);
    stage_expect_eq(stage_value(&tally.released), 2);
    stage_expect_eq(tp_work_close(work), TP_OK);
    stage_expect_eq(tp_work_close(gate.blocker), TP_OK);
    tp_env_destroy(env);
}

static void submit_many(void *context)
{
    struct tally *tally = context;
    tp_work_t *work = stage_work(count, tally, tally->env);
    stage_add(&tally->started, 1);
    for (int i = 0; i < stage_times(2000, 2); i++) {
        tp_status_t status =
            i % 2 ? tp_work_submit(work) : tp_try_submit(count_simple, tally, tally->env);
        stage_expect(status == TP_OK || status == TP_ERR_CLOSED);
        if (status == TP_OK)
            stage_add(&tally->accepted, 1);
    }
    stage_expect_eq(tp_work_close(work), TP_OK);
}

/* What was accepted runs, and nothing else. Those who post have made their objects before. */
static void against_posts(bool cancel)
{
    for (int i = 0; i < stage_times(20, 1); i++) {
        struct tally tally = {0};
        tp_pool_t *pool = stage_pool(0, 2);
        tp_env_t *env = stage_env(pool);
        tally.env = env;
        stage_thread_t a = stage_start(submit_many, &tally), b = stage_start(submit_many, &tally);
        stage_await(&tally.started, 2);
        stage_await(&tally.accepted, stage_times(100, 1));
        stage_expect_eq(tp_pool_shutdown(pool, cancel, TP_INFINITE), TP_OK);
        tpp_store_release(&tally.over, 1);
        uint32_t done = stage_value(&tally.done);
        stage_join(a);
        stage_join(b);
        stage_expect_eq(stage_value(&tally.done), done);
        if (cancel)
            stage_expect(done <= stage_value(&tally.accepted));
        else
            stage_expect_eq(done, stage_value(&tally.accepted));
        tp_env_destroy(env);
    }
}

STAGE_TEST(shutdown__drain_while_others_post)
{
    against_posts(false);
}

STAGE_TEST(shutdown__cancel_while_others_post)
{
    against_posts(true);
}

/* ---- kinds of objects ------------------------------------------------------------------------ */

static void leave_behind(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    stage_add(&tally->started, 1);
    stage_await(&tally->open, 1);
    count(instance, context, work);
}

/* A wait does not wait for a disassociated callback; a shutdown does. */
STAGE_TEST(shutdown__waits_for_disassociated_callbacks)
{
    struct tally tally = {0};
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(leave_behind, &tally, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_await(&tally.started, 1);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_pool_shutdown(pool, true, 2 * STAGE_MS), TP_ERR_TIMEOUT);
    stage_expect_eq(stage_value(&tally.done), 0);
    stage_add(&tally.open, 1);
    stage_expect_eq(tp_pool_shutdown(pool, true, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&tally.done), 1);
    tp_work_close(work);
    tp_env_destroy(env);
}

/* Concurrency-limited, persistent, high and low, closed with posts queued, grouped or not. */
static void all_kinds(bool cancel)
{
    struct stage_gate gate;
    struct tally tally = {0};
    tp_cleanup_group_t *group;
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    stage_expect_eq(tp_cleanup_group_create(&group), TP_OK);
    tp_env_set_context_release(env, release);
    tp_env_set_concurrency_limit(env, 1);
    tp_work_t *limited = stage_work(count, &tally, env);
    tp_env_set_concurrency_limit(env, 0);
    tp_env_set_persistent(env, true);
    tp_work_t *persistent = stage_work(count, &tally, env);
    tp_env_set_persistent(env, false);
    tp_env_set_priority(env, TP_PRIORITY_LOW);
    tp_work_t *closed = stage_work(count, &tally, env);
    tp_env_set_cleanup_group(env, group, NULL);
    tp_work_t *member = stage_work(count, &tally, env);
    stage_expect_eq(tp_work_submit_many(limited, 2), TP_OK);
    stage_expect_eq(tp_work_submit_many(persistent, 2), TP_OK);
    stage_expect_eq(tp_work_submit_many(closed, 2), TP_OK);
    stage_expect_eq(tp_work_submit_many(member, 2), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &tally, env), TP_OK); /* in the group */
    stage_expect_eq(tp_work_close(closed), TP_OK);
    stage_expect_eq(tp_pool_shutdown(gate.pool, cancel, 0), TP_ERR_TIMEOUT);
    stage_gate_open(&gate);
    stage_expect_eq(tp_pool_shutdown(gate.pool, cancel, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&tally.done), cancel ? 0 : 9);
    stage_expect_eq(stage_value(&tally.released), 2); /* the closed one and the simple one */
    stage_expect_eq(tp_cleanup_group_close_members(group, true, NULL), TP_OK);
    stage_expect_eq(tp_cleanup_group_close(group), TP_OK);
    tp_work_close(limited);
    tp_work_close(persistent);
    stage_expect_eq(stage_value(&tally.released), 5);
    tp_work_close(gate.blocker);
    tp_env_destroy(env);
}

STAGE_TEST(shutdown__drain_of_all_kinds)
{
    all_kinds(false);
}

STAGE_TEST(shutdown__cancel_of_all_kinds)
{
    all_kinds(true);
}

/* ---- times ----------------------------------------------------------------------------------- */

STAGE_TEST(shutdown__times_out_stays_shut_and_goes_on)
{
    struct tally tally = {0};
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(hold, &tally, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_await(&tally.started, 1);
    stage_expect_eq(tp_pool_shutdown(pool, false, -1), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_work_submit(work), TP_OK); /* that changed nothing */
    stage_expect_eq(tp_pool_shutdown(pool, false, 0), TP_ERR_TIMEOUT);
    int64_t began = stage_now();
    stage_expect_eq(tp_pool_shutdown(pool, false, 5 * STAGE_MS), TP_ERR_TIMEOUT);
    stage_expect(stage_now() - began >= 5 * STAGE_MS);
    stage_expect_eq(tp_work_submit(work), TP_ERR_CLOSED);
    tp_work_t *other;
    stage_expect_eq(tp_work_create(count, &tally, env, &other), TP_ERR_CLOSED);
    stage_expect(other == NULL);
    stage_expect_eq(stage_stats(pool).executed, 0); /* the handle is good */
    stage_add(&tally.open, 1);
    stage_expect_eq(tp_pool_shutdown(pool, false, 60 * STAGE_S), TP_OK);
    stage_expect_eq(stage_value(&tally.done), 2);
    tp_work_close(work);
    tp_env_destroy(env);
}

STAGE_TEST(shutdown__handle_is_stale_afterwards)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    tp_pool_t *pool = stage_pool(1, 2);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work;
    stage_expect_eq(tp_pool_shutdown(pool, true, TP_INFINITE), TP_OK); /* it is empty */
    stage_expect_eq(tp_pool_shutdown(pool, true, TP_INFINITE), TP_ERR_HANDLE);
    stage_expect_eq(tp_pool_close(pool), TP_ERR_HANDLE);
    stage_expect_eq(tp_pool_get_stats(pool, &stats), TP_ERR_HANDLE);
    stage_expect_eq(tp_pool_set_thread_minimum(pool, 1), TP_ERR_HANDLE);
    stage_expect_eq(tp_work_create(count, NULL, env, &work), TP_ERR_CLOSED);
    stage_expect_eq(tp_pool_shutdown(NULL, true, 0), TP_ERR_HANDLE);
    tp_env_destroy(env);
}

STAGE_TEST(shutdown__default_pool_is_refused)
{
    struct tally tally = {0};
    tp_pool_t *pool;
    stage_expect_eq(tp_pool_default(&pool), TP_OK);
    stage_expect_eq(tp_pool_shutdown(pool, true, TP_INFINITE), TP_ERR_UNSUPPORTED);
    tp_work_t *work = stage_work(count, &tally, NULL);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_finish(work);
    stage_expect_eq(stage_value(&tally.done), 1);
}

STAGE_TEST(shutdown__close_after_a_timeout_lets_the_rest_run)
{
    struct tally tally = {0};
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(hold, &tally, env);
    stage_expect_eq(tp_work_submit_many(work, 2), TP_OK);
    stage_await(&tally.started, 1);
    stage_expect_eq(tp_pool_shutdown(pool, false, 0), TP_ERR_TIMEOUT);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
    stage_expect_eq(tp_pool_shutdown(pool, false, 0), TP_ERR_HANDLE);
    stage_add(&tally.open, 1);
    stage_finish(work);
    stage_expect_eq(stage_value(&tally.done), 2);
    tp_env_destroy(env);
}

/* ---- from where ------------------------------------------------------------------------------ */

static void shut_own(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    (void)instance;
    if (tpp_add_acq_rel(&tally->started.value, 1) == 0) { /* the first of all */
        stage_expect_eq(tp_pool_shutdown(tally->pool, true, TP_INFINITE), TP_ERR_DEADLOCK);
        stage_expect_eq(tp_pool_shutdown(tally->pool, false, 0), TP_ERR_DEADLOCK);
        stage_expect_eq(tp_work_submit(work), TP_OK); /* nothing has changed */
        stage_expect_eq(tp_try_submit(count_simple, tally, tally->env), TP_OK);
    }
    stage_add(&tally->done, 1);
}

STAGE_TEST(shutdown__from_its_own_callback_is_a_deadlock)
{
    struct tally tally = {0};
    tp_pool_t *pool = tally.pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    tally.env = env;
    tp_work_t *work = stage_work(shut_own, &tally, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_await(&tally.done, 3);
    stage_expect_eq(stage_misuse_status(), TP_ERR_DEADLOCK);
    stage_expect(strcmp(stage_misuse_function(), "tp_pool_shutdown") == 0);
    stage_expect_eq(tp_pool_shutdown(pool, false, TP_INFINITE), TP_OK);
    tp_work_close(work);
    tp_env_destroy(env);
}

static void shut_in_hook(void *context)
{
    struct tally *tally = context;
    if (tally->pool)
        stage_expect_eq(tp_pool_shutdown(tally->pool, true, TP_INFINITE), TP_ERR_DEADLOCK);
    stage_add(&tally->told, 1);
}

static void close_own(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    stage_expect_eq(tp_work_close(work), TP_OK);
}

/* In the release function of an object that a worker frees, and in the hook of an ending thread. */
STAGE_TEST(shutdown__from_release_and_hook_on_a_worker_is_a_deadlock)
{
    struct tally tally = {0};
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.on_thread_stop = shut_in_hook;
    config.hook_context = &tally;
    stage_expect_eq(tp_pool_create(&config, &tally.pool), TP_OK);
    tp_env_t *env = stage_env(tally.pool);
    stage_expect_eq(tp_env_set_context_release(env, shut_in_hook), TP_OK);
    tp_work_t *work = stage_work(close_own, &tally, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_await(&tally.told, 1);
    stage_expect_eq(tp_pool_shutdown(tally.pool, false, TP_INFINITE), TP_OK);
    stage_expect(stage_value(&tally.told) >= 2);
    tp_env_destroy(env);
}

static void shut_other(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    (void)instance;
    (void)work;
    stage_expect_eq(tp_pool_shutdown(tally->pool, false, TP_INFINITE), TP_OK);
    stage_add(&tally->told, 1);
}

STAGE_TEST(shutdown__from_a_callback_of_another_pool)
{
    struct tally tally = {0};
    tp_pool_t *pool = stage_pool(0, 1);
    tally.pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(tally.pool);
    tp_work_t *work = stage_work(count, &tally, env);
    stage_expect_eq(tp_env_set_pool(env, pool), TP_OK);
    tp_work_t *shutter = stage_work(shut_other, &tally, env);
    stage_expect_eq(tp_work_submit_many(work, 5), TP_OK);
    stage_expect_eq(tp_work_submit(shutter), TP_OK);
    stage_finish(shutter);
    stage_expect_eq(stage_value(&tally.told), 1);
    stage_expect_eq(stage_value(&tally.done), 5);
    tp_work_close(work);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* ---- against its like ------------------------------------------------------------------------ */

static void shut_it(void *context)
{
    struct tally *tally = context;
    tp_status_t status = tp_pool_shutdown(tally->pool, true, TP_INFINITE);
    stage_expect(status == TP_OK || status == TP_ERR_HANDLE);
    stage_add(&tally->told, status == TP_OK);
}

static void close_it(void *context)
{
    struct tally *tally = context;
    tp_status_t status = tp_pool_close(tally->pool);
    stage_expect(status == TP_OK || status == TP_ERR_HANDLE);
    stage_add(&tally->told, status == TP_OK);
}

/* Exactly one of them ends the handle. */
static void several(void (*first)(void *), void (*second)(void *))
{
    for (int i = 0; i < stage_times(300, 1); i++) {
        struct tally tally = {0};
        tally.pool = stage_pool(0, 2);
        tp_env_t *env = stage_env(tally.pool);
        tp_work_t *work = stage_work(count, &tally, env);
        stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
        stage_thread_t a = stage_start(first, &tally), b = stage_start(second, &tally);
        stage_thread_t c = stage_start(first, &tally);
        stage_join(a);
        stage_join(b);
        stage_join(c);
        stage_expect_eq(stage_value(&tally.told), 1);
        stage_finish(work);
        tp_env_destroy(env);
    }
}

STAGE_TEST(shutdown__three_at_once_and_one_is_told_ok)
{
    several(shut_it, shut_it);
}

STAGE_TEST(shutdown__against_close_and_one_is_told_ok)
{
    several(shut_it, close_it);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void thread_started(void *context)
{
    struct tally *tally = context;
    stage_add(&tally->started, 1);
}

static void thread_stopped(void *context)
{
    struct tally *tally = context;
    stage_pass(STAGE_MS);
    stage_add(&tally->told, 1);
}

static void count_and_end(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    count(instance, context, work);
    end_thread();
}

/* Also of the threads that were ended in a callback. */
static void hooks(tp_work_fn callback)
{
    struct tally tally = {0};
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_minimum = 2;
    config.thread_maximum = 3;
    config.on_thread_start = thread_started;
    config.on_thread_stop = thread_stopped;
    config.hook_context = &tally;
    stage_expect_eq(tp_pool_create(&config, &tally.pool), TP_OK);
    tp_env_t *env = stage_env(tally.pool);
    tp_work_t *work = stage_work(callback, &tally, env);
    stage_expect_eq(tp_work_submit_many(work, 4), TP_OK);
    stage_expect_eq(tp_pool_shutdown(tally.pool, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&tally.done), 4);
    stage_expect(stage_value(&tally.started) >= 2);
    stage_expect_eq(stage_value(&tally.told), stage_value(&tally.started));
    tp_work_close(work);
    tp_env_destroy(env);
}

STAGE_TEST(shutdown__stop_hooks_have_returned)
{
    hooks(count);
}

STAGE_TEST(shutdown__stop_hooks_have_returned_of_threads_that_ended_early)
{
    hooks(count_and_end);
}

static void until_cancelled(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    bool requested = true;
    stage_expect_eq(tp_callback_cancel_requested(instance, &requested), TP_OK);
    stage_expect(!requested);
    stage_add(&tally->started, 1);
    while (!requested) { /* ends when the shutdown has begun */
        stage_expect_eq(tp_callback_cancel_requested(instance, &requested), TP_OK);
        stage_pass(STAGE_MS / 100);
    }
    count(instance, context, work);
}

STAGE_TEST(shutdown__running_callbacks_are_asked_to_end)
{
    struct tally tally = {0};
    tp_pool_t *pool = stage_pool(2, 2);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(until_cancelled, &tally, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_await(&tally.started, 1);
    stage_expect_eq(tp_pool_shutdown(pool, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&tally.done), 1);
    tp_work_close(work);
    tp_env_destroy(env);
}

static void chain(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    tp_work_t *other;
    count(instance, context, work);
    stage_add(&tally->started, 1);
    if (stage_value(&tally->open) == 0) /* until the shutdown has begun */
        stage_await_for(&tally->open, 1, STAGE_MS);
    bool shut = stage_value(&tally->open) > 0;
    tp_status_t status = tp_work_submit(work);
    stage_expect(status == TP_ERR_CLOSED || (status == TP_OK && !shut));
    status = tp_work_create(count, tally, tally->env, &other);
    stage_expect(status == TP_ERR_CLOSED || (status == TP_OK && !shut));
    if (status == TP_OK)
        tp_work_close(other);
}

STAGE_TEST(shutdown__own_callbacks_are_refused_too)
{
    struct tally tally = {0};
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    tally.env = env;
    tp_work_t *work = stage_work(chain, &tally, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_await(&tally.started, 1);
    tp_status_t status = tp_pool_shutdown(pool, false, 0);
    stage_expect(status == TP_ERR_TIMEOUT || status == TP_OK);
    stage_add(&tally.open, 1);
    if (status == TP_ERR_TIMEOUT)
        stage_expect_eq(tp_pool_shutdown(pool, false, TP_INFINITE), TP_OK);
    tp_work_close(work);
    tp_env_destroy(env);
}

STAGE_MAIN(STAGE_CASE(shutdown__drain_runs_all_that_is_queued),
           STAGE_CASE(shutdown__cancel_drops_what_is_queued_and_counts_it),
           STAGE_CASE(shutdown__drain_while_others_post),
           STAGE_CASE(shutdown__cancel_while_others_post),
           STAGE_CASE(shutdown__waits_for_disassociated_callbacks),
           STAGE_CASE(shutdown__drain_of_all_kinds), STAGE_CASE(shutdown__cancel_of_all_kinds),
           STAGE_CASE_X(shutdown__times_out_stays_shut_and_goes_on, .no_early = true),
           STAGE_CASE(shutdown__handle_is_stale_afterwards),
           STAGE_CASE(shutdown__default_pool_is_refused),
           STAGE_CASE(shutdown__close_after_a_timeout_lets_the_rest_run),
           STAGE_CASE(shutdown__from_its_own_callback_is_a_deadlock),
           STAGE_CASE(shutdown__from_release_and_hook_on_a_worker_is_a_deadlock),
           STAGE_CASE(shutdown__from_a_callback_of_another_pool),
           STAGE_CASE(shutdown__three_at_once_and_one_is_told_ok),
           STAGE_CASE(shutdown__against_close_and_one_is_told_ok),
           STAGE_CASE(shutdown__stop_hooks_have_returned),
           STAGE_CASE(shutdown__stop_hooks_have_returned_of_threads_that_ended_early),
           STAGE_CASE(shutdown__running_callbacks_are_asked_to_end),
           STAGE_CASE(shutdown__own_callbacks_are_refused_too))
