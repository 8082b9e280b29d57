/* native_io.c - I/O objects by the names of ntdll: their callbacks are told a
 * status block. */
#include "capi/win32/win32.h"

#include <stdlib.h>

/* What tp calls back with, for callbacks of another shape. It is the object's
 * context, so cancel callback and finalizer, which are handed that too, are
 * called through it as well. */
struct native_io {
    PTP_IO_CALLBACK callback;
    void *context;
    PTP_CLEANUP_GROUP_CANCEL_CALLBACK cancel;
    PTP_SIMPLE_CALLBACK finalizer;
};

static void on_completion(tp_callback_instance_t *instance, void *context, void *operation,
                          int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct native_io *native = context;
    IO_STATUS_BLOCK block = {.Status = tpw_ntstatus_of_error((DWORD)error), .Information = bytes};
    native->callback((PTP_CALLBACK_INSTANCE)instance, native->context, operation, &block,
                     (PTP_IO)io);
}

static void on_cancel(void *object_context, void *cleanup_context)
{
    struct native_io *native = object_context;
    native->cancel(native->context, cleanup_context);
}

static void on_final(tp_callback_instance_t *instance, void *context)
{
    struct native_io *native = context;
    native->finalizer((PTP_CALLBACK_INSTANCE)instance, native->context);
}

/* The environment as it is but for what would be handed the wrong context. All it names has been
 * judged before. */
static void redirect(tp_env_t *env, const TP_CALLBACK_ENVIRON_V1 *environment,
                     struct native_io *native)
{
    if (environment->CleanupGroup && environment->CleanupGroupCancelCallback) {
        native->cancel = environment->CleanupGroupCancelCallback;
        (void)tp_env_set_cleanup_group(env, (tp_cleanup_group_t *)environment->CleanupGroup,
                                       on_cancel);
    }
    if (environment->FinalizationCallback) {
        native->finalizer = environment->FinalizationCallback;
        (void)tp_env_set_finalizer(env, on_final);
    }
}

static DWORD create(HANDLE file, struct native_io *native, TP_CALLBACK_ENVIRON *environment,
                    tp_io_t **io)
{
    bool moved = false;
    tp_env_t *env;
    tp_status_t status = environment ? tpw_environ_open(environment, &env) : tp_env_create(&env);
    DWORD error = tpw_error_of(status);
    if (error == ERROR_SUCCESS) {
        if (environment)
            redirect(env, (const TP_CALLBACK_ENVIRON_V1 *)(const void *)environment, native);
        (void)tp_env_set_context_release(env, free);
        error = tpw_io_create(file, on_completion, native, env, io, &moved);
    }
    if (!moved)
        free(native);
    (void)tp_env_destroy(env);
    return error;
}

NTSTATUS NTAPI TpAllocIoCompletion(TP_IO **io, HANDLE file, PTP_IO_CALLBACK callback, void *context,
                                   TP_CALLBACK_ENVIRON *environment)
{
    tp_io_t *made = NULL;
    if (!callback)
        return STATUS_INVALID_PARAMETER;
    struct native_io *native = calloc(1, sizeof *native);
    if (!native)
        return STATUS_NO_MEMORY;
    native->callback = callback;
    native->context = context;
    DWORD error = create(file, native, environment, &made);
    if (made)
        *io = (TP_IO *)made;
    return tpw_ntstatus_of_error(error);
}

void NTAPI TpStartAsyncIoOperation(TP_IO *io)
{
    StartThreadpoolIo(io);
}

void NTAPI TpCancelAsyncIoOperation(TP_IO *io)
{
    CancelThreadpoolIo(io);
}

void NTAPI TpWaitForIoCompletion(TP_IO *io, BOOL cancel_pending)
{
    WaitForThreadpoolIoCallbacks(io, cancel_pending);
}

void NTAPI TpReleaseIoCompletion(TP_IO *io)
{
    CloseThreadpoolIo(io);
}
