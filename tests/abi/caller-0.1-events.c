/* caller-0.1-events.c - the second part of the program for tp 0.1: timers, waits and I/O. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/abi/caller-0.1.h"

/* ---- Timers ---------------------------------------------------------------------------------- */

struct clockwork {
    tp_semaphore_t *ticks;
    tp_timer_t *timer;
    unsigned runs;
};

static void tick(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct clockwork *clockwork = context;

    check(instance != NULL && timer == clockwork->timer);
    __atomic_add_fetch(&clockwork->runs, 1, __ATOMIC_RELAXED);
    (void)tp_semaphore_release(clockwork->ticks, 1, NULL); /* TP_ERR_LIMIT: enough of them */
}

static void set_timer(tp_timer_t *timer, int64_t due, int64_t period)
{
    tp_timer_spec_t spec;

    tp_timer_spec_init(&spec);
    check_eq(spec.struct_size, sizeof spec);
    check_eq(spec.clock, TP_CLOCK_RELATIVE);
    spec.due = due;
    spec.period = period;
    ok(tp_timer_set(timer, &spec, NULL));
}

TAP_TEST(caller_0_1__a_timer_ticks_until_it_is_stopped)
{
    struct clockwork clockwork = { NULL, NULL, 0 };
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    bool answer = true;
    unsigned runs;

    ok(tp_semaphore_create(0, 3, &clockwork.ticks));
    ok(tp_timer_create(tick, &clockwork, NULL, &clockwork.timer));
    ok(tp_timer_is_set(clockwork.timer, &answer));
    check(!answer);
    set_timer(clockwork.timer, 1000000, 1000000);
    for (int i = 0; i < 3; i++)
        check_eq(wait_for(tp_waitable_semaphore(clockwork.ticks), SECONDS(30)), TP_WAIT_SIGNALED);
    ok(tp_timer_set(clockwork.timer, NULL, &answer));
    check(answer);
    ok(tp_timer_wait(clockwork.timer, true, TP_INFINITE));
    runs = clockwork.runs;
    check(runs >= 3);
    ok(tp_timer_is_set(clockwork.timer, &answer));
    check(!answer);

    spec.clock = TP_CLOCK_REALTIME; /* 1970: it is past */
    spec.window = SECONDS(1);
    spec.flags = TP_TIMER_SKIP_MISSED;
    ok(tp_timer_set(clockwork.timer, &spec, &answer));
    check(!answer);
    ok(tp_timer_wait(clockwork.timer, false, SECONDS(30)));
    check_eq(clockwork.runs, runs + 1);
    ok(tp_timer_is_set(clockwork.timer, &answer));
    check(answer);
    spec.clock = TP_CLOCK_BOOTTIME;
    spec.due = SECONDS(3600);
    ok(tp_timer_set(clockwork.timer, &spec, &answer));
    check(!answer);
    spec.clock = TP_CLOCK_MONOTONIC;
    spec.due = TP_INFINITE;
    ok(tp_timer_set(clockwork.timer, &spec, &answer));
    check(answer);
    spec.reserved = 1;
    check_eq(tp_timer_set(clockwork.timer, &spec, NULL), TP_ERR_ARGUMENT);
    ok(tp_timer_close(clockwork.timer));
    check_eq(tp_timer_close(clockwork.timer), TP_ERR_HANDLE);
    check_eq(clockwork.runs, runs + 1);
    ok(tp_semaphore_close(clockwork.ticks));
}

/* ---- Waits ----------------------------------------------------------------------------------- */

struct watch {
    tp_event_t *told;
    tp_wait_t *wait;
    tp_wait_result_t result;
    uint32_t events;
    unsigned runs;
};

static void watched(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                    tp_wait_result_t result)
{
    struct watch *watch = context;

    check(wait == watch->wait);
    ok(tp_callback_wait_events(instance, &watch->events));
    ok(tp_callback_set_event_on_return(instance, watch->told));
    watch->result = result;
    watch->runs++;
}

static void watch_for(struct watch *watch, tp_waitable_t source, int64_t timeout)
{
    tp_wait_spec_t spec;
    bool was_armed = true;

    tp_wait_spec_init(&spec);
    check_eq(spec.struct_size, sizeof spec);
    spec.source = source;
    spec.timeout = timeout;
    ok(tp_wait_set(watch->wait, &spec, &was_armed));
    check(!was_armed);
}

static void expect_watched(struct watch *watch, tp_wait_result_t result, uint32_t events)
{
    check_eq(wait_for(tp_waitable_event(watch->told), SECONDS(30)), TP_WAIT_SIGNALED);
    ok(tp_wait_wait(watch->wait, false, TP_INFINITE));
    check_eq(watch->result, result);
    check_eq(watch->events, events);
}

static void watch_a_pipe(struct watch *watch)
{
    int ends[2];

    check_eq(pipe(ends), 0);
    watch_for(watch, tp_waitable_fd(ends[0], POLLIN), SECONDS(30));
    check_eq(write(ends[1], "x", 1), 1);
    expect_watched(watch, TP_WAIT_SIGNALED, POLLIN);
    check_eq(close(ends[0]) | close(ends[1]), 0);
}

