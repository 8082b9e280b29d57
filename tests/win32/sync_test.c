/* sync_test.c - events, semaphores, mutexes and timers, and waiting for one of them. */
#include <windows.h>

#include "tests/support/tap.h"

TAP_TEST(event__automatic_lets_one_go)
{
    HANDLE event = CreateEventA(NULL, FALSE, TRUE, NULL);
    check_eq(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    check(SetEvent(event) && SetEvent(event));
    check_eq(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(event, 10), WAIT_TIMEOUT);
    check(SetEvent(event) && ResetEvent(event));
    check_eq(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    check(CloseHandle(event));
}

TAP_TEST(event__manual_stays_set)
{
    HANDLE event = CreateEventExA(NULL, NULL, CREATE_EVENT_MANUAL_RESET, EVENT_ALL_ACCESS);
    check_eq(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    check(SetEvent(event));
    check_eq(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    check(PulseEvent(event));
    check_eq(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    check(CloseHandle(event));
}

TAP_TEST(semaphore__counts_up_to_its_maximum)
{
    LONG previous = -1;
    HANDLE semaphore = CreateSemaphoreW(NULL, 1, 3, NULL);
    check(ReleaseSemaphore(semaphore, 2, &previous));
    check_eq(previous, 1);
    previous = -1;
    check(!ReleaseSemaphore(semaphore, 1, &previous));
    check_eq(GetLastError(), ERROR_TOO_MANY_POSTS);
    check_eq(previous, -1);
    for (int i = 0; i < 3; i++)
        check_eq(WaitForSingleObject(semaphore, 0), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
    check(!ReleaseSemaphore(semaphore, 0, NULL));
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    check(CloseHandle(semaphore));
    SetLastError(0);
    check(CreateSemaphoreA(NULL, 2, 1, NULL) == NULL);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    check(CreateSemaphoreA(NULL, -1, 1, NULL) == NULL);
    check(CreateSemaphoreA(NULL, 0, 0, NULL) == NULL);
}

static DWORD WINAPI take_and_end(LPVOID mutex)
{
    return WaitForSingleObject(mutex, INFINITE);
}

static DWORD WINAPI release_it(LPVOID mutex)
{
    return ReleaseMutex(mutex) ? 0 : GetLastError();
}

static DWORD WINAPI look(LPVOID handle)
{
    DWORD result = WaitForSingleObject(handle, 0);
    if (result == WAIT_OBJECT_0)
        ReleaseMutex(handle);
    return result;
}

static DWORD run(LPTHREAD_START_ROUTINE function, LPVOID argument)
{
    DWORD code = 0xbad;
    HANDLE thread = CreateThread(NULL, 0, function, argument, 0, NULL);
    check_eq(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    check(GetExitCodeThread(thread, &code));
    check(CloseHandle(thread));
    return code;
}

TAP_TEST(mutex__is_taken_as_often_as_it_is_released)
{
    HANDLE mutex = CreateMutexA(NULL, TRUE, NULL);
    check_eq(WaitForSingleObject(mutex, INFINITE), WAIT_OBJECT_0);
    check_eq(run(look, mutex), WAIT_TIMEOUT);
    check_eq(run(release_it, mutex), ERROR_NOT_OWNER);
    check(ReleaseMutex(mutex));
    check_eq(run(look, mutex), WAIT_TIMEOUT);
    check(ReleaseMutex(mutex));
    check_eq(run(look, mutex), WAIT_OBJECT_0);
    check(!ReleaseMutex(mutex));
    check_eq(GetLastError(), ERROR_NOT_OWNER);
    check(CloseHandle(mutex));
}

TAP_TEST(mutex__tells_that_it_was_abandoned)
{
    HANDLE mutex = CreateMutexA(NULL, FALSE, NULL);
    check_eq(run(take_and_end, mutex), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(mutex, 0), WAIT_ABANDONED_0);
    check(ReleaseMutex(mutex));
    check_eq(WaitForSingleObject(mutex, 0), WAIT_OBJECT_0);
    check(ReleaseMutex(mutex));
    check(CloseHandle(mutex));
}

struct handover {
    HANDLE mutex, ready;
};

static DWORD WINAPI take_tell_and_end(LPVOID argument)
{
    struct handover *handover = argument;
    WaitForSingleObject(handover->mutex, INFINITE);
    SetEvent(handover->ready);
    Sleep(5); /* so that the other thread waits by then, as a rule */
    return 0;
}

TAP_TEST(mutex__wakes_who_waits_when_its_owner_ends)
{
    struct handover handover = {CreateMutexA(NULL, FALSE, NULL), CreateEventA(NULL, 0, 0, NULL)};
    for (int i = 0; i < 5; i++) {
        HANDLE thread = CreateThread(NULL, 0, take_tell_and_end, &handover, 0, NULL);
        check_eq(WaitForSingleObject(handover.ready, INFINITE), WAIT_OBJECT_0);
        check_eq(WaitForSingleObject(handover.mutex, INFINITE), WAIT_ABANDONED_0);
        check(ReleaseMutex(handover.mutex));
        check_eq(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
        check(CloseHandle(thread));
    }
    check(CloseHandle(handover.mutex) && CloseHandle(handover.ready));
}

static LONG inside, count;

static DWORD WINAPI contend(LPVOID mutex)
{
    for (int i = 0; i < 300; i++) {
        if (WaitForSingleObject(mutex, INFINITE) != WAIT_OBJECT_0)
            return 1;
        if (inside++ != 0) /* no atomics: the mutex is the lock */
            return 2;
        count++;
        if (i % 8 == 0)
            Sleep(0);
        inside--;
        if (!ReleaseMutex(mutex))
            return 3;
    }
    return 0;
}

TAP_TEST(mutex__excludes)
{
    HANDLE mutex = CreateMutexA(NULL, FALSE, NULL), threads[6];
    count = 0;
    for (int i = 0; i < 6; i++)
        threads[i] = CreateThread(NULL, 0, contend, mutex, 0, NULL);
    for (int i = 0; i < 6; i++) {
        DWORD code = 0xbad;
        check_eq(WaitForSingleObject(threads[i], INFINITE), WAIT_OBJECT_0);
        check(GetExitCodeThread(threads[i], &code));
        check_eq(code, 0);
        check(CloseHandle(threads[i]));
    }
    check_eq(count, 6 * 300);
    check(CloseHandle(mutex));
}

struct pair {
    HANDLE mine, other;
    int rounds;
};

static DWORD WINAPI answer(LPVOID argument)
{
    struct pair *pair = argument;
    for (int i = 0; i < pair->rounds; i++) {
        if (SignalObjectAndWait(pair->mine, pair->other, INFINITE, FALSE) != WAIT_OBJECT_0)
            return 1;
    }
    return 0;
}

TAP_TEST(event__hands_over_back_and_forth)
{
    HANDLE ping = CreateEventA(NULL, FALSE, FALSE, NULL);
    HANDLE pong = CreateEventA(NULL, FALSE, FALSE, NULL);
    struct pair pair = {ping, pong, 2000};
    HANDLE thread = CreateThread(NULL, 0, answer, &pair, 0, NULL);
    for (int i = 0; i < pair.rounds; i++) {
        check_eq(WaitForSingleObject(ping, INFINITE), WAIT_OBJECT_0);
        check(SetEvent(pong));
    }
    DWORD code = 0xbad;
    check_eq(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    check(GetExitCodeThread(thread, &code));
    check_eq(code, 0);
    check(CloseHandle(thread) && CloseHandle(ping) && CloseHandle(pong));
}

/* What a closed handle meant lives while a thread waits for it. */
static DWORD WINAPI set_by_copy(LPVOID argument)
{
    HANDLE *handles = argument;
    CloseHandle(handles[0]);
    SetEvent(handles[1]);
    return 0;
}

TAP_TEST(event__closing_a_handle_disturbs_no_wait)
{
    HANDLE handles[2] = {CreateEventA(NULL, FALSE, FALSE, NULL), NULL}, self = GetCurrentProcess();
    check(DuplicateHandle(self, handles[0], self, &handles[1], 0, FALSE, 0));
    HANDLE thread = CreateThread(NULL, 0, set_by_copy, handles, CREATE_SUSPENDED, NULL);
    HANDLE both[2] = {handles[0], thread};
    check_eq(ResumeThread(thread), 1);
    DWORD result = WaitForMultipleObjects(2, both, TRUE, INFINITE);
    check(result == WAIT_OBJECT_0 ||
          (result == WAIT_FAILED && GetLastError() == ERROR_INVALID_HANDLE)); /* it was faster */
    check_eq(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    check(CloseHandle(thread) && CloseHandle(handles[1]));
}

TAP_TEST(timer__sets_and_resets)
{
    LARGE_INTEGER due = {.QuadPart = -1};
    HANDLE timer = CreateWaitableTimerA(NULL, FALSE, NULL);
    check_eq(WaitForSingleObject(timer, 0), WAIT_TIMEOUT);
    check(SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE));
    check_eq(WaitForSingleObject(timer, INFINITE), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(timer, 0), WAIT_TIMEOUT);
    check(SetWaitableTimer(timer, &due, 1, NULL, NULL, FALSE));
    for (int i = 0; i < 3; i++)
        check_eq(WaitForSingleObject(timer, INFINITE), WAIT_OBJECT_0);
    check(CancelWaitableTimer(timer));
    (void)WaitForSingleObject(timer, 0);
    check_eq(WaitForSingleObject(timer, 5), WAIT_TIMEOUT);
    due.QuadPart = -36000000000LL;
    check(SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE));
    check_eq(WaitForSingleObject(timer, 0), WAIT_TIMEOUT);
    check(CloseHandle(timer));
    SetLastError(0);
    check(!SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE));
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
}

/* An expiry on its way when the timer is set again is not that of the new time. */
TAP_TEST(timer__old_expiries_are_gone)
{
    LARGE_INTEGER now = {.QuadPart = 0}, later = {.QuadPart = -36000000000LL};
    HANDLE timer = CreateWaitableTimerA(NULL, TRUE, NULL);
    for (int i = 0; i < 300; i++) {
        check(SetWaitableTimer(timer, &now, 0, NULL, NULL, FALSE));
        for (int spin = 0; spin < i % 30; spin++)
            YieldProcessor();
        check(SetWaitableTimer(timer, &later, 0, NULL, NULL, FALSE));
        check_eq(WaitForSingleObject(timer, 0), WAIT_TIMEOUT);
        if (i % 10 == 0)
            Sleep(0);
        check_eq(WaitForSingleObject(timer, 0), WAIT_TIMEOUT);
    }
    check(CloseHandle(timer));
}

static void CALLBACK note(LPVOID argument, DWORD low, DWORD high)
{
    *(LONG *)argument += low != 0 || high != 0;
}

TAP_TEST(timer__calls_its_thread)
{
    LONG calls = 0;
    LARGE_INTEGER due = {.QuadPart = 0};
    HANDLE timer = CreateWaitableTimerW(NULL, TRUE, L"tests-timer");
    check(SetWaitableTimer(timer, &due, 0, note, &calls, FALSE));
    check_eq(SleepEx(INFINITE, TRUE), WAIT_IO_COMPLETION);
    check_eq(calls, 1);
    check_eq(WaitForSingleObject(timer, INFINITE), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(timer, 0), WAIT_OBJECT_0);
    check(CloseHandle(timer));
}

int main(void)
{
    tap_run(event__automatic_lets_one_go);
    tap_run(event__manual_stays_set);
    tap_run(semaphore__counts_up_to_its_maximum);
    tap_run(mutex__is_taken_as_often_as_it_is_released);
    tap_run(mutex__tells_that_it_was_abandoned);
    tap_run(mutex__wakes_who_waits_when_its_owner_ends);
    tap_run(mutex__excludes);
    tap_run(event__hands_over_back_and_forth);
    tap_run(event__closing_a_handle_disturbs_no_wait);
    tap_run(timer__sets_and_resets);
    tap_run(timer__old_expiries_are_gone);
    tap_run(timer__calls_its_thread);
    return tap_done();
}
