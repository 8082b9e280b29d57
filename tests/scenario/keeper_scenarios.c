/* keeper_scenarios.c - persistent objects: all their callbacks run on one thread of the pool. */
#include "tests/scenario/scene.h"

#define MS INT64_C(1000000)

enum { IDLE_NS = 1000000 };
enum { RAN, OTHERS, OPEN, LOST, CANCELLED, RELEASED, WAITED, ARRIVED };

/* ---- callbacks ------------------------------------------------------------------------------- */

/* The thread on which the persistent callbacks of a pool run, each pool by its number. */
enum { POOLS = 2 };
static tpp_u64 keeper[POOLS];

static void forget_keepers(void)
{
    for (int i = 0; i < POOLS; i++)
        tpp_store_release(&keeper[i], 0);
}

static void check_thread(uint32_t number)
{
    uint64_t known = 0, self = tpp_thread_id();
    if (!tpp_cas_acq_rel(&keeper[number], &known, self) && known != self)
        tpps_fail("a persistent callback ran on thread %u, one before on %u", (uint32_t)self,
                  (uint32_t)known);
}

/* The context is the pool's number. */
static void run_kept(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    check_thread((uint32_t)(uintptr_t)context);
    scene_add(RAN, 1);
}

static void run_kept_simple(tp_callback_instance_t *instance, void *context)
{
    run_kept(instance, context, NULL);
}

static void block_kept(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    run_kept(instance, context, work);
    scene_await(OPEN, 1);
}

static tp_work_t *kept_work(tp_pool_t *pool, tp_work_fn function, void *context)
{
    return scene_work(function, context, &(struct scene_choice){.pool = pool, .persistent = true});
}

static void post_once(void *work)
{
    scene_submit(work, 1);
}

static void post_three(void *work)
{
    for (int i = 0; i < 3; i++)
        scene_submit(work, 1);
}

static void post_with_gaps(void *work)
{
    for (int i = 0; i < 3; i++) {
        scene_submit(work, 1);
        tpps_sleep(2 * IDLE_NS);
    }
}

/* ---- one thread ------------------------------------------------------------------------------ */

SCENE(keeper__c038_idle_gaps_longer_than_the_retire_time)
{
    tp_pool_t *pool = scene_pool_idle(0, 3, IDLE_NS);
    tp_work_t *work = kept_work(pool, run_kept, NULL);
    forget_keepers();
    for (int i = 0; i < 4; i++) {
        scene_submit(work, 1);
        scene_wait(work);
        tpps_sleep(10 * IDLE_NS);
    }
    tpps_check(!work || scene_value(RAN) == 4);
    tpps_check(!work || scene_stats(pool).threads_created == 1);
    scene_close(work);
    scene_close_pool(pool);
}

/* The others come and go, the keeper stays, and what is posted runs on it. */
SCENE(keeper__c038_others_are_busy_and_retire)
{
    tp_pool_t *pool = scene_pool_idle(0, 3, IDLE_NS);
    tp_work_t *other = scene_pool_work(pool, scene_count, SCENE_WORD(OTHERS));
    forget_keepers();
    scene_submit(other, 3);
    tp_work_t *work = kept_work(pool, run_kept, NULL);
    tpps_thread a = tpps_spawn(post_with_gaps, work), b = tpps_spawn(post_with_gaps, other);
    scene_submit(work, 2);
    tpps_join(a);
    scene_submit(other, 2);
    tpps_join(b);
    scene_finish(work);
    scene_finish(other);
    tpps_check(!scene_complete() || (scene_value(RAN) == 5 && scene_value(OTHERS) == 8));
    scene_close_pool(pool);
}

/* While it runs one, posts of the other kind are not its business. */
SCENE(keeper__others_go_on_while_it_is_blocked)
{
    tp_pool_t *pool = scene_pool(0, 3);
    tp_work_t *kept = kept_work(pool, block_kept, NULL);
    tp_work_t *other = scene_pool_work(pool, scene_count, SCENE_WORD(OTHERS));
    forget_keepers();
    scene_submit(kept, 2);
    scene_await(RAN, kept != NULL);
    scene_submit(other, 3);
    scene_finish(other);
    tpps_check(scene_value(RAN) <= 1);
    scene_add(OPEN, 1);
    scene_finish(kept);
    tpps_check(!kept || scene_value(RAN) == 2);
    scene_close_pool(pool);
}

