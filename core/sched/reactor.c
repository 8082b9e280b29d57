/* reactor.c - setting timers, posting what is due, and the role of the driver: see reactor.h. */
#include "core/sched/reactor.h"

#include "core/sched/monitor.h"
#include "core/sched/park.h"
#include "core/sched/waits.h"
#include "core/sched/worker.h"

#define NEVER ((uint64_t)TPP_FOREVER)
#define GLANCE_SPAN 50000       /* ns between two looks at the clock that a busy worker aims at */
#define ATTEND_BATCHES 16       /* posted by the gate before it looks at other pools */
#define GLANCES_FEW 4           /* by workers, between two visits of the gate */
#define LEFT_LYING 1000000      /* ns for which nobody has posted what is due */
#define FLUSH_AGAIN 1000000     /* ns until the system is asked again to take requests */
#define UNTOLD_JUMPS 1000000000 /* ns to sleep at most where nobody tells of a clock's jump */

/* ---- the clocks and the next wake-up: under lock --------------------------------------------- */

static void read_clock(struct tpi_instant *now, enum tpp_clock clock)
{
    now->at[clock] = tpp_now(clock);
}

static void read_clocks(const struct tpi_timers *timers, struct tpi_instant *now)
{
    read_clock(now, TPP_CLOCK_MONOTONIC);
    now->after = now->at[TPP_CLOCK_MONOTONIC];
    for (uint32_t clock = TPP_CLOCK_MONOTONIC + 1; clock < TPP_CLOCK_COUNT; clock++)
        if (tpi_timers_uses(timers, (enum tpp_clock)clock))
            read_clock(now, (enum tpp_clock)clock);
    if (tpi_timers_uses(timers, TPP_CLOCK_REALTIME))
        now->after = tpp_now(TPP_CLOCK_MONOTONIC);
}

/* Where no one tells of a jump, timers that a jump concerns are looked at now and then. */
static int64_t cut(int64_t wake, const struct tpi_instant *now)
{
    if (tpp_alarm_tells_jumps())
        return wake;
    int64_t limit = now->at[TPP_CLOCK_MONOTONIC] + UNTOLD_JUMPS;
    return wake < limit ? wake : limit;
}

static void tune_wake(struct tpi_reactor *reactor, const struct tpi_instant *now)
{
    int64_t wake = tpi_timers_wake(&reactor->timers, now);
    if (tpi_timers_may_jump(&reactor->timers))
        wake = cut(wake, now);
    tpp_store_release(&reactor->wake, (uint64_t)wake); /* [DR1] */
}

/* ---- the life of it -------------------------------------------------------------------------- */

void tpi_reactor_begin(struct tpi_reactor *reactor)
{
    /* relaxed, all: nobody has the pool yet. */
    tpp_store_relaxed(&reactor->wake, NEVER);
    tpp_store_relaxed(&reactor->cover, NEVER);
    tpp_store_relaxed(&reactor->driver, 0);
    tpp_store_relaxed(&reactor->listening, false);
    tpp_store_relaxed(&reactor->poster, 0);
    tpp_store_relaxed(&reactor->ready, false);
}

tp_status_t tpi_reactor_prepare(struct tpi_pool *pool)
{
    struct tpi_reactor *reactor = &pool->reactor;
    /* [DR2] acquire: the wheels are there. Pairs with the store below. */
    if (tpp_load_acquire(&reactor->ready))
        return TP_OK;
    if (!tpi_monitor_start())
        return TP_ERR_NO_THREAD;
    (void)tpp_alarm_tells_jumps(); /* from here on none is missed, if it does */
    struct tpi_wheel *wheels = tpi_timers_wheels();
    tpi_lock_take(&reactor->lock);
    if (!reactor->timers.wheels) {
        reactor->timers.wheels = wheels;
        wheels = NULL;
    }
    bool ready = reactor->timers.wheels;
    tpi_lock_drop(&reactor->lock);
    if (wheels) /* the slot had a pool with timers before, or somebody was faster */
        tpp_free(wheels, TPI_TIMERS_SIZE);
    if (!ready)
        return TP_ERR_NO_MEMORY;
    tpp_store_release(&reactor->ready, true); /* [DR2] */
    return TP_OK;
}

