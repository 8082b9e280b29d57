/* wait.c - the functions of tp/wait.h. */
#include "tp/wait.h"

#include "capi/gate.h"
#include "capi/object.h"
#include "capi/source.h"
#include "core/object/wait.h"

#define SPEC_FIRST sizeof(tp_wait_spec_t) /* as published in 0.1 */

tp_status_t tp_wait_create(tp_wait_fn callback, void *context, const tp_env_t *env,
                           tp_wait_t **wait_out)
{
    void *handle;
    if (!wait_out)
        return tpi_gate_result(__func__, env, TP_ERR_ARGUMENT);
    tp_status_t status =
        tpi_capi_create(TPI_KIND_WAIT, (void (*)(void))callback, context, env, &handle);
    *wait_out = handle;
    return tpi_gate_result(__func__, env, status);
}

static tp_status_t judge(const tp_wait_spec_t *given, struct tpi_wanted *wanted)
{
    tp_wait_spec_t own;
    wanted->what = TPI_WANT_NOTHING;
    if (!given)
        return TP_OK;
    tp_status_t status = tpi_gate_read(&own, sizeof own, SPEC_FIRST, given);
    if (status != TP_OK)
        return status;
    if (own.clock > TP_CLOCK_BOOTTIME || own.timeout < 0)
        return TP_ERR_ARGUMENT;
    wanted->clock = own.clock;
    wanted->timeout = own.timeout;
    return tpi_source_judge(&own.source, wanted);
}

/* The handle that was refused: the wait, or what it was to be armed on. */
static const void *blamed(const tp_wait_t *wait, const tp_wait_spec_t *spec)
{
    uint32_t generation;
    if (!spec || !tpi_gate_slot(TPI_KIND_WAIT, wait, &generation))
        return wait;
    return (const void *)(uintptr_t)spec->source.value;
}

tp_status_t tp_wait_set(tp_wait_t *wait, const tp_wait_spec_t *spec, bool *was_armed)
{
    uint32_t generation;
    struct tpi_wanted wanted;
    bool armed = false;
    int error = 0;
    struct tpi_wait *object = tpi_gate_slot(TPI_KIND_WAIT, wait, &generation);
    tp_status_t status = object ? judge(spec, &wanted) : TP_ERR_HANDLE;
    if (status == TP_OK)
        status = tpi_vigil_set(&object->vigil, generation, &wanted, &armed, &error);
    if (status == TP_ERR_SYSTEM)
        status = tpi_gate_system(error);
    if (was_armed)
        *was_armed = armed;
    return tpi_gate_result(__func__, status == TP_ERR_HANDLE ? blamed(wait, spec) : wait, status);
}

tp_status_t tp_wait_wait(tp_wait_t *wait, bool cancel_pending, int64_t timeout)
{
    return tpi_gate_result(__func__, wait,
                           tpi_capi_wait(TPI_KIND_WAIT, wait, cancel_pending, timeout));
}

tp_status_t tp_wait_close(tp_wait_t *wait)
{
    return tpi_gate_result(__func__, wait, tpi_capi_close(TPI_KIND_WAIT, wait));
}
