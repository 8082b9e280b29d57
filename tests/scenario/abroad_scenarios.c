/* abroad_scenarios.c - callbacks that use what belongs to another pool, and brief ones. */
#include "tests/scenario/scene_io.h"
#include "tests/scenario/scene_timer.h"
#include "tests/scenario/scene_wait.h"

enum { RAN, RELEASED, DONE };

static tp_pool_t *abroad;

/* ---- another pool ---------------------------------------------------------------------------- */

static void use_work_abroad(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tp_work_t *other =
        scene_work(scene_count, SCENE_WORD(RAN),
                   &(struct scene_choice){.pool = abroad, .release = scene_count_release});
    scene_submit(other, 2);
    scene_finish(other);
    scene_add(DONE, 1);
}

SCENE(abroad__work_of_another_pool_is_made_posted_awaited_and_closed)
{
    tp_pool_t *home = scene_pool(0, 1);
    abroad = scene_pool(0, 1);
    tp_work_t *work = abroad ? scene_pool_work(home, use_work_abroad, NULL) : NULL;
    scene_submit(work, 2);
    scene_finish(work);
    tpps_check(!work || scene_value(DONE) == 2);
    scene_close_pool(abroad);
    scene_close_pool(home);
}

static void use_wait_abroad(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    if (scene_wait_make(0, abroad)) {
        scene_wait_on(0, tp_waitable_event(context), TP_INFINITE);
        scene_event_set(context);
        scene_wait_wait(0);
        scene_wait_finish(0);
    }
    scene_add(DONE, 1);
}

SCENE(abroad__wait_of_another_pool_is_set_awaited_and_closed)
{
    tp_pool_t *home = scene_pool(0, 1);
    abroad = scene_pool(0, 1);
    tp_event_t *event = scene_event(false);
    tp_work_t *work = abroad && event ? scene_pool_work(home, use_wait_abroad, event) : NULL;
    scene_submit(work, 1);
    scene_finish(work);
    tpps_check(!work || scene_value(DONE) == 1);
    scene_event_close(event);
    scene_close_pool(abroad);
    scene_close_pool(home);
}

/* Whoever waits in a callback of another pool cannot run what he waits for. */
static void use_io_abroad(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    if (scene_io_make(0, abroad)) {
        (void)scene_io_read(0, 0);
        (void)scene_io_read(0, 1);
        scene_io_serve(0, 2 * SCENE_IO_LENGTH);
        scene_io_wait(0);
    }
    scene_add(DONE, 1);
}

SCENE(abroad__io_of_another_pool_is_begun_awaited_and_closed)
{
    tp_pool_t *home = scene_pool(0, 1);
    abroad = scene_pool(0, 1);
    scene_io_open(0, TPPS_STREAM);
    tp_work_t *work = abroad ? scene_pool_work(home, use_io_abroad, NULL) : NULL;
    scene_submit(work, 1);
    scene_finish(work);
    tpps_check(!work || scene_value(DONE) == 1);
    scene_io_end(0);
    scene_close_pool(abroad);
    scene_close_pool(home);
    scene_io_no_files();
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void join_with_a_wait(void *number)
{
    tp_cleanup_group_t *group = scene_group();
    struct scene_choice choice = {.pool = abroad, .group = group};
    if (group && abroad)
        (void)scene_wait_chosen((uint32_t)(uintptr_t)number, scene_hit, &choice);
    if (group)
        tpps_check(tp_cleanup_group_close_members(group, true, NULL) == TP_OK);
    scene_close_group(group);
}

/* Both find that there is no memory for the numbers of waits yet. */
SCENE(abroad__first_waits_of_two_groups_are_made_at_once)
{
    abroad = scene_pool(0, 1);
    tpps_thread a = tpps_spawn(join_with_a_wait, SCENE_WORD(0));
    join_with_a_wait(SCENE_WORD(1));
    tpps_join(a);
    scene_close_pool(abroad);
}

/* ---- brief callbacks ------------------------------------------------------------------------- */

/* Nobody can wait for it, or cancel it: so says it each time. */
static void ask_and_leave(tp_callback_instance_t *instance, void *context)
{
    bool requested = true;
    tpps_check(tp_callback_cancel_requested(instance, &requested) == TP_OK && !requested);
    tpps_check(tp_callback_disassociate(instance) == TP_OK);
    tpps_check(tp_callback_disassociate(instance) == TP_OK);
    scene_add((uint32_t)(uintptr_t)context, 1);
}

SCENE(abroad__brief_callback_disassociates_and_is_not_cancelled)
{
    tp_pool_t *pool = scene_pool(0, 2);
    uint32_t made = 0;
    for (int i = 0; i < 3; i++)
        made += scene_simple(ask_and_leave, SCENE_WORD(RAN), &(struct scene_choice){.pool = pool});
    scene_await(RAN, made);
    scene_close_pool(pool);
}

SCENE(abroad__simple_callback_with_a_limit_runs)
{
    tp_pool_t *pool = scene_pool(0, 2);
    uint32_t made = 0;
    for (int i = 0; i < 3; i++)
        made += scene_simple(scene_count_simple, SCENE_WORD(RAN),
                             &(struct scene_choice){.pool = pool, .limit = 1});
    scene_await(RAN, made);
    scene_close_pool(pool);
}

/* ---- a pool with a short queue --------------------------------------------------------------- */

static tp_env_t *the_env;

static void try_to_join(void *unused)
{
    (void)unused;
    tp_status_t status = tp_try_submit(scene_count_simple, SCENE_WORD(RAN), the_env);
    tpps_check(status == TP_OK || status == TP_ERR_CLOSED || status == TP_ERR_HANDLE ||
               status == TP_ERR_BUSY || !scene_made(status));
}

/* The place in the queue is given back. */
SCENE(abroad__counted_callback_meets_the_end_of_its_group)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_maximum = 1;
    config.queue_limit = 2;
    tp_pool_t *pool = scene_pool_config(&config);
    tp_cleanup_group_t *group = scene_group();
    the_env = group ? scene_env(&(struct scene_choice){.pool = pool, .group = group}) : NULL;
    if (the_env) {
        tpps_thread a = tpps_spawn(try_to_join, NULL);
        while (tp_cleanup_group_close(group) == TP_ERR_BUSY)
            tpps_check(tp_cleanup_group_close_members(group, true, NULL) == TP_OK);
        tpps_join(a);
        tpps_check(tp_env_destroy(the_env) == TP_OK);
        tpps_check(scene_value(RAN) <= 1);
    } else {
        scene_close_group(group);
    }
    scene_close_pool(pool);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(abroad__work_of_another_pool_is_made_posted_awaited_and_closed)},
    {SCENE_ROW(abroad__wait_of_another_pool_is_set_awaited_and_closed)},
    {SCENE_ROW(abroad__io_of_another_pool_is_begun_awaited_and_closed)},
    {SCENE_ROW(abroad__first_waits_of_two_groups_are_made_at_once)},
    {SCENE_ROW(abroad__brief_callback_disassociates_and_is_not_cancelled)},
    {SCENE_ROW(abroad__simple_callback_with_a_limit_runs)},
    {SCENE_ROW(abroad__counted_callback_meets_the_end_of_its_group)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
