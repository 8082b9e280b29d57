/* slab.c - slots that never change their kind, their free lists, and the index that finds them. */
#include "core/mem/slab.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/os/lock.h"

#define SLOT_BITS 10u
#define SLOTS_MAX (1u << SLOT_BITS)
#define BLOCK_BITS 11u
#define BLOCK_SIZE (1u << BLOCK_BITS)
#define BLOCKS_MAX (1u << (32u - SLOT_BITS - BLOCK_BITS))
#define HEADER_SIZE 128u

/* At the beginning of its memory, which is aligned to its size. */
struct slab {
    uint32_t number;
    uint32_t slots;
    uint32_t inverse; /* of the slot size, both in units of the alignment, times 2^20, rounded up */
    size_t slot_size;
};

/* What it takes to find a slot, apart from the slabs themselves: all slabs are aligned alike, so
 * that their headers would contend for the same few places of a cache. */
struct entry {
    tpp_ptr slab;
    uint16_t slots, units; /* units: of the slot size, see inverse; read-only, [SL1] */
    uint32_t kind;
};

struct block {
    struct entry entries[BLOCK_SIZE];
};

/* Chains of free slots, linked through link.prev of their first slots. */
struct depot {
    struct tpi_lock lock;
    struct tpi_slot *first, *last; /* under lock */
};

static struct {
    tpp_ptr blocks[BLOCKS_MAX]; /* atomic: [SL1] */
    tpp_u32 count;              /* slabs made so far, atomic: [SL1] */
    tpp_u32 base;               /* those below are a forking parent's; changes only in a fork */
    struct tpi_lock grow;       /* one slab is made at a time */
    char *spare;                /* under grow: memory of the next slabs ... */
    uint32_t spares;            /* ... of so many */
    struct depot depots[TPI_KIND_COUNT];
} registry;

static const struct entry *entry_at(uint32_t number)
{
    /* [SL1] acquire: a number below count has its block and its slab. Pairs with publish(). */
    if (number >= tpp_load_acquire(&registry.count) || number < tpp_peek(&registry.base))
        return NULL;
    /* relaxed: it was written before count was released. */
    struct block *block = tpp_load_relaxed(&registry.blocks[number >> BLOCK_BITS]);
    return &block->entries[number & (BLOCK_SIZE - 1)];
}

/* `size` is that of its slots. */
static struct tpi_slot *slot_at(struct slab *slab, size_t size, uint32_t number)
{
    return (struct tpi_slot *)(void *)((char *)slab + HEADER_SIZE + number * size);
}

/* Makes the slab findable; fails without memory for the directory. Under registry.grow. */
static bool publish(struct slab *slab, enum tpi_kind kind)
{
    uint32_t number = tpp_peek(&registry.count);
    if (number == BLOCKS_MAX * BLOCK_SIZE)
        return false;
    struct block *block = tpp_peek(&registry.blocks[number >> BLOCK_BITS]);
    if (!block) {
        block = tpp_alloc(sizeof *block, _Alignof(struct block));
        if (!block)
            return false;
        memset(block, 0, sizeof *block);
        tpp_store_relaxed(&registry.blocks[number >> BLOCK_BITS], block); /* released below */
    }
    slab->number = number;
    struct entry *entry = &block->entries[number & (BLOCK_SIZE - 1)];
    entry->kind = kind;
    entry->slots = (uint16_t)slab->slots;
    entry->units = (uint16_t)(slab->slot_size / TPI_SLOT_ALIGNMENT);
    tpp_store_relaxed(&entry->slab, slab); /* released below */
    /* [SL1] release: the slab is complete before its number can be looked up. */
    tpp_store_release(&registry.count, number + 1);
    return true;
}

/* Memory for a slab. Who has many objects gets it in large pieces: spread over small pages, a
 * million of them would cost the processor a look into the page tables with each touch. Under
 * grow. */
static void *memory_for_slab(void)
{
    size_t large = (size_t)TPP_SLAB_LARGE * TPP_SLAB_SIZE;
    if (registry.spares == 0 && tpp_peek(&registry.count) >= TPP_SLAB_LARGE) {
        registry.spare = tpp_alloc_large(large, large);
        registry.spares = registry.spare ? TPP_SLAB_LARGE : 0;
    }
    if (registry.spares == 0)
        return tpp_alloc(TPP_SLAB_SIZE, TPP_SLAB_SIZE);
    char *memory = registry.spare;
    registry.spare += TPP_SLAB_SIZE;
    registry.spares--;
    return memory;
}

