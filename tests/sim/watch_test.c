/* watch_test.c - in the simulator: the alarm tells that a poller has something. */
#include <poll.h>

#include "tests/sim/schedules.h"

static struct tpp_poller *poller, *second;
static tpp_u32 told[3]; /* waits for the alarm that ended for each reason */
static int64_t start;

static uint32_t count(enum tpp_alarm reason)
{
    return tpp_peek(&told[reason]);
}

static void await(enum tpp_alarm reason, uint32_t least)
{
    uint32_t now;
    while ((now = tpp_load_acquire(&told[reason])) < least)
        tpp_wait(&told[reason], now, TPP_FOREVER);
}

static void bell(void *arg)
{
    (void)arg;
    for (;;) {
        enum tpp_alarm reason = tpp_alarm_wait();
        tpp_add_acq_rel(&told[reason], 1);
        tpp_wake(&told[reason], 1);
    }
}

static void prepare(void)
{
    for (int i = 0; i < 3; i++)
        tpp_init(&told[i], 0);
    start = tpps_now();
    tpps_check(tpp_poller_open(&poller) == 0 && tpp_poller_open(&second) == 0);
    for (int i = 3; i < 5; i++)
        tpps_descriptor_open(i, TPPS_STREAM);
    tpps_check(tpp_poller_add(poller, 3, POLLIN, 3) == 0);
    tpps_check(tpp_poller_add(second, 4, POLLIN | TPP_POLL_ONCE, 4) == 0);
}

static void begin(void)
{
    prepare();
    tpps_check(tpp_thread_start(bell, NULL, NULL) == 0);
}

static void end(void)
{
    tpp_poller_close(poller);
    tpp_poller_close(second);
}

/* In many orders, but no deadline passes before its time. */
static void passes_in_time(void (*entry)(void *))
{
    struct tpps_options options = {.quiet = true};
    bool ok = true;
    for (options.seed = 1; options.seed <= SCHEDULES && ok; options.seed++) {
        options.strategy = options.seed % 2 != 0 ? TPPS_PCT : TPPS_RANDOM;
        ok = tpps_run(&options, entry, NULL, &result);
    }
    check(ok);
    if (!ok)
        printf("%s", tpps_report());
}

/* ---- what it tells --------------------------------------------------------------------------- */

static void in_order(void *arg)
{
    (void)arg;
    begin();
    tpp_alarm_set(100 * SECOND);
    tpps_check(tpp_alarm_watch(poller));
    tpps_sleep(SECOND);
    tpps_check(count(TPP_ALARM_READY) == 0); /* nothing is there */
    tpps_descriptor_set_ready(3, POLLOUT);   /* nothing that was asked for */
    tpps_sleep(SECOND);
    tpps_check(count(TPP_ALARM_READY) == 0);
    tpps_descriptor_set_ready(3, POLLIN);
    await(TPP_ALARM_READY, 1);
    tpps_check(tpps_now() == start + 2 * SECOND);
    tpps_descriptor_set_ready(3, 0);
    tpps_descriptor_set_ready(3, POLLIN);
    tpps_sleep(SECOND);
    tpps_check(count(TPP_ALARM_READY) == 1); /* once for each call */
    tpps_check(tpp_alarm_watch(poller));     /* also if there is one already */
    await(TPP_ALARM_READY, 2);
    tpps_check(tpps_now() == start + 3 * SECOND && count(TPP_ALARM_TIME) == 0);
    await(TPP_ALARM_TIME, 1); /* the alarm was set all the while */
    tpps_check(tpps_now() == start + 100 * SECOND && count(TPP_ALARM_CLOCK) == 0);
    end();
}

TAP_TEST(watch__the_alarm_tells_once_that_a_poller_has_something)
{
    passes_once(in_order);
}

