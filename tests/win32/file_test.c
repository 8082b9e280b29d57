/* file_test.c - files and pipes, at once and overlapped, and taking operations back. */
#include <windows.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "tests/support/tap.h"

static char path[MAX_PATH];

/* A name in the folder for such, of a file that is there no more. */
static const char *fresh_path(void)
{
    char folder[MAX_PATH];
    check(GetTempPathA(sizeof folder, folder) > 0);
    check(GetTempFileNameA(folder, "tpw", 0, path) != 0);
    check(DeleteFileA(path));
    return path;
}

static HANDLE open_fresh(DWORD flags)
{
    return CreateFileA(fresh_path(), GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_NEW,
                       flags | FILE_FLAG_DELETE_ON_CLOSE, NULL);
}

TAP_TEST(file__dispositions)
{
    DWORD both = GENERIC_READ | GENERIC_WRITE, moved = 0;
    const char *name = fresh_path();
    SetLastError(0);
    check(CreateFileA(name, both, 0, NULL, OPEN_EXISTING, 0, NULL) == INVALID_HANDLE_VALUE);
    check_eq(GetLastError(), ERROR_FILE_NOT_FOUND);
    check(CreateFileA(name, both, 0, NULL, TRUNCATE_EXISTING, 0, NULL) == INVALID_HANDLE_VALUE);
    HANDLE file = CreateFileA(name, both, 0, NULL, CREATE_NEW, 0, NULL);
    check(file != INVALID_HANDLE_VALUE);
    check(WriteFile(file, "abc", 3, &moved, NULL) && moved == 3);
    check(CloseHandle(file));
    SetLastError(0);
    check(CreateFileA(name, both, 0, NULL, CREATE_NEW, 0, NULL) == INVALID_HANDLE_VALUE);
    check_eq(GetLastError(), ERROR_FILE_EXISTS);
    file = CreateFileA(name, both, 0, NULL, OPEN_ALWAYS, 0, NULL);
    check_eq(GetLastError(), ERROR_ALREADY_EXISTS);
    check_eq(GetFileSize(file, NULL), 3);
    check_eq(GetFileType(file), FILE_TYPE_DISK);
    check(CloseHandle(file));
    file = CreateFileA(name, both, 0, NULL, CREATE_ALWAYS, 0, NULL);
    check_eq(GetLastError(), ERROR_ALREADY_EXISTS);
    check_eq(GetFileSize(file, NULL), 0);
    check(CloseHandle(file));
    file = CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    check(!WriteFile(file, "abc", 3, &moved, NULL));
    check_eq(GetLastError(), ERROR_ACCESS_DENIED);
    check(CloseHandle(file));
    check(!DeleteFileA(name));
    check_eq(GetLastError(), ERROR_FILE_NOT_FOUND);
    check(CreateFileA("/", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL) == INVALID_HANDLE_VALUE);
    check_eq(GetLastError(), ERROR_ACCESS_DENIED);
}

TAP_TEST(file__reads_and_writes_at_its_position)
{
    char text[16];
    DWORD moved = 0;
    LARGE_INTEGER to = {.QuadPart = 2}, at;
    HANDLE file = open_fresh(0);
    check(!ReadFile(file, NULL, 1, &moved, NULL));
    check_eq(GetLastError(), ERROR_NOACCESS);
    check(!WriteFile(file, NULL, 1, &moved, NULL));
    check_eq(GetLastError(), ERROR_NOACCESS);
    check(WriteFile(file, "abcdef", 6, &moved, NULL) && moved == 6);
    check(SetFilePointerEx(file, to, &at, FILE_BEGIN) && at.QuadPart == 2);
    check(ReadFile(file, text, sizeof text, &moved, NULL));
    check(moved == 4 && memcmp(text, "cdef", 4) == 0);
    check(ReadFile(file, text, sizeof text, &moved, NULL) && moved == 0);
    OVERLAPPED overlapped = {.Offset = 1};
    check(ReadFile(file, text, 2, &moved, &overlapped) && moved == 2 && text[0] == 'b');
    overlapped.Offset = 6;
    check(!ReadFile(file, text, 2, &moved, &overlapped));
    check_eq(GetLastError(), ERROR_HANDLE_EOF);
    to.QuadPart = -1;
    check(!SetFilePointerEx(file, to, NULL, FILE_BEGIN));
    check_eq(GetLastError(), ERROR_NEGATIVE_SEEK);
    check_eq(SetFilePointer(file, 3, NULL, FILE_BEGIN), 3);
    check(SetEndOfFile(file) && FlushFileBuffers(file));
    check(GetFileSizeEx(file, &at) && at.QuadPart == 3);
    check(CloseHandle(file));
    check(!ReadFile(file, text, 1, &moved, NULL));
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
}

