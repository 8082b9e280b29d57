/* alarm_test.c - the alarm of the process, on timerfds and where there are none. */
#define _GNU_SOURCE
#include "core/os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/timex.h>

#include "tests/core/os/child.h"

#define MS INT64_C(1000000)
#define HOUR (3600 * 1000 * MS)

/* How many it is made of where descriptors are to be had. */
static int all_timers(void)
{
    return tpp_alarm_tells_jumps() ? 2 : 1;
}

/* The clock may be set by others at any time. */
static void wait_for_time(void)
{
    while (tpp_alarm_wait() == TPP_ALARM_CLOCK)
        check(tpp_alarm_tells_jumps());
}

/* Fails if the wait is over before `ns` after `since`. */
static void wait_from(int64_t since, int64_t ns)
{
    wait_for_time();
    check(tpp_now(TPP_CLOCK_MONOTONIC) - since >= ns);
}

static int64_t set(int64_t ns)
{
    int64_t now = tpp_now(TPP_CLOCK_MONOTONIC);
    errno = 77;
    tpp_alarm_set(ns);
    check_eq(errno, 77);
    return now;
}

/* ---- the thread that waits ----------------------------------------------------------------- */

struct waiter {
    pthread_t thread;
    tpp_u32 id;   /* set once it runs */
    tpp_u32 over; /* how many waits are over */
    int waits;
    int64_t returned; /* from the last wait */
};

static void *wait_often(void *memory)
{
    struct waiter *waiter = memory;
    int round;
    tpp_store_release(&waiter->id, (uint32_t)tpp_thread_id());
    errno = 77;
    for (round = 0; round < waiter->waits; round++) {
        wait_for_time();
        waiter->returned = tpp_now(TPP_CLOCK_MONOTONIC);
        (void)tpp_add_acq_rel(&waiter->over, 1);
    }
    check_eq(errno, 77);
    return NULL;
}

static void start(struct waiter *waiter, int waits)
{
    memset(waiter, 0, sizeof *waiter);
    waiter->waits = waits;
    require(pthread_create(&waiter->thread, NULL, wait_often, waiter) == 0);
    while (tpp_load_acquire(&waiter->id) == 0)
        (void)sched_yield();
}

/* Returns when the waiter sleeps after that many waits. */
static void await_sleep(struct waiter *waiter, uint32_t over)
{
    while (tpp_load_acquire(&waiter->over) < over ||
           tpp_thread_state(tpp_load_acquire(&waiter->id)) != 'S')
        (void)usleep(500);
}

static int64_t join(struct waiter *waiter)
{
    check_eq(pthread_join(waiter->thread, NULL), 0);
    return waiter->returned;
}

/* ---- what holds for both kinds ------------------------------------------------------------- */

static void is_never_early(void)
{
    static const int64_t delays[] = {1, 1000, MS / 3, 5 * MS, 40 * MS};
    size_t i;
    for (i = 0; i < sizeof delays / sizeof delays[0]; i++)
        wait_from(set(delays[i]), delays[i]);
}

static void of_no_delay_ends_the_next_wait(void)
{
    set(0);
    wait_for_time();
    set(-5 * MS);
    wait_for_time();
    set(INT64_MIN);
    wait_for_time();
}

static void set_later_replaces_the_earlier(void)
{
    int64_t since;
    set(3 * MS);
    since = set(50 * MS);
    wait_from(since, 50 * MS);
    set(0);
    pass(5 * MS); /* it is due by now, but has not ended a wait */
    since = set(50 * MS);
    wait_from(since, 50 * MS);
}

static void set_earlier_ends_a_wait_begun_before(void)
{
    struct waiter waiter;
    int64_t since;
    set(HOUR);
    start(&waiter, 1);
    await_sleep(&waiter, 0);
    since = set(10 * MS);
    check(join(&waiter) - since >= 10 * MS);
}

static void set_first_during_a_wait_ends_it(void)
{
    struct waiter waiter;
    int64_t since;
    start(&waiter, 1);
    await_sleep(&waiter, 0);
    since = set(10 * MS);
    check(join(&waiter) - since >= 10 * MS);
}

static void is_off_after_it_ended_a_wait(void)
{
    struct waiter waiter;
    int64_t since;
    start(&waiter, 2);
    set(0);
    await_sleep(&waiter, 1);
    pass(10 * MS);
    since = set(30 * MS);
    check(join(&waiter) - since >= 30 * MS);
}

static void set_to_forever_is_off(void)
{
    struct waiter waiter;
    int64_t since;
    set(15 * MS);
    set(TPP_FOREVER);
    start(&waiter, 1);
    pass(30 * MS);
    set(TPP_FOREVER - 1);
    pass(5 * MS);
    since = set(30 * MS);
    check(join(&waiter) - since >= 30 * MS);
}

