/* timer_end_scenarios.c - timers at the end of a group, a pool or the process: nothing comes after
 * it. */
#include "core/object/process.h"
#include "tests/scenario/scene_fork.h"
#include "tests/scenario/scene_timer.h"

enum { RAN, OVER = 4, RELEASED, CANCELLED, MADE, SETS, CHILD };

/* Nothing runs once the end has been told. */
static void tick(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    (void)timer;
    tpps_check(scene_latest(OVER) == 0);
    scene_add(RAN, 1);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static tp_cleanup_group_t *the_group;

static struct scene_choice member(tp_pool_t *pool)
{
    return (struct scene_choice){.pool = pool,
                                 .group = the_group,
                                 .cancel = scene_count_cancel,
                                 .release = scene_count_release};
}

/* A context must be a word for the counts of scene.h; ticks ignore it. */
static tp_timer_t *member_timer(tp_pool_t *pool, tp_timer_fn function)
{
    struct scene_choice choice = member(pool);
    choice.release = NULL; /* it would count in the same word */
    return the_group ? scene_timer(function, SCENE_WORD(CANCELLED), &choice) : NULL;
}

static void close_members(bool cancel)
{
    tpps_check(!the_group || tp_cleanup_group_close_members(the_group, cancel, NULL) == TP_OK);
}

static void end_group(tp_pool_t *pool)
{
    scene_close_group(the_group);
    scene_close_pool(pool);
}

/* [C-178] [C-188] Not one callback after it, and a cancel callback only if asked for. */
static void against_expiry(bool cancel, int64_t period)
{
    tp_pool_t *pool = scene_pool(0, 2);
    the_group = scene_group();
    tp_timer_t *timer = member_timer(pool, tick);
    scene_timer_set(timer, TP_CLOCK_RELATIVE, US, period, 0);
    scene_about(period > 0 && tpps_choose(2) ? US + period : US);
    close_members(cancel);
    scene_add(OVER, 1);
    tpps_check(scene_latest(CANCELLED) == (timer && cancel ? 1 : 0));
    tpps_sleep(MS);
    tpps_check(!timer || tp_timer_close(timer) == TP_ERR_HANDLE);
    end_group(pool);
}

SCENE(timer_end__c178_close_members_against_expiry)
{
    against_expiry(false, 0);
}

SCENE(timer_end__c178_close_members_cancelling_against_expiry)
{
    against_expiry(true, 0);
}

SCENE(timer_end__c188_close_members_against_a_period)
{
    against_expiry(false, US);
}

SCENE(timer_end__c188_close_members_cancelling_against_a_period)
{
    against_expiry(true, US);
}

static void set_member(void *timer)
{
    bool was_armed;
    for (int i = 0; i < 3; i++)
        (void)scene_timer_try(timer, (int64_t)tpps_choose(2) * US, US, &was_armed);
}

/* Whoever sets it meanwhile is told that it is too late, or was just in time. */
static void members_against_set(bool cancel)
{
    tp_pool_t *pool = scene_pool(0, 2);
    the_group = scene_group();
    tp_timer_t *timer = member_timer(pool, tick);
    if (timer) {
        tpps_thread setter = tpps_spawn(set_member, timer);
        tpps_point();
        close_members(cancel);
        scene_add(OVER, 1);
        tpps_join(setter);
        tpps_sleep(MS);
    }
    close_members(cancel);
    end_group(pool);
}

SCENE(timer_end__close_members_against_set)
{
    members_against_set(false);
}

SCENE(timer_end__close_members_cancelling_against_set)
{
    members_against_set(true);
}

/* [C-176] Whoever closes himself gets no cancel callback. */
static void close_own(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    tick(instance, context, timer);
    if (scene_or_stale(tp_timer_close(timer)))
        scene_add(MADE, 1);
}

static void set_own(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    bool was_armed;
    tick(instance, context, timer);
    (void)scene_timer_try(timer, US, US, &was_armed);
}

static void members_against_callback(tp_timer_fn function, bool cancel)
{
    tp_pool_t *pool = scene_pool(0, 2);
    the_group = scene_group();
    tp_timer_t *timer = member_timer(pool, function);
    scene_timer_in(timer, US);
    scene_about((1 + tpps_choose(3)) * US);
    close_members(cancel);
    scene_add(OVER, 1);
    if (timer)
        tpps_check(scene_latest(CANCELLED) + scene_latest(MADE) ==
                   (cancel ? 1 : scene_latest(MADE)));
    tpps_sleep(MS);
    end_group(pool);
}

SCENE(timer_end__c176_close_members_against_its_own_close)
{
    members_against_callback(close_own, tpps_choose(2));
}

SCENE(timer_end__r08_close_members_against_its_own_set)
{
    members_against_callback(set_own, tpps_choose(2));
}

static void close_it(void *timer)
{
    if (timer)
        scene_or_stale(tp_timer_close(timer));
}

SCENE(timer_end__close_members_against_close_and_expiry)
{
    tp_pool_t *pool = scene_pool(0, 2);
    the_group = scene_group();
    tp_timer_t *timer = member_timer(pool, tick);
    scene_timer_every(timer, US);
    tpps_thread closer = tpps_spawn(close_it, timer);
    scene_about(US);
    close_members(tpps_choose(2));
    scene_add(OVER, 1);
    tpps_join(closer);
    end_group(pool);
}

/* ---- creation meanwhile ---------------------------------------------------------------------- */

/* [C-185] It is made and usable, or not made at all. */
static void create_one(void *choice)
{
    tp_env_t *env = scene_env(choice);
    tp_timer_t *timer = NULL;
    bool was_armed;
    if (!env)
        return;
    tp_status_t status = tp_timer_create(tick, SCENE_WORD(CANCELLED), env, &timer);
    tpps_check(tp_env_destroy(env) == TP_OK);
    tpps_check((status == TP_OK) == (timer != NULL));
    if (status != TP_ERR_CLOSED && !scene_made(status))
        return;
    if (timer) {
        scene_add(MADE, 1);
        (void)scene_timer_try(timer, US, US, &was_armed);
    }
}

SCENE(timer_end__c185_creation_against_close_members)
{
    tp_pool_t *pool = scene_pool(0, 2);
    the_group = scene_group();
    struct scene_choice choice = member(pool);
    choice.release = NULL;
    if (the_group) {
        tpps_thread a = tpps_spawn(create_one, &choice), b = tpps_spawn(create_one, &choice);
        tpps_sleep((int64_t)tpps_choose(3) * US);
        close_members(true);
        tpps_join(a);
        tpps_join(b);
        close_members(true);
        scene_add(OVER, 1);
        tpps_check(scene_latest(CANCELLED) == scene_latest(MADE));
        tpps_sleep(MS);
    }
    end_group(pool);
}

/* ---- pools ----------------------------------------------------------------------------------- */

static void shut(tp_pool_t *pool, bool cancel)
{
    tpps_check(!pool || tp_pool_shutdown(pool, cancel, TP_INFINITE) == TP_OK);
    scene_add(OVER, 1);
}

/* Afterwards it is stopped for good, and all but a stop is refused. */
static void check_shut(tp_timer_t *timer)
{
    bool was_armed = true;
    if (!timer)
        return;
    tpps_check(tp_timer_set(timer, NULL, &was_armed) == TP_OK && !was_armed);
    tpps_check(scene_timer_try(timer, 0, 0, &was_armed) == TP_ERR_CLOSED && !was_armed);
    tpps_check(scene_timer_try(timer, US, US, &was_armed) == TP_ERR_CLOSED && !was_armed);
    scene_timer_wait(timer);
    tpps_sleep(MS);
    scene_timer_close(timer);
    scene_await(RELEASED, 1);
}

static void shutdown_against(tp_timer_fn function, int64_t period)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = scene_released_timer(pool, function, RELEASED);
    scene_timer_set(timer, TP_CLOCK_RELATIVE, US, period, 0);
    scene_about(period > 0 && tpps_choose(2) ? 2 * US : US);
    shut(pool, tpps_choose(2));
    check_shut(timer);
}

