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

#include "bench/child.h"
#include "bench/measure.h"
#include "bench/options.h"
#include "bench/timers.h"
#include "bench/timers_peers.h"

enum { ROUNDS_MOST = 101, SERIES_MOST = 512, NAME_SIZE = 24, CHILD_SECONDS = 120 };

static const struct timers_side *const sides[] = {
    &tp_timers, TIMERS_PEERS &wheel_timers, &wheel_lock_timers, &wheel_mutex_timers, &kernel_timers,
};

enum { SIDES = sizeof sides / sizeof *sides };

/* One metric of one workload on one side, a value for each round; NaN where the child failed. */
struct series {
    const struct timers_workload *workload;
    const struct timers_side *side;
    char metric[NAME_SIZE], unit[NAME_SIZE];
    double values[ROUNDS_MOST];
    bool measured[ROUNDS_MOST];
};

static struct series all[SERIES_MOST];
static unsigned series_count;

static struct options options = {.rounds = 5};

/* ---- measuring ------------------------------------------------------------------------------- */

static struct series *find(const struct timers_workload *workload, const struct timers_side *side,
                           const char *metric)
{
    for (unsigned i = 0; i < series_count; i++)
        if (all[i].workload == workload && all[i].side == side &&
            strcmp(all[i].metric, metric) == 0)
            return &all[i];
    return NULL;
}

static struct series *series_of(const struct timers_workload *workload,
                                const struct timers_side *side, const char *metric,
                                const char *unit)
{
    struct series *series = find(workload, side, metric);
    if (!series) {
        must(series_count < SERIES_MOST);
        series = &all[series_count++];
        series->workload = workload;
        series->side = side;
        snprintf(series->metric, sizeof series->metric, "%s", metric);
        snprintf(series->unit, sizeof series->unit, "%s", unit);
    }
    return series;
}

/* False if the child failed; it has told why. */
static bool measure(const struct timers_workload *workload, const struct timers_side *side,
                    unsigned round)
{
    char metric[NAME_SIZE], unit[NAME_SIZE];
    double value;
    char *arguments[] = {(char[]){"timers"},
                         (char[]){"--child"},
                         (char *)(uintptr_t)workload->name,
                         (char *)(uintptr_t)side->name,
                         options.quick ? (char[]){"--quick"} : NULL,
                         NULL};
    struct child child = child_start(arguments, NULL);
    while (fscanf(child.output, "%23s %lf %23s", metric, &value, unit) == 3) {
        struct series *series = series_of(workload, side, metric, unit);
        series->values[round] = value;
        series->measured[round] = true;
    }
    return child_ended_well(&child, workload->name, side->name);
}

/* All rounds of one workload; how many measurements failed. */
static unsigned measure_workload(const struct timers_workload *workload)
{
    unsigned failures = 0, rounds = options.rounds;
    if (workload->rounds_most > 0 && rounds > workload->rounds_most)
        rounds = workload->rounds_most;
    for (unsigned round = 0; round < rounds; round++)
        for (unsigned i = 0; i < SIDES; i++) {
            const struct timers_side *side = sides[(i + round) % SIDES];
            if (workload->fits(side) && options_want_side(&options, side->name))
                failures += !measure(workload, side, round);
        }
    return failures;
}

/* ---- telling --------------------------------------------------------------------------------- */

static struct spread spread_of_series(const struct series *series, unsigned *count_out)
{
    double values[ROUNDS_MOST];
    unsigned count = 0;
    for (unsigned i = 0; i < ROUNDS_MOST; i++)
        if (series->measured[i])
            values[count++] = series->values[i];
    if (count_out)
        *count_out = count;
    return spread_of(values, count);
}

static void print_values(const struct timers_workload *workload)
{
    for (unsigned i = 0; i < series_count; i++) {
        if (all[i].workload != workload)
            continue;
        struct spread spread = spread_of_series(&all[i], NULL);
        printf("%s/%s/%s %.4g %s (%.4g..%.4g)\n", workload->name, all[i].side->name, all[i].metric,
               spread.median, all[i].unit, spread.minimum, spread.maximum);
    }
    fflush(stdout);
}

