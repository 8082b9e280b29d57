/* ring_test.c - requests given to a ring, and their outcomes taken from it. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/core/os/child.h"
#include "tests/core/os/request.h"
#include "tests/support/tap.h"

#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#define SYS_io_uring_enter 426
#endif

#define SECOND INT64_C(1000000000)
#define MANY 64u

static struct tpp_ring *the_ring; /* of the running test */

/* Opens it; else says why not, which is what the test then shows. */
static bool open_ring(void)
{
    int error;
    errno = 77;
    error = tpp_ring_open(&the_ring);
    check_eq(errno, 77);
    check((the_ring != NULL) == (error == 0));
    if (error != 0)
        printf("# no ring: %s\n", strerror(error));
    return error == 0;
}

#define open_or_skip() \
    do { \
        if (!open_ring()) \
            tap_skip("the system has no ring, or forbids it"); \
    } while (0)

static void close_ring(void)
{
    errno = 77;
    tpp_ring_close(the_ring);
    check_eq(errno, 77);
    the_ring = NULL;
}

static uint32_t take(struct tpp_completion *completions, uint32_t capacity)
{
    uint32_t count;
    errno = 77;
    count = tpp_ring_take(the_ring, completions, capacity);
    check_eq(errno, 77);
    return count;
}

static void flush(void)
{
    errno = 77;
    check(tpp_ring_flush(the_ring));
    check_eq(errno, 77);
}

static bool ready(int64_t patience)
{
    uint32_t found = 0;
    check_eq(tpp_file_wait(tpp_ring_descriptor(the_ring), POLLIN,
                           tpp_now(TPP_CLOCK_MONOTONIC) + patience, &found),
             0);
    return found == POLLIN;
}

/* Waits for the one outcome there is to be, and sees that there is no other. */
static struct tpp_outcome take_one(uint64_t key)
{
    struct tpp_completion completions[MANY] = {{0, {0, 0}}};
    uint32_t count = 0;
    while (count == 0) {
        check(ready(20 * SECOND));
        count = take(completions, MANY);
    }
    check_eq(count, 1);
    check_eq(completions[0].key, key);
    return completions[0].outcome;
}

static void put(struct tpp_request request, uint64_t key)
{
    check(tpp_ring_put(the_ring, &request, key));
}

static void start(struct tpp_request request, uint64_t key)
{
    put(request, key);
    flush();
}

static struct tpp_outcome finish(struct tpp_request request, uint64_t key)
{
    start(request, key);
    return take_one(key);
}

#define check_outcome(outcome, wanted_error, wanted_bytes) \
    do { \
        struct tpp_outcome outcome_ = outcome; \
        check_eq(outcome_.error, wanted_error); \
        check_eq(outcome_.bytes, wanted_bytes); \
    } while (0)

#define KEY UINT64_C(0xfedcba9876543210)

/* ---- opening and closing --------------------------------------------------------------------- */

TAP_TEST(ring__opens_and_closes_and_leaves_nothing)
{
    int before = count_open("");
    open_or_skip();
    check_eq(count_open(""), before + 1);
    check_eq(fcntl(tpp_ring_descriptor(the_ring), F_GETFD), FD_CLOEXEC);
    close_ring();
    check_eq(count_open(""), before);
}

/* Else all that follows would be skipped in silence. The words of its parameters are those of
 * linux/io_uring.h, which need not be there; the sixth says what it can do. */
TAP_TEST(ring__a_system_that_has_rings_has_one_for_us)
{
    enum { FEATURES = 5, NODROP_STABLE_POSITION_POLL = 2 | 4 | 8 | 32 };
    uint32_t parameters[64] = {0};
    int ring = (int)syscall(SYS_io_uring_setup, 4u, parameters);
    if (ring < 0)
        tap_skip("the system has no ring, or forbids it");
    check_eq(close(ring), 0);
    if ((parameters[FEATURES] & NODROP_STABLE_POSITION_POLL) != NODROP_STABLE_POSITION_POLL)
        tap_skip("the system's rings are too old");
    if (open_ring())
        close_ring();
    else if (tpp_ring_open(&the_ring) == ENOSYS)
        tap_skip("the library was built without rings");
    else
        check(false);
}

static void open_refused(uint32_t error)
{
    int before = count_open("");
    if (!forbid(SYS_io_uring_setup, error))
        return;
    check(!open_ring());
    check_eq(tpp_ring_open(&the_ring), error);
    check_eq(count_open(""), before);
}

static void open_without_call(void)
{
    open_refused(ENOSYS);
}

static void open_forbidden(void)
{
    open_refused(EPERM);
}

