/* on_return_test.c - what the pool does after a callback: finalizer, actions, waiters, library. */
#include <pthread.h>
#include <string.h>

#include "tests/conformance/library.h"

struct run {
    tp_work_fn body; /* first: see unload_plugin.h */
    tp_pool_t *pool;
    tp_env_t *env;
    tp_work_t *work;
    pthread_mutex_t lock;
    tp_mutex_t *mutex[2];
    tp_semaphore_t *semaphore[2];
    tp_event_t *event[2];
    void *library;
    stage_counter_t ran, go, stopped;
    struct stage_log log;
};

static void count_stop(void *context)
{
    struct run *run = context;
    stage_add(&run->stopped, 1);
}

static void make_objects(struct run *run)
{
    for (int i = 0; i < 2; i++) {
        stage_expect_eq(tp_mutex_create(false, &run->mutex[i]), TP_OK);
        stage_expect_eq(tp_semaphore_create(0, 4, &run->semaphore[i]), TP_OK);
        stage_expect_eq(tp_event_create(false, false, &run->event[i]), TP_OK);
    }
}

/* A pool of one thread, and one of each object that an action can be about, or two. */
static void run_begin(struct run *run, tp_work_fn function)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    pthread_mutexattr_t checked;
    memset(run, 0, sizeof *run);
    config.thread_minimum = config.thread_maximum = 1; /* and so it does not retire meanwhile */
    config.on_thread_stop = count_stop;
    config.hook_context = run;
    stage_expect_eq(tp_pool_create(&config, &run->pool), TP_OK);
    run->env = stage_env(run->pool);
    run->work = stage_work(function, run, run->env);
    pthread_mutexattr_init(&checked);
    pthread_mutexattr_settype(&checked, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&run->lock, &checked);
    pthread_mutexattr_destroy(&checked);
    make_objects(run);
}

/* The work is closed: the thread ends, and has then done all that it had to. */
static void run_stop(struct run *run)
{
    stage_expect_eq(tp_env_destroy(run->env), TP_OK);
    stage_expect_eq(tp_pool_close(run->pool), TP_OK);
    stage_await(&run->stopped, 1);
    run->pool = NULL;
}

static void run_end(struct run *run)
{
    if (run->pool)
        run_stop(run);
    for (int i = 0; i < 2; i++) {
        stage_expect_eq(tp_mutex_close(run->mutex[i]), TP_OK);
        stage_expect_eq(tp_semaphore_close(run->semaphore[i]), TP_OK);
        stage_expect_eq(tp_event_close(run->event[i]), TP_OK);
    }
    stage_expect_eq(pthread_mutex_destroy(&run->lock), 0);
}

static void run_once(struct run *run)
{
    stage_expect_eq(tp_work_submit(run->work), TP_OK);
    stage_expect_eq(tp_work_wait(run->work, false, TP_INFINITE), TP_OK);
}

/* What a wait that only looks finds. */
static tp_wait_result_t look(tp_waitable_t source)
{
    tp_wait_result_t result = TP_WAIT_FAILED;
    stage_expect_eq(tp_waitable_wait(source, 0, &result), TP_OK);
    return result;
}

static bool is_set(tp_event_t *event)
{
    return look(tp_waitable_event(event)) == TP_WAIT_SIGNALED;
}

/* How many units the semaphore had; they are gone then. */
static uint32_t drain(tp_semaphore_t *semaphore)
{
    uint32_t units = 0;
    while (look(tp_waitable_semaphore(semaphore)) == TP_WAIT_SIGNALED)
        units++;
    return units;
}

/* ---- the actions ----------------------------------------------------------------------------- */

static void release_semaphore(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)work;
    stage_expect_eq(tp_callback_release_semaphore_on_return(instance, run->semaphore[0], 3), TP_OK);
    stage_expect_eq(drain(run->semaphore[0]), 0);
    stage_add(&run->ran, 1);
}

STAGE_TEST(on_return__c197_semaphore_is_released_after_not_during_the_callback)
{
    struct run run;
    run_begin(&run, release_semaphore);
    run_once(&run);
    stage_expect_eq(drain(run.semaphore[0]), 3);
    stage_finish(run.work);
    run_end(&run);
}

static void register_all(tp_callback_instance_t *instance, struct run *run)
{
    stage_expect_eq(pthread_mutex_lock(&run->lock), 0);
    stage_expect_eq(look(tp_waitable_mutex(run->mutex[0])), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_callback_set_event_on_return(instance, run->event[0]), TP_OK);
    stage_expect_eq(tp_callback_close_library_on_return(instance, run->library), TP_OK);
    stage_expect_eq(tp_callback_release_semaphore_on_return(instance, run->semaphore[0], 2), TP_OK);
    stage_expect_eq(tp_callback_unlock_on_return(instance, &run->lock), TP_OK);
    stage_expect_eq(tp_callback_release_mutex_on_return(instance, run->mutex[0]), TP_OK);
}

