/* wait.c - waits: events, semaphores, mutexes, threads, and their timeouts. */
#include "tests/win32/suite/suite.h"

struct watch {
    volatile LONG calls;
    volatile LONG signals;
    volatile LONG timeouts;
    volatile LONG others;
    HANDLE event;
};

static void CALLBACK note(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
                          TP_WAIT_RESULT result)
{
    struct watch *watch = context;

    (void)instance;
    (void)wait;
    if (result == WAIT_OBJECT_0)
        InterlockedIncrement(&watch->signals);
    else if (result == WAIT_TIMEOUT)
        InterlockedIncrement(&watch->timeouts);
    else
        InterlockedIncrement(&watch->others);
    InterlockedIncrement(&watch->calls);
    SetEvent(watch->event);
}

static void watch_start(struct watch *watch)
{
    watch->calls = watch->signals = watch->timeouts = watch->others = 0;
    ResetEvent(watch->event);
}

static void say_watch(const char *number, const char *what, struct watch *watch)
{
    stays(&watch->calls);
    say(number, "%s: %d signaled, %d timed out, %d else", what, (int)watch->signals,
        (int)watch->timeouts, (int)watch->others);
}

static void events(struct watch *watch, PTP_WAIT wait)
{
    HANDLE event = new_event(), manual = new_manual();

    watch_start(watch);
    SetThreadpoolWait(wait, event, NULL);
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    SetEvent(event);
    comes(watch->event);
    say_watch("C-126", "an auto-reset event set once", watch);
    say_yes("C-126", "it is signaled still", is_set(event));
    SetEvent(event);
    say_watch("C-124", "set again, the wait not", watch);
    say_yes("C-124", "then it is signaled still", is_set(event));

    watch_start(watch);
    SetEvent(event);
    SetThreadpoolWait(wait, event, NULL);
    comes(watch->event);
    say_watch("C-123", "an event that is signaled already", watch);

    watch_start(watch);
    SetEvent(manual);
    SetThreadpoolWait(wait, manual, NULL);
    comes(watch->event);
    say_watch("C-124", "a manual-reset event", watch);
    say_yes("C-124", "which is signaled still", is_set(manual));
    SetThreadpoolWait(wait, manual, NULL);
    comes(watch->event);
    say_watch("C-124", "the wait set again", watch);
    CloseHandle(event);
    CloseHandle(manual);
}

static void semaphores(struct watch *watch, PTP_WAIT wait)
{
    HANDLE semaphore = new_semaphore(0);

    watch_start(watch);
    SetThreadpoolWait(wait, semaphore, NULL);
    ReleaseSemaphore(semaphore, 1, NULL);
    comes(watch->event);
    say_watch("C-116", "a semaphore released once", watch);
    say_yes("C-116", "a unit is left", is_set(semaphore));
    watch_start(watch);
    ReleaseSemaphore(semaphore, 3, NULL);
    SetThreadpoolWait(wait, semaphore, NULL);
    comes(watch->event);
    say_watch("C-116", "a semaphore with 3 units", watch);
    say_yes("C-116", "a second unit is left", is_set(semaphore));
    say_yes("C-116", "a third", is_set(semaphore));
    say_yes("C-116", "a fourth", is_set(semaphore));
    CloseHandle(semaphore);
}

static void timeouts(struct watch *watch, PTP_WAIT wait)
{
    HANDLE semaphore = new_semaphore(0), event = new_event();
    FILETIME due;

    watch_start(watch);
    SetThreadpoolWait(wait, semaphore, after(&due, 30));
    comes(watch->event);
    say_watch("C-117", "30 ms and no signal", watch);
    ReleaseSemaphore(semaphore, 1, NULL);
    say_watch("C-117", "a signal after that", watch);
    say_yes("C-117", "its unit is left", is_set(semaphore));
    watch_start(watch);
    SetThreadpoolWait(wait, semaphore, after(&due, 600000));
    ReleaseSemaphore(semaphore, 1, NULL);
    comes(watch->event);
    say_watch("C-118", "a signal in time", watch);
    watch_start(watch);
    SetThreadpoolWait(wait, semaphore, at(&due, 30));
    comes(watch->event);
    say_watch("C-119", "a point in time 30 ms ahead", watch);
    watch_start(watch);
    SetThreadpoolWait(wait, semaphore, at(&due, 600000));
    ReleaseSemaphore(semaphore, 1, NULL);
    comes(watch->event);
    say_watch("C-119", "a signal before the point in time", watch);
    watch_start(watch);
    SetThreadpoolWait(wait, semaphore, ticks(&due, 0));
    comes(watch->event);
    say_watch("C-120", "a timeout of 0", watch);
    watch_start(watch);
    SetEvent(event);
    SetThreadpoolWait(wait, event, ticks(&due, 0));
    comes(watch->event);
    say_watch("C-121", "a timeout of 0, signaled already", watch);
    say_yes("C-121", "it is signaled still", is_set(event));
    watch_start(watch);
    SetThreadpoolWait(wait, semaphore, at(&due, -1000));
    comes(watch->event);
    say_watch("C-119", "a point in time a second ago", watch);
    CloseHandle(semaphore);
    CloseHandle(event);
}

