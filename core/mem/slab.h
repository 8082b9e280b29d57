/* slab.h - type-stable memory for everything a handle or a ticket can name.
 *
 * A slot, once made, stays a slot of its kind for as long as the process lives: memory never goes
 * back to the system. So a stale handle, a late ticket or a slow waker may always look at a slot;
 * the generation (and the state word) tell it that its object is gone. Fields that such a latecomer
 * reads are atomic words; the lock words inside slots are never re-initialised.
 *
 *   index     slab number : 22 | slot in the slab : 10     what a handle carries
 *   generation  odd while the slot is in use, even while it is free; only grows
 *
 * Without a magazine, free slots wait in first-in-first-out order, so that a slot rests as long as
 * possible before a stale handle could meet its next life. Any thread may call anything at any
 * time; only tpi_slab_new and tpi_slab_reserve allocate. */
#ifndef TPI_MEM_SLAB_H
#define TPI_MEM_SLAB_H

#include "core/base/list.h"
#include "core/os/os.h"
#include "tpp_tune.h"

/* The kinds of slots; those below TPI_KIND_WORKER have handles, and the number is the type in the
 * handle: never reorder, only append. */
enum tpi_kind {
    TPI_KIND_NONE,
    TPI_KIND_POOL,
    TPI_KIND_ENV,
    TPI_KIND_WORK,
    TPI_KIND_GROUP,
    TPI_KIND_INSTANCE, /* no slot: see object/instance.h */
    TPI_KIND_EVENT,
    TPI_KIND_SEMAPHORE,
    TPI_KIND_MUTEX,
    TPI_KIND_TIMER,
    TPI_KIND_WAIT,
    TPI_KIND_IO,
    TPI_KIND_SIMPLE,
    TPI_KIND_BRIEF, /* a simple callback that nobody can cancel or wait for: half an object */
    TPI_KIND_EXTRA,
    TPI_KIND_WORKER,
    TPI_KIND_THREAD,
    TPI_KIND_SOURCE,    /* of waits: wait/sources.h */
    TPI_KIND_OPERATION, /* of an I/O object: sched/channel.h */
    TPI_KIND_COUNT
};

/* Slots begin at multiples of this. */
#define TPI_SLOT_ALIGNMENT 64u

struct tpi_slot {
    tpp_u32 generation; /* atomic: see [SL2] */
    tpp_u32 linked;     /* in use, and in somebody's list through `link`; see queue/inject.h */
    /* Free: under the kind's lock, or owned by the magazine that holds the slot. In use: whoever
     * uses the slot says who may touch it; NULL at the beginning. */
    struct tpi_link link;
};

/* Free slots that one thread keeps at hand, for kinds that come and go quickly: two chains of at
 * most TPP_MAGAZINE, so that whoever stays near a boundary does not go to the shared depot each
 * time. All zero: empty. Slots in magazines come back last in, first out: warm, and such kinds have
 * no handles that could be stale. */
struct tpi_chain {
    struct tpi_slot *first; /* linked through link.next, which holds a slot here */
    uint32_t count;         /* at least as many as there are */
};

struct tpi_magazine {
    struct tpi_chain loaded, spare;
};

/* A free slot of `size` bytes (the same for a kind every time), its generation already odd;
 * everything behind the header is as its last user left it (zero the first time). NULL when memory
 * is out. A kind is used either always with magazines, or never; one who has none passes NULL. */
struct tpi_slot *tpi_slab_new(enum tpi_kind kind, size_t size,
                              struct tpi_magazine *magazine_or_null);
void tpi_slab_free(enum tpi_kind kind, struct tpi_slot *slot,
                   struct tpi_magazine *magazine_or_null);

/* The same in two steps, for what has a handle: a reserved slot is nobody's yet, and a handle
 * that was guessed does not find it; publishing it is the last act of its creation. False if it was
 * freed meanwhile by somebody who could know of it. `generation` is the one it will have. */
struct tpi_slot *tpi_slab_reserve(enum tpi_kind kind, size_t size,
                                  struct tpi_magazine *magazine_or_null);
bool tpi_slab_publish(struct tpi_slot *slot, uint32_t generation);

/* Ends the life of the slot's handle without freeing the slot: from now on `generation` is stale.
 * True for exactly one caller per generation. */
bool tpi_slab_retire(struct tpi_slot *slot, uint32_t generation);

/* Gives all slots of the magazine back. */
void tpi_slab_flush(enum tpi_kind kind, struct tpi_magazine *magazine);

/* The slot with that index if it is of that kind, in use or not; NULL for an index that never was.
 * TPI_KIND_NONE: of any kind. */
struct tpi_slot *tpi_slab_at(enum tpi_kind kind, uint32_t index);

/* Calls `visit` for every slot of a kind that ever was; stops when it returns false. */
void tpi_slab_each(enum tpi_kind kind, bool (*visit)(struct tpi_slot *slot, void *context),
                   void *context);

/* Has anything ever been allocated? */
bool tpi_slab_used(void);

/* How many slots of a kind are in use. Exact only when nobody is allocating. */
uint32_t tpi_slab_in_use(enum tpi_kind kind);

/* In the child of a fork, whose only thread calls it: what there is belongs to the parent. None of
 * it is found any more, nor used again, but it stays readable: by index, and all of a kind. */
void tpi_slab_fork(void);
struct tpi_slot *tpi_slab_inherited(enum tpi_kind kind, uint32_t index);
void tpi_slab_each_inherited(enum tpi_kind kind,
                             bool (*visit)(struct tpi_slot *slot, void *context), void *context);

/* Forgets everything, as in a new process. For tests whose memory dies with them. */
void tpi_slab_reset(void);

static inline uint32_t tpi_slot_generation(struct tpi_slot *slot)
{
    /* [SL2] acquire: pairs with the release when a slot is taken or freed. */
    return tpp_load_acquire(&slot->generation);
}

/* The number by which tpi_slab_at finds the slot again. */
uint32_t tpi_slot_index(const struct tpi_slot *slot);

static inline bool tpi_slot_live(uint32_t generation)
{
    return generation & 1;
}

#endif
