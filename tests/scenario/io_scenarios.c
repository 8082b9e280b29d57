/* io_scenarios.c - I/O objects: credits, operations that wait for a peer, keys, order, silence. */
#include "tests/scenario/scene_fork.h"
#include "tests/scenario/scene_io.h"

enum { A, B, C, DONE, GO, RAN };

/* A pool of one or two threads, which may be there or come and go, but for the first. */
static tp_pool_t *small_pool(void)
{
    uint32_t maximum = 1 + tpps_choose(2);
    return scene_settled(tpps_choose(2) ? maximum : 0, maximum);
}

/* One object on a descriptor of that kind. */
static tp_pool_t *one(enum tpps_file kind)
{
    tp_pool_t *pool = small_pool();
    scene_io_open(A, kind);
    scene_io_make(A, pool);
    return pool;
}

static void end(tp_pool_t *pool, uint32_t objects)
{
    for (uint32_t i = 0; i < objects; i++)
        scene_io_end(i);
    scene_close_pool(pool);
    scene_io_no_files();
}

/* Now and then others go first for a while. */
static void perhaps_sleep(void)
{
    if (tpps_choose(2))
        tpps_sleep((int64_t)tpps_choose(3) * MS);
}

/* ---- credits --------------------------------------------------------------------------------- */

static void complete_soon(void *number)
{
    perhaps_sleep();
    if (scene_complete())
        tpps_check(scene_io_complete((uint32_t)(uintptr_t)number, 7) == TP_OK);
}

/* [C-146] [C-147] A wait sees what was announced, and what was completed. */
SCENE(io__c147_wait_lasts_until_the_announced_was_told)
{
    tp_pool_t *pool = one(scene_any_file());
    scene_io_wait(A);
    if (scene_io_start(A)) {
        tpps_thread other = tpps_spawn(complete_soon, SCENE_WORD(A));
        scene_io_wait(A);
        tpps_check(!scene_io_of(A) || scene_io_told(A) == 1);
        tpps_join(other);
    }
    end(pool, 1);
}

static void take_back(void *number)
{
    if (scene_complete())
        tpps_check(scene_io_retract((uint32_t)(uintptr_t)number) == TP_OK);
}

/* [C-151] Who takes one of two back does not wake who waits for the other; and wakes him if
 * his is the last. */
SCENE(io__r32_cancel_beside_a_completion)
{
    tp_pool_t *pool = one(TPPS_STREAM);
    if (scene_io_start(A) && scene_io_start(A)) {
        tpps_thread other = tpps_spawn(take_back, SCENE_WORD(A));
        tpps_thread third = tpps_spawn(complete_soon, SCENE_WORD(A));
        scene_io_wait(A);
        tpps_check(scene_io_told(A) == 1);
        tpps_join(other);
        tpps_join(third);
    } else if (scene_io_of(A)) {
        (void)scene_io_retract(A);
    }
    end(pool, 1);
}

static void retract_or_complete(void *value)
{
    tp_status_t status = TP_OK;
    for (uint32_t i = 0; i < 2; i++) {
        status = tpps_choose(2) ? scene_io_retract(A)
                                : scene_io_complete(A, 2 * (uint32_t)(uintptr_t)value + i);
        tpps_check(status == TP_OK || status == TP_ERR_STATE || !scene_io_of(A));
        scene_add(DONE, status == TP_OK);
    }
}

/* [C-162] One too many is an error, and takes nothing. */
SCENE(io__c162_no_credit_is_taken_twice)
{
    tp_pool_t *pool = one(TPPS_SOCKET);
    tpps_thread others[3];
    uint32_t credits = 0;
    for (uint32_t i = 0; i < 3; i++)
        credits += scene_io_start(A);
    for (uint32_t i = 0; i < 3; i++)
        others[i] = tpps_spawn(retract_or_complete, SCENE_WORD(i));
    for (uint32_t i = 0; i < 3; i++)
        tpps_join(others[i]);
    tpps_check(scene_latest(DONE) == credits);
    tpps_check(!scene_io_of(A) ||
               (scene_io_retract(A) == TP_ERR_STATE && scene_io_complete(A, 31) == TP_ERR_STATE));
    end(pool, 1);
}

