/* driven_scenarios.c - pools without threads: who calls in, who polls, and that nothing is lost. */
#include <errno.h>

#include "tests/scenario/scene.h"

enum { RAN, ACCEPTED, RELEASED, OVER, FLAG, EXITED, REFUSED };

/* ---- pools and posts ------------------------------------------------------------------------- */

static void released(void *context)
{
    (void)context;
    scene_add(RELEASED, 1);
}

/* One turn that does not wait. False: there was nothing, or no room. */
static bool turn(tp_pool_t *pool, uint32_t most)
{
    uint32_t ran = 9;
    tp_status_t status = tp_pool_run(pool, most, 0, &ran);
    tpps_check(status == TP_OK || status == TP_ERR_TIMEOUT || status == TP_ERR_TOO_MANY_THREADS ||
               status == TP_ERR_CLOSED || status == TP_ERR_HANDLE);
    tpps_check(status == TP_OK ? ran > 0 : ran == 0);
    tpps_check(most == 0 || ran <= most);
    return status == TP_OK;
}

/* Until nothing is left, alone. */
static void run_dry(tp_pool_t *pool)
{
    while (pool && turn(pool, 0))
        ;
}

/* With everything closed, alone: the pool goes at once. */
static void close_dry(tp_pool_t *pool)
{
    run_dry(pool);
    scene_close_pool(pool);
}

static void post_two(void *work)
{
    scene_submit(work, 1);
    scene_submit(work, 1);
}

static void post_simple(void *pool)
{
    if (scene_simple(scene_count_simple, SCENE_WORD(RAN), &(struct scene_choice){.pool = pool}))
        scene_add(ACCEPTED, 1);
}

/* ---- the flag -------------------------------------------------------------------------------- */

struct poller {
    tp_pool_t *pool;
    uint32_t most, all;
};

/* Runs only when the flag is up: if it is not raised for something, this waits for ever. */
static void poll_and_run(void *context)
{
    const struct poller *poller = context;
    int fd = scene_flag_of(poller->pool);
    while (scene_value(RAN) < poller->all) {
        tpps_check(tpps_poll(fd, TPP_FOREVER));
        turn(poller->pool, poller->most);
    }
}

/* At the end nobody is inside and nothing is there: one more turn, and the flag is down. */
static void flag_is_down(tp_pool_t *pool)
{
    int fd = scene_flag_of(pool);
    run_dry(pool);
    tpps_check(!tpps_flag_raised(fd));
}

static void poller_runs_all(uint32_t most, uint32_t submitters, tp_priority_t second)
{
    tp_pool_t *pool = scene_driven(2);
    struct scene_choice other = {.pool = pool, .priority_plus_one = second + 1};
    tp_work_t *a = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    tp_work_t *b = scene_work(scene_count, SCENE_WORD(RAN), &other);
    struct poller poller = {pool, most, 2 * submitters};
    tpps_thread threads[4];
    if (b) {
        for (uint32_t i = 0; i < submitters; i++)
            threads[i] = tpps_spawn(post_two, i % 2 ? b : a);
        poll_and_run(&poller);
        for (uint32_t i = 0; i < submitters; i++)
            tpps_join(threads[i]);
        tpps_check(scene_value(RAN) == poller.all);
        flag_is_down(pool);
        tpps_check(tpps_service_fibers() == 0);
    }
    scene_close(a);
    scene_close(b);
    scene_close_pool(pool);
}

SCENE(driven__poller_runs_what_one_posts)
{
    poller_runs_all(0, 1, TP_PRIORITY_NORMAL);
}

SCENE(driven__poller_runs_what_three_post)
{
    poller_runs_all(0, 3, TP_PRIORITY_NORMAL);
}

SCENE(driven__poller_takes_one_at_a_time)
{
    poller_runs_all(1, 2, TP_PRIORITY_LOW);
}

SCENE(driven__poller_of_three_priorities)
{
    poller_runs_all(2, 3, TP_PRIORITY_HIGH);
}

