/* limiter_test.c - the limiter on the simulated machine: no permit is ever lost or invented.
 *
 * usage: limiter_test [SCHEDULES | TOKEN]      (a token of an earlier report repeats that run) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/simulation/limiter.h"
#include "tp/sim.h"

enum { AT_ONCE = 2, TAKES = 2 };
#define MILLISECOND 1000000

static void take(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    limiter_take(context);
}

/* A few callbacks take permits while the timer puts some back. */
static void scenario(void *context)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    struct limiter limiter;
    tp_pool_t *pool;
    tp_env_t *env;
    tp_work_t *work;
    (void)context;
    config.name = "requests";
    config.thread_maximum = 2;
    tp_sim_check(tp_pool_create(&config, &pool) == TP_OK);
    tp_sim_check(tp_env_create(&env) == TP_OK);
    tp_sim_check(tp_env_set_pool(env, pool) == TP_OK);
    tp_sim_check(tp_env_set_name(env, "refill") == TP_OK);
    tp_sim_check(limiter_open(&limiter, env, AT_ONCE, MILLISECOND) == TP_OK);
    tp_sim_check(tp_env_set_name(env, "take") == TP_OK);
    tp_sim_check(tp_work_create(take, &limiter, env, &work) == TP_OK);

    for (int i = 0; i < TAKES; i++) {
        tp_sim_check(tp_work_submit(work) == TP_OK);
        tp_sim_sleep(MILLISECOND);
    }
    tp_sim_check(tp_work_wait(work, false, TP_INFINITE) == TP_OK);
    limiter_close(&limiter);
    tp_sim_check(limiter.granted + limiter.bucket.permits == AT_ONCE + limiter.refilled);

    tp_sim_check(tp_work_close(work) == TP_OK);
    tp_sim_check(tp_env_destroy(env) == TP_OK);
    tp_sim_check(tp_pool_close(pool) == TP_OK);
}

int main(int argc, char **argv)
{
    tp_sim_options_t options = TP_SIM_OPTIONS_INIT;
    tp_sim_report_t report = TP_SIM_REPORT_INIT;
    tp_status_t status;
    if (argc > 1 && strncmp(argv[1], "tp1:", 4) == 0)
        options.token = argv[1];
    else if (argc > 1)
        options.schedules = strtoull(argv[1], NULL, 10);
    status = tp_sim_run(&options, scenario, NULL, &report);
    if (status < 0)
        fprintf(stderr, "limiter_test: %s\n", tp_status_message(status));
    else
        printf("%llu schedules, %s\n", (unsigned long long)report.schedules,
               status == TP_OK ? "none failed" : "the last one failed");
    return status == TP_OK ? 0 : 1;
}
