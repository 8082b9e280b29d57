/* limits_test.c - when the system refuses threads, memory or descriptors: less runs, nothing is
 * lost. */
#define _GNU_SOURCE
#include "tests/survival/scene.h"

enum { PARTIES = 8, SKIPPED = 77, STACK = 256 << 10 };

static tpp_u32 runs, arrived, left;
static pthread_barrier_t barrier;

static void count_run(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&runs, 1);
}

static void meet(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&arrived, 1);
    pthread_barrier_wait(&barrier);
    tpp_add_acq_rel(&left, 1);
}

/* ---- a user who may have few threads --------------------------------------------------------- */

/* Becomes a user whom nobody else is, so that the limit counts this process only. */
static void become_nobody(void)
{
    if (setgid(65534) != 0 || setuid((uid_t)(1000000 + getpid())) != 0)
        _exit(SKIPPED);
}

/* So many threads more than there are now. */
static void allow_threads(uint32_t more)
{
    struct rlimit limit;
    check_eq(getrlimit(RLIMIT_NPROC, &limit), 0);
    limit.rlim_cur = threads_now() + more;
    check_eq(setrlimit(RLIMIT_NPROC, &limit), 0);
}

static void allow_all_threads(void)
{
    struct rlimit limit;
    check_eq(getrlimit(RLIMIT_NPROC, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    check_eq(setrlimit(RLIMIT_NPROC, &limit), 0);
}

/* The limits are what they were, and the pool works. */
static void expect_intact(struct scene *scene, uint32_t minimum, uint32_t maximum)
{
    tp_pool_stats_t stats = stats_of(scene->pool);
    uint32_t before = tpp_load_acquire(&runs);
    check_eq(stats.thread_minimum, minimum);
    check_eq(stats.thread_maximum, maximum);
    check(stats.threads >= minimum);
    tp_work_t *work = scene_work(scene, count_run, NULL);
    check_eq(tp_work_submit_many(work, 100), TP_OK);
    finish_work(work);
    check_eq(tpp_load_acquire(&runs), before + 100);
}

static void no_more_than_few_threads(void)
{
    struct scene scene = scene_plan(2, 6), other = scene_plan(9, 9);
    become_nobody();
    scene_build(&scene);
    expect_intact(&scene, 2, 6);
    allow_threads(3);
    check_eq(tp_pool_set_thread_minimum(scene.pool, 4), TP_OK);
    check(stats_of(scene.pool).threads >= 4);
    uint64_t failures = stats_of(scene.pool).thread_create_failures;
    check_eq(tp_pool_set_thread_minimum(scene.pool, 20), TP_ERR_NO_THREAD);
    check(stats_of(scene.pool).thread_create_failures > failures);
    expect_intact(&scene, 4, 6);
    check_eq(tp_pool_create(&other.config, &other.pool), TP_ERR_NO_THREAD);
    check(other.pool == NULL);
    expect_intact(&scene, 4, 6);
    allow_all_threads();
    check_eq(tp_pool_set_thread_minimum(scene.pool, 20), TP_OK);
    expect_intact(&scene, 20, 20);
    scene_end(&scene);
}

/* Work that must meet is stuck while the system refuses, and what there is in threads does the
 * rest; later all meet without anybody's help. */
static void few_threads_for_a_while(void)
{
    struct scene scene = scene_plan(0, PARTIES), rest = scene_plan(1, 4);
    become_nobody();
    check_eq(pthread_barrier_init(&barrier, NULL, PARTIES), 0);
    scene_build(&rest);
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, meet, NULL), *quick = scene_work(&rest, count_run, NULL);
    allow_threads(1);
    check_eq(tp_work_submit_many(work, PARTIES), TP_OK);
    for (int i = 0; i < 200; i++)
        check_eq(tp_work_submit_many(quick, 50), TP_OK);
    check_eq(tp_work_wait(quick, false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&runs), 10000);
    int64_t end = now() + 10000 * MS * patience();
    while (stats_of(scene.pool).thread_create_failures < 3 && now() < end)
        usleep(1000);
    check(stats_of(scene.pool).thread_create_failures >= 3);
    check(tpp_load_acquire(&arrived) <= 2);
    check_eq(tpp_load_acquire(&left), 0);
    int64_t begun = now();
    allow_all_threads();
    check(reaches(&left, PARTIES));
    printf("# all met %.1f ms after the limit was lifted, %llu failures\n",
           (double)(now() - begun) / 1e6,
           (unsigned long long)stats_of(scene.pool).thread_create_failures);
    check(now() - begun < 5000 * MS * patience());
    finish_work(work);
    finish_work(quick);
    scene_end(&scene);
    scene_end(&rest);
}

/* A pool needs a thread, and the process the gate's: without both an object is refused, and with
 * both its posts run in the end. */
static void no_thread_at_all(void)
{
    struct scene scene = scene_plan(0, PARTIES);
    tp_work_t *work = NULL;
    become_nobody();
    check_eq(pthread_barrier_init(&barrier, NULL, PARTIES), 0);
    scene_build(&scene);
    allow_threads(0);
    check_eq(tp_work_create(meet, NULL, scene.env, &work), TP_ERR_NO_THREAD);
    check(work == NULL);
    check_eq(tp_work_create(meet, NULL, NULL, &work), TP_ERR_NO_THREAD);
    allow_threads(1);
    check_eq(tp_work_create(meet, NULL, scene.env, &work), TP_ERR_NO_THREAD);
    check(threads_now() <= THREADS_BEFORE + 1);
    allow_threads(1);
    work = scene_work(&scene, meet, NULL);
    check_eq(tp_work_submit_many(work, PARTIES), TP_OK);
    check(reaches(&arrived, 1));
    check(threads_now() <= THREADS_BEFORE + 2);
    allow_all_threads();
    check(reaches(&left, PARTIES));
    finish_work(work);
    scene_end(&scene);
}

/* ---- little memory, no descriptors ----------------------------------------------------------- */

static void little_address_space(void)
{
    struct scene scene = scene_plan(1, 6), other = scene_plan(0, 0);
    struct rlimit limit;
    scene.config.stack_reserve = 8 << 20;
    scene_build(&scene);
    expect_intact(&scene, 1, 6);
    check_eq(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = (rlim_t)status_line("/proc/self/status", "VmSize", 10) * 1024 + (64 << 20);
    check_eq(setrlimit(RLIMIT_AS, &limit), 0);
    tp_status_t status = tp_pool_set_thread_minimum(scene.pool, 200);
    check(status == TP_ERR_NO_THREAD || status == TP_ERR_NO_MEMORY);
    expect_intact(&scene, 1, 6);
    limit.rlim_cur = limit.rlim_max;
    check_eq(setrlimit(RLIMIT_AS, &limit), 0);
    check_eq(tp_pool_set_thread_minimum(scene.pool, 20), TP_OK);
    expect_intact(&scene, 20, 20);
    scene_build(&other);
    expect_intact(&other, 0, 500);
    scene_end(&other);
    scene_end(&scene);
}

/* No timer for the gate, and nobody tells what its threads do: it has to go by their clocks. */
static void no_descriptors(void)
{
    struct scene scene = scene_plan(0, PARTIES), driven = scene_plan(0, 0);
    struct rlimit limit = {3, 3};
    int fd = 7;
    check_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    check_eq(pthread_barrier_init(&barrier, NULL, PARTIES), 0);
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, meet, NULL);
    int64_t begun = now();
    check_eq(tp_work_submit_many(work, PARTIES), TP_OK);
    check(reaches(&left, PARTIES));
    printf("# without descriptors %d callbacks met after %.1f ms\n", PARTIES,
           (double)(now() - begun) / 1e6);
    check(now() - begun < 5000 * MS * patience());
    finish_work(work);
    expect_intact(&scene, 0, PARTIES);
    driven.config.flags = TP_POOL_CALLER_DRIVEN;
    scene_build(&driven);
    check_eq(tp_pool_poll_fd(driven.pool, &fd), TP_ERR_SYSTEM);
    check_eq(fd, -1);
    check_eq(tp_last_errno(), EMFILE);
    scene_end(&driven);
    scene_end(&scene);
}

/* ---- the tests, each in a process of its own ------------------------------------------------- */

static const struct mode modes[] = {
    {"few", no_more_than_few_threads}, {"while", few_threads_for_a_while},
    {"none", no_thread_at_all},        {"memory", little_address_space},
    {"descriptors", no_descriptors},
};

static void expect_success(const char *mode)
{
    int end = end_of(start_again(mode, 30, -1));
    if (end == SKIPPED)
        tap_skip("only root may become a user of its own");
    check_eq(end, 0);
}

TAP_TEST(limits__c011_minimum_that_the_system_refuses_leaves_all_as_it_was)
{
    expect_success("few");
}

TAP_TEST(limits__r19_threads_refused_for_a_while_lose_nothing_and_come_later)
{
    expect_success("while");
}

TAP_TEST(limits__a_pool_without_any_thread_refuses_objects_until_there_may_be_one)
{
    expect_success("none");
}

TAP_TEST(limits__c011_minimum_for_which_there_is_no_memory_leaves_all_as_it_was)
{
    if (SANITIZED)
        tap_skip("a sanitizer wants all of the address space");
    expect_success("memory");
}

TAP_TEST(limits__without_descriptors_blocked_callbacks_are_still_found)
{
    if (SANITIZED)
        tap_skip("a sanitizer wants descriptors");
    expect_success("descriptors");
}

/* ---- hooks and names ------------------------------------------------------------------------- */

static tpp_u32 started, stopped;
static _Thread_local int hook_runs;

static void on_start(void *context)
{
    check(context == &started);
    check_eq(hook_runs++, 0);
    tpp_add_acq_rel(&started, 1);
}

static void on_stop(void *context)
{
    check(context == &started);
    check_eq(hook_runs++, 1);
    tpp_add_acq_rel(&stopped, 1);
}

static void look_at_name(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    char name[16] = "";
    check_eq(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    check(strncmp(name, context, strlen(context)) == 0);
    check_eq(hook_runs, 1); /* the hook was first */
    meet(instance, NULL, work);
}

static void expect_hooks_and_names(const char *name, const char *prefix)
{
    char copied[32] = "";
    struct scene scene = scene_plan(1, 4);
    tpp_u32 *const counters[] = {&started, &stopped, &left, &arrived};
    for (size_t i = 0; i < COUNT(counters); i++)
        tpp_store_release(counters[i], 0);
    check_eq(pthread_barrier_init(&barrier, NULL, 4), 0);
    if (name)
        snprintf(copied, sizeof copied, "%s", name);
    scene.config.name = name ? copied : NULL;
    scene.config.on_thread_start = on_start;
    scene.config.on_thread_stop = on_stop;
    scene.config.hook_context = &started;
    scene_build(&scene);
    memset(copied, 'x', sizeof copied - 1); /* it was copied */
    tp_work_t *work = scene_work(&scene, look_at_name, (void *)(uintptr_t)prefix);
    check_eq(tp_work_submit_many(work, 4), TP_OK);
    finish_work(work);
    check_eq(tpp_load_acquire(&left), 4);
    scene_end(&scene);
    check_eq(tpp_load_acquire(&started), 4);
    check_eq(tpp_load_acquire(&stopped), 4);
    pthread_barrier_destroy(&barrier);
}

TAP_TEST(limits__every_thread_runs_its_hooks_once_and_has_its_name)
{
    expect_hooks_and_names(NULL, "tp-worker-");
    expect_hooks_and_names("mine", "mine-");
    expect_hooks_and_names("much-too-long-a-name", "much-too-lo");
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return run_mode_of(modes, COUNT(modes), argv[1]);
    tap_run(limits__c011_minimum_that_the_system_refuses_leaves_all_as_it_was);
    tap_run(limits__r19_threads_refused_for_a_while_lose_nothing_and_come_later);
    tap_run(limits__a_pool_without_any_thread_refuses_objects_until_there_may_be_one);
    tap_run(limits__c011_minimum_for_which_there_is_no_memory_leaves_all_as_it_was);
    tap_run(limits__without_descriptors_blocked_callbacks_are_still_found);
    tap_run(limits__every_thread_runs_its_hooks_once_and_has_its_name);
    return tap_done();
}
