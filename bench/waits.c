/* waits.c - what waits cost and how soon they are answered: tp beside other libraries, in one run.
 *
 * usage: waits [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]
 *
 * Every measurement is a fresh process. A round measures every side once, one right after the
 * other, and each round begins with another side. Printed are medians over the rounds, and in the
 * tables how tp compares with each: the median of the ratios of what was measured in one round. */
#include "bench/waits.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/compare.h"
#include "bench/measure.h"
#include "bench/options.h"
#include "bench/series.h"
#include "bench/waits_peers.h"

enum { CHILD_SECONDS = 120 };

static const struct waits_side *const sides[] = {
    &tp_waits, &tp_one_waits, WAITS_PEERS &epoll_waits, &epoll_once_waits, &ring_waits,
};

enum { SIDES = sizeof sides / sizeof *sides };

static struct options options = {.rounds = 5};

/* ---- the two lists as one -------------------------------------------------------------------- */

/* NULL after the last. */
static const struct waits_workload *workload_at(unsigned place)
{
    unsigned first = 0;
    while (waits_cost_workloads[first].name)
        first++;
    const struct waits_workload *workload =
        place < first ? &waits_cost_workloads[place] : &waits_flow_workloads[place - first];
    return workload->name ? workload : NULL;
}

static const struct waits_workload *workload_named(const char *name)
{
    const struct waits_workload *workload;
    for (unsigned i = 0; (workload = workload_at(i)); i++)
        if (strcmp(workload->name, name) == 0)
            return workload;
    fprintf(stderr, "bench: no workload '%s'; --list tells them\n", name);
    exit(2);
}

static const struct waits_side *side_named(const char *name)
{
    for (unsigned i = 0; i < SIDES; i++)
        if (strcmp(sides[i]->name, name) == 0)
            return sides[i];
    fprintf(stderr, "bench: no side '%s'; --list tells them\n", name);
    exit(2);
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* How many measurements failed. */
static unsigned measure_workload(const struct waits_workload *workload)
{
    const char *fitting[SIDES];
    unsigned count = 0;
    for (unsigned i = 0; i < SIDES; i++)
        if (workload->fits(sides[i]) && options_want_side(&options, sides[i]->name))
            fitting[count++] = sides[i]->name;
    return series_measure(&options, workload->name, fitting, count, workload->rounds_most);
}

static void *sleep_on(void *unused)
{
    for (;;)
        pause();
    return unused;
}

/* The C library locks for nothing while a process has one thread only, and the kernel looks up
 * descriptors faster then; which no program with a thread pool is, so no side is measured so. */
static void start_second_thread(void)
{
    pthread_t second;
    must(pthread_create(&second, NULL, sleep_on, NULL) == 0);
}

/* What a child does. */
static int measure_here(const char *workload_name, const char *side_name, bool quick)
{
    const struct waits_workload *workload = workload_named(workload_name);
    const struct waits_side *side = side_named(side_name);
    must(workload->fits(side));
    alarm(CHILD_SECONDS); /* a hang is a failure, not a hang */
    start_second_thread();
    workload->measure(side, quick);
    return 0;
}

/* ---- telling --------------------------------------------------------------------------------- */

static bool is_native(const char *workload)
{
    return workload_named(workload)->native;
}

static bool is_of_descriptors(const char *workload)
{
    return !is_native(workload);
}

static void print_all(void)
{
    struct compare_side names[SIDES];
    struct comparison comparison = {tp_waits.name, names, SIDES};
    for (unsigned i = 0; i < SIDES; i++)
        names[i] = (struct compare_side){sides[i]->name, sides[i]->floor};
    compare_table(&comparison, is_of_descriptors);
    compare_table(&comparison, is_native);
    compare_losses(&comparison);
    if (WAITS_MISSING[0] != 0)
        printf("\nNot measured, for they were not found when this was built: %s\n", WAITS_MISSING);
}

static void list(void)
{
    const struct waits_workload *workload;
    for (unsigned i = 0; (workload = workload_at(i)); i++)
        printf("%-15s %s\n", workload->name, workload->about);
    for (unsigned i = 0; i < SIDES; i++)
        printf("  %-12s %s%s\n", sides[i]->name, sides[i]->floor ? "floor: " : "", sides[i]->about);
    if (WAITS_MISSING[0] != 0)
        printf("not found when this was built: %s\n", WAITS_MISSING);
}

static void judge(const char *workload)
{
    (void)workload_named(workload);
}

static const struct program program = {
    .usage = "waits [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]",
    .rounds_most = SERIES_ROUNDS_MOST,
    .knows_quick = true,
    .list = list,
    .judge = judge,
};

int main(int argc, char **argv)
{
    const struct waits_workload *workload;
    unsigned failures = 0;
    if (argc >= 4 && strcmp(argv[1], "--child") == 0)
        return measure_here(argv[2], argv[3], argc > 4);
    options_read(&options, &program, argc, argv);
    for (unsigned i = 0; (workload = workload_at(i)); i++)
        if (options_want_workload(&options, workload->name)) {
            failures += measure_workload(workload);
            series_print(workload->name);
        }
    print_all();
    if (failures > 0)
        fprintf(stderr, "bench: %u measurements failed\n", failures);
    return failures > 0;
}
