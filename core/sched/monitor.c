/* monitor.c - the gate: when it looks, what it sees, and the threads it adds; see monitor.h. */
#include "core/sched/monitor.h"

#include "core/sched/budget.h"
#include "core/sched/park.h"
#include "core/sched/worker.h"

#define GATE_STACK (UINT64_C(256) << 10)
#define ASLEEP_SAME 2u  /* looks within one callback */
#define ASLEEP_ANY 4u   /* looks in a row */
#define ASK_BLOCKED 16u /* looks between two questions about a blocked thread */
#define ASK_MOVING 8u   /* looks between two questions about a thread that gets on */
#define CPU_SPAN (20 * TPI_MS)
#define CPU_SHARE 50              /* one part in so many is as good as none */
#define RETRY_MAX (1000 * TPI_MS) /* between two tries to start a thread that the system refused */

static struct {
    struct tpi_lock lock;
    /* under lock */
    struct tpi_link pools;   /* watched; all zero at first */
    struct tpi_wheel covers; /* pools whose timers nobody else waits for */
    int64_t look_at;         /* when to look at watched pools next; TPP_FOREVER: there is none */
    int64_t alarm_at;        /* what the alarm is set to, or earlier */
    bool running;            /* there is a thread */
} gate;

/* ---- what it sees ---------------------------------------------------------------------------- */

/* The kernel hides what its threads do: less than its share of the processor is asleep. Told only
 * once the span is over; until then what was found last. */
static bool asleep_by_clock(struct tpi_gaze *gaze, int64_t now)
{
    if (now - gaze->cpu_at < CPU_SPAN)
        return gaze->asleep > 0;
    int64_t used = tpp_thread_cpu_time(gaze->thread_id);
    bool asleep =
        gaze->cpu_at > 0 && used >= 0 && used - gaze->cpu_ns < (now - gaze->cpu_at) / CPU_SHARE;
    gaze->cpu_at = now;
    gaze->cpu_ns = used;
    return asleep;
}

static bool asleep(struct tpi_gaze *gaze, int64_t now)
{
    if (gaze->thread_id == 0) /* it is about to begin */
        return false;
    char state = tpp_thread_state(gaze->thread_id);
    return state == '?' ? asleep_by_clock(gaze, now) : state != 'R';
}

/* Is the worker, which is in a callback, blocked in it? */
static bool blocked(struct tpi_worker *worker, uint64_t claims, uint32_t look, int64_t now)
{
    struct tpi_gaze *gaze = &worker->gaze;
    uint64_t thread_id = tpp_load_relaxed(&worker->thread_id); /* relaxed: 0 until it has begun */
    if (gaze->thread_id != thread_id)
        *gaze = (struct tpi_gaze){.thread_id = thread_id};
    bool same = claims == gaze->claims;
    bool known = gaze->claims > 0;
    gaze->claims = claims;
    if (same && gaze->blocked && gaze->skip-- > 0)
        return true;
    gaze->skip = 0;
    if (!same && known && gaze->asleep == 0 && look % ASK_MOVING != 0)
        return false;
    gaze->asleep = asleep(gaze, now) ? gaze->asleep + 1 : 0;
    gaze->blocked = gaze->asleep >= (same ? ASLEEP_SAME : ASLEEP_ANY);
    if (gaze->blocked)
        gaze->skip = ASK_BLOCKED;
    return gaze->blocked;
}

/* How many of the pool's threads run, or are about to. */
static void count_runnable(struct tpi_pool *pool, struct tpi_census *census, int64_t now)
{
    uint32_t active = tpp_load_acquire(&pool->active); /* [PL2] */
    pool->watch.look++;
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = tpi_pool_worker(pool, id);
        uint64_t claims;
        if (!tpp_load_relaxed(&worker->alive)) /* relaxed: a thread more or less */
            continue;
        if (!tpi_worker_in_callback(worker, &claims)) {
            census->runnable++;
        } else if (tpp_load_relaxed(&worker->declared) == 0 && /* relaxed: it said so, or will */
                   !blocked(worker, claims, pool->watch.look, now)) {
            census->runnable++;
            census->doubtful += worker->gaze.asleep > 0;
        }
    }
}