/* [C-154] [C-156] What was announced is taken back by a wait that drops; what comes later is
 * told. */
SCENE(io__c154_dropped_announcements)
{
    tp_pool_t *pool = one(TPPS_STREAM);
    scene_io_start(A);
    scene_io_cancel(A);
    if (scene_io_of(A)) {
        tpps_check(scene_io_told(A) == 0 && scene_io_complete(A, 1) == TP_ERR_STATE);
        if (scene_io_start(A)) {
            tpps_check(scene_io_complete(A, 2) == TP_OK);
            scene_io_wait(A);
            tpps_check(scene_io_told(A) == 1);
        }
    }
    end(pool, 1);
}

/* [C-161] On one thread completions are told in the order in which they came. */
SCENE(io__c161_in_the_order_of_completion)
{
    tp_pool_t *pool = scene_settled(0, 1);
    scene_io_open(A, TPPS_STREAM);
    scene_io_make(A, pool);
    bool started = true;
    for (uint32_t i = 0; i < 6; i++)
        started = started && scene_io_start(A);
    for (uint32_t i = 0; i < 6 && started; i++)
        tpps_check(scene_io_complete(A, i) == TP_OK);
    while (scene_io_of(A) && !started && scene_io_retract(A) == TP_OK)
        ;
    scene_io_wait(A);
    for (uint32_t i = 0; i < 6 && started; i++)
        tpps_check(scene_io_nth(A, i) == i);
    end(pool, 1);
}

/* ---- operations ------------------------------------------------------------------------------ */

/* [C-148] What need not wait is told of once, perhaps before the call returns. */
SCENE(io__r31_told_before_the_call_returns)
{
    tp_pool_t *pool = one(scene_any_file());
    scene_io_serve(A, 2 * SCENE_IO_LENGTH);
    scene_io_read(A, 0);
    scene_io_write(A, 1);
    scene_io_wait(A);
    tpps_check(scene_op_went(0, 0) && scene_op_went(1, 0));
    tpps_check(!scene_complete() || (scene_op_bytes(0) > 0 && scene_op_bytes(1) > 0));
    end(pool, 1);
}

static void serve_soon(void *number)
{
    for (int i = 0; i < 3; i++) {
        perhaps_sleep();
        scene_io_serve((uint32_t)(uintptr_t)number, SCENE_IO_LENGTH);
    }
}

/* [C-149] Several wait on one descriptor both ways; each is told once of what is its own. */
SCENE(io__several_wait_both_ways)
{
    tp_pool_t *pool = one(scene_any_stream());
    scene_io_read(A, 0);
    scene_io_write(A, 1);
    tpps_thread other = tpps_spawn(serve_soon, SCENE_WORD(A));
    scene_io_put(A, 2, TP_IO_POLL);
    scene_io_read(A, 3);
    scene_io_write(A, 4);
    tpps_join(other);
    tpps_stream_end(scene_io_fd(A)); /* short transfers may have left a reader */
    tpps_stream_room(scene_io_fd(A), 100);
    scene_io_wait(A);
    for (uint32_t i = 0; i < 5; i++)
        tpps_check(scene_op_went(i, 0));
    tpps_check(!scene_complete() ||
               scene_op_bytes(0) + scene_op_bytes(3) == tpps_bytes_read(scene_io_fd(A)));
    tpps_check(!scene_complete() ||
               scene_op_bytes(1) + scene_op_bytes(4) == tpps_bytes_written(scene_io_fd(A)));
    end(pool, 1);
}

