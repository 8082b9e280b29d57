/* pool.c - pools and cleanup groups under their names on Windows. */
#include "capi/win32/win32.h"

#define THREADS_MAX 4000u /* of tp; Windows takes any number for none */

static tp_pool_t *pool_of(PTP_POOL pool)
{
    return (tp_pool_t *)pool;
}

static tp_cleanup_group_t *group_of(PTP_CLEANUP_GROUP group)
{
    return (tp_cleanup_group_t *)group;
}

static BOOL answer(tp_status_t status)
{
    return status == TP_OK ? TRUE : tpw_fail(tpw_error_of(status));
}

PTP_POOL WINAPI CreateThreadpool(PVOID reserved)
{
    if (reserved) { /* D-33 */
        tpw_fail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    tp_pool_t *pool;
    tp_status_t status = tp_pool_create(NULL, &pool);
    if (status != TP_OK)
        tpw_fail(tpw_error_of(status));
    return (PTP_POOL)pool;
}

void WINAPI SetThreadpoolThreadMaximum(PTP_POOL pool, DWORD maximum)
{
    (void)tp_pool_set_thread_maximum(pool_of(pool), min(maximum, THREADS_MAX));
}

BOOL WINAPI SetThreadpoolThreadMinimum(PTP_POOL pool, DWORD minimum)
{
    if (!pool) /* C-025: nobody sets the limits of the default pool */
        return tpw_fail(ERROR_INVALID_PARAMETER);
    return answer(tp_pool_set_thread_minimum(pool_of(pool), minimum));
}

BOOL WINAPI SetThreadpoolStackInformation(PTP_POOL pool, PTP_POOL_STACK_INFORMATION information)
{
    if (!pool || !information)
        return tpw_fail(ERROR_INVALID_PARAMETER);
    return answer(
        tp_pool_set_stack(pool_of(pool), information->StackReserve, information->StackCommit));
}

BOOL WINAPI QueryThreadpoolStackInformation(PTP_POOL pool, PTP_POOL_STACK_INFORMATION information)
{
    if (!pool || !information)
        return tpw_fail(ERROR_INVALID_PARAMETER);
    uint64_t reserve, commit;
    tp_status_t status = tp_pool_get_stack(pool_of(pool), &reserve, &commit);
    if (status == TP_OK)
        *information = (TP_POOL_STACK_INFORMATION){reserve, commit};
    return answer(status);
}

void WINAPI CloseThreadpool(PTP_POOL pool)
{
    (void)tp_pool_close(pool_of(pool));
}

PTP_CLEANUP_GROUP WINAPI CreateThreadpoolCleanupGroup(void)
{
    tp_cleanup_group_t *group;
    tp_status_t status = tp_cleanup_group_create(&group);
    if (status != TP_OK)
        tpw_fail(tpw_error_of(status));
    return (PTP_CLEANUP_GROUP)group;
}

void WINAPI CloseThreadpoolCleanupGroupMembers(PTP_CLEANUP_GROUP group, BOOL cancel_pending,
                                               PVOID cleanup_context)
{
    (void)tp_cleanup_group_close_members(group_of(group), cancel_pending != FALSE, cleanup_context);
}

void WINAPI CloseThreadpoolCleanupGroup(PTP_CLEANUP_GROUP group)
{
    (void)tp_cleanup_group_close(group_of(group));
}
