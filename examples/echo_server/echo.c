/* echo.c - receives into the buffer of a connection, sends what came back, and so on.
 *
 * A connection has one operation in flight and hence one callback at a time, so it needs no
 * lock. It receives nothing more before the last byte of the echo is sent: whoever does not read
 * is not read from, and costs one buffer. */
#include "examples/echo_server/echo.h"

#include "examples/echo_server/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { BUFFER_BYTES = 16 << 10 };

struct connection {
    struct peer peer;
    struct echo *echo;
    struct connection *next, **link; /* under echo->lock */
    enum ending ending;              /* what to count when it is gone; ENDING_COUNT: nothing */
    size_t filled, sent;
    char buffer[BUFFER_BYTES];
};

/* ---- The list of all ------------------------------------------------------------------------- */

/* False: there are enough. */
static bool enlist(struct connection *self)
{
    struct echo *echo = self->echo;
    pthread_mutex_lock(&echo->lock);
    bool free = atomic_load(&echo->counters->open) < echo->connections_most;
    if (free) {
        count(&echo->counters->open, 1);
        self->next = echo->first;
        self->link = &echo->first;
        if (self->next != NULL)
            self->next->link = &self->next;
        echo->first = self;
    }
    pthread_mutex_unlock(&echo->lock);
    return free;
}

static void strike_off(struct connection *self)
{
    struct echo *echo = self->echo;
    pthread_mutex_lock(&echo->lock);
    *self->link = self->next;
    if (self->next != NULL)
        self->next->link = self->link;
    bool last = atomic_fetch_sub(&echo->counters->open, 1) == 1;
    if (last && atomic_load(&echo->draining))
        tp_event_set(echo->drained);
    pthread_mutex_unlock(&echo->lock);
}

void echo_drain(struct echo *echo)
{
    pthread_mutex_lock(&echo->lock);
    atomic_store(&echo->draining, true);
    if (echo->first == NULL)
        tp_event_set(echo->drained);
    for (struct connection *each = echo->first; each != NULL; each = each->next)
        peer_abort_receive(&each->peer);
    pthread_mutex_unlock(&echo->lock);
}

/* ---- One connection -------------------------------------------------------------------------- */

/* Called by the peer when no callback is to come and the system is done with the buffer. */
static void release(struct peer *peer)
{
    struct connection *self = (struct connection *)peer;
    if (self->ending != ENDING_COUNT)
        count(&self->echo->counters->ended[self->ending], 1);
    strike_off(self);
    free(self);
}

static void end(struct connection *self, enum ending ending)
{
    self->ending = ending;
    peer_close(&self->peer);
}

/* The draining is looked at afterwards: of a receive that was submitted and an echo_drain() at the
 * same time, one sees the other. An aborted receive still brings what has come. */
static void receive(struct connection *self)
{
    struct echo *echo = self->echo;
    struct peer *peer = &self->peer;
    self->filled = self->sent = 0;
    if (peer_receive(peer, self->buffer, BUFFER_BYTES) != TP_OK)
        end(self, ENDED_RESOURCES);
    else if (atomic_load(&echo->draining))
        peer_abort_receive(peer);
}

static void send_rest(struct connection *self)
{
    if (peer_send(&self->peer, self->buffer + self->sent, self->filled - self->sent) != TP_OK)
        end(self, ENDED_RESOURCES);
}

static void on_received(struct connection *self, size_t bytes)
{
    if (bytes == 0) { /* all that came before has been sent back */
        end(self, ENDED_FINISHED);
        return;
    }
    count(&self->echo->counters->received, bytes);
    self->filled = bytes;
    send_rest(self);
}

static void on_sent(struct connection *self, size_t bytes)
{
    count(&self->echo->counters->sent, bytes);
    self->sent += bytes;
    if (self->sent < self->filled) {
        send_rest(self);
        return;
    }
    count(&self->echo->counters->messages, 1);
    receive(self);
}

static enum ending why(struct connection *self, int32_t error)
{
    if (error == ECONNRESET || error == EPIPE)
        return ENDED_RESET;
    if (error != ECANCELED)
        return ENDED_ERROR;
    return atomic_load(&self->peer.overdue) ? ENDED_IDLE : ENDED_DRAINED;
}

static void on_done(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                    uint64_t bytes, tp_io_t *io)
{
    struct connection *self = context;
    (void)instance;
    (void)io;
    peer_touch(&self->peer);
    if (error != 0)
        end(self, why(self, error));
    else if (operation == &self->peer.receive_key)
        on_received(self, bytes);
    else
        on_sent(self, bytes);
}

bool echo_accepted(void *context, int fd)
{
    struct echo *echo = context;
    struct connection *self = malloc(sizeof *self);
    if (self == NULL)
        return false;
    self->echo = echo;
    self->ending = ENDING_COUNT;
    if (!enlist(self)) {
        count(&echo->counters->accepted, 1);
        count(&echo->counters->ended[ENDED_LIMIT], 1);
        free(self);
        close(fd);
        return true;
    }
    tp_status_t status =
        peer_open(&self->peer, fd, on_done, echo->env, echo->idle_timeout_ns, release);
    if (status == TP_OK) {
        count(&echo->counters->accepted, 1);
        self->ending = ENDED_CUT; /* unless a callback knows better */
        receive(self);
    }
    peer_release(&self->peer);
    return status == TP_OK;
}
