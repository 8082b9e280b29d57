/* instance.c - what a running callback may ask for. */
#include "core/object/instance.h"

#include "core/sched/park.h"

static struct tpi_instance *innermost(void)
{
    struct tpi_thread *thread = tpi_thread_self();
    return thread ? thread->instance : NULL;
}

struct tpi_instance *tpi_instance_find(const void *handle)
{
    struct tpi_instance *instance = innermost();
    while (instance && instance->handle != handle)
        instance = instance->outer;
    return instance;
}

bool tpi_instance_running(const struct tpi_object *object, uint32_t generation)
{
    for (struct tpi_instance *instance = innermost(); instance; instance = instance->outer)
        if (instance->object == object && instance->generation == generation &&
            !instance->disassociated)
            return true;
    return false;
}

bool tpi_instance_in_pool(const struct tpi_pool *pool)
{
    struct tpi_thread *thread = tpi_thread_self();
    if (!thread)
        return false;
    if (thread->worker && thread->worker->pool == pool)
        return true;
    for (struct tpi_errand *errand = thread->errand; errand; errand = errand->outer)
        if (errand->pool == pool)
            return true;
    for (struct tpi_instance *instance = innermost(); instance; instance = instance->outer)
        if (tpi_task_target(&instance->object->task).home == pool)
            return true;
    return false;
}

bool tpi_instance_in_group(const struct tpi_group *group)
{
    for (struct tpi_instance *instance = innermost(); instance; instance = instance->outer)
        if (tpi_object_group(instance->object) == group)
            return true;
    return false;
}

tp_status_t tpi_instance_may_run_long(struct tpi_instance *instance)
{
    struct tpi_pool *pool = tpi_task_target(&instance->object->task).home;
    if (!instance->long_running) {
        instance->long_running = true;
        tpi_worker_blocks(tpi_worker_self());
    }
    return tpi_park_spare(pool) ? TP_OK : TP_ERR_TOO_MANY_THREADS;
}

void tpi_instance_disassociate(struct tpi_instance *instance)
{
    bool already = instance->disassociated;
    instance->disassociated = true;
    if (already || tpi_task_kind(&instance->object->task) == TPI_KIND_BRIEF)
        return; /* nobody can wait for a brief one */
    struct tpi_target target = tpi_task_target(&instance->object->task);
    struct tpi_applied applied =
        tpi_inject_disassociate(tpi_pool_queue(&target), &instance->object->task);
    tpi_object_effects(instance->object, &target, &applied);
}

bool tpi_instance_cancel_requested(const struct tpi_instance *instance)
{
    struct tpi_pool *pool = tpi_task_target(&instance->object->task).home;
    /* relaxed, both: a wish that is seen sooner or later. */
    if (tpp_load_relaxed(&pool->shut) != TPI_SHUT_NOT)
        return true;
    return tpi_object_cancellable(instance->object) &&
           tpp_load_relaxed(&instance->object->task.cancels) != instance->cancels;
}
