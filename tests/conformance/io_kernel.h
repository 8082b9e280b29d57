/* io_kernel.h - descriptors of the kernel for the tests of I/O: files, pipes, sockets. */
#ifndef TESTS_CONFORMANCE_IO_KERNEL_H
#define TESTS_CONFORMANCE_IO_KERNEL_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/conformance/io_scene.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static inline void shut(int fd)
{
    stage_expect_eq(close(fd), 0);
}

/* ---- making them ----------------------------------------------------------------------------- */

/* flags: O_NONBLOCK or 0. */
static inline void open_pipe(int ends[2], int flags)
{
    stage_expect_eq(pipe2(ends, O_CLOEXEC | flags), 0);
}

/* type: SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET, with SOCK_NONBLOCK or without. */
static inline void open_pair(int ends[2], int type)
{
    stage_expect_eq(socketpair(AF_UNIX, SOCK_CLOEXEC | type, 0, ends), 0);
}

static inline struct sockaddr_in loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static inline int open_inet(int type)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    stage_expect(fd >= 0);
    return fd;
}

/* Bound to a free port of the loopback, which `address` receives. */
static inline int bound_inet(int type, struct sockaddr_in *address)
{
    socklen_t length = sizeof *address;
    int fd = open_inet(type);
    *address = loopback();
    stage_expect_eq(bind(fd, (struct sockaddr *)address, length), 0);
    stage_expect_eq(getsockname(fd, (struct sockaddr *)address, &length), 0);
    return fd;
}

static inline int listen_inet(struct sockaddr_in *address, int backlog, int flags)
{
    int fd = bound_inet(SOCK_STREAM | flags, address);
    stage_expect_eq(listen(fd, backlog), 0);
    return fd;
}

/* Two ends of a TCP connection over the loopback. */
static inline void open_tcp(int ends[2], int flags)
{
    struct sockaddr_in address;
    int one = 1, listener = listen_inet(&address, 1, 0);
    ends[0] = open_inet(SOCK_STREAM);
    stage_expect_eq(connect(ends[0], (struct sockaddr *)&address, sizeof address), 0);
    ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | flags);
    stage_expect(ends[1] >= 0);
    stage_expect_eq(setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
    stage_expect_eq(setsockopt(ends[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
    if (flags & SOCK_NONBLOCK)
        stage_expect_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    shut(listener);
}

static inline int open_counter(uint32_t initial, int flags)
{
    int fd = eventfd(initial, EFD_CLOEXEC | flags);
    stage_expect(fd >= 0);
    return fd;
}

/* A file that has no name any more. */
static inline int open_file(void)
{
    char name[] = "/var/tmp/tp-io-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);
    stage_expect(fd >= 0);
    stage_expect_eq(unlink(name), 0);
    return fd;
}

static inline uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 31 + offset / 256 * 7 + 3);
}

static inline void fill_bytes(uint8_t *bytes, uint64_t length, uint64_t offset)
{
    for (uint64_t i = 0; i < length; i++)
        bytes[i] = byte_at(offset + i);
}

static inline bool bytes_are(const uint8_t *bytes, uint64_t length, uint64_t offset)
{
    for (uint64_t i = 0; i < length; i++)
        if (bytes[i] != byte_at(offset + i))
            return false;
    return true;
}

/* A file that has byte_at(i) at i. */
static inline int open_filled(uint64_t length)
{
    uint8_t *bytes = malloc(length);
    int fd = open_file();
    if (!bytes)
        abort();
    fill_bytes(bytes, length, 0);
    stage_expect_eq(pwrite(fd, bytes, length, 0), (ssize_t)length);
    free(bytes);
    return fd;
}

/* ---- the other end --------------------------------------------------------------------------- */

static inline void put(int fd, const char *text)
{
    ssize_t length = (ssize_t)strlen(text);
    stage_expect_eq(write(fd, text, (size_t)length), length);
}

/* So many bytes come, in however many pieces; a while is enough for them. */
static inline bool got(int fd, const char *text)
{
    char bytes[256];
    size_t length = strlen(text), have = 0;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (have < length && poll(&ready, 1, 20000) == 1) {
        ssize_t some = read(fd, bytes + have, length - have);
        if (some <= 0)
            return false;
        have += (size_t)some;
    }
    return have == length && memcmp(bytes, text, length) == 0;
}

/* Nothing is there to be read. */
static inline bool is_dry(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, 0) == 0;
}

static inline bool hung_up(int fd, int timeout_ms)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, timeout_ms) == 1 && (ready.revents & (POLLHUP | POLLERR)) != 0;
}

static inline void set_blocking(int fd, bool blocking)
{
    int flags = fcntl(fd, F_GETFL);
    flags = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    stage_expect_eq(fcntl(fd, F_SETFL, flags), 0);
}

/* Until nothing more goes in; whether it blocks stays as it is. */
static inline uint64_t cram(int fd)
{
    static uint8_t bytes[4096];
    bool blocking = !(fcntl(fd, F_GETFL) & O_NONBLOCK);
    uint64_t total = 0;
    ssize_t some;
    set_blocking(fd, false);
    for (size_t size = sizeof bytes; size > 0; size /= 16)
        while ((some = write(fd, bytes, size)) > 0)
            total += (uint64_t)some;
    set_blocking(fd, blocking);
    return total;
}

/* All there is to be read now. */
static inline uint64_t soak(int fd)
{
    uint8_t bytes[4096];
    bool blocking = !(fcntl(fd, F_GETFL) & O_NONBLOCK);
    uint64_t total = 0;
    ssize_t some;
    set_blocking(fd, false);
    while ((some = read(fd, bytes, sizeof bytes)) > 0)
        total += (uint64_t)some;
    set_blocking(fd, blocking);
    return total;
}

/* Just so many bytes, which are there. */
static inline void drink(int fd, uint64_t count)
{
    uint8_t bytes[4096];
    while (count > 0) {
        ssize_t some = read(fd, bytes, count < sizeof bytes ? (size_t)count : sizeof bytes);
        stage_require(some > 0);
        count -= (uint64_t)some;
    }
}

static inline uint32_t open_descriptors(void)
{
    uint32_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* ---- until ----------------------------------------------------------------------------------- */

struct in_flight {
    tp_pool_t *pool;
    uint64_t count;
};

static inline bool in_flight_is(void *context)
{
    struct in_flight *wanted = context;
    return stage_stats(wanted->pool).io_in_flight == wanted->count;
}

/* What was forgotten is over when nothing is out any more. */
static inline void await_in_flight(tp_pool_t *pool, uint64_t count)
{
    struct in_flight wanted = {pool, count};
    stage_expect(stage_eventually(in_flight_is, &wanted));
}

static inline void abort_io(tp_io_t *io, void *key)
{
    stage_expect_eq(tp_io_abort(io, key), TP_OK);
}

#define REAL(name) STAGE_CASE_X(name, .real_only = true)

#endif
