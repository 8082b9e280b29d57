/* ring_scenarios.c - the workers' own rings: filling, overflow, stealing, tickets gone stale. */
#include "tests/scenario/scene.h"

enum { MANY = 7 }; /* more than the four places of a ring in the simulator */

static tp_work_t *leaves[MANY];

static void make_leaves(tp_pool_t *pool, int count)
{
    for (int i = 0; i < count; i++)
        leaves[i] = scene_pool_work(pool, scene_count, SCENE_WORD(0));
}

static void finish_leaves(int count)
{
    for (int i = 0; i < count; i++)
        scene_finish(leaves[i]);
}

static void post_all(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    for (uintptr_t i = 0; i < (uintptr_t)context; i++)
        scene_submit(leaves[i], 1);
}

static void post_thread(void *count)
{
    post_all(NULL, count, NULL);
}

SCENE(ring__overflow_spills_into_the_shared_queue)
{
    tp_pool_t *pool = scene_pool(0, 2);
    make_leaves(pool, MANY);
    tp_work_t *root = scene_pool_work(pool, post_all, SCENE_WORD(MANY));
    scene_submit(root, 1);
    scene_finish(root);
    finish_leaves(MANY);
    tpps_check(!root || scene_value(0) == MANY);
    scene_close_pool(pool);
}

static void post_half(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    for (uintptr_t i = (uintptr_t)context; i < (uintptr_t)context + 3; i++)
        scene_submit(leaves[i], 1);
}

/* Two workers fill their rings and steal from each other. */
SCENE(ring__two_rings_steal_from_each_other)
{
    tp_pool_t *pool = scene_pool(2, 2);
    make_leaves(pool, 6);
    tp_work_t *a = scene_pool_work(pool, post_half, SCENE_WORD(0));
    tp_work_t *b = scene_pool_work(pool, post_half, SCENE_WORD(3));
    scene_submit(a, 1);
    scene_submit(b, 1);
    scene_finish(a);
    scene_finish(b);
    finish_leaves(6);
    tpps_check(!b || scene_value(0) == 6);
    scene_close_pool(pool);
}

/* Three thieves and one full ring, whose owner goes on putting tickets in. */
SCENE(ring__three_thieves)
{
    tp_pool_t *pool = scene_pool(3, 4);
    make_leaves(pool, MANY);
    tp_work_t *root = scene_pool_work(pool, post_all, SCENE_WORD(5));
    scene_submit(root, 1);
    scene_wait(root);
    scene_submit(root, 1);
    scene_finish(root);
    finish_leaves(MANY);
    tpps_check(!root || scene_value(0) == 10);
    scene_close_pool(pool);
}

/* A batch of foreign posts moves into a ring while one of them is cancelled and posted again. */
SCENE(ring__batch_moves_while_cancelled)
{
    tp_pool_t *pool = scene_pool(1, 2);
    make_leaves(pool, 4);
    tpps_thread poster = tpps_spawn(post_thread, SCENE_WORD(4));
    scene_cancel(leaves[3]);
    scene_submit(leaves[3], 1);
    scene_cancel(leaves[2]);
    scene_submit(leaves[2], 1);
    tpps_join(poster);
    finish_leaves(4);
    scene_close_pool(pool);
}

/* Tickets in a ring go stale; the object is posted again, from here and from the callback. */
SCENE(ring__stale_tickets_are_dropped)
{
    tp_pool_t *pool = scene_pool(0, 2);
    make_leaves(pool, 3);
    tp_work_t *root = scene_pool_work(pool, post_all, SCENE_WORD(3));
    scene_submit(root, 2);
    for (int i = 0; i < 3; i++) {
        scene_cancel(leaves[i]);
        scene_submit(leaves[i], 1);
    }
    scene_finish(root);
    finish_leaves(3);
    tpps_check(!root || scene_value(0) >= 3);
    scene_close_pool(pool);
}

/* Closed with a ticket in a ring: the last post still runs, the slot is used again at once. */
SCENE(ring__closed_while_in_a_ring)
{
    tp_pool_t *pool = scene_pool(0, 2);
    make_leaves(pool, 3);
    tp_work_t *root = scene_pool_work(pool, post_all, SCENE_WORD(3));
    scene_submit(root, 1);
    scene_finish(root);
    for (int i = 0; i < 3; i++)
        scene_close(leaves[i]);
    make_leaves(pool, 3);
    for (int i = 0; i < 3; i++)
        scene_submit(leaves[i], 1);
    finish_leaves(3);
    scene_close_pool(pool);
}

static void post_again(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    if (scene_next(0) < 6) {
        scene_submit(work, 1);
        scene_submit(leaves[0], 1);
    }
}

/* A ring that feeds itself, and a shared queue that must not starve. */
SCENE(ring__feeds_itself)
{
    tp_pool_t *pool = scene_pool(0, 2);
    leaves[0] = scene_pool_work(pool, scene_count, SCENE_WORD(1));
    tp_work_t *self = scene_pool_work(pool, post_again, NULL);
    scene_submit(self, 2);
    scene_submit(leaves[0], 1);
    scene_finish(self);
    scene_finish(leaves[0]);
    tpps_check(!self || (scene_value(0) == 8 && scene_value(1) == 7));
    scene_close_pool(pool);
}

