/* capi_objects.c - callback objects: their making and end, and what their callbacks do. */
#include "fuzz/capi_calls.h"

/* ---- what is called -------------------------------------------------------------------------- */

static void push(struct object *object, tp_callback_instance_t *instance, bool errand)
{
    struct actor *self = actor_self();
    if (self->depth == FRAMES)
        complain("too many callbacks on one stack");
    self->frames[self->depth++] =
        (struct frame){.object = object, .instance = instance, .errand = errand};
}

void callback_begin(tp_callback_instance_t *instance, struct object *object, const void *handle)
{
    if (object->thing.handle && object->thing.handle != handle)
        complain("object %u is called with another handle", object->thing.number);
    object_begins(object);
    push(object, instance, false);
}

/* After the body what it has acquired goes, but for what is released on its return. */
void callback_end(void)
{
    struct actor *self = actor_self();
    struct frame *frame = frame_self();
    bool left = false;
    lane_run(LANE_BODY + frame->object->body);
    for (uint32_t i = frame->acquired_count; i-- > 0;) {
        struct sync *sync = frame->acquired[i];
        bool leave = !left && sync == frame->release;
        struct call call = call_begin(&sync->thing);
        left = left || leave;
        sync_releases(sync);
        if (!leave)
            call_end(&call, "tp_mutex_release", tp_mutex_release(sync->thing.handle), BIT(TP_OK));
    }
    world.old_instance = frame->instance;
    object_ends(frame->object, frame->detached);
    self->depth--;
}

static void work_called(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    callback_begin(instance, context, work);
    callback_end();
}

static void simple_called(tp_callback_instance_t *instance, void *context)
{
    callback_begin(instance, context, NULL);
    callback_end();
}

static void finalize(tp_callback_instance_t *instance, void *context)
{
    struct object *object = context;
    bool requested;
    expect("tp_callback_cancel_requested", tp_callback_cancel_requested(instance, &requested),
           BIT(TP_OK));
    if (++object->finalized > object->ended)
        complain("object %u has more finalizers than callbacks", object->thing.number);
}

static void release(void *context)
{
    struct object *object = context;
    if (object->running > 0 || object->releases++ > 0 ||
        (object->choice.finalizer && object->finalized != object->ended))
        complain("object %u is released while it is used", object->thing.number);
    if (object->thing.kind == TPI_KIND_IO)
        io_free_buffers(object);
}

static void cancelled(void *context, void *cleanup_context)
{
    struct object *object = context;
    if (cleanup_context != object->choice.group)
        complain("a cancel callback has another context");
    if (object->running > 0 || object->releases > 0 || object->cancels++ > 0)
        complain("object %u is cancelled while it is used", object->thing.number);
    push(object, NULL, true);
    lane_run(LANE_BODY + object->body);
    for (struct frame *frame = frame_self(); frame->acquired_count > 0;) {
        struct sync *sync = frame->acquired[--frame->acquired_count];
        struct call call = call_begin(&sync->thing);
        sync_releases(sync);
        call_end(&call, "tp_mutex_release", tp_mutex_release(sync->thing.handle), BIT(TP_OK));
    }
    actor_self()->depth--;
}

/* ---- making ---------------------------------------------------------------------------------- */

struct object *object_new(enum tpi_kind kind, const struct env *env, uint32_t body)
{
    if (world.object_count == OBJECTS)
        return NULL;
    struct object *object = &world.objects[world.object_count];
    object->thing.kind = kind;
    object->thing.number = world.object_count++;
    object->body = body % SCRIPT_BODIES;
    if (env)
        object->choice = env->choice;
    else
        object->choice = (struct choice){.pool = pool_at(PLACES - 1)};
    if (object->choice.group) {
        object->choice.group->members++;
        object->choice.group->has_io |= kind == TPI_KIND_IO;
    }
    world.default_used |= object->choice.pool->is_default;
    return object;
}

