/* child.h - one measurement in a fresh process of the measuring program itself. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    FILE *output; /* what it prints */
};

/* Starts this very program with those arguments; `prepare_or_null` runs in it before. */
struct child child_start(char *const arguments[], void (*prepare_or_null)(void));

/* Waits for its end; false, and a word about it, if it failed. */
bool child_ended_well(struct child *child, const char *workload, const char *side);

#endif
