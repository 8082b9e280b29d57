/* wait.c - the waits of a cleanup group as a set: joining, leaving, and barring all at once. */
#include "core/object/wait.h"

#include "core/wait/slots.h"

#define BATCH 64u

static uint32_t number_of(struct tpi_object *object)
{
    return tpi_slot_index(&object->task.slot);
}

bool tpi_wait_join(struct tpi_bitmap *waits, struct tpi_object *object)
{
    return tpi_slots_reserve(number_of(object)) && tpi_bitmap_add(waits, number_of(object));
}

void tpi_wait_leave(struct tpi_bitmap *waits, struct tpi_object *object)
{
    if (!tpi_slots_barred(number_of(object))) /* else the set was cleared then */
        tpi_bitmap_remove(waits, number_of(object));
}

static struct tpi_vigil *vigil_of(uint32_t number)
{
    struct tpi_slot *slot = tpi_slab_at(TPI_KIND_WAIT, number);
    return &tpi_container(slot, struct tpi_wait, object.task.slot)->vigil;
}

/* The next members of the set; returns how many, and moves on behind them. */
static uint32_t read_on(const struct tpi_bitmap *waits, uint32_t *from, uint32_t numbers[BATCH])
{
    uint32_t count = *from < TPI_BITMAP_END ? tpi_bitmap_read(waits, *from, numbers, BATCH) : 0;
    if (count > 0)
        *from = numbers[count - 1] + 1;
    return count;
}

void tpi_waits_bar(struct tpi_bitmap *waits)
{
    uint32_t numbers[BATCH], from = 0, count;
    struct tpi_vigil *vigils[BATCH];
    while ((count = read_on(waits, &from, numbers)) > 0)
        tpi_slots_bar(numbers, count);
    tpp_fence_seq_cst(); /* [WS1] */
    from = 0;
    while ((count = read_on(waits, &from, numbers)) > 0) {
        count = tpi_slots_keep_armed(numbers, count);
        for (uint32_t i = 0; i < count; i++)
            vigils[i] = vigil_of(numbers[i]);
        tpi_vigils_stop(vigils, count);
    }
    tpi_bitmap_clear(waits);
}
