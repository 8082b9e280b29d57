/* wheel_small_test.c - every short sequence of steps on a wheel of tiny sizes, against a list. */
#include <inttypes.h>

#include "tests/core/time/wheel_model.h"
#include "tests/support/tap.h"

/* usage: wheel_small_test [how many steps fewer]
 * The sizes come from the command line of the compiler: with one or two bits in a digit a few
 * nanoseconds cross several levels, and when one or two nodes are filed anew at once every step is
 * tried on a wheel that is half-way. At the end of each sequence time goes on until it is empty. */

enum kind { ADD, REMOVE, EXPIRE, REWIND };

/* ADD: due at base + a, window b. REMOVE: the a-th. EXPIRE: a later than before, at most b.
 * REWIND: to a before what it has seen. */
struct step {
    enum kind kind;
    int64_t a, b;
};

static const struct step wide[] = {
    {ADD, 0, 0},    {ADD, 0, 3},     {ADD, 1, 0},    {ADD, 1, 3},    {ADD, 2, 0},    {ADD, 2, 3},
    {ADD, 3, 0},    {ADD, 3, 3},     {ADD, 5, 0},    {ADD, 5, 3},    {ADD, 8, 0},    {REMOVE, 0, 0},
    {REMOVE, 1, 0}, {REMOVE, 2, 0},  {EXPIRE, 0, 1}, {EXPIRE, 1, 1}, {EXPIRE, 2, 1}, {EXPIRE, 2, 2},
    {EXPIRE, 4, 2}, {EXPIRE, -1, 1}, {EXPIRE, 2, 0}, {REWIND, 1, 0}, {REWIND, 3, 0},
};
static const struct step narrow[] = {
    {ADD, 3, 1},    {ADD, 4, 0},    {ADD, 6, 0},    {REMOVE, 0, 0},
    {REMOVE, 1, 0}, {EXPIRE, 2, 1}, {EXPIRE, 4, 2}, {REWIND, 2, 0},
};

static struct model model;
static const struct step *menu;
static uint32_t menu_length;
static int64_t base;
static uint64_t sequences;
static struct step path[16];
static uint32_t path_length, fewer;

/* False if the step cannot be made here. */
static bool make(const struct step *step)
{
    int64_t time;
    switch (step->kind) {
    case ADD:
        return model_add(&model, base + step->a, base + step->a + step->b);
    case REMOVE:
        return model_remove(&model, (uint32_t)step->a);
    case EXPIRE:
        if (__builtin_add_overflow(model.now, step->a, &time) || time == TPI_WHEEL_NEVER)
            return false;
        model_expire(&model, time, (uint32_t)step->b);
        return true;
    case REWIND:
        return !__builtin_sub_overflow(model.seen, step->a, &time) && model_rewind(&model, time);
    }
    return false;
}

static void print_path(void)
{
    static const char *const names[] = {"add", "remove", "expire", "rewind"};
    for (uint32_t i = 0; i < path_length; i++)
        printf("# %s %" PRId64 " %" PRId64 "\n", names[path[i].kind], path[i].a, path[i].b);
}

/* False after the first difference. */
static bool explore(uint32_t depth)
{
    struct model saved = model;
    for (uint32_t i = 0; i < menu_length; i++) {
        if (i > 0)
            model = saved;
        if (!make(&menu[i]))
            continue;
        path[path_length++] = menu[i];
        sequences++;
        if (depth == 1)
            model_drain(&model, 2);
        if (model.complaint != NULL) {
            printf("# base %" PRId64 ": %s\n", base, model.complaint);
            print_path();
            return false;
        }
        if (depth > 1 && !explore(depth - 1))
            return false;
        path_length--;
    }
    return true;
}

static void explore_from(int64_t start, const struct step *steps, size_t length, uint32_t depth)
{
    base = start;
    menu = steps;
    menu_length = (uint32_t)length;
    path_length = 0;
    sequences = 0;
    model_init(&model, start);
    check(explore(depth - fewer));
    printf("# %" PRIu64 " sequences of at most %u steps out of %zu, from %" PRId64 "\n", sequences,
           depth - fewer, length, start);
}

#define EXPLORE(start, steps, depth) \
    explore_from(start, steps, sizeof(steps) / sizeof *(steps), depth)

TAP_TEST(wheel_small__all_short_sequences_of_many_steps)
{
    EXPLORE(0, wide, 4);
    EXPLORE(INT64_MIN, wide, 4);
    EXPLORE(TPI_WHEEL_NEVER - 12, wide, 4);
}

/* Where all digits change at once: from -1 to 0. */
TAP_TEST(wheel_small__all_short_sequences_across_all_levels)
{
    EXPLORE(-3, wide, 5);
}

TAP_TEST(wheel_small__all_long_sequences_of_few_steps)
{
    EXPLORE(0, narrow, 7);
    EXPLORE(-4, narrow, 7);
}

int main(int count, char **arguments)
{
    fewer = count > 1 ? (uint32_t)atoi(arguments[1]) : 0;
    tap_run(wheel_small__all_short_sequences_of_many_steps);
    tap_run(wheel_small__all_short_sequences_across_all_levels);
    tap_run(wheel_small__all_long_sequences_of_few_steps);
    return tap_done();
}
