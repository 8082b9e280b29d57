/* oracle_timers.c - what must be true of a pool's timers whenever nobody can run. */
#include "core/object/timer.h"
#include "core/object/wait.h"
#include "tests/scenario/oracle_state.h"

/* The timers of one pool, counted. */
struct timers {
    struct tpi_pool *pool;
    uint64_t armed;
    bool hurries; /* one that is armed should be posted by now */
    struct tpi_instant now;
};

/* Somebody who has gone to run a callback may leave timers to the gate for so long. */
#define GRACE_NS TPP_GATE_PERIOD_NS
#define SPIN_NS 10000 /* passes while the gate sets its alarm and somebody spins */

BLIND static void look_at(struct timers *timers, const struct tpi_arming *arming)
{
    const struct tpi_wheel_node *node = &arming->node;
    if (!arming->task || !tpi_slot_live(tpp_peek(&arming->task->slot.generation)) ||
        tpp_peek(&arming->task->home) != timers->pool || !tpi_arming_armed(arming))
        return;
    timers->armed++;
    if (tpp_peek(&arming->task->word) & (TPI_STATE_CLOSED | TPI_STATE_SHUT))
        tpps_fail("oracle: a timer is armed that was closed, or whose pool was shut down");
    if (node->tag & TPI_ARMING_BARRED)
        tpps_fail("oracle: a timer is armed whose group is being closed");
    if (!tpi_wheel_holds(node))
        return; /* never */
    if (node->latest < node->due)
        tpps_fail("oracle: a timer has a window that ends before it begins");
    if (timers->now.at[tpi_arming_clock(arming)] >= node->latest)
        timers->hurries = true;
}

BLIND static bool visit_timer(struct tpi_slot *slot, void *context)
{
    look_at(context, &tpi_container(slot, struct tpi_timer, object.task.slot)->arming);
    return true;
}

/* Its timeout is a timer to the pool. */
BLIND static bool visit_wait(struct tpi_slot *slot, void *context)
{
    look_at(context, &tpi_container(slot, struct tpi_wait, object.task.slot)->vigil.timeout);
    return true;
}

/* At most one worker believes that it waits for the timers, the pool knows, and it is asleep. */
BLIND static void check_driver(struct tpi_pool *pool)
{
    uint32_t driver = tpp_peek(&pool->reactor.driver), active = tpp_peek(&pool->active);
    bool found = driver == 0;
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = oracle_worker(pool, id);
        if (!worker || !tpp_peek(&worker->alive) || !worker->driving)
            continue;
        if (driver != id + 1)
            tpps_fail("oracle: a worker waits for timers and the pool does not know");
        found = true;
        if (!(tpp_peek(&pool->idle.words[id / TPP_IDLE_BITS]) >> id % TPP_IDLE_BITS & 1))
            tpps_fail("oracle: the worker that waits for timers does something else");
    }
    if (!found)
        tpps_fail("oracle: the pool believes that a worker waits for timers, and it does not");
}

/* Somebody will look at the clock in time: the driver, or the gate, a little later at most. */
BLIND static void check_wake(const struct timers *timers)
{
    struct tpi_reactor *reactor = &timers->pool->reactor;
    int64_t wake = (int64_t)tpp_peek(&reactor->wake), cover = (int64_t)tpp_peek(&reactor->cover);
    int64_t now = timers->now.at[TPP_CLOCK_MONOTONIC];
    int64_t due =
        reactor->timers.wheels ? tpi_timers_wake(&reactor->timers, &timers->now) : TPP_FOREVER;
    bool told = tpp_alarm_tells_jumps();
    if (due == TPP_FOREVER)
        return;
    if (told && wake > due && wake > now) /* not later than now: somebody has not done yet */
        tpps_fail("oracle: a timer is to be posted %lld ns before anybody is to wake up",
                  (long long)(wake - due));
    if (tpp_peek(&reactor->driver)) {
        if (timers->hurries && told)
            tpps_fail("oracle: LATE: a timer is due, and who waits for it sleeps on");
        return;
    }
    if (cover <= now - SPIN_NS)
        tpps_fail("oracle: LATE: the gate should have looked at the timers of a pool");
    if (cover > (wake > now + GRACE_NS ? wake : now + GRACE_NS))
        tpps_fail("oracle: STRANDED: a timer is armed, and nobody will look at the clock");
}

BLIND void oracle_timers(struct tpi_pool *pool, bool alive)
{
    struct timers timers = {.pool = pool};
    struct tpi_reactor *reactor = &pool->reactor;
    if (!alive) {
        if (reactor->timers.armed != 0 || tpp_peek(&reactor->driver) != 0)
            tpps_fail("oracle: in a dead pool %llu timers are armed, or somebody waits for them",
                      (unsigned long long)reactor->timers.armed);
        return;
    }
    for (uint32_t clock = 0; clock < TPP_CLOCK_COUNT; clock++)
        timers.now.at[clock] = tpp_now((enum tpp_clock)clock);
    tpi_slab_each(TPI_KIND_TIMER, visit_timer, &timers);
    tpi_slab_each(TPI_KIND_WAIT, visit_wait, &timers);
    if (timers.armed != reactor->timers.armed)
        tpps_fail("oracle: the pool counts %llu armed timers, but there are %llu",
                  (unsigned long long)reactor->timers.armed, (unsigned long long)timers.armed);
    check_driver(pool);
    check_wake(&timers);
}
