/* pool_wait.c - waits for handles under their names on Windows. */
#include "capi/win32/win32.h"

static tp_wait_t *wait_of(PTP_WAIT wait)
{
    return (tp_wait_t *)wait;
}

PTP_WAIT WINAPI CreateThreadpoolWait(PTP_WAIT_CALLBACK callback, PVOID context,
                                     PTP_CALLBACK_ENVIRON environment)
{
    tp_env_t *env;
    tp_wait_t *wait = NULL;
    tp_status_t status = tpw_environ_open(environment, &env);
    if (status == TP_OK)
        status = tp_wait_create((tp_wait_fn)callback, context, env, &wait);
    (void)tp_env_destroy(env);
    if (status != TP_OK)
        tpw_fail(tpw_error_of(status));
    return (PTP_WAIT)wait;
}

void WINAPI SetThreadpoolWait(PTP_WAIT wait, HANDLE handle, PFILETIME timeout)
{
    (void)SetThreadpoolWaitEx(wait, handle, timeout, NULL);
}

/* The reference is needed until the wait is set only: tp keeps what the wait is armed on, so that
 * the handle may be closed before (D-12). */
bool tpw_wait_arm(tp_wait_t *wait, HANDLE handle, struct tpw_due timeout)
{
    bool was_armed = false;
    struct tpw_object *held = NULL;
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    if (tpw_handle_waitable(handle, &spec.source, &held) != 0)
        spec.source = tp_waitable_event(NULL); /* is refused, and the misuse hook hears of it */
    spec.clock = timeout.clock;
    spec.timeout = timeout.ns;
    (void)tp_wait_set(wait, &spec, &was_armed);
    tpw_object_drop(held);
    return was_armed;
}

BOOL WINAPI SetThreadpoolWaitEx(PTP_WAIT wait, HANDLE handle, PFILETIME timeout, PVOID reserved)
{
    bool was_armed = false;
    if (reserved)
        return tpw_fail(ERROR_INVALID_PARAMETER);
    if (handle) {
        struct tpw_due due = {TP_CLOCK_RELATIVE, TP_INFINITE};
        if (timeout)
            due = tpw_due_of_filetime(timeout);
        return tpw_wait_arm(wait_of(wait), handle, due);
    }
    (void)tp_wait_set(wait_of(wait), NULL, &was_armed); /* the timeout is not looked at (C-122) */
    return was_armed;
}

void WINAPI WaitForThreadpoolWaitCallbacks(PTP_WAIT wait, BOOL cancel_pending)
{
    tp_status_t ignored = tp_wait_wait(wait_of(wait), cancel_pending != FALSE, TP_INFINITE);
    (void)ignored; /* the misuse hook has heard of it */
}

void WINAPI CloseThreadpoolWait(PTP_WAIT wait)
{
    (void)tp_wait_close(wait_of(wait));
}
