/* peer.c - counts who still needs the memory of a peer, and looks after its time now and then.
 *
 * A timer that is set anew for each message would be set a hundred thousand times a second. Here a
 * message only notes the time, and the timer, when it expires, sets itself for what is left. */
#include "examples/echo_server/peer.h"

#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

void peer_touch(struct peer *peer)
{
    atomic_store_explicit(&peer->active_at, now(), memory_order_relaxed);
}

/* Whoever expires together with others a little later needs no wake-up of its own. */
static tp_status_t set_timer(tp_timer_t *timer, int64_t due, int64_t limit)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.due = due;
    spec.window = limit / 16;
    return tp_timer_set(timer, &spec, NULL);
}

static void on_time(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct peer *peer = context;
    int64_t left = atomic_load(&peer->active_at) + peer->limit_ns - now();
    (void)instance;
    if (left <= 0) {
        atomic_store(&peer->overdue, true);
        if (tp_io_abort(peer->io, &peer->receive_key) == TP_OK ||
            tp_io_abort(peer->io, &peer->send_key) == TP_OK)
            return; /* the callback of the operation does the rest */
        atomic_store(&peer->overdue, false);
        left = peer->limit_ns; /* it is running, so something has moved; or all is being closed */
    }
    set_timer(timer, left, peer->limit_ns);
}

void peer_release(void *context)
{
    struct peer *peer = context;
    if (atomic_fetch_sub(&peer->owners, 1) == 1)
        peer->release(peer);
}

static tp_status_t create(struct peer *peer, int fd, tp_io_fn callback, const tp_env_t *env)
{
    /* Counted before there is an object, because the cleanup group may close it at once. */
    atomic_fetch_add(&peer->owners, 1);
    tp_status_t status = tp_timer_create(on_time, peer, env, &peer->timer);
    if (status != TP_OK) {
        peer_release(peer);
        return status;
    }
    atomic_fetch_add(&peer->owners, 1);
    status = tp_io_create(fd, callback, peer, env, &peer->io);
    if (status != TP_OK) {
        peer_release(peer);
        return status;
    }
    return set_timer(peer->timer, peer->limit_ns, peer->limit_ns);
}

tp_status_t peer_open(struct peer *peer, int fd, tp_io_fn callback, const tp_env_t *env,
                      int64_t limit_ns, void (*release)(struct peer *peer))
{
    peer->io = NULL;
    peer->timer = NULL;
    peer->limit_ns = limit_ns;
    peer->release = release;
    atomic_init(&peer->active_at, now());
    atomic_init(&peer->overdue, false);
    atomic_init(&peer->owners, 1);
    tp_status_t status = create(peer, fd, callback, env);
    if (status == TP_OK)
        close(fd); /* the I/O object has its own */
    else
        peer_close(peer);
    return status;
}

void peer_close(struct peer *peer)
{
    tp_timer_close(peer->timer);
    tp_io_close(peer->io);
}

static tp_status_t submit(struct peer *peer, uint32_t opcode, char *key, void *buffer,
                          size_t length)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = opcode;
    op.operation = key;
    op.buffer = buffer;
    op.length = length;
    return tp_io_submit(peer->io, &op);
}

tp_status_t peer_receive(struct peer *peer, void *buffer, size_t length)
{
    return submit(peer, TP_IO_RECV, &peer->receive_key, buffer, length);
}

tp_status_t peer_send(struct peer *peer, void *buffer, size_t length)
{
    return submit(peer, TP_IO_SEND, &peer->send_key, buffer, length);
}

void peer_abort_receive(struct peer *peer)
{
    tp_io_abort(peer->io, &peer->receive_key);
}
