/* scene.h - what the tests of survival share: clocks, pools, what the kernel counts, a child. */
#ifndef TESTS_SURVIVAL_SCENE_H
#define TESTS_SURVIVAL_SCENE_H

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>

#include "core/os/os.h"
#include "tests/support/child.h"
#include "tests/support/entries.h"
#include "tests/support/tap.h"
#include "tp/tp.h"

#define MS INT64_C(1000000)
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Threads that are there without the library: this one, and ThreadSanitizer's own. */
enum { THREADS_BEFORE = UNDER_TSAN ? 2 : 1 };

TAP_UNUSED_ static int64_t now(void)
{
    return tpp_now(TPP_CLOCK_MONOTONIC);
}

/* The runtimes of the sanitizers have locks of their own, for their allocators and for threads that
 * begin or end. Those of gcc 12 and clang 14 do not put them in order in the child of a fork: one
 * that another thread held stays taken, and the first thread of the child that wants it sleeps for
 * ever. So a test whose child uses the library is run without them; tests/sim/process_test.c and
 * the scenarios run children of the simulator with them. */
#define NEEDS_ORDER_AFTER_FORK \
    "the child of a fork beside other threads: sanitizers leave their own locks taken there"

/* How much longer than on a quiet machine everything may take. */
TAP_UNUSED_ static int64_t patience(void)
{
    return tap_slowdown_() * (SANITIZED ? 10 : 1);
}

/* Until the word has reached a value: false if that takes very long. */
TAP_UNUSED_ static bool reaches(tpp_u32 *word, uint32_t at_least)
{
    int64_t end = now() + (patience() > 1 ? 100000 : 20000) * MS;
    while (tpp_load_acquire(word) < at_least && now() < end)
        usleep(200);
    return tpp_load_acquire(word) >= at_least;
}

/* ---- pools ----------------------------------------------------------------------------------- */

TAP_UNUSED_ static tp_pool_stats_t stats_of(tp_pool_t *pool)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    check_eq(tp_pool_get_stats(pool, &stats), TP_OK);
    return stats;
}

/* A private pool with an environment that names it. */
struct scene {
    tp_pool_config_t config;
    tp_pool_t *pool;
    tp_env_t *env;
};

TAP_UNUSED_ static struct scene scene_plan(uint32_t minimum, uint32_t maximum)
{
    struct scene scene = {.config = TP_POOL_CONFIG_INIT};
    scene.config.thread_minimum = minimum;
    scene.config.thread_maximum = maximum;
    return scene;
}

TAP_UNUSED_ static void scene_build(struct scene *scene)
{
    check_eq(tp_pool_create(&scene->config, &scene->pool), TP_OK);
    check_eq(tp_env_create(&scene->env), TP_OK);
    check_eq(tp_env_set_pool(scene->env, scene->pool), TP_OK);
}

/* Everything made with it has been closed. Returns when its threads have ended. */
TAP_UNUSED_ static void scene_end(struct scene *scene)
{
    check_eq(tp_env_destroy(scene->env), TP_OK);
    check_eq(tp_pool_shutdown(scene->pool, false, TP_INFINITE), TP_OK);
}

TAP_UNUSED_ static tp_work_t *scene_work(struct scene *scene, tp_work_fn function, void *context)
{
    tp_work_t *work = NULL;
    check_eq(tp_work_create(function, context, scene->env, &work), TP_OK);
    return work;
}

