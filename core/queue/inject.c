/* inject.c - the shared queue of one priority described in inject.h. */
#include "core/queue/inject.h"

#include "core/base/assert.h"

void tpi_inject_init(struct tpi_inject *queue, uint32_t priority)
{
    queue->priority = priority;
    tpi_list_init(&queue->tasks);
    tpp_init(&queue->length, 0);
}

static void set_length(struct tpi_inject *queue, uint32_t length)
{
    /* [IQ1] release: a ticket moved to a ring is in the ring before the length says it left. */
    tpp_store_release(&queue->length, length);
}

static void link_back(struct tpi_inject *queue, struct tpi_task *task)
{
    tpi_assert(!task->linked);
    task->linked = true;
    tpi_list_push_back(&queue->tasks, &task->link);
    set_length(queue, tpp_peek(&queue->length) + 1);
    tpp_probe(TPP_PROBE_PUBLISH, task, queue->priority);
}

static void unlink(struct tpi_inject *queue, struct tpi_task *task)
{
    task->linked = false;
    tpi_list_remove(&task->link);
    set_length(queue, tpp_peek(&queue->length) - 1);
}

static void push_valid(struct tpi_inject *queue, struct tpi_task *task, uint32_t epoch)
{
    uint64_t word = tpp_load_acquire(&task->word); /* [ST1] */
    if ((word & TPI_STATE_QUEUED) && tpi_state_epoch(word) == epoch && !task->linked)
        link_back(queue, task);
}

void tpi_inject_push(struct tpi_inject *queue, struct tpi_task *task, uint32_t epoch)
{
    tpi_lock_take(&queue->lock);
    push_valid(queue, task, epoch);
    tpi_lock_drop(&queue->lock);
}

void tpi_inject_push_tickets(struct tpi_inject *queue, const uint64_t *tickets, uint32_t count)
{
    tpi_lock_take(&queue->lock);
    for (uint32_t i = 0; i < count; i++)
        push_valid(queue, tpi_ticket_task(tickets[i]), tpi_ticket_epoch(tickets[i]));
    tpi_lock_drop(&queue->lock);
}

/* Claims one post of the first task; NULL if it turned out that no more of it may run now. */
static struct tpi_task *claim_first(struct tpi_inject *queue, uint64_t *claimed_word_out)
{
    struct tpi_task *task = tpi_container(queue->tasks.next, struct tpi_task, link);
    /* peek: while the task is linked its epoch changes only under the lock held here. */
    uint32_t epoch = tpi_state_epoch(tpp_peek(&task->word));
    tpp_probe(TPP_PROBE_DEQUEUE, task, queue->priority);
    struct tpi_applied claimed = tpi_task_apply(task, TPI_EVENT_CLAIM, epoch);
    tpi_assert(!(claimed.effects & TPI_EFFECT_REFUSED) || claimed.effects & TPI_EFFECT_UNQUEUED);
    if (claimed.effects & TPI_EFFECT_REQUEUE) {
        tpi_list_remove(&task->link);
        tpi_list_push_back(&queue->tasks, &task->link);
        tpp_probe(TPP_PROBE_PUBLISH, task, queue->priority);
    } else {
        unlink(queue, task);
    }
    *claimed_word_out = claimed.after;
    if (!(claimed.effects & TPI_EFFECT_REFUSED))
        return task;
    if (tpi_task_apply(task, TPI_EVENT_RETRY, 0).effects & TPI_EFFECT_ENQUEUE)
        link_back(queue, task);
    return NULL;
}

/* Moves up to `count` tasks into the caller's ring, as tickets. Under lock. */
static void move_some(struct tpi_inject *queue, struct tpi_ring *ring, uint32_t count)
{
    while (count-- > 0 && !tpi_list_empty(&queue->tasks)) {
        struct tpi_task *task = tpi_container(queue->tasks.next, struct tpi_task, link);
        if (!tpi_ring_push(ring, tpi_ticket(task, tpi_state_epoch(tpp_peek(&task->word)))))
            return;
        unlink(queue, task);
    }
}

