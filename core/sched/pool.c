/* pool.c - the life of a pool: its beginning, its objects, its end. */
#include "core/sched/pool.h"

#include <string.h>

#include "core/mem/token.h"
#include "core/sched/budget.h"
#include "core/sched/monitor.h"
#include "core/sched/park.h"
#include "core/sched/worker.h"

struct tpi_demand tpi_pool_limits(struct tpi_pool *pool)
{
    /* relaxed: a decision made on words that change meanwhile is made again under the lock, or by
     * the next publisher, or by the worker before it sleeps. */
    return (struct tpi_demand){
        .threads = tpp_load_relaxed(&pool->threads),
        .minimum = tpp_load_relaxed(&pool->minimum),
        .maximum = tpp_load_relaxed(&pool->maximum),
        .target = tpp_load_relaxed(&pool->target),
        .blocked = tpp_load_relaxed(&pool->blocked),
        .driven = tpi_pool_driven(pool),
        .ending = tpp_load_relaxed(&pool->shut) == TPI_SHUT_END,
    };
}

struct tpi_demand tpi_pool_demand(struct tpi_pool *pool)
{
    struct tpi_demand demand = tpi_pool_limits(pool);
    uint64_t life = tpp_load_relaxed(&pool->life); /* relaxed: as above */
    demand.threads = tpi_life_threads(life);
    demand.objects = tpi_life_objects(life);
    demand.closed = life & TPI_LIFE_CLOSED;
    return demand;
}

/* ---- the end of a pool --------------------------------------------------------------------- */

/* The chunks stay with the slot: latecomers may look. */
void tpi_pool_bury(struct tpi_pool *pool)
{
    uint32_t flag = tpp_peek(&pool->flag);
    tpi_budget_return(pool, 0);
    if (flag)
        tpp_flag_close((int)flag - 1);
    tpi_lock_take(&pool->lock);
    uint32_t active = tpp_peek(&pool->active);
    /* [PL3] release: from here on nobody adds a thread to this life. */
    tpp_store_release(&pool->birth, tpp_peek(&pool->birth) + 1);
    tpp_store_release(&pool->active, 0); /* [PL2] */
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = tpi_pool_worker(pool, id);
        struct tpi_chunk *chunk = tpp_peek(&pool->chunks[id / TPI_WORKER_CHUNK]);
        tpp_store_release(&chunk->workers[id % TPI_WORKER_CHUNK], NULL); /* [PL2] */
        tpi_slab_free(TPI_KIND_WORKER, &worker->slot, NULL);
    }
    tpi_lock_drop(&pool->lock);
    tpi_monitor_forget(pool); /* after the birth has changed: see tpi_monitor_watch */
    tpi_port_end(&pool->port);
    tpi_sources_close(&pool->reactor.sources);
    tpi_slab_free(TPI_KIND_POOL, &pool->slot, NULL);
}

bool tpi_pool_hold(struct tpi_pool *pool)
{
    uint64_t life = tpp_load_acquire(&pool->life); /* [PL1] */
    do { /* ends: a failed swap means that somebody else came or went */
        if (tpi_life_dead(life))
            return false;
    } while (!tpp_cas_acq_rel(&pool->life, &life, life + TPI_LIFE_HOLD)); /* [PL1] */
    return true;
}

void tpi_pool_unhold(struct tpi_pool *pool)
{
    uint64_t life = tpp_sub_acq_rel(&pool->life, TPI_LIFE_HOLD) - TPI_LIFE_HOLD; /* [PL1] */
    if (tpi_life_dead(life))
        tpi_pool_bury(pool);
}

void tpi_pool_shut_moved(struct tpi_pool *pool)
{
    if (!(tpp_load_acquire(&pool->life) & TPI_LIFE_SHUT)) /* [PL1] */
        return;
    tpp_add_acq_rel(&pool->shut_seq, 1); /* [SH1] */
    tpp_wake(&pool->shut_seq, UINT32_MAX);
}

void tpi_pool_close(struct tpi_pool *pool)
{
    /* More than it takes: the last thread left after the last object, under the lock that burying
     * takes, and a pool without threads was found empty by a swap. */
    uint64_t life = tpp_or_acq_rel(&pool->life, TPI_LIFE_CLOSED) | TPI_LIFE_CLOSED; /* [PL1] */
    if (tpi_life_dead(life))
        tpi_pool_bury(pool);
    else if (tpi_life_objects(life) == 0)
        tpi_park_wake_all(pool);
}

bool tpi_pool_close_empty(struct tpi_pool *pool)
{
    uint64_t life = tpp_load_acquire(&pool->life); /* [PL1] */
    do { /* ends: a failed swap means that somebody else came or went */
        if (tpi_life_objects(life) > 0)
            return false;
    } while (!tpp_cas_acq_rel(&pool->life, &life, life | TPI_LIFE_SHUT)); /* [PL1] */
    return true;
}

