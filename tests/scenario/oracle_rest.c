/* oracle_rest.c - what must be true whenever nobody can run. */
#include "core/queue/inject.h"
#include "core/sched/monitor.h"
#include "core/sched/reactor.h"
#include "tests/scenario/scene_io.h"
#include "tests/scenario/oracle_state.h"

/* One pool at rest, added up. */
struct rest {
    struct oracle_pool *known;
    struct tpi_pool *pool;
    struct tpi_demand demand;
    uint32_t idle;
    uint64_t pending[TPI_PRIORITY_COUNT];
    struct oracle_io io;
    bool work;      /* something is there to be claimed by any worker */
    bool kept_work; /* ... by the keeper only */
};

/* ---- objects --------------------------------------------------------------------------------- */

bool oracle_in_a_ring(struct tpi_pool *pool, const struct tpi_task *task, uint32_t epoch)
{
    uint64_t ticket = tpi_ticket(task, epoch);
    uint32_t active = tpp_peek(&pool->active);
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = oracle_worker(pool, id);
        if (!worker)
            continue;
        struct tpi_ring *ring = &worker->ring;
        for (uint32_t at = tpp_peek(&ring->head); at != tpp_peek(&ring->tail); at++)
            if (tpp_peek(&ring->tickets[at & (TPP_RING_CAPACITY - 1)]) == ticket)
                return true;
    }
    return false;
}

static bool has_room(const struct tpi_task *task, uint64_t word)
{
    uint32_t limit = tpp_peek(&task->traits) >> TPI_TRAIT_LIMIT_SHIFT;
    if (limit == 0) /* its slot may be too short for a number of detached callbacks */
        return tpi_state_running(word) < TPI_STATE_ROOM_MAX;
    return tpi_state_running(word) + tpp_peek(&task->detached) < limit;
}

static bool visit_task(struct tpi_slot *slot, void *context)
{
    struct rest *rest = context;
    struct tpi_task *task = tpi_container(slot, struct tpi_task, slot);
    uint64_t word = tpp_peek(&task->word);
    bool linked = tpp_peek(&slot->linked) != 0;
    if (!tpi_slot_live(tpp_peek(&slot->generation)) || tpp_peek(&task->home) != rest->pool)
        return true;
    rest->pending[tpi_traits_priority(tpp_peek(&task->traits))] += tpi_state_pending(word);
    if (tpi_state_idle(word) && (word & TPI_STATE_WAITED))
        tpps_fail("oracle: somebody still waits for an object that has long been quiet");
    if (tpi_state_idle(word) && (word & TPI_STATE_CLOSED) && !(word & TPI_STATE_HELD))
        tpps_fail("oracle: an object that is closed and idle was not freed");
    if (!(word & TPI_STATE_QUEUED)) {
        if (linked)
            tpps_fail("oracle: a task stands in a queue and does not say so");
        if (tpi_state_pending(word) > 0 && has_room(task, word))
            tpps_fail("oracle: lost: %u posts without a queue slot", tpi_state_pending(word));
        return true;
    }
    if (!linked && !oracle_in_a_ring(rest->pool, task, tpi_state_epoch(word)))
        tpps_fail("oracle: lost: a task says that it is queued and is in no queue");
    if (tpp_peek(&task->traits) & TPI_TRAIT_KEPT)
        rest->kept_work = rest->kept_work || tpi_state_pending(word) > 0;
    else
        rest->work = rest->work || tpi_state_pending(word) > 0;
    return true;
}

/* ---- pools ----------------------------------------------------------------------------------- */

static void check_counts(const struct rest *rest)
{
    struct tpi_pool *pool = rest->pool;
    uint64_t begun = 0, executed = 0, carried = 0;
    uint32_t active = tpp_peek(&pool->active);
    for (uint32_t priority = 0; priority < TPI_PRIORITY_COUNT; priority++) {
        uint64_t claimed = 0, submitted = 0, cancelled = tpp_peek(&pool->cancelled[priority]);
        for (uint32_t shard = 0; shard < TPP_SHARDS; shard++)
            submitted += tpp_peek(&pool->shards[shard].submitted[priority]);
        for (uint32_t id = 0; id < active; id++) {
            struct tpi_worker *worker = oracle_worker(pool, id);
            submitted += worker ? tpp_peek(&worker->submitted[priority]) : 0;
            claimed += worker ? tpp_peek(&worker->claimed[priority]) : 0;
        }
        carried += claimed + cancelled + rest->pending[priority] - submitted;
        if (submitted > claimed + cancelled + rest->pending[priority])
            tpps_fail("oracle: priority %u: %lld posts, but %lld begun, %lld dropped, %lld pending",
                      priority, (long long)submitted, (long long)claimed, (long long)cancelled,
                      (long long)rest->pending[priority]);
        begun += claimed;
    }
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = oracle_worker(pool, id);
        executed += worker ? tpp_peek(&worker->executed) : 0;
    }
    if (carried != rest->io.carried) /* claimed like posts while it lasts */
        tpps_fail("oracle: %lld begun that were not posted, but %u operations carried out",
                  (long long)carried, rest->io.carried);
    if (!oracle.hooks && begun - executed != rest->known->depth + carried)
        tpps_fail("oracle: %llu callbacks begun, %llu ended, %u running", (unsigned long long)begun,
                  (unsigned long long)executed, rest->known->depth);
}

