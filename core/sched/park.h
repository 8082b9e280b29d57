/* park.h - how workers of a pool fall asleep and how work wakes them.
 *
 * The promise: published work and a sleeping worker never coexist with nobody on the way. Three
 * rules keep it.
 *
 *   [PK1]  Who publishes: queue, full fence, look at `idle` and `searching`.
 *          Who falls asleep: idle bit (and searching = 0 if it was the searcher), full fence, look
 *          at all queues. One of the two sees the other.
 *   [PK3]  At most one worker searches. While `searching` is 1 publishers wake nobody: the searcher
 *          is on its way to a full look. When it finds something it gives the role up, fences, and
 *          wakes the next one if more is there; so wakes come one after another, not in a herd.
 *   [PK2]  The idle bit is the right to wake. Whoever takes it sets `park` and wakes the sleeper;
 *          a sleeper that cannot take its own bit back waits for that.
 *
 * A worker that goes to sleep with a deadline retires when it passes and the policy allows. The one
 * that drives the pool's timers (reactor.h) has a deadline besides, and then looks around. */
#ifndef TPI_SCHED_PARK_H
#define TPI_SCHED_PARK_H

#include "core/sched/worker.h"

/* Work was published: wakes one idle worker or adds one, if need be. `birth` is the generation of
 * the pool in which the caller's task lives; the pool itself may be gone. True if somebody was
 * woken or added. */
bool tpi_park_notify(struct tpi_pool *pool, uint32_t birth);

/* A task for the pool's keeper was published: wakes it if it sleeps. */
void tpi_park_notify_keeper(struct tpi_pool *pool);

/* Wakes that worker, or any, to look around, if it is asleep: there is no work for it. */
void tpi_park_kick(struct tpi_pool *pool, uint32_t id);
void tpi_park_kick_any(struct tpi_pool *pool);

/* The caller, a worker, is about to block: true if another thread is there to take its place, or
 * one could be added. */
bool tpi_park_spare(struct tpi_pool *pool);

/* The caller, a worker, has found work: gives up the role of searcher and passes it on. */
void tpi_park_found(struct tpi_worker *worker);

/* Nothing was found: sleeps until woken. False if the worker shall leave instead. */
bool tpi_park_sleep(struct tpi_worker *worker);

/* The same in a seat of a caller-driven pool: false once the deadline has passed. */
bool tpi_park_sleep_until(struct tpi_worker *worker, int64_t deadline);

/* Wakes every sleeper to look at the state of its pool. */
void tpi_park_wake_all(struct tpi_pool *pool);

/* True if some queue of the pool, those of the keeper excepted, holds something. */
bool tpi_park_work_visible(struct tpi_pool *pool);

/* Nothing to do was found in a caller-driven pool: lowers the flag that pollers see, unless work
 * came meanwhile. */
void tpi_park_lower_flag(struct tpi_pool *pool);

#endif
