/* io_uv.c - libuv's I/O: uv_fs_read on its threads, and streams. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/socket.h>
#include <uv.h>

#include "bench/io.h"
#include "bench/measure.h"

static uv_loop_t *loop;

static void *run(void *unused)
{
    must(uv_run(loop, UV_RUN_DEFAULT) == 0);
    return unused;
}

static void open_loop(void)
{
    loop = uv_default_loop();
    must(loop);
}

/* ---- reads ----------------------------------------------------------------------------------- */

static uv_file file;

static void begin_read(uv_fs_t *request);

static void end_read(uv_fs_t *request)
{
    bool more = io_read_done(request->data, request->result);
    uv_fs_req_cleanup(request);
    if (more)
        begin_read(request);
}

static void begin_read(uv_fs_t *request)
{
    struct io_slot *slot = request->data;
    uv_buf_t buffer = uv_buf_init(slot->buffer, IO_BLOCK);
    must(uv_fs_read(loop, request, file, &buffer, 1, slot->offset, end_read) == 0);
}

static void read_with_four(unsigned depth)
{
    uv_fs_t *requests = io_room(depth, sizeof *requests);
    open_loop();
    file = io_open_file();
    for (unsigned i = 0; i < depth; i++) {
        requests[i].data = io_slot(i);
        begin_read(&requests[i]);
    }
    io_start_thread(run, NULL);
}

static void read_with_two(unsigned depth)
{
    must(setenv("UV_THREADPOOL_SIZE", "2", 1) == 0);
    read_with_four(depth);
}

/* ---- echoes ---------------------------------------------------------------------------------- */

struct echo {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t local;
    };
    uv_write_t request;
    char *room;
};

static void receive(uv_stream_t *stream, ssize_t bytes, const uv_buf_t *buffer);

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    *buffer = uv_buf_init(((struct echo *)handle)->room, IO_ROOM);
}

static void send_ended(uv_write_t *request, int status)
{
    if (status == 0)
        must(uv_read_start(request->handle, give_room, receive) == 0);
}

/* There is one buffer: nothing is received before it was sent. */
static void receive(uv_stream_t *stream, ssize_t bytes, const uv_buf_t *buffer)
{
    if (bytes < 0)
        uv_close((uv_handle_t *)stream, NULL);
    if (bytes <= 0)
        return;
    uv_buf_t rest = uv_buf_init(buffer->base, (unsigned)bytes);
    int sent = uv_try_write(stream, &rest, 1);
    if (sent == bytes)
        return;
    if (sent > 0)
        rest = uv_buf_init(buffer->base + sent, (unsigned)(bytes - sent));
    must(uv_read_stop(stream) == 0);
    must(uv_write(&((struct echo *)stream)->request, stream, &rest, 1, send_ended) == 0);
}

static void open_stream(struct echo *echo, int descriptor)
{
    int domain;
    must(getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof domain}) == 0);
    if (domain == AF_UNIX)
        must(uv_pipe_init(loop, &echo->local, 0) == 0 &&
             uv_pipe_open(&echo->local, descriptor) == 0);
    else
        must(uv_tcp_init(loop, &echo->tcp) == 0 && uv_tcp_open(&echo->tcp, descriptor) == 0);
    must(uv_read_start(&echo->stream, give_room, receive) == 0);
}

static void serve(const int *descriptors, unsigned count)
{
    struct echo *echoes = io_room(count, sizeof *echoes);
    char *rooms = io_room(count, IO_ROOM);
    open_loop();
    for (unsigned i = 0; i < count; i++) {
        echoes[i].room = rooms + (size_t)i * IO_ROOM;
        open_stream(&echoes[i], descriptors[i]);
    }
    io_start_thread(run, NULL);
}

const struct io_side uv_io_side = {
    .name = "uv",
    .about = "libuv: uv_fs_read with its default of 4 threads; uv_read_start and uv_try_write",
    .read = read_with_four,
    .serve = serve,
};

const struct io_side uv_two_io_side = {
    .name = "uv-2",
    .about = "libuv: uv_fs_read with UV_THREADPOOL_SIZE=2",
    .read = read_with_two,
};
