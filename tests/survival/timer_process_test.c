/* timer_process_test.c - timers of processes that lack descriptors, are stopped, fork, or end. */
#define _GNU_SOURCE
#include "tests/survival/ending.h"
#include "tests/survival/timer_scene.h"
#include "tests/survival/unload.h"

/* ---- no descriptors -------------------------------------------------------------------------- */

static void expect_shots(struct scene *scene)
{
    static struct shot shots[40];
    begin_shots(shots, COUNT(shots), 20 * MS, scene, NULL);
    end_shots(shots, COUNT(shots));
    check_eq(tpp_load_acquire(&early), 0);
}

static void count_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    count_run(instance, context, NULL);
}

/* Works, or is refused and leaves nothing behind. */
static void first_timer_without(struct scene *scene)
{
    tp_timer_t *timer = NULL;
    allow_no_descriptor();
    tp_status_t status = tp_timer_create(count_run, NULL, scene->env, &timer);
    printf("# the first timer without descriptors: %s\n", tp_status_name(status));
    if (status == TP_OK) {
        check_eq(tp_timer_close(timer), TP_OK);
        expect_shots(scene);
    } else {
        check(status == TP_ERR_SYSTEM || status == TP_ERR_NO_THREAD || status == TP_ERR_NO_MEMORY);
        check(timer == NULL);
    }
    allow_descriptors();
    expect_shots(scene);
}

static void no_descriptors_from_the_beginning(void)
{
    struct scene scene = scene_plan(0, 4);
    begin_count();
    scene_build(&scene);
    first_timer_without(&scene);
    scene_end(&scene);
}

static void no_descriptors_after_work(void)
{
    struct scene scene = scene_plan(0, 4);
    begin_count();
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, count_work, NULL);
    check_eq(tp_work_submit_many(work, 8), TP_OK);
    finish_work(work);
    first_timer_without(&scene);
    scene_end(&scene);
}

static void no_descriptors_while_driven(void)
{
    struct scene driven = scene_plan(0, 0);
    tp_timer_t *timer = NULL;
    int fd = 7;
    begin_count();
    driven.config.flags = TP_POOL_CALLER_DRIVEN;
    scene_build(&driven);
    allow_no_descriptor();
    check_eq(tp_timer_create(count_run, NULL, driven.env, &timer), TP_OK);
    int64_t begun = now();
    set(timer, spec_of(TP_CLOCK_RELATIVE, 30 * MS, 0));
    check_eq(tp_pool_poll_fd(driven.pool, &fd), TP_ERR_SYSTEM);
    check_eq(fd, -1);
    check_eq(tp_pool_run(driven.pool, 0, TP_INFINITE, NULL), TP_OK);
    check(now() - begun >= 30 * MS);
    check_eq(tpp_load_acquire(&runs), 1);
    allow_descriptors();
    finish(timer);
    scene_end(&driven);
}

/* ---- a process that is stopped --------------------------------------------------------------- */

enum { STOP_MS = 300, TICK_MS = 10 };

/* Stops itself. Whoever sees that lets it go on after STOP_MS at the earliest; of the times of the
 * grid that lie in such a span all but one are lost. */
static void stopped_while_ticking(void)
{
    struct scene scene = scene_plan(0, 4);
    begin_count();
    scene_build(&scene);
    tp_timer_t *timer = scene_timer(&scene, count_run, NULL);
    int64_t begun = now();
    set(timer, spec_of(TP_CLOCK_RELATIVE, TICK_MS * MS, TICK_MS * MS));
    check(reaches(&runs, 5));
    int64_t stopped_at = now();
    check_eq(pthread_kill(pthread_self(), SIGSTOP), 0);
    int64_t stopped_for = now() - stopped_at;
    check(stopped_for >= STOP_MS * MS);
    check(reaches(&runs, tpp_load_acquire(&runs) + 20)); /* it goes on */
    int64_t ticks = tpp_load_acquire(&runs), times = (now() - begun) / (TICK_MS * MS);
    printf("# stopped for %.1f ms: %lld ticks at %lld times of the grid\n",
           (double)stopped_for / 1e6, (long long)ticks, (long long)times);
    check(ticks <= times - STOP_MS / TICK_MS + 2);
    finish(timer);
    scene_end(&scene);
}

static void let_stop(pid_t child)
{
    int status = 0;
    pid_t waited;
    while ((waited = waitpid(child, &status, WUNTRACED)) < 0 && errno == EINTR)
        ;
    check_eq(waited, child);
    require(WIFSTOPPED(status)); /* all its threads are at rest now */
    usleep(STOP_MS * 1000);
    check_eq(kill(child, SIGCONT), 0);
    check_eq(end_of(child), 0);
}

TAP_TEST(timer_process__c100_stopped_for_a_while_it_catches_up_once)
{
    let_stop(start_again("stopped", 30, -1));
}

/* ---- processes of their own ------------------------------------------------------------------ */

