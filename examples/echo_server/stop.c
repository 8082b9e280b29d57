/* stop.c - waits for the signals that end the server; whoever is impatient has SIGKILL. */
#include "examples/echo_server/stop.h"

#include "examples/echo_server/complain.h"

#include <signal.h>

static const int signals[] = {SIGINT, SIGTERM};
enum { SIGNAL_COUNT = sizeof signals / sizeof *signals };

void stop_block(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void on_signal(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                      tp_wait_result_t result)
{
    (void)instance;
    (void)wait;
    (void)result;
    tp_event_set(context);
}

bool stop_start(tp_event_t *event, const tp_env_t *env)
{
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
        tp_wait_t *wait; /* the cleanup group closes it */
        spec.source = tp_waitable_signal(signals[i]);
        tp_status_t status = tp_wait_create(on_signal, event, env, &wait);
        if (status == TP_OK)
            status = tp_wait_set(wait, &spec, NULL);
        if (!fine(status, "signals"))
            return false;
    }
    return true;
}
