/* instance.c - the functions of tp/instance.h: what a running callback may ask for. */
#include "tp/instance.h"

#include "capi/gate.h"
#include "core/object/instance.h"
#include "core/sched/park.h"

/* The running instance; else TP_ERR_STATE for one that is over or of another thread. */
static tp_status_t find(tp_callback_instance_t *handle, struct tpi_instance **instance_out)
{
    *instance_out = NULL;
    if (tpi_token_kind((uintptr_t)handle) != TPI_KIND_INSTANCE)
        return TP_ERR_HANDLE;
    *instance_out = tpi_instance_find(handle);
    return *instance_out ? TP_OK : TP_ERR_STATE;
}

tp_status_t tp_callback_may_run_long(tp_callback_instance_t *handle)
{
    struct tpi_instance *instance;
    tp_status_t status = find(handle, &instance);
    if (status == TP_OK)
        status = tpi_instance_may_run_long(instance);
    return tpi_gate_result(__func__, handle, status);
}

tp_status_t tp_callback_disassociate(tp_callback_instance_t *handle)
{
    struct tpi_instance *instance;
    tp_status_t status = find(handle, &instance);
    if (status == TP_OK)
        tpi_instance_disassociate(instance);
    return tpi_gate_result(__func__, handle, status);
}

tp_status_t tp_callback_wait_events(tp_callback_instance_t *handle, uint32_t *events)
{
    struct tpi_instance *instance;
    if (!events)
        return tpi_gate_result(__func__, handle, TP_ERR_ARGUMENT);
    *events = 0;
    tp_status_t status = find(handle, &instance);
    if (status == TP_OK && tpi_task_kind(&instance->object->task) != TPI_KIND_WAIT)
        status = TP_ERR_STATE;
    if (status == TP_OK)
        *events = instance->told.events;
    return tpi_gate_result(__func__, handle, status);
}

tp_status_t tp_callback_unlock_on_return(tp_callback_instance_t *handle, void *pthread_mutex)
{
    struct tpi_instance *instance;
    tp_status_t status = find(handle, &instance);
    if (status == TP_OK && !pthread_mutex)
        status = TP_ERR_ARGUMENT;
    if (status == TP_OK)
        instance->unlock = pthread_mutex;
    return tpi_gate_result(__func__, handle, status);
}

/* An open object of that kind? */
static tp_status_t judge(enum tpi_kind kind, const void *handle)
{
    uint32_t generation;
    return tpi_gate_slot(kind, handle, &generation) ? TP_OK : TP_ERR_HANDLE;
}

tp_status_t tp_callback_release_mutex_on_return(tp_callback_instance_t *handle, tp_mutex_t *mutex)
{
    struct tpi_instance *instance;
    tp_status_t status = find(handle, &instance);
    if (status != TP_OK)
        return tpi_gate_result(__func__, handle, status);
    status = judge(TPI_KIND_MUTEX, mutex);
    if (status == TP_OK)
        instance->mutex = mutex;
    return tpi_gate_result(__func__, mutex, status);
}

tp_status_t tp_callback_release_semaphore_on_return(tp_callback_instance_t *handle,
                                                    tp_semaphore_t *semaphore, uint32_t count)
{
    struct tpi_instance *instance;
    tp_status_t status = find(handle, &instance);
    if (status != TP_OK)
        return tpi_gate_result(__func__, handle, status);
    status = judge(TPI_KIND_SEMAPHORE, semaphore);
    if (status == TP_OK && count == 0)
        status = TP_ERR_ARGUMENT;
    if (status == TP_OK) {
        instance->semaphore = semaphore;
        instance->semaphore_count = count;
    }
    return tpi_gate_result(__func__, semaphore, status);
}

tp_status_t tp_callback_set_event_on_return(tp_callback_instance_t *handle, tp_event_t *event)
{
    struct tpi_instance *instance;
    tp_status_t status = find(handle, &instance);
    if (status != TP_OK)
        return tpi_gate_result(__func__, handle, status);
    status = judge(TPI_KIND_EVENT, event);
    if (status == TP_OK)
        instance->event = event;
    return tpi_gate_result(__func__, event, status);
}

tp_status_t tp_callback_close_library_on_return(tp_callback_instance_t *handle, void *dlopen_handle)
{
    struct tpi_instance *instance;
    tp_status_t status = find(handle, &instance);
    if (status == TP_OK && !dlopen_handle)
        status = TP_ERR_ARGUMENT;
    if (status == TP_OK)
        instance->library = dlopen_handle;
    return tpi_gate_result(__func__, handle, status);
}

tp_status_t tp_callback_cancel_requested(tp_callback_instance_t *handle, bool *requested)
{
    struct tpi_instance *instance;
    if (!requested)
        return tpi_gate_result(__func__, handle, TP_ERR_ARGUMENT);
    *requested = false;
    tp_status_t status = find(handle, &instance);
    if (status == TP_OK)
        *requested = tpi_instance_cancel_requested(instance);
    return tpi_gate_result(__func__, handle, status);
}

/* The innermost callback on this thread, or NULL. */
static struct tpi_instance *innermost(void)
{
    struct tpi_thread *thread = tpi_thread_self();
    return thread ? thread->instance : NULL;
}

tp_status_t tp_blocking_begin(void)
{
    struct tpi_instance *instance = innermost();
    if (!instance)
        return tpi_gate_result(__func__, NULL, TP_ERR_STATE);
    if (instance->blocking++ == 0)
        tpi_blocking_enter();
    return TP_OK;
}

tp_status_t tp_blocking_end(void)
{
    struct tpi_instance *instance = innermost();
    if (!instance || instance->blocking == 0)
        return tpi_gate_result(__func__, NULL, TP_ERR_STATE);
    if (--instance->blocking == 0)
        tpi_blocking_leave();
    return TP_OK;
}
