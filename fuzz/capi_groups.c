/* capi_groups.c - environments and cleanup groups. */
#include "fuzz/capi_calls.h"

/* ---- environments ---------------------------------------------------------------------------- */

/* Two are for everybody and change only before there are objects; each thread has one more. */
static uint32_t env_index(uint32_t which)
{
    uint32_t lane = lane_self();
    if (lane == LANE_BODY || lane == LANES)
        return which % 2;
    if (lane == LANE_BEFORE)
        return which % ENVS;
    return which < 2 ? which : 2 + lane - LANE_THREAD;
}

static void env_make(uint32_t index)
{
    struct env *env = &world.envs[index];
    struct pool *pool = pool_at(index % 2);
    tp_env_t *handle = NULL;
    expect("tp_env_create", tp_env_create(&handle),
           BIT(TP_OK) | (world.faults ? BIT(TP_ERR_NO_MEMORY) : 0));
    if (!handle)
        return;
    *env = (struct env){.thing = {.kind = TPI_KIND_ENV, .number = index, .handle = handle},
                        .choice = {.pool = &world.pools[0], .release = true}};
    if (pool && is_open(&pool->thing) && tp_env_set_pool(handle, pool->thing.handle) == TP_OK)
        env->choice.pool = pool;
    expect("tp_env_set_context_release", tp_env_set_context_release(handle, capi_release),
           BIT(TP_OK));
    env->thing.made = true;
    put_in_table(TPI_KIND_ENV, index, &env->thing);
}

void envs_begin(void)
{
    env_make(0);
    if (script_uses(world.script, 1))
        env_make(1);
}

struct env *env_for(uint32_t which)
{
    uint32_t index = env_index(which);
    if (which == 3)
        return NULL;
    if (!world.envs[index].thing.made && (index > 1 || lane_self() == LANE_BEFORE))
        env_make(index);
    return world.envs[index].thing.made ? &world.envs[index] : NULL;
}

/* The one that the lane may change, or NULL. */
static struct env *env_own(const struct op *op)
{
    uint32_t lane = lane_self();
    if (lane == LANE_BEFORE) /* nobody uses it yet */
        return world.object_count == 0 ? env_for(op_place(op) % 3) : NULL;
    return lane < LANE_BODY ? env_for(2) : NULL;
}

static void set_pool(const struct op *op)
{
    struct env *env = env_own(op);
    void *handle;
    struct pool *pool = pool_target(op, &handle);
    if (!env || env->thing.closed)
        return;
    struct call call = call_begin(pool ? &pool->thing : NULL);
    tp_status_t status = tp_env_set_pool(env->thing.handle, handle);
    if (handle)
        call_end(&call, "tp_env_set_pool", status, BIT(TP_OK));
    if (status == TP_OK)
        env->choice.pool = handle ? pool : &world.pools[0];
}

struct group *group_at(uint32_t place)
{
    struct thing *thing = in_table(TPI_KIND_GROUP, place);
    tp_cleanup_group_t *handle = NULL;
    if (thing)
        return tpi_container(thing, struct group, thing);
    if (world.group_count == GROUPS || world.over)
        return NULL;
    struct group *group = &world.groups[world.group_count];
    group->thing.kind = TPI_KIND_GROUP;
    group->thing.number = world.group_count++;
    expect("tp_cleanup_group_create", tp_cleanup_group_create(&handle),
           BIT(TP_OK) | (world.faults ? BIT(TP_ERR_NO_MEMORY) : 0));
    group->thing.made = handle;
    group->thing.handle = handle;
    if (handle)
        put_in_table(TPI_KIND_GROUP, place, &group->thing);
    return handle ? group : NULL;
}

static void set_group(const struct op *op)
{
    struct env *env = env_own(op);
    void *handle;
    if (wants_current(op))
        (void)group_at(op_place(op));
    struct thing *thing = target_of(op, TPI_KIND_GROUP, &handle);
    if (!env || env->thing.closed)
        return;
    struct call call = call_begin(thing);
    tp_status_t status =
        tp_env_set_cleanup_group(env->thing.handle, handle, op->argument & 1 ? capi_cancel : NULL);
    if (handle)
        call_end(&call, "tp_env_set_cleanup_group", status, BIT(TP_OK));
    if (status == TP_OK) {
        env->choice.group = handle ? tpi_container(thing, struct group, thing) : NULL;
        env->choice.cancel = handle && op->argument & 1;
    }
}

