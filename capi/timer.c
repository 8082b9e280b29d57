/* timer.c - the functions of tp/timer.h. */
#include "tp/timer.h"

#include "capi/gate.h"
#include "core/object/timer.h"

#define SPEC_FIRST sizeof(tp_timer_spec_t) /* as published in 0.1 */

static tp_status_t create(tp_timer_fn callback, void *context, const tp_env_t *env,
                          tp_timer_t **timer_out)
{
    struct tpi_profile room;
    void *handle;
    if (!timer_out)
        return TP_ERR_ARGUMENT;
    *timer_out = NULL;
    if (!callback)
        return TP_ERR_ARGUMENT;
    const struct tpi_profile *profile = tpi_env_read(env, tpi_thread_self(), &room);
    if (!profile)
        return TP_ERR_HANDLE;
    struct tpi_spec spec = {.kind = TPI_KIND_TIMER,
                            .function = (void (*)(void))callback,
                            .context = context,
                            .profile = profile};
    tp_status_t status = tpi_object_create(&spec, &handle);
    if (status == TP_OK)
        *timer_out = handle;
    return status;
}

tp_status_t tp_timer_create(tp_timer_fn callback, void *context, const tp_env_t *env,
                            tp_timer_t **timer_out)
{
    return tpi_gate_result(__func__, env, create(callback, context, env, timer_out));
}

static tp_status_t judge(const tp_timer_spec_t *given, tp_timer_spec_t *own)
{
    tp_status_t status = TP_OK;
    if (given->struct_size == sizeof *own) /* the common case, at little cost */
        *own = *given;
    else
        status = tpi_gate_read(own, sizeof *own, SPEC_FIRST, given);
    if (status != TP_OK)
        return status;
    if (own->clock > TP_CLOCK_BOOTTIME || own->period < 0 || own->window < 0 ||
        own->flags & ~(uint32_t)TP_TIMER_SKIP_MISSED || own->reserved != 0)
        return TP_ERR_ARGUMENT;
    return TP_OK;
}

tp_status_t tp_timer_set(tp_timer_t *timer, const tp_timer_spec_t *spec, bool *was_armed)
{
    uint32_t generation;
    tp_timer_spec_t own;
    bool armed = false;
    struct tpi_timer *object = tpi_gate_slot(TPI_KIND_TIMER, timer, &generation);
    tp_status_t status = object ? TP_OK : TP_ERR_HANDLE;
    if (status == TP_OK && spec)
        status = judge(spec, &own);
    if (status == TP_OK)
        status = tpi_timer_set(object, generation, spec ? &own : NULL, &armed);
    if (was_armed)
        *was_armed = armed;
    return tpi_gate_result(__func__, timer, status);
}

tp_status_t tp_timer_is_set(tp_timer_t *timer, bool *is_set)
{
    uint32_t generation;
    if (!is_set)
        return tpi_gate_result(__func__, timer, TP_ERR_ARGUMENT);
    *is_set = false;
    struct tpi_timer *object = tpi_gate_slot(TPI_KIND_TIMER, timer, &generation);
    tp_status_t status = object ? tpi_timer_is_set(object, generation, is_set) : TP_ERR_HANDLE;
    return tpi_gate_result(__func__, timer, status);
}

tp_status_t tp_timer_wait(tp_timer_t *timer, bool cancel_pending, int64_t timeout)
{
    uint32_t generation;
    struct tpi_object *object = tpi_gate_slot(TPI_KIND_TIMER, timer, &generation);
    tp_status_t status = TP_ERR_HANDLE;
    if (object && timeout < 0)
        status = TP_ERR_ARGUMENT;
    else if (object)
        status = tpi_object_wait(object, generation, cancel_pending, timeout);
    return tpi_gate_result(__func__, timer, status);
}

tp_status_t tp_timer_close(tp_timer_t *timer)
{
    uint32_t generation;
    if (!timer)
        return TP_OK;
    struct tpi_object *object = tpi_gate_slot(TPI_KIND_TIMER, timer, &generation);
    tp_status_t status = object ? tpi_object_close(object, generation) : TP_ERR_HANDLE;
    return tpi_gate_result(__func__, timer, status);
}
