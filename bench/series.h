/* series.h - what was measured in each round: one series for a metric of a workload on a side. */
#ifndef BENCH_SERIES_H
#define BENCH_SERIES_H

#include <stdbool.h>

#include "bench/measure.h"
#include "bench/options.h"

enum { SERIES_ROUNDS_MOST = 101, SERIES_NAME_SIZE = 24 };

struct series {
    const char *workload, *side;
    char metric[SERIES_NAME_SIZE], unit[SERIES_NAME_SIZE];
    /* A round without a value, for its child failed, leaves the others in their places. */
    double values[SERIES_ROUNDS_MOST];
    bool measured[SERIES_ROUNDS_MOST];
};

/* All rounds of one workload, each measurement in a fresh process: this program again, called with
 * `--child WORKLOAD SIDE [--quick]`, which prints lines `metric value unit`. A round measures every
 * side once, one right after the other, and each round begins with another side. rounds_most: 0 for
 * as many as the options want. Names are kept, not copied. Returns how many measurements failed. */
unsigned series_measure(const struct options *options, const char *workload,
                        const char *const *sides, unsigned side_count, unsigned rounds_most);

/* The next series after that one with these names, in the order in which they were first measured;
 * NULL if there is none. NULL for `after` begins at the first, NULL for a name stands for any. */
const struct series *series_next(const struct series *after, const char *workload, const char *side,
                                 const char *metric);

struct spread series_spread(const struct series *series);

/* The ratios own / rival within the rounds; where the rival measured 0 or less there is none.
 * False if there is none in any round. */
bool series_ratio(const struct series *own, const struct series *rival, struct spread *ratio_out);

/* A line for each metric of the workload on each side. */
void series_print(const char *workload);

/* For a table: the median, and in brackets how `own_side` differs if this is another side's. */
void series_print_cell(const struct series *series, const char *own_side);

#endif
