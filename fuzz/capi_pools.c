/* capi_pools.c - pools, their ends, and who drives those without threads. */
#include <string.h>

#include "fuzz/capi_calls.h"
#include "tests/scenario/scene.h"

/* ---- driving --------------------------------------------------------------------------------- */

static void run(struct pool *pool, void *handle, uint32_t most, int64_t timeout)
{
    struct actor *self = actor_self();
    struct pool *outer = self->inside;
    uint32_t ran = 9;
    bool inside = outer != NULL;
    for (uint32_t i = 0; i < self->depth; i++)
        inside = inside || !self->frames[i].errand;
    uint64_t allowed = BIT(TP_OK) | BIT(TP_ERR_TIMEOUT) | BIT(TP_ERR_TOO_MANY_THREADS);
    if (inside)
        allowed = BIT(TP_ERR_DEADLOCK);
    else if (self->depth > 0)
        allowed |= BIT(TP_ERR_DEADLOCK);
    if (world.faults)
        allowed |= BIT(TP_ERR_NO_MEMORY);
    if (pool && !pool->driven)
        allowed = BIT(TP_ERR_UNSUPPORTED);
    struct call call = call_begin(pool ? &pool->thing : NULL);
    if (!inside)
        self->inside = pool;
    tp_status_t status = tp_pool_run(handle, most, timeout, &ran);
    self->inside = outer;
    if (pool && pool->driven && !inside && (!is_open(&pool->thing) || pool_may_be_shut(pool)))
        allowed |= BIT(TP_ERR_CLOSED);
    if ((status == TP_OK) != (ran > 0) || (most > 0 && ran > most))
        complain("tp_pool_run gave %s and ran %u callbacks", tp_status_name(status), ran);
    call_end(&call, "tp_pool_run", status, allowed);
}

/* Whoever waits for something in a pool without threads need not wait for ever. */
static void drive(void *ignored)
{
    int64_t pause = MS / 2;
    (void)ignored;
    actor_self()->lane = LANES;
    while (world.driving) {
        uint64_t begun = 0;
        for (uint32_t i = 0; i < world.object_count; i++)
            begun += world.objects[i].begun;
        for (uint32_t i = 1; i < world.pool_count; i++)
            if (world.pools[i].driven && is_open(&world.pools[i].thing)) {
                learn();
                run(&world.pools[i], world.pools[i].thing.handle, 0, 0);
            }
        for (uint32_t i = 0; i < world.object_count; i++)
            begun -= world.objects[i].begun;
        pause = begun != 0 ? MS / 2 : pause < 8 * MS ? 2 * pause : pause;
        tpps_sleep(pause);
        tpp_cpu_relax(); /* a sleep may end early: then others go first, whatever their priority */
    }
}

static void begin_to_drive(void)
{
    if (world.driving)
        return;
    world.driving = true;
    world.driver = tpps_spawn(drive, NULL);
}

/* ---- making pools ---------------------------------------------------------------------------- */

static tp_pool_config_t config_of(uint32_t variant)
{
    static const int64_t idle[] = {0, 2 * MS, 0, 20 * MS};
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_maximum = 1 + (variant & 3);
    config.thread_minimum = (variant >> 2 & 3) == 3;
    config.idle_timeout = idle[variant >> 6];
    config.queue_limit = variant >> 6 == 2 ? 2 : 0;
    config.io_backend = world.script->setting.backend;
    if ((variant >> 4 & 3) == 3) {
        config.flags = TP_POOL_CALLER_DRIVEN;
        config.thread_minimum = 0;
    }
    return config;
}

struct pool *pool_make(uint32_t place, uint32_t variant)
{
    tp_pool_t *handle = NULL;
    if (world.pool_count == POOLS)
        return NULL;
    struct pool *pool = &world.pools[world.pool_count];
    pool->config = config_of(variant);
    pool->driven = pool->config.flags & TP_POOL_CALLER_DRIVEN;
    pool->thing.kind = TPI_KIND_POOL;
    pool->thing.number = world.pool_count++;
    oracle_raising(pool->config.thread_minimum);
    tp_status_t status = tp_pool_create(&pool->config, &handle);
    expect("tp_pool_create", status, BIT(TP_OK) | (world.faults ? RESOURCES : 0));
    learn();
    pool->thing.made = status == TP_OK;
    pool->thing.handle = handle;
    if (!handle)
        return NULL;
    put_in_table(TPI_KIND_POOL, place, &pool->thing);
    if (pool->driven)
        begin_to_drive();
    return pool;
}