/* Closing takes this lock, so an object that is found open is open, and in this pool, until the
 * lock is dropped. */
struct tpi_reactor *tpi_reactor_enter_held(struct tpi_task *task)
{
    struct tpi_pool *pool = tpi_task_target(task).home;
    tpi_lock_take(&pool->reactor.lock);
    /* Relaxed would do, here and in set(): what is asked for comes under this lock, or takes it
     * before it goes on. */
    if (!(tpp_load_acquire(&task->word) & TPI_STATE_CLOSED)) /* [ST1] */
        return &pool->reactor;
    tpi_lock_drop(&pool->reactor.lock);
    return NULL;
}

/* The word is read before the generation, as in tpi_task_apply_handle. */
struct tpi_reactor *tpi_reactor_enter(struct tpi_task *task, uint32_t generation)
{
    struct tpi_reactor *reactor = tpi_reactor_enter_held(task);
    if (!reactor || tpi_slot_generation(&task->slot) == generation)
        return reactor;
    tpi_lock_drop(&reactor->lock);
    return NULL;
}

void tpi_reactor_leave(struct tpi_reactor *reactor)
{
    tpi_lock_drop(&reactor->lock);
}

/* ---- posting --------------------------------------------------------------------------------- */

uint32_t tpi_reactor_post(struct tpi_task *task, struct tpi_worker *worker,
                          struct tpi_ready *ready_out)
{
    struct tpi_target target = tpi_task_target(task);
    tpi_pool_count_submitted(target.home, worker, target.priority, 1);
    struct tpi_applied applied = tpi_task_apply(task, TPI_EVENT_SUBMIT, 1);
    if (applied.effects & TPI_EFFECT_REFUSED)
        tpi_pool_count_submitted(target.home, worker, target.priority, -UINT64_C(1));
    *ready_out = (struct tpi_ready){target, task, tpi_state_epoch(applied.after)};
    return applied.effects;
}

/* One post, unless one is pending and that will do, which is a look that no order makes newer. Lock
 * held. */
static uint32_t post(struct tpi_task *task, const struct tpi_arming *arming,
                     struct tpi_worker *worker, struct tpi_ready *ready_out)
{
    if (arming->node.tag & TPI_ARMING_SKIP &&
        tpi_state_pending(tpp_load_acquire(&task->word)) > 0) /* [ST1] */
        return 0;
    return tpi_reactor_post(task, worker, ready_out);
}

/* The time of a timer, or of a wait, has come. Lock held. */
static uint32_t post_due(struct tpi_arming *arming, struct tpi_worker *worker,
                         struct tpi_ready *ready_out)
{
    if (!(arming->node.tag & TPI_ARMING_WAIT))
        return post(arming->task, arming, worker, ready_out);
    return tpi_vigil_expire(tpi_container(arming, struct tpi_vigil, timeout), worker, ready_out);
}

/* What posting and running them will touch first: all fetched at once, not one after the other. */
static void prefetch(struct tpi_arming *const *due, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        __builtin_prefetch(&due[i]->task->word, 1);
        __builtin_prefetch(&due[i]->task->cancels);
    }
}

/* Where somebody else is at it a worker goes on with what was posted, unless it is the driver, who
 * has nothing else to do. */
static bool enter_to_poll(struct tpi_reactor *reactor, const struct tpi_worker *worker)
{
    if (worker && !worker->driving)
        return tpi_lock_try(&reactor->lock);
    tpi_lock_take(&reactor->lock);
    return true;
}

/* One batch, and what has to be done before others sleep or wake on its account: both counts may be
 * 0 where all that was done was to file timers anew. Lock held. */
