/* env.h - environments: the choices an object copies when it is created. */
#ifndef TP_ENV_H
#define TP_ENV_H

#include "tp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One environment may serve many creations, be changed between them and be destroyed before the
 * objects made with it: they keep copies. A NULL environment means all defaults. It owns nothing it
 * names: pool, group, names and functions are looked at when an object is created. */

/** Makes an environment with all defaults: default pool, priority normal, nothing else.
 *
 *  Mirrors: InitializeThreadpoolEnvironment. Differs: a handle, not a struct; MIRROR.md#env-create.
 *  env_out  the environment; NULL on any error.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if env_out is NULL; TP_ERR_NO_MEMORY.
 *  Threads: any.
 *  Blocks:  never; allocates; callable from a callback; not async-signal-safe.
 *  Owns:    the caller owns the environment: destroy it with tp_env_destroy.
 *  Since:   0.1 */
TP_API TP_NODISCARD tp_status_t tp_env_create(tp_env_t **env_out);

/** Destroys an environment. Objects made with it are not affected.
 *
 *  Mirrors: DestroyThreadpoolEnvironment. Differs: a second destroy is an error;
 *  MIRROR.md#env-destroy.
 *  env      the environment; NULL does nothing.
 *  Returns: TP_OK, also for NULL; TP_ERR_HANDLE if not an environment.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    ends the caller's ownership.
 *  Since:   0.1 */
TP_API tp_status_t tp_env_destroy(tp_env_t *env);

/** Chooses the pool of the objects to come.
 *
 *  Mirrors: SetThreadpoolCallbackPool. Differs: MIRROR.md#env-set-pool.
 *  env      the environment.
 *  pool     a pool; NULL = the default pool.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an environment, or not NULL and not an open pool. A pool
 *           closed later makes the create fail with TP_ERR_CLOSED.
 *  Threads: any; the caller keeps setters and creates of one environment apart.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env`; takes no ownership of `pool`.
 *  Since:   0.1 */
TP_API tp_status_t tp_env_set_pool(tp_env_t *env, tp_pool_t *pool);

/** Chooses the priority of the objects to come.
 *
 *  Among pending posts of a pool a free thread takes a higher priority first; a running callback is
 *  never interrupted, a low one may starve, and the thread's own scheduling is not changed.
 *
 *  Mirrors: SetThreadpoolCallbackPriority. Differs: checked here; MIRROR.md#env-set-priority.
 *  env      the environment.
 *  priority TP_PRIORITY_HIGH, TP_PRIORITY_NORMAL (the default) or TP_PRIORITY_LOW.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an environment; TP_ERR_ARGUMENT for another priority.
 *  Threads: any; the caller keeps setters and creates of one environment apart.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_env_set_priority(tp_env_t *env, tp_priority_t priority);

/** Tells whether callbacks of the objects to come run long, as if each began with
 *  tp_callback_may_run_long.
 *
 *  Mirrors: SetThreadpoolCallbackRunsLong. Differs: can be taken back; MIRROR.md#env-set-runs-long.
 *  env      the environment.
 *  runs_long  true if they do; false is the default. A pool grows to its target, the processors,
 *           on demand; while such a callback runs, by one more.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an environment.
 *  Threads: any; the caller keeps setters and creates of one environment apart.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_env_set_runs_long(tp_env_t *env, bool runs_long);

/** Asks that callbacks of the objects to come run on a thread of the pool that never retires.
 *
 *  It is one and the same thread for all persistent objects of a pool, for as long as the pool has
 *  objects. It runs other callbacks too; one that blocks there delays them. Without effect in a
 *  caller-driven pool.
 *
 *  Mirrors: SetThreadpoolCallbackPersistent; MIRROR.md#env-set-persistent.
 *  env      the environment.
 *  persistent  true to ask; false is the default.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an environment.
 *  Threads: any; the caller keeps setters and creates of one environment apart.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_env_set_persistent(tp_env_t *env, bool persistent);

/** Names the shared library that holds the callbacks of the objects to come, so that it stays
 *  loaded while they exist.
 *
 *  Each object takes a reference of its own at its creation, which fails with TP_ERR_ARGUMENT if
 *  the handle is not a loaded library's, and gives it back when it is gone, on a thread whose stack
 *  holds no callback of it.
 *
 *  Mirrors: SetThreadpoolCallbackLibrary. Differs: the caller keeps its own reference, and closes
 *  it itself; MIRROR.md#env-set-library.
 *  env      the environment.
 *  dlopen_handle  what dlopen returned; NULL = none.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an environment.
 *  Threads: any; the caller keeps setters and creates of one environment apart.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env`; the caller keeps its reference to the shared library.
 *  Since:   0.1 */
