/* wait.h - waits: a callback when something is signaled, or when a time has run out before. */
#ifndef TP_WAIT_H
#define TP_WAIT_H

#include "tp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a wait is armed on, and for how long: tp_wait_set(). Initialise with TP_WAIT_SPEC_INIT or
 *  tp_wait_spec_init.
 *
 *  clock    What `timeout` means. TP_CLOCK_RELATIVE: from now; time in which the machine sleeps
 *           does not count. TP_CLOCK_REALTIME: a point in time, ns since 1970 UTC, which follows
 *           the wall clock when that is set. TP_CLOCK_MONOTONIC: a point on CLOCK_MONOTONIC.
 *           TP_CLOCK_BOOTTIME: from now; time in which the machine sleeps counts.
 *  source   made by a function tp_waitable_*().
 *  timeout  TP_INFINITE: none. 0, or a point in time that is past: the callback is posted at once
 *           with TP_WAIT_TIMEOUT, and nothing is taken from the source, signaled or not. */
typedef struct tp_wait_spec {
    uint32_t struct_size; /**< sizeof(tp_wait_spec_t) */
    uint32_t clock;       /**< TP_CLOCK_* */
    tp_waitable_t source;
    int64_t timeout; /**< ns, not negative */
} tp_wait_spec_t;

/* clang-format off */
#define TP_WAIT_SPEC_INIT \
    {(uint32_t)sizeof(tp_wait_spec_t), TP_CLOCK_RELATIVE, {0, 0, 0}, TP_INFINITE}
/* clang-format on */

/** Does what TP_WAIT_SPEC_INIT does: no source yet, and no timeout.
 *
 *  Mirrors: nothing; for languages that see no macros.
 *  spec     receives the defaults; NULL does nothing.
 *  Returns: nothing.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; async-signal-safe.
 *  Owns:    borrows `spec` for the call.
 *  Since:   0.1 */
TP_API void tp_wait_spec_init(tp_wait_spec_t *spec);

/** Makes a wait, not armed.
 *
 *  Mirrors: CreateThreadpoolWait. Differs: status; MIRROR.md#wait-create.
 *  callback  what to run when the source is signaled or the time has run out; it is told which.
 *  context   handed to the callback; may be NULL.
 *  env       choices, see tp/env.h, copied; NULL = defaults.
 *  wait_out  the object; NULL on any error.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if callback or wait_out is NULL; TP_ERR_HANDLE if env is no
 *           environment; TP_ERR_CLOSED if the pool or the group it names is closed; TP_ERR_LIMIT at
 *           2^32-1 objects in the pool; TP_ERR_NO_MEMORY; TP_ERR_NO_THREAD if the pool has no
 *           thread and cannot start one, or the process none that watches clocks.
 *  Threads: any.
 *  Blocks:  never for a callback; allocates; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env` for the call. The caller owns the object: close it with tp_wait_close or
 *           with its group. On TP_OK `context` moves to the object; after an error it is still the
 *           caller's.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_wait_create(tp_wait_fn callback, void *context,
                                               const tp_env_t *env, tp_wait_t **wait_out);

/** Arms the wait on a source, or disarms it.
 *
 *  Replaces what was armed before, at once and whole, and unconsumed. One shot: when the source is
 *  signaled, or the time runs out, exactly one of the two, one callback is posted and the wait is
 *  not armed any more; set it again, from its callback if you like, for the next. What the source
 *  gives is taken with the post: the signal of an automatic event, one count of a semaphore, the
 *  mutex, one signal; so each unit is one callback. A source that stays signaled (a manual event,
 *  an ended process, readable data) fires again as soon as the wait is set again.
 *
 *  Mirrors: SetThreadpoolWaitEx. Differs: descriptors, processes, signals and mutexes; clocks;
 *  status; MIRROR.md#wait-set.
 *  wait      the object.
 *  spec      the source and the timeout, read for the call; NULL: disarm.
 *  was_armed receives true if this call took away an arming that had not been posted yet (false:
 *            there was none, or it has been posted and its callback runs); may be NULL.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open wait, or the source is of an object that is not
 *           open, or nothing that a tp_waitable_*() made; TP_ERR_VERSION; TP_ERR_ARGUMENT for an
 *           unknown clock, a negative timeout, or states that poll(2) does not know;
 *           TP_ERR_CLOSED if its pool is shut down or its group is closing members, unless spec is
 *           NULL; TP_ERR_BUSY if the source is a mutex and this wait has a callback queued that
 *           will own one; TP_ERR_LIMIT if it is posted at once and 2^32-1 are pending; for
 *           descriptors, processes and signals also TP_ERR_NO_MEMORY and TP_ERR_SYSTEM: EBADF for
 *           what is no descriptor or no process, EPERM for a file that is always ready, EINVAL for
 *           a bad signal, EMFILE, ENOSPC. After an error everything is as it was.
 *  Threads: any, also from its own callback.
 *  Blocks:  never, except that giving up the last reference to a file takes as long as closing it;
 *           allocates nothing unless the source is a descriptor, a process or a signal that this
 *           pool does not know yet; like tp_work_submit it may start a thread when it is posted at
 *           once; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `wait` and `spec` for the call. Of a descriptor the library keeps a reference
 *           of its own until the wait is armed on something else, disarmed or closed; closing the
 *           descriptor, before or after, is the caller's business. An event, semaphore or mutex
 *           that is closed while the wait is armed on it leaves that armed: only its timeout, set
 *           or close end it.
 *  Since:   0.1 */
