/* race_group_test.c - the races between a cleanup group and its members. */
#include "tests/conformance/race_scene.h"

static void close_itself(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct race *r = context;
    count_alive(instance, context, work);
    stage_add(&r->closed, tp_work_close(work) == TP_OK);
}

/* Closed by its callback, by a stranger or by the group: by exactly one of them. */
STAGE_TEST(race__r10_group_close_against_individual_close)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 1);
        join_group(&r);
        r.work = stage_work(close_itself, &r, r.env);
        stage_expect_eq(tp_work_submit(r.work), TP_OK);
        stage_thread_t closer = stage_start(cancel_group, &r);
        stage_thread_t stranger = stage_start(close_work, &r);
        stage_join(closer);
        stage_expect_eq(stage_value(&r.released), 1);
        stage_join(stranger);
        stage_expect_eq(stage_value(&r.closed) + stage_value(&r.cancelled), 1);
        race_end(&r, 1);
    }
}

STAGE_TEST(race__r11_group_close_against_a_simple_callback_that_finishes)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 2);
        join_group(&r);
        stage_expect_eq(tp_try_submit(count_simple, &r, r.env), TP_OK);
        cancel_group(&r);
        stage_expect_eq(stage_value(&r.ran) + stage_value(&r.cancelled), 1);
        stage_expect_eq(stage_value(&r.released), 1);
        race_end(&r, 1);
    }
}

static void post_simple(void *context)
{
    struct race *r = context;
    stage_expect_eq(tp_try_submit(count_simple, r, r->env), TP_OK);
}

static void run_other(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct race *r = context;
    (void)instance;
    (void)work;
    stage_add(&r->done, 1);
}

static void run_in_second(tp_callback_instance_t *instance, void *context)
{
    run_other(instance, context, NULL);
}

/* The other thread's post may be taken away while it is still on its way to the queue; what comes
 * next in the same place must not be mixed up with it. */
STAGE_TEST(race__r12_simple_post_against_group_close)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 1);
        join_group(&r);
        r.second = stage_pool(0, 1);
        tp_env_t *second = stage_env(r.second);
        stage_thread_t poster = stage_start(post_simple, &r);
        cancel_group(&r);
        stage_expect_eq(tp_try_submit(run_in_second, &r, second), TP_OK);
        stage_join(poster);
        cancel_group(&r);
        stage_await(&r.done, 1);
        stage_expect_eq(stage_value(&r.ran) + stage_value(&r.cancelled), 1);
        race_end(&r, 1);
        stage_expect_eq(stage_stats(r.second).submitted, 1);
        stage_expect_eq(tp_env_destroy(second), TP_OK);
        stage_expect_eq(tp_pool_close(r.second), TP_OK);
    }
}

static void submit_again(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct race *r = context;
    stage_expect_eq(stage_value(&r->closed), 0);
    count_alive(instance, context, work);
    if (stage_value(&r->ran) < 3)
        stage_expect_eq(tp_work_submit(work), TP_OK); /* the group waits for us: never refused */
}

STAGE_TEST(race__r13_group_close_against_members_that_submit_again)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 2);
        join_group(&r);
        r.work = stage_work(submit_again, &r, r.env);
        stage_expect_eq(tp_work_submit(r.work), TP_OK);
        stage_thread_t other = stage_start(submit_work, &r);
        cancel_group(&r);
        stage_add(&r.closed, 1);
        stage_join(other);
        stage_expect_eq(stage_value(&r.cancelled), 1);
        race_end(&r, 1);
    }
}

static void post_to_group(void *context)
{
    struct race *r = context;
    stage_expect_eq(tp_try_submit(run_in_second, r, r->env), TP_OK);
}

/* With a lock of the library held, one of these would never return. */
static void use_group(void *object_context, void *cleanup_context)
{
    struct race *r = object_context;
    (void)cleanup_context;
    stage_thread_t other = stage_start(post_to_group, r);
    stage_expect_eq(tp_cleanup_group_close(r->group), TP_ERR_BUSY);
    stage_expect_eq(tp_work_submit(r->other), TP_OK);
    stage_expect_eq(tp_work_wait(r->other, false, TP_INFINITE), TP_OK);
    stage_join(other);
    stage_add(&r->cancelled, 1);
}

STAGE_TEST(race__r14_cancel_callbacks_run_under_no_lock)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 1);
        r.other = stage_work(run_other, &r, r.env);
        stage_expect_eq(tp_env_set_cleanup_group(r.env, r.group, use_group), TP_OK);
        r.work = stage_work(count_run, &r, r.env);
        cancel_group(&r);
        stage_expect_eq(stage_value(&r.cancelled), 1);
        stage_expect_eq(tp_env_set_cleanup_group(r.env, r.group, NULL), TP_OK);
        close_group(&r); /* for the simple callback that joined meanwhile */
        stage_finish(r.other);
        stage_expect_eq(stage_value(&r.done), 2);
        race_end(&r, 3);
    }
}

STAGE_TEST(race__r15_two_group_closers_both_wait)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 1);
        join_group(&r);
        r.work = stage_work(run_until_go, &r, r.env);
        stage_expect_eq(tp_work_submit(r.work), TP_OK);
        stage_thread_t first = stage_start(close_after_run, &r);
        stage_thread_t second = stage_start(close_after_run, &r);
        stage_add(&r.go, 1);
        stage_join(first);
        stage_join(second);
        stage_expect_eq(stage_value(&r.cancelled), 0);
        race_end(&r, 1);
    }
}

STAGE_MAIN(STAGE_CASE(race__r10_group_close_against_individual_close),
           STAGE_CASE(race__r11_group_close_against_a_simple_callback_that_finishes),
           STAGE_CASE(race__r12_simple_post_against_group_close),
           STAGE_CASE(race__r13_group_close_against_members_that_submit_again),
           STAGE_CASE(race__r14_cancel_callbacks_run_under_no_lock),
           STAGE_CASE(race__r15_two_group_closers_both_wait))
