/* instance.h - one run of a callback, on the stack of the thread that runs it.
 *
 * Its handle is a token of the thread and a count, never an address; it is good only while the
 * callback runs, and only on its thread, because only that thread looks through its own chain. */
#ifndef TPI_OBJECT_INSTANCE_H
#define TPI_OBJECT_INSTANCE_H

#include "core/object/object.h"
#include "core/sched/channel.h"
#include "core/sched/waits.h"

struct tpi_instance {
    struct tpi_instance *outer; /* the callback that waits, and helps, below this one */
    struct tpi_object *object;
    uint32_t generation;
    uint64_t cancels; /* the task's count before this run was claimed */
    void *handle;
    bool disassociated;
    bool long_running;
    uint32_t blocking;                /* depth of tp_blocking_begin */
    struct tpi_told told;             /* of a wait */
    struct tpi_completion completion; /* of an I/O object */
    /* what to do once the callback has returned; NULL: nothing */
    void *unlock; /* a pthread_mutex_t */
    void *mutex, *semaphore, *event;
    uint32_t semaphore_count;
    void *library;
};

/* The running instance with that handle on this thread, or NULL. */
struct tpi_instance *tpi_instance_find(const void *handle);

/* True if `object`, in that generation, has an associated callback running below this point of the
 * calling thread's stack: waiting for it would wait for ever. */
bool tpi_instance_running(const struct tpi_object *object, uint32_t generation);

/* True if the calling thread is one of the pool's, or runs a callback of it: the pool cannot end
 * before it returns. */
bool tpi_instance_in_pool(const struct tpi_pool *pool);

/* True if any callback on the calling thread, disassociated or not, is a member of the group. */
bool tpi_instance_in_group(const struct tpi_group *group);

tp_status_t tpi_instance_may_run_long(struct tpi_instance *instance);
void tpi_instance_disassociate(struct tpi_instance *instance);
bool tpi_instance_cancel_requested(const struct tpi_instance *instance);

/* core/object/callback.c: runs one claimed post of the task; the `run` of every pool. */
void tpi_callback_run(struct tpi_task *task, struct tpi_worker *worker);

#endif
