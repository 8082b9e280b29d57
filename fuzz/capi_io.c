/* capi_io.c - I/O objects: operations, their buffers and results, completions from elsewhere. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "fuzz/capi_calls.h"

#define ANY_LIFE UINT32_MAX /* of its file: which one it is bound to is not known */

enum { ELSEWHERE = 1 << 20, UNTOUCHED = 0xa5 }; /* keys from there on are of no operation */

/* What an operation works on. Freed when it is told of, or with its object: whoever touches it
 * later is seen by AddressSanitizer. */
struct memory {
    unsigned char data[REQUEST_SIZE];
    struct iovec vector;
    struct msghdr message;
    uint32_t length;
    char address[16];
};

/* ---- objects --------------------------------------------------------------------------------- */

static bool same_file(const struct object *io, uint32_t file, uint32_t life)
{
    return io->thing.kind == TPI_KIND_IO && io->file == file && !io->thing.closed &&
           (io->file_life == life || io->file_life == ANY_LIFE);
}

/* Whether another object is bound to it: surely, or perhaps. */
static void look_for_bound(const struct object *self, uint32_t life, bool *surely_out,
                           bool *maybe_out)
{
    *surely_out = false;
    for (uint32_t i = 0; i < world.object_count; i++) {
        const struct object *other = &world.objects[i];
        if (other == self || !same_file(other, self->file, life))
            continue;
        *maybe_out = true;
        *surely_out = *surely_out || (is_open(&other->thing) && other->file_life == life);
    }
}

static void io_called(tp_callback_instance_t *instance, void *context, void *operation,
                      int32_t error, uint64_t bytes, tp_io_t *io);

tp_status_t io_create(struct object *io, uint32_t number, const tp_env_t *env, void **handle_out,
                      uint64_t *allowed_out)
{
    const struct file *file = &world.files[number];
    struct file before = *file;
    bool surely, maybe = false, still_bound;
    tp_io_t *handle = NULL;
    io->file = number;
    io->file_life = ANY_LIFE;
    world.files[number].bound = true;
    uint32_t creates = ++world.files[number].creates;
    look_for_bound(io, before.life, &surely, &maybe);
    tp_status_t status = tp_io_create(FIRST_FILE + (int)number, io_called, io, env, &handle);
    look_for_bound(io, before.life, &still_bound, &maybe);
    maybe = maybe || file->creates != creates; /* one that came and went */
    *handle_out = handle;
    bool still = !before.busy && !file->busy && file->life == before.life;
    if (still && !before.open && !file->open)
        *allowed_out = BIT(TP_ERR_SYSTEM);
    else if (!still || before.open != file->open)
        *allowed_out = BIT(TP_OK) | BIT(TP_ERR_SYSTEM) | BIT(TP_ERR_EXISTS);
    else
        *allowed_out = (surely && still_bound ? 0 : BIT(TP_OK)) | (maybe ? BIT(TP_ERR_EXISTS) : 0);
    if (file->kind == TPPS_PROCESS || file->broken || world.faults)
        *allowed_out |= BIT(TP_ERR_SYSTEM);
    if (io->choice.pool->config.io_backend == TP_IO_BACKEND_URING)
        *allowed_out |= BIT(TP_ERR_UNSUPPORTED);
    if (status != TP_OK)
        io->file_life = 0;
    else if (still)
        io->file_life = before.life;
    return status;
}

/* ---- requests -------------------------------------------------------------------------------- */

static struct request *request_new(struct object *io, uint32_t opcode)
{
    struct memory *memory;
    if (world.request_count == REQUESTS || !(memory = malloc(sizeof *memory)))
        return NULL;
    memset(memory, 0, sizeof *memory);
    memset(memory->data, UNTOUCHED, REQUEST_SIZE);
    memory->vector = (struct iovec){memory->data, REQUEST_SIZE};
    memory->message = (struct msghdr){.msg_iov = &memory->vector, .msg_iovlen = 1};
    memory->length = sizeof memory->address;
    struct request *request = &world.requests[world.request_count++];
    *request =
        (struct request){.io = io, .key = world.request_count, .opcode = opcode, .memory = memory};
    return request;
}

static void request_free(struct request *request)
{
    free(request->memory);
    request->memory = NULL;
}

void io_free_buffers(const struct object *io)
{
    for (uint32_t i = 0; i < world.request_count; i++)
        if (!io || world.requests[i].io == io)
            request_free(&world.requests[i]);
}

static bool on_disk(const struct object *io)
{
    enum tpps_file kind = world.files[io->file].kind;
    return kind == TPPS_REGULAR || kind == TPPS_DIRECT;
}

