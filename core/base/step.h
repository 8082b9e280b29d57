/* step.h - what an event makes of the word of a callback object: the table in state.h, as a
 * function. Included by state.h. */
#ifndef TPI_BASE_STEP_H
#define TPI_BASE_STEP_H

#include "core/base/state.h"

#define TPI_STATE_RUNNING_ONE (UINT64_C(1) << TPI_STATE_RUNNING_SHIFT)
#define TPI_STATE_EPOCH_ONE (UINT64_C(1) << TPI_STATE_EPOCH_SHIFT)

static inline struct tpi_step tpi_state_refuse_(uint64_t word, uint32_t effects)
{
    return (struct tpi_step){word, TPI_EFFECT_REFUSED | effects};
}

/* The end of every event that may have made the object quiet, idle or runnable again. */
static inline struct tpi_step tpi_state_settle_(uint64_t word, uint32_t room)
{
    struct tpi_step step = {word, 0};
    if (tpi_state_pending(word) > 0) {
        if (!(word & TPI_STATE_QUEUED) && tpi_state_running(word) < room) {
            step.next |= TPI_STATE_QUEUED;
            step.effects |= TPI_EFFECT_ENQUEUE;
        }
        return step;
    }
    if (!tpi_state_quiet(word))
        return step;
    if (word & TPI_STATE_WAITED) {
        step.next &= ~TPI_STATE_WAITED;
        step.effects |= TPI_EFFECT_WAKE;
    }
    if ((word & TPI_STATE_CLOSED) && tpi_state_idle(word) && !(word & TPI_STATE_HELD)) {
        step.next += TPI_STATE_EPOCH_ONE;
        step.effects |= TPI_EFFECT_FREE;
    }
    return step;
}

static inline struct tpi_step tpi_state_submit_(uint64_t word, uint32_t posts, uint32_t room)
{
    if (word & TPI_STATE_CLOSED)
        return tpi_state_refuse_(word, 0);
    if (word & TPI_STATE_SHUT)
        return tpi_state_refuse_(word, TPI_EFFECT_SHUT);
    if (posts > TPI_STATE_PENDING_MAX - tpi_state_pending(word))
        return tpi_state_refuse_(word, TPI_EFFECT_LIMIT);
    word += posts;
    if (posts == 0 || (word & TPI_STATE_QUEUED) || tpi_state_running(word) >= room)
        return (struct tpi_step){word, 0};
    return (struct tpi_step){word | TPI_STATE_QUEUED, TPI_EFFECT_ENQUEUE};
}

static inline struct tpi_step tpi_state_claim_(uint64_t word, uint32_t epoch, uint32_t room)
{
    if (!(word & TPI_STATE_QUEUED) || tpi_state_epoch(word) != epoch)
        return tpi_state_refuse_(word, 0);
    if (tpi_state_running(word) >= room)
        return tpi_state_refuse_(word & ~TPI_STATE_QUEUED, TPI_EFFECT_UNQUEUED);
    word += TPI_STATE_RUNNING_ONE - 1;
    if (tpi_state_pending(word) == 0)
        return (struct tpi_step){word & ~TPI_STATE_QUEUED, 0};
    if (tpi_state_running(word) < room)
        return (struct tpi_step){word, TPI_EFFECT_REQUEUE};
    return (struct tpi_step){word & ~TPI_STATE_QUEUED, TPI_EFFECT_UNQUEUED};
}

static inline struct tpi_step tpi_state_help_(uint64_t word, uint32_t room)
{
    if (tpi_state_pending(word) == 0 || tpi_state_running(word) >= room)
        return tpi_state_refuse_(word, 0);
    word += TPI_STATE_RUNNING_ONE - 1;
    if (tpi_state_pending(word) > 0 || !(word & TPI_STATE_QUEUED))
        return (struct tpi_step){word, 0};
    return (struct tpi_step){(word & ~TPI_STATE_QUEUED) + TPI_STATE_EPOCH_ONE, TPI_EFFECT_UNLINK};
}

static inline struct tpi_step tpi_state_rejoin_(uint64_t word, uint32_t remaining, uint32_t room)
{
    if (remaining == 0)
        word &= ~TPI_STATE_DETACHED;
    /* A submit that read the old number of detached callbacks must not succeed with it: it would
     * leave its post without a queue slot. While QUEUED is set the number does not matter. */
    if (!(word & TPI_STATE_QUEUED))
        word += TPI_STATE_EPOCH_ONE;
    return tpi_state_settle_(word, room);
}

