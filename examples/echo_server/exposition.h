/* exposition.h - the counters and the pool's statistics in the text format of Prometheus. */
#ifndef EXAMPLES_ECHO_SERVER_EXPOSITION_H
#define EXAMPLES_ECHO_SERVER_EXPOSITION_H

#include "examples/echo_server/counters.h"

#include "tp/tp.h"

#include <stddef.h>

enum { EXPOSITION_BYTES_MOST = 8192 };

/* Returns the length of the text. */
size_t exposition_write(char bytes[EXPOSITION_BYTES_MOST], struct counters *counters,
                        const tp_pool_stats_t *pool);

const char *exposition_backend(const tp_pool_stats_t *pool);

#endif
