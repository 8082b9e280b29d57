/* legacy.h - the thread pool from before Windows Vista: work items, registered waits, timer queues.
 *
 * It runs on the default pool, but for the callbacks of waits with WT_EXECUTEINWAITTHREAD. */
#ifndef TP_WIN32_LEGACY_H
#define TP_WIN32_LEGACY_H

#include "tp/win32/types.h"

TPW_EXTERN_C_BEGIN

/* What changes anything here: ONLYONCE, LONGFUNCTION and the persistent thread; INTIMERTHREAD, with
 * which a timer runs one callback at a time; INWAITTHREAD, with which the callbacks of all such
 * waits run one after the other on one thread. */
#define WT_EXECUTEDEFAULT 0x00000000u
#define WT_EXECUTEINIOTHREAD 0x00000001u
#define WT_EXECUTEINUITHREAD 0x00000002u
#define WT_EXECUTEINWAITTHREAD 0x00000004u
#define WT_EXECUTEONLYONCE 0x00000008u
#define WT_EXECUTELONGFUNCTION 0x00000010u
#define WT_EXECUTEINTIMERTHREAD 0x00000020u
#define WT_EXECUTEINPERSISTENTIOTHREAD 0x00000040u
#define WT_EXECUTEINPERSISTENTTHREAD 0x00000080u
#define WT_TRANSFER_IMPERSONATION 0x00000100u
#define WT_SET_MAX_THREADPOOL_THREADS(flags, limit) ((flags) |= (limit) << 16)

/** `timed_out` is true for a timer and for a wait whose time ran out. */
typedef void(NTAPI *WAITORTIMERCALLBACKFUNC)(PVOID context, BOOLEAN timed_out);
typedef WAITORTIMERCALLBACKFUNC WAITORTIMERCALLBACK;
typedef WAITORTIMERCALLBACKFUNC RTL_WAITORTIMERCALLBACKFUNC;
typedef void(NTAPI *WORKERCALLBACKFUNC)(PVOID context);
typedef void(NTAPI *PRTL_WORK_ITEM_ROUTINE)(PVOID context);

TPW_API BOOL WINAPI QueueUserWorkItem(LPTHREAD_START_ROUTINE function, PVOID context, ULONG flags);
TPW_API NTSTATUS NTAPI RtlQueueWorkItem(PRTL_WORK_ITEM_ROUTINE function, PVOID context,
                                        ULONG flags);

/* A registered wait is armed again when its callback has returned, unless WT_EXECUTEONLYONCE. The
 * time is in milliseconds. Unregistering with a callback queued or running is FALSE with
 * ERROR_IO_PENDING; with INVALID_HANDLE_VALUE it waits for it; an event is set after it. */

TPW_API BOOL WINAPI RegisterWaitForSingleObject(PHANDLE wait, HANDLE object,
                                                WAITORTIMERCALLBACK callback, PVOID context,
                                                ULONG milliseconds, ULONG flags);
TPW_API BOOL WINAPI UnregisterWait(HANDLE wait);
TPW_API BOOL WINAPI UnregisterWaitEx(HANDLE wait, HANDLE completion_event);
TPW_API NTSTATUS NTAPI RtlRegisterWait(PHANDLE wait, HANDLE object,
                                       RTL_WAITORTIMERCALLBACKFUNC callback, PVOID context,
                                       ULONG milliseconds, ULONG flags);
TPW_API NTSTATUS NTAPI RtlDeregisterWait(HANDLE wait);
TPW_API NTSTATUS NTAPI RtlDeregisterWaitEx(HANDLE wait, HANDLE completion_event);

/* Due time and period are in milliseconds. A queue of NULL is that of the process. What deleting
 * does with a completion event is what unregistering a wait does. */

TPW_API HANDLE WINAPI CreateTimerQueue(void);
TPW_API BOOL WINAPI CreateTimerQueueTimer(PHANDLE timer, HANDLE queue, WAITORTIMERCALLBACK callback,
                                          PVOID context, DWORD due, DWORD period, ULONG flags);
TPW_API BOOL WINAPI ChangeTimerQueueTimer(HANDLE queue, HANDLE timer, ULONG due, ULONG period);
TPW_API BOOL WINAPI DeleteTimerQueueTimer(HANDLE queue, HANDLE timer, HANDLE completion_event);
TPW_API BOOL WINAPI DeleteTimerQueue(HANDLE queue);
TPW_API BOOL WINAPI DeleteTimerQueueEx(HANDLE queue, HANDLE completion_event);

TPW_EXTERN_C_END

#endif
