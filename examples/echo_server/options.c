/* options.c - reads the options, raises the limit of descriptors, and fits the one to the other. */
#include "examples/echo_server/options.h"

#include "examples/echo_server/complain.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { EXIT_USAGE = 2, CONNECTIONS_DEFAULT = 10000, DESCRIPTORS_KEPT = 100 };

static const char usage[] =
    "Usage: echo_server [options]\n"
    "Sends back whatever TCP connections to 127.0.0.1 send to it. SIGTERM or SIGINT: accepts no\n"
    "more, sends back what has come, and ends with status 0.\n"
    "\n"
    "  --port N             where to listen (default 0: any; it is printed)\n"
    "  --metrics-port N     where Prometheus finds /metrics (the same)\n"
    "  --max-connections N  at a time; more are closed at once (default 10000, or fewer if\n"
    "                       RLIMIT_NOFILE does not allow as many)\n"
    "  --idle-timeout S     seconds without a byte after which one is closed (default 60)\n"
    "  --drain-timeout S    seconds for what is still to be sent at the end (default 5)\n"
    "  --threads N          at most (default: one per processor)\n"
    "  --backend NAME       auto, epoll or uring (default auto; the environment variable\n"
    "                       TP_IO_BACKEND wins)\n"
    "  --help               print this help\n";

enum { PORT = 1, METRICS_PORT, CONNECTIONS, IDLE, DRAIN, THREADS, BACKEND, HELP };

static const struct option names[] = {{"port", required_argument, NULL, PORT},
                                      {"metrics-port", required_argument, NULL, METRICS_PORT},
                                      {"max-connections", required_argument, NULL, CONNECTIONS},
                                      {"idle-timeout", required_argument, NULL, IDLE},
                                      {"drain-timeout", required_argument, NULL, DRAIN},
                                      {"threads", required_argument, NULL, THREADS},
                                      {"backend", required_argument, NULL, BACKEND},
                                      {"help", no_argument, NULL, HELP},
                                      {0}};

static bool parse_number(const char *name, double least, double most, double *value)
{
    char *end;
    *value = strtod(optarg, &end);
    if (end != optarg && *end == '\0' && *value >= least && *value <= most)
        return true;
    fprintf(stderr, "echo_server: --%s: '%s' is no number from %g to %.0f\n", name, optarg, least,
            most);
    return false;
}

static bool parse_backend(uint32_t *backend)
{
    static const char *const backends[] = {"auto", "epoll", "uring"};
    for (*backend = TP_IO_BACKEND_AUTO; *backend <= TP_IO_BACKEND_URING; ++*backend)
        if (strcmp(optarg, backends[*backend]) == 0)
            return true;
    fprintf(stderr, "echo_server: --backend: '%s' is none of auto, epoll and uring\n", optarg);
    return false;
}

static bool parse_one(int option, const char *name, struct options *options)
{
    double value = 0;
    bool good = false;
    if (option == PORT && (good = parse_number(name, 0, 65535, &value)))
        options->port = (uint16_t)value;
    else if (option == METRICS_PORT && (good = parse_number(name, 0, 65535, &value)))
        options->metrics_port = (uint16_t)value;
    else if (option == CONNECTIONS && (good = parse_number(name, 1, 1e9, &value)))
        options->connections_most = (uint64_t)value;
    else if (option == IDLE && (good = parse_number(name, 0.001, 1e6, &value)))
        options->idle_timeout_ns = (int64_t)(value * 1e9);
    else if (option == DRAIN && (good = parse_number(name, 0, 1e6, &value)))
        options->drain_timeout_ns = (int64_t)(value * 1e9);
    else if (option == THREADS && (good = parse_number(name, 1, 4000, &value)))
        options->threads = (uint32_t)value;
    else if (option == BACKEND)
        good = parse_backend(&options->backend);
    return good;
}

/* Each connection takes one descriptor; some are for the rest of the program. */
static bool fit_descriptors(struct options *options)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        complain_errno("RLIMIT_NOFILE");
        return false;
    }
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    options->descriptors = setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
    uint64_t allowed =
        options->descriptors > DESCRIPTORS_KEPT ? options->descriptors - DESCRIPTORS_KEPT : 1;
    if (options->connections_most == 0)
        options->connections_most = allowed < CONNECTIONS_DEFAULT ? allowed : CONNECTIONS_DEFAULT;
    else if (options->connections_most > allowed)
        fprintf(stderr,
                "echo_server: %" PRIu64 " descriptors are too few for %" PRIu64
                " connections; accepting will pause\n",
                options->descriptors, options->connections_most);
    return true;
}

int options_parse(int argc, char **argv, struct options *options)
{
    int option, index = 0;
    *options = (struct options){.idle_timeout_ns = INT64_C(60000000000),
                                .drain_timeout_ns = INT64_C(5000000000)};
    while ((option = getopt_long(argc, argv, "", names, &index)) != -1) {
        if (option == HELP)
            return fputs(usage, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        if (option == '?' || !parse_one(option, names[index].name, options))
            return EXIT_USAGE;
    }
    if (optind < argc) {
        fprintf(stderr, "echo_server: '%s' is no option; try --help\n", argv[optind]);
        return EXIT_USAGE;
    }
    return fit_descriptors(options) ? -1 : EXIT_FAILURE;
}
