/* refuse_pool_test.c - files, pipes and the thread pool, where each call below may be refused. */
#include "tests/win32/refuse_scenes.h"

/* ---- scenes: files and pipes ----------------------------------------------------------------- */

static char path[MAX_PATH];

static bool anonymous_pipe(void)
{
    HANDLE ends[2] = {NULL, NULL};
    DWORD moved = 0;
    char text[8] = "";
    if (!got(CreatePipe(&ends[0], &ends[1], NULL, 4096)))
        return false;
    check(WriteFile(ends[1], "seven", 6, &moved, NULL) && moved == 6);
    check(ReadFile(ends[0], text, 8, &moved, NULL) && moved == 6);
    check(strcmp(text, "seven") == 0);
    discard(ends[0]), discard(ends[1]);
    return true;
}

static HANDLE make_pipe(void)
{
    return got_handle(CreateNamedPipeW(
        L"\\\\.\\pipe\\refuse", PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 0, 1, 0, 0, 0, NULL));
}

static HANDLE open_pipe(void)
{
    return got_handle(CreateFileA("\\\\.\\pipe\\refuse", GENERIC_READ | GENERIC_WRITE, 0, NULL,
                                  OPEN_EXISTING, 0, NULL));
}

/* A read that waits, and is answered. */
static bool read_later(HANDLE server, HANDLE client)
{
    char text[8] = "";
    DWORD moved = 0;
    OVERLAPPED first = {.hEvent = NULL}, second = {.hEvent = NULL};
    if (!got(!ReadFile(server, text, 6, NULL, &first) && GetLastError() == ERROR_IO_PENDING))
        return false;
    bool both =
        got(!ReadFile(server, text, 1, NULL, &second) && GetLastError() == ERROR_IO_PENDING);
    check(WriteFile(client, "eight", 6, &moved, NULL) && moved == 6);
    check(GetOverlappedResult(server, &first, &moved, TRUE) && moved == 6);
    check(strcmp(text, "eight") == 0);
    check(!both || CancelIoEx(server, &second));
    check(!both || !GetOverlappedResult(server, &second, &moved, TRUE));
    return both;
}

/* More than the pipe holds: written bit by bit, as it is read. */
static bool write_long(void)
{
    static char text[1 << 19], copy[1 << 19];
    DWORD put = 0, written = 0, read = 0, moved = 0, there = 0;
    OVERLAPPED write = {.hEvent = NULL};
    HANDLE server = make_pipe();
    HANDLE client = server ? open_pipe() : NULL;
    bool begun = client && got(!WriteFile(server, text, sizeof text, &put, &write) &&
                               GetLastError() == ERROR_IO_PENDING);
    if (client && !begun) { /* what went into the pipe is told all the same */
        check(PeekNamedPipe(client, NULL, 0, NULL, &there, NULL));
        check_eq(put, there);
        check_eq(write.InternalHigh, there);
    }
    for (bool over = !begun; !over;) {
        over = HasOverlappedIoCompleted(&write); /* before what there is to read is looked at */
        check(PeekNamedPipe(client, NULL, 0, NULL, &there, NULL));
        if (there > 0 && ReadFile(client, copy, there, &moved, NULL))
            read += moved, over = false;
    }
    bool whole = begun && got(GetOverlappedResult(server, &write, &written, TRUE));
    check(!begun || (read == written && whole == (written == sizeof text)));
    discard(client), discard(server);
    return whole;
}

static bool named_pipe(void)
{
    HANDLE server = make_pipe();
    HANDLE client = server ? open_pipe() : NULL;
    bool done = client && read_later(server, client);
    discard(client), discard(server);
    return done;
}

static bool pipe_connected_again(void)
{
    OVERLAPPED connect = {.hEvent = NULL};
    HANDLE server = make_pipe();
    HANDLE client = server ? open_pipe() : NULL;
    bool again = false;
    if (client) {
        check(DisconnectNamedPipe(server));
        again = got(!ConnectNamedPipe(server, &connect) && GetLastError() == ERROR_IO_PENDING);
        discard(client);
    }
    client = again ? open_pipe() : NULL;
    discard(client), discard(server);
    return client != NULL;
}

