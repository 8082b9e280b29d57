/* wait_units.h - native sources for the waits' stress test; each unit of one is counted. */
#ifndef TESTS_STRESS_WAIT_UNITS_H
#define TESTS_STRESS_WAIT_UNITS_H

#include "tests/stress/frame.h"

enum unit_kind { SEMAPHORE, AUTO_EVENT, MANUAL_EVENT, MUTEX };

struct source {
    enum unit_kind kind;
    bool lossy; /* who took a unit may be cancelled, and the unit is gone */
    tp_semaphore_t *semaphore;
    tp_event_t *event;
    tp_mutex_t *mutex;
    tp_waitable_t waitable;
    tpp_u32 given, taken; /* units of a semaphore; given: how often an event was set */
    tpp_u32 token;        /* automatic event: 1 from before it is set until it let somebody go */
    tpp_u32 inside;       /* mutex: it has an owner, and that knows */
    tpp_u32 abandoned;    /* mutex: its last owner ended without releasing it */
};

enum { UNITS_MAX = 1000, EXACT = 12, LOSSY = 5, SOURCES = EXACT + LOSSY };

static struct source sources[SOURCES];

static inline void make_source(struct source *source, enum unit_kind kind, bool lossy)
{
    source->kind = kind;
    source->lossy = lossy;
    if (kind == SEMAPHORE) {
        must(tp_semaphore_create(0, UNITS_MAX, &source->semaphore) == TP_OK);
        source->waitable = tp_waitable_semaphore(source->semaphore);
    } else if (kind == MUTEX) {
        must(tp_mutex_create(false, &source->mutex) == TP_OK);
        source->waitable = tp_waitable_mutex(source->mutex);
    } else {
        must(tp_event_create(kind == MANUAL_EVENT, false, &source->event) == TP_OK);
        source->waitable = tp_waitable_event(source->event);
    }
}

/* Of an automatic event that lost its signal nobody would know, so none of these is lossy. */
static inline void make_sources(void)
{
    static const enum unit_kind exact[EXACT] = {SEMAPHORE,    SEMAPHORE,  SEMAPHORE,  SEMAPHORE,
                                                AUTO_EVENT,   AUTO_EVENT, AUTO_EVENT, MANUAL_EVENT,
                                                MANUAL_EVENT, MUTEX,      MUTEX,      MUTEX};
    static const enum unit_kind lossy[LOSSY] = {SEMAPHORE, SEMAPHORE, MANUAL_EVENT, MUTEX, MUTEX};
    for (uint32_t i = 0; i < EXACT; i++)
        make_source(&sources[i], exact[i], false);
    for (uint32_t i = 0; i < LOSSY; i++)
        make_source(&sources[EXACT + i], lossy[i], true);
}

static inline struct source *random_source(bool lossy, uint64_t *dice)
{
    return lossy ? &sources[EXACT + roll(dice, LOSSY)] : &sources[roll(dice, EXACT)];
}

/* ---- giving and taking ----------------------------------------------------------------------- */

/* What is given is counted before anybody can take it. */
static inline void give_units(struct source *source, uint32_t count)
{
    tpp_add_acq_rel(&source->given, count);
    tp_status_t status = tp_semaphore_release(source->semaphore, count, NULL);
    must(status == TP_OK || status == TP_ERR_LIMIT);
    if (status != TP_OK)
        tpp_sub_acq_rel(&source->given, count);
}

static inline void give_signal(struct source *source)
{
    tpp_u32 *word = &source->token;
    uint32_t clear = 0;
    if (source->kind == AUTO_EVENT && !tpp_cas_acq_rel(word, &clear, 1))
        return;
    tpp_add_acq_rel(&source->given, 1);
    must(tp_event_set(source->event) == TP_OK);
}

