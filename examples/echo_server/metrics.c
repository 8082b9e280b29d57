/* metrics.c - HTTP as far as it takes: one request per connection, and a limit of time for it. */
#include "examples/echo_server/metrics.h"

#include "examples/echo_server/exposition.h"
#include "examples/echo_server/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_BYTES_MOST = 4096, HEAD_BYTES_MOST = 256 };

static const int64_t limit_ns = INT64_C(5000000000);

struct scrape {
    struct peer peer;
    struct metrics *metrics;
    size_t received, length, sent;
    char request[REQUEST_BYTES_MOST + 1];
    char reply[HEAD_BYTES_MOST + EXPOSITION_BYTES_MOST];
};

static void release(struct peer *peer)
{
    free(peer);
}

static void receive(struct scrape *self)
{
    size_t room = REQUEST_BYTES_MOST - self->received;
    if (room == 0 || peer_receive(&self->peer, self->request + self->received, room) != TP_OK)
        peer_close(&self->peer);
}

static void send_rest(struct scrape *self)
{
    size_t rest = self->length - self->sent;
    if (rest == 0 || peer_send(&self->peer, self->reply + self->sent, rest) != TP_OK)
        peer_close(&self->peer);
}

static void reply(struct scrape *self, const char *status, const char *kind, const char *body,
                  size_t length)
{
    int head = snprintf(self->reply, HEAD_BYTES_MOST,
                        "HTTP/1.0 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", status,
                        kind, length);
    memcpy(self->reply + head, body, length);
    self->length = (size_t)head + length;
}

static void answer(struct scrape *self)
{
    static const char wrong[] = "There is only GET /metrics.\n";
    char text[EXPOSITION_BYTES_MOST];
    tp_pool_stats_t pool = TP_POOL_STATS_INIT;
    if (strncmp(self->request, "GET /metrics ", 13) == 0) {
        tp_pool_get_stats(self->metrics->pool, &pool);
        reply(self, "200 OK", "text/plain; version=0.0.4", text,
              exposition_write(text, self->metrics->counters, &pool));
    } else {
        reply(self, "404 Not Found", "text/plain", wrong, sizeof wrong - 1);
    }
    send_rest(self);
}

static void on_done(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                    uint64_t bytes, tp_io_t *io)
{
    struct scrape *self = context;
    (void)instance;
    (void)io;
    if (error != 0 || bytes == 0) {
        peer_close(&self->peer);
    } else if (operation == &self->peer.send_key) {
        self->sent += bytes;
        send_rest(self);
    } else {
        self->received += bytes;
        self->request[self->received] = '\0';
        if (strstr(self->request, "\r\n\r\n") != NULL)
            answer(self);
        else
            receive(self);
    }
}

bool metrics_accepted(void *context, int fd)
{
    struct metrics *metrics = context;
    struct scrape *self = malloc(sizeof *self);
    if (self == NULL)
        return false;
    self->metrics = metrics;
    self->received = self->length = self->sent = 0;
    tp_status_t status = peer_open(&self->peer, fd, on_done, metrics->env, limit_ns, release);
    if (status == TP_OK)
        receive(self);
    peer_release(&self->peer);
    return status == TP_OK;
}
