/* waits.h - armed waits: what they wait for, who wins, and what their callbacks are told.
 *
 * One wait's part is its vigil. Whether it is armed, and what its callbacks are still to be told,
 * is under the lock of its pool's reactor: so of a signal, a timeout, a new setting and a close
 * exactly one comes first, and only a signal that came first consumes anything. Where the vigil
 * stands in a waitable's list, or among the listeners of a source, is a mere hint for signallers:
 * whoever finds it there looks under that lock whether it is armed.
 *
 * Locks, outermost first: vigil > waitables (by address) > reactor > queues. */
#ifndef TPI_SCHED_WAITS_H
#define TPI_SCHED_WAITS_H

#include "core/sched/pool.h"
#include "core/wait/sources.h"
#include "core/wait/waitable.h"

/* Results that are queued are counted by their code, in this order of preference. */
enum tpi_result { TPI_RESULT_SIGNALED, TPI_RESULT_FAILED, TPI_RESULT_TIMEOUT, TPI_RESULTS };

/* Where a vigil stands. */
enum tpi_stand { TPI_STAND_NOWHERE, TPI_STAND_WAITABLE, TPI_STAND_SOURCE };

struct tpi_vigil {
    struct tpi_arming timeout; /* under the reactor's lock; its task is the wait's */

    /* under `lock`; the links under the lock of the list they are in as well */
    union {
        struct {
            struct tpi_waiter waiter;
            struct tpi_waitable *waitable; /* perhaps closed, or of another life, by now */
        };
        struct tpi_listener listener;
    };
    struct tpi_lock lock;
    uint8_t stand; /* enum tpi_stand */

    /* under the reactor's lock */
    uint8_t armed;
    uint8_t mutex; /* a mutex is reserved for a queued result: */
#define TPI_MUTEX_NONE 0u
#define TPI_MUTEX_SIGNALED 1u
#define TPI_MUTEX_ABANDONED 2u
    uint32_t mutex_index, mutex_generation; /* ... which */
    uint32_t results[TPI_RESULTS];          /* those without a mutex */
    uint32_t events;                        /* of the descriptor, at the last result */
};

/* Before a wait is known to others. */
void tpi_vigil_init(struct tpi_vigil *vigil, struct tpi_task *task);

/* What to wait for, as the interface has judged it. */
enum tpi_want { TPI_WANT_NOTHING, TPI_WANT_NEVER, TPI_WANT_WAITABLE, TPI_WANT_SOURCE };
struct tpi_wanted {
    enum tpi_want what;            /* TPI_WANT_NOTHING: disarm */
    uint32_t clock;                /* TP_CLOCK_* */
    int64_t timeout;               /* TP_INFINITE: none */
    struct tpi_waitable *waitable; /* WAITABLE ... */
    uint32_t waitable_generation;  /* ... which life of it */
    enum tpi_source_kind kind;     /* SOURCE ... */
    int number;                    /* ... the descriptor or the signal ... */
    uint32_t events;               /* ... and the states of it */
};

/* tp_wait_set. TP_ERR_SYSTEM leaves a positive errno in *errno_out. After an error everything is as
 * it was. */
tp_status_t tpi_vigil_set(struct tpi_vigil *vigil, uint32_t generation,
                          const struct tpi_wanted *wanted, bool *was_armed_out, int *errno_out);

/* SHUT, and disarms it: at once, so that no unit is taken for a post that is refused. It may be
 * closed, or gone, already. */
void tpi_vigil_shut(struct tpi_vigil *vigil, uint32_t generation);

/* CLOSE, or RELEASE of a wait that the caller holds: with the event it is in no list any more. */
struct tpi_applied tpi_vigil_close(struct tpi_vigil *vigil, uint32_t generation);
struct tpi_applied tpi_vigil_release(struct tpi_vigil *vigil);

/* Its timeout has come: tpi_reactor_post, and the result. The reactor's lock is held. */
uint32_t tpi_vigil_expire(struct tpi_vigil *vigil, struct tpi_worker *worker,
                          struct tpi_ready *ready_out);

/* What a look into the pool's poller has brought is posted. The pool is alive. */
void tpi_waits_harvest(struct tpi_pool *pool, const struct tpi_look *look);

/* Queues what signallers have left, holding no lock of theirs any more. */
void tpi_posts_flush(struct tpi_posts *posts);

static inline void tpi_posts_publish(struct tpi_posts *posts)
{
    if (posts->count > 0) /* rarely: most callbacks ask for nothing, most signals find no wait */
        tpi_posts_flush(posts);
}

/* core/sched/results.c: */

/* CANCEL, of what is pending in that generation: what came with it is given back. */
struct tpi_applied tpi_vigil_cancel(struct tpi_vigil *vigil, uint32_t generation);

/* Disarms all of these, whose objects cannot be freed meanwhile; few locks if neighbours are of one
 * pool. */
void tpi_vigils_stop(struct tpi_vigil *const *vigils, uint32_t count);

/* What the callback that is about to begin on this thread is told. A mutex that comes with it is
 * owned by the thread from here on; else *mutex_out is NULL. */
struct tpi_told {
    tp_wait_result_t result;
    uint32_t events;
    struct tpi_waitable *mutex;
    uint32_t mutex_generation;
};
void tpi_vigil_tell(struct tpi_vigil *vigil, struct tpi_told *told_out);

#endif
