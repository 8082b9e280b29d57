/* environment.c - callback environments: versions, what they hold, when it is copied. */
#include "tests/win32/suite/suite.h"

#include <string.h>

static void fresh(void)
{
    TP_CALLBACK_ENVIRON environment;

    memset(&environment, 0xff, sizeof environment);
    InitializeThreadpoolEnvironment(&environment);
    say("C-027", "InitializeThreadpoolEnvironment: version %u, size %u, priority %u, flags %u",
        (unsigned)environment.Version, (unsigned)environment.Size,
        (unsigned)environment.CallbackPriority, (unsigned)environment.u.Flags);
    say_yes("C-027", "the rest of it is NULL",
            !environment.Pool && !environment.CleanupGroup &&
                !environment.CleanupGroupCancelCallback && !environment.RaceDll &&
                !environment.ActivationContext && !environment.FinalizationCallback);
    SetThreadpoolCallbackRunsLong(&environment);
    say("C-036", "SetThreadpoolCallbackRunsLong: flags %u", (unsigned)environment.u.Flags);
    SetThreadpoolCallbackPersistent(&environment);
    say("C-038", "SetThreadpoolCallbackPersistent: flags %u", (unsigned)environment.u.Flags);
    SetThreadpoolCallbackPriority(&environment, TP_CALLBACK_PRIORITY_LOW);
    say("C-034", "SetThreadpoolCallbackPriority: %u", (unsigned)environment.CallbackPriority);
    DestroyThreadpoolEnvironment(&environment);
    DestroyThreadpoolEnvironment(&environment);
}

/* What each kind of object says to an environment. */
static void judged(const char *number, const char *how, TP_CALLBACK_ENVIRON *environment)
{
    volatile LONG ran = 0;
    char what[100];
    PTP_WORK work;
    PTP_TIMER timer;
    PTP_WAIT wait;
    BOOL answer;

    SetLastError(0);
    strcat(strcpy(what, "CreateThreadpoolWork with "), how);
    work = CreateThreadpoolWork(count_work, (PVOID)&ran, environment);
    say_made(number, what, work);
    if (work)
        CloseThreadpoolWork(work);
    SetLastError(0);
    strcat(strcpy(what, "CreateThreadpoolTimer with "), how);
    timer = CreateThreadpoolTimer(count_timer, (PVOID)&ran, environment);
    say_made(number, what, timer);
    if (timer)
        CloseThreadpoolTimer(timer);
    SetLastError(0);
    strcat(strcpy(what, "CreateThreadpoolWait with "), how);
    wait = CreateThreadpoolWait(count_wait, (PVOID)&ran, environment);
    say_made(number, what, wait);
    if (wait)
        CloseThreadpoolWait(wait);
    SetLastError(0);
    strcat(strcpy(what, "TrySubmitThreadpoolCallback with "), how);
    answer = TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, environment);
    say_told(number, what, answer);
    if (answer)
        reaches(&ran, 1);
}

static void versions(void)
{
    TP_CALLBACK_ENVIRON environment;

    InitializeThreadpoolEnvironment(&environment);
    judged("C-028", "a new environment", &environment);
    judged("C-028", "no environment", NULL);
    /* What lies behind the fields of version 1 is not looked at. */
    environment.Version = 1;
    environment.CallbackPriority = (TP_CALLBACK_PRIORITY)77;
    environment.Size = 12345;
    judged("C-031", "version 1", &environment);
    InitializeThreadpoolEnvironment(&environment);
    environment.Version = 2;
    judged("C-032", "version 2", &environment);
    environment.Version = 9999;
    judged("C-032", "version 9999", &environment);
}

static void priorities(void)
{
    TP_CALLBACK_ENVIRON environment;

    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPriority(&environment, TP_CALLBACK_PRIORITY_HIGH);
    judged("C-034", "priority high", &environment);
    SetThreadpoolCallbackPriority(&environment, TP_CALLBACK_PRIORITY_NORMAL);
    judged("C-034", "priority normal", &environment);
    SetThreadpoolCallbackPriority(&environment, TP_CALLBACK_PRIORITY_LOW);
    judged("C-034", "priority low", &environment);
    SetThreadpoolCallbackPriority(&environment, (TP_CALLBACK_PRIORITY)3);
    judged("C-033", "priority 3", &environment);
    SetThreadpoolCallbackPriority(&environment, (TP_CALLBACK_PRIORITY)10);
    judged("C-033", "priority 10", &environment);
}

/* The environment is gone, in every way, when the objects made with it are used. */
static void copied(void)
{
    struct gate gate;
    TP_CALLBACK_ENVIRON environment;
    PTP_WORK low, high;

    gate_shut(&gate);
    environment = gate.room.environment;
    SetThreadpoolCallbackPriority(&environment, TP_CALLBACK_PRIORITY_LOW);
    low = CreateThreadpoolWork(letter_work, "l", &environment);
    SetThreadpoolCallbackPriority(&environment, TP_CALLBACK_PRIORITY_HIGH);
    high = CreateThreadpoolWork(letter_work, "h", &environment);
    DestroyThreadpoolEnvironment(&environment);
    memset(&environment, 0xff, sizeof environment);
    letters_clear();
    SubmitThreadpoolWork(low);
    SubmitThreadpoolWork(high);
    gate_open(&gate);
    WaitForThreadpoolWorkCallbacks(low, FALSE);
    WaitForThreadpoolWorkCallbacks(high, FALSE);
    say("C-029", "objects of an environment that is destroyed and overwritten: %s", letters());
    say_yes("C-030", "each has the priority that stood there when it was made",
            strcmp(letters(), "hl") == 0);
    CloseThreadpoolWork(low);
    CloseThreadpoolWork(high);
    gate_close(&gate);
}

