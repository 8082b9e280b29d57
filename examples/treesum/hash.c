/* hash.c - opens entries, as many as may be open at a time, and digests what is read from them.
 *
 * Reads are completed by callbacks of a higher priority than the one that opens the next entry.
 * So a thread opens another file only when nothing that has been read is there to be digested:
 * what is in the page cache is read file by file, and of what is not, many reads are soon in
 * flight. */
#include "examples/treesum/hash.h"

#include "examples/treesum/reading.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_AHEAD_FROM = 1 << 20 };

struct file {
    struct reading reading; /* first: it has the address of the file */
    struct hasher *hasher;
    struct file *next_of_all, *next_spare;
    struct slot *slot;
    EVP_MD_CTX *digest;
    bool no_digest; /* libcrypto failed */
};

bool hasher_init(struct hasher *hasher, struct job *job, uint32_t files_most)
{
    hasher->job = job;
    hasher->files_most = files_most < FILES_AT_ONCE_MOST ? files_most : FILES_AT_ONCE_MOST;
    hasher->all = hasher->spare = NULL;
    hasher->files = hasher->put_off = 0;
    atomic_init(&hasher->bytes, 0);
    pthread_mutex_init(&hasher->lock, NULL);
    hasher->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    return hasher->algorithm != NULL;
}

void hasher_fini(struct hasher *hasher)
{
    while (hasher->all != NULL) {
        struct file *file = hasher->all;
        hasher->all = file->next_of_all;
        EVP_MD_CTX_free(file->digest);
        free(file);
    }
    EVP_MD_free(hasher->algorithm);
    pthread_mutex_destroy(&hasher->lock);
}

/* ---- Files that may be open ------------------------------------------------------------------ */

static void on_piece(struct reading *reading, const unsigned char *bytes, size_t length);
static void on_end(struct reading *reading, int error, tp_callback_instance_t *instance);

/* NULL: no memory. */
static struct file *file_create(struct hasher *hasher)
{
    struct file *file = malloc(sizeof *file);
    if (file == NULL)
        return NULL;
    file->hasher = hasher;
    file->reading.take = on_piece;
    file->reading.ended = on_end;
    file->digest = EVP_MD_CTX_new();
    if (file->digest == NULL) {
        free(file);
        return NULL;
    }
    file->next_of_all = hasher->all;
    hasher->all = file;
    hasher->files++;
    return file;
}

/* NULL: there are enough, or no memory for more. Then the callback's entry is put off, unless there
 * is none whose end it could wait for. */
static struct file *file_get(struct hasher *hasher, bool *put_off)
{
    pthread_mutex_lock(&hasher->lock);
    struct file *file = hasher->spare;
    if (file != NULL)
        hasher->spare = file->next_spare;
    else if (hasher->files < hasher->files_most)
        file = file_create(hasher);
    *put_off = file == NULL && hasher->files > 0;
    if (*put_off)
        hasher->put_off++;
    pthread_mutex_unlock(&hasher->lock);
    return file;
}

/* True: an entry was put off, and can be begun now. */
static bool file_put(struct hasher *hasher, struct file *file)
{
    pthread_mutex_lock(&hasher->lock);
    file->next_spare = hasher->spare;
    hasher->spare = file;
    bool wanted = hasher->put_off > 0;
    if (wanted)
        hasher->put_off--;
    pthread_mutex_unlock(&hasher->lock);
    return wanted;
}

/* ---- One file -------------------------------------------------------------------------------- */

static void finish(struct file *file, int error, tp_callback_instance_t *instance)
{
    struct hasher *hasher = file->hasher;
    struct slot *slot = file->slot;
    slot->error = error;
    if (file_put(hasher, file))
        job_post(hasher->job, hasher->job->hash, 1, instance);
    job_entry_done(hasher->job, slot, instance);
}

static void on_piece(struct reading *reading, const unsigned char *bytes, size_t length)
{
    struct file *file = (struct file *)reading;
    if (!EVP_DigestUpdate(file->digest, bytes, length))
        file->no_digest = true;
    file->slot->bytes += length;
    atomic_fetch_add_explicit(&file->hasher->bytes, length, memory_order_relaxed);
}

static void on_end(struct reading *reading, int error, tp_callback_instance_t *instance)
{
    struct file *file = (struct file *)reading;
    if (error == ECANCELED)
        return;
    if (error == 0 &&
        (file->no_digest || !EVP_DigestFinal_ex(file->digest, file->slot->digest, NULL)))
        error = SLOT_NO_DIGEST;
    finish(file, error, instance);
}

/* The type is looked at after opening, because the name may mean something else by now: then
 * nothing is read from it. O_NONBLOCK keeps a FIFO from blocking the open. */
static int open_entry(const struct slot *slot, uint64_t *size, int *error)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (slot->follow ? 0 : O_NOFOLLOW);
    int fd = openat(slot->place->fd, slot->name, flags);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        *error = errno;
    } else if (!S_ISREG(status.st_mode)) {
        *error = SLOT_NOT_REGULAR;
    } else {
        *size = (uint64_t)status.st_size;
        if (status.st_size >= READ_AHEAD_FROM)
            posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Returns 0 if it is being read, else what to say of it. */
static int start(struct file *file)
{
    struct hasher *hasher = file->hasher;
    uint64_t size = 0;
    int error = file->slot->error;
    if (error != 0)
        return error;
    file->no_digest = false;
    if (!EVP_DigestInit_ex2(file->digest, hasher->algorithm, NULL))
        return SLOT_NO_DIGEST;
    int fd = open_entry(file->slot, &size, &error);
    return fd < 0 ? error : reading_start(&file->reading, fd, size, hasher->env);
}

void hasher_begin(struct hasher *hasher, tp_callback_instance_t *instance)
{
    bool put_off;
    struct file *file = file_get(hasher, &put_off);
    if (put_off)
        return;
    struct slot *slot = window_take(&hasher->job->window);
    if (file == NULL) {
        slot->error = ENOMEM;
        job_entry_done(hasher->job, slot, instance);
        return;
    }
    file->slot = slot;
    int error = start(file);
    if (error != 0 && error != ECANCELED)
        finish(file, error, instance);
}
