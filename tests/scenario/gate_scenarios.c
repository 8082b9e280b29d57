/* gate_scenarios.c - work that does not move: callbacks that block or hog, and threads for it. */
#include "tests/scenario/scene.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

enum { ARRIVED, OPEN, RAN, ASKED, BEGUN };

/* ---- callbacks ------------------------------------------------------------------------------- */

/* Blocks in something of which the library knows nothing, until the scenario opens. */
static void block(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(ARRIVED, 1);
    scene_await(OPEN, 1);
}

/* The context says how many must have arrived before anybody goes on. */
static void meet(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_add(ARRIVED, 1);
    scene_await(ARRIVED, (uint32_t)(uintptr_t)context);
}

/* When each of those that begin has begun. */
enum { BEGINNINGS = 40 };
static tpp_u64 begun_at[BEGINNINGS];

static void note_beginning(void)
{
    uint32_t number = scene_next(BEGUN);
    tpps_check(number < BEGINNINGS);
    tpp_store_release(&begun_at[number], (uint64_t)tpps_now());
    scene_add(ARRIVED, 1);
}

static int64_t beginning(uint32_t number)
{
    return (int64_t)tpp_load_acquire(&begun_at[number]);
}

static void note_and_block(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    note_beginning();
    scene_await(OPEN, 1);
}

/* Computes for so many milliseconds. */
static void compute(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    note_beginning();
    tpps_busy((int64_t)(uintptr_t)context * MS);
}

static void nap(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    note_beginning();
    tpps_sleep((int64_t)(uintptr_t)context * MS);
}

static bool about(int64_t time, int64_t expected)
{
    return time >= expected - 10 * MS && time <= expected + 20 * MS;
}

/* From now on the scenario sleeps through an hour: nothing may happen in it. */
static void check_idle(void)
{
    uint64_t rests = oracle_rests();
    tpps_sleep(3600 * SECOND);
    tpps_check(oracle_rests() - rests <= 1);
}

/* ---- callbacks that block -------------------------------------------------------------------- */

static void all_meet(uint32_t parties, int64_t within)
{
    tp_pool_t *pool = scene_pool(0, parties);
    tp_work_t *work = scene_pool_work(pool, meet, SCENE_WORD(parties));
    int64_t began = tpps_now();
    scene_submit(work, parties);
    scene_finish(work);
    tpps_check(tpps_now() - began <= within);
    tpps_check(scene_stats(pool).threads_peak == parties);
    scene_close_pool(pool);
}

SCENE(gate__c006_four_meet_on_one_processor)
{
    all_meet(4, 100 * MS);
}

SCENE(gate__c006_twelve_meet_on_two_processors)
{
    all_meet(12, 200 * MS);
}

SCENE(gate__c006_thirty_meet)
{
    all_meet(30, SECOND);
}

/* Each is an object of its own, posted by another thread. */
static void post_once(void *work)
{
    scene_submit(work, 1);
}

SCENE(gate__c006_four_objects_of_four_posters_meet)
{
    tp_pool_t *pool = scene_pool(0, 4);
    tp_work_t *work[4];
    tpps_thread poster[4];
    for (int i = 0; i < 4; i++)
        work[i] = scene_pool_work(pool, meet, SCENE_WORD(4));
    for (int i = 0; i < 4; i++)
        poster[i] = tpps_spawn(post_once, work[i]);
    for (int i = 0; i < 4; i++)
        tpps_join(poster[i]);
    for (int i = 0; i < 4; i++)
        scene_finish(work[i]);
    scene_close_pool(pool);
}

static void post_three_and_meet(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    if (scene_next(ASKED) == 0)
        scene_submit(work, 3);
    meet(instance, context, work);
}

/* The posts lie in the ring of a worker that is blocked. */
SCENE(gate__c006_posts_of_a_blocked_worker_meet)
{
    tp_pool_t *pool = scene_pool(0, 4);
    tp_work_t *work = scene_pool_work(pool, post_three_and_meet, SCENE_WORD(4));
    scene_submit(work, 1);
    scene_finish(work);
    tpps_check(scene_value(ARRIVED) == 4);
    scene_close_pool(pool);
}

SCENE(gate__c007_three_meet_once_the_maximum_is_three)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, meet, SCENE_WORD(3));
    scene_submit(work, 3);
    tpps_check(!scene_await_for(ARRIVED, 3, 2 * SECOND));
    tpps_check(scene_value(ARRIVED) == 2);
    tpps_check(scene_stats(pool).thread_cap_reached > 0);
    int64_t raised = tpps_now();
    scene_maximum(pool, 3);
    scene_finish(work);
    tpps_check(tpps_now() - raised <= 50 * MS);
    scene_close_pool(pool);
}

