/* fork_scenarios.c - the process forks at any moment: the child begins anew, nothing locked. */
#include "core/object/process.h"
#include "tests/scenario/scene_fork.h"

enum { RAN = 8, RELEASED, CANCELLED, SET, STARTED, ENTERED, CHILD };
enum { IDLE_NS = 1000000, ROUNDS = 6 };

/* What the parent has made; NULL: not made. */
static struct old {
    tp_pool_t *pool, *other, *driven;
    tp_env_t *env;
    tp_work_t *work, *self; /* `self` is of `other` */
    tp_cleanup_group_t *group;
    tp_event_t *event;
    tp_semaphore_t *semaphore;
    tp_mutex_t *mutex;
    tp_callback_instance_t *instance;
} old;

/* ---- the child: old handles ------------------------------------------------------------------ */

static void old_pool(tp_pool_t *pool)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    uint64_t reserve, commit;
    scene_forked(tp_pool_get_stats(pool, &stats));
    scene_forked(tp_pool_set_thread_minimum(pool, 1));
    scene_forked(tp_pool_set_thread_maximum(pool, 1));
    scene_forked(tp_pool_set_stack(pool, 1 << 20, 0));
    scene_forked(tp_pool_get_stack(pool, &reserve, &commit));
    scene_forked(tp_pool_shutdown(pool, true, TP_INFINITE));
    scene_forked(tp_pool_close(pool));
    scene_forked(tp_pool_close(pool)); /* and again */
}

static void old_driven(tp_pool_t *pool)
{
    uint32_t ran = 9;
    int fd = 9;
    scene_forked(tp_pool_run(pool, 0, TP_INFINITE, &ran));
    scene_forked(tp_pool_poll_fd(pool, &fd));
    tpps_check(ran == 0 && fd == -1);
    old_pool(pool);
}

static void old_env(tp_env_t *env)
{
    tp_work_t *work;
    scene_forked(tp_env_set_pool(env, NULL));
    scene_forked(tp_env_set_priority(env, TP_PRIORITY_LOW));
    scene_forked(tp_env_set_runs_long(env, true));
    scene_forked(tp_env_set_persistent(env, true));
    scene_forked(tp_env_set_library(env, NULL));
    scene_forked(tp_env_set_cleanup_group(env, NULL, NULL));
    scene_forked(tp_env_set_finalizer(env, NULL));
    scene_forked(tp_env_set_context_release(env, NULL));
    scene_forked(tp_env_set_concurrency_limit(env, 1));
    scene_forked(tp_env_set_name(env, "x"));
    scene_forked(tp_work_create(scene_count, NULL, env, &work));
    tpps_check(work == NULL);
    scene_forked(tp_try_submit(scene_count_simple, NULL, env));
    scene_forked(tp_env_destroy(env));
}

static void old_sync(void)
{
    tp_wait_result_t result;
    uint32_t previous;
    scene_forked(tp_event_set(old.event));
    scene_forked(tp_event_reset(old.event));
    scene_forked(tp_waitable_wait(tp_waitable_event(old.event), TP_INFINITE, &result));
    scene_forked(tp_event_close(old.event));
    scene_forked(tp_semaphore_release(old.semaphore, 1, &previous));
    scene_forked(tp_waitable_wait(tp_waitable_semaphore(old.semaphore), TP_INFINITE, &result));
    scene_forked(tp_semaphore_close(old.semaphore));
    scene_forked(tp_mutex_release(old.mutex));
    scene_forked(tp_waitable_wait(tp_waitable_mutex(old.mutex), TP_INFINITE, &result));
    scene_forked(tp_mutex_close(old.mutex));
}

static void old_work(tp_work_t *work)
{
    scene_forked(tp_work_submit(work));
    scene_forked(tp_work_submit_many(work, 3));
    scene_forked(tp_work_wait(work, true, TP_INFINITE));
    scene_forked(tp_work_wait(work, false, 0));
    scene_forked(tp_work_close(work));
}

static void old_instance(tp_callback_instance_t *instance)
{
    bool requested;
    scene_forked(tp_callback_may_run_long(instance));
    scene_forked(tp_callback_disassociate(instance));
    scene_forked(tp_callback_set_event_on_return(instance, old.event));
    scene_forked(tp_callback_cancel_requested(instance, &requested));
}