/* Ratios within the rounds; where the rival measured 0 or less there is none. */
static unsigned ratios_of(const struct series *own, const struct series *rival, double *ratios)
{
    unsigned count = 0;
    for (unsigned i = 0; i < ROUNDS_MOST; i++)
        if (own->measured[i] && rival->measured[i] && rival->values[i] > 0)
            ratios[count++] = own->values[i] / rival->values[i];
    return count;
}

/* The median, and for another side in brackets by how much tp differs. */
static void print_cell(const struct series *series)
{
    double ratios[ROUNDS_MOST];
    const struct series *own = find(series->workload, &tp_timers, series->metric);
    printf(" %.4g", spread_of_series(series, NULL).median);
    unsigned count = own && own != series ? ratios_of(own, series, ratios) : 0;
    if (count > 0)
        printf(" (%.2f)", spread_of(ratios, count).median);
}

static bool told_before(unsigned at)
{
    for (unsigned i = 0; i < at; i++)
        if (all[i].workload == all[at].workload && strcmp(all[i].metric, all[at].metric) == 0)
            return true;
    return false;
}

/* A line for each metric of each workload, a column for each side. Less is better in all. */
static void print_table(void)
{
    printf("\n| | |");
    for (unsigned k = 0; k < SIDES; k++)
        printf(" %s |", sides[k]->name);
    printf("\n|---|---|");
    for (unsigned k = 0; k < SIDES; k++)
        printf("---:|");
    for (unsigned i = 0; i < series_count; i++) {
        if (told_before(i))
            continue;
        printf("\n| %s | %s, %s |", all[i].workload->name, all[i].metric, all[i].unit);
        for (unsigned k = 0; k < SIDES; k++) {
            const struct series *series = find(all[i].workload, sides[k], all[i].metric);
            if (series)
                print_cell(series);
            printf(" |");
        }
    }
    printf("\n");
}

/* ---- losses ---------------------------------------------------------------------------------- */

/* What tp does worse than the sides that are floors, or than those that are not. */
static void print_behind(const struct series *own, bool floors)
{
    double ratios[ROUNDS_MOST];
    bool any = false;
    for (unsigned k = 0; k < SIDES; k++) {
        const struct series *other = find(own->workload, sides[k], own->metric);
        unsigned count =
            other && other != own && sides[k]->floor == floors ? ratios_of(own, other, ratios) : 0;
        struct spread spread = count > 0 ? spread_of(ratios, count) : (struct spread){0};
        if (spread.median <= 1.1)
            continue;
        if (!any)
            printf("  %s %s:", own->workload->name, own->metric);
        printf("%s %s %.2f (%.2f..%.2f)", any ? "," : "", sides[k]->name, spread.median,
               spread.minimum, spread.maximum);
        any = true;
    }
    if (any)
        printf("\n");
}

static void print_losses(void)
{
    for (int floors = 0; floors < 2; floors++) {
        printf("\nBehind %s by more than a tenth, tp / other:\n", floors ? "floors" : "rivals");
        for (unsigned i = 0; i < series_count; i++)
            if (all[i].side == &tp_timers)
                print_behind(&all[i], floors);
    }
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

static void judge(const char *workload)
{
    (void)workload_named(workload);
}

static const struct program program = {
    .usage = "timers [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]",
    .rounds_most = ROUNDS_MOST,
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
            print_values(&timers_workloads[i]);
        }
    print_table();
    print_losses();
    if (TIMERS_MISSING[0] != 0)
        printf("\nNot measured, for they were not found when this was built: %s\n", TIMERS_MISSING);
    if (failures > 0)
        fprintf(stderr, "bench: %u measurements failed\n", failures);
    return failures > 0;
}
