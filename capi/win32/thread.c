/* thread.c - threads as objects, those made here and those that come from elsewhere. */
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capi/win32/base.h"
#include "tp/win32/base.h"
#include "tp/win32/thread.h"

/* A mutex is abandoned in libtp's destructor of thread-specific data, before or after
 * ours. So ours asks for two more rounds, and the thread counts as ended in the third; one is left
 * for what our clean-up leaves there. */
#define LAST_ROUND 3u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpw_thread *first; /* threads that have not ended; without references */

static pthread_key_t key;
static bool has_key;                     /* under lock; it stays */
static __thread struct tpw_thread *self; /* with a reference */
static __thread DWORD own_id;

/* ---- As an object ---------------------------------------------------------------------------- */

static void destroy(struct tpw_object *object)
{
    struct tpw_thread *thread = (struct tpw_thread *)object;
    tpw_sync_fini(&thread->sync);
    pthread_mutex_destroy(&thread->call_lock);
    sem_destroy(&thread->started);
    sem_destroy(&thread->resumed);
    sem_destroy(&thread->woken);
    free(thread);
}

static struct tpw_thread *make(void)
{
    struct tpw_thread *thread = calloc(1, sizeof *thread);
    if (!thread || tpw_sync_init_event(&thread->sync, TPW_THREAD, true, false, destroy)) {
        free(thread);
        return NULL;
    }
    thread->exit_code = STILL_ACTIVE;
    thread->last_call = &thread->first_call;
    pthread_mutex_init(&thread->call_lock, NULL);
    sem_init(&thread->started, 0, 0);
    sem_init(&thread->resumed, 0, 0);
    sem_init(&thread->woken, 0, 0);
    return thread;
}

/* ---- The life of a thread -------------------------------------------------------------------- */

static void delist(struct tpw_thread *thread)
{
    pthread_mutex_lock(&lock);
    if (thread->before)
        thread->before->next = thread->next;
    else
        first = thread->next;
    if (thread->next)
        thread->next->before = thread->before;
    pthread_mutex_unlock(&lock);
}

