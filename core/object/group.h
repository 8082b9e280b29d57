/* group.h - a cleanup group: objects that are waited for and closed together.
 *
 * An object is on the group's `members` from its creation until it is freed, or on `closing` while
 * a call of close_members deals with it; those that it cancelled for good it keeps on a list of its
 * own until it frees them. The group outlives its members: it cannot be closed while
 * it has any. */
#ifndef TPI_OBJECT_GROUP_H
#define TPI_OBJECT_GROUP_H

#include "core/object/object.h"
#include "core/wait/bitmap.h"

struct tpi_group {
    struct tpi_slot slot;
    struct tpi_lock lock;
    /* under lock */
    struct tpi_link members;
    struct tpi_link closing;
    struct tpi_bitmap waits; /* those that are waits and may be armed, by their slots' numbers */
    uint64_t closer;         /* the thread in close_members, 0 if none */
    tpp_u32 changes;         /* grows when a member leaves or a closer is done; never reset */
    tpp_u32 waiters;         /* threads asleep on `changes` */
};

tp_status_t tpi_group_create(void **handle_out);
tp_status_t tpi_group_close(struct tpi_group *group, uint32_t generation);
tp_status_t tpi_group_close_members(struct tpi_group *group, uint32_t generation,
                                    bool cancel_pending, void *cleanup_context);

/* TP_ERR_CLOSED if the group is not in that generation any more. */
tp_status_t tpi_group_join(struct tpi_group *group, uint32_t generation, struct tpi_object *object);
void tpi_group_leave(struct tpi_group *group, struct tpi_object *object);

#endif
