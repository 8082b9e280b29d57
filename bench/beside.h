/* beside.h - processes that run beside a measurement, one on each processor. */
#ifndef BENCH_BESIDE_H
#define BENCH_BESIDE_H

/* On each processor on which this process may run, up to 64, a process that does nothing but this,
 * until the end or the death of this one; it never returns. */
void beside_begin(void (*run)(void));

/* What keeps processors from falling asleep, and no work from being done. */
void beside_keep_awake(void);

/* Nothing if there are none. */
void beside_end(void);

#endif
