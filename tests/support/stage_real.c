/* stage_real.c - the stage on real threads: a TAP program against the static library. */
#include "tests/support/stage.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/sched/monitor.h"
#include "tests/support/entries.h"
#include "tests/support/tap.h"

/* ---- checks ---------------------------------------------------------------------------------- */

bool stage_check_(bool held, const char *file, int line, const char *expression)
{
    return tap_check_(held, file, line, expression);
}

bool stage_check_eq_(int64_t a, int64_t b, const char *file, int line, const char *expression)
{
    return tap_check_eq_(a, b, file, line, expression);
}

void stage_skip(const char *reason)
{
    tap_skipped_ = reason;
}

/* ---- threads and time ------------------------------------------------------------------------ */

struct thread {
    pthread_t thread;
    void (*body)(void *);
    void *arg;
};

static tpp_u32 foreign; /* threads of stage_start, alive or not yet joined */

static void *enter(void *arg)
{
    struct thread *thread = arg;
    thread->body(thread->arg);
    return NULL;
}

stage_thread_t stage_start(void (*body)(void *), void *arg)
{
    struct thread *thread = malloc(sizeof *thread);
    if (!thread)
        abort();
    thread->body = body;
    thread->arg = arg;
    tpp_add_acq_rel(&foreign, 1);
    if (pthread_create(&thread->thread, NULL, enter, thread) != 0)
        abort();
    return (uintptr_t)thread;
}

void stage_join(stage_thread_t handle)
{
    struct thread *thread = (struct thread *)(uintptr_t)handle;
    pthread_join(thread->thread, NULL);
    free(thread);
    tpp_sub_acq_rel(&foreign, 1);
}

uint64_t stage_self(void)
{
    return tpp_thread_id();
}

int64_t stage_now(void)
{
    return tpp_now(TPP_CLOCK_MONOTONIC);
}

void stage_until(int64_t when)
{
    struct timespec until = {.tv_sec = when / STAGE_S, .tv_nsec = when % STAGE_S};
    while (stage_now() < when)
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

void stage_rest(void)
{
}

static uint32_t threads_at_start; /* the sanitizers have one of their own */

static uint32_t tasks(void)
{
    return entries("/proc/self/task");
}

uint32_t stage_library_threads(void)
{
    uint32_t others = threads_at_start + tpp_load_acquire(&foreign) + tpi_monitor_started();
    uint32_t all = tasks();
    return all > others ? all - others : 0;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static tpp_u32 refuse;

static void *allocate(void *context, size_t size, size_t alignment)
{
    void *memory;
    (void)context;
    if (tpp_load_acquire(&refuse))
        return NULL;
    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    return posix_memalign(&memory, alignment, size ? size : 1) == 0 ? memory : NULL;
}

static void release(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

void stage_fail_allocations(bool fail)
{
    tpp_store_release(&refuse, fail);
}

/* ---- main ------------------------------------------------------------------------------------ */

static const struct stage_case *running;

static void perform(void)
{
    stage_begin_();
    running->body();
    stage_end_();
}

static bool wanted(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc < 2;
}

static void nothing(void *arg)
{
    (void)arg;
}

int stage_main(int argc, char **argv, const struct stage_case *cases, size_t count)
{
    tp_allocator_t allocator = TP_ALLOCATOR_INIT;
    allocator.alloc = allocate;
    allocator.free = release;
    if (tp_set_allocator(&allocator) != TP_OK)
        return 1;
    stage_join(stage_start(nothing, NULL)); /* a sanitizer starts one of its own with the first */
    threads_at_start = tasks();
    for (size_t i = 0; i < count; i++) {
        running = &cases[i];
        if (running->sim_only || !wanted(argc, argv, running->name))
            continue;
        tap_seconds_ = running->seconds ? running->seconds : 60;
        tap_run_(running->name, perform);
    }
    return tap_done();
}
