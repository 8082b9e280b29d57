/* io_ring_scenarios.c - what waits for a device: the pool's ring, its surprises, and doing
 * without. */
#include "tests/scenario/scene_fork.h"
#include "tests/scenario/scene_io.h"

enum { A, B, DONE, GO, RAN };

static tp_pool_t *small_pool(void)
{
    uint32_t maximum = 1 + tpps_choose(2);
    return scene_settled(tpps_choose(2) ? maximum : 0, maximum);
}

static void perhaps_sleep(void)
{
    if (tpps_choose(2))
        tpps_sleep((int64_t)tpps_choose(3) * MS);
}

/* One file on a disk, whose object counts its release. */
static tp_pool_t *disk(void)
{
    tp_pool_t *pool = small_pool();
    scene_io_open(A, tpps_choose(2) ? TPPS_REGULAR : TPPS_DIRECT);
    scene_io_released(A, pool);
    return pool;
}

static void end(tp_pool_t *pool)
{
    scene_io_settle(pool);
    scene_io_wait(A);
    scene_io_close(A);
    scene_io_await_release(A);
    scene_io_over(A);
    scene_close_pool(pool);
    tpps_check(tpps_requests_queued() + tpps_requests_in_flight(-1) == 0);
}

static const uint32_t opcodes[] = {TP_IO_READ, TP_IO_WRITE, TP_IO_FSYNC, TP_IO_READ,
                                   TP_IO_FDATASYNC};

static uint32_t submit(uint32_t first, uint32_t count)
{
    uint32_t begun = 0;
    for (uint32_t i = first; i < first + count; i++)
        begun += scene_io_put(A, i, opcodes[i % 5]);
    return begun;
}

static void submit_within(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    uint32_t packed = (uint32_t)(uintptr_t)context;
    (void)instance;
    (void)work;
    scene_add(RAN, submit(packed / 100, packed % 100));
}

/* So many from a worker, from the first on. */
static tp_work_t *worker_submits(tp_pool_t *pool, uint32_t first, uint32_t count)
{
    tp_work_t *work = scene_pool_work(pool, submit_within, SCENE_WORD(100 * first + count));
    scene_submit(work, 1);
    return work;
}

static void finish(tp_work_t *work)
{
    if (work)
        scene_finish(work);
}

/* ---- the back end ---------------------------------------------------------------------------- */

static uint32_t backend_of(tp_pool_t *pool)
{
    return scene_stats(pool).io_backend;
}

/* Without a ring the pool's threads do what blocks; the rest is the same. */
SCENE(io_ring__without_one)
{
    if (tpps_choose(2))
        tpps_forbid_rings(true);
    else
        tpps_wish_ring(TP_IO_BACKEND_EPOLL);
    tp_pool_t *pool = disk();
    tp_work_t *work = worker_submits(pool, 0, 5);
    uint32_t begun = submit(5, 5);
    finish(work);
    scene_io_wait(A);
    tpps_check(scene_io_told(A) == begun + scene_latest(RAN));
    tpps_check(!scene_io_of(A) || backend_of(pool) == TP_IO_BACKEND_EPOLL);
    tpps_check(tpps_rings_open() == 0);
    end(pool);
}

SCENE(io_ring__demanded_and_not_there)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_maximum = 1;
    bool demanded = tpps_choose(2);
    if (demanded)
        config.io_backend = TP_IO_BACKEND_URING;
    else
        tpps_wish_ring(TP_IO_BACKEND_URING);
    tpps_forbid_rings(true);
    tp_pool_t *pool = scene_pool_config(&config);
    tp_env_t *env = scene_env(&(struct scene_choice){.pool = pool});
    tp_io_t *io = NULL;
    scene_io_open(A, TPPS_REGULAR);
    if (env) {
        tp_status_t status = tp_io_create(scene_io_fd(A), scene_io_hit, NULL, env, &io);
        tpps_check(!io && (status == TP_ERR_UNSUPPORTED || scene_sweeps()));
        tpps_check(tp_env_destroy(env) == TP_OK && backend_of(pool) == TP_IO_BACKEND_AUTO);
    }
    scene_io_over(A);
    scene_close_pool(pool);
}

