/* token.h - what a handle is: a number that names a slot, its kind and its generation.
 *
 *   63   60 59          32 31            0
 *   [ kind | generation   | slot index    ]      never an address, never 0
 *
 * On 32-bit targets: kind 4, generation 8, index 20; detection of stale handles is best effort. */
#ifndef TPI_MEM_TOKEN_H
#define TPI_MEM_TOKEN_H

#include <stdint.h>

#include "core/mem/slab.h"

#if UINTPTR_MAX > 0xffffffffu
#define TPI_TOKEN_INDEX_BITS 32u
#define TPI_TOKEN_GENERATION_BITS 28u
#else
#define TPI_TOKEN_INDEX_BITS 20u
#define TPI_TOKEN_GENERATION_BITS 8u
#endif
#define TPI_TOKEN_GENERATION_MASK ((1u << TPI_TOKEN_GENERATION_BITS) - 1)

static inline uintptr_t tpi_token_make(enum tpi_kind kind, uint32_t generation, uint32_t index)
{
    return (uintptr_t)kind << (TPI_TOKEN_INDEX_BITS + TPI_TOKEN_GENERATION_BITS) |
           (uintptr_t)(generation & TPI_TOKEN_GENERATION_MASK) << TPI_TOKEN_INDEX_BITS | index;
}

static inline enum tpi_kind tpi_token_kind(uintptr_t token)
{
    return (enum tpi_kind)(token >> (TPI_TOKEN_INDEX_BITS + TPI_TOKEN_GENERATION_BITS));
}

static inline uint32_t tpi_token_index(uintptr_t token)
{
    return (uint32_t)(token & (((uintptr_t)1 << TPI_TOKEN_INDEX_BITS) - 1));
}

/* The handle of a reserved slot, once it will be published; and publishing it as it is. */
static inline void *tpi_token_future(enum tpi_kind kind, struct tpi_slot *slot)
{
    /* peek: nobody but the creator changes the generation of a reserved slot. */
    return (void *)tpi_token_make(kind, tpp_peek(&slot->generation) + 1, tpi_slot_index(slot));
}

static inline void *tpi_token_publish(enum tpi_kind kind, struct tpi_slot *slot)
{
    void *handle = tpi_token_future(kind, slot);
    tpi_slab_publish(slot, tpp_peek(&slot->generation) + 1);
    return handle;
}

/* True if the token was made from this generation of its slot. */
static inline int tpi_token_matches(uintptr_t token, uint32_t generation)
{
    uint32_t carried = (uint32_t)(token >> TPI_TOKEN_INDEX_BITS) & TPI_TOKEN_GENERATION_MASK;
    return tpi_slot_live(generation) && carried == (generation & TPI_TOKEN_GENERATION_MASK);
}

#endif
