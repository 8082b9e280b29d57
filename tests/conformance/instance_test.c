/* instance_test.c - the life of a running callback: long, disassociated, cancelled, blocking. */
#include "tests/support/stage.h"

struct run {
    tp_pool_t *pool;
    tp_env_t *env;
    tp_work_t *work, *other;
    tp_callback_instance_t *instance;
    stage_counter_t started, go, ran, done, released;
    tp_status_t status[4];
    bool requested[2];
};

static void count_release(void *context)
{
    struct run *run = context;
    stage_add(&run->released, 1);
}

/* A pool of so many threads, and a work object on it with that callback. */
static void run_begin(struct run *run, uint32_t threads, tp_work_fn function)
{
    *run = (struct run){.pool = stage_pool(threads > 1 ? threads : 0, threads)};
    run->env = stage_env(run->pool);
    stage_expect_eq(tp_env_set_context_release(run->env, count_release), TP_OK);
    run->work = stage_work(function, run, run->env);
}

static void run_end(struct run *run)
{
    stage_expect_eq(tp_env_destroy(run->env), TP_OK);
    stage_expect_eq(tp_pool_close(run->pool), TP_OK);
}

static void submit(struct run *run, uint32_t posts)
{
    stage_expect_eq(tp_work_submit_many(run->work, posts), TP_OK);
}

static void wait_work(tp_work_t *work)
{
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
}

static void count_run(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    (void)work;
    stage_add(&run->ran, 1);
}

/* ---- running long ---------------------------------------------------------------------------- */

static void run_long_alone(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    stage_expect_eq(tp_callback_may_run_long(instance), TP_ERR_TOO_MANY_THREADS);
    stage_expect_eq(tp_callback_may_run_long(instance), TP_ERR_TOO_MANY_THREADS);
    count_run(instance, context, work);
}

STAGE_TEST(instance__c189_may_run_long_on_a_pool_of_one_thread_says_too_many)
{
    struct run run;
    run_begin(&run, 1, run_long_alone);
    submit(&run, 1);
    submit(&run, 1); /* whatever another thread does meanwhile */
    stage_finish(run.work);
    stage_expect_eq(stage_value(&run.ran), 2);
    stage_expect_eq(stage_misuses(), 0); /* an answer, not a mistake */
    run_end(&run);
}

static void run_long_until_the_other_ran(tp_callback_instance_t *instance, void *context,
                                         tp_work_t *work)
{
    struct run *run = context;
    (void)work;
    stage_await(&run->go, 1); /* the submit is over: nobody adds a thread but this callback */
    bool alone = stage_stats(run->pool).threads == 1;
    run->status[0] = tp_callback_may_run_long(instance);
    run->status[1] = tp_callback_may_run_long(instance);
    if (alone)
        stage_expect_eq(run->status[0], TP_OK);
    stage_expect_eq(tp_work_submit(run->other), TP_OK);
    stage_await(&run->ran, 1); /* the other needs a thread of its own */
}

STAGE_TEST(instance__c190_c191_may_run_long_finds_another_thread_and_may_be_asked_twice)
{
    struct run run = {.pool = stage_pool(0, 2)};
    run.env = stage_env(run.pool);
    run.work = stage_work(run_long_until_the_other_ran, &run, run.env);
    run.other = stage_work(count_run, &run, run.env);
    stage_expect_eq(tp_work_submit(run.work), TP_OK);
    stage_add(&run.go, 1);
    wait_work(run.work);
    stage_expect_eq(stage_misuses(), 0);
    stage_expect(stage_stats(run.pool).threads_peak <= 2);
    stage_finish(run.work);
    stage_finish(run.other);
    run_end(&run);
}

/* ---- disassociated --------------------------------------------------------------------------- */

static void disassociate_until_go(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    stage_add(&run->started, 1);
    stage_await(&run->go, 1);
    count_run(instance, context, work);
    stage_add(&run->done, 1);
}

STAGE_TEST(instance__c192_wait_returns_while_a_disassociated_callback_runs)
{
    struct run run;
    run_begin(&run, 1, disassociate_until_go);
    submit(&run, 1);
    wait_work(run.work); /* would hang: the callback waits for us */
    stage_expect_eq(stage_value(&run.ran), 0);
    stage_add(&run.go, 1);
    stage_await(&run.done, 1);
    stage_finish(run.work);
    stage_await(&run.released, 1);
    run_end(&run);
}

