/* group.c - cleanup groups: joining, leaving, and closing all members at once. */
#include "core/object/group.h"

#include <stdio.h>

#include "core/mem/token.h"
#include "core/object/instance.h"
#include "core/object/trade.h"
#include "core/object/wait.h"

static bool enter(struct tpi_group *group, uint32_t generation)
{
    tpi_lock_take(&group->lock);
    if (tpi_slot_generation(&group->slot) == generation)
        return true;
    tpi_lock_drop(&group->lock);
    return false;
}

tp_status_t tpi_group_create(void **handle_out)
{
    struct tpi_slot *slot = tpi_slab_reserve(TPI_KIND_GROUP, sizeof(struct tpi_group), NULL);
    if (!slot)
        return TP_ERR_NO_MEMORY;
    struct tpi_group *group = tpi_container(slot, struct tpi_group, slot);
    tpi_lock_take(&group->lock); /* a stale handle may be looking */
    tpi_list_init(&group->members);
    tpi_list_init(&group->closing);
    group->closer = 0;
    tpi_lock_drop(&group->lock);
    *handle_out = tpi_token_publish(TPI_KIND_GROUP, slot);
    return TP_OK;
}

tp_status_t tpi_group_close(struct tpi_group *group, uint32_t generation)
{
    if (!enter(group, generation))
        return TP_ERR_HANDLE;
    bool busy = group->closer != 0 || !tpi_list_empty(&group->members);
    if (!busy)
        tpi_slab_retire(&group->slot, generation);
    tpi_lock_drop(&group->lock);
    if (busy)
        return TP_ERR_BUSY;
    tpi_bitmap_clear(&group->waits);
    tpi_slab_free(TPI_KIND_GROUP, &group->slot, NULL);
    return TP_OK;
}

tp_status_t tpi_group_join(struct tpi_group *group, uint32_t generation, struct tpi_object *object)
{
    if (!enter(group, generation))
        return TP_ERR_CLOSED;
    bool joined =
        tpi_task_kind(&object->task) != TPI_KIND_WAIT || tpi_wait_join(&group->waits, object);
    if (joined) {
        object->group = group;
        tpi_list_push_back(&group->members, &object->member);
    }
    tpi_lock_drop(&group->lock);
    return joined ? TP_OK : TP_ERR_NO_MEMORY;
}

/* Something a sleeper in wait_change waits for has happened. Drops the lock; the group may be gone
 * at once. */
static void announce(struct tpi_group *group)
{
    uint32_t waiters = tpp_peek(&group->waiters);
    /* relaxed: written and read under the lock; who sleeps on it has the kernel compare. */
    tpp_store_relaxed(&group->changes, tpp_peek(&group->changes) + 1);
    tpi_lock_drop(&group->lock);
    if (waiters > 0)
        tpp_wake(&group->changes, UINT32_MAX);
}

void tpi_group_leave(struct tpi_group *group, struct tpi_object *object)
{
    tpi_lock_take(&group->lock);
    tpi_list_remove(&object->member);
    if (tpi_task_kind(&object->task) == TPI_KIND_WAIT)
        tpi_wait_leave(&group->waits, object);
    announce(group);
}

/* Sleeps until a member has left or a closer is done since `seen` was read under the lock. The lock
 * is dropped meanwhile. */
static void wait_change(struct tpi_group *group, uint32_t seen)
{
    tpp_store_relaxed(&group->waiters, tpp_peek(&group->waiters) + 1); /* relaxed: under lock */
    tpi_lock_drop(&group->lock);
    tpi_blocking_enter();
    tpp_wait(&group->changes, seen, TPP_FOREVER);
    tpi_blocking_leave();
    tpi_lock_take(&group->lock);
    tpp_store_relaxed(&group->waiters, tpp_peek(&group->waiters) - 1); /* relaxed: under lock */
}

/* Runs a pending post of some member that is being closed, if this thread may. Lock held, dropped
 * meanwhile, and not taken again in the child of a fork. */
static bool help_closing(struct tpi_group *group)
{
    uint32_t forks = tpi_forks();
    struct tpi_worker *worker = tpi_worker_self();
    for (struct tpi_link *link = group->closing.next; link != &group->closing; link = link->next) {
        struct tpi_object *object = tpi_container(link, struct tpi_object, member);
        uint32_t generation = tpp_peek(&object->task.slot.generation);
        if (!worker || tpi_task_target(&object->task).home != worker->pool ||
            tpi_state_pending(tpp_peek(&object->task.word)) == 0)
            continue;
        tpi_lock_drop(&group->lock);
        bool helped = tpi_object_help(object, generation);
        if (!tpi_forked(forks))
            tpi_lock_take(&group->lock);
        return helped;
    }
    return false;
}

