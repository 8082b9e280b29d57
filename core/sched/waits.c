/* waits.c - arming, firing and ending the vigils of waits.h. */
#include "core/sched/waits.h"

#include <errno.h>

#include "core/base/assert.h"
#include "core/sched/operations.h"
#include "core/sched/worker.h"
#include "core/wait/slots.h"

static struct tpi_task *task_of(struct tpi_vigil *vigil)
{
    return vigil->timeout.task;
}

static uint32_t number_of(struct tpi_vigil *vigil)
{
    return tpi_slot_index(&task_of(vigil)->slot);
}

static bool fire(struct tpi_waiter *waiter, tp_status_t status, tp_wait_result_t result,
                 struct tpi_posts *posts);

void tpi_vigil_init(struct tpi_vigil *vigil, struct tpi_task *task)
{
    tpi_lock_take(&vigil->lock); /* a stale handle may be looking */
    vigil->timeout.node.next = NULL;
    vigil->timeout.node.tag = TPI_ARMING_WAIT;
    vigil->timeout.period = 0;
    vigil->timeout.task = task;
    vigil->stand = TPI_STAND_NOWHERE;
    vigil->armed = false;
    vigil->mutex = TPI_MUTEX_NONE;
    for (uint32_t code = 0; code < TPI_RESULTS; code++)
        vigil->results[code] = 0;
    vigil->events = 0;
    tpi_lock_drop(&vigil->lock);
}

/* ---- posts ----------------------------------------------------------------------------------- */

void tpi_posts_flush(struct tpi_posts *posts)
{
    uint32_t run;
    for (uint32_t i = 0; i < posts->count; i += run) {
        struct tpi_ready *first = &posts->ready[i];
        for (run = 1; i + run < posts->count && first[run].target.home == first->target.home;)
            run++;
        tpi_pool_publish_many(first->target.home, first, run, tpi_worker_self());
    }
    posts->count = 0;
}

static void add_post(struct tpi_posts *posts, const struct tpi_ready *ready)
{
    if (posts->count == TPI_POSTS) /* more than are left for later: locks are held, but these */
        tpi_posts_flush(posts);
    posts->ready[posts->count++] = *ready;
}

/* ---- under the reactor's lock ---------------------------------------------------------------- */

static void disarm(struct tpi_reactor *reactor, struct tpi_vigil *vigil)
{
    if (!vigil->armed)
        return;
    vigil->armed = false;
    reactor->waits_armed--;
    if (tpi_timers_disarm(&reactor->timers, &vigil->timeout))
        reactor->timeouts--;
    if (vigil->stand == TPI_STAND_SOURCE)
        vigil->listener.armed = 0;
}

/* It was disarmed, and what was to be posted for that has been: [WS1], who closes its group and
 * finds it so finds the post as well. */
static void settle_slot(struct tpi_vigil *vigil)
{
    if (!vigil->armed && tpi_task_has(task_of(vigil), TPI_TRAIT_GROUPED))
        tpi_slots_disarm(number_of(vigil));
}

/* Disarms it, and nothing is posted for that. */
static void call_off(struct tpi_reactor *reactor, struct tpi_vigil *vigil)
{
    disarm(reactor, vigil);
    settle_slot(vigil);
}

/* One post, whose callback will be told so; one that brings a mutex is told by what it brings. The
 * effects tell of a refusal. */
static uint32_t post(struct tpi_vigil *vigil, enum tpi_result result, uint8_t mutex,
                     struct tpi_posts *posts)
{
    struct tpi_ready ready;
    uint32_t effects = tpi_reactor_post(task_of(vigil), tpi_worker_self(), &ready);
    if (effects & TPI_EFFECT_REFUSED)
        return effects;
    if (mutex != TPI_MUTEX_NONE)
        vigil->mutex = mutex;
    else
        vigil->results[result]++;
    if (effects & TPI_EFFECT_ENQUEUE)
        add_post(posts, &ready);
    return effects;
}

