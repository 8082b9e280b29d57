/* group_test.c - what closing the members of a cleanup group waits for. */
#include "tests/conformance/group_scene.h"

/* ---- closing without cancelling -------------------------------------------------------------- */

STAGE_TEST(group__c164_empty_group_closes_at_once_and_is_reusable)
{
    struct scene s;
    scene_begin(&s, 1);
    for (int round = 0; round < 3; round++) {
        close_members(&s, false);
        close_members(&s, true);
        tp_work_t *work = stage_work(count_run, &s, s.env);
        stage_expect_eq(tp_work_submit(work), TP_OK);
        close_members(&s, false);
        stage_expect_eq(stage_value(&s.ran), round + 1);
        stage_expect_eq(tp_work_submit(work), TP_ERR_HANDLE);
    }
    stage_expect_eq(stage_value(&s.cancelled), 0);
    scene_end(&s);
}

STAGE_TEST(group__c165_queued_posts_run_before_close_members_returns)
{
    struct scene s;
    scene_begin_gated(&s);
    stage_expect_eq(tp_work_submit_many(stage_work(count_run, &s, s.env), 3), TP_OK);
    s.must_have_run = 3;
    stage_thread_t thread = stage_start(closer, &s);
    stage_gate_open(&s.gate);
    stage_join(thread);
    scene_end(&s);
}

STAGE_TEST(group__c166_non_members_are_not_waited_for)
{
    struct scene s, stranger = {.pool = NULL};
    scene_begin(&s, 2);
    tp_env_t *env = stage_env(s.pool);
    stage_expect_eq(tp_try_submit(simple_until_go, &stranger, env), TP_OK);
    stage_await(&stranger.started, 1);
    stage_expect_eq(tp_work_submit(stage_work(count_run, &s, s.env)), TP_OK);
    close_members(&s, false); /* would hang if it waited: nobody else says go */
    stage_expect_eq(stage_value(&s.ran), 1);
    stage_expect_eq(stage_value(&stranger.ran), 0);
    stage_add(&stranger.go, 1);
    stage_await(&stranger.ran, 1);
    stage_expect_eq(tp_env_destroy(env), TP_OK);
    scene_end(&s);
}

STAGE_TEST(group__c173_without_cancel_nobody_is_told)
{
    struct scene s;
    scene_begin(&s, 2);
    stage_work(count_run, &s, s.env);
    stage_expect_eq(tp_work_submit(stage_work(count_run, &s, s.env)), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &s, s.env), TP_OK);
    close_members(&s, false);
    stage_expect_eq(stage_value(&s.cancelled), 0);
    stage_expect_eq(stage_value(&s.ran), 2);
    stage_expect_eq(stage_value(&s.released), 3);
    scene_end(&s);
}

static void submit_again(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct scene *s = context;
    (void)instance;
    if (stage_value(&s->ran) < 5)
        stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_add(&s->ran, 1);
}

STAGE_TEST(group__submit_from_its_own_callback_extends_the_wait)
{
    for (int cancel = 0; cancel < 2; cancel++) {
        struct scene s;
        scene_begin(&s, 1);
        tp_work_t *work = stage_work(submit_again, &s, s.env);
        stage_expect_eq(tp_work_submit(work), TP_OK);
        close_members(&s, cancel);
        uint32_t ran = stage_value(&s.ran);
        stage_expect(cancel ? ran <= 6 : ran == 6); /* a cancel may meet any link of the chain */
        stage_expect_eq(stage_value(&s.released), 1);
        stage_expect_eq(tp_work_submit(work), TP_ERR_HANDLE);
        scene_end(&s);
        stage_expect_eq(stage_value(&s.ran), ran);
    }
}

/* ---- disassociated callbacks, several pools, several closers --------------------------------- */

static void leave_waits_simple(tp_callback_instance_t *instance, void *context)
{
    leave_waits(instance, context, NULL);
}