static void old_handles(void)
{
    tp_env_t *env;
    tpps_check(tp_env_create(&env) == TP_OK);
    if (old.pool) {
        scene_forked(tp_env_set_pool(env, old.pool));
        old_pool(old.pool);
    }
    if (old.other)
        old_pool(old.other);
    if (old.driven)
        old_driven(old.driven);
    if (old.group) {
        scene_forked(tp_env_set_cleanup_group(env, old.group, NULL));
        scene_forked(tp_cleanup_group_close_members(old.group, true, NULL));
        scene_forked(tp_cleanup_group_close(old.group));
    }
    if (old.env)
        old_env(old.env);
    if (old.work)
        old_work(old.work);
    if (old.self)
        old_work(old.self);
    if (old.event)
        old_sync();
    if (old.instance)
        old_instance(old.instance);
    tpps_check(tp_env_destroy(env) == TP_OK);
}

/* ---- the child: a life of its own ------------------------------------------------------------ */

static void new_objects(tp_pool_t *pool)
{
    uint32_t before = scene_value(RAN), gone = scene_value(RELEASED);
    tp_cleanup_group_t *group = scene_group();
    struct scene_choice choice = {.pool = pool,
                                  .default_pool = !pool,
                                  .group = group,
                                  .cancel = scene_count_cancel,
                                  .release = scene_count_release};
    struct scene_choice alone = {.pool = pool, .default_pool = !pool};
    tp_work_t *work = scene_work(scene_count, SCENE_WORD(RAN), &alone);
    tp_work_t *member = scene_work(scene_count, SCENE_WORD(RELEASED), &choice);
    scene_submit(work, 2);
    scene_submit(member, 1);
    scene_wait(member);
    scene_finish(work);
    tpps_check(tp_cleanup_group_close_members(group, false, NULL) == TP_OK);
    scene_close_group(group);
    tpps_check(scene_value(RAN) == before + 2 && scene_value(RELEASED) == gone + 2);
}

static void new_event(void)
{
    tp_event_t *event;
    tp_mutex_t *mutex;
    tp_wait_result_t result;
    tpps_check(tp_event_create(false, false, &event) == TP_OK);
    tpps_check(tp_event_set(event) == TP_OK);
    tpps_check(tp_waitable_wait(tp_waitable_event(event), TP_INFINITE, &result) == TP_OK);
    tpps_check(tp_event_close(event) == TP_OK);
    tpps_check(tp_mutex_create(true, &mutex) == TP_OK);
    tpps_check(tp_mutex_release(mutex) == TP_OK);
    tpps_check(tp_mutex_close(mutex) == TP_OK);
}

static void new_driven(void)
{
    uint32_t before = scene_value(RAN), ran = 0;
    int fd;
    tp_pool_t *pool = scene_driven(0);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    tpps_check(tp_pool_poll_fd(pool, &fd) == TP_OK && !tpps_flag_raised(fd));
    scene_submit(work, 2);
    tpps_check(tpps_flag_raised(fd));
    tpps_check(tp_pool_run(pool, 0, 0, &ran) == TP_OK && ran == 2);
    tpps_check(scene_value(RAN) == before + 2);
    tpps_check(tp_pool_shutdown(pool, false, TP_INFINITE) == TP_OK);
    scene_close(work);
}

static void new_things(void)
{
    tp_pool_t *pool, *again, *own = scene_pool(1, 2);
    tpps_check(tp_pool_default(&pool) == TP_OK && tp_pool_default(&again) == TP_OK);
    tpps_check(pool == again && pool != old.other && pool != old.pool);
    new_objects(NULL);
    new_objects(own);
    new_event();
    tpps_check(tp_pool_shutdown(own, false, TP_INFINITE) == TP_OK);
}

static void child(bool inside)
{
    scene_child(inside);
    old_handles();
    new_things();
    if (inside)
        scene_add(CHILD, 1);
    else
        new_driven();
}

/* ---- the parent ------------------------------------------------------------------------------ */

