/* wait_scene.h - what the tests of waits share: the record of a wait, short ways to set it, and
 * things to wait for. */
#ifndef TESTS_CONFORMANCE_WAIT_SCENE_H
#define TESTS_CONFORMANCE_WAIT_SCENE_H

#include <poll.h>

#include "tests/conformance/calls_scene.h"

/* The context of a wait: what has become of it, and what its callback needs. All zero at first. */
struct hits {
    CALLS;
    stage_counter_t signaled, abandoned, timed_out, failed;
    tpp_u32 events; /* what the last was told of its descriptor */
    tpp_u32 left;   /* how often it is to set itself again */
    tp_waitable_t source;
    tp_wait_t *wait;
    tp_mutex_t *mutex;
    int fd;
};

/* ---- things to wait for ---------------------------------------------------------------------- */

static inline tp_event_t *make_event(bool manual_reset, bool signaled)
{
    tp_event_t *event = NULL;
    stage_expect_eq(tp_event_create(manual_reset, signaled, &event), TP_OK);
    return event;
}

static inline tp_semaphore_t *make_semaphore(uint32_t initial)
{
    tp_semaphore_t *semaphore = NULL;
    stage_expect_eq(tp_semaphore_create(initial, UINT32_MAX, &semaphore), TP_OK);
    return semaphore;
}

static inline tp_mutex_t *make_mutex(bool owned)
{
    tp_mutex_t *mutex = NULL;
    stage_expect_eq(tp_mutex_create(owned, &mutex), TP_OK);
    return mutex;
}

static inline void give(tp_semaphore_t *semaphore, uint32_t units)
{
    stage_expect_eq(tp_semaphore_release(semaphore, units, NULL), TP_OK);
}

/* What a thread that waits so long finds; it takes what it finds. */
static inline tp_wait_result_t take_for(tp_waitable_t source, int64_t timeout)
{
    tp_wait_result_t result = TP_WAIT_FAILED;
    stage_expect_eq(tp_waitable_wait(source, timeout, &result), TP_OK);
    return result;
}

static inline tp_wait_result_t take(tp_waitable_t source)
{
    return take_for(source, 0);
}

static inline bool is_set(tp_event_t *event)
{
    return take(tp_waitable_event(event)) == TP_WAIT_SIGNALED;
}

/* How many units there were; they are gone then. */
static inline uint32_t drain(tp_semaphore_t *semaphore)
{
    uint32_t units = 0;
    while (take(tp_waitable_semaphore(semaphore)) == TP_WAIT_SIGNALED)
        units++;
    return units;
}

/* ---- callbacks ------------------------------------------------------------------------------- */

/* C-138: nothing but these is ever delivered. */
static inline void hit_result(struct hits *hits, tp_wait_result_t result)
{
    stage_expect(result == TP_WAIT_SIGNALED || result == TP_WAIT_ABANDONED ||
                 result == TP_WAIT_TIMEOUT || result == TP_WAIT_FAILED);
    if (result == TP_WAIT_SIGNALED)
        stage_add(&hits->signaled, 1);
    if (result == TP_WAIT_ABANDONED)
        stage_add(&hits->abandoned, 1);
    if (result == TP_WAIT_TIMEOUT)
        stage_add(&hits->timed_out, 1);
    if (result == TP_WAIT_FAILED)
        stage_add(&hits->failed, 1);
}

static inline void hit_begins(tp_callback_instance_t *instance, struct hits *hits,
                              tp_wait_result_t result)
{
    uint32_t events = 99;
    calls_begin(&hits->calls);
    stage_expect_eq(tp_callback_wait_events(instance, &events), TP_OK);
    tpp_store_release(&hits->events, events);
    hit_result(hits, result);
    calls_enter(&hits->calls);
}

static inline void hit_ends(struct hits *hits)
{
    calls_leave(&hits->calls);
}

static inline void hit(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                       tp_wait_result_t result)
{
    struct hits *hits = context;
    (void)wait;
    hit_begins(instance, hits, result);
    hit_ends(hits);
}

/* Stays inside until the test says open. */
static inline void hit_held(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                            tp_wait_result_t result)
{
    struct hits *hits = context;
    (void)wait;
    hit_begins(instance, hits, result);
    stage_await(&hits->open, 1);
    hit_ends(hits);
}

/* When the nth callback began, the first being 0. */
static inline int64_t hit_at(struct hits *hits, uint32_t nth)
{
    return (int64_t)tpp_load_acquire(&hits->at[nth]);
}

/* ---- waits ----------------------------------------------------------------------------------- */

static inline tp_wait_t *make_wait(tp_wait_fn callback, void *context, const tp_env_t *env)
{
    tp_wait_t *wait = NULL;
    stage_expect_eq(tp_wait_create(callback, context, env, &wait), TP_OK);
    return wait;
}

static inline tp_wait_spec_t spec_of(tp_waitable_t source, uint32_t clock, int64_t timeout)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = source;
    spec.clock = clock;
    spec.timeout = timeout;
    return spec;
}

/* Each of these tells whether the wait was armed. */
static inline bool arm_clock(tp_wait_t *wait, tp_waitable_t source, uint32_t clock, int64_t timeout)
{
    tp_wait_spec_t spec = spec_of(source, clock, timeout);
    bool was_armed = true;
    stage_expect_eq(tp_wait_set(wait, &spec, &was_armed), TP_OK);
    return was_armed;
}

