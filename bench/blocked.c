/* blocked.c - how long callbacks that block keep others from running: tp beside other pools.
 *
 * usage: blocked [--rounds N] [--sides NAME,...] [--list] [third] [meet]
 *
 * third: as many callbacks as the pool has threads for two processors block in read(2); a third
 *        (where a pool has four threads, a fifth) is submitted while they do. How long until it
 *        starts?
 * meet:  500 callbacks none of which goes on before all have started. How long until they have?
 *
 * Every measurement is a fresh process on two processors. A round measures every side once, one
 * right after the other. A callback that does not start in time is reported as such, not as a
 * time. */
#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/blocked.h"
#include "bench/blocked_peers.h"
#include "bench/child.h"
#include "bench/measure.h"
#include "bench/options.h"

enum {
    ROUNDS_MOST = 1001,
    PROCESSORS = 2,
    MEETING = 500,
    GIVE_UP_ROUNDS = 3, /* who has not done it in so many is not asked again */
    CHILD_SECONDS = 60,
};

#define GIVE_UP_THIRD_NS INT64_C(3000000000)
#define GIVE_UP_MEET_NS INT64_C(10000000000)
#define RELEASED_NS INT64_C(10000000000) /* what blocks nobody starts in less, or has got lost */

static const struct blocked_side *const sides[] = {&tp_blocked, &tp_told_blocked, BLOCKED_PEERS};

enum { SIDES = sizeof sides / sizeof *sides };

/* ---- in the child: one measurement ----------------------------------------------------------- */

static int hold[2];    /* who reads here is blocked until its other end is closed */
static int arrival[2]; /* a time for each callback that has started */

static const struct blocked_side *here;

static void arrive(void)
{
    int64_t now = now_ns();
    must(write(arrival[1], &now, sizeof now) == sizeof now);
}

static void block(void *unused)
{
    char byte;
    (void)unused;
    arrive();
    if (here->block)
        here->block();
    must(read(hold[0], &byte, 1) == 0);
}

static void pass(void *unused)
{
    (void)unused;
    arrive();
}

/* When the callback came whose turn it is; 0 if none came by the deadline. */
static int64_t next_arrival(int64_t deadline_ns)
{
    struct pollfd waited = {.fd = arrival[0], .events = POLLIN};
    int64_t left, at = 0;
    while ((left = deadline_ns - now_ns()) > 0)
        if (poll(&waited, 1, (int)(left / 1000000) + 1) == 1) {
            must(read(arrival[0], &at, sizeof at) == sizeof at);
            break;
        }
    return at;
}

/* Part of a second: of all rounds together the parts lie evenly, so that a pool that looks around
 * once in a second is met at all points of it. */
static int64_t part_of_second(unsigned round)
{
    return (int64_t)(round * 618033989ULL % 1000000000);
}

/* The callbacks are many, the last of them is of interest. False if some did not come in time. */
static bool all_arrive(unsigned count, int64_t deadline_ns, unsigned *arrived, int64_t *last_ns)
{
    for (int64_t at = 1; *arrived < count && at != 0; *arrived += at != 0) {
        at = next_arrival(deadline_ns);
        *last_ns = at > *last_ns ? at : *last_ns;
    }
    return *arrived == count;
}

/* Releases those that block; everybody comes then, or the measurement has failed. */
static void release(unsigned count, unsigned arrived)
{
    int64_t last = 0;
    close(hold[1]);
    must(all_arrive(count, now_ns() + RELEASED_NS, &arrived, &last));
}

static void measure_third(unsigned round)
{
    unsigned arrived = 0;
    int64_t last = 0;
    for (unsigned i = 0; i < here->threads; i++)
        here->submit(block, NULL);
    must(all_arrive(here->threads, now_ns() + RELEASED_NS, &arrived, &last));
    sleep_ns(20000000 + part_of_second(round));
    int64_t begin = now_ns();
    here->submit(pass, NULL);
    if (all_arrive(here->threads + 1, begin + GIVE_UP_THIRD_NS, &arrived, &last))
        printf("delay %.6f ms\n", (double)(last - begin) / 1e6);
    else
        printf("never %.0f ms\n", GIVE_UP_THIRD_NS / 1e6);
    release(here->threads + 1, arrived);
}

