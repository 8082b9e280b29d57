/* native.h - the thread pool by the names of ntdll: statuses instead of a last error. */
#ifndef TP_WIN32_NATIVE_H
#define TP_WIN32_NATIVE_H

#include "tp/win32/environ.h"

TPW_EXTERN_C_BEGIN

/* Objects come back through the first argument, which stays as it is after an error. Times are
 * LARGE_INTEGERs, of the meaning that FILETIMEs have elsewhere; NULL stops or means no timeout. */

TPW_API NTSTATUS NTAPI TpAllocPool(TP_POOL **pool, PVOID reserved);
TPW_API void NTAPI TpSetPoolMaxThreads(TP_POOL *pool, DWORD maximum);
TPW_API NTSTATUS NTAPI TpSetPoolMinThreads(TP_POOL *pool, DWORD minimum);
TPW_API NTSTATUS NTAPI TpSetPoolStackInformation(TP_POOL *pool,
                                                 TP_POOL_STACK_INFORMATION *information);
TPW_API NTSTATUS NTAPI TpQueryPoolStackInformation(TP_POOL *pool,
                                                   TP_POOL_STACK_INFORMATION *information);
TPW_API void NTAPI TpReleasePool(TP_POOL *pool);

TPW_API NTSTATUS NTAPI TpAllocCleanupGroup(TP_CLEANUP_GROUP **group);
TPW_API void NTAPI TpReleaseCleanupGroupMembers(TP_CLEANUP_GROUP *group, BOOL cancel_pending,
                                                PVOID cleanup_context);
TPW_API void NTAPI TpReleaseCleanupGroup(TP_CLEANUP_GROUP *group);

TPW_API NTSTATUS NTAPI TpSimpleTryPost(PTP_SIMPLE_CALLBACK callback, PVOID context,
                                       TP_CALLBACK_ENVIRON *environment);
TPW_API NTSTATUS NTAPI TpAllocWork(TP_WORK **work, PTP_WORK_CALLBACK callback, PVOID context,
                                   TP_CALLBACK_ENVIRON *environment);
TPW_API void NTAPI TpPostWork(TP_WORK *work);
TPW_API void NTAPI TpWaitForWork(TP_WORK *work, BOOL cancel_pending);
TPW_API void NTAPI TpReleaseWork(TP_WORK *work);

TPW_API NTSTATUS NTAPI TpAllocTimer(TP_TIMER **timer, PTP_TIMER_CALLBACK callback, PVOID context,
                                    TP_CALLBACK_ENVIRON *environment);
TPW_API void NTAPI TpSetTimer(TP_TIMER *timer, LARGE_INTEGER *due, LONG period, LONG window);
TPW_API BOOL NTAPI TpIsTimerSet(TP_TIMER *timer);
TPW_API void NTAPI TpWaitForTimer(TP_TIMER *timer, BOOL cancel_pending);
TPW_API void NTAPI TpReleaseTimer(TP_TIMER *timer);

TPW_API NTSTATUS NTAPI TpAllocWait(TP_WAIT **wait, PTP_WAIT_CALLBACK callback, PVOID context,
                                   TP_CALLBACK_ENVIRON *environment);
TPW_API void NTAPI TpSetWait(TP_WAIT *wait, HANDLE handle, LARGE_INTEGER *timeout);
TPW_API void NTAPI TpWaitForWait(TP_WAIT *wait, BOOL cancel_pending);
TPW_API void NTAPI TpReleaseWait(TP_WAIT *wait);

/** The status block is valid during the callback. */
typedef void(WINAPI *PTP_IO_CALLBACK)(TP_CALLBACK_INSTANCE *instance, void *context,
                                      void *overlapped, IO_STATUS_BLOCK *status, TP_IO *io);

TPW_API NTSTATUS NTAPI TpAllocIoCompletion(TP_IO **io, HANDLE file, PTP_IO_CALLBACK callback,
                                           void *context, TP_CALLBACK_ENVIRON *environment);
TPW_API void NTAPI TpStartAsyncIoOperation(TP_IO *io);
TPW_API void NTAPI TpCancelAsyncIoOperation(TP_IO *io);
TPW_API void NTAPI TpWaitForIoCompletion(TP_IO *io, BOOL cancel_pending);
TPW_API void NTAPI TpReleaseIoCompletion(TP_IO *io);

TPW_API NTSTATUS NTAPI TpCallbackMayRunLong(TP_CALLBACK_INSTANCE *instance);
TPW_API void NTAPI TpDisassociateCallback(TP_CALLBACK_INSTANCE *instance);
TPW_API void NTAPI TpCallbackLeaveCriticalSectionOnCompletion(TP_CALLBACK_INSTANCE *instance,
                                                              RTL_CRITICAL_SECTION *section);
TPW_API void NTAPI TpCallbackReleaseMutexOnCompletion(TP_CALLBACK_INSTANCE *instance, HANDLE mutex);
TPW_API void NTAPI TpCallbackReleaseSemaphoreOnCompletion(TP_CALLBACK_INSTANCE *instance,
                                                          HANDLE semaphore, DWORD count);
TPW_API void NTAPI TpCallbackSetEventOnCompletion(TP_CALLBACK_INSTANCE *instance, HANDLE event);
TPW_API void NTAPI TpCallbackUnloadDllOnCompletion(TP_CALLBACK_INSTANCE *instance, HMODULE module);

/** Receives the time since 1601 in UTC. */
TPW_API NTSTATUS NTAPI NtQuerySystemTime(LARGE_INTEGER *time);
TPW_API NTSTATUS NTAPI NtClose(HANDLE handle);

TPW_EXTERN_C_END

#endif
