/* threads.c - the threads of a pool: adding, letting go, and the limits between which they stay. */
#include <string.h>

#include "core/sched/park.h"
#include "core/sched/pool.h"
#include "core/sched/worker.h"

/* After a thread could not be created, so many published posts pass before the next try. */
#define SPAWN_PAUSE 64u

/* ---- the directory of workers --------------------------------------------------------------- */

struct tpi_worker *tpi_pool_worker(struct tpi_pool *pool, uint32_t id)
{
    /* [PL2] acquire: a worker that can be found is complete. Pairs with the releases below and in
     * tpi_pool_bury. */
    struct tpi_chunk *chunk = tpp_load_acquire(&pool->chunks[id / TPI_WORKER_CHUNK]);
    return chunk ? tpp_load_acquire(&chunk->workers[id % TPI_WORKER_CHUNK]) : NULL;
}

/* The lowest number without a thread. Under lock; ends: there are fewer threads than numbers. */
static uint32_t free_id(struct tpi_pool *pool)
{
    uint32_t id = 0;
    for (struct tpi_worker *worker; (worker = tpi_pool_worker(pool, id)) && worker->alive; id++)
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
    worker->random = id;
    worker->alive = false;
    /* relaxed: released when the worker is put into the directory. */
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
    if (id >= tpp_peek(&pool->active))
        tpp_store_release(&pool->active, id + 1); /* [PL2] */
    return worker;
}

static bool in_callback(struct tpi_worker *worker)
{
    uint64_t executed = tpp_load_acquire(&worker->executed); /* [CT1] before the claims */
    uint64_t claimed = 0;
    for (uint32_t priority = 0; priority < TPI_PRIORITY_COUNT; priority++)
        claimed += tpp_load_relaxed(&worker->claimed[priority]); /* relaxed: only ever too large */
    return claimed > executed;
}

bool tpi_pool_thread_free(struct tpi_pool *pool)
{
    bool found = false;
    tpi_lock_take(&pool->lock);
    for (uint32_t id = 0; !found && id < tpp_peek(&pool->active); id++) {
        struct tpi_worker *worker = tpi_pool_worker(pool, id);
        found = worker && worker->alive && !in_callback(worker);
    }
    tpi_lock_drop(&pool->lock);
    return found;
}

/* ---- adding ---------------------------------------------------------------------------------- */

/* "name-3", cut so that the number stays. */
static void thread_name(char name[16], const struct tpi_pool *pool, uint32_t id)
{
    size_t length = strlen(pool->name);
    memcpy(name, pool->name, length);
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

/* Adds one thread, whatever the policy says. Under lock: a thread that ends at once, and whoever
 * trusts in the count, wait until it is known whether there is a thread. */
static tp_status_t add_thread(struct tpi_pool *pool, bool searching)
{
    struct tpi_worker *worker = place(pool, free_id(pool));
    tp_status_t status = TP_ERR_NO_MEMORY;
    if (worker) {
        worker->searching = searching;
        worker->alive = true;
        status = start(pool, worker);
    }
    if (status != TP_OK) {
        if (worker)
            worker->alive = false;
        pool->create_failures++;
        /* relaxed: a mere countdown. */
        tpp_store_relaxed(&pool->spawn_pause, SPAWN_PAUSE);
        return status;
    }
    /* [PL1] the count rises only once there is a thread: nobody relies on one that never came. */
    uint32_t count = tpi_life_threads(tpp_add_acq_rel(&pool->life, TPI_LIFE_THREAD)) + 1;
    tpp_store_relaxed(&pool->threads, count); /* relaxed: see tpi_pool_limits */
    pool->threads_created++;
    if (pool->threads_peak < count)
        pool->threads_peak = count;
    tpp_probe(TPP_PROBE_SPAWN, pool, count);
    return TP_OK;
}

tp_status_t tpi_pool_first_thread(struct tpi_pool *pool, bool *searching)
{
    tp_status_t status = TP_OK;
    bool added = false;
    tpi_lock_take(&pool->lock);
    if (tpi_life_threads(tpp_peek(&pool->life)) == 0) {
        status = add_thread(pool, *searching);
        added = status == TP_OK;
    }
    tpi_lock_drop(&pool->lock);
    *searching = *searching && added;
    return status;
}

bool tpi_pool_grow(struct tpi_pool *pool, uint32_t birth, bool beyond_target)
{
    bool added = false;
    tpi_lock_take(&pool->lock);
    struct tpi_demand demand = tpi_pool_demand(pool);
    /* [PL3] under the lock: if it still is the life meant, it cannot end before the lock is free,
     * unless it has no object and no thread; then it needs none. */
    if (tpp_load_acquire(&pool->birth) == birth && demand.threads > 0 &&
        (tpi_policy_grow(&demand) || (beyond_target && demand.threads < demand.maximum)))
        added = add_thread(pool, true) == TP_OK;
    tpi_lock_drop(&pool->lock);
    return added;
}

/* ---- letting go ------------------------------------------------------------------------------ */

static bool may_leave(struct tpi_pool *pool, uint64_t life, bool was_idle)
{
    struct tpi_demand demand = tpi_pool_demand(pool);
    demand.objects = tpi_life_objects(life);
    demand.closed = life & TPI_LIFE_CLOSED;
    if (demand.closed && demand.objects == 0)
        return true;
    return tpi_policy_surplus(&demand) || (was_idle && tpi_policy_retire(&demand));
}

/* Takes one off the count of threads, if it may be; the life it left goes to `life_out`. */
static bool leave_life(struct tpi_pool *pool, bool was_idle, uint64_t *life_out)
{
    uint64_t life = tpp_load_acquire(&pool->life); /* [PL1] */
    do { /* ends: a failed swap means that an object joined or left */
        if (!may_leave(pool, life, was_idle))
            return false;
        *life_out = life - TPI_LIFE_THREAD;
    } while (!tpp_cas_acq_rel(&pool->life, &life, *life_out)); /* [PL1] */
    return true;
}

bool tpi_pool_thread_leaves(struct tpi_pool *pool, struct tpi_worker *worker, bool was_idle)
{
    uint64_t life;
    uint32_t birth = tpp_peek(&pool->birth);
    tpi_worker_hand_over(worker);
    tpi_lock_take(&pool->lock);
    bool left = leave_life(pool, was_idle, &life);
    if (left) {
        worker->alive = false;
        pool->threads_retired++;
        /* relaxed: the fence below orders it for publishers. */
        tpp_store_relaxed(&pool->threads, tpi_life_threads(life));
        tpp_probe(TPP_PROBE_RETIRE, pool, tpi_life_threads(life));
    }
    tpi_lock_drop(&pool->lock);
    if (left && tpi_life_dead(life)) {
        tpi_pool_bury(pool);
        return true;
    }
    /* Somebody may have published and counted on this thread: as in falling asleep, [PK1]. */
    tpp_fence_seq_cst();
    if (tpi_park_work_visible(pool))
        tpi_park_notify(pool, birth);
    return left;
}

/* ---- limits ---------------------------------------------------------------------------------- */

tp_status_t tpi_pool_set_minimum(struct tpi_pool *pool, uint32_t minimum)
{
    tp_status_t status = TP_OK;
    tpi_lock_take(&pool->lock);
    /* peek: threads change only under this lock. */
    while (status == TP_OK && tpi_life_threads(tpp_peek(&pool->life)) < minimum)
        status = add_thread(pool, false);
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
