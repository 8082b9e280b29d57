/* hello.c - a callback that is asked for three times, and waited for. */
#include <stdatomic.h>
#include <stdio.h>

#include "must.h"

static void greet(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    atomic_int *count = context;
    (void)instance, (void)work;
    puts("hello from the pool");
    atomic_fetch_add(count, 1);
}

int main(void)
{
    atomic_int count = 0;
    tp_work_t *work;

    must(tp_work_create(greet, &count, NULL, &work)); /* NULL: the pool of the process */
    must(tp_work_submit_many(work, 3));
    must(tp_work_wait(work, false, TP_INFINITE));
    printf("waited for %d callbacks\n", count);
    must(tp_work_close(work));
    return 0;
}