/* Has work been taken since the last look, other than by threads that the gate has added? */
static bool moved(struct tpi_watch *watch, uint64_t claims)
{
    uint64_t taken = claims - watch->claims;
    watch->claims = claims;
    if (taken <= watch->expected) {
        watch->expected -= taken;
        return false;
    }
    watch->expected = 0;
    return true;
}

static struct tpi_census census(struct tpi_pool *pool, int64_t now)
{
    struct tpi_census census = {0, 0, 0, false};
    uint64_t claims;
    uint64_t pending = tpi_pool_pending(pool, &claims);
    census.queued = pending > TPI_THREADS_MAXIMUM ? TPI_THREADS_MAXIMUM : (uint32_t)pending;
    if (census.queued == 0)
        census.queued = 1; /* work is to be seen: a count that is behind */
    census.claimed = moved(&pool->watch, claims);
    count_runnable(pool, &census, now);
    return census;
}

/* ---- what it does ---------------------------------------------------------------------------- */

/* Adds up to `count` threads. When the system refuses one it is left alone for a while, longer each
 * time. */
static void inject(struct tpi_pool *pool, uint32_t count, int64_t now)
{
    struct tpi_watch *watch = &pool->watch;
    for (; count > 0 && now >= watch->retry_at; count--) {
        if (tpi_pool_inject(pool)) {
            watch->expected++;
            watch->retry = 0;
            continue;
        }
        watch->retry = watch->retry ? 2 * watch->retry : TPP_GATE_PERIOD_NS;
        if (watch->retry > RETRY_MAX)
            watch->retry = RETRY_MAX;
        watch->retry_at = now + watch->retry;
    }
}

/* How many threads the pool should get now. */
static uint32_t lacking(struct tpi_pool *pool, const struct tpi_demand *demand, int64_t now)
{
    struct tpi_census seen = census(pool, now);
    if (tpi_policy_grow(demand)) /* it needs no gate for that: the system refused */
        return 1;
    if (seen.runnable >= tpi_policy_share(demand) && tpi_budget_ask(pool, true)) {
        struct tpi_demand now_allowed = tpi_pool_demand(pool);
        return tpi_policy_grow(&now_allowed);
    }
    return tpi_policy_inject(demand, &seen, &pool->watch.pace, now);
}

/* One look at a pool that cannot go away meanwhile. False if there is nothing to watch for. */
static bool look_at(struct tpi_pool *pool, int64_t now)
{
    if (tpi_pool_keeper_missing(pool)) {
        inject(pool, 1, now);
        return true;
    }
    if (!tpi_park_work_visible(pool))
        return false;
    /* relaxed: a look. Somebody who searches, or is just falling asleep, finds the work. */
    if (tpp_load_relaxed(&pool->searching) || tpi_idle_count(&pool->idle) > 0)
        return true;
    struct tpi_demand demand = tpi_pool_demand(pool);
    if (!tpi_policy_room(&demand)) {
        tpp_add_relaxed(&pool->cap_reached, 1); /* relaxed: a statistic */
        return false; /* a publisher has it watched again, and raising the maximum notifies */
    }
    inject(pool, lacking(pool, &demand, now), now);
    return true;
}

/* ---- when it looks --------------------------------------------------------------------------- */

static struct tpi_pool *pool_of(struct tpi_link *link)
{
    return tpi_container(link, struct tpi_pool, watch.link);
}

/* Under lock. */
static void unwatch(struct tpi_pool *pool)
{
    tpi_list_remove(&pool->watch.link);
    /* [GT1] Relaxed would do, here and in tpi_monitor_watch: it is read after a fence or under this
     * lock, which guards all it stands for. */
    tpp_store_release(&pool->watched, 0);
}

/* Looks at one pool, and lets go of it if there is nothing to watch for. The lock is held, and
 * dropped meanwhile. */