static void end(void *value)
{
    struct tpw_thread *thread = value;
    if (++thread->destructor_rounds < LAST_ROUND) {
        if (pthread_setspecific(key, thread) == 0)
            return;
    }
    DWORD running = STILL_ACTIVE; /* ended by pthread_exit, or not made here */
    __atomic_compare_exchange_n(&thread->exit_code, &running, 0, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    tpw_calls_refuse(thread);
    delist(thread);
    tpw_waiter_free(thread->waiter);
    thread->waiter = NULL;
    self = NULL;
    tpw_sync_set_event(&thread->sync);
    tpw_object_drop(&thread->sync.object);
}

static DWORD look_up_id(void)
{
    if (own_id == 0)
        own_id = (DWORD)syscall(SYS_gettid);
    return own_id;
}

/* Takes over the reference. */
static bool adopt(struct tpw_thread *thread)
{
    thread->id = look_up_id();
    pthread_mutex_lock(&lock);
    has_key = has_key || pthread_key_create(&key, end) == 0;
    if (!has_key || pthread_setspecific(key, thread) != 0) {
        pthread_mutex_unlock(&lock);
        return false;
    }
    self = thread;
    thread->next = first;
    if (first)
        first->before = thread;
    first = thread;
    pthread_mutex_unlock(&lock);
    return true;
}

struct tpw_thread *tpw_thread_self(void)
{
    if (self)
        return self;
    struct tpw_thread *thread = make();
    if (thread && !adopt(thread)) {
        tpw_object_drop(&thread->sync.object);
        return NULL;
    }
    return thread;
}

static void *start(void *argument)
{
    struct tpw_thread *thread = argument;
    bool adopted = adopt(thread), suspended = thread->suspended; /* nobody knows it yet */
    if (!adopted)
        thread->function = NULL;
    sem_post(&thread->started); /* CreateThread drops its reference, and ours is left */
    if (!adopted) {
        tpw_object_drop(&thread->sync.object);
        return NULL;
    }
    while (__atomic_load_n(&thread->suspended, __ATOMIC_ACQUIRE) && sem_wait(&thread->resumed) != 0)
        ;
    if (suspended) /* what was queued before it begins */
        (void)tpw_calls_make(thread);
    DWORD code = thread->function(thread->parameter);
    __atomic_store_n(&thread->exit_code, code, __ATOMIC_SEQ_CST);
    return NULL;
}

static int spawn(struct tpw_thread *thread, SIZE_T stack_size)
{
    pthread_attr_t attributes;
    pthread_t id;
    int failed = pthread_attr_init(&attributes);
    if (failed)
        return failed;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (stack_size > 0)
        pthread_attr_setstacksize(&attributes, stack_size < (SIZE_T)PTHREAD_STACK_MIN
                                                   ? (SIZE_T)PTHREAD_STACK_MIN
                                                   : (stack_size + 0xffff) & ~(SIZE_T)0xffff);
    failed = pthread_create(&id, &attributes, start, thread);
    pthread_attr_destroy(&attributes);
    return failed;
}

HANDLE WINAPI CreateThread(LPSECURITY_ATTRIBUTES security, SIZE_T stack_size,
                           LPTHREAD_START_ROUTINE function, LPVOID parameter, DWORD flags,
                           LPDWORD thread_id)
{
    UNREFERENCED_PARAMETER(security);
    struct tpw_thread *thread = make();
    if (!function || !thread) {
        tpw_object_drop(thread ? &thread->sync.object : NULL);
        SetLastError(function ? ERROR_NOT_ENOUGH_MEMORY : ERROR_INVALID_PARAMETER);
        return NULL;
    }
    thread->function = function;
    thread->parameter = parameter;
    thread->suspended = (flags & CREATE_SUSPENDED) != 0;
    tpw_object_hold(&thread->sync.object); /* the handle's */
    HANDLE handle = tpw_handle_open(&thread->sync.object);
    tpw_object_hold(&thread->sync.object); /* ours */
    bool ready = handle != NULL;
    if (ready && spawn(thread, stack_size) == 0) {
        while (sem_wait(&thread->started) != 0)
            ;
        ready = thread->function != NULL;
    } else {
        tpw_object_drop(&thread->sync.object); /* that of the thread */
        ready = false;
    }
    if (ready && thread_id)
        *thread_id = thread->id;
    if (!ready) {
        if (handle)
            CloseHandle(handle);
        else
            tpw_object_drop(&thread->sync.object);
        handle = NULL;
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    }
    tpw_object_drop(&thread->sync.object);
    return handle;
}

void WINAPI ExitThread(DWORD exit_code)
{
    struct tpw_thread *thread = tpw_thread_self();
    if (thread)
        __atomic_store_n(&thread->exit_code, exit_code, __ATOMIC_SEQ_CST);
    pthread_exit(NULL);
}

uintptr_t _beginthreadex(void *security, unsigned stack_size, unsigned (*function)(void *parameter),
                         void *parameter, unsigned flags, unsigned *thread_id)
{
    return (uintptr_t)CreateThread(security, stack_size, function, parameter, flags, thread_id);
}

void _endthreadex(unsigned exit_code)
{
    ExitThread(exit_code);
}

/* ---- Questions about threads ----------------------------------------------------------------- */

/* With a reference; NULL and the last error set if it is no thread. */
static struct tpw_thread *get_thread(HANDLE handle)
{
    struct tpw_sync *sync = tpw_sync_get(handle);
    if (sync && sync->object.kind == TPW_THREAD)
        return (struct tpw_thread *)sync;
    tpw_object_drop(sync ? &sync->object : NULL);
    SetLastError(ERROR_INVALID_HANDLE);
    return NULL;
}

/* Until it is signaled the code is not told: the thread may still be on its way out. */
BOOL WINAPI GetExitCodeThread(HANDLE handle, LPDWORD exit_code)
{
    tp_wait_result_t ended = TP_WAIT_TIMEOUT;
    struct tpw_thread *thread = get_thread(handle);
    if (!thread)
        return FALSE;
    tp_status_t status = tp_waitable_wait(thread->sync.source, 0, &ended);
    if (exit_code)
        *exit_code = status == TP_OK && ended == TP_WAIT_SIGNALED
                         ? __atomic_load_n(&thread->exit_code, __ATOMIC_SEQ_CST)
                         : STILL_ACTIVE;
    tpw_object_drop(&thread->sync.object);
    return exit_code ? TRUE : tpw_fail(ERROR_INVALID_PARAMETER);
}

HANDLE WINAPI OpenThread(DWORD access, BOOL inherit, DWORD thread_id)
{
    struct tpw_thread *thread;
    UNREFERENCED_PARAMETER(access);
    UNREFERENCED_PARAMETER(inherit);
    if (thread_id == GetCurrentThreadId())
        (void)tpw_thread_self();
    pthread_mutex_lock(&lock);
    for (thread = first; thread && thread->id != thread_id;)
        thread = thread->next;
    if (thread && !tpw_object_try_hold(&thread->sync.object))
        thread = NULL;
    pthread_mutex_unlock(&lock);
    HANDLE handle = thread ? tpw_handle_open(&thread->sync.object) : NULL;
    if (thread && !handle)
        tpw_object_drop(&thread->sync.object);
    if (!handle)
        SetLastError(thread ? ERROR_NOT_ENOUGH_MEMORY : ERROR_INVALID_PARAMETER);
    return handle;
}

HANDLE WINAPI GetCurrentThread(void)
{
    return (HANDLE)(LONG_PTR)-2;
}

/* Whoever is told the id may open the thread by it, so it is known from now on. */
DWORD WINAPI GetCurrentThreadId(void)
{
    if (own_id == 0)
        (void)tpw_thread_self();
    return look_up_id();
}

DWORD WINAPI GetThreadId(HANDLE handle)
{
    struct tpw_thread *thread = get_thread(handle);
    DWORD id = thread ? thread->id : 0;
    tpw_object_drop(thread ? &thread->sync.object : NULL);
    return id;
}

DWORD WINAPI ResumeThread(HANDLE handle)
{
    struct tpw_thread *thread = get_thread(handle);
    if (!thread)
        return (DWORD)-1;
    DWORD before = __atomic_exchange_n(&thread->suspended, 0, __ATOMIC_SEQ_CST);
    if (before)
        sem_post(&thread->resumed);
    tpw_object_drop(&thread->sync.object);
    return before;
}

BOOL WINAPI SwitchToThread(void)
{
    return sched_yield() == 0;
}

HANDLE WINAPI GetCurrentProcess(void)
{
    return (HANDLE)(LONG_PTR)-1;
}

DWORD WINAPI GetCurrentProcessId(void)
{
    return (DWORD)getpid();
}

void WINAPI ExitProcess(UINT exit_code)
{
    exit((int)exit_code);
}
