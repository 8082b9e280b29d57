/* create_test.c - every creation, with each of its allocations failing. */
#define _GNU_SOURCE
#include <poll.h>

#include "tests/capi/exhaust.h"

/* ---- every create, every allocation in it ---------------------------------------------------- */

static tp_status_t make_pool(void)
{
    return tp_pool_create(NULL, &stand.made.pool);
}

static tp_status_t make_pool_with_threads(void)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_minimum = config.thread_maximum = 3;
    return tp_pool_create(&config, &stand.made.pool);
}

static void end_pool(void)
{
    check_eq(tp_pool_close(stand.made.pool), TP_OK);
}

static tp_status_t make_default(void)
{
    return tp_pool_default(&stand.made.pool);
}

static void end_nothing(void)
{
}

static tp_status_t make_threads(void)
{
    tp_status_t status = tp_pool_set_thread_minimum(stand.pool, 2);
    stand.made.any = status == TP_OK ? stand.pool : NULL;
    check_eq(statistics(stand.pool).thread_minimum, status == TP_OK ? 2 : 0);
    check_eq(statistics(stand.pool).thread_maximum, status == TP_OK ? 2 : 1);
    return status;
}

static tp_status_t make_env(void)
{
    return tp_env_create(&stand.made.env);
}

static void end_env(void)
{
    check_eq(tp_env_destroy(stand.made.env), TP_OK);
}

static tp_status_t make_group(void)
{
    return tp_cleanup_group_create(&stand.made.group);
}

static void end_group(void)
{
    check_eq(tp_cleanup_group_close(stand.made.group), TP_OK);
}

static tp_status_t make_work(void)
{
    return tp_work_create(run_work, &runs, stand.env, &stand.made.work);
}

static void end_work(void)
{
    check_eq(tp_work_submit_many(stand.made.work, 3), TP_OK);
    check_eq(tp_work_wait(stand.made.work, false, TP_INFINITE), TP_OK);
    check_eq(tp_work_close(stand.made.work), TP_OK);
    check_eq(tpp_load_acquire(&runs), 3);
    check(becomes(&releases, 1));
}

static tp_status_t make_work_default(void)
{
    return tp_work_create(run_work, &runs, NULL, &stand.made.work);
}

static void end_work_default(void)
{
    check_eq(tp_work_submit(stand.made.work), TP_OK);
    check_eq(tp_work_wait(stand.made.work, false, TP_INFINITE), TP_OK);
    check_eq(tp_work_close(stand.made.work), TP_OK);
    check_eq(tpp_load_acquire(&runs), 1);
}

static tp_status_t make_timer(void)
{
    return tp_timer_create(run_timer, &runs, stand.env, &stand.made.timer);
}

static void expire_and_close(void)
{
    tp_timer_spec_t spec = TP_TIMER_SPEC_INIT; /* at once */
    check_eq(tp_timer_set(stand.made.timer, &spec, NULL), TP_OK);
    check_eq(tp_timer_wait(stand.made.timer, false, TP_INFINITE), TP_OK);
    spec.due = spec.period = 1000000;
    check_eq(tp_timer_set(stand.made.timer, &spec, NULL), TP_OK);
    for (int i = 0; i < 20000 && tpp_load_acquire(&runs) < 3; i++)
        usleep(1000);
    check(tpp_load_acquire(&runs) >= 3);
    check_eq(tp_timer_close(stand.made.timer), TP_OK);
}

static void end_timer(void)
{
    expire_and_close();
    check(becomes(&releases, 1));
}

static tp_status_t make_timer_default(void)
{
    return tp_timer_create(run_timer, &runs, NULL, &stand.made.timer);
}

static tp_status_t make_wait(void)
{
    return tp_wait_create(run_wait, &runs, stand.env, &stand.made.wait);
}

static void time_out_and_close(void)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = tp_waitable_never();
    for (int i = 0; i < 3; i++) {
        spec.timeout = i * 1000000;
        check_eq(tp_wait_set(stand.made.wait, &spec, NULL), TP_OK);
        check(becomes(&runs, (uint32_t)i + 1));
    }
    check_eq(tp_wait_close(stand.made.wait), TP_OK);
}

static void end_wait(void)
{
    time_out_and_close();
    check(becomes(&releases, 1));
}

static tp_status_t make_wait_default(void)
{
    return tp_wait_create(run_wait, &runs, NULL, &stand.made.wait);
}

static int ends[2]; /* of a pipe */

