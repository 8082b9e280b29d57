/* timer_test.c - timers in Windows style: due times, what the Ex setter says, stopping. */
#include "tests/win32/scene.h"

struct ticks {
    LONG count;
    LONG wanted;
    ULONGLONG when; /* of the last */
    HANDLE reached;
};

static ULONGLONG now_ms(void)
{
    LARGE_INTEGER ticks;
    NtQuerySystemTime(&ticks);
    return (ULONGLONG)ticks.QuadPart / 10000;
}

static void CALLBACK tick(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
    struct ticks *ticks = context;
    (void)instance;
    (void)timer;
    ticks->when = now_ms();
    if (add_to(&ticks->count, 1) == ticks->wanted)
        SetEvent(ticks->reached);
}

static PTP_TIMER new_timer(struct ticks *ticks, LONG wanted, PTP_CALLBACK_ENVIRON environment)
{
    *ticks = (struct ticks){.wanted = wanted, .reached = new_event()};
    return CreateThreadpoolTimer(tick, ticks, environment);
}

static void end_timer(PTP_TIMER timer, struct ticks *ticks)
{
    SetThreadpoolTimer(timer, NULL, 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    CloseThreadpoolTimer(timer);
    CloseHandle(ticks->reached);
}

/* C-076, C-077, C-080, C-081: relative, and what IsThreadpoolTimerSet means. */
TAP_TEST(timer__c077_relative)
{
    struct ticks ticks;
    FILETIME due;
    PTP_TIMER timer = new_timer(&ticks, 1, NULL);
    check_eq(IsThreadpoolTimerSet(timer), FALSE);
    ULONGLONG before = now_ms();
    SetThreadpoolTimer(timer, in_ms(&due, 50), 0, 0);
    check_eq(IsThreadpoolTimerSet(timer), TRUE);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    check(comes(ticks.reached));
    check(ticks.when + 1 >= before + 50); /* C-101 */
    check_eq(IsThreadpoolTimerSet(timer), TRUE);
    SetThreadpoolTimer(timer, NULL, 0, 0);
    check_eq(IsThreadpoolTimerSet(timer), FALSE);
    end_timer(timer, &ticks);
}

TAP_TEST(timer__c078_absolute)
{
    struct ticks ticks;
    FILETIME due;
    PTP_TIMER timer = new_timer(&ticks, 1, NULL);
    ULONGLONG before = now_ms();
    SetThreadpoolTimer(timer, at_ms(&due, 50), 0, 0);
    check(comes(ticks.reached));
    check(ticks.when + 1 >= before + 50);
    end_timer(timer, &ticks);
}

/* C-079, C-083, C-084, D-08: all of these mean now. */
TAP_TEST(timer__c079_c083_c084_at_once)
{
    struct ticks ticks;
    FILETIME due, minus_one = {MAXDWORD, MAXDWORD}, early = {1, 0};
    PTP_TIMER timer = new_timer(&ticks, 4, NULL);
    SetThreadpoolTimer(timer, in_ms(&due, 0), 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    check_eq(value_of(&ticks.count), 1);
    SetThreadpoolTimer(timer, &early, 0, 0); /* 1601 */
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    check_eq(value_of(&ticks.count), 2);
    SetThreadpoolTimer(timer, at_ms(&due, -3600000), 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    check_eq(value_of(&ticks.count), 3);
    SetThreadpoolTimer(timer, &minus_one, 0, 0); /* in 100 ns */
    check(comes(ticks.reached));
    end_timer(timer, &ticks);
}

/* Too far away to be counted in nanoseconds: they never expire, and can be stopped. */
TAP_TEST(timer__farthest_times_are_clamped)
{
    static const FILETIME farthest[] = {
        {0, 0x80000000u}, {1, 0x80000000u}, {MAXDWORD, 0x7fffffffu}, {0, 0xc0000000u}};
    struct ticks ticks;
    PTP_TIMER timer = new_timer(&ticks, 1, NULL);
    for (size_t i = 0; i < ARRAYSIZE(farthest); i++) {
        FILETIME due = farthest[i];
        SetThreadpoolTimer(timer, &due, 0, 0);
        check_eq(IsThreadpoolTimerSet(timer), TRUE);
        check_eq(SetThreadpoolTimerEx(timer, NULL, 0, 0), TRUE);
    }
    check_eq(value_of(&ticks.count), 0);
    end_timer(timer, &ticks);
}

/* C-086, C-087, C-112: a period, from now on. */
TAP_TEST(timer__c087_period)
{
    struct ticks ticks;
    FILETIME due;
    PTP_TIMER timer = new_timer(&ticks, 4, NULL);
    ULONGLONG before = now_ms();
    SetThreadpoolTimer(timer, in_ms(&due, 0), 20, 0);
    check(comes(ticks.reached));
    check(now_ms() + 2 >= before + 60);
    check_eq(SetThreadpoolTimerEx(timer, NULL, 0, 0), TRUE);
    end_timer(timer, &ticks);
}

/* C-102: not before it is due, whatever the window. */
TAP_TEST(timer__c102_window)
{
    struct ticks ticks;
    FILETIME due;
    PTP_TIMER timer = new_timer(&ticks, 1, NULL);
    ULONGLONG before = now_ms();
    SetThreadpoolTimer(timer, in_ms(&due, 30), 0, 40);
    check(comes(ticks.reached));
    check(ticks.when + 1 >= before + 30);
    end_timer(timer, &ticks);
}

/* C-090, C-091, C-110: queued ones are not recalled. */
TAP_TEST(timer__c091_queued_expiries_run)
{
    struct ticks ticks;
    FILETIME now;
    struct gate gate;
    gate_init(&gate);
    PTP_TIMER timer = new_timer(&ticks, 3, &gate.environment);
    for (int i = 0; i < 3; i++)
        check_eq(SetThreadpoolTimerEx(timer, in_ms(&now, 0), 0, 0), FALSE);
    check_eq(SetThreadpoolTimerEx(timer, NULL, 0, 0), FALSE);
    gate_open(&gate);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    check_eq(ticks.count, 3);
    end_timer(timer, &ticks);
    gate_fini(&gate);
}

/* C-107, C-108, C-111: true only if it took away an expiry that was to come. */
TAP_TEST(timer__c108_what_the_ex_setter_says)
{
    struct ticks ticks;
    FILETIME due;
    PTP_TIMER timer = new_timer(&ticks, 1, NULL);
    check_eq(SetThreadpoolTimerEx(timer, NULL, 0, 0), FALSE);
    check_eq(SetThreadpoolTimerEx(timer, in_ms(&due, 3600000), 0, 0), FALSE);
    check_eq(SetThreadpoolTimerEx(timer, in_ms(&due, 1800000), 0, 0), TRUE);
    check_eq(SetThreadpoolTimerEx(timer, NULL, 0, 0), TRUE);
    SetThreadpoolTimer(timer, in_ms(&due, 0), 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    check_eq(SetThreadpoolTimerEx(timer, NULL, 0, 0), FALSE);
    check_eq(ticks.count, 1);
    end_timer(timer, &ticks);
}

/* C-082, D-14: cancelling what is queued does not stop what is armed. C-093: closing does. */
TAP_TEST(timer__c082_cancel_does_not_stop)
{
    struct ticks ticks, never;
    FILETIME due;
    PTP_TIMER timer = new_timer(&ticks, 1, NULL), closed = new_timer(&never, 1, NULL);
    SetThreadpoolTimer(closed, in_ms(&due, 40), 0, 0);
    CloseThreadpoolTimer(closed);
    SetThreadpoolTimer(timer, in_ms(&due, 40), 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    check(comes(ticks.reached));
    check(stays_away(never.reached));
    check_eq(value_of(&never.count), 0);
    CloseHandle(never.reached);
    end_timer(timer, &ticks);
}

int main(void)
{
    tap_run(timer__c077_relative);
    tap_run(timer__c078_absolute);
    tap_run(timer__c079_c083_c084_at_once);
    tap_run(timer__farthest_times_are_clamped);
    tap_run(timer__c087_period);
    tap_run(timer__c102_window);
    tap_run(timer__c091_queued_expiries_run);
    tap_run(timer__c108_what_the_ex_setter_says);
    tap_run(timer__c082_cancel_does_not_stop);
    return tap_done();
}
