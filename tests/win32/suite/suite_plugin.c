/* suite_plugin.c - the library that callbacks of the suite live in; it tells of its own end. */
#include <windows.h>

void plugin_watch(volatile LONG *ends);
void CALLBACK plugin_count(PTP_CALLBACK_INSTANCE instance, PVOID counter, PTP_WORK work);

static volatile LONG *watched;

__attribute__((visibility("default"))) void plugin_watch(volatile LONG *ends)
{
    watched = ends;
}

__attribute__((visibility("default"))) void CALLBACK plugin_count(PTP_CALLBACK_INSTANCE instance,
                                                                  PVOID counter, PTP_WORK work)
{
    (void)instance;
    (void)work;
    InterlockedIncrement((volatile LONG *)counter);
}

__attribute__((destructor)) static void end(void)
{
    if (watched)
        InterlockedIncrement(watched);
}
