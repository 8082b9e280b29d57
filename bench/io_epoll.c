/* io_epoll.c - a floor: one thread around epoll, level-triggered. */
#include <sys/epoll.h>

#include "bench/io.h"
#include "bench/measure.h"

enum { EVENTS = 64 };

static int poller;

static void want(struct io_connection *connection, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    must(epoll_ctl(poller, operation, connection->descriptor, &event) == 0);
}

static void handle(struct io_connection *connection, uint32_t events)
{
    static const uint32_t wanted[] = {EPOLLIN, EPOLLOUT, 0};
    uint32_t before = events & EPOLLOUT ? EPOLLOUT : EPOLLIN;
    enum io_wish wish = io_connection_ready(connection);
    if (wish == IO_NOTHING)
        want(connection, EPOLL_CTL_DEL, 0);
    else if (wanted[wish] != before)
        want(connection, EPOLL_CTL_MOD, wanted[wish]);
}

static void *loop(void *unused)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < count; i++)
            handle(events[i].data.ptr, events[i].events);
    }
    return unused;
}

static void serve(const int *descriptors, unsigned count)
{
    struct io_connection *connections = io_connections(descriptors, count);
    poller = epoll_create1(EPOLL_CLOEXEC);
    must(poller >= 0);
    for (unsigned i = 0; i < count; i++)
        want(&connections[i], EPOLL_CTL_ADD, EPOLLIN);
    io_start_thread(loop, NULL);
}

const struct io_side epoll_io_side = {
    .name = "epoll",
    .about = "one thread around epoll, level-triggered",
    .floor = true,
    .serve = serve,
};
