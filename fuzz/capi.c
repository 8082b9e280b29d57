/* capi.c - a fuzz target: bytes become calls of the whole interface on the simulator.
 *
 * script.h tells what bytes mean. All calls are judged by a model (capi.h) and watched by the
 * scenarios' oracle. With FUZZ_PRINT in the environment each script is printed before it runs; one
 * that fails is printed in any case, with the simulator's report and token. */
#include <stdlib.h>
#include <string.h>

#include "core/object/process.h"
#include "fuzz/capi_calls.h"
#include "fuzz/target.h"
#include "tests/scenario/oracle_state.h"
#include "tests/scenario/scene.h"

static bool finished; /* all is closed: once the threads are gone, nothing may be left */

static void hear(void *context, const char *function, tp_status_t status, const char *message)
{
    struct actor *self = actor_self();
    (void)context;
    self->heard++;
    self->heard_status = status;
    if (strncmp(function, "tp_", 3) != 0 && strcmp(function, "pthread_exit") != 0)
        complain("the hook is told of '%s': %s", function, message);
}

static void carry_out(const struct op *op)
{
    learn();
    if (!object_operation(op) && !arming_operation(op) && !io_operation(op) &&
        !sync_operation(op) && !pool_operation(op))
        (void)world_operation(op);
    learn();
}

/* Cancel callbacks sleep nowhere: the oracle takes the object that is being cancelled for lost. */
static bool may_sleep(const struct op *op)
{
    switch ((int)op->code) {
    case CODE_pool_shutdown:
    case CODE_pool_run:
    case CODE_work_wait:
    case CODE_timer_wait:
    case CODE_wait_wait:
    case CODE_io_wait:
    case CODE_take:
    case CODE_sleep:
    case CODE_busy:
        return true;
    default:
        return false;
    }
}

void lane_run(uint32_t lane)
{
    const struct frame *frame = frame_self();
    bool errand = frame && frame->errand;
    for (uint32_t i = 0; i < world.script->count; i++) {
        const struct op *op = &world.script->ops[i];
        if (op->lane != lane || (errand && may_sleep(op)))
            continue;
        if (lane >= LANE_BODY && (world.over || world.budget == 0))
            return;
        world.budget -= lane >= LANE_BODY;
        carry_out(op);
    }
}

static void thread_body(void *argument)
{
    uint32_t lane = (uint32_t)(uintptr_t)argument;
    actor_self()->lane = lane;
    lane_run(lane);
    syncs_abandon();
}

static bool lane_used(uint32_t lane)
{
    for (uint32_t i = 0; i < world.script->count; i++)
        if (world.script->ops[i].lane == lane)
            return true;
    return false;
}

