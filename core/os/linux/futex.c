/* futex.c - sleeping on a 32-bit word and waking its sleepers. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000

/* FUTEX_WAIT_BITSET is the form that takes an absolute deadline, so that a sleep interrupted by a
 * signal is simply begun again and ends when it should. The futexes are private to the process:
 * the kernel then finds the queue by address alone and never looks at the mapping. */
bool tpp_wait(tpp_u32 *word, uint32_t expected, int64_t deadline_ns)
{
    int saved = errno;
    int64_t due = deadline_ns > 0 ? deadline_ns : 0;
    struct timespec at = {.tv_sec = due / NS_PER_S, .tv_nsec = due % NS_PER_S};
    const struct timespec *timeout = deadline_ns == TPP_FOREVER ? NULL : &at;
    bool woken = true;

    /* The loop ends: each turn needs one more signal handler to have run. */
    while (syscall(SYS_futex, &word->raw, FUTEX_WAIT_BITSET_PRIVATE, expected, timeout, NULL,
                   FUTEX_BITSET_MATCH_ANY) != 0) {
        if (errno == EINTR)
            continue;
        woken = errno != ETIMEDOUT;
        break;
    }
    errno = saved;
    return woken;
}

void tpp_wake(tpp_u32 *word, uint32_t count)
{
    int saved = errno;
    uint32_t most = count < INT_MAX ? count : INT_MAX;

    (void)syscall(SYS_futex, &word->raw, FUTEX_WAKE_PRIVATE, most, NULL, NULL, 0);
    errno = saved;
}
