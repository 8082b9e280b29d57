/* unload_plugin.c - a library that calls back into the test and tells when it is unloaded. */
#include "tests/conformance/unload_plugin.h"

void (*unload_plugin_told)(void);
static _Atomic unsigned returned;

void unload_plugin_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (*(tp_work_fn *)context)(instance, context, work);
    returned++; /* crashes if the code is not mapped any more */
}

__attribute__((destructor)) static void unloaded(void)
{
    if (unload_plugin_told)
        unload_plugin_told();
}
