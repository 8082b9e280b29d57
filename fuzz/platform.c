/* platform.c - memory that can be refused and ends with an input, and threads that never wait. */
#include "fuzz/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 1024u

struct block {
    void *memory;
    size_t size, alignment;
};

/* The first `used` are the part's; the others, up to `count`, are left from earlier inputs: to ask
 * malloc for large blocks again and again takes longer than all the rest. */
static struct block blocks[BLOCKS];
static uint32_t used, count, allowed, failures;

void platform_begin(void)
{
    allowed = UINT32_MAX;
    failures = used = 0;
}

void platform_end(void)
{
    used = 0;
}

void platform_fail_after(uint32_t allocations)
{
    allowed = allocations;
}

uint32_t platform_failures(void)
{
    return failures;
}

static void swap(uint32_t i, uint32_t k)
{
    struct block block = blocks[i];
    blocks[i] = blocks[k];
    blocks[k] = block;
}

/* One that is left over, or a new one; it becomes the last of those used. */
static struct block *find(size_t size, size_t alignment)
{
    uint32_t i = used;
    while (i < count && (blocks[i].size != size || blocks[i].alignment != alignment))
        i++;
    if (i == count) {
        void *memory = count < BLOCKS ? aligned_alloc(alignment, size) : NULL;
        if (memory == NULL)
            return NULL;
        blocks[count++] = (struct block){memory, size, alignment};
    }
    swap(i, used);
    return &blocks[used++];
}

void *tpp_alloc(size_t size, size_t alignment)
{
    struct block *block = NULL;
    if (allowed > 0)
        block = find(size, alignment > sizeof(void *) ? alignment : sizeof(void *));
    if (block == NULL) {
        failures++;
        return NULL;
    }
    allowed -= allowed != UINT32_MAX;
    memset(block->memory, 0xa5, size);
    return block->memory;
}

void *tpp_alloc_large(size_t size, size_t alignment)
{
    return tpp_alloc(size, alignment);
}

/* Really freed, so that a sanitizer sees a use after it. */
void tpp_free(void *memory, size_t size)
{
    uint32_t i = 0;
    while (i < used && blocks[i].memory != memory)
        i++;
    if (memory == NULL)
        return;
    if (i == used || blocks[i].size != size)
        tpp_abort("platform: freed what was not allocated, or with another size");
    free(memory);
    swap(i, --used);
    swap(used, --count);
}

bool tpp_wait(tpp_u32 *word, uint32_t expected, int64_t deadline_ns)
{
    (void)word, (void)expected, (void)deadline_ns;
    tpp_abort("platform: the only thread would wait for ever");
}

void tpp_wake(tpp_u32 *word, uint32_t sleepers)
{
    (void)word, (void)sleepers;
}

_Noreturn void tpp_abort(const char *message)
{
    fprintf(stderr, "%s\n", message);
    abort();
}
