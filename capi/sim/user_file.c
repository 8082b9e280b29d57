/* user_file.c - calls about descriptors: a number that names a simulated file means that one. */
#define _GNU_SOURCE 1    /* pread64 */
#undef _FILE_OFFSET_BITS /* both of the names that a function may have are wanted */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "capi/sim/user.h"
#include "core/os/sim/transfer.h"

/* The simulated file that a number names on this thread, TPPS_NO_FILE if it is a real one. */
static uint32_t simulated(int number)
{
    if (tpi_user_here() == NULL || tpps_sim_.hook)
        return TPPS_NO_FILE;
    return tpps_file_of_(number);
}

static ssize_t fail(int error)
{
    errno = error;
    return -1;
}

/* Waits as long as the descriptor is one that does. */
static ssize_t operate(uint32_t file, struct tpp_request request, bool waits)
{
    struct tpp_outcome outcome;
    enum tpp_file_kind kind;
    uint32_t states;
    if (tpp_file_kind(request.descriptor, &kind) != 0)
        return fail(EBADF);
    request.kind = (uint8_t)kind;
    for (;;) {
        outcome = tpp_operate(&request, true);
        if (outcome.error != EAGAIN || !waits || tpps_traffic_[file].nonblocking)
            break;
        if (tpp_file_wait(request.descriptor, tpp_operation_states(&request), TPP_FOREVER,
                          &states) != 0)
            return fail(EBADF);
    }
    return outcome.error != 0 ? fail(outcome.error) : (ssize_t)outcome.bytes;
}

static ssize_t transfer(uint32_t file, int number, enum tpp_opcode opcode, const void *buffer,
                        size_t size, int64_t offset, bool waits)
{
    const struct tpp_request request = {.descriptor = number,
                                        .opcode = (uint8_t)opcode,
                                        .buffer = (void *)(uintptr_t)buffer,
                                        .length = size,
                                        .offset = offset};
    return operate(file, request, waits);
}

/* ---- reading and writing --------------------------------------------------------------------- */

TPI_STANDS_IN ssize_t read(int number, void *buffer, size_t size)
{
    uint32_t file = simulated(number);
    if (file == TPPS_NO_FILE)
        return TPI_REAL(read)(number, buffer, size);
    return transfer(file, number, TPP_READ, buffer, size, -1, true);
}

TPI_STANDS_IN ssize_t write(int number, const void *buffer, size_t size)
{
    uint32_t file = simulated(number);
    if (file == TPPS_NO_FILE)
        return TPI_REAL(write)(number, buffer, size);
    return transfer(file, number, TPP_WRITE, buffer, size, -1, true);
}

TPI_STANDS_IN ssize_t readv(int number, const struct iovec *parts, int count)
{
    uint32_t file = simulated(number);
    if (file == TPPS_NO_FILE)
        return TPI_REAL(readv)(number, parts, count);
    return transfer(file, number, TPP_READV, parts, (size_t)count, -1, true);
}

TPI_STANDS_IN ssize_t writev(int number, const struct iovec *parts, int count)
{
    uint32_t file = simulated(number);
    if (file == TPPS_NO_FILE)
        return TPI_REAL(writev)(number, parts, count);
    return transfer(file, number, TPP_WRITEV, parts, (size_t)count, -1, true);
}

TPI_STANDS_IN ssize_t pread(int number, void *buffer, size_t size, off_t offset)
{
    uint32_t file = simulated(number);
    if (file == TPPS_NO_FILE)
        return TPI_REAL(pread)(number, buffer, size, offset);
    return transfer(file, number, TPP_READ, buffer, size, offset, true);
}

TPI_STANDS_IN ssize_t pwrite(int number, const void *buffer, size_t size, off_t offset)
{
    uint32_t file = simulated(number);
    if (file == TPPS_NO_FILE)
        return TPI_REAL(pwrite)(number, buffer, size, offset);
    return transfer(file, number, TPP_WRITE, buffer, size, offset, true);
}

TPI_STANDS_IN ssize_t pread64(int number, void *buffer, size_t size, off64_t offset)
{
    return pread(number, buffer, size, offset);
}

TPI_STANDS_IN ssize_t pwrite64(int number, const void *buffer, size_t size, off64_t offset)
{
    return pwrite(number, buffer, size, offset);
}