TAP_UNUSED_ static void finish_work(tp_work_t *work)
{
    check_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    check_eq(tp_work_close(work), TP_OK);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

/* A hook that counts callbacks that ended their thread; its context is the word to count in. */
TAP_UNUSED_ static void hear_thread_end(void *context, const char *function, tp_status_t status,
                                        const char *message)
{
    tpp_u32 *count = context;
    (void)message;
    check(strcmp(function, "pthread_exit") == 0);
    check_eq(status, TP_ERR_STATE);
    tpp_add_acq_rel(count, 1);
}

/* A hook for a child of a fork, in which handles of its parent are refused. */
TAP_UNUSED_ static void hear_forked(void *context, const char *function, tp_status_t status,
                                    const char *message)
{
    (void)context;
    if (status != TP_ERR_FORKED)
        printf("# %s: %s\n", function, message);
    check_eq(status, TP_ERR_FORKED);
}

/* ---- what the kernel counts ------------------------------------------------------------------ */

TAP_UNUSED_ static uint32_t threads_now(void)
{
    return entries("/proc/self/task");
}

/* Threads that have ended stay in the list for a moment. */
TAP_UNUSED_ static bool threads_fall_to(uint32_t count)
{
    int64_t end = now() + 10000 * MS * patience();
    while (threads_now() > count && now() < end)
        usleep(1000);
    return threads_now() <= count;
}

/* The state of a thread in words of the kernel, as in "S (sleeping)". */
TAP_UNUSED_ static bool sleeps(const char *task)
{
    char path[320], line[64];
    bool found = false;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    FILE *file = fopen(path, "r");
    while (file && !found && fgets(line, sizeof line, file))
        found = strncmp(line, "State:\tS", 8) == 0;
    if (file)
        fclose(file);
    return found;
}

/* Until each thread but this one sleeps, so that none is amid something a child would inherit: a
 * descriptor that it opens for a moment. False if that takes very long. */
TAP_UNUSED_ static bool others_rest(void)
{
    int64_t end = now() + 10000 * MS * patience();
    for (int in_a_row = 0; in_a_row < 5 && now() < end;) {
        bool awake = false;
        DIR *folder = opendir("/proc/self/task");
        for (struct dirent *entry; folder && (entry = readdir(folder));)
            if (atoi(entry->d_name) != 0 && (uint64_t)atoi(entry->d_name) != tpp_thread_id())
                awake |= !sleeps(entry->d_name);
        if (folder)
            closedir(folder);
        in_a_row = awake ? 0 : in_a_row + 1;
        usleep(1000);
    }
    return now() < end;
}

/* A line of a status file in /proc: the number that follows the name; -1 if there is none. */
TAP_UNUSED_ static int64_t status_line(const char *path, const char *name, int base)
{
    char line[256];
    int64_t value = -1;
    size_t length = strlen(name);
    FILE *file = fopen(path, "r");
    while (file && value < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            value = (int64_t)strtoull(line + length + 1, NULL, base);
    if (file)
        fclose(file);
    return value;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

/* From now on this process can have just those that are in use. */
TAP_UNUSED_ static void allow_no_descriptor(void)
{
    struct rlimit limit;
    int next = dup(0);
    check(next > 2 && close(next) == 0);
    check_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = (rlim_t)next;
    check_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    check(dup(0) < 0 && errno == EMFILE);
}

/* As many as it may have. */
TAP_UNUSED_ static void allow_descriptors(void)
{
    struct rlimit limit;
    check_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    check_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* ---- children -------------------------------------------------------------------------------- */

/* In a child, whose failures are its own. Should nobody wait for it any more, it ends all the same;
 * the thread may be one that blocks all signals, so the kernel itself ends it. */
TAP_UNUSED_ static void child_begin(void)
{
    timer_t timer;
    struct itimerspec when = {.it_value = {.tv_sec = 2 * CHILD_SECONDS * tap_slowdown_()}};
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    check_eq(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    check_eq(timer_settime(timer, 0, &when, NULL), 0);
    __atomic_store_n(&tap_failures_, 0, __ATOMIC_SEQ_CST);
}

TAP_UNUSED_ static _Noreturn void child_end(void)
{
    _exit(__atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) != 0);
}

/* This program anew, with one argument; its standard error goes to `error_fd` unless that is
 * negative. It is killed if it does not end by itself. */
TAP_UNUSED_ static pid_t start_again(const char *mode, unsigned seconds, int error_fd)
{
    const char *arguments[] = {"/proc/self/exe", mode, NULL};
    pid_t child = fork();
    if (child != 0)
        return child;
    alarm(seconds * (unsigned)patience());
    if (error_fd >= 0)
        dup2(error_fd, 2);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(99);
}

/* What a test does in a process of its own: start_again with its name. */
struct mode {
    const char *name;
    void (*body)(void);
};

/* In that process. */
TAP_UNUSED_ static int run_mode_of(const struct mode *modes, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(modes[i].name, name) == 0) {
            modes[i].body();
            fflush(stdout);
            child_end();
        }
    return 96;
}

#endif