static void visit(struct tpi_pool *pool)
{
    bool held = tpi_pool_hold(pool);
    if (!held) {
        unwatch(pool); /* it is being buried */
        return;
    }
    uint32_t birth = tpp_peek(&pool->birth);
    tpi_lock_drop(&gate.lock);
    bool keep = look_at(pool, tpp_now(TPP_CLOCK_MONOTONIC));
    tpi_lock_take(&gate.lock);
    if (!keep)
        unwatch(pool);
    tpi_lock_drop(&gate.lock);
    if (!keep) {
        /* [GT1] Whoever published before the fence and trusted in the watch is seen here. */
        tpp_fence_seq_cst();
        struct tpi_demand demand = tpi_pool_demand(pool);
        if (tpi_policy_room(&demand) && tpi_park_work_visible(pool))
            tpi_park_notify(pool, birth);
    }
    tpi_pool_unhold(pool);
    tpi_lock_take(&gate.lock);
}

/* Every pool that was watched at the beginning, once. */
static void look_round(void)
{
    uint32_t count = 0;
    tpi_lock_take(&gate.lock);
    for (struct tpi_link *link = gate.pools.next; link != &gate.pools; link = link->next)
        count++;
    while (count-- > 0 && !tpi_list_empty(&gate.pools)) {
        struct tpi_link *link = gate.pools.next;
        tpi_list_remove(link); /* to the end: each comes once, whatever comes and goes meanwhile */
        tpi_list_push_back(&gate.pools, link);
        visit(pool_of(link));
    }
    gate.look_at = tpi_list_empty(&gate.pools) ? TPP_FOREVER
                                               : tpp_now(TPP_CLOCK_MONOTONIC) + TPP_GATE_PERIOD_NS;
    tpi_lock_drop(&gate.lock);
}

/* Posts what is due in every pool that is covered until now. */
static void cover_round(int64_t now)
{
    struct tpi_wheel_node *node;
    bool done = false;
    tpi_lock_take(&gate.lock);
    while (!done) { /* ends: who is covered anew meanwhile is so until later, or comes once more */
        if (tpi_wheel_expire(&gate.covers, now, &node, 1, &done) == 0)
            continue;
        struct tpi_pool *pool = tpi_container(node, struct tpi_pool, watch.cover);
        tpp_store_release(&pool->reactor.cover, (uint64_t)TPP_FOREVER); /* [DR1] */
        if (!tpi_pool_hold(pool))
            continue;
        uint32_t glances = pool->watch.glances;
        tpi_lock_drop(&gate.lock);
        tpi_reactor_attend(pool, glances);
        tpi_pool_unhold(pool);
        tpi_lock_take(&gate.lock);
    }
    tpi_lock_drop(&gate.lock);
}

/* Some poller that the gate watches has something. */
static bool attend_polled(struct tpi_slot *slot, void *context)
{
    struct tpi_pool *pool = tpi_container(slot, struct tpi_pool, slot);
    (void)context;
    if (!tpi_pool_hold(pool))
        return true;
    /* [GT2] an exchange: it finds the newest, however little the system's word for it orders. */
    if (tpp_exchange_acq_rel(&pool->watch.polled, 0))
        tpi_reactor_attend(pool, tpp_load_relaxed(&pool->watch.polled_glances)); /* relaxed: hint */
    tpi_pool_unhold(pool);
    return true;
}

static bool tell_jumped(struct tpi_slot *slot, void *context)
{
    struct tpi_pool *pool = tpi_container(slot, struct tpi_pool, slot);
    (void)context;
    /* [PL3] A pool may live on without a handle. Relaxed would do, both times: an acquire makes the
     * number no newer, and all that is looked at is words, or under the reactor's lock. */
    if (!(tpp_load_acquire(&pool->birth) & 1) || !tpi_pool_hold(pool))
        return true;
    if (tpp_load_acquire(&pool->birth) & 1) /* [PL3] */
        tpi_reactor_jumped(pool);
    tpi_pool_unhold(pool);
    return true;
}

/* ---- the alarm: under lock ------------------------------------------------------------------- */

