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

/* Loaded anew, with one reference; `on_end` is called at its end. */
TAP_UNUSED_ static void *plugin_load(void (*on_end)(void))
{
    const struct plugin_host host = {tp_work_close, tp_callback_close_library_on_return, on_end};
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

/* ---- a scene with it ------------------------------------------------------------------------- */

static tpp_u32 told;

TAP_UNUSED_ static void count_end(void)
{
    tpp_add_acq_rel(&told, 1);
}

/* A scene whose objects keep the plugin loaded, and the plugin's callbacks. */
struct plugged {
    struct scene scene;
    void *library;
    tp_work_fn work;
    tp_simple_fn simple;
    plugin_close *close;
};

TAP_UNUSED_ static struct plugged plug(uint32_t maximum, void (*on_end)(void), bool pinned)
{
    struct plugged plugged = {.scene = scene_plan(0, maximum)};
    tpp_store_release(&told, 0);
    plugged.library = plugin_load(on_end);
    plugin_symbol(plugged.library, "survival_plugin_work", &plugged.work);
    plugin_symbol(plugged.library, "survival_plugin_simple", &plugged.simple);
    plugin_symbol(plugged.library, "survival_plugin_close", &plugged.close);
    scene_build(&plugged.scene);
    if (pinned)
        check_eq(tp_env_set_library(plugged.scene.env, plugged.library), TP_OK);
    return plugged;
}

TAP_UNUSED_ static void expect_gone(struct plugged *plugged)
{
    check(plugin_goes());
    check_eq(tpp_load_acquire(&told), 1);
    scene_end(&plugged->scene);
}

#endif
