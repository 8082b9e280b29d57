/* group_cancel_test.c - cancelling the members of a cleanup group, and what a group refuses. */
#include "tests/conformance/group_scene.h"

/* ---- cancelling ------------------------------------------------------------------------------ */

STAGE_TEST(group__c167_cancel_behind_a_gate_tells_each_member_and_runs_none)
{
    struct scene s;
    scene_begin_gated(&s);
    stage_expect_eq(tp_work_submit(stage_work(count_run, &s, s.env)), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &s, s.env), TP_OK);
    close_members(&s, true);
    stage_expect_eq(stage_value(&s.cancelled), 2);
    stage_expect_eq(stage_value(&s.released), 2);
    stage_gate_open(&s.gate);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ran), 0);
}

static void remember_cancel(void *object_context, void *cleanup_context)
{
    struct scene *s = object_context;
    s->cancel_thread = stage_self();
    s->object_context = object_context;
    s->cleanup_context = cleanup_context;
}

STAGE_TEST(group__c168_c169_cancel_callback_gets_both_contexts_on_the_closing_thread)
{
    struct scene s;
    int cleanup;
    scene_begin(&s, 2);
    stage_expect_eq(tp_env_set_cleanup_group(s.env, s.group, remember_cancel), TP_OK);
    stage_expect_eq(tp_work_submit(stage_work(count_run, &s, s.env)), TP_OK);
    stage_expect_eq(tp_cleanup_group_close_members(s.group, true, &cleanup), TP_OK);
    stage_expect(s.object_context == &s);
    stage_expect(s.cleanup_context == &cleanup);
    stage_expect(s.cancel_thread == stage_self());
    scene_end(&s);
}

static void log_cancel(void *object_context, void *cleanup_context)
{
    struct scene *s = object_context;
    (void)cleanup_context;
    stage_log_add(&s->log, 'c');
}

static void log_release(void *context)
{
    struct scene *s = context;
    stage_log_add(&s->log, 'f');
}

static void log_run(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct scene *s = context;
    run_until_go(instance, context, work);
    stage_log_add(&s->log, 'r');
}

STAGE_TEST(group__c170_cancel_callback_comes_after_the_running_callback)
{
    struct scene s;
    scene_begin(&s, 2);
    stage_expect_eq(tp_env_set_cleanup_group(s.env, s.group, log_cancel), TP_OK);
    stage_expect_eq(tp_env_set_context_release(s.env, log_release), TP_OK);
    stage_expect_eq(tp_work_submit(stage_work(log_run, &s, s.env)), TP_OK);
    stage_await(&s.started, 1);
    s.must_have_run = 1;
    stage_thread_t thread = stage_start(canceller, &s);
    stage_add(&s.go, 1);
    stage_join(thread);
    stage_expect(stage_log_is(&s.log, "rcf"));
    scene_end(&s);
}

/* All but the post that runs. */
static bool nine_are_dropped(void *context)
{
    struct scene *s = context;
    return stage_stats(s->pool).cancelled == 9;
}

STAGE_TEST(group__c171_ten_posts_are_one_cancel_callback)
{
    struct scene s;
    scene_begin(&s, 1);
    stage_expect_eq(tp_work_submit_many(stage_work(run_until_go, &s, s.env), 10), TP_OK);
    stage_await(&s.started, 1);
    s.must_have_run = 1;
    stage_thread_t thread = stage_start(canceller, &s);
    stage_expect(stage_eventually(nine_are_dropped, &s));
    stage_expect_eq(stage_value(&s.cancelled), 0);
    stage_add(&s.go, 1);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.cancelled), 1);
    stage_expect_eq(stage_value(&s.ran), 1);
    scene_end(&s);
}

STAGE_TEST(group__c172_idle_and_executed_members_are_told_too)
{
    struct scene s;
    scene_begin(&s, 2);
    stage_work(count_run, &s, s.env);
    tp_work_t *executed = stage_work(count_run, &s, s.env);
    stage_expect_eq(tp_work_submit(executed), TP_OK);
    stage_expect_eq(tp_work_wait(executed, false, TP_INFINITE), TP_OK);
    close_members(&s, true);
    stage_expect_eq(stage_value(&s.cancelled), 2);
    stage_expect_eq(stage_value(&s.ran), 1);
    scene_end(&s);
}

