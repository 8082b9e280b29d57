/* channel.c - credits and completions of one I/O object: see channel.h. */
#include "core/sched/channel.h"

#include <errno.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/sched/operations.h"
#include "core/sched/pool.h"
#include "core/sched/waits.h"
#include "core/sched/worker.h"

#define CHAIN_LENGTH 4u /* on average, before there are more of them */
#define CHAINS_MOST 4096u

/* ---- records --------------------------------------------------------------------------------- */

static struct tpi_magazine *at_hand(void)
{
    struct tpi_thread *thread = tpi_thread_self();
    return thread ? &thread->operations : NULL;
}

struct tpi_operation *tpi_operation_new(void)
{
    struct tpi_slot *slot =
        tpi_slab_new(TPI_KIND_OPERATION, sizeof(struct tpi_operation), at_hand());
    if (!slot)
        return NULL;
    struct tpi_operation *operation = tpi_container(slot, struct tpi_operation, task.slot);
    operation->place = TPI_PLACE_NOWHERE;
    operation->forgotten = operation->aborted = operation->by_thread = false;
    return operation;
}

void tpi_operation_free(struct tpi_operation *operation)
{
    tpi_slab_free(TPI_KIND_OPERATION, &operation->task.slot, at_hand());
}

/* What was accepted for nobody. */
static void close_accepted(struct tpi_operation *operation)
{
    if (operation->request.opcode == TPP_ACCEPT && operation->outcome.error == 0)
        tpp_file_close((int)operation->outcome.bytes);
    operation->outcome.error = ECANCELED;
}

void tpi_operation_discard(struct tpi_operation *operation)
{
    close_accepted(operation);
    tpi_operation_free(operation);
}

static void discard_all(struct tpi_link *list)
{
    while (!tpi_list_empty(list)) {
        struct tpi_operation *operation = tpi_container(list->next, struct tpi_operation, link);
        tpi_list_remove(&operation->link);
        tpi_operation_discard(operation);
    }
}

/* ---- by key ---------------------------------------------------------------------------------- */

static struct tpi_operation **chain_of(struct tpi_channel *channel, const void *key)
{
    uint64_t hash = (uint64_t)(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15);
    return &channel->chains[hash >> 40 & channel->chain_mask];
}

struct tpi_operation *tpi_channel_find(struct tpi_channel *channel, const void *key)
{
    struct tpi_operation *operation = *chain_of(channel, key);
    while (operation && operation->key != key)
        operation = operation->next;
    return operation;
}

static void chain_in(struct tpi_channel *channel, struct tpi_operation *operation)
{
    struct tpi_operation **chain = chain_of(channel, operation->key);
    operation->next = *chain;
    *chain = operation;
}

/* Leaves the list of those in flight as well. */
static void chain_out(struct tpi_channel *channel, struct tpi_operation *operation)
{
    struct tpi_operation **at = chain_of(channel, operation->key);
    while (*at != operation)
        at = &(*at)->next;
    *at = operation->next;
    tpi_list_remove(&operation->flight);
}

static void free_chains(struct tpi_channel *channel)
{
    if (channel->chains != channel->few)
        tpp_free(channel->chains, (channel->chain_mask + 1) * sizeof *channel->chains);
}

/* More chains, if there is memory for them: without, a search takes longer. Lock held. */
static void grow(struct tpi_channel *channel)
{
    uint32_t before = channel->chain_mask + 1, count = 4 * before;
    struct tpi_operation **chains = channel->chains;
    struct tpi_operation **larger = tpp_alloc(count * sizeof *larger, _Alignof(void *));
    if (!larger)
        return;
    memset(larger, 0, count * sizeof *larger);
    channel->chains = larger;
    channel->chain_mask = count - 1;
    for (uint32_t i = 0; i < before; i++) {
        struct tpi_operation *next;
        for (struct tpi_operation *operation = chains[i]; operation; operation = next) {
            next = operation->next;
            chain_in(channel, operation);
        }
    }
    if (chains != channel->few)
        tpp_free(chains, before * sizeof *chains);
}

/* ---- accounts: under the lock ---------------------------------------------------------------- */

static void add_credit(struct tpi_channel *channel, bool held)
{
    channel->expected++;
    channel->held += held;
}

