/* base.h - what the sources of the base share: things to wait for, threads, names, who waits. */
#ifndef TPW_BASE_H
#define TPW_BASE_H

#include <semaphore.h>
#include <stdbool.h>

#include "capi/win32/win32.h"

/* ---- Things to wait for ---------------------------------------------------------------------- */

struct tpw_waiter;

/* One place of one waiting thread: its thread waits for this thing. */
struct tpw_watcher {
    struct tpw_watcher *next, *before;
    struct tpw_waiter *waiter;
};

/* The one makes an event for it, the other leaves that to the caller. */
DWORD tpw_sync_init_event(struct tpw_sync *sync, enum tpw_kind kind, bool manual, bool signaled,
                          void (*destroy)(struct tpw_object *object));
void tpw_sync_init(struct tpw_sync *sync, enum tpw_kind kind, enum tpw_gives gives,
                   void (*destroy)(struct tpw_object *object));
/* Gives back what tpw_sync_init and tpw_sync_init_event made, not the memory. */
void tpw_sync_fini(struct tpw_sync *sync);

/* Done as one step for whoever waits for the thing by handle. */
typedef tp_status_t (*tpw_step_fn)(struct tpw_sync *sync, void *argument);
tp_status_t tpw_sync_do(struct tpw_sync *sync, tpw_step_fn step, void *argument);
void tpw_sync_set_event(struct tpw_sync *sync);
void tpw_sync_reset_event(struct tpw_sync *sync);

/* Pseudo handles too. With a reference; NULL: not a handle of anything to wait for. */
struct tpw_sync *tpw_sync_get(HANDLE handle);

/* One look, on behalf of the calling thread: WAIT_OBJECT_0, WAIT_ABANDONED_0, WAIT_TIMEOUT or
 * WAIT_FAILED. tpw_try_locked: with the dispatch lock, for a waiter that may have a claim. */
DWORD tpw_try(struct tpw_sync *sync);
DWORD tpw_try_locked(struct tpw_sync *sync, const struct tpw_waiter *waiter);
/* One wait that is not alertable. ns; TP_INFINITE. */
DWORD tpw_wait_single(struct tpw_sync *sync, int64_t timeout);
int64_t tpw_timeout_of(DWORD milliseconds);

/* Adds one reference unless the last is gone. */
bool tpw_object_try_hold(struct tpw_object *object);

/* A handle of a new thing, whose reference it takes, or of the one that has the name already; NULL
 * and the last error. And one of the thing of that name. */
HANDLE tpw_sync_publish(struct tpw_sync *sync, DWORD error);
HANDLE tpw_sync_publish_named(struct tpw_sync *sync, const char *name);
HANDLE tpw_sync_open(enum tpw_kind kind, const char *name);
HANDLE tpw_sync_open_wide(enum tpw_kind kind, LPCWSTR name);
/* Calls the function with the name in UTF-8. */
HANDLE tpw_with_narrow(LPCWSTR name, HANDLE (*function)(const void *choices, const char *name),
                       const void *choices);

/* ---- Names (names.c) ------------------------------------------------------------------------- */

/* Gives the name to `sync` and NULL, or the object that has it already, with a reference. With
 * `sync` NULL only looks. */
DWORD tpw_name_join(struct tpw_sync *sync, enum tpw_kind kind, const char *name,
                    struct tpw_sync **found);
void tpw_name_leave(struct tpw_sync *sync); /* which has a name */
/* In UTF-8, on the heap; of NULL, NULL. False, and the last error: no memory. */
bool tpw_narrow(LPCWSTR text, char **narrow_out);

/* ---- Threads (thread.c) ---------------------------------------------------------------------- */

struct tpw_call; /* apc.c */

struct tpw_thread {
    struct tpw_sync sync; /* a manual event, set when it has ended */
    DWORD id;
    DWORD exit_code; /* atomic */
    /* start */
    LPTHREAD_START_ROUTINE function;
    LPVOID parameter;
    sem_t started, resumed;
    uint32_t suspended; /* atomic */
    /* all threads, under the lock of thread.c */
    struct tpw_thread *next, *before;
    /* the thread's own */
    struct tpw_waiter *waiter;
    uint32_t destructor_rounds;
    /* apc.c */
    pthread_mutex_t call_lock;
    struct tpw_call *first_call, **last_call; /* under call_lock */
    bool refuses_calls;                       /* under call_lock */
    sem_t woken;
};

/* The calling thread's own; NULL: no memory. No reference. */
struct tpw_thread *tpw_thread_self(void);

typedef void (*tpw_call_fn)(ULONG_PTR one, ULONG_PTR two, ULONG_PTR three, void *function);
/* Queues a call for when the thread waits alertably. */
DWORD tpw_call_queue(struct tpw_thread *thread, tpw_call_fn caller, void *function,
                     const ULONG_PTR arguments[3]);
bool tpw_calls_pending(struct tpw_thread *thread);
/* Makes the calls queued; how many. */
unsigned tpw_calls_make(struct tpw_thread *thread);
void tpw_calls_refuse(struct tpw_thread *thread);

/* ---- Waiting for several (watch.c) ----------------------------------------------------------- */

/* `deadline`: CLOCK_MONOTONIC, ns, TP_INFINITE. Codes of WaitForMultipleObjects; WAIT_IO_COMPLETION
 * if a call is queued, which is then still to be made. */
DWORD tpw_wait_many(struct tpw_sync *const *things, DWORD count, bool all, int64_t deadline,
                    bool alertable);
/* Sleeps until `woken` is posted; false once the deadline has passed. */
bool tpw_sleep_until(struct tpw_thread *thread, int64_t deadline);
void tpw_waiter_free(struct tpw_waiter *waiter);
void tpw_watch_fork(void); /* in the child */
int64_t tpw_now(void);
int64_t tpw_deadline(int64_t timeout);

/* Pools of one thread for what the library itself has to do: waking, and completing operations on
 * files. NULL: no memory. */
tp_env_t *tpw_own_env(void);
tp_env_t *tpw_file_env(void);
uint32_t tpw_forks(void); /* how many lie between the first process and this one */

#endif
