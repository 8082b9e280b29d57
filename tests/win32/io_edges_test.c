/* io_edges_test.c - I/O objects at the edges: many, without their file, closed with work to do. */
#include "tests/win32/scene.h"

static void CALLBACK note(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
                          ULONG result, ULONG_PTR bytes, PTP_IO io)
{
    (void)instance, (void)overlapped, (void)bytes, (void)io;
    if (result == 0)
        add_to(context, 1);
}

static HANDLE open_null(void)
{
    return CreateFileA("nul", GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
}

#define MANY 150

/* So many that they share what they are found by. */
TAP_TEST(io__many_objects)
{
    static HANDLE files[MANY];
    static PTP_IO ios[MANY];
    static OVERLAPPED overlapped[MANY];
    LONG done = 0;
    for (unsigned i = 0; i < MANY; i++) {
        files[i] = open_null();
        ios[i] = CreateThreadpoolIo(files[i], note, &done, NULL);
        check(ios[i] != NULL);
        StartThreadpoolIo(ios[i]);
        check(WriteFile(files[i], "a", 1, NULL, &overlapped[i]) ||
              GetLastError() == ERROR_IO_PENDING);
    }
    for (unsigned i = 0; i < MANY; i++) {
        WaitForThreadpoolIoCallbacks(ios[i], FALSE);
        CloseThreadpoolIo(ios[i]);
        check(CloseHandle(files[i]));
    }
    check_eq(value_of(&done), MANY);
}

TAP_TEST(io__outlives_its_file)
{
    LONG done = 0;
    HANDLE file = open_null();
    PTP_IO io = CreateThreadpoolIo(file, note, &done, NULL);
    check(CloseHandle(file));
    StartThreadpoolIo(io);
    CancelThreadpoolIo(io); /* nothing can complete any more */
    WaitForThreadpoolIoCallbacks(io, TRUE);
    CloseThreadpoolIo(io);
    check_eq(value_of(&done), 0);
}

TAP_TEST(io__is_closed_once)
{
    LONG done = 0;
    HANDLE file = open_null();
    PTP_IO io = CreateThreadpoolIo(file, note, &done, NULL);
    REFUSED(CreateThreadpoolIo(file, note, &done, NULL), ERROR_INVALID_PARAMETER); /* bound */
    CloseThreadpoolIo(io);
    CloseThreadpoolIo(io); /* is refused, and the file goes on */
    OVERLAPPED overlapped = {.Offset = 0};
    DWORD moved = 0;
    check(WriteFile(file, "a", 1, NULL, &overlapped) || GetLastError() == ERROR_IO_PENDING);
    check(GetOverlappedResult(file, &overlapped, &moved, TRUE) && moved == 1);
    check(CloseHandle(file));
}

/* The callbacks of both come, the last of which ends the object. */
TAP_TEST(io__closed_with_two_in_flight)
{
    char bytes[2];
    LONG done = 0;
    OVERLAPPED reads[2] = {{.Offset = 0}, {.Offset = 0}};
    HANDLE server = CreateNamedPipeA(
        "\\\\.\\pipe\\io edges", PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 0, 1, 0, 0, 0, NULL);
    HANDLE client = CreateFileA("\\\\.\\pipe\\io edges", GENERIC_READ | GENERIC_WRITE, 0, NULL,
                                OPEN_EXISTING, 0, NULL);
    PTP_IO io = CreateThreadpoolIo(server, note, &done, NULL);
    for (unsigned i = 0; i < 2; i++) {
        StartThreadpoolIo(io);
        REFUSED(ReadFile(server, &bytes[i], 1, NULL, &reads[i]), ERROR_IO_PENDING);
    }
    CloseThreadpoolIo(io);
    check(WriteFile(client, "a", 1, NULL, NULL));
    check(GetOverlappedResult(server, &reads[0], (DWORD[1]){0}, TRUE));
    check(HeapValidate(GetProcessHeap(), 0, io)); /* it lives as long as the other */
    check(WriteFile(client, "b", 1, NULL, NULL));
    check(GetOverlappedResult(server, &reads[1], (DWORD[1]){0}, TRUE));
    for (unsigned i = 0; i < LONG_MS && value_of(&done) < 2; i++)
        Sleep(1);
    check_eq(value_of(&done), 2);
    check(CloseHandle(client) && CloseHandle(server));
}

TAP_TEST(io__of_a_bad_environment)
{
    HANDLE file = open_null();
    TP_CALLBACK_ENVIRON environment;
    TP_IO *native = NULL;
    InitializeThreadpoolEnvironment(&environment);
    environment.Version = 9999;
    REFUSED(CreateThreadpoolIo(file, note, NULL, &environment), ERROR_INVALID_PARAMETER);
    check_eq(TpAllocIoCompletion(&native, file, NULL, NULL, NULL), STATUS_INVALID_PARAMETER);
    check(native == NULL);
    check(CloseHandle(file));
}

struct native {
    LONG done;
    NTSTATUS status;
    ULONG_PTR bytes;
};

static void CALLBACK note_native(TP_CALLBACK_INSTANCE *instance, void *context, void *overlapped,
                                 IO_STATUS_BLOCK *status, TP_IO *io)
{
    struct native *native = context;
    (void)instance, (void)overlapped, (void)io;
    native->status = status->Status;
    native->bytes = status->Information;
    add_to(&native->done, 1);
}

/* Without an environment, and with a group that nobody wants to hear of. */
TAP_TEST(io__native_without_callbacks)
{
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    TP_CALLBACK_ENVIRON environment;
    InitializeThreadpoolEnvironment(&environment);
    for (int i = 0; i < 3; i++) {
        struct native native = {0, -1, 7};
        OVERLAPPED overlapped = {.Offset = 0};
        HANDLE file = open_null();
        TP_IO *io = NULL;
        SetThreadpoolCallbackCleanupGroup(&environment, i == 1 ? group : NULL, NULL);
        check_eq(TpAllocIoCompletion(&io, file, note_native, &native, i == 0 ? NULL : &environment),
                 STATUS_SUCCESS);
        TpStartAsyncIoOperation(io);
        check(WriteFile(file, "abc", 3, NULL, &overlapped) || GetLastError() == ERROR_IO_PENDING);
        TpWaitForIoCompletion(io, FALSE);
        check(native.done == 1 && native.status == STATUS_SUCCESS && native.bytes == 3);
        if (i == 1)
            TpReleaseCleanupGroupMembers(group, FALSE, NULL);
        else
            TpReleaseIoCompletion(io);
        check(CloseHandle(file));
    }
    TpReleaseCleanupGroup(group);
}

int main(void)
{
    tap_run(io__many_objects);
    tap_run(io__outlives_its_file);
    tap_run(io__is_closed_once);
    tap_run(io__closed_with_two_in_flight);
    tap_run(io__of_a_bad_environment);
    tap_run(io__native_without_callbacks);
    return tap_done();
}
