/* port.c - choosing a back end, and giving operations to the ring: see port.h. */
#include "core/sched/port.h"

#include <errno.h>
#include <poll.h>

#include "core/sched/channel.h"
#include "core/sched/operations.h"
#include "core/sched/pool.h"
#include "core/sched/waits.h"

#define TAKE_BATCH 32u

/* ---- the life of it -------------------------------------------------------------------------- */

void tpi_port_begin(struct tpi_port *port)
{
    /* relaxed, all: nobody has the pool yet. */
    tpp_store_relaxed(&port->ring, NULL);
    tpp_store_relaxed(&port->backend, TP_IO_BACKEND_AUTO);
    tpp_store_relaxed(&port->unflushed, 0);
    tpp_store_relaxed(&port->away, 0);
    tpi_list_init(&port->staged);
    tpi_list_init(&port->backlog);
}

/* No object is left in the pool, so no operation is. An abort may still stand in the ring. */
void tpi_port_end(struct tpi_port *port)
{
    struct tpp_ring *ring = tpp_peek(&port->ring);
    if (ring)
        tpp_ring_close(ring);
    tpp_store_relaxed(&port->ring, NULL); /* relaxed: the pool is nobody's */
}

/* A ring, known to the poller; or a positive errno. */
static int open_ring(struct tpi_pool *pool, struct tpp_ring **ring_out)
{
    struct tpp_poller *poller = tpi_sources_poller(&pool->reactor.sources);
    int failed = tpp_ring_open(ring_out);
    if (failed)
        return failed;
    failed = tpp_poller_add(poller, tpp_ring_descriptor(*ring_out), POLLIN, TPI_PORT_KEY);
    if (failed)
        tpp_ring_close(*ring_out);
    return failed;
}

/* The first one counts. Lock held. */
static tp_status_t choose(struct tpi_pool *pool)
{
    struct tpi_port *port = &pool->port;
    struct tpp_ring *ring = NULL;
    uint32_t wish = tpp_ring_wish();
    if (wish == TP_IO_BACKEND_AUTO)
        wish = pool->io_backend;
    bool without = wish == TP_IO_BACKEND_EPOLL || open_ring(pool, &ring) != 0;
    if (without && wish == TP_IO_BACKEND_URING)
        return TP_ERR_UNSUPPORTED;
    tpp_store_release(&port->ring, without ? NULL : ring); /* [PT2] */
    tpp_store_release(&port->backend, without ? TP_IO_BACKEND_EPOLL : TP_IO_BACKEND_URING);
    return TP_OK;
}

tp_status_t tpi_port_prepare(struct tpi_pool *pool, int *errno_out)
{
    struct tpi_port *port = &pool->port;
    if (tpp_load_acquire(&port->backend)) /* [PT2] the ring, if any, is there */
        return TP_OK;
    int failed = tpi_sources_open(&pool->reactor.sources);
    if (failed) {
        *errno_out = failed;
        return failed == ENOMEM ? TP_ERR_NO_MEMORY : TP_ERR_SYSTEM;
    }
    tpi_lock_take(&port->put);
    tp_status_t status = tpp_peek(&port->backend) ? TP_OK : choose(pool);
    tpi_lock_drop(&port->put);
    return status;
}

/* ---- giving ---------------------------------------------------------------------------------- */

static uint64_t key_of(struct tpi_operation *operation)
{
    return (uint64_t)tpi_slot_index(&operation->task.slot) + 1;
}

/* Lock held. [PT1] release: whoever finds the count finds the ring, too. */
static void count_unflushed(struct tpi_port *port, uint32_t more)
{
    tpp_store_release(&port->unflushed, more ? tpp_peek(&port->unflushed) + more : 0);
}

void tpi_port_put(struct tpi_port *port, struct tpi_operation *operation)
{
    tpp_add_relaxed(&port->away, 1);   /* relaxed: a count */
    operation->place = TPI_PLACE_RING; /* under the channel's lock */
    tpi_lock_take(&port->put);
    tpi_list_push_back(&port->staged, &operation->link);
    count_unflushed(port, 1);
    tpi_lock_drop(&port->put);
}