/* What the word says no more, now that so many are gone. [CH1] */
static uint32_t subtract(struct tpi_channel *channel, uint32_t expected, uint32_t held)
{
    channel->expected -= expected;
    channel->held -= held;
    return (expected > 0 && channel->expected == 0 ? TPI_FLAG_EXPECTED : 0) |
           (held > 0 && channel->held == 0 ? TPI_FLAG_HELD : 0);
}

static struct tpi_applied relieve(struct tpi_channel *channel, uint32_t flags)
{
    if (flags == 0)
        return (struct tpi_applied){.effects = 0};
    return tpi_task_apply(channel->task, TPI_EVENT_RELIEVE, flags);
}

/* Takes the lock if the object is open: closing takes it, too. The word is read before the
 * generation, as in tpi_task_apply_handle. */
bool tpi_channel_enter(struct tpi_channel *channel, uint32_t generation)
{
    tpi_lock_take(&channel->lock); /* also for `task`: a stale handle may look at a new life */
    struct tpi_task *task = channel->task;
    /* [ST1] Relaxed would do, here and in end_forgotten: closing is under this lock. */
    if (task && !(tpp_load_acquire(&task->word) & TPI_STATE_CLOSED) &&
        tpi_slot_generation(&task->slot) == generation)
        return true;
    tpi_lock_drop(&channel->lock);
    return false;
}

bool tpi_channel_open(struct tpi_channel *channel, uint32_t generation)
{
    bool open = tpi_channel_enter(channel, generation);
    if (open)
        tpi_lock_drop(&channel->lock);
    return open;
}

/* May something begin? Sets the flags of the word that a credit needs. */
static tp_status_t expect(struct tpi_channel *channel, uint32_t flags)
{
    if (channel->barred)
        return TP_ERR_CLOSED;
    uint32_t effects = tpi_task_apply(channel->task, TPI_EVENT_EXPECT, flags).effects;
    return effects & TPI_EFFECT_REFUSED ? TP_ERR_CLOSED : TP_OK;
}

/* ---- the life of a channel ------------------------------------------------------------------- */

void tpi_channel_init(struct tpi_channel *channel, struct tpi_task *task, int own,
                      enum tpp_file_kind kind)
{
    tpi_lock_take(&channel->lock); /* a stale handle may be looking */
    channel->task = task;
    channel->own = own;
    channel->kind = kind;
    channel->barred = channel->polled = channel->silent = false;
    channel->announced_count = channel->lost_count = channel->expected = channel->held = 0;
    channel->listens_for = channel->helpers = 0;
    channel->chains = channel->few;
    channel->chain_mask = TPI_CHAINS_FEW - 1;
    memset(channel->few, 0, sizeof channel->few);
    tpi_list_init(&channel->announced);
    tpi_list_init(&channel->done);
    tpi_list_init(&channel->waiting);
    tpi_list_init(&channel->flight);
    tpi_list_init(&channel->lost);
    /* relaxed, all: nobody has the object yet. */
    tpp_store_relaxed(&channel->eager, 1);
    tpp_store_relaxed(&channel->shun, 0);
    tpp_store_relaxed(&channel->wary, 0);
    tpi_lock_drop(&channel->lock);
}

int tpi_channel_end(struct tpi_channel *channel)
{
    tpi_lock_take(&channel->lock);
    int own = channel->own;
    tpi_assert(channel->expected == 0 && channel->held == 0);
    channel->own = TPI_NO_DESCRIPTOR;
    free_chains(channel);
    channel->chains = channel->few;
    channel->chain_mask = TPI_CHAINS_FEW - 1;
    channel->polled = false;
    tpi_lock_drop(&channel->lock);
    return own;
}

/* ---- beginning ------------------------------------------------------------------------------- */

/* Lock held. */
static tp_status_t admit(struct tpi_channel *channel, struct tpi_operation *operation)
{
    if (tpi_channel_find(channel, operation->key))
        return TP_ERR_EXISTS;
    tp_status_t status = expect(channel, TPI_FLAG_EXPECTED | TPI_FLAG_HELD);
    if (status != TP_OK)
        return status;
    add_credit(channel, true);
    if (channel->expected / CHAIN_LENGTH > channel->chain_mask + 1 &&
        channel->chain_mask + 1 < CHAINS_MOST)
        grow(channel);
    operation->channel = channel;
    operation->request.descriptor = channel->own;
    operation->request.kind = (uint8_t)channel->kind;
    operation->states = tpp_operation_states(&operation->request);
    operation->place = TPI_PLACE_THREAD;
    chain_in(channel, operation);
    tpi_list_push_back(&channel->flight, &operation->flight);
    return TP_OK;
}

