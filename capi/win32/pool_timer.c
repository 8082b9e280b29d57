/* pool_timer.c - timers under their names on Windows. */
#include "capi/win32/win32.h"

#define NS_PER_MS 1000000

static tp_timer_t *timer_of(PTP_TIMER timer)
{
    return (tp_timer_t *)timer;
}

PTP_TIMER WINAPI CreateThreadpoolTimer(PTP_TIMER_CALLBACK callback, PVOID context,
                                       PTP_CALLBACK_ENVIRON environment)
{
    tp_env_t *env;
    tp_timer_t *timer = NULL;
    tp_status_t status = tpw_environ_open(environment, &env);
    if (status == TP_OK)
        status = tp_timer_create((tp_timer_fn)callback, context, env, &timer);
    (void)tp_env_destroy(env);
    if (status != TP_OK)
        tpw_fail(tpw_error_of(status));
    return (PTP_TIMER)timer;
}

void WINAPI SetThreadpoolTimer(PTP_TIMER timer, PFILETIME due, DWORD period, DWORD window)
{
    (void)SetThreadpoolTimerEx(timer, due, period, window);
}

BOOL WINAPI SetThreadpoolTimerEx(PTP_TIMER timer, PFILETIME due, DWORD period, DWORD window)
{
    bool was_armed = false;
    if (!due) {
        (void)tp_timer_set(timer_of(timer), NULL, &was_armed);
        return was_armed;
    }
    struct tpw_due time = tpw_due_of_filetime(due);
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.clock = time.clock;
    spec.due = time.ns;
    spec.period = (int64_t)period * NS_PER_MS;
    spec.window = (int64_t)window * NS_PER_MS;
    (void)tp_timer_set(timer_of(timer), &spec, &was_armed);
    return was_armed;
}

BOOL WINAPI IsThreadpoolTimerSet(PTP_TIMER timer)
{
    bool is_set;
    (void)tp_timer_is_set(timer_of(timer), &is_set);
    return is_set;
}

void WINAPI WaitForThreadpoolTimerCallbacks(PTP_TIMER timer, BOOL cancel_pending)
{
    tp_status_t ignored = tp_timer_wait(timer_of(timer), cancel_pending != FALSE, TP_INFINITE);
    (void)ignored; /* the misuse hook has heard of it */
}

void WINAPI CloseThreadpoolTimer(PTP_TIMER timer)
{
    (void)tp_timer_close(timer_of(timer));
}
