/* handle.c - a fuzz target: bytes make, free and look up slots by handles, beside a plain table. */
#include <string.h>

#include "core/object/handle.h"
#include "fuzz/platform.h"
#include "fuzz/steps.h"

/* An input is steps until it ends. A step is one byte, its kind in the lower four bits and a number
 * n from 0 to 15 in the upper four, and a byte b. The slots in use are a list, and so are the
 * handles that were ever given; b names one by how far along it is, in 256ths. */
enum kind {
    NEW,     /* b / 4 + 1 slots of sort n */
    RESERVE, /* one of sort n; b / 2 says at which generation it stands, see ages */
    PUBLISH, /* one that is reserved */
    LATE,    /* the same, by who reserved it before it was freed */
    FREE,    /* one in use or reserved; n = 15: and all behind it */
    RETIRE,  /* one in use; odd n: of an earlier generation, in vain */
    GOOD,    /* looks for all that are in use */
    OLD,     /* looks for a handle, which may be stale */
    BENT,    /* looks for a handle with bit 4 n + b modulo 4 the other way round */
    GARBAGE, /* and seven bytes: looks for what they are, in kind n */
    EACH,    /* visits all of sort n, and counts them */
    FLUSH,   /* the magazine */
    FAIL,    /* b more allocations succeed, and no more until b = 255 */
    FORK,    /* the process is the child from here on; n = 15 only */
};

/* The sorts of slots (n modulo 4). The last has a magazine; odd b: it is done without. */
static const struct sort {
    enum tpi_kind kind;
    uint32_t size;
    bool magazine;
} sorts[] = {
    {TPI_KIND_ENV, 192, false},
    {TPI_KIND_WORK, 321, false},
    {TPI_KIND_EVENT, 1100, false},
    {TPI_KIND_BRIEF, 100, true},
};
#define SORTS 4u

#define SLABS 40u
#define SLOTS_MAX 1024u
#define HANDLES 256u
#define QUEUE (SLABS * SLOTS_MAX)
#define NO_SLOT UINT32_MAX

enum state { FREE_SLOT, RESERVED, USED };

struct slot {
    struct tpi_slot *at;
    uint32_t generation, note, place; /* in `used` */
    enum state state;
};

struct thing { /* what a slot holds; a BRIEF is smaller than its slot */
    struct tpi_slot slot;
    uint32_t note;
};

static struct table {
    struct steps steps;
    struct slot slots[SLABS][SLOTS_MAX];
    struct {
        uint32_t sort, count;
    } slabs[SLABS];
    uint32_t slabs_count, base;       /* those below are the parent's */
    uint32_t used[QUEUE], used_count; /* indices of slots, reserved ones too */
    struct {
        uint32_t first, last;
        uint32_t at[QUEUE];
    } rest[SORTS]; /* free slots, in the order in which they come back */
    struct tpi_magazine magazine;
    uintptr_t handles[HANDLES];
    uint32_t handles_count;               /* given ever: the last HANDLES are known */
    uint32_t late_index, late_generation; /* who was freed between RESERVE and PUBLISH */
    uint32_t notes;
} table;

MODEL_BEGIN

static struct slot *slot_of(uint32_t index)
{
    return &table.slots[index / SLOTS_MAX][index % SLOTS_MAX];
}

static const struct sort *sort_of(uint32_t index)
{
    return &sorts[table.slabs[index / SLOTS_MAX].sort];
}

static struct thing *thing_of(uint32_t index)
{
    return tpi_container(slot_of(index)->at, struct thing, slot);
}

/* ---- slots ----------------------------------------------------------------------------------- */

/* A slab has been made: its slots come into the table, and wait in their order. */
static void add_slab(uint32_t sort)
{
    const struct steps *steps = &table.steps;
    uint32_t number = table.slabs_count++, size = (sorts[sort].size + 63) / 64 * 64;
    uint32_t count = (TPP_SLAB_SIZE - 128) / size;
    table.slabs[number].sort = sort;
    table.slabs[number].count = count;
    char *first = (char *)tpi_slab_at(sorts[sort].kind, number * SLOTS_MAX);
    char *last = (char *)tpi_slab_at(sorts[sort].kind, number * SLOTS_MAX + count - 1);
    EXPECT(steps, first != NULL && (uintptr_t)first % TPI_SLOT_ALIGNMENT == 0);
    EXPECT(steps, last == first + (count - 1) * size);
    EXPECT(steps, tpi_slab_at(sorts[sort].kind, number * SLOTS_MAX + count) == NULL);
    for (uint32_t i = 0; i < count; i++) {
        table.slots[number][i] = (struct slot){.at = (struct tpi_slot *)(void *)(first + i * size)};
        table.rest[sort].at[table.rest[sort].last++ % QUEUE] = number * SLOTS_MAX + i;
    }
}

