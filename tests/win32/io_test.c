/* io_test.c - I/O objects of the thread pool on overlapped files and pipes. */
#include <windows.h>

#include "tests/support/tap.h"

struct scene {
    HANDLE server, client, told;
    PTP_IO io;
    LONG calls, order;
    PVOID overlapped[8];
    ULONG result[8];
    ULONG_PTR bytes[8];
};

static void CALLBACK note(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
                          ULONG result, ULONG_PTR bytes, PTP_IO io)
{
    struct scene *scene = context;
    LONG at = InterlockedIncrement(&scene->calls) - 1;
    (void)instance;
    scene->overlapped[at & 7] = overlapped;
    scene->result[at & 7] = result;
    scene->bytes[at & 7] = bytes;
    check(scene->io == NULL || io == scene->io);
    ReleaseSemaphore(scene->told, 1, NULL);
}

static void open_scene(struct scene *scene, PTP_CALLBACK_ENVIRON environment)
{
    static LONG number;
    char name[64];
    *scene = (struct scene){.told = CreateSemaphoreA(NULL, 0, 100, NULL)};
    snprintf(name, sizeof name, "\\\\.\\pipe\\tests-io-%d", (int)InterlockedIncrement(&number));
    scene->server = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 0, 1, 1024,
                                     1024, 0, NULL);
    scene->client =
        CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    check(scene->client != INVALID_HANDLE_VALUE);
    scene->io = CreateThreadpoolIo(scene->server, note, scene, environment);
    check(scene->io != NULL);
}

static void close_scene(struct scene *scene)
{
    if (scene->client)
        check(CloseHandle(scene->client));
    check(CloseHandle(scene->server));
    if (scene->io) {
        WaitForThreadpoolIoCallbacks(scene->io, FALSE);
        CloseThreadpoolIo(scene->io);
    }
    check(CloseHandle(scene->told));
}

static void say(struct scene *scene, const char *text)
{
    DWORD moved = 0;
    check(WriteFile(scene->client, text, (DWORD)strlen(text), &moved, NULL));
}

static void begin_read(struct scene *scene, char *buffer, OVERLAPPED *overlapped)
{
    *overlapped = (OVERLAPPED){.hEvent = NULL};
    check(!ReadFile(scene->server, buffer, 8, NULL, overlapped));
    check_eq(GetLastError(), ERROR_IO_PENDING);
}

/* C-146, C-148: one read, one callback, told everything. */
TAP_TEST(io__one_read_one_callback)
{
    struct scene scene;
    char buffer[8];
    OVERLAPPED read;
    open_scene(&scene, NULL);
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    StartThreadpoolIo(scene.io);
    begin_read(&scene, buffer, &read);
    say(&scene, "abc");
    check_eq(WaitForSingleObject(scene.told, INFINITE), WAIT_OBJECT_0);
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    check_eq(scene.calls, 1);
    check(scene.overlapped[0] == &read);
    check_eq(scene.result[0], NO_ERROR);
    check_eq(scene.bytes[0], 3);
    check_eq(read.InternalHigh, 3);
    close_scene(&scene);
}

static DWORD WINAPI wait_for_io(LPVOID io)
{
    WaitForThreadpoolIoCallbacks(io, FALSE);
    return 0;
}

