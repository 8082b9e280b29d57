/* waits_epoll.c - floors: one thread around epoll, and a heap of the times that run out. */
#include <stdlib.h>
#include <sys/epoll.h>

#include "bench/measure.h"
#include "bench/waits.h"

enum { EVENTS = 1024 };

struct due {
    int64_t at_ns;
    unsigned index;
};

static int poller;
static const int *descriptors;
static struct due *heap; /* the least first */
static unsigned heap_count;
static waits_fired_fn *fired;

static void open_poller(void)
{
    poller = epoll_create1(EPOLL_CLOEXEC);
    must(poller >= 0);
}

static void create(const int *all, unsigned count, waits_fired_fn *when_fired)
{
    descriptors = all;
    fired = when_fired;
    heap = malloc(count * sizeof *heap);
    must(heap);
}

static inline void control(int operation, unsigned index, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u32 = index};
    must(epoll_ctl(poller, operation, descriptors[index], &event) == 0);
}

static void disarm(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        control(EPOLL_CTL_DEL, i, 0);
}

/* ---- times ----------------------------------------------------------------------------------- */

static void heap_add(struct due due)
{
    unsigned place = heap_count++;
    for (; place > 0 && heap[(place - 1) / 2].at_ns > due.at_ns; place = (place - 1) / 2)
        heap[place] = heap[(place - 1) / 2];
    heap[place] = due;
}

static void heap_drop_first(void)
{
    struct due last = heap[--heap_count];
    unsigned place = 0;
    for (unsigned child; (child = 2 * place + 1) < heap_count; place = child) {
        child += child + 1 < heap_count && heap[child + 1].at_ns < heap[child].at_ns;
        if (last.at_ns <= heap[child].at_ns)
            break;
        heap[place] = heap[child];
    }
    heap[place] = last;
}

/* Who has run out is taken out of the poller. That one was signaled before is not provided for: no
 * workload does it. */
static void expire(void)
{
    int64_t now = heap_count > 0 ? now_ns() : 0;
    while (heap_count > 0 && heap[0].at_ns <= now) {
        unsigned index = heap[0].index;
        heap_drop_first();
        control(EPOLL_CTL_DEL, index, 0);
        must(!fired(index, true));
    }
}

static int milliseconds_left(void)
{
    if (heap_count == 0)
        return -1;
    int64_t left_ns = heap[0].at_ns - now_ns();
    return left_ns > 0 ? (int)((left_ns + 999999) / 1000000) : 0;
}

static inline void arm_all_for(const int64_t *timeouts_ns, unsigned count, uint32_t events)
{
    int64_t now = now_ns();
    for (unsigned i = 0; i < count; i++) {
        control(EPOLL_CTL_ADD, i, events);
        heap_add((struct due){now + timeouts_ns[i], i});
    }
}

/* ---- they stay armed ------------------------------------------------------------------------- */

static void arm(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        control(EPOLL_CTL_ADD, i, EPOLLIN);
}

static void arm_for(const int64_t *timeouts_ns, unsigned count)
{
    arm_all_for(timeouts_ns, count, EPOLLIN);
}

static void turn(void)
{
    static struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, milliseconds_left());
    for (int i = 0; i < count; i++)
        fired(events[i].data.u32, false);
    expire();
}

/* ---- one shot, armed again ------------------------------------------------------------------- */

static void arm_once(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        control(EPOLL_CTL_ADD, i, EPOLLIN | EPOLLONESHOT);
}

static void turn_once(void)
{
    static struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, -1);
    for (int i = 0; i < count; i++)
        if (fired(events[i].data.u32, false))
            control(EPOLL_CTL_MOD, events[i].data.u32, EPOLLIN | EPOLLONESHOT);
}

static const struct waits_descriptors level = {create, arm, arm_for, disarm, disarm};
static const struct waits_descriptors once = {create, arm_once, NULL, disarm, disarm};

const struct waits_side epoll_waits = {
    .name = "epoll",
    .about = "one thread around epoll, level-triggered",
    .floor = true,
    .open = open_poller,
    .descriptors = &level,
    .turn = turn,
};

const struct waits_side epoll_once_waits = {
    .name = "epoll-once",
    .about = "the same with EPOLLONESHOT, armed again in the callback",
    .floor = true,
    .open = open_poller,
    .descriptors = &once,
    .turn = turn_once,
};
