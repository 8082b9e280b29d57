/* forms_test.c - the wide and the extended forms of functions do what the plain ones do. */
#include "tests/win32/scene.h"

#include <sys/wait.h>

/* First, while there is no other thread. */
TAP_TEST(forms__process_ends)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        ExitProcess(3);
    require(child > 0);
    check(waitpid(child, &status, 0) == child);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

/* The object of a name, opened in the other forms; all handles are closed. */
static void expect_same(HANDLE made, HANDLE by_name, HANDLE by_wide_name)
{
    check(made && by_name && by_wide_name);
    check_eq(CompareObjectHandles(made, by_name), TRUE);
    check_eq(CompareObjectHandles(made, by_wide_name), TRUE);
    CloseHandle(made);
    CloseHandle(by_name);
    CloseHandle(by_wide_name);
}

TAP_TEST(forms__events)
{
    HANDLE event = CreateEventExW(NULL, L"forms event",
                                  CREATE_EVENT_MANUAL_RESET | CREATE_EVENT_INITIAL_SET, 0);
    check_eq(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    SetLastError(0);
    HANDLE again = CreateEventExA(NULL, "forms event", 0, 0);
    check_eq(GetLastError(), ERROR_ALREADY_EXISTS);
    expect_same(event, again, OpenEventW(0, FALSE, L"forms event"));
    SetLastError(0);
    check(OpenEventW(0, FALSE, L"forms event") == NULL); /* gone with its last handle */
    check_eq(GetLastError(), ERROR_FILE_NOT_FOUND);
}

TAP_TEST(forms__semaphores)
{
    HANDLE semaphore = CreateSemaphoreExW(NULL, 1, 2, L"forms semaphore", 0, 0);
    check_eq(WaitForSingleObject(semaphore, 0), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
    HANDLE again = CreateSemaphoreExA(NULL, 0, 2, "forms semaphore", 0, 0);
    expect_same(semaphore, again, OpenSemaphoreW(0, FALSE, L"forms semaphore"));
    semaphore = CreateSemaphoreW(NULL, 0, 1, L"forms semaphore");
    expect_same(semaphore, OpenSemaphoreA(0, FALSE, "forms semaphore"),
                OpenSemaphoreW(0, FALSE, L"forms semaphore"));
}

TAP_TEST(forms__mutexes)
{
    HANDLE mutex = CreateMutexExW(NULL, L"forms mutex", CREATE_MUTEX_INITIAL_OWNER, 0);
    check_eq(ReleaseMutex(mutex), TRUE);
    check_eq(ReleaseMutex(mutex), FALSE);
    check_eq(GetLastError(), ERROR_NOT_OWNER);
    HANDLE again = CreateMutexExA(NULL, "forms mutex", 0, 0);
    expect_same(mutex, again, OpenMutexW(0, FALSE, L"forms mutex"));
    mutex = CreateMutexW(NULL, FALSE, L"forms mutex");
    expect_same(mutex, OpenMutexA(0, FALSE, "forms mutex"), OpenMutexW(0, FALSE, L"forms mutex"));
}

TAP_TEST(forms__waitable_timers)
{
    LARGE_INTEGER due;
    HANDLE timer =
        CreateWaitableTimerExW(NULL, L"forms timer", CREATE_WAITABLE_TIMER_MANUAL_RESET, 0);
    due.QuadPart = 0;
    check_eq(SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE), TRUE);
    check(comes(timer));
    HANDLE again = CreateWaitableTimerExA(NULL, "forms timer", 0, 0);
    check(comes(again));
    HANDLE third = OpenWaitableTimerA(0, FALSE, "forms timer");
    check(comes(third));
    CloseHandle(third);
    expect_same(timer, again, OpenWaitableTimerW(0, FALSE, L"forms timer"));
}

TAP_TEST(forms__handles)
{
    DWORD flags = MAXDWORD;
    HANDLE event = new_event();
    check_eq(GetHandleInformation(event, &flags), TRUE);
    check_eq(flags, 0);
    check_eq(SetHandleInformation(event, HANDLE_FLAG_INHERIT, 0), TRUE);
    SetLastError(0);
    check_eq(SetHandleInformation(event, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT), FALSE);
    check_eq(GetLastError(), ERROR_NOT_SUPPORTED);
    CloseHandle(event);
    check_eq(GetHandleInformation(event, &flags), FALSE);
}

TAP_TEST(forms__files)
{
    wchar_t path[MAX_PATH + 32];
    DWORD length = GetTempPathW(MAX_PATH, path), bytes = 0;
    require(length != 0 && length < MAX_PATH);
    swprintf(path + length, 32, L"tp-forms-%d", (int)GetCurrentProcessId());
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
    require(file != INVALID_HANDLE_VALUE);
    check_eq(WriteFile(file, "wide", 4, &bytes, NULL), TRUE);
    check_eq(bytes, 4);
    CloseHandle(file);
    check_eq(DeleteFileW(path), TRUE);
    check_eq(DeleteFileW(path), FALSE);
    check_eq(GetLastError(), ERROR_FILE_NOT_FOUND);
}

TAP_TEST(forms__modules)
{
    HMODULE first = LoadLibraryExA("libtp-win32.so.0", NULL, 0);
    HMODULE second = LoadLibraryExW(L"libtp-win32.so.0", NULL, 0), third = NULL;
    check(first && first == second);
    check_eq(GetModuleHandleExW(0, L"libtp-win32.so.0", &third), TRUE);
    check(third == first);
    check_eq(FreeLibrary(third), TRUE);
    check_eq(FreeLibrary(second), TRUE);
    check_eq(FreeLibrary(first), TRUE);
}

TAP_TEST(forms__locks)
{
    CRITICAL_SECTION section;
    CONDITION_VARIABLE condition;
    SRWLOCK lock;
    check_eq(InitializeCriticalSectionEx(&section, 100, CRITICAL_SECTION_NO_DEBUG_INFO), TRUE);
    (void)SetCriticalSectionSpinCount(&section, 200);
    check_eq(TryEnterCriticalSection(&section), TRUE);
    InitializeConditionVariable(&condition);
    SetLastError(0);
    check_eq(SleepConditionVariableCS(&condition, &section, 1), FALSE);
    check_eq(GetLastError(), ERROR_TIMEOUT);
    LeaveCriticalSection(&section);
    DeleteCriticalSection(&section);
    InitializeSRWLock(&lock);
    AcquireSRWLockExclusive(&lock);
    check_eq(TryAcquireSRWLockExclusive(&lock), FALSE);
    ReleaseSRWLockExclusive(&lock);
}

TAP_TEST(forms__once_in_two_steps)
{
    INIT_ONCE once;
    BOOL pending = FALSE;
    static LONG made[1]; /* its address has bits to spare */
    PVOID context = NULL;
    InitOnceInitialize(&once);
    check_eq(InitOnceBeginInitialize(&once, 0, &pending, &context), TRUE);
    check_eq(pending, TRUE);
    check_eq(InitOnceComplete(&once, 0, made), TRUE);
    check_eq(InitOnceBeginInitialize(&once, INIT_ONCE_CHECK_ONLY, &pending, &context), TRUE);
    check_eq(pending, FALSE);
    check(context == made);
}

static unsigned end_early(void *parameter)
{
    SwitchToThread();
    _endthreadex(*(unsigned *)parameter);
}

TAP_TEST(forms__threads_and_machine)
{
    SYSTEM_INFO info;
    unsigned code = 9;
    DWORD told = 0;
    HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, end_early, &code, 0, NULL);
    check(comes(thread));
    check_eq(GetExitCodeThread(thread, &told), TRUE);
    check_eq(told, 9);
    CloseHandle(thread);
    GetNativeSystemInfo(&info);
    check(info.dwNumberOfProcessors > 0);
    HGLOBAL memory = GlobalAlloc(0, 100);
    check(memory != NULL);
    check(GlobalFree(memory) == NULL);
}

int main(void)
{
    tap_run(forms__process_ends);
    tap_run(forms__events);
    tap_run(forms__semaphores);
    tap_run(forms__mutexes);
    tap_run(forms__waitable_timers);
    tap_run(forms__handles);
    tap_run(forms__files);
    tap_run(forms__modules);
    tap_run(forms__locks);
    tap_run(forms__once_in_two_steps);
    tap_run(forms__threads_and_machine);
    return tap_done();
}
