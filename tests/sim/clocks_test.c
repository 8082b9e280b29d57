/* clocks_test.c - clocks that are set, to the ends of time too, and who is told of it. */
#include "tests/sim/schedules.h"

static tpp_u32 word, times, jumps; /* waits for the alarm that ended for the one or the other */
static tpp_u64 told_at;            /* when the last wait ended */
static int64_t start;

static int64_t real(void)
{
    return tpp_now(TPP_CLOCK_REALTIME);
}

static int64_t boot(void)
{
    return tpp_now(TPP_CLOCK_BOOTTIME);
}

/* ---- the ends of time ------------------------------------------------------------------------ */

static void to_the_last(void *arg)
{
    int64_t before = boot();
    (void)arg;
    start = tpps_now();
    tpps_set_realtime(INT64_MAX);
    tpps_check(real() == INT64_MAX);
    tpps_sleep(5);
    tpps_check(real() == INT64_MAX); /* it stands */
    tpps_step_realtime(SECOND);
    tpps_check(real() == INT64_MAX);
    tpps_step_realtime(-5); /* from what it says, not from what it would say */
    tpps_check(real() == INT64_MAX - 5);
    tpps_sleep(3);
    tpps_check(real() == INT64_MAX - 2);
    tpps_sleep(2);
    tpps_check(real() == INT64_MAX);
    tpps_step_realtime(INT64_MIN);
    tpps_check(real() == -1);
    tpps_step_realtime(INT64_MAX);
    tpps_check(real() == INT64_MAX - 1);
    tpps_check(tpps_now() == start + 10 && boot() == before + 10);
}

static void to_the_first(void *arg)
{
    int64_t before = boot();
    (void)arg;
    start = tpps_now();
    tpps_set_realtime(INT64_MIN);
    tpps_check(real() == INT64_MIN);
    tpps_step_realtime(-1);
    tpps_check(real() == INT64_MIN);
    tpps_sleep(7); /* it goes on from there */
    tpps_check(real() == INT64_MIN + 7);
    tpps_step_realtime(-7);
    tpps_check(real() == INT64_MIN);
    tpps_step_realtime(INT64_MAX);
    tpps_check(real() == -1);
    tpps_step_realtime(INT64_MIN);
    tpps_check(real() == INT64_MIN);
    tpps_set_realtime(INT64_MAX); /* further than any step goes */
    tpps_set_realtime(INT64_MIN + 1);
    tpps_check(real() == INT64_MIN + 1);
    tpps_set_realtime(0);
    tpps_sleep(SECOND);
    tpps_check(real() == SECOND);
    tpps_check(tpps_now() == start + 7 + SECOND && boot() == before + 7 + SECOND);
}

static void asleep_to_the_last(void *arg)
{
    (void)arg;
    start = tpps_now();
    tpps_suspend(INT64_MAX - boot() - 10);
    tpps_check(boot() == INT64_MAX - 10 && tpps_now() == start);
    tpps_sleep(4);
    tpps_check(boot() == INT64_MAX - 6);
    tpps_suspend(SECOND);
    tpps_check(boot() == INT64_MAX && tpps_now() == start + 4);
    tpps_set_realtime(-20);
    tpps_suspend(INT64_MAX);
    tpps_check(boot() == INT64_MAX && real() == INT64_MAX - 20);
    tpps_sleep(SECOND);
    tpps_check(boot() == INT64_MAX && real() == INT64_MAX);
    tpps_check(tpps_now() == start + 4 + SECOND);
}

TAP_TEST(clocks__stand_still_at_the_ends_of_time)
{
    static const int64_t starts[] = {0, -(INT64_C(1) << 62), 1, INT64_C(1) << 62};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        struct tpps_options options = {.quiet = true, .clock0 = starts[i]};
        check(tpps_run(&options, to_the_last, NULL, &result));
        check(tpps_run(&options, to_the_first, NULL, &result));
        check(starts[i] < 0 || tpps_run(&options, asleep_to_the_last, NULL, &result));
    }
}

/* More passes than an int64_t counts. */
static void from_first_to_last(void *arg)
{
    (void)arg;
    tpps_set_realtime(INT64_MIN);
    tpps_sleep(INT64_MAX);
    tpps_check(real() == -1);
    tpps_sleep(INT64_MAX - 10);
    tpps_check(tpps_now() == INT64_MAX - 11 && real() == INT64_MAX - 11);
    tpps_check(boot() == INT64_MAX - 11);
    tpps_step_realtime(5);
    tpps_sleep(6);
    tpps_check(real() == INT64_MAX && tpps_now() == INT64_MAX - 5);
}

TAP_TEST(clocks__go_from_one_end_of_time_to_the_other)
{
    struct tpps_options options = {.quiet = true, .clock0 = INT64_MIN};
    check(tpps_run(&options, from_first_to_last, NULL, &result));
    check_eq(result.clock_ns, INT64_MAX - 5);
}

