/* clock_test.c - the three clocks against the system's own. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <time.h>

#include "tests/support/tap.h"

static int64_t system_now(clockid_t clock)
{
    struct timespec now;
    check_eq(clock_gettime(clock, &now), 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

TAP_TEST(clock__monotonic_never_goes_back)
{
    int64_t last = tpp_now(TPP_CLOCK_MONOTONIC);
    int64_t first = last;
    int round, backwards = 0;
    for (round = 0; round < 100000; round++) {
        int64_t now = tpp_now(TPP_CLOCK_MONOTONIC);
        backwards += now < last;
        last = now;
    }
    check_eq(backwards, 0);
    check(last > first);
}

/* Bracketed by two readings of the system. The realtime clock may be set between them, once: a
 * second look settles it. */
static bool lies_between(enum tpp_clock clock, clockid_t system)
{
    int attempt;
    for (attempt = 0; attempt < 3; attempt++) {
        int64_t before = system_now(system);
        int64_t now = tpp_now(clock);
        if (before <= now && now <= system_now(system))
            return true;
    }
    return false;
}

TAP_TEST(clock__each_is_the_system_clock_of_its_name)
{
    errno = 77;
    check(lies_between(TPP_CLOCK_MONOTONIC, CLOCK_MONOTONIC));
    check(lies_between(TPP_CLOCK_REALTIME, CLOCK_REALTIME));
    check(lies_between(TPP_CLOCK_BOOTTIME, CLOCK_BOOTTIME));
    check_eq(errno, 77);
}

int main(void)
{
    tap_run(clock__monotonic_never_goes_back);
    tap_run(clock__each_is_the_system_clock_of_its_name);
    return tap_done();
}
