/* timer_scene.h - what the tests of timers share: shots that know when they are due. */
#ifndef TESTS_SURVIVAL_TIMER_SCENE_H
#define TESTS_SURVIVAL_TIMER_SCENE_H

#include "tests/survival/scene.h"

enum { CLOCKS = 4 };

static tpp_u32 runs, early;

TAP_UNUSED_ static tp_timer_t *scene_timer(struct scene *scene, tp_timer_fn function, void *context)
{
    tp_timer_t *timer = NULL;
    check_eq(tp_timer_create(function, context, scene->env, &timer), TP_OK);
    return timer;
}

TAP_UNUSED_ static tp_timer_spec_t spec_of(uint32_t clock, int64_t due, int64_t period)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.clock = clock;
    spec.due = due;
    spec.period = period;
    return spec;
}

TAP_UNUSED_ static void set(tp_timer_t *timer, tp_timer_spec_t spec)
{
    check_eq(tp_timer_set(timer, &spec, NULL), TP_OK);
}

TAP_UNUSED_ static void finish(tp_timer_t *timer)
{
    check_eq(tp_timer_set(timer, NULL, NULL), TP_OK);
    check_eq(tp_timer_wait(timer, false, TP_INFINITE), TP_OK);
    check_eq(tp_timer_close(timer), TP_OK);
}

TAP_UNUSED_ static void count_run(tp_callback_instance_t *instance, void *context,
                                  tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    (void)timer;
    tpp_add_acq_rel(&runs, 1);
}

TAP_UNUSED_ static void begin_count(void)
{
    tpp_store_release(&runs, 0);
    tpp_store_release(&early, 0);
}

/* ---- shots: each knows when it is due on its clock ------------------------------------------- */

struct shot {
    tp_timer_t *timer;
    uint32_t clock; /* TP_CLOCK_* */
    int64_t due, range;
    uint64_t dice;
    tpp_u32 armed, fired;
    tpp_u32 *again; /* it is armed anew in its callback until this is 0; NULL: it is not */
};

TAP_UNUSED_ static enum tpp_clock clock_of(uint32_t clock)
{
    return clock == TP_CLOCK_REALTIME   ? TPP_CLOCK_REALTIME
           : clock == TP_CLOCK_BOOTTIME ? TPP_CLOCK_BOOTTIME
                                        : TPP_CLOCK_MONOTONIC;
}

TAP_UNUSED_ static int64_t roll(uint64_t *dice, int64_t range)
{
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    return (int64_t)((*dice >> 1) % (uint64_t)range);
}

/* What the library reads of the clock it reads later, so it is never due before `due`. */
TAP_UNUSED_ static void shoot(struct shot *shot)
{
    bool absolute = shot->clock == TP_CLOCK_REALTIME || shot->clock == TP_CLOCK_MONOTONIC;
    int64_t delay = 1 + roll(&shot->dice, shot->range);
    shot->due = tpp_now(clock_of(shot->clock)) + delay;
    tp_timer_spec_t spec = spec_of(shot->clock, absolute ? shot->due : delay, 0);
    if (roll(&shot->dice, 3) == 0)
        spec.window = roll(&shot->dice, shot->range);
    tpp_add_acq_rel(&shot->armed, 1);
    set(shot->timer, spec);
}

TAP_UNUSED_ static void hit(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct shot *shot = context;
    (void)instance;
    (void)timer;
    if (tpp_now(clock_of(shot->clock)) < shot->due)
        tpp_add_acq_rel(&early, 1);
    if (shot->again && tpp_load_acquire(shot->again))
        shoot(shot);
    tpp_add_acq_rel(&runs, 1);
    tpp_add_acq_rel(&shot->fired, 1); /* last: as often as armed, and there is nothing to come */
}

TAP_UNUSED_ static void begin_shots(struct shot *shots, uint32_t count, int64_t range,
                                    struct scene *scene, tpp_u32 *again)
{
    static uint64_t seed = 88172645463325252u;
    for (uint32_t i = 0; i < count; i++) {
        struct shot *shot = &shots[i];
        *shot = (struct shot){.clock = i % CLOCKS, .range = range, .again = again};
        seed += 2 * UINT64_C(0x9e3779b97f4a7c15);
        shot->dice = seed;
        shot->timer = scene_timer(scene, hit, shot);
    }
    for (uint32_t i = 0; i < count; i++)
        shoot(&shots[i]);
}

/* Nobody arms any more but callbacks that have begun. */
TAP_UNUSED_ static void end_shots(struct shot *shots, uint32_t count)
{
    int64_t end = now() + 20000 * MS * patience();
    for (uint32_t i = 0; i < count; i++) {
        while (tpp_load_acquire(&shots[i].fired) < tpp_load_acquire(&shots[i].armed) && now() < end)
            usleep(1000);
        finish(shots[i].timer);
        check_eq(tpp_load_acquire(&shots[i].fired), tpp_load_acquire(&shots[i].armed));
    }
}

#endif
