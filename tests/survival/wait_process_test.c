/* wait_process_test.c - waits of processes that fork, execute, end, and wait for each other. */
#define _GNU_SOURCE
#include "tests/survival/ending.h"
#include "tests/survival/unload.h"
#include "tests/survival/wait_scene.h"

enum { MANY = 200 };

/* ---- forks ----------------------------------------------------------------------------------- */

static pid_t owner; /* of the waits that a fork leaves behind */
static tpp_u32 inherited;

static void only_in_owner(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                          tp_wait_result_t result)
{
    if (getpid() != owner)
        tpp_add_acq_rel(&inherited, 1);
    count_run(instance, context, wait, result);
}

/* Waits of every sort, and one bell that can be rung. */
struct house {
    struct scene scene;
    tp_wait_t *bell, *waits[6];
    int fd, pipe[2];
    tp_event_t *event;
    tp_semaphore_t *semaphore;
};

static void begin_house(struct house *house)
{
    owner = getpid();
    begin_count();
    tpp_store_release(&inherited, 0);
    *house = (struct house){.scene = scene_plan(0, 2), .fd = new_eventfd()};
    check_eq(pipe2(house->pipe, O_CLOEXEC | O_NONBLOCK), 0);
    check_eq(tp_event_create(false, false, &house->event), TP_OK);
    check_eq(tp_semaphore_create(0, 5, &house->semaphore), TP_OK);
    scene_build(&house->scene);
    house->bell = scene_wait(&house->scene, only_in_owner, NULL);
    for (size_t i = 0; i < COUNT(house->waits); i++)
        house->waits[i] = scene_wait(&house->scene, only_in_owner, NULL);
    arm_on(house->bell, house->fd);
    arm_on(house->waits[0], house->pipe[0]);
    arm(house->waits[1], tp_waitable_fd(house->pipe[1], 0), HOUR);
    arm(house->waits[2], tp_waitable_event(house->event), TP_INFINITE);
    arm(house->waits[3], tp_waitable_semaphore(house->semaphore), HOUR);
    arm(house->waits[4], tp_waitable_never(), HOUR);
    arm(house->waits[5], tp_waitable_signal(SIGUSR2), TP_INFINITE);
}

/* All of its waits work as if nothing had happened. */
static void expect_unaffected(struct house *house)
{
    check_eq(stats_of(house->scene.pool).waits_armed, 1 + COUNT(house->waits));
    for (int i = 0; i < 5; i++) {
        uint32_t before = tpp_load_acquire(&signals);
        ring(house->fd);
        check(reaches(&signals, before + 1));
        check_eq(taken_from(house->fd), 1);
        arm_on(house->bell, house->fd);
    }
    check_eq(tpp_load_acquire(&signals), tpp_load_acquire(&runs));
    uint32_t before = tpp_load_acquire(&signals);
    check_eq(write(house->pipe[1], "!", 1), 1);
    check_eq(tp_event_set(house->event), TP_OK);
    check_eq(tp_semaphore_release(house->semaphore, 1, NULL), TP_OK);
    check_eq(kill(getpid(), SIGUSR2), 0);
    check(reaches(&signals, before + 4));
    check_eq(tpp_load_acquire(&others), 0);
}

static void end_house(struct house *house)
{
    finish(house->bell);
    for (size_t i = 0; i < COUNT(house->waits); i++)
        finish(house->waits[i]);
    close(house->fd);
    close(house->pipe[0]);
    close(house->pipe[1]);
    check_eq(tp_event_close(house->event) | tp_semaphore_close(house->semaphore), TP_OK);
    scene_end(&house->scene);
}

static void expect_old_refused(struct house *house)
{
    tp_wait_t *wait = house->bell;
    tp_wait_result_t result;
    check_eq(tp_wait_set(wait, NULL, NULL), TP_ERR_FORKED);
    check_eq(try_arm(wait, tp_waitable_fd(house->fd, POLLIN), 0, NULL), TP_ERR_FORKED);
    check_eq(tp_wait_wait(wait, true, TP_INFINITE), TP_ERR_FORKED);
    check_eq(tp_wait_close(house->waits[0]), TP_ERR_FORKED);
    check_eq(tp_wait_close(wait), TP_ERR_FORKED);
    check_eq(tp_waitable_wait(tp_waitable_event(house->event), 0, &result), TP_ERR_FORKED);
}

