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
 *  some.
 *
 *  Mirrors: CreateThreadpool. Differs: takes a configuration; MIRROR.md#pool-create.
 *  config   see tp_pool_config_t; NULL = all defaults. A thread_minimum above thread_maximum raises
 *           the maximum.
 *  pool_out the pool; NULL on any error.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if pool_out is NULL, a thread limit is above 4000, a time is
 *           negative, no stack can be that large, a flag or a back end is unknown;
 *           TP_ERR_VERSION; TP_ERR_UNSUPPORTED for TP_POOL_CALLER_DRIVEN and for a
 *           stall_threshold other than 0 (both in 0.1);
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
 *           TP_ERR_UNSUPPORTED for the default pool; TP_ERR_NO_MEMORY and TP_ERR_NO_THREAD if a
 *           thread could not be started: minimum and maximum are then as they were.
 *  Threads: any.
 *  Blocks:  never for a callback; waits for the threads to exist; allocates; callable from a
 *           callback; not async-signal-safe.
 *  Owns:    borrows `pool` for the call.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_pool_set_thread_minimum(tp_pool_t *pool, uint32_t minimum);

/** Sets how many threads the pool has at most.
 *
 *  No callback is disturbed: threads above the new maximum end when they run out of work or finish
 *  what they are running.
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

/** Closes a private pool.
 *
 *  The handle is gone. Objects made before keep working and keep the pool alive; what is queued
 *  runs; a new object through an environment that still names the pool gets TP_ERR_CLOSED. The last
 *  object freed ends the threads.
 *
 *  Mirrors: CloseThreadpool. Differs: queued posts run; MIRROR.md#pool-close.
 *  pool     a private pool; NULL does nothing.
 *  Returns: TP_OK, also for NULL; TP_ERR_HANDLE; TP_ERR_UNSUPPORTED for the default pool.
 *  Threads: any, also from a callback of the pool.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    ends the caller's ownership.
 *  Since:   0.1 */
TP_API tp_status_t tp_pool_close(tp_pool_t *pool);

#ifdef __cplusplus
}
#endif

#endif