/* Becomes the one closer, waiting for the one before. Lock held; false if the group has gone, or in
 * the child of a fork. */
static bool become_closer(struct tpi_group *group, uint32_t generation)
{
    uint32_t forks = tpi_forks();
    while (group->closer != 0) {
        uint32_t seen = tpp_peek(&group->changes); /* before the lock is dropped */
        if (!help_closing(group))
            wait_change(group, seen);
        if (tpi_forked(forks))
            return false;
        if (tpi_slot_generation(&group->slot) != generation)
            return false;
    }
    group->closer = tpp_thread_id();
    tpi_list_splice_back(&group->closing, &group->members);
    return true;
}

/* One call of tpi_group_close_members, once it is the closer. */
struct closing {
    struct tpi_group *group;
    bool cancel;
    void *cleanup_context;
    uint32_t forks;
    struct tpi_link orphans;      /* members that have no other holder than this call */
    struct tpi_object *disposing; /* the one whose cancel callback is running ... */
    bool parting;                 /* ... which operations hold besides this call */
};

/* This call holds the object no more: alone, or besides operations. */
static void let_go(struct tpi_object *object, bool parting)
{
    struct tpi_target target = tpi_task_target(&object->task);
    if (!parting) {
        tpi_object_free(object);
        return;
    }
    struct tpi_applied applied = tpi_object_trade(object)->let_go(object);
    tpi_object_effects(object, &target, &applied);
}

/* A holder of a member tells the application, if `tell`, and lets go of it. */
static void dispose(struct closing *closing, struct tpi_object *object, bool tell, bool parting)
{
    struct tpi_extra *extra = tpi_object_extra(object);
    closing->parting = parting;
    if (tell && extra && extra->cancel) {
        struct tpi_errand errand;
        closing->disposing = object;
        tpi_object_errand(object, &errand);
        extra->cancel(object->task.context, closing->cleanup_context);
        tpi_errand_end(&errand);
        if (tpi_forked(closing->forks))
            return;
        closing->disposing = NULL;
    }
    let_go(object, parting);
}

/* Nothing comes of a member's own accord any more. Lock held. */
static void stop_all(struct tpi_group *group)
{
    tpi_waits_bar(&group->waits); /* all of them are on `closing` now */
    for (struct tpi_link *link = group->closing.next; link != &group->closing; link = link->next) {
        struct tpi_object *object = tpi_container(link, struct tpi_object, member);
        if (tpi_object_trade(object)->bar)
            tpi_object_trade(object)->bar(object);
    }
}

/* Drops what is pending of every member. Those that had no other holder left - simple callbacks
 * that will never start, objects closed with posts still queued - go to `orphans`. Lock held. */
static void cancel_all(struct tpi_group *group, struct tpi_link *orphans)
{
    struct tpi_link *next;
    for (struct tpi_link *link = group->closing.next; link != &group->closing; link = next) {
        struct tpi_object *object = tpi_container(link, struct tpi_object, member);
        next = link->next;
        /* peek: a post that comes now comes after the cancel. */
        if (tpi_state_idle(tpp_peek(&object->task.word)))
            continue;
        /* peek: a member that is linked has not been freed. */
        if (tpi_object_cancel(object, tpp_peek(&object->task.slot.generation))) {
            tpi_list_remove(link);
            tpi_list_push_back(orphans, link);
        }
    }
}

static void dispose_orphans(struct closing *closing, bool tell)
{
    while (!tpi_forked(closing->forks) && !tpi_list_empty(&closing->orphans)) {
        struct tpi_object *object = tpi_container(closing->orphans.next, struct tpi_object, member);
        tpi_list_remove(&object->member);
        /* One that was closed on its own gets no cancel callback; a simple one has no handle. */
        dispose(closing, object, tell && tpi_object_simple(object), false);
    }
}

/* The member is not idle yet: sleeps until it may be. Lock held, dropped meanwhile, and not taken
 * again in the child of a fork. */
