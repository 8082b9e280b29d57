/* dump_test.c - what a dump of a pool tells, and from where it may be asked for. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/support/tap.h"
#include "tp/tp.h"

static char text[65536];
static int open_gate[2]; /* a byte for each callback that may go on */
static tp_event_t *inside;

/* A pipe holds what a few threads have to tell. */
static const char *dump(tp_pool_t *pool)
{
    int ends[2];
    ssize_t length;
    text[0] = 0;
    if (pipe(ends) != 0)
        return text;
    check_eq(tp_pool_dump(pool, ends[1]), TP_OK);
    close(ends[1]);
    length = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    text[length > 0 ? length : 0] = 0;
    return text;
}

static void stay(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    char byte;
    (void)context, (void)work;
    check_eq(tp_callback_may_run_long(instance), TP_OK);
    check_eq(tp_event_set(inside), TP_OK);
    check_eq(read(open_gate[0], &byte, 1), 1);
}

static void stay_simple(tp_callback_instance_t *instance, void *context)
{
    stay(instance, context, NULL);
}

static void await_inside(void)
{
    tp_waitable_t event = tp_waitable_event(inside);
    tp_wait_result_t result;
    check_eq(tp_waitable_wait(event, TP_INFINITE, &result), TP_OK);
}

static tp_env_t *env_of(tp_pool_t *pool, const char *name)
{
    tp_env_t *env = NULL;
    check_eq(tp_env_create(&env), TP_OK);
    check_eq(tp_env_set_pool(env, pool), TP_OK);
    check_eq(tp_env_set_name(env, name), TP_OK);
    return env;
}

static tp_pool_t *pool_named(const char *name, uint32_t flags)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool = NULL;
    config.name = name;
    config.flags = flags;
    check_eq(tp_pool_create(&config, &pool), TP_OK);
    return pool;
}

static void begin(void)
{
    check_eq(pipe(open_gate), 0);
    check_eq(tp_event_create(false, false, &inside), TP_OK);
}

static void end(void)
{
    close(open_gate[0]);
    close(open_gate[1]);
    check_eq(tp_event_close(inside), TP_OK);
}

TAP_TEST(dump__a_pool_without_threads)
{
    tp_pool_t *pool = pool_named("quiet", 0), *driven = pool_named("loop", TP_POOL_CALLER_DRIVEN);
    check(strcmp(dump(pool), "pool \"quiet\": 0 threads of 0..500, 0 idle, 0 known to block, "
                             "0 processors\n"
                             "  queued: 0 high, 0 normal, 0 low; running: 0; finished: 0\n") == 0);
    check(strstr(dump(driven), "pool \"loop\": 0 threads") == text);
    check(strstr(text, "driven by its callers") != NULL);
    check_eq(tp_pool_close(pool), TP_OK);
    check_eq(tp_pool_close(driven), TP_OK);
}

/* A work object with a name, and a simple callback without one, at once. */
TAP_TEST(dump__tells_what_each_thread_runs)
{
    char address[40];
    tp_pool_t *pool = pool_named("busy", 0);
    tp_env_t *named = env_of(pool, "a name of thirty-one characters"), *unnamed = env_of(pool, "");
    tp_work_t *work = NULL;
    begin();
    check_eq(tp_work_create(stay, NULL, named, &work), TP_OK);
    check_eq(tp_work_submit(work), TP_OK);
    await_inside();
    snprintf(address, sizeof address, "%p, callback %p", (void *)work, (void *)(uintptr_t)stay);
    check(strstr(dump(pool), ", runs work object \"a name of thirty-one characters\" ") != NULL);
    check(strstr(text, address) != NULL);
    check(strstr(text, "running: 1") != NULL);
    check_eq(tp_try_submit(stay_simple, NULL, unnamed), TP_OK);
    await_inside();
    snprintf(address, sizeof address, "callback %p, known to block",
             (void *)(uintptr_t)stay_simple);
    check(strstr(dump(pool), ", runs simple callback, callback ") != NULL);
    check(strstr(text, address) != NULL);
    check(strstr(text, ", 2 known to block, ") != NULL);
    check(strstr(text, "shutting down") == NULL);
    check_eq(tp_pool_shutdown(pool, false, 0), TP_ERR_TIMEOUT);
    check(strstr(dump(pool), " processors, shutting down\n") != NULL);
    check_eq(write(open_gate[1], "go", 2), 2);
    check_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    check_eq(tp_work_close(work), TP_OK);
    check_eq(tp_pool_shutdown(pool, false, TP_INFINITE), TP_OK);
    check_eq(tp_env_destroy(named), TP_OK);
    check_eq(tp_env_destroy(unnamed), TP_OK);
    end();
}

