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
#define SLOT_ALIGNMENT 128u
#define HEADER_SIZE SLOT_ALIGNMENT

struct slab {
    enum tpi_kind kind;
    uint32_t slots;
    size_t slot_size;
    char *memory;
};

struct block {
    tpp_ptr slabs[BLOCK_SIZE];
};

static struct {
    tpp_ptr blocks[BLOCKS_MAX]; /* atomic: [SL1] */
    tpp_u32 count;              /* slabs that can be found, atomic: [SL1] */
    struct tpi_lock grow;       /* one slab is made at a time */
    struct {
        struct tpi_lock lock;
        struct tpi_link free; /* under lock; NULL links until first used */
    } kinds[TPI_KIND_COUNT];
} registry;

static struct slab *slab_at(uint32_t number)
{
    /* [SL1] acquire: a number below count has its block and its slab. Pairs with publish(). */
    if (number >= tpp_load_acquire(&registry.count))
        return NULL;
    /* relaxed: both pointers were written before count was released. */
    struct block *block = tpp_load_relaxed(&registry.blocks[number >> BLOCK_BITS]);
    return tpp_load_relaxed(&block->slabs[number & (BLOCK_SIZE - 1)]);
}

static struct tpi_slot *slot_at(const struct slab *slab, uint32_t number)
{
    return (struct tpi_slot *)(void *)(slab->memory + number * slab->slot_size);
}

/* Makes the slab findable; fails without memory for the directory. Under registry.grow. */
static bool publish(struct slab *slab)
{
    uint32_t number = tpp_peek(&registry.count);
    if (number == BLOCKS_MAX * BLOCK_SIZE)
        return false;
    struct block *block = tpp_peek(&registry.blocks[number >> BLOCK_BITS]);
    if (!block) {
        block = tpp_alloc(sizeof *block, SLOT_ALIGNMENT);
        if (!block)
            return false;
        memset(block, 0, sizeof *block);
        tpp_store_relaxed(&registry.blocks[number >> BLOCK_BITS], block); /* released below */
    }
    for (uint32_t i = 0; i < slab->slots; i++)
        slot_at(slab, i)->index = number << SLOT_BITS | i;
    tpp_store_relaxed(&block->slabs[number & (BLOCK_SIZE - 1)], slab); /* released below */
    /* [SL1] release: the slab is complete before its number can be looked up. */
    tpp_store_release(&registry.count, number + 1);
    return true;
}

static struct slab *make_slab(enum tpi_kind kind, size_t slot_size)
{
    char *memory = tpp_alloc(TPP_SLAB_SIZE, SLOT_ALIGNMENT);
    if (!memory)
        return NULL;
    memset(memory, 0, TPP_SLAB_SIZE);
    struct slab *slab = (struct slab *)(void *)memory;
    slab->kind = kind;
    slab->slot_size = (slot_size + SLOT_ALIGNMENT - 1) & ~(size_t)(SLOT_ALIGNMENT - 1);
    slab->memory = memory + HEADER_SIZE;
    slab->slots = (uint32_t)((TPP_SLAB_SIZE - HEADER_SIZE) / slab->slot_size);
    tpi_assert(slab->slots > 0 && slab->slots <= SLOTS_MAX);
    if (publish(slab))
        return slab;
    tpp_free(memory, TPP_SLAB_SIZE);
    return NULL;
}

static struct tpi_link *free_list(enum tpi_kind kind)
{
    struct tpi_link *list = &registry.kinds[kind].free;
    if (!list->next)
        tpi_list_init(list);
    return list;
}

/* Adds one slab's slots to the free list. */
static bool grow(enum tpi_kind kind, size_t slot_size)
{
    tpi_lock_take(&registry.grow);
    struct slab *slab = make_slab(kind, slot_size);
    tpi_lock_drop(&registry.grow);
    if (!slab)
        return false;
    tpi_lock_take(&registry.kinds[kind].lock);
    for (uint32_t i = 0; i < slab->slots; i++)
        tpi_list_push_back(free_list(kind), &slot_at(slab, i)->free);
    tpi_lock_drop(&registry.kinds[kind].lock);
    return true;
}

