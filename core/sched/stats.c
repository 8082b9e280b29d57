/* stats.c - what a pool counts, added up.
 *
 * A worker counts in words of its own, other threads in a few shared ones, so that counting never
 * makes two threads meet on a line. Claims and cancels are read before submits: what is pending
 * never comes out negative. */
#include <string.h>

#include "core/sched/pool.h"
#include "core/sched/worker.h"

void tpi_pool_count_submitted(struct tpi_pool *pool, struct tpi_worker *worker, uint32_t priority,
                              uint64_t posts)
{
    if (worker && worker->pool == pool) {
        tpi_count(&worker->submitted[priority], posts);
        return;
    }
    struct tpi_shard *shard = &pool->shards[tpp_thread_id() % TPP_SHARDS];
    tpp_add_relaxed(&shard->submitted[priority], posts); /* relaxed: a statistic */
}

/* Sums over all workers that ever were in the pool. */
struct totals {
    uint64_t submitted[TPI_PRIORITY_COUNT], claimed[TPI_PRIORITY_COUNT];
    uint64_t executed, stolen, busy_ns;
};

static void add_workers(struct tpi_pool *pool, struct totals *totals)
{
    uint32_t active = tpp_load_acquire(&pool->active); /* [PL2] */
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = tpi_pool_worker(pool, id);
        if (!worker) /* a dump, which does not hold the pool, is late */
            continue;
        totals->executed += tpp_load_acquire(&worker->executed); /* [CT1] before the claims */
        totals->stolen += tpp_load_relaxed(&worker->stolen);
        totals->busy_ns += tpp_load_relaxed(&worker->busy_ns);
        for (uint32_t priority = 0; priority < TPI_PRIORITY_COUNT; priority++) {
            totals->claimed[priority] += tpp_load_acquire(&worker->claimed[priority]); /* [CT1] */
            totals->submitted[priority] += tpp_load_relaxed(&worker->submitted[priority]);
        }
    }
}

static uint64_t above(uint64_t larger, uint64_t smaller)
{
    return larger > smaller ? larger - smaller : 0;
}

static void add_posts(struct tpi_pool *pool, const struct totals *totals, tp_pool_stats_t *stats)
{
    uint64_t claimed = 0;
    for (uint32_t priority = 0; priority < TPI_PRIORITY_COUNT; priority++) {
        uint64_t cancelled = tpp_load_acquire(&pool->cancelled[priority]); /* [CT1] */
        uint64_t submitted = totals->submitted[priority];
        for (uint32_t shard = 0; shard < TPP_SHARDS; shard++)
            submitted += tpp_load_relaxed(&pool->shards[shard].submitted[priority]);
        stats->submitted += submitted;
        stats->cancelled += cancelled;
        stats->pending[priority] = above(submitted, totals->claimed[priority] + cancelled);
        claimed += totals->claimed[priority];
    }
    stats->executed = totals->executed;
    stats->running = (uint32_t)above(claimed, totals->executed);
}

uint64_t tpi_pool_pending(struct tpi_pool *pool, uint64_t *claims_out)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    struct totals totals = {{0}, {0}, 0, 0, 0};
    uint64_t pending = 0;
    *claims_out = 0;
    add_workers(pool, &totals);
    add_posts(pool, &totals, &stats);
    for (uint32_t priority = 0; priority < TPI_PRIORITY_COUNT; priority++) {
        *claims_out += totals.claimed[priority];
        pending += stats.pending[priority];
    }
    return pending;
}

void tpi_pool_stats_unlocked(struct tpi_pool *pool, tp_pool_stats_t *stats)
{
    uint32_t size = stats->struct_size;
    struct totals totals = {{0}, {0}, 0, 0, 0};
    memset(stats, 0, sizeof *stats);
    stats->struct_size = size;
    add_workers(pool, &totals);
    add_posts(pool, &totals, stats);
    stats->stolen = totals.stolen;
    stats->run_ns_total = totals.busy_ns;
    stats->threads = tpi_life_threads(tpp_peek(&pool->life));
    stats->thread_minimum = tpp_peek(&pool->minimum);
    stats->thread_maximum = tpp_peek(&pool->maximum);
    stats->io_backend = tpp_peek(&pool->port.backend);
    stats->idle_threads = tpi_idle_count(&pool->idle);
    stats->thread_target = tpp_peek(&pool->target);
    stats->threads_blocked = tpp_peek(&pool->blocked);
    stats->thread_cap_reached = tpp_peek(&pool->cap_reached);
}

void tpi_pool_stats(struct tpi_pool *pool, tp_pool_stats_t *stats)
{
    tpi_lock_take(&pool->lock);
    tpi_pool_stats_unlocked(pool, stats);
    stats->threads_peak = pool->threads_peak;
    stats->threads_created = pool->threads_created;
    stats->threads_retired = pool->threads_retired;
    stats->threads_injected = pool->threads_injected;
    stats->thread_create_failures = pool->create_failures;
    tpi_lock_drop(&pool->lock);
    tpi_reactor_armed(pool, &stats->timers_armed, &stats->waits_armed);
}
