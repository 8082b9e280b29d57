/* alarm_test.c - the alarm, fibers that compute, and what the simulator tells about threads. */
#include "tests/sim/schedules.h"

static tpp_u32 rings, word;
static tpp_u64 bell_id;
static int64_t start;

static void begin(void)
{
    tpp_init(&rings, 0);
    tpp_init(&word, 0);
    tpp_init(&bell_id, 0);
    start = tpps_now();
}

static void await_rings(uint32_t least)
{
    for (;;) {
        uint32_t now = tpp_load_acquire(&rings);
        if (now >= least)
            return;
        tpp_wait(&rings, now, TPP_FOREVER);
    }
}

static void ring(void)
{
    tpp_add_acq_rel(&rings, 1);
    tpp_wake(&rings, 1);
}

/* What the library's thread for the alarm is like: it never ends. */
static void bell(void *arg)
{
    (void)arg;
    tpp_init(&bell_id, tpp_thread_id());
    for (;;) {
        tpps_check(tpp_alarm_wait() == TPP_ALARM_TIME); /* no clock jumps here */
        ring();
    }
}

static void start_bell(void)
{
    static const struct tpp_thread_options named = {.name = "bell"};
    tpps_check(tpp_thread_start(bell, NULL, &named) == 0);
}

/* ---- the alarm ------------------------------------------------------------------------------- */

static void last_counts(void *arg)
{
    (void)arg;
    begin();
    start_bell();
    tpp_alarm_set(10 * SECOND);
    tpps_sleep(SECOND);
    tpp_alarm_set(SECOND); /* earlier */
    await_rings(1);
    tpps_check(tpps_now() == start + 2 * SECOND);
    tpp_alarm_set(SECOND);
    tpp_alarm_set(20 * SECOND); /* later */
    await_rings(2);
    tpps_check(tpps_now() == start + 22 * SECOND);
    tpp_alarm_set(SECOND);
    tpp_alarm_set(TPP_FOREVER); /* off */
    tpps_sleep(1000 * SECOND);
    tpps_check(tpp_load_acquire(&rings) == 2);
    tpps_check(tpp_thread_state(tpp_peek(&bell_id)) == 'S');
    tpp_alarm_set(0);
    tpps_check(tpp_peek(&rings) == 3 || tpp_thread_state(tpp_peek(&bell_id)) == 'R');
    await_rings(3);
    tpps_check(tpps_now() == start + 1022 * SECOND);
    tpp_alarm_set(-5);
    await_rings(4);
    tpps_check(tpps_now() == start + 1022 * SECOND);
}

TAP_TEST(alarm__the_last_set_counts_and_ends_one_wait_at_its_time)
{
    passes_once(last_counts);
    check_eq(result.fault_points, 1); /* the thread: nothing else can fail */
    check_eq(result.fibers_left, 0);
    check_eq(result.clock_ns, 2022 * SECOND);
}

static void kept(void *arg)
{
    (void)arg;
    begin();
    tpp_alarm_set(5 * SECOND);
    tpps_sleep(SECOND);
    start_bell();
    await_rings(1);
    tpps_check(tpps_now() == start + 5 * SECOND);
    tpps_sleep(100 * SECOND);
    tpps_check(tpp_load_acquire(&rings) == 1);
}

static void due_before_the_wait(void *arg)
{
    (void)arg;
    begin();
    tpp_alarm_set(5 * SECOND);
    tpps_sleep(6 * SECOND);
    start_bell();
    await_rings(1);
    tpps_check(tpps_now() == start + 6 * SECOND);
}

TAP_TEST(alarm__set_while_nobody_waits_is_kept)
{
    passes_once(kept);
    passes_once(due_before_the_wait);
}

/* The contract as a model: when the alarm is due, and whether a time has come that no wait has
 * returned for yet because the alarm was set again just then. */
