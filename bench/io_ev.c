/* io_ev.c - libev's I/O: told when a descriptor is ready. */
#include <ev.h>

#include "bench/io.h"
#include "bench/measure.h"

static struct ev_loop *loop;

static void handle(struct ev_loop *unused, ev_io *io, int events)
{
    static const int wanted[] = {EV_READ, EV_WRITE, 0};
    enum io_wish wish = io_connection_ready(io->data);
    (void)unused;
    if (wanted[wish] == (events & (EV_READ | EV_WRITE)))
        return;
    ev_io_stop(loop, io);
    ev_io_set(io, io->fd, wanted[wish]);
    if (wish != IO_NOTHING)
        ev_io_start(loop, io);
}

static void *run(void *unused)
{
    ev_run(loop, 0);
    return unused;
}

static void serve(const int *descriptors, unsigned count)
{
    struct io_connection *connections = io_connections(descriptors, count);
    ev_io *ios = io_room(count, sizeof *ios);
    loop = ev_loop_new(EVFLAG_AUTO);
    must(loop);
    for (unsigned i = 0; i < count; i++) {
        ev_io_init(&ios[i], handle, descriptors[i], EV_READ);
        ios[i].data = &connections[i];
        ev_io_start(loop, &ios[i]);
    }
    io_start_thread(run, NULL);
}

const struct io_side ev_io_side = {
    .name = "ev",
    .about = "libev: ev_io, recv and send",
    .serve = serve,
};