BLIND static bool may_grow(const struct rest *rest)
{
    return rest->pool->create_failures == 0 && tpi_policy_grow(&rest->demand);
}

static bool keeper_idle(struct tpi_pool *pool)
{
    uint32_t keeper = tpp_peek(&pool->keeper);
    return keeper > 0 && (tpp_peek(&pool->idle.words[(keeper - 1) / TPP_IDLE_BITS]) >>
                              (keeper - 1) % TPP_IDLE_BITS &
                          1);
}

/* Threads may be added to the pool, and nobody will: the gate neither watches nor comes anyway. */
static bool unwatched(const struct rest *rest)
{
    return tpi_policy_room(&rest->demand) && rest->demand.threads > 0 && tpi_monitor_started() &&
           !tpp_peek(&rest->pool->watched) && !tpi_reactor_guarded(rest->pool);
}

static void check_threads(const struct rest *rest)
{
    uint32_t threads = rest->demand.threads, busy = rest->known->running;
    uint32_t keepers = tpp_peek(&rest->pool->keeper) ? 1 : 0; /* who stays, while others leave */
    if (tpp_peek(&rest->pool->searching) != 0)
        tpps_fail("oracle: everybody sleeps and the pool believes that somebody searches");
    if (tpp_peek(&rest->pool->threads) != threads)
        tpps_fail("oracle: the pool counts %u threads in one place and %u in the other",
                  tpp_peek(&rest->pool->threads), threads);
    if (rest->demand.objects > 0 && threads == 0 && rest->pool->create_failures == 0 &&
        !rest->demand.driven && !rest->demand.ending)
        tpps_fail("oracle: a pool with objects has no thread");
    if (threads > rest->demand.maximum && rest->idle > keepers && !rest->demand.driven)
        tpps_fail("oracle: %u threads, %u allowed, and one of them is idle", threads,
                  rest->demand.maximum);
    /* Who carries out an operation may be in a callback, where it waits for that. */
    if (!oracle.hooks &&
        (threads < rest->idle + busy || threads > rest->idle + busy + rest->io.carried))
        tpps_fail("oracle: %u threads, but %u idle and %u in callbacks", threads, rest->idle, busy);
    if (rest->work && rest->idle > 0)
        tpps_fail("oracle: STRANDED: work is queued and a worker is idle");
    if (rest->kept_work && keeper_idle(rest->pool))
        tpps_fail("oracle: STRANDED: a persistent post is queued and its worker is idle");
    if (rest->demand.objects > 0 && tpi_pool_keeper_missing(rest->pool) && tpi_monitor_started() &&
        !tpp_peek(&rest->pool->watched))
        tpps_fail("oracle: STRANDED: a pool lost its keeper and the gate does not look");
    if (rest->work && unwatched(rest))
        tpps_fail("oracle: STRANDED: work is queued, nobody is idle, and the gate does not look");
    if (rest->work && may_grow(rest))
        tpps_fail("oracle: STRANDED: work is queued, nobody is idle, and no thread was added");
}

/* Each thread that is about to block counts once, and nobody who has gone. */
static void check_blocked(struct tpi_pool *pool)
{
    uint32_t declared = 0, active = tpp_peek(&pool->active);
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = oracle_worker(pool, id);
        declared += worker && tpp_peek(&worker->declared) > 0;
    }
    if (declared != tpp_peek(&pool->blocked))
        tpps_fail("oracle: the pool counts %u blocked threads, but %u have said so",
                  tpp_peek(&pool->blocked), declared);
}

/* What a thread had has been handed over when it is gone, also if it was lost. */
BLIND static void check_gone(struct tpi_pool *pool)
{
    uint32_t active = tpp_peek(&pool->active);
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = oracle_worker(pool, id);
        if (!worker || tpp_peek(&worker->alive))
            continue;
        if (tpp_peek(&worker->ring.head) != tpp_peek(&worker->ring.tail))
            tpps_fail("oracle: a worker that has left still has tickets in its ring");
        if (tpp_peek(&worker->declared) > 0 || worker->gone > 0)
            tpps_fail("oracle: a worker that has left is blocked or has objects to give back");
    }
    if (!oracle.hooks && pool->stopping > 0)
        tpps_fail("oracle: everybody sleeps and a thread is believed to be leaving");
}

