/* waits_event.c - libevent's waits: event_add for descriptors, event_active without. */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"
#include "bench/waits.h"

static struct event_base *base;
static struct event *events;
static waits_fired_fn *fired;

/* libev brings functions of the same names along, which must not be taken for libevent's. */
static void open_base(void)
{
    must(strncmp(event_get_version(), "libev-", 6) != 0);
    base = event_base_new();
    must(base);
}

static void open_locked_base(void)
{
    must(evthread_use_pthreads() == 0);
    open_base();
}

static void turn(void)
{
    must(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) >= 0);
}

static void make(unsigned count, waits_fired_fn *when_fired)
{
    fired = when_fired;
    events = malloc(count * sizeof *events);
    must(events);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void see(int descriptor, short what, void *context)
{
    (void)descriptor;
    must(what == EV_READ);
    (void)fired((unsigned)(uintptr_t)context, false);
}

static void see_again(int descriptor, short what, void *context)
{
    unsigned index = (unsigned)(uintptr_t)context;
    (void)descriptor;
    if (fired(index, what == EV_TIMEOUT))
        must(event_add(&events[index], NULL) == 0);
}

static void create(const int *descriptors, unsigned count, waits_fired_fn *when_fired)
{
    make(count, when_fired);
    for (unsigned i = 0; i < count; i++)
        must(event_assign(&events[i], base, descriptors[i], EV_READ | EV_PERSIST, see,
                          (void *)(uintptr_t)i) == 0);
}

static void create_again(const int *descriptors, unsigned count, waits_fired_fn *when_fired)
{
    make(count, when_fired);
    for (unsigned i = 0; i < count; i++)
        must(event_assign(&events[i], base, descriptors[i], EV_READ, see_again,
                          (void *)(uintptr_t)i) == 0);
}

static void arm(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        must(event_add(&events[i], NULL) == 0);
}

static void arm_for(const int64_t *timeouts_ns, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int64_t us = (timeouts_ns[i] + 999) / 1000;
        struct timeval span = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};
        must(event_add(&events[i], &span) == 0);
    }
}

static void disarm(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        must(event_del(&events[i]) == 0);
}

static void close_events(unsigned count)
{
    disarm(count);
    free(events);
}

/* ---- no descriptors -------------------------------------------------------------------------- */

static void receive(int descriptor, short what, void *context)
{
    (void)descriptor;
    (void)what;
    (void)fired((unsigned)(uintptr_t)context, false);
}

static void create_active(unsigned count, waits_fired_fn *when_fired)
{
    make(count, when_fired);
    for (unsigned i = 0; i < count; i++)
        must(event_assign(&events[i], base, -1, 0, receive, (void *)(uintptr_t)i) == 0);
}

static void signal_active(unsigned index)
{
    event_active(&events[index], EV_READ, 1);
}

static const struct waits_descriptors level = {create, arm, NULL, disarm, close_events};
static const struct waits_descriptors again = {create_again, arm, arm_for, disarm, close_events};
static const struct waits_native native = {
    .create = create_active,
    .signal = signal_active,
    .close = close_events,
};

const struct waits_side event_waits = {
    .name = "event",
    .about = "libevent: event_add with EV_PERSIST",
    .open = open_base,
    .descriptors = &level,
    .turn = turn,
};

const struct waits_side event_again_waits = {
    .name = "event-again",
    .about = "the same without EV_PERSIST, added again in the callback",
    .open = open_base,
    .descriptors = &again,
    .turn = turn,
};

const struct waits_side event_locked_waits = {
    .name = "event-mt",
    .about = "event after evthread_use_pthreads; native: event_active",
    .open = open_locked_base,
    .descriptors = &level,
    .native = &native,
    .turn = turn,
};