static void open_without_descriptors(void)
{
    (void)allow_more(0);
    check_eq(tpp_ring_open(&the_ring), EMFILE);
}

TAP_TEST(ring__says_why_it_cannot_be_opened)
{
    open_or_skip();
    close_ring();
    run_in_child(open_without_call);
    run_in_child(open_forbidden);
    run_in_child(open_without_descriptors);
}

/* ---- files ----------------------------------------------------------------------------------- */

TAP_TEST(ring__reads_a_file)
{
    char bytes[300];
    struct iovec parts[] = {{bytes, 100}, {bytes + 100, 200}};
    int file = file_of(1000);
    open_or_skip();
    check_outcome(finish(request_at(TPP_READ, file, bytes, 300, 50), KEY), 0, 300);
    check(bytes_from(bytes, 300, 50));
    check_outcome(finish(request_at(TPP_READ, file, bytes, 300, 900), 1), 0, 100);
    check_outcome(finish(request_at(TPP_READV, file, parts, 2, 60), UINT64_MAX - 1), 0, 300);
    check(bytes_from(bytes, 300, 60));
    check_outcome(finish(request_of(TPP_READ, file, bytes, 300), KEY), 0, 300);
    check_outcome(finish(request_of(TPP_READV, file, parts, 2), KEY), 0, 300);
    check(bytes_from(bytes, 300, 300));
    check_outcome(finish(request_at(TPP_READ, file, bytes, 300, 1000), KEY), 0, 0);
    close_ring();
    close(file);
}

TAP_TEST(ring__writes_a_file)
{
    char bytes[] = "abcdefgh", found[32] = "";
    struct iovec parts[] = {{bytes, 3}, {bytes + 3, 5}};
    int file = file_of(0);
    open_or_skip();
    check_outcome(finish(request_at(TPP_WRITE, file, bytes, 4, 2), KEY), 0, 4);
    check_outcome(finish(request_at(TPP_WRITEV, file, parts, 2, 6), KEY), 0, 8);
    check_outcome(finish(request_of(TPP_WRITE, file, bytes + 6, 1), KEY), 0, 1);
    check_outcome(finish(request_of(TPP_WRITEV, file, parts, 1), KEY), 0, 3);
    check_outcome(finish(request_of(TPP_FSYNC, file, NULL, 0), KEY), 0, 0);
    check_outcome(finish(request_of(TPP_FDATASYNC, file, NULL, 0), KEY), 0, 0);
    check_eq(pread(file, found, sizeof found, 0), 14);
    check(memcmp(found, "gabccdabcdefgh", 14) == 0);
    close_ring();
    close(file);
}

TAP_TEST(ring__tells_of_errors)
{
    char byte;
    int file = file_of(1);
    struct tpp_request request = request_at(TPP_READ, file, &byte, 1, 0);
    open_or_skip();
    check_outcome(finish(request_of(TPP_RECV, file, &byte, 1), KEY), ENOTSOCK, 0);
    check_outcome(finish(request_at(TPP_READ, file, NULL, 1, 0), KEY), EFAULT, 0);
    close(file);
    check_outcome(finish(request, KEY), EBADF, 0);
    close_ring();
}

static void write_beyond_the_limit(void)
{
    char bytes[8] = "";
    int file = file_of(0);
    require(file >= 0 && open_ring());
    limit_files(PAGE);
    check_outcome(finish(request_at(TPP_WRITE, file, bytes, 8, PAGE), KEY), EFBIG, 0);
    check(!is_pending(SIGXFSZ) && !is_blocked(SIGXFSZ));
    close_ring();
}

TAP_TEST(ring__a_write_beyond_the_limit_raises_no_signal)
{
    open_or_skip();
    close_ring();
    run_in_child(write_beyond_the_limit);
}

/* ---- sockets --------------------------------------------------------------------------------- */

/* Starts a request that has to wait, and sees that it does. */
static void start_waiting(struct tpp_request request, uint64_t key)
{
    struct tpp_completion completions[MANY];
    start(request, key);
    check_eq(take(completions, MANY), 0);
}

static void socket_pair(int type, int ends[2])
{
    check_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
}

