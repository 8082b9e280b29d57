/* wheel.h - a hierarchical timer wheel: a pure value with no clock and no lock.
 *
 * A time is a number of nanoseconds, cut into digits of TPP_WHEEL_BITS bits. A node lies at the
 * level of the highest digit in which its due time differs from the cursor, in the slot of its own
 * digit there. So whatever lies at a level is due before all that lies above it, and within a level
 * the slots are in order: bitmaps find the next one at once. When the cursor reaches a slot above
 * level 0 its nodes are filed anew, further down; a slot of level 0 is a single nanosecond, and its
 * nodes are due. So they come out in order of their due times, and those due at the same time in
 * the order in which they were added. (Who is late finds slots above level 0 of which all is due:
 * what they hold is sorted, if it is little, instead of being filed anew again and again.)
 *
 * Beside its due time a node has a latest time, at which it must come out. Each slot knows the
 * earliest one in it, and that tells when to wake up; who wakes takes all that is due by then.
 * Timers with a window so share as few wake-ups as there can be.
 *
 * Every function takes time as an argument, and any int64 is a time, except that INT64_MAX stands
 * for never. Time goes forward; when the clock is set back, rewind. */
#ifndef TPI_TIME_WHEEL_H
#define TPI_TIME_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tpp_tune.h"

#define TPI_WHEEL_SLOTS (1u << TPP_WHEEL_BITS)
#define TPI_WHEEL_LEVELS ((64u + TPP_WHEEL_BITS - 1) / TPP_WHEEL_BITS)
#define TPI_WHEEL_NEVER INT64_MAX

/* The nodes of a slot lie in so many rings, dealt out in turn: when many are filed anew, the next
 * ones of all rings are fetched from memory at once, where a single list would have each wait for
 * the one before it. */
#define TPI_WHEEL_LANES 4u

/* The caller fills due and latest, due <= latest < TPI_WHEEL_NEVER, before it adds the node; `tag`
 * is the caller's own. The rest is the wheel's; next == NULL: in no wheel. */
struct tpi_wheel_node {
    struct tpi_wheel_node *next, *prev; /* a ring, in ascending order */
    int64_t due, latest;
    uint64_t order; /* of arrival in its slot, which tells its lane */
    uint32_t place; /* level * TPI_WHEEL_SLOTS + slot */
    uint32_t tag;
};

struct tpi_wheel_slot {
    struct tpi_wheel_node *first[TPI_WHEEL_LANES];
    int64_t latest; /* no node in it has an earlier one; not raised when a node is removed */
    uint64_t in,
        out; /* order of the next node to arrive, and of the one to leave, if it is there */
    uint32_t count;
};

/* What `bits` does not name has no meaning in `slots`: they need no initialisation. */
struct tpi_wheel {
    uint64_t cursor;  /* a time, biased so that it is unsigned: all before it has been handed out */
    uint64_t levels;  /* bit k: something lies at level k */
    uint32_t falling; /* the level whose slot at the cursor is being filed anew; 0: none */
    uint64_t bits[TPI_WHEEL_LEVELS];
    struct tpi_wheel_slot slots[TPI_WHEEL_LEVELS][TPI_WHEEL_SLOTS];
};

/* An empty wheel whose time is `now`. */
void tpi_wheel_init(struct tpi_wheel *wheel, int64_t now);

/* A node that was due before the time that the wheel has seen comes out as if due at that time. */
void tpi_wheel_add(struct tpi_wheel *wheel, struct tpi_wheel_node *node);
void tpi_wheel_remove(struct tpi_wheel *wheel, struct tpi_wheel_node *node);

/* Takes out nodes that are due at `now`, at most `most`, in order. Files at most TPP_WHEEL_WORK
 * nodes anew: *done_out tells that nothing more is due at `now`; else call again. */
uint32_t tpi_wheel_expire(struct tpi_wheel *wheel, int64_t now, struct tpi_wheel_node **nodes,
                          uint32_t most, bool *done_out);

/* When to call tpi_wheel_expire next: the earliest `latest`, or before that where such a node has
 * been removed. TPI_WHEEL_NEVER if the wheel is empty. Once expire is done with a time, this is
 * later than that time. */
int64_t tpi_wheel_next(const struct tpi_wheel *wheel);

/* Has the wheel seen a time later than `now`? Then, if it is the clock that was set back and not
 * the caller who was slow: files everything anew around `now`. */
bool tpi_wheel_ahead(const struct tpi_wheel *wheel, int64_t now);
void tpi_wheel_rewind(struct tpi_wheel *wheel, int64_t now);

static inline bool tpi_wheel_holds(const struct tpi_wheel_node *node)
{
    return node->next != NULL;
}

#endif
