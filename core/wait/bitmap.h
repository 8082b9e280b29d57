/* bitmap.h - sets of wait slots by their numbers: large, sparse, and changed while locks are held.
 *
 * Two back ends keep this contract: bitmap_roaring.c on CRoaring, bitmap_words.c on plain words
 * (meson option `bitmap`; the simulator always has the words). Only tpi_bitmap_add allocates, so
 * only it can fail. No lock in it: a set belongs to whoever's lock protects it. CRoaring takes its
 * memory from malloc, also where the application brought an allocator of its own. */
#ifndef TPI_WAIT_BITMAP_H
#define TPI_WAIT_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Members are below this. */
#define TPI_BITMAP_END (UINT32_C(1) << 28)

/* All zero: the empty set, which holds no memory. */
struct tpi_bitmap {
    void *body;     /* the back end's */
    uint64_t count; /* of members */
};

/* False when memory is out, or for a number that is too large: then no member has come or gone. A
 * member may be added again, which takes no memory. */
bool tpi_bitmap_add(struct tpi_bitmap *set, uint32_t number);

/* Neither allocates nor fails; nothing happens if it is no member. */
void tpi_bitmap_remove(struct tpi_bitmap *set, uint32_t number);

bool tpi_bitmap_has(const struct tpi_bitmap *set, uint32_t number);

/* The members from `from` on, in ascending order, `capacity` at most. Returns how many: fewer than
 * `capacity` if there are no more. Behind them `numbers` is left as it was. */
uint32_t tpi_bitmap_read(const struct tpi_bitmap *set, uint32_t from, uint32_t *numbers,
                         uint32_t capacity);

/* Empties it and gives its memory back, which removing the last member may not do. */
void tpi_bitmap_clear(struct tpi_bitmap *set);

/* Bytes that it holds. */
size_t tpi_bitmap_bytes(const struct tpi_bitmap *set);

#endif
