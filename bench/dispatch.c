/* dispatch.c - how much it costs to get a callback run: tp beside other pools, in one run.
 *
 * usage: dispatch [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]
 *
 * Every measurement is a fresh process (this program again, as a child). A round measures every
 * side once, one right after the other, and each round begins with another side; so what else
 * happens on the machine meets all sides alike. Printed are medians over the rounds, and the ratios
 * of what was measured in the same round. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/measure.h"
#include "bench/options.h"
#include "bench/side.h"
#include "bench/workloads.h"

enum { ROUNDS_MOST = 101, SERIES_MOST = 1024, NAME_SIZE = 24, CHILD_SECONDS = 120 };

/* One metric of one workload on one side, a value for each round. */
struct series {
    const struct workload *workload;
    const struct side *side;
    char metric[NAME_SIZE], unit[NAME_SIZE];
    double values[ROUNDS_MOST];
    unsigned count;
};

static struct series all[SERIES_MOST];
static unsigned series_count;

static struct options options = {.rounds = 9};

/* ---- measuring ------------------------------------------------------------------------------- */

static struct series *find(const struct workload *workload, const struct side *side,
                           const char *metric)
{
    for (unsigned i = 0; i < series_count; i++)
        if (all[i].workload == workload && all[i].side == side &&
            strcmp(all[i].metric, metric) == 0)
            return &all[i];
    return NULL;
}

static void record(const struct workload *workload, const struct side *side, const char *metric,
                   double value, const char *unit)
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
    must(series->count < ROUNDS_MOST);
    series->values[series->count++] = value;
}

/* False if the child failed; it has told why. */
static bool measure(const struct workload *workload, const struct side *side)
{
    char metric[NAME_SIZE], unit[NAME_SIZE];
    double value;
    char *arguments[] = {(char[]){"dispatch"},
                         (char[]){"--child"},
                         (char *)(uintptr_t)workload->name,
                         (char *)(uintptr_t)side->name,
                         options.quick ? (char[]){"--quick"} : NULL,
                         NULL};
    struct child child = child_start(arguments, NULL);
    while (fscanf(child.output, "%23s %lf %23s", metric, &value, unit) == 3)
        record(workload, side, metric, value, unit);
    return child_ended_well(&child, workload->name, side->name);
}

/* All rounds of one workload; how many measurements failed. */
static unsigned measure_workload(const struct workload *workload)
{
    const struct side *fitting[16];
    unsigned count = 0, failures = 0, rounds = options.rounds;
    for (unsigned i = 0; sides[i]; i++)
        if (workload_fits(workload, sides[i]) && options_want_side(&options, sides[i]->name))
            fitting[count++] = sides[i];
    if (workload->rounds_most > 0 && rounds > workload->rounds_most)
        rounds = workload->rounds_most;
    for (unsigned round = 0; round < rounds; round++)
        for (unsigned i = 0; i < count; i++)
            failures += !measure(workload, fitting[(i + round) % count]);
    return failures;
}

/* ---- telling --------------------------------------------------------------------------------- */

static struct spread spread_of_copy(const double *values, unsigned count)
{
    double copy[ROUNDS_MOST];
    memcpy(copy, values, count * sizeof copy[0]);
    return spread_of(copy, count);
}

static void print_values(const struct workload *workload)
{
    for (unsigned i = 0; i < series_count; i++) {
        if (all[i].workload != workload)
            continue;
        struct spread spread = spread_of_copy(all[i].values, all[i].count);
        printf("%s/%s/%s %.4g %s (%.4g..%.4g)\n", workload->name, all[i].side->name, all[i].metric,
               spread.median, all[i].unit, spread.minimum, spread.maximum);
    }
    fflush(stdout);
}

/* Less is better everywhere. What differs by a tenth or less, nobody can tell on such machines. */
static const char *verdict(double ratio)
{
    return ratio < 0.9 ? "ahead" : ratio > 1.1 ? "BEHIND" : "even";
}

/* Ratios within the rounds; a round in which the rival measured 0 says nothing. */
static unsigned ratios_of(const struct series *own, const struct series *rival, double *ratios)
{
    unsigned count = 0;
    for (unsigned i = 0; i < own->count && i < rival->count; i++)
        if (rival->values[i] > 0)
            ratios[count++] = own->values[i] / rival->values[i];
    return count;
}