void tpi_pool_leave(struct tpi_pool *pool, uint32_t objects)
{
    /* [PL1] acq_rel: whoever makes the pool dead sees all that was done in it. */
    uint64_t life = tpp_sub_acq_rel(&pool->life, objects) - objects;
    if (tpi_life_dead(life)) {
        tpi_pool_bury(pool);
        return;
    }
    if (life & TPI_LIFE_SHUT)
        tpi_pool_shut_moved(pool);
    if (tpi_life_objects(life) > 0)
        return;
    tpp_fence_seq_cst(); /* [PK4] the last object is gone; now look who sleeps for ever */
    if (life & TPI_LIFE_CLOSED || tpp_load_acquire(&pool->forever) > 0)
        tpi_park_wake_all(pool);
}

/* ---- joining and publishing ---------------------------------------------------------------- */

/* The pool has an object but no thread yet: makes the first one, which begins by searching, so that
 * the posts that follow do not take it for missing. */
static tp_status_t first_thread(struct tpi_pool *pool)
{
    uint32_t nobody = 0;
    bool searching = tpp_cas_acq_rel(&pool->searching, &nobody, 1); /* [PK3] */
    bool appointed = searching;
    tp_status_t status = tpi_pool_first_thread(pool, &appointed);
    if (searching && !appointed) {
        tpp_store_release(&pool->searching, 0); /* [PK3] */
        tpi_park_notify(pool, tpp_peek(&pool->birth));
    }
    return status;
}

tp_status_t tpi_pool_join(struct tpi_pool *pool, struct tpi_worker *worker)
{
    /* A worker of the pool counts a batch of objects in at once: it keeps the pool alive anyway. */
    uint32_t objects = worker && worker->pool == pool ? TPP_BATCH : 1;
    uint64_t life = tpp_load_acquire(&pool->life); /* [PL1] */
    do { /* ends: a failed swap means that somebody else's join or leave took effect */
        if (life & (TPI_LIFE_CLOSED | TPI_LIFE_SHUT))
            return TP_ERR_CLOSED;
        if (objects > 1 && tpi_worker_object_back(worker))
            return TP_OK;
        if (tpi_life_objects(life) > UINT32_MAX - objects)
            return TP_ERR_LIMIT;
    } while (!tpp_cas_acq_rel(&pool->life, &life, life + objects)); /* [PL1] */
    if (objects > 1)
        worker->gone += objects - 1;
    /* Once counted, the object keeps the last thread from retiring: one look is enough. */
    if (tpi_life_threads(life) > 0 || tpi_pool_driven(pool))
        return TP_OK;
    tp_status_t status = first_thread(pool);
    if (status != TP_OK)
        tpi_pool_leave(pool, 1);
    return status;
}

/* True if somebody has to be told; the keeper has been. */
static bool queue_up(const struct tpi_target *target, struct tpi_task *task, uint32_t epoch,
                     struct tpi_worker *worker)
{
    struct tpi_pool *pool = target->home;
    bool own = worker && worker->pool == pool;
    if (target->kept) {
        tpi_inject_push(&pool->kept[target->priority], task, epoch);
        tpi_park_notify_keeper(pool);
        return false;
    }
    if (own && target->priority == TPI_PRIORITY_NORMAL && !tpi_pool_exact(pool))
        tpi_worker_push(worker, task, epoch);
    else
        tpi_inject_push(&pool->inject[target->priority], task, epoch);
    return true;
}

void tpi_pool_publish(const struct tpi_target *target, struct tpi_task *task, uint32_t epoch,
                      struct tpi_worker *worker)
{
    if (queue_up(target, task, epoch, worker))
        tpi_park_notify(target->home, target->home_generation);
}

void tpi_pool_publish_soon(const struct tpi_ready *ready, struct tpi_worker *worker)
{
    struct tpi_pool *pool = worker->pool;
    if (!queue_up(&ready->target, ready->task, ready->epoch, worker))
        return;
    tpp_fence_seq_cst(); /* [PB1] */
    bool idle = tpi_idle_any(&pool->idle);
    if (idle && tpi_reactor_guarded(pool))
        return;
    tpi_park_notify(pool, ready->target.home_generation);
    if (idle) /* so that this does not happen again and again */
        tpi_monitor_cover(pool, ready->target.home_generation, false);
}

void tpi_pool_publish_many(struct tpi_pool *pool, const struct tpi_ready *ready, uint32_t count,
                           struct tpi_worker *worker)
{
    bool tell = false;
    for (uint32_t i = 0; i < count; i++)
        if (queue_up(&ready[i].target, ready[i].task, ready[i].epoch, worker))
            tell = true;
    if (tell)
        tpi_park_notify(pool, ready->target.home_generation);
}

/* ---- the beginning of a pool --------------------------------------------------------------- */

