/* waits.c - what waits cost and how soon they are answered: tp beside other libraries, in one run.
 *
 * usage: waits [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]
 *
 * Every measurement is a fresh process. A round measures every side once, one right after the
 * other, and each round begins with another side. Printed are medians over the rounds, and in the
 * tables how tp compares with each: the median of the ratios of what was measured in one round. */
#include "bench/waits.h"

#include "bench/contest.h"
#include "bench/waits_peers.h"

static const struct waits_side *const sides[] = {
    &tp_waits, &tp_one_waits, WAITS_PEERS &epoll_waits, &epoll_once_waits, &ring_waits,
};

/* The two lists as one; the last has no name. */
static const struct waits_workload *workload_of(unsigned place)
{
    unsigned first = 0;
    while (waits_cost_workloads[first].name)
        first++;
    return place < first ? &waits_cost_workloads[place] : &waits_flow_workloads[place - first];
}

static struct contest_side side_at(unsigned place)
{
    return (struct contest_side){sides[place]->name, sides[place]->about, sides[place]->floor};
}

static struct contest_workload workload_at(unsigned place)
{
    const struct waits_workload *workload = workload_of(place);
    return (struct contest_workload){workload->name, workload->about, workload->rounds_most};
}

static bool fits(unsigned workload, unsigned side)
{
    return workload_of(workload)->fits(sides[side]);
}

static void measure(unsigned workload, unsigned side, bool quick)
{
    workload_of(workload)->measure(sides[side], quick);
}

static bool is_native(const char *workload)
{
    return workload_of(contest_workload_named(workload))->native;
}

static bool is_of_descriptors(const char *workload)
{
    return !is_native(workload);
}

static void print_tables(const struct comparison *comparison)
{
    compare_table(comparison, is_of_descriptors);
    compare_table(comparison, is_native);
}

static const struct contest contest = {
    .usage = "waits [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]",
    .missing = WAITS_MISSING,
    .side_count = sizeof sides / sizeof *sides,
    .side = side_at,
    .workload = workload_at,
    .fits = fits,
    .measure = measure,
    .tables = print_tables,
};

int main(int argc, char **argv)
{
    return contest_main(&contest, argc, argv);
}
