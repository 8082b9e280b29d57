/* wheel.c - a fuzz target: bytes become steps on a timer wheel beside a sorted list. */
#include <inttypes.h>

#include "core/time/wheel.h"
#include "fuzz/steps.h"

/* Enough that many are left when one call has filed anew all that it may. */
#define MODEL_NODES (2u * TPP_WHEEL_WORK + 40u)
MODEL_BEGIN
#include "tests/core/time/wheel_model.h"
MODEL_END

/* An input is one byte for the time at which it all begins, then steps until it ends. A step is one
 * byte, its kind in the lower three bits and a number n from 0 to 31 in the upper five, and the
 * bytes of its times. A time is two bytes: 0 to 255, shifted left by 0 to 62 bits. What a time is
 * counted from is said at each kind. Behind the end everything is run until the wheel is empty. */
enum kind {
    ADD,    /* time, window: due so long after now */
    LATE,   /* time, window: due so long before now */
    BURST,  /* 8 n + 1 nodes, due as the last one was, and for odd n each 1 ns later */
    REMOVE, /* byte: the one so far along the list */
    EXPIRE, /* time: so long after now, at most n at once, one call */
    PASS,   /* time: so long after now, n + 1 at once, until done */
    WAKE,   /* when the wheel wants to, n + 1 at once, until done */
    REWIND, /* time: so long before what it has seen; odd n: only asked, not rewound */
};

static uint64_t take_time(struct steps *steps)
{
    uint64_t number = take(steps);
    return number << take(steps) % 63 & INT64_MAX;
}

static int64_t later(int64_t time, uint64_t delay)
{
    int64_t sum;
    if (__builtin_add_overflow(time, (int64_t)delay, &sum) || sum == TPI_WHEEL_NEVER)
        return TPI_WHEEL_NEVER - 1;
    return sum;
}

static int64_t earlier(int64_t time, uint64_t delay)
{
    int64_t difference;
    return __builtin_sub_overflow(time, (int64_t)delay, &difference) ? INT64_MIN : difference;
}

static void step(struct model *model, struct steps *steps, int64_t *last)
{
    uint8_t first = take(steps);
    uint32_t n = first >> 3;
    int64_t window = 0;
    switch ((enum kind)(first & 7)) {
    case ADD:
        *last = later(model->now, take_time(steps));
        model_add(model, *last, later(*last, take_time(steps)));
        break;
    case LATE:
        *last = earlier(model->now, take_time(steps));
        model_add(model, *last, later(*last, take_time(steps)));
        break;
    case BURST:
        for (uint32_t i = 0; i <= 8 * n; i++, *last = later(*last, n & 1), window += 3)
            model_put(model, *last, later(*last, (uint64_t)(window & 31)));
        model_check(model, model->seen);
        break;
    case REMOVE:
        model_remove(model, take(steps) * model->count / 256);
        break;
    case EXPIRE:
        model_expire(model, later(model->now, take_time(steps)), n);
        break;
    case PASS:
        model_expire_all(model, later(model->now, take_time(steps)), n + 1);
        break;
    case WAKE:
        model_wake(model, n + 1);
        break;
    case REWIND:
        if (n & 1)
            model_expire(model, earlier(model->seen, take_time(steps)), n);
        else
            model_rewind(model, earlier(model->seen, take_time(steps)));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t begins[] = {
        0,         -1,      -100,
        INT64_MIN, 1 << 18, INT64_C(1700000000000000000),
        4095,      -65,     TPI_WHEEL_NEVER - 300,
    };
    static struct model model; /* not on the stack: too large */
    struct steps steps = {"wheel", data, size, 0};
    int64_t begin = begins[take(&steps) % (sizeof begins / sizeof *begins)], last = begin;
    model_init(&model, begin);
    for (; steps.left > 0 && model.complaint == NULL; steps.count++)
        step(&model, &steps, &last);
    if (model.complaint == NULL)
        model_drain(&model, 7);
    if (model.complaint != NULL) {
        fprintf(stderr, "wheel: after %zu steps from %" PRId64 ": %s\n", steps.count, begin,
                model.complaint);
        abort();
    }
    return 0;
}
