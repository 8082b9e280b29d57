/* timers_workloads.c - what is measured of timers. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/beside.h"
#include "bench/measure.h"
#include "bench/timers.h"

enum {
    MILLION = 1000000,
    TALLY_THREADS = 16, /* more than any side runs callbacks on */
};

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

#define FAR_LEAST (10 * NS_PER_S) /* no timer that is to be cancelled comes so near */
#define FAR_MOST (3600 * NS_PER_S)
#define LATER_MOST (60 * NS_PER_S)

static void tell(const char *metric, double value, const char *unit)
{
    printf("%s %.6f %s\n", metric, value, unit);
}

static void *room(unsigned count, size_t size)
{
    void *memory = malloc(count * size);
    must(memory);
    return memory;
}

/* ---- chance, the same for every side --------------------------------------------------------- */

static uint64_t chance_state = 0x9e3779b97f4a7c15;

static uint64_t chance(uint64_t below)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return chance_state % below;
}

static int64_t *far_delays(unsigned count)
{
    int64_t *delays = room(count, sizeof *delays);
    for (unsigned i = 0; i < count; i++)
        delays[i] = FAR_LEAST + (int64_t)chance(FAR_MOST - FAR_LEAST);
    return delays;
}

static int64_t *later_delays(const int64_t *delays, unsigned count)
{
    int64_t *later = room(count, sizeof *later);
    for (unsigned i = 0; i < count; i++)
        later[i] = delays[i] + 1 + (int64_t)chance(LATER_MOST);
    return later;
}

static unsigned *order_of(unsigned count, bool shuffled)
{
    unsigned *order = room(count, sizeof *order);
    for (unsigned i = 0; i < count; i++) {
        unsigned other = shuffled ? (unsigned)chance(i + 1) : i;
        order[i] = order[other];
        order[other] = i;
    }
    return order;
}

/* ---- arming and cancelling ------------------------------------------------------------------- */

static void never(unsigned index)
{
    (void)index;
    fail("a timer expired that was cancelled or is due much later");
}

static bool has_loops(const struct timers_side *side)
{
    return side->loops;
}

/* Processor time of the whole process: the same as what one thread takes when nobody else has the
 * machine, and less moved by it when somebody has. */
static int64_t spent_ns(void)
{
    return usage_now().cpu_ns;
}

static double ns_each(int64_t begin_ns, unsigned count)
{
    return (double)(spent_ns() - begin_ns) / count;
}

static void close_side(const struct timers_side *side, unsigned count, bool tells)
{
    int64_t begin = spent_ns();
    if (!side->destroy)
        return;
    side->destroy();
    if (tells)
        tell("close", ns_each(begin, count), "ns/timer");
}

/* Once to touch all memory, and once to be measured. */
static void measure_many(const struct timers_side *side, unsigned count, bool shuffled)
{
    int64_t *delays = far_delays(count), *later = later_delays(delays, count);
    unsigned *order = order_of(count, shuffled);
    side->open();
    uint64_t resident = resident_bytes();
    int64_t begin = spent_ns();
    side->create(count, never);
    double create = ns_each(begin, count);
    side->loops->arm(order, delays, count);
    double bytes = (double)(resident_bytes() - resident) / count;
    side->loops->cancel(order, count);

    begin = spent_ns();
    side->loops->arm(order, delays, count);
    double arm = ns_each(begin, count);
    begin = spent_ns();
    side->loops->rearm(order, later, count);
    double rearm = ns_each(begin, count);
    begin = spent_ns();
    side->loops->cancel(order, count);
    double cancel = ns_each(begin, count);

    tell("arm+cancel", arm + cancel, "ns/timer");
    tell("arm", arm, "ns/timer");
    tell("cancel", cancel, "ns/timer");
    tell("re-arm", rearm, "ns/timer");
    tell("create", create, "ns/timer");
    tell("bytes", bytes, "bytes/timer");
    close_side(side, count, true);
}

