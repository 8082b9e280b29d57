/* limit_scenarios.c - concurrency limits, with posts, claims, disassociation, help and cancels. */
#include "tests/scenario/scene.h"

static tp_work_t *the_work;

/* No more than the context says at once. */
static void count_limited(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    tpps_check(scene_next(0) < (uint32_t)(uintptr_t)context);
    tpps_point();
    scene_add(0, (uint32_t)-1);
    scene_add(1, 1);
}

static tp_work_t *limited(tp_pool_t *pool, uint32_t limit, tp_work_fn function, void *context)
{
    return scene_work(function, context, &(struct scene_choice){.pool = pool, .limit = limit});
}

static void post_twice(void *work)
{
    scene_submit(work, 1);
    scene_submit(work, 1);
}

SCENE(limit__one_at_a_time_two_posters)
{
    tp_pool_t *pool = scene_pool(2, 3);
    tp_work_t *work = limited(pool, 1, count_limited, SCENE_WORD(1));
    tpps_thread a = tpps_spawn(post_twice, work), b = tpps_spawn(post_twice, work);
    tpps_join(a);
    tpps_join(b);
    scene_finish(work);
    tpps_check(!work || scene_value(1) == 4);
    scene_close_pool(pool);
}

SCENE(limit__two_at_a_time_many_posts)
{
    tp_pool_t *pool = scene_pool(3, 3);
    tp_work_t *work = limited(pool, 2, count_limited, SCENE_WORD(2));
    tpps_thread poster = tpps_spawn(post_twice, work);
    scene_submit(work, 3);
    tpps_join(poster);
    scene_finish(work);
    tpps_check(!work || scene_value(1) == 5);
    scene_close_pool(pool);
}

static void cancel(void *work)
{
    scene_cancel(work);
}

SCENE(limit__cancelled_while_at_the_limit)
{
    tp_pool_t *pool = scene_pool(2, 2);
    tp_work_t *work = limited(pool, 1, count_limited, SCENE_WORD(1));
    scene_submit(work, 2);
    tpps_thread a = tpps_spawn(cancel, work), b = tpps_spawn(post_twice, work);
    tpps_join(a);
    tpps_join(b);
    scene_finish(work);
    tpps_check(!work || scene_value(1) <= 4);
    scene_close_pool(pool);
}

/* Detached callbacks count for the limit until they end. */
static void detach(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    tpps_check(scene_next(0) < (uint32_t)(uintptr_t)context);
    tpps_check(tp_callback_disassociate(instance) == TP_OK);
    tpps_point();
    scene_add(0, (uint32_t)-1);
    scene_add(1, 1);
}

SCENE(limit__detached_callbacks_count)
{
    tp_pool_t *pool = scene_pool(2, 2);
    tp_work_t *work = limited(pool, 1, detach, SCENE_WORD(1));
    tpps_thread poster = tpps_spawn(post_twice, work);
    scene_submit(work, 1);
    tpps_join(poster);
    if (work)
        scene_await(1, 3);
    scene_finish(work);
    scene_close_pool(pool);
}

SCENE(limit__two_detached_and_a_poster)
{
    tp_pool_t *pool = scene_pool(3, 3);
    tp_work_t *work = limited(pool, 2, detach, SCENE_WORD(2));
    scene_submit(work, 2);
    tpps_thread poster = tpps_spawn(post_twice, work);
    scene_submit(work, 1);
    tpps_join(poster);
    if (work)
        scene_await(1, 5);
    scene_finish(work);
    scene_close_pool(pool);
}

/* Detached ones mixed with others: the room that a claim saw may come back before its swap. */
static void detach_every_other(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    if (scene_next(2) & 1)
        detach(instance, context, work);
    else
        count_limited(instance, context, work);
}

SCENE(limit__room_comes_back_during_a_claim)
{
    tp_pool_t *pool = scene_pool(2, 3);
    tp_work_t *work = limited(pool, 2, detach_every_other, SCENE_WORD(2));
    tpps_thread poster = tpps_spawn(post_twice, work);
    scene_submit(work, 3);
    tpps_join(poster);
    if (work)
        scene_await(1, 5);
    scene_finish(work);
    scene_close_pool(pool);
}

