/* process.c - threads that end in the middle of a function, a process that forks or exits. */
#include <errno.h>

#include "core/os/sim/internal.h"

/* What happens to a thread or to the process cannot happen to the scenario's oracle. */
static struct tpps_fiber *self(const char *what)
{
    if (tpps_sim_.current == NULL || tpps_sim_.hook)
        tpps_fail("%s outside a fiber", what);
    return tpps_sim_.current;
}

/* ---- guards ---------------------------------------------------------------------------------- */

void tpp_guarded(const struct tpp_guard *guard, void *argument)
{
    struct tpps_fiber *fiber = tpps_sim_.current;
    struct tpps_guarded frame = {.guard = guard, .argument = argument};
    if (fiber == NULL) {
        guard->body(argument);
        return;
    }
    frame.outer = fiber->guarded;
    fiber->guarded = &frame;
    guard->body(argument);
    fiber->guarded = frame.outer;
}

/* Nothing is unwound: the guards run on top of the frames that are given up. */
_Noreturn void tpps_thread_exit(void)
{
    struct tpps_fiber *fiber = self("tpps_thread_exit");
    tpps_point_(TPPS_OP_THREAD, NULL, "tpps_thread_exit");
    while (fiber->guarded != NULL) {
        const struct tpps_guarded *frame = fiber->guarded;
        fiber->guarded = frame->outer;
        frame->guard->ended(frame->argument);
    }
    fiber->abandoned = true;
    tpps_fiber_end_();
}

_Noreturn void tpps_escape(void)
{
    const struct tpps_guarded *frame = self("tpps_escape")->guarded;
    char text[TPPS_MESSAGE_SIZE / 2] = "";
    if (frame == NULL)
        tpps_fail("abort: an exception left a thread that has no guard");
    frame->guard->describe(frame->argument, text, sizeof text);
    tpps_fail("abort: an exception left %s", text);
}

/* ---- fork and exit --------------------------------------------------------------------------- */

int tpp_at_fork(void (*child)(void))
{
    tpps_point_(TPPS_OP_THREAD, NULL, NULL);
    if (tpps_fault_())
        return ENOMEM;
    tpps_sim_.at_fork = child;
    return 0;
}

/* The memory of the child is a copy made at one moment: all that the others have written up to then
 * is in it, as if they had been joined. */
static void vanish(struct tpps_fiber *fiber)
{
    tpps_weak_join_(tpps_slot_(tpps_sim_.current), tpps_slot_(fiber));
    fiber->state = TPPS_DONE;
    fiber->vanished = fiber->abandoned = true;
}

void tpps_fork(void)
{
    struct tpps_sim *s = &tpps_sim_;
    struct tpps_fiber *fiber = self("tpps_fork");
    tpps_point_(TPPS_OP_THREAD, NULL, "tpps_fork");
    for (uint32_t i = 0; i < s->high; i++) {
        if (&tpps_fibers_[i] == fiber)
            continue;
        tpps_fiber_join_(&tpps_fibers_[i]); /* also one that has ended, and nobody has joined */
        if (tpps_fibers_[i].state != TPPS_DONE)
            vanish(&tpps_fibers_[i]);
    }
    tpps_alone_();
    tpps_poller_fork_();
    tpps_file_fork_();
    tpps_ring_fork_();
    tpps_signal_begin_();
    tpps_mix_(0x300);
    fiber->id = s->next_id++;
    s->alarm = TPP_FOREVER;
    s->alarm_waited = s->jumped = false;
    s->forked = true;
    if (s->at_fork != NULL)
        s->at_fork();
}

_Noreturn void tpps_exit(void)
{
    self("tpps_exit");
    tpps_point_(TPPS_OP_THREAD, NULL, "tpps_exit");
    tpps_sim_.exited = true;
    tpps_over_();
}