static bool file(void)
{
    char text[8] = "";
    DWORD moved = 0;
    LARGE_INTEGER size = {.QuadPart = 0};
    WCHAR wide[MAX_PATH];
    for (size_t i = 0; i < MAX_PATH; i++)
        wide[i] = (unsigned char)path[i] == '/' ? '\\' : (unsigned char)path[i];
    HANDLE file = got_handle(
        CreateFileW(wide, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL));
    check(file || access(path, F_OK) != 0); /* not even made */
    bool done = file && got(WriteFile(file, "nine", 5, &moved, NULL)) && got(SetEndOfFile(file)) &&
                got(FlushFileBuffers(file)) && got(SetFilePointer(file, 0, NULL, 0) == 0) &&
                got(ReadFile(file, text, 8, &moved, NULL));
    bool sized = done && GetFileSizeEx(file, &size);
    if (done && !sized)
        told = ERROR_NOT_ENOUGH_MEMORY; /* it says that the file has none */
    check(!sized || (size.QuadPart == 5 && strcmp(text, "nine") == 0));
    discard(file);
    bool gone = sized && got(DeleteFileW(wide));
    if (!gone)
        unlink(path);
    return gone;
}

static bool overlapped_file(void)
{
    char text[8] = "";
    DWORD moved = 0;
    OVERLAPPED at = {.Offset = 0};
    HANDLE file = got_handle(CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                                         FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE, NULL));
    bool written =
        file && got(WriteFile(file, "ten", 4, NULL, &at) || GetLastError() == ERROR_IO_PENDING);
    check(!written || (GetOverlappedResult(file, &at, &moved, TRUE) && moved == 4));
    bool read =
        written && got(ReadFile(file, text, 8, NULL, &at) || GetLastError() == ERROR_IO_PENDING);
    check(!read || (GetOverlappedResult(file, &at, &moved, TRUE) && moved == 4));
    check(!read || strcmp(text, "ten") == 0);
    discard(file);
    check(access(path, F_OK) != 0); /* deleted, or not even made */
    return read;
}

/* Beside the pool, on a thread of its own that is started now. */
static bool waitable_timer(void)
{
    LARGE_INTEGER now = {.QuadPart = 0};
    HANDLE timer = got_handle(CreateWaitableTimerA(NULL, TRUE, NULL));
    if (timer)
        check(SetWaitableTimer(timer, &now, 0, NULL, NULL, FALSE) && comes(timer));
    discard(timer);
    return timer != NULL;
}

/* ---- scenes: the thread pool ----------------------------------------------------------------- */

static HANDLE done_event;

static DWORD WINAPI item(LPVOID context)
{
    (void)context;
    SetEvent(done_event);
    return 0;
}

static void CALLBACK native_item(PVOID context)
{
    (void)item(context);
}

static bool work_items(void)
{
    bool first = got(QueueUserWorkItem(item, NULL, WT_EXECUTELONGFUNCTION));
    check(!first || comes(done_event));
    bool second = first && got_status(RtlQueueWorkItem(native_item, NULL, 0));
    check(!second || comes(done_event));
    return second;
}

static void CALLBACK expired(PVOID context, BOOLEAN timed_out)
{
    (void)timed_out;
    (void)item(context);
}

static bool registered_wait(void)
{
    HANDLE wait = NULL, event = got_handle(CreateEventA(NULL, FALSE, TRUE, NULL));
    bool set =
        event && got(RegisterWaitForSingleObject(&wait, event, expired, NULL, INFINITE,
                                                 WT_EXECUTEINWAITTHREAD | WT_EXECUTEONLYONCE));
    check(set == (wait != NULL));
    check(!set || comes(done_event));
    check(!set || UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    discard(event);
    return set;
}

static bool queued_timers(void)
{
    HANDLE timers[2] = {NULL, NULL}, queue = got_handle(CreateTimerQueue());
    bool first = queue && got(CreateTimerQueueTimer(&timers[0], queue, expired, NULL, 0, 0,
                                                    WT_EXECUTEINTIMERTHREAD));
    check(!first || comes(done_event));
    bool second = first && got(CreateTimerQueueTimer(&timers[1], NULL, expired, NULL, 0, 0, 0));
    check(!second || comes(done_event));
    check(first == (timers[0] != NULL) && second == (timers[1] != NULL));
    check(!second || DeleteTimerQueueTimer(NULL, timers[1], INVALID_HANDLE_VALUE));
    check(!queue || DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE));
    return second;
}

