/* io.c - I/O objects on overlapped files and pipes. */
#include "tests/win32/suite/suite.h"

#include <stdio.h>
#include <string.h>

/* What the last callback was told. Two of one object may run at once. */
struct channel {
    volatile LONG calls;
    SRWLOCK lock; /* all 0 is SRWLOCK_INIT */
    ULONG result;
    ULONG_PTR bytes;
    PVOID overlapped;
    PTP_IO io;
    HANDLE event;
};

static void CALLBACK note(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
                          ULONG result, ULONG_PTR bytes, PTP_IO io)
{
    struct channel *channel = context;

    (void)instance;
    AcquireSRWLockExclusive(&channel->lock);
    channel->result = result;
    channel->bytes = bytes;
    channel->overlapped = overlapped;
    channel->io = io;
    ReleaseSRWLockExclusive(&channel->lock);
    InterlockedIncrement(&channel->calls);
    SetEvent(channel->event);
}

static HANDLE open_file(DWORD disposition)
{
    return CreateFileA("suite.tmp", GENERIC_READ | GENERIC_WRITE, 0, NULL, disposition,
                       FILE_FLAG_OVERLAPPED, NULL);
}

/* Whether the operation was begun, or done at once; a callback comes in both cases. */
static BOOL begun(BOOL answer)
{
    return answer || GetLastError() == ERROR_IO_PENDING;
}

static void say_result(const char *number, const char *what, struct channel *channel,
                       OVERLAPPED *overlapped)
{
    comes(channel->event);
    say(number, "%s: error %u, %u bytes, %s", what, (unsigned)channel->result,
        (unsigned)channel->bytes,
        channel->overlapped == overlapped ? "its own OVERLAPPED" : "another OVERLAPPED");
}

static void bad(void)
{
    struct channel channel = {.event = new_event()};
    HANDLE file = open_file(CREATE_ALWAYS);
    PTP_IO io, second;

    say_yes("C-163", "a file is opened", file != INVALID_HANDLE_VALUE);
    SetLastError(0);
    io = CreateThreadpoolIo((HANDLE)(ULONG_PTR)0x7ffffff0, note, &channel, NULL);
    say_made("C-163", "CreateThreadpoolIo of no handle", io);
    io = CreateThreadpoolIo(file, note, &channel, NULL);
    say_made("C-163", "CreateThreadpoolIo of a file", io);
    SetLastError(0);
    second = CreateThreadpoolIo(file, note, &channel, NULL);
    say_made("C-163", "CreateThreadpoolIo of the same file", second);
    WaitForThreadpoolIoCallbacks(io, FALSE);
    WaitForThreadpoolIoCallbacks(io, TRUE);
    say_count("C-146", "callbacks of what was not started", stays(&channel.calls));
    CloseThreadpoolIo(io);
    CloseHandle(file);
    CloseHandle(channel.event);
}

static void files(void)
{
    struct channel channel = {.event = new_event()};
    HANDLE file = open_file(CREATE_ALWAYS);
    PTP_IO io = CreateThreadpoolIo(file, note, &channel, NULL);
    OVERLAPPED overlapped;
    char text[16] = "";
    BOOL answer;

    memset(&overlapped, 0, sizeof overlapped);
    StartThreadpoolIo(io);
    say_yes("C-148", "a write is begun",
            begun(WriteFile(file, "0123456789", 10, NULL, &overlapped)));
    say_result("C-148", "its callback", &channel, &overlapped);
    WaitForThreadpoolIoCallbacks(io, FALSE);
    say_yes("C-148", "with the I/O object", channel.io == io);
    memset(&overlapped, 0, sizeof overlapped);
    overlapped.Offset = 4;
    StartThreadpoolIo(io);
    say_yes("C-150", "a read is begun", begun(ReadFile(file, text, 3, NULL, &overlapped)));
    say_result("C-150", "its callback", &channel, &overlapped);
    say("C-150", "what it read at 4: %s", text);
    memset(&overlapped, 0, sizeof overlapped);
    overlapped.Offset = 100;
    StartThreadpoolIo(io);
    answer = ReadFile(file, text, 3, NULL, &overlapped);
    if (!begun(answer)) {
        channel.result = GetLastError();
        channel.bytes = 0;
        channel.overlapped = &overlapped;
        CancelThreadpoolIo(io);
        SetEvent(channel.event);
    }
    say_result("C-151", "a read behind the end, told at once or later", &channel, &overlapped);
    WaitForThreadpoolIoCallbacks(io, FALSE);
    StartThreadpoolIo(io);
    CancelThreadpoolIo(io);
    WaitForThreadpoolIoCallbacks(io, FALSE);
    channel.calls = 0;
    say_count("C-151", "callbacks of what was started and given back", stays(&channel.calls));
    CloseThreadpoolIo(io);
    CloseHandle(file);
    DeleteFileA("suite.tmp");
    CloseHandle(channel.event);
}

