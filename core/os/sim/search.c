/* search.c - many schedules of one scenario, until one of them fails. */
#include "core/os/sim/search.h"

#include <time.h>

#define SHRINK_RUNS 3000
#define OTHERS 9              /* schedules that fail the same way are made small, too ... */
#define OTHERS_AMONG 1000     /* ... if each is found among so many ... */
#define OTHERS_STEPS 2000000u /* ... of not more steps */
#define EARLY_MOST 32         /* deadlines that pass early in a run of user code ... */
#define EARLY_ENOUGH 500      /* ... and in one of ours: more, and nobody runs but who wakes up */
#define TWICE 100             /* one seed in so many runs a second time */

static int64_t real_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- which run is next ----------------------------------------------------------------------- */

static uint64_t spread(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* What differs from seed to seed beside the schedule. */
static void vary(const struct tpps_search *s, struct tpps_options *o)
{
    static const uint32_t early[] = {0, 0, 0, 512, 128, 32, 0, 64};
    static const uint32_t spurious[] = {0, 0, 16, 4};
    static const int64_t clocks[] = {1,
                                     (INT64_C(1) << 31) - 100,
                                     (INT64_C(1) << 32) - 100,
                                     INT64_C(1000000) << 31,
                                     (INT64_C(1) << 62) - 1,
                                     INT64_MAX - INT64_C(86400000000000) * 400,
                                     999999999,
                                     INT64_C(4294967295) * 1000000};
    uint64_t bits = spread(o->seed);
    if (!s->no_early)
        o->early = early[bits & 7];
    o->spurious = spurious[bits >> 3 & 3];
    if ((bits >> 5 & 7) == 0)
        o->clock0 = clocks[bits >> 8 & 7];
    if (s->base.cpus == 0)
        o->cpus = 1 + (uint32_t)(bits >> 11 & 3);
}

static void plan(struct tpps_search *s, uint64_t number)
{
    struct tpps_options *o = &s->options;
    *o = s->base;
    o->seed = s->seed + number;
    o->depth = s->depth;
    o->early_most = s->users ? EARLY_MOST : EARLY_ENOUGH;
    o->coarse = s->users && !s->fine && (s->mode >= TPPS_MODE_DFS || number % 4 != 3);
    o->k = o->coarse ? s->k_coarse : s->k;
    switch (s->mode) {
    case TPPS_MODE_DFS:
        o->strategy = TPPS_DFS;
        o->depth = s->depth != 0 ? s->depth : 2;
        o->early = !s->no_early;
        return;
    case TPPS_MODE_BYTES:
        o->strategy = TPPS_BYTES;
        o->early = !s->no_early;
        return;
    case TPPS_MODE_RANDOM:
        o->strategy = TPPS_RANDOM;
        break;
    case TPPS_MODE_PCT:
        o->strategy = TPPS_PCT;
        break;
    case TPPS_MODE_MIX:
        o->strategy = number % 3 == 2 ? TPPS_RANDOM : TPPS_PCT;
        o->depth = s->depth != 0 ? s->depth : 2 + (uint32_t)(number % 3);
        break;
    }
    vary(s, o);
}

/* ---- one schedule ---------------------------------------------------------------------------- */

static bool run(struct tpps_search *s, struct tpps_result *result)
{
    if (s->reset != NULL)
        s->reset();
    tpps_run(&s->options, s->entry, s->arg, result);
    if (result->token[0] == 0)
        tpps_token_format(&s->options, result->token, sizeof result->token);
    return !result->failed;
}

static bool run_and_count(struct tpps_search *s)
{
    bool ok = run(s, &s->result);
    uint32_t k = (s->result.steps + 63) / 64 * 64, k_coarse = s->result.user_points + 1;
    s->runs++;
    s->steps += s->result.steps;
    if (ok && k > s->k)
        s->k = k;
    if (ok && k_coarse > s->k_coarse)
        s->k_coarse = k_coarse;
    return ok;
}

/* Same token, same run? */
static bool run_again(struct tpps_search *s)
{
    static struct tpps_result again;
    run(s, &again);
    if (again.trace == s->result.trace && again.steps == s->result.steps)
        return true;
    s->result.failed = true;
    snprintf(s->result.message, sizeof s->result.message,
             "not deterministic: two runs of one token differ (a global left over, an address?)");
    return false;
}

/* The SQLite loop: fail the first fallible call, then the second, until none was left to fail. */
static bool sweep(struct tpps_search *s, uint32_t points)
{
    for (uint32_t on = 0; on < 2; on++)
        for (uint32_t nth = 1; nth <= points; nth++) {
            s->options.fail_nth = nth;
            s->options.fail_on = on != 0;
            s->faults++;
            if (!run_and_count(s))
                return false;
            if (s->result.fault_points > points && on == 0 && points < 4096)
                points = s->result.fault_points;
        }
    return true;
}

static bool fail_two(struct tpps_search *s, uint32_t first, uint32_t second)
{
    s->options.fail_nth = first;
    s->options.fail_also = second;
    if (!run_and_count(s))
        return false;
    s->faults += s->result.fault_points >= first ? 1 : 0;
    s->faults += s->result.fault_points >= second ? 1 : 0;
    return true;
}

/* The first of two may be followed by more calls than there were without it. */
static bool sweep_all_pairs(struct tpps_search *s, uint32_t points)
{
    for (uint32_t first = 1; first <= points; first++)
        for (uint32_t second = first + 1, last = points; second <= last; second++) {
            if (!fail_two(s, first, second))
                return false;
            last = s->result.fault_points < 4096 ? s->result.fault_points : 4096;
        }
    return true;
}

static bool sweep_pairs(struct tpps_search *s, uint32_t points)
{
    uint64_t dice = s->options.seed;
    s->options.fail_on = false;
    if (points < 2)
        return true;
    if ((uint64_t)points * (points - 1) / 2 <= s->pairs)
        return sweep_all_pairs(s, points);
    for (uint32_t i = 0; i < s->pairs; i++) {
        uint32_t first = 1 + (uint32_t)((dice = spread(dice + i)) % (points - 1));
        uint32_t after = 1 + (uint32_t)((dice = spread(dice + i)) % (points - first));
        if (!fail_two(s, first, first + after))
            return false;
    }
    return true;
}

static bool one_schedule(struct tpps_search *s, uint64_t number)
{
    bool drawn = s->mode != TPPS_MODE_DFS && s->mode != TPPS_MODE_BYTES;
    plan(s, number);
    if (!run_and_count(s))
        return false;
    if (number % TWICE == TWICE / 2 && drawn && !run_again(s))
        return false;
    uint32_t points = s->mode == TPPS_MODE_DFS ? 0 : s->result.fault_points;
    return (!s->sweep || sweep(s, points)) && (s->pairs == 0 || sweep_pairs(s, points));
}

/* ---- the search ------------------------------------------------------------------------------ */

/* The clock is not asked at each of many short runs. */
static bool time_is_over(const struct tpps_search *s, int64_t begun, uint64_t number)
{
    uint64_t every = s->steps / (number + 1) > 2000 ? 1 : 64;
    return s->limit_ns > 0 && number % every == every - 1 && real_now() - begun > s->limit_ns;
}

bool tpps_search(struct tpps_search *s)
{
    uint64_t most = s->mode == TPPS_MODE_BYTES && s->schedules > 1 ? 1 : s->schedules;
    int64_t begun = real_now();
    if (s->mode == TPPS_MODE_DFS)
        tpps_dfs_reset();
    for (uint64_t number = 0; number < most && !s->failed && !s->exhausted; number++) {
        if (time_is_over(s, begun, number))
            break;
        s->failed = !one_schedule(s, number);
        s->exhausted = s->mode == TPPS_MODE_DFS && s->result.exhausted;
    }
    return !s->failed;
}

bool tpps_search_token(struct tpps_search *s, const char *token)
{
    if (tpps_token_parse(token, &s->options)) {
        s->options.quiet = true;
        s->options.races = s->base.races; /* no part of the schedule */
        s->failed = !run_and_count(s);
    } else {
        s->failed = s->result.failed = true;
        snprintf(s->result.message, sizeof s->result.message, "this is no token");
    }
    return !s->failed;
}

int tpps_search_shrink(struct tpps_search *s, FILE *out)
{
    return tpps_shrink(&s->options, s->entry, s->arg, s->reset, SHRINK_RUNS, out, &s->result);
}

int tpps_search_smallest(struct tpps_search *s, struct tpps_search *again)
{
    uint64_t seed = s->options.seed;
    bool faulty = s->options.fail_nth != 0;
    int best = tpps_search_shrink(s, NULL);
    for (uint32_t i = 0; i < OTHERS && best > 1 && !faulty; i++) {
        int left;
        *again = *s;
        again->mode = i % 3 == 2 ? TPPS_MODE_MIX : TPPS_MODE_PCT; /* which has few preemptions */
        again->depth = i % 3 == 2 ? 0 : 2 + i % 3;
        again->seed = seed + 1;
        again->schedules = OTHERS_STEPS / (1 + s->result.steps);
        if (again->schedules > OTHERS_AMONG)
            again->schedules = OTHERS_AMONG;
        again->sweep = again->failed = false;
        again->pairs = 0;
        if (tpps_search(again))
            continue;
        seed = again->options.seed;
        if (!tpps_same_message(again->result.message, s->result.message))
            continue;
        left = tpps_search_shrink(again, NULL);
        if (left < 0 || left >= best)
            continue;
        best = left;
        s->result = again->result;
    }
    return best;
}
