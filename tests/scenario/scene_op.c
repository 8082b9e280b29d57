/* scene_op.c - the short calls of scene_io.h about operations, and the account of them. */
#include <string.h>

#include "tests/scenario/scene_io_account.h"

static uint32_t turns; /* grows for ever: later ones are larger */

/* ---- the account ----------------------------------------------------------------------------- */

BLIND static uint32_t begun(uint32_t number)
{
    uint32_t count = scene_ios[number].announced;
    for (uint32_t i = 0; i < SCENE_OPS; i++)
        count += scene_ops[i].io == number && scene_ops[i].state != UNUSED &&
                 scene_ops[i].state != REFUSED;
    return count;
}

BLIND static uint32_t ended(uint32_t number)
{
    uint32_t count = scene_ios[number].retracted + scene_ios[number].foreign;
    for (uint32_t i = 0; i < SCENE_OPS; i++)
        count += scene_ops[i].io == number && scene_ops[i].state == TOLD;
    return count;
}

BLIND static uint32_t alive(const struct record *record)
{
    const struct tpi_channel *channel = &record->slot->channel;
    uint32_t count = channel->expected;
    if (tpp_peek(&record->slot->object.task.slot.generation) != record->generation)
        return 0;
    for (const struct tpi_link *link = channel->done.next; link != &channel->done;
         link = link->next)
        count++;
    return count;
}

BLIND void scene_ios_rest(void)
{
    for (uint32_t i = 0; i < SCENE_IOS; i++) {
        if (!scene_ios[i].slot)
            continue;
        uint32_t in = begun(i), out = ended(i) + alive(&scene_ios[i]);
        if (in < out || (in > out && !scene_ios[i].may_drop))
            tpps_fail("scene: I/O object %u: %u begun, %u told or taken back, %u out or queued", i,
                      in, ended(i), alive(&scene_ios[i]));
    }
}

BLIND void scene_io_balance(uint32_t number)
{
    if (begun(number) != ended(number) && !scene_ios[number].may_drop)
        tpps_fail("scene: I/O object %u: %u begun, %u told or taken back", number, begun(number),
                  ended(number));
}

BLIND bool scene_op_told(uint32_t op)
{
    return op_of(op)->state == TOLD;
}

BLIND int32_t scene_op_error(uint32_t op)
{
    return op_of(op)->error;
}

BLIND uint64_t scene_op_bytes(uint32_t op)
{
    return op_of(op)->bytes;
}

bool scene_op_went(uint32_t op, int32_t error)
{
    return !scene_complete() || (scene_op_told(op) && scene_op_error(op) == error);
}

/* ---- buffers --------------------------------------------------------------------------------- */

static bool writes(uint32_t opcode)
{
    return opcode == TP_IO_WRITE || opcode == TP_IO_SEND;
}

static bool reads(uint32_t opcode)
{
    return opcode == TP_IO_READ || opcode == TP_IO_RECV;
}

/* Bytes that follow one another in a stream. */
static bool follows(unsigned char one, unsigned char next)
{
    return (unsigned char)(next - one) == 7 || (unsigned char)(next - one) == 8;
}

/* What was read is there, and nothing else was touched. */
static void check_buffer(uint32_t op, uint32_t opcode, bool disk, const unsigned char *buffer,
                         uint64_t bytes)
{
    uint64_t read = reads(opcode) ? bytes : 0;
    tpps_check(bytes <= SCENE_IO_LENGTH);
    for (uint32_t i = 0; i < SCENE_IO_LENGTH; i++) {
        if (i >= read && buffer[i] != UNTOUCHED)
            tpps_fail("scene: operation %u was told of %llu bytes, and byte %u was touched", op,
                      (unsigned long long)read, i);
        if (i < read && disk && buffer[i] != tpps_byte(op * SCENE_IO_LENGTH + i))
            tpps_fail("scene: operation %u has got another's data", op);
        if (i > 0 && i < read && !follows(buffer[i - 1], buffer[i]))
            tpps_fail("scene: operation %u was told of bytes that it has not got", op);
    }
}

BLIND static unsigned char *take_buffer(uint32_t op)
{
    unsigned char *buffer = scene_ops[op].buffer;
    scene_ops[op].buffer = NULL;
    return buffer;
}

