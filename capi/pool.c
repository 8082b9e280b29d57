/* pool.c - the functions of tp/pool.h. */
#include "tp/pool.h"

#include "capi/gate.h"
#include "core/object/default_pool.h"
#include "core/object/dump.h"
#include "core/object/instance.h"
#include "core/object/io.h"
#include "core/object/shutdown.h"
#include "core/sched/driven.h"
#include "core/sched/pool.h"

/* The sizes of the first versions of both structs. */
#define CONFIG_FIRST sizeof(tp_pool_config_t)
#define STATS_FIRST offsetof(tp_pool_stats_t, thread_target)

static tp_status_t judge_config(const tp_pool_config_t *config)
{
    if (config->flags & ~(uint32_t)TP_POOL_CALLER_DRIVEN)
        return TP_ERR_ARGUMENT;
    if (config->thread_minimum > TPI_THREADS_MAXIMUM ||
        config->thread_maximum > TPI_THREADS_MAXIMUM)
        return TP_ERR_ARGUMENT;
    if (config->stack_reserve > TPI_STACK_MAXIMUM || config->stack_commit > TPI_STACK_MAXIMUM)
        return TP_ERR_ARGUMENT;
    if (config->idle_timeout < 0 || config->stall_threshold < 0 ||
        config->io_backend > TP_IO_BACKEND_URING)
        return TP_ERR_ARGUMENT;
    if (config->flags & TP_POOL_CALLER_DRIVEN && config->thread_minimum > 0)
        return TP_ERR_ARGUMENT;
    if (config->stall_threshold != 0)
        return TP_ERR_UNSUPPORTED;
    return TP_OK;
}

static tp_status_t create(const tp_pool_config_t *given, tp_pool_t **pool_out)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    struct tpi_pool *pool;
    void *handle;
    tp_status_t status = TP_OK;
    if (!pool_out)
        return TP_ERR_ARGUMENT;
    *pool_out = NULL;
    if (given)
        status = tpi_gate_read(&config, sizeof config, CONFIG_FIRST, given);
    if (status == TP_OK)
        status = judge_config(&config);
    if (status == TP_OK)
        status = tpi_pool_create(&config, false, tpi_callback_run, &pool, &handle);
    if (status == TP_OK)
        *pool_out = handle;
    return status;
}

tp_status_t tp_pool_create(const tp_pool_config_t *config, tp_pool_t **pool_out)
{
    return tpi_gate_result(__func__, NULL, create(config, pool_out));
}

tp_status_t tp_pool_default(tp_pool_t **pool_out)
{
    struct tpi_pool *pool;
    if (!pool_out)
        return tpi_gate_result(__func__, NULL, TP_ERR_ARGUMENT);
    *pool_out = NULL;
    tp_status_t status = tpi_default_pool(tpi_callback_run, &pool);
    if (status == TP_OK)
        *pool_out = tpi_handle_make(TPI_KIND_POOL, &pool->slot);
    return tpi_gate_result(__func__, NULL, status);
}

/* What a function may be used on. */
enum scope { ANY, PRIVATE, THREADED, DRIVEN };

/* The pool behind an open handle, held if TP_OK: it stays the one meant whoever closes it. */
static tp_status_t find(tp_pool_t *handle, enum scope scope, struct tpi_pool **pool_out)
{
    uint32_t generation;
    struct tpi_pool *pool = tpi_gate_slot(TPI_KIND_POOL, handle, &generation);
    *pool_out = pool;
    if (!pool || !tpi_pool_hold(pool))
        return TP_ERR_HANDLE;
    tp_status_t status = TP_OK;
    if (tpi_slot_generation(&pool->slot) != generation)
        status = TP_ERR_HANDLE;
    else if ((scope == DRIVEN && !tpi_pool_driven(pool)) ||
             (scope == THREADED && tpi_pool_driven(pool)) || (scope != ANY && pool->is_default))
        status = TP_ERR_UNSUPPORTED;
    if (status != TP_OK)
        tpi_pool_unhold(pool);
    return status;
}

tp_status_t tp_pool_set_thread_minimum(tp_pool_t *handle, uint32_t minimum)
{
    struct tpi_pool *pool;
    tp_status_t status = find(handle, THREADED, &pool);
    if (status == TP_OK) {
        status =
            minimum > TPI_THREADS_MAXIMUM ? TP_ERR_ARGUMENT : tpi_pool_set_minimum(pool, minimum);
        tpi_pool_unhold(pool);
    }
    return tpi_gate_result(__func__, handle, status);
}

tp_status_t tp_pool_set_thread_maximum(tp_pool_t *handle, uint32_t maximum)
{
    struct tpi_pool *pool;
    tp_status_t status = find(handle, PRIVATE, &pool);
    if (status == TP_OK) {
        if (maximum > TPI_THREADS_MAXIMUM)
            status = TP_ERR_ARGUMENT;
        else
            tpi_pool_set_maximum(pool, maximum);
        tpi_pool_unhold(pool);
    }
    return tpi_gate_result(__func__, handle, status);
}

