/* io_waiting.h - operations that wait for a peer, one of each kind: what they wait for, and its
 * coming. */
#ifndef TESTS_CONFORMANCE_IO_WAITING_H
#define TESTS_CONFORMANCE_IO_WAITING_H

#include "tests/conformance/io_kernel.h"

enum waiting_kind {
    WAITS_READ,
    WAITS_READV,
    WAITS_WRITE,
    WAITS_WRITEV,
    WAITS_COUNTER,
    WAITS_RECV,
    WAITS_RECVMSG,
    WAITS_READ_TCP,
    WAITS_SEND,
    WAITS_SENDMSG,
    WAITS_WRITE_PAIR,
    WAITS_ACCEPT,
    WAITS_POLL,
    WAITS_CONNECT, /* the last: nothing makes it come soon */
    WAITS_KINDS
};
#define WAITS_COMING WAITS_CONNECT /* so many of them can be made to come */

/* All of it lives as long as the operation, with the act that is its key. */
struct waiting {
    enum waiting_kind kind;
    int fd;    /* what the object is bound to */
    int other; /* the peer, if there is one */
    int extra[4];
    int extras;
    tp_io_op_t op;
    struct act act;
    struct iovec vector;
    struct msghdr message;
    struct sockaddr_in address;
    uint32_t length;
    uint64_t data;
};

static inline void waiting_on_pair(struct waiting *w, uint32_t opcode, int way, int nonblock)
{
    int ends[2];
    bool writes = opcode == TP_IO_WRITE || opcode == TP_IO_WRITEV || opcode == TP_IO_SEND ||
                  opcode == TP_IO_SENDMSG;
    bool vectors = opcode == TP_IO_READV || opcode == TP_IO_WRITEV;
    bool messages = opcode == TP_IO_RECVMSG || opcode == TP_IO_SENDMSG;
    if (way == 0)
        open_pipe(ends, nonblock ? O_NONBLOCK : 0);
    else if (way == 1)
        open_pair(ends, SOCK_STREAM | (nonblock ? SOCK_NONBLOCK : 0));
    else
        open_tcp(ends, nonblock ? SOCK_NONBLOCK : 0);
    w->fd = ends[writes ? 1 : 0];
    w->other = ends[writes ? 0 : 1];
    if (writes)
        cram(w->fd);
    w->vector = (struct iovec){&w->data, 1};
    w->message = (struct msghdr){.msg_iov = &w->vector, .msg_iovlen = 1};
    w->op = op_bytes(opcode, &w->act, &w->data, 1);
    if (vectors)
        w->op.buffer = &w->vector;
    if (messages)
        w->op.buffer = &w->message;
}

/* A queue of connections in which there is no room: who connects waits. */
static inline void waiting_to_connect(struct waiting *w, int nonblock)
{
    struct pollfd ready = {.events = POLLOUT};
    w->other = listen_inet(&w->address, 0, 0);
    do {
        int fd = open_inet(SOCK_STREAM | SOCK_NONBLOCK);
        (void)connect(fd, (struct sockaddr *)&w->address, sizeof w->address);
        w->extra[w->extras++] = ready.fd = fd;
    } while (w->extras < 4 && poll(&ready, 1, 20) == 1);
    stage_expect(w->extras < 4);
    w->fd = open_inet(SOCK_STREAM | (nonblock ? SOCK_NONBLOCK : 0));
    w->length = sizeof w->address;
    w->op = op_of(TP_IO_CONNECT, &w->act);
    w->op.address = &w->address;
    w->op.address_length = &w->length;
}

static inline void waiting_open(struct waiting *w, enum waiting_kind kind, int nonblock)
{
    static const struct {
        uint32_t opcode;
        int way;
    } pairs[] = {
        [WAITS_READ] = {TP_IO_READ, 0},       [WAITS_READV] = {TP_IO_READV, 0},
        [WAITS_WRITE] = {TP_IO_WRITE, 0},     [WAITS_WRITEV] = {TP_IO_WRITEV, 0},
        [WAITS_RECV] = {TP_IO_RECV, 1},       [WAITS_RECVMSG] = {TP_IO_RECVMSG, 1},
        [WAITS_READ_TCP] = {TP_IO_READ, 2},   [WAITS_SEND] = {TP_IO_SEND, 1},
        [WAITS_SENDMSG] = {TP_IO_SENDMSG, 1}, [WAITS_WRITE_PAIR] = {TP_IO_WRITE, 1},
        [WAITS_POLL] = {TP_IO_POLL, 0},
    };
    *w = (struct waiting){.kind = kind, .other = -1};
    if (kind == WAITS_COUNTER) {
        w->fd = open_counter(0, nonblock ? EFD_NONBLOCK : 0);
        w->op = op_bytes(TP_IO_READ, &w->act, &w->data, sizeof w->data);
    } else if (kind == WAITS_ACCEPT) {
        w->fd = listen_inet(&w->address, 5, nonblock ? SOCK_NONBLOCK : 0);
        w->op = op_of(TP_IO_ACCEPT, &w->act);
    } else if (kind == WAITS_CONNECT) {
        waiting_to_connect(w, nonblock);
    } else {
        waiting_on_pair(w, pairs[kind].opcode, pairs[kind].way, nonblock);
        if (kind == WAITS_POLL)
            w->op.flags = POLLIN;
    }
}

/* What it waits for comes. */
static inline void waiting_comes(struct waiting *w)
{
    switch (w->kind) {
    case WAITS_WRITE:
    case WAITS_WRITEV:
    case WAITS_SEND:
    case WAITS_SENDMSG:
    case WAITS_WRITE_PAIR:
        (void)soak(w->other);
        break;
    case WAITS_COUNTER:
        stage_expect_eq(eventfd_write(w->fd, 1), 0);
        break;
    case WAITS_ACCEPT:
        w->other = open_inet(SOCK_STREAM);
        stage_expect_eq(connect(w->other, (struct sockaddr *)&w->address, sizeof w->address), 0);
        break;
    case WAITS_READ:
    case WAITS_READV:
    case WAITS_RECV:
    case WAITS_RECVMSG:
    case WAITS_READ_TCP:
    case WAITS_POLL:
        put(w->other, "x");
        break;
    case WAITS_CONNECT:
    case WAITS_KINDS:
    default:
        stage_expect(false);
    }
}

/* What a callback is told that comes of that. The descriptor of an accept is closed here. */
static inline void waiting_came(struct waiting *w)
{
    stage_await(&w->act.runs, 1);
    uint64_t bytes = tpp_load_acquire(&w->act.bytes);
    stage_expect_eq(stage_value(&w->act.runs), 1);
    stage_expect_eq(tpp_load_acquire(&w->act.error), 0);
    if (w->kind == WAITS_ACCEPT)
        shut((int)bytes);
    else
        stage_expect_eq(bytes, w->kind == WAITS_COUNTER ? 8 : w->kind == WAITS_POLL ? POLLIN : 1);
}

static inline void waiting_close(struct waiting *w)
{
    if (w->fd >= 0)
        shut(w->fd);
    if (w->other >= 0)
        shut(w->other);
    while (w->extras > 0)
        shut(w->extra[--w->extras]);
}

#endif