static void set_name(struct tpi_pool *pool, const char *from)
{
    char name[TPI_POOL_NAME_SIZE] = {0};
    uint32_t word;
    memcpy(name, from, strnlen(from, TPI_POOL_NAME_SIZE - 1));
    for (uint32_t i = 0; i < TPI_POOL_NAME_SIZE / sizeof word; i++) {
        memcpy(&word, name + i * sizeof word, sizeof word);
        tpp_store_relaxed(&pool->name[i], word); /* relaxed: as the other words of a new life */
    }
}

void tpi_pool_name(struct tpi_pool *pool, char name_out[TPI_POOL_NAME_SIZE])
{
    for (uint32_t i = 0; i < TPI_POOL_NAME_SIZE / sizeof(uint32_t); i++) {
        uint32_t word = tpp_peek(&pool->name[i]); /* constant for a life */
        memcpy(name_out + i * sizeof word, &word, sizeof word);
    }
    name_out[TPI_POOL_NAME_SIZE - 1] = 0; /* half of one life's, half of another's */
}

/* The atomic words keep what latecomers rely on: queues empty, no thread, nobody idle, nobody
 * searching. */
static void begin_life(struct tpi_pool *pool, const tp_pool_config_t *config)
{
    uint32_t minimum = config->thread_minimum;
    uint32_t maximum = config->thread_maximum;
    if (maximum == 0)
        maximum = TPI_THREADS_DEFAULT_MAXIMUM;
    pool->idle_timeout = config->idle_timeout ? config->idle_timeout : TPP_IDLE_TIMEOUT_NS;
    pool->queue_limit = config->queue_limit;
    pool->io_backend = config->io_backend;
    pool->on_thread_start = config->on_thread_start;
    pool->on_thread_stop = config->on_thread_stop;
    pool->hook_context = config->hook_context;
    pool->stack_reserve = config->stack_reserve ? config->stack_reserve : tpp_stack_default();
    pool->stack_commit = config->stack_commit ? config->stack_commit : tpp_stack_minimum();
    set_name(pool, config->name ? config->name : "tp-worker");
    for (uint32_t priority = 0; priority < TPI_PRIORITY_COUNT; priority++) {
        tpi_inject_init(&pool->inject[priority], priority);
        tpi_inject_init(&pool->kept[priority], priority);
        tpp_store_relaxed(&pool->cancelled[priority], 0);
        for (uint32_t shard = 0; shard < TPP_SHARDS; shard++)
            tpp_store_relaxed(&pool->shards[shard].submitted[priority], 0);
    }
    pool->threads_peak = pool->stopping = 0;
    pool->threads_created = pool->threads_retired = 0;
    pool->threads_injected = pool->create_failures = 0;
    /* relaxed, all: nobody has the pool yet; the handle or the birth below releases them. */
    tpp_store_relaxed(&pool->simples, 0);
    tpp_store_relaxed(&pool->forever, 0);
    tpp_store_relaxed(&pool->blocked, 0);
    tpp_store_relaxed(&pool->spawn_pause, 0);
    tpp_store_relaxed(&pool->minimum, minimum);
    tpp_store_relaxed(&pool->maximum, maximum > minimum ? maximum : minimum);
    tpp_store_relaxed(&pool->target, 0);
    tpp_store_relaxed(&pool->shut, TPI_SHUT_NOT);
    tpp_store_relaxed(&pool->driven, config->flags & TP_POOL_CALLER_DRIVEN);
    tpp_store_relaxed(&pool->keeper, 0);
    tpp_store_relaxed(&pool->flag, 0);
    tpp_store_relaxed(&pool->raised, 0);
    tpp_store_relaxed(&pool->cap_reached, 0);
    tpp_store_relaxed(&pool->watch.polled, 0);
    tpp_store_relaxed(&pool->watch.soon, 0);
    tpi_reactor_begin(&pool->reactor);
    tpi_port_begin(&pool->port);
    /* [PL1] Not stored: where there never was a pool the gate may hold its place, and lets go. */
    tpp_and_acq_rel(&pool->life, ~(TPI_LIFE_CLOSED | TPI_LIFE_SHUT));
    tpp_store_release(&pool->birth, tpp_peek(&pool->birth) + 1); /* [PL3] */
}

tp_status_t tpi_pool_create(const tp_pool_config_t *config, bool is_default, tpi_run_fn run,
                            struct tpi_pool **pool_out, void **handle_out)
{
    struct tpi_slot *slot = tpi_slab_reserve(TPI_KIND_POOL, sizeof(struct tpi_pool), NULL);
    if (!slot)
        return TP_ERR_NO_MEMORY;
    tpi_budget_refresh();
    struct tpi_pool *pool = tpi_container(slot, struct tpi_pool, slot);
    begin_life(pool, config);
    pool->is_default = is_default;
    pool->run = run;
    tp_status_t status = TP_OK;
    if (config->thread_minimum > 0)
        status = tpi_pool_set_minimum(pool, config->thread_minimum);
    if (status == TP_OK) {
        *pool_out = pool;
        *handle_out = tpi_token_publish(TPI_KIND_POOL, slot);
    } else {
        tpi_pool_close(pool);
    }
    return status;
}
