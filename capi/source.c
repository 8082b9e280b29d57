/* source.c - what a tp_waitable_t means to the engine. */
#include "capi/source.h"

#include <poll.h>

#include "capi/gate.h"

#define POLL_STATES 0xffffu

static tp_status_t judge_object(const tp_waitable_t *source, struct tpi_wanted *wanted)
{
    uintptr_t token = (uintptr_t)source->value;
    enum tpi_kind kind = tpi_token_kind(token);
    if (source->detail != 0 ||
        (kind != TPI_KIND_EVENT && kind != TPI_KIND_SEMAPHORE && kind != TPI_KIND_MUTEX))
        return TP_ERR_HANDLE;
    wanted->what = TPI_WANT_WAITABLE;
    wanted->waitable = tpi_gate_slot(kind, (const void *)token, &wanted->waitable_generation);
    return wanted->waitable ? TP_OK : TP_ERR_HANDLE;
}

static tp_status_t judge_file(const tp_waitable_t *source, enum tpi_source_kind kind,
                              uint32_t events, struct tpi_wanted *wanted)
{
    wanted->what = TPI_WANT_SOURCE;
    wanted->kind = kind;
    wanted->number = (int)(uint32_t)source->value;
    wanted->events = events;
    return events & ~POLL_STATES ? TP_ERR_ARGUMENT : TP_OK;
}

tp_status_t tpi_source_judge(const tp_waitable_t *source, struct tpi_wanted *wanted)
{
    switch (source->kind) {
    case TPI_WAITABLE_NEVER:
        wanted->what = TPI_WANT_NEVER;
        return TP_OK;
    case TPI_WAITABLE_OBJECT:
        return judge_object(source, wanted);
    case TPI_WAITABLE_FILE:
        return judge_file(source, TPI_SOURCE_FILE, source->detail, wanted);
    case TPI_WAITABLE_PROCESS:
        return judge_file(source, TPI_SOURCE_PROCESS, POLLIN, wanted);
    case TPI_WAITABLE_SIGNAL:
        return judge_file(source, TPI_SOURCE_SIGNAL, POLLIN, wanted);
    default:
        return TP_ERR_HANDLE;
    }
}
