/* legacy_test.c - work items, registered waits and timer queues. */
#include "tests/win32/scene.h"

struct calls {
    LONG count;
    LONG wanted;
    LONG timeouts;
    HANDLE reached;
    HANDLE go_on; /* what the callback waits for, if anything */
    HANDLE reset; /* a manual event that it resets, if any */
};

static void note(struct calls *calls, BOOLEAN timed_out)
{
    /* The last call may end the test, and with it what is behind the pointer. */
    LONG wanted = calls->wanted;
    HANDLE reached = calls->reached, go_on = calls->go_on;
    if (timed_out)
        add_to(&calls->timeouts, 1);
    if (calls->reset)
        ResetEvent(calls->reset);
    if (add_to(&calls->count, 1) == wanted)
        SetEvent(reached);
    if (go_on)
        WaitForSingleObject(go_on, INFINITE);
}

static DWORD WINAPI as_thread(LPVOID context)
{
    note(context, FALSE);
    return 1;
}

static void NTAPI as_item(PVOID context)
{
    note(context, FALSE);
}

static void NTAPI as_wait(PVOID context, BOOLEAN timed_out)
{
    note(context, timed_out);
}

static struct calls wanting(LONG wanted)
{
    struct calls calls = {0, wanted, 0, new_event(), NULL, NULL};
    return calls;
}

/* C-211: and the flags. */
TAP_TEST(legacy__c211_hundred_work_items)
{
    static const ULONG flags[] = {WT_EXECUTEDEFAULT, WT_EXECUTELONGFUNCTION, WT_EXECUTEINIOTHREAD,
                                  WT_EXECUTEINPERSISTENTTHREAD};
    struct calls calls = wanting(200);
    for (unsigned i = 0; i < 100; i++) {
        check_eq(QueueUserWorkItem(as_thread, &calls, flags[i % ARRAYSIZE(flags)]), TRUE);
        check_eq(RtlQueueWorkItem(as_item, &calls, flags[i % ARRAYSIZE(flags)]), STATUS_SUCCESS);
    }
    check(comes(calls.reached));
    SetLastError(0);
    check_eq(QueueUserWorkItem(NULL, NULL, 0), FALSE);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    check_eq(RtlQueueWorkItem(NULL, NULL, 0), STATUS_INVALID_PARAMETER);
    CloseHandle(calls.reached);
}

/* ---- registered waits ------------------------------------------------------------------------ */

TAP_TEST(legacy__registered_wait_comes_again)
{
    HANDLE wait, semaphore = CreateSemaphoreA(NULL, 0, 100, NULL);
    struct calls calls = wanting(5);
    check_eq(
        RegisterWaitForSingleObject(&wait, semaphore, as_wait, &calls, INFINITE, WT_EXECUTEDEFAULT),
        TRUE);
    ReleaseSemaphore(semaphore, 5, NULL);
    check(comes(calls.reached));
    check_eq(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE), TRUE);
    ReleaseSemaphore(semaphore, 1, NULL);
    check_eq(WaitForSingleObject(semaphore, SHORT_MS), WAIT_OBJECT_0);
    check_eq(calls.count, 5);
    check_eq(calls.timeouts, 0);
    SetLastError(0);
    check_eq(UnregisterWait(wait), FALSE); /* its handle is gone */
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    CloseHandle(semaphore);
    CloseHandle(calls.reached);
}

/* The callback resets the event before the wait is armed again, so each set is one call. */
TAP_TEST(legacy__registered_wait_for_a_manual_event)
{
    HANDLE wait, event = CreateEventA(NULL, TRUE, FALSE, NULL);
    struct calls calls = wanting(1);
    calls.reset = event;
    check_eq(RegisterWaitForSingleObject(&wait, event, as_wait, &calls, INFINITE, 0), TRUE);
    SetEvent(event);
    check(comes(calls.reached));
    check(stays_away(calls.reached));
    check_eq(value_of(&calls.count), 1);
    check_eq(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE), TRUE);
    CloseHandle(event);
    CloseHandle(calls.reached);
}

