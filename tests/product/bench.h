/* bench.h - what the tests of tp/sim.h are written with: short scenarios, and their runs. */
#ifndef TESTS_PRODUCT_BENCH_H
#define TESTS_PRODUCT_BENCH_H

#include "tests/support/tap.h"
#include "tp/sim.h"
#include "tp/tp.h"

/* In a scenario: what must not fail unless calls are made to fail. */
#define ok(call) tp_sim_check((call) == TP_OK)

/* A pool, and an environment for its objects, of this name. */
struct bench {
    tp_pool_t *pool;
    tp_env_t *env;
};

__attribute__((unused)) static struct bench bench_open(const char *name, uint32_t threads)
{
    struct bench bench;
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.name = name;
    config.thread_maximum = threads;
    ok(tp_pool_create(&config, &bench.pool));
    ok(tp_env_create(&bench.env));
    ok(tp_env_set_pool(bench.env, bench.pool));
    return bench;
}

__attribute__((unused)) static void bench_close(const struct bench *bench)
{
    ok(tp_env_destroy(bench->env));
    ok(tp_pool_close(bench->pool));
}

__attribute__((unused)) static tp_work_t *bench_work(const struct bench *bench, const char *name,
                                                     tp_work_fn function, void *context)
{
    tp_work_t *work;
    ok(tp_env_set_name(bench->env, name));
    ok(tp_work_create(function, context, bench->env, &work));
    return work;
}

/* One search whose report is kept; quiet unless it is not as expected. */
__attribute__((unused)) static tp_sim_report_t bench_report;
__attribute__((unused)) static tp_status_t bench_search(const tp_sim_options_t *options,
                                                        tp_sim_fn scenario)
{
    tp_sim_options_t quiet = *options;
    tp_sim_report_init(&bench_report);
    quiet.flags &= ~(uint32_t)TP_SIM_PRINT;
    return tp_sim_run(&quiet, scenario, NULL, &bench_report);
}

__attribute__((unused)) static tp_sim_options_t bench_options(uint64_t schedules)
{
    tp_sim_options_t options;
    tp_sim_options_init(&options);
    options.schedules = schedules;
    return options;
}

/* Is the text part of the report? If not, the report is printed. */
__attribute__((unused)) static bool bench_says(const char *wanted)
{
    const char *text = bench_report.text;
    if (text != NULL && strstr(text, wanted) != NULL)
        return true;
    fprintf(stderr, "# not in the report: %s\n%s", wanted, text != NULL ? text : "(no report)\n");
    return false;
}

#endif
