/* progress.h - one line on the terminal, while it runs, that tells how far it is. */
#ifndef EXAMPLES_TREESUM_PROGRESS_H
#define EXAMPLES_TREESUM_PROGRESS_H

#include "examples/treesum/hash.h"
#include "examples/treesum/job.h"

#include "tp/tp.h"

#include <pthread.h>

struct progress {
    struct job *job;
    struct hasher *hasher;
    tp_timer_t *timer; /* NULL: not wanted */
    /* Held by whoever writes to the terminal, and for what follows. */
    pthread_mutex_t terminal;
    bool shown;
    double start, looked_at; /* seconds */
    uint64_t bytes;          /* hashed by the time it looked */
    double rate;             /* bytes per second, of the last second or so */
};

bool progress_wanted(void); /* is standard error a terminal? */

/* Starts the line if it is wanted, else nothing. progress_end() ends it and leaves no trace of it;
 * no printer may be at work any more. */
tp_status_t progress_start(struct progress *progress, struct job *job, struct hasher *hasher);
tp_status_t progress_end(struct progress *progress);

/* Around other output to the terminal: takes the line away, and lets it come back. */
void progress_hide(struct progress *progress);
void progress_allow(struct progress *progress);

#endif
