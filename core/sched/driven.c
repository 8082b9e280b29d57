/* driven.c - runs callbacks of a pool without threads on threads that call in. */
#include "core/sched/driven.h"

#include "core/sched/park.h"
#include "core/sched/worker.h"

/* Runs what is there, at most so many (0: all); how many ran. Stops in the child of a fork. */
static uint32_t turn(struct tpi_worker *worker, uint32_t most)
{
    uint32_t ran = 0, forks = tpi_forks();
    while (most == 0 || ran < most) {
        struct tpi_task *task = tpi_worker_take(worker);
        if (!task)
            break;
        worker->pool->run(task, worker);
        ran++;
        if (tpi_forks() != forks)
            break;
    }
    return ran;
}

static bool shut(struct tpi_pool *pool)
{
    return tpp_load_relaxed(&pool->shut) != TPI_SHUT_NOT; /* relaxed: wake_all comes after it */
}

tp_status_t tpi_driven_run(struct tpi_pool *pool, uint32_t most, int64_t deadline,
                           uint32_t *ran_out)
{
    struct tpi_worker *worker;
    uint32_t forks = tpi_forks();
    struct tpi_thread *thread = tpi_thread_ensure();
    if (!thread)
        return TP_ERR_NO_MEMORY;
    if (thread->instance || thread->worker)
        return TP_ERR_DEADLOCK;
    tp_status_t status = tpi_pool_sit(pool, thread, &worker);
    if (status != TP_OK)
        return status;
    thread->worker = worker;
    worker->awake_since = tpp_now(TPP_CLOCK_MONOTONIC);
    for (;;) { /* ends with the first callback, the deadline, or the pool */
        *ran_out = turn(worker, most);
        if (tpi_forks() != forks)
            return TP_ERR_FORKED;
        tpi_worker_flush_gone(worker);
        tpi_park_lower_flag(pool);
        if (*ran_out > 0 || shut(pool) || !tpi_park_sleep_until(worker, deadline))
            break;
    }
    status = *ran_out > 0 ? TP_OK : shut(pool) ? TP_ERR_CLOSED : TP_ERR_TIMEOUT;
    tpi_count(&worker->busy_ns, (uint64_t)(tpp_now(TPP_CLOCK_MONOTONIC) - worker->awake_since));
    thread->worker = NULL;
    tpi_pool_rise(pool, worker);
    return status;
}

void tpi_driven_drain(struct tpi_pool *pool)
{
    struct tpi_worker *worker;
    uint32_t forks = tpi_forks();
    struct tpi_thread *thread = tpi_thread_ensure();
    if (!thread || tpi_pool_sit(pool, thread, &worker) != TP_OK)
        return;
    struct tpi_worker *outer = thread->worker;
    thread->worker = worker;
    worker->awake_since = tpp_now(TPP_CLOCK_MONOTONIC);
    turn(worker, 0);
    if (tpi_forks() != forks)
        return;
    tpi_worker_flush_gone(worker);
    thread->worker = outer;
    tpi_pool_rise(pool, worker);
}

int tpi_driven_flag(struct tpi_pool *pool, int *descriptor_out)
{
    int failed = 0;
    tpi_lock_take(&pool->lock);
    uint32_t flag = tpp_peek(&pool->flag);
    if (!flag) {
        int descriptor;
        failed = tpp_flag_open(&descriptor);
        flag = failed ? 0 : (uint32_t)descriptor + 1;
        tpp_store_release(&pool->flag, flag); /* [FL1] */
    }
    tpi_lock_drop(&pool->lock);
    *descriptor_out = (int)flag - 1;
    if (!failed)
        tpi_park_lower_flag(pool); /* or up, if something waits already */
    return failed;
}
