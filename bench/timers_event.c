/* timers_event.c - libevent's timers: as it comes, with its precise clock, and with its locks. */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"
#include "bench/timers.h"

static struct event_base *base;
static struct event *timers;
static void (*fired)(unsigned index);

/* libev brings functions of the same names along, which must not be taken for libevent's. */
static void check_library(void)
{
    must(strncmp(event_get_version(), "libev-", 6) != 0);
}

static void open_base(void)
{
    check_library();
    base = event_base_new();
    must(base);
}

static void open_precise_base(void)
{
    struct event_config *config = event_config_new();
    check_library();
    must(config && event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0);
    base = event_base_new_with_config(config);
    must(base);
    event_config_free(config);
}

static void open_locked_base(void)
{
    must(evthread_use_pthreads() == 0);
    open_base();
}

static void expire(int descriptor, short events, void *context)
{
    (void)descriptor;
    (void)events;
    fired((unsigned)(uintptr_t)context);
}

static void create(unsigned count, void (*when_fired)(unsigned index))
{
    fired = when_fired;
    timers = malloc(count * sizeof *timers);
    must(timers);
    for (unsigned i = 0; i < count; i++)
        must(evtimer_assign(&timers[i], base, expire, (void *)(uintptr_t)i) == 0);
}

static struct timeval span(int64_t ns)
{
    int64_t us = ns > 0 ? (ns + 999) / 1000 : 0;
    return (struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000};
}

static inline void arm_event(unsigned index, int64_t delay_ns)
{
    struct timeval delay = span(delay_ns);
    must(evtimer_add(&timers[index], &delay) == 0);
}

static inline void rearm_event(unsigned index, int64_t delay_ns)
{
    arm_event(index, delay_ns);
}

static inline void cancel_event(unsigned index)
{
    must(evtimer_del(&timers[index]) == 0);
}

TIMERS_LOOPS(event);

static void arm_at(unsigned index, int64_t due_ns)
{
    arm_event(index, due_ns - now_ns());
}

/* Its first expiry comes after one period, whenever it was to be. */
static void repeat(unsigned index, int64_t due_ns, int64_t period_ns)
{
    (void)due_ns;
    must(event_assign(&timers[index], base, -1, EV_PERSIST, expire, (void *)(uintptr_t)index) == 0);
    arm_event(index, period_ns);
}

static void run(void)
{
    must(event_base_dispatch(base) >= 0);
}

static void stop(void)
{
    must(evtimer_del(&timers[0]) == 0);
}

const struct timers_side event_timers = {
    .name = "event",
    .about = "libevent, evtimer_add, with its default clock",
    .open = open_base,
    .create = create,
    .loops = &loops_event,
    .arm_at = arm_at,
    .repeat = repeat,
    .masses = true,
    .run = run,
    .stop = stop,
};

const struct timers_side event_precise_timers = {
    .name = "event-precise",
    .about = "the same with EVENT_BASE_FLAG_PRECISE_TIMER",
    .open = open_precise_base,
    .create = create,
    .loops = &loops_event,
    .arm_at = arm_at,
    .repeat = repeat,
    .masses = true,
    .run = run,
    .stop = stop,
};

const struct timers_side event_locked_timers = {
    .name = "event-mt",
    .about = "libevent after evthread_use_pthreads",
    .open = open_locked_base,
    .create = create,
    .loops = &loops_event,
    .concurrent = true,
};
