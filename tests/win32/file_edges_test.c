/* file_edges_test.c - files and pipes at the edges: what is asked for wrongly, and rare ways. */
#include "tests/win32/scene.h"

#define NO_HANDLE(call, error) REFUSED((call) != INVALID_HANDLE_VALUE, error)

static const DWORD both = GENERIC_READ | GENERIC_WRITE;
static char path[MAX_PATH];

static HANDLE open_file(DWORD access, DWORD disposition, DWORD flags)
{
    return CreateFileA(path, access, 0, NULL, disposition, flags, NULL);
}

/* ---- files ----------------------------------------------------------------------------------- */

TAP_TEST(file__no_handle_is_refused_by_each_function)
{
    LARGE_INTEGER number = {.QuadPart = 0};
    OVERLAPPED overlapped = {.Internal = (ULONG_PTR)STATUS_PENDING};
    HANDLE event = new_event(); /* is no file */
    DWORD moved;
    char byte;
    REFUSED(SetFilePointerEx(event, number, NULL, FILE_BEGIN), ERROR_INVALID_HANDLE);
    REFUSED(SetFilePointer(event, 0, NULL, FILE_BEGIN) != INVALID_SET_FILE_POINTER,
            ERROR_INVALID_HANDLE);
    REFUSED(SetEndOfFile(event), ERROR_INVALID_HANDLE);
    REFUSED(GetFileSizeEx(event, &number), ERROR_INVALID_HANDLE);
    REFUSED(GetFileSize(event, NULL) != INVALID_FILE_SIZE, ERROR_INVALID_HANDLE);
    REFUSED(GetFileType(event) != FILE_TYPE_UNKNOWN, ERROR_INVALID_HANDLE);
    REFUSED(FlushFileBuffers(event), ERROR_INVALID_HANDLE);
    REFUSED(ReadFile(event, &byte, 1, &moved, NULL), ERROR_INVALID_HANDLE);
    REFUSED(WriteFile(event, &byte, 1, &moved, NULL), ERROR_INVALID_HANDLE);
    REFUSED(GetOverlappedResult(event, &overlapped, &moved, TRUE), ERROR_INVALID_HANDLE);
    REFUSED(CancelIo(event), ERROR_INVALID_HANDLE);
    REFUSED(CancelIoEx(event, NULL), ERROR_INVALID_HANDLE);
    REFUSED(SetFileCompletionNotificationModes(event, 0), ERROR_INVALID_HANDLE);
    REFUSED(ConnectNamedPipe(event, NULL), ERROR_INVALID_HANDLE);
    REFUSED(DisconnectNamedPipe(event), ERROR_INVALID_HANDLE);
    REFUSED(PeekNamedPipe(event, NULL, 0, NULL, NULL, NULL), ERROR_INVALID_HANDLE);
    CloseHandle(event);
}

TAP_TEST(file__names)
{
    NO_HANDLE(CreateFileA(NULL, both, 0, NULL, CREATE_NEW, 0, NULL), ERROR_PATH_NOT_FOUND);
    NO_HANDLE(CreateFileW(NULL, both, 0, NULL, CREATE_NEW, 0, NULL), ERROR_PATH_NOT_FOUND);
    REFUSED(DeleteFileA(NULL), ERROR_PATH_NOT_FOUND);
    REFUSED(DeleteFileW(NULL), ERROR_PATH_NOT_FOUND);
    NO_HANDLE(open_file(both, 0, 0), ERROR_INVALID_PARAMETER);
    NO_HANDLE(open_file(both, TRUNCATE_EXISTING + 1, 0), ERROR_INVALID_PARAMETER);
    NO_HANDLE(open_file(GENERIC_READ, TRUNCATE_EXISTING, 0), ERROR_INVALID_PARAMETER);
    NO_HANDLE(CreateFileA("/dev/null/x", both, 0, NULL, CREATE_ALWAYS, 0, NULL),
              ERROR_PATH_NOT_FOUND);
    HANDLE folder = CreateFileA("\\tmp\\", GENERIC_READ, 0, NULL, OPEN_EXISTING,
                                FILE_FLAG_BACKUP_SEMANTICS, NULL);
    check_eq(GetFileType(folder), FILE_TYPE_DISK);
    CloseHandle(folder);
}

