/* inject.c - the shared queue of one priority described in inject.h. */
#include "core/queue/inject.h"

void tpi_inject_init(struct tpi_inject *queue, uint32_t priority)
{
    queue->priority = priority;
    tpi_list_init(&queue->arriving);
    tpi_list_init(&queue->leaving);
    tpp_store_relaxed(&queue->pushed, 0); /* relaxed, both: nobody has the queue yet */
    tpp_store_relaxed(&queue->popped, 0);
}

static struct tpi_task *task_of(struct tpi_link *link)
{
    return tpi_container(link, struct tpi_task, slot.link);
}

/* ---- appending: under `in` ------------------------------------------------------------------- */

static void append(struct tpi_inject *queue, struct tpi_task *task)
{
    tpi_list_push_back(&queue->arriving, &task->slot.link);
    /* [IQ2] release: whoever sees it linked sees the generation in which it was linked. Pairs with
     * the acquire in pull_out. */
    tpp_store_release(&task->slot.linked, 1);
    /* [IQ1] release: pairs with the acquire in tpi_inject_length. Relaxed would do for both: the
     * list is under locks, and who must not miss this looks after a fence. */
    tpp_store_release(&queue->pushed, tpp_peek(&queue->pushed) + 1);
    tpp_probe(TPP_PROBE_PUBLISH, task, queue->priority);
}

static void append_valid(struct tpi_inject *queue, struct tpi_task *task, uint32_t epoch)
{
    /* [ST1] Relaxed would do: who comes here has the epoch from the swap that queued the task. */
    uint64_t word = tpp_load_acquire(&task->word);
    if ((word & TPI_STATE_QUEUED) && tpi_state_epoch(word) == epoch &&
        !tpp_peek(&task->slot.linked))
        append(queue, task);
}

void tpi_inject_push(struct tpi_inject *queue, struct tpi_task *task, uint32_t epoch)
{
    tpi_lock_take(&queue->in);
    append_valid(queue, task, epoch);
    tpi_lock_drop(&queue->in);
}

void tpi_inject_push_tickets(struct tpi_inject *queue, const uint64_t *tickets, uint32_t count)
{
    tpi_lock_take(&queue->in);
    for (uint32_t i = 0; i < count; i++)
        append_valid(queue, tpi_ticket_task(tickets[i]), tpi_ticket_epoch(tickets[i]));
    tpi_lock_drop(&queue->in);
}

/* ---- taking: under `out` --------------------------------------------------------------------- */

/* The task is in no list any more, but still counted. */
static void unlink(struct tpi_task *task)
{
    tpi_list_remove(&task->slot.link);
    tpp_store_relaxed(&task->slot.linked, 0); /* relaxed: who would link it anew needs the locks */
}

static void uncount(struct tpi_inject *queue)
{
    /* [IQ1] release: a ticket moved to a ring is in the ring before the count says it left. */
    tpp_store_release(&queue->popped, tpp_peek(&queue->popped) + 1);
}

/* True if `leaving` has something, now or after all that has arrived was moved over. */
static bool refill(struct tpi_inject *queue)
{
    if (!tpi_list_empty(&queue->leaving))
        return true;
    tpi_lock_take(&queue->in);
    tpi_list_splice_back(&queue->leaving, &queue->arriving);
    tpi_lock_drop(&queue->in);
    return !tpi_list_empty(&queue->leaving);
}

/* To the tail, without ever being uncounted: nobody sees an empty queue in between. */
static void put_back(struct tpi_inject *queue, struct tpi_task *task)
{
    if (tpi_inject_length(queue) == 1) { /* it is alone: here is the tail */
        tpi_list_push_back(&queue->leaving, &task->slot.link);
        tpp_store_release(&task->slot.linked, 1); /* [IQ2] */
        tpp_probe(TPP_PROBE_PUBLISH, task, queue->priority);
        return;
    }
    tpi_lock_take(&queue->in);
    append(queue, task);
    tpi_lock_drop(&queue->in);
    uncount(queue);
}

/* Claims one post of the first task; NULL if it turned out that no more of it may run now: then the
 * finish that makes room queues it again. What runs detached changes only under this lock, so that
 * no second look is needed, as it is for a ticket. */
static struct tpi_task *claim_first(struct tpi_inject *queue, struct tpi_applied *claimed_out)
{
    struct tpi_task *task = task_of(queue->leaving.next);
    /* peek: while the task is linked its epoch changes only under the lock held here. */
    uint32_t epoch = tpi_state_epoch(tpp_peek(&task->word));
    unlink(task);
    tpp_probe(TPP_PROBE_DEQUEUE, task, queue->priority);
    struct tpi_applied claimed = tpi_task_apply(task, TPI_EVENT_CLAIM, epoch);
    *claimed_out = claimed;
    if (claimed.effects & TPI_EFFECT_REQUEUE)
        put_back(queue, task);
    else
        uncount(queue);
    return claimed.effects & TPI_EFFECT_REFUSED ? NULL : task;
}

