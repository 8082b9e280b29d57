/* slab_test.c - type-stable slots: lives, generations, the order of rest, magazines, exhaustion. */
#include "core/mem/slab.h"

#include <pthread.h>

#include "tests/support/tap.h"

/* The tests use kinds in turn; a kind always has slots of one size. */
struct thing {
    struct tpi_slot slot;
    tpp_u32 owner;
    uint32_t note;
    char rest[400];
};

static bool refuse;
static uint32_t allocations;
static void *blocks[256]; /* so that what the last test forgets is not taken for a leak */

static void *allocate(void *context, size_t size, size_t alignment)
{
    void *memory;
    (void)context;
    if (alignment < sizeof memory)
        alignment = sizeof memory;
    if (refuse || allocations == 256 || posix_memalign(&memory, alignment, size) != 0)
        return NULL;
    blocks[allocations++] = memory;
    return memory;
}

static void release(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

static struct thing *new_thing(enum tpi_kind kind, struct tpi_magazine *magazine)
{
    struct tpi_slot *slot = tpi_slab_new(kind, sizeof(struct thing), magazine);
    return slot ? tpi_container(slot, struct thing, slot) : NULL;
}

/* First of all tests: nothing has been allocated yet. */
TAP_TEST(slab__nothing_is_used_before_the_first_slot)
{
    check(!tpi_slab_used());
    check_eq(tpi_slab_in_use(TPI_KIND_WORK), 0);
    check(tpi_slab_at(TPI_KIND_WORK, 0) == NULL);
    refuse = true;
    check(tpi_slab_new(TPI_KIND_WORK, sizeof(struct thing), NULL) == NULL);
    refuse = false;
    check(!tpi_slab_used());
}

TAP_TEST(slab__a_slot_is_zero_the_first_time_and_found_by_its_index)
{
    struct thing *a = new_thing(TPI_KIND_WORK, NULL), *b = new_thing(TPI_KIND_WORK, NULL);
    require(a && b && a != b);
    check(tpi_slab_used());
    check_eq((uintptr_t)a % TPI_SLOT_ALIGNMENT, 0);
    check_eq(a->note, 0);
    check(tpi_slot_live(tpi_slot_generation(&a->slot)));
    check(tpi_slab_at(TPI_KIND_WORK, tpi_slot_index(&a->slot)) == &a->slot);
    check(tpi_slab_at(TPI_KIND_WORK, tpi_slot_index(&b->slot)) == &b->slot);
    check(tpi_slab_at(TPI_KIND_NONE, tpi_slot_index(&b->slot)) == &b->slot);
    check(tpi_slab_at(TPI_KIND_POOL, tpi_slot_index(&a->slot)) == NULL);
    check_eq(tpi_slab_in_use(TPI_KIND_WORK), 2);
    tpi_slab_free(TPI_KIND_WORK, &a->slot, NULL);
    tpi_slab_free(TPI_KIND_WORK, &b->slot, NULL);
    check_eq(tpi_slab_in_use(TPI_KIND_WORK), 0);
    check(tpi_slab_at(TPI_KIND_WORK, tpi_slot_index(&a->slot)) == &a->slot);
}

/* Numbers that no slot has, all through the range: none is found, nothing is touched. */
TAP_TEST(slab__an_index_that_never_was_is_not_found)
{
    uint32_t found = 0, slots = 0;
    for (uint64_t index = 0; index <= UINT32_MAX; index += index < 4096 ? 1 : 65537)
        if (tpi_slab_at(TPI_KIND_WORK, (uint32_t)index))
            found++;
    slots = (TPP_SLAB_SIZE - 1) / sizeof(struct thing);
    check(found > 0 && found <= slots);
    check(tpi_slab_at(TPI_KIND_WORK, UINT32_MAX) == NULL);
}

TAP_TEST(slab__each_life_has_a_generation_of_its_own)
{
    struct thing *thing = new_thing(TPI_KIND_ENV, NULL);
    require(thing);
    uint32_t first = tpi_slot_generation(&thing->slot);
    thing->note = 77;
    tpi_slab_free(TPI_KIND_ENV, &thing->slot, NULL);
    check_eq(tpi_slot_generation(&thing->slot), first + 1);
    check(!tpi_slot_live(first + 1));
    struct thing *again = NULL;
    uint32_t others = 0;
    while ((again = new_thing(TPI_KIND_ENV, NULL)) != thing) {
        require(again && others++ < 1000);
        tpi_slab_free(TPI_KIND_ENV, &again->slot, NULL);
    }
    /* It came back after all the others had their turn, as its last user left it. */
    check(others > 50);
    check_eq(tpi_slot_generation(&again->slot), first + 2);
    check_eq(again->note, 77);
    tpi_slab_free(TPI_KIND_ENV, &again->slot, NULL);
}

TAP_TEST(slab__retire_succeeds_once_for_a_generation)
{
    struct thing *thing = new_thing(TPI_KIND_EVENT, NULL);
    require(thing);
    uint32_t generation = tpi_slot_generation(&thing->slot);
    check(!tpi_slab_retire(&thing->slot, generation + 2));
    check(tpi_slab_retire(&thing->slot, generation));
    check(!tpi_slab_retire(&thing->slot, generation));
    check(tpi_slot_live(tpi_slot_generation(&thing->slot)));
    tpi_slab_free(TPI_KIND_EVENT, &thing->slot, NULL);
    check_eq(tpi_slab_in_use(TPI_KIND_EVENT), 0);
}

static bool count_visit(struct tpi_slot *slot, void *context)
{
    uint32_t *left = context;
    check(tpi_slab_at(TPI_KIND_GROUP, tpi_slot_index(slot)) == slot);
    return --*left > 0;
}

TAP_TEST(slab__each_visits_every_slot_and_stops_when_told)
{
    struct thing *things[300];
    for (uint32_t i = 0; i < 300; i++)
        things[i] = new_thing(TPI_KIND_GROUP, NULL);
    check_eq(tpi_slab_in_use(TPI_KIND_GROUP), 300);
    uint32_t left = 7;
    tpi_slab_each(TPI_KIND_GROUP, count_visit, &left);
    check_eq(left, 0);
    left = UINT32_MAX;
    tpi_slab_each(TPI_KIND_GROUP, count_visit, &left);
    check(UINT32_MAX - left >= 300);
    for (uint32_t i = 0; i < 300; i++)
        tpi_slab_free(TPI_KIND_GROUP, &things[i]->slot, NULL);
    check_eq(tpi_slab_in_use(TPI_KIND_GROUP), 0);
}

/* What was given back is enough for as many again: only new records want memory. */
TAP_TEST(slab__freed_slots_need_no_memory)
{
    struct thing *things[300];
    for (int round = 0; round < 3; round++) {
        refuse = round > 0;
        for (uint32_t i = 0; i < 300; i++) {
            things[i] = new_thing(TPI_KIND_SEMAPHORE, NULL);
            require(things[i]);
        }
        for (uint32_t i = 0; i < 300; i++)
            tpi_slab_free(TPI_KIND_SEMAPHORE, &things[i]->slot, NULL);
    }
    refuse = false;
}

TAP_TEST(slab__without_memory_new_says_so_and_nothing_changes)
{
    struct thing *things[2000];
    uint32_t count = 0;
    refuse = true;
    check(new_thing(TPI_KIND_MUTEX, NULL) == NULL);
    refuse = false;
    things[count++] = new_thing(TPI_KIND_MUTEX, NULL);
    require(things[0]);
    refuse = true;
    while (count < 2000 && (things[count] = new_thing(TPI_KIND_MUTEX, NULL)))
        count++;
    refuse = false;
    check(count > 50 && count < 2000);
    check_eq(tpi_slab_in_use(TPI_KIND_MUTEX), count);
    struct thing *next = new_thing(TPI_KIND_MUTEX, NULL);
    require(next);
    tpi_slab_free(TPI_KIND_MUTEX, &next->slot, NULL);
    while (count > 0)
        tpi_slab_free(TPI_KIND_MUTEX, &things[--count]->slot, NULL);
    check_eq(tpi_slab_in_use(TPI_KIND_MUTEX), 0);
}

/* ---- magazines ------------------------------------------------------------------------------- */

static uint32_t chain_length(const struct tpi_chain *chain)
{
    uint32_t length = 0;
    for (const struct tpi_slot *slot = chain->first; slot; length++)
        slot = slot->link.next ? tpi_container(slot->link.next, struct tpi_slot, link) : NULL;
    return length;
}

static void check_magazine(const struct tpi_magazine *magazine)
{
    check(chain_length(&magazine->loaded) <= magazine->loaded.count);
    check(chain_length(&magazine->spare) <= magazine->spare.count);
    check(magazine->loaded.count <= TPP_MAGAZINE);
    check(magazine->spare.count <= TPP_MAGAZINE);
}

TAP_TEST(slab__a_magazine_gives_the_warmest_slot_and_stays_small)
{
    struct tpi_magazine magazine = {{NULL, 0}, {NULL, 0}};
    struct thing *things[500];
    struct thing *first = new_thing(TPI_KIND_SIMPLE, &magazine);
    require(first);
    tpi_slab_free(TPI_KIND_SIMPLE, &first->slot, &magazine);
    check(new_thing(TPI_KIND_SIMPLE, &magazine) == first);
    tpi_slab_free(TPI_KIND_SIMPLE, &first->slot, &magazine);
    for (uint32_t i = 0; i < 500; i++) {
        things[i] = new_thing(TPI_KIND_SIMPLE, &magazine);
        require(things[i]);
        check_magazine(&magazine);
    }
    check_eq(tpi_slab_in_use(TPI_KIND_SIMPLE), 500);
    for (uint32_t i = 0; i < 500; i++) {
        tpi_slab_free(TPI_KIND_SIMPLE, &things[i]->slot, &magazine);
        check_magazine(&magazine);
    }
    tpi_slab_flush(TPI_KIND_SIMPLE, &magazine);
    check(!magazine.loaded.first && !magazine.spare.first);
    check_eq(tpi_slab_in_use(TPI_KIND_SIMPLE), 0);
}

/* What one thread gave back is there for every other. */
TAP_TEST(slab__flushed_slots_serve_others_without_memory)
{
    struct tpi_magazine one = {{NULL, 0}, {NULL, 0}}, two = {{NULL, 0}, {NULL, 0}};
    struct thing *things[500];
    refuse = true; /* the test before left 500 slots in the depot */
    for (uint32_t i = 0; i < 500; i++) {
        things[i] = new_thing(TPI_KIND_SIMPLE, i % 2 ? &one : &two);
        require(things[i]);
    }
    for (uint32_t i = 0; i < 500; i++)
        tpi_slab_free(TPI_KIND_SIMPLE, &things[i]->slot, i % 3 ? &one : &two);
    tpi_slab_flush(TPI_KIND_SIMPLE, &one);
    tpi_slab_flush(TPI_KIND_SIMPLE, &two);
    uint32_t single = 0;
    while (single < 500 && (things[single] = new_thing(TPI_KIND_SIMPLE, NULL)))
        single++;
    check_eq(single, 500);
    while (single > 0)
        tpi_slab_free(TPI_KIND_SIMPLE, &things[--single]->slot, NULL);
    refuse = false;
}

/* ---- many threads ---------------------------------------------------------------------------- */

#define THREADS 4
#define HELD 60
static uint32_t rounds = 3000;
static tpp_u32 twice, stale;

static void take_hold(struct thing *thing, uint32_t self)
{
    if (tpp_exchange_acq_rel(&thing->owner, self) != 0)
        tpp_add_relaxed(&twice, 1);
}

static void let_go(enum tpi_kind kind, struct thing *thing, uint32_t self,
                   struct tpi_magazine *magazine)
{
    if (tpp_exchange_acq_rel(&thing->owner, 0) != self)
        tpp_add_relaxed(&twice, 1);
    tpi_slab_free(kind, &thing->slot, magazine);
}

static void churn(enum tpi_kind kind, uint32_t self, struct tpi_magazine *magazine)
{
    struct thing *held[HELD] = {NULL};
    uint32_t dice = self * 2654435761u;
    for (uint32_t i = 0; i < rounds * HELD / 8; i++) {
        dice = dice * 1664525u + 1013904223u;
        struct thing **place = &held[(dice >> 16) % HELD];
        if (*place) {
            let_go(kind, *place, self, magazine);
            *place = NULL;
        } else if ((*place = new_thing(kind, magazine))) {
            take_hold(*place, self);
            if (tpi_slab_at(kind, tpi_slot_index(&(*place)->slot)) != &(*place)->slot)
                tpp_add_relaxed(&stale, 1);
        }
    }
    for (uint32_t i = 0; i < HELD; i++)
        if (held[i])
            let_go(kind, held[i], self, magazine);
}

static void *churn_both(void *memory)
{
    uint32_t self = (uint32_t)(uintptr_t)memory;
    struct tpi_magazine magazine = {{NULL, 0}, {NULL, 0}};
    churn(TPI_KIND_POOL, self, NULL);
    churn(TPI_KIND_EXTRA, self, &magazine);
    tpi_slab_flush(TPI_KIND_EXTRA, &magazine);
    return NULL;
}

TAP_TEST(slab__no_slot_has_two_owners_among_threads)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        check_eq(pthread_create(&threads[i], NULL, churn_both, (void *)(i + 1)), 0);
    for (uint32_t i = 0; i < THREADS; i++)
        check_eq(pthread_join(threads[i], NULL), 0);
    check_eq(tpp_load_acquire(&twice), 0);
    check_eq(tpp_load_acquire(&stale), 0);
    check_eq(tpi_slab_in_use(TPI_KIND_POOL), 0);
    check_eq(tpi_slab_in_use(TPI_KIND_EXTRA), 0);
}

