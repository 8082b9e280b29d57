/* refuse_test.c - what is waited for, threads and memory, where each call below may be refused. */
#include "tests/win32/refuse_scenes.h"

/* ---- scenes: things to wait for -------------------------------------------------------------- */

static HANDLE owned; /* a mutex of another thread */

static bool events(void)
{
    HANDLE one = got_handle(CreateEventA(NULL, TRUE, FALSE, NULL));
    HANDLE named = one ? got_handle(CreateEventW(NULL, FALSE, TRUE, L"refuse event")) : NULL;
    HANDLE opened = named ? got_handle(OpenEventW(0, FALSE, L"refuse event")) : NULL;
    if (opened) /* still as they were made */
        check(WaitForSingleObject(one, 0) == WAIT_TIMEOUT && WaitForSingleObject(opened, 0) == 0);
    discard(one), discard(named), discard(opened);
    return opened != NULL;
}

static bool semaphores_and_mutexes(void)
{
    HANDLE semaphore = got_handle(CreateSemaphoreW(NULL, 1, 2, L"refuse semaphore"));
    HANDLE mutex = semaphore ? got_handle(CreateMutexW(NULL, TRUE, L"refuse mutex")) : NULL;
    if (mutex)
        check(ReleaseMutex(mutex) && ReleaseSemaphore(semaphore, 1, NULL));
    discard(semaphore), discard(mutex);
    return mutex != NULL;
}

static void CALLBACK tick(LPVOID context, DWORD low, DWORD high)
{
    (void)low, (void)high;
    ++*(LONG *)context;
}

static bool timers(void)
{
    LONG ticks = 0;
    LARGE_INTEGER far = {.QuadPart = -10000000000};
    HANDLE timer = got_handle(CreateWaitableTimerW(NULL, TRUE, L"refuse timer"));
    bool set = timer && got(SetWaitableTimer(timer, &far, 0, tick, &ticks, FALSE));
    check(!set || CancelWaitableTimer(timer));
    discard(timer);
    return set;
}

static bool waits(void)
{
    HANDLE things[2] = {owned, got_handle(CreateEventA(NULL, TRUE, FALSE, NULL))};
    bool any = things[1] && got(WaitForMultipleObjects(2, things, FALSE, 2) != WAIT_FAILED);
    bool all = any && got(WaitForMultipleObjects(2, things, TRUE, 1) != WAIT_FAILED);
    bool one = all && got(WaitForSingleObject(owned, 1) != WAIT_FAILED);
    bool alertable = one && got(WaitForSingleObjectEx(things[1], 0, TRUE) != WAIT_FAILED);
    discard(things[1]);
    return alertable;
}

static void CALLBACK call(ULONG_PTR context)
{
    ++*(LONG *)context;
}

static bool calls(void)
{
    LONG made = 0;
    bool queued = got(QueueUserAPC(call, GetCurrentThread(), (ULONG_PTR)&made) != 0);
    if (queued) {
        check_eq(SleepEx(LONG_MS, TRUE), WAIT_IO_COMPLETION);
        check_eq(SleepEx(2, TRUE), 0);
        check_eq(made, 1);
    }
    return queued;
}

/* Unless it can be called it sleeps all the same. */
static bool sleeps(void)
{
    ULONGLONG before = GetTickCount64();
    check_eq(SleepEx(2, TRUE), 0);
    Sleep(2);
    check(GetTickCount64() >= before + 3);
    return true;
}

/* ---- scenes: threads ------------------------------------------------------------------------- */

static DWORD WINAPI seven(LPVOID context)
{
    add_to(context, 1);
    return 7;
}

static bool threads(void)
{
    LONG runs = 0;
    DWORD code = 0;
    HANDLE thread = got_handle(CreateThread(NULL, 1, seven, &runs, CREATE_SUSPENDED, NULL));
    if (thread) {
        check_eq(ResumeThread(thread), 1);
        check_eq(WaitForSingleObject(thread, LONG_MS), WAIT_OBJECT_0);
        check(GetExitCodeThread(thread, &code) && code == 7);
    }
    check_eq(runs, thread != NULL);
    discard(thread);
    return thread != NULL;
}

