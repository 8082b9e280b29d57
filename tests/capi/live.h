/* live.h - what the tests of wrong calls share: the hook, and objects that must survive. */
#ifndef TESTS_CAPI_LIVE_H
#define TESTS_CAPI_LIVE_H

#include <errno.h>

#include "core/mem/token.h"
#include "tests/support/tap.h"
#include "tp/tp.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- what the hook hears --------------------------------------------------------------------- */

static struct {
    unsigned calls;
    tp_status_t status;
    char function[64], message[256];
} heard;

static void copy(char *to, const char *from, size_t size)
{
    size_t length = strnlen(from, size - 1);
    memcpy(to, from, length);
    to[length] = 0;
}

TAP_UNUSED_ static void hear(void *context, const char *function, tp_status_t status,
                             const char *message)
{
    (void)context;
    heard.calls++;
    heard.status = status;
    copy(heard.function, function, sizeof heard.function);
    copy(heard.message, message, sizeof heard.message);
}

/* The call must have been reported once, as `function`, with `expected`. */
TAP_UNUSED_ static void expect(tp_status_t got, tp_status_t expected, const char *function)
{
    check_eq(got, expected);
    check_eq(heard.calls, 1);
    check_eq(heard.status, expected);
    check(strcmp(heard.function, function) == 0);
    if (strcmp(heard.function, function) != 0)
        printf("# %s was reported as %s\n", function, heard.function);
    heard.calls = 0;
}

/* ---- objects that live through it all -------------------------------------------------------- */

static struct {
    tp_pool_t *pool, *default_pool;
    tp_env_t *env;
    tp_work_t *work;
    tp_timer_t *timer; /* set, for a time that does not come */
    tp_wait_t *wait;   /* armed, on what is never signaled */
    tp_io_t *io;       /* one read is in flight, of a pipe into which nobody writes */
    int ends[2];       /* of that pipe */
    char byte;         /* what is read */
    tp_cleanup_group_t *group;
    tp_event_t *event;
    tp_semaphore_t *semaphore;
    tp_mutex_t *mutex;
    tp_callback_instance_t *instance; /* of the running callback */
    tpp_u32 runs;
} live;

static void count_run(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&live.runs, 1);
}

static void count_expiry(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)instance;
    (void)context;
    check(timer != NULL);
    tpp_add_acq_rel(&live.runs, 1);
}

static void count_signal(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                         tp_wait_result_t result)
{
    (void)instance;
    (void)context;
    check(wait != NULL);
    check_eq(result, TP_WAIT_SIGNALED);
    tpp_add_acq_rel(&live.runs, 1);
}

static void count_completion(tp_callback_instance_t *instance, void *context, void *operation,
                             int32_t error, uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    (void)context;
    check(io != NULL && operation == &live.byte);
    check_eq(error, bytes == 1 ? 0 : ECANCELED);
    tpp_add_acq_rel(&live.runs, 1);
}

static void never(tp_callback_instance_t *instance, void *context)
{
    check(instance == NULL && context == &live); /* the creation was refused: nothing may run */
}

TAP_UNUSED_ static void never_work(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    never(instance, context);
}

TAP_UNUSED_ static void never_timer(tp_callback_instance_t *instance, void *context,
                                    tp_timer_t *timer)
{
    (void)timer;
    never(instance, context);
}

TAP_UNUSED_ static void never_wait(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                                   tp_wait_result_t result)
{
    (void)wait;
    (void)result;
    never(instance, context);
}

TAP_UNUSED_ static void never_io(tp_callback_instance_t *instance, void *context, void *operation,
                                 int32_t error, uint64_t bytes, tp_io_t *io)
{
    (void)operation;
    (void)error;
    (void)bytes;
    (void)io;
    never(instance, context);
}

TAP_UNUSED_ static void in_use(uint32_t counts[TPI_KIND_COUNT])
{
    for (int kind = 1; kind < TPI_KIND_COUNT; kind++)
        counts[kind] = tpi_slab_in_use((enum tpi_kind)kind);
}

static tp_pool_stats_t statistics(void)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    check_eq(tp_pool_get_stats(live.pool, &stats), TP_OK);
    stats.run_ns_total = stats.queue_wait_ns_total = stats.oldest_pending_ns = 0;
    return stats;
}

/* Expires `due` ns from now, once. */
static tp_timer_spec_t after(int64_t due)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT;
    spec.due = due;
    return spec;
}

/* Until the source is signaled, however long that takes. */
static tp_wait_spec_t until(tp_waitable_t source)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = source;
    return spec;
}

/* Reads one byte of the live pipe. */
static tp_io_op_t reading(void)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = TP_IO_READ;
    op.operation = op.buffer = &live.byte;
    op.length = 1;
    return op;
}

static void build_io(void)
{
    tp_io_op_t op = reading();
    require(pipe(live.ends) == 0);
    require(tp_io_create(live.ends[0], count_completion, NULL, live.env, &live.io) == TP_OK);
    require(tp_io_submit(live.io, &op) == TP_OK);
}

