/* blocked.h - what a pool must be able to do to be measured with callbacks that block. */
#ifndef BENCH_BLOCKED_H
#define BENCH_BLOCKED_H

#include <stdbool.h>

struct blocked_side {
    const char *name;
    const char *about;
    /* Threads it runs callbacks on, on two processors, before it knows of any that block. */
    unsigned threads;
    /* Makes the pool, or does what its first use needs. threads_most is how many it may grow to at
     * most; 0 = as a program gets it that says nothing. NULL: there is nothing to make. */
    void (*open)(unsigned threads_most);
    void (*submit)(void (*function)(void *context), void *context);
    /* Called in a callback that is about to block; NULL: the pool is told nothing. */
    void (*block)(void);
    /* Waits for what still runs, where the pool can do that; NULL: nothing to do. */
    void (*close)(void);
    bool meets; /* it may grow to 500 threads */
};

extern const struct blocked_side tp_blocked, tp_told_blocked;

/* Where their libraries are installed. */
extern const struct blocked_side dispatch_blocked, glib_blocked, uv_blocked, uv_two_blocked;

#endif