/* Nothing comes of a config that is odd. */
static void create_oddly(uint32_t choice)
{
    struct {
        tp_pool_config_t config;
        unsigned char tail[16];
    } padded = {.config = TP_POOL_CONFIG_INIT};
    tp_pool_config_t *config = &padded.config;
    tp_pool_t *pool = (void *)&padded;
    uint64_t wanted = BIT(TP_ERR_ARGUMENT);
    switch (choice & 7) {
    case 0:
        config->struct_size = 16, wanted = BIT(TP_ERR_VERSION);
        break;
    case 1:
        config->struct_size = sizeof padded;
        padded.tail[15] = 1, wanted = BIT(TP_ERR_VERSION);
        break;
    case 2:
        config->flags = 2;
        break;
    case 3:
        config->thread_minimum = 4001;
        break;
    case 4:
        config->idle_timeout = -1;
        break;
    case 5:
        config->stall_threshold = 1, wanted = BIT(TP_ERR_UNSUPPORTED);
        break;
    case 6:
        config->flags = TP_POOL_CALLER_DRIVEN;
        config->thread_minimum = 1;
        break;
    default:
        config->io_backend = 3;
        break;
    }
    expect("tp_pool_create", tp_pool_create(config, &pool), wanted);
    if (pool)
        complain("tp_pool_create failed and gave a pool");
}

void pools_begin(void)
{
    struct pool *standard = &world.pools[world.pool_count++];
    standard->thing.kind = TPI_KIND_POOL;
    standard->thing.made = standard->is_default = true;
    world.table[TPI_KIND_POOL][PLACES - 1].now = &standard->thing;
    (void)pool_make(0, world.script->setting.pools & 15u);
    if (script_uses(world.script, 1))
        (void)pool_make(1, world.script->setting.pools >> 2);
    envs_begin();
}

static struct pool *default_pool(void)
{
    struct pool *pool = &world.pools[0];
    tp_pool_t *handle;
    world.default_used = true;
    learn();
    if (pool->thing.handle)
        return pool;
    expect("tp_pool_default", tp_pool_default(&handle),
           BIT(TP_OK) | (world.faults ? BIT(TP_ERR_NO_MEMORY) : 0));
    learn();
    pool->thing.handle = handle;
    return pool;
}

struct pool *pool_at(uint32_t place)
{
    struct thing *thing = in_table(TPI_KIND_POOL, place);
    if (place == PLACES - 1 && (!thing || thing == &world.pools[0].thing))
        return default_pool();
    if (!thing && !world.over)
        return pool_make(place, place);
    return thing ? tpi_container(thing, struct pool, thing) : NULL;
}

/* ---- pools ----------------------------------------------------------------------------------- */

struct pool *pool_target(const struct op *op, void **handle_out)
{
    if (wants_current(op))
        (void)pool_at(op_place(op));
    struct thing *thing = target_of(op, TPI_KIND_POOL, handle_out);
    return thing ? tpi_container(thing, struct pool, thing) : NULL;
}

static bool has_objects(const struct pool *pool)
{
    for (uint32_t i = 0; i < world.object_count; i++)
        if (world.objects[i].choice.pool == pool)
            return true;
    return false;
}

static tp_status_t close_pool(struct pool *pool, void *handle)
{
    struct call call = call_begin(pool ? &pool->thing : NULL);
    if (!handle)
        return tp_pool_close(NULL);
    uint64_t allowed = pool && pool->is_default ? BIT(TP_ERR_UNSUPPORTED) : BIT(TP_OK);
    if (pool)
        pool->thing.closing++;
    tp_status_t status = tp_pool_close(handle);
    if (pool && pool->driven && has_objects(pool))
        allowed |= BIT(TP_ERR_BUSY);
    call_end(&call, "tp_pool_close", status, allowed);
    if (status == TP_OK && pool->thing.closed)
        complain("pool %u was closed twice", pool->thing.number);
    if (status == TP_OK)
        thing_ended(&pool->thing);
    else if (pool)
        pool->thing.closing--;
    return status;
}