static void print_ratio(const struct series *own, const struct series *rival)
{
    double ratios[ROUNDS_MOST];
    unsigned count = ratios_of(own, rival, ratios);
    double mine = spread_of_copy(own->values, own->count).median;
    double theirs = spread_of_copy(rival->values, rival->count).median;
    printf("| %s | %s | %s | %.4g | %s | %.4g |", own->workload->name, own->metric, own->side->name,
           mine, rival->side->name, theirs);
    if (count == 0) {
        printf(" - | | |\n");
        return;
    }
    struct spread spread = spread_of(ratios, count);
    printf(" %.2f | %.2f..%.2f | %s |\n", spread.median, spread.minimum, spread.maximum,
           verdict(spread.median));
}

static void print_rivals(const struct series *own)
{
    for (unsigned i = 0; i < series_count; i++) {
        const struct series *rival = &all[i];
        bool same_form = !rival->side->prepare == !own->side->prepare;
        if (rival->workload == own->workload && rival->side != own->side && same_form &&
            strcmp(rival->metric, own->metric) == 0)
            print_ratio(own, rival);
    }
}

static void print_table(void)
{
    printf("\n| workload | metric | tp | value | rival | value | ratio | min..max | |\n");
    printf("|---|---|---|---:|---|---:|---:|---|---|\n");
    for (unsigned i = 0; i < series_count; i++)
        if (all[i].side == &tp_side || all[i].side == &tp_work_side)
            print_rivals(&all[i]);
}

/* One cell: the median, and for a rival in brackets by how much tp differs. */
static void print_cell(const struct series *series)
{
    double ratios[ROUNDS_MOST];
    const struct side *side = series->side;
    const struct side *own_side = side->prepare ? &tp_work_side : &tp_side;
    const struct series *own = find(series->workload, own_side, series->metric);
    printf(" %.4g", spread_of_copy(series->values, series->count).median);
    unsigned count = own && own != series ? ratios_of(own, series, ratios) : 0;
    if (count > 0)
        printf(" (%.2f)", spread_of(ratios, count).median);
}

/* The first metric of each workload, a line for a workload and a column for a side. */
static void print_summary(void)
{
    printf("\n| workload | |");
    for (unsigned i = 0; sides[i]; i++)
        printf(" %s |", sides[i]->name);
    printf("\n|---|---|");
    for (unsigned i = 0; sides[i]; i++)
        printf("---:|");
    for (unsigned i = 0; i < series_count; i++) {
        const struct series *first = &all[i];
        if (i > 0 && all[i - 1].workload == first->workload)
            continue;
        printf("\n| %s | %s, %s |", first->workload->name, first->metric, first->unit);
        for (unsigned k = 0; sides[k]; k++) {
            const struct series *series = find(first->workload, sides[k], first->metric);
            if (series)
                print_cell(series);
            printf(" |");
        }
    }
    printf("\n");
}

/* ---- the program ----------------------------------------------------------------------------- */

static const struct workload *workload_named(const char *name)
{
    for (unsigned i = 0; i < workload_count; i++)
        if (strcmp(workloads[i].name, name) == 0)
            return &workloads[i];
    fprintf(stderr, "bench: no workload '%s'; --list tells them\n", name);
    exit(2);
}

static const struct side *side_named(const char *name)
{
    for (unsigned i = 0; sides[i]; i++)
        if (strcmp(sides[i]->name, name) == 0)
            return sides[i];
    fprintf(stderr, "bench: no side '%s'\n", name);
    exit(2);
}

/* What a child does. */
static int measure_here(const char *workload_name, const char *side_name, bool quick)
{
    const struct workload *workload = workload_named(workload_name);
    const struct side *side = side_named(side_name);
    must(workload_fits(workload, side));
    alarm(CHILD_SECONDS); /* a hang is a failure, not a hang */
    workload_run(workload, side, quick);
    return 0;
}

static void list(void)
{
    for (unsigned i = 0; i < workload_count; i++)
        printf("%-14s %s\n", workloads[i].name, workloads[i].about);
    printf("sides:");
    for (unsigned i = 0; sides[i]; i++)
        printf(" %s", sides[i]->name);
    printf("\n");
}

static void judge(const char *workload)
{
    (void)workload_named(workload);
}

static const struct program program = {
    .usage = "dispatch [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]",
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
    for (unsigned i = 0; i < workload_count; i++)
        if (options_want_workload(&options, workloads[i].name)) {
            failures += measure_workload(&workloads[i]);
            print_values(&workloads[i]);
        }
    print_summary();
    print_table();
    if (failures > 0)
        fprintf(stderr, "bench: %u measurements failed\n", failures);
    return failures > 0;
}