/* C-147, C-149: it waits from the announcement on; two operations, two callbacks. */
TAP_TEST(io__wait_waits_for_what_is_announced)
{
    struct scene scene;
    char buffers[2][8];
    OVERLAPPED reads[2];
    open_scene(&scene, NULL);
    StartThreadpoolIo(scene.io);
    HANDLE thread = CreateThread(NULL, 0, wait_for_io, scene.io, 0, NULL);
    check_eq(WaitForSingleObject(thread, 10), WAIT_TIMEOUT);
    begin_read(&scene, buffers[0], &reads[0]);
    StartThreadpoolIo(scene.io);
    begin_read(&scene, buffers[1], &reads[1]);
    say(&scene, "ab");
    check_eq(WaitForSingleObject(scene.told, INFINITE), WAIT_OBJECT_0);
    check_eq(WaitForSingleObject(thread, 10), WAIT_TIMEOUT);
    say(&scene, "cd");
    check_eq(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    check_eq(scene.calls, 2);
    check(CloseHandle(thread));
    close_scene(&scene);
}

/* C-150, C-152: what is done at once calls back all the same, unless the file skips that. */
TAP_TEST(io__success_at_once)
{
    struct scene scene;
    char buffer[8];
    DWORD moved = 0;
    OVERLAPPED read = {.hEvent = NULL};
    open_scene(&scene, NULL);
    say(&scene, "abc");
    StartThreadpoolIo(scene.io);
    check(ReadFile(scene.server, buffer, 8, &moved, &read) && moved == 3);
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    check_eq(scene.calls, 1);
    check_eq(scene.bytes[0], 3);
    check(SetFileCompletionNotificationModes(scene.server, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
    say(&scene, "de");
    StartThreadpoolIo(scene.io);
    check(ReadFile(scene.server, buffer, 8, &moved, &read) && moved == 2);
    CancelThreadpoolIo(scene.io);
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    check_eq(scene.calls, 1);
    StartThreadpoolIo(scene.io); /* what waits is told as before */
    begin_read(&scene, buffer, &read);
    say(&scene, "f");
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    check_eq(scene.calls, 2);
    close_scene(&scene);
}

/* An event with its lowest bit set: the pool shall not hear of the operation. */
TAP_TEST(io__operations_can_be_silent)
{
    struct scene scene;
    char buffer[8];
    DWORD moved = 0;
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    OVERLAPPED read = {.hEvent = (HANDLE)((ULONG_PTR)event | 1)};
    open_scene(&scene, NULL);
    StartThreadpoolIo(scene.io);
    check(!ReadFile(scene.server, buffer, 8, NULL, &read));
    check_eq(GetLastError(), ERROR_IO_PENDING);
    say(&scene, "abc");
    check(GetOverlappedResult(scene.server, &read, &moved, TRUE) && moved == 3);
    check_eq(WaitForSingleObject(scene.told, 5), WAIT_TIMEOUT);
    CancelThreadpoolIo(scene.io);
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    check_eq(scene.calls, 0);
    check(CloseHandle(event));
    close_scene(&scene);
}

/* C-151: what fails at once is taken back by the caller. */
TAP_TEST(io__failure_at_once)
{
    struct scene scene;
    char buffer[8];
    OVERLAPPED read = {.hEvent = NULL};
    open_scene(&scene, NULL);
    check(CloseHandle(scene.client));
    scene.client = NULL;
    StartThreadpoolIo(scene.io);
    check(!ReadFile(scene.server, buffer, 8, NULL, &read));
    check_eq(GetLastError(), ERROR_BROKEN_PIPE);
    CancelThreadpoolIo(scene.io);
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    check_eq(scene.calls, 0);
    close_scene(&scene);
}

/* C-153: what is aborted calls back, with nothing transferred. */
TAP_TEST(io__aborted)
{
    struct scene scene;
    char buffer[8];
    OVERLAPPED read;
    open_scene(&scene, NULL);
    StartThreadpoolIo(scene.io);
    begin_read(&scene, buffer, &read);
    check(CancelIoEx(scene.server, &read));
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    check_eq(scene.calls, 1);
    check_eq(scene.result[0], ERROR_OPERATION_ABORTED);
    check_eq(scene.bytes[0], 0);
    close_scene(&scene);
}

/* C-154, C-155: nothing is told of what is not announced, or no more. */
TAP_TEST(io__without_announcement)
{
    struct scene scene;
    char buffer[8];
    DWORD moved = 0;
    OVERLAPPED read;
    open_scene(&scene, NULL);
    begin_read(&scene, buffer, &read);
    say(&scene, "abc");
    check(GetOverlappedResult(scene.server, &read, &moved, TRUE) && moved == 3);
    StartThreadpoolIo(scene.io);
    WaitForThreadpoolIoCallbacks(scene.io, TRUE);
    check_eq(scene.calls, 0);
    StartThreadpoolIo(scene.io);
    begin_read(&scene, buffer, &read);
    say(&scene, "d");
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    check_eq(scene.calls, 1);
    check_eq(scene.bytes[0], 1);
    close_scene(&scene);
}

/* C-156, C-157: what was forgotten stays so, and what comes after it gets its own. */
TAP_TEST(io__forgotten_operations_are_told_apart)
{
    struct scene scene;
    char buffers[2][8];
    OVERLAPPED reads[2];
    DWORD moved = 0;
    open_scene(&scene, NULL);
    StartThreadpoolIo(scene.io);
    begin_read(&scene, buffers[0], &reads[0]);
    WaitForThreadpoolIoCallbacks(scene.io, TRUE);
    StartThreadpoolIo(scene.io);
    begin_read(&scene, buffers[1], &reads[1]);
    say(&scene, "old");
    check(GetOverlappedResult(scene.server, &reads[0], &moved, TRUE) && moved == 3);
    check_eq(WaitForSingleObject(scene.told, 10), WAIT_TIMEOUT);
    say(&scene, "newer");
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    check_eq(scene.calls, 1);
    check(scene.overlapped[0] == &reads[1]);
    check_eq(scene.bytes[0], 5);
    close_scene(&scene);
}

/* C-158, C-159, C-160: when it goes. */
TAP_TEST(io__lives_as_long_as_its_operations)
{
    struct scene scene;
    char buffer[8];
    OVERLAPPED read;
    HANDLE heap = GetProcessHeap();
    open_scene(&scene, NULL);
    check(HeapValidate(heap, 0, scene.io));
    CloseThreadpoolIo(scene.io);
    check(!HeapValidate(heap, 0, scene.io));
    scene.io = NULL;
    close_scene(&scene);

    open_scene(&scene, NULL);
    StartThreadpoolIo(scene.io);
    begin_read(&scene, buffer, &read);
    CloseThreadpoolIo(scene.io);
    check(HeapValidate(heap, 0, scene.io));
    say(&scene, "abc");
    check_eq(WaitForSingleObject(scene.told, INFINITE), WAIT_OBJECT_0);
    check_eq(scene.calls, 1);
    scene.io = NULL;
    close_scene(&scene);

    open_scene(&scene, NULL);
    StartThreadpoolIo(scene.io);
    begin_read(&scene, buffer, &read);
    WaitForThreadpoolIoCallbacks(scene.io, TRUE);
    CloseThreadpoolIo(scene.io);
    check(HeapValidate(heap, 0, scene.io));
    DWORD moved = 0;
    say(&scene, "abc");
    check(GetOverlappedResult(scene.server, &read, &moved, TRUE));
    while (HeapValidate(heap, 0, scene.io))
        Sleep(0);
    check_eq(scene.calls, 0);
    scene.io = NULL;
    close_scene(&scene);
}

/* C-161: completions come in the order in which they were completed. */
TAP_TEST(io__callbacks_in_order)
{
    struct scene scene;
    char buffers[8][8];
    OVERLAPPED reads[8];
    TP_CALLBACK_ENVIRON environment;
    PTP_POOL pool = CreateThreadpool(NULL);
    SetThreadpoolThreadMaximum(pool, 1);
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    open_scene(&scene, &environment);
    for (int i = 0; i < 8; i++) {
        StartThreadpoolIo(scene.io);
        begin_read(&scene, buffers[i], &reads[i]);
    }
    for (int i = 0; i < 8; i++) {
        DWORD moved = 0;
        LONG done = 0;
        say(&scene, "x");
        while (done <= i) { /* one after the other, whichever it is */
            done = 0;
            for (int j = 0; j < 8; j++)
                done += HasOverlappedIoCompleted(&reads[j]);
        }
        (void)moved;
    }
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    check_eq(scene.calls, 8);
    for (int i = 0; i < 8; i++)
        check(scene.overlapped[i] == &reads[i]);
    close_scene(&scene);
    CloseThreadpool(pool);
    DestroyThreadpoolEnvironment(&environment);
}

/* C-162, C-163, and a file on a disk. */
TAP_TEST(io__judges_what_it_is_given)
{
    struct scene scene;
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    open_scene(&scene, NULL);
    CancelThreadpoolIo(scene.io); /* nothing was announced */
    StartThreadpoolIo(scene.io);
    CancelThreadpoolIo(scene.io);
    CancelThreadpoolIo(scene.io);
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    SetLastError(0);
    check(CreateThreadpoolIo(scene.server, note, &scene, NULL) == NULL);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    SetLastError(0);
    check(CreateThreadpoolIo(event, note, &scene, NULL) == NULL);
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    check(CreateThreadpoolIo(INVALID_HANDLE_VALUE, note, &scene, NULL) == NULL);
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0);
    check(CreateThreadpoolIo(scene.client, note, &scene, NULL) == NULL); /* not overlapped */
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    check(CloseHandle(event));
    close_scene(&scene);
}

TAP_TEST(io__of_a_file)
{
    char folder[MAX_PATH], path[MAX_PATH], text[8] = "";
    struct scene scene = {.told = CreateSemaphoreA(NULL, 0, 100, NULL)};
    OVERLAPPED write = {.Offset = 5}, read = {.Offset = 7};
    GetTempPathA(sizeof folder, folder);
    check(GetTempFileNameA(folder, "tpw", 0, path) != 0);
    scene.server = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                               FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    scene.io = CreateThreadpoolIo(scene.server, note, &scene, NULL);
    require(scene.io != NULL);
    StartThreadpoolIo(scene.io);
    check(WriteFile(scene.server, "abcdef", 6, NULL, &write) || GetLastError() == ERROR_IO_PENDING);
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    check(scene.calls == 1 && scene.overlapped[0] == &write && scene.bytes[0] == 6);
    StartThreadpoolIo(scene.io);
    check(ReadFile(scene.server, text, 8, NULL, &read) || GetLastError() == ERROR_IO_PENDING);
    WaitForThreadpoolIoCallbacks(scene.io, FALSE);
    check(scene.calls == 2 && scene.overlapped[1] == &read && scene.bytes[1] == 4);
    check(memcmp(text, "cdef", 4) == 0);
    close_scene(&scene);
}

int main(void)
{
    tap_run(io__one_read_one_callback);
    tap_run(io__wait_waits_for_what_is_announced);
    tap_run(io__success_at_once);
    tap_run(io__operations_can_be_silent);
    tap_run(io__failure_at_once);
    tap_run(io__aborted);
    tap_run(io__without_announcement);
    tap_run(io__forgotten_operations_are_told_apart);
    tap_run(io__lives_as_long_as_its_operations);
    tap_run(io__callbacks_in_order);
    tap_run(io__judges_what_it_is_given);
    tap_run(io__of_a_file);
    return tap_done();
}
