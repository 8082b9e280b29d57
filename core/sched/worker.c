/* worker.c - the order in which a worker looks for work, and its main loop.
 *
 *   HIGH, own ring, shared NORMAL with a batch for the ring, a steal, LOW
 *
 * The keeper, the one worker that runs persistent objects, looks for one of theirs first at each
 * priority; nobody else sees them.
 * Every 61st claim looks at the shared NORMAL queue before the ring, so that a ring that feeds
 * itself starves nobody. LOW is taken only when a look has shown that nothing above it was queued
 * anywhere. A pool of one thread uses no ring and no batch: exact order. */
#include "core/sched/worker.h"

#include "core/sched/park.h"
#include "core/sched/reactor.h"

static struct tpi_inject *shared(struct tpi_worker *worker, uint32_t priority)
{
    return &worker->pool->inject[priority];
}

/* Tickets are about to change their place: until end_move they may be in none. */
static void begin_move(struct tpi_pool *pool)
{
    /* [MV1] acq_rel: the count is up before any ticket leaves its place. Pairs with the reads in
     * nothing_above_low. Relaxed would do: the swap of head that follows releases it. */
    tpp_add_acq_rel(&pool->moves_started, 1);
}

static void end_move(struct tpi_pool *pool)
{
    tpp_add_acq_rel(&pool->moves_finished, 1); /* [MV1] */
}

/* Moves all tickets from the ring to the shared queue. */
static void spill(struct tpi_worker *worker)
{
    uint64_t tickets[TPP_RING_CAPACITY];
    begin_move(worker->pool);
    uint32_t count = tpi_ring_take(&worker->ring, tickets, TPP_RING_CAPACITY);
    tpi_inject_push_tickets(shared(worker, TPI_PRIORITY_NORMAL), tickets, count);
    end_move(worker->pool);
}

void tpi_worker_push(struct tpi_worker *worker, struct tpi_task *task, uint32_t epoch)
{
    /* Full once, the ring is left to run empty: what it cannot hold goes where it will be taken
     * from next, in order, instead of moving to and fro. */
    if (!worker->overflow && tpi_ring_push(&worker->ring, tpi_ticket(task, epoch))) {
        tpp_probe(TPP_PROBE_PUBLISH, task, TPI_PRIORITY_NORMAL);
        return;
    }
    worker->overflow = true;
    tpi_inject_push(shared(worker, TPI_PRIORITY_NORMAL), task, epoch);
}

/* A claim of one post succeeded. If more of the task waits in a shared queue, it was to be seen
 * there all the time: whoever is asleep has somebody on the way to wake him. */
static struct tpi_task *claimed(struct tpi_worker *worker, struct tpi_task *task,
                                const struct tpi_applied *claim, uint32_t priority)
{
    tpp_probe(TPP_PROBE_CLAIM, task, tpi_state_running(claim->after));
    worker->cancels = claim->cancels;
    tpi_count(&worker->claimed[priority], 1);
    worker->summoned = !worker->ticked;
    tpi_park_found(worker);
    tpi_reactor_rise(worker, false);
    return task;
}

/* From the queue of that priority which only the keeper empties. */
static struct tpi_task *take_kept(struct tpi_worker *worker, uint32_t priority)
{
    struct tpi_applied claim;
    if (!tpi_worker_keeps(worker))
        return NULL;
    struct tpi_task *task = tpi_inject_claim(&worker->pool->kept[priority], NULL, 0, &claim);
    return task ? claimed(worker, task, &claim, priority) : NULL;
}

static struct tpi_task *take_shared(struct tpi_worker *worker, uint32_t priority)
{
    struct tpi_applied claim;
    bool with_ring = priority == TPI_PRIORITY_NORMAL && !tpi_pool_exact(worker->pool);
    uint32_t active = tpp_peek(&worker->pool->active); /* this one is among them */
    uint32_t batch = tpi_inject_length(shared(worker, priority)) / active;
    struct tpi_task *task =
        tpi_inject_claim(shared(worker, priority), with_ring ? &worker->ring : NULL,
                         batch < TPP_BATCH ? batch : TPP_BATCH, &claim);
    return task ? claimed(worker, task, &claim, priority) : NULL;
}

