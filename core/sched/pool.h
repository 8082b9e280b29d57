/* pool.h - a pool: its queues, its threads, its limits, and its life.
 *
 * A pool lives until its handle is closed, its last object is gone, its last thread has left and
 * nobody holds it; whoever makes the last of these true frees it. Its slot is type-stable, so a
 * submitter whose object was closed under its hands may still look at it: publishing and waking are
 * harmless then, and adding a thread checks the pool's generation and takes a hold.
 *
 *   [PL1]  Who leaves releases what he did, and who makes the pool dead acquires it. Who comes, or
 *          holds, has found the pool otherwise: by its handle, by an object, or as a slot whose
 *          words may be looked at in any life; so more than relaxed is not needed to come. Nor in
 *          what threads do, under the pool's lock: each leaves by giving a hold back.
 *   [PL3]  `birth` is compared by somebody who holds the pool, or the gate's lock: nobody adds a
 *          thread but under the pool's lock, under which the first one came from somebody with a
 *          handle. So its orders are more than it takes. */
#ifndef TPI_SCHED_POOL_H
#define TPI_SCHED_POOL_H

#include "core/mem/slab.h"
#include "core/os/lock.h"
#include "core/queue/inject.h"
#include "core/sched/idle.h"
#include "core/sched/policy.h"
#include "core/sched/port.h"
#include "core/sched/reactor.h"
#include "tp/types.h"

#define TPI_WORKER_CHUNK 64u
#define TPI_WORKER_CHUNKS ((TPI_THREADS_MAXIMUM + TPI_WORKER_CHUNK - 1) / TPI_WORKER_CHUNK)
#define TPI_POOL_NAME_SIZE 12u
#define TPI_STACK_MAXIMUM (UINT64_MAX / 2) /* bytes: more than any address space holds */

struct tpi_worker;
struct tpi_thread;

/* life, from the lowest bit: objects : 32 | threads : 16 | closed, shut | holds : 14. Threads
 * change only under the pool's lock. */
#define TPI_LIFE_THREAD (UINT64_C(1) << 32)
#define TPI_LIFE_CLOSED (UINT64_C(1) << 48) /* the handle is gone */
#define TPI_LIFE_SHUT (UINT64_C(1) << 49)   /* nothing joins any more */
#define TPI_LIFE_HOLD (UINT64_C(1) << 50)   /* somebody who is no object and no thread looks on */

static inline uint32_t tpi_life_objects(uint64_t life)
{
    return (uint32_t)life;
}

static inline uint32_t tpi_life_threads(uint64_t life)
{
    return (uint32_t)(life >> 32) & 0xffffu;
}

static inline bool tpi_life_dead(uint64_t life)
{
    return (life & ~TPI_LIFE_SHUT) == TPI_LIFE_CLOSED; /* no object, thread, hold, handle */
}

struct tpi_chunk {
    tpp_ptr workers[TPI_WORKER_CHUNK];
};

struct tpi_shard {
    _Alignas(128) tpp_u64 submitted[TPI_PRIORITY_COUNT]; /* atomic, relaxed: statistics */
};

/* How far a shutdown has come. */
enum tpi_shut {
    TPI_SHUT_NOT,
    TPI_SHUT_DRAIN, /* what is queued runs */
    TPI_SHUT_DROP,  /* what is queued is dropped when it is claimed */
    TPI_SHUT_END,   /* nothing is left: the threads end */
};

/* What the gate keeps about a pool that it watches: monitor.h. */
struct tpi_watch {
    struct tpi_link link; /* under the gate's lock */
    /* the gate's thread only */
    struct tpi_pace pace;
    uint64_t claims;   /* of the whole pool, at the last look */
    uint64_t expected; /* claims to come that only show that the gate has added threads */
    uint32_t look;
    int64_t retry, retry_at; /* after the system refused a thread */
    bool alone;              /* the workers left the timers to the gate, when it was there last */

    /* under the gate's lock */
    struct tpi_wheel_node cover; /* when to look at its timers */
    uint32_t glances;            /* of the reactor, when the gate was told so */

    /* atomic */
    tpp_u32 polled;         /* its poller may wake the gate; [GT2] */
    tpp_u32 polled_glances; /* of the reactor, when that began */
    tpp_u32 soon;           /* the cover is one for descriptors as well */
};

struct tpi_pool {
    struct tpi_slot slot;

    /* set at creation, then read-only */
    bool is_default;
    uint32_t queue_limit;
    uint32_t io_backend;
    int64_t idle_timeout;
    tpp_u32 name[TPI_POOL_NAME_SIZE / 4]; /* latecomers read it: tpi_pool_name */
    void (*on_thread_start)(void *);
    void (*on_thread_stop)(void *);
    void *hook_context;
    void (*run)(struct tpi_task *task, struct tpi_worker *worker); /* upward: object/callback.c */

    struct tpi_inject inject[TPI_PRIORITY_COUNT];
    struct tpi_inject kept[TPI_PRIORITY_COUNT]; /* of persistent objects: for one worker only */

