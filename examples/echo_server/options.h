/* options.h - the command line, and what the system allows of it. */
#ifndef EXAMPLES_ECHO_SERVER_OPTIONS_H
#define EXAMPLES_ECHO_SERVER_OPTIONS_H

#include <stdint.h>

struct options {
    uint16_t port, metrics_port;
    uint32_t threads; /* 0: one per processor */
    uint32_t backend; /* TP_IO_BACKEND_* */
    uint64_t connections_most;
    uint64_t descriptors; /* what RLIMIT_NOFILE was raised to */
    int64_t idle_timeout_ns, drain_timeout_ns;
};

/* Returns the exit status, or -1 to go on. */
int options_parse(int argc, char **argv, struct options *options);

#endif
