/* between_test.c - at each step of one call another thread makes its own call in between.
 *
 * A step is a lock below a call of Windows, before it is taken and after it is left: the program is
 * linked to the static library so that these pass through here (--wrap). Two calls on the same
 * objects, in each pair and at each step: what one call still needs, the other must not free, and
 * what one of them has promised, the other must not break. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "tests/win32/scene.h"

/* ---- steps ----------------------------------------------------------------------------------- */

/* Longer than a call takes. One that waits for the call it came between goes on beside it then. */
#define PATIENCE_NS (5 * 1000 * 1000)

static _Thread_local bool watched;
static struct {
    LONG left; /* so many steps, this one included */
    sem_t begin, over;
} between;

/* Semaphores of the C library, which pass through nothing here. */
static void step(void)
{
    struct timespec limit;
    if (!watched || --between.left != 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_nsec += PATIENCE_NS;
    limit.tv_sec += limit.tv_nsec / 1000000000;
    limit.tv_nsec %= 1000000000;
    sem_post(&between.begin);
    while (sem_clockwait(&between.over, CLOCK_MONOTONIC, &limit) != 0 && errno == EINTR)
        ;
}

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    step();
    return __real_pthread_mutex_lock(mutex);
}

int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    int failed = __real_pthread_mutex_unlock(mutex);
    step();
    return failed;
}

/* ---- what the calls are made on -------------------------------------------------------------- */

/* What has been said to be over. Kept, since a callback that comes too late would look at it. */
struct promise {
    LONG timer, queue, wait;
};
static struct promise promises[40000];
static size_t used;
static LONG late;

static struct {
    struct promise *promise;
    HANDLE queue, timer, event, manual, wait, mutex, semaphore, clock, server, client;
    HANDLE made[2]; /* by a call of each thread */
    OVERLAPPED read[2], written[2];
    char byte[2];
} it;

static int side(void)
{
    return watched;
}

/* What the other thread's call makes, as soon as it has told: that nothing orders the two is what
 * is wanted here. */
__attribute__((no_sanitize("thread"))) static HANDLE made_there(void)
{
    return *(volatile HANDLE *)&it.made[!side()];
}

static void NTAPI on_timer(PVOID context, BOOLEAN timed_out)
{
    struct promise *promise = context;
    (void)timed_out;
    if (value_of(&promise->timer) || value_of(&promise->queue))
        add_to(&late, 1);
}

static void NTAPI on_made(PVOID context, BOOLEAN timed_out)
{
    struct promise *promise = context;
    (void)timed_out;
    if (value_of(&promise->queue))
        add_to(&late, 1);
}

