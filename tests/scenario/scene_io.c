/* scene_io.c - the short calls of scene_io.h. */
#include "tests/scenario/scene_io.h"

#include <string.h>

#include "core/mem/token.h"
#include "core/object/io.h"

/* Plain fields are for one fiber at a time, and no schedule points: nothing is ordered by them. */
#define BLIND __attribute__((no_sanitize("thread")))

enum { FIRST = 40 /* descriptor */, UNTOUCHED = 0xee, ELSEWHERE = 1000 /* keys */, VALUES = 32 };

enum state { UNUSED, OUT, SENT, REFUSED, TOLD, FORGOTTEN };

static struct op {
    enum state state;
    uint32_t io, key, opcode, turn;
    bool asked; /* to end */
    unsigned char *buffer;
    int32_t error;
    uint64_t bytes;
} ops[SCENE_OPS];

static struct record {
    tpp_ptr io; /* tp_io_t */
    tpp_u32 told, released, cancelled;
    struct tpi_io *slot;
    uint32_t generation;
    enum tpps_file kind;
    bool may_drop, may_abort, hushed;
    uint32_t announced, retracted, foreign;   /* how many; the last: told of */
    uint32_t completed, sure, heard, dropped; /* by value */
    uint32_t order[VALUES];
} records[SCENE_IOS];

static uint32_t turns;

BLIND void scene_ios_begin(void)
{
    memset(ops, 0, sizeof ops);
    for (uint32_t i = 0; i < SCENE_IOS; i++) {
        struct record *record = &records[i];
        tpp_init(&record->io, NULL);
        tpp_init(&record->told, 0);
        tpp_init(&record->released, 0);
        tpp_init(&record->cancelled, 0);
        record->slot = NULL;
        record->may_drop = record->may_abort = record->hushed = false;
        record->announced = record->retracted = record->foreign = 0;
        record->completed = record->sure = record->heard = record->dropped = 0;
    }
    turns = 0;
}

static struct record *record_of(uint32_t number)
{
    tpps_check(number < SCENE_IOS);
    return &records[number];
}

static struct op *op_of(uint32_t op)
{
    tpps_check(op < SCENE_OPS);
    return &ops[op];
}

/* ---- descriptors ----------------------------------------------------------------------------- */

int scene_io_fd(uint32_t number)
{
    return FIRST + (int)number;
}

bool scene_is_disk(enum tpps_file kind)
{
    return kind == TPPS_REGULAR || kind == TPPS_DIRECT;
}

BLIND void scene_io_open(uint32_t number, enum tpps_file kind)
{
    int fd = scene_io_fd(number);
    record_of(number)->kind = kind;
    tpps_check(tpps_descriptor_open(fd, kind) == fd);
    if (scene_is_disk(kind))
        tpps_disk_set(fd, SCENE_DISK, false, MS);
}

enum tpps_file scene_any_stream(void)
{
    return tpps_choose(2) ? TPPS_SOCKET : TPPS_STREAM;
}

enum tpps_file scene_any_file(void)
{
    static const enum tpps_file kinds[] = {TPPS_SOCKET, TPPS_STREAM, TPPS_REGULAR, TPPS_DIRECT};
    return kinds[tpps_choose(4)];
}

BLIND static bool on_disk(uint32_t number)
{
    return scene_is_disk(record_of(number)->kind);
}

void scene_io_serve(uint32_t number, uint64_t bytes)
{
    if (on_disk(number))
        return;
    tpps_stream_feed(scene_io_fd(number), bytes);
    tpps_stream_room(scene_io_fd(number), bytes);
}

void scene_io_fd_close(uint32_t number)
{
    int fd = scene_io_fd(number);
    if (tpps_descriptor_interests(fd) != 0 || tpps_descriptor_names(fd) != 1)
        tpps_fail("scene: descriptor %u still has %u names and %u registrations", number,
                  tpps_descriptor_names(fd), tpps_descriptor_interests(fd));
    tpps_descriptor_close(fd);
}

/* ---- counts ---------------------------------------------------------------------------------- */

static void add(tpp_u32 *word)
{
    tpp_add_acq_rel(word, 1);
    tpp_wake(word, UINT32_MAX);
}

/* Changing a word is not possible on an old value of it. */
static uint32_t latest(tpp_u32 *word)
{
    return tpp_add_acq_rel(word, 0);
}

