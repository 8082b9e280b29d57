/* io_end_scenarios.c - I/O objects that are closed, alone, with their group or with their pool. */
#include "tests/scenario/scene_fork.h"
#include "tests/scenario/scene_io.h"

enum { A, B, DONE, GO, RAN };

static tp_pool_t *small_pool(void)
{
    uint32_t maximum = 1 + tpps_choose(2);
    return scene_settled(tpps_choose(2) ? maximum : 0, maximum);
}

static void open_and_release(uint32_t number, enum tpps_file kind, tp_pool_t *pool)
{
    scene_io_open(number, kind);
    scene_io_released(number, pool);
}

static void perhaps_sleep(void)
{
    if (tpps_choose(2))
        tpps_sleep((int64_t)tpps_choose(3) * MS);
}

/* The object has gone, and so nothing runs. */
static void over(tp_pool_t *pool)
{
    tpps_check(scene_stats(pool).running == 0);
    scene_io_over(A);
    scene_close_pool(pool);
    scene_io_no_files();
}

static void serve(void *number)
{
    perhaps_sleep();
    scene_io_serve((uint32_t)(uintptr_t)number, 4 * SCENE_IO_LENGTH);
}

static void close_it(void *unused)
{
    (void)unused;
    scene_add(DONE, scene_io_of(A) && tp_io_close(scene_io_of(A)) == TP_OK);
}

/* ---- closed on its own ----------------------------------------------------------------------- */

/* [C-159] What is in flight is told with the old handle, and then the object ends. */
SCENE(io_end__c159_closed_with_operations_in_flight)
{
    tp_pool_t *pool = small_pool();
    open_and_release(A, scene_any_file(), pool);
    uint32_t begun = scene_io_read(A, 0);
    begun += scene_io_write(A, 1);
    begun += scene_io_read(A, 2);
    tpps_thread server = tpps_spawn(serve, SCENE_WORD(A));
    perhaps_sleep();
    scene_io_close(A);
    scene_io_await_release(A);
    tpps_check(scene_io_told(A) == begun && scene_io_releases(A) == (scene_io_of(A) ? 1 : 0));
    tpps_join(server);
    over(pool);
}

/* [C-158] Announcements die with the handle: nobody could complete them. */
SCENE(io_end__c158_closed_with_announcements)
{
    tp_pool_t *pool = small_pool();
    open_and_release(A, TPPS_STREAM, pool);
    scene_io_start(A);
    if (scene_io_start(A) && tpps_choose(2))
        tpps_check(scene_io_complete(A, 1) == TP_OK);
    scene_io_may_drop(A);
    scene_io_close(A);
    if (scene_io_of(A))
        tpps_check(scene_io_complete(A, 2) == TP_ERR_HANDLE &&
                   scene_io_retract(A) == TP_ERR_HANDLE);
    scene_io_await_release(A);
    over(pool);
}

/* [C-160] The object lives as long as what was forgotten. */
SCENE(io_end__c160_closed_with_forgotten_operations)
{
    tp_pool_t *pool = small_pool();
    enum tpps_file kind = scene_any_stream();
    open_and_release(A, kind, pool);
    scene_io_read(A, 0);
    scene_io_write(A, 1);
    scene_io_cancel(A);
    if (scene_io_of(A) && scene_complete())
        tpps_check(scene_stats(pool).io_in_flight == 2);
    scene_io_close(A);
    tpps_sleep(10 * MS);
    tpps_check(scene_io_releases(A) == 0 || !scene_complete());
    tpps_stream_feed(scene_io_fd(A), 1);
    tpps_sleep(MS);
    tpps_check(scene_io_releases(A) == 0 || !scene_complete());
    tpps_stream_room(scene_io_fd(A), 1);
    scene_io_await_release(A);
    tpps_check(scene_io_told(A) == 0);
    over(pool);
}

/* The last holder of a closed object is a forgotten operation that ends just now. */
SCENE(io_end__r33_closed_beside_the_end_of_the_forgotten)
{
    tp_pool_t *pool = small_pool();
    open_and_release(A, scene_any_file(), pool);
    scene_io_read(A, 0);
    scene_io_read(A, 1);
    scene_io_cancel(A);
    tpps_thread server = tpps_spawn(serve, SCENE_WORD(A));
    if (tpps_choose(2))
        tpps_sleep(MS);
    scene_io_close(A);
    scene_io_await_release(A);
    tpps_join(server);
    over(pool);
}

