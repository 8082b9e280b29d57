/* waitable.h - events, semaphores and mutexes in user space, and the threads that wait for them.
 *
 * Waiters are served first come, first served: a signal that finds somebody waiting is handed to
 * the first of them under the lock, so nobody who comes later can take it away. A mutex remembers
 * its owner thread; when that ends, the next owner learns that it was abandoned.
 *
 * Every function takes the generation that the caller's handle carries and returns TP_ERR_HANDLE if
 * the object is not in it any more. Any thread may call anything at any time. */
#ifndef TPI_WAIT_WAITABLE_H
#define TPI_WAIT_WAITABLE_H

#include "core/mem/slab.h"
#include "core/os/lock.h"
#include "tp/types.h"

struct tpi_waitable {
    struct tpi_slot slot;
    struct tpi_lock lock;
    /* under lock */
    enum tpi_kind kind;
    struct tpi_link waiters;
    uint32_t count;     /* event: 1 set; semaphore: units; mutex: 1 free */
    uint32_t maximum;   /* semaphore */
    bool manual_reset;  /* event */
    bool abandoned;     /* mutex: its last owner ended */
    uint32_t recursion; /* mutex: releases still owed by the owner */
    uint64_t owner;     /* mutex: thread id, 0 if none */
};

tp_status_t tpi_waitable_create(enum tpi_kind kind, uint32_t count, uint32_t maximum,
                                bool manual_reset, void **handle_out);

/* Threads that wait get TP_ERR_HANDLE. */
tp_status_t tpi_waitable_close(struct tpi_waitable *waitable, uint32_t generation);

tp_status_t tpi_event_set(struct tpi_waitable *event, uint32_t generation);
tp_status_t tpi_event_reset(struct tpi_waitable *event, uint32_t generation);
tp_status_t tpi_semaphore_release(struct tpi_waitable *semaphore, uint32_t generation,
                                  uint32_t count, uint32_t *previous_out);
tp_status_t tpi_mutex_release(struct tpi_waitable *mutex, uint32_t generation);

/* Takes a unit if one is to be had at once, else says TP_WAIT_TIMEOUT. */
tp_status_t tpi_waitable_try(struct tpi_waitable *waitable, uint32_t generation,
                             tp_wait_result_t *result_out);

/* Takes a unit, or waits for one until the monotonic deadline. */
tp_status_t tpi_waitable_take(struct tpi_waitable *waitable, uint32_t generation,
                              int64_t deadline_ns, tp_wait_result_t *result_out);

/* The thread ends: whatever mutexes it owns are abandoned. */
void tpi_waitable_abandon_all(uint64_t thread_id);

#endif
