/* timers_wheel.c - floors: tp's own wheel in a plain loop, without a lock and under two kinds. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "bench/measure.h"
#include "bench/timers.h"
#include "core/os/lock.h"
#include "core/time/wheel.h"

enum { BATCH = 256 };

static struct tpi_wheel wheel;
static struct tpi_lock lock;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct tpi_wheel_node *nodes;
static int64_t opened_ns;
static void (*fired)(unsigned index);

static void open_wheel(void)
{
    opened_ns = now_ns();
    tpi_wheel_init(&wheel, opened_ns);
}

static void create(unsigned count, void (*when_fired)(unsigned index))
{
    fired = when_fired;
    nodes = malloc(count * sizeof *nodes);
    must(nodes);
    for (unsigned i = 0; i < count; i++)
        nodes[i] = (struct tpi_wheel_node){.tag = i};
}

static inline void add(unsigned index, int64_t due_ns)
{
    nodes[index].due = nodes[index].latest = due_ns;
    tpi_wheel_add(&wheel, &nodes[index]);
}

/* ---- no lock, and the time as of the beginning ----------------------------------------------- */

static inline void arm_wheel(unsigned index, int64_t delay_ns)
{
    add(index, opened_ns + delay_ns);
}

static inline void cancel_wheel(unsigned index)
{
    tpi_wheel_remove(&wheel, &nodes[index]);
}

static inline void rearm_wheel(unsigned index, int64_t delay_ns)
{
    cancel_wheel(index);
    arm_wheel(index, delay_ns);
}

TIMERS_LOOPS(wheel);

/* ---- the engine's lock, and the time read for each ------------------------------------------- */

static inline void arm_locked(unsigned index, int64_t delay_ns)
{
    int64_t now = now_ns();
    tpi_lock_take(&lock);
    add(index, now + delay_ns);
    tpi_lock_drop(&lock);
}

static inline void rearm_locked(unsigned index, int64_t delay_ns)
{
    int64_t now = now_ns();
    tpi_lock_take(&lock);
    tpi_wheel_remove(&wheel, &nodes[index]);
    add(index, now + delay_ns);
    tpi_lock_drop(&lock);
}

static inline void cancel_locked(unsigned index)
{
    tpi_lock_take(&lock);
    tpi_wheel_remove(&wheel, &nodes[index]);
    tpi_lock_drop(&lock);
}

TIMERS_LOOPS(locked);

/* ---- a mutex --------------------------------------------------------------------------------- */

static inline void arm_mutexed(unsigned index, int64_t delay_ns)
{
    int64_t now = now_ns();
    pthread_mutex_lock(&mutex);
    add(index, now + delay_ns);
    pthread_mutex_unlock(&mutex);
}

static inline void rearm_mutexed(unsigned index, int64_t delay_ns)
{
    int64_t now = now_ns();
    pthread_mutex_lock(&mutex);
    tpi_wheel_remove(&wheel, &nodes[index]);
    add(index, now + delay_ns);
    pthread_mutex_unlock(&mutex);
}

static inline void cancel_mutexed(unsigned index)
{
    pthread_mutex_lock(&mutex);
    tpi_wheel_remove(&wheel, &nodes[index]);
    pthread_mutex_unlock(&mutex);
}

TIMERS_LOOPS(mutexed);

/* ---- one thread that sleeps until the next is due -------------------------------------------- */

static void expire_all(void)
{
    struct tpi_wheel_node *due[BATCH];
    for (bool done = false; !done;) {
        uint32_t count = tpi_wheel_expire(&wheel, now_ns(), due, BATCH, &done);
        for (uint32_t i = 0; i < count; i++)
            fired(due[i]->tag);
    }
}

static void run(void)
{
    for (int64_t next; (next = tpi_wheel_next(&wheel)) != TPI_WHEEL_NEVER; expire_all()) {
        struct timespec at = {.tv_sec = next / 1000000000, .tv_nsec = next % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    }
}

const struct timers_side wheel_timers = {
    .name = "wheel",
    .about = "core/time/wheel.h alone, no lock, no clock",
    .floor = true,
    .open = open_wheel,
    .create = create,
    .loops = &loops_wheel,
    .arm_at = add,
    .masses = true,
    .run = run,
};

const struct timers_side wheel_lock_timers = {
    .name = "wheel-lock",
    .about = "the same under core/os/lock.h, the clock read for each arming",
    .floor = true,
    .open = open_wheel,
    .create = create,
    .loops = &loops_locked,
    .concurrent = true,
};

const struct timers_side wheel_mutex_timers = {
    .name = "wheel-mutex",
    .about = "the same under a pthread mutex",
    .floor = true,
    .open = open_wheel,
    .create = create,
    .loops = &loops_mutexed,
    .concurrent = true,
};
