/* wait_driven_test.c - waits of caller-driven pools: who waits inside, and who polls outside. */
#include "tests/conformance/driven_scene.h"
#include "tests/conformance/wait_scene.h"
#include "tests/conformance/wire.h"

/* ---- pools ----------------------------------------------------------------------------------- */

/* s->pool has no threads; the wait is made. */
static void driven_begin(struct wait_scene *s, uint32_t maximum, tp_wait_fn callback)
{
    scene_prepare_on(s, driven(maximum));
    scene_make(s, callback);
}

/* Turns until so many have run; a turn may find nothing, once in a while. */
static void turn_until(struct wait_scene *s, uint32_t runs)
{
    for (uint32_t turns = 0; stage_value(&s->hits.runs) < runs && turns < 100; turns++) {
        uint32_t ran = 0;
        tp_status_t status = tp_pool_run(s->pool, 0, STAGE_S, &ran);
        stage_expect(status == TP_OK || status == TP_ERR_TIMEOUT);
    }
    stage_expect_eq(stage_value(&s->hits.runs), runs);
}

/* ---- inside ---------------------------------------------------------------------------------- */

/* Posted by whoever signals, run by whoever turns. */
STAGE_TEST(wait_driven__runs_in_the_thread_that_turns)
{
    struct wait_scene s;
    tp_semaphore_t *semaphore = make_semaphore(0);
    uint32_t before = stage_library_threads();
    driven_begin(&s, 1, hit);
    stage_expect(!arm(s.wait, tp_waitable_semaphore(semaphore)));
    stage_expect_eq(turn(s.pool, 0), 0);
    give(semaphore, 1);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    stage_expect_eq(turn(s.pool, 0), 1);
    stage_expect_eq(stage_value(&s.hits.signaled), 1);
    stage_expect_eq(tpp_load_acquire(&s.hits.thread), stage_self());
    stage_expect(!arm_for(s.wait, tp_waitable_semaphore(semaphore), 0));
    stage_expect_eq(turn(s.pool, 0), 1);
    stage_expect_eq(stage_value(&s.hits.timed_out), 1);
    stage_expect_eq(turn(s.pool, 0), 0);
    stage_expect(stage_library_threads() <= before);
    stage_expect_eq(stage_stats(s.pool).threads, 0);
    scene_end(&s);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

static void run_once(void *context)
{
    struct hits *hits = context;
    stage_add(&hits->told, 1);
    turn_once(hits->pool);
}

/* Who sleeps inside is woken by what is signaled, be it armed before or after he went in. */
STAGE_TEST(wait_driven__signal_reaches_who_is_inside_already)
{
    struct wait_scene s;
    tp_event_t *event = make_event(false, false);
    int fd = wire_open(0);
    driven_begin(&s, 2, hit);
    for (uint32_t i = 0; i < 4; i++) {
        tp_waitable_t source = i < 2 ? tp_waitable_event(event) : wire_source(fd);
        if (i % 2)
            stage_expect(!arm(s.wait, source));
        stage_thread_t thread = stage_start(run_once, &s.hits);
        stage_await(&s.hits.told, i + 1);
        stage_rest();
        if (i % 2 == 0)
            stage_expect(!arm(s.wait, source));
        stage_expect_eq(stage_value(&s.hits.runs), i);
        if (i < 2)
            stage_expect_eq(tp_event_set(event), TP_OK);
        else
            wire_raise(fd);
        stage_join(thread);
        stage_expect_eq(stage_value(&s.hits.signaled), i + 1);
        if (i >= 2)
            wire_clear(fd);
    }
    scene_end(&s);
    stage_expect_eq(tp_event_close(event), TP_OK);
    wire_close(fd);
}

STAGE_TEST(wait_driven__run_returns_when_the_time_runs_out)
{
    struct wait_scene s;
    int fd = wire_open(0);
    uint32_t ran = 0;
    driven_begin(&s, 1, hit);
    for (uint32_t i = 0; i < 2; i++) {
        int64_t due = stage_now() + 10 * STAGE_MS;
        stage_expect(!arm_for(s.wait, i ? wire_source(fd) : tp_waitable_never(), 10 * STAGE_MS));
        stage_expect_eq(tp_pool_run(s.pool, 0, TP_INFINITE, &ran), TP_OK);
        stage_expect_eq(ran, 1);
        expect_at(hit_at(&s.hits, i), due);
        expect_at(stage_now(), due);
    }
    stage_expect_eq(stage_value(&s.hits.timed_out), 2);
    int64_t now = stage_now();
    stage_expect(!arm(s.wait, wire_source(fd)));
    stage_expect_eq(tp_pool_run(s.pool, 0, 5 * STAGE_MS, &ran), TP_ERR_TIMEOUT);
    stage_expect_eq(ran, 0);
    expect_at(stage_now(), now + 5 * STAGE_MS);
    scene_end(&s);
    wire_close(fd);
}

/* Nobody was inside when it became readable, or when the time ran out: found at the next call. */
STAGE_TEST(wait_driven__signaled_while_nobody_is_inside)
{
    struct wait_scene s;
    int fd = wire_open(0);
    driven_begin(&s, 1, hit);
    stage_expect(!arm(s.wait, wire_source(fd)));
    stage_expect_eq(turn(s.pool, 0), 0);
    wire_raise(fd);
    stage_pass(5 * STAGE_MS);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
    turn_until(&s, 1);
    stage_expect_eq(tpp_load_acquire(&s.hits.events), POLLIN);
    stage_expect(!arm(s.wait, wire_source(fd))); /* it is readable still */
    turn_until(&s, 2);
    stage_expect_eq(turn(s.pool, 0), 0);
    wire_clear(fd);
    stage_expect(!arm_for(s.wait, wire_source(fd), 5 * STAGE_MS));
    stage_pass(20 * STAGE_MS);
    stage_expect_eq(stage_value(&s.hits.runs), 2);
    turn_until(&s, 3);
    stage_expect_eq(stage_value(&s.hits.timed_out), 1);
    scene_end(&s);
    wire_close(fd);
}

STAGE_TEST(wait_driven__sets_itself_again_turn_by_turn)
{
    struct wait_scene s;
    tp_semaphore_t *semaphore = make_semaphore(0);
    driven_begin(&s, 1, hit_again);
    s.hits.source = tp_waitable_semaphore(semaphore);
    tpp_store_release(&s.hits.left, 100);
    stage_expect(!arm(s.wait, s.hits.source));
    for (uint32_t i = 1; i <= 5; i++) {
        give(semaphore, 1);
        stage_expect_eq(turn(s.pool, 1), 1);
        stage_expect_eq(stage_value(&s.hits.signaled), i);
    }
    give(semaphore, 3);
    uint32_t ran = 0;
    while (ran < 3)
        ran += turn(s.pool, 0);
    stage_expect_eq(turn(s.pool, 0), 0);
    stage_expect_eq(stage_value(&s.hits.signaled), 8);
    stage_expect_eq(drain(semaphore), 0);
    scene_end(&s);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
}

/* A mutex is owned by the thread that turns, while the callback runs. */
static void own_it(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                   tp_wait_result_t result)
{
    struct hits *hits = context;
    hit(instance, context, wait, result);
    stage_expect_eq(tp_mutex_release(hits->mutex), TP_OK);
}

STAGE_TEST(wait_driven__c137_the_thread_that_turns_owns_the_mutex)
{
    struct wait_scene s;
    tp_mutex_t *mutex = make_mutex(true);
    driven_begin(&s, 1, own_it);
    s.hits.mutex = mutex;
    stage_expect(!arm(s.wait, tp_waitable_mutex(mutex)));
    stage_expect_eq(turn(s.pool, 0), 0);
    stage_expect_eq(tp_mutex_release(mutex), TP_OK);
    stage_expect_eq(tp_mutex_release(mutex), TP_ERR_NOT_OWNER); /* not before it runs */
    stage_expect_eq(turn(s.pool, 0), 1);
    stage_expect_eq(tp_mutex_release(mutex), TP_ERR_NOT_OWNER);
    stage_expect_eq(take(tp_waitable_mutex(mutex)), TP_WAIT_SIGNALED);
    scene_end(&s);
    stage_expect_eq(tp_mutex_close(mutex), TP_OK);
}

STAGE_TEST(wait_driven__group_close_drops_and_disarms)
{
    struct wait_scene s;
    tp_cleanup_group_t *group;
    tp_event_t *event = make_event(true, true);
    int fd = wire_open(0);
    scene_prepare_on(&s, driven(1));
    stage_expect_eq(tp_cleanup_group_create(&group), TP_OK);
    stage_expect_eq(tp_env_set_cleanup_group(s.env, group, count_cancel), TP_OK);
    stage_expect(!arm(make_wait(hit, &s.hits, s.env), tp_waitable_event(event)));
    stage_expect(!arm(make_wait(hit, &s.hits, s.env), wire_source(fd)));
    stage_expect_eq(tp_cleanup_group_close_members(group, true, NULL), TP_OK);
    stage_expect_eq(stage_value(&s.hits.cancelled), 2);
    wire_raise(fd);
    stage_expect_eq(turn(s.pool, 0), 0);
    stage_expect_eq(tp_cleanup_group_close(group) | tp_event_close(event), TP_OK);
    wire_close(fd);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.runs), 0);
}

