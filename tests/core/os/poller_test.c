/* poller_test.c - waiting for descriptors, kicks and deadlines. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "tests/core/os/child.h"
#include "tests/core/os/sleeper.h"
#include "tests/support/tap.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define HOUR (3600 * SECOND)
#define CAPACITY 16

static uint32_t poll_now(struct tpp_poller *poller, struct tpp_poller_event *events)
{
    return tpp_poller_wait(poller, events, CAPACITY, 0);
}

static int64_t in_ms(int64_t ms)
{
    return tpp_now(TPP_CLOCK_MONOTONIC) + ms * MS;
}

/* ---- descriptors --------------------------------------------------------------------------- */

TAP_TEST(poller__tells_of_a_descriptor_in_every_wait_while_its_state_lasts)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int ready = eventfd(1, EFD_NONBLOCK);
    int round;
    eventfd_t value;
    require(ready >= 0 && tpp_poller_open(&poller) == 0);
    errno = 77;
    check_eq(tpp_poller_add(poller, ready, POLLIN, 0x1234567800000009), 0);
    for (round = 0; round < 5; round++) {
        check_eq(tpp_poller_wait(poller, events, CAPACITY, round % 2 != 0 ? TPP_FOREVER : 0), 1);
        check_eq(events[0].key, 0x1234567800000009);
        check_eq(events[0].events, POLLIN);
    }
    check_eq(errno, 77);
    check_eq(eventfd_read(ready, &value), 0);
    check_eq(poll_now(poller, events), 0);
    check_eq(eventfd_write(ready, 1), 0);
    check_eq(poll_now(poller, events), 1);
    tpp_poller_close(poller);
    close(ready);
}

TAP_TEST(poller__tells_once_until_it_is_modified)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int ready = eventfd(1, EFD_NONBLOCK);
    require(ready >= 0 && tpp_poller_open(&poller) == 0);
    errno = 77;
    check_eq(tpp_poller_add(poller, ready, POLLIN | TPP_POLL_ONCE, 9), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 1);
    check_eq(events[0].key, 9);
    check_eq(events[0].events, POLLIN);
    check_eq(poll_now(poller, events), 0);
    check_eq(eventfd_write(ready, 1), 0);
    check_eq(poll_now(poller, events), 0);
    check_eq(tpp_poller_modify(poller, ready, POLLIN | POLLOUT | TPP_POLL_ONCE, 10), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 1);
    check_eq(events[0].key, 10);
    check_eq(events[0].events, POLLIN | POLLOUT);
    check_eq(poll_now(poller, events), 0);
    check_eq(errno, 77);
    tpp_poller_close(poller);
    close(ready);
}

TAP_TEST(poller__modify_changes_between_once_and_always)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int ready = eventfd(1, EFD_NONBLOCK);
    require(ready >= 0 && tpp_poller_open(&poller) == 0);
    check_eq(tpp_poller_add(poller, ready, POLLIN, 1), 0);
    check_eq(poll_now(poller, events), 1);
    check_eq(tpp_poller_modify(poller, ready, POLLIN | TPP_POLL_ONCE, 2), 0);
    check_eq(poll_now(poller, events), 1);
    check_eq(events[0].key, 2);
    check_eq(poll_now(poller, events), 0);
    check_eq(tpp_poller_modify(poller, ready, POLLIN, 3), 0);
    check_eq(poll_now(poller, events), 1);
    check_eq(poll_now(poller, events), 1);
    check_eq(events[0].key, 3);
    check_eq(tpp_poller_modify(poller, ready, 0, 3), 0);
    check_eq(poll_now(poller, events), 0);
    tpp_poller_close(poller);
    close(ready);
}

TAP_TEST(poller__silent_descriptor_is_silent_until_written)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int quiet = eventfd(0, EFD_NONBLOCK);
    require(quiet >= 0 && tpp_poller_open(&poller) == 0);
    check_eq(tpp_poller_add(poller, quiet, POLLIN, 1), 0);
    check_eq(poll_now(poller, events), 0);
    check_eq(eventfd_write(quiet, 1), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 1);
    check_eq(tpp_poller_remove(poller, quiet), 0);
    check_eq(poll_now(poller, events), 0);
    tpp_poller_close(poller);
    close(quiet);
}

