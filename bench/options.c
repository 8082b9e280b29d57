/* options.c - the command line that the measuring programs share. */
#include "bench/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void usage(const struct program *program)
{
    fprintf(stderr, "usage: %s\n", program->usage);
    exit(2);
}

void options_read(struct options *options, const struct program *program, int argc, char **argv)
{
    static const struct option known[] = {
        {"rounds", required_argument, NULL, 'r'},
        {"sides", required_argument, NULL, 's'},
        {"list", no_argument, NULL, 'l'},
        {"quick", no_argument, NULL, 'q'},
        {0},
    };
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == 'r') {
            options->rounds = (unsigned)atoi(optarg);
        } else if (option == 's') {
            options->sides = optarg;
        } else if (option == 'q' && program->knows_quick) {
            options->quick = true;
        } else if (option == 'l') {
            program->list();
            exit(0);
        } else {
            usage(program);
        }
    }
    if (options->rounds < 1 || options->rounds > program->rounds_most)
        usage(program);
    options->workloads = argv + optind;
    options->workload_count = argc - optind;
    for (int i = 0; i < options->workload_count; i++)
        program->judge(options->workloads[i]);
}

bool options_want_side(const struct options *options, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = options->sides; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == 0))
            return true;
    return !options->sides;
}

bool options_want_workload(const struct options *options, const char *name)
{
    for (int i = 0; i < options->workload_count; i++)
        if (strcmp(options->workloads[i], name) == 0)
            return true;
    return options->workload_count == 0;
}