static void await(tpp_u32 *word, uint32_t at_least)
{
    uint32_t seen;
    while ((seen = tpp_load_acquire(word)) < at_least)
        tpp_wait(word, seen, TPP_FOREVER);
}

tp_io_t *scene_io_of(uint32_t number)
{
    return tpp_load_acquire(&record_of(number)->io);
}

void scene_io_await(uint32_t number, uint32_t callbacks)
{
    if (scene_io_of(number) && scene_complete())
        await(&record_of(number)->told, callbacks);
}

uint32_t scene_io_told(uint32_t number)
{
    return latest(&record_of(number)->told);
}

uint32_t scene_io_releases(uint32_t number)
{
    return latest(&record_of(number)->released);
}

uint32_t scene_io_cancels(uint32_t number)
{
    return latest(&record_of(number)->cancelled);
}

void scene_io_await_release(uint32_t number)
{
    if (scene_io_of(number))
        await(&record_of(number)->released, 1);
    for (int i = 0; i < 1000 && tpps_descriptor_names(scene_io_fd(number)) > 1; i++)
        tpps_sleep(US); /* the library gives its own back after that */
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

BLIND uint32_t scene_io_nth(uint32_t number, uint32_t nth)
{
    return record_of(number)->order[nth];
}

/* ---- the account ----------------------------------------------------------------------------- */

BLIND static uint32_t begun(uint32_t number)
{
    uint32_t count = records[number].announced;
    for (uint32_t i = 0; i < SCENE_OPS; i++)
        count += ops[i].io == number && ops[i].state != UNUSED && ops[i].state != REFUSED;
    return count;
}

BLIND static uint32_t ended(uint32_t number)
{
    uint32_t count = records[number].retracted + records[number].foreign;
    for (uint32_t i = 0; i < SCENE_OPS; i++)
        count += ops[i].io == number && ops[i].state == TOLD;
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
        if (!records[i].slot)
            continue;
        uint32_t in = begun(i), out = ended(i) + alive(&records[i]);
        if (in < out || (in > out && !records[i].may_drop))
            tpps_fail("scene: I/O object %u: %u begun, %u told or taken back, %u out or queued", i,
                      in, ended(i), alive(&records[i]));
    }
}

BLIND static void balance(uint32_t number)
{
    if (begun(number) != ended(number) && !records[number].may_drop)
        tpps_fail("scene: I/O object %u: %u begun, %u told or taken back", number, begun(number),
                  ended(number));
}

BLIND void scene_io_may_drop(uint32_t number)
{
    record_of(number)->may_drop = true;
}

BLIND void scene_io_may_abort(uint32_t number)
{
    record_of(number)->may_abort = true;
}

BLIND void scene_io_hush(uint32_t number)
{
    record_of(number)->hushed = true;
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
    unsigned char *buffer = ops[op].buffer;
    ops[op].buffer = NULL;
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
        if ((ops[i].state == OUT || ops[i].state == SENT) && ops[i].io == number &&
            ops[i].key == key && (found == SCENE_OPS || ops[i].turn > ops[found].turn))
            found = i;
    if (found == SCENE_OPS)
        tpps_fail("scene: I/O object %u was told of key %u, which nobody expects", number, key);
    return found;
}

BLIND static void check_error(const struct record *record, const struct op *op, int32_t error)
{
    bool may_end = op->asked || record->may_abort;
    if ((error == ECANCELED && !may_end) || error == EAGAIN || error == EINTR)
        tpps_fail("scene: operation %u was told of error %d", (uint32_t)(op - ops), error);
}

BLIND static void mark_told(uint32_t number, uint32_t found, int32_t error, uint64_t bytes)
{
    check_error(&records[number], &ops[found], error);
    ops[found].state = TOLD;
    ops[found].error = error;
    ops[found].bytes = bytes;
}

BLIND static void hear(uint32_t number, uint32_t value, int32_t error, uint64_t bytes)
{
    struct record *record = &records[number];
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
    return ops[op].opcode;
}

BLIND static const unsigned char *buffer_of(uint32_t op)
{
    return ops[op].buffer;
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
            check_buffer(op, opcode, on_disk(number), buffer_of(op), bytes);
        if (opcode == TP_IO_ACCEPT && error == 0)
            tpps_descriptor_close((int)bytes);
        free_buffer(op);
    }
    add(&record->told);
}

