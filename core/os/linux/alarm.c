/* alarm.c - the alarm of the process: a timerfd, or a sleep on a word where there is none. */
#define _GNU_SOURCE
#include "core/os/os.h"
#include "core/os/linux/fork.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define NS_PER_S 1000000000

/* One word says what the alarm is made of, for setters and the waiter alike: whoever needs it first
 * decides, and what is decided holds for the life of the process. */
#define UNDECIDED 0u
#define SLEEP 1u
#define TIMER_FIRST 2u /* from here on: the descriptor, plus this */

static tpp_u32 made_of;

/* Without a handler in the child a timer would be shared with it: better none, then. */
static __attribute__((noinline)) uint32_t make(void)
{
    int descriptor = tpp_fork_watch() == 0 ? timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC) : -1;
    uint32_t mine = descriptor >= 0 ? (uint32_t)descriptor + TIMER_FIRST : SLEEP;
    uint32_t found = UNDECIDED;

    /* [LX3] swap: the descriptor is made before another thread uses it. Pairs with choice. */
    if (tpp_cas_acq_rel(&made_of, &found, mine))
        return mine;
    if (descriptor >= 0)
        (void)close(descriptor);
    return found;
}

static uint32_t choice(void)
{
    /* [LX3] acquire: pairs with the swap in make. */
    uint32_t made = tpp_load_acquire(&made_of);

    return made != UNDECIDED ? made : make();
}

/* ---- the timer ------------------------------------------------------------------------------ */

static _Noreturn void closed(void)
{
    tpp_abort("BUG IN CLIENT OF TP: a descriptor that belongs to tp was closed (timerfd)");
}

/* Setting forgets an expiry that nobody has read yet. Zero would turn the timer off, which is what
 * TPP_FOREVER asks for; one nanosecond is at once. */
static void timer_set(int descriptor, int64_t delay_ns)
{
    int64_t delay = delay_ns == TPP_FOREVER ? 0 : delay_ns > 0 ? delay_ns : 1;
    struct itimerspec when = {.it_value = {delay / NS_PER_S, delay % NS_PER_S}};

    if (timerfd_settime(descriptor, 0, &when, NULL) != 0)
        closed();
}

/* The loop ends: each turn needs one more signal handler to have run. */
static void timer_wait(int descriptor)
{
    uint64_t expiries;

    while (read(descriptor, &expiries, sizeof expiries) < 0) {
        if (errno != EINTR)
            closed();
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
    uint32_t made = choice();

    if (made == SLEEP)
        sleep_set(delay_ns);
    else
        timer_set((int)(made - TIMER_FIRST), delay_ns);
    errno = saved;
}

void tpp_alarm_wait(void)
{
    int saved = errno;
    uint32_t made = choice();

    if (made == SLEEP)
        sleep_wait();
    else
        timer_wait((int)(made - TIMER_FIRST));
    errno = saved;
}

/* The inherited descriptor is the parent's very timer. The child starts with none, and may have one
 * where its parent had to do without. */
void tpp_alarm_forked(void)
{
    uint32_t made = tpp_peek(&made_of);
    int saved = errno;

    if (made >= TIMER_FIRST)
        (void)close((int)(made - TIMER_FIRST));
    errno = saved;
    tpp_init(&made_of, UNDECIDED);
    tpp_init(&sleep_due, (uint64_t)TPP_FOREVER);
}