/* Many block: at each look of the gate at most twice as many threads come as at the one before. */
SCENE(gate__steps_double_while_all_block)
{
    enum { POSTS = 32 };
    tp_pool_t *pool = scene_pool(0, 64);
    tp_work_t *work = scene_pool_work(pool, note_and_block, NULL);
    uint32_t most = 2, step = 0;
    int64_t began = tpps_now();
    scene_submit(work, POSTS);
    scene_await(ARRIVED, POSTS);
    tpps_check(tpps_now() - began <= 250 * MS);
    for (uint32_t i = 1; i < POSTS; i++) {
        step = beginning(i) - beginning(i - 1) < MS ? step + 1 : 1;
        tpps_check(step <= 2 * most);
        if (i + 1 < POSTS && beginning(i + 1) - beginning(i) >= MS && step > most)
            most = step;
    }
    tpps_check(most >= 8);
    tpps_check(scene_stats(pool).threads_injected >= POSTS - 2);
    tpps_check(scene_stats(pool).thread_cap_reached == 0);
    scene_add(OPEN, 1);
    scene_finish(work);
    scene_close_pool(pool);
}

/* Two processors, of two callbacks one sleeps and one computes: a third gets in, a fourth not. */
SCENE(gate__one_blocked_of_two_lets_one_more_in)
{
    tp_pool_t *pool = scene_pool(0, 8);
    tp_work_t *sleeper = scene_pool_work(pool, nap, SCENE_WORD(400));
    tp_work_t *busy = scene_pool_work(pool, compute, SCENE_WORD(400));
    scene_submit(sleeper, 1);
    scene_submit(busy, 1);
    scene_await(ARRIVED, 2);
    int64_t began = tpps_now();
    scene_submit(busy, 2);
    scene_await(ARRIVED, 3);
    tpps_check(tpps_now() - began <= 20 * MS);
    tpps_check(!scene_await_for(ARRIVED, 4, 300 * MS));
    tpps_check(scene_stats(pool).threads_injected == 1);
    scene_finish(sleeper);
    scene_finish(busy);
    scene_close_pool(pool);
}

/* ---- callbacks that compute ------------------------------------------------------------------ */

SCENE(gate__hogs_let_one_more_in_after_500_ms_then_after_twice_as_long)
{
    tp_pool_t *pool = scene_pool(0, 8);
    tp_work_t *work = scene_pool_work(pool, compute, SCENE_WORD(3000));
    int64_t began = tpps_now();
    scene_submit(work, 4);
    scene_await(ARRIVED, 4);
    tpps_check(beginning(1) - began < MS);
    tpps_check(about(beginning(2) - began, 500 * MS));
    tpps_check(about(beginning(3) - began, 1500 * MS));
    scene_finish(work);
    scene_close_pool(pool);
}

/* What hogs did before is forgotten: the next time one more gets in as soon as the first time. */
SCENE(gate__hogs_of_the_next_time_are_known_as_soon)
{
    tp_pool_t *pool = scene_pool(0, 8);
    tp_work_t *work = scene_pool_work(pool, compute, SCENE_WORD(3000));
    scene_submit(work, 4);
    scene_wait(work);
    tpps_sleep(30 * SECOND); /* surplus threads retire */
    int64_t began = tpps_now();
    scene_submit(work, 3);
    scene_wait(work);
    tpps_check(about(beginning(6) - began, 500 * MS));
    scene_close(work);
    scene_close_pool(pool);
}

/* As long as posts are taken one after another, the processors have enough to do. */
SCENE(gate__no_thread_is_added_while_work_moves)
{
    tp_pool_t *pool = scene_pool(0, 8);
    tp_work_t *work = scene_pool_work(pool, compute, SCENE_WORD(30));
    scene_submit(work, 38);
    scene_finish(work);
    tpps_check(scene_stats(pool).threads_peak == 2);
    tpps_check(scene_stats(pool).thread_cap_reached == 0);
    scene_close_pool(pool);
}

/* ---- where the kernel does not tell what threads do ------------------------------------------ */

SCENE(gate__c006_six_meet_with_hidden_thread_states)
{
    tpps_hide_threads(true);
    all_meet(6, 2 * SECOND);
}

SCENE(gate__hogs_are_known_with_hidden_thread_states)
{
    tp_pool_t *pool = scene_pool(0, 8);
    tpps_hide_threads(true);
    tp_work_t *work = scene_pool_work(pool, compute, SCENE_WORD(700));
    int64_t began = tpps_now();
    scene_submit(work, 3);
    scene_await(ARRIVED, 3);
    tpps_check(about(beginning(2) - began, 500 * MS));
    scene_finish(work);
    scene_close_pool(pool);
}

