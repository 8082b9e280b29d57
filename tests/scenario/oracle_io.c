/* oracle_io.c - what must be true of I/O objects, their operations and a pool's ring whenever
 * nobody can run. */
#include "core/object/io.h"
#include "core/sched/operations.h"
#include "tests/scenario/oracle_state.h"

/* The I/O of one pool, added up. */
struct ios {
    struct tpi_pool *pool;
    struct oracle_io sums;
    uint32_t objects, ringed;
    bool neglected; /* something is ready, an operation waits for it, and nobody has tried */
};

BLIND static uint32_t length_of(const struct tpi_link *head)
{
    uint32_t count = 0;
    for (const struct tpi_link *link = head->next; link != head; link = link->next, count++)
        if (link->next->prev != link || link->prev->next != link)
            tpps_fail("oracle: a list of an I/O object is broken");
    return count;
}

BLIND static bool stands_in(const struct tpi_link *head, const struct tpi_link *wanted)
{
    for (const struct tpi_link *link = head->next; link != head; link = link->next)
        if (link == wanted)
            return true;
    return false;
}

/* ---- operations ------------------------------------------------------------------------------ */

BLIND static void check_waiting(struct ios *ios, struct tpi_operation *operation)
{
    struct tpi_channel *channel = operation->channel;
    uint32_t told = operation->states | TPI_ALWAYS;
    if (!stands_in(&channel->waiting, &operation->link))
        tpps_fail("oracle: LOST: an operation waits in no list");
    if (!channel->polled || (operation->states & ~channel->listens_for) ||
        tpps_descriptor_interests(channel->own) == 0)
        tpps_fail("oracle: LOST: an operation waits for what no poller tells of");
    if (tpps_descriptor_ready(channel->own) & told)
        ios->neglected = true;
}

BLIND static void check_queued(struct ios *ios, struct tpi_operation *operation)
{
    struct tpi_task *task = &operation->task;
    uint64_t word = tpp_peek(&task->word);
    bool linked = tpp_peek(&task->slot.linked) != 0;
    if (!(word & TPI_STATE_QUEUED) ||
        (!linked && !oracle_in_a_ring(ios->pool, task, tpi_state_epoch(word))))
        tpps_fail("oracle: LOST: an operation is to be carried out by a worker and in no queue");
    ios->sums.work = true;
}

BLIND static void check_operation(struct ios *ios, struct tpi_operation *operation)
{
    switch ((enum tpi_place)operation->place) {
    case TPI_PLACE_NOWHERE:
        tpps_fail("oracle: LOST: an operation is in flight nowhere");
    case TPI_PLACE_THREAD:
        if (!tpi_operation_blocks(operation))
            tpps_fail("oracle: LOST: an operation is in the hands of a thread that sleeps");
        ios->sums.carried++;
        break;
    case TPI_PLACE_QUEUE:
        check_queued(ios, operation);
        break;
    case TPI_PLACE_RING:
        ios->ringed++;
        break;
    case TPI_PLACE_WAITING:
        check_waiting(ios, operation);
        break;
    }
}

/* ---- objects --------------------------------------------------------------------------------- */

/* Those that somebody waits for, and those that are forgotten; returns how many of each. */
BLIND static uint32_t visit_chains(struct ios *ios, struct tpi_channel *channel)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i <= channel->chain_mask; i++)
        for (struct tpi_operation *one = channel->chains[i]; one; one = one->next, count++) {
            if (one->forgotten || one->channel != channel)
                tpps_fail("oracle: an operation stands by its key that is forgotten or astray");
            check_operation(ios, one);
        }
    return count;
}

BLIND static uint32_t visit_lost(struct ios *ios, struct tpi_channel *channel)
{
    uint32_t count = 0;
    for (struct tpi_link *link = channel->lost.next; link != &channel->lost;
         link = link->next, count++) {
        struct tpi_operation *one = tpi_container(link, struct tpi_operation, flight);
        if (!one->forgotten)
            tpps_fail("oracle: an operation is lost that is not forgotten");
        check_operation(ios, one);
    }
    return count;
}

