/* operations.c - the ways of an I/O operation from submit to its outcome: see operations.h. */
#include "core/sched/operations.h"

#include <errno.h>

#include "core/sched/pool.h"
#include "core/sched/waits.h"
#include "core/sched/worker.h"

#define SHUN_MOST 63u

static struct tpi_pool *pool_of(struct tpi_channel *channel)
{
    return tpi_task_target(channel->task).home;
}

static const struct tpp_outcome canceled = {.error = ECANCELED, .bytes = 0};
static const struct tpp_outcome untried = {.error = EAGAIN, .bytes = 0};

/* ---- at once --------------------------------------------------------------------------------- */

static bool reads(const struct tpi_operation *operation)
{
    switch (operation->request.opcode) {
    case TPP_READ:
    case TPP_READV:
    case TPP_RECV:
    case TPP_RECVMSG:
        return true;
    default:
        return false;
    }
}

static bool writes(const struct tpi_operation *operation)
{
    switch (operation->request.opcode) {
    case TPP_WRITE:
    case TPP_WRITEV:
    case TPP_SEND:
    case TPP_SENDMSG:
        return true;
    default:
        return false;
    }
}

static bool syncs(const struct tpi_operation *operation)
{
    return operation->request.opcode == TPP_FSYNC || operation->request.opcode == TPP_FDATASYNC;
}

/* Data of a file is at hand as a rule, where the last was. relaxed, all: hints. */
static bool may_be_cached(struct tpi_channel *channel)
{
    uint32_t shun = tpp_load_relaxed(&channel->shun);
    if (shun == 0)
        return true;
    tpp_store_relaxed(&channel->shun, shun - 1);
    return false;
}

/* Is it likely enough that it need not wait? What is no use trying elsewhere fails here. */
static bool worth_trying(struct tpi_operation *operation)
{
    struct tpi_channel *channel = operation->channel;
    switch ((enum tpp_file_kind)operation->request.kind) {
    case TPP_DIRECT:
        return !reads(operation) && !writes(operation) && !syncs(operation);
    case TPP_DISK:
        if (reads(operation))
            return may_be_cached(channel);
        return !writes(operation) && !syncs(operation);
    case TPP_SOCKET:
    case TPP_STREAM:
        break;
    }
    if (reads(operation) || operation->request.opcode == TPP_ACCEPT)
        return tpp_load_relaxed(&channel->eager); /* relaxed: a hint */
    return operation->request.opcode != TPP_POLL;
}

/* relaxed, all: hints. */
static void learn(struct tpi_operation *operation, struct tpp_outcome outcome)
{
    struct tpi_channel *channel = operation->channel;
    bool accepts = operation->request.opcode == TPP_ACCEPT;
    if (!reads(operation) && !accepts)
        return;
    if (outcome.error == EAGAIN) {
        uint32_t wary = tpp_load_relaxed(&channel->wary);
        wary = wary < SHUN_MOST / 2 ? 2 * wary + 1 : SHUN_MOST;
        tpp_store_relaxed(&channel->wary, wary);
        tpp_store_relaxed(&channel->shun, wary);
    } else if (tpp_load_relaxed(&channel->wary) > 0) {
        tpp_store_relaxed(&channel->wary, 0);
    }
    uint32_t eager = outcome.error != EAGAIN &&
                     (accepts || outcome.error != 0 || outcome.bytes == operation->request.length);
    if (eager != tpp_load_relaxed(&channel->eager))
        tpp_store_relaxed(&channel->eager, eager);
}

/* ---- under the channel's lock: where it goes ------------------------------------------------- */

/* The channel's address, which is one for ever, and the end of its generation: an event that comes
 * late is not as late as a round of those. */
#define KEY_ADDRESS ((UINT64_C(1) << 48) - 1)

static uint64_t poll_key(struct tpi_channel *channel, uint32_t generation)
{
    return TPI_OPERATIONS_KEY | (uint64_t)(generation & 0x7fff) << 48 | (uintptr_t)channel;
}