TAP_TEST(poller__hang_up_is_told_though_nobody_asked)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int pipes[2], round;
    require(pipe(pipes) == 0 && tpp_poller_open(&poller) == 0);
    check_eq(tpp_poller_add(poller, pipes[0], 0, 5), 0);
    check_eq(tpp_poller_add(poller, pipes[1], TPP_POLL_ONCE, 6), 0);
    check_eq(poll_now(poller, events), 0);
    close(pipes[0]); /* registered with its file: closing the last descriptor takes it out */
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 1);
    check_eq(events[0].key, 6);
    check_eq(events[0].events, POLLERR);
    check_eq(poll_now(poller, events), 0);
    close(pipes[1]);
    require(pipe(pipes) == 0);
    check_eq(tpp_poller_add(poller, pipes[0], POLLIN, 7), 0);
    close(pipes[1]);
    for (round = 0; round < 3; round++) {
        check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 1);
        check_eq(events[0].key, 7);
        check_eq(events[0].events, POLLHUP);
    }
    tpp_poller_close(poller);
    close(pipes[0]);
}

TAP_TEST(poller__misuse_is_an_errno_and_keeps_errno)
{
    struct tpp_poller *poller;
    int one = eventfd(0, 0), gone = eventfd(0, 0);
    FILE *file = tmpfile();
    require(one >= 0 && gone >= 0 && file != NULL && tpp_poller_open(&poller) == 0);
    close(gone);
    errno = 77;
    check_eq(tpp_poller_add(poller, gone, POLLIN, 1), EBADF);
    check_eq(tpp_poller_add(poller, fileno(file), POLLIN, 1), EPERM);
    check_eq(tpp_poller_modify(poller, one, POLLIN, 1), ENOENT);
    check_eq(tpp_poller_remove(poller, one), ENOENT);
    check_eq(tpp_poller_add(poller, one, POLLIN, 1), 0);
    check_eq(tpp_poller_add(poller, one, POLLIN, 2), EEXIST);
    check_eq(tpp_poller_add(poller, one, POLLIN, UINT64_MAX), EINVAL);
    check_eq(tpp_poller_modify(poller, one, POLLIN, UINT64_MAX), EINVAL);
    check_eq(errno, 77);
    tpp_poller_close(poller);
    fclose(file);
    close(one);
}

TAP_TEST(poller__gives_no_more_events_than_there_is_room_for)
{
    enum { COUNT = 100 };
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int descriptors[COUNT];
    int seen[COUNT] = {0};
    int i, total = 0;
    uint32_t got;
    require(tpp_poller_open(&poller) == 0);
    for (i = 0; i < COUNT; i++) {
        descriptors[i] = eventfd(1, 0);
        require(descriptors[i] >= 0);
        check_eq(tpp_poller_add(poller, descriptors[i], POLLIN | TPP_POLL_ONCE, (uint64_t)i), 0);
    }
    tpp_poller_kick(poller);
    while (total < COUNT) {
        got = tpp_poller_wait(poller, events, CAPACITY, in_ms(10000));
        require(got <= CAPACITY);
        for (i = 0; i < (int)got; i++) {
            require(events[i].key < COUNT);
            seen[events[i].key]++;
        }
        total += (int)got;
    }
    check_eq(poll_now(poller, events), 0);
    for (i = 0; i < COUNT; i++) {
        check_eq(seen[i], 1);
        close(descriptors[i]);
    }
    tpp_poller_close(poller);
}

TAP_TEST(poller__with_room_for_one_tells_of_each_in_turn)
{
    enum { COUNT = 5 };
    struct tpp_poller_event event;
    struct tpp_poller *poller;
    int descriptors[COUNT], seen[COUNT] = {0}, i;
    require(tpp_poller_open(&poller) == 0);
    for (i = 0; i < COUNT; i++) {
        descriptors[i] = eventfd(1, 0);
        check_eq(tpp_poller_add(poller, descriptors[i], POLLIN, (uint64_t)i), 0);
    }
    for (i = 0; i < 3 * COUNT; i++) {
        require(tpp_poller_wait(poller, &event, 1, TPP_FOREVER) == 1 && event.key < COUNT);
        seen[event.key]++;
    }
    for (i = 0; i < COUNT; i++) {
        check_eq(seen[i], 3);
        close(descriptors[i]);
    }
    tpp_poller_close(poller);
}

