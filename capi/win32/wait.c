/* wait.c - WaitForSingleObject and its family, and sleeping. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <time.h>

#include "capi/win32/base.h"
#include "tp/win32/base.h"
#include "tp/win32/thread.h"

#define NS_PER_MS 1000000
#define NS_PER_S 1000000000

/* ---- Time ------------------------------------------------------------------------------------ */

int64_t tpw_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t tpw_timeout_of(DWORD milliseconds)
{
    return milliseconds == INFINITE ? TP_INFINITE : (int64_t)milliseconds * NS_PER_MS;
}

int64_t tpw_deadline(int64_t timeout)
{
    return timeout == TP_INFINITE ? TP_INFINITE : tpw_now() + timeout;
}

bool tpw_sleep_until(struct tpw_thread *thread, int64_t deadline)
{
    struct timespec until = {.tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S};
    int failed;
    (void)tp_blocking_begin(); /* outside callbacks it does nothing */
    do {
        failed = deadline == TP_INFINITE ? sem_wait(&thread->woken)
                                         : sem_clockwait(&thread->woken, CLOCK_MONOTONIC, &until);
    } while (failed && errno == EINTR);
    (void)tp_blocking_end();
    return !failed;
}

/* ---- What a handle means --------------------------------------------------------------------- */

static void keep(struct tpw_object *object)
{
    UNREFERENCED_PARAMETER(object); /* the process ends with the process */
}

static struct tpw_sync process;
static pthread_once_t process_once = PTHREAD_ONCE_INIT;

static void init_process(void)
{
    tpw_sync_init(&process, TPW_PROCESS, TPW_GIVES_NOTHING, keep);
    process.source = tp_waitable_never();
}

static struct tpw_object *get_pseudo(HANDLE handle)
{
    struct tpw_object *object = NULL;
    if (handle == GetCurrentProcess()) {
        pthread_once(&process_once, init_process);
        object = &process.object;
    } else if (handle == GetCurrentThread()) {
        struct tpw_thread *self = tpw_thread_self();
        object = self ? &self->sync.object : NULL;
    }
    if (object)
        tpw_object_hold(object);
    return object;
}

/* Below TPW_NO_CLOSE_HANDLE every object begins with a tpw_sync. */
struct tpw_sync *tpw_sync_get(HANDLE handle)
{
    struct tpw_object *object = get_pseudo(handle);
    return (struct tpw_sync *)(object ? object : tpw_handle_get(handle, TPW_ANY));
}