/* Little is left over, most of the time, so that some wait. Of a lossy one nobody can tell. */
static inline void give(struct source *source, uint64_t *dice)
{
    uint32_t left = tpp_load_acquire(&source->given) - tpp_load_acquire(&source->taken);
    bool wanted = source->lossy ? roll(dice, 4) == 0 : left < 3;
    if (source->kind == SEMAPHORE && (wanted || roll(dice, 100) == 0))
        give_units(source, 1 + roll(dice, 3));
    else if (source->kind == MANUAL_EVENT && roll(dice, 4))
        must(tp_event_reset(source->event) == TP_OK);
    else if (source->kind == MANUAL_EVENT || source->kind == AUTO_EVENT)
        give_signal(source);
}

/* Somebody was let go by it: a callback that runs, or a thread that waited. */
static inline void took(struct source *source, tp_wait_result_t result)
{
    must(result == TP_WAIT_SIGNALED || (result == TP_WAIT_ABANDONED && source->kind == MUTEX));
    if (source->kind == SEMAPHORE) {
        uint32_t before = tpp_add_acq_rel(&source->taken, 1);
        must(before < tpp_load_acquire(&source->given));
    } else if (source->kind == AUTO_EVENT) {
        must(tpp_exchange_acq_rel(&source->token, 0) == 1);
    } else if (source->kind == MANUAL_EVENT) {
        must(tpp_load_acquire(&source->given) > 0);
    } else {
        must(tpp_exchange_acq_rel(&source->inside, 1) == 0);
        bool abandoned = tpp_exchange_acq_rel(&source->abandoned, 0) == 1;
        must(result == TP_WAIT_ABANDONED ? abandoned : source->lossy || !abandoned);
    }
}

static inline void let_go_of_mutex(struct source *source)
{
    must(tpp_exchange_acq_rel(&source->inside, 0) == 1);
    must(tp_mutex_release(source->mutex) == TP_OK);
}

/* A callback owns a mutex: it is released now, or on return, or not at all. */
static inline void let_go_in_callback(struct source *source, tp_callback_instance_t *instance,
                                      uint64_t *dice)
{
    switch (roll(dice, 4)) {
    case 0:
        must(tp_callback_release_mutex_on_return(instance, source->mutex) == TP_OK);
        must(tpp_exchange_acq_rel(&source->inside, 0) == 1);
        break;
    case 1:
        tpp_store_release(&source->abandoned, 1);
        must(tpp_exchange_acq_rel(&source->inside, 0) == 1);
        break;
    default:
        let_go_of_mutex(source);
        break;
    }
}

/* On a thread that waits for it itself. True if it was let go. */
static inline bool take(struct source *source, int64_t timeout)
{
    tp_wait_result_t result = TP_WAIT_FAILED;
    must(tp_waitable_wait(source->waitable, timeout, &result) == TP_OK);
    if (result == TP_WAIT_TIMEOUT)
        return false;
    took(source, result);
    if (source->kind == MUTEX)
        let_go_of_mutex(source);
    return true;
}

/* ---- in the end ------------------------------------------------------------------------------ */

/* Nobody waits any more: what was given and not taken is there, and nothing else. */
static inline void check_source(struct source *source)
{
    uint32_t rest = 0;
    while (source->kind != MANUAL_EVENT && source->kind != MUTEX && take(source, 0))
        rest++;
    if (source->kind == SEMAPHORE) {
        uint32_t given = tpp_peek(&source->given), taken = tpp_peek(&source->taken);
        printf("# a semaphore%s: %u given, %u taken, %u left over\n",
               source->lossy ? " (cancelled at times)" : "", given, taken, rest);
        check(given > 0 && taken > 0);
        must(source->lossy ? taken <= given : taken == given);
    } else if (source->kind == AUTO_EVENT) {
        must(tpp_peek(&source->token) == 0);
    } else if (source->kind == MUTEX) {
        must(take(source, 0)); /* it is free */
        must(take(source, 0));
    }
}

static inline void end_sources(void)
{
    for (uint32_t i = 0; i < SOURCES; i++) {
        struct source *source = &sources[i];
        check_source(source);
        must(tp_semaphore_close(source->semaphore) == TP_OK);
        must(tp_event_close(source->event) == TP_OK);
        must(tp_mutex_close(source->mutex) == TP_OK);
    }
}

#endif
