/* plugin.c - a plugin whose code runs callbacks and closes its own objects. */
#include "tests/survival/plugin.h"

#include <unistd.h>

void survival_plugin_set_host(const struct plugin_host *given);
tp_status_t survival_plugin_close(tp_work_t *work, unsigned stay_us);
void survival_plugin_work(tp_callback_instance_t *instance, void *context, tp_work_t *work);
void survival_plugin_simple(tp_callback_instance_t *instance, void *context);

static struct plugin_host host;
static unsigned touched; /* in the plugin's own memory: gone with it */

void survival_plugin_set_host(const struct plugin_host *given)
{
    host = *given;
}

static void touch(void)
{
    __atomic_fetch_add(&touched, 1, __ATOMIC_RELAXED);
}

static void stay(unsigned microseconds)
{
    for (unsigned spent = 0; spent < microseconds; spent += 1000) {
        usleep(1000);
        touch();
    }
}

tp_status_t survival_plugin_close(tp_work_t *work, unsigned stay_us)
{
    tp_status_t status = host.work_close(work);
    stay(stay_us);
    touch();
    return status;
}

void survival_plugin_simple(tp_callback_instance_t *instance, void *context_given)
{
    struct plugin_context *context = context_given;
    if (context->library)
        context->status = host.close_library_on_return(instance, context->library);
    if (context->close)
        context->status = host.work_close(context->close);
    stay(context->stay_us);
    touch();
    __atomic_fetch_add(&context->runs, 1, __ATOMIC_SEQ_CST);
    touch();
}

void survival_plugin_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    survival_plugin_simple(instance, context);
    touch();
}

__attribute__((destructor)) static void unloaded(void)
{
    if (host.told)
        host.told();
}
