/* wait_files.h - descriptors for the waits' stress test, whose numbers are used again at once. */
#ifndef TESTS_STRESS_WAIT_FILES_H
#define TESTS_STRESS_WAIT_FILES_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/stress/frame.h"

enum file_kind { EVENTFD, PIPE, SOCKETS, FILE_KINDS };

/* What is waited for is `read_end`; an eventfd is both ends. */
struct ends {
    enum file_kind kind;
    int read_end, write_end;
};

static inline struct ends open_ends(enum file_kind kind)
{
    struct ends ends = {.kind = kind};
    int both[2] = {-1, -1};
    if (kind == EVENTFD)
        both[0] = both[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    else if (kind == PIPE)
        must(pipe2(both, O_NONBLOCK | O_CLOEXEC) == 0);
    else
        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both) == 0);
    must(both[0] >= 0);
    ends.read_end = both[0];
    ends.write_end = both[1];
    return ends;
}

/* The number of the end that is waited for is the first or the last to be free again. */
static inline void close_ends(struct ends *ends, uint64_t *dice)
{
    bool first = roll(dice, 2);
    if (first)
        must(close(ends->read_end) == 0);
    if (ends->kind != EVENTFD)
        must(close(ends->write_end) == 0);
    if (!first)
        must(close(ends->read_end) == 0);
    ends->read_end = ends->write_end = -1;
}

static inline void make_readable(const struct ends *ends)
{
    if (ends->kind == EVENTFD)
        must(eventfd_write(ends->write_end, 1) == 0);
    else
        must(write(ends->write_end, "!", 1) == 1);
}

/* What make_readable wrote, and nothing else. */
static inline bool drain(const struct ends *ends)
{
    eventfd_t value = 0;
    char byte = 0;
    if (ends->kind == EVENTFD)
        return eventfd_read(ends->read_end, &value) == 0 && value == 1;
    return read(ends->read_end, &byte, 1) == 1 && byte == '!';
}

/* ---- files that many waits know -------------------------------------------------------------- */

/* One open file, from open to close, however often its number is used before and after. Once it
 * has been lit it is readable, or hung up, for ever. */
struct file {
    tpp_u32 lit; /* set before the file is made readable */
    struct ends ends;
};

/* A place that names one file after the other. Its descriptors are valid under its lock. */
struct place {
    pthread_rwlock_t lock;
    struct file *file;
};

enum {
    PLACES = 48,
    DARK_PLACES = 12,    /* of files that nobody ever makes readable */
    FILES_MAX = 1 << 18, /* opened at an even pace */
};

static struct place places[PLACES], dark_places[DARK_PLACES];
static int always_ready; /* nobody may wait for it */
static struct file *files;
static tpp_u32 file_count, files_allowed;

static inline struct file *open_file(enum file_kind kind)
{
    uint32_t number = tpp_add_relaxed(&file_count, 1);
    if (number >= FILES_MAX)
        abort(); /* there was room for so many */
    files[number].ends = open_ends(kind);
    return &files[number];
}

static inline void light(struct place *place)
{
    pthread_rwlock_rdlock(&place->lock);
    if (tpp_exchange_acq_rel(&place->file->lit, 1) == 0)
        make_readable(&place->file->ends);
    pthread_rwlock_unlock(&place->lock);
}

/* Another file takes the place, and most likely the numbers. Waits may be armed on the one that
 * goes: the other end of an eventfd is gone with it for good, that of a pipe hangs up. */
static inline void change_file(struct place *place, bool dark, uint64_t *dice)
{
    enum file_kind kind = dark ? EVENTFD : roll(dice, FILE_KINDS);
    if (tpp_load_relaxed(&file_count) >= tpp_load_relaxed(&files_allowed))
        return;
    pthread_rwlock_wrlock(&place->lock);
    if (place->file->ends.kind != EVENTFD)
        tpp_store_release(&place->file->lit, 1);
    close_ends(&place->file->ends, dice);
    place->file = open_file(kind);
    pthread_rwlock_unlock(&place->lock);
}

static inline void change_some_file(uint64_t *dice)
{
    if (roll(dice, 4))
        change_file(&places[roll(dice, PLACES)], false, dice);
    else
        change_file(&dark_places[roll(dice, DARK_PLACES)], true, dice);
}

static inline void make_places(void)
{
    struct rlimit limit;
    files = calloc(FILES_MAX, sizeof *files);
    must(files != NULL && getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max < 20000 ? limit.rlim_max : 20000;
    must(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    always_ready = open("/dev/null", O_RDONLY | O_CLOEXEC);
    must(always_ready >= 0);
    for (uint32_t i = 0; i < PLACES; i++) {
        must(pthread_rwlock_init(&places[i].lock, NULL) == 0);
        places[i].file = open_file(i % FILE_KINDS);
    }
    for (uint32_t i = 0; i < DARK_PLACES; i++) {
        must(pthread_rwlock_init(&dark_places[i].lock, NULL) == 0);
        dark_places[i].file = open_file(EVENTFD);
    }
}

static inline void end_places(void)
{
    uint64_t dice = 1;
    close(always_ready);
    for (uint32_t i = 0; i < PLACES; i++) {
        close_ends(&places[i].file->ends, &dice);
        must(pthread_rwlock_destroy(&places[i].lock) == 0);
    }
    for (uint32_t i = 0; i < DARK_PLACES; i++) {
        close_ends(&dark_places[i].file->ends, &dice);
        must(pthread_rwlock_destroy(&dark_places[i].lock) == 0);
    }
    printf("# %u files in %u places\n", tpp_peek(&file_count), PLACES + DARK_PLACES);
}

#endif
