/* environ_test.c - TP_CALLBACK_ENVIRON: its layout, its setters, and what creates make of it. */
#include <windows.h>

#include <stddef.h>
#include <sys/mman.h>

#include "tests/support/tap.h"

static void CALLBACK count(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    (void)instance;
    (void)work;
    __atomic_fetch_add((LONG *)context, 1, __ATOMIC_SEQ_CST);
}

static void CALLBACK never(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    (void)instance;
    __atomic_fetch_add((LONG *)context, 1, __ATOMIC_SEQ_CST);
}

/* One post through an object made with that environment. */
static LONG run_once(PTP_CALLBACK_ENVIRON environment)
{
    LONG runs = 0;
    PTP_WORK work = CreateThreadpoolWork(count, &runs, environment);
    if (!work)
        return -1;
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    return runs;
}

static void expect_refused(PTP_CALLBACK_ENVIRON environment, DWORD error)
{
    LONG runs = 0;
    SetLastError(0);
    check(CreateThreadpoolWork(count, &runs, environment) == NULL);
    check_eq(GetLastError(), error);
    SetLastError(0);
    check_eq(TrySubmitThreadpoolCallback(never, &runs, environment), FALSE);
    check_eq(GetLastError(), error);
    check_eq(runs, 0);
}

#define SAME_OFFSET(field, offset) \
    check_eq(offsetof(TP_CALLBACK_ENVIRON_V1, field), offset); \
    check_eq(offsetof(TP_CALLBACK_ENVIRON_V3, field), offset)

TAP_TEST(environ__layout_is_that_of_windows)
{
    check_eq(sizeof(TP_CALLBACK_ENVIRON_V1), 64);
    check_eq(sizeof(TP_CALLBACK_ENVIRON_V3), 72);
    check_eq(sizeof(TP_CALLBACK_ENVIRON), 72);
    SAME_OFFSET(Version, 0);
    SAME_OFFSET(Pool, 8);
    SAME_OFFSET(CleanupGroup, 16);
    SAME_OFFSET(CleanupGroupCancelCallback, 24);
    SAME_OFFSET(RaceDll, 32);
    SAME_OFFSET(ActivationContext, 40);
    SAME_OFFSET(FinalizationCallback, 48);
    SAME_OFFSET(u.Flags, 56);
    check_eq(offsetof(TP_CALLBACK_ENVIRON_V3, CallbackPriority), 60);
    check_eq(offsetof(TP_CALLBACK_ENVIRON_V3, Size), 64);
}

TAP_TEST(environ__c027_initialise_gives_version_3_and_defaults)
{
    TP_CALLBACK_ENVIRON environment;
    memset(&environment, 0xff, sizeof environment);
    InitializeThreadpoolEnvironment(&environment);
    check_eq(environment.Version, 3);
    check_eq(environment.Size, 72);
    check_eq(environment.CallbackPriority, TP_CALLBACK_PRIORITY_NORMAL);
    check(!environment.Pool && !environment.CleanupGroup &&
          !environment.CleanupGroupCancelCallback);
    check(!environment.RaceDll && !environment.ActivationContext &&
          !environment.FinalizationCallback);
    check_eq(environment.u.Flags, 0);
    DestroyThreadpoolEnvironment(&environment);
}

TAP_TEST(environ__setters_write_their_fields)
{
    TP_CALLBACK_ENVIRON environment;
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, (PTP_POOL)(ULONG_PTR)1);
    SetThreadpoolCallbackLibrary(&environment, (PVOID)(ULONG_PTR)4);
    SetThreadpoolCallbackCleanupGroup(&environment, (PTP_CLEANUP_GROUP)(ULONG_PTR)2, NULL);
    TpSetCallbackFinalizationCallback(&environment, never);
    TpSetCallbackNoActivationContext(&environment);
    check(environment.Pool == (PTP_POOL)(ULONG_PTR)1);
    check(environment.CleanupGroup == (PTP_CLEANUP_GROUP)(ULONG_PTR)2);
    check(environment.RaceDll == (PVOID)(ULONG_PTR)4);
    check(environment.ActivationContext == (PACTIVATION_CONTEXT)(LONG_PTR)-1);
    check(environment.FinalizationCallback == never);
    SetThreadpoolCallbackRunsLong(&environment);
    check_eq(environment.u.Flags, 1);
    SetThreadpoolCallbackPersistent(&environment);
    check_eq(environment.u.Flags, 3);
    SetThreadpoolCallbackPriority(&environment, TP_CALLBACK_PRIORITY_LOW);
    check_eq(environment.CallbackPriority, 2);
}

