/* capi_model.c - what calls may return and callbacks may do: the model of fuzz/capi.c. */
#include "fuzz/capi.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct world world;
struct actor actors[ACTORS];
static uint32_t actors_used;

/* Threads learn of each other's handles and of what is closed from the model: with a weak memory
 * that knowledge needs an order, as it would in a program. What happens within calls has none. */
static tpp_u32 order;

void learn(void)
{
    if (world.script->options.weak)
        (void)tpp_add_acq_rel(&order, 0);
}

/* ---- who runs -------------------------------------------------------------------------------- */

struct actor *actor_self(void)
{
    uint32_t number = (uint32_t)(tpp_thread_id() - 101) % ACTORS; /* the simulator counts so */
    if (number >= actors_used)
        actors_used = number + 1;
    return &actors[number];
}

struct frame *frame_self(void)
{
    struct actor *self = actor_self();
    return self->depth > 0 ? &self->frames[self->depth - 1] : NULL;
}

bool frames_have(const struct object *object)
{
    const struct actor *self = actor_self();
    for (uint32_t i = 0; i < self->depth; i++)
        if (self->frames[i].object == object && !self->frames[i].detached)
            return true;
    return false;
}

bool frames_in_group(const struct group *group)
{
    const struct actor *self = actor_self();
    for (uint32_t i = 0; i < self->depth; i++)
        if (self->frames[i].object->choice.group == group)
            return true;
    return false;
}

bool frames_in_pool(const struct pool *pool)
{
    const struct actor *self = actor_self();
    for (uint32_t i = 0; i < self->depth; i++)
        if (self->frames[i].object->choice.pool == pool)
            return true;
    return false;
}

/* ---- complaints ------------------------------------------------------------------------------ */

void complain(const char *format, ...)
{
    char text[400];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (tpps_running())
        tpps_fail("model: %s", text);
    fprintf(stderr, "model, after the run: %s\n", text);
    script_print(world.script, stderr);
    abort();
}

/* ---- statuses -------------------------------------------------------------------------------- */

void expect(const char *function, tp_status_t status, uint64_t allowed)
{
    char text[300];
    size_t length = 0;
    if (status <= 0 && status > -64 && (allowed & BIT(status)))
        return;
    for (int i = 0; i < 64 && length < sizeof text - 40; i++)
        if (allowed >> i & 1)
            length +=
                (size_t)snprintf(text + length, sizeof text - length, " %s", tp_status_name(-i));
    complain("%s gave %s, and only these are right:%s", function, tp_status_name(status),
             length > 0 ? text : " none");
}

static bool is_misuse(tp_status_t status)
{
    static const uint64_t misuses =
        BIT(TP_ERR_ARGUMENT) | BIT(TP_ERR_HANDLE) | BIT(TP_ERR_VERSION) | BIT(TP_ERR_CLOSED) |
        BIT(TP_ERR_DEADLOCK) | BIT(TP_ERR_NOT_OWNER) | BIT(TP_ERR_UNSUPPORTED) | BIT(TP_ERR_STATE);
    return misuses >> -status & 1;
}

struct call call_begin(struct thing *thing)
{
    return (struct call){
        .thing = thing,
        .was_closed = !thing || thing->closed,
        .heard = actor_self()->heard,
    };
}

void call_end(const struct call *call, const char *function, tp_status_t status, uint64_t allowed)
{
    const struct actor *self = actor_self();
    /* Of a closed thing that still has callbacks to come other arguments may be judged first. */
    uint64_t arguments = BIT(TP_ERR_ARGUMENT) | BIT(TP_ERR_VERSION);
    if (call->was_closed)
        allowed =
            BIT(TP_ERR_HANDLE) | (call->thing && !(allowed & BIT(TP_OK)) ? allowed & arguments : 0);
    else if (!call->thing || !is_open(call->thing))
        allowed |= BIT(TP_ERR_HANDLE);
    expect(function, status, allowed);
    if (is_misuse(status) && (self->heard == call->heard || self->heard_status != status))
        complain("%s gave %s and the hook was not told", function, tp_status_name(status));
}

void thing_ended(struct thing *thing)
{
    learn(); /* from here on others know of it */
    thing->closed = true;
}

bool is_open(const struct thing *thing)
{
    return thing->made && !thing->closed && thing->closing == 0;
}

