/* scene_wait.h - waits in scenarios: short calls, and a count of how each arming ended.
 *
 * A scenario knows its waits by numbers below SCENE_WAITS. Each has counts: of its sets, of those
 * that somebody heard were taken away before they were posted, and of the callbacks by what they
 * were told. None is ever told more than was set:
 *
 *     tp_event_t *event = scene_event(false);
 *     scene_wait_make(0, pool);
 *     scene_wait_on(0, tp_waitable_event(event), US);
 *     scene_event_set(event);
 *     scene_wait_finish(0); // disarms, waits, closes: sets = callbacks + taken away
 *     tpps_check(scene_told(0, SCENE_SIGNALED) + scene_told(0, SCENE_TIMED_OUT) == 1);
 *
 * As in scene.h each call fails the run at once, and does nothing where what it is about is NULL or
 * was not made. */
#ifndef TESTS_SCENARIO_SCENE_WAIT_H
#define TESTS_SCENARIO_SCENE_WAIT_H

#include <poll.h>

#include "tests/scenario/scene_timer.h"

enum { SCENE_WAITS = 8 };

/* ---- things to wait for ---------------------------------------------------------------------- */

tp_event_t *scene_event(bool manual_reset);
tp_semaphore_t *scene_semaphore(uint32_t initial);
tp_mutex_t *scene_mutex(bool owned);
void scene_event_set(tp_event_t *event);
void scene_event_close(tp_event_t *event);
void scene_semaphore_give(tp_semaphore_t *semaphore, uint32_t units);
void scene_semaphore_close(tp_semaphore_t *semaphore);
void scene_mutex_release(tp_mutex_t *mutex);
void scene_mutex_close(tp_mutex_t *mutex);

/* Others in the very place of one that was closed; slots are used in turn. */
tp_event_t *scene_event_in_place(const tp_event_t *closed, bool manual_reset);
tp_mutex_t *scene_mutex_in_place(const tp_mutex_t *closed);

/* What a thread that waits so long finds; it takes what it finds. */
tp_wait_result_t scene_take(tp_waitable_t source, int64_t timeout);

/* Would a thread find it set? An automatic one is not, then. */
bool scene_event_was_set(tp_event_t *event);

/* Takes what units there are; how many. */
uint32_t scene_drain(tp_semaphore_t *semaphore);

/* ---- waits ----------------------------------------------------------------------------------- */

/* Each wait has scene_hit as its callback, or one whose context is SCENE_WORD(number) and which
 * begins by calling it. A release or cancel function of the choice is replaced by one that counts:
 * say scene_count_release or scene_count_cancel. False: not made. */
bool scene_wait_make(uint32_t number, tp_pool_t *pool);
bool scene_wait_calls(uint32_t number, tp_pool_t *pool, tp_wait_fn function);
bool scene_wait_chosen(uint32_t number, tp_wait_fn function, const struct scene_choice *choice);
bool scene_wait_in_place(uint32_t number, uint32_t closed, tp_wait_fn function,
                         const struct scene_choice *choice);
tp_wait_t *scene_wait_of(uint32_t number); /* NULL: not made */

/* Counts a callback; fails if it is one too many, or comes after scene_hush. */
void scene_hit(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
               tp_wait_result_t result);

/* ---- setting --------------------------------------------------------------------------------- */

/* Each tells whether the wait was armed. */
bool scene_wait_on(uint32_t number, tp_waitable_t source, int64_t timeout);
bool scene_wait_by(uint32_t number, tp_waitable_t source, uint32_t clock, int64_t timeout);
bool scene_disarm(uint32_t number);

/* The same for those who may come after a close or a shutdown, or are refused: any status but
 * TP_OK leaves the counts as they were. TP_ERR_HANDLE if it was not made. */
tp_status_t scene_wait_try(uint32_t number, tp_waitable_t source, int64_t timeout, bool *was_armed);

void scene_wait_wait(uint32_t number);
void scene_wait_cancel(uint32_t number); /* drops what is pending, and waits */
void scene_wait_close(uint32_t number);
void scene_wait_finish(uint32_t number); /* disarms, waits, balances with none dropped, closes */

/* ---- counts ---------------------------------------------------------------------------------- */

enum scene_count {
    SCENE_SIGNALED, /* callbacks that were told so, and so on */
    SCENE_ABANDONED,
    SCENE_TIMED_OUT,
    SCENE_FAILED,
    SCENE_SETS,      /* that gave TP_OK, or are under way */
    SCENE_TAKEN,     /* armings taken away by a set that heard of it */
    SCENE_HUSHED,    /* nothing may begin any more */
    SCENE_RELEASED,  /* calls of its release function */
    SCENE_CANCELLED, /* calls of its cancel function */
    SCENE_COUNTS
};

/* Also with a weak memory the latest. */
uint32_t scene_told(uint32_t number, enum scene_count count);
uint32_t scene_hits(uint32_t number); /* callbacks begun, whatever they were told */
void scene_await_told(uint32_t number, enum scene_count count, uint32_t at_least);
void scene_await_hits(uint32_t number, uint32_t at_least);

/* The states of the descriptor that the last callback to begin was told. */
uint32_t scene_events(uint32_t number);

/* An arming was taken away by somebody who can say so: a close of an armed wait, say. */
void scene_taken(uint32_t number);

/* From now on no callback of it may begin. */
void scene_hush(uint32_t number);

/* With nothing armed or pending: each set had one end. So many posts were dropped. */
void scene_balance(uint32_t number, uint32_t dropped);

/* scene.c: at the start of a run. */
void scene_waits_begin(void);

#endif
