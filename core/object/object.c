/* object.c - the life of a callback object, from creation to the last one out. */
#include "core/object/object.h"

#include <string.h>

#include "core/object/default_pool.h"
#include "core/object/group.h"
#include "core/object/handle.h"
#include "core/object/instance.h"
#include "core/object/trade.h"
#include "core/object/unload.h"
#include "core/sched/park.h"

/* ---- kinds
 * -------------------------------------------------------------------------------------- */

static const struct tpi_trade work_trade = {.name = "work object",
                                            .size = sizeof(struct tpi_object)};
static const struct tpi_trade simple_trade = {.name = "simple callback",
                                              .size = sizeof(struct tpi_object)};
static const struct tpi_trade brief_trade = {.name = "simple callback",
                                             .size = offsetof(struct tpi_object, task.cancels)};

const struct tpi_trade *tpi_trade(enum tpi_kind kind)
{
    static const struct tpi_trade *const trades[TPI_KIND_COUNT] = {
        [TPI_KIND_WORK] = &work_trade,     [TPI_KIND_TIMER] = &tpi_timer_trade,
        [TPI_KIND_WAIT] = &tpi_wait_trade, [TPI_KIND_IO] = &tpi_io_trade,
        [TPI_KIND_SIMPLE] = &simple_trade, [TPI_KIND_BRIEF] = &brief_trade,
    };
    return trades[kind];
}

/* ---- creation -------------------------------------------------------------------------------- */

static struct tpi_magazine *magazine(enum tpi_kind kind, struct tpi_thread *thread)
{
    if (!thread || (kind != TPI_KIND_SIMPLE && kind != TPI_KIND_BRIEF))
        return NULL;
    return kind == TPI_KIND_SIMPLE ? &thread->simples : &thread->briefs;
}

static void leave_pool(struct tpi_pool *pool)
{
    struct tpi_worker *worker = tpi_worker_self();
    if (worker && worker->pool == pool)
        tpi_worker_object_gone(worker);
    else
        tpi_pool_leave(pool, 1);
}

/* Joins the pool that the profile names. */
static tp_status_t join_pool(const struct tpi_profile *profile, struct tpi_pool **pool_out)
{
    uint32_t generation;
    struct tpi_worker *worker = tpi_worker_self();
    if (!profile->pool) {
        tp_status_t status = tpi_default_pool(tpi_callback_run, pool_out);
        return status == TP_OK ? tpi_pool_join(*pool_out, worker) : status;
    }
    struct tpi_pool *pool = tpi_handle_slot(TPI_KIND_POOL, profile->pool, &generation);
    if (!pool)
        return TP_ERR_CLOSED;
    tp_status_t status = tpi_pool_join(pool, worker);
    if (status != TP_OK)
        return status;
    *pool_out = pool;
    /* Once joined, the pool stays; but it may have become another one before. */
    if (tpi_slot_generation(&pool->slot) == generation)
        return TP_OK;
    leave_pool(pool);
    return TP_ERR_CLOSED;
}

static tp_status_t join_group(const struct tpi_profile *profile, struct tpi_object *object)
{
    uint32_t generation;
    if (!profile->group)
        return TP_OK;
    struct tpi_group *group = tpi_handle_slot(TPI_KIND_GROUP, profile->group, &generation);
    return group ? tpi_group_join(group, generation, object) : TP_ERR_CLOSED;
}

static bool rare(const struct tpi_profile *profile)
{
    return profile->cancel || profile->finalizer || profile->release || profile->library ||
           profile->name[0];
}

static uint32_t limit_of(const struct tpi_profile *profile)
{
    uint32_t limit = profile->concurrency_limit;
    return limit < TPI_STATE_ROOM_MAX ? limit : 0; /* more than can ever run at once is none */
}

/* The kind of slot that will do. */
static enum tpi_kind kind_of(const struct tpi_spec *spec)
{
    const struct tpi_profile *profile = spec->profile;
    bool brief = spec->kind == TPI_KIND_SIMPLE && !profile->group && !rare(profile) &&
                 limit_of(profile) == 0;
    return brief ? TPI_KIND_BRIEF : spec->kind;
}

