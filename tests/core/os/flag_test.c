/* flag_test.c - the flag that poll can wait for. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/core/os/sleeper.h"
#include "tests/support/tap.h"

static bool is_raised(int descriptor)
{
    struct pollfd polled = {.fd = descriptor, .events = POLLIN};
    return poll(&polled, 1, 0) == 1 && (polled.revents & POLLIN) != 0;
}

TAP_TEST(flag__is_readable_while_it_is_raised)
{
    int flag = -1;
    errno = 77;
    require(tpp_flag_open(&flag) == 0);
    check(!is_raised(flag));
    tpp_flag_clear(flag);
    check(!is_raised(flag));
    tpp_flag_raise(flag);
    check(is_raised(flag));
    check(is_raised(flag));
    tpp_flag_clear(flag);
    check(!is_raised(flag));
    tpp_flag_close(flag);
    check_eq(errno, 77);
    check_eq(fcntl(flag, F_GETFD), -1);
}

TAP_TEST(flag__raised_twice_is_cleared_once)
{
    int flag = -1, round;
    require(tpp_flag_open(&flag) == 0);
    for (round = 0; round < 1000; round++)
        tpp_flag_raise(flag);
    tpp_flag_clear(flag);
    check(!is_raised(flag));
    tpp_flag_clear(flag);
    tpp_flag_raise(flag);
    check(is_raised(flag));
    tpp_flag_close(flag);
}

TAP_TEST(flag__whose_counter_is_full_can_be_raised_and_cleared)
{
    static const uint64_t full = UINT64_MAX - 1;
    int flag = -1;
    require(tpp_flag_open(&flag) == 0);
    require(write(flag, &full, sizeof full) == (ssize_t)sizeof full);
    errno = 77;
    tpp_flag_raise(flag);
    check_eq(errno, 77);
    check(is_raised(flag));
    tpp_flag_clear(flag);
    check(!is_raised(flag));
    tpp_flag_close(flag);
}

static void *raise_it(void *flag)
{
    tpp_flag_raise(*(int *)flag);
    return NULL;
}

TAP_TEST(flag__raised_by_another_thread_ends_a_poll)
{
    struct pollfd polled = {.fd = -1, .events = POLLIN};
    pthread_t thread;
    require(tpp_flag_open(&polled.fd) == 0);
    check_eq(pthread_create(&thread, NULL, raise_it, &polled.fd), 0);
    check_eq(poll(&polled, 1, -1), 1);
    check_eq(polled.revents, POLLIN);
    check_eq(pthread_join(thread, NULL), 0);
    tpp_flag_close(polled.fd);
}

TAP_TEST(flag__does_not_pass_to_another_program)
{
    int flag = -1;
    require(tpp_flag_open(&flag) == 0);
    check((fcntl(flag, F_GETFD) & FD_CLOEXEC) != 0);
    check((fcntl(flag, F_GETFL) & O_NONBLOCK) != 0);
    tpp_flag_close(flag);
}

TAP_TEST(flag__that_cannot_be_had_is_an_error)
{
    int status;
    pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        int flag = 5, result;
        errno = 77;
        result = setrlimit(RLIMIT_NOFILE, &none) == 0 ? tpp_flag_open(&flag) : 0;
        _exit(result == EMFILE && flag == -1 && errno == 77 ? 0 : 1);
    }
    require(waitpid(child, &status, 0) == child);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void use_all(void *unused)
{
    int flag = -1;
    (void)unused;
    (void)tpp_flag_open(&flag);
    tpp_flag_raise(flag);
    tpp_flag_clear(flag);
    tpp_flag_close(flag);
}

TAP_TEST(flag__cancelled_thread_is_not_ended_in_the_middle_of_it)
{
    expect_not_cancelled_in(use_all, NULL);
}

int main(void)
{
    tap_run(flag__is_readable_while_it_is_raised);
    tap_run(flag__raised_twice_is_cleared_once);
    tap_run(flag__whose_counter_is_full_can_be_raised_and_cleared);
    tap_run(flag__raised_by_another_thread_ends_a_poll);
    tap_run(flag__does_not_pass_to_another_program);
    tap_run(flag__that_cannot_be_had_is_an_error);
    tap_run(flag__cancelled_thread_is_not_ended_in_the_middle_of_it);
    return tap_done();
}
