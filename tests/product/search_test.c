/* search_test.c - tp_sim_run: strategies, flags, determinism, tokens, and what it refuses. */
#include "tests/product/bench.h"

#include <stddef.h>
#include <sys/wait.h>

static int count; /* what two callbacks lose an update of */

static void reset_count(void *context)
{
    (void)context;
    count = 0;
}

static void add_one(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    int seen = count;
    (void)instance;
    (void)context;
    (void)work;
    TP_SIM_POINT();
    count = seen + 1;
}

static void lose_an_update(void *context)
{
    struct bench bench = bench_open("adders", 2);
    tp_work_t *work = bench_work(&bench, "add", add_one, NULL);
    (void)context;
    ok(tp_work_submit_many(work, 2));
    ok(tp_work_wait(work, false, TP_INFINITE));
    tp_sim_check(count == 2);
    ok(tp_work_close(work));
    bench_close(&bench);
}

static void work_alone(void *context)
{
    struct bench bench = bench_open("single", 1);
    tp_work_t *work = bench_work(&bench, "add", add_one, NULL);
    (void)context;
    ok(tp_work_submit_many(work, 3));
    ok(tp_work_wait(work, false, TP_INFINITE));
    tp_sim_check(count == 3);
    ok(tp_work_close(work));
    bench_close(&bench);
}

static tp_sim_options_t options_for(uint64_t schedules)
{
    tp_sim_options_t options = bench_options(schedules);
    options.reset = reset_count;
    return options;
}

/* ---- searching ------------------------------------------------------------------------------- */

static void finds_with(uint32_t strategy, uint64_t schedules)
{
    tp_sim_options_t options = options_for(schedules);
    options.strategy = strategy;
    check_eq(bench_search(&options, lose_an_update), TP_SIM_FAILED);
    check(bench_report.schedules >= 1 && bench_report.schedules <= schedules);
    check(bench_report.message != NULL && strstr(bench_report.message, "count == 2") != NULL);
    check(bench_report.token != NULL && bench_report.shrunk != NULL);
    check(bench_report.decisions >= 1 && bench_report.decisions <= 8);
}

TAP_TEST(search__the_mix_finds_a_lost_update)
{
    finds_with(TP_SIM_MIX, 2000);
}

TAP_TEST(search__pct_finds_a_lost_update)
{
    finds_with(TP_SIM_PCT, 5000);
}

TAP_TEST(search__random_walks_find_a_lost_update)
{
    finds_with(TP_SIM_RANDOM, 5000);
}

static void two_threads(void *context)
{
    tp_sim_thread_t other;
    (void)context;
    other = tp_sim_thread_start((tp_sim_fn)reset_count, NULL, "other");
    count = 1;
    TP_SIM_POINT();
    tp_sim_check(count == 1);
    tp_sim_thread_join(other);
}

TAP_TEST(search__exhaustive_tries_everything_and_no_more)
{
    tp_sim_options_t options = options_for(0);
    uint64_t bound_1;
    options.strategy = TP_SIM_EXHAUSTIVE;
    check_eq(bench_search(&options, two_threads), TP_SIM_FAILED);
    check(bench_report.schedules < 20);
    options.depth = 1;
    check_eq(bench_search(&options, work_alone), TP_OK);
    bound_1 = bench_report.schedules;
    check(bound_1 > 1);
    check_eq(bench_search(&options, work_alone), TP_OK);
    check_eq(bench_report.schedules, bound_1);
    options.schedules = 2;
    check_eq(bench_search(&options, work_alone), TP_OK);
    check_eq(bench_report.schedules, 2);
}

TAP_TEST(search__bytes_decide)
{
    static const uint8_t none[1], busy[] = {9, 1, 10, 2, 11, 3, 9, 1, 10, 2, 11, 3, 9, 1, 10, 2};
    tp_sim_options_t options = options_for(1);
    uint64_t first;
    options.strategy = TP_SIM_BYTES;
    options.bytes = none;
    check_eq(bench_search(&options, work_alone), TP_OK);
    check_eq(bench_report.schedules, 1);
    first = bench_report.trace;
    options.bytes = busy;
    options.bytes_size = sizeof busy;
    check_eq(bench_search(&options, work_alone), TP_OK);
    check(bench_report.trace != first);
}

