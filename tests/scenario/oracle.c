/* oracle.c - what is checked at each probe; the looks at rest are in oracle_rest.c and
 * oracle_timers.c. */
#include "tests/scenario/oracle_state.h"

#include <string.h>

struct oracle oracle;

/* ---- what is known of fibers, pools and tasks ------------------------------------------------ */

struct oracle_fiber *oracle_self(void)
{
    uint64_t number = tpp_thread_id() - 101; /* the simulator counts from there */
    if (number >= ORACLE_FIBERS)
        tpps_fail("oracle: too many threads");
    return &oracle.fibers[number];
}

struct oracle_pool *oracle_pool(struct tpi_pool *pool)
{
    uint32_t birth = tpp_peek(&pool->birth), i = 0;
    while (i < oracle.pool_count && oracle.pools[i].pool != pool)
        i++;
    if (i == ORACLE_POOLS)
        tpps_fail("oracle: too many pools");
    struct oracle_pool *known = &oracle.pools[i];
    if (i == oracle.pool_count)
        oracle.pool_count++;
    else if (known->birth == birth)
        return known;
    *known = (struct oracle_pool){.pool = pool, .birth = birth};
    return known;
}

/* A maximum that was lowered counts from the next rest on: claims may be under way. */
uint32_t oracle_allowed(struct oracle_pool *known)
{
    uint32_t maximum = tpp_peek(&known->pool->maximum);
    if (known->allowed < maximum)
        known->allowed = maximum;
    return known->allowed;
}

/* NULL if it is not known and shall not be. */
static struct oracle_task *task_of(const struct tpi_task *task, bool make)
{
    struct oracle_task *unused = NULL;
    for (uint32_t i = 0; i < oracle.task_count; i++) {
        if (oracle.tasks[i].task == task)
            return &oracle.tasks[i];
        if (!oracle.tasks[i].task)
            unused = &oracle.tasks[i];
    }
    if (!make)
        return NULL;
    if (!unused) {
        if (oracle.task_count == ORACLE_TASKS)
            tpps_fail("oracle: too many tasks");
        unused = &oracle.tasks[oracle.task_count++];
    }
    *unused = (struct oracle_task){.task = task};
    return unused;
}

static struct tpi_pool *home_of(const struct tpi_task *task)
{
    return tpp_peek(&task->home);
}

/* Is what was published still there to be claimed? */
static bool waits(const struct oracle_task *known)
{
    uint64_t word;
    if (!known->task || !known->published)
        return false;
    word = tpp_peek(&known->task->word);
    return (word & TPI_STATE_QUEUED) && tpi_state_epoch(word) == known->epoch;
}

/* ---- locks ----------------------------------------------------------------------------------- */

static void lock_taken(const void *lock)
{
    struct oracle_fiber *self = oracle_self();
    for (uint32_t i = 0; i < oracle.held_count; i++)
        if (oracle.held[i].lock == lock)
            tpps_fail("oracle: a lock has two holders");
    if (oracle.held_count == ORACLE_LOCKS)
        tpps_fail("oracle: too many locks");
    oracle.held[oracle.held_count++] = (struct oracle_held){lock, self};
    self->locks++;
}

static void lock_dropped(const void *lock)
{
    struct oracle_fiber *self = oracle_self();
    for (uint32_t i = 0; i < oracle.held_count; i++)
        if (oracle.held[i].lock == lock && oracle.held[i].holder == self) {
            oracle.held[i] = oracle.held[--oracle.held_count];
            self->locks--;
            return;
        }
    tpps_fail("oracle: a lock was dropped by somebody who does not hold it");
}

static bool holds(const struct oracle_fiber *fiber, const void *lock)
{
    for (uint32_t i = 0; i < oracle.held_count; i++)
        if (oracle.held[i].lock == lock && oracle.held[i].holder == fiber)
            return true;
    return false;
}

/* ---- queues ---------------------------------------------------------------------------------- */

