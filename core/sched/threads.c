/* threads.c - the threads of a pool: adding, letting go, and the limits between which they stay. */
#include <string.h>

#include "core/base/assert.h"
#include "core/sched/budget.h"
#include "core/sched/monitor.h"
#include "core/sched/park.h"
#include "core/sched/pool.h"
#include "core/sched/worker.h"

/* After a thread could not be created, so many published posts pass before the next try. */
#define SPAWN_PAUSE 64u

/* ---- the directory of workers --------------------------------------------------------------- */

struct tpi_worker *tpi_pool_worker(struct tpi_pool *pool, uint32_t id)
{
    /* [PL2] acquire: a worker that can be found is complete. Pairs with the releases below and in
     * tpi_pool_bury. A NULL or a zero publishes nothing there. The orders of `active` are more than
     * it takes: it only says how far to look, and each worker is acquired here. So are those of a
     * chunk, as long as `active`, or the idle bit that led to it, brings it along. */
    struct tpi_chunk *chunk = tpp_load_acquire(&pool->chunks[id / TPI_WORKER_CHUNK]);
    return chunk ? tpp_load_acquire(&chunk->workers[id % TPI_WORKER_CHUNK]) : NULL;
}

/* peek: under lock. */
static bool alive(struct tpi_worker *worker)
{
    tpi_assert(worker); /* the pool is kept alive, so there is one under each number */
    return tpp_peek(&worker->alive);
}

bool tpi_pool_keeper_missing(struct tpi_pool *pool)
{
    uint32_t keeper = tpp_load_relaxed(&pool->keeper); /* relaxed: decided upon under the lock */
    return keeper > 0 && !alive(tpi_pool_worker(pool, keeper - 1));
}

/* The number for a new thread: that of the keeper if it was lost, else the lowest that is free.
 * Under lock; ends: there are fewer threads than numbers. */
static uint32_t free_id(struct tpi_pool *pool)
{
    uint32_t id = 0;
    if (tpi_pool_keeper_missing(pool))
        return tpp_peek(&pool->keeper) - 1;
    for (struct tpi_worker *worker; (worker = tpi_pool_worker(pool, id)) && alive(worker); id++)
        ;
    return id;
}

static void reset_worker(struct tpi_worker *worker, struct tpi_pool *pool, uint32_t id)
{
    worker->pool = pool;
    worker->id = id;
    worker->claims = 0;
    worker->gone = 0;
    worker->waker = 0;
    worker->eager = false;
    worker->overflow = false;
    worker->driving = worker->ticked = worker->summoned = worker->timers_left = false;
    worker->rested = true;
    worker->glance = worker->glance_every = 0;
    worker->look.count = 0;
    worker->looked_at = 0;
    worker->glanced_at = 0;
    worker->random = id;
    worker->thread = NULL;
    /* relaxed: released when the worker is put into the directory. */
    tpp_store_relaxed(&worker->alive, false);
    tpp_store_relaxed(&worker->declared, 0);
    tpp_store_relaxed(&worker->thread_id, 0);
    tpp_store_relaxed(&worker->executed, 0);
    tpp_store_relaxed(&worker->stolen, 0);
    tpp_store_relaxed(&worker->busy_ns, 0);
    for (uint32_t priority = 0; priority < TPI_PRIORITY_COUNT; priority++) {
        tpp_store_relaxed(&worker->submitted[priority], 0);
        tpp_store_relaxed(&worker->claimed[priority], 0);
    }
}

/* The worker with that number, made if there is none yet. NULL when memory is out. Under lock. */
static struct tpi_worker *place(struct tpi_pool *pool, uint32_t id)
{
    tpp_ptr *chunk_word = &pool->chunks[id / TPI_WORKER_CHUNK];
    struct tpi_chunk *chunk = tpp_peek(chunk_word);
    if (!chunk) {
        chunk = tpp_alloc(sizeof *chunk, _Alignof(struct tpi_chunk));
        if (!chunk)
            return NULL;
        memset(chunk, 0, sizeof *chunk);
        tpp_store_release(chunk_word, chunk); /* [PL2] */
    }
    struct tpi_worker *worker = tpp_peek(&chunk->workers[id % TPI_WORKER_CHUNK]);
    if (worker)
        return worker;
    struct tpi_slot *slot = tpi_slab_new(TPI_KIND_WORKER, sizeof *worker, NULL);
    if (!slot)
        return NULL;
    worker = tpi_container(slot, struct tpi_worker, slot);
    reset_worker(worker, pool, id);
    tpp_store_release(&chunk->workers[id % TPI_WORKER_CHUNK], worker); /* [PL2] */
    tpp_store_release(&pool->active, id + 1);                          /* [PL2] */
    return worker;
}

