/* foreign.c - things an application hands in: its mutexes and its loaded libraries. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>

int tpp_user_mutex_unlock(void *pthread_mutex)
{
    return pthread_mutex_unlock(pthread_mutex);
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
    if (dlinfo(dlopen_handle, RTLD_DI_LINKMAP, &map) != 0 ||
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
