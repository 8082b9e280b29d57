/* toys.h - small programs with a bug each that can be switched on, to test the tester. */
#ifndef TESTS_SIM_TOYS_H
#define TESTS_SIM_TOYS_H

#include "core/os/sim/sim.h"

enum toy_way {
    TOY_PLAIN, /* any schedule search finds it */
    TOY_WEAK,  /* only weak memory shows it */
    TOY_SWEEP, /* only failing fallible calls show it */
    TOY_RACE,  /* only ThreadSanitizer shows it */
    TOY_HEAP,  /* the simulator finds it, but a sanitizer kills the program first */
};

struct toy {
    const char *name;
    void (*entry)(void *arg); /* reads toy_bug */
    int bug;                  /* what toy_bug is for the broken variant; 0 is the correct one */
    enum toy_way way;
    const char *fails_with; /* part of the message */
    uint32_t bound;         /* schedules within which PCT and a random walk must find it */
    uint32_t spurious, early;
};

extern int toy_bug;

extern const struct toy toys_pool[], toys_small[], toys_memory[], toys_files[], toys_transfers[];
extern const size_t toys_pool_count, toys_small_count, toys_memory_count, toys_files_count,
    toys_transfers_count;

#endif
