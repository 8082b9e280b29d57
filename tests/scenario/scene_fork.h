/* scene_fork.h - forks in scenarios: what all parents do, and what all children begin with.
 *
 * Seen from the child: where tpps_fork returns, every other thread is gone. */
#ifndef TESTS_SCENARIO_SCENE_FORK_H
#define TESTS_SCENARIO_SCENE_FORK_H

#include "tests/scenario/scene.h"

/* In the child: what is of the parent says so. */
#define scene_forked(call) \
    do { \
        tp_status_t status_ = (call); \
        if (status_ != TP_ERR_FORKED) \
            tpps_fail("in the child %s gave %s", #call, tp_status_name(status_)); \
    } while (0)

/* The child begins. Inside: whoever forked has a callback of the library on its stack, or another
 * function of the application that the library calls; when that returns the oracle would miss where
 * it began, so it looks no more. */
void scene_child(bool inside);

/* Has a thread fork beside all that goes on, at some point of what the others do; it ends them, and
 * goes on with the child, which is told false, and the end of the scenario. */
_Noreturn void scene_fork_beside(void (*child)(bool inside));

/* Never returns to the scenario: the fork ends every thread but its own. */
_Noreturn void scene_wait_for_the_fork(void);

/* Runs a pool that callers drive for a while; or until it forks inside. */
void scene_drive(void *pool);
void scene_drive_until_forked(tp_pool_t *pool);

#endif
