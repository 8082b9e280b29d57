/* waits_flow.c - how soon a callback starts, what a signal costs, and how many callbacks there are
 * in a second. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "bench/beside.h"
#include "bench/measure.h"
#include "bench/waits.h"

enum { SOURCES = 64, LINE = 64 };

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)

/* What is measured at the moment. */
static struct {
    const struct waits_side *side;
    bool native;
    const int *descriptors;
    _Atomic bool ending;
} now;

static void send(unsigned index)
{
    if (now.native)
        now.side->native->signal(index);
    else
        waits_write(now.descriptors[index]);
}

static void send_last(void)
{
    send(0);
}

static void receive(unsigned index)
{
    if (!now.native)
        waits_read(now.descriptors[index]);
}

static void begin(const struct waits_side *side, bool native, unsigned count, waits_fired_fn *fired)
{
    now.side = side;
    now.native = native;
    side->open();
    if (native) {
        if (side->native->sources)
            side->native->sources(count);
        side->native->create(count, fired);
        if (side->native->arm)
            side->native->arm(count);
    } else {
        now.descriptors = waits_descriptors_open(count);
        side->descriptors->create(now.descriptors, count, fired);
        side->descriptors->arm(count);
    }
    waits_settle(side);
    waits_runner_begin(side);
}

/* ---- from the signal to the callback --------------------------------------------------------- */

static _Alignas(LINE) _Atomic int64_t seen_ns; /* 0: not yet */

static bool see(unsigned index, bool timed_out)
{
    int64_t at = now_ns();
    must(!timed_out);
    receive(index);
    atomic_store_explicit(&seen_ns, at, memory_order_release);
    return true;
}

static void pass(int64_t ns, bool spin)
{
    int64_t end = now_ns() + ns;
    if (!spin)
        sleep_ns(ns);
    while (spin && now_ns() < end)
        ;
}

/* The wait is armed again a moment after its callback was seen; until it is signaled next, 63
 * others are. */
static void measure_latency(const struct waits_side *side, bool native, bool hot, bool quick)
{
    unsigned samples = (hot ? 5000u : 1000u) / (quick ? 10 : 1), warm = samples / 10;
    double *late_us = waits_room(samples, sizeof *late_us);
    double *call_us = waits_room(samples, sizeof *call_us);
    struct usage start = {0};
    if (hot)
        beside_begin(beside_keep_awake);
    begin(side, native, SOURCES, see);
    for (unsigned i = 0; i < warm + samples; i++) {
        if (i == warm)
            start = usage_now();
        pass(hot ? 100 * NS_PER_US : NS_PER_MS, hot);
        atomic_store_explicit(&seen_ns, 0, memory_order_relaxed);
        int64_t sent = now_ns();
        send(i % SOURCES);
        int64_t returned = now_ns(), seen;
        while ((seen = atomic_load_explicit(&seen_ns, memory_order_acquire)) == 0)
            pass(hot ? 0 : NS_PER_MS, hot);
        if (i >= warm) {
            late_us[i - warm] = (double)(seen - sent) / 1e3;
            call_us[i - warm] = (double)(returned - sent) / 1e3;
        }
    }
    struct usage cost = usage_since(start);
    waits_runner_end(send_last);
    beside_end();
    waits_tell("p50", quantile(late_us, samples, 0.5), "us");
    waits_tell("p99", quantile(late_us, samples, 0.99), "us");
    waits_tell("call", quantile(call_us, samples, 0.5), "us");
    if (!hot)
        waits_tell("cpu", (double)cost.cpu_ns / 1e3 / samples, "us/signal");
}

static void measure_hot(const struct waits_side *side, bool quick)
{
    measure_latency(side, false, true, quick);
}

static void measure_idle(const struct waits_side *side, bool quick)
{
    measure_latency(side, false, false, quick);
}

static void measure_native_hot(const struct waits_side *side, bool quick)
{
    measure_latency(side, true, true, quick);
}

static void measure_native_idle(const struct waits_side *side, bool quick)
{
    measure_latency(side, true, false, quick);
}

/* ---- bursts ---------------------------------------------------------------------------------- */

static bool take(unsigned index, bool timed_out)
{
    must(!timed_out);
    receive(index);
    if (!atomic_load_explicit(&now.ending, memory_order_relaxed))
        waits_came(index);
    return true;
}

static int64_t thread_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

/* A millisecond between two bursts: in each the first signal finds everybody asleep, and the others
 * are sent while callbacks run. The last callbacks of a burst may not have armed their waits again
 * when it is over: they have that millisecond. */
static void measure_bursts(const struct waits_side *side, bool native, bool quick)
{
    unsigned bursts = quick ? 20 : 200, count = 1000;
    int64_t signaller_ns = 0, wall_ns = 0, cpu_ns = 0;
    begin(side, native, count, take);
    for (unsigned k = 0; k < bursts + bursts / 10; k++) {
        sleep_ns(NS_PER_MS);
        if (k == bursts / 10)
            signaller_ns = wall_ns = cpu_ns = 0;
        waits_expect(count);
        struct usage start = usage_now();
        int64_t since = thread_ns();
        for (unsigned i = 0; i < count; i++)
            send(i);
        signaller_ns += thread_ns() - since;
        waits_all_came(side);
        struct usage cost = usage_since(start);
        wall_ns += cost.wall_ns;
        cpu_ns += cost.cpu_ns;
    }
    atomic_store(&now.ending, true);
    waits_runner_end(send_last);
    waits_tell("signaller", (double)signaller_ns / bursts / count, "ns/signal");
    waits_tell("cpu", (double)cpu_ns / bursts / count, "ns/signal");
    waits_tell("wall", (double)wall_ns / bursts / count, "ns/signal");
}