/* What decides whether it can be made, as it was before. */
struct making {
    struct object *object;
    const struct env *env;
    bool env_gone, gone; /* surely */
    uint32_t rounds;
};

static struct making making_begin(struct object *object, const struct env *env)
{
    const struct pool *pool = object->choice.pool;
    const struct group *group = object->choice.group;
    return (struct making){
        .object = object,
        .env = env,
        .env_gone = env && env->thing.closed,
        .gone = pool->thing.closed || pool->shut || (group && group->thing.closed),
        .rounds = group ? group->rounds : 0,
    };
}

static void making_end(const struct making *making, void *handle, tp_status_t status,
                       uint64_t allowed)
{
    struct object *object = making->object;
    const struct pool *pool = object->choice.pool;
    const struct group *group = object->choice.group;
    if (making->env_gone)
        allowed = BIT(TP_ERR_HANDLE);
    else if (making->gone)
        allowed = BIT(TP_ERR_CLOSED) | (allowed & ~BIT(TP_OK));
    else if (!is_open(&pool->thing) || pool_may_be_shut(pool) || (group && !is_open(&group->thing)))
        allowed |= BIT(TP_ERR_CLOSED);
    if (world.faults)
        allowed |= RESOURCES;
    expect("a create", status, allowed);
    if ((status == TP_OK) != (handle != NULL) && object->thing.kind != TPI_KIND_SIMPLE)
        complain("a create gave %s and handle %p", tp_status_name(status), handle);
    learn();
    object->thing.made = status == TP_OK;
    object->thing.handle = handle;
    if (pool_may_be_shut(pool)) { /* it may have been dropped already */
        object->barred = true;
        cancel_begins(object);
    }
    /* A call that was closing members meanwhile may have taken it, too. */
    if (group && (group->closing > 0 || group->rounds != making->rounds)) {
        object->thing.closing++;
        object->barred = true;
        cancel_begins(object);
    }
}

static tp_status_t create(struct object *object, const tp_env_t *env, uint32_t file, void **handle,
                          uint64_t *allowed)
{
    tp_work_t *work = NULL;
    tp_timer_t *timer = NULL;
    tp_wait_t *wait = NULL;
    tp_status_t status;
    if (object->thing.kind == TPI_KIND_IO)
        return io_create(object, file, env, handle, allowed);
    if (object->thing.kind == TPI_KIND_TIMER) {
        status = tp_timer_create(timer_called, object, env, &timer);
        *handle = timer;
    } else if (object->thing.kind == TPI_KIND_WAIT) {
        status = tp_wait_create(wait_called, object, env, &wait);
        *handle = wait;
    } else {
        status = tp_work_create(work_called, object, env, &work);
        *handle = work;
    }
    return status;
}

void object_make(enum tpi_kind kind, uint32_t place, uint32_t which_env, uint32_t body)
{
    const struct env *env = env_for(which_env);
    struct object *object = object_new(kind, env, body);
    uint64_t allowed = BIT(TP_OK);
    void *handle = NULL;
    if (!object)
        return;
    struct making making = making_begin(object, env);
    tp_status_t status = create(object, env ? env->thing.handle : NULL,
                                (place + (body >> 6)) % PLACES, &handle, &allowed);
    making_end(&making, handle, status, allowed);
    if (handle)
        put_in_table(kind, place, &object->thing);
}

static void submit_simple(const struct op *op)
{
    const struct env *env = env_for(op_other(op));
    struct object *object = object_new(TPI_KIND_SIMPLE, env, op->argument);
    if (!object)
        return;
    struct making making = making_begin(object, env);
    posts_begin(object, 1);
    tp_status_t status = tp_try_submit(simple_called, object, env ? env->thing.handle : NULL);
    posts_end(object, 1, status == TP_OK);
    making_end(&making, NULL, status,
               BIT(TP_OK) | (object->choice.pool->config.queue_limit ? BIT(TP_ERR_BUSY) : 0));
}

