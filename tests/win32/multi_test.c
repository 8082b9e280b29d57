/* multi_test.c - waiting for several at once: any, all, and nothing lost or taken twice. */
#include <windows.h>

#include "tests/support/tap.h"

static void close_all(HANDLE *handles, DWORD count)
{
    for (DWORD i = 0; i < count; i++)
        check(CloseHandle(handles[i]));
}

TAP_TEST(any__takes_the_first_that_is_signaled)
{
    HANDLE handles[3] = {CreateEventA(NULL, FALSE, FALSE, NULL), CreateSemaphoreA(NULL, 2, 2, NULL),
                         CreateEventA(NULL, TRUE, TRUE, NULL)};
    check_eq(WaitForMultipleObjects(3, handles, FALSE, 0), WAIT_OBJECT_0 + 1);
    check_eq(WaitForMultipleObjects(3, handles, FALSE, INFINITE), WAIT_OBJECT_0 + 1);
    check_eq(WaitForMultipleObjects(3, handles, FALSE, INFINITE), WAIT_OBJECT_0 + 2);
    check(ResetEvent(handles[2]));
    check_eq(WaitForMultipleObjects(3, handles, FALSE, 0), WAIT_TIMEOUT);
    check_eq(WaitForMultipleObjects(3, handles, FALSE, 15), WAIT_TIMEOUT);
    check(SetEvent(handles[0]) && ReleaseSemaphore(handles[1], 1, NULL));
    check_eq(WaitForMultipleObjects(3, handles, FALSE, INFINITE), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(handles[0], 0), WAIT_TIMEOUT);
    check_eq(WaitForSingleObject(handles[1], 0), WAIT_OBJECT_0);
    close_all(handles, 3);
}

TAP_TEST(all__takes_nothing_before_it_takes_all)
{
    HANDLE handles[3] = {CreateEventA(NULL, FALSE, TRUE, NULL), CreateSemaphoreA(NULL, 1, 2, NULL),
                         CreateMutexA(NULL, FALSE, NULL)};
    check_eq(WaitForMultipleObjects(3, handles, TRUE, 0), WAIT_OBJECT_0);
    check(ReleaseMutex(handles[2]) && !ReleaseMutex(handles[2]));
    check_eq(WaitForMultipleObjects(3, handles, TRUE, 0), WAIT_TIMEOUT);
    check(SetEvent(handles[0]));
    check_eq(WaitForMultipleObjects(3, handles, TRUE, 10), WAIT_TIMEOUT);
    check_eq(WaitForSingleObject(handles[0], 0), WAIT_OBJECT_0); /* it is still there */
    check(!ReleaseMutex(handles[2]));
    close_all(handles, 3);
}

TAP_TEST(wait__judges_its_arguments)
{
    HANDLE handles[65], event = CreateEventA(NULL, TRUE, TRUE, NULL);
    for (int i = 0; i < 65; i++)
        handles[i] = event;
    SetLastError(0);
    check_eq(WaitForMultipleObjects(0, handles, FALSE, 0), WAIT_FAILED);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    check_eq(WaitForMultipleObjects(65, handles, FALSE, 0), WAIT_FAILED);
    check_eq(WaitForMultipleObjects(64, handles, FALSE, 0), WAIT_OBJECT_0);
    check_eq(WaitForMultipleObjects(2, handles, TRUE, 0), WAIT_FAILED);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    handles[1] = NULL;
    check_eq(WaitForMultipleObjects(2, handles, FALSE, 0), WAIT_FAILED);
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    check(CloseHandle(event));
}

/* ---- With others ----------------------------------------------------------------------------- */

struct multi {
    HANDLE handles[64], started;
    DWORD count, result;
    BOOL all;
};

static DWORD WINAPI wait_multi(LPVOID argument)
{
    struct multi *multi = argument;
    SetEvent(multi->started);
    multi->result = WaitForMultipleObjects(multi->count, multi->handles, multi->all, INFINITE);
    return 0;
}