static inline struct tpi_step tpi_state_release_(uint64_t word)
{
    if (tpi_state_idle(word) && (word & TPI_STATE_HELD)) {
        uint32_t refused = word & TPI_STATE_CLOSED ? TPI_EFFECT_REFUSED : 0;
        return (struct tpi_step){word | TPI_STATE_CLOSED, TPI_EFFECT_PART | refused};
    }
    if (word & TPI_STATE_CLOSED)
        return tpi_state_refuse_(tpi_state_idle(word) ? word : word | TPI_STATE_WAITED, 0);
    if (!tpi_state_idle(word))
        return (struct tpi_step){word | TPI_STATE_WAITED, 0};
    return (struct tpi_step){(word | TPI_STATE_CLOSED) + TPI_STATE_EPOCH_ONE, TPI_EFFECT_FREE};
}

static inline uint64_t tpi_state_flags_(uint32_t flags)
{
    return (uint64_t)flags << TPI_STATE_FLAG_SHIFT;
}

static inline struct tpi_step tpi_state_expect_(uint64_t word, uint32_t flags)
{
    if (word & TPI_STATE_CLOSED)
        return tpi_state_refuse_(word, 0);
    if (word & TPI_STATE_SHUT)
        return tpi_state_refuse_(word, TPI_EFFECT_SHUT);
    return (struct tpi_step){word | tpi_state_flags_(flags), 0};
}

static inline struct tpi_step tpi_state_complete_(uint64_t word, uint32_t flags, uint32_t room)
{
    uint64_t aside = word & (TPI_STATE_CLOSED | TPI_STATE_SHUT);
    word &= ~(tpi_state_flags_(flags) | aside);
    struct tpi_step step = tpi_state_submit_(word, 1, room);
    return (struct tpi_step){step.next | aside, step.effects};
}

/* What `event` makes of `word`. Pure: the table above is its specification. Inline, because callers
 * name the event: only its own branch is left of the switch. */
static inline struct tpi_step tpi_state_step(uint64_t word, enum tpi_event event, uint32_t count,
                                             uint32_t room)
{
    switch (event) {
    case TPI_EVENT_SUBMIT:
        return tpi_state_submit_(word, count, room);
    case TPI_EVENT_CLAIM:
        return tpi_state_claim_(word, count, room);
    case TPI_EVENT_HELP:
        return tpi_state_help_(word, room);
    case TPI_EVENT_FINISH:
        return tpi_state_settle_(word - TPI_STATE_RUNNING_ONE, room);
    case TPI_EVENT_DISASSOCIATE:
        return tpi_state_settle_((word - TPI_STATE_RUNNING_ONE) | TPI_STATE_DETACHED, room);
    case TPI_EVENT_REJOIN:
        return tpi_state_rejoin_(word, count, room);
    case TPI_EVENT_RETRY:
        if (tpi_state_pending(word) == 0)
            return tpi_state_refuse_(word, 0);
        return tpi_state_settle_(word, room);
    case TPI_EVENT_CANCEL:
        if (tpi_state_pending(word) == 0)
            return tpi_state_refuse_(word, 0);
        word = (word & ~(TPI_STATE_QUEUED | (uint64_t)TPI_STATE_PENDING_MAX)) + TPI_STATE_EPOCH_ONE;
        return tpi_state_settle_(word, room);
    case TPI_EVENT_WAIT:
        if (tpi_state_quiet(word))
            return (struct tpi_step){word, TPI_EFFECT_QUIET};
        return (struct tpi_step){word | TPI_STATE_WAITED, 0};
    case TPI_EVENT_CLOSE:
        if (word & TPI_STATE_CLOSED)
            return tpi_state_refuse_(word, 0);
        return tpi_state_settle_(word | TPI_STATE_CLOSED, room);
    case TPI_EVENT_RELEASE:
        return tpi_state_release_(word);
    case TPI_EVENT_SHUT:
        return (struct tpi_step){word | TPI_STATE_SHUT, 0};
    case TPI_EVENT_EXPECT:
        return tpi_state_expect_(word, count);
    case TPI_EVENT_COMPLETE:
        return tpi_state_complete_(word, count, room);
    case TPI_EVENT_RELIEVE:
        return tpi_state_settle_(word & ~tpi_state_flags_(count), room);
    }
    return tpi_state_refuse_(word, 0);
}

#endif
