/* budget.h - divides the processors of the process among its pools.
 *
 * A pool's target is its share: all targets together are never more than the processors this
 * process may use. A pool begins with none and asks for one more when work finds nobody idle; a
 * pool without any still runs one thread, because a pool with objects always has one. When none is
 * free, a pool that has idle threads gives one up at once; from one that is busy too the gate takes
 * one, until they are even. A share goes back when the threads that filled it retire.
 *
 * Any thread, at any time; nothing here allocates. */
#ifndef TPI_SCHED_BUDGET_H
#define TPI_SCHED_BUDGET_H

#include "core/sched/pool.h"

/* One processor more for the pool; false if there is none to be had. `level` also takes from busy
 * pools that have at least two more than this one. */
bool tpi_budget_ask(struct tpi_pool *pool, bool level);

/* The pool keeps at most `keep`. */
void tpi_budget_return(struct tpi_pool *pool, uint32_t keep);

/* Reads how many processors there are, if the last reading is older than a second, and takes back
 * what is gone. Called when a pool is made, and by the gate while it looks: it reads files, and
 * wants more stack than a worker may have. */
void tpi_budget_refresh(void);

/* Forgets all, as in a new process. */
void tpi_budget_reset(void);

#endif
