/* weak.c - a memory that may show a load an older store, as far as C++20 lets it.
 *
 * Each word keeps its last six stores. A store knows the clock of its author, the clock a reader
 * that synchronises with it takes over (release stores, release sequences through read-modify-
 * writes, seq_cst fences before relaxed stores), and who has seen it since when. A load may take
 * any store that is not older than one that happens before the load, or that was seen by something
 * that happens before the load: that is coherence and happens-before, nothing else. Load buffering
 * is not shown, and the stores to one word are ordered as they were made.
 *
 * Where this is stricter than the language, always in the direction of fewer alarms: seq_cst fences
 * order like a lock taken by turns (a total order in which each also synchronises with the ones
 * before), spawn and join synchronise, and a word beyond the table of words is sequentially
 * consistent. A word that plain code has changed since its last store (memset, a new object in the
 * same place) begins a new history.
 *
 * Where races are looked for in a memory that is not weak, every load takes the newest store, and
 * only the clocks are of interest.
 *
 * In one place it is looser than the C of 2011: a release sequence is that of C++20, where a later
 * relaxed store ends it, its author's too. Nobody should lean on the older rule. */
#include <string.h>

#include "core/os/sim/user.h"

#define HISTORY 6u
#define WORDS 2048u
#define STALE_IN_A_ROW 2
#define ORDERS 1024u

/* Of the fibers behind `high` it knows nothing: most runs have few, and clocks are copied often. */
struct clock {
    uint32_t high;
    uint32_t at[TPPS_FIBERS];
};

struct store {
    uint64_t value;
    uint32_t author;
    struct clock sync;    /* what a reader that acquires learns */
    struct clock seen_by; /* for each fiber: its time when it first knew of this store; 0: never */
};

struct word {
    uint32_t count; /* stores so far; the last HISTORY of them are kept */
    uint8_t stale[TPPS_FIBERS];
    struct store history[HISTORY];
};

int tpps_weak_;

/* What is looked up is small, and the words lie in the order in which they were met. */
static struct key {
    const volatile void *address;
    uint32_t run, word;
} keys[WORDS];
static struct word words[WORDS / 4 * 3];
static struct word spilled; /* stands for every word that found no room */
static uint32_t used, run;
static struct clock now[TPPS_FIBERS], released[TPPS_FIBERS], acquired[TPPS_FIBERS], fenced;

static uint32_t time_of(const struct clock *clock, uint32_t fiber)
{
    return fiber < clock->high ? clock->at[fiber] : 0;
}

static void reach(struct clock *clock, uint32_t high)
{
    while (clock->high < high)
        clock->at[clock->high++] = 0;
}

static void set(struct clock *clock, uint32_t fiber, uint32_t time)
{
    reach(clock, fiber + 1);
    clock->at[fiber] = time;
}

/* The fiber's own clock goes on. */
static uint32_t tick(uint32_t fiber)
{
    uint32_t time = time_of(&now[fiber], fiber) + 1;
    set(&now[fiber], fiber, time);
    return time;
}

static void copy(struct clock *into, const struct clock *from)
{
    into->high = from->high;
    for (uint32_t i = 0; i < from->high; i++)
        into->at[i] = from->at[i];
}

static void merge(struct clock *into, const struct clock *from)
{
    reach(into, from->high);
    for (uint32_t i = 0; i < from->high; i++)
        if (from->at[i] > into->at[i])
            into->at[i] = from->at[i];
}

static bool acquires(memory_order order)
{
    return order == memory_order_acquire || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}

static bool releases(memory_order order)
{
    return order == memory_order_release || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}

/* ---- words ----------------------------------------------------------------------------------- */

static uint32_t self(void)
{
    return tpps_sim_.current != NULL ? tpps_slot_(tpps_sim_.current) : TPPS_FIBERS;
}

static struct word *find(const volatile void *address)
{
    uint32_t i = (uint32_t)(((uintptr_t)address >> 2) * 0x9E3779B97F4A7C15u >> 40) % WORDS;
    while (keys[i].run == run && keys[i].address != address)
        i = (i + 1) % WORDS;
    if (keys[i].run == run)
        return &words[keys[i].word];
    if (used == sizeof words / sizeof *words)
        return &spilled;
    keys[i] = (struct key){address, run, used};
    words[used].count = 0;
    return &words[used++];
}