static void expect_all_done(struct run *run)
{
    stage_expect_eq(pthread_mutex_trylock(&run->lock), 0);
    stage_expect_eq(pthread_mutex_unlock(&run->lock), 0);
    stage_expect_eq(look(tp_waitable_mutex(run->mutex[0])), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_mutex_release(run->mutex[0]), TP_OK);
    stage_expect_eq(drain(run->semaphore[0]), 2);
    stage_expect(is_set(run->event[0]));
}

static void all_five(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)work;
    register_all(instance, run);
    stage_expect(!is_set(run->event[0]));
    stage_expect(library_is_open(run->library));
}

STAGE_TEST(on_return__c198_c201_all_five_are_done_when_wait_returns_but_the_library)
{
    struct run run;
    run_begin(&run, all_five);
    stage_require((run.library = library_open()) != NULL);
    run_once(&run);
    expect_all_done(&run); /* D-02: with no delay after the wait */
    stage_finish(run.work);
    run_end(&run); /* the thread has ended, and with it every action */
    stage_expect(library_has_gone(run.library));
    stage_expect_eq(stage_misuses(), 0);
}

static void disassociated_five(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    all_five(instance, context, work);
    stage_await(&run->go, 1);
}

STAGE_TEST(on_return__c202_actions_are_done_for_a_disassociated_callback)
{
    struct run run;
    run_begin(&run, disassociated_five);
    stage_require((run.library = library_open()) != NULL);
    run_once(&run);
    stage_expect(!is_set(run.event[0]));
    stage_expect_eq(tp_work_close(run.work), TP_OK);
    stage_add(&run.go, 1);
    run_stop(&run);
    expect_all_done(&run);
    run_end(&run);
    stage_expect(library_has_gone(run.library));
}

/* As all_five, but the event is left to the thread that waits for it. */
static void all_five_but_looking(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    register_all(instance, context);
}

static void look_after_end(struct run *run)
{
    tp_wait_result_t result;
    stage_expect_eq(tp_waitable_wait(tp_waitable_event(run->event[0]), TP_INFINITE, &result),
                    TP_OK);
    /* The event is the last but the library: the others are done. */
    stage_expect_eq(pthread_mutex_trylock(&run->lock), 0);
    stage_expect_eq(pthread_mutex_unlock(&run->lock), 0);
    stage_expect_eq(drain(run->semaphore[0]), 2);
    stage_expect_eq(look(tp_waitable_mutex(run->mutex[0])), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_mutex_release(run->mutex[0]), TP_OK);
}

STAGE_TEST(on_return__c199_whoever_the_event_wakes_finds_the_other_locks_free)
{
    struct run run;
    run_begin(&run, all_five_but_looking);
    stage_require((run.library = library_open()) != NULL);
    stage_expect_eq(tp_work_submit(run.work), TP_OK);
    look_after_end(&run);
    stage_finish(run.work);
    run_end(&run);
    stage_expect(library_has_gone(run.library));
}

/* ---- actions that fail ----------------------------------------------------------------------- */

static struct run *watched;

/* One letter for each action that was reported, in capitals if the library was gone by then. */
static void log_report(void *context, const char *function, tp_status_t status, const char *message)
{
    struct run *run = context;
    char letter = '?';
    (void)message;
    if (strcmp(function, "tp_callback_unlock_on_return") == 0)
        letter = status == TP_ERR_NOT_OWNER ? 'u' : '!';
    else if (strcmp(function, "tp_callback_release_mutex_on_return") == 0)
        letter = status == TP_ERR_NOT_OWNER ? 'm' : '!';
    else if (strcmp(function, "tp_callback_release_semaphore_on_return") == 0)
        letter = status == TP_ERR_LIMIT ? 's' : '!';
    else if (strcmp(function, "tp_callback_set_event_on_return") == 0)
        letter = status == TP_ERR_HANDLE ? 'e' : '!';
    if (!library_is_open(run->library))
        letter = (char)(letter - 'a' + 'A');
    stage_log_add(&run->log, letter);
}

