/* timer.c - what a timer has beyond other objects: being armed, and not being armed any more. */
#include "core/object/timer.h"

#include "core/object/instance.h"
#include "core/object/trade.h"
#include "core/sched/reactor.h"

static struct tpi_timer *timer_of(struct tpi_object *object)
{
    return tpi_container(object, struct tpi_timer, object);
}

static void init(struct tpi_object *object, const struct tpi_spec *spec)
{
    struct tpi_timer *timer = timer_of(object);
    (void)spec;
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

/* Who sets it later finds it shut. */
static void shut(struct tpi_object *object, uint32_t generation)
{
    tpi_task_apply_handle(&object->task, generation, TPI_EVENT_SHUT, 0);
    struct tpi_reactor *reactor = tpi_reactor_enter(&object->task, generation);
    if (!reactor)
        return; /* closed: it was stopped then */
    tpi_timers_disarm(&reactor->timers, &timer_of(object)->arming);
    tpi_reactor_leave(reactor);
}

static void bar(struct tpi_object *object)
{
    struct tpi_arming *arming = &timer_of(object)->arming;
    struct tpi_reactor *reactor = tpi_reactor_enter_held(&object->task);
    if (!reactor)
        return;
    tpi_timers_disarm(&reactor->timers, arming);
    arming->node.tag |= TPI_ARMING_BARRED;
    tpi_reactor_leave(reactor);
}

static struct tpi_applied close(struct tpi_object *object, uint32_t generation)
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

/* It has been barred: nobody can arm it. */
static struct tpi_applied release(struct tpi_object *object)
{
    struct tpi_task *task = &object->task;
    struct tpi_reactor *reactor = tpi_reactor_enter_held(task);
    struct tpi_applied applied = tpi_task_apply(task, TPI_EVENT_RELEASE, 0);
    if (reactor)
        tpi_reactor_leave(reactor);
    return applied;
}

static void call(struct tpi_object *object, struct tpi_instance *instance)
{
    ((tp_timer_fn)object->task.function)(instance->handle, object->task.context, object->handle);
}

const struct tpi_trade tpi_timer_trade = {
    .name = "timer",
    .size = sizeof(struct tpi_timer),
    .reacts = true,
    .init = init,
    .call = call,
    .shut = shut,
    .close = close,
    .release = release,
    .bar = bar,
};
