/* suite - what a Windows program observes of the thread pool, one observation a line.
 *
 * usage: suite PLUGIN [PART] (suite_plugin, as a library of the system)
 */
#include "tests/win32/suite/suite.h"

#include <stdio.h>
#include <string.h>

static const char *plugin;

static void library(void)
{
    library_part(plugin);
}

static void actions(void)
{
    actions_part(plugin);
}

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {
    {"pool", pool_part},       {"environment", environment_part},
    {"library", library},      {"simple", simple_part},
    {"work", work_part},       {"order", order_part},
    {"timer", timer_part},     {"wait", wait_part},
    {"many", wait_many_part},  {"io", io_part},
    {"group", group_part},     {"instance", instance_part},
    {"actions", actions},      {"legacy", legacy_part},
    {"handles", handles_part}, {"files", files_part},
};

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: suite PLUGIN [PART]\n");
        return 2;
    }
    plugin = argv[1];
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (argc < 3 || strcmp(argv[2], parts[i].name) == 0)
            parts[i].run();
    return 0;
}