/* ---- deadlines ----------------------------------------------------------------------------- */

/* A sleep with that deadline, which an event ends at once: a timer is set for it, and stays. (A
 * kick that is there already would keep it from getting as far as that.) */
static void leave_behind(struct tpp_poller *poller, int64_t deadline)
{
    struct tpp_poller_event events[CAPACITY];
    int ready = eventfd(1, 0);
    check_eq(tpp_poller_add(poller, ready, POLLIN, 1), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, deadline), 1);
    check_eq(tpp_poller_remove(poller, ready), 0);
    close(ready);
}

static void never_early(struct tpp_poller *poller)
{
    struct tpp_poller_event events[CAPACITY];
    int round;
    for (round = 0; round < 20; round++) {
        int64_t deadline = tpp_now(TPP_CLOCK_MONOTONIC) + (round + 1) * MS / 10;
        check_eq(tpp_poller_wait(poller, events, CAPACITY, deadline), 0);
        check(tpp_now(TPP_CLOCK_MONOTONIC) >= deadline);
        check_eq(tpp_poller_wait(poller, events, CAPACITY, deadline), 0); /* has passed */
    }
    check_eq(tpp_poller_wait(poller, events, CAPACITY, -1), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, 0), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, 1), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, INT64_MIN), 0);
}

TAP_TEST(poller__deadline_is_never_early)
{
    struct tpp_poller *poller;
    require(tpp_poller_open(&poller) == 0);
    errno = 77;
    never_early(poller);
    check_eq(errno, 77);
    tpp_poller_close(poller);
}

/* The thread lets the system be late by two seconds. The bound is one-sided and far off: only the
 * best of many counts. */
TAP_TEST(poller__deadline_has_no_slack)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int64_t least = INT64_MAX;
    int round;
    require(tpp_poller_open(&poller) == 0);
    require(prctl(PR_SET_TIMERSLACK, (unsigned long)(2 * SECOND)) == 0);
    for (round = 0; round < 20; round++) {
        int64_t deadline = tpp_now(TPP_CLOCK_MONOTONIC) + MS, late;
        check_eq(tpp_poller_wait(poller, events, CAPACITY, deadline), 0);
        late = tpp_now(TPP_CLOCK_MONOTONIC) - deadline;
        least = late < least ? late : least;
    }
    check(least >= 0 && least < 100 * MS);
    check_eq(prctl(PR_GET_TIMERSLACK), 2 * SECOND);
    check_eq(prctl(PR_SET_TIMERSLACK, 0ul), 0);
    tpp_poller_close(poller);
}

TAP_TEST(poller__has_a_timer_once_it_needs_one)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int before = count_open("");
    int round;
    require(tpp_poller_open(&poller) == 0);
    check_eq(count_open(""), before + 2);
    tpp_poller_kick(poller);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, tpp_now(TPP_CLOCK_MONOTONIC)), 0);
    check_eq(count_open("timerfd"), 0);
    for (round = 0; round < 3; round++) {
        leave_behind(poller, tpp_now(TPP_CLOCK_MONOTONIC) + HOUR + round);
        check_eq(count_open("timerfd"), 1);
    }
    check_eq(count_open(""), before + 3);
    tpp_poller_close(poller);
    check_eq(count_open(""), before);
}

TAP_TEST(poller__descriptors_do_not_pass_to_another_program)
{
    enum { MOST = 64 };
    struct tpp_poller *poller;
    int before[MOST], count = 0, i;
    for (i = 0; i < MOST; i++)
        before[i] = fcntl(i, F_GETFD);
    require(tpp_poller_open(&poller) == 0);
    leave_behind(poller, tpp_now(TPP_CLOCK_MONOTONIC) + HOUR);
    for (i = 0; i < MOST; i++) {
        int flags = fcntl(i, F_GETFD);
        if (flags < 0 || before[i] >= 0)
            continue;
        check_eq(flags, FD_CLOEXEC);
        count++;
    }
    check_eq(count, 3);
    tpp_poller_close(poller);
}