static void submit_some(void *first)
{
    uint32_t op = (uint32_t)(uintptr_t)first;
    for (uint32_t i = 0; i < 3; i++)
        scene_add(RAN, !scene_refused(scene_io_try(A, op + i, i % 2 ? TP_IO_WRITE : TP_IO_READ)));
    if (!scene_refused(scene_io_announce(A)))
        scene_add(GO, scene_io_complete(A, op) == TP_OK);
}

/* What was begun before the close is told, the rest is refused. */
SCENE(io_end__submitted_while_closed)
{
    tp_pool_t *pool = small_pool();
    open_and_release(A, scene_any_file(), pool);
    scene_io_may_drop(A); /* the announcement */
    tpps_thread one = tpps_spawn(submit_some, SCENE_WORD(0));
    tpps_thread other = tpps_spawn(submit_some, SCENE_WORD(4));
    tpps_thread server = tpps_spawn(serve, SCENE_WORD(A));
    tpps_thread closers[2] = {tpps_spawn(close_it, NULL), tpps_spawn(close_it, NULL)};
    tpps_join(one);
    tpps_join(other);
    tpps_join(server);
    tpps_join(closers[0]);
    tpps_join(closers[1]);
    tpps_check(scene_latest(DONE) == (scene_io_of(A) ? 1 : 0));
    scene_io_serve(A, 100);
    scene_io_await_release(A);
    tpps_check(scene_io_told(A) == scene_latest(RAN) + scene_latest(GO));
    over(pool);
}

static void wait_for_it(void *unused)
{
    (void)unused;
    tp_status_t status = TP_ERR_HANDLE;
    if (scene_io_of(A))
        status = tp_io_wait(scene_io_of(A), false, TP_INFINITE);
    tpps_check(status == TP_OK || status == TP_ERR_HANDLE);
}

static void abort_it(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 3; i++)
        (void)scene_io_abort(A, i);
}

SCENE(io_end__waited_for_aborted_and_closed_at_once)
{
    tp_pool_t *pool = small_pool();
    open_and_release(A, scene_any_file(), pool);
    for (uint32_t i = 0; i < 3; i++)
        scene_io_read(A, i);
    tpps_thread waiter = tpps_spawn(wait_for_it, NULL);
    tpps_thread aborter = tpps_spawn(abort_it, NULL);
    tpps_thread server = tpps_spawn(serve, SCENE_WORD(A));
    scene_io_close(A);
    tpps_join(aborter);
    tpps_join(server);
    scene_io_await_release(A);
    tpps_join(waiter);
    over(pool);
}

static void close_within(tp_callback_instance_t *instance, void *context, void *operation,
                         int32_t error, uint64_t bytes, tp_io_t *io)
{
    scene_io_hit(instance, context, operation, error, bytes, io);
    scene_add(DONE, scene_or_stale(tp_io_close(io)));
    tp_status_t status = tp_io_wait(io, false, 0);
    tpps_check(status == TP_ERR_DEADLOCK || status == TP_ERR_HANDLE);
}

/* Closed by its own callbacks, one of which is the first. */
SCENE(io_end__closed_by_its_callbacks)
{
    tp_pool_t *pool = small_pool();
    scene_io_open(A, scene_any_file());
    scene_io_chosen(A, close_within,
                    &(struct scene_choice){.pool = pool, .release = scene_count_release});
    uint32_t begun = 0;
    for (uint32_t i = 0; i < 3; i++)
        begun += !scene_refused(scene_io_try(A, i, TP_IO_READ));
    scene_io_serve(A, 100);
    if (begun == 0)
        scene_io_close(A);
    scene_io_await_release(A);
    tpps_check(scene_io_told(A) == begun && scene_latest(DONE) == (begun > 0));
    over(pool);
}

static void end_the_thread(tp_callback_instance_t *instance, void *context, void *operation,
                           int32_t error, uint64_t bytes, tp_io_t *io)
{
    scene_io_hit(instance, context, operation, error, bytes, io);
    tpps_thread_exit();
}

