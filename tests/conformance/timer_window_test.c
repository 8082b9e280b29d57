/* timer_window_test.c - windows: never early, never past the end, and one wake-up for several. */
#define _GNU_SOURCE /* RUSAGE_THREAD */
#include <stdlib.h>

#include "tests/conformance/timer_scene.h"

#ifndef TPP_SIM
#include <sys/resource.h>
#endif

/* Two timers on one pool. The second is set when the first has been for `pause`. */
struct pair {
    struct ticks first, second;
    tp_pool_t *pool;
    tp_env_t *env;
    tp_timer_t *a, *b;
    int64_t began;
    bool may_be_sooner; /* the first: somebody wakes up in its window for nothing */
};

static void pair_begin(struct pair *p)
{
    *p = (struct pair){.pool = stage_pool(2, 2)};
    p->env = stage_env(p->pool);
    p->a = make_timer(tick, &p->first, p->env);
    p->b = make_timer(tick, &p->second, p->env);
    p->began = stage_now();
}

static void pair_end(struct pair *p)
{
    finish_timer(p->a);
    finish_timer(p->b);
    tp_env_destroy(p->env);
    tp_pool_close(p->pool);
}

/* Both run once: the first in its window, the second when it is due. In the simulator they come
 * no later, and the first no earlier than it must. */
static void pair_expect(struct pair *p, int64_t due_a, int64_t at_a, int64_t due_b, int64_t at_b)
{
    stage_await(&p->first.runs, 1);
    stage_await(&p->second.runs, 1);
    int64_t a = tick_at(&p->first, 0) - p->began, b = tick_at(&p->second, 0) - p->began;
    expect_within(a, due_a, at_a);
    expect_within(b, due_b, at_b);
    stage_expect(!stage_in_simulator || a >= at_a || p->may_be_sooner);
    pair_end(p);
    stage_expect_eq(stage_value(&p->first.runs), 1);
    stage_expect_eq(stage_value(&p->second.runs), 1);
}

#define MS(n) ((n)*STAGE_MS)

/* ---- never early ----------------------------------------------------------------------------- */

/* A timer that is set once and remembers by how much it came early, or how late. */
struct one {
    struct ticks *all;
    tp_timer_t *timer;
    int64_t due, window;
    uint32_t clock; /* TP_CLOCK_*: due is a time on it */
};

static int64_t now_on(uint32_t clock)
{
    switch (clock) {
    case TP_CLOCK_REALTIME:
        return tpp_now(TPP_CLOCK_REALTIME);
    case TP_CLOCK_BOOTTIME:
        return tpp_now(TPP_CLOCK_BOOTTIME);
    default:
        return stage_now();
    }
}

static void compare_with_due(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct one *one = context;
    int64_t now = now_on(one->clock);
    (void)instance;
    (void)timer;
    expect_within(now, one->due, one->due + one->window);
    stage_add(&one->all->runs, 1);
}

/* `clock` TP_CLOCK_*; the due time is taken before the timer is set, so it counts from later. */
static void set_random(struct one *one, uint32_t clock, int64_t most)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    int64_t after = tpp_random() % (uint32_t)most;
    one->clock = spec.clock = clock;
    one->due = now_on(clock) + after;
    spec.due = clock == TP_CLOCK_REALTIME || clock == TP_CLOCK_MONOTONIC ? one->due : after;
    spec.window = one->window;
    stage_expect(!set_spec(one->timer, &spec));
}

#define RANDOM_TIMERS 200

