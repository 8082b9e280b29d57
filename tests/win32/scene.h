/* scene.h - what the tests in Windows style share: gates, times, and waiting for a handle. */
#ifndef TESTS_WIN32_SCENE_H
#define TESTS_WIN32_SCENE_H

#include <windows.h>

#include "tests/support/tap.h"

#define SCENE_UNUSED __attribute__((unused))

/* Long enough for what must come, on any machine; only a failing test waits so long. */
#define LONG_MS 20000u
/* How long is waited for what must not come. */
#define SHORT_MS 100u

/* The call fails, and says why. */
#define REFUSED(call, error) \
    do { \
        SetLastError(0); \
        check(!(call)); \
        check_eq(GetLastError(), error); \
    } while (0)

SCENE_UNUSED static LONG value_of(LONG *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

SCENE_UNUSED static LONG add_to(LONG *word, LONG count)
{
    return __atomic_add_fetch(word, count, __ATOMIC_SEQ_CST);
}

SCENE_UNUSED static bool comes(HANDLE handle)
{
    return WaitForSingleObject(handle, LONG_MS) == WAIT_OBJECT_0;
}

SCENE_UNUSED static bool stays_away(HANDLE handle)
{
    return WaitForSingleObject(handle, SHORT_MS) == WAIT_TIMEOUT;
}

/* From now, for a timer or a timeout. */
SCENE_UNUSED static FILETIME *in_ms(FILETIME *time, LONGLONG milliseconds)
{
    ULARGE_INTEGER ticks;
    ticks.QuadPart = (ULONGLONG)(-milliseconds * 10000);
    time->dwLowDateTime = ticks.u.LowPart;
    time->dwHighDateTime = ticks.u.HighPart;
    return time;
}

/* A point in time. */
SCENE_UNUSED static FILETIME *at_ms(FILETIME *time, LONGLONG milliseconds_from_now)
{
    LARGE_INTEGER ticks;
    NtQuerySystemTime(&ticks);
    ticks.QuadPart += milliseconds_from_now * 10000;
    time->dwLowDateTime = ticks.u.LowPart;
    time->dwHighDateTime = (DWORD)ticks.u.HighPart;
    return time;
}

SCENE_UNUSED static HANDLE new_event(void) /* of automatic reset */
{
    return CreateEventA(NULL, FALSE, FALSE, NULL);
}

/* ---- gate: a pool of one thread, which is busy until the gate is opened ---------------------- */

struct gate {
    PTP_POOL pool;
    TP_CALLBACK_ENVIRON environment; /* of the pool, without a group */
    HANDLE entered, opened;
    PTP_WORK blocker;
};

static void CALLBACK gate_block(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct gate *gate = context;
    (void)instance;
    (void)work;
    SetEvent(gate->entered);
    WaitForSingleObject(gate->opened, INFINITE);
}

SCENE_UNUSED static void gate_init(struct gate *gate)
{
    gate->pool = CreateThreadpool(NULL);
    SetThreadpoolThreadMaximum(gate->pool, 1);
    InitializeThreadpoolEnvironment(&gate->environment);
    SetThreadpoolCallbackPool(&gate->environment, gate->pool);
    gate->entered = new_event();
    gate->opened = CreateEventA(NULL, TRUE, FALSE, NULL);
    gate->blocker = CreateThreadpoolWork(gate_block, gate, &gate->environment);
    SubmitThreadpoolWork(gate->blocker);
    check(comes(gate->entered));
}

SCENE_UNUSED static void gate_open(struct gate *gate)
{
    SetEvent(gate->opened);
}

/* With an open gate. */
SCENE_UNUSED static void gate_fini(struct gate *gate)
{
    WaitForThreadpoolWorkCallbacks(gate->blocker, FALSE);
    CloseThreadpoolWork(gate->blocker);
    DestroyThreadpoolEnvironment(&gate->environment);
    CloseThreadpool(gate->pool);
    CloseHandle(gate->entered);
    CloseHandle(gate->opened);
}

#endif
