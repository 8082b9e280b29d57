/* task.h - what a run queue carries: the front part of every callback object.
 *
 * A task stands in at most one place: linked into a shared queue (inject.h), or as a ticket in a
 * worker's ring (ring.h). QUEUED in its word says that it holds that place, or is on its way there.
 *
 *   linked implies QUEUED, and a link is only made or broken under the locks of its queue.
 *   a ticket is valid while QUEUED is set and its epoch is the word's; else it is dropped unseen.
 *
 * An epoch has 13 bits and comes round. A ticket that is stale by a whole round and is taken for a
 * valid one takes a post early; it cannot do worse, because a linked task is not claimed by ticket,
 * a link found without QUEUED is just dropped, and what could have a stale ticket is looked for in
 * its queue, under the locks, before its slot is freed.
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
    /* ---- one cache line: all that a simple callback touches */

    /* link: its place in a shared queue, under the locks of that queue; linked: written under them,
     * [IQ2] */
    struct tpi_slot slot;

    /* atomic */
    tpp_u64 word;            /* state.h; [ST1] */
    tpp_u32 traits;          /* the TPI_TRAIT_ bits below */
    tpp_u32 home_generation; /* which life of ... */
    tpp_ptr home;            /* ... the pool it runs in */

    /* set at creation, then read-only: what object/callback.c calls, by the kind of the task */
    void (*function)(void);
    void *context;

    /* ---- atomic, rarely touched; a brief task has none of it */
    /* generation : 32 | how often a cancel met this life : 32 */
    tpp_u64 cancels;
    tpp_u32 detached; /* disassociated callbacks running; written under the queue's lock */
    tpp_u32 done_seq; /* grows when waiters are woken; never reset: waiters may be late. [ST2] */
};

struct tpi_applied {
    uint64_t before, after;
    uint64_t cancels; /* CLAIM, HELP: the task's count before the event took effect; [CN1] */
    uint32_t effects;
};

/* limit of callbacks at once : 12 | kind : 5 | flags : 5 | priority : 2 */
#define TPI_TRAIT_RUNS_LONG 4u
#define TPI_TRAIT_COUNTED 8u  /* it stands in the count behind the queue limit of its pool */
#define TPI_TRAIT_GROUPED 16u /* it is a member of a cleanup group */
#define TPI_TRAIT_EXTRA 32u   /* it has what few objects have: object.h */
#define TPI_TRAIT_KEPT 64u    /* only the pool's persistent worker may run it */
#define TPI_TRAIT_KIND_SHIFT 7u
#define TPI_TRAIT_LIMIT_SHIFT 12u

static inline uint32_t tpi_traits_priority(uint32_t traits)
{
    return traits & 3u;
}

/* Both constant for a life; the caller knows that the task is in one. */
static inline enum tpi_kind tpi_task_kind(struct tpi_task *task)
{
    return (enum tpi_kind)(tpp_peek(&task->traits) >> TPI_TRAIT_KIND_SHIFT & 31u);
}

static inline bool tpi_task_has(struct tpi_task *task, uint32_t trait)
{
    return tpp_peek(&task->traits) & trait;
}

/* Begins a life: nothing pending, or one post if `submitted`. Before anybody else knows the task.
 * The epoch goes on from the slot's last life. */
void tpi_task_init(struct tpi_task *task, uint32_t traits, void *home, uint32_t home_generation,
                   bool submitted);

/* How many callbacks may run associated at once, given how many run detached now. */
static inline uint32_t tpi_task_room(struct tpi_task *task)
{
    /* relaxed: read after the acquire of the word; a change in between changes the word's epoch
     * unless the task is queued, and then a claim that misses it is tried again (RETRY); one under
     * the queue's lock misses none. */
    uint32_t limit = tpp_load_relaxed(&task->traits) >> TPI_TRAIT_LIMIT_SHIFT;
    if (limit == 0)
        return TPI_STATE_ROOM_MAX;
    uint32_t detached = tpp_load_relaxed(&task->detached);
    return limit > detached ? limit - detached : 0;
}

