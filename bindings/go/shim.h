/* shim.h - the C half of the Go package: objects, their events, and the queue that Go reads. */
#ifndef TPGO_SHIM_H
#define TPGO_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tp/tp.h>

/* What an object is. */
enum { TPGO_SIMPLE, TPGO_WORK, TPGO_TIMER, TPGO_WAIT, TPGO_IO };

/* What an event tells: a callback is to run; or the object is gone for good. */
enum { TPGO_RUN, TPGO_RELEASE };

typedef struct tpgo_event {
    uintptr_t handle;   /* of the object in Go */
    uintptr_t object;   /* of the object in C, which Go gives back after TPGO_RELEASE */
    uint64_t number;    /* among those of its object, from 1; of a release: how many there were */
    uint64_t operation; /* I/O: the key */
    uint64_t bytes;     /* I/O: what was transferred; a wait: the states of its descriptor */
    uint32_t result;    /* a wait: TP_WAIT_* */
    int32_t error;      /* I/O: 0 or an errno */
    uint32_t kind;      /* TPGO_RUN or TPGO_RELEASE */
    uint32_t reserved;
} tpgo_event_t;

typedef struct tpgo_queue tpgo_queue_t;

/* The context of every object that Go makes. */
typedef struct tpgo_object {
    uintptr_t handle;
    tpgo_queue_t *queue;
    uint64_t pushed;  /* events so far; written under the queue's lock, read by Go without */
    uint64_t pending; /* of these, not begun and not dropped; Go subtracts, all atomically */
    uint64_t missed;  /* expiries that skip_missed left out; queue's lock */
    uint32_t skip_missed;
    void *library; /* batched: one more reference to it, for Go to give back */
} tpgo_object_t;

/* What an object is made with: an Env of Go. */
typedef struct tpgo_choices {
    tp_pool_t *pool;
    tp_cleanup_group_t *group;
    void *library;
    const char *name;
    tpgo_queue_t *queue;
    uint32_t priority;
    uint32_t limit;
    bool runs_long;
    bool persistent;
    bool direct;    /* the callback runs Go on the pool's thread */
    bool finalizer; /* direct only: there is one */
    bool cancel;    /* there is a cancel function */
} tpgo_choices_t;

/* One I/O operation, its key a number. */
typedef struct tpgo_operation {
    uint32_t opcode;
    uint32_t flags;
    uint64_t key;
    void *buffer;
    uint64_t length;
    int64_t offset;
    void *address;
    uint32_t *address_length;
} tpgo_operation_t;

/* ---- the queue (queue.c) --------------------------------------------------------------------- */

/* Makes a queue and its descriptor, which becomes readable when there is something for a reader
 * that has found nothing. NULL, and *errno_out, if that fails. */
tpgo_queue_t *tpgo_queue_create(int *fd_out, int *errno_out);

/* Frees an empty queue that no object names. The descriptor is Go's. */
void tpgo_queue_free(tpgo_queue_t *queue);

/* Appends an event of the object: waits for room only if memory is short. */
void tpgo_push(tpgo_object_t *object, tpgo_event_t event);

/* Frees the `dead` objects, then takes up to `max` events; 0: none, the descriptor will tell. */
uint32_t tpgo_drain(tpgo_queue_t *queue, tpgo_event_t *events, uint32_t max, uintptr_t *dead,
                    uint32_t dead_count);

/* Sets whether expiries are left out while one is pending; returns how many were so far. */
uint64_t tpgo_skip_missed(tpgo_object_t *object, int skip);

/* ---- objects (shim.c) ------------------------------------------------------------------------ */

/* Makes an object of tp, or submits a simple callback. On TP_OK *object_out lives until Go has
 * given it back; after an error there is nothing. */
tp_status_t tpgo_create(uint32_t kind, const tpgo_choices_t *choices, uintptr_t handle, int fd,
                        void **created_out, tpgo_object_t **object_out, int *errno_out);

/* ---- calls in one step: their errno is the thread's, or their arguments are numbers ---------- */

tp_status_t tpgo_pool_create(tp_pool_config_t *config, uintptr_t hooks, tp_pool_t **pool_out);
tp_status_t tpgo_pool_dump(tp_pool_t *pool, int fd, int *errno_out);
tp_status_t tpgo_pool_poll_fd(tp_pool_t *pool, int *fd_out, int *errno_out);
tp_status_t tpgo_wait_set(tp_wait_t *wait, const tp_wait_spec_t *spec, bool *was_armed,
                          int *errno_out);
tp_status_t tpgo_waitable_wait(tp_waitable_t source, int64_t timeout, tp_wait_result_t *result,
                               int *errno_out);
tp_status_t tpgo_io_submit(tp_io_t *io, const tpgo_operation_t *operations, uint32_t count,
                           uint32_t *submitted, int *errno_out);
tp_status_t tpgo_io_complete(tp_io_t *io, uint64_t key, int32_t error, uint64_t bytes);
tp_status_t tpgo_io_abort(tp_io_t *io, uint64_t key);
tp_status_t tpgo_group_close_members(tp_cleanup_group_t *group, bool cancel, uintptr_t list);
tp_status_t tpgo_set_misuse_hook(bool set);
tp_status_t tpgo_set_allocator(void *alloc, void *free, void *context);

#endif
