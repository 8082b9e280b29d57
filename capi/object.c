/* object.c - creating, waiting for and closing a callback object, whatever its kind. */
#include "capi/object.h"

#include "capi/gate.h"
#include "core/object/object.h"

tp_status_t tpi_capi_create(enum tpi_kind kind, void (*function)(void), void *context,
                            const tp_env_t *env, void **handle_out)
{
    struct tpi_profile room;
    *handle_out = NULL;
    if (!function)
        return TP_ERR_ARGUMENT;
    const struct tpi_profile *profile = tpi_env_read(env, tpi_thread_self(), &room);
    if (!profile)
        return TP_ERR_HANDLE;
    struct tpi_spec spec = {
        .kind = kind, .function = function, .context = context, .profile = profile};
    return tpi_object_create(&spec, handle_out);
}

tp_status_t tpi_capi_wait(enum tpi_kind kind, const void *handle, bool cancel_pending,
                          int64_t timeout)
{
    uint32_t generation;
    struct tpi_object *object = tpi_gate_slot(kind, handle, &generation);
    if (!object)
        return TP_ERR_HANDLE;
    if (timeout < 0)
        return TP_ERR_ARGUMENT;
    return tpi_object_wait(object, generation, cancel_pending, timeout);
}

tp_status_t tpi_capi_close(enum tpi_kind kind, const void *handle)
{
    uint32_t generation;
    if (!handle)
        return TP_OK;
    struct tpi_object *object = tpi_gate_slot(kind, handle, &generation);
    return object ? tpi_object_close(object, generation) : TP_ERR_HANDLE;
}
