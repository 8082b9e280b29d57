/* unload_plugin.h - a library for callbacks to live in: a plugin, or a count in the simulator. */
#ifndef TESTS_CONFORMANCE_UNLOAD_PLUGIN_H
#define TESTS_CONFORMANCE_UNLOAD_PLUGIN_H

#include "tp/types.h"

/* What the plugin exports. */
extern void (*unload_plugin_told)(void); /* called when it is unloaded, if set */
/* A callback whose context begins with a tp_work_fn: calls that, and then returns through the code
 * of the plugin. */
void unload_plugin_work(tp_callback_instance_t *instance, void *context, tp_work_t *work);

#endif