static HANDLE start(struct multi *multi)
{
    multi->started = CreateEventA(NULL, FALSE, FALSE, NULL);
    HANDLE thread = CreateThread(NULL, 0, wait_multi, multi, 0, NULL);
    check_eq(WaitForSingleObject(multi->started, INFINITE), WAIT_OBJECT_0);
    check(CloseHandle(multi->started));
    return thread;
}

static void finish(HANDLE thread)
{
    check_eq(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    check(CloseHandle(thread));
}

/* Whether it sleeps by then or not: it takes one, and the other is left. */
TAP_TEST(any__of_two_signals_one_is_left)
{
    for (int i = 0; i < 200; i++) {
        struct multi multi = {.count = 2};
        multi.handles[0] = CreateEventA(NULL, FALSE, FALSE, NULL);
        multi.handles[1] = CreateSemaphoreA(NULL, 0, 1, NULL);
        HANDLE thread = start(&multi);
        for (int spin = 0; spin < i * 20; spin++)
            Sleep(0);
        check(ReleaseSemaphore(multi.handles[1], 1, NULL));
        check(SetEvent(multi.handles[0]));
        finish(thread);
        DWORD event = WaitForSingleObject(multi.handles[0], 0);
        DWORD semaphore = WaitForSingleObject(multi.handles[1], 0);
        check(multi.result == WAIT_OBJECT_0 || multi.result == WAIT_OBJECT_0 + 1);
        check_eq(event, multi.result == WAIT_OBJECT_0 ? WAIT_TIMEOUT : WAIT_OBJECT_0);
        check_eq(semaphore, multi.result == WAIT_OBJECT_0 ? WAIT_OBJECT_0 : WAIT_TIMEOUT);
        close_all(multi.handles, 2);
    }
}

/* Who signals twice finds what is left at once, before the waiter has said which it took. */
TAP_TEST(any__what_it_does_not_keep_is_there_at_once)
{
    for (int i = 0; i < 100; i++) {
        struct multi multi = {.count = 2};
        for (int j = 0; j < 2; j++)
            multi.handles[j] = CreateEventA(NULL, FALSE, FALSE, NULL);
        HANDLE thread = start(&multi);
        for (int spin = 0; spin < i * 20; spin++)
            Sleep(0);
        check(SetEvent(multi.handles[0]) && SetEvent(multi.handles[1]));
        LONG left = 0; /* one is kept, or, if it comes late, none yet */
        for (int j = 0; j < 2; j++)
            left += WaitForSingleObject(multi.handles[j], 0) == WAIT_OBJECT_0;
        check(left == 1 || left == 2);
        if (left == 2)
            check(SetEvent(multi.handles[0]));
        finish(thread);
        close_all(multi.handles, 2);
    }
}

TAP_TEST(any__of_sixty_four)
{
    struct multi multi = {.count = 64};
    for (int i = 0; i < 64; i++)
        multi.handles[i] = CreateEventA(NULL, i % 2, FALSE, NULL);
    for (DWORD i = 0; i < 64; i += 7) {
        HANDLE thread = start(&multi);
        check(SetEvent(multi.handles[i]));
        finish(thread);
        check_eq(multi.result, WAIT_OBJECT_0 + i);
        check(ResetEvent(multi.handles[i]));
    }
    close_all(multi.handles, 64);
}

TAP_TEST(all__waits_for_the_last)
{
    struct multi multi = {.count = 3, .all = TRUE};
    multi.handles[0] = CreateEventA(NULL, FALSE, FALSE, NULL);
    multi.handles[1] = CreateSemaphoreA(NULL, 0, 5, NULL);
    multi.handles[2] = CreateEventA(NULL, TRUE, FALSE, NULL);
    HANDLE thread = start(&multi);
    check(SetEvent(multi.handles[0]));
    check_eq(WaitForSingleObject(multi.handles[0], 0), WAIT_OBJECT_0); /* not taken */
    check(ReleaseSemaphore(multi.handles[1], 1, NULL));
    check(SetEvent(multi.handles[2]));
    check_eq(WaitForSingleObject(thread, 5), WAIT_TIMEOUT);
    check(SetEvent(multi.handles[0]));
    finish(thread);
    check_eq(multi.result, WAIT_OBJECT_0);
    check_eq(WaitForMultipleObjects(2, multi.handles, FALSE, 0), WAIT_TIMEOUT);
    close_all(multi.handles, 3);
}

/* A semaphore of one: who holds it for an instant only must not make others fail. */
static LONG stop;

static DWORD WINAPI wait_in_vain(LPVOID argument)
{
    HANDLE *handles = argument;
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        if (WaitForMultipleObjects(2, handles, TRUE, 1) != WAIT_TIMEOUT)
            return 1;
    }
    return 0;
}

