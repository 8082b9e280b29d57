/* calls.h - every exported function that takes a handle, once for each handle it takes. */
#ifndef TESTS_CAPI_CALLS_H
#define TESTS_CAPI_CALLS_H

#include <pthread.h>

#include "tests/capi/live.h"

static tp_status_t pool_minimum(void *h)
{
    return tp_pool_set_thread_minimum(h, 1);
}

static tp_status_t pool_maximum(void *h)
{
    return tp_pool_set_thread_maximum(h, 7);
}

static tp_status_t pool_set_stack(void *h)
{
    return tp_pool_set_stack(h, 1 << 20, 0);
}

static tp_status_t pool_get_stack(void *h)
{
    uint64_t reserve = 9, commit = 9;
    tp_status_t status = tp_pool_get_stack(h, &reserve, &commit);
    check(reserve == 0 && commit == 0);
    return status;
}

static tp_status_t pool_get_stats(void *h)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    return tp_pool_get_stats(h, &stats);
}

static tp_status_t pool_dump(void *h)
{
    return tp_pool_dump(h, -1);
}

static tp_status_t pool_close(void *h)
{
    return tp_pool_close(h);
}

static tp_status_t pool_shutdown(void *h)
{
    return tp_pool_shutdown(h, true, 0);
}

static tp_status_t pool_run(void *h)
{
    return tp_pool_run(h, 1, 0, NULL);
}

static tp_status_t pool_poll_fd(void *h)
{
    int fd = 0;
    tp_status_t status = tp_pool_poll_fd(h, &fd);
    check(fd == -1);
    return status;
}

static tp_status_t env_destroy(void *h)
{
    return tp_env_destroy(h);
}

static tp_status_t env_pool_env(void *h)
{
    return tp_env_set_pool(h, NULL);
}

static tp_status_t env_pool_pool(void *h)
{
    return tp_env_set_pool(live.env, h);
}

static tp_status_t env_priority(void *h)
{
    return tp_env_set_priority(h, TP_PRIORITY_LOW);
}

static tp_status_t env_runs_long(void *h)
{
    return tp_env_set_runs_long(h, true);
}

static tp_status_t env_persistent(void *h)
{
    return tp_env_set_persistent(h, true);
}

static tp_status_t env_library(void *h)
{
    return tp_env_set_library(h, NULL);
}

static tp_status_t env_group_env(void *h)
{
    return tp_env_set_cleanup_group(h, NULL, NULL);
}

static tp_status_t env_group_group(void *h)
{
    return tp_env_set_cleanup_group(live.env, h, NULL);
}

static tp_status_t env_finalizer(void *h)
{
    return tp_env_set_finalizer(h, never);
}

static tp_status_t env_release(void *h)
{
    return tp_env_set_context_release(h, NULL);
}

static tp_status_t env_limit(void *h)
{
    return tp_env_set_concurrency_limit(h, 1);
}

static tp_status_t env_name(void *h)
{
    return tp_env_set_name(h, "wrong");
}

static tp_status_t try_submit(void *h)
{
    return tp_try_submit(never, NULL, h);
}

static tp_status_t work_create(void *h)
{
    tp_work_t *work = live.work;
    tp_status_t status = tp_work_create(never_work, NULL, h, &work);
    check(work == NULL);
    return status;
}

static tp_status_t work_submit(void *h)
{
    return tp_work_submit(h);
}

static tp_status_t work_submit_many(void *h)
{
    return tp_work_submit_many(h, 3);
}

static tp_status_t work_wait(void *h)
{
    return tp_work_wait(h, true, TP_INFINITE);
}

static tp_status_t work_close(void *h)
{
    return tp_work_close(h);
}

static tp_status_t timer_from_env(void *h)
{
    tp_timer_t *timer = live.timer;
    tp_status_t status = tp_timer_create(never_timer, NULL, h, &timer);
    check(timer == NULL);
    return status;
}

/* With a spec, or without: stop. */
static tp_status_t timer_set_to(void *h, const tp_timer_spec_t *spec)
{
    bool was_armed = true;
    tp_status_t status = tp_timer_set(h, spec, &was_armed);
    check(!was_armed);
    return status;
}

static tp_status_t timer_set(void *h)
{
    tp_timer_spec_t at_once = after(0);
    at_once.period = 1;
    return timer_set_to(h, &at_once);
}

static tp_status_t timer_stop(void *h)
{
    return timer_set_to(h, NULL);
}

static tp_status_t timer_is_set(void *h)
{
    bool is_set = true;
    tp_status_t status = tp_timer_is_set(h, &is_set);
    check(!is_set);
    return status;
}

