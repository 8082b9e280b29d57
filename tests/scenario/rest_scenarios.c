/* rest_scenarios.c - small promises that no other theme is about: whose turn it is, how soon, and
 * lives one after another. */
#include "tests/scenario/scene_io.h"

enum { A, B, STAYS, GO, RAN, INSIDE };

/* Keeps its thread until GO. */
static void stay(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(STAYS, 1);
    scene_await(GO, 1);
}

/* A pool of so many threads and one more, all of which but that one are kept until GO. */
static tp_work_t *keep_all_but_one(tp_pool_t *pool, uint32_t count)
{
    tp_work_t *work = scene_pool_work(pool, stay, NULL);
    scene_submit(work, count);
    scene_await(STAYS, count);
    return work;
}

static void let_go(tp_work_t *kept)
{
    scene_add(GO, 1);
    scene_finish(kept);
}

/* ---- whose turn it is ------------------------------------------------------------------------ */

static tp_work_t *row, *leaf;

/* Posts the leaf once a row of posts waits in the shared queue. */
static void post_leaf(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(INSIDE, 1);
    scene_await(A, 1);
    scene_submit(leaf, 1);
}

static void note_row(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(B, scene_value(RAN));
}

/* The shared queue comes first now and then, and not from then on each time. */
SCENE(rest__own_tickets_have_their_turn)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *kept = keep_all_but_one(pool, 1);
    tp_work_t *warm = scene_pool_work(pool, scene_count, SCENE_WORD(STAYS));
    row = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    leaf = scene_pool_work(pool, note_row, NULL);
    tp_work_t *root = scene_pool_work(pool, post_leaf, NULL);
    for (uint32_t i = 0; i < 5; i++) {
        scene_submit(warm, 1);
        scene_wait(warm);
    }
    scene_submit(root, 1);
    scene_await(INSIDE, 1);
    scene_submit(row, 20);
    scene_add(A, 1);
    scene_finish(root);
    scene_finish(leaf);
    tpps_check(scene_value(B) <= 3);
    scene_finish(row);
    scene_finish(warm);
    let_go(kept);
    scene_close_pool(pool);
}

static void note_told(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(B, 1 + scene_io_told(A));
}

/* What was posted at HIGH during an operation comes before that one's callback. */
SCENE(rest__an_operation_does_not_pass_high)
{
    tpps_forbid_rings(true);
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *kept = keep_all_but_one(pool, 1);
    tp_work_t *high = scene_work(
        note_told, NULL, &(struct scene_choice){.pool = pool, .priority_plus_one = SCENE_HIGH});
    scene_io_open(A, TPPS_REGULAR);
    scene_io_make(A, pool);
    scene_io_read(A, 0);
    tpps_sleep(MS / 2);
    scene_submit(high, 1);
    scene_finish(high);
    tpps_check(scene_value(B) == 1);
    scene_io_end(A);
    let_go(kept);
    scene_close_pool(pool);
}

static void one_at_a_time(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    bool late = scene_value(GO);
    scene_add(INSIDE, 1);
    tpps_check(!late || scene_value(INSIDE) == 1);
    tpps_sleep(MS);
    scene_add(INSIDE, UINT32_MAX);
}

/* A lowered maximum holds once what runs has ended, however much is queued. */
SCENE(rest__a_lowered_maximum_holds_while_there_is_work)
{
    tp_pool_t *pool = scene_pool(2, 2);
    tp_work_t *work = scene_pool_work(pool, one_at_a_time, NULL);
    scene_submit(work, 12);
    tpps_sleep(2 * MS);
    scene_maximum(pool, 1);
    tpps_sleep(2 * MS);
    scene_add(GO, 1);
    scene_finish(work);
    scene_close_pool(pool);
}

/* ---- how soon -------------------------------------------------------------------------------- */

/* A thread that waits for a device is missing, and another one takes its place at once. */
SCENE(rest__an_operation_that_waits_keeps_no_processor)
{
    tpps_forbid_rings(true);
    tp_pool_t *pool = scene_pool(0, 2);
    tp_work_t *work = scene_pool_work(pool, note_told, NULL);
    scene_io_open(A, TPPS_REGULAR);
    scene_io_make(A, pool);
    scene_io_read(A, 0);
    tpps_sleep(MS / 2);
    scene_submit(work, 1);
    scene_finish(work);
    tpps_check(scene_value(B) == 1);
    scene_io_end(A);
    scene_close_pool(pool);
}

static void meet(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(RAN, 1);
    scene_await(RAN, 2);
}

/* Who sleeps in the poller is idle for as long as the others may be. */
SCENE(rest__the_idle_timeout_holds_in_the_poller)
{
    tp_pool_t *pool = scene_pool_idle(0, 2, 80 * MS);
    tp_work_t *work = scene_pool_work(pool, meet, NULL);
    scene_io_open(A, TPPS_SOCKET);
    scene_io_make(A, pool);
    scene_submit(work, 2);
    scene_wait(work);
    tpps_sleep(40 * MS);
    tpps_check(scene_stats(pool).threads == 2);
    scene_finish(work);
    scene_io_end(A);
    scene_close_pool(pool);
}

