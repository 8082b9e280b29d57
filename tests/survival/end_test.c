/* end_test.c - callbacks that do not return: pthread_exit, cancellation, an exception of C++. */
#define _GNU_SOURCE
#include "tests/survival/scene.h"

#if defined(__x86_64__) || defined(__aarch64__)
#define SEES_EXCEPTIONS true
#else
#define SEES_EXCEPTIONS false
#endif

/* From end_throw.cpp, which is there if a C++ compiler is. */
__attribute__((weak)) void end_throw(void);
__attribute__((weak)) void end_catch(void (*function)(void *), void *argument);

/* ---- what happened --------------------------------------------------------------------------- */

static tpp_u32 ended, others, started, stopped, misuses, released, finalized;
static tp_mutex_t *mutex;
static tp_semaphore_t *semaphore;
static tp_event_t *event;

static void on_start(void *context)
{
    (void)context;
    tpp_add_acq_rel(&started, 1);
}

static void on_stop(void *context)
{
    (void)context;
    tpp_add_acq_rel(&stopped, 1);
}

static void release(void *context)
{
    (void)context;
    tpp_add_acq_rel(&released, 1);
}

static void finalize(tp_callback_instance_t *instance, void *context)
{
    (void)instance;
    (void)context;
    tpp_add_acq_rel(&finalized, 1);
}

static void other(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&others, 1);
}

static struct scene begin(uint32_t minimum, uint32_t maximum)
{
    tpp_u32 *const counters[] = {&ended,   &others,   &started,  &stopped,
                                 &misuses, &released, &finalized};
    for (size_t i = 0; i < COUNT(counters); i++)
        tpp_store_release(counters[i], 0);
    struct scene scene = scene_plan(minimum, maximum);
    scene.config.on_thread_start = on_start;
    scene.config.on_thread_stop = on_stop;
    scene_build(&scene);
    check_eq(tp_set_misuse_hook(hear_thread_end, &misuses), TP_OK);
    check_eq(tp_env_set_context_release(scene.env, release), TP_OK);
    check_eq(tp_mutex_create(false, &mutex), TP_OK);
    check_eq(tp_semaphore_create(0, 9, &semaphore), TP_OK);
    check_eq(tp_event_create(true, false, &event), TP_OK);
    return scene;
}

static void finish(struct scene *scene)
{
    scene_end(scene);
    check_eq(tpp_load_acquire(&started), tpp_load_acquire(&stopped)); /* each thread told its end */
    check_eq(tp_mutex_close(mutex) | tp_semaphore_close(semaphore) | tp_event_close(event), TP_OK);
    check_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
}

static tp_wait_result_t look(tp_waitable_t source)
{
    tp_wait_result_t result = TP_WAIT_FAILED;
    check_eq(tp_waitable_wait(source, 0, &result), TP_OK);
    return result;
}

/* ---- pthread_exit ---------------------------------------------------------------------------- */

static void exit_thread(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&ended, 1);
    pthread_exit(NULL);
}

static void exit_simple(tp_callback_instance_t *instance, void *context)
{
    exit_thread(instance, context, NULL);
}

TAP_TEST(end__pthread_exit_in_a_callback_lets_waiters_go_and_the_queue_goes_on)
{
    for (uint32_t maximum = 1; maximum <= 4; maximum += 3) {
        struct scene scene = begin(0, maximum);
        tp_work_t *work = scene_work(&scene, exit_thread, NULL);
        tp_work_t *next = scene_work(&scene, other, NULL);
        for (uint32_t i = 0; i < 20; i++) {
            check_eq(tp_work_submit(work), TP_OK);
            check_eq(tp_work_submit_many(next, 5), TP_OK);
        }
        finish_work(work);
        finish_work(next);
        check_eq(tpp_load_acquire(&ended), 20);
        check_eq(tpp_load_acquire(&misuses), 20);
        check_eq(tpp_load_acquire(&others), 100);
        check(stats_of(scene.pool).threads <= maximum);
        check_eq(tpp_load_acquire(&released), 2);
        finish(&scene);
    }
}

