/* user_tsan.c - what the compilers call before a plain access to memory, and in functions.
 *
 * Nothing else refers to this file: it is linked where code calls for it and nobody else comes. */
#include <string.h>

#include "capi/sim/user_access.h"

/* As gcc has them built in, where it instruments the simulator in another way. */
#define DEFINE(name, ...) \
    void __tsan_##name(__VA_ARGS__); \
    TPI_OF_TSAN void __tsan_##name(__VA_ARGS__)

#define ACCESS(name, size, kind) \
    DEFINE(name, void *memory) \
    { \
        (void)tpi_user_access(memory, (size), (kind), __builtin_return_address(0)); \
    }

#define ACCESSES(size) \
    ACCESS(read##size, size, TPI_USER_READ) \
    ACCESS(write##size, size, TPI_USER_WRITE) \
    ACCESS(read_write##size, size, TPI_USER_WRITE) \
    ACCESS(volatile_read##size, size, TPI_USER_READ) \
    ACCESS(volatile_write##size, size, TPI_USER_WRITE) \
    ACCESS(unaligned_read##size, size, TPI_USER_READ) \
    ACCESS(unaligned_write##size, size, TPI_USER_WRITE) \
    ACCESS(unaligned_read_write##size, size, TPI_USER_WRITE) \
    ACCESS(unaligned_volatile_read##size, size, TPI_USER_READ) \
    ACCESS(unaligned_volatile_write##size, size, TPI_USER_WRITE)

ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

DEFINE(read_range, void *memory, long size)
{
    (void)tpi_user_access(memory, (size_t)size, TPI_USER_READ, __builtin_return_address(0));
}

DEFINE(write_range, void *memory, long size)
{
    (void)tpi_user_access(memory, (size_t)size, TPI_USER_WRITE, __builtin_return_address(0));
}

DEFINE(vptr_read, void *vptr)
{
    (void)tpi_user_access(vptr, sizeof(void *), TPI_USER_READ, __builtin_return_address(0));
}

/* A constructor that writes what is there already is no write. */
DEFINE(vptr_update, void *vptr, void *value)
{
    if (*(void **)vptr != value)
        (void)tpi_user_access(vptr, sizeof(void *), TPI_USER_WRITE, __builtin_return_address(0));
}

DEFINE(func_entry, void *caller)
{
    const struct tpps_fiber *self = tpi_user_here();
    struct tpi_user_calls *calls;
    if (self == NULL)
        return;
    calls = &tpi_user_calls[tpps_slot_(self)];
    if (calls->depth < TPI_USER_DEPTH)
        calls->pcs[calls->depth] = caller;
    calls->depth++;
}

/* A longjmp leaves some of them out: then there are more on the list than there should be. */
DEFINE(func_exit, void *unused)
{
    const struct tpps_fiber *self = tpi_user_here();
    (void)unused;
    if (self != NULL && tpi_user_calls[tpps_slot_(self)].depth != 0)
        tpi_user_calls[tpps_slot_(self)].depth--;
}

DEFINE(init, void)
{
    tpi_user_instrumented = true;
}

DEFINE(ignore_thread_begin, void)
{
}

DEFINE(ignore_thread_end, void)
{
}

/* ---- copying --------------------------------------------------------------------------------- */

void *__tsan_memcpy(void *to, const void *from, size_t size);
TPI_OF_TSAN void *__tsan_memcpy(void *to, const void *from, size_t size)
{
    (void)tpi_user_access(from, size, TPI_USER_READ, __builtin_return_address(0));
    (void)tpi_user_access(to, size, TPI_USER_WRITE, __builtin_return_address(0));
    return memcpy(to, from, size);
}

void *__tsan_memmove(void *to, const void *from, size_t size);
TPI_OF_TSAN void *__tsan_memmove(void *to, const void *from, size_t size)
{
    (void)tpi_user_access(from, size, TPI_USER_READ, __builtin_return_address(0));
    (void)tpi_user_access(to, size, TPI_USER_WRITE, __builtin_return_address(0));
    return memmove(to, from, size);
}

void *__tsan_memset(void *to, int value, size_t size);
TPI_OF_TSAN void *__tsan_memset(void *to, int value, size_t size)
{
    (void)tpi_user_access(to, size, TPI_USER_WRITE, __builtin_return_address(0));
    return memset(to, value, size);
}