static uint32_t post_batch(struct tpi_reactor *reactor, struct tpi_worker *worker,
                           struct tpi_ready *ready, uint32_t *queued_out, bool *done_out)
{
    struct tpi_arming *due[TPP_TIMER_BATCH];
    struct tpi_instant now;
    *queued_out = 0;
    read_clocks(&reactor->timers, &now);
    uint32_t count = tpi_timers_due(&reactor->timers, &now, due, done_out);
    prefetch(due, count);
    for (uint32_t i = 0; i < count; i++) /* refused: it was shut down, or 2^32-1 posts wait */
        if (post_due(due[i], worker, &ready[*queued_out]) & TPI_EFFECT_ENQUEUE)
            ++*queued_out;
    if (*done_out)
        tune_wake(reactor, &now);
    else /* whoever looks next goes on */
        tpp_store_release(&reactor->wake, (uint64_t)now.at[TPP_CLOCK_MONOTONIC]); /* [DR1] */
    return count;
}

bool tpi_reactor_poll(struct tpi_pool *pool, struct tpi_worker *worker)
{
    struct tpi_reactor *reactor = &pool->reactor;
    struct tpi_ready ready[TPP_TIMER_BATCH];
    uint32_t count, queued;
    bool done;
    do { /* ends: each turn without a post files timers one level down */
        if (!enter_to_poll(reactor, worker))
            return true;
        count = post_batch(reactor, worker, ready, &queued, &done);
        if (worker) /* relaxed: a hint for other workers */
            tpp_store_relaxed(&reactor->poster, done ? 0 : worker->id + 1);
        tpi_lock_drop(&reactor->lock);
    } while (count == 0 && !done);
    tpi_pool_publish_many(pool, ready, queued, worker);
    return !done;
}

/* ---- setting --------------------------------------------------------------------------------- */

/* Tells whoever waits for it, or finds somebody. */
void tpi_reactor_call(struct tpi_pool *pool, uint32_t birth)
{
    struct tpi_reactor *reactor = &pool->reactor;
    tpp_fence_seq_cst();                                  /* [DR1] */
    uint32_t driver = tpp_load_relaxed(&reactor->driver); /* relaxed: ordered by the fence */
    if (driver) {
        tpi_park_kick(pool, driver - 1);
        return;
    }
    tpi_monitor_cover(pool, birth, false);
    tpi_park_kick_any(pool); /* so that it finds the role vacant */
}

bool tpi_reactor_judge(uint32_t clock, int64_t time, struct tpi_due *due, struct tpi_instant *now)
{
    due->clock = clock == TP_CLOCK_REALTIME   ? TPP_CLOCK_REALTIME
                 : clock == TP_CLOCK_BOOTTIME ? TPP_CLOCK_BOOTTIME
                                              : TPP_CLOCK_MONOTONIC;
    bool relative = clock == TP_CLOCK_RELATIVE || clock == TP_CLOCK_BOOTTIME;
    if (due->clock != TPP_CLOCK_MONOTONIC)
        read_clock(now, due->clock);
    due->due = time;
    if (time == TP_INFINITE)
        return false;
    if (relative)
        due->due = time > 0 ? tpi_later(now->at[due->clock], time) : now->at[due->clock];
    due->latest = due->due;
    return due->due <= now->at[due->clock];
}

/* The same of a timer. */
static bool judge(const tp_timer_spec_t *spec, struct tpi_due *due, struct tpi_instant *now)
{
    bool past = tpi_reactor_judge(spec->clock, spec->due, due, now);
    due->period = spec->period;
    if (spec->due != TP_INFINITE)
        due->latest = tpi_later(due->due, spec->window);
    return past;
}

static uint32_t tag_of(uint32_t tag, const tp_timer_spec_t *spec)
{
    tag &= ~(TPI_ARMING_SET | TPI_ARMING_SKIP);
    return tag | TPI_ARMING_SET | (spec->flags & TP_TIMER_SKIP_MISSED ? TPI_ARMING_SKIP : 0);
}

