/* capi_arming.c - timers and waits: what arms them, and what their callbacks are told. */
#include <string.h>

#include "fuzz/capi_calls.h"

enum { SIGNALED = 1, TIMED_OUT = 2, ABANDONED = 4, FAILED = 8 };

/* How many armings may still come to a callback. */
static uint64_t armings_out(const struct object *object)
{
    return object->started - object->taken - object->begun;
}

/* Before a set; `due` on the monotonic clock, INT64_MIN if it is not known. */
static void arm(struct object *object, int64_t due, uint32_t results, const struct arming *arming)
{
    if (armings_out(object) == 0 && !object->periodic) {
        object->not_before = due;
        object->results = results;
        object->arming = *arming;
    } else {
        if (object->arming.sync)
            object->arming.sync->vague = true;
        if (arming->sync)
            arming->sync->vague = true;
        object->arming.sync = NULL;
        object->results |= results;
        if (due < object->not_before)
            object->not_before = due;
    }
    posts_begin(object, 1);
}

static void armed(struct object *object, bool set, tp_status_t status, bool was_armed)
{
    if (status != TP_OK && was_armed)
        complain("a set gave %s and an arming", tp_status_name(status));
    if (!object)
        return;
    object->taken += was_armed;
    if (set)
        posts_end(object, 1, status == TP_OK);
    if (!object->periodic && object->taken + object->begun > object->started)
        complain("object %u: armed %llu times, %llu callbacks, %llu taken away",
                 object->thing.number, (unsigned long long)object->started,
                 (unsigned long long)object->begun, (unsigned long long)object->taken);
}

static uint64_t allowed_set(const struct object *object)
{
    if (object && object->choice.pool->shut)
        return BIT(TP_ERR_CLOSED);
    return BIT(TP_OK);
}

static uint64_t allowed_late(const struct object *object)
{
    return object && object_refuses(object) ? BIT(TP_ERR_CLOSED) : 0;
}

/* A time on one of the clocks, and the same on the monotonic one if that is known. */
static int64_t on_clock(uint32_t clock, int64_t delay, int64_t *due_out)
{
    *due_out =
        clock == TP_CLOCK_RELATIVE || clock == TP_CLOCK_MONOTONIC ? tpps_now() + delay : INT64_MIN;
    if (clock == TP_CLOCK_MONOTONIC)
        return tpps_now() + delay;
    return clock == TP_CLOCK_REALTIME ? tpps_now() + world.real + delay : delay;
}

/* ---- structs of other sizes ------------------------------------------------------------------ */

struct padded {
    union {
        tp_timer_spec_t timer;
        tp_wait_spec_t wait;
        uint32_t size;
    };
    unsigned char tail[24];
};

