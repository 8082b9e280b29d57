/* wait_many_test.c - many waits at once: on one thing each, and all on one. */
#include <string.h>

#include "tests/conformance/wait_scene.h"
#include "tests/conformance/wire.h"

/* 512 as in the contract; a few where each is tried in many orders. */
enum { MOST = 512 };
#define COUNT ((uint32_t)stage_times(MOST, 6))

struct many {
    struct one {
        struct many *all;
        tpp_u32 signaled, timed_out, released;
        tp_wait_t *wait;
        tp_semaphore_t *semaphore;
    } one[MOST];
    stage_counter_t runs, gone;
    tpp_u32 over; /* 1: nothing may run any more */
    tpp_u32 last; /* whose callback ran last, from 1 */
    tp_pool_t *pool;
    tp_env_t *env;
};

static void run_one(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                    tp_wait_result_t result)
{
    struct one *one = context;
    (void)instance;
    stage_expect_eq(tpp_load_acquire(&one->all->over), 0);
    stage_expect(wait == one->wait);
    stage_expect(result == TP_WAIT_SIGNALED || result == TP_WAIT_TIMEOUT);
    tpp_add_acq_rel(result == TP_WAIT_SIGNALED ? &one->signaled : &one->timed_out, 1);
    tpp_store_release(&one->all->last, (uint32_t)(one - one->all->one) + 1);
    stage_add(&one->all->runs, 1);
}

static void release_one(void *context)
{
    struct one *one = context;
    tpp_add_acq_rel(&one->released, 1);
    stage_add(&one->all->gone, 1);
}

static struct many *many_begin(uint32_t threads)
{
    static struct many many;
    memset(&many, 0, sizeof many);
    many.pool = stage_pool(0, threads);
    many.env = stage_env(many.pool);
    stage_expect_eq(tp_env_set_context_release(many.env, release_one), TP_OK);
    for (uint32_t i = 0; i < COUNT; i++) {
        many.one[i].all = &many;
        many.one[i].wait = make_wait(run_one, &many.one[i], many.env);
        many.one[i].semaphore = make_semaphore(0);
    }
    return &many;
}

/* Each closed unless it was, and released once. */
static void many_end(struct many *m)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        if (m->one[i].wait)
            finish_wait(m->one[i].wait);
        if (m->one[i].semaphore)
            stage_expect_eq(tp_semaphore_close(m->one[i].semaphore), TP_OK);
    }
    stage_await(&m->gone, COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect_eq(tpp_load_acquire(&m->one[i].released), 1);
    stage_expect_eq(tp_env_destroy(m->env), TP_OK);
    stage_expect_eq(tp_pool_close(m->pool), TP_OK);
}

static tp_waitable_t source_of(struct many *m, uint32_t i)
{
    return tp_waitable_semaphore(m->one[i].semaphore);
}

/* ---- each on its own ------------------------------------------------------------------------- */

STAGE_TEST(wait_many__c133_each_is_signaled_on_its_own_forward_and_backward)
{
    struct many *m = many_begin(2);
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < COUNT; i++)
            stage_expect(!arm(m->one[i].wait, source_of(m, i)));
        stage_expect_eq(stage_stats(m->pool).waits_armed, COUNT);
        for (uint32_t i = 0; i < COUNT; i++) {
            uint32_t which = pass == 0 ? i : COUNT - 1 - i;
            give(m->one[which].semaphore, 1);
            stage_await(&m->runs, pass * COUNT + i + 1);
            stage_expect_eq(tpp_load_acquire(&m->last), which + 1);
            stage_expect_eq(tpp_load_acquire(&m->one[which].signaled), pass + 1);
        }
    }
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect_eq(drain(m->one[i].semaphore), 0);
    stage_expect_eq(stage_value(&m->runs), 2 * COUNT);
    many_end(m);
}

STAGE_TEST(wait_many__c133_all_are_signaled_at_once)
{
    struct many *m = many_begin(2);
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect(!arm(m->one[i].wait, source_of(m, i)));
    for (uint32_t i = 0; i < COUNT; i++)
        give(m->one[i].semaphore, 2);
    stage_await(&m->runs, COUNT);
    linger();
    for (uint32_t i = 0; i < COUNT; i++) {
        stage_expect_eq(tpp_load_acquire(&m->one[i].signaled), 1);
        stage_expect_eq(drain(m->one[i].semaphore), 1);
    }
    many_end(m);
}