/* peek: an operation in flight keeps the object. */
static uint64_t own_key(struct tpi_channel *channel)
{
    return poll_key(channel, tpp_peek(&channel->task->slot.generation));
}

static uint32_t waited_for(struct tpi_channel *channel)
{
    uint32_t states = 0;
    for (struct tpi_link *link = channel->waiting.next; link != &channel->waiting;
         link = link->next)
        states |= tpi_container(link, struct tpi_operation, link)->states;
    return states;
}

/* Has the poller tell of these states besides the others. 0 or a positive errno. */
static int listen_for(struct tpi_channel *channel, uint32_t states)
{
    struct tpp_poller *poller = tpi_sources_poller(&pool_of(channel)->reactor.sources);
    uint32_t all = channel->listens_for | states;
    int failed = 0;
    if (!channel->polled)
        failed = tpp_poller_add(poller, channel->own, all, own_key(channel));
    else if (all != channel->listens_for || channel->silent)
        failed = tpp_poller_modify(poller, channel->own, all, own_key(channel));
    if (failed)
        return failed;
    channel->polled = true;
    channel->silent = false;
    channel->listens_for = all;
    return 0;
}

static void listen_no_more(struct tpi_channel *channel)
{
    if (channel->polled)
        (void)tpp_poller_remove(tpi_sources_poller(&pool_of(channel)->reactor.sources),
                                channel->own);
    channel->polled = channel->silent = false;
    channel->listens_for = 0;
}

/* Nobody has heard what the poller tells again and again. Where it cannot be made to tell less, it
 * is not to tell anything, once nobody waits. */
static void listen_less(struct tpi_channel *channel)
{
    struct tpp_poller *poller = tpi_sources_poller(&pool_of(channel)->reactor.sources);
    uint32_t states = waited_for(channel);
    bool silent = tpi_list_empty(&channel->waiting);
    if (channel->silent)
        return;
    if (tpp_poller_modify(poller, channel->own, silent ? TPP_POLL_ONCE : states,
                          own_key(channel)) == 0) {
        channel->silent = silent;
        channel->listens_for = states;
    } else if (silent) {
        listen_no_more(channel);
    }
}

/* 0 or a positive errno. */
static int wait_in_list(struct tpi_channel *channel, struct tpi_operation *operation)
{
    int failed = listen_for(channel, operation->states);
    if (failed)
        return failed;
    operation->place = TPI_PLACE_WAITING;
    tpi_list_push_back(&channel->waiting, &operation->link);
    return 0;
}

struct tpi_ready tpi_operation_task(struct tpi_operation *operation)
{
    struct tpi_task *task = &operation->task;
    struct tpi_target target = tpi_task_target(operation->channel->task);
    uint32_t traits = (uint32_t)TPI_KIND_OPERATION << TPI_TRAIT_KIND_SHIFT | target.priority;
    tpi_task_init(task, traits, target.home, target.home_generation, true);
    /* peek: nobody else knows the task. */
    return (struct tpi_ready){tpi_task_target(task), task, tpi_state_epoch(tpp_peek(&task->word))};
}

/* Leaves it to a worker; to the one that waits for its object, if that is the only one there is. */
static void queue_up(struct tpi_channel *channel, struct tpi_operation *operation,
                     struct tpi_posts *posts)
{
    operation->place = TPI_PLACE_QUEUE;
    struct tpi_ready ready = tpi_operation_task(operation);
    tpi_posts_add(posts, &ready);
    if (channel->helpers > 0)
        tpi_task_wake(channel->task);
}

/* The worker that submits the operation. */
static struct tpi_worker *own_worker(struct tpi_pool *pool)
{
    struct tpi_worker *worker = tpi_worker_self();
    return worker && worker->pool == pool ? worker : NULL;
}