/* Claims one post of the ticket's task; false if the ticket is stale or no more of it may run. */
static bool claim_ticket(struct tpi_worker *worker, uint64_t ticket, struct tpi_applied *claim_out)
{
    struct tpi_task *task = tpi_ticket_task(ticket);
    *claim_out = (struct tpi_applied){.effects = TPI_EFFECT_REFUSED};
    /* [IQ2] A ticket as old as a round of epochs. Relaxed would do: it may be linked just after. */
    if (tpp_load_acquire(&task->slot.linked))
        return false;
    tpp_probe(TPP_PROBE_DEQUEUE, task, TPI_PRIORITY_NORMAL);
    struct tpi_applied applied = tpi_task_apply(task, TPI_EVENT_CLAIM, tpi_ticket_epoch(ticket));
    bool is_claimed = !(applied.effects & TPI_EFFECT_REFUSED);
    *claim_out = applied;
    if (applied.effects & TPI_EFFECT_UNQUEUED) /* what ran detached may have ended meanwhile */
        applied = tpi_task_apply(task, TPI_EVENT_RETRY, 0);
    if (applied.effects & (TPI_EFFECT_REQUEUE | TPI_EFFECT_ENQUEUE)) {
        /* It was out of sight for a moment: as new. */
        struct tpi_target target = tpi_task_target(task);
        tpi_pool_publish(&target, task, tpi_state_epoch(applied.after), worker);
    }
    return is_claimed;
}

/* May a NORMAL post be taken before what is queued in the worker's own order? */
static bool may_jump(struct tpi_worker *worker, const struct tpi_target *target)
{
    struct tpi_pool *pool = worker->pool;
    if (target->home != pool || target->kept || target->priority != TPI_PRIORITY_NORMAL ||
        tpi_pool_exact(pool))
        return false;
    tpp_probe(TPP_PROBE_SCAN, pool, worker->id);
    return tpi_inject_length(&pool->inject[TPI_PRIORITY_HIGH]) == 0 &&
           !(tpi_worker_keeps(worker) && tpi_inject_length(&pool->kept[TPI_PRIORITY_HIGH]) > 0);
}

bool tpi_worker_claim(struct tpi_worker *worker, const struct tpi_ready *ready)
{
    struct tpi_applied claim;
    struct tpi_task *task = ready->task;
    if (!may_jump(worker, &ready->target)) {
        tpi_pool_publish(&ready->target, task, ready->epoch, worker);
        return false;
    }
    tpp_probe(TPP_PROBE_PUBLISH, task, TPI_PRIORITY_NORMAL);
    if (!claim_ticket(worker, tpi_ticket(task, ready->epoch), &claim))
        return false;
    tpp_probe(TPP_PROBE_CLAIM, task, tpi_state_running(claim.after));
    worker->cancels = claim.cancels;
    tpi_count(&worker->claimed[TPI_PRIORITY_NORMAL], 1);
    return true;
}

static struct tpi_task *take_ring(struct tpi_worker *worker)
{
    struct tpi_applied claim;
    uint64_t ticket;
    /* Ends: only the owner, which is here, puts tickets in, and a task that was refused goes back
     * only if it has room to run. */
    while (tpi_ring_pop(&worker->ring, &ticket))
        if (claim_ticket(worker, ticket, &claim))
            return claimed(worker, tpi_ticket_task(ticket), &claim, TPI_PRIORITY_NORMAL);
    worker->overflow = false;
    return NULL;
}

