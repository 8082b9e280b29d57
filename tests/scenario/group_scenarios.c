/* group_scenarios.c - cleanup groups: closing all members beside everything else. */
#include "tests/scenario/scene.h"

static tp_cleanup_group_t *the_group;
static tp_pool_t *the_pool;

static struct scene_choice member(tp_pool_t *pool)
{
    return (struct scene_choice){.pool = pool, .group = the_group, .cancel = scene_count_cancel};
}

static tp_work_t *member_work(tp_pool_t *pool, tp_work_fn function, void *context)
{
    struct scene_choice choice = member(pool);
    return scene_work(function, context, &choice);
}

static void close_members(bool cancel)
{
    tpps_check(!the_group || tp_cleanup_group_close_members(the_group, cancel, NULL) == TP_OK);
}

static void close_waiting(void *arg)
{
    (void)arg;
    close_members(false);
}

static void close_cancelling(void *arg)
{
    (void)arg;
    close_members(true);
}

static void end(tp_pool_t *pool)
{
    scene_close_group(the_group);
    scene_close_pool(pool);
}

/* when either closer returns, no callback of a member runs any more, cancel callbacks
 * included. */
static void run_a_little(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(4, 1);
    tpps_point();
    scene_add(4, (uint32_t)-1);
}

static void cancel_a_little(void *context, void *cleanup_context)
{
    (void)context;
    (void)cleanup_context;
    scene_add(4, 1);
    tpps_point();
    scene_add(4, (uint32_t)-1);
}

static void close_and_look(void *cancel)
{
    close_members(cancel != NULL);
    tpps_check(scene_value(4) == 0);
}

SCENE(group__r15_two_closers)
{
    tp_pool_t *pool = scene_pool(0, 2);
    the_group = scene_group();
    struct scene_choice choice = member(pool);
    choice.cancel = cancel_a_little;
    for (int i = 0; i < 2; i++)
        scene_submit(scene_work(run_a_little, SCENE_WORD(0), &choice), 2);
    tpps_thread a = tpps_spawn(close_and_look, &the_group), b = tpps_spawn(close_and_look, NULL);
    tpps_join(a);
    tpps_join(b);
    end(pool);
}

static void create_member(void *pool)
{
    tp_work_t *work = member_work(pool, scene_count, SCENE_WORD(1));
    if (work)
        scene_or_stale(tp_work_submit(work));
}

/* Members that come while the group is being closed are closed now or by the next call. */
SCENE(group__creation_beside_close)
{
    tp_pool_t *pool = scene_pool(0, 2);
    the_group = scene_group();
    tpps_thread a = tpps_spawn(create_member, pool), b = tpps_spawn(create_member, pool);
    close_members(true);
    tpps_join(a);
    tpps_join(b);
    close_members(false);
    end(pool);
}

/* simple callbacks leave the list as the closer walks it. */
SCENE(group__r11_simple_members_finish_as_it_closes)
{
    tp_pool_t *pool = scene_pool(0, 2);
    the_group = scene_group();
    struct scene_choice choice = member(pool);
    choice.release = scene_count_release;
    uint32_t made = 0;
    for (int i = 0; i < 3; i++)
        made += scene_simple(scene_count_simple, SCENE_WORD(0), &choice);
    tpps_thread closer = tpps_spawn(close_cancelling, NULL);
    close_members(true);
    tpps_join(closer);
    /* each is run or cancelled, and released */
    tpps_check(scene_value(0) == 2 * made);
    end(pool);
}

static void close_or_stale(void *work)
{
    if (work)
        scene_or_stale(tp_work_close(work));
}

/* a member is closed on its own while the group closes. */
SCENE(group__r10_member_closed_on_its_own)
{
    tp_pool_t *pool = scene_pool(0, 2);
    the_group = scene_group();
    struct scene_choice choice = member(pool);
    choice.release = scene_count_release;
    tp_work_t *work = scene_work(scene_count, SCENE_WORD(1), &choice);
    scene_submit(work, 2);
    tpps_thread closer = tpps_spawn(close_or_stale, work);
    close_members(true);
    tpps_join(closer);
    end(pool);
}

static void close_from_a_worker(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    close_members(false);
}

/* The second closer is a worker, which would help with what is pending, and finds that somebody has
 * taken that, and that the first closer is done. */
SCENE(group__r15_second_closer_is_a_worker)
{
    tp_pool_t *pool = scene_pool(2, 2);
    the_group = scene_group();
    tp_work_t *closer = scene_pool_work(pool, close_from_a_worker, NULL);
    scene_submit(member_work(pool, scene_count, SCENE_WORD(0)), 1 + tpps_choose(2));
    scene_submit(closer, 1);
    close_members(false);
    scene_finish(closer);
    end(pool);
}

static void close_oneself(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    scene_or_stale(tp_work_close(work));
}

