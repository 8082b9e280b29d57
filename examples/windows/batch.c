/* batch.c - Windows style: a batch of jobs, and the whole teardown while jobs are queued. */
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 2
#define JOBS 100
#define LATE 50

typedef struct BATCH {
    PTP_POOL Pool;
    PTP_CLEANUP_GROUP Group;
    TP_CALLBACK_ENVIRON Environment;
    HANDLE AllDone; /* set by the last job */
    volatile LONG Left;
    volatile LONG Ran;
    volatile LONG Freed;
    volatile LONGLONG Sum;
} BATCH;

typedef struct JOB {
    BATCH *Batch;
    LONGLONG Number;
} JOB;

typedef struct HOLDER {
    volatile LONG Held;
    HANDLE AllHeld;
    HANDLE Gate;
    PTP_WORK Work;
} HOLDER;

static VOID CALLBACK RunJob(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work)
{
    JOB *job = (JOB *)Context;

    UNREFERENCED_PARAMETER(Work);
    InterlockedExchangeAdd64(&job->Batch->Sum, job->Number * job->Number);
    InterlockedIncrement(&job->Batch->Ran);
    if (InterlockedDecrement(&job->Batch->Left) == 0)
        SetEventWhenCallbackReturns(Instance, job->Batch->AllDone);
}

/* The group tells of each of its members once; the contexts are its to free. */
static VOID CALLBACK FreeJob(PVOID ObjectContext, PVOID CleanupContext)
{
    BATCH *batch = (BATCH *)CleanupContext;

    InterlockedIncrement(&batch->Freed);
    free(ObjectContext);
}

static VOID CALLBACK Hold(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work)
{
    HOLDER *holder = (HOLDER *)Context;

    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Work);
    if (InterlockedIncrement(&holder->Held) == THREADS)
        SetEvent(holder->AllHeld);
    WaitForSingleObject(holder->Gate, INFINITE);
}

static BOOL Open(BATCH *Batch)
{
    ZeroMemory(Batch, sizeof(*Batch));
    Batch->Pool = CreateThreadpool(NULL);
    Batch->Group = CreateThreadpoolCleanupGroup();
    Batch->AllDone = CreateEvent(NULL, TRUE, FALSE, NULL);
    if (Batch->Pool == NULL || Batch->Group == NULL || Batch->AllDone == NULL)
        return FALSE;
    SetThreadpoolThreadMaximum(Batch->Pool, THREADS);
    if (!SetThreadpoolThreadMinimum(Batch->Pool, 1))
        return FALSE;
    InitializeThreadpoolEnvironment(&Batch->Environment);
    SetThreadpoolCallbackPool(&Batch->Environment, Batch->Pool);
    return TRUE;
}

static BOOL Submit(BATCH *Batch, int First, int Count)
{
    Batch->Left = Count;
    SetThreadpoolCallbackCleanupGroup(&Batch->Environment, Batch->Group, FreeJob);
    for (int i = First; i < First + Count; i++) {
        JOB *job = (JOB *)malloc(sizeof(*job));
        PTP_WORK work;

        if (job == NULL)
            return FALSE;
        job->Batch = Batch;
        job->Number = i;
        work = CreateThreadpoolWork(RunJob, job, &Batch->Environment);
        if (work == NULL)
            return FALSE;
        SubmitThreadpoolWork(work);
    }
    return TRUE;
}

/* Takes all threads of the pool, with an object that is not the group's. */
static BOOL HoldAll(BATCH *Batch, HOLDER *Holder)
{
    Holder->Held = 0;
    Holder->AllHeld = CreateEvent(NULL, TRUE, FALSE, NULL);
    Holder->Gate = CreateEvent(NULL, TRUE, FALSE, NULL);
    SetThreadpoolCallbackCleanupGroup(&Batch->Environment, NULL, NULL);
    Holder->Work = CreateThreadpoolWork(Hold, Holder, &Batch->Environment);
    if (Holder->AllHeld == NULL || Holder->Gate == NULL || Holder->Work == NULL)
        return FALSE;
    for (int i = 0; i < THREADS; i++)
        SubmitThreadpoolWork(Holder->Work);
    WaitForSingleObject(Holder->AllHeld, INFINITE);
    return TRUE;
}

static void LetGo(HOLDER *Holder)
{
    SetEvent(Holder->Gate);
    WaitForThreadpoolWorkCallbacks(Holder->Work, FALSE);
    CloseThreadpoolWork(Holder->Work);
    CloseHandle(Holder->Gate);
    CloseHandle(Holder->AllHeld);
}

int main(void)
{
    BATCH batch;
    HOLDER holder;

    if (!Open(&batch) || !Submit(&batch, 1, JOBS)) {
        fprintf(stderr, "batch: error %u\n", (unsigned)GetLastError());
        return 1;
    }
    WaitForSingleObject(batch.AllDone, INFINITE);
    printf("jobs done: %d, sum of squares %u\n", (int)batch.Ran, (unsigned)batch.Sum);

    if (!HoldAll(&batch, &holder) || !Submit(&batch, JOBS + 1, LATE)) {
        fprintf(stderr, "batch: error %u\n", (unsigned)GetLastError());
        return 1;
    }
    CloseThreadpoolCleanupGroupMembers(batch.Group, TRUE, &batch);
    printf("jobs queued at the end: %d, done of these: %d\n", LATE, (int)batch.Ran - JOBS);
    printf("contexts freed: %d\n", (int)batch.Freed);
    LetGo(&holder);
    CloseThreadpoolCleanupGroup(batch.Group);
    DestroyThreadpoolEnvironment(&batch.Environment);
    CloseThreadpool(batch.Pool);
    CloseHandle(batch.AllDone);
    printf("group, environment and pool closed\n");
    return 0;
}
