/* io_reads.c - random reads of a file, so many in flight all the time: the file, and what it costs
 * to read it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/io.h"
#include "bench/measure.h"

enum { DEPTH_MOST = 128, CHUNK = 1 << 20, WORDS = IO_BLOCK / sizeof(uint64_t) };

#define NS_PER_MS INT64_C(1000000)
#define FILE_SIZE (INT64_C(256) << 20)
#define BLOCKS (FILE_SIZE / IO_BLOCK)

/* ---- the file --------------------------------------------------------------------------------
 *
 * It has no name any more when it is used: whoever made it hands its descriptor on to the processes
 * that it starts, and an environment variable tells them which it is. */

static const char *const variable = "TP_BENCH_FILE";

/* Each block begins and ends with its number. */
static void fill(int file)
{
    uint64_t *chunk = io_room(CHUNK, 1);
    for (uint64_t block = 0; block < BLOCKS;) {
        for (size_t at = 0; at < CHUNK / sizeof *chunk; at += WORDS, block++)
            chunk[at] = chunk[at + WORDS - 1] = block;
        must(write(file, chunk, CHUNK) == CHUNK);
    }
    must(fsync(file) == 0);
    free(chunk);
}

static void make_file(void)
{
    const char *folder = getenv("TMPDIR");
    char name[4096], number[16];
    snprintf(name, sizeof name, "%s/tp-bench-XXXXXX", folder ? folder : "/var/tmp");
    int file = mkstemp(name);
    must(file >= 0 && unlink(name) == 0);
    fill(file);
    snprintf(number, sizeof number, "%d", file);
    must(setenv(variable, number, 1) == 0);
}

static int open_again(int flags)
{
    char name[64];
    if (!getenv(variable))
        make_file();
    snprintf(name, sizeof name, "/proc/self/fd/%s", getenv(variable));
    return open(name, O_RDONLY | O_CLOEXEC | flags);
}

bool io_file_allows_direct(void)
{
    static int file = -1;
    if (file < 0)
        file = open_again(O_DIRECT);
    return file >= 0;
}

static void warm(void)
{
    void *chunk = io_room(CHUNK, 1);
    int file = open_again(0);
    for (int64_t at = 0; at < FILE_SIZE; at += CHUNK)
        must(pread(file, chunk, CHUNK, at) == CHUNK);
    close(file);
    free(chunk);
}

static void cool(void)
{
    int file = open_again(0);
    must(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0);
    close(file);
}

/* ---- the slots ------------------------------------------------------------------------------- */

static struct {
    struct io_slot slots[DEPTH_MOST];
    unsigned depth;
    bool direct;
    _Alignas(IO_LINE) _Atomic bool ending;
    _Atomic unsigned left; /* slots that have not ended */
    struct flag none_left;
} now;

struct io_slot *io_slot(unsigned place)
{
    return &now.slots[place];
}

int io_open_file(void)
{
    int file = open_again(now.direct ? O_DIRECT : 0);
    must(file >= 0);
    return file;
}

/* xorshift: the high bits are good enough. */
static void choose_block(struct io_slot *slot)
{
    slot->random ^= slot->random << 13;
    slot->random ^= slot->random >> 7;
    slot->random ^= slot->random << 17;
    slot->offset = (int64_t)((slot->random >> 32) % BLOCKS) * IO_BLOCK;
}

static void prepare(unsigned depth, bool direct)
{
    unsigned char *buffers = io_room(depth, IO_BLOCK);
    must(depth <= DEPTH_MOST);
    now.depth = now.left = depth;
    now.direct = direct;
    for (unsigned i = 0; i < depth; i++) {
        now.slots[i].buffer = buffers + (size_t)i * IO_BLOCK;
        now.slots[i].random = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        choose_block(&now.slots[i]);
    }
}

bool io_read_done(struct io_slot *slot, int64_t bytes)
{
    const uint64_t *words = slot->buffer;
    uint64_t block = (uint64_t)slot->offset / IO_BLOCK;
    must(bytes == IO_BLOCK && words[0] == block && words[WORDS - 1] == block);
    uint64_t before = atomic_load_explicit(&slot->reads, memory_order_relaxed);
    atomic_store_explicit(&slot->reads, before + 1, memory_order_relaxed);
    choose_block(slot);
    if (!atomic_load_explicit(&now.ending, memory_order_relaxed))
        return true;
    if (atomic_fetch_sub(&now.left, 1) == 1)
        flag_set(&now.none_left);
    return false;
}

static uint64_t reads_done(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < now.depth; i++)
        sum += atomic_load_explicit(&now.slots[i].reads, memory_order_relaxed);
    return sum;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static void measure(const struct io_workload *workload, const struct io_side *side, bool quick)
{
    int64_t span_ns = (quick ? 200 : 1000) * NS_PER_MS;
    if (workload->direct)
        cool();
    else
        warm();
    prepare(workload->depth, workload->direct);
    side->read(workload->depth);
    sleep_ns(span_ns / 5);
    uint64_t before = reads_done();
    struct usage start = usage_now();
    sleep_ns(span_ns);
    uint64_t reads = reads_done() - before;
    struct usage cost = usage_since(start);
    atomic_store(&now.ending, true);
    flag_wait(&now.none_left); /* so none was lost */
    must(reads > 0);
    io_tell("wall", (double)cost.wall_ns / (double)reads, "ns/read");
    io_tell("cpu", (double)cost.cpu_ns / (double)reads, "ns/read");
}

#define CACHED(reads, told) \
    { \
        .name = "cached-" #reads, .about = told, .depth = (reads), .measure = measure \
    }
#define DIRECT(reads, told) \
    { \
        .name = "direct-" #reads, .about = told, .depth = (reads), .direct = true, \
        .measure = measure \
    }

const struct io_workload io_read_workloads[] = {
    CACHED(1, "random reads of 4 KiB that need not wait, one after the other"),
    CACHED(32, "the same, 32 in flight"),
    CACHED(128, "the same, 128 in flight"),
    DIRECT(1, "random reads of 4 KiB past the cache, one after the other"),
    DIRECT(32, "the same, 32 in flight"),
    DIRECT(128, "the same, 128 in flight"),
    {.name = NULL},
};
