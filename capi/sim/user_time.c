/* user_time.c - the clocks and sleeps of the C library, in the simulator's time. */
#define _GNU_SOURCE 1 /* CLOCK_TAI */
#include <errno.h>
#include <sched.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "capi/sim/user.h"

#define SECOND INT64_C(1000000000)

static int (*real_yield)(void);

/* ---- what a clock says ----------------------------------------------------------------------- */

/* False if it is none of the simulator's. */
static bool simulated(clockid_t clock, enum tpp_clock *clock_out)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        *clock_out = TPP_CLOCK_REALTIME;
        return true;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
        *clock_out = TPP_CLOCK_MONOTONIC;
        return true;
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *clock_out = TPP_CLOCK_BOOTTIME;
        return true;
    default:
        return false;
    }
}

/* Nothing but the simulator makes time pass, so what a thread computes takes its steps' time. */
static int64_t reading(clockid_t clock)
{
    enum tpp_clock own;
    if (simulated(clock, &own))
        return (tpp_now)(own);
    tpps_point_(TPPS_OP_CLOCK, NULL, NULL);
    return clock == CLOCK_THREAD_CPUTIME_ID ? tpp_thread_cpu_time(tpps_sim_.current->id)
                                            : tpps_sim_.clock - tpps_sim_.options.clock0;
}

static struct timespec as_timespec(int64_t ns)
{
    int64_t seconds = ns / SECOND - (ns % SECOND < 0);
    return (struct timespec){seconds, ns - seconds * SECOND};
}

/* Saturates. */
static bool as_ns(const struct timespec *time, int64_t *ns_out)
{
    int64_t ns;
    if (time == NULL || time->tv_nsec < 0 || time->tv_nsec >= SECOND)
        return false;
    if (__builtin_mul_overflow((int64_t)time->tv_sec, SECOND, &ns))
        *ns_out = time->tv_sec < 0 ? INT64_MIN : INT64_MAX;
    else
        *ns_out = tpps_add_time_(ns, time->tv_nsec);
    return true;
}

/* The clock may be set while somebody waits, but the end of the wait stays where it was. */
bool tpi_user_deadline(clockid_t clock, const struct timespec *time, int64_t *deadline_out)
{
    enum tpp_clock own;
    int64_t ns, now;
    if (!as_ns(time, &ns) || !simulated(clock, &own))
        return false;
    now = tpps_clock_(own);
    *deadline_out = ns <= now         ? tpps_sim_.clock
                    : ns == INT64_MAX ? TPP_FOREVER
                                      : tpps_add_time_(tpps_sim_.clock, tpps_add_time_(ns, -now));
    return true;
}

/* ---- clocks ---------------------------------------------------------------------------------- */

TPI_STANDS_IN int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(clock_gettime)(clock, time);
    *time = as_timespec(reading(clock));
    return 0;
}

TPI_STANDS_IN int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    if (tpi_user_here() == NULL)
        return TPI_REAL(gettimeofday)(time, zone);
    now = as_timespec(reading(CLOCK_REALTIME));
    *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

TPI_STANDS_IN time_t time(time_t *time_out)
{
    time_t now;
    if (tpi_user_here() == NULL)
        return TPI_REAL(time)(time_out);
    now = as_timespec(reading(CLOCK_REALTIME)).tv_sec;
    if (time_out != NULL)
        *time_out = now;
    return now;
}

TPI_STANDS_IN int timespec_get(struct timespec *time, int base)
{
    if (tpi_user_here() == NULL || base != TIME_UTC)
        return TPI_REAL(timespec_get)(time, base);
    *time = as_timespec(reading(CLOCK_REALTIME));
    return base;
}

TPI_STANDS_IN clock_t clock(void)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(clock)();
    return (clock_t)(reading(CLOCK_PROCESS_CPUTIME_ID) / (SECOND / CLOCKS_PER_SEC));
}

/* ---- sleeping -------------------------------------------------------------------------------- */

/* An oracle sleeps no time. */
static void sleep_until(int64_t deadline, const char *call)
{
    if (tpps_sim_.hook)
        return;
    tpps_point_(TPPS_OP_SLEEP, NULL, call);
    if (deadline <= tpps_sim_.clock)
        tpps_relax_(call);
    else
        tpps_park_(TPPS_SLEEP, NULL, deadline);
}

static void sleep_for(int64_t ns, const char *call)
{
    sleep_until(tpps_add_time_(tpps_sim_.clock, ns), call);
}

TPI_STANDS_IN unsigned sleep(unsigned seconds)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(sleep)(seconds);
    sleep_for(seconds * SECOND, "sleep");
    return 0;
}

TPI_STANDS_IN int usleep(useconds_t us)
{
    if (tpi_user_here() == NULL)
        return TPI_REAL(usleep)(us);
    sleep_for(us * INT64_C(1000), "usleep");
    return 0;
}

TPI_STANDS_IN int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                                  struct timespec *left)
{
    int64_t deadline;
    if (tpi_user_here() == NULL)
        return TPI_REAL(clock_nanosleep)(clock, flags, time, left);
    if ((flags & TIMER_ABSTIME) == 0) {
        if (!as_ns(time, &deadline) || deadline < 0)
            return EINVAL;
        sleep_for(deadline, "clock_nanosleep");
        return 0;
    }
    if (!tpi_user_deadline(clock, time, &deadline))
        return EINVAL;
    sleep_until(deadline, "clock_nanosleep");
    return 0;
}

TPI_STANDS_IN int nanosleep(const struct timespec *time, struct timespec *left)
{
    int64_t ns;
    if (tpi_user_here() == NULL)
        return TPI_REAL(nanosleep)(time, left);
    if (!as_ns(time, &ns) || ns < 0) {
        errno = EINVAL;
        return -1;
    }
    sleep_for(ns, "nanosleep");
    return 0;
}

TPI_STANDS_IN int thrd_sleep(const struct timespec *time, struct timespec *left)
{
    int64_t ns;
    if (tpi_user_here() == NULL)
        return TPI_REAL(thrd_sleep)(time, left);
    if (!as_ns(time, &ns) || ns < 0)
        return -2;
    sleep_for(ns, "thrd_sleep");
    return 0;
}

/* Found early: sanitizers call it where nobody may ask for memory. */
__attribute__((constructor(102))) static void find_yield(void)
{
    real_yield = TPI_REAL(sched_yield);
}

TPI_STANDS_IN int sched_yield(void)
{
    if (tpi_user_here() == NULL)
        return real_yield != NULL ? real_yield() : TPI_REAL(sched_yield)();
    tpps_relax_("sched_yield");
    return 0;
}

TPI_STANDS_IN void thrd_yield(void)
{
    (void)sched_yield();
}
