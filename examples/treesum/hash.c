/* hash.c - opens an entry, reads it once from front to back, and digests what it reads. */
#include "examples/treesum/hash.h"

#include "examples/treesum/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 128 << 10, READ_AHEAD_FROM = 1 << 20 };

/* What a running callback needs. There are as many as callbacks ever ran at once. */
struct scratch {
    struct scratch *next;
    EVP_MD_CTX *digest;
    unsigned char buffer[READ_BYTES];
};

bool hasher_init(struct hasher *hasher)
{
    hasher->spare = NULL;
    atomic_init(&hasher->bytes, 0);
    pthread_mutex_init(&hasher->lock, NULL);
    hasher->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    return hasher->algorithm != NULL;
}

static void scratch_free(struct scratch *scratch)
{
    EVP_MD_CTX_free(scratch->digest);
    free(scratch);
}

void hasher_fini(struct hasher *hasher)
{
    while (hasher->spare != NULL) {
        struct scratch *scratch = hasher->spare;
        hasher->spare = scratch->next;
        scratch_free(scratch);
    }
    EVP_MD_free(hasher->algorithm);
    pthread_mutex_destroy(&hasher->lock);
}

static struct scratch *scratch_get(struct hasher *hasher)
{
    pthread_mutex_lock(&hasher->lock);
    struct scratch *scratch = hasher->spare;
    if (scratch != NULL)
        hasher->spare = scratch->next;
    pthread_mutex_unlock(&hasher->lock);
    if (scratch != NULL)
        return scratch;
    scratch = malloc(sizeof *scratch);
    if (scratch == NULL)
        return NULL;
    scratch->digest = EVP_MD_CTX_new();
    if (scratch->digest == NULL) {
        free(scratch);
        return NULL;
    }
    return scratch;
}

static void scratch_put(struct hasher *hasher, struct scratch *scratch)
{
    pthread_mutex_lock(&hasher->lock);
    scratch->next = hasher->spare;
    hasher->spare = scratch;
    pthread_mutex_unlock(&hasher->lock);
}

/* The type is looked at after opening, because the name may mean something else by now: then
 * nothing is read from it. O_NONBLOCK keeps a FIFO from blocking the open. */
static int open_entry(const struct slot *slot, int64_t *size, int *error)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (slot->follow ? 0 : O_NOFOLLOW);
    int fd = openat(slot->place->fd, slot->name, flags);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        *error = errno;
    } else if (!S_ISREG(status.st_mode)) {
        *error = SLOT_NOT_REGULAR;
    } else {
        *size = status.st_size;
        if (status.st_size >= READ_AHEAD_FROM)
            posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* A read that brings all that fstat promised is the last, so that a small file takes one. Some
 * files promise nothing and have contents all the same (those of /proc), so 0 promises nothing. */
static int digest_file(struct hasher *hasher, int fd, int64_t size, struct slot *slot,
                       struct scratch *scratch, tp_callback_instance_t *instance)
{
    for (;;) {
        ssize_t length = read(fd, scratch->buffer, READ_BYTES);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return errno;
        if (length > 0 && !EVP_DigestUpdate(scratch->digest, scratch->buffer, (size_t)length))
            return SLOT_NO_DIGEST;
        slot->bytes += (uint64_t)length;
        atomic_fetch_add_explicit(&hasher->bytes, (uint64_t)length, memory_order_relaxed);
        if (length == 0 || (length < READ_BYTES && slot->bytes == (uint64_t)size))
            return 0;
        if (job_cancelled(instance))
            return ECANCELED;
    }
}

static int run(struct hasher *hasher, struct slot *slot, struct scratch *scratch,
               tp_callback_instance_t *instance)
{
    int64_t size = 0;
    int error = 0;
    if (!EVP_DigestInit_ex2(scratch->digest, hasher->algorithm, NULL))
        return SLOT_NO_DIGEST;
    int fd = open_entry(slot, &size, &error);
    if (fd < 0)
        return error;
    error = digest_file(hasher, fd, size, slot, scratch, instance);
    close(fd);
    if (error == 0 && !EVP_DigestFinal_ex(scratch->digest, slot->digest, NULL))
        error = SLOT_NO_DIGEST;
    return error;
}

bool hasher_run(struct hasher *hasher, struct slot *slot, tp_callback_instance_t *instance)
{
    if (slot->error != 0)
        return true;
    struct scratch *scratch = scratch_get(hasher);
    if (scratch == NULL) {
        slot->error = ENOMEM;
        return true;
    }
    slot->error = run(hasher, slot, scratch, instance);
    scratch_put(hasher, scratch);
    return slot->error != ECANCELED;
}