/* What it is armed for has come: it is armed no more, and posts. False if that was refused. */
static bool deliver(struct tpi_reactor *reactor, struct tpi_vigil *vigil, enum tpi_result result,
                    uint8_t mutex, uint32_t events, struct tpi_posts *posts)
{
    disarm(reactor, vigil);
    vigil->events = events;
    uint32_t effects = post(vigil, result, mutex, posts);
    settle_slot(vigil);
    return !(effects & TPI_EFFECT_REFUSED);
}

/* What a unit of the waitable is to the vigil, which remembers a mutex. */
static uint8_t mutex_from(struct tpi_vigil *vigil, struct tpi_waitable *waitable,
                          tp_wait_result_t result)
{
    if (waitable->kind != TPI_KIND_MUTEX)
        return TPI_MUTEX_NONE;
    vigil->mutex_index = tpi_slot_index(&waitable->slot);
    vigil->mutex_generation = tpp_peek(&waitable->slot.generation); /* its lock is held */
    return result == TP_WAIT_ABANDONED ? TPI_MUTEX_ABANDONED : TPI_MUTEX_SIGNALED;
}

/* ---- signals --------------------------------------------------------------------------------- */

/* The waitable's lock is held; so the wait is not freed, and its pool stays. */
static bool fire(struct tpi_waiter *waiter, tp_status_t status, tp_wait_result_t result,
                 struct tpi_posts *posts)
{
    struct tpi_vigil *vigil = tpi_container(waiter, struct tpi_vigil, waiter);
    if (status != TP_OK)
        return false; /* its object was closed */
    struct tpi_pool *pool = tpi_task_target(task_of(vigil)).home;
    struct tpi_reactor *reactor = &pool->reactor;
    tpi_lock_take(&reactor->lock);
    bool taken = vigil->armed && deliver(reactor, vigil, TPI_RESULT_SIGNALED,
                                         mutex_from(vigil, vigil->waitable, result), 0, posts);
    tpi_lock_drop(&reactor->lock);
    return taken;
}

uint32_t tpi_vigil_expire(struct tpi_vigil *vigil, struct tpi_worker *worker,
                          struct tpi_ready *ready_out)
{
    struct tpi_pool *pool = tpi_task_target(task_of(vigil)).home;
    pool->reactor.timeouts--; /* the timer itself is out of its wheel already */
    disarm(&pool->reactor, vigil);
    vigil->events = 0;
    uint32_t effects = tpi_reactor_post(task_of(vigil), worker, ready_out);
    vigil->results[TPI_RESULT_TIMEOUT] += !(effects & TPI_EFFECT_REFUSED);
    settle_slot(vigil);
    return effects;
}

/* What a look has found of one source. */
struct sight {
    struct tpi_source *source;
    uint32_t look;
    uint32_t events;
};

/* Of a file, a wait that was armed after the look had begun is told only what is still so. [SO2] */
static uint32_t still_so(const struct sight *sight, const struct tpi_listener *listener)
{
    uint32_t found = 0, events = sight->events & listener->armed;
    if (sight->source->kind != TPI_SOURCE_FILE || !tpi_listener_later(listener, sight->look))
        return events;
    (void)tpp_file_wait(sight->source->own, listener->armed & ~TPI_ALWAYS, 0, &found);
    return found;
}

/* One listener of a source. False if there is nothing for it, nor for those after it. */
static bool tell(struct tpi_reactor *reactor, const struct sight *sight, struct tpi_vigil *vigil,
                 struct tpi_posts *posts)
{
    struct tpi_source *source = sight->source;
    uint32_t found = still_so(sight, &vigil->listener);
    if (found == 0)
        return true; /* it stays armed, and will be told in time */
    if (source->kind == TPI_SOURCE_SIGNAL && !tpp_signal_take(source->own))
        return false;
    (void)deliver(reactor, vigil, TPI_RESULT_SIGNALED, TPI_MUTEX_NONE,
                  source->kind == TPI_SOURCE_FILE ? found : 0, posts);
    return true;
}

/* The registration of the source is broken: somebody closed a descriptor that is not his. */
static void fail(struct tpi_reactor *reactor, struct tpi_source *source, struct tpi_posts *posts)
{
    for (struct tpi_link *link = source->listeners.next; link != &source->listeners;
         link = link->next) {
        struct tpi_vigil *vigil = tpi_container(link, struct tpi_vigil, listener.link);
        if (vigil->armed)
            (void)deliver(reactor, vigil, TPI_RESULT_FAILED, TPI_MUTEX_NONE, 0, posts);
    }
}

