/* plugin.h - what a test and its plugin tell each other. */
#ifndef TESTS_WIN32_PLUGIN_H
#define TESTS_WIN32_PLUGIN_H

#include <windows.h>

struct plugin_notes {
    LONG loaded, runs;
    PTP_WORK work;   /* waited for when it is unloaded, if any */
    HANDLE unloaded; /* set at its end, if any */
};

TPW_API void plugin_init(struct plugin_notes *where);
TPW_API void CALLBACK plugin_work(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work);

#endif
