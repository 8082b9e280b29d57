/* exposition.c - names, kinds, meanings and values, line by line. */
#include "examples/echo_server/exposition.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct text {
    char *bytes;
    size_t used;
};

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *text, const char *format, ...)
{
    size_t room = EXPOSITION_BYTES_MOST - text->used;
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text->bytes + text->used, room, format, values);
    va_end(values);
    if (length > 0 && (size_t)length < room)
        text->used += (size_t)length; /* what does not fit is left out */
}

static void head(struct text *text, const char *name, const char *kind, const char *meaning)
{
    put(text, "# HELP %s %s\n# TYPE %s %s\n", name, meaning, name, kind);
}

static void gauge(struct text *text, const char *name, const char *meaning, uint64_t value)
{
    head(text, name, "gauge", meaning);
    put(text, "%s %" PRIu64 "\n", name, value);
}

static void counter(struct text *text, const char *name, const char *meaning, uint64_t value)
{
    head(text, name, "counter", meaning);
    put(text, "%s %" PRIu64 "\n", name, value);
}

static void put_connections(struct text *text, struct counters *counters)
{
    gauge(text, "echo_connections_open", "Connections served now.", counters->open);
    counter(text, "echo_connections_accepted_total", "Connections accepted.", counters->accepted);
    head(text, "echo_connections_ended_total", "counter", "Connections that are over, and why.");
    for (int i = 0; i < ENDING_COUNT; i++)
        put(text, "echo_connections_ended_total{reason=\"%s\"} %llu\n", ending_names[i],
            atomic_load(&counters->ended[i]));
    counter(text, "echo_accept_pauses_total", "Pauses for lack of descriptors or memory.",
            counters->accept_pauses);
}

static void put_traffic(struct text *text, struct counters *counters)
{
    counter(text, "echo_received_bytes_total", "Bytes received.", counters->received);
    counter(text, "echo_sent_bytes_total", "Bytes sent back.", counters->sent);
    counter(text, "echo_messages_total", "Pieces received and sent back in full.",
            counters->messages);
}

const char *exposition_backend(const tp_pool_stats_t *pool)
{
    return pool->io_backend == TP_IO_BACKEND_URING   ? "io_uring"
           : pool->io_backend == TP_IO_BACKEND_EPOLL ? "epoll"
                                                     : "none";
}

static void put_pool(struct text *text, const tp_pool_stats_t *pool)
{
    static const char *const priorities[] = {"high", "normal", "low"};
    head(text, "tp_pool_io_backend", "gauge", "The back end in use.");
    put(text, "tp_pool_io_backend{name=\"%s\"} 1\n", exposition_backend(pool));
    gauge(text, "tp_pool_threads", "Threads alive.", pool->threads);
    gauge(text, "tp_pool_idle_threads", "Threads asleep for lack of work.", pool->idle_threads);
    gauge(text, "tp_pool_running", "Callbacks running.", pool->running);
    head(text, "tp_pool_pending", "gauge", "Posts queued.");
    for (int i = 0; i < 3; i++)
        put(text, "tp_pool_pending{priority=\"%s\"} %" PRIu64 "\n", priorities[i],
            pool->pending[i]);
    gauge(text, "tp_pool_timers_armed", "Timers that are set.", pool->timers_armed);
    gauge(text, "tp_pool_waits_armed", "Waits that are armed.", pool->waits_armed);
    gauge(text, "tp_pool_io_in_flight", "I/O operations in flight.", pool->io_in_flight);
    counter(text, "tp_pool_submitted_total", "Posts queued so far.", pool->submitted);
    counter(text, "tp_pool_executed_total", "Callbacks finished.", pool->executed);
    counter(text, "tp_pool_cancelled_total", "Posts dropped.", pool->cancelled);
    counter(text, "tp_pool_stolen_total", "Posts taken from another thread's queue.", pool->stolen);
    counter(text, "tp_pool_threads_created_total", "Threads started.", pool->threads_created);
}

size_t exposition_write(char bytes[EXPOSITION_BYTES_MOST], struct counters *counters,
                        const tp_pool_stats_t *pool)
{
    struct text text = {.bytes = bytes};
    put_connections(&text, counters);
    put_traffic(&text, counters);
    put_pool(&text, pool);
    return text.used;
}
