/* shutdown_scenarios.c - a pool is shut down while everything else goes on. */
#include "tests/scenario/scene.h"

enum { RAN, ACCEPTED, RELEASED, OVER, STARTED, STOPPED, FLAG, MEMBERS };
enum { IDLE_NS = 1000000 };

/* ---- what runs ------------------------------------------------------------------------------- */

static void ran(void)
{
    tpps_check(scene_value(OVER) == 0); /* nothing runs once the shutdown has returned */
    scene_add(RAN, 1);
}

static void run_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    ran();
}

static void run_simple(tp_callback_instance_t *instance, void *context)
{
    (void)instance;
    (void)context;
    ran();
}

static void released(void *context)
{
    (void)context;
    scene_add(RELEASED, 1);
}

/* True if the post was accepted, and so will run or be counted as dropped. */
static bool accepted(tp_status_t status)
{
    if (status != TP_OK && status != TP_ERR_CLOSED)
        tpps_fail("a post gave %s", tp_status_name(status));
    if (status == TP_OK)
        scene_add(ACCEPTED, 1);
    return status == TP_OK;
}

static void post_two(void *work)
{
    accepted(tp_work_submit(work));
    accepted(tp_work_submit(work));
}

/* Shuts it down for good; NULL is taken as done. */
static void shut(tp_pool_t *pool, bool cancel)
{
    if (!pool)
        return;
    tpps_check(tp_pool_shutdown(pool, cancel, TP_INFINITE) == TP_OK);
    scene_add(OVER, 1);
    tpps_check(tp_pool_shutdown(pool, cancel, 0) == TP_ERR_HANDLE);
}

static void check_done(tp_pool_t *pool, bool cancel)
{
    if (!pool)
        return;
    if (cancel)
        tpps_check(scene_value(RAN) <= scene_value(ACCEPTED));
    else
        tpps_check(scene_value(RAN) == scene_value(ACCEPTED));
}

/* ---- against posts --------------------------------------------------------------------------- */

static void against_submits(bool cancel)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, run_work, NULL);
    if (!work) {
        scene_close_pool(pool);
        return;
    }
    tpps_thread a = tpps_spawn(post_two, work), b = tpps_spawn(post_two, work);
    shut(pool, cancel);
    tpps_join(a);
    tpps_join(b);
    check_done(pool, cancel);
    tpps_check(tp_work_submit(work) == TP_ERR_CLOSED);
    tpps_check(tp_work_wait(work, false, TP_INFINITE) == TP_OK);
    scene_close(work);
}

SCENE(shutdown__drain_against_submits)
{
    against_submits(false);
}

SCENE(shutdown__cancel_against_submits)
{
    against_submits(true);
}

static void resubmit(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    ran();
    if (scene_value(RAN) < 50)
        accepted(tp_work_submit(work));
    tpps_point();
}

/* A chain that goes on for long: its own callback is refused. */
SCENE(shutdown__own_submits_are_refused)
{
    tp_pool_t *pool = scene_pool(1, 2);
    tp_work_t *work = scene_pool_work(pool, resubmit, NULL);
    if (work)
        accepted(tp_work_submit(work));
    shut(pool, false);
    check_done(pool, false);
    scene_close(work);
}

static void create_some(void *pool)
{
    tp_env_t *env;
    tp_work_t *work = NULL;
    if (!scene_made(tp_env_create(&env)))
        return;
    if (tp_env_set_pool(env, pool) == TP_OK) {
        tpps_check(tp_env_set_context_release(env, released) == TP_OK);
        if (tp_try_submit(run_simple, NULL, env) == TP_OK)
            scene_add(ACCEPTED, 1), scene_add(MEMBERS, 1);
        if (tp_work_create(run_work, NULL, env, &work) == TP_OK) {
            scene_add(MEMBERS, 1);
            accepted(tp_work_submit(work));
            scene_close(work);
        }
    }
    tpps_check(tp_env_destroy(env) == TP_OK);
}

