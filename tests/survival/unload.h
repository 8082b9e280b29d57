/* unload.h - the host's side of the plugin: loading it, and looking whether it is loaded. */
#ifndef TESTS_SURVIVAL_UNLOAD_H
#define TESTS_SURVIVAL_UNLOAD_H

#include <dlfcn.h>

#include "tests/survival/plugin.h"
#include "tests/survival/scene.h"

/* ThreadSanitizer does not see the loader's lock: that the last of several owners frees what the
 * others have looked at looks like a race to it. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:_dl_close_worker\n";
}

/* It is built into the folder of the test programs. */
TAP_UNUSED_ static const char *plugin_path(void)
{
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 64);
    path[length > 0 ? length : 0] = 0;
    char *slash = strrchr(path, '/');
    strcpy(slash ? slash + 1 : path, "survival_plugin.so");
    return path;
}

/* A function of the plugin, as the type that `function` points to. */
TAP_UNUSED_ static void plugin_symbol(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    check(symbol != NULL);
    memcpy(function, &symbol, sizeof symbol);
}

/* Loaded anew, with one reference; `told` hears of its end. */
TAP_UNUSED_ static void *plugin_load(void (*told)(void))
{
    const struct plugin_host host = {tp_work_close, tp_callback_close_library_on_return, told};
    plugin_set_host *set_host;
    void *library = dlopen(plugin_path(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        printf("# %s\n", dlerror());
        check(library != NULL);
        exit(1);
    }
    plugin_symbol(library, "survival_plugin_set_host", &set_host);
    set_host(&host);
    return library;
}

TAP_UNUSED_ static bool plugin_loaded(void)
{
    void *found = dlopen(plugin_path(), RTLD_NOLOAD | RTLD_LAZY);
    if (found)
        dlclose(found);
    return found != NULL;
}

TAP_UNUSED_ static bool plugin_goes(void)
{
    int64_t end = now() + 10000 * MS * patience();
    while (plugin_loaded() && now() < end)
        usleep(500);
    return !plugin_loaded();
}

#endif