/* Two objects at once make one ring. */
static void make_b(void *pool)
{
    scene_io_make(B, pool);
    scene_io_read(B, 20);
}

SCENE(io_ring__one_for_a_pool)
{
    tp_pool_t *pool = small_pool();
    scene_io_open(A, TPPS_REGULAR);
    scene_io_open(B, TPPS_REGULAR);
    tpps_thread other = tpps_spawn(make_b, pool);
    scene_io_released(A, pool);
    scene_io_read(A, 0);
    tpps_join(other);
    tpps_check(tpps_rings_open() <= 1);
    scene_io_wait(A);
    scene_io_end(B);
    end(pool);
}

/* ---- more than there is room for ------------------------------------------------------------- */

SCENE(io_ring__more_requests_than_places)
{
    tp_pool_t *pool = disk();
    tp_work_t *work = worker_submits(pool, 0, 12);
    uint32_t begun = submit(12, 6);
    finish(work);
    scene_io_wait(A);
    tpps_check(scene_io_told(A) == begun + scene_latest(RAN));
    end(pool);
}

static void begin_from_many(void *first)
{
    scene_add(RAN, submit((uint32_t)(uintptr_t)first, 4));
}

SCENE(io_ring__from_many_threads_and_workers)
{
    tp_pool_t *pool = disk();
    tpps_thread one = tpps_spawn(begin_from_many, SCENE_WORD(0));
    tp_work_t *work = worker_submits(pool, 8, 6);
    tpps_thread other = tpps_spawn(begin_from_many, SCENE_WORD(4));
    tp_work_t *second = worker_submits(pool, 16, 6);
    tpps_join(one);
    tpps_join(other);
    finish(work);
    finish(second);
    scene_io_wait(A);
    tpps_check(scene_io_told(A) == scene_latest(RAN));
    end(pool);
}

/* The system takes nothing for a while. */
SCENE(io_ring__the_system_takes_nothing_for_a_while)
{
    tp_pool_t *pool = disk();
    tpps_ring_refuse(true);
    tp_work_t *work = worker_submits(pool, 0, 1 + tpps_choose(7));
    uint32_t begun = submit(8, 2);
    if (tpps_choose(2)) {
        finish(work);
        work = NULL;
    }
    tpps_sleep((int64_t)tpps_choose(20) * MS);
    tpps_ring_refuse(false);
    finish(work);
    scene_io_wait(A);
    tpps_check(scene_io_told(A) == begun + scene_latest(RAN));
    end(pool);
}

/* All workers are busy when the system takes something again. */
SCENE(io_ring__refused_while_all_compute)
{
    tp_pool_t *pool = scene_settled(0, 1);
    scene_io_open(A, TPPS_REGULAR);
    scene_io_released(A, pool);
    tpps_ring_refuse(true);
    tp_work_t *work = worker_submits(pool, 0, 3);
    tp_work_t *busy = scene_start(pool, scene_compute, 20000);
    tpps_sleep(MS);
    tpps_ring_refuse(false);
    scene_io_wait(A);
    finish(work);
    finish(busy);
    end(pool);
}

/* ---- surprises ------------------------------------------------------------------------------- */

/* What the system ends of its own accord is begun anew, and told once. */
SCENE(io_ring__ended_by_the_system_itself)
{
    static const int32_t errors[] = {EINTR, ECANCELED, EAGAIN};
    tp_pool_t *pool = disk();
    tpps_ring_hold(true);
    finish(worker_submits(pool, 0, 3));
    for (uint32_t i = 0; i < 4 && scene_complete(); i++) {
        perhaps_sleep();
        if (tpps_requests_in_flight(-1) > 0)
            tpps_ring_complete(-1, 0, errors[tpps_choose(3)], 0);
    }
    tpps_ring_hold(false);
    scene_io_wait(A);
    tpps_check(scene_io_told(A) == scene_latest(RAN));
    for (uint32_t i = 0; i < 3; i++)
        tpps_check(scene_op_went(i, 0));
    end(pool);
}