STAGE_TEST(group__c174_cancel_callback_may_be_null)
{
    struct scene s;
    scene_begin_gated(&s);
    stage_expect_eq(tp_env_set_cleanup_group(s.env, s.group, NULL), TP_OK);
    stage_expect_eq(tp_work_submit(stage_work(count_run, &s, s.env)), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &s, s.env), TP_OK);
    close_members(&s, true);
    stage_expect_eq(stage_value(&s.released), 2);
    stage_gate_open(&s.gate);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ran), 0);
}

STAGE_TEST(group__c175_member_closed_on_its_own_is_not_told)
{
    struct scene s;
    scene_begin_gated(&s);
    tp_work_t *idle = stage_work(count_run, &s, s.env);
    tp_work_t *queued = stage_work(count_run, &s, s.env);
    stage_expect_eq(tp_work_submit(queued), TP_OK);
    stage_expect_eq(tp_work_close(idle), TP_OK);
    stage_expect_eq(tp_work_close(queued), TP_OK);
    stage_expect_eq(stage_value(&s.released), 1);
    close_members(&s, true);
    stage_expect_eq(stage_value(&s.cancelled), 0);
    stage_expect_eq(stage_value(&s.released), 2);
    stage_expect_eq(tp_work_close(queued), TP_ERR_HANDLE);
    stage_gate_open(&s.gate);
    scene_end(&s);
    stage_expect_eq(stage_value(&s.ran), 0);
    stage_expect_eq(stage_value(&s.released), 2);
}

static void close_itself(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct scene *s = context;
    stage_add(&s->started, 1);
    stage_await(&s->go, 1);
    stage_expect_eq(tp_work_close(work), TP_OK);
    count_run(instance, context, work);
}

STAGE_TEST(group__c176_callback_that_closes_its_object_meanwhile_spares_it_the_cancel)
{
    struct scene s;
    scene_begin(&s, 2);
    stage_expect_eq(tp_work_submit(stage_work(close_itself, &s, s.env)), TP_OK);
    stage_await(&s.started, 1);
    s.must_have_run = 1;
    stage_thread_t thread = stage_start(canceller, &s);
    stage_add(&s.go, 1);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.ran), 1);
    stage_expect_eq(stage_value(&s.released), 1);
    /* The close returned TP_OK, so it came before the group's own: never both. */
    stage_expect_eq(stage_value(&s.cancelled), 0);
    scene_end(&s);
}

STAGE_TEST(group__c177_running_simple_callback_is_waited_for_and_not_told)
{
    struct scene s;
    scene_begin(&s, 2);
    stage_expect_eq(tp_try_submit(simple_until_go, &s, s.env), TP_OK);
    stage_await(&s.started, 1);
    s.must_have_run = 1;
    stage_thread_t thread = stage_start(canceller, &s);
    stage_add(&s.go, 1);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.cancelled), 0);
    stage_expect_eq(stage_value(&s.released), 1);
    scene_end(&s);
}

static void find_stale(void *object_context, void *cleanup_context)
{
    struct scene *s = object_context;
    (void)cleanup_context;
    s->status[0] = tp_work_submit(s->work);
    s->status[1] = tp_work_wait(s->work, true, TP_INFINITE);
    s->status[2] = tp_work_close(s->work);
    stage_add(&s->cancelled, 1);
}

STAGE_TEST(group__handle_is_stale_before_the_cancel_callback)
{
    struct scene s;
    scene_begin(&s, 1);
    stage_expect_eq(tp_env_set_cleanup_group(s.env, s.group, find_stale), TP_OK);
    s.work = stage_work(count_run, &s, s.env);
    close_members(&s, true);
    stage_expect_eq(stage_value(&s.cancelled), 1);
    for (int i = 0; i < 3; i++)
        stage_expect_eq(s.status[i], TP_ERR_HANDLE);
    stage_expect_eq(stage_value(&s.released), 1);
    scene_end(&s);
}

/* ---- what is refused ------------------------------------------------------------------------- */

