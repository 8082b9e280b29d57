/* results.c - what the callbacks of waits are told, and what is given back of dropped ones. */
#include "core/base/assert.h"
#include "core/sched/waits.h"

static const tp_wait_result_t codes[TPI_RESULTS] = {
    [TPI_RESULT_SIGNALED] = TP_WAIT_SIGNALED,
    [TPI_RESULT_FAILED] = TP_WAIT_FAILED,
    [TPI_RESULT_TIMEOUT] = TP_WAIT_TIMEOUT,
};

/* Takes the mutex out of the results. Lock held. */
static void take_mutex(struct tpi_vigil *vigil, struct tpi_told *told)
{
    told->result = vigil->mutex == TPI_MUTEX_ABANDONED ? TP_WAIT_ABANDONED : TP_WAIT_SIGNALED;
    struct tpi_slot *slot = tpi_slab_at(TPI_KIND_MUTEX, vigil->mutex_index);
    told->mutex = tpi_container(slot, struct tpi_waitable, slot);
    told->mutex_generation = vigil->mutex_generation;
    vigil->mutex = TPI_MUTEX_NONE;
}

void tpi_vigil_tell(struct tpi_vigil *vigil, struct tpi_told *told_out)
{
    struct tpi_pool *pool = tpi_task_target(vigil->timeout.task).home;
    uint32_t code = 0;
    told_out->mutex = NULL;
    tpi_lock_take(&pool->reactor.lock);
    told_out->events = vigil->events;
    if (vigil->mutex != TPI_MUTEX_NONE) { /* others wait for it */
        take_mutex(vigil, told_out);
    } else {
        while (code < TPI_RESULTS - 1 && vigil->results[code] == 0)
            code++;
        tpi_assert(vigil->results[code] > 0);
        vigil->results[code]--;
        told_out->result = codes[code];
    }
    tpi_lock_drop(&pool->reactor.lock);
    if (told_out->result == TP_WAIT_TIMEOUT)
        told_out->events = 0;
    if (told_out->mutex)
        tpi_mutex_inherit(told_out->mutex, told_out->mutex_generation, &vigil->waiter);
}

/* As many as were dropped, a mutex last. Lock held. */
static void drop_results(struct tpi_vigil *vigil, uint32_t dropped, struct tpi_told *told)
{
    for (uint32_t code = 0; code < TPI_RESULTS; code++) {
        uint32_t taken = dropped < vigil->results[code] ? dropped : vigil->results[code];
        vigil->results[code] -= taken;
        dropped -= taken;
    }
    if (dropped > 0 && vigil->mutex != TPI_MUTEX_NONE)
        take_mutex(vigil, told);
}

struct tpi_applied tpi_vigil_cancel(struct tpi_vigil *vigil, uint32_t generation)
{
    struct tpi_task *task = vigil->timeout.task;
    struct tpi_target target = tpi_task_target(task);
    struct tpi_pool *pool = target.home;
    struct tpi_told told = {.mutex = NULL};
    struct tpi_posts posts;
    posts.count = 0;
    tpi_lock_take(&pool->reactor.lock);
    struct tpi_applied applied = tpi_inject_cancel(tpi_pool_queue(&target), task, generation);
    if (!(applied.effects & TPI_EFFECT_REFUSED))
        drop_results(vigil, tpi_state_pending(applied.before), &told);
    tpi_lock_drop(&pool->reactor.lock);
    if (told.mutex)
        tpi_mutex_give_back(told.mutex, told.mutex_generation, &vigil->waiter,
                            told.result == TP_WAIT_ABANDONED, &posts);
    tpi_posts_publish(&posts);
    return applied;
}
