/* wire.h - a descriptor that a test makes readable, of the kernel or of the simulator. */
#ifndef TESTS_CONFORMANCE_WIRE_H
#define TESTS_CONFORMANCE_WIRE_H

#include <poll.h>

#include "tests/support/stage.h"

#ifdef TPP_SIM
#include "core/os/sim/sim.h"

/* `nth` tells apart those that are open at once. */
static inline int wire_open(int nth)
{
    return tpps_descriptor_open(100 + nth, TPPS_STREAM);
}

static inline void wire_raise(int fd)
{
    tpps_descriptor_set_ready(fd, POLLIN);
}

static inline void wire_clear(int fd)
{
    tpps_descriptor_set_ready(fd, 0);
}

static inline void wire_close(int fd)
{
    tpps_descriptor_close(fd);
}
#else
#include <sys/eventfd.h>
#include <unistd.h>

static inline int wire_open(int nth)
{
    (void)nth;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    stage_expect(fd >= 0);
    return fd;
}

static inline void wire_raise(int fd)
{
    uint64_t one = 1;
    stage_expect_eq(write(fd, &one, sizeof one), sizeof one);
}

static inline void wire_clear(int fd)
{
    uint64_t count;
    stage_expect_eq(read(fd, &count, sizeof count), sizeof count);
}

static inline void wire_close(int fd)
{
    stage_expect_eq(close(fd), 0);
}
#endif

static inline tp_waitable_t wire_source(int fd)
{
    return tp_waitable_fd(fd, POLLIN);
}

#endif
