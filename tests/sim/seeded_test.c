/* seeded_test.c - every seeded bug is found in time, replayed in a new process, and the correct
 * program of each toy stays clean. With --medians R: how many schedules it takes, with R seeds. */
#include <sys/wait.h>

#include "tests/sim/toys.h"
#include "tests/support/tap.h"

enum { CLEAN_SCHEDULES = UNDER_TSAN ? 300 : 3000, SHRINK_RUNS = 500, REPLAY_FAILED = 3 };

/* The simulator is to find the waiter on a stack, not AddressSanitizer. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_stack_use_after_return=0";
}

static const struct toy *toy;
static struct tpps_options options;
static struct tpps_result result;
static uint32_t longest;
static uint64_t first_seed = 1;

static void plan(uint32_t number)
{
    options = (struct tpps_options){.seed = first_seed + number,
                                    .quiet = true,
                                    .k = longest,
                                    .spurious = toy->spurious,
                                    .early = toy->early,
                                    .weak = toy->way == TOY_WEAK,
                                    .max_steps = 20000,
                                    .depth = 2 + number % 3,
                                    .strategy = number % 3 == 2 ? TPPS_RANDOM : TPPS_PCT};
}

static bool run_once(void)
{
    bool ok = tpps_run(&options, toy->entry, NULL, &result);
    if (ok && result.steps > longest)
        longest = result.steps;
    return ok;
}

/* True if each schedule is fine; with a sweep also if each fallible call fails. */
static bool schedule_is_clean(uint32_t number)
{
    uint32_t points;
    plan(number);
    if (!run_once())
        return false;
    points = toy->way == TOY_SWEEP ? result.fault_points : 0;
    for (uint32_t nth = 1; nth <= points; nth++) {
        options.fail_nth = nth;
        if (!run_once())
            return false;
    }
    return true;
}

/* How many schedules it took, or 0. */
static uint32_t find_bug(uint32_t bound)
{
    longest = 0;
    for (uint32_t number = 0; number < bound; number++)
        if (!schedule_is_clean(number))
            return number + 1;
    return 0;
}

/* ---- other processes ------------------------------------------------------------------------- */

struct child {
    int status;
    char output[16384];
};

static void run_child(struct child *child, const char *name, const char *bug, const char *token)
{
    char *const arguments[] = {(char *)"/proc/self/exe", (char *)name, (char *)bug, (char *)token,
                               NULL};
    int ends[2];
    size_t used = 0;
    ssize_t got;
    pid_t process;
    child->status = -1;
    if (pipe(ends) != 0)
        return;
    process = fork();
    if (process == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        setenv("TSAN_OPTIONS", "halt_on_error=1:exitcode=66", 1);
        setenv("ASAN_OPTIONS", "detect_leaks=0:detect_stack_use_after_return=0:exitcode=66", 1);
        execv(arguments[0], arguments);
        _exit(127);
    }
    close(ends[1]);
    while (used < sizeof child->output - 1 &&
           (got = read(ends[0], child->output + used, sizeof child->output - 1 - used)) > 0)
        used += (size_t)got;
    child->output[used] = 0;
    close(ends[0]);
    waitpid(process, &child->status, 0);
}

static const struct toy *const lists[] = {toys_pool, toys_small, toys_memory, toys_files,
                                          toys_transfers};
enum { LISTS = sizeof lists / sizeof *lists };

static size_t count_of(size_t list)
{
    const size_t counts[LISTS] = {toys_pool_count, toys_small_count, toys_memory_count,
                                  toys_files_count, toys_transfers_count};
    return counts[list];
}

