/* alarm.c - the alarm of the process: two timerfds, or a sleep on a word where there are none. */
#define _GNU_SOURCE
#include "core/os/os.h"
#include "core/os/linux/fork.h"
#include "core/os/linux/poller.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000
#define NAP_NS 2000000
#define BATCH 16

/* One word says what the alarm is made of, for setters and the waiter alike: whoever needs it first
 * decides, and what is decided holds for the life of the process. In its lower half stands the
 * timer that is the alarm, in its upper half the one that tells of jumps. */
#define UNDECIDED 0u
#define SLEEP 1u
#define TIMER_FIRST 2u /* in the lower half, from here on: the descriptor, plus this */
#define JUMPS_FIRST 1u /* in the upper half: the same; 0: there is none */
#define JUMPS_SHIFT 32u

static tpp_u64 made_of;

static uint64_t made_from(int timer, int jumps)
{
    return (uint64_t)((uint32_t)jumps + JUMPS_FIRST) << JUMPS_SHIFT |
           ((uint32_t)timer + TIMER_FIRST);
}

static int timer_of(uint64_t made)
{
    return (int)((uint32_t)made - TIMER_FIRST);
}

/* -1 if nothing tells of jumps. */
static int jumps_of(uint64_t made)
{
    return (int)((uint32_t)(made >> JUMPS_SHIFT) - JUMPS_FIRST);
}

/* ---- jumps of the clocks -------------------------------------------------------------------- */

/* The kernel has one notice for a step of the wall clock and for the end of a suspend, in both of
 * which REALTIME moves against MONOTONIC: it cancels a timer like this one. Its time is one that
 * never comes: beyond what the kernel counts it is cut to KTIME_MAX, and the wall clock cannot be
 * set within thirty years of that. ECANCELED is a jump since the last look at this timer, which is
 * armed all the same; who arms it has yet to look at the clocks. */
static bool jumps_arm(int descriptor)
{
    struct itimerspec never = {.it_value.tv_sec =
                                   (time_t)((UINT64_C(1) << (8 * sizeof(time_t) - 1)) - 1)};

    return timerfd_settime(descriptor, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) ==
               0 ||
           errno == ECANCELED;
}

static int jumps_open(void)
{
    int descriptor = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);

    if (descriptor < 0 || jumps_arm(descriptor))
        return descriptor;
    (void)close(descriptor);
    return -1;
}

/* ---- what it is made of --------------------------------------------------------------------- */

static void drop(uint64_t made)
{
    if ((uint32_t)made >= TIMER_FIRST)
        (void)close(timer_of(made));
    if (jumps_of(made) >= 0)
        (void)close(jumps_of(made));
}

/* Without a handler in the child a timer would be shared with it: better none, then. The alarm
 * itself takes the last descriptor there is. */
static __attribute__((noinline)) uint64_t make(void)
{
    int timer =
        tpp_fork_watch() == 0 ? timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK) : -1;
    uint64_t mine = timer >= 0 ? made_from(timer, jumps_open()) : SLEEP;
    uint64_t found = UNDECIDED;

    /* [LX3] swap: the descriptors are made before another thread uses them. Pairs with choice. */
    if (tpp_cas_acq_rel(&made_of, &found, mine))
        return mine;
    drop(mine);
    return found;
}

static uint64_t choice(void)
{
    /* [LX3] acquire: pairs with the swap in make. */
    uint64_t made = tpp_load_acquire(&made_of);

    return made != UNDECIDED ? made : make();
}

static _Noreturn void closed(void)
{
    tpp_abort("BUG IN CLIENT OF TP: a descriptor that belongs to tp was closed (alarm)");
}

/* ---- watched pollers ------------------------------------------------------------------------ */

/* An epoll of the alarm's own, in which the epolls of watched pollers are descriptors like any
 * other. The waiter makes it before its first sleep, or a watch does that comes earlier; what was
 * decided then holds, as above: a waiter that sleeps would not notice a new one. */
#define NO_WATCHES 1u
#define WATCHES_FIRST 2u /* from here on: the descriptor, plus this */

static tpp_u32 watches_made_of;