/* The first of two disassociates itself, the second counts as long as it runs. */
static void first_disassociates(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    if (stage_value(&run->started) == 0) {
        disassociate_until_go(instance, context, work);
        return;
    }
    stage_add(&run->started, 1);
    stage_await(&run->go, 2);
    count_run(instance, context, work);
}

STAGE_TEST(instance__c193_c196_disassociated_twice_wait_still_waits_for_the_other)
{
    struct run run;
    run_begin(&run, 2, first_disassociates);
    submit(&run, 1);
    stage_await(&run.started, 1);
    submit(&run, 1);
    stage_await(&run.started, 2);
    stage_expect_eq(tp_work_wait(run.work, false, 0), TP_ERR_TIMEOUT);
    stage_add(&run.go, 1);
    stage_await(&run.done, 1); /* its end is not counted a second time: */
    stage_expect_eq(tp_work_wait(run.work, false, STAGE_MS), TP_ERR_TIMEOUT);
    stage_add(&run.go, 1);
    wait_work(run.work);
    stage_expect_eq(stage_value(&run.ran), 2);
    stage_expect_eq(tp_work_close(run.work), TP_OK);
    stage_await(&run.released, 1);
    run_end(&run);
}

static void wait_for_itself(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    run->status[0] = tp_work_wait(work, true, TP_INFINITE);
    run->status[1] = tp_work_wait(work, false, 0);
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    run->status[2] = tp_work_wait(work, true, TP_INFINITE);
    count_run(instance, context, work);
}

STAGE_TEST(instance__c194_c205_wait_for_itself_is_a_deadlock_unless_disassociated)
{
    struct run run;
    run_begin(&run, 1, wait_for_itself);
    submit(&run, 1);
    stage_await(&run.ran, 1);
    stage_finish(run.work);
    stage_await(&run.released, 1);
    stage_expect_eq(run.status[0], TP_ERR_DEADLOCK);
    stage_expect_eq(run.status[1], TP_ERR_DEADLOCK);
    stage_expect_eq(run.status[2], TP_OK);
    stage_expect_eq(stage_misuses(), 2);
    stage_expect_eq(stage_misuse_status(), TP_ERR_DEADLOCK);
    run_end(&run);
}

static void wait_with_cancel(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    stage_expect_eq(tp_work_wait(work, true, TP_INFINITE), TP_ERR_DEADLOCK);
    count_run(instance, context, work);
}

STAGE_TEST(instance__c205_refused_wait_with_cancel_cancels_nothing)
{
    struct run run;
    run_begin(&run, 1, wait_with_cancel);
    submit(&run, 3);
    stage_finish(run.work);
    stage_expect_eq(stage_value(&run.ran), 3);
    run_end(&run);
}

static void close_itself(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    stage_expect_eq(tp_work_close(work), TP_OK);
    run->status[0] = tp_work_submit(work);
    run->status[1] = tp_work_close(work);
    stage_expect_eq(stage_value(&run->released), 0); /* the context is good to the end */
    count_run(instance, context, work);
}

STAGE_TEST(instance__c195_disassociated_callback_may_close_its_object)
{
    struct run run;
    run_begin(&run, 1, close_itself);
    submit(&run, 1);
    stage_await(&run.released, 1);
    stage_expect_eq(stage_value(&run.ran), 1);
    stage_expect_eq(run.status[0], TP_ERR_HANDLE);
    stage_expect_eq(run.status[1], TP_ERR_HANDLE);
    run_end(&run);
}

/* ---- the instance where it is not valid ------------------------------------------------------ */

/* Every function that takes one says the same. */
static void expect_refused(tp_callback_instance_t *instance, tp_status_t status)
{
    bool requested = true;
    int anything;
    stage_expect_eq(tp_callback_may_run_long(instance), status);
    stage_expect_eq(tp_callback_disassociate(instance), status);
    stage_expect_eq(tp_callback_unlock_on_return(instance, &anything), status);
    stage_expect_eq(tp_callback_release_mutex_on_return(instance, NULL), status);
    stage_expect_eq(tp_callback_release_semaphore_on_return(instance, NULL, 1), status);
    stage_expect_eq(tp_callback_set_event_on_return(instance, NULL), status);
    stage_expect_eq(tp_callback_close_library_on_return(instance, &anything), status);
    stage_expect_eq(tp_callback_cancel_requested(instance, &requested), status);
    stage_expect(!requested);
}

