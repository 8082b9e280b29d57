/* bucket_lost.c - the bucket with the bug: what happens between load and store is lost. */
#include "examples/simulation/bucket.h"

void bucket_init(struct bucket *bucket, uint32_t capacity)
{
    bucket->capacity = capacity;
    atomic_init(&bucket->permits, capacity);
}

bool bucket_take(struct bucket *bucket)
{
    uint32_t permits = atomic_load(&bucket->permits);
    if (permits == 0)
        return false;
    atomic_store(&bucket->permits, permits - 1);
    return true;
}

bool bucket_add(struct bucket *bucket)
{
    uint32_t permits = atomic_load(&bucket->permits);
    if (permits == bucket->capacity)
        return false;
    atomic_store(&bucket->permits, permits + 1);
    return true;
}
