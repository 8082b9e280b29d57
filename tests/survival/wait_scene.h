/* wait_scene.h - what the tests of waits share: making, arming and ending them, limits. */
#ifndef TESTS_SURVIVAL_WAIT_SCENE_H
#define TESTS_SURVIVAL_WAIT_SCENE_H

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "tests/survival/scene.h"

#define HOUR (3600 * 1000 * MS)

static tpp_u32 runs, signals, timeouts, others; /* callbacks: all of them, and by result */

TAP_UNUSED_ static void begin_count(void)
{
    tpp_store_release(&runs, 0);
    tpp_store_release(&signals, 0);
    tpp_store_release(&timeouts, 0);
    tpp_store_release(&others, 0);
}

TAP_UNUSED_ static void count_run(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                                  tp_wait_result_t result)
{
    (void)instance;
    (void)context;
    (void)wait;
    tpp_add_acq_rel(result == TP_WAIT_SIGNALED  ? &signals
                    : result == TP_WAIT_TIMEOUT ? &timeouts
                                                : &others,
                    1);
    tpp_add_acq_rel(&runs, 1);
}

TAP_UNUSED_ static tp_wait_t *scene_wait(struct scene *scene, tp_wait_fn function, void *context)
{
    tp_wait_t *wait = NULL;
    check_eq(tp_wait_create(function, context, scene->env, &wait), TP_OK);
    return wait;
}

TAP_UNUSED_ static tp_status_t try_arm(tp_wait_t *wait, tp_waitable_t source, int64_t timeout,
                                       bool *was_armed)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = source;
    spec.timeout = timeout;
    return tp_wait_set(wait, &spec, was_armed);
}

TAP_UNUSED_ static void arm(tp_wait_t *wait, tp_waitable_t source, int64_t timeout)
{
    check_eq(try_arm(wait, source, timeout, NULL), TP_OK);
}

TAP_UNUSED_ static void arm_on(tp_wait_t *wait, int fd)
{
    arm(wait, tp_waitable_fd(fd, POLLIN), TP_INFINITE);
}

TAP_UNUSED_ static void finish(tp_wait_t *wait)
{
    check_eq(tp_wait_set(wait, NULL, NULL), TP_OK);
    check_eq(tp_wait_wait(wait, false, TP_INFINITE), TP_OK);
    check_eq(tp_wait_close(wait), TP_OK);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

TAP_UNUSED_ static int new_eventfd(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    check(fd >= 0);
    return fd;
}

TAP_UNUSED_ static void ring(int fd)
{
    check_eq(eventfd_write(fd, 1), 0);
}

/* What was written to it since it was read last. */
TAP_UNUSED_ static uint64_t taken_from(int fd)
{
    eventfd_t value = 0;
    return eventfd_read(fd, &value) == 0 ? value : 0;
}

/* A pidfd; the kernel closes it when a program is executed. */
TAP_UNUSED_ static int open_process(pid_t id)
{
    int fd = (int)syscall(SYS_pidfd_open, id, 0);
    check(fd >= 0);
    return fd;
}

TAP_UNUSED_ static uint32_t descriptors_now(void)
{
    return entries("/proc/self/fd");
}

/* As many as the system lets this process have, up to so many; returns how many. */
TAP_UNUSED_ static uint32_t raise_descriptors(uint32_t wanted)
{
    struct rlimit limit, higher = {wanted, wanted};
    check_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max >= wanted) {
        limit.rlim_cur = wanted;
        check_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    } else if (setrlimit(RLIMIT_NOFILE, &higher) != 0) {
        limit.rlim_cur = limit.rlim_max;
        check_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    check_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    return (uint32_t)limit.rlim_cur;
}

#endif
