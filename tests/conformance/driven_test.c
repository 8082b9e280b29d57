/* driven_test.c - caller-driven pools: tp_pool_run, tp_pool_poll_fd, and how such a pool ends. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/conformance/driven_scene.h"
#include "tests/support/stage.h"

#ifdef TPP_SIM
#include "core/os/sim/sim.h"
#define end_thread() tpps_thread_exit()
#else
#define end_thread() pthread_exit(NULL)
#endif

/* ---- pools and callbacks --------------------------------------------------------------------- */

struct tally {
    stage_counter_t started, open, done, released, told;
    struct stage_peak peak;
    struct stage_log log;
    tp_pool_t *pool;
    tp_work_t *other;
    tpp_u64 thread; /* the last to run a callback */
    uint32_t total;
};

static void count(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    (void)instance;
    (void)work;
    tpp_store_release(&tally->thread, stage_self());
    stage_enter(&tally->peak);
    stage_leave(&tally->peak);
    stage_add(&tally->done, 1);
}

static void count_simple(tp_callback_instance_t *instance, void *context)
{
    count(instance, context, NULL);
}

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

static void release(void *context)
{
    struct tally *tally = context;
    stage_add(&tally->released, 1);
}

/* ---- running --------------------------------------------------------------------------------- */

STAGE_TEST(driven__no_thread_is_ever_made)
{
    struct tally tally = {0};
    uint32_t before = stage_library_threads();
    tp_pool_t *pool = driven(4);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(count, &tally, env);
    stage_expect_eq(tp_work_submit_many(work, 5), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &tally, env), TP_OK);
    stage_rest();
    stage_expect_eq(stage_value(&tally.done), 0); /* nobody has called in */
    stage_expect(stage_library_threads() <= before);
    stage_expect_eq(stage_stats(pool).threads, 0);
    stage_expect_eq(turn(pool, 0), 6);
    stage_expect_eq(tpp_load_acquire(&tally.thread), stage_self());
    tp_pool_stats_t stats = stage_stats(pool);
    stage_expect(stage_library_threads() <= before);
    stage_expect_eq(stats.threads, 0);
    stage_expect_eq(stats.submitted, 6);
    stage_expect_eq(stats.executed, 6);
    stage_expect_eq(turn(pool, 0), 0);
    stage_expect_eq(tp_pool_close(pool), TP_ERR_BUSY);
    stage_finish(work);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
    tp_env_destroy(env);
}

STAGE_TEST(driven__what_is_refused)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool = driven(2), *threaded = stage_pool(0, 1), *process;
    uint32_t ran = 9;
    int fd = 9;
    stage_expect_eq(tp_pool_run(pool, 0, -1, &ran), TP_ERR_ARGUMENT);
    stage_expect_eq(ran, 0);
    stage_expect_eq(tp_pool_run(NULL, 0, 0, NULL), TP_ERR_HANDLE);
    stage_expect_eq(tp_pool_run(threaded, 0, 0, NULL), TP_ERR_UNSUPPORTED);
    stage_expect_eq(tp_pool_default(&process), TP_OK);
    stage_expect_eq(tp_pool_run(process, 0, 0, NULL), TP_ERR_UNSUPPORTED);
    stage_expect_eq(tp_pool_poll_fd(threaded, &fd), TP_ERR_UNSUPPORTED);
    stage_expect_eq(fd, -1);
    stage_expect_eq(tp_pool_poll_fd(pool, NULL), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_pool_set_thread_minimum(pool, 1), TP_ERR_UNSUPPORTED);
    config.flags = TP_POOL_CALLER_DRIVEN;
    config.thread_minimum = 1;
    tp_pool_t *refused;
    stage_expect_eq(tp_pool_create(&config, &refused), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
    stage_expect_eq(tp_pool_run(pool, 0, 0, NULL), TP_ERR_HANDLE);
    fd = 9;
    stage_expect_eq(tp_pool_poll_fd(pool, &fd), TP_ERR_HANDLE);
    stage_expect_eq(fd, -1);
    stage_expect_eq(tp_pool_close(threaded), TP_OK);
}