bool tpi_worker_in_callback(struct tpi_worker *worker, uint64_t *claims_out)
{
    uint64_t executed = tpp_load_acquire(&worker->executed); /* [CT1] before the claims */
    uint64_t claimed = 0;
    for (uint32_t priority = 0; priority < TPI_PRIORITY_COUNT; priority++)
        claimed += tpp_load_relaxed(&worker->claimed[priority]); /* relaxed: only ever too large */
    *claims_out = claimed;
    return claimed > executed;
}

bool tpi_pool_thread_free(struct tpi_pool *pool)
{
    bool found = false;
    uint64_t claims;
    tpi_lock_take(&pool->lock);
    for (uint32_t id = 0; !found && id < tpp_peek(&pool->active); id++) {
        struct tpi_worker *worker = tpi_pool_worker(pool, id);
        found = alive(worker) && !tpi_worker_in_callback(worker, &claims);
    }
    tpi_lock_drop(&pool->lock);
    return found;
}

uint32_t tpi_pool_threads_left(struct tpi_pool *pool)
{
    tpi_lock_take(&pool->lock);
    uint32_t left = tpi_life_threads(tpp_peek(&pool->life)) + pool->stopping;
    tpi_lock_drop(&pool->lock);
    return left;
}

/* ---- adding ---------------------------------------------------------------------------------- */

/* "name-3", cut so that the number stays. */
static void thread_name(char name[16], struct tpi_pool *pool, uint32_t id)
{
    tpi_pool_name(pool, name);
    size_t length = strlen(name);
    name[length++] = '-';
    char digits[3];
    uint32_t count = 0;
    for (id %= 1000; count == 0 || id > 0; id /= 10)
        digits[count++] = (char)('0' + id % 10);
    while (count > 0)
        name[length++] = digits[--count];
    name[length] = 0;
}

static tp_status_t start(struct tpi_pool *pool, struct tpi_worker *worker)
{
    char name[16];
    thread_name(name, pool, worker->id);
    struct tpp_thread_options options = {.stack_size = pool->stack_reserve, .name = name};
    worker->thread = tpi_thread_new(worker);
    if (!worker->thread)
        return TP_ERR_NO_MEMORY;
    if (tpp_thread_start(tpi_worker_main, worker, &options) == 0)
        return TP_OK;
    tpi_thread_drop(worker->thread);
    return TP_ERR_NO_THREAD;
}

/* A thread more, and what is told of it. Under lock. [PL1] The count rises only once there is a
 * thread: nobody relies on one that never came. */
static void count_thread(struct tpi_pool *pool)
{
    uint32_t count = tpi_life_threads(tpp_add_acq_rel(&pool->life, TPI_LIFE_THREAD)) + 1;
    tpp_store_relaxed(&pool->threads, count); /* relaxed: see tpi_pool_limits */
    pool->threads_created++;
    if (pool->threads_peak < count)
        pool->threads_peak = count;
    tpp_probe(TPP_PROBE_SPAWN, pool, count);
}

/* Adds one thread, whatever the policy says. Under lock: a thread that ends at once, and whoever
 * trusts in the count, wait until it is known whether there is a thread. */
static tp_status_t add_thread(struct tpi_pool *pool, uint32_t id, bool searching)
{
    struct tpi_worker *worker = place(pool, id);
    tp_status_t status = TP_ERR_NO_MEMORY;
    if (worker) {
        worker->searching = searching;
        tpp_store_relaxed(&worker->alive, true); /* relaxed: acted upon under the lock only */
        status = start(pool, worker);
    }
    if (status == TP_OK) {
        count_thread(pool);
        return TP_OK;
    }
    if (worker) {
        worker->searching = false;
        tpp_store_relaxed(&worker->alive, false); /* relaxed: as above */
    }
    pool->create_failures++;
    /* relaxed: a mere countdown. */
    tpp_store_relaxed(&pool->spawn_pause, SPAWN_PAUSE);
    return status;
}

