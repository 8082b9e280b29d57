/* base.h - handles, the objects that are waited for, and waiting for them. */
#ifndef TP_WIN32_BASE_H
#define TP_WIN32_BASE_H

#include "tp/win32/types.h"

TPW_EXTERN_C_BEGIN

/* Functions answer as on Windows: FALSE, NULL or WAIT_FAILED after an error, and GetLastError tells
 * which. Any thread may call any of them at any time, from callbacks of the thread pool too.
 *
 * A handle is a number: garbage, and a handle that was closed, are ERROR_INVALID_HANDLE from every
 * function, and no memory is touched; on Windows the number may mean a newer object. Its upper
 * half counts too, so do not keep it in 32 bits. Closing a handle while a thread waits with it is
 * harmless: the thread goes on waiting for the object.
 *
 * Security attributes are not looked at, nor are rights: every handle may do everything, and none
 * is inherited. Names are those of this process, and of all kinds of objects together, as on
 * Windows; "Local\" and "Global\" before them count for nothing. */

#define DELETE 0x00010000u
#define READ_CONTROL 0x00020000u
#define SYNCHRONIZE 0x00100000u
#define STANDARD_RIGHTS_REQUIRED 0x000F0000u
#define EVENT_MODIFY_STATE 0x0002u
#define EVENT_ALL_ACCESS 0x001F0003u
#define SEMAPHORE_MODIFY_STATE 0x0002u
#define SEMAPHORE_ALL_ACCESS 0x001F0003u
#define MUTEX_MODIFY_STATE 0x0001u
#define MUTEX_ALL_ACCESS 0x001F0001u
#define MUTANT_ALL_ACCESS MUTEX_ALL_ACCESS
#define TIMER_QUERY_STATE 0x0001u
#define TIMER_MODIFY_STATE 0x0002u
#define TIMER_ALL_ACCESS 0x001F0003u

/* ---- Handles --------------------------------------------------------------------------------- */

#define DUPLICATE_CLOSE_SOURCE 0x1u
#define DUPLICATE_SAME_ACCESS 0x2u
#define HANDLE_FLAG_INHERIT 0x1u
#define HANDLE_FLAG_PROTECT_FROM_CLOSE 0x2u

/** Closing INVALID_HANDLE_VALUE, or another pseudo handle, does nothing and is TRUE. */
TPW_API BOOL WINAPI CloseHandle(HANDLE handle);
/** Both processes must be GetCurrentProcess(); else ERROR_NOT_SUPPORTED. */
TPW_API BOOL WINAPI DuplicateHandle(HANDLE source_process, HANDLE source, HANDLE target_process,
                                    HANDLE *target, DWORD access, BOOL inherit, DWORD options);
/** Says 0: no handle is inherited, and none protected. */
TPW_API BOOL WINAPI GetHandleInformation(HANDLE handle, DWORD *flags);
/** Takes flags back that were never there; to set one is ERROR_NOT_SUPPORTED. */
TPW_API BOOL WINAPI SetHandleInformation(HANDLE handle, DWORD mask, DWORD flags);
/** Do both handles mean one object? */
TPW_API BOOL WINAPI CompareObjectHandles(HANDLE one, HANDLE other);

/* ---- Events ---------------------------------------------------------------------------------- */

#define CREATE_EVENT_MANUAL_RESET 0x1u
#define CREATE_EVENT_INITIAL_SET 0x2u

/** A create that finds the name opens that object: its handle, and ERROR_ALREADY_EXISTS. */
TPW_API HANDLE WINAPI CreateEventA(LPSECURITY_ATTRIBUTES security, BOOL manual_reset, BOOL signaled,
                                   LPCSTR name);
TPW_API HANDLE WINAPI CreateEventW(LPSECURITY_ATTRIBUTES security, BOOL manual_reset, BOOL signaled,
                                   LPCWSTR name);
