/* wait.h - a wait: an object that signals and timeouts post. */
#ifndef TPI_OBJECT_WAIT_H
#define TPI_OBJECT_WAIT_H

#include "core/object/object.h"
#include "core/sched/waits.h"
#include "core/wait/bitmap.h"

struct tpi_wait {
    struct tpi_object object;
    struct tpi_vigil vigil;
};

_Static_assert(sizeof(void *) != 8 || sizeof(struct tpi_wait) <= 256, "four cache lines");

static inline struct tpi_vigil *tpi_wait_vigil(struct tpi_object *object)
{
    return &tpi_container(object, struct tpi_wait, object)->vigil;
}

/* A wait joins its group's set, or leaves it; the group's lock is held. False when memory is out.
 */
bool tpi_wait_join(struct tpi_bitmap *waits, struct tpi_object *object);
void tpi_wait_leave(struct tpi_bitmap *waits, struct tpi_object *object);

/* None of these is armed any more, nor can be, and the set is empty. Their group's lock is held, so
 * none is freed. */
void tpi_waits_bar(struct tpi_bitmap *waits);

#endif