static void CALLBACK simple(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
    (void)instance;
    (void)item(context);
}

static void CALLBACK cancelled(PVOID context, PVOID cleanup_context)
{
    (void)context;
    add_to(cleanup_context, 1);
}

static void CALLBACK on_work(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    (void)instance, (void)context, (void)work;
}

static void CALLBACK on_timer(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
    (void)instance, (void)context, (void)timer;
}

static void CALLBACK on_wait(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
                             TP_WAIT_RESULT result)
{
    (void)instance, (void)context, (void)wait, (void)result;
}

/* Members that are closed with their group. */
static LONG add_members(PTP_CALLBACK_ENVIRON environment)
{
    LONG members = got(CreateThreadpoolWork(on_work, NULL, environment) != NULL);
    if (members == 1)
        members += got(CreateThreadpoolTimer(on_timer, NULL, environment) != NULL);
    if (members == 2)
        members += got(CreateThreadpoolWait(on_wait, NULL, environment) != NULL);
    return members;
}

static bool pool_objects(void)
{
    LONG told_of = 0, members = 0;
    TP_CALLBACK_ENVIRON environment;
    PTP_POOL pool = CreateThreadpool(NULL);
    PTP_CLEANUP_GROUP group = got(pool != NULL) ? CreateThreadpoolCleanupGroup() : NULL;
    if (pool && got(group != NULL)) {
        InitializeThreadpoolEnvironment(&environment);
        SetThreadpoolCallbackPool(&environment, pool);
        SetThreadpoolCallbackCleanupGroup(&environment, group, cancelled);
        if (got(TrySubmitThreadpoolCallback(simple, NULL, &environment))) {
            check(comes(done_event));
            CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
            members = add_members(&environment);
        }
        CloseThreadpoolCleanupGroupMembers(group, TRUE, &told_of);
        CloseThreadpoolCleanupGroup(group);
    }
    if (pool)
        CloseThreadpool(pool);
    check_eq(told_of, members);
    return members == 3;
}

static bool native_objects(void)
{
    TP_POOL *pool = NULL;
    TP_CLEANUP_GROUP *group = NULL;
    TP_WORK *work = NULL;
    TP_TIMER *timer = NULL;
    TP_WAIT *wait = NULL;
    bool made = got_status(TpAllocPool(&pool, NULL)) && got_status(TpAllocCleanupGroup(&group)) &&
                got_status(TpAllocWork(&work, on_work, NULL, NULL)) &&
                got_status(TpAllocTimer(&timer, on_timer, NULL, NULL)) &&
                got_status(TpAllocWait(&wait, on_wait, NULL, NULL));
    check(made == (wait != NULL));
    if (pool)
        TpReleasePool(pool);
    if (group)
        TpReleaseCleanupGroup(group);
    if (work)
        TpReleaseWork(work);
    if (timer)
        TpReleaseTimer(timer);
    if (wait)
        TpReleaseWait(wait);
    return made;
}

static void CALLBACK on_io(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
                           ULONG result, ULONG_PTR bytes, PTP_IO io)
{
    (void)instance, (void)context, (void)overlapped, (void)result, (void)bytes, (void)io;
}

static void CALLBACK on_native_io(TP_CALLBACK_INSTANCE *instance, void *context, void *overlapped,
                                  IO_STATUS_BLOCK *status, TP_IO *io)
{
    (void)instance, (void)context, (void)overlapped, (void)status, (void)io;
}