SCENE(group__r10_member_closes_itself)
{
    tp_pool_t *pool = scene_pool(1, 2);
    the_group = scene_group();
    scene_submit(member_work(pool, close_oneself, SCENE_WORD(0)), 2);
    scene_submit(member_work(pool, scene_count, SCENE_WORD(1)), 1);
    tpps_thread closer = tpps_spawn(close_waiting, NULL);
    close_members(false);
    tpps_join(closer);
    end(pool);
}

/* the cancel callback calls the library. */
static void cancel_and_call(void *context, void *cleanup_context)
{
    tp_work_t *other = scene_pool_work(the_pool, scene_count, SCENE_WORD(1));
    (void)context;
    (void)cleanup_context;
    scene_submit(other, 1);
    scene_finish(other);
    scene_add(0, 1);
}

SCENE(group__r14_cancel_callback_calls_the_library)
{
    the_pool = scene_pool(0, 2);
    the_group = scene_group();
    struct scene_choice choice = member(the_pool);
    choice.cancel = cancel_and_call;
    tp_work_t *work = scene_work(scene_count, SCENE_WORD(2), &choice);
    scene_submit(work, 3);
    close_members(true);
    tpps_check(!work || scene_value(0) == 1);
    end(the_pool);
}

static void detach_and_stay(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    tpps_check(tp_callback_disassociate(instance) == TP_OK);
    scene_add(4, 1);
    tpps_point();
    tpps_point();
    scene_add(4, (uint32_t)-1);
}

/* the group waits for detached callbacks as well. */
SCENE(group__r05_waits_for_detached_callbacks)
{
    tp_pool_t *pool = scene_pool(2, 2);
    the_group = scene_group();
    scene_submit(member_work(pool, detach_and_stay, SCENE_WORD(0)), 2);
    tpps_thread other = tpps_spawn(close_and_look, NULL);
    close_and_look(NULL);
    tpps_join(other);
    end(pool);
}

static void close_group_members(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    close_members(false);
}

/* Closed from a callback of the same pool that is no member: it helps, or makes room. */
SCENE(group__closed_from_a_callback)
{
    tp_pool_t *pool = scene_pool(0, 1);
    the_group = scene_group();
    tp_work_t *closer = scene_pool_work(pool, close_group_members, NULL);
    scene_submit(closer, 1);
    tp_work_t *work = member_work(pool, scene_count, SCENE_WORD(0));
    if (work)
        scene_or_stale(tp_work_submit(work));
    scene_finish(closer);
    close_members(false);
    end(pool);
}

static void post_members(void *pool)
{
    struct scene_choice choice = member(pool);
    for (int i = 0; i < 2; i++)
        scene_add(1, scene_simple(scene_count_simple, SCENE_WORD(0), &choice));
}

/* Posters and closers of simple members at once: each post runs or is cancelled, none twice. */
SCENE(group__simple_posters_and_a_closer)
{
    tp_pool_t *pool = scene_pool(0, 2);
    the_group = scene_group();
    tpps_thread poster = tpps_spawn(post_members, pool);
    close_members(true);
    tpps_join(poster);
    close_members(true);
    tpps_check(scene_value(0) == scene_value(1));
    end(pool);
}

static void close_in_callback(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    close_members(false);
}

/* Whoever comes second runs what the first waits for, if it is the thread that would. */
static void close_beside_a_callback(bool same_pool)
{
    tp_pool_t *pool = scene_pool(0, 1), *other = same_pool ? NULL : scene_pool(0, 1);
    the_group = scene_group();
    tp_work_t *closer = scene_pool_work(same_pool ? pool : other, close_in_callback, NULL);
    tp_work_t *work = member_work(pool, scene_count, SCENE_WORD(1));
    tp_work_t *idle = member_work(pool, scene_count, SCENE_WORD(2));
    scene_submit(closer, 1);
    bool posted = work && scene_or_stale(tp_work_submit_many(work, 2)); /* or closed already */
    close_members(false);
    tpps_check(scene_value(1) == (posted ? 2 : 0) && (!idle || scene_value(2) == 0));
    scene_finish(closer);
    end(pool);
    if (!same_pool)
        scene_close_pool(other);
}

SCENE(group__second_closer_on_the_only_thread_helps)
{
    close_beside_a_callback(true);
}

SCENE(group__second_closer_on_a_thread_of_another_pool_waits)
{
    close_beside_a_callback(false);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(group__r15_two_closers)},
    {SCENE_ROW(group__r15_second_closer_is_a_worker)},
    {SCENE_ROW(group__creation_beside_close)},
    {SCENE_ROW(group__r11_simple_members_finish_as_it_closes)},
    {SCENE_ROW(group__r10_member_closed_on_its_own)},
    {SCENE_ROW(group__r10_member_closes_itself)},
    {SCENE_ROW(group__r14_cancel_callback_calls_the_library)},
    {SCENE_ROW(group__r05_waits_for_detached_callbacks)},
    {SCENE_ROW(group__closed_from_a_callback)},
    {SCENE_ROW(group__simple_posters_and_a_closer)},
    {SCENE_ROW(group__second_closer_on_the_only_thread_helps)},
    {SCENE_ROW(group__second_closer_on_a_thread_of_another_pool_waits)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
