/* state.h - the life of a callback object as one 64-bit word; step.h has its transition function.
 *
 *   63      51 50   44 43      32 31                    0
 *   [ epoch   | flags | running  | pending               ]
 *
 *   pending   posts that no worker has taken yet
 *   running   callbacks being run that still count for a wait (disassociated ones do not)
 *   epoch     bumped whenever a ticket or a compare-and-swap of somebody else must go stale
 *
 *   flag      meaning                                          set by            cleared by
 *   QUEUED    the object holds its one queue slot              SUBMIT SETTLE     CLAIM HELP CANCEL
 *   WAITED    somebody sleeps until the object is quiet        WAIT RELEASE      SETTLE
 *   CLOSED    the handle is gone; posts already made still run CLOSE RELEASE     create
 *   DETACHED  at least one disassociated callback is running   DISASSOCIATE      REJOIN, the last
 *   SHUT      its pool is shut down: no post is taken          SHUT              create
 *   EXPECTED  completions of I/O are to come                   EXPECT            COMPLETE RELIEVE
 *   HELD      operations are in flight, expected or not        EXPECT            COMPLETE RELIEVE
 *
 *   event         guard                     next word                              effects
 *   SUBMIT n      CLOSED                    unchanged                              REFUSED
 *                 SHUT                      unchanged                              REFUSED SHUT
 *                 n = 0                     unchanged
 *                 pending + n > 2^32-1      unchanged                              REFUSED LIMIT
 *                 QUEUED or no room         pending+n
 *                 otherwise                 pending+n, QUEUED                      ENQUEUE
 *   CLAIM epoch   not QUEUED, other epoch   unchanged                              REFUSED
 *                 no room                   QUEUED off                             REFUSED UNQUEUED
 *                 more pending and room     pending-1, running+1                   REQUEUE
 *                 more pending              pending-1, running+1, QUEUED off    UNQUEUED
 *                 otherwise                 pending-1, running+1, QUEUED off
 *   HELP          pending 0 or no room      unchanged                              REFUSED
 *                 last pending, QUEUED      pending-1, running+1, QUEUED off, epoch+1    UNLINK
 *                 otherwise                 pending-1, running+1
 *   FINISH        -                         running-1, then SETTLE
 *   DISASSOCIATE  -                         running-1, DETACHED, then SETTLE
 *   REJOIN n      n detached remain         DETACHED off if n = 0, epoch+1 unless QUEUED,
 *                                           then SETTLE
 *   RETRY         pending 0                 unchanged                              REFUSED
 *                 otherwise                 SETTLE (after a claim that found no room for more: it
 *                                           may have come back between the look and the swap)
 *   CANCEL        pending 0                 unchanged                              REFUSED
 *                 otherwise                 pending 0, QUEUED off, epoch+1, then SETTLE
 *   WAIT          quiet                     unchanged                              QUIET
 *                 otherwise                 WAITED
 *   CLOSE         CLOSED                    unchanged                              REFUSED
 *                 otherwise                 CLOSED, then SETTLE
 *   RELEASE       idle, HELD, CLOSED        unchanged                              REFUSED PART
 *                 CLOSED                    WAITED unless idle                     REFUSED
 *                 idle, HELD                CLOSED                                 PART
 *                 idle                      CLOSED, epoch+1                        FREE
 *                 otherwise                 WAITED
 *   SHUT          -                         SHUT
 *   EXPECT f      CLOSED                    unchanged                              REFUSED
 *                 SHUT                      unchanged                              REFUSED SHUT
 *                 otherwise                 the flags f on
 *   COMPLETE f    -                         the flags f off, then as SUBMIT 1 to an open object
 *   RELIEVE f     -                         the flags f off, then SETTLE
 *
 *   quiet   pending = running = 0, not EXPECTED   what tp_work_wait waits for
 *   idle    quiet and not DETACHED                what a cleanup group waits for
 *   room    running < the argument `room` (the concurrency limit less the detached callbacks)
 *   SETTLE  pending, room, not QUEUED   QUEUED on             ENQUEUE
 *           quiet and WAITED            WAITED off            WAKE
 *           idle, CLOSED and not HELD   epoch+1               FREE, exactly once in a life
 *
 * pending = 0 implies not QUEUED, in every word reachable from an idle one. */