TAP_TEST(overlapped__file)
{
    char text[8] = "";
    DWORD moved = 99;
    HANDLE file = open_fresh(FILE_FLAG_OVERLAPPED), event = CreateEventA(NULL, TRUE, TRUE, NULL);
    OVERLAPPED write = {.Offset = 100, .hEvent = event}, read = {.Offset = 102};
    SetLastError(0);
    check(!WriteFile(file, "abcdef", 6, NULL, NULL));
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    check(WriteFile(file, "abcdef", 6, NULL, &write) || GetLastError() == ERROR_IO_PENDING);
    check_eq(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
    check(HasOverlappedIoCompleted(&write));
    check(GetOverlappedResult(file, &write, &moved, FALSE) && moved == 6);
    check(ReadFile(file, text, 8, NULL, &read) || GetLastError() == ERROR_IO_PENDING);
    check(GetOverlappedResult(file, &read, &moved, TRUE));
    check(moved == 4 && memcmp(text, "cdef", 4) == 0);
    check_eq(read.InternalHigh, 4);
    check_eq(WaitForSingleObject(file, 0), WAIT_OBJECT_0); /* it had no event */
    read.Offset = 106;
    if (ReadFile(file, text, 8, NULL, &read) || GetLastError() == ERROR_IO_PENDING)
        check(!GetOverlappedResult(file, &read, &moved, TRUE));
    check_eq(GetLastError(), ERROR_HANDLE_EOF);
    check_eq(read.Internal, (ULONG_PTR)(ULONG)STATUS_END_OF_FILE);
    check(!CancelIoEx(file, NULL));
    check_eq(GetLastError(), ERROR_NOT_FOUND);
    check(CloseHandle(file) && CloseHandle(event));
}

/* ---- Pipes ----------------------------------------------------------------------------------- */

TAP_TEST(pipe__ends_when_the_other_end_is_closed)
{
    char text[8];
    HANDLE read, write;
    DWORD moved = 0, available = 0;
    check(CreatePipe(&read, &write, NULL, 0));
    check_eq(GetFileType(read), FILE_TYPE_PIPE);
    check(WriteFile(write, "abc", 3, &moved, NULL) && moved == 3);
    check(PeekNamedPipe(read, text, 2, &moved, &available, NULL) && moved == 2 && available == 3);
    check(!ReadFile(write, text, 1, &moved, NULL));
    check_eq(GetLastError(), ERROR_ACCESS_DENIED);
    check(CloseHandle(write));
    check(ReadFile(read, text, 8, &moved, NULL) && moved == 3);
    SetLastError(0);
    check(!ReadFile(read, text, 8, &moved, NULL));
    check_eq(GetLastError(), ERROR_BROKEN_PIPE);
    check(CloseHandle(read));
    check(CreatePipe(&read, &write, NULL, 0));
    check(CloseHandle(read));
    check(!WriteFile(write, "abc", 3, &moved, NULL)); /* and no signal */
    check(GetLastError() == ERROR_NO_DATA || GetLastError() == ERROR_BROKEN_PIPE);
    check(CloseHandle(write));
}

struct ends {
    HANDLE server, client;
};

static struct ends open_ends(void)
{
    static LONG number;
    char name[64];
    struct ends ends;
    snprintf(name, sizeof name, "\\\\.\\pipe\\tests-file-%d", (int)InterlockedIncrement(&number));
    ends.server = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 0, 1, 1024,
                                   1024, 0, NULL);
    check(ends.server != INVALID_HANDLE_VALUE);
    check(CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX, 0, 1, 0, 0, 0, NULL) == INVALID_HANDLE_VALUE);
    check_eq(GetLastError(), ERROR_PIPE_BUSY);
    ends.client = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    check(ends.client != INVALID_HANDLE_VALUE);
    check(CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, 0) == INVALID_HANDLE_VALUE);
    check_eq(GetLastError(), ERROR_PIPE_BUSY);
    return ends;
}

