/* wait_record.h - one wait of the waits' stress test, and what it knows of its armings. */
#ifndef TESTS_STRESS_WAIT_RECORD_H
#define TESTS_STRESS_WAIT_RECORD_H

#include "tests/stress/life.h"
#include "tests/stress/wait_files.h"
#include "tests/stress/wait_units.h"

/* What the wait is armed on, and so what can be said of each callback.
 *   PINNED  always the same native source, or dark files: set by many threads at once; each unit is
 *           counted, and so are references.
 *   SHARED  files that others wait for too: set under the record's lock; it knows which armings may
 *           still become callbacks, and on which file each is.
 *   OWN     a file of its own, written once for each callback and read by it. */
enum diet { PINNED, SHARED, OWN };

/* OWN: where the file is on which it is armed. */
enum fate {
    HERE, /* the record has it */
    DARK, /* closed; nobody can make it readable */
    HUNG, /* closed, the other end too: it has hung up */
};

struct arming {
    struct file *file;
    struct file *other; /* it is on one of the two, nobody knows on which; NULL: it is known */
    bool always;        /* for a state that the file is in already */
    int64_t deadline;   /* of the monotonic clock, not after the true one; TP_INFINITE: none */
};

struct record {
    struct life life; /* whose references are those of PINNED */
    enum diet diet;
    struct source *source; /* PINNED; NULL: only dark files */
    pthread_mutex_t lock;  /* of all below, for the other two */
    uint32_t outstanding;  /* armings that have not become a callback, nor been taken away */
    struct arming armings[2];
    bool alone; /* SHARED: since there was none outstanding, there has been but one */
    struct ends own;
    bool written, gone; /* OWN: its file has been written and not read; it has none any more */
    enum fate fate;
};

/* What happened how often: a run in which something never did has not tested it. */
static struct {
    tpp_u32 sets, taken, exact, groups, shutdowns, refused, deadlocks, busy;
    tpp_u32 signaled[3], timeouts[3], strangers_near, hung, replaced, untold;
} seen;

static inline int64_t now(void)
{
    return tpp_now(TPP_CLOCK_MONOTONIC);
}

static inline struct record *record_of(struct life *life)
{
    return (struct record *)(void *)life;
}

/* ---- what a callback is told ----------------------------------------------------------------- */

static inline void fired_pinned(struct record *record, tp_callback_instance_t *instance,
                                tp_wait_result_t result, uint32_t events, uint64_t *dice)
{
    drop_reference(&record->life);
    must(events == 0);
    if (result == TP_WAIT_TIMEOUT)
        return;
    must(record->source != NULL);
    if (!record->source)
        return;
    took(record->source, result);
    if (record->source->kind == MUTEX)
        let_go_in_callback(record->source, instance, dice);
}

static inline bool is_lit(const struct arming *arming)
{
    return arming->always || tpp_load_acquire(&arming->file->lit) ||
           (arming->other && tpp_load_acquire(&arming->other->lit));
}

static inline void tell_unexplained(const struct record *record, tp_wait_result_t result,
                                    uint32_t events, int64_t time)
{
    printf("# result %u, events %x, %u armings\n", result, events, record->outstanding);
    for (uint32_t i = 0; i < record->outstanding; i++) {
        const struct arming *arming = &record->armings[i];
        double left = arming->deadline == TP_INFINITE ? 1e9 : (double)(arming->deadline - time);
        printf("# on a file of kind %d%s, %s, due in %.3f ms\n", (int)arming->file->ends.kind,
               arming->other ? " or another" : "", is_lit(arming) ? "lit" : "not lit", left / 1e6);
    }
}

/* Which of two armings it was cannot always be told. Then it is the one that can explain least, so
 * that the other explains whatever comes. If both may have timed out and neither file is lit, that
 * is not known yet: the one that is left may become a signal as soon as either file is lit. */
static inline void fired_shared(struct record *record, tp_wait_result_t result, uint32_t events)
{
    int64_t time = now();
    uint32_t best = 2, candidates = 0;
    for (uint32_t i = 0; i < record->outstanding; i++) {
        const struct arming *arming = &record->armings[i];
        bool lit = is_lit(arming);
        if (!(result == TP_WAIT_TIMEOUT ? arming->deadline <= time : lit))
            continue;
        candidates++;
        if (best == 2 || (result == TP_WAIT_TIMEOUT && !lit) ||
            (result != TP_WAIT_TIMEOUT && arming->deadline > record->armings[best].deadline))
            best = i;
    }
    must(result == TP_WAIT_TIMEOUT || !record->alone ||
         (events & (POLLIN | POLLOUT | POLLHUP)) != 0);
    must(best < 2); /* else it is a stranger's event, or early */
    if (best == 2) {
        tell_unexplained(record, result, events, time);
        return;
    }
    if (result == TP_WAIT_TIMEOUT && candidates == 2 && !is_lit(&record->armings[1 - best])) {
        record->armings[1 - best].other = record->armings[best].file;
        tpp_add_relaxed(&seen.untold, 1);
    }
    record->armings[best] = record->armings[1];
    record->outstanding--;
}

static inline void fired_own(struct record *record, tp_wait_result_t result, uint32_t events)
{
    must(record->outstanding == 1);
    record->outstanding = 0;
    if (result == TP_WAIT_TIMEOUT) {
        must(record->armings[0].deadline <= now());
        must(events == 0);
        return;
    }
    must(record->fate != DARK); /* else it is a stranger's event */
    if (record->fate == HUNG) {
        must(events & POLLHUP);
        tpp_add_relaxed(&seen.hung, 1);
    } else if (record->fate == HERE && !record->gone) {
        must(events == POLLIN);
        must(record->written); /* since it was read last, which was before it was set */
        must(drain(&record->own));
        record->written = false;
    }
}

#endif
