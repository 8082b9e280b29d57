/* choice.c - everything that could go one way or another is decided here, by the run's strategy. */
#include <string.h>

#include "core/os/sim/internal.h"

#define PATH_MAX_ 65536u
#define RECORD_MAX 65536u
#define STARVE 1000u /* PCT: so many points in a row and the others get a turn */

/* The path of a depth-first search: which of how many was taken, choice by choice. */
static struct {
    uint8_t pick[PATH_MAX_], of[PATH_MAX_];
    uint32_t known, at;
} path;

static struct tpps_decision record[RECORD_MAX];
static uint32_t recorded;

uint64_t tpps_draw_(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)(((tpps_draw_(&tpps_sim_.rng) >> 32) * n) >> 32);
}

static uint8_t next_byte(void)
{
    const struct tpps_options *o = &tpps_sim_.options;
    return tpps_sim_.byte_at < o->bytes_size ? o->bytes[tpps_sim_.byte_at++] : 0;
}

static void note(enum tpps_kind kind, uint32_t index, uint32_t value)
{
    struct tpps_fiber *self = tpps_sim_.current;
    if (!tpps_sim_.options.record || recorded == RECORD_MAX)
        return;
    record[recorded] = (struct tpps_decision){.fiber = (uint8_t)tpps_slot_(self),
                                              .kind = (uint8_t)kind,
                                              .value = (uint16_t)value,
                                              .index = index,
                                              .site = self->site};
    if (tpps_sim_.watch.decided != NULL)
        tpps_sim_.watch.decided(&record[recorded]);
    recorded++;
}

uint32_t tpps_choice_record_(const struct tpps_decision **list_out)
{
    *list_out = record;
    return recorded;
}

/* ---- strategies that follow something -------------------------------------------------------- */

/* Depth first: take the path as far as it is known, then always the first branch. */
static uint32_t follow_path(uint32_t n)
{
    if (path.at == path.known) {
        if (path.known == PATH_MAX_)
            tpps_fail("a path of more than %u choices: bound the scenario", PATH_MAX_);
        path.pick[path.known] = 0;
        path.of[path.known++] = (uint8_t)(n > 255 ? 255 : n);
    }
    return path.pick[path.at++] % n;
}

/* The script's value for the nth decision of this kind of the current fiber, or -1. The list is
 * sorted by fiber, then kinds that share an index, then index; each fiber has cursors into it. */
static int32_t follow_script(enum tpps_kind kind, uint32_t index)
{
    const struct tpps_options *o = &tpps_sim_.options;
    struct tpps_fiber *self = tpps_sim_.current;
    uint32_t slot = tpps_slot_(self);
    uint32_t *at = kind == TPPS_KIND_OTHER ? &self->script_other_at : &self->script_at;
    while (*at < o->script_count) {
        const struct tpps_decision *d = &o->script[*at];
        bool other = d->kind == TPPS_KIND_OTHER;
        if (d->fiber == slot && other == (kind == TPPS_KIND_OTHER)) {
            if (d->index > index || (d->index == index && d->kind > kind))
                return -1;
            if (d->index == index && d->kind == kind) {
                ++*at;
                return d->value;
            }
        }
        ++*at;
    }
    return -1;
}

/* ---- choices other than who runs ------------------------------------------------------------- */

uint32_t tpps_choose_(uint32_t n)
{
    const struct tpps_options *o = &tpps_sim_.options;
    bool fixed = o->coarse && (o->strategy == TPPS_DFS || o->strategy == TPPS_PATH);
    return fixed ? 0 : tpps_choose_user_(n);
}

uint32_t tpps_choose_user_(uint32_t n)
{
    struct tpps_fiber *self = tpps_sim_.current;
    uint32_t value = 0, index;
    int32_t scripted;
    if (n < 2 || self == NULL)
        return 0;
    index = self->choices++;
    switch (tpps_sim_.options.strategy) {
    case TPPS_PCT:
    case TPPS_RANDOM:
        value = below(n);
        break;
    case TPPS_DFS:
    case TPPS_PATH:
        value = follow_path(n);
        break;
    case TPPS_BYTES:
        value = next_byte() % n;
        break;
    case TPPS_SCRIPT:
        scripted = follow_script(TPPS_KIND_OTHER, index);
        value = scripted < 0 ? 0 : (uint32_t)scripted % n;
        break;
    }
    if (value != 0)
        note(TPPS_KIND_OTHER, index, value);
    tpps_mix_(value + 0x100);
    return value;
}