/* Also has the library watch for forks: between two runs the simulator has forgotten it. */
static void begin_parent(void)
{
    old = (struct old){.pool = NULL};
    tpi_process_reset();
}

static void make_sync(void)
{
    tpps_check(tp_event_create(true, false, &old.event) == TP_OK);
    tpps_check(tp_semaphore_create(0, 9, &old.semaphore) == TP_OK);
    tpps_check(tp_mutex_create(tpps_choose(2), &old.mutex) == TP_OK);
}

static void fill_old(void)
{
    oracle_allow_hooks();
    old.driven = scene_driven(0);
    old.pool = scene_pool_idle(0, 3, IDLE_NS);
    tpps_check(tp_pool_default(&old.other) == TP_OK);
    old.group = scene_group();
    old.env = scene_env(&(struct scene_choice){.pool = old.pool, .group = old.group});
    old.work = scene_work(scene_count, SCENE_WORD(RAN),
                          &(struct scene_choice){.pool = old.pool, .limit = 2});
    old.self = scene_work(scene_count, SCENE_WORD(RAN), &(struct scene_choice){.default_pool = 1});
    make_sync();
}

static void make_old(void)
{
    begin_parent();
    fill_old();
}

static void submit_on(void *work)
{
    for (int i = 0; i < ROUNDS; i++) {
        scene_submit(work, 2);
        tpps_sleep(10);
    }
}

static void wait_on(void *work)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        tpps_check(tp_work_wait(work, i % 3 == 2, TP_INFINITE) == TP_OK);
        tpps_sleep(10);
    }
}

static void make_on(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        tp_work_t *work;
        tp_cleanup_group_t *group;
        tpps_check(tp_try_submit(scene_count_simple, SCENE_WORD(RAN), old.env) == TP_OK);
        tpps_check(tp_work_create(scene_count, SCENE_WORD(RAN), old.env, &work) == TP_OK);
        scene_submit(work, 1);
        tpps_check(tp_cleanup_group_create(&group) == TP_OK);
        tpps_check(tp_cleanup_group_close(group) == TP_OK);
        tpps_check(tp_cleanup_group_close_members(old.group, tpps_choose(2), NULL) == TP_OK);
        tpps_sleep(10);
    }
}

static void pools_on(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        tp_pool_t *pool = scene_pool(1, 2);
        tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
        scene_submit(work, 2);
        tpps_check(tp_pool_shutdown(pool, tpps_choose(2), TP_INFINITE) == TP_OK);
        scene_close(work);
        tpps_sleep(10);
    }
}

static void drive_on(void *unused)
{
    int fd;
    (void)unused;
    tpps_check(tp_pool_poll_fd(old.driven, &fd) == TP_OK);
    tp_work_t *work = scene_pool_work(old.driven, scene_count, SCENE_WORD(RAN));
    for (int i = 0; i < ROUNDS; i++) {
        scene_submit(work, 1);
        (void)tp_pool_run(old.driven, 1, 0, NULL);
        tpps_sleep(10);
    }
}

static void limits_on(void *unused)
{
    (void)unused;
    oracle_raising(3);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        scene_minimum(old.pool, i % 3);
        tpps_sleep(i % 2 ? 3 * IDLE_NS : 10);
    }
}

/* The forker goes ahead at some point of what the others do. */
static _Noreturn void meanwhile(void (*first)(void *), void *first_arg, void (*second)(void *),
                                void *second_arg)
{
    tpps_spawn(first, first_arg);
    if (second)
        tpps_spawn(second, second_arg);
    if (tpps_choose(2))
        tpps_sleep((int64_t)tpps_choose(1000));
    scene_fork_beside(child);
}

SCENE(fork__r39_while_others_submit)
{
    make_old();
    meanwhile(submit_on, old.work, submit_on, old.self);
}

SCENE(fork__r39_while_others_wait)
{
    make_old();
    meanwhile(submit_on, old.work, wait_on, old.work);
}

SCENE(fork__r39_while_others_create_and_close)
{
    make_old();
    meanwhile(make_on, NULL, submit_on, old.work);
}

SCENE(fork__r39_while_pools_come_and_are_shut_down)
{
    make_old();
    meanwhile(pools_on, NULL, pools_on, NULL);
}

