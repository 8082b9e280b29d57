/* capi_sync.c - events, semaphores and mutexes, and threads that wait for them. */
#include "fuzz/capi_calls.h"

/* ---- what is known of units ------------------------------------------------------------------ */

void sync_claim(struct sync *sync)
{
    sync->claims++;
    sync->takes++;
    if (!sync->manual)
        sync->surely = false;
}

void sync_unclaim(struct sync *sync)
{
    sync->claims--;
}

void sync_taken(struct sync *sync)
{
    sync->taken++;
    sync->claims--;
    if (sync->thing.kind == TPI_KIND_SEMAPHORE && sync->taken > sync->initial + sync->given)
        complain("semaphore %u: %u units taken, %u given", sync->thing.number, sync->taken,
                 sync->initial + sync->given);
}

void sync_check_maybe(const struct sync *sync, const struct arming *arming, const char *who)
{
    if (sync->thing.kind == TPI_KIND_EVENT && !arming->was_maybe && sync->sets == arming->sets)
        complain("%s was signaled by event %u, which was not set", who, sync->thing.number);
}

/* At least so many units are there, less what is taken meanwhile. */
static int64_t units(const struct sync *sync)
{
    return (int64_t)sync->initial + sync->given_done - sync->taken - sync->claims;
}

bool sync_may_acquire(void)
{
    const struct frame *frame = frame_self();
    return !frame || frame->acquired_count < ACQUIRED;
}

void sync_acquired(struct sync *sync, bool abandoned)
{
    uint64_t self = tpp_thread_id();
    struct frame *frame = frame_self();
    if (sync->owner != 0 && sync->owner != self && is_open(&sync->thing))
        complain("mutex %u has two owners", sync->thing.number);
    if (abandoned && !sync->abandoned)
        complain("mutex %u was abandoned by nobody", sync->thing.number);
    sync->depth = sync->owner == self ? sync->depth + 1 : 1;
    sync->owner = self;
    if (frame)
        frame->acquired[frame->acquired_count++] = sync;
}

void sync_releases(struct sync *sync)
{
    if (sync->owner == tpp_thread_id() && --sync->depth == 0)
        sync->owner = 0;
}

void syncs_abandon(void)
{
    for (uint32_t i = 0; i < world.sync_count; i++) {
        struct sync *sync = &world.syncs[i];
        if (sync->owner != tpp_thread_id())
            continue;
        sync->owner = 0;
        sync->abandoned = true;
    }
}

/* ---- making ---------------------------------------------------------------------------------- */

static tp_status_t create(struct sync *sync, uint32_t argument, void **handle)
{
    tp_event_t *event = NULL;
    tp_semaphore_t *semaphore = NULL;
    tp_mutex_t *mutex = NULL;
    tp_status_t status;
    if (sync->thing.kind == TPI_KIND_EVENT) {
        sync->manual = argument & 1;
        sync->maybe = sync->surely = argument & 2;
        status = tp_event_create(sync->manual, sync->maybe, &event);
        *handle = event;
    } else if (sync->thing.kind == TPI_KIND_SEMAPHORE) {
        sync->initial = argument & 3;
        sync->maximum = argument & 4 ? UINT32_MAX : argument >> 3 & 3;
        status = tp_semaphore_create(sync->initial, sync->maximum, &semaphore);
        *handle = semaphore;
    } else {
        status = tp_mutex_create(argument & 1 && sync_may_acquire(), &mutex);
        *handle = mutex;
        if (status == TP_OK && argument & 1 && sync_may_acquire())
            sync_acquired(sync, false);
    }
    return status;
}

struct sync *sync_make(enum tpi_kind kind, uint32_t place, uint32_t argument)
{
    if (world.sync_count == SYNCS)
        return NULL;
    struct sync *sync = &world.syncs[world.sync_count];
    sync->thing.kind = kind;
    sync->thing.number = world.sync_count++;
    void *handle = NULL;
    uint64_t allowed = BIT(TP_OK) | (world.faults ? BIT(TP_ERR_NO_MEMORY) : 0);
    tp_status_t status = create(sync, argument, &handle);
    bool wrong =
        kind == TPI_KIND_SEMAPHORE && (sync->maximum == 0 || sync->initial > sync->maximum);
    expect("a create", status, wrong ? BIT(TP_ERR_ARGUMENT) : allowed);
    sync->thing.made = status == TP_OK;
    sync->thing.handle = handle;
    if (!handle)
        return NULL;
    put_in_table(kind, place, &sync->thing);
    return sync;
}

