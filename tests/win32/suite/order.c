/* order.c - what runs first: priorities, and objects of one priority. */
#include "tests/win32/suite/suite.h"

/* Each letter is an object of its own, submitted once while the gate is shut. */
static void in_order(const char *number, const char *what, const char *submitted,
                     TP_CALLBACK_PRIORITY (*priority_of)(char))
{
    struct gate gate;
    PTP_WORK work[16];
    int count = 0;

    gate_shut(&gate);
    letters_clear();
    for (; submitted[count]; count++) {
        SetThreadpoolCallbackPriority(&gate.room.environment, priority_of(submitted[count]));
        work[count] =
            CreateThreadpoolWork(letter_work, (PVOID)&submitted[count], &gate.room.environment);
        SubmitThreadpoolWork(work[count]);
    }
    gate_open(&gate);
    for (int i = 0; i < count; i++) {
        WaitForThreadpoolWorkCallbacks(work[i], FALSE);
        CloseThreadpoolWork(work[i]);
    }
    say(number, "%s, submitted as %s: %s", what, submitted, letters());
    gate_close(&gate);
}

static TP_CALLBACK_PRIORITY by_letter(char letter)
{
    if (letter == 'h' || letter == 'H')
        return TP_CALLBACK_PRIORITY_HIGH;
    return letter == 'l' || letter == 'L' ? TP_CALLBACK_PRIORITY_LOW : TP_CALLBACK_PRIORITY_NORMAL;
}

static TP_CALLBACK_PRIORITY normal(char letter)
{
    (void)letter;
    return TP_CALLBACK_PRIORITY_NORMAL;
}

static void by_object(void)
{
    struct gate gate;
    PTP_WORK a, b;

    gate_shut(&gate);
    letters_clear();
    a = CreateThreadpoolWork(letter_work, "A", &gate.room.environment);
    b = CreateThreadpoolWork(letter_work, "B", &gate.room.environment);
    for (int i = 0; i < 3; i++)
        SubmitThreadpoolWork(a);
    for (int i = 0; i < 3; i++)
        SubmitThreadpoolWork(b);
    gate_open(&gate);
    WaitForThreadpoolWorkCallbacks(a, FALSE);
    WaitForThreadpoolWorkCallbacks(b, FALSE);
    say("C-071", "3 posts of A, then 3 of B: %s", letters());
    CloseThreadpoolWork(a);
    CloseThreadpoolWork(b);
    gate_close(&gate);
}

static void CALLBACK leave_begun(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    HANDLE *events = context;

    (void)instance;
    leave('(');
    SetEvent(events[0]);
    WaitForSingleObject(events[1], PATIENCE);
    leave(')');
}

static void CALLBACK leave_simple(PTP_CALLBACK_INSTANCE instance, PVOID letter)
{
    (void)instance;
    leave(*(const char *)letter);
}

static void not_interrupted(void)
{
    struct room room;
    HANDLE events[2] = {new_event(), new_event()};
    PTP_WORK last;

    letters_clear();
    room_open(&room, 1);
    SetThreadpoolCallbackPriority(&room.environment, TP_CALLBACK_PRIORITY_LOW);
    TrySubmitThreadpoolCallback(leave_begun, events, &room.environment);
    last = CreateThreadpoolWork(letter_work, ".", &room.environment);
    SubmitThreadpoolWork(last);
    comes(events[0]);
    SetThreadpoolCallbackPriority(&room.environment, TP_CALLBACK_PRIORITY_HIGH);
    TrySubmitThreadpoolCallback(leave_simple, "h", &room.environment);
    Sleep(GLANCE / 2);
    SetEvent(events[1]);
    WaitForThreadpoolWorkCallbacks(last, FALSE);
    say("C-069", "a low callback runs to its end, then the high one that came: %s", letters());
    CloseThreadpoolWork(last);
    room_close(&room);
    CloseHandle(events[0]);
    CloseHandle(events[1]);
}

static void CALLBACK letter_timer(PTP_CALLBACK_INSTANCE instance, PVOID letter, PTP_TIMER timer)
{
    (void)instance;
    (void)timer;
    leave(*(const char *)letter);
}

static void CALLBACK letter_wait(PTP_CALLBACK_INSTANCE instance, PVOID letter, PTP_WAIT wait,
                                 TP_WAIT_RESULT result)
{
    (void)instance;
    (void)wait;
    (void)result;
    leave(*(const char *)letter);
}

/* A timer and a wait of high priority, due after what is queued already. */
static void all_kinds(void)
{
    struct gate gate;
    FILETIME now;
    HANDLE event = new_event();
    PTP_WORK work;
    PTP_TIMER timer;
    PTP_WAIT wait;

    gate_shut(&gate);
    letters_clear();
    work = CreateThreadpoolWork(letter_work, "n", &gate.room.environment);
    SubmitThreadpoolWork(work);
    SubmitThreadpoolWork(work);
    SetThreadpoolCallbackPriority(&gate.room.environment, TP_CALLBACK_PRIORITY_HIGH);
    timer = CreateThreadpoolTimer(letter_timer, "t", &gate.room.environment);
    SetThreadpoolTimer(timer, ticks(&now, 0), 0, 0);
    Sleep(4 * GLANCE);
    wait = CreateThreadpoolWait(letter_wait, "w", &gate.room.environment);
    SetThreadpoolWait(wait, event, NULL);
    SetEvent(event);
    Sleep(8 * GLANCE);
    gate_open(&gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    say("C-074", "a high timer, then a high wait, behind normal work: %s", letters());
    CloseThreadpoolWork(work);
    CloseThreadpoolTimer(timer);
    CloseThreadpoolWait(wait);
    gate_close(&gate);
    CloseHandle(event);
}

/* Two objects that share one thread: neither keeps the other from it. */
static void fair(void)
{
    volatile LONG first = 0, second = 0;
    struct gate gate;
    PTP_WORK a, b;

    gate_shut(&gate);
    a = CreateThreadpoolWork(count_work, (PVOID)&first, &gate.room.environment);
    b = CreateThreadpoolWork(count_work, (PVOID)&second, &gate.room.environment);
    for (int i = 0; i < 10; i++)
        SubmitThreadpoolWork(a);
    for (int i = 0; i < 10; i++)
        SubmitThreadpoolWork(b);
    gate_open(&gate);
    WaitForThreadpoolWorkCallbacks(a, FALSE);
    say_yes("C-072", "when 10 posts of one are over, another behind has had its turn too",
            InterlockedCompareExchange(&second, 0, 0) >= 9);
    WaitForThreadpoolWorkCallbacks(b, FALSE);
    CloseThreadpoolWork(a);
    CloseThreadpoolWork(b);
    gate_close(&gate);
}

void order_part(void)
{
    in_order("C-068", "priorities", "lllnnnhhh", by_letter);
    in_order("C-070", "a serial pool", "nhnhnhnh", by_letter);
    in_order("C-073", "one priority", "ABCDEF", normal);
    in_order("C-068", "low and high", "lLhHlLhH", by_letter);
    by_object();
    not_interrupted();
    all_kinds();
    fair();
}
