/* waits_ring.c - a floor: one thread hands numbers to another, which sleeps when there is none. */
#include <stdatomic.h>
#include <stdlib.h>

#include "bench/measure.h"
#include "bench/waits.h"

enum { SIZE = 1 << 20 };

static unsigned *ring;
static _Alignas(64) _Atomic unsigned tail;
static _Alignas(64) unsigned head;
static _Alignas(64) _Atomic bool sleeping;
static struct flag woken;
static waits_fired_fn *fired;

static void open_ring(void)
{
    ring = malloc(SIZE * sizeof *ring);
    must(ring);
}

static void create(unsigned count, waits_fired_fn *when_fired)
{
    must(count <= SIZE);
    fired = when_fired;
}

static void signal_ring(unsigned index)
{
    unsigned place = atomic_load_explicit(&tail, memory_order_relaxed);
    ring[place % SIZE] = index;
    atomic_store(&tail, place + 1);
    if (atomic_load(&sleeping) && atomic_exchange(&sleeping, false))
        flag_set(&woken);
}

static void sleep_unless(unsigned last)
{
    flag_clear(&woken);
    atomic_store(&sleeping, true);
    if (atomic_load(&tail) == last || !atomic_exchange(&sleeping, false))
        flag_wait(&woken);
}

static void turn(void)
{
    unsigned last = atomic_load(&tail);
    if (last == head)
        sleep_unless(last);
    last = atomic_load(&tail);
    for (; head != last; head++)
        fired(ring[head % SIZE], false);
}

static void nothing(unsigned count)
{
    (void)count;
}

static const struct waits_native native = {
    .create = create,
    .signal = signal_ring,
    .close = nothing,
};

const struct waits_side ring_waits = {
    .name = "ring",
    .about = "one thread takes numbers from a ring, and sleeps on a futex",
    .floor = true,
    .open = open_ring,
    .native = &native,
    .turn = turn,
};
