/* runner.c - runs a table of scenarios through many schedules and says in TAP what came of it. */
#include "tests/sim/runner.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAMES_MAX 32
#define SHRINK_RUNS 3000
#define TWICE 100 /* one seed in so many runs a second time */

enum mode { MODE_MIX, MODE_PCT, MODE_RANDOM, MODE_DFS };

struct settings {
    const char *program;
    enum mode mode;
    uint64_t schedules, seed;
    double seconds;
    uint32_t depth;
    const char *names[NAMES_MAX];
    size_t name_count;
    const char *token;
    bool sweep, weak, list;
};

/* One scenario's campaign. */
struct campaign {
    const struct settings *settings;
    const struct tpps_scenario *scenario;
    void (*reset)(void);
    uint64_t schedules, steps, faults;
    uint32_t k; /* the longest run so far, rounded up: PCT wants to know */
    bool exhausted, failed;
    struct tpps_options options;
    struct tpps_result result;
};

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- deaths ---------------------------------------------------------------------------------- */

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

/* A fake stack for each fiber makes everything ten times slower: only where it is asked for. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_stack_use_after_return=0";
}

static const char *running_name;

static void print_death(void)
{
    dprintf(2, "# while running --scenario %s\n", running_name != NULL ? running_name : "?");
    tpps_print_current(2);
}

#ifdef SANITIZED
void __sanitizer_set_death_callback(void (*callback)(void));

static void watch_for_death(void)
{
    __sanitizer_set_death_callback(print_death);
}
#else
static void on_signal(int number)
{
    print_death();
    signal(number, SIG_DFL);
    raise(number);
}

/* A fiber's stack may be what is broken, so the handler gets one of its own. */
static void watch_for_death(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
    static char stack[65536];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigaltstack(&own, NULL);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
}
#endif

/* ---- one schedule ---------------------------------------------------------------------------- */

static uint64_t spread(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* What differs from seed to seed beside the schedule. */
static void vary(struct tpps_options *o, const struct tpps_scenario *scenario, uint64_t bits)
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
    if (!scenario->no_early)
        o->early = early[bits & 7];
    o->spurious = spurious[bits >> 3 & 3];
    if ((bits >> 5 & 7) == 0)
        o->clock0 = clocks[bits >> 8 & 7];
    if (scenario->cpus == 0)
        o->cpus = 1 + (uint32_t)(bits >> 11 & 3);
}

static void base_options(struct tpps_options *o, const struct campaign *c)
{
    *o = (struct tpps_options){.quiet = true,
                               .weak = c->settings->weak,
                               .cpus = c->scenario->cpus,
                               .max_steps = c->scenario->max_steps,
                               .settle_ns = c->scenario->settle_ns,
                               .leaks_allowed = c->scenario->leaks_allowed,
                               .no_fibers_left = c->scenario->no_fibers_left};
}

static void plan(struct campaign *c, uint64_t number)
{
    const struct settings *s = c->settings;
    struct tpps_options *o = &c->options;
    base_options(o, c);
    o->seed = s->seed + number;
    o->depth = s->depth;
    o->k = c->k;
    switch (s->mode) {
    case MODE_DFS:
        o->strategy = TPPS_DFS;
        o->depth = s->depth != 0 ? s->depth : 2;
        o->early = !c->scenario->no_early;
        return;
    case MODE_RANDOM:
        o->strategy = TPPS_RANDOM;
        break;
    case MODE_PCT:
        o->strategy = TPPS_PCT;
        break;
    case MODE_MIX:
        o->strategy = number % 3 == 2 ? TPPS_RANDOM : TPPS_PCT;
        o->depth = s->depth != 0 ? s->depth : 2 + (uint32_t)(number % 3);
        break;
    }
    vary(o, c->scenario, spread(o->seed));
}

static bool run(struct campaign *c, const struct tpps_options *options, struct tpps_result *result)
{
    if (c->reset != NULL)
        c->reset();
    tpps_run(options, c->scenario->entry, c->scenario->arg, result);
    if (result->token[0] == 0)
        tpps_token_format(options, result->token, sizeof result->token);
    return !result->failed;
}

