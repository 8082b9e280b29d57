/* hash.h - the digest of one entry of the window. */
#ifndef EXAMPLES_TREESUM_HASH_H
#define EXAMPLES_TREESUM_HASH_H

#include "examples/treesum/window.h"

#include "tp/tp.h"

#include <openssl/evp.h>
#include <pthread.h>

struct scratch;

/* The algorithm, and the buffers that no callback uses at the moment. */
struct hasher {
    EVP_MD *algorithm;
    pthread_mutex_t lock;
    struct scratch *spare;
    atomic_uint_fast64_t bytes; /* read so far, also of files that are not finished */
};

bool hasher_init(struct hasher *hasher);
void hasher_fini(struct hasher *hasher);
/* Sets bytes and digest of the slot, or its error. False: cancelled meanwhile. */
bool hasher_run(struct hasher *hasher, struct slot *slot, tp_callback_instance_t *instance);

#endif
