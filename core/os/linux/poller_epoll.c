/* poller_epoll.c - waiting for descriptors with epoll, to the nanosecond.
 *
 * Three things end a sleep: a descriptor, a kick, the deadline. All three are events of one epoll:
 * a kick is written to an eventfd, and the deadline is a timerfd. (The timeouts of the kernel's own
 * waits may be late by the slack of the thread and by a thousandth of their length.) The last two
 * are registered edge-triggered: nobody has to read them, and what is old never wakes anybody.
 *
 * A look takes events out as a sleep does, and may so take the kick or the expiry that should end
 * the sleep of another thread. One word keeps count of that, see below: a look that took something
 * away gives it back as a kick. */
#define _GNU_SOURCE
#include "core/os/os.h"
#include "core/os/linux/poller.h"
#include "core/os/linux/quiet.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000
#define BATCH 64
#define POLL_BITS 0xffffu /* the rest of epoll's mask are flags, not the caller's business */

/* The two keys that cannot be used. Real keys carry a generation below them. */
#define KICK_KEY UINT64_MAX
#define TIMER_KEY (UINT64_MAX - 1)

/* What `state` holds:
 *   SLEEPING  a thread is in a sleep, or about to be: a kick has to be written.
 *   KICKED    a kick has come, and no sleep has ended for it yet.
 *   EXPIRED   a look has taken the expiry of the timer away from whoever will sleep next.
 * All its changes are swaps, so they have one order: whoever enters a sleep sees what came before,
 * and what comes after sees SLEEPING and writes. Leaving a sleep clears all three. */
#define SLEEPING 1u
#define KICKED 2u
#define EXPIRED 4u

#define UNKNOWN 0 /* in `timer_due`: no deadline and not off either, so the timer is set anew */

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLPRI == POLLPRI, "same masks");
_Static_assert(EPOLLERR == POLLERR && EPOLLHUP == POLLHUP && EPOLLRDHUP == POLLRDHUP, "same masks");

struct tpp_poller {
    /* set at creation */
    int epoll;
    int kick; /* eventfd */
    /* of the thread that sleeps */
    int timer;         /* timerfd; -1: none yet */
    int64_t timer_due; /* what it is set to; TPP_FOREVER: it is off */
    /* atomic */
    tpp_u32 state;     /* see above */
    tpp_u32 no_pwait2; /* the kernel does not have epoll_pwait2 */
};

static _Noreturn void closed(void)
{
    tpp_abort("BUG IN CLIENT OF TP: a descriptor that belongs to tp was closed (poller)");
}

/* ---- opening, closing, descriptors ---------------------------------------------------------- */

static int control(const struct tpp_poller *poller, int operation, int descriptor, uint32_t events,
                   uint64_t key)
{
    struct epoll_event event = {.events = events, .data.u64 = key};
    int saved = errno;
    int result = epoll_ctl(poller->epoll, operation, descriptor, &event) == 0 ? 0 : errno;

    errno = saved;
    return result;
}