static tpp_u64 due, came;
static void model_bell(void *arg)
{
    (void)arg;
    for (;;) {
        bool now_due;
        tpps_check(tpp_alarm_wait() == TPP_ALARM_TIME); /* no clock jumps here */
        now_due = (int64_t)tpp_peek(&due) <= tpps_now();
        tpps_check(now_due || tpp_peek(&came) != 0);
        saw(now_due ? 1 : 2);
        if (now_due)
            tpp_init(&due, (uint64_t)TPP_FOREVER);
        tpp_init(&came, 0);
        ring();
    }
}

static void model_set(int64_t delay)
{
    int64_t then;
    tpp_alarm_set(delay);
    then = (int64_t)tpp_peek(&due);
    if (then <= tpps_now()) {
        tpp_init(&came, 1);
        saw(4);
    }
    tpp_init(&due, (uint64_t)(delay == TPP_FOREVER ? TPP_FOREVER : tpps_now() + delay));
}

static void sets_now_and_then(void *arg)
{
    static const int64_t delays[] = {1, 2, 7, TPP_FOREVER, 100};
    (void)arg;
    for (int i = 0; i < 12; i++) {
        model_set(delays[tpps_choose(5)]);
        if (tpps_choose(2) != 0)
            tpps_sleep(1 + tpps_choose(3));
    }
}

static void two_set(void *arg)
{
    tpps_thread thread;
    uint32_t before;
    (void)arg;
    begin();
    tpp_init(&due, (uint64_t)TPP_FOREVER);
    tpp_init(&came, 0);
    tpps_check(tpp_thread_start(model_bell, NULL, NULL) == 0);
    thread = tpps_spawn(sets_now_and_then, NULL);
    sets_now_and_then(NULL);
    tpps_join(thread);
    before = tpp_load_acquire(&rings);
    model_set(SECOND);
    await_rings(before + 1); /* whatever went before, it comes */
}

TAP_TEST(alarm__never_early_never_lost_in_any_order)
{
    passes_seeing(two_set, 7);
}

static void let_bell_park(void)
{
    while (tpp_peek(&bell_id) == 0 || tpp_thread_state(tpp_peek(&bell_id)) != 'S')
        tpps_sleep(1);
}

static void off_when_it_has_come(void *arg)
{
    (void)arg;
    begin();
    start_bell();
    let_bell_park();
    tpp_alarm_set(1);
    tpps_sleep(1);
    tpp_alarm_set(TPP_FOREVER); /* the bell may not have taken a step yet */
    let_bell_park();
    tpps_check(tpp_peek(&rings) <= 1);
    saw(1u << tpp_peek(&rings));
}

TAP_TEST(alarm__set_again_just_then_replaces_it_or_comes_too_late)
{
    passes_seeing(off_when_it_has_come, 3);
}

static void rings_and_settles(void *arg)
{
    (void)arg;
    begin();
    start_bell();
}

static void ticks(void *arg)
{
    for (;;) {
        tpp_alarm_set(7 * SECOND);
        tpps_check(tpp_alarm_wait() == TPP_ALARM_TIME); /* no clock jumps here */
        ring();
    }
    (void)arg;
}

static void ticks_and_settles(void *arg)
{
    (void)arg;
    begin();
    tpps_check(tpp_thread_start(ticks, NULL, NULL) == 0);
    await_rings(1);
}

static void service_left(void *arg)
{
    (void)arg;
    tpp_wait(&word, 0, TPP_FOREVER);
}

static void bell_and_a_service(void *arg)
{
    (void)arg;
    begin();
    start_bell();
    tpps_check(tpp_thread_start(service_left, NULL, NULL) == 0);
    tpps_sleep(SECOND);
    tpps_check(tpps_service_fibers() == 1 && tpps_fibers_parked() == 2);
    tpps_check(tpps_service_fibers_but("bell") == 1 && tpps_service_fibers_but("no") == 2);
}

