/* wait.c - a wait as an object; the waits of a cleanup group as a set: joining, leaving,
 * barring. */
#include "core/object/wait.h"

#include "core/object/instance.h"
#include "core/object/trade.h"
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

/* ---- as an object ---------------------------------------------------------------------------- */

static void init(struct tpi_object *object, const struct tpi_spec *spec)
{
    (void)spec;
    tpi_vigil_init(tpi_wait_vigil(object), &object->task);
}

static void tell(struct tpi_object *object, struct tpi_instance *instance)
{
    tpi_vigil_tell(tpi_wait_vigil(object), &instance->told);
}

static void call(struct tpi_object *object, struct tpi_instance *instance)
{
    ((tp_wait_fn)object->task.function)(instance->handle, object->task.context, object->handle,
                                        instance->told.result);
}

static void shut(struct tpi_object *object, uint32_t generation)
{
    tpi_vigil_shut(tpi_wait_vigil(object), generation);
}

static struct tpi_applied cancel(struct tpi_object *object, uint32_t generation)
{
    return tpi_vigil_cancel(tpi_wait_vigil(object), generation);
}

static struct tpi_applied close(struct tpi_object *object, uint32_t generation)
{
    return tpi_vigil_close(tpi_wait_vigil(object), generation);
}

static struct tpi_applied release(struct tpi_object *object)
{
    return tpi_vigil_release(tpi_wait_vigil(object));
}

const struct tpi_trade tpi_wait_trade = {
    .name = "wait",
    .size = sizeof(struct tpi_wait),
    .reacts = true,
    .init = init,
    .tell = tell,
    .call = call,
    .shut = shut,
    .cancel = cancel,
    .close = close,
    .release = release,
};
