/* arguments_test.c - structs of every size, numbers out of range, NULL where something must be. */
#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "tests/capi/live.h"

/* ---- structs --------------------------------------------------------------------------------- */

static void expect_config(const tp_pool_config_t *config, tp_status_t expected)
{
    tp_pool_t *pool = live.pool;
    heard.calls = 0;
    check_eq(tp_pool_create(config, &pool), expected);
    check(pool == NULL);
    check_eq(heard.calls, 1);
    check(strcmp(heard.function, "tp_pool_create") == 0);
}

TAP_TEST(arguments__pool_config_of_wrong_size_or_content)
{
    const tp_pool_config_t good = TP_POOL_CONFIG_INIT;
    tp_pool_config_t config = good;
    tp_set_misuse_hook(hear, NULL);
    uint32_t pools = tpi_slab_in_use(TPI_KIND_POOL);
    for (uint32_t size = 0; size < sizeof config; size++) {
        config.struct_size = size;
        expect_config(&config, TP_ERR_VERSION);
    }
    for (uint32_t bit = 1; bit < 32; bit++) {
        config = good;
        config.flags = UINT32_C(1) << bit;
        expect_config(&config, TP_ERR_ARGUMENT);
        config.flags |= TP_POOL_CALLER_DRIVEN;
        expect_config(&config, TP_ERR_ARGUMENT);
    }
    config = good;
    config.thread_minimum = 4001;
    expect_config(&config, TP_ERR_ARGUMENT);
    config = good;
    config.thread_maximum = UINT32_MAX;
    expect_config(&config, TP_ERR_ARGUMENT);
    config = good;
    config.idle_timeout = -1;
    expect_config(&config, TP_ERR_ARGUMENT);
    config = good;
    config.stall_threshold = INT64_MIN;
    expect_config(&config, TP_ERR_ARGUMENT);
    config = good;
    config.io_backend = TP_IO_BACKEND_URING + 1;
    expect_config(&config, TP_ERR_ARGUMENT);
    config = good;
    config.flags = TP_POOL_CALLER_DRIVEN;
    config.thread_minimum = 1;
    expect_config(&config, TP_ERR_ARGUMENT);
    config = good;
    config.stall_threshold = 1;
    expect_config(&config, TP_ERR_UNSUPPORTED);
    check_eq(tpi_slab_in_use(TPI_KIND_POOL), pools);
    tp_set_misuse_hook(NULL, NULL);
}

/* A struct of a later release: longer, and good only if what is not known here is zero. */
struct longer_config {
    tp_pool_config_t config;
    unsigned char more[40];
};

TAP_TEST(arguments__pool_config_of_a_later_release)
{
    struct longer_config longer = {TP_POOL_CONFIG_INIT, {0}};
    tp_pool_t *pool = NULL;
    longer.config.struct_size = sizeof longer;
    check_eq(tp_pool_create(&longer.config, &pool), TP_OK);
    check_eq(tp_pool_close(pool), TP_OK);
    tp_set_misuse_hook(hear, NULL);
    for (size_t i = 0; i < sizeof longer.more; i++) {
        longer.more[i] = 0x80;
        expect_config(&longer.config, TP_ERR_VERSION);
        longer.more[i] = 0;
    }
    tp_set_misuse_hook(NULL, NULL);
}

struct longer_stats {
    tp_pool_stats_t stats;
    unsigned char more[24];
};

TAP_TEST(arguments__pool_stats_of_every_size)
{
    struct longer_stats longer;
    const uint32_t first = offsetof(tp_pool_stats_t, thread_target); /* of the first version */
    for (uint32_t size = 0; size < first; size++) {
        memset(&longer, 0xab, sizeof longer);
        longer.stats.struct_size = size;
        check_eq(tp_pool_get_stats(live.pool, &longer.stats), TP_ERR_VERSION);
        check_eq(longer.stats.io_backend, 0xabababab);
    }
    longer.stats.struct_size = first;
    check_eq(tp_pool_get_stats(live.pool, &longer.stats), TP_OK);
    check_eq(longer.stats.thread_maximum, 1);
    check_eq(longer.stats.thread_target, 0xabababab);
    memset(&longer, 0xab, sizeof longer);
    longer.stats.struct_size = sizeof longer - 8;
    check_eq(tp_pool_get_stats(live.pool, &longer.stats), TP_OK);
    check_eq(longer.stats.struct_size, sizeof longer - 8);
    check_eq(longer.stats.thread_maximum, 1);
    check_eq(longer.more[0], 0);
    check_eq(longer.more[15], 0);
    check_eq(longer.more[16], 0xab); /* behind what the caller said is his */
}

