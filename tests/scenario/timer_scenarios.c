/* timer_scenarios.c - windows, periods and odd specs, pools that callers drive, and creation that
 * fails; timers in the peace of virtual time. */
#include "core/mem/slab.h"
#include "tests/scenario/scene_timer.h"

#define SPIN (20 * US)

enum { A, B, C, D, OPEN, RAN, STARTED, WRONG, FLAG };

/* ---- windows --------------------------------------------------------------------------------- */

struct window {
    int64_t due, window, expected; /* ms, from the beginning */
    int64_t pause;                 /* us, after it was set */
};

/* Sets them in that order; each must come when it is expected to. */
static void windows(const struct window *set, uint32_t count)
{
    tp_pool_t *pool = scene_settled(0, 2);
    tp_timer_t *timer[SCENE_SERIES];
    for (uint32_t i = 0; i < count; i++)
        timer[i] = scene_ticker(pool, i);
    int64_t began = tpps_now();
    for (uint32_t i = 0; i < count; i++) {
        scene_timer_set(timer[i], TP_CLOCK_MONOTONIC, began + set[i].due * MS, 0,
                        set[i].window * MS);
        if (set[i].pause > 0)
            tpps_sleep(set[i].pause * US);
    }
    scene_until(began + SECOND);
    for (uint32_t i = 0; i < count; i++) {
        if (timer[i])
            scene_check_ticks(i, 1, began + set[i].expected * MS, 0, SPIN);
        scene_timer_finish(timer[i]);
    }
    scene_close_pool(pool);
}

#define WINDOWS(...) \
    windows((const struct window[]){__VA_ARGS__}, \
            sizeof((struct window[]){__VA_ARGS__}) / sizeof(struct window))

SCENE(timer__c103_windows_meet_at_the_one_that_has_none)
{
    WINDOWS({100, 200, 250, 0}, {250, 0, 250, 0});
}

SCENE(timer__c105_windows_meet_also_when_set_in_the_other_order)
{
    WINDOWS({250, 0, 250, 5}, {100, 200, 250, 0});
}

SCENE(timer__c104_windows_that_do_not_meet)
{
    WINDOWS({100, 75, 175, 0}, {250, 0, 250, 0});
}

SCENE(timer__c106_no_window_is_not_delayed_by_others)
{
    WINDOWS({50, 400, 100, 100}, {100, 0, 100, 0}, {101, 300, 401, 0});
}

/* A later one that must come earlier: whoever sleeps hears of it. */
SCENE(timer__r28_shorter_window_comes_later)
{
    WINDOWS({100, 300, 150, 3}, {120, 100, 150, 1}, {140, 10, 150, 1});
}

SCENE(timer__r28_windows_end_one_after_another)
{
    WINDOWS({10, 10, 20, 0}, {19, 2, 20, 0}, {21, 30, 45, 0}, {45, 0, 45, 0});
}

/* As few wake-ups as there can be: each time at the end of the earliest window, for all that are
 * due by then. */
static uint32_t wakeups_needed(const int64_t *due, const int64_t *latest, int64_t *at)
{
    bool gone[4] = {false};
    for (uint32_t count = 0;; count++) { /* ends: each turn one more is gone */
        int64_t next = INT64_MAX;
        for (uint32_t i = 0; i < 4; i++)
            if (!gone[i] && latest[i] < next)
                next = latest[i];
        if (next == INT64_MAX)
            return count;
        for (uint32_t i = 0; i < 4; i++)
            if (!gone[i] && due[i] <= next) {
                gone[i] = true;
                at[i] = next;
            }
    }
}

