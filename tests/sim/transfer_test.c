/* transfer_test.c - in the simulator: what operations do to streams, sockets and regular files. */
#define _GNU_SOURCE 1 /* POLLRDHUP */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "tests/sim/schedules.h"

#define MILLISECOND INT64_C(1000000)

static unsigned char buffer[64];

static struct tpp_request request(int number, enum tpp_file_kind kind, enum tpp_opcode opcode,
                                  uint64_t length)
{
    return (struct tpp_request){.descriptor = number,
                                .opcode = (uint8_t)opcode,
                                .kind = (uint8_t)kind,
                                .buffer = buffer,
                                .length = length,
                                .offset = -1};
}

static struct tpp_outcome operate(int number, enum tpp_file_kind kind, enum tpp_opcode opcode,
                                  uint64_t length)
{
    struct tpp_request r = request(number, kind, opcode, length);
    return tpp_operate(&r, false);
}

static bool comes_to(struct tpp_outcome outcome, int error, uint64_t bytes)
{
    return outcome.error == error && outcome.bytes == bytes;
}

static bool holds(uint64_t position, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++)
        if (buffer[i] != tpps_byte(position + i))
            return false;
    return true;
}

/* ---- kinds ----------------------------------------------------------------------------------- */

static bool is_of(int number, enum tpp_file_kind wanted)
{
    enum tpp_file_kind kind = wanted == TPP_DISK ? TPP_STREAM : TPP_DISK;
    return tpp_file_kind(number, &kind) == 0 && kind == wanted;
}

static void kinds(void *arg)
{
    enum tpp_file_kind kind;
    int own;
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_descriptor_open(4, TPPS_REGULAR);
    tpps_descriptor_open(5, TPPS_SOCKET);
    tpps_descriptor_open(6, TPPS_PROCESS);
    tpps_check(is_of(3, TPP_STREAM) && is_of(4, TPP_DISK) && is_of(5, TPP_SOCKET));
    tpps_descriptor_open(8, TPPS_DIRECT);
    tpps_check(is_of(6, TPP_STREAM) && is_of(8, TPP_DIRECT));
    tpps_check(tpp_file_keep(5, &own) == 0 && is_of(own, TPP_SOCKET));
    tpp_file_drop(own);
    tpps_check(tpp_file_kind(7, &kind) == EBADF && tpp_file_kind(-1, &kind) == EBADF);
    tpps_check(comes_to(operate(7, TPP_STREAM, TPP_READ, 1), EBADF, 0));
    tpps_check(comes_to(operate(6, TPP_STREAM, TPP_READ, 1), EINVAL, 0));
    tpps_check(comes_to(operate(3, TPP_STREAM, TPP_RECV, 1), ENOTSOCK, 0));
    tpps_check(comes_to(operate(3, TPP_STREAM, TPP_ACCEPT, 0), ENOTSOCK, 0));
    tpps_check(comes_to(operate(4, TPP_DISK, TPP_CONNECT, 0), ENOTSOCK, 0));
    tpps_check(comes_to(operate(5, TPP_SOCKET, TPP_FSYNC, 0), EINVAL, 0));
    tpps_check(tpps_files_open() == 5 && tpps_files_kept() == 0);
}

static void calm_kinds(void *arg)
{
    tpps_calm_io(true);
    kinds(arg);
}

static void kind_fails(void *arg)
{
    enum tpp_file_kind kind;
    (void)arg;
    tpps_descriptor_open(3, TPPS_SOCKET);
    tpps_descriptor_open(4, TPPS_STREAM);
    tpps_check(is_of(3, TPP_SOCKET) && tpp_file_kind(4, &kind) == EMFILE && is_of(4, TPP_STREAM));
}

TAP_TEST(transfer__a_file_is_a_disk_a_socket_or_a_stream)
{
    passes_with((struct tpps_options){.fail_nth = 1}, kind_fails);
    passes(calm_kinds);
}