static void wait_member(struct tpi_group *group, struct tpi_object *object, uint32_t seen)
{
    uint32_t forks = tpi_forks();
    uint32_t generation = tpp_peek(&object->task.slot.generation);
    tpi_lock_drop(&group->lock);
    if (!tpi_object_help(object, generation)) {
        tpi_blocking_enter();
        tpp_wait(&object->task.done_seq, seen, TPP_FOREVER); /* [ST2] */
        tpi_blocking_leave();
    }
    if (!tpi_forked(forks))
        tpi_lock_take(&group->lock);
}

/* Waits for the members one by one and closes them. Lock held, dropped around user code. */
static void close_all(struct closing *closing)
{
    struct tpi_group *group = closing->group;
    /* Ends: nothing joins `closing`, and each member leaves it once it is idle. */
    while (!tpi_forked(closing->forks) && !tpi_list_empty(&group->closing)) {
        struct tpi_object *object = tpi_container(group->closing.next, struct tpi_object, member);
        uint32_t seen = tpp_load_acquire(&object->task.done_seq); /* [ST2] */
        struct tpi_applied applied = tpi_object_release(object);
        if (applied.effects & (TPI_EFFECT_FREE | TPI_EFFECT_PART)) {
            bool own = !(applied.effects & TPI_EFFECT_REFUSED); /* else it was closed on its own */
            tpi_list_remove(&object->member);
            if (applied.effects & TPI_EFFECT_PART)
                object->group = NULL; /* it will be freed when the group may be gone */
            tpi_lock_drop(&group->lock);
            dispose(closing, object, closing->cancel && own, applied.effects & TPI_EFFECT_PART);
            if (!tpi_forked(closing->forks))
                tpi_lock_take(&group->lock);
        } else if (tpi_state_idle(applied.before)) {
            /* It was closed on its own, and whoever frees it is on the way. */
            wait_change(group, tpp_peek(&group->changes));
        } else {
            wait_member(group, object, seen);
        }
    }
}

/* Lock held, dropped around user code, and not taken again in the child of a fork. */
static void close_members(void *argument)
{
    struct closing *closing = argument;
    struct tpi_group *group = closing->group;
    stop_all(group);
    if (closing->cancel) {
        cancel_all(group, &closing->orphans);
        tpi_lock_drop(&group->lock);
        dispose_orphans(closing, true);
        if (tpi_forked(closing->forks))
            return;
        tpi_lock_take(&group->lock);
    }
    close_all(closing);
}

/* Code of the application ended the thread that was closing; no lock was held in it. What nobody
 * else holds is freed without a word, since it is no thread to run callbacks on any more; with the
 * other members somebody else may go on. */
static void closer_ended(void *argument)
{
    struct closing *closing = argument;
    struct tpi_group *group = closing->group;
    if (tpi_forked(closing->forks))
        return;
    struct tpi_thread *thread = tpi_thread_self();
    if (thread)
        thread->errand = NULL; /* those that ran were below here */
    if (closing->disposing)
        let_go(closing->disposing, closing->parting);
    dispose_orphans(closing, false);
    tpi_lock_take(&group->lock);
    tpi_list_splice_back(&group->members, &group->closing);
    group->closer = 0;
    announce(group);
}

static void describe_closing(void *argument, char *text, size_t size)
{
    (void)argument;
    snprintf(text, size, "a cleanup group that is closing its members");
}

static const struct tpp_guard closing_guard = {close_members, closer_ended, describe_closing};

tp_status_t tpi_group_close_members(struct tpi_group *group, uint32_t generation,
                                    bool cancel_pending, void *cleanup_context)
{
    if (tpi_instance_in_group(group))
        return TP_ERR_DEADLOCK;
    if (!enter(group, generation))
        return TP_ERR_HANDLE;
    if (group->closer == tpp_thread_id()) {
        tpi_lock_drop(&group->lock);
        return TP_ERR_DEADLOCK; /* from a cancel callback of this very call */
    }
    struct closing closing = {.group = group,
                              .cancel = cancel_pending,
                              .cleanup_context = cleanup_context,
                              .forks = tpi_forks()};
    tpi_list_init(&closing.orphans);
    if (!become_closer(group, generation)) {
        if (tpi_forked(closing.forks))
            return TP_ERR_FORKED;
        tpi_lock_drop(&group->lock);
        return TP_ERR_HANDLE;
    }
    tpp_guarded(&closing_guard, &closing);
    if (tpi_forked(closing.forks))
        return TP_ERR_FORKED;
    group->closer = 0;
    announce(group);
    return TP_OK;
}