static tp_io_op_t describe(const struct request *request)
{
    struct memory *memory = request->memory;
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = request->opcode;
    op.operation = (void *)request->key;
    op.buffer = memory->data;
    op.length = REQUEST_SIZE;
    if (op.opcode == TP_IO_READV || op.opcode == TP_IO_WRITEV) {
        op.buffer = &memory->vector;
        op.length = 1;
    } else if (op.opcode == TP_IO_RECVMSG || op.opcode == TP_IO_SENDMSG) {
        op.buffer = &memory->message;
    } else if (op.opcode == TP_IO_CONNECT || op.opcode == TP_IO_ACCEPT) {
        op.address = memory->address;
        op.address_length = &memory->length;
    } else if (op.opcode == TP_IO_POLL) {
        op.flags = POLLIN;
    }
    if (on_disk(request->io))
        op.offset = (int64_t)(request->key * REQUEST_SIZE);
    return op;
}

static bool reads(uint32_t opcode)
{
    return opcode == TP_IO_READ || opcode == TP_IO_READV || opcode == TP_IO_RECV ||
           opcode == TP_IO_RECVMSG;
}

/* Another one whose key may be in flight already, or NULL. */
static struct request *rival_of(const struct request *request)
{
    for (uint32_t i = 0; i < world.request_count; i++) {
        struct request *other = &world.requests[i];
        if (other != request && other->io == request->io && other->key == request->key &&
            (other->state == SENDING || other->state == SENT))
            return other;
    }
    return NULL;
}

static struct request *request_of(const struct object *io, uintptr_t key)
{
    for (uint32_t i = 0; i < world.request_count; i++) {
        struct request *request = &world.requests[i];
        if (request->io == io && request->key == key &&
            (request->state == SENDING || request->state == SENT))
            return request;
    }
    complain("I/O object %u is told of key %llu, which nobody expects", io->thing.number,
             (unsigned long long)key);
}

/* ---- results --------------------------------------------------------------------------------- */

static void check_result(const struct request *request, int32_t error, uint64_t bytes)
{
    const struct object *io = request->io;
    bool transfers = request->opcode <= TP_IO_SENDMSG;
    uint64_t read = reads(request->opcode) ? bytes : 0;
    if (error < 0 || (error != 0 && bytes != 0) || (transfers && bytes > REQUEST_SIZE))
        complain("an operation is told of error %d, %llu bytes", error, (unsigned long long)bytes);
    if ((error == ECANCELED && !request->asked && !io->barred) || error == EAGAIN || error == EINTR)
        complain("an operation of object %u is told of error %d", io->thing.number, error);
    for (uint64_t i = read; i < REQUEST_SIZE && !request->shared; i++)
        if (request->memory->data[i] != UNTOUCHED)
            complain("an operation was told of %llu bytes, and byte %llu was touched",
                     (unsigned long long)read, (unsigned long long)i);
}

static void io_called(tp_callback_instance_t *instance, void *context, void *operation,
                      int32_t error, uint64_t bytes, tp_io_t *handle)
{
    struct object *io = context;
    uintptr_t key = (uintptr_t)operation;
    callback_begin(instance, io, handle);
    if (key >= ELSEWHERE) {
        if (bytes != key - ELSEWHERE || error != (int32_t)(bytes % 3))
            complain("a completion from elsewhere is told wrongly");
    } else {
        struct request *request = request_of(io, key);
        check_result(request, error, bytes);
        request->state = TOLD;
        if (request->opcode == TP_IO_ACCEPT && error == 0)
            tpps_descriptor_close((int)bytes);
        if (!request->shared)
            request_free(request);
    }
    callback_end();
}

/* ---- submitting ------------------------------------------------------------------------------ */

static uint64_t allowed_submit(const struct object *io)
{
    uint64_t allowed = io->choice.pool->shut ? BIT(TP_ERR_CLOSED) : BIT(TP_OK);
    if (world.faults)
        allowed |= BIT(TP_ERR_NO_MEMORY) | BIT(TP_ERR_SYSTEM);
    return allowed;
}

static uint64_t allowed_late(const struct object *io)
{
    uint64_t allowed = object_refuses(io) ? BIT(TP_ERR_CLOSED) : 0;
    if (world.files[io->file].broken) /* no poller takes it any more */
        allowed |= BIT(TP_ERR_SYSTEM) | BIT(TP_ERR_NO_MEMORY);
    return allowed;
}

static void submitted(struct request *request, bool made)
{
    if (made && request->state == SENDING)
        request->state = SENT;
    if (made)
        return;
    if (request->state == TOLD) {
        struct request *rival = request->shared ? rival_of(request) : NULL;
        if (!rival)
            complain("an operation was refused, and told of");
        rival->state = TOLD; /* that one it was */
    }
    request->state = REFUSED;
    if (!request->shared)
        request_free(request);
}