static bool own_thread(void)
{
    HANDLE real = NULL;
    HANDLE opened = got_handle(OpenThread(0, FALSE, GetCurrentThreadId()));
    bool made = opened && got(DuplicateHandle(GetCurrentProcess(), GetCurrentThread(),
                                              GetCurrentProcess(), &real, 0, FALSE, 0));
    discard(opened), discard(real);
    return made;
}

static bool slots(void)
{
    DWORD slot = TlsAlloc();
    bool set = got(slot != TLS_OUT_OF_INDEXES) && got(TlsSetValue(slot, &slot));
    check(!set || TlsGetValue(slot) == &slot);
    if (slot != TLS_OUT_OF_INDEXES)
        check(TlsFree(slot));
    return set;
}

static bool sections(void)
{
    CRITICAL_SECTION section;
    bool made = got(InitializeCriticalSectionAndSpinCount(&section, 0));
    if (made) {
        EnterCriticalSection(&section);
        LeaveCriticalSection(&section);
        DeleteCriticalSection(&section);
    }
    return made;
}

/* ---- scenes: memory and modules -------------------------------------------------------------- */

/* The heap does not set the last error, as on Windows. */
static bool heap(void)
{
    HANDLE all = GetProcessHeap();
    SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    char *block = HeapAlloc(all, 0, 10);
    if (!got(block != NULL))
        return false;
    strcpy(block, "nine");
    char *moved = HeapReAlloc(all, HEAP_ZERO_MEMORY, block, 20);
    char *kept = got(moved != NULL) ? moved : block;
    check(strcmp(kept, "nine") == 0 && HeapSize(all, 0, kept) == (moved ? 20 : 10));
    check(HeapFree(all, 0, kept));
    HLOCAL local = moved ? LocalAlloc(LPTR, 100) : NULL;
    bool made = got(local != NULL);
    check(LocalFree(local) == NULL);
    return made;
}

static bool pages(void)
{
    char *memory = VirtualAlloc(NULL, 10000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    bool made = got(memory != NULL) && got(VirtualFree(memory, 0, MEM_DECOMMIT));
    check(!memory || VirtualFree(memory, 0, MEM_RELEASE));
    return made;
}

static bool modules(void)
{
    HMODULE library = LoadLibraryW(L"libtp.so.0"), found = library;
    bool there = got(library != NULL) && got(GetModuleHandleExW(0, L"libtp.so.0", &found));
    check(found == (there ? library : NULL));
    if (there)
        check(FreeLibrary(found));
    if (library)
        check(FreeLibrary(library));
    return there;
}

static bool machine(void)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    check(info.dwNumberOfProcessors >= 1 && (info.dwActiveProcessorMask & 1) != 0);
    if (value_of(&refusal.hits)) /* it does not fail, but knows of one processor only */
        told = ERROR_NOT_ENOUGH_MEMORY;
    return !told;
}

/* ---- each of them ---------------------------------------------------------------------------- */

/* The pseudo handle of a thread for which there is no memory is no handle. OpenThread tries again;
 * and a thread that is refused the time to abandon its mutexes ends without. */
static const struct scene scenes[] = {
    {"events", events, 0, false},   {"semaphores and mutexes", semaphores_and_mutexes, 0, false},
    {"timers", timers, 0, false},   {"waits", waits, 0, false},
    {"sleeps", sleeps, 0, true},    {"calls", calls, ERROR_INVALID_HANDLE, false},
    {"threads", threads, 0, true},  {"own thread", own_thread, 0, true},
    {"slots", slots, 0, false},     {"sections", sections, 0, false},
    {"heap", heap, 0, false},       {"pages", pages, 0, false},
    {"modules", modules, 0, false}, {"machine", machine, 0, false},
};

int main(void)
{
    owned = CreateMutexA(NULL, TRUE, NULL);
    run_scenes(scenes, ARRAYSIZE(scenes));
    return tap_done();
}
