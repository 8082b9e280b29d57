/* memory_test.c - memory and threads are out, and what must go on all the same. */
#define _GNU_SOURCE
#include "tests/capi/exhaust.h"

/* ---- what never allocates -------------------------------------------------------------------- */

static tp_status_t take(tp_waitable_t source, int64_t timeout, tp_wait_result_t expected)
{
    tp_wait_result_t result = 9;
    tp_status_t status = tp_waitable_wait(source, timeout, &result);
    return status == TP_OK && result != expected ? TP_ERR_STATE : status;
}

CHILD_TEST(memory__submit_wait_cancel_and_close_allocate_nothing)
{
    tp_work_t *work = NULL, *other = NULL;
    (void)argument;
    prepare();
    tp_pool_t *pool = settled_pool(2);
    check_eq(tp_env_set_pool(stand.env, pool), TP_OK);
    check_eq(tp_work_create(run_work, &runs, stand.env, &work), TP_OK);
    check_eq(tp_work_create(run_work, &runs, stand.env, &other), TP_OK);
    for (int i = 0; i < 200; i++) {
        FREELY(tp_work_submit(work));
        FREELY(tp_work_submit_many(other, 5));
        FREELY(tp_work_wait(work, false, TP_INFINITE));
        FREELY(tp_work_wait(work, false, 0));
        FREELY(tp_work_wait(other, true, TP_INFINITE));
    }
    FREELY(tp_work_submit_many(work, 100));
    FREELY(tp_work_close(work));
    FREELY(tp_work_submit(other));
    FREELY(tp_cleanup_group_close_members(stand.group, false, &cancels));
    FREELY(tp_cleanup_group_close(stand.group));
    FREELY(tp_env_destroy(stand.env));
    FREELY(tp_pool_set_thread_maximum(pool, 2));
    FREELY(tp_pool_close(pool));
    FREELY(tp_pool_close(stand.pool));
    check(becomes(&releases, 2));
}

static tp_timer_spec_t every(int64_t due, int64_t period)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.due = due;
    spec.period = period;
    return spec;
}

/* Due at once, soon, far away and never, on each clock, with a window and without. */
static tp_timer_spec_t some_spec(uint32_t i)
{
    static const int64_t spans[] = {0, 50000, 3600000000000, TP_INFINITE};
    tp_timer_spec_t spec = every(spans[i % COUNT(spans)], i % 3 ? 0 : 10000000);
    spec.clock = i / 4 % 4;
    spec.window = i % 5 ? 0 : 1000000;
    spec.flags = i % 7 ? 0 : TP_TIMER_SKIP_MISSED;
    return spec;
}

CHILD_TEST(memory__timer_set_stop_wait_and_close_allocate_nothing)
{
    tp_timer_t *timer = NULL, *other = NULL;
    bool flag;
    (void)argument;
    prepare();
    tp_pool_t *pool = settled_pool(2);
    check_eq(tp_env_set_pool(stand.env, pool), TP_OK);
    check_eq(tp_timer_create(run_timer, &runs, stand.env, &timer), TP_OK);
    check_eq(tp_timer_create(run_timer, &runs, stand.env, &other), TP_OK);
    for (uint32_t i = 0; i < 1000; i++) {
        tp_timer_spec_t one = some_spec(i), two = some_spec(i / 16);
        FREELY(tp_timer_set(timer, &one, &flag));
        FREELY(tp_timer_set(other, &two, NULL));
        FREELY(tp_timer_is_set(timer, &flag));
        check(flag);
        FREELY(tp_timer_wait(timer, false, TP_INFINITE));
        FREELY(tp_timer_wait(other, true, TP_INFINITE));
        if (i % 4 == 0)
            FREELY(tp_timer_set(timer, NULL, &flag));
    }
    tp_timer_spec_t at_once = every(0, 1000000);
    FREELY(tp_timer_set(timer, &at_once, NULL));
    FREELY(tp_timer_close(timer));
    FREELY(tp_timer_set(other, &at_once, NULL));
    FREELY(tp_cleanup_group_close_members(stand.group, false, &cancels));
    FREELY(tp_pool_close(pool));
    check(becomes(&releases, 2));
}

