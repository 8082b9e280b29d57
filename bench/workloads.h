/* workloads.h - what is measured: each workload runs once on one side, in a process of its own. */
#ifndef BENCH_WORKLOADS_H
#define BENCH_WORKLOADS_H

#include <stdbool.h>

#include "bench/side.h"

enum form { ONE_TIME = 1, PREPARED = 2, BOTH = 3 };

struct workload {
    const char *name, *about;
    void (*run)(void);
    enum form form; /* which kinds of sides can run it */
    bool priorities;
    unsigned workers, producers;
    unsigned count, quick_count; /* tasks, or trips, or bursts */
    unsigned rounds_most;        /* 0: as many as asked for */
};

extern const struct workload workloads[];
extern const unsigned workload_count;

bool workload_fits(const struct workload *workload, const struct side *side);

/* Runs the workload and prints a line `metric value unit` for each thing measured. Ends the process
 * if its own result is not what it must be. Less is better in every metric. */
void workload_run(const struct workload *workload, const struct side *side, bool quick);

#endif
