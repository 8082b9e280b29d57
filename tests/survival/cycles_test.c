/* cycles_test.c - thousands of pools made and closed leave nothing behind. */
#include "tests/survival/scene.h"

#include "core/mem/slab.h"

static int cycles = SANITIZED ? 500 : 2000;
static int warm_up;

static tpp_u32 runs;

static void count_run(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    tpp_add_acq_rel(&runs, 1);
}

/* What a process has of each. */
struct holdings {
    uint32_t threads, descriptors, slots[TPI_KIND_COUNT];
    int64_t resident_kb;
};

static struct holdings look(void)
{
    struct holdings seen = {.threads = threads_now(), .descriptors = entries("/proc/self/fd")};
    for (int kind = 1; kind < TPI_KIND_COUNT; kind++)
        seen.slots[kind] = tpi_slab_in_use((enum tpi_kind)kind);
    seen.resident_kb = status_line("/proc/self/status", "VmRSS", 10);
    return seen;
}

static void expect_flat(void (*cycle)(void), const char *what)
{
    warm_up = cycles / 10 > 500 ? cycles / 10 : 500;
    tpp_store_release(&runs, 0);
    for (int i = 0; i < warm_up; i++)
        cycle();
    check(threads_fall_to(THREADS_BEFORE + 1)); /* the gate's */
    struct holdings before = look();
    int64_t begun = now();
    for (int i = 0; i < cycles; i++)
        cycle();
    int64_t took = now() - begun;
    check(threads_fall_to(before.threads));
    struct holdings after = look();
    printf("# %d times %s: %.1f us each\n", cycles, what, (double)took / 1e3 / cycles);
    printf("# threads %u -> %u, descriptors %u -> %u, memory %lld -> %lld kB\n", before.threads,
           after.threads, before.descriptors, after.descriptors, (long long)before.resident_kb,
           (long long)after.resident_kb);
    check_eq(tpp_load_acquire(&runs), warm_up + cycles);
    check_eq(after.threads, before.threads);
    check_eq(after.descriptors, before.descriptors);
    for (int kind = 1; kind < TPI_KIND_COUNT; kind++)
        check_eq(after.slots[kind], before.slots[kind]);
    check(before.resident_kb > 0);
    /* Even the smallest thing that stays would show in 10,000 cycles; a sanitizer keeps what is
     * freed. */
    if (!SANITIZED)
        check(after.resident_kb - before.resident_kb < 1000);
}

/* Pool, work, close of all; the threads end when they like. */
static void close_cycle(void)
{
    struct scene scene = scene_plan(0, 4);
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, count_run, NULL);
    check_eq(tp_work_submit(work), TP_OK);
    finish_work(work);
    check_eq(tp_env_destroy(scene.env) | tp_pool_close(scene.pool), TP_OK);
}

static void close_before_it_runs(void)
{
    struct scene scene = scene_plan(1, 4);
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, count_run, NULL);
    check_eq(tp_pool_close(scene.pool) | tp_env_destroy(scene.env), TP_OK);
    check_eq(tp_work_submit(work), TP_OK);
    finish_work(work);
}

static void shutdown_cycle(void)
{
    struct scene scene = scene_plan(0, 4);
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, count_run, NULL);
    check_eq(tp_work_submit(work), TP_OK);
    scene_end(&scene);
    check_eq(tp_work_close(work), TP_OK);
}

/* A pool driven by this thread, with its descriptor. */
static void driven_cycle(void)
{
    struct scene scene = scene_plan(0, 0);
    int fd = -1;
    scene.config.flags = TP_POOL_CALLER_DRIVEN;
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, count_run, NULL);
    check_eq(tp_pool_poll_fd(scene.pool, &fd), TP_OK);
    check(fd >= 0);
    check_eq(tp_work_submit(work), TP_OK);
    check_eq(tp_pool_run(scene.pool, 0, 0, NULL), TP_OK);
    check_eq(tp_work_close(work) | tp_env_destroy(scene.env) | tp_pool_close(scene.pool), TP_OK);
}

TAP_TEST(cycles__c024_thousands_of_pools_closed_leave_nothing)
{
    expect_flat(close_cycle, "create, work, close");
}

TAP_TEST(cycles__thousands_of_pools_closed_before_their_work_runs_leave_nothing)
{
    expect_flat(close_before_it_runs, "create with a minimum, close, work");
}

TAP_TEST(cycles__thousands_of_pools_shut_down_leave_nothing)
{
    expect_flat(shutdown_cycle, "create, work, shutdown");
}

TAP_TEST(cycles__thousands_of_driven_pools_leave_nothing)
{
    expect_flat(driven_cycle, "create driven, descriptor, run, close");
}

/* usage: cycles_test [CYCLES] */
int main(int argc, char **argv)
{
    if (argc > 1)
        cycles = atoi(argv[1]);
    tap_run(cycles__c024_thousands_of_pools_closed_leave_nothing);
    tap_run(cycles__thousands_of_pools_closed_before_their_work_runs_leave_nothing);
    tap_run(cycles__thousands_of_pools_shut_down_leave_nothing);
    tap_run(cycles__thousands_of_driven_pools_leave_nothing);
    return tap_done();
}