static void dispatch(struct tpi_reactor *reactor, const struct tpi_look *look,
                     const struct tpp_poller_event *event, struct tpi_posts *posts)
{
    struct tpi_source *source = tpi_sources_of(event);
    struct sight sight = {source, look->begun, event->events};
    bool heard = false;
    if (!source)
        return; /* its last listener has gone meanwhile */
    for (struct tpi_link *link = source->listeners.next; link != &source->listeners;
         link = link->next) {
        struct tpi_vigil *vigil = tpi_container(link, struct tpi_vigil, listener.link);
        if (!(vigil->listener.armed & event->events))
            continue;
        if (!tell(reactor, &sight, vigil, posts))
            break;
        heard = true;
    }
    if (tpi_source_told(&reactor->sources, source, event->events, heard, look->slept) != 0)
        fail(reactor, source, posts);
}

void tpi_waits_harvest(struct tpi_pool *pool, const struct tpi_look *look)
{
    struct tpi_posts posts;
    posts.count = 0;
    tpi_lock_take(&pool->reactor.lock);
    for (uint32_t i = 0; i < look->count; i++)
        if (!tpi_operations_key(look->events[i].key)) /* else it is an address, and no number */
            dispatch(&pool->reactor, look, &look->events[i], &posts);
    tpi_lock_drop(&pool->reactor.lock);
    tpi_posts_publish(&posts);
}

/* ---- setting --------------------------------------------------------------------------------- */

/* One call of tpi_vigil_set. */
struct setting {
    struct tpi_vigil *vigil;
    const struct tpi_wanted *wanted;
    uint32_t generation;
    struct tpi_due due;
    struct tpi_instant now;
    bool past; /* the time has run out already */
    bool was_armed;
    /* what is left to do once no lock is held */
    bool hurry;              /* somebody has to wake up earlier, or to poll */
    struct tpi_source *made; /* and not used: nobody's */
    int own; /* of a source to which nobody listens any more, or TPI_NO_DESCRIPTOR */
    struct tpi_posts posts;
    int error;
};

static void begin(struct setting *setting, struct tpi_vigil *vigil)
{
    setting->vigil = vigil;
    setting->was_armed = setting->hurry = false;
    setting->made = NULL;
    setting->own = TPI_NO_DESCRIPTOR;
    setting->posts.count = 0;
    setting->error = 0;
}

/* The waitable in whose list the vigil stands, or stood, or NULL. */
static struct tpi_waitable *waitable_of(struct tpi_vigil *vigil)
{
    return vigil->stand == TPI_STAND_WAITABLE ? vigil->waitable : NULL;
}

/* Leaves where it stands, whose locks are held, unless that is this source. */
static void stand_down(struct setting *setting, struct tpi_reactor *reactor,
                       struct tpi_source *but_not)
{
    struct tpi_vigil *vigil = setting->vigil;
    if (vigil->stand == TPI_STAND_WAITABLE)
        tpi_waiter_leave(&vigil->waiter);
    if (vigil->stand == TPI_STAND_SOURCE) {
        if (vigil->listener.source == but_not)
            return;
        setting->own = tpi_listener_leave(&reactor->sources, &vigil->listener);
        tpi_reactor_listens(reactor);
    }
    vigil->stand = TPI_STAND_NOWHERE;
}

static void stand_at(struct tpi_vigil *vigil, struct tpi_waitable *waitable)
{
    tpi_list_init(&vigil->waiter.link);
    vigil->waiter.fire = fire;
    vigil->waitable = waitable;
    vigil->stand = TPI_STAND_WAITABLE;
    tpi_waitable_join(waitable, &vigil->waiter);
}