static bool run_and_count(struct campaign *c)
{
    bool ok = run(c, &c->options, &c->result);
    uint32_t k = (c->result.steps + 63) / 64 * 64;
    c->schedules++;
    c->steps += c->result.steps;
    if (ok && k > c->k)
        c->k = k;
    return ok;
}

/* Same token, same run? */
static bool run_again(struct campaign *c)
{
    static struct tpps_result again;
    run(c, &c->options, &again);
    if (again.trace == c->result.trace && again.steps == c->result.steps)
        return true;
    c->result.failed = true;
    snprintf(c->result.message, sizeof c->result.message,
             "not deterministic: two runs of one token differ (a global left over, an address?)");
    return false;
}

/* The SQLite loop: fail the first fallible call, then the second, until none was left to fail. */
static bool sweep(struct campaign *c)
{
    uint32_t points = c->result.fault_points;
    for (uint32_t on = 0; on < 2; on++)
        for (uint32_t nth = 1; nth <= points; nth++) {
            c->options.fail_nth = nth;
            c->options.fail_on = on != 0;
            c->faults++;
            if (!run_and_count(c))
                return false;
            if (c->result.fault_points > points && on == 0 && points < 4096)
                points = c->result.fault_points;
        }
    return true;
}

static bool one_schedule(struct campaign *c, uint64_t number)
{
    plan(c, number);
    if (!run_and_count(c))
        return false;
    if (number % TWICE == TWICE / 2 && c->settings->mode != MODE_DFS && !run_again(c))
        return false;
    return !c->settings->sweep || c->scenario->no_faults || sweep(c);
}

/* ---- one scenario ---------------------------------------------------------------------------- */

static void print_as_comment(const char *text)
{
    bool start = true;
    for (; *text != 0; text++) {
        if (start)
            fputs("# ", stdout);
        putchar(*text);
        start = *text == '\n';
    }
    if (!start)
        putchar('\n');
}

static void print_failure(struct campaign *c)
{
    const struct settings *s = c->settings;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    printf("# failed: %s\n", c->result.message);
    print_as_comment(tpps_report());
    printf("# replay: %s --scenario %s --token %s\n", s->program, c->scenario->name,
           c->result.token);
    if (out == NULL || s->token == NULL) {
        if (out != NULL)
            fclose(out);
        free(text);
        return;
    }
    tpps_shrink(&c->options, c->scenario->entry, c->scenario->arg, c->reset, SHRINK_RUNS, out,
                &c->result);
    fclose(out);
    print_as_comment(text);
    free(text);
}

static void search(struct campaign *c)
{
    const struct settings *s = c->settings;
    double end = seconds_now() + s->seconds;
    if (s->mode == MODE_DFS)
        tpps_dfs_reset();
    for (uint64_t number = 0; !c->failed && !c->exhausted; number++) {
        if (s->seconds > 0 ? number % 64 == 63 && seconds_now() > end : number >= s->schedules)
            return;
        c->failed = !one_schedule(c, number);
        c->exhausted = s->mode == MODE_DFS && c->result.exhausted;
    }
}

static void replay(struct campaign *c)
{
    if (!tpps_token_parse(c->settings->token, &c->options)) {
        c->failed = c->result.failed = true;
        snprintf(c->result.message, sizeof c->result.message, "this is no token");
        return;
    }
    c->options.quiet = true;
    c->failed = !run(c, &c->options, &c->result);
    c->schedules = 1;
    c->steps = c->result.steps;
}

static bool as_expected(const struct campaign *c)
{
    const struct tpps_scenario *scenario = c->scenario;
    if (!scenario->must_fail)
        return !c->failed;
    return c->failed && (scenario->fails_with == NULL ||
                         strstr(c->result.message, scenario->fails_with) != NULL);
}

