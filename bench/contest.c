/* contest.c - the measuring programs that set tp beside other libraries, workload by workload. */
#include "bench/contest.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/measure.h"
#include "bench/options.h"
#include "bench/series.h"

enum { CHILD_SECONDS = 120, SIDES_MOST = 32 };

static const struct contest *contest;

static struct options options = {.rounds = 5};

/* ---- names ----------------------------------------------------------------------------------- */

static _Noreturn void unknown(const char *what, const char *name)
{
    fprintf(stderr, "bench: no %s '%s'; --list tells them\n", what, name);
    exit(2);
}

unsigned contest_workload_named(const char *name)
{
    const char *found;
    for (unsigned i = 0; (found = contest->workload(i).name); i++)
        if (strcmp(found, name) == 0)
            return i;
    unknown("workload", name);
}

static unsigned side_named(const char *name)
{
    for (unsigned i = 0; i < contest->side_count; i++)
        if (strcmp(contest->side(i).name, name) == 0)
            return i;
    unknown("side", name);
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* How many measurements failed. */
static unsigned measure_workload(unsigned place)
{
    struct contest_workload workload = contest->workload(place);
    const char *fitting[SIDES_MOST];
    unsigned count = 0;
    for (unsigned i = 0; i < contest->side_count; i++)
        if (contest->fits(place, i) && options_want_side(&options, contest->side(i).name))
            fitting[count++] = contest->side(i).name;
    return series_measure(&options, workload.name, fitting, count, workload.rounds_most);
}

static void *sleep_on(void *unused)
{
    for (;;)
        pause();
    return unused;
}

/* The C library locks for nothing while a process has one thread only, and the kernel looks up
 * descriptors faster then; which no program with a thread pool is, so no side is measured so. */
static void start_second_thread(void)
{
    pthread_t second;
    must(pthread_create(&second, NULL, sleep_on, NULL) == 0);
}

/* What a child does. */
static int measure_here(const char *workload_name, const char *side_name, bool quick)
{
    unsigned workload = contest_workload_named(workload_name), side = side_named(side_name);
    must(contest->fits(workload, side));
    alarm(CHILD_SECONDS); /* a hang is a failure, not a hang */
    start_second_thread();
    contest->measure(workload, side, quick);
    return 0;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void print_all(void)
{
    struct compare_side sides[SIDES_MOST];
    struct comparison comparison = {contest->side(0).name, sides, contest->side_count};
    for (unsigned i = 0; i < contest->side_count; i++)
        sides[i] = (struct compare_side){contest->side(i).name, contest->side(i).floor};
    contest->tables(&comparison);
    compare_losses(&comparison);
    if (contest->missing[0] != 0)
        printf("\nNot measured, for they were not found when this was built: %s\n",
               contest->missing);
}

static void list(void)
{
    struct contest_workload workload;
    for (unsigned i = 0; (workload = contest->workload(i)).name; i++)
        printf("%-15s %s\n", workload.name, workload.about);
    for (unsigned i = 0; i < contest->side_count; i++) {
        struct contest_side side = contest->side(i);
        printf("  %-14s %s%s\n", side.name, side.floor ? "floor: " : "", side.about);
    }
    if (contest->missing[0] != 0)
        printf("not found when this was built: %s\n", contest->missing);
}

static void judge(const char *workload)
{
    (void)contest_workload_named(workload);
}

int contest_main(const struct contest *which, int argc, char **argv)
{
    const struct program program = {
        .usage = which->usage,
        .rounds_most = SERIES_ROUNDS_MOST,
        .knows_quick = true,
        .list = list,
        .judge = judge,
    };
    const char *workload;
    unsigned failures = 0;
    contest = which;
    must(contest->side_count <= SIDES_MOST);
    if (argc >= 4 && strcmp(argv[1], "--child") == 0)
        return measure_here(argv[2], argv[3], argc > 4);
    options_read(&options, &program, argc, argv);
    for (unsigned i = 0; (workload = contest->workload(i).name); i++)
        if (options_want_workload(&options, workload)) {
            failures += measure_workload(i);
            series_print(workload);
        }
    print_all();
    if (failures > 0)
        fprintf(stderr, "bench: %u measurements failed\n", failures);
    return failures > 0;
}
