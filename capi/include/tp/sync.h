/* sync.h - events, semaphores and mutexes, and waiting for one of them. */
#ifndef TP_SYNC_H
#define TP_SYNC_H

#include "tp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Closing an object never blocks; threads that wait for it wake with TP_ERR_HANDLE, and waits stay
 * armed. Waiting threads, and waits, are served in the order they came. */

/* ---- Event ----------------------------------------------------------------------------------- */

/** Makes an event.
 *
 *  Mirrors: CreateEvent. Differs: no name, no security; MIRROR.md#event-create.
 *  manual_reset  true: stays signaled until reset and lets every waiter go; false: lets one waiter
 *           go and resets itself.
 *  signaled the first state.
 *  event_out  the event; NULL on any error.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if event_out is NULL; TP_ERR_NO_MEMORY.
 *  Threads: any.
 *  Blocks:  never; allocates; callable from a callback; not async-signal-safe.
 *  Owns:    the caller owns the event: close it with tp_event_close.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_event_create(bool manual_reset, bool signaled,
                                                tp_event_t **event_out);

/** Signals the event. Setting a signaled event does nothing.
 *
 *  Mirrors: SetEvent. Differs: MIRROR.md#event-set.
 *  event    the event.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open event.
 *  Threads: any.
 *  Blocks:  never; allocates nothing, but like tp_work_submit it may start a thread if a wait is
 *           armed on it; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `event` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_event_set(tp_event_t *event);

/** Makes the event not signaled.
 *
 *  Mirrors: ResetEvent. Differs: MIRROR.md#event-reset.
 *  event    the event.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open event.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `event` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_event_reset(tp_event_t *event);

/** Closes the event; threads waiting for it get TP_ERR_HANDLE; waits armed on it stay armed.
 *
 *  Mirrors: CloseHandle. Differs: wakes the waiters; MIRROR.md#event-close.
 *  event    the event; NULL does nothing.
 *  Returns: TP_OK, also for NULL; TP_ERR_HANDLE if not an open event.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    ends the caller's ownership.
 *  Since:   0.1 */
TP_API tp_status_t tp_event_close(tp_event_t *event);

/* ---- Semaphore ------------------------------------------------------------------------------- */

/** Makes a semaphore. It is signaled while its count is above 0; a satisfied wait takes 1.
 *
 *  Mirrors: CreateSemaphore. Differs: no name, no security; MIRROR.md#semaphore-create.
 *  initial  the first count, 0..maximum.
 *  maximum  the highest count, from 1.
 *  semaphore_out  the semaphore; NULL on any error.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if semaphore_out is NULL, maximum is 0 or initial is above it;
 *           TP_ERR_NO_MEMORY.
 *  Threads: any.
 *  Blocks:  never; allocates; callable from a callback; not async-signal-safe.
 *  Owns:    the caller owns the semaphore: close it with tp_semaphore_close.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_semaphore_create(uint32_t initial, uint32_t maximum,
                                                    tp_semaphore_t **semaphore_out);

/** Adds to the semaphore's count.
 *
 *  Mirrors: ReleaseSemaphore. Differs: MIRROR.md#semaphore-release.
 *  semaphore  the semaphore.
 *  count    how much to add, from 1.
 *  previous the count before; 0 on any error; may be NULL.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open semaphore; TP_ERR_ARGUMENT if count is 0;
 *           TP_ERR_LIMIT if the count would exceed the maximum: it is then unchanged.
 *  Threads: any.
 *  Blocks:  never; allocates nothing, but like tp_work_submit it may start a thread if a wait is
 *           armed on it; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `semaphore` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_semaphore_release(tp_semaphore_t *semaphore, uint32_t count,
                                        uint32_t *previous);

/** Closes the semaphore; threads waiting for it get TP_ERR_HANDLE; waits armed on it stay armed.
 *
 *  Mirrors: CloseHandle. Differs: wakes the waiters; MIRROR.md#semaphore-close.
 *  semaphore  the semaphore; NULL does nothing.
 *  Returns: TP_OK, also for NULL; TP_ERR_HANDLE if not an open semaphore.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    ends the caller's ownership.
 *  Since:   0.1 */
