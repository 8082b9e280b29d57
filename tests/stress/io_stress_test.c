/* io_stress_test.c - many threads start, abort, forget and close the same I/O, all accounted for.
 *
 * usage: io_stress_test [SECONDS [SEED]]
 *
 * Each operation has a slot of its own, with its buffer, and its key is the slot's address. A slot
 * is told of once at most; of what nobody can have dropped, exactly once; and never of another
 * object's. Once a slot was told of, nobody writes into its buffer any more; when its object has
 * gone, in no slot's. Objects come and go, alone and with their groups, in pools of all kinds, some
 * of which are shut down with operations in flight. In the end each pool has run and dropped as
 * much as it was given, and nothing is left in flight. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "tests/stress/frame.h"

enum {
    THREADS = 5,
    TABLE = 48,        /* objects that every thread knows */
    SLOTS = 200,       /* operations of one object in its life */
    SIZE = 64,         /* of a buffer */
    BATCH = 8,         /* operations at a time */
    POOLS = 4,         /* that live through it */
    TRANSIENT = POOLS, /* a pool that comes and goes */
    DRIVEN = 3,
    GROUPS = 2,
    GUESTS = 6, /* objects of a transient pool */
    FOREIGN = 12345,
    TOLD = 0x55,
};

enum kind { SOCKET, PIPE_IN, PIPE_OUT, DISK, KINDS };
enum state { UNUSED, STARTED, OVER };

struct slot {
    struct channel *channel;
    tpp_u32 state;
    char bytes[SIZE];
    struct iovec vector[2];
};

struct channel {
    tpp_u32 references; /* that of the object, and whoever may talk to its peer */
    tpp_u32 gone;
    tpp_u32 dropped; /* what is in flight may not be told of */
    bool grouped;    /* nor then, and it may be closed by its group */
    tp_io_t *io;
    enum kind kind;
    int fd, peer;
    uint32_t pool, used;
    struct slot slots[SLOTS];
};

static struct {
    pthread_mutex_t lock;
    struct channel *channel;
} table[TABLE];
static tp_pool_t *pools[POOLS];
static tp_cleanup_group_t *groups[GROUPS];
static tpp_u64 runs[POOLS + 1];
static tpp_u32 alive, driver_end;
/* What happened how often: a run in which something never did has not tested it. */
static struct {
    tpp_u32 started, told, canceled, failed, aborted, foreign, forgotten, shutdowns;
} seen;

/* ---- an object and its peer ------------------------------------------------------------------ */

static void give_back(struct channel *channel)
{
    if (tpp_sub_acq_rel(&channel->references, 1) != 1)
        return;
    must(close(channel->fd) == 0 && close(channel->peer) == 0);
    free(channel);
}

static bool untouched(const struct slot *slot)
{
    for (int i = 0; i < SIZE; i++)
        if (slot->bytes[i] != TOLD)
            return false;
    return true;
}

static void release(void *context)
{
    struct channel *channel = context;
    uint32_t untold = 0;
    must(tpp_add_acq_rel(&channel->gone, 1) == 0);
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &channel->slots[i];
        uint32_t state = tpp_load_acquire(&slot->state);
        untold += state == STARTED;
        must(state != OVER || untouched(slot));
    }
    must(untold == 0 || tpp_load_acquire(&channel->dropped) || channel->grouped);
    tpp_add_relaxed(&seen.forgotten, untold);
    tpp_sub_acq_rel(&alive, 1);
    give_back(channel);
}

static void told(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                 uint64_t bytes, tp_io_t *io)
{
    struct channel *channel = context;
    struct slot *slot = operation;
    (void)instance;
    must(io == channel->io && !tpp_load_acquire(&channel->gone));
    tpp_add_relaxed(&runs[channel->pool], 1);
    if (error == FOREIGN) {
        tpp_add_relaxed(&seen.foreign, 1);
        return;
    }
    must(slot->channel == channel);
    must(error >= 0 && (error == 0 || bytes == 0) && bytes <= SIZE);
    tpp_add_relaxed(error == 0           ? &seen.told
                    : error == ECANCELED ? &seen.canceled
                                         : &seen.failed,
                    1);
    memset(slot->bytes, TOLD, SIZE);
    must(tpp_add_acq_rel(&slot->state, 1) == STARTED);
}