static void never(struct watch *watch, PTP_WAIT wait)
{
    HANDLE event = new_event();
    FILETIME due;

    watch_start(watch);
    SetThreadpoolWait(wait, INVALID_HANDLE_VALUE, ticks(&due, 0));
    comes(watch->event);
    say_watch("C-132", "INVALID_HANDLE_VALUE and 0", watch);
    watch_start(watch);
    SetThreadpoolWait(wait, event, NULL);
    SetThreadpoolWait(wait, INVALID_HANDLE_VALUE, after(&due, 20));
    SetEvent(event);
    comes(watch->event);
    say_watch("C-132", "INVALID_HANDLE_VALUE and 20 ms, in place of an event", watch);
    say_yes("C-131", "the event's signal is left", is_set(event));
    CloseHandle(event);
}

static void replaced(struct watch *watch, PTP_WAIT wait)
{
    HANDLE first = new_event(), second = new_event();

    watch_start(watch);
    SetThreadpoolWait(wait, first, NULL);
    SetThreadpoolWait(wait, second, NULL);
    SetEvent(first);
    say_watch("C-131", "the event that another took the place of", watch);
    say_yes("C-131", "its signal is left", is_set(first));
    SetEvent(second);
    comes(watch->event);
    say_watch("C-131", "the other event", watch);
    watch_start(watch);
    SetThreadpoolWait(wait, first, NULL);
    SetThreadpoolWait(wait, NULL, (FILETIME *)(ULONG_PTR)0xdeadbeef);
    SetEvent(first);
    say_watch("C-122", "NULL, and a timeout that is no address", watch);
    say_yes("C-122", "the event's signal is left", is_set(first));
    SetThreadpoolWait(wait, first, NULL);
    WaitForThreadpoolWaitCallbacks(wait, TRUE);
    SetEvent(first);
    comes(watch->event);
    say_watch("C-130", "a signal after a wait that cancels", watch);
    CloseHandle(first);
    CloseHandle(second);
}

static void closed(struct watch *watch)
{
    HANDLE event = new_event();
    PTP_WAIT wait = CreateThreadpoolWait(note, watch, NULL);

    watch_start(watch);
    SetThreadpoolWait(wait, event, NULL);
    CloseThreadpoolWait(wait);
    SetEvent(event);
    say_watch("C-139", "a signal after the close", watch);
    say_yes("C-139", "it is left", is_set(event));
    CloseHandle(event);
}

static void shared(struct watch *watch)
{
    HANDLE semaphore = new_semaphore(0), manual = new_manual();
    PTP_WAIT wait[2];

    for (int i = 0; i < 2; i++) {
        wait[i] = CreateThreadpoolWait(note, watch, NULL);
        SetThreadpoolWait(wait[i], semaphore, NULL);
    }
    watch_start(watch);
    ReleaseSemaphore(semaphore, 1, NULL);
    comes(watch->event);
    say_watch("C-127", "one unit for two waits", watch);
    ReleaseSemaphore(semaphore, 1, NULL);
    reaches(&watch->calls, 2);
    say_watch("C-127", "another unit", watch);
    watch_start(watch);
    for (int i = 0; i < 2; i++)
        SetThreadpoolWait(wait[i], semaphore, NULL);
    ReleaseSemaphore(semaphore, 2, NULL);
    reaches(&watch->calls, 2);
    say_watch("C-128", "two units at once", watch);
    say_yes("C-128", "one is left", is_set(semaphore));
    watch_start(watch);
    for (int i = 0; i < 2; i++)
        SetThreadpoolWait(wait[i], manual, NULL);
    SetEvent(manual);
    reaches(&watch->calls, 2);
    say_watch("C-129", "one manual-reset event for two waits", watch);
    for (int i = 0; i < 2; i++)
        CloseThreadpoolWait(wait[i]);
    CloseHandle(semaphore);
    CloseHandle(manual);
}

static DWORD WINAPI come_to_an_end(LPVOID event)
{
    WaitForSingleObject(event, PATIENCE);
    return 0;
}