static tp_status_t timer_wait(void *h)
{
    return tp_timer_wait(h, true, TP_INFINITE);
}

static tp_status_t timer_close(void *h)
{
    return tp_timer_close(h);
}

static tp_status_t wait_from_env(void *h)
{
    tp_wait_t *wait = live.wait;
    tp_status_t status = tp_wait_create(never_wait, NULL, h, &wait);
    check(wait == NULL);
    return status;
}

static tp_status_t wait_set_to(void *h, const tp_wait_spec_t *spec)
{
    bool was_armed = true;
    tp_status_t status = tp_wait_set(h, spec, &was_armed);
    check(!was_armed);
    return status;
}

static tp_status_t wait_set(void *h)
{
    tp_wait_spec_t spec = until(tp_waitable_semaphore(live.semaphore));
    return wait_set_to(h, &spec);
}

static tp_status_t wait_disarm(void *h)
{
    return wait_set_to(h, NULL);
}

/* On an object that is none. */
static tp_status_t wait_set_on(tp_waitable_t source)
{
    tp_wait_spec_t spec = until(source);
    return wait_set_to(live.wait, &spec);
}

static tp_status_t wait_set_event(void *h)
{
    return wait_set_on(tp_waitable_event(h));
}

static tp_status_t wait_set_semaphore(void *h)
{
    return wait_set_on(tp_waitable_semaphore(h));
}

static tp_status_t wait_set_mutex(void *h)
{
    return wait_set_on(tp_waitable_mutex(h));
}

static tp_status_t wait_wait(void *h)
{
    return tp_wait_wait(h, true, TP_INFINITE);
}

static tp_status_t wait_close(void *h)
{
    return tp_wait_close(h);
}

/* The other end of the live pipe: no object is bound to that. */
static tp_status_t io_from_env(void *h)
{
    tp_io_t *io = live.io;
    tp_status_t status = tp_io_create(live.ends[1], never_io, NULL, h, &io);
    check(io == NULL);
    return status;
}

static tp_status_t io_start(void *h)
{
    return tp_io_start(h);
}

static tp_status_t io_cancel(void *h)
{
    return tp_io_cancel(h);
}

static tp_status_t io_complete(void *h)
{
    return tp_io_complete(h, &live, 0, 1);
}

static tp_status_t io_submit(void *h)
{
    tp_io_op_t op = reading();
    return tp_io_submit(h, &op);
}

static tp_status_t io_submit_many(void *h)
{
    tp_io_op_t ops[2] = {reading(), reading()};
    uint32_t submitted = 9;
    tp_status_t status = tp_io_submit_many(h, ops, 2, &submitted);
    check_eq(submitted, 0);
    return status;
}

static tp_status_t io_submit_none(void *h)
{
    return tp_io_submit_many(h, NULL, 0, NULL);
}

static tp_status_t io_abort(void *h)
{
    return tp_io_abort(h, &live.byte);
}

static tp_status_t io_wait(void *h)
{
    return tp_io_wait(h, true, TP_INFINITE);
}

static tp_status_t io_close(void *h)
{
    return tp_io_close(h);
}

static tp_status_t group_members(void *h)
{
    return tp_cleanup_group_close_members(h, true, NULL);
}

static tp_status_t group_close(void *h)
{
    return tp_cleanup_group_close(h);
}

static tp_status_t instance_long(void *h)
{
    return tp_callback_may_run_long(h);
}

static tp_status_t instance_disassociate(void *h)
{
    return tp_callback_disassociate(h);
}

static tp_status_t instance_unlock(void *h)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    return tp_callback_unlock_on_return(h, &mutex);
}

static tp_status_t instance_mutex(void *h)
{
    return tp_callback_release_mutex_on_return(h, live.mutex);
}

static tp_status_t instance_mutex_mutex(void *h)
{
    return tp_callback_release_mutex_on_return(live.instance, h);
}

static tp_status_t instance_semaphore(void *h)
{
    return tp_callback_release_semaphore_on_return(h, live.semaphore, 1);
}

static tp_status_t instance_semaphore_semaphore(void *h)
{
    return tp_callback_release_semaphore_on_return(live.instance, h, 1);
}

static tp_status_t instance_event(void *h)
{
    return tp_callback_set_event_on_return(h, live.event);
}

static tp_status_t instance_event_event(void *h)
{
    return tp_callback_set_event_on_return(live.instance, h);
}

static tp_status_t instance_library(void *h)
{
    return tp_callback_close_library_on_return(h, &live);
}

static tp_status_t instance_cancel(void *h)
{
    bool requested = true;
    tp_status_t status = tp_callback_cancel_requested(h, &requested);
    check(!requested);
    return status;
}

