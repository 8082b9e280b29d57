/* race_test.c - the races that implementations of this interface commonly get wrong. */
#include "tests/conformance/library.h"
#include "tests/conformance/race_scene.h"

/* ---- waiting, cancelling, closing ------------------------------------------------------------ */

STAGE_TEST(race__r04_c064_cancel_lets_other_waiters_go)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 1);
        tp_work_t *blocker = stage_work(run_until_go, &r, r.env);
        stage_expect_eq(tp_work_submit(blocker), TP_OK);
        stage_await(&r.started, 1);
        r.work = stage_work(count_run, &r, r.env);
        stage_expect_eq(tp_work_submit_many(r.work, 2), TP_OK);
        stage_thread_t thread = stage_start(wait_for_work, &r);
        stage_await(&r.started, 2);
        stage_expect_eq(tp_work_wait(r.work, true, TP_INFINITE), TP_OK);
        stage_join(thread); /* the blocker still blocks */
        stage_expect_eq(stage_value(&r.ran), 0);
        stage_add(&r.go, 1);
        stage_expect_eq(tp_work_wait(blocker, false, TP_INFINITE), TP_OK);
        stage_expect_eq(tp_work_close(blocker), TP_OK);
        stage_expect_eq(tp_work_close(r.work), TP_OK);
        race_end(&r, 2);
    }
}

static void leave_waits(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    run_until_go(instance, context, work);
}

STAGE_TEST(race__r05_wait_counts_associated_and_group_close_counts_running)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 1);
        join_group(&r);
        r.work = stage_work(leave_waits, &r, r.env);
        stage_expect_eq(tp_work_submit(r.work), TP_OK);
        stage_thread_t closer = stage_start(close_after_run, &r);
        tp_status_t status = tp_work_wait(r.work, false, TP_INFINITE);
        stage_expect(status == TP_OK);
        stage_expect_eq(stage_value(&r.ran) + stage_value(&r.done), 0);
        stage_add(&r.go, 1);
        stage_join(closer);
        race_end(&r, 1);
    }
}

STAGE_TEST(race__r06_close_against_the_last_completion_frees_once)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 2);
        r.work = stage_work(count_alive, &r, r.env);
        stage_expect_eq(tp_work_submit_many(r.work, 2), TP_OK);
        stage_thread_t other = stage_start(close_work, &r);
        close_work(&r);
        stage_join(other);
        stage_expect_eq(stage_value(&r.closed), 1);
        race_end(&r, 1);
        stage_expect_eq(stage_value(&r.ran), 2);
    }
}

STAGE_TEST(race__r07_c207_wait_against_close)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 1);
        r.work = stage_work(count_run, &r, r.env);
        stage_expect_eq(tp_work_submit(r.work), TP_OK);
        stage_thread_t first = stage_start(wait_for_work, &r);
        stage_thread_t second = stage_start(wait_for_work, &r);
        close_work(&r);
        /* Perhaps in the same place as the one that is being waited for. */
        r.other = stage_work(count_run, &r, r.env);
        stage_join(first);
        stage_join(second);
        stage_expect_eq(stage_value(&r.closed), 1);
        stage_expect_eq(tp_work_close(r.other), TP_OK);
        race_end(&r, 2);
    }
}

static void submit_itself(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct race *r = context;
    count_alive(instance, context, work);
    if (stage_value(&r->ran) < 8 && tp_work_submit(work) == TP_OK)
        stage_add(&r->done, 1);
}

STAGE_TEST(race__r08_rearm_in_the_callback_against_shutdown)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 1);
        r.work = stage_work(submit_itself, &r, r.env);
        stage_expect_eq(tp_work_submit(r.work), TP_OK);
        stage_expect_eq(tp_work_wait(r.work, true, TP_INFINITE), TP_OK);
        uint32_t ran = stage_value(&r.ran);
        stage_expect_eq(tp_work_close(r.work), TP_OK);
        race_end(&r, 1);
        stage_expect_eq(stage_value(&r.ran), ran); /* quiet meant quiet */
        stage_expect(ran <= stage_value(&r.done) + 1);
    }
}

STAGE_TEST(race__r09_context_is_released_only_after_the_last_callback)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 2);
        r.work = stage_work(count_alive, &r, r.env);
        stage_thread_t other = stage_start(submit_work, &r);
        stage_expect_eq(tp_work_submit(r.work), TP_OK);
        close_work(&r);
        stage_join(other);
        race_end(&r, 1);
        stage_expect_eq(stage_value(&r.ran), 1 + stage_value(&r.done));
    }
}