struct sync *sync_at(enum tpi_kind kind, uint32_t place)
{
    struct thing *thing = in_table(kind, place);
    if (!thing && !world.over)
        return sync_make(kind, place, place == 0 ? 4 : place == 1 ? 5 : 6);
    return thing ? tpi_container(thing, struct sync, thing) : NULL;
}

static struct sync *target(const struct op *op, enum tpi_kind kind, void **handle_out)
{
    if (wants_current(op))
        (void)sync_at(kind, op_place(op));
    struct thing *thing = target_of(op, kind, handle_out);
    return thing ? tpi_container(thing, struct sync, thing) : NULL;
}

/* ---- sources --------------------------------------------------------------------------------- */

tp_waitable_t source_of(const struct op *op, uint32_t choice, struct sync **sync_out,
                        uint64_t *allowed_out)
{
    static const int signals[] = {10, 34, 35, 70};
    static const enum tpi_kind kinds[] = {TPI_KIND_EVENT, TPI_KIND_SEMAPHORE, TPI_KIND_MUTEX};
    uint32_t other = op_other(op);
    struct sync *sync = choice < 3 ? sync_at(kinds[choice], other) : NULL;
    void *handle = sync ? sync->thing.handle : NULL;
    uint64_t system = BIT(TP_ERR_SYSTEM) | BIT(TP_ERR_NO_MEMORY);
    *sync_out = sync;
    *allowed_out = choice < 3 && (!sync || sync->thing.closed) ? BIT(TP_ERR_HANDLE) : BIT(TP_OK);
    switch (choice) {
    case 0:
        return tp_waitable_event(handle);
    case 1:
        return tp_waitable_semaphore(handle);
    case 2:
        return tp_waitable_mutex(handle);
    case 3:
        *allowed_out |= system;
        return tp_waitable_fd(FIRST_FILE + (int)other, op->argument & 8 ? POLLOUT : POLLIN);
    case 4:
        *allowed_out |= system;
        if (world.files[PLACES + other % 2].kind == TPPS_PROCESS)
            return tp_waitable_process(FIRST_FILE + PLACES + (int)other % 2);
        return tp_waitable_fd(FIRST_FILE + PLACES + (int)other % 2, POLLIN);
    case 5:
        *allowed_out = other == 3 ? system : BIT(TP_OK) | system;
        return tp_waitable_signal(signals[other]);
    default:
        return tp_waitable_never();
    }
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* What was known before a thread began to wait. */
struct taking {
    struct sync *sync;
    struct arming arming;
    uint32_t takes, resets;
    int64_t units;
    bool surely, mine;
};

static struct taking taking_begin(struct sync *sync)
{
    struct taking taking = {.sync = sync};
    if (!sync)
        return taking;
    taking.arming = (struct arming){sync, sync->maybe, sync->sets};
    taking.surely = sync->surely;
    taking.units = units(sync);
    taking.resets = sync->resets;
    taking.mine = sync->owner == tpp_thread_id();
    sync_claim(sync);
    taking.takes = sync->takes;
    return taking;
}

/* It found nothing: was something there all the time? */
static void found_nothing(const struct taking *taking)
{
    const struct sync *sync = taking->sync;
    bool undisturbed = sync->manual || taking->takes == sync->takes;
    if (sync->thing.kind == TPI_KIND_EVENT && taking->surely && taking->resets == sync->resets &&
        undisturbed)
        complain("nothing was found in event %u, which was set", sync->thing.number);
    if (sync->thing.kind == TPI_KIND_SEMAPHORE &&
        taking->units > (int64_t)(sync->takes - taking->takes))
        complain("nothing was found in semaphore %u, which has units", sync->thing.number);
    if (sync->thing.kind == TPI_KIND_MUTEX && taking->mine)
        complain("the owner of mutex %u did not get it again", sync->thing.number);
}

static void taking_end(const struct taking *taking, tp_status_t status, tp_wait_result_t result)
{
    struct sync *sync = taking->sync;
    bool mutex = sync && sync->thing.kind == TPI_KIND_MUTEX;
    bool got = result == TP_WAIT_SIGNALED || (mutex && result == TP_WAIT_ABANDONED);
    if (status != TP_OK ? result != 0 : !got && result != TP_WAIT_TIMEOUT)
        complain("tp_waitable_wait gave %s and result %u", tp_status_name(status), result);
    if (!sync)
        return;
    if (status != TP_OK || !got) {
        sync->claims--;
        if (status == TP_OK)
            found_nothing(taking);
        return;
    }
    sync_check_maybe(sync, &taking->arming, "a thread");
    sync_taken(sync);
    if (mutex)
        sync_acquired(sync, result == TP_WAIT_ABANDONED);
    else if (!sync->manual && sync->sets == taking->arming.sets && sync->sets_done == sync->sets &&
             !sync->vague)
        sync->maybe = false;
}

/* Argument: time 0-2, source 5-7 (7: something odd). */
static void take(const struct op *op)
{
    struct sync *sync;
    struct file *file = NULL;
    tp_wait_result_t result = 9;
    uint64_t allowed;
    uint32_t choice = op->argument >> 5;
    int64_t timeout = some_time(op->argument);
    tp_waitable_t source = source_of(op, choice == 7 ? 0 : choice, &sync, &allowed);
    if (choice == 2 && !sync_may_acquire()) /* not before: one that is made may be owned */
        return;
    if (choice == 3 || choice == 4)
        file = &world.files[choice == 3 ? op_other(op) : PLACES + op_other(op) % 2];
    if (choice == 7)
        timeout = -1;
    struct call call = call_begin(sync ? &sync->thing : NULL);
    if (!sync)
        call.was_closed = choice < 3 || choice == 7;
    struct taking taking = taking_begin(sync);
    if (file)
        file->users++;
    tp_status_t status = tp_waitable_wait(source, timeout, &result);
    if (file)
        file->users--;
    taking_end(&taking, status, result);
    if (choice == 7) {
        expect("tp_waitable_wait", status, BIT(TP_ERR_ARGUMENT));
        return;
    }
    if (sync || call.was_closed)
        call_end(&call, "tp_waitable_wait", status, allowed);
    else
        expect("tp_waitable_wait", status, allowed);
}

/* ---- changing -------------------------------------------------------------------------------- */

static void set(const struct op *op)
{
    void *handle;
    struct sync *event = target(op, TPI_KIND_EVENT, &handle);
    struct call call = call_begin(event ? &event->thing : NULL);
    uint32_t resets = event ? event->resets : 0, takes = event ? event->takes : 0;
    bool alone = event && (event->manual || event->claims == 0) && event->resets_done == resets;
    if (event) {
        event->sets++;
        event->maybe = true;
    }
    tp_status_t status = tp_event_set(handle);
    if (event) {
        event->sets_done++;
        if (status == TP_OK && alone && event->resets == resets && !event->vague &&
            (event->manual || event->takes == takes))
            event->surely = true;
    }
    call_end(&call, "tp_event_set", status, BIT(TP_OK));
}

static void reset(const struct op *op)
{
    void *handle;
    struct sync *event = target(op, TPI_KIND_EVENT, &handle);
    struct call call = call_begin(event ? &event->thing : NULL);
    uint32_t sets = event ? event->sets : 0;
    bool calm = event && event->sets_done == sets && !event->vague;
    if (event) {
        event->resets++;
        event->surely = false;
    }
    tp_status_t status = tp_event_reset(handle);
    if (event)
        event->resets_done++;
    if (calm && status == TP_OK && event->sets == sets)
        event->maybe = false;
    call_end(&call, "tp_event_reset", status, BIT(TP_OK));
}

static void give(const struct op *op)
{
    void *handle;
    struct sync *semaphore = target(op, TPI_KIND_SEMAPHORE, &handle);
    uint32_t count = op->argument & 3, previous = 9, takes = 0, taken = 0;
    int64_t least = 0;
    struct call call = call_begin(semaphore ? &semaphore->thing : NULL);
    if (semaphore) {
        least = units(semaphore);
        takes = semaphore->takes;
        taken = semaphore->taken;
        semaphore->given += count;
    }
    tp_status_t status = tp_semaphore_release(handle, count, &previous);
    if (!semaphore) {
        call_end(&call, "tp_semaphore_release", status, 0);
        return;
    }
    int64_t most = (int64_t)semaphore->initial + semaphore->given - taken,
            maximum = semaphore->maximum;
    uint64_t allowed = BIT(TP_OK) | (most > maximum ? BIT(TP_ERR_LIMIT) : 0);
    least -= semaphore->takes - takes;
    if (least + count > maximum)
        allowed &= ~BIT(TP_OK);
    if (status == TP_OK && (previous + (int64_t)count > most || previous < least))
        complain("semaphore %u had %u units, but from %lld to %lld", semaphore->thing.number,
                 previous, (long long)least, (long long)most - count);
    if (status == TP_OK)
        semaphore->given_done += count;
    else
        semaphore->given -= count;
    call_end(&call, "tp_semaphore_release", status, count == 0 ? BIT(TP_ERR_ARGUMENT) : allowed);
}

/* Takes the mutex off what the callback has to release; false if it has not acquired it. */
static bool forget_acquired(struct frame *frame, const struct sync *mutex)
{
    for (uint32_t i = 0; i < frame->acquired_count; i++)
        if (frame->acquired[i] == mutex) {
            frame->acquired[i] = frame->acquired[--frame->acquired_count];
            return true;
        }
    return false;
}

static void release(const struct op *op)
{
    void *handle;
    struct sync *mutex = target(op, TPI_KIND_MUTEX, &handle);
    struct frame *frame = frame_self();
    bool mine = mutex && mutex->owner == tpp_thread_id();
    if (mine && frame && !forget_acquired(frame, mutex))
        return; /* somebody further down on this stack owns it */
    struct call call = call_begin(mutex ? &mutex->thing : NULL);
    if (mine)
        sync_releases(mutex);
    call_end(&call, "tp_mutex_release", tp_mutex_release(handle),
             mine ? BIT(TP_OK) : BIT(TP_ERR_NOT_OWNER));
}

static tp_status_t close_handle(enum tpi_kind kind, void *handle)
{
    if (kind == TPI_KIND_EVENT)
        return tp_event_close(handle);
    return kind == TPI_KIND_MUTEX ? tp_mutex_close(handle) : tp_semaphore_close(handle);
}

static void close_one(enum tpi_kind kind, struct thing *thing, void *handle)
{
    struct call call = call_begin(thing);
    if (!handle) {
        expect("a close", close_handle(kind, NULL), BIT(TP_OK));
        return;
    }
    if (thing)
        thing->closing++;
    tp_status_t status = close_handle(kind, handle);
    call_end(&call, "a close", status, BIT(TP_OK));
    if (status == TP_OK && thing->closed)
        complain("sync object %u was closed twice", thing->number);
    if (status == TP_OK)
        thing_ended(thing);
    else if (thing)
        thing->closing--;
}

/* All waits are quiet: what is left of units is what was given and not taken, less what came with a
 * post that was dropped. */
static void drain(const struct sync *semaphore)
{
    tp_wait_result_t result = TP_WAIT_SIGNALED;
    int64_t left = -1, wanted = (int64_t)semaphore->initial + semaphore->given - semaphore->taken;
    if (wanted > 100)
        return;
    for (; result == TP_WAIT_SIGNALED; left++)
        expect("tp_waitable_wait",
               tp_waitable_wait(tp_waitable_semaphore(semaphore->thing.handle), 0, &result),
               BIT(TP_OK));
    if (left > wanted || left < wanted - (int64_t)semaphore->claims)
        complain("semaphore %u has %lld units left, and should have %lld", semaphore->thing.number,
                 (long long)left, (long long)wanted);
}

void syncs_over(void)
{
    for (uint32_t i = 0; i < world.sync_count; i++) {
        struct sync *sync = &world.syncs[i];
        if (!sync->thing.made || sync->thing.closed)
            continue;
        if (sync->thing.kind == TPI_KIND_SEMAPHORE && !sync->vague && !world.script->options.weak)
            drain(sync);
        close_one(sync->thing.kind, &sync->thing, sync->thing.handle);
    }
}

static void close_target(const struct op *op, enum tpi_kind kind)
{
    void *handle;
    struct thing *thing = target_of(op, kind, &handle);
    close_one(kind, thing, handle);
}

bool sync_operation(const struct op *op)
{
    switch ((int)op->code) {
    case CODE_event_create:
        (void)sync_make(TPI_KIND_EVENT, op_place(op), op->argument);
        return true;
    case CODE_event_set:
        set(op);
        return true;
    case CODE_event_reset:
        reset(op);
        return true;
    case CODE_event_close:
        close_target(op, TPI_KIND_EVENT);
        return true;
    case CODE_semaphore_create:
        (void)sync_make(TPI_KIND_SEMAPHORE, op_place(op), op->argument);
        return true;
    case CODE_semaphore_release:
        give(op);
        return true;
    case CODE_semaphore_close:
        close_target(op, TPI_KIND_SEMAPHORE);
        return true;
    case CODE_mutex_create:
        (void)sync_make(TPI_KIND_MUTEX, op_place(op), op->argument);
        return true;
    case CODE_mutex_release:
        release(op);
        return true;
    case CODE_mutex_close:
        close_target(op, TPI_KIND_MUTEX);
        return true;
    case CODE_take:
        take(op);
        return true;
    default:
        return false;
    }
}
