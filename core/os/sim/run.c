/* run.c - one run from beginning to end, the threads in it, and how it fails. */
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/os/sim/user.h"

/* ThreadSanitizer takes its own reads from memory, so a stale value would contradict it. */
#ifdef TPPS_TSAN_BUILD
#define CAN_BE_WEAK false
#else
#define CAN_BE_WEAK true
#endif

/* ---- threads --------------------------------------------------------------------------------- */

/* A fresh slot if there is one: in weak mode a slot used again would know too much. */
static struct tpps_fiber *free_slot(void)
{
    struct tpps_sim *s = &tpps_sim_;
    if (s->high < TPPS_FIBERS)
        return &tpps_fibers_[s->high++];
    for (uint32_t i = 0; i < TPPS_FIBERS; i++)
        if (tpps_fibers_[i].state == TPPS_DONE && &tpps_fibers_[i] != s->current)
            return &tpps_fibers_[i];
    return NULL;
}

static void reset_fiber(struct tpps_fiber *fiber)
{
    fiber->local = NULL;
    fiber->op = TPPS_OP_NONE;
    fiber->site = NULL;
    fiber->wait = NULL;
    fiber->deadline = TPP_FOREVER;
    fiber->timed_out = false;
    fiber->forbid = 0;
    fiber->guarded = NULL;
    fiber->called = NULL;
    fiber->busy_ns = 0;
    fiber->vanished = fiber->system = false;
    fiber->points = fiber->choices = 0;
    fiber->script_at = fiber->script_other_at = 0;
    fiber->fake_stack = NULL;
}

/* 0 if there is no room for another fiber. */
tpps_thread tpps_start_(void (*body)(void *), void *arg, bool service, const char *name)
{
    struct tpps_sim *s = &tpps_sim_;
    struct tpps_fiber *fiber = free_slot();
    uint32_t parent = s->current != NULL ? tpps_slot_(s->current) : TPPS_FIBERS;
    size_t i = 0;
    if (fiber == NULL)
        return 0;
    reset_fiber(fiber);
    fiber->body = body;
    fiber->argument = arg;
    fiber->service = service;
    fiber->id = s->next_id++;
    fiber->cpu = tpps_slot_(fiber) % s->options.cpus;
    fiber->priority = (int64_t)(tpps_draw_(&s->rng) >> 2);
    for (; name != NULL && name[i] != 0 && i < sizeof fiber->name - 1; i++)
        fiber->name[i] = name[i];
    fiber->name[i] = 0;
    tpps_fiber_make_(fiber);
    if (tpps_user_ != NULL)
        tpps_user_->fiber_start(fiber);
    tpps_weak_start_(parent, tpps_slot_(fiber));
    s->scenario_alive += !service;
    s->result.fibers_made++;
    tpps_make_runnable_(tpps_slot_(fiber), false);
    return fiber->id;
}

void tpps_detach_(tpps_thread thread)
{
    struct tpps_sim *s = &tpps_sim_;
    for (uint32_t i = 0; i < s->high; i++) {
        struct tpps_fiber *fiber = &tpps_fibers_[i];
        if (fiber->id != thread || fiber->state == TPPS_DONE || fiber->service)
            continue;
        fiber->service = true;
        if (--s->scenario_alive == 0)
            s->settle_until = tpps_add_time_(s->clock, s->options.settle_ns);
    }
}

/* Scenarios do not see it among the threads. */
uint32_t tpps_start_system_(void (*body)(void *))
{
    struct tpps_sim *s = &tpps_sim_;
    tpps_thread thread = tpps_start_(body, NULL, true, "system");
    uint32_t slot = 0;
    if (thread == 0)
        tpps_fail("more than %d fibers alive", TPPS_FIBERS);
    while (tpps_fibers_[slot].id != thread)
        slot++;
    tpps_fibers_[slot].system = true;
    s->result.fibers_made--;
    return slot;
}