static __attribute__((noinline)) uint32_t watches_make(uint64_t made)
{
    int epoll = made != SLEEP ? epoll_create1(EPOLL_CLOEXEC) : -1;
    uint32_t mine = epoll >= 0 ? (uint32_t)epoll + WATCHES_FIRST : NO_WATCHES;
    uint32_t found = UNDECIDED;

    /* [LX3] swap: as in make. */
    if (tpp_cas_acq_rel(&watches_made_of, &found, mine))
        return mine;
    if (epoll >= 0)
        (void)close(epoll);
    return found;
}

/* -1 if nothing can be watched. The alarm is made first: it has the last descriptor there is. */
static int watches(uint64_t made)
{
    /* [LX3] acquire: as in choice. */
    uint32_t found = tpp_load_acquire(&watches_made_of);

    if (found == UNDECIDED)
        found = watches_make(made);
    return found >= WATCHES_FIRST ? (int)(found - WATCHES_FIRST) : -1;
}

/* Takes what the watched pollers have to say, each of which is then silent until it is watched
 * again; false if that is nothing. More than a batch of them end the next wait. */
static bool watches_read(int epoll)
{
    struct epoll_event ready[BATCH];
    int count = epoll_wait(epoll, ready, BATCH, 0);

    if (count < 0 && errno != EINTR)
        closed();
    return count > 0;
}

/* Most often it is not known here, or it is and has been told of. The loop ends: each turn needs
 * another thread that watches and unwatches this very poller. */
static bool watch(int epoll, int descriptor)
{
    struct epoll_event once = {.events = (uint32_t)EPOLLIN | (uint32_t)EPOLLONESHOT};

    for (;;) {
        if (epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &once) == 0)
            return true;
        if (errno != ENOENT)
            return false;
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &once) == 0)
            return true;
        if (errno != EEXIST)
            return false;
    }
}

/* ---- the timer ------------------------------------------------------------------------------ */

/* Setting forgets an expiry that nobody has read yet. Zero would turn the timer off, which is what
 * TPP_FOREVER asks for; one nanosecond is at once. */
static void timer_set(int descriptor, int64_t delay_ns)
{
    int64_t delay = delay_ns == TPP_FOREVER ? 0 : delay_ns > 0 ? delay_ns : 1;
    struct itimerspec when = {.it_value = {delay / NS_PER_S, delay % NS_PER_S}};

    if (timerfd_settime(descriptor, 0, &when, NULL) != 0)
        closed();
}

/* Takes what a timer has to say; false if that is nothing. The loop ends: each turn needs one more
 * signal handler to have run. */
static bool timer_read(int descriptor)
{
    uint64_t expiries;

    while (read(descriptor, &expiries, sizeof expiries) < 0) {
        if (errno == EAGAIN)
            return false;
        if (errno == ECANCELED)
            return true;
        if (errno != EINTR)
            closed();
    }
    return true;
}

/* poll looks at no more descriptors than the process may open, and a sandbox may have set that to
 * none since these were made. Then the waiter looks after them now and then. */
static void nap(void)
{
    static tpp_u32 nobody;

    (void)tpp_wait(&nobody, 0, tpp_now(TPP_CLOCK_MONOTONIC) + NAP_NS);
}

/* A jump comes first: it leaves the time to the next wait, where the time would hide it. A number
 * that is none is passed over by poll, and what poll could not look at is asked itself. */
static enum tpp_alarm timer_wait(int timer, int jumps, int watched)
{
    struct pollfd all[] = {{.fd = timer, .events = POLLIN},
                           {.fd = jumps, .events = POLLIN},
                           {.fd = watched, .events = POLLIN}};

    for (;;) {
        bool blind = poll(all, 3, -1) < 0;

        if (blind && errno != EINTR)
            nap();
        if (jumps >= 0 && (blind || all[1].revents != 0) && timer_read(jumps)) {
            if (!jumps_arm(jumps))
                closed();
            return TPP_ALARM_CLOCK;
        }
        if ((blind || all[0].revents != 0) && timer_read(timer))
            return TPP_ALARM_TIME;
        if (watched >= 0 && (blind || all[2].revents != 0) && watches_read(watched))
            return TPP_ALARM_READY;
    }
}

