/* simple.c - callbacks without an object. */
#include "tests/win32/suite/suite.h"

struct once {
    PTP_CALLBACK_INSTANCE instance;
    PVOID context;
    HANDLE event;
};

static void CALLBACK note(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    struct once *once = context;

    once->instance = instance;
    once->context = context;
    SetEvent(once->event);
}

static void CALLBACK submit_another(PTP_CALLBACK_INSTANCE instance, PVOID counter)
{
    (void)instance;
    TrySubmitThreadpoolCallback(count_simple, counter, NULL);
    InterlockedIncrement((volatile LONG *)counter);
}

void simple_part(void)
{
    struct once once = {NULL, NULL, new_event()};
    TP_CALLBACK_ENVIRON environment;
    struct room room;
    volatile LONG ran = 0;

    say_told("C-043", "TrySubmitThreadpoolCallback",
             TrySubmitThreadpoolCallback(note, &once, NULL));
    say_yes("C-043", "its callback comes", comes(once.event));
    say_yes("C-043", "with its context, and an instance",
            once.context == &once && once.instance != NULL);

    InitializeThreadpoolEnvironment(&environment);
    room_open(&room, 2);
    TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, NULL);
    TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, &environment);
    TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, &room.environment);
    reaches(&ran, 3);
    say_count("C-044", "callbacks of no environment, a new one and one with a pool", stays(&ran));
    room_close(&room);

    ran = 0;
    TrySubmitThreadpoolCallback(submit_another, (PVOID)&ran, NULL);
    reaches(&ran, 2);
    say_count("C-049", "a callback and another that it submitted", stays(&ran));

    ran = 0;
    for (int i = 0; i < 100; i++)
        TrySubmitThreadpoolCallback(count_simple, (PVOID)&ran, NULL);
    reaches(&ran, 100);
    say_count("C-043", "callbacks of 100 submitted", stays(&ran));
    CloseHandle(once.event);
}