struct tpi_task *tpi_inject_claim(struct tpi_inject *queue, struct tpi_ring *ring, uint32_t batch,
                                  uint64_t *claimed_word_out)
{
    if (tpi_inject_length(queue) == 0)
        return NULL;
    struct tpi_task *task = NULL;
    tpi_lock_take(&queue->lock);
    /* Ends: a task that is refused leaves the queue or, having room again, is claimed next. */
    while (!task && !tpi_list_empty(&queue->tasks))
        task = claim_first(queue, claimed_word_out);
    if (ring)
        move_some(queue, ring, batch);
    tpi_lock_drop(&queue->lock);
    return task;
}

/* Unlinks first: after the swap the task may be freed by somebody else at any moment. As long as
 * QUEUED is set nobody links it anew, and whoever wants to take it needs the lock. */
static void unlink_if_linked(struct tpi_inject *queue, struct tpi_task *task)
{
    if (!task->linked)
        return;
    unlink(queue, task);
    tpp_probe(TPP_PROBE_UNPUBLISH, task, queue->priority);
}

struct tpi_applied tpi_inject_cancel(struct tpi_inject *queue, struct tpi_task *task)
{
    tpi_lock_take(&queue->lock);
    unlink_if_linked(queue, task);
    struct tpi_applied cancelled = tpi_task_apply(task, TPI_EVENT_CANCEL, 0);
    tpi_lock_drop(&queue->lock);
    return cancelled;
}

struct tpi_applied tpi_inject_cancel_handle(struct tpi_inject *queue, struct tpi_task *task,
                                            uint32_t generation)
{
    struct tpi_applied cancelled = {.effects = TPI_EFFECT_REFUSED};
    tpi_lock_take(&queue->lock);
    /* While linked, the task cannot be freed: the lock keeps it queued. Otherwise there is nothing
     * to unlink, and the event itself finds out whether the task is still the one meant. */
    if (tpi_slot_generation(&task->slot) == generation) {
        unlink_if_linked(queue, task);
        cancelled = tpi_task_apply_handle(task, generation, TPI_EVENT_CANCEL, 0);
    }
    tpi_lock_drop(&queue->lock);
    return cancelled;
}

struct tpi_applied tpi_inject_help(struct tpi_inject *queue, struct tpi_task *task,
                                   uint32_t generation)
{
    tpi_lock_take(&queue->lock);
    struct tpi_applied helped = tpi_task_apply_handle(task, generation, TPI_EVENT_HELP, 0);
    if ((helped.effects & TPI_EFFECT_UNLINK) && task->linked) {
        unlink(queue, task);
        tpp_probe(TPP_PROBE_UNPUBLISH, task, queue->priority);
    }
    tpi_lock_drop(&queue->lock);
    return helped;
}

struct tpi_applied tpi_inject_disassociate(struct tpi_inject *queue, struct tpi_task *task)
{
    tpi_lock_take(&queue->lock);
    /* relaxed: written only under this lock; readers are kept honest by the word's epoch. */
    tpp_store_relaxed(&task->detached, tpp_peek(&task->detached) + 1);
    struct tpi_applied applied = tpi_task_apply(task, TPI_EVENT_DISASSOCIATE, 0);
    tpi_lock_drop(&queue->lock);
    return applied;
}

struct tpi_applied tpi_inject_rejoin(struct tpi_inject *queue, struct tpi_task *task)
{
    tpi_lock_take(&queue->lock);
    uint32_t remaining = tpp_peek(&task->detached) - 1;
    tpp_store_relaxed(&task->detached, remaining); /* relaxed: as above */
    struct tpi_applied applied = tpi_task_apply(task, TPI_EVENT_REJOIN, remaining);
    tpi_lock_drop(&queue->lock);
    return applied;
}
