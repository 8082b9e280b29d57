/* wait_test.c - waits for handles in Windows style: results, what is consumed, what disarms. */
#include "tests/win32/scene.h"

#include <unistd.h>

struct result {
    LONG count;
    DWORD last;
    HANDLE came;
    HANDLE mutex; /* to be released by the callback */
    LONG released;
};

static void CALLBACK note(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
                          TP_WAIT_RESULT result)
{
    struct result *own = context;
    (void)instance;
    (void)wait;
    own->last = result;
    if (own->mutex)
        own->released = ReleaseMutex(own->mutex);
    add_to(&own->count, 1);
    SetEvent(own->came);
}

static PTP_WAIT new_wait(struct result *result)
{
    *result = (struct result){0, 0xdead, new_event(), NULL, 0};
    return CreateThreadpoolWait(note, result, NULL);
}

static void end_wait(PTP_WAIT wait, struct result *result)
{
    SetThreadpoolWait(wait, NULL, NULL);
    WaitForThreadpoolWaitCallbacks(wait, TRUE);
    CloseThreadpoolWait(wait);
    CloseHandle(result->came);
}

/* C-116, C-123, C-138. */
TAP_TEST(wait__c116_semaphore_gives_one_count)
{
    struct result result;
    PTP_WAIT wait = new_wait(&result);
    HANDLE semaphore = CreateSemaphoreA(NULL, 0, 10, NULL);
    SetThreadpoolWait(wait, semaphore, NULL);
    check(stays_away(result.came));
    ReleaseSemaphore(semaphore, 1, NULL);
    check(comes(result.came));
    check_eq(result.last, WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
    ReleaseSemaphore(semaphore, 2, NULL);
    SetThreadpoolWait(wait, semaphore, NULL);
    check(comes(result.came));
    check_eq(WaitForSingleObject(semaphore, 0), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
    end_wait(wait, &result);
    CloseHandle(semaphore);
}

/* C-117, C-118, C-119, C-120: the time runs out, or does not; relative, absolute, at once. */
TAP_TEST(wait__c117_c119_c120_timeouts)
{
    struct result result;
    FILETIME time;
    PTP_WAIT wait = new_wait(&result);
    HANDLE semaphore = CreateSemaphoreA(NULL, 0, 10, NULL);
    SetThreadpoolWait(wait, semaphore, in_ms(&time, 30));
    check(comes(result.came));
    check_eq(result.last, WAIT_TIMEOUT);
    SetThreadpoolWait(wait, semaphore, at_ms(&time, 30));
    check(comes(result.came));
    check_eq(result.last, WAIT_TIMEOUT);
    result.last = 0xdead;
    SetThreadpoolWait(wait, semaphore, in_ms(&time, 0));
    check(comes(result.came));
    check_eq(result.last, WAIT_TIMEOUT);
    SetThreadpoolWait(wait, semaphore, in_ms(&time, 3600000));
    ReleaseSemaphore(semaphore, 1, NULL);
    check(comes(result.came));
    check_eq(result.last, WAIT_OBJECT_0);
    check_eq(value_of(&result.count), 4);
    end_wait(wait, &result);
    CloseHandle(semaphore);
}

/* C-121, D-13: a timeout of 0 takes nothing of what is signaled. */
TAP_TEST(wait__c121_timeout_0_on_a_signaled_event)
{
    struct result result;
    FILETIME time;
    PTP_WAIT wait = new_wait(&result);
    HANDLE event = CreateEventA(NULL, FALSE, TRUE, NULL);
    SetThreadpoolWait(wait, event, in_ms(&time, 0));
    check(comes(result.came));
    check_eq(result.last, WAIT_TIMEOUT);
    check_eq(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    end_wait(wait, &result);
    CloseHandle(event);
}

/* C-122: without a handle the timeout is not looked at; what comes later stays. */
TAP_TEST(wait__c122_null_handle_disarms)
{
    struct result result;
    PTP_WAIT wait = new_wait(&result);
    HANDLE semaphore = CreateSemaphoreA(NULL, 0, 1, NULL);
    SetThreadpoolWait(wait, semaphore, NULL);
    SetThreadpoolWait(wait, NULL, (PFILETIME)(ULONG_PTR)0xdeadbeef);
    ReleaseSemaphore(semaphore, 1, NULL);
    check(stays_away(result.came));
    check_eq(WaitForSingleObject(semaphore, 0), WAIT_OBJECT_0);
    check_eq(value_of(&result.count), 0);
    end_wait(wait, &result);
    CloseHandle(semaphore);
}

/* C-124, C-126, C-129, C-131: once for each arming; what replaces, and what is consumed. */
TAP_TEST(wait__c124_c126_c131_events)
{
    struct result one, two;
    PTP_WAIT first = new_wait(&one), second = new_wait(&two);
    HANDLE manual = CreateEventA(NULL, TRUE, FALSE, NULL), automatic = new_event();
    SetThreadpoolWait(first, manual, NULL);
    SetThreadpoolWait(second, manual, NULL);
    SetEvent(manual);
    check(comes(one.came));
    check(comes(two.came));
    check(stays_away(one.came));
    SetThreadpoolWait(first, automatic, NULL);
    SetEvent(automatic);
    check(comes(one.came));
    check_eq(WaitForSingleObject(automatic, 0), WAIT_TIMEOUT);
    ResetEvent(manual);
    SetThreadpoolWait(first, automatic, NULL);
    SetThreadpoolWait(first, manual, NULL); /* instead */
    SetEvent(automatic);
    check(stays_away(one.came));
    check_eq(WaitForSingleObject(automatic, 0), WAIT_OBJECT_0);
    SetEvent(manual);
    check(comes(one.came));
    check_eq(value_of(&one.count), 3);
    end_wait(first, &one);
    end_wait(second, &two);
    CloseHandle(manual);
    CloseHandle(automatic);
}

/* C-127: two waits, one count. */
TAP_TEST(wait__c127_one_count_is_one_callback)
{
    struct result one, two;
    PTP_WAIT first = new_wait(&one), second = new_wait(&two);
    HANDLE semaphore = CreateSemaphoreA(NULL, 0, 10, NULL);
    HANDLE came[2] = {one.came, two.came};
    SetThreadpoolWait(first, semaphore, NULL);
    SetThreadpoolWait(second, semaphore, NULL);
    ReleaseSemaphore(semaphore, 1, NULL);
    check(WaitForMultipleObjects(2, came, FALSE, LONG_MS) <= 1);
    check_eq(WaitForMultipleObjects(2, came, FALSE, SHORT_MS), WAIT_TIMEOUT);
    check_eq(value_of(&one.count) + value_of(&two.count), 1);
    ReleaseSemaphore(semaphore, 1, NULL);
    check(WaitForMultipleObjects(2, came, FALSE, LONG_MS) <= 1);
    check_eq(value_of(&one.count), 1);
    check_eq(value_of(&two.count), 1);
    end_wait(first, &one);
    end_wait(second, &two);
    CloseHandle(semaphore);
}

TAP_TEST(wait__c132_invalid_handle_value_is_never_signaled)
{
    struct result result;
    FILETIME time;
    PTP_WAIT wait = new_wait(&result);
    SetThreadpoolWait(wait, INVALID_HANDLE_VALUE, in_ms(&time, 0));
    check(comes(result.came));
    check_eq(result.last, WAIT_TIMEOUT);
    result.last = 0xdead;
    SetThreadpoolWait(wait, INVALID_HANDLE_VALUE, in_ms(&time, 30));
    check(comes(result.came));
    check_eq(result.last, WAIT_TIMEOUT);
    end_wait(wait, &result);
}

#define MANY 512

/* C-133, C-135, D-11: signaled one by one, forward and backward; then closed while armed, and each
 * handle at once after its wait. */
TAP_TEST(wait__c133_c135_five_hundred_and_twelve)
{
    static struct result results[MANY];
    static PTP_WAIT waits[MANY];
    static HANDLE semaphores[MANY];
    for (int i = 0; i < MANY; i++) {
        waits[i] = new_wait(&results[i]);
        semaphores[i] = CreateSemaphoreA(NULL, 0, 1, NULL);
        SetThreadpoolWait(waits[i], semaphores[i], NULL);
    }
    for (int k = 0; k < 2 * MANY; k++) {
        int i = k < MANY ? k : 2 * MANY - 1 - k;
        ReleaseSemaphore(semaphores[i], 1, NULL);
        require(comes(results[i].came));
        SetThreadpoolWait(waits[i], semaphores[i], NULL);
    }
    for (int i = 0; i < MANY; i++) {
        CloseThreadpoolWait(waits[i]);
        CloseHandle(semaphores[i]);
        check_eq(value_of(&results[i].count), 2);
        CloseHandle(results[i].came);
    }
}

static DWORD WINAPI until_set(LPVOID event)
{
    WaitForSingleObject(event, INFINITE);
    return 7;
}

/* C-136: and it stays signaled. */
TAP_TEST(wait__c136_thread_ends)
{
    struct result result;
    PTP_WAIT wait = new_wait(&result);
    HANDLE event = new_event();
    HANDLE thread = CreateThread(NULL, 0, until_set, event, 0, NULL);
    SetThreadpoolWait(wait, thread, NULL);
    check(stays_away(result.came));
    SetEvent(event);
    check(comes(result.came));
    check_eq(result.last, WAIT_OBJECT_0);
    SetThreadpoolWait(wait, thread, NULL);
    check(comes(result.came));
    end_wait(wait, &result);
    CloseHandle(thread);
    CloseHandle(event);
}

static DWORD WINAPI take_and_leave(LPVOID mutex)
{
    return WaitForSingleObject(mutex, INFINITE);
}

/* C-137, D-10: the callback owns it. */
TAP_TEST(wait__c137_mutexes)
{
    struct result result;
    PTP_WAIT wait = new_wait(&result);
    HANDLE mutex = CreateMutexA(NULL, TRUE, NULL);
    result.mutex = mutex;
    SetThreadpoolWait(wait, mutex, NULL);
    check(stays_away(result.came));
    ReleaseMutex(mutex);
    check(comes(result.came));
    check_eq(result.last, WAIT_OBJECT_0);
    check_eq(result.released, TRUE);
    HANDLE thread = CreateThread(NULL, 0, take_and_leave, mutex, 0, NULL);
    check(comes(thread));
    SetThreadpoolWait(wait, mutex, NULL);
    check(comes(result.came));
    check_eq(result.last, WAIT_ABANDONED_0);
    check_eq(result.released, TRUE);
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    check_eq(WaitForSingleObject(mutex, LONG_MS), WAIT_OBJECT_0);
    ReleaseMutex(mutex);
    end_wait(wait, &result);
    CloseHandle(thread);
    CloseHandle(mutex);
}

/* C-130, C-139, C-143: cancelling does not disarm, closing does; and what the Ex setter says. */
TAP_TEST(wait__c130_c139_c143_disarming)
{
    struct result result, closed;
    PTP_WAIT wait = new_wait(&result), other = new_wait(&closed);
    HANDLE event = new_event();
    check_eq(SetThreadpoolWaitEx(wait, NULL, NULL, NULL), FALSE);
    check_eq(SetThreadpoolWaitEx(wait, event, NULL, NULL), FALSE);
    check_eq(SetThreadpoolWaitEx(wait, event, NULL, NULL), TRUE);
    SetLastError(0);
    check_eq(SetThreadpoolWaitEx(wait, event, NULL, &event), FALSE);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    WaitForThreadpoolWaitCallbacks(wait, TRUE);
    SetEvent(event);
    check(comes(result.came));
    check_eq(SetThreadpoolWaitEx(wait, NULL, NULL, NULL), FALSE);
    SetThreadpoolWait(other, event, NULL);
    CloseThreadpoolWait(other);
    SetEvent(event);
    check(stays_away(closed.came));
    check_eq(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    CloseHandle(closed.came);
    end_wait(wait, &result);
    CloseHandle(event);
}

/* C-144, D-12: the handle is closed while the wait is armed on it; a second one still signals. */
TAP_TEST(wait__c144_handle_closed_while_armed)
{
    struct result result;
    HANDLE twin, event = new_event();
    PTP_WAIT wait = new_wait(&result);
    check_eq(DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &twin, 0, FALSE,
                             DUPLICATE_SAME_ACCESS),
             TRUE);
    SetThreadpoolWait(wait, event, NULL);
    CloseHandle(event);
    check(stays_away(result.came));
    SetEvent(twin);
    check(comes(result.came));
    SetThreadpoolWait(wait, twin, NULL);
    CloseHandle(twin);
    check(stays_away(result.came));
    check_eq(SetThreadpoolWaitEx(wait, NULL, NULL, NULL), TRUE);
    end_wait(wait, &result);
}

int main(void)
{
    tap_run(wait__c116_semaphore_gives_one_count);
    tap_run(wait__c117_c119_c120_timeouts);
    tap_run(wait__c121_timeout_0_on_a_signaled_event);
    tap_run(wait__c122_null_handle_disarms);
    tap_run(wait__c124_c126_c131_events);
    tap_run(wait__c127_one_count_is_one_callback);
    tap_run(wait__c132_invalid_handle_value_is_never_signaled);
    tap_run(wait__c133_c135_five_hundred_and_twelve);
    tap_run(wait__c136_thread_ends);
    tap_run(wait__c137_mutexes);
    tap_run(wait__c130_c139_c143_disarming);
    tap_run(wait__c144_handle_closed_while_armed);
    return tap_done();
}
