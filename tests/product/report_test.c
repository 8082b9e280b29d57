/* report_test.c - what is told of a failed run: objects, threads, who waits for whom, decisions. */
#include "tests/product/bench.h"
#include "tp/wait.h"

static int64_t balance;

static void reset_balance(void *context)
{
    (void)context;
    balance = 0;
}

static tp_status_t search_for(tp_sim_fn scenario, uint64_t schedules)
{
    tp_sim_options_t options = bench_options(schedules);
    options.reset = reset_balance;
    return bench_search(&options, scenario);
}

/* ---- a deadlock ------------------------------------------------------------------------------ */

static tp_work_t *scale;

static void scale_one(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
}

/* The only thread of the pool waits for what only that thread could run; that it runs one of two
 * itself does not help. */
static void resize_one(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    tp_event_t *never = context;
    tp_wait_result_t result;
    (void)instance;
    (void)work;
    ok(tp_work_submit(scale));
    ok(tp_waitable_wait(tp_waitable_event(never), TP_INFINITE, &result));
}

static void deadlock(void *context)
{
    struct bench bench = bench_open("images", 1);
    tp_event_t *done;
    tp_work_t *resize;
    (void)context;
    ok(tp_event_create(true, false, &done));
    tp_sim_name(done, "all scaled");
    scale = bench_work(&bench, "scale", scale_one, NULL);
    resize = bench_work(&bench, "resize", resize_one, done);
    ok(tp_work_submit_many(resize, 3));
    ok(tp_work_wait(resize, false, TP_INFINITE));
    tp_sim_fail("not reached");
}

TAP_TEST(report__a_deadlock_tells_who_waits_for_whom)
{
    check_eq(search_for(deadlock, 5), TP_SIM_FAILED);
    check(strncmp(bench_report.message, "deadlock: ", 10) == 0);
    check(bench_says("\"entry\" waits for work \"resize\" in tp_work_wait"));
    check(bench_says(
        "\"images-0\" (in work \"resize\") waits for event \"all scaled\" in tp_waitable_wait"));
    check(bench_says("work \"resize\": 2 posts pending, 1 callback running; in pool \"images\""));
    check(bench_says("work \"scale\": 1 post pending, 0 callbacks running; in pool \"images\""));
    check(bench_says("pool \"images\": 1 of at most 1 thread, busy in work \"resize\""));
    check(bench_says("event \"all scaled\": not set, 1 waits for it"));
    check(bench_says("      resize_one"));
    check(bench_says("      deadlock"));
}

/* ---- left open ------------------------------------------------------------------------------- */

static void leave_open(void *context)
{
    struct bench bench = bench_open("images", 1);
    (void)context;
    bench_work(&bench, "resize", scale_one, NULL);
    ok(tp_env_destroy(bench.env));
    ok(tp_pool_close(bench.pool));
}

TAP_TEST(report__what_is_left_open_is_named)
{
    check_eq(search_for(leave_open, 5), TP_SIM_FAILED);
    check(bench_says("tp-sim: work \"resize\" is still open\n"));
}

static void leave_many_open(void *context)
{
    tp_event_t *event;
    (void)context;
    for (int i = 0; i < 6; i++) {
        ok(tp_event_create(false, false, &event));
        if (i == 0)
            tp_sim_name(event, "first");
    }
}

TAP_TEST(report__of_many_left_open_some_are_named)
{
    check_eq(search_for(leave_many_open, 5), TP_SIM_FAILED);
    check(strstr(bench_report.message, "event \"first\", event #") != NULL);
    check(strstr(bench_report.message, " and 2 more are still open") != NULL);
}

static void strand(void *context)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_pool_t *pool;
    tp_env_t *env;
    tp_work_t *work;
    (void)context;
    config.flags = TP_POOL_CALLER_DRIVEN;
    config.name = "loop";
    ok(tp_pool_create(&config, &pool));
    ok(tp_env_create(&env));
    ok(tp_env_set_pool(env, pool));
    ok(tp_work_create(scale_one, NULL, env, &work));
    ok(tp_env_destroy(env));
    tp_sim_name(work, "later");
    ok(tp_work_submit_many(work, 3));
}

TAP_TEST(report__stranded_work_is_told_as_such)
{
    check_eq(search_for(strand, 5), TP_SIM_FAILED);
    check(bench_says("work \"later\" (stranded: 3 posts of it never ran)"));
    check(bench_says("pool \"loop\": driven by callers of tp_pool_run"));
}

/* ---- timers, waits --------------------------------------------------------------------------- */

static void on_timer(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    (void)timer;
}

static void on_wait(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                    tp_wait_result_t result)
{
    (void)instance;
    (void)context;
    (void)wait;
    (void)result;
}

static void fail_amid(void *context)
{
    struct bench bench = bench_open("amid", 2);
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    tp_wait_spec_t waited = TP_WAIT_SPEC_INIT;
    tp_timer_t *timer;
    tp_event_t *event;
    tp_mutex_t *mutex;
    tp_wait_t *wait;
    (void)context;
    ok(tp_env_set_name(bench.env, "refill"));
    ok(tp_timer_create(on_timer, NULL, bench.env, &timer));
    spec.due = 5000000000;
    spec.period = 2000000;
    ok(tp_timer_set(timer, &spec, NULL));
    ok(tp_event_create(true, false, &event));
    tp_sim_name(event, "stop");
    ok(tp_env_set_name(bench.env, "on stop"));
    ok(tp_wait_create(on_wait, NULL, bench.env, &wait));
    waited.source = tp_waitable_event(event);
    ok(tp_wait_set(wait, &waited, NULL));
    ok(tp_mutex_create(true, &mutex));
    tp_sim_name(mutex, "books");
    tp_sim_fail("that is %s", "all");
}

