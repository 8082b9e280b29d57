/* park.c - falling asleep and waking, by the rules in park.h. */
#include "core/sched/park.h"

#include "core/base/assert.h"
#include "core/sched/monitor.h"
#include "core/sched/reactor.h"

/* Values of a worker's park word; above them, the waker's processor. The last three are of one that
 * sleeps in the poller: it does, it is being kicked out of it, and it waits for the kicker, who
 * uses the poller until he has said why. */
enum { PARK_ASLEEP = 0, PARK_LOOK = 1, PARK_SEARCH = 2 };
#define PARK_POLLING UINT32_MAX
#define PARK_KICKED (UINT32_MAX - 1)
#define PARK_AWAITED (UINT32_MAX - 2)

bool tpi_park_work_visible(struct tpi_pool *pool)
{
    for (uint32_t priority = 0; priority < TPI_PRIORITY_COUNT; priority++)
        if (tpi_inject_length(&pool->inject[priority]) > 0)
            return true;
    uint32_t active = tpp_load_acquire(&pool->active); /* [PL2] */
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = tpi_pool_worker(pool, id);
        if (worker && tpi_ring_size(&worker->ring) > 0)
            return true;
    }
    return false;
}

/* The caller holds the worker's idle bit. */
static void wake(struct tpi_pool *pool, struct tpi_worker *worker, uint32_t value)
{
    tpp_u32 *park = &worker->park;
    uint32_t seen = PARK_ASLEEP;
    tpp_probe(TPP_PROBE_WAKE, pool, worker->id);
    /* [PK2] release: the sleeper sees why it was woken, and does not go before this thread has done
     * with it. acquire: of one that polls, the poller is found. From here on the worker may go on,
     * leave and be freed: tpp_wake does not touch the word. */
    while (!tpp_cas_acq_rel(park, &seen, seen == PARK_ASLEEP ? value : PARK_KICKED))
        ; /* ends: only the sleeper changes it, between these two, and not to and fro for long */
    if (seen == PARK_ASLEEP) {
        tpp_wake(park, 1);
        return;
    }
    tpp_poller_kick(tpi_sources_poller(&pool->reactor.sources));
    if (tpp_exchange_acq_rel(park, value) == PARK_AWAITED) /* [PK2] */
        tpp_wake(park, 1);
}

/* Nobody was idle: a thread may be missing. After a failure it is tried again only now and then. */
static bool may_grow(struct tpi_pool *pool)
{
    struct tpi_demand demand = tpi_pool_limits(pool);
    /* relaxed: a watched pool has been refused another share just now. */
    if (!tpi_policy_room(&demand) ||
        (!tpi_policy_grow(&demand) && tpp_load_relaxed(&pool->watched)))
        return false;
    uint32_t pause = tpp_load_relaxed(&pool->spawn_pause); /* relaxed: a mere countdown */
    if (pause == 0)
        return true;
    tpp_store_relaxed(&pool->spawn_pause, pause - 1);
    return false;
}

/* Would a thread be added if somebody asked now? Not to a pool that is over, in which a ticket may
 * be left that nobody needs to claim. */
static bool lacks_thread(struct tpi_pool *pool)
{
    struct tpi_demand demand = tpi_pool_demand(pool);
    return demand.threads > 0 && tpi_policy_grow(&demand) &&
           tpp_load_relaxed(&pool->spawn_pause) == 0; /* relaxed: a mere countdown */
}

/* Is the gate to look after the pool, now that work must wait? A pool of one thread wants no
 * other. */
static bool wants_watch(struct tpi_pool *pool, const struct tpi_demand *limits)
{
    /* relaxed: [GT1] orders it where it matters, in tpi_park_notify. */
    return !limits->driven && !limits->ending && limits->threads > 0 &&
           (limits->maximum > 1 || limits->threads < limits->maximum) &&
           !tpp_load_relaxed(&pool->watched);
}