static void threads(struct watch *watch, PTP_WAIT wait)
{
    HANDLE event = new_event(), thread = start(come_to_an_end, event);

    watch_start(watch);
    SetThreadpoolWait(wait, thread, NULL);
    say_watch("C-136", "a thread that runs", watch);
    SetEvent(event);
    comes(watch->event);
    say_watch("C-136", "a thread that has ended", watch);
    SetThreadpoolWait(wait, thread, NULL);
    comes(watch->event);
    say_watch("C-136", "the wait set again", watch);
    CloseHandle(thread);
    CloseHandle(event);
}

struct again {
    HANDLE semaphore;
    volatile LONG calls;
};

static void CALLBACK set_again(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
                               TP_WAIT_RESULT result)
{
    struct again *again = context;

    (void)instance;
    (void)result;
    SetThreadpoolWait(wait, again->semaphore, NULL);
    InterlockedIncrement(&again->calls);
}

static void CALLBACK close_itself(PTP_CALLBACK_INSTANCE instance, PVOID counter, PTP_WAIT wait,
                                  TP_WAIT_RESULT result)
{
    (void)instance;
    (void)result;
    CloseThreadpoolWait(wait);
    InterlockedIncrement((volatile LONG *)counter);
}

static void from_callbacks(void)
{
    struct again again = {new_semaphore(0), 0};
    volatile LONG calls = 0;
    PTP_WAIT wait = CreateThreadpoolWait(set_again, &again, NULL);

    SetThreadpoolWait(wait, again.semaphore, NULL);
    ReleaseSemaphore(again.semaphore, 5, NULL);
    reaches(&again.calls, 5);
    say_count("C-125", "callbacks of a wait that sets itself, of 5 units", stays(&again.calls));
    SetThreadpoolWait(wait, NULL, NULL);
    WaitForThreadpoolWaitCallbacks(wait, TRUE);
    CloseThreadpoolWait(wait);
    CloseHandle(again.semaphore);

    again.semaphore = new_event();
    wait = CreateThreadpoolWait(close_itself, (PVOID)&calls, NULL);
    SetThreadpoolWait(wait, again.semaphore, NULL);
    SetEvent(again.semaphore);
    reaches(&calls, 1);
    say_count("C-062", "callbacks of a wait that closes itself", stays(&calls));
    CloseHandle(again.semaphore);
}

static void queued(struct watch *watch)
{
    struct gate gate;
    HANDLE event = new_event();
    PTP_WAIT wait;

    gate_shut(&gate);
    wait = CreateThreadpoolWait(note, watch, &gate.room.environment);
    watch_start(watch);
    SetThreadpoolWait(wait, event, NULL);
    SetEvent(event);
    Sleep(8 * GLANCE);
    SetThreadpoolWait(wait, NULL, NULL);
    gate_open(&gate);
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    say_watch("C-140", "queued, then NULL", watch);
    CloseThreadpoolWait(wait);
    gate_close(&gate);
    CloseHandle(event);
}

/* SetThreadpoolWaitEx; a system without it answers neither TRUE nor FALSE (missing.c). */
static void say_ex(const char *number, const char *what, BOOL answer)
{
    const char *word = answer == TRUE ? "TRUE" : answer == FALSE ? "FALSE" : "no such function";

    say(number, "SetThreadpoolWaitEx %s: %s", what, word);
}

static void taken_back(struct watch *watch, PTP_WAIT wait)
{
    HANDLE event = new_event();

    watch_start(watch);
    say_ex("C-143", "of NULL, not set", SetThreadpoolWaitEx(wait, NULL, NULL, NULL));
    say_ex("C-143", "of an event, not set", SetThreadpoolWaitEx(wait, event, NULL, NULL));
    say_ex("C-143", "of an event, set", SetThreadpoolWaitEx(wait, event, NULL, NULL));
    say_ex("C-143", "of NULL, set", SetThreadpoolWaitEx(wait, NULL, NULL, NULL));
    SetEvent(event);
    say_watch("C-143", "a signal then", watch);
    SetThreadpoolWait(wait, event, NULL);
    comes(watch->event);
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    say_ex("C-143", "of NULL after the callback", SetThreadpoolWaitEx(wait, NULL, NULL, NULL));
    CloseHandle(event);
}

struct owner {
    HANDLE mutex;
    volatile LONG calls;
    volatile DWORD result;
    volatile BOOL released;
};

static void CALLBACK own(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
                         TP_WAIT_RESULT result)
{
    struct owner *owner = context;

    (void)instance;
    (void)wait;
    owner->result = result;
    owner->released = ReleaseMutex(owner->mutex);
    InterlockedIncrement(&owner->calls);
}

