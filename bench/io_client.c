/* io_client.c - the other side of a connection: a process that sends and wants it back. */
#define _GNU_SOURCE
#include "bench/io_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure.h"

enum { CONNECTIONS_MOST = 64, TRIPS_MOST = 20000, PATTERN = 1 << 18, LOOK = 64 };

/* What the process tells. */
static struct board {
    _Atomic uint64_t messages;
    double trips_us[TRIPS_MOST];
} * board;

static pid_t client;
static cpu_set_t client_processors; /* empty: any */

void io_client_apart(void)
{
    cpu_set_t others;
    size_t last = CPU_SETSIZE - 1;
    must(sched_getaffinity(0, sizeof others, &others) == 0);
    if (CPU_COUNT(&others) < 2)
        return;
    while (!CPU_ISSET(last, &others))
        last--;
    CPU_CLR(last, &others);
    CPU_SET(last, &client_processors);
    must(sched_setaffinity(0, sizeof others, &others) == 0);
}

/* True in the new process. */
static bool start_client(void)
{
    pid_t parent = getpid();
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(board != MAP_FAILED);
    client = fork();
    must(client >= 0);
    if (client > 0)
        return false;
    must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent);
    if (CPU_COUNT(&client_processors) > 0)
        must(sched_setaffinity(0, sizeof client_processors, &client_processors) == 0);
    return true;
}

static void do_not_block(int descriptor)
{
    must(fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0);
}

/* ---- many connections: what the process does ------------------------------------------------- */

static struct connection {
    int descriptor;
    uint64_t sent, received; /* bytes */
    bool blocked;
} connections[CONNECTIONS_MOST];

static struct {
    int poller;
    size_t bytes;
    unsigned in_flight;
    unsigned char pattern[PATTERN]; /* is sent, over and over */
    unsigned char room[1 << 16];
} load;

static void fill_pattern(void)
{
    uint32_t state = 1;
    for (size_t i = 0; i < PATTERN; i++) {
        state = state * 1664525 + 1013904223;
        load.pattern[i] = (unsigned char)(state >> 24);
    }
}

static void watch(struct connection *connection, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    must(epoll_ctl(load.poller, operation, connection->descriptor, &event) == 0);
}

/* As much as may be on its way. */
static void send_more(struct connection *connection)
{
    bool before = connection->blocked;
    uint64_t end = (connection->received / load.bytes + load.in_flight) * load.bytes;
    connection->blocked = false;
    while (connection->sent < end && !connection->blocked) {
        size_t at = connection->sent % PATTERN, most = PATTERN - at;
        size_t wanted = end - connection->sent < most ? (size_t)(end - connection->sent) : most;
        ssize_t sent =
            send(connection->descriptor, load.pattern + at, wanted, MSG_DONTWAIT | MSG_NOSIGNAL);
        must(sent > 0 || errno == EAGAIN);
        connection->blocked = sent < (ssize_t)wanted;
        connection->sent += sent > 0 ? (uint64_t)sent : 0;
    }
    if (connection->blocked != before)
        watch(connection, EPOLL_CTL_MOD, connection->blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* The first and the last bytes of what has come are as they were sent. */
static void look_at(uint64_t position, size_t bytes)
{
    size_t few = bytes < LOOK ? bytes : LOOK;
    size_t last = (position + bytes - few) % PATTERN, first = position % PATTERN;
    if (first + few <= PATTERN)
        must(memcmp(load.room, load.pattern + first, few) == 0);
    if (last + few <= PATTERN)
        must(memcmp(load.room + bytes - few, load.pattern + last, few) == 0);
}

static void receive(struct connection *connection)
{
    ssize_t received = recv(connection->descriptor, load.room, sizeof load.room, MSG_DONTWAIT);
    if (received < 0 && errno == EAGAIN)
        return;
    must(received > 0);
    look_at(connection->received, (size_t)received);
    uint64_t before = connection->received / load.bytes;
    connection->received += (uint64_t)received;
    uint64_t came = connection->received / load.bytes - before;
    uint64_t all = atomic_load_explicit(&board->messages, memory_order_relaxed);
    atomic_store_explicit(&board->messages, all + came, memory_order_relaxed);
}

static _Noreturn void keep_loading(void)
{
    struct epoll_event events[CONNECTIONS_MOST];
    for (;;) {
        int count = epoll_wait(load.poller, events, CONNECTIONS_MOST, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                receive(connection);
            send_more(connection);
        }
    }
}

static _Noreturn void be_client(const struct sockaddr_in *server, unsigned count)
{
    fill_pattern();
    load.poller = epoll_create1(EPOLL_CLOEXEC);
    must(load.poller >= 0);
    for (unsigned i = 0; i < count; i++) {
        int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must(connect(descriptor, (const struct sockaddr *)server, sizeof *server) == 0);
        must(setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0);
        connections[i].descriptor = descriptor;
        watch(&connections[i], EPOLL_CTL_ADD, EPOLLIN);
    }
    for (unsigned i = 0; i < count; i++)
        send_more(&connections[i]);
    keep_loading();
}

/* ---- many connections: what this process does ------------------------------------------------ */

static int listen_here(struct sockaddr_in *address, unsigned count)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    must(bind(listener, (struct sockaddr *)address, sizeof *address) == 0);
    must(getsockname(listener, (struct sockaddr *)address, &(socklen_t){sizeof *address}) == 0);
    must(listen(listener, (int)count) == 0);
    return listener;
}

void io_client_connect(int *descriptors, unsigned count, size_t bytes, unsigned in_flight)
{
    struct sockaddr_in address;
    int listener = listen_here(&address, count);
    must(count <= CONNECTIONS_MOST);
    load.bytes = bytes;
    load.in_flight = in_flight;
    if (start_client())
        be_client(&address, count);
    for (unsigned i = 0; i < count; i++) {
        descriptors[i] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        must(descriptors[i] >= 0);
        must(setsockopt(descriptors[i], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0);
    }
    close(listener);
}

uint64_t io_client_messages(void)
{
    return atomic_load_explicit(&board->messages, memory_order_relaxed);
}

/* Who fails ends by itself. Some sides write to whom they do not know to be gone. */
void io_client_end(void)
{
    must(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    must(waitpid(client, NULL, WNOHANG) == 0);
    must(kill(client, SIGKILL) == 0 && waitpid(client, NULL, 0) == client);
}

/* ---- to and fro ----------------------------------------------------------------------------- */

static unsigned trips;

static double measure_trip(int descriptor)
{
    unsigned char out = (unsigned char)trips, in = 0;
    int64_t start = now_ns();
    must(write(descriptor, &out, 1) == 1 && read(descriptor, &in, 1) == 1);
    int64_t took = now_ns() - start;
    must(in == out);
    return (double)took / 1e3;
}

void io_client_pair(int *descriptor, unsigned times)
{
    int ends[2];
    must(times <= TRIPS_MOST);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    trips = times;
    if (start_client()) {
        close(ends[0]);
        for (unsigned i = 0; i < times / 10; i++)
            (void)measure_trip(ends[1]);
        for (unsigned i = 0; i < times; i++)
            board->trips_us[i] = measure_trip(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    do_not_block(ends[0]);
    *descriptor = ends[0];
}

double *io_client_trips(void)
{
    int status;
    must(waitpid(client, &status, 0) == client && status == 0);
    return board->trips_us;
}
