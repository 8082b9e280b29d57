/* waits_ev.c - libev's waits: ev_io for descriptors, ev_async without. */
#include <ev.h>
#include <stdlib.h>

#include "bench/measure.h"
#include "bench/waits.h"

static struct ev_loop *loop;
static ev_io *ios;
static ev_timer *timers; /* made when the first time is to run out */
static ev_async *asyncs;
static waits_fired_fn *fired;

static void open_loop(void)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    must(loop);
}

static void turn(void)
{
    ev_run(loop, EVRUN_ONCE);
}

static void settle(void)
{
    ev_run(loop, EVRUN_NOWAIT);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void see(struct ev_loop *unused, ev_io *io, int events)
{
    (void)unused;
    must(events == EV_READ);
    (void)fired((unsigned)(io - ios), false);
}

static void see_again(struct ev_loop *unused, ev_io *io, int events)
{
    (void)unused;
    must(events == EV_READ);
    ev_io_stop(loop, io);
    if (fired((unsigned)(io - ios), false))
        ev_io_start(loop, io);
}

static inline void create_with(const int *descriptors, unsigned count, waits_fired_fn *when_fired,
                               void (*callback)(struct ev_loop *, ev_io *, int))
{
    fired = when_fired;
    ios = malloc(count * sizeof *ios);
    must(ios);
    for (unsigned i = 0; i < count; i++)
        ev_io_init(&ios[i], callback, descriptors[i], EV_READ);
}

static void create(const int *descriptors, unsigned count, waits_fired_fn *when_fired)
{
    create_with(descriptors, count, when_fired, see);
}

static void create_again(const int *descriptors, unsigned count, waits_fired_fn *when_fired)
{
    create_with(descriptors, count, when_fired, see_again);
}

static void arm(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        ev_io_start(loop, &ios[i]);
}

static void expire(struct ev_loop *unused, ev_timer *timer, int events)
{
    (void)unused;
    (void)events;
    ev_io_stop(loop, &ios[timer - timers]);
    must(!fired((unsigned)(timer - timers), true));
}

static void make_timers(unsigned count)
{
    timers = malloc(count * sizeof *timers);
    must(timers);
    for (unsigned i = 0; i < count; i++)
        ev_timer_init(&timers[i], expire, 0., 0.);
}

static void arm_for(const int64_t *timeouts_ns, unsigned count)
{
    ev_now_update(loop);
    if (!timers)
        make_timers(count);
    for (unsigned i = 0; i < count; i++) {
        ev_io_start(loop, &ios[i]);
        ev_timer_set(&timers[i], (double)timeouts_ns[i] * 1e-9, 0.);
        ev_timer_start(loop, &timers[i]);
    }
}

static void disarm(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        ev_io_stop(loop, &ios[i]);
}

static void close_ios(unsigned count)
{
    disarm(count);
    settle();
    free(ios);
}

/* ---- no descriptors -------------------------------------------------------------------------- */

static void receive(struct ev_loop *unused, ev_async *async, int events)
{
    (void)unused;
    (void)events;
    (void)fired((unsigned)(async - asyncs), false);
}

static void create_asyncs(unsigned count, waits_fired_fn *when_fired)
{
    fired = when_fired;
    asyncs = malloc(count * sizeof *asyncs);
    must(asyncs);
    for (unsigned i = 0; i < count; i++) {
        ev_async_init(&asyncs[i], receive);
        ev_async_start(loop, &asyncs[i]);
    }
}

static void signal_async(unsigned index)
{
    ev_async_send(loop, &asyncs[index]);
}

static void close_asyncs(unsigned count)
{
    for (unsigned i = count; i-- > 0;)
        ev_async_stop(loop, &asyncs[i]);
    free(asyncs);
}

static const struct waits_descriptors level = {create, arm, arm_for, disarm, close_ios};
static const struct waits_descriptors again = {create_again, arm, NULL, disarm, close_ios};
static const struct waits_native native = {
    .create = create_asyncs,
    .signal = signal_async,
    .close = close_asyncs,
};

const struct waits_side ev_waits = {
    .name = "ev",
    .about = "libev: ev_io_start, which stays; native: ev_async_send",
    .open = open_loop,
    .descriptors = &level,
    .native = &native,
    .turn = turn,
    .settle = settle,
};

const struct waits_side ev_again_waits = {
    .name = "ev-again",
    .about = "the same, stopped and started in the callback",
    .open = open_loop,
    .descriptors = &again,
    .turn = turn,
    .settle = settle,
};