/* Last among the listeners, who are told in the order in which they were armed. */
static void listen_to(struct tpi_vigil *vigil, struct tpi_sources *sources,
                      struct tpi_source *source, uint32_t events)
{
    uint32_t number = tpp_peek(&sources->armings) + 1;
    if (vigil->stand == TPI_STAND_SOURCE)
        tpi_list_remove(&vigil->listener.link);
    vigil->stand = TPI_STAND_SOURCE;
    tpi_listener_join(&vigil->listener, source);
    vigil->listener.armed = events | TPI_ALWAYS;
    vigil->listener.number = number;
    tpp_store_release(&sources->armings, number); /* [SO2] */
}

static bool barred(struct tpi_vigil *vigil)
{
    return tpi_task_has(task_of(vigil), TPI_TRAIT_GROUPED) && tpi_slots_barred(number_of(vigil));
}

/* False if its group has begun to close its members meanwhile. */
static bool arm(struct setting *setting, struct tpi_reactor *reactor)
{
    struct tpi_vigil *vigil = setting->vigil;
    vigil->armed = true;
    reactor->waits_armed++;
    if (setting->wanted->timeout != TP_INFINITE) {
        tpi_timers_arm(&reactor->timers, &vigil->timeout, &setting->due, &setting->now);
        reactor->timeouts++;
        setting->hurry |= tpi_reactor_sooner(reactor, &vigil->timeout, &setting->now);
    }
    if (!tpi_task_has(task_of(vigil), TPI_TRAIT_GROUPED))
        return true;
    tpi_slots_arm(number_of(vigil));
    tpp_fence_seq_cst(); /* [WS1] */
    if (!tpi_slots_barred(number_of(vigil)))
        return true;
    call_off(reactor, vigil);
    return false;
}

/* Posts at once. */
static tp_status_t post_now(struct setting *setting, struct tpi_reactor *reactor,
                            struct tpi_waitable *unit_of, struct tpi_source *source)
{
    struct tpi_vigil *vigil = setting->vigil;
    uint8_t mutex = TPI_MUTEX_NONE;
    if (unit_of)
        mutex = mutex_from(vigil, unit_of, tpi_waitable_result(unit_of));
    uint32_t effects =
        post(vigil, unit_of ? TPI_RESULT_SIGNALED : TPI_RESULT_TIMEOUT, mutex, &setting->posts);
    if (effects & TPI_EFFECT_REFUSED)
        return effects & TPI_EFFECT_LIMIT ? TP_ERR_LIMIT : TP_ERR_CLOSED;
    vigil->events = 0;
    call_off(reactor, vigil);
    stand_down(setting, reactor, source);
    if (unit_of)
        tpi_waitable_consume(unit_of, &vigil->waiter);
    return TP_OK;
}

/* Polls the source for what is wanted; it may be the new one. */
static tp_status_t poll_source(struct setting *setting, struct tpi_reactor *reactor,
                               struct tpi_source *source)
{
    uint32_t events = setting->wanted->events;
    bool fresh = source == setting->made;
    setting->error = fresh ? tpi_sources_add(&reactor->sources, source, events)
                           : tpi_source_want(&reactor->sources, source, events | TPI_ALWAYS);
    if (setting->error)
        return setting->error == ENOMEM ? TP_ERR_NO_MEMORY : TP_ERR_SYSTEM;
    if (fresh) {
        setting->made = NULL;
        setting->hurry |= tpi_reactor_listens(reactor);
    }
    return TP_OK;
}

/* Until when. */
static void judge(struct setting *setting)
{
    const struct tpi_wanted *wanted = setting->wanted;
    setting->due = (struct tpi_due){.period = 0};
    setting->past = false;
    if (wanted->what == TPI_WANT_NOTHING || wanted->timeout == TP_INFINITE)
        return;
    setting->now.at[TPP_CLOCK_MONOTONIC] = tpp_now(TPP_CLOCK_MONOTONIC);
    setting->past = wanted->timeout == 0 ||
                    tpi_reactor_judge(wanted->clock, wanted->timeout, &setting->due, &setting->now);
}