/* ---- outside --------------------------------------------------------------------------------- */

/* Polls and turns as a foreign loop does, until one callback has run. */
static void loop_until_one(struct wait_scene *s, int fd, uint32_t runs)
{
    uint32_t ran = 0, empty = 0;
    while (ran == 0 && empty < 100 && wait_readable(fd)) {
        ran = turn(s->pool, 0);
        empty += ran == 0; /* readable for nothing, once in a while */
    }
    stage_expect_eq(ran, 1);
    stage_expect_eq(stage_value(&s->hits.runs), runs);
}

STAGE_TEST(wait_driven__descriptor_is_readable_when_a_native_wait_is_signaled)
{
    struct wait_scene s;
    tp_event_t *event = make_event(false, false);
    int fd = -1;
    driven_begin(&s, 1, hit);
    stage_expect_eq(tp_pool_poll_fd(s.pool, &fd), TP_OK);
    for (uint32_t i = 1; i <= 2; i++) {
        stage_expect(!arm(s.wait, tp_waitable_event(event)));
        stage_expect(lowered(s.pool, fd));
        stage_expect_eq(tp_event_set(event), TP_OK);
        stage_expect(readable(fd));
        stage_expect_eq(turn(s.pool, 0), 1);
        stage_expect(lowered(s.pool, fd));
    }
    int64_t due = stage_now();
    stage_expect(!arm_for(s.wait, tp_waitable_never(), 0));
    stage_expect(wait_readable(fd));
    stage_expect_eq(turn(s.pool, 0), 1);
    expect_at(hit_at(&s.hits, 2), due);
    due = stage_now() + 10 * STAGE_MS;
    stage_expect(!arm_for(s.wait, tp_waitable_event(event), 10 * STAGE_MS));
    loop_until_one(&s, fd, 4);
    expect_at(hit_at(&s.hits, 3), due);
    stage_expect_eq(stage_value(&s.hits.timed_out), 2);
    stage_expect(lowered(s.pool, fd));
    scene_end(&s);
    stage_expect_eq(tp_event_close(event), TP_OK);
}

