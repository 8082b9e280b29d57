/* alarm_watch_test.c - the alarm's waiter hears of what happens in watched pollers. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>

#include "tests/core/os/child.h"
#include "tests/support/tap.h"

#define MS INT64_C(1000000)
#define HOUR (3600 * 1000 * MS)
#define CAPACITY 16

/* A poller with one descriptor in it. */
struct source {
    struct tpp_poller *poller;
    int descriptor;
};

static void open_source(struct source *source, unsigned value)
{
    source->descriptor = eventfd(value, EFD_NONBLOCK | EFD_CLOEXEC);
    require(source->descriptor >= 0 && tpp_poller_open(&source->poller) == 0);
    check_eq(tpp_poller_add(source->poller, source->descriptor, POLLIN, 1), 0);
}

static void close_source(struct source *source)
{
    tpp_poller_close(source->poller);
    close(source->descriptor);
}

static void make_ready(struct source *source)
{
    check_eq(eventfd_write(source->descriptor, 1), 0);
}

static uint32_t look(struct source *source)
{
    struct tpp_poller_event events[CAPACITY];
    return tpp_poller_wait(source->poller, events, CAPACITY, 0);
}

static void watch(struct source *source)
{
    errno = 77;
    check(tpp_alarm_watch(source->poller));
    check_eq(errno, 77);
}

static void unwatch(struct source *source)
{
    errno = 77;
    tpp_alarm_unwatch(source->poller);
    check_eq(errno, 77);
}

/* The clock may be set by others at any time. */
static enum tpp_alarm wait_for_alarm(void)
{
    enum tpp_alarm reason;
    errno = 77;
    do
        reason = tpp_alarm_wait();
    while (reason == TPP_ALARM_CLOCK);
    check_eq(errno, 77);
    return reason;
}

/* Nothing is told in this time but that it is over. */
static void check_nothing_for(int64_t ns)
{
    int64_t until = tpp_now(TPP_CLOCK_MONOTONIC) + ns;
    tpp_alarm_set(ns);
    check_eq(wait_for_alarm(), TPP_ALARM_TIME);
    check(tpp_now(TPP_CLOCK_MONOTONIC) >= until);
}

/* ---- what is told -------------------------------------------------------------------------- */

TAP_TEST(watch__event_that_is_there_already_ends_the_next_wait)
{
    struct source source;
    open_source(&source, 1);
    tpp_alarm_set(TPP_FOREVER);
    watch(&source);
    check_eq(wait_for_alarm(), TPP_ALARM_READY);
    check_eq(look(&source), 1);
    close_source(&source);
}

TAP_TEST(watch__leaves_the_alarm_set)
{
    struct source source;
    int64_t since = tpp_now(TPP_CLOCK_MONOTONIC);
    open_source(&source, 1);
    tpp_alarm_set(30 * MS);
    watch(&source);
    check_eq(wait_for_alarm(), TPP_ALARM_READY);
    check_eq(wait_for_alarm(), TPP_ALARM_TIME);
    check(tpp_now(TPP_CLOCK_MONOTONIC) - since >= 30 * MS);
    close_source(&source);
}

/* What is told once is silent, though the state of the descriptor lasts. */
TAP_TEST(watch__tells_once_for_each_call)
{
    struct source source;
    int round;
    open_source(&source, 1);
    for (round = 0; round < 5; round++) {
        watch(&source);
        check_eq(wait_for_alarm(), TPP_ALARM_READY);
        check_nothing_for(5 * MS);
        make_ready(&source);
        check_nothing_for(5 * MS);
    }
    close_source(&source);
}

TAP_TEST(watch__called_twice_before_a_wait_tells_all_the_same)
{
    struct source source;
    open_source(&source, 0);
    watch(&source);
    watch(&source);
    check_nothing_for(5 * MS);
    make_ready(&source);
    watch(&source);
    check_eq(wait_for_alarm(), TPP_ALARM_READY);
    check_nothing_for(5 * MS);
    close_source(&source);
}

TAP_TEST(watch__tells_nothing_without_an_event)
{
    struct source source;
    eventfd_t value;
    open_source(&source, 0);
    watch(&source);
    check_nothing_for(10 * MS);
    make_ready(&source);
    check_eq(eventfd_read(source.descriptor, &value), 0); /* it is over before anybody looked */
    check_nothing_for(10 * MS);
    make_ready(&source);
    check_eq(wait_for_alarm(), TPP_ALARM_READY);
    close_source(&source);
}