/* ---- the sleep ------------------------------------------------------------------------------ */

static tpp_u64 sleep_due = {TPP_FOREVER}; /* on the monotonic clock */
static tpp_u32 sleep_sets;                /* changes with every set, which ends the sleep */

static void sleep_set(int64_t delay_ns)
{
    int64_t now = tpp_now(TPP_CLOCK_MONOTONIC);
    int64_t delay = delay_ns > 0 ? delay_ns : 0;

    /* relaxed: [LX4] orders it. */
    tpp_store_relaxed(&sleep_due,
                      (uint64_t)(delay < TPP_FOREVER - now ? now + delay : TPP_FOREVER));
    /* [LX4] release: who reads this number reads that time, or a later one. Pairs with
     * sleep_wait. */
    (void)tpp_add_acq_rel(&sleep_sets, 1);
    tpp_wake(&sleep_sets, 1);
}

static void sleep_wait(void)
{
    for (;;) {
        /* [LX4] acquire: the time below is that of this set or of a later one, and a later one
         * keeps tpp_wait from sleeping. Pairs with sleep_set. */
        uint32_t sets = tpp_load_acquire(&sleep_sets);
        /* relaxed: as above. */
        uint64_t due = tpp_load_relaxed(&sleep_due);

        /* relaxed: only the time itself is taken, by the only waiter; a set in between wins. */
        if ((int64_t)due <= tpp_now(TPP_CLOCK_MONOTONIC) &&
            tpp_cas_relaxed(&sleep_due, &due, (uint64_t)TPP_FOREVER))
            return;
        (void)tpp_wait(&sleep_sets, sets, (int64_t)due);
    }
}

/* ---- what everybody calls ------------------------------------------------------------------- */

void tpp_alarm_set(int64_t delay_ns)
{
    int saved = errno;
    uint64_t made = choice();

    if (made == SLEEP)
        sleep_set(delay_ns);
    else
        timer_set(timer_of(made), delay_ns);
    errno = saved;
}

enum tpp_alarm tpp_alarm_wait(void)
{
    int saved = errno;
    uint64_t made = choice();
    enum tpp_alarm reason = TPP_ALARM_TIME;

    if (made == SLEEP)
        sleep_wait();
    else
        reason = timer_wait(timer_of(made), jumps_of(made), watches(made));
    errno = saved;
    return reason;
}

bool tpp_alarm_tells_jumps(void)
{
    int saved = errno;
    bool tells = jumps_of(choice()) >= 0;

    errno = saved;
    return tells;
}

bool tpp_alarm_watch(struct tpp_poller *poller)
{
    int saved = errno;
    int epoll = watches(choice());
    bool watched = epoll >= 0 && watch(epoll, tpl_poller_descriptor(poller));

    errno = saved;
    return watched;
}

/* Nothing is made for this. It cannot fail but for a poller that is not watched. */
void tpp_alarm_unwatch(struct tpp_poller *poller)
{
    int saved = errno;
    /* [LX3] acquire: as in choice. Relaxed would do: a poller is closed after it was watched. */
    uint32_t found = tpp_load_acquire(&watches_made_of);

    if (found >= WATCHES_FIRST)
        (void)epoll_ctl((int)(found - WATCHES_FIRST), EPOLL_CTL_DEL, tpl_poller_descriptor(poller),
                        NULL);
    errno = saved;
}

/* The inherited descriptors are the parent's very timers, and what it watches. The child starts
 * with none, and may have some where its parent had to do without. */
void tpp_alarm_forked(void)
{
    int saved = errno;
    uint32_t watched = tpp_peek(&watches_made_of);

    drop(tpp_peek(&made_of));
    if (watched >= WATCHES_FIRST)
        (void)close((int)(watched - WATCHES_FIRST));
    errno = saved;
    tpp_init(&made_of, UNDECIDED);
    tpp_init(&watches_made_of, UNDECIDED);
    tpp_init(&sleep_due, (uint64_t)TPP_FOREVER);
}