#ifndef TPI_BASE_STATE_H
#define TPI_BASE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define TPI_STATE_PENDING_MAX UINT32_MAX
#define TPI_STATE_RUNNING_SHIFT 32
#define TPI_STATE_RUNNING_MAX 4095u
#define TPI_STATE_ROOM_MAX 4094u /* the counter can never overflow: more posts stay pending */
#define TPI_STATE_QUEUED (UINT64_C(1) << 44)
#define TPI_STATE_WAITED (UINT64_C(1) << 45)
#define TPI_STATE_CLOSED (UINT64_C(1) << 46)
#define TPI_STATE_DETACHED (UINT64_C(1) << 47)
#define TPI_STATE_SHUT (UINT64_C(1) << 48)
#define TPI_STATE_FLAG_SHIFT 49 /* of the TPI_FLAG_ bits */
#define TPI_STATE_EXPECTED (UINT64_C(1) << 49)
#define TPI_STATE_HELD (UINT64_C(1) << 50)
#define TPI_STATE_EPOCH_SHIFT 51
#define TPI_STATE_EPOCH_BITS 13u
#define TPI_STATE_EPOCH_MASK 0x1fffu

enum tpi_event {
    TPI_EVENT_SUBMIT, /* count: posts */
    TPI_EVENT_CLAIM,  /* count: the epoch on the ticket */
    TPI_EVENT_HELP,
    TPI_EVENT_FINISH,
    TPI_EVENT_DISASSOCIATE,
    TPI_EVENT_REJOIN, /* count: detached callbacks that remain */
    TPI_EVENT_RETRY,
    TPI_EVENT_CANCEL,
    TPI_EVENT_WAIT,
    TPI_EVENT_CLOSE,
    TPI_EVENT_RELEASE,
    TPI_EVENT_SHUT,
    TPI_EVENT_EXPECT,   /* count: TPI_FLAG_*, of operations ... */
    TPI_EVENT_COMPLETE, /* ... one of which has come to its end and is to be told of */
    TPI_EVENT_RELIEVE,  /* ... none of which is left, or to be told of */
};

#define TPI_FLAG_EXPECTED 1u /* what those three carry */
#define TPI_FLAG_HELD 2u

enum tpi_effect {
    TPI_EFFECT_REFUSED = 1,   /* nothing happened */
    TPI_EFFECT_LIMIT = 2,     /* ... because the post counter is full */
    TPI_EFFECT_ENQUEUE = 4,   /* put the task into a queue */
    TPI_EFFECT_REQUEUE = 8,   /* put it back at the tail: it still holds its slot */
    TPI_EFFECT_UNQUEUED = 16, /* it lost its slot with posts pending; a finish queues it again */
    TPI_EFFECT_UNLINK = 32,   /* take it out of the queue it may stand in */
    TPI_EFFECT_WAKE = 64,     /* wake everybody who waits for it */
    TPI_EFFECT_FREE = 128,    /* the caller is the last one out and frees it */
    TPI_EFFECT_QUIET = 256,   /* there is nothing to wait for */
    TPI_EFFECT_SHUT = 512,    /* refused because the pool is shut down */
    TPI_EFFECT_PART = 1024,   /* nothing comes of it any more, but operations hold it still */
};

struct tpi_step {
    uint64_t next;
    uint32_t effects;
};

static inline uint32_t tpi_state_pending(uint64_t word)
{
    return (uint32_t)word;
}

static inline uint32_t tpi_state_running(uint64_t word)
{
    return (uint32_t)(word >> TPI_STATE_RUNNING_SHIFT) & TPI_STATE_RUNNING_MAX;
}

static inline uint32_t tpi_state_epoch(uint64_t word)
{
    return (uint32_t)(word >> TPI_STATE_EPOCH_SHIFT);
}

static inline bool tpi_state_quiet(uint64_t word)
{
    return tpi_state_pending(word) == 0 && tpi_state_running(word) == 0 &&
           !(word & TPI_STATE_EXPECTED);
}

static inline bool tpi_state_idle(uint64_t word)
{
    return tpi_state_quiet(word) && !(word & TPI_STATE_DETACHED);
}

#include "core/base/step.h" /* tpi_state_step: what an event makes of a word */

#endif
