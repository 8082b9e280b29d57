/* poller.c - pollers over descriptors that exist only here, with what real ones may do badly. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "core/os/sim/internal.h"

#define POLLERS 16
#define DESCRIPTORS 64
#define INTERESTS 64
#define STALE 8
#define FLAGS_FROM 1000000 /* the numbers of flags: no scenario takes one by chance */
#define ALWAYS ((uint32_t)(POLLERR | POLLHUP))

struct interest {
    int descriptor;
    uint32_t events;
    uint64_t key;
    bool armed;
};

struct tpp_poller {
    bool open, kicked, waited_on;
    uint32_t waiter; /* slot, if waited_on */
    uint32_t interests, stales;
    struct interest interest[INTERESTS];
    struct tpp_poller_event stale[STALE]; /* were on their way when their key was removed */
};

static struct tpp_poller pollers[POLLERS];

static struct {
    int number;
    bool closed, flag;
    uint32_t ready;
} descriptors[DESCRIPTORS];
static uint32_t descriptor_count;
static int next_flag;

/* A place for one more; the number of a closed flag never comes back, so its place is free. */
static uint32_t room(void)
{
    if (descriptor_count < DESCRIPTORS)
        return descriptor_count++;
    for (uint32_t i = 0; i < DESCRIPTORS; i++)
        if (descriptors[i].flag && descriptors[i].closed)
            return i;
    tpps_fail("more than %d descriptors", DESCRIPTORS);
}

static uint32_t descriptor(int number)
{
    uint32_t at;
    for (uint32_t i = 0; i < descriptor_count; i++)
        if (descriptors[i].number == number)
            return i;
    at = room();
    descriptors[at].number = number;
    descriptors[at].closed = number >= FLAGS_FROM; /* a flag that is not here was closed */
    descriptors[at].flag = number >= FLAGS_FROM;
    descriptors[at].ready = 0;
    return at;
}

static uint32_t pending(const struct interest *interest)
{
    if (!interest->armed)
        return 0;
    return descriptors[descriptor(interest->descriptor)].ready & (interest->events | ALWAYS);
}

static bool anything(const struct tpp_poller *poller)
{
    if (poller->kicked || poller->stales != 0)
        return true;
    for (uint32_t i = 0; i < poller->interests; i++)
        if (pending(&poller->interest[i]) != 0)
            return true;
    return false;
}

static void wake_waiter(struct tpp_poller *poller)
{
    if (poller->open && poller->waited_on && anything(poller) &&
        tpps_fibers_[poller->waiter].state == TPPS_POLL)
        tpps_make_runnable_(poller->waiter, false);
}

static struct interest *find(struct tpp_poller *poller, int number)
{
    for (uint32_t i = 0; i < poller->interests; i++)
        if (poller->interest[i].descriptor == number)
            return &poller->interest[i];
    return NULL;
}

static void point(const struct tpp_poller *poller)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    if (poller != NULL && !poller->open)
        tpps_fail("use of a closed poller");
}

/* ---- the contract of os.h -------------------------------------------------------------------- */

int tpp_poller_open(struct tpp_poller **poller_out)
{
    point(NULL);
    *poller_out = NULL;
    if (tpps_fault_())
        return EMFILE;
    for (uint32_t i = 0; i < POLLERS; i++) {
        struct tpp_poller *poller = &pollers[i];
        if (poller->open)
            continue;
        poller->open = true;
        poller->kicked = poller->waited_on = false;
        poller->interests = poller->stales = 0;
        *poller_out = poller;
        return 0;
    }
    return EMFILE;
}

void tpp_poller_close(struct tpp_poller *poller)
{
    point(poller);
    if (poller->waited_on)
        tpps_fail("poller closed while a thread waits in it");
    poller->open = false;
}

int tpp_poller_add(struct tpp_poller *poller, int number, uint32_t events, uint64_t key)
{
    point(poller);
    if (tpps_fault_())
        return ENOMEM;
    if (descriptors[descriptor(number)].closed)
        return EBADF;
    if (find(poller, number) != NULL)
        return EEXIST;
    if (poller->interests == INTERESTS)
        return ENOSPC;
    poller->interest[poller->interests++] = (struct interest){number, events, key, true};
    wake_waiter(poller);
    return 0;
}

/* An event that was ready for the old key may already be on its way. */
static void leave_stale(struct tpp_poller *poller, const struct interest *interest)
{
    uint32_t events = pending(interest);
    if (events == 0 || poller->stales == STALE || tpps_choose_(2) == 0)
        return;
    poller->stale[poller->stales].key = interest->key;
    poller->stale[poller->stales++].events = events;
}

int tpp_poller_modify(struct tpp_poller *poller, int number, uint32_t events, uint64_t key)
{
    struct interest *interest;
    point(poller);
    interest = find(poller, number);
    if (interest == NULL)
        return ENOENT;
    if (interest->key != key)
        leave_stale(poller, interest);
    interest->events = events;
    interest->key = key;
    interest->armed = true;
    wake_waiter(poller);
    return 0;
}

int tpp_poller_remove(struct tpp_poller *poller, int number)
{
    struct interest *interest;
    point(poller);
    interest = find(poller, number);
    if (interest == NULL)
        return ENOENT;
    leave_stale(poller, interest);
    *interest = poller->interest[--poller->interests];
    wake_waiter(poller);
    return 0;
}

