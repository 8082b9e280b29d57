/* naive_pool.h - the pool everybody writes first: one mutex, one condition, a list per priority.
 *
 * It is what tp is measured against, so it is written as well as that design allows: nothing is
 * allocated or signalled under the lock, and a work object that is already queued only counts. */
#ifndef BENCH_NAIVE_POOL_H
#define BENCH_NAIVE_POOL_H

#include <stdint.h>

struct naive_pool;
struct naive_work;

typedef void (*naive_fn)(void *context);

enum { NAIVE_HIGH, NAIVE_NORMAL, NAIVE_LOW, NAIVE_PRIORITIES };

struct naive_pool *naive_pool_create(unsigned threads);
void naive_pool_destroy(struct naive_pool *pool); /* after what is queued has run */

/* Has `function` run once: allocates a node, which the worker frees. */
void naive_pool_submit(struct naive_pool *pool, unsigned priority, naive_fn function,
                       void *context);

/* A callback that can be submitted again and again without allocating. */
struct naive_work *naive_work_create(struct naive_pool *pool, naive_fn function, void *context);
void naive_work_submit(struct naive_work *work, uint32_t posts);
void naive_work_destroy(struct naive_work *work); /* when all its posts have run */

#endif
