/* work_test.c - work objects: submit, wait, cancel, close, limits. */
#include <string.h>

#include "tests/conformance/work_scene.h"

static void count_final(tp_callback_instance_t *instance, void *context)
{
    struct run *run = context;
    (void)instance;
    stage_add(&run->finals, 1);
}

/* Eventually: that many posts were dropped in the pool. */
struct dropped {
    tp_pool_t *pool;
    uint64_t posts;
};

static bool were_dropped(void *context)
{
    struct dropped *dropped = context;
    return stage_stats(dropped->pool).cancelled == dropped->posts;
}

/* ---- submit and wait ------------------------------------------------------------------------- */

STAGE_TEST(work__c050_never_runs_unless_submitted)
{
    struct run run = {0};
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    tp_env_set_context_release(env, count_release);
    tp_work_t *work = stage_work(count, &run, env);
    stage_rest();
    stage_expect_eq(tp_work_close(work), TP_OK);
    stage_expect_eq(stage_value(&run.released), 1);
    stage_expect_eq(stage_value(&run.runs), 0);
    stage_expect_eq(stage_stats(pool).submitted, 0);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(work__c051_wait_before_any_submit_returns)
{
    struct stage_gate gate;
    struct run run = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_work_t *work = stage_work(count, &run, env);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_work_wait(work, true, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_work_wait(work, false, 0), TP_OK);
    stage_expect_eq(tp_work_wait(work, true, 0), TP_OK);
    stage_expect_eq(tp_work_close(work), TP_OK);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

STAGE_TEST(work__c052_five_submits_then_wait_runs_five)
{
    struct run run = {0};
    tp_pool_t *pool = stage_pool(0, 4);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(count, &run, env);
    for (int i = 0; i < 5; i++)
        stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&run.runs), 5);
    stage_finish(work);
    stage_expect_eq(stage_value(&run.runs), 5);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(work__c212_default_pool_create_submit_wait_close)
{
    struct run run = {0};
    tp_work_t *work;
    stage_expect_eq(tp_work_create(count, &run, NULL, &work), TP_OK);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_work_close(work), TP_OK);
    stage_expect_eq(stage_value(&run.runs), 1);
}