tp_status_t tpi_channel_admit(struct tpi_channel *channel, uint32_t generation,
                              struct tpi_operation *operation)
{
    if (!tpi_channel_enter(channel, generation))
        return TP_ERR_HANDLE;
    tp_status_t status = admit(channel, operation);
    tpi_lock_drop(&channel->lock);
    return status;
}

tp_status_t tpi_channel_announce(struct tpi_channel *channel, uint32_t generation)
{
    struct tpi_operation *operation = tpi_operation_new();
    if (!operation)
        return TP_ERR_NO_MEMORY;
    operation->channel = channel;
    operation->request.opcode = 0;
    tp_status_t status = TP_ERR_HANDLE;
    if (tpi_channel_enter(channel, generation)) {
        status = expect(channel, TPI_FLAG_EXPECTED);
        if (status == TP_OK) {
            add_credit(channel, false);
            channel->announced_count++;
            tpi_list_push_back(&channel->announced, &operation->link);
        }
        tpi_lock_drop(&channel->lock);
    }
    if (status != TP_OK)
        tpi_operation_free(operation);
    return status;
}

/* ---- ending without a completion ------------------------------------------------------------- */

/* Nobody is left to be freed: somebody holds the object. */
static void settled(struct tpi_task *task, const struct tpi_applied *applied)
{
    if (applied->effects & TPI_EFFECT_WAKE)
        tpi_task_wake(task);
}

/* One announcement, or NULL. Lock held. */
static struct tpi_operation *take_announced(struct tpi_channel *channel)
{
    if (tpi_list_empty(&channel->announced))
        return NULL;
    struct tpi_link *link = channel->announced.next;
    tpi_list_remove(link);
    channel->announced_count--;
    return tpi_container(link, struct tpi_operation, link);
}

tp_status_t tpi_channel_retract(struct tpi_channel *channel, uint32_t generation)
{
    struct tpi_applied applied = {.effects = 0};
    if (!tpi_channel_enter(channel, generation))
        return TP_ERR_HANDLE;
    struct tpi_task *task = channel->task;
    struct tpi_operation *operation = take_announced(channel);
    if (operation)
        applied = relieve(channel, subtract(channel, 1, 0));
    tpi_lock_drop(&channel->lock);
    if (!operation)
        return TP_ERR_STATE;
    settled(task, &applied);
    tpi_operation_free(operation);
    return TP_OK;
}

/* All announcements go into `dropped`, and with them as many other credits as were forgotten. Lock
 * held. */
static void take_all_back(struct tpi_channel *channel, uint32_t forgotten, struct tpi_link *dropped)
{
    uint32_t gone = channel->announced_count + forgotten;
    tpi_list_splice_back(dropped, &channel->announced);
    channel->announced_count = 0;
    struct tpi_applied relieved = relieve(channel, subtract(channel, gone, 0));
    settled(channel->task, &relieved);
}

/* ---- completions ----------------------------------------------------------------------------- */

void tpi_posts_add(struct tpi_posts *posts, const struct tpi_ready *ready)
{
    if (posts->count == TPI_POSTS)
        tpi_posts_flush(posts);
    posts->ready[posts->count++] = *ready;
}

/* Queues the record, and posts the object. Lock held; returns what is to be done once it is not. */
static uint32_t post(struct tpi_channel *channel, struct tpi_operation *operation, uint32_t flags,
                     struct tpi_ready *ready_out)
{
    struct tpi_target target = tpi_task_target(channel->task);
    tpi_list_push_back(&channel->done, &operation->link);
    tpi_pool_count_submitted(target.home, tpi_worker_self(), target.priority, 1);
    struct tpi_applied applied = tpi_task_apply(channel->task, TPI_EVENT_COMPLETE, flags);
    *ready_out = (struct tpi_ready){target, channel->task, tpi_state_epoch(applied.after)};
    return applied.effects | (channel->helpers > 0 ? TPI_EFFECT_WAKE : 0);
}

/* Under the lock: who begins to wait after a completion was posted finds it. */
void tpi_channel_await(struct tpi_channel *channel, uint32_t generation, bool begins)
{
    tpi_lock_take(&channel->lock);
    if (channel->task && tpi_slot_generation(&channel->task->slot) == generation)
        channel->helpers += begins ? 1u : -1u;
    tpi_lock_drop(&channel->lock);
}

