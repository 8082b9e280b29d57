/* garbage_test.c - what is no handle is refused by every function, and the misuse hook hears. */
#include "tests/win32/scene.h"

#include "tp/library.h"

static LONG heard;

static void hear(void *context, const char *function, tp_status_t status, const char *message)
{
    (void)context;
    (void)function;
    (void)status;
    (void)message;
    add_to(&heard, 1);
}

/* Pointers of all sorts; NULL comes last. */
static const char text[] = "not a handle";
static const ULONG_PTR garbage[] = {
    1, 0x40404, 0xdeadbeef, MAXDWORD, (ULONG_PTR)-400, UINT64_C(0x7fffffffffffffff), 0};
#define KINDS (ARRAYSIZE(garbage) + 1)

static PVOID piece(size_t number)
{
    return number < ARRAYSIZE(garbage) ? (PVOID)garbage[number] : (PVOID)(ULONG_PTR)text;
}

#define TOLD(call) \
    do { \
        LONG before = value_of(&heard); \
        call; \
        check(value_of(&heard) > before || !piece(i)); \
    } while (0)

TAP_TEST(garbage__pools_and_groups)
{
    TP_POOL_STACK_INFORMATION stack = {0, 0};
    for (size_t i = 0; i < KINDS; i++) {
        PTP_POOL pool = piece(i);
        TOLD(SetThreadpoolThreadMaximum(pool, 2));
        TOLD(check_eq(SetThreadpoolThreadMinimum(pool, 2), FALSE));
        TOLD(check_eq(SetThreadpoolStackInformation(pool, &stack), FALSE));
        TOLD(check_eq(QueryThreadpoolStackInformation(pool, &stack), FALSE));
        TOLD(CloseThreadpool(pool));
        PTP_CLEANUP_GROUP group = piece(i);
        TOLD(CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL));
        TOLD(CloseThreadpoolCleanupGroup(group));
    }
}

static void CALLBACK note_io(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
                             ULONG result, ULONG_PTR bytes, PTP_IO io)
{
    (void)instance;
    (void)context;
    (void)overlapped;
    (void)result;
    (void)bytes;
    (void)io;
}

TAP_TEST(garbage__objects)
{
    FILETIME due;
    HANDLE event = new_event();
    for (size_t i = 0; i < KINDS; i++) {
        PVOID object = piece(i);
        TOLD(SubmitThreadpoolWork(object));
        TOLD(WaitForThreadpoolWorkCallbacks(object, TRUE));
        TOLD(CloseThreadpoolWork(object));
        TOLD(SetThreadpoolTimer(object, in_ms(&due, 0), 1, 1));
        TOLD(check_eq(SetThreadpoolTimerEx(object, NULL, 0, 0), FALSE));
        TOLD(check_eq(IsThreadpoolTimerSet(object), FALSE));
        TOLD(WaitForThreadpoolTimerCallbacks(object, FALSE));
        TOLD(CloseThreadpoolTimer(object));
        TOLD(SetThreadpoolWait(object, event, NULL));
        TOLD(check_eq(SetThreadpoolWaitEx(object, NULL, NULL, NULL), FALSE));
        TOLD(WaitForThreadpoolWaitCallbacks(object, FALSE));
        TOLD(CloseThreadpoolWait(object));
        TOLD(StartThreadpoolIo(object));
        TOLD(CancelThreadpoolIo(object));
        TOLD(WaitForThreadpoolIoCallbacks(object, TRUE));
        TOLD(CloseThreadpoolIo(object));
        SetLastError(0);
        check(CreateThreadpoolIo(object, note_io, NULL, NULL) == NULL);
        check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    }
    CloseHandle(event);
}

TAP_TEST(garbage__instances)
{
    HANDLE event = new_event(), semaphore = CreateSemaphoreA(NULL, 0, 1, NULL);
    for (size_t i = 0; i < KINDS; i++) {
        PTP_CALLBACK_INSTANCE instance = piece(i);
        TOLD(SetEventWhenCallbackReturns(instance, event));
        TOLD(ReleaseSemaphoreWhenCallbackReturns(instance, semaphore, 1));
        TOLD(ReleaseMutexWhenCallbackReturns(instance, event));
        TOLD(FreeLibraryWhenCallbackReturns(instance, piece(i)));
        TOLD(DisassociateCurrentThreadFromCallback(instance));
        SetLastError(0);
        TOLD(check_eq(CallbackMayRunLong(instance), FALSE));
        check(GetLastError() != 0);
    }
    check_eq(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    check_eq(WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
    CloseHandle(event);
    CloseHandle(semaphore);
}

/* A wait that is given what is no handle stays as it was; so does a completion action. */
static void CALLBACK note_wait(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
                               TP_WAIT_RESULT result)
{
    (void)wait;
    (void)result;
    for (size_t i = 0; i < KINDS; i++) {
        TOLD(SetEventWhenCallbackReturns(instance, piece(i)));
        TOLD(ReleaseSemaphoreWhenCallbackReturns(instance, piece(i), 1));
        TOLD(ReleaseMutexWhenCallbackReturns(instance, piece(i)));
        TOLD(FreeLibraryWhenCallbackReturns(instance, piece(i)));
    }
    SetEventWhenCallbackReturns(instance, context);
}

TAP_TEST(garbage__handles)
{
    HANDLE event = new_event(), done = new_event(), out = NULL;
    PTP_WAIT wait = CreateThreadpoolWait(note_wait, done, NULL);
    SetThreadpoolWait(wait, event, NULL);
    for (size_t i = 0; i < KINDS; i++) {
        if (!piece(i))
            continue; /* disarms */
        TOLD(SetThreadpoolWait(wait, piece(i), NULL));
        check_eq(RegisterWaitForSingleObject(&out, piece(i), (WAITORTIMERCALLBACK)NULL, 0, 0, 0),
                 FALSE);
        check_eq(UnregisterWait(piece(i)), FALSE);
        check_eq(DeleteTimerQueueEx(piece(i), NULL), FALSE);
        check_eq(DeleteTimerQueueTimer(NULL, piece(i), NULL), FALSE);
        check_eq(ChangeTimerQueueTimer(NULL, piece(i), 0, 0), FALSE);
        check_eq(NtClose(piece(i)), STATUS_INVALID_HANDLE);
    }
    SetEvent(event);
    check(comes(done));
    CloseThreadpoolWait(wait);
    CloseThreadpoolWait(wait); /* a second time */
    CloseHandle(event);
    CloseHandle(done);
}

int main(void)
{
    if (tp_set_misuse_hook(hear, NULL) != TP_OK)
        return 1;
    tap_run(garbage__pools_and_groups);
    tap_run(garbage__objects);
    tap_run(garbage__instances);
    tap_run(garbage__handles);
    return tap_done();
}
