/* io_test.c - what the functions of I/O refuse, and that a refusal changes nothing. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "tests/capi/calls.h"

/* ---- an object of a test's own --------------------------------------------------------------- */

static struct {
    tp_io_t *io;
    void *operation; /* of the last completion, as the next two */
    int32_t error;
    uint64_t bytes;
    tpp_u32 runs, releases;
    void (*then)(void); /* in its callback */
} own;

static void note(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                 uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    check(context == &own && io == own.io);
    own.operation = operation;
    own.error = error;
    own.bytes = bytes;
    if (own.then)
        own.then();
    tpp_add_acq_rel(&own.runs, 1);
}

static void note_release(void *context)
{
    check(context == &own);
    tpp_add_acq_rel(&own.releases, 1);
}

static int ends[2]; /* of a pair of sockets; the object is bound to the first */

static void open_own(void)
{
    tp_env_t *env = NULL;
    memset(&own, 0, sizeof own);
    require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    require(tp_env_create(&env) == TP_OK && tp_env_set_pool(env, live.pool) == TP_OK);
    require(tp_env_set_context_release(env, note_release) == TP_OK);
    require(tp_io_create(ends[0], note, &own, env, &own.io) == TP_OK);
    check_eq(tp_env_destroy(env), TP_OK);
}

static bool becomes(tpp_u32 *word, uint32_t value)
{
    for (int i = 0; i < 20000 && tpp_load_acquire(word) != value; i++)
        usleep(1000);
    return tpp_load_acquire(word) == value;
}

/* Started, and completed. */
static void complete_own(const tp_io_op_t *op)
{
    uint32_t runs = tpp_load_acquire(&own.runs);
    check_eq(tp_io_submit(own.io, op), TP_OK);
    check_eq(tp_io_wait(own.io, false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&own.runs), runs + 1);
    check(own.operation == op->operation);
}

static void close_own(void)
{
    check_eq(tp_io_close(own.io), TP_OK);
    check(becomes(&own.releases, 1));
    check_eq(close(ends[0]) | close(ends[1]), 0);
}

/* ---- the operation --------------------------------------------------------------------------- */

/* An operation of the live object that would be in flight for ever, if it was taken. */
static tp_io_op_t good_op(void)
{
    static char elsewhere;
    tp_io_op_t op = reading();
    op.operation = &elsewhere;
    return op;
}

/* Refused, alone and in a batch, and told so; nothing was started, posted or completed. */
static void refuse(const tp_io_op_t *op, tp_status_t expected)
{
    uint32_t submitted = 9;
    tp_pool_stats_t before = statistics();
    heard.calls = 0;
    expect(tp_io_submit(live.io, op), expected, "tp_io_submit");
    expect(tp_io_submit_many(live.io, op, 1, &submitted), expected, "tp_io_submit_many");
    check_eq(submitted, 0);
    tp_pool_stats_t then = statistics();
    check_eq(then.submitted + then.executed, before.submitted + before.executed);
    check_eq(then.io_in_flight, before.io_in_flight);
}

struct longer_op {
    tp_io_op_t op;
    unsigned char more[24];
};

TAP_TEST(io__op_of_wrong_size)
{
    struct longer_op longer = {good_op(), {0}};
    tp_io_op_t op = good_op();
    tp_set_misuse_hook(hear, NULL);
    for (op.struct_size = 0; op.struct_size < sizeof op; op.struct_size++)
        refuse(&op, TP_ERR_VERSION);
    longer.op.struct_size = sizeof longer;
    for (size_t i = 0; i < sizeof longer.more; i++) {
        longer.more[i] = 0x10;
        refuse(&longer.op, TP_ERR_VERSION);
        longer.more[i] = 0;
    }
    tp_set_misuse_hook(NULL, NULL);
    open_own();
    longer.op.opcode = TP_IO_SEND;
    complete_own(&longer.op);
    check_eq(own.error, 0);
    close_own();
}

TAP_TEST(io__op_that_transfers_nothing_needs_no_buffer)
{
    static const uint32_t opcodes[] = {TP_IO_WRITE, TP_IO_WRITEV, TP_IO_SEND};
    open_own();
    for (size_t i = 0; i < COUNT(opcodes); i++) {
        tp_io_op_t op = good_op();
        op.opcode = opcodes[i];
        op.buffer = NULL;
        op.length = 0;
        complete_own(&op);
        check_eq(own.error, 0);
    }
    close_own();
}