/* What is made is run or dropped, and given back once; what comes late is refused. */
static void against_creates(bool cancel)
{
    tp_pool_t *pool = scene_pool(0, 2);
    if (!pool)
        return;
    tpps_thread a = tpps_spawn(create_some, pool), b = tpps_spawn(create_some, pool);
    shut(pool, cancel);
    tpps_join(a);
    tpps_join(b);
    check_done(pool, cancel);
    tpps_check(scene_value(RELEASED) == scene_value(MEMBERS));
}

SCENE(shutdown__drain_against_creates)
{
    against_creates(false);
}

SCENE(shutdown__cancel_against_creates)
{
    against_creates(true);
}

static tp_work_t *late;

static void create_late(void *env)
{
    tp_status_t status = tp_work_create(run_work, NULL, env, &late);
    tpps_check(status == TP_OK || status == TP_ERR_CLOSED || !scene_made(status));
}

/* Made at the last moment: it exists, or was refused; a post of it is refused in any case. */
SCENE(shutdown__late_object_takes_no_post)
{
    late = NULL;
    tp_pool_t *pool = scene_pool(0, 1);
    tp_env_t *env = scene_env(&(struct scene_choice){.pool = pool});
    if (!env) {
        scene_close_pool(pool);
        return;
    }
    tpps_thread creator = tpps_spawn(create_late, env);
    shut(pool, tpps_choose(2));
    tpps_join(creator);
    if (late) {
        tpps_check(tp_work_submit(late) == TP_ERR_CLOSED);
        tpps_check(tp_work_wait(late, false, TP_INFINITE) == TP_OK);
    }
    scene_close(late);
    tpps_check(tp_env_destroy(env) == TP_OK);
}

/* ---- against its like ------------------------------------------------------------------------ */

static void shut_too(void *pool)
{
    tp_status_t status = tp_pool_shutdown(pool, tpps_choose(2), TP_INFINITE);
    tpps_check(status == TP_OK || status == TP_ERR_HANDLE);
    if (status == TP_OK)
        scene_add(OVER, 1);
}

static void close_too(void *pool)
{
    if (scene_or_stale(tp_pool_close(pool)))
        scene_add(OVER, 1);
}

static void one_of_two(void (*first)(void *), void (*second)(void *))
{
    tp_pool_t *pool = scene_pool(1, 2);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    if (!pool)
        return;
    scene_submit(work, 2);
    tpps_thread a = tpps_spawn(first, pool), b = tpps_spawn(second, pool);
    tpps_join(a);
    tpps_join(b);
    tpps_check(scene_value(OVER) == 1); /* exactly one has ended the handle */
    scene_close(work);
}

SCENE(shutdown__two_at_once)
{
    one_of_two(shut_too, shut_too);
}

SCENE(shutdown__against_close)
{
    one_of_two(shut_too, close_too);
}

/* ---- against waits and groups ---------------------------------------------------------------- */

static void wait_cancelling(void *work)
{
    scene_cancel(work);
}

static void wait_plainly(void *work)
{
    scene_wait(work);
}

static void against_waits(bool cancel)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, run_work, NULL);
    scene_submit(work, 3);
    tpps_thread a = tpps_spawn(wait_cancelling, work), b = tpps_spawn(wait_plainly, work);
    shut(pool, cancel);
    tpps_join(a);
    tpps_join(b);
    scene_close(work);
}

SCENE(shutdown__drain_against_cancelling_waits)
{
    against_waits(false);
}

SCENE(shutdown__cancel_against_cancelling_waits)
{
    against_waits(true);
}

static void close_members(void *group)
{
    tpps_check(!group || tp_cleanup_group_close_members(group, tpps_choose(2), NULL) == TP_OK);
}

static void against_group(bool cancel)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_cleanup_group_t *group = scene_group();
    struct scene_choice choice = {
        .pool = pool, .group = group, .cancel = scene_count_cancel, .release = released};
    tp_work_t *work = scene_work(run_work, SCENE_WORD(FLAG), &choice);
    bool simple = scene_simple(run_simple, SCENE_WORD(FLAG), &choice);
    scene_submit(work, 2);
    tpps_thread closer = tpps_spawn(close_members, group);
    shut(pool, cancel);
    tpps_join(closer);
    close_members(group);
    scene_close_group(group);
    tpps_check(scene_value(RELEASED) == (uint32_t)(work != NULL) + simple);
}

