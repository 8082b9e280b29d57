/* timers.h - the armed timers of one pool, on three clocks: no lock, and time is an argument.
 *
 * Each clock has a wheel of its own, so a timer that follows the wall clock does so by itself when
 * that is set: the other clocks know nothing of it. Only the time at which to wake up is told on
 * the monotonic clock, on which threads sleep, and must be asked for again after a jump. */
#ifndef TPI_TIME_TIMERS_H
#define TPI_TIME_TIMERS_H

#include "core/os/os.h"
#include "core/time/wheel.h"

struct tpi_task;

/* node.tag: these, and two bits for the clock of the wheel that holds the node. */
#define TPI_ARMING_SET 1u    /* it was set last, not stopped */
#define TPI_ARMING_NEVER 2u  /* it is armed for a time that does not come, and in no wheel */
#define TPI_ARMING_SKIP 4u   /* an expiry that finds a post pending adds none */
#define TPI_ARMING_BARRED 8u /* it is not armed any more: its group is being closed */
#define TPI_ARMING_WAIT 64u  /* it is the timeout of a wait: sched/waits.h */
#define TPI_ARMING_CLOCK_SHIFT 4u

/* One timer's part in all this; 64 bytes at most. All zero but for the task at the beginning. */
struct tpi_arming {
    struct tpi_wheel_node node;
    struct tpi_task *task; /* whose it is; read-only */
    int64_t period;        /* ns; 0: once */
};

/* What it is to be armed for; `due` and `latest` are times on that clock. */
struct tpi_due {
    enum tpp_clock clock;
    int64_t due, latest; /* due >= TPI_WHEEL_NEVER: never */
    int64_t period;
};

struct tpi_timers {
    struct tpi_wheel *wheels; /* one for each clock; NULL before there is a timer */
    uint64_t armed;
};

/* The time on each clock, read one after another in this order, and the monotonic one once more: a
 * time that is told on that clock then comes rather too early if reckoned from the first reading,
 * and rather too late if from the last. A clock on which nothing is armed need not be read. */
struct tpi_instant {
    int64_t at[TPP_CLOCK_COUNT];
    int64_t after;
};

/* What tpi_timers.wheels points to; NULL when memory is out. Freed with tpp_free, if at all. */
#define TPI_TIMERS_SIZE (TPP_CLOCK_COUNT * sizeof(struct tpi_wheel))
struct tpi_wheel *tpi_timers_wheels(void);

/* Arms what is not armed; `now` is needed for that clock. */
void tpi_timers_arm(struct tpi_timers *timers, struct tpi_arming *arming, const struct tpi_due *due,
                    const struct tpi_instant *now);

/* True if it was armed. */
bool tpi_timers_disarm(struct tpi_timers *timers, struct tpi_arming *arming);

/* Takes out what is due, at most a batch, clock by clock in order; a timer with a period is armed
 * anew. *done_out tells that nothing more is due now. */
uint32_t tpi_timers_due(struct tpi_timers *timers, const struct tpi_instant *now,
                        struct tpi_arming *due_out[TPP_TIMER_BATCH], bool *done_out);

/* From a time that has come to the first time of the grid that is still to come. */
void tpi_due_advance(struct tpi_due *due, const struct tpi_instant *now);

/* When to call tpi_timers_due next, on the monotonic clock; TPP_FOREVER if nothing is armed. */
int64_t tpi_timers_wake(const struct tpi_timers *timers, const struct tpi_instant *now);

/* A time on another clock, told on the monotonic one. */
int64_t tpi_timers_monotonic(enum tpp_clock clock, int64_t time, const struct tpi_instant *now);

/* Time plus a span that is not negative: at most the last moment before never. */
int64_t tpi_later(int64_t time, int64_t span);

static inline enum tpp_clock tpi_arming_clock(const struct tpi_arming *arming)
{
    return (enum tpp_clock)(arming->node.tag >> TPI_ARMING_CLOCK_SHIFT & 3u);
}

/* Is anything armed on that clock? */
static inline bool tpi_timers_uses(const struct tpi_timers *timers, enum tpp_clock clock)
{
    return timers->wheels && timers->wheels[clock].levels != 0;
}

/* Is anything armed on a clock that can jump? */
static inline bool tpi_timers_may_jump(const struct tpi_timers *timers)
{
    return tpi_timers_uses(timers, TPP_CLOCK_REALTIME) ||
           tpi_timers_uses(timers, TPP_CLOCK_BOOTTIME);
}

static inline bool tpi_arming_armed(const struct tpi_arming *arming)
{
    return tpi_wheel_holds(&arming->node) || arming->node.tag & TPI_ARMING_NEVER;
}

#endif
