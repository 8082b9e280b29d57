/* waitable.c - the events, semaphores and mutexes of waitable.h. */
#include "core/wait/waitable.h"

#include "core/base/assert.h"
#include "core/mem/token.h"

/* One thread asleep, on its own stack. Whoever takes it off the list answers it: writes the answer,
 * releases `answered`, and touches it no more. */
struct sleeper {
    struct tpi_waiter waiter;
    uint64_t thread_id;
    tp_status_t status;
    tp_wait_result_t result;
    tpp_u32 answered; /* [WT1] */
};

/* Takes the lock if the object still is in that generation. */
static bool enter(struct tpi_waitable *waitable, uint32_t generation)
{
    tpi_lock_take(&waitable->lock);
    if (tpi_slot_generation(&waitable->slot) == generation)
        return true;
    tpi_lock_drop(&waitable->lock);
    return false;
}

tp_status_t tpi_waitable_create(enum tpi_kind kind, uint32_t count, uint32_t maximum,
                                bool manual_reset, void **handle_out)
{
    struct tpi_slot *slot = tpi_slab_reserve(kind, sizeof(struct tpi_waitable), NULL);
    if (!slot)
        return TP_ERR_NO_MEMORY;
    struct tpi_waitable *waitable = tpi_container(slot, struct tpi_waitable, slot);
    tpi_lock_take(&waitable->lock); /* a stale handle may be looking */
    waitable->kind = kind;
    tpi_list_init(&waitable->waiters);
    waitable->count = count;
    waitable->maximum = maximum;
    waitable->manual_reset = manual_reset;
    waitable->abandoned = false;
    waitable->recursion = kind == TPI_KIND_MUTEX && count == 0;
    waitable->owner = waitable->recursion ? tpp_thread_id() : 0;
    waitable->heir = NULL;
    tpi_lock_drop(&waitable->lock);
    *handle_out = tpi_token_publish(kind, slot);
    return TP_OK;
}

/* Could `thread_id` take a unit now? */
static bool ready(const struct tpi_waitable *waitable, uint64_t thread_id)
{
    return waitable->count > 0 ||
           (waitable->kind == TPI_KIND_MUTEX && waitable->owner == thread_id);
}

tp_wait_result_t tpi_waitable_result(const struct tpi_waitable *waitable)
{
    return waitable->abandoned ? TP_WAIT_ABANDONED : TP_WAIT_SIGNALED;
}

/* Takes the unit that ready() promised; of a mutex for that thread, or for a wait. */
static void consume(struct tpi_waitable *waitable, uint64_t thread_id, struct tpi_waiter *heir)
{
    if (waitable->kind == TPI_KIND_MUTEX) {
        waitable->count = 0;
        waitable->owner = thread_id;
        waitable->heir = heir;
        waitable->recursion++;
        waitable->abandoned = false;
    } else if (!waitable->manual_reset) {
        waitable->count--;
    }
}

/* The sleeper, whatever became of what it waited for, goes on. */
static bool answer(struct tpi_waiter *waiter, tp_status_t status, tp_wait_result_t result,
                   struct tpi_posts *posts)
{
    struct sleeper *sleeper = tpi_container(waiter, struct sleeper, waiter);
    tpp_u32 *word = &sleeper->answered;
    (void)posts;
    sleeper->status = status;
    sleeper->result = result;
    /* [WT1] release: the answer is complete; from here on the node belongs to its thread again,
     * which may return, and tpp_wake does not touch the word. */
    tpp_store_release(word, 1);
    tpp_wake(word, 1);
    return true;
}

static struct tpi_waiter *take_first(struct tpi_waitable *waitable)
{
    struct tpi_waiter *first = tpi_container(waitable->waiters.next, struct tpi_waiter, link);
    tpi_list_remove(&first->link);
    return first;
}

/* Hands out what there is, in order of arrival. Under lock. */
static void serve(struct tpi_waitable *waitable, struct tpi_posts *posts)
{
    while (waitable->count > 0 && !tpi_list_empty(&waitable->waiters)) {
        struct tpi_waiter *first = take_first(waitable);
        tp_wait_result_t result = tpi_waitable_result(waitable);
        if (first->fire == answer) {
            /* Before it has the answer: then it is gone. */
            consume(waitable, tpi_container(first, struct sleeper, waiter)->thread_id, NULL);
            answer(first, TP_OK, result, posts);
        } else if (first->fire(first, TP_OK, result, posts)) {
            consume(waitable, 0, first);
        }
    }
}

