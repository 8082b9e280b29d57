/* user_file_test.c - bytes of simulated descriptors: fed, read, written, taken; and real ones. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/product/user.h"
#include "tp/sim_file.h"

static const char greeting[] = "hello, and goodbye";
#define LENGTH (sizeof greeting - 1)

static char heard[64];
static size_t heard_size;

static void run_some(tp_sim_fn scenario)
{
    tp_sim_options_t options = TP_SIM_OPTIONS_INIT;
    options.schedules = 300;
    memset(heard, 0, sizeof heard);
    check_eq(tp_sim_run(&options, scenario, NULL, NULL), TP_OK);
}

static void all_was_heard(void)
{
    tp_sim_check(heard_size == LENGTH && memcmp(heard, greeting, LENGTH) == 0);
}

/* ---- a wait whose callback reads ------------------------------------------------------------- */

static int line;

static void arm(tp_wait_t *wait)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = tp_waitable_fd(line, POLLIN);
    tp_sim_check(tp_wait_set(wait, &spec, NULL) == TP_OK);
}

static void on_readable(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                        tp_wait_result_t result)
{
    ssize_t size;
    (void)instance;
    (void)result;
    while ((size = read(line, heard + heard_size, sizeof heard - heard_size)) > 0)
        heard_size += (size_t)size;
    if (size < 0) {
        tp_sim_check(errno == EAGAIN);
        arm(wait);
        return;
    }
    tp_sim_check(close(line) == 0);
    tp_event_set(context);
}

static void a_wait_that_reads(void *context)
{
    tp_event_t *closed;
    tp_wait_t *wait;
    tp_wait_result_t result;
    (void)context;
    heard_size = 0;
    line = tp_sim_open(TP_SIM_FILE_STREAM);
    tp_sim_check(fcntl(line, F_SETFL, fcntl(line, F_GETFL) | O_NONBLOCK) == 0);
    tp_sim_check(tp_event_create(true, false, &closed) == TP_OK);
    tp_sim_check(tp_wait_create(on_readable, closed, NULL, &wait) == TP_OK);
    arm(wait);
    tp_sim_feed(line, greeting, 5);
    tp_sim_feed(line, greeting + 5, LENGTH - 5);
    tp_sim_end(line);
    tp_sim_check(tp_waitable_wait(tp_waitable_event(closed), TP_INFINITE, &result) == TP_OK);
    all_was_heard();
    tp_wait_close(wait);
    tp_event_close(closed);
}

TAP_TEST(file__a_callback_reads_what_was_fed)
{
    run_some(a_wait_that_reads);
}

/* ---- operations ------------------------------------------------------------------------------ */

static void on_done(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                    uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    (void)context;
    (void)io;
    tp_sim_check(error == 0);
    *(uint64_t *)operation = bytes;
}

static uint64_t operate(tp_io_t *io, uint32_t opcode, void *buffer, uint64_t length)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    uint64_t bytes = 0;
    op.opcode = opcode;
    op.buffer = buffer;
    op.length = length;
    op.operation = &bytes;
    tp_sim_check(tp_io_submit(io, &op) == TP_OK);
    tp_sim_check(tp_io_wait(io, false, TP_INFINITE) == TP_OK);
    tp_sim_check(bytes > 0 && bytes <= length);
    return bytes;
}

static void echo(void *context)
{
    int fd = tp_sim_open(TP_SIM_FILE_SOCKET);
    tp_io_t *io;
    char back[64];
    size_t sent = 0;
    (void)context;
    heard_size = 0;
    tp_sim_feed(fd, greeting, LENGTH);
    tp_sim_room(fd, LENGTH);
    tp_sim_check(tp_io_create(fd, on_done, NULL, NULL, &io) == TP_OK);
    while (heard_size < LENGTH)
        heard_size += operate(io, TP_IO_READ, heard + heard_size, LENGTH - heard_size);
    all_was_heard();
    while (sent < LENGTH)
        sent += operate(io, TP_IO_WRITE, heard + sent, LENGTH - sent);
    tp_sim_check(tp_sim_written(fd, NULL, 0) == LENGTH);
    tp_sim_check(tp_sim_written(fd, back, 5) == 5);
    tp_sim_check(tp_sim_written(fd, back + 5, sizeof back) == LENGTH - 5);
    tp_sim_check(memcmp(back, greeting, LENGTH) == 0);
    tp_sim_check(tp_sim_written(fd, NULL, 0) == 0);
    tp_io_close(io);
    tp_sim_close(fd);
}