static uint32_t traits(const struct tpi_profile *profile)
{
    return profile->priority | (profile->runs_long ? TPI_TRAIT_RUNS_LONG : 0) |
           (profile->persistent ? TPI_TRAIT_KEPT : 0) | (profile->group ? TPI_TRAIT_GROUPED : 0) |
           (rare(profile) ? TPI_TRAIT_EXTRA : 0) | limit_of(profile) << TPI_TRAIT_LIMIT_SHIFT;
}

static void fill(struct tpi_object *object, const struct tpi_spec *spec, enum tpi_kind kind,
                 uint32_t generation)
{
    object->task.function = spec->function;
    object->task.context = spec->context;
    /* relaxed: nobody knows the object yet. */
    if (kind != TPI_KIND_BRIEF)
        tpp_store_relaxed(&object->task.cancels, (uint64_t)generation << 32);
    if (tpi_trade(kind)->init)
        tpi_trade(kind)->init(object, spec);
}

/* One place in the pool's queue of simple callbacks, if it has a limit. */
static tp_status_t take_place(struct tpi_pool *pool, const struct tpi_spec *spec, bool *counted_out)
{
    *counted_out = spec->kind == TPI_KIND_SIMPLE && pool->queue_limit > 0;
    /* relaxed: a count that orders nothing. */
    if (!*counted_out || tpp_add_relaxed(&pool->simples, 1) < pool->queue_limit)
        return TP_OK;
    tpp_sub_relaxed(&pool->simples, 1);
    return TP_ERR_BUSY;
}

/* What it takes to publish an object, or a simple callback's post. Taken down before others can
 * know the object: a group that is being cancelled may free it as soon as it has joined. */
struct launch {
    struct tpi_target target;
    uint32_t epoch;
    uint32_t generation; /* that the object's slot has, or will have once it is published */
};

/* What the pool has to have, and to allow, for such an object. */
static tp_status_t prepare_pool(struct tpi_object *object, const struct tpi_spec *spec,
                                const struct tpi_trade *trade, struct tpi_pool *pool)
{
    tp_status_t status = trade->reacts ? tpi_reactor_prepare(pool) : TP_OK;
    return status == TP_OK && trade->enter ? trade->enter(object, spec, pool) : status;
}

static tp_status_t enter_pool_and_group(struct tpi_object *object, const struct tpi_spec *spec,
                                        enum tpi_kind kind, struct tpi_pool *pool,
                                        struct launch *launch)
{
    bool counted;
    uint32_t posts = spec->kind == TPI_KIND_SIMPLE;
    struct tpi_worker *worker = tpi_worker_self();
    uint32_t all_traits = traits(spec->profile) | (uint32_t)kind << TPI_TRAIT_KIND_SHIFT;
    if (tpi_pool_driven(pool)) /* it has no thread to be kept on */
        all_traits &= ~TPI_TRAIT_KEPT;
    const struct tpi_trade *trade = tpi_trade(kind);
    tp_status_t status = all_traits & TPI_TRAIT_KEPT ? tpi_pool_keep(pool) : TP_OK;
    if (status == TP_OK)
        status = take_place(pool, spec, &counted);
    if (status == TP_OK)
        status = prepare_pool(object, spec, trade, pool); /* never of what was counted */
    if (status != TP_OK)
        return status;
    if (counted)
        all_traits |= TPI_TRAIT_COUNTED;
    /* peek: the pool, once joined, does not change its life. */
    tpi_task_init(&object->task, all_traits, pool, tpp_peek(&pool->birth), posts > 0);
    launch->target = tpi_task_target(&object->task);
    launch->epoch = tpi_state_epoch(tpp_peek(&object->task.word));
    tpi_pool_count_submitted(pool, worker, launch->target.priority, posts);
    status = join_group(spec->profile, object);
    if (status == TP_OK)
        return TP_OK;
    tpi_pool_count_submitted(pool, worker, launch->target.priority, -(uint64_t)posts);
    if (counted)
        tpp_sub_relaxed(&pool->simples, 1); /* relaxed: as above */
    if (trade->leave)
        trade->leave(object, pool);
    return status;
}

