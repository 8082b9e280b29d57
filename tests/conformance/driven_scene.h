/* driven_scene.h - what the tests of caller-driven pools share: a pool, a turn in it, its fd. */
#ifndef TESTS_CONFORMANCE_DRIVEN_SCENE_H
#define TESTS_CONFORMANCE_DRIVEN_SCENE_H

#include <poll.h>

#include "tests/support/stage.h"

static inline tp_pool_t *driven(uint32_t maximum)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    config.flags = TP_POOL_CALLER_DRIVEN;
    config.thread_maximum = maximum;
    stage_expect_eq(tp_pool_create(&config, &pool), TP_OK);
    return pool;
}

/* How many ran; nothing is waited for. */
static inline uint32_t turn(tp_pool_t *pool, uint32_t most)
{
    uint32_t ran = 99;
    tp_status_t status = tp_pool_run(pool, most, 0, &ran);
    stage_expect_eq(status, ran > 0 ? TP_OK : TP_ERR_TIMEOUT);
    return ran;
}

/* What a thread does that is inside until one has run. */
static inline void turn_once(tp_pool_t *pool)
{
    uint32_t ran = 0;
    stage_expect_eq(tp_pool_run(pool, 1, TP_INFINITE, &ran), TP_OK);
    stage_expect_eq(ran, 1);
}

/* ---- the descriptor, seen by a loop that is not the library's -------------------------------- */

#ifdef TPP_SIM
#include "core/os/sim/sim.h"
static inline bool readable(int fd)
{
    return tpps_flag_raised(fd);
}

static inline bool wait_readable(int fd)
{
    return tpps_poll(fd, TPP_FOREVER);
}
#else
static inline bool poll_for(int fd, int milliseconds)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, milliseconds) == 1 && one.revents == POLLIN;
}

static inline bool readable(int fd)
{
    return poll_for(fd, 0);
}

static inline bool wait_readable(int fd)
{
    return poll_for(fd, 20000);
}
#endif

/* Nothing is to run. The gate may have raised it for what somebody took meanwhile; a turn that
 * finds nothing lowers it. */
static inline bool lowered(tp_pool_t *pool, int fd)
{
    for (int looks = 0; looks < 3 && readable(fd); looks++)
        if (turn(pool, 0) > 0)
            return false;
    return !readable(fd);
}

#endif