static struct thing *retired;
static uint32_t retired_generation;
static pthread_barrier_t barrier;
static tpp_u32 winners;

static void *retire_it(void *memory)
{
    (void)memory;
    for (uint32_t i = 0; i < rounds; i++) {
        pthread_barrier_wait(&barrier);
        if (tpi_slab_retire(&retired->slot, retired_generation))
            tpp_add_relaxed(&winners, 1);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

TAP_TEST(slab__two_retire_one_succeeds)
{
    pthread_t other;
    retired = new_thing(TPI_KIND_EVENT, NULL);
    require(retired && pthread_barrier_init(&barrier, NULL, 2) == 0);
    retired_generation = tpi_slot_generation(&retired->slot);
    require(pthread_create(&other, NULL, retire_it, NULL) == 0);
    for (uint32_t i = 0; i < rounds; i++) {
        pthread_barrier_wait(&barrier);
        if (tpi_slab_retire(&retired->slot, retired_generation))
            tpp_add_relaxed(&winners, 1);
        pthread_barrier_wait(&barrier);
        retired_generation = tpi_slot_generation(&retired->slot);
        check_eq(tpp_exchange_acq_rel(&winners, 0), 1);
    }
    pthread_join(other, NULL);
    pthread_barrier_destroy(&barrier);
    tpi_slab_free(TPI_KIND_EVENT, &retired->slot, NULL);
}

/* Last: what follows would find a new process. */
TAP_TEST(slab__reset_forgets_everything)
{
    struct thing *thing = new_thing(TPI_KIND_WORK, NULL);
    require(thing);
    uint32_t index = tpi_slot_index(&thing->slot);
    tpi_slab_reset();
    check(!tpi_slab_used());
    check(tpi_slab_at(TPI_KIND_WORK, index) == NULL);
    check_eq(tpi_slab_in_use(TPI_KIND_WORK), 0);
    check(allocations > 0 && blocks[allocations - 1] != NULL);
}

int main(void)
{
    struct tpp_memory_hooks hooks = {allocate, release, NULL};
    tpp_memory_hooks(&hooks);
    tap_run(slab__nothing_is_used_before_the_first_slot);
    tap_run(slab__a_slot_is_zero_the_first_time_and_found_by_its_index);
    tap_run(slab__an_index_that_never_was_is_not_found);
    tap_run(slab__each_life_has_a_generation_of_its_own);
    tap_run(slab__retire_succeeds_once_for_a_generation);
    tap_run(slab__each_visits_every_slot_and_stops_when_told);
    tap_run(slab__freed_slots_need_no_memory);
    tap_run(slab__without_memory_new_says_so_and_nothing_changes);
    tap_run(slab__a_magazine_gives_the_warmest_slot_and_stays_small);
    tap_run(slab__flushed_slots_serve_others_without_memory);
    tap_run(slab__no_slot_has_two_owners_among_threads);
    tap_run(slab__two_retire_one_succeeds);
    tap_run(slab__reset_forgets_everything);
    return tap_done();
}
