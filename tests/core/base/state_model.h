/* state_model.h - the table of core/base/state.h once more, over a struct of plain fields. */
#ifndef TESTS_CORE_BASE_STATE_MODEL_H
#define TESTS_CORE_BASE_STATE_MODEL_H

#include "core/base/state.h"

struct model {
    uint32_t pending, running, epoch;
    bool queued, waited, closed, detached, shut, expected, held;
    uint32_t effects;
};

static inline struct model model_decode(uint64_t word)
{
    return (struct model){
        .pending = (uint32_t)(word & 0xffffffffu),
        .running = (uint32_t)(word >> 32 & 0xfff),
        .epoch = (uint32_t)(word >> TPI_STATE_EPOCH_SHIFT),
        .queued = word >> 44 & 1,
        .waited = word >> 45 & 1,
        .closed = word >> 46 & 1,
        .detached = word >> 47 & 1,
        .shut = word >> 48 & 1,
        .expected = word >> 49 & 1,
        .held = word >> 50 & 1,
    };
}

static inline uint64_t model_encode(const struct model *model)
{
    return (uint64_t)model->pending | (uint64_t)(model->running & 0xfff) << 32 |
           (uint64_t)model->queued << 44 | (uint64_t)model->waited << 45 |
           (uint64_t)model->closed << 46 | (uint64_t)model->detached << 47 |
           (uint64_t)model->shut << 48 | (uint64_t)model->expected << 49 |
           (uint64_t)model->held << 50 |
           (uint64_t)(model->epoch & TPI_STATE_EPOCH_MASK) << TPI_STATE_EPOCH_SHIFT;
}

static inline bool model_quiet(const struct model *model)
{
    return model->pending == 0 && model->running == 0 && !model->expected;
}

static inline bool model_idle(const struct model *model)
{
    return model_quiet(model) && !model->detached;
}

static inline void model_settle(struct model *model, uint32_t room)
{
    if (model->pending > 0 && model->running < room && !model->queued) {
        model->queued = true;
        model->effects |= TPI_EFFECT_ENQUEUE;
    }
    if (model_quiet(model) && model->waited) {
        model->waited = false;
        model->effects |= TPI_EFFECT_WAKE;
    }
    if (model_idle(model) && model->closed && !model->held) {
        model->epoch++;
        model->effects |= TPI_EFFECT_FREE;
    }
}

static inline void model_submit(struct model *model, uint32_t posts, uint32_t room)
{
    if (model->closed) {
        model->effects = TPI_EFFECT_REFUSED;
        return;
    }
    if (model->shut) {
        model->effects = TPI_EFFECT_REFUSED | TPI_EFFECT_SHUT;
        return;
    }
    if ((uint64_t)model->pending + posts > UINT32_MAX) {
        model->effects = TPI_EFFECT_REFUSED | TPI_EFFECT_LIMIT;
        return;
    }
    model->pending += posts;
    if (posts > 0 && !model->queued && model->running < room) {
        model->queued = true;
        model->effects = TPI_EFFECT_ENQUEUE;
    }
}

static inline void model_claim(struct model *model, uint32_t epoch, uint32_t room)
{
    if (!model->queued || model->epoch != epoch) {
        model->effects = TPI_EFFECT_REFUSED;
    } else if (model->running >= room) {
        model->queued = false;
        model->effects = TPI_EFFECT_REFUSED | TPI_EFFECT_UNQUEUED;
    } else {
        model->pending--;
        model->running++;
        if (model->pending > 0 && model->running < room)
            model->effects = TPI_EFFECT_REQUEUE;
        else
            model->queued = false;
        if (model->pending > 0 && !model->queued)
            model->effects = TPI_EFFECT_UNQUEUED;
    }
}

static inline void model_help(struct model *model, uint32_t room)
{
    if (model->pending == 0 || model->running >= room) {
        model->effects = TPI_EFFECT_REFUSED;
        return;
    }
    model->pending--;
    model->running++;
    if (model->pending == 0 && model->queued) {
        model->queued = false;
        model->epoch++;
        model->effects = TPI_EFFECT_UNLINK;
    }
}

static inline void model_cancel(struct model *model, uint32_t room)
{
    if (model->pending == 0) {
        model->effects = TPI_EFFECT_REFUSED;
        return;
    }
    model->pending = 0;
    model->queued = false;
    model->epoch++;
    model_settle(model, room);
}

