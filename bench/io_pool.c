/* io_pool.c - threads that wait for each read: a pool of one mutex, and loops of pread. */
#include <unistd.h>

#include "bench/io.h"
#include "bench/measure.h"
#include "bench/naive_pool.h"

enum { DEPTH_MOST = 128 };

static int file;

static bool read_slot(struct io_slot *slot)
{
    return io_read_done(slot, pread(file, slot->buffer, IO_BLOCK, slot->offset));
}

/* ---- a pool ---------------------------------------------------------------------------------- */

static struct naive_work *works[DEPTH_MOST];

static void work(void *place)
{
    struct naive_work **mine = place;
    if (read_slot(io_slot((unsigned)(mine - works))))
        naive_work_submit(*mine, 1);
}

static void read_by_pool(unsigned depth, unsigned threads)
{
    struct naive_pool *pool = naive_pool_create(threads);
    file = io_open_file();
    for (unsigned i = 0; i < depth; i++)
        works[i] = naive_work_create(pool, work, &works[i]);
    for (unsigned i = 0; i < depth; i++)
        naive_work_submit(works[i], 1);
}

static void read_by_two(unsigned depth)
{
    read_by_pool(depth, 2);
}

static void read_by_one(unsigned depth)
{
    read_by_pool(depth, 1);
}

const struct io_side pool_io_side = {
    .name = "pool",
    .about = "pread on two threads that take from a list under one mutex",
    .read = read_by_two,
};

const struct io_side pool_one_io_side = {
    .name = "pool-1",
    .about = "the same with one thread",
    .read = read_by_one,
    .depth_most = 1,
};

/* ---- loops ----------------------------------------------------------------------------------- */

static struct share {
    unsigned first, count; /* slots */
} shares[2];

/* One slot after the other; when one has ended, so do the others. */
static void *read_share(void *of)
{
    const struct share *share = of;
    unsigned at = 0;
    while (read_slot(io_slot(share->first + at)))
        at = (at + 1) % share->count;
    for (unsigned i = 1; i < share->count; i++)
        must(!read_slot(io_slot(share->first + (at + i) % share->count)));
    return NULL;
}

static void read_in_loop(unsigned depth)
{
    file = io_open_file();
    shares[0] = (struct share){0, depth};
    io_start_thread(read_share, &shares[0]);
}

static void read_in_two_loops(unsigned depth)
{
    file = io_open_file();
    shares[0] = (struct share){0, depth / 2};
    shares[1] = (struct share){depth / 2, depth - depth / 2};
    io_start_thread(read_share, &shares[0]);
    io_start_thread(read_share, &shares[1]);
}

const struct io_side pread_io_side = {
    .name = "pread",
    .about = "a thread that calls pread",
    .floor = true,
    .read = read_in_loop,
    .depth_most = 1,
};

const struct io_side pread_two_io_side = {
    .name = "pread-2",
    .about = "two such threads",
    .floor = true,
    .read = read_in_two_loops,
    .depth_least = 2,
    .one_by_one = true,
};
