/* exit_test.c - a process with busy pools ends at once with its own status, however it is told. */
#include "tests/survival/scene.h"

enum { STATUS = 42 };

/* ThreadSanitizer sleeps for a second in each exit. */
static int times = SANITIZED ? 3 : 20;

/* ---- the process that ends ------------------------------------------------------------------- */

static tp_work_t *spinner, *late;
static tpp_u32 inside, spins;
static int hose[2];

static void spin(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    tpp_add_relaxed(&spins, 1);
    (void)tp_work_submit(work); /* there is always more */
}

static void drink(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    char byte;
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&inside, 1);
    (void)!read(hose[0], &byte, 1);
}

static void end_process(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    exit(STATUS);
}

/* What the destructor of a static object does: it uses the library for the last time. */
static void submit_more(void)
{
    tp_work_t *work = NULL;
    if (tp_work_submit_many(spinner, 5) != TP_OK || tp_work_submit_many(late, 3) != TP_OK)
        _exit(90);
    if (tp_work_create(spin, NULL, NULL, &work) != TP_OK || tp_work_submit(work) != TP_OK)
        _exit(91);
    if (tp_work_wait(work, true, 0) == TP_ERR_HANDLE || tp_work_close(work) != TP_OK)
        _exit(92);
}

static bool use_in_destructor;

/* After the functions of atexit, and after what the library might do at the end. */
__attribute__((destructor)) static void last_of_all(void)
{
    if (use_in_destructor)
        submit_more();
}

static void *submit_for_ever(void *argument)
{
    for (;;) {
        (void)tp_work_submit(late);
        (void)!tp_work_wait(argument, true, MS);
    }
    return NULL;
}

/* Callbacks that run, that wait in a queue, that are blocked; a gate that watches pools; threads
 * of the application inside calls of the library. */
static void be_busy(void)
{
    struct scene narrow = scene_plan(0, 6), wide = scene_plan(2, 40);
    pthread_t thread;
    tp_work_t *drinker[2];
    check_eq(pipe(hose), 0);
    scene_build(&narrow);
    scene_build(&wide);
    check_eq(tp_work_create(spin, NULL, NULL, &spinner), TP_OK);
    drinker[0] = scene_work(&narrow, drink, NULL);
    drinker[1] = scene_work(&wide, drink, NULL);
    late = scene_work(&wide, spin, NULL);
    check_eq(tp_work_submit_many(spinner, 4), TP_OK);
    check_eq(tp_work_submit_many(drinker[0], 30), TP_OK);
    check_eq(tp_work_submit_many(drinker[1], 3), TP_OK);
    check_eq(tp_work_submit_many(late, 2), TP_OK);
    while (tpp_load_acquire(&inside) < 4 || tpp_load_relaxed(&spins) < 10)
        usleep(100);
    for (int i = 0; i < 2; i++)
        check_eq(pthread_create(&thread, NULL, submit_for_ever, drinker[1]), 0);
}

static int run_mode(const char *mode)
{
    tp_work_t *work = NULL;
    be_busy();
    if (tap_failures_ != 0)
        _exit(93);
    if (strcmp(mode, "_exit") == 0)
        _exit(STATUS);
    if (strcmp(mode, "quick_exit") == 0)
        quick_exit(STATUS);
    if (strcmp(mode, "atexit") == 0) {
        use_in_destructor = true;
        if (atexit(submit_more) != 0)
            _exit(94);
        exit(STATUS);
    }
    if (strcmp(mode, "callback") == 0) {
        use_in_destructor = true;
        if (tp_work_create(end_process, NULL, NULL, &work) != TP_OK ||
            tp_work_submit(work) != TP_OK)
            _exit(95);
        for (;;)
            pause();
    }
    return STATUS;
}

/* ---- the test -------------------------------------------------------------------------------- */

static void expect_end(const char *mode)
{
    int64_t longest = 0, begun = now();
    for (int i = 0; i < times; i++) {
        int64_t start = now();
        check_eq(end_of(start_again(mode, 30, -1)), STATUS);
        if (now() - start > longest)
            longest = now() - start;
    }
    printf("# %s, %d times: %.1f ms each, at most %.1f ms\n", mode, times,
           (double)(now() - begun) / 1e6 / times, (double)longest / 1e6);
    check(longest < 10000 * MS * patience()); /* a machine may be busy with other things */
}

TAP_TEST(exit__c210_r40_main_returns_while_pools_are_busy)
{
    expect_end("return");
}

TAP_TEST(exit__c210_r40_exit_with_handlers_that_use_the_library)
{
    expect_end("atexit");
}

TAP_TEST(exit__c210_r40_exit_in_a_callback)
{
    expect_end("callback");
}

TAP_TEST(exit__c210_r40_exit_without_handlers)
{
    expect_end("_exit");
}

TAP_TEST(exit__c210_r40_quick_exit)
{
    expect_end("quick_exit");
}

/* usage: exit_test [TIMES | MODE, for itself only] */
int main(int argc, char **argv)
{
    if (argc > 1 && atoi(argv[1]) == 0)
        return run_mode(argv[1]);
    if (argc > 1)
        times = atoi(argv[1]);
    tap_timeout(120);
    tap_run(exit__c210_r40_main_returns_while_pools_are_busy);
    tap_run(exit__c210_r40_exit_with_handlers_that_use_the_library);
    tap_run(exit__c210_r40_exit_in_a_callback);
    tap_run(exit__c210_r40_exit_without_handlers);
    tap_run(exit__c210_r40_quick_exit);
    return tap_done();
}