TAP_TEST(legacy__registered_wait_times_out)
{
    HANDLE wait, event = new_event();
    struct calls once = wanting(1), again = wanting(3);
    check_eq(RegisterWaitForSingleObject(&wait, event, as_wait, &once, 10, WT_EXECUTEONLYONCE),
             TRUE);
    check(comes(once.reached));
    check_eq(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE), TRUE);
    check_eq(once.count, 1);
    check_eq(once.timeouts, 1);
    check_eq(RegisterWaitForSingleObject(&wait, event, as_wait, &again, 10, 0), TRUE);
    check(comes(again.reached));
    check_eq(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE), TRUE);
    check_eq(again.count, again.timeouts);
    CloseHandle(event);
    CloseHandle(once.reached);
    CloseHandle(again.reached);
}

/* A time of 0 looks at the object all the same. */
TAP_TEST(legacy__registered_wait_of_time_0)
{
    HANDLE wait, event = CreateEventA(NULL, FALSE, TRUE, NULL);
    struct calls calls = wanting(1);
    check_eq(RegisterWaitForSingleObject(&wait, event, as_wait, &calls, 0, WT_EXECUTEONLYONCE),
             TRUE);
    check(comes(calls.reached));
    check_eq(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE), TRUE);
    check_eq(calls.timeouts, 0);
    check_eq(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    CloseHandle(event);
    CloseHandle(calls.reached);
}

/* With its callback running: told as pending, and by the event when it is done. */
TAP_TEST(legacy__unregister_while_the_callback_runs)
{
    HANDLE wait, event = new_event(), gone = new_event();
    struct calls calls = wanting(1);
    calls.go_on = CreateEventA(NULL, TRUE, FALSE, NULL);
    check_eq(RtlRegisterWait(&wait, event, as_wait, &calls, INFINITE, 0), STATUS_SUCCESS);
    SetEvent(event);
    check(comes(calls.reached));
    SetLastError(0);
    check_eq(UnregisterWaitEx(wait, gone), FALSE);
    check_eq(GetLastError(), ERROR_IO_PENDING);
    check(stays_away(gone));
    SetEvent(calls.go_on);
    check(comes(gone));
    check_eq(RtlRegisterWait(&wait, event, as_wait, &calls, INFINITE, 0), STATUS_SUCCESS);
    check_eq(UnregisterWaitEx(wait, gone), TRUE); /* idle: at once */
    check(comes(gone));
    check_eq(RtlRegisterWait(&wait, event, as_wait, &calls, INFINITE, 0), STATUS_SUCCESS);
    check_eq(RtlDeregisterWait(wait), STATUS_SUCCESS);
    check_eq(RtlRegisterWait(&wait, event, as_wait, &calls, INFINITE, 0), STATUS_SUCCESS);
    check_eq(RtlDeregisterWaitEx(wait, INVALID_HANDLE_VALUE), STATUS_SUCCESS);
    check_eq(RtlDeregisterWait(NULL), STATUS_INVALID_HANDLE);
    check_eq(calls.count, 1);
    CloseHandle(event);
    CloseHandle(gone);
    CloseHandle(calls.go_on);
    CloseHandle(calls.reached);
}

struct self {
    HANDLE wait, done;
    BOOL unregistered;
    DWORD thread;
};

static void NTAPI take_oneself_back(PVOID context, BOOLEAN timed_out)
{
    struct self *self = context;
    (void)timed_out;
    self->thread = GetCurrentThreadId();
    self->unregistered = UnregisterWait(self->wait);
    SetEvent(self->done);
}

/* In the wait thread nothing runs beside the callback, so one may unregister itself; and all have
 * the same thread. */
TAP_TEST(legacy__unregister_in_the_wait_thread)
{
    struct self selves[2];
    HANDLE events[2];
    for (int i = 0; i < 2; i++) {
        selves[i] = (struct self){NULL, new_event(), FALSE, 0};
        events[i] = new_event();
        check_eq(RegisterWaitForSingleObject(&selves[i].wait, events[i], take_oneself_back,
                                             &selves[i], INFINITE, WT_EXECUTEINWAITTHREAD),
                 TRUE);
        SetEvent(events[i]);
        check(comes(selves[i].done));
        check_eq(selves[i].unregistered, TRUE);
        check_eq(UnregisterWait(selves[i].wait), FALSE);
        SetEvent(events[i]);
        check(stays_away(selves[i].done));
        CloseHandle(selves[i].done);
        CloseHandle(events[i]);
    }
    check_eq(selves[0].thread, selves[1].thread);
}