static void watch_a_process(struct watch *watch)
{
    pid_t child = fork();
    int fd = child > 0 ? (int)syscall(SYS_pidfd_open, child, 0) : -1;

    if (child == 0)
        _exit(0);
    watch_for(watch, tp_waitable_process(fd), TP_INFINITE);
    check_eq(wait_for(tp_waitable_event(watch->told), SECONDS(30)), TP_WAIT_SIGNALED);
    check_eq(watch->result, TP_WAIT_SIGNALED);
    check_eq(waitpid(child, NULL, 0), child);
    check_eq(close(fd), 0);
}

TAP_TEST(caller_0_1__a_wait_is_for_whatever_can_be_signaled)
{
    struct watch watch = { NULL, NULL, TP_WAIT_FAILED, 0, 0 };
    tp_semaphore_t *semaphore = NULL;

    ok(tp_event_create(false, false, &watch.told));
    ok(tp_semaphore_create(0, 3, &semaphore));
    ok(tp_wait_create(watched, &watch, NULL, &watch.wait));
    watch_for(&watch, tp_waitable_semaphore(semaphore), TP_INFINITE);
    ok(tp_semaphore_release(semaphore, 1, NULL));
    expect_watched(&watch, TP_WAIT_SIGNALED, 0);
    check_eq(wait_for(tp_waitable_semaphore(semaphore), 0), TP_WAIT_TIMEOUT);
    watch_a_pipe(&watch);
    watch_a_process(&watch);
    watch_for(&watch, tp_waitable_signal(SIGUSR1), TP_INFINITE);
    check_eq(kill(getpid(), SIGUSR1), 0);
    expect_watched(&watch, TP_WAIT_SIGNALED, 0);
    watch_for(&watch, tp_waitable_never(), 1000000);
    expect_watched(&watch, TP_WAIT_TIMEOUT, 0);
    ok(tp_wait_close(watch.wait));
    check_eq(watch.runs, 5);
    check_eq(tp_semaphore_close(semaphore) | tp_event_close(watch.told), TP_OK);
}

/* ---- I/O ------------------------------------------------------------------------------------- */

struct transfer {
    tp_semaphore_t *told;
    tp_io_t *io;
    void *operation; /* of the last completion, as the next two */
    int32_t error;
    uint64_t bytes;
    unsigned runs;
    unsigned released;
};

static void transferred(tp_callback_instance_t *instance, void *context, void *operation,
                        int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct transfer *transfer = context;

    check(io == transfer->io);
    ok(tp_callback_release_semaphore_on_return(instance, transfer->told, 1));
    transfer->operation = operation;
    transfer->error = error;
    transfer->bytes = bytes;
    transfer->runs++;
}

static void release_transfer(void *context)
{
    struct transfer *transfer = context;

    transfer->released++;
    ok(tp_semaphore_release(transfer->told, 1, NULL));
}

static tp_io_op_t operation_of(uint32_t opcode, void *key, void *buffer, uint64_t length)
{
    tp_io_op_t op;

    tp_io_op_init(&op);
    check_eq(op.struct_size, sizeof op);
    check_eq(op.offset, -1);
    op.opcode = opcode;
    op.operation = key;
    op.buffer = buffer;
    op.length = length;
    return op;
}

static void begin_transfer(struct transfer *transfer, int fd)
{
    tp_env_t *env = NULL;

    memset(transfer, 0, sizeof *transfer);
    ok(tp_semaphore_create(0, 100, &transfer->told));
    ok(tp_env_create(&env));
    ok(tp_env_set_concurrency_limit(env, 1));
    ok(tp_env_set_context_release(env, release_transfer));
    ok(tp_io_create(fd, transferred, transfer, env, &transfer->io));
    ok(tp_env_destroy(env));
}

static void await_transfer(struct transfer *transfer, void *key, int32_t error, uint64_t bytes)
{
    check_eq(wait_for(tp_waitable_semaphore(transfer->told), SECONDS(30)), TP_WAIT_SIGNALED);
    ok(tp_io_wait(transfer->io, false, TP_INFINITE));
    check(transfer->operation == key);
    check_eq(transfer->error, error);
    check_eq(transfer->bytes, bytes);
}

static void end_transfer(struct transfer *transfer)
{
    ok(tp_io_close(transfer->io));
    check_eq(tp_io_close(transfer->io), TP_ERR_HANDLE);
    check_eq(wait_for(tp_waitable_semaphore(transfer->told), SECONDS(30)), TP_WAIT_SIGNALED);
    check_eq(transfer->released, 1);
    ok(tp_semaphore_close(transfer->told));
}

