/* port.h - a pool's way to the system's I/O: the back end it has chosen, and its ring.
 *
 * Workers put requests; they go through the ring to the system with the next flush, by whoever puts
 * the last of a batch, or between two callbacks. Flushing takes its time, so nobody waits for it:
 *
 *   [PT1]  Who puts counts, and, after a full fence, tries to be the one who flushes; who has
 *          flushed lets go, and, after a full fence, looks at the count: of two one goes on. What
 *          the system does not take is looked for again by whoever looks for work, and a driver
 *          does not sleep on it for long.
 *
 * Who harvests takes outcomes and passes them on, one thread at a time.
 *
 *   [PT2]  The ring is made with the first I/O object of a pool, and then announced. Who does not
 *          find it yet, though the back end is chosen, does without. Who finds a request in it, or
 *          counted, has it from there. */
#ifndef TPI_SCHED_PORT_H
#define TPI_SCHED_PORT_H

#include "core/base/list.h"
#include "core/os/lock.h"
#include "core/os/os.h"
#include "tp/types.h"

struct tpi_operation;
struct tpi_pool;
struct tpi_worker;

struct tpi_port {
    /* atomic */
    tpp_ptr ring;      /* struct tpp_ring; NULL: none. Made once for a life of the pool. [PT2] */
    tpp_u32 backend;   /* TP_IO_BACKEND_* in use; 0: not chosen yet. [PT2] */
    tpp_u32 unflushed; /* requests put, before a flush was complete; written under put. [PT1] */
    tpp_u32 away;      /* requests put whose outcomes were not taken yet */

    struct tpi_lock put;     /* for moments, inside the others */
    struct tpi_lock flush;   /* around the ring's put, abort, flush */
    struct tpi_lock take;    /* around the ring's take */
    struct tpi_link staged;  /* operations that were put; under put */
    struct tpi_link backlog; /* and are on their way into the ring; under flush */
};

/* The event of the pool's poller that is about the ring. */
#define TPI_PORT_KEY (UINT64_C(1) << 63) /* as of an I/O object at no address */

/* Begins a life of the pool, and ends it: also in the child of a fork, which has inherited it. */
void tpi_port_begin(struct tpi_port *port);
void tpi_port_end(struct tpi_port *port);

/* Sees to it that the back end is chosen and the poller there. TP_ERR_NO_MEMORY,
 * TP_ERR_UNSUPPORTED, or TP_ERR_SYSTEM with a positive errno. */
tp_status_t tpi_port_prepare(struct tpi_pool *pool, int *errno_out);

static inline bool tpi_port_has_ring(struct tpi_port *port)
{
    return tpp_load_acquire(&port->ring); /* [PT2] */
}

/* Gives an operation to the ring, to be flushed soon; and asks for its end. */
void tpi_port_put(struct tpi_port *port, struct tpi_operation *operation);
void tpi_port_abort(struct tpi_pool *pool, struct tpi_operation *operation);

/* Hands what was put to the system. If that takes no more for the time being, somebody will try
 * again. */
void tpi_port_flush(struct tpi_pool *pool);

/* Passes on what the ring tells; if somebody else is at it, waits for him or leaves it to him. True
 * if there was something. */
bool tpi_port_harvest(struct tpi_pool *pool, bool wait);

static inline bool tpi_port_unflushed(struct tpi_port *port)
{
    return tpp_load_relaxed(&port->unflushed); /* relaxed: a look; [PT1] */
}

static inline bool tpi_port_away(struct tpi_port *port)
{
    return tpp_load_relaxed(&port->away); /* relaxed: a look; the ring's descriptor tells as well */
}

#endif
