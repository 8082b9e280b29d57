/* file_test.c - descriptors of the application: keeping, comparing, and waiting for one of them. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "tests/core/os/child.h"
#include "tests/core/os/sleeper.h"
#include "tests/support/tap.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027
#endif

#define MS INT64_C(1000000)
#define HOUR (3600 * 1000 * MS)

/* ---- keeping ------------------------------------------------------------------------------- */

static int keep(int descriptor)
{
    int own = -5;
    errno = 77;
    check_eq(tpp_file_keep(descriptor, &own), 0);
    check_eq(errno, 77);
    check(own >= 3 && own != descriptor);
    return own;
}

static void drop(int own)
{
    errno = 77;
    tpp_file_drop(own);
    check_eq(errno, 77);
    check_eq(fcntl(own, F_GETFD), -1);
}

TAP_TEST(file__kept_is_the_same_file_and_outlives_the_other)
{
    int first = eventfd(0, EFD_NONBLOCK), own;
    eventfd_t value = 0;
    require(first >= 0);
    own = keep(first);
    check_eq(eventfd_write(first, 5), 0);
    check_eq(close(first), 0);
    check_eq(eventfd_read(own, &value), 0);
    check_eq(value, 5);
    drop(own);
}

TAP_TEST(file__kept_does_not_pass_to_another_program)
{
    int first = eventfd(0, 0), own;
    require(first >= 0);
    own = keep(first);
    check_eq(fcntl(own, F_GETFD), FD_CLOEXEC);
    check_eq(fcntl(first, F_GETFD), 0);
    drop(own);
    close(first);
}

/* The numbers of the standard streams are free: the kept one must not become one of them. */
static void keep_without_streams(void)
{
    int first = eventfd(0, 0), own;
    require(first >= 3);
    check(close(0) == 0 && close(2) == 0);
    own = keep(first);
    drop(own);
}

TAP_TEST(file__kept_is_no_standard_stream)
{
    run_in_child(keep_without_streams);
}