TAP_TEST(all__nobody_sees_it_try)
{
    HANDLE handles[2] = {CreateSemaphoreA(NULL, 1, 1, NULL), CreateEventA(NULL, FALSE, 0, NULL)};
    HANDLE threads[2];
    stop = 0;
    for (int i = 0; i < 2; i++)
        threads[i] = CreateThread(NULL, 0, wait_in_vain, handles, 0, NULL);
    for (int i = 0; i < 3000; i++) {
        LONG previous = -1;
        check_eq(WaitForSingleObject(handles[0], 0), WAIT_OBJECT_0);
        check(ReleaseSemaphore(handles[0], 1, &previous));
        check_eq(previous, 0);
        check(!ReleaseSemaphore(handles[0], 1, NULL));
    }
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 2; i++) {
        DWORD code = 0xbad;
        check_eq(WaitForSingleObject(threads[i], INFINITE), WAIT_OBJECT_0);
        check(GetExitCodeThread(threads[i], &code));
        check_eq(code, 0);
    }
    close_all(threads, 2);
    close_all(handles, 2);
}

/* ---- Mutexes --------------------------------------------------------------------------------- */

static DWORD WINAPI take_two_and_end(LPVOID argument)
{
    HANDLE *mutexes = argument;
    return WaitForMultipleObjects(2, mutexes, TRUE, INFINITE);
}

TAP_TEST(mutex__abandoned_ones_are_told_by_their_place)
{
    HANDLE mutexes[3] = {CreateMutexA(NULL, TRUE, NULL), CreateMutexA(NULL, FALSE, NULL),
                         CreateMutexA(NULL, FALSE, NULL)};
    HANDLE order[2] = {mutexes[1], mutexes[2]};
    HANDLE thread = CreateThread(NULL, 0, take_two_and_end, order, 0, NULL);
    finish(thread);
    HANDLE busy = CreateEventA(NULL, FALSE, FALSE, NULL), all[3] = {mutexes[1], mutexes[2], busy};
    check_eq(WaitForMultipleObjects(3, all, TRUE, 0), WAIT_TIMEOUT); /* forgets nothing */
    check_eq(WaitForMultipleObjects(2, mutexes + 1, FALSE, 0), WAIT_ABANDONED_0);
    check_eq(WaitForMultipleObjects(2, mutexes + 1, TRUE, 0), WAIT_ABANDONED_0);
    check_eq(WaitForMultipleObjects(2, mutexes + 1, TRUE, 0), WAIT_OBJECT_0);
    for (int i = 0; i < 3; i++)
        check(ReleaseMutex(mutexes[1]));
    check(!ReleaseMutex(mutexes[1]));
    check(ReleaseMutex(mutexes[2]) && ReleaseMutex(mutexes[2]) && !ReleaseMutex(mutexes[2]));
    check(ReleaseMutex(mutexes[0]));
    close_all(mutexes, 3);
    check(CloseHandle(busy));
}

struct philosopher {
    HANDLE forks[2];
    LONG meals;
};

static DWORD WINAPI dine(LPVOID argument)
{
    struct philosopher *self = argument;
    for (int i = 0; i < 100; i++) {
        if (WaitForMultipleObjects(2, self->forks, TRUE, INFINITE) != WAIT_OBJECT_0)
            return 1;
        self->meals++;
        if (i % 4 == 0)
            Sleep(0);
        if (!ReleaseMutex(self->forks[0]) || !ReleaseMutex(self->forks[1]))
            return 2;
    }
    return 0;
}

static DWORD WINAPI take_and_release(LPVOID argument)
{
    struct philosopher *self = argument;
    if (WaitForMultipleObjects(1, self->forks, TRUE, INFINITE) == WAIT_OBJECT_0)
        self->meals += ReleaseMutex(self->forks[0]);
    return 0;
}

