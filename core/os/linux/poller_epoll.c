/* poller_epoll.c - waiting for descriptors with epoll, to the nanosecond. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000
#define BATCH 64
#define POLL_BITS 0xffffu /* the rest of epoll's mask are flags, not the caller's business */

/* The one key that cannot be used: it marks the kick. Real keys carry a generation below it. */
#define KICK_KEY UINT64_MAX

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLPRI == POLLPRI, "same masks");
_Static_assert(EPOLLERR == POLLERR && EPOLLHUP == POLLHUP && EPOLLRDHUP == POLLRDHUP, "same masks");

struct tpp_poller {
    int epoll;         /* set at creation */
    int kick;          /* eventfd, set at creation */
    tpp_u32 no_pwait2; /* atomic: the kernel does not have epoll_pwait2 */
};

static int watch(struct tpp_poller *poller, int operation, int descriptor, uint32_t events,
                 uint64_t key)
{
    struct epoll_event event = {.events = events, .data.u64 = key};
    int saved = errno;
    int result = epoll_ctl(poller->epoll, operation, descriptor, &event) == 0 ? 0 : errno;

    errno = saved;
    return result;
}

/* The eventfd is registered edge-triggered: every write is a new event, so it need not be read
 * after each kick; its counter only grows (see tpp_poller_kick for the day it is full). */
static int open_descriptors(struct tpp_poller *poller)
{
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (poller->epoll < 0)
        return errno;
    poller->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (poller->kick < 0)
        return errno;
    return watch(poller, EPOLL_CTL_ADD, poller->kick, (uint32_t)EPOLLIN | (uint32_t)EPOLLET,
                 KICK_KEY);
}

int tpp_poller_open(struct tpp_poller **poller_out)
{
    int saved = errno;
    struct tpp_poller *poller = tpp_alloc(sizeof *poller, _Alignof(struct tpp_poller));
    int result;

    *poller_out = NULL;
    if (poller == NULL)
        return ENOMEM;
    poller->epoll = -1;
    poller->kick = -1;
    tpp_init(&poller->no_pwait2, 0);
    result = open_descriptors(poller);
    if (result == 0)
        *poller_out = poller;
    else
        tpp_poller_close(poller);
    errno = saved;
    return result;
}

void tpp_poller_close(struct tpp_poller *poller)
{
    int saved = errno;

    if (poller->kick >= 0)
        (void)close(poller->kick);
    if (poller->epoll >= 0)
        (void)close(poller->epoll);
    tpp_free(poller, sizeof *poller);
    errno = saved;
}

int tpp_poller_add(struct tpp_poller *poller, int descriptor, uint32_t events, uint64_t key)
{
    if (key == KICK_KEY)
        return EINVAL;
    return watch(poller, EPOLL_CTL_ADD, descriptor, (events & POLL_BITS) | EPOLLONESHOT, key);
}

int tpp_poller_modify(struct tpp_poller *poller, int descriptor, uint32_t events, uint64_t key)
{
    if (key == KICK_KEY)
        return EINVAL;
    return watch(poller, EPOLL_CTL_MOD, descriptor, (events & POLL_BITS) | EPOLLONESHOT, key);
}

int tpp_poller_remove(struct tpp_poller *poller, int descriptor)
{
    return watch(poller, EPOLL_CTL_DEL, descriptor, 0, 0);
}

/* Kernels before 5.11 lack the call, and container filters older than it answer EPERM. They wait
 * in whole milliseconds instead, rounded up: late by less than one, never early. */
static int wait_ms(struct tpp_poller *poller, struct epoll_event *events, int capacity,
                   int64_t left_ns)
{
    int64_t ms = left_ns == TPP_FOREVER ? -1 : left_ns / NS_PER_MS + (left_ns % NS_PER_MS != 0);

    return epoll_wait(poller->epoll, events, capacity, ms < INT_MAX ? (int)ms : INT_MAX);
}

/* The kernel's own layout of a timespec: 64 bits each on every architecture. */
struct kernel_timespec {
    int64_t seconds;
    int64_t nanoseconds;
};

static int wait_ns(struct tpp_poller *poller, struct epoll_event *events, int capacity,
                   int64_t left_ns)
{
    struct kernel_timespec left = {left_ns / NS_PER_S, left_ns % NS_PER_S};
    long count;

    /* relaxed: a fact about the kernel; who misses it asks the kernel once more. */
    if (tpp_load_relaxed(&poller->no_pwait2) != 0)
        return wait_ms(poller, events, capacity, left_ns);
    count = syscall(SYS_epoll_pwait2, poller->epoll, events, capacity,
                    left_ns == TPP_FOREVER ? NULL : &left, NULL, (size_t)0);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM))
        return (int)count;
    /* relaxed: as above. */
    tpp_store_relaxed(&poller->no_pwait2, 1);
    return wait_ms(poller, events, capacity, left_ns);
}

static int64_t time_left(int64_t deadline_ns)
{
    int64_t now;

    if (deadline_ns == TPP_FOREVER)
        return TPP_FOREVER;
    now = tpp_now(TPP_CLOCK_MONOTONIC);
    return deadline_ns > now ? deadline_ns - now : 0;
}

static uint32_t take_events(const struct epoll_event *from, int count,
                            struct tpp_poller_event *events)
{
    uint32_t taken = 0;
    int i;

    for (i = 0; i < count; i++) {
        if (from[i].data.u64 == KICK_KEY)
            continue;
        events[taken].key = from[i].data.u64;
        events[taken].events = from[i].events;
        taken++;
    }
    return taken;
}

uint32_t tpp_poller_wait(struct tpp_poller *poller, struct tpp_poller_event *events,
                         uint32_t capacity, int64_t deadline_ns)
{
    struct epoll_event batch[BATCH];
    int most = capacity < BATCH ? (int)capacity : BATCH;
    int saved = errno;
    int64_t left;
    int count;

    /* Ends at the deadline at the latest: a turn that brought nothing was cut short by a signal, or
     * by the longest time that milliseconds in an int can hold. */
    do {
        left = time_left(deadline_ns);
        count = wait_ns(poller, batch, most, left);
        if (count < 0 && errno != EINTR)
            tpp_abort("BUG IN CLIENT OF TP: a descriptor that belongs to tp was closed (epoll)");
    } while (count <= 0 && left > 0 && time_left(deadline_ns) > 0);
    errno = saved;
    return take_events(batch, count, events);
}

/* The counter of an eventfd is full after 2^64 - 2 kicks that nobody read; it is then emptied and
 * written again, and whatever was written in between has been an event already. */
void tpp_poller_kick(struct tpp_poller *poller)
{
    static const uint64_t one = 1;
    int saved = errno;
    uint64_t ignored;

    while (write(poller->kick, &one, sizeof one) < 0) {
        if (errno == EAGAIN)
            (void)!read(poller->kick, &ignored, sizeof ignored);
        else if (errno != EINTR)
            tpp_abort("BUG IN CLIENT OF TP: a descriptor that belongs to tp was closed (eventfd)");
    }
    errno = saved;
}
