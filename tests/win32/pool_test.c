/* pool_test.c - pools and cleanup groups in Windows style. */
#include "tests/win32/scene.h"

struct seen {
    LONG runs;
    LONG others; /* runs on another thread than the first */
    DWORD thread;
};

static void CALLBACK note_thread(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct seen *seen = context;
    (void)instance;
    (void)work;
    if (add_to(&seen->runs, 1) == 1)
        seen->thread = GetCurrentThreadId();
    else if (seen->thread != GetCurrentThreadId())
        add_to(&seen->others, 1);
}

struct party {
    LONG here;
    LONG wanted;
    HANDLE all;
};

static void CALLBACK meet(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct party *party = context;
    (void)instance;
    (void)work;
    if (add_to(&party->here, 1) == party->wanted)
        SetEvent(party->all);
    WaitForSingleObject(party->all, INFINITE);
}

TAP_TEST(pool__c001_create_and_close)
{
    PTP_POOL pool = CreateThreadpool(NULL);
    check(pool != NULL);
    CloseThreadpool(pool);
}

TAP_TEST(pool__c002_reserved_must_be_null)
{
    SetLastError(0);
    check(CreateThreadpool(&pool__c002_reserved_must_be_null) == NULL);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
}

/* C-012: the minimum raises the maximum, so that four callbacks meet. */
TAP_TEST(pool__c012_minimum_above_maximum_raises_it)
{
    struct party party = {0, 4, CreateEventA(NULL, TRUE, FALSE, NULL)};
    TP_CALLBACK_ENVIRON environment;
    PTP_POOL pool = CreateThreadpool(NULL);
    SetThreadpoolThreadMaximum(pool, 2);
    check_eq(SetThreadpoolThreadMinimum(pool, 4), TRUE);
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    PTP_WORK work = CreateThreadpoolWork(meet, &party, &environment);
    for (int i = 0; i < 4; i++)
        SubmitThreadpoolWork(work);
    check(comes(party.all));
    SetEvent(party.all);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    check_eq(party.here, 4);
    CloseThreadpoolWork(work);
    CloseThreadpool(pool);
    CloseHandle(party.all);
}

/* C-007, C-009: 0 counts as 1, and raising the maximum lets the rest in. */
TAP_TEST(pool__c009_maximum_of_0_is_1)
{
    struct party party = {0, 2, CreateEventA(NULL, TRUE, FALSE, NULL)};
    TP_CALLBACK_ENVIRON environment;
    PTP_POOL pool = CreateThreadpool(NULL);
    SetThreadpoolThreadMaximum(pool, 0);
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    PTP_WORK work = CreateThreadpoolWork(meet, &party, &environment);
    SubmitThreadpoolWork(work);
    SubmitThreadpoolWork(work);
    check(stays_away(party.all));
    check_eq(value_of(&party.here), 1);
    SetThreadpoolThreadMaximum(pool, MAXDWORD);
    check(comes(party.all));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    CloseThreadpool(pool);
    CloseHandle(party.all);
}

TAP_TEST(pool__c014_one_persistent_thread)
{
    struct seen seen = {0, 0, 0};
    TP_CALLBACK_ENVIRON environment;
    PTP_POOL pool = CreateThreadpool(NULL);
    SetThreadpoolThreadMaximum(pool, 1);
    check_eq(SetThreadpoolThreadMinimum(pool, 1), TRUE);
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    PTP_WORK work = CreateThreadpoolWork(note_thread, &seen, &environment);
    for (int i = 0; i < 100; i++)
        SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    check_eq(seen.runs, 100);
    check_eq(seen.others, 0);
    check(seen.thread != GetCurrentThreadId());
    CloseThreadpoolWork(work);
    CloseThreadpool(pool);
}

TAP_TEST(pool__c018_stack_information)
{
    TP_POOL_STACK_INFORMATION told = {0, 0}, wanted = {1 << 20, 1 << 16};
    PTP_POOL pool = CreateThreadpool(NULL);
    check_eq(QueryThreadpoolStackInformation(pool, &told), TRUE);
    check(told.StackReserve != 0);
    check_eq(SetThreadpoolStackInformation(pool, &wanted), TRUE);
    check_eq(QueryThreadpoolStackInformation(pool, &told), TRUE);
    check_eq(told.StackReserve, 1 << 20);
    check_eq(told.StackCommit, 1 << 16);
    SetLastError(0);
    check_eq(SetThreadpoolStackInformation(pool, NULL), FALSE);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    SetLastError(0);
    check_eq(QueryThreadpoolStackInformation(pool, NULL), FALSE);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    CloseThreadpool(pool);
}

/* C-020, C-021, C-184: closed while posts are queued; they run, and so does what is submitted
 * after. */
