/* shutdown.c - the orderly end of a pool: nothing new, nothing left, no thread.
 *
 *   1  the pool takes no more objects, and each of its objects no more posts
 *   2  with cancel, what is pending is dropped: of objects with a handle here, of simple callbacks
 *      by the workers that claim them
 *   3  wait until the pool is dry: no simple callback is left, and every other object is idle
 *   4  the threads end; wait until the last has run its last hook
 *   5  the handle goes, for exactly one of those who got here
 *
 * Whoever may have brought the pool nearer to its end raises shut_seq and wakes the waiters: a
 * worker that runs out of work, an object that leaves, a thread that is gone. [SH1] They do so
 * after what they changed; a waiter reads shut_seq before it looks at everything. */
#include "core/object/shutdown.h"

#include <stdio.h>

#include "core/object/instance.h"
#include "core/object/trade.h"
#include "core/sched/driven.h"
#include "core/sched/park.h"

/* ---- the objects of a pool ------------------------------------------------------------------- */

struct look {
    struct tpi_pool *pool;
    uint32_t birth;
    bool cancel;
    uint32_t forks; /* as they were at the beginning */
    uint32_t found; /* objects with a handle */
    bool busy;      /* one of them is not idle */
};

/* The object in that slot, if it is one of the pool's. */
static struct tpi_object *object_of(struct tpi_slot *slot, const struct look *look,
                                    uint32_t *generation_out)
{
    struct tpi_task *task = tpi_container(slot, struct tpi_task, slot);
    *generation_out = tpi_slot_generation(slot);
    if (!tpi_slot_live(*generation_out))
        return NULL;
    struct tpi_target target = tpi_task_target(task);
    if (target.home != look->pool || target.home_generation != look->birth)
        return NULL;
    return tpi_container(task, struct tpi_object, task);
}

/* Visits the slots of all objects with a handle, of whatever pool. */
static void each_object(bool (*visit)(struct tpi_slot *slot, void *look), struct look *look)
{
    static const enum tpi_kind kinds[] = {TPI_KIND_WORK, TPI_KIND_TIMER, TPI_KIND_WAIT,
                                          TPI_KIND_IO};
    for (uint32_t i = 0; i < sizeof kinds / sizeof *kinds && !tpi_forked(look->forks); i++)
        tpi_slab_each(kinds[i], visit, look);
}

static bool shut_object(struct tpi_slot *slot, void *context)
{
    const struct look *look = context;
    uint32_t generation;
    struct tpi_object *object = object_of(slot, look, &generation);
    if (!object)
        return true;
    tpi_object_shut(object, generation);
    const struct tpi_trade *trade = tpi_object_trade(object);
    if (look->cancel && tpi_object_cancel(object, generation))
        tpi_object_free(object);
    else if (trade->abort_all)
        trade->abort_all(object, generation);
    return !tpi_forked(look->forks);
}

static bool look_at_object(struct tpi_slot *slot, void *context)
{
    struct look *look = context;
    uint32_t generation;
    struct tpi_object *object = object_of(slot, look, &generation);
    if (!object)
        return true;
    look->found++;
    /* [ST1] Relaxed would do: of callbacks that have ended their threads tell under the lock. */
    uint64_t word = tpp_load_acquire(&object->task.word);
    if (!tpi_state_idle(word) || word & TPI_STATE_HELD)
        look->busy = true;
    return true;
}

/* All objects counted are ones with a handle, and these are idle. Nothing can come any more, so
 * what was counted first and not found afterwards is a simple callback, or on its way out. */
static bool dry(struct look *look)
{
    uint32_t objects = tpi_life_objects(tpp_load_acquire(&look->pool->life)); /* [PL1] */
    look->found = 0;
    look->busy = false;
    each_object(look_at_object, look);
    return !look->busy && look->found == objects;
}

/* ---- the steps ------------------------------------------------------------------------------- */