struct object *object_target(const struct op *op, enum tpi_kind kind, void **handle_out)
{
    if (wants_current(op) && !in_table(kind, op_place(op)) && !world.over)
        object_make(kind, op_place(op), op_place(op), op_place(op));
    struct thing *thing = target_of(op, kind, handle_out);
    return thing ? tpi_container(thing, struct object, thing) : NULL;
}

/* ---- waiting and closing --------------------------------------------------------------------- */

/* Nobody can be waited for for ever who may be waiting in turn: callbacks wait so only for objects
 * of their pool that were made later, and whose posts they can run themselves. */
static bool may_wait_for_ever(const struct object *object)
{
    const struct actor *self = actor_self();
    if (object->thing.kind != TPI_KIND_WORK || self->depth > FRAMES / 2)
        return false;
    for (uint32_t i = 0; i < self->depth; i++) {
        const struct frame *frame = &self->frames[i];
        if (frame->errand || frame->detached || frame->object->choice.pool != object->choice.pool ||
            frame->object->thing.number >= object->thing.number)
            return false;
    }
    return self->depth == 0 || (!object->choice.pool->driven && !object->choice.persistent);
}

/* Is everything done that was posted before? Known only if nothing was dropped. */
static void check_quiet(const struct object *object, uint64_t seen)
{
    bool posts = object->thing.kind == TPI_KIND_WORK || object->thing.kind == TPI_KIND_IO;
    if (posts && !object->dropped && !object->barred && object->done < seen)
        complain("a wait for object %u is over, %llu posts, %llu done", object->thing.number,
                 (unsigned long long)seen, (unsigned long long)object->done);
}

void object_wait(const struct op *op, enum tpi_kind kind, const char *function,
                 tp_status_t (*wait)(void *handle, bool cancel, int64_t timeout))
{
    void *handle;
    struct object *object = object_target(op, kind, &handle);
    bool cancel = op->argument & 8, own = object && frames_have(object);
    int64_t timeout = some_time(op->argument);
    uint64_t allowed = BIT(TP_OK) | BIT(TP_ERR_TIMEOUT), seen = object ? object->returned : 0;
    if (op->argument & 16 && object && may_wait_for_ever(object))
        timeout = TP_INFINITE, allowed = BIT(TP_OK);
    if (own)
        allowed = BIT(TP_ERR_DEADLOCK);
    if (op->argument >> 5 == 7)
        timeout = -1 - timeout, allowed = BIT(TP_ERR_ARGUMENT);
    else if (frame_self() && frame_self()->errand)
        allowed |= BIT(TP_ERR_DEADLOCK);
    bool drops = object && cancel && !own && timeout >= 0;
    struct call call = call_begin(object ? &object->thing : NULL);
    learn();
    if (drops)
        cancel_begins(object);
    tp_status_t status = wait(handle, cancel, timeout);
    if (drops)
        cancel_ends(object, seen, status == TP_OK);
    call_end(&call, function, status, allowed);
    if (status == TP_OK && !cancel)
        check_quiet(object, seen);
}

void object_close(const struct op *op, enum tpi_kind kind, const char *function,
                  tp_status_t (*close)(void *handle))
{
    void *handle;
    struct thing *thing = target_of(op, kind, &handle);
    struct call call = call_begin(thing);
    if (!handle) {
        expect(function, close(NULL), BIT(TP_OK));
        return;
    }
    if (thing) {
        thing->closing++;
        if (!thing->closed)
            tpi_container(thing, struct object, thing)->barred = true;
    }
    tp_status_t status = close(handle);
    call_end(&call, function, status, BIT(TP_OK));
    /* A call that closed its group's members meanwhile may have found it closed, and be through. */
    if (status == TP_OK && thing->closed &&
        !tpi_container(thing, struct object, thing)->choice.group)
        complain("object %u was closed twice", thing->number);
    if (status == TP_OK)
        thing_ended(thing);
    else if (thing)
        thing->closing--;
}

/* ---- work ------------------------------------------------------------------------------------ */

