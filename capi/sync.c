/* sync.c - the functions of tp/sync.h: events, semaphores, mutexes, and waiting for one. */
#include "tp/sync.h"

#include "capi/gate.h"
#include "core/object/object.h"
#include "core/wait/waitable.h"

/* What a tp_waitable_t is of; its value is the handle. */
enum { SOURCE_INVALID, SOURCE_NEVER, SOURCE_OBJECT };

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
        return (tp_waitable_t){SOURCE_INVALID, 0, (uintptr_t)handle};
    return (tp_waitable_t){SOURCE_OBJECT, 0, (uintptr_t)handle};
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
    tp_status_t status = waitable ? tpi_event_set(waitable, generation) : TP_ERR_HANDLE;
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
    if (waitable && count == 0)
        status = TP_ERR_ARGUMENT;
    else if (waitable)
        status = tpi_semaphore_release(waitable, generation, count, &before);
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
    tp_status_t status = waitable ? tpi_mutex_release(waitable, generation) : TP_ERR_HANDLE;
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

tp_waitable_t tp_waitable_never(void)
{
    return (tp_waitable_t){SOURCE_NEVER, 0, 0};
}

/* The object behind a source, or NULL. */
static struct tpi_waitable *find(const tp_waitable_t *source, uint32_t *generation_out)
{
    uintptr_t token = (uintptr_t)source->value;
    enum tpi_kind kind = tpi_token_kind(token);
    if (source->kind != SOURCE_OBJECT || source->detail != 0 ||
        (kind != TPI_KIND_EVENT && kind != TPI_KIND_SEMAPHORE && kind != TPI_KIND_MUTEX))
        return NULL;
    return tpi_gate_slot(kind, token, generation_out);
}

static void wait_never(int64_t deadline)
{
    tpp_u32 word;
    tpp_init(&word, 0);
    while (tpp_wait(&word, 0, deadline))
        ; /* nobody wakes it: only the deadline ends it */
}

static tp_status_t wait_object(struct tpi_waitable *waitable, uint32_t generation, int64_t timeout,
                               tp_wait_result_t *result)
{
    if (waitable->kind == TPI_KIND_MUTEX)
        tpi_thread_watch(); /* its end abandons what it may come to own */
    tp_status_t status = tpi_waitable_try(waitable, generation, result);
    if (status != TP_OK || *result != TP_WAIT_TIMEOUT || timeout == 0)
        return status;
    int64_t deadline = tpi_deadline(timeout);
    tpi_blocking_enter();
    status = tpi_waitable_take(waitable, generation, deadline, result);
    tpi_blocking_leave();
    return status;
}

tp_status_t tp_waitable_wait(tp_waitable_t source, int64_t timeout, tp_wait_result_t *result)
{
    uint32_t generation;
    const void *handle = (const void *)(uintptr_t)source.value;
    if (!result)
        return tpi_gate_result(__func__, handle, TP_ERR_ARGUMENT);
    *result = 0;
    if (timeout < 0)
        return tpi_gate_result(__func__, handle, TP_ERR_ARGUMENT);
    if (source.kind == SOURCE_NEVER) {
        tpi_blocking_enter();
        wait_never(tpi_deadline(timeout));
        tpi_blocking_leave();
        *result = TP_WAIT_TIMEOUT;
        return TP_OK;
    }
    struct tpi_waitable *waitable = find(&source, &generation);
    tp_status_t status =
        waitable ? wait_object(waitable, generation, timeout, result) : TP_ERR_HANDLE;
    if (status != TP_OK)
        *result = 0;
    return tpi_gate_result(__func__, handle, status);
}