/* Appoints a searcher: the lowest idle worker, else a new one; else has the gate watch. */
static bool appoint(struct tpi_pool *pool, uint32_t birth)
{
    for (;;) {
        uint32_t nobody = 0;
        /* [PK3] acquire and release: the role is handed from one searcher to the next. It guards no
         * data, so relaxed would do as well, here and wherever it is taken, or dropped before a
         * fence: that fence orders what must be seen. */
        if (!tpp_cas_acq_rel(&pool->searching, &nobody, 1))
            return false;
        /* relaxed: a preference. Who waits for timers is disturbed last. */
        uint32_t driver = tpp_load_relaxed(&pool->reactor.driver);
        uint32_t id = tpi_idle_take_lowest(&pool->idle, driver ? driver - 1 : TPI_IDLE_NONE);
        if (id != TPI_IDLE_NONE) {
            wake(pool, tpi_pool_worker(pool, id), PARK_SEARCH + tpp_cpu());
            return true;
        }
        if (may_grow(pool) && tpi_pool_grow(pool, birth, false))
            return true;
        /* [PK3] release, then the fence of [PK1]: whoever published, fell asleep, left or raised a
         * limit meanwhile, and trusted in the searcher that did not come to be, is seen now. Ends:
         * each turn, one of these has happened. */
        tpp_store_release(&pool->searching, 0);
        tpp_fence_seq_cst(); /* [GT1] too: the gate may have trusted in it when it let go */
        struct tpi_demand limits = tpi_pool_limits(pool);
        if (wants_watch(pool, &limits))
            tpi_monitor_watch(pool, birth);
        if (!tpi_park_work_visible(pool) || (!tpi_idle_any(&pool->idle) && !lacks_thread(pool)))
            return false;
        birth = tpp_load_acquire(&pool->birth); /* [PL3] they may be of the next life */
    }
}

/* Work was published in a caller-driven pool: whoever polls its flag finds it up. [FL1] More than
 * it takes, here and in driven.c: the word is the descriptor itself, and who opened it, or has
 * lowered it, looks at the queues after a fence, as who publishes did before he came here. */
static void raise_flag(struct tpi_pool *pool)
{
    uint32_t flag = tpp_load_acquire(&pool->flag);       /* [FL1] the descriptor is open */
    if (flag && !tpp_exchange_acq_rel(&pool->raised, 1)) /* [FL1] */
        tpp_flag_raise((int)flag - 1);
}

void tpi_park_lower_flag(struct tpi_pool *pool)
{
    uint32_t flag = tpp_load_acquire(&pool->flag); /* [FL1] */
    if (!flag)
        return;
    tpp_flag_clear((int)flag - 1);
    tpp_store_release(&pool->raised, 0); /* [FL1] */
    tpp_fence_seq_cst();                 /* [PK1] who published and found it raised is seen now */
    if (tpi_park_work_visible(pool))
        raise_flag(pool);
}

bool tpi_park_notify(struct tpi_pool *pool, uint32_t birth)
{
    tpp_fence_seq_cst(); /* [PK1] [GT1] */
    if (tpi_pool_driven(pool)) {
        raise_flag(pool);
        tpi_pool_shut_moved(pool); /* whoever shuts it down runs what was still on its way */
    }
    /* relaxed: ordered by the fence. */
    if (tpp_load_relaxed(&pool->searching))
        return false;
    struct tpi_demand limits = tpi_pool_limits(pool);
    if (tpi_idle_any(&pool->idle) || tpi_policy_grow(&limits) || wants_watch(pool, &limits))
        return appoint(pool, birth);
    return false;
}

void tpi_park_notify_keeper(struct tpi_pool *pool)
{
    tpp_fence_seq_cst(); /* [PK1] */
    /* relaxed: set before the first object that needs it was made. */
    uint32_t keeper = tpp_load_relaxed(&pool->keeper);
    if (keeper)
        tpi_park_kick(pool, keeper - 1);
}

void tpi_park_kick(struct tpi_pool *pool, uint32_t id)
{
    if (tpi_idle_take(&pool->idle, id))
        wake(pool, tpi_pool_worker(pool, id), PARK_LOOK);
}

void tpi_park_kick_any(struct tpi_pool *pool)
{
    uint32_t id = tpi_idle_take_lowest(&pool->idle, TPI_IDLE_NONE);
    if (id != TPI_IDLE_NONE)
        wake(pool, tpi_pool_worker(pool, id), PARK_LOOK);
}

/* Takes the role of searcher. False if somebody keeps it for so long that he must be a worker,
 * or if a worker has fallen asleep meanwhile. */
static bool take_role(struct tpi_pool *pool)
{
    for (int turn = 0; turn < TPP_SEARCH_SPINS; turn++) {
        uint32_t nobody = 0;
        if (tpi_idle_any(&pool->idle))
            return false;
        if (tpp_cas_acq_rel(&pool->searching, &nobody, 1)) /* [PK3] */
            return true;
        tpp_cpu_relax();
    }
    return false;
}

static bool has_room(struct tpi_pool *pool)
{
    struct tpi_demand limits = tpi_pool_limits(pool);
    return tpi_policy_room(&limits);
}

