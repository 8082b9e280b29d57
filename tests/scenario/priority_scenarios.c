/* priority_scenarios.c - strict priority at the claim, and exact order on one-thread pools. */
#include "tests/scenario/scene.h"

enum { SOME = 6 };
static tp_work_t *some[SOME];
static char order[64];
static uint32_t order_length;

static tp_work_t *make(tp_pool_t *pool, uint32_t priority, tp_work_fn function, void *context)
{
    return scene_work(function, context,
                      &(struct scene_choice){.pool = pool, .priority_plus_one = priority});
}

static void post_twice(void *work)
{
    scene_submit(work, 1);
    scene_submit(work, 1);
}

SCENE(priority__three_posters_two_workers)
{
    tp_pool_t *pool = scene_pool(2, 2);
    tp_work_t *work[3];
    tpps_thread poster[3];
    for (uint32_t i = 0; i < 3; i++)
        work[i] = make(pool, SCENE_HIGH + i, scene_count, SCENE_WORD(0));
    for (int i = 0; i < 3; i++)
        poster[i] = tpps_spawn(post_twice, work[i]);
    for (int i = 0; i < 3; i++)
        tpps_join(poster[i]);
    for (int i = 0; i < 3; i++)
        scene_finish(work[i]);
    tpps_check(!work[2] || scene_value(0) == 6);
    scene_close_pool(pool);
}

static void post_some(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    for (uintptr_t i = 0; i < (uintptr_t)context; i++)
        scene_submit(some[i], 1);
}

static void post_low(void *low)
{
    scene_submit(low, 2);
}

static void rings_and_low(uint32_t leaves, uint32_t threads)
{
    tp_pool_t *pool = scene_pool(threads, threads);
    tp_work_t *low = make(pool, SCENE_LOW, scene_count, SCENE_WORD(1));
    for (uint32_t i = 0; i < leaves; i++)
        some[i] = make(pool, SCENE_NORMAL, scene_count, SCENE_WORD(0));
    tp_work_t *root = make(pool, SCENE_HIGH, post_some, SCENE_WORD(leaves));
    tpps_thread poster = tpps_spawn(post_low, low);
    scene_submit(root, 1);
    tpps_join(poster);
    scene_finish(root);
    for (uint32_t i = 0; i < leaves; i++)
        scene_finish(some[i]);
    scene_finish(low);
    scene_close_pool(pool);
}

/* Tickets are stolen from ring to ring while LOW waits: in transit they must not be overlooked. */
SCENE(priority__low_waits_while_tickets_are_stolen)
{
    rings_and_low(3, 3);
}

/* A full ring spills into the shared queue while LOW waits. */
SCENE(priority__low_waits_while_a_ring_spills)
{
    rings_and_low(SOME, 2);
}

static void spill_maximum(void *pool)
{
    scene_maximum(pool, 1);
}

/* The maximum falls to one and rises again: rings are emptied while LOW waits. */
SCENE(priority__low_waits_while_rings_are_drained)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *low = make(pool, SCENE_LOW, scene_count, SCENE_WORD(1));
    for (uint32_t i = 0; i < 4; i++)
        some[i] = make(pool, SCENE_NORMAL, scene_count, SCENE_WORD(0));
    tp_work_t *root = make(pool, SCENE_HIGH, post_some, SCENE_WORD(4));
    tpps_thread lower = tpps_spawn(spill_maximum, pool);
    scene_submit(root, 2);
    scene_submit(low, 1);
    tpps_join(lower);
    scene_maximum(pool, 2);
    scene_finish(root);
    for (uint32_t i = 0; i < 4; i++)
        scene_finish(some[i]);
    scene_finish(low);
    scene_close_pool(pool);
}

/* HIGH comes again and again while one object of LOW has many posts. */
SCENE(priority__high_passes_a_long_low_row)
{
    tp_pool_t *pool = scene_pool(1, 2);
    tp_work_t *low = make(pool, SCENE_LOW, scene_count, SCENE_WORD(0));
    tp_work_t *high = make(pool, SCENE_HIGH, scene_count, SCENE_WORD(1));
    tpps_thread poster = tpps_spawn(post_twice, high);
    scene_submit(low, 4);
    scene_submit(high, 1);
    tpps_join(poster);
    scene_finish(low);
    scene_finish(high);
    tpps_check(!high || scene_value(0) + scene_value(1) == 7);
    scene_close_pool(pool);
}

/* Foreign NORMAL posts move into rings in batches while LOW and HIGH come. */
SCENE(priority__batches_and_low)
{
    tp_pool_t *pool = scene_pool(2, 2);
    tp_work_t *low = make(pool, SCENE_LOW, scene_count, SCENE_WORD(0));
    tp_work_t *high = make(pool, SCENE_HIGH, scene_count, SCENE_WORD(0));
    for (uint32_t i = 0; i < 4; i++)
        some[i] = make(pool, SCENE_NORMAL, scene_count, SCENE_WORD(0));
    tpps_thread poster = tpps_spawn(post_low, low);
    post_some(NULL, SCENE_WORD(4), NULL);
    scene_submit(high, 1);
    tpps_join(poster);
    for (uint32_t i = 0; i < 4; i++)
        scene_finish(some[i]);
    scene_finish(low);
    scene_finish(high);
    tpps_check(!high || scene_value(0) == 7);
    scene_close_pool(pool);
}

