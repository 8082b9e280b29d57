/* io.c - what reads and echoes cost: tp beside other libraries, in one run.
 *
 * usage: io [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]
 *
 * Every measurement is a fresh process. A round measures every side once, one right after the
 * other, and each round begins with another side. Printed are medians over the rounds, and in the
 * tables how tp compares with each: the median of the ratios of what was measured in one round.
 * The file that is read is made in $TMPDIR, or else in /var/tmp, and has gone when the run ends. */
#include "bench/io.h"

#include <stdio.h>

#include "bench/contest.h"
#include "bench/io_peers.h"

static const struct io_side *const sides[] = {
    &tp_io_side,
    &tp_one_io_side,
    &tp_files_io_side,
    &tp_epoll_io_side,
    &tp_epoll_one_io_side,
    &tp_epoll_files_io_side,
    IO_PEERS &pool_io_side,
    &pool_one_io_side,
    IO_FLOORS &pread_io_side,
    &pread_two_io_side,
    &epoll_io_side,
};

/* The two lists as one; the last has no name. */
static const struct io_workload *workload_of(unsigned place)
{
    unsigned first = 0;
    while (io_read_workloads[first].name)
        first++;
    return place < first ? &io_read_workloads[place] : &io_echo_workloads[place - first];
}

static struct contest_side side_at(unsigned place)
{
    return (struct contest_side){sides[place]->name, sides[place]->about, sides[place]->floor};
}

static struct contest_workload workload_at(unsigned place)
{
    const struct io_workload *workload = workload_of(place);
    return (struct contest_workload){workload->name, workload->about, 0};
}

static bool direct_refused; /* by the file system, when it was asked */

static bool reads_fit(const struct io_workload *workload, const struct io_side *side)
{
    if (!side->read || (workload->direct && side->one_by_one))
        return false;
    if (workload->direct && !io_file_allows_direct()) {
        direct_refused = true;
        return false;
    }
    return workload->depth >= side->depth_least &&
           (side->depth_most == 0 || workload->depth <= side->depth_most);
}

static bool fits(unsigned place, unsigned side)
{
    const struct io_workload *workload = workload_of(place);
    if (workload->depth > 0)
        return reads_fit(workload, sides[side]);
    return sides[side]->serve &&
           (sides[side]->message_most == 0 || workload->message <= sides[side]->message_most);
}

static void measure(unsigned place, unsigned side, bool quick)
{
    const struct io_workload *workload = workload_of(place);
    workload->measure(workload, sides[side], quick);
}

static bool is_of_reads(const char *workload)
{
    return workload_of(contest_workload_named(workload))->depth > 0;
}

static bool is_of_echoes(const char *workload)
{
    return !is_of_reads(workload);
}

static void print_tables(const struct comparison *comparison)
{
    compare_table(comparison, is_of_reads);
    compare_table(comparison, is_of_echoes);
    if (direct_refused)
        printf("\nNot measured: reads past the cache, which this file system does not allow\n");
}

static const struct contest contest = {
    .usage = "io [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]",
    .missing = IO_MISSING,
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
