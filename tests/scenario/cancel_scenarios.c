/* cancel_scenarios.c - cancelling and waiting beside claims, requeues, closes and each other. */
#include "tests/scenario/scene.h"

static tp_work_t *the_work;

static void post_four(void *work)
{
    scene_submit(work, 3);
    scene_submit(work, 1);
}

static void wait_for(void *work)
{
    scene_wait(work);
    scene_add(2, 1);
}

static void cancel(void *work)
{
    scene_cancel(work);
}

static void wait_or_stale(void *work)
{
    if (work)
        scene_or_stale(tp_work_wait(work, false, TP_INFINITE));
}

static void cancel_or_stale(void *work)
{
    if (work)
        scene_or_stale(tp_work_wait(work, true, TP_INFINITE));
}

SCENE(cancel__claim_requeue_and_cancel)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tpps_thread poster = tpps_spawn(post_four, work), canceller = tpps_spawn(cancel, work);
    tpps_join(poster);
    tpps_join(canceller);
    scene_finish(work);
    tpps_check(scene_value(0) <= 4);
    scene_close_pool(pool);
}

static void await_word_one(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_await(1, 1);
}

/* only pending posts, one waits, the other cancels: the waiter must go. */
SCENE(cancel__r04_wakes_other_waiters)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *gate = scene_pool_work(pool, await_word_one, NULL);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    scene_submit(gate, 1);
    scene_submit(work, 2);
    tpps_thread a = tpps_spawn(wait_for, work), b = tpps_spawn(wait_for, work);
    scene_cancel(work);
    if (work)
        scene_await(2, 2); /* the gate is still shut */
    scene_add(1, 1);
    tpps_join(a);
    tpps_join(b);
    scene_finish(gate);
    scene_close(work);
    scene_close_pool(pool);
}

static void post_the_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_submit(the_work, 1);
}

static void cancel_and_post(void *work)
{
    scene_cancel(work);
    scene_submit(work, 1);
}

/* Tickets of posts cancelled meanwhile lie in both rings; each new post runs all the same. */
SCENE(cancel__posted_again_over_stale_tickets)
{
    tp_pool_t *pool = scene_pool(2, 2);
    the_work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tp_work_t *root = scene_pool_work(pool, post_the_work, NULL);
    scene_submit(root, 2);
    tpps_thread other = tpps_spawn(cancel_and_post, the_work);
    cancel_and_post(the_work);
    tpps_join(other);
    scene_finish(root);
    scene_finish(the_work);
    tpps_check(!root || (scene_value(0) >= 1 && scene_value(0) <= 4));
    scene_close_pool(pool);
}

SCENE(cancel__two_cancellers)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    scene_submit(work, 3);
    tpps_thread a = tpps_spawn(cancel, work), b = tpps_spawn(cancel, work);
    scene_wait(work);
    tpps_join(a);
    tpps_join(b);
    scene_close(work);
    scene_close_pool(pool);
}

/* waiting, cancelling and closing at once; the slot is used again at once. */
SCENE(cancel__r07_wait_close_and_cancel)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work =
        scene_work(scene_count, SCENE_WORD(0),
                   &(struct scene_choice){.pool = pool, .release = scene_count_release});
    scene_submit(work, 2);
    tpps_thread a = tpps_spawn(wait_or_stale, work), b = tpps_spawn(cancel_or_stale, work);
    scene_close(work);
    tp_work_t *next = scene_pool_work(pool, scene_count, SCENE_WORD(3));
    scene_submit(next, 1);
    tpps_join(a);
    tpps_join(b);
    scene_finish(next);
    tpps_check(!next || scene_value(3) == 1);
    scene_close_pool(pool);
}

/* The last callback finishes as the canceller drops the rest and the closer closes. */
static void close_it(void *work)
{
    scene_close(work);
}

SCENE(cancel__finish_cancel_and_close)
{
    tp_pool_t *pool = scene_pool(1, 1);
    tp_work_t *work =
        scene_work(scene_count, SCENE_WORD(0),
                   &(struct scene_choice){.pool = pool, .release = scene_count_release});
    scene_submit(work, 2);
    tpps_thread a = tpps_spawn(close_it, work), b = tpps_spawn(cancel_or_stale, work);
    tpps_join(a);
    tpps_join(b);
    scene_close_pool(pool);
}