/* ---- one thread: exact order ----------------------------------------------------------------- */

static void write_down(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    order[order_length++] = (char)(uintptr_t)context;
    order[order_length] = 0;
}

static void expect_order(const char *expected)
{
    uint32_t i = 0;
    while (expected[i] && expected[i] == order[i])
        i++;
    if (scene_complete() && (expected[i] || order[i]))
        tpps_fail("order: %s instead of %s", order, expected);
}

static void make_letters(tp_pool_t *pool, uint32_t count)
{
    order_length = 0;
    order[0] = 0;
    for (uint32_t i = 0; i < count; i++)
        some[i] = scene_pool_work(pool, write_down, SCENE_WORD('A' + i));
}

static void finish_letters(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        scene_finish(some[i]);
}

/* C-071: one object many times beside another: A B A B A, in the order of posts. */
SCENE(exact__c071_two_objects_take_turns)
{
    tp_pool_t *pool = scene_pool(0, 1);
    make_letters(pool, 3);
    tp_work_t *gate = scene_pool_work(pool, post_some, SCENE_WORD(0));
    scene_submit(gate, 1);
    scene_wait(gate);
    scene_submit(some[2], 1);
    scene_submit(some[0], 3);
    scene_submit(some[1], 2);
    scene_finish(gate);
    finish_letters(3);
    tpps_check(!some[2] || order_length == 6);
    scene_close_pool(pool);
}

/* One poster: the posts run in the order in which they were made. */
SCENE(exact__posts_run_in_order)
{
    tp_pool_t *pool = scene_pool(0, 1);
    make_letters(pool, 5);
    for (uint32_t i = 0; i < 5; i++)
        scene_submit(some[i], 1);
    finish_letters(5);
    expect_order("ABCDE");
    scene_close_pool(pool);
}

/* A cancelled post loses its place; posted again it stands at the end. */
SCENE(exact__cancelled_and_posted_again)
{
    tp_pool_t *pool = scene_pool(0, 1);
    make_letters(pool, 3);
    tp_work_t *root = scene_pool_work(pool, post_some, SCENE_WORD(3));
    scene_submit(root, 1);
    scene_cancel(some[0]);
    scene_submit(some[0], 1);
    scene_cancel(some[1]);
    scene_submit(some[1], 1);
    scene_finish(root);
    finish_letters(3);
    scene_close_pool(pool);
}

static void write_and_post(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    write_down(instance, context, work);
    if (order_length < 5) {
        scene_submit(work, 1);
        scene_submit(some[0], 1);
    }
}

/* Posts made by the only worker stand behind those that are there already. */
SCENE(exact__own_posts_stand_behind)
{
    tp_pool_t *pool = scene_pool(1, 1);
    make_letters(pool, 1);
    tp_work_t *self = scene_pool_work(pool, write_and_post, SCENE_WORD('s'));
    tpps_thread poster = tpps_spawn(post_twice, some[0]);
    scene_submit(self, 1);
    tpps_join(poster);
    scene_finish(self);
    finish_letters(1);
    scene_close_pool(pool);
}

SCENE(exact__three_priorities_two_posters)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *low = make(pool, SCENE_LOW, scene_count, SCENE_WORD(0));
    tp_work_t *high = make(pool, SCENE_HIGH, scene_count, SCENE_WORD(0));
    make_letters(pool, 3);
    tpps_thread a = tpps_spawn(post_twice, low), b = tpps_spawn(post_twice, high);
    for (uint32_t i = 0; i < 3; i++)
        scene_submit(some[i], 1);
    tpps_join(a);
    tpps_join(b);
    finish_letters(3);
    scene_finish(low);
    scene_finish(high);
    expect_order("ABC");
    scene_close_pool(pool);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(priority__three_posters_two_workers)},
    {SCENE_ROW(priority__low_waits_while_tickets_are_stolen)},
    {SCENE_ROW(priority__low_waits_while_a_ring_spills)},
    {SCENE_ROW(priority__low_waits_while_rings_are_drained)},
    {SCENE_ROW(priority__high_passes_a_long_low_row)},
    {SCENE_ROW(priority__batches_and_low)},
    {SCENE_ROW(exact__c071_two_objects_take_turns)},
    {SCENE_ROW(exact__posts_run_in_order)},
    {SCENE_ROW(exact__cancelled_and_posted_again)},
    {SCENE_ROW(exact__own_posts_stand_behind)},
    {SCENE_ROW(exact__three_priorities_two_posters)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
