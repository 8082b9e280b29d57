/* files.c - files, pipes, pages and libraries as programs of the thread pool use them. */
#include "tests/win32/suite/suite.h"

#include <string.h>

#define NAME "suite.tmp"

static HANDLE open_file(DWORD disposition, DWORD flags)
{
    SetLastError(0);
    return CreateFileA(NAME, GENERIC_READ | GENERIC_WRITE, 0, NULL, disposition, flags, NULL);
}

static void say_opened(const char *what, HANDLE file)
{
    DWORD error = GetLastError();

    if (file == INVALID_HANDLE_VALUE)
        say("base", "%s: INVALID_HANDLE_VALUE, %u", what, (unsigned)error);
    else
        say("base", "%s: a handle, %u", what, (unsigned)error);
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
}

static void dispositions(void)
{
    DeleteFileA(NAME);
    say_opened("OPEN_EXISTING of no file", open_file(OPEN_EXISTING, 0));
    say_opened("TRUNCATE_EXISTING of no file", open_file(TRUNCATE_EXISTING, 0));
    say_opened("CREATE_NEW", open_file(CREATE_NEW, 0));
    say_opened("CREATE_NEW again", open_file(CREATE_NEW, 0));
    say_opened("CREATE_ALWAYS", open_file(CREATE_ALWAYS, 0));
    say_opened("OPEN_ALWAYS", open_file(OPEN_ALWAYS, 0));
    say_told("base", "DeleteFileA", DeleteFileA(NAME));
    say_opened("OPEN_ALWAYS of no file", open_file(OPEN_ALWAYS, 0));
    say_opened("OPEN_EXISTING", open_file(OPEN_EXISTING, 0));
    DeleteFileA(NAME);
    SetLastError(0);
    say_told("base", "DeleteFileA of no file", DeleteFileA(NAME));
}

static void plain(void)
{
    HANDLE file = open_file(CREATE_ALWAYS, 0);
    OVERLAPPED place;
    DWORD bytes = 77;
    char text[16] = "";

    say_told("base", "WriteFile", WriteFile(file, "0123456789", 10, &bytes, NULL));
    say("base", "bytes written: %u", (unsigned)bytes);
    say_told("base", "ReadFile at the end", ReadFile(file, text, 4, &bytes, NULL));
    say("base", "bytes read: %u", (unsigned)bytes);
    memset(&place, 0, sizeof place);
    place.Offset = 3;
    say_told("base", "ReadFile at 3", ReadFile(file, text, 4, &bytes, &place));
    say("base", "bytes read: %u, %s", (unsigned)bytes, text);
    SetLastError(0);
    say_told("base", "ReadFile of no handle",
             ReadFile(INVALID_HANDLE_VALUE, text, 4, &bytes, NULL));
    CloseHandle(file);
}

/* Waits for the operation's end, however it began. */
static void finish(const char *what, HANDLE file, BOOL answer, OVERLAPPED *overlapped)
{
    DWORD bytes = 77, error = GetLastError();

    if (answer || error == ERROR_IO_PENDING) {
        answer = GetOverlappedResult(file, overlapped, &bytes, TRUE);
        error = GetLastError();
    }
    if (answer)
        say("base", "%s: TRUE, %u bytes", what, (unsigned)bytes);
    else
        say("base", "%s: FALSE, %u", what, (unsigned)error);
}

static void overlapped_file(void)
{
    HANDLE file = open_file(OPEN_EXISTING, FILE_FLAG_OVERLAPPED), event = new_manual();
    OVERLAPPED overlapped;
    char text[16] = "";

    memset(&overlapped, 0, sizeof overlapped);
    overlapped.hEvent = event;
    overlapped.Offset = 5;
    finish("an overlapped read at 5", file, ReadFile(file, text, 8, NULL, &overlapped),
           &overlapped);
    say("base", "what it read: %s", text);
    say_yes("base", "its event is set", is_set(event));
    overlapped.Offset = 10;
    finish("an overlapped read at the end", file, ReadFile(file, text, 8, NULL, &overlapped),
           &overlapped);
    overlapped.Offset = 20;
    finish("an overlapped write at 20", file, WriteFile(file, "abc", 3, NULL, &overlapped),
           &overlapped);
    overlapped.Offset = 8;
    memset(text, '-', sizeof text);
    finish("an overlapped read at 8", file, ReadFile(file, text, 16, NULL, &overlapped),
           &overlapped);
    say("base", "the first and the last of it: %.2s %.3s, between them %d", text, text + 12,
        (int)text[5]);
    CloseHandle(file);
    CloseHandle(event);
    DeleteFileA(NAME);
}

