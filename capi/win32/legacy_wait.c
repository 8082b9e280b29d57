/* legacy_wait.c - registered waits: armed again and again until they are taken back. */
#include "capi/win32/base.h"
#include "capi/win32/legacy.h"

#include <pthread.h>
#include <stdlib.h>

/* It has the reference of its handle and that of the wait in it, whose context it is. */
struct registered {
    struct tpw_object object;
    tp_wait_t *wait;
    tp_wait_spec_t spec;
    struct tpw_object *target; /* what it waits for */
    WAITORTIMERCALLBACK callback;
    PVOID context;
    bool once, in_wait_thread;
    pthread_mutex_t lock;
    struct tpw_ending ending; /* under the lock */
};

static void destroy(struct tpw_object *object)
{
    struct registered *own = (struct registered *)object;
    tpw_object_drop(own->target);
    pthread_mutex_destroy(&own->lock);
    free(own);
}

/* ---- what happens on the pool ---------------------------------------------------------------- */

static _Thread_local const struct registered *running; /* on this thread */

static void on_signal(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                      tp_wait_result_t result)
{
    struct registered *own = context;
    const struct registered *outer = running;
    (void)instance;
    running = own;
    own->callback(own->context, result == TP_WAIT_TIMEOUT);
    running = outer;
    if (own->once || result == TP_WAIT_FAILED)
        return;
    pthread_mutex_lock(&own->lock);
    if (!own->ending.begun)
        (void)tp_wait_set(wait, &own->spec, NULL);
    pthread_mutex_unlock(&own->lock);
}

static void on_release(void *context)
{
    struct registered *own = context;
    tpw_ending_done(&own->ending, &own->lock);
    tpw_object_drop(&own->object);
}

/* ---- registering ----------------------------------------------------------------------------- */

/* On Windows one thread waits, and calls back from there who asked for it: one after the other. */
static tp_status_t join_wait_thread(tp_env_t *env)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static tp_pool_t *pool;
    tp_status_t status = TP_OK;
    pthread_mutex_lock(&lock);
    if (pool)
        status = tp_env_set_pool(env, pool);
    if (!pool || status == TP_ERR_FORKED) {
        tp_pool_config_t config = TP_POOL_CONFIG_INIT;
        config.thread_minimum = config.thread_maximum = 1;
        config.name = "tp-wait";
        status = tp_pool_create(&config, &pool);
        if (status == TP_OK)
            status = tp_env_set_pool(env, pool);
    }
    pthread_mutex_unlock(&lock);
    return status;
}

static tp_status_t create_wait(struct registered *own, ULONG flags)
{
    TP_CALLBACK_ENVIRON environment;
    tp_env_t *env;
    tpw_environ_of_flags(&environment, flags);
    tp_status_t status = tpw_environ_open(&environment, &env);
    if (status == TP_OK && own->in_wait_thread)
        status = join_wait_thread(env);
    if (status == TP_OK)
        status = tp_env_set_context_release(env, on_release);
    if (status == TP_OK)
        status = tp_wait_create(on_signal, own, env, &own->wait);
    (void)tp_env_destroy(env);
    return status;
}

static struct registered *make(WAITORTIMERCALLBACK callback, PVOID context, ULONG milliseconds,
                               ULONG flags)
{
    struct registered *own = calloc(1, sizeof *own);
    if (!own)
        return NULL;
    tpw_object_init(&own->object, TPW_REGISTERED_WAIT, destroy);
    pthread_mutex_init(&own->lock, NULL);
    own->callback = callback;
    own->context = context;
    own->once = (flags & WT_EXECUTEONLYONCE) != 0;
    own->in_wait_thread = (flags & WT_EXECUTEINWAITTHREAD) != 0;
    own->spec = (tp_wait_spec_t)TP_WAIT_SPEC_INIT;
    /* A time of 0 still looks at the object, which a wait of tp with 0 does not (D-13). */
    own->spec.timeout = milliseconds == 0 ? 1 : tpw_timeout_of(milliseconds);
    return own;
}