static void fail_four(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    tp_event_t *event = NULL;
    (void)work;
    stage_expect_eq(tp_event_create(false, false, &event), TP_OK);
    stage_expect_eq(tp_callback_close_library_on_return(instance, run->library), TP_OK);
    stage_expect_eq(tp_callback_set_event_on_return(instance, event), TP_OK);
    stage_expect_eq(tp_callback_release_semaphore_on_return(instance, run->semaphore[0], 5), TP_OK);
    stage_expect_eq(tp_callback_release_mutex_on_return(instance, run->mutex[0]), TP_OK);
    if (!UNDER_TSAN)
        stage_expect_eq(tp_callback_unlock_on_return(instance, &run->lock), TP_OK);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

STAGE_TEST(on_return__c199_c204_failing_actions_are_told_in_their_order_and_stop_none)
{
    struct run run;
    run_begin(&run, fail_four);
    stage_require((run.library = library_open()) != NULL);
    stage_expect_eq(tp_set_misuse_hook(log_report, &run), TP_OK);
    run_once(&run);
    stage_expect(stage_log_is(&run.log, UNDER_TSAN ? "mse" : "umse"));
    stage_expect_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
    stage_finish(run.work);
    run_end(&run);
    stage_expect(library_has_gone(run.library)); /* the last one is done too */
}

/* What the actions are about is closed before the callback returns. */
static void log_closed(void *context, const char *function, tp_status_t status, const char *message)
{
    struct run *run = context;
    (void)function;
    (void)message;
    stage_log_add(&run->log, status == TP_ERR_HANDLE ? 'h' : '!');
}

static void close_before_the_end(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    tp_event_t *event = NULL;
    tp_semaphore_t *semaphore = NULL;
    tp_mutex_t *mutex = NULL;
    (void)context;
    (void)work;
    stage_expect_eq(tp_event_create(false, false, &event), TP_OK);
    stage_expect_eq(tp_semaphore_create(0, 1, &semaphore), TP_OK);
    stage_expect_eq(tp_mutex_create(true, &mutex), TP_OK);
    stage_expect_eq(tp_callback_set_event_on_return(instance, event), TP_OK);
    stage_expect_eq(tp_callback_release_semaphore_on_return(instance, semaphore, 1), TP_OK);
    stage_expect_eq(tp_callback_release_mutex_on_return(instance, mutex), TP_OK);
    stage_expect_eq(tp_event_close(event), TP_OK);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
    stage_expect_eq(tp_mutex_close(mutex), TP_OK);
}

STAGE_TEST(on_return__c204_actions_on_what_was_closed_are_told)
{
    struct run run;
    run_begin(&run, close_before_the_end);
    stage_expect_eq(tp_set_misuse_hook(log_closed, &run), TP_OK);
    run_once(&run);
    stage_expect(stage_log_is(&run.log, "hhh"));
    stage_expect_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
    stage_finish(run.work);
    run_end(&run);
}

static void overflow_and_set(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)work;
    stage_expect_eq(tp_callback_release_semaphore_on_return(instance, run->semaphore[0], 5), TP_OK);
    stage_expect_eq(tp_callback_set_event_on_return(instance, run->event[0]), TP_OK);
}

STAGE_TEST(on_return__c204_overflow_does_not_keep_the_event_from_being_set)
{
    struct run run;
    run_begin(&run, overflow_and_set);
    run_once(&run);
    stage_expect(is_set(run.event[0]));
    stage_expect_eq(drain(run.semaphore[0]), 0);
    stage_expect_eq(stage_misuses(), 1);
    stage_expect_eq(stage_misuse_status(), TP_ERR_LIMIT);
    stage_expect(strcmp(stage_misuse_function(), "tp_callback_release_semaphore_on_return") == 0);
    stage_finish(run.work);
    run_end(&run);
}

/* ---- the same kind twice --------------------------------------------------------------------- */

static void each_kind_twice(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)work;
    for (uint32_t i = 0; i < 2; i++) {
        stage_expect_eq(look(tp_waitable_mutex(run->mutex[i])), TP_WAIT_SIGNALED);
        stage_expect_eq(tp_callback_release_mutex_on_return(instance, run->mutex[i]), TP_OK);
        stage_expect_eq(tp_callback_release_semaphore_on_return(instance, run->semaphore[i], i + 1),
                        TP_OK);
        stage_expect_eq(tp_callback_set_event_on_return(instance, run->event[i]), TP_OK);
    }
    /* What is refused replaces nothing. */
    stage_expect_eq(tp_callback_set_event_on_return(instance, NULL), TP_ERR_HANDLE);
    stage_expect_eq(tp_callback_release_mutex_on_return(instance, NULL), TP_ERR_HANDLE);
    stage_expect_eq(tp_callback_release_semaphore_on_return(instance, run->semaphore[0], 0),
                    TP_ERR_ARGUMENT);
    stage_expect_eq(tp_callback_unlock_on_return(instance, NULL), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_callback_close_library_on_return(instance, NULL), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_mutex_release(run->mutex[0]), TP_OK); /* the first one is still ours */
}

