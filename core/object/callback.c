/* callback.c - runs one claimed post: the user's function, what it left to do, and the finish.
 *
 *   callback, finalizer, then the completion actions: pthread mutex, mutex, semaphore, event
 *   FINISH: whoever waits for the object goes on
 *   the library that the callback asked to close, because its destructors may wait for the object
 *
 * After FINISH the object belongs to others, unless the event says that we are the last. */
#include "core/object/handle.h"
#include "core/object/instance.h"
#include "core/object/misuse.h"
#include "core/wait/waitable.h"

/* The function that registered the action, for the misuse hook. */
static void action_failed(const char *function, tp_status_t status)
{
    tpi_misuse(function, status, "the action could not be carried out when the callback returned");
}

static struct tpi_waitable *waitable(enum tpi_kind kind, const void *handle, uint32_t *generation)
{
    return tpi_handle_slot(kind, handle, generation);
}

/* Each action is tried whatever became of the others. */
static void release_what_was_asked(struct tpi_instance *instance)
{
    uint32_t generation = 0, previous;
    struct tpi_waitable *object;
    tp_status_t status;
    if (instance->unlock && tpp_user_mutex_unlock(instance->unlock) != 0)
        action_failed("tp_callback_unlock_on_return", TP_ERR_NOT_OWNER);
    if (instance->mutex) {
        object = waitable(TPI_KIND_MUTEX, instance->mutex, &generation);
        status = object ? tpi_mutex_release(object, generation) : TP_ERR_HANDLE;
        if (status != TP_OK)
            action_failed("tp_callback_release_mutex_on_return", status);
    }
    if (instance->semaphore) {
        object = waitable(TPI_KIND_SEMAPHORE, instance->semaphore, &generation);
        status =
            object ? tpi_semaphore_release(object, generation, instance->semaphore_count, &previous)
                   : TP_ERR_HANDLE;
        if (status != TP_OK)
            action_failed("tp_callback_release_semaphore_on_return", status);
    }
    if (instance->event) {
        object = waitable(TPI_KIND_EVENT, instance->event, &generation);
        status = object ? tpi_event_set(object, generation) : TP_ERR_HANDLE;
        if (status != TP_OK)
            action_failed("tp_callback_set_event_on_return", status);
    }
}

static void begin(struct tpi_instance *instance, struct tpi_object *object,
                  struct tpi_thread *thread)
{
    uint32_t count = (uint32_t)thread->instances++;
    *instance = (struct tpi_instance){
        .outer = thread->instance,
        .object = object,
        .generation = tpp_peek(&object->task.slot.generation), /* it lives: we are running it */
        .cancels = thread->worker->cancels,
        .handle = (void *)tpi_token_make(TPI_KIND_INSTANCE, count, thread->index),
    };
    thread->instance = instance;
}

static void call(struct tpi_object *object, struct tpi_instance *instance)
{
    struct tpi_task *task = &object->task;
    tpp_probe(TPP_PROBE_USER_ENTER, task, 0);
    if (tpi_object_simple(object))
        ((tp_simple_fn)task->function)(instance->handle, task->context);
    else
        ((tp_work_fn)task->function)(instance->handle, task->context,
                                     tpi_handle_make(TPI_KIND_WORK, &task->slot));
    struct tpi_extra *extra = tpi_object_extra(object);
    if (extra && extra->finalizer)
        extra->finalizer(instance->handle, task->context);
    tpp_probe(TPP_PROBE_USER_LEAVE, task, 0);
}

/* Whatever the callback said about blocking ends with it. */
static void end_blocking(struct tpi_instance *instance, struct tpi_pool *pool)
{
    if (instance->blocking > 0) {
        tpi_blocking_leave();
        tpi_misuse("tp_blocking_begin", TP_ERR_STATE,
                   "a callback returned without tp_blocking_end");
    }
    if (instance->long_running)
        tpp_sub_relaxed(&pool->blocked, 1); /* relaxed: read again by every decision */
}

static void finish(struct tpi_object *object, bool disassociated)
{
    if (tpi_task_kind(&object->task) == TPI_KIND_BRIEF) {
        tpi_task_finish_alone(&object->task);
        tpp_probe(TPP_PROBE_FINISH, &object->task, 0);
        tpi_object_free(object);
        return;
    }
    struct tpi_target target = tpi_task_target(&object->task);
    struct tpi_pool *pool = target.home;
    struct tpi_applied applied =
        disassociated ? tpi_inject_rejoin(&pool->inject[target.priority], &object->task)
                      : tpi_task_apply(&object->task, TPI_EVENT_FINISH, 0);
    tpp_probe(TPP_PROBE_FINISH, &object->task, 0);
    tpi_object_effects(object, &target, &applied);
}

void tpi_callback_run(struct tpi_task *task, struct tpi_worker *worker)
{
    struct tpi_object *object = tpi_container(task, struct tpi_object, task);
    struct tpi_thread *thread = worker->thread;
    struct tpi_instance instance;
    begin(&instance, object, thread);
    if (tpi_task_has(task, TPI_TRAIT_COUNTED))
        tpp_sub_relaxed(&worker->pool->simples, 1); /* relaxed: a count that orders nothing */
    if (tpi_task_has(task, TPI_TRAIT_RUNS_LONG))
        (void)tpi_instance_may_run_long(&instance);
    call(object, &instance);
    end_blocking(&instance, worker->pool);
    release_what_was_asked(&instance);
    thread->instance = instance.outer;
    tpi_count(&worker->executed, 1);
    finish(object, instance.disassociated);
    if (instance.library && tpp_library_close(instance.library) != 0)
        action_failed("tp_callback_close_library_on_return", TP_ERR_ARGUMENT);
}