/* Which of the ways; requests of others than workers are left to these. Lock held. */
static bool choose_way(struct tpi_channel *channel, struct tpi_operation *operation,
                       struct tpi_posts *posts, struct tpp_outcome *outcome_out)
{
    struct tpi_pool *pool = pool_of(channel);
    *outcome_out = canceled;
    if (operation->aborted)
        return false;
    if (!tpi_operation_blocks(operation)) {
        *outcome_out = (struct tpp_outcome){.error = wait_in_list(channel, operation), .bytes = 0};
        return outcome_out->error == 0;
    }
    if (own_worker(pool) && tpi_operation_rings(operation)) {
        tpi_port_put(&pool->port, operation);
        return true;
    }
    queue_up(channel, operation, posts);
    return true;
}

/* Makes it wait, this thread being at it; false if it is over: *outcome_out says how. */
static bool hand_over(struct tpi_operation *operation, struct tpi_posts *posts,
                      struct tpp_outcome *outcome_out)
{
    struct tpi_channel *channel = operation->channel;
    tpi_lock_take(&channel->lock);
    bool handed = choose_way(channel, operation, posts, outcome_out);
    tpi_lock_drop(&channel->lock);
    return handed;
}

/* ---- submitting ------------------------------------------------------------------------------ */

/* Not done at once. */
static int begin_to_wait(struct tpi_operation *operation, struct tpi_posts *posts)
{
    struct tpp_outcome outcome;
    if (hand_over(operation, posts, &outcome))
        return 0;
    if (outcome.error != ECANCELED)
        return outcome.error;
    tpi_operation_complete(operation, outcome, posts);
    return 0;
}

/* 0 or a positive errno: then the operation has not begun. */
static int begin(struct tpi_operation *operation, struct tpi_posts *posts)
{
    if (worth_trying(operation)) {
        struct tpp_outcome outcome = tpp_operate(&operation->request, false);
        learn(operation, outcome);
        if (outcome.error != EAGAIN) {
            tpi_operation_complete(operation, outcome, posts);
            return 0;
        }
    }
    return begin_to_wait(operation, posts);
}

/* A worker that has more to run waits for the end of that batch, if the gate looks in meanwhile. */
void tpi_operations_flush(void)
{
    struct tpi_worker *worker = tpi_worker_self();
    if (!worker || !tpi_port_unflushed(&worker->pool->port))
        return;
    tpp_fence_seq_cst(); /* [PB1] */
    if (tpi_ring_size(&worker->ring) == 0 || !tpi_reactor_guarded(worker->pool))
        tpi_port_flush(worker->pool);
}

tp_status_t tpi_operation_submit(struct tpi_channel *channel, uint32_t generation, void *key,
                                 const struct tpp_request *request, int *errno_out)
{
    struct tpi_posts posts;
    struct tpi_operation *operation = tpi_operation_new();
    if (!operation)
        return TP_ERR_NO_MEMORY;
    posts.count = 0;
    operation->key = key;
    operation->request = *request;
    tp_status_t status = tpi_channel_admit(channel, generation, operation);
    if (status != TP_OK) {
        tpi_operation_free(operation);
        return status;
    }
    struct tpi_pool *pool = pool_of(channel); /* it may be gone once the operation has begun */
    int failed = begin(operation, &posts);
    if (failed)
        tpi_channel_withdraw(operation, &posts);
    struct tpi_worker *worker = own_worker(pool);
    if (worker && posts.count == 1 && posts.ready[0].target.home == pool)
        tpi_pool_publish_soon(&posts.ready[0], worker);
    else
        tpi_posts_publish(&posts);
    *errno_out = failed;
    if (failed)
        return failed == ENOMEM ? TP_ERR_NO_MEMORY : TP_ERR_SYSTEM;
    return TP_OK;
}

/* ---- ready, and told ------------------------------------------------------------------------- */

/* The operations that wait for one of these states are left to workers, as many as there is room
 * for in the posts: the poller will tell of the others again. False if there is none. Lock held. */
