/* due.c - times of Windows, counts of 100 ns, as nanoseconds on a clock of tp. */
#include "capi/win32/win32.h"

/* 1601 to 1970, in units of 100 ns. */
#define EPOCH INT64_C(116444736000000000)
#define NS_PER_TICK 100

static int64_t ns_of(int64_t ticks)
{
    return ticks > (TP_INFINITE - 1) / NS_PER_TICK ? TP_INFINITE : ticks * NS_PER_TICK;
}

struct tpw_due tpw_due_of_ticks(int64_t ticks)
{
    if (ticks == INT64_MIN) /* it has no positive; a time that never comes will do */
        return (struct tpw_due){TP_CLOCK_RELATIVE, TP_INFINITE};
    if (ticks <= 0)
        return (struct tpw_due){TP_CLOCK_RELATIVE, ns_of(-ticks)};
    /* Before 1970 is as past as 1970 itself. */
    return (struct tpw_due){TP_CLOCK_REALTIME, ticks < EPOCH ? 0 : ns_of(ticks - EPOCH)};
}

struct tpw_due tpw_due_of_filetime(const FILETIME *time)
{
    uint64_t ticks = (uint64_t)time->dwHighDateTime << 32 | time->dwLowDateTime;
    return tpw_due_of_ticks((int64_t)ticks);
}