/* Watched by the gate is what stands on its list. */
BLIND static void check_watched(struct tpi_pool *pool)
{
    const struct tpi_link *link = &pool->watch.link;
    bool linked = link->next && link->next != link;
    if (linked && (link->next->prev != link || link->prev->next != link))
        tpps_fail("oracle: the list of the pools that the gate watches is broken");
    if (linked != tpp_peek(&pool->watched))
        tpps_fail("oracle: a pool %s", linked ? "is on the gate's list and does not say so"
                                              : "says that it is watched and is not on the list");
}

/* Its place may have another life by now, of which nothing was heard yet. */
static void check_pool(struct oracle_pool *known)
{
    struct rest rest = {.known = known, .pool = known->pool};
    if (tpp_peek(&known->pool->birth) & 1)
        (void)oracle_pool(known->pool);
    rest.demand = tpi_pool_demand(known->pool);
    rest.idle = tpi_idle_count(&known->pool->idle);
    if (tpp_peek(&known->pool->birth) != known->birth) {
        if (rest.idle != 0 || tpp_peek(&known->pool->searching) != 0)
            tpps_fail("oracle: in a dead pool %u idle, %u searching", rest.idle,
                      tpp_peek(&known->pool->searching));
        oracle_timers(known->pool, false);
        oracle_waits(known->pool, false);
        oracle_io(known->pool, false, &rest.io);
        return;
    }
    oracle_io(known->pool, true, &rest.io);
    rest.work = rest.io.work;
    tpi_slab_each(TPI_KIND_WORK, visit_task, &rest);
    tpi_slab_each(TPI_KIND_SIMPLE, visit_task, &rest);
    tpi_slab_each(TPI_KIND_BRIEF, visit_task, &rest);
    tpi_slab_each(TPI_KIND_TIMER, visit_task, &rest);
    tpi_slab_each(TPI_KIND_WAIT, visit_task, &rest);
    tpi_slab_each(TPI_KIND_IO, visit_task, &rest);
    check_threads(&rest);
    check_counts(&rest);
    check_blocked(known->pool);
    check_gone(known->pool);
    check_watched(known->pool);
    oracle_timers(known->pool, true);
    oracle_waits(known->pool, true);
    if (rest.demand.threads <= rest.demand.maximum)
        known->allowed = rest.demand.maximum;
}

/* The pools share the processors, and none has more than there are. */
static void check_targets(void)
{
    uint32_t sum = 0, processors = tpp_cpu_count();
    if (oracle.processors < processors)
        oracle.processors = processors;
    for (uint32_t i = 0; i < oracle.pool_count; i++)
        if (tpp_peek(&oracle.pools[i].pool->birth) == oracle.pools[i].birth)
            sum += tpp_peek(&oracle.pools[i].pool->target);
    if (sum > oracle.processors)
        tpps_fail("oracle: the targets add up to %u, but there are %u processors", sum,
                  oracle.processors);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Whoever held the place of a pool has let go, once for each time. */
static bool visit_place(struct tpi_slot *slot, void *context)
{
    struct tpi_pool *pool = tpi_container(slot, struct tpi_pool, slot);
    uint64_t life = tpp_peek(&pool->life) & ~(TPI_LIFE_CLOSED | TPI_LIFE_SHUT);
    (void)context;
    if (life != 0 && !tpi_slot_live(tpp_peek(&slot->generation)))
        tpps_fail("oracle: the place of a pool that has ended counts %lld holds",
                  (long long)life / (long long)TPI_LIFE_HOLD);
    return true;
}

static void check_nothing_left(void)
{
    for (int kind = 1; kind < TPI_KIND_COUNT; kind++) {
        uint32_t count = tpi_slab_in_use((enum tpi_kind)kind);
        if (kind == TPI_KIND_WORKER && oracle.kept > 0)
            continue; /* a pool that stays keeps the places of its threads */
        if (count != (kind == TPI_KIND_POOL ? oracle.kept : 0))
            tpps_fail("oracle: left over: %u of kind %d", count, kind);
    }
    tpi_slab_each(TPI_KIND_POOL, visit_place, NULL);
    if (oracle.held_count != 0)
        tpps_fail("oracle: %u locks held at the end", oracle.held_count);
}

BLIND void oracle_rest(void *context)
{
    (void)context;
    oracle.rests++;
    scene_ios_rest();
    for (uint32_t i = 0; i < oracle.pool_count; i++)
        check_pool(&oracle.pools[i]);
    oracle_waitables();
    check_targets();
    if (oracle.over && tpps_service_fibers() == 0)
        check_nothing_left();
}
