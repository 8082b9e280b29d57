/* native_test.c - the thread pool by the names of ntdll. */
#include "tests/win32/scene.h"

struct calls {
    LONG simple, work, timer, wait;
    NTSTATUS long_running;
    HANDLE semaphore, event, mutex;
    RTL_CRITICAL_SECTION *section;
};

static void CALLBACK on_simple(TP_CALLBACK_INSTANCE *instance, void *context)
{
    struct calls *calls = context;
    calls->long_running = TpCallbackMayRunLong(instance);
    TpCallbackReleaseSemaphoreOnCompletion(instance, calls->semaphore, 1);
    add_to(&calls->simple, 1);
}

static void CALLBACK on_work(TP_CALLBACK_INSTANCE *instance, void *context, TP_WORK *work)
{
    struct calls *calls = context;
    (void)work;
    TpDisassociateCallback(instance);
    WaitForSingleObject(calls->mutex, INFINITE);
    TpCallbackReleaseMutexOnCompletion(instance, calls->mutex);
    TpCallbackSetEventOnCompletion(instance, calls->event);
    add_to(&calls->work, 1);
}

static void CALLBACK on_section(TP_CALLBACK_INSTANCE *instance, void *context, TP_WORK *work)
{
    struct calls *calls = context;
    (void)work;
    EnterCriticalSection(calls->section);
    TpCallbackLeaveCriticalSectionOnCompletion(instance, calls->section);
    TpCallbackUnloadDllOnCompletion(instance, LoadLibraryA("libtp-win32.so.0")); /* it stays */
}

static void CALLBACK on_timer(TP_CALLBACK_INSTANCE *instance, void *context, TP_TIMER *timer)
{
    (void)instance;
    (void)timer;
    add_to(&((struct calls *)context)->timer, 1);
}

static void CALLBACK on_wait(TP_CALLBACK_INSTANCE *instance, void *context, TP_WAIT *wait,
                             TP_WAIT_RESULT result)
{
    struct calls *calls = context;
    (void)wait;
    if (result == WAIT_OBJECT_0)
        add_to(&calls->wait, 1);
    TpCallbackSetEventOnCompletion(instance, calls->event);
}

static struct calls nothing_yet(void)
{
    struct calls calls = {.semaphore = CreateSemaphoreA(NULL, 0, 10, NULL),
                          .event = new_event(),
                          .mutex = CreateMutexA(NULL, FALSE, NULL)};
    return calls;
}

static void close_all(struct calls *calls)
{
    CloseHandle(calls->semaphore);
    CloseHandle(calls->event);
    CloseHandle(calls->mutex);
}

TAP_TEST(native__pool_group_and_simple)
{
    struct calls calls = nothing_yet();
    TP_POOL_STACK_INFORMATION stack = {1 << 20, 1 << 16}, told;
    TP_CALLBACK_ENVIRON environment;
    TP_POOL *pool = NULL;
    TP_CLEANUP_GROUP *group = NULL;
    check_eq(TpAllocPool(&pool, &calls), STATUS_INVALID_PARAMETER);
    check_eq(TpAllocPool(&pool, NULL), STATUS_SUCCESS);
    TpSetPoolMaxThreads(pool, 1);
    check_eq(TpSetPoolMinThreads(pool, 1), STATUS_SUCCESS);
    check_eq(TpSetPoolMinThreads(NULL, 1), STATUS_INVALID_PARAMETER);
    check_eq(TpSetPoolStackInformation(pool, &stack), STATUS_SUCCESS);
    check_eq(TpQueryPoolStackInformation(pool, &told), STATUS_SUCCESS);
    check_eq(told.StackReserve, 1 << 20);
    check_eq(TpAllocCleanupGroup(&group), STATUS_SUCCESS);
    TpInitializeCallbackEnviron(&environment);
    TpSetCallbackThreadpool(&environment, pool);
    TpSetCallbackCleanupGroup(&environment, group, NULL);
    check_eq(TpSimpleTryPost(on_simple, &calls, &environment), STATUS_SUCCESS);
    check(comes(calls.semaphore));
    TpReleaseCleanupGroupMembers(group, FALSE, NULL);
    check_eq(calls.simple, 1);
    check_eq(calls.long_running, STATUS_TOO_MANY_THREADS); /* C-189 */
    environment.Version = 9999;
    check_eq(TpSimpleTryPost(on_simple, &calls, &environment), STATUS_INVALID_PARAMETER);
    TpDestroyCallbackEnviron(&environment);
    TpReleaseCleanupGroup(group);
    TpReleasePool(pool);
    close_all(&calls);
}