bool tpi_reactor_sooner(struct tpi_reactor *reactor, const struct tpi_arming *arming,
                        const struct tpi_instant *now)
{
    if (!tpi_wheel_holds(&arming->node))
        return false;
    enum tpp_clock clock = tpi_arming_clock(arming);
    int64_t latest = tpi_timers_monotonic(clock, arming->node.latest, now);
    if (clock != TPP_CLOCK_MONOTONIC)
        latest = cut(latest, now);
    if (latest >= (int64_t)tpp_peek(&reactor->wake))
        return false;
    tpp_store_release(&reactor->wake, (uint64_t)latest); /* [DR1] */
    return true;
}

/* What a call of tpi_reactor_set has to do once the lock is dropped. */
struct owed {
    struct tpi_ready ready;
    bool queue; /* it */
    bool hurry; /* somebody has to wake up earlier */
};

/* Lock held; the object is open. */
static tp_status_t set(struct tpi_reactor *reactor, struct tpi_arming *arming,
                       const tp_timer_spec_t *spec, struct tpi_instant *now, struct owed *owed)
{
    struct tpi_task *task = arming->task;
    uint32_t before = arming->node.tag;
    struct tpi_due due = {.latest = 0};
    bool past = judge(spec, &due, now);
    /* [ST1] A pool that is being shut down stops its timers under this lock once the word says
     * so. */
    if (before & TPI_ARMING_BARRED || tpp_load_acquire(&task->word) & TPI_STATE_SHUT)
        return TP_ERR_CLOSED;
    arming->node.tag = tag_of(before, spec);
    if (past) {
        uint32_t effects = post(task, arming, tpi_worker_self(), &owed->ready);
        if (effects & TPI_EFFECT_REFUSED) {
            arming->node.tag = before;
            return effects & TPI_EFFECT_LIMIT ? TP_ERR_LIMIT : TP_ERR_CLOSED;
        }
        owed->queue = effects & TPI_EFFECT_ENQUEUE;
    }
    tpi_timers_disarm(&reactor->timers, arming);
    if (past && due.period == 0)
        return TP_OK;
    if (past) {
        now->after = tpp_now(TPP_CLOCK_MONOTONIC);
        tpi_due_advance(&due, now);
    }
    tpi_timers_arm(&reactor->timers, arming, &due, now);
    owed->hurry = tpi_reactor_sooner(reactor, arming, now);
    return TP_OK;
}

tp_status_t tpi_reactor_set(struct tpi_task *task, struct tpi_arming *arming, uint32_t generation,
                            const tp_timer_spec_t *spec, bool *was_armed_out)
{
    struct tpi_target target = tpi_task_target(task);
    struct tpi_instant now;
    struct owed owed = {.queue = false, .hurry = false};
    tp_status_t status = TP_OK;
    __builtin_prefetch(arming, 1); /* while the clock is read and the lock is taken */
    if (spec)                      /* read outside the lock, to keep that short */
        read_clock(&now, TPP_CLOCK_MONOTONIC);
    struct tpi_reactor *reactor = tpi_reactor_enter(task, generation);
    if (!reactor)
        return TP_ERR_HANDLE;
    bool was_armed = tpi_arming_armed(arming);
    if (spec) {
        status = set(reactor, arming, spec, &now, &owed);
    } else {
        arming->node.tag &= ~TPI_ARMING_SET;
        tpi_timers_disarm(&reactor->timers, arming);
    }
    tpi_reactor_leave(reactor);
    if (status == TP_OK)
        *was_armed_out = was_armed;
    if (owed.queue)
        tpi_pool_publish_many(target.home, &owed.ready, 1, tpi_worker_self());
    if (owed.hurry)
        tpi_reactor_call(target.home, target.home_generation);
    return status;
}

void tpi_reactor_armed(struct tpi_pool *pool, uint64_t *timers_out, uint64_t *waits_out)
{
    struct tpi_reactor *reactor = &pool->reactor;
    tpi_lock_take(&reactor->lock);
    *timers_out = reactor->timers.armed - reactor->timeouts;
    *waits_out = reactor->waits_armed;
    tpi_lock_drop(&reactor->lock);
}

/* ---- between callbacks ----------------------------------------------------------------------- */

