/* look.c - what a pool listens to, looks into its poller, and passing on what they find:
 * reactor.h. */
#include "core/sched/operations.h"
#include "core/sched/reactor.h"
#include "core/sched/waits.h"
#include "core/sched/worker.h"

bool tpi_reactor_listens(struct tpi_reactor *reactor)
{
    bool before = tpp_peek(&reactor->listening);
    bool now = reactor->sources.count > 0 || reactor->channels > 0;
    if (now != before)
        tpp_store_release(&reactor->listening, now); /* [DR1] */
    return now && !before;
}

void tpi_reactor_channel_comes(struct tpi_pool *pool, uint32_t birth)
{
    struct tpi_reactor *reactor = &pool->reactor;
    tpi_lock_take(&reactor->lock);
    reactor->channels++;
    bool first = tpi_reactor_listens(reactor);
    tpi_lock_drop(&reactor->lock);
    if (first)
        tpi_reactor_call(pool, birth);
}

void tpi_reactor_channel_goes(struct tpi_pool *pool)
{
    tpi_lock_take(&pool->reactor.lock);
    pool->reactor.channels--;
    (void)tpi_reactor_listens(&pool->reactor);
    tpi_lock_drop(&pool->reactor.lock);
}

/* What a look has found. */
static void pass_on(struct tpi_pool *pool, const struct tpi_look *look)
{
    bool ring = false;
    struct tpi_posts posts;
    posts.count = 0;
    tpi_waits_harvest(pool, look);
    for (uint32_t i = 0; i < look->count; i++) {
        if (look->events[i].key == TPI_PORT_KEY)
            ring = true;
        else if (tpi_operations_key(look->events[i].key))
            tpi_operations_ready(&look->events[i], look->slept, &posts);
    }
    tpi_posts_publish(&posts);
    if (ring) /* else the next sleep would end at once, until somebody has taken it */
        (void)tpi_port_harvest(pool, true);
}

bool tpi_reactor_look(struct tpi_pool *pool, bool sleepless)
{
    struct tpi_look found; /* large: only what is filled is read */
    struct tpp_poller *poller = tpi_sources_poller(&pool->reactor.sources);
    if (!poller)
        return false;
    found.begun = tpi_sources_look(&pool->reactor.sources);
    found.slept = sleepless;
    found.count = tpp_poller_wait(poller, found.events, TPP_POLL_BATCH, 0);
    if (found.count > 0)
        pass_on(pool, &found);
    return found.count == TPP_POLL_BATCH;
}

/* Has the worker enough to do? While callbacks wait to run, what they are to read is ready still,
 * and a look finds just that. */
static bool supplied(struct tpi_worker *worker, int64_t now)
{
    if (now - worker->looked_at > TPP_GATE_PERIOD_NS)
        return false;
    return tpi_ring_size(&worker->ring) > 0 ||
           tpi_inject_length(&worker->pool->inject[TPI_PRIORITY_NORMAL]) > 0;
}

bool tpi_reactor_deliver(struct tpi_worker *worker)
{
    if (worker->look.count == 0)
        return false;
    pass_on(worker->pool, &worker->look);
    worker->look.count = 0;
    return true;
}

void tpi_reactor_look_around(struct tpi_worker *worker, int64_t now)
{
    struct tpi_pool *pool = worker->pool;
    if (tpi_reactor_deliver(worker)) {
        worker->looked_at = now;
        return;
    }
    /* relaxed, both: a look. */
    if (!tpp_load_relaxed(&pool->reactor.listening) || tpp_load_relaxed(&pool->reactor.driver) ||
        supplied(worker, now))
        return;
    worker->looked_at = now;
    (void)tpi_reactor_look(pool, false);
}
