/* library.h - one loaded library in both worlds: the plugin, or a count kept by the simulator. */
#ifndef TESTS_CONFORMANCE_LIBRARY_H
#define TESTS_CONFORMANCE_LIBRARY_H

#include "tests/support/stage.h"

/* library_open     loads it: one reference. NULL if that failed
 * library_close    gives one reference back
 * library_is_open  is it loaded?
 * library_work     a callback within it, see unload_plugin.h
 * library_told     has `told` called by its unloading (simulator: nothing is called) */

#ifdef TPP_SIM

#include "core/os/sim/sim.h"

static char library_itself;

static inline bool library_is_open(void *handle)
{
    return tpps_library_refs(handle) > 0;
}

/* The simulator's libraries have no code, so this looks where the real one would be missed: a
 * callback that asks for its unloading finds it loaded until its object has been let go. */
static inline void library_at_probe(enum tpp_probe probe, const void *subject, uint64_t value)
{
    (void)subject;
    (void)value;
    if (probe == TPP_PROBE_FINISH && !library_is_open(&library_itself))
        tpps_fail("the library was unloaded before its callback was over");
}

static inline void *library_open(void)
{
    tpps_library_set_refs(&library_itself, 1);
    tpps_on_probe(library_at_probe);
    return &library_itself;
}

static inline void library_close(void *handle)
{
    tpps_library_set_refs(handle, tpps_library_refs(handle) - 1);
}

static inline void library_code(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (*(tp_work_fn *)context)(instance, context, work);
}

static inline tp_work_fn library_work(void *handle)
{
    (void)handle;
    return library_code;
}

static inline void library_told(void *handle, void (*told)(void))
{
    (void)handle;
    (void)told;
}

#else

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

/* It is built into the folder of the test programs. */
static inline const char *library_path(void)
{
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 64);
    path[length > 0 ? length : 0] = 0;
    char *slash = strrchr(path, '/');
    strcpy(slash ? slash + 1 : path, "unload_plugin.so");
    return path;
}

static inline void *library_open(void)
{
    void *handle = dlopen(library_path(), RTLD_NOW);
    stage_expect(handle != NULL);
    return handle;
}

static inline void library_close(void *handle)
{
    stage_expect_eq(dlclose(handle), 0);
}

static inline bool library_is_open(void *handle)
{
    void *found = dlopen(library_path(), RTLD_NOLOAD | RTLD_LAZY);
    (void)handle;
    if (found)
        dlclose(found);
    return found != NULL;
}

static inline tp_work_fn library_work(void *handle)
{
    tp_work_fn function;
    void *symbol = dlsym(handle, "unload_plugin_work");
    memcpy(&function, &symbol, sizeof function);
    return function;
}

static inline void library_told(void *handle, void (*told)(void))
{
    void (**word)(void) = dlsym(handle, "unload_plugin_told");
    *word = told;
}

#endif

static inline bool library_has_gone(void *handle)
{
    return !library_is_open(handle);
}

#endif
