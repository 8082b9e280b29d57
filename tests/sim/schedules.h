/* schedules.h - runs a body through many schedules, each once more from its token. */
#ifndef TESTS_SIM_SCHEDULES_H
#define TESTS_SIM_SCHEDULES_H

#include "core/os/sim/sim.h"
#include "tests/support/tap.h"

#define SECOND INT64_C(1000000000)
enum { SCHEDULES = 200 };

static struct tpps_result result; /* of the last run */
static tpp_u32 seen;              /* bits of what happened in any of the runs, see saw */

/* Seeds differ in strategy and in how often deadlines pass early and waits end for nothing. */
static inline struct tpps_options schedule(struct tpps_options options, uint64_t seed)
{
    options.quiet = true;
    options.seed = seed;
    options.strategy = seed % 2 != 0 ? TPPS_PCT : TPPS_RANDOM;
    options.early = seed % 3 == 0 ? 10 : 0;
    options.spurious = seed % 5 == 0 ? 4 : 0;
    options.weak = seed % 7 == 0;
    return options;
}

static inline bool repeats(const struct tpps_options *options, void (*entry)(void *))
{
    static char token[TPPS_TOKEN_SIZE];
    struct tpps_options back;
    uint64_t trace = result.trace;
    if (!tpps_token_format(options, token, sizeof token) || !tpps_token_parse(token, &back))
        return false;
    back.quiet = true;
    return tpps_run(&back, entry, NULL, &result) && result.trace == trace;
}

static inline void passes_with(struct tpps_options base, void (*entry)(void *))
{
    for (uint64_t seed = 1; seed <= SCHEDULES; seed++) {
        struct tpps_options options = schedule(base, seed);
        bool ok = tpps_run(&options, entry, NULL, &result);
        check(ok);
        if (!ok) {
            printf("%s", tpps_report());
            return;
        }
        require(repeats(&options, entry));
    }
}

static inline void passes(void (*entry)(void *))
{
    passes_with((struct tpps_options){0}, entry);
}

/* For bodies: what happened in this run. */
static inline void saw(uint32_t what)
{
    tpp_init(&seen, tpp_peek(&seen) | what);
}

/* And in some run each of these happened, and nothing else. */
static inline void passes_seeing(void (*entry)(void *), uint32_t what)
{
    tpp_init(&seen, 0);
    passes(entry);
    check_eq(tpp_peek(&seen), what);
}

/* Once, in the simplest order: where times are exact. */
static inline void passes_once(void (*entry)(void *))
{
    struct tpps_options options = {.quiet = true};
    bool ok = tpps_run(&options, entry, NULL, &result);
    check(ok);
    if (!ok)
        printf("%s", tpps_report());
}

static inline void fails(void (*entry)(void *), const char *message)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct tpps_options options = schedule((struct tpps_options){0}, seed);
        bool failed = !tpps_run(&options, entry, NULL, &result);
        check(failed && strstr(result.message, message) != NULL);
        if (!failed || strstr(result.message, message) == NULL) {
            printf("# said: %s\n", result.message);
            return;
        }
    }
}

#endif
