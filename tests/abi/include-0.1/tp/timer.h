/* timer.h - timers: a callback that runs when its time has come, once or again and again. */
#ifndef TP_TIMER_H
#define TP_TIMER_H

#include "tp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define TP_TIMER_SPEC_INIT \
    {(uint32_t)sizeof(tp_timer_spec_t), TP_CLOCK_RELATIVE, 0, 0, 0, 0, 0}
/* clang-format on */

/** Does what TP_TIMER_SPEC_INIT does.
 *
 *  Mirrors: nothing; for languages that see no macros.
 *  spec     receives the defaults; NULL does nothing.
 *  Returns: nothing.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; async-signal-safe.
 *  Owns:    borrows `spec` for the call.
 *  Since:   0.1 */
TP_API void tp_timer_spec_init(tp_timer_spec_t *spec);

/** Makes a timer, not set.
 *
 *  All that can fail for lack of resources fails here; setting, waiting and closing cannot.
 *
 *  Mirrors: CreateThreadpoolTimer. Differs: status; MIRROR.md#timer-create.
 *  callback  what to run at each expiry.
 *  context   handed to the callback; may be NULL.
 *  env       choices, see tp/env.h, copied; NULL = defaults.
 *  timer_out the object; NULL on any error.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if callback or timer_out is NULL; TP_ERR_HANDLE if env is
 *           no environment; TP_ERR_CLOSED if the pool or the group it names is closed;
 *           TP_ERR_LIMIT at 2^32-1 objects in the pool; TP_ERR_NO_MEMORY; TP_ERR_NO_THREAD if
 *           the pool has no thread and cannot start one, or the process none that watches clocks.
 *  Threads: any.
 *  Blocks:  never for a callback; allocates; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env` for the call. The caller owns the object: close it with tp_timer_close or
 *           with its group. On TP_OK `context` moves to the object; after an error it is still the
 *           caller's.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_timer_create(tp_timer_fn callback, void *context,
                                                const tp_env_t *env, tp_timer_t **timer_out);

/** Arms the timer anew, or stops it.
 *
 *  Replaces what was set before, at once and whole: of an expiry and a concurrent set exactly one
 *  comes first. Posts already made still run; tp_timer_wait can drop them. Each expiry is one post,
 *  so a callback may overlap with itself unless the environment limits its concurrency. An expiry
 *  that finds 2^32-1 posts pending is dropped.
 *
 *  Mirrors: SetThreadpoolTimerEx. Differs: nanoseconds, three clocks, status; MIRROR.md#timer-set.
 *  timer     the object.
 *  spec      when to expire, read for the call; NULL: stop.
 *  was_armed receives true if this call took away an expiry that had not been posted yet (false:
 *            there was none, or it has been posted and its callback runs); may be NULL.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open timer; TP_ERR_VERSION; TP_ERR_ARGUMENT for an
 *           unknown clock or flag, a negative period or window, a reserved field that is not 0;
 *           TP_ERR_CLOSED if its pool is shut down or its group is closing members, unless spec is
 *           NULL; TP_ERR_LIMIT if it expires at once and 2^32-1 posts are pending. After an error
 *           everything is as it was.
 *  Threads: any, also from its own callback.
 *  Blocks:  never; allocates nothing for the timer and cannot fail for lack of anything; like
 *           tp_work_submit it may start a thread when it expires at once; callable from a callback;
 *           not async-signal-safe.
 *  Owns:    borrows `timer` and `spec` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_timer_set(tp_timer_t *timer, const tp_timer_spec_t *spec, bool *was_armed);

/** Tells whether the timer was set last, or stopped last: not whether it will expire again.
 *
 *  Mirrors: IsThreadpoolTimerSet. Differs: status; MIRROR.md#timer-is-set.
 *  timer    the object.
 *  is_set   receives true from a tp_timer_set with a spec until one without, also after a timer
 *           without a period has expired; false on any error.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open timer; TP_ERR_ARGUMENT if is_set is NULL.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `timer` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_timer_is_set(tp_timer_t *timer, bool *is_set);

/** Waits until no post of the timer is pending and none of its callbacks is running.
 *
 *  It does not wait for an expiry to come, nor stop the timer: to be rid of one, call
 *  tp_timer_set with a spec of NULL, tp_timer_wait, tp_timer_close. Otherwise as tp_work_wait.
 *
 *  Mirrors: WaitForThreadpoolTimerCallbacks. Differs: timeout, deadlock detected;
 *  MIRROR.md#timer-wait.
 *  timer           the object.
 *  cancel_pending  true drops what is pending at the call; running callbacks are never interrupted.
 *                  The object stays usable.
 *  timeout         nanoseconds; 0 = only look, TP_INFINITE = no limit.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open timer; TP_ERR_ARGUMENT if timeout is negative;
 *           TP_ERR_DEADLOCK from the object's own callback, unless disassociated: nothing is
 *           cancelled; TP_ERR_TIMEOUT: what was cancelled stays cancelled.
 *  Threads: any, several at once; a concurrent close is harmless.
 *  Blocks:  yes; allocates nothing; callable from a callback of another object, where with
 *           TP_INFINITE it may run callbacks of `timer` on the calling thread; not
 *           async-signal-safe.
 *  Owns:    borrows `timer` for the call.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_timer_wait(tp_timer_t *timer, bool cancel_pending,
                                              int64_t timeout);

/** Closes the timer.
 *
 *  It does not expire any more; what is pending still runs, and its callbacks receive the old
 *  handle value. The object is freed, and context_release called, after the last callback. A group
 *  member closed on its own gets no cancel callback.
 *
 *  Mirrors: CloseThreadpoolTimer. Differs: a second close is an error, not a crash;
 *  MIRROR.md#timer-close.
 *  timer    the object; NULL does nothing.
 *  Returns: TP_OK, also for NULL; TP_ERR_HANDLE if not an open timer. Of two concurrent closes
 *           exactly one gets TP_OK.
 *  Threads: any, also from the object's own callback.
 *  Blocks:  never for a callback, though context_release may run in this call; allocates nothing;
 *           callable from a callback; not async-signal-safe.
 *  Owns:    ends the caller's ownership.
 *  Since:   0.1 */
TP_API tp_status_t tp_timer_close(tp_timer_t *timer);

#ifdef __cplusplus
}
#endif

#endif