static tp_status_t make_io(void)
{
    return tp_io_create(ends[1], run_io, &runs, stand.env, &stand.made.io);
}

static void complete_and_close(void)
{
    tp_io_op_t op = TP_IO_OP_INIT; /* there is room in the pipe */
    op.opcode = TP_IO_POLL;
    op.flags = POLLOUT;
    check_eq(tp_io_start(stand.made.io), TP_OK);
    check_eq(tp_io_complete(stand.made.io, NULL, 0, 0), TP_OK);
    check_eq(tp_io_submit(stand.made.io, &op), TP_OK);
    check_eq(tp_io_wait(stand.made.io, false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&runs), 2);
    check_eq(tp_io_close(stand.made.io), TP_OK);
}

static void end_io(void)
{
    complete_and_close();
    check(becomes(&releases, 1));
}

static tp_status_t make_io_default(void)
{
    return tp_io_create(ends[1], run_io, &runs, NULL, &stand.made.io);
}

static tp_status_t make_simple(void)
{
    tp_status_t status = tp_try_submit(run_simple, &runs, stand.env);
    stand.made.any = status == TP_OK ? &stand : NULL;
    return status;
}

static void end_simple(void)
{
    check(becomes(&runs, 1));
    check(becomes(&releases, 1));
}

static tp_status_t make_simple_default(void)
{
    tp_status_t status = tp_try_submit(run_simple, &runs, NULL);
    stand.made.any = status == TP_OK ? &stand : NULL;
    return status;
}

static void end_simple_default(void)
{
    check(becomes(&runs, 1));
}

static tp_status_t make_event(void)
{
    return tp_event_create(true, true, &stand.made.event);
}

static void end_event(void)
{
    check_eq(tp_event_close(stand.made.event), TP_OK);
}

static tp_status_t make_semaphore(void)
{
    return tp_semaphore_create(1, 2, &stand.made.semaphore);
}

static void end_semaphore(void)
{
    check_eq(tp_semaphore_close(stand.made.semaphore), TP_OK);
}

static tp_status_t make_mutex(void)
{
    return tp_mutex_create(true, &stand.made.mutex);
}

static void end_mutex(void)
{
    check_eq(tp_mutex_release(stand.made.mutex), TP_OK);
    check_eq(tp_mutex_close(stand.made.mutex), TP_OK);
}

enum {
    BARE = 1,       /* nothing else exists before */
    KEEPS_POOL = 2, /* it makes the default pool, which stays */
};

static const struct creation {
    const char *name;
    tp_status_t (*make)(void);
    void (*end)(void);
    uint32_t least; /* allocations it wants in a new process, at least */
    uint32_t traits;
} creations[] = {
    {"tp_pool_create", make_pool, end_pool, 2, BARE},
    {"tp_pool_create, three threads", make_pool_with_threads, end_pool, 5, BARE},
    {"tp_pool_default", make_default, end_nothing, 2, BARE | KEEPS_POOL},
    {"tp_pool_set_thread_minimum", make_threads, end_nothing, 3, 0},
    {"tp_env_create", make_env, end_env, 2, BARE},
    {"tp_cleanup_group_create", make_group, end_group, 2, BARE},
    {"tp_work_create", make_work, end_work, 5, 0},
    {"tp_work_create, default pool", make_work_default, end_work_default, 5, BARE | KEEPS_POOL},
    {"tp_timer_create", make_timer, end_timer, 6, 0},
    {"tp_timer_create, default pool", make_timer_default, expire_and_close, 6, BARE | KEEPS_POOL},
    {"tp_wait_create", make_wait, end_wait, 6, 0},
    {"tp_wait_create, default pool", make_wait_default, time_out_and_close, 6, BARE | KEEPS_POOL},
    {"tp_io_create", make_io, end_io, 7, 0},
    {"tp_io_create, default pool", make_io_default, complete_and_close, 8, BARE | KEEPS_POOL},
    {"tp_try_submit", make_simple, end_simple, 5, 0},
    {"tp_try_submit, default pool", make_simple_default, end_simple_default, 5, BARE | KEEPS_POOL},
    {"tp_event_create", make_event, end_event, 2, BARE},
    {"tp_semaphore_create", make_semaphore, end_semaphore, 2, BARE},
    {"tp_mutex_create", make_mutex, end_mutex, 2, BARE},
};

static void count_all(uint32_t counts[TPI_KIND_COUNT])
{
    for (int kind = 1; kind < TPI_KIND_COUNT; kind++)
        counts[kind] = tpi_slab_in_use((enum tpi_kind)kind);
}