/* What was made last could not be used. Under grow. */
static void give_back(void *memory)
{
    if ((char *)memory + TPP_SLAB_SIZE != registry.spare) {
        tpp_free(memory, TPP_SLAB_SIZE);
        return;
    }
    registry.spare = memory;
    registry.spares++;
}

static struct slab *make_slab(enum tpi_kind kind, size_t slot_size)
{
    struct slab *slab = memory_for_slab();
    if (!slab)
        return NULL;
    memset(slab, 0, TPP_SLAB_SIZE);
    slab->slot_size = (slot_size + TPI_SLOT_ALIGNMENT - 1) & ~(size_t)(TPI_SLOT_ALIGNMENT - 1);
    slab->inverse = (1u << 20) / (uint32_t)(slab->slot_size / TPI_SLOT_ALIGNMENT) + 1;
    slab->slots = (uint32_t)((TPP_SLAB_SIZE - HEADER_SIZE) / slab->slot_size);
    tpi_assert(slab->slots > 0 && slab->slots <= SLOTS_MAX);
    if (publish(slab, kind))
        return slab;
    give_back(slab);
    return NULL;
}

/* ---- free slots ------------------------------------------------------------------------------ */

/* The next slot of a chain, or the next chain of a depot: a link holds a slot there. */
static struct tpi_slot *as_slot(struct tpi_link *link)
{
    return link ? tpi_container(link, struct tpi_slot, link) : NULL;
}

static struct tpi_link *as_link(struct tpi_slot *slot)
{
    return slot ? &slot->link : NULL;
}

/* At the end, where they rest longest: all chains from `chain` to `last`. */
static void depot_append(enum tpi_kind kind, struct tpi_slot *chain, struct tpi_slot *last)
{
    struct depot *depot = &registry.depots[kind];
    last->link.prev = NULL;
    tpi_lock_take(&depot->lock);
    if (depot->first)
        depot->last->link.prev = as_link(chain);
    else
        depot->first = chain;
    depot->last = last;
    tpi_lock_drop(&depot->lock);
}

/* At the beginning, where it is taken next. */
static void depot_give(enum tpi_kind kind, struct tpi_slot *chain)
{
    struct depot *depot = &registry.depots[kind];
    tpi_lock_take(&depot->lock);
    if (!depot->first)
        depot->last = chain;
    chain->link.prev = as_link(depot->first);
    depot->first = chain;
    tpi_lock_drop(&depot->lock);
}

static struct tpi_slot *depot_take(enum tpi_kind kind)
{
    struct depot *depot = &registry.depots[kind];
    tpi_lock_take(&depot->lock);
    struct tpi_slot *chain = depot->first;
    if (chain)
        depot->first = as_slot(chain->link.prev);
    tpi_lock_drop(&depot->lock);
    return chain;
}

/* Adds one slab's slots to the depot, in chains of `length`. */
static bool grow(enum tpi_kind kind, size_t slot_size, uint32_t length)
{
    tpi_lock_take(&registry.grow);
    struct slab *slab = make_slab(kind, slot_size);
    tpi_lock_drop(&registry.grow);
    if (!slab)
        return false;
    struct tpi_slot *first = slot_at(slab, slab->slot_size, 0), *chain = first, *slot = first;
    for (uint32_t i = 1; i < slab->slots; i++) {
        struct tpi_slot *next = slot_at(slab, slab->slot_size, i);
        bool begins = i % length == 0;
        slot->link.next = begins ? NULL : as_link(next);
        if (begins) {
            chain->link.prev = as_link(next);
            chain = next;
        }
        slot = next;
    }
    slot->link.next = NULL;
    depot_append(kind, first, chain);
    return true;
}

/* A chain from the depot, which grows if it has none. NULL when memory is out. */
static struct tpi_slot *find_chain(enum tpi_kind kind, size_t size, uint32_t length)
{
    struct tpi_slot *chain;
    while (!(chain = depot_take(kind))) /* ends: each turn adds chains, or fails */
        if (!grow(kind, size, length))
            return NULL;
    return chain;
}

static struct tpi_slot *pop(struct tpi_chain *chain)
{
    struct tpi_slot *slot = chain->first;
    chain->first = as_slot(slot->link.next);
    chain->count--;
    if (chain->first)
        __builtin_prefetch(chain->first, 1);
    return slot;
}