/* A slot that was free has come: which one, if the order says so, and whether a slab was made. */
static uint32_t came(struct tpi_slot *slot, uint32_t sort)
{
    uint32_t index = tpi_slot_index(slot);
    if (index / SLOTS_MAX == table.slabs_count)
        add_slab(sort);
    EXPECT(&table.steps, index / SLOTS_MAX < table.slabs_count);
    EXPECT(&table.steps, index / SLOTS_MAX >= table.base && slot_of(index)->at == slot);
    EXPECT(&table.steps, sort_of(index) == &sorts[sort]);
    EXPECT(&table.steps, slot_of(index)->state == FREE_SLOT);
    EXPECT(&table.steps, slot->link.next == NULL && slot->link.prev == NULL);
    EXPECT(&table.steps, thing_of(index)->note == slot_of(index)->note);
    if (!sorts[sort].magazine)
        EXPECT(&table.steps, index == table.rest[sort].at[table.rest[sort].first++ % QUEUE]);
    slot_of(index)->place = table.used_count;
    table.used[table.used_count++] = index;
    return index;
}

static void mark(uint32_t index)
{
    thing_of(index)->note = slot_of(index)->note = ++table.notes;
}

static void remember(uint32_t index)
{
    uintptr_t handle = (uintptr_t)tpi_handle_make(sort_of(index)->kind, slot_of(index)->at);
    EXPECT(&table.steps, tpi_token_index(handle) == index && handle != 0);
    table.handles[table.handles_count++ % HANDLES] = handle;
}

/* NULL only if memory is out, or the table has place for no more. */
static struct tpi_slot *obtain(uint32_t sort, bool alone, bool reserved)
{
    const struct sort *about = &sorts[sort];
    uint32_t failures = platform_failures();
    struct tpi_magazine *magazine = about->magazine && !alone ? &table.magazine : NULL;
    if (table.slabs_count == SLABS)
        return NULL;
    struct tpi_slot *slot = reserved ? tpi_slab_reserve(about->kind, about->size, magazine)
                                     : tpi_slab_new(about->kind, about->size, magazine);
    EXPECT(&table.steps, slot != NULL || platform_failures() > failures);
    return slot;
}

static void make(uint32_t sort, uint32_t count, bool alone)
{
    for (; count > 0; count--) {
        struct tpi_slot *slot = obtain(sort, alone, false);
        if (slot == NULL)
            return;
        uint32_t index = came(slot, sort);
        slot_of(index)->state = USED;
        slot_of(index)->generation++;
        EXPECT(&table.steps, tpi_slot_generation(slot) == slot_of(index)->generation);
        mark(index);
        remember(index);
    }
}

static void reserve(uint32_t sort, uint32_t b)
{
    /* As if it had had so many lives: at the end of the generations, of those that a handle can
     * tell apart, and half way. */
    static const uint32_t ages[] = {0, UINT32_MAX - 1, TPI_TOKEN_GENERATION_MASK - 1, 1u << 31};
    struct tpi_slot *slot = obtain(sort, b & 1, true);
    if (slot == NULL)
        return;
    uint32_t index = came(slot, sort);
    slot_of(index)->state = RESERVED;
    if (b / 2 % 4 != 0) {
        slot_of(index)->generation = ages[b / 2 % 4];
        tpp_init(&slot->generation, ages[b / 2 % 4]);
    }
    EXPECT(&table.steps, tpi_slot_generation(slot) == slot_of(index)->generation);
    mark(index);
}

static uint32_t pick(uint32_t b)
{
    return table.used_count > 0 ? table.used[b * table.used_count / 256] : NO_SLOT;
}

