/* timer.c - timers: due times of every kind, periods, what setting anew takes back. */
#include "tests/win32/suite/suite.h"

#define HOUR 3600000

struct alarm {
    volatile LONG fired;
    volatile LONG early;
    ULONGLONG due;
    HANDLE event;
};

static void CALLBACK ring(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
    struct alarm *alarm = context;

    (void)instance;
    (void)timer;
    if (clock_now() + 16 < alarm->due) /* the steps of the clock that tells dates */
        InterlockedIncrement(&alarm->early);
    InterlockedIncrement(&alarm->fired);
    SetEvent(alarm->event);
}

/* One timer that is set, rings once, not before the clock says so, and is still said to be set. */
static void once(const char *number, const char *how, FILETIME *due, ULONGLONG earliest)
{
    struct alarm alarm = {0, 0, earliest, new_event()};
    PTP_TIMER timer = CreateThreadpoolTimer(ring, &alarm, NULL);
    BOOL before, came, later;

    SetThreadpoolTimer(timer, due, 0, 0);
    before = IsThreadpoolTimerSet(timer);
    came = comes(alarm.event);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    later = IsThreadpoolTimerSet(timer);
    say(number, "a timer set %s: set %u, came %u, set then %u, early %u, callbacks %d", how,
        (unsigned)before, (unsigned)came, (unsigned)later, (unsigned)alarm.early,
        (int)stays(&alarm.fired));
    CloseThreadpoolTimer(timer);
    CloseHandle(alarm.event);
}

static void kinds_of_time(void)
{
    FILETIME due;
    ULONGLONG earliest = clock_now() + 100; /* asked for before the time is set or computed */

    once("C-077", "to 100 ms from now", after(&due, 100), earliest);
    earliest = clock_now() + 100;
    once("C-078", "to a point in time 100 ms ahead", at(&due, 100), earliest);
    once("C-079", "to 0", ticks(&due, 0), 0);
    once("C-083", "to -1", ticks(&due, -1), 0);
    once("C-084", "to a point in time an hour ago", at(&due, -HOUR), 0);
    once("C-084", "to 1, in the year 1601", ticks(&due, 1), 0);
}