static void pipes(void)
{
    HANDLE server, client, event = new_manual();
    OVERLAPPED overlapped;
    DWORD bytes = 77;
    char text[16] = "";
    BOOL answer;

    memset(&overlapped, 0, sizeof overlapped);
    overlapped.hEvent = event;
    server =
        CreateNamedPipeA("\\\\.\\pipe\\suite-files", PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                         PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT, 1, 1024, 1024, 0, NULL);
    say_yes("base", "CreateNamedPipeA", server != INVALID_HANDLE_VALUE);
    client = CreateFileA("\\\\.\\pipe\\suite-files", GENERIC_READ | GENERIC_WRITE, 0, NULL,
                         OPEN_EXISTING, 0, NULL);
    say_yes("base", "CreateFileA of the pipe", client != INVALID_HANDLE_VALUE);
    say_told("base", "ReadFile of an empty pipe", ReadFile(server, text, 8, NULL, &overlapped));
    SetLastError(0);
    say_told("base", "GetOverlappedResult without waiting",
             GetOverlappedResult(server, &overlapped, &bytes, FALSE));
    say_told("base", "WriteFile at the other end", WriteFile(client, "hello", 5, &bytes, NULL));
    answer = GetOverlappedResult(server, &overlapped, &bytes, TRUE);
    say("base", "GetOverlappedResult: %d, %u bytes, %.5s", (int)answer, (unsigned)bytes, text);
    say_yes("base", "its event is set", is_set(event));
    ReadFile(server, text, 8, NULL, &overlapped);
    say_yes("base", "it is set when the next read begins", is_set(event));
    say_told("base", "CancelIoEx", CancelIoEx(server, NULL));
    answer = GetOverlappedResult(server, &overlapped, &bytes, TRUE);
    say_told("base", "GetOverlappedResult of what was cancelled", answer);
    SetLastError(0);
    say_told("base", "CancelIoEx with nothing under way", CancelIoEx(server, NULL));
    ReadFile(server, text, 8, NULL, &overlapped);
    CloseHandle(client);
    answer = GetOverlappedResult(server, &overlapped, &bytes, TRUE);
    say_told("base", "a read whose other end was closed", answer);
    CloseHandle(server);
    say_opened("CreateFileA of no pipe", CreateFileA("\\\\.\\pipe\\suite-files", GENERIC_READ, 0,
                                                     NULL, OPEN_EXISTING, 0, NULL));
    CloseHandle(event);
}

static void libraries(void)
{
    HMODULE module;

    SetLastError(0);
    module = LoadLibraryA("suite-that-is-nowhere");
    say_made("base", "LoadLibraryA of no library", (void *)module);
    module = GetModuleHandleA("kernel32.dll");
    say_made("base", "GetModuleHandleA of kernel32.dll", (void *)module);
    say_yes("base", "GetProcAddress of CreateThreadpool",
            GetProcAddress(module, "CreateThreadpool") != NULL);
    SetLastError(0);
    say_yes("base", "GetProcAddress of what is not there",
            GetProcAddress(module, "CreateSwimmingPool") != NULL);
    say("base", "its error: %u", (unsigned)GetLastError());
}

static BOOL write_at(HANDLE file, const char *text, OVERLAPPED *place, DWORD *bytes)
{
    DWORD length = (DWORD)strlen(text);

    return (WriteFile(file, text, length, bytes, place) || GetLastError() == ERROR_IO_PENDING) &&
           GetOverlappedResult(file, place, bytes, TRUE);
}