/* Makes the struct of that size one of another version; TP_OK or TP_ERR_VERSION. */
static uint64_t resize(struct padded *padded, size_t size, uint32_t choice)
{
    unsigned char *bytes = (unsigned char *)padded;
    memset(bytes + size, 0, sizeof *padded - size);
    padded->size = (uint32_t)(choice == 0 ? size - 4 : sizeof *padded);
    if (choice == 2)
        bytes[sizeof *padded - 1] = 1;
    return choice == 1 ? 0 : BIT(TP_ERR_VERSION);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void timer_stop(struct object *object, void *handle)
{
    bool was_armed = true;
    struct call call = call_begin(object ? &object->thing : NULL);
    tp_status_t status = tp_timer_set(handle, NULL, &was_armed);
    armed(object, false, status, was_armed);
    call_end(&call, "tp_timer_set", status, BIT(TP_OK));
}

void timer_halt(struct object *timer)
{
    timer_stop(timer, timer->thing.handle);
}

void timer_called(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    struct object *object = context;
    callback_begin(instance, object, timer);
    if (tpps_now() < object->not_before)
        complain("timer %u expires %lld ns early", object->thing.number,
                 (long long)(object->not_before - tpps_now()));
    /* Where deadlines pass early, one that goes on for ever might let nobody else run. */
    if (object->periodic && object->begun % 3 == 0)
        timer_stop(object, object->thing.handle);
    callback_end();
}

/* What is odd about a spec, and what comes of it; 0: nothing. */
static uint64_t make_odd(struct padded *padded, uint32_t choice, int64_t *due)
{
    tp_timer_spec_t *spec = &padded->timer;
    switch (choice & 15) {
    case 0:
    case 1:
    case 2:
        return resize(padded, sizeof *spec, choice & 15);
    case 3:
        spec->period = -1;
        return BIT(TP_ERR_ARGUMENT);
    case 4:
        spec->window = INT64_MIN;
        return BIT(TP_ERR_ARGUMENT);
    case 5:
        spec->flags = 2;
        return BIT(TP_ERR_ARGUMENT);
    case 6:
        spec->reserved = 1;
        return BIT(TP_ERR_ARGUMENT);
    case 7:
        spec->clock = 4;
        return BIT(TP_ERR_ARGUMENT);
    case 8:
        spec->due = TP_INFINITE;
        *due = TP_INFINITE;
        return 0;
    case 9:
        spec->due = INT64_MIN;
        *due = INT64_MIN;
        return 0;
    case 10:
        spec->window = INT64_C(1) << 52;
        return 0;
    default:
        spec->flags = TP_TIMER_SKIP_MISSED;
        spec->period = MS;
        return 0;
    }
}

static void remember_period(struct object *object, const tp_timer_spec_t *spec)
{
    object->skips = object->skips || spec->flags;
    if (spec->period == 0)
        return;
    if (!object->periodic) {
        object->first_boot = boot_time();
        object->period = spec->period;
    }
    if (spec->period < object->period)
        object->period = spec->period;
    object->periodic = true;
    object->periodic_sets++;
}

/* Argument: time 0-2, clock 3-4, what else 5-7. */
static void timer_set(const struct op *op)
{
    void *handle;
    bool was_armed = true;
    int64_t due;
    struct object *object = object_target(op, TPI_KIND_TIMER, &handle);
    struct padded padded = {.timer = TP_TIMER_SPEC_INIT};
    tp_timer_spec_t *spec = &padded.timer;
    uint32_t more = op->argument >> 5;
    uint64_t wrong = 0;
    spec->clock = op->argument >> 3 & 3;
    spec->due = on_clock(spec->clock, some_time(op->argument), &due);
    if (more == 4 || more == 5)
        spec->window = more == 4 ? US : 5 * MS;
    if (more == 6)
        spec->period = (1 + (op->argument & 3)) * MS;
    if (more == 7)
        wrong = make_odd(&padded, op->argument & 15, &due);
    uint64_t allowed = wrong ? wrong : allowed_set(object);
    struct call call = call_begin(object ? &object->thing : NULL);
    if (object && !wrong) {
        arm(object, due, 0, &(struct arming){NULL, false, 0});
        remember_period(object, spec);
    }
    tp_status_t status = tp_timer_set(handle, spec, &was_armed);
    armed(object, !wrong, status, was_armed);
    call_end(&call, "tp_timer_set", status, wrong ? allowed : allowed | allowed_late(object));
}

static void timer_is_set(const struct op *op)
{
    void *handle;
    bool is_set = true;
    struct object *object = object_target(op, TPI_KIND_TIMER, &handle);
    struct call call = call_begin(object ? &object->thing : NULL);
    tp_status_t status = tp_timer_is_set(handle, &is_set);
    if ((status != TP_OK || object->started == 0) && is_set)
        complain("tp_timer_is_set gave %s and true", tp_status_name(status));
    call_end(&call, "tp_timer_is_set", status, BIT(TP_OK));
}

/* ---- waits ----------------------------------------------------------------------------------- */

static uint32_t bit_of(tp_wait_result_t result)
{
    switch (result) {
    case TP_WAIT_SIGNALED:
        return SIGNALED;
    case TP_WAIT_TIMEOUT:
        return TIMED_OUT;
    case TP_WAIT_ABANDONED:
        return ABANDONED;
    default:
        return FAILED;
    }
}

void wait_called(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                 tp_wait_result_t result)
{
    struct object *object = context;
    uint32_t bit = bit_of(result);
    struct arming arming = object->arming;
    bool only = armings_out(object) == 1;
    callback_begin(instance, object, wait);
    if (!(object->results & bit))
        complain("wait %u is told %u", object->thing.number, result);
    if (bit == TIMED_OUT && tpps_now() < object->not_before)
        complain("wait %u times out %lld ns early", object->thing.number,
                 (long long)(object->not_before - tpps_now()));
    if ((bit == SIGNALED || bit == ABANDONED) && object->mutex)
        sync_acquired(object->mutex, bit == ABANDONED);
    else if (bit == SIGNALED && arming.sync && only) {
        sync_check_maybe(arming.sync, &arming, "a wait");
        sync_taken(arming.sync);
    } else if (bit == SIGNALED && arming.sync) {
        arming.sync->vague = true;
    }
    callback_end();
}

/* A wait is armed on one mutex and nothing else, or never on a mutex: else nobody could tell what
 * its callback owns. */
static bool may_be_armed_on(struct object *object, struct sync *sync, bool nothing)
{
    bool mutex = sync && sync->thing.kind == TPI_KIND_MUTEX;
    if (!object || nothing)
        return true;
    if (mutex ? object->plain || (object->mutex && object->mutex != sync) : object->mutex != NULL)
        return false;
    object->plain = !mutex;
    object->mutex = mutex ? sync : NULL;
    return true;
}

static uint32_t results_of(const struct sync *sync, uint32_t choice, int64_t timeout)
{
    uint32_t results = timeout != TP_INFINITE ? TIMED_OUT : 0;
    if (choice != 6)
        results |= SIGNALED;
    if (sync && sync->thing.kind == TPI_KIND_MUTEX)
        results |= ABANDONED;
    return sync || choice == 6 ? results : results | FAILED;
}

static uint64_t odd_wait(struct padded *padded, uint32_t choice)
{
    switch (choice & 7) {
    case 0:
    case 1:
    case 2:
        return resize(padded, sizeof padded->wait, choice & 7);
    case 3:
        padded->wait.timeout = -1;
        return BIT(TP_ERR_ARGUMENT);
    case 4:
        padded->wait.clock = 4;
        return BIT(TP_ERR_ARGUMENT);
    case 5:
        padded->wait.source = tp_waitable_fd(FIRST_FILE, 1u << 16);
        return BIT(TP_ERR_ARGUMENT);
    case 6:
        padded->wait.source = tp_waitable_signal(9);
        return BIT(TP_ERR_SYSTEM) | BIT(TP_ERR_CLOSED) | BIT(TP_ERR_NO_MEMORY);
    default:
        padded->wait.source = (tp_waitable_t){77, 0, 1};
        return BIT(TP_ERR_HANDLE);
    }
}

/* Argument: time 0-2 (7: none), clock 3-4, source 5-7 (7: something odd). */
static void wait_set(const struct op *op)
{
    void *handle;
    bool was_armed = true;
    int64_t due = INT64_MIN;
    struct sync *sync = NULL;
    struct padded padded = {.wait = TP_WAIT_SPEC_INIT};
    tp_wait_spec_t *spec = &padded.wait;
    uint32_t choice = op->argument >> 5;
    uint64_t allowed, wrong = 0, source = BIT(TP_OK);
    struct object *object = object_target(op, TPI_KIND_WAIT, &handle);
    spec->source = source_of(op, choice == 7 ? 6 : choice, &sync, &source);
    spec->clock = op->argument >> 3 & 3;
    if ((op->argument & 7) != 7)
        spec->timeout = on_clock(spec->clock, some_time(op->argument), &due);
    if (choice == 7)
        wrong = odd_wait(&padded, op->argument);
    bool sets = object && !wrong;
    if (sets && !may_be_armed_on(object, sync, choice >= 6))
        return;
    allowed = wrong                 ? wrong
              : source & BIT(TP_OK) ? allowed_set(object) | (source & ~BIT(TP_OK))
                                    : source;
    struct call call = call_begin(object ? &object->thing : NULL);
    struct arming arming = {sync, sync && sync->maybe, sync ? sync->sets : 0};
    if (sets) {
        arm(object, due, results_of(sync, choice, spec->timeout), &arming);
        if (sync)
            sync_claim(sync);
    }
    tp_status_t status = tp_wait_set(handle, spec, &was_armed);
    if (sets && sync && status != TP_OK)
        sync_unclaim(sync);
    armed(object, sets, status, was_armed);
    if (sync && !is_open(&sync->thing))
        allowed |= BIT(TP_ERR_HANDLE);
    if (sync && sync->thing.kind == TPI_KIND_MUTEX)
        allowed |= BIT(TP_ERR_BUSY);
    if (!wrong)
        allowed |= allowed_late(object);
    call_end(&call, "tp_wait_set", status, allowed);
}

static void wait_disarm(struct object *object, void *handle)
{
    bool was_armed = true;
    struct call call = call_begin(object ? &object->thing : NULL);
    tp_status_t status = tp_wait_set(handle, NULL, &was_armed);
    armed(object, false, status, was_armed);
    call_end(&call, "tp_wait_set", status, BIT(TP_OK));
}

void wait_halt(struct object *wait)
{
    wait_disarm(wait, wait->thing.handle);
}

/* ---- operations ------------------------------------------------------------------------------ */

static tp_status_t wait_for_timer(void *handle, bool cancel, int64_t timeout)
{
    return tp_timer_wait(handle, cancel, timeout);
}

static tp_status_t wait_for_wait(void *handle, bool cancel, int64_t timeout)
{
    return tp_wait_wait(handle, cancel, timeout);
}

static tp_status_t close_timer(void *handle)
{
    return tp_timer_close(handle);
}

static tp_status_t close_wait(void *handle)
{
    return tp_wait_close(handle);
}

static bool wait_operation(const struct op *op)
{
    void *handle;
    switch ((int)op->code) {
    case CODE_wait_create:
        object_make(TPI_KIND_WAIT, op_place(op), op_other(op), op->argument);
        return true;
    case CODE_wait_set:
        wait_set(op);
        return true;
    case CODE_wait_disarm: {
        struct object *object = object_target(op, TPI_KIND_WAIT, &handle);
        wait_disarm(object, handle);
        return true;
    }
    case CODE_wait_wait:
        object_wait(op, TPI_KIND_WAIT, "tp_wait_wait", wait_for_wait);
        return true;
    case CODE_wait_close:
        object_close(op, TPI_KIND_WAIT, "tp_wait_close", close_wait);
        return true;
    default:
        return false;
    }
}

bool arming_operation(const struct op *op)
{
    void *handle;
    switch ((int)op->code) {
    case CODE_timer_create:
        object_make(TPI_KIND_TIMER, op_place(op), op_other(op), op->argument);
        return true;
    case CODE_timer_set:
        timer_set(op);
        return true;
    case CODE_timer_stop: {
        struct object *object = object_target(op, TPI_KIND_TIMER, &handle);
        timer_stop(object, handle);
        return true;
    }
    case CODE_timer_is_set:
        timer_is_set(op);
        return true;
    case CODE_timer_wait:
        object_wait(op, TPI_KIND_TIMER, "tp_timer_wait", wait_for_timer);
        return true;
    case CODE_timer_close:
        object_close(op, TPI_KIND_TIMER, "tp_timer_close", close_timer);
        return true;
    default:
        return wait_operation(op);
    }
}
