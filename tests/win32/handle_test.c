/* handle_test.c - handles: stale ones, garbage, duplicates, names, and what kind they are of. */
#include <windows.h>

#include "tests/support/tap.h"

static void expect_bad(HANDLE handle)
{
    HANDLE copy = NULL;
    SetLastError(0);
    check(!SetEvent(handle));
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0);
    check(!ReleaseSemaphore(handle, 1, NULL));
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0);
    check(!ReleaseMutex(handle));
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0);
    check_eq(WaitForSingleObject(handle, 0), WAIT_FAILED);
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0);
    check_eq(WaitForMultipleObjects(1, &handle, TRUE, 0), WAIT_FAILED);
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0);
    check(!DuplicateHandle(GetCurrentProcess(), handle, GetCurrentProcess(), &copy, 0, FALSE, 0));
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0);
    check(!CloseHandle(handle));
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
}

TAP_TEST(handle__stale_ones_are_refused)
{
    HANDLE event = CreateEventA(NULL, TRUE, TRUE, NULL);
    require(event != NULL);
    check(CloseHandle(event));
    expect_bad(event);
    for (int i = 0; i < 3000; i++) { /* its place is used again, more than once */
        HANDLE other = CreateSemaphoreA(NULL, 0, 5, NULL);
        require(other != NULL && other != event);
        if (i % 2)
            check(CloseHandle(other));
    }
    expect_bad(event);
}

TAP_TEST(handle__garbage_is_refused)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    require(event != NULL);
    expect_bad(NULL);
    expect_bad((HANDLE)(ULONG_PTR)1);
    expect_bad((HANDLE)(ULONG_PTR)0x7ffffffc);
    expect_bad((HANDLE)(ULONG_PTR)0xdeadbeefdeadbeecULL);
    expect_bad(&event);
    expect_bad((HANDLE)((ULONG_PTR)event + 1));
    expect_bad((HANDLE)((ULONG_PTR)event | (ULONG_PTR)1 << 40));
    uint64_t random = 88172645463325252ULL;
    for (int i = 0; i < 2000; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        check(!SetEvent((HANDLE)(ULONG_PTR)(random & 0x00ffffffffffffffULL & ~3ULL)) ||
              (random & 0xffffff) == (ULONG_PTR)event);
    }
    check(SetEvent(event));
    check(CloseHandle(event));
}

TAP_TEST(handle__the_wrong_kind_is_refused)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    HANDLE semaphore = CreateSemaphoreA(NULL, 1, 1, NULL);
    SetLastError(0);
    check(!SetEvent(semaphore));
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    check(!ReleaseMutex(event));
    check(!ReleaseSemaphore(event, 1, NULL));
    check(CloseHandle(event) && CloseHandle(semaphore));
}

TAP_TEST(handle__a_duplicate_means_the_same_object)
{
    HANDLE self = GetCurrentProcess(), event = CreateEventA(NULL, FALSE, FALSE, NULL), copy = NULL;
    check(DuplicateHandle(self, event, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    check(copy != NULL && copy != event);
    check(CompareObjectHandles(copy, event));
    check(SetEvent(copy));
    check_eq(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(copy, 0), WAIT_TIMEOUT);
    check(CloseHandle(event));
    check(SetEvent(copy));
    HANDLE moved = NULL;
    check(DuplicateHandle(self, copy, self, &moved, 0, FALSE, DUPLICATE_CLOSE_SOURCE));
    check(!SetEvent(copy));
    check_eq(WaitForSingleObject(moved, 0), WAIT_OBJECT_0);
    check(CloseHandle(moved));
}

TAP_TEST(handle__pseudo_handles_can_be_made_real)
{
    HANDLE self = GetCurrentProcess(), thread = NULL, process = NULL;
    check(self == INVALID_HANDLE_VALUE);
    check_eq(WaitForSingleObject(self, 0), WAIT_TIMEOUT);
    check_eq(WaitForSingleObject(self, 20), WAIT_TIMEOUT);
    check(DuplicateHandle(self, GetCurrentThread(), self, &thread, 0, FALSE, 0));
    check(DuplicateHandle(self, self, self, &process, 0, FALSE, 0));
    check_eq(GetThreadId(thread), GetCurrentThreadId());
    check_eq(WaitForSingleObject(thread, 0), WAIT_TIMEOUT);
    check_eq(WaitForSingleObject(process, 0), WAIT_TIMEOUT);
    check(CloseHandle(thread) && CloseHandle(process));
    check(CloseHandle(self) && CloseHandle(GetCurrentThread()));
}

TAP_TEST(handle__names_find_what_has_them)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, "Local\\tests-handle");
    check_eq(GetLastError(), ERROR_SUCCESS);
    HANDLE again = CreateEventW(NULL, FALSE, TRUE, L"tests-handle");
    check_eq(GetLastError(), ERROR_ALREADY_EXISTS);
    check(again != NULL && again != event);
    check(SetEvent(again));
    check_eq(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(event, 0), WAIT_OBJECT_0); /* the first one said manual */
    HANDLE opened = OpenEventA(EVENT_ALL_ACCESS, FALSE, "Global\\tests-handle");
    check(CompareObjectHandles(opened, event));
    SetLastError(0);
    check(CreateMutexA(NULL, FALSE, "tests-handle") == NULL);
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    check(OpenEventA(EVENT_ALL_ACCESS, FALSE, "tests-Handle") == NULL);
    check_eq(GetLastError(), ERROR_FILE_NOT_FOUND);
    check(CloseHandle(event) && CloseHandle(again) && CloseHandle(opened));
    check(OpenEventA(EVENT_ALL_ACCESS, FALSE, "tests-handle") == NULL);
    check_eq(GetLastError(), ERROR_FILE_NOT_FOUND);
    HANDLE fresh = CreateSemaphoreA(NULL, 1, 1, "tests-handle");
    check(fresh != NULL);
    check_eq(GetLastError(), ERROR_SUCCESS);
    check(CloseHandle(fresh));
}

