/* env.h - an environment: the choices copied into every object made with it. */
#ifndef TPI_OBJECT_ENV_H
#define TPI_OBJECT_ENV_H

#include "core/base/profile.h"
#include "core/mem/slab.h"
#include "core/os/lock.h"
#include "core/sched/thread.h"
#include "tp/types.h"

struct tpi_env {
    struct tpi_slot slot;
    struct tpi_lock lock;
    struct tpi_profile profile; /* under lock */
    tpp_u32 version;            /* changes, under lock, with the profile and with the end; [EV1] */
};

extern const struct tpi_profile tpi_profile_default;

tp_status_t tpi_env_create(void **handle_out);
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

/* The choices of the environment with that handle, NULL being the defaults. They are copied to
 * `room`, or stand in the thread's own record if it read the same environment before: what is
 * returned is good until the thread's next call. NULL if the handle is not good. */
const struct tpi_profile *tpi_env_read(const void *handle, struct tpi_thread *thread_or_null,
                                       struct tpi_profile *room);

#endif