TPI_STANDS_IN ssize_t recv(int number, void *buffer, size_t size, int flags)
{
    uint32_t file = simulated(number);
    if (file == TPPS_NO_FILE)
        return TPI_REAL(recv)(number, buffer, size, flags);
    return transfer(file, number, TPP_RECV, buffer, size, -1, (flags & MSG_DONTWAIT) == 0);
}

TPI_STANDS_IN ssize_t send(int number, const void *buffer, size_t size, int flags)
{
    uint32_t file = simulated(number);
    if (file == TPPS_NO_FILE)
        return TPI_REAL(send)(number, buffer, size, flags);
    return transfer(file, number, TPP_SEND, buffer, size, -1, (flags & MSG_DONTWAIT) == 0);
}

/* ---- the descriptor itself ------------------------------------------------------------------- */

TPI_STANDS_IN int close(int number)
{
    if (simulated(number) == TPPS_NO_FILE)
        return TPI_REAL(close)(number);
    tpps_descriptor_close(number);
    return 0;
}

static int status_flags(uint32_t file, int number, int command, int flags)
{
    if (command == F_GETFL)
        return O_RDWR | (tpps_traffic_[file].nonblocking ? O_NONBLOCK : 0);
    if (command == F_SETFL)
        tpps_stream_nonblocking(number, (flags & O_NONBLOCK) != 0);
    return 0; /* nothing that a run could see comes of the others */
}

static int control(int number, int command, void *argument)
{
    uint32_t file = simulated(number);
    if (file == TPPS_NO_FILE)
        return TPI_REAL(fcntl)(number, command, argument);
    return status_flags(file, number, command, (int)(intptr_t)argument);
}

TPI_STANDS_IN int fcntl(int number, int command, ...)
{
    void *argument;
    va_list list;
    va_start(list, command);
    argument = va_arg(list, void *);
    va_end(list);
    return control(number, command, argument);
}

TPI_STANDS_IN int fcntl64(int number, int command, ...)
{
    void *argument;
    va_list list;
    va_start(list, command);
    argument = va_arg(list, void *);
    va_end(list);
    return control(number, command, argument);
}

/* ---- poll ------------------------------------------------------------------------------------ */

/* How many of them are ready, -1 if some are real and some are not. */
static int look(struct pollfd *list, nfds_t count)
{
    int ready = 0;
    for (nfds_t i = 0; i < count; i++) {
        uint32_t file = list[i].fd >= 0 ? tpps_file_of_(list[i].fd) : TPPS_NO_FILE, states;
        list[i].revents = 0;
        if (list[i].fd < 0)
            continue;
        if (file == TPPS_NO_FILE)
            return -1;
        states = tpps_file_ready_(file) & ((uint16_t)list[i].events | POLLERR | POLLHUP);
        list[i].revents = (short)states;
        ready += states != 0;
    }
    return ready;
}

/* The state of several is looked at again and again, a little later each time. */
static int poll_simulated(struct pollfd *list, nfds_t count, int64_t deadline)
{
    int64_t pause = 1000;
    int ready;
    tpps_point_(TPPS_OP_USER_LOAD, NULL, "poll");
    while ((ready = look(list, count)) == 0 && tpps_sim_.clock < deadline) {
        int64_t next = tpps_add_time_(tpps_sim_.clock, pause);
        uint32_t states;
        if (count == 1 && list[0].fd >= 0)
            (void)tpp_file_wait(list[0].fd, (uint16_t)list[0].events, deadline, &states);
        else
            tpps_park_(TPPS_SLEEP, NULL, count == 0 || next > deadline ? deadline : next);
        pause = pause < 1000000000 ? pause * 2 : pause;
    }
    return ready;
}

TPI_STANDS_IN int poll(struct pollfd *list, nfds_t count, int timeout)
{
    int64_t deadline = TPP_FOREVER;
    if (tpi_user_here() == NULL || tpps_sim_.hook || look(list, count) < 0)
        return TPI_REAL(poll)(list, count, timeout);
    if (timeout >= 0)
        deadline = tpps_add_time_(tpps_sim_.clock, timeout * INT64_C(1000000));
    return poll_simulated(list, count, deadline);
}