/* Two loops share the pool and its flag. */
static void two_pollers(uint32_t most)
{
    tp_pool_t *pool = scene_driven(2);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    struct poller poller = {pool, most, 4};
    if (work) {
        tpps_thread a = tpps_spawn(post_two, work), b = tpps_spawn(post_two, work);
        tpps_thread other = tpps_spawn(poll_and_run, &poller);
        int fd = scene_flag_of(pool);
        /* The last callback may run in the other loop: then nothing comes for this one. */
        while (scene_value(RAN) < poller.all && tpps_poll(fd, tpps_now() + 1000000))
            turn(pool, most);
        tpps_join(a);
        tpps_join(b);
        scene_await(RAN, poller.all); /* the other one gets on alone */
        scene_submit(work, 1);        /* in case it waits */
        tpps_join(other);
        run_dry(pool);
        tpps_check(scene_value(RAN) == poller.all + 1);
        flag_is_down(pool);
    }
    scene_close(work);
    scene_close_pool(pool);
}

SCENE(driven__two_pollers)
{
    two_pollers(0);
}

SCENE(driven__two_pollers_one_at_a_time)
{
    two_pollers(1);
}

/* The callback's own posts, and one that comes from outside meanwhile. */
static void chain(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    if (scene_next(RAN) < 4)
        scene_submit(work, 1);
}

SCENE(driven__poller_of_a_chain)
{
    tp_pool_t *pool = scene_driven(1);
    tp_work_t *work = scene_pool_work(pool, chain, NULL);
    struct poller poller = {pool, 1, 6};
    if (work) {
        tpps_thread poster = tpps_spawn(post_two, work);
        poll_and_run(&poller);
        tpps_join(poster);
        flag_is_down(pool);
    }
    scene_close(work);
    scene_close_pool(pool);
}

/* Something is dropped meanwhile: the flag may be up for nothing, once. */
static void cancel_it(void *work)
{
    scene_cancel(work);
    scene_add(FLAG, 1);
}

SCENE(driven__poller_and_a_cancel)
{
    tp_pool_t *pool = scene_driven(1);
    tp_work_t *a = scene_pool_work(pool, scene_count, SCENE_WORD(OVER));
    tp_work_t *b = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    struct poller poller = {pool, 1, 2};
    if (b) {
        scene_submit(a, 3);
        tpps_thread canceller = tpps_spawn(cancel_it, a), poster = tpps_spawn(post_two, b);
        poll_and_run(&poller);
        tpps_join(poster);
        while (scene_value(FLAG) == 0) { /* it may wait for a callback of `a` */
            turn(pool, 0);
            tpps_sleep(1000);
        }
        tpps_join(canceller);
        flag_is_down(pool);
    }
    scene_close(a);
    scene_close(b);
    scene_close_pool(pool);
}

/* What was left because of the limit keeps the flag up; it goes down with the last one. */
SCENE(driven__flag_stays_up_for_what_is_left)
{
    tp_pool_t *pool = scene_driven(1);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    if (work) {
        scene_submit(work, 1);
        int fd = scene_flag_of(pool); /* there is something already */
        tpps_check(tpps_flag_raised(fd));
        scene_submit(work, 2);
        while (!turn(pool, 2) || scene_value(RAN) == 0)
            ;
        tpps_check(scene_value(RAN) == 2 && tpps_flag_raised(fd));
        run_dry(pool);
        tpps_check(scene_value(RAN) == 3 && !tpps_flag_raised(fd));
        scene_submit(work, 1);
        tpps_check(tpps_flag_raised(fd));
        run_dry(pool);
        tpps_check(!tpps_flag_raised(fd) && scene_flag_of(pool) == fd);
    }
    scene_close(work);
    scene_close_pool(pool);
}

/* ---- callers that wait ----------------------------------------------------------------------- */

struct caller {
    tp_pool_t *pool;
    uint32_t most;
};