TAP_TEST(report__timers_waits_and_locks_tell_their_state)
{
    check_eq(search_for(fail_amid, 1), TP_SIM_FAILED);
    check(strcmp(bench_report.message, "that is all") == 0);
    check(bench_says("timer \"refill\": 0 posts pending, 0 callbacks running, armed, due in "));
    check(bench_says(", every 2 ms; in pool \"amid\""));
    check(bench_says("wait \"on stop\": 0 posts pending, 0 callbacks running, armed on event "
                     "\"stop\"; in pool \"amid\""));
    check(bench_says("mutex \"books\": owned by thread \"entry\""));
    check(bench_says("\"entry\" runs: the failure is here\n      fail_amid"));
}

/* ---- decisions ------------------------------------------------------------------------------- */

static void withdraw(void *context)
{
    int64_t seen = balance;
    (void)context;
    TP_SIM_POINT();
    balance = seen - 1;
}

static void two_withdraw(void *context)
{
    tp_sim_thread_t one, other;
    (void)context;
    one = tp_sim_thread_start(withdraw, NULL, "alice");
    other = tp_sim_thread_start(withdraw, NULL, "bob");
    tp_sim_thread_join(one);
    tp_sim_thread_join(other);
    tp_sim_check(balance == -2);
}

TAP_TEST(report__one_preemption_is_told_with_its_place)
{
    check_eq(search_for(two_withdraw, 500), TP_SIM_FAILED);
    check_eq(bench_report.decisions, 1);
    check((bench_says("  1. \"alice\" in withdraw") && bench_says(": \"bob\" goes on\n")) ||
          (bench_says("  1. \"bob\" in withdraw") && bench_says(": \"alice\" goes on\n")));
    check(bench_says(bench_report.shrunk));
    check(bench_says(bench_report.token));
}

static void spin(void *context)
{
    (void)context;
    while (balance == 0)
        TP_SIM_POINT();
}

TAP_TEST(report__an_endless_spin_ends)
{
    tp_sim_options_t options = bench_options(1);
    options.max_steps = 5000;
    options.reset = reset_balance;
    check_eq(bench_search(&options, spin), TP_SIM_FAILED);
    check(strstr(bench_report.message, "livelock: still running after 5000 steps") != NULL);
    check(bench_says("      spin"));
}

static void join_each_other(void *context)
{
    static tp_sim_thread_t first;
    (void)context;
    if (balance++ == 0) {
        first = tp_sim_thread_start(join_each_other, NULL, "second");
        tp_sim_thread_join(first);
    } else {
        tp_event_t *event;
        tp_wait_result_t result;
        ok(tp_event_create(true, false, &event));
        ok(tp_waitable_wait(tp_waitable_event(event), TP_INFINITE, &result));
    }
}

TAP_TEST(report__a_join_is_told_by_the_name_of_the_thread)
{
    check_eq(search_for(join_each_other, 1), TP_SIM_FAILED);
    check(bench_says("\"entry\" waits for thread \"second\" in tp_sim_thread_join"));
    check(bench_says("\"second\" waits for event #"));
}

/* ---- invariants at rest ---------------------------------------------------------------------- */

static tp_pool_t *looked_at;

static void at_rest(void *context)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    (void)context;
    if (looked_at == NULL)
        return;
    ok(tp_pool_get_stats(looked_at, &stats));
    balance++;
    tp_sim_check(stats.pending[TP_PRIORITY_NORMAL] == 0);
}

static void rest_with_work(void *context)
{
    struct bench bench = bench_open("rest", 1);
    tp_work_t *work = bench_work(&bench, "count", scale_one, NULL);
    (void)context;
    looked_at = bench.pool;
    tp_sim_on_quiet(at_rest, NULL);
    ok(tp_work_submit_many(work, 3));
    ok(tp_work_wait(work, false, TP_INFINITE));
    tp_sim_sleep(1000000);
    tp_sim_check(balance > 0);
    looked_at = NULL;
    ok(tp_work_close(work));
    bench_close(&bench);
}

TAP_TEST(quiet__is_called_whenever_nobody_runs)
{
    tp_sim_options_t options = bench_options(200);
    options.reset = reset_balance;
    options.flags |= TP_SIM_EXACT_TIME;
    check_eq(bench_search(&options, rest_with_work), TP_OK);
}

int main(void)
{
    tap_run(report__a_deadlock_tells_who_waits_for_whom);
    tap_run(report__what_is_left_open_is_named);
    tap_run(report__of_many_left_open_some_are_named);
    tap_run(report__stranded_work_is_told_as_such);
    tap_run(report__timers_waits_and_locks_tell_their_state);
    tap_run(report__one_preemption_is_told_with_its_place);
    tap_run(report__an_endless_spin_ends);
    tap_run(report__a_join_is_told_by_the_name_of_the_thread);
    tap_run(quiet__is_called_whenever_nobody_runs);
    return tap_done();
}
