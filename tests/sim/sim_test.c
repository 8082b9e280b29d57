/* sim_test.c - threads, clocks, memory, hooks and tokens of the simulator do what sim.h says. */
#include <errno.h>
#include <pthread.h>

#include "core/os/sim/sim.h"
#include "tests/support/tap.h"

#define SECOND INT64_C(1000000000)

static struct tpps_options options;
static struct tpps_result result;
static tpp_u32 word, other, first_woken;
static uint32_t count, first;

/* Runs with `options` as the test left them, afterwards back to plain ones. */
static bool run(void (*entry)(void *))
{
    bool ok;
    options.quiet = true;
    tpp_init(&word, 0);
    tpp_init(&other, 0);
    ok = tpps_run(&options, entry, NULL, &result);
    options = (struct tpps_options){0};
    return ok;
}

static void must_pass(void (*entry)(void *))
{
    bool ok = run(entry);
    check(ok);
    if (!ok)
        printf("%s", tpps_report());
}

static void must_fail(void (*entry)(void *), const char *message)
{
    check(!run(entry));
    check(strstr(result.message, message) != NULL);
    if (strstr(result.message, message) == NULL)
        printf("# said: %s\n", result.message);
}

/* ---- clocks ---------------------------------------------------------------------------------- */

static void clocks(void *arg)
{
    int64_t mono = tpp_now(TPP_CLOCK_MONOTONIC), real = tpp_now(TPP_CLOCK_REALTIME);
    int64_t boot = tpp_now(TPP_CLOCK_BOOTTIME);
    (void)arg;
    tpps_sleep(5 * SECOND);
    tpps_check(tpp_now(TPP_CLOCK_MONOTONIC) == mono + 5 * SECOND);
    tpps_check(tpp_now(TPP_CLOCK_REALTIME) == real + 5 * SECOND);
    tpps_check(tpp_now(TPP_CLOCK_BOOTTIME) == boot + 5 * SECOND);
    tpps_step_realtime(-100 * SECOND);
    tpps_check(tpp_now(TPP_CLOCK_REALTIME) == real - 95 * SECOND);
    tpps_suspend(7 * SECOND);
    tpps_check(tpp_now(TPP_CLOCK_MONOTONIC) == mono + 5 * SECOND);
    tpps_check(tpp_now(TPP_CLOCK_BOOTTIME) == boot + 12 * SECOND);
    tpps_check(tpp_now(TPP_CLOCK_REALTIME) == real - 88 * SECOND);
}

TAP_TEST(sim__clocks_go_only_when_all_sleep)
{
    must_pass(clocks);
    check_eq(result.clock_ns, 1005 * SECOND);
    options.clock0 = (INT64_C(1) << 62) + 12345;
    must_pass(clocks);
    check_eq(result.clock_ns, (INT64_C(1) << 62) + 12345 + 5 * SECOND);
}

static void deadlines(void *arg)
{
    int64_t start = tpps_now();
    (void)arg;
    tpps_check(!tpp_wait(&word, 0, start + 3));
    tpps_check(tpps_now() == start + 3);
    tpps_check(!tpp_wait(&word, 0, start));      /* already over */
    tpps_check(tpp_wait(&word, 1, TPP_FOREVER)); /* another value: at once */
    tpps_check(tpps_now() == start + 3);
}

TAP_TEST(sim__wait_ends_exactly_at_its_deadline)
{
    must_pass(deadlines);
}

static void sleeper(void *arg)
{
    (void)arg;
    tpps_sleep(SECOND);
    tpp_store_relaxed(&word, 1);
}

static void two_sleepers(void *arg)
{
    tpps_thread thread = tpps_spawn(sleeper, NULL);
    (void)arg;
    for (int i = 0; i < 100; i++)
        tpps_point();
    if (tpp_load_relaxed(&word) != 0)
        count++;
    tpps_join(thread);
}

