/* instance.h - what a running callback may tell its pool: long, done, release this on return. */
#ifndef TP_INSTANCE_H
#define TP_INSTANCE_H

#include "tp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An instance is valid in its callback, and in that callback's finalizer, on the thread that runs
 * it. Used after that, or on another thread, it gives TP_ERR_STATE; what never was an instance
 * gives TP_ERR_HANDLE.
 *
 * The completion actions (..._on_return) are done by the pool after the callback and its finalizer,
 * also if the callback disassociated itself, in this order: unlock, release mutex, release
 * semaphore, set event; these before a wait for the callback returns; then close library. There is
 * one action of each kind: the last call of a kind replaces an earlier one. An action that fails is
 * told to the misuse hook and keeps no other from being done. The mutexes must be owned by the
 * callback's thread when it returns. */

/** Tells that this callback will run long, and asks whether the pool can do without its thread.
 *
 *  Mirrors: CallbackMayRunLong. Differs: may be asked again; MIRROR.md#callback-may-run-long.
 *  instance  the running callback.
 *  Returns: TP_OK if another thread is idle or could be started; TP_ERR_TOO_MANY_THREADS if not:
 *           the pool is at its maximum, or the system refused; TP_ERR_STATE; TP_ERR_HANDLE.
 *  Threads: the callback's own.
 *  Blocks:  never; may start a thread, and allocate for it; callable from a callback only; not
 *           async-signal-safe.
 *  Owns:    borrows `instance` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_callback_may_run_long(tp_callback_instance_t *instance);

/** Lets waits for the object no longer wait for this callback.
 *
 *  The callback may then wait for its own object. Closing the members of a group still waits for
 *  it, and it still counts against the concurrency limit. A second call does nothing.
 *
 *  Mirrors: DisassociateCurrentThreadFromCallback. Differs: MIRROR.md#callback-disassociate.
 *  instance  the running callback.
 *  Returns: TP_OK; TP_ERR_STATE; TP_ERR_HANDLE.
 *  Threads: the callback's own.
 *  Blocks:  never; allocates nothing; callable from a callback only; not async-signal-safe.
 *  Owns:    borrows `instance` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_callback_disassociate(tp_callback_instance_t *instance);

/** Has a pthread mutex unlocked after the callback.
 *
 *  Mirrors: LeaveCriticalSectionWhenCallbackReturns. Differs: MIRROR.md#callback-unlock-on-return.
 *  instance  the running callback.
 *  pthread_mutex  a pthread_mutex_t that the callback has locked, or will have.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if pthread_mutex is NULL; TP_ERR_STATE; TP_ERR_HANDLE.
 *  Threads: the callback's own.
 *  Blocks:  never; allocates nothing; callable from a callback only; not async-signal-safe.
 *  Owns:    the mutex stays the caller's and must live until it is unlocked.
 *  Since:   0.1 */
TP_API tp_status_t tp_callback_unlock_on_return(tp_callback_instance_t *instance,
                                                void *pthread_mutex);

/** Has a mutex released after the callback.
 *
 *  Mirrors: ReleaseMutexWhenCallbackReturns. Differs: MIRROR.md#callback-release-mutex-on-return.
 *  instance  the running callback.
 *  mutex     a mutex that the callback owns, or will own.
 *  Returns: TP_OK; TP_ERR_HANDLE, also if mutex is not an open mutex; TP_ERR_STATE.
 *  Threads: the callback's own.
 *  Blocks:  never; allocates nothing; callable from a callback only; not async-signal-safe.
 *  Owns:    borrows both; the mutex must stay open until it is released.
 *  Since:   0.1 */
TP_API tp_status_t tp_callback_release_mutex_on_return(tp_callback_instance_t *instance,
                                                       tp_mutex_t *mutex);

/** Has a semaphore released after the callback.
 *
 *  Mirrors: ReleaseSemaphoreWhenCallbackReturns. Differs:
 *  MIRROR.md#callback-release-semaphore-on-return.
 *  instance  the running callback.
 *  semaphore the semaphore.
 *  count     how much to add, from 1.
 *  Returns: TP_OK; TP_ERR_HANDLE, also if semaphore is not an open semaphore; TP_ERR_ARGUMENT if
 *           count is 0; TP_ERR_STATE.
 *  Threads: the callback's own.
 *  Blocks:  never; allocates nothing; callable from a callback only; not async-signal-safe.
 *  Owns:    borrows both; the semaphore must stay open until it is released.
 *  Since:   0.1 */
