/* fork.c - the child of a fork: first this layer is put in order there, then the core is told. */
#define _GNU_SOURCE
#include "core/os/os.h"
#include "core/os/linux/fork.h"

#include <errno.h>
#include <pthread.h>

static pthread_once_t watch_once = PTHREAD_ONCE_INIT;
static bool watched; /* written inside watch_once, and by the only thread of a child */
static tpp_ptr child_function;

/* Data pointers and function pointers have one size and shape on every Linux. */
union child_pointer {
    void *raw;
    void (*function)(void);
};

/* Whoever comes here is registered. The child must be told so: if it was born while another thread
 * was inside watch_once, it inherits an unfinished one and will go through it again. */
static void in_child(void)
{
    /* [LX2] acquire: sees what the caller of tpp_at_fork prepared. Pairs with its release. For tp
     * more than it takes, which comes when it is loaded. */
    union child_pointer child = {.raw = tpp_load_acquire(&child_function)};

    watched = true;
    tpp_thread_forked();
    tpp_alarm_forked();
    if (child.function != NULL)
        child.function();
}

static void register_watch(void)
{
    if (!watched)
        watched = pthread_atfork(NULL, NULL, in_child) == 0;
}

int tpp_fork_watch(void)
{
    int saved = errno;

    (void)pthread_once(&watch_once, register_watch);
    errno = saved;
    return watched ? 0 : ENOMEM;
}

/* In a child the functions run in the order in which they were registered. Those of the application
 * may call the library, so this one has to be the earlier: it registers when the code is loaded. */
static __attribute__((constructor)) void watch_from_the_beginning(void)
{
    (void)tpp_fork_watch();
}

int tpp_at_fork(void (*child)(void))
{
    union child_pointer pointer = {.function = child};

    /* [LX2] release: what the function needs was prepared before. Pairs with in_child. */
    tpp_store_release(&child_function, pointer.raw);
    return tpp_fork_watch();
}
