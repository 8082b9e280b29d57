/* wait_unit_test.c - one unit is one callback: who gets it, and in which order. */
#include "tests/conformance/wait_scene.h"

/* ---- several waits on one thing -------------------------------------------------------------- */

/* Waits of one pool, each with a record of its own. */
enum { MANY = 8 };
struct crowd {
    struct hits hits[MANY];
    tp_wait_t *waits[MANY];
    tp_pool_t *pool;
    tp_env_t *env;
    int size;
};

static void crowd_begin(struct crowd *c, int size, uint32_t threads, tp_wait_fn callback)
{
    *c = (struct crowd){.size = size, .pool = stage_pool(threads > 1 ? threads : 0, threads)};
    c->env = stage_env(c->pool);
    for (int i = 0; i < size; i++)
        c->waits[i] = make_wait(callback, &c->hits[i], c->env);
}

static void crowd_end(struct crowd *c)
{
    for (int i = 0; i < c->size; i++)
        finish_wait(c->waits[i]);
    stage_expect_eq(tp_env_destroy(c->env), TP_OK);
    stage_expect_eq(tp_pool_close(c->pool), TP_OK);
}

static uint32_t crowd_runs(struct crowd *c)
{
    uint32_t runs = 0;
    for (int i = 0; i < c->size; i++)
        runs += stage_value(&c->hits[i].runs);
    return runs;
}