TAP_TEST(native__work)
{
    RTL_CRITICAL_SECTION section;
    struct calls calls = nothing_yet();
    TP_WORK *work = NULL;
    check_eq(TpAllocWork(&work, NULL, NULL, NULL), STATUS_INVALID_PARAMETER);
    check(work == NULL);
    check_eq(TpAllocWork(&work, on_work, &calls, NULL), STATUS_SUCCESS);
    TpPostWork(work);
    check(comes(calls.event));
    TpWaitForWork(work, FALSE);
    check_eq(calls.work, 1);
    check(comes(calls.mutex));
    ReleaseMutex(calls.mutex);
    TpReleaseWork(work);
    InitializeCriticalSection(&section);
    calls.section = &section;
    check_eq(TpAllocWork(&work, on_section, &calls, NULL), STATUS_SUCCESS);
    TpPostWork(work);
    TpWaitForWork(work, FALSE);
    check_eq(TryEnterCriticalSection(&section), TRUE);
    LeaveCriticalSection(&section);
    TpReleaseWork(work);
    DeleteCriticalSection(&section);
    close_all(&calls);
}

TAP_TEST(native__timer)
{
    struct calls calls = nothing_yet();
    LARGE_INTEGER now, before;
    TP_TIMER *timer = NULL;
    check_eq(NtQuerySystemTime(&before), STATUS_SUCCESS);
    check(before.QuadPart > 132000000000000000LL); /* 2019 */
    check_eq(TpAllocTimer(&timer, on_timer, &calls, NULL), STATUS_SUCCESS);
    check_eq(TpIsTimerSet(timer), FALSE);
    now.QuadPart = 0;
    TpSetTimer(timer, &now, 0, 0);
    check_eq(TpIsTimerSet(timer), TRUE);
    TpWaitForTimer(timer, FALSE);
    check_eq(calls.timer, 1);
    TpSetTimer(timer, NULL, 0, 0);
    check_eq(TpIsTimerSet(timer), FALSE);
    TpReleaseTimer(timer);
    close_all(&calls);
}

TAP_TEST(native__wait)
{
    struct calls calls = nothing_yet();
    LARGE_INTEGER hour;
    TP_WAIT *wait = NULL;
    check_eq(TpAllocWait(&wait, on_wait, &calls, NULL), STATUS_SUCCESS);
    hour.QuadPart = -36000000000LL;
    TpSetWait(wait, calls.semaphore, &hour);
    ReleaseSemaphore(calls.semaphore, 1, NULL);
    check(comes(calls.event));
    check_eq(calls.wait, 1);
    TpSetWait(wait, calls.semaphore, NULL);
    TpSetWait(wait, NULL, (LARGE_INTEGER *)(ULONG_PTR)0xdeadbee0); /* C-122 */
    ReleaseSemaphore(calls.semaphore, 1, NULL);
    check(comes(calls.semaphore));
    TpWaitForWait(wait, TRUE);
    TpReleaseWait(wait);
    close_all(&calls);
}

/* What kernel32 says by numbers, and ntdll. */
TAP_TEST(native__statuses_and_errors)
{
    check_eq(RtlNtStatusToDosError(STATUS_SUCCESS), ERROR_SUCCESS);
    check_eq(RtlNtStatusToDosError(STATUS_INVALID_PARAMETER), 87);
    check_eq(RtlNtStatusToDosError(STATUS_INVALID_HANDLE), 6);
    check_eq(RtlNtStatusToDosError(STATUS_NO_MEMORY), 8);
    check_eq(RtlNtStatusToDosError(STATUS_TOO_MANY_THREADS), 565);
    check_eq(RtlNtStatusToDosError(STATUS_UNSUCCESSFUL), 31);
    check_eq(RtlNtStatusToDosError(STATUS_PENDING), 997);
    check_eq(RtlNtStatusToDosError(STATUS_CANCELLED), 995);
    check_eq(NtQuerySystemTime(NULL), STATUS_ACCESS_VIOLATION);
    check_eq(NtClose(new_event()), STATUS_SUCCESS);
    check_eq(NtClose(NULL), STATUS_INVALID_HANDLE);
}

int main(void)
{
    tap_run(native__pool_group_and_simple);
    tap_run(native__work);
    tap_run(native__timer);
    tap_run(native__wait);
    tap_run(native__statuses_and_errors);
    return tap_done();
}
