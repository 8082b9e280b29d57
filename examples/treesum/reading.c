/* reading.c - asks for pieces ahead, and hands over what has come in order. */
#include "examples/treesum/reading.h"

#include "examples/treesum/job.h"

#include <errno.h>
#include <unistd.h>

static tp_status_t ask_for_rest(struct reading *reading, struct piece *piece)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = TP_IO_READ;
    op.operation = piece;
    op.buffer = piece->bytes + piece->filled;
    op.length = piece->wanted - piece->filled;
    /* What promises no size may have no other position than its own. */
    op.offset = reading->size > 0 ? (int64_t)(piece->offset + piece->filled) : -1;
    reading->in_flight++;
    tp_status_t status = tp_io_submit(reading->io, &op);
    if (status != TP_OK)
        reading->in_flight--;
    return status;
}

static tp_status_t ask_for_piece(struct reading *reading)
{
    struct piece *piece = &reading->pieces[reading->asked % READS_AHEAD];
    piece->offset = reading->ahead;
    piece->wanted = PIECE_BYTES;
    if (reading->size > 0 && reading->size - reading->ahead < PIECE_BYTES)
        piece->wanted = (size_t)(reading->size - reading->ahead);
    piece->filled = 0;
    piece->error = 0;
    piece->complete = false;
    reading->ahead += PIECE_BYTES;
    reading->asked++;
    return ask_for_rest(reading, piece);
}

static void end(struct reading *reading, int error)
{
    reading->over = true;
    reading->error = error;
}

/* Refused for lack of something, or because main closes the group. */
static int reason(tp_status_t status)
{
    return status == TP_ERR_NO_MEMORY ? ENOMEM
           : status == TP_ERR_SYSTEM  ? tp_last_errno()
                                      : ECANCELED;
}

/* As far as the promise goes. Without one, a piece at a time, up to the end: some files promise
 * nothing and have contents all the same (those of /proc). */
static void read_ahead(struct reading *reading)
{
    tp_status_t status;
    while (!reading->over && reading->asked - reading->taken < READS_AHEAD &&
           (reading->ahead < reading->size ||
            (reading->size == 0 && reading->asked == reading->taken)))
        if ((status = ask_for_piece(reading)) != TP_OK)
            end(reading, reason(status));
}

/* It brings the end of what was promised, or there is less of it. */
static bool is_last(const struct reading *reading, const struct piece *piece)
{
    return piece->error != 0 || piece->filled < piece->wanted ||
           piece->offset + piece->filled == reading->size;
}

static void account(struct reading *reading, struct piece *piece, int error, size_t bytes)
{
    reading->in_flight--;
    piece->filled += bytes;
    piece->error = error;
    piece->complete = error != 0 || bytes == 0 || piece->filled == piece->wanted;
    if (piece->complete || reading->over)
        return;
    tp_status_t status = ask_for_rest(reading, piece);
    if (status != TP_OK)
        end(reading, reason(status));
}

static void take_complete(struct reading *reading)
{
    while (!reading->over && reading->taken < reading->asked) {
        struct piece *piece = &reading->pieces[reading->taken % READS_AHEAD];
        if (!piece->complete)
            return;
        if (piece->filled > 0)
            reading->take(reading, piece->bytes, piece->filled);
        reading->taken++;
        if (is_last(reading, piece))
            end(reading, piece->error);
        read_ahead(reading);
    }
}

/* The first look ahead is here and not in reading_start(), because from the first read on
 * everything belongs to these callbacks. */
static void on_read(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                    uint64_t bytes, tp_io_t *io)
{
    struct reading *reading = context;
    if (job_cancelled(instance))
        return;
    account(reading, operation, error, (size_t)bytes);
    read_ahead(reading);
    take_complete(reading);
    if (!reading->over || reading->in_flight > 0)
        return;
    tp_io_close(io);
    reading->ended(reading, reading->error, instance);
}

int reading_start(struct reading *reading, int fd, uint64_t size, const tp_env_t *env)
{
    reading->size = size;
    reading->ahead = 0;
    reading->asked = reading->taken = reading->in_flight = 0;
    reading->over = false;
    reading->error = 0;
    tp_status_t status = tp_io_create(fd, on_read, reading, env, &reading->io);
    int error = status == TP_OK ? 0 : reason(status);
    close(fd); /* the I/O object has its own */
    if (status != TP_OK)
        return error;
    tp_io_t *io = reading->io;
    status = ask_for_piece(reading);
    if (status == TP_OK)
        return 0;
    error = reason(status);
    tp_io_close(io);
    return error;
}
