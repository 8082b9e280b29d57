/* pool_module.c - whether an HMODULE is one: the loader itself would follow anything. */
#define _GNU_SOURCE
#include "capi/win32/win32.h"

#include <link.h>

struct search {
    const void *module;
    bool found;
};

/* Called for the first module, and enough then: meanwhile the loader changes no list. Its lock is
 * hidden from ThreadSanitizer. */
__attribute__((no_sanitize("thread"))) static int look(struct dl_phdr_info *info, size_t size,
                                                       void *argument)
{
    struct search *search = argument;
    (void)info;
    (void)size;
    for (const struct link_map *map = _r_debug.r_map; map && !search->found; map = map->l_next)
        search->found = map == search->module;
    return 1;
}

bool tpw_module_is_loaded(HMODULE module)
{
    struct search search = {module, false};
    (void)dl_iterate_phdr(look, &search);
    return search.found;
}