static tpp_u32 shared_runs;

static void count_shared(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                         tp_wait_result_t result)
{
    (void)instance;
    (void)context;
    (void)wait;
    check_eq(result, TP_WAIT_SIGNALED);
    tpp_add_acq_rel(&shared_runs, 1);
}

/* The child's own waits, one of them on a file that it shares with its parent, which may ring. */
static void expect_new_waits(struct house *house, bool quiet)
{
    struct scene scene = scene_plan(0, 2);
    tp_wait_t *plain = NULL;
    bool was_armed = true;
    int fd = new_eventfd();
    begin_count();
    scene_build(&scene);
    tp_wait_t *wait = scene_wait(&scene, count_run, NULL);
    tp_wait_t *shared = scene_wait(&scene, count_shared, NULL);
    check_eq(try_arm(wait, tp_waitable_event(house->event), 0, &was_armed), TP_ERR_FORKED);
    check(!was_armed);
    check_eq(tp_wait_create(count_run, NULL, NULL, &plain), TP_OK);
    arm_on(shared, house->fd);
    for (uint32_t i = 0; i < 10; i++) {
        arm_on(wait, fd);
        arm(plain, tp_waitable_fd(fd, POLLIN), HOUR);
        ring(fd);
        check(reaches(&signals, 2 * i + 2));
        check_eq(taken_from(fd), 1);
    }
    arm(wait, tp_waitable_fd(fd, POLLIN), MS);
    check(reaches(&timeouts, 1));
    check_eq(tpp_load_acquire(&signals), 20);
    check(!quiet || tpp_load_acquire(&shared_runs) == 0);
    finish(wait);
    finish(shared);
    finish(plain);
    scene_end(&scene);
    close(fd);
    check_eq(tpp_load_acquire(&inherited), 0);
}

enum { FORKS = 15 };

TAP_TEST(wait_process__r39_a_child_has_none_of_the_waits_and_its_parent_all)
{
    struct house house;
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    check_eq(tp_set_misuse_hook(hear_forked, NULL), TP_OK);
    for (int i = 0; i < FORKS; i++) {
        begin_house(&house);
        pid_t child = fork();
        if (child == 0) {
            child_begin();
            if (i % 3)
                expect_old_refused(&house);
            if (i % 3 != 1)
                expect_new_waits(&house, i % 2);
            child_end();
        }
        if (i % 2)
            check_eq(end_of(child), 0);
        expect_unaffected(&house);
        if (i % 2 == 0)
            check_eq(end_of(child), 0);
        check_eq(tpp_load_acquire(&inherited), 0);
        end_house(&house);
    }
    check_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
}

struct forking {
    struct house *house;
    int fd;
    pid_t child;
    bool returns;
};

static void fork_inside(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                        tp_wait_result_t result)
{
    struct forking *forking = context;
    check_eq(taken_from(forking->fd), 1);
    pid_t child = fork();
    if (child != 0) {
        forking->child = child;
        count_run(instance, context, wait, result);
        return;
    }
    child_begin();
    check_eq(try_arm(wait, tp_waitable_fd(forking->fd, POLLIN), 0, NULL), TP_ERR_FORKED);
    expect_new_waits(forking->house, true);
    if (!forking->returns || __atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) != 0)
        child_end();
}

TAP_TEST(wait_process__r39_a_callback_forks_and_the_parent_goes_on)
{
    struct house house;
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    check_eq(tp_set_misuse_hook(hear_forked, NULL), TP_OK);
    begin_house(&house);
    for (int i = 0; i < 6; i++) {
        struct forking forking = {.house = &house, .fd = new_eventfd(), .returns = i % 2};
        tp_wait_t *wait = scene_wait(&house.scene, fork_inside, &forking);
        uint32_t before = tpp_load_acquire(&runs);
        arm_on(wait, forking.fd);
        ring(forking.fd);
        check(reaches(&runs, before + 1));
        finish(wait);
        check_eq(end_of(forking.child), 0);
        close(forking.fd);
    }
    expect_unaffected(&house);
    end_house(&house);
    check_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
}

