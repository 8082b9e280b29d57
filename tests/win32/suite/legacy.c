/* legacy.c - the calls of before Windows Vista: QueueUserWorkItem, RegisterWaitForSingleObject. */
#include "tests/win32/suite/suite.h"

static DWORD WINAPI count_item(LPVOID counter)
{
    InterlockedIncrement((volatile LONG *)counter);
    return 0;
}

static void items(void)
{
    volatile LONG ran = 0;
    LONG accepted = 0;

    for (int i = 0; i < 100; i++)
        accepted += QueueUserWorkItem(count_item, (PVOID)&ran, WT_EXECUTEDEFAULT);
    say_count("C-211", "QueueUserWorkItem, accepted of 100", accepted);
    reaches(&ran, 100);
    say_count("C-211", "its callbacks", stays(&ran));
    ran = 0;
    say_told("C-211", "QueueUserWorkItem that runs long",
             QueueUserWorkItem(count_item, (PVOID)&ran, WT_EXECUTELONGFUNCTION));
    say_told("C-211", "QueueUserWorkItem in a persistent thread",
             QueueUserWorkItem(count_item, (PVOID)&ran, WT_EXECUTEINPERSISTENTTHREAD));
    reaches(&ran, 2);
    say_count("C-211", "their callbacks", stays(&ran));
}

struct registered {
    volatile LONG signals;
    volatile LONG timeouts;
    HANDLE came;
    HANDLE open; /* NULL: goes on at once */
};

static void CALLBACK note(PVOID context, BOOLEAN timed_out)
{
    struct registered *registered = context;

    if (timed_out)
        InterlockedIncrement(&registered->timeouts);
    else
        InterlockedIncrement(&registered->signals);
    SetEvent(registered->came);
    if (registered->open)
        WaitForSingleObject(registered->open, PATIENCE);
}

static void each_time(struct registered *registered)
{
    HANDLE event = new_event(), wait = NULL;

    say_told(
        "legacy", "RegisterWaitForSingleObject",
        RegisterWaitForSingleObject(&wait, event, note, registered, INFINITE, WT_EXECUTEDEFAULT));
    say_yes("legacy", "it gives a handle", wait != NULL);
    for (int i = 0; i < 3; i++) {
        SetEvent(event);
        comes(registered->came);
    }
    say_count("legacy", "callbacks of an event set 3 times", stays(&registered->signals));
    say_told("legacy", "UnregisterWaitEx that waits", UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    SetEvent(event);
    say_count("legacy", "callbacks after that", stays(&registered->signals) - 3);
    say_yes("legacy", "the event's signal is left", is_set(event));
    CloseHandle(event);
}

static void only_once(struct registered *registered)
{
    HANDLE semaphore = new_semaphore(2), wait = NULL;

    registered->signals = registered->timeouts = 0;
    RegisterWaitForSingleObject(&wait, semaphore, note, registered, INFINITE, WT_EXECUTEONLYONCE);
    comes(registered->came);
    say_count("legacy", "callbacks of 2 units, only once", stays(&registered->signals));
    say_yes("legacy", "a unit is left", is_set(semaphore));
    say_told("legacy", "UnregisterWait after the only callback", UnregisterWait(wait));
    ResetEvent(registered->came);
    RegisterWaitForSingleObject(&wait, semaphore, note, registered, 10, WT_EXECUTEONLYONCE);
    comes(registered->came);
    say_count("legacy", "timeouts of 10 ms, only once", stays(&registered->timeouts));
    UnregisterWaitEx(wait, INVALID_HANDLE_VALUE);
    registered->timeouts = 0;
    RegisterWaitForSingleObject(&wait, semaphore, note, registered, 5, WT_EXECUTEDEFAULT);
    for (int i = 0; i < SHORTER / GLANCE && stays(&registered->timeouts) < 3; i++)
        continue;
    say_yes("legacy", "timeouts of 5 ms come again", stays(&registered->timeouts) >= 3);
    UnregisterWaitEx(wait, INVALID_HANDLE_VALUE);
    CloseHandle(semaphore);
}

struct unregistering {
    HANDLE wait;
    volatile LONG returned;
};

static DWORD WINAPI unregister(LPVOID context)
{
    struct unregistering *unregistering = context;

    UnregisterWaitEx(unregistering->wait, INVALID_HANDLE_VALUE);
    InterlockedIncrement(&unregistering->returned);
    return 0;
}

static void while_it_runs(struct registered *registered)
{
    HANDLE event = new_event(), done = new_event(), thread, wait = NULL;
    struct unregistering unregistering = {NULL, 0};

    registered->open = new_event();
    ResetEvent(registered->came);
    RegisterWaitForSingleObject(&wait, event, note, registered, INFINITE, WT_EXECUTEONLYONCE);
    SetEvent(event);
    comes(registered->came);
    SetLastError(0);
    say_told("legacy", "UnregisterWait while the callback runs", UnregisterWait(wait));
    SetEvent(registered->open);

    RegisterWaitForSingleObject(&wait, event, note, registered, INFINITE, WT_EXECUTEONLYONCE);
    SetEvent(event);
    comes(registered->came);
    SetLastError(0);
    say_told("legacy", "UnregisterWaitEx with an event", UnregisterWaitEx(wait, done));
    say_yes("legacy", "which is set while the callback runs", is_set(done));
    SetEvent(registered->open);
    say_yes("legacy", "and when it is over", comes(done));

    RegisterWaitForSingleObject(&unregistering.wait, event, note, registered, INFINITE,
                                WT_EXECUTEONLYONCE);
    SetEvent(event);
    comes(registered->came);
    thread = start(unregister, &unregistering);
    say_count("legacy", "UnregisterWaitEx returns while the callback runs",
              stays(&unregistering.returned));
    SetEvent(registered->open);
    join(thread);
    say_count("legacy", "and when it is over", unregistering.returned);
    CloseHandle(registered->open);
    registered->open = NULL;
    CloseHandle(done);
    CloseHandle(event);
}

static void idle(struct registered *registered)
{
    HANDLE event = new_event(), done = new_event(), wait = NULL;

    SetLastError(0);
    say_told("legacy", "UnregisterWait of NULL", UnregisterWait(NULL));
    SetLastError(0);
    say_told("legacy", "UnregisterWaitEx of NULL", UnregisterWaitEx(NULL, NULL));
    RegisterWaitForSingleObject(&wait, event, note, registered, INFINITE, WT_EXECUTEDEFAULT);
    say_told("legacy", "UnregisterWait of one that waits", UnregisterWait(wait));
    RegisterWaitForSingleObject(&wait, event, note, registered, INFINITE, WT_EXECUTEDEFAULT);
    say_told("legacy", "UnregisterWaitEx of one that waits, with an event",
             UnregisterWaitEx(wait, done));
    say_yes("legacy", "which is set", comes(done));
    CloseHandle(event);
    CloseHandle(done);
}

void legacy_part(void)
{
    struct registered registered = {0, 0, new_event(), NULL};

    items();
    each_time(&registered);
    only_once(&registered);
    while_it_runs(&registered);
    idle(&registered);
    CloseHandle(registered.came);
}