/* ---- when it stops --------------------------------------------------------------------------- */

SCENE(gate__nothing_happens_once_nothing_waits)
{
    tp_pool_t *pool = scene_pool(0, 6);
    tp_work_t *work = scene_pool_work(pool, block, NULL);
    scene_submit(work, 6);
    scene_await(ARRIVED, 6);
    tpps_sleep(100 * MS); /* they block on, and nothing waits */
    check_idle();
    scene_add(OPEN, 1);
    scene_wait(work);
    tpps_sleep(30 * SECOND); /* surplus threads retire */
    check_idle();
    tpps_check(scene_stats(pool).threads == 1);
    scene_close(work);
    scene_close_pool(pool);
}

SCENE(gate__nothing_happens_once_the_maximum_is_reached)
{
    tp_pool_t *pool = scene_pool(0, 3);
    tp_work_t *work = scene_pool_work(pool, block, NULL);
    scene_submit(work, 5);
    scene_await(ARRIVED, 3);
    tpps_sleep(100 * MS);
    uint64_t reached = scene_stats(pool).thread_cap_reached;
    tpps_check(reached > 0);
    check_idle();
    tpps_check(scene_stats(pool).thread_cap_reached == reached);
    scene_maximum(pool, 4);
    scene_await(ARRIVED, 4);
    tpps_sleep(100 * MS);
    check_idle();
    scene_maximum(pool, 5);
    scene_await(ARRIVED, 5);
    tpps_check(scene_stats(pool).threads == 5);
    scene_add(OPEN, 1);
    scene_finish(work);
    scene_close_pool(pool);
}

/* ---- many pools, and pools that go ----------------------------------------------------------- */

SCENE(gate__many_pools_are_watched_at_once)
{
    enum { POOLS = 4 };
    tp_pool_t *pool[POOLS];
    tp_work_t *work[POOLS];
    for (int i = 0; i < POOLS; i++) {
        pool[i] = scene_pool(0, 3);
        work[i] = scene_pool_work(pool[i], meet, SCENE_WORD(3 * POOLS));
    }
    for (int i = 0; i < POOLS; i++)
        scene_submit(work[i], 3);
    for (int i = 0; i < POOLS; i++)
        scene_finish(work[i]);
    for (int i = 0; i < POOLS; i++)
        scene_close_pool(pool[i]);
    tpps_check(!scene_complete() || scene_value(ARRIVED) == 3 * POOLS);
}

static void open_at_a_look(void *looks)
{
    tpps_sleep((int64_t)(uintptr_t)looks * 4 * MS);
    scene_add(OPEN, 1);
}

/* The pool ends in the moment in which the gate looks at it, and its slot is used again. */
static void end_at_a_look(uint32_t looks)
{
    tp_pool_t *pool = scene_pool_idle(0, 4, MS);
    tp_work_t *work = scene_pool_work(pool, block, NULL);
    scene_submit(work, 5);
    scene_close_pool(pool);
    tpps_thread opener = tpps_spawn(open_at_a_look, SCENE_WORD(looks));
    scene_finish(work);
    pool = scene_pool(0, 2);
    work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    scene_submit(work, 3);
    tpps_join(opener);
    scene_finish(work);
    tpps_check(!work || scene_value(RAN) == 3);
    scene_close_pool(pool);
}

SCENE(gate__pool_ends_at_the_first_look)
{
    end_at_a_look(1);
}

SCENE(gate__pool_ends_at_the_third_look)
{
    end_at_a_look(3);
}

static void cancel_at_a_look(void *work)
{
    tpps_sleep(8 * MS);
    scene_cancel(work);
    scene_close(work);
}

/* What waited is dropped, and the pool closed, by another thread in the middle of a look. */
SCENE(gate__pool_is_closed_and_emptied_by_others_at_a_look)
{
    tp_pool_t *pool = scene_pool(0, 4);
    tp_work_t *blocked = scene_pool_work(pool, block, NULL);
    tp_work_t *queued = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    scene_submit(blocked, 1);
    scene_submit(queued, 6);
    tpps_thread canceller = tpps_spawn(cancel_at_a_look, queued);
    tpps_thread opener = tpps_spawn(open_at_a_look, SCENE_WORD(2));
    tpps_sleep(8 * MS);
    scene_close_pool(pool);
    scene_finish(blocked);
    tpps_join(canceller);
    tpps_join(opener);
}

