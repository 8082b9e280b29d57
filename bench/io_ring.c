/* io_ring.c - floors: io_uring itself. */
#include <errno.h>
#include <liburing.h>
#include <sys/socket.h>

#include "bench/io.h"
#include "bench/measure.h"

enum { ENTRIES = 256 };

/* The ring's thread opens it: the kernel then knows that nobody else uses it. */
static void open_ring(struct io_uring *ring)
{
    unsigned flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    if (io_uring_queue_init(ENTRIES, ring, flags) != 0)
        must(io_uring_queue_init(ENTRIES, ring, 0) == 0);
}

/* How many completions there are; waits for one. */
static unsigned await(struct io_uring *ring, struct io_uring_cqe **completions)
{
    int submitted = io_uring_submit_and_wait(ring, 1);
    must(submitted >= 0 || submitted == -EINTR);
    return io_uring_peek_batch_cqe(ring, completions, ENTRIES);
}

/* ---- reads ---------------------------------------------------------------------------------- */

static struct share {
    unsigned first, count; /* slots */
} shares[2];

static void begin_read(struct io_uring *ring, int file, struct io_slot *slot)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_read(entry, file, slot->buffer, IO_BLOCK, (uint64_t)slot->offset);
    io_uring_sqe_set_data(entry, slot);
}

static void *read_share(void *of)
{
    const struct share *share = of;
    struct io_uring ring;
    struct io_uring_cqe *completions[ENTRIES];
    int file = io_open_file();
    unsigned left = share->count;
    open_ring(&ring);
    for (unsigned i = 0; i < share->count; i++)
        begin_read(&ring, file, io_slot(share->first + i));
    while (left > 0) {
        unsigned count = await(&ring, completions);
        for (unsigned i = 0; i < count; i++) {
            struct io_slot *slot = io_uring_cqe_get_data(completions[i]);
            if (io_read_done(slot, completions[i]->res))
                begin_read(&ring, file, slot);
            else
                left--;
        }
        io_uring_cq_advance(&ring, count);
    }
    return NULL;
}

static void read_in_one(unsigned depth)
{
    shares[0] = (struct share){0, depth};
    io_start_thread(read_share, &shares[0]);
}

static void read_in_two(unsigned depth)
{
    shares[0] = (struct share){0, depth / 2};
    shares[1] = (struct share){depth / 2, depth - depth / 2};
    io_start_thread(read_share, &shares[0]);
    io_start_thread(read_share, &shares[1]);
}

/* ---- echoes: one receives and sends, linked -------------------------------------------------- */

static struct io_connection *connections;
static unsigned connection_count;

static void receive(struct io_uring *ring, struct io_connection *connection)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_recv(entry, connection->descriptor, connection->room, IO_ROOM, 0);
    io_uring_sqe_set_data(entry, connection);
}

/* Nothing is told of a send that succeeds. */
static void send_back(struct io_uring *ring, struct io_connection *connection, size_t bytes)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_send(entry, connection->descriptor, connection->room, bytes,
                       MSG_WAITALL | MSG_NOSIGNAL);
    io_uring_sqe_set_flags(entry, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data(entry, NULL);
    receive(ring, connection);
}

static void *loop(void *unused)
{
    struct io_uring ring;
    struct io_uring_cqe *completions[ENTRIES];
    open_ring(&ring);
    for (unsigned i = 0; i < connection_count; i++)
        receive(&ring, &connections[i]);
    for (;;) {
        unsigned count = await(&ring, completions);
        for (unsigned i = 0; i < count; i++) {
            struct io_connection *connection = io_uring_cqe_get_data(completions[i]);
            if (connection && completions[i]->res > 0)
                send_back(&ring, connection, (size_t)completions[i]->res);
        }
        io_uring_cq_advance(&ring, count);
    }
    return unused;
}

static void serve(const int *descriptors, unsigned count)
{
    connections = io_connections(descriptors, count);
    connection_count = count;
    io_start_thread(loop, NULL);
}

const struct io_side ring_io_side = {
    .name = "ring",
    .about = "io_uring, one thread; a send and the next recv are linked",
    .floor = true,
    .read = read_in_one,
    .serve = serve,
};

