/* support.c - lines, waits, times and gates for the parts of the Windows suite. */
#include "tests/win32/suite/suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char trace[128];
static volatile LONG trace_length;

void say(const char *number, const char *format, ...)
{
    va_list arguments;

    printf("%s ", number);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
}

void say_made(const char *number, const char *what, const void *object)
{
    DWORD error = GetLastError();

    if (object)
        say(number, "%s: made", what);
    else
        say(number, "%s: NULL, %u", what, (unsigned)error);
}

void say_told(const char *number, const char *what, BOOL answer)
{
    DWORD error = GetLastError();

    if (answer)
        say(number, "%s: TRUE", what);
    else
        say(number, "%s: FALSE, %u", what, (unsigned)error);
}

void say_count(const char *number, const char *what, LONG count)
{
    say(number, "%s: %d", what, (int)count);
}

void say_yes(const char *number, const char *what, BOOL fact)
{
    say(number, "%s: %s", what, fact ? "yes" : "no");
}

BOOL is_set(HANDLE handle)
{
    return WaitForSingleObject(handle, 0) == WAIT_OBJECT_0;
}

BOOL comes(HANDLE handle)
{
    return WaitForSingleObject(handle, PATIENCE) == WAIT_OBJECT_0;
}

LONG reaches(volatile LONG *counter, LONG wanted)
{
    ULONGLONG end = GetTickCount64() + PATIENCE;

    while (InterlockedCompareExchange(counter, 0, 0) < wanted && GetTickCount64() < end)
        Sleep(1);
    return InterlockedCompareExchange(counter, 0, 0);
}

LONG stays(volatile LONG *counter)
{
    Sleep(GLANCE);
    return InterlockedCompareExchange(counter, 0, 0);
}

HANDLE new_event(void)
{
    return CreateEventA(NULL, FALSE, FALSE, NULL);
}

HANDLE new_manual(void)
{
    return CreateEventA(NULL, TRUE, FALSE, NULL);
}

HANDLE new_semaphore(LONG count)
{
    return CreateSemaphoreA(NULL, count, 1000, NULL);
}

HANDLE start(LPTHREAD_START_ROUTINE routine, void *context)
{
    return CreateThread(NULL, 0, routine, context, 0, NULL);
}

void join(HANDLE thread)
{
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

FILETIME *ticks(FILETIME *time, LONGLONG count)
{
    time->dwLowDateTime = (DWORD)(ULONGLONG)count;
    time->dwHighDateTime = (DWORD)((ULONGLONG)count >> 32);
    return time;
}

ULONGLONG clock_now(void)
{
    LARGE_INTEGER now, frequency;

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    return (ULONGLONG)((double)now.QuadPart * 1000 / (double)frequency.QuadPart);
}

FILETIME *after(FILETIME *time, DWORD milliseconds)
{
    return ticks(time, -(LONGLONG)milliseconds * 10000);
}

FILETIME *at(FILETIME *time, LONG milliseconds)
{
    ULARGE_INTEGER now;

    GetSystemTimeAsFileTime(time);
    now.u.LowPart = time->dwLowDateTime;
    now.u.HighPart = time->dwHighDateTime;
    return ticks(time, (LONGLONG)now.QuadPart + (LONGLONG)milliseconds * 10000);
}

void CALLBACK count_simple(PTP_CALLBACK_INSTANCE instance, PVOID counter)
{
    (void)instance;
    InterlockedIncrement((volatile LONG *)counter);
}

void CALLBACK count_work(PTP_CALLBACK_INSTANCE instance, PVOID counter, PTP_WORK work)
{
    (void)instance;
    (void)work;
    InterlockedIncrement((volatile LONG *)counter);
}

void CALLBACK count_timer(PTP_CALLBACK_INSTANCE instance, PVOID counter, PTP_TIMER timer)
{
    (void)instance;
    (void)timer;
    InterlockedIncrement((volatile LONG *)counter);
}

void CALLBACK count_wait(PTP_CALLBACK_INSTANCE instance, PVOID counter, PTP_WAIT wait,
                         TP_WAIT_RESULT result)
{
    (void)instance;
    (void)wait;
    (void)result;
    InterlockedIncrement((volatile LONG *)counter);
}

void CALLBACK letter_work(PTP_CALLBACK_INSTANCE instance, PVOID letter, PTP_WORK work)
{
    (void)instance;
    (void)work;
    leave(*(const char *)letter);
}

void leave(char letter)
{
    LONG place = InterlockedIncrement(&trace_length) - 1;

    if (place < (LONG)sizeof trace - 1)
        trace[place] = letter;
}

void letters_clear(void)
{
    memset(trace, 0, sizeof trace);
    InterlockedExchange(&trace_length, 0);
}

const char *letters(void)
{
    return trace;
}

void room_open(struct room *room, DWORD maximum)
{
    room->pool = CreateThreadpool(NULL);
    SetThreadpoolThreadMaximum(room->pool, maximum);
    InitializeThreadpoolEnvironment(&room->environment);
    SetThreadpoolCallbackPool(&room->environment, room->pool);
}

void room_close(struct room *room)
{
    DestroyThreadpoolEnvironment(&room->environment);
    CloseThreadpool(room->pool);
}

static void CALLBACK hold(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct gate *gate = context;

    (void)instance;
    (void)work;
    SetEvent(gate->entered);
    WaitForSingleObject(gate->open, INFINITE);
}

void gate_shut(struct gate *gate)
{
    room_open(&gate->room, 1);
    gate->entered = new_event();
    gate->open = new_event();
    gate->keeper = CreateThreadpoolWork(hold, gate, &gate->room.environment);
    SubmitThreadpoolWork(gate->keeper);
    WaitForSingleObject(gate->entered, INFINITE);
}

void gate_open(struct gate *gate)
{
    SetEvent(gate->open);
    WaitForThreadpoolWorkCallbacks(gate->keeper, FALSE);
}

void gate_close(struct gate *gate)
{
    CloseThreadpoolWork(gate->keeper);
    CloseHandle(gate->open);
    CloseHandle(gate->entered);
    room_close(&gate->room);
}