static void tells_states(void *arg)
{
    static const enum tpp_opcode in[] = {TPP_READ, TPP_READV, TPP_RECV, TPP_RECVMSG, TPP_ACCEPT};
    static const enum tpp_opcode out[] = {TPP_WRITE, TPP_WRITEV, TPP_SEND, TPP_SENDMSG,
                                          TPP_CONNECT};
    struct tpp_request r = request(3, TPP_SOCKET, TPP_POLL, 0);
    (void)arg;
    r.flags = POLLIN | POLLPRI;
    tpps_check(tpp_operation_states(&r) == (POLLIN | POLLPRI));
    for (uint32_t i = 0; i < 5; i++) {
        r.opcode = (uint8_t)in[i];
        tpps_check(tpp_operation_states(&r) == POLLIN);
        r.opcode = (uint8_t)out[i];
        tpps_check(tpp_operation_states(&r) == POLLOUT);
    }
}

TAP_TEST(transfer__each_waits_for_what_lets_it_go_on)
{
    passes_once(tells_states);
}

/* ---- streams --------------------------------------------------------------------------------- */

static void reads_a_stream(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_check(comes_to(operate(3, TPP_STREAM, TPP_READ, 9), EAGAIN, 0));
    tpps_check(comes_to(operate(3, TPP_STREAM, TPP_READ, 0), 0, 0));
    tpps_stream_feed(3, 10);
    tpps_check(tpps_descriptor_ready(3) & POLLIN);
    tpps_check(comes_to(operate(3, TPP_STREAM, TPP_READ, 4), 0, 4) && holds(0, 4));
    tpps_check(comes_to(operate(3, TPP_STREAM, TPP_READ, 64), 0, 6) && holds(4, 6));
    tpps_check(tpps_descriptor_ready(3) == 0 && tpps_bytes_read(3) == 10);
    tpps_check(comes_to(operate(3, TPP_STREAM, TPP_READ, 9), EAGAIN, 0));
    tpps_stream_feed(3, 1);
    tpps_stream_end(3);
    tpps_check((tpps_descriptor_ready(3) & (POLLIN | POLLRDHUP | POLLHUP)) == (POLLIN | POLLRDHUP));
    tpps_check(comes_to(operate(3, TPP_STREAM, TPP_READ, 9), 0, 1) && holds(10, 1));
    tpps_check(comes_to(operate(3, TPP_STREAM, TPP_READ, 9), 0, 0));
    tpps_check(comes_to(operate(3, TPP_STREAM, TPP_READ, 9), 0, 0));
    tpps_check(tpps_transfers_made(3) == 6 && tpps_transfers_made(-1) == 6);
}

TAP_TEST(transfer__a_stream_is_read_as_far_as_it_was_fed)
{
    passes(reads_a_stream);
}

static void writes_a_stream(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    tpps_descriptor_open(3, TPPS_SOCKET);
    tpps_check(comes_to(operate(3, TPP_SOCKET, TPP_WRITE, 9), EAGAIN, 0));
    tpps_stream_room(3, 10);
    tpps_check(tpps_descriptor_ready(3) & POLLOUT);
    tpps_check(comes_to(operate(3, TPP_SOCKET, TPP_WRITE, 4), 0, 4));
    tpps_check(comes_to(operate(3, TPP_SOCKET, TPP_SEND, 9), 0, 6));
    tpps_check(tpps_bytes_written(3) == 10 && tpps_descriptor_ready(3) == 0);
    tpps_stream_feed(3, 2);
    tpps_stream_hang_up(3);
    tpps_check(tpps_descriptor_ready(3) & POLLHUP);
    tpps_check(comes_to(operate(3, TPP_SOCKET, TPP_SEND, 9), EPIPE, 0));
    tpps_check(comes_to(operate(3, TPP_SOCKET, TPP_RECV, 9), 0, 2));
    tpps_check(comes_to(operate(3, TPP_SOCKET, TPP_RECV, 9), 0, 0));
}

TAP_TEST(transfer__a_stream_is_written_as_far_as_there_is_room)
{
    passes(writes_a_stream);
}

static void errors(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    tpps_descriptor_open(3, TPPS_SOCKET);
    tpps_descriptor_open(4, TPPS_REGULAR);
    tpps_stream_feed(3, 2);
    tpps_next_error(3, ECONNRESET);
    tpps_check(tpps_descriptor_ready(3) & POLLERR);
    tpps_check(comes_to(operate(3, TPP_SOCKET, TPP_RECV, 9), ECONNRESET, 0));
    tpps_check((tpps_descriptor_ready(3) & POLLERR) == 0);
    tpps_check(comes_to(operate(3, TPP_SOCKET, TPP_RECV, 9), 0, 2));
    tpps_disk_set(4, 10, true, MILLISECOND);
    tpps_next_error(4, EIO);
    tpps_check(comes_to(operate(4, TPP_DISK, TPP_READ, 9), EIO, 0));
    tpps_check(comes_to(operate(4, TPP_DISK, TPP_READ, 9), 0, 9));
}