/* The worker that is to be the keeper is about to retire. */
SCENE(keeper__is_appointed_as_the_last_one_retires)
{
    tp_pool_t *pool = scene_pool_idle(1, 2, IDLE_NS);
    forget_keepers();
    scene_minimum(pool, 0);
    tpps_sleep(IDLE_NS);
    tp_work_t *work = kept_work(pool, run_kept, NULL);
    scene_submit(work, 2);
    tpps_sleep(2 * IDLE_NS);
    scene_submit(work, 1);
    scene_finish(work);
    tpps_check(!work || scene_value(RAN) == 3);
    scene_close_pool(pool);
}

static void make_and_post(void *pool)
{
    tp_work_t *work = kept_work(pool, run_kept, NULL);
    scene_submit(work, 2);
    scene_finish(work);
    scene_add(RELEASED, work != NULL);
}

SCENE(keeper__two_first_objects_have_the_same_one)
{
    tp_pool_t *pool = scene_pool(0, 3);
    tp_work_t *other = scene_pool_work(pool, scene_count, SCENE_WORD(OTHERS));
    forget_keepers();
    scene_submit(other, 2);
    tpps_thread a = tpps_spawn(make_and_post, pool), b = tpps_spawn(make_and_post, pool);
    tpps_join(a);
    tpps_join(b);
    scene_finish(other);
    tpps_check(scene_value(RAN) == 2 * scene_value(RELEASED));
    scene_close_pool(pool);
}

SCENE(keeper__of_two_pools)
{
    tp_pool_t *pool[POOLS];
    tp_work_t *work[POOLS];
    tpps_thread poster[POOLS];
    forget_keepers();
    for (int i = 0; i < POOLS; i++) {
        pool[i] = scene_pool(0, 2);
        work[i] = kept_work(pool[i], run_kept, SCENE_WORD(i));
    }
    for (int i = 0; i < POOLS; i++)
        poster[i] = tpps_spawn(post_three, work[i]);
    for (int i = 0; i < POOLS; i++) {
        tpps_join(poster[i]);
        scene_finish(work[i]);
        scene_close_pool(pool[i]);
    }
    tpps_check(!scene_complete() || scene_value(RAN) == 6);
}

/* Without objects it leaves as any other, and the next persistent object has another. */
SCENE(keeper__leaves_an_empty_pool)
{
    tp_pool_t *pool = scene_pool_idle(0, 2, IDLE_NS);
    for (int i = 0; i < 2; i++) {
        forget_keepers();
        tp_work_t *work = kept_work(pool, run_kept, NULL);
        scene_submit(work, 2);
        scene_finish(work);
        tpps_sleep(10 * IDLE_NS);
        tpps_check(scene_stats(pool).threads == 0);
    }
    scene_close_pool(pool);
}

/* ---- what one can do with persistent objects ------------------------------------------------- */

SCENE(keeper__cancel_drops_what_waits)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *first = kept_work(pool, block_kept, NULL);
    tp_work_t *work = kept_work(pool, run_kept, NULL);
    forget_keepers();
    scene_submit(first, 1);
    scene_await(RAN, first != NULL);
    scene_submit(work, 3);
    scene_cancel(work);
    tpps_check(scene_value(RAN) <= 1);
    scene_submit(work, 2);
    scene_add(OPEN, 1);
    scene_finish(work);
    scene_finish(first);
    tpps_check(!scene_complete() || scene_value(RAN) == 3);
    scene_close_pool(pool);
}

static void cancel_and_close(void *work)
{
    scene_cancel(work);
    scene_close(work);
}

SCENE(keeper__cancel_meets_the_posts)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = kept_work(pool, run_kept, NULL);
    tp_work_t *stays = kept_work(pool, run_kept, NULL);
    forget_keepers();
    scene_submit(work, 2);
    tpps_thread canceller = tpps_spawn(cancel_and_close, work);
    scene_submit(stays, 2);
    tpps_join(canceller);
    scene_finish(stays);
    tpps_check(!stays || scene_value(RAN) >= 2);
    scene_close_pool(pool);
}