TAP_TEST(end__pthread_exit_in_every_callback_at_once_leaves_the_minimum_of_threads)
{
    struct scene scene = begin(3, 6);
    tp_work_t *work = scene_work(&scene, exit_thread, NULL);
    check_eq(tp_work_submit_many(work, 200), TP_OK);
    check_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&ended), 200);
    check_eq(tpp_load_acquire(&misuses), 200);
    int64_t end = now() + 10000 * MS * patience();
    while (stats_of(scene.pool).threads < 3 && now() < end)
        usleep(1000);
    check(stats_of(scene.pool).threads >= 3);
    check_eq(stats_of(scene.pool).executed, 200);
    check_eq(tp_work_close(work), TP_OK);
    finish(&scene);
}

static void act_and_exit(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    tp_wait_result_t result;
    check_eq(tp_waitable_wait(tp_waitable_mutex(mutex), TP_INFINITE, &result), TP_OK);
    check_eq(tp_callback_release_mutex_on_return(instance, mutex), TP_OK);
    check_eq(tp_callback_release_semaphore_on_return(instance, semaphore, 2), TP_OK);
    check_eq(tp_callback_set_event_on_return(instance, event), TP_OK);
    check_eq(pthread_mutex_lock(context), 0);
    check_eq(tp_callback_unlock_on_return(instance, context), TP_OK);
    exit_thread(instance, NULL, work);
}

TAP_TEST(end__pthread_exit_in_a_callback_does_its_completion_actions)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct scene scene = begin(0, 2);
    check_eq(tp_env_set_finalizer(scene.env, finalize), TP_OK);
    tp_work_t *work = scene_work(&scene, act_and_exit, &lock);
    check_eq(tp_work_submit(work), TP_OK);
    finish_work(work);
    check_eq(look(tp_waitable_mutex(mutex)), TP_WAIT_SIGNALED); /* and not abandoned */
    check_eq(tp_mutex_release(mutex), TP_OK);
    check_eq(look(tp_waitable_semaphore(semaphore)), TP_WAIT_SIGNALED);
    check_eq(look(tp_waitable_semaphore(semaphore)), TP_WAIT_SIGNALED);
    check_eq(look(tp_waitable_semaphore(semaphore)), TP_WAIT_TIMEOUT);
    check_eq(look(tp_waitable_event(event)), TP_WAIT_SIGNALED);
    check_eq(pthread_mutex_trylock(&lock), 0);
    check_eq(pthread_mutex_unlock(&lock), 0);
    check_eq(tpp_load_acquire(&misuses), 1);
    check_eq(tpp_load_acquire(&released), 1);
    finish(&scene);
}

static void cancelled(void *object_context, void *cleanup_context)
{
    (void)object_context;
    (void)cleanup_context;
}

TAP_TEST(end__pthread_exit_in_members_of_a_group_lets_its_closer_go)
{
    tp_cleanup_group_t *group = NULL;
    tp_work_t *work = NULL;
    struct scene scene = begin(0, 2);
    check_eq(tp_cleanup_group_create(&group), TP_OK);
    check_eq(tp_env_set_cleanup_group(scene.env, group, cancelled), TP_OK);
    for (int i = 0; i < 20; i++) {
        check_eq(tp_work_create(exit_thread, NULL, scene.env, &work), TP_OK);
        check_eq(tp_work_submit_many(work, 2), TP_OK);
        check_eq(tp_try_submit(exit_simple, NULL, scene.env), TP_OK);
        check_eq(tp_cleanup_group_close_members(group, false, NULL), TP_OK);
        check_eq(tpp_load_acquire(&ended), 3 * (i + 1));
        check_eq(tpp_load_acquire(&released), 2 * (i + 1));
    }
    check_eq(tpp_load_acquire(&misuses), 60);
    check_eq(tp_cleanup_group_close(group), TP_OK);
    finish(&scene);
}

