/* plugin.h - what the plugin of these tests exports. */
#ifndef TESTS_SURVIVAL_PLUGIN_H
#define TESTS_SURVIVAL_PLUGIN_H

#include "tp/types.h"

/* The plugin calls the library through these, which the host sets: it is linked to the one in the
 * test program. */
struct plugin_host {
    tp_status_t (*work_close)(tp_work_t *work);
    tp_status_t (*close_library_on_return)(tp_callback_instance_t *instance, void *handle);
    void (*told)(void); /* called when the plugin is unloaded, by its destructor; NULL: nothing */
};

/* What a callback in the plugin finds as its context. */
struct plugin_context {
    unsigned runs;      /* atomic: counted in the plugin */
    unsigned stay_us;   /* spent in the plugin after all else */
    tp_work_t *close;   /* closed in the callback, if not NULL */
    void *library;      /* closed on return, if not NULL */
    tp_status_t status; /* of the last of these calls */
};

typedef void plugin_set_host(const struct plugin_host *host);
typedef tp_status_t plugin_close(tp_work_t *work, unsigned stay_us);

/* Exported: survival_plugin_set_host, survival_plugin_close (closes a work object, stays a while in
 * the plugin's own code, and returns through it), survival_plugin_work, survival_plugin_simple. */

#endif
