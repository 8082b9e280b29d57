/* stop.h - SIGINT and SIGTERM as waits: the first of them sets an event. */
#ifndef EXAMPLES_ECHO_SERVER_STOP_H
#define EXAMPLES_ECHO_SERVER_STOP_H

#include "tp/tp.h"

#include <stdbool.h>

/* To be called while there is no other thread: from here on they are blocked in all. */
void stop_block(void);

/* Sets `event` when one of them comes, or has come since stop_block(). Complains if it fails. */
bool stop_start(tp_event_t *event, const tp_env_t *env);

#endif