/* Gives it its wait and its handle. From the handle on anybody may take it back. */
static DWORD start(struct registered *own, PHANDLE handle, ULONG flags)
{
    DWORD error = tpw_error_of(create_wait(own, flags));
    if (error != ERROR_SUCCESS)
        return error;
    tpw_object_hold(&own->object); /* of the wait */
    tpw_object_hold(&own->object); /* of the handle */
    HANDLE made = tpw_handle_open(&own->object);
    if (!made) {
        (void)tp_wait_close(own->wait);
        tpw_object_drop(&own->object);
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    *handle = made;
    tp_status_t status = TP_OK;
    pthread_mutex_lock(&own->lock);
    if (!own->ending.begun)
        status = tp_wait_set(own->wait, &own->spec, NULL);
    pthread_mutex_unlock(&own->lock);
    if (status != TP_OK && tpw_handle_take(made, TPW_REGISTERED_WAIT)) {
        (void)tp_wait_close(own->wait);
        tpw_object_drop(&own->object);
    }
    if (status != TP_OK)
        *handle = NULL;
    return tpw_error_of(status);
}

static DWORD enlist(PHANDLE handle, HANDLE object, WAITORTIMERCALLBACK callback, PVOID context,
                    ULONG milliseconds, ULONG flags)
{
    if (!handle || !callback)
        return ERROR_INVALID_PARAMETER;
    *handle = NULL;
    struct registered *own = make(callback, context, milliseconds, flags);
    if (!own)
        return ERROR_NOT_ENOUGH_MEMORY;
    DWORD error = tpw_handle_waitable(object, &own->spec.source, &own->target);
    if (error == ERROR_SUCCESS)
        error = start(own, handle, flags);
    tpw_object_drop(&own->object);
    return error;
}

BOOL WINAPI RegisterWaitForSingleObject(PHANDLE wait, HANDLE object, WAITORTIMERCALLBACK callback,
                                        PVOID context, ULONG milliseconds, ULONG flags)
{
    DWORD error = enlist(wait, object, callback, context, milliseconds, flags);
    return error == ERROR_SUCCESS ? TRUE : tpw_fail(error);
}

NTSTATUS NTAPI RtlRegisterWait(PHANDLE wait, HANDLE object, RTL_WAITORTIMERCALLBACKFUNC callback,
                               PVOID context, ULONG milliseconds, ULONG flags)
{
    return tpw_ntstatus_of_error(enlist(wait, object, callback, context, milliseconds, flags));
}

/* ---- taking back ----------------------------------------------------------------------------- */

static DWORD delist(HANDLE handle, HANDLE completion)
{
    struct tpw_object *event = NULL;
    if (!tpw_ending_event(completion, &event))
        return ERROR_INVALID_HANDLE;
    struct tpw_object *object = tpw_handle_take(handle, TPW_REGISTERED_WAIT);
    if (!object) {
        tpw_object_drop(event);
        return ERROR_INVALID_HANDLE;
    }
    struct registered *own = (struct registered *)object;
    tpw_ending_begin(&own->ending, &own->lock, event);
    (void)tp_wait_set(own->wait, NULL, NULL);
    tp_status_t status = TP_OK;
    if (completion == INVALID_HANDLE_VALUE)
        status = tp_wait_wait(own->wait, false, TP_INFINITE);
    (void)tp_wait_close(own->wait);
    DWORD error = tpw_ending_error(&own->ending, &own->lock, completion, status);
    if (error == ERROR_IO_PENDING && own->in_wait_thread && running == own)
        error = ERROR_SUCCESS; /* nothing runs beside the one that asks */
    tpw_object_drop(object);
    return error;
}

BOOL WINAPI UnregisterWait(HANDLE wait)
{
    return UnregisterWaitEx(wait, NULL);
}

BOOL WINAPI UnregisterWaitEx(HANDLE wait, HANDLE completion_event)
{
    DWORD error = delist(wait, completion_event);
    return error == ERROR_SUCCESS ? TRUE : tpw_fail(error);
}

NTSTATUS NTAPI RtlDeregisterWait(HANDLE wait)
{
    return RtlDeregisterWaitEx(wait, NULL);
}

NTSTATUS NTAPI RtlDeregisterWaitEx(HANDLE wait, HANDLE completion_event)
{
    return tpw_ntstatus_of_error(delist(wait, completion_event));
}