/* Two ends of a pipe; the server's is overlapped. */
static BOOL pipe_ends(HANDLE *server, HANDLE *client)
{
    static int count;
    char name[64];

    snprintf(name, sizeof name, "\\\\.\\pipe\\suite-%u-%d", (unsigned)GetCurrentProcessId(),
             count++);
    *server =
        CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                         PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT, 1, 1024, 1024, 0, NULL);
    *client = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    return *server != INVALID_HANDLE_VALUE && *client != INVALID_HANDLE_VALUE;
}

struct reader {
    PTP_IO io;
    volatile LONG returned;
};

static DWORD WINAPI wait_for_io(LPVOID context)
{
    struct reader *reader = context;

    WaitForThreadpoolIoCallbacks(reader->io, FALSE);
    InterlockedIncrement(&reader->returned);
    return 0;
}

static void pipe_read(HANDLE server, HANDLE client, struct channel *channel, PTP_IO io)
{
    struct reader reader = {io, 0};
    OVERLAPPED first, second;
    char text[2][8] = {"", ""};
    DWORD bytes = 0;
    HANDLE thread;

    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    StartThreadpoolIo(io);
    say_told("C-147", "ReadFile of an empty pipe", ReadFile(server, text[0], 4, NULL, &first));
    thread = start(wait_for_io, &reader);
    say_count("C-147", "waits that return before there is something",
              stays(&reader.returned) + stays(&channel->calls));
    WriteFile(client, "abcd", 4, &bytes, NULL);
    say_result("C-148", "the callback of a read from a pipe", channel, &first);
    join(thread);
    say("C-148", "what it read: %.4s, and the wait returned: %d", text[0], (int)reader.returned);

    channel->calls = 0;
    StartThreadpoolIo(io);
    ReadFile(server, text[0], 2, NULL, &first);
    StartThreadpoolIo(io);
    ReadFile(server, text[1], 2, NULL, &second);
    WriteFile(client, "efgh", 4, &bytes, NULL);
    WaitForThreadpoolIoCallbacks(io, FALSE);
    say("C-149", "two reads at once: %d callbacks, %.2s and %.2s", (int)channel->calls, text[0],
        text[1]);
}

static void pipe_end(HANDLE server, HANDLE client, struct channel *channel, PTP_IO io)
{
    OVERLAPPED overlapped, other;
    char text[8] = "";
    DWORD bytes = 0;

    memset(&overlapped, 0, sizeof overlapped);
    memset(&other, 0, sizeof other);
    ResetEvent(channel->event);
    StartThreadpoolIo(io);
    ReadFile(server, text, 4, NULL, &overlapped);
    say_told("C-153", "CancelIoEx of a read", CancelIoEx(server, &overlapped));
    say_result("C-153", "its callback", channel, &overlapped);
    WaitForThreadpoolIoCallbacks(io, FALSE);
    say_told("C-153", "CancelIoEx of what is over", CancelIoEx(server, &overlapped));

    channel->calls = 0;
    StartThreadpoolIo(io);
    WaitForThreadpoolIoCallbacks(io, TRUE);
    say_count("C-154", "callbacks of a start after a wait that cancels", stays(&channel->calls));
    ReadFile(server, text, 4, NULL, &overlapped);
    WriteFile(client, "ijkl", 4, &bytes, NULL);
    say_count("C-155", "callbacks of an operation without a start", stays(&channel->calls));

    StartThreadpoolIo(io);
    ReadFile(server, text, 4, NULL, &overlapped);
    WaitForThreadpoolIoCallbacks(io, TRUE);
    say_count("C-156", "callbacks when a wait gives up an operation", stays(&channel->calls));
    ResetEvent(channel->event);
    StartThreadpoolIo(io);
    ReadFile(server, text + 4, 4, NULL, &other);
    WriteFile(client, "mnop", 4, &bytes, NULL);
    Sleep(GLANCE);
    WriteFile(client, "qrst", 4, &bytes, NULL);
    say_result("C-157", "the next operation's callback after that", channel, &other);
    WaitForThreadpoolIoCallbacks(io, FALSE);
    Sleep(GLANCE);
}

