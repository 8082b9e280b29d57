/* driven.h - pools without threads: their callbacks run on threads that call in. */
#ifndef TPI_SCHED_DRIVEN_H
#define TPI_SCHED_DRIVEN_H

#include "core/sched/pool.h"

/* tp_pool_run. The pool is driven and held by the caller, and the hold is given up here: a callback
 * may end the thread. TP_ERR_FORKED in the child if a callback forked. */
tp_status_t tpi_driven_run(struct tpi_pool *pool, uint32_t most, int64_t deadline,
                           uint32_t *ran_out);

/* Runs what is there on the calling thread, for a shutdown; also inside a callback of another pool.
 * TP_OK too if there is no seat left: then others are at it. TP_ERR_NO_MEMORY. */
tp_status_t tpi_driven_drain(struct tpi_pool *pool);

/* The descriptor that is readable while there is something to run, made at the first call. 0 or a
 * positive errno. */
int tpi_driven_flag(struct tpi_pool *pool, int *descriptor_out);

#endif