/* What expires is posted by a worker or by the thread that watches clocks: neither allocates. */
CHILD_TEST(memory__expiries_allocate_nothing)
{
    enum { TIMERS = 20 };
    tp_timer_t *timers[TIMERS];
    (void)argument;
    prepare();
    tp_pool_t *pool = settled_pool(1);
    check_eq(tp_env_set_pool(stand.env, pool), TP_OK);
    for (uint32_t i = 0; i < TIMERS; i++)
        check_eq(tp_timer_create(run_timer, &runs, stand.env, &timers[i]), TP_OK);
    check_eq(tp_try_submit(run_simple, &runs, stand.env), TP_OK);
    check(becomes(&runs, 1));
    __atomic_store_n(&world.forbidden, true, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < TIMERS; i++) {
        tp_timer_spec_t spec = every(1000000 * (int64_t)i, 1000000);
        check_eq(tp_timer_set(timers[i], &spec, NULL), TP_OK);
    }
    for (int i = 0; i < 20000 && tpp_load_acquire(&runs) < 400; i++)
        usleep(1000);
    check(tpp_load_acquire(&runs) >= 400);
    check_eq(tp_cleanup_group_close_members(stand.group, true, &cancels), TP_OK);
    __atomic_store_n(&world.forbidden, false, __ATOMIC_SEQ_CST);
    check_eq(world.violations, 0);
    check_eq(tpp_load_acquire(&releases), TIMERS + 1);
    check_eq(statistics(pool).timers_armed, 0);
}

CHILD_TEST(memory__cancel_of_a_group_allocates_nothing)
{
    tp_work_t *work[20];
    (void)argument;
    prepare();
    tp_pool_t *pool = settled_pool(1);
    check_eq(tp_env_set_pool(stand.env, pool), TP_OK);
    for (size_t i = 0; i < COUNT(work); i++)
        check_eq(tp_work_create(run_work, &runs, stand.env, &work[i]), TP_OK);
    for (size_t i = 0; i < COUNT(work); i++)
        FREELY(tp_work_submit_many(work[i], 7));
    FREELY(tp_cleanup_group_close_members(stand.group, true, &cancels));
    check_eq(tpp_load_acquire(&cancels), COUNT(work));
    check_eq(tpp_load_acquire(&releases), COUNT(work));
    FREELY(tp_cleanup_group_close_members(stand.group, true, &cancels));
    FREELY(tp_cleanup_group_close(stand.group));
    FREELY(tp_pool_close(pool));
}

CHILD_TEST(memory__events_semaphores_and_mutexes_allocate_nothing)
{
    tp_event_t *event = NULL;
    tp_semaphore_t *semaphore = NULL;
    tp_mutex_t *mutex = NULL;
    uint32_t previous;
    (void)argument;
    check_eq(tp_event_create(false, false, &event), TP_OK);
    check_eq(tp_semaphore_create(0, 3, &semaphore), TP_OK);
    check_eq(tp_mutex_create(false, &mutex), TP_OK);
    for (int i = 0; i < 3; i++) {
        FREELY(tp_event_set(event));
        FREELY(take(tp_waitable_event(event), TP_INFINITE, TP_WAIT_SIGNALED));
        FREELY(tp_event_reset(event));
        FREELY(take(tp_waitable_event(event), 1000, TP_WAIT_TIMEOUT));
        FREELY(tp_semaphore_release(semaphore, 2, &previous));
        FREELY(take(tp_waitable_semaphore(semaphore), 0, TP_WAIT_SIGNALED));
        FREELY(take(tp_waitable_semaphore(semaphore), 0, TP_WAIT_SIGNALED));
        FREELY(take(tp_waitable_mutex(mutex), TP_INFINITE, TP_WAIT_SIGNALED));
        FREELY(take(tp_waitable_mutex(mutex), TP_INFINITE, TP_WAIT_SIGNALED));
        FREELY(tp_mutex_release(mutex));
        FREELY(tp_mutex_release(mutex));
        FREELY(take(tp_waitable_never(), 1000, TP_WAIT_TIMEOUT));
    }
    FREELY(tp_event_close(event));
    FREELY(tp_semaphore_close(semaphore));
    FREELY(tp_mutex_close(mutex));
}

/* What a callback does, and what happens after it, on the worker. */
static struct {
    tp_event_t *event;
    tp_semaphore_t *semaphore;
    tp_mutex_t *mutex;
    tp_work_t *next;
    pthread_mutex_t plain;
} actions = {.plain = PTHREAD_MUTEX_INITIALIZER};

