/* slots.h - which wait slots are armed, and which may not be any more: bits by slot number.
 *
 * Kept for the members of cleanup groups, so that closing one is a matter of sets: all members are
 * barred, and those that are armed are found, a word at a time. The words lie in chunks that are
 * never moved nor freed, and are atomic: many pools share one.
 *
 *   [WS1]  Who arms: armed bit, full fence, look at the barred bit.
 *          Who bars: barred bits, full fence, look at the armed bits. One of the two sees the
 *          other, by the fences: setting a bit needs no order besides. Nor does making room: that
 *          is under the group's lock. Disarming releases the post that came of it. */
#ifndef TPI_WAIT_SLOTS_H
#define TPI_WAIT_SLOTS_H

#include "core/os/os.h"

/* Makes room for that slot, neither armed nor barred; it stays. False when memory is out, or the
 * number is too large. */
bool tpi_slots_reserve(uint32_t number);

void tpi_slots_arm(uint32_t number);
void tpi_slots_disarm(uint32_t number);
bool tpi_slots_armed(uint32_t number);
bool tpi_slots_barred(uint32_t number);

/* Bars all of these; they are in ascending order. */
void tpi_slots_bar(const uint32_t *numbers, uint32_t count);

/* Keeps those that are armed, in order; returns how many. After a full fence: [WS1]. Of the others
 * the caller sees what led to their being disarmed. */
uint32_t tpi_slots_keep_armed(uint32_t *numbers, uint32_t count);

/* Forgets all, as in a new process. */
void tpi_slots_reset(void);

#endif