SCENE(timer_end__shutdown_against_expiry)
{
    shutdown_against(tick, 0);
}

SCENE(timer_end__shutdown_against_a_period)
{
    shutdown_against(tick, US);
}

SCENE(timer_end__shutdown_against_its_own_set)
{
    shutdown_against(set_own, 0);
}

SCENE(timer_end__shutdown_against_set)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = scene_released_timer(pool, tick, RELEASED);
    if (timer) {
        tpps_thread setter = tpps_spawn(set_member, timer);
        tpps_sleep((int64_t)tpps_choose(3) * US);
        shut(pool, tpps_choose(2));
        tpps_join(setter);
        check_shut(timer);
    } else {
        shut(pool, true);
    }
}

static void set_at_once(void *timer)
{
    bool was_armed;
    for (int i = 0; i < 2; i++)
        if (scene_timer_try(timer, 0, 0, &was_armed) == TP_OK)
            scene_add(SETS, 1);
}

/* What was posted by then is run, or dropped. */
static void shutdown_against_posts(bool cancel)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = scene_released_timer(pool, tick, RELEASED);
    if (timer) {
        tpps_thread a = tpps_spawn(set_at_once, timer), b = tpps_spawn(set_at_once, timer);
        shut(pool, cancel);
        tpps_join(a);
        tpps_join(b);
        uint32_t ran = scene_latest(RAN), sets = scene_latest(SETS);
        tpps_check(cancel ? ran <= sets : ran == sets);
        check_shut(timer);
    } else {
        shut(pool, cancel);
    }
}