static bool open_ends(struct channel *channel)
{
    int ends[2] = {-1, -1};
    FILE *file = channel->kind == DISK ? tmpfile() : NULL;
    if (file) {
        ends[0] = dup(fileno(file));
        ends[1] = dup(fileno(file));
        fclose(file);
    } else if (channel->kind == SOCKET) {
        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    } else {
        must(pipe2(ends, O_CLOEXEC) == 0);
    }
    channel->fd = ends[channel->kind == PIPE_OUT];
    channel->peer = ends[channel->kind != PIPE_OUT];
    return fcntl(channel->peer, F_SETFL, channel->kind == DISK ? 0 : O_NONBLOCK) == 0;
}

static struct channel *create(tp_env_t *env, uint32_t pool, enum kind kind)
{
    struct channel *channel = calloc(1, sizeof *channel);
    channel->pool = pool;
    channel->kind = kind;
    tpp_init(&channel->references, 2);
    for (int i = 0; i < SLOTS; i++)
        channel->slots[i].channel = channel;
    must(open_ends(channel));
    must(tp_env_set_context_release(env, release) == TP_OK);
    tpp_add_acq_rel(&alive, 1);
    must(tp_io_create(channel->fd, told, channel, env, &channel->io) == TP_OK);
    return channel;
}

/* Reads what there is, or writes something. */
static void talk(const struct channel *channel, uint64_t *dice)
{
    char bytes[200] = {0};
    ssize_t size = 1 + (ssize_t)roll(dice, sizeof bytes - 1);
    if (channel->kind == DISK)
        return;
    if (channel->kind == PIPE_IN || (channel->kind == SOCKET && roll(dice, 2)))
        size = write(channel->peer, bytes, (size_t)size);
    else
        size = read(channel->peer, bytes, sizeof bytes);
    must(size >= 0 || errno == EAGAIN);
}

/* Whatever is in flight can end now. */
static void hang_up(const struct channel *channel)
{
    int other = -1;
    if (channel->kind == SOCKET)
        must(shutdown(channel->peer, SHUT_RDWR) == 0);
    if (channel->kind != PIPE_IN && channel->kind != PIPE_OUT)
        return;
    other = open("/dev/null", O_RDWR | O_CLOEXEC);
    must(other >= 0 && dup3(other, channel->peer, O_CLOEXEC) == channel->peer);
    must(close(other) == 0);
}

/* ---- operations ------------------------------------------------------------------------------ */

static tp_io_op_t any_op(struct channel *channel, struct slot *slot, uint64_t *dice)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    uint32_t which = roll(dice, 8);
    bool in = channel->kind == PIPE_IN || (channel->kind != PIPE_OUT && roll(dice, 2));
    op.operation = slot;
    op.buffer = slot->bytes;
    op.length = 1 + roll(dice, SIZE - 1);
    op.opcode = in ? TP_IO_READ : TP_IO_WRITE;
    if (channel->kind == DISK && roll(dice, 2))
        op.offset = roll(dice, 10000);
    if (which == 0) {
        op.opcode = TP_IO_POLL;
        op.flags = in ? POLLIN : POLLOUT;
    } else if (which == 1 && channel->kind == SOCKET) {
        op.opcode = in ? TP_IO_RECV : TP_IO_SEND;
    } else if (which == 2) {
        slot->vector[0] = (struct iovec){slot->bytes, SIZE / 4};
        slot->vector[1] = (struct iovec){slot->bytes + SIZE / 4, SIZE / 2};
        op.opcode = in ? TP_IO_READV : TP_IO_WRITEV;
        op.buffer = slot->vector;
        op.length = 2;
    } else if (which == 3 && channel->kind == DISK) {
        op.opcode = TP_IO_FDATASYNC;
    }
    return op;
}

/* A batch, or what is left of the slots. A member of a group that closes may be refused. */
static void start_some(struct channel *channel, uint64_t *dice)
{
    tp_io_op_t ops[BATCH];
    struct slot *first = &channel->slots[channel->used];
    uint32_t count = roll(dice, 4) ? 1 : 1 + roll(dice, BATCH), begun = 0;
    if (count > SLOTS - channel->used)
        count = SLOTS - channel->used;
    channel->used += count;
    for (uint32_t i = 0; i < count; i++) {
        tpp_store_release(&first[i].state, STARTED);
        ops[i] = any_op(channel, &first[i], dice);
    }
    tp_status_t status = tp_io_submit_many(channel->io, ops, count, &begun);
    must(status == TP_OK || channel->grouped);
    must(status == TP_OK ? begun == count : begun < count);
    for (uint32_t i = begun; i < count; i++)
        tpp_store_release(&first[i].state, UNUSED);
    tpp_add_relaxed(&seen.started, begun);
}