/* Waits for each callback until the pool ends. */
static void run_until_closed(void *context)
{
    const struct caller *caller = context;
    tp_status_t status;
    uint32_t ran;
    do { /* ends with the shutdown */
        status = tp_pool_run(caller->pool, caller->most, TP_INFINITE, &ran);
        if (status == TP_ERR_TOO_MANY_THREADS) {
            scene_add(REFUSED, 1);
            tpps_sleep(1000);
            status = TP_OK;
        }
    } while (status == TP_OK);
    tpps_check(status == TP_ERR_CLOSED || status == TP_ERR_HANDLE);
}

static void shut(tp_pool_t *pool, bool cancel)
{
    tpps_check(tp_pool_shutdown(pool, cancel, TP_INFINITE) == TP_OK);
    scene_add(OVER, 1);
}

static void callers(uint32_t seats, uint32_t most, bool cancel)
{
    tp_pool_t *pool = scene_driven(seats);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    struct caller caller = {pool, most};
    if (work) {
        tpps_thread a = tpps_spawn(run_until_closed, &caller);
        tpps_thread b = tpps_spawn(run_until_closed, &caller);
        tpps_thread poster = tpps_spawn(post_two, work);
        scene_submit(work, 2);
        tpps_join(poster);
        shut(pool, cancel);
        tpps_check(cancel ? scene_value(RAN) <= 4 : scene_value(RAN) == 4);
        tpps_join(a);
        tpps_join(b);
        tpps_check(tp_pool_run(pool, 0, 0, NULL) == TP_ERR_HANDLE);
        scene_close(work);
    } else {
        scene_close_pool(pool);
    }
}

SCENE(driven__two_callers_wait_until_the_shutdown)
{
    callers(2, 0, false);
}

SCENE(driven__two_callers_one_at_a_time)
{
    callers(2, 1, false);
}

SCENE(driven__two_callers_one_seat)
{
    callers(1, 1, false);
}

SCENE(driven__two_callers_and_a_cancelling_shutdown)
{
    callers(2, 1, true);
}

static void wait_for_the_end(void *pool)
{
    tp_status_t status = tp_pool_run(pool, 0, TP_INFINITE, NULL);
    tpps_check(status == TP_ERR_CLOSED || status == TP_ERR_HANDLE);
}

/* Nobody could tell the callers anything any more. */
SCENE(driven__close_lets_waiting_callers_go)
{
    tp_pool_t *pool = scene_driven(0);
    if (!pool)
        return;
    tpps_thread a = tpps_spawn(wait_for_the_end, pool), b = tpps_spawn(wait_for_the_end, pool);
    tpps_check(tp_pool_close(pool) == TP_OK);
    tpps_join(a);
    tpps_join(b);
}

static void wait_in_run(void *pool)
{
    uint32_t ran = 0;
    tpps_check(tp_pool_run(pool, 0, TP_INFINITE, &ran) == TP_OK && ran > 0);
}

/* A post wakes the caller that sleeps. */
SCENE(driven__post_wakes_the_caller)
{
    tp_pool_t *pool = scene_driven(2);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    if (work) {
        tpps_thread a = tpps_spawn(wait_in_run, pool);
        post_two(work);
        tpps_join(a);
        run_dry(pool);
        tpps_check(scene_value(RAN) == 2);
    }
    scene_close(work);
    scene_close_pool(pool);
}

/* One caller leaves at its limit while others post: what is left wakes the one that sleeps. */
SCENE(driven__who_leaves_passes_on_what_is_left)
{
    tp_pool_t *pool = scene_driven(2);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    struct caller caller = {pool, 1};
    if (work) {
        tpps_thread a = tpps_spawn(run_until_closed, &caller);
        tpps_thread poster = tpps_spawn(post_two, work);
        turn(pool, 1);
        turn(pool, 1);
        tpps_join(poster);
        scene_await(RAN, 2);
        shut(pool, false);
        tpps_join(a);
        scene_close(work);
    } else {
        scene_close_pool(pool);
    }
}

/* ---- inside callbacks ------------------------------------------------------------------------ */

static tp_pool_t *inner;
static tp_work_t *inner_work;

