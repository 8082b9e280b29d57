/* dispatch.c - how much it costs to get a callback run: tp beside other pools, in one run.
 *
 * usage: dispatch [--rounds N] [--quick] [--sides NAME,...] [--list] [WORKLOAD...]
 *
 * Every measurement is a fresh process (this program again, as a child). A round measures every
 * side once, one right after the other, and each round begins with another side; so what else
 * happens on the machine meets all sides alike. Printed are medians over the rounds, and the ratios
 * of what was measured in the same round. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/measure.h"
#include "bench/options.h"
#include "bench/series.h"
#include "bench/side.h"
#include "bench/workloads.h"

enum { CHILD_SECONDS = 120 };

static struct options options = {.rounds = 9};

/* ---- names ----------------------------------------------------------------------------------- */

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

/* ---- the tables ------------------------------------------------------------------------------ */

/* Less is better everywhere. What differs by a tenth or less, nobody can tell on such machines. */
static const char *verdict(double ratio)
{
    return ratio < 0.9 ? "ahead" : ratio > 1.1 ? "BEHIND" : "even";
}

static void print_ratio(const struct series *own, const struct series *rival)
{
    struct spread ratio;
    printf("| %s | %s | %s | %.4g | %s | %.4g |", own->workload, own->metric, own->side,
           series_spread(own).median, rival->side, series_spread(rival).median);
    if (series_ratio(own, rival, &ratio))
        printf(" %.2f | %.2f..%.2f | %s |\n", ratio.median, ratio.minimum, ratio.maximum,
               verdict(ratio.median));
    else
        printf(" - | | |\n");
}

/* tp's side that is to be compared with that one: the one of the same form. */
static const char *own_side(const struct series *series)
{
    return side_named(series->side)->prepare ? tp_work_side.name : tp_side.name;
}

static void print_table(void)
{
    printf("\n| workload | metric | tp | value | rival | value | ratio | min..max | |\n");
    printf("|---|---|---|---:|---|---:|---:|---|---|\n");
    for (const struct series *own = NULL; (own = series_next(own, NULL, NULL, NULL));) {
        const struct series *rival = NULL;
        if (strcmp(own->side, own_side(own)) != 0)
            continue;
        while ((rival = series_next(rival, own->workload, NULL, own->metric)))
            if (rival != own && strcmp(own_side(rival), own->side) == 0)
                print_ratio(own, rival);
    }
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
    for (const struct series *first = NULL; (first = series_next(first, NULL, NULL, NULL));) {
        if (first != series_next(NULL, first->workload, NULL, NULL))
            continue;
        printf("\n| %s | %s, %s |", first->workload, first->metric, first->unit);
        for (unsigned k = 0; sides[k]; k++) {
            const struct series *series =
                series_next(NULL, first->workload, sides[k]->name, first->metric);
            if (series)
                series_print_cell(series, own_side(series));
            printf(" |");
        }
    }
    printf("\n");
}

/* ---- the program ----------------------------------------------------------------------------- */

/* How many measurements failed. */
static unsigned measure_workload(const struct workload *workload)
{
    const char *fitting[16];
    unsigned count = 0;
    for (unsigned i = 0; sides[i]; i++)
        if (workload_fits(workload, sides[i]) && options_want_side(&options, sides[i]->name))
            fitting[count++] = sides[i]->name;
    return series_measure(&options, workload->name, fitting, count, workload->rounds_most);
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
    for (unsigned i = 0; i < workload_count; i++)
        if (options_want_workload(&options, workloads[i].name)) {
            failures += measure_workload(&workloads[i]);
            series_print(workloads[i].name);
        }
    print_summary();
    print_table();
    if (failures > 0)
        fprintf(stderr, "bench: %u measurements failed\n", failures);
    return failures > 0;
}
