/* edges_test.c - memory, clocks, locks, threads and modules at the edges: what is asked wrongly. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <sys/wait.h>

#include "tests/win32/scene.h"

/* ---- memory ---------------------------------------------------------------------------------- */

TAP_TEST(heap__judges_its_arguments)
{
    HANDLE heap = GetProcessHeap(), none = NULL;
    char *block = HeapAlloc(heap, 0, 8);
    check(HeapAlloc(none, 0, 8) == NULL);
    check(HeapAlloc(heap, 0, (SIZE_T)-1) == NULL);
    check(HeapReAlloc(heap, 0, &block, 8) == NULL); /* no block of it */
    check(HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, block, 9) == NULL);
    check(HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, block, 4) == block);
    check_eq(HeapSize(heap, 0, block), 4);
    check_eq(HeapSize(none, 0, block), (SIZE_T)-1);
    block = HeapReAlloc(heap, 0, block, 2);
    check_eq(HeapSize(heap, 0, block), 2);
    check(!HeapValidate(none, 0, block));
    REFUSED(HeapFree(none, 0, block), ERROR_INVALID_HANDLE);
    check(HeapFree(heap, 0, NULL));
    check(HeapFree(heap, 0, block));
    REFUSED(LocalAlloc(2, 8), ERROR_NOT_SUPPORTED); /* what could move */
    REFUSED(LocalAlloc(0, (SIZE_T)-1), ERROR_NOT_ENOUGH_MEMORY);
    REFUSED(LocalFree(&heap) != &heap, ERROR_INVALID_HANDLE);
}

TAP_TEST(pages__judge_their_arguments)
{
    DWORD both = MEM_RESERVE | MEM_COMMIT;
    REFUSED(VirtualAlloc(NULL, 0, both, PAGE_READWRITE), ERROR_INVALID_PARAMETER);
    REFUSED(VirtualAlloc(NULL, (SIZE_T)-1, both, PAGE_READWRITE), ERROR_INVALID_PARAMETER);
    REFUSED(VirtualAlloc(NULL, 1, both, 0x80), ERROR_INVALID_PARAMETER);
    REFUSED(VirtualAlloc(NULL, 1, both | 0x100000, PAGE_READWRITE), ERROR_INVALID_PARAMETER);
    REFUSED(VirtualAlloc(NULL, 1, 0, PAGE_READWRITE), ERROR_INVALID_PARAMETER);
    REFUSED(VirtualAlloc(NULL, SIZE_MAX / 4, both, PAGE_READWRITE), ERROR_NOT_ENOUGH_MEMORY);
    char *pages = VirtualAlloc(NULL, 0x3000, MEM_RESERVE, PAGE_READONLY);
    char *other = VirtualAlloc(NULL, 0x1000, both, PAGE_READONLY);
    check(*other == 0);
    REFUSED(VirtualAlloc(pages, 0x4000, MEM_COMMIT, PAGE_READWRITE), ERROR_INVALID_ADDRESS);
    REFUSED(VirtualAlloc(pages + 0x2000, 0x2000, MEM_COMMIT, PAGE_READWRITE),
            ERROR_INVALID_ADDRESS);
    REFUSED(VirtualAlloc(pages, 1, MEM_RESERVE, PAGE_READWRITE), ERROR_INVALID_ADDRESS);
    REFUSED(VirtualAlloc((PVOID)0x1000, 1, MEM_COMMIT, PAGE_READWRITE), ERROR_INVALID_ADDRESS);
    check(VirtualAlloc(pages + 0x1000, 10, MEM_COMMIT, PAGE_READWRITE) == pages + 0x1000);
    memset(pages + 0x1000, 1, 0x1000);
    check(VirtualFree(pages + 0x1000, 0x1000, MEM_DECOMMIT));
    REFUSED(VirtualFree(pages + 0x1000, 0x9000, MEM_DECOMMIT), ERROR_INVALID_ADDRESS);
    REFUSED(VirtualFree(pages + 0x1000, 0, MEM_DECOMMIT), ERROR_INVALID_ADDRESS);
    REFUSED(VirtualFree(&pages, 0, MEM_DECOMMIT), ERROR_INVALID_ADDRESS);
    REFUSED(VirtualFree(NULL, 0, MEM_DECOMMIT), ERROR_INVALID_PARAMETER);
    REFUSED(VirtualFree(pages, 0x3000, MEM_RELEASE), ERROR_INVALID_PARAMETER);
    REFUSED(VirtualFree(NULL, 0, MEM_RELEASE), ERROR_INVALID_PARAMETER);
    REFUSED(VirtualFree(pages + 0x1000, 0, MEM_RELEASE), ERROR_INVALID_ADDRESS);
    check(VirtualFree(pages, 0, MEM_RELEASE) && VirtualFree(other, 0, MEM_RELEASE));
    REFUSED(VirtualFree(pages, 0, MEM_RELEASE), ERROR_INVALID_ADDRESS);
}

