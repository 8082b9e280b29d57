/* timers_ev.c - libev's timers. */
#include <ev.h>
#include <stdlib.h>

#include "bench/measure.h"
#include "bench/timers.h"

static struct ev_loop *loop;
static ev_timer *timers;
static void (*fired)(unsigned index);

static void open_loop(void)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    must(loop);
}

static void expire(struct ev_loop *unused, ev_timer *timer, int events)
{
    (void)unused;
    (void)events;
    fired((unsigned)(timer - timers));
}

static void create(unsigned count, void (*when_fired)(unsigned index))
{
    fired = when_fired;
    timers = malloc(count * sizeof *timers);
    must(timers);
    for (unsigned i = 0; i < count; i++)
        ev_timer_init(&timers[i], expire, 0., 0.);
}

static double seconds(int64_t ns)
{
    return ns > 0 ? (double)ns * 1e-9 : 0.;
}

static inline void arm_ev(unsigned index, int64_t delay_ns)
{
    ev_timer_set(&timers[index], seconds(delay_ns), 0.);
    ev_timer_start(loop, &timers[index]);
}

/* What its manual recommends for a timer that is put off again and again. */
static inline void rearm_ev(unsigned index, int64_t delay_ns)
{
    timers[index].repeat = seconds(delay_ns);
    ev_timer_again(loop, &timers[index]);
}

static inline void cancel_ev(unsigned index)
{
    ev_timer_stop(loop, &timers[index]);
}

TIMERS_LOOPS(ev);

/* A delay counts from the time that the loop has noted last. */
static void repeat(unsigned index, int64_t due_ns, int64_t period_ns)
{
    ev_now_update(loop);
    ev_timer_set(&timers[index], seconds(due_ns - now_ns()), seconds(period_ns));
    ev_timer_start(loop, &timers[index]);
}

static void arm_at(unsigned index, int64_t due_ns)
{
    repeat(index, due_ns, 0);
}

static void run(void)
{
    ev_run(loop, 0);
}

static void stop(void)
{
    ev_timer_stop(loop, &timers[0]);
}

const struct timers_side ev_timers = {
    .name = "ev",
    .about = "libev, ev_timer",
    .open = open_loop,
    .create = create,
    .loops = &loops_ev,
    .arm_at = arm_at,
    .repeat = repeat,
    .masses = true,
    .run = run,
    .stop = stop,
};
