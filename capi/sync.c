/* sync.c - the functions of tp/sync.h: events, semaphores, mutexes, and waiting for one. */
#include "tp/sync.h"

#include "capi/gate.h"
#include "capi/source.h"
#include "core/object/object.h"

static tp_status_t close_object(const char *function, enum tpi_kind kind, const void *handle)
{
    uint32_t generation;
    if (!handle)
        return TP_OK;
    struct tpi_waitable *waitable = tpi_gate_slot(kind, handle, &generation);
    tp_status_t status = waitable ? tpi_waitable_close(waitable, generation) : TP_ERR_HANDLE;
    return tpi_gate_result(function, handle, status);
}

static tp_waitable_t make_source(enum tpi_kind kind, const void *handle)
{
    uint32_t generation;
    if (!tpi_gate_slot(kind, handle, &generation))
        return (tp_waitable_t){TPI_WAITABLE_INVALID, 0, (uintptr_t)handle};
    return (tp_waitable_t){TPI_WAITABLE_OBJECT, 0, (uintptr_t)handle};
}

/* ---- events ---------------------------------------------------------------------------------- */

tp_status_t tp_event_create(bool manual_reset, bool signaled, tp_event_t **event_out)
{
    void *handle = NULL;
    tp_status_t status = TP_ERR_ARGUMENT;
    if (event_out) {
        status = tpi_waitable_create(TPI_KIND_EVENT, signaled, 1, manual_reset, &handle);
        *event_out = handle;
    }
    return tpi_gate_result(__func__, NULL, status);
}

tp_status_t tp_event_set(tp_event_t *event)
{
    uint32_t generation;
    struct tpi_waitable *waitable = tpi_gate_slot(TPI_KIND_EVENT, event, &generation);
    struct tpi_posts posts;
    posts.count = 0;
    tp_status_t status = waitable ? tpi_event_set(waitable, generation, &posts) : TP_ERR_HANDLE;
    tpi_posts_publish(&posts);
    return tpi_gate_result(__func__, event, status);
}

tp_status_t tp_event_reset(tp_event_t *event)
{
    uint32_t generation;
    struct tpi_waitable *waitable = tpi_gate_slot(TPI_KIND_EVENT, event, &generation);
    tp_status_t status = waitable ? tpi_event_reset(waitable, generation) : TP_ERR_HANDLE;
    return tpi_gate_result(__func__, event, status);
}

tp_status_t tp_event_close(tp_event_t *event)
{
    return close_object(__func__, TPI_KIND_EVENT, event);
}

/* ---- semaphores ------------------------------------------------------------------------------ */

tp_status_t tp_semaphore_create(uint32_t initial, uint32_t maximum, tp_semaphore_t **semaphore_out)
{
    void *handle = NULL;
    tp_status_t status = TP_ERR_ARGUMENT;
    if (semaphore_out) {
        if (maximum > 0 && initial <= maximum)
            status = tpi_waitable_create(TPI_KIND_SEMAPHORE, initial, maximum, false, &handle);
        *semaphore_out = handle;
    }
    return tpi_gate_result(__func__, NULL, status);
}

tp_status_t tp_semaphore_release(tp_semaphore_t *semaphore, uint32_t count, uint32_t *previous)
{
    uint32_t generation, before = 0;
    struct tpi_waitable *waitable = tpi_gate_slot(TPI_KIND_SEMAPHORE, semaphore, &generation);
    tp_status_t status = TP_ERR_HANDLE;
    struct tpi_posts posts;
    posts.count = 0;
    if (waitable && count == 0)
        status = TP_ERR_ARGUMENT;
    else if (waitable)
        status = tpi_semaphore_release(waitable, generation, count, &before, &posts);
    tpi_posts_publish(&posts);
    if (previous)
        *previous = before;
    return tpi_gate_result(__func__, semaphore, status);
}

tp_status_t tp_semaphore_close(tp_semaphore_t *semaphore)
{
    return close_object(__func__, TPI_KIND_SEMAPHORE, semaphore);
}

/* ---- mutexes --------------------------------------------------------------------------------- */

tp_status_t tp_mutex_create(bool owned, tp_mutex_t **mutex_out)
{
    void *handle = NULL;
    tp_status_t status = TP_ERR_ARGUMENT;
    if (mutex_out) {
        if (owned)
            tpi_thread_watch(); /* its end abandons the mutex */
        status = tpi_waitable_create(TPI_KIND_MUTEX, !owned, 1, false, &handle);
        *mutex_out = handle;
    }
    return tpi_gate_result(__func__, NULL, status);
}

tp_status_t tp_mutex_release(tp_mutex_t *mutex)
{
    uint32_t generation;
    struct tpi_waitable *waitable = tpi_gate_slot(TPI_KIND_MUTEX, mutex, &generation);
    struct tpi_posts posts;
    posts.count = 0;
    tp_status_t status = waitable ? tpi_mutex_release(waitable, generation, &posts) : TP_ERR_HANDLE;
    tpi_posts_publish(&posts);
    return tpi_gate_result(__func__, mutex, status);
}

