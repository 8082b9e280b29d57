/* pool_io_test.c - I/O objects in Windows style, on pipes and files. */
#include "tests/win32/scene.h"

/* A pipe of which the reading end is overlapped. */
struct pipe {
    HANDLE reader, writer;
};

static struct pipe new_pipe(void)
{
    static LONG number;
    char name[64];
    struct pipe pipe;
    snprintf(name, sizeof name, "\\\\.\\pipe\\tp-io-test-%d-%d", (int)GetCurrentProcessId(),
             (int)add_to(&number, 1));
    pipe.reader = CreateNamedPipeA(name, PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED,
                                   PIPE_TYPE_BYTE | PIPE_WAIT, 1, 1024, 1024, 0, NULL);
    pipe.writer = CreateFileA(name, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    check(pipe.reader != INVALID_HANDLE_VALUE);
    check(pipe.writer != INVALID_HANDLE_VALUE);
    return pipe;
}

static void close_pipe(struct pipe *pipe)
{
    CloseHandle(pipe->reader);
    CloseHandle(pipe->writer);
}

static void send(struct pipe *pipe, const char *bytes)
{
    DWORD written = 0;
    check_eq(WriteFile(pipe->writer, bytes, (DWORD)strlen(bytes), &written, NULL), TRUE);
    check_eq(written, strlen(bytes));
}

/* What callbacks were told. */
struct told {
    LONG count;
    PVOID overlapped[16];
    ULONG result[16];
    ULONG_PTR bytes[16];
    PTP_IO io;
    LONG strangers;
    HANDLE came;
};

static void CALLBACK note(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
                          ULONG result, ULONG_PTR bytes, PTP_IO io)
{
    struct told *told = context;
    LONG at = add_to(&told->count, 1) - 1;
    (void)instance;
    told->overlapped[at] = overlapped;
    told->result[at] = result;
    told->bytes[at] = bytes;
    if (io != told->io)
        add_to(&told->strangers, 1);
    SetEvent(told->came);
}

static void bind(struct told *told, HANDLE file, PTP_CALLBACK_ENVIRON environment)
{
    memset(told, 0, sizeof *told);
    told->came = new_event();
    told->io = CreateThreadpoolIo(file, note, told, environment);
    check(told->io != NULL);
}

static void unbind(struct told *told)
{
    CloseThreadpoolIo(told->io);
    check_eq(told->strangers, 0);
    CloseHandle(told->came);
}

static void start_read(struct told *told, HANDLE file, OVERLAPPED *overlapped, char *buffer,
                       DWORD length)
{
    memset(overlapped, 0, sizeof *overlapped);
    StartThreadpoolIo(told->io);
    SetLastError(0);
    if (!ReadFile(file, buffer, length, NULL, overlapped))
        check_eq(GetLastError(), ERROR_IO_PENDING);
}

static DWORD WINAPI wait_for_io(LPVOID io)
{
    WaitForThreadpoolIoCallbacks((PTP_IO)io, FALSE);
    return 0;
}

/* C-146, C-147, C-148: nothing to wait for; then a wait that lasts until the callback is over. */
TAP_TEST(io__c146_c147_c148_one_read)
{
    struct pipe pipe = new_pipe();
    struct told told;
    OVERLAPPED overlapped;
    char buffer[16];
    bind(&told, pipe.reader, NULL);
    WaitForThreadpoolIoCallbacks(told.io, FALSE);
    start_read(&told, pipe.reader, &overlapped, buffer, sizeof buffer);
    HANDLE thread = CreateThread(NULL, 0, wait_for_io, told.io, 0, NULL);
    check(stays_away(thread));
    send(&pipe, "hello");
    check(comes(thread));
    check_eq(told.count, 1);
    check(told.overlapped[0] == &overlapped);
    check_eq(told.result[0], NO_ERROR);
    check_eq(told.bytes[0], 5);
    check(memcmp(buffer, "hello", 5) == 0);
    check_eq(overlapped.InternalHigh, 5);
    check_eq(overlapped.Internal, 0);
    CloseHandle(thread);
    unbind(&told);
    close_pipe(&pipe);
}

/* C-149, C-161: two in flight; on one thread delivered in the order of completion. */
TAP_TEST(io__c149_c161_two_reads)
{
    struct pipe pipe = new_pipe();
    struct told told;
    struct gate gate;
    OVERLAPPED overlapped[2];
    char buffer[2][4];
    gate_init(&gate);
    bind(&told, pipe.reader, &gate.environment);
    start_read(&told, pipe.reader, &overlapped[0], buffer[0], 1);
    start_read(&told, pipe.reader, &overlapped[1], buffer[1], 1);
    send(&pipe, "ab");
    gate_open(&gate);
    WaitForThreadpoolIoCallbacks(told.io, FALSE);
    check_eq(told.count, 2);
    check(told.overlapped[0] != told.overlapped[1]);
    check_eq(told.bytes[0] + told.bytes[1], 2);
    check_eq(buffer[0][0] + buffer[1][0], 'a' + 'b');
    unbind(&told);
    close_pipe(&pipe);
    gate_fini(&gate);
}

/* C-150: what can be had at once has its callback all the same. */
TAP_TEST(io__c150_success_at_once)
{
    struct pipe pipe = new_pipe();
    struct told told;
    OVERLAPPED overlapped;
    char buffer[16];
    bind(&told, pipe.reader, NULL);
    send(&pipe, "x");
    start_read(&told, pipe.reader, &overlapped, buffer, sizeof buffer);
    WaitForThreadpoolIoCallbacks(told.io, FALSE);
    check_eq(told.count, 1);
    check_eq(told.bytes[0], 1);
    unbind(&told);
    close_pipe(&pipe);
}

/* C-151: it could not be started, so the announcement is taken back. */
TAP_TEST(io__c151_failure_at_once)
{
    struct pipe pipe = new_pipe();
    struct told told;
    OVERLAPPED overlapped = {0};
    char buffer[16];
    bind(&told, pipe.reader, NULL);
    StartThreadpoolIo(told.io);
    SetLastError(0);
    check_eq(WriteFile(pipe.reader, buffer, 1, NULL, &overlapped), FALSE);
    check(GetLastError() != ERROR_IO_PENDING && GetLastError() != 0);
    CancelThreadpoolIo(told.io);
    WaitForThreadpoolIoCallbacks(told.io, FALSE);
    check_eq(told.count, 0);
    CancelThreadpoolIo(told.io); /* C-162: one too many */
    start_read(&told, pipe.reader, &overlapped, buffer, sizeof buffer);
    send(&pipe, "y");
    WaitForThreadpoolIoCallbacks(told.io, FALSE);
    check_eq(told.count, 1);
    unbind(&told);
    close_pipe(&pipe);
}

TAP_TEST(io__c152_no_packet_on_success)
{
    struct pipe pipe = new_pipe();
    struct told told;
    OVERLAPPED overlapped = {0};
    char buffer[16];
    bind(&told, pipe.reader, NULL);
    check_eq(SetFileCompletionNotificationModes(pipe.reader, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS),
             TRUE);
    send(&pipe, "z");
    StartThreadpoolIo(told.io);
    check_eq(ReadFile(pipe.reader, buffer, sizeof buffer, NULL, &overlapped), TRUE);
    CancelThreadpoolIo(told.io);
    WaitForThreadpoolIoCallbacks(told.io, FALSE);
    check_eq(told.count, 0);
    check_eq(overlapped.InternalHigh, 1);
    unbind(&told);
    close_pipe(&pipe);
}

TAP_TEST(io__c153_aborted)
{
    struct pipe pipe = new_pipe();
    struct told told;
    OVERLAPPED overlapped;
    char buffer[16];
    bind(&told, pipe.reader, NULL);
    start_read(&told, pipe.reader, &overlapped, buffer, sizeof buffer);
    check_eq(CancelIoEx(pipe.reader, &overlapped), TRUE);
    WaitForThreadpoolIoCallbacks(told.io, FALSE);
    check_eq(told.count, 1);
    check_eq(told.result[0], ERROR_OPERATION_ABORTED);
    check_eq(told.bytes[0], 0);
    unbind(&told);
    close_pipe(&pipe);
}

/* C-154, C-155: announced and forgotten; not announced. */
TAP_TEST(io__c154_c155_announcements)
{
    struct pipe pipe = new_pipe();
    struct told told;
    OVERLAPPED overlapped = {0};
    DWORD bytes;
    char buffer[16];
    bind(&told, pipe.reader, NULL);
    StartThreadpoolIo(told.io);
    WaitForThreadpoolIoCallbacks(told.io, TRUE);
    check_eq(told.count, 0);
    if (!ReadFile(pipe.reader, buffer, sizeof buffer, NULL, &overlapped)) /* not announced */
        check_eq(GetLastError(), ERROR_IO_PENDING);
    send(&pipe, "1");
    check_eq(GetOverlappedResult(pipe.reader, &overlapped, &bytes, TRUE), TRUE);
    check(stays_away(told.came));
    start_read(&told, pipe.reader, &overlapped, buffer, sizeof buffer);
    send(&pipe, "2");
    WaitForThreadpoolIoCallbacks(told.io, FALSE);
    check_eq(told.count, 1);
    unbind(&told);
    close_pipe(&pipe);
}

/* C-156, C-157, R-30: the operation of before completes later, and the new one is not taken for
 * it. */
TAP_TEST(io__c156_c157_forgotten_operation)
{
    struct pipe pipe = new_pipe();
    struct told told;
    OVERLAPPED old, young;
    char buffer[2][4];
    bind(&told, pipe.reader, NULL);
    start_read(&told, pipe.reader, &old, buffer[0], 1);
    WaitForThreadpoolIoCallbacks(told.io, TRUE);
    start_read(&told, pipe.reader, &young, buffer[1], 1);
    send(&pipe, "ab");
    WaitForThreadpoolIoCallbacks(told.io, FALSE);
    check_eq(told.count, 1);
    check(told.overlapped[0] == &young);
    check(stays_away(told.came) || value_of(&told.count) == 1);
    unbind(&told);
    close_pipe(&pipe);
}

/* C-159: closed with an operation in flight; its callback comes. */
TAP_TEST(io__c159_closed_while_in_flight)
{
    struct pipe pipe = new_pipe();
    struct told told;
    OVERLAPPED overlapped;
    char buffer[16];
    bind(&told, pipe.reader, NULL);
    start_read(&told, pipe.reader, &overlapped, buffer, sizeof buffer);
    CloseThreadpoolIo(told.io);
    check(stays_away(told.came));
    send(&pipe, "late");
    check(comes(told.came));
    check_eq(told.count, 1);
    check_eq(told.bytes[0], 4);
    check_eq(told.strangers, 0);
    CloseHandle(told.came);
    close_pipe(&pipe);
}

/* C-160: forgotten and closed: nobody hears of the end. */
TAP_TEST(io__c160_forgotten_and_closed)
{
    struct pipe pipe = new_pipe();
    struct told told;
    OVERLAPPED overlapped;
    DWORD bytes;
    char buffer[16];
    bind(&told, pipe.reader, NULL);
    start_read(&told, pipe.reader, &overlapped, buffer, sizeof buffer);
    WaitForThreadpoolIoCallbacks(told.io, TRUE);
    CloseThreadpoolIo(told.io);
    send(&pipe, "late");
    check_eq(GetOverlappedResult(pipe.reader, &overlapped, &bytes, TRUE), TRUE);
    check_eq(bytes, 4);
    check(stays_away(told.came));
    CloseHandle(told.came);
    close_pipe(&pipe);
}

/* The heap tells whether it is there; what is announced and forgotten keeps it until the file's
 * end. */
TAP_TEST(io__c158_c160_life_as_the_heap_sees_it)
{
    struct pipe pipe = new_pipe(), other = new_pipe();
    struct told told;
    bind(&told, pipe.reader, NULL);
    check_eq(HeapValidate(GetProcessHeap(), 0, told.io), TRUE);
    CloseThreadpoolIo(told.io);
    check_eq(HeapValidate(GetProcessHeap(), 0, told.io), FALSE);
    CloseHandle(told.came);
    bind(&told, other.reader, NULL);
    StartThreadpoolIo(told.io);
    CancelThreadpoolIo(told.io);
    StartThreadpoolIo(told.io);
    WaitForThreadpoolIoCallbacks(told.io, TRUE);
    CloseThreadpoolIo(told.io);
    check_eq(HeapValidate(GetProcessHeap(), 0, told.io), TRUE);
    close_pipe(&other);
    check_eq(HeapValidate(GetProcessHeap(), 0, told.io), FALSE);
    CloseHandle(told.came);
    close_pipe(&pipe);
}

TAP_TEST(io__c163_what_cannot_be_bound)
{
    struct pipe pipe = new_pipe();
    struct told told;
    SetLastError(0);
    check(CreateThreadpoolIo(&told, note, NULL, NULL) == NULL);
    check_eq(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0);
    check(CreateThreadpoolIo(pipe.writer, note, NULL, NULL) == NULL); /* not overlapped */
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    bind(&told, pipe.reader, NULL);
    SetLastError(0);
    check(CreateThreadpoolIo(pipe.reader, note, NULL, NULL) == NULL);
    check_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    unbind(&told);
    close_pipe(&pipe);
}

static void CALLBACK cancelled(PVOID object_context, PVOID cleanup_context)
{
    struct told *told = object_context;
    add_to(cleanup_context, told->came ? 1 : 100);
}

/* C-180: in a group, with an operation in flight. */
TAP_TEST(io__c180_member_of_a_group)
{
    struct pipe pipe = new_pipe();
    struct told told;
    TP_CALLBACK_ENVIRON environment;
    OVERLAPPED overlapped;
    DWORD bytes;
    LONG cancels = 0;
    char buffer[16];
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackCleanupGroup(&environment, group, cancelled);
    bind(&told, pipe.reader, &environment);
    start_read(&told, pipe.reader, &overlapped, buffer, sizeof buffer);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, &cancels);
    check_eq(cancels, 1);
    send(&pipe, "late");
    check_eq(GetOverlappedResult(pipe.reader, &overlapped, &bytes, TRUE), TRUE);
    check(stays_away(told.came));
    CloseThreadpoolCleanupGroup(group);
    CloseHandle(told.came);
    close_pipe(&pipe);
}