static void measure_meet(unsigned round)
{
    unsigned arrived = 0;
    int64_t last = 0, begin = now_ns();
    (void)round;
    for (unsigned i = 0; i < MEETING; i++)
        here->submit(block, NULL);
    if (all_arrive(MEETING, begin + GIVE_UP_MEET_NS, &arrived, &last))
        printf("delay %.6f ms\n", (double)(last - begin) / 1e6);
    else
        printf("never %u callbacks\n", arrived);
    release(MEETING, arrived);
}

static const struct workload {
    const char *name;
    const char *about;
    const char *never; /* what the number says that a child tells with "never" */
    void (*measure)(unsigned round);
    unsigned threads_most, rounds_most;
} workloads[] = {
    {"third", "one more callback, while as many block as the pool has threads", "ms waited",
     measure_third, 0, ROUNDS_MOST},
    {"meet", "500 callbacks, none of which goes on before all have started", "of 500 had started",
     measure_meet, MEETING, 5},
};

enum { WORKLOADS = sizeof workloads / sizeof *workloads };

static int measure_here(const struct workload *workload, const struct blocked_side *side,
                        unsigned round)
{
    alarm(CHILD_SECONDS); /* a hang is a failure, not a hang */
    must(processor_count() == PROCESSORS);
    must(pipe(hold) == 0 && pipe(arrival) == 0);
    here = side;
    if (side->open)
        side->open(workload->threads_most);
    workload->measure(round);
    if (side->close)
        side->close();
    return 0;
}

/* ---- in the parent: rounds ------------------------------------------------------------------- */

struct series {
    double delays[ROUNDS_MOST], never;
    unsigned delay_count, never_count, failures;
};

static struct series all[WORKLOADS][SIDES];

static struct options options = {.rounds = 31};

/* What a pool takes for the number of processors is decided before its process begins. */
static void stay_on_two_processors(void)
{
    cpu_set_t set;
    unsigned count = 0;
    must(sched_getaffinity(0, sizeof set, &set) == 0);
    for (unsigned i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set) && ++count > PROCESSORS)
            CPU_CLR(i, &set);
    must(sched_setaffinity(0, sizeof set, &set) == 0);
    must(unsetenv("TP_CPUS") == 0);
}

static void measure(const struct workload *workload, const struct blocked_side *side,
                    unsigned round, struct series *series)
{
    char outcome[16], unit[16], number[16];
    double value;
    char *arguments[] = {(char[]){"blocked"},
                         (char[]){"--child"},
                         (char *)(uintptr_t)workload->name,
                         (char *)(uintptr_t)side->name,
                         number,
                         NULL};
    snprintf(number, sizeof number, "%u", round);
    struct child child = child_start(arguments, stay_on_two_processors);
    bool told = fscanf(child.output, "%15s %lf %15s", outcome, &value, unit) == 3;
    if (!child_ended_well(&child, workload->name, side->name)) {
        series->failures++;
    } else if (!told) {
        series->failures++;
        fprintf(stderr, "bench: %s on %s told nothing\n", workload->name, side->name);
    } else if (strcmp(outcome, "delay") == 0) {
        series->delays[series->delay_count++] = value;
    } else {
        series->never = value;
        series->never_count++;
    }
}

static bool wanted(const struct workload *workload, const struct blocked_side *side,
                   const struct series *series)
{
    return options_want_workload(&options, workload->name) &&
           options_want_side(&options, side->name) &&
           (side->meets || workload->measure != measure_meet) &&
           (series->delay_count > 0 || series->never_count + series->failures < GIVE_UP_ROUNDS);
}

static void measure_workload(unsigned index)
{
    const struct workload *workload = &workloads[index];
    for (unsigned round = 0; round < options.rounds && round < workload->rounds_most; round++)
        for (unsigned i = 0; i < SIDES; i++) {
            unsigned at = (i + round) % SIDES;
            if (wanted(workload, sides[at], &all[index][at]))
                measure(workload, sides[at], round, &all[index][at]);
        }
}

