/* slots.c - the words of slots.h, in chunks found through two levels of tables. */
#include "core/wait/slots.h"

#include <string.h>

#include "core/os/lock.h"
#include "core/wait/bitmap.h"

#define CHUNK_BITS 10u /* slots of a chunk: as many as a slab has at most */
#define TABLE_BITS 9u
#define TABLE_SIZE (1u << TABLE_BITS)
#define WORDS ((1u << CHUNK_BITS) / 64)

_Static_assert(CHUNK_BITS + 2 * TABLE_BITS == 28 && TPI_BITMAP_END == UINT32_C(1) << 28,
               "what a bitmap can hold has a place here");

struct chunk {
    tpp_u64 armed[WORDS];
    tpp_u64 barred[WORDS];
};

struct table {
    tpp_ptr at[TABLE_SIZE]; /* struct chunk; [WS2] */
};

static struct tpi_lock growth;
static tpp_ptr tables[TABLE_SIZE]; /* struct table; [WS2] */

static uint64_t bit_of(uint32_t number)
{
    return UINT64_C(1) << (number & 63u);
}

static uint32_t word_of(uint32_t number)
{
    return number >> 6 & (WORDS - 1);
}

/* What the entry points to, made at need; NULL when memory is out. */
static void *entry(tpp_ptr *at, size_t size)
{
    /* [WS2] acquire: what it points to is zeroed, and stays. Pairs with the release below. */
    void *found = tpp_load_acquire(at);
    if (found)
        return found;
    tpi_lock_take(&growth);
    found = tpp_peek(at);
    if (!found) {
        found = tpp_alloc(size, _Alignof(struct chunk));
        if (found)
            memset(found, 0, size);
        tpp_store_release(at, found); /* [WS2] */
    }
    tpi_lock_drop(&growth);
    return found;
}

/* [WS2] More than it takes: who has a number has it from whoever made room for it. */
static struct chunk *chunk_of(uint32_t number)
{
    uint32_t chunk = number >> CHUNK_BITS;
    struct table *table = tpp_load_acquire(&tables[chunk >> TABLE_BITS]); /* [WS2] */
    return tpp_load_acquire(&table->at[chunk & (TABLE_SIZE - 1)]);        /* [WS2] */
}

bool tpi_slots_reserve(uint32_t number)
{
    uint32_t chunk = number >> CHUNK_BITS;
    if (number >= TPI_BITMAP_END)
        return false;
    struct table *table = entry(&tables[chunk >> TABLE_BITS], sizeof(struct table));
    struct chunk *found =
        table ? entry(&table->at[chunk & (TABLE_SIZE - 1)], sizeof(struct chunk)) : NULL;
    if (!found)
        return false;
    tpp_and_acq_rel(&found->armed[word_of(number)], ~bit_of(number));  /* [WS1] */
    tpp_and_acq_rel(&found->barred[word_of(number)], ~bit_of(number)); /* [WS1] */
    return true;
}

void tpi_slots_arm(uint32_t number)
{
    tpp_or_acq_rel(&chunk_of(number)->armed[word_of(number)], bit_of(number)); /* [WS1] */
}

void tpi_slots_disarm(uint32_t number)
{
    tpp_and_acq_rel(&chunk_of(number)->armed[word_of(number)], ~bit_of(number)); /* [WS1] */
}

bool tpi_slots_armed(uint32_t number)
{
    /* relaxed: who finds it set looks at the wait itself. */
    return tpp_load_relaxed(&chunk_of(number)->armed[word_of(number)]) & bit_of(number);
}

bool tpi_slots_barred(uint32_t number)
{
    /* relaxed: [WS1] orders it where it matters. */
    return tpp_load_relaxed(&chunk_of(number)->barred[word_of(number)]) & bit_of(number);
}

/* The bits of those among the first of the numbers that lie in one word; *used_out says how many
 * they are. */
static uint64_t gather(const uint32_t *numbers, uint32_t count, uint32_t *used_out)
{
    uint64_t bits = 0;
    uint32_t used = 0;
    for (; used < count && numbers[used] >> 6 == numbers[0] >> 6; used++)
        bits |= bit_of(numbers[used]);
    *used_out = used;
    return bits;
}

void tpi_slots_bar(const uint32_t *numbers, uint32_t count)
{
    uint32_t used;
    for (uint32_t i = 0; i < count; i += used) {
        uint64_t bits = gather(numbers + i, count - i, &used);
        tpp_or_acq_rel(&chunk_of(numbers[i])->barred[word_of(numbers[i])], bits); /* [WS1] */
    }
}

uint32_t tpi_slots_keep_armed(uint32_t *numbers, uint32_t count)
{
    uint32_t kept = 0, used;
    for (uint32_t i = 0; i < count; i += used) {
        uint32_t first = numbers[i];
        uint64_t bits = gather(numbers + i, count - i, &used);
        bits &= tpp_load_acquire(&chunk_of(first)->armed[word_of(first)]); /* [WS1] */
        for (; bits; bits &= bits - 1)
            numbers[kept++] = (first & ~63u) + (uint32_t)__builtin_ctzll(bits);
    }
    return kept;
}

void tpi_slots_reset(void)
{
    memset(tables, 0, sizeof tables); /* what they pointed to is the parent's */
    tpp_init(&growth.word, 0);
}