static void abort_one(struct channel *channel, uint64_t *dice)
{
    if (channel->used == 0)
        return;
    tp_status_t status = tp_io_abort(channel->io, &channel->slots[roll(dice, channel->used)]);
    must(status == TP_OK || status == TP_ERR_ARGUMENT || channel->grouped);
    tpp_add_relaxed(&seen.aborted, status == TP_OK);
}

/* A wait with cancel takes what is announced back. */
static void announce(struct channel *channel, uint64_t *dice)
{
    tp_status_t status = tp_io_start(channel->io);
    must(status == TP_OK || channel->grouped);
    if (status != TP_OK)
        return;
    status =
        roll(dice, 2) ? tp_io_cancel(channel->io) : tp_io_complete(channel->io, NULL, FOREIGN, 0);
    must(status == TP_OK || channel->grouped);
}

static void wait_for(struct channel *channel, uint64_t *dice)
{
    bool cancel = roll(dice, 3) == 0;
    if (cancel)
        tpp_store_release(&channel->dropped, 1);
    tp_status_t status = tp_io_wait(channel->io, cancel, roll(dice, 200000));
    must(status == TP_OK || status == TP_ERR_TIMEOUT || channel->grouped);
}

static void end(struct channel *channel, uint64_t *dice)
{
    if (roll(dice, 3) == 0)
        wait_for(channel, dice);
    if (roll(dice, 2))
        hang_up(channel);
    tp_status_t status = tp_io_close(channel->io);
    must(status == TP_OK || channel->grouped);
    must(tp_io_start(channel->io) == TP_ERR_HANDLE);
    hang_up(channel);
    give_back(channel);
}

/* ---- many threads ---------------------------------------------------------------------------- */

static struct channel *create_any(struct actor *actor)
{
    uint32_t pool = roll(&actor->dice, POOLS), group = roll(&actor->dice, 2 * GROUPS);
    tp_env_t *env = actor->env;
    must(tp_env_set_pool(env, pools[pool]) == TP_OK);
    must(tp_env_set_concurrency_limit(env, roll(&actor->dice, 3)) == TP_OK);
    must(tp_env_set_priority(env, roll(&actor->dice, 3)) == TP_OK);
    must(tp_env_set_cleanup_group(env, group < GROUPS ? groups[group] : NULL, NULL) == TP_OK);
    struct channel *channel = create(env, pool, roll(&actor->dice, KINDS));
    channel->grouped = group < GROUPS;
    return channel;
}

/* With the lock of its place in the table held. */
static void act_on(struct channel *channel, uint32_t what, struct actor *actor)
{
    if (what < 45)
        start_some(channel, &actor->dice);
    else if (what < 70)
        talk(channel, &actor->dice);
    else if (what < 85)
        abort_one(channel, &actor->dice);
    else if (what < 92)
        announce(channel, &actor->dice);
    else
        wait_for(channel, &actor->dice);
}

static void act(struct actor *actor)
{
    uint32_t at = roll(&actor->dice, TABLE), what = roll(&actor->dice, 100);
    if (what == 99 && roll(&actor->dice, 5) == 0) {
        tp_cleanup_group_t *group = groups[roll(&actor->dice, GROUPS)];
        must(tp_cleanup_group_close_members(group, true, NULL) == TP_OK);
        return;
    }
    pthread_mutex_lock(&table[at].lock);
    struct channel *channel = table[at].channel;
    if (!channel) {
        table[at].channel = create_any(actor);
    } else if (what >= 97 || channel->used == SLOTS) {
        table[at].channel = NULL;
        end(channel, &actor->dice);
    } else {
        act_on(channel, what, actor);
    }
    pthread_mutex_unlock(&table[at].lock);
}

/* ---- a pool that is shut down with operations in flight -------------------------------------- */

