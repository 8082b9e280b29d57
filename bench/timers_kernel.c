/* timers_kernel.c - a floor: one thread that sleeps to each due time itself. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "bench/measure.h"
#include "bench/timers.h"

struct due {
    int64_t at_ns, period_ns;
    unsigned index;
};

static struct due *list;
static unsigned armed;
static bool stopped;
static void (*fired)(unsigned index);

static void open_nothing(void)
{
    must(prctl(PR_SET_TIMERSLACK, 1UL) == 0);
}

static void create(unsigned count, void (*when_fired)(unsigned index))
{
    fired = when_fired;
    list = calloc(count, sizeof *list);
    must(list);
}

static void repeat(unsigned index, int64_t due_ns, int64_t period_ns)
{
    list[armed++] = (struct due){due_ns, period_ns, index};
}

static void arm_at(unsigned index, int64_t due_ns)
{
    repeat(index, due_ns, 0);
}

static int compare(const void *left, const void *right)
{
    int64_t a = ((const struct due *)left)->at_ns, b = ((const struct due *)right)->at_ns;
    return (a > b) - (a < b);
}

static void sleep_until(int64_t at_ns)
{
    struct timespec at = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
    must(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == 0);
}

/* A period that passed unseen is skipped. */
static void run(void)
{
    qsort(list, armed, sizeof *list, compare);
    for (unsigned i = 0; i < armed; i++) {
        struct due *due = &list[i];
        do {
            sleep_until(due->at_ns);
            fired(due->index);
            if (due->period_ns > 0)
                due->at_ns += ((now_ns() - due->at_ns) / due->period_ns + 1) * due->period_ns;
        } while (due->period_ns > 0 && !stopped);
    }
}

static void stop(void)
{
    stopped = true;
}

const struct timers_side kernel_timers = {
    .name = "kernel",
    .about = "a thread that sleeps to each due time with clock_nanosleep, slack 1 ns",
    .floor = true,
    .open = open_nothing,
    .create = create,
    .arm_at = arm_at,
    .repeat = repeat,
    .run = run,
    .stop = stop,
};
