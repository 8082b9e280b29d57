/* alarm_test.c - the alarm of the process, on a timerfd and where there is none. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/support/tap.h"

#define MS INT64_C(1000000)
#define HOUR (3600 * 1000 * MS)

/* How many timers this process has open. */
static int count_timers(void)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;
    if (folder == NULL)
        return -1;
    while ((entry = readdir(folder)) != NULL) {
        char target[64] = "";
        if (readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1) > 0 &&
            strstr(target, "timerfd") != NULL)
            count++;
    }
    (void)closedir(folder);
    return count;
}

static void pass(int64_t ns)
{
    int64_t until = tpp_now(TPP_CLOCK_MONOTONIC) + ns;
    while (tpp_now(TPP_CLOCK_MONOTONIC) < until)
        (void)usleep(1000);
}

/* Fails if the wait is over before `ns` after `since`. */
static void wait_from(int64_t since, int64_t ns)
{
    tpp_alarm_wait();
    check(tpp_now(TPP_CLOCK_MONOTONIC) - since >= ns);
}

static int64_t set(int64_t ns)
{
    int64_t now = tpp_now(TPP_CLOCK_MONOTONIC);
    errno = 77;
    tpp_alarm_set(ns);
    check_eq(errno, 77);
    return now;
}

/* ---- the thread that waits ----------------------------------------------------------------- */

struct waiter {
    pthread_t thread;
    tpp_u32 id;   /* set once it runs */
    tpp_u32 over; /* how many waits are over */
    int waits;
    int64_t returned; /* from the last wait */
};

static void *wait_often(void *memory)
{
    struct waiter *waiter = memory;
    int round;
    tpp_store_release(&waiter->id, (uint32_t)tpp_thread_id());
    errno = 77;
    for (round = 0; round < waiter->waits; round++) {
        tpp_alarm_wait();
        waiter->returned = tpp_now(TPP_CLOCK_MONOTONIC);
        (void)tpp_add_acq_rel(&waiter->over, 1);
    }
    check_eq(errno, 77);
    return NULL;
}

static void start(struct waiter *waiter, int waits)
{
    memset(waiter, 0, sizeof *waiter);
    waiter->waits = waits;
    require(pthread_create(&waiter->thread, NULL, wait_often, waiter) == 0);
    while (tpp_load_acquire(&waiter->id) == 0)
        (void)sched_yield();
}

/* Returns when the waiter sleeps after that many waits. */
static void await_sleep(struct waiter *waiter, uint32_t over)
{
    while (tpp_load_acquire(&waiter->over) < over ||
           tpp_thread_state(tpp_load_acquire(&waiter->id)) != 'S')
        (void)usleep(500);
}

static int64_t join(struct waiter *waiter)
{
    check_eq(pthread_join(waiter->thread, NULL), 0);
    return waiter->returned;
}

/* ---- what holds for both kinds ------------------------------------------------------------- */

static void is_never_early(void)
{
    static const int64_t delays[] = {1, 1000, MS / 3, 5 * MS, 40 * MS};
    size_t i;
    for (i = 0; i < sizeof delays / sizeof delays[0]; i++)
        wait_from(set(delays[i]), delays[i]);
}

static void of_no_delay_ends_the_next_wait(void)
{
    set(0);
    tpp_alarm_wait();
    set(-5 * MS);
    tpp_alarm_wait();
    set(INT64_MIN);
    tpp_alarm_wait();
}

static void set_later_replaces_the_earlier(void)
{
    int64_t since;
    set(3 * MS);
    since = set(50 * MS);
    wait_from(since, 50 * MS);
    set(0);
    pass(5 * MS); /* it is due by now, but has not ended a wait */
    since = set(50 * MS);
    wait_from(since, 50 * MS);
}

static void set_earlier_ends_a_wait_begun_before(void)
{
    struct waiter waiter;
    int64_t since;
    set(HOUR);
    start(&waiter, 1);
    await_sleep(&waiter, 0);
    since = set(10 * MS);
    check(join(&waiter) - since >= 10 * MS);
}

static void set_first_during_a_wait_ends_it(void)
{
    struct waiter waiter;
    int64_t since;
    start(&waiter, 1);
    await_sleep(&waiter, 0);
    since = set(10 * MS);
    check(join(&waiter) - since >= 10 * MS);
}

static void is_off_after_it_ended_a_wait(void)
{
    struct waiter waiter;
    int64_t since;
    start(&waiter, 2);
    set(0);
    await_sleep(&waiter, 1);
    pass(10 * MS);
    since = set(30 * MS);
    check(join(&waiter) - since >= 30 * MS);
}

static void set_to_forever_is_off(void)
{
    struct waiter waiter;
    int64_t since;
    set(15 * MS);
    set(TPP_FOREVER);
    start(&waiter, 1);
    pass(30 * MS);
    set(TPP_FOREVER - 1);
    pass(5 * MS);
    since = set(30 * MS);
    check(join(&waiter) - since >= 30 * MS);
}

