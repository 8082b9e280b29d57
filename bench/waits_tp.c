/* waits_tp.c - tp among the libraries whose waits are measured: pools of two threads and of one. */
#include <poll.h>
#include <stdlib.h>

#include "bench/measure.h"
#include "bench/waits.h"
#include "tp/tp.h"

static tp_pool_t *pool;
static tp_env_t *env;
static tp_cleanup_group_t *group;
static tp_wait_t **waits;
static tp_event_t **events, *one_event;
static const int *descriptors;
static waits_fired_fn *fired;

static void open_pool(uint32_t threads)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_maximum = threads;
    must(tp_pool_create(&config, &pool) == TP_OK);
    must(tp_env_create(&env) == TP_OK);
    must(tp_env_set_pool(env, pool) == TP_OK);
}

static void open_two(void)
{
    open_pool(2);
}

static void open_one(void)
{
    open_pool(1);
}

static void group_open(void)
{
    must(tp_cleanup_group_create(&group) == TP_OK);
    must(tp_env_set_cleanup_group(env, group, NULL) == TP_OK);
}

static void group_close(void)
{
    must(tp_cleanup_group_close_members(group, true, NULL) == TP_OK);
    must(tp_env_set_cleanup_group(env, NULL, NULL) == TP_OK);
    must(tp_cleanup_group_close(group) == TP_OK);
    free(waits);
}

static void create_waits(unsigned count, tp_wait_fn callback, waits_fired_fn *when_fired)
{
    fired = when_fired;
    waits = malloc(count * sizeof(tp_wait_t *));
    must(waits);
    for (unsigned i = 0; i < count; i++)
        must(tp_wait_create(callback, (void *)(uintptr_t)i, env, &waits[i]) == TP_OK);
}

static void disarm(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        must(tp_wait_set(waits[i], NULL, NULL) == TP_OK);
}

static void close_waits(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        must(tp_wait_close(waits[i]) == TP_OK);
    free(waits);
}

static inline void set(unsigned index, tp_waitable_t source, int64_t timeout_ns)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = source;
    spec.timeout = timeout_ns;
    must(tp_wait_set(waits[index], &spec, NULL) == TP_OK);
}

static inline bool is_to_be_armed_again(unsigned index, tp_wait_result_t result)
{
    must(result == TP_WAIT_SIGNALED || result == TP_WAIT_TIMEOUT);
    return fired(index, result == TP_WAIT_TIMEOUT);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static inline void arm_one_of_descriptors(unsigned index, int64_t timeout_ns)
{
    set(index, tp_waitable_fd(descriptors[index], POLLIN), timeout_ns);
}

static void see(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                tp_wait_result_t result)
{
    unsigned index = (unsigned)(uintptr_t)context;
    (void)instance;
    (void)wait;
    if (is_to_be_armed_again(index, result))
        arm_one_of_descriptors(index, TP_INFINITE);
}

static void create(const int *all, unsigned count, waits_fired_fn *when_fired)
{
    descriptors = all;
    create_waits(count, see, when_fired);
}

static void arm(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        arm_one_of_descriptors(i, TP_INFINITE);
}

static void arm_for(const int64_t *timeouts_ns, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        arm_one_of_descriptors(i, timeouts_ns[i]);
}

/* ---- events ---------------------------------------------------------------------------------- */

static inline void arm_one_of_events(unsigned index, int64_t timeout_ns)
{
    set(index, tp_waitable_event(events[index]), timeout_ns);
}

static void receive(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                    tp_wait_result_t result)
{
    unsigned index = (unsigned)(uintptr_t)context;
    (void)instance;
    (void)wait;
    if (is_to_be_armed_again(index, result))
        arm_one_of_events(index, TP_INFINITE);
}

static void make_events(unsigned count)
{
    events = malloc(count * sizeof(tp_event_t *));
    must(events);
    for (unsigned i = 0; i < count; i++)
        must(tp_event_create(false, false, &events[i]) == TP_OK);
}

static void create_for_events(unsigned count, waits_fired_fn *when_fired)
{
    create_waits(count, receive, when_fired);
}

static void arm_events(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        arm_one_of_events(i, TP_INFINITE);
}

static void arm_events_for(const int64_t *timeouts_ns, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        arm_one_of_events(i, timeouts_ns[i]);
}

static void signal_event(unsigned index)
{
    must(tp_event_set(events[index]) == TP_OK);
}

static void arm_on_one(unsigned count)
{
    if (!one_event)
        must(tp_event_create(true, false, &one_event) == TP_OK);
    must(tp_event_reset(one_event) == TP_OK);
    for (unsigned i = 0; i < count; i++)
        set(i, tp_waitable_event(one_event), TP_INFINITE);
}

static void signal_one(void)
{
    must(tp_event_set(one_event) == TP_OK);
}

static const struct waits_descriptors by_descriptor = {create, arm, arm_for, disarm, close_waits};
static const struct waits_native native = {
    .sources = make_events,
    .create = create_for_events,
    .arm = arm_events,
    .arm_for = arm_events_for,
    .signal = signal_event,
    .close = close_waits,
    .arm_on_one = arm_on_one,
    .signal_one = signal_one,
};

const struct waits_side tp_waits = {
    .name = "tp",
    .about = "a pool of at most two threads, tp_wait_set again in the callback",
    .open = open_two,
    .descriptors = &by_descriptor,
    .native = &native,
    .group_open = group_open,
    .group_close = group_close,
};

const struct waits_side tp_one_waits = {
    .name = "tp-1",
    .about = "the same with one thread",
    .open = open_one,
    .descriptors = &by_descriptor,
    .native = &native,
    .group_open = group_open,
    .group_close = group_close,
};
