/* timers.c - what timers cost and how exact they are: tp beside other libraries, in one run.
 *
 * usage: timers [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]
 *
 * Every measurement is a fresh process. A round measures every side once, one right after the
 * other, and each round begins with another side. Printed are medians over the rounds, and in the
 * table how tp compares with each: the median of the ratios of what was measured in one round. */
#include "bench/timers.h"

#include <stddef.h>

#include "bench/contest.h"
#include "bench/timers_peers.h"

static const struct timers_side *const sides[] = {
    &tp_timers, TIMERS_PEERS &wheel_timers, &wheel_lock_timers, &wheel_mutex_timers, &kernel_timers,
};

static struct contest_side side_at(unsigned place)
{
    return (struct contest_side){sides[place]->name, sides[place]->about, sides[place]->floor};
}

static struct contest_workload workload_at(unsigned place)
{
    const struct timers_workload *workload = &timers_workloads[place];
    return (struct contest_workload){workload->name, workload->about, workload->rounds_most};
}

static bool fits(unsigned workload, unsigned side)
{
    return timers_workloads[workload].fits(sides[side]);
}

static void measure(unsigned workload, unsigned side, bool quick)
{
    timers_workloads[workload].measure(sides[side], quick);
}

static bool all(const char *workload)
{
    return workload != NULL;
}

static void print_table(const struct comparison *comparison)
{
    compare_table(comparison, all);
}

static const struct contest contest = {
    .usage = "timers [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]",
    .missing = TIMERS_MISSING,
    .side_count = sizeof sides / sizeof *sides,
    .side = side_at,
    .workload = workload_at,
    .fits = fits,
    .measure = measure,
    .tables = print_table,
};

int main(int argc, char **argv)
{
    return contest_main(&contest, argc, argv);
}
