/* profile.h - the choices that an object takes from its environment at creation. */
#ifndef TPI_BASE_PROFILE_H
#define TPI_BASE_PROFILE_H

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

#endif