/* ---- waits from callbacks -------------------------------------------------------------------- */

static void help_the_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_wait(the_work);
}

/* One thread: a callback waits for an object that stands behind it, so it must help. */
SCENE(cancel__help_on_the_only_thread)
{
    tp_pool_t *pool = scene_pool(0, 1);
    the_work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tp_work_t *helper = scene_pool_work(pool, help_the_work, NULL);
    scene_submit(helper, 1);
    tpps_thread poster = tpps_spawn(post_four, the_work);
    tpps_join(poster);
    scene_finish(helper);
    scene_finish(the_work);
    tpps_check(!helper || scene_value(0) == 4);
    scene_close_pool(pool);
}

/* A helper, a worker that claims, and a canceller want the same posts; one may be in a ring. */
SCENE(cancel__help_claim_and_cancel)
{
    tp_pool_t *pool = scene_pool(2, 2);
    the_work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    tp_work_t *root = scene_pool_work(pool, post_the_work, NULL);
    tp_work_t *helper = scene_pool_work(pool, help_the_work, NULL);
    scene_submit(root, 2);
    scene_submit(helper, 1);
    tpps_thread poster = tpps_spawn(cancel_and_post, the_work);
    tpps_join(poster);
    scene_finish(root);
    scene_finish(helper);
    scene_finish(the_work);
    scene_close_pool(pool);
}

static void wait_a_while(void *work)
{
    tp_status_t status = work ? tp_work_wait(work, false, 1000) : TP_OK;
    tpps_check(status == TP_OK || status == TP_ERR_TIMEOUT);
}

/* Timed waits end at their time, and eat nobody's wake-up. */
SCENE(cancel__timed_and_endless_waits)
{
    tp_pool_t *pool = scene_pool(0, 1);
    tp_work_t *gate = scene_pool_work(pool, await_word_one, NULL);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(0));
    scene_submit(gate, 1);
    scene_submit(work, 1);
    tpps_thread a = tpps_spawn(wait_a_while, work), b = tpps_spawn(wait_for, work);
    tpps_sleep(1000);
    scene_add(1, 1);
    tpps_join(a);
    tpps_join(b);
    scene_finish(gate);
    scene_finish(work);
    scene_close_pool(pool);
}

enum { GOING = 6, LEAVES };
static tp_work_t *the_leaf;

static void post_the_leaf(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(GOING, 1);
    scene_await(GOING, 2);
    scene_submit(the_leaf, 1);
}

/* What stands in the shared queue is cancelled while a worker posts it into its own ring, and takes
 * it from there at once. */
SCENE(cancel__posted_into_a_ring_meanwhile)
{
    tp_pool_t *pool = scene_pool(0, 2);
    the_leaf = scene_pool_work(pool, scene_count, SCENE_WORD(LEAVES));
    tp_work_t *root = the_leaf ? scene_pool_work(pool, post_the_leaf, NULL) : NULL;
    scene_submit(root, 1);
    if (root)
        scene_await(GOING, 1);
    scene_submit(the_leaf, 1);
    scene_add(GOING, 1);
    scene_cancel(the_leaf);
    scene_finish(root);
    scene_finish(the_leaf);
    scene_close_pool(pool);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(cancel__claim_requeue_and_cancel)},
    {SCENE_ROW(cancel__r04_wakes_other_waiters), .no_faults = true},
    {SCENE_ROW(cancel__posted_again_over_stale_tickets)},
    {SCENE_ROW(cancel__two_cancellers)},
    {SCENE_ROW(cancel__r07_wait_close_and_cancel)},
    {SCENE_ROW(cancel__finish_cancel_and_close)},
    {SCENE_ROW(cancel__help_on_the_only_thread)},
    {SCENE_ROW(cancel__help_claim_and_cancel)},
    {SCENE_ROW(cancel__timed_and_endless_waits), .no_faults = true},
    {SCENE_ROW(cancel__posted_into_a_ring_meanwhile), .cpus = 1},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