static tp_status_t instance_events(void *h)
{
    uint32_t events = 9;
    tp_status_t status = tp_callback_wait_events(h, &events);
    check_eq(events, 0);
    return status;
}

static tp_status_t event_set(void *h)
{
    return tp_event_set(h);
}

static tp_status_t event_reset(void *h)
{
    return tp_event_reset(h);
}

static tp_status_t event_close(void *h)
{
    return tp_event_close(h);
}

static tp_status_t semaphore_release(void *h)
{
    uint32_t previous = 9;
    tp_status_t status = tp_semaphore_release(h, 1, &previous);
    check_eq(previous, 0);
    return status;
}

static tp_status_t semaphore_close(void *h)
{
    return tp_semaphore_close(h);
}

static tp_status_t mutex_release(void *h)
{
    return tp_mutex_release(h);
}

static tp_status_t mutex_close(void *h)
{
    return tp_mutex_close(h);
}

static tp_status_t wait_for(tp_waitable_t source)
{
    tp_wait_result_t result = 9;
    tp_status_t status = tp_waitable_wait(source, 0, &result);
    check_eq(result, 0);
    return status;
}

static tp_status_t waitable_event(void *h)
{
    return wait_for(tp_waitable_event(h));
}

static tp_status_t waitable_semaphore(void *h)
{
    return wait_for(tp_waitable_semaphore(h));
}

static tp_status_t waitable_mutex(void *h)
{
    return wait_for(tp_waitable_mutex(h));
}

/* What a program makes of a waitable it did not get from the library. */
static tp_waitable_t forged(void *h)
{
    tp_waitable_t source = tp_waitable_event(live.event);
    source.value = (uintptr_t)h;
    return source;
}

static tp_status_t waitable_forged(void *h)
{
    return wait_for(forged(h));
}

static tp_status_t wait_set_forged(void *h)
{
    return wait_set_on(forged(h));
}

struct row {
    const char *function; /* as the hook names it */
    enum tpi_kind kind;
    bool null_allowed;
    tp_status_t (*call)(void *handle);
};

