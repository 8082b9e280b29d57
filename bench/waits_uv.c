/* waits_uv.c - libuv's waits: uv_poll_t for descriptors, uv_async_t without. */
#include <stdlib.h>
#include <uv.h>

#include "bench/measure.h"
#include "bench/waits.h"

static uv_loop_t *loop;
static uv_poll_t *polls;
static uv_timer_t *timers; /* made when the first time is to run out */
static uv_async_t *asyncs;
static waits_fired_fn *fired;

static void open_loop(void)
{
    loop = uv_default_loop();
    must(loop);
}

static void turn(void)
{
    (void)uv_run(loop, UV_RUN_ONCE);
}

static void settle(void)
{
    (void)uv_run(loop, UV_RUN_NOWAIT);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void create(const int *descriptors, unsigned count, waits_fired_fn *when_fired)
{
    fired = when_fired;
    polls = malloc(count * sizeof *polls);
    must(polls);
    for (unsigned i = 0; i < count; i++)
        must(uv_poll_init(loop, &polls[i], descriptors[i]) == 0);
}

static void see(uv_poll_t *poll, int status, int events)
{
    must(status == 0 && events == UV_READABLE);
    (void)fired((unsigned)(poll - polls), false);
}

static void see_again(uv_poll_t *poll, int status, int events)
{
    must(status == 0 && events == UV_READABLE && uv_poll_stop(poll) == 0);
    if (fired((unsigned)(poll - polls), false))
        must(uv_poll_start(poll, UV_READABLE, see_again) == 0);
}

static void arm(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        must(uv_poll_start(&polls[i], UV_READABLE, see) == 0);
}

static void arm_again(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        must(uv_poll_start(&polls[i], UV_READABLE, see_again) == 0);
}

static void expire(uv_timer_t *timer)
{
    must(uv_poll_stop(&polls[timer - timers]) == 0);
    must(!fired((unsigned)(timer - timers), true));
}

static void make_timers(unsigned count)
{
    timers = malloc(count * sizeof *timers);
    must(timers);
    for (unsigned i = 0; i < count; i++)
        must(uv_timer_init(loop, &timers[i]) == 0);
}

static void arm_for(const int64_t *timeouts_ns, unsigned count)
{
    uv_update_time(loop);
    if (!timers)
        make_timers(count);
    for (unsigned i = 0; i < count; i++) {
        must(uv_poll_start(&polls[i], UV_READABLE, see_again) == 0);
        must(uv_timer_start(&timers[i], expire, (uint64_t)(timeouts_ns[i] + 999999) / 1000000, 0) ==
             0);
    }
}

static void disarm(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        must(uv_poll_stop(&polls[i]) == 0);
}

static void close_polls(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        uv_close((uv_handle_t *)&polls[i], NULL);
    must(uv_run(loop, UV_RUN_DEFAULT) == 0);
    free(polls);
}

/* ---- no descriptors -------------------------------------------------------------------------- */

static void receive(uv_async_t *async)
{
    (void)fired((unsigned)(async - asyncs), false);
}

static void create_asyncs(unsigned count, waits_fired_fn *when_fired)
{
    fired = when_fired;
    asyncs = malloc(count * sizeof *asyncs);
    must(asyncs);
    for (unsigned i = 0; i < count; i++)
        must(uv_async_init(loop, &asyncs[i], receive) == 0);
}

static void signal_async(unsigned index)
{
    must(uv_async_send(&asyncs[index]) == 0);
}

static void close_asyncs(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        uv_close((uv_handle_t *)&asyncs[i], NULL);
    must(uv_run(loop, UV_RUN_DEFAULT) == 0);
    free(asyncs);
}

static const struct waits_descriptors level = {create, arm, arm_for, disarm, close_polls};
static const struct waits_descriptors again = {create, arm_again, NULL, disarm, close_polls};
static const struct waits_native native = {
    .create = create_asyncs,
    .signal = signal_async,
    .close = close_asyncs,
};

const struct waits_side uv_waits = {
    .name = "uv",
    .about = "libuv: uv_poll_start, which stays; native: uv_async_send",
    .open = open_loop,
    .descriptors = &level,
    .native = &native,
    .turn = turn,
    .settle = settle,
};

const struct waits_side uv_again_waits = {
    .name = "uv-again",
    .about = "the same, stopped and started in the callback",
    .open = open_loop,
    .descriptors = &again,
    .turn = turn,
    .settle = settle,
};
