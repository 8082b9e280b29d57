/* contest.h - the measuring programs that set tp beside other libraries, workload by workload. */
#ifndef BENCH_CONTEST_H
#define BENCH_CONTEST_H

#include <stdbool.h>

#include "bench/compare.h"

struct contest_side {
    const char *name, *about;
    bool floor; /* not a rival, but what there is to do at least */
};

struct contest_workload {
    const char *name, *about; /* no name: there is none in that place */
    unsigned rounds_most;     /* 0: as many as are wanted */
};

/* Workloads and sides are known by their places. The first side is tp's own. */
struct contest {
    const char *usage;
    const char *missing; /* libraries that were not found when this was built; "": none */
    unsigned side_count;
    struct contest_side (*side)(unsigned place);
    struct contest_workload (*workload)(unsigned place);
    bool (*fits)(unsigned workload, unsigned side);
    void (*measure)(unsigned workload, unsigned side, bool quick); /* prints `metric value unit` */
    void (*tables)(const struct comparison *comparison);
};

/* The program: measures what its arguments want, or, as its own child, one thing; and tells. */
int contest_main(const struct contest *contest, int argc, char **argv);

/* The place of a workload; ends the program if there is none of that name. */
unsigned contest_workload_named(const char *name);

#endif