SCENE(io_ring__errors_of_the_device)
{
    tp_pool_t *pool = disk();
    tpps_ring_hold(true);
    finish(worker_submits(pool, 0, 2));
    bool both = scene_complete() && scene_latest(RAN) == 2 && tpps_rings_open() > 0;
    while (both && tpps_requests_in_flight(-1) < 2)
        tpps_sleep(MS);
    if (both) {
        tpps_ring_complete(-1, 0, EIO, 0);
        tpps_ring_complete(-1, 0, ENOSPC, 0);
    }
    tpps_ring_hold(false);
    scene_io_wait(A);
    end(pool);
}

/* ---- aborting -------------------------------------------------------------------------------- */

static void abort_some(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 4; i++)
        scene_add(DONE, scene_io_abort(A, i));
}

/* An abort finds its operation on its way to the ring, in it, or done. */
SCENE(io_ring__aborted_at_any_time)
{
    tp_pool_t *pool = disk();
    tp_work_t *work = worker_submits(pool, 0, 4);
    uint32_t begun = submit(4, 2);
    perhaps_sleep();
    tpps_thread other = tpps_spawn(abort_some, NULL);
    abort_some(NULL);
    tpps_join(other);
    finish(work);
    scene_io_wait(A);
    tpps_check(scene_io_told(A) == begun + scene_latest(RAN));
    for (uint32_t i = 4; i < 6; i++)
        tpps_check(scene_op_went(i, 0));
    end(pool);
}

SCENE(io_ring__aborted_while_the_system_takes_nothing)
{
    tp_pool_t *pool = disk();
    tpps_ring_refuse(true);
    finish(worker_submits(pool, 0, 6));
    abort_some(NULL);
    tpps_sleep((int64_t)tpps_choose(4) * MS);
    tpps_ring_refuse(false);
    scene_io_wait(A);
    tpps_check(scene_io_told(A) == scene_latest(RAN));
    end(pool);
}

/* ---- forgetting ------------------------------------------------------------------------------ */

/* [R-30] [C-157] A device answers late, and keys are in use again. */
SCENE(io_ring__r30_forgotten_and_begun_anew)
{
    tp_pool_t *pool = disk();
    tpps_ring_hold(true);
    for (uint32_t i = 0; i < 3; i++)
        scene_io_put_as(A, i, 7 + i, TP_IO_READ);
    perhaps_sleep();
    scene_io_cancel(A);
    uint32_t before = scene_io_of(A) ? scene_io_told(A) : 0, begun = 0;
    tpps_check(before == 0 || tpps_rings_open() == 0);
    for (uint32_t i = 0; i < 3; i++)
        begun += scene_io_put_as(A, 3 + i, 7 + i, TP_IO_READ);
    perhaps_sleep();
    tpps_ring_hold(false);
    scene_io_wait(A);
    tpps_check(scene_io_told(A) == before + begun);
    end(pool);
}

/* [R-33] [C-160] The last completion of a closed object comes from the ring: a worker frees it. */
SCENE(io_ring__r33_the_last_holder_is_a_forgotten_request)
{
    tp_pool_t *pool = disk();
    tpps_ring_hold(true);
    uint32_t begun = submit(0, 3);
    bool work = tpps_choose(2);
    if (work)
        tpps_sleep(MS);
    scene_io_cancel(A);
    scene_io_close(A);
    perhaps_sleep();
    bool ring = tpps_rings_open() > 0;
    tpps_check(scene_io_releases(A) == 0 || begun == 0 || !ring);
    tpps_ring_hold(false);
    scene_io_await_release(A);
    tpps_check(scene_io_told(A) == 0 || !ring);
    scene_io_over(A);
    scene_close_pool(pool);
}

SCENE(io_ring__forgotten_beside_its_completion)
{
    tp_pool_t *pool = disk();
    tp_work_t *work = worker_submits(pool, 0, 5);
    perhaps_sleep();
    scene_io_drop(A);
    finish(work);
    if (tpps_choose(2))
        scene_io_drop(A);
    end(pool);
}