/* Nothing is left of a creation that failed. A thread may be on its way out, and a pool keeps the
 * record of a worker whose thread never came until it ends; these are looked at in the end. */
static void check_nothing_changed(const uint32_t before[TPI_KIND_COUNT])
{
    static const enum tpi_kind kinds[] = {TPI_KIND_ENV,    TPI_KIND_WORK,      TPI_KIND_GROUP,
                                          TPI_KIND_EVENT,  TPI_KIND_SEMAPHORE, TPI_KIND_MUTEX,
                                          TPI_KIND_SIMPLE, TPI_KIND_BRIEF,     TPI_KIND_EXTRA,
                                          TPI_KIND_TIMER,  TPI_KIND_WAIT,      TPI_KIND_IO};
    for (size_t i = 0; i < COUNT(kinds); i++)
        check_eq(tpi_slab_in_use(kinds[i]), before[kinds[i]]);
    check(stand.made.any == NULL);
    check_eq(tpp_load_acquire(&runs) + tpp_load_acquire(&releases), 0);
}

static void check_all_gone(const struct creation *creation)
{
    for (int kind = TPI_KIND_ENV; kind < TPI_KIND_WORKER; kind++)
        check(none_in_use((enum tpi_kind)kind));
    if (!(creation->traits & KEEPS_POOL)) {
        check(none_in_use(TPI_KIND_POOL));
        check(none_in_use(TPI_KIND_WORKER));
    }
}

static bool fail_on;

/* In a child: the nth allocation of the creation fails. */
static void sweep_one(uintptr_t argument)
{
    const struct creation *creation = &creations[argument >> 16];
    uint32_t nth = (uint32_t)(argument & 0xffff), before[TPI_KIND_COUNT];
    if (!(creation->traits & BARE))
        prepare();
    count_all(before);
    stand.made.any = &stand; /* must be taken away */
    fail_at(nth, fail_on);
    tp_status_t status = creation->make();
    shared->succeeded = world.calls < nth;
    fail_at(NEVER, false);
    if (status != TP_OK) { /* what is only convenient may also be done without */
        check_eq(status, TP_ERR_NO_MEMORY);
        check_nothing_changed(before);
        check_eq(creation->make(), TP_OK);
    }
    check(stand.made.any != NULL);
    creation->end();
    if (!(creation->traits & BARE))
        close_stand();
    check_all_gone(creation);
    shared->outstanding = world.outstanding;
}

/* The slot of a pool that never came to be keeps its directory of workers for the next one. */
#define DIRECTORY (64 * sizeof(void *))

/* After a failure, a second try and the close of everything, as much memory is held as without the
 * failure: what slots there are stays, nothing else. */
static void compare_outstanding(const struct creation *creation, uint32_t nth, size_t clean)
{
    size_t now = shared->outstanding;
    bool directory = creation->make == make_pool_with_threads && now == clean + DIRECTORY;
    check(now == clean || directory);
    if (now != clean && !directory)
        printf("# %s, allocation %u: %zu bytes are held, not %zu\n", creation->name, nth, now,
               clean);
}

static void sweep(bool and_on)
{
    fail_on = and_on;
    tap_timeout(600);
    for (size_t c = 0; c < COUNT(creations); c++) {
        uint32_t nth = 1;
        check(in_child(sweep_one, c << 16 | 0xffff)); /* none fails */
        size_t outstanding = shared->outstanding;
        for (shared->succeeded = false; nth < 1000; nth++) {
            bool survived = in_child(sweep_one, c << 16 | nth);
            check(survived);
            if (!survived)
                printf("# %s, allocation %u\n", creations[c].name, nth);
            compare_outstanding(&creations[c], nth, outstanding);
            if (shared->succeeded)
                break;
        }
        printf("# %s: %u allocations\n", creations[c].name, nth - 1);
        check(nth - 1 >= creations[c].least);
    }
}

TAP_TEST(create__c045_survives_each_allocation_failing)
{
    sweep(false);
}

TAP_TEST(create__survives_all_allocations_failing_from_the_nth_on)
{
    sweep(true);
}

int main(void)
{
    share();
    /* A pool that has no memory for a ring does without: io_memory_test tries that. */
    if (setenv("TP_IO_BACKEND", "epoll", 1) != 0 || pipe(ends) != 0)
        return 1;
    tap_run(create__c045_survives_each_allocation_failing);
    tap_run(create__survives_all_allocations_failing_from_the_nth_on);
    return tap_done();
}