/* A callback ends its thread; the next ones come all the same. */
SCENE(io_end__callbacks_that_end_their_thread)
{
    tp_pool_t *pool = small_pool();
    scene_io_open(A, scene_any_file());
    scene_io_calls(A, pool, end_the_thread);
    scene_count_misuses(DONE);
    for (uint32_t i = 0; i < 3; i++)
        scene_io_read(A, i);
    scene_io_serve(A, 100);
    scene_io_wait(A);
    scene_io_end(A);
    scene_close_pool(pool);
}

static void disassociate(tp_callback_instance_t *instance, void *context, void *operation,
                         int32_t error, uint64_t bytes, tp_io_t *io)
{
    scene_io_hit(instance, context, operation, error, bytes, io);
    tpps_check(tp_callback_disassociate(instance) == TP_OK);
    scene_io_wait((uint32_t)(uintptr_t)context);
    scene_add(DONE, 1);
}

/* A disassociated callback may wait for its own object. */
SCENE(io_end__a_disassociated_callback_waits_for_its_object)
{
    tp_pool_t *pool = small_pool();
    scene_io_open(A, scene_any_file());
    scene_io_calls(A, pool, disassociate);
    uint32_t begun = scene_io_read(A, 0);
    begun += scene_io_read(A, 1);
    scene_io_serve(A, 100);
    scene_io_wait(A);
    if (scene_io_of(A))
        scene_await(DONE, begun);
    scene_io_close(A);
    scene_close_pool(pool);
}

/* ---- closed with its group ------------------------------------------------------------------- */

struct home {
    tp_pool_t *pool;
    tp_cleanup_group_t *group;
};

static struct home group_home(enum tpps_file kind)
{
    struct home home = {.pool = small_pool()};
    home.group = scene_group();
    scene_io_open(A, kind);
    if (home.group)
        scene_io_chosen(A, scene_io_hit,
                        &(struct scene_choice){.pool = home.pool,
                                               .group = home.group,
                                               .cancel = scene_count_cancel,
                                               .release = scene_count_release});
    return home;
}

static void close_members(const struct home *home, bool cancel)
{
    if (home->group)
        tpps_check(tp_cleanup_group_close_members(home->group, cancel, NULL) == TP_OK);
    if (cancel || scene_io_of(A))
        scene_io_hush(A);
}

/* [C-180] Closing the members waits for what is in flight. */
SCENE(io_end__c180_the_group_waits_for_operations)
{
    struct home home = group_home(scene_any_file());
    uint32_t begun = scene_io_read(A, 0);
    begun += scene_io_write(A, 1);
    tpps_thread server = tpps_spawn(serve, SCENE_WORD(A));
    close_members(&home, false);
    tpps_check(scene_io_told(A) == begun && scene_io_cancels(A) == 0);
    tpps_check(!scene_io_of(A) || scene_io_releases(A) == 1);
    tpps_join(server);
    scene_close_group(home.group);
    over(home.pool);
}

/* [C-180] [C-188] Or forgets it: one cancel callback, no other, and the release comes later. */
SCENE(io_end__c180_the_group_forgets_operations)
{
    struct home home = group_home(scene_any_stream());
    bool begun = scene_io_read(A, 0);
    scene_io_may_drop(A);
    close_members(&home, true);
    uint32_t made = scene_io_of(A) ? 1 : 0;
    tpps_check(scene_io_cancels(A) == made && scene_io_told(A) == 0);
    tpps_check(scene_io_releases(A) == (begun ? 0 : made));
    bool early = tpps_choose(2);
    if (early)
        scene_close_group(home.group);
    scene_io_serve(A, 1);
    scene_io_await_release(A);
    if (!early)
        scene_close_group(home.group);
    over(home.pool);
}

/* ... or just now: the group and the last operation hold it both. */
SCENE(io_end__the_group_closes_beside_completions)
{
    struct home home = group_home(scene_any_file());
    for (uint32_t i = 0; i < 3; i++)
        scene_io_read(A, i);
    scene_io_start(A);
    scene_io_may_drop(A);
    tpps_thread server = tpps_spawn(serve, SCENE_WORD(A));
    perhaps_sleep();
    close_members(&home, true);
    scene_close_group(home.group);
    tpps_join(server);
    scene_io_await_release(A);
    tpps_check(scene_io_cancels(A) == (scene_io_of(A) ? 1 : 0));
    over(home.pool);
}

