/* work.c - work objects: submitted, waited for, closed. */
#include "tests/win32/suite/suite.h"

struct chain {
    volatile LONG left;
    volatile LONG ran;
};

struct pair {
    HANDLE entered;
    HANDLE open;
    volatile LONG over;
};

static PTP_WORK seen_work;
static PVOID seen_context;

static void CALLBACK see(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    (void)instance;
    seen_work = work;
    seen_context = context;
}

static void first(void)
{
    volatile LONG ran = 0;
    int context;
    PTP_WORK work = CreateThreadpoolWork(count_work, (PVOID)&ran, NULL);

    say_made("C-050", "CreateThreadpoolWork", work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    WaitForThreadpoolWorkCallbacks(work, TRUE);
    say_count("C-051", "callbacks after waits for what was not submitted", stays(&ran));
    for (int i = 0; i < 5; i++)
        SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    say_count("C-052", "callbacks of 5 submits after the wait", ran);
    CloseThreadpoolWork(work);
    say_count("C-212", "and after the close", stays(&ran));

    work = CreateThreadpoolWork(see, &context, NULL);
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    say_yes("C-058", "a callback gets its object", seen_work == work);
    say_yes("C-058", "and its context", seen_context == &context);
    CloseThreadpoolWork(work);

    SetLastError(0);
    say_made("C-050", "CreateThreadpoolWork with a NULL context",
             work = CreateThreadpoolWork(see, NULL, NULL));
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    say_yes("C-050", "whose callback gets NULL", seen_context == NULL);
    CloseThreadpoolWork(work);
}

static void dropped(void)
{
    struct gate gate;
    volatile LONG ran = 0;
    PTP_WORK work;

    gate_shut(&gate);
    work = CreateThreadpoolWork(count_work, (PVOID)&ran, &gate.room.environment);
    for (int i = 0; i < 3; i++)
        SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, TRUE);
    say_count("C-054", "callbacks of 3 queued after a wait that cancels", ran);
    gate_open(&gate);
    say_count("C-054", "and when the pool's thread is free again", stays(&ran));
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    say_count("C-057", "the object serves again", ran);
    CloseThreadpoolWork(work);
    gate_close(&gate);
}

static void CALLBACK stay(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct pair *pair = context;

    (void)instance;
    (void)work;
    SetEvent(pair->entered);
    WaitForSingleObject(pair->open, PATIENCE);
    InterlockedIncrement(&pair->over);
}

struct waiter {
    PTP_WORK work;
    BOOL cancel;
    volatile LONG returned;
};

static DWORD WINAPI wait_for_it(LPVOID context)
{
    struct waiter *waiter = context;

    WaitForThreadpoolWorkCallbacks(waiter->work, waiter->cancel);
    InterlockedIncrement(&waiter->returned);
    return 0;
}

/* Who waits for a callback that runs, with and without cancel. */
static void running(void)
{
    struct room room;
    struct pair pair = {new_event(), new_manual(), 0};
    struct waiter plain = {NULL, FALSE, 0}, cancelling = {NULL, TRUE, 0};
    HANDLE threads[3];
    PTP_WORK work;

    room_open(&room, 1);
    work = CreateThreadpoolWork(stay, &pair, &room.environment);
    plain.work = cancelling.work = work;
    SubmitThreadpoolWork(work);
    comes(pair.entered);
    threads[0] = start(wait_for_it, &plain);
    threads[1] = start(wait_for_it, &plain);
    threads[2] = start(wait_for_it, &cancelling);
    say_count("C-055", "waits that cancel and return while a callback runs",
              stays(&cancelling.returned));
    say_count("C-063", "waits that do not and return while it runs", plain.returned);
    SetEvent(pair.open);
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    say_count("C-055", "that cancel, when it is over", cancelling.returned);
    say_count("C-063", "that do not", plain.returned);
    CloseThreadpoolWork(work);
    room_close(&room);
    CloseHandle(pair.entered);
    CloseHandle(pair.open);
}

/* One thread waits for what is queued, another drops it. */
static void released(void)
{
    struct gate gate;
    volatile LONG ran = 0;
    struct waiter waiter = {NULL, FALSE, 0};
    HANDLE thread;

    gate_shut(&gate);
    waiter.work = CreateThreadpoolWork(count_work, (PVOID)&ran, &gate.room.environment);
    SubmitThreadpoolWork(waiter.work);
    thread = start(wait_for_it, &waiter);
    say_count("C-064", "waits that return while a post is queued", stays(&waiter.returned));
    WaitForThreadpoolWorkCallbacks(waiter.work, TRUE);
    say_yes("C-064", "another thread's wait that cancels lets it go",
            WaitForSingleObject(thread, SHORTER) == WAIT_OBJECT_0);
    gate_open(&gate);
    if (!waiter.returned) {
        SubmitThreadpoolWork(waiter.work);
        WaitForThreadpoolWorkCallbacks(waiter.work, FALSE);
    }
    join(thread);
    CloseThreadpoolWork(waiter.work);
    gate_close(&gate);
}

static void CALLBACK resubmit(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct chain *chain = context;

    (void)instance;
    InterlockedIncrement(&chain->ran);
    if (InterlockedDecrement(&chain->left) > 0)
        SubmitThreadpoolWork(work);
}

static void chains(void)
{
    struct chain chain = {20, 0};
    PTP_WORK work = CreateThreadpoolWork(resubmit, &chain, NULL);

    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    say_count("C-059", "a chain of 20 that submits itself, after the wait", chain.ran);
    CloseThreadpoolWork(work);
}

static void CALLBACK close_itself(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    (void)instance;
    CloseThreadpoolWork(work);
    Sleep(1);
    InterlockedIncrement((volatile LONG *)context);
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
    CloseThreadpoolWork(work);
    say_count("C-061", "callbacks of 3 queued after the close", stays(&ran));
    gate_open(&gate);
    say_count("C-061", "and when the pool's thread is free again", reaches(&ran, 3));
    gate_close(&gate);

    ran = 0;
    work = CreateThreadpoolWork(close_itself, (PVOID)&ran, NULL);
    SubmitThreadpoolWork(work);
    say_count("C-062", "a callback that closes its object goes on", reaches(&ran, 1));
}

struct both {
    volatile LONG inside;
    HANDLE met;
};

static void CALLBACK overlap(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct both *both = context;

    (void)instance;
    (void)work;
    if (InterlockedIncrement(&both->inside) == 2)
        SetEvent(both->met);
    WaitForSingleObject(both->met, PATIENCE);
}

static DWORD WINAPI submit_many(LPVOID work)
{
    for (int i = 0; i < 250; i++)
        SubmitThreadpoolWork(work);
    return 0;
}

static void many(void)
{
    struct room room;
    struct both both = {0, new_manual()};
    volatile LONG ran = 0;
    HANDLE threads[4];
    PTP_WORK work;

    room_open(&room, 8);
    work = CreateThreadpoolWork(overlap, &both, &room.environment);
    SubmitThreadpoolWork(work);
    SubmitThreadpoolWork(work);
    say_yes("C-066", "two callbacks of one object meet",
            WaitForSingleObject(both.met, PATIENCE) == WAIT_OBJECT_0);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    work = CreateThreadpoolWork(count_work, (PVOID)&ran, &room.environment);
    for (int i = 0; i < 4; i++)
        threads[i] = start(submit_many, work);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    say_count("C-067", "callbacks of 1000 submits by 4 threads", ran);
    CloseThreadpoolWork(work);
    room_close(&room);
    CloseHandle(both.met);
}

void work_part(void)
{
    first();
    dropped();
    running();
    released();
    chains();
    closed();
    many();
}
