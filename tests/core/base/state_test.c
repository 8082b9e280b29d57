/* state_test.c - the transition function against a model written from the table in state.h. */
#include "core/base/state.h"

#include "tests/core/base/state_model.h"
#include "tests/support/tap.h"

/* ---- every cell ------------------------------------------------------------------------------ */

#define EVENTS (TPI_EVENT_RELIEVE + 1)

static const uint32_t pendings[] = {0, 1, 2, 3, UINT32_MAX - 1, UINT32_MAX};
static const uint32_t rooms[] = {0, 1, 2, 3, TPI_STATE_ROOM_MAX};
static const uint32_t epochs[] = {0, 1, 7, TPI_STATE_EPOCH_MASK - 1, TPI_STATE_EPOCH_MASK};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static unsigned cells[EVENTS];
static unsigned wrong;
static uint32_t effects_met;

/* Words on which the event has no meaning: nobody finishes what does not run, and a word that is
 * queued with nothing pending cannot come to be (the random walk shows it). */
static bool meaningless(const struct model *before, enum tpi_event event)
{
    if (event == TPI_EVENT_FINISH || event == TPI_EVENT_DISASSOCIATE)
        return before->running == 0;
    return event == TPI_EVENT_CLAIM && before->queued && before->pending == 0;
}

static void compare(uint64_t word, enum tpi_event event, uint32_t count, uint32_t room)
{
    struct model model = model_decode(word);
    if (meaningless(&model, event))
        return;
    model_step(&model, event, count, room);
    struct tpi_step got = tpi_state_step(word, event, count, room);
    cells[event]++;
    effects_met |= got.effects;
    if (got.next == model_encode(&model) && got.effects == model.effects)
        return;
    if (wrong++ < 10)
        printf("# word %016llx event %d count %u room %u: next %016llx effects %u, model %016llx "
               "effects %u\n",
               (unsigned long long)word, (int)event, count, room, (unsigned long long)got.next,
               got.effects, (unsigned long long)model_encode(&model), model.effects);
}

static void compare_counts(uint64_t word, enum tpi_event event, uint32_t room)
{
    uint32_t epoch = tpi_state_epoch(word);
    uint32_t posts[] = {0, 1, 2, UINT32_MAX - 1, UINT32_MAX};
    uint32_t tickets[] = {epoch, (epoch + 1) & TPI_STATE_EPOCH_MASK,
                          (epoch - 1) & TPI_STATE_EPOCH_MASK, 0, TPI_STATE_EPOCH_MASK};
    uint32_t flags[] = {0, TPI_FLAG_EXPECTED, TPI_FLAG_HELD, TPI_FLAG_EXPECTED | TPI_FLAG_HELD};
    if (event >= TPI_EVENT_EXPECT) {
        for (size_t i = 0; i < COUNT(flags); i++)
            compare(word, event, flags[i], room);
        return;
    }
    for (size_t i = 0; i < COUNT(posts); i++)
        compare(word, event, event == TPI_EVENT_CLAIM ? tickets[i] : posts[i], room);
}

static void compare_word(const struct model *model, uint32_t room)
{
    uint64_t word = model_encode(model);
    for (int event = 0; event < EVENTS; event++)
        compare_counts(word, (enum tpi_event)event, room);
}

static void compare_flags(struct model *model, uint32_t room)
{
    for (unsigned flags = 0; flags < 128; flags++) {
        model->queued = flags & 1;
        model->waited = flags & 2;
        model->closed = flags & 4;
        model->detached = flags & 8;
        model->shut = flags & 16;
        model->expected = flags & 32;
        model->held = flags & 64;
        compare_word(model, room);
    }
}

TAP_TEST(state__every_cell_of_the_table)
{
    for (size_t r = 0; r < COUNT(rooms); r++) {
        uint32_t room = rooms[r];
        uint32_t runnings[] = {0, 1, 2, room > 0 ? room - 1 : 0, room, 4094, 4095};
        for (size_t p = 0; p < COUNT(pendings); p++)
            for (size_t n = 0; n < COUNT(runnings); n++)
                for (size_t e = 0; e < COUNT(epochs); e++) {
                    struct model model = {
                        .pending = pendings[p], .running = runnings[n], .epoch = epochs[e]};
                    compare_flags(&model, room);
                }
    }
    check_eq(wrong, 0);
    for (int event = 0; event < EVENTS; event++)
        check(cells[event] > 40000);
    check_eq(effects_met, 2 * TPI_EFFECT_PART - 1); /* each effect at least once */
}

