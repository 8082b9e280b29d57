/* legacy_timer.c - timer queues: timers that are deleted one by one, or all of a queue together. */
#include "capi/win32/base.h"
#include "capi/win32/legacy.h"

#include <pthread.h>
#include <stdlib.h>

/* It has the reference of its handle and one of each of its timers. */
struct queue {
    struct tpw_object object;
    pthread_mutex_t lock;
    struct timer *first;      /* those with a handle; under the lock */
    uint64_t alive;           /* timers that are not gone yet; under the lock */
    struct tpw_ending ending; /* under the lock */
    pthread_cond_t gone;      /* it is being deleted, and no timer is alive */
    uint32_t forks;           /* before it was made */
};

/* It has the reference of its handle and that of the timer in it, whose context it is. */
struct timer {
    struct tpw_object object;
    struct queue *queue;
    struct timer *next, **link; /* under the queue's lock; link is NULL: in no list */
    HANDLE handle;
    tp_timer_t *timer;
    WAITORTIMERCALLBACK callback;
    PVOID context;
    bool only_once;
    pthread_mutex_t lock;
    bool spent;               /* it has expired for the last time; under the lock */
    bool periodic;            /* under the lock */
    struct tpw_ending ending; /* under the lock */
};

/* ---- queues ---------------------------------------------------------------------------------- */

static void destroy_queue(struct tpw_object *object)
{
    struct queue *queue = (struct queue *)object;
    pthread_cond_destroy(&queue->gone);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

static struct queue *make_queue(void)
{
    struct queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return NULL;
    tpw_object_init(&queue->object, TPW_TIMER_QUEUE, destroy_queue);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->gone, NULL);
    queue->forks = tpw_forks();
    return queue;
}

/* That of the process, which stays; NULL: no memory. */
static struct queue *the_default(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct queue *queue;
    pthread_mutex_lock(&lock);
    if (!queue)
        queue = make_queue();
    struct queue *found = queue;
    pthread_mutex_unlock(&lock);
    return found;
}

/* With a reference. */
static struct queue *get_queue(HANDLE handle, DWORD *error)
{
    struct queue *queue;
    if (handle) {
        queue = (struct queue *)tpw_handle_get(handle, TPW_TIMER_QUEUE);
        *error = queue ? ERROR_SUCCESS : ERROR_INVALID_HANDLE;
        return queue;
    }
    queue = the_default();
    *error = queue ? ERROR_SUCCESS : ERROR_NOT_ENOUGH_MEMORY;
    if (queue)
        tpw_object_hold(&queue->object);
    return queue;
}

HANDLE WINAPI CreateTimerQueue(void)
{
    struct queue *queue = make_queue();
    HANDLE handle = queue ? tpw_handle_open(&queue->object) : NULL;
    if (handle)
        return handle;
    if (queue)
        tpw_object_drop(&queue->object);
    tpw_fail(ERROR_NOT_ENOUGH_MEMORY);
    return NULL;
}

/* ---- what happens on the pool ---------------------------------------------------------------- */

/* Of the callbacks on this thread's stack: one that waits may run another one meanwhile. */
struct expiry {
    const struct queue *queue;
    const struct expiry *outer;
};
static _Thread_local const struct expiry *running;

static bool is_running_here(const struct queue *queue)
{
    const struct expiry *expiry = running;
    while (expiry && expiry->queue != queue)
        expiry = expiry->outer;
    return expiry != NULL;
}

static void on_expiry(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct timer *own = context;
    const struct expiry expiry = {own->queue, running};
    (void)instance;
    (void)timer;
    pthread_mutex_lock(&own->lock);
    own->spent = !own->periodic;
    pthread_mutex_unlock(&own->lock);
    running = &expiry;
    own->callback(own->context, TRUE);
    running = expiry.outer;
}

static void on_release(void *context)
{
    struct timer *own = context;
    struct queue *queue = own->queue;
    tpw_ending_done(&own->ending, &own->lock);
    pthread_mutex_lock(&queue->lock);
    bool last = --queue->alive == 0 && queue->ending.begun;
    if (last)
        pthread_cond_broadcast(&queue->gone);
    pthread_mutex_unlock(&queue->lock);
    if (last)
        tpw_ending_done(&queue->ending, &queue->lock);
    tpw_object_drop(&queue->object);
    tpw_object_drop(&own->object);
}

/* ---- making ---------------------------------------------------------------------------------- */

static void destroy_timer(struct tpw_object *object)
{
    struct timer *own = (struct timer *)object;
    pthread_mutex_destroy(&own->lock);
    free(own);
}

