/* signal.c - signals that are waited for: as a descriptor, and by a thread. */
#define _GNU_SOURCE
#include "core/os/os.h"
#include "core/os/linux/quiet.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000

/* libc refuses what is no signal, and the few that it uses itself. The two that cannot be blocked
 * the kernel would leave out of a set without a word. */
static bool set_of(int signal, sigset_t *set)
{
    (void)sigemptyset(set);
    return signal != SIGKILL && signal != SIGSTOP && sigaddset(set, signal) == 0;
}

int tpp_signal_open(int signal, int *own_out)
{
    int saved = errno;
    sigset_t set;
    int result = 0;

    *own_out = -1;
    if (!set_of(signal, &set))
        result = EINVAL;
    else if ((*own_out = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        result = errno;
    errno = saved;
    return result;
}

/* The loop ends: each turn needs one more signal handler to have run. */
bool tpp_signal_take(int own)
{
    struct tpl_quiet quiet = tpl_quiet_begin();
    struct signalfd_siginfo info;
    ssize_t length;

    do
        length = read(own, &info, sizeof info);
    while (length < 0 && errno == EINTR);
    if (length < 0 && errno != EAGAIN)
        tpp_abort("BUG IN CLIENT OF TP: a descriptor that belongs to tp was closed (signalfd)");
    tpl_quiet_end(quiet);
    return length > 0;
}

/* EINTR is the handler of another signal, and EAGAIN says that the time is over. */
static int take_until(const sigset_t *set, int64_t deadline_ns)
{
    for (;;) {
        int64_t now = deadline_ns > 0 ? tpp_now(TPP_CLOCK_MONOTONIC) : 0;
        int64_t left = deadline_ns > now ? deadline_ns - now : 0;
        struct timespec timeout = {.tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S};
        int result =
            sigtimedwait(set, NULL, deadline_ns == TPP_FOREVER ? NULL : &timeout) > 0 ? 0 : errno;

        if (result != EINTR)
            return result;
    }
}

int tpp_signal_wait(int signal, int64_t deadline_ns, bool *taken_out)
{
    struct tpl_quiet quiet = tpl_quiet_begin();
    sigset_t set;
    int result = set_of(signal, &set) ? take_until(&set, deadline_ns) : EINVAL;

    *taken_out = result == 0;
    tpl_quiet_end(quiet);
    return result == EAGAIN ? 0 : result;
}