TAP_TEST(search__what_is_right_passes)
{
    tp_sim_options_t options = options_for(200);
    check_eq(bench_search(&options, work_alone), TP_OK);
    check_eq(bench_report.schedules, 200);
    check(bench_report.steps > 200 * 20);
    check(bench_report.message == NULL && bench_report.token == NULL);
    check(bench_report.shrunk == NULL && bench_report.text == NULL);
    check_eq(bench_report.decisions, 0);
    options.flags |= TP_SIM_FINE | TP_SIM_WEAK_MEMORY;
    check_eq(bench_search(&options, work_alone), TP_OK);
}

TAP_TEST(search__time_is_limited)
{
    tp_sim_options_t options = options_for(UINT64_MAX);
    options.time_limit_ns = 50 * 1000 * 1000;
    check_eq(bench_search(&options, work_alone), TP_OK);
    check(bench_report.schedules > 1);
}

/* ---- the same again -------------------------------------------------------------------------- */

TAP_TEST(determinism__a_seed_gives_one_trace)
{
    tp_sim_options_t options = options_for(50);
    uint64_t trace, steps;
    options.seed = 4711;
    check_eq(bench_search(&options, work_alone), TP_OK);
    trace = bench_report.trace;
    steps = bench_report.steps;
    check_eq(bench_search(&options, work_alone), TP_OK);
    check_eq(bench_report.trace, trace);
    check_eq(bench_report.steps, steps);
    options.seed = 4712;
    check_eq(bench_search(&options, work_alone), TP_OK);
    check(bench_report.trace != trace);
}

static void remember(void *context)
{
    (void)context;
    for (int i = 0; i < count % 7; i++)
        tp_sim_point();
    count++;
}

TAP_TEST(determinism__a_forgotten_global_is_told)
{
    tp_sim_options_t options = bench_options(60);                 /* the 51st schedule runs twice */
    check_eq(bench_search(&options, two_threads), TP_SIM_FAILED); /* needs no reset */
    count = 0;
    options.flags |= TP_SIM_NO_SHRINK;
    check_eq(bench_search(&options, work_alone), TP_SIM_FAILED); /* does: count == 3 only once */
    check_eq(bench_report.schedules, 2);
    options.flags &= ~(uint32_t)TP_SIM_NO_SHRINK;
    check_eq(bench_search(&options, remember), TP_SIM_FAILED);
    check_eq(bench_report.schedules, 51);
    check(strncmp(bench_report.message, "not deterministic", 17) == 0);
    check(bench_report.token != NULL && bench_report.shrunk == NULL);
}

TAP_TEST(token__repeats_the_run_and_so_does_the_shrunk_one)
{
    static char token[4096], shrunk[4096];
    tp_sim_options_t options = options_for(2000);
    uint64_t trace;
    check_eq(bench_search(&options, lose_an_update), TP_SIM_FAILED);
    snprintf(token, sizeof token, "%s", bench_report.token);
    snprintf(shrunk, sizeof shrunk, "%s", bench_report.shrunk);
    trace = bench_report.trace;
    options.token = token;
    check_eq(bench_search(&options, lose_an_update), TP_SIM_FAILED);
    check_eq(bench_report.schedules, 1);
    check_eq(bench_report.trace, trace);
    options.token = shrunk;
    check_eq(bench_search(&options, lose_an_update), TP_SIM_FAILED);
    check_eq(bench_report.schedules, 1);
    check(strstr(bench_report.message, "count == 2") != NULL);
    options.flags |= TP_SIM_NO_SHRINK;
    check_eq(bench_search(&options, lose_an_update), TP_SIM_FAILED);
    check(bench_report.shrunk == NULL && bench_report.decisions == 0);
}

/* The new process has other addresses, and nothing of this one's past. */
TAP_TEST(token__repeats_the_run_in_another_process)
{
    static char token[2][4096];
    tp_sim_options_t options = options_for(2000);
    uint64_t trace;
    check_eq(bench_search(&options, lose_an_update), TP_SIM_FAILED);
    snprintf(token[0], sizeof token[0], "%s", bench_report.token);
    snprintf(token[1], sizeof token[1], "%s", bench_report.shrunk);
    trace = bench_report.trace;
    for (int i = 0; i < 2; i++) {
        char command[8300], line[64] = "";
        FILE *other;
        snprintf(command, sizeof command, "exec /proc/%d/exe --token '%s'", (int)getpid(),
                 token[i]);
        other = popen(command, "r");
        require(other != NULL);
        check(fgets(line, sizeof line, other) != NULL);
        check_eq(pclose(other), 0);
        if (i == 0)
            check_eq(strtoull(line, NULL, 16), trace);
    }
}