/* All locks held: those of the waitables, if any, and the reactor's. */
static tp_status_t set(struct setting *setting, struct tpi_reactor *reactor,
                       struct tpi_waitable *waitable, struct tpi_source *source)
{
    struct tpi_vigil *vigil = setting->vigil;
    setting->was_armed = vigil->armed;
    if (setting->wanted->what == TPI_WANT_NOTHING) {
        call_off(reactor, vigil);
        stand_down(setting, reactor, NULL);
        return TP_OK;
    }
    /* [ST1] A pool that is being shut down stops its waits under this lock, once the word says so:
     * relaxed would do. */
    if (barred(vigil) || tpp_load_acquire(&task_of(vigil)->word) & TPI_STATE_SHUT)
        return TP_ERR_CLOSED;
    if (waitable && waitable->kind == TPI_KIND_MUTEX && vigil->mutex != TPI_MUTEX_NONE)
        return TP_ERR_BUSY;
    if (setting->due.clock != TPP_CLOCK_MONOTONIC)
        judge(setting); /* who hears of a jump looks under this lock: it was before, or finds us */
    if (setting->past)
        return post_now(setting, reactor, NULL, source);
    if (waitable && tpi_waitable_ready(waitable))
        return post_now(setting, reactor, waitable, NULL);
    if (source) {
        tp_status_t status = poll_source(setting, reactor, source);
        if (status != TP_OK)
            return status;
    }
    disarm(reactor, vigil);
    stand_down(setting, reactor, source);
    if (waitable)
        stand_at(vigil, waitable);
    if (source)
        listen_to(vigil, &reactor->sources, source, setting->wanted->events);
    return arm(setting, reactor) ? TP_OK : TP_ERR_CLOSED;
}

/* On something without a descriptor, or on nothing. */
static tp_status_t set_plain(struct setting *setting)
{
    const struct tpi_wanted *wanted = setting->wanted;
    struct tpi_waitable *old = waitable_of(setting->vigil);
    struct tpi_waitable *next = wanted->what == TPI_WANT_WAITABLE ? wanted->waitable : NULL;
    tp_status_t status = TP_ERR_HANDLE;
    if (!tpi_waitable_enter(next, wanted->waitable_generation, old))
        return status;
    struct tpi_reactor *reactor = tpi_reactor_enter(task_of(setting->vigil), setting->generation);
    if (reactor) {
        status = set(setting, reactor, next, NULL);
        tpi_reactor_leave(reactor);
    }
    tpi_waitable_leave(next, old);
    return status;
}

static tp_status_t make_source(struct setting *setting)
{
    const struct tpi_wanted *wanted = setting->wanted;
    struct tpi_pool *pool = tpi_task_target(task_of(setting->vigil)).home;
    setting->error = tpi_sources_open(&pool->reactor.sources);
    if (!setting->error)
        setting->error = tpi_source_make(wanted->kind, wanted->number, &setting->made);
    if (!setting->error)
        return TP_OK;
    return setting->error == ENOMEM ? TP_ERR_NO_MEMORY : TP_ERR_SYSTEM;
}

/* On that source, or the one that is known by its number, or the one that was made; not done if
 * there is none. */
static tp_status_t try_source(struct setting *setting, struct tpi_source *source, bool *done_out)
{
    const struct tpi_wanted *wanted = setting->wanted;
    struct tpi_waitable *old = waitable_of(setting->vigil);
    tp_status_t status = TP_ERR_HANDLE;
    tpi_waitable_enter(NULL, 0, old);
    struct tpi_reactor *reactor = tpi_reactor_enter(task_of(setting->vigil), setting->generation);
    *done_out = true;
    if (reactor) {
        if (!source)
            source = tpi_sources_find(&reactor->sources, wanted->kind, wanted->number);
        if (!source)
            source = setting->made;
        *done_out = source;
        status = source ? set(setting, reactor, NULL, source) : TP_OK;
        tpi_reactor_leave(reactor);
    }
    tpi_waitable_leave(NULL, old);
    return status;
}

/* While the vigil's lock is held nobody can close the wait, so its pool stays. */
static tp_status_t set_source(struct setting *setting)
{
    const struct tpi_wanted *wanted = setting->wanted;
    struct tpi_vigil *vigil = setting->vigil;
    struct tpi_source *source = NULL;
    bool done;
    /* Outside the reactor's lock, in the usual case: it asks the system. */
    if (vigil->stand == TPI_STAND_SOURCE &&
        tpi_source_is(vigil->listener.source, wanted->kind, wanted->number))
        source = vigil->listener.source;
    tp_status_t status = try_source(setting, source, &done);
    if (status != TP_OK || done)
        return status;
    status = make_source(setting);
    return status == TP_OK ? try_source(setting, NULL, &done) : status;
}

