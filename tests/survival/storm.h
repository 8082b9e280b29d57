/* storm.h - a storm of signals on threads of the library and of the application. */
#ifndef TESTS_SURVIVAL_STORM_H
#define TESTS_SURVIVAL_STORM_H

#include <sys/syscall.h>

#include "tests/survival/scene.h"

enum { TARGETS_MAX = 8 };

static tpp_u32 storming, handled, handled_by_workers;
static tpp_u32 stay_on; /* threads that it hits stay until this is 0 */
static tpp_u64 targets[TARGETS_MAX];
static tpp_u32 target_count;
static _Thread_local bool of_library;

struct storm {
    struct sigaction before;
    pthread_t thread, driver;
};

static void handle(int number)
{
    (void)number;
    tpp_add_relaxed(&handled, 1);
    if (of_library)
        tpp_add_relaxed(&handled_by_workers, 1);
}

static void become_target(void)
{
    uint32_t place = tpp_add_acq_rel(&target_count, 1);
    if (place < TARGETS_MAX)
        tpp_store_release(&targets[place], tpp_thread_id());
}

/* The library blocks the signal on its threads. Here the application takes that back, so that
 * their sleep is interrupted as well. */
TAP_UNUSED_ static void bare_thread(void *context)
{
    sigset_t mask;
    (void)context;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    check_eq(pthread_sigmask(SIG_UNBLOCK, &mask, NULL), 0);
    of_library = true;
    become_target();
}

/* All threads that it hits stay for as long as it lasts. */
static void *send_signals(void *argument)
{
    sigset_t all;
    (void)argument;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    while (tpp_load_acquire(&storming)) {
        for (uint32_t i = 0; i < TARGETS_MAX; i++) {
            uint64_t id = tpp_load_acquire(&targets[i]);
            if (id)
                check_eq(syscall(SYS_tgkill, getpid(), (pid_t)id, SIGUSR1), 0);
        }
        usleep(1000);
    }
    return NULL;
}

/* Callbacks run on a thread of the application, which sleeps in the library until then. */
static void *drive(void *argument)
{
    struct scene *driven = argument;
    become_target();
    while (tpp_load_acquire(&stay_on)) {
        int64_t begun = now();
        tp_status_t status = tp_pool_run(driven->pool, 0, 20 * MS, NULL);
        check(status == TP_OK || status == TP_ERR_TIMEOUT);
        if (status == TP_ERR_TIMEOUT)
            check(now() - begun >= 20 * MS);
    }
    return NULL;
}

/* It hits the thread that calls this, too. */
TAP_UNUSED_ static void begin_storm(struct storm *storm)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle; /* without SA_RESTART: every system call is interrupted */
    check_eq(sigaction(SIGUSR1, &action, &storm->before), 0);
    tpp_store_release(&stay_on, 1);
    tpp_store_release(&storming, 1);
    become_target();
    check_eq(pthread_create(&storm->thread, NULL, send_signals, NULL), 0);
}

/* Then it hits the thread that drives the pool of that scene, too. */
TAP_UNUSED_ static void drive_in_storm(struct storm *storm, struct scene *driven)
{
    check_eq(pthread_create(&storm->driver, NULL, drive, driven), 0);
}

TAP_UNUSED_ static void end_storm(struct storm *storm)
{
    tpp_store_release(&storming, 0);
    check_eq(pthread_join(storm->thread, NULL), 0);
    tpp_store_release(&stay_on, 0);
    check_eq(pthread_join(storm->driver, NULL), 0);
}

/* It has been one, also for the library. From now on the signal does what it did before. */
TAP_UNUSED_ static void expect_stormy(struct storm *storm)
{
    printf("# %u signals, %u of them on workers\n", tpp_load_acquire(&handled),
           tpp_load_acquire(&handled_by_workers));
    check(tpp_load_acquire(&handled) > (SANITIZED ? 20 : 100));
    check(UNDER_TSAN || tpp_load_acquire(&handled_by_workers) > 20);
    check_eq(sigaction(SIGUSR1, &storm->before, NULL), 0);
}

#endif