static void random_timers(int64_t window, int64_t most)
{
    struct ticks all = {0};
    static struct one ones[RANDOM_TIMERS];
    uint32_t count = stage_times(RANDOM_TIMERS, 12);
    static const uint32_t clocks[] = {TP_CLOCK_RELATIVE, TP_CLOCK_MONOTONIC, TP_CLOCK_BOOTTIME,
                                      TP_CLOCK_REALTIME};
    tp_pool_t *pool = stage_pool(2, 2);
    tp_env_t *env = stage_env(pool);
    for (uint32_t i = 0; i < count; i++) {
        ones[i] = (struct one){.all = &all, .window = window};
        ones[i].timer = make_timer(compare_with_due, &ones[i], env);
        set_random(&ones[i], clocks[i % 4], most);
    }
    stage_await(&all.runs, count);
    for (uint32_t i = 0; i < count; i++)
        finish_timer(ones[i].timer);
    stage_expect_eq(stage_value(&all.runs), count);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(timer_window__c101_random_timers_are_never_early)
{
    random_timers(0, MS(200));
}

/* C-102: within [due, due + window]. */
STAGE_TEST(timer_window__c102_random_timers_keep_their_windows)
{
    random_timers(MS(60), MS(100));
}

STAGE_TEST(timer_window__c102_alone_it_comes_at_the_end_at_the_latest)
{
    struct timer_scene s;
    scene_begin(&s, 2, tick);
    int64_t now = stage_now();
    stage_expect(!set_window(s.timer, MS(10), MS(20)));
    stage_await(&s.ticks.runs, 1);
    expect_within(tick_at(&s.ticks, 0), now + MS(10), now + MS(30));
    scene_end(&s);
}

/* What is due at once is not delayed. */
STAGE_TEST(timer_window__not_of_what_is_due_now)
{
    struct timer_scene s;
    scene_begin(&s, 1, tick_held);
    stage_expect(!set_window(s.timer, 0, FAR_AWAY));
    stage_await(&s.ticks.started, 1);
    stage_expect(!set_window(s.timer, -STAGE_S, FAR_AWAY));
    stage_expect_eq(stage_stats(s.pool).pending[1], 1);
    stage_add(&s.ticks.open, 1);
    stage_await(&s.ticks.runs, 2);
    scene_end(&s);
}

/* Each expiry of a period has its window, and the grid does not move. */
STAGE_TEST(timer_window__of_each_tick_of_a_period)
{
    struct timer_scene s;
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.due = spec.period = MS(10);
    spec.window = MS(4);
    scene_begin(&s, stage_times(1, 2), tick);
    int64_t now = stage_now();
    stage_expect(!set_spec(s.timer, &spec));
    stage_await(&s.ticks.runs, 8);
    for (uint32_t i = 0; i < 8; i++)
        expect_within(tick_at(&s.ticks, i), now + MS(10) * (i + 1), now + MS(10) * (i + 1) + MS(4));
    scene_end(&s);
}

/* A window longer than its period: what is missed meanwhile is one expiry. */
STAGE_TEST(timer_window__longer_than_the_period)
{
    struct timer_scene s;
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.due = spec.period = MS(10);
    spec.window = MS(35);
    scene_begin(&s, 1, tick);
    int64_t now = stage_now();
    stage_expect(!set_spec(s.timer, &spec));
    stage_await(&s.ticks.runs, 2);
    expect_within(tick_at(&s.ticks, 0), now + MS(10), now + MS(45));
    expect_within(tick_at(&s.ticks, 1), now + MS(20), now + MS(90));
    stage_expect(stop(s.timer));
    int64_t times = (stage_now() - now) / MS(10);
    stage_expect_eq(tp_timer_wait(s.timer, false, TP_INFINITE), TP_OK);
    stage_expect(stage_value(&s.ticks.runs) <= times);
    scene_end(&s);
}

/* ---- merging --------------------------------------------------------------------------------- */

STAGE_TEST(timer_window__c103_both_in_one_wake_up)
{
    struct pair p;
    pair_begin(&p);
    stage_expect(!set_window(p.a, MS(100), MS(200)));
    stage_expect(!set_window(p.b, MS(250), 0));
    pair_expect(&p, MS(100), MS(250), MS(250), MS(250));
}

STAGE_TEST(timer_window__c104_too_far_apart)
{
    struct pair p;
    pair_begin(&p);
    stage_expect(!set_window(p.a, MS(100), MS(75)));
    stage_expect(!set_window(p.b, MS(250), 0));
    pair_expect(&p, MS(100), MS(175), MS(250), MS(250));
}

/* The second is set while the window of the first is open already. */
STAGE_TEST(timer_window__c105_the_other_is_set_later)
{
    struct pair p;
    pair_begin(&p);
    stage_expect(!set_window(p.a, MS(100), MS(200)));
    stage_until(p.began + MS(150));
    (void)set_window(p.b, MS(100), 0);
    pair_expect(&p, MS(100), MS(250), MS(250), MS(250));
}

STAGE_TEST(timer_window__c106_no_window_is_not_delayed)
{
    struct pair p;
    pair_begin(&p);
    stage_expect(!set_window(p.a, MS(100), MS(500)));
    stage_expect(!set_window(p.b, MS(200), 0));
    pair_expect(&p, MS(100), MS(200), MS(200), MS(200));
    pair_begin(&p);
    stage_expect(!set_window(p.b, MS(40), 0)); /* the other way round, and not in the window */
    stage_expect(!set_window(p.a, MS(50), MS(50)));
    pair_expect(&p, MS(50), MS(100), MS(40), MS(40));
}

/* Once the other is gone, the end of its own window counts. */
STAGE_TEST(timer_window__after_the_other_is_stopped)
{
    struct pair p;
    pair_begin(&p);
    stage_expect(!set_window(p.a, MS(20), MS(100)));
    stage_expect(!set_window(p.b, MS(60), 0));
    stage_until(p.began + MS(10));
    (void)set_window(p.b, MS(190), 0);
    p.may_be_sooner = true; /* at 60 perhaps */
    pair_expect(&p, MS(20), MS(120), MS(60), MS(200));
}

/* Without an end it rides along with whatever comes. */
STAGE_TEST(timer_window__without_an_end)
{
    struct pair p;
    pair_begin(&p);
    stage_expect(!set_window(p.a, MS(20), TP_INFINITE));
    stage_expect(!set_window(p.b, MS(60), MS(5)));
    pair_expect(&p, MS(20), MS(65), MS(60), MS(65));
}

/* Each tick of a period has its window anew. */
STAGE_TEST(timer_window__later_ticks_merge_too)
{
    struct pair p;
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    pair_begin(&p);
    spec.due = spec.period = MS(100);
    spec.window = MS(60);
    stage_expect(!set_spec(p.a, &spec));
    static const int64_t others[] = {MS(130), MS(250), MS(320)};
    for (uint32_t i = 0; i < 3; i++) {
        stage_expect(!set_clock(p.b, TP_CLOCK_MONOTONIC, p.began + others[i]));
        stage_await(&p.first.runs, i + 1);
        stage_await(&p.second.runs, i + 1);
        stage_expect(tick_at(&p.first, i) >= p.began + MS(100) * (i + 1));
        if (stage_in_simulator) {
            expect_at(tick_at(&p.first, i), p.began + others[i]);
            expect_at(tick_at(&p.second, i), p.began + others[i]);
        }
    }
    pair_end(&p);
}

/* Taken back: from then on it is as if there had been none. */
STAGE_TEST(timer_window__set_again_without)
{
    struct pair p;
    pair_begin(&p);
    stage_expect(!set_window(p.a, MS(20), MS(100)));
    stage_expect(!set_window(p.b, MS(70), 0));
    stage_until(p.began + MS(10));
    (void)set_window(p.a, MS(20), 0);
    pair_expect(&p, MS(20), MS(30), MS(70), MS(70));
}

#define MERGED 12

#ifdef TPP_SIM
/* Windows on two clocks. Three instants do: 45, 85 and 125 ms. */
STAGE_TEST(timer_window__many_share_few_wake_ups)
{
    struct ticks ticks[MERGED] = {{.timer = NULL}};
    tp_timer_t *timers[MERGED];
    tp_pool_t *pool = stage_pool(2, 2);
    tp_env_t *env = stage_env(pool);
    int64_t now = stage_now(), instant = now;
    uint32_t instants = 0;
    for (int i = 0; i < MERGED; i++) { /* due at 10, 20, ... 120 */
        tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
        spec.clock = i % 2 ? TP_CLOCK_BOOTTIME : TP_CLOCK_RELATIVE;
        spec.due = MS(10) * (i + 1);
        spec.window = MS(35);
        timers[i] = make_timer(tick, &ticks[i], env);
        stage_expect(!set_spec(timers[i], &spec));
    }
    for (int i = 0; i < MERGED; i++) {
        stage_await(&ticks[i].runs, 1);
        int64_t at = tick_at(&ticks[i], 0);
        expect_within(at, now + MS(10) * (i + 1), now + MS(10) * (i + 1) + MS(35));
        instants += at > instant + LATE;
        instant = at > instant ? at : instant;
        finish_timer(timers[i]);
    }
    stage_expect_eq(instants, 3);
    tp_env_destroy(env);
    tp_pool_close(pool);
}
#else
static tpp_u32 sleeps; /* of the worker so far */

static void count_sleeps(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct ticks *ticks = context;
    struct rusage usage;
    (void)instance;
    (void)timer;
    if (getrusage(RUSAGE_THREAD, &usage) == 0) {
        uint32_t now = (uint32_t)usage.ru_nvcsw;
        if (tpp_load_acquire(&ticks->begun) == 0)
            tpp_store_release(&ticks->begun, now);
        tpp_store_release(&sleeps, now - tpp_load_acquire(&ticks->begun));
    }
    stage_add(&ticks->runs, 1);
}

/* Told by the worker's own sleeps from the first callback to the last. */
STAGE_TEST(timer_window__many_share_few_wake_ups)
{
    struct ticks ticks = {0};
    tp_timer_t *timers[MERGED];
    tp_pool_t *pool = stage_pool(1, 1);
    tp_env_t *env = stage_env(pool);
    tpp_store_release(&sleeps, 0);
    for (int i = 0; i < MERGED; i++) {
        timers[i] = make_timer(count_sleeps, &ticks, env);
        stage_expect(!set_window(timers[i], MS(10) * (i + 1), MS(200)));
    }
    stage_await(&ticks.runs, MERGED);
    stage_expect(tpp_load_acquire(&sleeps) < MERGED / 2);
    for (int i = 0; i < MERGED; i++)
        finish_timer(timers[i]);
    tp_env_destroy(env);
    tp_pool_close(pool);
}
#endif

/* ---- many ------------------------------------------------------------------------------------ */

/* C-113 */
struct crowd {
    stage_counter_t runs;
    tpp_u32 next;
    uint32_t count;
    int64_t *order; /* due times as they ran */
    struct of_crowd *ones;
    tp_pool_t *pool;
    tp_env_t *env;
    int64_t all_set;
};

struct of_crowd {
    struct crowd *crowd;
    tp_timer_t *timer;
    int64_t due;
};

static void note_due(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct of_crowd *one = context;
    struct crowd *crowd = one->crowd;
    (void)instance;
    (void)timer;
    uint32_t place = tpp_add_acq_rel(&crowd->next, 1);
    stage_expect(place < crowd->count);
    stage_expect(stage_now() >= one->due);
    if (place < crowd->count)
        crowd->order[place] = one->due;
    stage_add(&crowd->runs, 1);
}

/* On a pool of one thread, which runs what was posted in the order in which it was queued. */
static void crowd_begin(struct crowd *crowd, tp_pool_t *pool)
{
    uint32_t count = stage_times(10000, 30);
    *crowd = (struct crowd){.pool = pool, .env = stage_env(pool)};
    crowd->ones = calloc(count, sizeof *crowd->ones);
    crowd->order = calloc(count, sizeof *crowd->order);
    stage_require(crowd->ones && crowd->order);
    crowd->count = count;
    int64_t first = stage_now() + MS(200);
    for (uint32_t i = 0; i < count; i++) {
        struct of_crowd *one = &crowd->ones[i];
        one->crowd = crowd;
        one->due = first + tpp_random() % MS(500);
        one->timer = make_timer(note_due, one, crowd->env);
        stage_expect(!set_clock(one->timer, TP_CLOCK_MONOTONIC, one->due));
    }
    crowd->all_set = stage_now();
}

static bool none_armed(void *pool)
{
    return stage_stats(pool).timers_armed == 0;
}

/* By due time, within 10 ms; those that were due when the last one was set are not compared. Two
 * that post take from the front in turn and queue what they have taken later, each in order. Time
 * stands still meanwhile in the simulator; on real threads one of them may lose its processor just
 * then, and what it has taken runs late. But all that ran is two orders merged, to the nanosecond:
 * what is behind the latest so far is never behind another that was. */
static void expect_order(const struct crowd *crowd, uint32_t posters)
{
    int64_t latest = 0, latest_behind = 0;
    uint32_t disorders = 0, strays = 0;
    for (uint32_t i = 0; i < crowd->count; i++) {
        int64_t due = crowd->order[i];
        if (due <= crowd->all_set)
            continue;
        disorders += due < latest - MS(10);
        strays += due < latest && due < latest_behind;
        if (due > latest)
            latest = due;
        else if (due < latest && due > latest_behind)
            latest_behind = due;
    }
    if (posters == 1 || stage_in_simulator)
        stage_expect_eq(disorders, 0);
    stage_expect_eq(strays, 0);
}

static void crowd_end(struct crowd *crowd, uint32_t posters)
{
    stage_await(&crowd->runs, crowd->count);
    expect_order(crowd, posters);
    stage_expect_eq(stage_stats(crowd->pool).timers_armed, 0);
    for (uint32_t i = 0; i < crowd->count; i++)
        finish_timer(crowd->ones[i].timer);
    stage_expect_eq(stage_value(&crowd->runs), crowd->count);
    tp_env_destroy(crowd->env);
    free(crowd->order);
    free(crowd->ones);
}

/* First the worker posts what is due, and the gate helps it now and then. Then the worker is held
 * until all are posted: the gate alone has done that, and who runs when follows from it. */
STAGE_TEST(timer_window__c113_ten_thousand_run_in_the_order_of_their_due_times)
{
    struct crowd crowd;
    struct stage_gate gate;
    tp_pool_t *pool = stage_pool(1, 1);
    crowd_begin(&crowd, pool);
    crowd_end(&crowd, 2);
    tp_pool_close(pool);
    stage_gate_init(&gate, NULL);
    crowd_begin(&crowd, gate.pool);
    stage_expect(stage_eventually(none_armed, gate.pool));
    stage_expect_eq(stage_value(&crowd.runs), 0);
    stage_gate_open(&gate);
    crowd_end(&crowd, 1);
    stage_gate_fini(&gate);
}

STAGE_MAIN(STAGE_CASE_X(timer_window__c101_random_timers_are_never_early, .no_early = true),
           STAGE_CASE_X(timer_window__c102_random_timers_keep_their_windows, .no_early = true),
           STAGE_CASE_X(timer_window__c102_alone_it_comes_at_the_end_at_the_latest,
                        .no_early = true),
           STAGE_CASE(timer_window__not_of_what_is_due_now),
           STAGE_CASE_X(timer_window__of_each_tick_of_a_period, .no_early = true),
           STAGE_CASE_X(timer_window__longer_than_the_period, .no_early = true),
           STAGE_CASE_X(timer_window__c103_both_in_one_wake_up, .no_early = true),
           STAGE_CASE_X(timer_window__c104_too_far_apart, .no_early = true),
           STAGE_CASE_X(timer_window__c105_the_other_is_set_later, .no_early = true),
           STAGE_CASE_X(timer_window__c106_no_window_is_not_delayed, .no_early = true),
           STAGE_CASE_X(timer_window__after_the_other_is_stopped, .no_early = true),
           STAGE_CASE_X(timer_window__without_an_end, .no_early = true),
           STAGE_CASE_X(timer_window__later_ticks_merge_too, .no_early = true),
           STAGE_CASE_X(timer_window__set_again_without, .no_early = true),
           STAGE_CASE_X(timer_window__many_share_few_wake_ups, .no_early = true),
           STAGE_CASE_X(timer_window__c113_ten_thousand_run_in_the_order_of_their_due_times,
                        .no_early = true))