STAGE_TEST(group__c181_disassociated_callbacks_are_waited_for)
{
    struct scene s;
    scene_begin(&s, 2);
    tp_work_t *work = stage_work(leave_waits, &s, s.env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_expect_eq(tp_try_submit(leave_waits_simple, &s, s.env), TP_OK);
    stage_await(&s.started, 2);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    stage_expect_eq(stage_value(&s.ran), 0);
    s.must_have_run = 2;
    stage_thread_t thread = stage_start(closer, &s);
    stage_add(&s.go, 1);
    stage_join(thread);
    scene_end(&s);
}

STAGE_TEST(group__c182_members_may_be_of_the_default_pool)
{
    struct scene s;
    scene_begin(&s, 1);
    stage_expect_eq(tp_env_set_pool(s.env, NULL), TP_OK);
    stage_expect_eq(tp_work_submit_many(stage_work(count_run, &s, s.env), 2), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &s, s.env), TP_OK);
    close_members(&s, false);
    stage_expect_eq(stage_value(&s.ran), 3);
    stage_work(count_run, &s, s.env);
    close_members(&s, true);
    stage_expect_eq(stage_value(&s.cancelled), 1);
    stage_expect_eq(stage_value(&s.released), 3);
    scene_end(&s);
}

STAGE_TEST(group__c183_members_may_be_of_two_pools)
{
    struct scene s;
    tp_pool_t *second = NULL;
    scene_begin(&s, 1);
    stage_expect_eq(tp_work_submit_many(stage_work(count_run, &s, s.env), 2), TP_OK);
    stage_expect_eq(tp_pool_create(NULL, &second), TP_OK);
    stage_expect_eq(tp_env_set_pool(s.env, second), TP_OK);
    stage_expect_eq(tp_work_submit_many(stage_work(count_run, &s, s.env), 2), TP_OK);
    close_members(&s, false);
    stage_expect_eq(stage_value(&s.ran), 4);
    stage_expect_eq(stage_value(&s.released), 2);
    stage_expect_eq(tp_pool_close(second), TP_OK);
    scene_end(&s);
}

STAGE_TEST(group__c184_pool_may_be_closed_before_the_members)
{
    struct scene s;
    scene_begin(&s, 1);
    stage_expect_eq(tp_work_submit_many(stage_work(count_run, &s, s.env), 2), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, &s, s.env), TP_OK);
    stage_expect_eq(tp_pool_close(s.pool), TP_OK);
    close_members(&s, false);
    stage_expect_eq(stage_value(&s.ran), 3);
    stage_expect_eq(stage_value(&s.released), 2);
    stage_expect_eq(tp_cleanup_group_close(s.group), TP_OK);
    stage_expect_eq(tp_env_destroy(s.env), TP_OK);
}

/* Every object it makes is either a member to the end or closed by somebody meanwhile. */
static void maker(void *context)
{
    struct scene *s = context;
    for (int i = 0; i < 3; i++) {
        tp_work_t *work = stage_work(count_run, s, s->env);
        tp_status_t status = tp_work_submit(work);
        stage_expect(status == TP_OK || status == TP_ERR_HANDLE);
        if (status == TP_ERR_HANDLE)
            stage_expect_eq(tp_work_close(work), TP_ERR_HANDLE);
        stage_add(&s->started, status == TP_OK);
    }
}

STAGE_TEST(group__c185_objects_made_meanwhile_are_closed_or_usable)
{
    struct scene s;
    scene_begin(&s, 2);
    stage_thread_t thread = stage_start(maker, &s);
    close_members(&s, false);
    close_members(&s, false);
    stage_join(thread);
    close_members(&s, false);
    stage_expect_eq(stage_value(&s.ran), stage_value(&s.started));
    stage_expect_eq(stage_value(&s.released), 3);
    scene_end(&s);
}

