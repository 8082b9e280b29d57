/* waits_shared.c - what the workloads of waits share: descriptors, a thread for loops, counting. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/measure.h"
#include "bench/waits.h"

bool waits_has_descriptors(const struct waits_side *side)
{
    return side->descriptors;
}

bool waits_has_native(const struct waits_side *side)
{
    return side->native;
}

void waits_tell(const char *metric, double value, const char *unit)
{
    printf("%s %.6f %s\n", metric, value, unit);
}

void *waits_room(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    must(memory);
    return memory;
}

void waits_settle(const struct waits_side *side)
{
    if (side->settle)
        side->settle();
}

/* ---- descriptors ----------------------------------------------------------------------------- */

enum { OTHER_DESCRIPTORS = 100 };

/* A process with the right to it may have more than its hard limit says. */
static rlim_t raise_limit(rlim_t wanted)
{
    struct rlimit limit;
    must(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_cur < wanted && limit.rlim_max < wanted)
        (void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){wanted, wanted});
    must(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    return limit.rlim_cur;
}

unsigned waits_descriptor_count(unsigned wanted)
{
    rlim_t allowed = raise_limit(2 * (rlim_t)wanted + OTHER_DESCRIPTORS);
    if (allowed >= 2 * (rlim_t)wanted + OTHER_DESCRIPTORS)
        return wanted;
    return (unsigned)(allowed - OTHER_DESCRIPTORS) / 2;
}

int *waits_descriptors_open(unsigned count)
{
    int *descriptors = waits_room(count, sizeof *descriptors);
    for (unsigned i = 0; i < count; i++)
        must((descriptors[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) >= 0);
    return descriptors;
}

void waits_write(int descriptor)
{
    uint64_t one = 1;
    must(write(descriptor, &one, sizeof one) == sizeof one);
}

void waits_read(int descriptor)
{
    uint64_t value;
    must(read(descriptor, &value, sizeof value) == sizeof value);
}

/* ---- a thread for loops ---------------------------------------------------------------------- */

static struct {
    const struct waits_side *side; /* NULL: there is no such thread */
    pthread_t thread;
    _Atomic bool over;
} runner;

static void *run(void *unused)
{
    while (!atomic_load_explicit(&runner.over, memory_order_relaxed))
        runner.side->turn();
    return unused;
}

void waits_runner_begin(const struct waits_side *side)
{
    if (!side->turn)
        return;
    runner.side = side;
    atomic_store(&runner.over, false);
    must(pthread_create(&runner.thread, NULL, run, NULL) == 0);
}

void waits_runner_end(void (*nudge)(void))
{
    if (!runner.side)
        return;
    atomic_store(&runner.over, true);
    nudge();
    pthread_join(runner.thread, NULL);
    runner.side = NULL;
}

/* ---- counting -------------------------------------------------------------------------------- */

static struct {
    unsigned count;
    uint8_t *times; /* how often each came; the callbacks of one wait follow one another */
    _Alignas(64) _Atomic unsigned left;
    struct flag none_left;
} expected;

void waits_expect(unsigned count)
{
    free(expected.times);
    expected.times = waits_room(count, 1);
    expected.count = count;
    flag_clear(&expected.none_left);
    atomic_store(&expected.left, count);
}

void waits_came(unsigned index)
{
    expected.times[index]++;
    if (atomic_fetch_sub_explicit(&expected.left, 1, memory_order_acq_rel) == 1)
        flag_set(&expected.none_left);
}

void waits_all_came(const struct waits_side *side)
{
    while (side->turn && !runner.side && atomic_load(&expected.left) > 0)
        side->turn();
    flag_wait(&expected.none_left);
    for (unsigned i = 0; i < expected.count; i++)
        must(expected.times[i] == 1);
}
