/* wait_poll_scenarios.c - who looks at the descriptors: whatever happens to him, none is forgotten.
 *
 * Time passes only while everybody sleeps, so a callback comes when its descriptor is ready, but
 * for moments in which somebody spins, and the gate's grace where who looked has gone to run
 * another. */
#include "tests/scenario/scene_file.h"

enum { A, B, C, D, RAN, OPEN };

/* The gate looks after its grace; if the worker has looked meanwhile, after another one. */
#define ALONE (8 * MS + SCENE_SPIN)

/* ---- an idle pool ---------------------------------------------------------------------------- */

static void idle_pool(tp_pool_t *pool)
{
    scene_fds_open(3);
    for (uint32_t i = 0; i < 3; i++) {
        scene_reader(i, pool, 8);
        scene_listen(i, POLLIN);
        if (tpps_choose(2))
            tpps_sleep((int64_t)tpps_choose(2) * MS);
    }
    /* One worker was asleep and another may take the role: the gate has to look after that. */
    for (uint32_t round = 0; round < 2; round++) {
        int64_t since = tpps_now();
        for (uint32_t i = 0; i < 3; i++)
            scene_ready(i);
        for (uint32_t i = 0; i < 3; i++)
            scene_in_time(i, round, since, SCENE_GRACE);
        tpps_sleep((int64_t)tpps_choose(3) * 5 * MS);
    }
    scene_files_end(pool, 3);
}

SCENE(wait_poll__a_one_idle_worker)
{
    idle_pool(scene_settled(0, 1));
}

SCENE(wait_poll__a_two_idle_workers)
{
    idle_pool(scene_settled(2, 2));
}

SCENE(wait_poll__a_a_new_pool)
{
    idle_pool(scene_pool(0, 2));
}

/* Whoever sleeps in the poller is told at once. */
SCENE(wait_poll__a_the_sleeper_needs_no_grace)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(1);
    scene_reader(A, pool, 3);
    scene_listen(A, POLLIN);
    for (uint32_t i = 0; i < 3; i++) {
        tpps_sleep(10 * MS); /* somebody has taken the role */
        scene_ready_in_time(A, i, SCENE_SPIN);
    }
    scene_files_end(pool, 1);
}

/* Nothing is ready, nothing happens; not even when a wait has been told and armed again. */
SCENE(wait_poll__a_idle_rest)
{
    tp_pool_t *pool = scene_small_pool();
    tpps_hide_watch(tpps_choose(2));
    scene_fds_open(2);
    scene_reader(A, pool, 9);
    scene_reader(B, pool, 9);
    scene_listen(A, POLLIN);
    scene_listen_for(B, POLLIN, TP_INFINITE);
    for (uint32_t round = 0; round < 2; round++) {
        tpps_sleep(120 * SECOND); /* those who may retire do, and the gate has looked */
        uint64_t rests = oracle_rests(), told = tpps_events_told();
        tpps_sleep(100 * HOUR);
        tpps_check(oracle_rests() - rests <= 1 && tpps_events_told() == told);
        scene_write(A, 2);
    }
    scene_files_end(pool, 2);
}

/* ---- the sleeper in the poller is woken for other things ------------------------------------- */

static void submit_some(void *work)
{
    for (int i = 0; i < 4; i++) {
        scene_submit(work, 1);
        if (tpps_choose(2))
            tpps_sleep((int64_t)tpps_choose(3) * US);
    }
}

/* Work comes while he is about to sleep, sleeps, is being woken by readiness, and by others. */
static void work_and_files(tp_pool_t *pool)
{
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    scene_fds_open(2);
    for (uint32_t i = 0; i < 2; i++) {
        scene_reader(i, pool, 8);
        if (tpps_choose(2))
            scene_be_late(i);
        scene_listen(i, POLLIN);
    }
    tpps_thread one = tpps_spawn(submit_some, work), other = tpps_spawn(submit_some, work);
    for (uint32_t i = 0; i < 4; i++) {
        scene_ready(i % 2);
        if (tpps_choose(2))
            tpps_sleep((int64_t)tpps_choose(3) * US);
    }
    tpps_join(one);
    tpps_join(other);
    if (work)
        scene_await(RAN, 8);
    scene_await_dry(A);
    scene_await_dry(B);
    scene_finish(work);
    scene_files_end(pool, 2);
}