/* Gives the rare things back. */
static void drop_extra(struct tpi_extra *extra)
{
    void *library = extra->library;
    tpi_slab_free(TPI_KIND_EXTRA, &extra->slot, NULL);
    if (library)
        tpi_unload(library, "tp_env_set_library");
}

/* Makes room for the rare things if the profile has any of them. */
static tp_status_t add_extra(struct tpi_object *object, const struct tpi_profile *profile)
{
    if (!rare(profile))
        return TP_OK;
    struct tpi_slot *slot = tpi_slab_new(TPI_KIND_EXTRA, sizeof(struct tpi_extra), NULL);
    if (!slot)
        return TP_ERR_NO_MEMORY;
    struct tpi_extra *extra = tpi_container(slot, struct tpi_extra, slot);
    extra->cancel = profile->cancel;
    extra->finalizer = profile->finalizer;
    extra->release = profile->release;
    extra->library = NULL;
    memcpy(extra->name, profile->name, sizeof extra->name);
    object->extra = extra;
    if (!profile->library || tpp_library_pin(profile->library, &extra->library) == 0)
        return TP_OK;
    drop_extra(extra);
    return TP_ERR_ARGUMENT;
}

static tp_status_t build(struct tpi_object *object, const struct tpi_spec *spec, enum tpi_kind kind,
                         struct launch *launch)
{
    struct tpi_pool *pool;
    tp_status_t status = add_extra(object, spec->profile);
    if (status != TP_OK)
        return status;
    status = join_pool(spec->profile, &pool);
    if (status == TP_OK) {
        status = enter_pool_and_group(object, spec, kind, pool, launch);
        if (status == TP_OK)
            return TP_OK;
        leave_pool(pool);
    }
    if (rare(spec->profile))
        drop_extra(object->extra);
    return status;
}

/* A slot for the object, and the generation in which its handle will be good. */
static struct tpi_slot *new_slot(const struct tpi_spec *spec, enum tpi_kind kind,
                                 uint32_t *generation_out)
{
    struct tpi_magazine *at_hand = magazine(kind, tpi_thread_self());
    struct tpi_slot *slot = spec->kind == TPI_KIND_SIMPLE
                                ? tpi_slab_new(kind, tpi_trade(kind)->size, at_hand)
                                : tpi_slab_reserve(kind, tpi_trade(kind)->size, at_hand);
    if (slot) /* peek: nobody else knows the slot */
        *generation_out = tpp_peek(&slot->generation) | 1;
    return slot;
}

void tpi_object_shut(struct tpi_object *object, uint32_t generation)
{
    const struct tpi_trade *trade = tpi_object_trade(object);
    if (trade->shut)
        trade->shut(object, generation);
    else
        tpi_task_apply_handle(&object->task, generation, TPI_EVENT_SHUT, 0);
}

/* The object may have joined a pool just before that was shut down, and become visible just after
 * the shutdown had looked for its objects. */
static void shut_if_pool_is(struct tpi_object *object, const struct launch *launch)
{
    struct tpi_pool *pool = launch->target.home;
    tpp_fence_seq_cst();                               /* [SH1] */
    if (tpp_load_relaxed(&pool->shut) == TPI_SHUT_NOT) /* relaxed: ordered by the fence */
        return;
    tpi_object_shut(object, launch->generation);
    tpi_pool_shut_moved(pool);
}

