/* thread_test.c - threads, what belongs to one, and what the kernel tells of them. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/support/tap.h"

/* What a started thread found; `done` is set last. */
struct report {
    tpp_u32 done;
    tpp_u32 go; /* set by the test when the thread may end */
    tpp_u32 id;
    sigset_t mask;
    char name[17];
    size_t stack_size;
    void *local;
    int detached;
};

static void look_around(void *argument)
{
    struct report *report = argument;
    pthread_attr_t attributes;
    report->local = tpp_local();
    check_eq(pthread_sigmask(SIG_SETMASK, NULL, &report->mask), 0);
    check_eq(prctl(PR_GET_NAME, report->name, 0, 0, 0), 0);
    check_eq(pthread_getattr_np(pthread_self(), &attributes), 0);
    check_eq(pthread_attr_getstacksize(&attributes, &report->stack_size), 0);
    check_eq(pthread_attr_getdetachstate(&attributes, &report->detached), 0);
    check_eq(pthread_attr_destroy(&attributes), 0);
    tpp_store_release(&report->id, (uint32_t)tpp_thread_id());
    tpp_store_release(&report->done, 1);
    tpp_wake(&report->done, 1);
}

static void await(tpp_u32 *word)
{
    while (tpp_load_acquire(word) == 0)
        (void)tpp_wait(word, 0, TPP_FOREVER);
}

static void look(struct report *report, uint64_t stack_size, const char *name)
{
    const struct tpp_thread_options options = {stack_size, name};
    memset(report, 0, sizeof *report);
    errno = 77;
    require(tpp_thread_start(look_around, report, &options) == 0);
    check_eq(errno, 77);
    await(&report->done);
}

TAP_TEST(thread__has_its_name_cut_to_fifteen)
{
    static struct report report;
    char mine[17] = "";
    look(&report, 0, "tp-worker-of-a-long-name");
    check(strcmp(report.name, "tp-worker-of-a-") == 0);
    look(&report, 0, "short");
    check(strcmp(report.name, "short") == 0);
    check_eq(prctl(PR_GET_NAME, mine, 0, 0, 0), 0);
    look(&report, 0, NULL);
    check(strcmp(report.name, mine) == 0);
    check_eq(report.detached, PTHREAD_CREATE_DETACHED);
}

