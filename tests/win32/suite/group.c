/* group.c - cleanup groups: what they wait for, what they cancel, whom they tell. */
#include "tests/win32/suite/suite.h"

struct told {
    volatile LONG calls;
    PVOID object;
    PVOID cleanup;
    DWORD thread;
};

static struct told told;

static void CALLBACK cancelled(PVOID object, PVOID cleanup)
{
    told.object = object;
    told.cleanup = cleanup;
    told.thread = GetCurrentThreadId();
    InterlockedIncrement(&told.calls);
}

static PTP_CLEANUP_GROUP join_group(TP_CALLBACK_ENVIRON *environment)
{
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();

    told.calls = 0;
    SetThreadpoolCallbackCleanupGroup(environment, group, cancelled);
    return group;
}

static void empty(void)
{
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    TP_CALLBACK_ENVIRON environment;
    volatile LONG ran = 0;
    PTP_WORK work;

    say_made("C-164", "CreateThreadpoolCleanupGroup", group);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackCleanupGroup(&environment, group, NULL);
    for (int i = 0; i < 2; i++) {
        work = CreateThreadpoolWork(count_work, (PVOID)&ran, &environment);
        SubmitThreadpoolWork(work);
        CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    }
    say_count("C-164", "callbacks in a group that is used twice", ran);
    work = CreateThreadpoolWork(count_work, (PVOID)&ran, &environment);
    say_made("C-174", "a member of a group without a cancel callback", work);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
    say_count("C-174", "callbacks after its members were cancelled", ran);
    CloseThreadpoolCleanupGroup(group);
    DestroyThreadpoolEnvironment(&environment);
}

static DWORD WINAPI open_later(LPVOID gate)
{
    Sleep(GLANCE);
    SetEvent(((struct gate *)gate)->open);
    return 0;
}

/* Three posts behind a gate that another thread opens while the members are being closed. */
static void served(void)
{
    struct gate gate;
    PTP_CLEANUP_GROUP group;
    volatile LONG ran = 0;
    HANDLE thread;
    PTP_WORK work;

    gate_shut(&gate);
    group = join_group(&gate.room.environment);
    work = CreateThreadpoolWork(count_work, (PVOID)&ran, &gate.room.environment);
    for (int i = 0; i < 3; i++)
        SubmitThreadpoolWork(work);
    TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, &gate.room.environment);
    thread = start(open_later, &gate);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    say_count("C-165", "callbacks of 3 posts and a simple one, members closed", ran);
    say_count("C-173", "cancel callbacks without cancel", told.calls);
    join(thread);
    CloseThreadpoolCleanupGroup(group);
    WaitForThreadpoolWorkCallbacks(gate.keeper, FALSE);
    gate_close(&gate);
}

static void all_kinds(void)
{
    struct gate gate;
    PTP_CLEANUP_GROUP group;
    volatile LONG ran = 0;
    FILETIME due;
    HANDLE event = new_event();
    PTP_WORK work;
    PTP_TIMER timer;
    PTP_WAIT wait;
    int cleanup;

    gate_shut(&gate);
    group = join_group(&gate.room.environment);
    TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, &gate.room.environment);
    work = CreateThreadpoolWork(count_work, (PVOID)&ran, &gate.room.environment);
    for (int i = 0; i < 10; i++)
        SubmitThreadpoolWork(work);
    timer = CreateThreadpoolTimer(count_timer, (PVOID)&ran, &gate.room.environment);
    SetThreadpoolTimer(timer, after(&due, 50), 10, 0);
    wait = CreateThreadpoolWait(count_wait, (PVOID)&ran, &gate.room.environment);
    SetThreadpoolWait(wait, event, NULL);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, &cleanup);
    say_count("C-167", "cancel callbacks of simple, work, timer and wait", told.calls);
    say_yes("C-168", "they get the object's context and that of the cleanup",
            told.object == (PVOID)&ran && told.cleanup == &cleanup);
    say_yes("C-169", "on the thread that closes", told.thread == GetCurrentThreadId());
    say_yes("C-166", "though the gate, no member, is shut", !is_set(gate.open));
    gate_open(&gate);
    SetEvent(event);
    Sleep(GLANCE);
    say_count("C-178", "callbacks of members after that", stays(&ran));
    say_yes("C-179", "the event's signal is left", is_set(event));
    CloseThreadpoolCleanupGroup(group);
    gate_close(&gate);
    CloseHandle(event);
}