static tp_status_t create_timer(struct timer *own, ULONG flags)
{
    TP_CALLBACK_ENVIRON environment;
    tp_env_t *env;
    tpw_environ_of_flags(&environment, flags);
    tp_status_t status = tpw_environ_open(&environment, &env);
    if (status == TP_OK)
        status = tp_env_set_context_release(env, on_release);
    if (status == TP_OK && (flags & WT_EXECUTEINTIMERTHREAD))
        status = tp_env_set_concurrency_limit(env, 1);
    if (status == TP_OK)
        status = tp_timer_create(on_expiry, own, env, &own->timer);
    (void)tp_env_destroy(env);
    return status;
}

/* Gives it a handle and puts it into the queue's list, unless the queue is being deleted: both
 * under the lock that whoever takes the handle needs to take the timer out. */
static DWORD join(struct timer *own, struct queue *queue)
{
    DWORD error = ERROR_SUCCESS;
    tpw_object_hold(&own->object);
    pthread_mutex_lock(&queue->lock);
    if (queue->ending.begun)
        error = ERROR_INVALID_HANDLE;
    else if (!(own->handle = tpw_handle_open(&own->object)))
        error = ERROR_NOT_ENOUGH_MEMORY;
    if (error == ERROR_SUCCESS) {
        own->next = queue->first;
        own->link = &queue->first;
        if (own->next)
            own->next->link = &own->next;
        queue->first = own;
    }
    pthread_mutex_unlock(&queue->lock);
    if (error != ERROR_SUCCESS)
        tpw_object_drop(&own->object);
    return error;
}

/* Lock of the queue held. */
static void take_out(struct timer *own)
{
    if (!own->link)
        return;
    *own->link = own->next;
    if (own->next)
        own->next->link = own->link;
    own->link = NULL;
}

static tp_status_t set(struct timer *own, DWORD due, DWORD period)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.due = due == INFINITE ? TP_INFINITE : (int64_t)due * 1000000;
    spec.period = own->only_once ? 0 : (int64_t)period * 1000000;
    own->periodic = spec.period != 0;
    return tp_timer_set(own->timer, &spec, NULL);
}

/* The timer of tp exists from here on, and ends by being closed, which gives back its reference of
 * the object and the queue's count. From the handle on anybody may delete it. */
static DWORD start(struct timer *own, PHANDLE handle, DWORD due, DWORD period)
{
    DWORD error = join(own, own->queue);
    if (error != ERROR_SUCCESS) {
        (void)tp_timer_close(own->timer);
        return error;
    }
    *handle = own->handle;
    pthread_mutex_lock(&own->lock);
    if (!own->ending.begun)
        (void)set(own, due, period);
    pthread_mutex_unlock(&own->lock);
    return ERROR_SUCCESS;
}

/* With a reference of its own while it is being made. */
static DWORD make_timer(PHANDLE handle, struct queue *queue, const struct timer *wanted, DWORD due,
                        DWORD period, ULONG flags)
{
    struct timer *own = malloc(sizeof *own);
    if (!own)
        return ERROR_NOT_ENOUGH_MEMORY;
    *own = *wanted;
    tpw_object_init(&own->object, TPW_QUEUE_TIMER, destroy_timer);
    pthread_mutex_init(&own->lock, NULL);
    own->queue = queue;
    own->only_once = (flags & WT_EXECUTEONLYONCE) != 0;
    tp_status_t status = create_timer(own, flags);
    DWORD error = tpw_error_of(status);
    if (status == TP_OK) {
        pthread_mutex_lock(&queue->lock);
        queue->alive++;
        pthread_mutex_unlock(&queue->lock);
        tpw_object_hold(&queue->object);
        tpw_object_hold(&own->object);
        error = start(own, handle, due, period);
    }
    tpw_object_drop(&own->object);
    return error;
}

BOOL WINAPI CreateTimerQueueTimer(PHANDLE timer, HANDLE queue, WAITORTIMERCALLBACK callback,
                                  PVOID context, DWORD due, DWORD period, ULONG flags)
{
    DWORD error;
    if (!timer || !callback)
        return tpw_fail(ERROR_INVALID_PARAMETER);
    *timer = NULL;
    struct queue *found = get_queue(queue, &error);
    if (!found)
        return tpw_fail(error);
    const struct timer wanted = {.callback = callback, .context = context};
    error = make_timer(timer, found, &wanted, due, period, flags);
    tpw_object_drop(&found->object);
    return error == ERROR_SUCCESS ? TRUE : tpw_fail(error);
}

/* One that has expired for the last time is left alone, as on Windows. */
BOOL WINAPI ChangeTimerQueueTimer(HANDLE queue, HANDLE timer, ULONG due, ULONG period)
{
    DWORD error;
    struct queue *found = get_queue(queue, &error);
    if (!found)
        return tpw_fail(error);
    tpw_object_drop(&found->object);
    struct timer *own = (struct timer *)tpw_handle_get(timer, TPW_QUEUE_TIMER);
    if (!own)
        return tpw_fail(timer ? ERROR_INVALID_HANDLE : ERROR_INVALID_PARAMETER);
    pthread_mutex_lock(&own->lock);
    if (!own->spent && !own->ending.begun)
        (void)set(own, due, period);
    pthread_mutex_unlock(&own->lock);
    tpw_object_drop(&own->object);
    return TRUE;
}

