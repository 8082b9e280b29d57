/* fork_test.c - in a child made by fork the handles of its parent are none; new ones are made. */
#include <sys/wait.h>

#include "tests/win32/scene.h"

static HANDLE event, manual, semaphore, mutex, timer, done;
static HANDLE queue, go_on; /* of the queue's timer, which is deleted while its callback runs */

static void CALLBACK expired(PVOID context, BOOLEAN timed_out)
{
    (void)timed_out;
    SetEvent(context);
}

static void CALLBACK hold(PVOID entered, BOOLEAN timed_out)
{
    (void)timed_out;
    SetEvent(entered);
    WaitForSingleObject(go_on, INFINITE);
}

static bool runs_in_the_wait_thread(HANDLE signaled, HANDLE told)
{
    HANDLE wait = NULL;
    bool ran = RegisterWaitForSingleObject(&wait, signaled, expired, told, INFINITE,
                                           WT_EXECUTEINWAITTHREAD | WT_EXECUTEONLYONCE) &&
               comes(told);
    return ran && UnregisterWaitEx(wait, INVALID_HANDLE_VALUE);
}

static DWORD WINAPI end_at_once(LPVOID context)
{
    (void)context;
    return 0;
}

/* Each of them waits in a way of its own. */
static void what_is_new_works(void)
{
    DWORD moved;
    char byte = 0;
    LARGE_INTEGER soon = {.QuadPart = -1};
    OVERLAPPED read = {.Offset = 0};
    HANDLE fresh[] = {new_event(), CreateMutexA(NULL, FALSE, NULL)};
    HANDLE clock = CreateWaitableTimerA(NULL, TRUE, NULL);
    check_eq(WaitForMultipleObjects(1, fresh, FALSE, 1), WAIT_TIMEOUT);
    check_eq(WaitForMultipleObjects(2, fresh, TRUE, 1), WAIT_TIMEOUT);
    check_eq(WaitForMultipleObjects(2, fresh, FALSE, LONG_MS), WAIT_OBJECT_0 + 1);
    check(SetWaitableTimer(clock, &soon, 0, NULL, NULL, FALSE) && comes(clock));
    HANDLE thread = CreateThread(NULL, 0, end_at_once, NULL, 0, NULL);
    check(comes(thread));
    HANDLE server = CreateNamedPipeA("\\\\.\\pipe\\fork", PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                                     0, 1, 0, 0, 0, NULL);
    HANDLE client = CreateFileA("\\\\.\\pipe\\fork", GENERIC_READ | GENERIC_WRITE, 0, NULL,
                                OPEN_EXISTING, 0, NULL);
    REFUSED(ReadFile(server, &byte, 1, &moved, &read), ERROR_IO_PENDING);
    check(WriteFile(client, "a", 1, &moved, NULL));
    check(GetOverlappedResult(server, &read, &moved, TRUE) && moved == 1 && byte == 'a');
    check(CloseHandle(server) && CloseHandle(client) && CloseHandle(thread) && CloseHandle(clock));
    check(CloseHandle(fresh[0]) && CloseHandle(fresh[1]));
}

static void in_the_child(void)
{
    LARGE_INTEGER soon = {.QuadPart = -1};
    HANDLE both[] = {event, semaphore};
    REFUSED(SetEvent(event), ERROR_INVALID_HANDLE);
    REFUSED(PulseEvent(event), ERROR_INVALID_HANDLE);
    REFUSED(ReleaseSemaphore(semaphore, 1, NULL), ERROR_INVALID_HANDLE);
    REFUSED(ReleaseMutex(mutex), ERROR_INVALID_HANDLE);
    REFUSED(SetWaitableTimer(timer, &soon, 0, NULL, NULL, FALSE), ERROR_INVALID_HANDLE);
    REFUSED(WaitForSingleObject(event, 0) != WAIT_FAILED, ERROR_INVALID_HANDLE);
    REFUSED(WaitForSingleObjectEx(event, 0, TRUE) != WAIT_FAILED, ERROR_INVALID_HANDLE);
    REFUSED(WaitForMultipleObjects(2, both, FALSE, 0) != WAIT_FAILED, ERROR_INVALID_HANDLE);
    REFUSED(WaitForMultipleObjects(2, both, TRUE, 0) != WAIT_FAILED, ERROR_INVALID_HANDLE);
    REFUSED(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE), ERROR_INVALID_HANDLE);
    HANDLE fresh = CreateEventA(NULL, TRUE, TRUE, NULL), told = new_event();
    check_eq(WaitForSingleObject(fresh, 0), WAIT_OBJECT_0);
    check(runs_in_the_wait_thread(fresh, told));
    CloseHandle(fresh);
    CloseHandle(told);
    what_is_new_works();
}

TAP_TEST(fork__leaves_the_handles_behind)
{
    int status = 0;
    HANDLE two[2], held;
    event = new_event();
    manual = CreateEventA(NULL, TRUE, TRUE, NULL);
    semaphore = CreateSemaphoreA(NULL, 0, 1, NULL);
    mutex = CreateMutexA(NULL, TRUE, NULL);
    timer = CreateWaitableTimerA(NULL, TRUE, NULL);
    done = new_event();
    two[0] = event, two[1] = semaphore;
    what_is_new_works();
    check_eq(WaitForMultipleObjects(2, two, FALSE, 1), WAIT_TIMEOUT); /* all is made for that */
    check(runs_in_the_wait_thread(manual, done));
    queue = CreateTimerQueue();
    go_on = CreateEventA(NULL, TRUE, FALSE, NULL);
    check(CreateTimerQueueTimer(&held, queue, hold, done, 0, 0, 0) && comes(done));
    REFUSED(DeleteTimerQueueTimer(queue, held, NULL), ERROR_IO_PENDING);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        in_the_child();
        exit(__atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) != 0);
    }
    require(child > 0);
    check(waitpid(child, &status, 0) == child);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    check(SetEvent(event) && comes(event)); /* the parent's own are as they were */
    check(runs_in_the_wait_thread(manual, done));
    check(SetEvent(go_on) && DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE));
}

int main(void)
{
    tap_run(fork__leaves_the_handles_behind);
    return tap_done();
}
