/* signal_test.c - signals that are waited for: as a descriptor, and by a thread. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "tests/core/os/child.h"
#include "tests/core/os/sleeper.h"
#include "tests/support/tap.h"

#define MS INT64_C(1000000)
#define HOUR (3600 * 1000 * MS)

static int open_signal(int signal_number)
{
    int own = -5;
    errno = 77;
    check_eq(tpp_signal_open(signal_number, &own), 0);
    check_eq(errno, 77);
    check(own >= 0);
    return own;
}

static bool take(int own)
{
    bool taken;
    errno = 77;
    taken = tpp_signal_take(own);
    check_eq(errno, 77);
    return taken;
}

static bool is_readable(int own)
{
    struct pollfd polled = {.fd = own, .events = POLLIN};
    return poll(&polled, 1, 0) == 1 && polled.revents == POLLIN;
}

/* To the process, as another process would send it. */
static void send_here(int signal_number)
{
    check_eq(kill(getpid(), signal_number), 0);
}

static bool wait_for(int signal_number, int64_t deadline)
{
    bool taken = true;
    errno = 77;
    check_eq(tpp_signal_wait(signal_number, deadline, &taken), 0);
    check_eq(errno, 77);
    return taken;
}

/* ---- as a descriptor ----------------------------------------------------------------------- */

TAP_TEST(signal__is_readable_while_it_is_pending)
{
    int own = open_signal(SIGUSR1);
    check(!is_readable(own));
    check(!take(own));
    send_here(SIGUSR1);
    check(is_readable(own));
    check(is_readable(own));
    check(take(own));
    check(!is_readable(own));
    check(!take(own));
    tpp_file_drop(own);
}

TAP_TEST(signal__pending_before_it_was_opened_counts)
{
    int own;
    send_here(SIGUSR1);
    own = open_signal(SIGUSR1);
    check(is_readable(own));
    check(take(own));
    tpp_file_drop(own);
}

TAP_TEST(signal__is_taken_as_often_as_it_is_pending)
{
    int old = open_signal(SIGUSR1), queued = open_signal(SIGRTMIN + 3);
    int i;
    for (i = 0; i < 3; i++) {
        send_here(SIGUSR1);
        send_here(SIGRTMIN + 3);
    }
    check(take(old));
    check(!take(old)); /* the old signals are pending once or not at all */
    for (i = 0; i < 3; i++)
        check(take(queued));
    check(!take(queued));
    tpp_file_drop(old);
    tpp_file_drop(queued);
}

TAP_TEST(signal__is_not_mistaken_for_another)
{
    int one = open_signal(SIGUSR1), other = open_signal(SIGUSR2), last = open_signal(SIGRTMAX);
    send_here(SIGUSR2);
    check(!is_readable(one));
    check(!take(one));
    check(is_readable(other));
    send_here(SIGRTMAX);
    check(take(last));
    check(take(other));
    tpp_file_drop(one);
    tpp_file_drop(other);
    tpp_file_drop(last);
}

TAP_TEST(signal__opened_twice_is_taken_once)
{
    int one = open_signal(SIGUSR1), other = open_signal(SIGUSR1);
    send_here(SIGUSR1);
    check(is_readable(one) && is_readable(other));
    check(take(other));
    check(!take(one));
    tpp_file_drop(one);
    tpp_file_drop(other);
}

TAP_TEST(signal__is_told_by_a_poller)
{
    struct tpp_poller_event events[4];
    struct tpp_poller *poller;
    int own = open_signal(SIGUSR1), round;
    require(tpp_poller_open(&poller) == 0);
    check_eq(tpp_poller_add(poller, own, POLLIN, 7), 0);
    for (round = 0; round < 3; round++) {
        check_eq(tpp_poller_wait(poller, events, 4, 0), 0);
        send_here(SIGUSR1);
        check_eq(tpp_poller_wait(poller, events, 4, TPP_FOREVER), 1);
        check_eq(events[0].key, 7);
        check(take(own));
    }
    tpp_poller_close(poller);
    tpp_file_drop(own);
}

static const int no_signals[] = {INT32_MIN, -1, 0, 32, 33, SIGKILL, SIGSTOP, 1000, INT32_MAX};

TAP_TEST(signal__that_is_none_or_cannot_be_waited_for_is_an_error)
{
    size_t i;
    for (i = 0; i < sizeof no_signals / sizeof no_signals[0]; i++) {
        int own = 5;
        bool taken = true;
        errno = 77;
        check_eq(tpp_signal_open(no_signals[i], &own), EINVAL);
        check_eq(own, -1);
        check_eq(tpp_signal_wait(no_signals[i], TPP_FOREVER, &taken), EINVAL);
        check(!taken);
        check_eq(errno, 77);
    }
    check_eq(tpp_signal_open(SIGRTMAX + 1, &(int){0}), EINVAL);
}