static tp_pool_t *single;

static void look(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    const char *outer = context;
    (void)instance, (void)work;
    check(strstr(dump(single), outer ? "\"inner\"" : "\"outer\"") != NULL);
    check(strstr(text, outer ? "\"outer\"" : "\"inner\"") == NULL);
}

/* A callback that waits may run what it waits for itself: then that is what its thread runs, and
 * afterwards it runs the first again. */
static void help_and_look(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    check_eq(tp_work_submit(context), TP_OK);
    check_eq(tp_work_wait(context, false, TP_INFINITE), TP_OK);
    look(instance, NULL, work);
}

TAP_TEST(dump__c206_tells_the_innermost_callback)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_env_t *outer_env, *inner_env;
    tp_work_t *outer = NULL, *inner = NULL;
    config.thread_maximum = 1;
    require(tp_pool_create(&config, &single) == TP_OK);
    outer_env = env_of(single, "outer");
    inner_env = env_of(single, "inner");
    check_eq(tp_work_create(look, "outer runs", inner_env, &inner), TP_OK);
    check_eq(tp_work_create(help_and_look, inner, outer_env, &outer), TP_OK);
    check_eq(tp_work_submit(outer), TP_OK);
    check_eq(tp_work_wait(outer, false, TP_INFINITE), TP_OK);
    check_eq(tp_work_close(outer), TP_OK);
    check_eq(tp_work_close(inner), TP_OK);
    check_eq(tp_env_destroy(outer_env), TP_OK);
    check_eq(tp_env_destroy(inner_env), TP_OK);
    check(strstr(dump(single), "runs") == NULL);
    check_eq(tp_pool_shutdown(single, false, TP_INFINITE), TP_OK);
}

TAP_TEST(dump__what_cannot_be_written)
{
    tp_pool_t *pool = pool_named("mute", 0);
    tp_env_t *env = env_of(pool, "x"); /* this thread is known from now on */
    int closed = dup(2);
    close(closed);
    check_eq(tp_pool_dump(pool, closed), TP_ERR_SYSTEM);
    check_eq(tp_last_errno(), EBADF);
    check_eq(tp_pool_dump(pool, -1), TP_ERR_ARGUMENT);
    check_eq(tp_env_destroy(env), TP_OK);
    check_eq(tp_pool_close(pool), TP_OK);
    check_eq(tp_pool_dump(pool, 2), TP_ERR_HANDLE);
}

/* ---- from a signal handler ------------------------------------------------------------------- */

static tp_pool_t *interrupted;
static int nowhere;
static volatile sig_atomic_t handled, failed;

static void on_tick(int number)
{
    (void)number;
    handled++;
    failed += tp_pool_dump(interrupted, nowhere) != TP_OK;
}

static void nothing(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance, (void)context, (void)work;
}

/* The handler interrupts this thread wherever it is in the library, with locks held or without. */
TAP_TEST(dump__from_a_signal_handler_that_interrupts_the_library)
{
    struct sigaction action = {.sa_handler = on_tick};
    struct itimerval every = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    tp_env_t *env;
    interrupted = pool_named("storm", 0);
    env = env_of(interrupted, "stormy");
    nowhere = open("/dev/null", O_WRONLY);
    require(nowhere >= 0);
    sigaction(SIGVTALRM, &action, NULL);
    setitimer(ITIMER_VIRTUAL, &every, NULL);
    while (handled < 200) {
        tp_work_t *work = NULL;
        check_eq(tp_work_create(nothing, NULL, env, &work), TP_OK);
        check_eq(tp_work_submit_many(work, 20), TP_OK);
        check_eq(tp_work_wait(work, handled & 1, TP_INFINITE), TP_OK);
        check_eq(tp_work_close(work), TP_OK);
    }
    setitimer(ITIMER_VIRTUAL, &never, NULL);
    check_eq(failed, 0);
    signal(SIGVTALRM, SIG_DFL);
    close(nowhere);
    check_eq(tp_env_destroy(env), TP_OK);
    check_eq(tp_pool_shutdown(interrupted, false, TP_INFINITE), TP_OK);
}

int main(void)
{
    tap_run(dump__a_pool_without_threads);
    tap_run(dump__tells_what_each_thread_runs);
    tap_run(dump__c206_tells_the_innermost_callback);
    tap_run(dump__what_cannot_be_written);
    tap_run(dump__from_a_signal_handler_that_interrupts_the_library);
    return tap_done();
}