/* What waits for a peer is ended, what waits for a disk awaited: then the buffers are ours. */
static void come_and_go(uint32_t nth)
{
    struct channel *guests[GUESTS];
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    uint64_t dice = (seed + nth) * 0x9e3779b97f4a7c15u | 1;
    tp_pool_t *pool = NULL;
    tp_env_t *env = NULL;
    bool cancel = nth % 2;
    config.thread_maximum = 2;
    config.io_backend = nth % 3 ? TP_IO_BACKEND_AUTO : TP_IO_BACKEND_EPOLL;
    require(tp_pool_create(&config, &pool) == TP_OK && tp_env_create(&env) == TP_OK);
    require(tp_env_set_pool(env, pool) == TP_OK);
    for (uint32_t i = 0; i < GUESTS; i++) {
        guests[i] = create(env, TRANSIENT, i % KINDS);
        tpp_store_release(&guests[i]->dropped, cancel);
        for (uint32_t batches = 1 + roll(&dice, 6); batches > 0; batches--)
            start_some(guests[i], &dice);
        (void)tp_io_start(guests[i]->io);
    }
    must(tp_pool_shutdown(pool, cancel, 20000000000) == TP_OK);
    for (uint32_t i = 0; i < GUESTS; i++) {
        for (uint32_t k = 0; k < guests[i]->used && !cancel; k++)
            must(tpp_load_acquire(&guests[i]->slots[k].state) == OVER);
        must(tp_io_start(guests[i]->io) == TP_ERR_CLOSED);
        end(guests[i], &dice);
    }
    must(tp_env_destroy(env) == TP_OK);
    tpp_add_relaxed(&seen.shutdowns, 1);
}

/* ---- all together ---------------------------------------------------------------------------- */

static void *drive(void *argument)
{
    (void)argument;
    while (!tpp_load_acquire(&driver_end))
        (void)tp_pool_run(pools[DRIVEN], 0, 1000000, NULL);
    return NULL;
}

/* One thread; no ring; several; none of its own. */
static void build(void)
{
    for (uint32_t i = 0; i < TABLE; i++)
        pthread_mutex_init(&table[i].lock, NULL);
    for (uint32_t i = 0; i < GROUPS; i++)
        require(tp_cleanup_group_create(&groups[i]) == TP_OK);
    for (uint32_t i = 0; i < POOLS; i++) {
        tp_pool_config_t config = TP_POOL_CONFIG_INIT;
        config.thread_maximum = i == 0 ? 1 : 4;
        config.io_backend = i == 1 ? TP_IO_BACKEND_EPOLL : TP_IO_BACKEND_AUTO;
        config.flags = i == DRIVEN ? TP_POOL_CALLER_DRIVEN : 0;
        require(tp_pool_create(&config, &pools[i]) == TP_OK);
    }
}

static void end_all(void)
{
    uint64_t dice = seed | 1;
    for (uint32_t i = 0; i < TABLE; i++)
        if (table[i].channel)
            end(table[i].channel, &dice);
    for (uint32_t i = 0; i < GROUPS; i++) {
        check_eq(tp_cleanup_group_close_members(groups[i], false, NULL), TP_OK);
        check_eq(tp_cleanup_group_close(groups[i]), TP_OK);
    }
    check(falls_to(TPI_KIND_IO, 0));
    check(falls_to(TPI_KIND_OPERATION, 0));
    check_eq(tpp_load_acquire(&alive), 0);
}

TAP_TEST(io_stress__every_operation_is_accounted_for)
{
    pthread_t threads[THREADS], driver;
    tap_timeout(seconds + 100);
    build();
    require(pthread_create(&driver, NULL, drive, NULL) == 0);
    check(let_act(threads, THREADS, come_and_go));
    end_all();
    tpp_store_release(&driver_end, 1);
    pthread_join(driver, NULL);
    for (uint32_t i = 0; i < POOLS; i++) {
        check_eq(expect_settled(pools[i], tpp_load_relaxed(&runs[i])).io_in_flight, 0);
        check_eq(tp_pool_shutdown(pools[i], false, TP_INFINITE), TP_OK);
    }
    check_eq(tpp_load_acquire(&wrong), 0);
    printf("# started %u: told %u, canceled %u, failed %u, untold %u; aborts %u, foreign %u, "
           "shutdowns %u\n",
           tpp_load_relaxed(&seen.started), tpp_load_relaxed(&seen.told),
           tpp_load_relaxed(&seen.canceled), tpp_load_relaxed(&seen.failed),
           tpp_load_relaxed(&seen.forgotten), tpp_load_relaxed(&seen.aborted),
           tpp_load_relaxed(&seen.foreign), tpp_load_relaxed(&seen.shutdowns));
    check(tpp_load_relaxed(&seen.told) > 0 && tpp_load_relaxed(&seen.canceled) > 0);
    check(tpp_load_relaxed(&seen.forgotten) > 0 && tpp_load_relaxed(&seen.foreign) > 0);
    check(tpp_load_relaxed(&seen.shutdowns) > 0);
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    tap_run(io_stress__every_operation_is_accounted_for);
    return tap_done();
}
