/* io_memory_test.c - I/O while memory is out: what allocates nothing, what fails cleanly. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/socket.h>

#include "tests/capi/exhaust.h"

/* ---- on each back end ------------------------------------------------------------------------ */

static const char *const backends[] = {"auto", "epoll", "uring"}; /* numbered as TP_IO_BACKEND_* */
static bool ring_allowed;

/* In a child, before anything is used. */
static void choose(uintptr_t backend)
{
    check_eq(setenv("TP_IO_BACKEND", backends[backend], 1), 0);
}

static void look_for_ring(uintptr_t backend)
{
    tp_io_t *io = NULL;
    choose(backend);
    prepare();
    tp_status_t status = tp_io_create(0, run_io, &runs, stand.env, &io);
    check(status == TP_OK || status == TP_ERR_UNSUPPORTED);
    shared->succeeded = status == TP_OK;
}

static void on_each_backend(void (*body)(uintptr_t))
{
    tap_timeout(120);
    check(in_child(body, TP_IO_BACKEND_EPOLL));
    if (ring_allowed)
        check(in_child(body, TP_IO_BACKEND_URING));
    else
        printf("# the system allows no io_uring here: tried without it only\n");
}

/* ---- what is worked on ----------------------------------------------------------------------- */

static tp_io_t *io;
static int ends[2]; /* of a pair of sockets; the object is bound to the first */
static char text[] = "text";

static tp_io_op_t op_of(uint32_t opcode, void *key)
{
    static char buffer[16];
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = opcode;
    op.operation = key;
    op.buffer = opcode == TP_IO_SEND || opcode == TP_IO_WRITE ? text : buffer;
    op.length = sizeof text;
    op.flags = opcode == TP_IO_POLL ? POLLOUT : 0;
    return op;
}

static tp_io_op_t receiving(void *key)
{
    return op_of(TP_IO_RECV, key);
}

static void send_text(void)
{
    check_eq(write(ends[1], text, sizeof text), sizeof text);
}

