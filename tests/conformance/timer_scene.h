/* timer_scene.h - what the tests of timers share: the record of a timer, and short ways to set it.
 *
 * A callback is never early, in either world. Whether it is late can be told in the simulator only,
 * in cases with .no_early: there the clock stands still while anybody can run. */
#ifndef TESTS_CONFORMANCE_TIMER_SCENE_H
#define TESTS_CONFORMANCE_TIMER_SCENE_H

#include "tests/support/stage.h"

#define TICKS_KEPT 64u
#define LATE INT64_C(10000) /* simulator: what spinning may take, ns */
#define FAR_AWAY (3600 * STAGE_S)

/* The context of a timer: what has become of it. All zero at first. */
struct ticks {
    stage_counter_t started, open, runs, finals, released, cancelled, told;
    struct stage_peak peak;
    tpp_u64 at[TICKS_KEPT]; /* when its first callbacks began */
    tpp_u64 thread;         /* the last to run one */
    tpp_u32 begun;
    tpp_u32 over; /* 1: nothing may run any more */
    tpp_u32 strange;
    tp_timer_t *timer, *other;
    tp_pool_t *pool;
};

/* ---- callbacks ------------------------------------------------------------------------------- */

static inline void tick_begins(struct ticks *ticks)
{
    uint32_t nth = tpp_add_acq_rel(&ticks->begun, 1);
    if (nth < TICKS_KEPT)
        tpp_store_release(&ticks->at[nth], (uint64_t)stage_now());
    stage_expect_eq(tpp_load_acquire(&ticks->over), 0);
    tpp_store_release(&ticks->thread, stage_self());
    stage_enter(&ticks->peak);
    stage_add(&ticks->started, 1);
}

static inline void tick(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    (void)instance;
    (void)timer;
    tick_begins(ticks);
    stage_leave(&ticks->peak);
    stage_add(&ticks->runs, 1);
}

/* Stays inside until the test says open. */
static inline void tick_held(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    (void)instance;
    (void)timer;
    tick_begins(ticks);
    stage_await(&ticks->open, 1);
    stage_leave(&ticks->peak);
    stage_add(&ticks->runs, 1);
}

static inline void count_release(void *context)
{
    struct ticks *ticks = context;
    stage_add(&ticks->released, 1);
}

static inline void count_cancel(void *object_context, void *cleanup_context)
{
    struct ticks *ticks = object_context;
    (void)cleanup_context;
    stage_add(&ticks->cancelled, 1);
}

/* When the nth callback began, the first being 0. */
static inline int64_t tick_at(struct ticks *ticks, uint32_t nth)
{
    return (int64_t)tpp_load_acquire(&ticks->at[nth]);
}

/* At that time or after it; in the simulator exactly then. */
#define expect_at(actual, due) expect_within(actual, due, due)
#define expect_within(actual, from, to) \
    do { \
        stage_expect((actual) >= (from)); \
        stage_expect(!stage_in_simulator || (actual) <= (to) + LATE); \
    } while (0)

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
    *s = (struct timer_scene){.pool = pool};
    s->env = stage_env(s->pool);
    stage_expect_eq(tp_env_set_context_release(s->env, count_release), TP_OK);
    s->ticks.pool = s->pool;
}

/* Several threads are there from the start, however few the processors. */
static inline void scene_prepare(struct timer_scene *s, uint32_t threads)
{
    scene_prepare_on(s, stage_pool(threads > 1 ? threads : 0, threads));
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
    stage_await(&s->ticks.released, 1);
    stage_expect_eq(tp_env_destroy(s->env), TP_OK);
    stage_expect_eq(tp_pool_close(s->pool), TP_OK);
}

#endif