TAP_TEST(transfer__an_error_comes_once)
{
    passes(errors);
}

enum { SHORT = 1, WHOLE = 2, IN_VAIN = 4 };

static void surprising_stream(void *arg)
{
    struct tpp_outcome outcome;
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_stream_feed(3, 10);
    outcome = operate(3, TPP_STREAM, TPP_READ, 10);
    tpps_check(outcome.error == 0 || outcome.error == EAGAIN);
    tpps_check(outcome.error == EAGAIN || outcome.bytes != 0);
    saw(outcome.error != 0 ? IN_VAIN : outcome.bytes < 10 ? SHORT : WHOLE);
}

static void disk_in_vain(void *arg)
{
    struct tpp_outcome outcome;
    (void)arg;
    tpps_descriptor_open(3, TPPS_REGULAR);
    tpps_disk_set(3, 10, true, MILLISECOND);
    outcome = operate(3, TPP_DISK, TPP_READ, 10);
    saw(outcome.error == EAGAIN ? IN_VAIN : outcome.bytes < 10 ? SHORT : WHOLE);
}

TAP_TEST(transfer__it_may_be_short_or_in_vain)
{
    passes_seeing(surprising_stream, SHORT | WHOLE | IN_VAIN);
    passes_seeing(disk_in_vain, SHORT | WHOLE | IN_VAIN);
}

/* ---- vectors and messages -------------------------------------------------------------------- */

static void vectors(void *arg)
{
    struct iovec parts[3] = {{buffer, 3}, {buffer + 3, 0}, {buffer + 3, 30}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3, .msg_flags = 7, .msg_namelen = 9};
    struct tpp_request r = request(3, TPP_SOCKET, TPP_READV, 3);
    (void)arg;
    tpps_calm_io(true);
    tpps_descriptor_open(3, TPPS_SOCKET);
    tpps_stream_feed(3, 20);
    tpps_stream_room(3, 40);
    r.buffer = parts;
    parts[2].iov_len = 6;
    tpps_check(comes_to(tpp_operate(&r, false), 0, 9) && holds(0, 9));
    parts[2].iov_len = 30;
    r.buffer = &message;
    r.opcode = TPP_RECVMSG;
    tpps_check(comes_to(tpp_operate(&r, false), 0, 11) && holds(9, 11));
    tpps_check(message.msg_flags == 0 && message.msg_namelen == 0);
    r.opcode = TPP_SENDMSG;
    tpps_check(comes_to(tpp_operate(&r, false), 0, 33));
    r.buffer = parts;
    r.opcode = TPP_WRITEV;
    tpps_check(comes_to(tpp_operate(&r, false), 0, 7) && tpps_bytes_written(3) == 40);
}

TAP_TEST(transfer__it_goes_through_vectors_and_messages)
{
    passes(vectors);
}

/* ---- connections ----------------------------------------------------------------------------- */

static struct tpp_outcome accept_with(void *address, uint32_t *length)
{
    struct tpp_request r = request(3, TPP_SOCKET, TPP_ACCEPT, 0);
    r.address = address;
    r.address_length = length;
    return tpp_operate(&r, false);
}

static void accepts(void *arg)
{
    struct sockaddr address = {0};
    uint32_t length = sizeof address;
    (void)arg;
    tpps_calm_io(true);
    tpps_descriptor_open(3, TPPS_SOCKET);
    tpps_check(comes_to(accept_with(NULL, NULL), EINVAL, 0));
    tpps_socket_offer(3, 0);
    tpps_check(comes_to(accept_with(NULL, NULL), EAGAIN, 0));
    tpps_socket_offer(3, 3);
    tpps_check(tpps_descriptor_ready(3) & POLLIN);
    tpps_check(comes_to(accept_with(NULL, NULL), 0, 4) && is_of(4, TPP_SOCKET));
    tpps_check(comes_to(accept_with(&address, &length), 0, 5));
    tpps_check(address.sa_family == AF_UNIX && length == sizeof address.sa_family);
    tpps_stream_feed(5, 3);
    tpps_check(comes_to(operate(5, TPP_SOCKET, TPP_READ, 9), 0, 3));
    tpp_file_close(4);
    tpps_check(tpps_files_closed() == 1 && tpps_files_open() == 2);
    tpps_check(comes_to(accept_with(NULL, NULL), 0, 4));
    tpps_check(tpps_descriptor_ready(3) == 0);
    tpps_descriptor_close(5); /* the application's own close */
    tpps_check(tpps_files_closed() == 1);
}