TAP_TEST(mutex__philosophers_dine)
{
    enum { SEATS = 5 };
    HANDLE forks[SEATS], threads[SEATS];
    struct philosopher seats[SEATS];
    for (int i = 0; i < SEATS; i++)
        forks[i] = CreateMutexA(NULL, FALSE, NULL);
    for (int i = 0; i < SEATS; i++) {
        seats[i] = (struct philosopher){{forks[i], forks[(i + 1) % SEATS]}, 0};
        threads[i] = CreateThread(NULL, 0, dine, &seats[i], 0, NULL);
    }
    check_eq(WaitForMultipleObjects(SEATS, threads, TRUE, INFINITE), WAIT_OBJECT_0);
    for (int i = 0; i < SEATS; i++)
        check_eq(seats[i].meals, 100);
    close_all(threads, SEATS);
    close_all(forks, SEATS);
}

/* ---- Nothing lost, nothing twice ------------------------------------------------------------- */

enum { SOURCES = 4, TAKERS = 4, UNITS = 400 };

struct storm {
    HANDLE sources[SOURCES + 1]; /* the last: enough, stop */
    LONG taken[SOURCES];
};

static DWORD WINAPI take_any(LPVOID argument)
{
    struct storm *storm = argument;
    for (;;) {
        DWORD result = WaitForMultipleObjects(SOURCES + 1, storm->sources, FALSE, INFINITE);
        if (result == WAIT_OBJECT_0 + SOURCES)
            return 0;
        if (result >= SOURCES)
            return 1;
        __atomic_fetch_add(&storm->taken[result], 1, __ATOMIC_SEQ_CST);
    }
}

static DWORD WINAPI take_single(LPVOID argument)
{
    struct storm *storm = argument;
    for (int i = 0; i < 2000; i++) {
        int which = i % SOURCES;
        if (WaitForSingleObject(storm->sources[which], 0) == WAIT_OBJECT_0)
            __atomic_fetch_add(&storm->taken[which], 1, __ATOMIC_SEQ_CST);
    }
    return 0;
}

static DWORD WINAPI give(LPVOID argument)
{
    struct storm *storm = argument;
    for (int i = 0; i < UNITS; i++) {
        for (int j = 0; j < SOURCES; j++) {
            if (!ReleaseSemaphore(storm->sources[j], 1, NULL))
                return 1;
        }
    }
    return 0;
}

static void CALLBACK give_on_return(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    (void)work;
    ReleaseSemaphoreWhenCallbackReturns(instance, ((struct storm *)context)->sources[0], 1);
}

static void CALLBACK take_on_pool(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
                                  TP_WAIT_RESULT result)
{
    struct storm *storm = context;
    (void)instance;
    if (result == WAIT_OBJECT_0)
        __atomic_fetch_add(&storm->taken[1], 1, __ATOMIC_SEQ_CST);
    SetThreadpoolWait(wait, storm->sources[1], NULL);
}