static void free_buffer(uint32_t op)
{
    unsigned char *buffer = take_buffer(op);
    if (buffer)
        tpp_free(buffer, SCENE_IO_LENGTH);
}

/* ---- being told ------------------------------------------------------------------------------ */

uint32_t scene_op_of(const void *operation)
{
    uint32_t key = (uint32_t)(uintptr_t)operation;
    return key < ELSEWHERE ? key : SCENE_OPS;
}

/* The operation with that key that was begun last. */
BLIND static uint32_t expected(uint32_t number, uint32_t key)
{
    uint32_t found = SCENE_OPS;
    for (uint32_t i = 0; i < SCENE_OPS; i++)
        if ((scene_ops[i].state == OUT || scene_ops[i].state == SENT) &&
            scene_ops[i].io == number && scene_ops[i].key == key &&
            (found == SCENE_OPS || scene_ops[i].turn > scene_ops[found].turn))
            found = i;
    if (found == SCENE_OPS)
        tpps_fail("scene: I/O object %u was told of key %u, which nobody expects", number, key);
    return found;
}

BLIND static void check_error(const struct record *record, const struct op *op, int32_t error)
{
    bool may_end = op->asked || record->may_abort;
    if ((error == ECANCELED && !may_end) || error == EAGAIN || error == EINTR)
        tpps_fail("scene: operation %u was told of error %d", (uint32_t)(op - scene_ops), error);
}

BLIND static void mark_told(uint32_t number, uint32_t found, int32_t error, uint64_t bytes)
{
    check_error(&scene_ios[number], &scene_ops[found], error);
    scene_ops[found].state = TOLD;
    scene_ops[found].error = error;
    scene_ops[found].bytes = bytes;
}

BLIND static void hear(uint32_t number, uint32_t value, int32_t error, uint64_t bytes)
{
    struct record *record = &scene_ios[number];
    uint32_t bit = UINT32_C(1) << value;
    tpps_check(value < VALUES && error == (int32_t)(value % 3) && bytes == value);
    if (!(record->completed & bit) || (record->heard & bit) || (record->dropped & bit))
        tpps_fail("scene: I/O object %u was told of value %u, which it did not expect", number,
                  value);
    record->heard |= bit;
    record->order[record->foreign++] = value;
}

BLIND static bool is_hushed(const struct record *record)
{
    return record->hushed;
}

BLIND static uint32_t opcode_of(uint32_t op)
{
    return scene_ops[op].opcode;
}

BLIND static const unsigned char *buffer_of(uint32_t op)
{
    return scene_ops[op].buffer;
}

void scene_io_hit(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                  uint64_t bytes, tp_io_t *io)
{
    uint32_t number = (uint32_t)(uintptr_t)context, key = (uint32_t)(uintptr_t)operation;
    struct record *record = record_of(number);
    (void)instance;
    if (is_hushed(record) || latest(&record->released) > 0)
        tpps_fail("scene: I/O object %u was called after its end", number);
    tp_io_t *own = scene_io_of(number); /* NULL: it is being made */
    tpps_check(!own || io == own);
    tpps_check(error == 0 || bytes == 0 || key >= ELSEWHERE);
    if (key >= ELSEWHERE) {
        hear(number, key - ELSEWHERE, error, bytes);
    } else {
        uint32_t op = expected(number, key), opcode = opcode_of(op);
        mark_told(number, op, error, bytes);
        if (reads(opcode) || writes(opcode))
            check_buffer(op, opcode, scene_io_on_disk(number), buffer_of(op), bytes);
        if (opcode == TP_IO_ACCEPT && error == 0)
            tpps_descriptor_close((int)bytes);
        free_buffer(op);
    }
    add(&record->told);
}

/* Its operations are over, told of or not; one that is OUT is just being refused. */
BLIND static bool is_over(uint32_t op, uint32_t number)
{
    return scene_ops[op].io == number &&
           (scene_ops[op].state == SENT || scene_ops[op].state == FORGOTTEN);
}

void scene_io_free_buffers(uint32_t number)
{
    for (uint32_t i = 0; i < SCENE_OPS; i++)
        if (is_over(i, number))
            free_buffer(i);
}

/* ---- operations ------------------------------------------------------------------------------ */

