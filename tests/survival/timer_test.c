/* timer_test.c - timers while all else rests, under signals, and where callbacks end threads. */
#define _GNU_SOURCE
#include <sys/timerfd.h>

#include "tests/survival/storm.h"
#include "tests/survival/switches.h"
#include "tests/survival/timer_scene.h"

#define HOUR (3600 * 1000 * MS)

enum { SHOTS = 200 };

/* ---- did somebody set the wall clock meanwhile? ---------------------------------------------- */

/* Another test may: then the library has to wake, whatever its timers. */
static int witness = -1;

static void watch_wall_clock(void)
{
    struct itimerspec never = {.it_value = {.tv_sec = INT64_C(1) << 33}};
    if (witness >= 0)
        close(witness);
    witness = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    (void)timerfd_settime(witness, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static bool wall_clock_was_set(void)
{
    uint64_t expiries;
    return read(witness, &expiries, sizeof expiries) < 0 && errno == ECANCELED;
}

/* Of a clock that was set back in between nobody can tell. */
static bool nobody_can_tell(void)
{
    return tpp_load_acquire(&early) > 0 && wall_clock_was_set();
}

TAP_TEST(timer__c101_two_hundred_on_each_clock_and_none_early)
{
    static struct shot shots[SHOTS * CLOCKS];
    struct scene scene = scene_plan(0, 4);
    watch_wall_clock();
    begin_count();
    scene_build(&scene);
    begin_shots(shots, COUNT(shots), 700 * MS, &scene, NULL);
    end_shots(shots, COUNT(shots));
    check_eq(tpp_load_acquire(&runs), COUNT(shots));
    check_eq(stats_of(scene.pool).timers_armed, 0);
    scene_end(&scene);
    if (nobody_can_tell())
        tap_skip("somebody set the wall clock");
    check_eq(tpp_load_acquire(&early), 0);
}

/* ---- rest ------------------------------------------------------------------------------------ */

static bool undisturbed; /* nobody set the wall clock in the time last measured */

enum { PERIOD_MS = 200 };

static int64_t times; /* of the grid, in the time last measured */

static struct switches measure(tp_timer_t *ticking)
{
    struct switches before = settled(2), after; /* a worker, the driver, and the gate */
    struct timespec nap = {.tv_sec = 3};
    int64_t begun = now();
    watch_wall_clock();
    begin_count();
    if (ticking)
        set(ticking, spec_of(TP_CLOCK_RELATIVE, PERIOD_MS * MS, PERIOD_MS * MS));
    check_eq(nanosleep(&nap, NULL), 0);
    check(!ticking || reaches(&runs, 10));
    after = look();
    times = (now() - begun) / (PERIOD_MS * MS);
    if (ticking)
        check_eq(tp_timer_set(ticking, NULL, NULL), TP_OK);
    check_eq(after.threads, before.threads);
    check_eq(after.ids, before.ids);
    after.voluntary -= before.voluntary;
    after.involuntary -= before.involuntary;
    return after;
}

/* How often the library's threads slept and were interrupted in a time in which nobody set the wall
 * clock, if that is to be had. */
static struct switches measure_undisturbed(tp_timer_t *ticking)
{
    struct switches passed;
    for (int tries = 0; tries < 3; tries++) {
        passed = measure(ticking);
        undisturbed = !wall_clock_was_set();
        if (undisturbed)
            break;
    }
    return passed;
}

static void expect_rest(void)
{
    struct switches passed = measure_undisturbed(NULL);
    printf("# 3 s: %lld switches\n", (long long)(passed.voluntary + passed.involuntary));
    if (!undisturbed)
        tap_skip("somebody sets the wall clock all the time");
    check_eq(passed.voluntary, 0);
    check_eq(passed.involuntary, 0);
}

/* In an hour, each clock in its own way; where nobody tells that the wall clock was set, somebody
 * must look now and then. */
static void arm_far_away(tp_timer_t *timer, uint32_t number)
{
    uint32_t clock = tpp_alarm_tells_jumps() ? number % CLOCKS : TP_CLOCK_RELATIVE;
    bool absolute = clock == TP_CLOCK_REALTIME || clock == TP_CLOCK_MONOTONIC;
    int64_t due = HOUR + (int64_t)number * 7 * 1000 * MS;
    tp_timer_spec_t spec = spec_of(clock, due, number % 3 ? 0 : 1000 * MS);
    if (absolute)
        spec.due += tpp_now(clock_of(clock));
    if (number % 5 == 0)
        spec.window = 60000 * MS;
    if (number == 1)
        spec.due = TP_INFINITE;
    set(timer, spec);
}

TAP_TEST(timer__far_away_ones_let_the_process_rest)
{
    struct scene scene = used_pool();
    tp_timer_t *far[40], *soon = scene_timer(&scene, count_run, NULL);
    begin_count();
    for (uint32_t i = 0; i < COUNT(far); i++)
        arm_far_away(far[i] = scene_timer(&scene, count_run, NULL), i);
    expect_rest();
    set(soon, spec_of(TP_CLOCK_RELATIVE, 20 * MS, 0)); /* it wakes, and rests again */
    check(reaches(&runs, 1));
    expect_rest();
    check_eq(stats_of(scene.pool).timers_armed, COUNT(far));
    for (uint32_t i = 0; i < COUNT(far); i++)
        check_eq(tp_timer_close(far[i]), TP_OK);
    finish(soon);
    scene_end(&scene);
}

/* Each sleep of a thread is a voluntary switch, so there is one for each wake-up. */
TAP_TEST(timer__a_tick_costs_few_wake_ups)
{
    struct scene scene = used_pool();
    tp_timer_t *timer = scene_timer(&scene, count_run, NULL);
    struct switches passed = measure_undisturbed(timer);
    int64_t ticks = tpp_load_acquire(&runs);
    printf("# %lld ticks: %lld wake-ups\n", (long long)ticks, (long long)passed.voluntary);
    check(ticks <= times);
    if (undisturbed)
        check(passed.voluntary <= 4 * times + 20);
    finish(timer);
    scene_end(&scene);
}

/* ---- a storm of signals ---------------------------------------------------------------------- */

static void stay(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    (void)timer;
    while (tpp_load_acquire(&stay_on))
        usleep(500);
}

/* A second of it; the waits of this thread are interrupted too. */
static void wait_in_storm(tp_timer_t *busy)
{
    for (int64_t end = now() + 1000 * MS; now() < end;) {
        int64_t begun = now();
        check_eq(tp_timer_wait(busy, false, 20 * MS), TP_ERR_TIMEOUT);
        check(now() - begun >= 20 * MS);
    }
}

TAP_TEST(timer__r41_signals_on_every_thread_make_none_early_and_lose_none)
{
    static struct shot shots[40], driven_shots[20];
    struct scene scene = scene_plan(2, 2), driven = scene_plan(0, 0);
    struct storm storm;
    tpp_u32 again;
    tpp_init(&again, 1);
    begin_count();
    watch_wall_clock();
    scene.config.on_thread_start = bare_thread;
    driven.config.flags = TP_POOL_CALLER_DRIVEN;
    begin_storm(&storm);
    scene_build(&scene);
    scene_build(&driven);
    tp_timer_t *busy = scene_timer(&scene, stay, NULL);
    set(busy, spec_of(TP_CLOCK_RELATIVE, 0, 0));
    begin_shots(shots, COUNT(shots), 8 * MS, &scene, &again);
    begin_shots(driven_shots, COUNT(driven_shots), 30 * MS, &driven, &again);
    drive_in_storm(&storm, &driven);
    wait_in_storm(busy);
    tpp_store_release(&again, 0);
    end_shots(shots, COUNT(shots));
    end_shots(driven_shots, COUNT(driven_shots));
    end_storm(&storm);
    finish(busy);
    scene_end(&driven);
    scene_end(&scene);
    expect_stormy(&storm);
    printf("# %u expiries\n", tpp_load_acquire(&runs));
    check(tpp_load_acquire(&runs) > COUNT(shots) + COUNT(driven_shots));
    if (nobody_can_tell())
        tap_skip("somebody set the wall clock");
    check_eq(tpp_load_acquire(&early), 0);
}

/* ---- callbacks that end their thread --------------------------------------------------------- */

static tpp_u32 ended, misuses;

static void end_thread(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    count_run(instance, context, timer);
    tpp_add_acq_rel(&ended, 1);
    pthread_exit(NULL);
}

TAP_TEST(timer__a_period_goes_on_when_every_callback_ends_its_thread)
{
    check_eq(tp_set_misuse_hook(hear_thread_end, &misuses), TP_OK);
    for (uint32_t maximum = 1; maximum <= 4; maximum += 3) {
        struct scene scene = scene_plan(0, maximum);
        tp_timer_spec_t spec = spec_of(TP_CLOCK_RELATIVE, 0, 2 * MS);
        bool was_armed = false;
        begin_count();
        tpp_store_release(&ended, 0);
        tpp_store_release(&misuses, 0);
        scene_build(&scene);
        tp_timer_t *timer = scene_timer(&scene, end_thread, NULL);
        set(timer, spec);
        check(reaches(&ended, 30));
        spec.period = 0;
        check_eq(tp_timer_set(timer, &spec, &was_armed), TP_OK);
        check(was_armed);
        check_eq(tp_timer_wait(timer, false, TP_INFINITE), TP_OK);
        check_eq(tpp_load_acquire(&misuses), tpp_load_acquire(&ended));
        check(stats_of(scene.pool).threads <= maximum);
        finish(timer);
        scene_end(&scene);
    }
    check_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
}

int main(void)
{
    setenv("TP_CPUS", "2", 1);
    tap_timeout(120);
    tap_run(timer__far_away_ones_let_the_process_rest);
    tap_run(timer__a_tick_costs_few_wake_ups);
    tap_run(timer__c101_two_hundred_on_each_clock_and_none_early);
    tap_run(timer__r41_signals_on_every_thread_make_none_early_and_lose_none);
    tap_run(timer__a_period_goes_on_when_every_callback_ends_its_thread);
    return tap_done();
}