TAP_TEST(end__pthread_exit_in_simple_callbacks_of_a_closed_pool)
{
    struct scene scene = begin(0, 1);
    for (int i = 0; i < 10; i++)
        check_eq(tp_try_submit(exit_simple, NULL, scene.env), TP_OK);
    check_eq(tp_pool_close(scene.pool), TP_OK);
    check(reaches(&released, 10));
    check(threads_fall_to(THREADS_BEFORE + 1));
    check_eq(tpp_load_acquire(&ended), 10);
    check_eq(tpp_load_acquire(&started), tpp_load_acquire(&stopped));
    check_eq(tp_env_destroy(scene.env), TP_OK);
    check_eq(tp_mutex_close(mutex) | tp_semaphore_close(semaphore) | tp_event_close(event), TP_OK);
    check_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
}

/* ---- cancellation ---------------------------------------------------------------------------- */

static pthread_t victim;
static tpp_u32 victim_known, resume;

static void show_state(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    int before = -1, type = -1;
    (void)instance;
    (void)context;
    (void)work;
    check_eq(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before), 0);
    check_eq(before, PTHREAD_CANCEL_DISABLE);
    check_eq(pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type), 0);
    check_eq(type, PTHREAD_CANCEL_DEFERRED);
    victim = pthread_self();
    tpp_store_release(&victim_known, 1);
    while (!tpp_load_acquire(&resume))
        usleep(1000); /* a cancellation point */
    tpp_add_acq_rel(&others, 1);
}

TAP_TEST(end__cancelling_a_worker_does_nothing_by_default)
{
    struct scene scene = begin(0, 1);
    tpp_store_release(&victim_known, 0);
    tpp_store_release(&resume, 0);
    tp_work_t *work = scene_work(&scene, show_state, NULL);
    tp_work_t *next = scene_work(&scene, other, NULL);
    check_eq(tp_work_submit(work), TP_OK);
    check(reaches(&victim_known, 1));
    check_eq(pthread_cancel(victim), 0);
    usleep(20000);
    tpp_store_release(&resume, 1);
    finish_work(work);
    check_eq(tp_work_submit_many(next, 10), TP_OK);
    finish_work(next);
    check_eq(tpp_load_acquire(&others), 11);
    check_eq(tpp_load_acquire(&misuses), 0);
    check_eq(stats_of(scene.pool).threads_created, 1);
    finish(&scene);
}

static void be_cancelled(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    victim = pthread_self();
    check_eq(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL), 0);
    tpp_add_acq_rel(&ended, 1);
    tpp_store_release(&victim_known, 1);
    for (;;) /* not in a call that ThreadSanitizer watches: it would not see how that ends */
        pthread_testcancel();
}

TAP_TEST(end__a_worker_that_allows_it_is_cancelled_and_replaced)
{
    struct scene scene = begin(0, 1);
    tp_work_t *work = scene_work(&scene, be_cancelled, NULL);
    tp_work_t *next = scene_work(&scene, other, NULL);
    for (uint32_t i = 0; i < 10; i++) {
        tpp_store_release(&victim_known, 0);
        check_eq(tp_work_submit(work), TP_OK);
        check_eq(tp_work_submit_many(next, 3), TP_OK);
        check(reaches(&victim_known, 1));
        check_eq(pthread_cancel(victim), 0);
        check_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
        check_eq(tp_work_wait(next, false, TP_INFINITE), TP_OK);
    }
    check_eq(tpp_load_acquire(&ended), 10);
    check_eq(tpp_load_acquire(&misuses), 10);
    check_eq(tpp_load_acquire(&others), 30);
    check_eq(tp_work_close(work) | tp_work_close(next), TP_OK);
    finish(&scene);
}

/* ---- exceptions ------------------------------------------------------------------------------ */

static void throw_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    end_throw();
}