static void submit(const struct op *op)
{
    void *handle;
    struct object *object = object_target(op, TPI_KIND_WORK, &handle);
    uint32_t posts = op->argument & 8 ? op->argument & 7u : 1;
    uint64_t allowed = BIT(TP_OK);
    if (object && object->choice.pool->shut)
        allowed = BIT(TP_ERR_CLOSED);
    struct call call = call_begin(object ? &object->thing : NULL);
    if (object)
        posts_begin(object, posts);
    tp_status_t status =
        op->argument & 8 ? tp_work_submit_many(handle, posts) : tp_work_submit(handle);
    if (object)
        posts_end(object, posts, status == TP_OK);
    if (object && pool_may_be_shut(object->choice.pool))
        allowed |= BIT(TP_ERR_CLOSED);
    if (posts == 0)
        allowed |= BIT(TP_OK);
    call_end(&call, posts == 1 ? "tp_work_submit" : "tp_work_submit_many", status, allowed);
}

static tp_status_t work_wait(void *handle, bool cancel, int64_t timeout)
{
    return tp_work_wait(handle, cancel, timeout);
}

static tp_status_t work_close(void *handle)
{
    return tp_work_close(handle);
}

/* ---- within callbacks ------------------------------------------------------------------------ */

/* The instance that is passed, and what comes of it; *own_out: the frame of a good one. */
static tp_callback_instance_t *instance_of(const struct op *op, struct frame **own_out,
                                           uint64_t *allowed_out)
{
    struct frame *frame = frame_self();
    const struct actor *self = actor_self();
    tp_callback_instance_t *old = world.old_instance;
    for (uint32_t i = 0; i < self->depth; i++)
        if (self->frames[i].instance == old)
            old = NULL;
    *own_out = NULL;
    *allowed_out = old ? BIT(TP_ERR_STATE) : BIT(TP_ERR_HANDLE);
    if (frame && !frame->errand && wants_current(op)) {
        *own_out = frame;
        *allowed_out = BIT(TP_OK);
        return frame->instance;
    }
    return old;
}

static void disassociate(const struct op *op)
{
    struct frame *frame;
    uint64_t allowed;
    tp_callback_instance_t *instance = instance_of(op, &frame, &allowed);
    if (frame && !frame->detached)
        frame->object->done++;
    expect("tp_callback_disassociate", tp_callback_disassociate(instance), allowed);
    if (frame)
        frame->detached = true;
}

static void run_long(const struct op *op)
{
    struct frame *frame;
    uint64_t allowed;
    tp_callback_instance_t *instance = instance_of(op, &frame, &allowed);
    expect("tp_callback_may_run_long", tp_callback_may_run_long(instance),
           allowed | (frame ? BIT(TP_ERR_TOO_MANY_THREADS) : 0));
}

static void block(const struct op *op)
{
    struct frame *frame = frame_self();
    if (frame && frame->errand)
        return;
    if (op->argument & 1) {
        expect("tp_blocking_begin", tp_blocking_begin(), frame ? BIT(TP_OK) : BIT(TP_ERR_STATE));
        if (frame)
            frame->blocking++;
        return;
    }
    expect("tp_blocking_end", tp_blocking_end(),
           frame && frame->blocking > 0 ? BIT(TP_OK) : BIT(TP_ERR_STATE));
    if (frame && frame->blocking > 0)
        frame->blocking--;
}

static void look(const struct op *op)
{
    struct frame *frame;
    uint64_t allowed;
    bool requested = true;
    uint32_t events = 9;
    tp_callback_instance_t *instance = instance_of(op, &frame, &allowed);
    expect("tp_callback_cancel_requested", tp_callback_cancel_requested(instance, &requested),
           allowed);
    if (frame && frame->object->thing.kind != TPI_KIND_WAIT)
        allowed = BIT(TP_ERR_STATE);
    tp_status_t status = tp_callback_wait_events(instance, &events);
    expect("tp_callback_wait_events", status, allowed);
    if (status != TP_OK && events != 0)
        complain("tp_callback_wait_events gave %s and %#x", tp_status_name(status), events);
}