TAP_TEST(signal__every_other_can_be_opened)
{
    int i;
    for (i = 1; i <= SIGRTMAX; i++)
        if ((i < 32 || i >= SIGRTMIN) && i != SIGKILL && i != SIGSTOP)
            tpp_file_drop(open_signal(i));
}

TAP_TEST(signal__descriptor_does_not_pass_to_another_program_and_does_not_block)
{
    int own = open_signal(SIGUSR1);
    check_eq(fcntl(own, F_GETFD), FD_CLOEXEC);
    check((fcntl(own, F_GETFL) & O_NONBLOCK) != 0);
    tpp_file_drop(own);
    check_eq(fcntl(own, F_GETFD), -1);
}

static void open_at_the_limit(void)
{
    int own = 5;
    (void)allow_more(0);
    errno = 77;
    check_eq(tpp_signal_open(SIGUSR1, &own), EMFILE);
    check_eq(own, -1);
    check_eq(errno, 77);
}

TAP_TEST(signal__descriptor_that_cannot_be_had_is_an_error)
{
    run_in_child(open_at_the_limit);
}

/* ---- who gets it --------------------------------------------------------------------------- */

static tpp_u32 takes;

static void *take_until_enough(void *own)
{
    while (tpp_load_acquire(&takes) < 200)
        if (tpp_signal_take(*(int *)own))
            (void)tpp_add_acq_rel(&takes, 1);
        else
            (void)sched_yield();
    return NULL;
}

TAP_TEST(signal__each_one_is_taken_by_one_thread)
{
    pthread_t threads[2];
    int own = open_signal(SIGRTMIN + 3);
    int i;
    tpp_init(&takes, 0);
    for (i = 0; i < 2; i++)
        check_eq(pthread_create(&threads[i], NULL, take_until_enough, &own), 0);
    for (i = 0; i < 200; i++)
        send_here(SIGRTMIN + 3);
    for (i = 0; i < 2; i++)
        check_eq(pthread_join(threads[i], NULL), 0);
    check_eq(tpp_load_acquire(&takes), 200);
    check(!take(own));
    tpp_file_drop(own);
}

/* ---- by a thread --------------------------------------------------------------------------- */

TAP_TEST(signal__wait_takes_what_is_pending)
{
    int own = open_signal(SIGUSR1);
    send_here(SIGUSR1);
    check(wait_for(SIGUSR1, TPP_FOREVER));
    check(!is_readable(own));
    send_here(SIGUSR1);
    check(wait_for(SIGUSR1, 0)); /* a look takes it, too */
    check(!wait_for(SIGUSR1, 0));
    send_here(SIGUSR2);
    check(!wait_for(SIGUSR1, -5));
    check(!wait_for(SIGUSR1, INT64_MIN));
    check(wait_for(SIGUSR2, INT64_MIN));
    send_here(SIGRTMIN + 3);
    send_here(SIGRTMIN + 3);
    check(wait_for(SIGRTMIN + 3, TPP_FOREVER - 1));
    check(wait_for(SIGRTMIN + 3, TPP_FOREVER));
    check(!wait_for(SIGRTMIN + 3, 0));
    tpp_file_drop(own);
}

TAP_TEST(signal__wait_takes_nothing_at_the_deadline_and_not_before)
{
    int round;
    for (round = 1; round <= 20; round++) {
        int64_t deadline = tpp_now(TPP_CLOCK_MONOTONIC) + round * MS / 5;
        check(!wait_for(SIGUSR1, deadline));
        check(tpp_now(TPP_CLOCK_MONOTONIC) >= deadline);
        check(!wait_for(SIGUSR1, deadline));
    }
}

struct waiter {
    pthread_t thread;
    int64_t deadline;
    tpp_u32 id, over;
    bool taken;
};

static void *wait_for_usr1(void *memory)
{
    struct waiter *waiter = memory;
    tpp_store_release(&waiter->id, (uint32_t)tpp_thread_id());
    waiter->taken = wait_for(SIGUSR1, waiter->deadline);
    (void)tpp_add_acq_rel(&waiter->over, 1);
    return NULL;
}

/* Each interruption is the handler of another signal, which this thread has not blocked. */
static void *wait_with_open_signals(void *memory)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGHUP);
    check_eq(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
    return wait_for_usr1(memory);
}

