/* io_echoes.c - what it costs to send back what another process sends. */
#include "bench/beside.h"
#include "bench/io.h"
#include "bench/io_client.h"
#include "bench/measure.h"

enum { CONNECTIONS = 64, BURST = 4 };

#define NS_PER_MS INT64_C(1000000)

/* ---- many connections ------------------------------------------------------------------------ */

static void measure_rate(const struct io_workload *workload, const struct io_side *side, bool quick,
                         unsigned in_flight)
{
    int64_t span_ns = (quick ? 200 : 1000) * NS_PER_MS;
    int descriptors[CONNECTIONS];
    io_client_connect(descriptors, CONNECTIONS, workload->message, in_flight);
    side->serve(descriptors, CONNECTIONS);
    sleep_ns(span_ns / 5);
    uint64_t before = io_client_messages();
    struct usage start = usage_now();
    sleep_ns(span_ns);
    uint64_t messages = io_client_messages() - before;
    struct usage cost = usage_since(start);
    io_client_end();
    must(messages > 0);
    io_tell("wall", (double)cost.wall_ns / (double)messages, "ns/message");
    io_tell("cpu", (double)cost.cpu_ns / (double)messages, "ns/message");
}

static void measure_one_by_one(const struct io_workload *workload, const struct io_side *side,
                               bool quick)
{
    measure_rate(workload, side, quick, 1);
}

static void measure_pipelines(const struct io_workload *workload, const struct io_side *side,
                              bool quick)
{
    measure_rate(workload, side, quick, BURST);
}

/* ---- to and fro ------------------------------------------------------------------------------ */

static void measure_trips(const struct io_side *side, bool hot, bool quick)
{
    unsigned samples = (hot ? 20000u : 10000u) / (quick ? 10 : 1);
    int descriptor;
    if (hot)
        beside_begin(beside_keep_awake);
    io_client_pair(&descriptor, samples);
    side->serve(&descriptor, 1);
    struct usage start = usage_now();
    double *trips_us = io_client_trips();
    struct usage cost = usage_since(start);
    if (hot)
        beside_end();
    io_tell("p50", quantile(trips_us, samples, 0.5), "us");
    io_tell("p99", quantile(trips_us, samples, 0.99), "us");
    io_tell("cpu", (double)cost.cpu_ns / 1e3 / samples, "us/trip");
}

static void measure_idle(const struct io_workload *workload, const struct io_side *side, bool quick)
{
    (void)workload;
    measure_trips(side, false, quick);
}

static void measure_hot(const struct io_workload *workload, const struct io_side *side, bool quick)
{
    (void)workload;
    measure_trips(side, true, quick);
}

const struct io_workload io_echo_workloads[] = {
    {"echo-64", "64 TCP connections, on each 64 bytes to and fro", 0, false, 64,
     measure_one_by_one},
    {"echo-16k", "the same with 16 KiB, four in flight on each", 0, false, 16384,
     measure_pipelines},
    {"byte-hot", "a byte to and fro over a socketpair, no processor asleep", 0, false, 1,
     measure_hot},
    {"byte", "the same where processors may fall asleep", 0, false, 1, measure_idle},
    {0},
};
