/* reactor.h - the timers and descriptors of a pool: who waits for them, and who posts.
 *
 * An idle worker takes the role of driver and sleeps until the next timer wants to be woken for, in
 * the pool's poller if waits listen to descriptors; it keeps the role while it finds nothing else
 * to do, and gives it up when it claims a post, since the callback may take its time. A worker that
 * is busy looks at the clock, and into the poller, between callbacks, not each time. While nobody
 * has the role the gate stands in (monitor.h): it is told when to look. So a timer or a descriptor
 * costs no thread of its own, and no wake-up but that at which it is due or ready.
 *
 *   [DR1]  Who makes the next wake-up earlier, begins to listen, takes or gives up the role, or
 *          lets go of a pool that it covered: change, full fence, look at the others' words
 *          (`wake`, `listening`, `driver`, `cover`). Of two such changes one sees the other:
 *          nothing is left to nobody. The fences do it: relaxed would do for the words, which are
 *          numbers that lead to nothing, but for the end of a role, which hands on what its sleeper
 *          keeps in the poller. Who finds `listening` before the poller is kicked by whoever began
 *          to listen, who finds him after the fence.
 *
 *   [DR2]  The wheels are made with the first timer of a pool, and then announced. Relaxed would
 *          do: they are put in place, and used, under the lock.
 *
 * Setting, expiring, stopping and closing a timer happen under the reactor's lock, so exactly one
 * of two comes first; an expiry posts its object under it, too (SUBMIT), so that whoever finds a
 * timer not armed any more finds its post. What must be queued is queued after it. */
#ifndef TPI_SCHED_REACTOR_H
#define TPI_SCHED_REACTOR_H

#include "core/os/lock.h"
#include "core/time/timers.h"
#include "core/wait/sources.h"
#include "tp/types.h"

struct tpi_pool;
struct tpi_ready;
struct tpi_task;
struct tpi_worker;

struct tpi_reactor {
    /* atomic: wake, cover, driver and listening by [DR1] */
    _Alignas(128) tpp_u64 wake; /* when somebody has to look at the clock; TPP_FOREVER: never */
    tpp_u64 cover;              /* when the gate will; TPP_FOREVER: it will not */
    tpp_u32 driver;             /* one more than the number of the worker; 0: nobody */
    tpp_u32 listening;          /* there are sources in the poller, or I/O objects */
    tpp_u32 ready;              /* the pool can have timers; [DR2] */
    tpp_u32 poster; /* one more than the number of the worker that posted and left some; 0: none;
                       a hint */

    _Alignas(128) struct tpi_lock lock; /* kept when the pool's slot is freed: latecomers look */
    struct tpi_timers timers;           /* under lock; its wheels too stay with the slot */
    struct tpi_sources sources;         /* under lock; sched/waits.h */
    uint32_t channels;                  /* under lock: I/O objects of the pool */
    uint64_t waits_armed;               /* under lock */
    uint64_t timeouts;                  /* under lock: how many of the timers are waits' */
    tpp_u32 glances; /* atomic: at the clock, by workers: a sign of life, some are not counted */
};

/* Begins a life of the pool, before anybody knows it. */
void tpi_reactor_begin(struct tpi_reactor *reactor);

/* Sees to it that the pool can have timers: TP_ERR_NO_MEMORY, TP_ERR_NO_THREAD. */
tp_status_t tpi_reactor_prepare(struct tpi_pool *pool);

/* Takes the lock if the timer's object is open, in that generation or held by the caller; else
 * NULL. */
struct tpi_reactor *tpi_reactor_enter(struct tpi_task *task, uint32_t generation);
struct tpi_reactor *tpi_reactor_enter_held(struct tpi_task *task);
void tpi_reactor_leave(struct tpi_reactor *reactor);

/* Sets the timer: tp_timer_set, the spec having been judged; NULL stops. TP_ERR_HANDLE,
 * TP_ERR_CLOSED, TP_ERR_LIMIT: then everything is as it was. */