/* The waiter falls asleep just when the next set comes. */
static void set_again_and_again_loses_nothing(void)
{
    enum { ROUNDS = 3000 };
    struct waiter waiter;
    uint32_t round;
    start(&waiter, ROUNDS);
    for (round = 0; round < ROUNDS; round++) {
        tpp_alarm_set(0);
        while (tpp_load_acquire(&waiter.over) == round)
            (void)sched_yield();
    }
    (void)join(&waiter);
}

static void (*const scenarios[])(void) = {
    is_never_early,
    of_no_delay_ends_the_next_wait,
    set_later_replaces_the_earlier,
    set_earlier_ends_a_wait_begun_before,
    set_first_during_a_wait_ends_it,
    is_off_after_it_ended_a_wait,
    set_to_forever_is_off,
    set_again_and_again_loses_nothing,
};

TAP_TEST(alarm__is_never_early)
{
    is_never_early();
    check_eq(count_open("timerfd"), all_timers());
}

TAP_TEST(alarm__of_no_delay_ends_the_next_wait)
{
    of_no_delay_ends_the_next_wait();
}

TAP_TEST(alarm__set_later_replaces_the_earlier)
{
    set_later_replaces_the_earlier();
}

TAP_TEST(alarm__set_earlier_ends_a_wait_begun_before)
{
    set_earlier_ends_a_wait_begun_before();
}

TAP_TEST(alarm__set_first_during_a_wait_ends_it)
{
    set_first_during_a_wait_ends_it();
}

TAP_TEST(alarm__is_off_after_it_ended_a_wait)
{
    is_off_after_it_ended_a_wait();
}

TAP_TEST(alarm__set_to_forever_is_off)
{
    set_to_forever_is_off();
    check_eq(count_open("timerfd"), all_timers());
}

TAP_TEST(alarm__set_again_and_again_loses_nothing)
{
    set_again_and_again_loses_nothing();
}