/* Though nobody is in tp_pool_run, it becomes readable when what a wait is armed on does. */
STAGE_TEST(wait_driven__descriptor_is_readable_when_a_descriptor_of_a_wait_is)
{
    struct wait_scene s;
    int fd = -1, source = wire_open(0);
    driven_begin(&s, 1, hit);
    stage_expect_eq(tp_pool_poll_fd(s.pool, &fd), TP_OK);
    for (uint32_t i = 1; i <= 3; i++) {
        stage_expect(!arm(s.wait, wire_source(source)));
        stage_expect_eq(turn(s.pool, 0), 0);
        wire_raise(source);
        loop_until_one(&s, fd, i);
        stage_expect_eq(tpp_load_acquire(&s.hits.events), POLLIN);
        wire_clear(source);
        stage_expect_eq(turn(s.pool, 0), 0);
    }
    wire_raise(source);
    stage_expect(!arm(s.wait, wire_source(source))); /* readable when it is set */
    loop_until_one(&s, fd, 4);
    stage_expect(!arm_for(s.wait, wire_source(source), FAR_AWAY));
    loop_until_one(&s, fd, 5);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.hits.signaled), 5);
    wire_close(source);
}

/* Armed and readable before anybody asked for the descriptor. */
STAGE_TEST(wait_driven__descriptor_that_is_asked_for_late)
{
    struct wait_scene s;
    int fd = -1, source = wire_open(0);
    driven_begin(&s, 1, hit);
    stage_expect(!arm(s.wait, wire_source(source)));
    wire_raise(source);
    stage_pass(5 * STAGE_MS);
    stage_expect_eq(tp_pool_poll_fd(s.pool, &fd), TP_OK);
    loop_until_one(&s, fd, 1);
    wire_clear(source);
    stage_expect(!arm(s.wait, wire_source(source)));
    wire_raise(source);
    loop_until_one(&s, fd, 2);
    scene_end(&s);
    wire_close(source);
}

