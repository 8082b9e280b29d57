/* refuse_operate_test.c - operations on descriptors that the system refuses, or interrupts. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <sys/eventfd.h>
#include <sys/un.h>

#include "tests/core/os/refuse.h"
#include "tests/core/os/request.h"

static struct tpp_outcome outcome(struct tpp_request request, bool may_wait)
{
    struct tpp_outcome result;
    errno = 77;
    result = tpp_operate(&request, may_wait);
    check_eq(errno, 77);
    check(all_refused());
    return result;
}

#define check_done(request, may_wait, wanted) \
    do { \
        struct tpp_outcome result_ = outcome(request, may_wait); \
        check_eq(result_.error, 0); \
        check_eq(result_.bytes, wanted); \
    } while (0)

#define check_error(request, may_wait, wanted) check_eq(outcome(request, may_wait).error, wanted)

/* ---- interrupted ----------------------------------------------------------------------------- */

TAP_TEST(operate__interrupted_at_a_file_goes_on)
{
    char bytes[8] = "1234567";
    int file = file_of(100);
    refuse_call(SYS_preadv2, EINTR);
    check_done(request_at(TPP_READ, file, bytes, 8, 10), false, 8);
    check(bytes_from(bytes, 8, 10));
    refuse_call(SYS_pwritev, EINTR);
    check_done(request_at(TPP_WRITE, file, bytes, 8, 0), true, 8);
    refuse_call(SYS_fdatasync, EINTR);
    check_done(request_of(TPP_FDATASYNC, file, NULL, 0), true, 0);
    close(file);
}

TAP_TEST(operate__interrupted_at_a_socket_goes_on)
{
    char bytes[8] = "1234567";
    struct iovec parts[] = {{bytes, 4}, {bytes + 4, 4}};
    int ends[2];
    require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    refuse_call(SYS_sendto, EINTR);
    check_done(request_of(TPP_WRITE, ends[0], bytes, 8), false, 8);
    refuse_call(SYS_recvfrom, EINTR);
    check_done(request_of(TPP_READ, ends[1], bytes, 8), false, 8);
    refuse_call(SYS_sendmsg, EINTR);
    check_done(request_of(TPP_WRITEV, ends[0], parts, 2), false, 8);
    refuse_call(SYS_ppoll, EINTR);
    check_done(request_with(TPP_POLL, ends[1], NULL, 0, POLLIN), false, POLLIN);
    close(ends[0]), close(ends[1]);
}

TAP_TEST(operate__interrupted_at_a_connection_goes_on)
{
    struct sockaddr_in address;
    uint32_t length = sizeof address;
    int door = listener(&address), guest = socket(AF_INET, SOCK_STREAM, 0);
    struct tpp_outcome result;
    refuse_call(SYS_connect, EINTR);
    result = outcome(request_to(TPP_CONNECT, guest, &address, &length), false);
    check(result.error == 0 || result.error == EAGAIN);
    check_eq(poll(&(struct pollfd){door, POLLIN, 0}, 1, -1), 1);
    refuse_call(SYS_accept4, EINTR);
    result = outcome(request_to(TPP_ACCEPT, door, NULL, NULL), false);
    check_eq(result.error, 0);
    close((int)result.bytes), close(guest), close(door);
}

/* ---- refused --------------------------------------------------------------------------------- */

TAP_TEST(operate__kind_is_not_told_of_what_is_closed_meanwhile)
{
    enum tpp_file_kind kind;
    int event = eventfd(0, EFD_CLOEXEC);
    refuse("fstat64", 1, EBADF);
    check_eq(tpp_file_kind(event, &kind), EBADF);
    refuse("epoll_ctl", 1, EBADF);
    check_eq(tpp_file_kind(event, &kind), EBADF);
    check(all_refused());
    check_eq(tpp_file_kind(event, &kind), 0);
    close(event);
}

TAP_TEST(operate__states_that_cannot_be_asked_for_are_an_error)
{
    int event = eventfd(0, EFD_CLOEXEC);
    refuse_call(SYS_ppoll, ENOMEM);
    check_error(request_with(TPP_POLL, event, NULL, 0, POLLIN), false, ENOMEM);
    close(event);
}

/* As if only a part of it was in the cache: it is done again, unless that would append it twice. */
TAP_TEST(operate__write_that_falls_short_is_done_again_unless_it_appends)
{
    char bytes[8] = "1234567";
    int file = file_of(100);
    pretend(SYS_pwritev2, 4);
    check_error(request_at(TPP_WRITE, file, bytes, 8, 10), false, EAGAIN);
    pretend(SYS_pwritev2, 1);
    check_error(request_at(TPP_WRITE, file, bytes, 8, 10), false, EAGAIN);
    check_eq(fcntl(file, F_SETFL, O_APPEND), 0);
    pretend(SYS_pwritev2, 4);
    check_done(request_at(TPP_WRITE, file, bytes, 8, 10), false, 4);
    close(file);
}

