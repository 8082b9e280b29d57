/* memory.c - the heap, or the allocator the application gave instead. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* What malloc aligns to without being asked. */
#define MALLOC_ALIGNMENT _Alignof(max_align_t)

static void *system_alloc(void *context, size_t size, size_t alignment)
{
    void *memory = NULL;

    (void)context;
    if (alignment <= MALLOC_ALIGNMENT)
        return malloc(size);
    return posix_memalign(&memory, alignment, size) == 0 ? memory : NULL;
}

static void system_free(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

/* Written before the first tpp_alloc of the process and only read afterwards, so it needs no
 * lock: whatever starts the second thread orders the two. */
static struct tpp_memory_hooks hooks_now = {system_alloc, system_free, NULL};

void tpp_memory_hooks(const struct tpp_memory_hooks *hooks)
{
    hooks_now = *hooks;
}

void *tpp_alloc(size_t size, size_t alignment)
{
    int saved = errno;
    void *memory = hooks_now.alloc(hooks_now.context, size, alignment);

    errno = saved;
    return memory;
}

void *tpp_alloc_large(size_t size, size_t alignment)
{
    int saved = errno;
    void *memory = NULL;

    if (hooks_now.alloc == system_alloc)
        memory = system_alloc(NULL, size, alignment);
    if (memory != NULL)
        (void)madvise(memory, size, MADV_HUGEPAGE); /* or not: it works all the same */
    errno = saved;
    return memory;
}

void tpp_free(void *memory, size_t size)
{
    int saved = errno;

    if (memory == NULL)
        return;
    hooks_now.free(hooks_now.context, memory, size);
    errno = saved;
}