bool tpps_rarely_(uint32_t odds)
{
    struct tpps_sim *s = &tpps_sim_;
    bool yes;
    if (odds == 0 || s->current == NULL)
        return false;
    switch (s->options.strategy) {
    case TPPS_DFS:
    case TPPS_PATH: /* something rare costs as much as a preemption */
        if (s->options.coarse)
            return false;
        yes = s->preemptions < s->options.depth && follow_path(2) == 1;
        s->preemptions += yes;
        break;
    case TPPS_SCRIPT:
        return tpps_choose_(2) == 1;
    case TPPS_BYTES:
        yes = next_byte() == 255;
        break;
    case TPPS_PCT:
    case TPPS_RANDOM:
    default:
        yes = below(odds) == 0;
        break;
    }
    if (yes)
        note(TPPS_KIND_OTHER, s->current->choices, 1);
    s->current->choices++;
    return yes;
}

bool tpps_choose_early_(void)
{
    struct tpps_sim *s = &tpps_sim_;
    switch (s->options.strategy) {
    case TPPS_DFS:
    case TPPS_PATH:
        if (s->options.early == 0 || s->preemptions >= s->options.depth || follow_path(2) == 0)
            return false;
        s->preemptions++;
        break;
    case TPPS_SCRIPT:
        if (follow_script(TPPS_KIND_EARLY, s->current->points) < 0)
            return false;
        break;
    case TPPS_PCT:
    case TPPS_RANDOM:
    case TPPS_BYTES:
    default:
        if (s->options.early == 0 || s->steps < s->early_at)
            return false;
        s->early_at = s->steps + 1 + below(2 * s->options.early);
        if (s->options.early_most != 0 && ++s->early_passed >= s->options.early_most)
            s->early_at = UINT32_MAX;
        break;
    }
    note(TPPS_KIND_EARLY, s->current->points, 1);
    return true;
}

/* ---- who runs next --------------------------------------------------------------------------- */

static uint32_t nth(uint64_t mask, uint32_t n)
{
    while (n-- > 0)
        mask &= mask - 1;
    return (uint32_t)__builtin_ctzll(mask);
}

/* The default: stay if that is possible, else the next one round the table. */
static uint32_t next_round(uint64_t mask, uint32_t slot)
{
    uint64_t above = slot == 63 ? 0 : mask & (~UINT64_C(0) << (slot + 1));
    return (uint32_t)__builtin_ctzll(above != 0 ? above : mask);
}

static uint32_t highest(uint64_t mask)
{
    uint32_t best = (uint32_t)__builtin_ctzll(mask);
    for (mask &= mask - 1; mask != 0; mask &= mask - 1) {
        uint32_t slot = (uint32_t)__builtin_ctzll(mask);
        if (tpps_fibers_[slot].priority > tpps_fibers_[best].priority)
            best = slot;
    }
    return best;
}

/* PCT lowers whoever reaches a change point, spins, or keeps the processor for too long. */
static uint32_t by_priority(uint64_t mask, bool relax)
{
    struct tpps_sim *s = &tpps_sim_;
    uint32_t now = s->options.coarse ? s->user_points : s->steps;
    while (s->change_at < s->changes && s->change[s->change_at] <= now) {
        s->current->priority = --s->lowest;
        s->change_at++;
    }
    if (relax || s->steps - s->last_switch > STARVE) {
        s->current->priority = --s->lowest;
        s->last_switch = s->steps;
    }
    s->dirty = false;
    return highest(mask);
}

/* Bytes: the low three bits say who, the others for how long. With no bytes left: round robin. */
static uint32_t by_bytes(uint64_t mask, bool stay, bool relax)
{
    struct tpps_sim *s = &tpps_sim_;
    uint8_t byte;
    if (stay && !relax && s->run_left > 0) {
        s->run_left--;
        return tpps_slot_(s->current);
    }
    if (s->byte_at >= s->options.bytes_size) {
        s->run_left = 64;
        return next_round(mask, tpps_slot_(s->current));
    }
    byte = next_byte();
    s->run_left = byte >> 3;
    return nth(mask, (byte & 7u) % (uint32_t)__builtin_popcountll(mask));
}

