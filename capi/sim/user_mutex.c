/* user_mutex.c - the mutexes of the C library, as the simulated threads use them. */
#define _GNU_SOURCE 1 /* pthread_mutex_clocklock */
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include "capi/sim/user.h"

/* The kind is what the C library has written into the mutex, or its static initialiser. */
static int kind_of(const struct tpi_user_thing *mutex)
{
    const pthread_mutex_t *real = mutex->address;
    return real->__data.__kind & 3;
}

static _Noreturn void fail_owned(const struct tpi_user_thing *mutex, const char *call,
                                 const char *what)
{
    char name[80], holder[40], self[40];
    tpi_user_thing_name(mutex, name, sizeof name);
    tpi_user_thread(mutex->owner, holder, sizeof holder);
    tpi_user_thread(tpps_slot_(tpps_sim_.current), self, sizeof self);
    tpps_fail("%s by %s: %s %s %s", call, self, name, what, holder);
}

static void take(struct tpi_user_thing *mutex, uint32_t self)
{
    mutex->owner = self;
    mutex->count = 1;
    tpi_user_acquire(mutex);
}

/* Nothing that an oracle does is part of the run: it may lock what is free. */
int tpi_user_mutex_lock(struct tpi_user_thing *mutex, int64_t deadline, const char *call)
{
    uint32_t self = tpps_slot_(tpps_sim_.current);
    if (tpps_sim_.hook && mutex->owner == TPI_USER_NOBODY)
        return 0;
    if (mutex->owner == self && !tpps_sim_.hook) {
        if (kind_of(mutex) == PTHREAD_MUTEX_RECURSIVE) {
            mutex->count++;
            return 0;
        }
        if (kind_of(mutex) == PTHREAD_MUTEX_ERRORCHECK)
            return EDEADLK;
        if (deadline == TPP_FOREVER)
            fail_owned(mutex, call, "is already held by");
    }
    while (mutex->owner != TPI_USER_NOBODY)
        if (!tpi_user_sleep(mutex, deadline))
            return ETIMEDOUT;
    take(mutex, self);
    return 0;
}

int tpi_user_mutex_unlock(struct tpi_user_thing *mutex, const char *call)
{
    uint32_t self = tpps_slot_(tpps_sim_.current);
    if (tpps_sim_.hook)
        return 0;
    if (mutex->owner != self) {
        if (kind_of(mutex) == PTHREAD_MUTEX_RECURSIVE || kind_of(mutex) == PTHREAD_MUTEX_ERRORCHECK)
            return EPERM;
        fail_owned(mutex, call, "is held by");
    }
    if (--mutex->count != 0)
        return 0;
    tpi_user_release(mutex);
    mutex->owner = TPI_USER_NOBODY;
    tpi_user_wake(mutex, false);
    return 0;
}

static int try_lock(struct tpi_user_thing *mutex)
{
    uint32_t self = tpps_slot_(tpps_sim_.current);
    if (tpps_sim_.hook)
        return mutex->owner == TPI_USER_NOBODY ? 0 : EBUSY;
    if (mutex->owner == self && kind_of(mutex) == PTHREAD_MUTEX_RECURSIVE) {
        mutex->count++;
        return 0;
    }
    if (mutex->owner != TPI_USER_NOBODY)
        return EBUSY;
    take(mutex, self);
    return 0;
}

/* ---- POSIX ----------------------------------------------------------------------------------- */

TPI_STANDS_IN int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    if (tpi_user_here() != NULL)
        tpi_user_made(TPI_USER_MUTEX, mutex, "pthread_mutex_init");
    return TPI_REAL(pthread_mutex_init)(mutex, attributes);
}

TPI_STANDS_IN int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    if (tpi_user_here() != NULL)
        tpi_user_ended(TPI_USER_MUTEX, mutex, "pthread_mutex_destroy");
    return TPI_REAL(pthread_mutex_destroy)(mutex);
}

TPI_STANDS_IN int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static const char call[] = "pthread_mutex_lock";
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_mutex_lock)(mutex);
    return tpi_user_mutex_lock(tpi_user_thing(TPI_USER_MUTEX, mutex, call), TPP_FOREVER, call);
}

TPI_STANDS_IN int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_mutex_trylock)(mutex);
    return try_lock(tpi_user_thing(TPI_USER_MUTEX, mutex, "pthread_mutex_trylock"));
}

static int lock_until(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time,
                      const char *call)
{
    struct tpi_user_thing *thing = tpi_user_thing(TPI_USER_MUTEX, mutex, call);
    int64_t deadline;
    if (!tpi_user_deadline(clock, time, &deadline))
        return EINVAL;
    return tpi_user_mutex_lock(thing, deadline, call);
}

TPI_STANDS_IN int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *time)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_mutex_timedlock)(mutex, time);
    return lock_until(mutex, CLOCK_REALTIME, time, "pthread_mutex_timedlock");
}

TPI_STANDS_IN int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock,
                                          const struct timespec *time)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_mutex_clocklock)(mutex, clock, time);
    return lock_until(mutex, clock, time, "pthread_mutex_clocklock");
}

TPI_STANDS_IN int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    static const char call[] = "pthread_mutex_unlock";
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_mutex_unlock)(mutex);
    return tpi_user_mutex_unlock(tpi_user_thing(TPI_USER_MUTEX, mutex, call), call);
}

/* ---- C11 ------------------------------------------------------------------------------------- */

/* In the GNU C library a mtx_t is a pthread_mutex_t. */
static pthread_mutex_t *posix(mtx_t *mutex)
{
    return (pthread_mutex_t *)(void *)mutex;
}

static int result(int error)
{
    switch (error) {
    case 0:
        return thrd_success;
    case EBUSY:
        return thrd_busy;
    case ETIMEDOUT:
        return thrd_timedout;
    default:
        return thrd_error;
    }
}

TPI_STANDS_IN int mtx_init(mtx_t *mutex, int type)
{
    if (tpi_user_here() != NULL)
        tpi_user_made(TPI_USER_MUTEX, mutex, "mtx_init");
    return TPI_REAL(mtx_init)(mutex, type);
}

TPI_STANDS_IN void mtx_destroy(mtx_t *mutex)
{
    (void)pthread_mutex_destroy(posix(mutex));
}

TPI_STANDS_IN int mtx_lock(mtx_t *mutex)
{
    return result(pthread_mutex_lock(posix(mutex)));
}

TPI_STANDS_IN int mtx_trylock(mtx_t *mutex)
{
    return result(pthread_mutex_trylock(posix(mutex)));
}

TPI_STANDS_IN int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict time)
{
    return result(pthread_mutex_timedlock(posix(mutex), time));
}

TPI_STANDS_IN int mtx_unlock(mtx_t *mutex)
{
    return result(pthread_mutex_unlock(posix(mutex)));
}
