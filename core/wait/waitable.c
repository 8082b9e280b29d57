/* waitable.c - the events, semaphores and mutexes of waitable.h. */
#include "core/wait/waitable.h"

#include "core/base/assert.h"
#include "core/mem/token.h"

/* One thread asleep, on its own stack. Whoever takes the node off the list answers it: writes the
 * answer, releases `answered`, and touches the node no more. */
struct waiter {
    struct tpi_link link; /* under the waitable's lock */
    bool listed;          /* under the waitable's lock */
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

/* Takes the unit that ready() promised. */
static tp_wait_result_t consume(struct tpi_waitable *waitable, uint64_t thread_id)
{
    if (waitable->kind == TPI_KIND_MUTEX) {
        bool abandoned = waitable->abandoned;
        waitable->count = 0;
        waitable->owner = thread_id;
        waitable->recursion++;
        waitable->abandoned = false;
        return abandoned ? TP_WAIT_ABANDONED : TP_WAIT_SIGNALED;
    }
    if (!waitable->manual_reset)
        waitable->count--;
    return TP_WAIT_SIGNALED;
}

static void answer(struct waiter *waiter, tp_status_t status, tp_wait_result_t result)
{
    tpi_list_remove(&waiter->link);
    waiter->listed = false;
    waiter->status = status;
    waiter->result = result;
    tpp_u32 *word = &waiter->answered;
    /* [WT1] release: the answer is complete; from here on the node belongs to its thread again,
     * which may return, and tpp_wake does not touch the word. */
    tpp_store_release(word, 1);
    tpp_wake(word, 1);
}

/* Hands out what there is, in order of arrival. Under lock. */
static void serve(struct tpi_waitable *waitable)
{
    while (waitable->count > 0 && !tpi_list_empty(&waitable->waiters)) {
        struct waiter *first = tpi_container(waitable->waiters.next, struct waiter, link);
        answer(first, TP_OK, consume(waitable, first->thread_id));
    }
}

tp_status_t tpi_waitable_close(struct tpi_waitable *waitable, uint32_t generation)
{
    if (!enter(waitable, generation))
        return TP_ERR_HANDLE;
    while (!tpi_list_empty(&waitable->waiters))
        answer(tpi_container(waitable->waiters.next, struct waiter, link), TP_ERR_HANDLE, 0);
    waitable->owner = 0;
    /* Under the lock: from here on every other holder of the handle finds it stale. */
    bool retired = tpi_slab_retire(&waitable->slot, generation);
    tpi_assert(retired);
    tpi_lock_drop(&waitable->lock);
    tpi_slab_free(waitable->kind, &waitable->slot, NULL);
    return TP_OK;
}

tp_status_t tpi_event_set(struct tpi_waitable *event, uint32_t generation)
{
    if (!enter(event, generation))
        return TP_ERR_HANDLE;
    event->count = 1;
    serve(event);
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
                                  uint32_t count, uint32_t *previous_out)
{
    if (!enter(semaphore, generation))
        return TP_ERR_HANDLE;
    tp_status_t status = TP_ERR_LIMIT;
    if (count <= semaphore->maximum - semaphore->count) {
        *previous_out = semaphore->count;
        semaphore->count += count;
        serve(semaphore);
        status = TP_OK;
    }
    tpi_lock_drop(&semaphore->lock);
    return status;
}

tp_status_t tpi_mutex_release(struct tpi_waitable *mutex, uint32_t generation)
{
    if (!enter(mutex, generation))
        return TP_ERR_HANDLE;
    tp_status_t status = TP_ERR_NOT_OWNER;
    if (mutex->owner == tpp_thread_id()) {
        status = TP_OK;
        if (--mutex->recursion == 0) {
            mutex->owner = 0;
            mutex->count = 1;
            serve(mutex);
        }
    }
    tpi_lock_drop(&mutex->lock);
    return status;
}

/* The deadline passed: off the list, unless the answer came first. */
static void give_up(struct tpi_waitable *waitable, struct waiter *waiter)
{
    tpi_lock_take(&waitable->lock);
    if (waiter->listed) {
        tpi_list_remove(&waiter->link);
        waiter->status = TP_OK;
        waiter->result = TP_WAIT_TIMEOUT;
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
    *result_out = consume(waitable, thread_id);
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
    struct waiter waiter = {.thread_id = tpp_thread_id(), .result = TP_WAIT_TIMEOUT};
    if (!enter(waitable, generation))
        return TP_ERR_HANDLE;
    tp_status_t status = try_take(waitable, waiter.thread_id, result_out);
    if (status != TP_OK || *result_out != TP_WAIT_TIMEOUT) {
        tpi_lock_drop(&waitable->lock);
        return status;
    }
    waiter.listed = true;
    tpi_list_push_back(&waitable->waiters, &waiter.link);
    tpi_lock_drop(&waitable->lock);
    /* [WT1] acquire: the answer is complete. Ends with an answer or at the deadline. */
    while (tpp_load_acquire(&waiter.answered) == 0) {
        if (!tpp_wait(&waiter.answered, 0, deadline_ns)) {
            give_up(waitable, &waiter);
            break;
        }
    }
    *result_out = waiter.result;
    return waiter.status;
}

static bool abandon(struct tpi_slot *slot, void *context)
{
    struct tpi_waitable *mutex = tpi_container(slot, struct tpi_waitable, slot);
    const uint64_t *thread_id = context;
    tpi_lock_take(&mutex->lock);
    if (tpi_slot_live(tpi_slot_generation(slot)) && mutex->owner == *thread_id) {
        mutex->owner = 0;
        mutex->recursion = 0;
        mutex->abandoned = true;
        mutex->count = 1;
        serve(mutex);
    }
    tpi_lock_drop(&mutex->lock);
    return true;
}

void tpi_waitable_abandon_all(uint64_t thread_id)
{
    tpi_slab_each(TPI_KIND_MUTEX, abandon, &thread_id);
}