/* C-053, C-055: the one that runs is waited for, the nine behind it are dropped. */
STAGE_TEST(work__c053_c055_cancel_drops_the_rest_and_awaits_the_running_one)
{
    struct run run = {0};
    struct waiter waiter = {.cancel = true};
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    struct dropped nine = {pool, 9};
    tp_work_t *work = waiter.work = stage_work(hold, &run, env);
    stage_expect_eq(tp_work_submit_many(work, 10), TP_OK);
    stage_await(&run.started, 1);
    stage_thread_t thread = stage_start(wait_for_ever, &waiter);
    stage_expect(stage_eventually(were_dropped, &nine));
    stage_expect(!stage_await_for(&waiter.returned, 1, 2 * STAGE_MS));
    stage_add(&run.open, 1);
    stage_join(thread);
    stage_expect_eq(waiter.status, TP_OK);
    stage_expect_eq(stage_value(&run.runs), 1);
    stage_finish(work);
    stage_expect_eq(stage_value(&run.started), 1);
    stage_expect_eq(stage_stats(pool).executed, 1);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(work__c054_c057_cancel_behind_the_gate_then_used_again)
{
    struct stage_gate gate;
    struct run run = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_work_t *work = stage_work(count, &run, env);
    stage_expect_eq(tp_work_submit_many(work, 3), TP_OK);
    stage_expect_eq(tp_work_wait(work, true, TP_INFINITE), TP_OK); /* the gate is still shut */
    stage_gate_open(&gate);
    stage_gate_shut(&gate);
    stage_expect_eq(stage_value(&run.runs), 0);
    stage_gate_open(&gate);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_finish(work);
    stage_expect_eq(stage_value(&run.runs), 1);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

static void set_on_return(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)work;
    stage_expect_eq(tp_callback_set_event_on_return(instance, run->event), TP_OK);
    stage_add(&run->runs, 1);
}

STAGE_TEST(work__c056_wait_includes_finalizer_and_completion_actions)
{
    struct run run = {0};
    tp_wait_result_t result;
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    tp_env_set_finalizer(env, count_final);
    stage_expect_eq(tp_event_create(false, false, &run.event), TP_OK);
    tp_work_t *work = stage_work(set_on_return, &run, env);
    for (uint32_t i = 1; i <= (uint32_t)stage_times(300, 2); i++) {
        stage_expect_eq(tp_work_submit(work), TP_OK);
        stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
        stage_expect_eq(stage_value(&run.finals), i);
        stage_expect_eq(tp_waitable_wait(tp_waitable_event(run.event), 0, &result), TP_OK);
        stage_expect_eq(result, TP_WAIT_SIGNALED);
    }
    stage_finish(work);
    stage_expect_eq(tp_event_close(run.event), TP_OK);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

static void compare_handle(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    if (instance == NULL || work != run->self)
        tpp_add_relaxed(&run->strange, 1);
    stage_add(&run->runs, 1);
}

STAGE_TEST(work__c058_callback_gets_its_own_object_and_context)
{
    struct run runs[3] = {{.chain = 0}};
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    for (int i = 0; i < 3; i++) {
        runs[i].self = stage_work(compare_handle, &runs[i], env);
        stage_expect_eq(tp_work_submit_many(runs[i].self, (uint32_t)i + 1), TP_OK);
    }
    for (int i = 0; i < 3; i++) {
        stage_finish(runs[i].self);
        stage_expect_eq(stage_value(&runs[i].runs), i + 1);
        stage_expect_eq(tpp_load_acquire(&runs[i].strange), 0);
    }
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* ---- chains ---------------------------------------------------------------------------------- */

static void submit_itself(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    stage_add(&run->started, 1);
    stage_await(&run->open, 1);
    if (stage_value(&run->runs) + 1 < run->chain)
        stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_add(&run->runs, 1);
}

STAGE_TEST(work__c059_posts_from_the_callback_extend_the_wait)
{
    struct run run = {.chain = 20};
    tp_pool_t *pool = stage_pool(0, 3);
    tp_env_t *env = stage_env(pool);
    tp_env_set_concurrency_limit(env, 1);
    tp_work_t *work = stage_work(submit_itself, &run, env);
    stage_add(&run.open, 1);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&run.runs), 20);
    stage_finish(work);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* The cancel drops the one post queued at its call; the chain begins after that and is awaited. */
STAGE_TEST(work__c060_cancel_awaits_a_chain_that_goes_on)
{
    struct run run = {.chain = 20};
    struct waiter waiter = {.cancel = true};
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    struct dropped one = {pool, 1};
    tp_work_t *work = waiter.work = stage_work(submit_itself, &run, env);
    stage_expect_eq(tp_work_submit_many(work, 2), TP_OK);
    stage_await(&run.started, 1);
    stage_thread_t thread = stage_start(wait_for_ever, &waiter);
    stage_expect(stage_eventually(were_dropped, &one));
    stage_add(&run.open, 1);
    stage_join(thread);
    stage_expect_eq(waiter.status, TP_OK);
    stage_expect_eq(stage_value(&run.runs), 20);
    stage_finish(work);
    stage_expect_eq(stage_value(&run.runs), 20);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* ---- close ----------------------------------------------------------------------------------- */

static void use_closed_handle(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    if (work != run->self || tp_work_submit(work) != TP_ERR_HANDLE ||
        tp_work_close(work) != TP_ERR_HANDLE || tp_work_wait(work, true, 0) != TP_ERR_HANDLE)
        tpp_add_relaxed(&run->strange, 1);
    stage_add(&run->runs, 1);
}

STAGE_TEST(work__c061_close_lets_queued_posts_run_with_the_old_handle)
{
    struct stage_gate gate;
    struct run run = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_env_set_context_release(env, count_release);
    run.self = stage_work(use_closed_handle, &run, env);
    stage_expect_eq(tp_work_submit_many(run.self, 3), TP_OK);
    stage_expect_eq(tp_work_close(run.self), TP_OK);
    stage_expect_eq(tp_work_close(run.self), TP_ERR_HANDLE);
    stage_expect_eq(tp_work_submit(run.self), TP_ERR_HANDLE);
    stage_expect_eq(tp_work_wait(run.self, true, TP_INFINITE), TP_ERR_HANDLE); /* drops nothing */
    stage_expect_eq(tp_work_close(NULL), TP_OK);
    stage_expect_eq(stage_misuses(), 3);
    stage_gate_open(&gate);
    stage_await(&run.released, 1);
    stage_expect_eq(stage_value(&run.runs), 3);
    stage_expect_eq(tpp_load_acquire(&run.strange), 0);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* ---- many posts ------------------------------------------------------------------------------ */

STAGE_TEST(work__c065_a_million_submits_are_all_delivered)
{
    uint32_t posts = stage_rounds(1000000, 40);
    struct run run = {0};
    tp_pool_t *pool = stage_pool(0, 2);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(count, &run, env);
    for (uint32_t i = 0; i < posts; i++)
        if (tp_work_submit(work) != TP_OK)
            tpp_add_relaxed(&run.strange, 1);
    stage_finish(work);
    stage_expect_eq(tpp_load_acquire(&run.strange), 0);
    stage_expect_eq(stage_value(&run.runs), posts);
    stage_expect_eq(stage_stats(pool).executed, posts);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(work__no_more_than_the_counter_holds)
{
    struct stage_gate gate;
    struct run run = {0};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_work_t *work = stage_work(count, &run, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(tp_work_submit_many(work, UINT32_MAX), TP_ERR_LIMIT); /* none is added */
    stage_expect_eq(stage_stats(gate.pool).pending[1], 1);
    stage_expect_eq(tp_work_submit_many(work, UINT32_MAX - 1), TP_OK);
    stage_expect_eq(tp_work_submit(work), TP_ERR_LIMIT);
    stage_expect_eq(stage_stats(gate.pool).pending[1], UINT32_MAX);
    stage_expect_eq(tp_work_submit_many(work, 0), TP_OK);
    stage_expect_eq(tp_work_wait(work, true, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_stats(gate.pool).cancelled, UINT32_MAX);
    stage_expect_eq(tp_work_submit_many(work, 2), TP_OK);
    stage_gate_open(&gate);
    stage_finish(work);
    stage_expect_eq(stage_value(&run.runs), 2);
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* Pairs of posts of one object that wait for each other. */
static void meet_partner(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    (void)work;
    uint32_t nth = tpp_add_acq_rel(&run->strange, 1);
    stage_add(&run->started, 1);
    stage_await(&run->started, nth / 2 * 2 + 2);
    stage_add(&run->runs, 1);
}

STAGE_TEST(work__c066_posts_of_one_object_run_in_parallel)
{
    struct run run = {0};
    tp_pool_t *pool = stage_pool(2, 8);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(meet_partner, &run, env);
    for (int i = 0; i < 8; i++)
        stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_finish(work);
    stage_expect_eq(stage_value(&run.runs), 8);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(work__submit_many_wakes_everybody_it_needs)
{
    struct run run = {0};
    tp_pool_t *pool = stage_pool(4, 4);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(hold, &run, env);
    stage_expect_eq(tp_work_submit_many(work, 0), TP_OK);
    stage_expect_eq(tp_work_wait(work, false, 0), TP_OK);
    stage_expect_eq(tp_work_submit_many(work, 4), TP_OK);
    stage_await(&run.started, 4); /* all four at once */
    stage_add(&run.open, 1);
    stage_finish(work);
    stage_expect_eq(stage_value(&run.runs), 4);
    stage_expect_eq(tp_work_submit_many(work, 1), TP_ERR_HANDLE);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

static void submit_some(void *context)
{
    for (int i = 0; i < stage_times(1000, 2); i++)
        stage_expect_eq(tp_work_submit(context), TP_OK);
}

STAGE_TEST(work__c067_many_threads_submit_and_none_is_lost)
{
    struct run run = {0};
    stage_thread_t threads[16];
    uint32_t count_of_threads = stage_times(16, 3);
    tp_pool_t *pool = stage_pool(0, 3);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = stage_work(count, &run, env);
    for (uint32_t i = 0; i < count_of_threads; i++)
        threads[i] = stage_start(submit_some, work);
    for (uint32_t i = 0; i < count_of_threads; i++)
        stage_join(threads[i]);
    stage_finish(work);
    stage_expect_eq(stage_value(&run.runs), count_of_threads * (uint32_t)stage_times(1000, 2));
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* ---- the concurrency limit ------------------------------------------------------------------- */

static void limited(uint32_t limit, uint32_t reached)
{
    struct run held = {0}, many = {0};
    tp_pool_t *pool = stage_pool(3, 3);
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(tp_env_set_concurrency_limit(env, limit), TP_OK);
    tp_work_t *work = stage_work(hold, &held, env);
    stage_expect_eq(tp_work_submit_many(work, 6), TP_OK);
    stage_await(&held.started, reached);
    stage_rest();
    stage_expect_eq(stage_value(&held.started), reached); /* and no more, though threads are idle */
    stage_add(&held.open, 1);
    stage_finish(work);
    stage_expect_eq(stage_value(&held.runs), 6);
    stage_expect_eq(stage_most(&held.peak), reached);

    work = stage_work(count, &many, env);
    for (int i = 0; i < stage_times(300, 6); i++)
        stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_finish(work);
    stage_expect_eq(stage_value(&many.runs), stage_times(300, 6));
    stage_expect(stage_most(&many.peak) <= reached);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(work__concurrency_limit_of_one_is_serial)
{
    limited(1, 1);
}

STAGE_TEST(work__concurrency_limit_of_two)
{
    limited(2, 2);
}

STAGE_TEST(work__concurrency_limit_above_the_threads_or_none)
{
    limited(UINT32_MAX, 3);
    limited(0, 3);
}

/* ---- failing completion actions -------------------------------------------------------------- */

struct actions {
    tp_semaphore_t *semaphore;
    tp_event_t *event;
};

static void overflow_on_return(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct actions *actions = context;
    (void)work;
    stage_expect_eq(tp_callback_release_semaphore_on_return(instance, actions->semaphore, 2),
                    TP_OK);
    stage_expect_eq(tp_callback_set_event_on_return(instance, actions->event), TP_OK);
}

STAGE_TEST(work__c204_a_failing_action_is_reported_and_the_others_are_done)
{
    struct actions actions;
    tp_wait_result_t result;
    uint32_t previous;
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(tp_semaphore_create(0, 1, &actions.semaphore), TP_OK);
    stage_expect_eq(tp_event_create(true, false, &actions.event), TP_OK);
    tp_work_t *work = stage_work(overflow_on_return, &actions, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_finish(work);
    stage_expect_eq(stage_misuses(), 1);
    stage_expect_eq(stage_misuse_status(), TP_ERR_LIMIT);
    stage_expect(strcmp(stage_misuse_function(), "tp_callback_release_semaphore_on_return") == 0);
    stage_expect_eq(tp_waitable_wait(tp_waitable_event(actions.event), 0, &result), TP_OK);
    stage_expect_eq(result, TP_WAIT_SIGNALED);
    stage_expect_eq(tp_semaphore_release(actions.semaphore, 1, &previous), TP_OK);
    stage_expect_eq(previous, 0); /* unchanged by the release that was too much */
    tp_semaphore_close(actions.semaphore);
    tp_event_close(actions.event);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* Leaves a ticket of the other object in this thread's ring, and stays. */
static void submit_other_and_hold(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct run *run = context;
    (void)instance;
    (void)work;
    stage_expect_eq(tp_work_submit(run->other), TP_OK);
    stage_add(&run->started, 1);
    stage_await(&run->open, 1);
}

/* The ticket is as old as a whole round of epochs when it is taken, and looks valid again. */
STAGE_TEST(work__a_ticket_as_old_as_a_round_of_epochs_does_no_harm)
{
    struct run posted = {0}, first = {0}, second = {0};
    tp_pool_t *pool = stage_pool(2, 2);
    tp_env_t *env = stage_env(pool);
    tp_work_t *work = first.other = stage_work(count, &posted, env);
    tp_work_t *holder = stage_work(hold, &second, env);
    tp_work_t *submitter = stage_work(submit_other_and_hold, &first, env);
    stage_expect_eq(tp_work_submit(holder), TP_OK);
    stage_await(&second.started, 1);
    stage_expect_eq(tp_work_submit(submitter), TP_OK);
    stage_await(&first.started, 1);
    for (uint32_t round = 0; round < 65536; round++) {
        stage_expect_eq(tp_work_wait(work, true, TP_INFINITE), TP_OK);
        stage_expect_eq(tp_work_submit(work), TP_OK);
    }
    stage_add(&first.open, 1);
    stage_finish(submitter);
    stage_finish(work);
    stage_add(&second.open, 1);
    stage_finish(holder);
    stage_expect_eq(stage_value(&posted.runs), 1);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_MAIN(STAGE_CASE(work__c050_never_runs_unless_submitted),
           STAGE_CASE(work__c051_wait_before_any_submit_returns),
           STAGE_CASE(work__c052_five_submits_then_wait_runs_five),
           STAGE_CASE(work__c053_c055_cancel_drops_the_rest_and_awaits_the_running_one),
           STAGE_CASE(work__c054_c057_cancel_behind_the_gate_then_used_again),
           STAGE_CASE(work__c056_wait_includes_finalizer_and_completion_actions),
           STAGE_CASE(work__c058_callback_gets_its_own_object_and_context),
           STAGE_CASE(work__c059_posts_from_the_callback_extend_the_wait),
           STAGE_CASE(work__c060_cancel_awaits_a_chain_that_goes_on),
           STAGE_CASE(work__c061_close_lets_queued_posts_run_with_the_old_handle),
           STAGE_CASE(work__c065_a_million_submits_are_all_delivered),
           STAGE_CASE(work__c066_posts_of_one_object_run_in_parallel),
           STAGE_CASE(work__c067_many_threads_submit_and_none_is_lost),
           STAGE_CASE(work__c204_a_failing_action_is_reported_and_the_others_are_done),
           STAGE_CASE(work__c212_default_pool_create_submit_wait_close),
           STAGE_CASE(work__submit_many_wakes_everybody_it_needs),
           STAGE_CASE(work__no_more_than_the_counter_holds),
           STAGE_CASE(work__concurrency_limit_of_one_is_serial),
           STAGE_CASE(work__concurrency_limit_of_two),
           STAGE_CASE(work__concurrency_limit_above_the_threads_or_none),
           STAGE_CASE_X(work__a_ticket_as_old_as_a_round_of_epochs_does_no_harm, .real_only = true))