TP_API tp_status_t tp_semaphore_close(tp_semaphore_t *semaphore);

/* ---- Mutex ----------------------------------------------------------------------------------- */

/** Makes a mutex. A satisfied wait makes the waiting thread its owner; the owner may take it again
 *  and must release it as often. A mutex whose owner thread ends without releasing it is
 *  abandoned: its next owner is told TP_WAIT_ABANDONED.
 *
 *  Mirrors: CreateMutex. Differs: no name, no security; MIRROR.md#mutex-create.
 *  owned    true: the calling thread owns it at once.
 *  mutex_out  the mutex; NULL on any error.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if mutex_out is NULL; TP_ERR_NO_MEMORY.
 *  Threads: any.
 *  Blocks:  never; allocates; callable from a callback; not async-signal-safe.
 *  Owns:    the caller owns the handle: close it with tp_mutex_close.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_mutex_create(bool owned, tp_mutex_t **mutex_out);

/** Releases the mutex once.
 *
 *  Mirrors: ReleaseMutex. Differs: MIRROR.md#mutex-release.
 *  mutex    the mutex.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an open mutex; TP_ERR_NOT_OWNER if the calling thread does
 *           not own it.
 *  Threads: the owner.
 *  Blocks:  never; allocates nothing, but like tp_work_submit it may start a thread if a wait is
 *           armed on it; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `mutex` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_mutex_release(tp_mutex_t *mutex);

/** Closes the mutex, owned or not; threads waiting for it get TP_ERR_HANDLE; waits armed on it stay
 *  armed.
 *
 *  Mirrors: CloseHandle. Differs: wakes the waiters; MIRROR.md#mutex-close.
 *  mutex    the mutex; NULL does nothing.
 *  Returns: TP_OK, also for NULL; TP_ERR_HANDLE if not an open mutex.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    ends the caller's ownership of the handle.
 *  Since:   0.1 */
TP_API tp_status_t tp_mutex_close(tp_mutex_t *mutex);

/* ---- Waiting --------------------------------------------------------------------------------- */

/** Describes an event as something to wait for.
 *
 *  Mirrors: the HANDLE given to WaitForSingleObject or SetThreadpoolWait.
 *  event    the event.
 *  Returns: a value to pass on; for a bad handle one that waits refuse with TP_ERR_HANDLE.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    nothing: the value needs no release and keeps nothing open.
 *  Since:   0.1 */
TP_API tp_waitable_t tp_waitable_event(tp_event_t *event);

/** Describes a semaphore as something to wait for.
 *
 *  Mirrors: the HANDLE given to WaitForSingleObject or SetThreadpoolWait.
 *  semaphore  the semaphore.
 *  Returns: a value to pass on; for a bad handle one that waits refuse with TP_ERR_HANDLE.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    nothing: the value needs no release and keeps nothing open.
 *  Since:   0.1 */
TP_API tp_waitable_t tp_waitable_semaphore(tp_semaphore_t *semaphore);

/** Describes a mutex as something to wait for.
 *
 *  Mirrors: the HANDLE given to WaitForSingleObject or SetThreadpoolWait. Differs:
 *  SetThreadpoolWait refuses mutexes.
 *  mutex    the mutex.
 *  Returns: a value to pass on; for a bad handle one that waits refuse with TP_ERR_HANDLE.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    nothing: the value needs no release and keeps nothing open.
 *  Since:   0.1 */
TP_API tp_waitable_t tp_waitable_mutex(tp_mutex_t *mutex);

