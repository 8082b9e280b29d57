/* pool.h - a pool: its queues, its threads, its limits, and its life.
 *
 * A pool lives until its handle is closed, its last object is gone and its last thread has left;
 * whoever makes the last of these true frees it. Its slot is type-stable, so a submitter whose
 * object was closed under its hands may still look at it: publishing and waking are harmless then,
 * and adding a thread checks the pool's generation under its lock. */
#ifndef TPI_SCHED_POOL_H
#define TPI_SCHED_POOL_H

#include "core/mem/slab.h"
#include "core/os/lock.h"
#include "core/queue/inject.h"
#include "core/sched/idle.h"
#include "core/sched/policy.h"
#include "tp/types.h"

#define TPI_WORKER_CHUNK 64u
#define TPI_WORKER_CHUNKS ((TPI_THREADS_MAXIMUM + TPI_WORKER_CHUNK - 1) / TPI_WORKER_CHUNK)
#define TPI_POOL_NAME_SIZE 12u
#define TPI_STACK_MAXIMUM (UINT64_MAX / 2) /* bytes: more than any address space holds */

struct tpi_worker;

/* life: objects : 32 | threads : 16 | flags. Threads change only under the pool's lock. */
#define TPI_LIFE_THREAD (UINT64_C(1) << 32)
#define TPI_LIFE_CLOSED (UINT64_C(1) << 48)

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
    return life == TPI_LIFE_CLOSED; /* no object, no thread, no handle */
}

struct tpi_chunk {
    tpp_ptr workers[TPI_WORKER_CHUNK];
};

struct tpi_shard {
    _Alignas(128) tpp_u64 submitted[TPI_PRIORITY_COUNT]; /* atomic, relaxed: statistics */
};

struct tpi_pool {
    struct tpi_slot slot;

    /* set at creation, then read-only */
    bool is_default;
    uint32_t queue_limit;
    uint32_t io_backend;
    int64_t idle_timeout;
    char name[TPI_POOL_NAME_SIZE];
    void (*on_thread_start)(void *);
    void (*on_thread_stop)(void *);
    void *hook_context;
    void (*run)(struct tpi_task *task, struct tpi_worker *worker); /* upward: object/callback.c */

    struct tpi_inject inject[TPI_PRIORITY_COUNT];

    /* atomic: what a publisher looks at after it has published, [PK1] in park.h */
    struct tpi_idle idle;
    _Alignas(128) tpp_u32 searching; /* 1: a worker is looking, or about to be woken to look */

    /* atomic, rarely written: the limits; `threads` repeats what `life` counts */
    _Alignas(128) tpp_u32 threads, maximum, minimum, target, blocked, spawn_pause;
    tpp_u32 birth; /* which life of the slot this is; even while it has none; [PL3] */

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
    uint64_t threads_created, threads_retired, create_failures;

    tpp_u32 forever; /* atomic: workers asleep without a deadline, see park.c; [PK4] */

    /* atomic: statistics */
    tpp_u64 cancelled[TPI_PRIORITY_COUNT]; /* [CT1] */
    tpp_u32 simples; /* pending simple callbacks, counted only if there is a queue limit */
    struct tpi_shard shards[TPP_SHARDS];
};

typedef void (*tpi_run_fn)(struct tpi_task *task, struct tpi_worker *worker);

/* The configuration has been judged. No thread, unless a minimum is asked for. */
tp_status_t tpi_pool_create(const tp_pool_config_t *config, bool is_default, tpi_run_fn run,
                            struct tpi_pool **pool_out, void **handle_out);

/* Makes the handle's end known; the pool goes when nothing is left in it. */
void tpi_pool_close(struct tpi_pool *pool);

/* An object begins or ends its life in the pool. Joining sees to it that the pool has a thread, so
 * that posting need never fail: TP_ERR_CLOSED, TP_ERR_NO_THREAD, TP_ERR_LIMIT, TP_ERR_NO_MEMORY. */
tp_status_t tpi_pool_join(struct tpi_pool *pool, struct tpi_worker *worker);
void tpi_pool_leave(struct tpi_pool *pool, uint32_t objects);

/* Puts a task that has just become QUEUED into a queue and wakes whom it needs. `worker` is the
 * calling thread's, if it is one. Nothing need keep the pool alive. */
void tpi_pool_publish(const struct tpi_target *target, struct tpi_task *task, uint32_t epoch,
                      struct tpi_worker *worker);

/* Frees the pool: whoever made it dead, and nobody else, calls this. */
void tpi_pool_bury(struct tpi_pool *pool);

/* core/sched/threads.c: */

/* Sees to it that the pool has a thread. `searching` tells that a new thread may take the role of
 * searcher over from the caller, and afterwards whether it did. */
tp_status_t tpi_pool_first_thread(struct tpi_pool *pool, bool *searching);

/* Adds one thread if the policy, or only the maximum if `beyond_target`, allows it; it starts as
 * the searcher. False if not: the pool is gone, has enough, or the system refused. */
bool tpi_pool_grow(struct tpi_pool *pool, uint32_t birth, bool beyond_target);

/* A worker asks to leave, because it must or because it was idle for long; true if it has left:
 * from then on it must not touch the pool or itself. */
bool tpi_pool_thread_leaves(struct tpi_pool *pool, struct tpi_worker *worker, bool was_idle);

tp_status_t tpi_pool_set_minimum(struct tpi_pool *pool, uint32_t minimum);
void tpi_pool_set_maximum(struct tpi_pool *pool, uint32_t maximum);

void tpi_pool_set_stack(struct tpi_pool *pool, uint64_t reserve, uint64_t commit);
void tpi_pool_get_stack(struct tpi_pool *pool, uint64_t *reserve_out, uint64_t *commit_out);

void tpi_pool_stats(struct tpi_pool *pool, tp_pool_stats_t *stats);
void tpi_pool_count_submitted(struct tpi_pool *pool, struct tpi_worker *worker, uint32_t priority,
                              uint64_t posts);

/* The whole truth for a decision; and the part of it that a publisher or a busy worker may read
 * without meeting others on the line that counts objects. */
struct tpi_demand tpi_pool_demand(struct tpi_pool *pool);
struct tpi_demand tpi_pool_limits(struct tpi_pool *pool);
/* Is a thread of the pool neither in a callback nor on its way out? */
bool tpi_pool_thread_free(struct tpi_pool *pool);
struct tpi_worker *tpi_pool_worker(struct tpi_pool *pool, uint32_t id);

static inline bool tpi_pool_exact(struct tpi_pool *pool)
{
    /* relaxed: a pool is on its way between the two orders whenever its maximum changes. */
    return tpp_load_relaxed(&pool->maximum) == 1;
}

#endif
