/* scene_timer.h - timers in scenarios: short calls, and a record of when their callbacks began.
 *
 * As in scene.h each call fails the run at once, and does nothing where the timer is NULL. */
#ifndef TESTS_SCENARIO_SCENE_TIMER_H
#define TESTS_SCENARIO_SCENE_TIMER_H

#include "tests/scenario/scene.h"

#define US INT64_C(1000)
#define MS (1000 * US)
#define SECOND (1000 * MS)
#define HOUR (3600 * SECOND)
#define YEAR (8766 * HOUR)

tp_timer_t *scene_timer(tp_timer_fn function, void *context, const struct scene_choice *choice);
tp_timer_t *scene_pool_timer(tp_pool_t *pool, tp_timer_fn function, void *context);

/* One whose context is that word, in which the release of the context is counted. */
tp_timer_t *scene_released_timer(tp_pool_t *pool, tp_timer_fn function, uint32_t word);

/* One whose callback is a tick of that series, see below. */
tp_timer_t *scene_ticker(tp_pool_t *pool, uint32_t series);

/* A pool that has run something: its first thread is there, and about to fall asleep. */
tp_pool_t *scene_settled(uint32_t minimum, uint32_t maximum);

/* Sleeps until then, if that is still to come. */
void scene_until(int64_t then);

/* Sleeps for that long, or a nanosecond less or more: ahead of what is due then, with it or behind
 * it. */
void scene_about(int64_t then);

/* ---- callbacks of work that keep their thread ------------------------------------------------ */

/* Each counts its beginning in this word. */
#define SCENE_STARTED (SCENE_WORDS - SCENE_SERIES - 2)

/* The context says for how many microseconds. */
void scene_compute(tp_callback_instance_t *instance, void *context, tp_work_t *work);
void scene_nap(tp_callback_instance_t *instance, void *context, tp_work_t *work);

/* Ends its thread. */
void scene_exit_thread(tp_callback_instance_t *instance, void *context, tp_work_t *work);

/* Makes and submits it, and waits until it has begun. */
tp_work_t *scene_start(tp_pool_t *pool, tp_work_fn function, uint32_t us);

/* ---- setting --------------------------------------------------------------------------------- */

/* Each tells whether the timer was armed. */
bool scene_timer_set(tp_timer_t *timer, uint32_t clock, int64_t due, int64_t period,
                     int64_t window);
bool scene_timer_in(tp_timer_t *timer, int64_t delay); /* once */
bool scene_timer_every(tp_timer_t *timer, int64_t period);
bool scene_timer_stop(tp_timer_t *timer);

/* The same for those who may come after a close or a shutdown. */
tp_status_t scene_timer_try(tp_timer_t *timer, int64_t delay, int64_t period, bool *was_armed);

void scene_timer_wait(tp_timer_t *timer);
void scene_timer_cancel(tp_timer_t *timer); /* drops what is pending, and waits */
void scene_timer_close(tp_timer_t *timer);
void scene_timer_finish(tp_timer_t *timer); /* stops, waits, closes */

/* The value of a word, also with a weak memory when nothing orders the look after the last write:
 * after a sleep, say. */
uint32_t scene_latest(uint32_t word);

/* ---- when callbacks began -------------------------------------------------------------------- */

/* A series is a number below SCENE_SERIES; its ticks are counted in the word of that number, so
 * scene_latest and scene_await know them. The last words are in use for that, and two more. */
enum { SCENE_SERIES = 4, SCENE_TICKS = 64 };

/* A callback whose context is its series. */
void scene_tick(tp_callback_instance_t *instance, void *context, tp_timer_t *timer);
void scene_tick_now(uint32_t series); /* for other callbacks */

/* When the nth began, by the monotonic clock; it must have ended. */
int64_t scene_tick_at(uint32_t series, uint32_t number);

/* Fails unless exactly so many began, the nth in [first + n * period, ... + late]. */
void scene_check_ticks(uint32_t series, uint32_t count, int64_t first, int64_t period,
                       int64_t late);

#endif
