/* user_cond.c - the condition variables of the C library, as the simulated threads use them. */
#define _GNU_SOURCE 1 /* pthread_cond_clockwait */
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include "capi/sim/user.h"

/* Where a function has an older namesake, only the version tells which is meant. */
#if defined(__x86_64__)
#define SINCE "GLIBC_2.3.2"
#else
#define SINCE NULL
#endif

/* What pthread_condattr_setclock chose is a bit in the variable. */
static clockid_t clock_of(const pthread_cond_t *condition)
{
    return (condition->__data.__wrefs & 2) != 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

/* A sleeper is woken by any signal after it gave up the mutex, or for nothing by the seed. */
static int wait_for(const pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline,
                    const char *call)
{
    struct tpi_user_thing *lock = tpi_user_thing(TPI_USER_MUTEX, mutex, call), *thing;
    char name[80], other[80];
    bool woken = true;
    int error;
    thing = tpi_user_thing(TPI_USER_COND, condition, call);
    if (lock->owner == tpps_slot_(tpps_sim_.current) && lock->count > 1) {
        tpi_user_thing_name(lock, name, sizeof name);
        tpps_fail("%s with %s, which is locked %u times", call, name, lock->count);
    }
    if (tpi_user_waiters(thing) != 0 && thing->mutex != lock) {
        tpi_user_thing_name(lock, name, sizeof name);
        tpi_user_thing_name(thing->mutex, other, sizeof other);
        tpps_fail("%s with %s, while others wait with %s", call, name, other);
    }
    thing->mutex = lock;
    error = tpi_user_mutex_unlock(lock, call);
    if (error != 0)
        return error;
    if (!tpps_rarely_(tpps_sim_.options.spurious))
        woken = tpi_user_sleep(thing, deadline);
    (void)tpi_user_mutex_lock(lock, TPP_FOREVER, call);
    return woken ? 0 : ETIMEDOUT;
}

static int wait_until(const pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                      const struct timespec *time, const char *call)
{
    int64_t deadline;
    if (!tpi_user_deadline(clock, time, &deadline))
        return EINVAL;
    return wait_for(condition, mutex, deadline, call);
}

/* ---- POSIX ----------------------------------------------------------------------------------- */

TPI_STANDS_IN int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes)
{
    if (tpi_user_here() != NULL)
        tpi_user_made(TPI_USER_COND, condition, "pthread_cond_init");
    return TPI_REAL_OF(pthread_cond_init, SINCE)(condition, attributes);
}

TPI_STANDS_IN int pthread_cond_destroy(pthread_cond_t *condition)
{
    if (tpi_user_here() != NULL)
        tpi_user_ended(TPI_USER_COND, condition, "pthread_cond_destroy");
    return TPI_REAL_OF(pthread_cond_destroy, SINCE)(condition);
}

TPI_STANDS_IN int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL_OF(pthread_cond_wait, SINCE)(condition, mutex);
    return wait_for(condition, mutex, TPP_FOREVER, "pthread_cond_wait");
}

TPI_STANDS_IN int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                         const struct timespec *time)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL_OF(pthread_cond_timedwait, SINCE)(condition, mutex, time);
    return wait_until(condition, mutex, clock_of(condition), time, "pthread_cond_timedwait");
}

TPI_STANDS_IN int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                         clockid_t clock, const struct timespec *time)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_cond_clockwait)(condition, mutex, clock, time);
    return wait_until(condition, mutex, clock, time, "pthread_cond_clockwait");
}

TPI_STANDS_IN int pthread_cond_signal(pthread_cond_t *condition)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL_OF(pthread_cond_signal, SINCE)(condition);
    tpi_user_wake(tpi_user_thing(TPI_USER_COND, condition, "pthread_cond_signal"), false);
    return 0;
}

TPI_STANDS_IN int pthread_cond_broadcast(pthread_cond_t *condition)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL_OF(pthread_cond_broadcast, SINCE)(condition);
    tpi_user_wake(tpi_user_thing(TPI_USER_COND, condition, "pthread_cond_broadcast"), true);
    return 0;
}

/* ---- C11 ------------------------------------------------------------------------------------- */

/* In the GNU C library a cnd_t is a pthread_cond_t. */
static pthread_cond_t *posix(cnd_t *condition)
{
    return (pthread_cond_t *)(void *)condition;
}

static pthread_mutex_t *posix_mutex(mtx_t *mutex)
{
    return (pthread_mutex_t *)(void *)mutex;
}

static int result(int error)
{
    return error == 0 ? thrd_success : error == ETIMEDOUT ? thrd_timedout : thrd_error;
}

TPI_STANDS_IN int cnd_init(cnd_t *condition)
{
    return result(pthread_cond_init(posix(condition), NULL));
}

TPI_STANDS_IN void cnd_destroy(cnd_t *condition)
{
    (void)pthread_cond_destroy(posix(condition));
}

TPI_STANDS_IN int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return result(pthread_cond_wait(posix(condition), posix_mutex(mutex)));
}

TPI_STANDS_IN int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                                const struct timespec *restrict time)
{
    return result(pthread_cond_timedwait(posix(condition), posix_mutex(mutex), time));
}

TPI_STANDS_IN int cnd_signal(cnd_t *condition)
{
    return result(pthread_cond_signal(posix(condition)));
}

TPI_STANDS_IN int cnd_broadcast(cnd_t *condition)
{
    return result(pthread_cond_broadcast(posix(condition)));
}
