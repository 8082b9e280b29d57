/* schedule.c - schedule points, sleeping fibers, the virtual clock, and when a run is over. */
#include "core/os/sim/user.h"

#define SPIN 1000u        /* points without anybody's progress, for each fiber that could run */
#define HOUSEKEEPING 512u /* the slow way is taken at least so often */
/* A day, in so many steps: scenario fibers wait for ever while services only tick. */
#define HANG_NS INT64_C(86400000000000)
#define HANG_JUMPS 1000u

struct tpps_sim tpps_sim_;
struct tpps_fiber tpps_fibers_[TPPS_FIBERS];

static uint64_t bit(uint32_t slot)
{
    return UINT64_C(1) << slot;
}

bool tpps_hook_begin_(void)
{
    bool began = !tpps_sim_.hook;
    tpps_sim_.hook = true;
    if (began)
        tpps_tsan_ignore_(true);
    return began;
}

void tpps_hook_end_(bool began)
{
    if (!began)
        return;
    tpps_sim_.hook = false;
    tpps_tsan_ignore_(false);
}

_Noreturn void tpps_over_(void)
{
    tpps_hook_end_(tpps_sim_.hook); /* an oracle may have ended the run */
    tpps_sim_.over = true;
    tpps_fiber_go_(NULL);
    __builtin_unreachable();
}

/* ---- the clock ------------------------------------------------------------------------------- */

static void find_next_deadline(void)
{
    int64_t next = TPP_FOREVER;
    for (uint64_t mask = tpps_sim_.timed; mask != 0; mask &= mask - 1) {
        int64_t deadline = tpps_fibers_[__builtin_ctzll(mask)].deadline;
        if (deadline < next)
            next = deadline;
    }
    tpps_sim_.next_deadline = next;
}

void tpps_make_runnable_(uint32_t slot, bool timed_out)
{
    struct tpps_fiber *fiber = &tpps_fibers_[slot];
    fiber->state = TPPS_RUN;
    fiber->timed_out = timed_out;
    tpps_sim_.runnable |= bit(slot);
    if (tpps_sim_.timed & bit(slot)) {
        tpps_sim_.timed &= ~bit(slot);
        find_next_deadline();
    }
    tpps_sim_.dirty = true;
    tpps_sim_.progress = tpps_sim_.steps;
}

void tpps_fire_due_(void)
{
    while (tpps_sim_.timed != 0 && tpps_sim_.next_deadline <= tpps_sim_.clock)
        for (uint64_t mask = tpps_sim_.timed; mask != 0; mask &= mask - 1) {
            uint32_t slot = (uint32_t)__builtin_ctzll(mask);
            if (tpps_fibers_[slot].deadline <= tpps_sim_.clock)
                tpps_make_runnable_(slot, true);
        }
}

void tpps_clock_add_(int64_t ns)
{
    tpps_sim_.clock = tpps_add_time_(tpps_sim_.clock, ns);
    tpps_fire_due_();
}

void tpps_move_deadline_(uint32_t slot, int64_t deadline)
{
    tpps_fibers_[slot].deadline = deadline;
    if (deadline != TPP_FOREVER)
        tpps_sim_.timed |= bit(slot);
    else
        tpps_sim_.timed &= ~bit(slot);
    find_next_deadline();
    tpps_fire_due_();
}

static void jump_to_next_deadline(void)
{
    if (tpps_sim_.next_deadline > tpps_sim_.clock)
        tpps_sim_.clock = tpps_sim_.next_deadline;
    tpps_fire_due_();
}

/* A deadline passes although somebody could run. What is jumped over is no time to settle. */
static void pass_early(void)
{
    struct tpps_sim *s = &tpps_sim_;
    int64_t before = s->clock;
    jump_to_next_deadline();
    if (s->scenario_alive == 0)
        s->settle_until = tpps_add_time_(s->settle_until, s->clock - before);
}

/* ---- nobody can run -------------------------------------------------------------------------- */

static void call_on_quiet(void)
{
    struct tpps_sim *s = &tpps_sim_;
    bool began;
    if (s->on_quiet == NULL)
        return;
    began = tpps_hook_begin_();
    s->on_quiet(s->quiet_context);
    tpps_hook_end_(began);
}