/* Another after each, from its own callback. */
static void read_on(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                    uint64_t bytes, tp_io_t *io)
{
    uint32_t op = scene_op_of(operation), number = (uint32_t)(uintptr_t)context;
    scene_io_hit(instance, context, operation, error, bytes, io);
    if (op % 8 < 4)
        scene_io_read(number, op + 1);
}

SCENE(io__callbacks_that_begin_the_next)
{
    tp_pool_t *pool = small_pool();
    enum tpps_file kind = scene_any_file();
    for (uint32_t i = A; i <= B; i++) {
        scene_io_open(i, kind);
        scene_io_calls(i, pool, read_on);
        scene_io_read(i, 8 * i);
    }
    for (uint32_t i = 0; i < 6; i++)
        scene_io_serve(i % 2, SCENE_IO_LENGTH);
    for (uint32_t i = A; i <= B; i++) {
        perhaps_sleep();
        if (!scene_is_disk(kind))
            tpps_stream_end(scene_io_fd(i));
        scene_io_wait(i); /* each callback begins the next before it ends */
        tpps_check(!scene_complete() || scene_io_told(i) == 5);
    }
    end(pool, 2);
}

/* A key is one operation's as long as that is in flight, and free afterwards. */
SCENE(io__a_key_is_taken_while_in_flight)
{
    tp_pool_t *pool = one(scene_any_stream());
    if (scene_io_put_as(A, 0, 9, TP_IO_READ)) {
        tp_status_t status = scene_io_try_as(A, 1, 9, TP_IO_READ);
        tpps_check(status == TP_ERR_EXISTS || status == TP_ERR_NO_MEMORY);
        scene_io_serve(A, SCENE_IO_LENGTH);
        scene_io_await(A, 1);
        scene_io_serve(A, SCENE_IO_LENGTH);
        scene_io_put_as(A, 2, 9, TP_IO_READ);
        scene_io_wait(A);
        tpps_check(scene_op_went(2, 0));
    }
    end(pool, 1);
}

/* [R-30] [C-157] The end of what was forgotten is nobody else's, whatever their keys. */
SCENE(io__r30_forgotten_and_begun_anew_with_the_same_key)
{
    tp_pool_t *pool = one(scene_any_file());
    scene_io_put_as(A, 0, 5, TP_IO_READ);
    perhaps_sleep();
    scene_io_cancel(A);
    if (scene_io_of(A) && scene_complete())
        tpps_check(tp_io_abort(scene_io_of(A), SCENE_WORD(5)) == TP_ERR_ARGUMENT);
    uint32_t before = scene_io_of(A) ? scene_io_told(A) : 0;
    scene_io_put_as(A, 1, 5, TP_IO_READ);
    for (uint32_t i = 0; i < 2; i++) {
        perhaps_sleep();
        scene_io_serve(A, SCENE_IO_LENGTH);
    }
    scene_io_serve(A, 4 * SCENE_IO_LENGTH); /* the other one has taken some */
    scene_io_wait(A);
    tpps_check(scene_op_went(1, 0));
    tpps_check(!scene_complete() || scene_io_told(A) == before + 1);
    scene_io_settle(pool);
    end(pool, 1);
}

static void submit_some(void *first)
{
    uint32_t op = (uint32_t)(uintptr_t)first;
    for (uint32_t i = 0; i < 3; i++)
        scene_io_read(A, op + i);
}

static void cancel_some(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 2; i++) {
        scene_io_cancel(A);
        scene_io_start(A);
    }
    scene_io_cancel(A);
}

/* Operations begin while others are dropped; each is told of or forgotten. */
SCENE(io__begun_while_others_are_dropped)
{
    tp_pool_t *pool = one(scene_any_file());
    tpps_thread one_of = tpps_spawn(submit_some, SCENE_WORD(0));
    tpps_thread other = tpps_spawn(cancel_some, NULL);
    tpps_thread third = tpps_spawn(serve_soon, SCENE_WORD(A));
    tpps_join(one_of);
    tpps_join(third);
    tpps_join(other);
    scene_io_serve(A, 100);
    scene_io_settle(pool);
    end(pool, 1);
}