tp_status_t tpi_vigil_set(struct tpi_vigil *vigil, uint32_t generation,
                          const struct tpi_wanted *wanted, bool *was_armed_out, int *errno_out)
{
    struct tpi_target target = tpi_task_target(task_of(vigil));
    struct setting setting; /* large: only what is read before it is written */
    begin(&setting, vigil);
    setting.wanted = wanted;
    setting.generation = generation;
    judge(&setting);
    tpi_lock_take(&vigil->lock);
    tp_status_t status =
        wanted->what == TPI_WANT_SOURCE ? set_source(&setting) : set_plain(&setting);
    tpi_lock_drop(&vigil->lock);
    if (setting.made)
        tpi_source_drop(setting.made);
    if (setting.own != TPI_NO_DESCRIPTOR)
        tpp_file_drop(setting.own);
    tpi_posts_publish(&setting.posts);
    if (setting.hurry)
        tpi_reactor_call(target.home, target.home_generation);
    if (status == TP_OK)
        *was_armed_out = setting.was_armed;
    *errno_out = setting.error;
    return status;
}

/* ---- stopping and ending --------------------------------------------------------------------- */

void tpi_vigil_shut(struct tpi_vigil *vigil, uint32_t generation)
{
    struct tpi_reactor *reactor = tpi_reactor_enter(task_of(vigil), generation);
    tpi_task_apply_handle(task_of(vigil), generation, TPI_EVENT_SHUT, 0);
    if (!reactor)
        return; /* closed: it was disarmed then */
    call_off(reactor, vigil);
    tpi_reactor_leave(reactor);
}

void tpi_vigils_stop(struct tpi_vigil *const *vigils, uint32_t count)
{
    struct tpi_reactor *held = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct tpi_pool *pool = tpi_task_target(task_of(vigils[i])).home;
        if (held && held != &pool->reactor) {
            tpi_lock_drop(&held->lock);
            held = NULL;
        }
        if (!held) {
            held = &pool->reactor;
            tpi_lock_take(&held->lock);
        }
        call_off(held, vigils[i]);
    }
    if (held)
        tpi_lock_drop(&held->lock);
}

/* CLOSE if `generation` says which life is meant, RELEASE if the caller holds it. */
static struct tpi_applied end(struct tpi_vigil *vigil, enum tpi_event event,
                              const uint32_t *generation)
{
    struct tpi_task *task = task_of(vigil);
    struct setting setting;
    begin(&setting, vigil);
    struct tpi_applied applied = {.effects = TPI_EFFECT_REFUSED};
    tpi_lock_take(&vigil->lock);
    struct tpi_waitable *old = waitable_of(vigil);
    tpi_waitable_enter(NULL, 0, old);
    struct tpi_reactor *reactor =
        generation ? tpi_reactor_enter(task, *generation) : tpi_reactor_enter_held(task);
    if (reactor) {
        call_off(reactor, vigil);
        stand_down(&setting, reactor, NULL);
    }
    if (reactor || event == TPI_EVENT_RELEASE)
        applied = tpi_task_apply(task, event, 0);
    if (reactor)
        tpi_reactor_leave(reactor); /* from here on the object may be freed; its slot stays */
    tpi_waitable_leave(NULL, old);
    tpi_lock_drop(&vigil->lock);
    if (setting.own != TPI_NO_DESCRIPTOR)
        tpp_file_drop(setting.own);
    return applied;
}

struct tpi_applied tpi_vigil_close(struct tpi_vigil *vigil, uint32_t generation)
{
    return end(vigil, TPI_EVENT_CLOSE, &generation);
}

struct tpi_applied tpi_vigil_release(struct tpi_vigil *vigil)
{
    return end(vigil, TPI_EVENT_RELEASE, NULL);
}