SCENE(timer__r28_random_windows_wake_as_seldom_as_can_be)
{
    tp_pool_t *pool = scene_settled(0, 2);
    tp_timer_t *timer[4];
    int64_t due[4], latest[4], at[4] = {0, 0, 0, 0}, began = tpps_now();
    uint32_t moments = 0;
    for (uint32_t i = 0; i < 4; i++) {
        timer[i] = scene_ticker(pool, i);
        due[i] = began + (1 + (int64_t)tpps_choose(12)) * MS;
        latest[i] = due[i] + (int64_t)tpps_choose(7) * MS;
        scene_timer_set(timer[i], TP_CLOCK_MONOTONIC, due[i], 0, latest[i] - due[i]);
    }
    uint32_t needed = wakeups_needed(due, latest, at);
    scene_until(began + 30 * MS);
    for (uint32_t i = 0; scene_complete() && i < 4; i++) {
        bool first = true;
        scene_check_ticks(i, 1, at[i], 0, SPIN);
        for (uint32_t j = 0; j < i; j++)
            first = first && at[j] != at[i];
        moments += first;
    }
    tpps_check(!scene_complete() || moments == needed);
    for (uint32_t i = 0; i < 4; i++)
        scene_timer_finish(timer[i]);
    scene_close_pool(pool);
}

/* The one that all would have met is stopped: the other still comes in its window. */
SCENE(timer__r28_stopped_one_leaves_the_others_their_windows)
{
    tp_pool_t *pool = scene_settled(0, 2);
    tp_timer_t *a = scene_ticker(pool, A), *b = scene_ticker(pool, B);
    int64_t began = tpps_now();
    scene_timer_set(a, TP_CLOCK_RELATIVE, 10 * MS, 0, 30 * MS);
    scene_timer_set(b, TP_CLOCK_RELATIVE, 20 * MS, 0, 0);
    tpps_sleep((int64_t)tpps_choose(2) * MS);
    tpps_check(scene_timer_stop(b) == (b != NULL));
    scene_until(began + 50 * MS);
    if (a)
        scene_check_ticks(A, 1, began + 10 * MS, 0, 30 * MS + SPIN);
    tpps_check(scene_latest(B) == 0);
    scene_timer_finish(a);
    scene_timer_finish(b);
    scene_close_pool(pool);
}

/* ---- periods --------------------------------------------------------------------------------- */

/* [C-088] [D-29] No drift, whatever is woken for besides. */
static void grid(int64_t due, int64_t period, int64_t window)
{
    tp_pool_t *pool = scene_settled(1, 2);
    tp_timer_t *timer = scene_ticker(pool, A), *other = scene_ticker(pool, B);
    int64_t began = tpps_now();
    scene_timer_set(timer, TP_CLOCK_RELATIVE, due, period, window);
    scene_timer_every(other, 7 * MS / 3);
    scene_until(began + due + 10 * period - period / 2);
    tpps_check(scene_timer_stop(timer) == (timer != NULL));
    if (timer)
        scene_check_ticks(A, 10, began + due, period, window + SPIN);
    scene_timer_finish(other);
    scene_timer_finish(timer);
    scene_close_pool(pool);
}

SCENE(timer__c088_period_without_drift)
{
    grid(2 * MS, 3 * MS, 0);
}

SCENE(timer__c087_period_from_now_on)
{
    grid(0, 2 * MS, 0);
}

SCENE(timer__c088_period_with_a_window)
{
    grid(MS, 3 * MS, MS);
}

/* Each expiry of the grid may wait so long, and goes with another one in its window. */
SCENE(timer__c103_each_expiry_of_a_period_has_the_window)
{
    tp_pool_t *pool = scene_settled(0, 2);
    tp_timer_t *timer = scene_ticker(pool, A), *other = scene_ticker(pool, B);
    int64_t began = tpps_now();
    scene_timer_set(timer, TP_CLOCK_RELATIVE, 5 * MS, 10 * MS, 4 * MS);
    scene_timer_in(other, 18 * MS);
    scene_until(began + 22 * MS);
    tpps_check(scene_timer_stop(timer) == (timer != NULL));
    if (timer && other) {
        scene_check_ticks(A, 2, began + 9 * MS, 9 * MS, SPIN);
        scene_check_ticks(B, 1, began + 18 * MS, 0, SPIN);
    }
    scene_timer_finish(timer);
    scene_timer_finish(other);
    scene_close_pool(pool);
}

static void stay(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    scene_tick(instance, context, timer);
    tpps_busy(10 * MS + MS / 2);
}