TAP_TEST(legacy__registering_refuses)
{
    HANDLE wait = &wait, event = new_event();
    SetLastError(0);
    check_eq(RegisterWaitForSingleObject(&wait, NULL, as_wait, NULL, 0, 0), FALSE);
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    check(wait == NULL);
    SetLastError(0);
    check_eq(RegisterWaitForSingleObject(&wait, event, NULL, NULL, 0, 0), FALSE);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    check_eq(RtlRegisterWait(&wait, &wait, as_wait, NULL, 0, 0), STATUS_INVALID_HANDLE);
    check_eq(UnregisterWait(event), FALSE); /* of another kind */
    check_eq(CloseHandle(event), TRUE);
}

/* ---- timer queues ---------------------------------------------------------------------------- */

TAP_TEST(legacy__queued_timers_expire)
{
    HANDLE once, again, queue = CreateTimerQueue();
    struct calls one = wanting(1), more = wanting(3);
    check_eq(CreateTimerQueueTimer(&once, queue, as_wait, &one, 10, 0, 0), TRUE);
    check_eq(CreateTimerQueueTimer(&again, queue, as_wait, &more, 0, 10, WT_EXECUTEINTIMERTHREAD),
             TRUE);
    check(comes(one.reached));
    check(comes(more.reached));
    check_eq(ChangeTimerQueueTimer(queue, once, 0, 0), TRUE); /* too late: it is spent */
    check(stays_away(one.reached));
    check_eq(DeleteTimerQueueTimer(queue, again, INVALID_HANDLE_VALUE), TRUE);
    check_eq(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE), TRUE);
    check_eq(one.count, 1);
    check_eq(one.timeouts, 1);
    check_eq(more.count, more.timeouts);
    CloseHandle(one.reached);
    CloseHandle(more.reached);
}

/* On the queue of the process. */
TAP_TEST(legacy__queued_timer_is_changed)
{
    HANDLE timer;
    struct calls calls = wanting(1);
    check_eq(CreateTimerQueueTimer(&timer, NULL, as_wait, &calls, 3600000, 5, WT_EXECUTEONLYONCE),
             TRUE);
    check(stays_away(calls.reached));
    check_eq(ChangeTimerQueueTimer(NULL, timer, 0, 5), TRUE);
    check(comes(calls.reached));
    check(stays_away(calls.reached));
    check_eq(DeleteTimerQueueTimer(NULL, timer, INVALID_HANDLE_VALUE), TRUE);
    check_eq(calls.count, 1);
    CloseHandle(calls.reached);
}

TAP_TEST(legacy__queue_deleted_while_a_callback_runs)
{
    HANDLE running, armed, gone = new_event(), queue = CreateTimerQueue();
    struct calls calls = wanting(1), never = wanting(1);
    calls.go_on = CreateEventA(NULL, TRUE, FALSE, NULL);
    check_eq(CreateTimerQueueTimer(&running, queue, as_wait, &calls, 0, 0, 0), TRUE);
    check_eq(CreateTimerQueueTimer(&armed, queue, as_wait, &never, 3600000, 0, 0), TRUE);
    check(comes(calls.reached));
    SetLastError(0);
    check_eq(DeleteTimerQueueEx(queue, gone), FALSE);
    check_eq(GetLastError(), ERROR_IO_PENDING);
    check(stays_away(gone));
    SetEvent(calls.go_on);
    check(comes(gone));
    check_eq(never.count, 0);
    SetLastError(0);
    check_eq(DeleteTimerQueueTimer(NULL, armed, NULL), FALSE); /* gone with the queue */
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    CloseHandle(gone);
    CloseHandle(calls.go_on);
    CloseHandle(calls.reached);
    CloseHandle(never.reached);
}

static DWORD WINAPI delete_queue(LPVOID queue)
{
    return (DWORD)DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE);
}

/* Though nothing in the queue has a handle any more. */
TAP_TEST(legacy__queue_waits_for_a_timer_that_was_deleted_before)
{
    HANDLE timer, queue = CreateTimerQueue();
    DWORD deleted = FALSE;
    struct calls calls = wanting(1);
    calls.go_on = CreateEventA(NULL, TRUE, FALSE, NULL);
    check_eq(CreateTimerQueueTimer(&timer, queue, as_wait, &calls, 0, 0, 0), TRUE);
    check(comes(calls.reached));
    REFUSED(DeleteTimerQueueTimer(queue, timer, NULL), ERROR_IO_PENDING);
    HANDLE thread = CreateThread(NULL, 0, delete_queue, queue, 0, NULL);
    check(stays_away(thread));
    SetEvent(calls.go_on);
    check(comes(thread) && GetExitCodeThread(thread, &deleted));
    check_eq(deleted, TRUE);
    CloseHandle(thread);
    CloseHandle(calls.go_on);
    CloseHandle(calls.reached);
}

