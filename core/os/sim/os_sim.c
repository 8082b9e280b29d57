/* os_sim.c - the functions of os.h that need no file of their own. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/os/sim/user.h"

#define LIBRARIES 16

/* ---- sleeping and waking --------------------------------------------------------------------- */

static bool wait_on(tpp_u32 *word, uint32_t expected, int64_t deadline_ns)
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

bool(tpp_wait)(tpp_u32 *word, uint32_t expected, int64_t deadline_ns)
{
    return wait_on(word, expected, deadline_ns);
}

/* No deadline is late here but by what others do first. */
bool(tpp_wait_exact)(tpp_u32 *word, uint32_t expected, int64_t deadline_ns)
{
    return wait_on(word, expected, deadline_ns);
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

/* NULL if no such thread is alive. */
static const struct tpps_fiber *alive(uint64_t thread_id)
{
    for (uint32_t i = 0; i < tpps_sim_.high; i++) {
        const struct tpps_fiber *fiber = &tpps_fibers_[i];
        if (fiber->id == thread_id && fiber->state != TPPS_DONE && fiber->state != TPPS_FREE)
            return fiber;
    }
    return NULL;
}

char tpp_thread_state(uint64_t thread_id)
{
    const struct tpps_fiber *fiber;
    tpps_point_(TPPS_OP_THREAD, NULL, NULL);
    fiber = alive(thread_id);
    if (fiber == NULL || tpps_sim_.threads_hidden)
        return '?';
    return fiber->state == TPPS_RUN || fiber->state == TPPS_BUSY ? 'R' : 'S';
}

void tpps_hide_threads(bool hidden)
{
    tpps_sim_.threads_hidden = hidden;
}

/* Each step costs as much as a turn of a spin; what tpps_busy has taken comes on top. */
int64_t tpp_thread_cpu_time(uint64_t thread_id)
{
    const struct tpps_fiber *fiber;
    int64_t left = 0;
    tpps_point_(TPPS_OP_THREAD, NULL, NULL);
    fiber = alive(thread_id);
    if (fiber == NULL)
        return -1;
    if (fiber->state == TPPS_BUSY)
        left = fiber->deadline - tpps_sim_.clock;
    return tpps_add_time_(fiber->busy_ns - left,
                          (int64_t)fiber->points * tpps_sim_.options.relax_ns);
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
    tpps_point_(TPPS_OP_THREAD, NULL, NULL);
    return tpps_sim_.current != NULL ? tpps_sim_.cpus : 2;
}

void tpps_set_cpus(uint32_t cpus)
{
    tpps_sim_.cpus = cpus != 0 ? cpus : 1;
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

/* The monotonic clock never goes back, so the difference is exact without a sign, and so is what is
 * left to the end of time. */
static int64_t reading(const struct tpps_clock *clock)
{
    uint64_t passed = (uint64_t)tpps_sim_.clock - (uint64_t)clock->at;
    uint64_t left = (uint64_t)INT64_MAX - (uint64_t)clock->value;
    return passed < left ? (int64_t)((uint64_t)clock->value + passed) : INT64_MAX;
}

int64_t tpps_clock_(enum tpp_clock clock)
{
    switch (clock) {
    case TPP_CLOCK_REALTIME:
        return reading(&tpps_sim_.realtime);
    case TPP_CLOCK_BOOTTIME:
        return reading(&tpps_sim_.boottime);
    case TPP_CLOCK_MONOTONIC:
    default:
        return tpps_sim_.clock;
    }
}

int64_t(tpp_now)(enum tpp_clock clock)
{
    tpps_point_(TPPS_OP_CLOCK, NULL, NULL);
    return tpps_clock_(clock);
}

static void set_clock(struct tpps_clock *clock, int64_t value)
{
    *clock = (struct tpps_clock){value, tpps_sim_.clock};
}

static void jump(void)
{
    struct tpps_sim *s = &tpps_sim_;
    if (s->jumps_hidden)
        return;
    s->jumped = true;
    tpps_alarm_come_();
}

void tpps_set_realtime(int64_t ns)
{
    set_clock(&tpps_sim_.realtime, ns);
    jump();
}

void tpps_step_realtime(int64_t ns)
{
    tpps_set_realtime(tpps_add_time_(reading(&tpps_sim_.realtime), ns));
}

void tpps_suspend(int64_t ns)
{
    set_clock(&tpps_sim_.boottime, tpps_add_time_(reading(&tpps_sim_.boottime), ns));
    tpps_step_realtime(ns);
}

void tpps_hide_jumps(bool hidden)
{
    tpps_sim_.jumps_hidden = hidden;
    tpps_sim_.jumped = tpps_sim_.jumped && !hidden;
}

/* ---- the alarm ------------------------------------------------------------------------------- */

void(tpp_alarm_set)(int64_t delay_ns)
{
    struct tpps_sim *s = &tpps_sim_;
    tpps_point_(TPPS_OP_SLEEP, NULL, NULL);
    if (s->current == NULL)
        tpp_abort("tpp_alarm_set outside a run");
    s->alarm = tpps_add_time_(s->clock, delay_ns > 0 ? delay_ns : 0);
    if (s->alarm_waited && tpps_fibers_[s->alarm_waiter].state == TPPS_ALARM)
        tpps_move_deadline_(s->alarm_waiter, s->alarm);
}

void tpps_alarm_come_(void)
{
    struct tpps_sim *s = &tpps_sim_;
    if (s->alarm_waited && tpps_fibers_[s->alarm_waiter].state == TPPS_ALARM)
        tpps_make_runnable_(s->alarm_waiter, false);
}

/* Why a wait may end now, in *reason: any of what there is. */
static bool alarm_over(enum tpp_alarm *reason)
{
    struct tpps_sim *s = &tpps_sim_;
    enum tpp_alarm reasons[3];
    uint32_t count = 0;
    if (s->jumped)
        reasons[count++] = TPP_ALARM_CLOCK;
    if (s->alarm <= s->clock)
        reasons[count++] = TPP_ALARM_TIME;
    if (tpps_watch_due_())
        reasons[count++] = TPP_ALARM_READY;
    if (count == 0)
        return false;
    *reason = reasons[tpps_choose_(count)];
    if (*reason == TPP_ALARM_CLOCK)
        s->jumped = false;
    else if (*reason == TPP_ALARM_TIME)
        s->alarm = TPP_FOREVER;
    else
        tpps_watch_told_();
    return true;
}

/* Between the time and the first step of the waiter somebody may set the alarm again: the wait may
 * have ended before that, or it goes on to the new time. */
enum tpp_alarm(tpp_alarm_wait)(void)
{
    struct tpps_sim *s = &tpps_sim_;
    enum tpp_alarm reason = TPP_ALARM_TIME;
    if (s->current == NULL || s->hook)
        tpp_abort("tpp_alarm_wait outside a fiber");
    tpps_point_(TPPS_OP_SLEEP, NULL, NULL);
    if (s->alarm_waited)
        tpps_fail("two threads wait for the alarm");
    s->alarm_waited = true;
    s->alarm_waiter = tpps_slot_(s->current);
    while (!alarm_over(&reason)) {
        bool came = tpps_park_(TPPS_ALARM, NULL, s->alarm);
        if (came && s->alarm > s->clock && tpps_choose_(2) != 0)
            break;
    }
    s->alarm_waited = false;
    return reason;
}

bool(tpp_alarm_tells_jumps)(void)
{
    tpps_point_(TPPS_OP_SLEEP, NULL, NULL);
    return !tpps_sim_.jumps_hidden;
}

/* ---- foreign things -------------------------------------------------------------------------- */

int tpp_user_mutex_unlock(void *pthread_mutex)
{
    tpps_point_(TPPS_OP_USER, NULL, NULL);
    return pthread_mutex_unlock(pthread_mutex);
}

static struct library {
    const void *handle;
    int references;
    uint64_t on_stack; /* of the thread with that number; 0: of none */
} libraries[LIBRARIES];

static struct library *library(const void *handle)
{
    for (uint32_t i = 0; i < LIBRARIES; i++) {
        if (libraries[i].handle == NULL)
            libraries[i].handle = handle;
        if (libraries[i].handle == handle)
            return &libraries[i];
    }
    tpp_abort("more libraries than the simulator knows");
}

int tpp_library_pin(void *dlopen_handle, void **own_handle)
{
    tpps_point_(TPPS_OP_USER, NULL, NULL);
    if (tpps_fault_())
        return ENOMEM;
    library(dlopen_handle)->references++;
    *own_handle = dlopen_handle;
    return 0;
}

int tpp_library_close(void *dlopen_handle)
{
    tpps_point_(TPPS_OP_USER, NULL, NULL);
    if (library(dlopen_handle)->on_stack == tpp_thread_id())
        tpps_fail("a library was closed by a thread that has code of it to return to");
    if (--library(dlopen_handle)->references < 0)
        tpps_fail("a library was closed more often than it was opened");
    return 0;
}

bool tpp_library_on_stack(void *dlopen_handle)
{
    tpps_point_(TPPS_OP_USER, NULL, NULL);
    return library(dlopen_handle)->on_stack == tpp_thread_id();
}

int tpps_library_refs(const void *handle)
{
    return library(handle)->references;
}

void tpps_library_set_refs(const void *handle, int references)
{
    library(handle)->references = references;
}

void tpps_library_set_on_stack(const void *handle, bool on_stack)
{
    library(handle)->on_stack = on_stack ? tpp_thread_id() : 0;
}

/* References outlive a run: the scenarios' own libraries are counted once for the program. */
void tpps_os_begin_(void)
{
    for (uint32_t i = 0; i < LIBRARIES; i++)
        libraries[i].on_stack = 0;
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
    if (s->options.coarse && (probe == TPP_PROBE_USER_ENTER || probe == TPP_PROBE_USER_LEAVE))
        tpps_point_(TPPS_OP_USER, NULL, NULL);
    if (s->on_probe == NULL || s->current == NULL)
        return;
    began = tpps_hook_begin_();
    s->on_probe(probe, subject, value);
    tpps_hook_end_(began);
}

/* The interface is called, or returns: to others a step of the user's code. */
void tpps_called_(const void *subject)
{
    struct tpps_sim *s = &tpps_sim_;
    if (s->current == NULL || s->hook)
        return;
    if (s->options.coarse)
        tpps_point_(TPPS_OP_USER, NULL, NULL);
    s->current->called = subject;
}

/* To the real descriptor of that number: somebody wants to read it. */
int tpp_print(int descriptor, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(descriptor, text, size);
        if (written < 0)
            return errno;
        text += written;
        size -= (size_t)written;
    }
    return 0;
}

_Noreturn void tpp_exit(void)
{
    tpps_exit();
}

_Noreturn void tpp_abort(const char *message)
{
    if (tpps_sim_.running && tpps_sim_.current != NULL)
        tpps_fail("abort: %s", message);
    dprintf(2, "simulator, outside a run: %s\n", message);
    abort();
}