SCENE(fork__r39_while_others_call_in)
{
    make_old();
    meanwhile(drive_on, NULL, submit_on, old.work);
}

SCENE(fork__r39_while_threads_come_and_retire)
{
    make_old();
    meanwhile(limits_on, NULL, submit_on, old.work);
}

SCENE(fork__r39_with_nothing_going_on)
{
    begin_parent();
    tpps_fork();
    child(false);
}

/* The child's copy of the descriptor is closed: raised or cleared, the parent would see it. */
SCENE(fork__r39_with_a_flag_raised)
{
    int fd = -1;
    make_old();
    tp_work_t *work = scene_pool_work(old.driven, scene_count, SCENE_WORD(RAN));
    tpps_check(tp_pool_poll_fd(old.driven, &fd) == TP_OK);
    scene_submit(work, 1);
    tpps_check(tpps_flag_raised(fd));
    tpps_fork();
    tpps_check(!tpps_flag_raised(fd));
    child(false);
}

/* The child of a child: what the first made is old too. */
SCENE(fork__r39_again_in_the_child)
{
    make_old();
    tpps_spawn(submit_on, old.work);
    tpps_sleep((int64_t)tpps_choose(1000));
    tpps_fork();
    child(false);
    fill_old();
    tpps_spawn(submit_on, old.work);
    tpps_sleep((int64_t)tpps_choose(1000));
    tpps_fork();
    tpps_fork(); /* and at once again, with nothing made between */
    child(false);
}

/* ---- inside callbacks ------------------------------------------------------------------------ */

static tp_work_t *helped;

static void fork_once(tp_callback_instance_t *instance)
{
    old.instance = instance;
    tpps_fork();
    child(true);
}

/* In the child it returns, and its thread ends. */
static void fork_inside(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    fork_once(instance);
}

static void fork_inside_simple(tp_callback_instance_t *instance, void *context)
{
    (void)context;
    fork_once(instance);
}

static void fork_and_end(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    fork_once(instance);
    tpps_thread_exit();
}

static void wait_for_helped(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    (void)instance;
    scene_submit(helped, 2);
    scene_forked(tp_work_wait(helped, false, TP_INFINITE));
    tpps_check(scene_value(CHILD) == 1);
    new_things();
}

static void with_default_things(void)
{
    make_old();
    tpps_spawn(submit_on, old.self);
}

SCENE(fork__in_a_callback)
{
    with_default_things();
    tp_work_t *work = scene_pool_work(old.pool, fork_inside, NULL);
    scene_submit(work, 2);
    scene_wait(work);
    tpps_fail("the callback did not fork");
}

SCENE(fork__in_a_simple_callback)
{
    with_default_things();
    struct scene_choice choice = {
        .pool = old.pool, .group = old.group, .release = scene_count_release};
    scene_simple(fork_inside_simple, NULL, &choice);
    scene_wait_for_the_fork();
}

SCENE(fork__in_a_callback_that_ends_its_thread)
{
    with_default_things();
    scene_submit(scene_pool_work(old.pool, fork_and_end, NULL), 1);
    scene_wait_for_the_fork();
}

SCENE(fork__in_a_callback_that_helps)
{
    with_default_things();
    scene_maximum(old.pool, 1);
    helped = scene_pool_work(old.pool, fork_inside, NULL);
    tp_work_t *work = scene_pool_work(old.pool, wait_for_helped, NULL);
    scene_submit(work, 1);
    scene_wait_for_the_fork();
}

static void close_old_group(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    scene_await(SET, 1); /* until there is something to run */
    (void)tp_cleanup_group_close_members(old.group, false, NULL);
}

/* The only thread closes the group, first or second, and runs the member meanwhile. */
SCENE(fork__in_a_member_that_a_closer_runs)
{
    with_default_things();
    scene_maximum(old.pool, 1);
    struct scene_choice choice = {.pool = old.pool, .group = old.group};
    tp_work_t *member = scene_work(fork_inside, NULL, &choice);
    scene_submit(scene_pool_work(old.pool, close_old_group, NULL), 1);
    scene_submit(member, 1);
    scene_add(SET, 1);
    if (tpps_choose(2))
        (void)tp_cleanup_group_close_members(old.group, false, NULL);
    scene_wait_for_the_fork();
}