/* ---- telling --------------------------------------------------------------------------------- */

static void print_series(const struct workload *workload, const struct blocked_side *side,
                         struct series *series)
{
    const struct {
        const char *name;
        double q;
    } places[] = {{"p50", 0.5}, {"p90", 0.9}, {"max", 1}};
    for (unsigned i = 0; series->delay_count > 0 && i < 3; i++)
        printf("%s/%s/%s %.4g ms (%u rounds)\n", workload->name, side->name, places[i].name,
               quantile(series->delays, series->delay_count, places[i].q), series->delay_count);
    if (series->never_count > 0)
        printf("%s/%s/never %u rounds (%.4g %s)\n", workload->name, side->name, series->never_count,
               series->never, workload->never);
}

static void print_cell(struct series *series, double q)
{
    if (series->delay_count > 0)
        printf(" %.4g |", quantile(series->delays, series->delay_count, q));
    else
        printf(" never |");
}

static void print_table(void)
{
    printf("\n| | pool | p50, ms | p90 | max | rounds | of these never |\n");
    printf("|---|---|---:|---:|---:|---:|---|\n");
    for (unsigned i = 0; i < WORKLOADS; i++)
        for (unsigned k = 0; k < SIDES; k++) {
            struct series *series = &all[i][k];
            if (series->delay_count + series->never_count == 0)
                continue;
            printf("| %s | %s |", workloads[i].name, sides[k]->name);
            print_cell(series, 0.5);
            print_cell(series, 0.9);
            print_cell(series, 1);
            printf(" %u | %u", series->delay_count + series->never_count, series->never_count);
            if (series->never_count > 0)
                printf(" (%.4g %s)", series->never, workloads[i].never);
            printf(" |\n");
        }
}

/* ---- the program ----------------------------------------------------------------------------- */

static const struct workload *workload_named(const char *name)
{
    for (unsigned i = 0; i < WORKLOADS; i++)
        if (strcmp(workloads[i].name, name) == 0)
            return &workloads[i];
    fprintf(stderr, "bench: no workload '%s'; --list tells them\n", name);
    exit(2);
}

static const struct blocked_side *side_named(const char *name)
{
    for (unsigned i = 0; i < SIDES; i++)
        if (strcmp(sides[i]->name, name) == 0)
            return sides[i];
    fprintf(stderr, "bench: no side '%s'; --list tells them\n", name);
    exit(2);
}

static void list(void)
{
    for (unsigned i = 0; i < WORKLOADS; i++)
        printf("%-10s %s\n", workloads[i].name, workloads[i].about);
    for (unsigned i = 0; i < SIDES; i++)
        printf("  %-8s %s\n", sides[i]->name, sides[i]->about);
}

static void judge(const char *workload)
{
    (void)workload_named(workload);
}

static const struct program program = {
    .usage = "blocked [--rounds N] [--sides NAME,...] [--list] [third] [meet]",
    .rounds_most = ROUNDS_MOST,
    .list = list,
    .judge = judge,
};

int main(int argc, char **argv)
{
    unsigned failures = 0;
    if (argc == 5 && strcmp(argv[1], "--child") == 0)
        return measure_here(workload_named(argv[2]), side_named(argv[3]), (unsigned)atoi(argv[4]));
    options_read(&options, &program, argc, argv);
    if (processor_count() < PROCESSORS) {
        fprintf(stderr, "bench: blocked needs %d processors\n", PROCESSORS);
        return 77; /* skipped */
    }
    for (unsigned i = 0; i < WORKLOADS; i++) {
        measure_workload(i);
        for (unsigned k = 0; k < SIDES; k++) {
            print_series(&workloads[i], sides[k], &all[i][k]);
            failures += all[i][k].failures;
        }
        fflush(stdout);
    }
    print_table();
    if (failures > 0)
        fprintf(stderr, "bench: %u measurements failed\n", failures);
    return failures > 0;
}
