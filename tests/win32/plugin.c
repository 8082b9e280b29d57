/* plugin.c - a library whose callbacks run on a pool, and which notes when it is unloaded. */
#include "tests/win32/plugin.h"

static struct plugin_notes *notes;

TPW_API void plugin_init(struct plugin_notes *where)
{
    notes = where;
    notes->loaded = 1;
}

TPW_API void CALLBACK plugin_work(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    (void)work;
    if (context)
        FreeLibraryWhenCallbackReturns(instance, (HMODULE)context);
    __atomic_fetch_add(&notes->runs, 1, __ATOMIC_SEQ_CST);
}

__attribute__((destructor)) static void unload(void)
{
    if (!notes)
        return;
    if (notes->work) /* C-203: its own callback is over by now */
        WaitForThreadpoolWorkCallbacks(notes->work, FALSE);
    __atomic_store_n(&notes->loaded, 0, __ATOMIC_SEQ_CST);
    if (notes->unloaded)
        SetEvent(notes->unloaded);
}
