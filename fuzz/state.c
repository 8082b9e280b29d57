/* state.c - a fuzz target: bytes become the life of a callback object, beside a model of it. */
#include <string.h>

#include "fuzz/steps.h"
#include "tests/core/base/state_model.h"

/* An input is one byte for the beginning, then steps until it ends. The beginning: how many
 * callbacks may run at once in the lower two bits (0: any number); 4: the epoch is near its end; 8:
 * born closed with one post, as a simple callback is.
 *
 * A step is one byte, its kind in the lower four bits and a number n from 0 to 15 in the upper
 * four. It reads the word and swaps at once; but behind USE a step goes by what LOOK has read
 * before, as a slow thread does: its swap fails unless the word is the same again. What nobody may
 * do now (finish what does not run ...) is passed over. Behind the end everybody does what is left
 * to do, and the handle is closed: the object must come to its end. A life that ends earlier is
 * followed by another, and what was read of it is stale. */
enum kind {
    SUBMIT, /* n posts; for 14 nearly all that fit, for 15 all */
    CLAIM,  /* with the n-th ticket there is, which may be stale */
    HELP,
    FINISH,
    LEAVE,  /* DISASSOCIATE; odd n: the count goes up, and the event comes with the next LEAVE */
    REJOIN, /* the same, and down */
    RETRY,  /* after a claim that has found no room */
    CANCEL,
    WAIT, /* n = 15: SHUT */
    CLOSE,
    RELEASE,
    CREDIT,   /* EXPECT; odd n: for an operation in flight */
    COMPLETE, /* a credit comes true; odd n: and its operation ends */
    RELIEVE,  /* a credit is given back; odd n: or an operation ends that nobody waits for */
    LOOK,     /* into place n modulo 4; n & 8: the room is read only by who uses it */
    USE,      /* what is in place n modulo 4, by the next step */
};

#define LOOKS 4u
#define TICKETS 24u

struct look {
    uint64_t word;
    struct model model;
    size_t when;
    uint32_t room;
    bool room_later;
};

struct ticket {
    uint32_t epoch;
    size_t when;
};

struct life {
    struct steps steps;
    uint64_t word;
    struct model model;
    struct look looks[LOOKS], *used; /* by the next step; NULL: it reads for itself */
    struct ticket tickets[TICKETS];  /* in the order of queueing */
    uint32_t tickets_count;
    uint32_t limit, detached, credits, held;
    uint32_t owed; /* retries */
    /* The count of detached callbacks has changed, and the event is to come; who does that holds
     * the lock that HELP and CANCEL want. */
    bool between;
    enum tpi_event between_what;
    size_t between_when;
    uint64_t posts, begun, dropped;
    bool sleeps_quiet, sleeps_idle, parted;
    uint32_t lives;
};

static uint32_t room_of(const struct life *life)
{
    if (life->limit == 0)
        return TPI_STATE_ROOM_MAX;
    return life->limit > life->detached ? life->limit - life->detached : 0;
}

static void look(struct life *life, struct look *look, bool room_later)
{
    *look = (struct look){life->word, life->model, life->steps.count, room_of(life), room_later};
}

/* As tpi_task_init does: only the epoch goes on. */
static void begin(struct life *life, uint32_t limit, bool born_closed)
{
    struct model model = {.epoch = life->model.epoch};
    if (born_closed) {
        model.pending = 1;
        model.queued = model.closed = true;
    }
    life->model = model;
    life->word = model_encode(&model);
    life->tickets_count = 0;
    if (born_closed)
        life->tickets[life->tickets_count++] = (struct ticket){model.epoch, life->steps.count};
    life->limit = limit;
    life->posts = born_closed;
    life->begun = life->dropped = 0;
    life->detached = life->credits = life->held = life->owed = 0;
    life->sleeps_quiet = life->sleeps_idle = life->parted = life->between = false;
}

/* ---- one event ------------------------------------------------------------------------------- */

static void drop_ticket(struct life *life, uint32_t i)
{
    life->tickets_count--;
    memmove(life->tickets + i, life->tickets + i + 1,
            (life->tickets_count - i) * sizeof *life->tickets);
}

