/* wait_arming.h - arming and disarming a wait of the waits' stress test, one step at a time. */
#ifndef TESTS_STRESS_WAIT_ARMING_H
#define TESTS_STRESS_WAIT_ARMING_H

#include "tests/stress/wait_record.h"

/* ---- arming ---------------------------------------------------------------------------------- */

static inline void random_timeout(tp_wait_spec_t *spec, uint64_t *dice, int64_t *deadline_out)
{
    static const uint32_t clocks[] = {TP_CLOCK_RELATIVE, TP_CLOCK_MONOTONIC, TP_CLOCK_BOOTTIME};
    uint32_t choice = roll(dice, 20);
    int64_t delay = choice == 0 ? 0 : roll(dice, choice < 3 ? 50000 : 3 * MS * SLOW);
    *deadline_out = TP_INFINITE;
    if (choice >= 10)
        return;
    if (choice == 9)
        delay = 3600 * 1000 * (int64_t)MS; /* nobody waits for that */
    *deadline_out = now() + delay;
    spec->clock = clocks[roll(dice, 3)];
    spec->timeout = spec->clock == TP_CLOCK_MONOTONIC ? *deadline_out : delay;
}

/* Without dice there is no timeout. */
static inline tp_status_t set_to(struct record *record, tp_waitable_t source, uint64_t *dice,
                                 int64_t *deadline_out, bool *was_armed)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = source;
    *deadline_out = TP_INFINITE;
    if (dice)
        random_timeout(&spec, dice, deadline_out);
    tp_status_t status = tp_wait_set(handle_of(&record->life), &spec, was_armed);
    bool busy = record->source && record->source->kind == MUTEX && status == TP_ERR_BUSY;
    must(status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_CLOSED || busy);
    must(status == TP_OK || !*was_armed);
    tpp_add_relaxed(&seen.sets, 1);
    tpp_add_relaxed(&seen.taken, *was_armed);
    tpp_add_relaxed(busy ? &seen.busy : &seen.refused, status != TP_OK);
    return status;
}

/* The reference is there before the callback that drops it. */
static inline void set_pinned(struct record *record, uint64_t *dice)
{
    bool was_armed = false;
    int64_t deadline;
    uint32_t choice = dice ? roll(dice, 10) : 0;
    struct place *dark = choice == 9 || !record->source ? &dark_places[0] : NULL;
    tp_waitable_t source = tp_waitable_never();
    tpp_add_acq_rel(&record->life.references, 1);
    if (dark) {
        dark += dice ? roll(dice, DARK_PLACES) : 0;
        pthread_rwlock_rdlock(&dark->lock);
        source = tp_waitable_fd(dark->file->ends.read_end, POLLIN);
    } else if (choice < 8) {
        source = record->source->waitable;
    }
    tp_status_t status = set_to(record, source, dice, &deadline, &was_armed);
    if (dark)
        pthread_rwlock_unlock(&dark->lock);
    if (status != TP_OK || was_armed)
        drop_reference(&record->life);
}

/* At most one that is posted and one that is armed: so it is known what is taken away. One that is
 * on either of two files has timed out, and comes first. */
static inline void set_shared(struct record *record, struct place *place, uint64_t *dice)
{
    bool was_armed = false;
    if (record->outstanding == 2 || (record->outstanding == 1 && record->armings[0].other))
        return;
    record->alone = record->outstanding == 0;
    struct arming *arming = &record->armings[record->outstanding++];
    pthread_rwlock_rdlock(&place->lock);
    arming->file = place->file;
    arming->other = NULL;
    arming->always = dice && place->file->ends.kind != PIPE && roll(dice, 8) == 0;
    uint32_t events = arming->always ? POLLIN | POLLOUT : POLLIN | (dice ? POLLPRI : 0);
    tp_waitable_t source = tp_waitable_fd(place->file->ends.read_end, events);
    tp_status_t status = set_to(record, source, dice, &arming->deadline, &was_armed);
    pthread_rwlock_unlock(&place->lock);
    if (status != TP_OK) {
        record->outstanding--;
    } else if (was_armed) {
        must(record->outstanding == 2);
        if (record->outstanding == 2)
            record->armings[0] = record->armings[1];
        record->outstanding = 1;
    }
}

