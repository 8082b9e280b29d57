/* ring.c - the ring of tickets described in ring.h. */
#include "core/queue/ring.h"

#define SLOT(position) ((position) & (TPP_RING_CAPACITY - 1))

bool tpi_ring_push(struct tpi_ring *ring, uint64_t ticket)
{
    /* relaxed: only the owner writes tail, and this is the owner. */
    uint32_t tail = tpp_load_relaxed(&ring->tail);
    /* [RG1] acquire: whoever moved head has finished reading the slots it gave back. */
    if (tail - tpp_load_acquire(&ring->head) >= TPP_RING_CAPACITY)
        return false;
    tpp_store_relaxed(&ring->tickets[SLOT(tail)], ticket); /* relaxed: released with tail */
    /* [RG2] release: the ticket is written before tail says so. Pairs with the acquires of tail in
     * tpi_ring_steal and tpi_ring_size. */
    tpp_store_release(&ring->tail, tail + 1);
    return true;
}

uint32_t tpi_ring_take(struct tpi_ring *ring, uint64_t *tickets, uint32_t count)
{
    /* [RG1] More than it takes to acquire, here and in the swap: the owner reads what it wrote. */
    uint32_t head = tpp_load_acquire(&ring->head);
    for (;;) {
        /* relaxed: the owner's own word. */
        uint32_t available = tpp_load_relaxed(&ring->tail) - head;
        if (available == 0)
            return 0;
        if (count > available)
            count = available;
        for (uint32_t i = 0; i < count; i++) /* relaxed: the owner wrote them itself */
            tickets[i] = tpp_load_relaxed(&ring->tickets[SLOT(head + i)]);
        /* [RG1] release: the slots have been read before they are given back, and a move that has
         * begun is seen by who finds them gone. Ends: each failure is another's success. */
        if (tpp_cas_acq_rel(&ring->head, &head, head + count))
            return count;
    }
}

bool tpi_ring_pop(struct tpi_ring *ring, uint64_t *ticket_out)
{
    return tpi_ring_take(ring, ticket_out, 1) == 1;
}

uint32_t tpi_ring_steal(struct tpi_ring *ring, struct tpi_ring *victim)
{
    uint32_t tail = tpp_load_relaxed(&ring->tail); /* relaxed: the caller owns `ring` */
    /* [RG1] More than it takes to acquire, here and below: the swap tells whether it was true, and
     * tail brings the tickets. */
    uint32_t head = tpp_load_acquire(&victim->head);
    for (;;) {
        /* [RG2] acquire: pairs with the release in tpi_ring_push. */
        uint32_t available = tpp_load_acquire(&victim->tail) - head;
        uint32_t count = available - available / 2;
        if (available == 0)
            return 0;
        if (count > TPP_RING_CAPACITY / 2) {
            /* Head and tail were read at different times: look again. */
            head = tpp_load_acquire(&victim->head); /* [RG1] */
            continue;
        }
        for (uint32_t i = 0; i < count; i++) {
            /* relaxed: ordered by tail above; what the owner overwrites meanwhile is thrown away
             * with the failing swap below. */
            uint64_t ticket = tpp_load_relaxed(&victim->tickets[SLOT(head + i)]);
            tpp_store_relaxed(&ring->tickets[SLOT(tail + i)], ticket);
        }
        /* [RG1] as in tpi_ring_take. */
        if (tpp_cas_acq_rel(&victim->head, &head, head + count)) {
            tpp_store_release(&ring->tail, tail + count); /* [RG2] */
            return count;
        }
    }
}

uint32_t tpi_ring_size(struct tpi_ring *ring)
{
    /* [RG1] acquire: a move that took tickets away is seen to have begun, [MV1]. */
    uint32_t head = tpp_load_acquire(&ring->head);
    /* [RG2] Relaxed would do: what was in a queue before is here by the order of its count. */
    uint32_t size = tpp_load_acquire(&ring->tail) - head;
    return size > TPP_RING_CAPACITY ? TPP_RING_CAPACITY : size; /* head may have moved between */
}
