/* sync.c - events, semaphores and mutexes. */
#include <stdlib.h>

#include "capi/win32/base.h"
#include "tp/win32/base.h"

void tpw_sync_init(struct tpw_sync *sync, enum tpw_kind kind, enum tpw_gives gives,
                   void (*destroy)(struct tpw_object *object))
{
    tpw_object_init(&sync->object, kind, destroy);
    sync->gives = gives;
    sync->name = NULL;
    pthread_mutex_init(&sync->lock, NULL);
    sync->first_watcher = sync->last_watcher = NULL;
    sync->sentinel = sync->claim = NULL;
    sync->owes_abandoned = 0;
}

DWORD tpw_sync_init_event(struct tpw_sync *sync, enum tpw_kind kind, bool manual, bool signaled,
                          void (*destroy)(struct tpw_object *object))
{
    tp_status_t status = tp_event_create(manual, signaled, &sync->u.event);
    if (status != TP_OK)
        return tpw_error_of(status);
    tpw_sync_init(sync, kind, manual ? TPW_GIVES_NOTHING : TPW_GIVES_SIGNAL, destroy);
    sync->source = tp_waitable_event(sync->u.event);
    return 0;
}

void tpw_sync_fini(struct tpw_sync *sync)
{
    if (sync->name)
        tpw_name_leave(sync);
    if (sync->object.kind == TPW_SEMAPHORE)
        tp_semaphore_close(sync->u.semaphore);
    else if (sync->object.kind == TPW_MUTEX)
        tp_mutex_close(sync->u.mutex);
    else
        tp_event_close(sync->u.event);
    pthread_mutex_destroy(&sync->lock);
}

static void destroy(struct tpw_object *object)
{
    struct tpw_sync *sync = (struct tpw_sync *)object;
    tpw_sync_fini(sync);
    free(sync);
}

/* ---- Creating and opening -------------------------------------------------------------------- */

struct choices {
    enum tpw_kind kind;
    bool manual, initial; /* initial: signaled, or owned */
    uint32_t count, maximum;
};

static DWORD init(struct tpw_sync *sync, const struct choices *choices)
{
    tp_status_t status;
    if (choices->kind == TPW_EVENT)
        return tpw_sync_init_event(sync, TPW_EVENT, choices->manual, choices->initial, destroy);
    if (choices->kind == TPW_SEMAPHORE)
        status = tp_semaphore_create(choices->count, choices->maximum, &sync->u.semaphore);
    else
        status = tp_mutex_create(choices->initial, &sync->u.mutex);
    if (status != TP_OK)
        return tpw_error_of(status);
    if (choices->kind == TPW_SEMAPHORE) {
        tpw_sync_init(sync, TPW_SEMAPHORE, TPW_GIVES_COUNT, destroy);
        sync->source = tp_waitable_semaphore(sync->u.semaphore);
    } else {
        tpw_sync_init(sync, TPW_MUTEX, TPW_GIVES_OWNERSHIP, destroy);
        sync->source = tp_waitable_mutex(sync->u.mutex);
    }
    return 0;
}

static DWORD make(const struct choices *choices, struct tpw_sync **sync_out)
{
    struct tpw_sync *sync = calloc(1, sizeof *sync);
    DWORD error = sync ? init(sync, choices) : ERROR_NOT_ENOUGH_MEMORY;
    *sync_out = error ? NULL : sync;
    if (error)
        free(sync);
    return error;
}

HANDLE tpw_sync_publish(struct tpw_sync *sync, DWORD error)
{
    HANDLE handle = tpw_handle_open(&sync->object);
    if (!handle)
        tpw_object_drop(&sync->object);
    SetLastError(handle ? error : ERROR_NOT_ENOUGH_MEMORY);
    return handle;
}

HANDLE tpw_sync_open(enum tpw_kind kind, const char *name)
{
    struct tpw_sync *found;
    DWORD error = name ? tpw_name_join(NULL, kind, name, &found) : ERROR_INVALID_PARAMETER;
    if (!error)
        return tpw_sync_publish(found, 0);
    SetLastError(error);
    return NULL;
}