/* The waiter falls asleep just when the next set comes. */
static void set_again_and_again_loses_nothing(void)
{
    enum { ROUNDS = 3000 };
    struct waiter waiter;
    uint32_t round;
    start(&waiter, ROUNDS);
    for (round = 0; round < ROUNDS; round++) {
        tpp_alarm_set(0);
        while (tpp_load_acquire(&waiter.over) == round)
            (void)sched_yield();
    }
    (void)join(&waiter);
}

static void (*const scenarios[])(void) = {
    is_never_early,
    of_no_delay_ends_the_next_wait,
    set_later_replaces_the_earlier,
    set_earlier_ends_a_wait_begun_before,
    set_first_during_a_wait_ends_it,
    is_off_after_it_ended_a_wait,
    set_to_forever_is_off,
    set_again_and_again_loses_nothing,
};

static void run_in_child(void (*function)(void))
{
    int status;
    pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        function();
        _exit(__atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) == 0 ? 0 : 1);
    }
    require(waitpid(child, &status, 0) == child);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TAP_TEST(alarm__is_never_early)
{
    is_never_early();
    check_eq(count_timers(), 1);
}

TAP_TEST(alarm__of_no_delay_ends_the_next_wait)
{
    of_no_delay_ends_the_next_wait();
}

TAP_TEST(alarm__set_later_replaces_the_earlier)
{
    set_later_replaces_the_earlier();
}

TAP_TEST(alarm__set_earlier_ends_a_wait_begun_before)
{
    set_earlier_ends_a_wait_begun_before();
}

TAP_TEST(alarm__set_first_during_a_wait_ends_it)
{
    set_first_during_a_wait_ends_it();
}

TAP_TEST(alarm__is_off_after_it_ended_a_wait)
{
    is_off_after_it_ended_a_wait();
}

TAP_TEST(alarm__set_to_forever_is_off)
{
    set_to_forever_is_off();
    check_eq(count_timers(), 1);
}

TAP_TEST(alarm__set_again_and_again_loses_nothing)
{
    set_again_and_again_loses_nothing();
}

/* What it is made of is decided at the first use, while no descriptor is to be had. */
static void do_without_a_timer(void)
{
    struct rlimit before, none;
    size_t i;
    check_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    check_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    set(TPP_FOREVER);
    check_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        scenarios[i]();
    check_eq(count_timers(), 0);
}

TAP_TEST(alarm__keeps_its_word_where_no_timer_can_be_had)
{
    run_in_child(do_without_a_timer);
}

/* ---- first use, and forks ------------------------------------------------------------------ */

/* Threads that begin at the same moment. */
static tpp_u32 begun;

static void meet(void)
{
    (void)tpp_add_acq_rel(&begun, 1);
    while (tpp_load_acquire(&begun) < 4)
        tpp_cpu_relax();
}

static void *set_at_once(void *unused)
{
    (void)unused;
    meet();
    tpp_alarm_set(MS);
    return NULL;
}

static void use_first_on_four_threads(void)
{
    pthread_t setters[3];
    size_t i;
    check_eq(count_timers(), 0);
    for (i = 0; i < 3; i++)
        check_eq(pthread_create(&setters[i], NULL, set_at_once, NULL), 0);
    meet();
    tpp_alarm_wait();
    for (i = 0; i < 3; i++)
        check_eq(pthread_join(setters[i], NULL), 0);
    check_eq(count_timers(), 1);
}

TAP_TEST(alarm__first_used_by_many_is_one)
{
    int round;
    for (round = 0; round < 20; round++)
        run_in_child(use_first_on_four_threads);
}

static void have_an_alarm_of_ones_own(void)
{
    check_eq(count_timers(), 0);
    wait_from(set(MS), MS);
    check_eq(count_timers(), 1);
    set(0);
}

TAP_TEST(alarm__of_a_forked_child_is_its_own)
{
    struct waiter waiter;
    int64_t since;
    set(TPP_FOREVER);
    start(&waiter, 1);
    await_sleep(&waiter, 0);
    run_in_child(have_an_alarm_of_ones_own);
    pass(5 * MS);
    check_eq(tpp_load_acquire(&waiter.over), 0);
    since = set(30 * MS);
    check(join(&waiter) - since >= 30 * MS);
    check_eq(count_timers(), 1);
}

int main(void)
{
    tap_run(alarm__is_never_early);
    tap_run(alarm__of_no_delay_ends_the_next_wait);
    tap_run(alarm__set_later_replaces_the_earlier);
    tap_run(alarm__set_earlier_ends_a_wait_begun_before);
    tap_run(alarm__set_first_during_a_wait_ends_it);
    tap_run(alarm__is_off_after_it_ended_a_wait);
    tap_run(alarm__set_to_forever_is_off);
    tap_run(alarm__set_again_and_again_loses_nothing);
    tap_run(alarm__keeps_its_word_where_no_timer_can_be_had);
    tap_run(alarm__first_used_by_many_is_one);
    tap_run(alarm__of_a_forked_child_is_its_own);
    return tap_done();
}
