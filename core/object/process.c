/* process.c - what the engine keeps for the whole process, and how the child of a fork begins.
 *
 * In the child only the thread that forked exists. Objects of the parent may be in any state, their
 * locks held by threads that are not there: none of it is looked at again, handles of it are told
 * by their slots (slab.h), and everything begins anew. The forking thread loses its record, so that
 * a callback that forked and returns in the child finds itself a stranger, and its thread ends. */
#include "core/object/process.h"

#include "core/mem/token.h"
#include "core/object/default_pool.h"
#include "core/object/io.h"
#include "core/object/misuse.h"
#include "core/sched/budget.h"
#include "core/sched/monitor.h"
#include "core/sched/pool.h"
#include "core/sched/thread.h"
#include "core/wait/slots.h"
#include "core/wait/sources.h"

bool tpi_process_inherited(const void *handle)
{
    uintptr_t token = (uintptr_t)handle;
    enum tpi_kind kind = tpi_token_kind(token);
    uint32_t index = tpi_token_index(token);
    if (kind == TPI_KIND_INSTANCE)
        return tpi_slab_inherited(TPI_KIND_THREAD, index) != NULL;
    struct tpi_slot *slot = tpi_slab_inherited(kind, index);
    return slot && tpi_token_matches(token, tpp_peek(&slot->generation));
}

/* The descriptors are copies of the parent's: using them would be seen there. */
static bool close_own(struct tpi_slot *slot, void *context)
{
    struct tpi_pool *pool = tpi_container(slot, struct tpi_pool, slot);
    (void)context;
    if (!(tpp_peek(&pool->birth) & 1))
        return true;
    if (tpp_peek(&pool->flag))
        tpp_flag_close((int)tpp_peek(&pool->flag) - 1);
    tpp_init(&pool->flag, 0); /* a child of the child inherits the pool as well */
    tpi_port_end(&pool->port);
    tpi_sources_inherited(&pool->reactor.sources);
    return true;
}

/* They would keep the application's files open: a pipe would never end. */
static bool close_source(struct tpi_slot *slot, void *context)
{
    (void)context;
    tpi_source_inherited(slot);
    return true;
}

static bool close_io(struct tpi_slot *slot, void *context)
{
    (void)context;
    tpi_io_inherited(slot);
    return true;
}

static void begin_child(void)
{
    tpi_slab_fork();
    tpi_slab_each_inherited(TPI_KIND_POOL, close_own, NULL);
    tpi_slab_each_inherited(TPI_KIND_SOURCE, close_source, NULL);
    tpi_slab_each_inherited(TPI_KIND_IO, close_io, NULL);
    tpi_io_reset();
    tpi_slots_reset();
    tpi_default_pool_reset();
    tpi_misuse_fork();
    tpi_monitor_reset();
    tpi_budget_reset();
    tpp_store_relaxed(&tpi_fork_count, tpi_forks() + 1); /* relaxed: there is one thread */
    tpp_local_set(NULL);
}

/* Before anything can be made that a child must not use. */
__attribute__((constructor)) static void watch_forks(void)
{
    (void)tpp_at_fork(begin_child);
}

void tpi_process_reset(void)
{
    tpi_slab_reset();
    tpi_io_reset();
    tpi_slots_reset();
    tpi_default_pool_reset();
    tpi_misuse_reset();
    tpi_monitor_reset();
    tpi_budget_reset();
    watch_forks();
}
