/* poller.c - pollers over files that exist only here, with what real ones may do badly. */
#include <errno.h>
#include <poll.h>

#include "core/os/sim/internal.h"

#define POLLERS 16
#define INTERESTS 512
#define STALE 8
#define PATIENCE 2 /* so many times in a row something that is ready may be passed over */
#define ALWAYS ((uint32_t)(POLLERR | POLLHUP))
#define POLL_BITS 0xffffu

enum watch { WATCH_OFF, WATCH_ON, WATCH_FIRED };

/* As in the kernel it is known by number and file together, and lives as long as the file, not as
 * the number: nobody can name it any more once the number has another file or none. */
struct interest {
    int number;
    uint32_t file;
    uint32_t events;
    uint64_t key;
    bool armed;
    uint32_t passed; /* over, although it was ready, since it was told of last */
    uint32_t told;   /* in this harvest of the poller */
};

struct tpp_poller {
    bool open, kicked, waited_on, inherited;
    uint32_t waiter; /* slot, if waited_on */
    enum watch watch;
    uint32_t interests, stales, harvests;
    struct interest interest[INTERESTS];
    struct tpp_poller_event stale[STALE]; /* were on their way when their key was removed */
};

static struct tpp_poller pollers[POLLERS];
static uint64_t told; /* events, in this run */
static bool watch_hidden;
static bool watch_stray; /* a wait for the alarm ends for something that was watched once */

/* ---- what is there --------------------------------------------------------------------------- */

static uint32_t pending(const struct interest *interest)
{
    if (!interest->armed)
        return 0;
    return tpps_file_ready_(interest->file) & ((interest->events & POLL_BITS) | ALWAYS);
}

static bool any_event(const struct tpp_poller *poller)
{
    if (poller->stales != 0)
        return true;
    for (uint32_t i = 0; i < poller->interests; i++)
        if (pending(&poller->interest[i]) != 0)
            return true;
    return false;
}

static void watch_fired(struct tpp_poller *poller)
{
    poller->watch = WATCH_FIRED;
    tpps_alarm_come_();
}

/* Something may be there that was not before. */
static void changed(struct tpp_poller *poller)
{
    if (!poller->open || poller->inherited)
        return;
    if (poller->waited_on && tpps_fibers_[poller->waiter].state == TPPS_POLL &&
        (poller->kicked || any_event(poller)))
        tpps_make_runnable_(poller->waiter, false);
    if (poller->watch == WATCH_ON && any_event(poller))
        watch_fired(poller);
}

void tpps_poller_changed_(void)
{
    for (uint32_t i = 0; i < POLLERS; i++)
        changed(&pollers[i]);
}

static struct interest *find(struct tpp_poller *poller, int number, uint32_t file)
{
    for (uint32_t i = 0; i < poller->interests; i++)
        if (poller->interest[i].number == number && poller->interest[i].file == file)
            return &poller->interest[i];
    return NULL;
}

static void point(const struct tpp_poller *poller)
{
    tpps_point_(TPPS_OP_POLLER, NULL, NULL);
    if (poller != NULL && !poller->open)
        tpps_fail("use of a closed poller");
    if (poller != NULL && poller->inherited)
        tpps_fail("use of a poller that the parent of this process uses too");
}

/* ---- opening and closing --------------------------------------------------------------------- */

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
        poller->kicked = poller->waited_on = poller->inherited = false;
        poller->watch = WATCH_OFF;
        poller->interests = poller->stales = poller->harvests = 0;
        *poller_out = poller;
        return 0;
    }
    return EMFILE;
}

static void unwatch(struct tpp_poller *poller)
{
    if (poller->watch == WATCH_FIRED && tpps_choose_(2) != 0)
        watch_stray = true; /* the waiter was on its way */
    poller->watch = WATCH_OFF;
}

/* What is inherited may be given back, and nothing else. */
void tpp_poller_close(struct tpp_poller *poller)
{
    point(NULL);
    if (!poller->open)
        tpps_fail("use of a closed poller");
    if (poller->waited_on)
        tpps_fail("poller closed while a thread waits in it");
    unwatch(poller);
    poller->open = false;
}

/* ---- interests ------------------------------------------------------------------------------- */