static tp_status_t shut_down(struct pool *pool, void *handle, bool cancel, int64_t timeout)
{
    struct actor *self = actor_self();
    struct pool *outer = self->inside;
    uint64_t allowed = BIT(TP_OK) | BIT(TP_ERR_TIMEOUT);
    bool own = pool && frames_in_pool(pool), begins = false;
    if (world.faults && pool && pool->driven)
        allowed |= BIT(TP_ERR_NO_MEMORY);
    if (own)
        allowed = BIT(TP_ERR_DEADLOCK);
    if (pool && pool->is_default)
        allowed = BIT(TP_ERR_UNSUPPORTED);
    if (timeout < 0)
        allowed = BIT(TP_ERR_ARGUMENT);
    else if (pool && !own && !pool->is_default && !pool->thing.closed)
        begins = true;
    struct call call = call_begin(pool ? &pool->thing : NULL);
    if (begins) {
        pool->thing.closing++;
        pool_ends(pool, cancel);
    }
    if (pool && pool->driven)
        self->inside = pool;
    tp_status_t status = tp_pool_shutdown(handle, cancel, timeout);
    self->inside = outer;
    call_end(&call, "tp_pool_shutdown", status, allowed);
    if (begins && status == TP_OK) {
        thing_ended(&pool->thing);
        pool->shut = true;
        pool_ended(pool);
    } else if (begins) {
        pool->shut = pool->shut || status == TP_ERR_TIMEOUT;
        pool->thing.closing--;
    }
    return status;
}

/* Argument: time 0-2, cancel 3, for ever 4. */
static void shut_target(const struct op *op)
{
    void *handle;
    struct pool *pool = pool_target(op, &handle);
    int64_t timeout = some_time(op->argument);
    if (op->argument & 16 && pool && actor_self()->depth == 0 && !script_does_io(world.script))
        timeout = TP_INFINITE;
    if (op->argument >> 5 == 7)
        timeout = -1;
    (void)shut_down(pool, handle, op->argument & 8, timeout);
}

static void set_limits(const struct op *op)
{
    void *handle;
    struct pool *pool = pool_target(op, &handle);
    uint32_t value = op->argument & 64 ? 4001 : op->argument & 3u;
    bool minimum = op->argument & 16;
    /* Threads of a minimum above the maximum come before that is raised, which the oracle does not
     * expect of callbacks. */
    uint32_t most = pool && !pool->limited ? pool->config.thread_maximum : 1;
    if (minimum && value <= 4000 && value > most)
        value = most;
    uint64_t allowed = value > 4000 ? BIT(TP_ERR_ARGUMENT) : BIT(TP_OK);
    if (minimum && world.faults)
        allowed |= RESOURCES;
    if (pool && (pool->is_default || (minimum && pool->driven)))
        allowed = BIT(TP_ERR_UNSUPPORTED);
    struct call call = call_begin(pool ? &pool->thing : NULL);
    if (pool && !minimum)
        pool->limited = true;
    if (minimum && value <= 4000)
        oracle_raising(value);
    tp_status_t status = minimum ? tp_pool_set_thread_minimum(handle, value)
                                 : tp_pool_set_thread_maximum(handle, value + 1);
    if (pool && minimum && (pool_may_be_shut(pool) || !is_open(&pool->thing)))
        allowed |= BIT(TP_ERR_CLOSED);
    call_end(&call, "tp_pool_set_thread_...", status, allowed);
}

static void set_stack(const struct op *op)
{
    void *handle;
    struct pool *pool = pool_target(op, &handle);
    uint64_t reserve = 9, commit = 9;
    uint64_t allowed = pool && pool->is_default ? BIT(TP_ERR_UNSUPPORTED) : BIT(TP_OK);
    struct call call = call_begin(pool ? &pool->thing : NULL);
    if (op->argument & 1) {
        call_end(&call, "tp_pool_set_stack", tp_pool_set_stack(handle, 1u << 20, 4096), allowed);
        return;
    }
    tp_status_t status = tp_pool_get_stack(handle, &reserve, &commit);
    if (status != TP_OK && (reserve | commit) != 0)
        complain("tp_pool_get_stack gave %s and a size", tp_status_name(status));
    call_end(&call, "tp_pool_get_stack", status, BIT(TP_OK));
}