/* After the lock: the object may be gone, its slot is not. */
static void posted(struct tpi_posts *posts, const struct tpi_ready *ready, uint32_t effects)
{
    if (effects & TPI_EFFECT_ENQUEUE)
        tpi_posts_add(posts, ready);
    if (effects & TPI_EFFECT_WAKE)
        tpi_task_wake(ready->task);
}

tp_status_t tpi_channel_complete(struct tpi_channel *channel, uint32_t generation, void *key,
                                 const struct tpp_outcome *outcome)
{
    struct tpi_posts posts;
    struct tpi_ready ready;
    uint32_t effects = 0;
    posts.count = 0;
    if (!tpi_channel_enter(channel, generation))
        return TP_ERR_HANDLE;
    struct tpi_operation *operation = take_announced(channel);
    if (operation) {
        operation->key = key;
        operation->outcome = *outcome;
        effects = post(channel, operation, subtract(channel, 1, 0), &ready);
    }
    tpi_lock_drop(&channel->lock);
    if (!operation)
        return TP_ERR_STATE;
    posted(&posts, &ready, effects);
    tpi_posts_publish(&posts);
    return TP_OK;
}

/* The pool may be on its way out, and what keeps it is over: whoever shuts it down looks again. The
 * fence is more than it takes, as in tpi_object_cancel: what ends here swaps the object's word. */
static void tell_shutdown(struct tpi_pool *pool)
{
    tpp_fence_seq_cst();                               /* [SH1] */
    if (tpp_load_relaxed(&pool->shut) != TPI_SHUT_NOT) /* relaxed: ordered by the fence */
        tpi_pool_shut_moved(pool);
}

/* A forgotten operation is over. If it was the last thing that kept its object, a worker frees
 * that: code of the application runs then. Lock held, and dropped. */
static void end_forgotten(struct tpi_channel *channel, struct tpi_operation *operation,
                          struct tpi_posts *posts)
{
    struct tpi_task *task = channel->task;
    struct tpi_target target = tpi_task_target(task);
    tpi_list_remove(&operation->flight);
    channel->lost_count--;
    if (channel->held == 1 && tpp_load_acquire(&task->word) & TPI_STATE_CLOSED) { /* [ST1] */
        operation->place = TPI_PLACE_NOWHERE; /* and held still */
        tpi_lock_drop(&channel->lock);
        struct tpi_ready ready = tpi_operation_task(operation);
        tpi_posts_add(posts, &ready);
        return;
    }
    struct tpi_applied applied = relieve(channel, subtract(channel, 0, 1));
    operation->place = TPI_PLACE_NOWHERE;
    tpi_lock_drop(&channel->lock);
    settled(task, &applied);
    tpi_operation_discard(operation);
    tell_shutdown(target.home);
}

void tpi_operation_complete(struct tpi_operation *operation, struct tpp_outcome outcome,
                            struct tpi_posts *posts)
{
    struct tpi_channel *channel = operation->channel;
    struct tpi_ready ready;
    operation->outcome = outcome;
    tpi_lock_take(&channel->lock);
    if (operation->forgotten) { /* for good */
        tpi_lock_drop(&channel->lock);
        close_accepted(operation); /* before the object may end */
        tpi_lock_take(&channel->lock);
        end_forgotten(channel, operation, posts);
        return;
    }
    operation->place = TPI_PLACE_NOWHERE;
    chain_out(channel, operation);
    uint32_t effects = post(channel, operation, subtract(channel, 1, 1), &ready);
    tpi_lock_drop(&channel->lock);
    posted(posts, &ready, effects);
}

void tpi_channel_tell(struct tpi_channel *channel, struct tpi_completion *completion_out)
{
    tpi_lock_take(&channel->lock);
    tpi_assert(!tpi_list_empty(&channel->done));
    struct tpi_operation *operation = tpi_container(channel->done.next, struct tpi_operation, link);
    tpi_list_remove(&operation->link);
    tpi_lock_drop(&channel->lock);
    *completion_out = (struct tpi_completion){operation->key, operation->outcome};
    tpi_operation_free(operation);
}

/* ---- dropping and ending --------------------------------------------------------------------- */