TAP_TEST(watch__each_of_several_pollers_is_told_of)
{
    enum { COUNT = 40 };
    struct source sources[COUNT];
    int i, told = 0;
    for (i = 0; i < COUNT; i++) {
        open_source(&sources[i], 0);
        watch(&sources[i]);
    }
    make_ready(&sources[COUNT - 1]);
    check_eq(wait_for_alarm(), TPP_ALARM_READY);
    check_nothing_for(5 * MS);
    for (i = 0; i < COUNT - 1; i++)
        make_ready(&sources[i]);
    tpp_alarm_set(20 * MS);
    while (wait_for_alarm() == TPP_ALARM_READY)
        told++;
    check(told >= 1 && told < COUNT);
    for (i = 0; i < COUNT; i++)
        close_source(&sources[i]);
}

/* ---- how it ends --------------------------------------------------------------------------- */

TAP_TEST(watch__is_undone_by_unwatch)
{
    struct source source;
    open_source(&source, 0);
    unwatch(&source); /* never watched */
    watch(&source);
    unwatch(&source);
    unwatch(&source);
    make_ready(&source);
    check_nothing_for(10 * MS);
    watch(&source);
    unwatch(&source); /* has an event that was not told yet */
    check_nothing_for(10 * MS);
    watch(&source);
    check_eq(wait_for_alarm(), TPP_ALARM_READY);
    close_source(&source);
}

TAP_TEST(watch__is_undone_by_closing_the_poller)
{
    struct source source;
    open_source(&source, 1);
    watch(&source);
    close_source(&source);
    check_nothing_for(10 * MS);
}

/* A child holds copies of all descriptors, so none of them is the last. */
TAP_TEST(watch__of_a_closed_poller_is_over_though_a_child_has_copies)
{
    struct source source, other;
    int hold[2];
    pid_t child;
    open_source(&source, 0);
    open_source(&other, 0);
    watch(&source);
    require(pipe2(hold, O_CLOEXEC) == 0);
    child = fork();
    require(child >= 0);
    if (child == 0) {
        char byte;
        close(hold[1]);
        (void)!read(hold[0], &byte, 1);
        _exit(0);
    }
    close(hold[0]);
    tpp_poller_close(source.poller);
    make_ready(&source);
    check_nothing_for(10 * MS);
    watch(&other);
    make_ready(&other);
    check_eq(wait_for_alarm(), TPP_ALARM_READY);
    check_nothing_for(10 * MS);
    close(hold[1]);
    check_eq(waitpid(child, NULL, 0), child);
    close(source.descriptor);
    close_source(&other);
}

/* ---- the waiter ---------------------------------------------------------------------------- */

struct waiter {
    pthread_t thread;
    tpp_u32 id;
    tpp_u32 told; /* how often it was READY */
};

/* Until the time comes. */
static void *wait_for_time(void *memory)
{
    struct waiter *waiter = memory;
    tpp_store_release(&waiter->id, (uint32_t)tpp_thread_id());
    while (wait_for_alarm() == TPP_ALARM_READY)
        (void)tpp_add_acq_rel(&waiter->told, 1);
    return NULL;
}

static void await_asleep(struct waiter *waiter, uint32_t told)
{
    while (tpp_load_acquire(&waiter->id) == 0 || tpp_load_acquire(&waiter->told) < told ||
           tpp_thread_state(tpp_load_acquire(&waiter->id)) != 'S')
        (void)sched_yield();
}

static void start(struct waiter *waiter)
{
    memset(waiter, 0, sizeof *waiter);
    tpp_alarm_set(TPP_FOREVER);
    check_eq(pthread_create(&waiter->thread, NULL, wait_for_time, waiter), 0);
    await_asleep(waiter, 0);
}

static void finish(struct waiter *waiter)
{
    tpp_alarm_set(0);
    check_eq(pthread_join(waiter->thread, NULL), 0);
}

static void is_told_in_a_wait_under_way(void)
{
    enum { ROUNDS = 300 };
    struct source source;
    struct waiter waiter;
    uint32_t round;
    eventfd_t value;
    open_source(&source, 0);
    start(&waiter); /* before anything was ever watched */
    for (round = 0; round < ROUNDS; round++) {
        await_asleep(&waiter, round);
        if (round % 2 == 0) {
            watch(&source);
            make_ready(&source);
        } else {
            make_ready(&source);
            watch(&source);
        }
        await_asleep(&waiter, round + 1);
        check_eq(look(&source), 1);
        check_eq(eventfd_read(source.descriptor, &value), 0);
    }
    finish(&waiter);
    check_eq(tpp_load_acquire(&waiter.told), ROUNDS);
    close_source(&source);
}

TAP_TEST(watch__is_told_in_a_wait_under_way)
{
    is_told_in_a_wait_under_way();
}

/* The first use of all is a watch, or a wait. */
static void watch_first(void)
{
    struct source source;
    check_eq(count_open("timerfd"), 0);
    open_source(&source, 1);
    watch(&source);
    check_eq(wait_for_alarm(), TPP_ALARM_READY);
    close_source(&source);
}

