/* limiter.c - lets so many through at once, and one more each so often. */
#include "examples/simulation/limiter.h"

static void refill(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct limiter *limiter = context;
    (void)instance;
    (void)timer;
    if (bucket_add(&limiter->bucket))
        atomic_fetch_add(&limiter->refilled, 1);
}

tp_status_t limiter_open(struct limiter *limiter, tp_env_t *env, uint32_t at_once,
                         int64_t interval_ns)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    tp_status_t status;
    bucket_init(&limiter->bucket, at_once);
    atomic_init(&limiter->granted, 0);
    atomic_init(&limiter->refused, 0);
    atomic_init(&limiter->refilled, 0);
    status = tp_timer_create(refill, limiter, env, &limiter->timer);
    if (status != TP_OK)
        return status;
    spec.due = interval_ns;
    spec.period = interval_ns;
    status = tp_timer_set(limiter->timer, &spec, NULL);
    if (status != TP_OK)
        tp_timer_close(limiter->timer);
    return status;
}

bool limiter_take(struct limiter *limiter)
{
    bool granted = bucket_take(&limiter->bucket);
    atomic_fetch_add(granted ? &limiter->granted : &limiter->refused, 1);
    return granted;
}

void limiter_close(struct limiter *limiter)
{
    tp_timer_set(limiter->timer, NULL, NULL);
    while (tp_timer_wait(limiter->timer, true, TP_INFINITE) != TP_OK)
        ;
    tp_timer_close(limiter->timer);
}
