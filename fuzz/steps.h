/* steps.h - the bytes of an input, taken one after another, and what a target finds wrong. */
#ifndef FUZZ_STEPS_H
#define FUZZ_STEPS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/target.h"

struct steps {
    const char *target;
    const uint8_t *data;
    size_t left, count; /* bytes to come; steps made */
};

/* Behind the end there are zeros. */
static inline uint8_t take(struct steps *steps)
{
    if (steps->left == 0)
        return 0;
    steps->left--;
    return *steps->data++;
}

/* Little end first. */
static inline uint32_t take_bytes(struct steps *steps, uint32_t count)
{
    uint32_t number = 0;
    for (uint32_t i = 0; i < count; i++)
        number |= (uint32_t)take(steps) << 8 * i;
    return number;
}

static inline _Noreturn void steps_complain(const struct steps *steps, const char *text)
{
    fprintf(stderr, "%s: step %zu: not so: %s\n", steps->target, steps->count, text);
    abort();
}

#define EXPECT(steps, condition) ((condition) ? (void)0 : steps_complain(steps, #condition))

/* Between these two stands what is the target's own, as a model: its branches teach a fuzzer
 * nothing, and to count them would take most of the time. */
#if defined(__clang__)
#define MODEL_PRAGMA(...) _Pragma(#__VA_ARGS__)
#define MODEL_ALL(which) \
    MODEL_PRAGMA(clang attribute push(__attribute__((which)), apply_to = function))
#define MODEL_BEGIN MODEL_ALL(noinline) MODEL_ALL(no_sanitize("coverage"))
#define MODEL_END MODEL_PRAGMA(clang attribute pop) MODEL_PRAGMA(clang attribute pop)
#else
#define MODEL_BEGIN
#define MODEL_END
#endif

#endif
