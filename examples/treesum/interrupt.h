/* interrupt.h - SIGINT and SIGTERM: the first ends the run in order, a later one at once. */
#ifndef EXAMPLES_TREESUM_INTERRUPT_H
#define EXAMPLES_TREESUM_INTERRUPT_H

#include "examples/treesum/job.h"

#include "tp/tp.h"

#include <stdatomic.h>

enum { CAUGHT_MOST = 2 };

struct interrupt;

struct caught {
    struct interrupt *owner;
    tp_wait_t *wait;
    int signal;
};

struct interrupt {
    struct job *job;
    tp_cleanup_group_t *group;
    struct caught caught[CAUGHT_MOST];
    int count;
    atomic_int signal;     /* the first that came, or 0 */
    atomic_llong first_at; /* monotonic ns; 0: none has come yet */
};

/* To be called while there is no other thread: from here on the signals are blocked in all. One
 * that was ignored from the start (as a shell does in the background) stays so. */
void interrupt_block(struct interrupt *interrupt);

/* From the start on the first signal ends the job; what came since interrupt_block() counts. */
tp_status_t interrupt_start(struct interrupt *interrupt, struct job *job);
tp_status_t interrupt_end(struct interrupt *interrupt);

#endif