static void measure_burst(const struct waits_side *side, bool quick)
{
    measure_bursts(side, false, quick);
}

static void measure_native_burst(const struct waits_side *side, bool quick)
{
    measure_bursts(side, true, quick);
}

/* ---- callbacks in a second ------------------------------------------------------------------- */

/* One for each source, in a line of its own. */
static struct source {
    _Alignas(LINE) _Atomic bool sent; /* and no callback has taken it yet */
    _Atomic unsigned runs;
} * sources;

static unsigned source_count;

static uint64_t runs(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < source_count; i++)
        sum += atomic_load_explicit(&sources[i].runs, memory_order_relaxed);
    return sum;
}

/* Callbacks of one wait follow one another. */
static void count_run(unsigned index)
{
    unsigned before = atomic_load_explicit(&sources[index].runs, memory_order_relaxed);
    atomic_store_explicit(&sources[index].runs, before + 1, memory_order_relaxed);
}

static bool clear(unsigned index, bool timed_out)
{
    must(!timed_out);
    receive(index);
    count_run(index);
    atomic_store_explicit(&sources[index].sent, false, memory_order_release);
    return true;
}

/* The callback makes its own source ready again. */
static bool repeat(unsigned index, bool timed_out)
{
    must(!timed_out);
    receive(index);
    count_run(index);
    if (!atomic_load_explicit(&now.ending, memory_order_relaxed))
        send(index);
    return true;
}

/* Makes ready whatever is not, one source after the other; how many were not. */
static unsigned send_round(void)
{
    unsigned sent = 0;
    for (unsigned i = 0; i < source_count; i++) {
        if (atomic_load_explicit(&sources[i].sent, memory_order_acquire))
            continue;
        atomic_store_explicit(&sources[i].sent, true, memory_order_relaxed);
        send(i);
        sent++;
    }
    return sent;
}

static void send_until(int64_t end_ns)
{
    while (now_ns() < end_ns)
        if (send_round() == 0)
            sched_yield();
}

static void send_for(bool by_callbacks, int64_t ns)
{
    if (by_callbacks)
        sleep_ns(ns);
    else
        send_until(now_ns() + ns);
}

static void measure_rate(const struct waits_side *side, unsigned wanted, bool by_callbacks,
                         bool quick)
{
    int64_t span_ns = (quick ? 200 : 500) * NS_PER_MS;
    source_count = waits_descriptor_count(wanted);
    sources = aligned_alloc(LINE, source_count * sizeof *sources);
    must(sources);
    for (unsigned i = 0; i < source_count; i++)
        sources[i] = (struct source){false, 0};
    begin(side, false, source_count, by_callbacks ? repeat : clear);
    if (by_callbacks)
        (void)send_round();
    send_for(by_callbacks, span_ns / 5);
    uint64_t before = runs();
    struct usage start = usage_now();
    send_for(by_callbacks, span_ns);
    uint64_t callbacks = runs() - before;
    struct usage cost = usage_since(start);
    must(callbacks > 0);
    atomic_store(&now.ending, true);
    sleep_ns(20 * NS_PER_MS); /* what is ready runs, and the loop falls asleep */
    waits_runner_end(send_last);
    waits_tell("wall", (double)cost.wall_ns / (double)callbacks, "ns/callback");
    waits_tell("cpu", (double)cost.cpu_ns / (double)callbacks, "ns/callback");
    waits_tell("n", source_count, "waits");
}

static void measure_ready_64(const struct waits_side *side, bool quick)
{
    measure_rate(side, SOURCES, false, quick);
}

static void measure_ready_10k(const struct waits_side *side, bool quick)
{
    measure_rate(side, 10000, false, quick);
}

static void measure_repeat_64(const struct waits_side *side, bool quick)
{
    measure_rate(side, SOURCES, true, quick);
}

static void measure_repeat_10k(const struct waits_side *side, bool quick)
{
    measure_rate(side, 10000, true, quick);
}

/* ---------------------------------------------------------------------------------------------- */

const struct waits_workload waits_flow_workloads[] = {
    {"late-hot", "from write(eventfd) to the callback, no processor asleep", false,
     waits_has_descriptors, measure_hot, 0},
    {"late-idle", "the same when everything is asleep", false, waits_has_descriptors, measure_idle,
     0},
    {"burst", "1000 eventfds written one right after the other", false, waits_has_descriptors,
     measure_burst, 0},
    {"ready-64", "a thread keeps 64 eventfds readable: callbacks in a second", false,
     waits_has_descriptors, measure_ready_64, 0},
    {"ready-10k", "the same with 10 000", false, waits_has_descriptors, measure_ready_10k, 0},
    {"repeat-64", "each of 64 callbacks makes its eventfd readable again", false,
     waits_has_descriptors, measure_repeat_64, 0},
    {"repeat-10k", "the same with 10 000", false, waits_has_descriptors, measure_repeat_10k, 0},
    {"native-hot", "from the signal to the callback, no processor asleep", true, waits_has_native,
     measure_native_hot, 0},
    {"native-idle", "the same when everything is asleep", true, waits_has_native,
     measure_native_idle, 0},
    {"native-burst", "1000 sources signaled one right after the other", true, waits_has_native,
     measure_native_burst, 0},
    {0},
};
