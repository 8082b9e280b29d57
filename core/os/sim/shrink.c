/* shrink.c - repeats a failing run with fewer decisions, until each that is left is needed. */
#include <stdlib.h>
#include <string.h>

#include "core/os/sim/internal.h"

#define LIST_MAX 65536u
#define LONG_RUN 10000u /* steps; who has more counts as several */

struct shrink {
    struct tpps_options options;
    void (*entry)(void *);
    void *arg;
    void (*reset)(void);
    uint32_t runs_left;
    char message[TPPS_MESSAGE_SIZE]; /* what it fails with */
    struct tpps_decision *best, *trial;
    uint32_t count;
    struct tpps_result *result; /* of the best list */
    struct tpps_result *attempt;
};

/* By fiber, then by index, then EARLY before SCHEDULE: the order follow_script wants. */
static int compare(const void *left, const void *right)
{
    const struct tpps_decision *a = left, *b = right;
    if (a->fiber != b->fiber)
        return a->fiber < b->fiber ? -1 : 1;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return (int)a->kind - (int)b->kind;
}

/* Another failure would be another bug. */
bool tpps_same_message(const char *a, const char *b)
{
    while (*a != 0 || *b != 0) {
        while (*a >= '0' && *a <= '9')
            a++;
        while (*b >= '0' && *b <= '9')
            b++;
        if (*a != *b)
            return false;
        a += *a != 0;
        b += *b != 0;
    }
    return true;
}

static bool still_fails(struct shrink *s, const struct tpps_decision *list, uint32_t count)
{
    uint32_t cost;
    bool failed;
    if (s->runs_left == 0)
        return false;
    s->options.script = list;
    s->options.script_count = count;
    if (s->reset != NULL)
        s->reset();
    failed = !tpps_run(&s->options, s->entry, s->arg, s->attempt);
    cost = 1 + s->attempt->steps / LONG_RUN;
    s->runs_left -= cost < s->runs_left ? cost : s->runs_left;
    return failed && tpps_same_message(s->attempt->message, s->message);
}

/* Tries without `size` decisions from `at` on; keeps that if it fails too. */
static bool drop(struct shrink *s, uint32_t at, uint32_t size)
{
    uint32_t rest = s->count - at - size;
    memcpy(s->trial, s->best, at * sizeof *s->trial);
    memcpy(s->trial + at, s->best + at + size, rest * sizeof *s->trial);
    if (!still_fails(s, s->trial, at + rest))
        return false;
    memcpy(s->best, s->trial, (at + rest) * sizeof *s->best);
    s->count = at + rest;
    *s->result = *s->attempt;
    return true;
}

static void reduce(struct shrink *s)
{
    bool smaller = true;
    while (smaller && s->runs_left > 0) {
        smaller = false;
        for (uint32_t size = s->count > 1 ? s->count / 2 : 1; size > 0; size /= 2)
            for (uint32_t at = 0; at < s->count && s->runs_left > 0;) {
                uint32_t chunk = size < s->count - at ? size : s->count - at;
                if (drop(s, at, chunk))
                    smaller = true;
                else
                    at += chunk;
            }
    }
}

static void print(const struct shrink *s, FILE *out)
{
    fprintf(out, "simulator: %u decisions are enough: %s\n", s->count, s->result->message);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct tpps_decision *d = &s->best[i];
        const char *site = tpps_site_name(d->site);
        if (d->kind == TPPS_KIND_SCHEDULE)
            fprintf(out, "  fiber %u at its point %u (%s): fiber %u goes on\n", d->fiber, d->index,
                    site, d->value);
        else if (d->kind == TPPS_KIND_EARLY)
            fprintf(out, "  fiber %u at its point %u (%s): the next deadline passes\n", d->fiber,
                    d->index, site);
        else
            fprintf(out, "  fiber %u, its choice %u (%s): %u\n", d->fiber, d->index, site,
                    d->value);
    }
    fprintf(out, "  replay: %s\n", s->result->token);
}

static bool take_record(struct shrink *s)
{
    const struct tpps_decision *list;
    struct tpps_options first = s->options;
    first.record = true;
    if (s->reset != NULL)
        s->reset();
    if (tpps_run(&first, s->entry, s->arg, s->result))
        return false;
    memcpy(s->message, s->result->message, sizeof s->message);
    s->count = tpps_choice_record_(&list);
    memcpy(s->best, list, s->count * sizeof *list);
    qsort(s->best, s->count, sizeof *s->best, compare);
    return true;
}

int tpps_shrink(const struct tpps_options *options, void (*entry)(void *), void *arg,
                void (*reset)(void), uint32_t runs, FILE *out, struct tpps_result *result)
{
    static struct tpps_decision lists[2][LIST_MAX];
    static struct tpps_result attempt, own;
    struct shrink s = {.options = *options,
                       .entry = entry,
                       .arg = arg,
                       .reset = reset,
                       .runs_left = runs,
                       .best = lists[0],
                       .trial = lists[1],
                       .result = result != NULL ? result : &own,
                       .attempt = &attempt};
    s.options.quiet = true;
    if (!take_record(&s))
        return -1;
    s.options.strategy = TPPS_SCRIPT;
    s.options.record = false;
    if (!still_fails(&s, s.best, s.count))
        return -1;
    *s.result = attempt;
    reduce(&s);
    if (out != NULL)
        print(&s, out);
    return (int)s.count;
}