bool pool_may_be_shut(const struct pool *pool)
{
    return pool->shutting > 0 || pool->shut;
}

bool object_refuses(const struct object *object)
{
    const struct group *group = object->choice.group; /* which may be through with it by now */
    return pool_may_be_shut(object->choice.pool) ||
           (group && (group->closing > 0 || !is_open(&object->thing)));
}

/* ---- posts and callbacks --------------------------------------------------------------------- */

void posts_begin(struct object *object, uint32_t posts)
{
    object->started += posts;
    if (object->cancelling == 0)
        object->safe += posts;
}

void posts_end(struct object *object, uint32_t posts, bool made)
{
    if (made) {
        learn(); /* from here on others know of them */
        object->returned += posts;
        return;
    }
    object->started -= posts;
    object->safe -= object->safe < posts ? object->safe : posts;
}

void cancel_begins(struct object *object)
{
    object->cancelling++;
    object->dropped = true;
    object->safe = 0;
    object->mark = object->begun;
    /* The units that dropped posts of waits have taken stay taken. */
    for (uint32_t i = 0; object->thing.kind == TPI_KIND_WAIT && i < world.sync_count; i++)
        world.syncs[i].vague = true;
}

void cancel_ends(struct object *object, uint64_t seen, bool quiet)
{
    int64_t surplus = (int64_t)object->begun - (int64_t)seen;
    bool arms = object->thing.kind == TPI_KIND_TIMER || object->thing.kind == TPI_KIND_WAIT;
    object->cancelling--;
    object->safe = 0;
    object->mark = object->begun;
    if (quiet && !arms && surplus < object->surplus)
        object->surplus = surplus;
}

/* A periodic timer has as many expiries as its periods went by on the slowest of clocks. */
static uint64_t most_callbacks(const struct object *object)
{
    int64_t most = (int64_t)(object->started - object->taken) + object->surplus;
    if (object->periodic)
        most += (boot_time() - object->first_boot) / object->period +
                2 * (int64_t)object->periodic_sets;
    return most > 0 ? (uint64_t)most : 0;
}

void object_begins(struct object *object)
{
    uint32_t number = object->thing.number;
    if (object->releases > 0)
        complain("a callback of object %u begins after its release", number);
    if (object->sealed || object->choice.pool->sealed)
        complain("a callback of object %u begins after its end", number);
    object->begun++;
    object->running++;
    if (object->begun > most_callbacks(object))
        complain("object %u: %llu callbacks, %llu posts, surplus %lld", number,
                 (unsigned long long)object->begun, (unsigned long long)object->started,
                 (long long)object->surplus);
    if (object->choice.limit > 0 && object->running > object->choice.limit)
        complain("object %u: %u callbacks at once", number, object->running);
    if (object->choice.pool->driven && actor_self()->inside != object->choice.pool)
        complain("a callback of a driven pool on a thread that does not run it");
}

void object_ends(struct object *object, bool detached)
{
    if (object->sealed || object->choice.pool->sealed)
        complain("a callback of object %u ends after its end", object->thing.number);
    object->running--;
    object->ended++;
    object->done += !detached;
}

/* ---- ends of pools and groups ---------------------------------------------------------------- */

void pool_ends(struct pool *pool, bool cancel)
{
    pool->shutting++;
    for (uint32_t i = 0; i < world.object_count; i++) {
        struct object *object = &world.objects[i];
        if (object->choice.pool != pool)
            continue;
        object->barred = true;
        if (cancel)
            cancel_begins(object); /* for ever: nothing comes after it */
    }
}

void pool_ended(struct pool *pool)
{
    pool->sealed = true;
    for (uint32_t i = 0; i < world.object_count; i++)
        if (world.objects[i].choice.pool == pool && world.objects[i].running > 0)
            complain("a callback of object %u runs after the shutdown", i);
}

uint64_t members_begin(struct group *group, bool cancel)
{
    uint64_t members = 0;
    group->closing++;
    for (uint32_t i = 0; i < world.object_count; i++) {
        struct object *object = &world.objects[i];
        if (object->choice.group != group || object->sealed)
            continue;
        object->barred = true;
        object->thing.closing++;
        if (cancel)
            cancel_begins(object);
        if (object->thing.made)
            members |= UINT64_C(1) << i;
    }
    return members;
}