/* ---- what a child keeps open ----------------------------------------------------------------- */

static bool hung_up(int fd, int timeout_ms)
{
    struct pollfd look = {.fd = fd, .events = POLLIN};
    return poll(&look, 1, timeout_ms) == 1 && (look.revents & POLLHUP) != 0;
}

/* The child uses the library or does not; it lives until `word` says that it may go. */
static pid_t fork_and_stay(int write_end, const int word[2], bool uses)
{
    char byte;
    pid_t child = fork();
    if (child != 0)
        return child;
    child_begin();
    check_eq(close(write_end), 0);
    if (uses) {
        struct scene scene = scene_plan(0, 1);
        int fd = new_eventfd();
        scene_build(&scene);
        tp_wait_t *wait = scene_wait(&scene, count_run, NULL);
        arm_on(wait, fd);
        ring(fd);
        check(reaches(&signals, 1));
        finish(wait);
        scene_end(&scene);
    }
    close(word[1]);
    check_eq(read(word[0], &byte, 1), 0);
    child_end();
}

/* The library keeps descriptors of its own. If a child kept them too, the reader of a pipe would
 * see no end of it for as long as that child lives. */
TAP_TEST(wait_process__a_child_does_not_keep_open_what_its_parent_waits_for)
{
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    for (int i = 0; i < 4; i++) {
        struct scene scene = scene_plan(0, 1);
        int data[2], word[2];
        begin_count();
        check(pipe2(data, O_CLOEXEC) == 0 && pipe2(word, O_CLOEXEC) == 0);
        scene_build(&scene);
        tp_wait_t *wait = scene_wait(&scene, count_run, NULL);
        arm(wait, tp_waitable_fd(data[1], 0), TP_INFINITE);
        pid_t child = fork_and_stay(data[1], word, i % 2);
        check(!hung_up(data[0], 0));
        close(data[1]);
        check(!hung_up(data[0], 0)); /* the library's own is there */
        if (i < 2)
            check_eq(tp_wait_set(wait, NULL, NULL), TP_OK);
        else
            check_eq(tp_wait_close(wait), TP_OK);
        check(hung_up(data[0], 5000 * (int)patience()));
        close(word[1]);
        close(word[0]);
        check_eq(end_of(child), 0);
        close(data[0]);
        if (i < 2)
            check_eq(tp_wait_close(wait), TP_OK);
        scene_end(&scene);
    }
}

/* Just what the application itself has open is open in its children. */
static void children_have_no_descriptor_of_the_library(void)
{
    struct house house;
    uint32_t before = descriptors_now();
    begin_house(&house);
    expect_unaffected(&house);
    check(descriptors_now() > before + 3);
    check(others_rest());
    pid_t child = fork();
    if (child == 0) {
        child_begin();
        check_eq(descriptors_now(), before + 3); /* the bell, and both ends of the pipe */
        expect_new_waits(&house, true);
        child_end();
    }
    check_eq(end_of(child), 0);
    end_house(&house);
}

TAP_TEST(wait_process__a_child_has_no_descriptor_of_the_library)
{
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    check_eq(end_of(start_again("inherited", 20, -1)), 0);
}

/* ---- another program ------------------------------------------------------------------------- */

static void count_descriptors(const char *expected)
{
    uint32_t count = descriptors_now();
    if (count != (uint32_t)atoi(expected))
        printf("# %u descriptors after exec, before the library there were %s\n", count, expected);
    fflush(stdout);
    _exit(count != (uint32_t)atoi(expected));
}

static void execute_counter(uint32_t expected)
{
    char number[16];
    const char *arguments[] = {"/proc/self/exe", "count", number, NULL};
    snprintf(number, sizeof number, "%u", expected);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(98);
}