/* What is odd about an operation, and what comes of it. */
static uint64_t make_odd(tp_io_op_t *op, uint32_t choice)
{
    switch (choice & 7) {
    case 0:
        op->struct_size = 8;
        return BIT(TP_ERR_VERSION);
    case 1:
        op->opcode = 14;
        break;
    case 2:
        op->opcode = 0;
        break;
    case 3:
        op->reserved = 1;
        break;
    case 4:
        op->opcode = TP_IO_READ;
        op->offset = -2;
        break;
    case 5:
        op->opcode = TP_IO_WRITE;
        op->buffer = NULL;
        break;
    case 6:
        op->opcode = TP_IO_FSYNC;
        op->flags = 1;
        break;
    default:
        op->opcode = TP_IO_CONNECT;
        op->address = NULL;
        break;
    }
    return BIT(TP_ERR_ARGUMENT);
}

/* A wrong handle needs no request. */
static void submit_wrongly(void *handle)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    struct call call = call_begin(NULL);
    op.opcode = TP_IO_FSYNC;
    call_end(&call, "tp_io_submit", tp_io_submit(handle, &op), 0);
}

/* Argument: opcode 0-3, key of the last one 4, something odd 5-7. */
static void submit(const struct op *op)
{
    static const uint8_t opcodes[16] = {
        TP_IO_READ,  TP_IO_READ,  TP_IO_WRITE,   TP_IO_READV,    TP_IO_WRITEV, TP_IO_RECV,
        TP_IO_SEND,  TP_IO_RECV,  TP_IO_RECVMSG, TP_IO_SENDMSG,  TP_IO_ACCEPT, TP_IO_CONNECT,
        TP_IO_FSYNC, TP_IO_WRITE, TP_IO_POLL,    TP_IO_FDATASYNC};
    void *handle;
    struct object *io = object_target(op, TPI_KIND_IO, &handle);
    if (!io) {
        submit_wrongly(handle);
        return;
    }
    struct request *request = request_new(io, opcodes[op->argument & 15]);
    if (!request)
        return;
    if (op->argument & 16 && request->key > 1) {
        request->key--;
        request->asked = true; /* an abort of the other one may hit it */
    }
    struct request *rival = rival_of(request);
    if (rival) { /* nobody can tell which of them is told of */
        request->opcode = rival->opcode;
        request->shared = rival->shared = true;
    }
    tp_io_op_t what = describe(request);
    uint64_t wrong = op->argument >> 5 == 7 ? make_odd(&what, op->argument) : 0;
    uint64_t allowed = wrong ? wrong : allowed_submit(io);
    struct call call = call_begin(&io->thing);
    posts_begin(io, 1);
    tp_status_t status = tp_io_submit(handle, &what);
    posts_end(io, 1, status == TP_OK);
    submitted(request, status == TP_OK);
    if (request->shared && !wrong)
        allowed |= BIT(TP_ERR_EXISTS);
    call_end(&call, "tp_io_submit", status, wrong ? allowed : allowed | allowed_late(io));
}

static void submit_many(const struct op *op)
{
    void *handle;
    struct object *io = object_target(op, TPI_KIND_IO, &handle);
    uint32_t count = 1 + (op->argument & 3u), made = 0, done = 9;
    struct request *requests[4];
    tp_io_op_t ops[4];
    if (!io || world.request_count + 4 > REQUESTS)
        return;
    for (; made < count; made++) {
        requests[made] = request_new(io, op->argument & 4 ? TP_IO_WRITE : TP_IO_READ);
        if (!requests[made])
            break;
        ops[made] = describe(requests[made]);
    }
    uint64_t allowed = allowed_submit(io);
    struct call call = call_begin(&io->thing);
    posts_begin(io, made);
    tp_status_t status = tp_io_submit_many(handle, ops, made, &done);
    if (done > made || (status == TP_OK) != (done == made))
        complain("tp_io_submit_many gave %s and %u of %u", tp_status_name(status), done, made);
    posts_end(io, done, true);
    posts_end(io, made - done, false);
    for (uint32_t i = 0; i < made; i++) {
        submitted(requests[i], i < done);
        allowed |= requests[i]->shared ? BIT(TP_ERR_EXISTS) : 0;
    }
    call_end(&call, "tp_io_submit_many", status, allowed | allowed_late(io));
}

/* Whether an abort of that key may find something. What begins later with the key of another one
 * knows that it may be asked. */
static bool may_find(const struct object *io, uintptr_t key, bool asks)
{
    bool found = false;
    for (uint32_t i = 0; i < world.request_count; i++) {
        struct request *request = &world.requests[i];
        if (request->io != io || request->key != key || request->state == REFUSED)
            continue;
        request->asked = request->asked || asks;
        found = found || !asks || request->state != TOLD;
    }
    return found;
}

