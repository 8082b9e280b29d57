/* clock.c - the three clocks, in nanoseconds. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <time.h>

#define NS_PER_S 1000000000

static clockid_t system_clock(enum tpp_clock clock)
{
    switch (clock) {
    case TPP_CLOCK_MONOTONIC:
        return CLOCK_MONOTONIC;
    case TPP_CLOCK_REALTIME:
        return CLOCK_REALTIME;
    case TPP_CLOCK_BOOTTIME:
        return CLOCK_BOOTTIME;
    }
    tpp_abort("BUG IN TP: tpp_now was asked for a clock that does not exist");
}

/* clock_gettime cannot fail for these clocks, and 64 bits of nanoseconds last until 2262. */
int64_t tpp_now(enum tpp_clock clock)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(system_clock(clock), &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}