/* What a child does: one run of a token, or with "search" as many as are needed. */
static int be_child(const char *name, const char *bug, const char *token)
{
    for (size_t l = 0; l < LISTS; l++)
        for (size_t i = 0; i < count_of(l); i++)
            if (strcmp(lists[l][i].name, name) == 0)
                toy = &lists[l][i];
    toy_bug = atoi(bug);
    if (toy == NULL)
        return 2;
    if (strcmp(token, "search") == 0)
        return find_bug(toy->bound) != 0 ? REPLAY_FAILED : 0;
    if (!tpps_token_parse(token, &options))
        return 2;
    options.quiet = true;
    if (tpps_run(&options, toy->entry, NULL, &result))
        return 0;
    printf("trace %016llx\n%s\n", (unsigned long long)result.trace, result.message);
    return REPLAY_FAILED;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void replays_in_a_new_process(void)
{
    static struct child child;
    char trace[64], bug[16];
    snprintf(bug, sizeof bug, "%d", toy->bug);
    snprintf(trace, sizeof trace, "trace %016llx\n", (unsigned long long)result.trace);
    run_child(&child, toy->name, bug, result.token);
    check(WIFEXITED(child.status) && WEXITSTATUS(child.status) == REPLAY_FAILED);
    check(strncmp(child.output, trace, strlen(trace)) == 0);
    check(strstr(child.output, result.message) != NULL);
    if (strstr(child.output, trace) == NULL)
        printf("# token %s\n# child said %s\n", result.token, child.output);
}

static void replays_here(void)
{
    uint64_t trace = result.trace;
    uint32_t steps = result.steps;
    struct tpps_options again;
    check(tpps_token_parse(result.token, &again));
    again.quiet = true;
    for (int i = 0; i < 3; i++) {
        check(!tpps_run(&again, toy->entry, NULL, &result));
        check(result.trace == trace);
        check_eq(result.steps, steps);
    }
}

static void shrinks(void)
{
    static struct tpps_result small;
    struct tpps_options scripted;
    int left = tpps_shrink(&options, toy->entry, NULL, NULL, SHRINK_RUNS, NULL, &small);
    check(left >= 0);
    check(small.failed);
    check(tpps_token_parse(small.token, &scripted));
    scripted.quiet = true;
    check(!tpps_run(&scripted, toy->entry, NULL, &small));
    printf("#   shrunk to %d decisions\n", left);
}

static void bug_is_found(void)
{
    uint32_t after;
    toy_bug = toy->bug;
    after = find_bug(toy->bound);
    printf("#   %s: found after %u of at most %u schedules: %s\n", toy->name, after, toy->bound,
           result.message);
    require(after != 0);
    if (toy->fails_with != NULL)
        check(strstr(result.message, toy->fails_with) != NULL);
    replays_here();
    replays_in_a_new_process();
    shrinks();
}

/* The sanitizer ends the program where the bug is met. */
static void bug_kills_the_program(void)
{
    static struct child child;
    char bug[16];
    snprintf(bug, sizeof bug, "%d", toy->bug);
    run_child(&child, toy->name, bug, "search");
    check(WIFEXITED(child.status) && WEXITSTATUS(child.status) == 66);
    check(strstr(child.output, "Sanitizer") != NULL);
}

static void weak_bug_is_not_seen_without_weak_memory(void)
{
    bool ok = true;
    toy_bug = toy->bug;
    for (uint32_t number = 0; number < CLEAN_SCHEDULES && ok; number++) {
        plan(number);
        options.weak = false;
        ok = run_once();
    }
    check(ok);
}

static void correct_program_is_clean(void)
{
    uint32_t after;
    toy_bug = 0;
    after = find_bug(CLEAN_SCHEDULES);
    for (uint32_t number = 0; number < CLEAN_SCHEDULES && after == 0; number++) {
        plan(number);
        options.weak = true;
        options.spurious = 8;
        options.early = 16;
        after = run_once() ? 0 : number + 1;
    }
    check_eq(after, 0);
    if (after != 0)
        printf("# %s\n%s", result.token, tpps_report());
}

static void test_toy(void)
{
    if (toy->way == TOY_RACE ? UNDER_TSAN : toy->way == TOY_HEAP && SANITIZED)
        bug_kills_the_program();
    else if (toy->way == TOY_RACE || (toy->way == TOY_WEAK && UNDER_TSAN))
        printf("#   %s: only another build can see it\n", toy->name);
    else
        bug_is_found();
    if (toy->way == TOY_WEAK)
        weak_bug_is_not_seen_without_weak_memory();
    correct_program_is_clean();
}

static void test_all(const struct toy *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        toy = &list[i];
        tap_run_(toy->name, test_toy);
    }
}

/* ---- how many schedules it takes ------------------------------------------------------------- */

enum { SEARCHES_MAX = 101 };

static int by_size(const void *a, const void *b)
{
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    return (first > second) - (first < second);
}

/* A search that finds nothing counts as one schedule more than it had. */
static void print_median(uint32_t searches)
{
    uint32_t counts[SEARCHES_MAX];
    if (toy->way == TOY_RACE || (toy->way == TOY_HEAP && SANITIZED))
        return;
    toy_bug = toy->bug;
    for (uint32_t i = 0; i < searches; i++) {
        first_seed = 1 + UINT64_C(1000003) * i;
        counts[i] = find_bug(toy->bound);
        if (counts[i] == 0)
            counts[i] = toy->bound + 1;
    }
    qsort(counts, searches, sizeof *counts, by_size);
    printf("%u\t%u\t%u\t%s\t%s\n", counts[(searches - 1) / 2], counts[searches - 1], toy->bound,
           toy->way == TOY_WEAK    ? "--weak"
           : toy->way == TOY_SWEEP ? "--sweep-faults"
                                   : "",
           toy->name);
}

static int print_medians(const char *searches)
{
    long count = strtol(searches, NULL, 10);
    for (size_t l = 0; l < LISTS && count > 0 && count <= SEARCHES_MAX; l++)
        for (size_t i = 0; i < count_of(l); i++) {
            toy = &lists[l][i];
            print_median((uint32_t)count);
        }
    return count > 0 && count <= SEARCHES_MAX ? 0 : 2;
}

int main(int argc, char **argv)
{
    if (argc == 4)
        return be_child(argv[1], argv[2], argv[3]);
    if (argc == 3 && strcmp(argv[1], "--medians") == 0)
        return print_medians(argv[2]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t l = 0; l < LISTS; l++)
        test_all(lists[l], count_of(l));
    return tap_done();
}