/* Is another worker about to post what is left? Two that take turns would only fetch the wheel from
 * each other. Not if that has been left lying for a while. */
static bool left_to_another(const struct tpi_worker *worker, struct tpi_reactor *reactor,
                            int64_t overdue)
{
    uint32_t poster = tpp_load_relaxed(&reactor->poster); /* relaxed: a hint */
    return poster && poster != worker->id + 1 && !worker->driving && overdue < GLANCE_SPAN;
}

/* Does it have enough to do for now, and little time between two callbacks? */
static bool well_supplied(struct tpi_worker *worker, bool brief)
{
    return worker->timers_left && brief && tpi_ring_size(&worker->ring) >= TPP_TIMER_BATCH / 2;
}

void tpi_reactor_glance(struct tpi_worker *worker)
{
    struct tpi_reactor *reactor = &worker->pool->reactor;
    if (worker->timers_left && tpi_ring_size(&worker->ring) == 0)
        worker->glance = 0;
    if (worker->glance > 0) {
        worker->glance--;
        return;
    }
    if (tpi_port_away(&worker->pool->port))
        (void)tpi_port_harvest(worker->pool, false);
    int64_t now = tpp_now(TPP_CLOCK_MONOTONIC);
    bool brief = now - worker->glanced_at < GLANCE_SPAN;
    worker->glanced_at = now;
    worker->glance_every = brief ? 2 * worker->glance_every + 1 : worker->glance_every / 2;
    if (worker->glance_every > TPP_GLANCE_EVERY)
        worker->glance_every = TPP_GLANCE_EVERY;
    worker->glance = worker->glance_every;
    /* relaxed: nothing follows from it but how soon the gate comes again. */
    tpp_store_relaxed(&reactor->glances, tpp_load_relaxed(&reactor->glances) + 1);
    /* relaxed: who made it earlier has told somebody, and this is not the one who was told. */
    int64_t wake = (int64_t)tpp_load_relaxed(&reactor->wake);
    if (now >= wake && !left_to_another(worker, reactor, now - wake) &&
        !well_supplied(worker, brief))
        worker->timers_left = tpi_reactor_poll(worker->pool, worker);
    tpi_reactor_look_around(worker, now);
}

/* ---- the role of the driver ------------------------------------------------------------------ */

int64_t tpi_reactor_sit(struct tpi_worker *worker, struct tpp_poller **poller_out)
{
    struct tpi_reactor *reactor = &worker->pool->reactor;
    uint32_t nobody = 0;
    *poller_out = NULL;
    worker->glance = 0; /* the first thing to do once awake */
    if (!worker->driving) {
        /* relaxed: whoever makes it finite after the caller's fence looks for an idle worker. */
        if (!tpi_reactor_active(reactor) || tpp_load_relaxed(&reactor->driver) ||
            !tpp_cas_acq_rel(&reactor->driver, &nobody, worker->id + 1)) /* [DR1] */
            return TPP_FOREVER;
        worker->driving = true;
        tpp_fence_seq_cst(); /* [DR1] */
    }
    bool listening = tpp_load_acquire(&reactor->listening); /* [DR1] */
    if (listening)
        *poller_out = tpi_sources_poller(&reactor->sources);
    /* relaxed: a look. Who sleeps and wakes for work, or for descriptors again and again, lets the
     * gate keep watch, lest it be told of each time; at the worst it wakes up once beside the
     * driver. */
    if (!worker->summoned && (worker->rested || !listening) &&
        tpp_load_relaxed(&reactor->cover) != NEVER) {
        tpi_monitor_uncover(worker->pool);
        tpp_fence_seq_cst(); /* [PB1] */
        if (tpi_park_work_visible(worker->pool))
            return 0;
    }
    int64_t wake = (int64_t)tpp_load_acquire(&reactor->wake); /* [DR1] */
    if (!tpi_port_unflushed(&worker->pool->port))
        return wake;
    int64_t again = tpp_now(TPP_CLOCK_MONOTONIC) + FLUSH_AGAIN;
    return wake < again ? wake : again;
}