tp_status_t tpi_reactor_set(struct tpi_task *task, struct tpi_arming *arming, uint32_t generation,
                            const tp_timer_spec_t *spec, bool *was_armed_out);

/* One post of the task, by that worker if the caller is one. The effects tell of a refusal, and
 * whether *ready_out has to be queued. Lock held. */
uint32_t tpi_reactor_post(struct tpi_task *task, struct tpi_worker *worker,
                          struct tpi_ready *ready_out);

/* For whoever arms a timer of his own under the lock: where on its clock a time lies, and whether
 * it is past; whether what was armed made the next wake-up earlier; and telling, no lock held,
 * whoever has to wake up earlier then. */
bool tpi_reactor_judge(uint32_t clock, int64_t time, struct tpi_due *due, struct tpi_instant *now);
bool tpi_reactor_sooner(struct tpi_reactor *reactor, const struct tpi_arming *arming,
                        const struct tpi_instant *now);
void tpi_reactor_call(struct tpi_pool *pool, uint32_t birth);

/* A source has come or gone. True if it is the first one: then tpi_reactor_call. Lock held. */
bool tpi_reactor_listens(struct tpi_reactor *reactor);

/* An I/O object has come, and gone: while there is one, somebody looks into the poller. No lock
 * held. */
void tpi_reactor_channel_comes(struct tpi_pool *pool, uint32_t birth);
void tpi_reactor_channel_goes(struct tpi_pool *pool);

/* Posts what is due now, or a batch of it. True if more is. `worker` is the calling thread's, if it
 * is one; the pool is alive. */
bool tpi_reactor_poll(struct tpi_pool *pool, struct tpi_worker *worker);

/* core/sched/look.c: looks into the poller, and posts what is ready; true if there was a batch,
 * and so may be more. `sleepless`: the caller would look again at once for as long as anything
 * is ready. A worker passes on what its sleep has brought, or looks if nobody sleeps in the
 * poller. */
bool tpi_reactor_look(struct tpi_pool *pool, bool sleepless);
void tpi_reactor_look_around(struct tpi_worker *worker, int64_t now);

/* Worker only: posts what its last sleep in the poller has brought. False if that is nothing. */
bool tpi_reactor_deliver(struct tpi_worker *worker);

/* Worker only: does that; looks at the clock and into the poller if it is time to, and posts what
 * is due and ready. */
void tpi_reactor_glance(struct tpi_worker *worker);

/* Worker only, its idle bit set and a full fence passed: takes the role if it is vacant and there
 * is something to wait for. Returns until when it may sleep on account of timers, and the poller to
 * sleep in, or NULL. */
int64_t tpi_reactor_sit(struct tpi_worker *worker, struct tpp_poller **poller_out);

/* Worker only: gives up the role, in order to run a callback or to `go`. */
void tpi_reactor_rise(struct tpi_worker *worker, bool go);

/* The gate, which has stopped covering the pool and holds it: posts what is due, and has the gate
 * come again if nobody else waits: exactly when it is time, if hardly any worker has looked since
 * `glances` was read. */
void tpi_reactor_attend(struct tpi_pool *pool, uint32_t glances);

/* The gate: some clock has jumped. The pool is held. */
void tpi_reactor_jumped(struct tpi_pool *pool);

/* Will the gate come soon, and look whether work lies about? After a full fence. [PB1] */
bool tpi_reactor_guarded(struct tpi_pool *pool);

/* How many timers, and waits, are armed. */
void tpi_reactor_armed(struct tpi_pool *pool, uint64_t *timers_out, uint64_t *waits_out);

/* Is there anything to wait for? */
static inline bool tpi_reactor_active(struct tpi_reactor *reactor)
{
    return tpp_load_relaxed(&reactor->wake) != (uint64_t)TPP_FOREVER || /* relaxed: a look */
           tpp_load_relaxed(&reactor->listening);                       /* relaxed: as well */
}

#endif
