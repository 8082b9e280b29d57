/* timers.h - what a library must be able to do to have its timers measured. */
#ifndef BENCH_TIMERS_H
#define BENCH_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

/* The loops whose turns are timed. Each side has its own, made by TIMERS_LOOPS around its three
 * inline functions, so that no call through a pointer is measured with them. A timer is told by the
 * number that it has of those made; delays count from now. */
struct timers_loops {
    void (*arm)(const unsigned *order, const int64_t *delays_ns, unsigned count);
    void (*rearm)(const unsigned *order, const int64_t *delays_ns, unsigned count);
    void (*cancel)(const unsigned *order, unsigned count);
    void (*pairs)(unsigned index, const int64_t *delays_ns, unsigned count);
};

#define TIMERS_LOOPS(side) \
    static void arm_all_##side(const unsigned *order, const int64_t *delays_ns, unsigned count) \
    { \
        for (unsigned i = 0; i < count; i++) \
            arm_##side(order[i], delays_ns[i]); \
    } \
    static void rearm_all_##side(const unsigned *order, const int64_t *delays_ns, unsigned count) \
    { \
        for (unsigned i = 0; i < count; i++) \
            rearm_##side(order[i], delays_ns[i]); \
    } \
    static void cancel_all_##side(const unsigned *order, unsigned count) \
    { \
        for (unsigned i = 0; i < count; i++) \
            cancel_##side(order[i]); \
    } \
    static void pairs_##side(unsigned index, const int64_t *delays_ns, unsigned count) \
    { \
        for (unsigned i = 0; i < count; i++) { \
            arm_##side(index, delays_ns[i]); \
            cancel_##side(index); \
        } \
    } \
    static const struct timers_loops loops_##side = {arm_all_##side, rearm_all_##side, \
                                                     cancel_all_##side, pairs_##side}

struct timers_side {
    const char *name;
    const char *about;
    bool floor; /* not a library, but what there is to do at least */
    void (*open)(void);
    /* Makes that many timers, none armed; `fired` is what each calls with its number. */
    void (*create)(unsigned count, void (*fired)(unsigned index));
    void (*destroy)(void);            /* NULL: there is nothing to be done for each timer */
    const struct timers_loops *loops; /* NULL: not measured with them */
    bool concurrent;                  /* two threads may call the loops at once */

    /* Times on CLOCK_MONOTONIC; a side that cannot express them rounds up. NULL: not measured. */
    void (*arm_at)(unsigned index, int64_t due_ns);
    void (*repeat)(unsigned index, int64_t due_ns, int64_t period_ns);
    bool masses; /* arm_at is fit for many that are due together */

    /* Where callbacks run on a thread that has to call for them: does so until none is armed, or
     * stop was called in a callback. NULL: the library has threads of its own. */
    void (*run)(void);
    void (*stop)(void);
};

extern const struct timers_side wheel_timers, wheel_lock_timers, wheel_mutex_timers;
extern const struct timers_side kernel_timers, tp_timers;

/* Where their libraries are installed. */
extern const struct timers_side uv_timers, ev_timers;
extern const struct timers_side event_timers, event_precise_timers, event_locked_timers;

struct timers_workload {
    const char *name;
    const char *about;
    bool (*fits)(const struct timers_side *side);
    void (*measure)(const struct timers_side *side, bool quick); /* prints `metric value unit` */
    unsigned rounds_most;                                        /* 0: as many as are wanted */
};

/* All that there are; the last has no name. */
extern const struct timers_workload timers_workloads[];

#endif