static int repeat(const char *token)
{
    tp_sim_options_t options = options_for(1);
    options.token = token;
    if (bench_search(&options, lose_an_update) != TP_SIM_FAILED)
        return 1;
    printf("%llx\n", (unsigned long long)bench_report.trace);
    return 0;
}

/* ---- flags ----------------------------------------------------------------------------------- */

static tp_status_t create_status;

static void create_and_forget(void *context)
{
    tp_pool_t *pool;
    (void)context;
    create_status = tp_pool_create(NULL, &pool);
}

TAP_TEST(flags__objects_may_stay)
{
    tp_sim_options_t options = bench_options(5);
    check_eq(bench_search(&options, create_and_forget), TP_SIM_FAILED);
    check(strstr(bench_report.message, "still open") != NULL);
    options.flags |= TP_SIM_OBJECTS_MAY_STAY;
    check_eq(bench_search(&options, create_and_forget), TP_OK);
}

static void close_twice(void *context)
{
    tp_event_t *event;
    (void)context;
    ok(tp_event_create(false, false, &event));
    ok(tp_event_close(event));
    tp_sim_check(tp_event_close(event) == TP_ERR_HANDLE);
}

TAP_TEST(flags__misuse_fails)
{
    tp_sim_options_t options = bench_options(5);
    check_eq(bench_search(&options, close_twice), TP_OK);
    options.flags |= TP_SIM_MISUSE_FAILS;
    check_eq(bench_search(&options, close_twice), TP_SIM_FAILED);
    check(strstr(bench_report.message, "misuse: tp_event_close") != NULL);
    check(strstr(bench_report.message, "TP_ERR_HANDLE") != NULL);
}

static void leak_on_failure(void *context)
{
    tp_event_t *first, *second;
    (void)context;
    if (tp_event_create(false, false, &first) != TP_OK)
        return;
    if (tp_pool_create(NULL, (tp_pool_t **)(void *)&second) != TP_OK)
        return; /* the bug: `first` stays open */
    ok(tp_pool_close((tp_pool_t *)(void *)second));
    ok(tp_event_close(first));
}

TAP_TEST(flags__faults_find_the_error_path_that_leaks)
{
    tp_sim_options_t options = bench_options(5);
    check_eq(bench_search(&options, leak_on_failure), TP_OK);
    check_eq(bench_report.faults, 0);
    options.flags |= TP_SIM_FAULTS;
    check_eq(bench_search(&options, leak_on_failure), TP_SIM_FAILED);
    check(bench_report.faults > 0);
    check(strstr(bench_report.message, "event") != NULL);
}

static void sleep_exactly(void *context)
{
    int64_t before = tp_sim_now();
    tp_sim_thread_t other = tp_sim_thread_start((tp_sim_fn)reset_count, NULL, NULL);
    (void)context;
    tp_sim_sleep(1000);
    tp_sim_check(tp_sim_now() == before + 1000);
    tp_sim_thread_join(other);
}

