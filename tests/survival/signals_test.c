/* signals_test.c - the library's threads take no signal of the application, and lose nothing. */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "tests/survival/unload.h"

/* Faults are never blocked: the kernel would only end the process without asking anybody. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};

/* ---- the mask of each thread ----------------------------------------------------------------- */

static uint64_t blocked_signals(const char *thread_id)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread_id);
    return (uint64_t)status_line(path, "SigBlk", 16);
}

/* Every signal but the faults, those that cannot be blocked, and the two that the C library keeps
 * for itself. */
static uint64_t expected_mask(void)
{
    uint64_t mask = ~UINT64_C(0);
    for (size_t i = 0; i < COUNT(faults); i++)
        mask &= ~(UINT64_C(1) << (faults[i] - 1));
    mask &= ~(UINT64_C(1) << (SIGKILL - 1)) & ~(UINT64_C(1) << (SIGSTOP - 1));
    return mask & ~(UINT64_C(3) << 31); /* 32 and 33 */
}

static void read_name(const char *thread_id, char name[20])
{
    char path[300], line[64] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", thread_id);
    FILE *file = fopen(path, "r");
    if (file && fgets(line, sizeof line, file))
        line[strcspn(line, "\n")] = 0;
    if (file)
        fclose(file);
    snprintf(name, 20, "%.19s", line);
}

/* The mask once no fault is in it: the C library blocks everything on a thread while that thread
 * starts another, and the other may be seen to run before the call is over. */
static uint64_t settled_mask(const char *thread_id)
{
    uint64_t fault_mask = 0, mask;
    for (size_t i = 0; i < COUNT(faults); i++)
        fault_mask |= UINT64_C(1) << (faults[i] - 1);
    for (int looks = 0; (mask = blocked_signals(thread_id)) & fault_mask && looks < 2000; looks++)
        usleep(1000);
    return mask;
}

/* How many threads have a name that begins so; each must block what is asynchronous. */
static uint32_t expect_masked(const char *prefix)
{
    char name[20];
    uint32_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        read_name(entry->d_name, name);
        if (strncmp(name, prefix, strlen(prefix)) != 0)
            continue;
        count++;
        uint64_t mask = settled_mask(entry->d_name), expected = expected_mask();
        check_eq(mask & expected, expected);
        for (size_t i = 0; i < COUNT(faults); i++)
            check_eq(mask & UINT64_C(1) << (faults[i] - 1), 0);
    }
    if (folder)
        closedir(folder);
    return count;
}

static tpp_u32 inside, resume, runs;

static void stay(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&inside, 1);
    while (!tpp_load_acquire(&resume))
        usleep(500);
}

/* Where an application runs a thread without any signal blocked, or with all, is the same. */
TAP_TEST(signals__all_asynchronous_ones_are_blocked_on_workers_and_the_gate)
{
    struct scene scene = scene_plan(0, 8);
    sigset_t none, before;
    sigemptyset(&none);
    check_eq(pthread_sigmask(SIG_SETMASK, &none, &before), 0);
    scene.config.name = "masked";
    scene_build(&scene);
    tpp_store_release(&inside, 0);
    tpp_store_release(&resume, 0);
    tp_work_t *work = scene_work(&scene, stay, NULL);
    check_eq(tp_work_submit_many(work, 8), TP_OK); /* some threads are started by the gate */
    check(reaches(&inside, 8));
    check_eq(expect_masked("masked-"), 8);
    check_eq(expect_masked("tp-gate"), 1);
    tpp_store_release(&resume, 1);
    finish_work(work);
    scene_end(&scene);
    check_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

/* The plugin's destructor runs on the thread that unloads it, and looks at its own mask. */
static tpp_u64 mask_at_unload;
static tpp_u32 unloaded;
static char unloader[20];

static void look_at_mask(void)
{
    char number[32];
    snprintf(number, sizeof number, "%ld", (long)syscall(SYS_gettid));
    read_name(number, unloader);
    tpp_store_release(&mask_at_unload, blocked_signals(number));
    tpp_store_release(&unloaded, 1);
}

/* The host's reference goes while the plugin's code is inside the callback that closes the object:
 * the last one is that of the object, and no other thread than one of the library can drop it. */
TAP_TEST(signals__all_asynchronous_ones_are_blocked_on_the_thread_that_unloads)
{
    struct scene scene = scene_plan(0, 2);
    struct plugin_context context = {.stay_us = 20000};
    void *library = plugin_load(look_at_mask);
    tp_work_fn function;
    plugin_symbol(library, "survival_plugin_work", &function);
    scene_build(&scene);
    check_eq(tp_env_set_library(scene.env, library), TP_OK);
    tp_work_t *work = scene_work(&scene, function, &context);
    check_eq(tp_work_submit(work), TP_OK);
    check_eq(tp_work_close(work), TP_OK);
    check_eq(dlclose(library), 0);
    check(reaches(&unloaded, 1));
    check(plugin_goes());
    printf("# unloaded by %s\n", unloader);
    check(strncmp(unloader, "tp-", 3) == 0);
    check_eq(tpp_load_acquire(&mask_at_unload) & expected_mask(), expected_mask());
    scene_end(&scene);
}

/* ---- a storm --------------------------------------------------------------------------------- */

enum { PER_SECOND = 1000 };

static tpp_u32 handled, handled_inside, storm_end, early;
static _Thread_local bool of_library; /* set by the hook of each worker */

static void handle(int number)
{
    (void)number;
    tpp_add_relaxed(&handled, 1);
    if (of_library)
        tpp_add_relaxed(&handled_inside, 1);
}

static void mark_thread(void *context)
{
    (void)context;
    of_library = true;
}

static void count_run(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&runs, 1);
    usleep(100);
}