/* One after another, each in the slot of the one before, watched and gone. */
SCENE(gate__watched_pools_follow_each_other)
{
    for (int i = 0; i < 3; i++) {
        tp_pool_t *pool = scene_pool_idle(0, 3, MS);
        tp_work_t *work = scene_pool_work(pool, nap, SCENE_WORD(4));
        scene_submit(work, 3);
        scene_close_pool(pool);
        scene_finish(work);
    }
    uint64_t rests = oracle_rests();
    tpps_sleep(SECOND);
    tpps_check(oracle_rests() - rests <= 8); /* none is left to be looked at */
}

/* ---- limits that change ---------------------------------------------------------------------- */

static void move_limits(void *pool)
{
    tpps_sleep(4 * MS);
    scene_maximum(pool, 1);
    scene_minimum(pool, 2);
    scene_maximum(pool, 3);
}

SCENE(gate__r38_limits_change_while_it_adds)
{
    tp_pool_t *pool = scene_pool(0, 4);
    tp_work_t *work = scene_pool_work(pool, block, NULL);
    scene_submit(work, 6);
    tpps_thread a = tpps_spawn(move_limits, pool);
    tpps_thread b = tpps_spawn(open_at_a_look, SCENE_WORD(4));
    tpps_sleep(8 * MS);
    scene_maximum(pool, 2);
    tpps_join(a);
    tpps_join(b);
    scene_finish(work);
    tpps_check(!work || scene_value(ARRIVED) == 6);
    scene_close_pool(pool);
}

/* ---- threads that fail to come --------------------------------------------------------------- */

/* The system refuses threads, once or for ever. In the first case all get in; in the second the
 * gate tries again, less and less often, and nothing is lost. */
SCENE(gate__r19_refused_threads_are_tried_again)
{
    tp_pool_t *pool = scene_pool(0, 4);
    tp_work_t *work = scene_pool_work(pool, block, NULL);
    scene_submit(work, 2);
    scene_submit(work, 2);
    bool all = !work || scene_await_for(ARRIVED, 4, 3 * SECOND);
    uint64_t failures = scene_stats(pool).thread_create_failures;
    tpps_check(all || scene_sweeps());
    tpps_check(all || failures >= 2); /* more than one was refused: all are */
    tpps_check(failures <= 60);
    scene_add(OPEN, 1);
    scene_finish(work);
    tpps_check(!work || scene_value(ARRIVED) == 4);
    scene_close_pool(pool);
}

/* Numbers and times are exact only if every look sees what is. */
#define MEASURES .no_early = true, .no_faults = true, .no_weak = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(gate__c006_four_meet_on_one_processor), .cpus = 1, .no_early = true,
     .no_faults = true},
    {SCENE_ROW(gate__c006_twelve_meet_on_two_processors), .cpus = 2, .no_early = true,
     .no_faults = true},
    {SCENE_ROW(gate__c006_thirty_meet), .no_early = true, .no_faults = true},
    {SCENE_ROW(gate__c006_four_objects_of_four_posters_meet), .no_faults = true},
    {SCENE_ROW(gate__c006_posts_of_a_blocked_worker_meet), .no_faults = true},
    {SCENE_ROW(gate__c007_three_meet_once_the_maximum_is_three), MEASURES},
    {SCENE_ROW(gate__steps_double_while_all_block), .cpus = 2, MEASURES},
    {SCENE_ROW(gate__one_blocked_of_two_lets_one_more_in), .cpus = 2, MEASURES},
    {SCENE_ROW(gate__hogs_let_one_more_in_after_500_ms_then_after_twice_as_long), .cpus = 2,
     MEASURES},
    {SCENE_ROW(gate__hogs_of_the_next_time_are_known_as_soon), .cpus = 2, MEASURES},
    {SCENE_ROW(gate__no_thread_is_added_while_work_moves), .cpus = 2, MEASURES},
    {SCENE_ROW(gate__c006_six_meet_with_hidden_thread_states), .no_early = true, .no_faults = true},
    {SCENE_ROW(gate__hogs_are_known_with_hidden_thread_states), .cpus = 2, MEASURES},
    {SCENE_ROW(gate__nothing_happens_once_nothing_waits), .no_early = true, .no_faults = true},
    {SCENE_ROW(gate__nothing_happens_once_the_maximum_is_reached), MEASURES},
    {SCENE_ROW(gate__many_pools_are_watched_at_once), .no_faults = true},
    {SCENE_ROW(gate__pool_ends_at_the_first_look)},
    {SCENE_ROW(gate__pool_ends_at_the_third_look)},
    {SCENE_ROW(gate__pool_is_closed_and_emptied_by_others_at_a_look)},
    {SCENE_ROW(gate__watched_pools_follow_each_other)},
    {SCENE_ROW(gate__r38_limits_change_while_it_adds)},
    {SCENE_ROW(gate__r19_refused_threads_are_tried_again), .no_early = true},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