/* What was put is in the backlog from here on; if there is none, all has been handed over. */
static void unstage(struct tpi_port *port)
{
    tpi_lock_take(&port->put);
    tpi_list_splice_back(&port->backlog, &port->staged);
    if (tpi_list_empty(&port->backlog))
        count_unflushed(port, 0);
    tpi_lock_drop(&port->put);
}

/* As many as there is room for. */
static void give_backlog(struct tpi_port *port, struct tpp_ring *ring)
{
    while (!tpi_list_empty(&port->backlog)) {
        struct tpi_operation *operation =
            tpi_container(port->backlog.next, struct tpi_operation, link);
        if (!tpp_ring_put(ring, &operation->request, key_of(operation)))
            return;
        tpi_list_remove(&operation->link);
    }
}

/* Hands over what was put, and what is put meanwhile. False if the system takes no more. */
static bool hand_over(struct tpi_port *port, struct tpp_ring *ring)
{
    do { /* ends: others put less in that time than the ring takes */
        give_backlog(port, ring);
        if (!tpp_ring_flush(ring))
            return false;
        unstage(port);
    } while (!tpi_list_empty(&port->backlog));
    return true;
}

void tpi_port_flush(struct tpi_pool *pool)
{
    struct tpi_port *port = &pool->port;
    for (;;) { /* ends: with all handed over, by whomever, or once the system refuses */
        /* To acquire is more than it takes: who comes here has the ring, or has found the count,
         * and with this fence what was released with it. */
        tpp_fence_seq_cst();                                                    /* [PT1] */
        if (!tpp_load_acquire(&port->unflushed) || !tpi_lock_try(&port->flush)) /* [PT1] */
            return;
        bool all = hand_over(port, tpp_load_acquire(&port->ring)); /* [PT2] */
        tpi_lock_drop(&port->flush);
        if (all)
            continue;
        tpi_reactor_call(pool, tpp_peek(&pool->birth)); /* a driver, or the gate, tries again */
        return;
    }
}

/* The request has to be flushed before its abort; which is a mere wish, if the system takes nothing
 * now. */
void tpi_port_abort(struct tpi_pool *pool, struct tpi_operation *operation)
{
    struct tpi_port *port = &pool->port;
    struct tpp_ring *ring = tpp_load_acquire(&port->ring); /* [PT2] */
    tpi_lock_take(&port->flush);
    if (hand_over(port, ring) && tpp_ring_abort(ring, key_of(operation)) && !tpp_ring_flush(ring)) {
        tpi_lock_take(&port->put);
        count_unflushed(port, 1);
        tpi_lock_drop(&port->put);
    }
    tpi_lock_drop(&port->flush);
    tpi_port_flush(pool);
}

/* ---- taking ---------------------------------------------------------------------------------- */

static struct tpi_operation *operation_of(uint64_t key)
{
    struct tpi_slot *slot = tpi_slab_at(TPI_KIND_OPERATION, (uint32_t)(key - 1));
    return tpi_container(slot, struct tpi_operation, task.slot);
}

/* One batch; returns how many. Lock held. */
static uint32_t take(struct tpi_port *port, struct tpp_ring *ring, struct tpi_posts *posts)
{
    struct tpp_completion found[TAKE_BATCH];
    uint32_t count = tpp_ring_take(ring, found, TAKE_BATCH);
    if (count > 0)
        tpp_sub_relaxed(&port->away, count); /* relaxed: a count */
    for (uint32_t i = 0; i < count; i++)
        tpi_operation_told(operation_of(found[i].key), found[i].outcome, posts);
    return count;
}

bool tpi_port_harvest(struct tpi_pool *pool, bool wait)
{
    struct tpi_port *port = &pool->port;
    struct tpp_ring *ring = tpp_load_acquire(&port->ring); /* [PT2] */
    struct tpi_posts posts;
    uint32_t count, total = 0;
    posts.count = 0;
    if (!ring || (!wait && !tpi_lock_try(&port->take)))
        return false;
    if (wait)
        tpi_lock_take(&port->take);
    do { /* ends: nothing is begun here but what was sent back */
        count = take(port, ring, &posts);
        total += count;
    } while (count == TAKE_BATCH);
    tpi_lock_drop(&port->take);
    tpi_posts_publish(&posts);
    if (tpi_port_unflushed(port))
        tpi_port_flush(pool);
    return total > 0;
}