/* Offsets below 0, of which one means the end. */
static void places(DWORD flags)
{
    HANDLE file = open_file(CREATE_ALWAYS, flags);
    OVERLAPPED place;
    DWORD bytes = 77;
    char text[16] = "";

    memset(&place, 0, sizeof place);
    place.OffsetHigh = 0x80000000;
    say_told("base", "ReadFile below 0", ReadFile(file, text, 1, &bytes, &place));
    say_told("base", "WriteFile below 0", WriteFile(file, text, 1, &bytes, &place));
    place.Offset = place.OffsetHigh = 0xffffffff;
    say_told("base", "ReadFile at both ones", ReadFile(file, text, 1, &bytes, &place));
    say_told("base", "WriteFile at the end", write_at(file, "abc", &place, &bytes));
    place.Offset = place.OffsetHigh = 0xffffffff;
    say_told("base", "WriteFile there again", write_at(file, "de", &place, &bytes));
    say("base", "bytes written: %u, in all: %u", (unsigned)bytes,
        (unsigned)GetFileSize(file, NULL));
    CloseHandle(file);
    DeleteFileA(NAME);
}

static void temporary_names(void)
{
    char folder[MAX_PATH + 32], name[MAX_PATH];
    UINT number;

    GetTempPathA(MAX_PATH, folder);
    strcat(folder, "there\\is\\none");
    number = GetTempFileNameA(folder, "a", 0, name);
    say("base", "GetTempFileNameA in no folder: %u, %u", number, (unsigned)GetLastError());
    number = GetTempFileNameA(folder, "a", 7, name);
    say("base", "GetTempFileNameA of a number: %u, %u", number, (unsigned)GetLastError());
}

static void disconnected(void)
{
    HANDLE server =
        CreateNamedPipeA("\\\\.\\pipe\\suite-gone", PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                         PIPE_TYPE_BYTE, 1, 64, 64, 0, NULL);
    HANDLE client = CreateFileA("\\\\.\\pipe\\suite-gone", GENERIC_READ | GENERIC_WRITE, 0, NULL,
                                OPEN_EXISTING, 0, NULL);
    OVERLAPPED overlapped;
    DWORD bytes;
    char text[16];

    memset(&overlapped, 0, sizeof overlapped);
    ReadFile(server, text, 8, NULL, &overlapped);
    say_told("base", "DisconnectNamedPipe", DisconnectNamedPipe(server));
    say_told("base", "what was read meanwhile",
             GetOverlappedResult(server, &overlapped, &bytes, TRUE));
    say_told("base", "ReadFile then", ReadFile(server, text, 8, NULL, &overlapped));
    say_told("base", "DisconnectNamedPipe again", DisconnectNamedPipe(server));
    CloseHandle(client);
    CloseHandle(server);
}

static void decommitted(void)
{
    char *pages = VirtualAlloc(NULL, 0x2000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

    memset(pages, 1, 0x2000);
    say_told("base", "MEM_DECOMMIT of no bytes in the middle",
             VirtualFree(pages + 0x1000, 0, MEM_DECOMMIT));
    say_told("base", "MEM_DECOMMIT of no bytes", VirtualFree(pages, 0, MEM_DECOMMIT));
    say_yes("base", "MEM_COMMIT again",
            VirtualAlloc(pages, 0x2000, MEM_COMMIT, PAGE_READWRITE) == pages);
    say("base", "what is there: %d, %d", pages[0], pages[0x1fff]);
    VirtualFree(pages, 0, MEM_RELEASE);
}

static LONG calls;

static void CALLBACK call(ULONG_PTR count)
{
    calls += (LONG)count;
}

static DWORD WINAPI calls_so_far(LPVOID context)
{
    (void)context;
    return (DWORD)calls;
}

static void suspended(void)
{
    DWORD code = 77;
    HANDLE thread = CreateThread(NULL, 0, calls_so_far, NULL, CREATE_SUSPENDED, NULL);

    QueueUserAPC(call, thread, 1);
    QueueUserAPC(call, thread, 2);
    ResumeThread(thread);
    WaitForSingleObject(thread, PATIENCE);
    GetExitCodeThread(thread, &code);
    say("base", "calls queued before a thread begins: %u", (unsigned)code);
    CloseHandle(thread);
}

void files_part(void)
{
    dispositions();
    plain();
    overlapped_file();
    places(0);
    places(FILE_FLAG_OVERLAPPED);
    temporary_names();
    disconnected();
    decommitted();
    suspended();
    pipes();
    libraries();
}