STAGE_TEST(wait_many__c134_all_time_out)
{
    struct many *m = many_begin(2);
    int64_t span = stage_times(20, 50) * STAGE_MS, due = stage_now() + span;
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect(!arm_for(m->one[i].wait, source_of(m, i), span));
    stage_await(&m->runs, COUNT);
    expect_at(stage_now(), due);
    for (uint32_t i = 0; i < COUNT; i++) {
        give(m->one[i].semaphore, 1);
        stage_expect_eq(tpp_load_acquire(&m->one[i].timed_out), 1);
    }
    linger();
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect_eq(drain(m->one[i].semaphore), 1);
    stage_expect_eq(stage_value(&m->runs), COUNT);
    stage_expect_eq(stage_stats(m->pool).waits_armed, 0);
    many_end(m);
}

/* Every other one is signaled, the rest time out: each one or the other. */
STAGE_TEST(wait_many__c134_half_are_signaled_and_half_time_out)
{
    struct many *m = many_begin(2);
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect(!arm_for(m->one[i].wait, source_of(m, i), (1 + i % 7) * STAGE_MS));
    for (uint32_t i = 0; i < COUNT; i += 2)
        give(m->one[i].semaphore, 1);
    stage_await(&m->runs, COUNT);
    linger();
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t signaled = tpp_load_acquire(&m->one[i].signaled);
        stage_expect_eq(signaled + tpp_load_acquire(&m->one[i].timed_out), 1);
        stage_expect(i % 2 == 0 || signaled == 0);
        stage_expect_eq(drain(m->one[i].semaphore), i % 2 == 0 && signaled == 0);
    }
    many_end(m);
}

/* ---- closed while armed ---------------------------------------------------------------------- */

/* The wait, then at once what it was armed on, which is signaled meanwhile or not. */
STAGE_TEST(wait_many__c135_close_the_wait_and_at_once_its_source)
{
    struct many *m = many_begin(2);
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect(!arm_for(m->one[i].wait, source_of(m, i), i % 2 ? FAR_AWAY : TP_INFINITE));
    tpp_store_release(&m->over, 1);
    for (uint32_t i = 0; i < COUNT; i++) {
        stage_expect_eq(tp_wait_close(m->one[i].wait), TP_OK);
        m->one[i].wait = NULL;
        if (i % 3 == 0) {
            give(m->one[i].semaphore, 1);
            stage_expect_eq(drain(m->one[i].semaphore), 1);
        }
        stage_expect_eq(tp_semaphore_close(m->one[i].semaphore), TP_OK);
        m->one[i].semaphore = NULL;
    }
    stage_expect_eq(stage_stats(m->pool).waits_armed, 0);
    linger();
    stage_expect_eq(stage_value(&m->runs), 0);
    many_end(m);
}

/* The same with descriptors, which are readable as soon as they may be. */
STAGE_TEST(wait_many__c135_r34_close_the_wait_and_at_once_its_descriptor)
{
    struct many *m = many_begin(2);
    uint32_t count = (uint32_t)stage_times(256, 4);
    int fds[256];
    for (uint32_t i = 0; i < count; i++) {
        fds[i] = wire_open((int)i);
        stage_expect(!arm(m->one[i].wait, wire_source(fds[i])));
    }
    stage_expect_eq(stage_stats(m->pool).waits_armed, count);
    tpp_store_release(&m->over, 1);
    for (uint32_t i = 0; i < count; i++) {
        stage_expect_eq(tp_wait_close(m->one[i].wait), TP_OK);
        m->one[i].wait = NULL;
        if (i % 2)
            wire_raise(fds[i]);
        wire_close(fds[i]);
    }
    linger();
    stage_expect_eq(stage_value(&m->runs), 0);
    many_end(m);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void count_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    stage_add(context, 1);
}

/* C-145: the waits need no thread while they wait, and leave the only one to others. */
STAGE_TEST(wait_many__c145_armed_waits_take_no_thread)
{
    struct many *m = many_begin(1);
    stage_counter_t done = {0};
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect(!arm_for(m->one[i].wait, source_of(m, i), i % 2 ? FAR_AWAY : TP_INFINITE));
    stage_expect_eq(tp_env_set_context_release(m->env, NULL), TP_OK);
    tp_work_t *work = stage_work(count_work, &done, m->env);
    for (uint32_t i = 1; i <= 20; i++) {
        stage_expect_eq(tp_work_submit(work), TP_OK);
        stage_await(&done, i);
    }
    stage_expect(stage_stats(m->pool).threads <= 1);
    stage_expect_eq(stage_stats(m->pool).waits_armed, COUNT);
    give(m->one[0].semaphore, 1);
    stage_await(&m->runs, 1);
    stage_finish(work);
    many_end(m);
}

