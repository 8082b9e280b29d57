/* waitable.h - events, semaphores and mutexes in user space, and who waits for them.
 *
 * Waiters, threads and armed waits alike, stand in one list and are served first come, first
 * served: a signal that finds somebody waiting is handed to the first of them under the lock, so
 * nobody who comes later can take it away. A mutex remembers its owner thread; when that ends, the
 * next owner learns that it was abandoned. A mutex handed to a wait is reserved for it until the
 * thread that runs the callback becomes its owner.
 *
 * Functions that take a generation, which the caller's handle carries, return TP_ERR_HANDLE if the
 * object is not in it any more. Any thread may call anything at any time. Those that take `posts`
 * leave there what is to be queued (sched/waits.h), once no lock is held. */
#ifndef TPI_WAIT_WAITABLE_H
#define TPI_WAIT_WAITABLE_H

#include "core/mem/slab.h"
#include "core/os/lock.h"
#include "core/queue/task.h"
#include "tp/types.h"

struct tpi_waiter;

/* Tells a waiter that was taken off the list, under the lock, that it has what it waited for, or,
 * with TP_ERR_HANDLE, that the object was closed. False if it does not want it any more: then
 * nothing is consumed. Upward: a thread in waitable.c, or sched/waits.c. */
typedef bool (*tpi_fire_fn)(struct tpi_waiter *waiter, tp_status_t status, tp_wait_result_t result,
                            struct tpi_posts *posts);

struct tpi_waiter {
    struct tpi_link link; /* under the waitable's lock; a list of its own while in none */
    tpi_fire_fn fire;
};

struct tpi_waitable {
    struct tpi_slot slot;
    struct tpi_lock lock;
    /* under lock */
    enum tpi_kind kind;
    struct tpi_link waiters;
    uint32_t count;          /* event: 1 set; semaphore: units; mutex: 1 free */
    uint32_t maximum;        /* semaphore */
    bool manual_reset;       /* event */
    bool abandoned;          /* mutex: its last owner ended */
    uint32_t recursion;      /* mutex: releases still owed by the owner */
    uint64_t owner;          /* mutex: thread id, 0 if none */
    struct tpi_waiter *heir; /* mutex: the wait that it is reserved for, or NULL */
};

tp_status_t tpi_waitable_create(enum tpi_kind kind, uint32_t count, uint32_t maximum,
                                bool manual_reset, void **handle_out);

/* Threads that wait get TP_ERR_HANDLE; waits stay armed, and hear of it no more. */
tp_status_t tpi_waitable_close(struct tpi_waitable *waitable, uint32_t generation);

tp_status_t tpi_event_set(struct tpi_waitable *event, uint32_t generation, struct tpi_posts *posts);
tp_status_t tpi_event_reset(struct tpi_waitable *event, uint32_t generation);
tp_status_t tpi_semaphore_release(struct tpi_waitable *semaphore, uint32_t generation,
                                  uint32_t count, uint32_t *previous_out, struct tpi_posts *posts);
tp_status_t tpi_mutex_release(struct tpi_waitable *mutex, uint32_t generation,
                              struct tpi_posts *posts);

/* Takes a unit if one is to be had at once, else says TP_WAIT_TIMEOUT. */
tp_status_t tpi_waitable_try(struct tpi_waitable *waitable, uint32_t generation,
                             tp_wait_result_t *result_out);

/* Takes a unit, or waits for one until the monotonic deadline. */
tp_status_t tpi_waitable_take(struct tpi_waitable *waitable, uint32_t generation,
                              int64_t deadline_ns, tp_wait_result_t *result_out);

/* The thread ends: whatever mutexes it owns are abandoned. */
void tpi_waitable_abandon_all(uint64_t thread_id, struct tpi_posts *posts);

/* ---- for armed waits ------------------------------------------------------------------------- */

/* Takes the lock of `waitable`, and that of `old`, which may be NULL or the same. False, and no
 * lock, if `waitable` is not in that generation. Without a generation: either may be NULL. */
bool tpi_waitable_enter(struct tpi_waitable *waitable, uint32_t generation,
                        struct tpi_waitable *old);
void tpi_waitable_leave(struct tpi_waitable *waitable, struct tpi_waitable *old);

/* Locks held: would a wait that comes now be served at once; what it gets; and taking it. */
bool tpi_waitable_ready(const struct tpi_waitable *waitable);
tp_wait_result_t tpi_waitable_result(const struct tpi_waitable *waitable);
void tpi_waitable_consume(struct tpi_waitable *waitable, struct tpi_waiter *wait);

/* Lock held: joins the end of the list, and leaves it if it is in it. */
void tpi_waitable_join(struct tpi_waitable *waitable, struct tpi_waiter *waiter);
void tpi_waiter_leave(struct tpi_waiter *waiter);

/* A mutex that is reserved for the wait: the calling thread becomes its owner; or it is given back
 * as it was. Nothing happens if it was closed meanwhile. */
void tpi_mutex_inherit(struct tpi_waitable *mutex, uint32_t generation, struct tpi_waiter *heir);
void tpi_mutex_give_back(struct tpi_waitable *mutex, uint32_t generation, struct tpi_waiter *heir,
                         bool abandoned, struct tpi_posts *posts);

/* If the calling thread owns it, it is abandoned. */
void tpi_mutex_abandon(struct tpi_waitable *mutex, uint32_t generation, struct tpi_posts *posts);

#endif
