/* env.c - environments: a profile under a lock. */
#include "core/object/env.h"

#include "core/object/handle.h"

const struct tpi_profile tpi_profile_default = {.priority = TP_PRIORITY_NORMAL};

static bool enter(struct tpi_env *env, uint32_t generation)
{
    tpi_lock_take(&env->lock);
    if (tpi_slot_generation(&env->slot) == generation)
        return true;
    tpi_lock_drop(&env->lock);
    return false;
}

/* Under lock. Whoever has the old version cached finds that it changed. */
static void new_version(struct tpi_env *env)
{
    /* [EV1] release: pairs with the acquire in cached(); between the two there is only the wish
     * that a change made before a creation is seen by it. Relaxed would do for that: whoever comes
     * after a store reads no older one, and the profile is read under the lock. */
    tpp_store_release(&env->version, tpp_peek(&env->version) + 1);
}

tp_status_t tpi_env_create(void **handle_out)
{
    struct tpi_slot *slot = tpi_slab_reserve(TPI_KIND_ENV, sizeof(struct tpi_env), NULL);
    if (!slot)
        return TP_ERR_NO_MEMORY;
    struct tpi_env *env = tpi_container(slot, struct tpi_env, slot);
    tpi_lock_take(&env->lock); /* a stale handle may be looking */
    env->profile = tpi_profile_default;
    new_version(env);
    tpi_lock_drop(&env->lock);
    *handle_out = tpi_token_publish(TPI_KIND_ENV, slot);
    return TP_OK;
}

tp_status_t tpi_env_destroy(struct tpi_env *env, uint32_t generation)
{
    if (!enter(env, generation))
        return TP_ERR_HANDLE;
    tpi_slab_retire(&env->slot, generation);
    new_version(env);
    tpi_lock_drop(&env->lock);
    tpi_slab_free(TPI_KIND_ENV, &env->slot, NULL);
    return TP_OK;
}

tp_status_t tpi_env_set(struct tpi_env *env, uint32_t generation, const struct tpi_choice *choice)
{
    if (!enter(env, generation))
        return TP_ERR_HANDLE;
    choice->apply(&env->profile, choice);
    new_version(env);
    tpi_lock_drop(&env->lock);
    return TP_OK;
}

/* The copy that the thread kept, if it still is what the environment says. */
static const struct tpi_profile *cached(const void *handle, struct tpi_thread *thread)
{
    struct tpi_env_copy *copy = &thread->env;
    if (copy->handle != handle)
        return NULL;
    struct tpi_env *env = copy->env; /* type-stable: may be looked at even if it is gone */
    return tpp_load_acquire(&env->version) == copy->version ? &copy->profile : NULL; /* [EV1] */
}

const struct tpi_profile *tpi_env_read(const void *handle, struct tpi_thread *thread,
                                       struct tpi_profile *room)
{
    uint32_t generation;
    if (!handle)
        return &tpi_profile_default;
    const struct tpi_profile *profile = thread ? cached(handle, thread) : NULL;
    if (profile)
        return profile;
    struct tpi_env *env = tpi_handle_slot(TPI_KIND_ENV, handle, &generation);
    if (!env || !enter(env, generation))
        return NULL;
    *room = env->profile;
    if (thread)
        thread->env = (struct tpi_env_copy){handle, env, tpp_peek(&env->version), env->profile};
    tpi_lock_drop(&env->lock);
    return room;
}
