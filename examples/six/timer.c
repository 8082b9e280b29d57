/* timer.c - a timer that ticks every 10 ms, until it is stopped. */
#include <stdio.h>

#include "must.h"

struct ticks {
    int count;
    tp_event_t *enough;
};

static void tick(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    (void)timer;
    if (++ticks->count <= 3)
        printf("tick %d\n", ticks->count);
    if (ticks->count == 3)
        must(tp_callback_set_event_on_return(instance, ticks->enough));
}

int main(void)
{
    struct ticks ticks = {.count = 0};
    tp_timer_spec_t every_10_ms = TP_TIMER_SPEC_INIT;
    tp_env_t *env;
    tp_timer_t *timer;
    bool is_set;

    must(tp_event_create(true, false, &ticks.enough));
    must(tp_env_create(&env));
    must(tp_env_set_concurrency_limit(env, 1)); /* one tick after the other: no lock is needed */
    must(tp_timer_create(tick, &ticks, env, &timer));
    must(tp_env_destroy(env));

    every_10_ms.due = 10000000;
    every_10_ms.period = 10000000;
    must(tp_timer_set(timer, &every_10_ms, NULL));
    must_wait(tp_waitable_event(ticks.enough));

    must(tp_timer_set(timer, NULL, NULL));
    must(tp_timer_wait(timer, true, TP_INFINITE));
    must(tp_timer_is_set(timer, &is_set));
    if (!is_set)
        puts("stopped");
    must(tp_timer_close(timer));
    must(tp_event_close(ticks.enough));
    return 0;
}
