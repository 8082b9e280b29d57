/* metrics.h - tells the counters, and the pool's statistics, to whoever asks by HTTP. */
#ifndef EXAMPLES_ECHO_SERVER_METRICS_H
#define EXAMPLES_ECHO_SERVER_METRICS_H

#include "examples/echo_server/counters.h"

#include "tp/tp.h"

#include <stdbool.h>

struct metrics {
    struct counters *counters;
    tp_pool_t *pool;
    const tp_env_t *env; /* names peer_release */
};

/* As listener.accepted; `metrics` is a struct metrics. */
bool metrics_accepted(void *metrics, int fd);

#endif