static inline bool arm_for(tp_wait_t *wait, tp_waitable_t source, int64_t timeout)
{
    return arm_clock(wait, source, TP_CLOCK_RELATIVE, timeout);
}

static inline bool arm(tp_wait_t *wait, tp_waitable_t source)
{
    return arm_for(wait, source, TP_INFINITE);
}

static inline bool disarm(tp_wait_t *wait)
{
    bool was_armed = true;
    stage_expect_eq(tp_wait_set(wait, NULL, &was_armed), TP_OK);
    return was_armed;
}

/* What a set that is to be refused says. */
static inline tp_status_t refused_for(tp_wait_t *wait, tp_waitable_t source, int64_t timeout)
{
    tp_wait_spec_t spec = spec_of(source, TP_CLOCK_RELATIVE, timeout);
    bool was_armed = true;
    tp_status_t status = tp_wait_set(wait, &spec, &was_armed);
    stage_expect(!was_armed);
    return status;
}

static inline tp_status_t refused(tp_wait_t *wait, tp_waitable_t source)
{
    return refused_for(wait, source, TP_INFINITE);
}

/* The system knows nothing of the kind, whoever waits for it and however long. */
static inline void expect_no_source(tp_wait_t *wait, tp_waitable_t source, int error)
{
    for (int i = 0; i < 2; i++) {
        tp_wait_result_t result = 7;
        stage_expect_eq(refused_for(wait, source, i ? 0 : TP_INFINITE), TP_ERR_SYSTEM);
        stage_expect_eq(tp_last_errno(), error);
        stage_expect_eq(tp_waitable_wait(source, 0, &result), TP_ERR_SYSTEM);
        stage_expect_eq(tp_last_errno(), error);
        stage_expect_eq(result, 0);
    }
}

/* Sets itself again from its callback, `left` times. */
static inline void hit_again(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                             tp_wait_result_t result)
{
    struct hits *hits = context;
    hit_begins(instance, hits, result);
    uint32_t left = tpp_load_acquire(&hits->left);
    if (left > 0) {
        tpp_store_release(&hits->left, left - 1);
        stage_expect(!arm(wait, hits->source));
    }
    hit_ends(hits);
}

/* Lets what is queued run, and closes it. */
static inline void finish_wait(tp_wait_t *wait)
{
    (void)disarm(wait);
    stage_expect_eq(tp_wait_wait(wait, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_wait_close(wait), TP_OK);
}

/* Drops what has not begun. */
static inline void end_wait(tp_wait_t *wait)
{
    (void)disarm(wait);
    stage_expect_eq(tp_wait_wait(wait, true, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_wait_close(wait), TP_OK);
}

/* Most tests have a pool, an environment that names it, and one wait. */
struct wait_scene {
    struct hits hits;
    tp_pool_t *pool;
    tp_env_t *env;
    tp_wait_t *wait;
};

/* All but the wait. */
static inline void scene_prepare_on(struct wait_scene *s, tp_pool_t *pool)
{
    *s = (struct wait_scene){.pool = pool, .env = scene_env(pool)};
    s->hits.pool = pool;
}

static inline void scene_prepare(struct wait_scene *s, uint32_t threads)
{
    scene_prepare_on(s, scene_pool(threads));
}

static inline void scene_make(struct wait_scene *s, tp_wait_fn callback)
{
    s->wait = s->hits.wait = make_wait(callback, &s->hits, s->env);
}

static inline void scene_begin(struct wait_scene *s, uint32_t threads, tp_wait_fn callback)
{
    scene_prepare(s, threads);
    scene_make(s, callback);
}

/* s->wait is NULL if the test has closed it. */
static inline void scene_end(struct wait_scene *s)
{
    if (s->wait)
        finish_wait(s->wait);
    scene_leave(&s->hits.calls, s->env, s->pool);
}

/* A wait of a pool whose only thread is held until stage_gate_open: what it posts stays queued. */
struct gated_scene {
    struct hits hits;
    struct stage_gate gate;
    tp_env_t *env;
    tp_wait_t *wait;
};

static inline void scene_begin_gated(struct gated_scene *s)
{
    *s = (struct gated_scene){.wait = NULL};
    stage_gate_init(&s->gate, NULL);
    s->env = stage_gate_env(&s->gate);
    s->wait = make_wait(hit, &s->hits, s->env);
}

/* All that is queued runs. The gate may be open already. */
static inline void scene_end_gated(struct gated_scene *s)
{
    stage_gate_open(&s->gate);
    finish_wait(s->wait);
    stage_expect_eq(tp_env_destroy(s->env), TP_OK);
    stage_gate_fini(&s->gate);
}

/* Now until nobody can run, or for a while: time enough for a callback that must not come. */
static inline void linger(void)
{
    stage_rest();
    stage_pass(2 * STAGE_MS);
}

static inline void dawdle(void)
{
    if (stage_in_simulator) {
        stage_pass(tpp_random() % 4 * 1000);
        return;
    }
    for (uint32_t spin = tpp_random() % 512; spin > 0; spin--)
        (void)stage_now();
}

#endif
