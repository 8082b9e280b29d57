/* timer.c - what a timer has beyond other objects: being armed, and not being armed any more. */
#include "core/object/timer.h"

#include "core/sched/reactor.h"

static struct tpi_timer *timer_of(struct tpi_object *object)
{
    return tpi_container(object, struct tpi_timer, object);
}

void tpi_timer_init(struct tpi_timer *timer)
{
    timer->arming.node.next = NULL;
    timer->arming.node.tag = 0;
    timer->arming.period = 0;
    timer->arming.task = &timer->object.task;
}

tp_status_t tpi_timer_set(struct tpi_timer *timer, uint32_t generation, const tp_timer_spec_t *spec,
                          bool *was_armed_out)
{
    return tpi_reactor_set(&timer->object.task, &timer->arming, generation, spec, was_armed_out);
}

tp_status_t tpi_timer_is_set(struct tpi_timer *timer, uint32_t generation, bool *is_set_out)
{
    struct tpi_task *task = &timer->object.task;
    struct tpi_reactor *reactor = tpi_reactor_enter(task, generation);
    if (!reactor)
        return TP_ERR_HANDLE;
    *is_set_out = timer->arming.node.tag & TPI_ARMING_SET;
    tpi_reactor_leave(reactor);
    return TP_OK;
}

void tpi_timer_stop(struct tpi_object *object, uint32_t generation)
{
    struct tpi_reactor *reactor = tpi_reactor_enter(&object->task, generation);
    if (!reactor)
        return; /* closed: it was stopped then */
    tpi_timers_disarm(&reactor->timers, &timer_of(object)->arming);
    tpi_reactor_leave(reactor);
}

void tpi_timer_bar(struct tpi_object *object)
{
    struct tpi_arming *arming = &timer_of(object)->arming;
    struct tpi_reactor *reactor = tpi_reactor_enter_held(&object->task);
    if (!reactor)
        return;
    tpi_timers_disarm(&reactor->timers, arming);
    arming->node.tag |= TPI_ARMING_BARRED;
    tpi_reactor_leave(reactor);
}

struct tpi_applied tpi_timer_close(struct tpi_object *object, uint32_t generation)
{
    struct tpi_task *task = &object->task;
    struct tpi_reactor *reactor = tpi_reactor_enter(task, generation);
    if (!reactor)
        return (struct tpi_applied){.effects = TPI_EFFECT_REFUSED};
    tpi_timers_disarm(&reactor->timers, &timer_of(object)->arming);
    struct tpi_applied applied = tpi_task_apply(task, TPI_EVENT_CLOSE, 0);
    tpi_reactor_leave(reactor); /* from here on it may be freed */
    return applied;
}

struct tpi_applied tpi_timer_release(struct tpi_object *object)
{
    struct tpi_task *task = &object->task;
    struct tpi_reactor *reactor = tpi_reactor_enter_held(task);
    struct tpi_applied applied = tpi_task_apply(task, TPI_EVENT_RELEASE, 0);
    if (reactor)
        tpi_reactor_leave(reactor);
    return applied;
}
