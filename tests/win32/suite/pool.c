/* pool.c - pools: their making, their bounds on threads, their end. */
#include "tests/win32/suite/suite.h"

struct meeting {
    volatile LONG here;
    volatile LONG over;
    LONG wanted;
    HANDLE complete; /* manual */
};

struct crowd {
    volatile LONG inside;
    volatile LONG most;
    volatile LONG served;
};

static void CALLBACK meet(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct meeting *meeting = context;

    (void)instance;
    (void)work;
    if (InterlockedIncrement(&meeting->here) == meeting->wanted)
        SetEvent(meeting->complete);
    WaitForSingleObject(meeting->complete, PATIENCE);
    InterlockedIncrement(&meeting->over);
}

static void CALLBACK pass(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct crowd *crowd = context;
    LONG inside = InterlockedIncrement(&crowd->inside);
    LONG most = InterlockedCompareExchange(&crowd->most, 0, 0);

    (void)instance;
    (void)work;
    while (inside > most) {
        LONG seen = InterlockedCompareExchange(&crowd->most, inside, most);

        if (seen == most)
            break;
        most = seen;
    }
    Sleep(1);
    InterlockedDecrement(&crowd->inside);
    InterlockedIncrement(&crowd->served);
}

/* As many objects as parties, each posted once; whether all of them are in a callback at once. */
static BOOL all_meet(struct room *room, LONG parties)
{
    struct meeting meeting = {0, 0, parties, new_manual()};
    PTP_WORK work[8];
    BOOL met;

    for (LONG i = 0; i < parties; i++) {
        work[i] = CreateThreadpoolWork(meet, &meeting, &room->environment);
        SubmitThreadpoolWork(work[i]);
    }
    met = comes(meeting.complete);
    SetEvent(meeting.complete);
    for (LONG i = 0; i < parties; i++) {
        WaitForThreadpoolWorkCallbacks(work[i], FALSE);
        CloseThreadpoolWork(work[i]);
    }
    CloseHandle(meeting.complete);
    return met;
}

static void made(void)
{
    int other = 0;
    PTP_POOL pool;

    pool = CreateThreadpool(NULL);
    say_made("C-001", "CreateThreadpool(NULL)", pool);
    CloseThreadpool(pool);
    SetLastError(0);
    pool = CreateThreadpool(&other);
    say_made("C-002", "CreateThreadpool of something reserved", pool);
    if (pool)
        CloseThreadpool(pool);
}

static void alone(void)
{
    struct gate gate;
    struct room other;
    volatile LONG ran = 0;

    gate_shut(&gate);
    room_open(&other, 1);
    TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, &other.environment);
    TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, NULL);
    say_count("C-004", "callbacks of another pool and the default pool while one is held",
              reaches(&ran, 2));
    gate_open(&gate);
    room_close(&other);
    gate_close(&gate);
}

static void crowded(DWORD maximum, const char *number, const char *what)
{
    struct room room;
    struct crowd crowd = {0, 0, 0};
    PTP_WORK work[2];

    room_open(&room, maximum);
    for (int i = 0; i < 2; i++)
        work[i] = CreateThreadpoolWork(pass, &crowd, &room.environment);
    for (int i = 0; i < 20; i++)
        SubmitThreadpoolWork(work[i % 2]);
    for (int i = 0; i < 2; i++) {
        WaitForThreadpoolWorkCallbacks(work[i], FALSE);
        CloseThreadpoolWork(work[i]);
    }
    say(number, "%s: %d served, %s", what, (int)crowd.served,
        crowd.most <= (LONG)(maximum ? maximum : 1) ? "never more than that at once" : "too many");
    room_close(&room);
}

static void bounds(void)
{
    struct room room;

    crowded(1, "C-005", "20 posts of two objects, maximum 1");
    crowded(3, "C-008", "20 posts of two objects, maximum 3");
    crowded(0, "C-009", "20 posts of two objects, maximum 0, which counts as 1");

    room_open(&room, 4);
    say_yes("C-006", "with maximum 4, 4 callbacks meet", all_meet(&room, 4));
    room_close(&room);

    room_open(&room, 2);
    say_told("C-012", "SetThreadpoolThreadMinimum(4) above the maximum of 2",
             SetThreadpoolThreadMinimum(room.pool, 4));
    say_yes("C-012", "then 4 callbacks meet", all_meet(&room, 4));
    room_close(&room);

    room_open(&room, 4);
    say_told("C-010", "SetThreadpoolThreadMinimum(4)", SetThreadpoolThreadMinimum(room.pool, 4));
    say_told("C-010", "SetThreadpoolThreadMinimum(0)", SetThreadpoolThreadMinimum(room.pool, 0));
    say_yes("C-010", "then 3 callbacks meet", all_meet(&room, 3));
    room_close(&room);
}