HANDLE tpw_sync_publish_named(struct tpw_sync *sync, const char *name)
{
    struct tpw_sync *found = NULL;
    DWORD error = 0;
    if (name && *name)
        error = tpw_name_join(sync, sync->object.kind, name, &found);
    if (!error && !found)
        return tpw_sync_publish(sync, 0);
    tpw_object_drop(&sync->object);
    if (!error)
        return tpw_sync_publish(found, ERROR_ALREADY_EXISTS);
    SetLastError(error);
    return NULL;
}

static HANDLE create(const struct choices *choices, const char *name)
{
    struct tpw_sync *sync;
    DWORD error = make(choices, &sync);
    if (!error)
        return tpw_sync_publish_named(sync, name);
    SetLastError(error);
    return NULL;
}

HANDLE tpw_with_narrow(LPCWSTR name, HANDLE (*function)(const void *choices, const char *name),
                       const void *choices)
{
    char *narrow;
    if (!tpw_narrow(name, &narrow))
        return NULL;
    HANDLE handle = function(choices, narrow);
    free(narrow);
    return handle;
}

static HANDLE create_any(const void *choices, const char *name)
{
    return create(choices, name);
}

static HANDLE open_any(const void *kind, const char *name)
{
    return tpw_sync_open(*(const enum tpw_kind *)kind, name);
}

HANDLE tpw_sync_open_wide(enum tpw_kind kind, LPCWSTR name)
{
    return tpw_with_narrow(name, open_any, &kind);
}

/* ---- Events ---------------------------------------------------------------------------------- */

static struct choices event_choices(DWORD flags)
{
    return (struct choices){.kind = TPW_EVENT,
                            .manual = (flags & CREATE_EVENT_MANUAL_RESET) != 0,
                            .initial = (flags & CREATE_EVENT_INITIAL_SET) != 0};
}

static DWORD event_flags(BOOL manual_reset, BOOL signaled)
{
    return (manual_reset ? CREATE_EVENT_MANUAL_RESET : 0) |
           (signaled ? CREATE_EVENT_INITIAL_SET : 0);
}

HANDLE WINAPI CreateEventA(LPSECURITY_ATTRIBUTES security, BOOL manual_reset, BOOL signaled,
                           LPCSTR name)
{
    return CreateEventExA(security, name, event_flags(manual_reset, signaled), EVENT_ALL_ACCESS);
}

HANDLE WINAPI CreateEventW(LPSECURITY_ATTRIBUTES security, BOOL manual_reset, BOOL signaled,
                           LPCWSTR name)
{
    return CreateEventExW(security, name, event_flags(manual_reset, signaled), EVENT_ALL_ACCESS);
}

HANDLE WINAPI CreateEventExA(LPSECURITY_ATTRIBUTES security, LPCSTR name, DWORD flags, DWORD access)
{
    struct choices choices = event_choices(flags);
    UNREFERENCED_PARAMETER(security);
    UNREFERENCED_PARAMETER(access);
    return create(&choices, name);
}

HANDLE WINAPI CreateEventExW(LPSECURITY_ATTRIBUTES security, LPCWSTR name, DWORD flags,
                             DWORD access)
{
    struct choices choices = event_choices(flags);
    UNREFERENCED_PARAMETER(security);
    UNREFERENCED_PARAMETER(access);
    return tpw_with_narrow(name, create_any, &choices);
}

HANDLE WINAPI OpenEventA(DWORD access, BOOL inherit, LPCSTR name)
{
    UNREFERENCED_PARAMETER(access);
    UNREFERENCED_PARAMETER(inherit);
    return tpw_sync_open(TPW_EVENT, name);
}

HANDLE WINAPI OpenEventW(DWORD access, BOOL inherit, LPCWSTR name)
{
    UNREFERENCED_PARAMETER(access);
    UNREFERENCED_PARAMETER(inherit);
    return tpw_sync_open_wide(TPW_EVENT, name);
}

