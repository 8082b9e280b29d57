/* lock.h - a four-byte lock that spins briefly and then sleeps.
 *
 * For short critical sections: no user code runs under one but the application's allocator, and
 * nothing blocks under one but the start of a thread, under its pool's lock.
 * Safe to use in type-stable memory that is given to somebody else meanwhile: a lock is never
 * re-initialised, and unlock does not touch the word after the store that lets the next one in.
 *
 * Order, outermost first: group > a queue's `out` > its `in`; pool > slab growth > slab depot. All
 * others are leaves. */
#ifndef TPI_OS_LOCK_H
#define TPI_OS_LOCK_H

#include "core/os/os.h"

struct tpi_lock {
    tpp_u32 word; /* 0 free, 1 held, 2 held and somebody may sleep */
};

void tpi_lock_slow(struct tpi_lock *lock);

static inline void tpi_lock_take(struct tpi_lock *lock)
{
    uint32_t seen = 0;
    /* [LK1] acquire: what the last holder wrote is visible. Pairs with the release in
     * tpi_lock_drop. */
    if (!tpp_cas_acquire(&lock->word, &seen, 1))
        tpi_lock_slow(lock);
    tpp_probe(TPP_PROBE_LOCK, lock, 0);
}

/* Takes the lock if nobody has it. */
static inline bool tpi_lock_try(struct tpi_lock *lock)
{
    uint32_t seen = 0;
    if (!tpp_cas_acquire(&lock->word, &seen, 1)) /* [LK1] */
        return false;
    tpp_probe(TPP_PROBE_LOCK, lock, 0);
    return true;
}

static inline void tpi_lock_drop(struct tpi_lock *lock)
{
    tpp_probe(TPP_PROBE_UNLOCK, lock, 0);
    /* [LK1] release (as part of acq_rel): pairs with the acquire of the next holder. */
    if (tpp_exchange_acq_rel(&lock->word, 0) == 2)
        tpp_wake(&lock->word, 1);
}

#endif