TAP_TEST(file__of_temporary_folders)
{
    char folder[MAX_PATH], name[MAX_PATH], before[MAX_PATH] = "", longer[2 * MAX_PATH];
    WCHAR wide[MAX_PATH];
    if (getenv("TMPDIR"))
        snprintf(before, sizeof before, "%s", getenv("TMPDIR"));
    setenv("TMPDIR", "/var/tmp/", 1);
    check_eq(GetTempPathA(sizeof folder, folder), 9);
    check(strcmp(folder, "/var/tmp/") == 0);
    check_eq(GetTempPathA(9, folder), 10);
    check_eq(GetTempPathW(9, wide), 10);
    setenv("TMPDIR", "", 1);
    check_eq(GetTempPathA(sizeof folder, folder), 5);
    check(strcmp(folder, "/tmp/") == 0);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    setenv("TMPDIR", longer, 1);
    check(GetTempPathW(MAX_PATH, wide) > MAX_PATH);
    unsetenv("TMPDIR");
    check_eq(GetTempPathW(MAX_PATH, wide), 5);
    check(wide[4] == '/' && wide[5] == 0);
    if (*before)
        setenv("TMPDIR", before, 1);
    longer[MAX_PATH - 13] = '\0';
    REFUSED(GetTempFileNameA(longer, "a", 0, name), ERROR_BUFFER_OVERFLOW);
    REFUSED(GetTempFileNameA(longer, "a", 1, name), ERROR_BUFFER_OVERFLOW);
    memcpy(longer, "/tmp", 4);
    for (size_t i = 4; i < MAX_PATH - 14; i += 2)
        memcpy(longer + i, "/.", 2);
    longer[MAX_PATH - 14] = '\0'; /* as long as it may be */
    check_eq(GetTempFileNameA(longer, "abc", 0x1fedc, name), 0x1fedc);
    check(strcmp(name + MAX_PATH - 14, "/abcfedc.tmp") == 0); /* of the number 16 bits */
    REFUSED(GetTempFileNameA(NULL, "a", 0, name), ERROR_INVALID_PARAMETER);
    REFUSED(GetTempFileNameA("/tmp/there/is/none", NULL, 0, name), ERROR_DIRECTORY);
    REFUSED(GetTempFileNameA("/dev/null", NULL, 0, name), ERROR_DIRECTORY);
    REFUSED(GetTempFileNameA("/there/is/none", "a", 0xab, name), ERROR_DIRECTORY);
    check_eq(GetTempFileNameA("/dev", "long name", 0xab, name), 0xab);
    check(strcmp(name, "/dev/lonab.tmp") == 0 && access(name, F_OK) != 0); /* it is not made */
}

TAP_TEST(file__appends)
{
    DWORD moved = 0;
    HANDLE file = open_file(GENERIC_WRITE, CREATE_ALWAYS, FILE_FLAG_WRITE_THROUGH);
    check(WriteFile(file, "one", 3, NULL, NULL));
    check(CloseHandle(file));
    file = open_file(FILE_APPEND_DATA, OPEN_EXISTING, 0);
    check(WriteFile(file, "two", 3, &moved, NULL) && moved == 3);
    check_eq(GetFileSize(file, &moved), 6);
    check_eq(moved, 0);
    check(CloseHandle(file));
    file = open_file(FILE_APPEND_DATA | FILE_WRITE_DATA, OPEN_EXISTING, 0);
    check(WriteFile(file, "T", 1, &moved, NULL));
    check_eq(GetFileSize(file, NULL), 6); /* at the front */
    check(CloseHandle(file));
}