/* What is committed again is empty; what is committed already stays. */
TAP_TEST(pages__are_given_back)
{
    char *pages = VirtualAlloc(NULL, 0x3000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    memset(pages, 1, 0x3000);
    check(VirtualFree(pages + 0x1fff, 2, MEM_DECOMMIT)); /* of two pages */
    check(VirtualAlloc(pages, 0x3000, MEM_COMMIT, PAGE_READWRITE) == pages);
    check(pages[0xfff] == 1 && pages[0x1000] == 0 && pages[0x2fff] == 0);
    memset(pages, 1, 0x3000);
    check(VirtualFree(pages, 0, MEM_DECOMMIT)); /* all of them */
    check(VirtualAlloc(pages, 0x3000, MEM_COMMIT, PAGE_READWRITE) == pages);
    check(pages[0] == 0 && pages[0x1000] == 0 && pages[0x2fff] == 0);
    check(VirtualFree(pages, 0, MEM_RELEASE));
}

/* ---- clocks, and the machine ----------------------------------------------------------------- */

static BOOL convert(WORD year, WORD month, WORD day, WORD hour, WORD minute, WORD second, WORD ms)
{
    FILETIME time;
    SYSTEMTIME parts = {year, month, 0, day, hour, minute, second, ms};
    return SystemTimeToFileTime(&parts, &time);
}

TAP_TEST(clock__judges_its_arguments)
{
    SYSTEMTIME parts;
    FILETIME before_time = {0, 0x80000000};
    REFUSED(QueryPerformanceCounter(NULL), ERROR_NOACCESS);
    REFUSED(QueryPerformanceFrequency(NULL), ERROR_NOACCESS);
    REFUSED(FileTimeToSystemTime(&before_time, &parts), ERROR_INVALID_PARAMETER);
    check(convert(2000, 2, 29, 23, 59, 59, 999));
    REFUSED(convert(1600, 1, 1, 0, 0, 0, 0), ERROR_INVALID_PARAMETER);
    REFUSED(convert(30828, 1, 1, 0, 0, 0, 0), ERROR_INVALID_PARAMETER);
    REFUSED(convert(1999, 2, 29, 0, 0, 0, 0), ERROR_INVALID_PARAMETER);
    REFUSED(convert(2000, 1, 367, 0, 0, 0, 0), ERROR_INVALID_PARAMETER);
    REFUSED(convert(2000, 13, 1, 0, 0, 0, 0), ERROR_INVALID_PARAMETER);
    REFUSED(convert(2000, 1, 1, 24, 0, 0, 0), ERROR_INVALID_PARAMETER);
    REFUSED(convert(2000, 1, 1, 0, 60, 0, 0), ERROR_INVALID_PARAMETER);
    REFUSED(convert(2000, 1, 1, 0, 0, 60, 0), ERROR_INVALID_PARAMETER);
    REFUSED(convert(2000, 1, 1, 0, 0, 0, 1000), ERROR_INVALID_PARAMETER);
}

/* ---- locks ----------------------------------------------------------------------------------- */

TAP_TEST(once__judges_its_arguments)
{
    INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    BOOL pending = FALSE;
    PVOID context = NULL;
    REFUSED(InitOnceBeginInitialize(&once, INIT_ONCE_ASYNC, &pending, NULL), ERROR_NOT_SUPPORTED);
    REFUSED(InitOnceBeginInitialize(&once, 0x100, &pending, NULL), ERROR_INVALID_PARAMETER);
    REFUSED(InitOnceBeginInitialize(&once, INIT_ONCE_CHECK_ONLY, &pending, NULL),
            ERROR_GEN_FAILURE);
    REFUSED(InitOnceComplete(&once, 0, NULL), ERROR_GEN_FAILURE); /* nobody has begun */
    check(InitOnceBeginInitialize(&once, 0, &pending, NULL) && pending);
    REFUSED(InitOnceComplete(&once, INIT_ONCE_ASYNC, NULL), ERROR_INVALID_PARAMETER);
    REFUSED(InitOnceComplete(&once, 0, (PVOID)1), ERROR_INVALID_PARAMETER);
    REFUSED(InitOnceComplete(&once, INIT_ONCE_INIT_FAILED, &once), ERROR_INVALID_PARAMETER);
    check(InitOnceComplete(&once, 0, &once));
    check(InitOnceBeginInitialize(&once, 0, &pending, NULL) && !pending);
    check(InitOnceBeginInitialize(&once, INIT_ONCE_CHECK_ONLY, &pending, &context) && !pending);
    check(context == &once);
}

struct initialising {
    INIT_ONCE once;
    HANDLE begun;
};

static DWORD WINAPI initialise_second(LPVOID context)
{
    BOOL pending = TRUE;
    struct initialising *all = context;
    SetEvent(all->begun);
    check(InitOnceBeginInitialize(&all->once, 0, &pending, NULL));
    return (DWORD)pending;
}

/* Who comes meanwhile waits until it is done. */
TAP_TEST(once__is_waited_for)
{
    struct initialising all = {.begun = new_event()};
    BOOL pending;
    DWORD code = 7;
    InitOnceInitialize(&all.once);
    check(InitOnceBeginInitialize(&all.once, 0, &pending, NULL) && pending);
    HANDLE thread = CreateThread(NULL, 0, initialise_second, &all, 0, NULL);
    check(comes(all.begun));
    check(stays_away(thread));
    check(InitOnceComplete(&all.once, 0, NULL));
    check(comes(thread));
    check(GetExitCodeThread(thread, &code) && code == 0);
    CloseHandle(thread);
    CloseHandle(all.begun);
}

static BOOL CALLBACK make_nothing(PINIT_ONCE once, PVOID parameter, PVOID *context)
{
    (void)once, (void)parameter, (void)context;
    return TRUE;
}

TAP_TEST(once__without_a_context)
{
    INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    check(InitOnceExecuteOnce(&once, make_nothing, NULL, NULL));
    check(InitOnceExecuteOnce(&once, make_nothing, NULL, NULL));
}

TAP_TEST(condition__times_out)
{
    CONDITION_VARIABLE condition = CONDITION_VARIABLE_INIT;
    CRITICAL_SECTION section;
    SRWLOCK lock = SRWLOCK_INIT;
    InitializeCriticalSection(&section);
    EnterCriticalSection(&section);
    REFUSED(SleepConditionVariableCS(&condition, &section, 1), ERROR_TIMEOUT);
    LeaveCriticalSection(&section);
    DeleteCriticalSection(&section);
    AcquireSRWLockExclusive(&lock);
    REFUSED(SleepConditionVariableSRW(&condition, &lock, 1, 0), ERROR_TIMEOUT);
    ReleaseSRWLockExclusive(&lock);
}

static DWORD WINAPI enter_and_leave(LPVOID context)
{
    PCRITICAL_SECTION section = context;
    EnterCriticalSection(section);
    LeaveCriticalSection(section);
    return 0;
}

static void CALLBACK leave_nothing(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    LeaveCriticalSectionWhenCallbackReturns(instance, NULL);
    SetEventWhenCallbackReturns(instance, context); /* which is done all the same */
}

TAP_TEST(section__is_waited_for)
{
    CRITICAL_SECTION section;
    HANDLE event = new_event();
    InitializeCriticalSection(&section);
    EnterCriticalSection(&section);
    HANDLE thread = CreateThread(NULL, 0, enter_and_leave, &section, 0, NULL);
    check(stays_away(thread));
    LeaveCriticalSection(&section);
    check(comes(thread));
    DeleteCriticalSection(&section);
    check(TrySubmitThreadpoolCallback(leave_nothing, event, NULL));
    check(comes(event));
    CloseHandle(thread);
    CloseHandle(event);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void CALLBACK count_call(ULONG_PTR count)
{
    add_to((LONG *)count, 1);
}

static DWORD WINAPI count_at_first(LPVOID count)
{
    return (DWORD)value_of(count);
}

/* Before its function is called. */
TAP_TEST(thread__begins_with_what_is_queued)
{
    LONG calls = 0;
    DWORD code = 7;
    HANDLE thread = CreateThread(NULL, 1 << 20, count_at_first, &calls, CREATE_SUSPENDED, NULL);
    check(QueueUserAPC(count_call, thread, (ULONG_PTR)&calls));
    check(QueueUserAPC(count_call, thread, (ULONG_PTR)&calls));
    check(stays_away(thread));
    check_eq(value_of(&calls), 0);
    check_eq(ResumeThread(thread), 1);
    check_eq(ResumeThread(thread), 0);
    check(comes(thread));
    check(GetExitCodeThread(thread, &code) && code == 2);
    REFUSED(QueueUserAPC(count_call, thread, (ULONG_PTR)&calls), ERROR_GEN_FAILURE);
    check_eq(value_of(&calls), 2);
    CloseHandle(thread);
}

TAP_TEST(thread__judges_its_arguments)
{
    DWORD code;
    HANDLE event = new_event(), made;
    REFUSED(CreateThread(NULL, 0, NULL, NULL, 0, NULL), ERROR_INVALID_PARAMETER);
    for (int i = 0; i < 2; i++) {
        HANDLE none = i == 0 ? event : NULL;
        REFUSED(GetExitCodeThread(none, &code), ERROR_INVALID_HANDLE);
        REFUSED(GetThreadId(none), ERROR_INVALID_HANDLE);
        REFUSED(ResumeThread(none) != (DWORD)-1, ERROR_INVALID_HANDLE);
        REFUSED(QueueUserAPC(count_call, none, 0), ERROR_INVALID_HANDLE);
    }
    REFUSED(GetExitCodeThread(GetCurrentThread(), NULL), ERROR_INVALID_PARAMETER);
    check(GetExitCodeThread(GetCurrentThread(), &code) && code == STILL_ACTIVE);
    REFUSED(OpenThread(0, FALSE, 0x7fffffff), ERROR_INVALID_PARAMETER);
    HANDLE thread = OpenThread(0, FALSE, GetCurrentThreadId());
    REFUSED(GetHandleInformation(thread, NULL), ERROR_INVALID_PARAMETER);
    REFUSED(GetHandleInformation(NULL, &code), ERROR_INVALID_HANDLE);
    REFUSED(SetHandleInformation(NULL, 0, 0), ERROR_INVALID_HANDLE);
    REFUSED(DuplicateHandle(thread, event, GetCurrentProcess(), &made, 0, FALSE, 0),
            ERROR_NOT_SUPPORTED);
    REFUSED(DuplicateHandle(NULL, event, GetCurrentProcess(), &made, 0, FALSE, 0),
            ERROR_NOT_SUPPORTED);
    REFUSED(DuplicateHandle(GetCurrentProcess(), event, thread, &made, 0, FALSE, 0),
            ERROR_NOT_SUPPORTED);
    REFUSED(DuplicateHandle(GetCurrentProcess(), NULL, GetCurrentProcess(), &made, 0, FALSE, 0),
            ERROR_INVALID_HANDLE);
    check(!CompareObjectHandles(event, thread));
    check(!CompareObjectHandles(NULL, NULL) && !CompareObjectHandles((HANDLE)-4, (HANDLE)-4));
    check(DuplicateHandle(GetCurrentProcess(), event, NULL, NULL, 0, FALSE,
                          DUPLICATE_CLOSE_SOURCE)); /* closes, no more */
    check(!CloseHandle(event));
    check(CloseHandle(thread));
}

/* There is a slot for each key of the C library, and not one more. */
TAP_TEST(thread__slots_run_out)
{
    static DWORD slots[2000];
    DWORD count = 0;
    while (count < ARRAYSIZE(slots) && (slots[count] = TlsAlloc()) != TLS_OUT_OF_INDEXES)
        count++;
    check(count > 64 && count < ARRAYSIZE(slots)); /* as many as Windows has at least */
    check_eq(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
    check(TlsSetValue(slots[count - 1], &count) && TlsGetValue(slots[count - 1]) == &count);
    while (count > 0)
        check(TlsFree(slots[--count]));
    REFUSED(TlsFree(slots[0]), ERROR_INVALID_PARAMETER);
    REFUSED(TlsFree(TLS_OUT_OF_INDEXES), ERROR_INVALID_PARAMETER);
    REFUSED(TlsSetValue(slots[0], NULL), ERROR_INVALID_PARAMETER);
    REFUSED(TlsGetValue(slots[0]), ERROR_INVALID_PARAMETER);
}

/* ---- names and things to wait for ------------------------------------------------------------ */

TAP_TEST(names__of_all_lengths)
{
    static const WCHAR name[] = {'n', 0xe9, 0x20ac, 0x1f600, 0xd800, 0x110000, 0};
    HANDLE event = CreateEventW(NULL, TRUE, TRUE, name);
    HANDLE narrow = OpenEventA(0, FALSE,
                               "Global\\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd"
                               "\xef\xbf\xbd");
    check(CompareObjectHandles(event, narrow)); /* what is no character has become U+FFFD */
    REFUSED(CreateEventA(NULL, TRUE, TRUE, "a\\b"), ERROR_PATH_NOT_FOUND);
    REFUSED(OpenEventA(0, FALSE, NULL), ERROR_INVALID_PARAMETER);
    REFUSED(OpenEventW(0, FALSE, NULL), ERROR_INVALID_PARAMETER);
    HANDLE other = CreateEventA(NULL, TRUE, TRUE, "other"), unnamed = CreateEventA(NULL, 0, 0, "");
    check(CloseHandle(event) && CloseHandle(narrow)); /* not the last one named */
    REFUSED(OpenEventW(0, FALSE, name), ERROR_FILE_NOT_FOUND);
    check(CloseHandle(other) && CloseHandle(unnamed));
}

TAP_TEST(waits__judge_their_arguments)
{
    LARGE_INTEGER soon = {.QuadPart = -1};
    HANDLE things[2] = {new_event(), CreateMutexW(NULL, TRUE, NULL)};
    HANDLE semaphore = CreateSemaphoreA(NULL, 0, 1, NULL);
    REFUSED(CreateSemaphoreW(NULL, 2, 1, NULL), ERROR_INVALID_PARAMETER);
    REFUSED(ReleaseSemaphore(semaphore, 0, NULL), ERROR_INVALID_PARAMETER);
    REFUSED(WaitForMultipleObjects(0, things, FALSE, 0) != WAIT_FAILED, ERROR_INVALID_PARAMETER);
    REFUSED(WaitForMultipleObjects(2, NULL, FALSE, 0) != WAIT_FAILED, ERROR_INVALID_PARAMETER);
    REFUSED(WaitForMultipleObjects(MAXIMUM_WAIT_OBJECTS + 1, things, FALSE, 0) != WAIT_FAILED,
            ERROR_INVALID_PARAMETER);
    check_eq(WaitForMultipleObjects(1, things, FALSE, 0), WAIT_TIMEOUT);
    check_eq(WaitForMultipleObjectsEx(1, things, FALSE, 0, TRUE), WAIT_TIMEOUT);
    check_eq(SleepEx(1, FALSE), 0);
    check_eq(SignalObjectAndWait(semaphore, semaphore, 0, FALSE), WAIT_OBJECT_0);
    check_eq(SignalObjectAndWait(things[1], things[0], 0, FALSE), WAIT_TIMEOUT);
    REFUSED(SignalObjectAndWait(things[1], things[0], 0, FALSE) != WAIT_FAILED, ERROR_NOT_OWNER);
    REFUSED(SignalObjectAndWait(NULL, things[0], 0, FALSE) != WAIT_FAILED, ERROR_INVALID_HANDLE);
    REFUSED(SignalObjectAndWait(things[0], NULL, 0, FALSE) != WAIT_FAILED, ERROR_INVALID_HANDLE);
    HANDLE timer = CreateWaitableTimerA(NULL, FALSE, NULL);
    REFUSED(SignalObjectAndWait(timer, things[0], 0, FALSE) != WAIT_FAILED, ERROR_INVALID_HANDLE);
    REFUSED(SetWaitableTimer(timer, NULL, 0, NULL, NULL, FALSE), ERROR_INVALID_PARAMETER);
    REFUSED(SetWaitableTimer(timer, &soon, -1, NULL, NULL, FALSE), ERROR_INVALID_PARAMETER);
    REFUSED(SetWaitableTimer(things[0], &soon, 0, NULL, NULL, FALSE), ERROR_INVALID_HANDLE);
    REFUSED(CancelWaitableTimer(things[0]), ERROR_INVALID_HANDLE);
    CloseHandle(timer);
    timer = CreateWaitableTimerW(NULL, FALSE, NULL);
    check(SetWaitableTimer(timer, &soon, 0, NULL, NULL, FALSE));
    check(comes(timer) && stays_away(timer)); /* it resets itself */
    CloseHandle(timer);
    CloseHandle(semaphore);
    CloseHandle(things[0]);
    CloseHandle(things[1]);
}

/* ---- what was there before Windows Vista ----------------------------------------------------- */

static void CALLBACK expired(PVOID context, BOOLEAN timed_out)
{
    (void)context, (void)timed_out;
}

TAP_TEST(legacy__judges_its_arguments)
{
    HANDLE event = new_event(), made, timer, stray = (HANDLE)0x40404;
    REFUSED(RegisterWaitForSingleObject(NULL, event, expired, NULL, 0, 0), ERROR_INVALID_PARAMETER);
    check_eq(RtlQueueWorkItem(NULL, NULL, 0), STATUS_INVALID_PARAMETER);
    check(RegisterWaitForSingleObject(&made, event, expired, NULL, INFINITE, 0));
    REFUSED(UnregisterWaitEx(made, stray), ERROR_INVALID_HANDLE);
    check(UnregisterWaitEx(made, INVALID_HANDLE_VALUE));
    REFUSED(CreateTimerQueueTimer(NULL, NULL, expired, NULL, 0, 0, 0), ERROR_INVALID_PARAMETER);
    HANDLE queue = CreateTimerQueue();
    check(CreateTimerQueueTimer(&timer, queue, expired, NULL, INFINITE, 0, 0));
    REFUSED(DeleteTimerQueueTimer(stray, timer, NULL), ERROR_INVALID_HANDLE);
    REFUSED(DeleteTimerQueueTimer(queue, timer, stray), ERROR_INVALID_HANDLE);
    REFUSED(DeleteTimerQueueTimer(queue, stray, event), ERROR_INVALID_HANDLE);
    REFUSED(DeleteTimerQueueEx(queue, stray), ERROR_INVALID_HANDLE);
    REFUSED(DeleteTimerQueueEx(stray, event), ERROR_INVALID_HANDLE);
    check(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE)); /* and the timer with it */
    CloseHandle(event);
}

/* ---- modules --------------------------------------------------------------------------------- */

static const char of_the_program;

TAP_TEST(module__judges_its_arguments)
{
    HMODULE module, library = LoadLibraryA("libtp-win32.so.0");
    REFUSED(LoadLibraryA(NULL), ERROR_INVALID_PARAMETER);
    REFUSED(LoadLibraryW(NULL), ERROR_INVALID_PARAMETER);
    REFUSED(LoadLibraryA("kernel32x"), ERROR_MOD_NOT_FOUND);
    REFUSED(GetModuleHandleExA(0, "kernel32", NULL), ERROR_INVALID_PARAMETER);
    REFUSED(GetModuleHandleExW(0, L"kernel32", NULL), ERROR_INVALID_PARAMETER);
    REFUSED(GetModuleHandleExA(0, "there is none", &module), ERROR_MOD_NOT_FOUND);
    check(module == NULL);
    check(GetModuleHandleW(L"there is none") == NULL);
    check(GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, &of_the_program, &module));
    check(module == GetModuleHandleA(NULL) && module == GetModuleHandleW(NULL));
    check(GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                 GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                             (LPCWSTR)(const void *)GetProcessHeap(), &module));
    check(module == library);
    REFUSED(GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (LPCSTR)16, &module),
            ERROR_MOD_NOT_FOUND);
    check(GetProcAddress(NULL, "CreateEventA") != NULL);
    check(GetProcAddress(library, "CreateEventA") == GetProcAddress(NULL, "CreateEventA"));
    REFUSED(GetProcAddress(library, (LPCSTR)1), ERROR_PROC_NOT_FOUND);
    REFUSED(GetProcAddress((HMODULE)(ULONG_PTR)&of_the_program, "x"), ERROR_MOD_NOT_FOUND);
    check(FreeLibrary(library));
    check(FreeLibrary(GetModuleHandleA(NULL)));
    REFUSED(FreeLibrary(NULL), ERROR_MOD_NOT_FOUND);
}

int main(void)
{
    tap_run(heap__judges_its_arguments);
    tap_run(pages__judge_their_arguments);
    tap_run(pages__are_given_back);
    tap_run(clock__judges_its_arguments);
    tap_run(once__judges_its_arguments);
    tap_run(once__is_waited_for);
    tap_run(once__without_a_context);
    tap_run(condition__times_out);
    tap_run(section__is_waited_for);
    tap_run(thread__begins_with_what_is_queued);
    tap_run(thread__judges_its_arguments);
    tap_run(thread__slots_run_out);
    tap_run(names__of_all_lengths);
    tap_run(waits__judge_their_arguments);
    tap_run(legacy__judges_its_arguments);
    tap_run(module__judges_its_arguments);
    return tap_done();
}
