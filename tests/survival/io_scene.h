/* io_scene.h - what the tests of I/O share: objects, operations, what becomes of them. */
#ifndef TESTS_SURVIVAL_IO_SCENE_H
#define TESTS_SURVIVAL_IO_SCENE_H

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "tests/survival/scene.h"

static tpp_u32 runs, good, cancelled, wrong; /* callbacks: all, and by error */

TAP_UNUSED_ static void begin_count(void)
{
    tpp_u32 *const counters[] = {&runs, &good, &cancelled, &wrong};
    for (size_t i = 0; i < COUNT(counters); i++)
        tpp_store_release(counters[i], 0);
}

TAP_UNUSED_ static void count_io(tp_callback_instance_t *instance, void *context, void *operation,
                                 int32_t error, uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    (void)context;
    (void)operation;
    (void)bytes;
    (void)io;
    tpp_add_acq_rel(error == 0 ? &good : error == ECANCELED ? &cancelled : &wrong, 1);
    tpp_add_acq_rel(&runs, 1);
}

TAP_UNUSED_ static tp_io_t *scene_io(struct scene *scene, int fd, tp_io_fn callback, void *context)
{
    tp_io_t *io = NULL;
    check_eq(tp_io_create(fd, callback, context, scene->env, &io), TP_OK);
    return io;
}

TAP_UNUSED_ static tp_io_op_t op_of(uint32_t opcode, void *key, void *buffer, uint64_t length)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = opcode;
    op.operation = key;
    op.buffer = buffer;
    op.length = length;
    return op;
}

TAP_UNUSED_ static void submit(tp_io_t *io, uint32_t opcode, void *buffer, uint64_t length)
{
    tp_io_op_t op = op_of(opcode, buffer, buffer, length);
    check_eq(tp_io_submit(io, &op), TP_OK);
}

TAP_UNUSED_ static void finish_io(tp_io_t *io)
{
    check_eq(tp_io_wait(io, false, TP_INFINITE), TP_OK);
    check_eq(tp_io_close(io), TP_OK);
}

TAP_UNUSED_ static void new_pair(int pair[2])
{
    check_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

TAP_UNUSED_ static void close_pair(const int pair[2])
{
    check_eq(close(pair[0]) | close(pair[1]), 0);
}

TAP_UNUSED_ static void put(int fd, const char *text)
{
    check_eq(write(fd, text, strlen(text)), strlen(text));
}

/* One operation that waits, one that does not, and one that needs a disk. */
TAP_UNUSED_ static void expect_io_works(struct scene *scene)
{
    char in = 0, out = 'o', back[4] = "", name[] = "/var/tmp/tp-io-XXXXXX";
    uint32_t before = tpp_load_acquire(&good);
    int pair[2], fd = mkostemp(name, O_CLOEXEC);
    new_pair(pair);
    check(fd >= 0 && unlink(name) == 0);
    tp_io_t *io = scene_io(scene, pair[0], count_io, NULL),
            *file = scene_io(scene, fd, count_io, NULL);
    submit(io, TP_IO_RECV, &in, 1);
    submit(io, TP_IO_SEND, &out, 1);
    put(pair[1], "i");
    check(reaches(&good, before + 2));
    check(in == 'i' && read(pair[1], back, 1) == 1 && back[0] == 'o');
    tp_io_op_t op = op_of(TP_IO_WRITE, back, (char[]){"abc"}, 3);
    op.offset = 0;
    check_eq(tp_io_submit(file, &op), TP_OK);
    check(reaches(&good, before + 3));
    op = op_of(TP_IO_FSYNC, &op, NULL, 0);
    check_eq(tp_io_submit(file, &op), TP_OK);
    op = op_of(TP_IO_READ, back, back, 3);
    op.offset = 0;
    check_eq(tp_io_submit(file, &op), TP_OK);
    check(reaches(&good, before + 5));
    check(memcmp(back, "abc", 3) == 0);
    finish_io(io);
    finish_io(file);
    close_pair(pair);
    check_eq(close(fd), 0);
}

TAP_UNUSED_ static uint32_t descriptors_now(void)
{
    return entries("/proc/self/fd");
}

/* Threads that end give descriptors back a moment later. */
TAP_UNUSED_ static bool descriptors_fall_to(uint32_t count)
{
    int64_t end = now() + 10000 * MS * patience();
    while (descriptors_now() > count && now() < end)
        usleep(1000);
    return descriptors_now() <= count;
}

#endif
