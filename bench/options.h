/* options.h - the command line that the measuring programs share. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>

struct options {
    unsigned rounds;
    bool quick;
    const char *sides; /* separated by commas; NULL: all */
    char **workloads;
    int workload_count; /* 0: all */
};

/* What a program makes of it. */
struct program {
    const char *usage;
    unsigned rounds_most;
    bool knows_quick;
    void (*list)(void);
    void (*judge)(const char *workload); /* ends the program if it knows none of that name */
};

/* Ends the program for --list, and with a word on usage if anything is not as it should be. */
void options_read(struct options *options, const struct program *program, int argc, char **argv);

bool options_want_side(const struct options *options, const char *name);
bool options_want_workload(const struct options *options, const char *name);

#endif