static void set_on_return(tp_callback_instance_t *instance, struct sync *sync, uint64_t allowed)
{
    struct call call = call_begin(&sync->thing);
    if (!(allowed & BIT(TP_OK)))
        call.was_closed = false; /* the instance is looked at first */
    sync->vague = sync->maybe = true;
    sync->surely = false;
    sync->sets++;
    tp_status_t status = tp_callback_set_event_on_return(instance, sync->thing.handle);
    call_end(&call, "tp_callback_set_event_on_return", status, allowed);
}

static void give_on_return(tp_callback_instance_t *instance, struct sync *sync, uint64_t allowed)
{
    struct call call = call_begin(&sync->thing);
    if (!(allowed & BIT(TP_OK)))
        call.was_closed = false;
    sync->vague = true;
    sync->given++;
    tp_status_t status = tp_callback_release_semaphore_on_return(instance, sync->thing.handle, 1);
    call_end(&call, "tp_callback_release_semaphore_on_return", status, allowed);
}

static void release_on_return(tp_callback_instance_t *instance, struct frame *frame,
                              struct sync *sync, uint64_t allowed)
{
    bool mine = false;
    for (uint32_t i = 0; frame && i < frame->acquired_count; i++)
        mine = mine || frame->acquired[i] == sync;
    if (!mine && sync->owner == tpp_thread_id())
        return; /* a callback further down owns it */
    struct call call = call_begin(&sync->thing);
    if (!(allowed & BIT(TP_OK)))
        call.was_closed = false;
    tp_status_t status = tp_callback_release_mutex_on_return(instance, sync->thing.handle);
    call_end(&call, "tp_callback_release_mutex_on_return", status, allowed);
    if (status == TP_OK)
        frame->release = sync;
}

static void on_return(const struct op *op)
{
    static const enum tpi_kind kinds[] = {TPI_KIND_EVENT, TPI_KIND_SEMAPHORE, TPI_KIND_MUTEX};
    static int library;
    struct frame *frame;
    uint64_t allowed;
    tp_callback_instance_t *instance = instance_of(op, &frame, &allowed);
    uint32_t choice = op->argument & 3;
    struct sync *sync = choice < 3 ? sync_at(kinds[choice], op_other(op)) : NULL;
    if (choice < 3 && !sync)
        return;
    if (choice == 0)
        set_on_return(instance, sync, allowed);
    else if (choice == 1)
        give_on_return(instance, sync, allowed);
    else if (choice == 2)
        release_on_return(instance, frame, sync, allowed);
    else {
        tpps_library_set_refs(&library, 1 << 20);
        expect("tp_callback_close_library_on_return",
               tp_callback_close_library_on_return(instance, &library), allowed);
    }
}

/* ---- operations ------------------------------------------------------------------------------ */

bool object_operation(const struct op *op)
{
    switch ((int)op->code) {
    case CODE_simple:
        submit_simple(op);
        return true;
    case CODE_work_create:
        object_make(TPI_KIND_WORK, op_place(op), op_other(op), op->argument);
        return true;
    case CODE_work_submit:
        submit(op);
        return true;
    case CODE_work_wait:
        object_wait(op, TPI_KIND_WORK, "tp_work_wait", work_wait);
        return true;
    case CODE_work_close:
        object_close(op, TPI_KIND_WORK, "tp_work_close", work_close);
        return true;
    case CODE_disassociate:
        disassociate(op);
        return true;
    case CODE_run_long:
        run_long(op);
        return true;
    case CODE_blocking:
        block(op);
        return true;
    case CODE_on_return:
        on_return(op);
        return true;
    case CODE_look:
        look(op);
        return true;
    default:
        return false;
    }
}

const tp_simple_fn capi_finalizer = finalize;
const tp_release_fn capi_release = release;
const tp_cancel_fn capi_cancel = cancelled;