static bool queue_ready(struct tpi_channel *channel, uint32_t events, struct tpi_posts *posts)
{
    bool any = false;
    struct tpi_link *next;
    for (struct tpi_link *link = channel->waiting.next; link != &channel->waiting; link = next) {
        struct tpi_operation *operation = tpi_container(link, struct tpi_operation, link);
        next = link->next;
        if (!(events & (operation->states | TPI_ALWAYS)))
            continue;
        any = true;
        if (posts->count == TPI_POSTS)
            break;
        tpi_list_remove(link);
        queue_up(channel, operation, posts);
    }
    return any;
}

void tpi_operations_ready(const struct tpp_poller_event *event, bool slept, struct tpi_posts *posts)
{
    struct tpi_channel *channel = (struct tpi_channel *)(uintptr_t)(event->key & KEY_ADDRESS);
    if (posts->count > TPI_POSTS / 2)
        tpi_posts_flush(posts); /* now, while no lock is held */
    tpi_lock_take(&channel->lock);
    if (channel->polled &&
        poll_key(channel, tpi_slot_generation(&channel->task->slot)) == event->key &&
        !queue_ready(channel, event->events, posts) && slept)
        listen_less(channel);
    tpi_lock_drop(&channel->lock);
}

void tpi_operation_told(struct tpi_operation *operation, struct tpp_outcome outcome,
                        struct tpi_posts *posts)
{
    struct tpi_channel *channel = operation->channel;
    if (posts->count == TPI_POSTS)
        tpi_posts_flush(posts); /* now, while no lock of an object is held */
    tpi_lock_take(&channel->lock);
    bool refused = outcome.error == EAGAIN, undone = outcome.error == EINTR || refused;
    bool again = !operation->aborted && (undone || outcome.error == ECANCELED);
    operation->by_thread = refused;
    if (!again)
        operation->place = TPI_PLACE_THREAD;
    else if (refused)
        queue_up(channel, operation, posts);
    else /* the system's own doing: the thread that handed it over has gone */
        tpi_port_put(&pool_of(channel)->port, operation);
    tpi_lock_drop(&channel->lock);
    if (!again)
        tpi_operation_complete(operation, undone ? canceled : outcome, posts);
}

bool tpi_operation_run(struct tpi_operation *operation, struct tpp_outcome *outcome_out)
{
    struct tpi_channel *channel = operation->channel;
    tpi_task_finish_alone(&operation->task);
    tpp_probe(TPP_PROBE_FINISH, &operation->task, 0);
    tpi_lock_take(&channel->lock);
    bool over = operation->place == TPI_PLACE_NOWHERE;
    bool aborted = operation->aborted;
    if (!over)
        operation->place = TPI_PLACE_THREAD;
    tpi_lock_drop(&channel->lock);
    if (over)
        return false;
    if (aborted) {
        *outcome_out = canceled;
    } else if (!tpi_operation_blocks(operation)) {
        *outcome_out = tpp_operate(&operation->request, false);
        learn(operation, *outcome_out);
    } else {
        bool rings = tpi_operation_rings(operation);
        *outcome_out = rings ? untried : tpp_operate(&operation->request, true);
    }
    return true;
}

void tpi_operation_ran(struct tpi_operation *operation, struct tpp_outcome outcome,
                       struct tpi_posts *posts)
{
    bool waits = !tpi_operation_blocks(operation) || tpi_operation_rings(operation);
    if (outcome.error == EAGAIN && waits && hand_over(operation, posts, &outcome))
        return; /* somebody else was faster, or the ring has it */
    tpi_operation_complete(operation, outcome, posts);
}

bool tpi_operation_rings(const struct tpi_operation *operation)
{
    return !operation->by_thread && tpi_port_has_ring(&pool_of(operation->channel)->port);
}

/* One that stands in a queue, or NULL. Lock held. */
static struct tpi_operation *queued(struct tpi_channel *channel)
{
    for (struct tpi_link *link = channel->flight.next; link != &channel->flight;
         link = link->next) {
        struct tpi_operation *one = tpi_container(link, struct tpi_operation, flight);
        if (one->place == TPI_PLACE_QUEUE)
            return one;
    }
    return NULL;
}

