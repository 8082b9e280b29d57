/* simulation - takes many permits in many callbacks, and tells how many were granted.
 *
 * usage: limited AT_ONCE INTERVAL_US TAKES      the limiter of limiter.h, on real threads */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "examples/simulation/limiter.h"

#define TAKES_AT_A_TIME 1000

static void take(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    limiter_take(context);
}

static void fail(const char *what, tp_status_t status)
{
    fprintf(stderr, "limited: %s: %s\n", what, tp_status_message(status));
    exit(1);
}

static void must(const char *what, tp_status_t status)
{
    if (status != TP_OK)
        fail(what, status);
}

/* Not all at once: the timer is to fill what they empty. */
static void take_many(tp_work_t *work, unsigned long takes)
{
    const struct timespec pause = {.tv_nsec = 200000};
    while (takes > 0) {
        unsigned long now = takes < TAKES_AT_A_TIME ? takes : TAKES_AT_A_TIME;
        must("tp_work_submit_many", tp_work_submit_many(work, (uint32_t)now));
        nanosleep(&pause, NULL);
        takes -= now;
    }
}

int main(int argc, char **argv)
{
    struct limiter limiter;
    unsigned long at_once, interval, takes;
    tp_work_t *work;
    if (argc != 4) {
        fprintf(stderr, "usage: limited AT_ONCE INTERVAL_US TAKES\n");
        return 2;
    }
    at_once = strtoul(argv[1], NULL, 10);
    interval = strtoul(argv[2], NULL, 10);
    takes = strtoul(argv[3], NULL, 10);
    must("limiter_open", limiter_open(&limiter, NULL, (uint32_t)at_once, (int64_t)interval * 1000));
    must("tp_work_create", tp_work_create(take, &limiter, NULL, &work));
    take_many(work, takes);
    must("tp_work_wait", tp_work_wait(work, false, TP_INFINITE));
    must("tp_work_close", tp_work_close(work));
    limiter_close(&limiter);
    printf("%u granted, %u refused, %u refilled, %u left\n", limiter.granted, limiter.refused,
           limiter.refilled, limiter.bucket.permits);
    return limiter.granted + limiter.bucket.permits != at_once + limiter.refilled;
}
