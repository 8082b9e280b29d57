/* harness.h - what the tests of others expect around them (tools/windows-sources); it counts.
 *
 * Written from what those tests call: ok and its kin say what must hold on Windows. What "broken"
 * allows are faults of some Windows, so here it allows nothing; what is still to be done in Wine is
 * an ordinary check here. */
#ifndef TP_TOOLS_WINDOWS_HARNESS_H
#define TP_TOOLS_WINDOWS_HARNESS_H

#include <windows.h>
#include <winternl.h>
#include <ntstatus.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static volatile LONG harness_passed, harness_failed, harness_skipped;

static inline void harness_check(const char *function, int line, int passed, ...)
{
    if (passed) {
        InterlockedIncrement(&harness_passed);
        return;
    }
    InterlockedIncrement(&harness_failed);
    printf("failed: %s, line %d\n", function, line);
}

static inline void harness_skip(const char *function, int line, ...)
{
    InterlockedIncrement(&harness_skipped);
    printf("skipped: %s, line %d\n", function, line);
}

#define ok(condition, ...) harness_check(__func__, __LINE__, (condition) ? 1 : 0, __VA_ARGS__)
#define broken(condition) ((void)(condition), 0)
#define todo_wine
#define todo_wine_if(condition) if ((void)(condition), 1)
#define skip(...) harness_skip(__func__, __LINE__, __VA_ARGS__)
#define win_skip(...) harness_skip(__func__, __LINE__, __VA_ARGS__)
#define trace(...) ((void)0)
#define START_TEST(name) static inline void harness_all_of_##name(void)

/* One test by name: what it returned is for tests that judge themselves. */
struct harness_test {
    const char *name;
    int (*run)(void);
};

static inline int harness_run(const struct harness_test *tests, const char *name)
{
    for (; tests->name; tests++)
        if (strcmp(tests->name, name) == 0) {
            int result = tests->run();

            printf("counts: %d %d %d\n", (int)harness_passed, (int)harness_failed,
                   (int)harness_skipped);
            return result;
        }
    return 2;
}

#endif