static void measure_million(const struct timers_side *side, bool quick)
{
    measure_many(side, quick ? MILLION / 20 : MILLION, false);
}

static void measure_shuffled(const struct timers_side *side, bool quick)
{
    measure_many(side, quick ? MILLION / 20 : MILLION, true);
}

/* One timer over and over, beside others that are armed. */
static void measure_beside(const struct timers_side *side, unsigned others, unsigned pairs)
{
    int64_t *delays = far_delays(pairs);
    unsigned *order = order_of(others + 1, true);
    side->open();
    side->create(others + 1, never);
    side->loops->arm(order + 1, delays, others);
    side->loops->pairs(order[0], delays, pairs);
    int64_t begin = spent_ns();
    side->loops->pairs(order[0], delays, pairs);
    tell("arm+cancel", ns_each(begin, pairs), "ns/pair");
    side->loops->cancel(order + 1, others);
    close_side(side, others + 1, false);
}

static void measure_hot(const struct timers_side *side, bool quick)
{
    measure_beside(side, 0, quick ? MILLION / 20 : MILLION);
}

static void measure_hundred(const struct timers_side *side, bool quick)
{
    measure_beside(side, quick ? MILLION / 100 : MILLION / 10, quick ? MILLION / 20 : MILLION);
}

/* ---- two threads at once --------------------------------------------------------------------- */

struct half {
    const struct timers_side *side;
    const unsigned *order;
    const int64_t *delays;
    unsigned count;
    bool one_timer; /* over and over, instead of one after the other */
    pthread_barrier_t *start;
    int64_t begin_ns, end_ns;
};

static bool concurrent(const struct timers_side *side)
{
    return side->concurrent;
}

static void *do_half(void *argument)
{
    struct half *half = argument;
    const struct timers_loops *loops = half->side->loops;
    pthread_barrier_wait(half->start);
    half->begin_ns = now_ns();
    if (half->one_timer) {
        loops->pairs(half->order[0], half->delays, half->count);
    } else {
        loops->arm(half->order, half->delays, half->count);
        loops->cancel(half->order, half->count);
    }
    half->end_ns = now_ns();
    return NULL;
}

/* From when the first begins to when the last ends, for each of all pairs. */
static double both(struct half halves[2])
{
    pthread_barrier_t start;
    pthread_t second;
    pthread_barrier_init(&start, NULL, 2);
    halves[0].start = halves[1].start = &start;
    must(pthread_create(&second, NULL, do_half, &halves[1]) == 0);
    do_half(&halves[0]);
    pthread_join(second, NULL);
    pthread_barrier_destroy(&start);
    int64_t begin = halves[halves[1].begin_ns < halves[0].begin_ns].begin_ns;
    int64_t end = halves[halves[1].end_ns > halves[0].end_ns].end_ns;
    return (double)(end - begin) / (halves[0].count + halves[1].count);
}

static void measure_two(const struct timers_side *side, unsigned timers, unsigned pairs)
{
    int64_t *delays = far_delays(2 * pairs);
    unsigned *order = order_of(timers, false);
    struct half halves[2];
    side->open();
    side->create(timers, never);
    for (unsigned i = 0; i < 2; i++)
        halves[i] = (struct half){
            .side = side,
            .order = order + i * (timers / 2),
            .delays = delays + i * pairs,
            .count = pairs,
            .one_timer = timers / 2 < pairs,
        };
    (void)both(halves);
    tell("arm+cancel", both(halves), "ns/pair");
    close_side(side, timers, false);
}

static void measure_two_million(const struct timers_side *side, bool quick)
{
    unsigned timers = quick ? MILLION / 20 : MILLION;
    measure_two(side, timers, timers / 2);
}

/* So many timers that the two in use do not lie side by side. */
static void measure_two_hot(const struct timers_side *side, bool quick)
{
    measure_two(side, 64, quick ? MILLION / 20 : MILLION / 2);
}