TP_API tp_status_t tp_callback_release_semaphore_on_return(tp_callback_instance_t *instance,
                                                           tp_semaphore_t *semaphore,
                                                           uint32_t count);

/** Has an event set after the callback.
 *
 *  Mirrors: SetEventWhenCallbackReturns. Differs: MIRROR.md#callback-set-event-on-return.
 *  instance  the running callback.
 *  event     the event.
 *  Returns: TP_OK; TP_ERR_HANDLE, also if event is not an open event; TP_ERR_STATE.
 *  Threads: the callback's own.
 *  Blocks:  never; allocates nothing; callable from a callback only; not async-signal-safe.
 *  Owns:    borrows both; the event must stay open until it is set.
 *  Since:   0.1 */
TP_API tp_status_t tp_callback_set_event_on_return(tp_callback_instance_t *instance,
                                                   tp_event_t *event);

/** Has a shared library closed after the callback, outside its code.
 *
 *  Mirrors: FreeLibraryWhenCallbackReturns. Differs: done after waits for the callback are let go;
 *  MIRROR.md#callback-close-library-on-return.
 *  instance  the running callback.
 *  dlopen_handle  what dlopen returned.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if dlopen_handle is NULL; TP_ERR_STATE; TP_ERR_HANDLE.
 *  Threads: the callback's own.
 *  Blocks:  never; allocates nothing; callable from a callback only; not async-signal-safe.
 *  Owns:    on TP_OK takes over one reference of the caller to the shared library. A handle that a
 *           later call of this kind replaces is the caller's again.
 *  Since:   0.1 */
TP_API tp_status_t tp_callback_close_library_on_return(tp_callback_instance_t *instance,
                                                       void *dlopen_handle);

/** Tells whether somebody wants this callback to end early.
 *
 *  True from the moment a wait with cancel_pending, or closing the members of its group with
 *  cancel_pending, meets this callback running. The callback may obey or not.
 *
 *  Mirrors: nothing on Windows.
 *  instance  the running callback.
 *  requested true or false; false on any error.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if requested is NULL; TP_ERR_STATE; TP_ERR_HANDLE.
 *  Threads: the callback's own.
 *  Blocks:  never; allocates nothing; callable from a callback only; not async-signal-safe.
 *  Owns:    borrows `instance` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_callback_cancel_requested(tp_callback_instance_t *instance, bool *requested);

/** Tells in which states the descriptor was that satisfied this callback's wait.
 *
 *  Mirrors: nothing on Windows.
 *  instance  the running callback of a wait.
 *  events   receives what poll(2) would have said of the descriptor: of what was asked for, and
 *           POLLERR and POLLHUP unasked; 0 if the wait was not armed on a descriptor, if its time
 *           ran out, and on any error. Of several callbacks of one wait that were queued together,
 *           all are told of the latest.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if events is NULL; TP_ERR_STATE if it is over, of another
 *           thread, or of an object that is no wait; TP_ERR_HANDLE.
 *  Threads: the callback's own.
 *  Blocks:  never; allocates nothing; callable from a callback only; not async-signal-safe.
 *  Owns:    borrows `instance` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_callback_wait_events(tp_callback_instance_t *instance, uint32_t *events);

/** Tells the pool that the calling thread is about to block, so that it may use another meanwhile.
 *
 *  Pairs nest. Needs no instance: code deep below a callback may call it. If work is queued and no
 *  thread is idle, one is started, up to the maximum.
 *
 *  Mirrors: nothing on Windows, whose kernel sees threads block.
 *  Returns: TP_OK; TP_ERR_STATE outside callbacks.
 *  Threads: a thread that is running a callback.
 *  Blocks:  never; may start a thread, and allocate for it; callable from a callback only; not
 *           async-signal-safe.
 *  Owns:    nothing; a callback that returns inside a pair ends it.
 *  Since:   0.1 */
TP_API tp_status_t tp_blocking_begin(void);

/** Tells the pool that the stretch begun by the last tp_blocking_begin is over.
 *
 *  Mirrors: nothing on Windows.
 *  Returns: TP_OK; TP_ERR_STATE outside callbacks and without a tp_blocking_begin.
 *  Threads: the thread that called tp_blocking_begin.
 *  Blocks:  never; allocates nothing; callable from a callback only; not async-signal-safe.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API tp_status_t tp_blocking_end(void);

#ifdef __cplusplus
}
#endif

#endif