/* It is in no chain and no list any more. */
static void forget(struct tpi_channel *channel, struct tpi_operation *operation)
{
    operation->forgotten = true;
    channel->lost_count++;
    tpi_list_push_back(&channel->lost, &operation->flight);
}

void tpi_channel_withdraw(struct tpi_operation *operation, struct tpi_posts *posts)
{
    struct tpi_channel *channel = operation->channel;
    struct tpi_applied applied = {.effects = 0};
    operation->outcome = (struct tpp_outcome){.error = ECANCELED, .bytes = 0};
    tpi_lock_take(&channel->lock);
    if (!operation->forgotten) {
        chain_out(channel, operation);
        forget(channel, operation);
        applied = relieve(channel, subtract(channel, 1, 0));
    }
    settled(channel->task, &applied);
    end_forgotten(channel, operation, posts);
}

/* The operations in flight; returns how many. Lock held. */
static uint32_t forget_all(struct tpi_channel *channel)
{
    uint32_t count = 0;
    while (!tpi_list_empty(&channel->flight)) {
        struct tpi_operation *operation =
            tpi_container(channel->flight.next, struct tpi_operation, flight);
        tpi_list_remove(&operation->flight);
        forget(channel, operation);
        count++;
    }
    memset(channel->chains, 0, (channel->chain_mask + 1) * sizeof *channel->chains);
    return count;
}

/* As many as were dropped, those that came last: what was claimed before is told of first. */
static void take_last(struct tpi_channel *channel, uint32_t count, struct tpi_link *dropped)
{
    for (; count > 0; count--) {
        struct tpi_link *link = channel->done.prev;
        tpi_assert(link != &channel->done);
        tpi_list_remove(link);
        tpi_list_push_back(dropped, link);
    }
}

struct tpi_applied tpi_channel_cancel(struct tpi_channel *channel, uint32_t generation)
{
    struct tpi_link dropped;
    tpi_list_init(&dropped);
    tpi_lock_take(&channel->lock);
    struct tpi_task *task = channel->task;
    struct tpi_target target = tpi_task_target(task);
    struct tpi_applied applied = tpi_inject_cancel(tpi_pool_queue(&target), task, generation);
    if (!(applied.effects & TPI_EFFECT_REFUSED))
        take_last(channel, tpi_state_pending(applied.before), &dropped);
    if (tpi_slot_generation(&task->slot) == generation)
        take_all_back(channel, forget_all(channel), &dropped);
    tpi_lock_drop(&channel->lock);
    discard_all(&dropped);
    tell_shutdown(target.home);
    return applied;
}

struct tpi_applied tpi_channel_close(struct tpi_channel *channel)
{
    struct tpi_link dropped;
    tpi_list_init(&dropped);
    take_all_back(channel, 0, &dropped);
    struct tpi_applied applied = tpi_task_apply(channel->task, TPI_EVENT_CLOSE, 0);
    tpi_lock_drop(&channel->lock); /* from here on the object may be freed; its slot stays */
    discard_all(&dropped);
    return applied;
}

void tpi_channel_shut(struct tpi_channel *channel, uint32_t generation)
{
    struct tpi_link dropped;
    tpi_list_init(&dropped);
    if (!tpi_channel_enter(channel, generation))
        return; /* closed: nothing is announced, and nothing can begin */
    tpi_task_apply(channel->task, TPI_EVENT_SHUT, 0);
    take_all_back(channel, 0, &dropped);
    tpi_lock_drop(&channel->lock);
    discard_all(&dropped);
}

void tpi_channel_bar(struct tpi_channel *channel)
{
    tpi_lock_take(&channel->lock);
    channel->barred = true;
    tpi_lock_drop(&channel->lock);
}

struct tpi_applied tpi_channel_release(struct tpi_channel *channel)
{
    tpi_lock_take(&channel->lock);
    struct tpi_applied applied = tpi_task_apply(channel->task, TPI_EVENT_RELEASE, 0);
    channel->held += (applied.effects & TPI_EFFECT_PART) != 0;
    tpi_lock_drop(&channel->lock);
    return applied;
}

struct tpi_applied tpi_channel_let_go(struct tpi_channel *channel)
{
    tpi_lock_take(&channel->lock);
    struct tpi_applied applied = relieve(channel, subtract(channel, 0, 1));
    tpi_lock_drop(&channel->lock);
    return applied;
}
