/* timers_tp.c - tp among the libraries whose timers are measured. */
#include <stdlib.h>

#include "bench/measure.h"
#include "bench/timers.h"
#include "tp/tp.h"

static tp_pool_t *pool;
static tp_env_t *env;
static tp_timer_t **timers;
static unsigned timer_count;
static void (*fired)(unsigned index);

static void open_pool(void)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    must(tp_pool_create(&config, &pool) == TP_OK);
    must(tp_env_create(&env) == TP_OK);
    must(tp_env_set_pool(env, pool) == TP_OK);
}

static void expire(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)timer;
    fired((unsigned)(uintptr_t)context);
}

static void create(unsigned count, void (*when_fired)(unsigned index))
{
    fired = when_fired;
    timer_count = count;
    timers = malloc(count * sizeof *timers);
    must(timers);
    for (unsigned i = 0; i < count; i++)
        must(tp_timer_create(expire, (void *)(uintptr_t)i, env, &timers[i]) == TP_OK);
}

static void destroy(void)
{
    for (unsigned i = 0; i < timer_count; i++)
        must(tp_timer_close(timers[i]) == TP_OK);
    free(timers);
}

static inline void arm_tp(unsigned index, int64_t delay_ns)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.due = delay_ns;
    must(tp_timer_set(timers[index], &spec, NULL) == TP_OK);
}

static inline void rearm_tp(unsigned index, int64_t delay_ns)
{
    arm_tp(index, delay_ns);
}

static inline void cancel_tp(unsigned index)
{
    must(tp_timer_set(timers[index], NULL, NULL) == TP_OK);
}

TIMERS_LOOPS(tp);

static void repeat(unsigned index, int64_t due_ns, int64_t period_ns)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.clock = TP_CLOCK_MONOTONIC;
    spec.due = due_ns;
    spec.period = period_ns;
    must(tp_timer_set(timers[index], &spec, NULL) == TP_OK);
}

static void arm_at(unsigned index, int64_t due_ns)
{
    repeat(index, due_ns, 0);
}

static void stop(void)
{
    must(tp_timer_set(timers[0], NULL, NULL) == TP_OK);
}

const struct timers_side tp_timers = {
    .name = "tp",
    .about = "a pool with all defaults, tp_timer_set",
    .open = open_pool,
    .create = create,
    .destroy = destroy,
    .loops = &loops_tp,
    .concurrent = true,
    .arm_at = arm_at,
    .repeat = repeat,
    .masses = true,
    .stop = stop,
};
