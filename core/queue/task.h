/* task.h - what a run queue carries: the front part of every callback object.
 *
 * A task stands in at most one place: linked into a shared queue (inject.h), or as a ticket in a
 * worker's ring (ring.h). QUEUED in its word says that it holds that place, or is on its way there.
 *
 *   linked implies QUEUED, and a link is only made or broken under the lock of its queue.
 *   a ticket is valid while QUEUED is set and its epoch is the word's; else it is dropped unseen.
 *
 * Latecomers - a stale handle, a stale ticket, a submitter whose object was closed meanwhile - may
 * read word, traits, home and home_generation of a slot that has begun its next life: those are
 * atomic, and the swap on the word that follows tells them that they are late. */
#ifndef TPI_QUEUE_TASK_H
#define TPI_QUEUE_TASK_H

#include "core/base/list.h"
#include "core/base/state.h"
#include "core/mem/slab.h"
#include "core/os/os.h"

enum { TPI_PRIORITY_HIGH, TPI_PRIORITY_NORMAL, TPI_PRIORITY_LOW, TPI_PRIORITY_COUNT };

struct tpi_task {
    struct tpi_slot slot;

    /* atomic */
    tpp_u64 word;            /* state.h; [ST1] */
    tpp_u32 traits;          /* priority : 2 | runs long : 1 | concurrency limit : 12 << 4 */
    tpp_u32 detached;        /* disassociated callbacks running; written under the queue's lock */
    tpp_ptr home;            /* the pool it runs in */
    tpp_u32 home_generation; /* ... and which life of that pool */

    /* under the lock of the shared queue of its priority */
    bool linked;
    struct tpi_link link;

    /* set at creation, then read-only */
    void (*run)(struct tpi_task *task, void *worker); /* upward: object/callback.c */
    enum tpi_kind kind;

    tpp_u32
        done_seq; /* grows whenever waiters are woken; never reset: waiters may be late. [ST2] */
};

struct tpi_applied {
    uint64_t before, after;
    uint32_t effects;
};

#define TPI_TRAIT_RUNS_LONG 4u
#define TPI_TRAIT_LIMIT_SHIFT 4u

static inline uint32_t tpi_traits_priority(uint32_t traits)
{
    return traits & 3u;
}

/* Begins a life: nothing pending, or one post if `submitted`. Before anybody else knows the task.
 * The epoch goes on from the slot's last life. */
void tpi_task_init(struct tpi_task *task, uint32_t traits, void *home, uint32_t home_generation,
                   bool submitted);

/* Carries `event` out: the only loop that swaps the word. */
struct tpi_applied tpi_task_apply(struct tpi_task *task, enum tpi_event event, uint32_t count);

/* The same for a caller that holds nothing but a handle: REFUSED as well if the slot is not in its
 * generation any more. */
struct tpi_applied tpi_task_apply_handle(struct tpi_task *task, uint32_t generation,
                                         enum tpi_event event, uint32_t count);

/* Where the task goes when it must be queued. For a caller that holds only a handle it is true of
 * the life in which an event, carried out afterwards, took effect. */
struct tpi_target {
    void *home;
    uint32_t home_generation, priority;
};
struct tpi_target tpi_task_target(struct tpi_task *task);

/* Wakes all who wait for the task; only its type-stable slot is touched. */
void tpi_task_wake(struct tpi_task *task);

/* A ticket names the task and the epoch in which it was queued. */
static inline uint64_t tpi_ticket(const struct tpi_task *task, uint32_t epoch)
{
    return (uint64_t)epoch << 32 | task->slot.index;
}

static inline uint32_t tpi_ticket_epoch(uint64_t ticket)
{
    return (uint32_t)(ticket >> 32);
}

static inline struct tpi_task *tpi_ticket_task(uint64_t ticket)
{
    return tpi_container(tpi_slab_at(TPI_KIND_NONE, (uint32_t)ticket), struct tpi_task, slot);
}

#endif
