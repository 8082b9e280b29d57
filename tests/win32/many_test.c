/* many_test.c - threads that register, queue, delete and delete again, all on the same handles. */
#include "tests/win32/scene.h"

#define THREADS 4
#define STEPS 1500
#define SLOTS 6

/* What a callback is handed; none is used twice, so a late callback is seen. */
struct call {
    LONG over; /* its deletion has said that no callback runs any more */
};
static struct call calls[THREADS * STEPS + 1];
static LONG used, ran, late;

static HANDLE events[SLOTS], waits[SLOTS], timers[SLOTS], queues[SLOTS];

static void NTAPI run(PVOID context, BOOLEAN timed_out)
{
    struct call *call = context;
    (void)timed_out;
    add_to(&ran, 1);
    if (value_of(&call->over))
        add_to(&late, 1);
}

static HANDLE swap(HANDLE *slot, HANDLE handle)
{
    return __atomic_exchange_n(slot, handle, __ATOMIC_SEQ_CST);
}

static HANDLE look(HANDLE *slot)
{
    return __atomic_load_n(slot, __ATOMIC_SEQ_CST);
}

static unsigned draw(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % below;
}

/* NULL, INVALID_HANDLE_VALUE or an event. */
static HANDLE some_completion(unsigned *seed)
{
    unsigned which = draw(seed, 4);
    return which == 0 ? NULL : which == 1 ? events[draw(seed, SLOTS)] : INVALID_HANDLE_VALUE;
}

/* Each thread has its own registrations, so that it knows which call a handle has; events and
 * queues are everybody's, and now and then somebody else's handle is used. */
struct own {
    unsigned seed;
    HANDLE wait, timer;
    struct call *wait_call, *timer_call;
};

static void renew_wait(struct own *own)
{
    HANDLE completion = some_completion(&own->seed);
    if (own->wait && UnregisterWaitEx(own->wait, completion) && completion == INVALID_HANDLE_VALUE)
        add_to(&own->wait_call->over, 1);
    own->wait_call = &calls[add_to(&used, 1)];
    if (!RegisterWaitForSingleObject(
            &own->wait, events[draw(&own->seed, SLOTS)], run, own->wait_call, draw(&own->seed, 3),
            draw(&own->seed, 2) ? WT_EXECUTEONLYONCE : WT_EXECUTEINWAITTHREAD))
        own->wait = NULL;
    swap(&waits[draw(&own->seed, SLOTS)], own->wait);
}

static void renew_timer(struct own *own)
{
    HANDLE completion = some_completion(&own->seed);
    if (own->timer && DeleteTimerQueueTimer(NULL, own->timer, completion) &&
        completion == INVALID_HANDLE_VALUE)
        add_to(&own->timer_call->over, 1);
    own->timer_call = &calls[add_to(&used, 1)];
    if (!CreateTimerQueueTimer(&own->timer, look(&queues[draw(&own->seed, SLOTS)]), run,
                               own->timer_call, draw(&own->seed, 3), draw(&own->seed, 3),
                               draw(&own->seed, 2) ? WT_EXECUTEINTIMERTHREAD : 0))
        own->timer = NULL;
    swap(&timers[draw(&own->seed, SLOTS)], own->timer);
}

static void meddle(struct own *own)
{
    unsigned slot = draw(&own->seed, SLOTS);
    switch (draw(&own->seed, 5)) {
    case 0:
        SetEvent(events[slot]);
        break;
    case 1:
        (void)UnregisterWait(look(&waits[slot]));
        break;
    case 2:
        (void)ChangeTimerQueueTimer(NULL, look(&timers[slot]), draw(&own->seed, 3), 1);
        break;
    case 3:
        (void)DeleteTimerQueueTimer(NULL, look(&timers[slot]), NULL);
        break;
    default:
        (void)DeleteTimerQueueEx(swap(&queues[slot], CreateTimerQueue()),
                                 some_completion(&own->seed));
    }
}

static DWORD WINAPI work_through(LPVOID parameter)
{
    struct own own = {(unsigned)(ULONG_PTR)parameter, NULL, NULL, NULL, NULL};
    for (int i = 0; i < STEPS; i += 2) {
        renew_wait(&own);
        renew_timer(&own);
        meddle(&own);
    }
    (void)UnregisterWaitEx(own.wait, INVALID_HANDLE_VALUE);
    (void)DeleteTimerQueueTimer(NULL, own.timer, INVALID_HANDLE_VALUE);
    return 0;
}