TPW_API HANDLE WINAPI CreateEventExA(LPSECURITY_ATTRIBUTES security, LPCSTR name, DWORD flags,
                                     DWORD access);
TPW_API HANDLE WINAPI CreateEventExW(LPSECURITY_ATTRIBUTES security, LPCWSTR name, DWORD flags,
                                     DWORD access);
TPW_API HANDLE WINAPI OpenEventA(DWORD access, BOOL inherit, LPCSTR name);
TPW_API HANDLE WINAPI OpenEventW(DWORD access, BOOL inherit, LPCWSTR name);
TPW_API BOOL WINAPI SetEvent(HANDLE event);
TPW_API BOOL WINAPI ResetEvent(HANDLE event);
/** Sets and resets it: who comes in between is let go too. */
TPW_API BOOL WINAPI PulseEvent(HANDLE event);

/* ---- Semaphores ------------------------------------------------------------------------------ */

TPW_API HANDLE WINAPI CreateSemaphoreA(LPSECURITY_ATTRIBUTES security, LONG initial, LONG maximum,
                                       LPCSTR name);
TPW_API HANDLE WINAPI CreateSemaphoreW(LPSECURITY_ATTRIBUTES security, LONG initial, LONG maximum,
                                       LPCWSTR name);
TPW_API HANDLE WINAPI CreateSemaphoreExA(LPSECURITY_ATTRIBUTES security, LONG initial, LONG maximum,
                                         LPCSTR name, DWORD flags, DWORD access);
TPW_API HANDLE WINAPI CreateSemaphoreExW(LPSECURITY_ATTRIBUTES security, LONG initial, LONG maximum,
                                         LPCWSTR name, DWORD flags, DWORD access);
TPW_API HANDLE WINAPI OpenSemaphoreA(DWORD access, BOOL inherit, LPCSTR name);
TPW_API HANDLE WINAPI OpenSemaphoreW(DWORD access, BOOL inherit, LPCWSTR name);
/** Above the maximum: ERROR_TOO_MANY_POSTS, and nothing changes. */
TPW_API BOOL WINAPI ReleaseSemaphore(HANDLE semaphore, LONG count, LONG *previous);

/* ---- Mutexes --------------------------------------------------------------------------------- */

#define CREATE_MUTEX_INITIAL_OWNER 0x1u

TPW_API HANDLE WINAPI CreateMutexA(LPSECURITY_ATTRIBUTES security, BOOL owned, LPCSTR name);
TPW_API HANDLE WINAPI CreateMutexW(LPSECURITY_ATTRIBUTES security, BOOL owned, LPCWSTR name);
TPW_API HANDLE WINAPI CreateMutexExA(LPSECURITY_ATTRIBUTES security, LPCSTR name, DWORD flags,
                                     DWORD access);
TPW_API HANDLE WINAPI CreateMutexExW(LPSECURITY_ATTRIBUTES security, LPCWSTR name, DWORD flags,
                                     DWORD access);
TPW_API HANDLE WINAPI OpenMutexA(DWORD access, BOOL inherit, LPCSTR name);
TPW_API HANDLE WINAPI OpenMutexW(DWORD access, BOOL inherit, LPCWSTR name);
/** Of a thread that does not own it: ERROR_NOT_OWNER. */
TPW_API BOOL WINAPI ReleaseMutex(HANDLE mutex);

/* ---- Waitable timers ------------------------------------------------------------------------- */

#define CREATE_WAITABLE_TIMER_MANUAL_RESET 0x1u
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 0x2u

typedef void(CALLBACK *PTIMERAPCROUTINE)(LPVOID argument, DWORD time_low, DWORD time_high);

TPW_API HANDLE WINAPI CreateWaitableTimerA(LPSECURITY_ATTRIBUTES security, BOOL manual_reset,
                                           LPCSTR name);
TPW_API HANDLE WINAPI CreateWaitableTimerW(LPSECURITY_ATTRIBUTES security, BOOL manual_reset,
                                           LPCWSTR name);