static void set_alarm(int64_t at)
{
    gate.alarm_at = at;
    tpp_alarm_set(at == TPP_FOREVER ? TPP_FOREVER : at - tpp_now(TPP_CLOCK_MONOTONIC));
}

static int64_t next_alarm(void)
{
    int64_t next = tpi_wheel_next(&gate.covers);
    return next < gate.look_at ? next : gate.look_at;
}

static void set_earlier(int64_t at)
{
    if (at < gate.alarm_at)
        set_alarm(at);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void attend_to_alarm(void)
{
    int64_t now = tpp_now(TPP_CLOCK_MONOTONIC);
    cover_round(now);
    tpi_lock_take(&gate.lock);
    bool look = now >= gate.look_at;
    tpi_lock_drop(&gate.lock);
    if (look) {
        tpi_budget_refresh();
        look_round();
    }
    tpi_lock_take(&gate.lock);
    set_earlier(next_alarm());
    tpi_lock_drop(&gate.lock);
}

static void gate_main(void *argument)
{
    (void)argument;
    for (;;) { /* ends with the process */
        enum tpp_alarm reason = tpp_alarm_wait();
        /* [GT2] The lock in any case: a pool whose poller is watched, or whose timers may jump, has
         * been in it, and is seen from here on, however little the system's word orders. */
        tpi_lock_take(&gate.lock);
        if (reason == TPP_ALARM_TIME)
            gate.alarm_at = TPP_FOREVER; /* it is off, or was set anew just now: then once more */
        tpi_lock_drop(&gate.lock);
        if (reason == TPP_ALARM_TIME)
            attend_to_alarm();
        else
            tpi_slab_each(TPI_KIND_POOL, reason == TPP_ALARM_CLOCK ? tell_jumped : attend_polled,
                          NULL);
    }
}

/* Under lock. */
static void begin(void)
{
    if (gate.pools.next)
        return;
    tpi_list_init(&gate.pools);
    tpi_wheel_init(&gate.covers, tpp_now(TPP_CLOCK_MONOTONIC));
    gate.look_at = gate.alarm_at = TPP_FOREVER;
}

bool tpi_monitor_start(void)
{
    static const struct tpp_thread_options options = {.stack_size = GATE_STACK, .name = "tp-gate"};
    tpi_lock_take(&gate.lock);
    begin();
    if (!gate.running) /* under lock: whoever comes meanwhile waits until it is known */
        gate.running = tpp_thread_start(gate_main, NULL, &options) == 0;
    bool running = gate.running;
    tpi_lock_drop(&gate.lock);
    return running;
}

bool tpi_monitor_started(void)
{
    tpi_lock_take(&gate.lock);
    bool running = gate.running;
    tpi_lock_drop(&gate.lock);
    return running;
}

void tpi_monitor_watch(struct tpi_pool *pool, uint32_t birth)
{
    tpi_lock_take(&gate.lock);
    /* [PL3] under the lock: a life that ends after this look is forgotten under it, and one that
     * had ended before has changed the number. Relaxed would do, here and in tpi_monitor_cover. */
    if (!tpp_peek(&pool->watched) && tpp_load_acquire(&pool->birth) == birth) {
        if (tpi_list_empty(&gate.pools)) {
            gate.look_at = tpp_now(TPP_CLOCK_MONOTONIC) + TPP_GATE_PERIOD_NS;
            set_earlier(gate.look_at);
        }
        tpi_list_push_back(&gate.pools, &pool->watch.link);
        pool->watch.pace = (struct tpi_pace){0, 0, 0, 0, 0};
        pool->watch.expected = 0;
        pool->watch.retry = pool->watch.retry_at = 0;
        tpp_store_release(&pool->watched, 1); /* [GT1] */
    }
    tpi_lock_drop(&gate.lock);
}

/* Under lock. */
static void drop_cover(struct tpi_pool *pool)
{
    if (tpi_wheel_holds(&pool->watch.cover))
        tpi_wheel_remove(&gate.covers, &pool->watch.cover);
    tpp_store_release(&pool->reactor.cover, (uint64_t)TPP_FOREVER); /* [DR1] */
}

/* Has the gate woken by the pool's poller itself. */
static bool watch_poller(struct tpi_pool *pool)
{
    struct tpp_poller *poller = tpi_sources_poller(&pool->reactor.sources);
    if (!poller)
        return false;
    /* relaxed: a hint. */
    tpp_store_relaxed(&pool->watch.polled_glances, tpp_load_relaxed(&pool->reactor.glances));
    tpp_store_release(&pool->watch.polled, 1); /* [GT2] before anything can be ready */
    return tpp_alarm_watch(poller);
}

/* When to look at it: to be exact, or not before its threads had the time to. TPP_FOREVER: never,
 * or not until the poller wakes the gate. *soon_out: in so short a time that whoever listens is
 * content. */
static int64_t time_to_cover(struct tpi_pool *pool, bool exactly, bool *soon_out)
{
    int64_t at = (int64_t)tpp_load_acquire(&pool->reactor.wake); /* [DR1] */
    bool listening = tpp_load_acquire(&pool->reactor.listening); /* [DR1] */
    *soon_out = false;
    exactly = exactly || tpi_pool_driven(pool);
    bool nobody_idle = tpi_pool_driven(pool) || !tpi_idle_any(&pool->idle);
    if (exactly && listening && nobody_idle && !tpi_port_unflushed(&pool->port) &&
        watch_poller(pool))
        listening = false;
    if (!listening && (exactly || at == TPP_FOREVER))
        return at;
    int64_t soon = tpp_now(TPP_CLOCK_MONOTONIC) + TPP_GATE_PERIOD_NS;
    if (!exactly && at < soon)
        at = soon;
    *soon_out = listening;
    return listening && soon < at ? soon : at;
}

/* Is the gate told to come, and early enough? */
static bool covered(struct tpi_pool *pool)
{
    /* relaxed, all: a look, after the fence of [DR1]. */
    uint64_t cover = tpp_load_relaxed(&pool->reactor.cover);
    if (cover == (uint64_t)TPP_FOREVER || cover > tpp_load_relaxed(&pool->reactor.wake))
        return false;
    return !tpp_load_relaxed(&pool->reactor.listening) || tpp_load_relaxed(&pool->watch.soon);
}

void tpi_monitor_cover(struct tpi_pool *pool, uint32_t birth, bool exactly)
{
    struct tpi_wheel_node *node = &pool->watch.cover;
    if (covered(pool))
        return;
    tpi_lock_take(&gate.lock);
    /* [PL3] as in tpi_monitor_watch; so its poller is there, which is closed after that. */
    if (tpp_load_acquire(&pool->birth) == birth) {
        bool soon;
        int64_t at = time_to_cover(pool, exactly, &soon);
        if (at < (int64_t)tpp_peek(&pool->reactor.cover)) {
            drop_cover(pool);
            node->due = node->latest = at;
            pool->watch.glances = tpp_load_relaxed(&pool->reactor.glances); /* relaxed: a hint */
            tpi_wheel_add(&gate.covers, node);
            tpp_store_relaxed(&pool->watch.soon, soon); /* relaxed: it comes with the next */
            tpp_store_release(&pool->reactor.cover, (uint64_t)at); /* [DR1] */
            set_earlier(at);
        }
    }
    tpi_lock_drop(&gate.lock);
}

void tpi_monitor_uncover(struct tpi_pool *pool)
{
    tpi_lock_take(&gate.lock);
    drop_cover(pool);
    int64_t next = next_alarm();
    if (next > gate.alarm_at)
        set_alarm(next);
    tpi_lock_drop(&gate.lock);
}

void tpi_monitor_forget(struct tpi_pool *pool)
{
    tpi_lock_take(&gate.lock);
    if (tpp_peek(&pool->watched))
        unwatch(pool);
    drop_cover(pool);
    tpi_lock_drop(&gate.lock);
}

void tpi_monitor_reset(void)
{
    tpp_init(&gate.lock.word, 0);
    gate.pools.next = gate.pools.prev = NULL;
    gate.running = false;
}