/* Handles of object and pool are closed with posts queued: all run. */
SCENE(keeper__closed_with_posts_queued)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_work(run_kept, SCENE_WORD(0),
                                 &(struct scene_choice){.pool = pool, .persistent = true});
    forget_keepers();
    scene_submit(work, 3);
    uint32_t posts = work ? 3 : 0;
    scene_close(work);
    scene_close_pool(pool);
    scene_await(RAN, posts);
}

SCENE(keeper__simple_callbacks)
{
    tp_pool_t *pool = scene_pool(0, 3);
    /* A pool without objects may let its keeper go: between two callbacks it would have none. */
    tp_work_t *holds = scene_pool_work(pool, scene_count, SCENE_WORD(OTHERS));
    uint32_t posted = 0;
    forget_keepers();
    for (int i = 0; i < 4; i++)
        posted += scene_simple(run_kept_simple, NULL,
                               &(struct scene_choice){.pool = pool, .persistent = true});
    scene_await(RAN, posted);
    scene_close(holds);
    scene_close_pool(pool);
}

SCENE(keeper__members_of_a_group)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_cleanup_group_t *group = scene_group();
    struct scene_choice choice = {
        .pool = pool, .group = group, .cancel = scene_count_cancel, .persistent = true};
    forget_keepers();
    tp_work_t *a = group ? scene_work(run_kept, SCENE_WORD(0), &choice) : NULL;
    tp_work_t *b = a ? scene_work(block_kept, SCENE_WORD(0), &choice) : NULL;
    scene_submit(a, 2);
    scene_submit(b, 1);
    scene_submit(a, 1);
    scene_add(OPEN, 1);
    if (group)
        tpps_check(tp_cleanup_group_close_members(group, b != NULL, NULL) == TP_OK);
    scene_close_group(group);
    scene_close_pool(pool);
}

SCENE(keeper__concurrency_limit)
{
    tp_pool_t *pool = scene_pool(0, 2);
    struct scene_choice choice = {.pool = pool, .persistent = true, .limit = 1};
    forget_keepers();
    tp_work_t *work = scene_work(run_kept, SCENE_WORD(0), &choice);
    tpps_thread poster = tpps_spawn(post_three, work);
    scene_submit(work, 2);
    tpps_join(poster);
    scene_finish(work);
    tpps_check(!work || scene_value(RAN) == 5);
    scene_close_pool(pool);
}

/* The order in which they came: the digits of word WAITED, of both kinds. */
static void note_order(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    run_kept(instance, SCENE_WORD(0), work);
    uint32_t before = scene_value(WAITED);
    scene_add(WAITED, before * 9 + (uint32_t)(uintptr_t)context);
}

SCENE(keeper__priorities_are_kept)
{
    static const tp_priority_t plus_one[3] = {SCENE_LOW, SCENE_NORMAL, SCENE_HIGH};
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *first = kept_work(pool, block_kept, NULL);
    tp_work_t *work[3];
    forget_keepers();
    scene_submit(first, 1);
    scene_await(RAN, first != NULL);
    for (int i = 0; i < 3; i++) {
        struct scene_choice choice = {
            .pool = pool, .persistent = true, .priority_plus_one = plus_one[i]};
        work[i] = scene_work(note_order, SCENE_WORD(i + 1), &choice);
        scene_submit(work[i], 2);
    }
    scene_add(OPEN, 1);
    scene_finish(first);
    for (int i = 0; i < 3; i++)
        scene_finish(work[i]);
    tpps_check(!scene_complete() || scene_value(WAITED) == 332211);
    scene_close_pool(pool);
}

/* ---- waits ----------------------------------------------------------------------------------- */

static void post_and_wait(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    check_thread(0);
    scene_submit(context, 1);
    scene_wait(context);
    scene_add(WAITED, 1);
}

/* On the keeper a wait helps: nobody else could. */
SCENE(keeper__wait_on_the_keeper_helps)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *inner = kept_work(pool, run_kept, NULL);
    tp_work_t *outer = inner ? kept_work(pool, post_and_wait, inner) : NULL;
    forget_keepers();
    scene_submit(outer, 2);
    scene_finish(outer);
    scene_finish(inner);
    tpps_check(!outer || (scene_value(RAN) == 2 && scene_value(WAITED) == 2));
    scene_close_pool(pool);
}