/* Takes up to `count` slots off the free list; returns how many. */
static uint32_t take_free(enum tpi_kind kind, struct tpi_slot **slots, uint32_t count)
{
    uint32_t taken = 0;
    tpi_lock_take(&registry.kinds[kind].lock);
    struct tpi_link *list = free_list(kind);
    while (taken < count && !tpi_list_empty(list)) {
        slots[taken] = tpi_container(list->next, struct tpi_slot, free);
        tpi_list_remove(&slots[taken++]->free);
    }
    tpi_lock_drop(&registry.kinds[kind].lock);
    return taken;
}

static void give_free(enum tpi_kind kind, struct tpi_slot **slots, uint32_t count)
{
    tpi_lock_take(&registry.kinds[kind].lock);
    for (uint32_t i = 0; i < count; i++)
        tpi_list_push_back(free_list(kind), &slots[i]->free);
    tpi_lock_drop(&registry.kinds[kind].lock);
}

struct tpi_slot *tpi_slab_new(enum tpi_kind kind, size_t size, struct tpi_magazine *magazine)
{
    struct tpi_slot *single;
    struct tpi_slot **slots = magazine ? magazine->slots : &single;
    uint32_t count = magazine ? magazine->count : 0;
    while (count == 0) { /* ends: each turn finds a slot, adds some, or fails */
        count = take_free(kind, slots, magazine ? (TPP_MAGAZINE + 1) / 2 : 1);
        if (count == 0 && !grow(kind, size))
            return NULL;
    }
    struct tpi_slot *slot = slots[--count];
    if (magazine)
        magazine->count = count;
    /* [SL2] release: whoever sees the new generation sees the end of the slot's last life. */
    uint32_t generation = tpp_peek(&slot->generation);
    tpi_assert(!tpi_slot_live(generation));
    tpp_store_release(&slot->generation, generation + 1);
    return slot;
}

void tpi_slab_free(enum tpi_kind kind, struct tpi_slot *slot, struct tpi_magazine *magazine)
{
    tpp_probe(TPP_PROBE_FREE, slot, kind);
    uint32_t generation = tpp_peek(&slot->generation);
    tpi_assert(tpi_slot_live(generation));
    /* [SL2] release: a latecomer that still finds the old generation has not missed a write of the
     * next life. */
    tpp_store_release(&slot->generation, generation + 1);
    if (!magazine) {
        give_free(kind, &slot, 1);
        return;
    }
    if (magazine->count == TPP_MAGAZINE) {
        /* The older half goes back: the newer is still warm. */
        uint32_t half = TPP_MAGAZINE / 2;
        give_free(kind, magazine->slots, half);
        memmove(magazine->slots, magazine->slots + half,
                (TPP_MAGAZINE - half) * sizeof magazine->slots[0]);
        magazine->count -= half;
    }
    magazine->slots[magazine->count++] = slot;
}

bool tpi_slab_retire(struct tpi_slot *slot, uint32_t generation)
{
    /* [SL2] */
    return tpp_cas_acq_rel(&slot->generation, &generation, generation + 2);
}

void tpi_slab_flush(enum tpi_kind kind, struct tpi_magazine *magazine)
{
    if (magazine->count > 0)
        give_free(kind, magazine->slots, magazine->count);
    magazine->count = 0;
}

struct tpi_slot *tpi_slab_at(enum tpi_kind kind, uint32_t index)
{
    struct slab *slab = slab_at(index >> SLOT_BITS);
    uint32_t number = index & (SLOTS_MAX - 1);
    if (!slab || number >= slab->slots || (kind != TPI_KIND_NONE && slab->kind != kind))
        return NULL;
    return slot_at(slab, number);
}

void tpi_slab_each(enum tpi_kind kind, bool (*visit)(struct tpi_slot *slot, void *context),
                   void *context)
{
    uint32_t count = tpp_load_acquire(&registry.count); /* [SL1] */
    for (uint32_t number = 0; number < count; number++) {
        struct slab *slab = slab_at(number);
        if (slab->kind != kind)
            continue;
        for (uint32_t i = 0; i < slab->slots; i++)
            if (!visit(slot_at(slab, i), context))
                return;
    }
}

bool tpi_slab_used(void)
{
    return tpp_load_acquire(&registry.count) > 0; /* [SL1] */
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

void tpi_slab_reset(void)
{
    memset(&registry, 0, sizeof registry);
}
