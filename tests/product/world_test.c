/* world_test.c - sim_world.h and sim_file.h: clocks, threads, signals, descriptors, devices. */
#include "tests/product/bench.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "tp/io.h"

#define SECOND INT64_C(1000000000)

static tp_status_t passes(tp_sim_fn scenario)
{
    tp_sim_options_t options = bench_options(100);
    options.flags |= TP_SIM_EXACT_TIME | TP_SIM_MISUSE_FAILS;
    tp_status_t status = bench_search(&options, scenario);
    if (status == TP_SIM_FAILED)
        fputs(bench_report.text, stderr);
    return status;
}

/* ---- clocks ---------------------------------------------------------------------------------- */

static void count_timer(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)timer;
    ++*(int *)context;
}

static void count_wait(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                       tp_wait_result_t result)
{
    (void)instance;
    (void)wait;
    tp_sim_check(result == TP_WAIT_SIGNALED);
    ++*(int *)context;
}

static tp_timer_t *timer_on(uint32_t clock, int64_t due, int *count)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    tp_timer_t *timer;
    ok(tp_timer_create(count_timer, count, NULL, &timer));
    spec.clock = clock;
    spec.due = due;
    ok(tp_timer_set(timer, &spec, NULL));
    return timer;
}

static void end_timer(tp_timer_t *timer)
{
    ok(tp_timer_wait(timer, true, TP_INFINITE));
    ok(tp_timer_close(timer));
}

static void sleep_and_compute(void *context)
{
    int64_t before = tp_sim_now();
    (void)context;
    tp_sim_sleep(5 * SECOND);
    tp_sim_check(tp_sim_now() == before + 5 * SECOND);
    tp_sim_busy(2 * SECOND);
    tp_sim_check(tp_sim_now() == before + 7 * SECOND);
    tp_sim_sleep(0);
    tp_sim_busy(-1);
    tp_sim_check(tp_sim_now() == before + 7 * SECOND);
}

TAP_TEST(world__time_passes_as_told)
{
    check_eq(passes(sleep_and_compute), TP_OK);
}

static void suspend(void *context)
{
    int relative = 0, boottime = 0;
    tp_timer_t *one = timer_on(TP_CLOCK_RELATIVE, 10 * SECOND, &relative);
    tp_timer_t *other = timer_on(TP_CLOCK_BOOTTIME, 10 * SECOND, &boottime);
    (void)context;
    tp_sim_suspend(60 * SECOND);
    tp_sim_sleep(SECOND);
    tp_sim_check(relative == 0 && boottime == 1);
    tp_sim_sleep(10 * SECOND);
    tp_sim_check(relative == 1 && boottime == 1);
    end_timer(one);
    end_timer(other);
}

TAP_TEST(world__a_suspended_machine_stops_one_clock)
{
    check_eq(passes(suspend), TP_OK);
}

static void set_the_clock(void *context)
{
    int count = 0;
    /* In this world the wall clock begins in November 2023. */
    tp_timer_t *timer = timer_on(TP_CLOCK_REALTIME, 2000000000 * SECOND, &count);
    (void)context;
    tp_sim_sleep(60 * SECOND);
    tp_sim_check(count == 0);
    tp_sim_step_realtime(400000000 * SECOND);
    tp_sim_sleep(SECOND);
    tp_sim_check(count == 1);
    end_timer(timer);
}

TAP_TEST(world__the_wall_clock_is_set)
{
    check_eq(passes(set_the_clock), TP_OK);
}

/* ---- threads and processors ------------------------------------------------------------------ */

static void raise_flag(void *context)
{
    tp_sim_sleep(SECOND);
    *(int *)context = 1;
}

static void threads(void *context)
{
    int flag = 0, late = 0;
    tp_sim_thread_t thread = tp_sim_thread_start(raise_flag, &flag, "a thread with a long name");
    (void)context;
    tp_sim_check(thread != 0 && flag == 0);
    tp_sim_thread_join(thread);
    tp_sim_check(flag == 1);
    tp_sim_thread_join(thread); /* has ended: no wait */
    tp_sim_set_cpus(8);
    tp_sim_set_cpus(0);
    tp_sim_check(tp_sim_choose(1) == 0 && tp_sim_choose(0) == 0 && tp_sim_choose(3) < 3);
    tp_sim_thread_join(tp_sim_thread_start(raise_flag, &late, NULL));
    tp_sim_check(late == 1);
}

TAP_TEST(world__threads_start_and_end)
{
    check_eq(passes(threads), TP_OK);
}

/* ---- what is waited for ---------------------------------------------------------------------- */

static tp_wait_t *wait_for(tp_waitable_t source, int *count)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    tp_wait_t *wait;
    ok(tp_wait_create(count_wait, count, NULL, &wait));
    spec.source = source;
    ok(tp_wait_set(wait, &spec, NULL));
    return wait;
}

static void sources(void *context)
{
    int signals = 0, ends = 0, ready = 0;
    int process = tp_sim_open(TP_SIM_FILE_PROCESS), stream = tp_sim_open(TP_SIM_FILE_STREAM);
    tp_wait_t *one = wait_for(tp_waitable_signal(SIGUSR1), &signals);
    tp_wait_t *two = wait_for(tp_waitable_process(process), &ends);
    tp_wait_t *three = wait_for(tp_waitable_fd(stream, POLLPRI), &ready);
    (void)context;
    tp_sim_sleep(SECOND);
    tp_sim_check(signals == 0 && ends == 0 && ready == 0);
    tp_sim_signal_raise(SIGUSR1);
    tp_sim_process_end(process);
    tp_sim_set_ready(stream, POLLPRI);
    tp_sim_sleep(SECOND);
    tp_sim_check(signals == 1 && ends == 1 && ready == 1);
    ok(tp_wait_close(one));
    ok(tp_wait_close(two));
    ok(tp_wait_close(three));
    tp_sim_sleep(SECOND);
    tp_sim_close(process);
    tp_sim_close(stream);
}