TAP_TEST(transfer__each_accept_brings_a_descriptor)
{
    passes(accepts);
}

static struct tpp_outcome connect_it(void)
{
    return operate(3, TPP_SOCKET, TPP_CONNECT, 0);
}

static void connects(void *arg)
{
    (void)arg;
    tpps_descriptor_open(3, TPPS_SOCKET);
    tpps_check(comes_to(connect_it(), EAGAIN, 0) && comes_to(connect_it(), EAGAIN, 0));
    tpps_check(tpps_descriptor_ready(3) == 0);
    tpps_socket_answer(3, ECONNREFUSED);
    tpps_check((tpps_descriptor_ready(3) & (POLLOUT | POLLERR)) == (POLLOUT | POLLERR));
    tpps_check(comes_to(connect_it(), ECONNREFUSED, 0) && tpps_descriptor_ready(3) == 0);
    tpps_socket_answer(3, 0);
    tpps_check(tpps_descriptor_ready(3) & POLLOUT);
    tpps_check(comes_to(connect_it(), 0, 0) && tpps_descriptor_ready(3) == 0);
    tpps_check(comes_to(connect_it(), EISCONN, 0));
}

TAP_TEST(transfer__a_connect_is_begun_once_and_told_of_once)
{
    passes(connects);
}

static void misfits(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    tpps_descriptor_open(3, TPPS_SOCKET);
    tpps_socket_offer(3, 1);
    tpps_check(comes_to(operate(3, TPP_SOCKET, TPP_READ, 9), ENOTCONN, 0));
    tpps_check(comes_to(operate(3, TPP_SOCKET, TPP_WRITE, 9), EAGAIN, 0));
    tpps_socket_answer(3, 0);
    tpps_check(comes_to(operate(3, TPP_SOCKET, TPP_WRITE, 9), ENOTCONN, 0));
}

TAP_TEST(transfer__who_is_told_ready_again_and_again_does_not_fit)
{
    passes(misfits);
}

/* ---- regular files --------------------------------------------------------------------------- */

static struct tpp_outcome disk(int number, enum tpp_opcode opcode, int64_t offset, uint64_t length,
                               bool may_wait)
{
    struct tpp_request r = request(number, TPP_DISK, opcode, length);
    r.offset = offset;
    return tpp_operate(&r, may_wait);
}

static void uses_a_device(void *arg)
{
    int64_t start = tpps_now();
    (void)arg;
    tpps_calm_io(true);
    tpps_descriptor_open(3, TPPS_REGULAR);
    tpps_disk_set(3, 20, false, MILLISECOND);
    tpps_check(comes_to(disk(3, TPP_READ, 0, 9, false), EAGAIN, 0) && tpps_now() == start);
    tpps_check(comes_to(disk(3, TPP_READ, 15, 9, true), 0, 5) && holds(15, 5));
    tpps_check(tpps_now() == start + MILLISECOND);
    tpps_disk_set(3, 20, true, MILLISECOND);
    tpps_check(comes_to(disk(3, TPP_READ, 20, 9, false), 0, 0));
    tpps_check(comes_to(disk(3, TPP_READ, -1, 9, false), 0, 9) && holds(0, 9));
    tpps_check(comes_to(disk(3, TPP_READ, -1, 9, false), 0, 9) && holds(9, 9));
    tpps_check(comes_to(disk(3, TPP_WRITE, -1, 9, false), 0, 9)); /* from 18 to 27 */
    tpps_check(comes_to(disk(3, TPP_READ, 20, 64, true), 0, 7) && tpps_bytes_written(3) == 9);
    tpps_check(tpps_now() == start + MILLISECOND);
    tpps_check(comes_to(disk(3, TPP_FSYNC, -1, 0, false), EAGAIN, 0));
    tpps_check(comes_to(disk(3, TPP_FDATASYNC, -1, 0, true), 0, 0));
    tpps_check(tpps_now() == start + 2 * MILLISECOND);
}