TAP_TEST(sim__deadlines_pass_early_only_if_asked_to)
{
    count = 0;
    for (uint64_t seed = 1; seed < 200; seed++) {
        options.seed = seed;
        must_pass(two_sleepers);
    }
    check_eq(count, 0);
    for (uint64_t seed = 1; seed < 200; seed++) {
        options.seed = seed;
        options.early = 30;
        must_pass(two_sleepers);
    }
    check(count > 50);
}

/* ---- waking ---------------------------------------------------------------------------------- */

static void waiter(void *arg)
{
    while (tpp_load_acquire(&word) == 0)
        if (tpp_wait(&word, 0, TPP_FOREVER) && tpp_peek(&first_woken) == 0)
            tpp_init(&first_woken, (uint32_t)(uintptr_t)arg);
}

static void wake_three(void *arg)
{
    tpps_thread thread[3];
    (void)arg;
    tpp_init(&first_woken, 0);
    for (uintptr_t i = 0; i < 3; i++)
        thread[i] = tpps_spawn(waiter, (void *)(i + 1));
    tpps_sleep(1);
    tpps_check(tpps_fibers_parked() == 3);
    tpp_wake(&word, 1);
    tpps_sleep(1);
    if (tpp_peek(&first_woken) != 0)
        count |= 1u << tpp_peek(&first_woken);
    tpp_store_release(&word, 1);
    tpp_wake(&word, 3);
    for (int i = 0; i < 3; i++)
        tpps_join(thread[i]);
}

TAP_TEST(sim__wake_takes_any_sleeper)
{
    count = 0;
    for (uint64_t seed = 1; seed < 100; seed++) {
        options.seed = seed;
        must_pass(wake_three);
    }
    check_eq(count, 14);
}

static void only_spurious(void *arg)
{
    (void)arg;
    while (tpp_wait(&word, 0, TPP_FOREVER) && ++count < 3)
        continue;
}