/* Takes some of what is there, from a chosen place on: order and completeness are not promised, as
 * long as nothing is lost. */
static uint32_t harvest(struct tpp_poller *poller, struct tpp_poller_event *events,
                        uint32_t capacity)
{
    uint32_t count = 0, first = poller->interests > 1 ? tpps_choose_(poller->interests) : 0;
    while (poller->stales != 0 && count < capacity)
        events[count++] = poller->stale[--poller->stales];
    for (uint32_t i = 0; i < poller->interests && count < capacity; i++) {
        struct interest *interest = &poller->interest[(first + i) % poller->interests];
        uint32_t ready = pending(interest);
        if (ready == 0)
            continue;
        if (count > 0 && tpps_rarely_(4))
            break;
        interest->armed = false;
        events[count].key = interest->key;
        events[count++].events = ready;
    }
    return count;
}

uint32_t tpp_poller_wait(struct tpp_poller *poller, struct tpp_poller_event *events,
                         uint32_t capacity, int64_t deadline_ns)
{
    uint32_t count;
    point(poller);
    if (poller->waited_on)
        tpps_fail("two threads wait in one poller");
    if (!anything(poller) && deadline_ns > tpps_sim_.clock &&
        !tpps_rarely_(tpps_sim_.options.spurious)) {
        poller->waited_on = true;
        poller->waiter = tpps_slot_(tpps_sim_.current);
        tpps_park_(TPPS_POLL, poller, deadline_ns);
        poller->waited_on = false;
    }
    count = harvest(poller, events, capacity);
    if (poller->kicked && (count == 0 || tpps_choose_(2) == 0))
        poller->kicked = false; /* it came in the same harvest; if not, it ends the next wait */
    return count;
}

void tpp_poller_kick(struct tpp_poller *poller)
{
    point(poller);
    poller->kicked = true;
    wake_waiter(poller);
}

/* ---- the world outside ----------------------------------------------------------------------- */

/* What a fiber in tpps_poll waits for: odd, so it is no poller's address. */
static void *poll_key(int number)
{
    return (void *)(((uintptr_t)(uint32_t)number << 1) | 1);
}

static void set_ready(int number, uint32_t events)
{
    descriptors[descriptor(number)].ready = events;
    for (uint32_t k = 0; k < POLLERS; k++)
        wake_waiter(&pollers[k]);
    for (uint32_t i = 0; i < tpps_sim_.high && events != 0; i++)
        if (tpps_fibers_[i].state == TPPS_POLL && tpps_fibers_[i].wait == poll_key(number))
            tpps_make_runnable_(i, false);
}

void tpps_descriptor_set_ready(int number, uint32_t events)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    set_ready(number, events);
}

bool tpps_poll(int number, int64_t deadline_ns)
{
    tpps_point_(TPPS_OP_POLLER, NULL, "tpps_poll");
    while (descriptors[descriptor(number)].ready == 0) {
        if (descriptors[descriptor(number)].closed)
            tpps_fail("poll of the closed descriptor %d", number);
        if (deadline_ns <= tpps_sim_.clock)
            return false;
        tpps_park_(TPPS_POLL, poll_key(number), deadline_ns);
    }
    return true;
}

static void close_descriptor(int number)
{
    uint32_t i = descriptor(number);
    descriptors[i].closed = true;
    descriptors[i].ready = 0;
    for (uint32_t k = 0; k < POLLERS; k++) {
        struct interest *interest = pollers[k].open ? find(&pollers[k], number) : NULL;
        if (interest != NULL)
            *interest = pollers[k].interest[--pollers[k].interests];
    }
}

void tpps_descriptor_close(int number)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    close_descriptor(number);
}

/* ---- flags ----------------------------------------------------------------------------------- */

static bool is_open(int number)
{
    return number >= FLAGS_FROM && !descriptors[descriptor(number)].closed;
}

static void flag_point(int number)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    if (!is_open(number))
        tpps_fail("use of flag %d, which is not open", number);
}

int tpp_flag_open(int *descriptor_out)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    if (tpps_fault_())
        return EMFILE;
    *descriptor_out = next_flag++;
    descriptors[descriptor(*descriptor_out)].closed = false;
    return 0;
}

void tpp_flag_raise(int number)
{
    flag_point(number);
    set_ready(number, POLLIN);
}

void tpp_flag_clear(int number)
{
    flag_point(number);
    set_ready(number, 0);
}

void tpp_flag_close(int number)
{
    flag_point(number);
    close_descriptor(number);
}

bool tpps_flag_raised(int number)
{
    return is_open(number) && (descriptors[descriptor(number)].ready & POLLIN) != 0;
}

/* ---- a run begins and ends ------------------------------------------------------------------- */

void tpps_poller_begin_(void)
{
    descriptor_count = 0;
    next_flag = FLAGS_FROM;
    for (uint32_t i = 0; i < POLLERS; i++)
        pollers[i].open = false;
}

void tpps_poller_fork_(void)
{
    for (uint32_t i = 0; i < POLLERS; i++)
        pollers[i].waited_on = false;
}

uint32_t tpps_poller_end_(uint32_t *flags_out)
{
    uint32_t open = 0;
    *flags_out = 0;
    for (uint32_t i = 0; i < descriptor_count; i++)
        *flags_out += descriptors[i].flag && !descriptors[i].closed;
    for (uint32_t i = 0; i < POLLERS; i++)
        open += pollers[i].open;
    return open;
}