TAP_TEST(caller_0_1__a_file_is_written_and_read)
{
    static char first[] = "first half, ", second[] = "second half", all[64];
    enum { FIRST = sizeof first - 1, SECOND = sizeof second - 1 };
    struct iovec vector = { all, sizeof all };
    struct transfer transfer;
    tp_io_op_t ops[2];
    uint32_t submitted = 0;
    FILE *file = tmpfile();

    require(file != NULL);
    begin_transfer(&transfer, fileno(file));
    ops[0] = operation_of(TP_IO_WRITE, first, first, FIRST);
    ops[0].offset = 0;
    ops[1] = operation_of(TP_IO_WRITE, second, second, SECOND);
    ops[1].offset = FIRST;
    ok(tp_io_submit_many(transfer.io, ops, 2, &submitted));
    check_eq(submitted, 2);
    for (int i = 0; i < 2; i++)
        check_eq(wait_for(tp_waitable_semaphore(transfer.told), SECONDS(30)), TP_WAIT_SIGNALED);
    ok(tp_io_wait(transfer.io, false, TP_INFINITE));
    check_eq(transfer.runs, 2);

    ops[0] = operation_of(TP_IO_FDATASYNC, file, NULL, 0);
    ok(tp_io_submit(transfer.io, &ops[0]));
    await_transfer(&transfer, file, 0, 0);
    ops[0] = operation_of(TP_IO_READV, all, &vector, 1);
    ops[0].offset = 0;
    ok(tp_io_submit(transfer.io, &ops[0]));
    await_transfer(&transfer, all, 0, FIRST + SECOND);
    check_eq(strcmp(all, "first half, second half"), 0);
    ops[0] = operation_of(TP_IO_READ, NULL, all, sizeof all);
    ops[0].offset = 1000;
    ok(tp_io_submit(transfer.io, &ops[0])); /* end of file */
    await_transfer(&transfer, NULL, 0, 0);
    ops[0].opcode = 0;
    check_eq(tp_io_submit(transfer.io, &ops[0]), TP_ERR_ARGUMENT);
    end_transfer(&transfer);
    check_eq(fclose(file), 0);
}

TAP_TEST(caller_0_1__two_ends_of_a_socket_talk)
{
    static char question[] = "who?", answer[64];
    struct transfer near, far;
    tp_io_t *again = (tp_io_t *)answer;
    tp_io_op_t op;
    int ends[2];

    require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    begin_transfer(&near, ends[0]);
    begin_transfer(&far, ends[1]);
    check_eq(tp_io_create(ends[0], transferred, &near, NULL, &again), TP_ERR_EXISTS);
    check(again == NULL);

    op = operation_of(TP_IO_POLL, &far, NULL, 0);
    op.flags = POLLIN;
    ok(tp_io_submit(far.io, &op));
    check_eq(tp_io_submit(far.io, &op), TP_ERR_EXISTS);
    op = operation_of(TP_IO_SEND, question, question, sizeof question);
    ok(tp_io_submit(near.io, &op));
    await_transfer(&near, question, 0, sizeof question);
    await_transfer(&far, &far, 0, POLLIN);
    op = operation_of(TP_IO_RECV, answer, answer, sizeof answer);
    ok(tp_io_submit(far.io, &op));
    await_transfer(&far, answer, 0, sizeof question);
    check_eq(strcmp(answer, question), 0);

    ok(tp_io_submit(far.io, &op)); /* nothing comes any more */
    ok(tp_io_abort(far.io, answer));
    await_transfer(&far, answer, ECANCELED, 0);
    check_eq(tp_io_abort(far.io, answer), TP_ERR_ARGUMENT);
    ok(tp_io_submit(far.io, &op));
    ok(tp_io_wait(far.io, true, TP_INFINITE)); /* forgotten: its buffer is the system's */
    check_eq(close(ends[0]) | close(ends[1]), 0);
    end_transfer(&near); /* it is the end of file for what was forgotten */
    end_transfer(&far);
    check_eq(far.runs, 3);
}

TAP_TEST(caller_0_1__operations_are_completed_elsewhere)
{
    struct transfer transfer;
    int ends[2];

    require(pipe(ends) == 0);
    begin_transfer(&transfer, ends[0]);
    check_eq(tp_io_complete(transfer.io, ends, 0, 1), TP_ERR_STATE);
    ok(tp_io_start(transfer.io));
    check_eq(tp_io_wait(transfer.io, false, 0), TP_ERR_TIMEOUT);
    ok(tp_io_complete(transfer.io, ends, EIO, 7));
    await_transfer(&transfer, ends, EIO, 7);
    ok(tp_io_start(transfer.io));
    ok(tp_io_cancel(transfer.io)); /* it failed to start */
    check_eq(tp_io_cancel(transfer.io), TP_ERR_STATE);
    ok(tp_io_wait(transfer.io, false, 0));
    check_eq(transfer.runs, 1);
    end_transfer(&transfer);
    check_eq(close(ends[0]) | close(ends[1]), 0);
}

int main(void)
{
    sigset_t waited_for;

    sigemptyset(&waited_for);
    sigaddset(&waited_for, SIGUSR1);
    sigprocmask(SIG_BLOCK, &waited_for, NULL); /* before there is another thread */
    tap_run(caller_0_1__a_timer_ticks_until_it_is_stopped);
    tap_run(caller_0_1__a_wait_is_for_whatever_can_be_signaled);
    tap_run(caller_0_1__a_file_is_written_and_read);
    tap_run(caller_0_1__two_ends_of_a_socket_talk);
    tap_run(caller_0_1__operations_are_completed_elsewhere);
    return tap_done();
}