TAP_TEST(storm__each_unit_is_taken_once)
{
    struct storm storm = {.taken = {0}};
    HANDLE threads[TAKERS + 3];
    for (int i = 0; i < SOURCES; i++)
        storm.sources[i] = CreateSemaphoreA(NULL, 0, 1 << 20, NULL);
    storm.sources[SOURCES] = CreateEventA(NULL, TRUE, FALSE, NULL);
    PTP_WORK work = CreateThreadpoolWork(give_on_return, &storm, NULL);
    PTP_WAIT wait = CreateThreadpoolWait(take_on_pool, &storm, NULL);
    require(work && wait);
    SetThreadpoolWait(wait, storm.sources[1], NULL);
    for (int i = 0; i < TAKERS; i++)
        threads[i] = CreateThread(NULL, 0, take_any, &storm, 0, NULL);
    threads[TAKERS] = CreateThread(NULL, 0, take_single, &storm, 0, NULL);
    threads[TAKERS + 1] = CreateThread(NULL, 0, give, &storm, 0, NULL);
    threads[TAKERS + 2] = CreateThread(NULL, 0, give, &storm, 0, NULL);
    for (int i = 0; i < UNITS; i++)
        SubmitThreadpoolWork(work);
    check_eq(WaitForMultipleObjects(3, threads + TAKERS, TRUE, INFINITE), WAIT_OBJECT_0);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    for (int i = 0; i < SOURCES; i++) { /* the last ones are on their way */
        while (__atomic_load_n(&storm.taken[i], __ATOMIC_SEQ_CST) < (i ? 2 : 3) * UNITS)
            Sleep(1);
    }
    check(SetEvent(storm.sources[SOURCES]));
    check_eq(WaitForMultipleObjects(TAKERS, threads, TRUE, INFINITE), WAIT_OBJECT_0);
    SetThreadpoolWait(wait, NULL, NULL);
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    CloseThreadpoolWait(wait);
    CloseThreadpoolWork(work);
    for (int i = 0; i < SOURCES; i++) {
        check_eq(storm.taken[i], (i ? 2 : 3) * UNITS);
        check_eq(WaitForSingleObject(storm.sources[i], 0), WAIT_TIMEOUT);
    }
    close_all(threads, TAKERS + 3);
    close_all(storm.sources, SOURCES + 1);
}

/* Automatic events: each signal is answered before the next, so one that is lost stops the test,
 * and one that is taken twice is counted. Who waits gives up again and again. */
enum { EVENTS = 3, ROUNDS = 150 };

struct echo {
    HANDLE events[EVENTS], answers[EVENTS], mutex;
    LONG heard[EVENTS], inside, stop;
};

static void hear(struct echo *echo, DWORD which)
{
    InterlockedIncrement(&echo->heard[which]);
    ReleaseSemaphore(echo->answers[which], 1, NULL);
}

static DWORD WINAPI hear_any(LPVOID argument)
{
    struct echo *echo = argument;
    for (DWORD i = 0; !__atomic_load_n(&echo->stop, __ATOMIC_SEQ_CST); i++) {
        DWORD result = WaitForMultipleObjects(EVENTS, echo->events, FALSE, i % 3);
        if (result < EVENTS)
            hear(echo, result);
        else if (result != WAIT_TIMEOUT)
            return 1;
    }
    return 0;
}

static DWORD WINAPI hear_with_mutex(LPVOID argument)
{
    struct echo *echo = argument;
    for (DWORD i = 0; !__atomic_load_n(&echo->stop, __ATOMIC_SEQ_CST); i++) {
        DWORD which = i % EVENTS;
        HANDLE both[2] = {echo->mutex, echo->events[which]};
        DWORD result = WaitForMultipleObjects(2, both, TRUE, i % 3);
        if (result == WAIT_TIMEOUT)
            continue;
        if (result != WAIT_OBJECT_0 || InterlockedIncrement(&echo->inside) != 1)
            return 1;
        hear(echo, which);
        InterlockedDecrement(&echo->inside);
        if (!ReleaseMutex(echo->mutex))
            return 2;
    }
    return 0;
}

static void CALLBACK call_out(PTP_CALLBACK_INSTANCE instance, PVOID event)
{
    SetEventWhenCallbackReturns(instance, event);
}

TAP_TEST(storm__each_signal_is_heard_once)
{
    struct echo echo = {.mutex = CreateMutexA(NULL, FALSE, NULL)};
    HANDLE threads[4];
    for (int i = 0; i < EVENTS; i++) {
        echo.events[i] = CreateEventA(NULL, FALSE, FALSE, NULL);
        echo.answers[i] = CreateSemaphoreA(NULL, 0, 1, NULL);
    }
    for (int i = 0; i < 4; i++)
        threads[i] = CreateThread(NULL, 0, i < 2 ? hear_any : hear_with_mutex, &echo, 0, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < EVENTS; i++) {
            if ((round + i) % 2)
                check(SetEvent(echo.events[i]));
            else
                check(TrySubmitThreadpoolCallback(call_out, echo.events[i], NULL));
        }
        check_eq(WaitForMultipleObjects(EVENTS, echo.answers, TRUE, INFINITE), WAIT_OBJECT_0);
    }
    __atomic_store_n(&echo.stop, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 4; i++) {
        DWORD code = 0xbad;
        check_eq(WaitForSingleObject(threads[i], INFINITE), WAIT_OBJECT_0);
        check(GetExitCodeThread(threads[i], &code));
        check_eq(code, 0);
    }
    for (int i = 0; i < EVENTS; i++)
        check_eq(echo.heard[i], ROUNDS);
    close_all(threads, 4);
    close_all(echo.events, EVENTS);
    close_all(echo.answers, EVENTS);
    check(CloseHandle(echo.mutex));
}

