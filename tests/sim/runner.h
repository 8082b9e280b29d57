/* runner.h - runs a table of scenarios through many schedules and says in TAP what came of it.
 *
 * A scenario program is a table, a reset function and a main of one line:
 *
 *     static const struct tpps_scenario scenarios[] = {
 *         {.name = "event__two_waiters_one_set", .entry = two_waiters},
 *     };
 *     int main(int argc, char **argv)
 *     {
 *         return tpps_runner(argc, argv, scenarios, 1, reset_globals);
 *     }
 *
 * Command line (all optional):
 *     --schedules N     for each scenario (1000)
 *     --seconds S       instead of a number: for so long each
 *     --strategy NAME   pct, random or dfs; the default mixes pct of depth 2, depth 3 and random
 *     --depth D         of pct, or the preemption bound of dfs (2)
 *     --seed S          the first seed (1)
 *     --scenario NAME   only this one; may be given more than once
 *     --token TOKEN     repeats one run (with --scenario), prints report and shrunk schedule
 *     --sweep-faults    for each schedule: fails the 1st, 2nd, ... fallible call until none is left
 *                       (not with dfs)
 *     --sweep-pairs     for each schedule: fails every two of its fallible calls (not with dfs)
 *     --pairs N         so many of these pairs at most, drawn by the seed if there are more (300)
 *     --weak            weak memory
 *     --list            prints the names
 *
 * How schedules are chosen, and what differs from seed to seed: core/os/sim/search.h. */
#ifndef TESTS_SIM_RUNNER_H
#define TESTS_SIM_RUNNER_H

#include "core/os/sim/sim.h"

struct tpps_scenario {
    const char *name;
    void (*entry)(void *arg);
    void *arg;
    uint32_t cpus;          /* 0: 1 to 4 by seed */
    uint32_t max_steps;     /* 0: the simulator's default */
    int64_t settle_ns;      /* 0: the simulator's default */
    bool leaks_allowed;     /* memory may be alive at the end */
    bool no_fibers_left;    /* every service thread must have ended at the end */
    bool no_early;          /* no deadline passes early: the scenario measures time */
    bool no_faults;         /* left out of --sweep-faults */
    bool no_weak;           /* left out of --weak */
    bool must_fail;         /* a seeded bug: ok if some schedule fails (self-tests) */
    const char *fails_with; /* must_fail: part of the message */
};

/* `reset` puts all globals back as they were at the start of the program; NULL: there are none. */
int tpps_runner(int argc, char **argv, const struct tpps_scenario *scenarios, size_t count,
                void (*reset)(void));

#endif