/* ---- a million due within 100 ms ------------------------------------------------------------- */

static void count(unsigned index)
{
    tally_add(index % 2);
}

static bool masses(const struct timers_side *side)
{
    return side->masses;
}

static void measure_due(const struct timers_side *side, bool quick)
{
    unsigned timers = quick ? MILLION / 20 : MILLION;
    int64_t *dues = room(timers, sizeof *dues);
    side->open();
    side->create(timers, count);
    tally_begin(timers, TALLY_THREADS);
    int64_t first = now_ns() + (quick ? NS_PER_S / 5 : 2 * NS_PER_S);
    for (unsigned i = 0; i < timers; i++)
        dues[i] = first + (int64_t)chance(100 * NS_PER_MS);
    for (unsigned i = 0; i < timers; i++)
        side->arm_at(i, dues[i]);
    must(now_ns() < first); /* or the machine is too slow for this measurement */
    struct usage begin = usage_now();
    if (side->run)
        side->run();
    tally_wait();
    struct usage cost = usage_since(begin);
    must(tally_sum() == timers / 2);
    tell("total", (double)(begin.wall_ns + cost.wall_ns - first) / 1e6, "ms");
    tell("cpu", (double)cost.cpu_ns / timers, "ns/timer");
    close_side(side, timers, false);
}

/* ---- lateness -------------------------------------------------------------------------------- */

static int64_t *times;
static _Atomic unsigned times_noted;

static void note(unsigned index)
{
    int64_t now = now_ns();
    must(times[index] == 0);
    times[index] = now;
    atomic_fetch_add_explicit(&times_noted, 1, memory_order_release);
}

static bool exact(const struct timers_side *side)
{
    return side->repeat;
}

static void tell_lateness(double *late_us, unsigned count)
{
    tell("p50", quantile(late_us, count, 0.5), "us");
    tell("p99", quantile(late_us, count, 0.99), "us");
    tell("max", quantile(late_us, count, 1), "us");
}

static void measure_late(const struct timers_side *side, bool quick)
{
    unsigned timers = quick ? 200 : 1000, early = 0;
    int64_t within = quick ? NS_PER_S * 2 / 5 : 2 * NS_PER_S;
    int64_t *dues = room(timers, sizeof *dues);
    double *late_us = room(timers, sizeof *late_us);
    times = calloc(timers, sizeof *times);
    must(times);
    side->open();
    side->create(timers, note);
    int64_t first = now_ns() + 50 * NS_PER_MS;
    for (unsigned i = 0; i < timers; i++)
        dues[i] = first + (int64_t)chance((uint64_t)within);
    struct usage begin = usage_now();
    for (unsigned i = 0; i < timers; i++)
        side->arm_at(i, dues[i]);
    if (side->run)
        side->run();
    else
        sleep_ns(first + within - now_ns());
    while (atomic_load_explicit(&times_noted, memory_order_acquire) < timers)
        sleep_ns(NS_PER_MS);
    struct usage cost = usage_since(begin);
    for (unsigned i = 0; i < timers; i++) {
        late_us[i] = (double)(times[i] - dues[i]) / 1e3;
        early += times[i] < dues[i];
    }
    tell_lateness(late_us, timers);
    tell("early", 1000.0 * early / timers, "of_1000");
    tell("cpu", (double)cost.cpu_ns / 1e3 / timers, "us/timer");
    close_side(side, timers, false);
}

static void measure_late_idle(const struct timers_side *side, bool quick)
{
    measure_late(side, quick);
}

/* ---- the same while every processor is busy -------------------------------------------------- */

static void spin(void)
{
    busy_calibrate();
    for (;;)
        busy_us(1000);
}

static void measure_late_busy(const struct timers_side *side, bool quick)
{
    beside_begin(spin);
    sleep_ns(100 * NS_PER_MS);
    measure_late(side, quick);
    beside_end();
}

