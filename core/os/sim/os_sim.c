/* os_sim.c - the functions of os.h that need no file of their own. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/os/sim/internal.h"

#define LIBRARIES 16

/* ---- sleeping and waking --------------------------------------------------------------------- */

bool(tpp_wait)(tpp_u32 *word, uint32_t expected, int64_t deadline_ns)
{
    struct tpps_sim *s = &tpps_sim_;
    if (s->current == NULL || s->hook)
        tpp_abort("tpp_wait outside a fiber");
    tpps_point_(TPPS_OP_WAIT, &word->raw, NULL);
    if (atomic_load_explicit(&word->raw, memory_order_relaxed) != expected)
        return true;
    if (deadline_ns <= s->clock)
        return false;
    if (tpps_rarely_(s->options.spurious))
        return true;
    return !tpps_park_(TPPS_WAIT, &word->raw, deadline_ns);
}

static uint64_t sleepers(const volatile void *word)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < tpps_sim_.high; i++)
        if (tpps_fibers_[i].state == TPPS_WAIT && tpps_fibers_[i].wait == word)
            mask |= UINT64_C(1) << i;
    return mask;
}

/* Any sleeper may be the one: the kernel promises no order. */
void(tpp_wake)(tpp_u32 *word, uint32_t count)
{
    uint64_t mask;
    tpps_point_(TPPS_OP_WAKE, NULL, NULL);
    for (mask = sleepers(&word->raw); mask != 0 && count > 0; count--) {
        uint32_t n = tpps_choose_((uint32_t)__builtin_popcountll(mask));
        uint64_t rest = mask;
        while (n-- > 0)
            rest &= rest - 1;
        tpps_make_runnable_((uint32_t)__builtin_ctzll(rest), false);
        mask &= ~(rest & -rest);
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

int(tpp_thread_start)(void (*body)(void *), void *argument,
                      const struct tpp_thread_options *options)
{
    tpps_point_(TPPS_OP_THREAD, NULL, NULL);
    if (tpps_sim_.current == NULL)
        tpp_abort("tpp_thread_start outside a run");
    if (tpps_fault_())
        return EAGAIN;
    return tpps_start_(body, argument, true, options != NULL ? options->name : NULL) != 0 ? 0
                                                                                          : EAGAIN;
}

uint64_t tpp_thread_id(void)
{
    return tpps_sim_.current != NULL ? tpps_sim_.current->id : 1;
}

static void *local_outside; /* of the thread that calls tpps_run */

void *tpp_local(void)
{
    return tpps_sim_.current != NULL ? tpps_sim_.current->local : local_outside;
}

void tpp_local_set(void *value)
{
    if (tpps_sim_.current != NULL)
        tpps_sim_.current->local = value;
    else
        local_outside = value;
}

void tpp_local_at_exit(void (*function)(void *value))
{
    tpps_sim_.at_exit = function;
}

char tpp_thread_state(uint64_t thread_id)
{
    tpps_point_(TPPS_OP_THREAD, NULL, NULL);
    for (uint32_t i = 0; i < tpps_sim_.high; i++) {
        const struct tpps_fiber *fiber = &tpps_fibers_[i];
        if (fiber->id == thread_id && fiber->state != TPPS_DONE && fiber->state != TPPS_FREE)
            return fiber->state == TPPS_RUN ? 'R' : 'S';
    }
    return '?';
}

uint32_t tpp_cpu(void)
{
    struct tpps_fiber *self = tpps_sim_.current;
    if (self == NULL)
        return 0;
    if (tpps_sim_.options.strategy == TPPS_DFS || tpps_sim_.options.strategy == TPPS_PATH)
        self->choices++; /* moving about would be one branch at every look */
    else if (tpps_rarely_(16))
        self->cpu = tpps_choose_(tpps_sim_.options.cpus);
    return self->cpu;
}

uint32_t tpp_cpu_count(void)
{
    return tpps_sim_.current != NULL ? tpps_sim_.options.cpus : 2;
}

uint64_t tpp_stack_default(void)
{
    return (uint64_t)8 << 20;
}

uint64_t tpp_stack_minimum(void)
{
    return 16384;
}

/* ---- time ------------------------------------------------------------------------------------ */

int64_t(tpp_now)(enum tpp_clock clock)
{
    struct tpps_sim *s = &tpps_sim_;
    tpps_point_(TPPS_OP_CLOCK, NULL, NULL);
    switch (clock) {
    case TPP_CLOCK_REALTIME:
        return tpps_add_time_(s->clock - s->options.clock0, s->realtime_offset);
    case TPP_CLOCK_BOOTTIME:
        return tpps_add_time_(s->clock, s->boottime_offset);
    case TPP_CLOCK_MONOTONIC:
    default:
        return s->clock;
    }
}

void tpps_step_realtime(int64_t ns)
{
    tpps_sim_.realtime_offset = tpps_add_time_(tpps_sim_.realtime_offset, ns);
}

void tpps_suspend(int64_t ns)
{
    tpps_sim_.boottime_offset = tpps_add_time_(tpps_sim_.boottime_offset, ns);
    tpps_step_realtime(ns);
}

/* ---- foreign things -------------------------------------------------------------------------- */

int tpp_user_mutex_unlock(void *pthread_mutex)
{
    tpps_point_(TPPS_OP_USER, NULL, NULL);
    return pthread_mutex_unlock(pthread_mutex);
}

static struct {
    const void *handle;
    int references;
} libraries[LIBRARIES];

static int *library(const void *handle)
{
    for (uint32_t i = 0; i < LIBRARIES; i++) {
        if (libraries[i].handle == NULL)
            libraries[i].handle = handle;
        if (libraries[i].handle == handle)
            return &libraries[i].references;
    }
    tpp_abort("more libraries than the simulator knows");
}

int tpp_library_pin(void *dlopen_handle, void **own_handle)
{
    tpps_point_(TPPS_OP_USER, NULL, NULL);
    if (tpps_fault_())
        return ENOMEM;
    ++*library(dlopen_handle);
    *own_handle = dlopen_handle;
    return 0;
}

int tpp_library_close(void *dlopen_handle)
{
    tpps_point_(TPPS_OP_USER, NULL, NULL);
    if (--*library(dlopen_handle) < 0)
        tpps_fail("a library was closed more often than it was opened");
    return 0;
}

int tpps_library_refs(const void *handle)
{
    return *library(handle);
}

void tpps_library_set_refs(const void *handle, int references)
{
    *library(handle) = references;
}

/* ---- odds and ends --------------------------------------------------------------------------- */

/* Not one of the choices: it draws from a stream of its own, so that a shrunk schedule keeps it. */
uint32_t tpp_random(void)
{
    if (tpps_sim_.rng_core == 0)
        tpps_sim_.rng_core = 1;
    return (uint32_t)(tpps_draw_(&tpps_sim_.rng_core) >> 32);
}

void tpps_probe_(enum tpp_probe probe, const void *subject, uint64_t value)
{
    struct tpps_sim *s = &tpps_sim_;
    bool began;
    if (s->on_probe == NULL || s->current == NULL)
        return;
    began = tpps_hook_begin_();
    s->on_probe(probe, subject, value);
    tpps_hook_end_(began);
}

_Noreturn void tpp_abort(const char *message)
{
    if (tpps_sim_.running && tpps_sim_.current != NULL)
        tpps_fail("abort: %s", message);
    dprintf(2, "simulator, outside a run: %s\n", message);
    abort();
}