static struct tpi_slot *take_from(struct tpi_magazine *magazine, enum tpi_kind kind, size_t size)
{
    if (!magazine->loaded.first) {
        struct tpi_chain empty = {NULL, 0};
        magazine->loaded = magazine->spare;
        magazine->spare = empty;
    }
    if (!magazine->loaded.first) {
        magazine->loaded.first = find_chain(kind, size, TPP_MAGAZINE);
        magazine->loaded.count = TPP_MAGAZINE;
    }
    return magazine->loaded.first ? pop(&magazine->loaded) : NULL;
}

static struct tpi_slot *take_single(enum tpi_kind kind, size_t size)
{
    struct tpi_chain chain = {find_chain(kind, size, 1), TPP_MAGAZINE};
    struct tpi_slot *slot = chain.first ? pop(&chain) : NULL;
    if (chain.first) /* of a kind that others use with magazines */
        depot_give(kind, chain.first);
    return slot;
}

struct tpi_slot *tpi_slab_reserve(enum tpi_kind kind, size_t size, struct tpi_magazine *magazine)
{
    struct tpi_slot *slot = magazine ? take_from(magazine, kind, size) : take_single(kind, size);
    if (slot)
        slot->link.next = slot->link.prev = NULL;
    return slot;
}

bool tpi_slab_publish(struct tpi_slot *slot, uint32_t generation)
{
    uint32_t seen = generation - 1;
    tpi_assert(tpi_slot_live(generation));
    /* [SL2] release: whoever sees the new generation sees what was made of the slot, even one who
     * guessed the handle. More than it takes to acquire: the slot is the caller's own. */
    return tpp_cas_acq_rel(&slot->generation, &seen, generation);
}

struct tpi_slot *tpi_slab_new(enum tpi_kind kind, size_t size, struct tpi_magazine *magazine)
{
    struct tpi_slot *slot = tpi_slab_reserve(kind, size, magazine);
    if (!slot)
        return NULL;
    /* peek: nobody else knows it. */
    uint32_t generation = tpp_peek(&slot->generation);
    tpi_assert(!tpi_slot_live(generation));
    /* [SL2] More than it takes: what has no handle is found through what orders by itself. */
    tpp_store_release(&slot->generation, generation + 1);
    return slot;
}

void tpi_slab_free(enum tpi_kind kind, struct tpi_slot *slot, struct tpi_magazine *magazine)
{
    tpp_probe(TPP_PROBE_FREE, slot, kind);
    /* [SL2] release: a latecomer that still finds the old generation has not missed a write of the
     * next life. A slot that was only reserved moves on too: whoever publishes it is late, and
     * nobody has seen it; relaxed would do for that. */
    uint32_t generation = tpp_load_relaxed(&slot->generation); /* relaxed: written below */
    if (tpi_slot_live(generation))
        tpp_store_release(&slot->generation, generation + 1);
    else if (!tpp_cas_acq_rel(&slot->generation, &generation, generation + 2))
        tpp_store_release(&slot->generation, generation + 1); /* published just before */
    if (!magazine) {
        slot->link.next = NULL;
        depot_append(kind, slot, slot);
        return;
    }
    if (magazine->loaded.count >= TPP_MAGAZINE) {
        struct tpi_chain empty = {NULL, 0};
        if (magazine->spare.first)
            depot_give(kind, magazine->spare.first);
        magazine->spare = magazine->loaded;
        magazine->loaded = empty;
    }
    slot->link.next = as_link(magazine->loaded.first);
    magazine->loaded.first = slot;
    magazine->loaded.count++;
}

bool tpi_slab_retire(struct tpi_slot *slot, uint32_t generation)
{
    /* [SL2] More than it takes: it is freed, or lives on, by an order of its own. */
    return tpp_cas_acq_rel(&slot->generation, &generation, generation + 2);
}

void tpi_slab_flush(enum tpi_kind kind, struct tpi_magazine *magazine)
{
    struct tpi_magazine empty = {{NULL, 0}, {NULL, 0}};
    if (magazine->loaded.first)
        depot_give(kind, magazine->loaded.first);
    if (magazine->spare.first)
        depot_give(kind, magazine->spare.first);
    *magazine = empty;
}