STAGE_TEST(on_return__c200_the_last_of_a_kind_is_done_and_the_first_is_not)
{
    struct run run;
    run_begin(&run, each_kind_twice);
    run_once(&run);
    stage_expect_eq(drain(run.semaphore[0]), 0);
    stage_expect_eq(drain(run.semaphore[1]), 2);
    stage_expect(!is_set(run.event[0]));
    stage_expect(is_set(run.event[1]));
    stage_expect_eq(look(tp_waitable_mutex(run.mutex[1])), TP_WAIT_SIGNALED);
    stage_expect_eq(tp_mutex_release(run.mutex[1]), TP_OK);
    stage_expect_eq(stage_misuses(), 5);
    stage_finish(run.work);
    run_end(&run);
}

/* ---- the finalizer --------------------------------------------------------------------------- */

static void log_and_set(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)work;
    stage_expect_eq(tp_callback_set_event_on_return(instance, run->event[0]), TP_OK);
    stage_log_add(&run->log, 'c');
}

static void finalize(tp_callback_instance_t *instance, void *context)
{
    struct run *run = context;
    stage_expect(!is_set(run->event[0])); /* the actions come after this */
    stage_expect_eq(tp_callback_release_semaphore_on_return(instance, run->semaphore[0], 1), TP_OK);
    stage_expect_eq(tp_work_wait(run->work, false, 0), TP_ERR_DEADLOCK);
    stage_log_add(&run->log, 'f');
}

STAGE_TEST(on_return__c039_c056_finalizer_comes_between_callback_and_actions)
{
    struct run run;
    run_begin(&run, log_and_set);
    stage_expect_eq(tp_work_close(run.work), TP_OK);
    stage_expect_eq(tp_env_set_finalizer(run.env, finalize), TP_OK);
    run.work = stage_work(log_and_set, &run, run.env);
    for (int i = 0; i < 2; i++) {
        run_once(&run);
        stage_expect(is_set(run.event[0]));
    }
    stage_expect(stage_log_is(&run.log, "cfcf"));
    stage_expect_eq(drain(run.semaphore[0]), 2); /* asked for by the finalizer */
    stage_finish(run.work);
    run_end(&run);
}

/* ---- the library ----------------------------------------------------------------------------- */

static void close_own_library(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)work;
    stage_expect_eq(tp_callback_close_library_on_return(instance, run->library), TP_OK);
    stage_expect(library_is_open(run->library));
}

/* On real threads this is the destructor of the library, on the worker. */
static void wait_for_the_callback(void)
{
    stage_expect_eq(tp_work_wait(watched->work, false, TP_INFINITE), TP_OK);
    stage_log_add(&watched->log, 'd');
}

STAGE_TEST(on_return__c203_r22_library_may_wait_for_the_object_whose_callback_closes_it)
{
    struct run run;
    run_begin(&run, close_own_library);
    watched = &run;
    stage_expect_eq(tp_work_close(run.work), TP_OK);
    run.body = close_own_library;
    stage_require((run.library = library_open()) != NULL);
    run.work = stage_work(library_work(run.library), &run, run.env);
    library_told(run.library, wait_for_the_callback);
    run_once(&run);
    stage_expect(stage_eventually(library_has_gone, run.library));
    if (!stage_in_simulator)
        stage_expect(stage_log_is(&run.log, "d"));
    stage_finish(run.work);
    run_end(&run);
}

STAGE_MAIN(STAGE_CASE(on_return__c197_semaphore_is_released_after_not_during_the_callback),
           STAGE_CASE(on_return__c198_c201_all_five_are_done_when_wait_returns_but_the_library),
           STAGE_CASE(on_return__c202_actions_are_done_for_a_disassociated_callback),
           STAGE_CASE(on_return__c199_whoever_the_event_wakes_finds_the_other_locks_free),
           STAGE_CASE(on_return__c199_c204_failing_actions_are_told_in_their_order_and_stop_none),
           STAGE_CASE(on_return__c204_actions_on_what_was_closed_are_told),
           STAGE_CASE(on_return__c204_overflow_does_not_keep_the_event_from_being_set),
           STAGE_CASE(on_return__c200_the_last_of_a_kind_is_done_and_the_first_is_not),
           STAGE_CASE(on_return__c039_c056_finalizer_comes_between_callback_and_actions),
           STAGE_CASE(on_return__c203_r22_library_may_wait_for_the_object_whose_callback_closes_it))
