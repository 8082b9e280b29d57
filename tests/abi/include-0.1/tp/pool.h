/* pool.h - pools: worker threads and the queues they empty. */
#ifndef TP_POOL_H
#define TP_POOL_H

#include "tp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Makes a private pool, scheduled independently of every other.
 *
 *  It has no thread before its first object is created, unless config->thread_minimum asks for
 *  some. A pool with TP_POOL_CALLER_DRIVEN never has one: see tp_pool_run().
 *
 *  Mirrors: CreateThreadpool. Differs: takes a configuration; MIRROR.md#pool-create.
 *  config   see tp_pool_config_t; NULL = all defaults. A thread_minimum above thread_maximum raises
 *           the maximum.
 *  pool_out the pool; NULL on any error.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if pool_out is NULL, a thread limit is above 4000, a time is
 *           negative, no stack can be that large, a flag or a back end is unknown, or a
 *           caller-driven pool is to have a minimum of threads;
 *           TP_ERR_VERSION; TP_ERR_UNSUPPORTED for a stall_threshold other than 0 (in 0.1);
 *           TP_ERR_NO_MEMORY; TP_ERR_NO_THREAD if the minimum could not be started.
 *  Threads: any.
 *  Blocks:  never for a callback; waits for the minimum of threads to exist; allocates; callable
 *           from a callback; not async-signal-safe.
 *  Owns:    borrows `config` for the call and copies the name. The caller owns the pool: close it
 *           with tp_pool_close.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_pool_create(const tp_pool_config_t *config,
                                               tp_pool_t **pool_out);

/** Gives the pool of the process, which every NULL environment means; the first use makes it.
 *
 *  Mirrors: the pool that a NULL PTP_CALLBACK_ENVIRON means. Differs: it has a handle.
 *  pool_out the pool, the same in every call; NULL on any error.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if pool_out is NULL; TP_ERR_NO_MEMORY.
 *  Threads: any, also many at the first use: one pool is made.
 *  Blocks:  never; the first use allocates; callable from a callback; not async-signal-safe.
 *  Owns:    the library owns the pool. It lives as long as the process and cannot be closed; its
 *           limits and stack cannot be set.
 *  Since:   0.1 */
TP_API tp_status_t tp_pool_default(tp_pool_t **pool_out);

