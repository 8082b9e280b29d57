/* wheel.c - filing, finding and handing out the nodes of a timer wheel. */
#include "core/time/wheel.h"

#define BITS TPP_WHEEL_BITS

/* Times as unsigned numbers in the same order, and back. */
#define BIAS (UINT64_C(1) << 63)

static uint64_t key_of(int64_t time)
{
    return (uint64_t)time ^ BIAS;
}

static int64_t time_of(uint64_t key)
{
    return (int64_t)(key ^ BIAS);
}

static uint32_t lowest(uint64_t bits)
{
    return (uint32_t)__builtin_ctzll(bits);
}

static uint32_t highest(uint64_t bits)
{
    return 63 - (uint32_t)__builtin_clzll(bits);
}

static uint32_t digit(uint64_t key, uint32_t level)
{
    return (uint32_t)(key >> level * BITS) & (TPI_WHEEL_SLOTS - 1);
}

/* The slot at the cursor, of the level that is being filed anew; of level 0 if none is. */
static uint32_t here(const struct tpi_wheel *wheel)
{
    return digit(wheel->cursor, wheel->falling);
}

/* The first time in the slot, given that its level lies ahead of the cursor. */
static uint64_t start_of(const struct tpi_wheel *wheel, uint32_t level, uint32_t slot)
{
    uint32_t above = (level + 1) * BITS;
    uint64_t upper = above < 64 ? wheel->cursor >> above << above : 0;
    return upper | (uint64_t)slot << level * BITS;
}

void tpi_wheel_init(struct tpi_wheel *wheel, int64_t now)
{
    wheel->cursor = key_of(now);
    wheel->levels = 0;
    wheel->falling = 0;
    for (uint32_t level = 0; level < TPI_WHEEL_LEVELS; level++)
        wheel->bits[level] = 0;
}

/* ---- in and out ------------------------------------------------------------------------------ */

static void open_slot(struct tpi_wheel *wheel, uint32_t level, uint32_t index)
{
    struct tpi_wheel_slot *slot = &wheel->slots[level][index];
    for (uint32_t lane = 0; lane < TPI_WHEEL_LANES; lane++)
        slot->first[lane] = NULL;
    slot->latest = TPI_WHEEL_NEVER;
    slot->in = slot->out = 0;
    slot->count = 0;
    wheel->bits[level] |= UINT64_C(1) << index;
    wheel->levels |= UINT64_C(1) << level;
}

/* At the end of the next lane. */
static void link_into(struct tpi_wheel *wheel, struct tpi_wheel_node *node, uint32_t level,
                      uint32_t index)
{
    struct tpi_wheel_slot *slot = &wheel->slots[level][index];
    if (!(wheel->bits[level] >> index & 1))
        open_slot(wheel, level, index);
    node->place = level * TPI_WHEEL_SLOTS + index;
    node->order = slot->in++;
    uint32_t lane = node->order % TPI_WHEEL_LANES;
    struct tpi_wheel_node *first = slot->first[lane];
    slot->count++;
    if (node->latest < slot->latest)
        slot->latest = node->latest;
    if (!first) {
        slot->first[lane] = node->next = node->prev = node;
        return;
    }
    node->next = first;
    node->prev = first->prev;
    node->prev->next = node;
    first->prev = node;
}

/* True if the slot is empty now. */
static bool unlink_from(struct tpi_wheel *wheel, struct tpi_wheel_node *node)
{
    uint32_t lane = node->order % TPI_WHEEL_LANES;
    uint32_t level = node->place / TPI_WHEEL_SLOTS, index = node->place % TPI_WHEEL_SLOTS;
    struct tpi_wheel_slot *slot = &wheel->slots[level][index];
    struct tpi_wheel_node *next = node->next;
    next->prev = node->prev;
    node->prev->next = next;
    if (slot->first[lane] == node)
        slot->first[lane] = next != node ? next : NULL;
    node->next = NULL;
    if (--slot->count > 0)
        return false;
    wheel->bits[level] &= ~(UINT64_C(1) << index);
    if (wheel->bits[level] == 0)
        wheel->levels &= ~(UINT64_C(1) << level);
    return true;
}