static void act(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    tp_wait_result_t result;
    bool requested;
    (void)context;
    (void)work;
    pthread_mutex_lock(&actions.plain);
    check_eq(tp_waitable_wait(tp_waitable_mutex(actions.mutex), 0, &result), TP_OK);
    check_eq(tp_callback_unlock_on_return(instance, &actions.plain), TP_OK);
    check_eq(tp_callback_release_mutex_on_return(instance, actions.mutex), TP_OK);
    check_eq(tp_callback_release_semaphore_on_return(instance, actions.semaphore, 1), TP_OK);
    check_eq(tp_callback_set_event_on_return(instance, actions.event), TP_OK);
    check_eq(tp_callback_cancel_requested(instance, &requested), TP_OK);
    check_eq(tp_work_submit(actions.next), TP_OK);
    check_eq(tp_blocking_begin() | tp_blocking_end(), TP_OK);
    check_eq(tp_callback_disassociate(instance), TP_OK);
    tpp_add_acq_rel(&runs, 1);
}

/* Every thread of the process is watched while callbacks and their completion actions run. */
CHILD_TEST(memory__callbacks_and_completion_actions_allocate_nothing)
{
    tp_work_t *work = NULL;
    (void)argument;
    prepare();
    tp_pool_t *pool = settled_pool(1);
    check_eq(tp_env_set_pool(stand.env, pool), TP_OK);
    check_eq(tp_event_create(false, false, &actions.event), TP_OK);
    check_eq(tp_semaphore_create(0, 100, &actions.semaphore), TP_OK);
    check_eq(tp_mutex_create(false, &actions.mutex), TP_OK);
    check_eq(tp_work_create(act, &runs, stand.env, &work), TP_OK);
    check_eq(tp_work_create(run_work, &runs, stand.env, &actions.next), TP_OK);
    check_eq(tp_try_submit(run_simple, &runs, stand.env), TP_OK);
    check(becomes(&runs, 1));
    __atomic_store_n(&world.forbidden, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 50; i++) {
        check_eq(tp_work_submit(work), TP_OK);
        check_eq(take(tp_waitable_event(actions.event), TP_INFINITE, TP_WAIT_SIGNALED), TP_OK);
        check_eq(tp_work_wait(actions.next, false, TP_INFINITE), TP_OK);
        check_eq(take(tp_waitable_semaphore(actions.semaphore), 0, TP_WAIT_SIGNALED), TP_OK);
    }
    check_eq(tp_cleanup_group_close_members(stand.group, false, &cancels), TP_OK);
    __atomic_store_n(&world.forbidden, false, __ATOMIC_SEQ_CST);
    check_eq(world.violations, 0);
    check_eq(tpp_load_acquire(&runs), 101);
    check_eq(tpp_load_acquire(&releases), 3);
}

/* Detected misuse is told without memory too. */
static void hear(void *context, const char *function, tp_status_t status, const char *message)
{
    (void)context;
    (void)function;
    (void)status;
    (void)message;
    tpp_add_acq_rel(&cancels, 1);
}

CHILD_TEST(memory__misuse_is_reported_without_allocating)
{
    (void)argument;
    forbidden_here = true;
    tp_set_misuse_hook(hear, NULL);
    (void)tp_work_submit((tp_work_t *)(uintptr_t)0x1234);
    (void)tp_work_submit(NULL);
    (void)tp_timer_set((tp_timer_t *)(uintptr_t)0x1234, NULL, NULL);
    (void)tp_timer_is_set(NULL, NULL);
    forbidden_here = false;
    check_eq(tpp_load_acquire(&cancels), 4);
    check_eq(world.violations, 0);
}

/* ---- prepared before, used when nothing is left ---------------------------------------------- */

CHILD_TEST(memory__a_prepared_work_object_runs_with_memory_exhausted)
{
    tp_work_t *work = NULL, *never = (tp_work_t *)&stand;
    (void)argument;
    prepare();
    check_eq(tp_pool_set_thread_maximum(stand.pool, 100), TP_OK);
    check_eq(tp_work_create(run_work, &runs, stand.env, &work), TP_OK);
    fail_at(1, true);
    __atomic_store_n(&world.threads_left, 0, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 1000; i++)
        check_eq(tp_work_submit(work), TP_OK);
    check_eq(tp_work_submit_many(work, 1000), TP_OK);
    check_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&runs), 2000);
    check_eq(tp_work_submit_many(work, UINT32_MAX - 1), TP_OK);
    check_eq(tp_work_wait(work, true, TP_INFINITE), TP_OK);
    uint32_t ran = tpp_load_acquire(&runs);
    check_eq(tp_work_submit(work), TP_OK);
    check_eq(tp_work_close(work), TP_OK);
    check(becomes(&releases, 1));
    check_eq(tpp_load_acquire(&runs), ran + 1);
    while (tp_work_create(run_work, &runs, stand.env, &never) == TP_OK)
        ; /* ends: the slots at hand are soon used up */
    check(never == NULL);
    check_eq(tp_cleanup_group_close_members(stand.group, true, &cancels), TP_OK);
    check(tpp_load_acquire(&releases) == tpp_load_acquire(&cancels) + 1);
}

