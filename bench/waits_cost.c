/* waits_cost.c - what arming, running out, firing in masses and closing cost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"
#include "bench/waits.h"

enum { MILLION = 1000000 };

#define NS_PER_MS INT64_C(1000000)

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

static bool never(unsigned index, bool timed_out)
{
    (void)index;
    (void)timed_out;
    fail("a wait fired that nobody signaled");
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* The value of a line `name: value kB`. */
static double bytes_of(const char *path, const char *name)
{
    char line[256];
    unsigned long value = 0;
    FILE *file = fopen(path, "r");
    must(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            must(sscanf(line + strlen(name), ": %lu", &value) == 1);
    fclose(file);
    return (double)value * 1024;
}

/* Exact, unlike what the kernel tells in short, which may lag behind by some hundred kB. Asking
 * touches pages itself, the first time. */
static double own_bytes(void)
{
    (void)bytes_of("/proc/self/smaps_rollup", "Rss");
    return bytes_of("/proc/self/smaps_rollup", "Rss");
}

/* Of the whole machine: other processes move it. */
static double kernel_bytes(void)
{
    return bytes_of("/proc/meminfo", "SUnreclaim");
}

/* ---- arming on descriptors ------------------------------------------------------------------- */

static void measure_register(const struct waits_side *side, bool quick)
{
    unsigned count = waits_descriptor_count(quick ? 1000 : 15000);
    int *descriptors = waits_descriptors_open(count);
    side->open();
    double own = own_bytes(), kernel = kernel_bytes();
    int64_t begin = spent_ns();
    side->descriptors->create(descriptors, count, never);
    double create = ns_each(begin, count);
    begin = spent_ns();
    side->descriptors->arm(count);
    waits_settle(side);
    double arm = ns_each(begin, count);
    waits_tell("create+arm", create + arm, "ns/wait");
    waits_tell("create", create, "ns/wait");
    waits_tell("arm", arm, "ns/wait");
    waits_tell("bytes", (own_bytes() - own) / count, "bytes/wait");
    waits_tell("kernel", (kernel_bytes() - kernel) / count, "bytes/wait");

    begin = spent_ns();
    side->descriptors->disarm(count);
    waits_settle(side);
    waits_tell("disarm", ns_each(begin, count), "ns/wait");
    begin = spent_ns();
    side->descriptors->arm(count);
    waits_settle(side);
    waits_tell("arm-again", ns_each(begin, count), "ns/wait");
    waits_tell("n", count, "waits");
}

/* ---- times that run out ---------------------------------------------------------------------- */

static bool run_out(unsigned index, bool timed_out)
{
    must(timed_out);
    waits_came(index);
    return false;
}

typedef void arm_for_fn(const int64_t *timeouts_ns, unsigned count);

static double time_out(const struct waits_side *side, arm_for_fn *arm_for,
                       const int64_t *timeouts_ns, unsigned count)
{
    waits_expect(count);
    int64_t begin = spent_ns();
    arm_for(timeouts_ns, count);
    waits_all_came(side);
    return ns_each(begin, count);
}

/* All the same, or spread over 100 ms, no two at once. */
static int64_t *timeouts_of(unsigned count, bool spread)
{
    int64_t *timeouts_ns = waits_room(count, sizeof *timeouts_ns);
    for (unsigned i = 0; i < count; i++)
        timeouts_ns[i] = spread ? 20 * NS_PER_MS + 100 * NS_PER_MS / count *
                                                       (int64_t)(i * UINT64_C(2654435761) % count)
                                : 50 * NS_PER_MS;
    return timeouts_ns;
}

static bool has_timeouts(const struct waits_side *side)
{
    return side->descriptors && side->descriptors->arm_for;
}

static void measure_run_out(const struct waits_side *side, bool spread, bool quick)
{
    unsigned count = waits_descriptor_count(quick ? 1000 : 10000);
    int *descriptors = waits_descriptors_open(count);
    int64_t *timeouts_ns = timeouts_of(count, spread);
    side->open();
    side->descriptors->create(descriptors, count, run_out);
    double first = time_out(side, side->descriptors->arm_for, timeouts_ns, count);
    waits_tell("first", first, "ns/wait");
    waits_tell("again", time_out(side, side->descriptors->arm_for, timeouts_ns, count), "ns/wait");
    waits_tell("n", count, "waits");
}

static void measure_timeouts(const struct waits_side *side, bool quick)
{
    measure_run_out(side, false, quick);
}

static void measure_spread_timeouts(const struct waits_side *side, bool quick)
{
    measure_run_out(side, true, quick);
}

static bool has_native_timeouts(const struct waits_side *side)
{
    return side->native && side->native->arm_for;
}

static void measure_native_timeouts(const struct waits_side *side, bool quick)
{
    unsigned count = quick ? MILLION / 100 : MILLION / 10;
    int64_t *timeouts_ns = timeouts_of(count, false);
    side->open();
    side->native->sources(count);
    side->native->create(count, run_out);
    waits_tell("first", time_out(side, side->native->arm_for, timeouts_ns, count), "ns/wait");
    waits_tell("again", time_out(side, side->native->arm_for, timeouts_ns, count), "ns/wait");
}

/* ---- a million without descriptors ----------------------------------------------------------- */

static const struct waits_side *nudged;

static bool once(unsigned index, bool timed_out)
{
    must(!timed_out);
    waits_came(index);
    return false;
}

static void nudge(void)
{
    waits_expect(1);
    nudged->native->signal(0);
}

/* Once to touch all memory, and once to be measured. */
static void measure_million(const struct waits_side *side, bool quick)
{
    unsigned count = quick ? MILLION / 20 : MILLION;
    side->open();
    double before = own_bytes();
    if (side->native->sources)
        side->native->sources(count);
    double own = own_bytes();
    int64_t begin = spent_ns();
    side->native->create(count, once);
    waits_tell("create", ns_each(begin, count), "ns/wait");
    if (side->native->arm)
        side->native->arm(count);
    waits_tell("bytes", (own_bytes() - own) / count, "bytes/wait");
    if (side->native->sources)
        waits_tell("source", (own - before) / count, "bytes/event");
    waits_runner_begin(side);
    for (int round = 0; round < 2; round++) {
        begin = spent_ns();
        if (round > 0 && side->native->arm) {
            side->native->arm(count);
            waits_tell("arm", ns_each(begin, count), "ns/wait");
        }
        waits_expect(count);
        struct usage start = usage_now();
        for (unsigned i = 0; i < count; i++)
            side->native->signal(i);
        waits_all_came(side);
        struct usage cost = usage_since(start);
        if (round > 0) {
            waits_tell("fire", (double)cost.wall_ns / count, "ns/wait");
            waits_tell("fire-cpu", (double)cost.cpu_ns / count, "ns/wait");
        }
    }
    nudged = side;
    waits_runner_end(nudge);
}

static bool has_one_source(const struct waits_side *side)
{
    return side->native && side->native->arm_on_one;
}

static void measure_million_on_one(const struct waits_side *side, bool quick)
{
    unsigned count = quick ? MILLION / 20 : MILLION;
    side->open();
    double own = own_bytes();
    side->native->create(count, once);
    for (int round = 0; round < 2; round++) {
        int64_t begin = spent_ns();
        side->native->arm_on_one(count);
        if (round > 0)
            waits_tell("arm", ns_each(begin, count), "ns/wait");
        else
            waits_tell("bytes", (own_bytes() - own) / count, "bytes/wait");
        waits_expect(count);
        struct usage start = usage_now();
        side->native->signal_one();
        int64_t set_ns = now_ns() - start.wall_ns;
        waits_all_came(side);
        struct usage cost = usage_since(start);
        if (round > 0) {
            waits_tell("set", (double)set_ns / 1e6, "ms");
            waits_tell("fire", (double)cost.wall_ns / count, "ns/wait");
            waits_tell("fire-cpu", (double)cost.cpu_ns / count, "ns/wait");
        }
    }
}

/* ---- closing --------------------------------------------------------------------------------- */

static void make_descriptor_waits(const struct waits_side *side, const int *descriptors,
                                  unsigned count)
{
    side->descriptors->create(descriptors, count, never);
    side->descriptors->arm(count);
    waits_settle(side);
}

/* Each twice in turns, and the second time is told. */
static void measure_close(const struct waits_side *side, bool quick)
{
    unsigned count = waits_descriptor_count(quick ? 1000 : 15000);
    int *descriptors = waits_descriptors_open(count);
    side->open();
    for (int round = 0; round < 2; round++) {
        int64_t begin;
        if (side->group_open) {
            side->group_open();
            make_descriptor_waits(side, descriptors, count);
            begin = spent_ns();
            side->group_close();
            if (round > 0)
                waits_tell("group", ns_each(begin, count), "ns/wait");
        }
        make_descriptor_waits(side, descriptors, count);
        begin = spent_ns();
        side->descriptors->close(count);
        if (round > 0)
            waits_tell("one-by-one", ns_each(begin, count), "ns/wait");
    }
    waits_tell("n", count, "waits");
}

static void make_native_waits(const struct waits_side *side, unsigned count)
{
    side->native->create(count, never);
    if (side->native->arm)
        side->native->arm(count);
}

static void measure_native_close(const struct waits_side *side, bool quick)
{
    unsigned count = quick ? MILLION / 100 : MILLION / 10;
    side->open();
    if (side->native->sources)
        side->native->sources(count);
    for (int round = 0; round < 2; round++) {
        int64_t begin;
        if (side->group_open) {
            side->group_open();
            make_native_waits(side, count);
            begin = spent_ns();
            side->group_close();
            if (round > 0)
                waits_tell("group", ns_each(begin, count), "ns/wait");
        }
        make_native_waits(side, count);
        begin = spent_ns();
        side->native->close(count);
        if (round > 0)
            waits_tell("one-by-one", ns_each(begin, count), "ns/wait");
    }
}

/* ---------------------------------------------------------------------------------------------- */

const struct waits_workload waits_cost_workloads[] = {
    {"register", "15 000 eventfds, a wait for each: made, armed, disarmed, armed again", false,
     waits_has_descriptors, measure_register, 0},
    {"timeouts", "10 000 waits for eventfds, each armed for 50 ms, which run out", false,
     has_timeouts, measure_timeouts, 0},
    {"timeouts-spread", "the same for times spread over 100 ms, no two the same", false,
     has_timeouts, measure_spread_timeouts, 0},
    {"close", "15 000 armed waits for eventfds closed, as a group and one by one", false,
     waits_has_descriptors, measure_close, 0},
    {"million", "1 000 000 waits, each for its own source: armed, and all signaled", true,
     waits_has_native, measure_million, 0},
    {"million-one", "1 000 000 waits for one event: armed, and the event set", true, has_one_source,
     measure_million_on_one, 0},
    {"native-timeouts", "100 000 waits for events, each armed for 50 ms, which run out", true,
     has_native_timeouts, measure_native_timeouts, 0},
    {"native-close", "100 000 armed waits closed, as a group and one by one", true,
     waits_has_native, measure_native_close, 0},
    {0},
};