static void refuse_with(uint32_t opcode, void *buffer, uint64_t length, int64_t offset)
{
    tp_io_op_t op = good_op();
    op.opcode = opcode;
    op.buffer = buffer;
    op.length = length;
    op.offset = offset;
    refuse(&op, TP_ERR_ARGUMENT);
}

TAP_TEST(io__op_of_wrong_content)
{
    static const uint32_t transfers[] = {TP_IO_READ,   TP_IO_WRITE, TP_IO_READV,
                                         TP_IO_WRITEV, TP_IO_RECV,  TP_IO_SEND};
    static struct iovec vector = {&live.byte, 1};
    tp_io_op_t op = good_op();
    tp_set_misuse_hook(hear, NULL);
    for (op.opcode = TP_IO_POLL + 1; op.opcode != 0; op.opcode *= 2)
        refuse(&op, TP_ERR_ARGUMENT);
    refuse(&op, TP_ERR_ARGUMENT);
    for (uint32_t bit = 0; bit < 32; bit++) {
        op = good_op();
        op.reserved = UINT32_C(1) << bit;
        refuse(&op, TP_ERR_ARGUMENT);
    }
    for (size_t i = 0; i < COUNT(transfers); i++) {
        bool vectors = transfers[i] == TP_IO_READV || transfers[i] == TP_IO_WRITEV;
        void *buffer = vectors ? (void *)&vector : &live.byte;
        refuse_with(transfers[i], NULL, 1, -1);
        refuse_with(transfers[i], buffer, vectors ? 1025 : UINT64_C(1) << 31, -1);
        refuse_with(transfers[i], buffer, UINT64_C(1) << 32, -1);
        refuse_with(transfers[i], buffer, UINT64_MAX, -1);
        if (i < 4) /* those that know offsets */
            refuse_with(transfers[i], buffer, 1, -2);
        if (i < 4)
            refuse_with(transfers[i], buffer, 1, INT64_MIN);
    }
    refuse_with(TP_IO_RECVMSG, NULL, 0, -1);
    refuse_with(TP_IO_SENDMSG, NULL, 0, -1);
    tp_set_misuse_hook(NULL, NULL);
    use_live();
}

TAP_TEST(io__op_with_wrong_flags_or_addresses)
{
    static const uint32_t flagless[] = {TP_IO_READ,    TP_IO_WRITE, TP_IO_READV,    TP_IO_WRITEV,
                                        TP_IO_CONNECT, TP_IO_FSYNC, TP_IO_FDATASYNC};
    static struct sockaddr_storage address;
    static uint32_t length = sizeof address;
    tp_io_op_t op = good_op();
    tp_set_misuse_hook(hear, NULL);
    op.opcode = TP_IO_POLL;
    for (uint32_t bit = 16; bit < 32; bit++) { /* states that poll(2) has not */
        op.flags = UINT32_C(1) << bit | POLLIN;
        refuse(&op, TP_ERR_ARGUMENT);
    }
    op.opcode = TP_IO_ACCEPT;
    for (uint32_t bit = 0; bit < 32; bit++) {
        op.flags = UINT32_C(1) << bit;
        if (op.flags != SOCK_NONBLOCK)
            refuse(&op, TP_ERR_ARGUMENT);
    }
    op.flags = 0;
    op.address = &address;
    refuse(&op, TP_ERR_ARGUMENT);
    for (size_t i = 0; i < COUNT(flagless); i++) {
        op = good_op();
        op.opcode = flagless[i];
        op.address = &address;
        op.address_length = &length;
        for (op.flags = 1; op.flags != 0; op.flags *= 2)
            refuse(&op, TP_ERR_ARGUMENT);
    }
    op = good_op();
    op.address = &address;
    op.opcode = TP_IO_CONNECT;
    refuse(&op, TP_ERR_ARGUMENT);
    op.address = NULL;
    refuse(&op, TP_ERR_ARGUMENT);
    op.address_length = &length;
    refuse(&op, TP_ERR_ARGUMENT);
    tp_set_misuse_hook(NULL, NULL);
    use_live();
}

/* What the opcode does not name may hold anything; but flags must be known. */
TAP_TEST(io__fields_that_the_opcode_does_not_name_are_not_looked_at)
{
    static char text[] = "text";
    tp_io_op_t op = {sizeof op, TP_IO_WRITE, &op, text, 4, -1, 0, 0, &op, NULL};
    open_own();
    complete_own(&op);
    check_eq(own.error, 0);
    check_eq(own.bytes, 4);
    op = (tp_io_op_t){sizeof op, TP_IO_POLL, text, NULL, UINT64_MAX,
                      INT64_MIN, POLLOUT,    0,    text, NULL};
    complete_own(&op);
    check_eq(own.error, 0);
    check_eq(own.bytes, POLLOUT);
    op.opcode = TP_IO_FSYNC;
    op.flags = 0;
    complete_own(&op);
    check_eq(own.error, EINVAL); /* says the system, of a socket */
    check_eq(own.bytes, 0);
    close_own();
}

