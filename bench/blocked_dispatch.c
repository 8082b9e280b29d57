/* blocked_dispatch.c - libdispatch's global queue among the pools with blocked callbacks. */
/* Its headers ask for features in clang's way, which gcc does not know. */
#ifndef __has_feature
#define __has_feature(name) 0
#define __has_extension(name) 0
#endif
#include <dispatch/dispatch.h>

#include "bench/blocked.h"

/* The pool is the process's; on Linux its manager looks for blocked threads once a second. */
static void submit(void (*function)(void *context), void *context)
{
    dispatch_async_f(dispatch_get_global_queue(DISPATCH_QUEUE_PRIORITY_DEFAULT, 0), context,
                     function);
}

const struct blocked_side dispatch_blocked = {
    .name = "dispatch",
    .about = "libdispatch's global queue",
    .threads = 2,
    .submit = submit,
    .meets = true,
};