CHILD_TEST(memory__a_prepared_timer_expires_with_memory_exhausted)
{
    tp_timer_t *timer = NULL, *never = (tp_timer_t *)&stand;
    tp_timer_spec_t at_once = every(0, 0), often = every(1000000, 1000000);
    bool was_armed;
    (void)argument;
    prepare();
    check_eq(tp_pool_set_thread_maximum(stand.pool, 100), TP_OK);
    check_eq(tp_timer_create(run_timer, &runs, stand.env, &timer), TP_OK);
    fail_at(1, true);
    __atomic_store_n(&world.threads_left, 0, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 1000; i++)
        check_eq(tp_timer_set(timer, &at_once, NULL), TP_OK);
    check_eq(tp_timer_wait(timer, false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&runs), 1000);
    check_eq(tp_timer_set(timer, &often, NULL), TP_OK);
    for (int i = 0; i < 20000 && tpp_load_acquire(&runs) < 1020; i++)
        usleep(1000);
    check(tpp_load_acquire(&runs) >= 1020);
    check_eq(tp_timer_set(timer, NULL, &was_armed), TP_OK);
    check(was_armed);
    check_eq(tp_timer_wait(timer, true, TP_INFINITE), TP_OK);
    uint32_t ran = tpp_load_acquire(&runs);
    check_eq(tp_timer_set(timer, &at_once, NULL), TP_OK);
    check_eq(tp_timer_close(timer), TP_OK);
    check(becomes(&releases, 1));
    check_eq(tpp_load_acquire(&runs), ran + 1);
    while (tp_timer_create(run_timer, &runs, stand.env, &never) == TP_OK)
        ; /* ends: the slots at hand are soon used up */
    check(never == NULL);
    check_eq(tp_cleanup_group_close_members(stand.group, true, &cancels), TP_OK);
    check(tpp_load_acquire(&releases) == tpp_load_acquire(&cancels) + 1);
}

/* ---- threads that do not come ---------------------------------------------------------------- */

static void allow_threads(uint32_t count)
{
    __atomic_store_n(&world.threads_left, count, __ATOMIC_SEQ_CST);
}

CHILD_TEST(memory__pool_create_without_threads_for_the_minimum)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    (void)argument;
    config.thread_minimum = 5;
    for (uint32_t come = 0; come < 5; come++) {
        tp_pool_t *pool = (tp_pool_t *)&stand;
        allow_threads(come);
        check_eq(tp_pool_create(&config, &pool), TP_ERR_NO_THREAD);
        check(pool == NULL);
        check(none_in_use(TPI_KIND_POOL));
        check(none_in_use(TPI_KIND_WORKER));
        check(none_in_use(TPI_KIND_THREAD)); /* those that came have gone */
    }
    tp_pool_t *pool = NULL;
    allow_threads(5);
    check_eq(tp_pool_create(&config, &pool), TP_OK);
    check_eq(statistics(pool).threads, 5);
    check_eq(tp_pool_close(pool), TP_OK);
    check(none_in_use(TPI_KIND_THREAD));
}

CHILD_TEST(memory__set_thread_minimum_that_fails_changes_no_limit)
{
    (void)argument;
    tp_pool_t *pool = new_pool(1, 3);
    allow_threads(2);
    check_eq(tp_pool_set_thread_minimum(pool, 6), TP_ERR_NO_THREAD);
    check_eq(statistics(pool).thread_minimum, 1);
    check_eq(statistics(pool).thread_maximum, 3);
    check_eq(statistics(pool).thread_create_failures, 1);
    allow_threads(UINT32_MAX);
    check_eq(tp_pool_set_thread_minimum(pool, 6), TP_OK);
    check_eq(statistics(pool).threads, 6);
    check_eq(statistics(pool).thread_maximum, 6);
    check_eq(tp_pool_close(pool), TP_OK);
    check(none_in_use(TPI_KIND_POOL));
}

