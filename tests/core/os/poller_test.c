/* poller_test.c - waiting for descriptors, kicks and deadlines. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/support/tap.h"

#define MS INT64_C(1000000)
#define CAPACITY 16

static uint32_t poll_now(struct tpp_poller *poller, struct tpp_poller_event *events)
{
    return tpp_poller_wait(poller, events, CAPACITY, 0);
}

static int64_t in_ms(int64_t ms)
{
    return tpp_now(TPP_CLOCK_MONOTONIC) + ms * MS;
}

TAP_TEST(poller__reports_a_ready_descriptor_once_until_armed_again)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int ready = eventfd(1, EFD_NONBLOCK);
    require(ready >= 0 && tpp_poller_open(&poller) == 0);
    errno = 77;
    check_eq(tpp_poller_add(poller, ready, POLLIN, 0x1234567800000009), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 1);
    check_eq(events[0].key, 0x1234567800000009);
    check_eq(events[0].events, POLLIN);
    check_eq(poll_now(poller, events), 0);
    check_eq(tpp_poller_modify(poller, ready, POLLIN | POLLOUT, 10), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 1);
    check_eq(events[0].key, 10);
    check_eq(events[0].events, POLLIN | POLLOUT);
    check_eq(errno, 77);
    tpp_poller_close(poller);
    close(ready);
}

TAP_TEST(poller__silent_descriptor_is_silent_until_written)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int quiet = eventfd(0, EFD_NONBLOCK);
    require(quiet >= 0 && tpp_poller_open(&poller) == 0);
    check_eq(tpp_poller_add(poller, quiet, POLLIN, 1), 0);
    check_eq(poll_now(poller, events), 0);
    check_eq(eventfd_write(quiet, 1), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 1);
    check_eq(tpp_poller_remove(poller, quiet), 0);
    check_eq(poll_now(poller, events), 0);
    tpp_poller_close(poller);
    close(quiet);
}

TAP_TEST(poller__hang_up_is_told_though_nobody_asked)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int pipes[2];
    require(pipe(pipes) == 0 && tpp_poller_open(&poller) == 0);
    check_eq(tpp_poller_add(poller, pipes[0], POLLIN, 5), 0);
    close(pipes[1]);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 1);
    check_eq(events[0].key, 5);
    check_eq(events[0].events, POLLHUP);
    tpp_poller_close(poller);
    close(pipes[0]);
}

TAP_TEST(poller__misuse_is_an_errno_and_keeps_errno)
{
    struct tpp_poller *poller;
    int one = eventfd(0, 0), gone = eventfd(0, 0);
    FILE *file = tmpfile();
    require(one >= 0 && gone >= 0 && file != NULL && tpp_poller_open(&poller) == 0);
    close(gone);
    errno = 77;
    check_eq(tpp_poller_add(poller, gone, POLLIN, 1), EBADF);
    check_eq(tpp_poller_add(poller, fileno(file), POLLIN, 1), EPERM);
    check_eq(tpp_poller_modify(poller, one, POLLIN, 1), ENOENT);
    check_eq(tpp_poller_remove(poller, one), ENOENT);
    check_eq(tpp_poller_add(poller, one, POLLIN, 1), 0);
    check_eq(tpp_poller_add(poller, one, POLLIN, 2), EEXIST);
    check_eq(tpp_poller_add(poller, one, POLLIN, UINT64_MAX), EINVAL);
    check_eq(tpp_poller_modify(poller, one, POLLIN, UINT64_MAX), EINVAL);
    check_eq(errno, 77);
    tpp_poller_close(poller);
    fclose(file);
    close(one);
}

TAP_TEST(poller__gives_no_more_events_than_there_is_room_for)
{
    enum { COUNT = 100 };
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int descriptors[COUNT];
    int seen[COUNT] = {0};
    int i, total = 0;
    uint32_t got;
    require(tpp_poller_open(&poller) == 0);
    for (i = 0; i < COUNT; i++) {
        descriptors[i] = eventfd(1, 0);
        require(descriptors[i] >= 0);
        check_eq(tpp_poller_add(poller, descriptors[i], POLLIN, (uint64_t)i), 0);
    }
    tpp_poller_kick(poller);
    while (total < COUNT) {
        got = tpp_poller_wait(poller, events, CAPACITY, in_ms(10000));
        require(got <= CAPACITY);
        for (i = 0; i < (int)got; i++) {
            require(events[i].key < COUNT);
            seen[events[i].key]++;
        }
        total += (int)got;
    }
    check_eq(poll_now(poller, events), 0);
    for (i = 0; i < COUNT; i++) {
        check_eq(seen[i], 1);
        close(descriptors[i]);
    }
    tpp_poller_close(poller);
}

static void never_early(struct tpp_poller *poller)
{
    struct tpp_poller_event events[CAPACITY];
    int round;
    for (round = 0; round < 20; round++) {
        int64_t deadline = tpp_now(TPP_CLOCK_MONOTONIC) + MS / 3;
        check_eq(tpp_poller_wait(poller, events, CAPACITY, deadline), 0);
        check(tpp_now(TPP_CLOCK_MONOTONIC) >= deadline);
    }
    check_eq(tpp_poller_wait(poller, events, CAPACITY, -1), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, INT64_MIN), 0);
}

TAP_TEST(poller__deadline_is_never_early)
{
    struct tpp_poller *poller;
    require(tpp_poller_open(&poller) == 0);
    errno = 77;
    never_early(poller);
    check_eq(errno, 77);
    tpp_poller_close(poller);
}

TAP_TEST(poller__kick_before_the_wait_ends_it_once)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int64_t deadline;
    int round;
    require(tpp_poller_open(&poller) == 0);
    for (round = 0; round < 3; round++) {
        errno = 77;
        tpp_poller_kick(poller);
        tpp_poller_kick(poller);
        check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 0);
        deadline = in_ms(1);
        check_eq(tpp_poller_wait(poller, events, CAPACITY, deadline), 0);
        check(tpp_now(TPP_CLOCK_MONOTONIC) >= deadline);
        check_eq(errno, 77);
    }
    tpp_poller_close(poller);
}

struct waiter {
    pthread_t thread;
    struct tpp_poller *poller;
    tpp_u32 id;
    tpp_u32 returns;
    uint32_t got;
};

static void *wait_for_ever(void *memory)
{
    struct waiter *waiter = memory;
    struct tpp_poller_event events[CAPACITY];
    tpp_store_release(&waiter->id, (uint32_t)tpp_thread_id());
    waiter->got = tpp_poller_wait(waiter->poller, events, CAPACITY, TPP_FOREVER);
    (void)tpp_add_acq_rel(&waiter->returns, 1);
    return NULL;
}

static void await_asleep(struct waiter *waiter)
{
    while (tpp_load_acquire(&waiter->id) == 0)
        sched_yield();
    while (tpp_thread_state(tpp_load_acquire(&waiter->id)) != 'S')
        sched_yield();
}

TAP_TEST(poller__kick_ends_a_wait_under_way)
{
    struct waiter waiter = {0};
    require(tpp_poller_open(&waiter.poller) == 0);
    check_eq(pthread_create(&waiter.thread, NULL, wait_for_ever, &waiter), 0);
    await_asleep(&waiter);
    tpp_poller_kick(waiter.poller);
    check_eq(pthread_join(waiter.thread, NULL), 0);
    check_eq(waiter.got, 0);
    tpp_poller_close(waiter.poller);
}

TAP_TEST(poller__descriptor_added_during_a_wait_ends_it)
{
    struct waiter waiter = {0};
    int ready = eventfd(1, 0);
    require(ready >= 0 && tpp_poller_open(&waiter.poller) == 0);
    check_eq(pthread_create(&waiter.thread, NULL, wait_for_ever, &waiter), 0);
    await_asleep(&waiter);
    check_eq(tpp_poller_add(waiter.poller, ready, POLLIN, 1), 0);
    check_eq(pthread_join(waiter.thread, NULL), 0);
    check_eq(waiter.got, 1);
    tpp_poller_close(waiter.poller);
    close(ready);
}

static tpp_u32 signals_seen;

static void count_signal(int signal_number)
{
    (void)signal_number;
    (void)tpp_add_acq_rel(&signals_seen, 1);
}

TAP_TEST(poller__signals_do_not_end_a_wait)
{
    struct waiter waiter = {0};
    struct sigaction action, before;
    int i;
    if (UNDER_TSAN)
        tap_skip("ThreadSanitizer holds signals back");
    memset(&action, 0, sizeof action);
    action.sa_handler = count_signal;
    require(sigaction(SIGUSR1, &action, &before) == 0);
    require(tpp_poller_open(&waiter.poller) == 0);
    tpp_store_release(&signals_seen, 0);
    check_eq(pthread_create(&waiter.thread, NULL, wait_for_ever, &waiter), 0);
    for (i = 0; i < 10; i++) {
        await_asleep(&waiter);
        check_eq(pthread_kill(waiter.thread, SIGUSR1), 0);
        while (tpp_load_acquire(&signals_seen) <= (uint32_t)i)
            sched_yield();
    }
    await_asleep(&waiter);
    check_eq(tpp_load_acquire(&waiter.returns), 0);
    tpp_poller_kick(waiter.poller);
    check_eq(pthread_join(waiter.thread, NULL), 0);
    check_eq(sigaction(SIGUSR1, &before, NULL), 0);
    tpp_poller_close(waiter.poller);
}

/* From here on the kernel answers epoll_pwait2 with `error`, as an old one or an old container
 * filter would. A filter can be added but not taken away, so these tests come last. */
