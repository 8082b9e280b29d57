/* measure.c - the clocks, counters and tally of measure.h. */
#define _GNU_SOURCE
#include "bench/measure.h"

#include <dirent.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void fail(const char *what)
{
    fprintf(stderr, "bench: failed: %s\n", what);
    exit(1);
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

int64_t now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void sleep_ns(int64_t ns)
{
    struct timespec span = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&span, NULL);
}

struct usage usage_now(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (struct usage){
        .switches = (uint64_t)usage.ru_nvcsw + (uint64_t)usage.ru_nivcsw,
        .cpu_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID), /* what getrusage rounds to microseconds */
        .wall_ns = now_ns(),
    };
}

struct usage usage_since(struct usage begin)
{
    int64_t wall_ns = now_ns();
    struct usage end = usage_now();
    return (struct usage){
        .wall_ns = wall_ns - begin.wall_ns,
        .cpu_ns = end.cpu_ns - begin.cpu_ns,
        .switches = end.switches - begin.switches,
    };
}

uint64_t resident_bytes(void)
{
    unsigned long total, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    must(file && fscanf(file, "%lu %lu", &total, &resident) == 2);
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

unsigned thread_count(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/task");
    must(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

unsigned processor_count(void)
{
    cpu_set_t set;
    must(sched_getaffinity(0, sizeof set, &set) == 0);
    return (unsigned)CPU_COUNT(&set);
}

void pin_to_one_processor(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)sched_getcpu(), &set);
    must(sched_setaffinity(0, sizeof set, &set) == 0);
}

/* ---- busy ------------------------------------------------------------------------------------ */

static unsigned turns_per_us = 1;

static void turn(uint64_t turns)
{
    uint64_t state = turns;
    for (uint64_t i = 0; i < turns; i++) {
        state = state * UINT64_C(6364136223846793005) + 1;
        __asm__ volatile("" : "+r"(state)); /* each step needs the one before it */
    }
}

void busy_calibrate(void)
{
    enum { TURNS = 200000 };
    int64_t best = INT64_MAX; /* the fastest of some tries is the one nobody disturbed */
    for (int i = 0; i < 10; i++) {
        int64_t begin = now_ns();
        turn(TURNS);
        int64_t took = now_ns() - begin;
        best = took < best ? took : best;
    }
    turns_per_us = (unsigned)(TURNS * INT64_C(1000) / best);
}

void busy_us(unsigned us)
{
    turn((uint64_t)us * turns_per_us);
}

/* ---- flags ----------------------------------------------------------------------------------- */

void flag_set(struct flag *flag)
{
    atomic_store_explicit(&flag->word, 1, memory_order_release);
    syscall(SYS_futex, &flag->word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void flag_wait(struct flag *flag)
{
    while (atomic_load_explicit(&flag->word, memory_order_acquire) == 0)
        syscall(SYS_futex, &flag->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

void flag_clear(struct flag *flag)
{
    atomic_store_explicit(&flag->word, 0, memory_order_relaxed);
}

/* ---- the tally ------------------------------------------------------------------------------- */

enum { SLOTS = 64, FLUSH = 256, COUNT_SHIFT = 44, POLL_NS = 10000 };

struct slot {
    _Alignas(128) _Atomic uint64_t value; /* tasks : 20 | sum of their numbers : 44 */
};

static struct {
    struct slot slots[SLOTS];
    _Alignas(128) _Atomic uint64_t flushed; /* tasks in full batches of FLUSH */
    _Alignas(128) _Atomic unsigned next;    /* slot for the next new thread */
    uint64_t tasks, enough;
    struct flag nearly;
} tally;

static _Thread_local struct slot *mine;

static uint64_t total(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < SLOTS; i++)
        sum += atomic_load_explicit(&tally.slots[i].value, memory_order_acquire);
    return sum;
}

void tally_begin(uint64_t tasks, unsigned threads)
{
    uint64_t tail = (uint64_t)(threads + 1) * FLUSH;
    must(tasks < UINT64_C(1) << (64 - COUNT_SHIFT));
    prctl(PR_SET_TIMERSLACK, 1UL);
    for (int i = 0; i < SLOTS; i++)
        atomic_store(&tally.slots[i].value, 0);
    atomic_store(&tally.flushed, 0);
    tally.tasks = tasks;
    tally.enough = tasks > tail ? (tasks - tail) / FLUSH * FLUSH : 0;
    flag_clear(&tally.nearly);
}

void tally_add(uint64_t number)
{
    if (!mine)
        mine = &tally.slots[atomic_fetch_add(&tally.next, 1) % SLOTS];
    uint64_t before = atomic_fetch_add_explicit(&mine->value, (UINT64_C(1) << COUNT_SHIFT) + number,
                                                memory_order_release);
    if (((before >> COUNT_SHIFT) + 1) % FLUSH != 0)
        return;
    if (atomic_fetch_add(&tally.flushed, FLUSH) + FLUSH == tally.enough)
        flag_set(&tally.nearly);
}

void tally_wait(void)
{
    if (tally.enough > 0)
        flag_wait(&tally.nearly);
    while (total() >> COUNT_SHIFT < tally.tasks)
        sleep_ns(POLL_NS);
    must(total() >> COUNT_SHIFT == tally.tasks);
}

uint64_t tally_sum(void)
{
    return total() & ((UINT64_C(1) << COUNT_SHIFT) - 1);
}

/* ---- samples --------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double quantile(double *values, unsigned count, double q)
{
    qsort(values, count, sizeof values[0], compare);
    double place = q * (count - 1);
    unsigned below = (unsigned)place;
    if (below + 1 >= count)
        return values[count - 1];
    return values[below] + (place - below) * (values[below + 1] - values[below]);
}

struct spread spread_of(double *values, unsigned count)
{
    double median = quantile(values, count, 0.5);
    return (struct spread){median, values[0], values[count - 1]};
}
