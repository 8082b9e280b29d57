/* timers_uv.c - libuv's timers. */
#include <stdlib.h>
#include <uv.h>

#include "bench/measure.h"
#include "bench/timers.h"

#define NS_PER_MS INT64_C(1000000)

static uv_loop_t *loop;
static uv_timer_t *timers;
static unsigned timer_count;
static void (*fired)(unsigned index);

static void open_loop(void)
{
    loop = uv_default_loop();
    must(loop);
}

static void create(unsigned count, void (*when_fired)(unsigned index))
{
    fired = when_fired;
    timer_count = count;
    timers = malloc(count * sizeof *timers);
    must(timers);
    for (unsigned i = 0; i < count; i++)
        must(uv_timer_init(loop, &timers[i]) == 0);
}

static void destroy(void)
{
    for (unsigned i = 0; i < timer_count; i++)
        uv_close((uv_handle_t *)&timers[i], NULL);
    must(uv_run(loop, UV_RUN_DEFAULT) == 0);
    free(timers);
}

static void expire(uv_timer_t *timer)
{
    fired((unsigned)(timer - timers));
}

static uint64_t milliseconds(int64_t ns)
{
    return ns > 0 ? (uint64_t)((ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

static inline void arm_uv(unsigned index, int64_t delay_ns)
{
    must(uv_timer_start(&timers[index], expire, milliseconds(delay_ns), 0) == 0);
}

static inline void rearm_uv(unsigned index, int64_t delay_ns)
{
    arm_uv(index, delay_ns);
}

static inline void cancel_uv(unsigned index)
{
    must(uv_timer_stop(&timers[index]) == 0);
}

TIMERS_LOOPS(uv);

/* A delay counts from the time that the loop has noted last. */
static void repeat(unsigned index, int64_t due_ns, int64_t period_ns)
{
    uv_update_time(loop);
    must(uv_timer_start(&timers[index], expire, milliseconds(due_ns - now_ns()),
                        milliseconds(period_ns)) == 0);
}

static void arm_at(unsigned index, int64_t due_ns)
{
    repeat(index, due_ns, 0);
}

static void run(void)
{
    uv_run(loop, UV_RUN_DEFAULT);
}

static void stop(void)
{
    uv_timer_stop(&timers[0]);
}

const struct timers_side uv_timers = {
    .name = "uv",
    .about = "libuv, uv_timer_start, in ms",
    .open = open_loop,
    .create = create,
    .destroy = destroy,
    .loops = &loops_uv,
    .arm_at = arm_at,
    .repeat = repeat,
    .masses = true,
    .run = run,
    .stop = stop,
};