static void call_in(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    uint32_t ran = 9;
    tpps_check(tp_pool_run(inner, 0, 0, &ran) == TP_ERR_DEADLOCK && ran == 0);
    tpps_check(tp_pool_shutdown(inner, false, TP_INFINITE) == TP_ERR_DEADLOCK);
    scene_add(RAN, 1);
}

SCENE(driven__run_and_shutdown_inside_are_deadlocks)
{
    tp_pool_t *pool = inner = scene_driven(2);
    tp_work_t *work = scene_pool_work(pool, call_in, NULL);
    if (work) {
        scene_submit(work, 1);
        run_dry(pool);
        tpps_check(scene_value(RAN) == 1);
    }
    scene_close(work);
    scene_close_pool(pool);
}

static void wait_inside(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_wait(inner_work); /* nobody else is there to run it */
    tpps_check(scene_value(RAN) >= 2);
    scene_add(FLAG, 1);
}

SCENE(driven__wait_inside_helps)
{
    tp_pool_t *pool = scene_driven(1);
    tp_work_t *outer = scene_pool_work(pool, wait_inside, NULL);
    tp_work_t *work = inner_work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    if (work) {
        scene_submit(outer, 1);
        tpps_thread poster = tpps_spawn(post_two, work);
        tpps_join(poster);
        run_dry(pool);
        tpps_check(scene_value(RAN) == 2 && scene_value(FLAG) == 1);
    }
    scene_close(outer);
    scene_close(work);
    scene_close_pool(pool);
}

/* ---- threads that end inside ----------------------------------------------------------------- */

static void exit_inside(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(EXITED, 1);
    tpps_thread_exit();
}

static void run_to_its_end(void *pool)
{
    while (turn(pool, 0))
        ;
    tpps_fail("the callback did not end the thread");
}

/* The seat is free again, what was queued stays, and the pool can be closed. */
SCENE(driven__thread_that_ends_inside_frees_its_seat)
{
    tp_pool_t *pool = scene_driven(1);
    tp_work_t *work = scene_pool_work(pool, exit_inside, NULL);
    tp_work_t *rest = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    if (rest) {
        scene_submit(work, 1);
        scene_submit(rest, 2);
        tpps_join(tpps_spawn(run_to_its_end, pool));
        run_dry(pool);
        tpps_check(scene_value(EXITED) == 1 && scene_value(RAN) == 2);
    }
    scene_close(work);
    scene_close(rest);
    scene_close_pool(pool);
}

static void shut_by_itself(void *pool)
{
    shut(pool, false);
}

/* The thread that shuts the pool down drains it, and a callback ends it: the next one goes on. */
SCENE(driven__thread_that_ends_in_a_drain)
{
    tp_pool_t *pool = scene_driven(1);
    tp_work_t *work = scene_pool_work(pool, exit_inside, NULL);
    if (work) {
        scene_submit(work, 1);
        tpps_join(tpps_spawn(shut_by_itself, pool));
        tpps_check(scene_value(EXITED) == 1 && scene_value(OVER) == 0);
        shut(pool, false);
        scene_close(work);
    } else {
        scene_close_pool(pool);
    }
}

static void drain_inner(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    shut(inner, false);
}

/* A worker of one pool drains another and is ended there: both pools lose what was theirs. */
SCENE(driven__worker_that_ends_in_a_drain_of_another_pool)
{
    tp_pool_t *outer = scene_pool(0, 1), *pool = inner = scene_driven(1);
    tp_work_t *work = scene_pool_work(pool, exit_inside, NULL);
    tp_work_t *drainer = scene_pool_work(outer, drain_inner, NULL);
    tp_work_t *after = scene_pool_work(outer, scene_count, SCENE_WORD(RAN));
    if (after) {
        scene_submit(work, 1);
        scene_submit(drainer, 1);
        scene_finish(drainer);
        scene_submit(after, 1);
        scene_finish(after);
        tpps_check(scene_value(RAN) == 1 && scene_value(EXITED) == 1);
        shut(pool, false);
        scene_close(work);
    } else {
        scene_close(work);
        scene_close(drainer);
        scene_close_pool(pool);
    }
    scene_close_pool(outer);
}

static tp_pool_t *outermost;