/* A history of one store that everybody may read, made by `author` or by nobody in particular. */
static void begin_history(struct word *word, uint64_t value, uint32_t author)
{
    struct store *store = &word->history[0];
    memset(word->stale, 0, sizeof word->stale);
    store->sync.high = store->seen_by.high = 0;
    store->value = value;
    store->author = author;
    word->count = 1;
    if (author < TPPS_FIBERS)
        set(&store->seen_by, author, tick(author));
}

static struct word *word_of(const volatile void *address, uint64_t newest)
{
    struct word *word = find(address);
    if (word->count == 0 || word->history[(word->count - 1) % HISTORY].value != newest) {
        uint32_t sync = word->history[0].sync.high;
        bool spill = word == &spilled && word->count != 0;
        begin_history(word, newest, TPPS_FIBERS);
        if (spill)
            word->history[0].sync.high = sync; /* these share all they synchronise with */
    }
    return word;
}

/* `sequence` may be what was learned from the store that is overwritten here. */
static void push(struct word *word, uint64_t value, memory_order order,
                 const struct clock *sequence)
{
    uint32_t me = self();
    struct store *store = &word->history[word == &spilled ? 0 : word->count % HISTORY];
    const struct clock *known = releases(order) ? &now[me] : &released[me];
    if (sequence != &store->sync)
        copy(&store->sync, sequence != NULL ? sequence : known);
    if (sequence != NULL)
        merge(&store->sync, known);
    store->seen_by.high = 0;
    store->value = value;
    store->author = me;
    set(&store->seen_by, me, tick(me));
    if (releases(order))
        set(&store->sync, me, time_of(&now[me], me));
    if (word != &spilled)
        word->count++;
}

static void learn(const struct store *store, memory_order order)
{
    uint32_t me = self();
    merge(acquires(order) ? &now[me] : &acquired[me], &store->sync);
}

/* ---- the accesses ---------------------------------------------------------------------------- */

static bool happened_before(const struct store *store, uint32_t me)
{
    for (uint32_t i = 0; i < store->seen_by.high; i++)
        if (store->seen_by.at[i] != 0 && store->seen_by.at[i] <= time_of(&now[me], i))
            return true;
    return false;
}

/* The oldest store this fiber may still see. */
static uint32_t oldest(const struct word *word, uint32_t me)
{
    uint32_t first = word->count > HISTORY ? word->count - HISTORY : 0;
    for (uint32_t i = word->count - 1; i > first; i--)
        if (happened_before(&word->history[i % HISTORY], me))
            return i;
    return first;
}

uint64_t tpps_weak_load_(const volatile void *address, uint64_t newest, memory_order order)
{
    bool exact = ((unsigned)order & TPPS_NEWEST) != 0 || !tpps_sim_.options.weak;
    uint32_t me = self(), last, first, at;
    struct word *word;
    struct store *store;
    order = (memory_order)((unsigned)order & ~(unsigned)TPPS_NEWEST);
    if (me == TPPS_FIBERS || tpps_sim_.hook)
        return newest;
    word = word_of(address, newest);
    last = at = word->count - 1;
    first = exact || word->stale[me] >= STALE_IN_A_ROW ? last : oldest(word, me);
    if (first < last)
        at = last - tpps_choose_(last - first + 1);
    word->stale[me] = at == last ? 0 : (uint8_t)(word->stale[me] + 1);
    store = &word->history[at % HISTORY];
    (void)tick(me);
    if (time_of(&store->seen_by, me) == 0)
        set(&store->seen_by, me, time_of(&now[me], me));
    learn(store, order);
    return store->value;
}

void tpps_weak_store_(const volatile void *address, uint64_t old, uint64_t value,
                      memory_order order)
{
    struct word *word;
    if (self() == TPPS_FIBERS || tpps_sim_.hook) {
        tpps_weak_init_(address, value);
        return;
    }
    word = word_of(address, old);
    push(word, value, order, word == &spilled ? &word->history[0].sync : NULL);
}

