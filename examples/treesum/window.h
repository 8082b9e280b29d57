/* window.h - the bounded stretch of entries between the walker and the printer, in output order.
 *
 * A ring of slots with four counters that only grow: printed <= done, taken <= published <= pushed.
 *
 *     printed           taken              published      pushed          printed + WINDOW_SLOTS
 *        |  hashed or    |  waits to be     |  the walker's |     free       |
 *        |  being hashed |  hashed          |  next group   |                |
 */
#ifndef EXAMPLES_TREESUM_WINDOW_H
#define EXAMPLES_TREESUM_WINDOW_H

#include "examples/treesum/place.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Long enough that one file of some hundred megabytes does not hold up the other threads, which
 * go on with what follows it; a slot and its name take about 100 bytes. */
enum { WINDOW_SLOTS = 16384 };

/* In slot.error, beside errno values. */
enum { SLOT_NOT_REGULAR = -1, SLOT_MOVED = -2, SLOT_NO_DIGEST = -3 };

enum { DIGEST_BYTES = 32 };

struct slot {
    struct place *place;
    char *name;     /* owned; NULL if the entry is the place itself */
    uint64_t size;  /* what the walk saw, or 0 if it did not look */
    uint64_t bytes; /* how much was hashed */
    int error;      /* errno, SLOT_... or 0 */
    bool follow;    /* a name from the command line, where symbolic links are followed */
    atomic_bool done;
    unsigned char digest[DIGEST_BYTES];
};

struct window {
    struct slot *slots;
    struct place_costs costs;
    size_t descriptors_max;
    uint64_t pushed; /* the walker's own */
    alignas(64) atomic_uint_fast64_t published;
    alignas(64) atomic_uint_fast64_t taken;
    alignas(64) atomic_uint_fast64_t done;
    alignas(64) atomic_uint_fast64_t printed;
    alignas(64) atomic_uint_fast64_t bytes; /* hashed from what is done, seen in what is not */
};

bool window_init(struct window *window, size_t descriptors_max);
void window_fini(struct window *window); /* also frees what was pushed and never printed */

/* The walker's side. window_full() is never true of an empty window, so the walker always gets
 * on. */
bool window_full(struct window *window);
void window_push(struct window *window, struct place *place, char *name, uint64_t size, int error,
                 bool follow);
uint32_t window_publish(struct window *window); /* how many slots became visible */

/* The hashers' side: one call of each per published slot. */
struct slot *window_take(struct window *window);
uint64_t window_finish(struct window *window, struct slot *slot, bool *caught_up);

/* The printer's side: the oldest slot if it is done, else NULL; then give it back. */
struct slot *window_oldest(struct window *window);
void window_release(struct window *window, struct slot *slot);
bool window_empty(struct window *window);
bool window_roomy(struct window *window); /* is it worth starting the walker again? */

#endif
