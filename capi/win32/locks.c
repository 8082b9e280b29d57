/* locks.c - critical sections, slim locks, conditions and once, on the locks of the C library. */
#define _GNU_SOURCE
#include "tp/win32/locks.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "capi/win32/base.h"

_Static_assert(sizeof(pthread_mutex_t) <= sizeof((CRITICAL_SECTION *)0)->tpw_lock, "fits");
_Static_assert(sizeof(pthread_rwlock_t) <= sizeof(SRWLOCK), "fits");

/* ---- Critical sections ----------------------------------------------------------------------- */

void WINAPI InitializeCriticalSection(LPCRITICAL_SECTION section)
{
    (void)InitializeCriticalSectionEx(section, 0, 0);
}

BOOL WINAPI InitializeCriticalSectionAndSpinCount(LPCRITICAL_SECTION section, DWORD spins)
{
    return InitializeCriticalSectionEx(section, spins, 0);
}

BOOL WINAPI InitializeCriticalSectionEx(LPCRITICAL_SECTION section, DWORD spins, DWORD flags)
{
    pthread_mutexattr_t attributes;
    UNREFERENCED_PARAMETER(spins);
    UNREFERENCED_PARAMETER(flags);
    memset(section, 0, sizeof *section);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int failed = pthread_mutex_init(tpw_section_mutex(section), &attributes);
    pthread_mutexattr_destroy(&attributes);
    return failed ? tpw_fail(ERROR_NOT_ENOUGH_MEMORY) : TRUE;
}

DWORD WINAPI SetCriticalSectionSpinCount(LPCRITICAL_SECTION section, DWORD spins)
{
    UNREFERENCED_PARAMETER(section);
    UNREFERENCED_PARAMETER(spins);
    return 0;
}

void WINAPI EnterCriticalSection(LPCRITICAL_SECTION section)
{
    if (pthread_mutex_trylock(tpw_section_mutex(section)) == 0)
        return;
    (void)tp_blocking_begin();
    pthread_mutex_lock(tpw_section_mutex(section));
    (void)tp_blocking_end();
}

BOOL WINAPI TryEnterCriticalSection(LPCRITICAL_SECTION section)
{
    return pthread_mutex_trylock(tpw_section_mutex(section)) == 0;
}

void WINAPI LeaveCriticalSection(LPCRITICAL_SECTION section)
{
    pthread_mutex_unlock(tpw_section_mutex(section));
}

void WINAPI DeleteCriticalSection(LPCRITICAL_SECTION section)
{
    pthread_mutex_destroy(tpw_section_mutex(section));
}

/* ---- Slim locks ------------------------------------------------------------------------------ */

static pthread_rwlock_t *slim(PSRWLOCK lock)
{
    return (pthread_rwlock_t *)(void *)lock->tpw_lock;
}

/* All zero, as SRWLOCK_INIT has it. */
void WINAPI InitializeSRWLock(PSRWLOCK lock)
{
    *slim(lock) = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
}

void WINAPI AcquireSRWLockExclusive(PSRWLOCK lock)
{
    pthread_rwlock_wrlock(slim(lock));
}

void WINAPI AcquireSRWLockShared(PSRWLOCK lock)
{
    pthread_rwlock_rdlock(slim(lock));
}

BOOLEAN WINAPI TryAcquireSRWLockExclusive(PSRWLOCK lock)
{
    return pthread_rwlock_trywrlock(slim(lock)) == 0;
}

BOOLEAN WINAPI TryAcquireSRWLockShared(PSRWLOCK lock)
{
    return pthread_rwlock_tryrdlock(slim(lock)) == 0;
}

void WINAPI ReleaseSRWLockExclusive(PSRWLOCK lock)
{
    pthread_rwlock_unlock(slim(lock));
}

void WINAPI ReleaseSRWLockShared(PSRWLOCK lock)
{
    pthread_rwlock_unlock(slim(lock));
}

/* ---- Conditions ------------------------------------------------------------------------------ */

/* A condition counts its wakes in the lower half of its pointer. Who sleeps has read the count
 * before it let go of the lock, so no wake that comes after is missed. */
static uint32_t *count_of(PCONDITION_VARIABLE condition)
{
    return (uint32_t *)(void *)condition;
}

static bool wait_for_wake(uint32_t *count, uint32_t seen, DWORD milliseconds)
{
    struct timespec limit = {.tv_sec = milliseconds / 1000,
                             .tv_nsec = milliseconds % 1000 * 1000000};
    (void)tp_blocking_begin();
    long failed = syscall(SYS_futex, count, FUTEX_WAIT_PRIVATE, seen,
                          milliseconds == INFINITE ? NULL : &limit, NULL, 0);
    bool woken = failed == 0 || __atomic_load_n(count, __ATOMIC_SEQ_CST) != seen;
    (void)tp_blocking_end();
    return woken || milliseconds == INFINITE;
}

static void wake(PCONDITION_VARIABLE condition, int most)
{
    __atomic_fetch_add(count_of(condition), 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, count_of(condition), FUTEX_WAKE_PRIVATE, most, NULL, NULL, 0);
}