static __attribute__((noinline, cold)) struct tpi_wheel_node *search_oldest(
    const struct tpi_wheel_slot *slot)
{
    struct tpi_wheel_node *oldest = NULL;
    for (uint32_t lane = 0; lane < TPI_WHEEL_LANES; lane++)
        if (slot->first[lane] && (!oldest || slot->first[lane]->order < oldest->order))
            oldest = slot->first[lane];
    return oldest;
}

/* Unless nodes have been removed it is in the lane whose turn it is. A call for the rare case, not
 * a choice: the processor then goes on with that node before it has seen all the others. */
static struct tpi_wheel_node *find_oldest(const struct tpi_wheel_slot *slot)
{
    struct tpi_wheel_node *node = slot->first[slot->out % TPI_WHEEL_LANES];
    if (!node)
        return search_oldest(slot);
    for (uint32_t lane = 0; lane < TPI_WHEEL_LANES; lane++)
        if (slot->first[lane] && __builtin_expect(slot->first[lane]->order < node->order, 0))
            return search_oldest(slot);
    return node;
}

/* Takes the oldest node out of a slot that has one; *emptied_out tells that it was the last. */
static struct tpi_wheel_node *take_oldest(struct tpi_wheel *wheel, struct tpi_wheel_slot *slot,
                                          bool *emptied_out)
{
    struct tpi_wheel_node *oldest = find_oldest(slot);
    slot->out = oldest->order + 1;
    __builtin_prefetch(oldest->next, 1);
    *emptied_out = unlink_from(wheel, oldest);
    return oldest;
}

static void file(struct tpi_wheel *wheel, struct tpi_wheel_node *node)
{
    uint64_t key = key_of(node->due);
    if (key < wheel->cursor)
        key = wheel->cursor;
    uint64_t difference = key ^ wheel->cursor;
    uint32_t level = difference ? highest(difference) / BITS : 0;
    link_into(wheel, node, level, digit(key, level));
}

void tpi_wheel_add(struct tpi_wheel *wheel, struct tpi_wheel_node *node)
{
    uint32_t shift = wheel->falling * BITS;
    /* Others that are due at the same time may still lie in the slot that is being filed anew. */
    if (wheel->falling && key_of(node->due) >> shift <= wheel->cursor >> shift)
        link_into(wheel, node, wheel->falling, here(wheel));
    else
        file(wheel, node);
}

void tpi_wheel_remove(struct tpi_wheel *wheel, struct tpi_wheel_node *node)
{
    bool emptied = unlink_from(wheel, node);
    if (emptied && wheel->falling && node->place == wheel->falling * TPI_WHEEL_SLOTS + here(wheel))
        wheel->falling = 0;
}

/* ---- as time goes by ------------------------------------------------------------------------- */

/* Files the nodes of the slot at the cursor further down, no more than *work of them. */
static void fall(struct tpi_wheel *wheel, uint32_t *work)
{
    struct tpi_wheel_slot *slot = &wheel->slots[wheel->falling][here(wheel)];
    while (wheel->falling && *work > 0) {
        bool emptied;
        struct tpi_wheel_node *node = take_oldest(wheel, slot, &emptied);
        if (emptied)
            wheel->falling = 0;
        file(wheel, node);
        --*work;
    }
}

/* Goes to the next slot that has something due at `key`; false if there is none. */
static bool go_on(struct tpi_wheel *wheel, uint64_t key)
{
    if (wheel->levels) {
        uint32_t level = lowest(wheel->levels);
        uint64_t start = start_of(wheel, level, lowest(wheel->bits[level]));
        if (start <= key) {
            wheel->cursor = start;
            wheel->falling = level;
            return true;
        }
    }
    wheel->cursor = key;
    return false;
}