/* The counter of the eventfd only grows (see poke for the day it is full). */
static int open_descriptors(struct tpp_poller *poller)
{
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (poller->epoll < 0)
        return errno;
    poller->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (poller->kick < 0)
        return errno;
    return control(poller, EPOLL_CTL_ADD, poller->kick, (uint32_t)EPOLLIN | (uint32_t)EPOLLET,
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
    poller->timer = -1;
    poller->timer_due = TPP_FOREVER;
    tpp_init(&poller->state, 0);
    tpp_init(&poller->no_pwait2, 0);
    result = open_descriptors(poller);
    if (result == 0)
        *poller_out = poller;
    else
        tpp_poller_close(poller);
    errno = saved;
    return result;
}

/* A forked child may hold a copy of the epoll, which would outlive it here in the alarm's: so it is
 * taken out by hand. */
void tpp_poller_close(struct tpp_poller *poller)
{
    struct tpl_quiet quiet = tpl_quiet_begin();

    if (poller->epoll >= 0)
        tpp_alarm_unwatch(poller);
    if (poller->timer >= 0)
        (void)close(poller->timer);
    if (poller->kick >= 0)
        (void)close(poller->kick);
    if (poller->epoll >= 0)
        (void)close(poller->epoll);
    tpp_free(poller, sizeof *poller);
    tpl_quiet_end(quiet);
}

int tpl_poller_descriptor(const struct tpp_poller *poller)
{
    return poller->epoll;
}

static uint32_t mask_of(uint32_t events)
{
    return (events & POLL_BITS) | ((events & TPP_POLL_ONCE) != 0 ? (uint32_t)EPOLLONESHOT : 0);
}

int tpp_poller_add(struct tpp_poller *poller, int descriptor, uint32_t events, uint64_t key)
{
    if (key >= TIMER_KEY)
        return EINVAL;
    return control(poller, EPOLL_CTL_ADD, descriptor, mask_of(events), key);
}

int tpp_poller_modify(struct tpp_poller *poller, int descriptor, uint32_t events, uint64_t key)
{
    if (key >= TIMER_KEY)
        return EINVAL;
    return control(poller, EPOLL_CTL_MOD, descriptor, mask_of(events), key);
}

int tpp_poller_remove(struct tpp_poller *poller, int descriptor)
{
    return control(poller, EPOLL_CTL_DEL, descriptor, 0, 0);
}

/* ---- asking the kernel ---------------------------------------------------------------------- */

/* In whole milliseconds, rounded up: late by less than one, never early. What an int cannot hold is
 * cut short, and waited for in turns. */
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

/* Kernels before 5.11 lack the call, and container filters older than it answer EPERM. */
static int wait_ns(struct tpp_poller *poller, struct epoll_event *events, int capacity,
                   int64_t left_ns)
{
    struct kernel_timespec left = {left_ns / NS_PER_S, left_ns % NS_PER_S};
    long count;

    /* relaxed: a fact about the kernel; who misses it asks the kernel once more. */
    if (left_ns == 0 || left_ns == TPP_FOREVER || tpp_load_relaxed(&poller->no_pwait2) != 0)
        return wait_ms(poller, events, capacity, left_ns);
    count = syscall(SYS_epoll_pwait2, poller->epoll, events, capacity, &left, NULL, (size_t)0);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM))
        return (int)count;
    /* relaxed: as above. */
    tpp_store_relaxed(&poller->no_pwait2, 1);
    return wait_ms(poller, events, capacity, left_ns);
}

/* What one wait in the kernel brought. */
struct found {
    uint32_t events; /* so many of the caller's */
    bool kick;
    bool expiry;
};

static struct found sort(const struct epoll_event *batch, int count,
                         struct tpp_poller_event *events)
{
    struct found found = {0, false, false};
    int i;

    for (i = 0; i < count; i++) {
        uint64_t key = batch[i].data.u64;

        if (key < TIMER_KEY)
            events[found.events++] = (struct tpp_poller_event){key, batch[i].events};
        found.kick = found.kick || key == KICK_KEY;
        found.expiry = found.expiry || key == TIMER_KEY;
    }
    return found;
}

/* A signal cuts it short: then nothing was found. */
static struct found ask(struct tpp_poller *poller, struct tpp_poller_event *events,
                        uint32_t capacity, int64_t left_ns)
{
    struct epoll_event batch[BATCH];
    int count = wait_ns(poller, batch, capacity < BATCH ? (int)capacity : BATCH, left_ns);

    if (count < 0 && errno != EINTR)
        closed();
    return sort(batch, count, events);
}

/* ---- the kick ------------------------------------------------------------------------------- */

/* The counter of an eventfd is full after 2^64 - 2 writes that nobody read; it is then emptied and
 * written again, and whatever was written in between has been an event already. */
static void poke(const struct tpp_poller *poller)
{
    static const uint64_t one = 1;
    struct tpl_quiet quiet = tpl_quiet_begin();
    uint64_t ignored;

    while (write(poller->kick, &one, sizeof one) < 0) {
        if (errno == EAGAIN)
            (void)!read(poller->kick, &ignored, sizeof ignored);
        else if (errno != EINTR)
            closed();
    }
    tpl_quiet_end(quiet);
}

void tpp_poller_kick(struct tpp_poller *poller)
{
    /* [LX5] swap: what was done before the kick is seen by the sleeper it ends. Pairs with the
     * swaps in sleep_until. */
    if ((tpp_or_acq_rel(&poller->state, KICKED) & SLEEPING) != 0)
        poke(poller);
}

/* ---- a look --------------------------------------------------------------------------------- */

/* The one order of the word decides: either the sleeper was there, and is kicked, or it comes later
 * and finds the bit. If nobody sleeps nothing is written, so a look leaves nothing to be found by
 * the next. */
