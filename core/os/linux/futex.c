/* futex.c - sleeping on a 32-bit word and waking its sleepers. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/prctl.h>
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

/* What prctl does, but for the function of libc: that returns an int, which would cut a long slack
 * short. -1 on failure. */
static long slack(int option, unsigned long value)
{
    return syscall(SYS_prctl, option, value, 0, 0, 0);
}

/* The kernel may end a timed sleep as late as the slack of the thread allows, 50 us as a rule. It
 * is a property of the thread, so it is put back afterwards. A thread of a real-time policy has
 * none: it reads as 0, and setting that would ask for the default. */
bool tpp_wait_exact(tpp_u32 *word, uint32_t expected, int64_t deadline_ns)
{
    int saved = errno;
    long before = deadline_ns != TPP_FOREVER ? slack(PR_GET_TIMERSLACK, 0) : 0;
    bool changed = before > 1 && slack(PR_SET_TIMERSLACK, 1) == 0;
    bool woken = tpp_wait(word, expected, deadline_ns);

    if (changed)
        (void)slack(PR_SET_TIMERSLACK, (unsigned long)before);
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