/* At most one is pending: no backlog. */
SCENE(timer__skip_missed_keeps_one_pending)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer = scene_pool_timer(pool, stay, SCENE_WORD(A));
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    int64_t began = tpps_now();
    spec.due = spec.period = MS;
    spec.flags = TP_TIMER_SKIP_MISSED;
    tpps_check(!timer || tp_timer_set(timer, &spec, NULL) == TP_OK);
    scene_until(began + 60 * MS);
    tpps_check(scene_timer_stop(timer) == (timer != NULL));
    scene_timer_wait(timer);
    if (timer) /* one after another without a pause, and the one that was pending */
        scene_check_ticks(A, 7, began + MS, 10 * MS + MS / 2, 4 * MS + 7 * SPIN);
    scene_timer_close(timer);
    scene_close_pool(pool);
}

static void overlap(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)timer;
    uint32_t most = (uint32_t)(uintptr_t)context;
    uint32_t running = scene_next(STARTED) + 1;
    if (running > most)
        scene_add(WRONG, 1);
    if (running > 1)
        scene_add(OPEN, 1);
    tpps_busy(5 * MS);
    scene_add(STARTED, (uint32_t)-1);
    scene_add(RAN, 1);
}

/* [C-097] It overlaps with itself, up to its limit. */
static void limited(uint32_t limit, uint32_t most)
{
    tp_pool_t *pool = scene_pool(3, 3);
    tp_timer_t *timer = scene_timer(overlap, SCENE_WORD(most),
                                    &(struct scene_choice){.pool = pool, .limit = limit});
    scene_timer_every(timer, 2 * MS);
    tpps_sleep(21 * MS);
    tpps_check(scene_timer_stop(timer) == (timer != NULL));
    scene_timer_wait(timer);
    tpps_check(scene_latest(WRONG) == 0 && scene_latest(STARTED) == 0);
    tpps_check(!timer || (scene_latest(OPEN) > 0) == (most > 1));
    if (timer && (scene_latest(RAN) > 10 || scene_latest(RAN) < 8))
        tpps_fail("%u callbacks of 10 expiries", scene_latest(RAN));
    scene_timer_close(timer);
    scene_close_pool(pool);
}

SCENE(timer__c097_callbacks_overlap)
{
    limited(0, 3);
}

SCENE(timer__c097_callbacks_do_not_overlap_with_a_limit)
{
    limited(1, 1);
}

/* ---- odd times ------------------------------------------------------------------------------- */

/* So far away that it never comes, or with a period that never ends. */
SCENE(timer__times_to_the_end_of_time)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer[4];
    int64_t began = tpps_now();
    for (uint32_t i = 0; i < 4; i++)
        timer[i] = scene_ticker(pool, i);
    scene_timer_set(timer[A], TP_CLOCK_RELATIVE, INT64_MAX - 1, INT64_MAX, INT64_MAX);
    scene_timer_set(timer[B], TP_CLOCK_RELATIVE, MS, INT64_MAX, 0);
    scene_timer_set(timer[C], TP_CLOCK_MONOTONIC, INT64_MIN, INT64_MAX, INT64_MAX);
    scene_timer_set(timer[D], TP_CLOCK_REALTIME, INT64_MIN, 0, INT64_MAX);
    tpps_sleep(HOUR);
    if (timer[D]) {
        tpps_check(scene_latest(A) == 0);
        scene_check_ticks(B, 1, began + MS, 0, SPIN);
        tpps_check(scene_latest(C) == 1 && scene_latest(D) == 1);
        tpps_check(scene_timer_stop(timer[A]) && scene_timer_stop(timer[B]));
        tpps_check(scene_timer_stop(timer[C]) && !scene_timer_stop(timer[D]));
    }
    for (uint32_t i = 0; i < 4; i++)
        scene_timer_finish(timer[i]);
    scene_close_pool(pool);
}

