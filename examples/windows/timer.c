/* timer.c - Windows style: a periodic timer, stopped from outside. */
#include <windows.h>
#include <stdio.h>

typedef struct TICKER {
    CRITICAL_SECTION Lock;
    int Ticks;
    HANDLE Enough;
} TICKER;

static VOID CALLBACK Tick(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_TIMER Timer)
{
    TICKER *ticker = (TICKER *)Context;

    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Timer);
    EnterCriticalSection(&ticker->Lock);
    if (++ticker->Ticks <= 3)
        printf("tick %d\n", ticker->Ticks);
    if (ticker->Ticks == 3)
        SetEvent(ticker->Enough);
    LeaveCriticalSection(&ticker->Lock);
}

/* Due times are in units of 100 ns; negative ones count from now. */
static FILETIME FromNow(ULONG Milliseconds)
{
    ULARGE_INTEGER due;
    FILETIME time;

    due.QuadPart = (ULONGLONG)(-(LONGLONG)Milliseconds * 10000);
    time.dwLowDateTime = due.LowPart;
    time.dwHighDateTime = due.HighPart;
    return time;
}

int main(void)
{
    TICKER ticker = {.Ticks = 0};
    FILETIME due = FromNow(10);
    PTP_TIMER timer;

    InitializeCriticalSection(&ticker.Lock);
    ticker.Enough = CreateEvent(NULL, TRUE, FALSE, NULL);
    timer = CreateThreadpoolTimer(Tick, &ticker, NULL);
    if (ticker.Enough == NULL || timer == NULL) {
        fprintf(stderr, "no timer: error %u\n", (unsigned)GetLastError());
        return 1;
    }
    SetThreadpoolTimer(timer, &due, 10, 0);
    WaitForSingleObject(ticker.Enough, INFINITE);

    SetThreadpoolTimer(timer, NULL, 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    if (!IsThreadpoolTimerSet(timer))
        puts("stopped");
    CloseThreadpoolTimer(timer);
    CloseHandle(ticker.Enough);
    DeleteCriticalSection(&ticker.Lock);
    return 0;
}