tp_status_t tpi_waitable_close(struct tpi_waitable *waitable, uint32_t generation)
{
    if (!enter(waitable, generation))
        return TP_ERR_HANDLE;
    while (!tpi_list_empty(&waitable->waiters)) {
        struct tpi_waiter *first = take_first(waitable);
        first->fire(first, TP_ERR_HANDLE, 0, NULL);
    }
    waitable->owner = 0;
    waitable->heir = NULL;
    /* Under the lock: from here on every other holder of the handle finds it stale. */
    bool retired = tpi_slab_retire(&waitable->slot, generation);
    tpi_assert(retired);
    tpi_lock_drop(&waitable->lock);
    tpi_slab_free(waitable->kind, &waitable->slot, NULL);
    return TP_OK;
}

tp_status_t tpi_event_set(struct tpi_waitable *event, uint32_t generation, struct tpi_posts *posts)
{
    if (!enter(event, generation))
        return TP_ERR_HANDLE;
    event->count = 1;
    serve(event, posts);
    tpi_lock_drop(&event->lock);
    return TP_OK;
}

tp_status_t tpi_event_reset(struct tpi_waitable *event, uint32_t generation)
{
    if (!enter(event, generation))
        return TP_ERR_HANDLE;
    event->count = 0;
    tpi_lock_drop(&event->lock);
    return TP_OK;
}

tp_status_t tpi_semaphore_release(struct tpi_waitable *semaphore, uint32_t generation,
                                  uint32_t count, uint32_t *previous_out, struct tpi_posts *posts)
{
    if (!enter(semaphore, generation))
        return TP_ERR_HANDLE;
    tp_status_t status = TP_ERR_LIMIT;
    if (count <= semaphore->maximum - semaphore->count) {
        *previous_out = semaphore->count;
        semaphore->count += count;
        serve(semaphore, posts);
        status = TP_OK;
    }
    tpi_lock_drop(&semaphore->lock);
    return status;
}

/* Nobody owns it any more. Lock held. */
static void set_free(struct tpi_waitable *mutex, bool abandoned, struct tpi_posts *posts)
{
    mutex->owner = 0;
    mutex->heir = NULL;
    mutex->recursion = 0;
    mutex->abandoned = abandoned;
    mutex->count = 1;
    serve(mutex, posts);
}

tp_status_t tpi_mutex_release(struct tpi_waitable *mutex, uint32_t generation,
                              struct tpi_posts *posts)
{
    if (!enter(mutex, generation))
        return TP_ERR_HANDLE;
    tp_status_t status = TP_ERR_NOT_OWNER;
    if (mutex->owner == tpp_thread_id()) {
        status = TP_OK;
        if (--mutex->recursion == 0)
            set_free(mutex, false, posts);
    }
    tpi_lock_drop(&mutex->lock);
    return status;
}

/* The deadline passed: off the list, unless the answer came first. */
static void give_up(struct tpi_waitable *waitable, struct sleeper *sleeper)
{
    tpi_lock_take(&waitable->lock);
    if (!tpi_list_empty(&sleeper->waiter.link)) {
        tpi_list_remove(&sleeper->waiter.link);
        sleeper->status = TP_OK;
        sleeper->result = TP_WAIT_TIMEOUT;
    }
    tpi_lock_drop(&waitable->lock);
}

/* Lock held. */
static tp_status_t try_take(struct tpi_waitable *waitable, uint64_t thread_id,
                            tp_wait_result_t *result_out)
{
    *result_out = TP_WAIT_TIMEOUT;
    if (!ready(waitable, thread_id))
        return TP_OK;
    if (waitable->recursion == UINT32_MAX)
        return TP_ERR_LIMIT;
    *result_out = tpi_waitable_result(waitable);
    consume(waitable, thread_id, NULL);
    return TP_OK;
}

tp_status_t tpi_waitable_try(struct tpi_waitable *waitable, uint32_t generation,
                             tp_wait_result_t *result_out)
{
    if (!enter(waitable, generation))
        return TP_ERR_HANDLE;
    tp_status_t status = try_take(waitable, tpp_thread_id(), result_out);
    tpi_lock_drop(&waitable->lock);
    return status;
}