TAP_TEST(many__deleted_by_several_threads)
{
    HANDLE threads[THREADS];
    for (int i = 0; i < SLOTS; i++) {
        events[i] = CreateEventA(NULL, i % 2, i % 3 == 0, NULL);
        queues[i] = CreateTimerQueue();
    }
    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = CreateThread(NULL, 0, work_through, (LPVOID)(ULONG_PTR)(i + 1), 0, NULL);
    for (int i = 0; i < THREADS; i++) {
        check(comes(threads[i]));
        CloseHandle(threads[i]);
    }
    for (int i = 0; i < SLOTS; i++) {
        (void)DeleteTimerQueueEx(queues[i], INVALID_HANDLE_VALUE);
        (void)UnregisterWaitEx(waits[i], INVALID_HANDLE_VALUE);
        CloseHandle(events[i]);
    }
    check(value_of(&ran) > 0);
    check_eq(value_of(&late), 0);
    printf("# %d callbacks\n", (int)value_of(&ran));
}

/* ---- timers: made in a queue that is being deleted ------------------------------------------- */

enum { QUEUES = 1000, MAKERS = 8 };
static HANDLE made[QUEUES];
static LONG newest;

/* A few for each queue, or as many as there is time for; their call is that of the queue. */
static DWORD WINAPI make_timers(LPVOID unused)
{
    LONG seen = -1, last;
    (void)unused;
    while ((last = value_of(&newest)) < QUEUES - 1) {
        HANDLE timer;
        if (last == seen)
            SwitchToThread();
        for (int i = 0; last != seen && i < 8; i++)
            (void)CreateTimerQueueTimer(&timer, made[last], run, &calls[last], 0, 0, 0);
        seen = last;
    }
    return 0;
}

TAP_TEST(many__timers_of_a_queue_that_is_deleted)
{
    HANDLE threads[MAKERS];
    ZeroMemory(calls, sizeof calls);
    late = 0;
    made[0] = CreateTimerQueue();
    for (int i = 0; i < MAKERS; i++)
        threads[i] = CreateThread(NULL, 0, make_timers, NULL, 0, NULL);
    for (int i = 0; i < QUEUES - 1; i++) {
        made[i + 1] = CreateTimerQueue();
        add_to(&newest, 1);
        SwitchToThread();
        check(DeleteTimerQueueEx(made[i], INVALID_HANDLE_VALUE));
        add_to(&calls[i].over, 1);
    }
    for (int i = 0; i < MAKERS; i++) {
        check(comes(threads[i]));
        CloseHandle(threads[i]);
    }
    check(DeleteTimerQueueEx(made[QUEUES - 1], INVALID_HANDLE_VALUE));
    check_eq(value_of(&late), 0);
}

/* ---- I/O objects: announced, forgotten, closed while the file completes ---------------------- */

#define ROUNDS 300

static void CALLBACK count_io(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
                              ULONG result, ULONG_PTR bytes, PTP_IO io)
{
    (void)instance;
    (void)overlapped;
    (void)result;
    (void)bytes;
    (void)io;
    add_to(context, 1);
}

static DWORD WINAPI write_one(LPVOID pipe)
{
    DWORD written;
    return !WriteFile(pipe, "x", 1, &written, NULL);
}

TAP_TEST(many__io_closed_while_the_file_completes)
{
    for (int round = 0; round < ROUNDS; round++) {
        OVERLAPPED overlapped = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
        LONG count = 0;
        DWORD bytes;
        char byte;
        HANDLE reader = CreateNamedPipeA("\\\\.\\pipe\\tp-many-test",
                                         PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED, PIPE_WAIT, 1,
                                         16, 16, 0, NULL);
        HANDLE writer = CreateFileA("\\\\.\\pipe\\tp-many-test", GENERIC_WRITE, 0, NULL,
                                    OPEN_EXISTING, 0, NULL);
        PTP_IO io = CreateThreadpoolIo(reader, count_io, &count, NULL);
        StartThreadpoolIo(io);
        (void)ReadFile(reader, &byte, 1, NULL, &overlapped);
        HANDLE thread = CreateThread(NULL, 0, write_one, writer, 0, NULL);
        if (round % 3 != 0) /* with cancel it may have come before, or not at all */
            WaitForThreadpoolIoCallbacks(io, round % 3 == 1);
        check_eq(GetOverlappedResult(reader, &overlapped, &bytes, TRUE), TRUE);
        check(comes(thread));
        if (round % 3 == 0)
            WaitForThreadpoolIoCallbacks(io, FALSE);
        check(round % 3 == 1 ? count <= 1 : count == 1);
        CloseThreadpoolIo(io);
        CloseHandle(thread);
        CloseHandle(writer);
        CloseHandle(reader);
        CloseHandle(overlapped.hEvent);
    }
}

int main(void)
{
    tap_run(many__deleted_by_several_threads);
    tap_run(many__timers_of_a_queue_that_is_deleted);
    tap_run(many__io_closed_while_the_file_completes);
    return tap_done();
}