static void publish(uint32_t index)
{
    if (index == NO_SLOT || slot_of(index)->state != RESERVED)
        return;
    struct slot *slot = slot_of(index);
    void *future = tpi_token_future(sort_of(index)->kind, slot->at);
    uint32_t ignored;
    bool known = tpi_handle_slot(sort_of(index)->kind, future, &ignored) != NULL;
    EXPECT(&table.steps, !known);
    EXPECT(&table.steps, tpi_token_publish(sort_of(index)->kind, slot->at) == future);
    slot->state = USED;
    slot->generation++;
    EXPECT(&table.steps, tpi_slot_generation(slot->at) == slot->generation);
    remember(index);
}

static void publish_late(void)
{
    if (table.late_index == NO_SLOT ||
        slot_of(table.late_index)->generation == table.late_generation)
        return; /* another life with the same number */
    EXPECT(&table.steps,
           !tpi_slab_publish(slot_of(table.late_index)->at, table.late_generation + 1));
}

static void free_one(uint32_t index, bool alone)
{
    struct slot *slot = slot_of(index);
    const struct sort *sort = sort_of(index);
    EXPECT(&table.steps, thing_of(index)->note == slot->note);
    EXPECT(&table.steps, tpi_slot_generation(slot->at) == slot->generation);
    if (slot->state == RESERVED) {
        table.late_index = index;
        table.late_generation = slot->generation;
    }
    tpi_slab_free(sort->kind, slot->at, sort->magazine && !alone ? &table.magazine : NULL);
    slot->generation += slot->state == RESERVED ? 2 : 1;
    slot->state = FREE_SLOT;
    EXPECT(&table.steps, tpi_slot_generation(slot->at) == slot->generation);
    uint32_t last = table.used[--table.used_count], own = (uint32_t)(sort - sorts);
    table.used[slot->place] = last;
    slot_of(last)->place = slot->place;
    table.rest[own].at[table.rest[own].last++ % QUEUE] = index;
}

static void free_some(uint32_t b, bool all)
{
    uint32_t from = table.used_count * b / 256;
    if (table.used_count == 0)
        return;
    do
        free_one(table.used[from], b & 1);
    while (all && from < table.used_count);
}

static void retire(uint32_t index, bool in_vain)
{
    if (index == NO_SLOT || slot_of(index)->state != USED)
        return;
    struct slot *slot = slot_of(index);
    bool retired = tpi_slab_retire(slot->at, slot->generation - (in_vain ? 2 : 0));
    EXPECT(&table.steps, retired == !in_vain);
    slot->generation += retired ? 2 : 0;
}

/* ---- handles --------------------------------------------------------------------------------- */

static void look(uintptr_t token)
{
    uint32_t index = tpi_token_index(token), number = index / SLOTS_MAX, generation = 0;
    enum tpi_kind kind = tpi_token_kind(token);
    struct tpi_slot *expected = NULL;
    if (number >= table.base && number < table.slabs_count &&
        index % SLOTS_MAX < table.slabs[number].count &&
        (kind == TPI_KIND_NONE || sort_of(index)->kind == kind)) { /* NONE: of any kind */
        const struct slot *slot = slot_of(index);
        bool live = slot->generation % 2 == 1;
        bool same = (token >> TPI_TOKEN_INDEX_BITS) % (UINT64_C(1) << TPI_TOKEN_GENERATION_BITS) ==
                    slot->generation % (UINT64_C(1) << TPI_TOKEN_GENERATION_BITS);
        expected = live && same ? slot->at : NULL;
    }
    EXPECT(&table.steps, tpi_handle_slot(kind, (void *)token, &generation) == expected);
    if (expected != NULL)
        EXPECT(&table.steps, generation == slot_of(index)->generation);
    EXPECT(&table.steps,
           tpi_handle_slot((enum tpi_kind)(kind + 1), (void *)token, &generation) == NULL);
}

static void look_at_all(void)
{
    for (uint32_t i = 0; i < table.used_count; i++) {
        uint32_t index = table.used[i];
        look((uintptr_t)tpi_handle_make(sort_of(index)->kind, slot_of(index)->at));
        EXPECT(&table.steps, thing_of(index)->note == slot_of(index)->note);
    }
}

static uintptr_t handle_at(uint32_t b)
{
    uint32_t known = table.handles_count < HANDLES ? table.handles_count : HANDLES;
    return known > 0 ? table.handles[b * known / 256] : 0;
}

