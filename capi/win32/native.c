/* native.c - the names of ntdll, which tell failures by a status. */
#include "capi/win32/win32.h"

#include <stdlib.h>
#include <time.h>

static NTSTATUS told(bool succeeded)
{
    return succeeded ? STATUS_SUCCESS : tpw_ntstatus_of_error(GetLastError());
}

static FILETIME filetime_of(const LARGE_INTEGER *time)
{
    return (FILETIME){time->LowPart, (DWORD)time->HighPart};
}

/* ---- pools, groups --------------------------------------------------------------------------- */

NTSTATUS NTAPI TpAllocPool(TP_POOL **pool, PVOID reserved)
{
    PTP_POOL made = CreateThreadpool(reserved);
    if (made)
        *pool = made;
    return told(made);
}

void NTAPI TpSetPoolMaxThreads(TP_POOL *pool, DWORD maximum)
{
    SetThreadpoolThreadMaximum(pool, maximum);
}

NTSTATUS NTAPI TpSetPoolMinThreads(TP_POOL *pool, DWORD minimum)
{
    return told(SetThreadpoolThreadMinimum(pool, minimum));
}

NTSTATUS NTAPI TpSetPoolStackInformation(TP_POOL *pool, TP_POOL_STACK_INFORMATION *information)
{
    return told(SetThreadpoolStackInformation(pool, information));
}

NTSTATUS NTAPI TpQueryPoolStackInformation(TP_POOL *pool, TP_POOL_STACK_INFORMATION *information)
{
    return told(QueryThreadpoolStackInformation(pool, information));
}

void NTAPI TpReleasePool(TP_POOL *pool)
{
    CloseThreadpool(pool);
}

NTSTATUS NTAPI TpAllocCleanupGroup(TP_CLEANUP_GROUP **group)
{
    PTP_CLEANUP_GROUP made = CreateThreadpoolCleanupGroup();
    if (made)
        *group = made;
    return told(made);
}

void NTAPI TpReleaseCleanupGroupMembers(TP_CLEANUP_GROUP *group, BOOL cancel_pending,
                                        PVOID cleanup_context)
{
    CloseThreadpoolCleanupGroupMembers(group, cancel_pending, cleanup_context);
}

void NTAPI TpReleaseCleanupGroup(TP_CLEANUP_GROUP *group)
{
    CloseThreadpoolCleanupGroup(group);
}

/* ---- simple callbacks, work ------------------------------------------------------------------ */

NTSTATUS NTAPI TpSimpleTryPost(PTP_SIMPLE_CALLBACK callback, PVOID context,
                               TP_CALLBACK_ENVIRON *environment)
{
    return told(TrySubmitThreadpoolCallback(callback, context, environment));
}

NTSTATUS NTAPI TpAllocWork(TP_WORK **work, PTP_WORK_CALLBACK callback, PVOID context,
                           TP_CALLBACK_ENVIRON *environment)
{
    PTP_WORK made = CreateThreadpoolWork(callback, context, environment);
    if (made)
        *work = made;
    return told(made);
}

void NTAPI TpPostWork(TP_WORK *work)
{
    SubmitThreadpoolWork(work);
}

void NTAPI TpWaitForWork(TP_WORK *work, BOOL cancel_pending)
{
    WaitForThreadpoolWorkCallbacks(work, cancel_pending);
}

void NTAPI TpReleaseWork(TP_WORK *work)
{
    CloseThreadpoolWork(work);
}

/* ---- timers, waits --------------------------------------------------------------------------- */

NTSTATUS NTAPI TpAllocTimer(TP_TIMER **timer, PTP_TIMER_CALLBACK callback, PVOID context,
                            TP_CALLBACK_ENVIRON *environment)
{
    PTP_TIMER made = CreateThreadpoolTimer(callback, context, environment);
    if (made)
        *timer = made;
    return told(made);
}

void NTAPI TpSetTimer(TP_TIMER *timer, LARGE_INTEGER *due, LONG period, LONG window)
{
    FILETIME time = {0, 0};
    if (due)
        time = filetime_of(due);
    SetThreadpoolTimer(timer, due ? &time : NULL, (DWORD)period, (DWORD)window);
}

BOOL NTAPI TpIsTimerSet(TP_TIMER *timer)
{
    return IsThreadpoolTimerSet(timer);
}

void NTAPI TpWaitForTimer(TP_TIMER *timer, BOOL cancel_pending)
{
    WaitForThreadpoolTimerCallbacks(timer, cancel_pending);
}

void NTAPI TpReleaseTimer(TP_TIMER *timer)
{
    CloseThreadpoolTimer(timer);
}

NTSTATUS NTAPI TpAllocWait(TP_WAIT **wait, PTP_WAIT_CALLBACK callback, PVOID context,
                           TP_CALLBACK_ENVIRON *environment)
{
    PTP_WAIT made = CreateThreadpoolWait(callback, context, environment);
    if (made)
        *wait = made;
    return told(made);
}

void NTAPI TpSetWait(TP_WAIT *wait, HANDLE handle, LARGE_INTEGER *timeout)
{
    FILETIME time = {0, 0};
    if (handle && timeout) /* without a handle it is not looked at (C-122) */
        time = filetime_of(timeout);
    SetThreadpoolWait(wait, handle, timeout ? &time : NULL);
}

void NTAPI TpWaitForWait(TP_WAIT *wait, BOOL cancel_pending)
{
    WaitForThreadpoolWaitCallbacks(wait, cancel_pending);
}

void NTAPI TpReleaseWait(TP_WAIT *wait)
{
    CloseThreadpoolWait(wait);
}

/* ---- in a callback --------------------------------------------------------------------------- */

NTSTATUS NTAPI TpCallbackMayRunLong(TP_CALLBACK_INSTANCE *instance)
{
    return told(CallbackMayRunLong(instance));
}

void NTAPI TpDisassociateCallback(TP_CALLBACK_INSTANCE *instance)
{
    DisassociateCurrentThreadFromCallback(instance);
}

void NTAPI TpCallbackLeaveCriticalSectionOnCompletion(TP_CALLBACK_INSTANCE *instance,
                                                      RTL_CRITICAL_SECTION *section)
{
    LeaveCriticalSectionWhenCallbackReturns(instance, section);
}

void NTAPI TpCallbackReleaseMutexOnCompletion(TP_CALLBACK_INSTANCE *instance, HANDLE mutex)
{
    ReleaseMutexWhenCallbackReturns(instance, mutex);
}

void NTAPI TpCallbackReleaseSemaphoreOnCompletion(TP_CALLBACK_INSTANCE *instance, HANDLE semaphore,
                                                  DWORD count)
{
    ReleaseSemaphoreWhenCallbackReturns(instance, semaphore, count);
}

void NTAPI TpCallbackSetEventOnCompletion(TP_CALLBACK_INSTANCE *instance, HANDLE event)
{
    SetEventWhenCallbackReturns(instance, event);
}

void NTAPI TpCallbackUnloadDllOnCompletion(TP_CALLBACK_INSTANCE *instance, HMODULE module)
{
    FreeLibraryWhenCallbackReturns(instance, module);
}

/* ---- the rest -------------------------------------------------------------------------------- */

NTSTATUS NTAPI NtQuerySystemTime(LARGE_INTEGER *time)
{
    struct timespec now;
    if (!time)
        return STATUS_ACCESS_VIOLATION;
    clock_gettime(CLOCK_REALTIME, &now);
    time->QuadPart = now.tv_sec * 10000000LL + now.tv_nsec / 100 + 116444736000000000LL;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI NtClose(HANDLE handle)
{
    return told(CloseHandle(handle));
}