/* Room is asked for last: a thread that was free may have retired since. */
bool tpi_park_spare(struct tpi_pool *pool)
{
    uint32_t birth = tpp_peek(&pool->birth);
    if (tpi_park_notify(pool, birth))
        return true;
    bool taken = take_role(pool);
    if (taken && tpi_pool_grow(pool, birth, true))
        return true;
    if (taken)
        tpp_store_release(&pool->searching, 0); /* [PK3] */
    else if (tpi_pool_thread_free(pool) || has_room(pool))
        return true; /* a publisher who keeps it must have room for a thread */
    tpp_add_relaxed(&pool->cap_reached, 1); /* relaxed: a statistic */
    return taken && (tpi_park_notify(pool, birth) || tpi_pool_thread_free(pool));
}

void tpi_park_found(struct tpi_worker *worker)
{
    if (!worker->searching)
        return;
    struct tpi_pool *pool = worker->pool;
    worker->searching = false;
    tpp_store_release(&pool->searching, 0); /* [PK3] */
    tpp_fence_seq_cst();                    /* [PK1] */
    if (tpi_park_work_visible(pool))
        tpi_park_notify(pool, tpp_peek(&pool->birth));
}

void tpi_park_wake_all(struct tpi_pool *pool)
{
    tpp_fence_seq_cst(); /* [PK1] with the same look at `life` in must_leave */
    /* Each at most once: who falls asleep again meanwhile has looked after its own fence. */
    uint32_t active = tpp_load_acquire(&pool->active); /* [PL2] */
    for (uint32_t id = 0; id < active; id++)
        tpi_park_kick(pool, id);
}

/* Becomes the searcher if nobody is. */
static bool become_searcher(struct tpi_worker *worker)
{
    uint32_t nobody = 0;
    if (!worker->searching)
        worker->searching = tpp_cas_acq_rel(&worker->pool->searching, &nobody, 1); /* [PK3] */
    return worker->searching;
}

/* A number that stays the same as long as the same single ticket waits in the same ring; 0 if
 * there is no such ticket, PLENTY if there is more than that. */
#define PLENTY UINT64_MAX

static uint64_t single_ticket(struct tpi_pool *pool)
{
    uint64_t single = 0;
    for (uint32_t priority = 0; priority < TPI_PRIORITY_COUNT; priority++)
        if (tpi_inject_length(&pool->inject[priority]) > 0)
            return PLENTY;
    uint32_t active = tpp_load_acquire(&pool->active); /* [PL2] */
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = tpi_pool_worker(pool, id);
        uint32_t size = tpi_ring_size(&worker->ring);
        if (size > 1)
            return PLENTY;
        if (size == 1) /* relaxed: a number to compare, not to act upon */
            single = (uint64_t)(id + 1) << 32 | tpp_load_relaxed(&worker->ring.head);
    }
    return single;
}

/* Is there something that only this worker may take? */
static bool kept_visible(struct tpi_worker *worker)
{
    if (!tpi_worker_keeps(worker))
        return false;
    for (uint32_t priority = 0; priority < TPI_PRIORITY_COUNT; priority++)
        if (tpi_inject_length(&worker->pool->kept[priority]) > 0)
            return true;
    return false;
}

/* The searcher looks on for a moment before it sleeps, unless whoever would bring work needs this
 * processor. A single ticket it leaves to the ring's owner for a while, who most likely takes it
 * next: a chain of callbacks must not hop between processors. True: take something. */
static bool spin(struct tpi_worker *worker)
{
    uint64_t last = 0;
    worker->eager = false;
    if (kept_visible(worker))
        return true;
    /* Who was woken for a timer, and has run it, does not expect more. */
    if (worker->ticked || worker->waker == tpp_cpu() + 1 || !become_searcher(worker))
        return false;
    for (int turn = 0, looks = 0; turn < TPP_SEARCH_SPINS && looks < TPP_PATIENCE; turn++) {
        uint64_t seen = single_ticket(worker->pool);
        if (seen == PLENTY)
            return true;
        worker->eager = seen != 0 && seen == last;
        if (worker->eager)
            return true;
        last = seen;
        /* Looking costs the owner a cache miss: not too often while it gets on with its chain. */
        looks += seen != 0;
        for (int pause = seen ? TPP_PATIENCE : 1; pause > 0; pause--)
            tpp_cpu_relax();
    }
    return false;
}

/* When a sleep without work ends. */
enum doze {
    DOZE_IDLE,    /* after the pool's idle timeout */
    DOZE_FOREVER, /* never: the worker may not leave */
    DOZE_UNTIL,   /* at a time told: a seat of a caller-driven pool */
};