TAP_TEST(thread__blocks_asynchronous_signals_and_its_creator_does_not)
{
    static const int closed[] = {SIGHUP,  SIGINT,  SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2,
                                 SIGALRM, SIGCHLD, SIGPIPE, SIGIO,   SIGPROF, SIGWINCH};
    static const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    static struct report report;
    sigset_t before, after;
    size_t i;
    int signal_number;
    sigemptyset(&before);
    sigaddset(&before, SIGUSR2);
    check_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    look(&report, 0, NULL);
    check_eq(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    for (signal_number = 1; signal_number < 32; signal_number++)
        check_eq(sigismember(&after, signal_number), signal_number == SIGUSR2);
    for (i = 0; i < sizeof closed / sizeof closed[0]; i++)
        check_eq(sigismember(&report.mask, closed[i]), 1);
    for (i = 0; i < sizeof open / sizeof open[0]; i++)
        check_eq(sigismember(&report.mask, open[i]), 0);
    check_eq(sigismember(&report.mask, SIGRTMIN), 1);
    sigemptyset(&before);
    check_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

TAP_TEST(thread__stack_is_at_least_what_was_asked)
{
    static struct report report;
    look(&report, 1, NULL);
    check(report.stack_size >= tpp_stack_minimum());
    look(&report, 1000001, NULL);
    check(report.stack_size >= 1000001);
    check(report.stack_size < 2000000);
    look(&report, 0, NULL);
    check(report.stack_size + 65536 >= tpp_stack_default());
    check(tpp_stack_default() >= tpp_stack_minimum());
    check(tpp_stack_minimum() >= 16384);
}

TAP_TEST(thread__that_cannot_be_had_is_an_error_and_changes_nothing)
{
    static struct report report;
    const struct tpp_thread_options huge = {UINT64_C(1) << 60, "huge"};
    const struct tpp_thread_options absurd = {UINT64_MAX, "absurd"};
    sigset_t after;
    errno = 77;
    check(tpp_thread_start(look_around, &report, &huge) > 0);
    check(tpp_thread_start(look_around, &report, &absurd) > 0);
    check_eq(errno, 77);
    check_eq(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    check_eq(sigismember(&after, SIGTERM), 0);
}

TAP_TEST(thread__ids_differ_and_follow_a_fork)
{
    static struct report first, second;
    uint64_t mine = tpp_thread_id();
    int status;
    pid_t child;
    check_eq(mine, getpid());
    check_eq(tpp_thread_id(), mine);
    look(&first, 0, NULL);
    check(tpp_load_acquire(&first.id) != 0);
    check(tpp_load_acquire(&first.id) != mine);
    look(&second, 0, NULL);
    check(tpp_load_acquire(&second.id) != mine);
    child = fork();
    require(child >= 0);
    if (child == 0)
        _exit(tpp_thread_id() == (uint64_t)getpid() ? 0 : 1);
    require(waitpid(child, &status, 0) == child);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static tpp_u32 exits;
static void *exit_value;
static uint64_t exit_thread;
static bool set_again;

static void at_exit(void *value)
{
    if (set_again) {
        set_again = false;
        check(tpp_local() == NULL);
        tpp_local_set(&set_again);
        return;
    }
    exit_value = value;
    exit_thread = tpp_thread_id();
    (void)tpp_add_acq_rel(&exits, 1);
}

static void *keep_and_end(void *value)
{
    check(tpp_local() == NULL);
    if (value != NULL)
        tpp_local_set(value);
    check(tpp_local() == value);
    return (void *)(uintptr_t)tpp_thread_id();
}

static uintptr_t run_thread(void *value)
{
    pthread_t thread;
    void *id = NULL;
    check_eq(pthread_create(&thread, NULL, keep_and_end, value), 0);
    check_eq(pthread_join(thread, &id), 0);
    return (uintptr_t)id;
}

TAP_TEST(local__is_null_in_a_new_thread_and_ends_with_it)
{
    int mine, theirs;
    uintptr_t id;
    tpp_local_at_exit(at_exit);
    tpp_local_at_exit(at_exit);
    tpp_local_set(&mine);
    (void)run_thread(NULL);
    check_eq(tpp_load_acquire(&exits), 0);
    id = run_thread(&theirs);
    check_eq(tpp_load_acquire(&exits), 1);
    check(exit_value == &theirs);
    check_eq(exit_thread, id);
    check(tpp_local() == &mine);
    tpp_local_set(NULL);
    check(tpp_local() == NULL);
}

TAP_TEST(local__set_while_the_thread_ends_is_seen_too)
{
    int theirs;
    uint32_t before = tpp_load_acquire(&exits);
    set_again = true;
    (void)run_thread(&theirs);
    check_eq(tpp_load_acquire(&exits), before + 1);
    check(exit_value == &set_again);
}

static void spin_then_sleep(void *argument)
{
    struct report *report = argument;
    tpp_store_release(&report->id, (uint32_t)tpp_thread_id());
    while (tpp_load_acquire(&report->go) == 0)
        tpp_cpu_relax();
    await(&report->done);
}

/* Another process can take the processor, but not for as long as the watchdog waits. */
TAP_TEST(thread_state__tells_running_from_asleep_from_gone)
{
    static struct report report;
    const struct tpp_thread_options options = {0, ") S ("};
    uint64_t id;
    int round;
    require(tpp_thread_start(spin_then_sleep, &report, &options) == 0);
    while (tpp_load_acquire(&report.id) == 0)
        sched_yield();
    id = tpp_load_acquire(&report.id);
    errno = 77;
    check_eq(tpp_thread_state(tpp_thread_id()), 'R');
    for (round = 0; round < 100; round++)
        check_eq(tpp_thread_state(id), 'R');
    tpp_store_release(&report.go, 1);
    while (tpp_thread_state(id) != 'S')
        sched_yield();
    tpp_store_release(&report.done, 1);
    tpp_wake(&report.done, 1);
    while (tpp_thread_state(id) != '?')
        sched_yield();
    check_eq(errno, 77);
}

/* The thread spins until the test lets it go, so its time grows as long as somebody looks. */
TAP_TEST(thread_cpu_time__grows_while_it_runs_and_ends_with_it)
{
    static struct report report;
    const struct tpp_thread_options options = {0, NULL};
    int64_t mine = tpp_thread_cpu_time(tpp_thread_id());
    int64_t theirs;
    uint64_t id;
    require(tpp_thread_start(spin_then_sleep, &report, &options) == 0);
    while (tpp_load_acquire(&report.id) == 0)
        sched_yield();
    id = tpp_load_acquire(&report.id);
    errno = 77;
    theirs = tpp_thread_cpu_time(id);
    check(theirs >= 0);
    while (tpp_thread_cpu_time(id) < theirs + 5000000)
        sched_yield();
    tpp_store_release(&report.go, 1);
    while (tpp_thread_state(id) != 'S')
        sched_yield();
    theirs = tpp_thread_cpu_time(id);
    check_eq(tpp_thread_cpu_time(id), theirs); /* asleep */
    check(mine >= 0 && tpp_thread_cpu_time(tpp_thread_id()) > mine);
    tpp_store_release(&report.done, 1);
    tpp_wake(&report.done, 1);
    while (tpp_thread_cpu_time(id) != -1)
        sched_yield();
    check_eq(errno, 77);
}

TAP_TEST(cpu__count_is_what_affinity_allows)
{
    cpu_set_t set;
    int status;
    pid_t child;
    check_eq(sched_getaffinity(0, sizeof set, &set), 0);
    child = fork();
    require(child >= 0);
    if (child == 0) {
        size_t cpu = 0;
        while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &set))
            cpu++;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        _exit(sched_setaffinity(0, sizeof set, &set) == 0 && tpp_cpu_count() == 1 &&
                      tpp_cpu() == (uint32_t)cpu
                  ? 0
                  : 1);
    }
    require(waitpid(child, &status, 0) == child);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    check_eq(tpp_cpu_count(), CPU_COUNT(&set));
}

int main(void)
{
    tap_run(thread__has_its_name_cut_to_fifteen);
    tap_run(thread__blocks_asynchronous_signals_and_its_creator_does_not);
    tap_run(thread__stack_is_at_least_what_was_asked);
    tap_run(thread__that_cannot_be_had_is_an_error_and_changes_nothing);
    tap_run(thread__ids_differ_and_follow_a_fork);
    tap_run(local__is_null_in_a_new_thread_and_ends_with_it);
    tap_run(local__set_while_the_thread_ends_is_seen_too);
    tap_run(thread_state__tells_running_from_asleep_from_gone);
    tap_run(thread_cpu_time__grows_while_it_runs_and_ends_with_it);
    tap_run(cpu__count_is_what_affinity_allows);
    return tap_done();
}
