/* user_locks.c - the reader-writer locks of the C library, as the simulated threads use them. */
#define _GNU_SOURCE 1 /* pthread_rwlock_clockrdlock */
#include <errno.h>
#include <pthread.h>

#include "capi/sim/user.h"

static uint32_t self_slot(void)
{
    return tpps_slot_(tpps_sim_.current);
}

/* Nobody is preferred: whoever comes first when it is free has it. */
static bool can_take(const struct tpi_user_thing *lock, bool write)
{
    return lock->owner == TPI_USER_NOBODY && (!write || lock->readers == 0);
}

static void take(struct tpi_user_thing *lock, bool write)
{
    uint32_t self = self_slot();
    if (tpps_sim_.hook)
        return;
    tpi_user_acquire(lock);
    if (write) {
        tpps_tsan_acquire_(&lock->readers); /* readers are ordered with writers only */
        lock->owner = self;
        return;
    }
    lock->readers |= UINT64_C(1) << self;
    lock->times[self]++;
}

static int lock_it(struct tpi_user_thing *lock, bool write, int64_t deadline, const char *call)
{
    char name[80];
    bool mine = lock->owner == self_slot() || (write && (lock->readers >> self_slot() & 1) != 0);
    if (mine && deadline == TPP_FOREVER && !tpps_sim_.hook) {
        tpi_user_thing_name(lock, name, sizeof name);
        tpps_fail("%s: %s is already held by the same thread", call, name);
    }
    while (!can_take(lock, write))
        if (!tpi_user_sleep(lock, deadline))
            return ETIMEDOUT;
    take(lock, write);
    return 0;
}

static int try_it(struct tpi_user_thing *lock, bool write)
{
    if (!can_take(lock, write))
        return EBUSY;
    take(lock, write);
    return 0;
}

static int unlock(struct tpi_user_thing *lock, const char *call)
{
    uint32_t self = self_slot();
    char name[80], who[40];
    if (tpps_sim_.hook)
        return 0;
    if (lock->owner != self && lock->times[self] == 0) {
        tpi_user_thing_name(lock, name, sizeof name);
        tpi_user_thread(self, who, sizeof who);
        tpps_fail("%s by %s: it does not hold %s", call, who, name);
    }
    if (lock->owner == self) {
        tpi_user_release(lock);
        lock->owner = TPI_USER_NOBODY;
    } else {
        tpps_tsan_release_(&lock->readers);
        if (--lock->times[self] == 0)
            lock->readers &= ~(UINT64_C(1) << self);
    }
    if (lock->readers == 0)
        tpi_user_wake(lock, true);
    return 0;
}

static int lock_until(pthread_rwlock_t *lock, bool write, clockid_t clock,
                      const struct timespec *time, const char *call)
{
    struct tpi_user_thing *thing = tpi_user_thing(TPI_USER_RWLOCK, lock, call);
    int64_t deadline;
    if (!tpi_user_deadline(clock, time, &deadline))
        return EINVAL;
    return lock_it(thing, write, deadline, call);
}

static int lock_now(pthread_rwlock_t *lock, bool write, const char *call)
{
    return lock_it(tpi_user_thing(TPI_USER_RWLOCK, lock, call), write, TPP_FOREVER, call);
}

TPI_STANDS_IN int pthread_rwlock_init(pthread_rwlock_t *lock,
                                      const pthread_rwlockattr_t *attributes)
{
    if (tpi_user_here() != NULL)
        tpi_user_made(TPI_USER_RWLOCK, lock, "pthread_rwlock_init");
    return TPI_REAL(pthread_rwlock_init)(lock, attributes);
}

TPI_STANDS_IN int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    if (tpi_user_here() != NULL)
        tpi_user_ended(TPI_USER_RWLOCK, lock, "pthread_rwlock_destroy");
    return TPI_REAL(pthread_rwlock_destroy)(lock);
}

TPI_STANDS_IN int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_rwlock_rdlock)(lock);
    return lock_now(lock, false, "pthread_rwlock_rdlock");
}

TPI_STANDS_IN int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_rwlock_wrlock)(lock);
    return lock_now(lock, true, "pthread_rwlock_wrlock");
}

TPI_STANDS_IN int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_rwlock_tryrdlock)(lock);
    return try_it(tpi_user_thing(TPI_USER_RWLOCK, lock, "pthread_rwlock_tryrdlock"), false);
}

TPI_STANDS_IN int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_rwlock_trywrlock)(lock);
    return try_it(tpi_user_thing(TPI_USER_RWLOCK, lock, "pthread_rwlock_trywrlock"), true);
}

TPI_STANDS_IN int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *time)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_rwlock_timedrdlock)(lock, time);
    return lock_until(lock, false, CLOCK_REALTIME, time, "pthread_rwlock_timedrdlock");
}

TPI_STANDS_IN int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *time)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_rwlock_timedwrlock)(lock, time);
    return lock_until(lock, true, CLOCK_REALTIME, time, "pthread_rwlock_timedwrlock");
}

TPI_STANDS_IN int pthread_rwlock_clockrdlock(pthread_rwlock_t *lock, clockid_t clock,
                                             const struct timespec *time)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_rwlock_clockrdlock)(lock, clock, time);
    return lock_until(lock, false, clock, time, "pthread_rwlock_clockrdlock");
}

TPI_STANDS_IN int pthread_rwlock_clockwrlock(pthread_rwlock_t *lock, clockid_t clock,
                                             const struct timespec *time)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_rwlock_clockwrlock)(lock, clock, time);
    return lock_until(lock, true, clock, time, "pthread_rwlock_clockwrlock");
}

TPI_STANDS_IN int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    static const char call[] = "pthread_rwlock_unlock";
    if (tpi_user_here() == NULL)
        return TPI_REAL(pthread_rwlock_unlock)(lock);
    return unlock(tpi_user_thing(TPI_USER_RWLOCK, lock, call), call);
}