/* The writing half, on a file: blocks at their offsets, each announced, each told. */
TAP_TEST(io__file_is_written_and_read_back)
{
    struct told told;
    OVERLAPPED overlapped[8];
    char path[MAX_PATH], block[4096], back[4096];
    check(GetTempPathA(sizeof path - 32, path) != 0);
    snprintf(path + strlen(path), 32, "tp-io-%d", (int)GetCurrentProcessId());
    HANDLE file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                              FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    require(file != INVALID_HANDLE_VALUE);
    bind(&told, file, NULL);
    memset(block, 'w', sizeof block);
    for (DWORD i = 0; i < ARRAYSIZE(overlapped); i++) {
        memset(&overlapped[i], 0, sizeof overlapped[i]);
        overlapped[i].Offset = i * (DWORD)sizeof block;
        StartThreadpoolIo(told.io);
        if (!WriteFile(file, block, sizeof block, NULL, &overlapped[i]))
            check_eq(GetLastError(), ERROR_IO_PENDING);
    }
    WaitForThreadpoolIoCallbacks(told.io, FALSE);
    check_eq(told.count, ARRAYSIZE(overlapped));
    for (LONG i = 0; i < told.count; i++)
        check_eq(told.bytes[i], sizeof block);
    overlapped[0].Offset = 3 * sizeof block;
    StartThreadpoolIo(told.io);
    if (!ReadFile(file, back, sizeof back, NULL, &overlapped[0]))
        check_eq(GetLastError(), ERROR_IO_PENDING);
    WaitForThreadpoolIoCallbacks(told.io, FALSE);
    check(memcmp(block, back, sizeof block) == 0);
    overlapped[0].Offset = 8 * sizeof block; /* the end of the file */
    StartThreadpoolIo(told.io);
    if (!ReadFile(file, back, sizeof back, NULL, &overlapped[0])) {
        if (GetLastError() != ERROR_IO_PENDING) {
            check_eq(GetLastError(), ERROR_HANDLE_EOF);
            CancelThreadpoolIo(told.io);
        }
    }
    WaitForThreadpoolIoCallbacks(told.io, FALSE);
    if (told.count > 9)
        check_eq(told.result[9], ERROR_HANDLE_EOF);
    CloseHandle(file);
    unbind(&told);
}