CHILD_TEST(memory__first_object_of_a_pool_without_a_thread)
{
    tp_work_t *work = (tp_work_t *)&stand;
    (void)argument;
    prepare();
    allow_threads(0);
    check_eq(tp_work_create(run_work, &runs, stand.env, &work), TP_ERR_NO_THREAD);
    check(work == NULL);
    check_eq(tp_try_submit(run_simple, &runs, stand.env), TP_ERR_NO_THREAD);
    check_eq(statistics(stand.pool).thread_create_failures, 2);
    check_eq(statistics(stand.pool).submitted, 0);
    check_eq(tpp_load_acquire(&releases), 0); /* the context is still the caller's */
    check_eq(tpp_load_acquire(&runs), 0);
    check_eq(tpi_slab_in_use(TPI_KIND_WORK), 0);
    allow_threads(2); /* the gate's, which every pool with threads needs, and one */
    check_eq(tp_try_submit(run_simple, &runs, stand.env), TP_OK);
    check(becomes(&runs, 1));
    check(becomes(&releases, 1));
    close_stand();
    check(none_in_use(TPI_KIND_POOL));
}

CHILD_TEST(memory__first_timer_of_a_pool_without_a_thread)
{
    tp_timer_t *timer = (tp_timer_t *)&stand;
    tp_timer_spec_t soon = every(1000000, 0);
    (void)argument;
    prepare();
    for (uint32_t come = 0; come < 2; come++) { /* none; or only the one that watches the clocks */
        allow_threads(come);
        check_eq(tp_timer_create(run_timer, &runs, stand.env, &timer), TP_ERR_NO_THREAD);
        check(timer == NULL);
        timer = (tp_timer_t *)&stand;
    }
    check_eq(tpi_slab_in_use(TPI_KIND_TIMER), 0);
    check_eq(statistics(stand.pool).thread_create_failures, 2);
    allow_threads(1);
    check_eq(tp_timer_create(run_timer, &runs, stand.env, &timer), TP_OK);
    check_eq(tp_timer_set(timer, &soon, NULL), TP_OK);
    check(becomes(&runs, 1));
    check_eq(tpp_load_acquire(&releases), 0); /* of the refused ones nothing was taken */
    close_stand();
    check_eq(tpp_load_acquire(&releases), 1);
    check(none_in_use(TPI_KIND_POOL));
}

/* A pool without threads of its own still needs the one that watches the clocks. */
CHILD_TEST(memory__first_timer_of_a_driven_pool_without_a_thread)
{
    tp_timer_t *timer = (tp_timer_t *)&stand;
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    tp_timer_spec_t soon = every(1000000, 0);
    tp_pool_t *pool = NULL;
    uint32_t ran = 0;
    (void)argument;
    prepare();
    config.flags = TP_POOL_CALLER_DRIVEN;
    check_eq(tp_pool_create(&config, &pool), TP_OK);
    check_eq(tp_env_set_pool(stand.env, pool), TP_OK);
    allow_threads(0);
    check_eq(tp_timer_create(run_timer, &runs, stand.env, &timer), TP_ERR_NO_THREAD);
    check(timer == NULL);
    check_eq(tpp_load_acquire(&releases), 0);
    check_eq(tpi_slab_in_use(TPI_KIND_TIMER), 0);
    allow_threads(1);
    check_eq(tp_timer_create(run_timer, &runs, stand.env, &timer), TP_OK);
    check_eq(tp_timer_set(timer, &soon, NULL), TP_OK);
    check_eq(tp_pool_run(pool, 1, 20000000000, &ran), TP_OK);
    check_eq(ran, 1);
    check_eq(tpp_load_acquire(&runs), 1);
    close_stand();
    check_eq(tp_pool_close(pool), TP_OK);
    check(none_in_use(TPI_KIND_POOL));
}

static void run_long(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    check_eq(tp_callback_may_run_long(instance), TP_ERR_TOO_MANY_THREADS);
    tpp_add_acq_rel(&runs, 1);
}