TAP_TEST(environ__c028_null_and_initialised_are_the_same)
{
    TP_CALLBACK_ENVIRON environment;
    InitializeThreadpoolEnvironment(&environment);
    check_eq(run_once(NULL), 1);
    check_eq(run_once(&environment), 1);
}

TAP_TEST(environ__c029_overwritten_after_the_create)
{
    LONG runs = 0;
    TP_CALLBACK_ENVIRON environment;
    PTP_POOL pool = CreateThreadpool(NULL);
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    PTP_WORK work = CreateThreadpoolWork(count, &runs, &environment);
    memset(&environment, 0xff, sizeof environment);
    SubmitThreadpoolWork(work);
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    check_eq(runs, 2);
    CloseThreadpoolWork(work);
    CloseThreadpool(pool);
}

TAP_TEST(environ__c031_version_1_is_not_read_past_64_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(pages != MAP_FAILED);
    require(mprotect(pages + page, page, PROT_NONE) == 0);
    TP_CALLBACK_ENVIRON_V1 *environment = (TP_CALLBACK_ENVIRON_V1 *)(void *)(pages + page - 64);
    environment->Version = 1;
    check_eq(run_once((PTP_CALLBACK_ENVIRON)environment), 1);
    munmap(pages, 2 * page);
}

TAP_TEST(environ__c032_other_versions_are_refused)
{
    static const DWORD versions[] = {0, 2, 4, 9999, MAXDWORD};
    TP_CALLBACK_ENVIRON environment;
    for (size_t i = 0; i < ARRAYSIZE(versions); i++) {
        InitializeThreadpoolEnvironment(&environment);
        environment.Version = versions[i];
        expect_refused(&environment, ERROR_INVALID_PARAMETER);
    }
}

TAP_TEST(environ__c033_other_priorities_are_refused_by_the_create)
{
    TP_CALLBACK_ENVIRON environment;
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPriority(&environment, (TP_CALLBACK_PRIORITY)10);
    expect_refused(&environment, ERROR_INVALID_PARAMETER);
    SetThreadpoolCallbackPriority(&environment, TP_CALLBACK_PRIORITY_INVALID);
    expect_refused(&environment, ERROR_INVALID_PARAMETER);
}

TAP_TEST(environ__c034_the_three_priorities_are_taken)
{
    TP_CALLBACK_ENVIRON environment;
    InitializeThreadpoolEnvironment(&environment);
    for (int priority = 0; priority < TP_CALLBACK_PRIORITY_COUNT; priority++) {
        SetThreadpoolCallbackPriority(&environment, (TP_CALLBACK_PRIORITY)priority);
        check_eq(run_once(&environment), 1);
    }
}

TAP_TEST(environ__foreign_handles_in_it_are_refused)
{
    TP_CALLBACK_ENVIRON environment;
    InitializeThreadpoolEnvironment(&environment);
    environment.Pool = (PTP_POOL)&environment;
    expect_refused(&environment, ERROR_INVALID_HANDLE);
    InitializeThreadpoolEnvironment(&environment);
    environment.CleanupGroup = (PTP_CLEANUP_GROUP)&environment;
    expect_refused(&environment, ERROR_INVALID_HANDLE);
}

int main(void)
{
    tap_run(environ__layout_is_that_of_windows);
    tap_run(environ__c027_initialise_gives_version_3_and_defaults);
    tap_run(environ__setters_write_their_fields);
    tap_run(environ__c028_null_and_initialised_are_the_same);
    tap_run(environ__c029_overwritten_after_the_create);
    tap_run(environ__c031_version_1_is_not_read_past_64_bytes);
    tap_run(environ__c032_other_versions_are_refused);
    tap_run(environ__c033_other_priorities_are_refused_by_the_create);
    tap_run(environ__c034_the_three_priorities_are_taken);
    tap_run(environ__foreign_handles_in_it_are_refused);
    return tap_done();
}