tpps_thread tpps_spawn_named(void (*body)(void *), void *arg, const char *name)
{
    tpps_thread thread;
    tpps_point_(TPPS_OP_THREAD, NULL, "tpps_spawn");
    thread = tpps_start_(body, arg, false, name);
    if (thread == 0)
        tpps_fail("more than %d fibers alive", TPPS_FIBERS);
    return thread;
}

tpps_thread tpps_spawn(void (*body)(void *), void *arg)
{
    return tpps_spawn_named(body, arg, "spawned");
}

/* An id that is not in the table any more has ended long ago. */
void tpps_join(tpps_thread thread)
{
    struct tpps_sim *s = &tpps_sim_;
    tpps_point_(TPPS_OP_JOIN, NULL, "tpps_join");
    for (uint32_t i = 0; i < s->high; i++) {
        struct tpps_fiber *fiber = &tpps_fibers_[i];
        if (fiber->id != thread)
            continue;
        if (fiber->vanished)
            tpps_fail("join of a thread that did not survive the fork");
        if (fiber->state != TPPS_DONE)
            tpps_park_(TPPS_JOIN, (void *)(uintptr_t)thread, TPP_FOREVER);
        tpps_weak_join_(tpps_slot_(s->current), i);
        tpps_tsan_acquire_(&fiber->token);
        return;
    }
}

void tpps_sleep(int64_t ns)
{
    tpps_point_(TPPS_OP_SLEEP, NULL, "tpps_sleep");
    tpps_park_(TPPS_SLEEP, NULL, tpps_add_time_(tpps_sim_.clock, ns));
}

void tpps_busy(int64_t ns)
{
    struct tpps_fiber *self = tpps_sim_.current;
    tpps_point_(TPPS_OP_SLEEP, NULL, "tpps_busy");
    if (ns <= 0)
        return;
    self->busy_ns = tpps_add_time_(self->busy_ns, ns);
    tpps_park_(TPPS_BUSY, NULL, tpps_add_time_(tpps_sim_.clock, ns));
}

void tpps_point(void)
{
    tpps_point_(TPPS_OP_USER, NULL, "tpps_point");
}

int64_t tpps_now(void)
{
    return tpps_sim_.clock;
}

uint32_t tpps_choose(uint32_t n)
{
    return tpps_choose_user_(n);
}

uint32_t tpps_fibers_parked(void)
{
    uint32_t parked = 0;
    for (uint32_t i = 0; i < tpps_sim_.high; i++)
        parked += tpps_fibers_[i].state > TPPS_RUN && tpps_fibers_[i].state < TPPS_BUSY;
    return parked;
}

static bool is_service(const struct tpps_fiber *fiber)
{
    return fiber->service && !fiber->system && fiber->state != TPPS_DONE;
}

uint32_t tpps_service_fibers(void)
{
    uint32_t services = 0;
    for (uint32_t i = 0; i < tpps_sim_.high; i++)
        services += is_service(&tpps_fibers_[i]) && tpps_fibers_[i].state != TPPS_ALARM;
    return services;
}

uint32_t tpps_service_fibers_but(const char *name)
{
    uint32_t services = 0;
    for (uint32_t i = 0; i < tpps_sim_.high; i++)
        services += is_service(&tpps_fibers_[i]) && strcmp(tpps_fibers_[i].name, name) != 0;
    return services;
}

bool tpps_running(void)
{
    return tpps_sim_.current != NULL;
}

/* ---- failing --------------------------------------------------------------------------------- */

bool tpps_fault_(void)
{
    const struct tpps_options *o = &tpps_sim_.options;
    uint32_t now;
    if (tpps_sim_.current == NULL || tpps_sim_.hook)
        return false;
    now = ++tpps_sim_.result.fault_points;
    if (o->fail_nth == 0)
        return false;
    return o->fail_on ? now >= o->fail_nth : (now == o->fail_nth || now == o->fail_also);
}

uint32_t tpps_fault_points(void)
{
    return tpps_sim_.result.fault_points;
}