static void members(void)
{
    struct room room;
    PTP_CLEANUP_GROUP group;
    volatile LONG ran = 0;
    PTP_WORK work[3];

    room_open(&room, 2);
    group = join_group(&room.environment);
    for (int i = 0; i < 3; i++)
        work[i] = CreateThreadpoolWork(count_work, (PVOID)&ran, &room.environment);
    SubmitThreadpoolWork(work[0]);
    WaitForThreadpoolWorkCallbacks(work[0], FALSE);
    SubmitThreadpoolWork(work[1]);
    WaitForThreadpoolWorkCallbacks(work[1], FALSE);
    CloseThreadpoolWork(work[1]);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
    say_count("C-172", "cancel callbacks of an idle member, one that ran, one closed before",
              told.calls);
    TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, &room.environment);
    reaches(&ran, 3);
    Sleep(GLANCE);
    told.calls = 0;
    CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
    say_count("C-048", "cancel callbacks of a simple callback that is over", told.calls);
    CloseThreadpoolCleanupGroup(group);
    room_close(&room);
}

struct slow {
    HANDLE entered;
    volatile LONG over;
    volatile LONG over_when_told;
};

static void CALLBACK slowly(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct slow *slow = context;

    (void)instance;
    (void)work;
    SetEvent(slow->entered);
    Sleep(GLANCE);
    InterlockedIncrement(&slow->over);
}

static void CALLBACK slowly_simple(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    slowly(instance, context, NULL);
}

static void CALLBACK look(PVOID object, PVOID cleanup)
{
    struct slow *slow = object;

    (void)cleanup;
    slow->over_when_told = slow->over;
    InterlockedIncrement(&told.calls);
}

static void running(void)
{
    struct slow slow = {new_event(), 0, -1};
    struct room room;
    PTP_CLEANUP_GROUP group;
    PTP_WORK work;

    room_open(&room, 2);
    group = join_group(&room.environment);
    SetThreadpoolCallbackCleanupGroup(&room.environment, group, look);
    work = CreateThreadpoolWork(slowly, &slow, &room.environment);
    SubmitThreadpoolWork(work);
    comes(slow.entered);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
    say("C-170", "a running callback: over %d, cancel callbacks %d, over when that ran %d",
        (int)slow.over, (int)told.calls, (int)slow.over_when_told);
    told.calls = 0;
    slow.over = 0;
    TrySubmitThreadpoolCallback(slowly_simple, &slow, &room.environment);
    comes(slow.entered);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
    say("C-177", "a running simple callback: over %d, cancel callbacks %d", (int)slow.over,
        (int)told.calls);
    slow.over = 0;
    TrySubmitThreadpoolCallback(slowly_simple, &slow, &room.environment);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    say_count("C-046", "simple callbacks that were waited for", slow.over);
    CloseThreadpoolCleanupGroup(group);
    room_close(&room);
    CloseHandle(slow.entered);
}

static void many_simple(void)
{
    struct gate gate;
    PTP_CLEANUP_GROUP group;
    volatile LONG ran = 0;

    gate_shut(&gate);
    group = join_group(&gate.room.environment);
    for (int i = 0; i < 100; i++)
        TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, &gate.room.environment);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
    say_count("C-047", "cancel callbacks of 100 simple ones that were queued", told.calls);
    gate_open(&gate);
    say_count("C-047", "and their callbacks", stays(&ran));
    CloseThreadpoolCleanupGroup(group);
    gate_close(&gate);
}

/* ---- callbacks that close their own object, or dissociate, while the group closes ----------- */

static volatile LONG closings;
static HANDLE closing;

static void CALLBACK close_work(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    (void)instance;
    (void)context;
    SetEvent(closing);
    Sleep(GLANCE);
    CloseThreadpoolWork(work);
    InterlockedIncrement(&closings);
}

static void CALLBACK close_timer(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
    (void)instance;
    (void)context;
    SetEvent(closing);
    Sleep(GLANCE);
    CloseThreadpoolTimer(timer);
    InterlockedIncrement(&closings);
}

static void CALLBACK close_wait(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
                                TP_WAIT_RESULT result)
{
    (void)instance;
    (void)context;
    (void)result;
    SetEvent(closing);
    Sleep(GLANCE);
    CloseThreadpoolWait(wait);
    InterlockedIncrement(&closings);
}