/* [C-153] An abort ends what waits, once; or it has come to something by then. */
static void abort_first(void *unused)
{
    (void)unused;
    scene_add(DONE, scene_io_abort(A, 0));
}

SCENE(io__c153_abort_beside_its_readiness)
{
    tp_pool_t *pool = one(scene_any_file());
    bool begun = scene_io_read(A, 0);
    scene_io_read(A, 1);
    tpps_thread other = tpps_spawn(abort_first, NULL);
    scene_io_serve(A, SCENE_IO_LENGTH);
    tpps_join(other);
    scene_io_await(A, 1);
    if (scene_complete() && begun && scene_latest(DONE) == 0)
        tpps_check(scene_op_error(0) == 0);
    scene_io_serve(A, 4 * SCENE_IO_LENGTH);
    scene_io_wait(A);
    tpps_check(scene_op_went(1, 0));
    end(pool, 1);
}

SCENE(io__abort_of_all_that_waits)
{
    tp_pool_t *pool = one(scene_any_stream());
    static const uint32_t opcodes[] = {TP_IO_READ, TP_IO_WRITE, TP_IO_POLL, TP_IO_READ};
    uint32_t begun = 0, ended = 0;
    for (uint32_t i = 0; i < 4; i++)
        begun += scene_io_put(A, i, opcodes[i]);
    perhaps_sleep();
    for (uint32_t i = 0; i < begun; i++)
        ended += scene_io_abort(A, i);
    tpps_check(ended == begun);
    scene_io_wait(A);
    for (uint32_t i = 0; i < 4; i++)
        tpps_check(scene_op_went(i, ECANCELED));
    end(pool, 1);
}

SCENE(io__errors_are_told)
{
    tp_pool_t *pool = one(scene_any_file());
    scene_io_read(A, 0);
    scene_io_serve(A, SCENE_IO_LENGTH);
    scene_io_wait(A);
    tpps_next_error(scene_io_fd(A), EIO);
    scene_io_serve(A, SCENE_IO_LENGTH);
    scene_io_read(A, 1);
    scene_io_wait(A);
    tpps_check(scene_op_went(1, EIO));
    end(pool, 1);
}

/* ---- silence --------------------------------------------------------------------------------- */

/* Nobody spins on what nobody waits for. */
SCENE(io__silence_where_nobody_listens)
{
    tp_pool_t *pool = one(scene_any_stream());
    scene_io_read(A, 0);
    scene_io_write(A, 1);
    perhaps_sleep();
    scene_io_serve(A, 10 * SCENE_IO_LENGTH);
    scene_io_wait(A);
    tpps_check(scene_told_in(SECOND) <= SCENE_SILENCE);
    if (tpps_choose(2))
        tpps_stream_end(scene_io_fd(A));
    else
        tpps_stream_hang_up(scene_io_fd(A));
    tpps_check(scene_told_in(SECOND) <= SCENE_SILENCE);
    scene_io_put(A, 2, TP_IO_POLL);
    scene_io_wait(A);
    tpps_check(scene_op_went(2, 0) && scene_told_in(SECOND) <= SCENE_SILENCE);
    end(pool, 1);
}

/* The poller tells what nobody hears, and cannot be made to tell less. */
SCENE(io__silence_where_the_poller_refuses)
{
    tp_pool_t *pool = one(scene_any_stream());
    scene_io_read(A, 0);
    tpps_sleep(1000);
    tpps_descriptor_break(scene_io_fd(A));
    if (tpps_choose(2))
        scene_io_cancel(A);
    perhaps_sleep();
    tpps_stream_hang_up(scene_io_fd(A));
    scene_io_wait(A);
    tpps_check(scene_told_in(SECOND) <= SCENE_SILENCE);
    scene_io_settle(pool);
    end(pool, 1);
}

