/* lock.c - the contended half of the lock in lock.h. */
#include "core/os/lock.h"

#include "tpp_tune.h"

void tpi_lock_slow(struct tpi_lock *lock)
{
    for (int turn = 0; turn < TPP_LOCK_SPINS; turn++) {
        uint32_t seen = 0;
        tpp_cpu_relax();
        /* relaxed: only a guess whether the swap is worth trying. */
        if (tpp_load_relaxed(&lock->word) == 0 && tpp_cas_acquire(&lock->word, &seen, 1))
            return; /* [LK1] */
    }
    /* Ends when the holder drops the lock: whoever takes it from here marks it 2, so that the
     * drop that follows wakes the next sleeper, if there is one. [LK1] */
    while (tpp_exchange_acq_rel(&lock->word, 2) != 0)
        tpp_wait(&lock->word, 2, TPP_FOREVER);
}