static bool take_away_pwait2(uint32_t error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static void works_without_pwait2(void)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int ready = eventfd(1, 0);
    require(ready >= 0 && tpp_poller_open(&poller) == 0);
    never_early(poller);
    check_eq(tpp_poller_add(poller, ready, POLLIN, 1), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 1);
    tpp_poller_kick(poller);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 0);
    tpp_poller_close(poller);
    close(ready);
}

TAP_TEST(poller__works_where_a_filter_forbids_pwait2)
{
    if (!take_away_pwait2(EPERM))
        tap_skip("seccomp is not available");
    check_eq(syscall(SYS_epoll_pwait2, -1, NULL, 0, NULL, NULL, (size_t)0), -1);
    check_eq(errno, EPERM);
    works_without_pwait2();
}

/* The filter added last is asked first, but the smaller errno of several wins nothing: the kernel
 * takes the newest of equal actions. */
TAP_TEST(poller__works_where_the_kernel_lacks_pwait2)
{
    if (!take_away_pwait2(ENOSYS))
        tap_skip("seccomp is not available");
    check_eq(syscall(SYS_epoll_pwait2, -1, NULL, 0, NULL, NULL, (size_t)0), -1);
    check_eq(errno, ENOSYS);
    works_without_pwait2();
}

int main(void)
{
    tap_run(poller__reports_a_ready_descriptor_once_until_armed_again);
    tap_run(poller__silent_descriptor_is_silent_until_written);
    tap_run(poller__hang_up_is_told_though_nobody_asked);
    tap_run(poller__misuse_is_an_errno_and_keeps_errno);
    tap_run(poller__gives_no_more_events_than_there_is_room_for);
    tap_run(poller__deadline_is_never_early);
    tap_run(poller__kick_before_the_wait_ends_it_once);
    tap_run(poller__kick_ends_a_wait_under_way);
    tap_run(poller__descriptor_added_during_a_wait_ends_it);
    tap_run(poller__signals_do_not_end_a_wait);
    tap_run(poller__works_where_a_filter_forbids_pwait2);
    tap_run(poller__works_where_the_kernel_lacks_pwait2);
    return tap_done();
}
