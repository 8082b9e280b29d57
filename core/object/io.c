/* io.c - what an I/O object has beyond other objects: a descriptor, bound once, and a channel. */
#include "core/object/io.h"

#include "core/object/instance.h"
#include "core/object/trade.h"
#include "core/sched/operations.h"

static struct tpi_io *io_of(struct tpi_object *object)
{
    return tpi_container(object, struct tpi_io, object);
}

static struct tpi_channel *channel_of(struct tpi_object *object)
{
    return &io_of(object)->channel;
}

/* ---- bound descriptors ----------------------------------------------------------------------- */

#define CHAINS 1024u

static struct {
    struct tpi_lock lock;
    struct tpi_link chains[CHAINS]; /* by number; all zero at first */
} table;

static struct tpi_link *chain_of(int number)
{
    struct tpi_link *chain = &table.chains[(uint32_t)number % CHAINS];
    if (!chain->next)
        tpi_list_init(chain);
    return chain;
}

static void take_out(struct tpi_io *io)
{
    tpi_list_remove(&io->bound);
    io->number = -1;
}

/* Is an open object bound to that number, which names the same file as then? One that was bound to
 * it when it named another is not looked at again. Lock held. */
static bool is_bound(int number)
{
    struct tpi_link *next, *chain = chain_of(number);
    for (struct tpi_link *link = chain->next; link != chain; link = next) {
        struct tpi_io *io = tpi_container(link, struct tpi_io, bound);
        next = link->next;
        if (io->number != number)
            continue;
        if (tpp_file_same(number, io->channel.own))
            return true;
        take_out(io);
    }
    return false;
}

static tp_status_t bind(struct tpi_io *io, int number)
{
    tpi_lock_take(&table.lock);
    bool taken = is_bound(number);
    if (!taken) {
        io->number = number;
        tpi_list_push_back(chain_of(number), &io->bound);
    }
    tpi_lock_drop(&table.lock);
    return taken ? TP_ERR_EXISTS : TP_OK;
}

static void unbind(struct tpi_io *io)
{
    tpi_lock_take(&table.lock);
    if (io->number >= 0)
        take_out(io);
    tpi_lock_drop(&table.lock);
}

