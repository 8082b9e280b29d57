/* job.c - posts work from callbacks and tells main when to end. */
#include "examples/treesum/job.h"

enum { PRINT_GROUP = 64 };

bool job_cancelled(tp_callback_instance_t *instance)
{
    bool requested = true;
    return tp_callback_cancel_requested(instance, &requested) != TP_OK || requested;
}

void job_end(struct job *job)
{
    tp_event_set(job->over);
}

void job_post(struct job *job, tp_work_t *work, uint32_t count, tp_callback_instance_t *instance)
{
    if (count == 0)
        return;
    tp_status_t status = tp_work_submit_many(work, count);
    /* While main closes the group, another member may be closed before this one: no failure. */
    if (status == TP_OK || job_cancelled(instance))
        return;
    int expected = TP_OK;
    atomic_compare_exchange_strong(&job->status, &expected, status);
    job_end(job);
}

void job_entry_done(struct job *job, struct slot *slot, tp_callback_instance_t *instance)
{
    bool caught_up;
    uint64_t done = window_finish(&job->window, slot, &caught_up);
    if (caught_up || job->print_each || done % PRINT_GROUP == 0)
        job_post(job, job->print, 1, instance);
}