static void *allocate(void *context, size_t size, size_t alignment)
{
    (void)context;
    return aligned_alloc(alignment, size);
}

static void release(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

TAP_TEST(arguments__an_allocator_comes_first_and_complete)
{
    tp_allocator_t allocator = TP_ALLOCATOR_INIT;
    check_eq(tp_set_allocator(NULL), TP_ERR_ARGUMENT);
    check_eq(tp_set_allocator(&allocator), TP_ERR_ARGUMENT);
    allocator.alloc = allocate;
    check_eq(tp_set_allocator(&allocator), TP_ERR_ARGUMENT);
    allocator.free = release;
    allocator.reserved = 1;
    check_eq(tp_set_allocator(&allocator), TP_ERR_ARGUMENT);
    allocator.reserved = 0;
    allocator.struct_size = sizeof allocator - 1;
    check_eq(tp_set_allocator(&allocator), TP_ERR_VERSION);
}

/* ---- arguments ------------------------------------------------------------------------------- */

TAP_TEST(arguments__null_out_parameters)
{
    uint64_t bytes = 9;
    tp_wait_spec_t on_event = until(tp_waitable_event(live.event));
    tp_set_misuse_hook(hear, NULL);
    heard.calls = 0;
    expect(tp_pool_create(NULL, NULL), TP_ERR_ARGUMENT, "tp_pool_create");
    expect(tp_pool_default(NULL), TP_ERR_ARGUMENT, "tp_pool_default");
    expect(tp_pool_get_stack(live.pool, NULL, &bytes), TP_ERR_ARGUMENT, "tp_pool_get_stack");
    expect(tp_pool_get_stack(live.pool, &bytes, NULL), TP_ERR_ARGUMENT, "tp_pool_get_stack");
    expect(tp_pool_get_stats(live.pool, NULL), TP_ERR_ARGUMENT, "tp_pool_get_stats");
    expect(tp_pool_dump(live.pool, -1), TP_ERR_ARGUMENT, "tp_pool_dump");
    expect(tp_env_create(NULL), TP_ERR_ARGUMENT, "tp_env_create");
    expect(tp_work_create(never_work, NULL, NULL, NULL), TP_ERR_ARGUMENT, "tp_work_create");
    expect(tp_timer_create(never_timer, NULL, NULL, NULL), TP_ERR_ARGUMENT, "tp_timer_create");
    expect(tp_timer_is_set(live.timer, NULL), TP_ERR_ARGUMENT, "tp_timer_is_set");
    expect(tp_wait_create(never_wait, NULL, NULL, NULL), TP_ERR_ARGUMENT, "tp_wait_create");
    expect(tp_io_create(0, never_io, NULL, NULL, NULL), TP_ERR_ARGUMENT, "tp_io_create");
    expect(tp_cleanup_group_create(NULL), TP_ERR_ARGUMENT, "tp_cleanup_group_create");
    expect(tp_event_create(true, true, NULL), TP_ERR_ARGUMENT, "tp_event_create");
    expect(tp_semaphore_create(0, 1, NULL), TP_ERR_ARGUMENT, "tp_semaphore_create");
    expect(tp_mutex_create(true, NULL), TP_ERR_ARGUMENT, "tp_mutex_create");
    expect(tp_waitable_wait(tp_waitable_event(live.event), 0, NULL), TP_ERR_ARGUMENT,
           "tp_waitable_wait");
    check_eq(tp_semaphore_release(live.semaphore, 1, NULL), TP_OK); /* this one may be NULL */
    check_eq(take(tp_waitable_semaphore(live.semaphore)), TP_WAIT_SIGNALED);
    check_eq(tp_wait_set(live.wait, &on_event, NULL), TP_OK); /* and this one */
    check_eq(heard.calls, 0);
    tp_set_misuse_hook(NULL, NULL);
}

TAP_TEST(arguments__numbers_out_of_range)
{
    tp_work_t *work = live.work;
    tp_timer_t *timer = live.timer;
    tp_wait_t *wait = live.wait;
    tp_io_t *io = live.io;
    tp_semaphore_t *semaphore = live.semaphore;
    tp_wait_result_t result = 9;
    uint32_t previous = 9;
    tp_set_misuse_hook(hear, NULL);
    heard.calls = 0;
    expect(tp_try_submit(NULL, NULL, NULL), TP_ERR_ARGUMENT, "tp_try_submit");
    expect(tp_work_create(NULL, NULL, NULL, &work), TP_ERR_ARGUMENT, "tp_work_create");
    check(work == NULL);
    expect(tp_work_wait(live.work, true, -1), TP_ERR_ARGUMENT, "tp_work_wait");
    expect(tp_work_wait(live.work, true, INT64_MIN), TP_ERR_ARGUMENT, "tp_work_wait");
    expect(tp_timer_create(NULL, NULL, NULL, &timer), TP_ERR_ARGUMENT, "tp_timer_create");
    check(timer == NULL);
    expect(tp_timer_wait(live.timer, true, -1), TP_ERR_ARGUMENT, "tp_timer_wait");
    expect(tp_timer_wait(live.timer, true, INT64_MIN), TP_ERR_ARGUMENT, "tp_timer_wait");
    expect(tp_wait_create(NULL, NULL, NULL, &wait), TP_ERR_ARGUMENT, "tp_wait_create");
    check(wait == NULL);
    expect(tp_wait_wait(live.wait, true, -1), TP_ERR_ARGUMENT, "tp_wait_wait");
    expect(tp_wait_wait(live.wait, true, INT64_MIN), TP_ERR_ARGUMENT, "tp_wait_wait");
    expect(tp_io_create(live.ends[1], NULL, NULL, NULL, &io), TP_ERR_ARGUMENT, "tp_io_create");
    check(io == NULL);
    expect(tp_io_wait(live.io, true, -1), TP_ERR_ARGUMENT, "tp_io_wait");
    expect(tp_io_wait(live.io, true, INT64_MIN), TP_ERR_ARGUMENT, "tp_io_wait");
    expect(tp_waitable_wait(tp_waitable_never(), -1, &result), TP_ERR_ARGUMENT, "tp_waitable_wait");
    check_eq(result, 0);
    expect(tp_env_set_priority(live.env, 3), TP_ERR_ARGUMENT, "tp_env_set_priority");
    expect(tp_env_set_priority(live.env, UINT32_MAX), TP_ERR_ARGUMENT, "tp_env_set_priority");
    expect(tp_pool_set_thread_minimum(live.pool, 4001), TP_ERR_ARGUMENT,
           "tp_pool_set_thread_minimum");
    expect(tp_pool_set_thread_maximum(live.pool, 4001), TP_ERR_ARGUMENT,
           "tp_pool_set_thread_maximum");
    expect(tp_pool_set_stack(live.pool, UINT64_MAX, 0), TP_ERR_ARGUMENT, "tp_pool_set_stack");
    expect(tp_semaphore_create(0, 0, &semaphore), TP_ERR_ARGUMENT, "tp_semaphore_create");
    check(semaphore == NULL);
    expect(tp_semaphore_create(3, 2, &semaphore), TP_ERR_ARGUMENT, "tp_semaphore_create");
    expect(tp_semaphore_release(live.semaphore, 0, &previous), TP_ERR_ARGUMENT,
           "tp_semaphore_release");
    check_eq(previous, 0);
    expect(tp_mutex_release(live.mutex), TP_ERR_NOT_OWNER, "tp_mutex_release");
    expect(tp_blocking_begin(), TP_ERR_STATE, "tp_blocking_begin");
    expect(tp_blocking_end(), TP_ERR_STATE, "tp_blocking_end");
    tp_set_misuse_hook(NULL, NULL);
    use_live();
}

/* Refused, told of, and without effect: the wait is still armed on what it was. */
static void refuse(const tp_wait_spec_t *spec, tp_status_t expected)
{
    bool was_armed = true;
    heard.calls = 0;
    expect(tp_wait_set(live.wait, spec, &was_armed), expected, "tp_wait_set");
    check(!was_armed);
}

struct longer_spec {
    tp_wait_spec_t spec;
    unsigned char more[24];
};

TAP_TEST(arguments__wait_spec_of_wrong_size_or_content)
{
    const tp_wait_spec_t good = until(tp_waitable_event(live.event));
    struct longer_spec longer = {good, {0}};
    tp_wait_spec_t spec = good;
    tp_set_misuse_hook(hear, NULL);
    for (uint32_t size = 0; size < sizeof spec; size++) {
        spec.struct_size = size;
        refuse(&spec, TP_ERR_VERSION);
    }
    longer.spec.struct_size = sizeof longer;
    for (size_t i = 0; i < sizeof longer.more; i++) {
        longer.more[i] = 1;
        refuse(&longer.spec, TP_ERR_VERSION);
        longer.more[i] = 0;
    }
    spec = good;
    for (spec.clock = TP_CLOCK_BOOTTIME + 1; spec.clock != 0; spec.clock *= 2)
        refuse(&spec, TP_ERR_ARGUMENT);
    spec.timeout = -1;
    refuse(&spec, TP_ERR_ARGUMENT);
    spec.timeout = INT64_MIN;
    refuse(&spec, TP_ERR_ARGUMENT);
    spec = (tp_wait_spec_t)TP_WAIT_SPEC_INIT; /* no source */
    refuse(&spec, TP_ERR_HANDLE);
    check_eq(tp_wait_set(live.wait, &longer.spec, NULL), TP_OK);
    tp_set_misuse_hook(NULL, NULL);
    use_live();
}

TAP_TEST(arguments__a_waitable_that_nobody_made)
{
    const tp_waitable_t good = tp_waitable_event(live.event);
    tp_wait_result_t result = 9;
    tp_wait_spec_t spec = until(good);
    tp_set_misuse_hook(hear, NULL);
    heard.calls = 0;
    for (uint32_t bit = 8; bit < 32; bit++) {
        spec.source.kind = good.kind | UINT32_C(1) << bit;
        refuse(&spec, TP_ERR_HANDLE);
        expect(tp_waitable_wait(spec.source, 0, &result), TP_ERR_HANDLE, "tp_waitable_wait");
        check_eq(result, 0);
    }
    for (uint32_t bit = 0; bit < 32; bit++) {
        spec.source = good;
        spec.source.detail = UINT32_C(1) << bit;
        refuse(&spec, TP_ERR_HANDLE);
    }
    for (uint32_t bit = 16; bit < 32; bit++) { /* states that poll(2) has not */
        spec.source = tp_waitable_fd(0, UINT32_C(1) << bit);
        refuse(&spec, TP_ERR_ARGUMENT);
        expect(tp_waitable_wait(spec.source, 0, &result), TP_ERR_ARGUMENT, "tp_waitable_wait");
    }
    tp_set_misuse_hook(NULL, NULL);
    use_live();
}

/* As a wait and by a thread, whatever the timeout. The system's refusal is no misuse. */
static void refuse_by_system(tp_waitable_t source, int expected)
{
    bool was_armed = true;
    tp_wait_result_t result = 9;
    tp_wait_spec_t spec = until(source);
    heard.calls = 0;
    for (int i = 0; i < 2; i++) {
        check_eq(tp_wait_set(live.wait, &spec, &was_armed), TP_ERR_SYSTEM);
        check(!was_armed);
        check_eq(tp_last_errno(), expected);
        check_eq(tp_waitable_wait(source, spec.timeout, &result), TP_ERR_SYSTEM);
        check_eq(result, 0);
        check_eq(tp_last_errno(), expected);
        spec.timeout = 0;
    }
    check_eq(heard.calls, 0);
}

TAP_TEST(arguments__what_the_system_cannot_wait_for)
{
    static const int signals[] = {0, -1, 65, INT32_MAX, INT32_MIN, SIGKILL, SIGSTOP};
    static const int descriptors[] = {-1, INT32_MIN, INT32_MAX, 1000000};
    int ends[2];
    require(pipe(ends) == 0);
    tp_set_misuse_hook(hear, NULL);
    for (size_t i = 0; i < COUNT(signals); i++)
        refuse_by_system(tp_waitable_signal(signals[i]), EINVAL);
    for (size_t i = 0; i < COUNT(descriptors); i++) {
        refuse_by_system(tp_waitable_fd(descriptors[i], POLLIN), EBADF);
        refuse_by_system(tp_waitable_process(descriptors[i]), EBADF);
    }
    refuse_by_system(tp_waitable_process(ends[0]), EBADF); /* a descriptor, but of no process */
    check_eq(close(ends[0]) | close(ends[1]), 0);
    tp_set_misuse_hook(NULL, NULL);
    use_live();
}

TAP_TEST(arguments__the_default_pool_refuses_settings)
{
    tp_set_misuse_hook(hear, NULL);
    heard.calls = 0;
    expect(tp_pool_close(live.default_pool), TP_ERR_UNSUPPORTED, "tp_pool_close");
    expect(tp_pool_set_thread_minimum(live.default_pool, 1), TP_ERR_UNSUPPORTED,
           "tp_pool_set_thread_minimum");
    expect(tp_pool_set_thread_maximum(live.default_pool, 1), TP_ERR_UNSUPPORTED,
           "tp_pool_set_thread_maximum");
    expect(tp_pool_set_stack(live.default_pool, 0, 0), TP_ERR_UNSUPPORTED, "tp_pool_set_stack");
    tp_set_misuse_hook(NULL, NULL);
}
/* Refused late, when the object had joined its pool already: it must have left it again. */
TAP_TEST(arguments__a_creation_refused_by_its_group_leaves_nothing)
{
    tp_cleanup_group_t *group = NULL;
    tp_pool_t *pool = NULL;
    tp_env_t *env = NULL;
    tp_work_t *work = live.work;
    tp_timer_t *timer = live.timer;
    tp_wait_t *wait = live.wait;
    tp_io_t *io = live.io;
    uint32_t before[TPI_KIND_COUNT] = {0}, after[TPI_KIND_COUNT] = {0};
    in_use(before);
    require(tp_pool_create(NULL, &pool) == TP_OK && tp_env_create(&env) == TP_OK);
    require(tp_cleanup_group_create(&group) == TP_OK);
    require(tp_env_set_pool(env, pool) == TP_OK);
    require(tp_env_set_cleanup_group(env, group, NULL) == TP_OK);
    require(tp_env_set_name(env, "late") == TP_OK);
    require(tp_cleanup_group_close(group) == TP_OK);
    check_eq(tp_work_create(never_work, NULL, env, &work), TP_ERR_CLOSED);
    check(work == NULL);
    check_eq(tp_timer_create(never_timer, NULL, env, &timer), TP_ERR_CLOSED);
    check(timer == NULL);
    check_eq(tp_wait_create(never_wait, NULL, env, &wait), TP_ERR_CLOSED);
    check(wait == NULL);
    check_eq(tp_io_create(live.ends[1], never_io, NULL, env, &io), TP_ERR_CLOSED);
    check(io == NULL);
    check_eq(tp_try_submit(never, NULL, env), TP_ERR_CLOSED);
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    check_eq(tp_pool_get_stats(pool, &stats), TP_OK);
    check_eq(stats.submitted, 0);
    check_eq(tp_env_destroy(env) | tp_pool_close(pool), TP_OK);
    for (int i = 0; i < 1000 && tpi_slab_in_use(TPI_KIND_WORKER) > before[TPI_KIND_WORKER]; i++)
        usleep(10000); /* its thread is on the way out */
    in_use(after);
    for (int kind = TPI_KIND_POOL; kind < TPI_KIND_THREAD; kind++)
        check_eq(after[kind], before[kind]);
    check_eq(tp_io_create(live.ends[1], never_io, NULL, NULL, &io), TP_OK); /* nothing is bound */
    check_eq(tp_io_close(io), TP_OK);
}

int main(void)
{
    build_live();
    tap_run(arguments__pool_config_of_wrong_size_or_content);
    tap_run(arguments__pool_config_of_a_later_release);
    tap_run(arguments__pool_stats_of_every_size);
    tap_run(arguments__an_allocator_comes_first_and_complete);
    tap_run(arguments__null_out_parameters);
    tap_run(arguments__numbers_out_of_range);
    tap_run(arguments__wait_spec_of_wrong_size_or_content);
    tap_run(arguments__a_waitable_that_nobody_made);
    tap_run(arguments__what_the_system_cannot_wait_for);
    tap_run(arguments__the_default_pool_refuses_settings);
    tap_run(arguments__a_creation_refused_by_its_group_leaves_nothing);
    use_live();
    close_live();
    return tap_done();
}
