/* series.c - what was measured in each round: one series for a metric of a workload on a side. */
#define _GNU_SOURCE
#include "bench/series.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "bench/child.h"

enum { SERIES_MOST = 1024 };

static struct series all[SERIES_MOST];
static unsigned series_count;

/* ---- measuring ------------------------------------------------------------------------------- */

static bool matches(const char *wanted_or_null, const char *name)
{
    return !wanted_or_null || strcmp(wanted_or_null, name) == 0;
}

static struct series *find(unsigned from, const char *workload, const char *side,
                           const char *metric)
{
    for (unsigned i = from; i < series_count; i++)
        if (matches(workload, all[i].workload) && matches(side, all[i].side) &&
            matches(metric, all[i].metric))
            return &all[i];
    return NULL;
}

static struct series *series_of(const char *workload, const char *side, const char *metric,
                                const char *unit)
{
    struct series *series = find(0, workload, side, metric);
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
static bool measure(const char *workload, const char *side, unsigned round, bool quick)
{
    char metric[SERIES_NAME_SIZE], unit[SERIES_NAME_SIZE];
    double value;
    char *arguments[] = {program_invocation_short_name,      (char[]){"--child"},
                         (char *)(uintptr_t)workload,        (char *)(uintptr_t)side,
                         quick ? (char[]){"--quick"} : NULL, NULL};
    struct child child = child_start(arguments, NULL);
    while (fscanf(child.output, "%23s %lf %23s", metric, &value, unit) == 3) {
        struct series *series = series_of(workload, side, metric, unit);
        series->values[round] = value;
        series->measured[round] = true;
    }
    return child_ended_well(&child, workload, side);
}

unsigned series_measure(const struct options *options, const char *workload,
                        const char *const *sides, unsigned side_count, unsigned rounds_most)
{
    unsigned failures = 0, rounds = options->rounds;
    if (rounds_most > 0 && rounds > rounds_most)
        rounds = rounds_most;
    for (unsigned round = 0; round < rounds; round++)
        for (unsigned i = 0; i < side_count; i++)
            failures += !measure(workload, sides[(i + round) % side_count], round, options->quick);
    return failures;
}

/* ---- comparing ------------------------------------------------------------------------------- */

const struct series *series_next(const struct series *after, const char *workload, const char *side,
                                 const char *metric)
{
    return find(after ? (unsigned)(after - all) + 1 : 0, workload, side, metric);
}

struct spread series_spread(const struct series *series)
{
    double values[SERIES_ROUNDS_MOST];
    unsigned count = 0;
    for (unsigned i = 0; i < SERIES_ROUNDS_MOST; i++)
        if (series->measured[i])
            values[count++] = series->values[i];
    return spread_of(values, count);
}

bool series_ratio(const struct series *own, const struct series *rival, struct spread *ratio_out)
{
    double ratios[SERIES_ROUNDS_MOST];
    unsigned count = 0;
    for (unsigned i = 0; i < SERIES_ROUNDS_MOST; i++)
        if (own->measured[i] && rival->measured[i] && rival->values[i] > 0)
            ratios[count++] = own->values[i] / rival->values[i];
    *ratio_out = count > 0 ? spread_of(ratios, count) : (struct spread){0};
    return count > 0;
}

/* ---- telling --------------------------------------------------------------------------------- */

void series_print(const char *workload)
{
    const struct series *series = NULL;
    while ((series = series_next(series, workload, NULL, NULL))) {
        struct spread spread = series_spread(series);
        printf("%s/%s/%s %.4g %s (%.4g..%.4g)\n", workload, series->side, series->metric,
               spread.median, series->unit, spread.minimum, spread.maximum);
    }
    fflush(stdout);
}

void series_print_cell(const struct series *series, const char *own_side)
{
    struct spread ratio;
    const struct series *own = series_next(NULL, series->workload, own_side, series->metric);
    printf(" %.4g", series_spread(series).median);
    if (own && own != series && series_ratio(own, series, &ratio))
        printf(" (%.2f)", ratio.median);
}
