/* handle.h - from a handle to the slot it names. Never touches memory that is not a slot. */
#ifndef TPI_OBJECT_HANDLE_H
#define TPI_OBJECT_HANDLE_H

#include "core/mem/token.h"

/* The slot, and the generation in which the handle is good; NULL if the handle is not good now. It
 * may go stale at any moment after: whoever acts on the slot checks the generation in that act. */
static inline void *tpi_handle_slot(enum tpi_kind kind, const void *handle,
                                    uint32_t *generation_out)
{
    uintptr_t token = (uintptr_t)handle;
    if (tpi_token_kind(token) != kind)
        return NULL;
    struct tpi_slot *slot = tpi_slab_at(kind, tpi_token_index(token));
    if (!slot)
        return NULL;
    *generation_out = tpi_slot_generation(slot);
    return tpi_token_matches(token, *generation_out) ? slot : NULL;
}

static inline void *tpi_handle_make(enum tpi_kind kind, struct tpi_slot *slot)
{
    /* peek: the caller is the only one who knows the slot in this generation. */
    return (void *)tpi_token_make(kind, tpp_peek(&slot->generation), tpi_slot_index(slot));
}

#endif