/* ---- the end of a callback ------------------------------------------------------------------- */

static void set_event_on_return(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct race *r = context;
    (void)work;
    stage_expect_eq(tp_callback_set_event_on_return(instance, r->event), TP_OK);
}

STAGE_TEST(race__r21_d02_actions_are_done_before_waiters_go)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 1);
        stage_expect_eq(tp_event_create(false, false, &r.event), TP_OK);
        r.work = stage_work(set_event_on_return, &r, r.env);
        stage_expect_eq(tp_work_submit(r.work), TP_OK);
        stage_expect_eq(tp_work_wait(r.work, false, TP_INFINITE), TP_OK);
        stage_expect_eq(tp_event_close(r.event), TP_OK); /* a late action would fail now */
        stage_expect_eq(tp_work_close(r.work), TP_OK);
        race_end(&r, 1);
        stage_expect_eq(stage_misuses(), 0);
    }
}

static void close_library_on_return(tp_callback_instance_t *instance, void *context,
                                    tp_work_t *work)
{
    struct race *r = context;
    count_run(instance, context, work);
    stage_expect_eq(tp_callback_close_library_on_return(instance, r->library), TP_OK);
}

/* Neither a callback's return nor the object's end may meet code that is not there any more. */
STAGE_TEST(race__r22_library_is_closed_after_its_callback_and_without_it)
{
    for (int turn = 0; turn < stage_rounds(50, 1); turn++) {
        struct race r;
        race_begin(&r, 1);
        r.body = close_library_on_return;
        stage_require((r.library = library_open()) != NULL);
        r.work = stage_work(library_work(r.library), &r, r.env);
        stage_expect_eq(tp_work_submit(r.work), TP_OK);
        stage_expect_eq(tp_work_close(r.work), TP_OK);
        race_end(&r, 1);
        stage_expect(stage_eventually(library_has_gone, r.library));
    }
}

STAGE_TEST(race__r23_object_keeps_its_library_until_its_last_callback_is_over)
{
    for (int turn = 0; turn < stage_rounds(50, 1); turn++) {
        struct race r;
        race_begin(&r, 2);
        r.body = count_alive;
        stage_require((r.library = library_open()) != NULL);
        stage_expect_eq(tp_env_set_library(r.env, r.library), TP_OK);
        r.work = stage_work(library_work(r.library), &r, r.env);
        stage_expect_eq(tp_work_submit_many(r.work, 2), TP_OK);
        stage_expect_eq(tp_work_close(r.work), TP_OK);
        library_close(r.library); /* the object has a reference of its own */
        race_end(&r, 1);
        stage_expect_eq(stage_value(&r.ran), 2);
        stage_expect(stage_eventually(library_has_gone, r.library));
    }
}

static void leave_waits_at_once(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    count_run(instance, context, work);
}

STAGE_TEST(race__r24_disassociate_against_waiters)
{
    repeatedly
    {
        struct race r;
        race_begin(&r, 2);
        r.work = stage_work(leave_waits_at_once, &r, r.env);
        stage_expect_eq(tp_work_submit_many(r.work, 2), TP_OK);
        stage_thread_t first = stage_start(wait_for_work, &r);
        stage_expect_eq(tp_work_wait(r.work, false, TP_INFINITE), TP_OK);
        stage_join(first);
        stage_expect_eq(tp_work_submit(r.work), TP_OK); /* counts are as new */
        stage_expect_eq(tp_work_wait(r.work, false, TP_INFINITE), TP_OK);
        stage_expect_eq(tp_work_close(r.work), TP_OK);
        race_end(&r, 1);
        stage_expect_eq(stage_value(&r.ran), 3);
    }
}

static void lend_instance(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct race *r = context;
    (void)work;
    r->instance = instance;
    stage_add(&r->started, 1);
}

STAGE_TEST(race__r25_instance_on_another_thread_while_its_callback_ends)
{
    repeatedly
    {
        struct race r;
        bool requested;
        race_begin(&r, 1);
        r.work = stage_work(lend_instance, &r, r.env);
        stage_expect_eq(tp_work_submit(r.work), TP_OK);
        stage_await(&r.started, 1);
        stage_expect_eq(tp_callback_cancel_requested(r.instance, &requested), TP_ERR_STATE);
        stage_expect_eq(tp_callback_disassociate(r.instance), TP_ERR_STATE);
        stage_expect_eq(tp_work_close(r.work), TP_OK);
        race_end(&r, 1);
    }
}

