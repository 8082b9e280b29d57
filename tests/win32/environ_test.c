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
static LONG run_once(PTP_CALLBACK_ENVIRON environ)
{
    LONG runs = 0;
    PTP_WORK work = CreateThreadpoolWork(count, &runs, environ);
    if (!work)
        return -1;
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    return runs;
}

static void expect_refused(PTP_CALLBACK_ENVIRON environ, DWORD error)
{
    LONG runs = 0;
    SetLastError(0);
    check(CreateThreadpoolWork(count, &runs, environ) == NULL);
    check_eq(GetLastError(), error);
    SetLastError(0);
    check_eq(TrySubmitThreadpoolCallback(never, &runs, environ), FALSE);
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
    TP_CALLBACK_ENVIRON environ;
    memset(&environ, 0xff, sizeof environ);
    InitializeThreadpoolEnvironment(&environ);
    check_eq(environ.Version, 3);
    check_eq(environ.Size, 72);
    check_eq(environ.CallbackPriority, TP_CALLBACK_PRIORITY_NORMAL);
    check(!environ.Pool && !environ.CleanupGroup && !environ.CleanupGroupCancelCallback);
    check(!environ.RaceDll && !environ.ActivationContext && !environ.FinalizationCallback);
    check_eq(environ.u.Flags, 0);
    DestroyThreadpoolEnvironment(&environ);
}

TAP_TEST(environ__setters_write_their_fields)
{
    TP_CALLBACK_ENVIRON environ;
    InitializeThreadpoolEnvironment(&environ);
    SetThreadpoolCallbackPool(&environ, (PTP_POOL)(ULONG_PTR)1);
    SetThreadpoolCallbackLibrary(&environ, (PVOID)(ULONG_PTR)4);
    SetThreadpoolCallbackCleanupGroup(&environ, (PTP_CLEANUP_GROUP)(ULONG_PTR)2, NULL);
    TpSetCallbackFinalizationCallback(&environ, never);
    TpSetCallbackNoActivationContext(&environ);
    check(environ.Pool == (PTP_POOL)(ULONG_PTR)1);
    check(environ.CleanupGroup == (PTP_CLEANUP_GROUP)(ULONG_PTR)2);
    check(environ.RaceDll == (PVOID)(ULONG_PTR)4);
    check(environ.ActivationContext == (PACTIVATION_CONTEXT)(LONG_PTR)-1);
    check(environ.FinalizationCallback == never);
    SetThreadpoolCallbackRunsLong(&environ);
    check_eq(environ.u.Flags, 1);
    SetThreadpoolCallbackPersistent(&environ);
    check_eq(environ.u.Flags, 3);
    SetThreadpoolCallbackPriority(&environ, TP_CALLBACK_PRIORITY_LOW);
    check_eq(environ.CallbackPriority, 2);
}

TAP_TEST(environ__c028_null_and_initialised_are_the_same)
{
    TP_CALLBACK_ENVIRON environ;
    InitializeThreadpoolEnvironment(&environ);
    check_eq(run_once(NULL), 1);
    check_eq(run_once(&environ), 1);
}

TAP_TEST(environ__c029_overwritten_after_the_create)
{
    LONG runs = 0;
    TP_CALLBACK_ENVIRON environ;
    PTP_POOL pool = CreateThreadpool(NULL);
    InitializeThreadpoolEnvironment(&environ);
    SetThreadpoolCallbackPool(&environ, pool);
    PTP_WORK work = CreateThreadpoolWork(count, &runs, &environ);
    memset(&environ, 0xff, sizeof environ);
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
    TP_CALLBACK_ENVIRON_V1 *environ = (TP_CALLBACK_ENVIRON_V1 *)(void *)(pages + page - 64);
    environ->Version = 1;
    check_eq(run_once((PTP_CALLBACK_ENVIRON)environ), 1);
    munmap(pages, 2 * page);
}

TAP_TEST(environ__c032_other_versions_are_refused)
{
    static const DWORD versions[] = {0, 2, 4, 9999, MAXDWORD};
    TP_CALLBACK_ENVIRON environ;
    for (size_t i = 0; i < ARRAYSIZE(versions); i++) {
        InitializeThreadpoolEnvironment(&environ);
        environ.Version = versions[i];
        expect_refused(&environ, ERROR_INVALID_PARAMETER);
    }
}

TAP_TEST(environ__c033_other_priorities_are_refused_by_the_create)
{
    TP_CALLBACK_ENVIRON environ;
    InitializeThreadpoolEnvironment(&environ);
    SetThreadpoolCallbackPriority(&environ, (TP_CALLBACK_PRIORITY)10);
    expect_refused(&environ, ERROR_INVALID_PARAMETER);
    SetThreadpoolCallbackPriority(&environ, TP_CALLBACK_PRIORITY_INVALID);
    expect_refused(&environ, ERROR_INVALID_PARAMETER);
}

TAP_TEST(environ__c034_the_three_priorities_are_taken)
{
    TP_CALLBACK_ENVIRON environ;
    InitializeThreadpoolEnvironment(&environ);
    for (int priority = 0; priority < TP_CALLBACK_PRIORITY_COUNT; priority++) {
        SetThreadpoolCallbackPriority(&environ, (TP_CALLBACK_PRIORITY)priority);
        check_eq(run_once(&environ), 1);
    }
}

TAP_TEST(environ__foreign_handles_in_it_are_refused)
{
    TP_CALLBACK_ENVIRON environ;
    InitializeThreadpoolEnvironment(&environ);
    environ.Pool = (PTP_POOL)&environ;
    expect_refused(&environ, ERROR_INVALID_HANDLE);
    InitializeThreadpoolEnvironment(&environ);
    environ.CleanupGroup = (PTP_CLEANUP_GROUP)&environ;
    expect_refused(&environ, ERROR_INVALID_HANDLE);
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
