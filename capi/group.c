/* group.c - the functions of tp/group.h. */
#include "tp/group.h"

#include "capi/gate.h"
#include "core/object/group.h"

tp_status_t tp_cleanup_group_create(tp_cleanup_group_t **group_out)
{
    void *handle = NULL;
    if (!group_out)
        return tpi_gate_result(__func__, NULL, TP_ERR_ARGUMENT);
    tp_status_t status = tpi_group_create(&handle);
    *group_out = handle;
    return status;
}

tp_status_t tp_cleanup_group_close_members(tp_cleanup_group_t *handle, bool cancel_pending,
                                           void *cleanup_context)
{
    uint32_t generation;
    struct tpi_group *group = tpi_gate_slot(TPI_KIND_GROUP, handle, &generation);
    tp_status_t status = TP_ERR_HANDLE;
    if (group)
        status = tpi_group_close_members(group, generation, cancel_pending, cleanup_context);
    return tpi_gate_result(__func__, handle, status);
}

tp_status_t tp_cleanup_group_close(tp_cleanup_group_t *handle)
{
    uint32_t generation;
    if (!handle)
        return TP_OK;
    struct tpi_group *group = tpi_gate_slot(TPI_KIND_GROUP, handle, &generation);
    tp_status_t status = group ? tpi_group_close(group, generation) : TP_ERR_HANDLE;
    return tpi_gate_result(__func__, handle, status);
}