static void log_a(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    stage_log_add(context, 'a');
}

static void log_b(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    stage_log_add(context, 'b');
}

static void log_c(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    stage_log_add(context, 'c');
}

/* Maximum 1: first in, first out; objects take turns. */
STAGE_TEST(driven__one_seat_keeps_the_order)
{
    struct stage_log log = {0};
    tp_pool_t *pool = driven(1);
    tp_env_t *env = stage_env(pool);
    tp_work_t *a = stage_work(log_a, &log, env), *b = stage_work(log_b, &log, env);
    tp_work_t *c = stage_work(log_c, &log, env);
    stage_expect_eq(tp_work_submit(c), TP_OK);
    stage_expect_eq(tp_work_submit_many(a, 3), TP_OK);
    stage_expect_eq(tp_work_submit_many(b, 3), TP_OK);
    stage_expect_eq(turn(pool, 3), 3);
    stage_expect(stage_log_is(&log, "cab"));
    stage_expect_eq(turn(pool, 0), 4);
    stage_expect(stage_log_is(&log, "cababab"));
    stage_finish(a);
    stage_finish(b);
    stage_finish(c);
    tp_env_destroy(env);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
}

STAGE_TEST(driven__priorities_go_first)
{
    struct stage_log log = {0};
    tp_pool_t *pool = driven(2);
    tp_env_t *env = stage_env(pool);
    tp_work_t *b = stage_work(log_b, &log, env);
    tp_env_set_priority(env, TP_PRIORITY_LOW);
    tp_work_t *c = stage_work(log_c, &log, env);
    tp_env_set_priority(env, TP_PRIORITY_HIGH);
    tp_work_t *a = stage_work(log_a, &log, env);
    stage_expect_eq(tp_work_submit_many(c, 2), TP_OK);
    stage_expect_eq(tp_work_submit_many(b, 2), TP_OK);
    stage_expect_eq(tp_work_submit_many(a, 2), TP_OK);
    stage_expect_eq(turn(pool, 1), 1);
    stage_expect_eq(turn(pool, 4), 4);
    stage_expect_eq(turn(pool, 4), 1);
    stage_expect(stage_log_is(&log, "aabbcc"));
    stage_finish(a);
    stage_finish(b);
    stage_finish(c);
    tp_env_destroy(env);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
}

STAGE_TEST(driven__timeouts)
{
    uint32_t ran = 9;
    tp_pool_t *pool = driven(1);
    int64_t began = stage_now();
    stage_expect_eq(tp_pool_run(pool, 0, 0, &ran), TP_ERR_TIMEOUT);
    stage_expect_eq(ran, 0);
    stage_expect_eq(tp_pool_run(pool, 0, 5 * STAGE_MS, &ran), TP_ERR_TIMEOUT);
    stage_expect_eq(ran, 0);
    stage_expect(stage_now() - began >= 5 * STAGE_MS);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
}

static void run_for_ever(void *context)
{
    struct tally *tally = context;
    stage_add(&tally->started, 1);
    turn_once(tally->pool);
    stage_add(&tally->told, 1);
}

STAGE_TEST(driven__post_wakes_who_waits)
{
    struct tally tally = {0};
    tally.pool = driven(2);
    tp_env_t *env = stage_env(tally.pool);
    tp_work_t *work = stage_work(count, &tally, env);
    stage_thread_t a = stage_start(run_for_ever, &tally), b = stage_start(run_for_ever, &tally);
    stage_await(&tally.started, 2);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_await(&tally.told, 1);
    stage_expect_eq(stage_value(&tally.done), 1);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_join(a);
    stage_join(b);
    stage_expect_eq(stage_value(&tally.done), 2);
    stage_finish(work);
    tp_env_destroy(env);
    stage_expect_eq(tp_pool_close(tally.pool), TP_OK);
}

