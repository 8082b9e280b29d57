/* workloads.c - the workloads: what each does, how it is timed, and how its result is checked. */
#include "bench/workloads.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"

enum { OBJECTS = 1024, GRAIN = 1000, BURST = 64, HIGHS = 1000 };

/* The one run of this process. */
static struct {
    const struct workload *workload;
    const struct side *side;
    unsigned count;
    void *pool;
    void *objects[OBJECTS];
    unsigned object_count;
    uint32_t grain; /* posts with one call */
} run;

static void emit(const char *metric, double value, const char *unit)
{
    printf("%s %.6g %s\n", metric, value, unit);
}

static void emit_usage(struct usage usage, unsigned tasks, const char *per)
{
    char unit[32];
    snprintf(unit, sizeof unit, "ns/%s", per);
    emit("wall", (double)usage.wall_ns / tasks, unit);
    emit("cpu", (double)usage.cpu_ns / tasks, unit);
    snprintf(unit, sizeof unit, "per-%s", per);
    emit("switches", (double)usage.switches / tasks, unit);
}

static void open_pool(void)
{
    run.pool = run.side->open(run.workload->workers, run.workload->producers);
}

static void close_pool(void)
{
    for (unsigned i = 0; i < run.object_count; i++)
        run.side->discard(run.objects[i]);
    run.object_count = 0;
    run.side->close(run.pool);
}

/* Objects for a side that wants them; their contexts are 1, 2, ... */
static void prepare_objects(const struct body *body, unsigned count)
{
    if (!run.side->prepare)
        return;
    for (uintptr_t i = 0; i < count; i++)
        run.objects[i] = run.side->prepare(run.pool, body, (void *)(i + 1));
    run.object_count = count;
}

/* Submits task number `i` to whatever the side has. */
static void submit_number(const struct body *body, unsigned i)
{
    if (run.side->prepare)
        run.side->post(run.objects[i % run.object_count], run.grain);
    else
        run.side->submit(run.pool, body, (void *)((uintptr_t)i + 1));
}

static uint64_t sum_of_numbers(unsigned count)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++)
        sum += (run.object_count > 0 ? i % run.object_count : i) + 1;
    return sum;
}

static unsigned threads_that_run(void)
{
    return run.workload->workers + run.workload->producers;
}

static void wait_for_all(void)
{
    if (run.side->help)
        run.side->help(run.pool);
    tally_wait();
}

/* ---- W1, W2: from outside to the workers ----------------------------------------------------- */

static void number(void *context)
{
    tally_add((uintptr_t)context);
}
BODY(number);

struct producer {
    unsigned first, end;
    pthread_t thread;
    struct flag *start;
};

static void produce(void *argument)
{
    struct producer *producer = argument;
    for (unsigned i = producer->first; i < producer->end; i++)
        submit_number(&number_body, i);
}

static void *producer_main(void *argument)
{
    struct producer *producer = argument;
    flag_wait(producer->start);
    run.side->inside(run.pool, produce, producer);
    if (run.side->help)
        run.side->help(run.pool);
    return NULL;
}

/* Has `calls` submits made by the producers; returns what it cost until all had run. */
static struct usage stream(unsigned calls)
{
    struct producer producers[8];
    struct flag start = {0};
    unsigned count = run.workload->producers;
    tally_begin((uint64_t)calls * run.grain, threads_that_run());
    for (unsigned i = 0; i < count; i++)
        producers[i] = (struct producer){
            .first = calls / count * i,
            .end = i + 1 == count ? calls : calls / count * (i + 1),
            .start = &start,
        };
    for (unsigned i = 1; i < count; i++)
        must(pthread_create(&producers[i].thread, NULL, producer_main, &producers[i]) == 0);
    struct usage begin = usage_now();
    flag_set(&start);
    run.side->inside(run.pool, produce, &producers[0]);
    wait_for_all();
    struct usage usage = usage_since(begin);
    for (unsigned i = 1; i < count; i++)
        pthread_join(producers[i].thread, NULL);
    must(tally_sum() == sum_of_numbers(calls) * run.grain);
    return usage;
}

static void run_stream(unsigned objects, uint32_t grain)
{
    run.grain = grain;
    open_pool();
    prepare_objects(&number_body, objects);
    unsigned calls = run.count / grain;
    struct usage cold = stream(calls);
    emit_usage(stream(calls), run.count, "task");
    emit("cold", (double)cold.wall_ns / run.count, "ns/task");
    close_pool();
}

static void w1(void)
{
    run_stream(OBJECTS, 1);
}

static void w2_reuse(void)
{
    run_stream(1, 1);
}

static void w2_many(void)
{
    run_stream(1, GRAIN);
}