TAP_TEST(sim__waits_end_for_nothing_only_if_asked_to)
{
    count = 0;
    must_fail(only_spurious, "deadlock");
    check_eq(count, 0);
    options.spurious = 1;
    must_pass(only_spurious);
    check_eq(count, 3);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void at_exit(void *value)
{
    tpps_check(tpp_local() == value);
    count += *(uint32_t *)value;
}

static void service(void *arg)
{
    tpps_check(tpp_local() == NULL);
    tpp_local_at_exit(at_exit);
    tpp_local_set(arg);
    first = (uint32_t)tpp_thread_id();
    tpp_store_release(&word, 1);
    tpp_wake(&word, 1);
}

static void one_service(void *arg)
{
    static uint32_t value = 5;
    (void)arg;
    if (tpp_thread_start(service, &value, NULL) != 0)
        return;
    while (tpp_load_acquire(&word) == 0)
        tpp_wait(&word, 0, TPP_FOREVER);
    tpps_check(tpp_local() == NULL);
    tpps_check(first != (uint32_t)tpp_thread_id() && first != 0);
}

TAP_TEST(sim__threads_have_a_local_and_leave_it_at_exit)
{
    count = 0;
    must_pass(one_service);
    check_eq(count, 5);
    check_eq(result.fault_points, 1);
    check_eq(result.fibers_left, 0);
    count = 0;
    options.fail_nth = 1;
    must_pass(one_service);
    check_eq(count, 0);
}

static void states(void *arg)
{
    tpps_thread thread = tpps_spawn(waiter, NULL);
    (void)arg;
    tpps_sleep(1);
    tpps_check(tpp_thread_state(thread) == 'S');
    tpp_store_release(&word, 1);
    tpp_wake(&word, 1);
    if (tpp_thread_state(thread) == 'R')
        count++;
    tpps_check(tpp_thread_state(tpp_thread_id()) == 'R');
    tpps_join(thread);
    tpps_check(tpp_thread_state(thread) == '?');
}

TAP_TEST(sim__thread_state_is_the_truth)
{
    count = 0;
    for (uint64_t seed = 1; seed < 50; seed++) {
        options.seed = seed;
        must_pass(states);
    }
    check(count > 0);
}

static void waits_for_ever(void *arg)
{
    (void)arg;
    for (;;)
        tpp_wait(&other, 0, TPP_FOREVER);
}

static void retires(void *arg)
{
    (void)arg;
    tpp_wait(&other, 0, tpps_now() + 30 * SECOND);
}

static void leaves_services(void *arg)
{
    (void)arg;
    tpp_thread_start(waits_for_ever, NULL, NULL);
    tpp_thread_start(waits_for_ever, NULL, NULL);
    tpp_thread_start(retires, NULL, NULL);
}

TAP_TEST(sim__fibers_left_standing_do_not_wear_it_out)
{
    for (uint32_t i = 0; i < 5000; i++) {
        options.seed = i;
        must_pass(leaves_services);
    }
}

TAP_TEST(sim__services_settle_and_the_rest_is_counted)
{
    must_pass(leaves_services);
    check_eq(result.fibers_left, 2);
    check_eq(result.fibers_made, 4);
    options.settle_ns = SECOND;
    must_pass(leaves_services);
    check_eq(result.fibers_left, 3);
    options.no_fibers_left = true;
    must_fail(leaves_services, "2 service threads left");
    check(strstr(tpps_report(), "waits_for_ever") != NULL);
}

static void nothing(void *arg)
{
    (void)arg;
    count++;
}

static void many_in_turn(void *arg)
{
    (void)arg;
    for (int i = 0; i < 300; i++)
        tpps_join(tpps_spawn(nothing, NULL));
}

static void many_at_once(void *arg)
{
    tpps_thread thread[TPPS_FIBERS];
    uint32_t wanted = count;
    (void)arg;
    for (uint32_t i = 0; i < wanted; i++)
        thread[i] = tpps_spawn(waiter, NULL);
    tpp_store_release(&word, 1);
    tpp_wake(&word, TPPS_FIBERS);
    for (uint32_t i = 0; i < wanted; i++)
        tpps_join(thread[i]);
}

TAP_TEST(sim__sixty_four_fibers_and_slots_used_again)
{
    count = 0;
    must_pass(many_in_turn);
    check_eq(count, 300);
    count = 63;
    must_pass(many_at_once);
}

/* ---- how runs fail --------------------------------------------------------------------------- */

__attribute__((noinline)) static void sleeps_here(void)
{
    tpp_wait(&word, 0, TPP_FOREVER);
    tpps_point();
}

static void deadlocks(void *arg)
{
    (void)arg;
    tpps_spawn(waiter, NULL);
    sleeps_here();
}

TAP_TEST(sim__deadlock_report_names_everybody)
{
    must_fail(deadlocks, "deadlock");
    check(strstr(tpps_report(), "in tpp_wait") != NULL);
    check(strstr(tpps_report(), "sim_test.c:") != NULL);
    check(strstr(tpps_report(), "sleeps_here") != NULL);
    check(strstr(tpps_report(), "waiter") != NULL);
    check(strstr(tpps_report(), result.token) != NULL);
}

static void ticks(void *arg)
{
    (void)arg;
    for (;;)
        tpp_wait(&other, 0, tpps_now() + 3600 * SECOND);
}

static void hangs(void *arg)
{
    (void)arg;
    tpp_thread_start(ticks, NULL, NULL);
    tpp_wait(&word, 0, TPP_FOREVER);
}

static void sleeps_long(void *arg)
{
    (void)arg;
    tpp_thread_start(ticks, NULL, NULL);
    tpps_sleep(100 * 3600 * SECOND);
}

TAP_TEST(sim__ticking_services_do_not_hide_a_deadlock)
{
    must_fail(hangs, "hang");
    must_pass(sleeps_long);
}

static void spins(void *arg)
{
    (void)arg;
    while (tpp_load_acquire(&word) == 0)
        tpp_cpu_relax();
}

static void writes_for_ever(void *arg)
{
    (void)arg;
    for (;;)
        tpp_add_relaxed(&word, 1);
}

static void spin_for_a_sleeper(void *arg)
{
    tpps_thread thread = tpps_spawn(sleeper, NULL);
    (void)arg;
    while (tpp_load_acquire(&word) == 0)
        tpp_cpu_relax();
    tpps_join(thread);
}

TAP_TEST(sim__spins_are_livelocks_unless_time_helps)
{
    must_fail(spins, "livelock");
    options.max_steps = 5000;
    must_fail(writes_for_ever, "livelock: still running after 5000");
    must_pass(spin_for_a_sleeper);
}

static void aborts(void *arg)
{
    (void)arg;
    tpp_abort("BUG IN TP");
}

TAP_TEST(sim__abort_fails_the_run)
{
    must_fail(aborts, "BUG IN TP");
}

/* ---- hooks ----------------------------------------------------------------------------------- */

static void on_quiet(void *context)
{
    ++*(uint32_t *)context;
    check_eq(tpps_now(), 1000 * SECOND + (count == 1 ? 0 : SECOND));
    if (count == 2) {
        tpp_store_release(&word, 1);
        tpp_wake(&word, 1);
    }
}

static void quiet(void *arg)
{
    (void)arg;
    tpps_on_quiet(on_quiet, &count);
    tpps_sleep(SECOND);
    waiter(NULL);
}

static void on_probe(enum tpp_probe probe, const void *subject, uint64_t value)
{
    if (probe == TPP_PROBE_SPAWN && subject == &word)
        count += (uint32_t)value;
    tpp_add_relaxed(&other, 1); /* no schedule point here */
}

static void probes(void *arg)
{
    (void)arg;
    tpp_probe(TPP_PROBE_SPAWN, &word, 40);
    tpp_probe(TPP_PROBE_IDLE, &word, 2);
    tpps_check(tpp_peek(&other) == 2);
}

static void passes_probe(void *arg)
{
    (void)arg;
    tpp_probe(TPP_PROBE_SPAWN, &word, 1);
}

/* The oracle's count is plain, its fibers unordered: that is nobody's race. */
static void probes_of_two(void *arg)
{
    tpps_thread a, b;
    (void)arg;
    a = tpps_spawn(passes_probe, NULL);
    b = tpps_spawn(passes_probe, NULL);
    tpps_join(a);
    tpps_join(b);
}

static void fails_in_probe(enum tpp_probe probe, const void *subject, uint64_t value)
{
    (void)probe;
    (void)subject;
    tpps_fail("probe says %u", (unsigned)value);
}

TAP_TEST(sim__an_oracle_may_have_plain_data_and_may_fail_the_run)
{
    count = 0;
    tpps_on_probe(on_probe);
    must_pass(probes_of_two);
    check_eq(count, 2);
    for (int i = 0; i < 3; i++) {
        tpps_on_probe(fails_in_probe);
        must_fail(probes_of_two, "probe says 1");
    }
}

TAP_TEST(sim__hooks_see_quiet_moments_and_probes)
{
    count = 0;
    must_pass(quiet);
    check_eq(count, 3); /* before each sleep, and at the end */
    count = 0;
    tpps_on_probe(on_probe);
    must_pass(probes);
    check_eq(count, 40);
    check_eq(result.steps, 0);
}

int main(void)
{
    tap_run(sim__clocks_go_only_when_all_sleep);
    tap_run(sim__wait_ends_exactly_at_its_deadline);
    tap_run(sim__deadlines_pass_early_only_if_asked_to);
    tap_run(sim__wake_takes_any_sleeper);
    tap_run(sim__waits_end_for_nothing_only_if_asked_to);
    tap_run(sim__threads_have_a_local_and_leave_it_at_exit);
    tap_run(sim__thread_state_is_the_truth);
    tap_run(sim__fibers_left_standing_do_not_wear_it_out);
    tap_run(sim__services_settle_and_the_rest_is_counted);
    tap_run(sim__sixty_four_fibers_and_slots_used_again);
    tap_run(sim__deadlock_report_names_everybody);
    tap_run(sim__ticking_services_do_not_hide_a_deadlock);
    tap_run(sim__spins_are_livelocks_unless_time_helps);
    tap_run(sim__abort_fails_the_run);
    tap_run(sim__an_oracle_may_have_plain_data_and_may_fail_the_run);
    tap_run(sim__hooks_see_quiet_moments_and_probes);
    return tap_done();
}