tp_status_t tpi_object_create(const struct tpi_spec *spec, void **handle_out)
{
    enum tpi_kind kind = kind_of(spec);
    struct launch launch;
    struct tpi_slot *slot = new_slot(spec, kind, &launch.generation);
    if (!slot)
        return TP_ERR_NO_MEMORY;
    struct tpi_object *object = tpi_container(slot, struct tpi_object, task.slot);
    fill(object, spec, kind, launch.generation);
    tp_status_t status = build(object, spec, kind, &launch);
    if (status != TP_OK) {
        if (tpi_trade(kind)->end)
            tpi_trade(kind)->end(object);
        tpi_slab_free(kind, slot, magazine(kind, tpi_thread_self()));
        return status;
    }
    if (spec->kind == TPI_KIND_SIMPLE) {
        tpi_pool_publish(&launch.target, &object->task, launch.epoch, tpi_worker_self());
        return TP_OK;
    }
    /* If its group was closed meanwhile, the object is gone and the handle stale. */
    void *handle = (void *)tpi_token_make(kind, launch.generation, tpi_slot_index(slot));
    object->handle = handle;
    tpi_slab_publish(slot, launch.generation);
    shut_if_pool_is(object, &launch);
    *handle_out = handle;
    return TP_OK;
}

/* ---- effects and the end --------------------------------------------------------------------- */

void tpi_object_free(struct tpi_object *object)
{
    struct tpi_target target = tpi_task_target(&object->task);
    struct tpi_pool *pool = target.home;
    enum tpi_kind kind = tpi_task_kind(&object->task);
    const struct tpi_trade *trade = tpi_trade(kind);
    struct tpi_extra *extra = tpi_object_extra(object);
    struct tpi_group *group = tpi_object_group(object);
    uint32_t forks = tpi_forks();
    if (extra && extra->release) {
        struct tpi_errand errand;
        tpi_object_errand(object, &errand);
        extra->release(object->task.context);
        tpi_errand_end(&errand);
    }
    if (tpi_forked(forks))
        return; /* the child, where the object is not looked at again */
    if (group)
        tpi_group_leave(group, object);
    if (trade->leave)
        trade->leave(object, pool);
    if (trade->end)
        trade->end(object);
    if (kind != TPI_KIND_BRIEF)
        tpi_inject_forget(tpi_pool_queue(&target), &object->task);
    tpi_slab_free(kind, &object->task.slot, magazine(kind, tpi_thread_self()));
    leave_pool(pool);
    if (extra)
        drop_extra(extra);
}

void tpi_object_effects(struct tpi_object *object, const struct tpi_target *target,
                        const struct tpi_applied *applied)
{
    if (applied->effects & TPI_EFFECT_ENQUEUE)
        tpi_pool_publish(target, &object->task, tpi_state_epoch(applied->after), tpi_worker_self());
    if (applied->effects & TPI_EFFECT_WAKE)
        tpi_task_wake(&object->task);
    if (applied->effects & TPI_EFFECT_FREE)
        tpi_object_free(object);
}

/* ---- the functions behind a handle ----------------------------------------------------------- */

tp_status_t tpi_object_submit(struct tpi_object *object, uint32_t generation, uint32_t posts)
{
    struct tpi_target target = tpi_task_target(&object->task);
    struct tpi_worker *worker = tpi_worker_self();
    /* Counted first: once posted, the callback may run, and the pool be gone, at any moment. */
    tpi_pool_count_submitted(target.home, worker, target.priority, posts);
    struct tpi_applied applied =
        tpi_task_apply_handle(&object->task, generation, TPI_EVENT_SUBMIT, posts);
    if (applied.effects & TPI_EFFECT_REFUSED) {
        tpi_pool_count_submitted(target.home, worker, target.priority, -(uint64_t)posts);
        if (applied.effects & TPI_EFFECT_SHUT)
            return TP_ERR_CLOSED;
        return applied.effects & TPI_EFFECT_LIMIT ? TP_ERR_LIMIT : TP_ERR_HANDLE;
    }
    if (applied.effects & TPI_EFFECT_ENQUEUE)
        tpi_pool_publish(&target, &object->task, tpi_state_epoch(applied.after), worker);
    return TP_OK;
}