static void use_instance(void *context)
{
    struct run *run = context;
    expect_refused(run->instance, TP_ERR_STATE);
}

static void lend_instance(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    if (run->instance)
        use_instance(run); /* of the run before, on the very same thread */
    run->instance = instance;
    stage_add(&run->started, 1);
    stage_await(&run->go, stage_value(&run->started));
    count_run(instance, context, work);
}

STAGE_TEST(instance__r25_c191_used_over_or_on_another_thread_is_refused)
{
    struct run run;
    run_begin(&run, 1, lend_instance);
    submit(&run, 2);
    stage_await(&run.started, 1);
    use_instance(&run);
    stage_join(stage_start(use_instance, &run));
    stage_expect_eq(stage_misuses(), 16);
    stage_add(&run.go, 2);
    stage_finish(run.work);
    use_instance(&run);
    expect_refused(NULL, TP_ERR_HANDLE);
    expect_refused((tp_callback_instance_t *)&run, TP_ERR_HANDLE);
    expect_refused((tp_callback_instance_t *)run.work, TP_ERR_HANDLE);
    run_end(&run);
}

/* ---- cancellation asked for ------------------------------------------------------------------ */

static void see_requests(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)work;
    stage_expect_eq(tp_callback_cancel_requested(instance, NULL), TP_ERR_ARGUMENT);
    stage_expect_eq(tp_callback_cancel_requested(instance, &run->requested[0]), TP_OK);
    stage_add(&run->started, 1);
    stage_await(&run->go, stage_value(&run->started));
    stage_expect_eq(tp_callback_cancel_requested(instance, &run->requested[1]), TP_OK);
}

STAGE_TEST(instance__cancel_requested_tells_of_a_cancel_while_it_runs)
{
    struct run run;
    run_begin(&run, 1, see_requests);
    submit(&run, 2);
    stage_await(&run.started, 1);
    stage_expect_eq(tp_work_wait(run.work, false, 0), TP_ERR_TIMEOUT); /* no cancel */
    stage_expect_eq(tp_work_wait(run.work, true, 0), TP_ERR_TIMEOUT);
    stage_add(&run.go, 1);
    wait_work(run.work);
    stage_expect(!run.requested[0]);
    stage_expect(run.requested[1]);
    submit(&run, 1); /* posted after the cancel: it is not meant */
    stage_add(&run.go, 1);
    stage_finish(run.work);
    stage_expect_eq(stage_value(&run.started), 2);
    stage_expect(!run.requested[0]);
    stage_expect(!run.requested[1]);
    run_end(&run);
}

static void see_request_late(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    stage_await(&run->go, 1);
    stage_expect_eq(tp_callback_cancel_requested(instance, &run->requested[0]), TP_OK);
    count_run(instance, context, work);
}

STAGE_TEST(instance__cancel_either_drops_the_post_or_is_seen_by_its_callback)
{
    struct run run;
    run_begin(&run, 1, see_request_late);
    submit(&run, 1);
    /* The one post is dropped, or its callback is on its way and cannot end before we say go. */
    tp_status_t status = tp_work_wait(run.work, true, 0);
    stage_add(&run.go, 1);
    stage_finish(run.work);
    stage_expect_eq(stage_value(&run.ran), status == TP_ERR_TIMEOUT);
    stage_expect_eq(run.requested[0], status == TP_ERR_TIMEOUT);
    run_end(&run);
}

/* ---- blocking -------------------------------------------------------------------------------- */

static void nest_blocking(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    stage_expect_eq(tp_blocking_end(), TP_ERR_STATE);
    stage_expect_eq(tp_blocking_begin(), TP_OK);
    stage_expect_eq(tp_blocking_begin(), TP_OK);
    stage_expect_eq(tp_blocking_end(), TP_OK);
    stage_expect_eq(tp_blocking_end(), TP_OK);
    run->status[0] = tp_blocking_end();
    count_run(instance, context, work);
}