static const struct mode modes[] = {
    {"beginning", no_descriptors_from_the_beginning},
    {"later", no_descriptors_after_work},
    {"driven", no_descriptors_while_driven},
    {"stopped", stopped_while_ticking},
};

TAP_TEST(timer_process__without_descriptors_all_still_come)
{
    if (SANITIZED)
        tap_skip("a sanitizer wants descriptors");
    check_eq(end_of(start_again("beginning", 30, -1)), 0);
    check_eq(end_of(start_again("later", 30, -1)), 0);
    check_eq(end_of(start_again("driven", 30, -1)), 0);
}

/* ---- forks ----------------------------------------------------------------------------------- */

enum { MANY = 1000, FORKS = 20 };

static pid_t owner; /* of the timers that a fork leaves behind */
static tpp_u32 inherited;

static void only_in_owner(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    if (getpid() != owner)
        tpp_add_acq_rel(&inherited, 1);
    count_run(instance, context, timer);
}

/* Ten with a period of 1 ms, all others somewhere in the next minutes, on all clocks. */
static void begin_many(tp_timer_t *many[MANY], struct scene *scene)
{
    uint64_t dice = 2463534242;
    owner = getpid();
    begin_count();
    for (uint32_t i = 0; i < MANY; i++) {
        bool quick = i < 10;
        uint32_t clock = i % 2 ? TP_CLOCK_RELATIVE : TP_CLOCK_BOOTTIME;
        int64_t due = quick ? MS : 10 * MS + roll(&dice, 200000 * MS);
        many[i] = scene_timer(scene, only_in_owner, NULL);
        set(many[i], spec_of(clock, due, quick ? MS : 0));
    }
    check(reaches(&runs, 20));
}

static void end_many(tp_timer_t *many[MANY])
{
    for (uint32_t i = 0; i < MANY; i++)
        finish(many[i]);
}

/* Timers of the child's own, in a pool of its own and in the default pool. */
static void expect_new_timers(void)
{
    static struct shot shots[40];
    struct scene scene = scene_plan(0, 4);
    tp_timer_t *plain = NULL;
    scene_build(&scene);
    begin_shots(shots, COUNT(shots), 60 * MS, &scene, NULL);
    check_eq(tp_timer_create(count_run, NULL, NULL, &plain), TP_OK);
    uint32_t before = tpp_load_acquire(&runs);
    set(plain, spec_of(TP_CLOCK_RELATIVE, MS, MS));
    check(reaches(&runs, before + 20));
    end_shots(shots, COUNT(shots));
    finish(plain);
    check_eq(stats_of(scene.pool).timers_armed, 0);
    scene_end(&scene);
}

static void expect_nothing_inherited(tp_timer_t *one)
{
    check_eq(tp_timer_set(one, NULL, NULL), TP_ERR_FORKED);
    check_eq(tp_timer_wait(one, false, TP_INFINITE), TP_ERR_FORKED);
    expect_new_timers();
    check_eq(tpp_load_acquire(&inherited), 0);
    check_eq(tp_timer_close(one), TP_ERR_FORKED);
}

TAP_TEST(timer_process__r39_a_thousand_are_armed_and_none_comes_in_a_child)
{
    tp_timer_t *many[MANY];
    struct scene scene = scene_plan(1, 4);
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    check_eq(tp_set_misuse_hook(hear_forked, NULL), TP_OK);
    scene_build(&scene);
    begin_many(many, &scene);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            child_begin();
            expect_nothing_inherited(many[i % 20]);
            child_end();
        }
        check_eq(end_of(child), 0);
    }
    check(reaches(&runs, tpp_load_acquire(&runs) + 50)); /* the parent goes on */
    check(stats_of(scene.pool).timers_armed > 10);
    end_many(many);
    check_eq(stats_of(scene.pool).timers_armed, 0);
    scene_end(&scene);
    check_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
}

struct forking {
    bool returns;
    pid_t child;
};

static void fork_inside(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct forking *forking = context;
    if (getpid() != owner)
        _exit(55);
    count_run(instance, context, timer);
    if (forking->child != -1)
        return;
    pid_t child = fork();
    if (child != 0) {
        forking->child = child;
        return;
    }
    child_begin();
    expect_nothing_inherited(timer);
    if (!forking->returns || __atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) != 0)
        child_end();
}

TAP_TEST(timer_process__r39_a_callback_forks_and_the_period_goes_on_in_the_parent_only)
{
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    check_eq(tp_set_misuse_hook(hear_forked, NULL), TP_OK);
    for (int i = 0; i < 6; i++) {
        struct forking forking = {.returns = i % 2, .child = -1};
        struct scene scene = scene_plan(0, 1);
        owner = getpid();
        begin_count();
        scene_build(&scene);
        tp_timer_t *timer = scene_timer(&scene, fork_inside, &forking);
        set(timer, spec_of(TP_CLOCK_RELATIVE, 0, MS));
        check(reaches(&runs, 20));
        finish(timer);
        check_eq(end_of(forking.child), 0);
        scene_end(&scene);
    }
    check_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
}