static volatile LONG may_run_long;

static void CALLBACK ask_long(PTP_CALLBACK_INSTANCE instance, PVOID event)
{
    InterlockedExchange(&may_run_long, CallbackMayRunLong(instance));
    SetEvent(event);
}

static void CALLBACK hold_long(PTP_CALLBACK_INSTANCE instance, PVOID events)
{
    (void)instance;
    SetEvent(((HANDLE *)events)[0]);
    WaitForSingleObject(((HANDLE *)events)[1], PATIENCE);
    SetEvent(((HANDLE *)events)[2]);
}

static void runs_long(void)
{
    struct room room;
    HANDLE events[3] = {new_event(), new_event(), new_event()};
    volatile LONG ran = 0;

    room_open(&room, 2);
    SetThreadpoolCallbackRunsLong(&room.environment);
    TrySubmitThreadpoolCallback(ask_long, events[0], &room.environment);
    comes(events[0]);
    say_yes("C-037", "CallbackMayRunLong in a callback that runs long, maximum 2", may_run_long);
    TrySubmitThreadpoolCallback(hold_long, events, &room.environment);
    comes(events[0]);
    TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, &room.environment);
    say_count("C-036", "callbacks served beside a long one, maximum 2", reaches(&ran, 1));
    SetEvent(events[1]);
    comes(events[2]);
    room_close(&room);
    for (int i = 0; i < 3; i++)
        CloseHandle(events[i]);
}

static HANDLE finalizer_event;
static DWORD callback_thread;
static volatile LONG same_thread;

static void CALLBACK finalize(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    (void)instance;
    leave(is_set(finalizer_event) ? 'F' : 'f');
    if (*(char *)context == 'x' && GetCurrentThreadId() == callback_thread)
        InterlockedIncrement(&same_thread);
}

static void CALLBACK be_finalized(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    (void)context;
    (void)work;
    callback_thread = GetCurrentThreadId();
    SetEventWhenCallbackReturns(instance, finalizer_event);
    leave('c');
}

static void finalizers(void)
{
    struct gate gate;
    struct room room;
    char context = 'x';
    PTP_WORK work;

    finalizer_event = new_event();
    letters_clear();
    room_open(&room, 1);
    TpSetCallbackFinalizationCallback(&room.environment, finalize);
    work = CreateThreadpoolWork(be_finalized, &context, &room.environment);
    for (int i = 0; i < 3; i++) {
        SubmitThreadpoolWork(work);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        comes(finalizer_event);
    }
    say("C-039", "3 callbacks and their finalizer, before the event of each: %s", letters());
    say_count("C-039", "finalizers on the thread of their callback", same_thread);
    CloseThreadpoolWork(work);
    room_close(&room);

    letters_clear();
    gate_shut(&gate);
    TpSetCallbackFinalizationCallback(&gate.room.environment, finalize);
    work = CreateThreadpoolWork(be_finalized, &context, &gate.room.environment);
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, TRUE);
    gate_open(&gate);
    say("C-040", "a post that was dropped and its finalizer: '%s'", letters());
    CloseThreadpoolWork(work);
    gate_close(&gate);
    CloseHandle(finalizer_event);
}

static void persistent(void)
{
    struct room room;
    volatile LONG ran = 0;

    room_open(&room, 1);
    SetThreadpoolCallbackPersistent(&room.environment);
    TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, &room.environment);
    TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, &room.environment);
    say_count("C-038", "persistent callbacks", reaches(&ran, 2));
    room_close(&room);
}

void environment_part(void)
{
    fresh();
    versions();
    priorities();
    copied();
    runs_long();
    finalizers();
    persistent();
}

/* ---- a library that callbacks live in ------------------------------------------------------- */

void library_part(const char *plugin)
{
    struct room room;
    volatile LONG ends = 0, ran = 0;
    HMODULE module = LoadLibraryA(plugin);
    void (*watch)(volatile LONG *);
    PTP_WORK_CALLBACK callback;
    PTP_WORK work;

    say_made("C-041", "LoadLibraryA of a library", (void *)module);
    if (!module)
        return;
    watch = (void (*)(volatile LONG *))(void *)GetProcAddress(module, "plugin_watch");
    callback = (PTP_WORK_CALLBACK)(void *)GetProcAddress(module, "plugin_count");
    say_yes("C-041", "GetProcAddress finds its functions", watch && callback);
    watch(&ends);
    room_open(&room, 1);
    SetThreadpoolCallbackLibrary(&room.environment, module);
    work = CreateThreadpoolWork(callback, (PVOID)&ran, &room.environment);
    say_told("C-041", "FreeLibrary by the caller", FreeLibrary(module));
    say_count("C-041", "ends of the library while an object is bound to it", ends);
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    say_count("C-041", "its callbacks", ran);
    CloseThreadpoolWork(work);
    DestroyThreadpoolEnvironment(&room.environment);
    say_count("C-042", "ends of the library after the last object", reaches(&ends, 1));
    CloseThreadpool(room.pool);
}