TAP_TEST(world__signals_processes_and_descriptors_come)
{
    check_eq(passes(sources), TP_OK);
}

/* ---- I/O ------------------------------------------------------------------------------------- */

static struct {
    int calls, error;
    uint64_t bytes;
} outcome;

static void done(tp_callback_instance_t *instance, void *context, void *operation, int error,
                 uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    (void)context;
    (void)operation;
    (void)io;
    outcome.calls++;
    outcome.error = error;
    outcome.bytes = bytes;
}

static tp_io_op_t operation(uint32_t opcode, void *buffer, uint64_t length)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = opcode;
    op.operation = buffer;
    op.buffer = buffer;
    op.length = length;
    return op;
}

static void submit(tp_io_t *io, uint32_t opcode, void *buffer, uint64_t length)
{
    tp_io_op_t op = operation(opcode, buffer, length);
    outcome.calls = 0;
    ok(tp_io_submit(io, &op));
    tp_sim_sleep(SECOND);
}

static void transfer(uint32_t backend)
{
    char in[8] = "", out[8] = "wxyz", written[8] = "";
    int fd = tp_sim_open(TP_SIM_FILE_STREAM), copy = tp_sim_dup(fd);
    tp_io_t *io;
    tp_sim_set_io_backend(backend);
    ok(tp_io_create(fd, done, NULL, NULL, &io));
    submit(io, TP_IO_READ, in, 4);
    tp_sim_check(outcome.calls == 0);
    tp_sim_feed(copy, "abcd", 4);
    tp_sim_sleep(SECOND);
    tp_sim_check(outcome.calls == 1 && outcome.error == 0);
    tp_sim_check(outcome.bytes >= 1 && memcmp(in, "abcd", (size_t)outcome.bytes) == 0);
    tp_sim_room(fd, 4);
    submit(io, TP_IO_WRITE, out, 4);
    tp_sim_check(outcome.calls == 1 && outcome.error == 0);
    tp_sim_check(tp_sim_written(fd, NULL, 0) == outcome.bytes);
    tp_sim_check(tp_sim_written(fd, written, sizeof written) == outcome.bytes);
    tp_sim_check(memcmp(written, "wxyz", (size_t)outcome.bytes) == 0);
    tp_sim_check(tp_sim_written(fd, NULL, 0) == 0);
    tp_sim_next_error(fd, EIO);
    submit(io, TP_IO_READ, in, 4);
    tp_sim_check(outcome.calls == 1 && outcome.error == EIO);
    tp_sim_hang_up(fd);
    submit(io, TP_IO_WRITE, out, 4);
    tp_sim_check(outcome.calls == 1 && outcome.error == EPIPE);
    ok(tp_io_close(io));
    tp_sim_close(copy);
    tp_sim_close(fd);
}

static void streams(void *context)
{
    (void)context;
    transfer(TP_IO_BACKEND_EPOLL);
}

static void rings(void *context)
{
    (void)context;
    transfer(TP_IO_BACKEND_URING);
}

TAP_TEST(file__streams_carry_bytes_on_both_back_ends)
{
    check_eq(passes(streams), TP_OK);
    check_eq(passes(rings), TP_OK);
}

static void slow_disk(void *context)
{
    char byte = 0;
    int fd = tp_sim_open(TP_SIM_FILE_DISK);
    int64_t before = tp_sim_now();
    tp_io_t *io;
    tp_io_op_t op;
    (void)context;
    tp_sim_disk(fd, 1000, false, SECOND);
    ok(tp_io_create(fd, done, NULL, NULL, &io));
    op = operation(TP_IO_READ, &byte, 1);
    outcome.calls = 0;
    ok(tp_io_submit(io, &op));
    ok(tp_io_wait(io, false, TP_INFINITE));
    tp_sim_check(outcome.calls == 1 && outcome.bytes == 1);
    tp_sim_check(tp_sim_now() - before >= SECOND);
    ok(tp_io_close(io));
    tp_sim_close(fd);
}

TAP_TEST(file__a_slow_disk_is_slow)
{
    check_eq(passes(slow_disk), TP_OK);
}

static void wrong_number(void *context)
{
    (void)context;
    tp_sim_feed(77, "x", 1);
}

static void wrong_kind(void *context)
{
    (void)context;
    tp_sim_open(TP_SIM_FILE_DIRECT + 1);
}

TAP_TEST(file__wrong_numbers_and_kinds_fail_the_run)
{
    tp_sim_options_t options = bench_options(1);
    check_eq(bench_search(&options, wrong_number), TP_SIM_FAILED);
    check(strstr(bench_report.message, "descriptor 77") != NULL);
    check_eq(bench_search(&options, wrong_kind), TP_SIM_FAILED);
    check(strstr(bench_report.message, "tp_sim_open") != NULL);
}

int main(void)
{
    tap_run(world__time_passes_as_told);
    tap_run(world__a_suspended_machine_stops_one_clock);
    tap_run(world__the_wall_clock_is_set);
    tap_run(world__threads_start_and_end);
    tap_run(world__signals_processes_and_descriptors_come);
    tap_run(file__streams_carry_bytes_on_both_back_ends);
    tap_run(file__a_slow_disk_is_slow);
    tap_run(file__wrong_numbers_and_kinds_fail_the_run);
    return tap_done();
}