/* ---- Signals that only libtp sees ------------------------------------------------------------ */

static void CALLBACK set_on_return(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    SetEventWhenCallbackReturns(instance, context);
}

TAP_TEST(any__notices_a_completion_action)
{
    for (int i = 0; i < 50; i++) {
        struct multi multi = {.count = 2, .all = i % 2};
        multi.handles[0] = CreateEventA(NULL, FALSE, i % 2, NULL);
        multi.handles[1] = CreateEventA(NULL, FALSE, FALSE, NULL);
        HANDLE thread = start(&multi);
        check(TrySubmitThreadpoolCallback(set_on_return, multi.handles[1], NULL));
        finish(thread);
        check_eq(multi.result, i % 2 ? WAIT_OBJECT_0 : WAIT_OBJECT_0 + 1);
        check_eq(WaitForSingleObject(multi.handles[1], 0), WAIT_TIMEOUT);
        close_all(multi.handles, 2);
    }
}

static void CALLBACK signal_two(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    const HANDLE *handles = context;
    (void)work;
    ReleaseSemaphoreWhenCallbackReturns(instance, handles[0], 1);
    SetEventWhenCallbackReturns(instance, handles[1]);
}

static DWORD look_at(HANDLE handle, BOOL as_several)
{
    return as_several ? WaitForMultipleObjects(1, &handle, TRUE, 0)
                      : WaitForSingleObject(handle, 0);
}

/* Both have fired before anybody here has looked. */
TAP_TEST(any__what_completion_actions_leave_is_there_at_once)
{
    struct multi multi = {.count = 2};
    multi.handles[0] = CreateSemaphoreA(NULL, 0, 5, NULL);
    multi.handles[1] = CreateEventA(NULL, FALSE, FALSE, NULL);
    PTP_WORK work = CreateThreadpoolWork(signal_two, multi.handles, NULL);
    for (int i = 0; i < 100; i++) {
        HANDLE thread = start(&multi);
        for (int spin = 0; spin < i * 20; spin++)
            Sleep(0);
        SubmitThreadpoolWork(work);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        LONG left = 0;               /* one is kept, or, if it comes late, none yet */
        for (int j = 1; j >= 0; j--) /* the one it hands back first */
            left += look_at(multi.handles[j], i % 2) == WAIT_OBJECT_0;
        check(left == 1 || left == 2);
        if (left == 2)
            check(SetEvent(multi.handles[1]));
        finish(thread);
    }
    CloseThreadpoolWork(work);
    close_all(multi.handles, 2);
}

struct owner {
    HANDLE mutex, taken;
};

static void CALLBACK own(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    struct owner *owner = context;
    WaitForSingleObject(owner->mutex, INFINITE);
    ReleaseMutexWhenCallbackReturns(instance, owner->mutex);
    SetEvent(owner->taken);
}

TAP_TEST(any__notices_a_mutex_released_by_a_completion_action)
{
    for (int i = 0; i < 50; i++) {
        struct owner owner = {CreateMutexA(NULL, FALSE, NULL), CreateEventA(NULL, 0, 0, NULL)};
        HANDLE handles[2] = {CreateEventA(NULL, FALSE, FALSE, NULL), owner.mutex};
        check(TrySubmitThreadpoolCallback(own, &owner, NULL));
        check_eq(WaitForSingleObject(owner.taken, INFINITE), WAIT_OBJECT_0);
        check_eq(WaitForMultipleObjects(2, handles, FALSE, INFINITE), WAIT_OBJECT_0 + 1);
        check(ReleaseMutex(owner.mutex) && !ReleaseMutex(owner.mutex));
        check(CloseHandle(owner.taken));
        close_all(handles, 2);
    }
}