/* Of the object's requests, counted back from the last. */
static void abort_one(const struct op *op)
{
    void *handle;
    struct object *io = object_target(op, TPI_KIND_IO, &handle);
    uint32_t back = op->argument & 3;
    uintptr_t key = ELSEWHERE - 1;
    uint64_t allowed = BIT(TP_ERR_ARGUMENT);
    for (uint32_t i = world.request_count; io && i-- > 0;) {
        struct request *request = &world.requests[i];
        if (request->io != io || back-- > 0)
            continue;
        key = request->key;
        break;
    }
    uint32_t before = world.request_count;
    if (io && may_find(io, key, true))
        allowed |= BIT(TP_OK);
    struct call call = call_begin(io ? &io->thing : NULL);
    tp_status_t status = tp_io_abort(handle, (void *)key);
    if (status == TP_ERR_ARGUMENT && !call.was_closed)
        return; /* it was faster: no misuse, the hook is not told */
    if (io && world.request_count != before && may_find(io, key, false))
        allowed |= BIT(TP_OK);
    call_end(&call, "tp_io_abort", status, allowed);
}

/* ---- from elsewhere -------------------------------------------------------------------------- */

static void start(const struct op *op)
{
    void *handle;
    struct object *io = object_target(op, TPI_KIND_IO, &handle);
    uint64_t allowed = io ? allowed_submit(io) : 0;
    struct call call = call_begin(io ? &io->thing : NULL);
    if (io)
        io->announced++;
    tp_status_t status = tp_io_start(handle);
    if (io && status == TP_OK)
        io->announced_done++;
    else if (io)
        io->announced--;
    call_end(&call, "tp_io_start", status, io ? allowed | allowed_late(io) : 0);
}

/* Takes an announcement back, or completes it. */
static void finish(const struct op *op, bool completes)
{
    void *handle;
    struct object *io = object_target(op, TPI_KIND_IO, &handle);
    uint32_t sure = io ? io->announced_done - io->retracted : 0, before = io ? io->retracted : 0;
    uint64_t allowed = BIT(TP_OK) | BIT(TP_ERR_STATE);
    uint64_t value = op->argument;
    struct call call = call_begin(io ? &io->thing : NULL);
    if (io)
        io->retracted++;
    if (io && completes)
        posts_begin(io, 1);
    tp_status_t status = completes ? tp_io_complete(handle, (void *)(uintptr_t)(ELSEWHERE + value),
                                                    (int32_t)(value % 3), value)
                                   : tp_io_cancel(handle);
    if (io && completes)
        posts_end(io, 1, status == TP_OK);
    if (io && (int32_t)(sure - (io->retracted - before - 1)) > 0 && !io->dropped && !io->barred)
        allowed &= ~BIT(TP_ERR_STATE);
    if (io && io->announced <= io->retracted_done)
        allowed &= ~BIT(TP_OK);
    if (io && status == TP_OK)
        io->retracted_done++;
    else if (io)
        io->retracted--;
    call_end(&call, completes ? "tp_io_complete" : "tp_io_cancel", status, allowed);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Whatever is announced is taken back, what is in flight comes to its end. */
void io_halt(struct object *io)
{
    while (tp_io_cancel(io->thing.handle) == TP_OK)
        io->barred = true;
    for (uint32_t i = 0; i < world.request_count; i++) {
        struct request *request = &world.requests[i];
        if (request->io != io || request->state == TOLD || request->state == REFUSED)
            continue;
        request->asked = true;
        expect("tp_io_abort", tp_io_abort(io->thing.handle, (void *)request->key),
               BIT(TP_OK) | BIT(TP_ERR_ARGUMENT) | BIT(TP_ERR_HANDLE));
    }
}

/* ---- operations ------------------------------------------------------------------------------ */

static tp_status_t wait_io(void *handle, bool cancel, int64_t timeout)
{
    return tp_io_wait(handle, cancel, timeout);
}

static tp_status_t close_io(void *handle)
{
    return tp_io_close(handle);
}

bool io_operation(const struct op *op)
{
    switch ((int)op->code) {
    case CODE_io_create:
        object_make(TPI_KIND_IO, op_place(op), op_other(op), op->argument);
        return true;
    case CODE_io_submit:
        submit(op);
        return true;
    case CODE_io_many:
        submit_many(op);
        return true;
    case CODE_io_abort:
        abort_one(op);
        return true;
    case CODE_io_start:
        start(op);
        return true;
    case CODE_io_cancel:
    case CODE_io_complete:
        finish(op, op->code == CODE_io_complete);
        return true;
    case CODE_io_wait:
        object_wait(op, TPI_KIND_IO, "tp_io_wait", wait_io);
        return true;
    case CODE_io_close:
        object_close(op, TPI_KIND_IO, "tp_io_close", close_io);
        return true;
    default:
        return false;
    }
}
