/* env.c - the functions of tp/env.h: each changes one field of the profile. */
#include "tp/env.h"

#include <string.h>

#include "capi/gate.h"
#include "core/object/env.h"

tp_status_t tp_env_create(tp_env_t **env_out)
{
    void *handle = NULL;
    if (!env_out)
        return tpi_gate_result(__func__, NULL, TP_ERR_ARGUMENT);
    tp_status_t status = tpi_env_create(&handle);
    *env_out = handle;
    return status;
}

tp_status_t tp_env_destroy(tp_env_t *handle)
{
    uint32_t generation;
    if (!handle)
        return TP_OK;
    struct tpi_env *env = tpi_gate_slot(TPI_KIND_ENV, handle, &generation);
    tp_status_t status = env ? tpi_env_destroy(env, generation) : TP_ERR_HANDLE;
    return tpi_gate_result(__func__, handle, status);
}

static tp_status_t set(const char *function, tp_env_t *handle,
                       void (*apply)(struct tpi_profile *, const struct tpi_choice *),
                       struct tpi_choice choice)
{
    uint32_t generation;
    struct tpi_env *env = tpi_gate_slot(TPI_KIND_ENV, handle, &generation);
    choice.apply = apply;
    tp_status_t status = env ? tpi_env_set(env, generation, &choice) : TP_ERR_HANDLE;
    return tpi_gate_result(function, handle, status);
}

static void apply_pool(struct tpi_profile *profile, const struct tpi_choice *choice)
{
    profile->pool = choice->pool;
}

tp_status_t tp_env_set_pool(tp_env_t *env, tp_pool_t *pool)
{
    uint32_t generation;
    if (pool && !tpi_gate_slot(TPI_KIND_POOL, pool, &generation))
        return tpi_gate_result(__func__, pool, TP_ERR_HANDLE);
    return set(__func__, env, apply_pool, (struct tpi_choice){.pool = pool});
}

static void apply_priority(struct tpi_profile *profile, const struct tpi_choice *choice)
{
    profile->priority = choice->number;
}

tp_status_t tp_env_set_priority(tp_env_t *env, tp_priority_t priority)
{
    if (priority > TP_PRIORITY_LOW)
        return tpi_gate_result(__func__, env, TP_ERR_ARGUMENT);
    return set(__func__, env, apply_priority, (struct tpi_choice){.number = priority});
}

static void apply_runs_long(struct tpi_profile *profile, const struct tpi_choice *choice)
{
    profile->runs_long = choice->number;
}

tp_status_t tp_env_set_runs_long(tp_env_t *env, bool runs_long)
{
    return set(__func__, env, apply_runs_long, (struct tpi_choice){.number = runs_long});
}

static void apply_persistent(struct tpi_profile *profile, const struct tpi_choice *choice)
{
    profile->persistent = choice->number;
}

tp_status_t tp_env_set_persistent(tp_env_t *env, bool persistent)
{
    return set(__func__, env, apply_persistent, (struct tpi_choice){.number = persistent});
}

static void apply_library(struct tpi_profile *profile, const struct tpi_choice *choice)
{
    profile->library = choice->library;
}

tp_status_t tp_env_set_library(tp_env_t *env, void *dlopen_handle)
{
    return set(__func__, env, apply_library, (struct tpi_choice){.library = dlopen_handle});
}

static void apply_group(struct tpi_profile *profile, const struct tpi_choice *choice)
{
    profile->group = choice->group;
    profile->cancel = choice->cancel;
}

tp_status_t tp_env_set_cleanup_group(tp_env_t *env, tp_cleanup_group_t *group, tp_cancel_fn cancel)
{
    uint32_t generation;
    if (group && !tpi_gate_slot(TPI_KIND_GROUP, group, &generation))
        return tpi_gate_result(__func__, group, TP_ERR_HANDLE);
    return set(__func__, env, apply_group,
               (struct tpi_choice){.group = group, .cancel = group ? cancel : NULL});
}

static void apply_finalizer(struct tpi_profile *profile, const struct tpi_choice *choice)
{
    profile->finalizer = choice->finalizer;
}

tp_status_t tp_env_set_finalizer(tp_env_t *env, tp_simple_fn finalizer)
{
    return set(__func__, env, apply_finalizer, (struct tpi_choice){.finalizer = finalizer});
}

static void apply_release(struct tpi_profile *profile, const struct tpi_choice *choice)
{
    profile->release = choice->release;
}

tp_status_t tp_env_set_context_release(tp_env_t *env, tp_release_fn release)
{
    return set(__func__, env, apply_release, (struct tpi_choice){.release = release});
}

static void apply_limit(struct tpi_profile *profile, const struct tpi_choice *choice)
{
    profile->concurrency_limit = choice->number;
}

tp_status_t tp_env_set_concurrency_limit(tp_env_t *env, uint32_t limit)
{
    return set(__func__, env, apply_limit, (struct tpi_choice){.number = limit});
}

static void apply_name(struct tpi_profile *profile, const struct tpi_choice *choice)
{
    size_t length = choice->name ? strnlen(choice->name, TPI_NAME_SIZE - 1) : 0;
    memset(profile->name, 0, sizeof profile->name);
    memcpy(profile->name, choice->name ? choice->name : "", length);
}

tp_status_t tp_env_set_name(tp_env_t *env, const char *name)
{
    return set(__func__, env, apply_name, (struct tpi_choice){.name = name});
}