/* ---- pools ----------------------------------------------------------------------------------- */

struct first_use {
    tp_pool_t *pool;
    stage_counter_t ran;
};

static void run_first(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct first_use *use = context;
    (void)instance;
    (void)work;
    stage_add(&use->ran, 1);
}

static void use_default_pool(void *context)
{
    struct first_use *use = context;
    tp_work_t *work = stage_work(run_first, use, NULL);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(tp_pool_default(&use->pool), TP_OK);
    stage_finish(work);
    stage_expect_eq(stage_value(&use->ran), 1);
}

/* Only the first use in a process makes the pool; each run in the simulator is a new process. */
STAGE_TEST(race__r37_c026_first_uses_of_the_default_pool_make_one)
{
    struct first_use uses[3] = {{.pool = NULL}, {.pool = NULL}, {.pool = NULL}};
    stage_thread_t first = stage_start(use_default_pool, &uses[0]);
    stage_thread_t second = stage_start(use_default_pool, &uses[1]);
    use_default_pool(&uses[2]);
    stage_join(first);
    stage_join(second);
    stage_expect(uses[0].pool == uses[1].pool && uses[1].pool == uses[2].pool);
}

static void chain_of_high(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct race *r = context;
    stage_log_add(&r->log, 'h');
    count_run(instance, context, work);
    if (stage_value(&r->ran) < 5)
        stage_expect_eq(tp_work_submit(work), TP_OK);
    if (stage_value(&r->ran) == 5) /* a wait with a limit does not help, and LOW has no thread */
        stage_expect_eq(tp_work_wait(r->other, false, STAGE_MS), TP_ERR_TIMEOUT);
}

static void log_low(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct race *r = context;
    (void)instance;
    (void)work;
    stage_log_add(&r->log, 'l');
}

/* Strict priority starves whatever is below, as documented: it is served when the chain ends. */
STAGE_TEST(race__r42_low_waits_until_a_chain_of_high_ends)
{
    struct race r;
    race_begin(&r, 1);
    tp_work_t *blocker = stage_work(run_until_go, &r, r.env);
    stage_expect_eq(tp_work_submit(blocker), TP_OK);
    stage_await(&r.started, 1);
    stage_expect_eq(tp_env_set_priority(r.env, TP_PRIORITY_LOW), TP_OK);
    r.other = stage_work(log_low, &r, r.env);
    stage_expect_eq(tp_env_set_priority(r.env, TP_PRIORITY_HIGH), TP_OK);
    r.work = stage_work(chain_of_high, &r, r.env);
    stage_expect_eq(tp_work_submit_many(r.other, 2), TP_OK);
    stage_expect_eq(tp_work_submit(r.work), TP_OK);
    stage_add(&r.go, 1);
    stage_expect_eq(tp_work_wait(r.other, false, TP_INFINITE), TP_OK);
    stage_expect(stage_log_is(&r.log, "hhhhll"));
    stage_finish(r.other);
    stage_finish(r.work);
    stage_finish(blocker);
    race_end(&r, 3);
}

STAGE_MAIN(STAGE_CASE(race__r04_c064_cancel_lets_other_waiters_go),
           STAGE_CASE(race__r05_wait_counts_associated_and_group_close_counts_running),
           STAGE_CASE(race__r06_close_against_the_last_completion_frees_once),
           STAGE_CASE(race__r07_c207_wait_against_close),
           STAGE_CASE(race__r08_rearm_in_the_callback_against_shutdown),
           STAGE_CASE(race__r09_context_is_released_only_after_the_last_callback),
           STAGE_CASE(race__r21_d02_actions_are_done_before_waiters_go),
           STAGE_CASE(race__r22_library_is_closed_after_its_callback_and_without_it),
           STAGE_CASE(race__r23_object_keeps_its_library_until_its_last_callback_is_over),
           STAGE_CASE(race__r24_disassociate_against_waiters),
           STAGE_CASE(race__r25_instance_on_another_thread_while_its_callback_ends),
           STAGE_CASE(race__r37_c026_first_uses_of_the_default_pool_make_one),
           STAGE_CASE(race__r42_low_waits_until_a_chain_of_high_ends))
