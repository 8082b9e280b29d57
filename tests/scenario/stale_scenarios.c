/* stale_scenarios.c - handles that somebody else closes while they are used: a status, no more. */
#include "tests/scenario/scene.h"

enum { CLOSED, USED, CLOSING, RAN };

/* ---- cleanup groups -------------------------------------------------------------------------- */

static tp_env_t *the_env;

static void close_group(void *group)
{
    tp_status_t status;
    while ((status = tp_cleanup_group_close(group)) == TP_ERR_BUSY)
        tpps_sleep(1000);
    if (scene_or_stale(status))
        scene_add(CLOSED, 1);
}

static void close_members(void *group)
{
    if (scene_or_stale(tp_cleanup_group_close_members(group, true, NULL)))
        scene_add(USED, 1);
}

static void join_group(void *group)
{
    tp_work_t *work = NULL;
    if (!the_env)
        return;
    tp_status_t status = tp_work_create(scene_count, SCENE_WORD(RAN), the_env, &work);
    if (status == TP_ERR_CLOSED || status == TP_ERR_HANDLE || !scene_made(status))
        return;
    close_members(group);
}

SCENE(stale__group_closed_by_two_while_a_third_closes_its_members)
{
    tp_cleanup_group_t *group = scene_group();
    if (!group)
        return;
    tpps_thread a = tpps_spawn(close_group, group), b = tpps_spawn(close_members, group);
    close_group(group);
    tpps_join(a);
    tpps_join(b);
    tpps_check(scene_value(CLOSED) == 1);
}

/* The second one has waited for the first, and finds nothing left to close. */
SCENE(stale__group_closed_before_the_second_closer_comes_to_it)
{
    tp_cleanup_group_t *group = scene_group();
    if (!group)
        return;
    tpps_thread a = tpps_spawn(close_members, group), b = tpps_spawn(close_members, group);
    close_group(group);
    tpps_join(a);
    tpps_join(b);
    tpps_check(scene_value(CLOSED) == 1);
}

SCENE(stale__group_closed_as_an_object_joins_it)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_cleanup_group_t *group = scene_group();
    the_env = scene_env(&(struct scene_choice){.pool = pool, .group = group});
    if (group) {
        tpps_thread a = tpps_spawn(join_group, group);
        close_group(group);
        tpps_join(a);
    }
    if (the_env)
        tpps_check(tp_env_destroy(the_env) == TP_OK);
    scene_close_pool(pool);
}

/* ---- events, semaphores, mutexes ------------------------------------------------------------- */

static struct {
    tp_event_t *event;
    tp_semaphore_t *semaphore;
    tp_mutex_t *mutex;
} made;

static void count(tp_status_t status)
{
    if (scene_or_stale(status))
        scene_add(USED, 1);
}

static void use_all(void *unused)
{
    uint32_t previous;
    (void)unused;
    count(tp_event_set(made.event));
    count(tp_semaphore_release(made.semaphore, 1, &previous));
    tp_status_t status = tp_mutex_release(made.mutex);
    tpps_check(status == TP_ERR_NOT_OWNER || status == TP_ERR_HANDLE);
    count(tp_event_reset(made.event));
}

static void close_all(void *unused)
{
    (void)unused;
    if (scene_or_stale(tp_event_close(made.event)))
        scene_add(CLOSED, 1);
    if (scene_or_stale(tp_semaphore_close(made.semaphore)))
        scene_add(CLOSED, 1);
    if (scene_or_stale(tp_mutex_close(made.mutex)))
        scene_add(CLOSED, 1);
}

SCENE(stale__waitables_closed_by_two_while_a_third_uses_them)
{
    if (!scene_made(tp_event_create(false, false, &made.event)))
        return;
    if (!scene_made(tp_semaphore_create(0, 9, &made.semaphore))) {
        tpps_check(tp_event_close(made.event) == TP_OK);
        return;
    }
    if (!scene_made(tp_mutex_create(false, &made.mutex))) {
        tpps_check(tp_event_close(made.event) == TP_OK);
        tpps_check(tp_semaphore_close(made.semaphore) == TP_OK);
        return;
    }
    tpps_thread a = tpps_spawn(use_all, NULL), b = tpps_spawn(close_all, NULL);
    close_all(NULL);
    tpps_join(a);
    tpps_join(b);
    tpps_check(scene_value(CLOSED) == 3);
}

/* ---- pools ----------------------------------------------------------------------------------- */

static void shut_down(void *pool)
{
    count(tp_pool_shutdown(pool, true, TP_INFINITE));
}

static void close_pool(void *pool)
{
    if (scene_or_stale(tp_pool_close(pool)))
        scene_add(CLOSED, 1);
}

SCENE(stale__pool_closed_as_another_shuts_it_down)
{
    tp_pool_t *pool = scene_pool(0, 1);
    if (!pool)
        return;
    tpps_thread a = tpps_spawn(shut_down, pool), b = tpps_spawn(close_pool, pool);
    close_pool(pool);
    tpps_join(a);
    tpps_join(b);
    tpps_check(scene_value(CLOSED) + scene_value(USED) == 1); /* a shutdown ends the handle, too */
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(stale__group_closed_by_two_while_a_third_closes_its_members)},
    {SCENE_ROW(stale__group_closed_before_the_second_closer_comes_to_it)},
    {SCENE_ROW(stale__group_closed_as_an_object_joins_it)},
    {SCENE_ROW(stale__waitables_closed_by_two_while_a_third_uses_them)},
    {SCENE_ROW(stale__pool_closed_as_another_shuts_it_down)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