TAP_TEST(file__dropping_the_last_one_closes_the_file)
{
    int ends[2], own;
    char byte;
    require(pipe(ends) == 0);
    own = keep(ends[1]);
    check_eq(close(ends[1]), 0);
    check_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    check(read(ends[0], &byte, 1) == -1 && errno == EAGAIN);
    drop(own);
    check_eq(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

static int keep_fails(int descriptor)
{
    int own = 5, result;
    errno = 77;
    result = tpp_file_keep(descriptor, &own);
    check_eq(errno, 77);
    check_eq(own, -1);
    return result;
}

static void keep_at_the_limit(void)
{
    rlim_t limit;
    (void)allow_more(0);
    check_eq(keep_fails(1), EMFILE);
    for (limit = 0; limit <= 3; limit++) {
        (void)allow_below(limit);
        check_eq(keep_fails(1), EMFILE);
    }
}

TAP_TEST(file__that_cannot_be_kept_is_an_error)
{
    int gone = eventfd(0, 0);
    require(gone >= 0 && close(gone) == 0);
    check_eq(keep_fails(gone), EBADF);
    check_eq(keep_fails(-1), EBADF);
    check_eq(keep_fails(INT32_MIN), EBADF);
    run_in_child(keep_at_the_limit);
}

/* ---- comparing ----------------------------------------------------------------------------- */

static bool same(int descriptor, int own)
{
    bool answer;
    errno = 77;
    answer = tpp_file_same(descriptor, own);
    check_eq(errno, 77);
    return answer;
}

static bool kernel_has_query(int descriptor)
{
    return fcntl(descriptor, F_DUPFD_QUERY, descriptor) == 1;
}

static bool kernel_has_kcmp(int descriptor)
{
    return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, descriptor, descriptor) == 0;
}

/* What holds where the system tells (`told`), and where it does not. */
static void compare(bool told)
{
    int one = open("/dev/null", O_RDONLY), other = open("/dev/null", O_RDONLY);
    int event = eventfd(0, 0), own, round;
    require(one >= 0 && other >= 0 && event >= 0);
    own = keep(one);
    for (round = 0; round < 2; round++) { /* what was learned from the first is used in the next */
        check_eq(same(one, own), told);
        check_eq(same(own, own), told);
        check(!same(other, own)); /* the same inode, opened twice */
        check(!same(event, own));
        check(!same(-1, own));
        check(!same(10000, own));
    }
    close(one);
    check(!same(one, own));
    drop(own);
    check(!same(other, own));
    check(!same(own, own));
    close(other);
    close(event);
}

TAP_TEST(file__same_says_whether_it_is_one_open_file)
{
    compare(kernel_has_query(0) || kernel_has_kcmp(0));
}

TAP_TEST(file__number_used_again_is_not_the_same)
{
    int one = eventfd(0, 0), own, again;
    require(one >= 0);
    own = keep(one);
    check_eq(close(one), 0);
    again = eventfd(0, 0);
    check_eq(again, one);
    check(!same(again, own));
    drop(own);
    close(again);
}

static void compare_without_query(void)
{
    if (forbid_argument(SYS_fcntl, 1, F_DUPFD_QUERY, EINVAL)) {
        check(!kernel_has_query(0));
        compare(kernel_has_kcmp(0));
    }
}

static void compare_without_either(void)
{
    if (forbid_argument(SYS_fcntl, 1, F_DUPFD_QUERY, EPERM) && forbid(SYS_kcmp, EPERM))
        compare(false);
}

TAP_TEST(file__same_is_asked_of_older_kernels_in_another_way)
{
    run_in_child(compare_without_query);
}

TAP_TEST(file__same_is_false_where_the_system_does_not_tell)
{
    run_in_child(compare_without_either);
}

/* ---- processes ----------------------------------------------------------------------------- */

static int is_process(int descriptor)
{
    int result;
    errno = 77;
    result = tpp_file_is_process(descriptor);
    check_eq(errno, 77);
    return result;
}

static int descriptor_of(pid_t process)
{
    return (int)syscall(SYS_pidfd_open, process, 0);
}

static void tell_processes(void)
{
    int self = descriptor_of(getpid()), first = descriptor_of(1), child, status;
    pid_t id;
    siginfo_t ended;
    require(self >= 0 && first >= 0);
    check_eq(is_process(self), 0);
    check_eq(is_process(first), 0); /* is no child, and may belong to somebody else */
    id = fork();
    if (id == 0)
        _exit(42);
    child = descriptor_of(id);
    require(child >= 0);
    check_eq(is_process(child), 0);
    check_eq(waitid(P_PID, (id_t)id, &ended, WEXITED | WNOWAIT), 0);
    check_eq(is_process(child), 0); /* has ended, and was not taken away from its parent: */
    check_eq(waitpid(id, &status, 0), id);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    check_eq(is_process(child), 0); /* is gone for good */
    close(child);
    check_eq(is_process(child), EBADF);
    close(self);
    close(first);
}

static void tell_what_is_none(void)
{
    int folder = open("/proc/self", O_RDONLY | O_DIRECTORY), event = eventfd(0, 0);
    int path = open("/proc/self", O_PATH), number;
    require(folder >= 0 && event >= 0 && path >= 0);
    check_eq(is_process(folder), EBADF);
    check_eq(is_process(path), EBADF);
    check_eq(is_process(event), EBADF);
    check_eq(is_process(0), EBADF);
    check_eq(is_process(event + 100), EBADF);
    for (number = -1; number > -20000; number = number * 2 - 1)
        check_eq(is_process(number), EBADF);
    for (number = -10010; number <= -9990; number++) /* among them what means oneself */
        check_eq(is_process(number), EBADF);
    check_eq(is_process(INT32_MIN), EBADF);
    check_eq(is_process(INT32_MAX), EBADF);
    close(folder);
    close(event);
    close(path);
}

static bool has_processes(void)
{
    int self = descriptor_of(getpid());
    if (self < 0)
        return false;
    close(self);
    return true;
}

TAP_TEST(file__process_is_told_by_its_descriptor)
{
    tell_what_is_none();
    if (!has_processes())
        tap_skip("this system has no descriptors of processes");
    tell_processes();
}

static void tell_where_forbidden(uint32_t error)
{
    siginfo_t unused;
    if (!forbid_argument(SYS_waitid, 0, 3, error)) /* that is P_PIDFD */
        return;
    check(waitid((idtype_t)3, 0, &unused, WEXITED) == -1 && errno == (int)error);
    tell_what_is_none();
    if (has_processes())
        tell_processes();
}

static void tell_with_eperm(void)
{
    tell_where_forbidden(EPERM);
}

static void tell_with_enosys(void)
{
    tell_where_forbidden(ENOSYS);
}

static void tell_with_einval(void)
{
    tell_where_forbidden(EINVAL);
}

TAP_TEST(file__process_is_told_where_asking_is_forbidden)
{
    run_in_child(tell_with_eperm);
    run_in_child(tell_with_enosys);
    run_in_child(tell_with_einval);
}

/* ---- waiting for one ----------------------------------------------------------------------- */

static uint32_t wait_for(int descriptor, uint32_t events, int64_t deadline)
{
    uint32_t found = 99;
    errno = 77;
    check_eq(tpp_file_wait(descriptor, events, deadline, &found), 0);
    check_eq(errno, 77);
    return found;
}

TAP_TEST(file__wait_finds_the_states_it_was_asked_for)
{
    int event = eventfd(1, 0), ends[2];
    require(event >= 0 && pipe(ends) == 0);
    check_eq(wait_for(event, POLLIN, TPP_FOREVER), POLLIN);
    check_eq(wait_for(event, POLLOUT, TPP_FOREVER), POLLOUT);
    check_eq(wait_for(event, POLLIN | POLLOUT, 0), POLLIN | POLLOUT);
    check_eq(wait_for(event, POLLIN | TPP_POLL_ONCE, -5), POLLIN);
    check_eq(wait_for(event, POLLIN | TPP_POLL_ONCE, INT64_MIN), POLLIN); /* consumes nothing */
    check_eq(wait_for(event, POLLPRI, 0), 0);
    check_eq(wait_for(event, 0, 0), 0);
    close(ends[1]);
    check_eq(wait_for(ends[0], 0, TPP_FOREVER), POLLHUP); /* though nobody asked */
    close(ends[0]);
    close(event);
}

TAP_TEST(file__wait_finds_nothing_at_the_deadline_and_not_before)
{
    int event = eventfd(0, 0), round;
    require(event >= 0);
    for (round = 1; round <= 20; round++) {
        int64_t deadline = tpp_now(TPP_CLOCK_MONOTONIC) + round * MS / 5;
        check_eq(wait_for(event, POLLIN, deadline), 0);
        check(tpp_now(TPP_CLOCK_MONOTONIC) >= deadline);
        check_eq(wait_for(event, POLLIN, deadline), 0);
    }
    close(event);
}

TAP_TEST(file__wait_for_what_is_not_open_is_an_error)
{
    static const int64_t deadlines[] = {INT64_MIN, 0, HOUR, TPP_FOREVER};
    int gone = eventfd(0, 0);
    size_t i;
    require(gone >= 0 && close(gone) == 0);
    for (i = 0; i < sizeof deadlines / sizeof deadlines[0]; i++) {
        uint32_t found = 99;
        errno = 77;
        check_eq(tpp_file_wait(gone, POLLIN, deadlines[i], &found), EBADF);
        check_eq(found, 0);
        check_eq(tpp_file_wait(-1, POLLIN, deadlines[i], &found), EBADF);
        check_eq(tpp_file_wait(INT32_MIN, POLLIN, deadlines[i], &found), EBADF);
        check_eq(errno, 77);
    }
}

static void wait_without_descriptors(void)
{
    uint32_t found = 99;
    (void)allow_below(0);
    errno = 77;
    check_eq(tpp_file_wait(1, POLLOUT, TPP_FOREVER, &found), EBADF);
    check_eq(errno, 77);
    check_eq(found, 0);
}

TAP_TEST(file__wait_where_descriptors_are_forbidden_is_an_error)
{
    run_in_child(wait_without_descriptors);
}

struct waiter {
    pthread_t thread;
    int descriptor;
    int64_t deadline;
    tpp_u32 id, over;
    uint32_t found;
};

static void *wait_for_input(void *memory)
{
    struct waiter *waiter = memory;
    tpp_store_release(&waiter->id, (uint32_t)tpp_thread_id());
    waiter->found = wait_for(waiter->descriptor, POLLIN, waiter->deadline);
    (void)tpp_add_acq_rel(&waiter->over, 1);
    return NULL;
}

static void sleep_through(uint32_t signals, int64_t deadline)
{
    struct waiter waiter = {.descriptor = eventfd(0, 0), .deadline = deadline};
    require(waiter.descriptor >= 0);
    check_eq(pthread_create(&waiter.thread, NULL, wait_for_input, &waiter), 0);
    interrupt(waiter.thread, &waiter.id, signals, SIGUSR1);
    check_eq(tpp_load_acquire(&waiter.over), 0);
    check_eq(eventfd_write(waiter.descriptor, 1), 0);
    check_eq(pthread_join(waiter.thread, NULL), 0);
    check_eq(waiter.found, POLLIN);
    close(waiter.descriptor);
}

TAP_TEST(file__wait_is_ended_by_what_it_waits_for)
{
    sleep_through(0, TPP_FOREVER);
    sleep_through(0, tpp_now(TPP_CLOCK_MONOTONIC) + HOUR);
}

TAP_TEST(file__wait_is_not_ended_by_signals)
{
    struct sigaction before;
    if (UNDER_TSAN)
        tap_skip("ThreadSanitizer holds signals back");
    require(let_interrupt(SIGUSR1, &before));
    sleep_through(10, TPP_FOREVER);
    sleep_through(10, tpp_now(TPP_CLOCK_MONOTONIC) + HOUR);
    check_eq(sigaction(SIGUSR1, &before, NULL), 0);
}

/* ---- threads that are cancelled ------------------------------------------------------------ */

static void use_all(void *memory)
{
    int event = *(int *)memory, own;
    uint32_t found;
    (void)tpp_file_keep(event, &own);
    (void)tpp_file_same(event, own);
    (void)tpp_file_is_process(own);
    (void)tpp_file_wait(own, POLLOUT, TPP_FOREVER, &found);
    tpp_file_drop(own);
}

TAP_TEST(file__cancelled_thread_is_not_ended_in_the_middle_of_it)
{
    int event = eventfd(0, 0);
    require(event >= 0);
    expect_not_cancelled_in(use_all, &event);
    close(event);
}

int main(void)
{
    tap_run(file__kept_is_the_same_file_and_outlives_the_other);
    tap_run(file__kept_does_not_pass_to_another_program);
    tap_run(file__kept_is_no_standard_stream);
    tap_run(file__dropping_the_last_one_closes_the_file);
    tap_run(file__that_cannot_be_kept_is_an_error);
    tap_run(file__same_says_whether_it_is_one_open_file);
    tap_run(file__number_used_again_is_not_the_same);
    tap_run(file__same_is_asked_of_older_kernels_in_another_way);
    tap_run(file__same_is_false_where_the_system_does_not_tell);
    tap_run(file__process_is_told_by_its_descriptor);
    tap_run(file__process_is_told_where_asking_is_forbidden);
    tap_run(file__wait_finds_the_states_it_was_asked_for);
    tap_run(file__wait_finds_nothing_at_the_deadline_and_not_before);
    tap_run(file__wait_for_what_is_not_open_is_an_error);
    tap_run(file__wait_where_descriptors_are_forbidden_is_an_error);
    tap_run(file__wait_is_ended_by_what_it_waits_for);
    tap_run(file__wait_is_not_ended_by_signals);
    tap_run(file__cancelled_thread_is_not_ended_in_the_middle_of_it);
    return tap_done();
}