static tp_status_t set(struct tpw_sync *sync, void *argument)
{
    UNREFERENCED_PARAMETER(argument);
    return tp_event_set(sync->u.event);
}

static tp_status_t reset(struct tpw_sync *sync, void *argument)
{
    UNREFERENCED_PARAMETER(argument);
    return tp_event_reset(sync->u.event);
}

/* Whoever waits is served by the set, under the lock of the event. */
static tp_status_t pulse(struct tpw_sync *sync, void *argument)
{
    UNREFERENCED_PARAMETER(argument);
    tp_status_t status = tp_event_set(sync->u.event);
    return status == TP_OK ? tp_event_reset(sync->u.event) : status;
}

void tpw_sync_set_event(struct tpw_sync *sync)
{
    (void)tpw_sync_do(sync, set, NULL);
}

void tpw_sync_reset_event(struct tpw_sync *sync)
{
    (void)tpw_sync_do(sync, reset, NULL);
}

static BOOL do_with(HANDLE handle, enum tpw_kind kind, tpw_step_fn step, void *argument)
{
    struct tpw_object *object = tpw_handle_get(handle, kind);
    if (!object)
        return tpw_fail(ERROR_INVALID_HANDLE);
    tp_status_t status = tpw_sync_do((struct tpw_sync *)object, step, argument);
    tpw_object_drop(object);
    return status == TP_OK ? TRUE : tpw_fail(tpw_error_of(status));
}

BOOL WINAPI SetEvent(HANDLE event)
{
    return do_with(event, TPW_EVENT, set, NULL);
}

BOOL WINAPI ResetEvent(HANDLE event)
{
    return do_with(event, TPW_EVENT, reset, NULL);
}

BOOL WINAPI PulseEvent(HANDLE event)
{
    return do_with(event, TPW_EVENT, pulse, NULL);
}

/* ---- Semaphores ------------------------------------------------------------------------------ */

static bool semaphore_choices(LONG initial, LONG maximum, struct choices *choices)
{
    *choices = (struct choices){
        .kind = TPW_SEMAPHORE, .count = (uint32_t)initial, .maximum = (uint32_t)maximum};
    if (maximum > 0 && initial >= 0 && initial <= maximum)
        return true;
    SetLastError(ERROR_INVALID_PARAMETER);
    return false;
}

HANDLE WINAPI CreateSemaphoreA(LPSECURITY_ATTRIBUTES security, LONG initial, LONG maximum,
                               LPCSTR name)
{
    return CreateSemaphoreExA(security, initial, maximum, name, 0, SEMAPHORE_ALL_ACCESS);
}

HANDLE WINAPI CreateSemaphoreW(LPSECURITY_ATTRIBUTES security, LONG initial, LONG maximum,
                               LPCWSTR name)
{
    return CreateSemaphoreExW(security, initial, maximum, name, 0, SEMAPHORE_ALL_ACCESS);
}

HANDLE WINAPI CreateSemaphoreExA(LPSECURITY_ATTRIBUTES security, LONG initial, LONG maximum,
                                 LPCSTR name, DWORD flags, DWORD access)
{
    struct choices choices;
    UNREFERENCED_PARAMETER(security);
    UNREFERENCED_PARAMETER(flags);
    UNREFERENCED_PARAMETER(access);
    return semaphore_choices(initial, maximum, &choices) ? create(&choices, name) : NULL;
}

HANDLE WINAPI CreateSemaphoreExW(LPSECURITY_ATTRIBUTES security, LONG initial, LONG maximum,
                                 LPCWSTR name, DWORD flags, DWORD access)
{
    struct choices choices;
    UNREFERENCED_PARAMETER(security);
    UNREFERENCED_PARAMETER(flags);
    UNREFERENCED_PARAMETER(access);
    if (!semaphore_choices(initial, maximum, &choices))
        return NULL;
    return tpw_with_narrow(name, create_any, &choices);
}

HANDLE WINAPI OpenSemaphoreA(DWORD access, BOOL inherit, LPCSTR name)
{
    UNREFERENCED_PARAMETER(access);
    UNREFERENCED_PARAMETER(inherit);
    return tpw_sync_open(TPW_SEMAPHORE, name);
}