/* Its timer has the number of the standard input, which the application has closed. */
static void sleep_without_input(void)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int ready = eventfd(1, EFD_CLOEXEC);
    require(tpp_poller_open(&poller) == 0);
    check_eq(tpp_poller_add(poller, ready, POLLIN, 1), 0);
    close(0);
    int64_t deadline = tpp_now(TPP_CLOCK_MONOTONIC) + HOUR;
    check_eq(tpp_poller_wait(poller, events, CAPACITY, deadline), 1);
    check(fcntl(0, F_GETFD) >= 0);
    tpp_poller_close(poller);
    check(fcntl(0, F_GETFD) < 0);
}

TAP_TEST(poller__closes_a_timer_with_the_lowest_number)
{
    run_in_child(sleep_without_input);
}

TAP_TEST(poller__event_comes_before_the_deadline)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int ready = eventfd(1, 0);
    int64_t deadline;
    require(ready >= 0 && tpp_poller_open(&poller) == 0);
    deadline = in_ms(50);
    check_eq(tpp_poller_add(poller, ready, POLLIN, 1), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, in_ms(1000 * 3600)), 1);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, deadline), 1);
    check_eq(tpp_poller_remove(poller, ready), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, deadline), 0); /* the same once more */
    check(tpp_now(TPP_CLOCK_MONOTONIC) >= deadline);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, deadline), 0);
    tpp_poller_close(poller);
    close(ready);
}

TAP_TEST(poller__deadline_set_anew_is_the_one_that_counts)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int64_t early = in_ms(10), late = in_ms(40);
    require(tpp_poller_open(&poller) == 0);
    leave_behind(poller, early);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, late), 0);
    check(tpp_now(TPP_CLOCK_MONOTONIC) >= late);
    leave_behind(poller, tpp_now(TPP_CLOCK_MONOTONIC) + HOUR);
    early = in_ms(5);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, early), 0);
    check(tpp_now(TPP_CLOCK_MONOTONIC) >= early);
    tpp_poller_close(poller);
}

/* ---- kicks --------------------------------------------------------------------------------- */

TAP_TEST(poller__kick_before_the_sleep_ends_it_once)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int64_t deadline;
    int round;
    require(tpp_poller_open(&poller) == 0);
    for (round = 0; round < 3; round++) {
        errno = 77;
        tpp_poller_kick(poller);
        tpp_poller_kick(poller);
        check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 0);
        deadline = in_ms(1);
        check_eq(tpp_poller_wait(poller, events, CAPACITY, deadline), 0);
        check(tpp_now(TPP_CLOCK_MONOTONIC) >= deadline);
        check_eq(errno, 77);
    }
    tpp_poller_close(poller);
}

TAP_TEST(poller__kick_is_for_a_sleep_and_not_for_a_look)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    require(tpp_poller_open(&poller) == 0);
    tpp_poller_kick(poller);
    check_eq(poll_now(poller, events), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, tpp_now(TPP_CLOCK_MONOTONIC)), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 0);
    tpp_poller_close(poller);
}

TAP_TEST(poller__kicked_sleep_brings_events_too)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int ready = eventfd(1, 0);
    require(ready >= 0 && tpp_poller_open(&poller) == 0);
    check_eq(tpp_poller_add(poller, ready, POLLIN, 1), 0);
    tpp_poller_kick(poller);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 1);
    tpp_poller_close(poller);
    close(ready);
}

/* ---- the thread that sleeps ---------------------------------------------------------------- */

struct sleeper {
    pthread_t thread;
    struct tpp_poller *poller;
    const int64_t *deadlines; /* of its sleeps, up to a zero; NULL: one without a deadline */
    int64_t old;              /* the deadline of a sleep that is over when the first begins */
    tpp_u32 id;
    tpp_u32 returns;
    uint32_t got; /* in the last sleep */
    uint64_t key;
    int told, heard; /* not atomic: what was done before the kick is seen after the sleep */
};