/* ---- batches --------------------------------------------------------------------------------- */

static tp_io_op_t receiving(void *key)
{
    static char nothing[8];
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = TP_IO_RECV;
    op.operation = key;
    op.buffer = nothing;
    op.length = sizeof nothing;
    return op;
}

/* So many were started, and are in flight; they are ended by their keys. */
static void expect_batch(const void *ops, uint32_t count, tp_status_t expected,
                         uint32_t expected_count)
{
    const tp_io_op_t *first = ops;
    uint32_t submitted = 99, runs = tpp_load_acquire(&own.runs);
    check_eq(tp_io_submit_many(own.io, ops, count, &submitted), expected);
    check_eq(submitted, expected_count);
    check_eq(statistics().io_in_flight, 1 + expected_count);
    for (uint32_t i = 0; i < expected_count; i++) {
        const void *op = (const char *)ops + (size_t)i * first->struct_size;
        check_eq(tp_io_abort(own.io, ((const tp_io_op_t *)op)->operation), TP_OK);
    }
    check_eq(tp_io_wait(own.io, false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&own.runs), runs + expected_count);
    check_eq(statistics().io_in_flight, 1);
}

TAP_TEST(io__a_batch_stops_at_the_first_that_is_refused)
{
    enum { MANY = 5 };
    tp_io_op_t ops[MANY];
    struct longer_op longer[2] = {{receiving(&longer[0]), {0}}, {receiving(&longer[1]), {0}}};
    open_own();
    for (int i = 0; i < MANY; i++)
        ops[i] = receiving(&ops[i]);
    expect_batch(ops, MANY, TP_OK, MANY);
    expect_batch(ops, 0, TP_OK, 0);
    check_eq(tp_io_submit_many(own.io, NULL, 0, NULL), TP_OK);
    ops[3].operation = &ops[1];
    expect_batch(ops, MANY, TP_ERR_EXISTS, 3);
    ops[3].opcode = 0;
    expect_batch(ops, MANY, TP_ERR_ARGUMENT, 3);
    ops[0].opcode = 0;
    expect_batch(ops, MANY, TP_ERR_ARGUMENT, 0);
    longer[0].op.struct_size = longer[1].op.struct_size = sizeof *longer; /* is the stride */
    expect_batch(longer, 2, TP_OK, 2);
    longer[1].more[0] = 1;
    expect_batch(longer, 2, TP_ERR_VERSION, 1);
    close_own();
}

TAP_TEST(io__a_batch_whose_sizes_differ)
{
    tp_io_op_t ops[2] = {receiving(&ops[0]), receiving(&ops[1])};
    uint32_t submitted = 99;
    open_own();
    tp_set_misuse_hook(hear, NULL);
    heard.calls = 0;
    ops[1].struct_size++;
    expect(tp_io_submit_many(own.io, ops, 2, &submitted), TP_ERR_VERSION, "tp_io_submit_many");
    check_eq(submitted, 1);
    check_eq(tp_io_wait(own.io, true, TP_INFINITE), TP_OK);
    ops[1].struct_size = 0;
    expect(tp_io_submit_many(own.io, ops, 2, NULL), TP_ERR_VERSION, "tp_io_submit_many");
    submitted = 99;
    expect(tp_io_submit_many(own.io, NULL, 2, &submitted), TP_ERR_ARGUMENT, "tp_io_submit_many");
    check_eq(submitted, 0);
    expect(tp_io_submit(own.io, NULL), TP_ERR_ARGUMENT, "tp_io_submit");
    tp_set_misuse_hook(NULL, NULL);
    check_eq(tp_io_wait(own.io, true, TP_INFINITE), TP_OK);
    check_eq(shutdown(ends[1], SHUT_RDWR), 0); /* the end of what may be in flight */
    close_own();
    check_eq(tpp_load_acquire(&own.runs), 0);
}

/* ---- credits, keys --------------------------------------------------------------------------- */

