/* memory_test.c - the heap and the allocator hooks. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>

#include "tests/support/tap.h"

TAP_TEST(memory__is_aligned_as_asked)
{
    size_t alignment, size;
    for (alignment = 1; alignment <= 65536; alignment *= 2) {
        for (size = 1; size <= 4096; size = size * 3 + 1) {
            unsigned char *memory = tpp_alloc(size, alignment);
            require(memory != NULL);
            check_eq((uintptr_t)memory % alignment, 0);
            memset(memory, 0xa5, size);
            tpp_free(memory, size);
        }
    }
}

TAP_TEST(memory__out_of_it_is_null_and_keeps_errno)
{
    errno = 77;
    check(tpp_alloc(PTRDIFF_MAX, 1) == NULL);
    check(tpp_alloc(PTRDIFF_MAX, 64) == NULL);
    check_eq(errno, 77);
    tpp_free(NULL, 8);
}

struct record {
    size_t alloc_size, alloc_alignment, free_size;
    void *freed;
    _Alignas(64) char block[128];
    int allocs, frees;
};

static void *record_alloc(void *context, size_t size, size_t alignment)
{
    struct record *record = context;
    record->allocs++;
    record->alloc_size = size;
    record->alloc_alignment = alignment;
    errno = ENOMEM;
    return size <= sizeof record->block ? record->block : NULL;
}

static void record_free(void *context, void *memory, size_t size)
{
    struct record *record = context;
    record->frees++;
    record->freed = memory;
    record->free_size = size;
    errno = EINVAL;
}

/* The hooks are process-wide and set once, so this test comes last. */
TAP_TEST(memory__hooks_see_every_size_alignment_and_free)
{
    static struct record record;
    const struct tpp_memory_hooks hooks = {record_alloc, record_free, &record};
    void *memory;
    tpp_memory_hooks(&hooks);
    errno = 77;
    memory = tpp_alloc(100, 64);
    check(memory == record.block);
    check_eq(record.alloc_size, 100);
    check_eq(record.alloc_alignment, 64);
    check(tpp_alloc(1000, 8) == NULL);
    tpp_free(memory, 100);
    check(record.freed == record.block);
    check_eq(record.free_size, 100);
    check_eq(record.allocs, 2);
    check_eq(record.frees, 1);
    tpp_free(NULL, 8);
    check_eq(record.frees, 1);
    check_eq(errno, 77);
}

int main(void)
{
    tap_run(memory__is_aligned_as_asked);
    tap_run(memory__out_of_it_is_null_and_keeps_errno);
    tap_run(memory__hooks_see_every_size_alignment_and_free);
    return tap_done();
}