/* Who waits for one way is not kept awake by the other. */
SCENE(io__silence_where_others_wait)
{
    tp_pool_t *pool = one(scene_any_stream());
    scene_io_read(A, 0);
    scene_io_write(A, 1);
    perhaps_sleep();
    tpps_stream_room(scene_io_fd(A), 100);
    scene_io_await(A, 1);
    tpps_check(scene_told_in(SECOND) <= SCENE_SILENCE);
    tpps_descriptor_set_ready(scene_io_fd(A), POLLOUT);
    tpps_check(scene_told_in(SECOND) <= SCENE_SILENCE);
    scene_io_serve(A, 1);
    scene_io_wait(A);
    tpps_descriptor_set_ready(scene_io_fd(A), 0);
    end(pool, 1);
}

/* ---- who does it ----------------------------------------------------------------------------- */

/* All workers compute: the gate looks, and what is ready is done when one of them comes by. */
SCENE(io__completions_while_all_compute)
{
    uint32_t maximum = 1 + tpps_choose(2);
    tp_pool_t *pool = scene_settled(0, maximum);
    tp_work_t *works[2] = {NULL, NULL};
    scene_io_open(A, scene_any_file());
    scene_io_make(A, pool);
    scene_io_read(A, 0);
    for (uint32_t i = 0; i < maximum; i++)
        works[i] = scene_start(pool, scene_compute, 30000);
    scene_io_read(A, 1);
    perhaps_sleep();
    scene_io_serve(A, 4 * SCENE_IO_LENGTH);
    scene_io_wait(A);
    tpps_check(scene_op_went(0, 0) && scene_op_went(1, 0));
    for (uint32_t i = 0; i < 2; i++)
        if (works[i])
            scene_finish(works[i]);
    end(pool, 1);
}

static void wait_within(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    uint32_t number = (uint32_t)(uintptr_t)context;
    scene_io_read(number, 0);
    scene_add(RAN, 1);
    scene_io_wait(number);
    tpps_check(scene_op_went(0, 0));
}

/* The only thread waits in a callback for what it would have to run. */
SCENE(io__the_only_thread_waits_for_an_operation)
{
    tp_pool_t *pool = scene_settled(0, 1);
    scene_io_open(A, scene_any_file());
    scene_io_make(A, pool);
    tp_work_t *work = scene_pool_work(pool, wait_within, SCENE_WORD(A));
    scene_submit(work, 1);
    perhaps_sleep();
    scene_io_serve(A, SCENE_IO_LENGTH);
    if (work)
        scene_finish(work);
    end(pool, 1);
}

static void await_announced(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    scene_add(RAN, 1);
    scene_io_wait((uint32_t)(uintptr_t)context);
    tpps_check(!scene_io_of(A) || scene_io_told(A) == 1);
}

SCENE(io__the_only_thread_waits_for_an_announcement)
{
    tp_pool_t *pool = scene_settled(0, 1);
    scene_io_open(A, TPPS_STREAM);
    scene_io_make(A, pool);
    tp_work_t *work = scene_pool_work(pool, await_announced, SCENE_WORD(A));
    if (work && scene_io_start(A)) {
        scene_submit(work, 1);
        if (tpps_choose(2))
            scene_await(RAN, 1);
        complete_soon(SCENE_WORD(A));
    }
    if (work)
        scene_finish(work);
    end(pool, 1);
}

/* A pool that its callers drive raises its flag, and they do all there is to do. */
static void drive_until_told(tp_pool_t *pool, uint32_t callbacks)
{
    int flag = -1;
    if (!scene_resource(tp_pool_poll_fd(pool, &flag)))
        callbacks = 0;
    while (scene_io_told(A) < callbacks) {
        tpps_check(tpps_poll(flag, TPP_FOREVER));
        while (scene_io_drive(pool))
            ;
    }
}