DWORD tpw_handle_waitable(HANDLE handle, tp_waitable_t *waitable, struct tpw_object **held)
{
    struct tpw_sync *sync = tpw_sync_get(handle);
    *held = sync ? &sync->object : NULL;
    if (!sync)
        return ERROR_INVALID_HANDLE;
    *waitable = sync->source;
    return 0;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

DWORD tpw_wait_single(struct tpw_sync *sync, int64_t timeout)
{
    tp_wait_result_t result;
    DWORD looked = tpw_try(sync);
    if (looked != WAIT_TIMEOUT || timeout == 0)
        return looked;
    if (sync->gives == TPW_GIVES_OWNERSHIP)
        return tpw_wait_many(&sync, 1, false, tpw_deadline(timeout), false);
    tp_status_t status = tp_waitable_wait(sync->source, timeout, &result);
    if (status == TP_OK)
        return result;
    SetLastError(tpw_error_of(status));
    return WAIT_FAILED;
}

DWORD WINAPI WaitForSingleObject(HANDLE handle, DWORD milliseconds)
{
    return WaitForSingleObjectEx(handle, milliseconds, FALSE);
}

/* After a wait that was ended by it. */
static DWORD make_calls(DWORD result)
{
    if (result == WAIT_IO_COMPLETION)
        (void)tpw_calls_make(tpw_thread_self());
    return result;
}

DWORD WINAPI WaitForSingleObjectEx(HANDLE handle, DWORD milliseconds, BOOL alertable)
{
    int64_t timeout = tpw_timeout_of(milliseconds);
    struct tpw_sync *sync = tpw_sync_get(handle);
    DWORD result;
    if (!sync) {
        SetLastError(ERROR_INVALID_HANDLE);
        return WAIT_FAILED;
    }
    if (alertable)
        result = tpw_wait_many(&sync, 1, false, tpw_deadline(timeout), true);
    else
        result = tpw_wait_single(sync, timeout);
    tpw_object_drop(&sync->object);
    return make_calls(result);
}

DWORD WINAPI WaitForMultipleObjects(DWORD count, const HANDLE *handles, BOOL all,
                                    DWORD milliseconds)
{
    return WaitForMultipleObjectsEx(count, handles, all, milliseconds, FALSE);
}

/* References to all, or to none and an error. */
static DWORD get_all(DWORD count, const HANDLE *handles, bool all, struct tpw_sync **things)
{
    DWORD error = 0, got = 0;
    while (!error && got < count) {
        things[got] = tpw_sync_get(handles[got]);
        if (!things[got])
            error = ERROR_INVALID_HANDLE;
        for (DWORD i = 0; all && !error && i < got; i++) {
            if (things[i] == things[got])
                error = ERROR_INVALID_PARAMETER;
        }
        got += things[got] != NULL;
    }
    while (error && got > 0)
        tpw_object_drop(&things[--got]->object);
    return error;
}

/* The first of several that is to be had at once. For this nobody has to be kept out. */
static DWORD try_first(struct tpw_sync *const *things, DWORD count)
{
    for (DWORD i = 0; i < count; i++) {
        DWORD result = tpw_try(things[i]);
        if (result != WAIT_TIMEOUT)
            return result == WAIT_FAILED ? result : result + i;
    }
    return WAIT_TIMEOUT;
}

DWORD WINAPI WaitForMultipleObjectsEx(DWORD count, const HANDLE *handles, BOOL all,
                                      DWORD milliseconds, BOOL alertable)
{
    struct tpw_sync *things[MAXIMUM_WAIT_OBJECTS];
    int64_t deadline = tpw_deadline(tpw_timeout_of(milliseconds));
    DWORD error = ERROR_INVALID_PARAMETER, result = WAIT_TIMEOUT;
    if (handles && count > 0 && count <= MAXIMUM_WAIT_OBJECTS)
        error = get_all(count, handles, all, things);
    if (error) {
        SetLastError(error);
        return WAIT_FAILED;
    }
    if (!all)
        result = try_first(things, count);
    if (result == WAIT_TIMEOUT && (all || alertable || milliseconds != 0))
        result = tpw_wait_many(things, count, all, deadline, alertable);
    for (DWORD i = 0; i < count; i++)
        tpw_object_drop(&things[i]->object);
    return make_calls(result);
}

static BOOL signal_it(HANDLE handle, enum tpw_kind kind)
{
    if (kind == TPW_EVENT)
        return SetEvent(handle);
    if (kind == TPW_SEMAPHORE)
        return ReleaseSemaphore(handle, 1, NULL);
    return kind == TPW_MUTEX ? ReleaseMutex(handle) : tpw_fail(ERROR_INVALID_HANDLE);
}

DWORD WINAPI SignalObjectAndWait(HANDLE signal, HANDLE wait, DWORD milliseconds, BOOL alertable)
{
    struct tpw_sync *waited = tpw_sync_get(wait);
    struct tpw_object *signaled = tpw_handle_get(signal, TPW_ANY);
    DWORD result = WAIT_FAILED;
    if (!waited || !signaled)
        SetLastError(ERROR_INVALID_HANDLE);
    else if (signal_it(signal, signaled->kind))
        result = WaitForSingleObjectEx(wait, milliseconds, alertable);
    tpw_object_drop(signaled);
    tpw_object_drop(waited ? &waited->object : NULL);
    return result;
}

/* ---- Sleeping -------------------------------------------------------------------------------- */

static void sleep_until(int64_t deadline)
{
    struct timespec until = {.tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S};
    (void)tp_blocking_begin();
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
    (void)tp_blocking_end();
}

void WINAPI Sleep(DWORD milliseconds)
{
    if (milliseconds == 0)
        sched_yield();
    else
        sleep_until(tpw_deadline(tpw_timeout_of(milliseconds)));
}

DWORD WINAPI SleepEx(DWORD milliseconds, BOOL alertable)
{
    int64_t deadline = tpw_deadline(tpw_timeout_of(milliseconds));
    struct tpw_thread *self = alertable ? tpw_thread_self() : NULL;
    if (!self) {
        Sleep(milliseconds);
        return 0;
    }
    while (!tpw_calls_pending(self)) {
        if (deadline <= tpw_now() || !tpw_sleep_until(self, deadline))
            return tpw_calls_make(self) ? WAIT_IO_COMPLETION : 0;
    }
    (void)tpw_calls_make(self);
    return WAIT_IO_COMPLETION;
}