static bool run_scenario(const struct settings *s, const struct tpps_scenario *scenario,
                         void (*reset)(void), unsigned number)
{
    static struct campaign c;
    bool ok;
    c = (struct campaign){.settings = s, .scenario = scenario, .reset = reset};
    running_name = scenario->name;
    if (s->weak && scenario->no_weak) {
        printf("ok %u - %s # SKIP not for weak memory\n", number, scenario->name);
        return true;
    }
    if (s->token != NULL)
        replay(&c);
    else
        search(&c);
    ok = as_expected(&c);
    printf("%s %u - %s # %llu schedules, %llu steps, %llu faults%s\n", ok ? "ok" : "not ok", number,
           scenario->name, (unsigned long long)c.schedules, (unsigned long long)c.steps,
           (unsigned long long)c.faults, c.exhausted ? ", exhausted" : "");
    if (s->token != NULL)
        printf("# trace %016llx\n", (unsigned long long)c.result.trace);
    if (c.failed && (!ok || s->token != NULL))
        print_failure(&c);
    else if (!ok)
        printf("# no schedule failed, but one should\n");
    fflush(stdout);
    running_name = NULL;
    return ok;
}

/* ---- command line ---------------------------------------------------------------------------- */

static bool set_flag(struct settings *s, const char *name)
{
    if (strcmp(name, "--sweep-faults") == 0)
        s->sweep = true;
    else if (strcmp(name, "--weak") == 0)
        s->weak = true;
    else if (strcmp(name, "--list") == 0)
        s->list = true;
    else
        return false;
    return true;
}

static bool set_mode(struct settings *s, const char *name)
{
    static const char *const names[] = {"mix", "pct", "random", "dfs"};
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) {
            s->mode = (enum mode)i;
            return true;
        }
    return false;
}

static bool set_value(struct settings *s, const char *name, const char *value)
{
    if (strcmp(name, "--schedules") == 0)
        s->schedules = strtoull(value, NULL, 10);
    else if (strcmp(name, "--seconds") == 0)
        s->seconds = strtod(value, NULL);
    else if (strcmp(name, "--depth") == 0)
        s->depth = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "--seed") == 0)
        s->seed = strtoull(value, NULL, 10);
    else if (strcmp(name, "--token") == 0)
        s->token = value;
    else if (strcmp(name, "--strategy") == 0)
        return set_mode(s, value);
    else if (strcmp(name, "--scenario") == 0 && s->name_count < NAMES_MAX)
        s->names[s->name_count++] = value;
    else
        return false;
    return true;
}

static bool read_arguments(struct settings *s, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (set_flag(s, argv[i]))
            continue;
        if (i + 1 >= argc || !set_value(s, argv[i], argv[i + 1]))
            return false;
        i++;
    }
    if (s->mode == MODE_DFS && s->sweep)
        return false; /* a failing call would change the tree that is being searched */
    return s->token == NULL || s->name_count == 1;
}

static bool wanted(const struct settings *s, const struct tpps_scenario *scenario)
{
    for (size_t i = 0; i < s->name_count; i++)
        if (strcmp(s->names[i], scenario->name) == 0)
            return true;
    return s->name_count == 0;
}

int tpps_runner(int argc, char **argv, const struct tpps_scenario *scenarios, size_t count,
                void (*reset)(void))
{
    struct settings s = {.program = argv[0], .schedules = 1000, .seed = 1};
    unsigned number = 0, bad = 0;
    if (!read_arguments(&s, argc, argv)) {
        fprintf(stderr, "%s: bad arguments, see tests/sim/runner.h\n", argv[0]);
        return 2;
    }
    watch_for_death();
    for (size_t i = 0; i < count; i++) {
        if (!wanted(&s, &scenarios[i]))
            continue;
        number++;
        if (s.list)
            puts(scenarios[i].name);
        else
            bad += !run_scenario(&s, &scenarios[i], reset, number);
    }
    if (s.list)
        return 0;
    printf("1..%u\n", number);
    if (number == 0)
        fprintf(stderr, "%s: no such scenario\n", argv[0]);
    return bad != 0 || number == 0;
}
