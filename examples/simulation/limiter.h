/* limiter.h - lets so many through at once, and one more each so often: a bucket that a tp timer
 * fills, and that callbacks of any pool take from. */
#ifndef EXAMPLES_SIMULATION_LIMITER_H
#define EXAMPLES_SIMULATION_LIMITER_H

#include "examples/simulation/bucket.h"
#include "tp/tp.h"

struct limiter {
    struct bucket bucket;
    tp_timer_t *timer;
    _Atomic uint32_t granted, refused, refilled;
};

/* The environment says in which pool the timer's callbacks run. After an error nothing is left. */
tp_status_t limiter_open(struct limiter *limiter, tp_env_t *env, uint32_t at_once,
                         int64_t interval_ns);
bool limiter_take(struct limiter *limiter);  /* any thread, never blocks */
void limiter_close(struct limiter *limiter); /* nobody takes any more */

#endif
