/* counters.c - what the endings of connections are called in metrics and totals. */
#include "examples/echo_server/counters.h"

const char *const ending_names[ENDING_COUNT] = {
    [ENDED_FINISHED] = "finished", [ENDED_IDLE] = "idle",   [ENDED_RESET] = "reset",
    [ENDED_ERROR] = "error",       [ENDED_LIMIT] = "limit", [ENDED_RESOURCES] = "resources",
    [ENDED_DRAINED] = "drained",   [ENDED_CUT] = "cut",
};