/* ---- the same by the names of ntdll ---------------------------------------------------------- */

struct native {
    LONG count, finals, cancels;
    void *overlapped;
    IO_STATUS_BLOCK block;
    HANDLE came;
};

static void CALLBACK note_native(TP_CALLBACK_INSTANCE *instance, void *context, void *overlapped,
                                 IO_STATUS_BLOCK *block, TP_IO *io)
{
    struct native *native = context;
    (void)io;
    native->overlapped = overlapped;
    native->block = *block;
    add_to(&native->count, 1);
    TpCallbackSetEventOnCompletion(instance, native->came);
}

static void CALLBACK native_final(TP_CALLBACK_INSTANCE *instance, void *context)
{
    (void)instance;
    add_to(&((struct native *)context)->finals, 1);
}

static void CALLBACK native_cancelled(void *object_context, void *cleanup_context)
{
    add_to(&((struct native *)object_context)->cancels, cleanup_context == object_context);
}

TAP_TEST(io__native_names)
{
    struct pipe pipe = new_pipe();
    struct native native = {.came = new_event()};
    TP_CALLBACK_ENVIRON environment;
    TP_CLEANUP_GROUP *group = NULL;
    TP_IO *io = NULL;
    OVERLAPPED overlapped = {0};
    char buffer[16];
    TpAllocCleanupGroup(&group);
    TpInitializeCallbackEnviron(&environment);
    TpSetCallbackCleanupGroup(&environment, group, native_cancelled);
    TpSetCallbackFinalizationCallback(&environment, native_final);
    check_eq(TpAllocIoCompletion(&io, NULL, note_native, &native, &environment),
             STATUS_INVALID_HANDLE);
    check_eq(TpAllocIoCompletion(&io, pipe.reader, NULL, &native, NULL), STATUS_INVALID_PARAMETER);
    check(io == NULL);
    check_eq(TpAllocIoCompletion(&io, pipe.reader, note_native, &native, &environment),
             STATUS_SUCCESS);
    TpStartAsyncIoOperation(io);
    TpCancelAsyncIoOperation(io);
    TpStartAsyncIoOperation(io);
    if (!ReadFile(pipe.reader, buffer, sizeof buffer, NULL, &overlapped))
        check_eq(GetLastError(), ERROR_IO_PENDING);
    send(&pipe, "native");
    TpWaitForIoCompletion(io, FALSE);
    check_eq(native.count, 1);
    check_eq(native.finals, 1);
    check(native.overlapped == &overlapped);
    check_eq(native.block.Status, STATUS_SUCCESS);
    check_eq(native.block.Information, 6);
    check(comes(native.came));
    TpReleaseCleanupGroupMembers(group, TRUE, &native);
    check_eq(native.cancels, 1);
    TpReleaseIoCompletion(io); /* gone with its group: does nothing */
    TpReleaseCleanupGroup(group);
    CloseHandle(native.came);
    close_pipe(&pipe);
}

int main(void)
{
    tap_run(io__c146_c147_c148_one_read);
    tap_run(io__c149_c161_two_reads);
    tap_run(io__c150_success_at_once);
    tap_run(io__c151_failure_at_once);
    tap_run(io__c152_no_packet_on_success);
    tap_run(io__c153_aborted);
    tap_run(io__c154_c155_announcements);
    tap_run(io__c156_c157_forgotten_operation);
    tap_run(io__c159_closed_while_in_flight);
    tap_run(io__c160_forgotten_and_closed);
    tap_run(io__c158_c160_life_as_the_heap_sees_it);
    tap_run(io__c163_what_cannot_be_bound);
    tap_run(io__c180_member_of_a_group);
    tap_run(io__file_is_written_and_read_back);
    tap_run(io__native_names);
    return tap_done();
}