/* ---- a period of 1 ms ------------------------------------------------------------------------ */

static struct {
    const struct timers_side *side;
    int64_t end_ns;
    unsigned most;
    struct flag ended;
} ticking;

static void tick(unsigned index)
{
    int64_t now = now_ns();
    (void)index;
    if (now < ticking.end_ns) {
        unsigned place = atomic_fetch_add(&times_noted, 1);
        must(place < ticking.most);
        times[place] = now;
    } else if (atomic_exchange(&ticking.ended.word, 1) == 0) {
        ticking.side->stop();
        flag_set(&ticking.ended);
    }
}

static int compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* The first is due one period after `begin_ns`, and the tick due at the end is given a period. */
static void tell_ticks(int64_t begin_ns, unsigned wanted, unsigned ticks)
{
    double *late_us = room(ticks, sizeof *late_us), gap_ns = 0;
    qsort(times, ticks, sizeof *times, compare);
    for (unsigned i = 0; i < ticks; i++) {
        int64_t since = times[i] - (i > 0 ? times[i - 1] : begin_ns);
        gap_ns = (double)since > gap_ns ? (double)since : gap_ns;
        late_us[i] = (double)((times[i] - begin_ns) % NS_PER_MS) / 1e3;
    }
    int64_t drift = times[ticks - 1] - (begin_ns + ticks * NS_PER_MS);
    tell("lost", 5000.0 * ((double)wanted - ticks) / wanted, "of_5000");
    tell("drift", (double)drift / 1e6, "ms");
    tell_lateness(late_us, ticks);
    tell("gap", gap_ns / 1e6, "ms");
}

static void measure_period(const struct timers_side *side, bool quick)
{
    unsigned wanted = quick ? 300 : 5000;
    ticking.side = side;
    ticking.most = 2 * wanted;
    times = calloc(ticking.most, sizeof *times);
    must(times);
    side->open();
    side->create(1, tick);
    int64_t begin_ns = now_ns();
    struct usage begin = usage_now();
    ticking.end_ns = begin_ns + (wanted + 1) * NS_PER_MS;
    side->repeat(0, begin_ns + NS_PER_MS, NS_PER_MS);
    if (side->run)
        side->run();
    flag_wait(&ticking.ended);
    struct usage cost = usage_since(begin);
    unsigned ticks = atomic_load(&times_noted);
    must(ticks > 0);
    tell_ticks(begin_ns, wanted, ticks);
    tell("cpu", (double)cost.cpu_ns / 1e3 / ticks, "us/callback");
    close_side(side, 1, false);
}

/* ---------------------------------------------------------------------------------------------- */

const struct timers_workload timers_workloads[] = {
    {"million", "1 000 000 timers due in 10 s to 1 h: arm all, set all again, cancel all",
     has_loops, measure_million, 0},
    {"shuffled", "the same, in another order than they were made", has_loops, measure_shuffled, 0},
    {"hot", "one timer armed and cancelled over and over", has_loops, measure_hot, 0},
    {"beside-100k", "the same beside 100 000 armed", has_loops, measure_hundred, 0},
    {"two-million", "two threads: each arms its half of 1 000 000, then cancels it", concurrent,
     measure_two_million, 0},
    {"two-hot", "two threads: each arms and cancels one timer over and over", concurrent,
     measure_two_hot, 0},
    {"due-million", "1 000 000 due within 100 ms: from the first due to the last run", masses,
     measure_due, 0},
    {"late-idle", "1000 due at random times within 2 s: how late, how many early", exact,
     measure_late_idle, 0},
    {"late-busy", "the same while another process spins on each processor", exact,
     measure_late_busy, 0},
    {"period-1ms", "every 1 ms for 5 s: ticks lost, drift against the grid, lateness", exact,
     measure_period, 3},
    {0},
};