static void shut(struct look *look)
{
    struct tpi_pool *pool = look->pool;
    uint32_t seen = TPI_SHUT_NOT, wanted = look->cancel ? TPI_SHUT_DROP : TPI_SHUT_DRAIN;
    /* [SH1] More than it takes, here and in shutdown(): `shut` is read relaxed, and fences order
     * it. */
    tpp_or_acq_rel(&pool->life, TPI_LIFE_SHUT); /* [PL1] a bit: relaxed, and the fence, would do */
    while (seen < wanted && !tpp_cas_acq_rel(&pool->shut, &seen, wanted)) /* [SH1] */
        ;                /* ends: a failed swap means that it has grown */
    tpp_fence_seq_cst(); /* [SH1] who publishes an object after this look finds the pool shut */
    each_object(shut_object, look);
    if (tpi_forked(look->forks))
        return;
    tpi_park_wake_all(pool); /* callers of tp_pool_run do not wait for what will not come */
}

/* Until `over` says so. What is queued in a pool without threads is run here meanwhile, if `drain`.
 * TP_ERR_TIMEOUT, TP_ERR_NO_MEMORY, TP_ERR_FORKED. */
static tp_status_t wait_until(struct look *look, bool (*over)(struct look *look), bool drain,
                              int64_t deadline)
{
    for (;;) { /* ends when the pool has got there, or at the deadline */
        uint32_t seen = tpp_load_acquire(&look->pool->shut_seq); /* [SH1] */
        tp_status_t status = drain ? tpi_driven_drain(look->pool) : TP_OK;
        if (tpi_forked(look->forks))
            return TP_ERR_FORKED;
        if (status != TP_OK || over(look))
            return status;
        if (deadline != TPP_FOREVER && tpp_now(TPP_CLOCK_MONOTONIC) >= deadline)
            return TP_ERR_TIMEOUT;
        tpi_blocking_enter();
        (void)tpp_wait(&look->pool->shut_seq, seen, deadline);
        tpi_blocking_leave();
    }
}

static bool no_thread(struct look *look)
{
    return tpi_pool_threads_left(look->pool) == 0;
}

/* One call of tpi_shutdown, which holds the pool. */
struct call {
    struct look look;
    uint32_t generation;
    int64_t deadline;
    tp_status_t status;
};

static tp_status_t shutdown(struct look *look, uint32_t generation, int64_t deadline)
{
    struct tpi_pool *pool = look->pool;
    shut(look);
    if (tpi_forked(look->forks))
        return TP_ERR_FORKED;
    tp_status_t status = wait_until(look, dry, tpi_pool_driven(pool), deadline);
    if (status != TP_OK)
        return status;
    tpp_store_release(&pool->shut, TPI_SHUT_END); /* [SH1] */
    tpi_park_wake_all(pool);
    status = wait_until(look, no_thread, false, deadline);
    if (status != TP_OK)
        return status;
    if (!tpi_slab_retire(&pool->slot, generation))
        return TP_ERR_HANDLE;
    tpi_pool_close(pool);
    return TP_OK;
}

static void steps(void *argument)
{
    struct call *call = argument;
    call->status = shutdown(&call->look, call->generation, call->deadline);
}

/* At the end, or when code of the application, run here, has ended the thread. */
static void let_go(void *argument)
{
    struct call *call = argument;
    if (tpi_forked(call->look.forks))
        return;                           /* the pool is not looked at again */
    tpi_pool_shut_moved(call->look.pool); /* whoever saw this one's seat looks again */
    tpi_pool_unhold(call->look.pool);
}

static void describe(void *argument, char *text, size_t size)
{
    (void)argument;
    snprintf(text, size, "a pool that is being shut down");
}

static const struct tpp_guard guard = {steps, let_go, describe};

tp_status_t tpi_shutdown(struct tpi_pool *pool, uint32_t generation, bool cancel_pending,
                         int64_t timeout_ns)
{
    if (tpi_instance_in_pool(pool))
        return TP_ERR_DEADLOCK;
    if (!tpi_pool_hold(pool))
        return TP_ERR_HANDLE;
    struct call call = {
        .look = {pool, tpp_peek(&pool->birth), cancel_pending, tpi_forks(), 0, false},
        .generation = generation,
        .deadline = tpi_deadline(timeout_ns),
        .status = TP_ERR_HANDLE,
    };
    if (tpi_slot_generation(&pool->slot) == generation)
        tpp_guarded(&guard, &call);
    let_go(&call);
    return call.status;
}