STAGE_TEST(group__close_with_members_is_busy_also_after_their_own_close)
{
    struct scene s;
    scene_begin(&s, 1);
    tp_work_t *work = stage_work(run_until_go, &s, s.env);
    stage_expect_eq(tp_cleanup_group_close(s.group), TP_ERR_BUSY);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(tp_work_close(work), TP_OK);
    stage_expect_eq(tp_cleanup_group_close(s.group), TP_ERR_BUSY);
    s.must_have_run = 1; /* close_members covers it as well */
    stage_thread_t thread = stage_start(closer, &s);
    stage_add(&s.go, 1);
    stage_join(thread);
    stage_expect_eq(stage_value(&s.released), 1);
    scene_end(&s);
}

STAGE_TEST(group__closed_group_takes_no_members)
{
    struct scene s;
    tp_work_t *work = NULL;
    scene_begin(&s, 1);
    stage_expect_eq(tp_cleanup_group_close(s.group), TP_OK);
    stage_expect_eq(tp_cleanup_group_close(s.group), TP_ERR_HANDLE);
    stage_expect_eq(tp_cleanup_group_close_members(s.group, true, NULL), TP_ERR_HANDLE);
    stage_expect_eq(tp_work_create(count_run, &s, s.env, &work), TP_ERR_CLOSED);
    stage_expect(work == NULL);
    stage_expect_eq(tp_try_submit(count_simple, &s, s.env), TP_ERR_CLOSED);
    stage_expect_eq(tp_env_set_cleanup_group(s.env, s.group, NULL), TP_ERR_HANDLE);
    stage_expect_eq(tp_cleanup_group_close(NULL), TP_OK);
    stage_expect_eq(stage_value(&s.released), 0); /* the contexts are still ours */
    stage_expect_eq(tp_env_destroy(s.env), TP_OK);
    stage_expect_eq(tp_pool_close(s.pool), TP_OK);
}

static void close_own_group(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct scene *s = context;
    stage_expect_eq(tp_cleanup_group_close_members(s->group, true, NULL), TP_ERR_DEADLOCK);
    stage_expect_eq(tp_callback_disassociate(instance), TP_OK);
    stage_expect_eq(tp_cleanup_group_close_members(s->group, false, NULL), TP_ERR_DEADLOCK);
    count_run(instance, context, work);
}

static void close_own_group_simple(tp_callback_instance_t *instance, void *context)
{
    close_own_group(instance, context, NULL);
}

STAGE_TEST(group__c205_closing_from_a_members_callback_is_a_deadlock)
{
    struct scene s;
    scene_begin(&s, 1);
    stage_expect_eq(tp_work_submit_many(stage_work(close_own_group, &s, s.env), 2), TP_OK);
    stage_expect_eq(tp_try_submit(close_own_group_simple, &s, s.env), TP_OK);
    close_members(&s, false);
    stage_expect_eq(stage_value(&s.ran), 3); /* nothing was cancelled either */
    stage_expect_eq(stage_value(&s.cancelled), 0);
    stage_expect_eq(stage_misuses(), 6);
    scene_end(&s);
}

static void close_in_cancel(void *object_context, void *cleanup_context)
{
    struct scene *s = object_context;
    (void)cleanup_context;
    stage_expect_eq(tp_cleanup_group_close_members(s->group, false, NULL), TP_ERR_DEADLOCK);
    stage_add(&s->cancelled, 1);
}

STAGE_TEST(group__closing_from_a_cancel_callback_is_a_deadlock)
{
    struct scene s;
    scene_begin_gated(&s);
    stage_expect_eq(tp_env_set_cleanup_group(s.env, s.group, close_in_cancel), TP_OK);
    stage_work(count_run, &s, s.env);
    stage_expect_eq(tp_try_submit(count_simple, &s, s.env), TP_OK);
    close_members(&s, true);
    stage_expect_eq(stage_value(&s.cancelled), 2);
    stage_expect_eq(stage_misuses(), 2);
    stage_gate_open(&s.gate);
    scene_end(&s);
}

static void close_other_group(tp_callback_instance_t *instance, void *context)
{
    struct scene *s = context;
    (void)instance;
    close_members(s, false);
    stage_add(&s->closed, 1);
}

STAGE_TEST(group__c206_closing_from_a_strangers_callback_helps_the_members)
{
    struct scene s;
    scene_begin(&s, 1); /* the only thread is the one that waits */
    tp_env_t *env = stage_env(s.pool);
    tp_work_t *work = stage_work(count_run, &s, s.env);
    stage_expect_eq(tp_try_submit(close_other_group, &s, env), TP_OK);
    tp_status_t status = tp_work_submit_many(work, 2);
    stage_await(&s.closed, 1);
    stage_expect(status == TP_OK || status == TP_ERR_HANDLE); /* it may have been closed before */
    stage_expect_eq(stage_value(&s.ran), status == TP_OK ? 2 : 0);
    stage_expect_eq(tp_env_destroy(env), TP_OK);
    scene_end(&s);
}

