/* gate.c - versioned structs and the report of misuse. */
#include "capi/gate.h"

#include <stdio.h>
#include <string.h>

#include "core/object/misuse.h"
#include "core/object/process.h"
#include "core/sched/thread.h"
#include "tp/library.h"

static bool is_misuse(tp_status_t status)
{
    switch (status) {
    case TP_ERR_ARGUMENT:
    case TP_ERR_HANDLE:
    case TP_ERR_VERSION:
    case TP_ERR_CLOSED:
    case TP_ERR_DEADLOCK:
    case TP_ERR_NOT_OWNER:
    case TP_ERR_UNSUPPORTED:
    case TP_ERR_FORKED:
    case TP_ERR_STATE:
        return true;
    default:
        return false;
    }
}

/* What is wrong with a handle that was refused. */
static const char *reason(const void *handle)
{
    uintptr_t token = (uintptr_t)handle;
    enum tpi_kind kind = tpi_token_kind(token);
    uint32_t generation;
    if (!handle)
        return "it is NULL";
    if (kind == TPI_KIND_NONE || kind >= TPI_KIND_SIMPLE)
        return "it is no handle of this library";
    if (kind == TPI_KIND_INSTANCE)
        return "it is a callback instance";
    if (tpi_handle_slot(kind, handle, &generation))
        return "it is of another kind, or was closed while posts of it remain";
    return tpi_slab_at(kind, tpi_token_index(token)) ? "it was closed" : "it never existed";
}

/* What the parent of a fork left behind is told from what never was. */
static tp_status_t refine(tp_status_t status, const void *handle)
{
    bool refused = status == TP_ERR_HANDLE || status == TP_ERR_STATE || status == TP_ERR_CLOSED;
    return refused && tpi_process_inherited(handle) ? TP_ERR_FORKED : status;
}

void tpi_gate_errno(int system_errno)
{
    struct tpi_thread *thread = tpi_thread_self();
    if (thread)
        thread->last_errno = system_errno;
}

tp_status_t tpi_gate_system(int system_errno)
{
    (void)tpi_thread_ensure();
    tpi_gate_errno(system_errno);
    return TP_ERR_SYSTEM;
}

tp_status_t tpi_gate_report(const char *function, const void *handle, tp_status_t status)
{
    char message[256];
    status = refine(status, handle);
    if (!is_misuse(status))
        return status;
    if (status == TP_ERR_HANDLE)
        snprintf(message, sizeof message, "%s: handle %p: %s", function, handle, reason(handle));
    else
        snprintf(message, sizeof message, "%s: handle %p: %s", function, handle,
                 tp_status_message(status));
    tpi_misuse(function, status, message);
    return status;
}

static uint32_t size_of(const void *given)
{
    uint32_t size;
    memcpy(&size, given, sizeof size); /* every versioned struct begins with struct_size */
    return size;
}

tp_status_t tpi_gate_size(size_t size_first, const void *given)
{
    return size_of(given) < size_first ? TP_ERR_VERSION : TP_OK;
}

tp_status_t tpi_gate_read(void *own, size_t size_own, size_t size_first, const void *given)
{
    size_t size = size_of(given);
    const unsigned char *bytes = given;
    if (size < size_first)
        return TP_ERR_VERSION;
    for (size_t i = size_own; i < size; i++)
        if (bytes[i] != 0)
            return TP_ERR_VERSION;
    memset(own, 0, size_own);
    memcpy(own, given, size < size_own ? size : size_own);
    return TP_OK;
}

void tpi_gate_write(const void *own, size_t size_own, void *given)
{
    size_t size = size_of(given);
    size_t shared = size < size_own ? size : size_own;
    memcpy((char *)given + sizeof(uint32_t), (const char *)own + sizeof(uint32_t),
           shared - sizeof(uint32_t));
    memset((char *)given + shared, 0, size - shared);
}