static const struct row rows[] = {
    {"tp_pool_set_thread_minimum", TPI_KIND_POOL, false, pool_minimum},
    {"tp_pool_set_thread_maximum", TPI_KIND_POOL, false, pool_maximum},
    {"tp_pool_set_stack", TPI_KIND_POOL, false, pool_set_stack},
    {"tp_pool_get_stack", TPI_KIND_POOL, false, pool_get_stack},
    {"tp_pool_get_stats", TPI_KIND_POOL, false, pool_get_stats},
    {"tp_pool_dump", TPI_KIND_POOL, false, pool_dump},
    {"tp_pool_close", TPI_KIND_POOL, true, pool_close},
    {"tp_pool_shutdown", TPI_KIND_POOL, false, pool_shutdown},
    {"tp_pool_run", TPI_KIND_POOL, false, pool_run},
    {"tp_pool_poll_fd", TPI_KIND_POOL, false, pool_poll_fd},
    {"tp_env_destroy", TPI_KIND_ENV, true, env_destroy},
    {"tp_env_set_pool", TPI_KIND_ENV, false, env_pool_env},
    {"tp_env_set_pool", TPI_KIND_POOL, true, env_pool_pool},
    {"tp_env_set_priority", TPI_KIND_ENV, false, env_priority},
    {"tp_env_set_runs_long", TPI_KIND_ENV, false, env_runs_long},
    {"tp_env_set_persistent", TPI_KIND_ENV, false, env_persistent},
    {"tp_env_set_library", TPI_KIND_ENV, false, env_library},
    {"tp_env_set_cleanup_group", TPI_KIND_ENV, false, env_group_env},
    {"tp_env_set_cleanup_group", TPI_KIND_GROUP, true, env_group_group},
    {"tp_env_set_finalizer", TPI_KIND_ENV, false, env_finalizer},
    {"tp_env_set_context_release", TPI_KIND_ENV, false, env_release},
    {"tp_env_set_concurrency_limit", TPI_KIND_ENV, false, env_limit},
    {"tp_env_set_name", TPI_KIND_ENV, false, env_name},
    {"tp_try_submit", TPI_KIND_ENV, true, try_submit},
    {"tp_work_create", TPI_KIND_ENV, true, work_create},
    {"tp_work_submit", TPI_KIND_WORK, false, work_submit},
    {"tp_work_submit_many", TPI_KIND_WORK, false, work_submit_many},
    {"tp_work_wait", TPI_KIND_WORK, false, work_wait},
    {"tp_work_close", TPI_KIND_WORK, true, work_close},
    {"tp_timer_create", TPI_KIND_ENV, true, timer_from_env},
    {"tp_timer_set", TPI_KIND_TIMER, false, timer_set},
    {"tp_timer_set", TPI_KIND_TIMER, false, timer_stop},
    {"tp_timer_is_set", TPI_KIND_TIMER, false, timer_is_set},
    {"tp_timer_wait", TPI_KIND_TIMER, false, timer_wait},
    {"tp_timer_close", TPI_KIND_TIMER, true, timer_close},
    {"tp_wait_create", TPI_KIND_ENV, true, wait_from_env},
    {"tp_wait_set", TPI_KIND_WAIT, false, wait_set},
    {"tp_wait_set", TPI_KIND_WAIT, false, wait_disarm},
    {"tp_wait_set", TPI_KIND_EVENT, false, wait_set_event},
    {"tp_wait_set", TPI_KIND_SEMAPHORE, false, wait_set_semaphore},
    {"tp_wait_set", TPI_KIND_MUTEX, false, wait_set_mutex},
    {"tp_wait_set", TPI_KIND_NONE, false, wait_set_forged},
    {"tp_wait_wait", TPI_KIND_WAIT, false, wait_wait},
    {"tp_wait_close", TPI_KIND_WAIT, true, wait_close},
    {"tp_io_create", TPI_KIND_ENV, true, io_from_env},
    {"tp_io_start", TPI_KIND_IO, false, io_start},
    {"tp_io_cancel", TPI_KIND_IO, false, io_cancel},
    {"tp_io_complete", TPI_KIND_IO, false, io_complete},
    {"tp_io_submit", TPI_KIND_IO, false, io_submit},
    {"tp_io_submit_many", TPI_KIND_IO, false, io_submit_many},
    {"tp_io_submit_many", TPI_KIND_IO, false, io_submit_none},
    {"tp_io_abort", TPI_KIND_IO, false, io_abort},
    {"tp_io_wait", TPI_KIND_IO, false, io_wait},
    {"tp_io_close", TPI_KIND_IO, true, io_close},
    {"tp_cleanup_group_close_members", TPI_KIND_GROUP, false, group_members},
    {"tp_cleanup_group_close", TPI_KIND_GROUP, true, group_close},
    {"tp_callback_may_run_long", TPI_KIND_INSTANCE, false, instance_long},
    {"tp_callback_disassociate", TPI_KIND_INSTANCE, false, instance_disassociate},
    {"tp_callback_unlock_on_return", TPI_KIND_INSTANCE, false, instance_unlock},
    {"tp_callback_release_mutex_on_return", TPI_KIND_INSTANCE, false, instance_mutex},
    {"tp_callback_release_mutex_on_return", TPI_KIND_MUTEX, false, instance_mutex_mutex},
    {"tp_callback_release_semaphore_on_return", TPI_KIND_INSTANCE, false, instance_semaphore},
    {"tp_callback_release_semaphore_on_return", TPI_KIND_SEMAPHORE, false,
     instance_semaphore_semaphore},
    {"tp_callback_set_event_on_return", TPI_KIND_INSTANCE, false, instance_event},
    {"tp_callback_set_event_on_return", TPI_KIND_EVENT, false, instance_event_event},
    {"tp_callback_close_library_on_return", TPI_KIND_INSTANCE, false, instance_library},
    {"tp_callback_cancel_requested", TPI_KIND_INSTANCE, false, instance_cancel},
    {"tp_callback_wait_events", TPI_KIND_INSTANCE, false, instance_events},
    {"tp_event_set", TPI_KIND_EVENT, false, event_set},
    {"tp_event_reset", TPI_KIND_EVENT, false, event_reset},
    {"tp_event_close", TPI_KIND_EVENT, true, event_close},
    {"tp_semaphore_release", TPI_KIND_SEMAPHORE, false, semaphore_release},
    {"tp_semaphore_close", TPI_KIND_SEMAPHORE, true, semaphore_close},
    {"tp_mutex_release", TPI_KIND_MUTEX, false, mutex_release},
    {"tp_mutex_close", TPI_KIND_MUTEX, true, mutex_close},
    {"tp_waitable_wait", TPI_KIND_EVENT, false, waitable_event},
    {"tp_waitable_wait", TPI_KIND_SEMAPHORE, false, waitable_semaphore},
    {"tp_waitable_wait", TPI_KIND_MUTEX, false, waitable_mutex},
    {"tp_waitable_wait", TPI_KIND_NONE, false, waitable_forged},
};

#endif