bool tpi_reactor_guarded(struct tpi_pool *pool)
{
    struct tpi_reactor *reactor = &pool->reactor;
    /* [PB1] relaxed, all: ordered by the fence. */
    return tpp_load_relaxed(&reactor->listening) && tpp_load_relaxed(&reactor->cover) != NEVER &&
           tpp_load_relaxed(&pool->watch.soon);
}

void tpi_reactor_rise(struct tpi_worker *worker, bool go)
{
    struct tpi_pool *pool = worker->pool;
    if (!worker->driving)
        return;
    worker->driving = false;
    tpp_store_release(&pool->reactor.driver, 0); /* [DR1] */
    tpp_fence_seq_cst();                         /* [DR1] */
    if (!tpi_reactor_active(&pool->reactor))
        return;
    /* An idle worker would not look at the clock. */
    tpi_monitor_cover(pool, tpp_peek(&pool->birth), tpi_idle_any(&pool->idle));
    if (go)
        tpi_park_kick_any(pool);
}

/* ---- the gate -------------------------------------------------------------------------------- */

/* Do the workers, who have looked at the clock so often since the gate was told to come, leave it
 * to the gate? */
static bool left_alone(struct tpi_pool *pool, uint32_t glances)
{
    bool before = pool->watch.alone;
    int64_t wake = (int64_t)tpp_load_relaxed(&pool->reactor.wake); /* relaxed: a look */
    return glances == 0 ||
           (glances < GLANCES_FEW && (before || tpp_now(TPP_CLOCK_MONOTONIC) - wake >= LEFT_LYING));
}

/* Posts what there is to post. Workers that look at the clock look into the poller as well. */
static void stand_in(struct tpi_pool *pool)
{
    struct tpi_reactor *reactor = &pool->reactor;
    bool alone = pool->watch.alone || tpi_pool_driven(pool), more = true;
    /* relaxed, all: a driver that is there now has the time, or is being kicked. Ends: so many
     * batches at most. */
    for (int batches = ATTEND_BATCHES; more && batches > 0; batches--) {
        if (tpp_load_relaxed(&reactor->driver))
            return;
        more = tpi_reactor_poll(pool, NULL);
        if (alone && tpp_load_relaxed(&reactor->listening))
            more = tpi_reactor_look(pool, true) || more;
    }
}

void tpi_reactor_attend(struct tpi_pool *pool, uint32_t glances)
{
    struct tpi_reactor *reactor = &pool->reactor;
    /* relaxed: a sign of life. */
    pool->watch.alone = left_alone(pool, tpp_load_relaxed(&reactor->glances) - glances);
    stand_in(pool);
    tpp_fence_seq_cst(); /* [DR1] [PB1] */
    if (tpi_port_unflushed(&pool->port))
        tpi_port_flush(pool);
    /* Whether or not somebody is idle: who saw somebody, and trusted in us, may have been wrong by
     * now, and blocks. Then a thread may be missing. */
    if (tpi_park_work_visible(pool))
        tpi_park_notify(pool, tpp_peek(&pool->birth));
    /* relaxed: ordered by the fence. */
    if (!tpi_reactor_active(reactor) || tpp_load_relaxed(&reactor->driver))
        return;
    tpi_monitor_cover(pool, tpp_peek(&pool->birth), pool->watch.alone);
    if (tpp_load_relaxed(&reactor->listening)) /* relaxed: who begins to listen kicks one, too */
        tpi_park_kick_any(pool);               /* whoever is idle finds the role vacant */
}

void tpi_reactor_jumped(struct tpi_pool *pool)
{
    struct tpi_reactor *reactor = &pool->reactor;
    struct tpi_instant now;
    tpi_lock_take(&reactor->lock);
    bool concerned = tpi_timers_may_jump(&reactor->timers);
    if (concerned) {
        read_clocks(&reactor->timers, &now);
        tune_wake(reactor, &now);
    }
    tpi_lock_drop(&reactor->lock);
    if (concerned)
        tpi_reactor_call(pool, tpp_peek(&pool->birth));
}
