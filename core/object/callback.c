/* callback.c - runs one claimed post: the user's function, what it left to do, and the finish.
 *
 *   callback, finalizer, then the completion actions: pthread mutex, mutex, semaphore, event
 *   FINISH: whoever waits for the object goes on
 *   the library that the callback asked to close, because its destructors may wait for the object
 *
 * After FINISH the object belongs to others, unless the event says that we are the last. */
#include <stdio.h>
#include <string.h>

#include "core/object/handle.h"
#include "core/object/instance.h"
#include "core/object/misuse.h"
#include "core/object/io.h"
#include "core/object/trade.h"
#include "core/object/unload.h"
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
    struct tpi_posts posts;
    tp_status_t status;
    posts.count = 0;
    if (instance->unlock && tpp_user_mutex_unlock(instance->unlock) != 0)
        action_failed("tp_callback_unlock_on_return", TP_ERR_NOT_OWNER);
    if (instance->mutex) {
        object = waitable(TPI_KIND_MUTEX, instance->mutex, &generation);
        status = object ? tpi_mutex_release(object, generation, &posts) : TP_ERR_HANDLE;
        if (status != TP_OK)
            action_failed("tp_callback_release_mutex_on_return", status);
    }
    if (instance->semaphore) {
        object = waitable(TPI_KIND_SEMAPHORE, instance->semaphore, &generation);
        status = object ? tpi_semaphore_release(object, generation, instance->semaphore_count,
                                                &previous, &posts)
                        : TP_ERR_HANDLE;
        if (status != TP_OK)
            action_failed("tp_callback_release_semaphore_on_return", status);
    }
    if (instance->event) {
        object = waitable(TPI_KIND_EVENT, instance->event, &generation);
        status = object ? tpi_event_set(object, generation, &posts) : TP_ERR_HANDLE;
        if (status != TP_OK)
            action_failed("tp_callback_set_event_on_return", status);
    }
    if (instance->told.mutex) /* it came with the wait, and nobody has released it */
        tpi_mutex_abandon(instance->told.mutex, instance->told.mutex_generation, &posts);
    tpi_posts_publish(&posts);
}

/* Tells a dump what runs here; NULL: nothing. */
static void show(struct tpi_runs *runs, struct tpi_object *object)
{
    static const char nameless[TPI_NAME_SIZE];
    struct tpi_extra *extra = object ? tpi_object_extra(object) : NULL;
    const char *name = extra ? extra->name : nameless;
    bool brief = object && tpi_object_simple(object);
    uint64_t word;
    /* relaxed, all: a dump that comes in between tells half of this and half of that. */
    if (name[0] || tpp_peek(&runs->name[0]))
        for (uint32_t i = 0; i < TPI_NAME_SIZE / sizeof word; i++) {
            memcpy(&word, name + i * sizeof word, sizeof word);
            tpp_store_relaxed(&runs->name[i], word);
        }
    tpp_store_relaxed(&runs->handle, object && !brief ? object->handle : NULL);
    tpp_store_relaxed(&runs->function, object ? (void *)(uintptr_t)object->task.function : NULL);
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
    show(&thread->worker->runs, object);
    if (tpi_object_trade(object)->tell)
        tpi_object_trade(object)->tell(object, instance);
}

/* One run, for the guard around the code of the application. */
struct run {
    struct tpi_object *object;
    struct tpi_instance *instance;
    struct tpi_worker *worker;
    struct tpi_thread *thread;
    uint32_t forks;
};

static void call(void *argument)
{
    const struct run *run = argument;
    struct tpi_object *object = run->object;
    struct tpi_task *task = &object->task;
    void *handle = run->instance->handle;
    tpp_probe(TPP_PROBE_USER_ENTER, task, 0);
    if (tpi_object_simple(object))
        ((tp_simple_fn)task->function)(handle, task->context);
    else if (tpi_object_trade(object)->call)
        tpi_object_trade(object)->call(object, run->instance);
    else
        ((tp_work_fn)task->function)(handle, task->context, object->handle);
    struct tpi_extra *extra = tpi_object_extra(object);
    if (extra && extra->finalizer)
        extra->finalizer(handle, task->context);
    tpp_probe(TPP_PROBE_USER_LEAVE, task, 0);
}

