/* inject.h - the shared queue of one priority: any thread puts tasks in, workers take them out.
 *
 * An intrusive list under a small lock, in exact order of publication. Taking a task claims it
 * under the same lock, and a task with more posts goes back to the tail in the same step, so that
 * it never vanishes from sight: that is what makes strict priority strict.
 *
 *   push cancel help disassociate rejoin   any thread
 *   claim                                  workers of the pool
 *   length                                 anybody, without the lock */
#ifndef TPI_QUEUE_INJECT_H
#define TPI_QUEUE_INJECT_H

#include "core/os/lock.h"
#include "core/queue/ring.h"
#include "core/queue/task.h"

struct tpi_inject {
    _Alignas(128) struct tpi_lock lock;
    uint32_t priority;     /* set at creation, then read-only */
    struct tpi_link tasks; /* under lock */
    tpp_u32 length;        /* written under lock, read by anybody: [IQ1] */
};

void tpi_inject_init(struct tpi_inject *queue, uint32_t priority);

/* Puts the task at the tail if it still is what was to be queued: QUEUED, in that epoch, and not
 * linked. A task that was cancelled on its way here is left alone. */
void tpi_inject_push(struct tpi_inject *queue, struct tpi_task *task, uint32_t epoch);

/* The same for a number of tickets, in one hold of the lock. */
void tpi_inject_push_tickets(struct tpi_inject *queue, const uint64_t *tickets, uint32_t count);

/* Takes the first task and claims one post of it; NULL if the queue is empty. With a ring, which
 * the caller owns, up to `batch` further tasks move into it. The word as the claim left it goes to
 * `claimed_word_out`. */
struct tpi_task *tpi_inject_claim(struct tpi_inject *queue, struct tpi_ring *ring_or_null,
                                  uint32_t batch, uint64_t *claimed_word_out);

/* Cancels what is pending of the task, wherever it stands: CANCEL and its unlinking in one step. */
struct tpi_applied tpi_inject_cancel(struct tpi_inject *queue, struct tpi_task *task);
struct tpi_applied tpi_inject_cancel_handle(struct tpi_inject *queue, struct tpi_task *task,
                                            uint32_t generation);

/* Claims one post of the task out of turn: HELP and its unlinking in one step. */
struct tpi_applied tpi_inject_help(struct tpi_inject *queue, struct tpi_task *task,
                                   uint32_t generation);

/* DISASSOCIATE and REJOIN: the number of detached callbacks changes only under the queue's lock. */
struct tpi_applied tpi_inject_disassociate(struct tpi_inject *queue, struct tpi_task *task);
struct tpi_applied tpi_inject_rejoin(struct tpi_inject *queue, struct tpi_task *task);

static inline uint32_t tpi_inject_length(struct tpi_inject *queue)
{
    /* [IQ1] acquire: a task that has left the queue for a ring is visible there. Pairs with the
     * release in inject.c. */
    return tpp_load_acquire(&queue->length);
}

#endif