const struct io_side ring_two_io_side = {
    .name = "ring-2",
    .about = "two threads with a ring each",
    .floor = true,
    .read = read_in_two,
    .depth_least = 2,
};

/* ---- echoes: receives that stay -------------------------------------------------------------- */

enum { SHOT_BYTES = 256, SHOT_BUFFERS = 256, SHOT_GROUP = 1 };

static struct io_uring_buf_ring *buffers;
static unsigned char *buffer_room;

static void give_buffer(unsigned id, int place)
{
    io_uring_buf_ring_add(buffers, buffer_room + (size_t)id * SHOT_BYTES, SHOT_BYTES,
                          (unsigned short)id, io_uring_buf_ring_mask(SHOT_BUFFERS), place);
}

static void give_all_buffers(struct io_uring *ring)
{
    buffers = io_room(SHOT_BUFFERS, sizeof(struct io_uring_buf));
    buffer_room = io_room(SHOT_BUFFERS, SHOT_BYTES);
    struct io_uring_buf_reg registration = {
        .ring_addr = (uintptr_t)buffers,
        .ring_entries = SHOT_BUFFERS,
        .bgid = SHOT_GROUP,
    };
    must(io_uring_register_buf_ring(ring, &registration, 0) == 0);
    io_uring_buf_ring_init(buffers);
    for (unsigned i = 0; i < SHOT_BUFFERS; i++)
        give_buffer(i, (int)i);
    io_uring_buf_ring_advance(buffers, SHOT_BUFFERS);
}

static void keep_receiving(struct io_uring *ring, struct io_connection *connection)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_recv_multishot(entry, connection->descriptor, NULL, 0, 0);
    io_uring_sqe_set_flags(entry, IOSQE_BUFFER_SELECT);
    entry->buf_group = SHOT_GROUP;
    io_uring_sqe_set_data(entry, connection);
}

/* A send of so little is over when it was submitted: the buffer can be given back then. */
static void send_shot(struct io_uring *ring, const struct io_connection *connection, unsigned id,
                      size_t bytes)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_send(entry, connection->descriptor, buffer_room + (size_t)id * SHOT_BYTES, bytes,
                       MSG_WAITALL | MSG_NOSIGNAL);
    io_uring_sqe_set_flags(entry, IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data(entry, NULL);
}

static void handle_shots(struct io_uring *ring, struct io_uring_cqe **completions, unsigned count)
{
    unsigned ids[ENTRIES], used = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct io_uring_cqe *completion = completions[i];
        struct io_connection *connection = io_uring_cqe_get_data(completion);
        if (!connection || completion->res <= 0)
            continue;
        ids[used] = completion->flags >> IORING_CQE_BUFFER_SHIFT;
        send_shot(ring, connection, ids[used++], (size_t)completion->res);
        if (!(completion->flags & IORING_CQE_F_MORE))
            keep_receiving(ring, connection);
    }
    io_uring_cq_advance(ring, count);
    must(io_uring_submit(ring) >= 0);
    for (unsigned i = 0; i < used; i++)
        give_buffer(ids[i], (int)i);
    io_uring_buf_ring_advance(buffers, (int)used);
}

static void *shot_loop(void *unused)
{
    struct io_uring ring;
    struct io_uring_cqe *completions[ENTRIES];
    open_ring(&ring);
    give_all_buffers(&ring);
    for (unsigned i = 0; i < connection_count; i++)
        keep_receiving(&ring, &connections[i]);
    for (;;) {
        unsigned count = await(&ring, completions);
        handle_shots(&ring, completions, count);
    }
    return unused;
}

static void serve_shots(const int *descriptors, unsigned count)
{
    connections = io_connections(descriptors, count);
    connection_count = count;
    io_start_thread(shot_loop, NULL);
}

const struct io_side ring_shot_io_side = {
    .name = "ring-shot",
    .about = "the same with multishot recv into a ring of buffers",
    .floor = true,
    .serve = serve_shots,
    .message_most = SHOT_BYTES,
};
