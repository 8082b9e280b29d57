/* around_test.c - what stands around the pool: threads, locks, clocks, memory, libraries. */
#include <windows.h>

#include <pthread.h>

#include "tests/support/tap.h"

/* ---- Threads --------------------------------------------------------------------------------- */

static DWORD WINAPI say(LPVOID argument)
{
    return (DWORD)(ULONG_PTR)argument;
}

static DWORD WINAPI leave_early(LPVOID argument)
{
    ExitThread((DWORD)(ULONG_PTR)argument + 1);
}

static DWORD code_of(HANDLE thread)
{
    DWORD code = 0xbad;
    check_eq(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    check(GetExitCodeThread(thread, &code));
    check(CloseHandle(thread));
    return code;
}

TAP_TEST(thread__has_an_id_and_a_code)
{
    DWORD id = 0, code = 0;
    HANDLE thread = CreateThread(NULL, 1, say, (LPVOID)(ULONG_PTR)77, CREATE_SUSPENDED, &id);
    require(thread != NULL);
    check(id != 0 && id != GetCurrentThreadId());
    check_eq(GetThreadId(thread), id);
    check(GetExitCodeThread(thread, &code));
    check_eq(code, STILL_ACTIVE);
    HANDLE opened = OpenThread(THREAD_ALL_ACCESS, FALSE, id);
    check(CompareObjectHandles(opened, thread));
    check_eq(ResumeThread(thread), 1);
    check_eq(ResumeThread(thread), 0);
    check_eq(code_of(thread), 77);
    check_eq(code_of(opened), 77);
    SetLastError(0);
    check(OpenThread(THREAD_ALL_ACCESS, FALSE, id) == NULL);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    check_eq(code_of(CreateThread(NULL, 0, leave_early, (LPVOID)(ULONG_PTR)4, 0, NULL)), 5);
    check_eq(code_of((HANDLE)_beginthreadex(NULL, 0, say, (void *)(ULONG_PTR)9, 0, NULL)), 9);
    check(CreateThread(NULL, 0, NULL, NULL, 0, NULL) == NULL);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
}

static void *make_handle(void *argument)
{
    HANDLE self = GetCurrentProcess();
    (void)argument;
    DuplicateHandle(self, GetCurrentThread(), self, (HANDLE *)argument, 0, FALSE, 0);
    return NULL;
}

TAP_TEST(thread__from_elsewhere_is_signaled_when_it_ends)
{
    pthread_t thread;
    HANDLE handle = NULL;
    check_eq(pthread_create(&thread, NULL, make_handle, &handle), 0);
    pthread_join(thread, NULL);
    check_eq(code_of(handle), 0);
}

struct known {
    DWORD id;
    HANDLE told, go;
};

static void CALLBACK tell_id(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct known *known = context;
    (void)instance;
    (void)work;
    known->id = GetCurrentThreadId();
    SetEvent(known->told);
    WaitForSingleObject(known->go, INFINITE);
}

/* Whoever has told its id can be opened by it, threads of a pool too. */
TAP_TEST(thread__of_a_pool_is_opened_by_its_id)
{
    struct known known = {0, CreateEventA(NULL, 0, 0, NULL), CreateEventA(NULL, 0, 0, NULL)};
    PTP_WORK work = CreateThreadpoolWork(tell_id, &known, NULL);
    require(work != NULL);
    SubmitThreadpoolWork(work);
    check_eq(WaitForSingleObject(known.told, INFINITE), WAIT_OBJECT_0);
    HANDLE thread = OpenThread(SYNCHRONIZE, FALSE, known.id);
    check(thread != NULL);
    check_eq(GetThreadId(thread), known.id);
    check_eq(WaitForSingleObject(thread, 0), WAIT_TIMEOUT);
    check(SetEvent(known.go));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    check(CloseHandle(thread) && CloseHandle(known.told) && CloseHandle(known.go));
}

static void NTAPI add(ULONG_PTR argument)
{
    InterlockedIncrement((LONG *)argument);
}

static DWORD WINAPI sleep_alertably(LPVOID argument)
{
    HANDLE never = argument;
    DWORD first = SleepEx(INFINITE, TRUE);
    DWORD second = WaitForSingleObjectEx(never, INFINITE, TRUE);
    DWORD third = WaitForMultipleObjectsEx(1, &never, TRUE, 1, FALSE); /* not alertable */
    return first == WAIT_IO_COMPLETION && second == WAIT_IO_COMPLETION && third == WAIT_TIMEOUT;
}

TAP_TEST(thread__makes_calls_when_it_waits_alertably)
{
    LONG calls = 0;
    HANDLE never = CreateEventA(NULL, TRUE, FALSE, NULL);
    check_eq(SleepEx(0, TRUE), 0);
    check(QueueUserAPC(add, GetCurrentThread(), (ULONG_PTR)&calls));
    check(QueueUserAPC(add, GetCurrentThread(), (ULONG_PTR)&calls));
    check_eq(WaitForSingleObject(never, 1), WAIT_TIMEOUT);
    check_eq(WaitForMultipleObjects(1, &never, TRUE, 1), WAIT_TIMEOUT);
    check_eq(calls, 0);
    check_eq(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
    check_eq(calls, 2);
    HANDLE thread = CreateThread(NULL, 0, sleep_alertably, never, 0, NULL);
    check(QueueUserAPC(add, thread, (ULONG_PTR)&calls));
    while (__atomic_load_n(&calls, __ATOMIC_SEQ_CST) < 3)
        Sleep(0);
    check(QueueUserAPC(add, thread, (ULONG_PTR)&calls));
    check_eq(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    SetLastError(0);
    check(!QueueUserAPC(add, thread, (ULONG_PTR)&calls)); /* it has ended */
    check_eq(GetLastError(), ERROR_GEN_FAILURE);
    check_eq(code_of(thread), 1);
    check_eq(calls, 4);
    check(!QueueUserAPC(add, never, 0));
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    check(CloseHandle(never));
}

static DWORD WINAPI look_at_slot(LPVOID argument)
{
    DWORD slot = *(DWORD *)argument;
    return TlsGetValue(slot) == NULL && TlsSetValue(slot, argument) &&
           TlsGetValue(slot) == argument;
}

TAP_TEST(thread__has_slots)
{
    DWORD slot = TlsAlloc(), value = 3;
    require(slot != TLS_OUT_OF_INDEXES);
    check(TlsGetValue(slot) == NULL);
    check(TlsSetValue(slot, &value));
    check_eq(code_of(CreateThread(NULL, 0, look_at_slot, &slot, 0, NULL)), 1);
    check(TlsGetValue(slot) == &value);
    check(TlsFree(slot) && !TlsFree(slot) && !TlsSetValue(slot, NULL));
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    check(!TlsSetValue(TLS_OUT_OF_INDEXES, NULL));
    for (int i = 0; i < 3000; i++) {
        slot = TlsAlloc();
        check(slot != TLS_OUT_OF_INDEXES && TlsGetValue(slot) == NULL);
        check(TlsSetValue(slot, &value) && TlsFree(slot));
    }
}

/* ---- Locks ----------------------------------------------------------------------------------- */

struct shared {
    CRITICAL_SECTION section;
    SRWLOCK slim;
    CONDITION_VARIABLE filled;
    INIT_ONCE once;
    LONG items, taken, started;
    LONG64 total;
};

static BOOL WINAPI start_once(PINIT_ONCE once, PVOID parameter, PVOID *context)
{
    (void)once;
    *context = parameter;
    return InterlockedIncrement(&((struct shared *)parameter)->started) > 1; /* fails at first */
}

static DWORD WINAPI consume(LPVOID argument)
{
    struct shared *shared = argument;
    PVOID made = NULL;
    while (!InitOnceExecuteOnce(&shared->once, start_once, shared, &made))
        ;
    if (made != shared)
        return 1;
    for (int i = 0; i < 100; i++) {
        EnterCriticalSection(&shared->section);
        EnterCriticalSection(&shared->section);
        LeaveCriticalSection(&shared->section);
        while (shared->items == 0)
            SleepConditionVariableCS(&shared->filled, &shared->section, INFINITE);
        shared->items--;
        shared->taken++;
        LeaveCriticalSection(&shared->section);
        AcquireSRWLockExclusive(&shared->slim);
        shared->total++;
        ReleaseSRWLockExclusive(&shared->slim);
    }
    return 0;
}

TAP_TEST(locks__exclude_and_wake)
{
    struct shared shared = {
        .slim = SRWLOCK_INIT, .filled = CONDITION_VARIABLE_INIT, .once = INIT_ONCE_STATIC_INIT};
    HANDLE threads[3];
    InitializeCriticalSectionAndSpinCount(&shared.section, 4000);
    for (int i = 0; i < 3; i++)
        threads[i] = CreateThread(NULL, 0, consume, &shared, 0, NULL);
    for (int i = 0; i < 150; i++) {
        EnterCriticalSection(&shared.section);
        shared.items += 2;
        LeaveCriticalSection(&shared.section);
        if (i % 2)
            WakeAllConditionVariable(&shared.filled);
        else
            WakeConditionVariable(&shared.filled);
    }
    WakeAllConditionVariable(&shared.filled);
    for (int i = 0; i < 3; i++)
        check_eq(code_of(threads[i]), 0);
    check_eq(shared.taken, 300);
    check_eq(shared.total, 300);
    check_eq(shared.started, 2);
    DeleteCriticalSection(&shared.section);
}

static DWORD WINAPI take_turns(LPVOID argument)
{
    struct shared *shared = argument;
    AcquireSRWLockExclusive(&shared->slim);
    LONG mine = shared->started++;
    while (shared->items < 2000) {
        if (shared->items % 2 == mine) {
            shared->items++;
            WakeConditionVariable(&shared->filled);
        } else {
            SleepConditionVariableSRW(&shared->filled, &shared->slim, INFINITE, 0);
        }
    }
    ReleaseSRWLockExclusive(&shared->slim);
    WakeAllConditionVariable(&shared->filled);
    return 0;
}

TAP_TEST(locks__no_wake_is_lost)
{
    struct shared shared = {.slim = SRWLOCK_INIT, .filled = CONDITION_VARIABLE_INIT};
    HANDLE threads[2];
    for (int i = 0; i < 2; i++)
        threads[i] = CreateThread(NULL, 0, take_turns, &shared, 0, NULL);
    for (int i = 0; i < 2; i++)
        check_eq(code_of(threads[i]), 0);
    check_eq(shared.items, 2000);
}

static DWORD WINAPI try_all(LPVOID argument)
{
    struct shared *shared = argument;
    return !TryEnterCriticalSection(&shared->section) &&
           !TryAcquireSRWLockExclusive(&shared->slim) && TryAcquireSRWLockShared(&shared->slim) &&
           (ReleaseSRWLockShared(&shared->slim), TRUE);
}

TAP_TEST(locks__can_be_tried)
{
    struct shared shared = {.slim = SRWLOCK_INIT};
    CONDITION_VARIABLE never = CONDITION_VARIABLE_INIT;
    InitializeCriticalSection(&shared.section);
    check(TryEnterCriticalSection(&shared.section) && TryEnterCriticalSection(&shared.section));
    LeaveCriticalSection(&shared.section);
    AcquireSRWLockShared(&shared.slim);
    check_eq(code_of(CreateThread(NULL, 0, try_all, &shared, 0, NULL)), 1);
    SetLastError(0);
    check(!SleepConditionVariableSRW(&never, &shared.slim, 1, CONDITION_VARIABLE_LOCKMODE_SHARED));
    check_eq(GetLastError(), ERROR_TIMEOUT);
    check(!SleepConditionVariableCS(&never, &shared.section, 0));
    ReleaseSRWLockShared(&shared.slim);
    LeaveCriticalSection(&shared.section);
    DeleteCriticalSection(&shared.section);
}

static void CALLBACK leave_on_return(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    (void)work;
    EnterCriticalSection(context);
    LeaveCriticalSectionWhenCallbackReturns(instance, context);
}

TAP_TEST(locks__a_section_is_left_on_return)
{
    CRITICAL_SECTION section;
    InitializeCriticalSection(&section);
    PTP_WORK work = CreateThreadpoolWork(leave_on_return, &section, NULL);
    require(work != NULL);
    for (int i = 0; i < 20; i++)
        SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    check(TryEnterCriticalSection(&section));
    LeaveCriticalSection(&section);
    DeleteCriticalSection(&section);
    CloseThreadpoolWork(work);
}

TAP_TEST(interlocked__gives_what_windows_gives)
{
    LONG word = 5;
    LONG64 wide = -1;
    PVOID pointer = &word;
    check_eq(InterlockedIncrement(&word), 6);
    check_eq(InterlockedDecrement(&word), 5);
    check_eq(InterlockedExchangeAdd(&word, 3), 5);
    check_eq(InterlockedAdd(&word, 2), 10);
    check_eq(InterlockedExchange(&word, 7), 10);
    check_eq(InterlockedCompareExchange(&word, 9, 8), 7);
    check_eq(InterlockedCompareExchange(&word, 9, 7), 7);
    check_eq(InterlockedAnd(&word, 8), 9);
    check_eq(InterlockedOr(&word, 3), 8);
    check_eq(InterlockedXor(&word, 1), 11);
    check_eq(word, 10);
    check_eq(InterlockedIncrement64(&wide), 0);
    check_eq(InterlockedCompareExchange64(&wide, 1LL << 40, 0), 0);
    check_eq(wide, 1LL << 40);
    check(InterlockedExchangePointer(&pointer, &wide) == &word);
    check(InterlockedCompareExchangePointer(&pointer, NULL, &wide) == &wide && pointer == NULL);
    MemoryBarrier();
    YieldProcessor();
    check(sizeof(LONG) == 4 && sizeof(DWORD) == 4 && sizeof(LONG64) == 8);
}

/* ---- Clocks ---------------------------------------------------------------------------------- */

TAP_TEST(clock__goes_on)
{
    LARGE_INTEGER before, after, frequency;
    ULONGLONG ticks = GetTickCount64();
    check(QueryPerformanceFrequency(&frequency) && frequency.QuadPart > 0);
    check(QueryPerformanceCounter(&before));
    Sleep(20);
    check(QueryPerformanceCounter(&after));
    check((after.QuadPart - before.QuadPart) * 1000 >= 20 * frequency.QuadPart);
    check(GetTickCount64() - ticks >= 19);
    DWORD low = GetTickCount();
    check((DWORD)GetTickCount64() - low < 60000);
}

TAP_TEST(clock__converts_dates)
{
    FILETIME time = {0, 0}, later = {0xd53e8000u, 0x019db1deu};
    SYSTEMTIME parts;
    check(FileTimeToSystemTime(&time, &parts));
    check(parts.wYear == 1601 && parts.wMonth == 1 && parts.wDay == 1 && parts.wDayOfWeek == 1);
    check(FileTimeToSystemTime(&later, &parts));
    check(parts.wYear == 1970 && parts.wMonth == 1 && parts.wDay == 1 && parts.wDayOfWeek == 4);
    check_eq(CompareFileTime(&time, &later), -1);
    check_eq(CompareFileTime(&later, &time), 1);
    check_eq(CompareFileTime(&later, &later), 0);
    parts = (SYSTEMTIME){2024, 2, 0, 29, 23, 59, 58, 999};
    check(SystemTimeToFileTime(&parts, &time));
    check(FileTimeToSystemTime(&time, &parts));
    check(parts.wYear == 2024 && parts.wMonth == 2 && parts.wDay == 29 && parts.wDayOfWeek == 4);
    check(parts.wHour == 23 && parts.wMinute == 59 && parts.wSecond == 58);
    check_eq(parts.wMilliseconds, 999);
    parts.wYear = 2023;
    SetLastError(0);
    check(!SystemTimeToFileTime(&parts, &time));
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    time.dwHighDateTime = 0x80000000u;
    check(!FileTimeToSystemTime(&time, &parts));
    GetSystemTimeAsFileTime(&time);
    GetSystemTimePreciseAsFileTime(&later);
    check(CompareFileTime(&time, &later) <= 0);
    GetSystemTime(&parts);
    check(parts.wYear >= 2024);
    GetLocalTime(&parts);
    check(parts.wYear >= 2024);
}

TAP_TEST(clock__knows_the_machine)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    check(info.dwNumberOfProcessors >= 1 && info.dwPageSize >= 4096);
    check(info.dwActiveProcessorMask != 0 && info.dwAllocationGranularity == 65536);
    check_eq(GetCurrentProcessId(), getpid());
}

/* ---- Memory ---------------------------------------------------------------------------------- */

TAP_TEST(heap__knows_its_blocks)
{
    HANDLE heap = GetProcessHeap();
    char *block = HeapAlloc(heap, HEAP_ZERO_MEMORY, 100);
    require(block != NULL);
    check(block[0] == 0 && block[99] == 0);
    check_eq(HeapSize(heap, 0, block), 100);
    check(HeapValidate(heap, 0, block) && HeapValidate(heap, 0, NULL));
    check(!HeapValidate(heap, 0, block + 1) && !HeapValidate(heap, 0, (LPVOID)(ULONG_PTR)8));
    block[99] = 5;
    block = HeapReAlloc(heap, HEAP_ZERO_MEMORY, block, 1000);
    check(block[99] == 5 && block[100] == 0 && block[999] == 0);
    char *stale = block;
    check(HeapFree(heap, 0, block));
    SetLastError(0);
    check(!HeapValidate(heap, 0, stale));
    check(!HeapFree(heap, 0, &heap));
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    check(HeapAlloc(heap, 0, (SIZE_T)-1) == NULL);
    HLOCAL local = LocalAlloc(LPTR, 10);
    check(local != NULL && LocalFree(local) == NULL);
}

TAP_TEST(heap__holds_many_blocks)
{
    enum { BLOCKS = 30000 };
    static LPVOID blocks[BLOCKS];
    HANDLE heap = GetProcessHeap();
    for (int i = 0; i < BLOCKS; i++)
        check((blocks[i] = HeapAlloc(heap, 0, (SIZE_T)i % 40)) != NULL);
    for (int i = 0; i < BLOCKS; i++)
        check(HeapSize(heap, 0, blocks[i]) == (SIZE_T)i % 40);
    for (int i = 0; i < BLOCKS; i++)
        check(HeapFree(heap, 0, blocks[i]));
}

TAP_TEST(pages__are_reserved_and_committed)
{
    char *pages = VirtualAlloc(NULL, 65536, MEM_RESERVE, PAGE_NOACCESS);
    require(pages != NULL);
    check(VirtualAlloc(pages + 4096, 4096, MEM_COMMIT, PAGE_READWRITE) == pages + 4096);
    pages[4096] = 1;
    check(!VirtualFree(pages + 4096, 0, MEM_RELEASE));
    check(VirtualFree(pages, 0, MEM_RELEASE) && !VirtualFree(pages, 0, MEM_RELEASE));
    pages = VirtualAlloc(NULL, 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    require(pages != NULL);
    pages[4095] = 1;
    check(VirtualFree(pages, 0, MEM_RELEASE));
}

/* ---- Libraries ------------------------------------------------------------------------------- */

union sine {
    FARPROC raw;
    double (*call)(double value);
};

TAP_TEST(module__is_loaded_and_freed)
{
    HMODULE math = LoadLibraryA("libm.so.6");
    require(math != NULL);
    union sine sine = {.raw = GetProcAddress(math, "sin")};
    check(sine.raw != NULL && sine.call(0.0) == 0.0);
    SetLastError(0);
    check(GetProcAddress(math, "no such function") == NULL);
    check_eq(GetLastError(), ERROR_PROC_NOT_FOUND);
    check(GetModuleHandleW(L"libm.so.6") == math);
    check(FreeLibrary(math));
    SetLastError(0);
    check(LoadLibraryW(L"libnone.so.77") == NULL);
    check_eq(GetLastError(), ERROR_MOD_NOT_FOUND);
    check(!FreeLibrary(&math) && !FreeLibrary(NULL));
}

TAP_TEST(module__of_windows_is_this_one)
{
    HMODULE kernel = GetModuleHandleA("KERNEL32.dll"), native = GetModuleHandleW(L"ntdll");
    check(kernel != NULL && kernel == native);
    check(GetProcAddress(kernel, "CreateThreadpoolWork") ==
          (FARPROC)(void (*)(void))CreateThreadpoolWork);
    check(GetProcAddress(native, "NoSuchFunctionAnywhere") == NULL);
    check(GetModuleHandleA(NULL) != NULL && FreeLibrary(kernel));
    HMODULE own = NULL;
    check(GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                 GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                             (LPCSTR)(const void *)&CreateThreadpoolWork, &own));
    check(own != NULL);
}

int main(void)
{
    tap_run(thread__has_an_id_and_a_code);
    tap_run(thread__from_elsewhere_is_signaled_when_it_ends);
    tap_run(thread__of_a_pool_is_opened_by_its_id);
    tap_run(thread__makes_calls_when_it_waits_alertably);
    tap_run(thread__has_slots);
    tap_run(locks__exclude_and_wake);
    tap_run(locks__no_wake_is_lost);
    tap_run(locks__can_be_tried);
    tap_run(locks__a_section_is_left_on_return);
    tap_run(interlocked__gives_what_windows_gives);
    tap_run(clock__goes_on);
    tap_run(clock__converts_dates);
    tap_run(clock__knows_the_machine);
    tap_run(heap__knows_its_blocks);
    tap_run(heap__holds_many_blocks);
    tap_run(pages__are_reserved_and_committed);
    tap_run(module__is_loaded_and_freed);
    tap_run(module__of_windows_is_this_one);
    return tap_done();
}
