/* environ.c - environments of Windows, structs of two versions, as those of tp. */
#include "capi/win32/win32.h"

#include <assert.h>

static_assert(sizeof(TP_CALLBACK_ENVIRON_V1) == 64, "the size on 64-bit Windows");
static_assert(sizeof(TP_CALLBACK_ENVIRON_V3) == 72, "the size on 64-bit Windows");
static_assert(offsetof(TP_CALLBACK_ENVIRON_V1, u) == offsetof(TP_CALLBACK_ENVIRON_V3, u),
              "the third version begins as the first");

/* All of it is looked at, so that one bad choice is not hidden by a default. */
static tp_status_t fill(tp_env_t *env, const TP_CALLBACK_ENVIRON_V1 *from, tp_priority_t priority)
{
    tp_status_t status = tp_env_set_priority(env, priority);
    if (status == TP_OK && from->Pool)
        status = tp_env_set_pool(env, (tp_pool_t *)from->Pool);
    if (status == TP_OK && from->CleanupGroup)
        status = tp_env_set_cleanup_group(env, (tp_cleanup_group_t *)from->CleanupGroup,
                                          from->CleanupGroupCancelCallback);
    if (status == TP_OK && from->RaceDll)
        status = tp_env_set_library(env, from->RaceDll);
    if (status == TP_OK && from->FinalizationCallback)
        status = tp_env_set_finalizer(env, (tp_simple_fn)from->FinalizationCallback);
    if (status == TP_OK && from->u.s.LongFunction)
        status = tp_env_set_runs_long(env, true);
    if (status == TP_OK && from->u.s.Persistent)
        status = tp_env_set_persistent(env, true);
    return status;
}

tp_status_t tpw_environ_open(const void *environment, tp_env_t **env_out)
{
    *env_out = NULL;
    if (!environment)
        return TP_OK;
    const TP_CALLBACK_ENVIRON_V1 *from = environment;
    if (from->Version != 1 && from->Version != 3) /* D-32 */
        return TP_ERR_ARGUMENT;
    /* Of version 1 nothing past its 64 bytes is read (C-031). */
    tp_priority_t priority = TP_PRIORITY_NORMAL;
    if (from->Version == 3)
        priority = (tp_priority_t)((const TP_CALLBACK_ENVIRON_V3 *)environment)->CallbackPriority;
    tp_env_t *env;
    tp_status_t status = tp_env_create(&env);
    if (status != TP_OK)
        return status;
    status = fill(env, from, priority);
    if (status != TP_OK) {
        (void)tp_env_destroy(env);
        return status;
    }
    *env_out = env;
    return TP_OK;
}
