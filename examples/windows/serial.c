/* serial.c - Windows style: a pool of one persistent thread that takes what is urgent first. */
#include <windows.h>
#include <stdio.h>

#define JOBS 5
#define HIGH 3 /* the first of these */

static const char *names[JOBS] = {"normal 1", "normal 2", "normal 3", "high 1", "high 2"};
static HANDLE begun, gate;
static DWORD holdingThread;

/* Who ran, and on which thread. Only one callback runs at a time, so no lock is needed. */
static struct {
    const char *Name;
    DWORD Thread;
} history[JOBS];
static int length;

static VOID CALLBACK Hold(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work)
{
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Work);
    holdingThread = GetCurrentThreadId();
    SetEvent(begun);
    WaitForSingleObject(gate, INFINITE);
}

static VOID CALLBACK Note(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work)
{
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Work);
    history[length].Name = (const char *)Context;
    history[length].Thread = GetCurrentThreadId();
    length++;
}

static BOOL SubmitAll(PTP_CALLBACK_ENVIRON Environment, PTP_WORK *Jobs)
{
    for (int i = 0; i < JOBS; i++) {
        SetThreadpoolCallbackPriority(Environment, i < HIGH ? TP_CALLBACK_PRIORITY_NORMAL
                                                            : TP_CALLBACK_PRIORITY_HIGH);
        Jobs[i] = CreateThreadpoolWork(Note, (PVOID)names[i], Environment);
        if (Jobs[i] == NULL)
            return FALSE;
        SubmitThreadpoolWork(Jobs[i]);
    }
    return TRUE;
}

int main(void)
{
    PTP_POOL pool = CreateThreadpool(NULL);
    TP_CALLBACK_ENVIRON environment;
    PTP_WORK holder, jobs[JOBS];
    BOOL onOneThread = TRUE;

    begun = CreateEvent(NULL, TRUE, FALSE, NULL);
    gate = CreateEvent(NULL, TRUE, FALSE, NULL);
    SetThreadpoolThreadMaximum(pool, 1);
    if (!SetThreadpoolThreadMinimum(pool, 1)) {
        fprintf(stderr, "SetThreadpoolThreadMinimum: error %u\n", (unsigned)GetLastError());
        return 1;
    }
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    SetThreadpoolCallbackPersistent(&environment);
    holder = CreateThreadpoolWork(Hold, NULL, &environment);
    SubmitThreadpoolWork(holder);
    WaitForSingleObject(begun, INFINITE);

    if (!SubmitAll(&environment, jobs)) {
        fprintf(stderr, "CreateThreadpoolWork: error %u\n", (unsigned)GetLastError());
        return 1;
    }
    SetEvent(gate);
    for (int i = 0; i < JOBS; i++) {
        WaitForThreadpoolWorkCallbacks(jobs[i], FALSE);
        CloseThreadpoolWork(jobs[i]);
    }
    for (int i = 0; i < length; i++) {
        puts(history[i].Name);
        onOneThread = onOneThread && history[i].Thread == holdingThread;
    }
    printf("on one thread: %s\n", onOneThread ? "yes" : "no");

    CloseThreadpoolWork(holder);
    DestroyThreadpoolEnvironment(&environment);
    CloseThreadpool(pool);
    CloseHandle(gate);
    CloseHandle(begun);
    return 0;
}
