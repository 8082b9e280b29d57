/* deque.c - a fuzz target: bytes move tasks through rings and a queue, beside plain lists. */
#include <string.h>

#include "core/queue/inject.h"
#include "fuzz/steps.h"

/* An input is one byte for the beginning, then steps until it ends. If the first is odd, positions
 * in the rings are near their wrap; if its second bit is set, epochs are, too. Task i may run i
 * modulo 4 times at once (0: as often as it likes).
 *
 * A step is one byte, its kind in the lower four bits and a number n from 0 to 15 in the upper
 * four, and a byte: a task in its lower three bits, or (modulo 3) a ring, and a number m from 0 to
 * 31 in the upper five. What is to be queued goes to ring n modulo 4, or, for 3, to the shared
 * queue. What nobody may do now is passed over. */
enum kind {
    SUBMIT, /* m posts of a task */
    CLAIM,  /* from the shared queue; unless n = 3, m more move into a ring */
    POP,    /* from a ring, and claims if it can; n: where what is left of the task goes */
    STEAL,  /* a ring, from the one that is n + 1 further */
    FINISH, /* a callback of a task */
    CANCEL, /* a task; odd m: by a handle that is stale */
    HELP,   /* a task; the same */
    LEAVE,  /* a callback of a task disassociates itself */
    REJOIN, /* it ends */
    SPILL,  /* so many of a ring as m says, or all, to the shared queue */
    JUNK,   /* 8 n + m + 1 tickets into a ring that were stale before */
    RENEW,  /* the task is closed, which nothing is left of; another begins, n modulo 4 at once */
    LENGTH, /* looks at all */
};

#define TASKS 8u
#define RINGS 3u
#define NOWHERE RINGS
#define SHARED (RINGS + 1)
#define CAPACITY TPP_RING_CAPACITY

struct entry {
    uint32_t task, serial; /* serial 0: junk */
    uint64_t ticket;
};

struct plain {
    uint32_t pending, running, detached, limit;
    uint32_t place, serial; /* a ring, NOWHERE or SHARED; of its entry in a ring */
};

static struct world {
    struct steps steps;
    struct tpi_inject queue;
    struct tpi_ring rings[RINGS];
    struct {
        _Alignas(TPI_SLOT_ALIGNMENT) struct tpi_task task;
    } tasks[TASKS];
    /* the model */
    struct plain plain[TASKS];
    struct entry held[RINGS][CAPACITY];
    uint32_t sizes[RINGS];
    bool overflow[RINGS];
    uint32_t order[TASKS], count, leaving; /* the first so many are before those that arrive */
    uint32_t serials;
} world;

MODEL_BEGIN

static uint32_t room_of(const struct plain *plain)
{
    if (plain->limit == 0)
        return UINT32_MAX;
    return plain->limit > plain->detached ? plain->limit - plain->detached : 0;
}

/* ---- the lists ------------------------------------------------------------------------------- */

static void list_append(uint32_t task)
{
    world.order[world.count++] = task;
    world.plain[task].place = SHARED;
}

static void list_remove(uint32_t task)
{
    uint32_t i = 0;
    while (world.order[i] != task)
        i++;
    world.count--;
    world.leaving -= i < world.leaving;
    memmove(world.order + i, world.order + i + 1, (world.count - i) * sizeof *world.order);
    world.plain[task].place = NOWHERE;
}

static void ring_append(uint32_t ring, uint32_t task, uint64_t ticket, bool junk)
{
    uint32_t serial = junk ? 0 : ++world.serials;
    world.held[ring][world.sizes[ring]++] = (struct entry){task, serial, ticket};
    if (junk)
        return;
    world.plain[task].place = ring;
    world.plain[task].serial = serial;
}

static bool valid(const struct entry *entry)
{
    const struct plain *plain = &world.plain[entry->task];
    return entry->serial != 0 && plain->place < RINGS && plain->serial == entry->serial;
}