void tpi_io_reset(void)
{
    for (uint32_t i = 0; i < CHAINS; i++)
        table.chains[i].next = NULL;
    tpp_init(&table.lock.word, 0);
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void init(struct tpi_object *object, const struct tpi_spec *spec)
{
    io_of(object)->number = -1;
    tpi_channel_init(channel_of(object), &object->task, *spec->own, spec->file_kind);
    *spec->own = TPI_NO_DESCRIPTOR;
}

static tp_status_t enter(struct tpi_object *object, const struct tpi_spec *spec,
                         struct tpi_pool *pool)
{
    tp_status_t status = tpi_port_prepare(pool, spec->errno_out);
    if (status == TP_OK)
        status = bind(io_of(object), spec->number);
    if (status == TP_OK) /* peek: the pool, once joined, does not change its life */
        tpi_reactor_channel_comes(pool, tpp_peek(&pool->birth));
    return status;
}

static void leave(struct tpi_object *object, struct tpi_pool *pool)
{
    unbind(io_of(object));
    tpi_operations_end(channel_of(object));
    tpi_reactor_channel_goes(pool);
}

static void end(struct tpi_object *object)
{
    tpp_file_drop(tpi_channel_end(channel_of(object)));
}

tp_status_t tpi_io_create(int descriptor, struct tpi_spec *spec, void **handle_out, int *errno_out)
{
    int own;
    *errno_out = tpp_file_kind(descriptor, &spec->file_kind);
    if (*errno_out == 0)
        *errno_out = tpp_file_keep(descriptor, &own);
    if (*errno_out != 0)
        return TP_ERR_SYSTEM;
    spec->number = descriptor;
    spec->own = &own;
    spec->errno_out = errno_out;
    tp_status_t status = tpi_object_create(spec, handle_out);
    if (own != TPI_NO_DESCRIPTOR)
        tpp_file_drop(own);
    return status;
}

void tpi_io_inherited(struct tpi_slot *slot)
{
    struct tpi_io *io = tpi_container(slot, struct tpi_io, object.task.slot);
    if (tpi_slot_live(tpp_peek(&slot->generation)) && io->channel.own >= 0)
        tpp_file_drop(io->channel.own);
    io->channel.own = -1; /* a child of the child inherits it as well */
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static void tell(struct tpi_object *object, struct tpi_instance *instance)
{
    tpi_channel_tell(channel_of(object), &instance->completion);
}

static void call(struct tpi_object *object, struct tpi_instance *instance)
{
    const struct tpi_completion *completion = &instance->completion;
    ((tp_io_fn)object->task.function)(instance->handle, object->task.context, completion->key,
                                      completion->outcome.error, completion->outcome.bytes,
                                      object->handle);
}

/* The operation was over and forgotten, and may have been the last thing that kept its object. */
static void bury(struct tpi_operation *operation)
{
    struct tpi_object *object = &tpi_container(operation->channel, struct tpi_io, channel)->object;
    struct tpi_target target = tpi_task_target(&object->task);
    struct tpi_applied applied = tpi_channel_let_go(operation->channel);
    tpi_operation_discard(operation);
    tpi_object_effects(object, &target, &applied);
}

void tpi_io_run(struct tpi_operation *operation, struct tpi_worker *worker)
{
    struct tpi_posts posts;
    struct tpp_outcome outcome;
    uint32_t priority = tpi_task_target(&operation->task).priority;
    bool blocks = tpi_operation_blocks(operation) && !tpi_operation_rings(operation);
    uint32_t forks = tpi_forks();
    posts.count = 0;
    if (blocks)
        tpi_blocking_enter();
    bool mine = tpi_operation_run(operation, &outcome);
    if (blocks)
        tpi_blocking_leave();
    /* It was no callback. Whoever hears of its end, or of its object's, finds nothing running. */
    tpi_count(&worker->claimed[priority], -UINT64_C(1));
    if (mine)
        tpi_operation_ran(operation, outcome, &posts);
    else
        bury(operation);
    if (posts.count == 1 && tpi_worker_claim(worker, &posts.ready[0]))
        worker->pool->run(posts.ready[0].task, worker);
    else if (posts.count != 1)
        tpi_posts_publish(&posts);
    if (!tpi_forked(forks))
        tpi_operations_flush();
}

/* ---- events ---------------------------------------------------------------------------------- */

static void shut(struct tpi_object *object, uint32_t generation)
{
    tpi_channel_shut(channel_of(object), generation);
}

static void abort_all(struct tpi_object *object, uint32_t generation)
{
    tpi_operations_shut(channel_of(object), generation);
}

static struct tpi_applied cancel(struct tpi_object *object, uint32_t generation)
{
    return tpi_channel_cancel(channel_of(object), generation);
}

static struct tpi_applied close(struct tpi_object *object, uint32_t generation)
{
    struct tpi_channel *channel = channel_of(object);
    if (!tpi_channel_enter(channel, generation))
        return (struct tpi_applied){.effects = TPI_EFFECT_REFUSED};
    unbind(io_of(object)); /* under the channel's lock: afterwards it may be gone */
    return tpi_channel_close(channel);
}

static struct tpi_applied release(struct tpi_object *object)
{
    struct tpi_applied applied = tpi_channel_release(channel_of(object));
    if (applied.effects & TPI_EFFECT_PART) /* else it is freed, or not closed yet */
        unbind(io_of(object));
    return applied;
}

static void bar(struct tpi_object *object)
{
    tpi_channel_bar(channel_of(object));
}

static void await(struct tpi_object *object, uint32_t generation, bool begins)
{
    tpi_channel_await(channel_of(object), generation, begins);
}

static bool help(struct tpi_object *object, struct tpi_worker *worker)
{
    return tpi_operation_help(channel_of(object), worker);
}

static struct tpi_applied let_go(struct tpi_object *object)
{
    return tpi_channel_let_go(channel_of(object));
}

const struct tpi_trade tpi_io_trade = {
    .name = "I/O object",
    .size = sizeof(struct tpi_io),
    .reacts = true,
    .init = init,
    .enter = enter,
    .leave = leave,
    .end = end,
    .tell = tell,
    .call = call,
    .shut = shut,
    .cancel = cancel,
    .close = close,
    .release = release,
    .bar = bar,
    .abort_all = abort_all,
    .await = await,
    .help = help,
    .let_go = let_go,
};

/* ---- counting -------------------------------------------------------------------------------- */

struct tally {
    const struct tpi_pool *pool;
    uint64_t count;
};

static bool add(struct tpi_slot *slot, void *context)
{
    struct tally *tally = context;
    struct tpi_io *io = tpi_container(slot, struct tpi_io, object.task.slot);
    if (tpi_slot_live(tpi_slot_generation(slot)) &&
        tpi_task_target(&io->object.task).home == tally->pool)
        tally->count += tpi_operations_count(&io->channel);
    return true;
}

uint64_t tpi_io_count(struct tpi_pool *pool)
{
    struct tally tally = {pool, 0};
    tpi_slab_each(TPI_KIND_IO, add, &tally);
    return tally.count;
}