static void open_sockets(void)
{
    check_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void create_io(void)
{
    open_sockets();
    check_eq(tp_io_create(ends[0], run_io, &runs, stand.env, &io), TP_OK);
}

/* Nothing is out, and nothing was told. */
static void expect_rest(void)
{
    check_eq(tp_io_wait(io, false, 0), TP_OK);
    check_eq(tp_io_abort(io, text), TP_ERR_ARGUMENT);
    check_eq(tp_io_cancel(io), TP_ERR_STATE);
    check_eq(statistics(stand.pool).io_in_flight, 0);
    check_eq(statistics(stand.pool).submitted, 0);
}

/* What is still in flight ends with the sockets. */
static void end_io(void)
{
    check_eq(tp_io_close(io), TP_OK);
    check_eq(shutdown(ends[1], SHUT_RDWR), 0);
    check(becomes(&releases, 1));
    check(none_in_use(TPI_KIND_IO) && none_in_use(TPI_KIND_OPERATION));
    check_eq(close(ends[0]) | close(ends[1]), 0);
    close_stand();
}

/* ---- what allocates nothing ------------------------------------------------------------------ */

static void announce_all_ways(tp_io_op_t *poll)
{
    FREELY(tp_io_start(io));
    FREELY(tp_io_cancel(io));
    FREELY(tp_io_start(io));
    FREELY(tp_io_complete(io, NULL, EIO, 1));
    FREELY(tp_io_submit(io, poll));
    FREELY(tp_io_wait(io, false, TP_INFINITE));
    FREELY(tp_io_start(io));
    FREELY(tp_io_wait(io, true, TP_INFINITE));
}

/* In flight, and ended by its peer, by an abort, or forgotten. */
static void receive_all_ways(tp_io_op_t ops[3])
{
    uint32_t submitted = 0;
    FREELY(tp_io_submit(io, &ops[0]));
    send_text();
    FREELY(tp_io_wait(io, false, TP_INFINITE));
    FREELY(tp_io_submit_many(io, ops, 3, &submitted));
    FREELY(tp_io_abort(io, ops[0].operation));
    FREELY(tp_io_abort(io, ops[1].operation));
    FREELY(tp_io_abort(io, ops[2].operation));
    FREELY(tp_io_wait(io, false, TP_INFINITE));
    FREELY(tp_io_submit(io, &ops[1]));
    FREELY(tp_io_wait(io, true, TP_INFINITE));
    send_text(); /* for what was forgotten */
    for (int i = 0; i < 20000 && statistics(stand.pool).io_in_flight > 0; i++)
        usleep(1000);
    check_eq(statistics(stand.pool).io_in_flight, 0);
}

/* Once there were as many operations as there ever will be. */
static void use_freely(uintptr_t backend)
{
    char keys[3];
    choose(backend);
    prepare();
    check_eq(tp_pool_close(stand.pool), TP_OK);
    stand.pool = settled_pool(1);
    check_eq(tp_env_set_pool(stand.env, stand.pool), TP_OK);
    create_io();
    tp_io_op_t poll = op_of(TP_IO_POLL, text);
    tp_io_op_t ops[3] = {receiving(&keys[0]), receiving(&keys[1]), receiving(&keys[2])};
    check_eq(tp_io_submit_many(io, ops, 3, NULL), TP_OK);
    check_eq(tp_io_start(io) | tp_io_cancel(io), TP_OK);
    for (int i = 0; i < 3; i++)
        check_eq(tp_io_abort(io, &keys[i]), TP_OK);
    check_eq(tp_io_wait(io, false, TP_INFINITE), TP_OK);
    check_eq(statistics(stand.pool).io_backend, backend);
    __atomic_store_n(&world.forbidden, true, __ATOMIC_SEQ_CST); /* on all threads */
    for (int i = 0; i < 100; i++) {
        announce_all_ways(&poll);
        receive_all_ways(ops);
    }
    FREELY(tp_io_submit(io, &ops[2]));
    FREELY(tp_io_close(io));
    send_text();
    check(becomes(&releases, 1));
    __atomic_store_n(&world.forbidden, false, __ATOMIC_SEQ_CST);
    check_eq(world.violations, 0);
    check_eq(tpp_load_acquire(&runs), 3 + 100 * (2 + 1 + 3) + 1);
    check_eq(close(ends[0]) | close(ends[1]), 0);
    close_stand();
}

TAP_TEST(io_memory__operations_that_came_before_are_used_again_without_allocating)
{
    on_each_backend(use_freely);
}

/* A file: what is cached is done in the submit, and the rest by whoever may wait. */
static void use_file_freely(uintptr_t backend)
{
    FILE *file = tmpfile();
    choose(backend);
    prepare();
    check_eq(tp_pool_close(stand.pool), TP_OK);
    stand.pool = settled_pool(1);
    check_eq(tp_env_set_pool(stand.env, stand.pool), TP_OK);
    check_eq(tp_io_create(fileno(file), run_io, &runs, stand.env, &io), TP_OK);
    tp_io_op_t ops[3] = {op_of(TP_IO_WRITE, text), op_of(TP_IO_READ, &ops[1]),
                         op_of(TP_IO_FDATASYNC, &ops[2])};
    ops[0].offset = ops[1].offset = 4096;
    check_eq(tp_io_submit_many(io, ops, 3, NULL), TP_OK);
    check_eq(tp_io_wait(io, false, TP_INFINITE), TP_OK);
    __atomic_store_n(&world.forbidden, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 50; i++) {
        FREELY(tp_io_submit_many(io, ops, 3, NULL));
        FREELY(tp_io_wait(io, false, TP_INFINITE));
    }
    FREELY(tp_io_close(io));
    check(becomes(&releases, 1));
    __atomic_store_n(&world.forbidden, false, __ATOMIC_SEQ_CST);
    check_eq(world.violations, 0);
    check_eq(tpp_load_acquire(&runs), 3 * 51);
    close_stand();
    fclose(file);
}

TAP_TEST(io_memory__a_file_is_written_and_read_without_allocating)
{
    on_each_backend(use_file_freely);
}

/* What was started before memory ran out ends as ever. */
static void end_without_memory(uintptr_t backend)
{
    char keys[3];
    tp_io_op_t op;
    choose(backend);
    prepare();
    create_io();
    for (int i = 0; i < 3; i++) {
        op = receiving(&keys[i]);
        check_eq(tp_io_submit(io, &op) | tp_io_start(io), TP_OK);
    }
    fail_at(1, true);
    __atomic_store_n(&world.threads_left, 0, __ATOMIC_SEQ_CST);
    check_eq(tp_io_complete(io, NULL, 0, 0) | tp_io_cancel(io), TP_OK);
    check(becomes(&runs, 1));
    check_eq(tp_io_abort(io, &keys[0]), TP_OK);
    check(becomes(&runs, 2));
    check_eq(tp_io_wait(io, true, TP_INFINITE), TP_OK);
    check_eq(tp_io_cancel(io), TP_ERR_STATE);
    while (tp_io_start(io) == TP_OK)
        ; /* ends: the slots at hand are soon used up */
    check_eq(tp_io_start(io), TP_ERR_NO_MEMORY);
    op = receiving(text);
    check_eq(tp_io_submit(io, &op), TP_ERR_NO_MEMORY);
    check_eq(tp_io_close(io), TP_OK);
    check_eq(tpp_load_acquire(&releases), 0); /* two are forgotten, and in flight */
    check_eq(shutdown(ends[1], SHUT_RDWR), 0);
    check(becomes(&releases, 1));
    check_eq(tpp_load_acquire(&runs), 2);
    check_eq(close(ends[0]) | close(ends[1]), 0);
    close_stand();
    check(none_in_use(TPI_KIND_OPERATION));
}

TAP_TEST(io_memory__what_is_in_flight_ends_with_memory_exhausted)
{
    on_each_backend(end_without_memory);
}

/* ---- what fails cleanly ---------------------------------------------------------------------- */

static bool and_on; /* with the nth allocation all that follow fail, too */

static tp_status_t try_create(void)
{
    io = (tp_io_t *)&stand;
    return tp_io_create(ends[0], run_io, &runs, stand.env, &io);
}

/* Fails the first allocation of the call, then the second ... until it succeeds: how often it was
 * refused. A ring that is demanded may be refused for lack of memory. */
static uint32_t fail_in_turn(tp_status_t (*call)(void), void (*after)(void))
{
    tp_status_t status = TP_ERR_NO_MEMORY;
    uint32_t refusals = 0;
    while (status != TP_OK && refusals < 100) {
        fail_at(refusals + 1, and_on);
        status = call();
        fail_at(NEVER, false);
        refusals += status != TP_OK;
        check(status == TP_OK || status == TP_ERR_NO_MEMORY ||
              (status == TP_ERR_UNSUPPORTED && call == try_create));
        if (status != TP_OK)
            after();
    }
    return refusals;
}

/* The context is still the caller's, and the descriptor is bound to nothing. */
static void expect_none(void)
{
    check(io == NULL);
    check_eq(tpi_slab_in_use(TPI_KIND_IO), 0);
    check_eq(tpp_load_acquire(&releases), 0);
}

static tp_status_t try_start(void)
{
    return tp_io_start(io);
}

static tp_status_t try_submit(void)
{
    tp_io_op_t op = receiving(text);
    return tp_io_submit(io, &op);
}

static void fail_calls(uintptr_t backend)
{
    choose(backend);
    prepare();
    open_sockets();
    check(fail_in_turn(try_create, expect_none) >= 3);
    check(fail_in_turn(try_start, expect_rest) >= 1);
    check_eq(statistics(stand.pool).io_in_flight, 1);
    check_eq(tp_io_complete(io, NULL, 0, 0), TP_OK);
    check(becomes(&runs, 1));
    end_io();
    check_eq(tpp_load_acquire(&runs), 1);
}

/* Where nothing is demanded a pool that has no memory for a ring does without. */
TAP_TEST(io_memory__create_and_start_fail_with_everything_as_it_was)
{
    for (int i = 0; i < 2; i++) {
        and_on = i == 1;
        on_each_backend(fail_calls);
        check(in_child(fail_calls, TP_IO_BACKEND_AUTO));
    }
}

/* None comes; or only the one that watches the clocks. */
static void refuse_threads(uintptr_t backend)
{
    choose(backend);
    prepare();
    open_sockets();
    for (uint32_t come = 0; come < 2; come++) {
        __atomic_store_n(&world.threads_left, come, __ATOMIC_SEQ_CST);
        check_eq(try_create(), TP_ERR_NO_THREAD);
        expect_none();
    }
    check_eq(statistics(stand.pool).thread_create_failures, 2);
    __atomic_store_n(&world.threads_left, 1, __ATOMIC_SEQ_CST);
    check_eq(try_create(), TP_OK);
    check_eq(try_submit(), TP_OK);
    send_text();
    check(becomes(&runs, 1));
    end_io();
}

TAP_TEST(io_memory__first_object_of_a_pool_without_a_thread)
{
    on_each_backend(refuse_threads);
}

static void fail_submit(uintptr_t backend)
{
    choose(backend);
    prepare();
    create_io();
    check(fail_in_turn(try_submit, expect_rest) >= 1);
    check_eq(tp_io_wait(io, false, 0), TP_ERR_TIMEOUT);
    send_text();
    check(becomes(&runs, 1));
    end_io();
    check_eq(tpp_load_acquire(&runs), 1);
}

TAP_TEST(io_memory__submit_fails_with_everything_as_it_was)
{
    for (int i = 0; i < 2; i++) {
        and_on = i == 1;
        on_each_backend(fail_submit);
    }
}

/* More than there are slots at hand: those before the one that failed are in flight. */
static void fail_batch(uintptr_t backend)
{
    enum { MANY = 3000 };
    tp_io_op_t *ops = calloc(MANY, sizeof *ops);
    uint32_t submitted = 0, more = 0;
    choose(backend);
    prepare();
    create_io();
    for (uint32_t i = 0; i < MANY; i++)
        ops[i] = receiving(&ops[i]);
    check_eq(tp_io_submit(io, &ops[0]), TP_OK); /* with this the first slots came */
    fail_at(1, true);
    check_eq(tp_io_submit_many(io, ops + 1, MANY - 1, &submitted), TP_ERR_NO_MEMORY);
    check(submitted > 0 && submitted < MANY - 1);
    check_eq(statistics(stand.pool).io_in_flight, 1 + submitted);
    fail_at(NEVER, false);
    check_eq(tp_io_submit_many(io, ops + 1 + submitted, MANY - 1 - submitted, &more), TP_OK);
    check_eq(submitted + more, MANY - 1);
    check_eq(tp_io_wait(io, false, 0), TP_ERR_TIMEOUT);
    check_eq(shutdown(ends[1], SHUT_RDWR), 0); /* end of file for all of them */
    check_eq(tp_io_wait(io, false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&runs), MANY);
    end_io();
    free(ops);
}

TAP_TEST(io_memory__a_batch_that_runs_out_of_memory_tells_how_far_it_came)
{
    on_each_backend(fail_batch);
}

int main(void)
{
    share();
    ring_allowed = in_child(look_for_ring, TP_IO_BACKEND_URING) && shared->succeeded;
    tap_run(io_memory__operations_that_came_before_are_used_again_without_allocating);
    tap_run(io_memory__a_file_is_written_and_read_without_allocating);
    tap_run(io_memory__what_is_in_flight_ends_with_memory_exhausted);
    tap_run(io_memory__create_and_start_fail_with_everything_as_it_was);
    tap_run(io_memory__first_object_of_a_pool_without_a_thread);
    tap_run(io_memory__submit_fails_with_everything_as_it_was);
    tap_run(io_memory__a_batch_that_runs_out_of_memory_tells_how_far_it_came);
    return tap_done();
}
