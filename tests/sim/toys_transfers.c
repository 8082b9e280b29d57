/* toys_transfers.c - toys that misunderstand operations and rings. */
#include <errno.h>
#include <poll.h>

#include "tests/sim/toys.h"

enum { STREAM = 3, SOCKET = 4 };

static struct tpp_ring *ring;
static struct tpp_poller *poller;
static unsigned char bytes[16];

static void begin(void)
{
    tpps_descriptor_open(STREAM, TPPS_STREAM);
    tpps_descriptor_open(SOCKET, TPPS_SOCKET);
    tpps_check(tpp_ring_open(&ring) == 0 && tpp_poller_open(&poller) == 0);
    tpps_check(tpp_poller_add(poller, tpp_ring_descriptor(ring), POLLIN, 1) == 0);
}

static void end(void)
{
    tpp_poller_close(poller);
    tpp_ring_close(ring);
}

static struct tpp_request request(int number, enum tpp_opcode opcode)
{
    return (struct tpp_request){.descriptor = number,
                                .opcode = (uint8_t)opcode,
                                .kind = number == SOCKET ? TPP_SOCKET : TPP_STREAM,
                                .buffer = bytes,
                                .length = sizeof bytes,
                                .offset = -1};
}

static void flush(void)
{
    while (!tpp_ring_flush(ring))
        ;
}

static void put(const struct tpp_request *r, uint64_t key)
{
    tpps_check(tpp_ring_put(ring, r, key));
    flush();
}

static struct tpp_completion take_one(void)
{
    struct tpp_poller_event event;
    struct tpp_completion completion;
    while (tpp_ring_take(ring, &completion, 1) == 0)
        (void)tpp_poller_wait(poller, &event, 1, TPP_FOREVER);
    return completion;
}

static bool was_not_begun(struct tpp_outcome outcome)
{
    return outcome.error == EAGAIN || outcome.error == EINTR || outcome.error == ECANCELED;
}

/* ---- a short write is taken for a whole one -------------------------------------------------- */

static void trusts_length(void *arg)
{
    struct tpp_request r = request(STREAM, TPP_WRITE);
    struct tpp_outcome outcome;
    (void)arg;
    tpps_descriptor_open(STREAM, TPPS_STREAM);
    tpps_stream_room(STREAM, 100);
    do {
        outcome = tpp_operate(&r, false);
        if (toy_bug == 0)
            r.length -= outcome.bytes;
    } while (outcome.error == EAGAIN || (toy_bug == 0 && r.length != 0));
    if (tpps_bytes_written(STREAM) != sizeof bytes)
        tpps_fail("bytes lost");
}

/* ---- what the system has ended before it began is taken for the end -------------------------- */

static void trusts_error(void *arg)
{
    struct tpp_request r = request(STREAM, TPP_READ);
    struct tpp_completion completion;
    (void)arg;
    begin();
    tpps_stream_feed(STREAM, 5);
    do {
        put(&r, 1);
        completion = take_one();
    } while (toy_bug == 0 && was_not_begun(completion.outcome));
    if (tpps_bytes_read(STREAM) == 0)
        tpps_fail("nothing was read");
    end();
}

/* ---- a flush is taken to leave nothing ------------------------------------------------------- */

static void trusts_flush(void *arg)
{
    struct tpp_request r[3] = {request(SOCKET, TPP_POLL), request(SOCKET, TPP_POLL),
                               request(SOCKET, TPP_POLL)};
    (void)arg;
    begin();
    tpps_stream_end(SOCKET);
    for (uint64_t key = 1; key <= 3; key++) {
        r[key - 1].flags = POLLIN;
        tpps_check(tpp_ring_put(ring, &r[key - 1], key));
    }
    while (!tpp_ring_flush(ring) && toy_bug == 0)
        ;
    for (int i = 0; i < 3; i++)
        (void)take_one();
    end();
}

/* ---- a buffer is freed once its request is aborted ------------------------------------------- */