/* ---- W3: a tree, each callback submits its two children -------------------------------------- */

static void tree(void *context);
BODY(tree);

static void tree(void *context)
{
    uintptr_t height = (uintptr_t)context;
    if (height > 1) {
        run.side->submit(run.pool, &tree_body, (void *)(height - 1));
        run.side->submit(run.pool, &tree_body, (void *)(height - 1));
    }
    tally_add(height);
}

static void plant(void *argument)
{
    run.side->submit(run.pool, &tree_body, argument);
}

static struct usage grow_tree(uintptr_t height)
{
    uint64_t sum = 0;
    for (unsigned level = 0; level < height; level++)
        sum += (UINT64_C(1) << level) * (height - level);
    tally_begin((UINT64_C(1) << height) - 1, threads_that_run());
    struct usage begin = usage_now();
    run.side->inside(run.pool, plant, (void *)height);
    wait_for_all();
    struct usage usage = usage_since(begin);
    must(tally_sum() == sum);
    return usage;
}

static void w3_tree(void)
{
    open_pool();
    unsigned tasks = (1u << run.count) - 1;
    struct usage cold = grow_tree(run.count);
    emit_usage(grow_tree(run.count), tasks, "task");
    emit("cold", (double)cold.wall_ns / tasks, "ns/task");
    close_pool();
}

/* ---- W4: one at a time ----------------------------------------------------------------------- */

/* Only the one callback of the moment touches it: that this works is part of what is checked. */
static unsigned hops_left;
static struct flag arrived;

static void hop(void *context);
BODY(hop);

static void hop(void *context)
{
    (void)context;
    if (--hops_left > 0)
        submit_number(&hop_body, 0);
    else
        flag_set(&arrived);
}

static void submit_hop(void *argument)
{
    (void)argument;
    submit_number(&hop_body, 0);
}

static struct usage chain(unsigned hops)
{
    hops_left = hops;
    flag_clear(&arrived);
    struct usage begin = usage_now();
    run.side->inside(run.pool, submit_hop, NULL);
    flag_wait(&arrived);
    struct usage usage = usage_since(begin);
    must(hops_left == 0);
    return usage;
}

static void w4_chain(void)
{
    open_pool();
    prepare_objects(&hop_body, 1);
    chain(run.count / 10);
    emit_usage(chain(run.count), run.count, "hop");
    close_pool();
}

static unsigned pings;

static void ping(void *context)
{
    (void)context;
    pings++;
    flag_set(&arrived);
}
BODY(ping);

/* One trip: submit, the callback sets a flag, and on. */
static double trip(void)
{
    int64_t begin = now_ns();
    flag_clear(&arrived);
    submit_number(&ping_body, 0);
    flag_wait(&arrived);
    return (double)(now_ns() - begin);
}

static void make_trips(void *argument)
{
    double *times = argument;
    pings = 0;
    for (unsigned i = 0; i < run.count / 10; i++)
        trip();
    struct usage begin = usage_now();
    for (unsigned i = 0; i < run.count; i++)
        times[i] = trip();
    struct usage usage = usage_since(begin);
    must(pings == run.count + run.count / 10);
    emit("p50", quantile(times, run.count, 0.5), "ns");
    emit("p99", quantile(times, run.count, 0.99), "ns");
    emit_usage(usage, run.count, "trip");
}

static void w4_ping(void)
{
    double *times = calloc(run.count, sizeof *times);
    must(times);
    open_pool();
    prepare_objects(&ping_body, 1);
    run.side->inside(run.pool, make_trips, times);
    close_pool();
    free(times);
}

static void w4_ping_1cpu(void)
{
    pin_to_one_processor();
    w4_ping();
}

/* ---- W6: 64 tasks of 1 us -------------------------------------------------------------------- */

static _Atomic unsigned burst_left;

static void work_1us(void *context)
{
    (void)context;
    busy_us(1);
    if (atomic_fetch_sub(&burst_left, 1) == 1)
        flag_set(&arrived);
}
BODY(work_1us);

static double burst(void)
{
    int64_t begin = now_ns();
    flag_clear(&arrived);
    burst_left = BURST;
    for (unsigned i = 0; i < BURST; i += run.grain)
        submit_number(&work_1us_body, i);
    flag_wait(&arrived);
    return (double)(now_ns() - begin) / 1000;
}

static void make_bursts(void *argument)
{
    double *times = argument;
    enum { GAP_NS = 200000 }; /* long enough for everybody to fall asleep */
    for (unsigned i = 0; i < 10; i++)
        burst();
    struct usage begin = usage_now();
    for (unsigned i = 0; i < run.count; i++) {
        sleep_ns(GAP_NS);
        times[i] = burst();
        must(burst_left == 0);
    }
    struct usage usage = usage_since(begin);
    emit("p50", quantile(times, run.count, 0.5), "us");
    emit("p99", quantile(times, run.count, 0.99), "us");
    emit("cpu", (double)usage.cpu_ns / 1000 / run.count, "us/burst");
    emit("switches", (double)usage.switches / run.count, "per-burst");
}