/* Whoever waits is woken for other things again and again. */
SCENE(timer__r41_wakes_for_nothing_shorten_no_wait)
{
    tp_pool_t *pool = scene_settled(0, 2);
    tp_timer_t *timer = scene_ticker(pool, A), *other = scene_pool_timer(pool, stay, SCENE_WORD(B));
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    int64_t began = tpps_now();
    scene_timer_in(timer, 4 * MS);
    for (int i = 0; i < 6; i++) {
        scene_submit(work, 1);
        tpps_sleep(MS);
    }
    if (timer)
        scene_check_ticks(A, 1, began + 4 * MS, 0, SPIN);
    scene_timer_in(other, 0);
    int64_t waits = tpps_now();
    tpps_check(!other || tp_timer_wait(other, false, 3 * MS) == TP_ERR_TIMEOUT);
    tpps_check(!other || tpps_now() - waits >= 3 * MS);
    scene_finish(work);
    scene_timer_finish(timer);
    scene_timer_finish(other);
    scene_close_pool(pool);
}

/* [C-074] Once due it overtakes what is queued with a lower priority. */
SCENE(timer__c074_high_timer_overtakes_queued_work)
{
    tp_pool_t *pool = scene_settled(0, 1);
    tp_timer_t *timer =
        scene_timer(scene_tick, SCENE_WORD(A),
                    &(struct scene_choice){.pool = pool, .priority_plus_one = SCENE_HIGH});
    tp_timer_t *blocker = scene_pool_timer(pool, stay, SCENE_WORD(B));
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(D));
    scene_timer_in(blocker, 0);
    if (blocker)
        scene_await(B, 1);
    scene_submit(work, 3);
    scene_timer_in(timer, 2 * MS);
    tpps_sleep(9 * MS);
    tpps_check(scene_latest(D) == 0 && scene_latest(A) == 0);
    if (timer && work)
        scene_await(D, 1);
    tpps_check(scene_latest(A) == (timer ? 1 : 0));
    scene_finish(work);
    scene_timer_finish(timer);
    scene_timer_finish(blocker);
    scene_close_pool(pool);
}

/* ---- pools that callers drive ---------------------------------------------------------------- */

static void close_dry(tp_pool_t *pool)
{
    while (pool && tp_pool_run(pool, 0, 0, NULL) == TP_OK)
        ;
    scene_close_pool(pool);
}

/* Until just before a tick. Who has posted the last one may raise the flag again after that has
 * been run: it goes up in vain, once. */
static void expect_no_tick_until(tp_pool_t *pool, int fd, int64_t time)
{
    if (!tpps_poll(fd, time))
        return;
    tpps_check(tp_pool_run(pool, 0, 0, NULL) == TP_ERR_TIMEOUT);
    tpps_check(!tpps_poll(fd, time));
}

/* Nobody is inside: the flag goes up when it is due, not before. */
SCENE(timer__h_polled_pool_is_told_in_time)
{
    tp_pool_t *pool = scene_driven(0);
    tp_timer_t *timer = scene_ticker(pool, A);
    if (timer) {
        int fd = scene_flag_of(pool);
        int64_t began = tpps_now();
        scene_timer_every(timer, 3 * MS);
        for (int i = 1; i <= 4; i++) {
            expect_no_tick_until(pool, fd, began + i * 3 * MS - 1);
            tpps_check(tpps_poll(fd, began + i * 3 * MS + SPIN));
            tpps_check(tp_pool_run(pool, 0, 0, NULL) == TP_OK);
        }
        scene_check_ticks(A, 4, began + 3 * MS, 3 * MS, SPIN);
    }
    scene_timer_finish(timer);
    close_dry(pool);
}

/* Somebody is asleep in it, and comes back with what he ran. */
SCENE(timer__h_caller_asleep_inside_is_woken_in_time)
{
    tp_pool_t *pool = scene_driven(0);
    tp_timer_t *timer = scene_ticker(pool, A);
    if (timer) {
        int64_t began = tpps_now();
        scene_timer_every(timer, 3 * MS);
        for (uint32_t i = 1; i <= 4; i++) {
            uint32_t ran = 9;
            tpps_check(tp_pool_run(pool, 0, 2 * MS, &ran) == TP_ERR_TIMEOUT && ran == 0);
            tpps_check(tp_pool_run(pool, 0, SECOND, &ran) == TP_OK && ran == 1);
        }
        scene_check_ticks(A, 4, began + 3 * MS, 3 * MS, SPIN);
    }
    scene_timer_finish(timer);
    close_dry(pool);
}

