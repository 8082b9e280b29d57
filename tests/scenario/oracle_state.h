/* oracle_state.h - what the files of the oracle share: what is known of the run so far. */
#ifndef TESTS_SCENARIO_ORACLE_STATE_H
#define TESTS_SCENARIO_ORACLE_STATE_H

#include "core/sched/worker.h"
#include "tests/scenario/oracle.h"

/* Reads plain fields that others write under locks: they stand still while the oracle looks, but a
 * race detector cannot know. */
#define BLIND __attribute__((no_sanitize("thread")))

enum {
    ORACLE_FIBERS = 256,
    ORACLE_POOLS = 8,
    ORACLE_TASKS = 64,
    ORACLE_LOCKS = 32,
    ORACLE_DEPTH = 32
};

struct oracle_pool;

struct oracle_fiber {
    struct tpi_worker *worker; /* NULL until its first look through the queues */
    uint64_t scan;             /* when its last look began */
    const char *wrong;         /* what a claim of the ticket in its hands would be */
    uint32_t locks;
    uint32_t depth; /* callbacks on its stack, and the pool of each */
    struct oracle_pool *stack[ORACLE_DEPTH];
    const struct tpi_task *claimed; /* and not begun yet */
};

struct oracle_pool {
    struct tpi_pool *pool;
    uint32_t birth;
    bool wide;        /* it had a maximum other than one */
    uint32_t running; /* threads in callbacks */
    uint32_t depth;   /* callbacks, those that help included */
    uint32_t allowed; /* the highest maximum since the last rest with no more threads than that */
};

struct oracle_task {
    const struct tpi_task *task; /* NULL: unused */
    bool published;
    uint32_t epoch, priority;
    uint64_t since;    /* when it was published */
    uint64_t taken;    /* when it was last taken out */
    uint32_t active;   /* claimed and not yet out of its callback */
    uint64_t suspects; /* a lower one was taken while it was in no queue: who may have held it */
};

#define SUSPECTED (UINT64_C(1) << 63)

struct oracle_held {
    const void *lock;
    const struct oracle_fiber *holder;
};

struct oracle {
    uint64_t now; /* counts what matters for order */
    bool over, hooks;
    uint32_t kept, raising;
    uint32_t processors; /* the most there were, see oracle_processors_followed */
    bool waitables_closed; /* some was: a wait that was armed on it stands nowhere */
    uint64_t rests;
    uint32_t pool_count, task_count, held_count;
    struct oracle_fiber fibers[ORACLE_FIBERS];
    struct oracle_pool pools[ORACLE_POOLS];
    struct oracle_task tasks[ORACLE_TASKS];
    struct oracle_held held[ORACLE_LOCKS];
};
extern struct oracle oracle;

struct oracle_fiber *oracle_self(void);
struct oracle_pool *oracle_pool(struct tpi_pool *pool);
uint32_t oracle_allowed(struct oracle_pool *known);
void oracle_rest(void *context);

/* The timers of a pool at rest, or of one that has gone. */
void oracle_timers(struct tpi_pool *pool, bool alive);

/* The same of its waits; and all that waits can be armed on, and the sets of groups. */
void oracle_waits(struct tpi_pool *pool, bool alive);
void oracle_waitables(void);

/* Its I/O. Of operations: how many workers are at one, asleep in the system; and whether one stands
 * in a queue. */
struct oracle_io {
    uint32_t carried;
    bool work;
};
void oracle_io(struct tpi_pool *pool, bool alive, struct oracle_io *io_out);

/* Does a ring of the pool hold the ticket with that epoch? */
bool oracle_in_a_ring(struct tpi_pool *pool, const struct tpi_task *task, uint32_t epoch);

/* As tpi_pool_worker, but no schedule point. */
static inline struct tpi_worker *oracle_worker(struct tpi_pool *pool, uint32_t id)
{
    struct tpi_chunk *chunk = tpp_peek(&pool->chunks[id / TPI_WORKER_CHUNK]);
    return chunk ? tpp_peek(&chunk->workers[id % TPI_WORKER_CHUNK]) : NULL;
}

#endif
