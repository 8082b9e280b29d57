/* io.h - an I/O object: a descriptor whose operations post. */
#ifndef TPI_OBJECT_IO_H
#define TPI_OBJECT_IO_H

#include "core/object/object.h"
#include "core/sched/channel.h"

struct tpi_io {
    struct tpi_object object;
    struct tpi_channel channel;

    /* under the lock of all bound descriptors */
    struct tpi_link bound;
    int number; /* what the application calls it; -1: bound no more */
};

/* tp_io_create, the function having been judged: as tpi_object_create, and TP_ERR_EXISTS,
 * TP_ERR_UNSUPPORTED, or TP_ERR_SYSTEM with a positive errno. */
tp_status_t tpi_io_create(int descriptor, struct tpi_spec *spec, void **handle_out, int *errno_out);

/* Worker only: runs what an operation has posted for itself. */
void tpi_io_run(struct tpi_operation *operation, struct tpi_worker *worker);

/* How many completions are to come in the pool, and forgotten operations in flight. */
uint64_t tpi_io_count(struct tpi_pool *pool);

/* As in a process that has just begun; and in the child of a fork. */
void tpi_io_reset(void);

/* In the child of a fork: gives back the descriptor of one of the parent's. */
void tpi_io_inherited(struct tpi_slot *slot);

#endif
