/* waitable.c - waitable timers: an event that a timer of tp sets. */
#include <stdlib.h>

#include "capi/win32/base.h"
#include "tp/win32/base.h"
#include "tp/win32/clock.h"

struct timer {
    struct tpw_sync sync;
    tp_timer_t *timer;
    pthread_mutex_t setting; /* one set or cancel at a time */
    /* Written while the timer is still, read by its callback. */
    PTIMERAPCROUTINE routine;
    LPVOID argument;
    struct tpw_thread *target; /* with a reference; NULL without a routine */
};

union routine {
    void *raw;
    PTIMERAPCROUTINE call;
};

static void call_routine(ULONG_PTR argument, ULONG_PTR low, ULONG_PTR high, void *function)
{
    (union routine){.raw = function}.call((LPVOID)argument, (DWORD)low, (DWORD)high);
}

static void expired(tp_callback_instance_t *instance, void *context, tp_timer_t *handle)
{
    struct timer *timer = context;
    UNREFERENCED_PARAMETER(instance);
    UNREFERENCED_PARAMETER(handle);
    if (timer->target) {
        FILETIME now;
        GetSystemTimeAsFileTime(&now);
        (void)tpw_call_queue(
            timer->target, call_routine, (union routine){.call = timer->routine}.raw,
            (ULONG_PTR[3]){(ULONG_PTR)timer->argument, now.dwLowDateTime, now.dwHighDateTime});
    }
    tpw_sync_set_event(&timer->sync);
}

/* Afterwards no callback runs, nor will one. */
static void stop(struct timer *timer)
{
    (void)tp_timer_set(timer->timer, NULL, NULL);
    (void)!tp_timer_wait(timer->timer, true, TP_INFINITE);
    if (timer->target)
        tpw_object_drop(&timer->target->sync.object);
    timer->target = NULL;
}

static void destroy(struct tpw_object *object)
{
    struct timer *timer = (struct timer *)object;
    stop(timer);
    tp_timer_close(timer->timer);
    tpw_sync_fini(&timer->sync);
    pthread_mutex_destroy(&timer->setting);
    free(timer);
}

static HANDLE create(const void *choices, const char *name)
{
    bool manual = (*(const DWORD *)choices & CREATE_WAITABLE_TIMER_MANUAL_RESET) != 0;
    struct timer *timer = calloc(1, sizeof *timer);
    tp_env_t *env = tpw_own_env();
    tp_status_t status = TP_ERR_NO_MEMORY;
    if (timer && env)
        status = tp_timer_create(expired, timer, env, &timer->timer);
    if (status == TP_OK && tpw_sync_init_event(&timer->sync, TPW_TIMER, manual, false, destroy)) {
        tp_timer_close(timer->timer);
        status = TP_ERR_NO_MEMORY;
    }
    if (status != TP_OK) {
        free(timer);
        SetLastError(tpw_error_of(status));
        return NULL;
    }
    pthread_mutex_init(&timer->setting, NULL);
    return tpw_sync_publish_named(&timer->sync, name);
}

HANDLE WINAPI CreateWaitableTimerA(LPSECURITY_ATTRIBUTES security, BOOL manual_reset, LPCSTR name)
{
    return CreateWaitableTimerExA(
        security, name, manual_reset ? CREATE_WAITABLE_TIMER_MANUAL_RESET : 0, TIMER_ALL_ACCESS);
}

HANDLE WINAPI CreateWaitableTimerW(LPSECURITY_ATTRIBUTES security, BOOL manual_reset, LPCWSTR name)
{
    return CreateWaitableTimerExW(
        security, name, manual_reset ? CREATE_WAITABLE_TIMER_MANUAL_RESET : 0, TIMER_ALL_ACCESS);
}

HANDLE WINAPI CreateWaitableTimerExA(LPSECURITY_ATTRIBUTES security, LPCSTR name, DWORD flags,
                                     DWORD access)
{
    UNREFERENCED_PARAMETER(security);
    UNREFERENCED_PARAMETER(access);
    return create(&flags, name);
}

HANDLE WINAPI CreateWaitableTimerExW(LPSECURITY_ATTRIBUTES security, LPCWSTR name, DWORD flags,
                                     DWORD access)
{
    UNREFERENCED_PARAMETER(security);
    UNREFERENCED_PARAMETER(access);
    return tpw_with_narrow(name, create, &flags);
}

HANDLE WINAPI OpenWaitableTimerA(DWORD access, BOOL inherit, LPCSTR name)
{
    UNREFERENCED_PARAMETER(access);
    UNREFERENCED_PARAMETER(inherit);
    return tpw_sync_open(TPW_TIMER, name);
}

HANDLE WINAPI OpenWaitableTimerW(DWORD access, BOOL inherit, LPCWSTR name)
{
    UNREFERENCED_PARAMETER(access);
    UNREFERENCED_PARAMETER(inherit);
    return tpw_sync_open_wide(TPW_TIMER, name);
}

static DWORD set(struct timer *timer, const LARGE_INTEGER *due, LONG period_ms,
                 PTIMERAPCROUTINE routine, LPVOID argument)
{
    struct tpw_due when = tpw_due_of_ticks(due->QuadPart);
    struct tpw_thread *self = routine ? tpw_thread_self() : NULL;
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.clock = when.clock;
    spec.due = when.ns;
    spec.period = (int64_t)period_ms * 1000000;
    if (routine && !self)
        return ERROR_NOT_ENOUGH_MEMORY;
    pthread_mutex_lock(&timer->setting);
    stop(timer);
    tpw_sync_reset_event(&timer->sync);
    timer->routine = routine;
    timer->argument = argument;
    timer->target = self;
    if (self)
        tpw_object_hold(&self->sync.object);
    tp_status_t status = tp_timer_set(timer->timer, &spec, NULL);
    pthread_mutex_unlock(&timer->setting);
    return status == TP_OK ? 0 : tpw_error_of(status);
}

BOOL WINAPI SetWaitableTimer(HANDLE handle, const LARGE_INTEGER *due, LONG period_ms,
                             PTIMERAPCROUTINE routine, LPVOID argument, BOOL resume)
{
    UNREFERENCED_PARAMETER(resume);
    if (!due || period_ms < 0)
        return tpw_fail(ERROR_INVALID_PARAMETER);
    struct tpw_object *object = tpw_handle_get(handle, TPW_TIMER);
    if (!object)
        return tpw_fail(ERROR_INVALID_HANDLE);
    DWORD error = set((struct timer *)object, due, period_ms, routine, argument);
    tpw_object_drop(object);
    return error ? tpw_fail(error) : TRUE;
}

BOOL WINAPI CancelWaitableTimer(HANDLE handle)
{
    struct tpw_object *object = tpw_handle_get(handle, TPW_TIMER);
    if (!object)
        return tpw_fail(ERROR_INVALID_HANDLE);
    struct timer *timer = (struct timer *)object;
    pthread_mutex_lock(&timer->setting);
    stop(timer);
    pthread_mutex_unlock(&timer->setting);
    tpw_object_drop(object);
    return TRUE;
}
