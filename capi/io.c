/* io.c - the functions of tp/io.h. */
#include "tp/io.h"

#include "capi/gate.h"
#include "capi/object.h"
#include "core/object/io.h"
#include "core/sched/operations.h"

#define OP_FIRST sizeof(tp_io_op_t) /* as published in 0.1 */
#define LENGTH_MOST 0x7fffffffu
#define VECTORS_MOST 1024u

tp_status_t tp_io_create(int fd, tp_io_fn callback, void *context, const tp_env_t *env,
                         tp_io_t **io_out)
{
    struct tpi_profile room;
    void *handle = NULL;
    int error = 0;
    if (!io_out)
        return tpi_gate_result(__func__, env, TP_ERR_ARGUMENT);
    *io_out = NULL;
    if (!callback)
        return tpi_gate_result(__func__, env, TP_ERR_ARGUMENT);
    const struct tpi_profile *profile = tpi_env_read(env, tpi_thread_self(), &room);
    if (!profile)
        return tpi_gate_result(__func__, env, TP_ERR_HANDLE);
    struct tpi_spec spec = {.kind = TPI_KIND_IO,
                            .function = (void (*)(void))callback,
                            .context = context,
                            .profile = profile};
    tp_status_t status = tpi_io_create(fd, &spec, &handle, &error);
    if (status == TP_ERR_SYSTEM)
        status = tpi_gate_system(error);
    *io_out = handle;
    return tpi_gate_result(__func__, env, status);
}

tp_status_t tp_io_start(tp_io_t *io)
{
    uint32_t generation;
    struct tpi_io *object = tpi_gate_slot(TPI_KIND_IO, io, &generation);
    tp_status_t status =
        object ? tpi_channel_announce(&object->channel, generation) : TP_ERR_HANDLE;
    return tpi_gate_result(__func__, io, status);
}

tp_status_t tp_io_cancel(tp_io_t *io)
{
    uint32_t generation;
    struct tpi_io *object = tpi_gate_slot(TPI_KIND_IO, io, &generation);
    tp_status_t status = object ? tpi_channel_retract(&object->channel, generation) : TP_ERR_HANDLE;
    return tpi_gate_result(__func__, io, status);
}

tp_status_t tp_io_complete(tp_io_t *io, void *operation, int32_t error, uint64_t bytes)
{
    uint32_t generation;
    struct tpp_outcome outcome = {.error = error, .bytes = bytes};
    struct tpi_io *object = tpi_gate_slot(TPI_KIND_IO, io, &generation);
    tp_status_t status = object ? TP_OK : TP_ERR_HANDLE;
    if (status == TP_OK && error < 0)
        status = TP_ERR_ARGUMENT;
    if (status == TP_OK)
        status = tpi_channel_complete(&object->channel, generation, operation, &outcome);
    return tpi_gate_result(__func__, io, status);
}

/* ---- operations ------------------------------------------------------------------------------ */

#define ACCEPT_FLAGS 04000u /* SOCK_NONBLOCK */
#define POLL_STATES 0xffffu

/* Which fields an operation has. */
enum {
    HAS_BUFFER = 1,
    HAS_VECTORS = 2,
    HAS_MESSAGE = 4,
    HAS_OFFSET = 8,
    MAY_HAVE_ADDRESS = 16,
    HAS_ADDRESS = 32
};
static const struct {
    uint8_t has;
    uint32_t flags; /* that it may have */
} shapes[] = {
    [TP_IO_READ] = {HAS_BUFFER | HAS_OFFSET, 0},
    [TP_IO_WRITE] = {HAS_BUFFER | HAS_OFFSET, 0},
    [TP_IO_READV] = {HAS_VECTORS | HAS_OFFSET, 0},
    [TP_IO_WRITEV] = {HAS_VECTORS | HAS_OFFSET, 0},
    [TP_IO_RECV] = {HAS_BUFFER, UINT32_MAX},
    [TP_IO_SEND] = {HAS_BUFFER, UINT32_MAX},
    [TP_IO_RECVMSG] = {HAS_MESSAGE, UINT32_MAX},
    [TP_IO_SENDMSG] = {HAS_MESSAGE, UINT32_MAX},
    [TP_IO_ACCEPT] = {MAY_HAVE_ADDRESS, ACCEPT_FLAGS},
    [TP_IO_CONNECT] = {HAS_ADDRESS, 0},
    [TP_IO_FSYNC] = {0, 0},
    [TP_IO_FDATASYNC] = {0, 0},
    [TP_IO_POLL] = {0, POLL_STATES},
};

