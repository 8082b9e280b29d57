/* io_tp.c - tp among the libraries whose I/O is measured: its two back ends, and pools of two
 * threads and of one. */
#include <stdlib.h>
#include <sys/socket.h>

#include "bench/io.h"
#include "bench/measure.h"
#include "tp/tp.h"

static tp_env_t *env;

static void open_pool(uint32_t threads, uint32_t backend)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    must(unsetenv("TP_IO_BACKEND") == 0); /* which would have the last word */
    config.thread_maximum = threads;
    config.io_backend = backend;
    must(tp_pool_create(&config, &pool) == TP_OK);
    must(tp_env_create(&env) == TP_OK);
    must(tp_env_set_pool(env, pool) == TP_OK);
}

/* ---- reads ----------------------------------------------------------------------------------- */

static void begin_read(tp_io_t *io, struct io_slot *slot)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = TP_IO_READ;
    op.operation = slot;
    op.buffer = slot->buffer;
    op.length = IO_BLOCK;
    op.offset = slot->offset;
    must(tp_io_submit(io, &op) == TP_OK);
}

static void end_read(tp_callback_instance_t *instance, void *context, void *operation,
                     int32_t error, uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    (void)context;
    must(error == 0);
    if (io_read_done(operation, (int64_t)bytes))
        begin_read(io, operation);
}

/* The slots in turn are read by so many objects. */
static void read_by(unsigned depth, unsigned objects)
{
    tp_io_t **ios = io_room(objects, sizeof(tp_io_t *));
    for (unsigned i = 0; i < objects; i++)
        must(tp_io_create(io_open_file(), end_read, NULL, env, &ios[i]) == TP_OK);
    for (unsigned i = 0; i < depth; i++)
        begin_read(ios[i % objects], io_slot(i));
}

/* ---- echoes ---------------------------------------------------------------------------------- */

static void receive(tp_io_t *io, struct io_connection *connection)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = TP_IO_RECV;
    op.operation = connection;
    op.buffer = connection->room;
    op.length = IO_ROOM;
    must(tp_io_submit(io, &op) == TP_OK);
}

static void send_rest(tp_io_t *io, struct io_connection *connection)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = TP_IO_SEND;
    op.operation = connection;
    op.buffer = connection->room + connection->sent;
    op.length = connection->held - connection->sent;
    must(tp_io_submit(io, &op) == TP_OK);
}

static void go_on(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                  uint64_t bytes, tp_io_t *io)
{
    struct io_connection *connection = operation;
    (void)instance;
    (void)context;
    if (error != 0 || bytes == 0) /* the peer has gone */
        return;
    if (connection->sent == connection->held) {
        connection->sent = 0;
        connection->held = bytes;
        send_rest(io, connection);
        return;
    }
    connection->sent += bytes;
    if (connection->sent < connection->held)
        send_rest(io, connection);
    else
        receive(io, connection);
}

static void serve(const int *descriptors, unsigned count)
{
    struct io_connection *connections = io_connections(descriptors, count);
    for (unsigned i = 0; i < count; i++) {
        tp_io_t *io;
        must(tp_io_create(descriptors[i], go_on, NULL, env, &io) == TP_OK);
        receive(io, &connections[i]);
    }
}

/* ---- sides ----------------------------------------------------------------------------------- */

enum { FILES = 8 };

static void read_with_two(unsigned depth)
{
    open_pool(2, TP_IO_BACKEND_URING);
    read_by(depth, 1);
}

static void read_with_one(unsigned depth)
{
    open_pool(1, TP_IO_BACKEND_URING);
    read_by(depth, 1);
}

static void read_files(unsigned depth)
{
    open_pool(2, TP_IO_BACKEND_URING);
    read_by(depth, FILES);
}

static void serve_with_two(const int *descriptors, unsigned count)
{
    open_pool(2, TP_IO_BACKEND_URING);
    serve(descriptors, count);
}

static void serve_with_one(const int *descriptors, unsigned count)
{
    open_pool(1, TP_IO_BACKEND_URING);
    serve(descriptors, count);
}

static void epoll_read_with_two(unsigned depth)
{
    open_pool(2, TP_IO_BACKEND_EPOLL);
    read_by(depth, 1);
}

static void epoll_read_with_one(unsigned depth)
{
    open_pool(1, TP_IO_BACKEND_EPOLL);
    read_by(depth, 1);
}

static void epoll_read_files(unsigned depth)
{
    open_pool(2, TP_IO_BACKEND_EPOLL);
    read_by(depth, FILES);
}

static void epoll_serve_with_two(const int *descriptors, unsigned count)
{
    open_pool(2, TP_IO_BACKEND_EPOLL);
    serve(descriptors, count);
}

static void epoll_serve_with_one(const int *descriptors, unsigned count)
{
    open_pool(1, TP_IO_BACKEND_EPOLL);
    serve(descriptors, count);
}

const struct io_side tp_io_side = {
    .name = "tp",
    .about = "a pool of at most two threads, io_uring, one object for each descriptor",
    .read = read_with_two,
    .serve = serve_with_two,
};

const struct io_side tp_one_io_side = {
    .name = "tp-1",
    .about = "the same with one thread",
    .read = read_with_one,
    .serve = serve_with_one,
};

const struct io_side tp_files_io_side = {
    .name = "tp-files",
    .about = "tp where the file was opened eight times, an object for each",
    .read = read_files,
    .depth_least = FILES,
};

const struct io_side tp_epoll_io_side = {
    .name = "tp-epoll",
    .about = "tp with epoll and its own threads in place of io_uring",
    .read = epoll_read_with_two,
    .serve = epoll_serve_with_two,
};

const struct io_side tp_epoll_one_io_side = {
    .name = "tp-epoll-1",
    .about = "the same with one thread",
    .read = epoll_read_with_one,
    .serve = epoll_serve_with_one,
};

const struct io_side tp_epoll_files_io_side = {
    .name = "tp-epoll-files",
    .about = "tp-epoll where the file was opened eight times, an object for each",
    .read = epoll_read_files,
    .depth_least = FILES,
};