static void *sleep_as_told(void *memory)
{
    static const int64_t one[] = {TPP_FOREVER, 0};
    struct sleeper *sleeper = memory;
    const int64_t *deadline = sleeper->deadlines != NULL ? sleeper->deadlines : one;
    struct tpp_poller_event events[CAPACITY];
    if (sleeper->old != 0)
        leave_behind(sleeper->poller, sleeper->old);
    tpp_store_release(&sleeper->id, (uint32_t)tpp_thread_id());
    for (; *deadline != 0; deadline++) {
        sleeper->got = tpp_poller_wait(sleeper->poller, events, CAPACITY, *deadline);
        sleeper->key = sleeper->got != 0 ? events[0].key : 0;
        sleeper->heard = sleeper->told;
        (void)tpp_add_acq_rel(&sleeper->returns, 1);
    }
    return NULL;
}

static void start(struct sleeper *sleeper, const int64_t *deadlines)
{
    sleeper->deadlines = deadlines;
    check_eq(pthread_create(&sleeper->thread, NULL, sleep_as_told, sleeper), 0);
    await_asleep(&sleeper->id);
}

TAP_TEST(poller__kick_ends_a_sleep_under_way)
{
    struct sleeper sleeper = {0};
    require(tpp_poller_open(&sleeper.poller) == 0);
    start(&sleeper, NULL);
    sleeper.told = 1;
    tpp_poller_kick(sleeper.poller);
    check_eq(pthread_join(sleeper.thread, NULL), 0);
    check_eq(sleeper.got, 0);
    check_eq(sleeper.heard, 1);
    tpp_poller_close(sleeper.poller);
}

static void *tell_and_kick(void *memory)
{
    struct sleeper *sleeper = memory;
    sleeper->told = 1;
    tpp_poller_kick(sleeper->poller);
    tpp_store_relaxed(&sleeper->returns, 1); /* relaxed: it orders nothing */
    return NULL;
}

TAP_TEST(poller__kick_before_the_sleep_brings_what_was_done_before_it)
{
    struct sleeper sleeper = {0};
    struct tpp_poller_event events[CAPACITY];
    require(tpp_poller_open(&sleeper.poller) == 0);
    check_eq(pthread_create(&sleeper.thread, NULL, tell_and_kick, &sleeper), 0);
    while (tpp_load_relaxed(&sleeper.returns) == 0)
        (void)sched_yield();
    check_eq(tpp_poller_wait(sleeper.poller, events, CAPACITY, TPP_FOREVER), 0);
    check_eq(sleeper.told, 1);
    check_eq(pthread_join(sleeper.thread, NULL), 0);
    tpp_poller_close(sleeper.poller);
}

TAP_TEST(poller__descriptor_added_during_a_sleep_ends_it)
{
    struct sleeper sleeper = {0};
    int ready = eventfd(1, 0);
    require(ready >= 0 && tpp_poller_open(&sleeper.poller) == 0);
    start(&sleeper, NULL);
    check_eq(tpp_poller_add(sleeper.poller, ready, POLLIN, 1), 0);
    check_eq(pthread_join(sleeper.thread, NULL), 0);
    check_eq(sleeper.got, 1);
    tpp_poller_close(sleeper.poller);
    close(ready);
}

TAP_TEST(poller__descriptor_modified_during_a_sleep_ends_it)
{
    struct sleeper sleeper = {0};
    struct tpp_poller_event events[CAPACITY];
    int ready = eventfd(1, 0), removed = eventfd(0, 0);
    require(ready >= 0 && removed >= 0 && tpp_poller_open(&sleeper.poller) == 0);
    check_eq(tpp_poller_add(sleeper.poller, ready, POLLIN | TPP_POLL_ONCE, 1), 0);
    check_eq(tpp_poller_add(sleeper.poller, removed, POLLIN, 2), 0);
    check_eq(poll_now(sleeper.poller, events), 1);
    start(&sleeper, NULL);
    check_eq(tpp_poller_remove(sleeper.poller, removed), 0);
    check_eq(eventfd_write(removed, 1), 0);
    check_eq(tpp_poller_modify(sleeper.poller, ready, POLLIN | TPP_POLL_ONCE, 3), 0);
    check_eq(pthread_join(sleeper.thread, NULL), 0);
    check_eq(sleeper.got, 1);
    check_eq(sleeper.key, 3);
    tpp_poller_close(sleeper.poller);
    close(ready);
    close(removed);
}