/* [C-180] The group goes, the requests remain, and the object with them. */
SCENE(io_ring__c180_a_group_forgets_requests)
{
    tp_pool_t *pool = small_pool();
    tp_cleanup_group_t *group = scene_group();
    scene_io_open(A, TPPS_REGULAR);
    if (group)
        scene_io_chosen(A, scene_io_hit,
                        &(struct scene_choice){.pool = pool,
                                               .group = group,
                                               .cancel = scene_count_cancel,
                                               .release = scene_count_release});
    bool hold = tpps_choose(2);
    tpps_ring_hold(hold);
    uint32_t begun = submit(0, 3);
    perhaps_sleep();
    scene_io_may_drop(A);
    if (group)
        tpps_check(tp_cleanup_group_close_members(group, true, NULL) == TP_OK);
    scene_io_hush(A);
    tpps_check(scene_io_cancels(A) == (scene_io_of(A) ? 1 : 0));
    tpps_check(!hold || begun == 0 || tpps_rings_open() == 0 || scene_io_releases(A) == 0);
    scene_close_group(group);
    tpps_ring_hold(false);
    scene_io_await_release(A);
    scene_io_over(A);
    scene_close_pool(pool);
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* A shutdown waits for the device, and ends by itself. */
SCENE(io_ring__shut_down_with_requests_in_flight)
{
    tp_pool_t *pool = disk();
    bool cancel = tpps_choose(2);
    uint32_t begun = submit(0, 3);
    tp_work_t *work = worker_submits(pool, 4, 5);
    perhaps_sleep();
    finish(work);
    scene_io_may_drop(A);
    tpps_check(!pool || tp_pool_shutdown(pool, cancel, TP_INFINITE) == TP_OK);
    scene_io_hush(A);
    if (!cancel)
        tpps_check(scene_io_told(A) == begun + scene_latest(RAN));
    tpps_check(tpps_rings_open() <= (scene_io_of(A) ? 1 : 0));
    scene_io_close(A);
    scene_io_await_release(A);
    scene_io_over(A);
}

/* Threads that go end some of what they have handed over. */
SCENE(io_ring__the_thread_that_handed_over_goes)
{
    tp_pool_t *pool = scene_settled(0, 2);
    scene_io_open(A, TPPS_REGULAR);
    scene_io_released(A, pool);
    tp_work_t *work = worker_submits(pool, 0, 4), *last = NULL;
    scene_count_misuses(GO);
    last = scene_pool_work(pool, scene_exit_thread, NULL);
    scene_submit(last, 2);
    uint32_t begun = submit(8, 2);
    finish(work);
    finish(last);
    scene_io_wait(A);
    tpps_check(scene_io_told(A) == begun + scene_latest(RAN));
    end(pool);
}

/* ---- helping, and driving -------------------------------------------------------------------- */

static void wait_within(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    (void)context;
    scene_add(RAN, submit(0, 4));
    scene_io_wait(A);
}

SCENE(io_ring__the_only_thread_waits_for_its_requests)
{
    tp_pool_t *pool = scene_settled(0, 1);
    if (tpps_choose(2))
        tpps_forbid_rings(true);
    scene_io_open(A, TPPS_REGULAR);
    scene_io_released(A, pool);
    tp_work_t *work = scene_pool_work(pool, wait_within, NULL);
    scene_submit(work, 1);
    uint32_t begun = submit(8, 2);
    finish(work);
    scene_io_wait(A);
    tpps_check(scene_io_told(A) == begun + scene_latest(RAN));
    end(pool);
}

SCENE(io_ring__driven_by_its_callers)
{
    tp_pool_t *pool = scene_driven(2);
    if (tpps_choose(2))
        tpps_forbid_rings(true);
    scene_io_open(A, TPPS_REGULAR);
    scene_io_released(A, pool);
    uint32_t begun = submit(0, 6);
    int flag = -1;
    if (pool && scene_resource(tp_pool_poll_fd(pool, &flag)))
        while (scene_io_told(A) < begun) {
            tpps_check(tpps_poll(flag, TPP_FOREVER));
            while (scene_io_drive(pool))
                ;
        }
    while (scene_io_of(A) && tp_io_wait(scene_io_of(A), false, 0) != TP_OK)
        if (!scene_io_drive(pool))
            tpps_sleep(100 * US);
    scene_io_close(A);
    while (scene_io_of(A) && scene_io_releases(A) == 0)
        if (!scene_io_drive(pool))
            tpps_sleep(100 * US);
    scene_io_await_release(A);
    scene_io_over(A);
    scene_close_pool(pool);
}

/* ---- forked ---------------------------------------------------------------------------------- */

static void child_with_ring(bool inside)
{
    scene_child(inside);
    scene_keeps(0);
    if (!scene_io_of(A))
        return;
    scene_forked(tp_io_close(scene_io_of(A)));
    scene_ios_begin();
    tp_pool_t *pool = scene_pool(0, 1);
    scene_io_make(A, pool);
    uint32_t begun = submit(10, 3);
    scene_io_wait(A);
    tpps_check(!scene_io_of(A) || scene_io_told(A) == begun);
    scene_io_close(A);
    scene_close_pool(pool);
}

SCENE(io_ring__forked_with_requests_in_flight)
{
    tp_pool_t *pool = small_pool();
    scene_io_open(A, TPPS_REGULAR);
    scene_io_make(A, pool);
    scene_io_may_drop(A);
    (void)submit(0, 4);
    (void)worker_submits(pool, 4, 4);
    scene_fork_beside(child_with_ring);
}

/* ---- counting -------------------------------------------------------------------------------- */

/* Both those that somebody waits for and those that are forgotten are in flight. */
SCENE(io_ring__in_flight_is_counted)
{
    tp_pool_t *pool = disk();
    tpps_ring_hold(true);
    uint32_t begun = submit(0, 3);
    begun += scene_io_start(A);
    bool ring = tpps_rings_open() > 0; /* else a worker may have done some */
    tpps_check(!ring || scene_stats(pool).io_in_flight == begun);
    bool started = ring && begun == 4;
    scene_io_cancel(A);
    tpps_check(!started || scene_stats(pool).io_in_flight == 3);
    tpps_ring_hold(false);
    scene_io_settle(pool);
    end(pool);
}

static const struct tpps_scenario scenarios[] = {
    {SCENE_ROW(io_ring__without_one)},
    {SCENE_ROW(io_ring__demanded_and_not_there)},
    {SCENE_ROW(io_ring__one_for_a_pool)},
    {SCENE_ROW(io_ring__more_requests_than_places)},
    {SCENE_ROW(io_ring__from_many_threads_and_workers)},
    {SCENE_ROW(io_ring__the_system_takes_nothing_for_a_while)},
    {SCENE_ROW(io_ring__refused_while_all_compute)},
    {SCENE_ROW(io_ring__ended_by_the_system_itself)},
    {SCENE_ROW(io_ring__errors_of_the_device)},
    {SCENE_ROW(io_ring__aborted_at_any_time)},
    {SCENE_ROW(io_ring__aborted_while_the_system_takes_nothing)},
    {SCENE_ROW(io_ring__r30_forgotten_and_begun_anew)},
    {SCENE_ROW(io_ring__r33_the_last_holder_is_a_forgotten_request)},
    {SCENE_ROW(io_ring__forgotten_beside_its_completion)},
    {SCENE_ROW(io_ring__c180_a_group_forgets_requests)},
    {SCENE_ROW(io_ring__shut_down_with_requests_in_flight)},
    {SCENE_ROW(io_ring__the_thread_that_handed_over_goes), .no_faults = true},
    {SCENE_ROW(io_ring__the_only_thread_waits_for_its_requests)},
    {SCENE_ROW(io_ring__driven_by_its_callers)},
    {SCENE_ROW(io_ring__forked_with_requests_in_flight)},
    {SCENE_ROW(io_ring__in_flight_is_counted)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, scenarios, SCENE_COUNT(scenarios));
}