tp_status_t tpi_waitable_take(struct tpi_waitable *waitable, uint32_t generation,
                              int64_t deadline_ns, tp_wait_result_t *result_out)
{
    struct sleeper sleeper = {
        .waiter.fire = answer, .thread_id = tpp_thread_id(), .result = TP_WAIT_TIMEOUT};
    if (!enter(waitable, generation))
        return TP_ERR_HANDLE;
    tp_status_t status = try_take(waitable, sleeper.thread_id, result_out);
    if (status != TP_OK || *result_out != TP_WAIT_TIMEOUT) {
        tpi_lock_drop(&waitable->lock);
        return status;
    }
    tpi_list_push_back(&waitable->waiters, &sleeper.waiter.link);
    tpi_lock_drop(&waitable->lock);
    /* [WT1] acquire: the answer is complete. Ends with an answer or at the deadline. */
    while (tpp_load_acquire(&sleeper.answered) == 0) {
        if (!tpp_wait(&sleeper.answered, 0, deadline_ns)) {
            give_up(waitable, &sleeper);
            break;
        }
    }
    *result_out = sleeper.result;
    return sleeper.status;
}

/* ---- the end of an owner --------------------------------------------------------------------- */

struct ending {
    uint64_t thread_id;
    struct tpi_posts *posts;
};

static bool abandon(struct tpi_slot *slot, void *context)
{
    struct tpi_waitable *mutex = tpi_container(slot, struct tpi_waitable, slot);
    const struct ending *ending = context;
    tpi_lock_take(&mutex->lock);
    if (tpi_slot_live(tpi_slot_generation(slot)) && mutex->owner == ending->thread_id)
        set_free(mutex, true, ending->posts);
    tpi_lock_drop(&mutex->lock);
    return true;
}

void tpi_waitable_abandon_all(uint64_t thread_id, struct tpi_posts *posts)
{
    struct ending ending = {thread_id, posts};
    tpi_slab_each(TPI_KIND_MUTEX, abandon, &ending);
}

void tpi_mutex_abandon(struct tpi_waitable *mutex, uint32_t generation, struct tpi_posts *posts)
{
    if (!enter(mutex, generation))
        return;
    if (mutex->owner == tpp_thread_id())
        set_free(mutex, true, posts);
    tpi_lock_drop(&mutex->lock);
}

/* ---- armed waits ----------------------------------------------------------------------------- */

/* Both locks, in the order of their addresses. */
static void take_both(struct tpi_waitable *one, struct tpi_waitable *other)
{
    struct tpi_waitable *first = (uintptr_t)one < (uintptr_t)other ? one : other;
    struct tpi_waitable *second = first == one ? other : one;
    if (first)
        tpi_lock_take(&first->lock);
    if (second && second != first)
        tpi_lock_take(&second->lock);
}

bool tpi_waitable_enter(struct tpi_waitable *waitable, uint32_t generation,
                        struct tpi_waitable *old)
{
    take_both(waitable, old);
    if (!waitable || tpi_slot_generation(&waitable->slot) == generation)
        return true;
    tpi_waitable_leave(waitable, old);
    return false;
}

void tpi_waitable_leave(struct tpi_waitable *waitable, struct tpi_waitable *old)
{
    if (waitable)
        tpi_lock_drop(&waitable->lock);
    if (old && old != waitable)
        tpi_lock_drop(&old->lock);
}

bool tpi_waitable_ready(const struct tpi_waitable *waitable)
{
    return waitable->count > 0;
}

void tpi_waitable_consume(struct tpi_waitable *waitable, struct tpi_waiter *wait)
{
    consume(waitable, 0, wait);
}

void tpi_waitable_join(struct tpi_waitable *waitable, struct tpi_waiter *waiter)
{
    tpi_list_push_back(&waitable->waiters, &waiter->link);
}

void tpi_waiter_leave(struct tpi_waiter *waiter)
{
    tpi_list_remove(&waiter->link); /* harmless if it is in none */
}

void tpi_mutex_inherit(struct tpi_waitable *mutex, uint32_t generation, struct tpi_waiter *heir)
{
    if (!enter(mutex, generation))
        return;
    if (mutex->heir == heir) {
        mutex->heir = NULL;
        mutex->owner = tpp_thread_id();
    }
    tpi_lock_drop(&mutex->lock);
}

void tpi_mutex_give_back(struct tpi_waitable *mutex, uint32_t generation, struct tpi_waiter *heir,
                         bool abandoned, struct tpi_posts *posts)
{
    if (!enter(mutex, generation))
        return;
    if (mutex->heir == heir)
        set_free(mutex, abandoned, posts);
    tpi_lock_drop(&mutex->lock);
}
