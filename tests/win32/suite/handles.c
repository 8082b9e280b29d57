/* handles.c - what programs of the thread pool need around it: objects, waiting, threads, times. */
#include "tests/win32/suite/suite.h"

#define NONSENSE ((HANDLE)(ULONG_PTR)0x7ffffff0)

static void say_wait(const char *what, DWORD result)
{
    DWORD error = GetLastError();

    if (result == WAIT_FAILED)
        say("base", "%s: failed, %u", what, (unsigned)error);
    else
        say("base", "%s: %u", what, (unsigned)result);
}

static void events(void)
{
    HANDLE event = new_event(), manual = CreateEventW(NULL, TRUE, TRUE, NULL);

    say_made("base", "CreateEventA", event);
    say_made("base", "CreateEventW", manual);
    say_wait("a wait for what is not signaled", WaitForSingleObject(event, 0));
    say_wait("a wait of 10 ms", WaitForSingleObject(event, 10));
    say_told("base", "SetEvent", SetEvent(event));
    say_told("base", "SetEvent again", SetEvent(event));
    say_wait("a wait for it", WaitForSingleObject(event, INFINITE));
    say_wait("a second wait for it", WaitForSingleObject(event, 0));
    say_wait("a manual-reset event", WaitForSingleObject(manual, 0));
    say_wait("a second time", WaitForSingleObject(manual, 0));
    say_told("base", "ResetEvent", ResetEvent(manual));
    say_wait("then", WaitForSingleObjectEx(manual, 0, FALSE));
    say_told("base", "CloseHandle", CloseHandle(event));
    say_told("base", "CloseHandle of no handle", CloseHandle(NONSENSE));
    say_told("base", "CloseHandle of NULL", CloseHandle(NULL));
    say_told("base", "SetEvent of no handle", SetEvent(NONSENSE));
    say_wait("a wait for no handle", WaitForSingleObject(NONSENSE, 0));
    say_wait("a wait for NULL", WaitForSingleObject(NULL, 0));
    CloseHandle(manual);
}

static void semaphores(void)
{
    HANDLE semaphore = CreateSemaphoreW(NULL, 1, 3, NULL), event = new_event();
    LONG previous = 77;

    say_made("base", "CreateSemaphoreW", semaphore);
    say_told("base", "ReleaseSemaphore", ReleaseSemaphore(semaphore, 2, &previous));
    say_count("base", "its units before", previous);
    previous = 77;
    say_told("base", "ReleaseSemaphore above the maximum",
             ReleaseSemaphore(semaphore, 1, &previous));
    for (int i = 0; i < 4; i++)
        say_wait("a wait for one of its 3 units", WaitForSingleObject(semaphore, 0));
    say_told("base", "ReleaseSemaphore of an event", ReleaseSemaphore(event, 1, NULL));
    say_told("base", "SetEvent of a semaphore", SetEvent(semaphore));
    CloseHandle(semaphore);
    CloseHandle(event);
    say_made("base", "CreateSemaphoreA of -1", CreateSemaphoreA(NULL, -1, 3, NULL));
    say_made("base", "CreateSemaphoreA of 4 where 3 is the maximum",
             CreateSemaphoreA(NULL, 4, 3, NULL));
    say_made("base", "CreateSemaphoreA with maximum 0", CreateSemaphoreA(NULL, 0, 0, NULL));
}

static DWORD WINAPI own_and_end(LPVOID mutex)
{
    return WaitForSingleObject(mutex, PATIENCE) + 7;
}

static DWORD WINAPI release_it(LPVOID mutex)
{
    return ReleaseMutex(mutex) ? 0 : GetLastError();
}

static DWORD run(LPTHREAD_START_ROUTINE routine, void *context)
{
    HANDLE thread = start(routine, context);
    DWORD code = 77;

    WaitForSingleObject(thread, INFINITE);
    GetExitCodeThread(thread, &code);
    CloseHandle(thread);
    return code;
}

