/* run.c - tp_sim_run: what is to be searched, the search, and the report of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capi/gate.h"
#include "capi/sim/internal.h"
#include "capi/sim/user_access.h"
#include "tp/library.h"
#include "core/object/process.h"

#define OPTIONS_FIRST sizeof(tp_sim_options_t)
#define REPORT_FIRST sizeof(tp_sim_report_t)
#define CPUS_MAX 64
#define FLAGS_ALL 511u
#define SCHEDULES 1000

struct tpi_sim_job tpi_sim_job;

static bool busy; /* a search goes on */
static struct tpps_search search;
static char message[TPPS_MESSAGE_SIZE], token[TPPS_TOKEN_SIZE], shrunk[TPPS_TOKEN_SIZE];
static char *text;

void tp_sim_options_init(tp_sim_options_t *options)
{
    static const tp_sim_options_t initial = TP_SIM_OPTIONS_INIT;
    if (options != NULL)
        *options = initial;
}

void tp_sim_report_init(tp_sim_report_t *report)
{
    static const tp_sim_report_t initial = TP_SIM_REPORT_INIT;
    if (report != NULL)
        *report = initial;
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static tp_status_t judge(const tp_sim_options_t *o)
{
    struct tpps_options repeated;
    if (o->flags & ~FLAGS_ALL || o->strategy > TP_SIM_BYTES || o->time_limit_ns < 0)
        return TP_ERR_ARGUMENT;
    if (o->cpus > CPUS_MAX || (o->strategy == TP_SIM_PCT && o->depth > TPPS_DEPTH_MAX))
        return TP_ERR_ARGUMENT;
    if (o->strategy == TP_SIM_BYTES && o->bytes == NULL && o->bytes_size != 0)
        return TP_ERR_ARGUMENT;
    if (o->strategy == TP_SIM_EXHAUSTIVE && o->flags & TP_SIM_FAULTS)
        return TP_ERR_ARGUMENT;
    if (o->token != NULL && !tpps_token_parse(o->token, &repeated))
        return TP_ERR_ARGUMENT;
    return TP_OK;
}

static uint64_t how_many(const tp_sim_options_t *o)
{
    if (o->schedules != 0)
        return o->schedules;
    return o->strategy == TP_SIM_EXHAUSTIVE ? UINT64_MAX : SCHEDULES;
}

/* ---- one run --------------------------------------------------------------------------------- */

static void reset(void)
{
    tpi_process_reset();
    tpi_sim_names_reset();
    if (tpi_sim_job.reset != NULL)
        tpi_sim_job.reset(tpi_sim_job.reset_context);
}

static void misused(void *context, const char *function, tp_status_t status, const char *what)
{
    (void)context;
    (void)function;
    tpps_fail("misuse: %s (%s)", what, tp_status_name(status));
}

static void enter(void *arg)
{
    (void)arg;
    if (tpi_sim_job.flags & TP_SIM_MISUSE_FAILS)
        tp_set_misuse_hook(misused, NULL);
    tpi_sim_job.scenario(tpi_sim_job.context);
}

static void prepare(const tp_sim_options_t *o)
{
    static const enum tpps_mode modes[] = {TPPS_MODE_MIX, TPPS_MODE_PCT, TPPS_MODE_RANDOM,
                                           TPPS_MODE_DFS, TPPS_MODE_BYTES};
    search = (struct tpps_search){
        .entry = enter,
        .reset = reset,
        .base = {.quiet = true,
                 .weak = o->flags & TP_SIM_WEAK_MEMORY,
                 .races = tpi_user_instrumented && !(o->flags & TP_SIM_NO_RACES),
                 .cpus = o->cpus,
                 .max_steps = o->max_steps,
                 .leaks_allowed = true,
                 .bytes = o->bytes,
                 .bytes_size = o->bytes_size},
        .mode = modes[o->strategy],
        .seed = o->seed != 0 ? o->seed : 1,
        .schedules = how_many(o),
        .limit_ns = o->time_limit_ns,
        .depth = o->depth,
        .sweep = o->flags & TP_SIM_FAULTS,
        .users = true,
        .fine = o->flags & TP_SIM_FINE,
        .no_early = o->flags & TP_SIM_EXACT_TIME};
}

/* ---- the report ------------------------------------------------------------------------------ */

static void forget_report(void)
{
    free(text);
    text = NULL;
    message[0] = token[0] = shrunk[0] = 0;
}

/* The smallest run that fails, once more, for its decisions to be told in words. */
static int shrink(void)
{
    static struct tpps_search again;
    int left;
    tpi_sim_listen(false, false);
    left = tpps_search_smallest(&search, &again);
    if (left < 0 || !tpps_token_parse(search.result.token, &search.options))
        return -1;
    memcpy(shrunk, search.result.token, sizeof shrunk);
    search.options.record = search.options.quiet = true;
    tpi_sim_listen(true, true);
    reset();
    tpps_run(&search.options, enter, NULL, &search.result);
    return left;
}

static void write_text(FILE *out, const tp_sim_report_t *report)
{
    fprintf(out, "tp-sim: %s\n", message);
    fprintf(out, "schedules: %llu, with %llu steps in all%s\n",
            (unsigned long long)report->schedules, (unsigned long long)report->steps,
            shrunk[0] != 0 ? "; told of is the smallest that fails so" : "");
    tpi_sim_print(out);
    if (shrunk[0] != 0)
        fprintf(out, "token of this run: %s\ntoken of the run that was found first: %s\n", shrunk,
                token);
    else
        fprintf(out, "token of this run: %s\n", token);
}

static bool can_shrink(uint32_t flags)
{
    return !(flags & TP_SIM_NO_SHRINK) && strncmp(message, "not deterministic", 17) != 0;
}

static void write_report(uint32_t flags, tp_sim_report_t *report)
{
    size_t size = 0;
    FILE *out;
    int left = -1;
    bool own = tpi_sim_message()[0] == 0; /* no run failed, but the search did */
    memcpy(message, own ? search.result.message : tpi_sim_message(), sizeof message);
    memcpy(token, search.result.token, sizeof token);
    if (can_shrink(flags))
        left = shrink();
    report->message = message;
    report->token = token;
    if (left >= 0) {
        report->shrunk = shrunk;
        report->decisions = (uint32_t)left;
    }
    out = open_memstream(&text, &size);
    if (out == NULL)
        return;
    write_text(out, report);
    fclose(out);
    report->text = text;
}

static tp_status_t run(const tp_sim_options_t *o, tp_sim_report_t *report)
{
    bool passed;
    tpi_user_install();
    prepare(o);
    tpi_sim_listen(true, false);
    passed = o->token != NULL ? tpps_search_token(&search, o->token) : tpps_search(&search);
    report->schedules = search.runs;
    report->steps = search.steps;
    report->faults = search.faults;
    report->trace = search.result.trace;
    if (!passed)
        write_report(o->flags, report);
    tpi_process_reset(); /* the memory of the last run is gone */
    if (!passed && o->flags & TP_SIM_PRINT && text != NULL)
        fputs(text, stderr);
    return passed ? TP_OK : TP_SIM_FAILED;
}

static tp_status_t start(const tp_sim_options_t *given, tp_sim_fn scenario, void *context,
                         tp_sim_report_t *report)
{
    tp_sim_options_t o = TP_SIM_OPTIONS_INIT;
    tp_status_t status = TP_OK;
    if (busy || tpps_running())
        return TP_ERR_STATE;
    if (scenario == NULL)
        return TP_ERR_ARGUMENT;
    if (given != NULL)
        status = tpi_gate_read(&o, sizeof o, OPTIONS_FIRST, given);
    if (status == TP_OK)
        status = judge(&o);
    if (status != TP_OK)
        return status;
    busy = true;
    forget_report();
    tpi_sim_job = (struct tpi_sim_job){o.flags, scenario, o.reset, context, o.reset_context};
    status = run(&o, report);
    busy = false;
    return status;
}

tp_status_t tp_sim_run(const tp_sim_options_t *options, tp_sim_fn scenario, void *context,
                       tp_sim_report_t *report_out)
{
    tp_sim_report_t report = TP_SIM_REPORT_INIT;
    tp_status_t status = TP_OK;
    if (report_out != NULL)
        status = tpi_gate_size(REPORT_FIRST, report_out);
    if (status == TP_OK)
        status = start(options, scenario, context, &report);
    if (report_out != NULL && status != TP_ERR_VERSION)
        tpi_gate_write(&report, sizeof report, report_out);
    return status;
}