/* Two are inside and busy: the third finds no seat, until the maximum rises. */
STAGE_TEST(driven__as_many_callers_as_the_maximum)
{
    struct tally tally = {0};
    uint32_t ran = 9;
    tally.pool = driven(2);
    tp_env_t *env = stage_env(tally.pool);
    tp_work_t *work = stage_work(hold, &tally, env);
    stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
    stage_thread_t a = stage_start(run_for_ever, &tally), b = stage_start(run_for_ever, &tally);
    stage_await(&tally.started, 4); /* both are in their callbacks */
    stage_expect_eq(stage_stats(tally.pool).threads, 2);
    stage_expect_eq(tp_pool_run(tally.pool, 0, TP_INFINITE, &ran), TP_ERR_TOO_MANY_THREADS);
    stage_expect_eq(ran, 0);
    stage_expect_eq(tp_pool_set_thread_maximum(tally.pool, 3), TP_OK);
    stage_thread_t c = stage_start(run_for_ever, &tally);
    stage_await(&tally.started, 6);
    stage_expect_eq(stage_most(&tally.peak), 3);
    stage_add(&tally.open, 1);
    stage_join(a);
    stage_join(b);
    stage_join(c);
    stage_expect_eq(stage_stats(tally.pool).threads, 0);
    stage_expect_eq(stage_stats(tally.pool).threads_peak, 3);
    stage_finish(work);
    tp_env_destroy(env);
    stage_expect_eq(tp_pool_close(tally.pool), TP_OK);
}

/* ---- inside a callback ----------------------------------------------------------------------- */

static void call_in(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    uint32_t ran = 9;
    stage_expect_eq(tp_pool_run(tally->pool, 0, 0, &ran), TP_ERR_DEADLOCK);
    stage_expect_eq(ran, 0);
    stage_expect_eq(tp_pool_shutdown(tally->pool, false, 0), TP_ERR_DEADLOCK);
    stage_expect_eq(stage_stats(tally->pool).threads, 1);
    stage_expect_eq(stage_stats(tally->pool).running, 1);
    count(instance, context, work);
}