/* [C-185] What begins beside that is done, refused or forgotten: nothing comes afterwards. */
SCENE(io_end__c185_submitted_while_the_group_closes)
{
    struct home home = group_home(scene_any_file());
    bool cancel = tpps_choose(2);
    scene_io_may_drop(A);
    tpps_thread one = tpps_spawn(submit_some, SCENE_WORD(0));
    tpps_thread other = tpps_spawn(submit_some, SCENE_WORD(4));
    tpps_thread server = tpps_spawn(serve, SCENE_WORD(A));
    close_members(&home, cancel);
    tpps_join(one);
    tpps_join(other);
    tpps_join(server);
    scene_io_serve(A, 100);
    scene_io_await_release(A);
    scene_close_group(home.group);
    if (!cancel)
        tpps_check(scene_io_told(A) == scene_latest(RAN) + scene_latest(GO));
    over(home.pool);
}

/* ... and it does not wait for the peers of those that come while it drops. */
SCENE(io_end__c185_nobody_serves_while_the_group_drops)
{
    struct home home = group_home(scene_any_stream());
    scene_io_may_drop(A);
    tpps_thread one = tpps_spawn(submit_some, SCENE_WORD(0));
    tpps_thread other = tpps_spawn(submit_some, SCENE_WORD(4));
    close_members(&home, true);
    tpps_join(one);
    tpps_join(other);
    scene_io_serve(A, 100);
    scene_io_await_release(A);
    scene_close_group(home.group);
    over(home.pool);
}

/* A member closed on its own, with forgotten operations: no cancel callback, and the group does not
 * wait for them when it cancels. */
SCENE(io_end__a_closed_member_in_its_group)
{
    struct home home = group_home(scene_any_stream());
    scene_io_read(A, 0);
    scene_io_cancel(A);
    tpps_thread closer = tpps_spawn(close_it, NULL);
    bool together = tpps_choose(2);
    if (!together)
        tpps_join(closer);
    close_members(&home, tpps_choose(2));
    if (together)
        tpps_join(closer);
    tpps_check(together || scene_io_cancels(A) == 0);
    tpps_check(scene_io_releases(A) == 0 || !scene_complete());
    scene_close_group(home.group);
    scene_io_serve(A, 1);
    scene_io_await_release(A);
    over(home.pool);
}

/* ---- closed with its pool -------------------------------------------------------------------- */

static void shut_down(tp_pool_t *pool, bool cancel)
{
    tpps_check(!pool || tp_pool_shutdown(pool, cancel, TP_INFINITE) == TP_OK);
    scene_io_hush(A);
}

static void check_shut(void)
{
    if (!scene_io_of(A) || !scene_complete())
        return;
    tp_status_t status = scene_io_try(A, 31, TP_IO_READ);
    tpps_check(status == TP_ERR_CLOSED || status == TP_ERR_NO_MEMORY);
    status = scene_io_announce(A);
    tpps_check(status == TP_ERR_CLOSED || status == TP_ERR_NO_MEMORY);
    tpps_check(scene_io_complete(A, 31) == TP_ERR_STATE);
}

/* A shutdown ends what waits for a peer, and waits for a device. */
SCENE(io_end__shut_down_with_operations_in_flight)
{
    tp_pool_t *pool = small_pool();
    enum tpps_file kind = scene_any_file();
    open_and_release(A, kind, pool);
    uint32_t begun = 0;
    for (uint32_t i = 0; i < 3; i++)
        begun += scene_io_read(A, i);
    bool disk = scene_is_disk(kind), started = scene_io_start(A);
    scene_io_may_drop(A); /* the announcement */
    if (!disk)
        scene_io_may_abort(A);
    perhaps_sleep();
    shut_down(pool, false);
    tpps_check(scene_io_told(A) == begun);
    for (uint32_t i = 0; i < begun; i++)
        tpps_check(scene_op_error(i) == (disk ? 0 : ECANCELED));
    (void)started;
    check_shut();
    scene_io_close(A);
    scene_io_await_release(A);
    scene_io_over(A);
}

