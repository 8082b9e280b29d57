/* user_sync.c - semaphores, barriers and "once", as the simulated threads use them. */
#define _GNU_SOURCE 1 /* sem_clockwait */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>

#include "capi/sim/user.h"

/* ---- semaphores ------------------------------------------------------------------------------ */

/* The count stays in the semaphore itself: what never blocks is left to the C library. */
static bool take(sem_t *semaphore, const struct tpi_user_thing *thing)
{
    int error = errno;
    if (TPI_REAL(sem_trywait)(semaphore) != 0) {
        errno = error;
        return false;
    }
    tpi_user_acquire(thing);
    return true;
}

static int wait_for(sem_t *semaphore, int64_t deadline, const char *call)
{
    struct tpi_user_thing *thing = tpi_user_thing(TPI_USER_SEM, semaphore, call);
    while (!take(semaphore, thing))
        if (!tpi_user_sleep(thing, deadline)) {
            errno = ETIMEDOUT;
            return -1;
        }
    return 0;
}

static int wait_until(sem_t *semaphore, clockid_t clock, const struct timespec *time,
                      const char *call)
{
    int64_t deadline;
    if (!tpi_user_deadline(clock, time, &deadline)) {
        errno = EINVAL;
        return -1;
    }
    return wait_for(semaphore, deadline, call);
}

TPI_STANDS_IN int sem_init(sem_t *semaphore, int shared, unsigned value)
{
    if (tpi_user_here() != NULL)
        tpi_user_made(TPI_USER_SEM, semaphore, "sem_init");
    return TPI_REAL(sem_init)(semaphore, shared, value);
}

TPI_STANDS_IN int sem_destroy(sem_t *semaphore)
{
    if (tpi_user_here() != NULL)
        tpi_user_ended(TPI_USER_SEM, semaphore, "sem_destroy");
    return TPI_REAL(sem_destroy)(semaphore);
}

TPI_STANDS_IN int sem_wait(sem_t *semaphore)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(sem_wait)(semaphore);
    return wait_for(semaphore, TPP_FOREVER, "sem_wait");
}

TPI_STANDS_IN int sem_trywait(sem_t *semaphore)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(sem_trywait)(semaphore);
    if (take(semaphore, tpi_user_thing(TPI_USER_SEM, semaphore, "sem_trywait")))
        return 0;
    errno = EAGAIN;
    return -1;
}

TPI_STANDS_IN int sem_timedwait(sem_t *semaphore, const struct timespec *time)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(sem_timedwait)(semaphore, time);
    return wait_until(semaphore, CLOCK_REALTIME, time, "sem_timedwait");
}

TPI_STANDS_IN int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *time)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(sem_clockwait)(semaphore, clock, time);
    return wait_until(semaphore, clock, time, "sem_clockwait");
}

TPI_STANDS_IN int sem_post(sem_t *semaphore)
{
    struct tpi_user_thing *thing;
    if (tpi_user_here() == NULL)
        return TPI_REAL(sem_post)(semaphore);
    thing = tpi_user_thing(TPI_USER_SEM, semaphore, "sem_post");
    if (TPI_REAL(sem_post)(semaphore) != 0)
        return -1;
    tpi_user_release(thing);
    tpi_user_wake(thing, false);
    return 0;
}

/* ---- barriers -------------------------------------------------------------------------------- */

/* One that was made outside a run has its number of threads where the C library keeps it. */
static uint32_t number_of(const struct tpi_user_thing *barrier)
{
    const unsigned *words = barrier->address;
    return barrier->want != 0 ? barrier->want : words[2];
}

TPI_STANDS_IN int pthread_barrier_init(pthread_barrier_t *barrier,
                                       const pthread_barrierattr_t *attributes, unsigned count)
{
    int error = TPI_REAL(pthread_barrier_init)(barrier, attributes, count);
    if (tpi_user_here() == NULL || error != 0)
        return error;
    tpi_user_made(TPI_USER_BARRIER, barrier, "pthread_barrier_init");
    tpi_user_thing(TPI_USER_BARRIER, barrier, "pthread_barrier_init")->want = count;
    return 0;
}

TPI_STANDS_IN int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
    if (tpi_user_here() != NULL)
        tpi_user_ended(TPI_USER_BARRIER, barrier, "pthread_barrier_destroy");
    return TPI_REAL(pthread_barrier_destroy)(barrier);
}

TPI_STANDS_IN int pthread_barrier_wait(pthread_barrier_t *barrier)
{
    struct tpi_user_thing *thing;
    uint32_t round;
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_barrier_wait)(barrier);
    thing = tpi_user_thing(TPI_USER_BARRIER, barrier, "pthread_barrier_wait");
    round = thing->round;
    tpi_user_release(thing);
    if (++thing->count == number_of(thing)) {
        thing->count = 0;
        thing->round++;
        tpi_user_wake(thing, true);
        tpi_user_acquire(thing);
        return PTHREAD_BARRIER_SERIAL_THREAD;
    }
    while (thing->round == round)
        (void)tpi_user_sleep(thing, TPP_FOREVER);
    tpi_user_acquire(thing);
    return 0;
}

/* ---- once ------------------------------------------------------------------------------------ */

#define DONE 2 /* as the C library says so in the word itself */

TPI_STANDS_IN int pthread_once(pthread_once_t *control, void (*function)(void))
{
    struct tpi_user_thing *thing;
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_once)(control, function);
    thing = tpi_user_thing(TPI_USER_ONCE, control, "pthread_once");
    if (thing->owner == tpps_slot_(tpps_sim_.current))
        tpps_fail("pthread_once: its function calls it again");
    while (thing->owner != TPI_USER_NOBODY)
        (void)tpi_user_sleep(thing, TPP_FOREVER);
    if ((*control & DONE) == 0) {
        thing->owner = tpps_slot_(tpps_sim_.current);
        function();
        *control |= DONE;
        tpi_user_release(thing);
        thing->owner = TPI_USER_NOBODY;
        tpi_user_wake(thing, true);
    }
    tpi_user_acquire(thing);
    return 0;
}

TPI_STANDS_IN void call_once(once_flag *flag, void (*function)(void))
{
    (void)pthread_once((pthread_once_t *)(void *)flag, function);
}