static struct tpi_task *steal(struct tpi_worker *worker)
{
    struct tpi_pool *pool = worker->pool;
    uint32_t active = tpp_load_acquire(&pool->active); /* [PL2] */
    uint32_t first = worker->random++;
    for (uint32_t i = 0; i < active; i++) {
        struct tpi_worker *victim = tpi_pool_worker(pool, (first + i) % active);
        if (victim == worker || tpi_ring_size(&victim->ring) < (worker->eager ? 1u : 2u))
            continue;
        begin_move(pool);
        uint32_t count = tpi_ring_steal(&worker->ring, &victim->ring);
        end_move(pool);
        tpi_count(&worker->stolen, count);
        if (count > 1 && !worker->searching) /* a sleeper may have looked while they moved */
            tpi_park_notify(pool, tpp_peek(&pool->birth));
        struct tpi_task *task = take_ring(worker);
        if (task)
            return task;
    }
    return NULL;
}

/* True if at some moment during the call nothing above LOW was queued anywhere. */
static bool nothing_above_low(struct tpi_pool *pool)
{
    /* [MV1] acquire: if no move began between the two reads that had not ended before the first,
     * every ticket stood still while the queues were looked at. */
    uint32_t finished = tpp_load_acquire(&pool->moves_finished);
    if (tpi_inject_length(&pool->inject[TPI_PRIORITY_HIGH]) > 0 ||
        tpi_inject_length(&pool->inject[TPI_PRIORITY_NORMAL]) > 0)
        return false;
    uint32_t active = tpp_load_acquire(&pool->active); /* [PL2] */
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = tpi_pool_worker(pool, id);
        if (tpi_ring_size(&worker->ring) > 0)
            return false;
    }
    /* [MV1] Relaxed would do: the looks above are acquires themselves. */
    return tpp_load_acquire(&pool->moves_started) == finished;
}

static struct tpi_task *take_above_low(struct tpi_worker *worker)
{
    struct tpi_task *task = take_kept(worker, TPI_PRIORITY_HIGH);
    if (!task)
        task = take_shared(worker, TPI_PRIORITY_HIGH);
    if (!task && ++worker->claims >= TPP_SHARED_EVERY) {
        worker->claims = 0;
        task = take_shared(worker, TPI_PRIORITY_NORMAL);
    }
    if (!task)
        task = take_kept(worker, TPI_PRIORITY_NORMAL);
    if (!task)
        task = take_ring(worker);
    if (!task)
        task = take_shared(worker, TPI_PRIORITY_NORMAL);
    return task ? task : steal(worker);
}

static bool low_waits(struct tpi_worker *worker)
{
    return tpi_inject_length(shared(worker, TPI_PRIORITY_LOW)) > 0 ||
           (tpi_worker_keeps(worker) &&
            tpi_inject_length(&worker->pool->kept[TPI_PRIORITY_LOW]) > 0);
}

static struct tpi_task *take_low(struct tpi_worker *worker)
{
    struct tpi_task *task = take_kept(worker, TPI_PRIORITY_LOW);
    return task ? task : take_shared(worker, TPI_PRIORITY_LOW);
}

/* I/O that was begun goes to the system at the end of a batch, and what it has brought is fetched
 * before anybody sleeps. True if there was something. */
static bool tend_port(struct tpi_worker *worker)
{
    struct tpi_port *port = &worker->pool->port;
    if (tpi_port_unflushed(port))
        tpi_port_flush(worker->pool);
    return tpi_port_away(port) && tpi_port_harvest(worker->pool, false);
}

struct tpi_task *tpi_worker_take(struct tpi_worker *worker)
{
    struct tpi_pool *pool = worker->pool;
    if (tpi_pool_exact(pool) && tpi_ring_size(&worker->ring) > 0)
        spill(worker); /* the maximum was lowered to one meanwhile */
    if (tpi_reactor_active(&pool->reactor))
        tpi_reactor_glance(worker);
    else if (worker->look.count > 0) /* whoever listened has left meanwhile */
        (void)tpi_reactor_deliver(worker);
    for (;;) {
        tpp_probe(TPP_PROBE_SCAN, pool, worker->id);
        struct tpi_task *task = take_above_low(worker);
        if (!task && tend_port(worker))
            continue; /* ends: it has posted something, or ended what nobody waits for */
        if (task || !low_waits(worker))
            return task;
        if (nothing_above_low(pool))
            return take_low(worker);
        worker->eager = true;
        tpp_cpu_relax(); /* ends: what is above LOW gets taken, by us or by others */
    }
}