SCENE(wait_poll__b_work_wakes_the_only_worker)
{
    work_and_files(scene_settled(0, 1));
}

SCENE(wait_poll__b_work_wakes_one_of_two)
{
    work_and_files(scene_settled(2, 2));
}

SCENE(wait_poll__b_work_wakes_one_of_three)
{
    work_and_files(scene_settled(3, 3));
}

/* Timers that get earlier and later; all of them and the descriptors are in time. */
SCENE(wait_poll__b_timers_and_descriptors)
{
    tp_pool_t *pool = scene_small_pool();
    tp_timer_t *timer = scene_ticker(pool, C), *far = scene_ticker(pool, D);
    scene_fds_open(2);
    for (uint32_t i = 0; i < 2; i++) {
        scene_reader(i, pool, 8);
        if (i == 0 || tpps_choose(2))
            scene_listen(i, POLLIN);
    }
    tpps_sleep(MS);
    int64_t began = tpps_now();
    scene_timer_in(far, 30 * MS);
    tpps_sleep((int64_t)tpps_choose(3) * MS);
    int64_t due = tpps_now() + 3 * MS;
    scene_timer_in(timer, 3 * MS);
    scene_until(due - 1 + (int64_t)tpps_choose(3));
    int64_t since = tpps_now();
    scene_ready(A);
    scene_in_time(A, 0, since, SCENE_GRACE);
    scene_until(began + 40 * MS);
    if (scene_complete()) {
        scene_check_ticks(C, 1, due, 0, SCENE_GRACE);
        scene_check_ticks(D, 1, began + 30 * MS, 0, SCENE_SPIN);
    }
    scene_listen(B, POLLIN);
    tpps_sleep(10 * MS);
    scene_ready_in_time(B, 0, SCENE_SPIN);
    scene_timer_finish(timer);
    scene_timer_finish(far);
    scene_files_end(pool, 2);
}

/* A periodic timer and a descriptor keep the only worker's sleeps short. */
SCENE(wait_poll__b_periodic_timer_and_descriptor)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_ticker(pool, C);
    scene_fds_open(1);
    scene_reader(A, pool, 20);
    scene_listen(A, POLLIN);
    tpps_sleep(MS);
    int64_t began = tpps_now();
    scene_timer_every(timer, MS);
    for (uint32_t i = 0; i < 8; i++) {
        scene_until(began + (2 + (int64_t)i) * MS + (int64_t)tpps_choose(3) - 1);
        scene_ready_in_time(A, i, SCENE_GRACE);
    }
    if (scene_complete())
        scene_await(C, 12);
    for (uint32_t i = 0; i < 12 && scene_complete(); i++) {
        int64_t after = scene_tick_at(C, i) - began - (1 + (int64_t)i) * MS;
        tpps_check(after >= 0 && after <= SCENE_GRACE);
    }
    scene_timer_finish(timer);
    scene_files_end(pool, 1);
}

/* ---- sources come and go --------------------------------------------------------------------- */

/* The first one comes while the driver sleeps on his word, for a timer's sake. */
SCENE(wait_poll__c_first_source_while_the_driver_sleeps)
{
    tp_pool_t *pool = scene_small_pool();
    tp_timer_t *timer = scene_ticker(pool, C);
    scene_fds_open(1);
    scene_reader(A, pool, 4);
    tpps_sleep(MS);
    int64_t began = tpps_now();
    scene_timer_in(timer, 100 * MS);
    if (tpps_choose(2))
        tpps_sleep(MS);
    scene_listen(A, POLLIN);
    if (tpps_choose(2))
        tpps_sleep(MS);
    scene_ready_in_time(A, 0, SCENE_GRACE);
    tpps_sleep(10 * MS);
    scene_ready_in_time(A, 1, SCENE_SPIN);
    scene_until(began + 110 * MS);
    if (scene_complete())
        scene_check_ticks(C, 1, began + 100 * MS, 0, SCENE_SPIN);
    scene_timer_finish(timer);
    scene_files_end(pool, 1);
}

