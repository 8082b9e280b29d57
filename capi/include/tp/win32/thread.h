/* thread.h - threads, this process, and slots of thread-local storage. */
#ifndef TP_WIN32_THREAD_H
#define TP_WIN32_THREAD_H

#include "tp/win32/types.h"

TPW_EXTERN_C_BEGIN

#define STILL_ACTIVE 259u
#define CREATE_SUSPENDED 0x00000004u
#define STACK_SIZE_PARAM_IS_A_RESERVATION 0x00010000u
#define THREAD_TERMINATE 0x0001u
#define THREAD_SUSPEND_RESUME 0x0002u
#define THREAD_GET_CONTEXT 0x0008u
#define THREAD_SET_CONTEXT 0x0010u
#define THREAD_QUERY_INFORMATION 0x0040u
#define THREAD_ALL_ACCESS 0x001FFFFFu
#define PROCESS_ALL_ACCESS 0x001FFFFFu
#define TLS_OUT_OF_INDEXES 0xffffffffu
#define TLS_MINIMUM_AVAILABLE 64

typedef void(NTAPI *PAPCFUNC)(ULONG_PTR parameter);

/* ---- Threads --------------------------------------------------------------------------------- */

/** A thread of the system. Of flags only CREATE_SUSPENDED and STACK_SIZE_PARAM_IS_A_RESERVATION;
 *  either way `stack_size` is what is reserved, 0 the system's default. */
TPW_API HANDLE WINAPI CreateThread(LPSECURITY_ATTRIBUTES security, SIZE_T stack_size,
                                   LPTHREAD_START_ROUTINE function, LPVOID parameter, DWORD flags,
                                   LPDWORD thread_id);
/** In the first thread: it ends, and the process goes on with the others. */
TPW_API void WINAPI ExitThread(DWORD exit_code) __attribute__((noreturn));
/** The handle closes as any other; the thread's id is that of CreateThread. */
TPW_API uintptr_t _beginthreadex(void *security, unsigned stack_size,
                                 unsigned (*function)(void *parameter), void *parameter,
                                 unsigned flags, unsigned *thread_id);
TPW_API void _endthreadex(unsigned exit_code) __attribute__((noreturn));
/** STILL_ACTIVE until it has ended. */
TPW_API BOOL WINAPI GetExitCodeThread(HANDLE thread, LPDWORD exit_code);
/** Of a thread that CreateThread made, or that has asked for its id with GetCurrentThreadId. */
TPW_API HANDLE WINAPI OpenThread(DWORD access, BOOL inherit, DWORD thread_id);
/** A pseudo handle. */
TPW_API HANDLE WINAPI GetCurrentThread(void);
/** The kernel's number of the thread. */
TPW_API DWORD WINAPI GetCurrentThreadId(void);
TPW_API DWORD WINAPI GetThreadId(HANDLE thread);
/** Only of a thread made with CREATE_SUSPENDED, once; else 0: nothing was suspended. */
TPW_API DWORD WINAPI ResumeThread(HANDLE thread);
/** Gives the processor away; says TRUE, since Linux does not tell. */
TPW_API BOOL WINAPI SwitchToThread(void);
/** `function` runs when the thread waits alertably: the functions ending in Ex. A thread of a pool
 *  may be gone before. Not 0 if it is queued. */
TPW_API DWORD WINAPI QueueUserAPC(PAPCFUNC function, HANDLE thread, ULONG_PTR data);

/* ---- This process ---------------------------------------------------------------------------- */

/** A pseudo handle, equal to INVALID_HANDLE_VALUE. */
TPW_API HANDLE WINAPI GetCurrentProcess(void);
TPW_API DWORD WINAPI GetCurrentProcessId(void);
TPW_API void WINAPI ExitProcess(UINT exit_code) __attribute__((noreturn));

/* ---- Thread-local storage -------------------------------------------------------------------- */

TPW_API DWORD WINAPI TlsAlloc(void);
TPW_API BOOL WINAPI TlsFree(DWORD slot);
/** NULL in a thread that has not set it; sets the last error to 0 unless the slot is none. */
TPW_API LPVOID WINAPI TlsGetValue(DWORD slot);
TPW_API BOOL WINAPI TlsSetValue(DWORD slot, LPVOID value);

TPW_EXTERN_C_END

#endif