enum { BUSY = 5, FULL, POSTED_IN, GONE };

static void post_and_stay(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_submit(context, 1);
    scene_add(POSTED_IN, 1);
    scene_await(GONE, 1);
}

/* A ticket lies in a ring, its object is no more, and the ring is emptied into the shared queue:
 * the slot of the object, free or somebody else's by now, is left alone. */
SCENE(ring__ticket_of_a_closed_object_is_spilled)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *leaf = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tp_work_t *root = leaf ? scene_pool_work(pool, post_and_stay, leaf) : NULL;
    scene_submit(root, 1);
    if (root)
        scene_await(POSTED_IN, 1);
    if (leaf) {
        scene_cancel(leaf);
        scene_close(leaf);
    }
    scene_maximum(pool, 1);
    scene_add(GONE, 1);
    make_leaves(pool, 3);
    for (int i = 0; i < 3; i++)
        scene_submit(leaves[i], 1);
    finish_leaves(3);
    scene_finish(root);
    scene_close_pool(pool);
}

static void meet_all(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_add(0, 1);
    scene_await(0, (uint32_t)(uintptr_t)context);
}

static void post_all_and_meet(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    post_all(instance, context, work);
    scene_add(FULL, 1);
    meet_all(instance, SCENE_WORD(4), work);
}

static void busy_until_full(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(BUSY, 1);
    scene_await(FULL, 1);
}

/* One worker blocks behind its ring, one comes from elsewhere and steals two at once, of which it
 * runs one and blocks, two may sleep: all must meet. */
SCENE(ring__thief_blocks_with_a_ticket_left)
{
    tp_pool_t *pool = scene_pool(4, 4);
    for (int i = 0; i < 3; i++)
        leaves[i] = scene_pool_work(pool, meet_all, SCENE_WORD(4));
    tp_work_t *busy = scene_pool_work(pool, busy_until_full, NULL);
    tp_work_t *root = scene_pool_work(pool, post_all_and_meet, SCENE_WORD(3));
    scene_submit(busy, 1);
    scene_await(BUSY, 1);
    scene_submit(root, 1);
    scene_finish(root);
    scene_finish(busy);
    finish_leaves(3);
    scene_close_pool(pool);
}

enum { ROUNDS, LEAF, POSTED, LATE };

/* Goes round until the leaf has run. Once that was posted, at most each third claim may be of the
 * ring. */
static void go_round(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    scene_add(ROUNDS, 1);
    if (scene_value(LEAF) > 0)
        return;
    if (scene_value(POSTED) > 0)
        tpps_check(scene_next(LATE) < 2 * TPP_SHARED_EVERY);
    scene_submit(work, 1);
}

/* Round after round, and what somebody else has posted meanwhile has its turn. */
SCENE(ring__goes_round_and_starves_nobody)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *self = scene_pool_work(pool, go_round, NULL);
    tp_work_t *leaf = scene_pool_work(pool, scene_count, SCENE_WORD(LEAF));
    if (leaf)
        scene_submit(self, 1);
    if (self && leaf)
        scene_await(ROUNDS, 2);
    scene_submit(leaf, 1);
    scene_add(POSTED, 1);
    scene_finish(leaf);
    scene_finish(self);
    scene_close_pool(pool);
}

/* The maximum falls to one while rings are full: they are emptied into the shared queue. */
SCENE(ring__maximum_falls_to_one)
{
    tp_pool_t *pool = scene_pool(0, 3);
    make_leaves(pool, 5);
    tp_work_t *root = scene_pool_work(pool, post_all, SCENE_WORD(5));
    scene_submit(root, 1);
    scene_maximum(pool, 1);
    scene_wait(root);
    scene_submit(root, 1);
    scene_maximum(pool, 2);
    scene_finish(root);
    finish_leaves(5);
    tpps_check(!root || scene_value(0) == 10);
    scene_close_pool(pool);
}

static void post_and_block(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    post_all(instance, context, work);
    scene_await(0, 5);
}

/* The owner blocks with its ring full: others must empty it. */
SCENE(ring__owner_blocks_with_a_full_ring)
{
    tp_pool_t *pool = scene_pool(2, 2);
    make_leaves(pool, 5);
    tp_work_t *root = scene_pool_work(pool, post_and_block, SCENE_WORD(5));
    scene_submit(root, 1);
    scene_finish(root);
    finish_leaves(5);
    scene_close_pool(pool);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(ring__overflow_spills_into_the_shared_queue)},
    {SCENE_ROW(ring__two_rings_steal_from_each_other)},
    {SCENE_ROW(ring__three_thieves)},
    {SCENE_ROW(ring__batch_moves_while_cancelled)},
    {SCENE_ROW(ring__stale_tickets_are_dropped)},
    {SCENE_ROW(ring__closed_while_in_a_ring)},
    {SCENE_ROW(ring__feeds_itself)},
    {SCENE_ROW(ring__ticket_of_a_closed_object_is_spilled), .cpus = 1},
    {SCENE_ROW(ring__thief_blocks_with_a_ticket_left), .no_faults = true},
    {SCENE_ROW(ring__goes_round_and_starves_nobody), .cpus = 1},
    {SCENE_ROW(ring__maximum_falls_to_one)},
    {SCENE_ROW(ring__owner_blocks_with_a_full_ring), .no_faults = true},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
