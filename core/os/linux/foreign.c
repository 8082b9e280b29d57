/* foreign.c - things an application hands in: its mutexes and its loaded libraries. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <unwind.h>

int tpp_user_mutex_unlock(void *pthread_mutex)
{
    return pthread_mutex_unlock(pthread_mutex);
}

/* The loader keeps what it has loaded in lists, one for each of its namespaces. */
#if __GLIBC_PREREQ(2, 35)
static const struct r_debug *next_namespace(const struct r_debug *space)
{
    const struct r_debug_extended *extended = (const void *)space;

    return space->r_version > 1 ? (const void *)extended->r_next : NULL;
}
#else
static const struct r_debug *next_namespace(const struct r_debug *space)
{
    (void)space; /* others cannot be known, and a library in one is refused */
    return NULL;
}
#endif

struct search {
    const void *handle;
    bool found;
};

/* Called for the first library, and enough then: meanwhile the loader changes no list. Its lock is
 * hidden from ThreadSanitizer. */
__attribute__((no_sanitize("thread"))) static int look_through_lists(struct dl_phdr_info *info,
                                                                     size_t size, void *argument)
{
    struct search *search = argument;

    (void)info;
    (void)size;
    for (const struct r_debug *space = &_r_debug; space; space = next_namespace(space))
        for (const struct link_map *map = space->r_map; map; map = map->l_next)
            search->found |= map == search->handle;
    return 1;
}

/* dlinfo would follow anything. */
static bool is_loaded(const void *handle)
{
    struct search search = {.handle = handle};

    (void)dl_iterate_phdr(look_through_lists, &search);
    return search.found;
}

/* There is no dlref: a handle says which object it stands for, and opening that object again by the
 * name the loader itself keeps for it, in the namespace it was loaded into, counts one reference.
 * The loader finds it among the loaded ones by that name and does not look at the file, which may
 * be gone. The program itself has the empty name, and NULL asks for it. */
int tpp_library_pin(void *dlopen_handle, void **own_handle)
{
    int saved = errno;
    struct link_map *map = NULL;
    Lmid_t space = LM_ID_BASE;
    void *own = NULL;

    *own_handle = NULL;
    if (!is_loaded(dlopen_handle) || dlinfo(dlopen_handle, RTLD_DI_LINKMAP, &map) != 0 ||
        dlinfo(dlopen_handle, RTLD_DI_LMID, &space) != 0) {
        errno = saved;
        return EINVAL;
    }
    own = dlmopen(space, map->l_name[0] != '\0' ? map->l_name : NULL, RTLD_NOLOAD | RTLD_LAZY);
    errno = saved;
    *own_handle = own;
    return own != NULL ? 0 : ENOENT;
}

int tpp_library_close(void *dlopen_handle)
{
    int saved = errno;
    int failed = dlclose(dlopen_handle);

    errno = saved;
    return failed == 0 ? 0 : EINVAL;
}

/* ---- who would return into a library -------------------------------------------------------- */

typedef ElfW(Phdr) segment_t;

/* The loaded object that contains an address, as the loader describes it. */
struct object {
    uintptr_t inside; /* sought */
    uintptr_t base;
    const segment_t *segments; /* NULL: not found; in the object's own memory */
    size_t count;
};

static bool covers(const struct object *object, uintptr_t address)
{
    size_t i;

    for (i = 0; i < object->count; i++) {
        const segment_t *segment = &object->segments[i];
        if (segment->p_type == PT_LOAD &&
            address - (object->base + segment->p_vaddr) < segment->p_memsz)
            return true;
    }
    return false;
}

static int match_object(struct dl_phdr_info *info, size_t size, void *argument)
{
    struct object *sought = argument;
    struct object object = {sought->inside, info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum};

    (void)size;
    if (!covers(&object, sought->inside))
        return 0;
    *sought = object;
    return 1;
}

struct walk {
    struct object object;
    bool met;       /* code of the object is on the stack */
    uintptr_t last; /* where the outermost frame seen so far will go on */
};

/* A return address stands behind the call, which may be the last instruction of its segment. */
static _Unwind_Reason_Code look_at_frame(struct _Unwind_Context *context, void *argument)
{
    struct walk *walk = argument;
    int before = 0;
    uintptr_t next = (uintptr_t)_Unwind_GetIPInfo(context, &before);

    walk->last = next;
    walk->met = covers(&walk->object, before != 0 ? next : next - 1);
    return walk->met ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

/* The loader frees what this reads only when the last reference is closed, and whoever asks holds
 * one; but the loader's lock, which orders the two, is hidden from ThreadSanitizer. Volatile, or
 * the compiler would let the caller read it. */
__attribute__((noinline, no_sanitize("thread"))) static uintptr_t dynamic_section(
    const volatile struct link_map *map)
{
    return (uintptr_t)map->l_ld;
}

/* The first frame of a thread says that nobody called it, and the unwinder reports that as a last
 * frame at address zero. Any other end is a function without unwind tables: what lies beyond it
 * cannot be known. Neither can the segments of a library in another namespace of the loader. */
bool tpp_library_on_stack(void *dlopen_handle)
{
    int saved = errno;
    struct link_map *map = NULL;
    struct walk walk = {.met = true};

    if (dlinfo(dlopen_handle, RTLD_DI_LINKMAP, &map) == 0) {
        walk.object.inside = dynamic_section(map);
        (void)dl_iterate_phdr(match_object, &walk.object);
    }
    if (walk.object.segments != NULL)
        (void)_Unwind_Backtrace(look_at_frame, &walk);
    errno = saved;
    return walk.met || walk.last != 0;
}