TAP_TEST(alarm__its_thread_lets_a_run_end)
{
    passes_with((struct tpps_options){.no_fibers_left = true}, rings_and_settles);
    check_eq(result.clock_ns, 1000 * SECOND);
    check_eq(result.fibers_left, 0);
    passes_with((struct tpps_options){.no_fibers_left = true}, ticks_and_settles);
    check_eq(result.clock_ns, 1063 * SECOND); /* 7 s, and what fits into the 60 s to settle */
    passes_once(bell_and_a_service);
    check_eq(result.fibers_left, 1);
}

static void deadlock_beside_a_bell(void *arg)
{
    begin();
    start_bell();
    if (arg == NULL)
        tpp_alarm_set(5 * SECOND);
    for (;;)
        tpp_wait(&word, 0, TPP_FOREVER);
}

TAP_TEST(alarm__a_parked_waiter_hides_no_deadlock)
{
    struct tpps_options options = {.quiet = true};
    fails(deadlock_beside_a_bell, "deadlock");
    check(strstr(tpps_report(), "at the alarm") != NULL);
    check_eq(result.clock_ns, 1005 * SECOND);
    check(!tpps_run(&options, deadlock_beside_a_bell, &word, &result));
    check(strstr(result.message, "deadlock") != NULL);
    check_eq(result.clock_ns, 1000 * SECOND);
}

static void two_bells(void *arg)
{
    (void)arg;
    begin();
    start_bell();
    start_bell();
}

TAP_TEST(alarm__only_one_waits)
{
    fails(two_bells, "two threads wait for the alarm");
}

/* ---- fibers that compute --------------------------------------------------------------------- */

static void hog(void *arg)
{
    (void)arg;
    tpp_store_release(&word, 1);
    tpps_busy(10 * SECOND);
    tpps_check(tpps_now() >= start + 10 * SECOND);
    tpps_busy(0);
}

static void beside_a_hog(void *arg)
{
    tpps_thread thread;
    int64_t used = 0, asleep;
    (void)arg;
    begin();
    thread = tpps_spawn(hog, NULL);
    tpps_sleep(1);
    for (int i = 1; i < 10; i++) {
        int64_t before = used;
        tpps_sleep(SECOND);
        tpps_check(tpps_now() == start + 1 + i * SECOND); /* my deadlines come in time */
        tpps_check(tpp_thread_state(thread) == 'R');
        tpps_check(tpps_fibers_parked() == 0);
        used = tpp_thread_cpu_time(thread);
        tpps_check(used - before >= SECOND && used <= 10 * SECOND);
    }
    asleep = tpp_thread_cpu_time(tpp_thread_id());
    tpps_sleep(SECOND);
    tpps_check(tpp_thread_cpu_time(tpp_thread_id()) - asleep < 1000);
    tpps_join(thread);
    tpps_check(tpps_now() == start + 1 + 10 * SECOND);
    tpps_check(tpp_thread_cpu_time(thread) == -1 && tpp_thread_state(thread) == '?');
}

TAP_TEST(busy__time_passes_for_the_others_and_the_state_says_running)
{
    passes_once(beside_a_hog);
}

static void watches(void *arg)
{
    tpps_thread thread = (tpps_thread)(uintptr_t)arg;
    int64_t used = 0;
    for (int i = 0; i < 8; i++) {
        int64_t now = tpp_thread_cpu_time(thread);
        char state = tpp_thread_state(thread);
        tpps_check(now == -1 || now >= used);
        tpps_check(state == 'R' || state == '?');
        used = now == -1 ? used : now;
        saw(now == -1 ? 1 : now < SECOND ? 2 : now < 20 * SECOND ? 4 : 8);
        tpps_sleep(i % 2 != 0 ? 3 * SECOND : 1);
    }
}

static void watched_hog(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++)
        tpps_busy(5 * SECOND);
}

static void two_hogs_watched(void *arg)
{
    tpps_thread thread[4];
    (void)arg;
    begin();
    for (int i = 0; i < 2; i++) {
        thread[i] = tpps_spawn(watched_hog, NULL);
        thread[2 + i] = tpps_spawn(watches, (void *)(uintptr_t)thread[i]);
    }
    for (int i = 0; i < 4; i++)
        tpps_join(thread[i]);
    tpps_check(tpps_now() >= start + 25 * SECOND); /* both at once, each on a processor */
}