static void are_as_ever(void *arg)
{
    (void)arg;
    tpps_check(real() == INT64_C(1700000000000000000) && boot() == tpps_now());
}

TAP_TEST(clocks__are_set_for_one_run_only)
{
    passes_once(to_the_first);
    passes_once(are_as_ever);
}

/* ---- who is told ----------------------------------------------------------------------------- */

static void begin(void)
{
    tpp_init(&word, 0);
    tpp_init(&times, 0);
    tpp_init(&jumps, 0);
    tpp_init(&told_at, 0);
    start = tpps_now();
}

static void bell(void *arg)
{
    (void)arg;
    for (;;) {
        tpp_u32 *count = tpp_alarm_wait() == TPP_ALARM_CLOCK ? &jumps : &times;
        tpp_init(&told_at, (uint64_t)tpps_now());
        tpp_add_acq_rel(count, 1);
        tpp_wake(count, UINT32_MAX);
    }
}

static void start_bell(void)
{
    tpps_check(tpp_thread_start(bell, NULL, NULL) == 0);
}

static void await(tpp_u32 *count, uint32_t least)
{
    for (;;) {
        uint32_t now = tpp_load_acquire(count);
        if (now >= least)
            return;
        tpp_wait(count, now, TPP_FOREVER);
    }
}

static void told_while_it_waits(void *arg)
{
    (void)arg;
    begin();
    start_bell();
    tpps_sleep(SECOND); /* it waits, and the alarm is off */
    tpps_step_realtime(-5 * SECOND);
    await(&jumps, 1);
    tpps_set_realtime(0);
    await(&jumps, 2);
    tpps_suspend(5 * SECOND);
    await(&jumps, 3);
    tpps_check(tpps_now() == start + SECOND && tpp_peek(&times) == 0);
    tpp_alarm_set(10 * SECOND);
    tpps_sleep(SECOND);
    tpps_step_realtime(1);
    await(&jumps, 4);
    tpps_check(tpps_now() == start + 2 * SECOND); /* early, and the alarm is still set: */
    await(&times, 1);
    tpps_check(tpps_now() == start + 11 * SECOND);
    tpps_sleep(1000 * SECOND);
    tpps_check(tpp_load_acquire(&jumps) == 4 && tpp_load_acquire(&times) == 1);
}

TAP_TEST(jumps__end_the_wait_and_leave_the_alarm_set)
{
    passes_once(told_while_it_waits);
    check_eq(result.fault_points, 1); /* the thread */
}

static void told_afterwards(void *arg)
{
    (void)arg;
    begin();
    tpps_check(tpp_alarm_tells_jumps());
    tpps_step_realtime(SECOND);
    tpps_suspend(SECOND);
    tpps_set_realtime(17);
    tpps_sleep(3 * SECOND);
    start_bell();
    await(&jumps, 1);
    tpps_check(tpps_now() == start + 3 * SECOND);
    tpps_sleep(SECOND);
    tpps_check(tpp_load_acquire(&jumps) == 1); /* all at once */
}

TAP_TEST(jumps__before_the_wait_end_it_once)
{
    passes_once(told_afterwards);
}

static void due_and_jumped(void *arg)
{
    enum tpp_alarm first, second;
    (void)arg;
    tpp_alarm_set(0);
    tpps_step_realtime(1);
    first = tpp_alarm_wait();
    second = tpp_alarm_wait();
    tpps_check(first != second); /* neither hides the other */
    saw(1u << first);
}

TAP_TEST(jumps__and_the_time_are_both_told_in_any_order)
{
    passes_seeing(due_and_jumped, 3);
}

static void hidden(void *arg)
{
    (void)arg;
    begin();
    tpps_check(tpp_alarm_tells_jumps());
    tpps_step_realtime(SECOND);
    tpps_hide_jumps(true); /* also that one */
    tpps_check(!tpp_alarm_tells_jumps());
    start_bell();
    tpps_sleep(SECOND);
    tpps_step_realtime(SECOND);
    tpps_suspend(SECOND);
    tpp_alarm_set(SECOND);
    tpps_set_realtime(0);
    await(&times, 1);
    tpps_check(tpps_now() == start + 2 * SECOND && real() == SECOND);
    tpps_hide_jumps(false); /* what went before was not noticed */
    tpps_sleep(SECOND);
    tpps_check(tpp_load_acquire(&jumps) == 0);
    tpps_check(tpp_alarm_tells_jumps());
    tpps_step_realtime(1);
    await(&jumps, 1);
    tpps_hide_jumps(true); /* for this run */
}

TAP_TEST(jumps__are_not_told_where_the_system_hides_them)
{
    passes_once(hidden);
    passes_once(told_while_it_waits);
}

/* The contract as a model: what has come that no wait has told of yet. */
static tpp_u64 due;
static tpp_u32 came, pending;