TP_API tp_status_t tp_env_set_library(tp_env_t *env, void *dlopen_handle);

/** Chooses the cleanup group that the objects to come join, and their cancel callback.
 *
 *  Mirrors: SetThreadpoolCallbackCleanupGroup. Differs: works with the default pool too;
 *  MIRROR.md#env-set-cleanup-group.
 *  env      the environment.
 *  group    a group; NULL = none, and then `cancel` is never called.
 *  cancel   called once for each object that tp_cleanup_group_close_members cancels; NULL = none.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an environment, or not NULL and not an open group. A group
 *           closed later makes the create fail with TP_ERR_CLOSED.
 *  Threads: any; the caller keeps setters and creates of one environment apart.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env`; takes no ownership of `group`.
 *  Since:   0.1 */
TP_API tp_status_t tp_env_set_cleanup_group(tp_env_t *env, tp_cleanup_group_t *group,
                                            tp_cancel_fn cancel);

/** Chooses a function that runs after each callback of the objects to come.
 *
 *  It runs on the same thread, with the same instance and context, before the completion actions;
 *  not for a post that was cancelled.
 *
 *  Mirrors: the FinalizationCallback of TP_CALLBACK_ENVIRON. Differs: MIRROR.md#env-set-finalizer.
 *  env      the environment.
 *  finalizer  the function; NULL = none.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an environment.
 *  Threads: any; the caller keeps setters and creates of one environment apart.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_env_set_finalizer(tp_env_t *env, tp_simple_fn finalizer);

/** Chooses the function that gives back the context of the objects to come.
 *
 *  It is called exactly once for each object whose create returned TP_OK: after its last callback,
 *  its cancel callback if any, and its close, on any thread, with no lock of the library held.
 *
 *  Mirrors: nothing on Windows.
 *  env      the environment.
 *  release  the function; NULL = none.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an environment.
 *  Threads: any; the caller keeps setters and creates of one environment apart.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_env_set_context_release(tp_env_t *env, tp_release_fn release);

/** Limits how many callbacks of one object run at a time.
 *
 *  The limit holds for each of the objects to come by itself. Posts above it stay pending and take
 *  no thread. A callback that called tp_callback_disassociate still counts.
 *
 *  Mirrors: nothing on Windows.
 *  env      the environment.
 *  limit    callbacks; 1 = one after the other; 0 (the default) = no limit.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an environment.
 *  Threads: any; the caller keeps setters and creates of one environment apart.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env` for the call.
 *  Since:   0.1 */
TP_API tp_status_t tp_env_set_concurrency_limit(tp_env_t *env, uint32_t limit);

/** Names the objects to come, for messages, probes and dumps.
 *
 *  Mirrors: nothing on Windows.
 *  env      the environment.
 *  name     any text, which may be cut; NULL = none.
 *  Returns: TP_OK; TP_ERR_HANDLE if not an environment.
 *  Threads: any; the caller keeps setters and creates of one environment apart.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    borrows `env` for the call and copies `name`.
 *  Since:   0.1 */
TP_API tp_status_t tp_env_set_name(tp_env_t *env, const char *name);

#ifdef __cplusplus
}
#endif

#endif