BLIND static void check_accounts(struct tpi_channel *channel, uint32_t chained, uint32_t lost)
{
    uint64_t word = tpp_peek(&channel->task->word);
    uint32_t flying = chained + lost;
    /* The last one of a closed object, or its group, may be about to let go. */
    bool parting = word & TPI_STATE_CLOSED && channel->held == flying + 1;
    if (channel->announced_count != length_of(&channel->announced) || channel->lost_count != lost)
        tpps_fail("oracle: an I/O object counts its announcements or lost operations wrong");
    if (channel->expected != channel->announced_count + chained)
        tpps_fail("oracle: %u credits are out, %u are announced and %u in flight",
                  channel->expected, channel->announced_count, chained);
    if (channel->held != flying && !parting)
        tpps_fail("oracle: an I/O object is held %u times, %u operations are in flight",
                  channel->held, flying);
    if (!(word & TPI_STATE_EXPECTED) != (channel->expected == 0) ||
        !(word & TPI_STATE_HELD) != (channel->held == 0))
        tpps_fail("oracle: an I/O object's word and its accounts disagree: %u expected, %u held",
                  channel->expected, channel->held);
    if (length_of(&channel->done) != tpi_state_pending(word))
        tpps_fail("oracle: %u completions are to be told, and %u posts pending",
                  length_of(&channel->done), tpi_state_pending(word));
}

BLIND static bool visit_io(struct tpi_slot *slot, void *context)
{
    struct ios *ios = context;
    struct tpi_channel *channel = &tpi_container(slot, struct tpi_io, object.task.slot)->channel;
    if (!tpi_slot_live(tpp_peek(&slot->generation)) || tpp_peek(&channel->task->home) != ios->pool)
        return true;
    ios->objects++;
    uint32_t chained = visit_chains(ios, channel);
    check_accounts(channel, chained, visit_lost(ios, channel));
    if (tpps_descriptor_interests(channel->own) == 0 && channel->polled)
        tpps_fail("oracle: an I/O object believes in a registration that is not there");
    return true;
}

/* ---- pools ----------------------------------------------------------------------------------- */

/* Whoever sleeps in the poller is told of outcomes, too. */
BLIND static void check_told(const struct ios *ios)
{
    struct tpi_pool *pool = ios->pool;
    bool covered = (int64_t)tpp_peek(&pool->reactor.cover) != TPP_FOREVER;
    bool driver = tpp_peek(&pool->reactor.driver) != 0;
    if (ios->neglected && driver)
        tpps_fail("oracle: LATE: an operation could go on, and who sleeps in the poller sleeps on");
    if (ios->neglected && !covered)
        tpps_fail("oracle: STRANDED: an operation could go on, and nobody will look");
    if (tpp_peek(&pool->port.unflushed) > 0 && !driver && !covered)
        tpps_fail("oracle: STRANDED: requests are to be flushed, and nobody will");
    if (oracle.pool_count == 1 && tpps_requests_landed() > 0 && (driver || !covered))
        tpps_fail("oracle: STRANDED: outcomes are to be taken, and nobody will");
}

BLIND void oracle_io(struct tpi_pool *pool, bool alive, struct oracle_io *io_out)
{
    struct ios ios = {.pool = pool};
    tpi_slab_each(TPI_KIND_IO, visit_io, &ios);
    if (ios.objects != pool->reactor.channels)
        tpps_fail("oracle: a pool counts %u I/O objects, but has %u", pool->reactor.channels,
                  ios.objects);
    if (!alive)
        return;
    if (tpp_peek(&pool->port.away) != ios.ringed)
        tpps_fail("oracle: %u operations are with the ring, which has %u", ios.ringed,
                  tpp_peek(&pool->port.away));
    check_told(&ios);
    *io_out = ios.sums;
}