STAGE_TEST(blocking__nests_and_belongs_to_a_callback)
{
    struct run run;
    stage_expect_eq(tp_blocking_begin(), TP_ERR_STATE);
    stage_expect_eq(tp_blocking_end(), TP_ERR_STATE);
    run_begin(&run, 1, nest_blocking);
    submit(&run, 2);
    stage_finish(run.work);
    stage_expect_eq(stage_value(&run.ran), 2);
    stage_expect_eq(run.status[0], TP_ERR_STATE);
    stage_expect_eq(stage_misuses(), 6);
    run_end(&run);
}

static void leave_blocking(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    run->status[0] = tp_blocking_end();
    stage_expect_eq(tp_blocking_begin(), TP_OK);
    stage_expect_eq(tp_blocking_begin(), TP_OK);
    count_run(instance, context, work);
}

STAGE_TEST(blocking__left_open_ends_with_the_callback)
{
    struct run run;
    run_begin(&run, 1, leave_blocking);
    submit(&run, 2);
    stage_finish(run.work);
    stage_expect_eq(run.status[0], TP_ERR_STATE);
    stage_expect_eq(stage_misuses(), 4); /* the refused end, and the report, of each */
    run_end(&run);
}

static void block_until_the_other_ran(tp_callback_instance_t *instance, void *context,
                                      tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    (void)work;
    stage_expect_eq(tp_blocking_begin(), TP_OK);
    stage_expect_eq(tp_work_submit(run->other), TP_OK);
    stage_await(&run->ran, 1);
    stage_expect_eq(tp_blocking_end(), TP_OK);
}

STAGE_TEST(blocking__gives_the_queue_another_thread)
{
    struct run run = {.pool = stage_pool(0, 2)};
    run.env = stage_env(run.pool);
    run.work = stage_work(block_until_the_other_ran, &run, run.env);
    run.other = stage_work(count_run, &run, run.env);
    stage_expect_eq(tp_work_submit(run.work), TP_OK);
    stage_finish(run.work); /* on one processor the pool has one thread but for the bracket */
    stage_finish(run.other);
    run_end(&run);
}

static void end_anothers_blocking(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    run->status[0] = tp_blocking_end();
    count_run(instance, context, work);
}

static void block_and_help(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    (void)work;
    stage_expect_eq(tp_blocking_begin(), TP_OK);
    wait_work(run->other); /* on the only thread: its callback runs within this one */
    run->status[1] = tp_blocking_end();
}

STAGE_TEST(blocking__cannot_be_ended_by_a_callback_that_is_helped_within)
{
    struct run run;
    run_begin(&run, 1, block_and_help);
    run.other = stage_work(end_anothers_blocking, &run, run.env);
    stage_expect_eq(tp_work_submit(run.other), TP_OK);
    wait_work(run.other);
    stage_expect_eq(run.status[0], TP_ERR_STATE);
    submit(&run, 1);
    stage_expect_eq(tp_work_submit(run.other), TP_OK);
    stage_finish(run.work);
    stage_finish(run.other);
    stage_expect_eq(run.status[0], TP_ERR_STATE);
    stage_expect_eq(run.status[1], TP_OK);
    run_end(&run);
}

STAGE_MAIN(STAGE_CASE(instance__c189_may_run_long_on_a_pool_of_one_thread_says_too_many),
           STAGE_CASE(instance__c190_c191_may_run_long_finds_another_thread_and_may_be_asked_twice),
           STAGE_CASE(instance__c192_wait_returns_while_a_disassociated_callback_runs),
           STAGE_CASE(instance__c193_c196_disassociated_twice_wait_still_waits_for_the_other),
           STAGE_CASE(instance__c194_c205_wait_for_itself_is_a_deadlock_unless_disassociated),
           STAGE_CASE(instance__c205_refused_wait_with_cancel_cancels_nothing),
           STAGE_CASE(instance__c195_disassociated_callback_may_close_its_object),
           STAGE_CASE(instance__r25_c191_used_over_or_on_another_thread_is_refused),
           STAGE_CASE(instance__cancel_requested_tells_of_a_cancel_while_it_runs),
           STAGE_CASE(instance__cancel_either_drops_the_post_or_is_seen_by_its_callback),
           STAGE_CASE(blocking__nests_and_belongs_to_a_callback),
           STAGE_CASE(blocking__left_open_ends_with_the_callback),
           STAGE_CASE(blocking__gives_the_queue_another_thread),
           STAGE_CASE(blocking__cannot_be_ended_by_a_callback_that_is_helped_within))