struct within {
    HANDLE queue, timer, go_on, done;
    BOOL deleted;
    DWORD error;
};

static void NTAPI delete_both(PVOID context, BOOLEAN timed_out)
{
    struct within *within = context;
    (void)timed_out;
    WaitForSingleObject(within->go_on, INFINITE);
    (void)DeleteTimerQueueTimer(within->queue, within->timer, NULL);
    within->deleted = DeleteTimerQueueEx(within->queue, INVALID_HANDLE_VALUE);
    within->error = GetLastError();
    SetEvent(within->done);
}

TAP_TEST(legacy__queue_is_deleted_in_a_callback_of_it)
{
    struct within within = {.queue = CreateTimerQueue(), .go_on = new_event(), .done = new_event()};
    check_eq(CreateTimerQueueTimer(&within.timer, within.queue, delete_both, &within, 0, 0, 0),
             TRUE);
    SetEvent(within.go_on);
    check(comes(within.done));
    check_eq(within.deleted, FALSE);
    check_eq(within.error, ERROR_POSSIBLE_DEADLOCK);
    CloseHandle(within.go_on);
    CloseHandle(within.done);
}

TAP_TEST(legacy__timer_deleted_while_its_callback_runs)
{
    HANDLE timer, gone = new_event();
    struct calls calls = wanting(1);
    calls.go_on = CreateEventA(NULL, TRUE, FALSE, NULL);
    check_eq(CreateTimerQueueTimer(&timer, NULL, as_wait, &calls, 0, 0, 0), TRUE);
    check(comes(calls.reached));
    SetLastError(0);
    check_eq(DeleteTimerQueueTimer(NULL, timer, gone), FALSE);
    check_eq(GetLastError(), ERROR_IO_PENDING);
    check(stays_away(gone));
    SetEvent(calls.go_on);
    check(comes(gone));
    check_eq(DeleteTimerQueue(CreateTimerQueue()), TRUE);
    CloseHandle(gone);
    CloseHandle(calls.go_on);
    CloseHandle(calls.reached);
}

TAP_TEST(legacy__queues_refuse)
{
    HANDLE timer = &timer, event = new_event();
    SetLastError(0);
    check_eq(DeleteTimerQueueTimer(NULL, NULL, NULL), FALSE);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    SetLastError(0);
    check_eq(DeleteTimerQueueEx(NULL, NULL), FALSE);
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0);
    check_eq(CreateTimerQueueTimer(&timer, event, as_wait, NULL, 0, 0, 0), FALSE);
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    check(timer == NULL);
    SetLastError(0);
    check_eq(CreateTimerQueueTimer(&timer, NULL, NULL, NULL, 0, 0, 0), FALSE);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    check_eq(ChangeTimerQueueTimer(NULL, event, 0, 0), FALSE);
    check_eq(ChangeTimerQueueTimer(event, NULL, 0, 0), FALSE);
    CloseHandle(event);
}

int main(void)
{
    tap_run(legacy__c211_hundred_work_items);
    tap_run(legacy__registered_wait_comes_again);
    tap_run(legacy__registered_wait_for_a_manual_event);
    tap_run(legacy__registered_wait_times_out);
    tap_run(legacy__registered_wait_of_time_0);
    tap_run(legacy__unregister_while_the_callback_runs);
    tap_run(legacy__unregister_in_the_wait_thread);
    tap_run(legacy__registering_refuses);
    tap_run(legacy__queued_timers_expire);
    tap_run(legacy__queued_timer_is_changed);
    tap_run(legacy__queue_deleted_while_a_callback_runs);
    tap_run(legacy__queue_waits_for_a_timer_that_was_deleted_before);
    tap_run(legacy__queue_is_deleted_in_a_callback_of_it);
    tap_run(legacy__timer_deleted_while_its_callback_runs);
    tap_run(legacy__queues_refuse);
    return tap_done();
}