    /* atomic: what a publisher looks at after it has published, [PK1] in park.h */
    struct tpi_idle idle;
    _Alignas(128) tpp_u32 searching; /* 1: a worker is looking, or about to be woken to look */

    /* atomic, rarely written: the limits; `threads` repeats what `life` counts */
    _Alignas(128) tpp_u32 threads, maximum, minimum, target, blocked, spawn_pause;
    tpp_u32 watched; /* the gate looks after it; [GT1] */
    tpp_u32 shut;    /* enum tpi_shut, only grows; [SH1] */
    tpp_u32 keeper;  /* one more than the number of the worker that never retires; 0: none */
    tpp_u32 driven;  /* it has no threads: callers of tp_pool_run take the seats of workers */
    tpp_u32 flag;    /* driven: one more than the descriptor for pollers; 0: none */
    tpp_u32 raised;  /* driven: its flag is up; [FL1] */
    tpp_u32 birth;   /* which life of the slot this is; even while it has none; [PL3] */

    _Alignas(128) tpp_u64 life; /* [PL1] */

    /* atomic: tickets on the move between queues, seen by a scan that wants to take LOW; [MV1] */
    _Alignas(128) tpp_u32 moves_started;
    tpp_u32 moves_finished;

    /* under lock; chunks and active are also read without it */
    _Alignas(128) struct tpi_lock lock;
    tpp_ptr chunks[TPI_WORKER_CHUNKS]; /* kept when the slot is freed: latecomers look; [PL2] */
    tpp_u32 active;                    /* one more than the highest worker number used; [PL2] */
    uint64_t stack_reserve, stack_commit;
    uint32_t threads_peak;
    uint32_t stopping; /* threads that have left and are in their last hook */
    uint64_t threads_created, threads_retired, threads_injected, create_failures;

    tpp_u32 forever;  /* atomic: workers asleep without a deadline, see park.c; [PK4] */
    tpp_u32 shut_seq; /* grows when a shutdown may have got on; never reset: [SH1] */

    struct tpi_reactor reactor; /* its timers and descriptors */
    struct tpi_port port;       /* its I/O */

    struct tpi_link share; /* under the budget's lock */
    struct tpi_watch watch;

    /* atomic: statistics */
    tpp_u64 cancelled[TPI_PRIORITY_COUNT]; /* [CT1] */
    tpp_u64 cap_reached;
    tpp_u32 simples; /* pending simple callbacks, counted only if there is a queue limit */
    struct tpi_shard shards[TPP_SHARDS];
};

typedef void (*tpi_run_fn)(struct tpi_task *task, struct tpi_worker *worker);

/* The configuration has been judged. No thread, unless a minimum is asked for. */
tp_status_t tpi_pool_create(const tp_pool_config_t *config, bool is_default, tpi_run_fn run,
                            struct tpi_pool **pool_out, void **handle_out);

/* Makes the handle's end known; the pool goes when nothing is left in it. */
void tpi_pool_close(struct tpi_pool *pool);

/* The same for a caller-driven pool, before its handle is retired: false, and nothing is done, if
 * it has objects. */
bool tpi_pool_close_empty(struct tpi_pool *pool);

/* Keeps the pool from being freed; false if nothing is left of it. Give it back holding no lock. */
bool tpi_pool_hold(struct tpi_pool *pool);
void tpi_pool_unhold(struct tpi_pool *pool);

/* An object begins or ends its life in the pool. Joining sees to it that the pool has a thread, so
 * that posting need never fail: TP_ERR_CLOSED, TP_ERR_NO_THREAD, TP_ERR_LIMIT, TP_ERR_NO_MEMORY. */
tp_status_t tpi_pool_join(struct tpi_pool *pool, struct tpi_worker *worker);
void tpi_pool_leave(struct tpi_pool *pool, uint32_t objects);

/* Puts a task that has just become QUEUED into a queue and wakes whom it needs. `worker` is the
 * calling thread's, if it is one. Nothing need keep the pool alive. */
void tpi_pool_publish(const struct tpi_target *target, struct tpi_task *task, uint32_t epoch,
                      struct tpi_worker *worker);

/* The same by a worker of the pool that is in a callback, and most likely about to return from it:
 * nobody is woken to take the task away from it if the gate comes soon and looks whether that has
 * happened. [PB1] The task is queued, full fence, then a look at the cover; whoever takes the cover
 * away looks at the queues after a fence. */
void tpi_pool_publish_soon(const struct tpi_ready *ready, struct tpi_worker *worker);

/* The same for several tasks of one pool, with one decision about waking. */
void tpi_pool_publish_many(struct tpi_pool *pool, const struct tpi_ready *ready, uint32_t count,
                           struct tpi_worker *worker);

/* Frees the pool: whoever made it dead, and nobody else, calls this. */
void tpi_pool_bury(struct tpi_pool *pool);

/* Tells whoever waits in a shutdown of the pool, if anybody does, to look again. */
void tpi_pool_shut_moved(struct tpi_pool *pool);