static void unwatch_first(void)
{
    struct source source;
    int before = count_open("");
    open_source(&source, 1);
    unwatch(&source);
    close_source(&source);
    check_eq(count_open(""), before); /* nothing was made for that */
    is_told_in_a_wait_under_way();
}

TAP_TEST(watch__is_told_whichever_was_first)
{
    run_in_child(watch_first);
    run_in_child(is_told_in_a_wait_under_way);
    run_in_child(unwatch_first);
}

/* Nobody sleeps in the poller. Whatever happens in it ends at most one wait for each watch, and
 * then the waiter rests. */
static void rests_after(struct source *source, void (*step)(struct source *source), uint32_t most)
{
    struct waiter waiter;
    long before;
    start(&waiter);
    watch(source);
    step(source);
    pass(10 * MS);
    await_asleep(&waiter, 0);
    before = count_sleeps(tpp_load_acquire(&waiter.id));
    pass(10 * MS);
    check_eq(count_sleeps(tpp_load_acquire(&waiter.id)), before);
    check(tpp_load_acquire(&waiter.told) <= most);
    finish(&waiter);
    unwatch(source);
}

static void do_nothing(struct source *source)
{
    (void)source;
}

static void kick_often(struct source *source)
{
    int i;
    for (i = 0; i < 5; i++)
        tpp_poller_kick(source->poller);
}

static void kick_and_look(struct source *source)
{
    int i;
    for (i = 0; i < 5; i++) {
        tpp_poller_kick(source->poller);
        check_eq(look(source), 0);
        watch(source);
    }
}

/* A sleep that an event has ended leaves a timer behind, which expires when nobody is in the
 * poller. */
static void let_a_deadline_pass(struct source *source)
{
    struct tpp_poller_event events[CAPACITY];
    int64_t deadline = tpp_now(TPP_CLOCK_MONOTONIC) + 5 * MS;
    eventfd_t value;
    make_ready(source);
    check_eq(tpp_poller_wait(source->poller, events, CAPACITY, deadline), 1);
    check_eq(eventfd_read(source->descriptor, &value), 0);
    check_eq(look(source), 0);
}

TAP_TEST(watch__waiter_rests_after_a_kick)
{
    struct source source;
    open_source(&source, 0);
    rests_after(&source, do_nothing, 0);
    rests_after(&source, kick_often, 1);
    rests_after(&source, kick_and_look, 6);
    close_source(&source);
}

TAP_TEST(watch__waiter_rests_after_a_deadline)
{
    struct source source;
    open_source(&source, 0);
    rests_after(&source, let_a_deadline_pass, 1);
    close_source(&source);
}

/* The gate watches, is told, looks, and watches again: over an old expiry and an old kick that ends
 * after a turn or two. */
TAP_TEST(watch__after_a_look_an_old_deadline_is_not_told_again)
{
    struct source source;
    int told = 0;
    open_source(&source, 0);
    let_a_deadline_pass(&source);
    pass(10 * MS);
    tpp_poller_kick(source.poller);
    watch(&source);
    tpp_alarm_set(20 * MS);
    while (wait_for_alarm() == TPP_ALARM_READY) {
        told++;
        check_eq(look(&source), 0);
        watch(&source);
    }
    check(told <= 2);
    close_source(&source);
}

/* Watching and unwatching at once with what happens; whoever is told last is told of it. */
static tpp_u32 stop;

static void *watch_and_unwatch(void *memory)
{
    struct source *source = memory;
    while (tpp_load_acquire(&stop) == 0) {
        watch(source);
        unwatch(source);
    }
    return NULL;
}

TAP_TEST(watch__by_many_threads_at_once)
{
    enum { ROUNDS = 200 };
    struct source shared, own;
    struct waiter waiter;
    pthread_t threads[2];
    uint32_t round;
    size_t i;
    open_source(&shared, 1);
    open_source(&own, 1);
    tpp_init(&stop, 0);
    start(&waiter);
    for (i = 0; i < 2; i++)
        check_eq(pthread_create(&threads[i], NULL, watch_and_unwatch, &shared), 0);
    for (round = 0; round < ROUNDS; round++) {
        uint32_t told = tpp_load_acquire(&waiter.told);
        watch(&own);
        while (tpp_load_acquire(&waiter.told) == told)
            (void)sched_yield();
    }
    tpp_store_release(&stop, 1);
    for (i = 0; i < 2; i++)
        check_eq(pthread_join(threads[i], NULL), 0);
    finish(&waiter);
    close_source(&shared);
    close_source(&own);
}

/* ---- where the system does not give what is wanted ----------------------------------------- */

static void cannot_be_watched(struct source *source)
{
    errno = 77;
    check(!tpp_alarm_watch(source->poller));
    tpp_alarm_unwatch(source->poller);
    check_eq(errno, 77);
    check_nothing_for(5 * MS);
    close_source(source);
}