static void pipes(void)
{
    struct channel channel = {.event = new_event()};
    HANDLE server, client;
    PTP_IO io;

    say_yes("C-147", "a pipe is opened", pipe_ends(&server, &client));
    io = CreateThreadpoolIo(server, note, &channel, NULL);
    say_made("C-147", "CreateThreadpoolIo of a pipe", io);
    pipe_read(server, client, &channel, io);
    pipe_end(server, client, &channel, io);
    CloseThreadpoolIo(io);
    CloseHandle(server);
    CloseHandle(client);
    CloseHandle(channel.event);
}

struct sequence {
    PVOID overlapped[3];
    volatile LONG calls;
};

static void CALLBACK append(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
                            ULONG result, ULONG_PTR bytes, PTP_IO io)
{
    struct sequence *sequence = context;

    (void)instance;
    (void)result;
    (void)bytes;
    (void)io;
    sequence->overlapped[(InterlockedIncrement(&sequence->calls) - 1) % 3] = overlapped;
}

/* Three completions queue up behind a callback. */
static void in_order(void)
{
    struct gate gate;
    struct sequence sequence = {.calls = 0};
    OVERLAPPED overlapped[3];
    HANDLE server, client;
    char text[3][8];
    DWORD bytes = 0;
    PTP_IO io;

    pipe_ends(&server, &client);
    gate_shut(&gate);
    io = CreateThreadpoolIo(server, append, &sequence, &gate.room.environment);
    memset(overlapped, 0, sizeof overlapped);
    for (int i = 0; i < 3; i++) {
        StartThreadpoolIo(io);
        ReadFile(server, text[i], 1, NULL, &overlapped[i]);
    }
    for (int i = 0; i < 3; i++) {
        WriteFile(client, "x", 1, &bytes, NULL);
        Sleep(GLANCE / 2);
    }
    Sleep(4 * GLANCE);
    gate_open(&gate);
    WaitForThreadpoolIoCallbacks(io, FALSE);
    say("C-161", "three completions that were queued: %d %d %d",
        (int)((OVERLAPPED *)sequence.overlapped[0] - overlapped),
        (int)((OVERLAPPED *)sequence.overlapped[1] - overlapped),
        (int)((OVERLAPPED *)sequence.overlapped[2] - overlapped));
    CloseThreadpoolIo(io);
    CloseHandle(server);
    CloseHandle(client);
    gate_close(&gate);
}

/* The object is closed with an operation under way. */
static void closed(void)
{
    struct channel channel = {.event = new_event()};
    OVERLAPPED overlapped;
    HANDLE server, client;
    char text[8] = "";
    DWORD bytes = 0;
    PTP_IO io;

    pipe_ends(&server, &client);
    io = CreateThreadpoolIo(server, note, &channel, NULL);
    memset(&overlapped, 0, sizeof overlapped);
    StartThreadpoolIo(io);
    ReadFile(server, text, 4, NULL, &overlapped);
    CloseThreadpoolIo(io);
    WriteFile(client, "last", 4, &bytes, NULL);
    say_result("C-159", "a callback after the close of its object", &channel, &overlapped);
    say("C-159", "what it read: %.4s", text);
    CloseHandle(server);
    CloseHandle(client);
    CloseHandle(channel.event);
}

static volatile LONG cancelled;

static void CALLBACK note_cancelled(PVOID object, PVOID cleanup)
{
    (void)object;
    (void)cleanup;
    InterlockedIncrement(&cancelled);
}

static DWORD WINAPI write_later(LPVOID client)
{
    DWORD bytes = 0;

    Sleep(GLANCE);
    WriteFile(client, "late", 4, &bytes, NULL);
    return 0;
}

/* A group's member with an operation under way. With cancel, its late end is the end of Wine 8. */
static void in_group(void)
{
    struct channel channel = {.event = new_event()};
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    TP_CALLBACK_ENVIRON environment;
    OVERLAPPED overlapped;
    HANDLE server, client, thread;
    char text[8] = "";
    PTP_IO io;

    pipe_ends(&server, &client);
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackCleanupGroup(&environment, group, note_cancelled);
    io = CreateThreadpoolIo(server, note, &channel, &environment);
    memset(&overlapped, 0, sizeof overlapped);
    cancelled = 0;
    StartThreadpoolIo(io);
    ReadFile(server, text, 4, NULL, &overlapped);
    thread = start(write_later, client);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    say("C-180", "a member with a read, closed without cancel: %d callbacks, %d cancel callbacks",
        (int)channel.calls, (int)cancelled);
    join(thread);
    CloseThreadpoolCleanupGroup(group);
    DestroyThreadpoolEnvironment(&environment);
    CloseHandle(server);
    CloseHandle(client);
    CloseHandle(channel.event);
}

void io_part(void)
{
    bad();
    files();
    pipes();
    in_order();
    closed();
    in_group();
}
