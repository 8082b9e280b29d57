/* ring_test.c - the ring of tickets against a list, over the wrap of its positions, and thieves. */
#include "core/queue/ring.h"

#include <pthread.h>
#include <sched.h>

#include "tests/support/tap.h"

#define CAPACITY TPP_RING_CAPACITY

static uint32_t dice = 12345;

static uint32_t roll(uint32_t sides)
{
    dice = dice * 1664525u + 1013904223u;
    return (dice >> 8) % sides;
}

/* Positions only grow: tests begin just before they pass 2^32. */
static void begin_at(struct tpi_ring *ring, uint32_t position)
{
    tpp_init(&ring->head, position);
    tpp_init(&ring->tail, position);
}

TAP_TEST(ring__steal_from_empty_is_empty)
{
    static struct tpi_ring ring, other;
    uint64_t ticket = 42;
    check_eq(tpi_ring_size(&ring), 0);
    check(!tpi_ring_pop(&ring, &ticket));
    check_eq(ticket, 42);
    check_eq(tpi_ring_take(&ring, &ticket, 1), 0);
    check_eq(tpi_ring_steal(&other, &ring), 0);
    check_eq(tpi_ring_size(&other), 0);
}

TAP_TEST(ring__holds_its_capacity_and_refuses_more)
{
    static struct tpi_ring ring;
    uint64_t ticket;
    begin_at(&ring, UINT32_MAX - CAPACITY / 2);
    for (uint64_t i = 0; i < CAPACITY; i++)
        check(tpi_ring_push(&ring, i));
    check(!tpi_ring_push(&ring, 9999));
    check_eq(tpi_ring_size(&ring), CAPACITY);
    check(tpi_ring_pop(&ring, &ticket));
    check_eq(ticket, 0);
    check(tpi_ring_push(&ring, CAPACITY));
    for (uint64_t i = 1; i <= CAPACITY; i++) {
        check(tpi_ring_pop(&ring, &ticket));
        check_eq(ticket, i);
    }
    check(!tpi_ring_pop(&ring, &ticket));
}

TAP_TEST(ring__steal_moves_the_older_half_in_order)
{
    static struct tpi_ring victim, thief;
    uint64_t ticket;
    for (uint32_t held = 1; held <= CAPACITY; held += held < 9 ? 1 : 31) {
        begin_at(&victim, UINT32_MAX - held / 2);
        begin_at(&thief, 7 * held);
        for (uint64_t i = 0; i < held; i++)
            tpi_ring_push(&victim, i);
        check_eq(tpi_ring_steal(&thief, &victim), held - held / 2);
        check_eq(tpi_ring_size(&thief), held - held / 2);
        check_eq(tpi_ring_size(&victim), held / 2);
        for (uint64_t i = 0; i < held; i++) {
            check(tpi_ring_pop(i < held - held / 2 ? &thief : &victim, &ticket));
            check_eq(ticket, i);
        }
    }
}

/* ---- model ----------------------------------------------------------------------------------- */

struct model {
    uint64_t tickets[CAPACITY];
    uint32_t count;
};

static void model_drop(struct model *model, uint32_t count)
{
    model->count -= count;
    memmove(model->tickets, model->tickets + count, model->count * sizeof model->tickets[0]);
}

static void take_some(struct tpi_ring *ring, struct model *model)
{
    uint64_t tickets[CAPACITY];
    uint32_t wanted = roll(2) ? 1 : roll(CAPACITY);
    uint32_t count = tpi_ring_take(ring, tickets, wanted);
    check_eq(count, wanted < model->count ? wanted : model->count);
    check(memcmp(tickets, model->tickets, count * sizeof tickets[0]) == 0);
    model_drop(model, count);
}

static void steal_some(struct tpi_ring *ring, struct model *model)
{
    static struct tpi_ring thief;
    uint64_t ticket;
    begin_at(&thief, dice);
    uint32_t count = tpi_ring_steal(&thief, ring);
    check_eq(count, model->count - model->count / 2);
    for (uint32_t i = 0; i < count; i++) {
        check(tpi_ring_pop(&thief, &ticket));
        check_eq(ticket, model->tickets[i]);
    }
    model_drop(model, count);
}

