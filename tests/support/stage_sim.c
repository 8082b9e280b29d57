/* stage_sim.c - the stage in the simulator: each case is a scenario of the campaign runner. */
#include "tests/support/stage.h"

#include <stdlib.h>

#include "core/mem/slab.h"
#include "core/object/process.h"
#include "core/sched/park.h"
#include "tests/sim/runner.h"

/* ---- checks ---------------------------------------------------------------------------------- */

bool stage_check_(bool held, const char *file, int line, const char *expression)
{
    if (!held)
        tpps_fail("%s:%d: check failed: %s", tpps_site_name(file), line, expression);
    return held;
}

bool stage_check_eq_(int64_t a, int64_t b, const char *file, int line, const char *expression)
{
    if (a != b)
        tpps_fail("%s:%d: check failed: %s: %lld is not %lld", tpps_site_name(file), line,
                  expression, (long long)a, (long long)b);
    return a == b;
}

void stage_skip(const char *reason)
{
    (void)reason;
}

/* ---- threads and time ------------------------------------------------------------------------ */

stage_thread_t stage_start(void (*body)(void *), void *arg)
{
    return tpps_spawn(body, arg);
}

void stage_join(stage_thread_t thread)
{
    tpps_join(thread);
}

uint64_t stage_self(void)
{
    return tpp_thread_id();
}

int64_t stage_now(void)
{
    return tpps_now();
}

void stage_until(int64_t when)
{
    int64_t left = when - tpps_now();
    while (left > 0) {
        tpps_sleep(left);
        left = when - tpps_now();
    }
}

uint32_t stage_library_threads(void)
{
    return tpps_service_fibers_but("tp-gate");
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void *refuse(void *context, size_t size, size_t alignment)
{
    (void)context;
    (void)size;
    (void)alignment;
    return NULL;
}

static void never(void *context, void *memory, size_t size)
{
    (void)context;
    (void)memory;
    (void)size;
}

void stage_fail_allocations(bool fail)
{
    static const struct tpp_memory_hooks none = {NULL, NULL, NULL}, all = {refuse, never, NULL};
    tpp_memory_hooks(fail ? &all : &none);
}

/* ---- the oracle ------------------------------------------------------------------------------ */

static tpp_u32 resting; /* 1: the body sleeps until nobody else can run */

/* Nobody can run. Then no pool may hold work while one of its workers sleeps. */
static bool not_stranded(struct tpi_slot *slot, void *context)
{
    struct tpi_pool *pool = tpi_container(slot, struct tpi_pool, slot);
    (void)context;
    if ((tpp_peek(&pool->birth) & 1) && tpi_idle_count(&pool->idle) > 0 &&
        tpi_park_work_visible(pool))
        tpps_fail("stranded work: a pool holds work while a worker of it sleeps");
    return true;
}

static void quiet(void *context)
{
    tpi_slab_each(TPI_KIND_POOL, not_stranded, context);
    if (tpp_peek(&resting)) {
        tpp_store_release(&resting, 0);
        tpp_wake(&resting, 1);
    }
}

void stage_rest(void)
{
    tpp_store_release(&resting, 1);
    while (tpp_load_acquire(&resting))
        tpp_wait(&resting, 1, TPP_FOREVER);
}

/* ---- main ------------------------------------------------------------------------------------ */

static void perform(void *arg)
{
    const struct stage_case *running = arg;
    tpp_init(&resting, 0);
    tpps_on_quiet(quiet, NULL);
    stage_begin_();
    running->body();
    stage_end_();
}

static void reset(void)
{
    tpi_process_reset();
}

int stage_main(int argc, char **argv, const struct stage_case *cases, size_t count)
{
    struct tpps_scenario *scenarios = calloc(count, sizeof *scenarios);
    size_t used = 0;
    if (!scenarios)
        return 1;
    for (size_t i = 0; i < count; i++) {
        if (cases[i].real_only)
            continue;
        scenarios[used++] = (struct tpps_scenario){
            .name = cases[i].name,
            .entry = perform,
            .arg = (void *)(uintptr_t)&cases[i],
            .cpus = cases[i].cpus,
            .max_steps = cases[i].max_steps,
            .leaks_allowed = true,
            .no_early = cases[i].no_early,
            .no_faults = !cases[i].faults,
            .no_weak = cases[i].no_weak,
        };
    }
    int status = used ? tpps_runner(argc, argv, scenarios, used, reset) : 0;
    free(scenarios);
    return status;
}