/* ---- the end of the process ------------------------------------------------------------------ */

static tp_timer_t *last_timer;

static void set_once_more(void)
{
    tp_timer_t *timer = NULL;
    tp_timer_spec_t spec = spec_of(TP_CLOCK_RELATIVE, 0, MS);
    if (tp_timer_set(last_timer, &spec, NULL) != TP_OK)
        _exit(90);
    if (tp_timer_create(count_run, NULL, NULL, &timer) != TP_OK ||
        tp_timer_set(timer, &spec, NULL) != TP_OK)
        _exit(91);
    if (tp_timer_set(last_timer, NULL, NULL) != TP_OK || tp_timer_close(timer) != TP_OK)
        _exit(92);
}

static void exit_inside(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    (void)timer;
    exit(STATUS);
}

/* Timers of two pools are armed, some of which never stop coming; the gate waits for one more. */
static void be_armed(void)
{
    static tp_timer_t *many[MANY];
    struct scene scene = scene_plan(0, 4);
    scene_build(&scene);
    begin_many(many, &scene);
    check_eq(tp_timer_create(only_in_owner, NULL, NULL, &last_timer), TP_OK);
    set(last_timer, spec_of(TP_CLOCK_REALTIME, tpp_now(TPP_CLOCK_REALTIME) + 3600000 * MS, MS));
}

static void let_a_callback_exit(void)
{
    tp_timer_t *timer = NULL;
    if (tp_timer_create(exit_inside, NULL, NULL, &timer) != TP_OK)
        _exit(95);
    set(timer, spec_of(TP_CLOCK_RELATIVE, MS, MS));
}

TAP_TEST(timer_process__c210_ends_at_once_with_a_thousand_armed)
{
    expect_ends_at_once();
}

/* ---- a plugin -------------------------------------------------------------------------------- */

static tp_simple_fn plugin_code;

static void run_plugin(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    plugin_code(instance, context);
    count_run(instance, context, timer);
}

TAP_TEST(timer_process__c041_a_plugin_stays_for_as_long_as_its_timer_is_open)
{
    struct plugged plugged = plug(4, count_end, true);
    struct plugin_context context = {.runs = 0};
    begin_count();
    plugin_code = plugged.simple;
    tp_timer_t *timer = scene_timer(&plugged.scene, run_plugin, &context);
    set(timer, spec_of(TP_CLOCK_RELATIVE, 3600000 * MS, 0));
    check_eq(dlclose(plugged.library), 0);
    check(plugin_loaded());
    set(timer, spec_of(TP_CLOCK_RELATIVE, MS, 0)); /* expired, it is still open */
    check(reaches(&runs, 1));
    check_eq(tp_timer_wait(timer, false, TP_INFINITE), TP_OK);
    check(plugin_loaded());
    set(timer, spec_of(TP_CLOCK_RELATIVE, MS, MS));
    check(reaches(&runs, 10));
    check(plugin_loaded());
    check_eq(tpp_load_acquire(&told), 0);
    check_eq(tp_timer_close(timer), TP_OK);
    expect_gone(&plugged);
    check_eq(context.runs, tpp_load_acquire(&runs));
}

static void close_and_run_plugin(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    check_eq(tp_timer_close(timer), TP_OK);
    run_plugin(instance, context, timer);
}

TAP_TEST(timer_process__c042_a_plugin_closes_its_own_timer_between_two_ticks)
{
    for (int i = 0; i < (SANITIZED ? 10 : 50); i++) {
        struct plugged plugged = plug(1, count_end, true);
        struct plugin_context context = {.stay_us = i % 3 ? 0 : 3000};
        begin_count();
        plugin_code = plugged.simple;
        tp_timer_t *timer = scene_timer(&plugged.scene, close_and_run_plugin, &context);
        set(timer, spec_of(TP_CLOCK_RELATIVE, MS, 3600000 * MS));
        check_eq(dlclose(plugged.library), 0);
        expect_gone(&plugged);
        check_eq(context.runs, 1);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        end_if_asked(argv[1]);
    if (argc > 1)
        return run_mode_of(modes, COUNT(modes), argv[1]);
    tap_run(timer_process__without_descriptors_all_still_come);
    tap_run(timer_process__c100_stopped_for_a_while_it_catches_up_once);
    tap_run(timer_process__r39_a_thousand_are_armed_and_none_comes_in_a_child);
    tap_run(timer_process__r39_a_callback_forks_and_the_period_goes_on_in_the_parent_only);
    tap_run(timer_process__c210_ends_at_once_with_a_thousand_armed);
    tap_run(timer_process__c041_a_plugin_stays_for_as_long_as_its_timer_is_open);
    tap_run(timer_process__c042_a_plugin_closes_its_own_timer_between_two_ticks);
    return tap_done();
}