/* ---- all on one ------------------------------------------------------------------------------ */

STAGE_TEST(wait_many__all_on_one_manual_event)
{
    struct many *m = many_begin(2);
    tp_event_t *event = make_event(true, false);
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect(!arm(m->one[i].wait, tp_waitable_event(event)));
    for (uint32_t i = 0; i < COUNT; i += 4)
        stage_expect(disarm(m->one[i].wait));
    uint32_t armed = COUNT - (COUNT + 3) / 4;
    stage_expect_eq(stage_stats(m->pool).waits_armed, armed);
    stage_expect_eq(tp_event_set(event), TP_OK);
    stage_await(&m->runs, armed);
    linger();
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect_eq(tpp_load_acquire(&m->one[i].signaled), i % 4 != 0);
    stage_expect_eq(tp_event_close(event), TP_OK);
    many_end(m);
}

/* Units for some of them: those who came first get them, and the rest stay armed. */
STAGE_TEST(wait_many__c128_all_on_one_semaphore)
{
    struct many *m = many_begin(2);
    tp_semaphore_t *semaphore = make_semaphore(0);
    uint32_t some = COUNT / 3;
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect(!arm(m->one[i].wait, tp_waitable_semaphore(semaphore)));
    give(semaphore, some);
    stage_await(&m->runs, some);
    linger();
    stage_expect_eq(stage_value(&m->runs), some);
    stage_expect_eq(stage_stats(m->pool).waits_armed, COUNT - some);
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect_eq(tpp_load_acquire(&m->one[i].signaled), i < some);
    give(semaphore, COUNT - some + 5);
    stage_await(&m->runs, COUNT);
    stage_expect_eq(drain(semaphore), 5);
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect_eq(tpp_load_acquire(&m->one[i].signaled), 1);
    stage_expect_eq(tp_semaphore_close(semaphore), TP_OK);
    many_end(m);
}

/* It is closed while all are armed on it: they stay so, and each is good for another. */
STAGE_TEST(wait_many__source_closed_while_all_are_armed_on_it)
{
    struct many *m = many_begin(2);
    tp_event_t *event = make_event(false, false);
    for (uint32_t i = 0; i < COUNT; i++)
        stage_expect(!arm(m->one[i].wait, tp_waitable_event(event)));
    stage_expect_eq(tp_event_close(event), TP_OK);
    stage_expect_eq(stage_stats(m->pool).waits_armed, COUNT);
    tp_event_t *next = make_event(true, true); /* perhaps in the same place */
    linger();
    stage_expect_eq(stage_value(&m->runs), 0);
    for (uint32_t i = 0; i < COUNT; i += 2)
        stage_expect(arm(m->one[i].wait, tp_waitable_event(next)));
    stage_await(&m->runs, (COUNT + 1) / 2);
    for (uint32_t i = 1; i < COUNT; i += 2)
        stage_expect(disarm(m->one[i].wait));
    stage_expect_eq(tp_event_close(next), TP_OK);
    many_end(m);
    stage_expect_eq(stage_value(&m->runs), (COUNT + 1) / 2);
}

#define TIMED(name) STAGE_CASE_X(name, .no_early = true)

STAGE_MAIN(STAGE_CASE(wait_many__c133_each_is_signaled_on_its_own_forward_and_backward),
           STAGE_CASE(wait_many__c133_all_are_signaled_at_once),
           TIMED(wait_many__c134_all_time_out),
           STAGE_CASE(wait_many__c134_half_are_signaled_and_half_time_out),
           TIMED(wait_many__c135_close_the_wait_and_at_once_its_source),
           STAGE_CASE(wait_many__c135_r34_close_the_wait_and_at_once_its_descriptor),
           TIMED(wait_many__c145_armed_waits_take_no_thread),
           STAGE_CASE(wait_many__all_on_one_manual_event),
           STAGE_CASE(wait_many__c128_all_on_one_semaphore),
           STAGE_CASE(wait_many__source_closed_while_all_are_armed_on_it))