SCENE(timer_end__shutdown_drains_posts)
{
    shutdown_against_posts(false);
}

SCENE(timer_end__shutdown_drops_posts)
{
    shutdown_against_posts(true);
}

SCENE(timer_end__shutdown_against_close)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_timer_t *timer = scene_released_timer(pool, tick, RELEASED);
    scene_timer_every(timer, US);
    tpps_thread closer = tpps_spawn(close_it, timer);
    scene_about(US);
    shut(pool, tpps_choose(2));
    tpps_join(closer);
    if (timer)
        scene_await(RELEASED, 1);
}

SCENE(timer_end__creation_against_shutdown)
{
    tp_pool_t *pool = scene_pool(0, 2);
    struct scene_choice choice = {.pool = pool};
    tp_timer_t *first = scene_released_timer(pool, tick, RELEASED);
    if (first) {
        tp_env_t *env = scene_env(&choice);
        tp_timer_t *timer = NULL;
        bool was_armed;
        tpps_thread setter = tpps_spawn(set_member, first);
        tp_status_t status = tp_timer_create(tick, NULL, env, &timer);
        if (timer)
            (void)scene_timer_try(timer, US, US, &was_armed);
        tpps_check(!env || status == TP_OK || scene_sweeps());
        tpps_check(tp_env_destroy(env) == TP_OK);
        shut(pool, tpps_choose(2));
        tpps_join(setter);
        check_shut(first);
        tpps_check(tp_timer_close(timer) == TP_OK);
    } else {
        shut(pool, false);
    }
}

static void shut_it(void *pool)
{
    shut(pool, false);
}

SCENE(timer_end__creation_beside_shutdown)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_env_t *env = scene_env(&(struct scene_choice){.pool = pool, .release = scene_count_release});
    tp_timer_t *timer = NULL;
    bool was_armed;
    tpps_thread shutter = tpps_spawn(shut_it, pool);
    if (env) {
        tp_status_t status = tp_timer_create(tick, SCENE_WORD(RELEASED), env, &timer);
        tpps_check(status == TP_OK || status == TP_ERR_CLOSED || scene_sweeps());
        if (timer)
            (void)scene_timer_try(timer, (int64_t)tpps_choose(2) * US, US, &was_armed);
        tpps_check(tp_env_destroy(env) == TP_OK);
    }
    tpps_join(shutter);
    check_shut(timer);
}

/* Its owner has closed the pool: the timer keeps it, and ticks on. */
SCENE(timer_end__closed_pool_ticks_on_for_its_timer)
{
    tp_pool_t *pool = scene_pool_idle(0, 2, US);
    tp_timer_t *timer = scene_released_timer(pool, tick, RELEASED);
    scene_close_pool(pool);
    scene_timer_every(timer, 20 * US);
    if (timer)
        scene_await(RAN, 3);
    tpps_sleep((int64_t)tpps_choose(3));
    scene_timer_close(timer);
    if (timer)
        scene_await(RELEASED, 1);
}

/* ---- forks ----------------------------------------------------------------------------------- */

static struct {
    tp_timer_t *timer[3];
    tp_pool_t *pool, *driven;
} old;

static void make_old(void)
{
    tpi_process_reset();
    oracle_allow_hooks();
    old.driven = scene_driven(0);
    old.pool = scene_pool_idle(0, 2, MS);
    old.timer[0] = scene_pool_timer(old.pool, tick, NULL);
    old.timer[1] = scene_timer(tick, NULL, &(struct scene_choice){.default_pool = true});
    old.timer[2] = scene_pool_timer(old.driven, tick, NULL);
    scene_timer_every(old.timer[0], 10 * US);
    scene_timer_set(old.timer[1], TP_CLOCK_REALTIME, tpp_now(TPP_CLOCK_REALTIME) + 30 * US, 15 * US,
                    0);
    scene_timer_set(old.timer[2], TP_CLOCK_BOOTTIME, 20 * US, 20 * US, 5 * US);
}

/* In the child: what was armed never fires, and every call says why. */
static void old_timers(void)
{
    bool set = true;
    for (int i = 0; i < 3; i++) {
        tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
        scene_forked(tp_timer_set(old.timer[i], &spec, &set));
        tpps_check(!set);
        scene_forked(tp_timer_set(old.timer[i], NULL, NULL));
        set = true;
        scene_forked(tp_timer_is_set(old.timer[i], &set));
        tpps_check(!set);
        scene_forked(tp_timer_wait(old.timer[i], true, TP_INFINITE));
        scene_forked(tp_timer_close(old.timer[i]));
    }
    scene_add(OVER, 1);
    tpps_sleep(SECOND);
    tpps_check(scene_latest(OVER) == 1);
}

