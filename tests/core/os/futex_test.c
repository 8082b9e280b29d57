/* futex_test.c - sleeping on a word on real threads. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "tests/core/os/sleeper.h"
#include "tests/support/tap.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define SIGNALS 20

struct sleeper {
    pthread_t thread;
    tpp_u32 *word; /* `own`, or one that several share */
    tpp_u32 own;
    tpp_u32 id;
    tpp_u32 returns; /* how often tpp_wait came back */
    int errno_after;
};

static void *sleep_until_word_changes(void *memory)
{
    struct sleeper *sleeper = memory;
    tpp_store_release(&sleeper->id, (uint32_t)tpp_thread_id());
    errno = 77;
    while (tpp_load_acquire(sleeper->word) == 0) {
        bool woken = tpp_wait(sleeper->word, 0, TPP_FOREVER);
        check(woken);
        (void)tpp_add_acq_rel(&sleeper->returns, 1);
    }
    sleeper->errno_after = errno;
    return NULL;
}

static void start_sleeper(struct sleeper *sleeper, tpp_u32 *shared)
{
    tpp_init(&sleeper->own, 0);
    sleeper->word = shared != NULL ? shared : &sleeper->own;
    tpp_init(&sleeper->id, 0);
    tpp_init(&sleeper->returns, 0);
    sleeper->errno_after = 0;
    check_eq(pthread_create(&sleeper->thread, NULL, sleep_until_word_changes, sleeper), 0);
}

TAP_TEST(futex__wait_on_another_value_returns_at_once)
{
    tpp_u32 word;
    tpp_init(&word, 1);
    errno = 77;
    check(tpp_wait(&word, 0, TPP_FOREVER));
    check_eq(errno, 77);
}

TAP_TEST(futex__deadline_in_the_past_is_reached)
{
    tpp_u32 word;
    tpp_init(&word, 0);
    errno = 77;
    check(!tpp_wait(&word, 0, 0));
    check(!tpp_wait(&word, 0, -5));
    check(!tpp_wait(&word, 0, INT64_MIN));
    check(!tpp_wait(&word, 0, tpp_now(TPP_CLOCK_MONOTONIC)));
    check_eq(errno, 77);
}

TAP_TEST(futex__deadline_is_never_early)
{
    tpp_u32 word;
    int round;
    tpp_init(&word, 0);
    for (round = 0; round < 20; round++) {
        int64_t deadline = tpp_now(TPP_CLOCK_MONOTONIC) + MS / 2;
        while (tpp_wait(&word, 0, deadline))
            continue;
        check(tpp_now(TPP_CLOCK_MONOTONIC) >= deadline);
    }
}

TAP_TEST(futex__wake_ends_a_sleep)
{
    struct sleeper sleeper;
    start_sleeper(&sleeper, NULL);
    await_asleep(&sleeper.id);
    tpp_store_release(&sleeper.own, 1);
    errno = 77;
    tpp_wake(&sleeper.own, 1);
    check_eq(errno, 77);
    check_eq(pthread_join(sleeper.thread, NULL), 0);
    check_eq(sleeper.errno_after, 77);
}

TAP_TEST(futex__wake_of_all_wakes_everyone)
{
    enum { COUNT = 8 };
    struct sleeper sleepers[COUNT];
    tpp_u32 shared;
    int i;
    tpp_init(&shared, 0);
    for (i = 0; i < COUNT; i++)
        start_sleeper(&sleepers[i], &shared);
    for (i = 0; i < COUNT; i++)
        await_asleep(&sleepers[i].id);
    tpp_store_release(&shared, 1);
    tpp_wake(&shared, UINT32_MAX);
    for (i = 0; i < COUNT; i++)
        check_eq(pthread_join(sleepers[i].thread, NULL), 0);
}

TAP_TEST(futex__signals_do_not_shorten_a_sleep)
{
    struct sigaction before;
    struct sleeper sleeper;
    if (UNDER_TSAN)
        tap_skip("ThreadSanitizer holds signals back");
    require(let_interrupt(SIGUSR1, &before));
    start_sleeper(&sleeper, NULL);
    interrupt(sleeper.thread, &sleeper.id, SIGNALS, SIGUSR1);
    check_eq(tpp_load_acquire(&sleeper.returns), 0);
    tpp_store_release(&sleeper.own, 1);
    tpp_wake(&sleeper.own, 1);
    check_eq(pthread_join(sleeper.thread, NULL), 0);
    check_eq(sleeper.errno_after, 77);
    check_eq(sigaction(SIGUSR1, &before, NULL), 0);
}

TAP_TEST(futex__wake_of_memory_that_is_gone_is_harmless)
{
    tpp_u32 *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(word != MAP_FAILED);
    check_eq(munmap(word, 4096), 0);
    errno = 77;
    tpp_wake(word, 1);
    tpp_wake(word, UINT32_MAX);
    check_eq(errno, 77);
}

/* ---- without slack ------------------------------------------------------------------------- */

static bool wait_past(bool (*wait)(tpp_u32 *, uint32_t, int64_t), int64_t deadline)
{
    tpp_u32 word;
    tpp_init(&word, 0);
    while (wait(&word, 0, deadline))
        continue;
    return tpp_now(TPP_CLOCK_MONOTONIC) >= deadline;
}

TAP_TEST(futex__exact_wait_is_never_early)
{
    int round;
    errno = 77;
    for (round = 0; round < 20; round++)
        check(wait_past(tpp_wait_exact, tpp_now(TPP_CLOCK_MONOTONIC) + MS / 2));
    check(wait_past(tpp_wait_exact, 0));
    check(wait_past(tpp_wait_exact, -5));
    check(wait_past(tpp_wait_exact, INT64_MIN));
    check_eq(errno, 77);
}

