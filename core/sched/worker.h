/* worker.h - a worker: takes a task, runs it, takes the next. */
#ifndef TPI_SCHED_WORKER_H
#define TPI_SCHED_WORKER_H

#include "core/mem/slab.h"
#include "core/queue/ring.h"
#include "core/sched/monitor.h"
#include "core/sched/pool.h"
#include "core/sched/thread.h"

/* The innermost callback that a worker runs, as far as a dump tells of it. */
struct tpi_runs {
    tpp_ptr function; /* NULL: none */
    tpp_ptr handle;
    tpp_u64 name[TPI_NAME_SIZE / sizeof(uint64_t)];
};

struct tpi_worker {
    struct tpi_slot slot;

    /* set before the thread starts, then read-only */
    struct tpi_pool *pool;
    struct tpi_thread *thread; /* the record that the new thread adopts */
    uint32_t id;

    /* written under the pool's lock, read by anybody */
    tpp_u32 alive; /* a thread runs on it */

    /* written by the owner, read by the gate */
    tpp_u64 thread_id; /* 0 before the thread has begun, and after it has left */
    tpp_u32 declared;  /* depth of what was said to block: blocking_begin, may_run_long, a wait */

    struct tpi_gaze gaze; /* the gate's own */

    /* owner only */
    bool eager;      /* takes even a single ticket out of another's ring */
    bool searching;  /* this worker owns pool->searching */
    uint32_t waker;  /* one more than the processor of whoever woke us; 0: unknown */
    uint32_t claims; /* since the shared queue was looked at first */
    uint32_t random;
    bool overflow; /* the ring was full: pushes go to the shared queue until it is empty */
    int64_t awake_since;
    uint64_t cancels;      /* of the task claimed last, see tpi_applied */
    bool driving;          /* this worker is pool->reactor.driver */
    bool ticked;           /* a timer, or a descriptor, ended its last sleep */
    bool rested;           /* that was a long one */
    bool summoned;         /* something else did, and it has claimed a post since */
    bool timers_left;      /* more was due than it posted at once */
    uint32_t glance;       /* claims left before it looks at the clock, if there are timers ... */
    uint32_t glance_every; /* ... of so many */
    int64_t glanced_at;
    int64_t looked_at; /* into the poller, while there was something else to do */
    uint32_t gone;     /* objects freed here that the pool does not know of yet */

    /* written by the owner, read by anybody: statistics, relaxed */
    tpp_u64 submitted[TPI_PRIORITY_COUNT];
    tpp_u64 claimed[TPI_PRIORITY_COUNT];
    tpp_u64 executed;
    tpp_u64 stolen;
    tpp_u64 busy_ns; /* awake, from the end of one sleep to the next */
    struct tpi_runs runs;

    _Alignas(128) tpp_u32 park; /* asleep on it while 0; set by whoever took the idle bit; [PK2] */
    struct tpi_ring ring;

    struct tpi_look look; /* owner only: what its last sleep has brought */
};

/* The body of a worker's thread; `argument` is the worker. */
void tpi_worker_main(void *argument);

/* Owner only: queues a task in its own ring, or in the shared queue once that is full. */
void tpi_worker_push(struct tpi_worker *worker, struct tpi_task *task, uint32_t epoch);

/* Owner only: objects freed by a worker leave its pool in batches, at the latest before it sleeps,
 * so that workers and creators do not meet on the pool's life word for each of them. */
void tpi_worker_object_gone(struct tpi_worker *worker);
bool tpi_worker_object_back(struct tpi_worker *worker); /* one of them is replaced, if any */
void tpi_worker_flush_gone(struct tpi_worker *worker);

/* Owner only: claims the next post to run, in the order told in worker.c; NULL if there is none. */
struct tpi_task *tpi_worker_take(struct tpi_worker *worker);

/* Owner only: claims a post that has just been made, before what is queued, as if it belonged to
 * the task that the worker has just run. False if that cannot be - something more urgent waits,
 * the pool keeps a strict order, its object has no room - or it was cancelled; published if it
 * has to be. */
bool tpi_worker_claim(struct tpi_worker *worker, const struct tpi_ready *ready);

/* Owner only: a stretch begins, or ends, in which its thread may sleep. They nest, and count as one
 * blocked thread of the pool. */
void tpi_worker_blocks(struct tpi_worker *worker);
void tpi_worker_unblocks(struct tpi_worker *worker);

/* Is it in a callback? Also how many posts it has ever claimed. Anybody. */
bool tpi_worker_in_callback(struct tpi_worker *worker, uint64_t *claims_out);

/* Does it run what is for the pool's keeper only? */
static inline bool tpi_worker_keeps(struct tpi_worker *worker)
{
    /* relaxed: a worker that becomes the keeper is told by the wake that follows the first post. */
    return tpp_load_relaxed(&worker->pool->keeper) == worker->id + 1;
}

/* Owner only, about to leave: its tickets go to the shared queue, and it searches no more. */
void tpi_worker_hand_over(struct tpi_worker *worker);

/* The calling thread's worker, or NULL. */
static inline struct tpi_worker *tpi_worker_self(void)
{
    struct tpi_thread *thread = tpi_thread_self();
    return thread ? thread->worker : NULL;
}

/* Adds to a counter that only the calling thread writes. */
static inline void tpi_count(tpp_u64 *counter, uint64_t amount)
{
    /* relaxed load: one writer. [CT1] release: whoever reads one count finds in the others what was
     * counted before it, so that what ended never exceeds what began. Pairs with stats.c. Weaker,
     * here or there, numbers of two moments meet: what is below zero is shown as zero, and the gate
     * looks again. Whoever waited for a callback finds it counted all the same: [ST1]. */
    tpp_store_release(counter, tpp_load_relaxed(counter) + amount);
}

#endif
