/* io_echoes.c - what it costs to send back what another process sends. */
#include "bench/beside.h"
#include "bench/io.h"
#include "bench/io_client.h"
#include "bench/measure.h"

enum { CONNECTIONS = 64 };

#define NS_PER_MS INT64_C(1000000)

/* ---- many connections ------------------------------------------------------------------------ */

static void measure(const struct io_workload *workload, const struct io_side *side, bool quick)
{
    int64_t span_ns = (quick ? 200 : 1000) * NS_PER_MS;
    int descriptors[CONNECTIONS];
    if (workload->apart)
        io_client_apart();
    io_client_connect(descriptors, CONNECTIONS, workload->message, workload->in_flight);
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

/* ---- to and fro ------------------------------------------------------------------------------ */

static void measure_trips(const struct io_workload *workload, const struct io_side *side,
                          bool quick)
{
    unsigned samples = quick ? 2000 : 20000;
    int descriptor;
    if (workload->apart) {
        beside_begin(beside_keep_awake);
        io_client_apart();
    }
    io_client_pair(&descriptor, samples);
    side->serve(&descriptor, 1);
    struct usage start = usage_now();
    double *trips_us = io_client_trips();
    struct usage cost = usage_since(start);
    beside_end();
    io_tell("p50", quantile(trips_us, samples, 0.5), "us");
    io_tell("p99", quantile(trips_us, samples, 0.99), "us");
    io_tell("cpu", (double)cost.cpu_ns / 1e3 / samples, "us/trip");
}

const struct io_workload io_echo_workloads[] = {
    {.name = "echo-64",
     .about = "64 TCP connections, on each 64 bytes to and fro; the client has its processor",
     .message = 64,
     .in_flight = 1,
     .apart = true,
     .measure = measure},
    {.name = "echo-64-free",
     .about = "the same where the system places the threads",
     .message = 64,
     .in_flight = 1,
     .measure = measure},
    {.name = "echo-16k",
     .about = "64 TCP connections, on each 16 KiB to and fro, four times; as echo-64",
     .message = 16384,
     .in_flight = 4,
     .apart = true,
     .measure = measure},
    {.name = "echo-16k-free",
     .about = "the same where the system places the threads",
     .message = 16384,
     .in_flight = 4,
     .measure = measure},
    {.name = "byte-hot",
     .about = "a byte to and fro over a socketpair; as echo-64, no processor asleep",
     .message = 1,
     .apart = true,
     .measure = measure_trips},
    {.name = "byte",
     .about = "the same where the system places the threads and processors may fall asleep",
     .message = 1,
     .measure = measure_trips},
    {.name = NULL},
};