static void give_back(struct tpp_poller *poller, const struct found *found)
{
    /* [LX5] acquire, swap: as in tpp_poller_kick. More than it takes: the kick that follows goes on
     * with the release of the one that was taken away. */
    uint32_t state =
        found->expiry ? tpp_or_acq_rel(&poller->state, EXPIRED) : tpp_load_acquire(&poller->state);

    if ((state & SLEEPING) != 0 && (found->expiry || (state & KICKED) != 0))
        tpp_poller_kick(poller);
}

static uint32_t look(struct tpp_poller *poller, struct tpp_poller_event *events, uint32_t capacity)
{
    struct found found = ask(poller, events, capacity, 0);

    if (found.kick || found.expiry)
        give_back(poller, &found);
    return found.events;
}

/* ---- a sleep -------------------------------------------------------------------------------- */

static bool timer_open(struct tpp_poller *poller)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

    if (timer < 0)
        return false;
    if (control(poller, EPOLL_CTL_ADD, timer, (uint32_t)EPOLLIN | (uint32_t)EPOLLET, TIMER_KEY) !=
        0) {
        (void)close(timer);
        return false;
    }
    poller->timer = timer;
    return true;
}

/* Setting takes back an expiry that nobody has found yet. All zero turns it off. */
static void timer_set(struct tpp_poller *poller, int64_t due_ns)
{
    int64_t due = due_ns == TPP_FOREVER ? 0 : due_ns;
    struct itimerspec when = {.it_value = {due / NS_PER_S, due % NS_PER_S}};

    if (timerfd_settime(poller->timer, TFD_TIMER_ABSTIME, &when, NULL) != 0)
        closed();
    poller->timer_due = due_ns;
}

static int64_t time_left(int64_t deadline_ns)
{
    int64_t now = tpp_now(TPP_CLOCK_MONOTONIC);

    return deadline_ns > now ? deadline_ns - now : 0;
}

/* How long the kernel may wait: for ever where the timer keeps the time. Where no descriptor is to
 * be had for it the kernel has to, as well as it can. */
static int64_t arm(struct tpp_poller *poller, int64_t deadline_ns)
{
    if (poller->timer_due == deadline_ns)
        return TPP_FOREVER;
    if (poller->timer < 0 && !timer_open(poller))
        return time_left(deadline_ns);
    timer_set(poller, deadline_ns);
    return TPP_FOREVER;
}

/* A turn that brings nothing was cut short by a signal, or was for a kick that an earlier sleep has
 * answered, or was all that milliseconds in an int can hold. */
static uint32_t sleep_until(struct tpp_poller *poller, struct tpp_poller_event *events,
                            uint32_t capacity, int64_t deadline_ns)
{
    /* [LX5] swap: from here on a kick is written. One order with tpp_poller_kick is all it takes,
     * and any swap has it: the one below acquires what was done before any kick, and there is
     * nothing to release. */
    uint32_t state = tpp_or_acq_rel(&poller->state, SLEEPING);
    struct found found;
    int64_t left;

    if ((state & EXPIRED) != 0)
        poller->timer_due = UNKNOWN;
    do {
        left = (state & KICKED) == 0 ? arm(poller, deadline_ns) : 0;
        found = ask(poller, events, capacity, left);
        if (found.expiry)
            poller->timer_due = TPP_FOREVER;
        /* relaxed: the swap below orders it. */
        state = tpp_load_relaxed(&poller->state);
    } while (found.events == 0 && !found.expiry && left > 0 && (state & KICKED) == 0);
    /* [LX5] swap: sees what was done before the kicks it takes. Pairs with tpp_poller_kick. */
    if ((tpp_exchange_acq_rel(&poller->state, 0) & EXPIRED) != 0)
        poller->timer_due = UNKNOWN;
    return found.events;
}

uint32_t tpp_poller_wait(struct tpp_poller *poller, struct tpp_poller_event *events,
                         uint32_t capacity, int64_t deadline_ns)
{
    struct tpl_quiet quiet = tpl_quiet_begin();
    uint32_t count;

    if (deadline_ns == TPP_FOREVER || (deadline_ns > 0 && time_left(deadline_ns) > 0))
        count = sleep_until(poller, events, capacity, deadline_ns);
    else
        count = look(poller, events, capacity);
    tpl_quiet_end(quiet);
    return count;
}