TAP_TEST(ring__behaves_as_a_list_over_the_wrap)
{
    static struct tpi_ring ring;
    struct model model = {.count = 0};
    begin_at(&ring, UINT32_MAX - 100000);
    for (uint64_t i = 0; i < 300000; i++) {
        uint32_t choice = roll(100);
        if (choice < 70) {
            bool pushed = tpi_ring_push(&ring, i);
            check_eq(pushed, model.count < CAPACITY);
            if (pushed)
                model.tickets[model.count++] = i;
        } else if (choice < 98) {
            take_some(&ring, &model);
        } else {
            steal_some(&ring, &model);
        }
        check_eq(tpi_ring_size(&ring), model.count);
    }
    check(tpp_peek(&ring.tail) < UINT32_MAX / 2); /* it did pass the wrap */
}

/* ---- thieves --------------------------------------------------------------------------------- */

#define THIEVES 3
#define TICKETS 400000u
static struct tpi_ring stress;
static unsigned char taken[TICKETS]; /* each written by whoever took the ticket */
static tpp_u32 total, done, disorder;

static void note(uint64_t ticket)
{
    if (__atomic_fetch_add(&taken[ticket], 1, __ATOMIC_RELAXED) != 0)
        tpp_add_relaxed(&disorder, 1);
    tpp_add_relaxed(&total, 1);
}

static void *thief_main(void *memory)
{
    struct tpi_ring *own = memory;
    uint64_t ticket;
    while (!tpp_load_acquire(&done)) {
        uint64_t last = 0;
        if (tpi_ring_steal(own, &stress) == 0)
            sched_yield();
        while (tpi_ring_pop(own, &ticket)) {
            if (ticket < last) /* in one haul they come in order */
                tpp_add_relaxed(&disorder, 1);
            last = ticket;
            note(ticket);
        }
        if (tpi_ring_size(&stress) > CAPACITY)
            tpp_add_relaxed(&disorder, 1);
    }
    return NULL;
}

static void owner_main(void)
{
    uint64_t ticket, last = 0;
    for (uint64_t i = 0; i < TICKETS; i++) {
        while (!tpi_ring_push(&stress, i))
            if (tpi_ring_pop(&stress, &ticket))
                note(ticket);
        if (roll(3) == 0 && tpi_ring_pop(&stress, &ticket)) {
            check(ticket >= last);
            last = ticket;
            note(ticket);
        }
    }
    while (tpi_ring_pop(&stress, &ticket))
        note(ticket);
}

TAP_TEST(ring__thieves_and_owner_take_each_ticket_once)
{
    static struct tpi_ring hauls[THIEVES];
    pthread_t thieves[THIEVES];
    begin_at(&stress, UINT32_MAX - TICKETS / 2);
    for (uint32_t i = 0; i < THIEVES; i++)
        check_eq(pthread_create(&thieves[i], NULL, thief_main, &hauls[i]), 0);
    owner_main();
    while (tpp_load_acquire(&total) < TICKETS)
        sched_yield();
    tpp_store_release(&done, 1);
    for (uint32_t i = 0; i < THIEVES; i++)
        check_eq(pthread_join(thieves[i], NULL), 0);
    check_eq(tpp_load_acquire(&total), TICKETS);
    check_eq(tpp_load_acquire(&disorder), 0);
    check_eq(tpi_ring_size(&stress), 0);
}

int main(void)
{
    tap_run(ring__steal_from_empty_is_empty);
    tap_run(ring__holds_its_capacity_and_refuses_more);
    tap_run(ring__steal_moves_the_older_half_in_order);
    tap_run(ring__behaves_as_a_list_over_the_wrap);
    tap_run(ring__thieves_and_owner_take_each_ticket_once);
    return tap_done();
}