static void mutexes(void)
{
    HANDLE mutex = CreateMutexA(NULL, TRUE, NULL);

    say_made("base", "CreateMutexA, owned", mutex);
    say_wait("its owner waits for it", WaitForSingleObject(mutex, 0));
    say_told("base", "ReleaseMutex", ReleaseMutex(mutex));
    say("base", "ReleaseMutex by another thread: %u", (unsigned)run(release_it, mutex));
    say_told("base", "ReleaseMutex a second time", ReleaseMutex(mutex));
    say_told("base", "ReleaseMutex a third time", ReleaseMutex(mutex));
    say("base", "a thread that owns it when it ends: code %u", (unsigned)run(own_and_end, mutex));
    say_wait("then a wait for it", WaitForSingleObject(mutex, 0));
    ReleaseMutex(mutex);
    say_wait("and another", WaitForSingleObject(mutex, 0));
    ReleaseMutex(mutex);
    CloseHandle(mutex);
    mutex = CreateMutexW(NULL, FALSE, NULL);
    say_made("base", "CreateMutexW", mutex);
    CloseHandle(mutex);
}

static void multiple(void)
{
    HANDLE handles[3] = {new_event(), new_event(), new_semaphore(2)}, bad[2], many[65];

    say_wait("WaitForMultipleObjects, any of three", WaitForMultipleObjects(3, handles, FALSE, 0));
    say_wait("again", WaitForMultipleObjects(3, handles, FALSE, 0));
    say_wait("again", WaitForMultipleObjects(3, handles, FALSE, 10));
    SetEvent(handles[1]);
    say_wait("the second is set", WaitForMultipleObjects(3, handles, FALSE, INFINITE));
    say_wait("all of three, none set", WaitForMultipleObjects(3, handles, TRUE, 0));
    SetEvent(handles[0]);
    SetEvent(handles[1]);
    say_wait("all of three, two set", WaitForMultipleObjects(3, handles, TRUE, 10));
    say_yes("base", "the first is set still", is_set(handles[0]));
    SetEvent(handles[0]);
    ReleaseSemaphore(handles[2], 1, NULL);
    say_wait("all of three, all set", WaitForMultipleObjects(3, handles, TRUE, INFINITE));
    say_wait("any of them then", WaitForMultipleObjectsEx(3, handles, FALSE, 0, FALSE));
    say_wait("of no handles", WaitForMultipleObjects(0, handles, FALSE, 0));
    for (int i = 0; i < 65; i++)
        many[i] = handles[0];
    say_wait("of 65", WaitForMultipleObjects(65, many, FALSE, 0));
    bad[0] = handles[0];
    bad[1] = NONSENSE;
    say_wait("of one that is none", WaitForMultipleObjects(2, bad, FALSE, 0));
    for (int i = 0; i < 3; i++)
        CloseHandle(handles[i]);
}

static DWORD WINAPI set_later(LPVOID event)
{
    Sleep(GLANCE / 2);
    SetEvent(event);
    return 0;
}

static void duplicates(void)
{
    HANDLE event = new_event(), copy = NULL, thread;

    say_told("base", "DuplicateHandle",
             DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &copy, 0, FALSE,
                             DUPLICATE_SAME_ACCESS));
    say_yes("base", "it is another handle", copy != event && copy != NULL);
    SetEvent(event);
    CloseHandle(event);
    say_wait("the copy of an event that was set and closed", WaitForSingleObject(copy, 0));
    thread = start(set_later, copy);
    say_wait("a wait for it without end", WaitForSingleObject(copy, INFINITE));
    join(thread);
    CloseHandle(copy);
    say_told("base", "DuplicateHandle of no handle",
             DuplicateHandle(GetCurrentProcess(), NONSENSE, GetCurrentProcess(), &copy, 0, FALSE,
                             DUPLICATE_SAME_ACCESS));
}

static DWORD WINAPI end_with(LPVOID event)
{
    WaitForSingleObject(event, PATIENCE);
    ExitThread(42);
}

static DWORD WINAPI other_error(LPVOID unused)
{
    (void)unused;
    SetLastError(5);
    return GetLastError();
}

static void threads(void)
{
    HANDLE event = new_event(), thread;
    DWORD code = 0, id = 0;

    thread = CreateThread(NULL, 0, end_with, event, 0, &id);
    say_made("base", "CreateThread", thread);
    say_yes("base", "with an id that is not the caller's", id && id != GetCurrentThreadId());
    say_wait("a wait for a thread that runs", WaitForSingleObject(thread, 0));
    say_told("base", "GetExitCodeThread", GetExitCodeThread(thread, &code));
    say("base", "its code: %u", (unsigned)code);
    SetEvent(event);
    say_wait("a wait for its end", WaitForSingleObject(thread, INFINITE));
    say_wait("and another", WaitForSingleObject(thread, 0));
    GetExitCodeThread(thread, &code);
    say("base", "the code it ended with: %u", (unsigned)code);
    CloseHandle(thread);
    CloseHandle(event);
    SetLastError(1234);
    code = run(other_error, NULL);
    say("base", "the last error of another thread and of this: %u, %u", (unsigned)code,
        (unsigned)GetLastError());
}

