/* ending.h - a process that ends in each of four ways while objects of the library are armed. */
#ifndef TESTS_SURVIVAL_ENDING_H
#define TESTS_SURVIVAL_ENDING_H

#include "tests/survival/scene.h"

enum { STATUS = 42 };

/* Each test has its own. What is armed when the process ends, some of which never stops coming; a
 * function for atexit, which uses the library once more; and something whose callback exits with
 * STATUS, and soon. Where a step fails they end the process with a status that tells which. */
static void be_armed(void);
static void set_once_more(void);
static void let_a_callback_exit(void);

static const char *const ends[] = {"exit", "atexit", "_exit", "callback"};

static _Noreturn void end_in(const char *mode)
{
    be_armed();
    if (__atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) != 0)
        _exit(93);
    if (strcmp(mode, "_exit") == 0)
        _exit(STATUS);
    if (strcmp(mode, "atexit") == 0 && atexit(set_once_more) != 0)
        _exit(94);
    if (strcmp(mode, "callback") != 0)
        exit(STATUS);
    let_a_callback_exit();
    for (;;)
        pause();
}

/* In that process; returns if the mode is none of these. */
TAP_UNUSED_ static void end_if_asked(const char *mode)
{
    for (size_t i = 0; i < COUNT(ends); i++)
        if (strcmp(mode, ends[i]) == 0)
            end_in(ends[i]);
}

TAP_UNUSED_ static void expect_ends_at_once(void)
{
    for (size_t i = 0; i < COUNT(ends); i++) {
        int64_t begun = now();
        for (int times = 0; times < (UNDER_TSAN ? 1 : 5); times++)
            check_eq(end_of(start_again(ends[i], 20, -1)), STATUS);
        printf("# %s: %.1f ms\n", ends[i], (double)(now() - begun) / 1e6);
    }
}

#endif