/* Its operations are over, whether they were told of or not. */
BLIND static bool belongs(uint32_t op, uint32_t number)
{
    return ops[op].io == number && ops[op].state != UNUSED;
}

static void count_release(void *context)
{
    uint32_t number = (uint32_t)(uintptr_t)context;
    tpps_check(latest(&record_of(number)->released) == 0);
    for (uint32_t i = 0; i < SCENE_OPS; i++)
        if (belongs(i, number))
            free_buffer(i);
    add(&record_of(number)->released);
}

static void count_cancel(void *context, void *cleanup_context)
{
    (void)cleanup_context;
    add(&record_of((uint32_t)(uintptr_t)context)->cancelled);
}

/* ---- objects --------------------------------------------------------------------------------- */

bool scene_resource(tp_status_t status)
{
    return scene_made(status == TP_ERR_SYSTEM && scene_sweeps() ? TP_ERR_NO_MEMORY : status);
}

BLIND static void enrol(struct record *record, tp_io_t *io)
{
    uint32_t index = tpi_token_index((uintptr_t)io);
    struct tpi_slot *slot = tpi_slab_at(TPI_KIND_IO, index);
    record->slot = tpi_container(slot, struct tpi_io, object.task.slot);
    record->generation = tpp_peek(&slot->generation);
}

bool scene_io_chosen(uint32_t number, tp_io_fn function, const struct scene_choice *choice)
{
    struct scene_choice own = *choice;
    tp_io_t *io = NULL;
    own.release = choice->release ? count_release : NULL;
    own.cancel = choice->cancel ? count_cancel : NULL;
    tp_env_t *env = scene_env(&own);
    if (!env)
        return false;
    tp_status_t status = tp_io_create(scene_io_fd(number), function, SCENE_WORD(number), env, &io);
    tpps_check(tp_env_destroy(env) == TP_OK);
    scene_resource(status);
    if (io)
        enrol(record_of(number), io);
    tpp_store_release(&record_of(number)->io, io);
    return io;
}

bool scene_io_calls(uint32_t number, tp_pool_t *pool, tp_io_fn function)
{
    return scene_io_chosen(number, function, &(struct scene_choice){.pool = pool});
}

bool scene_io_make(uint32_t number, tp_pool_t *pool)
{
    return scene_io_calls(number, pool, scene_io_hit);
}

bool scene_io_released(uint32_t number, tp_pool_t *pool)
{
    return scene_io_chosen(number, scene_io_hit,
                           &(struct scene_choice){.pool = pool, .release = scene_count_release});
}

void scene_io_wait(uint32_t number)
{
    if (scene_io_of(number))
        tpps_check(tp_io_wait(scene_io_of(number), false, TP_INFINITE) == TP_OK);
}

/* What has been begun, of which nobody has been told yet. */
struct left {
    bool ops[SCENE_OPS];
    uint32_t values;
};

BLIND static struct left look_what_is_out(uint32_t number)
{
    struct left left = {.values = records[number].sure & ~records[number].heard};
    for (uint32_t i = 0; i < SCENE_OPS; i++)
        left.ops[i] = ops[i].io == number && ops[i].state == SENT;
    records[number].may_drop = true;
    return left;
}

BLIND static void forget(uint32_t number, const struct left *left)
{
    for (uint32_t i = 0; i < SCENE_OPS; i++)
        if (left->ops[i] && ops[i].state == SENT)
            ops[i].state = FORGOTTEN;
    records[number].dropped |= left->values & ~records[number].heard;
}

void scene_io_cancel(uint32_t number)
{
    if (!scene_io_of(number))
        return;
    struct left left = look_what_is_out(number);
    tpps_check(tp_io_wait(scene_io_of(number), true, TP_INFINITE) == TP_OK);
    forget(number, &left);
}

void scene_io_drop(uint32_t number)
{
    if (!scene_io_of(number))
        return;
    struct left left = look_what_is_out(number);
    tp_status_t status = tp_io_wait(scene_io_of(number), true, MS);
    tpps_check(status == TP_OK || status == TP_ERR_TIMEOUT);
    if (status == TP_OK) /* else one may have been about to be told */
        forget(number, &left);
}

