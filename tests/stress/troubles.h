/* troubles.h - what can happen to a process while many threads use the library. */
#ifndef TESTS_STRESS_TROUBLES_H
#define TESTS_STRESS_TROUBLES_H

#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/survival/scene.h"

#include "tests/stress/many_real.h"

static tpp_u32 done, handled;

/* While there is work, and not before all threads of the test have begun. */
static bool trouble_goes_on(void)
{
    while (tpp_load_acquire(&acting) < round_threads && !tpp_load_acquire(&round_over))
        usleep(200);
    return !tpp_load_acquire(&round_over);
}

/* Does something with each thread there is, but for the caller. */
static void with_each_thread(void (*function)(pid_t thread))
{
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread > 0 && (uint64_t)thread != tpp_thread_id())
            function(thread);
    }
    if (folder)
        closedir(folder);
    tpp_add_relaxed(&done, 1);
}

/* ---- signals --------------------------------------------------------------------------------- */

static void handle(int number)
{
    (void)number;
    tpp_add_relaxed(&handled, 1);
}

static void listen_to_storm(int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    action.sa_flags = flags;
    must(sigaction(SIGUSR1, &action, NULL) == 0);
}

/* The library blocks it on its threads; here the application takes that back. */
static void bare_thread(void *context)
{
    sigset_t mask;
    (void)context;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    must(pthread_sigmask(SIG_UNBLOCK, &mask, NULL) == 0);
}

static void interrupt(pid_t thread)
{
    (void)syscall(SYS_tgkill, getpid(), thread, SIGUSR1); /* it may be gone */
}

static void *send_signals(void *argument)
{
    sigset_t all;
    (void)argument;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    for (; trouble_goes_on(); usleep(1000))
        with_each_thread(interrupt);
    return NULL;
}

/* ---- priorities and processors --------------------------------------------------------------- */

static uint64_t trouble_dice = 88172645463325252u;
static cpu_set_t allowed;

static void change_priority(pid_t thread)
{
    (void)setpriority(PRIO_PROCESS, (id_t)thread, (int)roll(&trouble_dice, 20));
}

static void *change_priorities(void *argument)
{
    (void)argument;
    for (; trouble_goes_on(); usleep(2000))
        with_each_thread(change_priority);
    return NULL;
}

static void confine(pid_t thread)
{
    (void)sched_setaffinity(thread, sizeof allowed, &allowed);
}

/* To the first of the processors it had, and back to all. */
static void *shrink_affinity(void *argument)
{
    cpu_set_t whole, first;
    int cpu = 0;
    (void)argument;
    must(sched_getaffinity(0, sizeof whole, &whole) == 0);
    while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET((size_t)cpu, &whole))
        cpu++;
    CPU_ZERO(&first);
    CPU_SET((size_t)cpu, &first);
    for (bool shrunk = true; trouble_goes_on(); shrunk = !shrunk) {
        allowed = shrunk ? first : whole;
        with_each_thread(confine);
        usleep(5000);
    }
    allowed = whole;
    with_each_thread(confine);
    return NULL;
}

/* ---- fork ------------------------------------------------------------------------------------ */

static void count_run(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    tpp_add_acq_rel((tpp_u32 *)context, 1);
}

/* What was the parent's is refused; a default pool of its own works. */
static _Noreturn void be_child(void)
{
    static tpp_u32 runs;
    tp_work_t *work = NULL;
    child_begin();
    check_eq(tp_pool_close(many.pools[0]), TP_ERR_FORKED);
    check_eq(tp_work_create(count_run, &runs, NULL, &work), TP_OK);
    check_eq(tp_work_submit_many(work, 10), TP_OK);
    finish_work(work);
    check_eq(tpp_load_acquire(&runs), 10);
    child_end();
}

static void *fork_again(void *argument)
{
    (void)argument;
    for (; trouble_goes_on(); usleep(5000)) {
        pid_t child = fork();
        if (child == 0)
            be_child();
        must(end_of(child) == 0);
        tpp_add_relaxed(&done, 1);
    }
    return NULL;
}