/* Before the first thread of a pool: without the gate it is not looked after. */
static tp_status_t start_gate(struct tpi_pool *pool)
{
    if (tpi_monitor_start())
        return TP_OK;
    tpi_lock_take(&pool->lock);
    pool->create_failures++;
    tpi_lock_drop(&pool->lock);
    return TP_ERR_NO_THREAD;
}

tp_status_t tpi_pool_first_thread(struct tpi_pool *pool, bool *searching)
{
    tp_status_t status = start_gate(pool);
    bool added = false;
    tpi_lock_take(&pool->lock);
    if (status == TP_OK && tpi_life_threads(tpp_peek(&pool->life)) == 0) {
        status = add_thread(pool, free_id(pool), *searching);
        added = status == TP_OK;
    }
    tpi_lock_drop(&pool->lock);
    *searching = *searching && added;
    return status;
}

/* The pool is held. */
static bool grow_held(struct tpi_pool *pool, bool beyond_target)
{
    bool added = false;
    struct tpi_demand demand = tpi_pool_demand(pool);
    /* Ends: each turn takes one processor more, as long as the next could make a thread of it. A
     * pool that has more threads than its share, because others were taken from it or blocked, asks
     * through the gate. */
    while (!beyond_target && tpi_policy_full(&demand) && tpi_budget_ask(pool, false))
        demand = tpi_pool_demand(pool);
    tpi_lock_take(&pool->lock);
    demand = tpi_pool_demand(pool);
    /* Without a thread the pool needs none yet, or has lost its last one: that is the gate's. */
    if (demand.threads > 0 &&
        (tpi_policy_grow(&demand) || (beyond_target && tpi_policy_room(&demand))))
        added = add_thread(pool, free_id(pool), true) == TP_OK;
    tpi_lock_drop(&pool->lock);
    return added;
}

bool tpi_pool_grow(struct tpi_pool *pool, uint32_t birth, bool beyond_target)
{
    if (!tpi_pool_hold(pool))
        return false;
    /* [PL3] Held, a life does not end: it is the one meant, or a later one that needs nothing. */
    bool added = tpp_load_acquire(&pool->birth) == birth && grow_held(pool, beyond_target);
    tpi_pool_unhold(pool);
    return added;
}

bool tpi_pool_inject(struct tpi_pool *pool)
{
    uint32_t nobody = 0;
    tp_status_t status = TP_OK;
    bool searching = tpp_cas_acq_rel(&pool->searching, &nobody, 1); /* [PK3] */
    bool added = false;
    tpi_lock_take(&pool->lock);
    struct tpi_demand demand = tpi_pool_demand(pool);
    if (tpi_policy_room(&demand)) {
        status = add_thread(pool, free_id(pool), searching);
        added = status == TP_OK;
        pool->threads_injected += added && !tpi_policy_grow(&demand);
    }
    tpi_lock_drop(&pool->lock);
    if (searching && !added) {
        tpp_store_release(&pool->searching, 0); /* [PK3]; the gate, which holds it, looks again */
        tpp_fence_seq_cst();                    /* [PK1] */
        if (tpi_idle_any(&pool->idle) && tpi_park_work_visible(pool))
            tpi_park_notify(pool, tpp_peek(&pool->birth));
    }
    return status == TP_OK;
}

/* The worker that lives and has the lowest number, or NULL. Under lock. */
static struct tpi_worker *lowest(struct tpi_pool *pool)
{
    for (uint32_t id = 0; id < tpp_peek(&pool->active); id++) {
        struct tpi_worker *worker = tpi_pool_worker(pool, id);
        if (alive(worker))
            return worker;
    }
    return NULL;
}

tp_status_t tpi_pool_keep(struct tpi_pool *pool)
{
    tp_status_t status = TP_OK;
    tpi_lock_take(&pool->lock);
    if (!tpp_peek(&pool->keeper)) {
        if (!lowest(pool))
            status = add_thread(pool, free_id(pool), false);
        if (status == TP_OK) /* relaxed: it finds out under the lock, or when it looks for work */
            tpp_store_relaxed(&pool->keeper, lowest(pool)->id + 1);
    }
    tpi_lock_drop(&pool->lock);
    return status;
}

/* ---- letting go ------------------------------------------------------------------------------ */

