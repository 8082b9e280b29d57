/* group.c - a cleanup group: its members cancelled and closed at once. */
#include <stdatomic.h>
#include <stdio.h>

#include "must.h"

static atomic_int ran;
static int cancelled;
static tp_event_t *begun, *gate;

/* Holds the only thread of the pool until the gate is open. */
static void hold(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance, (void)context, (void)work;
    must(tp_event_set(begun));
    must_wait(tp_waitable_event(gate));
}

static void work_runs(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance, (void)context, (void)work;
    atomic_fetch_add(&ran, 1);
}

static void timer_expires(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance, (void)context, (void)timer;
    atomic_fetch_add(&ran, 1);
}

static void wait_ends(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                      tp_wait_result_t result)
{
    (void)instance, (void)context, (void)wait, (void)result;
    atomic_fetch_add(&ran, 1);
}

static void cancel(void *object_context, void *cleanup_context)
{
    (void)object_context, (void)cleanup_context;
    cancelled++; /* always on the thread that closes the members */
}

/* A work that is posted, a timer that is set, a wait that is armed. */
static void make_members(tp_env_t *env, tp_event_t *never_set)
{
    tp_timer_spec_t in_an_hour = TP_TIMER_SPEC_INIT;
    tp_wait_spec_t on_event = TP_WAIT_SPEC_INIT;
    tp_work_t *work;
    tp_timer_t *timer;
    tp_wait_t *wait;

    must(tp_work_create(work_runs, NULL, env, &work));
    must(tp_work_submit_many(work, 100));
    must(tp_timer_create(timer_expires, NULL, env, &timer));
    in_an_hour.due = INT64_C(3600) * 1000 * 1000 * 1000;
    must(tp_timer_set(timer, &in_an_hour, NULL));
    must(tp_wait_create(wait_ends, NULL, env, &wait));
    on_event.source = tp_waitable_event(never_set);
    must(tp_wait_set(wait, &on_event, NULL));
}

int main(void)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_event_t *never_set;
    tp_pool_t *pool;
    tp_env_t *env;
    tp_cleanup_group_t *group;
    tp_work_t *holder;

    must(tp_event_create(true, false, &begun));
    must(tp_event_create(true, false, &gate));
    must(tp_event_create(true, false, &never_set));
    config.thread_maximum = 1;
    must(tp_pool_create(&config, &pool));
    must(tp_env_create(&env));
    must(tp_env_set_pool(env, pool));
    must(tp_work_create(hold, NULL, env, &holder));
    must(tp_work_submit(holder));
    must_wait(tp_waitable_event(begun));

    must(tp_cleanup_group_create(&group));
    must(tp_env_set_cleanup_group(env, group, cancel));
    make_members(env, never_set);
    must(tp_cleanup_group_close_members(group, true, NULL));
    printf("members cancelled: %d\n", cancelled);
    printf("callbacks that ran: %d\n", ran);

    must(tp_event_set(gate));
    must(tp_work_wait(holder, false, TP_INFINITE));
    must(tp_work_close(holder));
    must(tp_cleanup_group_close(group));
    must(tp_env_destroy(env));
    must(tp_pool_close(pool));
    must(tp_event_close(never_set));
    must(tp_event_close(gate));
    must(tp_event_close(begun));
    return 0;
}
