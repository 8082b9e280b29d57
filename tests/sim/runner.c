/* runner.c - runs a table of scenarios through many schedules and says in TAP what came of it. */
#include "tests/sim/runner.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/os/sim/search.h"

#define NAMES_MAX 32

struct settings {
    const char *program;
    enum tpps_mode mode;
    uint64_t schedules, seed;
    double seconds;
    uint32_t depth;
    const char *names[NAMES_MAX];
    size_t name_count;
    const char *token;
    bool sweep, pairs, weak, list;
    uint32_t budget; /* of pairs */
};

/* One scenario's campaign. */
struct campaign {
    const struct settings *settings;
    const struct tpps_scenario *scenario;
    struct tpps_search search;
};

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
static struct campaign running;

static void print_death(void)
{
    dprintf(2, "# while running --scenario %s, schedule %llu\n",
            running_name != NULL ? running_name : "?", (unsigned long long)running.search.runs + 1);
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
    printf("# failed: %s\n", c->search.result.message);
    print_as_comment(tpps_report());
    printf("# replay: %s --scenario %s --token %s\n", s->program, c->scenario->name,
           c->search.result.token);
    if (out == NULL || s->token == NULL) {
        if (out != NULL)
            fclose(out);
        free(text);
        return;
    }
    tpps_search_shrink(&c->search, out);
    fclose(out);
    print_as_comment(text);
    free(text);
}

static void prepare(struct campaign *c, void (*reset)(void))
{
    const struct settings *s = c->settings;
    const struct tpps_scenario *scenario = c->scenario;
    c->search = (struct tpps_search){.entry = scenario->entry,
                                     .arg = scenario->arg,
                                     .reset = reset,
                                     .base = {.quiet = true,
                                              .weak = s->weak,
                                              .cpus = scenario->cpus,
                                              .max_steps = scenario->max_steps,
                                              .settle_ns = scenario->settle_ns,
                                              .leaks_allowed = scenario->leaks_allowed,
                                              .no_fibers_left = scenario->no_fibers_left},
                                     .mode = s->mode,
                                     .seed = s->seed,
                                     .schedules = s->seconds > 0 ? UINT64_MAX : s->schedules,
                                     .limit_ns = (int64_t)(s->seconds * 1e9),
                                     .depth = s->depth,
                                     .sweep = s->sweep && !scenario->no_faults,
                                     .pairs = s->pairs && !scenario->no_faults ? s->budget : 0,
                                     .no_early = scenario->no_early};
}

static bool as_expected(const struct campaign *c)
{
    const struct tpps_scenario *scenario = c->scenario;
    if (!scenario->must_fail)
        return !c->search.failed;
    return c->search.failed && (scenario->fails_with == NULL ||
                                strstr(c->search.result.message, scenario->fails_with) != NULL);
}

static bool run_scenario(const struct settings *s, const struct tpps_scenario *scenario,
                         void (*reset)(void), unsigned number)
{
    struct campaign *c = &running;
    bool ok;
    c->settings = s;
    c->scenario = scenario;
    running_name = scenario->name;
    if (s->weak && scenario->no_weak) {
        printf("ok %u - %s # SKIP not for weak memory\n", number, scenario->name);
        return true;
    }
    prepare(c, reset);
    if (s->token != NULL)
        tpps_search_token(&c->search, s->token);
    else
        tpps_search(&c->search);
    ok = as_expected(c);
    printf("%s %u - %s # %llu schedules, %llu steps, %llu faults%s\n", ok ? "ok" : "not ok", number,
           scenario->name, (unsigned long long)c->search.runs, (unsigned long long)c->search.steps,
           (unsigned long long)c->search.faults, c->search.exhausted ? ", exhausted" : "");
    if (s->token != NULL)
        printf("# trace %016llx\n", (unsigned long long)c->search.result.trace);
    if (c->search.failed && (!ok || s->token != NULL))
        print_failure(c);
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
    else if (strcmp(name, "--sweep-pairs") == 0)
        s->pairs = true;
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
            s->mode = (enum tpps_mode)i;
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
    else if (strcmp(name, "--pairs") == 0)
        s->budget = (uint32_t)strtoul(value, NULL, 10);
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
    if (s->mode == TPPS_MODE_DFS && (s->sweep || s->pairs))
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
    struct settings s = {.program = argv[0], .schedules = 1000, .seed = 1, .budget = 300};
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