static void set_from_outside(void *timer)
{
    tpps_sleep((int64_t)tpps_choose(2) * MS);
    scene_timer_set(timer, TP_CLOCK_RELATIVE, MS, 0, 0);
    scene_timer_set(timer, TP_CLOCK_RELATIVE, 2 * MS, 2 * MS, 0);
}

SCENE(timer__h_set_while_a_caller_sleeps)
{
    tp_pool_t *pool = scene_driven(0);
    tp_timer_t *timer = scene_ticker(pool, A);
    if (timer) {
        int64_t began = tpps_now();
        tpps_thread setter = tpps_spawn(set_from_outside, timer);
        for (int i = 0; i < 2; i++)
            tpps_check(tp_pool_run(pool, 1, SECOND, NULL) == TP_OK);
        tpps_join(setter);
        tpps_check(scene_tick_at(A, 0) - began <= 3 * MS + SPIN);
        tpps_check(scene_tick_at(A, 1) - scene_tick_at(A, 0) <= 2 * MS + SPIN);
    }
    scene_timer_finish(timer);
    close_dry(pool);
}

/* He leaves just before, or as it is due; whoever polls hears of it. */
SCENE(timer__h_caller_leaves_as_it_is_due)
{
    tp_pool_t *pool = scene_driven(0);
    tp_timer_t *timer = scene_ticker(pool, A);
    if (timer) {
        int fd = scene_flag_of(pool);
        int64_t began = tpps_now();
        scene_timer_in(timer, 3 * MS);
        tp_status_t status = tp_pool_run(pool, 0, 3 * MS - 1 + (int64_t)tpps_choose(3), NULL);
        if (status == TP_ERR_TIMEOUT) {
            tpps_check(tpps_poll(fd, began + 3 * MS + SPIN));
            tpps_check(tp_pool_run(pool, 0, 0, NULL) == TP_OK);
        }
        scene_check_ticks(A, 1, began + 3 * MS, 0, SPIN);
    }
    scene_timer_finish(timer);
    close_dry(pool);
}

static void run_and_stay(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpps_busy(10 * MS);
}

static void call_in(void *pool)
{
    tpps_check(tp_pool_run(pool, 1, SECOND, NULL) == TP_OK);
}

/* One is busy inside, the other comes when the flag goes up. */
SCENE(timer__h_caller_is_busy_when_it_is_due)
{
    tp_pool_t *pool = scene_driven(0);
    tp_timer_t *timer = scene_ticker(pool, A);
    tp_work_t *work = scene_pool_work(pool, run_and_stay, NULL);
    if (work) {
        int fd = scene_flag_of(pool);
        scene_timer_in(timer, 3 * MS);
        int64_t began = tpps_now();
        scene_submit(work, 1);
        tpps_thread other = tpps_spawn(call_in, pool);
        tpps_sleep(MS);
        while (scene_latest(A) == 0) {
            tpps_check(tpps_poll(fd, began + 7 * MS + SPIN));
            (void)tp_pool_run(pool, 0, 0, NULL);
        }
        tpps_join(other);
        scene_check_ticks(A, 1, began + 3 * MS, 0, 4 * MS + SPIN);
    }
    scene_finish(work);
    scene_timer_finish(timer);
    close_dry(pool);
}

/* ---- what can fail --------------------------------------------------------------------------- */