/* What it is made of is decided at the first use, while no descriptor is to be had. */
static void do_without_a_timer(void)
{
    rlim_t before = allow_below(0);
    size_t i;
    set(TPP_FOREVER);
    (void)allow_below(before);
    errno = 77;
    check(!tpp_alarm_tells_jumps());
    check_eq(errno, 77);
    for (i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        scenarios[i]();
    check_eq(count_open("timerfd"), 0);
}

TAP_TEST(alarm__keeps_its_word_where_no_timer_can_be_had)
{
    run_in_child(do_without_a_timer);
}

/* There is one descriptor left: the alarm has it, and nothing tells of jumps. */
static void do_with_one_timer(void)
{
    rlim_t before = allow_more(1);
    size_t i;
    errno = 77;
    check(!tpp_alarm_tells_jumps());
    check_eq(errno, 77);
    (void)allow_below(before);
    check_eq(count_open("timerfd"), 1);
    for (i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        scenarios[i]();
}

TAP_TEST(alarm__keeps_its_word_with_the_last_descriptor)
{
    run_in_child(do_with_one_timer);
}

/* poll refuses, so the waiter naps. Whether a thread sleeps is not to be seen without a descriptor,
 * so these are the scenarios that need not know. */
static void do_without_poll(void)
{
    rlim_t before;
    set(TPP_FOREVER);
    before = allow_below(0);
    is_never_early();
    of_no_delay_ends_the_next_wait();
    set_later_replaces_the_earlier();
    set_to_forever_is_off();
    (void)allow_below(before);
    check_eq(count_open("timerfd"), all_timers());
}

TAP_TEST(alarm__keeps_its_word_after_descriptors_were_forbidden)
{
    run_in_child(do_without_poll);
}

/* ---- first use, and forks ------------------------------------------------------------------ */

/* Threads that begin at the same moment. */
static tpp_u32 begun;

static void meet(void)
{
    (void)tpp_add_acq_rel(&begun, 1);
    while (tpp_load_acquire(&begun) < 4)
        tpp_cpu_relax();
}

static void *set_at_once(void *unused)
{
    (void)unused;
    meet();
    tpp_alarm_set(MS);
    return NULL;
}

static void *ask_at_once(void *tells)
{
    meet();
    *(bool *)tells = tpp_alarm_tells_jumps();
    return NULL;
}

static void use_first_on_four_threads(void)
{
    pthread_t others[3];
    bool tells = false;
    size_t i;
    check_eq(count_open("timerfd"), 0);
    for (i = 0; i < 3; i++)
        check_eq(pthread_create(&others[i], NULL, i < 2 ? set_at_once : ask_at_once, &tells), 0);
    meet();
    wait_for_time();
    for (i = 0; i < 3; i++)
        check_eq(pthread_join(others[i], NULL), 0);
    check_eq(tells, tpp_alarm_tells_jumps());
    check_eq(count_open("timerfd"), all_timers());
}

TAP_TEST(alarm__first_used_by_many_is_one)
{
    int round;
    for (round = 0; round < 20; round++)
        run_in_child(use_first_on_four_threads);
}

static void have_an_alarm_of_ones_own(void)
{
    check_eq(count_open("timerfd"), 0);
    wait_from(set(MS), MS);
    check_eq(count_open("timerfd"), all_timers());
    set(0);
}

TAP_TEST(alarm__of_a_forked_child_is_its_own)
{
    struct waiter waiter;
    int64_t since;
    set(TPP_FOREVER);
    start(&waiter, 1);
    await_sleep(&waiter, 0);
    run_in_child(have_an_alarm_of_ones_own);
    pass(5 * MS);
    check_eq(tpp_load_acquire(&waiter.over), 0);
    since = set(30 * MS);
    check(join(&waiter) - since >= 30 * MS);
    check_eq(count_open("timerfd"), all_timers());
}

/* ---- jumps of the clocks ------------------------------------------------------------------- */

/* What the system says of the timer on CLOCK_REALTIME this process has open. */
static bool describe_jumps_timer(char *text, size_t size)
{
    int descriptor;
    for (descriptor = 0; descriptor < 100; descriptor++) {
        char path[64];
        FILE *file;
        size_t length;
        (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", descriptor);
        file = fopen(path, "r");
        if (file == NULL)
            continue;
        length = fread(text, 1, size - 1, file);
        (void)fclose(file);
        text[length] = 0;
        if (strstr(text, "clockid: 0\n") != NULL) {
            check((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
            return true;
        }
    }
    return false;
}

/* Cancelled by a jump, and else not before the year 2200. */
static void check_armed(void)
{
    char text[512];
    const char *left;
    require(describe_jumps_timer(text, sizeof text));
    check(strstr(text, "settime flags: 03\n") != NULL);
    left = strstr(text, "it_value: (");
    require(left != NULL);
    check(atoll(left + strlen("it_value: (")) > 180LL * 365 * 86400);
}

TAP_TEST(alarm__timer_that_tells_of_jumps_has_no_time_of_its_own)
{
    char text[512];
    set(TPP_FOREVER);
    if (!tpp_alarm_tells_jumps())
        tap_skip("this system does not tell of jumps");
    if (!describe_jumps_timer(text, sizeof text))
        tap_skip("this system does not describe its timers");
    check_armed();
}

/* Steps the wall clock by a nanosecond, forth and back in turn. The kernel calls that setting it.
 * The unit of its steps is a state of the clock, and is put back. */
static bool jump(void)
{
    static bool back;
    struct timex now = {.modes = 0};
    struct timex step = {.modes = ADJ_SETOFFSET | ADJ_NANO,
                         .time = {.tv_sec = back ? -1 : 0, .tv_usec = back ? 999999999 : 1}};
    struct timex unit = {.modes = ADJ_MICRO};
    if (clock_adjtime(CLOCK_REALTIME, &now) < 0 || clock_adjtime(CLOCK_REALTIME, &step) < 0)
        return false;
    if ((now.status & STA_NANO) == 0)
        check(clock_adjtime(CLOCK_REALTIME, &unit) >= 0);
    back = !back;
    return true;
}

/* Only if whoever runs the test says so: every process of the machine that asks to be told is told,
 * and the kernel takes its clock for one that nobody keeps right. Two steps, so that the clock is
 * left as it was. */
static bool may_jump(void)
{
    return getenv("TP_TEST_MAY_SET_CLOCK") && tpp_alarm_tells_jumps() && jump() && jump();
}

/* A step that was let go before may still be on its way: until nothing more is told. */
static void forget_jumps(void)
{
    do
        set(20 * MS);
    while (tpp_alarm_wait() == TPP_ALARM_CLOCK);
}

static const char no_jumps[] =
    "the clock is set only with TP_TEST_MAY_SET_CLOCK in the environment, and where allowed";

TAP_TEST(alarm__jump_ends_the_next_wait_and_leaves_the_alarm_set)
{
    int round;
    int64_t since;
    if (!may_jump())
        tap_skip(no_jumps);
    forget_jumps();
    for (round = 0; round < 10; round++) { /* off: nothing else could end it */
        check(jump());
        check_eq(tpp_alarm_wait(), TPP_ALARM_CLOCK);
        check_armed();
    }
    since = set(30 * MS);
    check(jump() && jump());
    check_eq(tpp_alarm_wait(), TPP_ALARM_CLOCK);
    wait_from(since, 30 * MS);
    set(0);
    check(jump() && jump());
    pass(MS);
    check_eq(tpp_alarm_wait(), TPP_ALARM_CLOCK);
    wait_for_time(); /* due all the while */
}

static tpp_u32 jumps_told, look_id;

static void *look_for_jumps(void *unused)
{
    (void)unused;
    tpp_store_release(&look_id, (uint32_t)tpp_thread_id());
    errno = 77;
    while (tpp_alarm_wait() == TPP_ALARM_CLOCK)
        (void)tpp_add_acq_rel(&jumps_told, 1);
    check_eq(errno, 77);
    return NULL;
}

/* Each of the jumps finds the waiter asleep, with the alarm off. */
static void jumps_end_waits(void)
{
    enum { ROUNDS = 50 };
    pthread_t thread;
    uint32_t round;
    tpp_init(&jumps_told, 0);
    tpp_init(&look_id, 0);
    forget_jumps();
    check_eq(pthread_create(&thread, NULL, look_for_jumps, NULL), 0);
    for (round = 0; round < ROUNDS; round++) {
        while (tpp_load_acquire(&look_id) == 0 ||
               tpp_thread_state(tpp_load_acquire(&look_id)) != 'S')
            (void)sched_yield();
        check(jump());
        while (tpp_load_acquire(&jumps_told) <= round)
            (void)sched_yield();
    }
    set(0);
    check_eq(pthread_join(thread, NULL), 0);
}

TAP_TEST(alarm__jump_ends_a_wait_each_time)
{
    if (!may_jump())
        tap_skip(no_jumps);
    jumps_end_waits();
}

/* Both are told, by timers of their own. */
TAP_TEST(alarm__jump_is_told_to_parent_and_child)
{
    if (!may_jump())
        tap_skip(no_jumps);
    forget_jumps();
    run_in_child(jumps_end_waits);
    check_eq(tpp_alarm_wait(), TPP_ALARM_CLOCK);
    check_eq(count_open("timerfd"), 2);
}

static void be_told_nothing(void)
{
    int64_t since;
    do_with_one_timer();
    since = set(30 * MS);
    check(jump() && jump());
    check_eq(tpp_alarm_wait(), TPP_ALARM_TIME); /* not before, and for no jump: */
    check(tpp_now(TPP_CLOCK_MONOTONIC) - since >= 30 * MS);
}

TAP_TEST(alarm__jump_is_not_told_where_nothing_tells_of_it)
{
    if (!may_jump())
        tap_skip(no_jumps);
    run_in_child(be_told_nothing);
}

/* The waiter naps and looks: it is told later, but told, also if it has looked before. */
static void be_told_without_poll(void)
{
    pthread_t thread;
    rlim_t before;
    tpp_init(&jumps_told, 0);
    forget_jumps();
    before = allow_below(0);
    check_eq(pthread_create(&thread, NULL, look_for_jumps, NULL), 0);
    pass(10 * MS);
    check(jump() && jump());
    while (tpp_load_acquire(&jumps_told) == 0)
        (void)sched_yield();
    set(0);
    check_eq(pthread_join(thread, NULL), 0);
    (void)allow_below(before);
}

TAP_TEST(alarm__jump_is_told_after_descriptors_were_forbidden)
{
    if (!may_jump())
        tap_skip(no_jumps);
    run_in_child(be_told_without_poll);
}

int main(void)
{
    tap_run(alarm__is_never_early);
    tap_run(alarm__of_no_delay_ends_the_next_wait);
    tap_run(alarm__set_later_replaces_the_earlier);
    tap_run(alarm__set_earlier_ends_a_wait_begun_before);
    tap_run(alarm__set_first_during_a_wait_ends_it);
    tap_run(alarm__is_off_after_it_ended_a_wait);
    tap_run(alarm__set_to_forever_is_off);
    tap_run(alarm__set_again_and_again_loses_nothing);
    tap_run(alarm__keeps_its_word_where_no_timer_can_be_had);
    tap_run(alarm__keeps_its_word_with_the_last_descriptor);
    tap_run(alarm__keeps_its_word_after_descriptors_were_forbidden);
    tap_run(alarm__first_used_by_many_is_one);
    tap_run(alarm__of_a_forked_child_is_its_own);
    tap_run(alarm__timer_that_tells_of_jumps_has_no_time_of_its_own);
    tap_run(alarm__jump_ends_the_next_wait_and_leaves_the_alarm_set);
    tap_run(alarm__jump_ends_a_wait_each_time);
    tap_run(alarm__jump_is_told_to_parent_and_child);
    tap_run(alarm__jump_is_not_told_where_nothing_tells_of_it);
    tap_run(alarm__jump_is_told_after_descriptors_were_forbidden);
    return tap_done();
}
