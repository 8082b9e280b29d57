/* work_test.c - simple callbacks, work and priorities in Windows style. */
#include "tests/win32/scene.h"

struct trace {
    LONG length;
    char letters[64];
};

struct letter {
    struct trace *trace;
    char letter;
};

static void CALLBACK write_letter(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct letter *letter = context;
    (void)instance;
    (void)work;
    letter->trace->letters[add_to(&letter->trace->length, 1) - 1] = letter->letter;
}

static void CALLBACK count_simple(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    if (instance)
        add_to(context, 1);
}

static void CALLBACK count(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    (void)work;
    count_simple(instance, context);
}

/* C-043, C-044: on the default pool and on one of one's own, waited for through a group. */
TAP_TEST(work__c043_simple_callback_runs_once)
{
    LONG runs = 0;
    TP_CALLBACK_ENVIRON environment;
    PTP_POOL pool = CreateThreadpool(NULL);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackCleanupGroup(&environment, group, NULL);
    check_eq(TrySubmitThreadpoolCallback(count_simple, &runs, &environment), TRUE);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    check_eq(runs, 1);
    SetThreadpoolCallbackPool(&environment, pool);
    check_eq(TrySubmitThreadpoolCallback(count_simple, &runs, &environment), TRUE);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    check_eq(runs, 2);
    CloseThreadpoolCleanupGroup(group);
    CloseThreadpool(pool);
}

TAP_TEST(work__callback_of_null_is_refused)
{
    SetLastError(0);
    check(CreateThreadpoolWork(NULL, NULL, NULL) == NULL);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    SetLastError(0);
    check_eq(TrySubmitThreadpoolCallback(NULL, NULL, NULL), FALSE);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
}

TAP_TEST(work__c052_five_submits_five_runs)
{
    LONG runs = 0;
    PTP_WORK work = CreateThreadpoolWork(count, &runs, NULL);
    WaitForThreadpoolWorkCallbacks(work, FALSE); /* C-051: nothing to wait for */
    WaitForThreadpoolWorkCallbacks(work, TRUE);
    for (int i = 0; i < 5; i++)
        SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    check_eq(runs, 5);
    CloseThreadpoolWork(work);
}

/* C-054, C-057: what is queued is dropped, and the object goes on. */
TAP_TEST(work__c054_wait_with_cancel_drops_what_is_queued)
{
    LONG runs = 0;
    struct gate gate;
    gate_init(&gate);
    PTP_WORK work = CreateThreadpoolWork(count, &runs, &gate.environment);
    for (int i = 0; i < 3; i++)
        SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, TRUE);
    gate_open(&gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    check_eq(runs, 0);
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    check_eq(runs, 1);
    CloseThreadpoolWork(work);
    gate_fini(&gate);
}

struct closing {
    LONG runs;
    PTP_WORK work;
    LONG strangers;
    HANDLE done;
};

static void CALLBACK compare(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct closing *closing = context;
    (void)instance;
    if (work != closing->work)
        add_to(&closing->strangers, 1);
    if (add_to(&closing->runs, 1) == 3)
        SetEvent(closing->done);
}

/* C-058, C-061: closed with posts queued; they run, and are told the old pointer. */
TAP_TEST(work__c061_closed_with_posts_queued)
{
    struct closing closing = {0, NULL, 0, new_event()};
    struct gate gate;
    gate_init(&gate);
    closing.work = CreateThreadpoolWork(compare, &closing, &gate.environment);
    for (int i = 0; i < 3; i++)
        SubmitThreadpoolWork(closing.work);
    CloseThreadpoolWork(closing.work);
    gate_open(&gate);
    check(comes(closing.done));
    check_eq(closing.strangers, 0);
    gate_fini(&gate);
    CloseHandle(closing.done);
}

struct chain {
    LONG left;
    LONG runs;
};

static void CALLBACK resubmit(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct chain *chain = context;
    (void)instance;
    add_to(&chain->runs, 1);
    if (add_to(&chain->left, -1) > 0)
        SubmitThreadpoolWork(work);
}

TAP_TEST(work__c059_chain_of_20_is_waited_for)
{
    struct chain chain = {20, 0};
    PTP_WORK work = CreateThreadpoolWork(resubmit, &chain, NULL);
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    check_eq(chain.runs, 20);
    CloseThreadpoolWork(work);
}

/* C-068: three of each, lowest first, on one thread. C-030: one environment for all. */
TAP_TEST(work__c068_c030_higher_priorities_first)
{
    struct trace trace = {0, {0}};
    struct letter letters[] = {{&trace, 'H'}, {&trace, 'N'}, {&trace, 'L'}};
    PTP_WORK works[3];
    struct gate gate;
    gate_init(&gate);
    for (int priority = 0; priority < 3; priority++) {
        SetThreadpoolCallbackPriority(&gate.environment, (TP_CALLBACK_PRIORITY)priority);
        works[priority] = CreateThreadpoolWork(write_letter, &letters[priority], &gate.environment);
    }
    for (int priority = 2; priority >= 0; priority--)
        for (int i = 0; i < 3; i++)
            SubmitThreadpoolWork(works[priority]);
    gate_open(&gate);
    for (int priority = 0; priority < 3; priority++) {
        WaitForThreadpoolWorkCallbacks(works[priority], FALSE);
        CloseThreadpoolWork(works[priority]);
    }
    check(strcmp(trace.letters, "HHHNNNLLL") == 0);
    gate_fini(&gate);
}

/* C-071: of one priority, objects take turns. */
TAP_TEST(work__c071_objects_take_turns)
{
    struct trace trace = {0, {0}};
    struct letter letters[] = {{&trace, 'A'}, {&trace, 'B'}};
    struct gate gate;
    gate_init(&gate);
    PTP_WORK a = CreateThreadpoolWork(write_letter, &letters[0], &gate.environment);
    PTP_WORK b = CreateThreadpoolWork(write_letter, &letters[1], &gate.environment);
    for (int i = 0; i < 3; i++)
        SubmitThreadpoolWork(a);
    for (int i = 0; i < 3; i++)
        SubmitThreadpoolWork(b);
    gate_open(&gate);
    WaitForThreadpoolWorkCallbacks(a, FALSE);
    WaitForThreadpoolWorkCallbacks(b, FALSE);
    check(strcmp(trace.letters, "ABABAB") == 0);
    CloseThreadpoolWork(a);
    CloseThreadpoolWork(b);
    gate_fini(&gate);
}

int main(void)
{
    tap_run(work__c043_simple_callback_runs_once);
    tap_run(work__callback_of_null_is_refused);
    tap_run(work__c052_five_submits_five_runs);
    tap_run(work__c054_wait_with_cancel_drops_what_is_queued);
    tap_run(work__c061_closed_with_posts_queued);
    tap_run(work__c059_chain_of_20_is_waited_for);
    tap_run(work__c068_c030_higher_priorities_first);
    tap_run(work__c071_objects_take_turns);
    return tap_done();
}
