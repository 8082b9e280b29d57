/* shutdown.h - the orderly end of a pool: nothing new, nothing left, no thread. */
#ifndef TPI_OBJECT_SHUTDOWN_H
#define TPI_OBJECT_SHUTDOWN_H

#include "core/sched/pool.h"

/* tp_pool_shutdown, for a private pool that had that generation when its handle was looked up. */
tp_status_t tpi_shutdown(struct tpi_pool *pool, uint32_t generation, bool cancel_pending,
                         int64_t timeout_ns);

#endif
