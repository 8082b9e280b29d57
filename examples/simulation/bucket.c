/* bucket.c - permits in a bucket: taken and put back by any thread. */
#include "examples/simulation/bucket.h"

void bucket_init(struct bucket *bucket, uint32_t capacity)
{
    bucket->capacity = capacity;
    atomic_init(&bucket->permits, capacity);
}

bool bucket_take(struct bucket *bucket)
{
    uint32_t permits = atomic_load(&bucket->permits);
    do {
        if (permits == 0)
            return false;
    } while (!atomic_compare_exchange_weak(&bucket->permits, &permits, permits - 1));
    return true;
}

bool bucket_add(struct bucket *bucket)
{
    uint32_t permits = atomic_load(&bucket->permits);
    do {
        if (permits == bucket->capacity)
            return false;
    } while (!atomic_compare_exchange_weak(&bucket->permits, &permits, permits + 1));
    return true;
}