/* Takes all nodes of the slot at the cursor, whose level is `falling`, in order of their due times.
 * They are few, and leave the slot in order of arrival: equal ones keep it. */
static uint32_t take_all(struct tpi_wheel *wheel, struct tpi_wheel_slot *slot,
                         struct tpi_wheel_node **nodes)
{
    uint32_t count = 0;
    for (bool emptied = false; !emptied; count++) {
        struct tpi_wheel_node *node = take_oldest(wheel, slot, &emptied);
        uint32_t at = count;
        for (; at > 0 && nodes[at - 1]->due > node->due; at--)
            nodes[at] = nodes[at - 1];
        nodes[at] = node;
    }
    wheel->falling = 0;
    return count;
}

/* Is all that the slot at the cursor, whose level is `falling`, can hold due at `key`? */
static bool all_due(const struct tpi_wheel *wheel, uint64_t key)
{
    uint32_t width = wheel->falling * BITS;
    return (wheel->cursor | ((UINT64_C(1) << width) - 1)) <= key;
}

uint32_t tpi_wheel_expire(struct tpi_wheel *wheel, int64_t now, struct tpi_wheel_node **nodes,
                          uint32_t most, bool *done_out)
{
    uint64_t key = key_of(now);
    uint32_t count = 0, work = TPP_WHEEL_WORK;
    if (key < wheel->cursor)
        key = wheel->cursor;
    *done_out = false;
    for (;;) { /* ends: each turn files or takes a node, and both are limited */
        fall(wheel, &work);
        if (wheel->falling)
            return count;
        if (!go_on(wheel, key)) {
            *done_out = true;
            return count;
        }
        struct tpi_wheel_slot *slot = &wheel->slots[wheel->falling][here(wheel)];
        if (wheel->falling) {
            if (slot->count <= most - count && all_due(wheel, key))
                count += take_all(wheel, slot, nodes + count);
            continue;
        }
        bool emptied = false;
        while (!emptied && count < most)
            nodes[count++] = take_oldest(wheel, slot, &emptied);
        if (!emptied)
            return count;
    }
}

int64_t tpi_wheel_next(const struct tpi_wheel *wheel)
{
    int64_t best = TPI_WHEEL_NEVER;
    if (wheel->falling)
        best = wheel->slots[wheel->falling][here(wheel)].latest;
    for (uint64_t levels = wheel->levels; levels; levels &= levels - 1) {
        uint32_t level = lowest(levels);
        for (uint64_t bits = wheel->bits[level]; bits; bits &= bits - 1) {
            uint32_t index = lowest(bits);
            /* Nothing in it, nor behind it, is due before it begins. */
            if (time_of(start_of(wheel, level, index)) >= best)
                return best;
            if (wheel->slots[level][index].latest < best)
                best = wheel->slots[level][index].latest;
        }
    }
    return best;
}

/* ---- when the clock was set back ------------------------------------------------------------- */

bool tpi_wheel_ahead(const struct tpi_wheel *wheel, int64_t now)
{
    return key_of(now) < wheel->cursor;
}

/* From the first slot to the last: those due at the same time lie in one slot, or, while that is
 * filed anew, the later ones in it and the others further down. */
void tpi_wheel_rewind(struct tpi_wheel *wheel, int64_t now)
{
    struct tpi_wheel_node *all = NULL, **end = &all, *next;
    while (wheel->levels) {
        uint32_t level = lowest(wheel->levels);
        struct tpi_wheel_slot *slot = &wheel->slots[level][lowest(wheel->bits[level])];
        for (bool emptied = false; !emptied;) {
            *end = take_oldest(wheel, slot, &emptied);
            end = &(*end)->next;
        }
    }
    tpi_wheel_init(wheel, now);
    for (; all; all = next) {
        next = all->next;
        file(wheel, all);
    }
}