/* CLOSE: nothing comes of it by itself any more. */
static struct tpi_applied end(struct tpi_object *object, uint32_t generation)
{
    const struct tpi_trade *trade = tpi_object_trade(object);
    if (trade->close)
        return trade->close(object, generation);
    return tpi_task_apply_handle(&object->task, generation, TPI_EVENT_CLOSE, 0);
}

struct tpi_applied tpi_object_release(struct tpi_object *object)
{
    const struct tpi_trade *trade = tpi_object_trade(object);
    return trade->release ? trade->release(object)
                          : tpi_task_apply(&object->task, TPI_EVENT_RELEASE, 0);
}

tp_status_t tpi_object_close(struct tpi_object *object, uint32_t generation)
{
    struct tpi_target target = tpi_task_target(&object->task);
    struct tpi_applied applied = end(object, generation);
    if (applied.effects & TPI_EFFECT_REFUSED)
        return TP_ERR_HANDLE;
    tpi_object_effects(object, &target, &applied);
    return TP_OK;
}

/* Callbacks of that generation whose claim the cancel has met find the count changed, sooner or
 * later: it changes after the event that met them, and they know the count from before their claim.
 * [CN1] The generation guards a slot that has begun another life meanwhile. */
static void request_cancel(struct tpi_object *object, uint32_t generation)
{
    uint64_t seen =
        tpp_load_relaxed(&object->task.cancels); /* relaxed: a wish, it orders nothing */
    while (seen >> 32 == generation && !tpp_cas_relaxed(&object->task.cancels, &seen, seen + 1))
        ; /* ends: a failed swap is somebody else's request, or the object's end */
}

bool tpi_object_cancel(struct tpi_object *object, uint32_t generation)
{
    struct tpi_target target = tpi_task_target(&object->task);
    struct tpi_pool *pool = target.home;
    const struct tpi_trade *trade = tpi_object_trade(object);
    struct tpi_applied applied =
        trade->cancel ? trade->cancel(object, generation)
                      : tpi_inject_cancel(tpi_pool_queue(&target), &object->task, generation);
    request_cancel(object, generation);
    if (applied.effects & TPI_EFFECT_REFUSED)
        return false;
    uint32_t dropped = tpi_state_pending(applied.before);
    tpp_probe(TPP_PROBE_DROP, &object->task, dropped);
    tpp_add_acq_rel(&pool->cancelled[target.priority], dropped); /* [CT1] */
    if (applied.effects & TPI_EFFECT_WAKE)
        tpi_task_wake(&object->task);
    bool last = applied.effects & TPI_EFFECT_FREE;
    if (last && tpi_task_has(&object->task, TPI_TRAIT_COUNTED))
        tpp_sub_relaxed(&pool->simples, 1); /* relaxed: a count that orders nothing */
    /* [SH1] the object may have become idle; the pool may even be gone. More than it takes: a
     * shutdown has swapped the word of each object, and one of the two swaps sees the other. */
    tpp_fence_seq_cst();
    if (tpp_load_relaxed(&pool->shut) != TPI_SHUT_NOT) /* relaxed: ordered by the fence */
        tpi_pool_shut_moved(pool);
    return last;
}

/* ---- waiting --------------------------------------------------------------------------------- */

int64_t tpi_deadline(int64_t timeout_ns)
{
    if (timeout_ns == TP_INFINITE)
        return TPP_FOREVER;
    int64_t now = tpp_now(TPP_CLOCK_MONOTONIC);
    return timeout_ns > TPP_FOREVER - now ? TPP_FOREVER : now + timeout_ns;
}

void tpi_blocking_enter(void)
{
    struct tpi_worker *worker = tpi_worker_self();
    if (!worker)
        return;
    if (tpi_port_unflushed(&worker->pool->port))
        tpi_port_flush(worker->pool);
    tpi_worker_blocks(worker);
    /* [PK1] Whoever publishes after this sees that a thread is missing; what was published before
     * is seen here. */
    tpp_fence_seq_cst();
    if (tpi_park_work_visible(worker->pool))
        tpi_park_spare(worker->pool);
}