static void new_tick(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    (void)timer;
    scene_add(CHILD, 1);
}

static void new_timers(tp_pool_t *pool)
{
    uint32_t before = scene_latest(CHILD);
    int64_t began = tpps_now();
    tp_timer_t *timer =
        scene_timer(new_tick, NULL, &(struct scene_choice){.pool = pool, .default_pool = !pool});
    scene_timer_every(timer, MS);
    scene_await(CHILD, before + 3);
    tpps_check(tpps_now() >= began + 3 * MS);
    tpps_check(scene_timer_stop(timer));
    scene_timer_wait(timer);
    scene_timer_set(timer, TP_CLOCK_REALTIME, tpp_now(TPP_CLOCK_REALTIME) + MS, 0, 0);
    before = scene_latest(CHILD);
    scene_await(CHILD, before + 1);
    scene_timer_finish(timer);
}

static void child(bool inside)
{
    scene_child(inside);
    old_timers();
    tp_pool_t *pool = scene_pool(1, 2);
    new_timers(pool);
    new_timers(NULL);
    tpps_check(tp_pool_shutdown(pool, false, TP_INFINITE) == TP_OK);
}

static void set_on(void *timer)
{
    for (int i = 0; i < 6; i++) {
        scene_timer_set(timer, TP_CLOCK_RELATIVE, (int64_t)tpps_choose(20) * US, 10 * US, 0);
        tpps_sleep(5 * US);
    }
}

SCENE(timer_end__r39_fork_with_armed_timers)
{
    make_old();
    tpps_spawn(set_on, old.timer[tpps_choose(3)]);
    tpps_spawn(scene_drive, old.driven);
    if (tpps_choose(2))
        tpps_sleep(US * (int64_t)tpps_choose(100));
    scene_fork_beside(child);
}

static void fork_inside(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    tpps_fork();
    scene_forked(tp_timer_set(timer, NULL, NULL));
    child(true);
    scene_add(CHILD, 1);
}

SCENE(timer_end__r39_fork_in_a_callback)
{
    make_old();
    tp_timer_t *timer = scene_pool_timer(tpps_choose(2) ? old.pool : old.driven, fork_inside, NULL);
    scene_timer_every(timer, 25 * US);
    tpps_spawn(set_on, old.timer[0]);
    scene_drive_until_forked(old.driven);
}

/* While ticks go on and on, time must not pass before all that is due has been done. */
#define TICKS_ON .no_early = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(timer_end__c178_close_members_against_expiry)},
    {SCENE_ROW(timer_end__c178_close_members_cancelling_against_expiry)},
    {SCENE_ROW(timer_end__c188_close_members_against_a_period), TICKS_ON},
    {SCENE_ROW(timer_end__c188_close_members_cancelling_against_a_period), TICKS_ON},
    {SCENE_ROW(timer_end__close_members_against_set), TICKS_ON},
    {SCENE_ROW(timer_end__close_members_cancelling_against_set), TICKS_ON},
    {SCENE_ROW(timer_end__c176_close_members_against_its_own_close), TICKS_ON},
    {SCENE_ROW(timer_end__r08_close_members_against_its_own_set), TICKS_ON},
    {SCENE_ROW(timer_end__close_members_against_close_and_expiry), TICKS_ON},
    {SCENE_ROW(timer_end__c185_creation_against_close_members), TICKS_ON},
    {SCENE_ROW(timer_end__shutdown_against_expiry)},
    {SCENE_ROW(timer_end__shutdown_against_a_period), TICKS_ON},
    {SCENE_ROW(timer_end__shutdown_against_its_own_set), TICKS_ON},
    {SCENE_ROW(timer_end__shutdown_against_set), TICKS_ON},
    {SCENE_ROW(timer_end__shutdown_drains_posts)},
    {SCENE_ROW(timer_end__shutdown_drops_posts)},
    {SCENE_ROW(timer_end__shutdown_against_close), TICKS_ON},
    {SCENE_ROW(timer_end__creation_against_shutdown), TICKS_ON},
    {SCENE_ROW(timer_end__creation_beside_shutdown), TICKS_ON},
    {SCENE_ROW(timer_end__closed_pool_ticks_on_for_its_timer), TICKS_ON},
    {SCENE_ROW(timer_end__r39_fork_with_armed_timers), TICKS_ON, .no_faults = true},
    {SCENE_ROW(timer_end__r39_fork_in_a_callback), TICKS_ON, .no_faults = true},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