/* The last one goes, and another comes: by others, at once. */
static void come_and_go(void *number)
{
    uint32_t which = (uint32_t)(uintptr_t)number;
    for (int i = 0; i < 3; i++) {
        scene_listen(which, POLLIN);
        if (tpps_choose(2))
            tpps_sleep((int64_t)tpps_choose(2) * US);
        scene_disarm(which);
    }
}

SCENE(wait_poll__c_last_source_goes_and_another_comes)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(3);
    for (uint32_t i = 0; i < 3; i++)
        scene_reader(i, pool, i == C ? 4 : 0);
    tpps_thread one = tpps_spawn(come_and_go, SCENE_WORD(A));
    tpps_thread other = tpps_spawn(come_and_go, SCENE_WORD(B));
    scene_listen(C, POLLIN);
    scene_write(C, 1);
    tpps_join(one);
    tpps_join(other);
    scene_write(C, 1);
    if (tpps_choose(2))
        scene_disarm(C);
    for (uint32_t i = 0; i < 2; i++) {
        scene_listen(i, POLLIN);
        scene_write(i, 1);
    }
    tpps_sleep(20 * MS);
    scene_disarm(C);
    scene_disarm(A);
    scene_disarm(B);
    uint64_t rests = oracle_rests();
    tpps_sleep(60 * SECOND);
    rests = oracle_rests();
    tpps_sleep(100 * HOUR); /* the poller is empty */
    tpps_check(oracle_rests() - rests <= 1);
    scene_files_end(pool, 3);
}

/* Only signals and never-ending waits: the same without a descriptor of the application. */
SCENE(wait_poll__c_several_pools_begin_to_listen)
{
    tp_pool_t *pools[2] = {scene_settled(0, 1), scene_settled(0, 2)};
    scene_fds_open(4);
    for (uint32_t i = 0; i < 4; i++) {
        scene_reader(i, pools[i % 2], 2);
        scene_listen(i, POLLIN);
    }
    for (uint32_t i = 0; i < 4; i++)
        scene_ready_in_time(i, 0, SCENE_GRACE);
    for (uint32_t i = 0; i < 4; i++)
        scene_file_finish(i);
    scene_fds_close(4);
    scene_close_pool(pools[0]);
    scene_close_pool(pools[1]);
}

/* ---- the only worker is busy: the gate looks ------------------------------------------------- */

/* What becomes ready meanwhile is posted, and runs once the worker is back. */
static void posted_meanwhile(tp_work_fn function, bool hidden)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tpps_hide_watch(hidden);
    scene_fds_open(2);
    scene_reader(A, pool, 0);
    scene_reader(B, pool, 0);
    bool before = tpps_choose(2);
    if (before)
        scene_listen(A, POLLIN);
    if (tpps_choose(2))
        tpps_sleep(MS);
    tp_work_t *work = scene_start(pool, function, 200000);
    int64_t began = tpps_now();
    scene_listen(B, POLLIN);
    if (!before)
        scene_listen(A, POLLIN);
    if (scene_complete())
        tpps_check(scene_stats(pool).waits_armed == 2);
    scene_ready(A);
    tpps_sleep(hidden || scene_sweeps() ? SCENE_UNWATCHED : ALONE);
    tpps_check(!scene_complete() || scene_stats(pool).waits_armed == 1);
    scene_until(began + 80 * MS);
    scene_ready(B);
    /* By now the poller tells it, if it could be watched. */
    tpps_sleep(hidden || scene_sweeps() ? SCENE_UNWATCHED : SCENE_SPIN);
    tpps_check(!scene_complete() || scene_stats(pool).waits_armed == 0);
    tpps_check(scene_hits(A) + scene_hits(B) == 0);
    scene_finish(work);
    scene_await_read(A, 1);
    scene_await_read(B, 1);
    scene_files_end(pool, 2);
}

SCENE(wait_poll__d_only_worker_computes)
{
    posted_meanwhile(scene_compute, false);
}

SCENE(wait_poll__d_only_worker_sleeps)
{
    posted_meanwhile(scene_nap, false);
}

SCENE(wait_poll__d_only_worker_sleeps_and_pollers_cannot_be_watched)
{
    posted_meanwhile(scene_nap, true);
}

static void block(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_add(SCENE_STARTED, 1);
    scene_await(OPEN, 1);
}