/* Moves up to `count` tasks into the caller's ring, as tickets. */
static void move_some(struct tpi_inject *queue, struct tpi_ring *ring, uint32_t count)
{
    uint32_t room = TPP_RING_CAPACITY - tpi_ring_size(ring);
    for (count = count < room ? count : room; count > 0; count--) {
        if (tpi_list_empty(&queue->leaving))
            return;
        struct tpi_task *task = task_of(queue->leaving.next);
        __builtin_prefetch(task->slot.link.next);
        /* Unlinked before a thief can find the ticket, and counted until then. */
        unlink(task);
        tpi_ring_push(ring, tpi_ticket(task, tpi_state_epoch(tpp_peek(&task->word))));
        uncount(queue);
    }
}

struct tpi_task *tpi_inject_claim(struct tpi_inject *queue, struct tpi_ring *ring, uint32_t batch,
                                  struct tpi_applied *claimed_out)
{
    if (tpi_inject_length(queue) == 0)
        return NULL;
    struct tpi_task *task = NULL;
    tpi_lock_take(&queue->out);
    /* Ends: a task that is refused leaves the queue. */
    while (!task && refill(queue))
        task = claim_first(queue, claimed_out);
    if (ring)
        move_some(queue, ring, batch);
    tpi_lock_drop(&queue->out);
    return task;
}

/* ---- out of turn: under both ----------------------------------------------------------------- */

static void take_both(struct tpi_inject *queue)
{
    tpi_lock_take(&queue->out);
    tpi_lock_take(&queue->in);
}

static void drop_both(struct tpi_inject *queue)
{
    tpi_lock_drop(&queue->in);
    tpi_lock_drop(&queue->out);
}

/* Takes the task out if it stands here. The slot may have begun another life meanwhile, and stand
 * in another queue: then its generation tells, being read after the link was seen. */
static void pull_out(struct tpi_inject *queue, struct tpi_task *task, uint32_t generation)
{
    if (!tpp_load_acquire(&task->slot.linked) || /* [IQ2] */
        tpi_slot_generation(&task->slot) != generation)
        return;
    unlink(task);
    uncount(queue);
    tpp_probe(TPP_PROBE_UNPUBLISH, task, queue->priority);
}

struct tpi_applied tpi_inject_cancel(struct tpi_inject *queue, struct tpi_task *task,
                                     uint32_t generation)
{
    take_both(queue);
    /* While linked, the task cannot be freed: the locks keep it queued. Otherwise there is nothing
     * to unlink, and the event itself finds out whether the task is still the one meant. Unlinked
     * first: after the swap somebody else may free the task at any moment. As long as QUEUED is set
     * nobody links it anew. */
    pull_out(queue, task, generation);
    struct tpi_applied cancelled = tpi_task_apply_handle(task, generation, TPI_EVENT_CANCEL, 0);
    drop_both(queue);
    return cancelled;
}

struct tpi_applied tpi_inject_help(struct tpi_inject *queue, struct tpi_task *task,
                                   uint32_t generation)
{
    take_both(queue);
    struct tpi_applied helped = tpi_task_apply_handle(task, generation, TPI_EVENT_HELP, 0);
    if (helped.effects & TPI_EFFECT_UNLINK)
        pull_out(queue, task, generation);
    drop_both(queue);
    return helped;
}

void tpi_inject_forget(struct tpi_inject *queue, struct tpi_task *task)
{
    take_both(queue);
    pull_out(queue, task, tpp_peek(&task->slot.generation)); /* peek: the caller frees it */
    drop_both(queue);
}

struct tpi_applied tpi_inject_disassociate(struct tpi_inject *queue, struct tpi_task *task)
{
    tpi_lock_take(&queue->out);
    /* relaxed: written only under this lock; readers are kept honest by the word's epoch. */
    tpp_store_relaxed(&task->detached, tpp_peek(&task->detached) + 1);
    struct tpi_applied applied = tpi_task_apply(task, TPI_EVENT_DISASSOCIATE, 0);
    tpi_lock_drop(&queue->out);
    return applied;
}

struct tpi_applied tpi_inject_rejoin(struct tpi_inject *queue, struct tpi_task *task)
{
    tpi_lock_take(&queue->out);
    uint32_t remaining = tpp_peek(&task->detached) - 1;
    tpp_store_relaxed(&task->detached, remaining); /* relaxed: as above */
    struct tpi_applied applied = tpi_task_apply(task, TPI_EVENT_REJOIN, remaining);
    tpi_lock_drop(&queue->out);
    return applied;
}