static void direct(void *arg)
{
    int64_t start = tpps_now();
    struct tpp_request r = request(3, TPP_DIRECT, TPP_READ, 9);
    (void)arg;
    tpps_calm_io(true);
    tpps_descriptor_open(3, TPPS_DIRECT);
    tpps_disk_set(3, 20, true, MILLISECOND);
    tpps_check(comes_to(tpp_operate(&r, false), EAGAIN, 0));
    tpps_check(comes_to(tpp_operate(&r, true), 0, 9) && holds(0, 9));
    tpps_check(tpps_now() == start + MILLISECOND);
}

static void device_takes_its_time(void *arg)
{
    int64_t start = tpps_now(), took;
    (void)arg;
    tpps_descriptor_open(3, TPPS_REGULAR);
    tpps_check(comes_to(disk(3, TPP_FSYNC, -1, 0, true), 0, 0));
    took = tpps_now() - start;
    tpps_check(took % MILLISECOND == 0);
    saw(1u << took / MILLISECOND);
}

TAP_TEST(transfer__a_device_is_waited_for_only_if_that_is_allowed)
{
    passes_once(uses_a_device);
    passes_once(direct);
    passes_seeing(device_takes_its_time, 1u << 1 | 1u << 2 | 1u << 3);
}

static void reads_slowly(void *arg)
{
    (void)arg;
    tpps_check(comes_to(disk(3, TPP_FSYNC, -1, 0, true), 0, 0));
}

/* The file stays while the device works on it. */
static void closed_meanwhile(void *arg)
{
    tpps_thread thread;
    (void)arg;
    tpps_calm_io(true);
    tpps_descriptor_open(3, TPPS_REGULAR);
    thread = tpps_spawn(reads_slowly, NULL);
    tpps_sleep(MILLISECOND / 2);
    tpps_descriptor_close(3);
    tpps_check(tpps_files_open() == 1);
    tpps_join(thread);
    tpps_check(tpps_files_open() == 0);
}

TAP_TEST(transfer__a_file_that_is_closed_meanwhile_stays_until_it_is_over)
{
    passes_once(closed_meanwhile);
}

/* ---- polls and pollers ----------------------------------------------------------------------- */

static struct tpp_outcome poll_it(int number, enum tpp_file_kind kind, uint32_t events)
{
    struct tpp_request r = request(number, kind, TPP_POLL, 0);
    r.flags = events;
    return tpp_operate(&r, false);
}

static void polls(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_descriptor_open(4, TPPS_REGULAR);
    tpps_check(comes_to(poll_it(3, TPP_STREAM, POLLIN), EAGAIN, 0));
    tpps_stream_feed(3, 1);
    tpps_check(comes_to(poll_it(3, TPP_STREAM, POLLOUT), EAGAIN, 0));
    tpps_check(comes_to(poll_it(3, TPP_STREAM, POLLIN | POLLOUT), 0, POLLIN));
    tpps_stream_hang_up(3);
    tpps_check(comes_to(poll_it(3, TPP_STREAM, 0), 0, POLLHUP));
    tpps_check(comes_to(poll_it(4, TPP_DISK, POLLOUT | POLLPRI), 0, POLLOUT));
    tpps_check(comes_to(poll_it(4, TPP_DISK, POLLPRI), EAGAIN, 0));
    tpps_check(comes_to(disk(4, TPP_POLL, -1, 0, true), EPERM, 0)); /* never */
    tpps_descriptor_open(5, TPPS_STREAM);
    tpps_descriptor_set_ready(5, POLLPRI);
    tpps_check(comes_to(poll_it(5, TPP_STREAM, POLLPRI), 0, POLLPRI));
    tpps_check(tpps_transfers_made(-1) == 0);
}

TAP_TEST(transfer__a_poll_tells_the_states)
{
    passes(polls);
}

static void feeds(void *arg)
{
    (void)arg;
    tpps_stream_feed(3, 5);
}

static void wakes_a_poller(void *arg)
{
    struct tpp_poller *poller;
    struct tpp_poller_event event;
    tpps_thread thread;
    (void)arg;
    tpps_calm_io(true);
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_check(tpp_poller_open(&poller) == 0 && tpp_poller_add(poller, 3, POLLIN, 7) == 0);
    thread = tpps_spawn(feeds, NULL);
    while (tpp_poller_wait(poller, &event, 1, TPP_FOREVER) == 0)
        ;
    tpps_check(event.key == 7 && event.events == POLLIN);
    tpps_check(comes_to(operate(3, TPP_STREAM, TPP_READ, 9), 0, 5));
    tpps_check(tpp_poller_wait(poller, &event, 1, 0) == 0); /* level: it is empty now */
    tpps_join(thread);
    tpp_poller_close(poller);
}