/* ---- deleting -------------------------------------------------------------------------------- */

/* Takes over the reference that the handle had, and the event. */
static DWORD end_timer(struct timer *own, HANDLE completion, struct tpw_object *event)
{
    tp_status_t status = TP_OK;
    pthread_mutex_lock(&own->queue->lock);
    take_out(own);
    pthread_mutex_unlock(&own->queue->lock);
    tpw_ending_begin(&own->ending, &own->lock, event);
    (void)tp_timer_set(own->timer, NULL, NULL);
    if (completion == INVALID_HANDLE_VALUE)
        status = tp_timer_wait(own->timer, false, TP_INFINITE);
    (void)tp_timer_close(own->timer);
    DWORD error = tpw_ending_error(&own->ending, &own->lock, completion, status);
    tpw_object_drop(&own->object);
    return error;
}

BOOL WINAPI DeleteTimerQueueTimer(HANDLE queue, HANDLE timer, HANDLE completion_event)
{
    struct tpw_object *event;
    DWORD error;
    if (!timer)
        return tpw_fail(ERROR_INVALID_PARAMETER);
    struct queue *found = get_queue(queue, &error);
    if (!found)
        return tpw_fail(error);
    tpw_object_drop(&found->object);
    if (!tpw_ending_event(completion_event, &event))
        return tpw_fail(ERROR_INVALID_HANDLE);
    struct timer *own = (struct timer *)tpw_handle_take(timer, TPW_QUEUE_TIMER);
    if (!own) {
        tpw_object_drop(event);
        return tpw_fail(ERROR_INVALID_HANDLE);
    }
    error = end_timer(own, completion_event, event);
    return error == ERROR_SUCCESS ? TRUE : tpw_fail(error);
}

/* The next timer of a queue that is being deleted, with the reference of its handle. One whose
 * handle somebody else has taken is that one's to end. */
static struct timer *next_timer(struct queue *queue)
{
    struct tpw_object *taken = NULL;
    pthread_mutex_lock(&queue->lock);
    while (queue->first && !taken) {
        struct timer *first = queue->first;
        take_out(first);
        taken = tpw_handle_take(first->handle, TPW_QUEUE_TIMER);
    }
    pthread_mutex_unlock(&queue->lock);
    return (struct timer *)taken;
}

/* For those too whose handle somebody else has taken. In the child of a fork none of them ends. */
static DWORD wait_for_all(struct queue *queue)
{
    if (queue->forks != tpw_forks())
        return tpw_error_of(TP_ERR_FORKED);
    if (is_running_here(queue))
        return ERROR_POSSIBLE_DEADLOCK;
    pthread_mutex_lock(&queue->lock);
    while (queue->alive != 0)
        pthread_cond_wait(&queue->gone, &queue->lock);
    pthread_mutex_unlock(&queue->lock);
    return ERROR_SUCCESS;
}

static DWORD end_queue(struct queue *queue, HANDLE completion, struct tpw_object *event)
{
    DWORD error, first_error = ERROR_SUCCESS;
    struct timer *own;
    tpw_ending_begin(&queue->ending, &queue->lock, event);
    while ((own = next_timer(queue))) {
        error = end_timer(own, completion, NULL);
        if (first_error == ERROR_SUCCESS && completion == INVALID_HANDLE_VALUE)
            first_error = error;
    }
    if (completion == INVALID_HANDLE_VALUE)
        return first_error == ERROR_SUCCESS ? wait_for_all(queue) : first_error;
    pthread_mutex_lock(&queue->lock);
    bool idle = queue->alive == 0;
    pthread_mutex_unlock(&queue->lock);
    if (idle)
        tpw_ending_done(&queue->ending, &queue->lock);
    return tpw_ending_error(&queue->ending, &queue->lock, completion, TP_OK);
}

BOOL WINAPI DeleteTimerQueue(HANDLE queue)
{
    return DeleteTimerQueueEx(queue, NULL);
}

BOOL WINAPI DeleteTimerQueueEx(HANDLE queue, HANDLE completion_event)
{
    struct tpw_object *event;
    if (!tpw_ending_event(completion_event, &event))
        return tpw_fail(ERROR_INVALID_HANDLE);
    struct queue *own = (struct queue *)tpw_handle_take(queue, TPW_TIMER_QUEUE);
    if (!own) {
        tpw_object_drop(event);
        return tpw_fail(ERROR_INVALID_HANDLE);
    }
    DWORD error = end_queue(own, completion_event, event);
    tpw_object_drop(&own->object);
    return error == ERROR_SUCCESS ? TRUE : tpw_fail(error);
}