TAP_TEST(state__refused_changes_nothing_but_what_the_table_says)
{
    unsigned odd = 0;
    for (uint32_t flags = 0; flags < 128; flags++)
        for (uint32_t pending = 0; pending < 3; pending++)
            for (uint32_t running = 0; running < 3; running++)
                for (int event = 0; event < EVENTS; event++) {
                    uint64_t word = (uint64_t)flags << 44 | (uint64_t)running << 32 | pending;
                    struct model model = model_decode(word);
                    if (meaningless(&model, (enum tpi_event)event))
                        continue;
                    struct tpi_step got = tpi_state_step(word, (enum tpi_event)event, 0, 2);
                    uint64_t may = got.effects & TPI_EFFECT_UNQUEUED ? TPI_STATE_QUEUED : 0;
                    if (event == TPI_EVENT_RELEASE)
                        may |= TPI_STATE_WAITED;
                    if (got.effects & TPI_EFFECT_REFUSED && (got.next ^ word) & ~may)
                        odd++;
                }
    check_eq(odd, 0);
}

/* ---- a random walk through words that can be reached ----------------------------------------- */

struct walk {
    uint64_t word;
    uint32_t limit, detached; /* 0: no limit */
    uint64_t submitted, begun, dropped;
    uint32_t expected, held; /* credits out; operations in flight, and holds */
    bool ticket;             /* its queue slot is in a queue, or on its way there */
    uint32_t ticket_epoch;
    bool parted;                    /* by a group, which does not come back to it */
    bool sleeps_quiet, sleeps_idle; /* somebody waits, and has not been woken since */
    bool freed;
    const char *broken;
};

static uint64_t dice = 88172645463325252u;

static uint32_t roll(uint32_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (uint32_t)(dice >> 32) % sides;
}

static uint32_t room_of(const struct walk *walk)
{
    if (walk->limit == 0)
        return TPI_STATE_ROOM_MAX;
    return walk->limit > walk->detached ? walk->limit - walk->detached : 0;
}

static void must(struct walk *walk, bool holds, const char *what)
{
    if (!holds && !walk->broken)
        walk->broken = what;
}

/* What is true of every word, whatever led to it. */
static void check_word(struct walk *walk)
{
    uint64_t word = walk->word;
    uint32_t pending = tpi_state_pending(word), running = tpi_state_running(word);
    must(walk, pending > 0 || !(word & TPI_STATE_QUEUED), "pending = 0 implies not QUEUED");
    must(walk, walk->submitted == walk->begun + walk->dropped + pending, "posts are conserved");
    must(walk, pending == 0 || running >= room_of(walk) || word & TPI_STATE_QUEUED,
         "pending with room implies QUEUED");
    must(walk, !(word & TPI_STATE_QUEUED) || walk->ticket, "QUEUED implies a queue slot");
    must(walk, !(word & TPI_STATE_QUEUED) || walk->ticket_epoch == tpi_state_epoch(word),
         "the slot of a queued object is valid");
    must(walk, !(word & TPI_STATE_DETACHED) == (walk->detached == 0), "DETACHED tells the truth");
    must(walk, !(walk->sleeps_quiet && tpi_state_quiet(word)), "no wake for quiet was lost");
    must(walk, !(walk->sleeps_idle && tpi_state_idle(word)), "no wake for idle was lost");
    must(walk, !(word & TPI_STATE_EXPECTED) == (walk->expected == 0), "EXPECTED tells the truth");
    must(walk, !(word & TPI_STATE_HELD) == (walk->held == 0), "HELD tells the truth");
    must(walk, !(word & TPI_STATE_CLOSED) || !tpi_state_idle(word) || walk->held > 0 || walk->freed,
         "closed, idle and not held implies freed");
    must(walk, !walk->freed || walk->held + walk->expected == 0, "what is freed nobody holds");
}

static uint32_t apply(struct walk *walk, enum tpi_event event, uint32_t count)
{
    struct tpi_step got = tpi_state_step(walk->word, event, count, room_of(walk));
    must(walk, !walk->freed, "no event after FREE");
    walk->word = got.next;
    if (got.effects & (TPI_EFFECT_ENQUEUE | TPI_EFFECT_REQUEUE)) {
        must(walk, !walk->ticket, "one queue slot at a time");
        walk->ticket = true;
        walk->ticket_epoch = tpi_state_epoch(got.next);
    }
    if (got.effects & TPI_EFFECT_UNLINK)
        walk->ticket = false;
    if (got.effects & TPI_EFFECT_WAKE)
        walk->sleeps_quiet = walk->sleeps_idle = false;
    if (got.effects & TPI_EFFECT_FREE)
        walk->freed = true;
    return got.effects;
}