static void trusts_abort(void *arg)
{
    struct tpp_request r = request(STREAM, TPP_READ);
    (void)arg;
    begin();
    r.buffer = tpp_alloc(sizeof bytes, 8);
    if (r.buffer == NULL)
        tpps_fail("no memory");
    put(&r, 1);
    tpps_check(tpp_ring_abort(ring, 1));
    flush();
    if (toy_bug != 0)
        tpp_free(r.buffer, sizeof bytes);
    (void)take_one();
    if (toy_bug == 0)
        tpp_free(r.buffer, sizeof bytes);
    end();
}

/* ---- an abort is taken to come in time ------------------------------------------------------- */

static void peer_connects(void *arg)
{
    (void)arg;
    tpps_socket_offer(SOCKET, 1);
}

static void forgets_connection(void *arg)
{
    struct tpp_request r = request(SOCKET, TPP_ACCEPT);
    struct tpp_completion completion;
    tpps_thread peer;
    (void)arg;
    begin();
    tpps_socket_offer(SOCKET, 0);
    peer = tpps_spawn(peer_connects, NULL);
    put(&r, 1);
    tpps_check(tpp_ring_abort(ring, 1));
    flush();
    completion = take_one();
    if (completion.outcome.error == 0 && toy_bug == 0)
        tpp_file_close((int)completion.outcome.bytes);
    end();
    tpps_join(peer);
    if (tpps_files_open() != 2)
        tpps_fail("a connection is left open");
}

/* ---- a number is given back before the flush ------------------------------------------------- */

static void drops_first(void *arg)
{
    struct tpp_request r = request(STREAM, TPP_READ);
    int own;
    (void)arg;
    begin();
    tpps_stream_end(STREAM);
    tpps_check(tpp_file_keep(STREAM, &own) == 0);
    r.descriptor = own;
    tpps_check(tpp_ring_put(ring, &r, 1));
    if (toy_bug != 0)
        tpp_file_drop(own);
    flush();
    if (toy_bug == 0)
        tpp_file_drop(own);
    (void)take_one();
    end();
}

/* ---- two threads put, and one of them flushes under no lock ---------------------------------- */

static tpp_u32 turn;

static void putter(void *arg)
{
    static struct tpp_request r[2];
    uint64_t key = (uintptr_t)arg;
    r[key - 1] = request(SOCKET, TPP_POLL);
    while (tpp_exchange_acq_rel(&turn, 1) != 0)
        tpp_cpu_relax();
    tpps_check(tpp_ring_put(ring, &r[key - 1], key));
    if (toy_bug == 0)
        flush();
    tpp_store_release(&turn, 0);
    if (toy_bug != 0)
        flush();
}

static void flushes_outside(void *arg)
{
    tpps_thread a, b;
    (void)arg;
    begin();
    tpp_init(&turn, 0);
    tpps_stream_hang_up(SOCKET);
    a = tpps_spawn(putter, (void *)1);
    b = tpps_spawn(putter, (void *)2);
    tpps_join(a);
    tpps_join(b);
    (void)take_one();
    (void)take_one();
    end();
}

const struct toy toys_transfers[] = {
    {"short write is taken for a whole one", trusts_length, 1, TOY_PLAIN, "bytes lost", 100, 0, 0},
    {"what was not begun is taken for the end", trusts_error, 1, TOY_PLAIN, "nothing was read", 200,
     0, 0},
    {"flush is taken to leave nothing", trusts_flush, 1, TOY_PLAIN, "deadlock", 200, 0, 0},
    {"buffer is freed with the abort", trusts_abort, 1, TOY_HEAP, "after it was freed", 100, 0, 0},
    {"abort is taken to come in time", forgets_connection, 1, TOY_PLAIN, "left open", 500, 0, 0},
    {"number is given back before the flush", drops_first, 1, TOY_PLAIN, "has given back", 100, 0,
     0},
    {"flush under no lock", flushes_outside, 1, TOY_PLAIN, "at once", 500, 0, 0},
};
const size_t toys_transfers_count = sizeof toys_transfers / sizeof *toys_transfers;
