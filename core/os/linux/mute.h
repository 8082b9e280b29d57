/* mute.h (linux) - keeps from the calling thread the signals that its writes raise. */
#ifndef TPI_OS_LINUX_MUTE_H
#define TPI_OS_LINUX_MUTE_H

#include "core/os/linux/quiet.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* SIGPIPE: nobody reads. SIGXFSZ: a file would grow beyond the limit of the process. Both are sent
 * to the thread that writes, so that of several pending ones it is the thread's own that is taken
 * away here; what is sent to the process stays. */
struct tpl_mute {
    sigset_t before;  /* the mask */
    sigset_t pending; /* before the call; nothing that was not blocked can be */
};

static inline void tpl_mute_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGPIPE);
    (void)sigaddset(set, SIGXFSZ);
}

static inline bool tpl_mute_blocked(const struct tpl_mute *mute, int signal)
{
    return sigismember(&mute->before, signal) == 1;
}

static inline struct tpl_mute tpl_mute_begin(void)
{
    struct tpl_mute mute;
    sigset_t set;

    tpl_mute_signals(&set);
    (void)sigemptyset(&mute.pending);
    (void)pthread_sigmask(SIG_BLOCK, &set, &mute.before);
    if (tpl_mute_blocked(&mute, SIGPIPE) || tpl_mute_blocked(&mute, SIGXFSZ))
        (void)sigpending(&mute.pending);
    return mute;
}

/* The loop ends: each turn needs one more signal handler to have run. */
static inline void tpl_mute_take(int signal)
{
    static const struct timespec now;
    struct tpl_quiet quiet = tpl_quiet_begin();
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, signal);
    while (sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR)
        ;
    tpl_quiet_end(quiet);
}

/* `raised`: a signal may have been. Keeps errno. */
static inline void tpl_mute_end(const struct tpl_mute *mute, bool raised)
{
    int saved = errno;
    sigset_t pending;

    if (raised && sigpending(&pending) == 0) {
        if (sigismember(&pending, SIGPIPE) == 1 && sigismember(&mute->pending, SIGPIPE) == 0)
            tpl_mute_take(SIGPIPE);
        if (sigismember(&pending, SIGXFSZ) == 1 && sigismember(&mute->pending, SIGXFSZ) == 0)
            tpl_mute_take(SIGXFSZ);
    }
    if (!tpl_mute_blocked(mute, SIGPIPE) || !tpl_mute_blocked(mute, SIGXFSZ))
        (void)pthread_sigmask(SIG_SETMASK, &mute->before, NULL);
    errno = saved;
}

#endif
