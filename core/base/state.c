/* state.c - the transition function whose table stands in state.h. */
#include "core/base/state.h"

#define RUNNING_ONE (UINT64_C(1) << TPI_STATE_RUNNING_SHIFT)
#define EPOCH_ONE (UINT64_C(1) << TPI_STATE_EPOCH_SHIFT)

static struct tpi_step refuse(uint64_t word, uint32_t effects)
{
    return (struct tpi_step){word, TPI_EFFECT_REFUSED | effects};
}

/* The end of every event that may have made the object quiet, idle or runnable again. */
static struct tpi_step settle(uint64_t word, uint32_t room)
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
    if ((word & TPI_STATE_CLOSED) && tpi_state_idle(word)) {
        step.next += EPOCH_ONE;
        step.effects |= TPI_EFFECT_FREE;
    }
    return step;
}

static struct tpi_step submit(uint64_t word, uint32_t posts, uint32_t room)
{
    if (word & TPI_STATE_CLOSED)
        return refuse(word, 0);
    if (posts > TPI_STATE_PENDING_MAX - tpi_state_pending(word))
        return refuse(word, TPI_EFFECT_LIMIT);
    word += posts;
    if (posts == 0 || (word & TPI_STATE_QUEUED) || tpi_state_running(word) >= room)
        return (struct tpi_step){word, 0};
    return (struct tpi_step){word | TPI_STATE_QUEUED, TPI_EFFECT_ENQUEUE};
}

static struct tpi_step claim(uint64_t word, uint32_t epoch, uint32_t room)
{
    if (!(word & TPI_STATE_QUEUED) || tpi_state_epoch(word) != epoch)
        return refuse(word, 0);
    if (tpi_state_running(word) >= room)
        return refuse(word & ~TPI_STATE_QUEUED, TPI_EFFECT_UNQUEUED);
    word += RUNNING_ONE - 1;
    if (tpi_state_pending(word) > 0 && tpi_state_running(word) < room)
        return (struct tpi_step){word, TPI_EFFECT_REQUEUE};
    return (struct tpi_step){word & ~TPI_STATE_QUEUED, 0};
}

static struct tpi_step help(uint64_t word, uint32_t room)
{
    if (tpi_state_pending(word) == 0 || tpi_state_running(word) >= room)
        return refuse(word, 0);
    word += RUNNING_ONE - 1;
    if (tpi_state_pending(word) > 0 || !(word & TPI_STATE_QUEUED))
        return (struct tpi_step){word, 0};
    return (struct tpi_step){(word & ~TPI_STATE_QUEUED) + EPOCH_ONE, TPI_EFFECT_UNLINK};
}

static struct tpi_step rejoin(uint64_t word, uint32_t remaining, uint32_t room)
{
    if (remaining == 0)
        word &= ~TPI_STATE_DETACHED;
    /* A submit that read the old number of detached callbacks must not succeed with it: it would
     * leave its post without a queue slot. While QUEUED is set the number does not matter. */
    if (!(word & TPI_STATE_QUEUED))
        word += EPOCH_ONE;
    return settle(word, room);
}

static struct tpi_step release(uint64_t word)
{
    if (word & TPI_STATE_CLOSED)
        return refuse(tpi_state_idle(word) ? word : word | TPI_STATE_WAITED, 0);
    if (!tpi_state_idle(word))
        return (struct tpi_step){word | TPI_STATE_WAITED, 0};
    return (struct tpi_step){(word | TPI_STATE_CLOSED) + EPOCH_ONE, TPI_EFFECT_FREE};
}

struct tpi_step tpi_state_step(uint64_t word, enum tpi_event event, uint32_t count, uint32_t room)
{
    switch (event) {
    case TPI_EVENT_SUBMIT:
        return submit(word, count, room);
    case TPI_EVENT_CLAIM:
        return claim(word, count, room);
    case TPI_EVENT_HELP:
        return help(word, room);
    case TPI_EVENT_FINISH:
        return settle(word - RUNNING_ONE, room);
    case TPI_EVENT_DISASSOCIATE:
        return settle((word - RUNNING_ONE) | TPI_STATE_DETACHED, room);
    case TPI_EVENT_REJOIN:
        return rejoin(word, count, room);
    case TPI_EVENT_RETRY:
        if (tpi_state_pending(word) == 0)
            return refuse(word, 0);
        return settle(word, room);
    case TPI_EVENT_CANCEL:
        if (tpi_state_pending(word) == 0)
            return refuse(word, 0);
        word = (word & ~(TPI_STATE_QUEUED | (uint64_t)TPI_STATE_PENDING_MAX)) + EPOCH_ONE;
        return settle(word, room);
    case TPI_EVENT_WAIT:
        if (tpi_state_quiet(word))
            return (struct tpi_step){word, TPI_EFFECT_QUIET};
        return (struct tpi_step){word | TPI_STATE_WAITED, 0};
    case TPI_EVENT_CLOSE:
        if (word & TPI_STATE_CLOSED)
            return refuse(word, 0);
        return settle(word | TPI_STATE_CLOSED, room);
    case TPI_EVENT_RELEASE:
        return release(word);
    }
    return refuse(word, 0);
}