static void CALLBACK pass(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
                          TP_WAIT_RESULT result)
{
    struct owner *owner = context;
    (void)instance;
    (void)wait;
    check_eq(result, WAIT_OBJECT_0);
    check(ReleaseMutex(owner->mutex));
    SetEvent(owner->taken);
}

/* Threads and a wait of the pool want one mutex: whatever the order, each gets it. */
TAP_TEST(mutex__is_shared_with_a_wait_of_the_pool)
{
    struct owner owner = {CreateMutexA(NULL, FALSE, NULL), CreateEventA(NULL, 0, 0, NULL)};
    PTP_WAIT wait = CreateThreadpoolWait(pass, &owner, NULL);
    require(wait != NULL);
    for (int i = 0; i < 50; i++) {
        HANDLE threads[2];
        check_eq(WaitForSingleObject(owner.mutex, INFINITE), WAIT_OBJECT_0);
        struct philosopher takers[2] = {{{owner.mutex, NULL}, 0}, {{owner.mutex, NULL}, 0}};
        for (int j = 0; j < 2; j++) {
            if (j == i % 2)
                SetThreadpoolWait(wait, owner.mutex, NULL);
            threads[j] = CreateThread(NULL, 0, take_and_release, &takers[j], 0, NULL);
        }
        check(ReleaseMutex(owner.mutex));
        check_eq(WaitForMultipleObjects(2, threads, TRUE, INFINITE), WAIT_OBJECT_0);
        check_eq(WaitForSingleObject(owner.taken, INFINITE), WAIT_OBJECT_0);
        check_eq(takers[0].meals + takers[1].meals, 2);
        close_all(threads, 2);
    }
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    CloseThreadpoolWait(wait);
    check(CloseHandle(owner.mutex) && CloseHandle(owner.taken));
}

static void CALLBACK wait_in_callback(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    struct multi *multi = context;
    (void)instance;
    wait_multi(multi);
    if (multi->result == WAIT_OBJECT_0 && !ReleaseMutex(multi->handles[0]))
        multi->result = WAIT_FAILED;
}

TAP_TEST(wait__works_in_callbacks)
{
    struct multi multi = {.count = 2};
    HANDLE mutex = CreateMutexA(NULL, TRUE, NULL);
    multi.handles[0] = mutex;
    multi.handles[1] = CreateEventA(NULL, FALSE, FALSE, NULL);
    multi.started = CreateEventA(NULL, FALSE, FALSE, NULL);
    TP_CALLBACK_ENVIRON environment;
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackCleanupGroup(&environment, group, NULL);
    check(TrySubmitThreadpoolCallback(wait_in_callback, &multi, &environment));
    check_eq(WaitForSingleObject(multi.started, INFINITE), WAIT_OBJECT_0);
    check(ReleaseMutex(mutex));
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    CloseThreadpoolCleanupGroup(group);
    DestroyThreadpoolEnvironment(&environment);
    check_eq(multi.result, WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(mutex, 0), WAIT_OBJECT_0);
    check(CloseHandle(multi.started));
    close_all(multi.handles, 2);
}

int main(void)
{
    tap_run(any__takes_the_first_that_is_signaled);
    tap_run(all__takes_nothing_before_it_takes_all);
    tap_run(wait__judges_its_arguments);
    tap_run(any__of_two_signals_one_is_left);
    tap_run(any__what_it_does_not_keep_is_there_at_once);
    tap_run(any__of_sixty_four);
    tap_run(all__waits_for_the_last);
    tap_run(all__nobody_sees_it_try);
    tap_run(mutex__abandoned_ones_are_told_by_their_place);
    tap_run(mutex__philosophers_dine);
    tap_run(storm__each_unit_is_taken_once);
    tap_run(storm__each_signal_is_heard_once);
    tap_run(any__notices_a_completion_action);
    tap_run(any__what_completion_actions_leave_is_there_at_once);
    tap_run(any__notices_a_mutex_released_by_a_completion_action);
    tap_run(mutex__is_shared_with_a_wait_of_the_pool);
    tap_run(wait__works_in_callbacks);
    return tap_done();
}