static void throw_simple(tp_callback_instance_t *instance, void *context)
{
    throw_work(instance, context, NULL);
}

static void drive(void *pool)
{
    (void)tp_pool_run(pool, 0, 0, NULL);
}

static void do_nothing(void *context)
{
    (void)context;
}

/* The process of a test: dies, or says that it has not. */
static _Noreturn void die_of_exception(const char *mode)
{
    struct rlimit none = {0, 0};
    struct scene scene = scene_plan(0, 1);
    bool driven = strcmp(mode, "driven") == 0, simple = strcmp(mode, "simple") == 0;
    bool with_release = strcmp(mode, "released") == 0, plain = strcmp(mode, "plain") == 0;
    (void)setrlimit(RLIMIT_CORE, &none);
    scene.config.flags = driven ? TP_POOL_CALLER_DRIVEN : 0;
    scene_build(&scene);
    if (with_release) /* there is something to be known of it, but no name */
        check_eq(tp_env_set_context_release(scene.env, do_nothing), TP_OK);
    else if (!plain)
        check_eq(tp_env_set_name(scene.env, "thrower of end_test"), TP_OK);
    if (simple) {
        check_eq(tp_try_submit(throw_simple, NULL, scene.env), TP_OK);
    } else {
        tp_work_t *work = scene_work(&scene, throw_work, NULL);
        check_eq(tp_work_submit(work), TP_OK);
        if (driven)
            end_catch(drive, scene.pool);
        else
            (void)!tp_work_wait(work, false, TP_INFINITE);
    }
    sleep(5);
    _exit(98);
}

static void expect_death(const char *mode, const char *message)
{
    int errors[2];
    char text[4096] = "";
    size_t length = 0;
    ssize_t got;
    require(pipe(errors) == 0);
    pid_t child = start_again(mode, 20, errors[1]);
    close(errors[1]);
    while (length < sizeof text - 1 &&
           (got = read(errors[0], text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    close(errors[0]);
    check_eq(end_of(child), 1000 + SIGABRT);
    if (!strstr(text, message))
        printf("# it said \"%s\"\n", text);
    check(strstr(text, message) != NULL);
}

TAP_TEST(end__an_exception_that_leaves_a_callback_ends_the_process_with_the_objects_name)
{
    if (!end_throw || !SEES_EXCEPTIONS)
        tap_skip("no C++ compiler, or a processor without the guard");
    expect_death("work", "an exception left the callback of work object \"thrower of end_test\"");
    expect_death("simple",
                 "an exception left the callback of simple callback \"thrower of end_test\"");
    expect_death("plain", "an exception left the callback of work object \"unnamed\"");
    expect_death("released", "an exception left the callback of work object \"unnamed\"");
}

TAP_TEST(end__an_exception_does_not_pass_through_tp_pool_run)
{
    if (!end_throw || !SEES_EXCEPTIONS)
        tap_skip("no C++ compiler, or a processor without the guard");
    expect_death("driven", "an exception left the callback of work object \"thrower of end_test\"");
}

int main(int argc, char **argv)
{
    if (argc > 1)
        die_of_exception(argv[1]);
    tap_run(end__pthread_exit_in_a_callback_lets_waiters_go_and_the_queue_goes_on);
    tap_run(end__pthread_exit_in_every_callback_at_once_leaves_the_minimum_of_threads);
    tap_run(end__pthread_exit_in_a_callback_does_its_completion_actions);
    tap_run(end__pthread_exit_in_members_of_a_group_lets_its_closer_go);
    tap_run(end__pthread_exit_in_simple_callbacks_of_a_closed_pool);
    tap_run(end__cancelling_a_worker_does_nothing_by_default);
    tap_run(end__a_worker_that_allows_it_is_cancelled_and_replaced);
    tap_run(end__an_exception_that_leaves_a_callback_ends_the_process_with_the_objects_name);
    tap_run(end__an_exception_does_not_pass_through_tp_pool_run);
    return tap_done();
}