/* ---- stopped and continued ------------------------------------------------------------------- */

enum { STOPS = 3, STOP_MS = 150, PERIOD_MS = 1, LATE = 50 };

static void count_expiry(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)timer;
    tpp_add_acq_rel((tpp_u32 *)context, 1);
}

static void sleep_ms(int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * MS};
    nanosleep(&time, NULL);
}

/* In a child of which nothing is asked but this. */
static _Noreturn void stop_parent(void)
{
    pid_t parent = getppid();
    for (int i = 0; i < STOPS; i++) {
        kill(parent, SIGSTOP);
        sleep_ms(STOP_MS);
        kill(parent, SIGCONT);
        sleep_ms(STOP_MS / 5);
    }
    _exit(0);
}

/* A timer that finds several of its times past expires once: stops leave nothing piled up. LATE:
 * a stop may be so much shorter than it was meant to be. */
static void *be_stopped(void *argument)
{
    tpp_u32 runs = {0};
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    struct scene scene = scene_plan(0, 1);
    tp_timer_t *timer = NULL;
    (void)argument;
    scene_build(&scene);
    must(tp_timer_create(count_expiry, &runs, scene.env, &timer) == TP_OK);
    spec.due = spec.period = PERIOD_MS * MS;
    (void)trouble_goes_on();
    int64_t begun = now();
    must(tp_timer_set(timer, &spec, NULL) == TP_OK);
    pid_t child = fork();
    if (child == 0)
        stop_parent();
    must(end_of(child) == 0);
    must(tp_timer_set(timer, NULL, NULL) == TP_OK);
    int64_t went_on = (now() - begun) / MS - STOPS * (STOP_MS - LATE);
    must(tp_timer_wait(timer, false, TP_INFINITE) == TP_OK && tp_timer_close(timer) == TP_OK);
    printf("# %u expiries in at most %lld ms\n", tpp_peek(&runs), (long long)went_on);
    must((int64_t)tpp_peek(&runs) <= went_on / PERIOD_MS + STOPS + 1);
    must(tpp_peek(&runs) > 0);
    scene_end(&scene);
    tpp_add_relaxed(&done, STOPS);
    return NULL;
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* Now and then there is next to nothing left of it, in between as much as ever. */
static void limit_again(__rlimit_resource_t resource, rlim_t (*in_use)(void), rlim_t room)
{
    struct rlimit limit;
    must(getrlimit(resource, &limit) == 0);
    rlim_t before = limit.rlim_cur;
    for (; trouble_goes_on(); usleep(2000)) {
        limit.rlim_cur = in_use() + roll(&trouble_dice, 4) * room;
        if (limit.rlim_cur < limit.rlim_max)
            must(setrlimit(resource, &limit) == 0);
        usleep(3000);
        limit.rlim_cur = before;
        must(setrlimit(resource, &limit) == 0);
        tpp_add_relaxed(&done, 1);
    }
}

static rlim_t threads_in_use(void)
{
    return threads_now();
}

static rlim_t memory_in_use(void)
{
    int64_t size = status_line("/proc/self/status", "VmSize", 10);
    return size > 0 ? (rlim_t)size * 1024 : RLIM_INFINITY;
}

static rlim_t descriptors_in_use(void)
{
    return entries("/proc/self/fd");
}

static void *refuse_threads(void *argument)
{
    (void)argument;
    limit_again(RLIMIT_NPROC, threads_in_use, 1);
    return NULL;
}

static void *refuse_memory(void *argument)
{
    (void)argument;
    limit_again(RLIMIT_AS, memory_in_use, 1 << 20);
    return NULL;
}

static void *refuse_descriptors(void *argument)
{
    (void)argument;
    limit_again(RLIMIT_NOFILE, descriptors_in_use, 2);
    return NULL;
}

#endif