/* A time of the wall clock that is past begins a grid: the next tick is the next of the grid. */
SCENE(rest__a_period_that_begins_in_the_past)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_ticker(pool, 0);
    int64_t began = tpps_now();
    scene_timer_set(timer, TP_CLOCK_REALTIME, tpp_now(TPP_CLOCK_REALTIME) - 5 * MS, 10 * MS, 0);
    scene_until(began + 20 * MS);
    if (timer) {
        tpps_check(scene_tick_at(0, 0) < began + MS);
        tpps_check(scene_tick_at(0, 1) >= began + 4 * MS && scene_tick_at(0, 1) < began + 6 * MS);
    }
    scene_timer_finish(timer);
    scene_close_pool(pool);
}

/* ---- lives, one after another ---------------------------------------------------------------- */

enum { LIVES = 12 };

static void nap(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpps_sleep(10 * MS);
}

/* A pool's time is its own, and not also that of those whose places it has. */
SCENE(rest__a_new_pool_has_not_been_busy)
{
    for (uint32_t life = 0; life < LIVES; life++) {
        tp_pool_t *pool = scene_pool(0, 1);
        tp_work_t *work = scene_pool_work(pool, nap, NULL);
        scene_submit(work, 1);
        scene_wait(work);
        tpps_sleep(MS); /* it is counted when the thread falls asleep */
        tpps_check(scene_stats(pool).run_ns_total < 15 * (uint64_t)MS);
        scene_finish(work);
        scene_close_pool(pool);
    }
}

/* Nor is its poller, or its ring, that of the one before. */
SCENE(rest__a_new_pool_has_its_own_poller)
{
    for (uint32_t life = 0; life < 4; life++) {
        tp_pool_t *pool = scene_pool(0, 1);
        scene_io_open(A, TPPS_SOCKET);
        scene_io_make(A, pool);
        scene_io_read(A, life);
        scene_io_serve(A, SCENE_IO_LENGTH);
        scene_io_end(A);
        scene_close_pool(pool);
    }
}

/* Neither a pool that is gone nor one with nothing to do keeps the gate from others. */
SCENE(rest__the_gate_comes_to_each_pool)
{
    tp_pool_t *gone = scene_driven(1), *other = scene_driven(1), *pool = scene_driven(1);
    int flag = -1;
    scene_close_pool(gone);
    scene_io_open(A, TPPS_SOCKET);
    scene_io_released(A, pool);
    uint32_t begun = scene_io_read(A, 0);
    if (pool && scene_resource(tp_pool_poll_fd(pool, &flag))) {
        tpps_sleep(MS);
        scene_io_serve(A, SCENE_IO_LENGTH);
        while (scene_io_told(A) < begun) {
            tpps_check(tpps_poll(flag, TPP_FOREVER));
            while (scene_io_drive(pool))
                ;
        }
    }
    scene_io_close(A);
    scene_io_await_release(A);
    scene_io_over(A);
    scene_close_pool(other);
    scene_close_pool(pool);
}

static void submit_one(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_io_read(A, 0);
}

static void land(void *unused)
{
    (void)unused;
    tpps_sleep(20 * MS);
    tpps_ring_hold(false);
}

/* Nobody runs a pool that is shut down: it is the gate that hears of the last request, which was
 * forgotten, and who shuts the pool down is told. */
SCENE(rest__a_shutdown_hears_of_the_last_forgotten_request)
{
    tp_pool_t *pool = scene_driven(1);
    tp_work_t *work = scene_pool_work(pool, submit_one, NULL);
    scene_io_open(A, TPPS_REGULAR);
    scene_io_released(A, pool);
    tpps_ring_hold(true);
    scene_submit(work, 1);
    if (work)
        tpps_check(scene_io_drive(pool));
    scene_finish(work);
    scene_io_may_drop(A);
    tpps_thread other = tpps_spawn(land, NULL);
    tpps_check(!pool || tp_pool_shutdown(pool, true, TP_INFINITE) == TP_OK);
    tpps_join(other);
    scene_io_close(A);
    scene_io_await_release(A);
    scene_io_over(A);
}

/* In a weak memory time alone brings no news. */
#define TIMED .no_early = true, .no_weak = true, .no_faults = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(rest__own_tickets_have_their_turn), .no_faults = true},
    {SCENE_ROW(rest__an_operation_does_not_pass_high), TIMED},
    {SCENE_ROW(rest__a_lowered_maximum_holds_while_there_is_work), TIMED},
    {SCENE_ROW(rest__an_operation_that_waits_keeps_no_processor), .cpus = 1, TIMED},
    {SCENE_ROW(rest__the_idle_timeout_holds_in_the_poller), TIMED},
    {SCENE_ROW(rest__a_period_that_begins_in_the_past), TIMED},
    {SCENE_ROW(rest__a_new_pool_has_not_been_busy), TIMED},
    {SCENE_ROW(rest__a_new_pool_has_its_own_poller), .no_faults = true},
    {SCENE_ROW(rest__the_gate_comes_to_each_pool), .no_faults = true},
    {SCENE_ROW(rest__a_shutdown_hears_of_the_last_forgotten_request), .no_faults = true},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