BLIND static void enter(uint32_t number, uint32_t op, uint32_t key, uint32_t opcode,
                        unsigned char *buffer)
{
    tpps_check(op < SCENE_OPS && scene_ops[op].state == UNUSED);
    scene_ops[op] = (struct op){.state = OUT,
                                .io = number,
                                .key = key,
                                .opcode = opcode,
                                .turn = ++turns,
                                .buffer = buffer};
}

BLIND static void submitted(uint32_t op, tp_status_t status)
{
    if (status == TP_OK && scene_ops[op].state == OUT)
        scene_ops[op].state = SENT;
    if (status != TP_OK && scene_ops[op].state != OUT)
        tpps_fail("scene: operation %u was refused (%s) and told of", op, tp_status_name(status));
    if (status != TP_OK)
        scene_ops[op].state = REFUSED;
}

tp_status_t scene_io_try_as(uint32_t number, uint32_t op, uint32_t key, uint32_t opcode)
{
    static char address[16];
    uint32_t *length;
    if (!scene_io_of(number) || !scene_complete())
        return TP_ERR_HANDLE;
    unsigned char *buffer = tpp_alloc(SCENE_IO_LENGTH, 8);
    if (!buffer)
        return TP_ERR_NO_MEMORY;
    memset(buffer, UNTOUCHED, SCENE_IO_LENGTH);
    enter(number, op, key, opcode, buffer);
    length = (uint32_t *)(void *)buffer;
    tp_io_op_t what = TP_IO_OP_INIT;
    what.opcode = opcode;
    what.operation = SCENE_WORD(key);
    what.buffer = buffer;
    what.length = SCENE_IO_LENGTH;
    if (scene_io_on_disk(number))
        what.offset = (int64_t)op * SCENE_IO_LENGTH;
    if (opcode == TP_IO_POLL)
        what.flags = POLLIN;
    if (opcode == TP_IO_CONNECT) {
        *length = sizeof address;
        what.address = address;
        what.address_length = length;
    }
    tp_status_t status = tp_io_submit(scene_io_of(number), &what);
    submitted(op, status);
    if (status != TP_OK)
        free_buffer(op);
    return status;
}

tp_status_t scene_io_try(uint32_t number, uint32_t op, uint32_t opcode)
{
    return scene_io_try_as(number, op, op, opcode);
}

bool scene_io_went(uint32_t number, tp_status_t status)
{
    if (status == TP_OK)
        return true; /* whatever failed elsewhere */
    if (!scene_io_of(number) || !scene_complete())
        return false;
    return scene_resource(status);
}

bool scene_io_put_as(uint32_t number, uint32_t op, uint32_t key, uint32_t opcode)
{
    return scene_io_went(number, scene_io_try_as(number, op, key, opcode));
}

bool scene_io_put(uint32_t number, uint32_t op, uint32_t opcode)
{
    return scene_io_put_as(number, op, op, opcode);
}

bool scene_io_read(uint32_t number, uint32_t op)
{
    return scene_io_put(number, op, TP_IO_READ);
}

bool scene_io_write(uint32_t number, uint32_t op)
{
    return scene_io_put(number, op, TP_IO_WRITE);
}

BLIND static uint32_t ask(uint32_t op)
{
    scene_ops[op].asked = true;
    return scene_ops[op].key;
}

BLIND static bool is_begun(uint32_t op)
{
    return scene_ops[op].state != UNUSED;
}

bool scene_io_abort(uint32_t number, uint32_t op)
{
    if (!scene_io_of(number) || !is_begun(op))
        return false;
    tp_status_t status = tp_io_abort(scene_io_of(number), SCENE_WORD(ask(op)));
    if (status != TP_OK && status != TP_ERR_ARGUMENT && status != TP_ERR_HANDLE)
        tpps_fail("scene: an abort gave %s", tp_status_name(status));
    return status == TP_OK;
}

bool scene_refused(tp_status_t status)
{
    bool may_be = status == TP_OK || status == TP_ERR_CLOSED || status == TP_ERR_HANDLE;
    bool resource = status == TP_ERR_NO_MEMORY || status == TP_ERR_SYSTEM;
    if (!may_be && !(resource && scene_sweeps()))
        tpps_fail("scene: neither begun nor closed, but %s", tp_status_name(status));
    return status != TP_OK;
}