static bool must_leave(struct tpi_worker *worker)
{
    struct tpi_demand demand = tpi_pool_demand(worker->pool);
    if (tpi_policy_over(&demand))
        return true;
    return tpi_policy_surplus(&demand) && !tpi_worker_keeps(worker);
}

/* Is there a reason not to sleep, or not without a deadline? */
static bool must_stay_up(struct tpi_worker *worker, enum doze how)
{
    struct tpi_demand demand = tpi_pool_demand(worker->pool);
    if (tpi_park_work_visible(worker->pool) || kept_visible(worker))
        return true;
    if (how == DOZE_UNTIL) /* a caller, who leaves when he likes */
        return tpi_pool_refuses(worker->pool);
    return must_leave(worker) || (how == DOZE_FOREVER && tpi_policy_retire(&demand) &&
                                  (!tpi_worker_keeps(worker) || demand.objects == 0));
}

/* How a sleep has ended. */
enum end {
    END_WOKEN,
    END_TICK, /* a timer may be due; from here on the idle bit is ours again */
    END_OVER, /* the sleep may not last any longer */
};

/* What the sleeper waits for besides being woken. */
struct bed {
    struct tpp_poller *poller; /* and sleeps in; NULL: on its park word */
    int64_t tick;              /* when a timer may be due */
    int64_t over;              /* when the sleep may not last any longer */
};

/* Sleeps on the park word. False if a time has come. */
static bool lie_on_word(struct tpi_worker *worker, const struct bed *bed)
{
    return bed->tick < bed->over ? tpp_wait_exact(&worker->park, PARK_ASLEEP, bed->tick)
                                 : tpp_wait(&worker->park, PARK_ASLEEP, bed->over);
}

/* Somebody has kicked us out of the poller: until he has said why. */
static void await_kicker(struct tpi_worker *worker)
{
    uint32_t seen = PARK_KICKED;
    /* [PK2] Ends: the kicker's next act is to say why. */
    while (seen == PARK_KICKED && !tpp_cas_acq_rel(&worker->park, &seen, PARK_AWAITED))
        ; /* relaxed would do, here and below: sleep_until acquires what the word is at last */
    while (tpp_load_acquire(&worker->park) == PARK_AWAITED) /* [PK2] */
        (void)tpp_wait(&worker->park, PARK_AWAITED, TPP_FOREVER);
}

/* Sleeps in the poller. False if a time has come, or something is ready. */
static bool lie_in_poller(struct tpi_worker *worker, const struct bed *bed)
{
    int64_t deadline = bed->tick < bed->over ? bed->tick : bed->over;
    uint32_t seen = PARK_ASLEEP;
    /* [PK2] release: the kicker finds the poller. More than it takes to acquire, here and below:
     * sleep_until does, and await_kicker. And nothing is handed on at the end. */
    if (!tpp_cas_acq_rel(&worker->park, &seen, PARK_POLLING))
        return true;
    /* What the last sleep brought was the first thing to be dealt with. */
    struct tpi_look *look = &worker->look;
    look->begun = tpi_sources_look(&worker->pool->reactor.sources);
    look->slept = true;
    look->count = tpp_poller_wait(bed->poller, look->events, TPP_POLL_BATCH, deadline);
    seen = PARK_POLLING;
    if (!tpp_cas_acq_rel(&worker->park, &seen, PARK_ASLEEP)) { /* [PK2] */
        await_kicker(worker);
        return true;
    }
    return look->count == 0 && (deadline == TPP_FOREVER || tpp_now(TPP_CLOCK_MONOTONIC) < deadline);
}

/* Sleeps, the idle bit being set, until somebody takes that, or until a time has come or something
 * is ready. */
static enum end sleep_until(struct tpi_worker *worker, struct bed *bed)
{
    for (;;) { /* ends when woken, or at a time unless somebody is about to wake us */
        if (tpp_load_acquire(&worker->park) != PARK_ASLEEP) /* [PK2] */
            return END_WOKEN;
        if (bed->poller ? lie_in_poller(worker, bed) : lie_on_word(worker, bed))
            continue;
        if (tpi_idle_take(&worker->pool->idle, worker->id))
            return worker->look.count > 0 || bed->tick < bed->over ? END_TICK : END_OVER;
        /* Somebody has the bit: the wake is on its way. */
        *bed = (struct bed){NULL, TPP_FOREVER, TPP_FOREVER};
    }
}

/* When an idle sleep is over. In the poller a deadline that is always another costs a system call
 * each time, so there it comes a little late, at a time that others share. */