tp_status_t tp_pool_set_stack(tp_pool_t *handle, uint64_t reserve, uint64_t commit)
{
    struct tpi_pool *pool;
    tp_status_t status = find(handle, PRIVATE, &pool);
    if (status == TP_OK) {
        if (reserve > TPI_STACK_MAXIMUM || commit > TPI_STACK_MAXIMUM)
            status = TP_ERR_ARGUMENT;
        else
            tpi_pool_set_stack(pool, reserve, commit);
        tpi_pool_unhold(pool);
    }
    return tpi_gate_result(__func__, handle, status);
}

tp_status_t tp_pool_get_stack(tp_pool_t *handle, uint64_t *reserve, uint64_t *commit)
{
    struct tpi_pool *pool;
    if (!reserve || !commit)
        return tpi_gate_result(__func__, handle, TP_ERR_ARGUMENT);
    *reserve = *commit = 0;
    tp_status_t status = find(handle, ANY, &pool);
    if (status == TP_OK) {
        tpi_pool_get_stack(pool, reserve, commit);
        tpi_pool_unhold(pool);
    }
    return tpi_gate_result(__func__, handle, status);
}

tp_status_t tp_pool_get_stats(tp_pool_t *handle, tp_pool_stats_t *stats)
{
    tp_pool_stats_t own = TP_POOL_STATS_INIT;
    struct tpi_pool *pool;
    if (!stats)
        return tpi_gate_result(__func__, handle, TP_ERR_ARGUMENT);
    tp_status_t status = tpi_gate_size(STATS_FIRST, stats);
    if (status != TP_OK)
        return tpi_gate_result(__func__, handle, status);
    status = find(handle, ANY, &pool);
    if (status == TP_OK) {
        tpi_pool_stats(pool, &own);
        own.io_in_flight = tpi_io_count(pool);
        tpi_pool_unhold(pool);
    }
    tpi_gate_write(&own, sizeof own, stats);
    return tpi_gate_result(__func__, handle, status);
}

tp_status_t tp_pool_dump(tp_pool_t *handle, int fd)
{
    uint32_t generation;
    int error = 0;
    /* Not held: letting go of it may be the end of it, which is nothing for a signal handler. */
    struct tpi_pool *pool = tpi_gate_slot(TPI_KIND_POOL, handle, &generation);
    tp_status_t status = pool ? TP_OK : TP_ERR_HANDLE;
    if (pool)
        status = fd < 0 ? TP_ERR_ARGUMENT : tpi_dump(pool, generation, fd, &error);
    if (status == TP_ERR_SYSTEM)
        tpi_gate_errno(error);
    return tpi_gate_result(__func__, handle, status);
}

/* The pool is held. */
static tp_status_t close_handle(struct tpi_pool *pool, tp_pool_t *handle)
{
    if (tpi_pool_driven(pool) && !tpi_pool_close_empty(pool))
        return TP_ERR_BUSY;
    uint32_t generation = tpi_slot_generation(&pool->slot);
    if (!tpi_token_matches((uintptr_t)handle, generation) ||
        !tpi_slab_retire(&pool->slot, generation))
        return TP_ERR_HANDLE; /* somebody else was first */
    tpi_pool_close(pool);
    return TP_OK;
}

tp_status_t tp_pool_close(tp_pool_t *handle)
{
    struct tpi_pool *pool;
    if (!handle)
        return TP_OK;
    tp_status_t status = find(handle, PRIVATE, &pool);
    if (status == TP_OK) {
        status = close_handle(pool, handle);
        tpi_pool_unhold(pool);
    }
    return tpi_gate_result(__func__, handle, status);
}

tp_status_t tp_pool_shutdown(tp_pool_t *handle, bool cancel_pending, int64_t timeout)
{
    uint32_t generation;
    struct tpi_pool *pool = tpi_gate_slot(TPI_KIND_POOL, handle, &generation);
    tp_status_t status = TP_ERR_HANDLE;
    if (pool && timeout < 0)
        status = TP_ERR_ARGUMENT;
    else if (pool && pool->is_default)
        status = TP_ERR_UNSUPPORTED;
    else if (pool)
        status = tpi_shutdown(pool, generation, cancel_pending, timeout);
    return tpi_gate_result(__func__, handle, status);
}

tp_status_t tp_pool_run(tp_pool_t *handle, uint32_t max_callbacks, int64_t timeout, uint32_t *ran)
{
    struct tpi_pool *pool;
    uint32_t count = 0;
    tp_status_t status = timeout < 0 ? TP_ERR_ARGUMENT : find(handle, DRIVEN, &pool);
    if (status == TP_OK)
        status = tpi_driven_run(pool, max_callbacks, tpi_deadline(timeout), &count);
    if (ran)
        *ran = count;
    return tpi_gate_result(__func__, handle, status);
}

tp_status_t tp_pool_poll_fd(tp_pool_t *handle, int *fd)
{
    struct tpi_pool *pool;
    if (!fd)
        return tpi_gate_result(__func__, handle, TP_ERR_ARGUMENT);
    *fd = -1;
    tp_status_t status = find(handle, DRIVEN, &pool);
    if (status == TP_OK) {
        int failed = tpi_driven_flag(pool, fd);
        if (failed)
            status = tpi_gate_system(failed);
        tpi_pool_unhold(pool);
    }
    return tpi_gate_result(__func__, handle, status);
}