static void run_threads(void)
{
    tpps_thread threads[SCRIPT_THREADS] = {0};
    for (uint32_t i = 1; i < SCRIPT_THREADS; i++)
        if (lane_used(LANE_THREAD + i))
            threads[i] = tpps_spawn(thread_body, (void *)(uintptr_t)(LANE_THREAD + i));
    actor_self()->lane = LANE_THREAD;
    lane_run(LANE_THREAD);
    for (uint32_t i = 1; i < SCRIPT_THREADS; i++)
        if (threads[i])
            tpps_join(threads[i]);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void halt(struct object *object)
{
    if (!object->thing.handle || object->thing.closed)
        return;
    learn();
    if (object->thing.kind == TPI_KIND_TIMER)
        timer_halt(object);
    else if (object->thing.kind == TPI_KIND_WAIT)
        wait_halt(object);
    else if (object->thing.kind == TPI_KIND_IO)
        io_halt(object);
}

/* Callbacks that have not ended yet may begin more. */
static tp_status_t wait_for_io(struct object *io)
{
    tp_status_t status = TP_ERR_TIMEOUT;
    for (int tries = 0; status == TP_ERR_TIMEOUT && tries < 200; tries++) {
        io_halt(io);
        status = tp_io_wait(io->thing.handle, false, MS);
        tpp_cpu_relax();
    }
    return status;
}

static tp_status_t wait_for(struct object *object)
{
    void *handle = object->thing.handle;
    switch ((int)object->thing.kind) {
    case TPI_KIND_TIMER:
        return tp_timer_wait(handle, false, TP_INFINITE);
    case TPI_KIND_WAIT:
        return tp_wait_wait(handle, false, TP_INFINITE);
    case TPI_KIND_IO:
        return wait_for_io(object);
    default:
        return tp_work_wait(handle, false, TP_INFINITE);
    }
}

static tp_status_t close_object(struct object *object)
{
    void *handle = object->thing.handle;
    switch ((int)object->thing.kind) {
    case TPI_KIND_TIMER:
        return tp_timer_close(handle);
    case TPI_KIND_WAIT:
        return tp_wait_close(handle);
    case TPI_KIND_IO:
        return tp_io_close(handle);
    default:
        return tp_work_close(handle);
    }
}

static void each_open(const char *function, tp_status_t (*act)(struct object *object), bool closes)
{
    for (uint32_t i = 0; i < world.object_count; i++) {
        struct object *object = &world.objects[i];
        if (!object->thing.handle || object->thing.closed)
            continue;
        learn();
        struct call call = call_begin(&object->thing);
        tp_status_t status = act(object);
        call_end(&call, function, status, BIT(TP_OK));
        object->thing.closed = closes;
    }
}

static bool is_idle(const struct pool *pool)
{
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    bool idle = true;
    /* With a weak memory what is read may be old, though not for ever. */
    for (int looks = world.script->options.weak ? 4 : 1; idle && looks > 0; looks--) {
        expect("tp_pool_get_stats", tp_pool_get_stats(pool->thing.handle, &stats), BIT(TP_OK));
        idle = stats.submitted == stats.executed + stats.cancelled && stats.running == 0;
    }
    return idle;
}

/* Nobody runs, in any pool: a callback may still post to another one. */
static bool all_idle(void)
{
    uint64_t begun = 0;
    for (uint32_t i = 0; i < world.object_count; i++) {
        begun += world.objects[i].begun;
        if (world.objects[i].running > 0)
            return false;
    }
    for (uint32_t i = 0; i < world.pool_count; i++) {
        const struct pool *pool = &world.pools[i];
        if (pool->thing.handle && !pool->thing.closed && !is_idle(pool))
            return false;
    }
    for (uint32_t i = 0; i < world.object_count; i++)
        begun -= world.objects[i].begun;
    return begun == 0;
}

/* Objects that were closed, and simple callbacks, may still have callbacks to come. */
static void await_pools(void)
{
    for (int tries = 0; !all_idle(); tries++) {
        if (tries == 1000)
            complain("the pools do not come to rest");
        tpps_sleep(MS);
        tpp_cpu_relax();
    }
}

static void finish(void)
{
    world.over = true;
    files_let_go();
    for (uint32_t i = 0; i < world.object_count; i++)
        halt(&world.objects[i]);
    each_open("the last wait", wait_for, false);
    if (world.default_used)
        (void)pool_at(PLACES - 1);
    await_pools();
    /* What is armed or in flight may yet come between. With a weak memory a look at numbers orders
     * nothing. */
    for (int tries = 0; !world.script->options.weak && !model_balance(tries == 100); tries++) {
        tpps_sleep(MS);
        await_pools();
    }
    learn(); /* of what callbacks have made */
    syncs_over();
    each_open("the last close", close_object, true);
    pools_over();
    files_close();
    finished = true;
}

static void entry(void *argument)
{
    (void)argument;
    scene_begin();
    oracle.processors = world.script->options.cpus;
    tpps_on_quiet(oracle_rest, NULL);
    tpps_forbid_rings(world.script->setting.no_rings);
    tpps_calm_io(world.script->setting.calm);
    (void)tp_set_misuse_hook(hear, NULL);
    world.real = INT64_C(1700000000000000000) - tpps_now();
    pools_begin();
    lane_run(LANE_BEFORE);
    run_threads();
    finish();
    scene_end();
}

/* ---- the target ------------------------------------------------------------------------------ */

static void print_failure(const struct script *script, const struct tpps_result *result)
{
    fprintf(stderr, "capi: %s\n%s", result->message, tpps_report());
    script_print(script, stderr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct script script;
    static struct tpps_result result;
    script_read(&script, data, size);
    if (getenv("FUZZ_PRINT"))
        script_print(&script, stdout);
    io_free_buffers(NULL);
    model_forget();
    tpi_process_reset();
    world.script = &script;
    world.budget = BUDGET;
    world.faults = script.options.fail_nth > 0;
    finished = false;
    if (!tpps_run(&script.options, entry, NULL, &result)) {
        print_failure(&script, &result);
        abort();
    }
    if (finished)
        model_after();
    return 0;
}