tp_status_t tp_mutex_close(tp_mutex_t *mutex)
{
    return close_object(__func__, TPI_KIND_MUTEX, mutex);
}

/* ---- waiting --------------------------------------------------------------------------------- */

tp_waitable_t tp_waitable_event(tp_event_t *event)
{
    return make_source(TPI_KIND_EVENT, event);
}

tp_waitable_t tp_waitable_semaphore(tp_semaphore_t *semaphore)
{
    return make_source(TPI_KIND_SEMAPHORE, semaphore);
}

tp_waitable_t tp_waitable_mutex(tp_mutex_t *mutex)
{
    return make_source(TPI_KIND_MUTEX, mutex);
}

tp_waitable_t tp_waitable_fd(int fd, uint32_t poll_events)
{
    return (tp_waitable_t){TPI_WAITABLE_FILE, poll_events, (uint32_t)fd};
}

tp_waitable_t tp_waitable_process(int pidfd)
{
    return (tp_waitable_t){TPI_WAITABLE_PROCESS, 0, (uint32_t)pidfd};
}

tp_waitable_t tp_waitable_signal(int signo)
{
    return (tp_waitable_t){TPI_WAITABLE_SIGNAL, 0, (uint32_t)signo};
}

tp_waitable_t tp_waitable_never(void)
{
    return (tp_waitable_t){TPI_WAITABLE_NEVER, 0, 0};
}

static void wait_never(int64_t deadline)
{
    tpp_u32 word;
    tpp_init(&word, 0);
    while (tpp_wait(&word, 0, deadline))
        ; /* nobody wakes it: only the deadline ends it */
}

/* Blocks until the descriptor is in one of the states, or the signal has been taken. */
static int wait_source(const struct tpi_wanted *wanted, int64_t deadline, bool *signaled_out)
{
    uint32_t found = 0;
    int failed;
    if (wanted->kind == TPI_SOURCE_SIGNAL)
        return tpp_signal_wait(wanted->number, deadline, signaled_out);
    failed = wanted->kind == TPI_SOURCE_PROCESS ? tpp_file_is_process(wanted->number) : 0;
    if (!failed)
        failed = tpp_file_wait(wanted->number, wanted->events, deadline, &found);
    *signaled_out = found != 0;
    return failed;
}

/* Waits for what may block, as a stretch in which the pool lacks the thread. */
static tp_status_t wait_blocked(const struct tpi_wanted *wanted, int64_t timeout,
                                tp_wait_result_t *result)
{
    tp_status_t status = TP_OK;
    bool signaled = false;
    int failed;
    int64_t deadline = tpi_deadline(timeout);
    if (timeout > 0)
        tpi_blocking_enter();
    switch (wanted->what) {
    case TPI_WANT_WAITABLE:
        status = tpi_waitable_take(wanted->waitable, wanted->waitable_generation, deadline, result);
        break;
    case TPI_WANT_SOURCE:
        failed = wait_source(wanted, deadline, &signaled);
        *result = signaled ? TP_WAIT_SIGNALED : TP_WAIT_TIMEOUT;
        status = failed ? tpi_gate_system(failed) : TP_OK;
        break;
    case TPI_WANT_NEVER:
    case TPI_WANT_NOTHING:
        wait_never(deadline);
        *result = TP_WAIT_TIMEOUT;
        break;
    }
    if (timeout > 0)
        tpi_blocking_leave();
    return status;
}

static tp_status_t wait_for(const struct tpi_wanted *wanted, int64_t timeout,
                            tp_wait_result_t *result)
{
    if (wanted->what != TPI_WANT_WAITABLE)
        return wait_blocked(wanted, timeout, result);
    if (wanted->waitable->kind == TPI_KIND_MUTEX)
        tpi_thread_watch(); /* its end abandons what it may come to own */
    tp_status_t status = tpi_waitable_try(wanted->waitable, wanted->waitable_generation, result);
    if (status != TP_OK || *result != TP_WAIT_TIMEOUT || timeout == 0)
        return status;
    return wait_blocked(wanted, timeout, result);
}

tp_status_t tp_waitable_wait(tp_waitable_t source, int64_t timeout, tp_wait_result_t *result)
{
    struct tpi_wanted wanted;
    const void *handle = (const void *)(uintptr_t)source.value;
    if (!result)
        return tpi_gate_result(__func__, handle, TP_ERR_ARGUMENT);
    *result = 0;
    if (timeout < 0)
        return tpi_gate_result(__func__, handle, TP_ERR_ARGUMENT);
    tp_status_t status = tpi_source_judge(&source, &wanted);
    if (status == TP_OK)
        status = wait_for(&wanted, timeout, result);
    if (status != TP_OK)
        *result = 0;
    return tpi_gate_result(__func__, handle, status);
}