static bool may_leave(struct tpi_pool *pool, struct tpi_worker *worker, uint64_t life,
                      bool was_idle)
{
    struct tpi_demand demand = tpi_pool_demand(pool);
    demand.objects = tpi_life_objects(life);
    demand.closed = life & TPI_LIFE_CLOSED;
    if (tpi_policy_over(&demand))
        return true;
    if (tpi_worker_keeps(worker) && demand.objects > 0)
        return false;
    return tpi_policy_surplus(&demand) || (was_idle && tpi_policy_retire(&demand));
}

/* A thread less, and what is told of it. Under lock. */
static void uncount_thread(struct tpi_pool *pool, struct tpi_worker *worker, uint64_t life)
{
    /* relaxed, all: acted upon under the lock, or after the fence that follows. */
    tpp_store_relaxed(&worker->alive, false);
    tpp_store_relaxed(&worker->thread_id, 0);
    tpp_store_relaxed(&pool->threads, tpi_life_threads(life));
    pool->threads_retired++;
    pool->stopping++;
    tpp_probe(TPP_PROBE_RETIRE, pool, tpi_life_threads(life));
}

/* The thread becomes a hold. Under lock. */
static void become_hold(struct tpi_pool *pool, struct tpi_worker *worker)
{
    /* [PL1] */
    uint64_t life = tpp_add_acq_rel(&pool->life, TPI_LIFE_HOLD - TPI_LIFE_THREAD);
    uncount_thread(pool, worker, life + TPI_LIFE_HOLD - TPI_LIFE_THREAD);
}

/* The same if it may leave. Under lock. */
static bool leave_life(struct tpi_pool *pool, struct tpi_worker *worker, bool was_idle)
{
    uint64_t left, life = tpp_load_acquire(&pool->life); /* [PL1] */
    do { /* ends: a failed swap means that an object joined or left */
        if (!may_leave(pool, worker, life, was_idle))
            return false;
        left = life - TPI_LIFE_THREAD + TPI_LIFE_HOLD;
    } while (!tpp_cas_acq_rel(&pool->life, &life, left)); /* [PL1] */
    uncount_thread(pool, worker, left);
    if (tpi_worker_keeps(worker))
        tpp_store_relaxed(&pool->keeper, 0); /* relaxed: the next is appointed under the lock */
    return true;
}

/* Somebody may have published and counted on a thread that has left: as in falling asleep, [PK1].
 * The pool is held. */
static void pass_work_on(struct tpi_pool *pool)
{
    tpp_fence_seq_cst();
    if (tpi_park_work_visible(pool))
        tpi_park_notify(pool, tpp_peek(&pool->birth));
}

bool tpi_pool_thread_leaves(struct tpi_pool *pool, struct tpi_worker *worker, bool was_idle)
{
    struct tpi_thread *thread = worker->thread;
    tpi_worker_hand_over(worker);
    tpi_lock_take(&pool->lock);
    bool left = leave_life(pool, worker, was_idle);
    uint32_t threads = tpi_life_threads(tpp_peek(&pool->life));
    tpi_lock_drop(&pool->lock);
    if (left) {
        thread->worker = NULL; /* it may be another thread's by now */
        tpi_budget_return(pool, threads);
    }
    pass_work_on(pool);
    return left;
}

/* The thread's hold goes; `news` tells those who wait in a shutdown. */
static void gone(struct tpi_pool *pool, bool news)
{
    tpi_lock_take(&pool->lock);
    pool->stopping--;
    tpi_lock_drop(&pool->lock);
    if (news)
        tpi_pool_shut_moved(pool);
    tpi_pool_unhold(pool);
}

void tpi_pool_thread_gone(struct tpi_pool *pool)
{
    gone(pool, true);
}

/* In place of one that was lost, if the pool would lack it. Under lock. */
static void replace(struct tpi_pool *pool, struct tpi_worker *lost)
{
    struct tpi_demand demand = tpi_pool_demand(pool);
    if (tpi_policy_over(&demand))
        return;
    if (tpi_worker_keeps(lost) || demand.threads < tpi_policy_floor(&demand))
        (void)add_thread(pool, free_id(pool), false);
    if (tpi_pool_keeper_missing(pool) && lowest(pool)) /* relaxed: as in tpi_pool_keep */
        tpp_store_relaxed(&pool->keeper, lowest(pool)->id + 1);
}