/* Creation fails and leaves all as it was; nothing that comes after it can. */
SCENE(timer__failed_creation_leaves_nothing)
{
    tp_pool_t *pool = scene_pool(0, 2);
    tp_env_t *env = pool ? scene_env(&(struct scene_choice){.pool = pool}) : NULL;
    tp_timer_t *timer = NULL;
    if (env) {
        uint32_t before = tpi_slab_in_use(TPI_KIND_TIMER);
        tp_status_t status = tp_timer_create(scene_tick, SCENE_WORD(A), env, &timer);
        if (status != TP_OK)
            tpps_check(!timer && tpi_slab_in_use(TPI_KIND_TIMER) == before);
        tpps_check(scene_made(status) == (timer != NULL));
    }
    tpps_check(tp_env_destroy(env) == TP_OK);
    if (timer) {
        tpps_forbid_alloc(true);
        scene_timer_in(timer, MS);
        scene_timer_every(timer, HOUR);
        tpps_check(scene_timer_stop(timer));
        scene_timer_in(timer, MS);
        tpps_forbid_alloc(false);
        scene_await(A, 1);
        tpps_forbid_alloc(true);
        scene_timer_wait(timer);
        scene_timer_close(timer);
        tpps_forbid_alloc(false);
    }
    scene_close_pool(pool);
}

/* The default pool is made for the first timer. */
SCENE(timer__default_pool_ticks)
{
    tp_timer_t *timer =
        scene_timer(scene_tick, SCENE_WORD(A), &(struct scene_choice){.default_pool = true});
    scene_keeps(timer || scene_sweeps() ? 1 : 0);
    scene_timer_every(timer, MS);
    if (timer)
        scene_await(A, 3);
    scene_timer_finish(timer);
}

#define EXACT .no_early = true
/* With a weak memory somebody may look at the clock for nothing, and take what is in its window. */
#define WINDOWED EXACT, .no_weak = true

static const struct tpps_scenario table[] = {
    {SCENE_ROW(timer__c103_windows_meet_at_the_one_that_has_none), WINDOWED},
    {SCENE_ROW(timer__c105_windows_meet_also_when_set_in_the_other_order), WINDOWED},
    {SCENE_ROW(timer__c104_windows_that_do_not_meet), WINDOWED},
    {SCENE_ROW(timer__c106_no_window_is_not_delayed_by_others), WINDOWED},
    {SCENE_ROW(timer__r28_shorter_window_comes_later), WINDOWED},
    {SCENE_ROW(timer__r28_windows_end_one_after_another), WINDOWED},
    {SCENE_ROW(timer__r28_random_windows_wake_as_seldom_as_can_be), WINDOWED},
    {SCENE_ROW(timer__r28_stopped_one_leaves_the_others_their_windows), WINDOWED},
    {SCENE_ROW(timer__c088_period_without_drift), EXACT},
    {SCENE_ROW(timer__c087_period_from_now_on), EXACT},
    {SCENE_ROW(timer__c088_period_with_a_window), EXACT},
    {SCENE_ROW(timer__c103_each_expiry_of_a_period_has_the_window), WINDOWED},
    {SCENE_ROW(timer__skip_missed_keeps_one_pending), EXACT, .no_weak = true},
    {SCENE_ROW(timer__c097_callbacks_overlap), EXACT},
    {SCENE_ROW(timer__c097_callbacks_do_not_overlap_with_a_limit), EXACT},
    {SCENE_ROW(timer__times_to_the_end_of_time), EXACT},
    {SCENE_ROW(timer__r41_wakes_for_nothing_shorten_no_wait), EXACT},
    {SCENE_ROW(timer__c074_high_timer_overtakes_queued_work), EXACT, .no_weak = true},
    {SCENE_ROW(timer__h_polled_pool_is_told_in_time), EXACT, .no_faults = true},
    {SCENE_ROW(timer__h_caller_asleep_inside_is_woken_in_time), EXACT, .no_faults = true},
    {SCENE_ROW(timer__h_set_while_a_caller_sleeps), EXACT, .no_faults = true},
    {SCENE_ROW(timer__h_caller_leaves_as_it_is_due), EXACT, .no_faults = true},
    {SCENE_ROW(timer__h_caller_is_busy_when_it_is_due), EXACT, .no_faults = true},
    {SCENE_ROW(timer__failed_creation_leaves_nothing), EXACT},
    {SCENE_ROW(timer__default_pool_ticks), EXACT, .no_faults = true},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
