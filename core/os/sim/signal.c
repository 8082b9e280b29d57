/* signal.c - signals that are pending for the process, blocked in all of its threads. */
#include <errno.h>
#include <string.h>

#include "core/os/sim/internal.h"

#define SIGNALS 64
#define FIRST_QUEUED 34 /* what the C library keeps for itself comes before it */

static uint32_t pending[SIGNALS + 1];

static bool can_wait(int signal)
{
    return signal >= 1 && signal <= SIGNALS && signal != 9 && signal != 19 && signal != 32 &&
           signal != 33;
}

static bool take(int signal)
{
    if (pending[signal] == 0)
        return false;
    if (--pending[signal] == 0)
        tpps_file_signals_(signal, false);
    return true;
}

/* ---- the contract of os.h -------------------------------------------------------------------- */

int tpp_signal_open(int signal, int *own_out)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    if (!can_wait(signal))
        return EINVAL;
    if (tpps_fault_())
        return EMFILE;
    *own_out = tpps_file_signal_(signal, pending[signal] != 0);
    return 0;
}

bool tpp_signal_take(int own)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    return take(tpps_file_is_signal_(own));
}

int tpp_signal_wait(int signal, int64_t deadline_ns, bool *taken_out)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    if (!can_wait(signal))
        return EINVAL;
    while (!(*taken_out = take(signal)) && deadline_ns > tpps_sim_.clock)
        tpps_park_(TPPS_POLL, tpps_poll_key_((uint32_t)signal, true), deadline_ns);
    return 0;
}

/* ---- the world outside ----------------------------------------------------------------------- */

/* Any thread that sleeps for it may be the one, or a look at a descriptor: all come and see. */
void tpps_signal_raise(int signal)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    if (!can_wait(signal))
        tpps_fail("signal %d cannot be blocked", signal);
    if (pending[signal] == 0 || signal >= FIRST_QUEUED)
        pending[signal]++;
    tpps_file_signals_(signal, true);
    tpps_poll_wake_(tpps_poll_key_((uint32_t)signal, true));
}

uint32_t tpps_signal_pending(int signal)
{
    return can_wait(signal) ? pending[signal] : 0;
}

/* Also in the child of a fork: what is pending stays with the parent. */
void tpps_signal_begin_(void)
{
    for (int i = 1; i <= SIGNALS; i++)
        if (pending[i] != 0) {
            pending[i] = 0;
            tpps_file_signals_(i, false);
        }
}