void scene_io_close(uint32_t number)
{
    tpps_check(tp_io_close(scene_io_of(number)) == TP_OK);
}

void scene_io_no_files(void)
{
    for (int i = 0; i < 1000 && tpps_files_open() != tpps_rings_open(); i++)
        tpps_sleep(US);
    tpps_check(tpps_files_kept() == 0 && tpps_files_open() == tpps_rings_open());
}

void scene_io_settle(tp_pool_t *pool)
{
    while (scene_stats(pool).io_in_flight > 0)
        tpps_sleep(MS);
}

void scene_io_over(uint32_t number)
{
    balance(number);
    scene_io_fd_close(number);
}

void scene_io_end(uint32_t number)
{
    scene_io_wait(number);
    scene_io_close(number);
    scene_io_over(number);
}

/* ---- operations ------------------------------------------------------------------------------ */

BLIND static void enter(uint32_t number, uint32_t op, uint32_t key, uint32_t opcode,
                        unsigned char *buffer)
{
    tpps_check(op < SCENE_OPS && ops[op].state == UNUSED);
    ops[op] = (struct op){.state = OUT,
                          .io = number,
                          .key = key,
                          .opcode = opcode,
                          .turn = ++turns,
                          .buffer = buffer};
}

BLIND static void submitted(uint32_t op, tp_status_t status)
{
    if (status == TP_OK && ops[op].state == OUT)
        ops[op].state = SENT;
    if (status != TP_OK && ops[op].state != OUT)
        tpps_fail("scene: operation %u was refused (%s) and told of", op, tp_status_name(status));
    if (status != TP_OK)
        ops[op].state = REFUSED;
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
    if (on_disk(number))
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

/* True: done. False: not made, or a resource failed. */
static bool went(uint32_t number, tp_status_t status)
{
    if (status == TP_OK)
        return true; /* whatever failed elsewhere */
    if (!scene_io_of(number) || !scene_complete())
        return false;
    return scene_resource(status);
}

bool scene_io_put_as(uint32_t number, uint32_t op, uint32_t key, uint32_t opcode)
{
    return went(number, scene_io_try_as(number, op, key, opcode));
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
    ops[op].asked = true;
    return ops[op].key;
}

BLIND static bool is_begun(uint32_t op)
{
    return ops[op].state != UNUSED;
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

/* ---- completions from elsewhere -------------------------------------------------------------- */

BLIND static void count(uint32_t *counter, uint32_t amount)
{
    *counter += amount;
}

tp_status_t scene_io_announce(uint32_t number)
{
    if (!scene_io_of(number) || !scene_complete())
        return TP_ERR_HANDLE;
    count(&record_of(number)->announced, 1);
    tp_status_t status = tp_io_start(scene_io_of(number));
    if (status != TP_OK)
        count(&record_of(number)->announced, -UINT32_C(1));
    return status;
}

bool scene_io_start(uint32_t number)
{
    return went(number, scene_io_announce(number));
}

tp_status_t scene_io_retract(uint32_t number)
{
    if (!scene_io_of(number))
        return TP_ERR_HANDLE;
    tp_status_t status = tp_io_cancel(scene_io_of(number));
    if (status == TP_OK)
        count(&record_of(number)->retracted, 1);
    return status;
}

BLIND static void expect(struct record *record, uint32_t value, bool expected_now)
{
    uint32_t bit = UINT32_C(1) << value;
    tpps_check(value < VALUES);
    if (!expected_now && (record->heard & bit))
        tpps_fail("scene: value %u was refused and told of", value);
    record->completed = expected_now ? record->completed | bit : record->completed & ~bit;
}

BLIND static void be_sure(struct record *record, uint32_t value)
{
    record->sure |= UINT32_C(1) << value;
}

tp_status_t scene_io_complete(uint32_t number, uint32_t value)
{
    if (!scene_io_of(number))
        return TP_ERR_HANDLE;
    expect(record_of(number), value, true);
    tp_status_t status = tp_io_complete(scene_io_of(number), SCENE_WORD(ELSEWHERE + value),
                                        (int32_t)(value % 3), value);
    if (status != TP_OK)
        expect(record_of(number), value, false);
    else
        be_sure(record_of(number), value);
    return status;
}