static bool fits(const tp_io_op_t *op)
{
    if (op->opcode == 0 || op->opcode >= sizeof shapes / sizeof *shapes || op->reserved != 0)
        return false;
    uint8_t has = shapes[op->opcode].has;
    if (op->flags & ~shapes[op->opcode].flags)
        return false;
    if (has & HAS_BUFFER && (op->length > LENGTH_MOST || (!op->buffer && op->length > 0)))
        return false;
    if (has & HAS_VECTORS && (op->length > VECTORS_MOST || (!op->buffer && op->length > 0)))
        return false;
    if (has & HAS_MESSAGE && !op->buffer)
        return false;
    if (has & HAS_OFFSET && op->offset < -1)
        return false;
    if (has & (HAS_ADDRESS | MAY_HAVE_ADDRESS) && op->address && !op->address_length)
        return false;
    return !(has & HAS_ADDRESS) || op->address;
}

/* Of what the opcode does not name nothing is passed on. */
static struct tpp_request request_of(const tp_io_op_t *op)
{
    uint8_t has = shapes[op->opcode].has;
    struct tpp_request request = {.opcode = (uint8_t)op->opcode, .flags = op->flags, .offset = -1};
    if (has & (HAS_BUFFER | HAS_VECTORS | HAS_MESSAGE))
        request.buffer = op->buffer;
    if (has & (HAS_BUFFER | HAS_VECTORS))
        request.length = op->length;
    if (has & HAS_OFFSET)
        request.offset = op->offset;
    if (has & (HAS_ADDRESS | MAY_HAVE_ADDRESS)) {
        request.address = op->address;
        request.address_length = op->address ? op->address_length : NULL;
    }
    return request;
}

static tp_status_t submit(struct tpi_io *io, uint32_t generation, const tp_io_op_t *given)
{
    tp_io_op_t own;
    int error = 0;
    tp_status_t status = tpi_gate_read(&own, sizeof own, OP_FIRST, given);
    if (status != TP_OK)
        return status;
    if (!fits(&own))
        return TP_ERR_ARGUMENT;
    struct tpp_request request = request_of(&own);
    status = tpi_operation_submit(&io->channel, generation, own.operation, &request, &error);
    return status == TP_ERR_SYSTEM ? tpi_gate_system(error) : status;
}

tp_status_t tp_io_submit(tp_io_t *io, const tp_io_op_t *op)
{
    uint32_t generation;
    struct tpi_io *object = tpi_gate_slot(TPI_KIND_IO, io, &generation);
    tp_status_t status = object ? TP_OK : TP_ERR_HANDLE;
    if (status == TP_OK && !op)
        status = TP_ERR_ARGUMENT;
    if (status == TP_OK)
        status = submit(object, generation, op);
    tpi_operations_flush();
    return tpi_gate_result(__func__, io, status);
}

tp_status_t tp_io_submit_many(tp_io_t *io, const tp_io_op_t *ops, uint32_t count,
                              uint32_t *submitted_out)
{
    uint32_t generation, done = 0;
    struct tpi_io *object = tpi_gate_slot(TPI_KIND_IO, io, &generation);
    tp_status_t status =
        object && tpi_channel_open(&object->channel, generation) ? TP_OK : TP_ERR_HANDLE;
    if (status == TP_OK && !ops && count > 0)
        status = TP_ERR_ARGUMENT;
    while (status == TP_OK && done < count) {
        const tp_io_op_t *op =
            (const tp_io_op_t *)(const void *)((const char *)ops + (size_t)done * ops->struct_size);
        status =
            op->struct_size == ops->struct_size ? submit(object, generation, op) : TP_ERR_VERSION;
        done += status == TP_OK;
    }
    tpi_operations_flush();
    if (submitted_out)
        *submitted_out = done;
    return tpi_gate_result(__func__, io, status);
}

tp_status_t tp_io_abort(tp_io_t *io, void *operation)
{
    uint32_t generation;
    struct tpi_io *object = tpi_gate_slot(TPI_KIND_IO, io, &generation);
    tp_status_t status =
        object ? tpi_operation_abort(&object->channel, generation, operation) : TP_ERR_HANDLE;
    if (status == TP_ERR_ARGUMENT) /* it was faster: no misuse */
        return status;
    return tpi_gate_result(__func__, io, status);
}

tp_status_t tp_io_wait(tp_io_t *io, bool cancel_pending, int64_t timeout)
{
    return tpi_gate_result(__func__, io, tpi_capi_wait(TPI_KIND_IO, io, cancel_pending, timeout));
}

tp_status_t tp_io_close(tp_io_t *io)
{
    return tpi_gate_result(__func__, io, tpi_capi_close(TPI_KIND_IO, io));
}