static void self_closing(void)
{
    TP_CALLBACK_ENVIRON environment;
    PTP_CLEANUP_GROUP group;
    FILETIME due;
    PTP_WORK work;
    PTP_TIMER timer;
    PTP_WAIT wait;

    closing = new_event();
    InitializeThreadpoolEnvironment(&environment);
    group = join_group(&environment);
    work = CreateThreadpoolWork(close_work, NULL, &environment);
    SubmitThreadpoolWork(work);
    comes(closing);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
    say("C-176", "work that closes itself in the end: %d, cancel callbacks %d",
        (int)reaches(&closings, 1), (int)told.calls);
    timer = CreateThreadpoolTimer(close_timer, NULL, &environment);
    SetThreadpoolTimer(timer, ticks(&due, 0), 0, 0);
    comes(closing);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
    say("C-176", "a timer that does: %d, cancel callbacks %d", (int)reaches(&closings, 2),
        (int)told.calls);
    wait = CreateThreadpoolWait(close_wait, NULL, &environment);
    SetThreadpoolWait(wait, INVALID_HANDLE_VALUE, ticks(&due, 0));
    comes(closing);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
    say("C-176", "a wait that does: %d, cancel callbacks %d", (int)reaches(&closings, 3),
        (int)told.calls);
    CloseThreadpoolCleanupGroup(group);
    DestroyThreadpoolEnvironment(&environment);
    CloseHandle(closing);
}

static void CALLBACK dissociate(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    DisassociateCurrentThreadFromCallback(instance);
    slowly(instance, context, work);
}

static void dissociated(void)
{
    struct slow slow = {new_event(), 0, -1};
    TP_CALLBACK_ENVIRON environment;
    PTP_CLEANUP_GROUP group;
    PTP_WORK work;

    InitializeThreadpoolEnvironment(&environment);
    group = join_group(&environment);
    work = CreateThreadpoolWork(dissociate, &slow, &environment);
    SubmitThreadpoolWork(work);
    comes(slow.entered);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    say_count("C-181", "dissociated callbacks that were waited for", slow.over);
    CloseThreadpoolCleanupGroup(group);
    DestroyThreadpoolEnvironment(&environment);
    CloseHandle(slow.entered);
}

static void pools(void)
{
    struct room first, second;
    TP_CALLBACK_ENVIRON environment;
    PTP_CLEANUP_GROUP group;
    volatile LONG ran = 0;
    PTP_WORK work[3];

    room_open(&first, 1);
    room_open(&second, 1);
    InitializeThreadpoolEnvironment(&environment);
    group = join_group(&first.environment);
    SetThreadpoolCallbackCleanupGroup(&second.environment, group, cancelled);
    SetThreadpoolCallbackCleanupGroup(&environment, group, cancelled);
    work[0] = CreateThreadpoolWork(count_work, (PVOID)&ran, &first.environment);
    work[1] = CreateThreadpoolWork(count_work, (PVOID)&ran, &second.environment);
    work[2] = CreateThreadpoolWork(count_work, (PVOID)&ran, &environment);
    for (int i = 0; i < 3; i++)
        SubmitThreadpoolWork(work[i]);
    room_close(&first);
    room_close(&second);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    say_count("C-183", "callbacks of one group in two pools and the default pool", ran);
    say_count("C-184", "cancel callbacks, the pools being closed before", told.calls);
    CloseThreadpoolCleanupGroup(group);
    DestroyThreadpoolEnvironment(&environment);
}

static PTP_WORK other_work;

static void CALLBACK use_other(PVOID object, PVOID cleanup)
{
    (void)object;
    (void)cleanup;
    SubmitThreadpoolWork(other_work);
    WaitForThreadpoolWorkCallbacks(other_work, FALSE);
    InterlockedIncrement(&told.calls);
}

static void cancel_callbacks(void)
{
    TP_CALLBACK_ENVIRON environment;
    PTP_CLEANUP_GROUP group;
    volatile LONG ran = 0;

    InitializeThreadpoolEnvironment(&environment);
    group = join_group(&environment);
    other_work = CreateThreadpoolWork(count_work, (PVOID)&ran, NULL);
    SetThreadpoolCallbackCleanupGroup(&environment, group, use_other);
    CreateThreadpoolWork(count_work, NULL, &environment);
    CreateThreadpoolTimer(count_timer, NULL, &environment);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
    say("C-186", "cancel callbacks that use another object: %d, its callbacks: %d", (int)told.calls,
        (int)ran);
    CloseThreadpoolWork(other_work);
    CloseThreadpoolCleanupGroup(group);
    DestroyThreadpoolEnvironment(&environment);
}

void group_part(void)
{
    empty();
    served();
    all_kinds();
    members();
    running();
    many_simple();
    self_closing();
    dissociated();
    pools();
    cancel_callbacks();
}