static void run_bursts(unsigned objects, uint32_t grain)
{
    double *times = calloc(run.count, sizeof *times);
    must(times);
    run.grain = grain;
    busy_calibrate();
    open_pool();
    prepare_objects(&work_1us_body, objects);
    run.side->inside(run.pool, make_bursts, times);
    close_pool();
    free(times);
}

static void w6_burst(void)
{
    run_bursts(BURST, 1);
}

static void w6_burst_many(void)
{
    run_bursts(1, BURST);
}

/* ---- a gate in front of the workers ---------------------------------------------------------- */

static struct flag gate;
static _Atomic unsigned at_gate;

static void wait_at_gate(void *context)
{
    (void)context;
    atomic_fetch_add(&at_gate, 1);
    flag_wait(&gate);
}
BODY(wait_at_gate);

static void submit_gates(void *argument)
{
    for (unsigned i = 0; i < run.workload->workers; i++)
        if (run.side->prepare)
            run.side->post(run.side->prepare(run.pool, &wait_at_gate_body, argument), 1);
        else
            run.side->submit(run.pool, &wait_at_gate_body, argument);
}

static void shut_gate(void)
{
    flag_clear(&gate);
    run.side->inside(run.pool, submit_gates, &gate);
    while (atomic_load(&at_gate) < run.workload->workers)
        sleep_ns(10000);
}

/* ---- W7: urgent tasks among a flood of others ------------------------------------------------ */

static _Atomic unsigned lows_begun;
static unsigned lows_before[HIGHS], lows_between[HIGHS];
static int64_t began_at[HIGHS];

static void low(void *context)
{
    atomic_fetch_add(&lows_begun, 1);
    busy_us(1);
    tally_add((uintptr_t)context);
}
BODY(low);

static void high(void *context)
{
    uintptr_t i = (uintptr_t)context - 1;
    lows_between[i] = atomic_load(&lows_begun) - lows_before[i];
    began_at[i] = now_ns();
    tally_add(i + 1);
}
BODY(high);

static void emit_highs(int64_t begin, unsigned lows_at_begin)
{
    double waited = 0;
    int64_t end = begin;
    unsigned last = 0;
    for (unsigned i = 0; i < HIGHS; i++) {
        unsigned at_start = lows_before[i] + lows_between[i];
        waited += lows_between[i];
        end = began_at[i] > end ? began_at[i] : end;
        last = at_start > last ? at_start : last;
    }
    emit("time", (double)(end - begin) / 1000, "us");
    emit("overtaken", waited / HIGHS, "lows-per-high");
    emit("total", last - lows_at_begin, "lows");
}

static void w7_priority(void)
{
    unsigned lows = run.count;
    busy_calibrate();
    open_pool();
    tally_begin(lows + HIGHS, threads_that_run());
    shut_gate();
    for (uintptr_t i = 0; i < lows; i++)
        run.side->submit_at(run.pool, TP_PRIORITY_LOW, &low_body, (void *)(i + 1));
    flag_set(&gate);
    while (atomic_load(&lows_begun) < lows / 20)
        sleep_ns(10000);
    unsigned lows_at_begin = atomic_load(&lows_begun);
    int64_t begin = now_ns();
    for (uintptr_t i = 0; i < HIGHS; i++) {
        lows_before[i] = atomic_load(&lows_begun);
        run.side->submit_at(run.pool, TP_PRIORITY_HIGH, &high_body, (void *)(i + 1));
    }
    tally_wait();
    must(tally_sum() == sum_of_numbers(lows) + sum_of_numbers(HIGHS));
    emit_highs(begin, lows_at_begin);
    close_pool();
}

/* ---- W8: what a pool costs while it does nothing --------------------------------------------- */

static void use_and_close(void)
{
    open_pool();
    prepare_objects(&hop_body, 1);
    chain(1);
    close_pool();
}

static void w8_create(void)
{
    use_and_close();
    unsigned threads = thread_count();
    struct usage begin = usage_now();
    for (unsigned i = 0; i < run.count; i++)
        use_and_close();
    struct usage usage = usage_since(begin);
    for (int i = 0; i < 100 && thread_count() > threads; i++) /* a close need not wait for them */
        sleep_ns(1000000);
    int64_t cpu_ns = usage_since(begin).cpu_ns;
    emit("wall", (double)usage.wall_ns / 1000 / run.count, "us/pool");
    emit("cpu", (double)cpu_ns / 1000 / run.count, "us/pool");
}