static void set_and_unset(void)
{
    volatile LONG fired = 0;
    FILETIME due;
    PTP_TIMER timer;

    timer = CreateThreadpoolTimer(count_timer, (PVOID)&fired, NULL);
    say_made("C-076", "CreateThreadpoolTimer", timer);
    say_yes("C-076", "a new timer is set", IsThreadpoolTimerSet(timer));
    SetThreadpoolTimer(timer, after(&due, HOUR), 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    say_yes("C-081", "after a wait for one due in an hour it is set", IsThreadpoolTimerSet(timer));
    SetThreadpoolTimer(timer, NULL, 0, 0);
    say_yes("C-080", "after NULL it is set", IsThreadpoolTimerSet(timer));
    SetThreadpoolTimer(timer, after(&due, 30), 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    say_yes("C-082", "after a wait that cancels it is set", IsThreadpoolTimerSet(timer));
    reaches(&fired, 1);
    say_count("C-082", "callbacks after a wait that cancels", stays(&fired));
    fired = 0;
    SetThreadpoolTimer(timer, after(&due, 600), 0, 0);
    SetThreadpoolTimer(timer, after(&due, HOUR), 0, 0);
    Sleep(630);
    say_count("C-094", "callbacks of an earlier setting", stays(&fired));
    SetThreadpoolTimer(timer, after(&due, 20), 0, 0);
    reaches(&fired, 1);
    say_count("C-094", "callbacks of the later, which is due sooner", stays(&fired));
    fired = 0;
    SetThreadpoolTimer(timer, after(&due, 300), 0, 0);
    CloseThreadpoolTimer(timer);
    Sleep(330);
    say_count("C-093", "callbacks after the close of a set one", stays(&fired));
}

static void CALLBACK ring_and_set(PTP_CALLBACK_INSTANCE instance, PVOID counter, PTP_TIMER timer)
{
    FILETIME due;

    (void)instance;
    if (InterlockedIncrement((volatile LONG *)counter) < 4)
        SetThreadpoolTimer(timer, after(&due, 1), 0, 0);
}

static void periods(void)
{
    volatile LONG fired = 0;
    LONG seen;
    FILETIME due;
    PTP_TIMER timer = CreateThreadpoolTimer(count_timer, (PVOID)&fired, NULL);

    SetThreadpoolTimer(timer, after(&due, 10), 10, 0);
    say_yes("C-086", "a period of 10 ms brings 4 callbacks", reaches(&fired, 4) >= 4);
    SetThreadpoolTimer(timer, NULL, 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    seen = fired;
    say_count("C-095", "more after NULL and a wait that cancels", stays(&fired) - seen);
    fired = 0;
    SetThreadpoolTimer(timer, ticks(&due, 0), 10, 0);
    say_yes("C-087", "0 with a period brings 4", reaches(&fired, 4) >= 4);
    SetThreadpoolTimer(timer, ticks(&due, 0), 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    seen = fired;
    say_count("C-087", "more after the period was set to 0", stays(&fired) - seen);
    SetThreadpoolTimer(timer, after(&due, 1), 0, 20);
    say_yes("C-102", "with a window of 20 ms it comes", reaches(&fired, seen + 1) > seen);
    CloseThreadpoolTimer(timer);
    fired = 0;
    timer = CreateThreadpoolTimer(ring_and_set, (PVOID)&fired, NULL);
    SetThreadpoolTimer(timer, ticks(&due, 0), 0, 0);
    reaches(&fired, 4);
    say_count("C-096", "callbacks of a timer that sets itself 3 times", stays(&fired));
    CloseThreadpoolTimer(timer);
}

static void queued(void)
{
    struct gate gate;
    volatile LONG first = 0, second = 0, third = 0, fourth = 0;
    FILETIME due;
    PTP_TIMER timer[4];

    gate_shut(&gate);
    timer[0] = CreateThreadpoolTimer(count_timer, (PVOID)&first, &gate.room.environment);
    timer[1] = CreateThreadpoolTimer(count_timer, (PVOID)&second, &gate.room.environment);
    timer[2] = CreateThreadpoolTimer(count_timer, (PVOID)&third, &gate.room.environment);
    timer[3] = CreateThreadpoolTimer(count_timer, (PVOID)&fourth, &gate.room.environment);
    SetThreadpoolTimer(timer[0], ticks(&due, 0), 0, 0);
    SetThreadpoolTimer(timer[0], NULL, 0, 0);
    for (int i = 0; i < 3; i++)
        SetThreadpoolTimer(timer[1], ticks(&due, 0), 0, 0);
    SetThreadpoolTimer(timer[2], ticks(&due, 0), 0, 0);
    CloseThreadpoolTimer(timer[2]);
    SetThreadpoolTimer(timer[3], ticks(&due, 0), 0, 0);
    WaitForThreadpoolTimerCallbacks(timer[3], TRUE);
    gate_open(&gate);
    WaitForThreadpoolTimerCallbacks(timer[0], FALSE);
    WaitForThreadpoolTimerCallbacks(timer[1], FALSE);
    reaches(&third, 1);
    say_count("C-090", "callbacks of 0, queued, then NULL", first);
    say_count("C-091", "callbacks of 0 three times, queued", second);
    say_count("C-092", "callbacks of 0, queued, then closed", third);
    say_count("C-099", "callbacks of 0, queued, then a wait that cancels", fourth);
    CloseThreadpoolTimer(timer[0]);
    CloseThreadpoolTimer(timer[1]);
    CloseThreadpoolTimer(timer[3]);
    gate_close(&gate);
}

struct overlapping {
    volatile LONG inside;
    HANDLE met;
};

static void CALLBACK ring_long(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
    struct overlapping *both = context;

    (void)instance;
    (void)timer;
    if (InterlockedIncrement(&both->inside) == 2)
        SetEvent(both->met);
    WaitForSingleObject(both->met, PATIENCE);
}

static void overlap(void)
{
    struct overlapping both = {0, new_manual()};
    struct room room;
    FILETIME due;
    PTP_TIMER timer;

    room_open(&room, 4);
    timer = CreateThreadpoolTimer(ring_long, &both, &room.environment);
    SetThreadpoolTimer(timer, ticks(&due, 0), 10, 0);
    say_yes("C-097", "a callback longer than the period meets the next", comes(both.met));
    SetThreadpoolTimer(timer, NULL, 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    CloseThreadpoolTimer(timer);
    room_close(&room);
    CloseHandle(both.met);
}

static void CALLBACK ring_other(PTP_CALLBACK_INSTANCE instance, PVOID other, PTP_TIMER timer)
{
    FILETIME due;

    (void)instance;
    (void)timer;
    SetThreadpoolTimer(*(PTP_TIMER *)other, ticks(&due, 0), 0, 0);
}

static void CALLBACK ring_and_close(PTP_CALLBACK_INSTANCE instance, PVOID counter, PTP_TIMER timer)
{
    (void)instance;
    CloseThreadpoolTimer(timer);
    InterlockedIncrement((volatile LONG *)counter);
}

static void from_callbacks(void)
{
    volatile LONG fired = 0;
    FILETIME due;
    PTP_TIMER second = CreateThreadpoolTimer(count_timer, (PVOID)&fired, NULL);
    PTP_TIMER first = CreateThreadpoolTimer(ring_other, &second, NULL);

    SetThreadpoolTimer(first, ticks(&due, 0), 0, 0);
    say_count("C-115", "callbacks of a timer set by another's", reaches(&fired, 1));
    WaitForThreadpoolTimerCallbacks(first, FALSE);
    CloseThreadpoolTimer(first);
    WaitForThreadpoolTimerCallbacks(second, FALSE);
    CloseThreadpoolTimer(second);
    fired = 0;
    first = CreateThreadpoolTimer(ring_and_close, (PVOID)&fired, NULL);
    SetThreadpoolTimer(first, ticks(&due, 0), 10, 0);
    reaches(&fired, 1);
    say_count("C-062", "callbacks of a periodic timer that closes itself", stays(&fired));
}

/* SetThreadpoolTimerEx; a system without it answers neither TRUE nor FALSE (missing.c). */
static void say_ex(const char *number, const char *what, BOOL answer)
{
    const char *word = answer == TRUE ? "TRUE" : answer == FALSE ? "FALSE" : "no such function";

    say(number, "SetThreadpoolTimerEx %s: %s", what, word);
}

struct stay {
    HANDLE entered;
    HANDLE open;
};

static void CALLBACK ring_and_stay(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
    struct stay *stay = context;

    (void)instance;
    (void)timer;
    SetEvent(stay->entered);
    WaitForSingleObject(stay->open, PATIENCE);
}

static void taken_back(void)
{
    volatile LONG fired = 0;
    FILETIME due;
    PTP_TIMER timer = CreateThreadpoolTimer(count_timer, (PVOID)&fired, NULL);

    say_ex("C-107", "of NULL, not set", SetThreadpoolTimerEx(timer, NULL, 0, 0));
    say_ex("C-107", "to an hour from now, not set",
           SetThreadpoolTimerEx(timer, after(&due, HOUR), 0, 0));
    say_ex("C-108", "to an hour from now, set",
           SetThreadpoolTimerEx(timer, after(&due, HOUR), 0, 0));
    say_ex("C-108", "of NULL, set", SetThreadpoolTimerEx(timer, NULL, 0, 0));
    say_ex("C-108", "of NULL again", SetThreadpoolTimerEx(timer, NULL, 0, 0));
    say_count("C-108", "callbacks then", stays(&fired));
    SetThreadpoolTimer(timer, ticks(&due, 0), 0, 0);
    reaches(&fired, 1);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    say_ex("C-111", "of NULL after the only callback", SetThreadpoolTimerEx(timer, NULL, 0, 0));
    SetThreadpoolTimer(timer, ticks(&due, 0), HOUR, 0);
    reaches(&fired, 2);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    say_ex("C-112", "of NULL between two ticks", SetThreadpoolTimerEx(timer, NULL, 0, 0));
    CloseThreadpoolTimer(timer);
}

static void too_late(void)
{
    struct stay stay = {new_event(), new_event()};
    struct gate gate;
    volatile LONG fired = 0;
    FILETIME due;
    PTP_TIMER timer = CreateThreadpoolTimer(ring_and_stay, &stay, NULL);

    SetThreadpoolTimer(timer, ticks(&due, 0), 0, 0);
    comes(stay.entered);
    say_ex("C-109", "of NULL while the callback runs", SetThreadpoolTimerEx(timer, NULL, 0, 0));
    SetEvent(stay.open);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    CloseThreadpoolTimer(timer);
    gate_shut(&gate);
    timer = CreateThreadpoolTimer(count_timer, (PVOID)&fired, &gate.room.environment);
    SetThreadpoolTimer(timer, ticks(&due, 0), 0, 0);
    Sleep(GLANCE);
    say_ex("C-110", "of NULL when it is queued", SetThreadpoolTimerEx(timer, NULL, 0, 0));
    gate_open(&gate);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    say_count("C-110", "its callbacks", fired);
    CloseThreadpoolTimer(timer);
    gate_close(&gate);
    CloseHandle(stay.entered);
    CloseHandle(stay.open);
}

void timer_part(void)
{
    kinds_of_time();
    set_and_unset();
    periods();
    queued();
    overlap();
    from_callbacks();
    taken_back();
    too_late();
}
