/* io_event.c - libevent's I/O: told when a descriptor is ready, and with its own buffers. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <string.h>

#include "bench/io.h"
#include "bench/measure.h"

static struct event_base *base;

/* libev brings functions of the same names along, which must not be taken for libevent's. */
static void open_base(void)
{
    must(strncmp(event_get_version(), "libev-", 6) != 0);
    base = event_base_new();
    must(base);
}

static void *run(void *unused)
{
    must(event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY) >= 0);
    return unused;
}

/* ---- descriptors that are ready -------------------------------------------------------------- */

struct echo {
    struct event event;
    struct io_connection *connection;
};

static void handle(int descriptor, short what, void *context)
{
    static const short wanted[] = {EV_READ, EV_WRITE, 0};
    struct echo *echo = context;
    enum io_wish wish = io_connection_ready(echo->connection);
    if (wanted[wish] == what)
        return;
    must(event_del(&echo->event) == 0);
    if (wish == IO_NOTHING)
        return;
    must(event_assign(&echo->event, base, descriptor, (short)(wanted[wish] | EV_PERSIST), handle,
                      echo) == 0);
    must(event_add(&echo->event, NULL) == 0);
}

static void serve(const int *descriptors, unsigned count)
{
    struct io_connection *connections = io_connections(descriptors, count);
    struct echo *echoes = io_room(count, sizeof *echoes);
    open_base();
    for (unsigned i = 0; i < count; i++) {
        echoes[i].connection = &connections[i];
        must(event_assign(&echoes[i].event, base, descriptors[i], EV_READ | EV_PERSIST, handle,
                          &echoes[i]) == 0);
        must(event_add(&echoes[i].event, NULL) == 0);
    }
    io_start_thread(run, NULL);
}

const struct io_side event_io_side = {
    .name = "event",
    .about = "libevent: event_add with EV_PERSIST, recv and send",
    .serve = serve,
};

/* ---- its buffers ----------------------------------------------------------------------------- */

static void send_back(struct bufferevent *stream, void *unused)
{
    (void)unused;
    must(bufferevent_write_buffer(stream, bufferevent_get_input(stream)) == 0);
}

static void give_up(struct bufferevent *stream, short what, void *unused)
{
    (void)what;
    (void)unused;
    must(bufferevent_disable(stream, EV_READ | EV_WRITE) == 0);
}

static void serve_buffers(const int *descriptors, unsigned count)
{
    open_base();
    for (unsigned i = 0; i < count; i++) {
        struct bufferevent *stream = bufferevent_socket_new(base, descriptors[i], 0);
        must(stream);
        must(bufferevent_set_max_single_read(stream, IO_ROOM) == 0);
        must(bufferevent_set_max_single_write(stream, IO_ROOM) == 0);
        bufferevent_setcb(stream, send_back, NULL, give_up, NULL);
        must(bufferevent_enable(stream, EV_READ | EV_WRITE) == 0);
    }
    io_start_thread(run, NULL);
}

const struct io_side event_buffer_io_side = {
    .name = "event-buffer",
    .about = "libevent: bufferevent_write_buffer of what has come",
    .serve = serve_buffers,
};