SCENE(shutdown__drain_against_close_members)
{
    against_group(false);
}

SCENE(shutdown__cancel_against_close_members)
{
    against_group(true);
}

/* ---- against threads that come and go -------------------------------------------------------- */

static void thread_started(void *context)
{
    (void)context;
    scene_add(STARTED, 1);
}

static void thread_stopped(void *context)
{
    (void)context;
    tpps_point();
    scene_add(STOPPED, 1);
}

static tp_pool_t *hooked(uint32_t minimum, uint32_t maximum)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_minimum = minimum;
    config.thread_maximum = maximum;
    config.idle_timeout = IDLE_NS;
    config.on_thread_start = thread_started;
    config.on_thread_stop = thread_stopped;
    oracle_allow_hooks();
    return scene_pool_config(&config);
}

static void set_minimum(void *pool)
{
    oracle_raising(2);
    tp_status_t status = tp_pool_set_thread_minimum(pool, 2);
    tpps_check(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_CLOSED ||
               !scene_made(status));
}

static void set_limits(void *pool)
{
    set_minimum(pool);
    scene_or_stale(tp_pool_set_thread_maximum(pool, 3));
    scene_or_stale(tp_pool_set_thread_maximum(pool, 1));
}

/* Whatever the limits ask for: no thread is left once it has returned, and none comes. */
static void against_limits(void (*setter)(void *), bool with_object)
{
    tp_pool_t *pool = hooked(0, 2);
    tp_work_t *work = with_object ? scene_pool_work(pool, run_work, NULL) : NULL;
    if (pool) {
        scene_submit(work, 2);
        tpps_thread thread = tpps_spawn(setter, pool);
        tpps_check(tp_pool_shutdown(pool, false, TP_INFINITE) == TP_OK);
        uint32_t stopped = scene_value(STOPPED); /* read first: it only grows */
        tpps_check(scene_value(STARTED) == stopped);
        tpps_join(thread);
        tpps_sleep(10 * IDLE_NS);
        tpps_check(scene_value(STARTED) == stopped);
    }
    scene_close(work);
}

SCENE(shutdown__r38_against_limits)
{
    against_limits(set_limits, true);
}

SCENE(shutdown__r38_against_a_minimum_without_objects)
{
    against_limits(set_minimum, false);
}

/* Its workers are about to retire, or sleep without a deadline. */
static void as_they_retire(int64_t pause)
{
    tp_pool_t *pool = scene_pool_idle(1, 2, IDLE_NS);
    tp_work_t *work = scene_pool_work(pool, run_work, NULL);
    scene_submit(work, 2);
    scene_wait(work);
    tpps_sleep(pause);
    shut(pool, false);
    scene_close(work);
}

SCENE(shutdown__as_they_retire)
{
    as_they_retire(IDLE_NS);
}

SCENE(shutdown__while_one_sleeps_for_ever)
{
    as_they_retire(5 * IDLE_NS);
}

static void meet(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(FLAG, 1);
    scene_await(FLAG, 3);
    ran();
}

/* What is accepted needs three threads at once: the shutdown must not keep them from coming. */
SCENE(shutdown__growth_goes_on)
{
    tp_pool_t *pool = scene_pool(0, 3);
    tp_work_t *work = scene_pool_work(pool, meet, NULL);
    scene_submit(work, 3);
    shut(pool, false);
    tpps_check(!work || scene_value(RAN) == 3);
    scene_close(work);
}

static void exit_thread(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    ran();
    tpps_thread_exit();
}

SCENE(shutdown__callbacks_end_their_threads)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, exit_thread, NULL);
    scene_submit(work, 3);
    shut(pool, false);
    tpps_check(!work || scene_value(RAN) == 3);
    scene_close(work);
}

