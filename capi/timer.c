/* timer.c - the functions of tp/timer.h. */
#include "tp/timer.h"

#include "capi/gate.h"
#include "capi/object.h"
#include "core/object/timer.h"

#define SPEC_FIRST sizeof(tp_timer_spec_t) /* as published in 0.1 */

tp_status_t tp_timer_create(tp_timer_fn callback, void *context, const tp_env_t *env,
                            tp_timer_t **timer_out)
{
    void *handle;
    if (!timer_out)
        return tpi_gate_result(__func__, env, TP_ERR_ARGUMENT);
    tp_status_t status =
        tpi_capi_create(TPI_KIND_TIMER, (void (*)(void))callback, context, env, &handle);
    *timer_out = handle;
    return tpi_gate_result(__func__, env, status);
}

static tp_status_t judge(const tp_timer_spec_t *given, tp_timer_spec_t *own)
{
    tp_status_t status = tpi_gate_read(own, sizeof *own, SPEC_FIRST, given);
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
    return tpi_gate_result(__func__, timer,
                           tpi_capi_wait(TPI_KIND_TIMER, timer, cancel_pending, timeout));
}

tp_status_t tp_timer_close(tp_timer_t *timer)
{
    return tpi_gate_result(__func__, timer, tpi_capi_close(TPI_KIND_TIMER, timer));
}