/* All that this program itself opens is closed when another is executed. */
static void execute(void)
{
    struct house house;
    uint32_t before = descriptors_now();
    begin_house(&house);
    expect_unaffected(&house);
    if (__atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) != 0)
        _exit(97);
    execute_counter(before);
}

static void fork_and_execute(void)
{
    struct house house;
    uint32_t before = descriptors_now();
    begin_house(&house);
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        if (child == 0)
            execute_counter(before);
        check_eq(end_of(child), 0);
    }
    expect_unaffected(&house);
    end_house(&house);
}

TAP_TEST(wait_process__another_program_inherits_no_descriptor)
{
    check_eq(end_of(start_again("execute", 20, -1)), 0);
    check_eq(end_of(start_again("fork-execute", 20, -1)), 0);
}

/* ---- the end of the process ------------------------------------------------------------------ */

static tp_wait_t *last_wait;
static int always_ready = -1;

static void set_once_more(void)
{
    tp_wait_t *wait = NULL;
    if (try_arm(last_wait, tp_waitable_fd(always_ready, POLLIN), HOUR, NULL) != TP_OK)
        _exit(90);
    if (tp_wait_create(count_run, NULL, NULL, &wait) != TP_OK ||
        try_arm(wait, tp_waitable_fd(always_ready, POLLIN), TP_INFINITE, NULL) != TP_OK)
        _exit(91);
    if (tp_wait_set(last_wait, NULL, NULL) != TP_OK || tp_wait_close(wait) != TP_OK)
        _exit(92);
}

static void exit_inside(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                        tp_wait_result_t result)
{
    (void)instance;
    (void)context;
    (void)wait;
    exit(result == TP_WAIT_SIGNALED ? STATUS : 89);
}

static void again_and_again(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                            tp_wait_result_t result)
{
    count_run(instance, context, wait, result);
    (void)try_arm(wait, tp_waitable_fd(always_ready, POLLIN), TP_INFINITE, NULL);
}

/* Waits of two pools are armed; some never stop coming. */
static void be_armed(void)
{
    static struct house house;
    begin_house(&house);
    always_ready = new_eventfd();
    ring(always_ready);
    for (int i = 0; i < MANY; i++) {
        int fd = i < 4 ? always_ready : new_eventfd();
        arm(scene_wait(&house.scene, i < 4 ? again_and_again : count_run, NULL),
            tp_waitable_fd(fd, POLLIN), i % 3 ? TP_INFINITE : HOUR);
    }
    check_eq(tp_wait_create(only_in_owner, NULL, NULL, &last_wait), TP_OK);
    arm(last_wait, tp_waitable_never(), HOUR);
    check(reaches(&runs, 20));
}

static void let_a_callback_exit(void)
{
    tp_wait_t *wait = NULL;
    if (tp_wait_create(exit_inside, NULL, NULL, &wait) != TP_OK)
        _exit(95);
    arm_on(wait, always_ready);
}

TAP_TEST(wait_process__c210_ends_at_once_with_two_hundred_armed)
{
    expect_ends_at_once();
}

/* ---- a plugin -------------------------------------------------------------------------------- */

static tp_simple_fn plugin_code;

static void run_plugin(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                       tp_wait_result_t result)
{
    plugin_code(instance, context);
    count_run(instance, context, wait, result);
}

TAP_TEST(wait_process__c041_a_plugin_stays_for_as_long_as_its_wait_is_open)
{
    struct plugged plugged = plug(4, count_end, true);
    struct plugin_context context = {.runs = 0};
    int fd = new_eventfd();
    begin_count();
    plugin_code = plugged.simple;
    tp_wait_t *wait = scene_wait(&plugged.scene, run_plugin, &context);
    arm(wait, tp_waitable_fd(fd, POLLIN), HOUR);
    check_eq(dlclose(plugged.library), 0);
    check(plugin_loaded());
    ring(fd); /* signaled, it is still open */
    check(reaches(&runs, 1));
    check_eq(tp_wait_wait(wait, false, TP_INFINITE), TP_OK);
    check(plugin_loaded());
    arm_on(wait, fd);
    check(reaches(&runs, 2));
    arm(wait, tp_waitable_never(), HOUR);
    check(plugin_loaded());
    check_eq(tpp_load_acquire(&told), 0);
    check_eq(tp_wait_close(wait), TP_OK);
    expect_gone(&plugged);
    check_eq(context.runs, 2);
    close(fd);
}