STAGE_TEST(driven__run_inside_a_callback_is_a_deadlock)
{
    struct tally tally = {0};
    tp_pool_t *threaded = stage_pool(0, 1);
    tally.pool = driven(2);
    tp_env_t *env = stage_env(tally.pool);
    tp_work_t *work = stage_work(call_in, &tally, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(turn(tally.pool, 0), 1);
    stage_finish(work);
    stage_expect_eq(tp_pool_close(tally.pool), TP_OK);
    tp_env_destroy(env);
    stage_expect_eq(tp_pool_close(threaded), TP_OK);
}

static void run_from_elsewhere(tp_callback_instance_t *instance, void *context)
{
    struct tally *tally = context;
    (void)instance;
    stage_expect_eq(tp_pool_run(tally->pool, 0, TP_INFINITE, NULL), TP_ERR_DEADLOCK);
    stage_add(&tally->told, 1);
}

STAGE_TEST(driven__run_inside_a_callback_of_any_pool_is_a_deadlock)
{
    struct tally tally = {0};
    tally.pool = driven(1);
    stage_expect_eq(tp_try_submit(run_from_elsewhere, &tally, NULL), TP_OK);
    stage_await(&tally.told, 1);
    stage_expect_eq(tp_pool_close(tally.pool), TP_OK);
}

static void wait_for_other(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct tally *tally = context;
    (void)instance;
    (void)work;
    stage_expect_eq(tp_work_wait(tally->other, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&tally->done), 3);
    stage_add(&tally->told, 1);
}

STAGE_TEST(driven__wait_inside_a_callback_helps)
{
    struct tally tally = {0};
    tp_pool_t *pool = driven(1);
    tp_env_t *env = stage_env(pool);
    tp_work_t *outer = stage_work(wait_for_other, &tally, env);
    tally.other = stage_work(count, &tally, env);
    stage_expect_eq(tp_work_submit(outer), TP_OK);
    stage_expect_eq(tp_work_submit_many(tally.other, 3), TP_OK);
    stage_expect_eq(turn(pool, 1), 1); /* those that it ran itself do not count */
    stage_expect_eq(stage_value(&tally.told), 1);
    stage_expect_eq(turn(pool, 0), 0);
    stage_finish(outer);
    stage_finish(tally.other);
    tp_env_destroy(env);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
}

static void end_inside(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    count(instance, context, work);
    end_thread();
}

static void run_to_the_end(void *context)
{
    struct tally *tally = context;
    (void)tp_pool_run(tally->pool, 0, TP_INFINITE, NULL);
    stage_expect(false); /* the callback has ended the thread */
}

STAGE_TEST(driven__thread_that_ends_inside_frees_its_seat)
{
    struct tally tally = {0};
    tally.pool = driven(1);
    tp_env_t *env = stage_env(tally.pool);
    tp_work_t *ends = stage_work(end_inside, &tally, env), *rest = stage_work(count, &tally, env);
    stage_expect_eq(tp_work_submit(ends), TP_OK);
    stage_expect_eq(tp_work_submit_many(rest, 2), TP_OK);
    stage_join(stage_start(run_to_the_end, &tally));
    stage_expect_eq(stage_stats(tally.pool).threads, 0);
    stage_expect_eq(turn(tally.pool, 0), 2);
    stage_expect_eq(stage_value(&tally.done), 3);
    stage_finish(ends);
    stage_finish(rest);
    tp_env_destroy(env);
    stage_expect_eq(tp_pool_close(tally.pool), TP_OK);
}

STAGE_TEST(driven__persistent_objects_run_where_somebody_calls)
{
    struct tally tally = {0};
    tp_pool_t *pool = driven(2);
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(tp_env_set_persistent(env, true), TP_OK);
    tp_work_t *work = stage_work(count, &tally, env);
    stage_expect_eq(tp_work_submit_many(work, 2), TP_OK);
    stage_expect_eq(turn(pool, 1), 1);
    stage_expect_eq(turn(pool, 0), 1);
    stage_finish(work);
    tp_env_destroy(env);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void prepare(struct tally *tally, tp_work_t **work_out, tp_env_t **env_out)
{
    tally->pool = driven(1);
    *env_out = stage_env(tally->pool);
    stage_expect_eq(tp_env_set_context_release(*env_out, release), TP_OK);
    *work_out = stage_work(count, tally, *env_out);
    stage_expect_eq(tp_work_submit_many(*work_out, 3), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, tally, *env_out), TP_OK);
}

STAGE_TEST(driven__shutdown_drains_on_the_calling_thread)
{
    struct tally tally = {0};
    tp_work_t *work;
    tp_env_t *env;
    prepare(&tally, &work, &env);
    stage_expect_eq(tp_pool_shutdown(tally.pool, false, 0), TP_OK);
    stage_expect_eq(stage_value(&tally.done), 4);
    stage_expect_eq(tpp_load_acquire(&tally.thread), stage_self());
    stage_expect_eq(stage_value(&tally.released), 1);
    stage_expect_eq(tp_pool_run(tally.pool, 0, 0, NULL), TP_ERR_HANDLE);
    stage_expect_eq(tp_work_submit(work), TP_ERR_CLOSED);
    stage_expect_eq(tp_work_close(work), TP_OK);
    stage_expect_eq(stage_value(&tally.released), 2);
    tp_env_destroy(env);
}

STAGE_TEST(driven__shutdown_with_cancel_drops)
{
    struct tally tally = {0};
    tp_work_t *work;
    tp_env_t *env;
    prepare(&tally, &work, &env);
    stage_expect_eq(tp_pool_shutdown(tally.pool, true, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&tally.done), 0);
    stage_expect_eq(stage_value(&tally.released), 1);
    stage_expect_eq(tp_work_close(work), TP_OK);
    tp_env_destroy(env);
}

static void run_until_closed(void *context)
{
    struct tally *tally = context;
    tp_status_t status = TP_OK;
    stage_add(&tally->started, 1);
    while (status == TP_OK) /* ends with the shutdown */
        status = tp_pool_run(tally->pool, 0, TP_INFINITE, NULL);
    stage_expect(status == TP_ERR_CLOSED || status == TP_ERR_HANDLE);
}

STAGE_TEST(driven__shutdown_sends_callers_away)
{
    struct tally tally = {0};
    tally.pool = driven(3);
    tp_env_t *env = stage_env(tally.pool);
    tp_work_t *work = stage_work(count, &tally, env);
    stage_thread_t a = stage_start(run_until_closed, &tally);
    stage_thread_t b = stage_start(run_until_closed, &tally);
    stage_await(&tally.started, 2);
    stage_expect_eq(tp_work_submit_many(work, 20), TP_OK);
    stage_expect_eq(tp_pool_shutdown(tally.pool, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&tally.done), 20);
    stage_join(a);
    stage_join(b);
    stage_expect_eq(tp_work_close(work), TP_OK);
    tp_env_destroy(env);
}

static void run_while_wanted(void *context)
{
    struct tally *tally = context;
    while (stage_value(&tally->open) == 0) { /* ends when the group has been closed */
        tp_status_t status = tp_pool_run(tally->pool, 1, STAGE_MS, NULL);
        stage_expect(status == TP_OK || status == TP_ERR_TIMEOUT);
    }
}

STAGE_TEST(driven__group_is_closed_while_a_caller_runs)
{
    struct tally tally = {0};
    tp_cleanup_group_t *group;
    tally.pool = driven(2);
    tp_env_t *env = stage_env(tally.pool);
    stage_expect_eq(tp_cleanup_group_create(&group), TP_OK);
    stage_expect_eq(tp_env_set_cleanup_group(env, group, NULL), TP_OK);
    tp_work_t *work = stage_work(count, &tally, env);
    stage_thread_t runner = stage_start(run_while_wanted, &tally);
    stage_expect_eq(tp_work_submit_many(work, 5), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &tally, env), TP_OK);
    stage_expect_eq(tp_cleanup_group_close_members(group, false, NULL), TP_OK);
    stage_expect_eq(stage_value(&tally.done), 6);
    stage_add(&tally.open, 1);
    stage_join(runner);
    stage_expect_eq(tp_cleanup_group_close(group), TP_OK);
    tp_env_destroy(env);
    stage_expect_eq(tp_pool_close(tally.pool), TP_OK);
}

