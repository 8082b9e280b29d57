/* request.h - what the tests of operations have in common: requests, files, connected ends. */
#ifndef TESTS_CORE_OS_REQUEST_H
#define TESTS_CORE_OS_REQUEST_H

#include "core/os/os.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "tests/support/tap.h"

#define PAGE 4096

TAP_UNUSED_ static enum tpp_file_kind kind_of(int descriptor)
{
    enum tpp_file_kind kind = TPP_STREAM;
    errno = 77;
    check_eq(tpp_file_kind(descriptor, &kind), 0);
    check_eq(errno, 77);
    return kind;
}

/* Of the descriptor's own kind, and at the position of a file. */
TAP_UNUSED_ static struct tpp_request request_of(enum tpp_opcode opcode, int descriptor,
                                                 void *buffer, size_t length)
{
    struct tpp_request request = {.descriptor = descriptor, .offset = -1, .buffer = buffer};
    request.opcode = (uint8_t)opcode;
    request.kind = (uint8_t)kind_of(descriptor);
    request.length = length;
    return request;
}

TAP_UNUSED_ static struct tpp_request request_at(enum tpp_opcode opcode, int descriptor,
                                                 void *buffer, size_t length, int64_t offset)
{
    struct tpp_request request = request_of(opcode, descriptor, buffer, length);
    request.offset = offset;
    return request;
}

TAP_UNUSED_ static struct tpp_request request_with(enum tpp_opcode opcode, int descriptor,
                                                   void *buffer, size_t length, uint32_t flags)
{
    struct tpp_request request = request_of(opcode, descriptor, buffer, length);
    request.flags = flags;
    return request;
}

TAP_UNUSED_ static struct tpp_request request_to(enum tpp_opcode opcode, int descriptor,
                                                 void *address, uint32_t *length)
{
    struct tpp_request request = request_of(opcode, descriptor, NULL, 0);
    request.address = address;
    request.address_length = length;
    return request;
}

/* ---- files -------------------------------------------------------------------------------- */

/* A file without a name that holds `length` bytes, each the low part of its place; -1: none. */
TAP_UNUSED_ static int file_of(size_t length)
{
    char name[] = "/tmp/tp-test-XXXXXX";
    int descriptor = mkstemp(name);
    size_t i;
    char *bytes = malloc(length + 1);
    if (descriptor < 0 || bytes == NULL || unlink(name) != 0)
        return -1;
    for (i = 0; i < length; i++)
        bytes[i] = (char)(i % 251);
    if (write(descriptor, bytes, length) != (ssize_t)length || lseek(descriptor, 0, SEEK_SET) != 0)
        return -1;
    free(bytes);
    return descriptor;
}

/* Whether these are the bytes that file_of has put there. */
TAP_UNUSED_ static bool bytes_from(const char *bytes, size_t length, size_t place)
{
    size_t i;
    for (i = 0; i < length; i++)
        if (bytes[i] != (char)((place + i) % 251))
            return false;
    return true;
}

/* ---- connected ends ------------------------------------------------------------------------ */

/* Fills a pipe or a socket to the brim; it blocks afterwards. Returns how much it holds. */
TAP_UNUSED_ static size_t fill(int descriptor)
{
    static char bytes[PAGE];
    size_t sum = 0;
    ssize_t length;
    check_eq(fcntl(descriptor, F_SETFL, O_NONBLOCK), 0);
    while ((length = write(descriptor, bytes, sizeof bytes)) > 0)
        sum += (size_t)length;
    check_eq(errno, EAGAIN);
    check_eq(fcntl(descriptor, F_SETFL, 0), 0);
    return sum;
}

TAP_UNUSED_ static bool blocks(int descriptor)
{
    return (fcntl(descriptor, F_GETFL) & O_NONBLOCK) == 0;
}

/* A TCP socket of this machine that listens, and its address. */
TAP_UNUSED_ static int listener(struct sockaddr_in *address)
{
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t length = sizeof *address;
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(descriptor >= 0);
    check_eq(bind(descriptor, (struct sockaddr *)address, sizeof *address), 0);
    check_eq(listen(descriptor, 8), 0);
    check_eq(getsockname(descriptor, (struct sockaddr *)address, &length), 0);
    return descriptor;
}

/* ---- signals ------------------------------------------------------------------------------- */

TAP_UNUSED_ static bool is_pending(int signal_number)
{
    sigset_t pending;
    check_eq(sigpending(&pending), 0);
    return sigismember(&pending, signal_number) == 1;
}

TAP_UNUSED_ static bool is_blocked(int signal_number)
{
    sigset_t mask;
    check_eq(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    return sigismember(&mask, signal_number) == 1;
}

TAP_UNUSED_ static void block(int signal_number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    check_eq(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
}

/* This process and its children may not make a file longer than that. */
TAP_UNUSED_ static void limit_files(rlim_t length)
{
    struct rlimit limit = {length, length};
    check_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