static DWORD WINAPI try_section(LPVOID section)
{
    BOOL entered = TryEnterCriticalSection(section);

    if (entered)
        LeaveCriticalSection(section);
    return (DWORD)entered;
}

static void sections(void)
{
    CRITICAL_SECTION section;

    InitializeCriticalSection(&section);
    EnterCriticalSection(&section);
    EnterCriticalSection(&section);
    say("base", "TryEnterCriticalSection by another thread: %u",
        (unsigned)run(try_section, &section));
    say("base", "by the owner: %u", (unsigned)(TryEnterCriticalSection(&section) != 0));
    LeaveCriticalSection(&section);
    LeaveCriticalSection(&section);
    say("base", "left as often but once: %u", (unsigned)run(try_section, &section));
    LeaveCriticalSection(&section);
    say("base", "left as often: %u", (unsigned)run(try_section, &section));
    DeleteCriticalSection(&section);
}

static void interlocked(void)
{
    volatile LONG value = 5;
    volatile LONGLONG wide = 5;
    PVOID volatile pointer = NULL;
    int place;

    say_count("base", "InterlockedIncrement", InterlockedIncrement(&value));
    say_count("base", "InterlockedDecrement", InterlockedDecrement(&value));
    say_count("base", "InterlockedExchangeAdd of 10", InterlockedExchangeAdd(&value, 10));
    say_count("base", "InterlockedExchange for 3", InterlockedExchange(&value, 3));
    say_count("base", "InterlockedCompareExchange, equal",
              InterlockedCompareExchange(&value, 8, 3));
    say_count("base", "InterlockedCompareExchange, not equal",
              InterlockedCompareExchange(&value, 9, 3));
    say_count("base", "InterlockedOr with 3", InterlockedOr(&value, 3));
    say_count("base", "InterlockedAnd with 6", InterlockedAnd(&value, 6));
    say_count("base", "InterlockedXor with 1", InterlockedXor(&value, 1));
    say_count("base", "what it is then", value);
    say_count("base", "InterlockedIncrement64", (LONG)InterlockedIncrement64(&wide));
    say_count("base", "InterlockedDecrement64", (LONG)InterlockedDecrement64(&wide));
    say_count("base", "InterlockedCompareExchange64",
              (LONG)InterlockedCompareExchange64(&wide, 1, 5));
    say_yes("base", "InterlockedExchangePointer gives NULL",
            InterlockedExchangePointer(&pointer, &place) == NULL && pointer == &place);
    say_yes("base", "InterlockedCompareExchangePointer gives what was there",
            InterlockedCompareExchangePointer(&pointer, NULL, &place) == &place && !pointer);
}

static void times(void)
{
    ULONGLONG before = clock_now();
    FILETIME first, second, utc;
    SYSTEMTIME date;

    GetSystemTimeAsFileTime(&first);
    Sleep(40);
    GetSystemTimeAsFileTime(&second);
    say_yes("base", "Sleep(40) takes 20 ms at least", clock_now() - before >= 20);
    say("base", "CompareFileTime: %d, %d, %d", (int)CompareFileTime(&first, &second),
        (int)CompareFileTime(&second, &first), (int)CompareFileTime(&first, &first));
    say_yes("base", "FileTimeToSystemTime", FileTimeToSystemTime(ticks(&utc, 0), &date));
    say("base", "the date of 0: %u-%u-%u, %u:%u:%u, day %u", (unsigned)date.wYear,
        (unsigned)date.wMonth, (unsigned)date.wDay, (unsigned)date.wHour, (unsigned)date.wMinute,
        (unsigned)date.wSecond, (unsigned)date.wDayOfWeek);
    date.wYear = 1970;
    say_yes("base", "SystemTimeToFileTime of 1970", SystemTimeToFileTime(&date, &utc));
    say("base", "its ticks: %u, %u", (unsigned)utc.dwHighDateTime, (unsigned)utc.dwLowDateTime);
}

void handles_part(void)
{
    events();
    semaphores();
    mutexes();
    multiple();
    duplicates();
    threads();
    sections();
    interlocked();
    times();
}