static void carry_out(struct life *life, uint32_t effects)
{
    const struct steps *steps = &life->steps;
    if (effects & (TPI_EFFECT_ENQUEUE | TPI_EFFECT_REQUEUE)) {
        if (life->tickets_count == TICKETS)
            drop_ticket(life, 0); /* stale: none but the last can be valid */
        life->tickets[life->tickets_count++] =
            (struct ticket){life->model.epoch, life->steps.count};
    }
    if (effects & TPI_EFFECT_WAKE)
        life->sleeps_quiet = life->sleeps_idle = false;
    if (!(effects & TPI_EFFECT_FREE))
        return;
    EXPECT(steps, life->posts == life->begun + life->dropped);
    EXPECT(steps, life->detached == 0 && life->credits == 0 && life->held == 0);
    EXPECT(steps, !life->sleeps_quiet && !life->sleeps_idle);
    EXPECT(steps, life->model.closed && model_idle(&life->model));
}

/* What the event makes of the word that was read; true if the swap takes place. The caller must
 * begin the next life once it has its counts right, if the effects have FREE. */
static bool apply(struct life *life, enum tpi_event event, uint32_t count, uint32_t *effects_out)
{
    struct look fresh, *used = life->used;
    if (used == NULL)
        look(life, used = &fresh, false);
    uint32_t room = used->room_later ? room_of(life) : used->room;
    struct tpi_step step = tpi_state_step(used->word, event, count, room);
    struct model model = used->model;
    model_step(&model, event, count, room);
    model.epoch &= TPI_STATE_EPOCH_MASK;
    EXPECT(&life->steps, step.next == model_encode(&model));
    EXPECT(&life->steps, step.effects == model.effects);
    *effects_out = step.effects;
    if (used->word != life->word)
        return false;
    life->word = step.next;
    life->model = model;
    return true;
}

static void settle(struct life *life, uint32_t effects, uint32_t limit)
{
    carry_out(life, effects);
    if (!(effects & TPI_EFFECT_FREE))
        return;
    life->lives++;
    begin(life, limit & 3, limit & 4);
}

static bool is_refused(uint32_t effects)
{
    return effects & TPI_EFFECT_REFUSED;
}

/* ---- who does what, if it may ---------------------------------------------------------------- */

static void submit(struct life *life, uint32_t n)
{
    uint32_t effects, posts = n < 14 ? n : UINT32_MAX - (15 - n);
    if (!apply(life, TPI_EVENT_SUBMIT, posts, &effects))
        return;
    if (!is_refused(effects))
        life->posts += posts;
    settle(life, effects, n);
}

/* A ticket is older than the word that its claim reads. */
static void claim(struct life *life, uint32_t n)
{
    if (life->tickets_count == 0)
        return;
    uint32_t effects, i = n % life->tickets_count;
    struct ticket ticket = life->tickets[i];
    if (life->used != NULL && life->used->when <= ticket.when)
        life->used = NULL;
    bool swapped = apply(life, TPI_EVENT_CLAIM, ticket.epoch, &effects);
    if (!swapped && (!is_refused(effects) || effects & TPI_EFFECT_UNQUEUED))
        return;   /* and tries again, later */
    if (!swapped) /* stale when it was read, so it is still */
        EXPECT(&life->steps, !life->model.queued || life->model.epoch != ticket.epoch);
    drop_ticket(life, i);
    if (!swapped)
        return;
    life->begun += !is_refused(effects);
    life->owed += (effects & TPI_EFFECT_UNQUEUED) != 0;
    settle(life, effects, n);
}

static void help(struct life *life, uint32_t n)
{
    uint32_t effects;
    if (life->between || !apply(life, TPI_EVENT_HELP, 0, &effects))
        return;
    life->begun += !is_refused(effects);
    settle(life, effects, n);
}

static void finish(struct life *life, uint32_t n)
{
    uint32_t effects, leaving = life->between && life->between_what == TPI_EVENT_DISASSOCIATE;
    if (life->model.running == leaving || (life->used && life->used->model.running == 0))
        return;
    if (apply(life, TPI_EVENT_FINISH, 0, &effects))
        settle(life, effects, n);
}