/* All that a hook does on an ending thread has been done when it returns. */
SCENE(shutdown__hooks_have_returned)
{
    tp_pool_t *pool = hooked(1, 3);
    tp_work_t *work = scene_pool_work(pool, tpps_choose(2) ? exit_thread : run_work, NULL);
    scene_submit(work, 3);
    if (tpps_choose(2))
        tpps_sleep(2 * IDLE_NS);
    shut(pool, tpps_choose(2));
    tpps_check(scene_value(STARTED) == scene_value(STOPPED));
    scene_close(work);
}

/* ---- from within ----------------------------------------------------------------------------- */

static tp_pool_t *inner; /* the pool that is shut down from within something */

static void deadlocks(void)
{
    if (tpps_choose(2))
        tpps_check(tp_pool_shutdown(inner, tpps_choose(2), TP_INFINITE) == TP_ERR_DEADLOCK);
    else
        tpps_check(tp_pool_shutdown(inner, tpps_choose(2), 0) == TP_ERR_DEADLOCK);
    scene_add(FLAG, 1);
}

static void shut_own(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    deadlocks();
    if (scene_value(FLAG) == 1)
        accepted(tp_work_submit(work)); /* nothing has changed */
    ran();
}

SCENE(shutdown__from_its_own_callback_is_a_deadlock)
{
    tp_pool_t *pool = inner = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, shut_own, NULL);
    if (work) {
        accepted(tp_work_submit(work));
        scene_wait(work);
        tpps_check(scene_value(ACCEPTED) == 2);
    }
    shut(pool, false);
    check_done(pool, false);
    scene_close(work);
}

static void deadlocks_in_release(void *context)
{
    (void)context;
    deadlocks();
}

static void close_own(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    scene_close(work);
}

/* The last holder of the object is the worker. */
SCENE(shutdown__from_a_release_function_on_a_worker_is_a_deadlock)
{
    tp_pool_t *pool = inner = scene_pool(0, 2);
    struct scene_choice choice = {.pool = pool, .release = deadlocks_in_release};
    tp_work_t *work = scene_work(close_own, NULL, &choice);
    if (work)
        tpps_check(tp_work_submit(work) == TP_OK);
    shut(pool, false);
    tpps_check(!work || scene_value(FLAG) == 1);
}

static void from_a_hook(bool at_start)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_maximum = 2;
    if (at_start)
        config.on_thread_start = deadlocks_in_release;
    else
        config.on_thread_stop = deadlocks_in_release;
    oracle_allow_hooks();
    tp_pool_t *pool = inner = scene_pool_config(&config);
    tp_work_t *work = scene_pool_work(pool, run_work, NULL);
    scene_submit(work, 1);
    shut(pool, false);
    tpps_check(!work || scene_value(FLAG) >= 1);
    scene_close(work);
}

SCENE(shutdown__from_a_start_hook_is_a_deadlock)
{
    from_a_hook(true);
}

SCENE(shutdown__from_a_stop_hook_is_a_deadlock)
{
    from_a_hook(false);
}

static void shut_inner(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpps_check(tp_pool_shutdown(inner, false, TP_INFINITE) == TP_OK);
    scene_add(FLAG, 1);
}

SCENE(shutdown__from_a_callback_of_another_pool)
{
    tp_pool_t *pool = scene_pool(0, 1), *other = inner = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(other, run_work, NULL);
    tp_work_t *shutter = scene_pool_work(pool, shut_inner, NULL);
    if (!shutter) {
        scene_close(work);
        scene_close_pool(other);
        scene_close_pool(pool);
        return;
    }
    scene_submit(work, 2);
    scene_submit(shutter, 1);
    scene_finish(shutter);
    tpps_check(scene_value(FLAG) == 1 && scene_value(RAN) == 2);
    scene_close(work);
    scene_close_pool(pool);
}

static void shut_in_cancel(void *context, void *cleanup_context)
{
    (void)context;
    (void)cleanup_context;
    tp_status_t status = tp_pool_shutdown(inner, tpps_choose(2), TP_INFINITE);
    tpps_check(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_DEADLOCK);
    if (status == TP_OK)
        scene_add(OVER, 1);
}