/* Nothing is told of what was in flight when it is dropped. */
SCENE(io_end__shut_down_and_dropped)
{
    tp_pool_t *pool = small_pool();
    open_and_release(A, scene_any_file(), pool);
    for (uint32_t i = 0; i < 3; i++)
        scene_io_read(A, i);
    scene_io_start(A);
    scene_io_may_drop(A);
    tpps_thread server = tpps_spawn(serve, SCENE_WORD(A));
    perhaps_sleep();
    shut_down(pool, true);
    check_shut();
    tpps_join(server);
    scene_io_close(A);
    scene_io_await_release(A);
    scene_io_over(A);
}

/* Nobody is told that something was aborted when all is dropped. */
SCENE(io_end__a_dropping_shutdown_tells_of_no_abort)
{
    tp_pool_t *pool = small_pool();
    open_and_release(A, scene_any_stream(), pool);
    for (uint32_t i = 0; i < 3; i++)
        scene_io_read(A, i);
    scene_io_may_drop(A);
    shut_down(pool, true);
    tpps_check(scene_io_told(A) == 0);
    scene_io_close(A);
    scene_io_await_release(A);
    scene_io_over(A);
}

SCENE(io_end__shut_down_beside_submits)
{
    tp_pool_t *pool = small_pool();
    open_and_release(A, scene_any_file(), pool);
    scene_io_may_drop(A);
    scene_io_may_abort(A);
    bool cancel = tpps_choose(2);
    tpps_thread one = tpps_spawn(submit_some, SCENE_WORD(0));
    tpps_thread other = tpps_spawn(submit_some, SCENE_WORD(4));
    tpps_thread server = tpps_spawn(serve, SCENE_WORD(A));
    if (tpps_choose(2))
        scene_io_close(A);
    shut_down(pool, cancel);
    tpps_join(one);
    tpps_join(other);
    tpps_join(server);
    if (!cancel)
        tpps_check(scene_io_told(A) == scene_latest(RAN) + scene_latest(GO));
    (void)tp_io_close(scene_io_of(A));
    scene_io_await_release(A);
    scene_io_over(A);
}

/* Forgotten operations do not keep a shutdown for ever. */
SCENE(io_end__shut_down_with_forgotten_operations)
{
    tp_pool_t *pool = small_pool();
    open_and_release(A, scene_any_file(), pool);
    scene_io_read(A, 0);
    scene_io_read(A, 1);
    scene_io_cancel(A);
    bool closed = tpps_choose(2);
    if (closed)
        scene_io_close(A);
    shut_down(pool, tpps_choose(2));
    if (!closed)
        scene_io_close(A);
    scene_io_await_release(A);
    scene_io_over(A);
}

/* A closed pool lives on with its objects, and what is in flight is told. */
SCENE(io_end__the_pool_is_closed_first)
{
    tp_pool_t *pool = small_pool();
    open_and_release(A, scene_any_file(), pool);
    uint32_t begun = scene_io_read(A, 0);
    begun += scene_io_write(A, 1);
    scene_close_pool(pool);
    tpps_thread server = tpps_spawn(serve, SCENE_WORD(A));
    begun += scene_io_read(A, 2);
    if (tpps_choose(2))
        scene_io_wait(A);
    scene_io_close(A);
    scene_io_await_release(A);
    tpps_check(scene_io_told(A) == begun);
    tpps_join(server);
    scene_io_over(A);
}

/* The application closes its descriptor while operations wait on it, and opens another one. */
SCENE(io_end__the_descriptor_goes_first)
{
    tp_pool_t *pool = small_pool();
    enum tpps_file kind = scene_any_stream();
    open_and_release(A, kind, pool);
    scene_io_read(A, 0);
    int copy = tpps_descriptor_copy(scene_io_fd(A), 100);
    tpps_descriptor_close(scene_io_fd(A));
    tpps_check(tpps_descriptor_open(scene_io_fd(A), kind) == scene_io_fd(A));
    tpps_stream_feed(scene_io_fd(A), 5); /* not ours */
    tpps_sleep(MS);
    tpps_check(scene_io_told(A) == 0);
    tpps_descriptor_close(scene_io_fd(A));
    tpps_stream_feed(copy, 3);
    scene_io_wait(A);
    scene_io_close(A);
    scene_io_await_release(A);
    tpps_check(tpps_descriptor_names(copy) == 1 && tpps_descriptor_interests(copy) == 0);
    tpps_descriptor_close(copy);
    scene_close_pool(pool);
}