static void ring_drop(uint32_t ring, uint32_t count)
{
    world.sizes[ring] -= count;
    memmove(world.held[ring], world.held[ring] + count,
            world.sizes[ring] * sizeof *world.held[ring]);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static struct tpi_task *task_at(uint32_t task)
{
    return &world.tasks[task].task;
}

static bool runnable(const struct plain *plain)
{
    return plain->pending > 0 && plain->running < room_of(plain);
}

/* To a worker's own ring as a worker does it, or to the shared queue. */
static void publish(uint32_t task, uint32_t epoch, uint32_t where)
{
    uint64_t ticket = tpi_ticket(task_at(task), epoch);
    if (where < RINGS && !world.overflow[where]) {
        bool pushed = tpi_ring_push(&world.rings[where], ticket);
        EXPECT(&world.steps, pushed == (world.sizes[where] < CAPACITY));
        if (pushed) {
            ring_append(where, task, ticket, false);
            return;
        }
        world.overflow[where] = true;
    }
    tpi_inject_push(&world.queue, task_at(task), epoch);
    list_append(task);
}

/* What an event did, if the task may have to be queued now. */
static void settle(uint32_t task, const struct tpi_applied *applied, uint32_t where)
{
    struct plain *plain = &world.plain[task];
    bool queue = plain->place == NOWHERE && runnable(plain);
    EXPECT(&world.steps, !(applied->effects & TPI_EFFECT_ENQUEUE) == !queue);
    if (queue)
        publish(task, tpi_state_epoch(applied->after), where);
}

static void submit(uint32_t task, uint32_t posts, uint32_t where)
{
    struct tpi_applied applied = tpi_task_apply(task_at(task), TPI_EVENT_SUBMIT, posts);
    world.plain[task].pending += posts;
    settle(task, &applied, where);
}

static void finish(uint32_t task, uint32_t where)
{
    if (world.plain[task].running == 0)
        return;
    struct tpi_applied applied = tpi_task_apply(task_at(task), TPI_EVENT_FINISH, 0);
    world.plain[task].running--;
    settle(task, &applied, where);
}

static void leave(uint32_t task, uint32_t where)
{
    if (world.plain[task].running == 0)
        return;
    struct tpi_applied applied = tpi_inject_disassociate(&world.queue, task_at(task));
    world.plain[task].running--;
    world.plain[task].detached++;
    settle(task, &applied, where);
}

static void rejoin(uint32_t task, uint32_t where)
{
    if (world.plain[task].detached == 0)
        return;
    struct tpi_applied applied = tpi_inject_rejoin(&world.queue, task_at(task));
    world.plain[task].detached--;
    settle(task, &applied, where);
}

/* ---- out of turn ----------------------------------------------------------------------------- */

static void unqueue(uint32_t task)
{
    if (world.plain[task].place == SHARED)
        list_remove(task);
    world.plain[task].place = NOWHERE;
}

static uint32_t generation_of(uint32_t task, bool stale)
{
    return tpi_slot_generation(&task_at(task)->slot) - (stale ? 2 : 0);
}

static void cancel(uint32_t task, bool stale)
{
    struct plain *plain = &world.plain[task];
    struct tpi_applied applied =
        tpi_inject_cancel(&world.queue, task_at(task), generation_of(task, stale));
    bool refused = stale || plain->pending == 0;
    EXPECT(&world.steps, !(applied.effects & TPI_EFFECT_REFUSED) == !refused);
    if (refused)
        return;
    plain->pending = 0;
    unqueue(task);
}

static void help(uint32_t task, bool stale)
{
    struct plain *plain = &world.plain[task];
    struct tpi_applied applied =
        tpi_inject_help(&world.queue, task_at(task), generation_of(task, stale));
    bool refused = stale || !runnable(plain);
    EXPECT(&world.steps, !(applied.effects & TPI_EFFECT_REFUSED) == !refused);
    if (refused)
        return;
    plain->running++;
    if (--plain->pending == 0)
        unqueue(task);
}

/* ---- claiming -------------------------------------------------------------------------------- */

/* Who comes first in the model; TASKS if nobody. What has no room loses its place. */
static uint32_t claim_first(void)
{
    while (world.count > 0) {
        uint32_t task = world.order[0];
        struct plain *plain = &world.plain[task];
        if (world.leaving == 0)
            world.leaving = world.count;
        bool alone = world.count == 1;
        list_remove(task);
        if (!runnable(plain))
            continue;
        plain->pending--;
        plain->running++;
        if (runnable(plain)) {
            list_append(task);
            world.leaving += alone;
        }
        return task;
    }
    return TASKS;
}

static void move_some(uint32_t ring, uint32_t batch)
{
    while (batch-- > 0 && world.leaving > 0 && world.sizes[ring] < CAPACITY) {
        uint32_t task = world.order[0];
        uint64_t word = tpp_peek(&task_at(task)->word);
        list_remove(task);
        ring_append(ring, task, tpi_ticket(task_at(task), tpi_state_epoch(word)), false);
    }
}

static void claim(uint32_t ring, uint32_t batch, bool with_ring)
{
    struct tpi_applied applied;
    bool some = world.count > 0;
    struct tpi_task *task =
        tpi_inject_claim(&world.queue, with_ring ? &world.rings[ring] : NULL, batch, &applied);
    uint32_t first = claim_first();
    EXPECT(&world.steps, task == (first == TASKS ? NULL : task_at(first)));
    if (some && with_ring)
        move_some(ring, batch);
    if (task != NULL)
        EXPECT(&world.steps, tpi_state_running(applied.after) == world.plain[first].running);
}

static void claim_ticket(const struct entry *entry, uint32_t where)
{
    struct plain *plain = &world.plain[entry->task];
    struct tpi_task *task = tpi_ticket_task(entry->ticket);
    bool was_valid = valid(entry), claims = was_valid && runnable(plain);
    EXPECT(&world.steps, task == task_at(entry->task));
    struct tpi_applied applied =
        tpi_task_apply(task, TPI_EVENT_CLAIM, tpi_ticket_epoch(entry->ticket));
    EXPECT(&world.steps, !(applied.effects & TPI_EFFECT_REFUSED) == claims);
    if (was_valid)
        plain->place = NOWHERE;
    plain->pending -= claims;
    plain->running += claims;
    bool lost = was_valid && plain->pending > 0 && !runnable(plain);
    EXPECT(&world.steps, !(applied.effects & TPI_EFFECT_UNQUEUED) == !lost);
    if (!claims)
        return;
    EXPECT(&world.steps, !(applied.effects & TPI_EFFECT_REQUEUE) == !runnable(plain));
    if (runnable(plain))
        publish(entry->task, tpi_state_epoch(applied.after), where);
}

static void pop(uint32_t ring, uint32_t where)
{
    uint64_t ticket = 1;
    bool popped = tpi_ring_pop(&world.rings[ring], &ticket);
    struct entry first = world.held[ring][0];
    EXPECT(&world.steps, popped == (world.sizes[ring] > 0));
    if (!popped) {
        world.overflow[ring] = false;
        return;
    }
    EXPECT(&world.steps, ticket == first.ticket);
    ring_drop(ring, 1);
    claim_ticket(&first, where);
}

/* ---- many at once ---------------------------------------------------------------------------- */

static void steal(uint32_t thief, uint32_t victim)
{
    uint32_t count = world.sizes[victim] - world.sizes[victim] / 2;
    if (thief == victim || world.sizes[thief] > 0)
        return;
    EXPECT(&world.steps, tpi_ring_steal(&world.rings[thief], &world.rings[victim]) == count);
    for (uint32_t i = 0; i < count; i++) {
        struct entry entry = world.held[victim][i];
        if (valid(&entry))
            world.plain[entry.task].place = thief;
        world.held[thief][i] = entry;
    }
    world.sizes[thief] = count;
    ring_drop(victim, count);
}

static void spill(uint32_t ring, uint32_t most)
{
    uint64_t tickets[CAPACITY];
    uint32_t count = tpi_ring_take(&world.rings[ring], tickets, most);
    EXPECT(&world.steps, count == (most < world.sizes[ring] ? most : world.sizes[ring]));
    for (uint32_t i = 0; i < count; i++)
        EXPECT(&world.steps, tickets[i] == world.held[ring][i].ticket);
    tpi_inject_push_tickets(&world.queue, tickets, count);
    for (uint32_t i = 0; i < count; i++)
        if (valid(&world.held[ring][i]))
            list_append(world.held[ring][i].task);
    ring_drop(ring, count);
}

static void junk(uint32_t ring, uint32_t count)
{
    while (count-- > 0) {
        uint32_t task = count % TASKS, epoch = tpi_state_epoch(tpp_peek(&task_at(task)->word));
        uint64_t ticket = tpi_ticket(task_at(task), (epoch - 1) & TPI_STATE_EPOCH_MASK);
        bool pushed = tpi_ring_push(&world.rings[ring], ticket);
        EXPECT(&world.steps, pushed == (world.sizes[ring] < CAPACITY));
        if (pushed)
            ring_append(ring, task, ticket, true);
    }
}

/* ---- lives ----------------------------------------------------------------------------------- */

static void begin(uint32_t task, uint32_t generation, uint32_t limit)
{
    tpp_init(&task_at(task)->slot.generation, generation);
    tpi_task_init(task_at(task),
                  TPI_PRIORITY_NORMAL | (uint32_t)TPI_KIND_WORK << TPI_TRAIT_KIND_SHIFT |
                      limit << TPI_TRAIT_LIMIT_SHIFT,
                  NULL, 0, false);
    world.plain[task] = (struct plain){.limit = limit, .place = NOWHERE};
}

static void renew(uint32_t task, uint32_t limit)
{
    const struct plain *plain = &world.plain[task];
    if (plain->pending > 0 || plain->running > 0 || plain->detached > 0)
        return;
    struct tpi_applied applied = tpi_task_apply(task_at(task), TPI_EVENT_CLOSE, 0);
    EXPECT(&world.steps, applied.effects == TPI_EFFECT_FREE);
    tpi_inject_forget(&world.queue, task_at(task));
    begin(task, generation_of(task, false) + 2, limit);
}

static void begin_all(uint8_t first)
{
    memset(&world.rings, 0, sizeof world.rings);
    memset(&world.tasks, 0, sizeof world.tasks);
    world.count = world.leaving = world.serials = 0;
    tpi_inject_init(&world.queue, TPI_PRIORITY_NORMAL);
    for (uint32_t ring = 0; ring < RINGS; ring++) {
        uint32_t position = first & 1 ? UINT32_MAX - 2 * ring : 0;
        tpp_init(&world.rings[ring].head, position);
        tpp_init(&world.rings[ring].tail, position);
        world.sizes[ring] = 0;
        world.overflow[ring] = false;
    }
    for (uint32_t task = 0; task < TASKS; task++) {
        uint64_t epoch = first & 2 ? TPI_STATE_EPOCH_MASK - 1 : 0;
        tpp_init(&task_at(task)->word, epoch << TPI_STATE_EPOCH_SHIFT);
        begin(task, 3, task & 3);
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void check(void)
{
    const struct steps *steps = &world.steps;
    EXPECT(steps, tpi_inject_length(&world.queue) == world.count);
    for (uint32_t ring = 0; ring < RINGS; ring++)
        EXPECT(steps, tpi_ring_size(&world.rings[ring]) == world.sizes[ring]);
    for (uint32_t task = 0; task < TASKS; task++) {
        uint64_t word = tpp_peek(&task_at(task)->word);
        const struct plain *plain = &world.plain[task];
        EXPECT(steps, tpi_state_pending(word) == plain->pending);
        EXPECT(steps, tpi_state_running(word) == plain->running);
        EXPECT(steps, !(word & TPI_STATE_QUEUED) == (plain->place == NOWHERE));
        EXPECT(steps, tpp_peek(&task_at(task)->slot.linked) == (plain->place == SHARED));
        EXPECT(steps, plain->place != NOWHERE || !runnable(plain));
    }
}

MODEL_END

static void step(void)
{
    uint8_t first = take(&world.steps), second = take(&world.steps);
    uint32_t n = first >> 4, m = second >> 3, task = second % TASKS, ring = task % RINGS;
    uint32_t where = n % 4 < RINGS ? n % 4 : SHARED;
    switch ((enum kind)(first & 15)) {
    case SUBMIT:
        submit(task, m, where);
        break;
    case CLAIM:
        claim(ring, m, n != 3);
        break;
    case POP:
        pop(ring, where);
        break;
    case STEAL:
        steal(ring, (ring + n + 1) % RINGS);
        break;
    case FINISH:
        finish(task, where);
        break;
    case CANCEL:
        cancel(task, m & 1);
        break;
    case HELP:
        help(task, m & 1);
        break;
    case LEAVE:
        leave(task, where);
        break;
    case REJOIN:
        rejoin(task, where);
        break;
    case SPILL:
        spill(ring, m < 31 ? m : CAPACITY);
        break;
    case JUNK:
        junk(ring, 8 * n + m + 1);
        break;
    case RENEW:
        renew(task, n % 4);
        break;
    case LENGTH:
        break;
    }
    check();
    world.steps.count++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world.steps = (struct steps){"deque", data, size, 0};
    begin_all(take(&world.steps));
    while (world.steps.left > 0)
        step();
    for (uint32_t ring = 0; ring < RINGS; ring++) /* what is there is what should be */
        spill(ring, CAPACITY);
    check();
    while (world.count > 0) {
        claim(0, 0, false);
        check();
    }
    return 0;
}