static void change_detached(struct life *life, enum tpi_event event, uint32_t n)
{
    bool leaves = event == TPI_EVENT_DISASSOCIATE;
    uint32_t effects;
    if (life->between ? life->between_what != event
                      : (leaves ? life->model.running == 0 : life->detached == 0))
        return;
    if (!life->between) {
        life->detached = leaves ? life->detached + 1 : life->detached - 1;
        life->between = true;
        life->between_what = event;
        life->between_when = life->steps.count;
        if (n & 1)
            return;
    }
    if (life->used != NULL && life->used->when <= life->between_when)
        life->used = NULL;
    if (!apply(life, event, leaves ? 0 : life->detached, &effects))
        return;
    life->between = false;
    settle(life, effects, n);
}

static void retry(struct life *life, uint32_t n)
{
    uint32_t effects;
    life->used = NULL; /* it is read behind the claim */
    if (life->owed == 0 || !apply(life, TPI_EVENT_RETRY, 0, &effects))
        return;
    life->owed--;
    settle(life, effects, n);
}

static void cancel(struct life *life, uint32_t n)
{
    uint32_t effects, pending = life->model.pending;
    if (life->between || !apply(life, TPI_EVENT_CANCEL, 0, &effects))
        return;
    if (!is_refused(effects))
        life->dropped += pending;
    settle(life, effects, n);
}

static void wait(struct life *life)
{
    uint32_t effects;
    if (!apply(life, TPI_EVENT_WAIT, 0, &effects))
        return;
    EXPECT(&life->steps, !(effects & TPI_EFFECT_QUIET) == !model_quiet(&life->model));
    if (!model_quiet(&life->model))
        life->sleeps_quiet = true;
}

/* A group tries until it has freed the object or parted with it. Parting leaves a hold behind. */
static void release(struct life *life, uint32_t n)
{
    uint32_t effects;
    if (life->parted || !apply(life, TPI_EVENT_RELEASE, 0, &effects))
        return;
    if (effects & TPI_EFFECT_PART) {
        life->parted = true;
        life->held++;
    } else if (!(effects & TPI_EFFECT_FREE) && !model_idle(&life->model)) {
        life->sleeps_idle = true;
    }
    settle(life, effects, n);
}

static void plain(struct life *life, enum tpi_event event, uint32_t n)
{
    uint32_t effects;
    if (apply(life, event, 0, &effects))
        settle(life, effects, n);
}

/* Under a lock of their own, and again until they succeed. */
static void credit(struct life *life, uint32_t n)
{
    uint32_t effects, flags = n & 1 ? TPI_FLAG_EXPECTED | TPI_FLAG_HELD : TPI_FLAG_EXPECTED;
    life->used = NULL;
    if (!apply(life, TPI_EVENT_EXPECT, flags, &effects) || is_refused(effects))
        return;
    life->credits++;
    life->held += n & 1;
}

static void end_credit(struct life *life, enum tpi_event event, uint32_t credits, uint32_t held)
{
    uint32_t effects, flags = 0;
    life->used = NULL;
    if (life->credits < credits || life->held < held)
        return;
    life->credits -= credits;
    life->held -= held;
    if (credits > 0 && life->credits == 0)
        flags |= TPI_FLAG_EXPECTED;
    if (held > 0 && life->held == 0)
        flags |= TPI_FLAG_HELD;
    if (!apply(life, event, flags, &effects))
        steps_complain(&life->steps, "the word is what has just been read");
    life->posts += event == TPI_EVENT_COMPLETE && !is_refused(effects);
    settle(life, effects, 0);
}

/* ---- between steps --------------------------------------------------------------------------- */