static void close_and_run_plugin(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                                 tp_wait_result_t result)
{
    check_eq(tp_wait_close(wait), TP_OK);
    run_plugin(instance, context, wait, result);
}

TAP_TEST(wait_process__c042_a_plugin_closes_its_own_wait)
{
    for (int i = 0; i < (SANITIZED ? 10 : 50); i++) {
        struct plugged plugged = plug(1, count_end, true);
        struct plugin_context context = {.stay_us = i % 3 ? 0 : 3000};
        int fd = new_eventfd();
        begin_count();
        plugin_code = plugged.simple;
        tp_wait_t *wait = scene_wait(&plugged.scene, close_and_run_plugin, &context);
        arm_on(wait, fd);
        check_eq(dlclose(plugged.library), 0);
        check(plugin_loaded());
        ring(fd);
        expect_gone(&plugged);
        check_eq(context.runs, 1);
        close(fd);
    }
}

/* The host's only reference goes to the callback, which gives it up on return. */
TAP_TEST(wait_process__c203_a_waits_callback_closes_the_plugin)
{
    for (int i = 0; i < (SANITIZED ? 10 : 50); i++) {
        struct plugged plugged = plug(i % 2 ? 1 : 4, count_end, false);
        struct plugin_context context = {.library = plugged.library, .stay_us = i % 3 ? 0 : 3000};
        int fd = new_eventfd();
        begin_count();
        plugin_code = plugged.simple;
        tp_wait_t *wait = scene_wait(&plugged.scene, run_plugin, &context);
        tp_wait_t *armed = scene_wait(&plugged.scene, count_run, NULL);
        arm(armed, tp_waitable_never(), HOUR);
        arm(wait, tp_waitable_fd(fd, POLLIN), i % 4 ? TP_INFINITE : MS);
        if (i % 4)
            ring(fd);
        check(plugin_goes());
        check_eq(tpp_load_acquire(&told), 1);
        finish(wait);
        check_eq(context.runs, 1);
        check_eq(context.status, TP_OK);
        finish(armed);
        close(fd);
        scene_end(&plugged.scene);
    }
}

/* ---- the program ----------------------------------------------------------------------------- */

static const struct mode modes[] = {
    {"inherited", children_have_no_descriptor_of_the_library},
    {"execute", execute},
    {"fork-execute", fork_and_execute},
};

int main(int argc, char **argv)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2); /* for waits on it; before any other thread exists */
    if (pthread_sigmask(SIG_BLOCK, &mask, NULL) != 0)
        return 3;
    if (argc > 2 && strcmp(argv[1], "count") == 0)
        count_descriptors(argv[2]);
    if (argc > 1)
        end_if_asked(argv[1]);
    if (argc > 1)
        return run_mode_of(modes, COUNT(modes), argv[1]);
    tap_run(wait_process__r39_a_child_has_none_of_the_waits_and_its_parent_all);
    tap_run(wait_process__r39_a_callback_forks_and_the_parent_goes_on);
    tap_run(wait_process__a_child_does_not_keep_open_what_its_parent_waits_for);
    tap_run(wait_process__a_child_has_no_descriptor_of_the_library);
    tap_run(wait_process__another_program_inherits_no_descriptor);
    tap_run(wait_process__c210_ends_at_once_with_two_hundred_armed);
    tap_run(wait_process__c041_a_plugin_stays_for_as_long_as_its_wait_is_open);
    tap_run(wait_process__c042_a_plugin_closes_its_own_wait);
    tap_run(wait_process__c203_a_waits_callback_closes_the_plugin);
    return tap_done();
}
