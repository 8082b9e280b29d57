/* missing.c - functions of Windows 8 that Wine 8 lacks; only the program for Wine has this file. */
#include <windows.h>

/* Neither TRUE nor FALSE, so that the suite can tell. The setting itself is done. */
#define MISSING 2

static BOOL WINAPI set_timer(PTP_TIMER timer, PFILETIME due, DWORD period, DWORD window)
{
    SetThreadpoolTimer(timer, due, period, window);
    return MISSING;
}

static BOOL WINAPI set_wait(PTP_WAIT wait, HANDLE handle, PFILETIME timeout, PVOID reserved)
{
    (void)reserved;
    SetThreadpoolWait(wait, handle, timeout);
    return MISSING;
}

/* What a call of an imported function goes through. */
extern BOOL(WINAPI *__imp_SetThreadpoolTimerEx)(PTP_TIMER, PFILETIME, DWORD, DWORD);
extern BOOL(WINAPI *__imp_SetThreadpoolWaitEx)(PTP_WAIT, HANDLE, PFILETIME, PVOID);
BOOL(WINAPI *__imp_SetThreadpoolTimerEx)(PTP_TIMER, PFILETIME, DWORD, DWORD) = set_timer;
BOOL(WINAPI *__imp_SetThreadpoolWaitEx)(PTP_WAIT, HANDLE, PFILETIME, PVOID) = set_wait;