SCENE(io__driven_by_its_callers)
{
    tp_pool_t *pool = scene_driven(2);
    scene_io_open(A, scene_any_file());
    scene_io_make(A, pool);
    bool begun = scene_io_read(A, 0), both = scene_io_write(A, 1);
    tpps_thread other = tpps_spawn(serve_soon, SCENE_WORD(A));
    if (scene_io_of(A))
        drive_until_told(pool, (uint32_t)begun + both);
    tpps_join(other);
    while (scene_io_of(A) && tp_io_wait(scene_io_of(A), false, 0) != TP_OK)
        if (!scene_io_drive(pool))
            tpps_sleep(100 * US);
    scene_io_end(A);
    if (pool)
        scene_drive(pool);
    scene_close_pool(pool);
}

/* ---- sockets that listen and connect --------------------------------------------------------- */

/* What was accepted comes as the result; what nobody is told of is closed. */
SCENE(io__accepted_once_or_closed)
{
    tp_pool_t *pool = one(TPPS_SOCKET);
    tpps_socket_offer(scene_io_fd(A), 0);
    scene_io_put(A, 0, TP_IO_ACCEPT);
    scene_io_put(A, 1, TP_IO_ACCEPT);
    bool drop = tpps_choose(2);
    if (drop)
        scene_io_cancel(A);
    else if (tpps_choose(2))
        scene_io_abort(A, 0);
    tpps_socket_offer(scene_io_fd(A), 2);
    scene_io_put(A, 2, TP_IO_ACCEPT);
    tpps_socket_offer(scene_io_fd(A), 3);
    scene_io_settle(pool);
    scene_io_end(A);
    scene_close_pool(pool);
    scene_io_no_files();
}

/* As before, and the completions were queued already. */
SCENE(io__accepted_and_dropped_in_the_queue)
{
    tp_pool_t *pool = scene_settled(0, 1);
    scene_io_open(A, TPPS_SOCKET);
    scene_io_make(A, pool);
    tpps_socket_offer(scene_io_fd(A), 2);
    tp_work_t *work = scene_start(pool, scene_nap, 5000);
    scene_io_put(A, 0, TP_IO_ACCEPT);
    scene_io_put(A, 1, TP_IO_ACCEPT);
    tpps_sleep((int64_t)tpps_choose(6) * MS);
    scene_io_cancel(A);
    if (work)
        scene_finish(work);
    scene_io_settle(pool);
    scene_io_end(A);
    scene_close_pool(pool);
    scene_io_no_files();
}

SCENE(io__connected_or_refused)
{
    tp_pool_t *pool = one(TPPS_SOCKET);
    int answer = tpps_choose(2) ? ECONNREFUSED : 0;
    if (tpps_choose(2))
        tpps_socket_answer(scene_io_fd(A), answer);
    scene_io_put(A, 0, TP_IO_CONNECT);
    perhaps_sleep();
    tpps_socket_answer(scene_io_fd(A), answer);
    scene_io_wait(A);
    tpps_check(scene_op_went(0, answer));
    end(pool, 1);
}

/* ---- several threads ------------------------------------------------------------------------- */

static void start_and_complete(void *which)
{
    uint32_t first = 6 * (uint32_t)(uintptr_t)which;
    for (uint32_t i = 0; i < 2; i++)
        if (scene_io_start(A)) {
            tp_status_t status = scene_io_complete(A, first + i);
            tpps_check(status == TP_OK || status == TP_ERR_STATE); /* dropped by a wait */
        }
}

static void read_and_abort(void *which)
{
    uint32_t op = 4 * (uint32_t)(uintptr_t)which;
    scene_io_read(A, op);
    scene_io_read(A, op + 1);
    if (scene_complete())
        (void)scene_io_abort(A, op);
}

static void serve_a(void *unused)
{
    (void)unused;
    serve_soon(SCENE_WORD(A));
}

static void wait_or_drop(void *unused)
{
    (void)unused;
    if (tpps_choose(2))
        scene_io_drop(A);
    else if (scene_io_of(A) && tp_io_wait(scene_io_of(A), false, MS) == TP_OK)
        scene_add(DONE, 1);
}