TAP_TEST(io__c162_credits_that_nobody_gave_are_not_taken)
{
    open_own();
    tp_set_misuse_hook(hear, NULL);
    heard.calls = 0;
    for (int i = 0; i < 3; i++) {
        expect(tp_io_cancel(own.io), TP_ERR_STATE, "tp_io_cancel");
        expect(tp_io_complete(own.io, &own, 0, 1), TP_ERR_STATE, "tp_io_complete");
        check_eq(tp_io_wait(own.io, false, 0), TP_OK);
    }
    check_eq(tp_io_start(own.io), TP_OK);
    expect(tp_io_complete(own.io, &own, -1, 1), TP_ERR_ARGUMENT, "tp_io_complete");
    expect(tp_io_complete(own.io, &own, INT32_MIN, 1), TP_ERR_ARGUMENT, "tp_io_complete");
    check_eq(tp_io_wait(own.io, false, 0), TP_ERR_TIMEOUT); /* it is still there */
    check_eq(tp_io_complete(own.io, &own, INT32_MAX, UINT64_MAX), TP_OK);
    check_eq(tp_io_wait(own.io, false, TP_INFINITE), TP_OK);
    check_eq(own.error, INT32_MAX);
    check_eq(own.bytes, UINT64_MAX);
    expect(tp_io_cancel(own.io), TP_ERR_STATE, "tp_io_cancel");
    check_eq(tpp_load_acquire(&own.runs), 1);
    tp_set_misuse_hook(NULL, NULL);
    close_own();
}

/* An abort that comes too late is no misuse: nobody can know that before. */
TAP_TEST(io__an_unknown_key_is_refused_and_not_reported)
{
    tp_io_op_t op = receiving(&ends);
    open_own();
    tp_set_misuse_hook(hear, NULL);
    heard.calls = 0;
    check_eq(tp_io_abort(own.io, &ends), TP_ERR_ARGUMENT);
    check_eq(tp_io_abort(own.io, NULL), TP_ERR_ARGUMENT);
    check_eq(tp_io_submit(own.io, &op), TP_OK);
    check_eq(tp_io_submit(own.io, &op), TP_ERR_EXISTS);
    check_eq(tp_io_abort(own.io, NULL), TP_ERR_ARGUMENT);
    check_eq(tp_io_abort(own.io, &ends), TP_OK);
    check_eq(tp_io_wait(own.io, false, TP_INFINITE), TP_OK);
    check_eq(tp_io_abort(own.io, &ends), TP_ERR_ARGUMENT);
    check_eq(own.error, ECANCELED);
    check_eq(own.bytes, 0);
    check_eq(tpp_load_acquire(&own.runs), 1);
    check_eq(heard.calls, 0);
    tp_set_misuse_hook(NULL, NULL);
    close_own();
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void refuse_descriptor(int fd, tp_status_t expected)
{
    tp_io_t *io = live.io;
    check_eq(tp_io_create(fd, note, &own, live.env, &io), expected);
    check(io == NULL);
    if (expected == TP_ERR_SYSTEM)
        check_eq(tp_last_errno(), EBADF);
}

TAP_TEST(io__c163_what_is_no_descriptor_or_is_bound_already)
{
    static const int none[] = {-1, INT32_MIN, INT32_MAX, 1000000};
    uint32_t before[TPI_KIND_COUNT] = {0}, after[TPI_KIND_COUNT] = {0};
    tp_io_t *io = NULL;
    int name = open("/", O_PATH | O_CLOEXEC), copy = dup(live.ends[0]);
    open_own();
    tp_set_misuse_hook(hear, NULL);
    heard.calls = 0;
    in_use(before);
    for (size_t i = 0; i < COUNT(none); i++)
        refuse_descriptor(none[i], TP_ERR_SYSTEM);
    refuse_descriptor(name, TP_ERR_SYSTEM);
    refuse_descriptor(live.ends[0], TP_ERR_EXISTS);
    refuse_descriptor(ends[0], TP_ERR_EXISTS);
    in_use(after);
    for (int kind = 1; kind < TPI_KIND_COUNT; kind++)
        check(after[kind] == before[kind] || kind == TPI_KIND_THREAD); /* which errno made known */
    check_eq(heard.calls, 0); /* the system's refusal is no misuse */
    check_eq(tp_io_create(copy, never_io, NULL, live.env, &io), TP_OK); /* another descriptor */
    check_eq(tp_io_close(io), TP_OK);
    tp_set_misuse_hook(NULL, NULL);
    close_own();
    check_eq(tpp_load_acquire(&own.releases), 1);
    check_eq(close(name) | close(copy), 0);
    use_live();
}

/* The lowest number that is free. */
static int next_number(void)
{
    int number = dup(live.ends[0]);
    check_eq(close(number), 0);
    return number;
}

/* In a pool of its own, with so many descriptors to be had. */
static bool create_with(tp_env_t *env, uint32_t descriptors)
{
    struct rlimit limit, before;
    tp_io_t *io = live.io;
    int next = next_number();
    check_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)next + descriptors;
    check_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    tp_status_t status = tp_io_create(live.ends[1], never_io, NULL, env, &io);
    check_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    if (status == TP_OK) {
        check_eq(tp_io_close(io), TP_OK);
        return true;
    }
    check(io == NULL);
    check(status == TP_ERR_UNSUPPORTED || status == TP_ERR_SYSTEM);
    if (status == TP_ERR_SYSTEM)
        check_eq(tp_last_errno(), EMFILE);
    return false;
}