/* ---- all of a sort --------------------------------------------------------------------------- */

struct visit {
    uint32_t seen, stop;
};

static bool visit(struct tpi_slot *slot, void *context)
{
    struct visit *visited = context;
    EXPECT(&table.steps, slot_of(tpi_slot_index(slot))->at == slot);
    return ++visited->seen != visited->stop;
}

static void visit_all(uint32_t sort, uint32_t stop)
{
    uint32_t slots = 0, used = 0, inherited = 0;
    struct visit visited = {0, stop}, before = {0, UINT32_MAX};
    for (uint32_t i = 0; i < table.slabs_count; i++)
        if (table.slabs[i].sort == sort)
            *(i < table.base ? &inherited : &slots) += table.slabs[i].count;
    for (uint32_t i = 0; i < table.used_count; i++)
        used += sort_of(table.used[i]) == &sorts[sort] && slot_of(table.used[i])->state == USED;
    tpi_slab_each(sorts[sort].kind, visit, &visited);
    EXPECT(&table.steps, visited.seen == (stop > 0 && stop < slots ? stop : slots));
    EXPECT(&table.steps, tpi_slab_in_use(sorts[sort].kind) == used);
    tpi_slab_each_inherited(sorts[sort].kind, visit, &before);
    EXPECT(&table.steps, before.seen == inherited);
    EXPECT(&table.steps, tpi_slab_used() == (table.slabs_count > 0));
}

/* ---- the whole table ------------------------------------------------------------------------- */

static void forget_all(void)
{
    table.base = table.slabs_count;
    table.used_count = 0;
    table.late_index = NO_SLOT;
    memset(&table.magazine, 0, sizeof table.magazine);
    for (uint32_t sort = 0; sort < SORTS; sort++)
        table.rest[sort].first = table.rest[sort].last = 0;
}

static void fork_now(void)
{
    tpi_slab_fork();
    forget_all();
    for (uint32_t number = 0; number < table.base; number++) {
        enum tpi_kind kind = sorts[table.slabs[number].sort].kind;
        const struct tpi_slot *slot = tpi_slab_inherited(kind, number * SLOTS_MAX);
        EXPECT(&table.steps, slot == table.slots[number][0].at);
    }
}

static void begin(void)
{
    tpi_slab_reset();
    platform_begin();
    table.slabs_count = table.handles_count = table.notes = 0;
    forget_all();
}

static void end(void)
{
    look_at_all();
    while (table.used_count > 0)
        free_one(table.used[table.used_count - 1], false);
    tpi_slab_flush(TPI_KIND_BRIEF, &table.magazine);
    visit_all(table.notes % SORTS, 0);
    platform_end();
}

MODEL_END

static void step(void)
{
    uint8_t first = take(&table.steps), b = take(&table.steps);
    uint32_t n = first >> 4, sort = n % SORTS;
    switch ((enum kind)(first & 15)) {
    case NEW:
        make(sort, b / 4 + 1u, b & 1);
        break;
    case RESERVE:
        reserve(sort, b);
        break;
    case PUBLISH:
        publish(pick(b));
        break;
    case LATE:
        publish_late();
        break;
    case FREE:
        free_some(b, n == 15);
        break;
    case RETIRE:
        retire(pick(b), n & 1);
        break;
    case GOOD:
        look_at_all();
        break;
    case OLD:
        look(handle_at(b));
        break;
    case BENT:
        look(handle_at(b) ^ (uintptr_t)1 << (4 * n + b % 4));
        break;
    case GARBAGE:
        look((uintptr_t)n << 60 | (uintptr_t)b << 48 |
             (uintptr_t)take_bytes(&table.steps, 2) << 32 | take_bytes(&table.steps, 4));
        break;
    case EACH:
        visit_all(sort, b);
        break;
    case FLUSH:
        tpi_slab_flush(TPI_KIND_BRIEF, &table.magazine);
        break;
    case FAIL:
        platform_fail_after(b == 255 ? UINT32_MAX : b);
        break;
    case FORK:
        if (n == 15)
            fork_now();
        break;
    }
    table.steps.count++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    table.steps = (struct steps){"handle", data, size, 0};
    begin();
    while (table.steps.left > 0)
        step();
    end();
    return 0;
}
