/* peer.h - one accepted socket: its I/O object, its time limit, and who needs its memory. */
#ifndef EXAMPLES_ECHO_SERVER_PEER_H
#define EXAMPLES_ECHO_SERVER_PEER_H

#include "tp/tp.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first member of what is known about the peer, so that it has the same address. At most one
 * operation is in flight. */
struct peer {
    tp_io_t *io;
    tp_timer_t *timer;
    int64_t limit_ns;
    atomic_llong active_at; /* monotonic ns */
    atomic_bool overdue;    /* the timer has asked for the end of the operation in flight */
    atomic_uint owners;     /* the I/O object, the timer, and whoever called peer_open() */
    void (*release)(struct peer *peer);
    char receive_key, send_key; /* their addresses are the keys of the operations */
};

/* Takes over `fd` if it succeeds. Whether or not, the caller is an owner until peer_release(),
 * which the environment must name, too. `release` is called after the last owner's: then no
 * callback is to come, and no operation is in flight. From here on the operation in flight ends
 * with ECANCELED when peer_touch() was not called for so long. */
tp_status_t peer_open(struct peer *peer, int fd, tp_io_fn callback, const tp_env_t *env,
                      int64_t limit_ns, void (*release)(struct peer *peer));
void peer_release(void *peer);

/* To be called by an owner, or in a callback of the peer. */
void peer_close(struct peer *peer);

/* If they fail, no callback comes. If not, it may run already, on another thread. */
tp_status_t peer_receive(struct peer *peer, void *buffer, size_t length);
tp_status_t peer_send(struct peer *peer, void *buffer, size_t length);
void peer_abort_receive(struct peer *peer); /* if one is in flight */

/* Something has moved: the time limit begins anew. */
void peer_touch(struct peer *peer);

#endif
