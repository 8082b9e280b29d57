/* default_pool.h - the pool of the process: made at first use, never closed. */
#ifndef TPI_OBJECT_DEFAULT_POOL_H
#define TPI_OBJECT_DEFAULT_POOL_H

#include "core/sched/pool.h"

tp_status_t tpi_default_pool(tpi_run_fn run, struct tpi_pool **pool_out);
void tpi_default_pool_reset(void); /* as in a process that has just begun; for tests */

#endif