static void fork_and_say(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    scene_add((uint32_t)(uintptr_t)context, 1);
    fork_once(instance);
}

/* Finds itself in the child after the callback. */
SCENE(fork__in_a_callback_that_a_caller_runs)
{
    uint32_t ran = 0;
    with_default_things();
    tp_work_t *work = scene_pool_work(old.driven, fork_and_say, SCENE_WORD(ENTERED));
    scene_submit(work, 2);
    scene_forked(tp_pool_run(old.driven, 0, TP_INFINITE, &ran));
    tpps_check(scene_value(ENTERED) == 1 && scene_value(CHILD) == 1);
    new_things();
}

SCENE(fork__in_a_callback_that_a_shutdown_drains)
{
    with_default_things();
    tp_work_t *work = scene_pool_work(old.driven, fork_and_say, SCENE_WORD(ENTERED));
    scene_submit(work, 2);
    scene_forked(tp_pool_shutdown(old.driven, false, TP_INFINITE));
    tpps_check(scene_value(ENTERED) == 1 && scene_value(CHILD) == 1);
    new_things();
}

static void fork_in_cancel(void *context, void *cleanup_context)
{
    (void)context;
    (void)cleanup_context;
    fork_once(NULL);
}

static void members(bool simple)
{
    with_default_things();
    scene_maximum(old.pool, 1);
    struct scene_choice choice = {.pool = old.pool, .group = old.group, .cancel = fork_in_cancel};
    tp_work_t *work = scene_work(scene_count, SCENE_WORD(RAN), &choice);
    scene_submit(work, 2);
    while (simple && scene_value(CHILD) == 0) { /* ends: some day one is caught unbegun */
        scene_simple(scene_count_simple, SCENE_WORD(RAN), &choice);
        if (tp_cleanup_group_close_members(old.group, true, NULL) == TP_ERR_FORKED)
            break;
    }
    if (!simple)
        scene_forked(tp_cleanup_group_close_members(old.group, true, NULL));
    tpps_check(scene_value(CHILD) == 1);
    new_things();
}

SCENE(fork__in_the_cancel_callback_of_a_work_object)
{
    members(false);
}

SCENE(fork__in_the_cancel_callback_of_a_simple_one)
{
    members(true);
}

static void fork_and_end_in_cancel(void *context, void *cleanup_context)
{
    fork_in_cancel(context, cleanup_context);
    tpps_thread_exit();
}

static void close_old_members(void *unused)
{
    (void)unused;
    (void)tp_cleanup_group_close_members(old.group, true, NULL);
}

SCENE(fork__in_a_cancel_callback_that_ends_its_thread)
{
    with_default_things();
    struct scene_choice choice = {
        .pool = old.pool, .group = old.group, .cancel = fork_and_end_in_cancel};
    (void)scene_work(scene_count, SCENE_WORD(RAN), &choice);
    tpps_spawn(close_old_members, NULL);
    scene_wait_for_the_fork();
}

/* ---- inside other code of the application ---------------------------------------------------- */

static void fork_in_release(void *context)
{
    (void)context;
    if (scene_value(CHILD) == 0)
        fork_once(NULL);
}

/* The closing thread is the last holder, or a worker is. */
SCENE(fork__in_a_release_function)
{
    with_default_things();
    struct scene_choice choice = {.pool = old.pool, .group = old.group, .release = fork_in_release};
    tp_work_t *work = scene_work(scene_count, SCENE_WORD(RAN), &choice);
    scene_submit(work, 1);
    tp_status_t status = tp_work_close(work);
    tpps_check(status == TP_OK || status == TP_ERR_FORKED);
    if (scene_value(CHILD) == 0)
        scene_wait_for_the_fork();
    new_things();
}

static void just_fork(void *context)
{
    (void)context;
    if (scene_value(CHILD) > 0)
        return;
    tpps_fork();
    scene_child(true);
    scene_add(CHILD, 1);
}