/* The gate does not look again and again where nothing happens: the poller tells it. */
SCENE(wait_poll__d_nobody_looks_while_the_worker_blocks)
{
    tp_pool_t *pool = scene_settled(0, 1);
    scene_fds_open(2);
    scene_reader(A, pool, 0);
    scene_reader(B, pool, 0);
    scene_listen(A, POLLIN);
    scene_listen(B, POLLIN);
    tp_work_t *work = scene_start(pool, block, 0);
    tpps_sleep(50 * MS);
    /* Where the poller cannot be watched somebody looks all the time. */
    int64_t long_time = scene_sweeps() ? SECOND : 10 * SECOND;
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t rests = oracle_rests();
        tpps_sleep(long_time);
        tpps_check(oracle_rests() - rests <= 3 || scene_sweeps());
        scene_ready(i);
        tpps_sleep(scene_sweeps() ? SCENE_UNWATCHED : SCENE_SPIN);
        tpps_check(!scene_complete() || scene_stats(pool).waits_armed == 1 - i);
        rests = oracle_rests();
        tpps_sleep(long_time); /* nor because nobody has read what was posted */
        tpps_check(oracle_rests() - rests <= 3 || scene_sweeps());
    }
    tpps_check(tpps_events_told() <= SCENE_SILENCE);
    scene_add(OPEN, 1);
    scene_finish(work);
    scene_await_read(A, 1);
    scene_await_read(B, 1);
    scene_files_end(pool, 2);
}

/* A callback takes its time before it reads: nobody spins on what it has not read. */
static void read_slowly(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                        tp_wait_result_t result)
{
    tpps_sleep(SECOND);
    scene_read(instance, context, wait, result);
}

SCENE(wait_poll__d_slow_reader)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(1);
    scene_reader_calls(A, pool, 0, read_slowly);
    for (uint32_t i = 1; i <= 2; i++) {
        uint64_t told = tpps_events_told(), rests = oracle_rests();
        scene_listen(A, POLLIN);
        scene_ready(A);
        scene_await_read(A, i);
        tpps_check(tpps_events_told() - told <= SCENE_SILENCE);
        tpps_check(oracle_rests() - rests <= 20 || scene_sweeps());
    }
    scene_files_end(pool, 1);
}

/* Short callbacks follow each other without a pause: the worker looks between them. */
static void go_on(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    tpps_busy(500 * US);
    scene_add(RAN, 1);
    if (tpps_now() < (int64_t)(uintptr_t)context)
        scene_submit(work, 1);
}

SCENE(wait_poll__d_only_worker_is_never_idle)
{
    tp_pool_t *pool = scene_settled(0, 1);
    int64_t began = tpps_now();
    tp_work_t *work = scene_pool_work(pool, go_on, (void *)(uintptr_t)(began + 50 * MS));
    scene_fds_open(1);
    scene_reader(A, pool, 8);
    scene_listen(A, POLLIN);
    scene_submit(work, 1);
    for (uint32_t i = 0; i < 3; i++) {
        scene_until(began + (3 + 10 * (int64_t)i) * MS);
        scene_ready_in_time(A, i, SCENE_UNWATCHED); /* some looks are for nothing */
    }
    scene_finish(work);
    scene_files_end(pool, 1);
}

/* ---- one is busy, another is not ------------------------------------------------------------- */

/* The one that sleeps in the poller takes a callback: another takes its place. */
static void one_of_two(tp_work_fn function)
{
    tp_pool_t *pool = scene_settled(2, 2);
    scene_fds_open(1);
    scene_reader(A, pool, 8);
    scene_listen(A, POLLIN);
    if (tpps_choose(2))
        tpps_sleep(MS);
    tp_work_t *work = scene_start(pool, function, 50000);
    scene_ready_in_time(A, 0, SCENE_GRACE);
    scene_ready_in_time(A, 1, SCENE_GRACE);
    tpps_sleep(10 * MS);
    scene_ready_in_time(A, 2, SCENE_SPIN);
    scene_finish(work);
    scene_files_end(pool, 1);
}

SCENE(wait_poll__e_one_of_two_computes)
{
    one_of_two(scene_compute);
}

SCENE(wait_poll__e_one_of_two_sleeps)
{
    one_of_two(scene_nap);
}