/* Each number of them is tried, until it suffices: for a poller, which stays for the next try, for
 * the object's own, for a ring if that is demanded. */
TAP_TEST(io__create_without_descriptors_fails_with_everything_as_it_was)
{
    enum { LATER = 10 }; /* descriptors that pools may want meanwhile, of which few are enough */
    tp_pool_t *pool = NULL;
    tp_env_t *env = NULL;
    uint32_t enough = 0;
    require(tp_pool_create(NULL, &pool) == TP_OK && tp_env_create(&env) == TP_OK);
    require(tp_env_set_pool(env, pool) == TP_OK);
    while (enough < 20 && !create_with(env, enough))
        enough++;
    check(enough > 0 && enough < 20);
    int next = next_number(), most = next + LATER;
    for (int i = 0; i < 100; i++)
        check(create_with(env, enough + LATER)); /* none is lost */
    for (int i = 0; i < 100; i++)
        check(!create_with(env, 0));
    for (int i = 0; i < 1000 && (next = next_number()) > most; i++)
        usleep(1000); /* the last object may still be on its way out */
    check(next <= most);
    check_eq(tp_env_destroy(env) | tp_pool_close(pool), TP_OK);
    use_live();
}

/* ---- closed ---------------------------------------------------------------------------------- */

static void refuse_all(void)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].kind == TPI_KIND_IO) {
            heard.calls = 0;
            expect(rows[i].call(own.io), TP_ERR_HANDLE, rows[i].function);
        }
}

/* Its handle is bad, what is in flight goes on, and what that comes to is delivered. */
TAP_TEST(io__a_closed_object_is_refused_everywhere_also_in_its_callback)
{
    tp_io_op_t op = receiving(&own);
    tp_io_t *again = NULL;
    open_own();
    own.then = refuse_all;
    check_eq(tp_io_start(own.io), TP_OK);
    check_eq(tp_io_submit(own.io, &op), TP_OK);
    check_eq(tp_io_close(own.io), TP_OK);
    tp_set_misuse_hook(hear, NULL);
    refuse_all();
    check_eq(tpp_load_acquire(&own.releases), 0);
    check_eq(tp_io_create(ends[0], never_io, NULL, live.env, &again), TP_OK); /* it is free */
    check_eq(tp_io_close(again), TP_OK);
    check_eq(write(ends[1], "two", 3), 3);
    check(becomes(&own.releases, 1));
    check_eq(tpp_load_acquire(&own.runs), 1);
    check_eq(own.error, 0);
    check_eq(own.bytes, 3);
    tp_set_misuse_hook(NULL, NULL);
    check_eq(close(ends[0]) | close(ends[1]), 0);
    use_live();
}

int main(void)
{
    build_live();
    tap_run(io__op_of_wrong_size);
    tap_run(io__op_that_transfers_nothing_needs_no_buffer);
    tap_run(io__op_of_wrong_content);
    tap_run(io__op_with_wrong_flags_or_addresses);
    tap_run(io__fields_that_the_opcode_does_not_name_are_not_looked_at);
    tap_run(io__a_batch_stops_at_the_first_that_is_refused);
    tap_run(io__a_batch_whose_sizes_differ);
    tap_run(io__c162_credits_that_nobody_gave_are_not_taken);
    tap_run(io__an_unknown_key_is_refused_and_not_reported);
    tap_run(io__c163_what_is_no_descriptor_or_is_bound_already);
    tap_run(io__create_without_descriptors_fails_with_everything_as_it_was);
    tap_run(io__a_closed_object_is_refused_everywhere_also_in_its_callback);
    use_live();
    close_live();
    return tap_done();
}
