/* window.c - hands entries from the walker to the hashers to the printer, never more than fit. */
#include "examples/treesum/window.h"

#include <stdlib.h>

/* Paths of all places of the window, which are as long as the tree is deep. */
enum { PLACE_BYTES_MAX = 8 << 20 };

bool window_init(struct window *window, size_t descriptors_max)
{
    window->slots = calloc(WINDOW_SLOTS, sizeof *window->slots);
    window->descriptors_max = descriptors_max;
    window->pushed = 0;
    atomic_init(&window->costs.descriptors, 0);
    atomic_init(&window->costs.bytes, 0);
    atomic_init(&window->published, 0);
    atomic_init(&window->taken, 0);
    atomic_init(&window->done, 0);
    atomic_init(&window->printed, 0);
    atomic_init(&window->bytes, 0);
    return window->slots != NULL;
}

static struct slot *slot_at(struct window *window, uint64_t number)
{
    return &window->slots[number % WINDOW_SLOTS];
}

void window_fini(struct window *window)
{
    if (window->slots == NULL)
        return;
    for (uint64_t i = atomic_load(&window->printed); i != window->pushed; i++) {
        struct slot *slot = slot_at(window, i);
        if (!atomic_load(&slot->done))
            place_end_opening(slot->place);
        place_drop(slot->place);
        free(slot->name);
    }
    free(window->slots);
    window->slots = NULL;
}

bool window_full(struct window *window)
{
    uint64_t used = window->pushed - atomic_load(&window->printed);
    return used == WINDOW_SLOTS ||
           (used > 0 && (atomic_load(&window->costs.descriptors) >= window->descriptors_max ||
                         atomic_load(&window->costs.bytes) >= PLACE_BYTES_MAX));
}

void window_push(struct window *window, struct place *place, char *name, uint64_t size, int error,
                 bool follow)
{
    struct slot *slot = slot_at(window, window->pushed);
    place_hold(place);
    slot->place = place;
    slot->name = name;
    slot->size = size;
    slot->bytes = 0;
    slot->error = error;
    slot->follow = follow;
    atomic_store_explicit(&slot->done, false, memory_order_relaxed);
    window->pushed++;
    if (size > 0)
        atomic_fetch_add_explicit(&window->bytes, size, memory_order_relaxed);
}

uint32_t window_publish(struct window *window)
{
    uint64_t before = atomic_load_explicit(&window->published, memory_order_relaxed);
    atomic_store(&window->published, window->pushed);
    return (uint32_t)(window->pushed - before);
}

struct slot *window_take(struct window *window)
{
    /* One post of the hash work was made for each published slot, so there is one left to take. */
    return slot_at(window, atomic_fetch_add(&window->taken, 1));
}

uint64_t window_finish(struct window *window, struct slot *slot, bool *caught_up)
{
    place_end_opening(slot->place);
    /* A file that has shrunk wraps round, and so does the sum. */
    if (slot->bytes != slot->size)
        atomic_fetch_add_explicit(&window->bytes, slot->bytes - slot->size, memory_order_relaxed);
    atomic_store_explicit(&slot->done, true, memory_order_release);
    uint64_t done = atomic_fetch_add(&window->done, 1) + 1;
    *caught_up = done == atomic_load(&window->published);
    return done;
}

struct slot *window_oldest(struct window *window)
{
    uint64_t printed = atomic_load_explicit(&window->printed, memory_order_relaxed);
    if (printed == atomic_load(&window->published))
        return NULL;
    struct slot *slot = slot_at(window, printed);
    return atomic_load_explicit(&slot->done, memory_order_acquire) ? slot : NULL;
}

void window_release(struct window *window, struct slot *slot)
{
    place_drop(slot->place);
    free(slot->name);
    atomic_fetch_add(&window->printed, 1);
}

bool window_empty(struct window *window)
{
    return atomic_load(&window->printed) == atomic_load(&window->published);
}

bool window_roomy(struct window *window)
{
    uint64_t used = atomic_load(&window->published) - atomic_load(&window->printed);
    return used == 0 ||
           (used <= WINDOW_SLOTS / 4 * 3 &&
            atomic_load(&window->costs.descriptors) <= window->descriptors_max / 4 * 3 &&
            atomic_load(&window->costs.bytes) <= PLACE_BYTES_MAX / 4 * 3);
}