_Noreturn void tpps_fail(const char *format, ...)
{
    char text[TPPS_MESSAGE_SIZE];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (!tpps_sim_.running) {
        fprintf(stderr, "simulator, outside a run: %s\n", text);
        abort();
    }
    if (!tpps_sim_.result.failed) {
        tpps_note_failure_("%s", text);
        tpps_report_fibers_();
    }
    if (tpps_sim_.current == NULL)
        abort(); /* only the simulator itself could get here */
    tpps_over_();
}

/* ---- one run --------------------------------------------------------------------------------- */

static void set_defaults(struct tpps_options *o)
{
    if (o->depth == 0 && o->strategy == TPPS_PCT)
        o->depth = 3;
    if (o->depth > TPPS_DEPTH_MAX && o->strategy == TPPS_PCT)
        o->depth = TPPS_DEPTH_MAX;
    if (o->k == 0)
        o->k = 500;
    if (o->max_steps == 0)
        o->max_steps = TPPS_STEPS;
    if (o->cpus == 0)
        o->cpus = 2;
    if (o->clock0 == 0)
        o->clock0 = TPPS_CLOCK0;
    if (o->settle_ns == 0)
        o->settle_ns = TPPS_SETTLE_NS;
    if (o->relax_ns == 0)
        o->relax_ns = TPPS_RELAX_NS;
    o->weak = o->weak && CAN_BE_WEAK;
    o->races = o->races && CAN_BE_WEAK;
}

static void begin(const struct tpps_options *options)
{
    struct tpps_sim *s = &tpps_sim_;
    void (*on_quiet)(void *) = s->on_quiet;
    void (*on_probe)(enum tpp_probe, const void *, uint64_t) = s->on_probe;
    void *context = s->quiet_context;
    void (*at_fork)(void) = s->at_fork;
    struct tpps_watch watch = s->watch;
    memset(s, 0, sizeof *s);
    s->watch = watch;
    s->at_fork = at_fork;
    s->on_quiet = on_quiet;
    s->on_probe = on_probe;
    s->quiet_context = context;
    s->options = *options;
    set_defaults(&s->options);
    s->running = true;
    s->next_id = 101;
    s->clock = s->scenario_ran = s->options.clock0;
    s->next_deadline = s->settle_until = s->alarm = TPP_FOREVER;
    s->cpus = s->options.cpus;
    s->realtime = (struct tpps_clock){INT64_C(1700000000000000000), s->clock};
    s->boottime = (struct tpps_clock){s->clock, s->clock};
    s->trace = 0xcbf29ce484222325u;
    s->stop = 1;
    tpps_weak_ = s->options.weak || s->options.races;
    tpps_report_begin_();
    tpps_mem_begin_();
    tpps_poller_begin_();
    tpps_file_begin_();
    tpps_transfer_begin_();
    tpps_ring_begin_();
    tpps_signal_begin_();
    tpps_os_begin_();
    tpps_weak_begin_();
    tpps_choice_begin_();
    if (tpps_user_ != NULL)
        tpps_user_->begin();
}

/* What the end of a run shows: parked services, memory and pollers still there. The thread that
 * waits for the alarm is expected to do so for ever. */
static void take_stock(void)
{
    struct tpps_sim *s = &tpps_sim_;
    uint32_t pollers = tpps_poller_end_(), rings = tpps_ring_end_(), flags, own;
    for (uint32_t i = 0; i < s->high; i++)
        s->result.fibers_left += tpps_fibers_[i].state != TPPS_DONE &&
                                 tpps_fibers_[i].state != TPPS_ALARM && !tpps_fibers_[i].system;
    tpps_file_end_(&flags, &own);
    if (tpps_user_ != NULL && !s->result.failed && !s->forked && !s->exited)
        tpps_user_->end();
    if (s->options.no_fibers_left && s->result.fibers_left != 0 && !s->result.failed &&
        !s->exited) {
        tpps_note_failure_("%u service threads left at the end", s->result.fibers_left);
        tpps_report_fibers_();
    }
    if (!s->result.failed && !s->exited && s->watch.ended != NULL)
        s->watch.ended();
    if (s->result.failed || s->options.leaks_allowed || s->forked || s->exited)
        return;
    if (tpps_alloc_count() != 0 || pollers != 0 || flags != 0 || own != 0 || rings != 0) {
        tpps_note_failure_(
            "leak: %zu blocks, %u pollers alive at the end, %u flags, %u files kept, "
            "%u rings",
            tpps_alloc_count(), pollers, flags, own, rings);
        tpps_mem_report_();
    }
}