static void submit_all(void *argument)
{
    void **objects = argument;
    for (uintptr_t i = 0; i < run.count; i++)
        if (objects) {
            objects[i] = run.side->prepare(run.pool, &number_body, (void *)(i + 1));
            run.side->post(objects[i], 1);
        } else {
            run.side->submit(run.pool, &number_body, (void *)(i + 1));
        }
}

static void w8_bytes(void)
{
    void **objects = NULL;
    if (run.side->prepare) {
        objects = calloc(run.count, sizeof *objects);
        must(objects);
        memset(objects, 1, run.count * sizeof *objects); /* resident before it is measured */
    }
    open_pool();
    tally_begin(run.count, threads_that_run());
    shut_gate();
    uint64_t before = resident_bytes();
    run.side->inside(run.pool, submit_all, objects);
    emit("bytes", (double)(resident_bytes() - before) / run.count, "bytes/task");
    flag_set(&gate);
    tally_wait();
    must(tally_sum() == sum_of_numbers(run.count));
    free(objects);
}

static void w8_idle(void)
{
    open_pool();
    prepare_objects(&number_body, OBJECTS);
    stream(1000);
    sleep_ns(50000000); /* what they do on their way to sleep is not idling */
    struct usage begin = usage_now();
    sleep_ns((int64_t)run.count * 1000000);
    struct usage usage = usage_since(begin);
    double seconds = (double)usage.wall_ns / 1e9;
    emit("cpu", (double)usage.cpu_ns / 1000 / seconds, "us/s");
    emit("switches", (double)usage.switches / seconds, "per-s");
    close_pool();
}

/* ---- the list -------------------------------------------------------------------------------- */

const struct workload workloads[] = {
    {"w1-p1", "1 producer to 2 workers, empty tasks", w1, BOTH, false, 2, 1, 200000, 20000, 0},
    {"w1-p2", "2 producers to 2 workers", w1, BOTH, false, 2, 2, 200000, 20000, 0},
    {"w1-p4", "4 producers to 2 workers", w1, BOTH, false, 2, 4, 200000, 20000, 0},
    {"w1-p1-8t", "1 producer to 8 workers", w1, BOTH, false, 8, 1, 200000, 20000, 0},
    {"w2-reuse", "one object submitted again and again", w2_reuse, PREPARED, false, 2, 1, 1000000,
     100000, 0},
    {"w2-many", "the same, 1000 posts with one call", w2_many, PREPARED, false, 2, 1, 1000000,
     100000, 0},
    {"w3-tree", "tree of tasks, each submits two", w3_tree, ONE_TIME, false, 2, 1, 18, 14, 0},
    {"w3-tree-8t", "the same with 8 workers", w3_tree, ONE_TIME, false, 8, 1, 18, 14, 0},
    {"w4-chain", "each callback submits the next", w4_chain, BOTH, false, 2, 1, 200000, 20000, 0},
    {"w4-ping", "submit, wait for the answer, again", w4_ping, BOTH, false, 2, 1, 5000, 500, 0},
    {"w4-ping-1cpu", "the same on one processor", w4_ping_1cpu, BOTH, false, 2, 1, 5000, 500, 0},
    {"w6-burst", "64 tasks of 1 us into a sleeping pool", w6_burst, BOTH, false, 2, 1, 300, 50, 0},
    {"w6-burst-many", "the same with one call", w6_burst_many, PREPARED, false, 2, 1, 300, 50, 0},
    {"w7-priority", "1000 HIGH tasks into a flood of LOW", w7_priority, ONE_TIME, true, 2, 1, 20000,
     8000, 0},
    {"w8-create", "make a pool, run one task, close it", w8_create, BOTH, false, 2, 1, 100, 20, 0},
    {"w8-bytes", "memory of a pending task", w8_bytes, BOTH, false, 2, 1, 100000, 20000, 3},
    {"w8-idle", "an idle second", w8_idle, BOTH, false, 2, 1, 1000, 200, 3},
    {"w8-idle-8t", "the same with 8 workers", w8_idle, BOTH, false, 8, 1, 1000, 200, 3},
};
const unsigned workload_count = sizeof workloads / sizeof workloads[0];

bool workload_fits(const struct workload *workload, const struct side *side)
{
    if (workload->priorities && !side->submit_at)
        return false;
    return workload->form & (side->prepare ? PREPARED : ONE_TIME);
}

void workload_run(const struct workload *workload, const struct side *side, bool quick)
{
    run.workload = workload;
    run.side = side;
    run.count = quick ? workload->quick_count : workload->count;
    run.grain = 1;
    workload->run();
}
