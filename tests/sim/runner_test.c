/* runner_test.c - the campaign runner finds, sweeps, resets, notices what is not deterministic. */
#include "tests/sim/runner.h"

#include <poll.h>
#include <string.h>

static tpp_u32 word;
static uint32_t runs, sum; /* globals a scenario leaves behind */

static void reset(void)
{
    sum = 0;
}

static void add(void *arg)
{
    (void)arg;
    sum++;
    tpp_add_acq_rel(&word, 1);
}

static void starts_clean(void *arg)
{
    tpps_thread thread;
    (void)arg;
    tpps_check(sum == 0);
    tpp_init(&word, 0);
    thread = tpps_spawn(add, NULL);
    tpps_join(thread);
    tpps_check(sum == 1);
}

/* A global that reset does not know makes every other run longer. */
static void remembers(void *arg)
{
    (void)arg;
    tpp_init(&word, 0);
    for (uint32_t i = 0; i < runs % 7; i++)
        tpp_add_relaxed(&word, 1);
    runs++;
}

static void leaks_on_failure(void *arg)
{
    void *a = tpp_alloc(8, 8), *b;
    (void)arg;
    if (a == NULL)
        return;
    b = tpp_alloc(8, 8);
    if (b == NULL)
        return;
    tpp_free(b, 8);
    tpp_free(a, 8);
}

/* Only the first and the third of four, and nothing else, do it. */
static void loses_if_two_fail(void *arg)
{
    void *got[4];
    (void)arg;
    for (int i = 0; i < 4; i++)
        got[i] = tpp_alloc(8, 8);
    for (int i = 0; i < 4; i++)
        if (i != 1 || got[0] != NULL || got[2] != NULL || got[3] == NULL)
            tpp_free(got[i], 8);
}

static void for_ever(void *arg)
{
    (void)arg;
    for (;;)
        tpp_wait(&word, 0, TPP_FOREVER);
}

static void leaves_a_thread(void *arg)
{
    (void)arg;
    tpp_init(&word, 0);
    tpp_thread_start(for_ever, NULL, NULL);
}

static void measures(void *arg)
{
    int64_t before = tpps_now();
    (void)arg;
    tpps_spawn(starts_clean, NULL);
    tpps_sleep(1000);
    tpps_check(tpps_now() == before + 1000);
}

static const struct tpps_scenario scenarios[] = {
    {.name = "runner__each_schedule_starts_clean", .entry = starts_clean},
    {.name = "runner__time_is_exact_if_asked_for", .entry = measures, .no_early = true},
    {.name = "runner__a_forgotten_global_is_noticed",
     .entry = remembers,
     .must_fail = true,
     .fails_with = "not deterministic"},
    {.name = "runner__sweeps_every_fault",
     .entry = leaks_on_failure,
     .must_fail = true,
     .fails_with = "leak"},
    {.name = "runner__sweeps_every_pair_of_faults",
     .entry = loses_if_two_fail,
     .must_fail = true,
     .fails_with = "leak"},
    {.name = "runner__counts_threads_left",
     .entry = leaves_a_thread,
     .no_fibers_left = true,
     .no_faults = true,
     .must_fail = true,
     .fails_with = "1 service threads left"},
};

/* With no arguments: a short campaign with faults; with some: what they say. */
int main(int argc, char **argv)
{
    static char program[] = "runner_test", one[] = "--sweep-faults", two[] = "--sweep-pairs";
    char *usual[] = {program, one, two, NULL};
    return tpps_runner(argc > 1 ? argc : 3, argc > 1 ? argv : usual, scenarios,
                       sizeof scenarios / sizeof *scenarios, reset);
}