bool tpps_run(const struct tpps_options *options, void (*entry)(void *), void *arg,
              struct tpps_result *result)
{
    struct tpps_sim *s = &tpps_sim_;
    if (s->running)
        tpp_abort("tpps_run from within a run");
    begin(options);
    tpps_start_(entry, arg, false, "entry");
    tpps_fiber_go_(&tpps_fibers_[0]);
    tpps_fiber_join_all_();
    take_stock();
    tpps_mem_end_();
    tpps_fiber_drop_all_();
    tpps_mix_((uint64_t)s->clock);
    s->result.steps = s->steps;
    s->result.user_points = s->user_points;
    s->result.clock_ns = s->clock;
    s->result.trace = s->trace;
    if (s->result.failed) {
        if (!tpps_token_format(&s->options, s->result.token, sizeof s->result.token))
            snprintf(s->result.token, sizeof s->result.token, "(too long for a token)");
        tpps_report_add_("  replay: %s\n", s->result.token);
        if (!s->options.quiet)
            fputs(tpps_report(), stderr);
    }
    tpps_choice_end_();
    s->running = false;
    tpps_weak_ = 0;
    s->on_quiet = NULL;
    s->on_probe = NULL;
    if (result != NULL) {
        memcpy(result, &s->result, offsetof(struct tpps_result, token));
        memcpy(result->token, s->result.token, s->result.failed ? sizeof result->token : 1);
    }
    return !s->result.failed;
}

void tpps_print_current(int file)
{
    static char text[TPPS_TOKEN_SIZE + 16];
    if (!tpps_sim_.running || !tpps_token_format(&tpps_sim_.options, text, TPPS_TOKEN_SIZE))
        return;
    dprintf(file, "simulator: died in the run %s\n", text);
}

/* ---- hooks ----------------------------------------------------------------------------------- */

void tpps_on_quiet(void (*function)(void *context), void *context)
{
    tpps_sim_.on_quiet = function;
    tpps_sim_.quiet_context = context;
}

void tpps_set_watch(const struct tpps_watch *watch)
{
    tpps_sim_.watch = *watch;
}

void tpps_fail_ended(const char *message)
{
    tpps_note_failure_("%s", message);
    tpps_report_fibers_();
}

bool tpps_view(uint32_t number, struct tpps_view *out)
{
    const struct tpps_fiber *fiber = &tpps_fibers_[number];
    if (number >= tpps_sim_.high)
        return false;
    *out = (struct tpps_view){
        .name = fiber->name,
        .id = fiber->id,
        .local = fiber->local,
        .called = fiber->called,
        .service = fiber->service,
        .here = fiber == tpps_sim_.current,
        .alive = fiber->state != TPPS_DONE && fiber->state != TPPS_FREE && !fiber->system,
        .asleep = fiber->state != TPPS_RUN && fiber->state != TPPS_BUSY,
        .sleeps = fiber->state == TPPS_SLEEP,
        .joins = fiber->state == TPPS_JOIN ? (tpps_thread)(uintptr_t)fiber->wait : 0,
        .thing = fiber->state == TPPS_USER ? (const void *)(uintptr_t)fiber->wait : NULL,
        .deadline = fiber->deadline};
    if (out->alive)
        out->frames = tpps_backtrace_(fiber, out->pcs, TPPS_VIEW_FRAMES);
    for (uint32_t i = 0; i < out->frames; i++) /* code without frame pointers leads astray */
        if (!tpps_is_code_(out->pcs[i]))
            out->frames = i;
    return true;
}

void tpps_on_probe(void (*function)(enum tpp_probe probe, const void *subject, uint64_t value))
{
    tpps_sim_.on_probe = function;
}
