/* scene_timer.c - the short calls of scene_timer.h. */
#include "tests/scenario/scene_timer.h"

/* Words: how many places are taken in each series, and a count that nobody looks at. */
enum { TAKEN = SCENE_WORDS - SCENE_SERIES, SETTLED = TAKEN - 1 };

/* ---- making ---------------------------------------------------------------------------------- */

tp_timer_t *scene_timer(tp_timer_fn function, void *context, const struct scene_choice *choice)
{
    tp_timer_t *timer = NULL;
    tp_env_t *env = scene_env(choice);
    if (!env)
        return NULL;
    scene_made(tp_timer_create(function, context, env, &timer));
    tpps_check(tp_env_destroy(env) == TP_OK);
    return timer;
}

tp_timer_t *scene_pool_timer(tp_pool_t *pool, tp_timer_fn function, void *context)
{
    return scene_timer(function, context, &(struct scene_choice){.pool = pool});
}

tp_timer_t *scene_released_timer(tp_pool_t *pool, tp_timer_fn function, uint32_t word)
{
    return scene_timer(function, SCENE_WORD(word),
                       &(struct scene_choice){.pool = pool, .release = scene_count_release});
}

tp_timer_t *scene_ticker(tp_pool_t *pool, uint32_t series)
{
    return scene_pool_timer(pool, scene_tick, SCENE_WORD(series));
}

tp_pool_t *scene_settled(uint32_t minimum, uint32_t maximum)
{
    tp_pool_t *pool = scene_pool(minimum, maximum);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(SETTLED));
    scene_submit(work, 1);
    scene_finish(work);
    return pool;
}

void scene_until(int64_t then)
{
    int64_t now = tpps_now();
    if (now < then)
        tpps_sleep(then - now);
}

void scene_about(int64_t then)
{
    tpps_sleep(then - 1 + (int64_t)tpps_choose(3));
}

/* ---- callbacks of work ----------------------------------------------------------------------- */

void scene_compute(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_add(SCENE_STARTED, 1);
    tpps_busy((int64_t)(uintptr_t)context * US);
}

void scene_nap(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_add(SCENE_STARTED, 1);
    tpps_sleep((int64_t)(uintptr_t)context * US);
}

void scene_exit_thread(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(SCENE_STARTED, 1);
    tpps_thread_exit();
}

tp_work_t *scene_start(tp_pool_t *pool, tp_work_fn function, uint32_t us)
{
    tp_work_t *work = scene_pool_work(pool, function, SCENE_WORD(us));
    uint32_t before = scene_latest(SCENE_STARTED);
    scene_submit(work, 1);
    if (work)
        scene_await(SCENE_STARTED, before + 1);
    return work;
}

/* ---- setting --------------------------------------------------------------------------------- */

static tp_status_t set(tp_timer_t *timer, const tp_timer_spec_t *spec, bool *was_armed)
{
    bool armed = false;
    /* Nothing here may need memory: only a thread may come, if it expires at once. */
    tp_status_t status = tp_timer_set(timer, spec, &armed);
    if (status != TP_OK && armed)
        tpps_fail("scene: tp_timer_set gave %s and an arming", tp_status_name(status));
    *was_armed = armed;
    return status;
}

bool scene_timer_set(tp_timer_t *timer, uint32_t clock, int64_t due, int64_t period, int64_t window)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    bool was_armed = false;
    spec.clock = clock;
    spec.due = due;
    spec.period = period;
    spec.window = window;
    tpps_check(!timer || set(timer, &spec, &was_armed) == TP_OK);
    return was_armed;
}

bool scene_timer_in(tp_timer_t *timer, int64_t delay)
{
    return scene_timer_set(timer, TP_CLOCK_RELATIVE, delay, 0, 0);
}

bool scene_timer_every(tp_timer_t *timer, int64_t period)
{
    return scene_timer_set(timer, TP_CLOCK_RELATIVE, period, period, 0);
}

bool scene_timer_stop(tp_timer_t *timer)
{
    bool was_armed = false;
    tpps_check(!timer || set(timer, NULL, &was_armed) == TP_OK);
    return was_armed;
}

tp_status_t scene_timer_try(tp_timer_t *timer, int64_t delay, int64_t period, bool *was_armed)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.due = delay;
    spec.period = period;
    tp_status_t status = set(timer, &spec, was_armed);
    if (status != TP_OK && status != TP_ERR_HANDLE && status != TP_ERR_CLOSED)
        tpps_fail("scene: tp_timer_set gave %s", tp_status_name(status));
    return status;
}

/* ---- waiting and closing --------------------------------------------------------------------- */

void scene_timer_wait(tp_timer_t *timer)
{
    tpps_check(!timer || tp_timer_wait(timer, false, TP_INFINITE) == TP_OK);
}

void scene_timer_cancel(tp_timer_t *timer)
{
    tpps_check(!timer || tp_timer_wait(timer, true, TP_INFINITE) == TP_OK);
}

void scene_timer_close(tp_timer_t *timer)
{
    tpps_check(tp_timer_close(timer) == TP_OK);
}

void scene_timer_finish(tp_timer_t *timer)
{
    scene_timer_stop(timer);
    scene_timer_wait(timer);
    scene_timer_close(timer);
}

uint32_t scene_latest(uint32_t word)
{
    scene_add(word, 0); /* changing a word is not possible on an old value of it */
    return scene_value(word);
}

/* ---- when callbacks began -------------------------------------------------------------------- */

static tpp_u64 ticks[SCENE_SERIES][SCENE_TICKS];

void scene_tick_now(uint32_t series)
{
    tpps_check(series < SCENE_SERIES);
    uint32_t number = scene_next(TAKEN + series);
    tpps_check(number < SCENE_TICKS);
    tpp_store_release(&ticks[series][number], (uint64_t)tpps_now());
    scene_add(series, 1);
}

void scene_tick(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)timer;
    scene_tick_now((uint32_t)(uintptr_t)context);
}

int64_t scene_tick_at(uint32_t series, uint32_t number)
{
    tpps_check(number < scene_latest(series));
    return (int64_t)tpp_load_acquire(&ticks[series][number]);
}

void scene_check_ticks(uint32_t series, uint32_t count, int64_t first, int64_t period, int64_t late)
{
    if (scene_latest(series) != count)
        tpps_fail("scene: series %u has %u ticks, %u expected", series, scene_latest(series),
                  count);
    for (uint32_t i = 0; i < count; i++) {
        int64_t after = scene_tick_at(series, i) - (first + i * period);
        if (after < 0 || after > late)
            tpps_fail("scene: tick %u of series %u came %lld ns after its time, %lld allowed", i,
                      series, (long long)after, (long long)late);
    }
}
