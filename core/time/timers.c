/* timers.c - arming and disarming on three clocks, and the grid of a timer with a period. */
#include "core/time/timers.h"

#include "core/base/list.h"

#define LAST (TPI_WHEEL_NEVER - 1)
#define CLOCK_BITS (3u << TPI_ARMING_CLOCK_SHIFT)

_Static_assert(sizeof(void *) != 8 || sizeof(struct tpi_arming) <= 64, "one cache line");

struct tpi_wheel *tpi_timers_wheels(void)
{
    struct tpi_wheel *wheels = tpp_alloc(TPI_TIMERS_SIZE, _Alignof(struct tpi_wheel));
    for (uint32_t clock = 0; wheels && clock < TPP_CLOCK_COUNT; clock++)
        tpi_wheel_init(&wheels[clock], tpp_now((enum tpp_clock)clock));
    return wheels;
}

int64_t tpi_later(int64_t time, int64_t span)
{
    return time > LAST - span ? LAST : time + span;
}

/* The wall clock may have been set back; of the monotonic one a caller may merely be late. */
static void follow(struct tpi_timers *timers, enum tpp_clock clock, const struct tpi_instant *now)
{
    struct tpi_wheel *wheel = &timers->wheels[clock];
    if (clock == TPP_CLOCK_REALTIME && tpi_wheel_ahead(wheel, now->at[clock]))
        tpi_wheel_rewind(wheel, now->at[clock]);
}

void tpi_timers_arm(struct tpi_timers *timers, struct tpi_arming *arming, const struct tpi_due *due,
                    const struct tpi_instant *now)
{
    struct tpi_wheel_node *node = &arming->node;
    node->tag = (node->tag & ~CLOCK_BITS) | (uint32_t)due->clock << TPI_ARMING_CLOCK_SHIFT;
    node->due = due->due;
    node->latest = due->latest < LAST ? due->latest : LAST;
    arming->period = due->period;
    timers->armed++;
    if (due->due >= TPI_WHEEL_NEVER) {
        node->tag |= TPI_ARMING_NEVER;
        return;
    }
    follow(timers, due->clock, now);
    tpi_wheel_add(&timers->wheels[due->clock], node);
}

bool tpi_timers_disarm(struct tpi_timers *timers, struct tpi_arming *arming)
{
    if (!tpi_arming_armed(arming))
        return false;
    if (tpi_wheel_holds(&arming->node))
        tpi_wheel_remove(&timers->wheels[tpi_arming_clock(arming)], &arming->node);
    arming->node.tag &= ~TPI_ARMING_NEVER;
    timers->armed--;
    return true;
}

/* The wall clock tells only when the grid begins: a period is a span of time, and does not change
 * when that clock is set. */
void tpi_due_advance(struct tpi_due *due, const struct tpi_instant *now)
{
    int64_t reached = now->at[due->clock] > due->due ? now->at[due->clock] : due->due;
    uint64_t late = (uint64_t)reached - (uint64_t)due->due; /* may be more than an int64 holds */
    int64_t rest = due->period - (int64_t)(late % (uint64_t)due->period);
    int64_t window = due->latest - due->due;
    if (due->clock == TPP_CLOCK_REALTIME) {
        due->clock = TPP_CLOCK_MONOTONIC;
        reached = now->after; /* never early */
    }
    due->due = tpi_later(reached, rest);
    due->latest = tpi_later(due->due, window);
}

static void repeat(struct tpi_timers *timers, struct tpi_arming *arming,
                   const struct tpi_instant *now)
{
    struct tpi_due due = {.clock = tpi_arming_clock(arming),
                          .due = arming->node.due,
                          .latest = arming->node.latest,
                          .period = arming->period};
    tpi_due_advance(&due, now);
    tpi_timers_arm(timers, arming, &due, now);
}

uint32_t tpi_timers_due(struct tpi_timers *timers, const struct tpi_instant *now,
                        struct tpi_arming *due_out[TPP_TIMER_BATCH], bool *done_out)
{
    struct tpi_wheel_node *nodes[TPP_TIMER_BATCH];
    uint32_t count = 0;
    *done_out = true;
    for (uint32_t i = 0; i < TPP_CLOCK_COUNT && *done_out; i++) {
        enum tpp_clock clock = (enum tpp_clock)i;
        if (!tpi_timers_uses(timers, clock))
            continue;
        follow(timers, clock, now);
        count += tpi_wheel_expire(&timers->wheels[clock], now->at[clock], nodes + count,
                                  TPP_TIMER_BATCH - count, done_out);
    }
    for (uint32_t i = 0; i < count; i++) {
        due_out[i] = tpi_container(nodes[i], struct tpi_arming, node);
        timers->armed--;
        if (due_out[i]->period > 0)
            repeat(timers, due_out[i], now);
    }
    return count;
}

int64_t tpi_timers_monotonic(enum tpp_clock clock, int64_t time, const struct tpi_instant *now)
{
    int64_t here = now->at[TPP_CLOCK_MONOTONIC], span;
    if (clock == TPP_CLOCK_MONOTONIC)
        return time;
    if (time <= now->at[clock])
        return here;
    return __builtin_sub_overflow(time, now->at[clock], &span) ? LAST : tpi_later(here, span);
}

int64_t tpi_timers_wake(const struct tpi_timers *timers, const struct tpi_instant *now)
{
    int64_t wake = TPP_FOREVER;
    for (uint32_t i = 0; i < TPP_CLOCK_COUNT; i++) {
        enum tpp_clock clock = (enum tpp_clock)i;
        if (!tpi_timers_uses(timers, clock))
            continue;
        int64_t next = tpi_timers_monotonic(clock, tpi_wheel_next(&timers->wheels[clock]), now);
        if (next < wake)
            wake = next;
    }
    return wake;
}