/* Was the cancel callback called as it should? Known if only one call closed it. */
static void check_cancels(const struct object *object, bool cancel, bool alone)
{
    bool simple = object->thing.kind == TPI_KIND_SIMPLE;
    bool wanted = cancel && !object->thing.closed && object->choice.cancel;
    if (simple && wanted && alone && !pool_may_be_shut(object->choice.pool) &&
        object->begun + object->cancels != 1)
        complain("simple callback %u: %llu callbacks, %u cancel callbacks", object->thing.number,
                 (unsigned long long)object->begun, object->cancels);
    if (!simple && alone && object->cancels != wanted)
        complain("object %u: %u cancel callbacks", object->thing.number, object->cancels);
    if (object->cancels > 1)
        complain("object %u: %u cancel callbacks", object->thing.number, object->cancels);
}

static void member_closed(struct object *object, bool cancel, bool alone)
{
    bool at_once = object->thing.kind != TPI_KIND_IO; /* what is in flight may go on */
    if (object->running > 0)
        complain("a callback of object %u runs after its group was closed", object->thing.number);
    if (at_once && object->choice.release && object->releases != 1)
        complain("object %u was closed with its group and released %u times", object->thing.number,
                 object->releases);
    check_cancels(object, cancel, alone);
    object->sealed = object->thing.closed = true;
}

void members_end(struct group *group, bool cancel, uint64_t members, bool closed)
{
    bool alone = group->closing == 1 && !group->crowded;
    learn(); /* from here on others know of it */
    for (uint32_t i = 0; i < OBJECTS; i++) {
        struct object *object = &world.objects[i];
        if (object->choice.group != group || object->thing.closing == 0 || object->sealed)
            continue;
        bool member = members >> i & 1;
        if (closed && member)
            member_closed(object, cancel, alone && object->thing.closing == 1);
        if (member)
            object->thing.closing--;
    }
    group->crowded = group->closing > 1;
    group->closing--;
    group->rounds++;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void balance_object(const struct object *object)
{
    uint32_t number = object->thing.number;
    bool arms = object->thing.kind == TPI_KIND_TIMER || object->thing.kind == TPI_KIND_WAIT;
    if (object->running > 0)
        complain("a callback of object %u runs at the end", number);
    if (object->thing.kind == TPI_KIND_IO && object->barred)
        return;
    if (!arms && object->thing.made && object->begun - object->mark < object->safe)
        complain("object %u: of %llu posts that nobody dropped %llu ran", number,
                 (unsigned long long)object->safe,
                 (unsigned long long)(object->begun - object->mark));
    if (arms && is_open(&object->thing) && !object->barred && !object->dropped &&
        !object->periodic && !object->skips && object->returned != object->begun + object->taken)
        complain("object %u: armed %llu times, %llu callbacks, %llu taken away", number,
                 (unsigned long long)object->returned, (unsigned long long)object->begun,
                 (unsigned long long)object->taken);
}

/* What was posted was executed or cancelled, and executed is what ran. */
static bool balance_pool(const struct pool *pool, bool last)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    uint64_t begun = 0;
    if (!pool->thing.handle || !is_open(&pool->thing))
        return true;
    for (uint32_t i = 0; i < world.object_count; i++)
        if (world.objects[i].choice.pool == pool)
            begun += world.objects[i].begun;
    expect("tp_pool_get_stats", tp_pool_get_stats(pool->thing.handle, &stats), BIT(TP_OK));
    if (stats.executed == begun && stats.submitted == stats.executed + stats.cancelled)
        return true;
    if (last)
        complain("a pool counts %llu posts, %llu executed, %llu cancelled; %llu ran",
                 (unsigned long long)stats.submitted, (unsigned long long)stats.executed,
                 (unsigned long long)stats.cancelled, (unsigned long long)begun);
    return false;
}

bool model_balance(bool last)
{
    bool balanced = true;
    for (uint32_t i = 0; i < world.pool_count; i++)
        balanced = balance_pool(&world.pools[i], last) && balanced;
    return balanced;
}

void model_after(void)
{
    for (uint32_t i = 0; i < world.object_count; i++) {
        const struct object *object = &world.objects[i];
        balance_object(object);
        if (object->releases != (object->thing.made && object->choice.release))
            complain("object %u was released %u times", i, object->releases);
        if (object->finalized != (object->choice.finalizer ? object->ended : 0))
            complain("object %u was finalized %u times", i, object->finalized);
    }
}