static void signals_do_not_end_a_sleep(int64_t deadline)
{
    const int64_t deadlines[] = {deadline, 0};
    struct sleeper sleeper = {0};
    require(tpp_poller_open(&sleeper.poller) == 0);
    start(&sleeper, deadlines);
    interrupt(sleeper.thread, &sleeper.id, 10, SIGUSR1);
    check_eq(tpp_load_acquire(&sleeper.returns), 0);
    tpp_poller_kick(sleeper.poller);
    check_eq(pthread_join(sleeper.thread, NULL), 0);
    tpp_poller_close(sleeper.poller);
}

TAP_TEST(poller__signals_do_not_end_a_sleep)
{
    struct sigaction before;
    if (UNDER_TSAN)
        tap_skip("ThreadSanitizer holds signals back");
    require(let_interrupt(SIGUSR1, &before));
    signals_do_not_end_a_sleep(TPP_FOREVER);
    signals_do_not_end_a_sleep(tpp_now(TPP_CLOCK_MONOTONIC) + HOUR);
    check_eq(sigaction(SIGUSR1, &before, NULL), 0);
}

/* A sleep until `old` is ended by an event. That moment passes while the thread is in another
 * sleep, and it must not be seen to wake. */
static void sleep_over_an_old_deadline(int64_t next, bool look)
{
    int64_t old = in_ms(50);
    const int64_t deadlines[] = {next, 0};
    struct sleeper sleeper = {0};
    struct tpp_poller_event events[CAPACITY];
    long before;
    require(tpp_poller_open(&sleeper.poller) == 0);
    sleeper.old = old;
    start(&sleeper, deadlines);
    pass(2 * MS);
    await_asleep(&sleeper.id);
    before = count_sleeps(tpp_load_acquire(&sleeper.id));
    while (tpp_now(TPP_CLOCK_MONOTONIC) < old + 20 * MS) {
        if (look)
            check_eq(poll_now(sleeper.poller, events), 0);
        pass(MS);
    }
    check_eq(count_sleeps(tpp_load_acquire(&sleeper.id)), before);
    check_eq(tpp_load_acquire(&sleeper.returns), 0);
    tpp_poller_kick(sleeper.poller);
    check_eq(pthread_join(sleeper.thread, NULL), 0);
    tpp_poller_close(sleeper.poller);
}

TAP_TEST(poller__old_deadline_does_not_wake_the_next_sleep)
{
    sleep_over_an_old_deadline(TPP_FOREVER, false);
    sleep_over_an_old_deadline(tpp_now(TPP_CLOCK_MONOTONIC) + HOUR, false);
}

TAP_TEST(poller__looks_do_not_wake_the_thread_that_sleeps)
{
    sleep_over_an_old_deadline(TPP_FOREVER, true);
    sleep_over_an_old_deadline(tpp_now(TPP_CLOCK_MONOTONIC) + HOUR, true);
}

/* The deadline passes while nobody sleeps, and a look is what meets it. */
TAP_TEST(poller__deadline_that_a_look_has_met_is_no_more)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int64_t deadline;
    int round;
    require(tpp_poller_open(&poller) == 0);
    for (round = 0; round < 3; round++) {
        leave_behind(poller, in_ms(5));
        pass(7 * MS);
        check_eq(poll_now(poller, events), 0);
        deadline = in_ms(20);
        check_eq(tpp_poller_wait(poller, events, CAPACITY, deadline), 0);
        check(tpp_now(TPP_CLOCK_MONOTONIC) >= deadline);
    }
    tpp_poller_close(poller);
}

/* ---- looks while a thread sleeps ----------------------------------------------------------- */

static tpp_u32 stop;

static void *look_all_the_time(void *poller)
{
    struct tpp_poller_event events[CAPACITY];
    while (tpp_load_acquire(&stop) == 0)
        check_eq(poll_now(poller, events), 0);
    return NULL;
}

static void *sleep_all_the_time(void *memory)
{
    struct sleeper *sleeper = memory;
    struct tpp_poller_event events[CAPACITY];
    while (tpp_load_acquire(&stop) == 0) {
        check_eq(tpp_poller_wait(sleeper->poller, events, CAPACITY, TPP_FOREVER), 0);
        (void)tpp_add_acq_rel(&sleeper->returns, 1);
    }
    return NULL;
}