static void only_wait(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_add(ARRIVED, 1);
    scene_wait(context);
    scene_add(WAITED, 1);
}

/* Elsewhere it does not, wherever the waiting callbacks run. */
SCENE(keeper__wait_on_other_workers_leaves_it_to_the_keeper)
{
    tp_pool_t *pool = scene_pool(0, 3);
    tp_work_t *first = kept_work(pool, block_kept, NULL);
    tp_work_t *inner = kept_work(pool, run_kept, NULL);
    tp_work_t *outer = inner ? scene_pool_work(pool, only_wait, inner) : NULL;
    forget_keepers();
    scene_submit(first, 1);
    scene_await(RAN, first != NULL);
    scene_submit(inner, 2);
    scene_submit(outer, 2);
    scene_await(ARRIVED, outer ? 1 : 0);
    scene_add(OPEN, 1);
    scene_finish(outer);
    scene_finish(inner);
    scene_finish(first);
    tpps_check(!outer || (scene_value(RAN) == 3 && scene_value(WAITED) == 2));
    scene_close_pool(pool);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void lower_and_raise(void *pool)
{
    scene_maximum(pool, 1);
    scene_maximum(pool, 2);
    scene_maximum(pool, 1);
}

SCENE(keeper__maximum_is_lowered_and_raised)
{
    tp_pool_t *pool = scene_pool(3, 3);
    tp_work_t *other = scene_pool_work(pool, scene_count, SCENE_WORD(OTHERS));
    tp_work_t *work = kept_work(pool, run_kept, NULL);
    forget_keepers();
    scene_submit(other, 2);
    tpps_thread mover = tpps_spawn(lower_and_raise, pool);
    scene_submit(work, 3);
    scene_submit(other, 2);
    tpps_join(mover);
    scene_submit(work, 1);
    scene_finish(other);
    scene_finish(work);
    tpps_check(!scene_complete() || (scene_value(RAN) == 4 && scene_value(OTHERS) == 4));
    scene_close_pool(pool);
}

static void move_minimum(void *pool)
{
    scene_minimum(pool, 2);
    scene_minimum(pool, 0);
}

SCENE(keeper__minimum_goes_up_and_down)
{
    tp_pool_t *pool = scene_pool_idle(0, 3, IDLE_NS);
    tp_work_t *work = kept_work(pool, run_kept, NULL);
    forget_keepers();
    tpps_thread mover = tpps_spawn(move_minimum, pool), poster = tpps_spawn(post_with_gaps, work);
    scene_submit(work, 1);
    tpps_join(mover);
    tpps_join(poster);
    scene_finish(work);
    tpps_check(!work || scene_value(RAN) == 4);
    scene_close_pool(pool);
}

/* ---- the keeper is lost ---------------------------------------------------------------------- */

/* As run_kept, but the first of them ends the thread; the others run on the next one. */
static void exit_at_first(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    if (scene_next(LOST) == 0) {
        tpps_check(tpp_load_acquire(&keeper[0]) == 0);
        tpps_thread_exit();
    }
    run_kept(instance, context, work);
}

SCENE(keeper__lost_one_is_replaced_and_posts_go_on)
{
    tp_pool_t *pool = scene_pool(0, 3);
    tp_work_t *other = scene_pool_work(pool, scene_count, SCENE_WORD(OTHERS));
    tp_work_t *work = kept_work(pool, exit_at_first, NULL);
    forget_keepers();
    scene_submit(other, 2);
    scene_submit(work, 3);
    tpps_thread poster = tpps_spawn(post_once, other);
    scene_submit(work, 1);
    tpps_join(poster);
    scene_finish(work);
    scene_finish(other);
    tpps_check(!work || scene_value(RAN) == 3);
    scene_close_pool(pool);
}

/* Threads are refused, once or for ever, when it must be replaced. */
SCENE(keeper__lost_one_that_cannot_be_replaced_at_once)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *other = scene_pool_work(pool, scene_count, SCENE_WORD(OTHERS));
    tp_work_t *work = kept_work(pool, exit_at_first, NULL);
    forget_keepers();
    scene_submit(work, 2);
    scene_submit(other, 2);
    bool done = !work || scene_await_for(RAN, 1, 500 * MS);
    if (!done) { /* refused for ever */
        tpps_check(scene_sweeps());
        tpps_check(scene_stats(pool).thread_create_failures > 1);
        scene_cancel(work);
    }
    scene_finish(work);
    scene_cancel(other);
    scene_close(other);
    scene_close_pool(pool);
}