TAP_TEST(file__positions)
{
    LARGE_INTEGER by = {.QuadPart = -1}, at = {.QuadPart = 0};
    LONG high = 1;
    HANDLE file = open_file(both, CREATE_ALWAYS, 0);
    REFUSED(SetFilePointerEx(file, by, NULL, FILE_BEGIN), ERROR_NEGATIVE_SEEK);
    REFUSED(SetFilePointerEx(file, by, NULL, FILE_END + 1), ERROR_INVALID_PARAMETER);
    REFUSED(SetFilePointer(file, -1, NULL, FILE_BEGIN) != INVALID_SET_FILE_POINTER,
            ERROR_NEGATIVE_SEEK);
    check_eq(SetFilePointer(file, 2, &high, FILE_BEGIN), 2); /* 4 GB and 2 */
    check_eq(high, 1);
    check(SetFilePointerEx(file, by, &at, FILE_CURRENT));
    check_eq(at.QuadPart, 0x100000001);
    check(CloseHandle(file));
    file = open_file(GENERIC_READ, OPEN_EXISTING, 0);
    REFUSED(SetEndOfFile(file), ERROR_ACCESS_DENIED);
    check(CloseHandle(file));
}

TAP_TEST(file__the_null_device)
{
    DWORD moved = 1;
    char byte;
    LARGE_INTEGER size;
    HANDLE file = CreateFileA("nul", both, 0, NULL, OPEN_EXISTING, 0, NULL);
    check_eq(GetFileType(file), FILE_TYPE_CHAR);
    REFUSED(GetFileSizeEx(file, &size), ERROR_INVALID_FUNCTION);
    check(WriteFile(file, "abc", 3, &moved, NULL) && moved == 3);
    check(ReadFile(file, &byte, 1, &moved, NULL) && moved == 0);
    check(FlushFileBuffers(file));
    check(CloseHandle(file));
    OVERLAPPED at = {.Offset = 0};
    file = CreateFileA("NUL", both, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    check(ReadFile(file, &byte, 1, &moved, &at) || GetLastError() == ERROR_IO_PENDING);
    check(GetOverlappedResult(file, &at, &moved, TRUE) && moved == 0);
    check(CloseHandle(file));
}

/* ---- reading and writing --------------------------------------------------------------------- */

TAP_TEST(transfer__judges_its_arguments)
{
    DWORD moved = 7;
    char text[4] = "";
    OVERLAPPED at = {.hEvent = GetCurrentThread()}; /* is no event */
    HANDLE file = open_file(both, CREATE_ALWAYS, 0);
    REFUSED(ReadFile(file, NULL, 1, &moved, NULL), ERROR_NOACCESS);
    check_eq(moved, 0);
    REFUSED(WriteFile(file, "a", 1, NULL, &at), ERROR_INVALID_HANDLE);
    at.hEvent = NULL;
    check(WriteFile(file, NULL, 0, &moved, &at) && moved == 0);
    check(WriteFile(file, "abc", 3, NULL, &at));
    check_eq(at.InternalHigh, 3);
    check(ReadFile(file, text, 0, &moved, &at) && moved == 0); /* not the end */
    check(ReadFile(file, text, 3, NULL, &at) && strcmp(text, "abc") == 0);
    at.Offset = 3;
    REFUSED(ReadFile(file, text, 1, &moved, &at), ERROR_HANDLE_EOF);
    check(ReadFile(file, text, 1, &moved, NULL) && moved == 0); /* at its position: the end */
    check(CloseHandle(file));
    file = open_file(both, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REFUSED(ReadFile(file, text, 1, &moved, NULL), ERROR_INVALID_PARAMETER);
    at = (OVERLAPPED){.hEvent = GetCurrentThread()};
    REFUSED(ReadFile(file, text, 1, &moved, &at), ERROR_INVALID_HANDLE);
    at = (OVERLAPPED){.Offset = 0};
    check(ReadFile(file, text, 0, &moved, &at) || GetLastError() == ERROR_IO_PENDING);
    check(GetOverlappedResult(file, &at, NULL, TRUE));
    check(WriteFile(file, text, 0, &moved, &at) || GetLastError() == ERROR_IO_PENDING);
    check(GetOverlappedResult(file, &at, &moved, TRUE) && moved == 0);
    REFUSED(SetFileCompletionNotificationModes(file, 4), ERROR_INVALID_PARAMETER);
    REFUSED(CancelIoEx(file, NULL), ERROR_NOT_FOUND);
    check(CloseHandle(file));
}

/* Offsets are not negative, but for the one that means the end: there one writes, and reads not. */
static void transfer_at_negative_offsets(DWORD flags)
{
    DWORD moved;
    char text[6] = "";
    OVERLAPPED at = {.OffsetHigh = 0x80000000}, end = {.OffsetHigh = 0xffffffff};
    HANDLE file = open_file(both, CREATE_ALWAYS, flags);
    end.Offset = 0xffffffff;
    REFUSED(ReadFile(file, text, 1, &moved, &at), ERROR_INVALID_PARAMETER);
    REFUSED(WriteFile(file, "a", 1, &moved, &at), ERROR_INVALID_PARAMETER);
    REFUSED(ReadFile(file, text, 1, &moved, &end), ERROR_INVALID_PARAMETER);
    check(WriteFile(file, "abc", 3, &moved, &end) && moved == 3);
    check(WriteFile(file, "de", 2, &moved, &end) && moved == 2);
    check(GetOverlappedResult(file, &end, &moved, TRUE) && moved == 2);
    check_eq(SetFilePointer(file, 0, NULL, FILE_CURRENT), 5);
    at.OffsetHigh = 0;
    check(ReadFile(file, text, 5, NULL, &at) || GetLastError() == ERROR_IO_PENDING);
    check(GetOverlappedResult(file, &at, &moved, TRUE) && moved == 5);
    check(strcmp(text, "abcde") == 0);
    check(CloseHandle(file));
}

TAP_TEST(transfer__at_the_end)
{
    transfer_at_negative_offsets(0);
    transfer_at_negative_offsets(FILE_FLAG_OVERLAPPED);
}

/* What the device says comes through: /dev/full has no room. */
TAP_TEST(transfer__fails_as_the_device_does)
{
    DWORD moved;
    OVERLAPPED at = {.Offset = 0};
    HANDLE file = CreateFileA("/dev/full", GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    REFUSED(WriteFile(file, "a", 1, &moved, NULL), ERROR_DISK_FULL);
    REFUSED(WriteFile(file, "a", 1, &moved, &at), ERROR_DISK_FULL);
    check_eq(at.Internal, (ULONG)STATUS_DISK_FULL);
    check(CloseHandle(file));
    file =
        CreateFileA("/dev/full", GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    REFUSED(WriteFile(file, "a", 1, &moved, &at), ERROR_IO_PENDING);
    REFUSED(GetOverlappedResult(file, &at, &moved, TRUE), ERROR_DISK_FULL);
    check(CloseHandle(file));
}

static void CALLBACK count_call(ULONG_PTR count)
{
    ++*(LONG *)count;
}

TAP_TEST(transfer__its_outcome_is_waited_for)
{
    DWORD moved = 7;
    LONG calls = 0;
    char byte;
    HANDLE ends[2];
    OVERLAPPED with = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    OVERLAPPED without = {.Offset = 0}, last = {.Offset = 0};
    ends[0] = CreateNamedPipeA("\\\\.\\pipe\\outcome", PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 0,
                               1, 0, 0, 0, NULL);
    ends[1] = CreateFileA("\\\\.\\pipe\\outcome", both, 0, NULL, OPEN_EXISTING, 0, NULL);
    check(SetFileCompletionNotificationModes(ends[0], FILE_SKIP_SET_EVENT_ON_HANDLE));
    REFUSED(ReadFile(ends[0], &byte, 1, NULL, &without), ERROR_IO_PENDING);
    REFUSED(ReadFile(ends[0], &byte, 1, NULL, &with), ERROR_IO_PENDING);
    REFUSED(ReadFile(ends[0], &byte, 1, NULL, &last), ERROR_IO_PENDING);
    REFUSED(GetOverlappedResultEx(ends[0], &last, &moved, 1, FALSE), WAIT_TIMEOUT);
    check(CancelIoEx(ends[0], &last));
    REFUSED(GetOverlappedResult(ends[0], &last, &moved, TRUE), ERROR_OPERATION_ABORTED);
    REFUSED(GetOverlappedResultEx(ends[0], &without, &moved, 1, FALSE), WAIT_TIMEOUT);
    REFUSED(GetOverlappedResultEx(ends[0], &with, &moved, 1, FALSE), WAIT_TIMEOUT);
    check_eq(QueueUserAPC(count_call, GetCurrentThread(), (ULONG_PTR)&calls), 1);
    REFUSED(GetOverlappedResultEx(ends[0], &with, &moved, LONG_MS, TRUE), WAIT_IO_COMPLETION);
    check_eq(calls, 1);
    check(WriteFile(ends[1], "ab", 2, &moved, NULL));
    check(GetOverlappedResult(ends[0], &without, &moved, TRUE) && moved == 1);
    check(GetOverlappedResult(ends[0], &with, NULL, TRUE));
    REFUSED(WaitForSingleObject(ends[0], 0) == WAIT_OBJECT_0, 0); /* it is not to be signaled */
    /* Its event is gone, and nobody can wait for it. */
    REFUSED(ReadFile(ends[0], &byte, 1, NULL, &with), ERROR_IO_PENDING);
    CloseHandle(with.hEvent);
    REFUSED(GetOverlappedResult(ends[0], &with, &moved, TRUE), ERROR_INVALID_HANDLE);
    check(CloseHandle(ends[0]) && CloseHandle(ends[1]));
}

/* ---- pipes ----------------------------------------------------------------------------------- */

static HANDLE make_pipe(const char *name, DWORD open_mode, DWORD pipe_mode, DWORD instances)
{
    return CreateNamedPipeA(name, open_mode, pipe_mode, instances, 0, 0, 0, NULL);
}

TAP_TEST(pipe__judges_its_arguments)
{
    const char *name = "\\\\.\\pipe\\edges";
    NO_HANDLE(make_pipe(NULL, PIPE_ACCESS_DUPLEX, 0, 1), ERROR_INVALID_NAME);
    NO_HANDLE(make_pipe("\\\\.\\pipe\\", PIPE_ACCESS_DUPLEX, 0, 1), ERROR_INVALID_NAME);
    NO_HANDLE(make_pipe("edges", PIPE_ACCESS_DUPLEX, 0, 1), ERROR_INVALID_NAME);
    NO_HANDLE(CreateNamedPipeW(NULL, PIPE_ACCESS_DUPLEX, 0, 1, 0, 0, 0, NULL), ERROR_INVALID_NAME);
    NO_HANDLE(make_pipe(name, 0, 0, 1), ERROR_INVALID_PARAMETER);
    NO_HANDLE(make_pipe(name, PIPE_ACCESS_DUPLEX, 0, 0), ERROR_INVALID_PARAMETER);
    NO_HANDLE(make_pipe(name, PIPE_ACCESS_DUPLEX, 0, 256), ERROR_INVALID_PARAMETER);
    NO_HANDLE(make_pipe(name, PIPE_ACCESS_DUPLEX, PIPE_TYPE_MESSAGE, 1), ERROR_NOT_SUPPORTED);
    HANDLE in = make_pipe(name, PIPE_ACCESS_INBOUND, 0, 1);
    NO_HANDLE(CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL),
              ERROR_ACCESS_DENIED);
    HANDLE other = make_pipe("\\\\.\\pipe\\other", PIPE_ACCESS_OUTBOUND, 0, 1);
    NO_HANDLE(CreateFileA("\\\\.\\pipe\\other", GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL),
              ERROR_ACCESS_DENIED);
    check(CloseHandle(in)); /* the names go in the order in which they came */
    check(CloseHandle(other));
}

/* Only the end that was made by name connects. */
TAP_TEST(pipe__connects_one_end)
{
    OVERLAPPED connect = {.Offset = 0};
    const char *name = "\\\\.\\pipe\\edges";
    HANDLE file = open_file(both, CREATE_ALWAYS, 0);
    REFUSED(ConnectNamedPipe(file, NULL), ERROR_INVALID_FUNCTION);
    REFUSED(DisconnectNamedPipe(file), ERROR_INVALID_FUNCTION);
    REFUSED(PeekNamedPipe(file, NULL, 0, NULL, NULL, NULL), ERROR_BROKEN_PIPE);
    check(CloseHandle(file));
    HANDLE server = make_pipe(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 0, 1);
    check(DisconnectNamedPipe(server)); /* nobody is there: as it was */
    HANDLE client = CreateFileA(name, both, 0, NULL, OPEN_EXISTING, 0, NULL);
    REFUSED(ConnectNamedPipe(server, NULL), ERROR_PIPE_CONNECTED);
    connect.hEvent = GetCurrentThread();
    REFUSED(ConnectNamedPipe(server, &connect), ERROR_INVALID_HANDLE);
    connect.hEvent = NULL;
    REFUSED(ConnectNamedPipe(server, &connect), ERROR_PIPE_CONNECTED);
    check(CloseHandle(client) && CloseHandle(server));
}

/* Of two that wait for a client the first is connected; the other is taken back. */
TAP_TEST(pipe__two_wait_for_one_client)
{
    DWORD moved;
    char byte;
    OVERLAPPED first = {.Offset = 0}, second = {.Offset = 0}, read = {.Offset = 0};
    const char *name = "\\\\.\\pipe\\edges";
    HANDLE server = make_pipe(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 0, 1);
    REFUSED(ReadFile(server, &byte, 1, &moved, &read), ERROR_PIPE_LISTENING);
    REFUSED(ConnectNamedPipe(server, &first), ERROR_IO_PENDING);
    REFUSED(ConnectNamedPipe(server, &second), ERROR_IO_PENDING);
    check(CancelIoEx(server, &second));
    REFUSED(GetOverlappedResult(server, &second, &moved, TRUE), ERROR_OPERATION_ABORTED);
    REFUSED(ConnectNamedPipe(server, &second), ERROR_IO_PENDING);
    HANDLE client = CreateFileA(name, both, 0, NULL, OPEN_EXISTING, 0, NULL);
    check(GetOverlappedResult(server, &first, &moved, TRUE));
    REFUSED(GetOverlappedResult(server, &second, &moved, FALSE), ERROR_IO_INCOMPLETE);
    REFUSED(ReadFile(server, &byte, 1, &moved, &read), ERROR_IO_PENDING); /* beside it */
    check(CancelIoEx(server, &second));
    REFUSED(GetOverlappedResult(server, &second, &moved, TRUE), ERROR_OPERATION_ABORTED);
    check(DisconnectNamedPipe(server));
    REFUSED(GetOverlappedResult(server, &read, &moved, TRUE), ERROR_PIPE_NOT_CONNECTED);
    REFUSED(ReadFile(server, &byte, 1, &moved, &read), ERROR_PIPE_NOT_CONNECTED);
    REFUSED(DisconnectNamedPipe(server), ERROR_PIPE_NOT_CONNECTED);
    check(CloseHandle(client) && CloseHandle(server));
}

static DWORD WINAPI connect_and_read(LPVOID context)
{
    DWORD moved;
    char byte = 0;
    if (!ConnectNamedPipe(context, NULL) && GetLastError() != ERROR_PIPE_CONNECTED)
        return 0;
    return ReadFile(context, &byte, 1, &moved, NULL) ? (DWORD)byte : 0;
}

TAP_TEST(pipe__waits_again_after_a_disconnect)
{
    DWORD code = 0, moved;
    const char *name = "\\\\.\\pipe\\edges";
    HANDLE client, server = make_pipe(name, PIPE_ACCESS_DUPLEX, 0, 1);
    for (char letter = 'a'; letter <= 'b'; letter++) {
        HANDLE thread = CreateThread(NULL, 0, connect_and_read, server, 0, NULL);
        while ((client = CreateFileA(name, both, 0, NULL, OPEN_EXISTING, 0, NULL)) ==
               INVALID_HANDLE_VALUE)
            Sleep(1); /* it does not listen yet */
        check(WriteFile(client, &letter, 1, &moved, NULL));
        check(comes(thread));
        check(GetExitCodeThread(thread, &code) && code == (DWORD)letter);
        check(DisconnectNamedPipe(server));
        check(CloseHandle(client) && CloseHandle(thread));
    }
    check(CloseHandle(server));
}

TAP_TEST(pipe__can_be_looked_into)
{
    DWORD got = 7, available = 7, left = 7;
    char text[4] = "";
    HANDLE read, write;
    check(CreatePipe(&read, &write, NULL, 0xffffffff));
    check_eq(GetFileType(read), FILE_TYPE_PIPE);
    check(PeekNamedPipe(read, text, sizeof text, &got, &available, &left));
    check_eq(got + available + left, 0);
    check(WriteFile(write, "abc", 3, NULL, NULL));
    check(PeekNamedPipe(read, text, 2, &got, &available, NULL));
    check(got == 2 && available == 3 && strcmp(text, "ab") == 0);
    check(PeekNamedPipe(read, NULL, 4, &got, NULL, NULL) && got == 0);
    check(PeekNamedPipe(read, text, 0, NULL, &available, NULL) && available == 3);
    REFUSED(SetFilePointer(read, 0, NULL, 0) != INVALID_SET_FILE_POINTER, ERROR_INVALID_FUNCTION);
    REFUSED(SetEndOfFile(read), ERROR_ACCESS_DENIED);
    REFUSED(SetEndOfFile(write), ERROR_INVALID_FUNCTION);
    check(FlushFileBuffers(write));
    check(ReadFile(read, text, 4, &got, NULL) && got == 3);
    check(WriteFile(write, "d", 1, NULL, NULL));
    check(ReadFile(read, text, 0, &got, NULL) && got == 0); /* nothing is asked for */
    check(ReadFile(read, text, 4, &got, NULL) && got == 1);
    check(CloseHandle(write));
    REFUSED(PeekNamedPipe(read, NULL, 0, NULL, NULL, NULL), ERROR_BROKEN_PIPE);
    REFUSED(ReadFile(read, text, 4, &got, NULL), ERROR_BROKEN_PIPE);
    check(CloseHandle(read));
}

int main(void)
{
    char folder[MAX_PATH];
    if (GetTempPathA(sizeof folder, folder) == 0 || !GetTempFileNameA(folder, "edg", 0, path))
        return 1;
    tap_run(file__no_handle_is_refused_by_each_function);
    tap_run(file__names);
    tap_run(file__of_temporary_folders);
    tap_run(file__appends);
    tap_run(file__positions);
    tap_run(file__the_null_device);
    tap_run(transfer__judges_its_arguments);
    tap_run(transfer__at_the_end);
    tap_run(transfer__fails_as_the_device_does);
    tap_run(transfer__its_outcome_is_waited_for);
    tap_run(pipe__judges_its_arguments);
    tap_run(pipe__connects_one_end);
    tap_run(pipe__two_wait_for_one_client);
    tap_run(pipe__waits_again_after_a_disconnect);
    tap_run(pipe__can_be_looked_into);
    unlink(path);
    return tap_done();
}