bool tpi_operation_help(struct tpi_channel *channel, struct tpi_worker *worker)
{
    uint32_t generation = 0;
    tpi_lock_take(&channel->lock);
    struct tpi_operation *operation = queued(channel);
    if (operation) /* peek: it is in use as long as it is in a chain */
        generation = tpp_peek(&operation->task.slot.generation);
    tpi_lock_drop(&channel->lock);
    if (!operation)
        return false;
    struct tpi_task *task = &operation->task;
    struct tpi_target target = tpi_task_target(task);
    if (target.home != worker->pool ||
        tpi_inject_help(tpi_pool_queue(&target), task, generation).effects & TPI_EFFECT_REFUSED)
        return false;
    tpi_inject_forget(tpi_pool_queue(&target), task); /* before it may be freed */
    tpp_probe(TPP_PROBE_CLAIM, task, 1);
    tpi_count(&worker->claimed[target.priority], 1);
    worker->pool->run(task, worker);
    return true;
}

/* ---- aborting -------------------------------------------------------------------------------- */

/* Lock held. One that only waits in the list goes into `ended`. */
static void abort_one(struct tpi_operation *operation, struct tpi_link *ended)
{
    if (operation->aborted)
        return;
    operation->aborted = true;
    if (operation->place == TPI_PLACE_RING)
        tpi_port_abort(pool_of(operation->channel), operation);
    if (operation->place != TPI_PLACE_WAITING)
        return; /* whoever is at it, or comes to it, finds it aborted */
    tpi_list_remove(&operation->link);
    operation->place = TPI_PLACE_THREAD;
    tpi_list_push_back(ended, &operation->link);
}

static void complete_all(struct tpi_link *ended)
{
    struct tpi_posts posts;
    posts.count = 0;
    while (!tpi_list_empty(ended)) {
        struct tpi_operation *operation = tpi_container(ended->next, struct tpi_operation, link);
        tpi_list_remove(&operation->link);
        tpi_operation_complete(operation, canceled, &posts);
    }
    tpi_posts_publish(&posts);
}

tp_status_t tpi_operation_abort(struct tpi_channel *channel, uint32_t generation, const void *key)
{
    struct tpi_link ended;
    tpi_list_init(&ended);
    if (!tpi_channel_enter(channel, generation))
        return TP_ERR_HANDLE;
    struct tpi_operation *operation = tpi_channel_find(channel, key);
    if (operation)
        abort_one(operation, &ended);
    tpi_lock_drop(&channel->lock);
    complete_all(&ended);
    return operation ? TP_OK : TP_ERR_ARGUMENT;
}

/* Those of a list that wait for a peer. Lock held. */
static void abort_peers(struct tpi_link *list, struct tpi_link *ended)
{
    for (struct tpi_link *link = list->next; link != list; link = link->next) {
        struct tpi_operation *one = tpi_container(link, struct tpi_operation, flight);
        if (!tpi_operation_blocks(one))
            abort_one(one, ended);
    }
}

void tpi_operations_shut(struct tpi_channel *channel, uint32_t generation)
{
    struct tpi_link ended;
    tpi_list_init(&ended);
    tpi_lock_take(&channel->lock);
    if (channel->held > 0 && tpi_slot_generation(&channel->task->slot) == generation) {
        abort_peers(&channel->flight, &ended);
        abort_peers(&channel->lost, &ended);
    }
    tpi_lock_drop(&channel->lock);
    complete_all(&ended);
}

/* ---- ending ---------------------------------------------------------------------------------- */

void tpi_operations_end(struct tpi_channel *channel)
{
    tpi_lock_take(&channel->lock);
    listen_no_more(channel);
    tpi_lock_drop(&channel->lock);
}

uint64_t tpi_operations_count(struct tpi_channel *channel)
{
    tpi_lock_take(&channel->lock);
    uint64_t count = (uint64_t)channel->expected + channel->lost_count;
    tpi_lock_drop(&channel->lock);
    return count;
}