static void use_the_library(void *object_context, void *cleanup_context)
{
    struct scene *s = object_context, *other = cleanup_context;
    tp_event_t *event = NULL;
    stage_expect_eq(tp_work_submit(other->work), TP_OK);
    stage_expect_eq(tp_work_wait(other->work, false, TP_INFINITE), TP_OK);
    stage_expect_eq(tp_event_create(true, true, &event), TP_OK);
    stage_expect_eq(tp_event_close(event), TP_OK);
    stage_expect_eq(tp_cleanup_group_close_members(other->group, true, NULL), TP_OK);
    stage_expect_eq(tp_try_submit(count_simple, s, s->env), TP_OK); /* even into the same group */
    stage_expect_eq(tp_cleanup_group_close(s->group), TP_ERR_BUSY);
    stage_add(&s->cancelled, 1);
}

STAGE_TEST(group__c186_cancel_callback_may_use_the_library)
{
    struct scene s, other;
    scene_begin(&s, 1);
    scene_begin(&other, 1);
    other.work = stage_work(count_run, &other, other.env);
    stage_expect_eq(tp_env_set_cleanup_group(s.env, s.group, use_the_library), TP_OK);
    stage_work(count_run, &s, s.env);
    stage_expect_eq(tp_cleanup_group_close_members(s.group, true, &other), TP_OK);
    stage_expect_eq(stage_value(&other.ran), 1);
    stage_expect_eq(stage_value(&s.cancelled), 1);
    close_members(&s, false);
    stage_expect_eq(stage_value(&s.ran), 1);
    scene_end(&s);
    scene_end(&other);
}

STAGE_TEST(group__c187_second_closer_returns_only_when_the_first_ones_members_are_done)
{
    struct scene s;
    scene_begin(&s, 2);
    stage_expect_eq(tp_work_submit(stage_work(run_until_go, &s, s.env)), TP_OK);
    stage_await(&s.started, 1);
    s.must_have_run = 1;
    stage_thread_t first = stage_start(closer, &s);
    stage_thread_t second = stage_start(closer, &s);
    stage_add(&s.go, 1);
    stage_join(first);
    stage_join(second);
    scene_end(&s);
}

static void run_unless_closed(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct scene *s = context;
    stage_expect_eq(stage_value(&s->closed), 0);
    count_run(instance, context, work);
}

static void submit_until_stale(void *context)
{
    struct scene *s = context;
    int posts = stage_times(2000, 5); /* bounded: each post made in time extends the wait */
    while (posts-- > 0 && tp_work_submit(s->work) == TP_OK)
        stage_add(&s->started, 1);
}

STAGE_TEST(group__c188_no_callback_starts_after_close_members)
{
    for (int cancel = 0; cancel < 2; cancel++) {
        struct scene s;
        scene_begin(&s, 2);
        s.work = stage_work(run_unless_closed, &s, s.env);
        stage_thread_t thread = stage_start(submit_until_stale, &s);
        stage_await(&s.started, 2);
        close_members(&s, cancel);
        stage_add(&s.closed, 1);
        stage_join(thread);
        stage_expect(stage_value(&s.ran) <= stage_value(&s.started));
        scene_end(&s);
    }
}

STAGE_MAIN(STAGE_CASE(group__c164_empty_group_closes_at_once_and_is_reusable),
           STAGE_CASE(group__c165_queued_posts_run_before_close_members_returns),
           STAGE_CASE(group__c166_non_members_are_not_waited_for),
           STAGE_CASE(group__c173_without_cancel_nobody_is_told),
           STAGE_CASE(group__submit_from_its_own_callback_extends_the_wait),
           STAGE_CASE(group__c181_disassociated_callbacks_are_waited_for),
           STAGE_CASE(group__c182_members_may_be_of_the_default_pool),
           STAGE_CASE(group__c183_members_may_be_of_two_pools),
           STAGE_CASE(group__c184_pool_may_be_closed_before_the_members),
           STAGE_CASE(group__c185_objects_made_meanwhile_are_closed_or_usable),
           STAGE_CASE(group__c186_cancel_callback_may_use_the_library),
           STAGE_CASE(group__c187_second_closer_returns_only_when_the_first_ones_members_are_done),
           STAGE_CASE(group__c188_no_callback_starts_after_close_members))