CHILD_TEST(memory__a_pool_with_one_thread_goes_on_when_growth_fails)
{
    tp_work_t *work = NULL, *quick = NULL;
    (void)argument;
    prepare();
    check_eq(tp_pool_set_thread_maximum(stand.pool, 8), TP_OK);
    check_eq(tp_work_create(run_long, &runs, stand.env, &work), TP_OK);
    check_eq(tp_work_create(run_work, &runs, stand.env, &quick), TP_OK);
    allow_threads(0);
    check_eq(tp_work_submit(work), TP_OK);
    check_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    check(statistics(stand.pool).thread_create_failures > 0);
    check_eq(statistics(stand.pool).threads, 1);
    for (int i = 0; i < 2000; i++) {
        check_eq(tp_work_submit(quick), TP_OK);
        check_eq(tp_try_submit(run_simple, &runs, stand.env), TP_OK);
    }
    check_eq(tp_work_wait(quick, false, TP_INFINITE), TP_OK);
    check_eq(tp_cleanup_group_close_members(stand.group, false, NULL), TP_OK);
    check_eq(tpp_load_acquire(&runs), 4001);
    check_eq(statistics(stand.pool).threads, 1);
    check_eq(statistics(stand.pool).executed, 4001);
    close_stand();
    check(none_in_use(TPI_KIND_POOL));
}

/* The kernel itself refuses: no capability, and the number of processes of that user is at its
 * limit. A real failure of a real clone, if this process may become somebody else. */
static void refused_by_kernel(uintptr_t argument)
{
    struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    tp_work_t *work = (tp_work_t *)&stand;
    (void)argument;
    prepare();
    check_eq(setrlimit(RLIMIT_NPROC, &none), 0);
    check_eq(tp_work_create(run_work, &runs, stand.env, &work), TP_ERR_NO_THREAD);
    check(work == NULL);
    check_eq(tp_pool_set_thread_minimum(stand.pool, 1), TP_ERR_NO_THREAD);
    check_eq(statistics(stand.pool).threads, 0);
    check_eq(statistics(stand.pool).thread_create_failures, 2);
    close_stand();
    check(none_in_use(TPI_KIND_POOL));
}

static void as_nobody(uintptr_t argument)
{
    if (setgid(65534) != 0 || setuid(65534) != 0) {
        shared->succeeded = true; /* not possible here */
        return;
    }
    refused_by_kernel(argument);
}

TAP_TEST(memory__the_kernel_refuses_a_thread)
{
    bool root = geteuid() == 0;
    check(in_child(root ? as_nobody : refused_by_kernel, 0));
    if (shared->succeeded)
        tap_skip("cannot give up the privileges of root");
}

/* ---- the allocator itself -------------------------------------------------------------------- */

CHILD_TEST(memory__the_allocator_is_chosen_before_the_first_use_only)
{
    tp_allocator_t allocator = TP_ALLOCATOR_INIT;
    tp_event_t *event = NULL;
    (void)argument;
    install(); /* again: nothing was used yet */
    check_eq(world.calls, 0);
    check_eq(tp_event_create(true, true, &event), TP_OK);
    check(world.calls > 0 && world.outstanding > 0);
    allocator.alloc = allocate;
    allocator.free = release;
    allocator.context = &world;
    check_eq(tp_set_allocator(&allocator), TP_ERR_STATE);
    check_eq(tp_event_close(event), TP_OK);
    check_eq(tp_set_allocator(&allocator), TP_ERR_STATE);
}

int main(void)
{
    share();
    tap_run(memory__submit_wait_cancel_and_close_allocate_nothing);
    tap_run(memory__timer_set_stop_wait_and_close_allocate_nothing);
    tap_run(memory__expiries_allocate_nothing);
    tap_run(memory__cancel_of_a_group_allocates_nothing);
    tap_run(memory__events_semaphores_and_mutexes_allocate_nothing);
    tap_run(memory__callbacks_and_completion_actions_allocate_nothing);
    tap_run(memory__misuse_is_reported_without_allocating);
    tap_run(memory__a_prepared_work_object_runs_with_memory_exhausted);
    tap_run(memory__a_prepared_timer_expires_with_memory_exhausted);
    tap_run(memory__pool_create_without_threads_for_the_minimum);
    tap_run(memory__set_thread_minimum_that_fails_changes_no_limit);
    tap_run(memory__first_object_of_a_pool_without_a_thread);
    tap_run(memory__first_timer_of_a_pool_without_a_thread);
    tap_run(memory__first_timer_of_a_driven_pool_without_a_thread);
    tap_run(memory__a_pool_with_one_thread_goes_on_when_growth_fails);
    tap_run(memory__the_kernel_refuses_a_thread);
    tap_run(memory__the_allocator_is_chosen_before_the_first_use_only);
    return tap_done();
}