/** Describes a file descriptor, of anything that poll(2) can wait for, as something to wait for.
 *
 *  Mirrors: nothing on Windows.
 *  fd       the descriptor; looked at when it is waited for, not here.
 *  poll_events  the states of poll(2) to wait for: POLLIN, POLLOUT, POLLPRI, POLLRDHUP ...; POLLERR
 *           and POLLHUP always count, and alone if it is 0.
 *  Returns: a value to pass on; waits refuse a bad descriptor with TP_ERR_SYSTEM (EBADF), and
 *           states above 0xffff with TP_ERR_ARGUMENT. Waiting consumes nothing.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; async-signal-safe.
 *  Owns:    nothing: the descriptor stays the caller's.
 *  Since:   0.1 */
TP_API tp_waitable_t tp_waitable_fd(int fd, uint32_t poll_events);

/** Describes a process, by its descriptor of pidfd_open, as something to wait for: signaled once it
 *  has ended.
 *
 *  Any process, not only a child; a child is not reaped.
 *
 *  Mirrors: a process HANDLE given to WaitForSingleObject or SetThreadpoolWait.
 *  pidfd    the descriptor; looked at when it is waited for, not here.
 *  Returns: a value to pass on; waits refuse what is no such descriptor with TP_ERR_SYSTEM (EBADF).
 *           Waiting consumes nothing.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; async-signal-safe.
 *  Owns:    nothing: the descriptor stays the caller's.
 *  Since:   0.1 */
TP_API tp_waitable_t tp_waitable_process(int pidfd);

/** Describes a signal sent to this process as something to wait for.
 *
 *  Block the signal in every thread, with pthread_sigmask in main before any other thread exists
 *  (those of the library block all signals): while some thread does not, the kernel gives it to
 *  that one's handler or default action, and no wait sees it. The library blocks nothing for you
 *  and installs no handler. Signals sent to one thread (pthread_kill, raise) are seen by none but
 *  that. Waiting consumes the signal once; the kernel keeps one of each number pending, and queues
 *  those from SIGRTMIN on.
 *
 *  Mirrors: nothing on Windows.
 *  signo    the signal, 1..64, not SIGKILL nor SIGSTOP.
 *  Returns: a value to pass on; waits refuse a bad number with TP_ERR_SYSTEM (EINVAL).
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; async-signal-safe.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API tp_waitable_t tp_waitable_signal(int signo);

/** Describes something that is never signaled: only the timeout ends a wait for it.
 *
 *  Mirrors: nothing on Windows.
 *  Returns: a value to pass on.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API tp_waitable_t tp_waitable_never(void);

/** Waits until the source is signaled, and takes what it gives: the signal of an automatic event,
 *  one count of a semaphore, the mutex.
 *
 *  Mirrors: WaitForSingleObject. Differs: nanoseconds, the result in an out-parameter;
 *  MIRROR.md#waitable-wait.
 *  source   made by a tp_waitable_*() function.
 *  timeout  nanoseconds; 0 = only look, and take it if ready; TP_INFINITE = no limit.
 *  result   TP_WAIT_SIGNALED; TP_WAIT_ABANDONED, and the mutex is owned; TP_WAIT_TIMEOUT. 0 on any
 *           error: look at the status first.
 *  Returns: TP_OK, also when the time ran out; TP_ERR_HANDLE if the source is not, or while waiting
 *           is no longer, an open object, or nothing that a tp_waitable_*() made;
 *           TP_ERR_ARGUMENT if timeout is negative, result is NULL, or for states that poll(2)
 *           does not know; TP_ERR_LIMIT if the calling thread has taken a
 *           mutex 2^32-1 times; TP_ERR_SYSTEM: EBADF or EINVAL for a descriptor, process or signal
 *           that cannot be waited for.
 *  Threads: any, several at once.
 *  Blocks:  yes; allocates nothing; callable from a callback, whose thread the pool then lacks; not
 *           async-signal-safe.
 *  Owns:    borrows the object of `source` for the call.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_waitable_wait(tp_waitable_t source, int64_t timeout,
                                                 tp_wait_result_t *result);

#ifdef __cplusplus
}
#endif

#endif
