/* user_heap.c - memory of the C library's heap that is freed: what raced for it is forgotten.
 *
 * Only what gives memory back stands here, and hands on to the real one. */
#include <malloc.h>
#include <stdlib.h>

#include "capi/sim/user_access.h"

void __libc_free(void *memory) __attribute__((weak));

static void (*real_free)(void *);
static bool finding;

static void forget(void *memory, const void *pc)
{
    const struct tpps_fiber *self = tpi_user_here();
    size_t size;
    if (self == NULL || memory == NULL || !tpps_sim_.options.races || tpps_sim_.hook)
        return;
    size = malloc_usable_size(memory);
    tpi_user_races_access(memory, size, TPI_USER_FREE | TPI_USER_WRITE, pc);
    tpi_user_races_forget(memory, size);
}

/* Looking for functions may free memory, so this one is found before all others. */
__attribute__((constructor(101))) static void find_real(void)
{
    if (real_free != NULL)
        return;
    finding = true;
    real_free = TPI_REAL(free);
    finding = false;
}

static void give_back(void *memory)
{
    if (real_free == NULL && finding && __libc_free != NULL) {
        __libc_free(memory);
        return;
    }
    find_real();
    real_free(memory);
}

TPI_STANDS_IN void free(void *memory)
{
    forget(memory, __builtin_return_address(0));
    give_back(memory);
}

TPI_STANDS_IN void *realloc(void *memory, size_t size)
{
    forget(memory, __builtin_return_address(0));
    return TPI_REAL(realloc)(memory, size);
}