SCENE(io__everything_at_once)
{
    tp_pool_t *pool = one(scene_any_file());
    void (*const bodies[])(void *) = {start_and_complete, read_and_abort, wait_or_drop, serve_a,
                                      start_and_complete, read_and_abort};
    tpps_thread others[5];
    for (uint32_t i = 0; i < 5; i++)
        others[i] = tpps_spawn(bodies[i + tpps_choose(2)], SCENE_WORD(i));
    for (uint32_t i = 0; i < 5; i++)
        tpps_join(others[i]);
    scene_io_serve(A, 100);
    scene_io_cancel(A);
    scene_io_settle(pool);
    end(pool, 1);
}

/* [C-163] One open object for a number and what it names. */
static void make_b(void *pool)
{
    tp_io_t *io = NULL;
    tp_env_t *env = scene_env(&(struct scene_choice){.pool = pool});
    if (!env)
        return;
    tp_status_t status = tp_io_create(scene_io_fd(A), scene_io_hit, SCENE_WORD(B), env, &io);
    tpps_check(tp_env_destroy(env) == TP_OK);
    scene_add(DONE, status == TP_OK);
    tpps_check(status == TP_OK || status == TP_ERR_EXISTS || scene_sweeps());
    tpps_check(tp_io_close(io) == TP_OK);
}

SCENE(io__c163_bound_once)
{
    tp_pool_t *pool = one(TPPS_STREAM);
    bool made = scene_io_of(A) != NULL;
    make_b(pool);
    tpps_check(!made || scene_latest(DONE) == 0);
    tpps_thread other = tpps_spawn(make_b, pool);
    scene_io_close(A);
    tpps_join(other);
    make_b(pool);
    tpps_check(!made || scene_sweeps() || scene_latest(DONE) >= 1);
    scene_io_over(A);
    scene_close_pool(pool);
}

static const struct tpps_scenario scenarios[] = {
    {SCENE_ROW(io__c147_wait_lasts_until_the_announced_was_told)},
    {SCENE_ROW(io__r32_cancel_beside_a_completion)},
    {SCENE_ROW(io__c162_no_credit_is_taken_twice)},
    {SCENE_ROW(io__c154_dropped_announcements)},
    {SCENE_ROW(io__c161_in_the_order_of_completion)},
    {SCENE_ROW(io__r31_told_before_the_call_returns)},
    {SCENE_ROW(io__several_wait_both_ways)},
    {SCENE_ROW(io__callbacks_that_begin_the_next)},
    {SCENE_ROW(io__a_key_is_taken_while_in_flight)},
    {SCENE_ROW(io__r30_forgotten_and_begun_anew_with_the_same_key)},
    {SCENE_ROW(io__begun_while_others_are_dropped)},
    {SCENE_ROW(io__c153_abort_beside_its_readiness)},
    {SCENE_ROW(io__abort_of_all_that_waits)},
    {SCENE_ROW(io__errors_are_told)},
    {SCENE_ROW(io__silence_where_nobody_listens)},
    {SCENE_ROW(io__silence_where_the_poller_refuses)},
    {SCENE_ROW(io__silence_where_others_wait)},
    {SCENE_ROW(io__completions_while_all_compute)},
    {SCENE_ROW(io__the_only_thread_waits_for_an_operation)},
    {SCENE_ROW(io__the_only_thread_waits_for_an_announcement)},
    {SCENE_ROW(io__driven_by_its_callers)},
    {SCENE_ROW(io__accepted_once_or_closed)},
    {SCENE_ROW(io__accepted_and_dropped_in_the_queue)},
    {SCENE_ROW(io__connected_or_refused)},
    {SCENE_ROW(io__everything_at_once)},
    {SCENE_ROW(io__c163_bound_once)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, scenarios, SCENE_COUNT(scenarios));
}
