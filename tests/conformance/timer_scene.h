/* timer_scene.h - what the tests of timers share: the record of a timer, short ways to set it. */
#ifndef TESTS_CONFORMANCE_TIMER_SCENE_H
#define TESTS_CONFORMANCE_TIMER_SCENE_H

#include "tests/conformance/calls_scene.h"

/* The context of a timer: what has become of it. All zero at first. */
struct ticks {
    CALLS;
    stage_counter_t finals;
    tpp_u32 strange;
    tp_timer_t *timer, *other;
};

/* ---- callbacks ------------------------------------------------------------------------------- */

static inline void tick_begins(struct ticks *ticks)
{
    calls_begin(&ticks->calls);
    calls_enter(&ticks->calls);
}

static inline void tick_ends(struct ticks *ticks)
{
    calls_leave(&ticks->calls);
}

static inline void tick(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    (void)instance;
    (void)timer;
    tick_begins(ticks);
    tick_ends(ticks);
}

/* Stays inside until the test says open. */
static inline void tick_held(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    (void)instance;
    (void)timer;
    tick_begins(ticks);
    stage_await(&ticks->open, 1);
    tick_ends(ticks);
}

/* When the nth callback began, the first being 0. */
static inline int64_t tick_at(struct ticks *ticks, uint32_t nth)
{
    return (int64_t)tpp_load_acquire(&ticks->at[nth]);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static inline tp_timer_t *make_timer(tp_timer_fn callback, void *context, const tp_env_t *env)
{
    tp_timer_t *timer;
    stage_expect_eq(tp_timer_create(callback, context, env, &timer), TP_OK);
    return timer;
}

/* Each of these tells whether the timer was armed. */
static inline bool set_spec(tp_timer_t *timer, const tp_timer_spec_t *spec)
{
    bool was_armed = true;
    stage_expect_eq(tp_timer_set(timer, spec, &was_armed), TP_OK);
    return was_armed;
}

static inline bool set_every(tp_timer_t *timer, int64_t due, int64_t period)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.due = due;
    spec.period = period;
    return set_spec(timer, &spec);
}

static inline bool set_once(tp_timer_t *timer, int64_t due)
{
    return set_every(timer, due, 0);
}

static inline bool set_window(tp_timer_t *timer, int64_t due, int64_t window)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.due = due;
    spec.window = window;
    return set_spec(timer, &spec);
}

static inline bool set_clock(tp_timer_t *timer, uint32_t clock, int64_t due)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.clock = clock;
    spec.due = due;
    return set_spec(timer, &spec);
}

static inline bool stop(tp_timer_t *timer)
{
    return set_spec(timer, NULL);
}

static inline bool is_set(tp_timer_t *timer)
{
    bool set = false;
    stage_expect_eq(tp_timer_is_set(timer, &set), TP_OK);
    return set;
}

/* Lets what has expired run, and closes it. */
static inline void finish_timer(tp_timer_t *timer)
{
    (void)stop(timer);
    stage_expect_eq(tp_timer_wait(timer, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_timer_close(timer), TP_OK);
}

/* Drops what has not begun. */
static inline void end_timer(tp_timer_t *timer)
{
    (void)stop(timer);
    stage_expect_eq(tp_timer_wait(timer, true, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_timer_close(timer), TP_OK);
}

/* Most tests have a pool, an environment that names it, and one timer. */
struct timer_scene {
    struct ticks ticks;
    tp_pool_t *pool;
    tp_env_t *env;
    tp_timer_t *timer;
};

/* All but the timer. */
static inline void scene_prepare_on(struct timer_scene *s, tp_pool_t *pool)
{
    *s = (struct timer_scene){.pool = pool, .env = scene_env(pool)};
    s->ticks.pool = pool;
}

static inline void scene_prepare(struct timer_scene *s, uint32_t threads)
{
    scene_prepare_on(s, scene_pool(threads));
}

static inline void scene_make(struct timer_scene *s, tp_timer_fn callback)
{
    s->timer = s->ticks.timer = make_timer(callback, &s->ticks, s->env);
}

static inline void scene_begin(struct timer_scene *s, uint32_t threads, tp_timer_fn callback)
{
    scene_prepare(s, threads);
    scene_make(s, callback);
}

/* s->timer is NULL if the test has closed it. */
static inline void scene_end(struct timer_scene *s)
{
    if (s->timer)
        finish_timer(s->timer);
    scene_leave(&s->ticks.calls, s->env, s->pool);
}

#endif