void tpi_pool_thread_lost(struct tpi_worker *worker)
{
    struct tpi_pool *pool = worker->pool;
    uint32_t forks = tpi_forks();
    if (pool->on_thread_stop)
        pool->on_thread_stop(pool->hook_context);
    if (tpi_forked(forks))
        return;
    tpi_worker_hand_over(worker);
    while (tpp_load_relaxed(&worker->declared) > 0) /* relaxed: only this thread writes it */
        tpi_worker_unblocks(worker);
    tpi_lock_take(&pool->lock);
    become_hold(pool, worker);
    replace(pool, worker);
    bool lacking = tpi_life_threads(tpp_peek(&pool->life)) == 0 || tpi_pool_keeper_missing(pool);
    tpi_lock_drop(&pool->lock);
    pass_work_on(pool);
    tpi_park_notify_keeper(pool);
    if (lacking) /* the system refused the other one: the gate tries again */
        tpi_monitor_watch(pool, tpp_peek(&pool->birth));
    tpi_pool_thread_gone(pool);
}

/* ---- seats of a caller-driven pool ----------------------------------------------------------- */

tp_status_t tpi_pool_sit(struct tpi_pool *pool, struct tpi_thread *thread,
                         struct tpi_worker **worker_out)
{
    struct tpi_worker *worker = NULL;
    tpi_lock_take(&pool->lock);
    bool full = tpi_life_threads(tpp_peek(&pool->life)) >= tpp_peek(&pool->maximum);
    if (!full)
        worker = place(pool, free_id(pool));
    if (worker) {
        worker->thread = thread;
        worker->searching = false;
        tpp_store_relaxed(&worker->alive, true); /* relaxed: acted upon under the lock only */
        count_thread(pool);
    }
    tpi_lock_drop(&pool->lock);
    *worker_out = worker;
    if (worker)
        return TP_OK;
    return full ? TP_ERR_TOO_MANY_THREADS : TP_ERR_NO_MEMORY;
}

void tpi_pool_rise(struct tpi_pool *pool, struct tpi_worker *worker, bool news)
{
    tpi_worker_hand_over(worker);
    tpi_lock_take(&pool->lock);
    become_hold(pool, worker);
    tpi_lock_drop(&pool->lock);
    pass_work_on(pool);
    gone(pool, news);
}

/* ---- limits ---------------------------------------------------------------------------------- */

tp_status_t tpi_pool_set_minimum(struct tpi_pool *pool, uint32_t minimum)
{
    tp_status_t status = minimum > 0 ? start_gate(pool) : TP_OK;
    tpi_lock_take(&pool->lock);
    struct tpi_demand demand = tpi_pool_demand(pool);
    if (tpi_policy_over(&demand))
        status = TP_ERR_CLOSED;
    /* peek: threads change only under this lock. */
    while (status == TP_OK && tpi_life_threads(tpp_peek(&pool->life)) < minimum)
        status = add_thread(pool, free_id(pool), false);
    if (status == TP_OK) {
        /* relaxed: whoever reads a limit decides again under the lock, or before it sleeps. */
        tpp_store_relaxed(&pool->minimum, minimum);
        if (tpp_peek(&pool->maximum) < minimum)
            tpp_store_relaxed(&pool->maximum, minimum);
    }
    tpi_lock_drop(&pool->lock);
    tpi_park_wake_all(pool); /* who sleeps without a deadline may retire now */
    return status;
}

void tpi_pool_set_maximum(struct tpi_pool *pool, uint32_t maximum)
{
    tpi_lock_take(&pool->lock);
    if (maximum == 0)
        maximum = 1;
    tpp_store_relaxed(&pool->maximum, maximum); /* relaxed: as above */
    if (tpp_peek(&pool->minimum) > maximum)
        tpp_store_relaxed(&pool->minimum, maximum);
    uint32_t birth = tpp_peek(&pool->birth);
    tpi_lock_drop(&pool->lock);
    tpi_park_wake_all(pool); /* surplus workers leave */
    tpi_park_notify(pool, birth);
}

void tpi_pool_set_stack(struct tpi_pool *pool, uint64_t reserve, uint64_t commit)
{
    tpi_lock_take(&pool->lock);
    pool->stack_reserve = reserve ? reserve : tpp_stack_default();
    pool->stack_commit = commit ? commit : tpp_stack_minimum();
    tpi_lock_drop(&pool->lock);
}

void tpi_pool_get_stack(struct tpi_pool *pool, uint64_t *reserve_out, uint64_t *commit_out)
{
    tpi_lock_take(&pool->lock);
    *reserve_out = pool->stack_reserve;
    *commit_out = pool->stack_commit;
    tpi_lock_drop(&pool->lock);
}