TPW_API HANDLE WINAPI CreateWaitableTimerExA(LPSECURITY_ATTRIBUTES security, LPCSTR name,
                                             DWORD flags, DWORD access);
TPW_API HANDLE WINAPI CreateWaitableTimerExW(LPSECURITY_ATTRIBUTES security, LPCWSTR name,
                                             DWORD flags, DWORD access);
TPW_API HANDLE WINAPI OpenWaitableTimerA(DWORD access, BOOL inherit, LPCSTR name);
TPW_API HANDLE WINAPI OpenWaitableTimerW(DWORD access, BOOL inherit, LPCWSTR name);
/** `due` as for SetThreadpoolTimer: below 0 from now, else since 1601, in 100 ns. `routine`: see
 *  QueueUserAPC. `resume` is ignored: no machine is woken from sleep. */
TPW_API BOOL WINAPI SetWaitableTimer(HANDLE timer, const LARGE_INTEGER *due, LONG period_ms,
                                     PTIMERAPCROUTINE routine, LPVOID argument, BOOL resume);
TPW_API BOOL WINAPI CancelWaitableTimer(HANDLE timer);

/* ---- Waiting --------------------------------------------------------------------------------- */

/** Waits for an event, a semaphore, a mutex, a timer, a thread or a file, and takes what it gives.
 *  GetCurrentProcess() is never signaled. */
TPW_API DWORD WINAPI WaitForSingleObject(HANDLE handle, DWORD milliseconds);
TPW_API DWORD WINAPI WaitForSingleObjectEx(HANDLE handle, DWORD milliseconds, BOOL alertable);
/** Of several that are signaled takes the first; or waits until all are signaled at once, and takes
 *  nothing before. One handle twice is ERROR_INVALID_PARAMETER with `all`. Allocates at a thread's
 *  first call that has to wait. */
TPW_API DWORD WINAPI WaitForMultipleObjects(DWORD count, const HANDLE *handles, BOOL all,
                                            DWORD milliseconds);
TPW_API DWORD WINAPI WaitForMultipleObjectsEx(DWORD count, const HANDLE *handles, BOOL all,
                                              DWORD milliseconds, BOOL alertable);
/** The wait begins after the signal, not with it: another thread may be served in between. */
TPW_API DWORD WINAPI SignalObjectAndWait(HANDLE signal, HANDLE wait, DWORD milliseconds,
                                         BOOL alertable);
TPW_API void WINAPI Sleep(DWORD milliseconds);
/** WAIT_IO_COMPLETION if calls that were queued to the thread have been made, else 0. */
TPW_API DWORD WINAPI SleepEx(DWORD milliseconds, BOOL alertable);

#ifdef UNICODE
#define CreateEvent CreateEventW
#define CreateEventEx CreateEventExW
#define OpenEvent OpenEventW
#define CreateSemaphore CreateSemaphoreW
#define CreateSemaphoreEx CreateSemaphoreExW
#define OpenSemaphore OpenSemaphoreW
#define CreateMutex CreateMutexW
#define CreateMutexEx CreateMutexExW
#define OpenMutex OpenMutexW
#define CreateWaitableTimer CreateWaitableTimerW
#define CreateWaitableTimerEx CreateWaitableTimerExW
#define OpenWaitableTimer OpenWaitableTimerW
#else
#define CreateEvent CreateEventA
#define CreateEventEx CreateEventExA
#define OpenEvent OpenEventA
#define CreateSemaphore CreateSemaphoreA
#define CreateSemaphoreEx CreateSemaphoreExA
#define OpenSemaphore OpenSemaphoreA
#define CreateMutex CreateMutexA
#define CreateMutexEx CreateMutexExA
#define OpenMutex OpenMutexA
#define CreateWaitableTimer CreateWaitableTimerA
#define CreateWaitableTimerEx CreateWaitableTimerExA
#define OpenWaitableTimer OpenWaitableTimerA
#endif

TPW_EXTERN_C_END

#endif