static void get_stats(const struct op *op)
{
    void *handle;
    struct pool *pool = pool_target(op, &handle);
    struct {
        tp_pool_stats_t stats;
        unsigned char tail[16];
    } padded = {.stats = TP_POOL_STATS_INIT};
    static const size_t sizes[] = {sizeof(tp_pool_stats_t),
                                   offsetof(tp_pool_stats_t, thread_target),
                                   offsetof(tp_pool_stats_t, thread_target) - 1, sizeof padded};
    uint32_t choice = op->argument & 3;
    memset(&padded, 0x77, sizeof padded);
    padded.stats.struct_size = (uint32_t)sizes[choice];
    struct call call = call_begin(pool ? &pool->thing : NULL);
    tp_status_t status = tp_pool_get_stats(handle, &padded.stats);
    if (choice == 2) /* the struct is looked at first */
        expect("tp_pool_get_stats", status, BIT(TP_ERR_VERSION));
    else
        call_end(&call, "tp_pool_get_stats", status, BIT(TP_OK));
    const unsigned char *bytes = (const unsigned char *)&padded;
    for (size_t i = choice == 2 ? 4 : sizes[choice]; i < sizeof padded; i++)
        if (bytes[i] != 0x77)
            complain("tp_pool_get_stats wrote behind the struct");
    if (status == TP_OK && padded.stats.executed > padded.stats.submitted)
        complain("tp_pool_get_stats tells of more callbacks than posts");
}

static void get_descriptor(const struct op *op)
{
    void *handle;
    struct pool *pool = pool_target(op, &handle);
    int fd = 7;
    uint64_t allowed = pool && !pool->driven ? BIT(TP_ERR_UNSUPPORTED) : BIT(TP_OK);
    if (world.faults)
        allowed |= BIT(TP_ERR_SYSTEM);
    struct call call = call_begin(pool ? &pool->thing : NULL);
    tp_status_t status = tp_pool_poll_fd(handle, &fd);
    if ((status == TP_OK) != (fd >= 0))
        complain("tp_pool_poll_fd gave %s and %d", tp_status_name(status), fd);
    call_end(&call, "tp_pool_poll_fd", status, allowed);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void end_pool(struct pool *pool)
{
    tp_status_t status = TP_ERR_BUSY;
    if (!pool->thing.made || pool->thing.closed)
        return;
    for (int tries = 0; status != TP_OK && status != TP_ERR_HANDLE; tries++) {
        if (tries == 50)
            complain("pool %u cannot be closed: %s", pool->thing.number, tp_status_name(status));
        if (pool->driven)
            run(pool, pool->thing.handle, 0, 0);
        if (world.script->setting.shutdown)
            status = shut_down(pool, pool->thing.handle, false, TP_INFINITE);
        else
            status = close_pool(pool, pool->thing.handle);
        if (status != TP_OK)
            tpps_sleep(MS);
    }
}

void pools_over(void)
{
    groups_over();
    if (world.driving) {
        world.driving = false;
        tpps_join(world.driver);
    }
    for (uint32_t i = 1; i < world.pool_count; i++)
        end_pool(&world.pools[i]);
    while (world.default_used && !world.pools[0].thing.handle)
        (void)default_pool();
    scene_keeps(world.default_used);
}

/* ---- operations ------------------------------------------------------------------------------ */

bool pool_operation(const struct op *op)
{
    void *handle;
    struct pool *pool;
    switch ((int)op->code) {
    case CODE_pool_create:
        if (op_other(op) == 3)
            create_oddly(op->argument);
        else
            (void)pool_make(op_place(op) % 3, op->argument);
        return true;
    case CODE_pool_close:
        pool = pool_target(op, &handle);
        (void)close_pool(pool, handle);
        return true;
    case CODE_pool_shutdown:
        shut_target(op);
        return true;
    case CODE_pool_limits:
        set_limits(op);
        return true;
    case CODE_pool_stack:
        set_stack(op);
        return true;
    case CODE_pool_stats:
        get_stats(op);
        return true;
    case CODE_pool_run:
        pool = pool_target(op, &handle);
        run(pool, handle, op->argument >> 4 & 3, some_time(op->argument));
        return true;
    case CODE_pool_poll:
        get_descriptor(op);
        return true;
    default:
        return group_operation(op);
    }
}
