/* legacy_work.c - work items without an environment: QueueUserWorkItem. */
#include "capi/win32/legacy.h"

#include <stdlib.h>

struct item {
    LPTHREAD_START_ROUTINE function; /* one of the two */
    PRTL_WORK_ITEM_ROUTINE routine;
    PVOID context;
};

static void run(tp_callback_instance_t *instance, void *context)
{
    struct item item = *(struct item *)context;
    (void)instance;
    free(context);
    if (item.function)
        item.function(item.context);
    else
        item.routine(item.context);
}

static tp_status_t submit(const struct item *item, ULONG flags)
{
    TP_CALLBACK_ENVIRON environment;
    tp_env_t *env;
    struct item *copy = malloc(sizeof *copy);
    if (!copy)
        return TP_ERR_NO_MEMORY;
    *copy = *item;
    tpw_environ_of_flags(&environment, flags);
    tp_status_t status = tpw_environ_open(environment.u.Flags ? &environment : NULL, &env);
    if (status == TP_OK)
        status = tp_try_submit(run, copy, env);
    (void)tp_env_destroy(env);
    if (status != TP_OK)
        free(copy);
    return status;
}

void tpw_environ_of_flags(TP_CALLBACK_ENVIRON *environment, ULONG flags)
{
    InitializeThreadpoolEnvironment(environment);
    if (flags & WT_EXECUTELONGFUNCTION)
        SetThreadpoolCallbackRunsLong(environment);
    if (flags & (WT_EXECUTEINPERSISTENTTHREAD | WT_EXECUTEINPERSISTENTIOTHREAD))
        SetThreadpoolCallbackPersistent(environment);
}

BOOL WINAPI QueueUserWorkItem(LPTHREAD_START_ROUTINE function, PVOID context, ULONG flags)
{
    const struct item item = {function, NULL, context};
    tp_status_t status = function ? submit(&item, flags) : TP_ERR_ARGUMENT;
    return status == TP_OK ? TRUE : tpw_fail(tpw_error_of(status));
}

NTSTATUS NTAPI RtlQueueWorkItem(PRTL_WORK_ITEM_ROUTINE function, PVOID context, ULONG flags)
{
    const struct item item = {NULL, function, context};
    return tpw_ntstatus_of(function ? submit(&item, flags) : TP_ERR_ARGUMENT);
}