TAP_TEST(flags__exact_time)
{
    tp_sim_options_t options = bench_options(500);
    options.flags |= TP_SIM_EXACT_TIME;
    check_eq(bench_search(&options, sleep_exactly), TP_OK);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void nested(void *context)
{
    tp_sim_report_t report = TP_SIM_REPORT_INIT;
    (void)context;
    tp_sim_check(tp_sim_running());
    tp_sim_check(tp_sim_run(NULL, work_alone, NULL, &report) == TP_ERR_STATE);
    tp_sim_check(report.schedules == 0 && report.text == NULL);
}

TAP_TEST(refused__a_run_in_a_run)
{
    tp_sim_options_t options = bench_options(3);
    check_eq(bench_search(&options, nested), TP_OK);
}

static void refused(tp_sim_options_t options, tp_status_t status)
{
    check_eq(bench_search(&options, work_alone), status);
    check_eq(bench_report.schedules, 0);
}

TAP_TEST(refused__what_is_unknown_or_out_of_range)
{
    tp_sim_options_t right = options_for(1), options;
    check_eq(tp_sim_run(&right, NULL, NULL, NULL), TP_ERR_ARGUMENT);
    options = right;
    options.flags = 1u << 31;
    refused(options, TP_ERR_ARGUMENT);
    options = right;
    options.strategy = TP_SIM_BYTES + 1;
    refused(options, TP_ERR_ARGUMENT);
    options = right;
    options.strategy = TP_SIM_PCT;
    options.depth = 17;
    refused(options, TP_ERR_ARGUMENT);
    options = right;
    options.cpus = 65;
    refused(options, TP_ERR_ARGUMENT);
    options = right;
    options.time_limit_ns = -1;
    refused(options, TP_ERR_ARGUMENT);
    options = right;
    options.strategy = TP_SIM_BYTES;
    options.bytes_size = 1;
    refused(options, TP_ERR_ARGUMENT);
    options = right;
    options.strategy = TP_SIM_EXHAUSTIVE;
    options.flags |= TP_SIM_FAULTS;
    refused(options, TP_ERR_ARGUMENT);
    options = right;
    options.token = "tp1:nonsense";
    refused(options, TP_ERR_ARGUMENT);
}

TAP_TEST(refused__structs_of_no_version)
{
    tp_sim_options_t options = options_for(1);
    tp_sim_report_t report = TP_SIM_REPORT_INIT;
    options.struct_size = 8;
    refused(options, TP_ERR_VERSION);
    options = options_for(1);
    report.struct_size = 4;
    check_eq(tp_sim_run(&options, work_alone, NULL, &report), TP_ERR_VERSION);
    check_eq(report.schedules, 0);
}

struct future {
    tp_sim_options_t options;
    uint64_t more;
};

TAP_TEST(refused__a_larger_struct_unless_its_rest_is_zero)
{
    struct future future = {.options = options_for(1)};
    future.options.flags &= ~(uint32_t)TP_SIM_PRINT;
    future.options.struct_size = sizeof future;
    check_eq(tp_sim_run(&future.options, work_alone, NULL, NULL), TP_OK);
    future.more = 1;
    check_eq(tp_sim_run(&future.options, work_alone, NULL, NULL), TP_ERR_VERSION);
}

TAP_TEST(outside__calls_do_nothing)
{
    tp_sim_thread_t none = 0;
    check(!tp_sim_running());
    tp_sim_point();
    check_eq(tp_sim_choose(5), 0);
    tp_sim_name(&count, "count");
    tp_sim_on_quiet(reset_count, NULL);
    check_eq(tp_sim_thread_start((tp_sim_fn)reset_count, NULL, NULL), none);
    tp_sim_thread_join(101);
    check_eq(tp_sim_now(), 0);
    tp_sim_sleep(1);
    tp_sim_busy(1);
    tp_sim_step_realtime(1);
    tp_sim_suspend(1);
    tp_sim_set_cpus(1);
    tp_sim_signal_raise(10);
    tp_sim_set_io_backend(TP_IO_BACKEND_EPOLL);
    check_eq(tp_sim_open(TP_SIM_FILE_STREAM), -1);
    check_eq(tp_sim_dup(3), -1);
    check_eq(tp_sim_written(3, NULL, 0), 0);
    tp_sim_close(3);
}

TAP_TEST(outside__a_failure_aborts)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        tp_sim_fail("outside %d", 1);
    }
    require(child > 0 && waitpid(child, &status, 0) == child);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--token") == 0)
        return repeat(argv[2]);
    tap_run(search__the_mix_finds_a_lost_update);
    tap_run(search__pct_finds_a_lost_update);
    tap_run(search__random_walks_find_a_lost_update);
    tap_run(search__exhaustive_tries_everything_and_no_more);
    tap_run(search__bytes_decide);
    tap_run(search__what_is_right_passes);
    tap_run(search__time_is_limited);
    tap_run(determinism__a_seed_gives_one_trace);
    tap_run(determinism__a_forgotten_global_is_told);
    tap_run(token__repeats_the_run_and_so_does_the_shrunk_one);
    tap_run(token__repeats_the_run_in_another_process);
    tap_run(flags__objects_may_stay);
    tap_run(flags__misuse_fails);
    tap_run(flags__faults_find_the_error_path_that_leaks);
    tap_run(flags__exact_time);
    tap_run(refused__a_run_in_a_run);
    tap_run(refused__what_is_unknown_or_out_of_range);
    tap_run(refused__structs_of_no_version);
    tap_run(refused__a_larger_struct_unless_its_rest_is_zero);
    tap_run(outside__calls_do_nothing);
    tap_run(outside__a_failure_aborts);
    return tap_done();
}
