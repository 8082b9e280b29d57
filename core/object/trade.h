/* trade.h - what the kinds of callback objects do each in their own way. */
#ifndef TPI_OBJECT_TRADE_H
#define TPI_OBJECT_TRADE_H

#include "core/object/object.h"

struct tpi_instance;

/* A function that is NULL has nothing to do, or does as a work object does. */
struct tpi_trade {
    const char *name; /* for messages */
    size_t size;      /* of the slot */
    bool reacts;      /* it needs its pool's reactor */

    /* Before anybody knows the object; in its pool, which may refuse it; out of that again; and
     * when nobody knows it any more, the pool being there. */
    void (*init)(struct tpi_object *object, const struct tpi_spec *spec);
    tp_status_t (*enter)(struct tpi_object *object, const struct tpi_spec *spec,
                         struct tpi_pool *pool);
    void (*leave)(struct tpi_object *object, struct tpi_pool *pool);
    void (*end)(struct tpi_object *object);

    /* A callback begins, and its function is called. */
    void (*tell)(struct tpi_object *object, struct tpi_instance *instance);
    void (*call)(struct tpi_object *object, struct tpi_instance *instance);

    /* Events, and that nothing begins any more, the object's group being closed. */
    void (*shut)(struct tpi_object *object, uint32_t generation);
    struct tpi_applied (*cancel)(struct tpi_object *object, uint32_t generation);
    struct tpi_applied (*close)(struct tpi_object *object, uint32_t generation);
    struct tpi_applied (*release)(struct tpi_object *object);
    void (*bar)(struct tpi_object *object);

    /* The pool is being shut down, and what it drops has been: what may never end, ends. */
    void (*abort_all)(struct tpi_object *object, uint32_t generation);

    /* A worker waits for the object, and has ceased to; and runs what has to be done before a
     * callback can come. Its pool is the object's. */
    void (*await)(struct tpi_object *object, uint32_t generation, bool begins);
    bool (*help)(struct tpi_object *object, struct tpi_worker *worker);

    /* Undoes the hold that came with PART. */
    struct tpi_applied (*let_go)(struct tpi_object *object);
};

extern const struct tpi_trade tpi_timer_trade, tpi_wait_trade, tpi_io_trade;

/* The trade of that kind. */
const struct tpi_trade *tpi_trade(enum tpi_kind kind);

static inline const struct tpi_trade *tpi_object_trade(struct tpi_object *object)
{
    return tpi_trade(tpi_task_kind(&object->task));
}

#endif