/* The keeper is lost, its replacement refused, and the maximum lowered to what there is: somebody
 * must become the keeper all the same. */
SCENE(keeper__lost_one_below_a_lowered_maximum)
{
    tp_pool_t *pool = scene_pool(2, 2);
    tp_work_t *work = kept_work(pool, exit_at_first, NULL);
    forget_keepers();
    scene_submit(work, 1);
    scene_wait(work);
    scene_maximum(pool, 1);
    scene_submit(work, 2);
    bool done = !work || scene_await_for(RAN, 2, 500 * MS);
    if (!done) {
        tpps_check(scene_sweeps());
        tpps_check(scene_stats(pool).thread_create_failures > 1);
        scene_cancel(work);
    }
    scene_wait(work);
    scene_close(work);
    scene_close_pool(pool);
}

/* ---- the end --------------------------------------------------------------------------------- */

static tpp_ptr last_pool;

/* The last references go on the thread that they keep alive. */
static void close_all_from_callback(tp_callback_instance_t *instance, void *context,
                                    tp_work_t *work)
{
    run_kept(instance, context, work);
    scene_close(work);
    scene_close_pool(tpp_load_acquire(&last_pool));
    scene_add(WAITED, 1);
}

static void end_from_callback(bool persistent)
{
    tp_pool_t *pool = scene_pool(0, 2);
    struct scene_choice choice = {
        .pool = pool, .persistent = persistent, .release = scene_count_release};
    forget_keepers();
    tpp_store_release(&last_pool, pool);
    tp_work_t *work = scene_work(close_all_from_callback, SCENE_WORD(0), &choice);
    if (!work) {
        scene_close_pool(pool);
        return;
    }
    scene_submit(work, 1);
    scene_await(WAITED, 1);
    scene_await(0, 2); /* the run and the release count in the same word */
}

SCENE(keeper__r20_object_and_pool_closed_from_the_keeper)
{
    end_from_callback(true);
}

SCENE(keeper__r20_object_and_pool_closed_from_a_callback)
{
    end_from_callback(false);
}

static const struct tpps_scenario table[] = {
    {SCENE_ROW(keeper__c038_idle_gaps_longer_than_the_retire_time)},
    {SCENE_ROW(keeper__c038_others_are_busy_and_retire)},
    {SCENE_ROW(keeper__others_go_on_while_it_is_blocked), .no_faults = true},
    {SCENE_ROW(keeper__is_appointed_as_the_last_one_retires)},
    {SCENE_ROW(keeper__two_first_objects_have_the_same_one)},
    {SCENE_ROW(keeper__of_two_pools)},
    {SCENE_ROW(keeper__leaves_an_empty_pool), .no_early = true},
    {SCENE_ROW(keeper__cancel_drops_what_waits)},
    {SCENE_ROW(keeper__cancel_meets_the_posts)},
    {SCENE_ROW(keeper__closed_with_posts_queued)},
    {SCENE_ROW(keeper__simple_callbacks)},
    {SCENE_ROW(keeper__members_of_a_group)},
    {SCENE_ROW(keeper__concurrency_limit)},
    {SCENE_ROW(keeper__priorities_are_kept)},
    {SCENE_ROW(keeper__wait_on_the_keeper_helps)},
    {SCENE_ROW(keeper__wait_on_other_workers_leaves_it_to_the_keeper), .no_faults = true},
    {SCENE_ROW(keeper__maximum_is_lowered_and_raised)},
    {SCENE_ROW(keeper__minimum_goes_up_and_down)},
    {SCENE_ROW(keeper__lost_one_is_replaced_and_posts_go_on), .no_faults = true},
    {SCENE_ROW(keeper__lost_one_that_cannot_be_replaced_at_once), .no_early = true},
    {SCENE_ROW(keeper__lost_one_below_a_lowered_maximum), .no_early = true},
    {SCENE_ROW(keeper__r20_object_and_pool_closed_from_the_keeper)},
    {SCENE_ROW(keeper__r20_object_and_pool_closed_from_a_callback)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
