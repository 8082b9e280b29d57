/* library.h - the library as a whole: version, status texts, memory, misuse, initialisers. */
#ifndef TP_LIBRARY_H
#define TP_LIBRARY_H

#include "tp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define TP_ALLOCATOR_INIT {(uint32_t)sizeof(tp_allocator_t), 0, NULL, NULL, NULL}
/* clang-format on */

/** Tells the version of the library that is running.
 *
 *  Mirrors: nothing on Windows.
 *  Returns: major << 16 | minor << 8 | patch; compare with TP_VERSION_NUMBER.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; async-signal-safe.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API uint32_t tp_version(void);

/** Tells the version of the library that is running, as text.
 *
 *  Mirrors: nothing on Windows.
 *  Returns: "major.minor.patch", never NULL.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; async-signal-safe.
 *  Owns:    the text is the library's and lives as long as it.
 *  Since:   0.1 */
TP_API const char *tp_version_string(void);

/** Names a status.
 *
 *  Mirrors: nothing on Windows.
 *  status   any value.
 *  Returns: the constant's name, such as "TP_ERR_NO_MEMORY"; "TP_ERR_UNKNOWN" for a value that is
 *           no status. Never NULL.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; async-signal-safe.
 *  Owns:    the text is the library's and lives as long as it.
 *  Since:   0.1 */
TP_API const char *tp_status_name(tp_status_t status);

/** Explains a status in one English sentence.
 *
 *  Mirrors: FormatMessage. Differs: English only, and the text is not copied.
 *  status   any value.
 *  Returns: the sentence; one that says so for a value that is no status. Never NULL.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; async-signal-safe.
 *  Owns:    the text is the library's and lives as long as it.
 *  Since:   0.1 */
TP_API const char *tp_status_message(tp_status_t status);

/** Tells the errno behind the last TP_ERR_SYSTEM that the calling thread got.
 *
 *  Mirrors: GetLastError. Differs: kept for TP_ERR_SYSTEM only; every other status says it all.
 *  Returns: a positive errno, or 0 if this thread never got TP_ERR_SYSTEM. Read it at once: the
 *           next TP_ERR_SYSTEM on the thread replaces it.
 *  Threads: any; each thread has its own.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API int tp_last_errno(void);

/** Chooses where the library takes its memory from, for the whole process.
 *
 *  Mirrors: nothing on Windows.
 *  allocator  functions and their context; copied. They may be called on any thread, must not call
 *             this library, and serve until the process ends.
 *  Returns: TP_OK; TP_ERR_ARGUMENT if allocator, alloc or free is NULL or reserved is not 0;
 *           TP_ERR_VERSION; TP_ERR_STATE once the library has been used, that is, has created
 *           anything.
 *  Threads: any, though it is meant for the start of the process.
 *  Blocks:  never; allocates nothing; from a callback always TP_ERR_STATE; not
 *           async-signal-safe.
 *  Owns:    borrows `allocator` for the call; allocator->context stays the caller's.
 *  Since:   0.1 */
TP_API tp_status_t tp_set_allocator(const tp_allocator_t *allocator);

/** Installs a function that is told of every detected misuse, for the whole process.
 *
 *  A misuse is a wrong handle, a wrong state, a wait for oneself, a completion action that failed:
 *  what a correct program never does. It is told besides the status the call returns.
 *
 *  Mirrors: Application Verifier, in spirit.
 *  hook     called on the thread that made the call, with no lock of the library held; NULL removes
 *           the hook. It may call the library, and is called for its own misuse too.
 *  context  handed to the hook.
 *  Returns: TP_OK.
 *  Threads: any; the old hook may still be running on another thread when this returns.
 *  Blocks:  never; allocates nothing; callable from a callback; not async-signal-safe.
 *  Owns:    `context` stays the caller's.
 *  Since:   0.1 */
TP_API tp_status_t tp_set_misuse_hook(tp_misuse_fn hook, void *context);

/** Sets *allocator to TP_ALLOCATOR_INIT.
 *
 *  Mirrors: nothing on Windows; the macro's twin for languages that see only symbols.
 *  allocator  a whole tp_allocator_t as this header describes it; NULL does nothing.
 *  Returns: nothing.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; async-signal-safe.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_allocator_init(tp_allocator_t *allocator);

/** Sets *config to TP_POOL_CONFIG_INIT.
 *
 *  Mirrors: nothing on Windows; the macro's twin for languages that see only symbols.
 *  config  a whole tp_pool_config_t as this header describes it; NULL does nothing.
 *  Returns: nothing.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; async-signal-safe.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_pool_config_init(tp_pool_config_t *config);

/** Sets *stats to TP_POOL_STATS_INIT.
 *
 *  Mirrors: nothing on Windows; the macro's twin for languages that see only symbols.
 *  stats  a whole tp_pool_stats_t as this header describes it; NULL does nothing.
 *  Returns: nothing.
 *  Threads: any.
 *  Blocks:  never; allocates nothing; callable from a callback; async-signal-safe.
 *  Owns:    nothing.
 *  Since:   0.1 */
TP_API void tp_pool_stats_init(tp_pool_stats_t *stats);

#ifdef __cplusplus
}
#endif

#endif