static void *storm(void *argument)
{
    sigset_t all;
    (void)argument;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    while (!tpp_load_acquire(&storm_end)) {
        (void)kill(getpid(), SIGUSR1);
        usleep(1000000 / PER_SECOND);
    }
    return NULL;
}

/* A wait of 20 ms for nothing, interrupted some twenty times. */
static void expect_full_timeout(tp_event_t *event)
{
    tp_wait_result_t result = 9;
    int64_t begun = now();
    check_eq(tp_waitable_wait(tp_waitable_event(event), 20 * MS, &result), TP_OK);
    check_eq(result, TP_WAIT_TIMEOUT);
    if (now() - begun < 20 * MS)
        tpp_add_acq_rel(&early, 1);
}

/* The same for a wait for a callback that stays. */
static void expect_full_wait(tp_work_t *work)
{
    int64_t begun = now();
    check_eq(tp_work_wait(work, false, 20 * MS), TP_ERR_TIMEOUT);
    if (now() - begun < 20 * MS)
        tpp_add_acq_rel(&early, 1);
}

TAP_TEST(signals__a_storm_reaches_no_thread_of_the_library_and_nothing_is_lost)
{
    struct sigaction action, before;
    struct scene scene = scene_plan(1, 6);
    tp_event_t *event = NULL;
    pthread_t thread;
    uint32_t posted = 0;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle; /* without SA_RESTART: every system call is interrupted */
    check_eq(sigaction(SIGUSR1, &action, &before), 0);
    scene.config.on_thread_start = mark_thread;
    scene_build(&scene);
    check_eq(tp_event_create(true, false, &event), TP_OK);
    tpp_store_release(&resume, 0);
    tpp_store_release(&inside, 0);
    tp_work_t *work = scene_work(&scene, count_run, NULL),
              *long_one = scene_work(&scene, stay, NULL);
    check_eq(tp_work_submit(long_one), TP_OK);
    check_eq(pthread_create(&thread, NULL, storm, NULL), 0);
    for (int64_t end = now() + 1000 * MS; now() < end;) {
        check_eq(tp_work_submit_many(work, 20), TP_OK);
        posted += 20;
        expect_full_timeout(event);
        expect_full_wait(long_one);
        check_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
        check_eq(tpp_load_acquire(&runs), posted);
    }
    tpp_store_release(&storm_end, 1);
    check_eq(pthread_join(thread, NULL), 0);
    tpp_store_release(&resume, 1);
    finish_work(work);
    finish_work(long_one);
    printf("# %u signals handled, %u of them on a thread of the library; %u callbacks\n",
           tpp_load_acquire(&handled), tpp_load_acquire(&handled_inside), posted);
    check(tpp_load_acquire(&handled) > (SANITIZED ? 20 : 100));
    check_eq(tpp_load_acquire(&handled_inside), 0);
    check_eq(tpp_load_acquire(&early), 0);
    check_eq(tp_event_close(event), TP_OK);
    scene_end(&scene);
    check_eq(sigaction(SIGUSR1, &before, NULL), 0);
}

int main(void)
{
    tap_run(signals__all_asynchronous_ones_are_blocked_on_workers_and_the_gate);
    tap_run(signals__all_asynchronous_ones_are_blocked_on_the_thread_that_unloads);
    tap_run(signals__a_storm_reaches_no_thread_of_the_library_and_nothing_is_lost);
    return tap_done();
}
