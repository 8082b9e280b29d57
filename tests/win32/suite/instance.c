/* instance.c - what a callback may do with its instance, and what is done when it has returned. */
#include "tests/win32/suite/suite.h"

/* ---- running long, and dissociating --------------------------------------------------------- */

struct question {
    volatile LONG answer;
    volatile DWORD error;
    HANDLE asked;
    HANDLE open;
    volatile LONG over;
};

static void CALLBACK ask(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct question *question = context;

    (void)work;
    SetLastError(0);
    question->answer = CallbackMayRunLong(instance);
    question->error = GetLastError();
    SetEvent(question->asked);
    WaitForSingleObject(question->open, PATIENCE);
}

static void ask_with(DWORD maximum, struct question *question)
{
    struct room room;
    volatile LONG ran = 0;
    PTP_WORK work;

    room_open(&room, maximum);
    work = CreateThreadpoolWork(ask, question, &room.environment);
    SubmitThreadpoolWork(work);
    comes(question->asked);
    if (question->answer)
        say("C-190", "CallbackMayRunLong, maximum %u: TRUE", (unsigned)maximum);
    else
        say("C-189", "CallbackMayRunLong, maximum %u: FALSE, %u", (unsigned)maximum,
            (unsigned)question->error);
    if (maximum > 1) {
        TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, &room.environment);
        say_count("C-190", "callbacks served meanwhile", reaches(&ran, 1));
    }
    SetEvent(question->open);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    room_close(&room);
}

static void CALLBACK leave_object(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct question *question = context;

    (void)work;
    DisassociateCurrentThreadFromCallback(instance);
    DisassociateCurrentThreadFromCallback(instance);
    SetEvent(question->asked);
    WaitForSingleObject(question->open, PATIENCE);
    InterlockedIncrement(&question->over);
}

static void CALLBACK leave_and_close(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct question *question = context;

    DisassociateCurrentThreadFromCallback(instance);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    leave('w');
    CloseThreadpoolWork(work);
    leave('c');
    InterlockedIncrement(&question->over);
}

static void dissociated(struct question *question)
{
    PTP_WORK work = CreateThreadpoolWork(leave_object, question, NULL);

    question->over = 0;
    SubmitThreadpoolWork(work);
    comes(question->asked);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    say_count("C-192", "dissociated callbacks over when a wait returns", question->over);
    SetEvent(question->open);
    say_count("C-193", "and in the end", reaches(&question->over, 1));
    SubmitThreadpoolWork(work);
    SetEvent(question->open);
    comes(question->asked);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    say_count("C-193", "submitted again", reaches(&question->over, 2));
    CloseThreadpoolWork(work);
    letters_clear();
    question->over = 0;
    work = CreateThreadpoolWork(leave_and_close, question, NULL);
    SubmitThreadpoolWork(work);
    reaches(&question->over, 1);
    say("C-194", "a dissociated callback waits for its object and closes it: %s", letters());
}

void instance_part(void)
{
    struct question question = {0, 0, new_event(), new_event(), 0};

    ask_with(1, &question);
    ask_with(2, &question);
    ask_with(4, &question);
    dissociated(&question);
    CloseHandle(question.asked);
    CloseHandle(question.open);
}

/* ---- when the callback has returned --------------------------------------------------------- */

struct actions {
    CRITICAL_SECTION section;
    HANDLE mutex;
    HANDLE semaphore;
    HANDLE event;
    HANDLE second;
    HMODULE module;
    HANDLE begun; /* set once all is owned; or NULL */
    volatile LONG early;
};

static void CALLBACK all_five(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct actions *actions = context;

    (void)work;
    EnterCriticalSection(&actions->section);
    WaitForSingleObject(actions->mutex, INFINITE);
    LeaveCriticalSectionWhenCallbackReturns(instance, &actions->section);
    ReleaseMutexWhenCallbackReturns(instance, actions->mutex);
    ReleaseSemaphoreWhenCallbackReturns(instance, actions->semaphore, 2);
    SetEventWhenCallbackReturns(instance, actions->event);
    FreeLibraryWhenCallbackReturns(instance, actions->module);
    actions->early = is_set(actions->event) + is_set(actions->semaphore);
    if (actions->begun)
        SetEvent(actions->begun);
}

static void five(struct actions *actions, const char *plugin)
{
    void (*watch)(volatile LONG *);
    volatile LONG ends = 0;
    PTP_WORK work;

    actions->module = LoadLibraryA(plugin);
    watch = (void (*)(volatile LONG *))(void *)GetProcAddress(actions->module, "plugin_watch");
    watch(&ends);
    work = CreateThreadpoolWork(all_five, actions, NULL);
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    say_count("C-197", "done before the callback returned", actions->early);
    say_told("C-198", "the critical section is left: TryEnterCriticalSection",
             TryEnterCriticalSection(&actions->section));
    LeaveCriticalSection(&actions->section);
    say_yes("C-198", "the mutex is free", is_set(actions->mutex));
    ReleaseMutex(actions->mutex);
    for (int i = 0; i < 3; i++)
        say_yes("C-198", "the semaphore has a unit", is_set(actions->semaphore));
    say_yes("C-201", "the event is set when a wait returns", is_set(actions->event));
    say_count("C-203", "ends of the library", reaches(&ends, 1));
    CloseThreadpoolWork(work);
}