static void walk_submit(struct walk *walk)
{
    uint32_t posts = roll(4);
    if (!(apply(walk, TPI_EVENT_SUBMIT, posts) & TPI_EFFECT_REFUSED))
        walk->submitted += posts;
    else
        must(walk, walk->word & (TPI_STATE_CLOSED | TPI_STATE_SHUT),
             "only an object that is closed or shut refuses posts");
}

/* A worker takes the ticket; now and then it is one of an epoch long gone. */
static void walk_claim(struct walk *walk)
{
    if (!walk->ticket)
        return;
    uint32_t epoch = walk->ticket_epoch;
    if (roll(8) == 0) {
        uint64_t before = walk->word;
        uint32_t effects =
            apply(walk, TPI_EVENT_CLAIM, (epoch + TPI_STATE_EPOCH_MASK / 2) & TPI_STATE_EPOCH_MASK);
        must(walk, effects == TPI_EFFECT_REFUSED && walk->word == before, "a stale ticket is void");
        return;
    }
    walk->ticket = false;
    uint32_t effects = apply(walk, TPI_EVENT_CLAIM, epoch);
    if (!(effects & TPI_EFFECT_REFUSED))
        walk->begun++;
    if (effects & TPI_EFFECT_UNQUEUED)
        apply(walk, TPI_EVENT_RETRY, 0);
}

static void walk_help(struct walk *walk)
{
    if (!(apply(walk, TPI_EVENT_HELP, 0) & TPI_EFFECT_REFUSED))
        walk->begun++;
}

static void walk_cancel(struct walk *walk)
{
    uint32_t pending = tpi_state_pending(walk->word);
    walk->ticket = walk->ticket && pending == 0;
    if (apply(walk, TPI_EVENT_CANCEL, 0) & TPI_EFFECT_REFUSED)
        must(walk, pending == 0, "a cancel finds what is pending");
    else
        walk->dropped += pending;
}

static void walk_detached(struct walk *walk, bool leave)
{
    if (leave && walk->detached > 0) {
        walk->detached--;
        apply(walk, TPI_EVENT_REJOIN, walk->detached);
    } else if (!leave && tpi_state_running(walk->word) > 0) {
        walk->detached++;
        apply(walk, TPI_EVENT_DISASSOCIATE, 0);
    }
}

static void walk_wait(struct walk *walk)
{
    bool quiet = tpi_state_quiet(walk->word);
    uint32_t effects = apply(walk, TPI_EVENT_WAIT, 0);
    must(walk, !(effects & TPI_EFFECT_QUIET) == !quiet, "WAIT says QUIET exactly if it is");
    walk->sleeps_quiet = walk->sleeps_quiet || !quiet;
}

/* A hold that came with PART is let go of as an operation ends that nobody waits for. */
static void walk_release(struct walk *walk)
{
    bool was_idle = tpi_state_idle(walk->word);
    uint32_t effects = apply(walk, TPI_EVENT_RELEASE, 0);
    must(walk, !(effects & (TPI_EFFECT_FREE | TPI_EFFECT_PART)) == !was_idle,
         "RELEASE frees or parts with exactly what is idle");
    must(walk, !was_idle || !(effects & TPI_EFFECT_PART) == (walk->held == 0),
         "RELEASE parts with what is held, and frees what is not");
    walk->parted = effects & TPI_EFFECT_PART;
    walk->held += walk->parted;
    walk->sleeps_idle = walk->sleeps_idle || !was_idle;
}

static void walk_expect(struct walk *walk)
{
    uint32_t flags = roll(2) ? TPI_FLAG_EXPECTED : TPI_FLAG_EXPECTED | TPI_FLAG_HELD;
    if (apply(walk, TPI_EVENT_EXPECT, flags) & TPI_EFFECT_REFUSED) {
        must(walk, walk->word & (TPI_STATE_CLOSED | TPI_STATE_SHUT),
             "only an object that is closed or shut refuses a credit");
        return;
    }
    walk->expected++;
    walk->held += flags & TPI_FLAG_HELD ? 1 : 0;
}

/* One fewer of each; the flags that the word has no more. */
static uint32_t subtract(struct walk *walk, uint32_t expected, uint32_t held)
{
    walk->expected -= expected;
    walk->held -= held;
    return (expected > 0 && walk->expected == 0 ? TPI_FLAG_EXPECTED : 0) |
           (held > 0 && walk->held == 0 ? TPI_FLAG_HELD : 0);
}