/* The queue that a task of that target stands in, whose locks guard it. */
static inline struct tpi_inject *tpi_pool_queue(const struct tpi_target *target)
{
    struct tpi_pool *pool = target->home;
    return target->kept ? &pool->kept[target->priority] : &pool->inject[target->priority];
}

/* core/sched/threads.c: */

/* Sees to it that the pool has a thread. `searching` tells that a new thread may take the role of
 * searcher over from the caller, and afterwards whether it did. */
tp_status_t tpi_pool_first_thread(struct tpi_pool *pool, bool *searching);

/* Adds one thread if the policy, or only the maximum if `beyond_target`, allows it; it starts as
 * the searcher, a role that the caller has. False if not: the pool is gone, has enough, or the
 * system refused. */
bool tpi_pool_grow(struct tpi_pool *pool, uint32_t birth, bool beyond_target);

/* The gate adds one thread, up to the maximum. False if the system refused. */
bool tpi_pool_inject(struct tpi_pool *pool);

/* Sees to it that the pool has a worker that never retires, for persistent objects; and tells that
 * it was lost and could not be replaced yet. */
tp_status_t tpi_pool_keep(struct tpi_pool *pool);
bool tpi_pool_keeper_missing(struct tpi_pool *pool);

/* A worker asks to leave, because it must or because it was idle for long. True if it has left:
 * from then on it must not touch itself, and the pool only until tpi_pool_thread_gone, which it
 * calls once the last code of the application has run on its thread. */
bool tpi_pool_thread_leaves(struct tpi_pool *pool, struct tpi_worker *worker, bool was_idle);
void tpi_pool_thread_gone(struct tpi_pool *pool);

/* The thread of the worker ends without having left: a callback ended it. It is replaced if the
 * pool would lack it. Called last on that thread. */
void tpi_pool_thread_lost(struct tpi_worker *worker);

/* A caller of a driven pool becomes one of its workers, and ceases to be one. `news` tells those
 * who wait in a shutdown. */
tp_status_t tpi_pool_sit(struct tpi_pool *pool, struct tpi_thread *thread,
                         struct tpi_worker **worker_out);
void tpi_pool_rise(struct tpi_pool *pool, struct tpi_worker *worker, bool news);

tp_status_t tpi_pool_set_minimum(struct tpi_pool *pool, uint32_t minimum);
void tpi_pool_set_maximum(struct tpi_pool *pool, uint32_t maximum);

void tpi_pool_set_stack(struct tpi_pool *pool, uint64_t reserve, uint64_t commit);
void tpi_pool_get_stack(struct tpi_pool *pool, uint64_t *reserve_out, uint64_t *commit_out);

void tpi_pool_stats(struct tpi_pool *pool, tp_pool_stats_t *stats);
void tpi_pool_stats_unlocked(struct tpi_pool *pool, tp_pool_stats_t *stats); /* and no more */
void tpi_pool_count_submitted(struct tpi_pool *pool, struct tpi_worker *worker, uint32_t priority,
                              uint64_t posts);

/* The whole truth for a decision; and the part of it that a publisher or a busy worker may read
 * without meeting others on the line that counts objects. */
struct tpi_demand tpi_pool_demand(struct tpi_pool *pool);
struct tpi_demand tpi_pool_limits(struct tpi_pool *pool);
/* Is a thread of the pool neither in a callback nor on its way out? */
bool tpi_pool_thread_free(struct tpi_pool *pool);

/* The prefix of its threads' names. */
void tpi_pool_name(struct tpi_pool *pool, char name_out[TPI_POOL_NAME_SIZE]);

/* Threads that are there, those included that are in their last hook. */
uint32_t tpi_pool_threads_left(struct tpi_pool *pool);

/* Posts that wait, and how many were ever claimed: a count that is somewhat behind. */
uint64_t tpi_pool_pending(struct tpi_pool *pool, uint64_t *claims_out);

/* There is one for each number below `active`. For a latecomer, who does not keep the pool alive,
 * there may be none any more: NULL. */
struct tpi_worker *tpi_pool_worker(struct tpi_pool *pool, uint32_t id);

static inline bool tpi_pool_driven(struct tpi_pool *pool)
{
    /* relaxed: constant for a life; a latecomer that sees the next one's does no harm. */
    return tpp_load_relaxed(&pool->driven);
}

/* Does it take no more objects, being closed or shut down? */
static inline bool tpi_pool_refuses(struct tpi_pool *pool)
{
    /* relaxed: whoever sets either wakes afterwards, as in [PK1], those who sleep on. */
    return tpp_load_relaxed(&pool->life) & (TPI_LIFE_CLOSED | TPI_LIFE_SHUT);
}

static inline bool tpi_pool_exact(struct tpi_pool *pool)
{
    /* relaxed: a pool is on its way between the two orders whenever its maximum changes. */
    return tpp_load_relaxed(&pool->maximum) == 1;
}

#endif
