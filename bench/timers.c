/* timers.c - what timers cost and how exact they are: tp beside other libraries, in one run.
 *
 * usage: timers [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]
 *
 * Every measurement is a fresh process. A round measures every side once, one right after the
 * other, and each round begins with another side. Printed are medians over the rounds, and in the
 * table how tp compares with each: the median of the ratios of what was measured in one round. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/compare.h"
#include "bench/measure.h"
#include "bench/options.h"
#include "bench/series.h"
#include "bench/timers.h"
#include "bench/timers_peers.h"

enum { CHILD_SECONDS = 120 };

static const struct timers_side *const sides[] = {
    &tp_timers, TIMERS_PEERS &wheel_timers, &wheel_lock_timers, &wheel_mutex_timers, &kernel_timers,
};

enum { SIDES = sizeof sides / sizeof *sides };

static struct options options = {.rounds = 5};

/* How many measurements failed. */
static unsigned measure_workload(const struct timers_workload *workload)
{
    const char *fitting[SIDES];
    unsigned count = 0;
    for (unsigned i = 0; i < SIDES; i++)
        if (workload->fits(sides[i]) && options_want_side(&options, sides[i]->name))
            fitting[count++] = sides[i]->name;
    return series_measure(&options, workload->name, fitting, count, workload->rounds_most);
}

/* ---- the program ----------------------------------------------------------------------------- */

static const struct timers_workload *workload_named(const char *name)
{
    for (unsigned i = 0; timers_workloads[i].name; i++)
        if (strcmp(timers_workloads[i].name, name) == 0)
            return &timers_workloads[i];
    fprintf(stderr, "bench: no workload '%s'; --list tells them\n", name);
    exit(2);
}

static const struct timers_side *side_named(const char *name)
{
    for (unsigned i = 0; i < SIDES; i++)
        if (strcmp(sides[i]->name, name) == 0)
            return sides[i];
    fprintf(stderr, "bench: no side '%s'; --list tells them\n", name);
    exit(2);
}

static void *sleep_on(void *unused)
{
    for (;;)
        pause();
    return unused;
}

/* The C library locks for nothing while a process has one thread only, which no program with a
 * thread pool is; so no side is measured like that. */
static void start_second_thread(void)
{
    pthread_t second;
    must(pthread_create(&second, NULL, sleep_on, NULL) == 0);
}

/* What a child does. */
static int measure_here(const char *workload_name, const char *side_name, bool quick)
{
    const struct timers_workload *workload = workload_named(workload_name);
    const struct timers_side *side = side_named(side_name);
    must(workload->fits(side));
    alarm(CHILD_SECONDS); /* a hang is a failure, not a hang */
    start_second_thread();
    workload->measure(side, quick);
    return 0;
}

static void list(void)
{
    for (unsigned i = 0; timers_workloads[i].name; i++)
        printf("%-12s %s\n", timers_workloads[i].name, timers_workloads[i].about);
    for (unsigned i = 0; i < SIDES; i++)
        printf("  %-14s %s%s\n", sides[i]->name, sides[i]->floor ? "floor: " : "", sides[i]->about);
    if (TIMERS_MISSING[0] != 0)
        printf("not found when this was built: %s\n", TIMERS_MISSING);
}

static bool all(const char *workload)
{
    return workload != NULL;
}

static void print_all(void)
{
    struct compare_side names[SIDES];
    struct comparison comparison = {tp_timers.name, names, SIDES};
    for (unsigned i = 0; i < SIDES; i++)
        names[i] = (struct compare_side){sides[i]->name, sides[i]->floor};
    compare_table(&comparison, all);
    compare_losses(&comparison);
    if (TIMERS_MISSING[0] != 0)
        printf("\nNot measured, for they were not found when this was built: %s\n", TIMERS_MISSING);
}

static void judge(const char *workload)
{
    (void)workload_named(workload);
}

static const struct program program = {
    .usage = "timers [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]",
    .rounds_most = SERIES_ROUNDS_MOST,
    .knows_quick = true,
    .list = list,
    .judge = judge,
};

int main(int argc, char **argv)
{
    unsigned failures = 0;
    if (argc >= 4 && strcmp(argv[1], "--child") == 0)
        return measure_here(argv[2], argv[3], argc > 4);
    options_read(&options, &program, argc, argv);
    for (unsigned i = 0; timers_workloads[i].name; i++)
        if (options_want_workload(&options, timers_workloads[i].name)) {
            failures += measure_workload(&timers_workloads[i]);
            series_print(timers_workloads[i].name);
        }
    print_all();
    if (failures > 0)
        fprintf(stderr, "bench: %u measurements failed\n", failures);
    return failures > 0;
}