static uint32_t by_path(uint64_t mask, bool stay)
{
    struct tpps_sim *s = &tpps_sim_;
    uint32_t self = tpps_slot_(s->current), pick;
    uint64_t others = mask & ~(UINT64_C(1) << self);
    uint32_t count = (uint32_t)__builtin_popcountll(others);
    if (!stay)
        return count < 2 ? nth(mask, 0) : nth(others, follow_path(count));
    if (s->preemptions >= s->options.depth)
        return self;
    pick = follow_path(count + 1);
    if (pick == 0)
        return self;
    s->preemptions++;
    return nth(others, pick - 1);
}

uint32_t tpps_choose_fiber_(bool may_stay, bool relax)
{
    struct tpps_sim *s = &tpps_sim_;
    uint32_t self = tpps_slot_(s->current), usual, slot;
    uint64_t mask = s->runnable;
    bool stay = may_stay && !relax;
    int32_t scripted;
    if (relax && (mask & ~(UINT64_C(1) << self)) != 0 && s->options.strategy != TPPS_PCT)
        mask &= ~(UINT64_C(1) << self); /* a spinner says others should run */
    if ((mask & (mask - 1)) == 0)
        return (uint32_t)__builtin_ctzll(mask);
    usual = stay ? self : next_round(mask, self);
    switch (s->options.strategy) {
    case TPPS_PCT:
        slot = by_priority(mask, relax);
        break;
    case TPPS_RANDOM:
        slot = nth(mask, below((uint32_t)__builtin_popcountll(mask)));
        break;
    case TPPS_DFS:
    case TPPS_PATH:
        slot = by_path(mask, stay);
        break;
    case TPPS_BYTES:
        slot = by_bytes(mask, stay, relax);
        break;
    case TPPS_SCRIPT:
    default:
        scripted = follow_script(TPPS_KIND_SCHEDULE, s->current->points);
        slot =
            scripted >= 0 && scripted < 64 && (mask >> scripted & 1) ? (uint32_t)scripted : usual;
        break;
    }
    if (slot != usual)
        note(TPPS_KIND_SCHEDULE, s->current->points, slot);
    return slot;
}

/* ---- a run begins and ends ------------------------------------------------------------------- */

static void sort_changes(void)
{
    uint32_t *c = tpps_sim_.change;
    for (uint32_t i = 1; i < tpps_sim_.changes; i++)
        for (uint32_t j = i; j > 0 && c[j] < c[j - 1]; j--) {
            uint32_t t = c[j];
            c[j] = c[j - 1];
            c[j - 1] = t;
        }
}

static void set_path(const uint8_t *picks, size_t count)
{
    path.known = (uint32_t)(count < PATH_MAX_ ? count : PATH_MAX_);
    for (uint32_t i = 0; i < path.known; i++) {
        path.pick[i] = picks[i];
        path.of[i] = 255;
    }
}

void tpps_choice_begin_(void)
{
    struct tpps_sim *s = &tpps_sim_;
    enum tpps_strategy strategy = s->options.strategy;
    s->rng = s->options.seed * 0x9E3779B97F4A7C15u + 0x1234567;
    s->rng_core = s->options.seed ^ 0xD1B54A32D192ED03u;
    s->rng |= s->rng == 0;
    s->rng_core |= s->rng_core == 0;
    for (int i = 0; i < 4; i++) {
        tpps_draw_(&s->rng);
        tpps_draw_(&s->rng_core);
    }
    recorded = 0;
    path.at = 0;
    if (strategy == TPPS_PATH)
        set_path(s->options.bytes, s->options.bytes_size);
    s->every = strategy != TPPS_PCT;
    s->early_at = s->options.early != 0 ? 1 + below(2 * s->options.early) : UINT32_MAX;
    if (strategy != TPPS_PCT)
        return;
    for (uint32_t i = 1; i < s->options.depth; i++)
        s->change[s->changes++] = 1 + below(s->options.k);
    sort_changes();
}

void tpps_choice_end_(void)
{
    if (tpps_sim_.options.strategy != TPPS_DFS)
        return;
    path.known = path.at;
    while (path.known > 0 && path.pick[path.known - 1] + 1u >= path.of[path.known - 1])
        path.known--;
    if (path.known == 0)
        tpps_sim_.result.exhausted = true;
    else
        path.pick[path.known - 1]++;
}

void tpps_dfs_reset(void)
{
    path.known = 0;
}

size_t tpps_choice_path_(const uint8_t **picks_out)
{
    *picks_out = path.pick;
    return path.at;
}