static void added_and_modified(void *arg)
{
    struct tpp_poller_event event;
    (void)arg;
    begin();
    tpps_descriptor_set_ready(4, POLLIN);
    tpps_check(tpp_poller_wait(second, &event, 1, 0) == 1);
    tpps_check(tpp_alarm_watch(second));
    tpps_sleep(SECOND);
    tpps_check(count(TPP_ALARM_READY) == 0); /* silent: a wait would find nothing */
    tpps_check(tpp_poller_modify(second, 4, POLLIN, 4) == 0);
    await(TPP_ALARM_READY, 1);
    tpps_check(tpp_poller_remove(second, 4) == 0 && tpp_poller_wait(second, &event, 1, 0) <= 1);
    tpps_check(tpp_alarm_watch(second));
    tpps_sleep(SECOND);
    tpps_check(count(TPP_ALARM_READY) == 1 && tpp_poller_add(second, 4, POLLIN, 4) == 0);
    await(TPP_ALARM_READY, 2);
    tpps_check(tpps_now() == start + 2 * SECOND);
    end();
}

TAP_TEST(watch__also_when_interest_comes_after_the_state)
{
    passes_once(added_and_modified);
}

static void sets_ready(void *arg)
{
    tpps_descriptor_set_ready((int)(uintptr_t)arg, POLLIN);
}

static void watches(void *arg)
{
    tpps_check(tpp_alarm_watch(arg));
}

/* In any order, also with the waiter yet to come. */
static void never_lost(void *arg)
{
    (void)arg;
    begin();
    for (uint32_t i = 1; i <= 4; i++) {
        tpps_thread ready = tpps_spawn(sets_ready, (void *)3);
        tpps_thread watching = tpps_spawn(watches, poller);
        await(TPP_ALARM_READY, i);
        tpps_join(ready);
        tpps_join(watching);
        tpps_descriptor_set_ready(3, 0);
    }
    end();
}

TAP_TEST(watch__it_is_never_lost)
{
    passes(never_lost);
}

static void two_pollers(void *arg)
{
    uint32_t first;
    (void)arg;
    begin();
    sets_ready((void *)3);
    sets_ready((void *)4);
    tpps_sleep(SECOND);
    tpps_check(tpp_alarm_watch(poller) && tpp_alarm_watch(second));
    tpps_sleep(SECOND);
    first = count(TPP_ALARM_READY);
    tpps_check(tpp_alarm_watch(poller) && tpp_alarm_watch(second)); /* it was for both */
    tpps_sleep(SECOND);
    saw(1u << first | 1u << (count(TPP_ALARM_READY) - first));
    end();
}

TAP_TEST(watch__once_may_do_for_several_pollers)
{
    tpp_init(&seen, 0);
    passes_in_time(two_pollers);
    check_eq(tpp_peek(&seen), 1 << 1 | 1 << 2);
}

static void time_and_poller(void *arg)
{
    (void)arg;
    begin();
    tpps_check(tpp_alarm_watch(poller));
    tpp_alarm_set(0);
    tpps_step_realtime(SECOND);
    sets_ready((void *)3);
    await(TPP_ALARM_READY, 1); /* each is told of */
    saw(count(TPP_ALARM_TIME) == 0 ? 1 : 2);
    saw(count(TPP_ALARM_CLOCK) == 0 ? 4 : 8);
    await(TPP_ALARM_TIME, 1);
    await(TPP_ALARM_CLOCK, 1);
    end();
}

TAP_TEST(watch__beside_the_time_and_a_jump)
{
    passes_seeing(time_and_poller, 15);
}

/* ---- what it need not tell ------------------------------------------------------------------- */

static void undone(void *arg)
{
    (void)arg;
    begin();
    tpps_check(tpp_alarm_watch(poller));
    tpp_alarm_unwatch(poller);
    tpp_alarm_unwatch(second); /* which nobody watches */
    sets_ready((void *)3);
    tpps_sleep(100 * SECOND);
    tpps_check(count(TPP_ALARM_READY) == 0);
    tpps_check(tpp_alarm_watch(poller));
    tpp_alarm_unwatch(poller);
    tpps_sleep(100 * SECOND);
    tpps_check(tpp_alarm_watch(second));
    end();
    sets_ready((void *)4);
    tpps_sleep(100 * SECOND);
    saw(1u << count(TPP_ALARM_READY)); /* the former was on its way, or not */
    tpps_check(count(TPP_ALARM_READY) <= 1);
}