TAP_TEST(busy__processor_time_never_goes_back)
{
    tpp_init(&seen, 0);
    passes(two_hogs_watched);
    check_eq(tpp_peek(&seen) & 6, 6);
}

static void spins(void *arg)
{
    (void)arg;
    while (tpp_load_acquire(&word) == 0)
        tpp_cpu_relax();
}

static void spinner_and_sleeper(void *arg)
{
    tpps_thread thread;
    int64_t before;
    (void)arg;
    begin();
    thread = tpps_spawn(spins, NULL);
    tpps_sleep(1000);
    before = tpp_thread_cpu_time(thread);
    tpps_sleep(1000);
    tpps_check(tpp_thread_cpu_time(thread) > before && tpp_thread_state(thread) == 'R');
    tpps_hide_threads(true);
    tpps_check(tpp_thread_state(thread) == '?' && tpp_thread_cpu_time(thread) > before);
    tpps_hide_threads(false);
    tpps_check(tpp_thread_state(thread) == 'R');
    tpps_check(tpp_thread_cpu_time(9999) == -1 && tpp_thread_state(9999) == '?');
    tpp_store_release(&word, 1);
    tpps_join(thread);
    tpps_hide_threads(true); /* for this run only */
}

TAP_TEST(threads__processor_time_and_hidden_states)
{
    passes(spinner_and_sleeper);
}

static void hogs_in_turn(void *arg)
{
    tpps_thread thread;
    (void)arg;
    begin();
    for (int i = 0; i < TPPS_FIBERS + 5; i++) { /* so that places are used again */
        thread = tpps_spawn(hog, NULL);
        tpps_check(tpp_thread_cpu_time(thread) <= 10 * SECOND);
        tpps_join(thread);
    }
    tpps_check(tpps_now() - start == (TPPS_FIBERS + 5) * 10 * SECOND);
}

TAP_TEST(threads__a_new_one_has_used_no_time)
{
    passes_once(hogs_in_turn);
}

/* ---- processors ------------------------------------------------------------------------------ */

static void changes_cpus(void *arg)
{
    (void)arg;
    tpps_set_cpus(7);
}

static void counts_cpus(void *arg)
{
    tpps_thread thread;
    uint32_t cpus;
    (void)arg;
    tpps_check(tpp_cpu_count() == 2);
    tpps_set_cpus(1);
    tpps_check(tpp_cpu_count() == 1);
    thread = tpps_spawn(changes_cpus, NULL);
    cpus = tpp_cpu_count(); /* reading takes a while: the change may come before or after */
    tpps_check(cpus == 1 || cpus == 7);
    saw(cpus);
    tpps_join(thread);
    tpps_check(tpp_cpu_count() == 7);
    tpps_set_cpus(0);
    tpps_check(tpp_cpu_count() == 1);
}

TAP_TEST(threads__the_count_of_processors_may_change)
{
    passes_seeing(counts_cpus, 7);
}

int main(void)
{
    tap_run(alarm__the_last_set_counts_and_ends_one_wait_at_its_time);
    tap_run(alarm__set_while_nobody_waits_is_kept);
    tap_run(alarm__never_early_never_lost_in_any_order);
    tap_run(alarm__set_again_just_then_replaces_it_or_comes_too_late);
    tap_run(alarm__its_thread_lets_a_run_end);
    tap_run(alarm__a_parked_waiter_hides_no_deadlock);
    tap_run(alarm__only_one_waits);
    tap_run(busy__time_passes_for_the_others_and_the_state_says_running);
    tap_run(busy__processor_time_never_goes_back);
    tap_run(threads__processor_time_and_hidden_states);
    tap_run(threads__a_new_one_has_used_no_time);
    tap_run(threads__the_count_of_processors_may_change);
    return tap_done();
}