TAP_TEST(ring__receives_when_something_comes)
{
    char bytes[32];
    struct iovec parts[] = {{bytes, 2}, {bytes + 2, 30}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    struct tpp_request requests[4];
    int ends[2];
    size_t i;
    open_or_skip();
    socket_pair(SOCK_STREAM, ends);
    requests[0] = request_of(TPP_READ, ends[0], bytes, 32);
    requests[1] = request_at(TPP_READV, ends[0], parts, 2, 77); /* no file: no offset */
    requests[2] = request_of(TPP_RECV, ends[0], bytes, 32);
    requests[3] = request_of(TPP_RECVMSG, ends[0], &message, 0);
    for (i = 0; i < 4; i++) {
        memset(bytes, 0, sizeof bytes);
        start_waiting(requests[i], KEY + i);
        check_eq(send(ends[1], "hello", 5, 0), 5);
        check_outcome(take_one(KEY + i), 0, 5);
        check(memcmp(bytes, "hello", 6) == 0);
    }
    start_waiting(requests[0], KEY);
    close(ends[1]);
    check_outcome(take_one(KEY), 0, 0);
    close_ring();
    close(ends[0]);
}

/* More than is read at once: then the kernel may have the end of a page to itself. */
static void drain(int descriptor, size_t length)
{
    char bytes[PAGE];
    ssize_t now = 1;
    while (length > 0 && now > 0) {
        now = read(descriptor, bytes, length < PAGE ? length : PAGE);
        length -= now > 0 ? (size_t)now : 0;
    }
    check_eq(length, 0);
}

TAP_TEST(ring__sends_when_there_is_room)
{
    char bytes[] = "hello", found[8] = "";
    struct iovec parts[] = {{bytes, 2}, {bytes + 2, 3}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    struct tpp_request requests[4];
    int ends[2];
    size_t i, full;
    open_or_skip();
    socket_pair(SOCK_STREAM, ends);
    requests[0] = request_of(TPP_WRITE, ends[0], bytes, 5);
    requests[1] = request_at(TPP_WRITEV, ends[0], parts, 2, 77);
    requests[2] = request_of(TPP_SEND, ends[0], bytes, 5);
    requests[3] = request_of(TPP_SENDMSG, ends[0], &message, 0);
    for (i = 0; i < 4; i++) {
        check_outcome(finish(requests[i], KEY), 0, 5);
        check_eq(read(ends[1], found, 8), 5);
        check(memcmp(found, "hello", 5) == 0);
        full = fill(ends[0]);
        start_waiting(requests[i], KEY + i);
        drain(ends[1], full);
        check_outcome(take_one(KEY + i), 0, 5);
        check_eq(read(ends[1], found, 8), 5);
    }
    close_ring();
    close(ends[0]), close(ends[1]);
}

static void send_to_nobody(void)
{
    char bytes[] = "hello";
    struct iovec parts[] = {{bytes, 2}, {bytes + 2, 3}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    int ends[2], other[2];
    require(open_ring() && signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    socket_pair(SOCK_STREAM, ends);
    socket_pair(SOCK_STREAM, other);
    (void)fill(other[0]);
    start_waiting(request_of(TPP_WRITEV, other[0], parts, 2),
                  KEY); /* it is too late for this one */
    close(other[1]);
    check_outcome(take_one(KEY), EPIPE, 0);
    close(ends[1]);
    check_outcome(finish(request_of(TPP_WRITE, ends[0], bytes, 5), KEY), EPIPE, 0);
    check_outcome(finish(request_of(TPP_WRITEV, ends[0], parts, 2), KEY), EPIPE, 0);
    check_outcome(finish(request_of(TPP_SEND, ends[0], bytes, 5), KEY), EPIPE, 0);
    check_outcome(finish(request_of(TPP_SENDMSG, ends[0], &message, 0), KEY), EPIPE, 0);
    close_ring();
}

TAP_TEST(ring__sending_to_nobody_raises_no_signal)
{
    open_or_skip();
    close_ring();
    run_in_child(send_to_nobody);
}

TAP_TEST(ring__accepts_who_comes)
{
    struct sockaddr_in address, from;
    uint32_t length = sizeof from;
    struct tpp_request request;
    struct tpp_outcome accepted;
    int door = listener(&address), guest = socket(AF_INET, SOCK_STREAM, 0);
    open_or_skip();
    request = request_to(TPP_ACCEPT, door, &from, &length);
    request.flags = SOCK_NONBLOCK;
    start_waiting(request, KEY);
    check_eq(connect(guest, (struct sockaddr *)&address, sizeof address), 0);
    accepted = take_one(KEY);
    check_eq(accepted.error, 0);
    check(length == sizeof from && from.sin_family == AF_INET);
    check_eq(fcntl((int)accepted.bytes, F_GETFD), FD_CLOEXEC);
    check(!blocks((int)accepted.bytes) && blocks(door));
    close((int)accepted.bytes), close(guest), close(door);
    close_ring();
}

TAP_TEST(ring__connects)
{
    struct sockaddr_in address;
    uint32_t length = sizeof address;
    int door = listener(&address), guest = socket(AF_INET, SOCK_STREAM, 0);
    open_or_skip();
    check_outcome(finish(request_to(TPP_CONNECT, guest, &address, &length), KEY), 0, 0);
    check(blocks(guest));
    close(guest), close(door);
    guest = socket(AF_INET, SOCK_STREAM, 0);
    check_outcome(finish(request_to(TPP_CONNECT, guest, &address, &length), KEY), ECONNREFUSED, 0);
    close(guest);
    close_ring();
}

/* Takes up all room of a listener; the last of the guests is still outside: its connection has
 * begun and does not end. */
static int guest_outside(const struct sockaddr_in *address, int guests[], int count)
{
    int i, outside = -1;
    for (i = 0; i < count && outside < 0; i++) {
        guests[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(guests[i], (const struct sockaddr *)address, sizeof *address);
        if (connect(guests[i], (const struct sockaddr *)address, sizeof *address) != 0 &&
            errno == EALREADY)
            outside = guests[i];
    }
    for (; i < count; i++)
        guests[i] = -1;
    return outside;
}

TAP_TEST(ring__a_connection_begun_elsewhere_is_to_be_waited_for)
{
    struct sockaddr_in address;
    uint32_t length = sizeof address;
    int door = listener(&address), guests[32], outside = guest_outside(&address, guests, 32), i;
    require(outside >= 0);
    open_or_skip();
    check_outcome(finish(request_to(TPP_CONNECT, outside, &address, &length), KEY), EAGAIN, 0);
    close_ring();
    for (i = 0; i < 32; i++)
        (void)close(guests[i]);
    close(door);
}

/* ---- streams --------------------------------------------------------------------------------- */

TAP_TEST(ring__reads_and_writes_a_pipe)
{
    char bytes[] = "hello", found[8] = "";
    struct iovec parts[] = {{bytes, 2}, {bytes + 2, 3}};
    size_t full;
    int ends[2];
    open_or_skip();
    require(pipe(ends) == 0);
    start_waiting(request_of(TPP_READ, ends[0], found, 8), KEY);
    check_eq(write(ends[1], bytes, 5), 5);
    check_outcome(take_one(KEY), 0, 5);
    check_outcome(finish(request_of(TPP_WRITEV, ends[1], parts, 2), KEY), 0, 5);
    check_eq(read(ends[0], found, 8), 5);
    full = fill(ends[1]);
    start_waiting(request_of(TPP_WRITE, ends[1], bytes, 5), KEY);
    drain(ends[0], full);
    check_outcome(take_one(KEY), 0, 5);
    check_eq(read(ends[0], found, 8), 5);
    check(memcmp(found, "hello", 5) == 0);
    close_ring();
    close(ends[0]), close(ends[1]);
}

/* It either waits, or says that it would have to: then nothing was begun. */
TAP_TEST(ring__a_pipe_that_does_not_block_loses_nothing)
{
    struct tpp_completion completion;
    char found[8] = "";
    int ends[2];
    open_or_skip();
    require(pipe2(ends, O_NONBLOCK) == 0);
    start(request_of(TPP_READ, ends[0], found, 8), KEY);
    if (take(&completion, 1) == 1) {
        check_outcome(completion.outcome, EAGAIN, 0);
        check_eq(write(ends[1], "hello", 5), 5);
        check_outcome(finish(request_of(TPP_READ, ends[0], found, 8), KEY), 0, 5);
    } else {
        check_eq(write(ends[1], "hello", 5), 5);
        check_outcome(take_one(KEY), 0, 5);
    }
    check(memcmp(found, "hello", 5) == 0);
    close_ring();
    close(ends[0]), close(ends[1]);
}

/* At once; later it is in the kernel's hands, which since 6.18 can be told. */
static void write_to_nobody(void)
{
    char bytes[] = "hello";
    struct iovec part = {bytes, 5};
    int ends[2];
    require(open_ring() && signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    require(pipe(ends) == 0 && close(ends[0]) == 0);
    check_outcome(finish(request_of(TPP_WRITE, ends[1], bytes, 5), KEY), EPIPE, 0);
    check_outcome(finish(request_of(TPP_WRITEV, ends[1], &part, 1), KEY), EPIPE, 0);
    check(!is_pending(SIGPIPE) && !is_blocked(SIGPIPE));
    block(SIGPIPE);
    check_outcome(finish(request_of(TPP_WRITE, ends[1], bytes, 5), KEY), EPIPE, 0);
    check(!is_pending(SIGPIPE) && is_blocked(SIGPIPE));
    close_ring();
}

/* What opening asks of a pipe, the kernel does not know here. */
static void write_to_nobody_without_flag(void)
{
    if (forbid_argument(SYS_pwritev2, 5, 0x100, EOPNOTSUPP))
        write_to_nobody();
}

TAP_TEST(ring__a_write_that_nobody_reads_raises_no_signal)
{
    open_or_skip();
    close_ring();
    run_in_child(write_to_nobody);
    run_in_child(write_to_nobody_without_flag);
}

static void write_to_nobody_any_more(void)
{
    char bytes[] = "hello";
    int ends[2];
    require(open_ring() && signal(SIGPIPE, SIG_DFL) != SIG_ERR && pipe(ends) == 0);
    (void)fill(ends[1]);
    start_waiting(request_of(TPP_WRITE, ends[1], bytes, 5), KEY);
    close(ends[0]);
    check_outcome(take_one(KEY), EPIPE, 0);
    check(!is_pending(SIGPIPE));
    close_ring();
}

static bool knows_nosignal(void)
{
    struct iovec byte = {(char[]){""}, 1};
    int ends[2];
    bool knows = pipe(ends) == 0 && pwritev2(ends[1], &byte, 1, -1, 0x100) == 1;
    close(ends[0]), close(ends[1]);
    return knows;
}

TAP_TEST(ring__a_write_that_is_never_read_raises_no_signal_either)
{
    open_or_skip();
    close_ring();
    if (!knows_nosignal())
        tap_skip("this kernel cannot be told");
    run_in_child(write_to_nobody_any_more);
}

/* ---- states, room, aborts -------------------------------------------------------------------- */

TAP_TEST(ring__tells_of_states)
{
    int event = eventfd(0, 0);
    eventfd_t value;
    struct tpp_request request = request_with(TPP_POLL, event, NULL, 0, POLLIN | TPP_POLL_ONCE);
    open_or_skip();
    start_waiting(request, KEY);
    check_eq(eventfd_write(event, 1), 0);
    check_outcome(take_one(KEY), 0, POLLIN);
    request.flags = POLLIN | POLLOUT;
    check_outcome(finish(request, KEY), 0, POLLIN | POLLOUT);
    check_eq(eventfd_read(event, &value), 0);
    check_eq(value, 1);
    close_ring();
    close(event);
}

TAP_TEST(ring__is_readable_while_there_is_something_to_take)
{
    struct tpp_completion completion;
    struct tpp_poller_event events[4];
    struct tpp_poller *poller;
    int event = eventfd(0, 0);
    struct tpp_request request = request_with(TPP_POLL, event, NULL, 0, POLLIN);
    open_or_skip();
    require(tpp_poller_open(&poller) == 0);
    check_eq(tpp_poller_add(poller, tpp_ring_descriptor(the_ring), POLLIN, 5), 0);
    start_waiting(request, KEY);
    start_waiting(request, KEY + 1);
    check_eq(tpp_poller_wait(poller, events, 4, 0), 0);
    check_eq(eventfd_write(event, 1), 0);
    check_eq(tpp_poller_wait(poller, events, 4, TPP_FOREVER), 1);
    check_eq(events[0].key, 5);
    while (take(&completion, 1) == 0)
        ;
    while (tpp_poller_wait(poller, events, 4, 0) == 0) /* for the other */
        ;
    while (take(&completion, 1) == 0)
        ;
    check_eq(tpp_poller_wait(poller, events, 4, 0), 0);
    tpp_poller_close(poller);
    close_ring();
    close(event);
}

/* Puts as many as there is room for, each with a key of its own. */
static uint32_t put_until_full(const struct tpp_request *request, uint64_t first_key)
{
    uint32_t count = 0;
    while (count < 1u << 20 && tpp_ring_put(the_ring, request, first_key + count))
        count++;
    return count;
}

TAP_TEST(ring__has_room_again_after_a_flush)
{
    struct tpp_completion completions[MANY];
    char byte;
    int file = file_of(1), round;
    struct tpp_request request = request_at(TPP_READ, file, &byte, 1, 0);
    uint32_t room, taken, now;
    open_or_skip();
    for (round = 0; round < 3; round++) {
        room = put_until_full(&request, 1);
        check(room >= MANY && room < 1u << 20);
        check(!tpp_ring_abort(the_ring, 1));
        flush();
        for (taken = 0; taken < room && ready(20 * SECOND); taken += now)
            now = take(completions, MANY);
        check_eq(taken, room);
    }
    close_ring();
    close(file);
}

/* Far more than fit into the memory that is shared with the kernel. */
TAP_TEST(ring__forgets_nothing_that_nobody_takes)
{
    static unsigned char seen[10000];
    struct tpp_completion completions[MANY];
    char byte;
    int file = file_of(1);
    struct tpp_request request = request_at(TPP_READ, file, &byte, 1, 0);
    uint32_t put_so_far = 0, taken = 0, now, i;
    open_or_skip();
    memset(seen, 0, sizeof seen);
    while (put_so_far < sizeof seen) {
        if (tpp_ring_put(the_ring, &request, put_so_far + 1))
            put_so_far++;
        else
            flush();
    }
    flush();
    while (taken < sizeof seen && ready(20 * SECOND)) {
        now = take(completions, MANY);
        for (i = 0; i < now; i++)
            seen[completions[i].key - 1]++;
        taken += now;
    }
    check_eq(taken, sizeof seen);
    for (i = 0; i < sizeof seen; i++)
        taken -= seen[i] == 1;
    check_eq(taken, 0);
    check_eq(take(completions, MANY), 0);
    close_ring();
    close(file);
}

static void take_where_calls_are_forbidden(void)
{
    struct tpp_completion completions[MANY];
    char byte;
    struct tpp_request request = request_at(TPP_READ, file_of(1), &byte, 1, 0);
    require(open_ring());
    start(request, KEY);
    check(ready(20 * SECOND));
    if (!forbid(SYS_io_uring_enter, EBADF)) /* which would end the process */
        return;
    check_eq(take(completions, MANY), 1);
    check_eq(take(completions, MANY), 0);
    flush();
}

TAP_TEST(ring__taking_asks_the_system_nothing)
{
    open_or_skip();
    close_ring();
    run_in_child(take_where_calls_are_forbidden);
}

static void flush_where_short(void)
{
    char byte;
    struct tpp_request request = request_at(TPP_READ, file_of(1), &byte, 1, 0);
    uint32_t room;
    require(open_ring());
    put(request, KEY);
    if (!forbid(SYS_io_uring_enter, EAGAIN))
        return;
    errno = 77;
    check(!tpp_ring_flush(the_ring));
    check_eq(errno, 77);
    room = put_until_full(&request, KEY + 1);
    check(room >= MANY - 1 && room < 1u << 20);
    check(!tpp_ring_flush(the_ring) && !tpp_ring_flush(the_ring));
    check_eq(put_until_full(&request, KEY), 0);
}

TAP_TEST(ring__a_flush_says_when_the_system_is_short)
{
    open_or_skip();
    close_ring();
    run_in_child(flush_where_short);
}

TAP_TEST(ring__aborts_what_waits)
{
    struct tpp_completion completions[MANY];
    char bytes[8];
    int ends[2], event = eventfd(0, 0);
    open_or_skip();
    socket_pair(SOCK_STREAM, ends);
    start_waiting(request_of(TPP_RECV, ends[0], bytes, 8), KEY);
    check(tpp_ring_abort(the_ring, KEY + 1)); /* no such request: nothing comes of it */
    flush();
    check_eq(take(completions, MANY), 0);
    check(tpp_ring_abort(the_ring, KEY));
    flush();
    check_outcome(take_one(KEY), ECANCELED, 0);
    start_waiting(request_with(TPP_POLL, event, NULL, 0, POLLIN), KEY);
    start_waiting(request_of(TPP_RECV, ends[0], bytes, 8), KEY + 1);
    check(tpp_ring_abort(the_ring, KEY + 1));
    check(tpp_ring_abort(the_ring, KEY + 1));
    flush();
    check_outcome(take_one(KEY + 1), ECANCELED, 0);
    check(tpp_ring_abort(the_ring, KEY));
    flush();
    check_outcome(take_one(KEY), ECANCELED, 0);
    check(tpp_ring_abort(the_ring, KEY)); /* too late */
    flush();
    check_eq(take(completions, MANY), 0);
    close_ring();
    close(ends[0]), close(ends[1]), close(event);
}

/* ---- threads and processes ------------------------------------------------------------------- */

struct flusher {
    struct tpp_request request;
    uint64_t key;
};

static void *flush_and_end(void *memory)
{
    const struct flusher *flusher = memory;
    put(flusher->request, flusher->key);
    flush();
    return NULL;
}

static void flush_on_a_thread(struct flusher flusher)
{
    pthread_t thread;
    require(pthread_create(&thread, NULL, flush_and_end, &flusher) == 0);
    check_eq(pthread_join(thread, NULL), 0);
}

/* What the thread that flushed it does not live to see ends with ECANCELED when its time has come:
 * on 6.18 it does not end before. Nothing has been received then, so it can be put again. */
TAP_TEST(ring__a_request_whose_thread_has_ended_loses_nothing)
{
    struct tpp_completion completions[MANY];
    struct tpp_outcome outcome;
    char found[8] = "";
    int ends[2];
    open_or_skip();
    socket_pair(SOCK_STREAM, ends);
    flush_on_a_thread((struct flusher){request_of(TPP_RECV, ends[0], found, 8), KEY});
    if (take(completions, MANY) == 0) {
        check_eq(send(ends[1], "hello", 5, 0), 5);
        outcome = take_one(KEY);
    } else {
        check_eq(send(ends[1], "hello", 5, 0), 5);
        outcome = completions[0].outcome;
    }
    printf("# it ended with %d (%s)\n", (int)outcome.error, strerror(outcome.error));
    if (outcome.error == ECANCELED)
        outcome = finish(request_of(TPP_RECV, ends[0], found, 8), KEY);
    check_outcome(outcome, 0, 5);
    check(memcmp(found, "hello", 5) == 0);
    close_ring();
    close(ends[0]), close(ends[1]);
}

TAP_TEST(ring__aborts_what_another_thread_has_flushed)
{
    char found[8];
    int ends[2];
    open_or_skip();
    socket_pair(SOCK_STREAM, ends);
    flush_on_a_thread((struct flusher){request_of(TPP_RECV, ends[0], found, 8), KEY});
    check(tpp_ring_abort(the_ring, KEY));
    flush();
    check_outcome(take_one(KEY), ECANCELED, 0);
    close_ring();
    close(ends[0]), close(ends[1]);
}

#define READS 20000u

/* Plain memory, written before its request is put and read after its outcome is taken. */
static struct {
    uint64_t number;
    char byte;
} records[READS];

static void *put_all(void *memory)
{
    int file = *(int *)memory;
    uint32_t i;
    for (i = 0; i < READS; i++) {
        struct tpp_request request = {.descriptor = file, .opcode = TPP_READ, .kind = TPP_DISK};
        records[i].number = i;
        request.buffer = &records[i].byte;
        request.length = 1;
        request.offset = i % 1000;
        while (!tpp_ring_put(the_ring, &request, (uint64_t)(uintptr_t)&records[i]))
            if (!tpp_ring_flush(the_ring))
                sched_yield();
        if (i % 7 == 0)
            (void)tpp_ring_flush(the_ring);
    }
    while (!tpp_ring_flush(the_ring))
        sched_yield();
    return NULL;
}

TAP_TEST(ring__one_puts_while_another_takes)
{
    struct tpp_completion completions[MANY];
    uint64_t sum = 0;
    uint32_t taken = 0, right = 0, now, i;
    int file = file_of(1000);
    pthread_t thread;
    open_or_skip();
    require(pthread_create(&thread, NULL, put_all, &file) == 0);
    while (taken < READS && ready(20 * SECOND)) {
        now = tpp_ring_take(the_ring, completions, MANY);
        for (i = 0; i < now; i++) {
            size_t at = completions[i].key - (uint64_t)(uintptr_t)records;
            size_t number = at / sizeof records[0];
            sum += records[number].number;
            right += completions[i].outcome.bytes == 1 &&
                     records[number].byte == (char)(number % 1000 % 251);
        }
        taken += now;
    }
    check_eq(pthread_join(thread, NULL), 0);
    check_eq(taken, READS);
    check_eq(right, READS);
    check_eq(sum, (uint64_t)READS * (READS - 1) / 2);
    close_ring();
    close(file);
}

/* Where the kernel's memory is mapped; the child of a fork has nothing there. */
static uint32_t shared_memory(char *starts[8])
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    uint32_t count = 0;
    while (maps != NULL && count < 8 && fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, "[io_uring]") != NULL)
            starts[count++] = (char *)(uintptr_t)strtoull(line, NULL, 16);
    }
    if (maps != NULL)
        (void)fclose(maps);
    return count;
}

static char *shared_starts[8];
static uint32_t shared_count;

/* The child puts something of its own where the ring was, and closes the ring. */
static void close_in_child(void)
{
    int before = count_open("io_uring");
    uint32_t i;
    for (i = 0; i < shared_count; i++)
        check(mmap(shared_starts[i], PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == shared_starts[i]);
    close_ring();
    for (i = 0; i < shared_count; i++)
        *shared_starts[i] = 1; /* is still there */
    check_eq(count_open("io_uring"), before - 1);
}

TAP_TEST(ring__a_forked_child_closes_it_and_the_parent_goes_on)
{
    char found[8] = "";
    int ends[2];
    open_or_skip();
    socket_pair(SOCK_STREAM, ends);
    shared_count = shared_memory(shared_starts);
    check(shared_count > 0);
    start_waiting(request_of(TPP_RECV, ends[0], found, 8), KEY);
    run_in_child(close_in_child);
    check_eq(send(ends[1], "hello", 5, 0), 5);
    check_outcome(take_one(KEY), 0, 5);
    close_ring();
    close(ends[0]), close(ends[1]);
}

/* ---- the environment ------------------------------------------------------------------------- */

static const char *wish_text;
static uint32_t wish_wanted;

/* It is read once: a later change is not seen. */
static void wish(void)
{
    if (wish_text != NULL)
        check_eq(setenv("TP_IO_BACKEND", wish_text, 1), 0);
    else
        check_eq(unsetenv("TP_IO_BACKEND"), 0);
    check_eq(tpp_ring_wish(), wish_wanted);
    check_eq(setenv("TP_IO_BACKEND", wish_wanted == 1 ? "uring" : "epoll", 1), 0);
    check_eq(tpp_ring_wish(), wish_wanted);
}

TAP_TEST(ring__wish_is_what_the_environment_says)
{
    static const struct {
        const char *text;
        uint32_t wanted;
    } cases[] = {{NULL, 0},    {"", 0},       {"auto", 0}, {"epoll", 1},  {"uring", 2},
                 {"Epoll", 0}, {"uring ", 0}, {"epol", 0}, {"uring2", 0}, {"2", 0}};
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wish_text = cases[i].text;
        wish_wanted = cases[i].wanted;
        run_in_child(wish);
    }
}

static tpp_u32 number_is_free;

static void *use_number_again(void *number)
{
    while (!tpp_load_relaxed(&number_is_free))
        continue;
    *(int *)number = dup(STDOUT_FILENO);
    return NULL;
}

/* Nothing orders the other thread behind the close: to ThreadSanitizer no race, if it saw that. */
TAP_TEST(ring__its_number_is_free_for_any_thread)
{
    struct tpp_poller *poller;
    pthread_t thread;
    int number, again = -1;
    open_or_skip();
    require(tpp_poller_open(&poller) == 0);
    tpp_init(&number_is_free, 0);
    check_eq(pthread_create(&thread, NULL, use_number_again, &again), 0);
    number = tpp_ring_descriptor(the_ring);
    check_eq(tpp_poller_add(poller, number, POLLIN, 1), 0);
    close_ring();
    tpp_store_relaxed(&number_is_free, 1);
    check_eq(pthread_join(thread, NULL), 0);
    check_eq(again, number);
    close(again);
    tpp_poller_close(poller);
}

int main(void)
{
    tap_run(ring__opens_and_closes_and_leaves_nothing);
    tap_run(ring__a_system_that_has_rings_has_one_for_us);
    tap_run(ring__says_why_it_cannot_be_opened);
    tap_run(ring__reads_a_file);
    tap_run(ring__writes_a_file);
    tap_run(ring__tells_of_errors);
    tap_run(ring__a_write_beyond_the_limit_raises_no_signal);
    tap_run(ring__receives_when_something_comes);
    tap_run(ring__sends_when_there_is_room);
    tap_run(ring__sending_to_nobody_raises_no_signal);
    tap_run(ring__accepts_who_comes);
    tap_run(ring__connects);
    tap_run(ring__a_connection_begun_elsewhere_is_to_be_waited_for);
    tap_run(ring__reads_and_writes_a_pipe);
    tap_run(ring__a_pipe_that_does_not_block_loses_nothing);
    tap_run(ring__a_write_that_nobody_reads_raises_no_signal);
    tap_run(ring__a_write_that_is_never_read_raises_no_signal_either);
    tap_run(ring__tells_of_states);
    tap_run(ring__is_readable_while_there_is_something_to_take);
    tap_run(ring__has_room_again_after_a_flush);
    tap_run(ring__forgets_nothing_that_nobody_takes);
    tap_run(ring__taking_asks_the_system_nothing);
    tap_run(ring__a_flush_says_when_the_system_is_short);
    tap_run(ring__aborts_what_waits);
    tap_run(ring__a_request_whose_thread_has_ended_loses_nothing);
    tap_run(ring__aborts_what_another_thread_has_flushed);
    tap_run(ring__one_puts_while_another_takes);
    tap_run(ring__a_forked_child_closes_it_and_the_parent_goes_on);
    tap_run(ring__its_number_is_free_for_any_thread);
    tap_run(ring__wish_is_what_the_environment_says);
    return tap_done();
}