void tpps_weak_rmw_(const volatile void *address, uint64_t old, uint64_t value, memory_order order)
{
    struct word *word;
    struct store *last;
    if (self() == TPPS_FIBERS || tpps_sim_.hook) {
        tpps_weak_init_(address, value);
        return;
    }
    word = word_of(address, old);
    last = &word->history[(word->count - 1) % HISTORY];
    learn(last, order);
    push(word, value, order, &last->sync);
}

void tpps_weak_init_(const volatile void *address, uint64_t value)
{
    struct word *word = find(address);
    if (word != &spilled)
        begin_history(word, value, self());
}

/* An acquire fence, a release fence, or both. */
void tpps_weak_half_fence_(uint32_t me, memory_order order)
{
    if (acquires(order))
        merge(&now[me], &acquired[me]);
    (void)tick(me);
    if (releases(order))
        copy(&released[me], &now[me]);
}

void tpps_weak_fence_(uint32_t me)
{
    merge(&now[me], &acquired[me]);
    merge(&now[me], &fenced);
    (void)tick(me);
    merge(&fenced, &now[me]);
    copy(&released[me], &now[me]);
}

/* ---- threads and runs ------------------------------------------------------------------------ */

void tpps_weak_start_(uint32_t parent, uint32_t child)
{
    uint32_t before = time_of(&now[child], child); /* a slot used again goes on counting */
    if (!tpps_weak_)
        return;
    now[child].high = released[child].high = acquired[child].high = 0;
    if (parent < TPPS_FIBERS) {
        (void)tick(parent);
        copy(&now[child], &now[parent]);
    }
    set(&now[child], child, before + 1);
}

void tpps_weak_join_(uint32_t joiner, uint32_t ended)
{
    if (!tpps_weak_)
        return;
    (void)tick(ended);
    merge(&now[joiner], &now[ended]);
}

/* ---- what is ordered by something else than words -------------------------------------------- */

static struct order {
    const void *token;
    uint32_t run;
    struct clock clock;
} orders[ORDERS];

/* Tokens that find no room share one: that orders more than there is. */
static struct clock *order_of(const void *token)
{
    uint32_t i = (uint32_t)((uintptr_t)token * 0x9E3779B97F4A7C15u >> 40) % ORDERS, tries = 0;
    while (orders[i].run == run && orders[i].token != token && ++tries < ORDERS / 2)
        i = (i + 1) % ORDERS;
    if (orders[i].run != run) {
        orders[i].token = token;
        orders[i].run = run;
        orders[i].clock.high = 0;
    }
    return &orders[i].clock;
}

void tpps_order_release_(const void *token)
{
    uint32_t me = self();
    if (!tpps_weak_ || me == TPPS_FIBERS || tpps_sim_.hook)
        return;
    (void)tick(me);
    merge(order_of(token), &now[me]);
}

void tpps_order_acquire_(const void *token)
{
    uint32_t me = self();
    if (tpps_weak_ && me != TPPS_FIBERS && !tpps_sim_.hook)
        merge(&now[me], order_of(token));
}

/* Of a plain access that is made now: it belongs to what the next release lets others see. */
uint32_t tpps_order_time_(uint32_t me)
{
    return time_of(&now[me], me) + 1;
}

bool tpps_order_knows_(uint32_t me, uint32_t other, uint32_t time)
{
    return time <= time_of(&now[me], other);
}

void tpps_weak_begin_(void)
{
    if (!tpps_weak_)
        return;
    run++;
    used = 0;
    for (uint32_t i = 0; i < TPPS_FIBERS; i++)
        now[i].high = released[i].high = acquired[i].high = 0;
    fenced.high = spilled.count = spilled.history[0].sync.high = 0;
}

#ifdef TPPS_TSAN_BUILD
_Atomic(uint32_t) tpps_tsan_fence_word_;
#endif

void tpps_fence_(const char *site)
{
    tpps_point_(TPPS_OP_FENCE, NULL, site);
    if (tpps_weak_ && tpps_sim_.current != NULL)
        tpps_weak_fence_(tpps_slot_(tpps_sim_.current));
}