static void close_ends(struct ends ends)
{
    check(CloseHandle(ends.client) && CloseHandle(ends.server));
}

TAP_TEST(overlapped__pipe_waits_for_data)
{
    char text[8];
    DWORD moved = 0;
    struct ends ends = open_ends();
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    OVERLAPPED read = {.hEvent = event};
    check(!ReadFile(ends.server, text, 8, &moved, &read));
    check_eq(GetLastError(), ERROR_IO_PENDING);
    check(!HasOverlappedIoCompleted(&read));
    check(!GetOverlappedResult(ends.server, &read, &moved, FALSE));
    check_eq(GetLastError(), ERROR_IO_INCOMPLETE);
    check(!GetOverlappedResultEx(ends.server, &read, &moved, 5, FALSE));
    check_eq(GetLastError(), WAIT_TIMEOUT);
    check(WriteFile(ends.client, "abc", 3, &moved, NULL) && moved == 3);
    moved = 0;
    check(GetOverlappedResult(ends.server, &read, &moved, TRUE) && moved == 3);
    (void)WaitForSingleObject(event, 0); /* if there was nothing to wait for */
    check(WriteFile(ends.client, "de", 2, &moved, NULL));
    check(ReadFile(ends.server, text, 8, &moved, &read) && moved == 2); /* it was there */
    check_eq(read.InternalHigh, 2);
    check_eq(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    check(!ReadFile(ends.server, text, 8, &moved, &read));
    check(CloseHandle(ends.client));
    check(!GetOverlappedResult(ends.server, &read, &moved, TRUE));
    check_eq(GetLastError(), ERROR_BROKEN_PIPE);
    check(!ReadFile(ends.server, text, 8, &moved, &read));
    check_eq(GetLastError(), ERROR_BROKEN_PIPE);
    check(CloseHandle(ends.server) && CloseHandle(event));
}

TAP_TEST(overlapped__operations_are_taken_back)
{
    char text[3][8];
    DWORD moved = 99;
    struct ends ends = open_ends();
    OVERLAPPED reads[3] = {{.hEvent = NULL}};
    HANDLE events[3];
    for (int i = 0; i < 3; i++) {
        events[i] = reads[i].hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
        check(!ReadFile(ends.server, text[i], 8, NULL, &reads[i]));
        check_eq(GetLastError(), ERROR_IO_PENDING);
    }
    check(CancelIoEx(ends.server, &reads[1]));
    check(!GetOverlappedResult(ends.server, &reads[1], &moved, TRUE));
    check_eq(GetLastError(), ERROR_OPERATION_ABORTED);
    check_eq(reads[1].Internal, (ULONG_PTR)(ULONG)STATUS_CANCELLED);
    check_eq(reads[1].InternalHigh, 0);
    check(!CancelIoEx(ends.server, &reads[1]));
    check_eq(GetLastError(), ERROR_NOT_FOUND);
    check(!HasOverlappedIoCompleted(&reads[0]));
    check(CancelIo(ends.server));
    check_eq(WaitForMultipleObjects(3, events, TRUE, INFINITE), WAIT_OBJECT_0);
    for (int i = 0; i < 3; i++) {
        check(!GetOverlappedResult(ends.server, &reads[i], &moved, FALSE));
        check_eq(GetLastError(), ERROR_OPERATION_ABORTED);
    }
    check(!ReadFile(ends.server, text[0], 8, NULL, &reads[0]));
    check(CloseHandle(ends.server)); /* aborts it */
    check(HasOverlappedIoCompleted(&reads[0]));
    check(CloseHandle(ends.client));
    check_eq(WaitForSingleObject(events[0], INFINITE), WAIT_OBJECT_0);
    check_eq(reads[0].Internal, (ULONG_PTR)(ULONG)STATUS_CANCELLED);
    for (int i = 0; i < 3; i++)
        check(CloseHandle(events[i]));
}

TAP_TEST(overlapped__nobody_overtakes_who_waits)
{
    char first[8], second[8];
    DWORD moved = 0;
    struct ends ends = open_ends();
    for (int i = 0; i < 200; i++) {
        OVERLAPPED reads[2] = {{.hEvent = NULL}};
        check(!ReadFile(ends.server, first, 1, NULL, &reads[0]));
        check(WriteFile(ends.client, "a", 1, &moved, NULL));
        check(!ReadFile(ends.server, second, 1, NULL, &reads[1])); /* that was the other's */
        check_eq(GetLastError(), ERROR_IO_PENDING);
        check(WriteFile(ends.client, "b", 1, &moved, NULL));
        for (int j = 0; j < 2; j++) {
            while (!HasOverlappedIoCompleted(&reads[j]))
                Sleep(0);
            check(GetOverlappedResult(ends.server, &reads[j], &moved, FALSE) && moved == 1);
        }
        check(first[0] == 'a' && second[0] == 'b');
    }
    close_ends(ends);
}

static DWORD WINAPI cancel_mine(LPVOID handle)
{
    return CancelIo(handle) ? 1 : 0; /* none of this thread */
}

TAP_TEST(overlapped__cancelling_is_for_the_own_thread)
{
    char text[8];
    struct ends ends = open_ends();
    OVERLAPPED read = {.hEvent = NULL};
    check(!ReadFile(ends.server, text, 8, NULL, &read));
    HANDLE thread = CreateThread(NULL, 0, cancel_mine, ends.server, 0, NULL);
    check_eq(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    check(CloseHandle(thread));
    check(!HasOverlappedIoCompleted(&read));
    DWORD moved = 0;
    check(WriteFile(ends.client, "x", 1, &moved, NULL));
    check(GetOverlappedResult(ends.server, &read, &moved, TRUE) && moved == 1 && text[0] == 'x');
    close_ends(ends);
}

static DWORD WINAPI drain(LPVOID argument)
{
    char buffer[4096];
    DWORD moved = 0, total = 0;
    while (total < 1 << 20 && ReadFile(argument, buffer, sizeof buffer, &moved, NULL))
        total += moved;
    return total;
}

TAP_TEST(overlapped__long_writes_are_whole)
{
    static char much[1 << 20];
    DWORD moved = 0, code = 0;
    struct ends ends = open_ends();
    OVERLAPPED write = {.hEvent = NULL};
    check(!WriteFile(ends.server, much, sizeof much, NULL, &write));
    check_eq(GetLastError(), ERROR_IO_PENDING);
    HANDLE thread = CreateThread(NULL, 0, drain, ends.client, 0, NULL);
    check(GetOverlappedResult(ends.server, &write, &moved, TRUE) && moved == sizeof much);
    check_eq(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    check(GetExitCodeThread(thread, &code) && code == sizeof much);
    check(CloseHandle(thread));
    close_ends(ends);
}

TAP_TEST(pipe__by_name_connects)
{
    char text[4], name[] = "\\\\.\\PIPE\\tests-connect";
    DWORD moved = 0;
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    OVERLAPPED connect = {.hEvent = event}, read = {.hEvent = NULL};
    SetLastError(0);
    check(CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, 0) == INVALID_HANDLE_VALUE);
    check_eq(GetLastError(), ERROR_FILE_NOT_FOUND);
    HANDLE server =
        CreateNamedPipeW(L"\\\\.\\pipe\\Tests-Connect", PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED,
                         PIPE_TYPE_BYTE, PIPE_UNLIMITED_INSTANCES, 0, 0, 0, NULL);
    require(server != INVALID_HANDLE_VALUE);
    check(!ReadFile(server, text, 4, NULL, &read));
    check_eq(GetLastError(), ERROR_PIPE_LISTENING);
    check(!ConnectNamedPipe(server, &connect));
    check_eq(GetLastError(), ERROR_IO_PENDING);
    check(CancelIo(server));
    check_eq(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
    check_eq(connect.Internal, (ULONG_PTR)(ULONG)STATUS_CANCELLED);
    for (int i = 0; i < 2; i++) {
        check(!ConnectNamedPipe(server, &connect));
        check_eq(GetLastError(), ERROR_IO_PENDING);
        check(CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, 0) ==
              INVALID_HANDLE_VALUE); /* it goes the other way */
        check_eq(GetLastError(), ERROR_ACCESS_DENIED);
        HANDLE client = CreateFileA(name, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
        check(client != INVALID_HANDLE_VALUE);
        check(GetOverlappedResult(server, &connect, &moved, TRUE));
        check(!ConnectNamedPipe(server, &connect));
        check_eq(GetLastError(), ERROR_PIPE_CONNECTED);
        check(WriteFile(client, "ab", 2, &moved, NULL));
        check(ReadFile(server, text, 4, &moved, &read) && moved == 2);
        check(CloseHandle(client));
        check(DisconnectNamedPipe(server));
        check(!ReadFile(server, text, 4, NULL, &read));
        check_eq(GetLastError(), ERROR_PIPE_NOT_CONNECTED);
    }
    check(!ConnectNamedPipe(event, &connect));
    check(!ConnectNamedPipe(server, &connect)); /* it waits when its handle is closed */
    check(CloseHandle(server));
    check_eq(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
    check_eq(connect.Internal, (ULONG_PTR)(ULONG)STATUS_CANCELLED);
    check(CloseHandle(event));
}

static DWORD WINAPI open_by_name(LPVOID name)
{
    DWORD moved = 0;
    for (int i = 0; i < 2; i++) {
        HANDLE client;
        do { /* busy until it is connected to again */
            client = CreateFileA(name, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
        } while (client == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY);
        if (!WriteFile(client, "abc", 3, &moved, NULL) || !CloseHandle(client))
            return 0;
    }
    return 1;
}

TAP_TEST(pipe__waits_for_its_clients)
{
    char text[8], name[] = "\\\\.\\pipe\\tests-clients";
    DWORD moved = 0, code = 0;
    HANDLE server = CreateNamedPipeA(name, PIPE_ACCESS_INBOUND, 0, 1, 0, 0, 0, NULL);
    HANDLE thread = CreateThread(NULL, 0, open_by_name, name, 0, NULL);
    for (int i = 0; i < 2; i++) {
        check(ConnectNamedPipe(server, NULL) || GetLastError() == ERROR_PIPE_CONNECTED);
        check(ReadFile(server, text, 8, &moved, NULL) && moved == 3);
        check(!ReadFile(server, text, 8, &moved, NULL));
        check_eq(GetLastError(), ERROR_BROKEN_PIPE);
        check(DisconnectNamedPipe(server));
    }
    check_eq(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    check(GetExitCodeThread(thread, &code) && code == 1);
    check(CloseHandle(thread) && CloseHandle(server));
}

TAP_TEST(pipe__has_instances)
{
    char name[] = "\\\\.\\pipe\\tests-instances";
    HANDLE servers[3], clients[2];
    for (int i = 0; i < 2; i++)
        servers[i] = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX, 0, 2, 0, 0, 0, NULL);
    check(servers[0] != INVALID_HANDLE_VALUE && servers[1] != INVALID_HANDLE_VALUE);
    servers[2] = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX, 0, 2, 0, 0, 0, NULL);
    check(servers[2] == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY);
    for (int i = 0; i < 2; i++) {
        clients[i] = CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
        check(clients[i] != INVALID_HANDLE_VALUE);
    }
    check(CloseHandle(servers[0]) && CloseHandle(clients[0]));
    servers[0] = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE, 0, 2, 0,
                                  0, 0, NULL);
    check(servers[0] == INVALID_HANDLE_VALUE && GetLastError() == ERROR_ACCESS_DENIED);
    check(CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, 0) == INVALID_HANDLE_VALUE);
    check_eq(GetLastError(), ERROR_PIPE_BUSY); /* the other one is still there */
    check(CloseHandle(servers[1]) && CloseHandle(clients[1]));
    check(CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, 0) == INVALID_HANDLE_VALUE);
    check_eq(GetLastError(), ERROR_FILE_NOT_FOUND);
}

int main(void)
{
    tap_run(file__dispositions);
    tap_run(file__reads_and_writes_at_its_position);
    tap_run(overlapped__file);
    tap_run(pipe__ends_when_the_other_end_is_closed);
    tap_run(overlapped__pipe_waits_for_data);
    tap_run(overlapped__operations_are_taken_back);
    tap_run(overlapped__nobody_overtakes_who_waits);
    tap_run(overlapped__cancelling_is_for_the_own_thread);
    tap_run(overlapped__long_writes_are_whole);
    tap_run(pipe__by_name_connects);
    tap_run(pipe__waits_for_its_clients);
    tap_run(pipe__has_instances);
    return tap_done();
}
