/* waits.h - what a library must be able to do to have its waits measured. */
#ifndef BENCH_WAITS_H
#define BENCH_WAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a callback calls, with the number of its wait. True: it is to be armed again. Sides whose
 * waits stay armed ask nobody. */
typedef bool waits_fired_fn(unsigned index, bool timed_out);

/* Waits for descriptors to be readable, one for each. */
struct waits_descriptors {
    /* The objects, not armed. */
    void (*create)(const int *descriptors, unsigned count, waits_fired_fn *fired);
    void (*arm)(unsigned count);
    /* The same with a time to run out, in ns from now. NULL: not measured. */
    void (*arm_for)(const int64_t *timeouts_ns, unsigned count);
    void (*disarm)(unsigned count);
    void (*close)(unsigned count); /* whether armed or not */
};

/* Waits for something that a thread of the same process signals, without a descriptor for each. */
struct waits_native {
    void (*sources)(unsigned count); /* what they are armed on, made first; NULL: nothing */
    void (*create)(unsigned count, waits_fired_fn *fired);
    void (*arm)(unsigned count); /* NULL: they are armed as soon as they are made */
    void (*arm_for)(const int64_t *timeouts_ns, unsigned count);
    void (*signal)(unsigned index); /* from any thread */
    void (*close)(unsigned count);
    /* All that were made, armed on one source. NULL: there is no such thing. */
    void (*arm_on_one)(unsigned count);
    void (*signal_one)(void);
};

struct waits_side {
    const char *name;
    const char *about;
    bool floor; /* not a library, but what there is to do at least */
    void (*open)(void);
    const struct waits_descriptors *descriptors; /* NULL: not measured with them */
    const struct waits_native *native;           /* NULL: not measured with them */

    /* What is made from now on is a member of one group, until that is closed. NULL: no groups. */
    void (*group_open)(void);
    void (*group_close)(void);

    /* Where callbacks run on a thread that has to call for them: sleeps until there are some, and
     * runs them. NULL: the library has threads of its own. */
    void (*turn)(void);
    /* Does without sleeping what arming has put off. NULL: nothing is put off. */
    void (*settle)(void);
};

extern const struct waits_side tp_waits, tp_one_waits;
extern const struct waits_side epoll_waits, epoll_once_waits, ring_waits;

/* Where their libraries are installed. */
extern const struct waits_side uv_waits, uv_again_waits, ev_waits, ev_again_waits;
extern const struct waits_side event_waits, event_again_waits, event_locked_waits;

struct waits_workload {
    const char *name;
    const char *about;
    bool native; /* told in another table than what is about descriptors */
    bool (*fits)(const struct waits_side *side);
    void (*measure)(const struct waits_side *side, bool quick); /* prints `metric value unit` */
    unsigned rounds_most;                                       /* 0: as many as are wanted */
};

/* What arming and closing cost, and what happens meanwhile; the last of each has no name. */
extern const struct waits_workload waits_cost_workloads[];
extern const struct waits_workload waits_flow_workloads[];

/* ---- what the workloads share ---------------------------------------------------------------- */

bool waits_has_descriptors(const struct waits_side *side);
bool waits_has_native(const struct waits_side *side);

void waits_tell(const char *metric, double value, const char *unit);
void *waits_room(size_t count, size_t size);

/* As many as are wanted, or as this process may have if the library holds a second one of each: the
 * same number for all sides. */
unsigned waits_descriptor_count(unsigned wanted);

/* That many eventfds, none readable. */
int *waits_descriptors_open(unsigned count);

void waits_write(int descriptor);
void waits_read(int descriptor); /* must be readable */

/* Does at once what arming has put off. */
void waits_settle(const struct waits_side *side);

/* A thread that runs the callbacks of a side that has none of its own; the end is seen after the
 * next callback, which `nudge` brings about. */
void waits_runner_begin(const struct waits_side *side);
void waits_runner_end(void (*nudge)(void));

/* Each of so many waits is to fire once: a countdown, and who reaches its end wakes the waiter. */
void waits_expect(unsigned count);
void waits_came(unsigned index);
void waits_all_came(const struct waits_side *side); /* runs the callbacks here if no runner does */

#endif