/* What is true of every word, whatever led to it. */
static void check(struct life *life)
{
    const struct steps *steps = &life->steps;
    const struct model *model = &life->model;
    uint32_t valid = 0;
    for (uint32_t i = 0; i < life->tickets_count; i++)
        valid += life->tickets[i].epoch == model->epoch;
    EXPECT(steps, valid == model->queued);
    EXPECT(steps, model->pending > 0 || !model->queued);
    EXPECT(steps, life->posts == life->begun + life->dropped + model->pending);
    EXPECT(steps, !(life->sleeps_quiet && model_quiet(model)));
    EXPECT(steps, !(life->sleeps_idle && model_idle(model)));
    EXPECT(steps, model->expected == (life->credits > 0) && model->held == (life->held > 0));
    EXPECT(steps, !(model->closed && model_idle(model)) || model->held);
    if (life->between)
        return;
    EXPECT(steps, model->detached == (life->detached > 0));
    EXPECT(steps, model->pending == 0 || model->running >= room_of(life) || model->queued ||
                      life->owed > 0); /* who owes a retry will look after them */
}

static void do_kind(struct life *life, enum kind kind, uint32_t n)
{
    switch (kind) {
    case SUBMIT:
        submit(life, n);
        break;
    case CLAIM:
        claim(life, n);
        break;
    case HELP:
        help(life, n);
        break;
    case FINISH:
        finish(life, n);
        break;
    case LEAVE:
    case REJOIN:
        change_detached(life, kind == LEAVE ? TPI_EVENT_DISASSOCIATE : TPI_EVENT_REJOIN, n);
        break;
    case RETRY:
        retry(life, n);
        break;
    case CANCEL:
        cancel(life, n);
        break;
    case WAIT:
        if (n == 15)
            plain(life, TPI_EVENT_SHUT, n);
        else
            wait(life);
        break;
    case CLOSE:
        plain(life, TPI_EVENT_CLOSE, n);
        break;
    case RELEASE:
        release(life, n);
        break;
    case CREDIT:
        credit(life, n);
        break;
    case COMPLETE:
        end_credit(life, TPI_EVENT_COMPLETE, 1, n & 1);
        break;
    case RELIEVE:
        end_credit(life, TPI_EVENT_RELIEVE, !(n & 1), n & 1);
        break;
    case LOOK:
        look(life, &life->looks[n % LOOKS], n & 8);
        break;
    case USE:
        break;
    }
}

static void step(struct life *life)
{
    uint8_t first = take(&life->steps);
    do_kind(life, (enum kind)(first & 15), first >> 4);
    life->used = (first & 15) == USE ? &life->looks[(first >> 4) % LOOKS] : NULL;
    check(life);
    life->steps.count++;
}

/* Nobody begins anything. All that is left takes a number of turns that does not depend on the
 * number of posts: the most are dropped. */
static void drain(struct life *life)
{
    uint32_t last = life->lives;
    life->used = NULL;
    for (uint32_t turns = 0; life->lives == last; turns++, life->steps.count++) {
        EXPECT(&life->steps, turns < 3 * TPI_STATE_RUNNING_MAX);
        if (life->between)
            change_detached(life, life->between_what, 0);
        else if (life->owed > 0)
            retry(life, 0);
        else if (life->model.running > 0)
            finish(life, 0);
        else if (life->detached > 0)
            change_detached(life, TPI_EVENT_REJOIN, 0);
        else if (life->credits > 0)
            end_credit(life, TPI_EVENT_RELIEVE, 1, 0);
        else if (life->model.pending > 4)
            cancel(life, 0);
        else if (life->model.pending > 0)
            claim(life, life->tickets_count - 1); /* the last is the valid one, or there is none */
        else if (!life->model.closed)
            plain(life, TPI_EVENT_CLOSE, 0);
        else
            end_credit(life, TPI_EVENT_RELIEVE, 0, 1);
        check(life);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct life life;
    life = (struct life){.steps = {"state", data, size, 0}};
    uint8_t first = take(&life.steps);
    life.model.epoch = first & 4 ? TPI_STATE_EPOCH_MASK - 2 : 0;
    begin(&life, first & 3, first & 8);
    for (uint32_t i = 0; i < LOOKS; i++)
        look(&life, &life.looks[i], false);
    while (life.steps.left > 0)
        step(&life);
    drain(&life);
    return 0;
}