static void shut_outermost(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpps_check(tp_pool_shutdown(outermost, false, TP_INFINITE) == TP_ERR_DEADLOCK);
    scene_add(RAN, 1);
}

/* Drained inside a callback of another pool: that pool is below on the stack. */
SCENE(driven__shutdown_of_the_pool_below_is_a_deadlock)
{
    tp_pool_t *outer = outermost = scene_pool(0, 1), *pool = inner = scene_driven(1);
    tp_work_t *work = scene_pool_work(pool, shut_outermost, NULL);
    tp_work_t *drainer = scene_pool_work(outer, drain_inner, NULL);
    if (drainer) {
        scene_submit(work, 1);
        scene_submit(drainer, 1);
        scene_finish(drainer);
        tpps_check(scene_value(RAN) == 1);
        scene_close(work);
    } else {
        scene_close(work);
        scene_close_pool(pool);
    }
    scene_close_pool(outer);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void close_if_empty(void *pool)
{
    tp_status_t status = tp_pool_close(pool);
    tpps_check(status == TP_OK || status == TP_ERR_BUSY || status == TP_ERR_HANDLE);
    if (status == TP_OK)
        scene_add(OVER, 1);
}

/* Closed empty, or made in time: never an object that nobody can run. */
SCENE(driven__close_against_create)
{
    tp_pool_t *pool = scene_driven(1);
    tp_env_t *env = scene_env(&(struct scene_choice){.pool = pool});
    tp_work_t *work = NULL;
    if (!env) {
        scene_close_pool(pool);
        return;
    }
    tpps_thread a = tpps_spawn(close_if_empty, pool), b = tpps_spawn(close_if_empty, pool);
    tp_status_t status = tp_work_create(scene_count, SCENE_WORD(RAN), env, &work);
    tpps_join(a);
    tpps_join(b);
    tpps_check(tp_env_destroy(env) == TP_OK);
    if (status == TP_OK && scene_value(OVER) == 0) {
        tpps_check(tp_pool_close(pool) == TP_ERR_BUSY);
        scene_submit(work, 1);
        run_dry(pool);
        tpps_check(scene_value(RAN) == 1);
        scene_close(work);
        scene_close_pool(pool);
    } else if (status == TP_OK) {
        tpps_fail("the pool was closed and has an object");
    } else {
        tpps_check(status == TP_ERR_CLOSED);
        if (scene_value(OVER) == 0)
            scene_close_pool(pool);
    }
}

static void mixed(bool cancel)
{
    tp_pool_t *pool = scene_driven(2);
    struct scene_choice limited = {.pool = pool, .limit = 1, .release = released};
    tp_work_t *work = scene_work(scene_count, SCENE_WORD(RAN), &limited);
    int simples = scene_simple(scene_count_simple, SCENE_WORD(RAN), &limited);
    scene_submit(work, 3);
    tpps_thread poster = tpps_spawn(post_simple, pool);
    if (tpps_choose(2))
        turn(pool, 1);
    tpps_join(poster);
    if (pool)
        shut(pool, cancel);
    uint32_t posts = scene_value(ACCEPTED) + (uint32_t)simples + (work ? 3 : 0);
    tpps_check(cancel ? scene_value(RAN) <= 1 : scene_value(RAN) == posts);
    tpps_check(scene_value(RELEASED) == (uint32_t)simples);
    scene_close(work);
    tpps_check(tpps_service_fibers() == 0);
}

SCENE(driven__shutdown_drains_on_the_calling_thread)
{
    mixed(false);
}

SCENE(driven__shutdown_drops_what_is_queued)
{
    mixed(true);
}

static void shut_too(void *pool)
{
    tp_status_t status = tp_pool_shutdown(pool, tpps_choose(2), TP_INFINITE);
    tpps_check(status == TP_OK || status == TP_ERR_HANDLE);
    if (status == TP_OK)
        scene_add(OVER, 1);
}

SCENE(driven__two_shutdowns_drain_together)
{
    tp_pool_t *pool = scene_driven(2);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    if (work) {
        scene_submit(work, 3);
        tpps_thread a = tpps_spawn(shut_too, pool), b = tpps_spawn(shut_too, pool);
        tpps_join(a);
        tpps_join(b);
        tpps_check(scene_value(OVER) == 1);
        scene_close(work);
    } else {
        scene_close_pool(pool);
    }
}

static void wait_for_own_post(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_submit(inner_work, 1);
    scene_add(FLAG, 1);
    scene_await(RAN, 1);
}

/* A single post in the ring of a caller who waits for just that: only the drain can run it. */
SCENE(driven__shutdown_drains_what_a_callback_waits_for)
{
    tp_pool_t *pool = scene_driven(2);
    tp_work_t *work = scene_pool_work(pool, wait_for_own_post, NULL);
    struct caller caller = {pool, 0};
    inner_work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    if (work && inner_work) {
        tpps_thread a = tpps_spawn(run_until_closed, &caller);
        scene_submit(work, 1);
        scene_await(FLAG, 1);
        shut(pool, false);
        tpps_join(a);
        tpps_check(scene_value(RAN) == 1);
    } else {
        scene_close_pool(pool);
    }
    scene_close(inner_work);
    scene_close(work);
}

static void post_if_open(void *work)
{
    for (int i = 0; i < 2; i++) {
        tp_status_t status = tp_work_submit(work);
        tpps_check(status == TP_OK || status == TP_ERR_CLOSED);
        if (status == TP_OK)
            scene_add(ACCEPTED, 1);
    }
}

/* Nobody calls in: what was accepted at the last moment, the shutdown itself has to run. */
static void while_others_post(bool cancel)
{
    tp_pool_t *pool = scene_driven(2);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    if (!work) {
        scene_close_pool(pool);
        return;
    }
    tpps_thread a = tpps_spawn(post_if_open, work), b = tpps_spawn(post_if_open, work);
    shut(pool, cancel);
    tpps_join(a);
    tpps_join(b);
    if (cancel)
        tpps_check(scene_value(RAN) <= scene_value(ACCEPTED));
    else
        tpps_check(scene_value(RAN) == scene_value(ACCEPTED));
    scene_close(work);
}

SCENE(driven__shutdown_drains_while_others_post)
{
    while_others_post(false);
}

SCENE(driven__shutdown_drops_while_others_post)
{
    while_others_post(true);
}

static void close_members(void *group)
{
    tpps_check(tp_cleanup_group_close_members(group, tpps_choose(2), NULL) == TP_OK);
    scene_add(OVER, 1);
}

/* The group is closed from outside while a caller is at it. */
SCENE(driven__group_closed_while_a_caller_runs)
{
    tp_pool_t *pool = scene_driven(1);
    tp_cleanup_group_t *group = scene_group();
    struct scene_choice choice = {.pool = pool, .group = group, .release = released};
    tp_work_t *work = scene_work(scene_count, SCENE_WORD(RAN), &choice);
    int simples = scene_simple(scene_count_simple, SCENE_WORD(RAN), &choice);
    scene_submit(work, 2);
    if (group) {
        tpps_thread closer = tpps_spawn(close_members, group);
        while (scene_value(OVER) == 0) { /* ends: each turn runs what the closer waits for */
            turn(pool, tpps_choose(3));
            tpps_sleep(1000);
        }
        tpps_join(closer);
        tpps_check(scene_value(RELEASED) == (uint32_t)(work != NULL) + (uint32_t)simples);
    }
    scene_close_group(group);
    close_dry(pool);
}

/* ---- what may fail --------------------------------------------------------------------------- */

static void descriptor_or_why(tp_pool_t *pool)
{
    int fd = 0;
    tp_status_t status = tp_pool_poll_fd(pool, &fd);
    if (status == TP_OK)
        return;
    tpps_check(status == TP_ERR_SYSTEM && fd == -1);
    if (tp_last_errno() == 0) /* not even the record of the thread could be made: all fails now */
        tpps_check(tp_pool_poll_fd(pool, &fd) == TP_ERR_SYSTEM);
    else
        tpps_check(tp_last_errno() == EMFILE);
}

/* Whatever fails: what was accepted runs or is dropped by whoever gives up, and all goes. */
static void with_faults(bool by_shutdown)
{
    tp_pool_t *pool = scene_driven(1);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    uint32_t ran = 0;
    if (!work) {
        scene_close_pool(pool);
        return;
    }
    scene_submit(work, 2);
    descriptor_or_why(pool);
    tp_status_t status = tp_pool_run(pool, 1, 0, &ran);
    tpps_check(status == TP_OK || !scene_made(status));
    tpps_check(scene_value(RAN) == ran);
    if (by_shutdown)
        status = tp_pool_shutdown(pool, tpps_choose(2), TP_INFINITE);
    else
        status = tp_pool_run(pool, 0, 0, NULL);
    tpps_check(status == TP_OK || !scene_made(status));
    scene_cancel(work);
    scene_close(work);
    if (!by_shutdown || status != TP_OK)
        scene_close_pool(pool);
}

SCENE(driven__run_with_faults)
{
    with_faults(false);
}

SCENE(driven__shutdown_with_faults)
{
    with_faults(true);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(driven__poller_runs_what_one_posts), .no_faults = true},
    {SCENE_ROW(driven__poller_runs_what_three_post), .no_faults = true},
    {SCENE_ROW(driven__poller_takes_one_at_a_time), .no_faults = true},
    {SCENE_ROW(driven__poller_of_three_priorities), .no_faults = true},
    {SCENE_ROW(driven__two_pollers), .no_faults = true},
    {SCENE_ROW(driven__two_pollers_one_at_a_time), .no_faults = true},
    {SCENE_ROW(driven__poller_of_a_chain), .no_faults = true},
    {SCENE_ROW(driven__poller_and_a_cancel), .no_faults = true},
    {SCENE_ROW(driven__flag_stays_up_for_what_is_left), .no_faults = true},
    {SCENE_ROW(driven__close_lets_waiting_callers_go), .no_faults = true},
    {SCENE_ROW(driven__two_callers_wait_until_the_shutdown), .no_faults = true},
    {SCENE_ROW(driven__two_callers_one_at_a_time), .no_faults = true},
    {SCENE_ROW(driven__two_callers_one_seat), .no_faults = true},
    {SCENE_ROW(driven__two_callers_and_a_cancelling_shutdown), .no_faults = true},
    {SCENE_ROW(driven__post_wakes_the_caller), .no_faults = true},
    {SCENE_ROW(driven__who_leaves_passes_on_what_is_left), .no_faults = true},
    {SCENE_ROW(driven__run_and_shutdown_inside_are_deadlocks), .no_faults = true},
    {SCENE_ROW(driven__wait_inside_helps), .no_faults = true},
    {SCENE_ROW(driven__thread_that_ends_inside_frees_its_seat), .no_faults = true},
    {SCENE_ROW(driven__thread_that_ends_in_a_drain), .no_faults = true},
    {SCENE_ROW(driven__worker_that_ends_in_a_drain_of_another_pool), .no_faults = true},
    {SCENE_ROW(driven__shutdown_of_the_pool_below_is_a_deadlock), .no_faults = true},
    {SCENE_ROW(driven__close_against_create), .no_faults = true},
    {SCENE_ROW(driven__shutdown_drains_on_the_calling_thread), .no_faults = true},
    {SCENE_ROW(driven__shutdown_drops_what_is_queued), .no_faults = true},
    {SCENE_ROW(driven__shutdown_drains_while_others_post), .no_faults = true},
    {SCENE_ROW(driven__shutdown_drops_while_others_post), .no_faults = true},
    {SCENE_ROW(driven__two_shutdowns_drain_together), .no_faults = true},
    {SCENE_ROW(driven__shutdown_drains_what_a_callback_waits_for), .no_faults = true},
    {SCENE_ROW(driven__group_closed_while_a_caller_runs), .no_faults = true},
    {SCENE_ROW(driven__run_with_faults)},
    {SCENE_ROW(driven__shutdown_with_faults)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