/* A lost kick is a test that does not end. */
TAP_TEST(poller__look_does_not_take_a_kick_from_the_sleeper)
{
    enum { ROUNDS = 2000 };
    struct sleeper sleeper = {0};
    pthread_t looker;
    int round;
    require(tpp_poller_open(&sleeper.poller) == 0);
    tpp_init(&stop, 0);
    check_eq(pthread_create(&sleeper.thread, NULL, sleep_all_the_time, &sleeper), 0);
    check_eq(pthread_create(&looker, NULL, look_all_the_time, sleeper.poller), 0);
    for (round = 0; round < ROUNDS; round++) {
        uint32_t before = tpp_load_acquire(&sleeper.returns);
        tpp_poller_kick(sleeper.poller);
        while (tpp_load_acquire(&sleeper.returns) == before)
            sched_yield();
    }
    tpp_store_release(&stop, 1);
    tpp_poller_kick(sleeper.poller);
    check_eq(pthread_join(sleeper.thread, NULL), 0);
    check_eq(pthread_join(looker, NULL), 0);
    tpp_poller_close(sleeper.poller);
}

/* Each sleep ends, though the look may be the first to meet its deadline; a sleep may end for
 * nothing, but not often. */
TAP_TEST(poller__look_does_not_take_the_deadline_from_the_sleeper)
{
    enum { ROUNDS = 500 };
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    pthread_t looker;
    int round, sleeps = 0;
    require(tpp_poller_open(&poller) == 0);
    tpp_init(&stop, 0);
    check_eq(pthread_create(&looker, NULL, look_all_the_time, poller), 0);
    for (round = 0; round < ROUNDS; round++) {
        int64_t deadline = tpp_now(TPP_CLOCK_MONOTONIC) + MS / 10;
        do {
            check_eq(tpp_poller_wait(poller, events, CAPACITY, deadline), 0);
            sleeps++;
        } while (tpp_now(TPP_CLOCK_MONOTONIC) < deadline);
    }
    check(sleeps <= 2 * ROUNDS);
    tpp_store_release(&stop, 1);
    check_eq(pthread_join(looker, NULL), 0);
    tpp_poller_close(poller);
}

/* ---- where the system does not give what is wanted ----------------------------------------- */

TAP_TEST(poller__that_cannot_be_had_is_an_error_and_leaves_nothing)
{
    struct tpp_poller *poller;
    int before = count_open(""), room;
    for (room = 0; room < 2; room++) {
        rlim_t limit = allow_more((rlim_t)room);
        int result;
        errno = 77;
        result = tpp_poller_open(&poller);
        check_eq(errno, 77);
        (void)allow_below(limit);
        check_eq(result, EMFILE);
        check(poller == NULL);
        check_eq(count_open(""), before);
    }
}

/* A deadline has to be kept without a descriptor for it; later there is one. */
static void keeps_deadlines_without_a_timer(void)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller;
    int ready = eventfd(1, 0);
    rlim_t before;
    require(ready >= 0 && tpp_poller_open(&poller) == 0);
    before = allow_more(0);
    errno = 77;
    never_early(poller);
    check_eq(tpp_poller_add(poller, ready, POLLIN | TPP_POLL_ONCE, 1), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, tpp_now(TPP_CLOCK_MONOTONIC) + HOUR), 1);
    tpp_poller_kick(poller);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER - 1), 0);
    check_eq(tpp_poller_modify(poller, ready, POLLIN | TPP_POLL_ONCE, 1), 0);
    check_eq(tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER), 1);
    check_eq(errno, 77);
    (void)allow_below(before);
    check_eq(count_open("timerfd"), 0);
    never_early(poller);
    leave_behind(poller, tpp_now(TPP_CLOCK_MONOTONIC) + HOUR);
    check_eq(count_open("timerfd"), 1);
    tpp_poller_close(poller);
    close(ready);
}

TAP_TEST(poller__keeps_deadlines_without_a_descriptor_for_them)
{
    run_in_child(keeps_deadlines_without_a_timer);
}

static void forbidden_with(uint32_t error)
{
    if (!forbid(SYS_epoll_pwait2, error))
        return;
    check_eq(syscall(SYS_epoll_pwait2, -1, NULL, 0, NULL, NULL, (size_t)0), -1);
    check_eq(errno, error);
    keeps_deadlines_without_a_timer();
}