TP_API tp_status_t tp_wait_set(tp_wait_t *wait, const tp_wait_spec_t *spec, bool *was_armed);

/** Waits until no post of the wait is pending and none of its callbacks is running.
 *
 *  It does not wait for a signal to come, nor disarm: to be rid of a wait, call tp_wait_set with a
 *  spec of NULL, tp_wait_wait, tp_wait_close. Otherwise as tp_work_wait.
 *
 *  Mirrors: WaitForThreadpoolWaitCallbacks. Differs: timeout, deadlock detected;
 *  MIRROR.md#wait-wait.
 *  wait            the object.
 *  cancel_pending  true drops what is pending at the call, a mutex that came with it is given back;
 *                  other units stay taken. Running callbacks are never interrupted. The object
 *                  stays usable, and armed if it is.
 *  timeout         nanoseconds; 0 = only look, TP_INFINITE = no limit.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open wait; TP_ERR_ARGUMENT if timeout is negative;
 *           TP_ERR_DEADLOCK from the object's own callback, unless disassociated: nothing is
 *           cancelled; TP_ERR_TIMEOUT: what was cancelled stays cancelled.
 *  Threads: any, several at once; a concurrent close is harmless.
 *  Blocks:  yes; allocates nothing; callable from a callback of another object, where with
 *           TP_INFINITE it may run callbacks of `wait` on the calling thread; not
 *           async-signal-safe.
 *  Owns:    borrows `wait` for the call.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_wait_wait(tp_wait_t *wait, bool cancel_pending,
                                             int64_t timeout);

/** Closes the wait.
 *
 *  It is disarmed, unconsumed: once this returns, what it was armed on may be closed at once. What
 *  is pending still runs, and its callbacks receive the old handle value. The object is freed, and
 *  context_release called, after the last callback. A group member closed on its own gets no cancel
 *  callback.
 *
 *  Mirrors: CloseThreadpoolWait. Differs: a second close is an error, not a crash;
 *  MIRROR.md#wait-close.
 *  wait     the object; NULL does nothing.
 *  Returns: TP_OK, also for NULL; TP_ERR_HANDLE if not an open wait. Of two concurrent closes
 *           exactly one gets TP_OK.
 *  Threads: any, also from the object's own callback.
 *  Blocks:  as tp_wait_set; context_release may run in this call; allocates nothing; callable from
 *           a callback; not async-signal-safe.
 *  Owns:    ends the caller's ownership.
 *  Since:   0.1 */
TP_API tp_status_t tp_wait_close(tp_wait_t *wait);

#ifdef __cplusplus
}
#endif

#endif
