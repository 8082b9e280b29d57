/* driven.c - runs callbacks of a pool without threads on threads that call in. */
#include "core/sched/driven.h"

#include <stdio.h>

#include "core/sched/park.h"
#include "core/sched/worker.h"

/* One thread's stay in a pool. */
struct visit {
    struct tpi_pool *pool;
    struct tpi_thread *thread;
    struct tpi_worker *seat;
    struct tpi_worker *outer; /* the worker that the thread is besides, in another pool */
    uint32_t forks;
    uint32_t most; /* callbacks; 0: all there are */
    int64_t deadline;
    bool wait; /* until there is something */
    uint32_t ran;
};

/* Runs what is there. Stops in the child of a fork. */
static void turn(struct visit *visit)
{
    while (visit->most == 0 || visit->ran < visit->most) {
        struct tpi_task *task = tpi_worker_take(visit->seat);
        if (!task)
            return;
        uint64_t before = tpp_peek(&visit->seat->executed);
        visit->pool->run(task, visit->seat);
        visit->ran += tpp_peek(&visit->seat->executed) != before; /* else it was no callback */
        if (tpi_forked(visit->forks))
            return;
    }
}

static void stay(void *argument)
{
    struct visit *visit = argument;
    for (;;) { /* ends with the first callback, the deadline, or the pool */
        turn(visit);
        if (tpi_forked(visit->forks))
            return;
        tpi_worker_flush_gone(visit->seat);
        tpi_park_lower_flag(visit->pool);
        if (!visit->wait || visit->ran > 0 || tpi_pool_refuses(visit->pool) ||
            !tpi_park_sleep_until(visit->seat, visit->deadline))
            return;
    }
}

/* The stay is over, or a callback has ended the thread. */
static void leave(void *argument)
{
    struct visit *visit = argument;
    struct tpi_worker *seat = visit->seat;
    if (tpi_forked(visit->forks))
        return;
    tpi_count(&seat->busy_ns, (uint64_t)(tpp_now(TPP_CLOCK_MONOTONIC) - seat->awake_since));
    visit->thread->worker = visit->outer;
    /* A shutdown that finds nothing to run must not wake itself. */
    tpi_pool_rise(visit->pool, seat, visit->wait || visit->ran > 0);
}

static void describe(void *argument, char *text, size_t size)
{
    (void)argument;
    snprintf(text, size, "a thread that runs a pool");
}

static const struct tpp_guard guard = {stay, leave, describe};

/* The thread has its seat. */
static void run(struct visit *visit)
{
    visit->forks = tpi_forks();
    visit->outer = visit->thread->worker;
    visit->thread->worker = visit->seat;
    visit->seat->awake_since = tpp_now(TPP_CLOCK_MONOTONIC);
    tpp_guarded(&guard, visit);
}

tp_status_t tpi_driven_run(struct tpi_pool *pool, uint32_t most, int64_t deadline,
                           uint32_t *ran_out)
{
    struct visit visit = {.pool = pool, .most = most, .deadline = deadline, .wait = true};
    tp_status_t status = TP_ERR_NO_MEMORY;
    visit.thread = tpi_thread_ensure();
    if (visit.thread && (visit.thread->instance || visit.thread->worker))
        status = TP_ERR_DEADLOCK;
    else if (visit.thread)
        status = tpi_pool_sit(pool, visit.thread, &visit.seat);
    tpi_pool_unhold(pool); /* whoever has a seat keeps the pool as its threads do */
    if (status != TP_OK)
        return status;
    run(&visit);
    *ran_out = visit.ran;
    if (tpi_forked(visit.forks))
        return TP_ERR_FORKED;
    bool closed = tpi_pool_refuses(pool);
    leave(&visit);
    if (visit.ran > 0)
        return TP_OK;
    return closed ? TP_ERR_CLOSED : TP_ERR_TIMEOUT;
}

tp_status_t tpi_driven_drain(struct tpi_pool *pool)
{
    struct visit visit = {.pool = pool};
    visit.thread = tpi_thread_ensure();
    if (!visit.thread)
        return TP_ERR_NO_MEMORY;
    tp_status_t status = tpi_pool_sit(pool, visit.thread, &visit.seat);
    if (status != TP_OK)
        return status == TP_ERR_NO_MEMORY ? status : TP_OK;
    /* It comes once, so it leaves nothing to the owner of a ring, who may be waiting for that. */
    visit.seat->eager = true;
    run(&visit);
    leave(&visit);
    return TP_OK;
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