static void wait_for_the_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_wait(the_work);
}

/* Helpers respect the limit, and help what lost its queue slot for lack of room. */
SCENE(limit__helped_and_claimed)
{
    tp_pool_t *pool = scene_pool(2, 2);
    the_work = limited(pool, 1, count_limited, SCENE_WORD(1));
    tp_work_t *helper = scene_pool_work(pool, wait_for_the_work, NULL);
    tpps_thread poster = tpps_spawn(post_twice, the_work);
    scene_submit(helper, 1);
    scene_submit(the_work, 1);
    tpps_join(poster);
    scene_finish(helper);
    scene_finish(the_work);
    tpps_check(!helper || scene_value(1) == 3);
    scene_close_pool(pool);
}

static void post_again_from_a_ring(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_submit(the_work, 2);
}

/* Tickets in rings that are refused for lack of room. */
SCENE(limit__refused_in_a_ring)
{
    tp_pool_t *pool = scene_pool(2, 2);
    the_work = limited(pool, 1, detach_every_other, SCENE_WORD(1));
    tp_work_t *root = scene_pool_work(pool, post_again_from_a_ring, NULL);
    scene_submit(root, 2);
    scene_finish(root);
    if (root)
        scene_await(1, 4);
    scene_finish(the_work);
    scene_close_pool(pool);
}

/* Two run detached: the first ends, the second stays until the third has run. So the third must get
 * the room of the first, whoever saw which number of detached callbacks when. */
static void first_second_third(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    uint32_t which = scene_next(2);
    (void)context;
    (void)work;
    tpps_check(tp_callback_disassociate(instance) == TP_OK);
    scene_add(3, 1);
    if (which == 1)
        scene_await(1, 1);
    else if (which == 2)
        scene_add(1, 1);
}

SCENE(limit__posted_as_a_detached_one_ends)
{
    tp_pool_t *pool = scene_pool(3, 3);
    tp_work_t *work = limited(pool, 2, first_second_third, NULL);
    scene_submit(work, 2);
    if (work)
        scene_await(3, 2);
    scene_submit(work, 1);
    scene_finish(work);
    scene_close_pool(pool);
}

SCENE(limit__helped_as_a_detached_one_ends)
{
    tp_pool_t *pool = scene_pool(3, 3);
    the_work = limited(pool, 2, first_second_third, NULL);
    tp_work_t *a = scene_pool_work(pool, wait_for_the_work, NULL);
    tp_work_t *b = scene_pool_work(pool, wait_for_the_work, NULL);
    scene_submit(a, 1);
    scene_submit(b, 1);
    scene_submit(the_work, 3);
    scene_finish(a);
    scene_finish(b);
    scene_finish(the_work);
    scene_close_pool(pool);
}

enum { IN_PLACE = 4, GO, BEGIN };

static void await_go(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_add(IN_PLACE, 1);
    scene_await((uint32_t)(uintptr_t)context, 1);
}

static void post_and_await_go(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    scene_await(IN_PLACE, 1); /* the helper */
    scene_submit(the_work, 3);
    await_go(instance, context, work);
}

static void help_once_begun(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    await_go(instance, context, work);
    scene_wait(the_work);
}

/* The first ends when told to, the second once the third has run. */
static void detached_until_told(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    uint32_t which = scene_next(2);
    (void)context;
    (void)work;
    tpps_check(tp_callback_disassociate(instance) == TP_OK);
    scene_add(3, 1);
    if (which == 0)
        scene_await(GO, 1);
    else if (which == 1)
        scene_await(1, 1);
    else
        scene_add(1, 1);
}

/* One place is taken by a helper, so that the ticket stays in the ring of the worker that has the
 * other: the third thread claims it just as that place comes back. */