static bool kept(const struct tpi_task *task)
{
    return tpp_peek(&task->traits) & TPI_TRAIT_KEPT;
}

static struct tpi_inject *queue_of(const struct tpi_task *task, uint64_t priority)
{
    struct tpi_pool *pool = home_of(task);
    return kept(task) ? &pool->kept[priority] : &pool->inject[priority];
}

/* The epoch in which the task was queued just now: under a lock of the shared queue it is the
 * word's, in a ring it stands on the ticket that the calling worker has just put in. */
static uint32_t epoch_published(const struct tpi_task *task, uint64_t priority)
{
    struct oracle_fiber *self = oracle_self();
    struct tpi_inject *shared = queue_of(task, priority);
    if (holds(self, &shared->in) || holds(self, &shared->out))
        return tpi_state_epoch(tpp_peek(&task->word));
    struct tpi_ring *ring = &tpi_worker_self()->ring; /* it may not have looked for work yet */
    uint32_t slot = (tpp_peek(&ring->tail) - 1) & (TPP_RING_CAPACITY - 1);
    return tpi_ticket_epoch(tpp_peek(&ring->tickets[slot]));
}

static const char passed_over[] = "a task of higher priority was in the queues all along";

static void published(const struct tpi_task *task, uint64_t priority)
{
    struct oracle_task *known = task_of(task, true);
    uint32_t epoch = epoch_published(task, priority);
    if (waits(known) && known->epoch == epoch) { /* it only moves from one queue to another */
        if (known->suspects != 0)
            tpps_fail("oracle: %s, on its way to another", passed_over);
        return;
    }
    known->published = true;
    known->epoch = epoch;
    known->priority = (uint32_t)priority;
    known->since = ++oracle.now;
    known->suspects = 0;
    /* Alone in the shared queue, a task with more posts goes back without the lock of those who
     * append: they come at the same time, and it is as if it had gone back at once. */
    struct tpi_inject *shared = queue_of(task, priority);
    if (holds(oracle_self(), &shared->out) && !holds(oracle_self(), &shared->in))
        known->since = known->taken;
}

/* Which workers may just have taken the task's ticket out of their rings: it lies behind the
 * head. A worker passes a schedule point between that and its probe. */
static uint64_t who_may_hold(struct tpi_pool *pool, const struct oracle_task *known)
{
    uint64_t ticket = tpi_ticket(known->task, known->epoch), mask = 0;
    uint32_t active = tpp_peek(&pool->active);
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = oracle_worker(pool, id);
        for (uint32_t i = 0; worker && i < TPP_RING_CAPACITY; i++)
            if (tpp_peek(&worker->ring.tickets[i]) == ticket)
                mask |= UINT64_C(1) << id;
    }
    return mask | SUSPECTED;
}

/* `other` should have been taken first, if it is in a queue or on its way between two. If it is in
 * none, its next step tells whether somebody had taken it by then. */
static void judge(struct oracle_fiber *self, struct oracle_task *other)
{
    struct tpi_pool *pool = self->worker->pool;
    if (tpp_peek(&other->task->slot.linked) || oracle_in_a_ring(pool, other->task, other->epoch))
        self->wrong = passed_over;
    else if (other->suspects == 0)
        other->suspects = who_may_hold(pool, other);
}

/* Was it really out of the queues when somebody took a task of lower priority? */
static void clear_suspicion(const struct oracle_fiber *self, struct oracle_task *known)
{
    bool mine = known->suspects >> self->worker->id & 1;
    if (waits(known) && known->suspects != 0 && (!mine || self->locks != 0))
        tpps_fail("oracle: %s, on its way to another", passed_over);
    known->suspects = 0;
}

/* Whom should the worker have taken instead? Judged when the claim has succeeded: a ticket may turn
 * out stale. */
