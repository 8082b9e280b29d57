/* listener.c - accepts, and waits a little where the system has no descriptor or memory left. */
#include "examples/echo_server/listener.h"

#include "examples/echo_server/complain.h"
#include "examples/echo_server/counters.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, PAUSE_NS = 100000000 };

/* Lock held. */
static void pause_accepting(struct listener *listener)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.due = PAUSE_NS;
    spec.window = PAUSE_NS / 4;
    if (listener->paused)
        return;
    listener->paused = true;
    count(listener->pauses, 1);
    tp_timer_set(listener->resume, &spec, NULL);
}

static void park(struct listener *listener, uint32_t number)
{
    pthread_mutex_lock(&listener->lock);
    listener->parked |= 1u << number;
    pause_accepting(listener);
    pthread_mutex_unlock(&listener->lock);
}

static void hold(struct listener *listener, uint32_t number, int fd)
{
    pthread_mutex_lock(&listener->lock);
    listener->held[listener->held_count++] = (struct held){.fd = fd, .number = number};
    pause_accepting(listener);
    pthread_mutex_unlock(&listener->lock);
}

/* The stop is looked at afterwards: of an accept that was submitted and a listener_stop() at the
 * same time, one sees the other. */
static void accept_one(struct listener *listener, uint32_t number)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = TP_IO_ACCEPT;
    op.operation = &listener->keys[number];
    tp_status_t status = tp_io_submit(listener->io, &op);
    if (atomic_load(&listener->stopped))
        tp_io_abort(listener->io, op.operation);
    else if (status != TP_OK)
        park(listener, number);
}

/* Those who wait already come first. */
static bool is_holding(struct listener *listener)
{
    pthread_mutex_lock(&listener->lock);
    bool holding = listener->held_count > 0;
    pthread_mutex_unlock(&listener->lock);
    return holding;
}

/* What is wrong with one connection (ECONNABORTED) does not concern the next. Whatever else it is
 * is likely to be so again at once. */
static void on_accept(tp_callback_instance_t *instance, void *context, void *operation,
                      int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct listener *listener = context;
    uint32_t number = (uint32_t)((char *)operation - listener->keys);
    (void)instance;
    (void)io;
    if (error == 0 && (is_holding(listener) || !listener->accepted(listener->context, (int)bytes)))
        hold(listener, number, (int)bytes);
    else if (error == 0 || error == ECONNABORTED)
        accept_one(listener, number);
    else if (!atomic_load(&listener->stopped))
        park(listener, number);
}

/* Returns the accepts to start again: none, as long as something is held. */
static uint32_t offer_again(struct listener *listener)
{
    uint32_t taken = 0;
    pthread_mutex_lock(&listener->lock);
    listener->paused = false;
    while (taken < listener->held_count &&
           listener->accepted(listener->context, listener->held[taken].fd))
        listener->parked |= 1u << listener->held[taken++].number;
    listener->held_count -= taken;
    memmove(listener->held, listener->held + taken, listener->held_count * sizeof(struct held));
    uint32_t ready = listener->held_count == 0 ? listener->parked : 0;
    listener->parked &= ~ready;
    if (listener->held_count > 0)
        pause_accepting(listener);
    pthread_mutex_unlock(&listener->lock);
    return ready;
}

static void on_resume(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct listener *listener = context;
    (void)instance;
    (void)timer;
    if (atomic_load(&listener->stopped))
        return;
    uint32_t ready = offer_again(listener);
    for (uint32_t i = 0; i < listener->accepts; i++)
        if ((ready & 1u << i) != 0)
            accept_one(listener, i);
}

/* TCP_NODELAY passes on to what is accepted: an echo is not kept back for company. Returns -1 if it
 * cannot be had. */
static int open_socket(struct listener *listener, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof address;
    int yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0 &&
        bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, BACKLOG) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
        listener->port = ntohs(address.sin_port);
        return fd;
    }
    complain_errno("port %u", port);
    if (fd >= 0)
        close(fd);
    return -1;
}

bool listener_start(struct listener *listener, uint16_t port, const tp_env_t *env)
{
    int fd = open_socket(listener, port);
    if (fd < 0)
        return false;
    pthread_mutex_init(&listener->lock, NULL);
    tp_status_t status = tp_timer_create(on_resume, listener, env, &listener->resume);
    if (status == TP_OK)
        status = tp_io_create(fd, on_accept, listener, env, &listener->io);
    close(fd); /* the I/O object has its own */
    if (status != TP_OK) {
        complain_status(status, "listen");
        return false;
    }
    for (uint32_t i = 0; i < listener->accepts; i++)
        accept_one(listener, i);
    return true;
}

void listener_stop(struct listener *listener)
{
    atomic_store(&listener->stopped, true);
    if (listener->io == NULL)
        return;
    for (uint32_t i = 0; i < listener->accepts; i++)
        tp_io_abort(listener->io, &listener->keys[i]);
    if (tp_timer_wait(listener->resume, false, TP_INFINITE) == TP_OK &&
        tp_io_wait(listener->io, false, TP_INFINITE) == TP_OK)
        tp_io_close(listener->io);
    tp_timer_close(listener->resume);
    for (uint32_t i = 0; i < listener->held_count; i++)
        close(listener->held[i].fd);
    pthread_mutex_destroy(&listener->lock);
    listener->io = NULL;
}