static inline void model_rejoin(struct model *model, uint32_t remaining, uint32_t room)
{
    if (remaining == 0)
        model->detached = false;
    if (!model->queued)
        model->epoch++;
    model_settle(model, room);
}

static inline void model_release(struct model *model)
{
    if (model_idle(model) && model->held)
        model->effects = TPI_EFFECT_PART;
    if (model->closed) {
        model->effects |= TPI_EFFECT_REFUSED;
        if (!model_idle(model))
            model->waited = true;
    } else if (model_idle(model) && model->held) {
        model->closed = true;
    } else if (model_idle(model)) {
        model->closed = true;
        model->epoch++;
        model->effects = TPI_EFFECT_FREE;
    } else {
        model->waited = true;
    }
}

static inline void model_close_handle(struct model *model, uint32_t room)
{
    if (model->closed) {
        model->effects = TPI_EFFECT_REFUSED;
        return;
    }
    model->closed = true;
    model_settle(model, room);
}

static inline void model_end_run(struct model *model, bool disassociate, uint32_t room)
{
    model->running--;
    model->detached = model->detached || disassociate;
    model_settle(model, room);
}

static inline void model_wait_for(struct model *model)
{
    if (model_quiet(model))
        model->effects = TPI_EFFECT_QUIET;
    else
        model->waited = true;
}

static inline void model_retry(struct model *model, uint32_t room)
{
    if (model->pending == 0)
        model->effects = TPI_EFFECT_REFUSED;
    else
        model_settle(model, room);
}

static inline void model_drop_flags(struct model *model, uint32_t flags)
{
    model->expected = model->expected && !(flags & TPI_FLAG_EXPECTED);
    model->held = model->held && !(flags & TPI_FLAG_HELD);
}

static inline void model_expect(struct model *model, uint32_t flags)
{
    if (model->closed) {
        model->effects = TPI_EFFECT_REFUSED;
    } else if (model->shut) {
        model->effects = TPI_EFFECT_REFUSED | TPI_EFFECT_SHUT;
    } else {
        model->expected = model->expected || flags & TPI_FLAG_EXPECTED;
        model->held = model->held || flags & TPI_FLAG_HELD;
    }
}

static inline void model_complete(struct model *model, uint32_t flags, uint32_t room)
{
    struct model open = *model;
    open.closed = open.shut = false;
    model_drop_flags(&open, flags);
    model_submit(&open, 1, room);
    open.closed = model->closed;
    open.shut = model->shut;
    *model = open;
}

static inline void model_relieve(struct model *model, uint32_t flags, uint32_t room)
{
    model_drop_flags(model, flags);
    model_settle(model, room);
}

static inline void model_step(struct model *model, enum tpi_event event, uint32_t count,
                              uint32_t room)
{
    model->effects = 0;
    switch (event) {
    case TPI_EVENT_SUBMIT:
        model_submit(model, count, room);
        break;
    case TPI_EVENT_CLAIM:
        model_claim(model, count, room);
        break;
    case TPI_EVENT_HELP:
        model_help(model, room);
        break;
    case TPI_EVENT_FINISH:
    case TPI_EVENT_DISASSOCIATE:
        model_end_run(model, event == TPI_EVENT_DISASSOCIATE, room);
        break;
    case TPI_EVENT_REJOIN:
        model_rejoin(model, count, room);
        break;
    case TPI_EVENT_RETRY:
        model_retry(model, room);
        break;
    case TPI_EVENT_CANCEL:
        model_cancel(model, room);
        break;
    case TPI_EVENT_WAIT:
        model_wait_for(model);
        break;
    case TPI_EVENT_CLOSE:
        model_close_handle(model, room);
        break;
    case TPI_EVENT_RELEASE:
        model_release(model);
        break;
    case TPI_EVENT_SHUT:
        model->shut = true;
        break;
    case TPI_EVENT_EXPECT:
        model_expect(model, count);
        break;
    case TPI_EVENT_COMPLETE:
        model_complete(model, count, room);
        break;
    case TPI_EVENT_RELIEVE:
        model_relieve(model, count, room);
        break;
    }
}

#endif