void WINAPI InitializeConditionVariable(PCONDITION_VARIABLE condition)
{
    condition->Ptr = NULL;
}

BOOL WINAPI SleepConditionVariableCS(PCONDITION_VARIABLE condition, LPCRITICAL_SECTION section,
                                     DWORD milliseconds)
{
    uint32_t seen = __atomic_load_n(count_of(condition), __ATOMIC_SEQ_CST);
    LeaveCriticalSection(section);
    bool woken = wait_for_wake(count_of(condition), seen, milliseconds);
    EnterCriticalSection(section);
    return woken ? TRUE : tpw_fail(ERROR_TIMEOUT);
}

BOOL WINAPI SleepConditionVariableSRW(PCONDITION_VARIABLE condition, PSRWLOCK lock,
                                      DWORD milliseconds, ULONG flags)
{
    uint32_t seen = __atomic_load_n(count_of(condition), __ATOMIC_SEQ_CST);
    pthread_rwlock_unlock(slim(lock));
    bool woken = wait_for_wake(count_of(condition), seen, milliseconds);
    if ((flags & CONDITION_VARIABLE_LOCKMODE_SHARED) != 0)
        pthread_rwlock_rdlock(slim(lock));
    else
        pthread_rwlock_wrlock(slim(lock));
    return woken ? TRUE : tpw_fail(ERROR_TIMEOUT);
}

void WINAPI WakeConditionVariable(PCONDITION_VARIABLE condition)
{
    wake(condition, 1);
}

void WINAPI WakeAllConditionVariable(PCONDITION_VARIABLE condition)
{
    wake(condition, INT_MAX);
}

/* ---- Once ------------------------------------------------------------------------------------ */

/* The two low bits say how far it is, the others are the context: Windows reserves them too. */
enum { UNTOUCHED = 0, RUNNING = 1, DONE = 2, BITS = 3 };

static pthread_mutex_t once_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t once_moved = PTHREAD_COND_INITIALIZER;

static uintptr_t look(PINIT_ONCE once)
{
    return (uintptr_t)__atomic_load_n(&once->Ptr, __ATOMIC_ACQUIRE);
}

static void store(PINIT_ONCE once, uintptr_t value)
{
    __atomic_store_n(&once->Ptr, (PVOID)value, __ATOMIC_RELEASE);
}

void WINAPI InitOnceInitialize(PINIT_ONCE once)
{
    once->Ptr = NULL;
}

BOOL WINAPI InitOnceBeginInitialize(PINIT_ONCE once, DWORD flags, PBOOL pending, PVOID *context)
{
    uintptr_t value = look(once);
    if ((flags & ~INIT_ONCE_CHECK_ONLY) != 0)
        return tpw_fail(flags == INIT_ONCE_ASYNC ? ERROR_NOT_SUPPORTED : ERROR_INVALID_PARAMETER);
    if ((value & BITS) != DONE && (flags & INIT_ONCE_CHECK_ONLY) == 0) {
        pthread_mutex_lock(&once_lock);
        while (((value = look(once)) & BITS) == RUNNING)
            pthread_cond_wait(&once_moved, &once_lock);
        if ((value & BITS) == UNTOUCHED)
            store(once, RUNNING);
        pthread_mutex_unlock(&once_lock);
    }
    *pending = (value & BITS) != DONE;
    if (*pending && (flags & INIT_ONCE_CHECK_ONLY) != 0)
        return tpw_fail(ERROR_GEN_FAILURE);
    if (!*pending && context)
        *context = (PVOID)(value & ~(uintptr_t)BITS);
    return TRUE;
}

BOOL WINAPI InitOnceComplete(PINIT_ONCE once, DWORD flags, PVOID context)
{
    bool failed = (flags & INIT_ONCE_INIT_FAILED) != 0;
    if ((flags & ~INIT_ONCE_INIT_FAILED) != 0 || ((uintptr_t)context & BITS) != 0 ||
        (failed && context))
        return tpw_fail(ERROR_INVALID_PARAMETER);
    pthread_mutex_lock(&once_lock);
    bool running = (look(once) & BITS) == RUNNING;
    if (running)
        store(once, failed ? UNTOUCHED : (uintptr_t)context | DONE);
    pthread_cond_broadcast(&once_moved);
    pthread_mutex_unlock(&once_lock);
    return running ? TRUE : tpw_fail(ERROR_GEN_FAILURE);
}

BOOL WINAPI InitOnceExecuteOnce(PINIT_ONCE once, PINIT_ONCE_FN function, PVOID parameter,
                                PVOID *context)
{
    BOOL pending = FALSE;
    PVOID made = NULL;
    (void)InitOnceBeginInitialize(once, 0, &pending, context);
    if (!pending)
        return TRUE;
    BOOL done = function(once, parameter, &made);
    if (done)
        done = InitOnceComplete(once, 0, made);
    else
        (void)InitOnceComplete(once, INIT_ONCE_INIT_FAILED, NULL);
    if (done && context)
        *context = made;
    return done;
}