uint32_t tpi_slot_index(const struct tpi_slot *slot)
{
    const struct slab *slab =
        (const struct slab *)((uintptr_t)slot & ~(uintptr_t)(TPP_SLAB_SIZE - 1));
    uint32_t offset = (uint32_t)((const char *)slot - (const char *)slab) - HEADER_SIZE;
    /* A division by the slot size: exact, since both are below 2^10 in units of the alignment. */
    uint32_t index = offset / TPI_SLOT_ALIGNMENT * slab->inverse >> 20;
    return slab->number << SLOT_BITS | index;
}

/* Of an entry whose slab there is, or of NULL. */
static struct tpi_slot *slot_in(const struct entry *entry, enum tpi_kind kind, uint32_t index)
{
    uint32_t number = index & (SLOTS_MAX - 1);
    if (!entry || number >= entry->slots || (kind != TPI_KIND_NONE && entry->kind != kind))
        return NULL;
    struct slab *slab = tpp_load_relaxed(&entry->slab); /* relaxed: the caller has seen to it */
    return slot_at(slab, (size_t)entry->units * TPI_SLOT_ALIGNMENT, number);
}

struct tpi_slot *tpi_slab_at(enum tpi_kind kind, uint32_t index)
{
    return slot_in(entry_at(index >> SLOT_BITS), kind, index);
}

/* The entry of that number, whoever made it. NULL is possible in the child of a fork: the parent's
 * other threads went on while its memory was copied page by page, so that the count may be ahead of
 * what it counts. */
static const struct entry *recorded(uint32_t number)
{
    struct block *block = tpp_peek(&registry.blocks[number >> BLOCK_BITS]);
    const struct entry *entry = block ? &block->entries[number & (BLOCK_SIZE - 1)] : NULL;
    return entry && tpp_peek(&entry->slab) ? entry : NULL;
}

/* The slabs from `number` up to, without, `end`; the visitor may have seen enough earlier. */
static void visit_slabs(uint32_t number, uint32_t end, enum tpi_kind kind,
                        bool (*visit)(struct tpi_slot *slot, void *context), void *context)
{
    for (; number < end; number++) {
        const struct entry *entry = recorded(number);
        if (!entry || entry->kind != kind)
            continue;
        struct slab *slab = tpp_peek(&entry->slab); /* it never changes */
        for (uint32_t i = 0; i < entry->slots; i++)
            if (!visit(slot_at(slab, (size_t)entry->units * TPI_SLOT_ALIGNMENT, i), context))
                return;
    }
}

void tpi_slab_each(enum tpi_kind kind, bool (*visit)(struct tpi_slot *slot, void *context),
                   void *context)
{
    uint32_t count = tpp_load_acquire(&registry.count); /* [SL1] */
    visit_slabs(tpp_peek(&registry.base), count, kind, visit, context);
}

bool tpi_slab_used(void)
{
    /* [SL1] More than it takes: no slab is looked at. */
    return tpp_load_acquire(&registry.count) > 0;
}

static bool count_live(struct tpi_slot *slot, void *context)
{
    if (tpi_slot_live(tpi_slot_generation(slot)))
        ++*(uint32_t *)context;
    return true;
}

uint32_t tpi_slab_in_use(enum tpi_kind kind)
{
    uint32_t count = 0;
    tpi_slab_each(kind, count_live, &count);
    return count;
}

/* ---- after a fork ---------------------------------------------------------------------------- */

void tpi_slab_fork(void)
{
    /* relaxed: a child has one thread. Locks and lists may be in any state: they begin anew. */
    tpp_store_relaxed(&registry.base, tpp_peek(&registry.count));
    memset(&registry.grow, 0, sizeof registry.grow);
    registry.spares = 0;
    memset(&registry.depots, 0, sizeof registry.depots);
}

struct tpi_slot *tpi_slab_inherited(enum tpi_kind kind, uint32_t index)
{
    uint32_t number = index >> SLOT_BITS;
    return number < tpp_peek(&registry.base) ? slot_in(recorded(number), kind, index) : NULL;
}

void tpi_slab_each_inherited(enum tpi_kind kind,
                             bool (*visit)(struct tpi_slot *slot, void *context), void *context)
{
    visit_slabs(0, tpp_peek(&registry.base), kind, visit, context);
}

void tpi_slab_reset(void)
{
    memset(&registry, 0, sizeof registry);
}