/* One try; true when the event took effect, or was refused for good. */
static inline bool tpi_task_try(struct tpi_task *task, enum tpi_event event, uint32_t count,
                                struct tpi_applied *applied)
{
    uint64_t word = applied->before;
    struct tpi_step step = tpi_state_step(word, event, count, tpi_task_room(task));
    applied->after = step.next;
    applied->effects = step.effects;
    applied->cancels = 0;
    /* [CN1] relaxed, but before the swap, whose release keeps it there: a cancel that finds the
     * claim counts afterwards, so the callback that was claimed sees a change. */
    if ((event == TPI_EVENT_CLAIM || event == TPI_EVENT_HELP) &&
        tpi_task_kind(task) != TPI_KIND_BRIEF)
        applied->cancels = tpp_load_relaxed(&task->cancels);
    /* REJOIN swaps a word that stays as it is, too: who takes QUEUED off after that, for lack of
     * room, sees the number of detached callbacks as it is now when it tries again. */
    if (step.next == word && event != TPI_EVENT_REJOIN)
        return true;
    /* [ST1] acq_rel: each transition sees everything that led to the word it found and hands it on:
     * a submit to the callback it causes, a finish to whoever waits. */
    return tpp_cas_acq_rel(&task->word, &applied->before, step.next);
}

/* Carries `event` out: the only loop that swaps the word. Inline like tpi_state_step. */
static inline struct tpi_applied tpi_task_apply(struct tpi_task *task, enum tpi_event event,
                                                uint32_t count)
{
    struct tpi_applied applied = {.before = tpp_load_acquire(&task->word)}; /* [ST1] */
    while (!tpi_task_try(task, event, count, &applied))
        ; /* ends: a failed swap means that somebody else's event took effect */
    return applied;
}

/* The same for a caller that holds nothing but a handle: REFUSED as well if the slot is not in its
 * generation any more. */
static inline struct tpi_applied tpi_task_apply_handle(struct tpi_task *task, uint32_t generation,
                                                       enum tpi_event event, uint32_t count)
{
    struct tpi_applied applied = {.before = tpp_load_acquire(&task->word)}; /* [ST1] */
    do {
        /* The word was read before the generation, so a word of a later life comes with a later
         * generation; and a life that ends after this look changes the epoch: the swap fails. */
        if (tpi_slot_generation(&task->slot) != generation) {
            applied.effects = TPI_EFFECT_REFUSED;
            applied.after = applied.before;
            return applied;
        }
    } while (!tpi_task_try(task, event, count, &applied));
    return applied;
}

/* Where the task goes when it must be queued. For a caller that holds only a handle it is true of
 * the life in which an event, carried out afterwards, took effect. */
struct tpi_target {
    void *home;
    uint32_t home_generation, priority;
    bool kept;
};

static inline struct tpi_target tpi_task_target(struct tpi_task *task)
{
    /* relaxed: set before the word was released in tpi_task_init, constant for a life. */
    uint32_t traits = tpp_load_relaxed(&task->traits);
    return (struct tpi_target){
        .home = tpp_load_relaxed(&task->home),
        .home_generation = tpp_load_relaxed(&task->home_generation),
        .priority = tpi_traits_priority(traits),
        .kept = traits & TPI_TRAIT_KEPT,
    };
}

/* A task that has become QUEUED in that epoch, and still has to be put into a queue. */
struct tpi_ready {
    struct tpi_target target;
    struct tpi_task *task;
    uint32_t epoch;
};

/* Some of these, of any pools. Filled while a lock is held, as a rule, and published after. */
#define TPI_POSTS 16u
struct tpi_posts {
    uint32_t count; /* 0 at first */
    struct tpi_ready ready[TPI_POSTS];
};

/* FINISH of a task with a single post that nobody cancels: only its runner can change its word,
 * so a store will do. */
static inline void tpi_task_finish_alone(struct tpi_task *task)
{
    struct tpi_step step =
        tpi_state_step(tpp_peek(&task->word), TPI_EVENT_FINISH, 0, TPI_STATE_ROOM_MAX);
    /* [ST1] release: a stale ticket that finds it finds the epoch changed. Relaxed would do: its
     * swap finds that, and nobody waits for such a task. */
    tpp_store_release(&task->word, step.next);
}

/* Wakes all who wait for the task; only its type-stable slot is touched. */
void tpi_task_wake(struct tpi_task *task);

/* A ticket names the task and the epoch in which it was queued. Slots are aligned and never
 * unmapped, so that the address serves as the name; it is used only to try a claim. */
static inline uint64_t tpi_ticket(const struct tpi_task *task, uint32_t epoch)
{
    return (uint64_t)((uintptr_t)task / TPI_SLOT_ALIGNMENT) << TPI_STATE_EPOCH_BITS | epoch;
}

static inline uint32_t tpi_ticket_epoch(uint64_t ticket)
{
    return (uint32_t)ticket & TPI_STATE_EPOCH_MASK;
}

static inline struct tpi_task *tpi_ticket_task(uint64_t ticket)
{
    return (struct tpi_task *)((uintptr_t)(ticket >> TPI_STATE_EPOCH_BITS) * TPI_SLOT_ALIGNMENT);
}

#endif