TAP_UNUSED_ static void build_live(void)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_minimum = config.thread_maximum = 1;
    require(tp_pool_create(&config, &live.pool) == TP_OK);
    require(tp_pool_default(&live.default_pool) == TP_OK);
    require(tp_env_create(&live.env) == TP_OK);
    require(tp_cleanup_group_create(&live.group) == TP_OK);
    require(tp_env_set_pool(live.env, live.pool) == TP_OK);
    require(tp_event_create(false, false, &live.event) == TP_OK);
    require(tp_semaphore_create(2, 5, &live.semaphore) == TP_OK);
    require(tp_mutex_create(false, &live.mutex) == TP_OK);
    require(tp_work_create(count_run, NULL, live.env, &live.work) == TP_OK);
    require(tp_timer_create(count_expiry, NULL, live.env, &live.timer) == TP_OK);
    tp_timer_spec_t spec = after(TP_INFINITE);
    require(tp_timer_set(live.timer, &spec, NULL) == TP_OK);
    tp_wait_spec_t never_spec = until(tp_waitable_never());
    require(tp_wait_create(count_signal, NULL, live.env, &live.wait) == TP_OK);
    require(tp_wait_set(live.wait, &never_spec, NULL) == TP_OK);
    build_io();
}

static tp_wait_result_t take(tp_waitable_t source)
{
    tp_wait_result_t result = 0;
    check_eq(tp_waitable_wait(source, 0, &result), TP_OK);
    return result;
}

/* It is armed as it was; expires once when told to; and is armed again. */
static void use_timer(void)
{
    bool was_armed = false, is_set = false;
    uint32_t runs = tpp_load_acquire(&live.runs);
    tp_timer_spec_t at_once = after(0), for_ever = after(TP_INFINITE);
    check_eq(tp_timer_is_set(live.timer, &is_set), TP_OK);
    check(is_set);
    check_eq(tp_timer_set(live.timer, &at_once, &was_armed), TP_OK);
    check(was_armed);
    check_eq(tp_timer_wait(live.timer, false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&live.runs), runs + 1);
    check_eq(tp_timer_set(live.timer, &for_ever, &was_armed), TP_OK);
    check(!was_armed);
}

/* The same of the wait. */
static void use_wait(void)
{
    bool was_armed = false;
    uint32_t runs = tpp_load_acquire(&live.runs);
    tp_wait_spec_t on_event = until(tp_waitable_event(live.event));
    tp_wait_spec_t on_nothing = until(tp_waitable_never());
    check_eq(tp_wait_set(live.wait, &on_event, &was_armed), TP_OK);
    check(was_armed);
    check_eq(tp_event_set(live.event), TP_OK);
    check_eq(tp_wait_wait(live.wait, false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&live.runs), runs + 1);
    check_eq(tp_wait_set(live.wait, &on_nothing, &was_armed), TP_OK);
    check(!was_armed);
}

/* What is in flight completes once there is something to read; and the next read is in flight. */
static void use_io(void)
{
    uint32_t runs = tpp_load_acquire(&live.runs);
    tp_io_op_t op = reading();
    check_eq(statistics().io_in_flight, 1);
    check_eq(tp_io_submit(live.io, &op), TP_ERR_EXISTS);
    live.byte = 0;
    check_eq(write(live.ends[1], "x", 1), 1);
    check_eq(tp_io_wait(live.io, false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&live.runs), runs + 1);
    check_eq(live.byte, 'x');
    check_eq(tp_io_submit(live.io, &op), TP_OK);
    check_eq(tp_io_wait(live.io, false, 0), TP_ERR_TIMEOUT);
}

static void close_io(void)
{
    check_eq(tp_io_abort(live.io, &live.byte), TP_OK);
    check_eq(tp_io_wait(live.io, false, TP_INFINITE), TP_OK);
    check_eq(tp_io_close(live.io), TP_OK);
    check_eq(close(live.ends[0]) | close(live.ends[1]), 0);
}

/* All the live objects still are what they were. */
TAP_UNUSED_ static void use_live(void)
{
    uint32_t previous = 0, runs = tpp_load_acquire(&live.runs);
    tp_pool_stats_t stats = statistics();
    check_eq(stats.thread_minimum, 1);
    check_eq(stats.thread_maximum, 1);
    check_eq(tp_work_submit_many(live.work, 5), TP_OK);
    check_eq(tp_work_wait(live.work, false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&live.runs), runs + 5);
    use_timer();
    use_wait();
    use_io();
    check_eq(take(tp_waitable_event(live.event)), TP_WAIT_TIMEOUT);
    check_eq(tp_event_set(live.event), TP_OK);
    check_eq(take(tp_waitable_event(live.event)), TP_WAIT_SIGNALED);
    check_eq(tp_semaphore_release(live.semaphore, 1, &previous), TP_OK);
    check_eq(previous, 2);
    check_eq(take(tp_waitable_semaphore(live.semaphore)), TP_WAIT_SIGNALED);
    check_eq(take(tp_waitable_mutex(live.mutex)), TP_WAIT_SIGNALED);
    check_eq(tp_mutex_release(live.mutex), TP_OK);
    check_eq(tp_cleanup_group_close_members(live.group, true, NULL), TP_OK);
}

TAP_UNUSED_ static void close_live(void)
{
    close_io();
    check_eq(tp_work_close(live.work) | tp_timer_close(live.timer), TP_OK);
    check_eq(tp_wait_close(live.wait), TP_OK);
    check_eq(tp_env_destroy(live.env), TP_OK);
    check_eq(tp_pool_close(live.pool) | tp_cleanup_group_close(live.group), TP_OK);
    check_eq(tp_event_close(live.event) | tp_semaphore_close(live.semaphore), TP_OK);
    check_eq(tp_mutex_close(live.mutex), TP_OK);
}

#endif
