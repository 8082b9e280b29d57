/* bucket.h - permits in a bucket: taken by any thread, put back by any thread, never above a limit.
 *
 * bucket.c is right. bucket_lost.c is how it was first written: every access is atomic, no
 * sanitizer has a word to say, and now and then a permit is lost or invented. limiter_test.c tells
 * them apart. */
#ifndef EXAMPLES_SIMULATION_BUCKET_H
#define EXAMPLES_SIMULATION_BUCKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bucket {
    _Atomic uint32_t permits;
    uint32_t capacity;
};

void bucket_init(struct bucket *bucket, uint32_t capacity); /* full */
bool bucket_take(struct bucket *bucket);                    /* false: it is empty */
bool bucket_add(struct bucket *bucket);                     /* false: it is full */

#endif
