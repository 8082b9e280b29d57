/* dump.h - a pool in words: its limits, its queues, its threads and what each of them runs. */
#ifndef TPI_OBJECT_DUMP_H
#define TPI_OBJECT_DUMP_H

#include "core/sched/pool.h"

/* Takes no lock, allocates nothing, and reads atomic words only, so it may be called in a signal
 * handler, or while the process hangs. TP_ERR_HANDLE if the handle went stale meanwhile: what was
 * written is of no use then. TP_ERR_SYSTEM with the errno. */
tp_status_t tpi_dump(struct tpi_pool *pool, uint32_t generation, int descriptor, int *errno_out);

#endif