/* Whatever the time: no callback of it can have been posted. */
static inline bool surely_armed(const struct record *record)
{
    return record->outstanding == 1 && record->armings[0].deadline == TP_INFINITE &&
           (record->fate == DARK || (record->fate == HERE && !record->written));
}

static inline void set_own(struct record *record, uint64_t *dice)
{
    bool was_armed = false, replaces = record->outstanding == 1;
    int64_t deadline;
    if (record->gone || (replaces && !surely_armed(record)))
        return;
    record->outstanding = 1;
    tp_waitable_t source = tp_waitable_fd(record->own.read_end, POLLIN);
    tp_status_t status = set_to(record, source, dice, &deadline, &was_armed);
    if (status != TP_OK) {
        record->outstanding = replaces;
        return;
    }
    must(was_armed == replaces || (replaces && record->life.shared_fate));
    tpp_add_relaxed(&seen.replaced, replaces);
    record->armings[0].deadline = deadline;
    record->fate = HERE;
}

static inline void write_own(struct record *record)
{
    if (record->gone || record->written)
        return;
    record->written = true;
    make_readable(&record->own);
}

/* Another file with, most likely, the number of the one that goes, on which it may be armed. */
static inline void change_own(struct record *record, uint64_t *dice)
{
    if (record->gone || record->written)
        return;
    if (record->outstanding && record->fate == HERE)
        record->fate = record->own.kind == EVENTFD ? DARK : HUNG;
    close_ends(&record->own, dice);
    record->own = open_ends(roll(dice, FILE_KINDS));
    if (roll(dice, 2))
        write_own(record);
    if (record->outstanding && record->written && record->fate == DARK)
        tpp_add_relaxed(&seen.strangers_near, 1);
}

/* Refused, and then all is as it was: what becomes of the arming that there is, is checked. */
static inline void set_to_nothing(struct record *record, uint64_t *dice)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    bool was_armed = false;
    spec.source = tp_waitable_fd(roll(dice, 2) ? always_ready : -1, POLLIN);
    tp_status_t status = tp_wait_set(handle_of(&record->life), &spec, &was_armed);
    must(status == TP_ERR_SYSTEM || status == TP_ERR_HANDLE || status == TP_ERR_CLOSED);
    must(!was_armed);
}

static inline tp_status_t disarm(struct record *record)
{
    bool was_armed = false;
    tp_status_t status = tp_wait_set(handle_of(&record->life), NULL, &was_armed);
    must(status == TP_OK || status == TP_ERR_HANDLE);
    tpp_add_relaxed(&seen.taken, was_armed);
    if (was_armed && record->diet == PINNED) {
        drop_reference(&record->life);
    } else if (record->diet == OWN && !record->life.shared_fate && status == TP_OK) {
        must(was_armed || !surely_armed(record));
    }
    if (was_armed && record->diet != PINNED) {
        must(record->outstanding > 0);
        record->outstanding--;
    }
    return status;
}

/* ---- one step with one record ---------------------------------------------------------------- */

static inline void poke_pinned(struct record *record, uint32_t choice, uint64_t *dice)
{
    if (choice < 50)
        set_pinned(record, dice);
    else if (choice < 60)
        (void)disarm(record);
    else if (choice < 90 && record->source)
        give(record->source, dice);
}

static inline void poke_shared(struct record *record, uint32_t choice, uint64_t *dice)
{
    if (choice < 60)
        set_shared(record, &places[roll(dice, PLACES)], dice);
    else if (choice < 70)
        (void)disarm(record);
    else if (choice < 72)
        set_to_nothing(record, dice);
}

static inline void poke_own(struct record *record, uint32_t choice, uint64_t *dice)
{
    if (choice < 35)
        set_own(record, dice);
    else if (choice < 65)
        write_own(record);
    else if (choice < 85)
        change_own(record, dice);
    else if (choice < 95)
        (void)disarm(record);
    else
        set_to_nothing(record, dice);
}

static inline void poke(struct record *record, uint64_t *dice)
{
    uint32_t choice = roll(dice, 100);
    if (!enter(&record->life))
        return;
    if (record->diet == PINNED) {
        poke_pinned(record, choice, dice);
    } else {
        pthread_mutex_lock(&record->lock);
        if (record->diet == SHARED)
            poke_shared(record, choice, dice);
        else
            poke_own(record, choice, dice);
        pthread_mutex_unlock(&record->lock);
    }
    leave(&record->life);
}

#endif