/* Called for an object that is no longer anybody's: it does not wait for itself. */
SCENE(shutdown__from_a_cancel_callback)
{
    tp_pool_t *pool = inner = scene_pool(0, 1);
    tp_cleanup_group_t *group = scene_group();
    struct scene_choice choice = {.pool = pool, .group = group, .cancel = shut_in_cancel};
    tp_work_t *work = scene_work(scene_count, SCENE_WORD(RAN), &choice);
    scene_submit(work, 2);
    scene_simple(scene_count_simple, SCENE_WORD(RAN), &choice);
    if (group)
        tpps_check(tp_cleanup_group_close_members(group, true, NULL) == TP_OK);
    scene_close_group(group);
    if (pool && scene_value(OVER) == 0)
        scene_close_pool(pool);
}

/* ---- kinds of objects ------------------------------------------------------------------------ */

static void leave_behind(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    tpps_check(tp_callback_disassociate(instance) == TP_OK);
    tpps_point();
    ran();
}

/* Limited, disassociated, closed with posts queued, simple, of three priorities. */
static void kinds(bool cancel)
{
    tp_pool_t *pool = scene_pool(0, 2);
    struct scene_choice limited = {.pool = pool, .limit = 1, .release = released};
    struct scene_choice high = {.pool = pool, .priority_plus_one = SCENE_HIGH, .release = released};
    struct scene_choice low = {.pool = pool, .priority_plus_one = SCENE_LOW, .release = released};
    tp_work_t *a = scene_work(run_work, NULL, &limited);
    tp_work_t *b = scene_work(leave_behind, NULL, &high);
    tp_work_t *c = scene_work(run_work, NULL, &low);
    int simples = scene_simple(run_simple, NULL, &low) + scene_simple(run_simple, NULL, &limited);
    int made = (a != NULL) + (b != NULL) + (c != NULL) + simples;
    scene_submit(a, 3);
    scene_submit(b, 2);
    scene_submit(c, 2);
    scene_close(c); /* its posts stay */
    shut(pool, cancel);
    if (scene_complete()) {
        tpps_check(cancel ? scene_value(RAN) <= 9 : scene_value(RAN) == 9);
        tpps_check(scene_value(RELEASED) == 3);
    }
    scene_close(a);
    scene_close(b);
    tpps_check(scene_value(RELEASED) == (uint32_t)made);
}

SCENE(shutdown__drain_of_all_kinds)
{
    kinds(false);
}

SCENE(shutdown__cancel_of_all_kinds)
{
    kinds(true);
}

static void persistent(bool cancel)
{
    tp_work_t *work = NULL;
    tp_pool_t *pool = scene_pool_idle(0, 2, IDLE_NS);
    tp_env_t *env = scene_env(&(struct scene_choice){.pool = pool});
    if (env) {
        tpps_check(tp_env_set_persistent(env, true) == TP_OK);
        scene_made(tp_work_create(run_work, NULL, env, &work));
        tpps_check(tp_env_destroy(env) == TP_OK);
    }
    scene_submit(work, 2);
    if (tpps_choose(2))
        tpps_sleep(3 * IDLE_NS);
    shut(pool, cancel);
    tpps_check(!work || cancel || scene_value(RAN) == 2);
    scene_close(work);
}

SCENE(shutdown__drain_of_persistent_objects)
{
    persistent(false);
}

SCENE(shutdown__cancel_of_persistent_objects)
{
    persistent(true);
}

/* ---- asked to end early, and times ----------------------------------------------------------- */

static void until_cancelled(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    bool requested = false;
    (void)context;
    (void)work;
    scene_add(STARTED, 1);
    while (!requested) { /* ends when the shutdown has begun */
        tpps_check(tp_callback_cancel_requested(instance, &requested) == TP_OK);
        tpps_sleep(1000);
    }
    ran();
}

SCENE(shutdown__running_callbacks_are_asked_to_end)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, until_cancelled, NULL);
    scene_submit(work, 2);
    shut(pool, false);
    tpps_check(!work || scene_value(RAN) == 2);
    scene_close(work);
}

static void hold(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(STARTED, 1);
    scene_await(FLAG, 1);
    ran();
}