static void dequeued(const struct tpi_task *task, uint64_t priority)
{
    struct oracle_fiber *self = oracle_self();
    struct oracle_task *known = task_of(task, true);
    struct tpi_pool *pool = self->worker->pool;
    /* With a weak memory a post may be published and not yet to be seen by whoever requeues. */
    bool exact = !oracle_pool(pool)->wide && known->published && !tpps_weak_;
    self->wrong = NULL;
    clear_suspicion(self, known);
    for (uint32_t i = 0; i < oracle.task_count; i++) {
        struct oracle_task *other = &oracle.tasks[i];
        if (other == known || !waits(other) || home_of(other->task) != pool)
            continue;
        /* Persistent ones are seen by one worker only, and are a queue of their own. */
        if (kept(other->task) && tpp_peek(&pool->keeper) != self->worker->id + 1)
            continue;
        if (other->priority < priority && other->since < self->scan && !tpps_weak_)
            judge(self, other);
        if (exact && other->priority == priority && kept(other->task) == kept(task) &&
            other->since < known->since)
            self->wrong = "a task published earlier was passed over on a one-thread pool";
    }
    known->published = false;
    known->taken = ++oracle.now;
}

static void scan_begins(struct tpi_pool *pool, uint64_t id)
{
    struct oracle_fiber *self = oracle_self();
    struct oracle_pool *known = oracle_pool(pool);
    self->worker = oracle_worker(pool, (uint32_t)id);
    self->scan = ++oracle.now;
    self->wrong = NULL;
    known->wide = known->wide || tpp_peek(&pool->maximum) != 1;
    oracle_allowed(known);
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static void claimed(const struct tpi_task *task)
{
    struct oracle_fiber *self = oracle_self();
    if (self->wrong)
        tpps_fail("oracle: %s", self->wrong);
    task_of(task, true)->active++;
    self->claimed = task;
}

/* Posts that wait are dropped; or the one that the pool's shutdown lets nobody begin any more. */
static void dropped(const struct tpi_task *task)
{
    struct oracle_fiber *self = oracle_self();
    if (self->claimed == task)
        task_of(task, true)->active--;
    self->claimed = NULL;
}

/* An operation was claimed like a callback, but calls nobody. */
static void carried_out(const struct tpi_task *task)
{
    uint32_t kind = tpp_peek(&task->traits) >> TPI_TRAIT_KIND_SHIFT & 31u;
    if (kind == TPI_KIND_OPERATION)
        dropped(task);
}

/* A thread that drains a caller-driven pool within a callback of another is a thread of both. */
static bool runs(const struct oracle_fiber *fiber, const struct oracle_pool *known)
{
    for (uint32_t i = 0; i < fiber->depth; i++)
        if (fiber->stack[i] == known)
            return true;
    return false;
}

static void callback_begins(const struct tpi_task *task)
{
    struct oracle_fiber *self = oracle_self();
    struct oracle_pool *known = oracle_pool(home_of(task));
    bool helps = runs(self, known);
    self->claimed = NULL;
    if (self->locks != 0)
        tpps_fail("oracle: a callback begins with a lock of the library held");
    if (self->depth == ORACLE_DEPTH)
        tpps_fail("oracle: too many callbacks on one stack");
    self->stack[self->depth++] = known;
    known->depth++;
    if (!helps && ++known->running > oracle_allowed(known))
        tpps_fail("oracle: %u callbacks at once, %u allowed", known->running, known->allowed);
}

static void callback_ended(const struct tpi_task *task)
{
    struct oracle_fiber *self = oracle_self();
    struct oracle_pool *known = self->stack[--self->depth];
    known->depth--;
    if (!runs(self, known))
        known->running--;
    task_of(task, true)->active--;
}

/* ---- threads and ends ------------------------------------------------------------------------ */

static void spawned(struct tpi_pool *pool, uint64_t threads)
{
    uint32_t maximum = tpp_peek(&pool->maximum);
    oracle_allowed(oracle_pool(pool));
    if (threads > maximum && threads > oracle.raising)
        tpps_fail("oracle: %u threads, %u allowed", (uint32_t)threads, maximum);
}

static void freed(const void *slot, uint64_t kind)
{
    const struct tpi_task *task = slot; /* the slot is the first member */
    if (kind == TPI_KIND_EVENT || kind == TPI_KIND_SEMAPHORE || kind == TPI_KIND_MUTEX)
        oracle.waitables_closed = true;
    struct oracle_task *known = task_of(task, false);
    if (!known)
        return; /* something else, or a creation that failed half way */
    uint64_t word = tpp_peek(&task->word);
    if (known->active != 0 || tpi_state_running(word) != 0 || (word & TPI_STATE_DETACHED))
        tpps_fail("oracle: an object is freed while a callback of it runs");
    if (tpi_state_pending(word) != 0 || (word & TPI_STATE_QUEUED) || tpp_peek(&task->slot.linked))
        tpps_fail("oracle: an object is freed while posts of it are queued");
    known->task = NULL;
}

/* At most one worker believes that it is the searcher, and the pool knows. */
BLIND static void check_searchers(struct tpi_pool *pool)
{
    uint32_t count = 0, active = tpp_peek(&pool->active);
    for (uint32_t id = 0; id < active; id++) {
        struct tpi_worker *worker = oracle_worker(pool, id);
        count += worker && tpp_peek(&worker->alive) && worker->searching;
    }
    if (count > 1 || tpp_peek(&pool->searching) > 1)
        tpps_fail("oracle: %u workers search at once", count);
    if (count > tpp_peek(&pool->searching))
        tpps_fail("oracle: a worker searches and the pool does not know");
}

static void on_probe(enum tpp_probe probe, const void *subject, uint64_t value)
{
    /* Subjects are const for everybody; what is looked at here wants its own type back. */
    struct tpi_pool *pool = (struct tpi_pool *)(uintptr_t)subject;
    switch (probe) {
    case TPP_PROBE_PUBLISH:
        published(subject, value);
        break;
    case TPP_PROBE_SCAN:
        scan_begins(pool, value);
        check_searchers(pool);
        break;
    case TPP_PROBE_DEQUEUE:
        dequeued(subject, value);
        break;
    case TPP_PROBE_CLAIM:
        claimed(subject);
        break;
    case TPP_PROBE_IDLE:
        check_searchers(pool);
        break;
    case TPP_PROBE_SPAWN:
        spawned(pool, value);
        break;
    case TPP_PROBE_USER_ENTER:
        callback_begins(subject);
        break;
    case TPP_PROBE_USER_LEAVE:
        callback_ended(subject);
        break;
    case TPP_PROBE_LOCK:
        lock_taken(subject);
        break;
    case TPP_PROBE_UNLOCK:
        lock_dropped(subject);
        break;
    case TPP_PROBE_FREE:
        freed(subject, value);
        break;
    case TPP_PROBE_DROP:
        dropped(subject);
        break;
    case TPP_PROBE_FINISH:
        carried_out(subject);
        break;
    case TPP_PROBE_UNPUBLISH: /* what the word says is enough for these */
    case TPP_PROBE_WAKE:
    case TPP_PROBE_RETIRE:
        break;
    }
}

/* ---- what scenarios call --------------------------------------------------------------------- */

void oracle_begin(void)
{
    memset(&oracle, 0, sizeof oracle);
    tpps_on_probe(on_probe);
    tpps_on_quiet(oracle_rest, NULL);
}

BLIND void oracle_over(uint32_t kept)
{
    oracle.over = true;
    oracle.kept = kept;
}

BLIND void oracle_raising(uint32_t threads)
{
    if (oracle.raising < threads)
        oracle.raising = threads;
}

BLIND void oracle_processors_followed(void)
{
    oracle.processors = 0;
}

BLIND void oracle_outside(void)
{
    if (oracle_self()->locks != 0)
        tpps_fail("oracle: code of the application is called with a lock of the library held");
}

BLIND uint64_t oracle_rests(void)
{
    return oracle.rests;
}

BLIND void oracle_allow_hooks(void)
{
    oracle.hooks = true;
}