TAP_TEST(transfer__pollers_hear_of_what_can_be_transferred)
{
    passes(wakes_a_poller);
}

/* ---- what fails the run ---------------------------------------------------------------------- */

static void other_kind(void *arg)
{
    (void)arg;
    tpps_descriptor_open(3, TPPS_SOCKET);
    operate(3, TPP_STREAM, TPP_READ, 1);
}

static void other_opcode(void *arg)
{
    (void)arg;
    tpps_descriptor_open(3, TPPS_SOCKET);
    operate(3, TPP_SOCKET, TPP_OPCODE_COUNT, 1);
}

static int dropped(void)
{
    int own;
    tpps_descriptor_open(3, TPPS_STREAM);
    tpps_check(tpp_file_keep(3, &own) == 0);
    tpp_file_drop(own);
    return own;
}

static void uses_dropped(void *arg)
{
    (void)arg;
    operate(dropped(), TPP_STREAM, TPP_READ, 1);
}

static void asks_dropped(void *arg)
{
    enum tpp_file_kind kind;
    (void)arg;
    tpp_file_kind(dropped(), &kind);
}

static void closes_the_applications(void *arg)
{
    (void)arg;
    tpps_descriptor_open(3, TPPS_SOCKET);
    tpp_file_close(3);
}

static void closes_accepted_twice(void *arg)
{
    (void)arg;
    tpps_calm_io(true);
    tpps_descriptor_open(3, TPPS_SOCKET);
    tpps_socket_offer(3, 1);
    tpps_check(comes_to(accept_with(NULL, NULL), 0, 4));
    tpp_file_close(4);
    tpp_file_close(4);
}

static void feeds_a_disk(void *arg)
{
    (void)arg;
    tpps_descriptor_open(3, TPPS_REGULAR);
    tpps_stream_feed(3, 1);
}

static void nine_vectors(void *arg)
{
    struct iovec parts[9] = {{buffer, 1}};
    struct tpp_request r = request(3, TPP_STREAM, TPP_READV, 9);
    (void)arg;
    tpps_descriptor_open(3, TPPS_STREAM);
    r.buffer = parts;
    tpp_operate(&r, false);
}

TAP_TEST(transfer__misuse_fails_the_run)
{
    fails(other_kind, "request for descriptor 3 says that its kind is 3, not 2");
    fails(other_opcode, "a request with opcode 14");
    fails(uses_dropped, "operation of descriptor 1000000, which the library has given back");
    fails(asks_dropped, "asking for the kind of descriptor 1000000, which");
    fails(closes_the_applications, "close of descriptor 3, which no ACCEPT has brought");
    fails(closes_accepted_twice, "close of descriptor 4, which no ACCEPT has brought");
    fails(feeds_a_disk, "feeding of descriptor 3, which is of another kind");
    fails(nine_vectors, "more than 8 vectors");
}

int main(void)
{
    tap_run(transfer__a_file_is_a_disk_a_socket_or_a_stream);
    tap_run(transfer__each_waits_for_what_lets_it_go_on);
    tap_run(transfer__a_stream_is_read_as_far_as_it_was_fed);
    tap_run(transfer__a_stream_is_written_as_far_as_there_is_room);
    tap_run(transfer__an_error_comes_once);
    tap_run(transfer__it_may_be_short_or_in_vain);
    tap_run(transfer__it_goes_through_vectors_and_messages);
    tap_run(transfer__each_accept_brings_a_descriptor);
    tap_run(transfer__a_connect_is_begun_once_and_told_of_once);
    tap_run(transfer__who_is_told_ready_again_and_again_does_not_fit);
    tap_run(transfer__a_device_is_waited_for_only_if_that_is_allowed);
    tap_run(transfer__a_file_that_is_closed_meanwhile_stays_until_it_is_over);
    tap_run(transfer__a_poll_tells_the_states);
    tap_run(transfer__pollers_hear_of_what_can_be_transferred);
    tap_run(transfer__misuse_fails_the_run);
    return tap_done();
}