STAGE_TEST(group__every_context_is_released_when_close_members_returns)
{
    struct scene s;
    scene_begin(&s, 2);
    stage_work(count_run, &s, s.env);
    tp_work_t *closed = stage_work(count_run, &s, s.env);
    stage_expect_eq(tp_work_submit_many(closed, 2), TP_OK);
    stage_expect_eq(tp_work_close(closed), TP_OK);
    stage_expect_eq(tp_work_submit(stage_work(leave_waits, &s, s.env)), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &s, s.env), TP_OK);
    stage_add(&s.go, 1);
    close_members(&s, true);
    stage_expect_eq(stage_value(&s.released), 4);
    stage_expect_eq(tp_cleanup_group_close_members(s.group, true, NULL), TP_OK);
    scene_end(&s);
}

/* Whatever could not be made, for want of memory or a thread, has left no trace in the group. */
STAGE_TEST(group__what_could_not_be_made_is_no_member)
{
    struct scene s = {.pool = NULL};
    tp_work_t *work = NULL;
    uint32_t members = 0;
    if (tp_pool_create(NULL, &s.pool) == TP_OK && tp_env_create(&s.env) == TP_OK &&
        tp_cleanup_group_create(&s.group) == TP_OK) {
        stage_expect_eq(tp_env_set_pool(s.env, s.pool), TP_OK);
        stage_expect_eq(tp_env_set_cleanup_group(s.env, s.group, count_cancel), TP_OK);
        stage_expect_eq(tp_env_set_context_release(s.env, count_release), TP_OK);
        members += tp_work_create(count_run, &s, s.env, &work) == TP_OK;
        stage_expect_eq(work != NULL, members);
        if (work)
            stage_expect_eq(tp_work_submit(work), TP_OK);
        members += tp_try_submit(count_simple, &s, s.env) == TP_OK;
        if (work)
            stage_expect_eq(tp_cleanup_group_close(s.group), TP_ERR_BUSY);
        close_members(&s, true);
        stage_expect_eq(stage_value(&s.released), members);
        stage_expect(stage_value(&s.cancelled) + stage_value(&s.ran) >= members);
    }
    stage_expect(stage_in_simulator || members == 2);
    stage_expect_eq(tp_cleanup_group_close(s.group), TP_OK);
    stage_expect_eq(tp_env_destroy(s.env), TP_OK);
    stage_expect_eq(tp_pool_close(s.pool), TP_OK);
}

STAGE_MAIN(STAGE_CASE(group__c167_cancel_behind_a_gate_tells_each_member_and_runs_none),
           STAGE_CASE(group__c168_c169_cancel_callback_gets_both_contexts_on_the_closing_thread),
           STAGE_CASE(group__c170_cancel_callback_comes_after_the_running_callback),
           STAGE_CASE(group__c171_ten_posts_are_one_cancel_callback),
           STAGE_CASE(group__c172_idle_and_executed_members_are_told_too),
           STAGE_CASE(group__c174_cancel_callback_may_be_null),
           STAGE_CASE(group__c175_member_closed_on_its_own_is_not_told),
           STAGE_CASE(group__c176_callback_that_closes_its_object_meanwhile_spares_it_the_cancel),
           STAGE_CASE(group__c177_running_simple_callback_is_waited_for_and_not_told),
           STAGE_CASE(group__handle_is_stale_before_the_cancel_callback),
           STAGE_CASE(group__close_with_members_is_busy_also_after_their_own_close),
           STAGE_CASE(group__closed_group_takes_no_members),
           STAGE_CASE(group__c205_closing_from_a_members_callback_is_a_deadlock),
           STAGE_CASE(group__closing_from_a_cancel_callback_is_a_deadlock),
           STAGE_CASE(group__c206_closing_from_a_strangers_callback_helps_the_members),
           STAGE_CASE(group__every_context_is_released_when_close_members_returns),
           STAGE_CASE_X(group__what_could_not_be_made_is_no_member, .faults = true))