/** Sets how many threads the pool keeps for ever, and starts those that are missing.
 *
 *  Mirrors: SetThreadpoolThreadMinimum. Differs: the default pool is refused;
 *  MIRROR.md#pool-set-thread-minimum.
 *  pool     a private pool.
 *  minimum  threads, 0..4000; above the maximum it raises the maximum too.
 *  Returns: TP_OK, and that many threads exist; TP_ERR_HANDLE; TP_ERR_ARGUMENT above 4000;
 *           TP_ERR_UNSUPPORTED for the default pool and for a caller-driven one; TP_ERR_CLOSED if
 *           the pool is being shut down and has come to its end;
 *           TP_ERR_NO_MEMORY and TP_ERR_NO_THREAD if a thread could not be started: minimum and
 *           maximum are then as they were.
 *  Threads: any.
 *  Blocks:  never for a callback; waits for the threads to exist; allocates; callable from a
 *           callback; not async-signal-safe.
 *  Owns:    borrows `pool` for the call.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_pool_set_thread_minimum(tp_pool_t *pool, uint32_t minimum);

/** Sets how many threads the pool has at most.
 *
 *  No callback is disturbed: threads above the new maximum end when they run out of work or finish
 *  what they are running. Callers who are in tp_pool_run already stay for as long as they would.
 *
 *  Mirrors: SetThreadpoolThreadMaximum. Differs: returns a status;
 *  MIRROR.md#pool-set-thread-maximum.
 *  pool     a private pool.
 *  maximum  threads, 1..4000; 0 counts as 1; below the minimum it lowers the minimum too.
 *  Returns: TP_OK; TP_ERR_HANDLE; TP_ERR_ARGUMENT above 4000; TP_ERR_UNSUPPORTED for the default
 *           pool.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `pool` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_pool_set_thread_maximum(tp_pool_t *pool, uint32_t maximum);

/** Sets the stack of the threads that the pool starts from now on.
 *
 *  Mirrors: SetThreadpoolStackInformation. Differs: two arguments, and the commit is only kept;
 *  MIRROR.md#pool-set-stack.
 *  pool     a private pool.
 *  reserve  bytes, rounded up to whole pages and to the smallest stack the system allows; 0 = the
 *           process default.
 *  commit   bytes, kept for tp_pool_get_stack and otherwise without effect; 0 = the process
 *           default.
 *  Returns: TP_OK; TP_ERR_HANDLE; TP_ERR_ARGUMENT if no stack can be that large;
 *           TP_ERR_UNSUPPORTED for the default pool.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `pool` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_pool_set_stack(tp_pool_t *pool, uint64_t reserve, uint64_t commit);

/** Tells the stack of the threads that the pool starts from now on.
 *
 *  Mirrors: QueryThreadpoolStackInformation. Differs: two out-parameters; MIRROR.md#pool-get-stack.
 *  pool     any pool.
 *  reserve  bytes; the process default if none was set. 0 on any error.
 *  commit   bytes; the process default if none was set. 0 on any error.
 *  Returns: TP_OK; TP_ERR_HANDLE; TP_ERR_ARGUMENT if reserve or commit is NULL.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `pool` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_pool_get_stack(tp_pool_t *pool, uint64_t *reserve, uint64_t *commit);

/** Tells how many threads, posts and callbacks the pool has and has had.
 *
 *  Mirrors: nothing on Windows.
 *  pool     any pool.
 *  stats    stats->struct_size is read, nothing else; that many bytes are written, those the
 *           library does not know as zero. On any error nothing is written but zeroes after
 *           struct_size, and not even these if struct_size is too small.
 *  Returns: TP_OK; TP_ERR_HANDLE; TP_ERR_ARGUMENT if stats is NULL; TP_ERR_VERSION if struct_size
 *           is below the size of the struct's first version.
 *  Threads: any, also while callbacks run: each number is then exact, their sum need not be.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `pool` and `stats` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_pool_get_stats(tp_pool_t *pool, tp_pool_stats_t *stats);

/** Writes what the pool is doing, as lines of text for people: its limits and what is queued, then
 *  a line for each thread, with its number and state for the kernel and the callback it runs.
 *
 *  The form of the text is no part of the interface. What changes meanwhile may be told half as it
 *  was before. Names are those of tp_pool_config_t and tp_env_set_name.
 *
 *  Mirrors: nothing on Windows.
 *  pool     any pool.
 *  fd       a descriptor that is open for writing; it may block there.
 *  Returns: TP_OK; TP_ERR_HANDLE, also if the pool ended meanwhile; TP_ERR_ARGUMENT if fd is
 *           negative; TP_ERR_SYSTEM if it could not be written, and tp_last_errno tells why, on
 *           threads that the library knows already.
 *  Threads: any, also in a signal handler, whatever the thread was doing, and in a process that
 *           hangs. After an error in a handler the misuse hook is called there.
 *  Blocks:  as the descriptor does; allocates nothing, takes no lock; callable from a callback;
 *           async-signal-safe.
 *  Owns:    borrows `pool` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_pool_dump(tp_pool_t *pool, int fd);

/** Closes a private pool.
 *
 *  The handle is gone. Objects made before keep working and keep the pool alive; what is queued
 *  runs; a new object through an environment that still names the pool gets TP_ERR_CLOSED. The last
 *  object freed ends the threads. A caller-driven pool must have no object left, since nobody could
 *  run the posts of one any more: close them first, or use tp_pool_shutdown.
 *
 *  Mirrors: CloseThreadpool. Differs: queued posts run; MIRROR.md#pool-close.
 *  pool     a private pool; NULL does nothing.
 *  Returns: TP_OK, also for NULL; TP_ERR_HANDLE; TP_ERR_UNSUPPORTED for the default pool;
 *           TP_ERR_BUSY for a caller-driven pool that still has objects: nothing has changed.
 *  Threads: any, also from a callback of the pool.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    ends the caller's ownership.
 *  Since:   0.1 */
TP_API tp_status_t tp_pool_close(tp_pool_t *pool);

