/* work.c - simple callbacks and work objects under their names on Windows. */
#include "capi/win32/win32.h"

static tp_work_t *work_of(PTP_WORK work)
{
    return (tp_work_t *)work;
}

BOOL WINAPI TrySubmitThreadpoolCallback(PTP_SIMPLE_CALLBACK callback, PVOID context,
                                        PTP_CALLBACK_ENVIRON environment)
{
    tp_env_t *env;
    tp_status_t status = tpw_environ_open(environment, &env);
    if (status == TP_OK)
        status = tp_try_submit((tp_simple_fn)callback, context, env);
    (void)tp_env_destroy(env);
    return status == TP_OK ? TRUE : tpw_fail(tpw_error_of(status));
}

PTP_WORK WINAPI CreateThreadpoolWork(PTP_WORK_CALLBACK callback, PVOID context,
                                     PTP_CALLBACK_ENVIRON environment)
{
    tp_env_t *env;
    tp_work_t *work = NULL;
    tp_status_t status = tpw_environ_open(environment, &env);
    if (status == TP_OK)
        status = tp_work_create((tp_work_fn)callback, context, env, &work);
    (void)tp_env_destroy(env);
    if (status != TP_OK)
        tpw_fail(tpw_error_of(status));
    return (PTP_WORK)work;
}

void WINAPI SubmitThreadpoolWork(PTP_WORK work)
{
    (void)tp_work_submit(work_of(work));
}

void WINAPI WaitForThreadpoolWorkCallbacks(PTP_WORK work, BOOL cancel_pending)
{
    tp_status_t ignored = tp_work_wait(work_of(work), cancel_pending != FALSE, TP_INFINITE);
    (void)ignored; /* the misuse hook has heard of it */
}

void WINAPI CloseThreadpoolWork(PTP_WORK work)
{
    (void)tp_work_close(work_of(work));
}