TAP_TEST(pool__c020_c021_closed_pool_serves_its_objects)
{
    struct seen seen = {0, 0, 0};
    struct gate gate;
    gate_init(&gate);
    PTP_WORK work = CreateThreadpoolWork(note_thread, &seen, &gate.environment);
    SubmitThreadpoolWork(work);
    SubmitThreadpoolWork(work);
    CloseThreadpool(gate.pool);
    SubmitThreadpoolWork(work);
    gate_open(&gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    check_eq(seen.runs, 3);
    SetLastError(0);
    check(CreateThreadpoolWork(note_thread, &seen, &gate.environment) == NULL);
    check(GetLastError() != 0);
    CloseThreadpoolWork(work);
    gate_fini(&gate); /* closes the pool once more: does nothing */
}

TAP_TEST(pool__c025_limits_of_the_default_pool_are_nobodys)
{
    SetLastError(0);
    check_eq(SetThreadpoolThreadMinimum(NULL, 2), FALSE);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    SetThreadpoolThreadMaximum(NULL, 1);
    struct party party = {0, 2, CreateEventA(NULL, TRUE, FALSE, NULL)};
    PTP_WORK work = CreateThreadpoolWork(meet, &party, NULL);
    SubmitThreadpoolWork(work);
    SubmitThreadpoolWork(work);
    check(comes(party.all));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    CloseHandle(party.all);
}

/* ---- groups ---------------------------------------------------------------------------------- */

struct member {
    LONG runs;
    LONG cancels;
    PVOID cleanup_context;
    DWORD canceller;
};

static void CALLBACK member_simple(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    (void)instance;
    add_to(&((struct member *)context)->runs, 1);
}

static void CALLBACK member_work(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    (void)work;
    member_simple(instance, context);
}

static void CALLBACK member_timer(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
    (void)timer;
    member_simple(instance, context);
}

static void CALLBACK member_wait(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
                                 TP_WAIT_RESULT result)
{
    (void)wait;
    (void)result;
    member_simple(instance, context);
}

static void CALLBACK cancelled(PVOID object_context, PVOID cleanup_context)
{
    struct member *member = object_context;
    add_to(&member->cancels, 1);
    member->cleanup_context = cleanup_context;
    member->canceller = GetCurrentThreadId();
}

/* C-165, C-173: what is queued runs, and nobody hears of a cancel. */
TAP_TEST(group__c165_members_closed_without_cancel)
{
    struct member member = {0, 0, NULL, 0};
    TP_CALLBACK_ENVIRON environment;
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    require(group != NULL);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL); /* C-164: an empty one */
    InitializeThreadpoolEnvironment(&environment);          /* C-182: on the default pool */
    SetThreadpoolCallbackCleanupGroup(&environment, group, cancelled);
    PTP_WORK work = CreateThreadpoolWork(member_work, &member, &environment);
    for (int i = 0; i < 3; i++)
        SubmitThreadpoolWork(work);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    check_eq(member.runs, 3);
    check_eq(member.cancels, 0);
    CloseThreadpoolCleanupGroup(group);
}

static DWORD WINAPI close_members(LPVOID parameter)
{
    CloseThreadpoolCleanupGroupMembers((PTP_CLEANUP_GROUP)parameter, TRUE, parameter);
    return 0;
}

/* C-167, C-168, C-169, C-171: a simple callback, a work, a timer and a wait, all queued. */
TAP_TEST(group__c167_cancelled_members_hear_of_it_once)
{
    struct member simple = {0, 0, NULL, 0}, work = simple, timer = simple, wait = simple;
    struct member *members[] = {&simple, &work, &timer, &wait};
    struct gate gate;
    FILETIME now;
    DWORD thread_id;
    gate_init(&gate);
    HANDLE event = CreateEventA(NULL, TRUE, TRUE, NULL);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    TP_CALLBACK_ENVIRON environment = gate.environment;
    SetThreadpoolCallbackCleanupGroup(&environment, group, cancelled);
    check_eq(TrySubmitThreadpoolCallback(member_simple, &simple, &environment), TRUE);
    PTP_WORK work_object = CreateThreadpoolWork(member_work, &work, &environment);
    for (int i = 0; i < 10; i++)
        SubmitThreadpoolWork(work_object);
    SetThreadpoolTimer(CreateThreadpoolTimer(member_timer, &timer, &environment), in_ms(&now, 0), 0,
                       0);
    SetThreadpoolWait(CreateThreadpoolWait(member_wait, &wait, &environment), event, NULL);
    HANDLE thread = CreateThread(NULL, 0, close_members, group, 0, &thread_id);
    check(comes(thread));
    gate_open(&gate);
    for (size_t i = 0; i < ARRAYSIZE(members); i++) {
        check_eq(members[i]->runs, 0);
        check_eq(members[i]->cancels, 1);
        check(members[i]->cleanup_context == group);
        check_eq(members[i]->canceller, thread_id);
    }
    CloseThreadpoolCleanupGroup(group);
    CloseHandle(thread);
    CloseHandle(event);
    gate_fini(&gate);
}

/* C-172, C-174, C-175: idle ones hear of it too, closed ones do not, and NULL is no callback. */
TAP_TEST(group__c175_closed_member_hears_nothing)
{
    struct member idle = {0, 0, NULL, 0}, closed = idle, quiet = idle;
    TP_CALLBACK_ENVIRON environment;
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackCleanupGroup(&environment, group, cancelled);
    check(CreateThreadpoolWork(member_work, &idle, &environment) != NULL);
    CloseThreadpoolWork(CreateThreadpoolWork(member_work, &closed, &environment));
    SetThreadpoolCallbackCleanupGroup(&environment, group, NULL);
    check(CreateThreadpoolWork(member_work, &quiet, &environment) != NULL);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
    check_eq(idle.cancels, 1);
    check_eq(closed.cancels, 0);
    check_eq(quiet.cancels, 0);
    CloseThreadpoolCleanupGroup(group);
}

int main(void)
{
    tap_run(pool__c001_create_and_close);
    tap_run(pool__c002_reserved_must_be_null);
    tap_run(pool__c012_minimum_above_maximum_raises_it);
    tap_run(pool__c009_maximum_of_0_is_1);
    tap_run(pool__c014_one_persistent_thread);
    tap_run(pool__c018_stack_information);
    tap_run(pool__c020_c021_closed_pool_serves_its_objects);
    tap_run(pool__c025_limits_of_the_default_pool_are_nobodys);
    tap_run(group__c165_members_closed_without_cancel);
    tap_run(group__c167_cancelled_members_hear_of_it_once);
    tap_run(group__c175_closed_member_hears_nothing);
    return tap_done();
}
