/* threadpool.h - the thread pool of Windows: the functions of threadpoolapiset.h.
 *
 * A NULL, stale or foreign handle is never followed: functions that return something fail with
 * ERROR_INVALID_HANDLE, void ones do nothing, and the misuse hook of tp/library.h hears of both. */
#ifndef TP_WIN32_THREADPOOL_H
#define TP_WIN32_THREADPOOL_H

#include "tp/win32/environ.h"

TPW_EXTERN_C_BEGIN

/* ---- Pools ----------------------------------------------------------------------------------- */

/* NULL and false come with a last error. A limit of the default pool cannot be set: a pool of NULL
 * is refused. */

TPW_API PTP_POOL WINAPI CreateThreadpool(PVOID reserved);
TPW_API void WINAPI SetThreadpoolThreadMaximum(PTP_POOL pool, DWORD maximum);
TPW_API BOOL WINAPI SetThreadpoolThreadMinimum(PTP_POOL pool, DWORD minimum);
TPW_API BOOL WINAPI SetThreadpoolStackInformation(PTP_POOL pool,
                                                  PTP_POOL_STACK_INFORMATION information);
TPW_API BOOL WINAPI QueryThreadpoolStackInformation(PTP_POOL pool,
                                                    PTP_POOL_STACK_INFORMATION information);
TPW_API void WINAPI CloseThreadpool(PTP_POOL pool);

/* ---- Cleanup groups -------------------------------------------------------------------------- */

TPW_API PTP_CLEANUP_GROUP WINAPI CreateThreadpoolCleanupGroup(void);
TPW_API void WINAPI CloseThreadpoolCleanupGroupMembers(PTP_CLEANUP_GROUP group, BOOL cancel_pending,
                                                       PVOID cleanup_context);
TPW_API void WINAPI CloseThreadpoolCleanupGroup(PTP_CLEANUP_GROUP group);

/* ---- In a callback --------------------------------------------------------------------------- */

/* Done after the callback and its finalizer, one of each kind, the last one that was asked for, in
 * this order: critical section, mutex, semaphore, event, module. */

TPW_API void WINAPI LeaveCriticalSectionWhenCallbackReturns(PTP_CALLBACK_INSTANCE instance,
                                                            PCRITICAL_SECTION section);
TPW_API void WINAPI ReleaseMutexWhenCallbackReturns(PTP_CALLBACK_INSTANCE instance, HANDLE mutex);
TPW_API void WINAPI ReleaseSemaphoreWhenCallbackReturns(PTP_CALLBACK_INSTANCE instance,
                                                        HANDLE semaphore, DWORD count);
TPW_API void WINAPI SetEventWhenCallbackReturns(PTP_CALLBACK_INSTANCE instance, HANDLE event);
TPW_API void WINAPI FreeLibraryWhenCallbackReturns(PTP_CALLBACK_INSTANCE instance, HMODULE module);
TPW_API BOOL WINAPI CallbackMayRunLong(PTP_CALLBACK_INSTANCE instance);
TPW_API void WINAPI DisassociateCurrentThreadFromCallback(PTP_CALLBACK_INSTANCE instance);

/* ---- Simple callbacks and work --------------------------------------------------------------- */

TPW_API BOOL WINAPI TrySubmitThreadpoolCallback(PTP_SIMPLE_CALLBACK callback, PVOID context,
                                                PTP_CALLBACK_ENVIRON environment);
TPW_API PTP_WORK WINAPI CreateThreadpoolWork(PTP_WORK_CALLBACK callback, PVOID context,
                                             PTP_CALLBACK_ENVIRON environment);
TPW_API void WINAPI SubmitThreadpoolWork(PTP_WORK work);
TPW_API void WINAPI WaitForThreadpoolWorkCallbacks(PTP_WORK work, BOOL cancel_pending);
TPW_API void WINAPI CloseThreadpoolWork(PTP_WORK work);

/* ---- Timers ---------------------------------------------------------------------------------- */

/* Period and window are milliseconds; a due time of NULL stops the timer. */

TPW_API PTP_TIMER WINAPI CreateThreadpoolTimer(PTP_TIMER_CALLBACK callback, PVOID context,
                                               PTP_CALLBACK_ENVIRON environment);
TPW_API void WINAPI SetThreadpoolTimer(PTP_TIMER timer, PFILETIME due, DWORD period, DWORD window);
TPW_API BOOL WINAPI SetThreadpoolTimerEx(PTP_TIMER timer, PFILETIME due, DWORD period,
                                         DWORD window);
TPW_API BOOL WINAPI IsThreadpoolTimerSet(PTP_TIMER timer);
TPW_API void WINAPI WaitForThreadpoolTimerCallbacks(PTP_TIMER timer, BOOL cancel_pending);
TPW_API void WINAPI CloseThreadpoolTimer(PTP_TIMER timer);

/* ---- Waits ----------------------------------------------------------------------------------- */

/* A handle of NULL disarms, whatever the timeout; a timeout of NULL is none. */

TPW_API PTP_WAIT WINAPI CreateThreadpoolWait(PTP_WAIT_CALLBACK callback, PVOID context,
                                             PTP_CALLBACK_ENVIRON environment);
TPW_API void WINAPI SetThreadpoolWait(PTP_WAIT wait, HANDLE handle, PFILETIME timeout);
TPW_API BOOL WINAPI SetThreadpoolWaitEx(PTP_WAIT wait, HANDLE handle, PFILETIME timeout,
                                        PVOID reserved);
TPW_API void WINAPI WaitForThreadpoolWaitCallbacks(PTP_WAIT wait, BOOL cancel_pending);
TPW_API void WINAPI CloseThreadpoolWait(PTP_WAIT wait);

/* ---- I/O ------------------------------------------------------------------------------------- */

/* The handle is of a file or pipe opened with FILE_FLAG_OVERLAPPED, and can be bound once. */

TPW_API PTP_IO WINAPI CreateThreadpoolIo(HANDLE file, PTP_WIN32_IO_CALLBACK callback, PVOID context,
                                         PTP_CALLBACK_ENVIRON environment);
TPW_API void WINAPI StartThreadpoolIo(PTP_IO io);
TPW_API void WINAPI CancelThreadpoolIo(PTP_IO io);
TPW_API void WINAPI WaitForThreadpoolIoCallbacks(PTP_IO io, BOOL cancel_pending);
TPW_API void WINAPI CloseThreadpoolIo(PTP_IO io);

TPW_EXTERN_C_END

#endif