/* It was to be told, and nobody has waited yet. */
static void undone_in_time(void *arg)
{
    (void)arg;
    prepare();
    sets_ready((void *)4);
    tpps_check(tpp_alarm_watch(second));
    end();
    tpps_check(tpp_thread_start(bell, NULL, NULL) == 0);
    tpps_sleep(SECOND);
    saw(1u << count(TPP_ALARM_READY));
}

TAP_TEST(watch__it_is_undone_by_unwatch_and_by_closing_the_poller)
{
    passes_seeing(undone, 3);
    tpp_init(&seen, 0);
    passes_in_time(undone_in_time);
    check_eq(tpp_peek(&seen), 3);
}

static void for_nothing(void *arg)
{
    struct tpp_poller_event event;
    (void)arg;
    begin();
    tpps_check(tpp_alarm_watch(poller));
    tpp_poller_kick(poller);
    tpps_sleep(100 * SECOND);
    saw(1u << count(TPP_ALARM_READY)); /* to one outside it may look like an event */
    tpps_check(count(TPP_ALARM_READY) <= 1 && tpp_poller_wait(poller, &event, 1, 0) == 0);
    tpps_check(tpp_alarm_watch(poller));
    sets_ready((void *)3);
    await(TPP_ALARM_READY, 1);
    tpps_descriptor_set_ready(3, 0); /* before whoever was told can see it */
    end();
}

TAP_TEST(watch__it_may_come_for_nothing)
{
    passes_seeing(for_nothing, 3);
}

static void cannot(void *arg)
{
    (void)arg;
    begin();
    tpps_hide_watch(true);
    tpps_check(!tpp_alarm_watch(poller));
    sets_ready((void *)3);
    tpps_sleep(100 * SECOND);
    tpps_check(count(TPP_ALARM_READY) == 0);
    tpp_alarm_unwatch(poller);
    tpps_hide_watch(false);
    tpps_check(tpp_alarm_watch(poller));
    await(TPP_ALARM_READY, 1);
    tpps_hide_watch(true); /* for this run only */
    end();
}

TAP_TEST(watch__the_system_may_not_be_able_to)
{
    passes(cannot);
}

static void forks(void *arg)
{
    (void)arg;
    begin();
    tpps_check(tpp_alarm_watch(poller) && tpp_alarm_watch(second));
    sets_ready((void *)3);
    tpps_fork();
    for (int i = 0; i < 3; i++)
        tpp_init(&told[i], 0);
    tpps_check(tpp_thread_start(bell, NULL, NULL) == 0);
    sets_ready((void *)4);
    tpps_sleep(100 * SECOND);
    tpps_check(count(TPP_ALARM_READY) == 0);
    end();
}

TAP_TEST(watch__a_child_watches_nothing)
{
    passes(forks);
}

static void refused_once(void *arg)
{
    (void)arg;
    prepare(); /* four calls that may fail */
    tpps_check(!tpp_alarm_watch(poller));
    tpps_check(tpp_alarm_watch(poller));
    end();
}

TAP_TEST(watch__or_not_this_time)
{
    struct tpps_options options = {.quiet = true, .fail_nth = 5};
    check(tpps_run(&options, refused_once, NULL, NULL));
}

static void closed(void *arg)
{
    (void)arg;
    begin();
    end();
    tpp_alarm_watch(poller);
}

TAP_TEST(watch__a_closed_poller_cannot_be_watched)
{
    fails(closed, "use of a closed poller");
}

int main(void)
{
    tap_run(watch__the_alarm_tells_once_that_a_poller_has_something);
    tap_run(watch__also_when_interest_comes_after_the_state);
    tap_run(watch__it_is_never_lost);
    tap_run(watch__once_may_do_for_several_pollers);
    tap_run(watch__beside_the_time_and_a_jump);
    tap_run(watch__it_is_undone_by_unwatch_and_by_closing_the_poller);
    tap_run(watch__it_may_come_for_nothing);
    tap_run(watch__the_system_may_not_be_able_to);
    tap_run(watch__or_not_this_time);
    tap_run(watch__a_child_watches_nothing);
    tap_run(watch__a_closed_poller_cannot_be_watched);
    return tap_done();
}
