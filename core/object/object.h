/* object.h - what all callback objects have in common: creation, submit, wait, close, free.
 *
 * An object lives until its handle is closed and nothing of it is queued or running; whoever makes
 * the state word say so frees it (state.h, FREE), outside every lock: the application's release
 * function runs there. */
#ifndef TPI_OBJECT_OBJECT_H
#define TPI_OBJECT_OBJECT_H

#include "core/object/env.h"
#include "core/queue/task.h"
#include "core/sched/pool.h"
#include "core/sched/worker.h"

struct tpi_group;

/* What few objects have: a slot of its own, so that the others fit into two cache lines. */
struct tpi_extra {
    struct tpi_slot slot;
    tp_cancel_fn cancel;
    tp_simple_fn finalizer;
    tp_release_fn release;
    void *library; /* our own reference, or NULL */
    char name[TPI_NAME_SIZE];
};

struct tpi_object {
    struct tpi_task task;

    /* set at creation if the traits say so, then read-only */
    void *handle; /* of a simple callback: none */
    struct tpi_group *group;
    struct tpi_extra *extra;

    /* under the group's lock */
    struct tpi_link member;
};

_Static_assert(sizeof(void *) != 8 || sizeof(struct tpi_object) <= 128, "two cache lines");
_Static_assert(sizeof(void *) != 8 || offsetof(struct tpi_task, cancels) == 64, "one line");

static inline struct tpi_group *tpi_object_group(struct tpi_object *object)
{
    return tpi_task_has(&object->task, TPI_TRAIT_GROUPED) ? object->group : NULL;
}

static inline struct tpi_extra *tpi_object_extra(struct tpi_object *object)
{
    return tpi_task_has(&object->task, TPI_TRAIT_EXTRA) ? object->extra : NULL;
}

/* Could anybody cancel posts of it? */
static inline bool tpi_object_cancellable(struct tpi_object *object)
{
    return tpi_task_kind(&object->task) != TPI_KIND_BRIEF;
}

/* A simple callback: born with its one post, without a handle. */
static inline bool tpi_object_simple(struct tpi_object *object)
{
    enum tpi_kind kind = tpi_task_kind(&object->task);
    return kind == TPI_KIND_SIMPLE || kind == TPI_KIND_BRIEF;
}

/* Makes an object of that kind and lets it join its pool and group. A simple callback is born with
 * one post, which is published at once: it may be over, and gone, before this returns. */
struct tpi_spec {
    enum tpi_kind kind;     /* TPI_KIND_SIMPLE becomes TPI_KIND_BRIEF where that will do */
    void (*function)(void); /* a tp_simple_fn, tp_work_fn ... by the kind */
    void *context;
    const struct tpi_profile *profile;
    /* of an I/O object */
    int number; /* what the application calls its descriptor */
    int *own;   /* ours, until the object has it */
    enum tpp_file_kind file_kind;
    int *errno_out;
};
tp_status_t tpi_object_create(const struct tpi_spec *spec, void **handle_out);

/* The functions behind a handle. TP_ERR_HANDLE if it went stale meanwhile. */
tp_status_t tpi_object_submit(struct tpi_object *object, uint32_t generation, uint32_t posts);
tp_status_t tpi_object_wait(struct tpi_object *object, uint32_t generation, bool cancel_pending,
                            int64_t timeout_ns);
tp_status_t tpi_object_close(struct tpi_object *object, uint32_t generation);

/* RELEASE of an object that the caller holds; nothing comes of it by itself any more. */
struct tpi_applied tpi_object_release(struct tpi_object *object);

/* Its pool is being shut down: no post is taken any more, and none comes by itself. */
void tpi_object_shut(struct tpi_object *object, uint32_t generation);

/* Drops what is pending of an object that may be closed or gone. True if the caller has become its
 * last holder and must free it. */
bool tpi_object_cancel(struct tpi_object *object, uint32_t generation);

/* A worker that waits for ever may run what it waits for itself. True if it ran one callback. */
bool tpi_object_help(struct tpi_object *object, uint32_t generation);

/* Does what an event that took effect asks for, in this order: queue, wake, free. The object must
 * not be touched afterwards, unless the caller holds it otherwise. */
void tpi_object_effects(struct tpi_object *object, const struct tpi_target *target,
                        const struct tpi_applied *applied);

/* Begins an errand around code of the application that runs before the object has left its pool. A
 * shutdown does not wait for one with a handle to leave, only for a simple callback. */
static inline void tpi_object_errand(struct tpi_object *object, struct tpi_errand *errand)
{
    bool awaited = tpi_object_simple(object);
    tpi_errand_begin(errand, awaited ? tpi_task_target(&object->task).home : NULL);
}

/* The last one out: gives everything back. No lock held. */
void tpi_object_free(struct tpi_object *object);

/* Now plus `timeout_ns`, saturating: the deadline for tpp_wait. */
int64_t tpi_deadline(int64_t timeout_ns);

/* The calling thread is about to sleep in a call of the library: if it is a worker, another may
 * take its place meanwhile. */
void tpi_blocking_enter(void);
void tpi_blocking_leave(void);

#endif
