/* fork_test.c - what runs in the child of a fork, and what it finds there. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <pthread.h>

#include "tests/support/child.h"

#define MS INT64_C(1000000)

static int calls;         /* of the function given to tpp_at_fork */
static uint64_t id_found; /* in its last call */
static bool alarm_found;  /* its last call could set an alarm and wait for it */
static int others_calls;  /* of the application's own handler */
static int calls_before_others;

static void in_child(void)
{
    int64_t since = tpp_now(TPP_CLOCK_MONOTONIC);
    calls++;
    id_found = tpp_thread_id();
    tpp_alarm_set(MS);
    while (tpp_alarm_wait() == TPP_ALARM_CLOCK)
        continue;
    alarm_found = tpp_now(TPP_CLOCK_MONOTONIC) - since >= MS;
}

static void others_in_child(void)
{
    others_calls++;
    calls_before_others = calls;
}

/* True if the child's only thread found all in order, after `generations` forks. */
static bool child_is_well(int generations)
{
    return calls == generations && id_found == (uint64_t)getpid() &&
           tpp_thread_id() == (uint64_t)getpid() && alarm_found && others_calls == generations &&
           calls_before_others == generations;
}

static bool ended_well(pid_t child)
{
    return end_of(child) == 0;
}

TAP_TEST(fork__child_is_told_once_and_finds_this_layer_in_order)
{
    pid_t child;
    check(tpp_thread_id() != 0);
    tpp_alarm_set(TPP_FOREVER);
    errno = 77;
    check_eq(tpp_at_fork(in_child), 0);
    check_eq(tpp_at_fork(in_child), 0);
    check_eq(errno, 77);
    child = fork();
    if (child == 0)
        _exit(child_is_well(1) ? 0 : 1);
    check(ended_well(child));
    check_eq(calls, 0);
    check_eq(tpp_thread_id(), getpid());
}

TAP_TEST(fork__child_of_a_child_is_told_too)
{
    pid_t child = fork();
    if (child == 0) {
        child = fork();
        if (child == 0)
            _exit(child_is_well(2) ? 0 : 1);
        _exit(ended_well(child) && child_is_well(1) ? 0 : 1);
    }
    check(ended_well(child));
    check_eq(calls, 0);
}

static void *fork_here(void *unused)
{
    pid_t child;
    (void)unused;
    check(tpp_thread_id() != (uint64_t)getpid());
    child = fork();
    if (child == 0)
        _exit(child_is_well(1) ? 0 : 1);
    check(ended_well(child));
    return NULL;
}

TAP_TEST(fork__from_a_second_thread_is_the_same)
{
    pthread_t thread;
    check_eq(pthread_create(&thread, NULL, fork_here, NULL), 0);
    check_eq(pthread_join(thread, NULL), 0);
    check_eq(calls, 0);
}

/* The handler of the application is registered before anything of this library is called: it may
 * call the library all the same. */
int main(void)
{
    if (pthread_atfork(NULL, NULL, others_in_child) != 0)
        return 3;
    tap_run(fork__child_is_told_once_and_finds_this_layer_in_order);
    tap_run(fork__child_of_a_child_is_told_too);
    tap_run(fork__from_a_second_thread_is_the_same);
    return tap_done();
}