static void NTAPI on_wait(PVOID context, BOOLEAN timed_out)
{
    struct promise *promise = context;
    (void)timed_out;
    if (value_of(&promise->wait))
        add_to(&late, 1);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void timers_init(void)
{
    it.manual = CreateEventA(NULL, TRUE, FALSE, NULL);
    it.queue = CreateTimerQueue();
    check(CreateTimerQueueTimer(&it.timer, it.queue, on_timer, it.promise, 0, 1, 0));
}

static void timers_fini(void)
{
    (void)DeleteTimerQueueEx(it.queue, INVALID_HANDLE_VALUE);
    CloseHandle(it.manual);
}

static void make_timer(void)
{
    (void)CreateTimerQueueTimer(&it.made[side()], it.queue, on_made, it.promise, 0, 1, 0);
}

static void delete_made(void)
{
    (void)DeleteTimerQueueTimer(it.queue, made_there(), NULL);
}

static void change_timer(void)
{
    (void)ChangeTimerQueueTimer(it.queue, it.timer, 0, 0);
}

static void delete_timer(void)
{
    (void)DeleteTimerQueueTimer(it.queue, it.timer, NULL);
}

static void delete_timer_and_tell(void)
{
    (void)DeleteTimerQueueTimer(it.queue, it.timer, it.manual);
}

static void delete_timer_and_wait(void)
{
    if (DeleteTimerQueueTimer(it.queue, it.timer, INVALID_HANDLE_VALUE))
        add_to(&it.promise->timer, 1);
}

static void delete_queue(void)
{
    (void)DeleteTimerQueueEx(it.queue, NULL);
}

static void delete_queue_and_tell(void)
{
    (void)DeleteTimerQueueEx(it.queue, it.manual);
}

static void delete_queue_and_wait(void)
{
    if (DeleteTimerQueueEx(it.queue, INVALID_HANDLE_VALUE))
        add_to(&it.promise->queue, 1);
}

/* ---- registered waits ------------------------------------------------------------------------ */

static void waits_init(void)
{
    it.event = new_event();
    it.manual = CreateEventA(NULL, TRUE, FALSE, NULL);
    check(RegisterWaitForSingleObject(&it.wait, it.event, on_wait, it.promise, 1, 0));
}

static void waits_fini(void)
{
    (void)UnregisterWaitEx(it.wait, INVALID_HANDLE_VALUE);
    (void)UnregisterWaitEx(it.made[0], INVALID_HANDLE_VALUE);
    (void)UnregisterWaitEx(it.made[1], INVALID_HANDLE_VALUE);
    CloseHandle(it.event);
    CloseHandle(it.manual);
}

static void register_wait(void)
{
    (void)RegisterWaitForSingleObject(&it.made[side()], it.event, on_made, it.promise, 1, 0);
}

static void register_in_wait_thread(void)
{
    (void)RegisterWaitForSingleObject(&it.made[side()], it.manual, on_made, it.promise, INFINITE,
                                      WT_EXECUTEINWAITTHREAD | WT_EXECUTEONLYONCE);
}

static void unregister_new(void)
{
    (void)UnregisterWait(made_there());
}

static void unregister(void)
{
    (void)UnregisterWait(it.wait);
}

static void unregister_and_tell(void)
{
    (void)UnregisterWaitEx(it.wait, it.manual);
}

static void unregister_and_wait(void)
{
    if (UnregisterWaitEx(it.wait, INVALID_HANDLE_VALUE))
        add_to(&it.promise->wait, 1);
}

static void set_event(void)
{
    (void)SetEvent(it.event);
}

static void set_manual(void)
{
    (void)SetEvent(it.manual);
}

static void close_event(void)
{
    (void)CloseHandle(it.event);
}

static void close_manual(void)
{
    (void)CloseHandle(it.manual);
}

/* ---- what is waited for ---------------------------------------------------------------------- */

static void objects_init(void)
{
    it.event = new_event();
    it.mutex = CreateMutexA(NULL, FALSE, "between");
    it.semaphore = CreateSemaphoreA(NULL, 0, 2, NULL);
    it.clock = CreateWaitableTimerA(NULL, FALSE, NULL);
}

static void objects_fini(void)
{
    CloseHandle(it.event);
    CloseHandle(it.mutex);
    CloseHandle(it.semaphore);
    CloseHandle(it.clock);
    CloseHandle(it.made[0]);
    CloseHandle(it.made[1]);
}

static void wait_for_event(void)
{
    (void)WaitForSingleObject(it.event, 1);
}

static void wait_for_any(void)
{
    HANDLE all[] = {it.clock, it.event, it.semaphore};
    (void)WaitForMultipleObjects(3, all, FALSE, 1);
}

static void wait_for_all(void)
{
    HANDLE all[] = {it.event, it.mutex, it.semaphore};
    if (WaitForMultipleObjects(3, all, TRUE, 1) == WAIT_OBJECT_0)
        (void)ReleaseMutex(it.mutex);
}

static void own_mutex(void)
{
    if (WaitForSingleObject(it.mutex, 1) == WAIT_OBJECT_0)
        (void)ReleaseMutex(it.mutex);
}

static void signal_and_wait(void)
{
    (void)SignalObjectAndWait(it.event, it.semaphore, 1, FALSE);
}

static void pulse_event(void)
{
    (void)PulseEvent(it.event);
}

static void release_semaphore(void)
{
    (void)ReleaseSemaphore(it.semaphore, 1, NULL);
}

static void set_clock(void)
{
    LARGE_INTEGER soon = {.QuadPart = -1};
    (void)SetWaitableTimer(it.clock, &soon, 1, NULL, NULL, FALSE);
}

static void cancel_clock(void)
{
    (void)CancelWaitableTimer(it.clock);
}

static void copy_event(void)
{
    (void)DuplicateHandle(GetCurrentProcess(), it.event, GetCurrentProcess(), &it.made[side()], 0,
                          FALSE, DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE);
}

static void open_mutex(void)
{
    CloseHandle(CreateMutexA(NULL, FALSE, "between"));
}

static void close_mutex(void)
{
    (void)CloseHandle(it.mutex);
}

static void close_semaphore(void)
{
    (void)CloseHandle(it.semaphore);
}

static void close_clock(void)
{
    (void)CloseHandle(it.clock);
}

/* ---- pipes ----------------------------------------------------------------------------------- */

#define PIPE "\\\\.\\pipe\\tp-between-test"

static void pipes_init(void)
{
    for (int i = 0; i < 2; i++) {
        it.read[i] = (OVERLAPPED){.hEvent = CreateEventA(NULL, TRUE, TRUE, NULL)};
        it.written[i] = (OVERLAPPED){.hEvent = CreateEventA(NULL, TRUE, TRUE, NULL)};
    }
    it.server = CreateNamedPipeA(PIPE, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_WAIT, 2, 16,
                                 16, 0, NULL);
    it.client = CreateFileA(PIPE, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                            FILE_FLAG_OVERLAPPED, NULL);
    check(it.server != INVALID_HANDLE_VALUE && it.client != INVALID_HANDLE_VALUE);
}

/* What is under way ends with the handles. */
static void pipes_fini(void)
{
    CloseHandle(it.server);
    CloseHandle(it.client);
    for (int i = 0; i < 2; i++) {
        check(comes(it.read[i].hEvent) && comes(it.written[i].hEvent));
        CloseHandle(it.read[i].hEvent);
        CloseHandle(it.written[i].hEvent);
    }
}

/* What fails at once has reset the event and sets it no more. */
static void transferred(BOOL done, const OVERLAPPED *overlapped)
{
    if (!done && GetLastError() != ERROR_IO_PENDING)
        SetEvent(overlapped->hEvent);
}

static void read_pipe(void)
{
    OVERLAPPED *own = &it.read[side()];
    DWORD bytes;
    transferred(ReadFile(it.server, &it.byte[side()], 1, NULL, own), own);
    (void)GetOverlappedResult(it.server, own, &bytes, FALSE);
}

static void write_pipe(void)
{
    OVERLAPPED *own = &it.written[side()];
    transferred(WriteFile(it.client, "b", 1, NULL, own), own);
}

static void cancel_read(void)
{
    (void)CancelIoEx(it.server, &it.read[!side()]);
}

static void disconnect(void)
{
    (void)DisconnectNamedPipe(it.server);
}

static void open_another(void)
{
    HANDLE server = CreateNamedPipeA(PIPE, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_WAIT, 2,
                                     16, 16, 0, NULL);
    if (server != INVALID_HANDLE_VALUE)
        CloseHandle(server);
}

static void connect_to_it(void)
{
    HANDLE client = CreateFileA(PIPE, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    if (client != INVALID_HANDLE_VALUE)
        CloseHandle(client);
}

static void close_server(void)
{
    (void)CloseHandle(it.server);
}

static void close_client(void)
{
    (void)CloseHandle(it.client);
}

/* ---- each pair, at each step ----------------------------------------------------------------- */

struct call {
    const char *name;
    void (*make)(void);
};
#define CALL(name) \
    { \
#name, name \
    }

struct family {
    void (*init)(void), (*fini)(void);
    struct call calls[16];
};

static DWORD WINAPI come_between(LPVOID call)
{
    while (sem_wait(&between.begin) != 0)
        ;
    ((const struct call *)call)->make();
    sem_post(&between.over);
    return 0;
}

/* Whether the call had so many steps. The other one is made after it if not. */
static bool try_at(const struct family *family, const struct call *one, const struct call *other,
                   LONG number)
{
    it.promise = &promises[used++];
    check(used <= ARRAYSIZE(promises));
    it.made[0] = it.made[1] = NULL;
    family->init();
    sem_init(&between.begin, 0, 0);
    sem_init(&between.over, 0, 0);
    HANDLE thread = CreateThread(NULL, 0, come_between, (LPVOID)(uintptr_t)other, 0, NULL);
    between.left = number;
    watched = true;
    one->make();
    watched = false;
    bool had = between.left <= 0;
    if (!had)
        sem_post(&between.begin);
    bool ended = comes(thread);
    check(ended);
    CloseHandle(thread);
    family->fini();
    sem_destroy(&between.begin);
    sem_destroy(&between.over);
    if (!ended || value_of(&late))
        printf("# %s, at step %d %s\n", one->name, (int)number, other->name);
    check_eq(value_of(&late), 0);
    late = 0;
    return had;
}

static void each_pair(const struct family *family)
{
    LONG runs = 0;
    for (const struct call *one = family->calls; one->make; one++)
        for (const struct call *other = family->calls; other->make; other++)
            for (LONG number = 1; try_at(family, one, other, number); number++)
                runs++;
    printf("# %d runs\n", (int)runs);
    check(runs > 0);
}

TAP_TEST(between__timers)
{
    static const struct family timers = {
        timers_init,
        timers_fini,
        {CALL(make_timer), CALL(delete_made), CALL(change_timer), CALL(delete_timer),
         CALL(delete_timer_and_tell), CALL(delete_timer_and_wait), CALL(delete_queue),
         CALL(delete_queue_and_tell), CALL(delete_queue_and_wait), CALL(close_manual)}};
    each_pair(&timers);
}

TAP_TEST(between__registered_waits)
{
    static const struct family waits = {
        waits_init,
        waits_fini,
        {CALL(register_wait), CALL(register_in_wait_thread), CALL(unregister_new), CALL(unregister),
         CALL(unregister_and_tell), CALL(unregister_and_wait), CALL(set_event), CALL(set_manual),
         CALL(close_event), CALL(close_manual)}};
    each_pair(&waits);
}

TAP_TEST(between__objects)
{
    static const struct family objects = {
        objects_init,
        objects_fini,
        {CALL(wait_for_event), CALL(wait_for_any), CALL(wait_for_all), CALL(own_mutex),
         CALL(signal_and_wait), CALL(pulse_event), CALL(release_semaphore), CALL(set_clock),
         CALL(cancel_clock), CALL(copy_event), CALL(open_mutex), CALL(close_mutex),
         CALL(close_semaphore), CALL(close_clock), CALL(close_event)}};
    each_pair(&objects);
}

TAP_TEST(between__pipes)
{
    static const struct family pipes = {pipes_init,
                                        pipes_fini,
                                        {CALL(read_pipe), CALL(write_pipe), CALL(cancel_read),
                                         CALL(disconnect), CALL(open_another), CALL(connect_to_it),
                                         CALL(close_server), CALL(close_client)}};
    each_pair(&pipes);
}

int main(void)
{
    tap_run(between__timers);
    tap_run(between__registered_waits);
    tap_run(between__objects);
    tap_run(between__pipes);
    return tap_done();
}