/* Each run waits for another of the steps, and finds those before it done. */
static void steps(struct actions *actions, const char *plugin)
{
    HANDLE awaited[3] = {actions->event, actions->semaphore, actions->mutex};
    static const char *const names[3] = {"event", "semaphore", "mutex"};
    HANDLE begun = new_event();

    for (int i = 0; i < 3; i++) {
        BOOL semaphore = TRUE, mutex = TRUE, section;
        PTP_WORK work = CreateThreadpoolWork(all_five, actions, NULL);

        actions->module = LoadLibraryA(plugin);
        actions->begun = begun;
        SubmitThreadpoolWork(work);
        comes(begun);
        comes(awaited[i]);
        if (i < 1)
            semaphore = is_set(actions->semaphore);
        if (i < 2)
            mutex = is_set(actions->mutex);
        section = TryEnterCriticalSection(&actions->section);
        say("C-199", "when the %s comes: semaphore %d, mutex %d, critical section %d", names[i],
            (int)semaphore, (int)mutex, (int)section);
        ReleaseMutex(actions->mutex);
        if (section)
            LeaveCriticalSection(&actions->section);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CloseThreadpoolWork(work);
        while (is_set(actions->semaphore))
            continue;
        ResetEvent(actions->event);
    }
    CloseHandle(begun);
    actions->begun = NULL;
}

static void CALLBACK event_twice(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    struct actions *actions = context;

    SetEventWhenCallbackReturns(instance, actions->event);
    SetEventWhenCallbackReturns(instance, actions->second);
}

static void CALLBACK event_after_leaving(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    struct actions *actions = context;

    DisassociateCurrentThreadFromCallback(instance);
    SetEventWhenCallbackReturns(instance, actions->event);
}

static void CALLBACK overflow(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    struct actions *actions = context;

    ReleaseSemaphoreWhenCallbackReturns(instance, actions->semaphore, 5000);
    SetEventWhenCallbackReturns(instance, actions->event);
}

static BOOL within(HANDLE event, DWORD milliseconds)
{
    return WaitForSingleObject(event, milliseconds) == WAIT_OBJECT_0;
}

static void doubtful(struct actions *actions)
{
    BOOL first, second;

    TrySubmitThreadpoolCallback(event_twice, actions, NULL);
    second = within(actions->second, SHORTER);
    first = within(actions->event, GLANCE);
    say("C-200", "two events for one return: first %d, second %d", (int)first, (int)second);
    TrySubmitThreadpoolCallback(event_after_leaving, actions, NULL);
    say_yes("C-202", "the event of a dissociated callback is set", comes(actions->event));
    TrySubmitThreadpoolCallback(overflow, actions, NULL);
    say_yes("C-204", "the event is set after a semaphore that overflows",
            within(actions->event, SHORTER));
    say_yes("C-204", "the semaphore has a unit", is_set(actions->semaphore));
}

static void CALLBACK only_event(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
    (void)timer;
    SetEventWhenCallbackReturns(instance, context);
}

static void CALLBACK wait_event(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
                                TP_WAIT_RESULT result)
{
    (void)wait;
    (void)result;
    SetEventWhenCallbackReturns(instance, context);
}

static void other_kinds(struct actions *actions)
{
    FILETIME due;
    PTP_TIMER timer = CreateThreadpoolTimer(only_event, actions->event, NULL);
    PTP_WAIT wait = CreateThreadpoolWait(wait_event, actions->event, NULL);

    SetThreadpoolTimer(timer, ticks(&due, 0), 0, 0);
    say_yes("C-197", "the event of a timer's callback is set", comes(actions->event));
    SetThreadpoolWait(wait, INVALID_HANDLE_VALUE, ticks(&due, 0));
    say_yes("C-197", "the event of a wait's callback is set", comes(actions->event));
    CloseThreadpoolTimer(timer);
    CloseThreadpoolWait(wait);
}

void actions_part(const char *plugin)
{
    struct actions actions;

    InitializeCriticalSection(&actions.section);
    actions.mutex = CreateMutexA(NULL, FALSE, NULL);
    actions.semaphore = new_semaphore(0);
    actions.event = new_event();
    actions.second = new_event();
    actions.begun = NULL;
    five(&actions, plugin);
    steps(&actions, plugin);
    doubtful(&actions);
    other_kinds(&actions);
    DeleteCriticalSection(&actions.section);
    CloseHandle(actions.mutex);
    CloseHandle(actions.semaphore);
    CloseHandle(actions.event);
    CloseHandle(actions.second);
}