/* Argument: priority 0-1 (3: none), limit 2-3, release 4, finalizer 5, persistent 6, long 7. */
static void choose(const struct op *op)
{
    struct env *env = env_own(op);
    uint32_t argument = op->argument, priority = argument & 3;
    void *handle;
    if (!wants_current(op)) {
        struct thing *thing = target_of(op, TPI_KIND_ENV, &handle);
        struct call call = call_begin(NULL);
        if (!thing)
            call_end(&call, "tp_env_set_runs_long", tp_env_set_runs_long(handle, true), 0);
        return;
    }
    if (!env || env->thing.closed)
        return;
    tp_env_t *own = env->thing.handle;
    expect("tp_env_set_priority", tp_env_set_priority(own, priority),
           priority == 3 ? BIT(TP_ERR_ARGUMENT) : BIT(TP_OK));
    env->choice.limit = argument >> 2 & 3;
    env->choice.release = !(argument & 16);
    env->choice.finalizer = argument & 32;
    env->choice.persistent = argument & 64;
    tp_status_t all = tp_env_set_concurrency_limit(own, env->choice.limit) |
                      tp_env_set_context_release(own, argument & 16 ? NULL : capi_release) |
                      tp_env_set_finalizer(own, argument & 32 ? capi_finalizer : NULL) |
                      tp_env_set_persistent(own, env->choice.persistent) |
                      tp_env_set_runs_long(own, argument & 128) |
                      tp_env_set_name(own, argument & 1 ? "fuzz" : NULL);
    expect("tp_env_set_...", all, BIT(TP_OK));
}

static void renew(const struct op *op)
{
    struct env *env = env_own(op);
    if (!env)
        return;
    struct call call = call_begin(&env->thing);
    env->thing.closing++;
    call_end(&call, "tp_env_destroy", tp_env_destroy(env->thing.handle), BIT(TP_OK));
    env->thing.closed = true;
    if (op->argument & 1)
        env_make(env->thing.number);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void close_members(struct group *group, void *handle, bool cancel)
{
    bool own = group && frames_in_group(group);
    uint64_t members = 0;
    struct call call = call_begin(group ? &group->thing : NULL);
    if (group && !own)
        members = members_begin(group, cancel);
    tp_status_t status = tp_cleanup_group_close_members(handle, cancel, group);
    if (group && !own)
        members_end(group, cancel, members, status == TP_OK);
    call_end(&call, "tp_cleanup_group_close_members", status,
             own ? BIT(TP_ERR_DEADLOCK) : BIT(TP_OK));
}

/* A callback that waited for other members could be waited for by them: only its own group is
 * tried, which is refused. */
static void members(const struct op *op)
{
    void *handle;
    if (wants_current(op))
        (void)group_at(op_place(op));
    struct thing *thing = target_of(op, TPI_KIND_GROUP, &handle);
    struct group *group = thing ? tpi_container(thing, struct group, thing) : NULL;
    if (group && actor_self()->depth > 0 && !frames_in_group(group))
        return;
    close_members(group, handle, op->argument & 1 || script_does_io(world.script));
}

static void close_group(struct group *group, void *handle)
{
    struct call call = call_begin(group ? &group->thing : NULL);
    if (!handle) {
        expect("tp_cleanup_group_close", tp_cleanup_group_close(NULL), BIT(TP_OK));
        return;
    }
    if (group)
        group->thing.closing++;
    tp_status_t status = tp_cleanup_group_close(handle);
    call_end(&call, "tp_cleanup_group_close", status,
             BIT(TP_OK) | (group && group->members > 0 ? BIT(TP_ERR_BUSY) : 0) |
                 (group && group->closing > 0 ? BIT(TP_ERR_BUSY) : 0));
    if (status == TP_OK)
        thing_ended(&group->thing);
    else if (group)
        group->thing.closing--;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void close_environments(void)
{
    for (uint32_t i = 0; i < ENVS; i++)
        if (world.envs[i].thing.made && !world.envs[i].thing.closed)
            expect("tp_env_destroy", tp_env_destroy(world.envs[i].thing.handle), BIT(TP_OK));
}

void groups_over(void)
{
    close_environments();
    for (uint32_t i = 0; i < world.group_count; i++) {
        struct group *group = &world.groups[i];
        if (!group->thing.made || group->thing.closed)
            continue;
        close_members(group, group->thing.handle, group->has_io);
        for (int tries = 0; !group->thing.closed && tries < 50; tries++) {
            close_group(group, group->thing.handle);
            if (!group->thing.closed)
                tpps_sleep(MS);
        }
    }
}

/* ---- operations ------------------------------------------------------------------------------ */

bool group_operation(const struct op *op)
{
    void *handle;
    struct thing *thing;
    switch ((int)op->code) {
    case CODE_env_pool:
        set_pool(op);
        return true;
    case CODE_env_group:
        set_group(op);
        return true;
    case CODE_env_choose:
        choose(op);
        return true;
    case CODE_env_renew:
        renew(op);
        return true;
    case CODE_group_create:
        world.table[TPI_KIND_GROUP][op_place(op)].before =
            world.table[TPI_KIND_GROUP][op_place(op)].now;
        world.table[TPI_KIND_GROUP][op_place(op)].now = NULL;
        (void)group_at(op_place(op));
        return true;
    case CODE_group_members:
        members(op);
        return true;
    case CODE_group_close:
        thing = target_of(op, TPI_KIND_GROUP, &handle);
        close_group(thing ? tpi_container(thing, struct group, thing) : NULL, handle);
        return true;
    default:
        return false;
    }
}
