/* work.h - callbacks the program asks for: simple ones, and work objects to submit repeatedly. */
#ifndef TP_WORK_H
#define TP_WORK_H

#include "tp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Has `callback` run once on a pool, without a handle to wait for or cancel it by.
 *
 *  This is the one submit that can fail for lack of resources; where it must not, create a work
 *  object beforehand. With a cleanup group in the environment, the group waits for it and cancels
 *  it.
 *
 *  Mirrors: TrySubmitThreadpoolCallback. Differs: status; MIRROR.md#try-submit.
 *  callback what to run.
 *  context  handed to the callback; may be NULL.
 *  env      choices, see tp/env.h; NULL = defaults.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if callback is NULL; TP_ERR_HANDLE if env is no environment;
 *           TP_ERR_CLOSED if the pool or the group it names is closed; TP_ERR_LIMIT at 2^32-1
 *           objects in the pool; TP_ERR_BUSY at the pool's queue_limit; TP_ERR_NO_MEMORY;
 *           TP_ERR_NO_THREAD if the pool has no thread and cannot start one. After an error
 *           nothing runs.
 *  Threads: any.
 *  Blocks:  never for a callback; allocates; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env` for the call. On TP_OK `context` moves to the library, which calls
 *           context_release once, if the environment has one, also when the post is cancelled;
 *           after an error `context` is still the caller's.
 *  Since:   0.1 */
TP_API tp_status_t tp_try_submit(tp_simple_fn callback, void *context, const tp_env_t *env);

/** Makes a work object: a callback that each submit has run once.
 *
 *  All that can fail for lack of resources fails here; submit, wait and close cannot.
 *
 *  Mirrors: CreateThreadpoolWork. Differs: status; MIRROR.md#work-create.
 *  callback what to run.
 *  context  handed to the callback; may be NULL.
 *  env      choices, see tp/env.h, copied; NULL = defaults.
 *  work_out the object; NULL on any error.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if callback or work_out is NULL; TP_ERR_HANDLE if env is
 *           no environment; TP_ERR_CLOSED if the pool or the group it names is closed;
 *           TP_ERR_LIMIT at 2^32-1 objects in the pool; TP_ERR_NO_MEMORY; TP_ERR_NO_THREAD if
 *           the pool has no thread and cannot start one.
 *  Threads: any.
 *  Blocks:  never for a callback; allocates; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env` for the call. The caller owns the object: close it with tp_work_close or
 *           with its group. On TP_OK `context` moves to the object; after an error it is still the
 *           caller's.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_work_create(tp_work_fn callback, void *context,
                                               const tp_env_t *env, tp_work_t **work_out);

/** Posts the object once: its callback runs once more, in parallel with other posts of it.
 *
 *  What the caller wrote before the submit is visible to the callback.
 *
 *  Mirrors: SubmitThreadpoolWork. Differs: status; MIRROR.md#work-submit.
 *  work     the object.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open work object; TP_ERR_LIMIT if 2^32-1 posts are
 *           pending already.
 *  Threads: any, also from the object's own callback.
 *  Blocks:  never; allocates nothing for the post and cannot fail for lack of anything; it may
 *           start a thread below the pool's target, and goes without if there is no memory for
 *           one; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `work` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_work_submit(tp_work_t *work);

/** Posts the object `count` times with one decision about waking threads.
 *
 *  Mirrors: SubmitThreadpoolWork, called `count` times. Differs: MIRROR.md#work-submit-many.
 *  work     the object.
 *  count    posts; 0 does nothing.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open work object; TP_ERR_LIMIT if more than 2^32-1 posts
 *           would be pending: then none is added.
 *  Threads: any, also from the object's own callback.
 *  Blocks:  never; allocates nothing for the post and cannot fail for lack of anything; it may
 *           start a thread below the pool's target, and goes without if there is no memory for
 *           one; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `work` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_work_submit_many(tp_work_t *work, uint32_t count);

/** Waits until no post of the object is pending and none of its callbacks is running.
 *
 *  Finalizers and the completion actions on locks, semaphores and events are then done too. Posts
 *  made meanwhile extend the wait. Callbacks that called tp_callback_disassociate are not waited
 *  for.
 *
 *  Mirrors: WaitForThreadpoolWorkCallbacks. Differs: timeout, deadlock detected;
 *  MIRROR.md#work-wait.
 *  work            the object.
 *  cancel_pending  true drops what is pending at the call; running callbacks are never interrupted.
 *                  The object stays usable.
 *  timeout         nanoseconds; 0 = only look, TP_INFINITE = no limit.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open work object; TP_ERR_ARGUMENT if timeout is
 *           negative; TP_ERR_DEADLOCK from the object's own callback, unless disassociated: nothing
 *           is cancelled; TP_ERR_TIMEOUT: what was cancelled stays cancelled.
 *  Threads: any, several at once; a concurrent close is harmless.
 *  Blocks:  yes; allocates nothing; callable from a callback of another object, where with
 *           TP_INFINITE it may run callbacks of `work` on the calling thread; not
 *           async-signal-safe.
 *  Owns:    borrows `work` for the call.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_work_wait(tp_work_t *work, bool cancel_pending, int64_t timeout);

/** Closes the object.
 *
 *  The handle is gone; what is pending still runs, and its callbacks receive the old handle value.
 *  The object is freed, and context_release called, after the last callback. A group member closed
 *  on its own gets no cancel callback.
 *
 *  Mirrors: CloseThreadpoolWork. Differs: a second close is an error, not a crash;
 *  MIRROR.md#work-close.
 *  work     the object; NULL does nothing.
 *  Returns: TP_OK, also for NULL; TP_ERR_HANDLE if not an open work object. Of two concurrent
 *           closes exactly one gets TP_OK.
 *  Threads: any, also from the object's own callback.
 *  Blocks:  never for a callback, though context_release may run in this call; allocates nothing;
 *           callable from a callback; not async-signal-safe.
 *  Owns:    ends the caller's ownership.
 *  Since:   0.1 */
TP_API tp_status_t tp_work_close(tp_work_t *work);

#ifdef __cplusplus
}
#endif

#endif