static bool io_objects(void)
{
    TP_IO *native = NULL;
    TP_CALLBACK_ENVIRON environment;
    LONG told_of = 0;
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    HANDLE first = got(group != NULL) ? make_pipe() : NULL, second = first ? open_pipe() : NULL;
    PTP_IO io = second ? CreateThreadpoolIo(first, on_io, NULL, NULL) : NULL;
    discard(second), discard(first);
    first = second && got(io != NULL) ? make_pipe() : NULL;
    if (first) {
        InitializeThreadpoolEnvironment(&environment);
        SetThreadpoolCallbackCleanupGroup(&environment, group, cancelled);
        TpSetCallbackFinalizationCallback(&environment, simple);
        (void)got_status(TpAllocIoCompletion(&native, first, on_native_io, NULL, &environment));
    }
    if (group) {
        CloseThreadpoolCleanupGroupMembers(group, TRUE, &told_of);
        CloseThreadpoolCleanupGroup(group);
    }
    check_eq(told_of, native != NULL);
    if (io)
        CloseThreadpoolIo(io);
    discard(first);
    return native != NULL;
}

/* ---- between two calls below ----------------------------------------------------------------- */

static struct {
    HANDLE pipe, thread;
} aborter;

static DWORD WINAPI abort_all(LPVOID pipe)
{
    return (DWORD)CancelIoEx(pipe, NULL);
}

static void abort_meanwhile(void)
{
    aborter.thread = CreateThread(NULL, 0, abort_all, aborter.pipe, 0, NULL);
    (void)WaitForSingleObject(aborter.thread, SHORT_MS); /* it waits, or is through */
}

/* The first part is written; the rest is about to be handed over when the abort comes. */
TAP_TEST(abort__between_two_parts_of_a_write)
{
    static char text[1 << 22], copy[1 << 12];
    DWORD moved, code = FALSE, there = 0;
    OVERLAPPED write = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    HANDLE client;
    aborter.pipe = make_pipe();
    client = open_pipe();
    part_most = 1 << 16;
    check(!WriteFile(aborter.pipe, text, sizeof text, NULL, &write));
    check_eq(GetLastError(), ERROR_IO_PENDING);
    __atomic_store_n(&before_submit, abort_meanwhile, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&before_submit, __ATOMIC_SEQ_CST)) {
        check(PeekNamedPipe(client, NULL, 0, NULL, &there, NULL));
        check(there == 0 || ReadFile(client, copy, sizeof copy, &moved, NULL));
    }
    check(!GetOverlappedResultEx(aborter.pipe, &write, &moved, LONG_MS, FALSE));
    check_eq(GetLastError(), ERROR_OPERATION_ABORTED);
    check(moved < sizeof text);
    check(comes(aborter.thread));
    check(GetExitCodeThread(aborter.thread, &code) && code == TRUE);
    discard(client), discard(aborter.pipe), discard(aborter.thread), discard(write.hEvent);
    part_most = INT32_MAX;
}

/* ---- each of them ---------------------------------------------------------------------------- */

static const struct scene scenes[] = {
    {"anonymous pipe", anonymous_pipe, 0, false},
    {"named pipe", named_pipe, 0, false},
    {"long write", write_long, 0, false},
    {"pipe connected again", pipe_connected_again, 0, false},
    {"file", file, 0, false},
    {"overlapped file", overlapped_file, 0, false},
    {"waitable timer", waitable_timer, 0, false},
    {"work items", work_items, 0, false},
    {"registered wait", registered_wait, 0, false},
    {"queued timers", queued_timers, 0, false},
    {"pool objects", pool_objects, 0, false},
    {"native objects", native_objects, 0, false},
    {"io objects", io_objects, 0, false},
};

int main(void)
{
    char folder[MAX_PATH];
    if (GetTempPathA(sizeof folder, folder) == 0 || !GetTempFileNameA(folder, "ref", 0, path))
        return 1;
    unlink(path);
    threads_are_known = true;
    done_event = new_event();
    tap_run(abort__between_two_parts_of_a_write);
    run_scenes(scenes, ARRAYSIZE(scenes));
    return tap_done();
}
