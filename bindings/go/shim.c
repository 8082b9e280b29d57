/* shim.c - callbacks of tp for Go, into the queue or straight into Go; calls made in one step. */
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>

#include "_cgo_export.h"
#include "shim.h"

/* ---- batched: no Go here, an event each ------------------------------------------------------ */

static void simple_batched(tp_callback_instance_t *instance, void *context)
{
    (void)instance;
    tpgo_push(context, (tpgo_event_t){.kind = TPGO_RUN});
}

static void work_batched(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    simple_batched(instance, context);
}

static void timer_batched(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)timer;
    simple_batched(instance, context);
}

static void wait_batched(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                         tp_wait_result_t result)
{
    (void)wait;
    uint32_t states = 0;
    tp_callback_wait_events(instance, &states);
    tpgo_push(context, (tpgo_event_t){.kind = TPGO_RUN, .result = result, .bytes = states});
}

static void io_batched(tp_callback_instance_t *instance, void *context, void *operation,
                       int32_t error, uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    (void)io;
    tpgo_push(context, (tpgo_event_t){.kind = TPGO_RUN,
                                      .operation = (uintptr_t)operation,
                                      .error = error,
                                      .bytes = bytes});
}

/* Of every object, direct or not: an event, after all others of it. */
static void release(void *context)
{
    tpgo_push(context, (tpgo_event_t){.kind = TPGO_RELEASE});
}

/* ---- direct: Go runs on the pool's thread ---------------------------------------------------- */

static void direct(tp_callback_instance_t *instance, tpgo_object_t *object, tpgo_event_t event)
{
    event.handle = object->handle;
    tpgoDirect(instance, &event);
}

static void simple_direct(tp_callback_instance_t *instance, void *context)
{
    direct(instance, context, (tpgo_event_t){.kind = TPGO_RUN});
}

static void work_direct(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)work;
    simple_direct(instance, context);
}

static void timer_direct(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)timer;
    simple_direct(instance, context);
}

static void wait_direct(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                        tp_wait_result_t result)
{
    (void)wait;
    direct(instance, context, (tpgo_event_t){.kind = TPGO_RUN, .result = result});
}

static void io_direct(tp_callback_instance_t *instance, void *context, void *operation,
                      int32_t error, uint64_t bytes, tp_io_t *io)
{
    (void)io;
    direct(
        instance, context,
        (tpgo_event_t){
            .kind = TPGO_RUN, .operation = (uintptr_t)operation, .error = error, .bytes = bytes});
}

static void finalizer_direct(tp_callback_instance_t *instance, void *context)
{
    tpgoFinalizer(instance, ((tpgo_object_t *)context)->handle);
}

/* Runs on the thread that closes the members of the group, which is one of Go's. */
static void cancelled(void *object_context, void *cleanup_context)
{
    tpgoCancelled(((tpgo_object_t *)object_context)->handle, (uintptr_t)cleanup_context);
}

/* ---- objects --------------------------------------------------------------------------------- */

static tp_status_t set_all(tp_env_t *env, const tpgo_choices_t *choices)
{
    tp_status_t status = tp_env_set_pool(env, choices->pool);
    if (status == TP_OK)
        status = tp_env_set_priority(env, choices->priority);
    if (status == TP_OK && choices->runs_long)
        status = tp_env_set_runs_long(env, true);
    if (status == TP_OK && choices->persistent)
        status = tp_env_set_persistent(env, true);
    if (status == TP_OK && choices->library)
        status = tp_env_set_library(env, choices->library);
    if (status == TP_OK && choices->group)
        status = tp_env_set_cleanup_group(env, choices->group, choices->cancel ? cancelled : NULL);
    if (status == TP_OK && choices->finalizer)
        status = tp_env_set_finalizer(env, finalizer_direct);
    if (status == TP_OK && choices->limit > 0)
        status = tp_env_set_concurrency_limit(env, choices->limit);
    if (status == TP_OK && choices->name)
        status = tp_env_set_name(env, choices->name);
    if (status == TP_OK)
        status = tp_env_set_context_release(env, release);
    return status;
}

static tp_status_t make(uint32_t kind, const tp_env_t *env, bool run_direct, int fd,
                        tpgo_object_t *object, void **out)
{
    switch (kind) {
    case TPGO_SIMPLE:
        return tp_try_submit(run_direct ? simple_direct : simple_batched, object, env);
    case TPGO_WORK:
        return tp_work_create(run_direct ? work_direct : work_batched, object, env,
                              (tp_work_t **)out);
    case TPGO_TIMER:
        return tp_timer_create(run_direct ? timer_direct : timer_batched, object, env,
                               (tp_timer_t **)out);
    case TPGO_WAIT:
        return tp_wait_create(run_direct ? wait_direct : wait_batched, object, env,
                              (tp_wait_t **)out);
    default:
        return tp_io_create(fd, run_direct ? io_direct : io_batched, object, env, (tp_io_t **)out);
    }
}

/* The errno of what this thread was just refused. */
static tp_status_t told(tp_status_t status, int *errno_out)
{
    *errno_out = status == TP_ERR_SYSTEM ? tp_last_errno() : 0;
    return status;
}

/* One more reference to a library that is loaded. */
static void *hold(void *library)
{
    struct link_map *map;
    if (!library || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0)
        return NULL;
    return dlopen(map->l_name, RTLD_NOW | RTLD_NOLOAD);
}