/* A credit is told of, given back, or an operation that was forgotten ends. */
static void walk_end_credit(struct walk *walk)
{
    uint32_t choice = roll(4);
    bool held = walk->held > 0 && roll(2);
    if (choice <= 1 && walk->expected > 0) {
        apply(walk, TPI_EVENT_COMPLETE, subtract(walk, 1, held));
        walk->submitted++;
    } else if (choice == 2 && walk->expected > 0) {
        apply(walk, TPI_EVENT_RELIEVE, subtract(walk, 1, 0));
    } else if (choice == 3 && walk->held > 0) {
        apply(walk, TPI_EVENT_RELIEVE, subtract(walk, 0, 1));
    }
}

/* `drain`: nothing new is begun, so that the life comes to its end. */
static void walk_step(struct walk *walk, bool drain)
{
    uint32_t choice = drain ? 5 + roll(6) : roll(16);
    if (roll(drain ? 3 : 12) == 0) {
        walk_end_credit(walk);
        return;
    }
    if (choice <= 4)
        walk_submit(walk);
    else if (choice <= 6)
        walk_claim(walk);
    else if (choice == 7 || choice == 8) {
        if (tpi_state_running(walk->word) > 0)
            apply(walk, TPI_EVENT_FINISH, 0);
    } else if (choice == 9)
        walk_detached(walk, true);
    else if (choice == 10)
        walk_help(walk);
    else if (choice == 11)
        walk_detached(walk, false);
    else if (choice == 12)
        walk_wait(walk);
    else if (choice == 13)
        walk_expect(walk);
    else if (roll(2) == 0)
        walk_cancel(walk);
    else if (roll(16) == 0)
        apply(walk, TPI_EVENT_SHUT, 0);
}

/* The end is brought about by a close, or by a group's release tried until it succeeds. */
static void end_life(struct walk *walk)
{
    bool by_close = roll(2) == 0;
    for (int i = 0; i < 100000 && !walk->freed && !walk->broken; i++) {
        if (by_close && !(walk->word & TPI_STATE_CLOSED))
            apply(walk, TPI_EVENT_CLOSE, 0);
        else if (!by_close && !walk->parted && roll(4) == 0)
            walk_release(walk);
        else
            walk_step(walk, true);
        check_word(walk);
    }
    must(walk, walk->freed, "every life ends");
}

TAP_TEST(state__random_lives_keep_the_invariants)
{
    uint64_t posts = 0, lives = 0;
    struct walk walk = {0};
    for (; lives < 30000; lives++) {
        uint64_t epoch = walk.word & ~((UINT64_C(1) << TPI_STATE_EPOCH_SHIFT) - 1);
        walk = (struct walk){.word = epoch, .limit = roll(4)};
        for (uint32_t steps = roll(60); steps > 0 && !walk.broken; steps--) {
            walk_step(&walk, false);
            check_word(&walk);
        }
        end_life(&walk);
        posts += walk.submitted;
        if (walk.broken)
            printf("# life %llu, word %016llx: %s\n", (unsigned long long)lives,
                   (unsigned long long)walk.word, walk.broken);
        require(!walk.broken);
    }
    check(posts > lives);
}

/* A simple callback is born closed with its one post queued: the walk begins there. */
TAP_TEST(state__a_life_born_closed_ends_once)
{
    uint32_t epoch = TPI_STATE_EPOCH_MASK;
    uint64_t word =
        (uint64_t)epoch << TPI_STATE_EPOCH_SHIFT | TPI_STATE_QUEUED | TPI_STATE_CLOSED | 1;
    struct tpi_step claimed = tpi_state_step(word, TPI_EVENT_CLAIM, epoch, TPI_STATE_ROOM_MAX);
    check_eq(claimed.effects, 0);
    struct tpi_step finished = tpi_state_step(claimed.next, TPI_EVENT_FINISH, 0, 1);
    check_eq(finished.effects, TPI_EFFECT_FREE);
    check_eq(tpi_state_epoch(finished.next), 0);
    struct tpi_step dropped = tpi_state_step(word, TPI_EVENT_CANCEL, 0, TPI_STATE_ROOM_MAX);
    check_eq(dropped.effects, TPI_EFFECT_FREE);
    check_eq(tpi_state_pending(dropped.next), 0);
}

int main(void)
{
    tap_run(state__every_cell_of_the_table);
    tap_run(state__refused_changes_nothing_but_what_the_table_says);
    tap_run(state__random_lives_keep_the_invariants);
    tap_run(state__a_life_born_closed_ends_once);
    return tap_done();
}