static bool scenario_has_deadline(void)
{
    for (uint64_t mask = tpps_sim_.timed; mask != 0; mask &= mask - 1)
        if (!tpps_fibers_[__builtin_ctzll(mask)].service)
            return true;
    return false;
}

/* Everybody sleeps. The oracle looks first; then time passes until the next deadline. The run ends
 * when the scenario's own fibers have ended and the services have had their time to settle. */
static void wait_for_time(void)
{
    struct tpps_sim *s = &tpps_sim_;
    call_on_quiet();
    if (s->runnable != 0)
        return;
    if (s->timed == 0 && s->scenario_alive != 0)
        tpps_fail("deadlock: nobody can run and no deadline is pending");
    if (s->scenario_alive == 0 && s->settle_until == TPP_FOREVER)
        s->settle_until = tpps_add_time_(s->clock, s->options.settle_ns);
    if (s->timed == 0 || (s->scenario_alive == 0 && s->next_deadline > s->settle_until))
        tpps_over_();
    if (s->scenario_alive != 0 && !scenario_has_deadline() &&
        tpps_add_time_(s->scenario_ran, HANG_NS) < s->next_deadline && ++s->jumps > HANG_JUMPS)
        tpps_fail("hang: for a day only service threads have run%s", tpps_user_waits_());
    jump_to_next_deadline();
}

/* ---- who goes on ----------------------------------------------------------------------------- */

static void go_on(bool may_stay, bool relax)
{
    struct tpps_sim *s = &tpps_sim_;
    struct tpps_fiber *next;
    while (s->runnable == 0)
        wait_for_time();
    next = &tpps_fibers_[tpps_choose_fiber_(may_stay, relax)];
    if (!next->service) {
        s->scenario_ran = s->clock;
        s->jumps = 0;
    }
    if (next == s->current)
        return;
    s->last_switch = s->steps;
    tpps_mix_(tpps_slot_(next) + 0x200);
    tpps_fiber_go_(next);
}

static void check_progress(void)
{
    struct tpps_sim *s = &tpps_sim_;
    uint32_t still = s->steps - s->progress;
    if (s->steps >= s->options.max_steps)
        tpps_fail("livelock: still running after %u steps", s->options.max_steps);
    if (still <= SPIN || still <= SPIN * ((uint32_t)__builtin_popcountll(s->runnable) + 1))
        return;
    if (s->timed == 0)
        tpps_fail("livelock: no write, wake or sleep by anybody for %u steps", still);
    jump_to_next_deadline(); /* whoever spins may be waiting for one that sleeps */
    s->progress = s->steps;
}

static void plan_stop(void)
{
    struct tpps_sim *s = &tpps_sim_;
    uint32_t stop = s->steps + HOUSEKEEPING;
    if (s->change_at < s->changes && !s->options.coarse && s->change[s->change_at] < stop)
        stop = s->change[s->change_at];
    if (s->early_at < stop)
        stop = s->early_at;
    if (s->options.max_steps < stop)
        stop = s->options.max_steps;
    s->stop = stop > s->steps ? stop : s->steps + 1;
}

static void slow_point(bool relax)
{
    struct tpps_sim *s = &tpps_sim_;
    check_progress();
    if (s->timed != 0 && tpps_choose_early_())
        pass_early();
    go_on(true, relax);
    plan_stop();
}

/* Within the library nobody chooses: whoever runs goes on, but for one of higher priority that has
 * just been woken. A script knows what was chosen, wherever that was. */
static void inner_point(void)
{
    struct tpps_sim *s = &tpps_sim_;
    if (!s->every && (s->dirty || s->steps >= s->stop)) {
        slow_point(false);
        return;
    }
    if (s->steps < s->stop)
        return;
    check_progress();
    if (s->timed != 0 && s->options.strategy != TPPS_DFS && s->options.strategy != TPPS_PATH &&
        tpps_choose_early_())
        pass_early();
    plan_stop();
}