/* The least that a wait of a millisecond was late in so many rounds. */
static int64_t least_late(bool (*wait)(tpp_u32 *, uint32_t, int64_t))
{
    int64_t least = INT64_MAX;
    int round;
    for (round = 0; round < 20; round++) {
        int64_t deadline = tpp_now(TPP_CLOCK_MONOTONIC) + MS, late;
        check(wait_past(wait, deadline));
        late = tpp_now(TPP_CLOCK_MONOTONIC) - deadline;
        least = late < least ? late : least;
    }
    return least;
}

TAP_TEST(futex__exact_wait_is_no_later_than_the_other)
{
    int64_t exact, plain;
    require(prctl(PR_SET_TIMERSLACK, (unsigned long)(2 * SECOND)) == 0);
    exact = least_late(tpp_wait_exact);
    check_eq(prctl(PR_GET_TIMERSLACK), 2 * SECOND);
    require(prctl(PR_SET_TIMERSLACK, 0ul) == 0); /* the default: the other keeps waiting short */
    plain = least_late(tpp_wait);
    check(exact < plain + SECOND);
}

TAP_TEST(futex__exact_wait_restores_the_slack)
{
    static const int slacks[] = {1, 2, 50000, INT32_MAX};
    tpp_u32 word;
    size_t i;
    tpp_init(&word, 1);
    for (i = 0; i < sizeof slacks / sizeof slacks[0]; i++) {
        require(prctl(PR_SET_TIMERSLACK, (unsigned long)slacks[i]) == 0);
        check(wait_past(tpp_wait_exact, tpp_now(TPP_CLOCK_MONOTONIC) + MS / 4));
        check_eq(prctl(PR_GET_TIMERSLACK), slacks[i]);
        errno = 77;
        check(tpp_wait_exact(&word, 0, tpp_now(TPP_CLOCK_MONOTONIC) + 3600 * SECOND));
        check(tpp_wait_exact(&word, 0, TPP_FOREVER));
        check_eq(errno, 77);
        check_eq(prctl(PR_GET_TIMERSLACK), slacks[i]);
    }
    check_eq(prctl(PR_SET_TIMERSLACK, 0ul), 0);
}

/* A handler runs on the thread that sleeps, and sees its slack. */
static tpp_u32 slack_seen;

static void look_at_slack(int signal_number)
{
    (void)signal_number;
    tpp_store_release(&slack_seen, (uint32_t)prctl(PR_GET_TIMERSLACK));
}

struct exact_sleeper {
    tpp_u32 word, id;
    int64_t deadline;
    int slack_after;
};

static void *sleep_exactly(void *memory)
{
    struct exact_sleeper *sleeper = memory;
    check_eq(prctl(PR_SET_TIMERSLACK, 70000ul), 0);
    tpp_store_release(&sleeper->id, (uint32_t)tpp_thread_id());
    while (tpp_load_acquire(&sleeper->word) == 0)
        check(tpp_wait_exact(&sleeper->word, 0, sleeper->deadline));
    sleeper->slack_after = prctl(PR_GET_TIMERSLACK);
    return NULL;
}

/* What the slack is in a sleep until then. It goes on after the signal and is ended by a wake. */
static uint32_t slack_in_sleep(int64_t deadline)
{
    struct exact_sleeper sleeper = {.deadline = deadline};
    pthread_t thread;
    tpp_init(&slack_seen, 0);
    check_eq(pthread_create(&thread, NULL, sleep_exactly, &sleeper), 0);
    await_asleep(&sleeper.id);
    check_eq(pthread_kill(thread, SIGUSR1), 0);
    while (tpp_load_acquire(&slack_seen) == 0)
        sched_yield();
    tpp_store_release(&sleeper.word, 1);
    tpp_wake(&sleeper.word, 1);
    check_eq(pthread_join(thread, NULL), 0);
    check_eq(sleeper.slack_after, 70000);
    return tpp_load_acquire(&slack_seen);
}

TAP_TEST(futex__exact_wait_has_no_slack_while_it_sleeps)
{
    struct sigaction action, before;
    if (UNDER_TSAN)
        tap_skip("ThreadSanitizer holds signals back");
    memset(&action, 0, sizeof action);
    action.sa_handler = look_at_slack;
    require(sigaction(SIGUSR1, &action, &before) == 0);
    check_eq(slack_in_sleep(tpp_now(TPP_CLOCK_MONOTONIC) + 3600 * SECOND), 1);
    check_eq(slack_in_sleep(TPP_FOREVER), 70000);
    check_eq(sigaction(SIGUSR1, &before, NULL), 0);
}

int main(void)
{
    tap_run(futex__wait_on_another_value_returns_at_once);
    tap_run(futex__deadline_in_the_past_is_reached);
    tap_run(futex__deadline_is_never_early);
    tap_run(futex__wake_ends_a_sleep);
    tap_run(futex__wake_of_all_wakes_everyone);
    tap_run(futex__signals_do_not_shorten_a_sleep);
    tap_run(futex__wake_of_memory_that_is_gone_is_harmless);
    tap_run(futex__exact_wait_is_never_early);
    tap_run(futex__exact_wait_is_no_later_than_the_other);
    tap_run(futex__exact_wait_restores_the_slack);
    tap_run(futex__exact_wait_has_no_slack_while_it_sleeps);
    return tap_done();
}