HANDLE WINAPI OpenSemaphoreW(DWORD access, BOOL inherit, LPCWSTR name)
{
    UNREFERENCED_PARAMETER(access);
    UNREFERENCED_PARAMETER(inherit);
    return tpw_sync_open_wide(TPW_SEMAPHORE, name);
}

struct release {
    uint32_t count, previous;
};

static tp_status_t release(struct tpw_sync *sync, void *argument)
{
    struct release *told = argument;
    return tp_semaphore_release(sync->u.semaphore, told->count, &told->previous);
}

BOOL WINAPI ReleaseSemaphore(HANDLE semaphore, LONG count, LONG *previous)
{
    struct release told = {.count = (uint32_t)count};
    if (count <= 0)
        return tpw_fail(ERROR_INVALID_PARAMETER);
    struct tpw_object *object = tpw_handle_get(semaphore, TPW_SEMAPHORE);
    if (!object)
        return tpw_fail(ERROR_INVALID_HANDLE);
    tp_status_t status = tpw_sync_do((struct tpw_sync *)object, release, &told);
    tpw_object_drop(object);
    if (status == TP_OK && previous)
        *previous = (LONG)told.previous;
    if (status == TP_ERR_LIMIT)
        return tpw_fail(ERROR_TOO_MANY_POSTS);
    return status == TP_OK ? TRUE : tpw_fail(tpw_error_of(status));
}

/* ---- Mutexes --------------------------------------------------------------------------------- */

/* An owner that opens a mutex by its name does not own it. */
static struct choices mutex_choices(DWORD flags)
{
    return (struct choices){.kind = TPW_MUTEX,
                            .initial = (flags & CREATE_MUTEX_INITIAL_OWNER) != 0};
}

HANDLE WINAPI CreateMutexA(LPSECURITY_ATTRIBUTES security, BOOL owned, LPCSTR name)
{
    return CreateMutexExA(security, name, owned ? CREATE_MUTEX_INITIAL_OWNER : 0, MUTEX_ALL_ACCESS);
}

HANDLE WINAPI CreateMutexW(LPSECURITY_ATTRIBUTES security, BOOL owned, LPCWSTR name)
{
    return CreateMutexExW(security, name, owned ? CREATE_MUTEX_INITIAL_OWNER : 0, MUTEX_ALL_ACCESS);
}

HANDLE WINAPI CreateMutexExA(LPSECURITY_ATTRIBUTES security, LPCSTR name, DWORD flags, DWORD access)
{
    struct choices choices = mutex_choices(flags);
    UNREFERENCED_PARAMETER(security);
    UNREFERENCED_PARAMETER(access);
    return create(&choices, name);
}

HANDLE WINAPI CreateMutexExW(LPSECURITY_ATTRIBUTES security, LPCWSTR name, DWORD flags,
                             DWORD access)
{
    struct choices choices = mutex_choices(flags);
    UNREFERENCED_PARAMETER(security);
    UNREFERENCED_PARAMETER(access);
    return tpw_with_narrow(name, create_any, &choices);
}

HANDLE WINAPI OpenMutexA(DWORD access, BOOL inherit, LPCSTR name)
{
    UNREFERENCED_PARAMETER(access);
    UNREFERENCED_PARAMETER(inherit);
    return tpw_sync_open(TPW_MUTEX, name);
}

HANDLE WINAPI OpenMutexW(DWORD access, BOOL inherit, LPCWSTR name)
{
    UNREFERENCED_PARAMETER(access);
    UNREFERENCED_PARAMETER(inherit);
    return tpw_sync_open_wide(TPW_MUTEX, name);
}

static tp_status_t release_mutex(struct tpw_sync *sync, void *argument)
{
    UNREFERENCED_PARAMETER(argument);
    return tp_mutex_release(sync->u.mutex);
}

BOOL WINAPI ReleaseMutex(HANDLE mutex)
{
    return do_with(mutex, TPW_MUTEX, release_mutex, NULL);
}
