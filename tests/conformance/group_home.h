/* group_home.h - a group and the environment and pool of its members: how they begin and end. */
#ifndef TESTS_CONFORMANCE_GROUP_HOME_H
#define TESTS_CONFORMANCE_GROUP_HOME_H

#include "tests/support/stage.h"

/* All objects that are made with the environment from here on join it. */
static inline tp_cleanup_group_t *home_begin(tp_env_t *env, tp_cancel_fn cancel,
                                             tp_release_fn release)
{
    tp_cleanup_group_t *group;
    stage_expect_eq(tp_cleanup_group_create(&group), TP_OK);
    stage_expect_eq(tp_env_set_cleanup_group(env, group, cancel), TP_OK);
    stage_expect_eq(tp_env_set_context_release(env, release), TP_OK);
    return group;
}

static inline void home_close_members(tp_cleanup_group_t *group, bool cancel)
{
    stage_expect_eq(tp_cleanup_group_close_members(group, cancel, NULL), TP_OK);
}

/* Where the pool is NULL it is the gate's. */
static inline void home_end(tp_cleanup_group_t *group, tp_env_t *env, tp_pool_t *pool,
                            struct stage_gate *gate)
{
    stage_expect_eq(tp_cleanup_group_close(group), TP_OK);
    stage_expect_eq(tp_env_destroy(env), TP_OK);
    if (pool)
        stage_expect_eq(tp_pool_close(pool), TP_OK);
    else
        stage_gate_fini(gate);
}

#endif