/* Three callbacks that wait for each other, of which only two fit. */
static void raised(void)
{
    struct room room;
    struct meeting meeting = {0, 0, 3, new_manual()};
    PTP_WORK work[3];

    room_open(&room, 2);
    for (int i = 0; i < 3; i++) {
        work[i] = CreateThreadpoolWork(meet, &meeting, &room.environment);
        SubmitThreadpoolWork(work[i]);
    }
    reaches(&meeting.here, 2);
    say_count("C-007", "callbacks that began with maximum 2", stays(&meeting.here));
    SetThreadpoolThreadMaximum(room.pool, 1);
    say_count("C-016", "of them over when the maximum becomes 1", stays(&meeting.over));
    SetThreadpoolThreadMaximum(room.pool, 3);
    say_yes("C-007", "with maximum 3 they all meet",
            WaitForSingleObject(meeting.complete, SHORTER) == WAIT_OBJECT_0);
    SetEvent(meeting.complete);
    for (int i = 0; i < 3; i++) {
        WaitForThreadpoolWorkCallbacks(work[i], FALSE);
        CloseThreadpoolWork(work[i]);
    }
    say_count("C-016", "of them over in the end", meeting.over);
    CloseHandle(meeting.complete);
    room_close(&room);
}

static DWORD thread_ids[6];
static volatile LONG thread_count;

static void CALLBACK note_thread(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    (void)instance;
    (void)context;
    (void)work;
    thread_ids[(InterlockedIncrement(&thread_count) - 1) % 6] = GetCurrentThreadId();
}

static void one_thread(void)
{
    struct room room;
    PTP_WORK work;
    LONG same = 0;

    room_open(&room, 1);
    say_told("C-014", "SetThreadpoolThreadMinimum(1) with maximum 1",
             SetThreadpoolThreadMinimum(room.pool, 1));
    work = CreateThreadpoolWork(note_thread, NULL, &room.environment);
    for (int i = 0; i < 6; i++) {
        SubmitThreadpoolWork(work);
        if (i % 2)
            WaitForThreadpoolWorkCallbacks(work, FALSE);
    }
    for (int i = 0; i < 6; i++)
        same += thread_ids[i] == thread_ids[0];
    say_count("C-014", "callbacks of 6 on the thread of the first", same);
    say_yes("C-014", "which is the caller's", thread_ids[0] == GetCurrentThreadId());
    CloseThreadpoolWork(work);
    room_close(&room);
}

static void stack(void)
{
    TP_POOL_STACK_INFORMATION given = {1024 * 1024, 64 * 1024}, told = {0, 0};
    PTP_POOL pool = CreateThreadpool(NULL);
    BOOL answer;

    answer = QueryThreadpoolStackInformation(pool, &told);
    say_told("C-018", "QueryThreadpoolStackInformation of a new pool", answer);
    say_yes("C-018", "with a reserve above 0", told.StackReserve > 0);
    say_told("C-018", "SetThreadpoolStackInformation", SetThreadpoolStackInformation(pool, &given));
    answer = QueryThreadpoolStackInformation(pool, &told);
    say("C-018", "then QueryThreadpoolStackInformation: %s, reserve %u, commit %u",
        answer ? "TRUE" : "FALSE", (unsigned)told.StackReserve, (unsigned)told.StackCommit);
    say_told("C-018", "SetThreadpoolStackInformation of NULL",
             SetThreadpoolStackInformation(pool, NULL));
    say_told("C-018", "QueryThreadpoolStackInformation into NULL",
             QueryThreadpoolStackInformation(pool, NULL));
    CloseThreadpool(pool);
}

static void closed(void)
{
    struct gate gate;
    volatile LONG ran = 0;
    PTP_WORK work;

    gate_shut(&gate);
    work = CreateThreadpoolWork(count_work, (PVOID)&ran, &gate.room.environment);
    for (int i = 0; i < 3; i++)
        SubmitThreadpoolWork(work);
    CloseThreadpool(gate.room.pool);
    say_count("C-020", "callbacks of 3 queued when CloseThreadpool returns", stays(&ran));
    SetEvent(gate.open);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    say_count("C-020", "of them in the end", ran);
    CloseThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(gate.keeper, FALSE);
    CloseThreadpoolWork(gate.keeper);
    CloseHandle(gate.open);
    CloseHandle(gate.entered);
}

static void CALLBACK close_pool(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    (void)instance;
    (void)work;
    CloseThreadpool(*(PTP_POOL *)context);
    leave('c');
}

static void CALLBACK signal_simple(PTP_CALLBACK_INSTANCE instance, PVOID event)
{
    (void)instance;
    SetEvent(event);
}

static void closed_early(void)
{
    struct room room;
    HANDLE event = new_event();
    PTP_WORK work;
    LONG came = 0;

    for (int i = 0; i < 20; i++) {
        room_open(&room, 2);
        TrySubmitThreadpoolCallback(signal_simple, event, &room.environment);
        came += comes(event);
        room_close(&room);
    }
    say_count("C-022", "20 pools closed as soon as their simple callback has set an event", came);
    CloseHandle(event);

    letters_clear();
    room_open(&room, 1);
    work = CreateThreadpoolWork(close_pool, &room.pool, &room.environment);
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    say("C-023", "a callback that closes its pool goes on: %s", letters());
    CloseThreadpoolWork(work);
}

static DWORD WINAPI first_use(LPVOID counter)
{
    TrySubmitThreadpoolCallback(count_simple, counter, NULL);
    return 0;
}

static void default_pool(void)
{
    HANDLE threads[8];
    volatile LONG ran = 0;

    for (int i = 0; i < 8; i++)
        threads[i] = start(first_use, (LPVOID)&ran);
    for (int i = 0; i < 8; i++)
        join(threads[i]);
    say_count("C-026", "callbacks in the default pool from 8 threads", reaches(&ran, 8));
}

void pool_part(void)
{
    made();
    default_pool();
    alone();
    bounds();
    raised();
    one_thread();
    stack();
    closed();
    closed_early();
}