/* What the alarm is made of is decided while no descriptor is to be had: it sleeps on a word. */
static void do_without_a_timer(void)
{
    struct source source;
    rlim_t before;
    open_source(&source, 1);
    before = allow_below(0);
    tpp_alarm_set(TPP_FOREVER);
    (void)allow_below(before);
    cannot_be_watched(&source);
    check_eq(count_open("timerfd"), 0);
}

/* There is one left, or two: the timers have them. */
static void do_with_descriptors(rlim_t count)
{
    struct source source;
    rlim_t before;
    open_source(&source, 1);
    before = allow_more(count);
    check(!tpp_alarm_watch(source.poller));
    (void)allow_below(before);
    cannot_be_watched(&source);
    check_eq(count_open("timerfd"), count);
    check_eq(count_open("eventpoll"), 0);
}

static void do_with_one(void)
{
    do_with_descriptors(1);
}

static void do_with_two(void)
{
    do_with_descriptors(2);
}

TAP_TEST(watch__that_cannot_be_is_false)
{
    run_in_child(do_without_a_timer);
    run_in_child(do_with_one);
    if (tpp_alarm_tells_jumps())
        run_in_child(do_with_two);
}

/* poll refuses, so the waiter naps, and looks. */
static void do_without_poll(void)
{
    struct source source;
    rlim_t before;
    int round;
    open_source(&source, 1);
    watch(&source);
    before = allow_below(0);
    for (round = 0; round < 3; round++) {
        check_eq(wait_for_alarm(), TPP_ALARM_READY);
        check_nothing_for(5 * MS);
        watch(&source);
    }
    (void)allow_below(before);
    close_source(&source);
}

TAP_TEST(watch__is_told_after_descriptors_were_forbidden)
{
    run_in_child(do_without_poll);
}

/* ---- forks --------------------------------------------------------------------------------- */

static struct source inherited;

/* The child has the very descriptors of the parent's poller, and an alarm of its own. */
static void have_an_alarm_of_ones_own(void)
{
    struct source own;
    int before = count_open("timerfd");
    check_eq(before, 0);
    check_eq(count_open("eventpoll"), 1); /* the poller's: that of the alarm is gone */
    tpp_alarm_unwatch(inherited.poller);
    tpp_poller_close(inherited.poller);
    open_source(&own, 1);
    check_nothing_for(5 * MS);
    watch(&own);
    check_eq(wait_for_alarm(), TPP_ALARM_READY);
    unwatch(&own);
    close_source(&own);
}

TAP_TEST(watch__of_the_parent_is_not_touched_by_a_child)
{
    struct waiter waiter;
    open_source(&inherited, 0);
    start(&waiter);
    watch(&inherited);
    run_in_child(have_an_alarm_of_ones_own);
    check_eq(tpp_load_acquire(&waiter.told), 0);
    make_ready(&inherited);
    await_asleep(&waiter, 1);
    finish(&waiter);
    check_eq(tpp_load_acquire(&waiter.told), 1);
    close_source(&inherited);
}

TAP_TEST(watch__descriptor_does_not_pass_to_another_program)
{
    struct source source;
    int i, count = 0;
    open_source(&source, 0);
    watch(&source);
    for (i = 0; i < 100; i++) {
        char path[64], target[64] = "";
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", i);
        if (readlink(path, target, sizeof target - 1) > 0 && strstr(target, "eventpoll") != NULL) {
            check_eq(fcntl(i, F_GETFD), FD_CLOEXEC);
            count++;
        }
    }
    check_eq(count, 2);
    close_source(&source);
}

int main(void)
{
    tap_run(watch__is_told_whichever_was_first); /* while nothing has been used here */
    tap_run(watch__event_that_is_there_already_ends_the_next_wait);
    tap_run(watch__leaves_the_alarm_set);
    tap_run(watch__tells_once_for_each_call);
    tap_run(watch__called_twice_before_a_wait_tells_all_the_same);
    tap_run(watch__tells_nothing_without_an_event);
    tap_run(watch__each_of_several_pollers_is_told_of);
    tap_run(watch__is_undone_by_unwatch);
    tap_run(watch__is_undone_by_closing_the_poller);
    tap_run(watch__of_a_closed_poller_is_over_though_a_child_has_copies);
    tap_run(watch__is_told_in_a_wait_under_way);
    tap_run(watch__waiter_rests_after_a_kick);
    tap_run(watch__waiter_rests_after_a_deadline);
    tap_run(watch__after_a_look_an_old_deadline_is_not_told_again);
    tap_run(watch__by_many_threads_at_once);
    tap_run(watch__that_cannot_be_is_false);
    tap_run(watch__is_told_after_descriptors_were_forbidden);
    tap_run(watch__of_the_parent_is_not_touched_by_a_child);
    tap_run(watch__descriptor_does_not_pass_to_another_program);
    return tap_done();
}
