/* work.c - the functions of tp/work.h: simple callbacks and work objects. */
#include "tp/work.h"

#include "capi/gate.h"
#include "capi/object.h"
#include "core/object/object.h"

tp_status_t tp_try_submit(tp_simple_fn callback, void *context, const tp_env_t *env)
{
    struct tpi_profile room;
    if (!callback)
        return tpi_gate_result(__func__, env, TP_ERR_ARGUMENT);
    const struct tpi_profile *profile = tpi_env_read(env, tpi_thread_ensure(), &room);
    if (!profile)
        return tpi_gate_result(__func__, env, TP_ERR_HANDLE);
    struct tpi_spec spec = {.kind = TPI_KIND_SIMPLE,
                            .function = (void (*)(void))callback,
                            .context = context,
                            .profile = profile};
    tp_status_t status = tpi_object_create(&spec, NULL);
    return tpi_gate_result(__func__, env, status);
}

tp_status_t tp_work_create(tp_work_fn callback, void *context, const tp_env_t *env,
                           tp_work_t **work_out)
{
    void *handle;
    if (!work_out)
        return tpi_gate_result(__func__, env, TP_ERR_ARGUMENT);
    tp_status_t status =
        tpi_capi_create(TPI_KIND_WORK, (void (*)(void))callback, context, env, &handle);
    *work_out = handle;
    return tpi_gate_result(__func__, env, status);
}

tp_status_t tp_work_submit(tp_work_t *work)
{
    uint32_t generation;
    struct tpi_object *object = tpi_gate_slot(TPI_KIND_WORK, work, &generation);
    tp_status_t status = object ? tpi_object_submit(object, generation, 1) : TP_ERR_HANDLE;
    return tpi_gate_result(__func__, work, status);
}

tp_status_t tp_work_submit_many(tp_work_t *work, uint32_t count)
{
    uint32_t generation;
    struct tpi_object *object = tpi_gate_slot(TPI_KIND_WORK, work, &generation);
    tp_status_t status = object ? tpi_object_submit(object, generation, count) : TP_ERR_HANDLE;
    return tpi_gate_result(__func__, work, status);
}

tp_status_t tp_work_wait(tp_work_t *work, bool cancel_pending, int64_t timeout)
{
    return tpi_gate_result(__func__, work,
                           tpi_capi_wait(TPI_KIND_WORK, work, cancel_pending, timeout));
}

tp_status_t tp_work_close(tp_work_t *work)
{
    return tpi_gate_result(__func__, work, tpi_capi_close(TPI_KIND_WORK, work));
}