/* The callback of a descriptor itself blocks: the other descriptors have another thread. */
static void read_and_block(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                           tp_wait_result_t result)
{
    scene_read(instance, context, wait, result);
    scene_await(OPEN, 1);
}

SCENE(wait_poll__e_callback_of_a_descriptor_blocks)
{
    tp_pool_t *pool = scene_settled(0, 2);
    scene_fds_open(2);
    scene_reader_calls(A, pool, 0, read_and_block);
    scene_reader(B, pool, 2);
    scene_listen(A, POLLIN);
    scene_listen(B, POLLIN);
    scene_write(A, 1);
    tpps_sleep((int64_t)tpps_choose(2) * 20 * MS);
    scene_write(B, 2); /* the gate adds a thread, if there is none */
    scene_add(OPEN, 1);
    scene_files_end(pool, 2);
}

/* A pool of one: the others are posted, and run when it is over. */
SCENE(wait_poll__e_only_thread_blocks_in_a_descriptors_callback)
{
    tp_pool_t *pool = scene_settled(0, 1);
    scene_fds_open(3);
    scene_reader_calls(A, pool, 0, read_and_block);
    scene_reader(B, pool, 0);
    scene_reader(C, pool, 0);
    for (uint32_t i = 0; i < 3; i++)
        scene_listen(i, POLLIN);
    scene_write(A, 1);
    scene_ready(B);
    tpps_sleep(100 * MS);
    scene_ready(C);
    tpps_sleep(100 * MS);
    tpps_check(!scene_complete() || scene_hits(B) + scene_hits(C) == 0);
    tpps_check(!scene_complete() || scene_stats(pool).waits_armed == 0);
    scene_add(OPEN, 1);
    scene_await_read(B, 1);
    scene_await_read(C, 1);
    scene_files_end(pool, 3);
}

/* ---- threads leave --------------------------------------------------------------------------- */

/* With a short idle timeout the pool's threads come and go; somebody looks all the while. */
SCENE(wait_poll__f_idle_workers_retire)
{
    tp_pool_t *pool = scene_pool_idle(0, 2, MS);
    tp_work_t *work = scene_pool_work(pool, scene_nap, SCENE_WORD(1));
    scene_fds_open(1);
    scene_reader(A, pool, 8);
    scene_listen(A, POLLIN);
    for (uint32_t i = 0; i < 3; i++) {
        scene_submit(work, 2);
        scene_wait(work);
        tpps_sleep(MS - 1 + (int64_t)tpps_choose(3));
        scene_ready_in_time(A, i, SCENE_GRACE);
    }
    scene_close(work);
    tpps_sleep(20 * MS);
    scene_ready_in_time(A, 3, SCENE_SPIN);
    scene_files_end(pool, 1);
}

SCENE(wait_poll__f_surplus_worker_is_sent_away)
{
    tp_pool_t *pool = scene_settled(2, 2);
    scene_fds_open(1);
    scene_reader(A, pool, 8);
    scene_listen(A, POLLIN);
    tpps_sleep((int64_t)tpps_choose(2) * MS);
    scene_minimum(pool, 1);
    scene_maximum(pool, 1);
    scene_ready_in_time(A, 0, SCENE_GRACE);
    tpps_sleep(10 * MS);
    scene_ready_in_time(A, 1, SCENE_SPIN);
    scene_files_end(pool, 1);
}

/* He who is sent away has just been told of what is told of once only: somebody who set his wait
 * again too late is told so. */
static void lower_maximum(void *pool)
{
    scene_maximum(pool, 1);
}

SCENE(wait_poll__f_worker_is_sent_away_with_events)
{
    tp_pool_t *pool = scene_pool(0, 3);
    tp_work_t *work = scene_pool_work(pool, scene_nap, SCENE_WORD(100));
    scene_submit(work, 3);
    scene_finish(work);
    scene_fds_open(2);
    for (uint32_t i = 0; i < 2; i++) {
        scene_reader(i, pool, 0);
        scene_be_late(i);
        scene_listen(i, POLLIN);
    }
    tpps_sleep((int64_t)tpps_choose(2) * 10 * MS);
    tpps_thread other = tpps_spawn(lower_maximum, pool);
    for (uint32_t i = 0; i < 2; i++)
        scene_ready(i);
    tpps_join(other);
    scene_await_dry(A);
    scene_await_dry(B);
    scene_files_end(pool, 2);
}