/** Shuts a private pool down: nothing new is accepted, what is queued runs or is dropped, and its
 *  threads end.
 *
 *  From the call on, creating an object in the pool and submitting to one of its objects is
 *  TP_ERR_CLOSED, also from its own callbacks. Then the call waits until nothing is queued, no
 *  callback runs and no thread is left. Callbacks that run meanwhile find a cancel requested
 *  (tp_callback_cancel_requested). What is queued in a caller-driven pool the calling thread runs.
 *  After TP_OK the handle is gone; objects of the pool may still be closed. After TP_ERR_TIMEOUT
 *  the pool stays shut and the handle good: call again, or close it.
 *
 *  Mirrors: nothing on Windows; MIRROR.md#pool-shutdown.
 *  pool     a private pool.
 *  cancel_pending  true drops what is queued, false runs it.
 *  timeout  ns; 0 = do not wait, TP_INFINITE = for ever.
 *  Returns: TP_OK; TP_ERR_HANDLE, also for whoever lost against another shutdown or close;
 *           TP_ERR_ARGUMENT for a negative timeout; TP_ERR_UNSUPPORTED for the default pool;
 *           TP_ERR_TIMEOUT, what was dropped stays dropped; TP_ERR_DEADLOCK from a callback of the
 *           pool, nothing has changed; TP_ERR_NO_MEMORY for the record of a thread that has to run
 *           what is queued in a caller-driven pool, which stays shut.
 *  Threads: any, also several at once, and along with submits and closes.
 *  Blocks:  until the pool is empty; allocates nothing, but for a caller-driven pool; callable
 *           from a callback of another pool; not async-signal-safe.
 *  Owns:    TP_OK ends the caller's ownership.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_pool_shutdown(tp_pool_t *pool, bool cancel_pending,
                                                 int64_t timeout);

/** Runs callbacks of a caller-driven pool on the calling thread.
 *
 *  Waits until there is something to run, then runs what there is and returns when nothing is left
 *  or max_callbacks have run. During the call the thread counts as a thread of the pool; several
 *  may be inside at once, up to the pool's maximum.
 *
 *  Mirrors: nothing on Windows.
 *  pool     a caller-driven pool.
 *  max_callbacks  at most so many; 0 = no limit.
 *  timeout  ns to wait for the first callback; 0 = run only what is there, TP_INFINITE = for ever.
 *           It does not cut a callback short.
 *  ran      how many callbacks ran; may be NULL.
 *  Returns: TP_OK if at least one ran; TP_ERR_TIMEOUT if nothing came in time; TP_ERR_HANDLE;
 *           TP_ERR_ARGUMENT for a negative timeout; TP_ERR_UNSUPPORTED for a pool with threads;
 *           TP_ERR_DEADLOCK inside a callback of any pool; TP_ERR_TOO_MANY_THREADS if as many as
 *           the maximum are inside already; TP_ERR_CLOSED if nothing is to run and the pool is
 *           closed or shut down; TP_ERR_NO_MEMORY for the record of the thread.
 *  Threads: any thread that is in no callback.
 *  Blocks:  as told; allocates at the first call of a thread, and more callers than ever before;
 *           not callable from a callback; not async-signal-safe.
 *  Owns:    borrows `pool` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_pool_run(tp_pool_t *pool, uint32_t max_callbacks, int64_t timeout,
                               uint32_t *ran);

/** Gives a descriptor that is readable whenever tp_pool_run would find something to do.
 *
 *  For poll, epoll or another event loop, level-triggered: call tp_pool_run with timeout 0 when it
 *  is readable. Once in a while it is readable for nothing.
 *
 *  Mirrors: nothing on Windows.
 *  pool     a caller-driven pool.
 *  fd       the descriptor, the same at every call; -1 on any error.
 *  Returns: TP_OK; TP_ERR_HANDLE; TP_ERR_ARGUMENT if fd is NULL; TP_ERR_UNSUPPORTED for a pool with
 *           threads; TP_ERR_SYSTEM if the descriptor could not be made (EMFILE ...).
 *  Threads: any.
 *  Blocks:  never; the first call makes the descriptor; callable from a callback; not
 *           async-signal-safe.
 *  Owns:    the pool owns the descriptor: only wait for it; it is closed with the pool.
 *  Since:   0.1 */
TP_API tp_status_t tp_pool_poll_fd(tp_pool_t *pool, int *fd);

#ifdef __cplusplus
}
#endif

#endif
