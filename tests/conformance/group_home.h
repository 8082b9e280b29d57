/* group_home.h - a group and the environment and pool of its members: how they begin and end. */
#ifndef TESTS_CONFORMANCE_GROUP_HOME_H
#define TESTS_CONFORMANCE_GROUP_HOME_H

#include "tests/support/stage.h"

#define HOME_FIELDS \
    struct stage_gate gate; \
    tp_pool_t *pool; /* NULL: the pool is the gate's */ \
    tp_env_t *env; \
    tp_cleanup_group_t *group;

struct home {
    HOME_FIELDS
};

/* A member of a scene. It has no name: its fields are those of the scene, and `home` is all of
 * them. */
#define HOME \
    union { \
        struct home home; \
        struct { \
            HOME_FIELDS \
        }; \
    }

/* All objects that are made with the environment from here on join the group. */
static inline void home_join(struct home *home, tp_cancel_fn cancel, tp_release_fn release)
{
    stage_expect_eq(tp_cleanup_group_create(&home->group), TP_OK);
    stage_expect_eq(tp_env_set_cleanup_group(home->env, home->group, cancel), TP_OK);
    stage_expect_eq(tp_env_set_context_release(home->env, release), TP_OK);
}

static inline void home_begin(struct home *home, tp_pool_t *pool, tp_cancel_fn cancel,
                              tp_release_fn release)
{
    *home = (struct home){.pool = pool, .env = stage_env(pool)};
    home_join(home, cancel, release);
}

/* On a pool whose only thread is held until stage_gate_open. */
static inline void home_begin_gated(struct home *home, tp_cancel_fn cancel, tp_release_fn release)
{
    *home = (struct home){.pool = NULL};
    stage_gate_init(&home->gate, NULL);
    home->env = stage_gate_env(&home->gate);
    home_join(home, cancel, release);
}

static inline void home_close_members(struct home *home, bool cancel)
{
    stage_expect_eq(tp_cleanup_group_close_members(home->group, cancel, NULL), TP_OK);
}

static inline void home_end(struct home *home)
{
    stage_expect_eq(tp_cleanup_group_close(home->group), TP_OK);
    stage_expect_eq(tp_env_destroy(home->env), TP_OK);
    if (home->pool)
        stage_expect_eq(tp_pool_close(home->pool), TP_OK);
    else
        stage_gate_fini(&home->gate);
}

#endif