void model_forget(void)
{
    memset(actors, 0, actors_used * sizeof *actors);
    memset(&world, 0, sizeof world);
    tpp_init(&order, 0);
    actors_used = 0;
}

/* ---- table ----------------------------------------------------------------------------------- */

static const enum tpi_kind kinds[] = {
    TPI_KIND_POOL, TPI_KIND_GROUP, TPI_KIND_WORK,      TPI_KIND_TIMER, TPI_KIND_WAIT,
    TPI_KIND_IO,   TPI_KIND_EVENT, TPI_KIND_SEMAPHORE, TPI_KIND_MUTEX, TPI_KIND_ENV,
};
#define KINDS (sizeof kinds / sizeof *kinds)

void put_in_table(enum tpi_kind kind, uint32_t place, struct thing *thing)
{
    struct place *where = &world.table[kind][place % PLACES];
    learn();
    where->before = where->now;
    where->now = thing;
}

struct thing *in_table(enum tpi_kind kind, uint32_t place)
{
    struct thing *thing = world.table[kind][place % PLACES].now;
    if (thing)
        learn();
    return thing;
}

bool wants_current(const struct op *op)
{
    return op_which(op) <= WHICH_CURRENT;
}

static struct thing *nth_thing(uint32_t n)
{
    if (n < world.object_count)
        return &world.objects[n].thing;
    n -= world.object_count;
    if (n < world.sync_count)
        return &world.syncs[n].thing;
    n -= world.sync_count;
    if (n < world.pool_count)
        return &world.pools[n].thing;
    n -= world.pool_count;
    if (n < world.group_count)
        return &world.groups[n].thing;
    n -= world.group_count;
    return n < ENVS ? &world.envs[n].thing : NULL;
}

/* Whose handle the value is by chance. */
static struct thing *owner_of(enum tpi_kind kind, const void *handle)
{
    struct thing *thing;
    for (uint32_t n = 0; (thing = nth_thing(n)); n++)
        if (thing->kind == kind && thing->handle == handle)
            return thing;
    return NULL;
}

static void *wrong_handle(const struct op *op, enum tpi_kind kind, const struct thing *now)
{
    uintptr_t handle = now ? (uintptr_t)now->handle : 0;
    if (op_which(op) != WHICH_FOREIGN &&
        kind == TPI_KIND_POOL) /* the default pool's is not known */
        return (void *)(handle ^ (uintptr_t)1 << (60 + op->argument % 4));
    if (op_which(op) == WHICH_TOPPLED) { /* not to slots near by: one may just be taken */
        uint32_t bit = op->argument % 64;
        return (void *)(handle ^ (uintptr_t)1 << (bit < 16 ? bit + 16 : bit));
    }
    if (op_which(op) == WHICH_GARBAGE)
        return (void *)(op->argument * UINT64_C(0x9e3779b97f4a7c15) >> op->argument % 50);
    enum tpi_kind other = kinds[op->argument % KINDS];
    const struct thing *thing = in_table(other, op_place(op));
    return other != kind && thing ? thing->handle : NULL;
}

struct thing *target_of(const struct op *op, enum tpi_kind kind, void **handle_out)
{
    const struct place *place = &world.table[kind][op_place(op)];
    struct thing *thing = NULL;
    *handle_out = NULL;
    if (wants_current(op))
        thing = place->now;
    else if (op_which(op) == WHICH_STALE)
        thing = place->before;
    else if (op_which(op) != WHICH_NULL)
        *handle_out = wrong_handle(op, kind, place->now);
    if (thing && thing->handle)
        *handle_out = thing->handle;
    else
        thing = *handle_out ? owner_of(kind, *handle_out) : NULL;
    if (thing)
        learn();
    return thing;
}

int64_t some_time(uint32_t argument)
{
    static const int64_t times[] = {0, 1, 100, US, 100 * US, MS, 3 * MS, 12 * MS};
    return times[argument & 7];
}

int64_t boot_time(void)
{
    return tpps_now() + world.suspended;
}

uint32_t lane_self(void)
{
    const struct actor *self = actor_self();
    return self->depth > 0 ? LANE_BODY : self->lane;
}