static void set(struct tpp_poller *poller, struct interest *interest, uint32_t events, uint64_t key)
{
    interest->events = events;
    interest->key = key;
    interest->armed = true;
    changed(poller);
}

int tpp_poller_add(struct tpp_poller *poller, int number, uint32_t events, uint64_t key)
{
    struct interest *interest;
    uint32_t file;
    int refusal;
    point(poller);
    file = tpps_file_named_(number, "adding");
    if (file == TPPS_NO_FILE)
        return EBADF;
    if (find(poller, number, file) != NULL)
        return EEXIST;
    refusal = tpps_file_refusal_(file, false);
    if (refusal != 0)
        return refusal;
    if (tpps_fault_())
        return tpps_choose_(2) == 0 ? ENOMEM : ENOSPC;
    if (poller->interests == INTERESTS)
        return ENOSPC;
    interest = &poller->interest[poller->interests++];
    interest->number = number;
    interest->file = file;
    interest->passed = interest->told = 0;
    set(poller, interest, events, key);
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

/* Needs nothing that could be lacking: what was added is there. */
int tpp_poller_modify(struct tpp_poller *poller, int number, uint32_t events, uint64_t key)
{
    struct interest *interest;
    uint32_t file;
    int refusal;
    point(poller);
    file = tpps_file_named_(number, "modifying");
    if (file == TPPS_NO_FILE)
        return EBADF;
    interest = find(poller, number, file);
    if (interest == NULL)
        return ENOENT;
    refusal = tpps_file_refusal_(file, true);
    if (refusal != 0)
        return refusal;
    if (interest->key != key)
        leave_stale(poller, interest);
    set(poller, interest, events, key);
    return 0;
}

int tpp_poller_remove(struct tpp_poller *poller, int number)
{
    struct interest *interest;
    uint32_t file;
    point(poller);
    file = tpps_file_named_(number, "removing");
    if (file == TPPS_NO_FILE)
        return EBADF;
    interest = find(poller, number, file);
    if (interest == NULL)
        return ENOENT;
    leave_stale(poller, interest);
    *interest = poller->interest[--poller->interests];
    changed(poller);
    return 0;
}

void tpps_poller_forget_(uint32_t file)
{
    for (uint32_t k = 0; k < POLLERS; k++) {
        struct tpp_poller *poller = &pollers[k];
        for (uint32_t i = poller->open ? poller->interests : 0; i-- > 0;)
            if (poller->interest[i].file == file)
                poller->interest[i] = poller->interest[--poller->interests];
    }
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* What this harvest has not told of. */
static bool left(const struct tpp_poller *poller, const struct interest *interest)
{
    return interest->told != poller->harvests && pending(interest) != 0;
}

/* Round the table from `first` on, but who was passed over most comes before. NULL: nothing. */
static struct interest *next(struct tpp_poller *poller, uint32_t first)
{
    struct interest *best = NULL;
    for (uint32_t i = 0; i < poller->interests; i++) {
        struct interest *interest = &poller->interest[(first + i) % poller->interests];
        if (!left(poller, interest))
            continue;
        if (best == NULL || (interest->passed >= PATIENCE && interest->passed > best->passed))
            best = interest;
    }
    return best;
}

static void tell(const struct tpp_poller *poller, struct interest *interest,
                 struct tpp_poller_event *event)
{
    event->key = interest->key;
    event->events = pending(interest);
    interest->told = poller->harvests;
    interest->passed = 0;
    interest->armed = (interest->events & TPP_POLL_ONCE) == 0;
    told++;
}

/* One of those that are ready, as an index. */
static uint32_t choose_first(const struct tpp_poller *poller)
{
    uint32_t ready = 0, n, i;
    for (i = 0; i < poller->interests; i++)
        ready += pending(&poller->interest[i]) != 0;
    n = tpps_choose_(ready);
    for (i = 0; i < poller->interests; i++)
        if (pending(&poller->interest[i]) != 0 && n-- == 0)
            break;
    return ready > 1 ? i : 0;
}

/* Takes some of what is there, from a chosen place on: order and completeness are not promised, as
 * long as nothing is passed over for ever. */
static uint32_t harvest(struct tpp_poller *poller, struct tpp_poller_event *events,
                        uint32_t capacity)
{
    uint32_t count = 0, first = choose_first(poller);
    poller->harvests++;
    while (poller->stales != 0 && count < capacity)
        events[count++] = poller->stale[--poller->stales];
    while (count < capacity) {
        struct interest *interest = next(poller, first);
        if (interest == NULL)
            return count;
        if (count > 0 && interest->passed < PATIENCE && tpps_rarely_(4))
            break;
        tell(poller, interest, &events[count++]);
    }
    for (uint32_t i = 0; i < poller->interests; i++)
        poller->interest[i].passed += left(poller, &poller->interest[i]);
    return count;
}

/* Whoever has slept takes what others, who looked, have left. A look leaves a kick alone. */
uint32_t tpp_poller_wait(struct tpp_poller *poller, struct tpp_poller_event *events,
                         uint32_t capacity, int64_t deadline_ns)
{
    uint32_t count;
    bool sleeps;
    point(poller);
    sleeps = deadline_ns > tpps_sim_.clock;
    if (sleeps && poller->waited_on)
        tpps_fail("two threads wait in one poller");
    if (tpps_rarely_(tpps_sim_.options.spurious))
        return 0;
    if (sleeps && !poller->kicked && !any_event(poller)) {
        poller->waited_on = true;
        poller->waiter = tpps_slot_(tpps_sim_.current);
        tpps_park_(TPPS_POLL, poller, deadline_ns);
        poller->waited_on = false;
    }
    count = harvest(poller, events, capacity);
    if (sleeps && poller->kicked && (count == 0 || tpps_choose_(2) == 0))
        poller->kicked = false; /* it came in the same harvest; if not, it ends the next sleep */
    return count;
}

/* To whoever watches from outside a kick may look like an event. */
void tpp_poller_kick(struct tpp_poller *poller)
{
    point(poller);
    poller->kicked = true;
    changed(poller);
    if (poller->watch == WATCH_ON && tpps_choose_(2) != 0)
        watch_fired(poller);
}

/* ---- seen from the alarm --------------------------------------------------------------------- */

bool tpp_alarm_watch(struct tpp_poller *poller)
{
    point(poller);
    if (watch_hidden || tpps_fault_())
        return false;
    unwatch(poller);
    poller->watch = WATCH_ON;
    changed(poller);
    return true;
}

void tpp_alarm_unwatch(struct tpp_poller *poller)
{
    point(poller);
    unwatch(poller);
}

bool tpps_watch_due_(void)
{
    for (uint32_t i = 0; i < POLLERS; i++)
        if (pollers[i].open && pollers[i].watch == WATCH_FIRED)
            return true;
    return watch_stray;
}

/* Once may do for several. */
void tpps_watch_told_(void)
{
    bool some = watch_stray;
    watch_stray = false;
    for (uint32_t i = 0; i < POLLERS; i++) {
        if (!pollers[i].open || pollers[i].watch != WATCH_FIRED)
            continue;
        if (!some || tpps_choose_(2) == 0)
            pollers[i].watch = WATCH_OFF;
        some = true;
    }
}

/* ---- for scenarios --------------------------------------------------------------------------- */

void tpps_hide_watch(bool hidden)
{
    watch_hidden = hidden;
}

uint32_t tpps_descriptor_interests(int number)
{
    uint32_t file = tpps_file_of_(number), count = 0;
    for (uint32_t k = 0; k < POLLERS && file != TPPS_NO_FILE; k++)
        for (uint32_t i = 0; pollers[k].open && i < pollers[k].interests; i++)
            count += pollers[k].interest[i].file == file;
    return count;
}

uint64_t tpps_events_told(void)
{
    return told;
}

/* ---- a run begins and ends ------------------------------------------------------------------- */

void tpps_poller_begin_(void)
{
    told = 0;
    watch_hidden = watch_stray = false;
    for (uint32_t i = 0; i < POLLERS; i++)
        pollers[i].open = false;
}

void tpps_poller_fork_(void)
{
    watch_stray = false;
    for (uint32_t i = 0; i < POLLERS; i++) {
        pollers[i].waited_on = false;
        pollers[i].inherited = pollers[i].open;
        pollers[i].watch = WATCH_OFF;
    }
}

uint32_t tpps_poller_end_(void)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < POLLERS; i++)
        open += pollers[i].open;
    return open;
}
