/* echo.h - the connections: each gets back what it sends, until it has enough or all are to end. */
#ifndef EXAMPLES_ECHO_SERVER_ECHO_H
#define EXAMPLES_ECHO_SERVER_ECHO_H

#include "examples/echo_server/counters.h"

#include "tp/tp.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct connection;

struct echo {
    /* set at the start, then read-only */
    struct counters *counters;
    const tp_env_t *env; /* names peer_release */
    uint64_t connections_most;
    int64_t idle_timeout_ns;
    tp_event_t *drained; /* set when echo_drain() was called and no connection is left */

    pthread_mutex_t lock; /* for what follows */
    struct connection *first;
    atomic_bool draining;
};

/* As listener.accepted; `echo` is a struct echo. */
bool echo_accepted(void *echo, int fd);

/* No connection is accepted any more. Those that are owed nothing end now; the others, once they
 * were sent all that has come from them. */
void echo_drain(struct echo *echo);

#endif
