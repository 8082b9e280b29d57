/* hash.h - the digests of the entries of the window, several of which are read at a time. */
#ifndef EXAMPLES_TREESUM_HASH_H
#define EXAMPLES_TREESUM_HASH_H

#include "examples/treesum/job.h"

#include "tp/tp.h"

#include <openssl/evp.h>
#include <pthread.h>

/* A file of which pieces are in flight takes 256 KiB at most, and a descriptor. */
enum { FILES_AT_ONCE_MOST = 32 };

struct file;

struct hasher {
    EVP_MD *algorithm;
    struct job *job;
    const tp_env_t *env; /* for the I/O objects */
    uint32_t files_most;
    atomic_uint_fast64_t bytes; /* read so far, also of files that are not finished */

    pthread_mutex_t lock; /* for what follows */
    struct file *all, *spare;
    uint32_t files;
    uint32_t put_off; /* callbacks of the hash work that found as many files as may be open */
};

bool hasher_init(struct hasher *hasher, struct job *job, uint32_t files_most);
void hasher_fini(struct hasher *hasher); /* the pool must be shut down */

/* The callback of the hash work: opens the next entry and starts to read it, or puts it off until
 * another file is finished. What comes of it is told to job_entry_done(). */
void hasher_begin(struct hasher *hasher, tp_callback_instance_t *instance);

#endif
