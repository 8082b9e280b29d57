/* scene_io.c - the short calls of scene_io.h about descriptors and objects. */
#include <string.h>

#include "core/mem/token.h"
#include "tests/scenario/scene_io_account.h"

enum { FIRST = 40 }; /* descriptor */

struct op scene_ops[SCENE_OPS];
struct record scene_ios[SCENE_IOS];

BLIND void scene_ios_begin(void)
{
    memset(scene_ops, 0, sizeof scene_ops);
    for (uint32_t i = 0; i < SCENE_IOS; i++) {
        struct record *record = &scene_ios[i];
        tpp_init(&record->io, NULL);
        tpp_init(&record->told, 0);
        tpp_init(&record->released, 0);
        tpp_init(&record->cancelled, 0);
        record->slot = NULL;
        record->may_drop = record->may_abort = record->hushed = false;
        record->announced = record->retracted = record->foreign = 0;
        record->completed = record->sure = record->heard = record->dropped = 0;
    }
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

BLIND bool scene_io_on_disk(uint32_t number)
{
    return scene_is_disk(record_of(number)->kind);
}

void scene_io_serve(uint32_t number, uint64_t bytes)
{
    if (scene_io_on_disk(number))
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

/* A sleep may end early: then others go first, whatever their priority. */
static void let_others(int64_t ns)
{
    tpps_sleep(ns);
    tpp_cpu_relax();
}

void scene_io_await_release(uint32_t number)
{
    if (scene_io_of(number))
        await(&record_of(number)->released, 1);
    for (int i = 0; i < 1000 && tpps_descriptor_names(scene_io_fd(number)) > 1; i++)
        let_others(US); /* the library gives its own back after that */
}

BLIND uint32_t scene_io_nth(uint32_t number, uint32_t nth)
{
    return record_of(number)->order[nth];
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

/* ---- ends of it ------------------------------------------------------------------------------ */

static void count_release(void *context)
{
    uint32_t number = (uint32_t)(uintptr_t)context;
    tpps_check(latest(&record_of(number)->released) == 0);
    scene_io_free_buffers(number);
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
    struct left left = {.values = scene_ios[number].sure & ~scene_ios[number].heard};
    for (uint32_t i = 0; i < SCENE_OPS; i++)
        left.ops[i] = scene_ops[i].io == number && scene_ops[i].state == SENT;
    scene_ios[number].may_drop = true;
    return left;
}

BLIND static void forget(uint32_t number, const struct left *left)
{
    for (uint32_t i = 0; i < SCENE_OPS; i++)
        if (left->ops[i] && scene_ops[i].state == SENT)
            scene_ops[i].state = FORGOTTEN;
    scene_ios[number].dropped |= left->values & ~scene_ios[number].heard;
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

bool scene_io_drive(tp_pool_t *pool)
{
    tp_status_t status = tp_pool_run(pool, 0, 0, NULL);
    if (scene_sweeps() && (status == TP_ERR_NO_MEMORY || status == TP_ERR_SYSTEM))
        tpps_exit();
    tpps_check(status == TP_OK || status == TP_ERR_TIMEOUT);
    return status == TP_OK;
}

void scene_io_no_files(void)
{
    for (int i = 0; i < 1000 && tpps_files_open() != tpps_rings_open(); i++)
        let_others(US);
    tpps_check(tpps_files_kept() == 0 && tpps_files_open() == tpps_rings_open());
}

void scene_io_settle(tp_pool_t *pool)
{
    while (scene_stats(pool).io_in_flight > 0)
        let_others(MS);
}

void scene_io_over(uint32_t number)
{
    scene_io_balance(number);
    scene_io_fd_close(number);
}

void scene_io_end(uint32_t number)
{
    scene_io_wait(number);
    scene_io_close(number);
    scene_io_over(number);
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
    return scene_io_went(number, scene_io_announce(number));
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
