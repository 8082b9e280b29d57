/* job.h - what the callbacks of treesum share: the window, the work objects, the way to main. */
#ifndef EXAMPLES_TREESUM_JOB_H
#define EXAMPLES_TREESUM_JOB_H

#include "examples/treesum/window.h"

#include "tp/tp.h"

struct job {
    struct window window;
    tp_work_t *walk;    /* one callback at a time: lists directories until the window is full */
    tp_work_t *hash;    /* one post per entry of the window: opens it and starts to read it */
    tp_work_t *print;   /* one callback at a time: prints the done entries, starts the walk again */
    bool print_each;    /* somebody looks at it: do not let done lines wait for company */
    atomic_bool walked; /* the walk has come to its end */
    atomic_bool out_of_memory; /* ... because of this */
    atomic_int status;         /* the first tp_status_t that should not have been */
    tp_event_t *over;          /* there is no more to do; main waits for it */
    int stop_fd; /* eventfd: main wants an end; the printer waits for it while it blocks */
};

bool job_cancelled(tp_callback_instance_t *instance);
void job_post(struct job *job, tp_work_t *work, uint32_t count, tp_callback_instance_t *instance);
/* The entry is hashed, or cannot be. */
void job_entry_done(struct job *job, struct slot *slot, tp_callback_instance_t *instance);
void job_end(struct job *job); /* makes main close the cleanup group */

#endif
