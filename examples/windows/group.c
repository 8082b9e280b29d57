/* group.c - Windows style: a cleanup group ends objects of three kinds at once. */
#include <windows.h>
#include <stdio.h>

static volatile LONG ran, cancelled;
static HANDLE begun, gate;

static VOID CALLBACK Hold(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work)
{
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Work);
    SetEvent(begun);
    WaitForSingleObject(gate, INFINITE);
}

static VOID CALLBACK WorkRan(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work)
{
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Work);
    InterlockedIncrement(&ran);
}

static VOID CALLBACK TimerRan(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_TIMER Timer)
{
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Timer);
    InterlockedIncrement(&ran);
}

static VOID CALLBACK WaitRan(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WAIT Wait,
                             TP_WAIT_RESULT WaitResult)
{
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Wait);
    UNREFERENCED_PARAMETER(WaitResult);
    InterlockedIncrement(&ran);
}

static VOID CALLBACK Cancelled(PVOID ObjectContext, PVOID CleanupContext)
{
    UNREFERENCED_PARAMETER(ObjectContext);
    UNREFERENCED_PARAMETER(CleanupContext);
    InterlockedIncrement(&cancelled);
}

static FILETIME InAnHour(VOID)
{
    ULARGE_INTEGER due;
    FILETIME time;

    due.QuadPart = (ULONGLONG)(-3600LL * 10000000);
    time.dwLowDateTime = due.LowPart;
    time.dwHighDateTime = due.HighPart;
    return time;
}

int main(void)
{
    PTP_POOL pool = CreateThreadpool(NULL);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    HANDLE never = CreateEvent(NULL, TRUE, FALSE, NULL);
    FILETIME hour = InAnHour();
    TP_CALLBACK_ENVIRON environment;
    PTP_WORK holder, work;
    PTP_TIMER timer;
    PTP_WAIT wait;

    begun = CreateEvent(NULL, TRUE, FALSE, NULL);
    gate = CreateEvent(NULL, TRUE, FALSE, NULL);
    SetThreadpoolThreadMaximum(pool, 1);
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    holder = CreateThreadpoolWork(Hold, NULL, &environment);
    SetThreadpoolCallbackCleanupGroup(&environment, group, Cancelled);
    work = CreateThreadpoolWork(WorkRan, NULL, &environment);
    timer = CreateThreadpoolTimer(TimerRan, NULL, &environment);
    wait = CreateThreadpoolWait(WaitRan, NULL, &environment);
    if (holder == NULL || work == NULL || timer == NULL || wait == NULL) {
        fprintf(stderr, "no objects: error %u\n", (unsigned)GetLastError());
        return 1;
    }
    SubmitThreadpoolWork(holder);
    WaitForSingleObject(begun, INFINITE);

    for (int i = 0; i < 100; i++)
        SubmitThreadpoolWork(work);
    SetThreadpoolTimer(timer, &hour, 0, 0);
    SetThreadpoolWait(wait, never, NULL);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
    printf("members cancelled: %d\n", (int)cancelled);
    printf("callbacks that ran: %d\n", (int)ran);

    SetEvent(gate);
    WaitForThreadpoolWorkCallbacks(holder, FALSE);
    CloseThreadpoolWork(holder);
    CloseHandle(never);
    CloseHandle(gate);
    CloseHandle(begun);
    CloseThreadpoolCleanupGroup(group);
    DestroyThreadpoolEnvironment(&environment);
    CloseThreadpool(pool);
    return 0;
}