TAP_TEST(file__operations_carry_the_bytes_they_are_given)
{
    run_some(echo);
}

/* ---- calls that wait ------------------------------------------------------------------------- */

static void *read_all(void *context)
{
    ssize_t size;
    while ((size = recv(line, heard + heard_size, 7, 0)) > 0)
        heard_size += (size_t)size;
    tp_sim_check(size == 0);
    return context;
}

static void a_reader_that_waits(void *context)
{
    struct pollfd state;
    pthread_t thread;
    char byte;
    (void)context;
    heard_size = 0;
    line = tp_sim_open(TP_SIM_FILE_SOCKET);
    state = (struct pollfd){line, POLLIN, 0};
    tp_sim_check(poll(&state, 1, 1000) == 0);
    tp_sim_check(recv(line, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
    tp_sim_check(pthread_create(&thread, NULL, read_all, NULL) == 0);
    sleep(1);
    tp_sim_feed(line, greeting, LENGTH);
    tp_sim_end(line);
    tp_sim_check(pthread_join(thread, NULL) == 0);
    all_was_heard();
    tp_sim_check(poll(&state, 1, -1) == 1 && (state.revents & POLLIN) != 0);
    tp_sim_room(line, 3);
    tp_sim_check(write(line, greeting, 3) > 0);
    tp_sim_check(close(line) == 0);
    tp_sim_check(poll(NULL, 0, 60000) == 0);
}

TAP_TEST(file__a_call_that_must_wait_lets_others_run)
{
    run_some(a_reader_that_waits);
}

static void forgotten(void *context)
{
    char byte;
    (void)context;
    line = tp_sim_open(TP_SIM_FILE_STREAM);
    (void)!read(line, &byte, 1);
}

TAP_TEST(file__a_read_of_what_never_comes_is_a_deadlock)
{
    must_fail(forgotten, NULL, NULL, "deadlock");
}

/* ---- a regular file, and a real one ---------------------------------------------------------- */

static void notes(void *context)
{
    int fd = tp_sim_open(TP_SIM_FILE_DISK);
    char back[LENGTH];
    size_t done = 0;
    (void)context;
    while (done < LENGTH) {
        ssize_t size = pwrite(fd, greeting + done, LENGTH - done, (off_t)(100 + done));
        tp_sim_check(size > 0);
        done += (size_t)size;
    }
    for (done = 0; done < LENGTH;) {
        ssize_t size = pread(fd, back + done, LENGTH - done, (off_t)(100 + done));
        tp_sim_check(size > 0);
        done += (size_t)size;
    }
    tp_sim_check(memcmp(back, greeting, LENGTH) == 0);
    close(fd);
}

static int real[2];

static void use_a_real_pipe(void *context)
{
    char back[5];
    (void)context;
    tp_sim_check(write(real[1], greeting, 5) == 5);
    tp_sim_check(read(real[0], back, 5) == 5 && memcmp(back, greeting, 5) == 0);
}

TAP_TEST(file__on_a_disk_keeps_what_is_written)
{
    run_some(notes);
}

TAP_TEST(file__real_descriptors_are_real)
{
    check_eq(pipe(real), 0);
    run_some(use_a_real_pipe);
    check_eq(close(real[0]), 0);
    check_eq(close(real[1]), 0);
}

int main(void)
{
    tap_run(file__a_callback_reads_what_was_fed);
    tap_run(file__operations_carry_the_bytes_they_are_given);
    tap_run(file__a_call_that_must_wait_lets_others_run);
    tap_run(file__a_read_of_what_never_comes_is_a_deadlock);
    tap_run(file__on_a_disk_keeps_what_is_written);
    tap_run(file__real_descriptors_are_real);
    return tap_done();
}
