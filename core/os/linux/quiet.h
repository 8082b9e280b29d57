/* quiet.h (linux) - keeps errno and a pending cancellation out of the library's own calls. */
#ifndef TPI_OS_LINUX_QUIET_H
#define TPI_OS_LINUX_QUIET_H

#include <errno.h>
#include <pthread.h>

/* The thread may be the application's, and cancelled. What reads, writes, closes and waits for
 * descriptors is where that would strike, and the caller may hold a lock. */
struct tpl_quiet {
    int error;
    int cancel_state;
};

static inline struct tpl_quiet tpl_quiet_begin(void)
{
    struct tpl_quiet before = {errno, PTHREAD_CANCEL_ENABLE};

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before.cancel_state);
    return before;
}

static inline void tpl_quiet_end(struct tpl_quiet before)
{
    (void)pthread_setcancelstate(before.cancel_state, NULL);
    errno = before.error;
}

#endif