tp_status_t tpgo_create(uint32_t kind, const tpgo_choices_t *choices, uintptr_t handle, int fd,
                        void **created_out, tpgo_object_t **object_out, int *errno_out)
{
    tp_env_t *env;
    tp_status_t status = told(tp_env_create(&env), errno_out);
    if (status != TP_OK)
        return status;
    tpgo_object_t *object = calloc(1, sizeof *object);
    status = object ? set_all(env, choices) : TP_ERR_NO_MEMORY;
    if (status != TP_OK)
        goto destroy_env;
    object->handle = handle;
    object->queue = choices->queue;
    *created_out = NULL;
    *object_out = object;
    status = told(make(kind, env, choices->direct, fd, object, created_out), errno_out);
    if (status == TP_OK && !choices->direct)
        object->library = hold(choices->library);

destroy_env:
    tp_env_destroy(env);
    if (status != TP_OK)
        free(object);
    return status;
}

/* ---- calls in one step ----------------------------------------------------------------------- */

static void thread_start(void *hooks)
{
    tpgoThreadHook((uintptr_t)hooks, true);
}

static void thread_stop(void *hooks)
{
    tpgoThreadHook((uintptr_t)hooks, false);
}

tp_status_t tpgo_pool_create(tp_pool_config_t *config, uintptr_t hooks, tp_pool_t **pool_out)
{
    if (hooks) {
        config->on_thread_start = thread_start;
        config->on_thread_stop = thread_stop;
        config->hook_context = (void *)hooks; /* NOLINT: a number for Go */
    }
    return tp_pool_create(config, pool_out);
}

tp_status_t tpgo_pool_dump(tp_pool_t *pool, int fd, int *errno_out)
{
    /* It tells an errno only on threads that libtp knows; by an error like this it gets to know. */
    tp_wait_result_t none;
    if (tp_waitable_wait(tp_waitable_fd(-1, 0), 0, &none) == TP_OK)
        return TP_ERR_STATE;
    return told(tp_pool_dump(pool, fd), errno_out);
}

tp_status_t tpgo_pool_poll_fd(tp_pool_t *pool, int *fd_out, int *errno_out)
{
    return told(tp_pool_poll_fd(pool, fd_out), errno_out);
}

tp_status_t tpgo_wait_set(tp_wait_t *wait, const tp_wait_spec_t *spec, bool *was_armed,
                          int *errno_out)
{
    return told(tp_wait_set(wait, spec, was_armed), errno_out);
}

tp_status_t tpgo_waitable_wait(tp_waitable_t source, int64_t timeout, tp_wait_result_t *result,
                               int *errno_out)
{
    return told(tp_waitable_wait(source, timeout, result), errno_out);
}

tp_status_t tpgo_io_submit(tp_io_t *io, const tpgo_operation_t *operations, uint32_t count,
                           uint32_t *submitted, int *errno_out)
{
    enum { FEW = 8 };
    tp_io_op_t few[FEW];
    *submitted = 0;
    *errno_out = 0;
    tp_io_op_t *ops = count > FEW ? malloc(count * sizeof *ops) : few;
    if (!ops)
        return TP_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        tp_io_op_init(&ops[i]);
        ops[i].opcode = operations[i].opcode;
        ops[i].flags = operations[i].flags;
        ops[i].operation = (void *)(uintptr_t)operations[i].key; /* NOLINT: a number for Go */
        ops[i].buffer = operations[i].buffer;
        ops[i].length = operations[i].length;
        ops[i].offset = operations[i].offset;
        ops[i].address = operations[i].address;
        ops[i].address_length = operations[i].address_length;
    }
    tp_status_t status;
    if (count == 1) {
        status = tp_io_submit(io, ops);
        *submitted = status == TP_OK;
    } else {
        status = tp_io_submit_many(io, ops, count, submitted);
    }
    told(status, errno_out);
    if (ops != few)
        free(ops);
    return status;
}

tp_status_t tpgo_io_complete(tp_io_t *io, uint64_t key, int32_t error, uint64_t bytes)
{
    return tp_io_complete(io, (void *)(uintptr_t)key, error, bytes); /* NOLINT: a number for Go */
}

tp_status_t tpgo_io_abort(tp_io_t *io, uint64_t key)
{
    return tp_io_abort(io, (void *)(uintptr_t)key); /* NOLINT: a number for Go */
}

tp_status_t tpgo_group_close_members(tp_cleanup_group_t *group, bool cancel, uintptr_t list)
{
    return tp_cleanup_group_close_members(group, cancel, (void *)list); /* NOLINT */
}

static void misuse(void *context, const char *function, tp_status_t status, const char *message)
{
    (void)context;
    tpgoMisuse((char *)function, status, (char *)message);
}

tp_status_t tpgo_set_misuse_hook(bool set)
{
    return tp_set_misuse_hook(set ? misuse : NULL, NULL);
}

tp_status_t tpgo_set_allocator(void *alloc, void *free_memory, void *context)
{
    tp_allocator_t allocator;
    tp_allocator_init(&allocator);
    *(void **)&allocator.alloc = alloc;
    *(void **)&allocator.free = free_memory;
    allocator.context = context;
    return tp_set_allocator(&allocator);
}