void tpps_point_(enum tpps_op op, const volatile void *word, const char *site)
{
    struct tpps_sim *s = &tpps_sim_;
    struct tpps_fiber *self = s->current;
    bool user = op == TPPS_OP_USER || op == TPPS_OP_USER_LOAD;
    if (self == NULL || s->hook)
        return;
    self->op = op;
    if (site != NULL)
        self->site = site;
    if (word != NULL)
        tpps_check_word_(word);
    self->points++;
    s->steps++;
    tpps_mix_((uint64_t)op << 6 | tpps_slot_(self));
    if (op != TPPS_OP_LOAD && op != TPPS_OP_CAS && op != TPPS_OP_CLOCK && op != TPPS_OP_FENCE &&
        op != TPPS_OP_USER_LOAD)
        s->progress = s->steps;
    if (s->options.coarse && !user && s->options.strategy != TPPS_SCRIPT) {
        inner_point();
        if (word != NULL)
            tpps_check_word_(word);
        return;
    }
    s->user_points += user;
    if (!(s->options.coarse && user) && s->steps < s->stop && !s->dirty &&
        (!s->every || (s->runnable == bit(tpps_slot_(self)) && s->timed == 0)))
        return;
    slow_point(false);
    if (word != NULL)
        tpps_check_word_(word); /* others may have run and freed it */
}

void tpps_relax_(const char *site)
{
    struct tpps_sim *s = &tpps_sim_;
    struct tpps_fiber *self = s->current;
    if (self == NULL || s->hook)
        return;
    self->op = TPPS_OP_RELAX;
    self->site = site;
    self->points++;
    s->steps++;
    s->run_left = 0;
    tpps_mix_((uint64_t)TPPS_OP_RELAX << 6 | tpps_slot_(self));
    tpps_clock_add_(s->options.relax_ns);
    slow_point(true);
}

void tpps_progress_(void)
{
    tpps_sim_.progress = tpps_sim_.steps;
}

void tpps_at_(const char *site)
{
    if (tpps_sim_.current != NULL)
        tpps_sim_.current->site = site;
}

/* ---- sleeping and ending --------------------------------------------------------------------- */

/* True if the deadline passed first. */
bool tpps_park_(enum tpps_state state, const volatile void *wait, int64_t deadline)
{
    struct tpps_sim *s = &tpps_sim_;
    struct tpps_fiber *self = s->current;
    uint64_t mine = bit(tpps_slot_(self));
    self->points++;
    self->wait = wait;
    self->deadline = deadline;
    self->state = state;
    s->progress = s->steps;
    s->runnable &= ~mine;
    if (deadline != TPP_FOREVER) {
        s->timed |= mine;
        if (deadline < s->next_deadline || s->timed == mine)
            s->next_deadline = deadline;
    }
    go_on(false, false);
    plan_stop();
    self->wait = NULL;
    return self->timed_out;
}

static void wake_joiners(uint64_t id)
{
    for (uint32_t i = 0; i < tpps_sim_.high; i++)
        if (tpps_fibers_[i].state == TPPS_JOIN && tpps_fibers_[i].wait == (void *)(uintptr_t)id)
            tpps_make_runnable_(i, false);
}

void tpps_alone_(void)
{
    struct tpps_sim *s = &tpps_sim_;
    s->runnable = bit(tpps_slot_(s->current));
    s->timed = 0;
    s->next_deadline = s->settle_until = TPP_FOREVER;
    s->current->service = false;
    s->scenario_alive = 1;
    s->scenario_ran = s->clock;
    s->jumps = 0;
    s->progress = s->steps;
    s->dirty = true;
}

_Noreturn void tpps_fiber_end_(void)
{
    struct tpps_sim *s = &tpps_sim_;
    struct tpps_fiber *self = s->current;
    if (self->local != NULL && s->at_exit != NULL)
        s->at_exit(self->local);
    tpps_tsan_release_(&self->token);
    self->points++;
    self->state = TPPS_DONE;
    s->runnable &= ~bit(tpps_slot_(self));
    s->progress = s->steps;
    if (!self->service && --s->scenario_alive == 0)
        s->settle_until = tpps_add_time_(s->clock, s->options.settle_ns);
    wake_joiners(self->id);
    go_on(false, false);
    __builtin_unreachable();
}