/* As an old container filter answers, and as an old kernel does. */
static void forbidden_pwait2(void)
{
    forbidden_with(EPERM);
}

static void missing_pwait2(void)
{
    forbidden_with(ENOSYS);
}

TAP_TEST(poller__keeps_deadlines_also_in_milliseconds)
{
    run_in_child(forbidden_pwait2);
    run_in_child(missing_pwait2);
}

static void no_timers(void)
{
    struct tpp_poller *poller;
    require(forbid(SYS_timerfd_create, EPERM) && tpp_poller_open(&poller) == 0);
    errno = 77;
    never_early(poller);
    check_eq(errno, 77);
    check_eq(count_open("timerfd"), 0);
    tpp_poller_close(poller);
}

TAP_TEST(poller__keeps_deadlines_where_timers_are_forbidden)
{
    run_in_child(no_timers);
}

/* ---- threads that are cancelled ------------------------------------------------------------ */

static void use_all(void *memory)
{
    struct tpp_poller_event events[CAPACITY];
    struct tpp_poller *poller = memory;
    tpp_poller_kick(poller);
    (void)tpp_poller_wait(poller, events, CAPACITY, TPP_FOREVER);
    (void)tpp_poller_wait(poller, events, CAPACITY, in_ms(1));
    (void)poll_now(poller, events);
    tpp_poller_close(poller);
}

TAP_TEST(poller__cancelled_thread_is_not_ended_in_the_middle_of_it)
{
    struct tpp_poller *poller;
    require(tpp_poller_open(&poller) == 0);
    expect_not_cancelled_in(use_all, poller);
}

int main(void)
{
    tap_run(poller__tells_of_a_descriptor_in_every_wait_while_its_state_lasts);
    tap_run(poller__tells_once_until_it_is_modified);
    tap_run(poller__modify_changes_between_once_and_always);
    tap_run(poller__silent_descriptor_is_silent_until_written);
    tap_run(poller__hang_up_is_told_though_nobody_asked);
    tap_run(poller__misuse_is_an_errno_and_keeps_errno);
    tap_run(poller__gives_no_more_events_than_there_is_room_for);
    tap_run(poller__with_room_for_one_tells_of_each_in_turn);
    tap_run(poller__deadline_is_never_early);
    tap_run(poller__deadline_has_no_slack);
    tap_run(poller__has_a_timer_once_it_needs_one);
    tap_run(poller__descriptors_do_not_pass_to_another_program);
    tap_run(poller__closes_a_timer_with_the_lowest_number);
    tap_run(poller__event_comes_before_the_deadline);
    tap_run(poller__deadline_set_anew_is_the_one_that_counts);
    tap_run(poller__kick_before_the_sleep_ends_it_once);
    tap_run(poller__kick_before_the_sleep_brings_what_was_done_before_it);
    tap_run(poller__kick_is_for_a_sleep_and_not_for_a_look);
    tap_run(poller__kicked_sleep_brings_events_too);
    tap_run(poller__kick_ends_a_sleep_under_way);
    tap_run(poller__descriptor_added_during_a_sleep_ends_it);
    tap_run(poller__descriptor_modified_during_a_sleep_ends_it);
    tap_run(poller__signals_do_not_end_a_sleep);
    tap_run(poller__old_deadline_does_not_wake_the_next_sleep);
    tap_run(poller__looks_do_not_wake_the_thread_that_sleeps);
    tap_run(poller__deadline_that_a_look_has_met_is_no_more);
    tap_run(poller__look_does_not_take_a_kick_from_the_sleeper);
    tap_run(poller__look_does_not_take_the_deadline_from_the_sleeper);
    tap_run(poller__that_cannot_be_had_is_an_error_and_leaves_nothing);
    tap_run(poller__keeps_deadlines_without_a_descriptor_for_them);
    tap_run(poller__keeps_deadlines_also_in_milliseconds);
    tap_run(poller__keeps_deadlines_where_timers_are_forbidden);
    tap_run(poller__cancelled_thread_is_not_ended_in_the_middle_of_it);
    return tap_done();
}