/* The object was about to be given back: the child must not find it among its free ones. */
SCENE(fork__in_a_release_function_before_anything_new)
{
    with_default_things();
    struct scene_choice choice = {.pool = old.pool, .release = just_fork};
    tp_work_t *work = scene_work(scene_count, SCENE_WORD(RAN), &choice);
    tp_status_t status = tp_work_close(work);
    tpps_check(status == TP_OK || status == TP_ERR_FORKED);
    new_things();
}

static void fork_and_close(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    scene_close(work);
    just_fork(context);
}

/* The same, had the callback not forked. */
SCENE(fork__in_a_callback_that_closes_its_object)
{
    uint32_t ran = 0;
    with_default_things();
    tp_work_t *work = scene_pool_work(old.driven, fork_and_close, NULL);
    scene_submit(work, 1);
    scene_forked(tp_pool_run(old.driven, 0, TP_INFINITE, &ran));
    new_things();
}

/* The shutdown gives back what was closed with posts pending. */
SCENE(fork__in_a_release_function_that_a_shutdown_calls)
{
    with_default_things();
    struct scene_choice choice = {.pool = old.driven, .release = fork_in_release};
    tp_work_t *work = scene_work(scene_count, SCENE_WORD(RAN), &choice);
    scene_submit(work, 1);
    scene_close(work);
    scene_forked(tp_pool_shutdown(old.driven, true, TP_INFINITE));
    tpps_check(scene_value(CHILD) == 1);
    new_things();
}

static void fork_in_hook(void *context)
{
    (void)context;
    if (scene_value(CHILD) == 0 && scene_next(STARTED) == 1) /* the second thread */
        fork_once(NULL);
}

static void in_a_hook(bool at_start)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    with_default_things();
    config.thread_maximum = 2;
    config.thread_minimum = 2;
    if (at_start)
        config.on_thread_start = fork_in_hook;
    else
        config.on_thread_stop = fork_in_hook;
    tp_pool_t *pool = scene_pool_config(&config);
    tp_work_t *work = scene_pool_work(pool, scene_count, SCENE_WORD(RAN));
    scene_submit(work, 3);
    scene_finish(work);
    scene_close_pool(pool);
    scene_wait_for_the_fork();
}

SCENE(fork__in_a_start_hook)
{
    in_a_hook(true);
}

SCENE(fork__in_a_stop_hook)
{
    in_a_hook(false);
}

#define ROW(scene) SCENE_ROW(scene), .no_faults = true

static const struct tpps_scenario table[] = {
    {ROW(fork__r39_while_others_submit)},
    {ROW(fork__r39_while_others_wait)},
    {ROW(fork__r39_while_others_create_and_close)},
    {ROW(fork__r39_while_pools_come_and_are_shut_down)},
    {ROW(fork__r39_while_others_call_in)},
    {ROW(fork__r39_while_threads_come_and_retire)},
    {ROW(fork__r39_with_nothing_going_on)},
    {ROW(fork__r39_with_a_flag_raised)},
    {ROW(fork__r39_again_in_the_child)},
    {ROW(fork__in_a_callback)},
    {ROW(fork__in_a_simple_callback)},
    {ROW(fork__in_a_member_that_a_closer_runs)},
    {ROW(fork__in_a_callback_that_ends_its_thread)},
    {ROW(fork__in_a_callback_that_helps)},
    {ROW(fork__in_a_callback_that_a_caller_runs)},
    {ROW(fork__in_a_callback_that_a_shutdown_drains)},
    {ROW(fork__in_the_cancel_callback_of_a_work_object)},
    {ROW(fork__in_the_cancel_callback_of_a_simple_one)},
    {ROW(fork__in_a_cancel_callback_that_ends_its_thread)},
    {ROW(fork__in_a_release_function)},
    {ROW(fork__in_a_release_function_before_anything_new)},
    {ROW(fork__in_a_callback_that_closes_its_object)},
    {ROW(fork__in_a_release_function_that_a_shutdown_calls)},
    {ROW(fork__in_a_start_hook)},
    {ROW(fork__in_a_stop_hook)},
};

int main(int argc, char **argv)
{
    return scene_main(argc, argv, table, SCENE_COUNT(table));
}