TAP_TEST(operate__write_without_known_limits_is_muted)
{
    char bytes[8] = "1234567";
    int file = file_of(0);
    refuse("getrlimit64", 1, EPERM);
    check_done(request_at(TPP_WRITE, file, bytes, 8, 0), true, 8);
    check(!is_blocked(SIGXFSZ) && !is_blocked(SIGPIPE));
    close(file);
}

static void refuse_states(void)
{
    refuse_call(SYS_ppoll, ENOMEM);
}

TAP_TEST(operate__stream_whose_states_cannot_be_asked_for_is_not_read)
{
    char byte;
    int ends[2];
    require(pipe(ends) == 0);
    refuse_call(SYS_preadv2, ENOSYS);
    refusal.hook = refuse_states;
    check_error(request_of(TPP_READ, ends[0], &byte, 1), false, ENOMEM);
    close(ends[0]), close(ends[1]);
}

TAP_TEST(operate__connection_on_what_is_closed_is_an_error)
{
    struct sockaddr_in address;
    uint32_t length = sizeof address;
    int door = listener(&address), guest = socket(AF_INET, SOCK_STREAM, 0);
    struct tpp_request request = request_to(TPP_CONNECT, guest, &address, &length);
    close(guest);
    check_error(request, false, EBADF);
    close(door);
}

/* What the system says, and what is told. */
TAP_TEST(operate__connection_that_is_refused_says_why)
{
    static const struct {
        int family, type, said, told;
    } rows[] = {
        {AF_INET, SOCK_STREAM, EAGAIN, EAGAIN},   {AF_INET, SOCK_STREAM, EALREADY, EAGAIN},
        {AF_INET, SOCK_STREAM, EISCONN, EISCONN}, {AF_INET, SOCK_STREAM, ENETUNREACH, ENETUNREACH},
        {AF_INET, SOCK_DGRAM, EISCONN, 0},        {AF_UNIX, SOCK_STREAM, EAGAIN, ECONNREFUSED},
        {AF_UNIX, SOCK_STREAM, EISCONN, EISCONN},
    };
    struct sockaddr_in address;
    uint32_t length = sizeof address;
    int door = listener(&address);
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int guest = socket(rows[i].family, rows[i].type, 0);
        struct tpp_request request = request_to(TPP_CONNECT, guest, &address, &length);
        refuse_call(SYS_connect, rows[i].said);
        check_error(request, false, rows[i].told);
        check(blocks(guest));
        close(guest);
    }
    close(door);
}

/* ---- signals --------------------------------------------------------------------------------- */

static struct tpp_request beyond_the_limit(void)
{
    static char bytes[8];
    limit_files(PAGE);
    block(SIGXFSZ);
    return request_at(TPP_WRITE, file_of(0), bytes, sizeof bytes, PAGE);
}

static void take_interrupted(void)
{
    struct tpp_request request = beyond_the_limit();
    refuse("sigtimedwait", 1, EINTR);
    check_error(request, true, EFBIG);
    check(!is_pending(SIGXFSZ));
}

static void take_nothing(void)
{
    struct tpp_request request = beyond_the_limit();
    refuse("sigtimedwait", 1, EAGAIN);
    check_error(request, true, EFBIG);
    check(is_pending(SIGXFSZ));
}

static void refuse_what_is_pending(void)
{
    refuse("sigpending", 1, EINVAL);
}

static void see_nothing(void)
{
    struct tpp_request request = beyond_the_limit();
    meanwhile("sigpending", refuse_what_is_pending, 0);
    check_error(request, true, EFBIG);
    check(is_pending(SIGXFSZ));
}

static void have_one_already(void)
{
    struct tpp_request request = beyond_the_limit();
    check_eq(raise(SIGXFSZ), 0);
    check_error(request, true, EFBIG);
    check(is_pending(SIGXFSZ));
}

static void fail_for_another_reason(void)
{
    struct tpp_request request = beyond_the_limit();
    request.descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
    check_error(request, true, EBADF);
    check(!is_pending(SIGXFSZ));
}

TAP_TEST(operate__signal_of_a_write_is_taken_and_no_other)
{
    run_in_child(take_interrupted);
    run_in_child(take_nothing);
    run_in_child(see_nothing);
    run_in_child(have_one_already);
    run_in_child(fail_for_another_reason);
}

int main(void)
{
    tap_run(operate__interrupted_at_a_file_goes_on);
    tap_run(operate__interrupted_at_a_socket_goes_on);
    tap_run(operate__interrupted_at_a_connection_goes_on);
    tap_run(operate__kind_is_not_told_of_what_is_closed_meanwhile);
    tap_run(operate__states_that_cannot_be_asked_for_are_an_error);
    tap_run(operate__write_that_falls_short_is_done_again_unless_it_appends);
    tap_run(operate__write_without_known_limits_is_muted);
    tap_run(operate__stream_whose_states_cannot_be_asked_for_is_not_read);
    tap_run(operate__connection_on_what_is_closed_is_an_error);
    tap_run(operate__connection_that_is_refused_says_why);
    tap_run(operate__signal_of_a_write_is_taken_and_no_other);
    return tap_done();
}