static DWORD WINAPI abandon(LPVOID mutex)
{
    WaitForSingleObject(mutex, PATIENCE);
    return 0;
}

static void mutexes(void)
{
    struct owner owner = {CreateMutexA(NULL, FALSE, NULL), 0, 77, FALSE};
    PTP_WAIT wait = CreateThreadpoolWait(own, &owner, NULL);

    SetThreadpoolWait(wait, owner.mutex, NULL);
    reaches(&owner.calls, 1);
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    say("C-137", "a free mutex: result %u, its release in the callback %s", (unsigned)owner.result,
        owner.released ? "TRUE" : "FALSE");
    CloseHandle(owner.mutex);
    owner.mutex = CreateMutexA(NULL, FALSE, NULL);
    join(start(abandon, owner.mutex));
    SetThreadpoolWait(wait, owner.mutex, NULL);
    reaches(&owner.calls, 2);
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    say("C-137", "a mutex whose owner has ended: result %u", (unsigned)owner.result);
    CloseThreadpoolWait(wait);
    CloseHandle(owner.mutex);
}

void wait_part(void)
{
    struct watch watch = {0, 0, 0, 0, new_event()};
    PTP_WAIT wait = CreateThreadpoolWait(note, &watch, NULL);

    say_made("C-116", "CreateThreadpoolWait", wait);
    events(&watch, wait);
    semaphores(&watch, wait);
    timeouts(&watch, wait);
    never(&watch, wait);
    replaced(&watch, wait);
    closed(&watch);
    shared(&watch);
    threads(&watch, wait);
    from_callbacks();
    queued(&watch);
    taken_back(&watch, wait);
    mutexes();
    CloseThreadpoolWait(wait);
    CloseHandle(watch.event);
}

/* ---- more than 64 --------------------------------------------------------------------------- */

#define MANY 70

struct one {
    HANDLE semaphore;
    PTP_WAIT wait;
    LONG index;
};

static volatile LONG last_index;
static volatile LONG many_calls;
static volatile LONG many_timeouts;

static void CALLBACK note_index(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
                                TP_WAIT_RESULT result)
{
    struct one *one = context;

    (void)instance;
    if (result == WAIT_TIMEOUT)
        InterlockedIncrement(&many_timeouts);
    InterlockedExchange(&last_index, one->wait == wait ? one->index : -1);
    InterlockedIncrement(&many_calls);
}

static LONG release_each(struct one *ones, BOOL backward)
{
    LONG right = 0;

    for (int i = 0; i < MANY; i++)
        SetThreadpoolWait(ones[i].wait, ones[i].semaphore, NULL);
    for (int i = 0; i < MANY; i++) {
        int index = backward ? MANY - 1 - i : i;

        InterlockedExchange(&many_calls, 0);
        ReleaseSemaphore(ones[index].semaphore, 1, NULL);
        reaches(&many_calls, 1);
        right += last_index == index;
    }
    return right;
}

void wait_many_part(void)
{
    static struct one ones[MANY];
    struct room room;
    FILETIME due;
    volatile LONG ran = 0;

    room_open(&room, 1);
    for (int i = 0; i < MANY; i++) {
        ones[i].semaphore = new_semaphore(0);
        ones[i].wait = CreateThreadpoolWait(note_index, &ones[i], &room.environment);
        ones[i].index = i;
    }
    say_count("C-133", "right callbacks of 70 semaphores released forward",
              release_each(ones, FALSE));
    say_count("C-133", "right callbacks of 70 semaphores released backward",
              release_each(ones, TRUE));
    for (int i = 0; i < MANY; i++)
        SetThreadpoolWait(ones[i].wait, ones[i].semaphore, NULL);
    TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, &room.environment);
    say_count("C-145", "work done in a pool of one thread with 70 waits set", reaches(&ran, 1));
    InterlockedExchange(&many_calls, 0);
    for (int i = 0; i < MANY; i++)
        SetThreadpoolWait(ones[i].wait, ones[i].semaphore, after(&due, 20));
    reaches(&many_calls, MANY);
    say_count("C-134", "timeouts of 70 waits", many_timeouts);
    InterlockedExchange(&many_calls, 0);
    for (int i = 0; i < MANY; i++)
        SetThreadpoolWait(ones[i].wait, ones[i].semaphore, NULL);
    for (int i = 0; i < MANY; i++) {
        CloseThreadpoolWait(ones[i].wait);
        CloseHandle(ones[i].semaphore);
    }
    say_count("C-135", "callbacks of 70 set waits closed, their handles after them",
              stays(&many_calls));
    room_close(&room);
}
