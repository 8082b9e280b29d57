/* measure.h - clocks, counters and the tally that tells when all tasks of a round have run. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a stretch of the program cost, all threads together. */
struct usage {
    int64_t wall_ns, cpu_ns;
    uint64_t switches; /* context switches, voluntary and not */
};
struct usage usage_now(void);
struct usage usage_since(struct usage begin);

int64_t now_ns(void);
void sleep_ns(int64_t ns);
uint64_t resident_bytes(void);
unsigned thread_count(void);
unsigned processor_count(void); /* on which this process may run */

/* Keeps all threads that will be made, and the caller, on its present processor. */
void pin_to_one_processor(void);

/* Keeps the processor busy without touching memory or the clock. */
void busy_calibrate(void);
void busy_us(unsigned us);

_Noreturn void fail(const char *what);
#define must(condition) ((condition) ? (void)0 : fail(#condition))

/* ---- a flag that one thread waits for -------------------------------------------------------- */

struct flag {
    _Atomic uint32_t word;
};
void flag_set(struct flag *flag);  /* and wakes everybody who waits */
void flag_wait(struct flag *flag); /* sleeps at once, never spins */
void flag_clear(struct flag *flag);

/* ---- the tally ----------------------------------------------------------------------------------
 *
 * Each task adds its number. Threads add to lines of their own, so that the tally costs a task
 * about 2 ns and never makes two workers meet on a line; the waiter sleeps until nearly all is done
 * and then looks again every few microseconds. */
void tally_begin(uint64_t tasks, unsigned threads);
void tally_add(uint64_t number);
void tally_wait(void); /* returns when all tasks have run; one run too many is a failure */
uint64_t tally_sum(void);

/* ---- samples --------------------------------------------------------------------------------- */

struct spread {
    double median, minimum, maximum;
};
/* Sorts the values. */
double quantile(double *values, unsigned count, double q);
struct spread spread_of(double *values, unsigned count);

#endif
