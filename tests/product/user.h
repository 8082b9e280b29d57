/* user.h - what the tests of user code in the simulator share: one must fail so, or pass. */
#ifndef TESTS_PRODUCT_USER_H
#define TESTS_PRODUCT_USER_H

#include "tests/support/tap.h"
#include "tp/sim.h"
#include "tp/tp.h"

#define USER_SCHEDULES 1500

/* A search finds a failure with this in its message, and its token finds it again, twice. */
TAP_UNUSED_ static void must_fail(tp_sim_fn scenario, void *context, tp_sim_fn reset,
                                  const char *part)
{
    tp_sim_options_t options = TP_SIM_OPTIONS_INIT;
    tp_sim_report_t report = TP_SIM_REPORT_INIT, again = TP_SIM_REPORT_INIT;
    char token[4096];
    options.flags = 0;
    options.schedules = USER_SCHEDULES;
    options.reset = reset;
    check_eq(tp_sim_run(&options, scenario, context, &report), TP_SIM_FAILED);
    if (report.message == NULL || strstr(report.message, part) == NULL)
        printf("# message: %s\n# %s\n", report.message != NULL ? report.message : "none",
               report.text != NULL ? report.text : "");
    require(report.message != NULL && strstr(report.message, part) != NULL);
    require(report.token != NULL && strlen(report.token) < sizeof token);
    strcpy(token, report.shrunk != NULL ? report.shrunk : report.token);
    options.token = token;
    options.flags = TP_SIM_NO_SHRINK;
    for (int i = 0; i < 2; i++) {
        check_eq(tp_sim_run(&options, scenario, context, &again), TP_SIM_FAILED);
        require(again.message != NULL && strstr(again.message, part) != NULL);
    }
}

TAP_UNUSED_ static void must_pass(tp_sim_fn scenario, void *context, tp_sim_fn reset)
{
    tp_sim_options_t options = TP_SIM_OPTIONS_INIT;
    tp_sim_report_t report = TP_SIM_REPORT_INIT;
    options.schedules = USER_SCHEDULES;
    options.reset = reset;
    check_eq(tp_sim_run(&options, scenario, context, &report), TP_OK);
    check(report.steps > report.schedules);
}

#endif