/* For the message with which the process ends when an exception leaves the callback. */
static void describe(void *argument, char *text, size_t size)
{
    const struct run *run = argument;
    struct tpi_extra *extra = tpi_object_extra(run->object);
    snprintf(text, size, "%s \"%s\"", tpi_object_trade(run->object)->name,
             extra && extra->name[0] ? extra->name : "unnamed");
}

/* Whatever the callback said about blocking ends with it. */
static void end_blocking(struct tpi_instance *instance, struct tpi_worker *worker)
{
    if (instance->blocking > 0) {
        tpi_worker_unblocks(worker);
        tpi_misuse("tp_blocking_begin", TP_ERR_STATE,
                   "a callback returned without tp_blocking_end");
    }
    if (instance->long_running)
        tpi_worker_unblocks(worker);
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
    struct tpi_applied applied = disassociated
                                     ? tpi_inject_rejoin(tpi_pool_queue(&target), &object->task)
                                     : tpi_task_apply(&object->task, TPI_EVENT_FINISH, 0);
    tpp_probe(TPP_PROBE_FINISH, &object->task, 0);
    tpi_object_effects(object, &target, &applied);
}

/* The callback is over, one way or another. */
static void complete(const struct run *run)
{
    struct tpi_instance *instance = run->instance;
    end_blocking(instance, run->worker);
    release_what_was_asked(instance);
    run->thread->instance = instance->outer;
    show(&run->worker->runs, instance->outer ? instance->outer->object : NULL);
    tpi_count(&run->worker->executed, 1);
    finish(run->object, instance->disassociated);
    if (instance->library && !tpi_forked(run->forks))
        tpi_unload(instance->library, "tp_callback_close_library_on_return");
}

/* The callback ended its thread. */
static void ended(void *argument)
{
    const struct run *run = argument;
    if (tpi_forked(run->forks))
        return;
    tpp_probe(TPP_PROBE_USER_LEAVE, &run->object->task, 0);
    tpi_misuse("pthread_exit", TP_ERR_STATE, "a callback ended the thread it was running on");
    complete(run);
}

static const struct tpp_guard guard = {call, ended, describe};

/* The pool was shut down, and what is queued is to be dropped: a simple callback, which nobody can
 * cancel by name, is dropped here, having been claimed. */
static bool dropped(struct tpi_object *object, struct tpi_worker *worker)
{
    struct tpi_pool *pool = worker->pool;
    /* relaxed: who drops waits until all that is queued has come this way. */
    if (tpp_load_relaxed(&pool->shut) != TPI_SHUT_DROP || !tpi_object_simple(object))
        return false;
    uint32_t priority = tpi_task_target(&object->task).priority;
    tpp_probe(TPP_PROBE_DROP, &object->task, 1);
    tpi_count(&worker->claimed[priority], -UINT64_C(1));
    tpp_add_acq_rel(&pool->cancelled[priority], 1); /* [CT1] */
    finish(object, false);
    return true;
}

void tpi_callback_run(struct tpi_task *task, struct tpi_worker *worker)
{
    struct tpi_object *object = tpi_container(task, struct tpi_object, task);
    struct tpi_thread *thread = worker->thread;
    struct tpi_instance instance;
    struct run run = {object, &instance, worker, thread, tpi_forks()};
    if (tpi_task_kind(task) == TPI_KIND_OPERATION) {
        tpi_io_run(tpi_container(task, struct tpi_operation, task), worker);
        return;
    }
    if (tpi_task_has(task, TPI_TRAIT_COUNTED))
        tpp_sub_relaxed(&worker->pool->simples, 1); /* relaxed: a count that orders nothing */
    if (dropped(object, worker))
        return;
    begin(&instance, object, thread);
    if (tpi_task_has(task, TPI_TRAIT_RUNS_LONG))
        (void)tpi_instance_may_run_long(&instance);
    tpp_guarded(&guard, &run);
    if (!tpi_forked(run.forks)) /* else the object is the parent's, and left alone */
        complete(&run);
}