SCENE(limit__room_comes_back_just_as_it_is_claimed)
{
    tp_pool_t *pool = scene_pool(3, 3);
    the_work = limited(pool, 2, detached_until_told, NULL);
    tp_work_t *busy = scene_pool_work(pool, post_and_await_go, SCENE_WORD(GO));
    tp_work_t *helper = scene_pool_work(pool, help_once_begun, SCENE_WORD(BEGIN));
    scene_submit(busy, 1);
    scene_submit(helper, 1);
    scene_await(IN_PLACE, 2);
    scene_await(3, 1);
    scene_add(BEGIN, 1);
    scene_await(3, 2);
    scene_add(GO, 1);
    scene_finish(helper);
    scene_finish(busy);
    scene_finish(the_work);
    scene_close_pool(pool);
}

/* Two are detached, the first until told to end; the two that follow wait for each other. */
static void detached_then_meet(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    uint32_t which = scene_next(2);
    (void)context;
    (void)work;
    if (which < 2) {
        tpps_check(tp_callback_disassociate(instance) == TP_OK);
        scene_add(3, 1);
    } else {
        scene_add(1, 1);
    }
    scene_await(which == 0 ? GO : 1, which == 0 ? 1 : 2);
}

static void nothing(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
}

/* Stays until both have met, so that what it posts is stolen; which takes two tickets. */
static void post_and_stay(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_submit(the_work, 2);
    scene_submit(context, 1);
    scene_add(IN_PLACE, 1);
    scene_await(1, 2);
}

/* A claim finds room for one, and more comes back before its swap: the other post must not wait for
 * the end of the one that is claimed. */
SCENE(limit__room_for_more_comes_back_as_one_is_claimed)
{
    tp_pool_t *pool = scene_pool(4, 4);
    the_work = limited(pool, 3, detached_then_meet, NULL);
    tp_work_t *other = scene_pool_work(pool, nothing, NULL);
    tp_work_t *thief = scene_pool_work(pool, await_go, SCENE_WORD(GO));
    tp_work_t *busy = scene_pool_work(pool, post_and_stay, other);
    scene_submit(the_work, 2);
    scene_await(3, 2);
    scene_submit(thief, 1);
    scene_await(IN_PLACE, 1);
    scene_submit(busy, 1);
    scene_await(IN_PLACE, 2);
    scene_add(GO, 1);
    scene_await(1, 2);
    scene_finish(the_work);
    scene_finish(thief);
    scene_finish(busy);
    scene_finish(other);
    scene_close_pool(pool);
}

/* a wait ends as soon as the last associated callback has detached itself or ended. */
static void detach_and_stay(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    tpps_check(tp_callback_disassociate(instance) == TP_OK);
    scene_await(3, 1);
}

static void close_it(void *work)
{
    scene_close(work);
}

SCENE(limit__r24_wait_passes_a_detached_callback)
{
    tp_pool_t *pool = scene_pool(2, 2);
    tp_work_t *work = scene_pool_work(pool, detach_and_stay, NULL);
    scene_submit(work, 2);
    scene_wait(work);
    tpps_thread closer = tpps_spawn(close_it, work);
    scene_add(3, 1);
    tpps_join(closer);
    scene_close_pool(pool);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(limit__one_at_a_time_two_posters)},
    {SCENE_ROW(limit__two_at_a_time_many_posts)},
    {SCENE_ROW(limit__cancelled_while_at_the_limit)},
    {SCENE_ROW(limit__detached_callbacks_count)},
    {SCENE_ROW(limit__two_detached_and_a_poster)},
    {SCENE_ROW(limit__room_comes_back_during_a_claim)},
    {SCENE_ROW(limit__helped_and_claimed)},
    {SCENE_ROW(limit__refused_in_a_ring)},
    {SCENE_ROW(limit__posted_as_a_detached_one_ends), .no_faults = true},
    {SCENE_ROW(limit__helped_as_a_detached_one_ends), .no_faults = true},
    {SCENE_ROW(limit__room_comes_back_just_as_it_is_claimed), .no_faults = true},
    {SCENE_ROW(limit__room_for_more_comes_back_as_one_is_claimed), .no_faults = true},
    {SCENE_ROW(limit__r24_wait_passes_a_detached_callback)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
