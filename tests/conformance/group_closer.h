/* group_closer.h - what the tests of groups of timers and of waits share: threads that close the
 * members while something else goes on. */
#ifndef TESTS_CONFORMANCE_GROUP_CLOSER_H
#define TESTS_CONFORMANCE_GROUP_CLOSER_H

#include "tests/conformance/calls_scene.h"
#include "tests/conformance/group_home.h"

struct closing {
    struct home *home;
    struct calls *calls; /* of all members */
    bool cancel;
    uint32_t must_have_run;
};

/* A thread that closes the members, and looks whether all has run that must have. */
static inline void closer(void *context)
{
    struct closing *closing = context;
    home_close_members(closing->home, closing->cancel);
    stage_expect_eq(stage_value(&closing->calls->runs), closing->must_have_run);
    tpp_store_release(&closing->calls->over, 1);
    stage_add(&closing->calls->told, 1);
}

/* What a set may say of a member while its group is being closed. */
static inline bool set_or_closed(tp_status_t status)
{
    return status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_CLOSED;
}

/* Two sets of one that was made while its group is being closed, the first of which posts: it is a
 * member to the end, or closed by somebody meanwhile, never half. */
static inline void count_made(struct calls *calls, tp_status_t first, tp_status_t second)
{
    stage_expect(set_or_closed(first));
    stage_expect(set_or_closed(second));
    stage_expect(first == TP_OK || second != TP_OK);
    stage_add(&calls->told, first == TP_OK);
}

/* Another thread makes members meanwhile; those it has made last are closed too. */
static inline void close_again_and_again(struct home *home, void (*maker)(void *), void *context)
{
    stage_thread_t thread = stage_start(maker, context);
    for (int i = 0; i < stage_times(50, 2); i++)
        home_close_members(home, false);
    stage_join(thread);
    home_close_members(home, false);
}

#endif