/* The thread that looks is lost in a callback, of work or of a descriptor. */
SCENE(wait_poll__f_worker_is_lost)
{
    tp_pool_t *pool = scene_small_pool();
    tp_work_t *work = scene_pool_work(pool, scene_exit_thread, NULL);
    scene_fds_open(1);
    scene_reader(A, pool, 8);
    scene_listen(A, POLLIN);
    tpps_sleep((int64_t)tpps_choose(2) * MS);
    scene_submit(work, 1);
    scene_ready_in_time(A, 0, SCENE_GRACE + 10 * MS);
    tpps_sleep(20 * MS);
    scene_ready_in_time(A, 1, SCENE_SPIN);
    scene_finish(work);
    scene_files_end(pool, 1);
}

static void read_and_exit(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                          tp_wait_result_t result)
{
    scene_read(instance, context, wait, result);
    tpps_thread_exit();
}

SCENE(wait_poll__f_worker_is_lost_in_a_descriptors_callback)
{
    tp_pool_t *pool = scene_small_pool();
    scene_fds_open(2);
    scene_reader_calls(A, pool, 2, read_and_exit);
    scene_reader(B, pool, 2);
    scene_listen(A, POLLIN);
    scene_listen(B, POLLIN);
    scene_ready(B);
    scene_write(A, 2);
    scene_await_dry(B);
    scene_write(B, 1);
    scene_files_end(pool, 2);
}

/* Exact only if no deadline passes early. */
#define EXACT .no_early = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(wait_poll__a_one_idle_worker), EXACT},
    {SCENE_ROW(wait_poll__a_two_idle_workers), EXACT},
    {SCENE_ROW(wait_poll__a_a_new_pool), EXACT},
    {SCENE_ROW(wait_poll__a_the_sleeper_needs_no_grace), EXACT},
    {SCENE_ROW(wait_poll__a_idle_rest), EXACT},
    {SCENE_ROW(wait_poll__b_work_wakes_the_only_worker)},
    {SCENE_ROW(wait_poll__b_work_wakes_one_of_two)},
    {SCENE_ROW(wait_poll__b_work_wakes_one_of_three)},
    {SCENE_ROW(wait_poll__b_timers_and_descriptors), EXACT},
    {SCENE_ROW(wait_poll__b_periodic_timer_and_descriptor), EXACT},
    {SCENE_ROW(wait_poll__c_first_source_while_the_driver_sleeps), EXACT},
    {SCENE_ROW(wait_poll__c_last_source_goes_and_another_comes), EXACT},
    {SCENE_ROW(wait_poll__c_several_pools_begin_to_listen), EXACT},
    {SCENE_ROW(wait_poll__d_only_worker_computes), EXACT},
    {SCENE_ROW(wait_poll__d_only_worker_sleeps), EXACT},
    {SCENE_ROW(wait_poll__d_only_worker_sleeps_and_pollers_cannot_be_watched), EXACT},
    {SCENE_ROW(wait_poll__d_nobody_looks_while_the_worker_blocks), EXACT},
    {SCENE_ROW(wait_poll__d_slow_reader), EXACT},
    {SCENE_ROW(wait_poll__d_only_worker_is_never_idle), EXACT},
    {SCENE_ROW(wait_poll__e_one_of_two_computes), EXACT},
    {SCENE_ROW(wait_poll__e_one_of_two_sleeps), EXACT},
    {SCENE_ROW(wait_poll__e_callback_of_a_descriptor_blocks), .no_faults = true},
    {SCENE_ROW(wait_poll__e_only_thread_blocks_in_a_descriptors_callback), EXACT},
    {SCENE_ROW(wait_poll__f_idle_workers_retire), EXACT},
    {SCENE_ROW(wait_poll__f_surplus_worker_is_sent_away), EXACT},
    {SCENE_ROW(wait_poll__f_worker_is_sent_away_with_events)},
    {SCENE_ROW(wait_poll__f_worker_is_lost), EXACT, .no_faults = true},
    {SCENE_ROW(wait_poll__f_worker_is_lost_in_a_descriptors_callback), .no_faults = true},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