/* The handle stays good until it has returned TP_OK once. */
SCENE(shutdown__again_after_a_timeout)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *work = scene_pool_work(pool, hold, NULL);
    if (!work) {
        scene_close_pool(pool);
        return;
    }
    scene_submit(work, 3);
    scene_await(STARTED, 1);
    tpps_check(tp_pool_shutdown(pool, false, 0) == TP_ERR_TIMEOUT);
    int64_t began = tpps_now();
    tpps_check(tp_pool_shutdown(pool, false, 5000) == TP_ERR_TIMEOUT);
    tpps_check(tpps_now() - began >= 5000 && tpps_now() - began < 1000000);
    tpps_check(tp_work_submit(work) == TP_ERR_CLOSED);
    tpps_check(tp_pool_shutdown(pool, true, 0) == TP_ERR_TIMEOUT); /* drops the two that wait */
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    tpps_check(tp_pool_get_stats(pool, &stats) == TP_OK);
    tpps_check(stats.submitted == 3 && stats.cancelled == 2 && stats.executed == 0);
    scene_add(FLAG, 1);
    shut(pool, false);
    tpps_check(scene_value(RAN) == 1);
    scene_close(work);
}

SCENE(shutdown__close_after_a_timeout)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *work = scene_pool_work(pool, hold, NULL);
    if (!work) {
        scene_close_pool(pool);
        return;
    }
    scene_submit(work, 2);
    scene_await(STARTED, 1);
    tpps_check(tp_pool_shutdown(pool, false, 0) == TP_ERR_TIMEOUT);
    scene_close_pool(pool);
    scene_add(FLAG, 1);
    scene_finish(work); /* what was queued runs, and the pool goes with its last object */
    tpps_check(scene_value(RAN) == 2);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(shutdown__drain_against_submits)},
    {SCENE_ROW(shutdown__cancel_against_submits)},
    {SCENE_ROW(shutdown__own_submits_are_refused)},
    {SCENE_ROW(shutdown__drain_against_creates)},
    {SCENE_ROW(shutdown__cancel_against_creates)},
    {SCENE_ROW(shutdown__late_object_takes_no_post)},
    {SCENE_ROW(shutdown__two_at_once)},
    {SCENE_ROW(shutdown__against_close)},
    {SCENE_ROW(shutdown__drain_against_cancelling_waits)},
    {SCENE_ROW(shutdown__cancel_against_cancelling_waits)},
    {SCENE_ROW(shutdown__drain_against_close_members)},
    {SCENE_ROW(shutdown__cancel_against_close_members)},
    {SCENE_ROW(shutdown__r38_against_limits)},
    {SCENE_ROW(shutdown__r38_against_a_minimum_without_objects)},
    {SCENE_ROW(shutdown__as_they_retire)},
    {SCENE_ROW(shutdown__while_one_sleeps_for_ever)},
    {SCENE_ROW(shutdown__growth_goes_on), .no_faults = true},
    {SCENE_ROW(shutdown__callbacks_end_their_threads), .no_faults = true},
    {SCENE_ROW(shutdown__hooks_have_returned), .no_faults = true},
    {SCENE_ROW(shutdown__from_its_own_callback_is_a_deadlock)},
    {SCENE_ROW(shutdown__from_a_release_function_on_a_worker_is_a_deadlock)},
    {SCENE_ROW(shutdown__from_a_start_hook_is_a_deadlock)},
    {SCENE_ROW(shutdown__from_a_stop_hook_is_a_deadlock)},
    {SCENE_ROW(shutdown__from_a_callback_of_another_pool)},
    {SCENE_ROW(shutdown__from_a_cancel_callback)},
    {SCENE_ROW(shutdown__drain_of_all_kinds)},
    {SCENE_ROW(shutdown__cancel_of_all_kinds)},
    {SCENE_ROW(shutdown__drain_of_persistent_objects)},
    {SCENE_ROW(shutdown__cancel_of_persistent_objects)},
    {SCENE_ROW(shutdown__running_callbacks_are_asked_to_end)},
    {SCENE_ROW(shutdown__again_after_a_timeout), .no_early = true},
    {SCENE_ROW(shutdown__close_after_a_timeout)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
