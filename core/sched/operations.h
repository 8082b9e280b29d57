/* operations.h - I/O operations on their way: begun at once, given to the ring, left until their
 * descriptor is ready, or carried out by a worker.
 *
 * What need not wait is done by whoever submits it. What waits for a peer is tried again when the
 * pool's poller tells that its descriptor is ready. What waits for a device goes to the pool's
 * ring, or, without one, to a worker, as a task of its own.
 *
 * Peers are not waited for in the ring: the kernel ends such a request in the name of the thread
 * that handed it over, and interrupts that for it, wherever it sleeps by then; with one buffer
 * for each request it is no faster, either. Only workers hand requests over: others leave it to
 * them. */
#ifndef TPI_SCHED_OPERATIONS_H
#define TPI_SCHED_OPERATIONS_H

#include "core/sched/channel.h"
#include "core/wait/sources.h"

/* tp_io_submit: TP_ERR_HANDLE, TP_ERR_CLOSED, TP_ERR_EXISTS, TP_ERR_NO_MEMORY; TP_ERR_SYSTEM
 * leaves a positive errno in *errno_out. The request's descriptor and kind are filled in here.
 * After one, or several, tpi_operations_flush hands over what this thread has put into the ring
 * of its pool. */
tp_status_t tpi_operation_submit(struct tpi_channel *channel, uint32_t generation, void *key,
                                 const struct tpp_request *request, int *errno_out);
void tpi_operations_flush(void);

/* tp_io_abort. TP_ERR_HANDLE, TP_ERR_ARGUMENT. */
tp_status_t tpi_operation_abort(struct tpi_channel *channel, uint32_t generation, const void *key);

/* The object's pool is shut down: what waits for a peer is to end. It may be closed, or gone. */
void tpi_operations_shut(struct tpi_channel *channel, uint32_t generation);

/* Is the event of the pool's poller about an I/O object? Then its descriptor is ready, and what
 * waits for that is left to workers: who carries an operation out runs its callback as well,
 * while the data is at hand. `slept` as in struct tpi_look. */
#define TPI_OPERATIONS_KEY (UINT64_C(1) << 63)
static inline bool tpi_operations_key(uint64_t key)
{
    return key & TPI_OPERATIONS_KEY; /* else it names a source, whose generation is smaller */
}
void tpi_operations_ready(const struct tpp_poller_event *event, bool slept,
                          struct tpi_posts *posts);

/* What the ring has told of one. */
void tpi_operation_told(struct tpi_operation *operation, struct tpp_outcome outcome,
                        struct tpi_posts *posts);

/* Makes a task of it, for a worker, whose function is object/callback.c's. */
struct tpi_ready tpi_operation_task(struct tpi_operation *operation);

/* Does it wait for a device, in the ring if there is one? */
bool tpi_operation_rings(const struct tpi_operation *operation);

/* Worker only: carries out what came as a task; it sleeps if that blocks and no ring has it. False
 * if the operation was over already, and forgotten: then its hold on its object is the caller's to
 * let go of, and the record to free. Else nobody has been told yet: tpi_operation_ran does that, or
 * has it wait once more. What is posted is left to the caller. */
bool tpi_operation_run(struct tpi_operation *operation, struct tpp_outcome *outcome_out);
void tpi_operation_ran(struct tpi_operation *operation, struct tpp_outcome outcome,
                       struct tpi_posts *posts);

static inline bool tpi_operation_blocks(const struct tpi_operation *operation)
{
    return operation->request.kind == TPP_DISK || operation->request.kind == TPP_DIRECT;
}

/* Worker only: an operation of the channel that stands in the queue of its pool is carried out here
 * and now, as tpi_inject_help. False if there is none. */
bool tpi_operation_help(struct tpi_channel *channel, struct tpi_worker *worker);

/* The channel's end: no poller knows it any more. */
void tpi_operations_end(struct tpi_channel *channel);

/* How many completions are to come, and forgotten operations in flight. */
uint64_t tpi_operations_count(struct tpi_channel *channel);

#endif