void tpi_blocking_leave(void)
{
    struct tpi_worker *worker = tpi_worker_self();
    if (worker)
        tpi_worker_unblocks(worker);
}

bool tpi_object_help(struct tpi_object *object, uint32_t generation)
{
    struct tpi_target target = tpi_task_target(&object->task);
    struct tpi_worker *worker = tpi_worker_self();
    struct tpi_pool *pool = target.home;
    if (!worker || worker->pool != pool || (target.kept && !tpi_worker_keeps(worker)))
        return false;
    struct tpi_applied applied =
        tpi_inject_help(tpi_pool_queue(&target), &object->task, generation);
    if (applied.effects & TPI_EFFECT_REFUSED) {
        const struct tpi_trade *trade = tpi_object_trade(object);
        return trade->help && trade->help(object, worker);
    }
    tpp_probe(TPP_PROBE_CLAIM, &object->task, tpi_state_running(applied.after));
    tpi_count(&worker->claimed[target.priority], 1);
    worker->cancels = applied.cancels;
    pool->run(&object->task, worker);
    return true;
}

static bool closed(struct tpi_object *object)
{
    /* [ST1] Relaxed would do: who finds it open asks the word again, by events. */
    return tpp_load_acquire(&object->task.word) & TPI_STATE_CLOSED;
}

/* The caller, if it is a worker of the object's pool, begins or ceases to wait: what comes
 * meanwhile it may have to run itself. */
static void await(struct tpi_object *object, uint32_t generation, bool begins)
{
    struct tpi_worker *worker = tpi_worker_self();
    const struct tpi_trade *trade = tpi_object_trade(object);
    if (worker && trade->await && worker->pool == tpi_task_target(&object->task).home)
        trade->await(object, generation, begins);
}

/* Sleeps until the object has been quiet. */
static tp_status_t wait_quiet(struct tpi_object *object, uint32_t generation, int64_t deadline)
{
    uint32_t forks = tpi_forks();
    for (;;) { /* ends when the object is quiet, or gone, or at the deadline */
        /* [ST2] acquire: if the word that is read next is not quiet yet, then whoever makes it so
         * changes done_seq after this. */
        uint32_t seen = tpp_load_acquire(&object->task.done_seq);
        struct tpi_applied applied =
            tpi_task_apply_handle(&object->task, generation, TPI_EVENT_WAIT, 0);
        if (applied.effects & (TPI_EFFECT_QUIET | TPI_EFFECT_REFUSED))
            return TP_OK; /* refused: it was closed meanwhile, ran dry and went */
        if (deadline == TPP_FOREVER && tpi_object_help(object, generation)) {
            if (tpi_forked(forks))
                return TP_ERR_FORKED; /* the child, in which the callback that helped forked */
            continue;
        }
        tpi_blocking_enter();
        bool in_time = tpp_wait(&object->task.done_seq, seen, deadline);
        tpi_blocking_leave();
        if (in_time)
            continue;
        applied = tpi_task_apply_handle(&object->task, generation, TPI_EVENT_WAIT, 0);
        return applied.effects ? TP_OK : TP_ERR_TIMEOUT;
    }
}

tp_status_t tpi_object_wait(struct tpi_object *object, uint32_t generation, bool cancel_pending,
                            int64_t timeout_ns)
{
    if (closed(object))
        return TP_ERR_HANDLE;
    if (tpi_instance_running(object, generation))
        return TP_ERR_DEADLOCK;
    uint32_t forks = tpi_forks();
    if (cancel_pending && tpi_object_cancel(object, generation))
        tpi_object_free(object);
    if (tpi_forked(forks))
        return TP_ERR_FORKED;
    await(object, generation, true);
    tp_status_t status = wait_quiet(object, generation, tpi_deadline(timeout_ns));
    if (!tpi_forked(forks))
        await(object, generation, false);
    return status;
}