/* What nobody is armed on any more leaves the pool's descriptor in peace, readable as it stays. */
STAGE_TEST(wait_driven__what_nobody_waits_for_does_not_raise_the_descriptor)
{
    struct wait_scene s;
    int fd = -1, source = wire_open(0);
    uint32_t raised = 0;
    driven_begin(&s, 1, hit);
    stage_expect_eq(tp_pool_poll_fd(s.pool, &fd), TP_OK);
    stage_expect(!arm(s.wait, wire_source(source)));
    stage_expect(disarm(s.wait));
    wire_raise(source);
    for (int i = 0; i < 20; i++) {
        stage_pass(STAGE_MS);
        raised += readable(fd);
        stage_expect_eq(turn(s.pool, 0), 0);
    }
    stage_expect(raised < 10); /* once for nothing, but not for ever */
    stage_expect(lowered(s.pool, fd));
    stage_expect(!arm(s.wait, wire_source(source)));
    loop_until_one(&s, fd, 1);
    raised = 0;
    for (int i = 0; i < 20; i++) {
        stage_pass(STAGE_MS);
        raised += readable(fd);
        stage_expect_eq(turn(s.pool, 0), 0);
    }
    stage_expect(raised < 10);
    stage_expect(lowered(s.pool, fd));
    scene_end(&s);
    wire_close(source);
}

#define TIMED(name) STAGE_CASE_X(name, .no_early = true)

STAGE_MAIN(STAGE_CASE(wait_driven__runs_in_the_thread_that_turns),
           TIMED(wait_driven__signal_reaches_who_is_inside_already),
           TIMED(wait_driven__run_returns_when_the_time_runs_out),
           TIMED(wait_driven__signaled_while_nobody_is_inside),
           STAGE_CASE(wait_driven__sets_itself_again_turn_by_turn),
           STAGE_CASE(wait_driven__c137_the_thread_that_turns_owns_the_mutex),
           TIMED(wait_driven__group_close_drops_and_disarms),
           TIMED(wait_driven__descriptor_is_readable_when_a_native_wait_is_signaled),
           TIMED(wait_driven__descriptor_is_readable_when_a_descriptor_of_a_wait_is),
           TIMED(wait_driven__descriptor_that_is_asked_for_late),
           TIMED(wait_driven__what_nobody_waits_for_does_not_raise_the_descriptor))