static void model_bell(void *arg)
{
    (void)arg;
    for (;;) {
        if (tpp_alarm_wait() == TPP_ALARM_CLOCK) {
            tpps_check(tpp_peek(&pending) != 0);
            tpp_init(&pending, 0);
            saw((int64_t)tpp_peek(&due) <= tpps_now() ? 1 : 2);
            continue;
        }
        if ((int64_t)tpp_peek(&due) <= tpps_now())
            tpp_init(&due, (uint64_t)TPP_FOREVER);
        else
            tpps_check(tpp_peek(&came) != 0);
        tpp_init(&came, 0);
        saw(tpp_peek(&pending) != 0 ? 4 : 8);
    }
}

static void model_set(int64_t delay)
{
    tpp_alarm_set(delay);
    if ((int64_t)tpp_peek(&due) <= tpps_now())
        tpp_init(&came, 1);
    tpp_init(&due, (uint64_t)(tpps_now() + delay));
}

static void model_jump(void)
{
    tpp_init(&pending, 1);
    switch (tpps_choose(3)) {
    case 0:
        tpps_step_realtime(-1);
        break;
    case 1:
        tpps_set_realtime(tpps_now());
        break;
    default:
        tpps_suspend(3);
    }
}

static void sets_and_jumps(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        if (tpps_choose(2) != 0)
            model_set(1 + tpps_choose(4));
        else
            model_jump();
        if (tpps_choose(2) != 0)
            tpps_sleep(1 + tpps_choose(3));
        else
            tpps_point();
    }
}

/* Does not end if anything is lost: the run then fails as one that goes on for ever. */
static void await_all_told(void)
{
    while (tpp_peek(&pending) != 0 || (int64_t)tpp_peek(&due) != TPP_FOREVER)
        tpps_sleep(1);
}

static void two_set_and_jump(void *arg)
{
    tpps_thread thread;
    (void)arg;
    begin();
    tpp_init(&due, (uint64_t)TPP_FOREVER);
    tpp_init(&came, 0);
    tpp_init(&pending, 0);
    tpps_check(tpp_thread_start(model_bell, NULL, NULL) == 0);
    thread = tpps_spawn(sets_and_jumps, NULL);
    sets_and_jumps(NULL);
    tpps_join(thread);
    await_all_told();
}

TAP_TEST(jumps__never_lost_never_made_up_in_any_order)
{
    passes_seeing(two_set_and_jump, 15);
}

static void forks(void *arg)
{
    (void)arg;
    begin();
    start_bell();
    tpps_sleep(SECOND);
    tpps_step_realtime(1); /* the waiter of the parent has not run since, or it has */
    tpps_fork();
    begin();
    start_bell();
    tpps_sleep(SECOND);
    tpps_check(tpp_load_acquire(&jumps) == 0); /* that was the parent's */
    tpps_step_realtime(1);
    await(&jumps, 1);
}

TAP_TEST(jumps__of_the_parent_are_not_told_in_a_forked_child)
{
    passes(forks);
}

/* ---- exact waits ----------------------------------------------------------------------------- */

static void wakes_it(void *arg)
{
    (void)arg;
    tpps_sleep(SECOND);
    tpp_store_release(&word, 1);
    tpp_wake(&word, 1);
}

static void waits_exactly(void *arg)
{
    tpps_thread thread;
    (void)arg;
    begin();
    tpps_check(!tpp_wait_exact(&word, 0, start + 3) && tpps_now() == start + 3);
    tpps_check(!tpp_wait_exact(&word, 0, start));
    tpps_check(tpp_wait_exact(&word, 1, TPP_FOREVER));
    tpps_check(tpps_now() == start + 3);
    thread = tpps_spawn(wakes_it, NULL);
    tpps_check(tpp_wait_exact(&word, 0, start + 5 * SECOND));
    tpps_check(tpps_now() == start + 3 + SECOND);
    tpps_join(thread);
}

static void waits_for_ever(void *arg)
{
    (void)arg;
    begin();
    for (;;)
        tpp_wait_exact(&word, 0, TPP_FOREVER);
}

TAP_TEST(wait__exact_is_as_the_other)
{
    passes_once(waits_exactly);
    fails(waits_for_ever, "deadlock");
    check(strstr(tpps_report(), "in tpp_wait") != NULL);
    check(strstr(tpps_report(), "clocks_test.c") != NULL); /* it says where */
}

int main(void)
{
    tap_run(clocks__stand_still_at_the_ends_of_time);
    tap_run(clocks__go_from_one_end_of_time_to_the_other);
    tap_run(clocks__are_set_for_one_run_only);
    tap_run(jumps__end_the_wait_and_leave_the_alarm_set);
    tap_run(jumps__before_the_wait_end_it_once);
    tap_run(jumps__and_the_time_are_both_told_in_any_order);
    tap_run(jumps__are_not_told_where_the_system_hides_them);
    tap_run(jumps__never_lost_never_made_up_in_any_order);
    tap_run(jumps__of_the_parent_are_not_told_in_a_forked_child);
    tap_run(wait__exact_is_as_the_other);
    return tap_done();
}
