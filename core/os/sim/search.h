/* search.h - many schedules of one scenario, until one of them fails.
 *
 * In the mix, times and odds differ from seed to seed (some runs never let a deadline pass early,
 * some often do; the clock starts at odd places): all of it is in the token. One seed in a hundred
 * runs twice and both traces must be the same. */
#ifndef TPI_OS_SIM_SEARCH_H
#define TPI_OS_SIM_SEARCH_H

#include "core/os/sim/sim.h"

enum tpps_mode {
    TPPS_MODE_MIX, /* pct of depth 2, depth 3, and a random walk, in turns */
    TPPS_MODE_PCT,
    TPPS_MODE_RANDOM,
    TPPS_MODE_DFS,
    TPPS_MODE_BYTES, /* one run, base.bytes decide */
};

struct tpps_search {
    /* what is asked for: the caller's */
    void (*entry)(void *arg);
    void *arg;
    void (*reset)(void);      /* puts all globals back before each run; NULL: there are none */
    struct tpps_options base; /* what is the same in all runs; cpus 0: 1 to 4 by seed */
    enum tpps_mode mode;
    uint64_t seed;      /* of the first schedule, the next has one more */
    uint64_t schedules; /* at most */
    int64_t limit_ns;   /* of real time; 0: none */
    uint32_t depth;     /* of pct, 0: 2 and 3; the preemption bound of dfs, 0: 2 */
    bool sweep; /* each schedule again with the 1st, 2nd ... fallible call failing; not dfs */
    /* also with every two of them, so many pairs at most, drawn if there are more */
    uint32_t pairs;
    /* user code is what is tested: three of four schedules are coarse, dfs and bytes always */
    bool users;
    bool fine;     /* none are */
    bool no_early; /* no deadline passes early: the scenario measures time */
    /* what came of it */
    uint64_t runs, steps, faults;
    uint32_t k, k_coarse; /* the longest run so far, rounded up: PCT wants to know */
    bool exhausted, failed;
    struct tpps_options options; /* of the last run, and its result, with a token */
    struct tpps_result result;
};

/* Runs schedules until one fails, all are done or time is over. True if none failed. */
bool tpps_search(struct tpps_search *search);

/* Repeats one run; it has failed if this is no token. True if it passed. */
bool tpps_search_token(struct tpps_search *search, const char *token);

/* Makes the run that has failed as small as it gets, see tpps_shrink; `result` becomes that of the
 * smallest. */
int tpps_search_shrink(struct tpps_search *search, FILE *out);

/* The same, and then looks for other schedules that fail so, some of which get smaller. `again` is
 * scratch. Prints nothing. */
int tpps_search_smallest(struct tpps_search *search, struct tpps_search *again);

#endif
