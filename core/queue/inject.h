/* inject.h - the shared queue of one priority: any thread puts tasks in, workers take them out.
 *
 * Two intrusive lists: submitters append to `arriving` under `in`, takers work on `leaving` under
 * `out`, and move all that has arrived over, in one step, when it is empty. So a submitter never
 * waits for somebody who walks through cold tasks. All of `leaving` is older than all of
 * `arriving`: together they are one queue in exact order of publication.
 *
 * `slot.linked` of a task says that it stands in one of the lists.
 *
 * Taking a task claims it under `out`, and a task with more posts goes back to the tail before the
 * lock is free, so that it never vanishes from sight: that is what makes strict priority strict.
 *
 *   push cancel help disassociate rejoin   any thread
 *   claim                                  workers of the pool
 *   length                                 anybody, without a lock
 *
 * Locks: `out` before `in`. Whoever breaks a link out of turn holds both. */
#ifndef TPI_QUEUE_INJECT_H
#define TPI_QUEUE_INJECT_H

#include "core/os/lock.h"
#include "core/queue/ring.h"
#include "core/queue/task.h"

struct tpi_inject {
    _Alignas(128) struct tpi_lock in;
    uint32_t priority;        /* set at creation, then read-only */
    struct tpi_link arriving; /* under in */
    tpp_u32 pushed;           /* tasks ever appended: under in, read by anybody; [IQ1] */

    _Alignas(128) struct tpi_lock out;
    tpp_u32 popped;          /* tasks ever taken out: under out, read by anybody; [IQ1] */
    struct tpi_link leaving; /* under out */
};

void tpi_inject_init(struct tpi_inject *queue, uint32_t priority);

/* Puts the task at the tail if it still is what was to be queued: QUEUED, in that epoch, and not
 * linked. A task that was cancelled on its way here is left alone. */
void tpi_inject_push(struct tpi_inject *queue, struct tpi_task *task, uint32_t epoch);

/* The same for a number of tickets, in one hold of the lock. */
void tpi_inject_push_tickets(struct tpi_inject *queue, const uint64_t *tickets, uint32_t count);

/* Takes the first task and claims one post of it; NULL if the queue is empty. With a ring, which
 * the caller owns, up to `batch` further tasks move into it. What the claim did goes to
 * `claimed_out`. */
struct tpi_task *tpi_inject_claim(struct tpi_inject *queue, struct tpi_ring *ring_or_null,
                                  uint32_t batch, struct tpi_applied *claimed_out);

/* Cancels what is pending of the task, wherever it stands: CANCEL and its unlinking in one step.
 * REFUSED too if the task is not in that generation any more. */
struct tpi_applied tpi_inject_cancel(struct tpi_inject *queue, struct tpi_task *task,
                                     uint32_t generation);

/* Claims one post of the task out of turn: HELP and its unlinking in one step. */
struct tpi_applied tpi_inject_help(struct tpi_inject *queue, struct tpi_task *task,
                                   uint32_t generation);

/* Before the slot of a task that others could cancel is freed: see task.h on epochs. */
void tpi_inject_forget(struct tpi_inject *queue, struct tpi_task *task);

/* DISASSOCIATE and REJOIN: the number of detached callbacks changes only under `out`. */
struct tpi_applied tpi_inject_disassociate(struct tpi_inject *queue, struct tpi_task *task);
struct tpi_applied tpi_inject_rejoin(struct tpi_inject *queue, struct tpi_task *task);

/* Zero only if at some moment during the call the queue was empty. */
static inline uint32_t tpi_inject_length(struct tpi_inject *queue)
{
    /* [IQ1] acquire: a task that has left the queue for a ring is visible there. `popped` first: a
     * task that comes and goes meanwhile makes the difference too large, never too small. [IQ1] of
     * `pushed` brings nothing: append. */
    uint32_t popped = tpp_load_acquire(&queue->popped);
    return tpp_load_acquire(&queue->pushed) - popped;
}

#endif
