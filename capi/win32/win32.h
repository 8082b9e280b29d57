/* win32.h - what the parts of libtp-win32 share: HANDLE objects, errors, environments, completions.
 *
 * This library is a user of tp like any other: it includes tp/tp.h and nothing of core. */
#ifndef CAPI_WIN32_WIN32_H
#define CAPI_WIN32_WIN32_H

#include "tp/tp.h"
#include "tp/win32.h"

#include <pthread.h>
#include <stdbool.h>

#if !defined(__LP64__)
#error "callbacks are passed on unchanged, which is right where pointers have 64 bits only"
#endif

/* ---- Objects behind HANDLEs (handle.c) ------------------------------------------------------- */

/** What a HANDLE names. Those from TPW_NO_CLOSE_HANDLE on are ended by functions of their own. */
enum tpw_kind {
    TPW_ANY, /* for looking up: any below TPW_NO_CLOSE_HANDLE */
    TPW_EVENT,
    TPW_SEMAPHORE,
    TPW_MUTEX,
    TPW_THREAD,
    TPW_PROCESS,
    TPW_FILE,
    TPW_TIMER, /* a waitable one */
    TPW_NO_CLOSE_HANDLE = 64,
    TPW_IO,
    TPW_REGISTERED_WAIT,
    TPW_TIMER_QUEUE,
    TPW_QUEUE_TIMER
};

/** Begins each such object. */
struct tpw_object {
    uint32_t references; /* by any thread, atomically */
    enum tpw_kind kind;
    void (*destroy)(struct tpw_object *object); /* gives its memory back; no reference is left */
};

/* What a satisfied wait takes. */
enum tpw_gives {
    TPW_GIVES_NOTHING, /* manual events, threads ... */
    TPW_GIVES_SIGNAL,  /* automatic events */
    TPW_GIVES_COUNT,
    TPW_GIVES_OWNERSHIP
};

/** An event, a semaphore or a mutex; and what any object below TPW_NO_CLOSE_HANDLE begins with,
 *  which is an event, or nothing that is ever signaled. The truth about its state is in the object
 *  of tp, where waits of the thread pool and completion actions find it. */
struct tpw_sync {
    struct tpw_object object;
    union {
        tp_event_t *event;
        tp_semaphore_t *semaphore;
        tp_mutex_t *mutex;
    } u; /* closed when the object is destroyed */
    tp_waitable_t source;
    enum tpw_gives gives;
    /* names.c: under its lock */
    char *name;
    struct tpw_sync *next_name;
    /* watch.c. Watchers come and go under the dispatch lock and this one: either is enough to look
     * whether there are any. */
    pthread_mutex_t lock;
    struct tpw_watcher *first_watcher, *last_watcher;
    /* Of a mutex, under the dispatch lock: */
    struct tpw_waiter *sentinel; /* the one waiter whose wait is armed on it */
    struct tpw_waiter *claim;    /* it is free, and only this waiter may take it */
    /* Of a mutex: it was abandoned, and tp has forgotten it. Atomic. */
    uint32_t owes_abandoned;
};

/** Gives an object its first reference, which is the caller's. */
void tpw_object_init(struct tpw_object *object, enum tpw_kind kind,
                     void (*destroy)(struct tpw_object *object));
void tpw_object_hold(struct tpw_object *object);
/** Gives a reference back; NULL does nothing. */
void tpw_object_drop(struct tpw_object *object);

/** Makes a handle, which takes over a reference of the caller. NULL: no memory, nothing taken. */
HANDLE tpw_handle_open(struct tpw_object *object);
/** The object of a handle, with a reference for the caller; NULL if it is none of that kind. */
struct tpw_object *tpw_handle_get(HANDLE handle, enum tpw_kind kind);
/** Ends a handle and gives its reference to the caller. One of two concurrent calls gets NULL. */
struct tpw_object *tpw_handle_take(HANDLE handle, enum tpw_kind kind);

/** What to wait for in order to wait for what the handle names, pseudo handles included. Returns 0,
 *  or an ERROR_* if it is nothing to wait for. `held` receives a reference to drop when the
 *  waitable is no longer used, or NULL. */
DWORD tpw_handle_waitable(HANDLE handle, tp_waitable_t *waitable, struct tpw_object **held);

/** The lock of the system in a critical section: recursive, and all there is to it. */
static inline void *tpw_section_mutex(PCRITICAL_SECTION section)
{
    return section->tpw_lock;
}

/* ---- Errors (error.c) ------------------------------------------------------------------------ */

DWORD tpw_error_of(tp_status_t status);
DWORD tpw_error_of_errno(int number);
NTSTATUS tpw_ntstatus_of(tp_status_t status);
NTSTATUS tpw_ntstatus_of_error(DWORD error);
/** Sets the last error, and returns FALSE. */
BOOL tpw_fail(DWORD error);

/* ---- Environments and times (environ.c, due.c) ----------------------------------------------- */

/** Makes of a Windows environment one of tp, NULL if that says the same; the caller destroys it. */
tp_status_t tpw_environ_open(const void *environment, tp_env_t **env_out);

/** A time of Windows, in units of 100 ns, as one of tp. */
struct tpw_due {
    uint32_t clock; /* TP_CLOCK_RELATIVE or TP_CLOCK_REALTIME */
    int64_t ns;     /* not negative; TP_INFINITE if it is too far away */
};

struct tpw_due tpw_due_of_ticks(int64_t ticks);
struct tpw_due tpw_due_of_filetime(const FILETIME *time);

/* ---- Objects of a pool (pool_*.c) ------------------------------------------------------------ */

/** Whether an HMODULE is that of a library that is loaded. Garbage is not followed. */
bool tpw_module_is_loaded(HMODULE module);

/** Arms a wait; returns whether that took away an arming whose callback had not been posted. */
bool tpw_wait_arm(tp_wait_t *wait, HANDLE handle, struct tpw_due timeout);

/** CreateThreadpoolIo with an environment of tp. Returns 0 or an ERROR_*; `context_moved` tells
 *  whether the environment's context_release has been or will be called, after an error too. */
DWORD tpw_io_create(HANDLE file, tp_io_fn callback, void *context, const tp_env_t *env,
                    tp_io_t **io_out, bool *context_moved);

/* ---- Completions of files for I/O objects (pool_io.c) ---------------------------------------- */

/** What CreateThreadpoolIo makes; begins with a tpw_object of kind TPW_IO. */
struct tpw_io;

/** One operation on a file that is bound to an I/O object. */
struct tpw_io_ticket {
    struct tpw_io *io; /* with a reference, NULL if the file is not bound */
    uint64_t epoch;    /* which announcements it may take */
};

/** By the files: binds one to an I/O object, for good, and holds a reference. Returns 0, or
 *  ERROR_INVALID_PARAMETER if it is not overlapped or bound already. */
DWORD tpw_file_bind(struct tpw_object *file, struct tpw_io *io);

/** Whether a PTP_IO exists still: it is open, or operations on its file are in flight. Garbage is
 *  not followed. */
bool tpw_io_is_live(const void *io);

/** Before an operation that completes later. io may be NULL. */
void tpw_io_begin(struct tpw_io *io, struct tpw_io_ticket *ticket);
/** After it, once `overlapped` tells the outcome: queues the callback, if one was announced. */
void tpw_io_end(struct tpw_io_ticket *ticket, OVERLAPPED *overlapped, DWORD error,
                ULONG_PTR transferred);
/** Instead of tpw_io_end: there will be no completion. */
void tpw_io_forget(struct tpw_io_ticket *ticket);

#endif