static void sleep_until_sent(uint32_t interrupted, int64_t deadline)
{
    struct waiter waiter = {.deadline = deadline};
    check_eq(pthread_create(&waiter.thread, NULL,
                            interrupted != 0 ? wait_with_open_signals : wait_for_usr1, &waiter),
             0);
    interrupt(waiter.thread, &waiter.id, interrupted, SIGHUP);
    send_here(SIGUSR2);
    await_asleep(&waiter.id);
    check_eq(tpp_load_acquire(&waiter.over), 0);
    send_here(SIGUSR1);
    check_eq(pthread_join(waiter.thread, NULL), 0);
    check(waiter.taken);
    check(wait_for(SIGUSR2, 0));
}

TAP_TEST(signal__wait_sleeps_until_it_is_sent)
{
    sleep_until_sent(0, TPP_FOREVER);
    sleep_until_sent(0, tpp_now(TPP_CLOCK_MONOTONIC) + HOUR);
}

TAP_TEST(signal__wait_is_not_ended_by_the_handler_of_another)
{
    struct sigaction before;
    if (UNDER_TSAN)
        tap_skip("ThreadSanitizer holds signals back");
    require(let_interrupt(SIGHUP, &before));
    sleep_until_sent(10, TPP_FOREVER);
    sleep_until_sent(10, tpp_now(TPP_CLOCK_MONOTONIC) + HOUR);
    check_eq(sigaction(SIGHUP, &before, NULL), 0);
}

/* Two threads wait, and one signal lets one of them go. */
TAP_TEST(signal__ends_the_wait_of_one_thread)
{
    struct waiter waiters[2] = {{.deadline = TPP_FOREVER}, {.deadline = TPP_FOREVER}};
    int i;
    for (i = 0; i < 2; i++) {
        check_eq(pthread_create(&waiters[i].thread, NULL, wait_for_usr1, &waiters[i]), 0);
        await_asleep(&waiters[i].id);
    }
    send_here(SIGUSR1);
    while (tpp_load_acquire(&waiters[0].over) + tpp_load_acquire(&waiters[1].over) == 0)
        (void)sched_yield();
    pass(5 * MS);
    check_eq(tpp_load_acquire(&waiters[0].over) + tpp_load_acquire(&waiters[1].over), 1);
    send_here(SIGUSR1);
    for (i = 0; i < 2; i++) {
        check_eq(pthread_join(waiters[i].thread, NULL), 0);
        check(waiters[i].taken);
    }
}

/* A signal of another process. */
TAP_TEST(signal__of_another_process_is_taken)
{
    int own = open_signal(SIGUSR1), status;
    pid_t child = fork();
    require(child >= 0);
    if (child == 0)
        _exit(kill(getppid(), SIGUSR1) == 0 ? 0 : 1);
    check(wait_for(SIGUSR1, TPP_FOREVER));
    check_eq(waitpid(child, &status, 0), child);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    check(!take(own));
    tpp_file_drop(own);
}

/* ---- threads that are cancelled ------------------------------------------------------------ */

static void use_all(void *unused)
{
    int own;
    bool taken;
    (void)unused;
    (void)tpp_signal_open(SIGUSR1, &own);
    (void)tpp_signal_take(own);
    (void)tpp_signal_wait(SIGUSR1, 0, &taken);
    tpp_file_drop(own);
}

TAP_TEST(signal__cancelled_thread_is_not_ended_in_the_middle_of_it)
{
    expect_not_cancelled_in(use_all, NULL);
}

/* Blocked before there is any other thread, as the contract asks. */
int main(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigaddset(&set, SIGUSR2);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGRTMIN + 3);
    (void)sigaddset(&set, SIGRTMAX);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return 1;
    tap_run(signal__is_readable_while_it_is_pending);
    tap_run(signal__pending_before_it_was_opened_counts);
    tap_run(signal__is_taken_as_often_as_it_is_pending);
    tap_run(signal__is_not_mistaken_for_another);
    tap_run(signal__opened_twice_is_taken_once);
    tap_run(signal__is_told_by_a_poller);
    tap_run(signal__that_is_none_or_cannot_be_waited_for_is_an_error);
    tap_run(signal__every_other_can_be_opened);
    tap_run(signal__descriptor_does_not_pass_to_another_program_and_does_not_block);
    tap_run(signal__descriptor_that_cannot_be_had_is_an_error);
    tap_run(signal__each_one_is_taken_by_one_thread);
    tap_run(signal__wait_takes_what_is_pending);
    tap_run(signal__wait_takes_nothing_at_the_deadline_and_not_before);
    tap_run(signal__wait_sleeps_until_it_is_sent);
    tap_run(signal__wait_is_not_ended_by_the_handler_of_another);
    tap_run(signal__ends_the_wait_of_one_thread);
    tap_run(signal__of_another_process_is_taken);
    tap_run(signal__cancelled_thread_is_not_ended_in_the_middle_of_it);
    return tap_done();
}