/* ---- forked ---------------------------------------------------------------------------------- */

static void child_with_io(bool inside)
{
    scene_child(inside);
    scene_keeps(0);
    if (!scene_io_of(A))
        return;
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = TP_IO_FSYNC;
    scene_forked(tp_io_submit(scene_io_of(A), &op));
    scene_forked(tp_io_start(scene_io_of(A)));
    scene_forked(tp_io_cancel(scene_io_of(A)));
    scene_forked(tp_io_complete(scene_io_of(A), NULL, 0, 0));
    scene_forked(tp_io_abort(scene_io_of(A), NULL));
    scene_forked(tp_io_wait(scene_io_of(A), true, 0));
    scene_forked(tp_io_close(scene_io_of(A)));
    /* Its own work goes on: another object on the same descriptor, in a pool of its own. */
    scene_ios_begin();
    tp_pool_t *pool = scene_pool(0, 1);
    tp_pool_t *mine = pool;
    scene_io_make(A, mine);
    scene_io_read(A, 0);
    scene_io_serve(A, SCENE_IO_LENGTH);
    scene_io_wait(A);
    scene_io_close(A);
    scene_close_pool(mine);
}

/* In the child nothing of it is in flight, and what it makes itself works. */
SCENE(io_end__forked_with_operations_in_flight)
{
    tp_pool_t *pool = small_pool();
    scene_io_open(A, scene_any_file());
    scene_io_make(A, pool);
    scene_io_may_drop(A);
    scene_io_read(A, 0);
    scene_io_read(A, 1);
    if (tpps_choose(2))
        scene_io_cancel(A);
    scene_io_start(A);
    scene_io_serve(A, tpps_choose(2) * SCENE_IO_LENGTH);
    scene_fork_beside(child_with_io);
}

static const struct tpps_scenario scenarios[] = {
    {SCENE_ROW(io_end__c159_closed_with_operations_in_flight)},
    {SCENE_ROW(io_end__c158_closed_with_announcements)},
    {SCENE_ROW(io_end__c160_closed_with_forgotten_operations), .no_early = true},
    {SCENE_ROW(io_end__r33_closed_beside_the_end_of_the_forgotten)},
    {SCENE_ROW(io_end__submitted_while_closed)},
    {SCENE_ROW(io_end__waited_for_aborted_and_closed_at_once)},
    {SCENE_ROW(io_end__closed_by_its_callbacks)},
    {SCENE_ROW(io_end__callbacks_that_end_their_thread), .no_faults = true},
    {SCENE_ROW(io_end__a_disassociated_callback_waits_for_its_object)},
    {SCENE_ROW(io_end__c180_the_group_waits_for_operations)},
    {SCENE_ROW(io_end__c180_the_group_forgets_operations)},
    {SCENE_ROW(io_end__the_group_closes_beside_completions)},
    {SCENE_ROW(io_end__c185_submitted_while_the_group_closes)},
    {SCENE_ROW(io_end__c185_nobody_serves_while_the_group_drops)},
    {SCENE_ROW(io_end__a_closed_member_in_its_group)},
    {SCENE_ROW(io_end__shut_down_with_operations_in_flight)},
    {SCENE_ROW(io_end__shut_down_and_dropped)},
    {SCENE_ROW(io_end__a_dropping_shutdown_tells_of_no_abort)},
    {SCENE_ROW(io_end__shut_down_beside_submits)},
    {SCENE_ROW(io_end__shut_down_with_forgotten_operations)},
    {SCENE_ROW(io_end__the_pool_is_closed_first)},
    {SCENE_ROW(io_end__the_descriptor_goes_first)},
    {SCENE_ROW(io_end__forked_with_operations_in_flight)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, scenarios, SCENE_COUNT(scenarios));
}