static bool surplus(struct tpi_worker *worker)
{
    struct tpi_demand limits = tpi_pool_limits(worker->pool);
    return tpi_policy_surplus(&limits) && (limits.ending || !tpi_worker_keeps(worker));
}

void tpi_worker_flush_gone(struct tpi_worker *worker)
{
    uint32_t gone = worker->gone;
    worker->gone = 0;
    if (gone > 0)
        tpi_pool_leave(worker->pool, gone);
}

void tpi_worker_object_gone(struct tpi_worker *worker)
{
    if (++worker->gone >= 2 * TPP_BATCH)
        tpi_worker_flush_gone(worker);
}

bool tpi_worker_object_back(struct tpi_worker *worker)
{
    if (worker->gone == 0)
        return false;
    worker->gone--;
    return true;
}

void tpi_worker_blocks(struct tpi_worker *worker)
{
    uint32_t depth = tpp_load_relaxed(&worker->declared); /* relaxed: only this thread writes it */
    tpp_store_relaxed(&worker->declared, depth + 1);      /* relaxed: the gate looks again */
    if (depth == 0)
        tpp_add_relaxed(&worker->pool->blocked, 1); /* relaxed: read again by every decision */
}

void tpi_worker_unblocks(struct tpi_worker *worker)
{
    uint32_t depth = tpp_load_relaxed(&worker->declared); /* relaxed, all: as above */
    tpp_store_relaxed(&worker->declared, depth - 1);
    if (depth == 1)
        tpp_sub_relaxed(&worker->pool->blocked, 1);
}

void tpi_worker_hand_over(struct tpi_worker *worker)
{
    tpi_worker_flush_gone(worker);
    (void)tpi_reactor_deliver(worker);
    if (tpi_port_unflushed(&worker->pool->port))
        tpi_port_flush(worker->pool);
    tpi_reactor_rise(worker, true);
    if (tpi_ring_size(&worker->ring) > 0)
        spill(worker);
    if (worker->searching) {
        worker->searching = false;
        tpp_store_release(&worker->pool->searching, 0); /* [PK3] */
    }
}

/* Until the worker has left its pool; false if the process forked in a callback and this is the
 * child, where the pool is no more. */
static bool work(struct tpi_worker *worker)
{
    struct tpi_pool *pool = worker->pool;
    uint32_t forks = tpi_forks();
    worker->awake_since = tpp_now(TPP_CLOCK_MONOTONIC);
    for (;;) {
        if (surplus(worker) && tpi_pool_thread_leaves(pool, worker, false))
            return true;
        struct tpi_task *task = tpi_worker_take(worker);
        if (task) {
            pool->run(task, worker);
            if (tpi_forked(forks))
                return false;
            continue;
        }
        tpi_worker_flush_gone(worker);
        if (!tpi_park_sleep(worker))
            return true;
    }
}

void tpi_worker_main(void *argument)
{
    struct tpi_worker *worker = argument;
    struct tpi_pool *pool = worker->pool;
    uint32_t forks = tpi_forks();
    tpi_thread_adopt(worker->thread);
    /* relaxed: the gate takes a thread that it does not know yet for one that runs. */
    tpp_store_relaxed(&worker->thread_id, tpp_thread_id());
    if (pool->on_thread_start) {
        /* It may take its time: others must not count on this thread's search meanwhile. */
        tpi_park_found(worker);
        pool->on_thread_start(pool->hook_context);
    }
    if (tpi_forked(forks) || !work(worker))
        tpp_exit(); /* the child of a fork in a callback that has returned: nothing to go back to */
    if (pool->on_thread_stop) {
        struct tpi_errand errand;
        tpi_errand_begin(&errand, pool);
        pool->on_thread_stop(pool->hook_context);
        tpi_errand_end(&errand);
    }
    if (!tpi_forked(forks))
        tpi_pool_thread_gone(pool);
}
