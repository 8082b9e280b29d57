/* listener.h - a listening socket with several accepts in flight, which pauses when it must. */
#ifndef EXAMPLES_ECHO_SERVER_LISTENER_H
#define EXAMPLES_ECHO_SERVER_LISTENER_H

#include "tp/tp.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { ACCEPTS_MOST = 32 };

/* A connection, and the accept that has brought it and brings no other meanwhile. */
struct held {
    int fd;
    uint32_t number;
};

struct listener {
    /* set at the start, then read-only */
    /* Called on several threads at once. Takes over fd and returns true; or false: there is no
     * descriptor or memory for it now, and it is to be offered again. */
    bool (*accepted)(void *context, int fd);
    void *context;
    atomic_ullong *pauses; /* counts them */
    uint32_t accepts;      /* in flight at a time */
    uint16_t port;
    tp_io_t *io;
    tp_timer_t *resume;

    atomic_bool stopped;
    char keys[ACCEPTS_MOST]; /* their addresses are the keys of the accepts */

    pthread_mutex_t lock; /* for what follows */
    bool paused;          /* the timer is set */
    uint32_t parked;      /* the accepts that it is to start again, as bits */
    uint32_t held_count;
    struct held held[ACCEPTS_MOST]; /* what is to be offered again, in the order it came */
};

/* Binds to 127.0.0.1 and `port` (0: any; listener.port tells which) and accepts from there, with
 * objects made by `env`. Complains and returns false if it cannot; listener_stop() may then be
 * called, or not. */
bool listener_start(struct listener *listener, uint16_t port, const tp_env_t *env);

/* When it returns, nothing is accepted any more, and the socket is closed. Not from a callback. */
void listener_stop(struct listener *listener);

#endif
