/* process.c - what concerns the whole process: allocator, misuse hook, last errno. */
#include "capi/gate.h"
#include "core/object/misuse.h"
#include "core/sched/thread.h"
#include "tp/library.h"

int tp_last_errno(void)
{
    const struct tpi_thread *thread = tpi_thread_self();
    return thread ? thread->last_errno : 0;
}

static tp_status_t set_allocator(const tp_allocator_t *given)
{
    tp_allocator_t own;
    if (!given)
        return TP_ERR_ARGUMENT;
    tp_status_t status = tpi_gate_read(&own, sizeof own, sizeof(tp_allocator_t), given);
    if (status != TP_OK)
        return status;
    if (!own.alloc || !own.free || own.reserved != 0)
        return TP_ERR_ARGUMENT;
    if (tpi_slab_used())
        return TP_ERR_STATE;
    struct tpp_memory_hooks hooks = {own.alloc, own.free, own.context};
    tpp_memory_hooks(&hooks);
    return TP_OK;
}

tp_status_t tp_set_allocator(const tp_allocator_t *allocator)
{
    return tpi_gate_result(__func__, NULL, set_allocator(allocator));
}

tp_status_t tp_set_misuse_hook(tp_misuse_fn hook, void *context)
{
    tpi_misuse_hook(hook, context);
    return TP_OK;
}
