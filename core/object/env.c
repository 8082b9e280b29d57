/* env.c - environments: a profile under a lock. */
#include "core/object/env.h"

const struct tpi_profile tpi_profile_default = {.priority = TP_PRIORITY_NORMAL};

static bool enter(struct tpi_env *env, uint32_t generation)
{
    tpi_lock_take(&env->lock);
    if (tpi_slot_generation(&env->slot) == generation)
        return true;
    tpi_lock_drop(&env->lock);
    return false;
}

tp_status_t tpi_env_create(struct tpi_env **env_out)
{
    struct tpi_slot *slot = tpi_slab_new(TPI_KIND_ENV, sizeof(struct tpi_env), NULL);
    if (!slot)
        return TP_ERR_NO_MEMORY;
    struct tpi_env *env = tpi_container(slot, struct tpi_env, slot);
    tpi_lock_take(&env->lock); /* a stale handle may be looking */
    env->profile = tpi_profile_default;
    tpi_lock_drop(&env->lock);
    *env_out = env;
    return TP_OK;
}

tp_status_t tpi_env_destroy(struct tpi_env *env, uint32_t generation)
{
    if (!enter(env, generation))
        return TP_ERR_HANDLE;
    tpi_slab_retire(&env->slot, generation);
    tpi_lock_drop(&env->lock);
    tpi_slab_free(TPI_KIND_ENV, &env->slot, NULL);
    return TP_OK;
}

tp_status_t tpi_env_set(struct tpi_env *env, uint32_t generation, const struct tpi_choice *choice)
{
    if (!enter(env, generation))
        return TP_ERR_HANDLE;
    choice->apply(&env->profile, choice);
    tpi_lock_drop(&env->lock);
    return TP_OK;
}

tp_status_t tpi_env_read(struct tpi_env *env, uint32_t generation, struct tpi_profile *profile_out)
{
    if (!enter(env, generation))
        return TP_ERR_HANDLE;
    *profile_out = env->profile;
    tpi_lock_drop(&env->lock);
    return TP_OK;
}
