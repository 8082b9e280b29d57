/* env.h - an environment: the choices copied into every object made with it. */
#ifndef TPI_OBJECT_ENV_H
#define TPI_OBJECT_ENV_H

#include "core/mem/slab.h"
#include "core/os/lock.h"
#include "tp/types.h"

#define TPI_NAME_SIZE 32u

/* What an object takes from its environment. Pool and group are handles: the environment keeps
 * nothing alive, and a handle that has gone stale shows at the next creation. */
struct tpi_profile {
    const void *pool;  /* NULL: the default pool */
    const void *group; /* NULL: none */
    tp_cancel_fn cancel;
    tp_simple_fn finalizer;
    tp_release_fn release;
    void *library;
    uint32_t priority;
    uint32_t concurrency_limit; /* 0: none */
    bool runs_long;
    bool persistent;
    char name[TPI_NAME_SIZE];
};

struct tpi_env {
    struct tpi_slot slot;
    struct tpi_lock lock;
    struct tpi_profile profile; /* under lock */
};

extern const struct tpi_profile tpi_profile_default;

tp_status_t tpi_env_create(struct tpi_env **env_out);
tp_status_t tpi_env_destroy(struct tpi_env *env, uint32_t generation);

/* Changes one choice under the lock. */
struct tpi_choice {
    void (*apply)(struct tpi_profile *profile, const struct tpi_choice *choice);
    const void *pool, *group;
    tp_cancel_fn cancel;
    tp_simple_fn finalizer;
    tp_release_fn release;
    void *library;
    uint32_t number;
    const char *name;
};
tp_status_t tpi_env_set(struct tpi_env *env, uint32_t generation, const struct tpi_choice *choice);

/* Copies the choices; TP_ERR_HANDLE if the environment is gone. */
tp_status_t tpi_env_read(struct tpi_env *env, uint32_t generation, struct tpi_profile *profile_out);

#endif