STAGE_TEST(wait_unit__c127_one_unit_is_one_callback_and_the_other_stays_armed)
{
    struct crowd c;
    tp_semaphore_t *semaphore = make_semaphore(0);
    crowd_begin(&c, 2, 2, hit);
    for (int i = 0; i < 2; i++)
        stage_expect(!arm(c.waits[i], tp_waitable_semaphore(semaphore)));
    stage_expect_eq(stage_stats(c.pool).waits_armed, 2);
    give(semaphore, 1);
    stage_await(&c.hits[0].runs, 1); /* who came first is served first */
    linger();
    stage_expect_eq(crowd_runs(&c), 1);
    stage_expect_eq(stage_stats(c.pool).waits_armed, 1);
    stage_expect_eq(drain(semaphore), 0);
    give(semaphore, 1);
    stage_await(&c.hits[1].runs, 1);
    linger();
    stage_expect_eq(crowd_runs(&c), 2);
    crowd_end(&c);
    stage_expect_eq(drain(semaphore), 0);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

STAGE_TEST(wait_unit__c128_two_units_are_two_callbacks)
{
    struct crowd c;
    tp_semaphore_t *semaphore = make_semaphore(0);
    crowd_begin(&c, 3, 2, hit);
    for (int i = 0; i < 3; i++)
        stage_expect(!arm(c.waits[i], tp_waitable_semaphore(semaphore)));
    give(semaphore, 2);
    stage_await(&c.hits[0].runs, 1);
    stage_await(&c.hits[1].runs, 1);
    linger();
    stage_expect_eq(crowd_runs(&c), 2);
    stage_expect_eq(drain(semaphore), 0);
    stage_expect(disarm(c.waits[2]));
    crowd_end(&c);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

STAGE_TEST(wait_unit__c129_manual_event_lets_every_wait_go)
{
    struct crowd c;
    tp_event_t *event = make_event(true, false);
    crowd_begin(&c, 3, 2, hit);
    for (int i = 0; i < 3; i++)
        stage_expect(!arm(c.waits[i], tp_waitable_event(event)));
    stage_expect_eq(tp_event_set(event), TP_OK);
    for (int i = 0; i < 3; i++)
        stage_await(&c.hits[i].runs, 1);
    stage_expect(is_set(event));
    linger();
    stage_expect_eq(crowd_runs(&c), 3);
    crowd_end(&c);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* Waits of two pools on one thing are served like those of one. */
STAGE_TEST(wait_unit__waits_of_two_pools_share_one_semaphore)
{
    struct crowd a, b;
    tp_semaphore_t *semaphore = make_semaphore(0);
    crowd_begin(&a, 1, 1, hit);
    crowd_begin(&b, 1, 1, hit);
    stage_expect(!arm(b.waits[0], tp_waitable_semaphore(semaphore)));
    stage_expect(!arm(a.waits[0], tp_waitable_semaphore(semaphore)));
    give(semaphore, 1);
    stage_await(&b.hits[0].runs, 1);
    linger();
    stage_expect_eq(crowd_runs(&a), 0);
    give(semaphore, 2);
    stage_await(&a.hits[0].runs, 1);
    stage_expect_eq(drain(semaphore), 1);
    crowd_end(&a);
    crowd_end(&b);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* ---- again and again ------------------------------------------------------------------------- */

/* Armed, and to set itself again so many times. */
static void begin_again(struct wait_scene *s, tp_waitable_t source, uint32_t times)
{
    scene_begin(s, 2, hit_again);
    s->hits.source = source;
    tpp_store_release(&s->hits.left, times);
    stage_expect(!arm(s->wait, source));
}

/* C-125: it sets itself again in each callback; no signal is lost, however they come. */
STAGE_TEST(wait_unit__c125_n_units_are_n_callbacks)
{
    struct wait_scene s;
    uint32_t units = (uint32_t)stage_times(3000, 9);
    tp_semaphore_t *semaphore = make_semaphore(units / 3); /* some lie there before it is set */
    begin_again(&s, tp_waitable_semaphore(semaphore), units);
    for (uint32_t i = 0; i < units / 3; i++)
        give(semaphore, 1);
    give(semaphore, units / 3);
    stage_await(&s.hits.runs, units);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), units);
    stage_expect_eq(drain(semaphore), 0);
    stage_expect(disarm(s.wait));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), units);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

STAGE_TEST(wait_unit__c125_manual_event_fires_as_often_as_it_is_set_again)
{
    struct wait_scene s;
    uint32_t times = (uint32_t)stage_times(1000, 5);
    tp_event_t *event = make_event(true, false);
    begin_again(&s, tp_waitable_event(event), times);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_await(&s.hits.runs, times + 1);
    linger();
    stage_expect_eq(stage_value(&s.hits.runs), times + 1);
    stage_expect_eq(stage_stats(s.pool).waits_armed, 0);
    scene_end(&s);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* An automatic event that is set by one thread each time the callback has told that it is armed. */
STAGE_TEST(wait_unit__c126_automatic_event_to_and_fro)
{
    struct wait_scene s;
    uint32_t times = (uint32_t)stage_times(300, 4);
    tp_event_t *event = make_event(false, false);
    begin_again(&s, tp_waitable_event(event), times);
    for (uint32_t i = 1; i <= times; i++) {
        stage_expect_eq(tp_event_set(event), TP_OK);
        stage_await(&s.hits.runs, i);
    }
    stage_expect(!is_set(event));
    stage_expect(disarm(s.wait));
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), times);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* One object armed from several threads at once: each unit is one callback all the same. */
struct feeder {
    tp_semaphore_t *semaphore;
    uint32_t units;
};

static void feed(void *context)
{
    struct feeder *feeder = context;
    for (uint32_t i = 0; i < feeder->units; i++) {
        give(feeder->semaphore, 1);
        if (tpp_random() % 8 == 0)
            dawdle();
    }
}

STAGE_TEST(wait_unit__c125_several_waits_eat_what_several_threads_feed)
{
    struct crowd c;
    tp_semaphore_t *semaphore = make_semaphore(0);
    struct feeder feeder = {semaphore, (uint32_t)stage_times(3000, 3)};
    uint32_t units = 2 * feeder.units;
    crowd_begin(&c, 3, 2, hit_again);
    for (int i = 0; i < 3; i++) {
        c.hits[i].source = tp_waitable_semaphore(semaphore);
        tpp_store_release(&c.hits[i].left, UINT32_MAX);
        stage_expect(!arm(c.waits[i], c.hits[i].source));
    }
    stage_thread_t other = stage_start(feed, &feeder);
    feed(&feeder);
    stage_join(other);
    for (uint32_t seen = crowd_runs(&c), looks = 0; seen < units && looks < 20000; looks++) {
        stage_pass(STAGE_MS);
        seen = crowd_runs(&c);
    }
    linger();
    stage_expect_eq(crowd_runs(&c), units);
    stage_expect_eq(drain(semaphore), 0);
    crowd_end(&c);
    stage_expect_eq(crowd_runs(&c), units);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* ---- threads and waits in one line ----------------------------------------------------------- */

struct line {
    tp_semaphore_t *semaphore;
    stage_counter_t served, end;
    struct stage_log log;
    tpp_u64 thread;
    tp_waitable_t source;
    tp_pool_t *pool;
    tp_env_t *env;
};

/* Of one pool with one thread. */
static void line_begin(struct line *line)
{
    *line = (struct line){.semaphore = make_semaphore(0), .pool = stage_pool(1, 1)};
    line->env = stage_env(line->pool);
    line->source = tp_waitable_semaphore(line->semaphore);
}

static void line_end(struct line *line)
{
    stage_expect_eq(tp_semaphore_close(line->semaphore), TP_OK);
    stage_expect_eq(tp_env_destroy(line->env), TP_OK);
    stage_expect_eq(tp_pool_close(line->pool), TP_OK);
}

static void serve(struct line *line, char name, tp_wait_result_t result)
{
    stage_expect_eq(result, TP_WAIT_SIGNALED);
    stage_log_add(&line->log, name);
    stage_add(&line->served, 1);
}

static void stand(struct line *line, char name)
{
    tpp_store_release(&line->thread, stage_self());
    serve(line, name, take_for(line->source, TP_INFINITE));
}

static void stand_first(void *context)
{
    stand(context, '1');
}

static void stand_second(void *context)
{
    stand(context, '2');
}

static bool is_asleep(void *context)
{
    struct line *line = context;
    uint64_t thread = tpp_load_acquire(&line->thread);
    return thread != 0 && tpp_thread_state(thread) == 'S';
}

/* The thread has nothing to sleep on but the semaphore. */
static stage_thread_t line_up(struct line *line, void (*body)(void *))
{
    tpp_store_release(&line->thread, 0);
    stage_thread_t thread = stage_start(body, line);
    stage_expect(stage_eventually(is_asleep, line));
    return thread;
}

static void log_w(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                  tp_wait_result_t result)
{
    (void)instance;
    (void)wait;
    serve(context, 'w', result);
}

static void log_v(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                  tp_wait_result_t result)
{
    (void)instance;
    (void)wait;
    serve(context, 'v', result);
}

STAGE_TEST(wait_unit__threads_and_waits_are_served_in_the_order_they_came)
{
    struct line line;
    line_begin(&line);
    tp_wait_t *w = make_wait(log_w, &line, line.env), *v = make_wait(log_v, &line, line.env);
    stage_thread_t first = line_up(&line, stand_first);
    stage_expect(!arm(w, line.source));
    stage_thread_t second = line_up(&line, stand_second);
    stage_expect(!arm(v, line.source));
    for (uint32_t i = 1; i <= 4; i++) {
        give(line.semaphore, 1);
        /* It was handed to the first in line: a newcomer finds nothing. */
        stage_expect_eq(take(line.source), TP_WAIT_TIMEOUT);
        stage_await(&line.served, i);
    }
    stage_join(first);
    stage_join(second);
    stage_expect(stage_log_is(&line.log, "1w2v"));
    finish_wait(w);
    finish_wait(v);
    line_end(&line);
}

/* Set again, it stands at the end. Disarmed or replaced, it has left the line. */
STAGE_TEST(wait_unit__a_wait_that_is_set_again_stands_at_the_end)
{
    struct line line;
    line_begin(&line);
    tp_wait_t *w = make_wait(log_w, &line, line.env), *v = make_wait(log_v, &line, line.env);
    stage_expect(!arm(w, line.source));
    stage_expect(!arm(v, line.source));
    stage_expect(arm(w, line.source));
    give(line.semaphore, 1);
    stage_await(&line.served, 1);
    give(line.semaphore, 1);
    stage_await(&line.served, 2);
    stage_expect(!arm(w, line.source));
    stage_expect(!arm(v, line.source));
    stage_expect(disarm(w));
    stage_expect(!arm(w, line.source));
    give(line.semaphore, 1);
    stage_await(&line.served, 3);
    give(line.semaphore, 1);
    stage_await(&line.served, 4);
    stage_expect(stage_log_is(&line.log, "vwvw"));
    finish_wait(w);
    finish_wait(v);
    line_end(&line);
}

static void stand_again_and_again(void *context)
{
    struct line *line = context;
    while (stage_value(&line->end) == 0)
        stand(line, 't');
}

static void log_w_again(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                        tp_wait_result_t result)
{
    struct line *line = context;
    (void)instance;
    stage_expect_eq(result, TP_WAIT_SIGNALED);
    stage_log_add(&line->log, 'w');
    stage_expect(!arm(wait, line->source));
    stage_add(&line->served, 1);
}

/* A thread that waits again and again and a wait that is set again and again. */
STAGE_TEST(wait_unit__a_thread_and_a_wait_take_turns)
{
    struct line line;
    line_begin(&line);
    tp_wait_t *wait = make_wait(log_w_again, &line, line.env);
    char expected[STAGE_LOG_MAX] = "";
    uint32_t turns = (uint32_t)stage_times(20, 4);
    stage_thread_t thread = line_up(&line, stand_again_and_again);
    stage_expect(!arm(wait, line.source));
    for (uint32_t i = 0; i < turns; i++) {
        expected[i] = i % 2 ? 'w' : 't';
        if (i + 1 == turns)
            stage_add(&line.end, 1); /* the wait takes the last; the thread takes one more */
        give(line.semaphore, 1);
        stage_await(&line.served, i + 1);
        stage_expect(stage_eventually(is_asleep, &line)); /* both stand in line again */
    }
    give(line.semaphore, 1);
    stage_join(thread);
    expected[turns] = 't';
    expected[turns + 1] = 0;
    stage_expect(stage_log_is(&line.log, expected));
    finish_wait(wait);
    line_end(&line);
}

/* ---- a signal and the end of the time -------------------------------------------------------- */

struct releaser {
    tp_semaphore_t *semaphore;
    stage_counter_t go;
    int64_t when;
};

static void release_then(void *context)
{
    struct releaser *releaser = context;
    stage_until(releaser->when);
    give(releaser->semaphore, 1);
}

/* The time runs out at the very moment of the signal: C-141, R-02. */
STAGE_TEST(wait_unit__c141_r02_signal_at_the_instant_of_the_timeout)
{
    struct wait_scene s;
    tp_semaphore_t *semaphore = make_semaphore(0);
    uint32_t lost = 0, rounds = (uint32_t)stage_times(400, 2), signals = 0;
    scene_begin(&s, 2, hit);
    for (uint32_t i = 1; i <= rounds; i++) {
        struct releaser releaser = {.semaphore = semaphore};
        int64_t span = stage_in_simulator ? STAGE_MS : 1 + (int64_t)(tpp_random() % 200000);
        uint32_t before = stage_value(&s.hits.signaled);
        releaser.when = stage_now() + span;
        stage_thread_t thread = stage_start(release_then, &releaser);
        stage_expect(!arm_clock(s.wait, tp_waitable_semaphore(semaphore), TP_CLOCK_MONOTONIC,
                                releaser.when));
        stage_join(thread);
        stage_await(&s.hits.runs, i);
        stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
        stage_expect_eq(stage_value(&s.hits.runs), i);
        bool signaled = stage_value(&s.hits.signaled) > before;
        stage_expect_eq(drain(semaphore), !signaled);
        signals += signaled;
        lost += !signaled;
    }
    stage_expect_eq(stage_value(&s.hits.signaled), signals);
    stage_expect_eq(stage_value(&s.hits.timed_out), lost);
    scene_end(&s);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* The same with no thread to start: the callbacks of a timer give. Many times on real threads. */
static void give_on_expiry(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct releaser *releaser = context;
    (void)instance;
    (void)timer;
    give(releaser->semaphore, 1);
    stage_add(&releaser->go, 1);
}

STAGE_TEST(wait_unit__c141_a_timer_gives_when_the_time_runs_out)
{
    struct wait_scene s;
    struct releaser releaser = {.semaphore = make_semaphore(0)};
    tp_timer_spec_t due = TP_TIMER_SPEC_INIT;
    tp_timer_t *timer = NULL;
    scene_begin(&s, 2, hit);
    stage_expect_eq(tp_env_set_context_release(s.env, NULL), TP_OK);
    stage_expect_eq(tp_timer_create(give_on_expiry, &releaser, s.env, &timer), TP_OK);
    due.clock = TP_CLOCK_MONOTONIC;
    for (uint32_t i = 1; i <= (uint32_t)stage_times(2000, 3); i++) {
        uint32_t before = stage_value(&s.hits.signaled);
        due.due = stage_now() + stage_times(100000, STAGE_MS);
        stage_expect_eq(tp_timer_set(timer, &due, NULL), TP_OK);
        (void)arm_clock(s.wait, tp_waitable_semaphore(releaser.semaphore), TP_CLOCK_MONOTONIC,
                        due.due + (stage_in_simulator ? 0 : (int64_t)(tpp_random() % 20000)));
        stage_await(&releaser.go, i);
        stage_await(&s.hits.runs, i);
        stage_expect_eq(tp_wait_wait(s.wait, false, TP_INFINITE), TP_OK);
        stage_expect_eq(stage_value(&s.hits.runs), i);
        stage_expect_eq(drain(releaser.semaphore), stage_value(&s.hits.signaled) == before ? 1 : 0);
    }
    stage_expect_eq(tp_timer_wait(timer, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_timer_close(timer), TP_OK);
    scene_end(&s);
    stage_expect_eq(tp_semaphore_close(releaser.semaphore), TP_OK);
}

STAGE_MAIN(STAGE_CASE(wait_unit__c127_one_unit_is_one_callback_and_the_other_stays_armed),
           STAGE_CASE(wait_unit__c128_two_units_are_two_callbacks),
           STAGE_CASE(wait_unit__c129_manual_event_lets_every_wait_go),
           STAGE_CASE(wait_unit__waits_of_two_pools_share_one_semaphore),
           STAGE_CASE(wait_unit__c125_n_units_are_n_callbacks),
           STAGE_CASE(wait_unit__c125_manual_event_fires_as_often_as_it_is_set_again),
           STAGE_CASE(wait_unit__c126_automatic_event_to_and_fro),
           STAGE_CASE_X(wait_unit__c125_several_waits_eat_what_several_threads_feed,
                        .no_early = true),
           STAGE_CASE(wait_unit__threads_and_waits_are_served_in_the_order_they_came),
           STAGE_CASE(wait_unit__a_wait_that_is_set_again_stands_at_the_end),
           STAGE_CASE(wait_unit__a_thread_and_a_wait_take_turns),
           STAGE_CASE(wait_unit__c141_r02_signal_at_the_instant_of_the_timeout),
           STAGE_CASE_X(wait_unit__c141_a_timer_gives_when_the_time_runs_out, .no_early = true))