/* ---- the descriptor -------------------------------------------------------------------------- */

STAGE_TEST(driven__descriptor_is_readable_while_there_is_something)
{
    struct tally tally = {0};
    int fd = -1, again = -1;
    tp_pool_t *pool = driven(1);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(count, &tally, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(tp_pool_poll_fd(pool, &fd), TP_OK);
    stage_expect(readable(fd)); /* posted before there was one */
    stage_expect_eq(turn(pool, 0), 1);
    stage_expect(!readable(fd));
    stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
    stage_expect(readable(fd));
    stage_expect_eq(turn(pool, 2), 2);
    stage_expect(readable(fd)); /* one is left */
    stage_expect_eq(turn(pool, 2), 1);
    stage_expect(!readable(fd));
    stage_expect_eq(turn(pool, 0), 0);
    stage_expect(!readable(fd));
    stage_expect_eq(tp_pool_poll_fd(pool, &again), TP_OK);
    stage_expect_eq(fd, again);
    stage_finish(work);
    tp_env_destroy(env);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
    if (!stage_in_simulator)
        stage_expect(fcntl(fd, F_GETFD) == -1 && errno == EBADF); /* closed with the pool */
}

static void submit_some(void *context)
{
    struct tally *tally = context;
    for (int i = 0; i < stage_times(5000, 2); i++)
        stage_expect_eq(tp_work_submit(tally->other), TP_OK);
}

/* The loop calls in only when the descriptor is readable, and does not miss a post. */
static void event_loop(uint32_t most)
{
    struct tally tally = {0};
    stage_thread_t submitters[3];
    int fd = -1;
    uint32_t ran = 0, empty = 0, total = 3 * stage_times(5000, 2);
    tp_pool_t *pool = driven(1);
    tp_env_t *env = stage_env(pool);
    tally.other = stage_work(count, &tally, env);
    stage_expect_eq(tp_pool_poll_fd(pool, &fd), TP_OK);
    for (int i = 0; i < 3; i++)
        submitters[i] = stage_start(submit_some, &tally);
    while (ran < total && wait_readable(fd)) {
        uint32_t now = turn(pool, most);
        empty += now == 0;
        ran += now;
    }
    stage_expect_eq(ran, total);
    stage_expect(empty <= total); /* for nothing only once in a while */
    for (int i = 0; i < 3; i++)
        stage_join(submitters[i]);
    stage_expect_eq(turn(pool, 0), 0);
    stage_expect(!readable(fd));
    stage_finish(tally.other);
    tp_env_destroy(env);
    stage_expect_eq(tp_pool_close(pool), TP_OK);
}

STAGE_TEST(driven__event_loop_misses_no_post)
{
    event_loop(0);
}

STAGE_TEST(driven__event_loop_that_takes_one_at_a_time)
{
    event_loop(1);
}

/* No descriptor is left in the process: the caller is told why, and can try again. */
STAGE_TEST(driven__descriptor_that_cannot_be_made)
{
    struct rlimit limit, none;
    int fd = 9;
    tp_pool_t *pool = driven(1);
    int lowest = open("/", O_RDONLY | O_DIRECTORY);
    stage_expect(lowest >= 0);
    close(lowest);
    stage_expect_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = (rlim_t)lowest; /* the next one would have this number */
    stage_expect_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    tp_status_t status = tp_pool_poll_fd(pool, &fd);
    int why = tp_last_errno();
    stage_expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    stage_expect_eq(status, TP_ERR_SYSTEM);
    stage_expect_eq(why, EMFILE);
    stage_expect_eq(fd, -1);
    stage_expect_eq(tp_pool_poll_fd(pool, &fd), TP_OK);
    stage_expect(fd >= 0 && !readable(fd));
    stage_expect_eq(tp_pool_close(pool), TP_OK);
}

STAGE_MAIN(STAGE_CASE(driven__no_thread_is_ever_made), STAGE_CASE(driven__what_is_refused),
           STAGE_CASE(driven__one_seat_keeps_the_order), STAGE_CASE(driven__priorities_go_first),
           STAGE_CASE_X(driven__timeouts, .no_early = true),
           STAGE_CASE(driven__post_wakes_who_waits),
           STAGE_CASE(driven__as_many_callers_as_the_maximum),
           STAGE_CASE(driven__run_inside_a_callback_is_a_deadlock),
           STAGE_CASE(driven__run_inside_a_callback_of_any_pool_is_a_deadlock),
           STAGE_CASE(driven__wait_inside_a_callback_helps),
           STAGE_CASE(driven__thread_that_ends_inside_frees_its_seat),
           STAGE_CASE(driven__persistent_objects_run_where_somebody_calls),
           STAGE_CASE(driven__shutdown_drains_on_the_calling_thread),
           STAGE_CASE(driven__shutdown_with_cancel_drops),
           STAGE_CASE(driven__shutdown_sends_callers_away),
           STAGE_CASE(driven__group_is_closed_while_a_caller_runs),
           STAGE_CASE(driven__descriptor_is_readable_while_there_is_something),
           STAGE_CASE(driven__event_loop_misses_no_post),
           STAGE_CASE(driven__event_loop_that_takes_one_at_a_time),
           STAGE_CASE_X(driven__descriptor_that_cannot_be_made, .real_only = true))