static DWORD WINAPI churn(LPVOID argument)
{
    LONG *mistakes = argument;
    for (int i = 0; i < 2000; i++) {
        HANDLE event = CreateEventA(NULL, TRUE, TRUE, i % 3 ? NULL : "tests-churn");
        if (!event || WaitForSingleObject(event, 0) != WAIT_OBJECT_0 || !CloseHandle(event))
            __atomic_fetch_add(mistakes, 1, __ATOMIC_SEQ_CST);
    }
    return 0;
}

TAP_TEST(handle__many_threads_open_and_close)
{
    HANDLE threads[4];
    LONG mistakes = 0;
    for (int i = 0; i < 4; i++)
        threads[i] = CreateThread(NULL, 0, churn, &mistakes, 0, NULL);
    check_eq(WaitForMultipleObjects(4, threads, TRUE, INFINITE), WAIT_OBJECT_0);
    for (int i = 0; i < 4; i++)
        check(CloseHandle(threads[i]));
    check_eq(mistakes, 0);
}

static DWORD WINAPI close_it(LPVOID handle)
{
    return CloseHandle(handle) ? 1 : 0;
}

/* Of two who close one handle one succeeds. */
TAP_TEST(handle__is_closed_once)
{
    for (int i = 0; i < 50; i++) {
        HANDLE event = CreateEventA(NULL, TRUE, TRUE, NULL), threads[2];
        DWORD codes[2] = {0, 0};
        for (int j = 0; j < 2; j++)
            threads[j] = CreateThread(NULL, 0, close_it, event, 0, NULL);
        for (int j = 0; j < 2; j++) {
            check_eq(WaitForSingleObject(threads[j], INFINITE), WAIT_OBJECT_0);
            check(GetExitCodeThread(threads[j], &codes[j]));
            check(CloseHandle(threads[j]));
        }
        check_eq(codes[0] + codes[1], 1);
    }
}

/* A million, as the table has places. */
TAP_TEST(handle__there_is_an_end_of_them)
{
    enum { MOST = 1 << 20 };
    DWORD count = 0;
    if (UNDER_TSAN)
        tap_skip("a million slow calls, of one thread");
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL), self = GetCurrentProcess();
    HANDLE *handles = malloc(MOST * sizeof *handles);
    require(handles != NULL);
    while (count < MOST && DuplicateHandle(self, event, self, &handles[count], 0, FALSE, 0))
        count++;
    check_eq(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
    check(count > MOST / 2 && count < MOST);
    check(CreateEventA(NULL, FALSE, FALSE, NULL) == NULL);
    check_eq(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
    check(SetEvent(handles[count - 1]));
    check_eq(WaitForSingleObject(handles[0], 0), WAIT_OBJECT_0);
    while (count > 0)
        check(CloseHandle(handles[--count]));
    free(handles);
    check(CloseHandle(event));
    event = CreateEventA(NULL, TRUE, FALSE, NULL);
    check(event && CloseHandle(event));
}

int main(void)
{
    tap_run(handle__stale_ones_are_refused);
    tap_run(handle__garbage_is_refused);
    tap_run(handle__the_wrong_kind_is_refused);
    tap_run(handle__a_duplicate_means_the_same_object);
    tap_run(handle__pseudo_handles_can_be_made_real);
    tap_run(handle__names_find_what_has_them);
    tap_run(handle__many_threads_open_and_close);
    tap_run(handle__is_closed_once);
    tap_run(handle__there_is_an_end_of_them);
    return tap_done();
}
