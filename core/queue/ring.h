/* ring.h - a worker's own first-in-first-out queue of tickets, from which others may steal.
 *
 *         head                          tail
 *          v                             v
 *   ... |  t1  |  t2  |  t3  |  ...  |      |        positions only grow; slot = position mod size
 *
 *   operation     who                       may run beside
 *   push          the owner                 steal
 *   pop, take     the owner                 steal
 *   steal         any other worker          everything
 *   size          anybody                   everything (a snapshot)
 *
 * Invariant: head <= tail <= head + size, and the slots in [head, tail) hold the tickets in order.
 * The owner alone moves tail. Head is moved by compare-and-swap, by whoever takes tickets; a thief
 * first copies, then swaps, and throws its copy away if it lost. Pop and push are lock-free; a
 * steal fails only if somebody else took something. The scheme is that of Go's run queues.
 *
 * A ticket is a number, never a pointer: one whose task was cancelled stays here and is recognised
 * as stale by whoever takes it. */
#ifndef TPI_QUEUE_RING_H
#define TPI_QUEUE_RING_H

#include "core/os/os.h"
#include "tpp_tune.h"

struct tpi_ring {
    _Alignas(128) tpp_u32 head; /* atomic: [RG1] */
    _Alignas(128) tpp_u32 tail; /* atomic: [RG2], written by the owner only */
    _Alignas(128) tpp_u64 tickets[TPP_RING_CAPACITY];
};

/* Owner only. False if the ring is full. */
bool tpi_ring_push(struct tpi_ring *ring, uint64_t ticket);

/* Owner only. False if the ring is empty. */
bool tpi_ring_pop(struct tpi_ring *ring, uint64_t *ticket_out);

/* Owner only: takes up to `count` of the oldest tickets; returns how many. */
uint32_t tpi_ring_take(struct tpi_ring *ring, uint64_t *tickets, uint32_t count);

/* Any other worker: moves the older half of `victim` to `ring`, which the caller owns and which is
 * empty. Returns how many were moved. */
uint32_t tpi_ring_steal(struct tpi_ring *ring, struct tpi_ring *victim);

uint32_t tpi_ring_size(struct tpi_ring *ring);

#endif