static int64_t end_of_idleness(struct tpi_worker *worker, int64_t now, bool in_poller)
{
    int64_t timeout = worker->pool->idle_timeout;
    if (timeout > TPP_FOREVER - now)
        return TPP_FOREVER;
    int64_t over = now + timeout;
    int64_t grain = in_poller ? timeout / 8 : 0;
    if (grain == 0 || over > TPP_FOREVER - grain)
        return over;
    return over + grain - over % grain;
}

/* The same for as long as the sleep may last; the time awake is counted. */
static enum end sleep_idle(struct tpi_worker *worker, enum doze how, int64_t over)
{
    struct bed bed = {.over = over};
    bed.tick = tpi_reactor_sit(worker, &bed.poller);
    int64_t now = tpp_now(TPP_CLOCK_MONOTONIC);
    if (how == DOZE_IDLE)
        bed.over = end_of_idleness(worker, now, bed.poller);
    tpi_count(&worker->busy_ns, (uint64_t)(now - worker->awake_since));
    enum end end = sleep_until(worker, &bed);
    worker->awake_since = tpp_now(TPP_CLOCK_MONOTONIC);
    worker->ticked = end == END_TICK;
    worker->rested = worker->awake_since - now >= TPP_GATE_PERIOD_NS;
    worker->summoned = false;
    return end;
}

/* Falls asleep. True: woken. False: the time is over, and the bit is ours again. */
static bool doze(struct tpi_worker *worker, enum doze how, int64_t until)
{
    struct tpi_pool *pool = worker->pool;
    tpp_store_relaxed(&worker->park, PARK_ASLEEP); /* relaxed: released with the idle bit */
    tpi_idle_set(&pool->idle, worker->id);
    tpp_probe(TPP_PROBE_IDLE, pool, worker->id);
    if (worker->searching) {
        worker->searching = false;
        tpp_store_release(&pool->searching, 0); /* [PK3] */
    }
    tpp_fence_seq_cst();               /* [PK1] [SH1] */
    if (tpp_load_relaxed(&pool->shut)) /* relaxed: ordered by the fence */
        tpi_pool_shut_moved(pool);
    if (must_stay_up(worker, how) && tpi_idle_take(&pool->idle, worker->id)) {
        /* Whoever published meanwhile may have trusted in this search: it goes on, unless somebody
         * else has begun one. */
        worker->waker = 0;
        worker->eager = true;
        become_searcher(worker);
        return true;
    }
    switch (sleep_idle(worker, how, until)) {
    case END_OVER:
        return false;
    case END_TICK: /* what is due, it will take itself; and pass the search on if there is more */
        worker->waker = 0;
        become_searcher(worker);
        return true;
    case END_WOKEN:
        break;
    }
    uint32_t value = tpp_load_relaxed(&worker->park); /* relaxed: acquired in sleep_until */
    worker->searching = value >= PARK_SEARCH;
    worker->waker = worker->searching ? value - PARK_SEARCH + 1 : 0;
    if (!worker->searching) {
        /* It may have been the searcher until just now, and others trusted in it. */
        worker->eager = true;
        become_searcher(worker);
    }
    return true;
}

/* A worker that may not leave sleeps without a deadline, so that an idle process is truly idle.
 * Whoever makes leaving possible looks at `forever` and wakes it: tpi_pool_leave. */
static void doze_forever(struct tpi_worker *worker)
{
    struct tpi_pool *pool = worker->pool;
    /* [PK4] before the idle bit, the fence and the last look in doze: either that look finds that
     * leaving became possible, or whoever made it so finds the bit. Those fences do it: the count
     * itself could be relaxed, as could the look at it, and the end. */
    tpp_add_acq_rel(&pool->forever, 1);
    doze(worker, DOZE_FOREVER, TPP_FOREVER);
    tpp_sub_acq_rel(&pool->forever, 1); /* [PK4] */
}

bool tpi_park_sleep(struct tpi_worker *worker)
{
    struct tpi_pool *pool = worker->pool;
    if (spin(worker))
        return true;
    if (must_leave(worker) && tpi_pool_thread_leaves(pool, worker, false))
        return false;
    if (doze(worker, DOZE_IDLE, 0))
        return true;
    if (tpi_pool_thread_leaves(pool, worker, true))
        return false;
    doze_forever(worker);
    return true;
}

bool tpi_park_sleep_until(struct tpi_worker *worker, int64_t deadline)
{
    return doze(worker, DOZE_UNTIL, deadline);
}
