/* compare.h - what all series say together: tables of sides beside one another, and the losses. */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include <stdbool.h>

struct compare_side {
    const char *name;
    bool floor; /* not a rival, but what there is to do at least */
};

struct comparison {
    const char *own; /* the side that the others are compared with */
    const struct compare_side *sides;
    unsigned side_count;
};

/* A line for each metric of those workloads that `tells` says, a column for each side that has a
 * value in any of them. Less is better in all. */
void compare_table(const struct comparison *comparison, bool (*tells)(const char *workload));

/* What the own side does worse by more than a tenth: than rivals, and then than floors. */
void compare_losses(const struct comparison *comparison);

#endif
