/* close_test.c - two threads close one handle; one guesses what another is just creating. */
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include "tests/capi/calls.h"

/* ---- two threads close the same handle ------------------------------------------------------- */

static tpp_ptr contested; /* the handle of this round; NULL: the round is over */
static tpp_u32 round_number, answers, won, stop;
static tp_status_t (*closer)(void *);

static void contend(void *handle)
{
    tp_status_t status = closer(handle);
    if (status == TP_OK)
        tpp_add_acq_rel(&won, 1);
    else if (status != TP_ERR_HANDLE)
        tpp_add_acq_rel(&won, 1000);
    tpp_add_acq_rel(&answers, 1);
}

static void *second_closer(void *memory)
{
    uint32_t seen = 0;
    (void)memory;
    while (!tpp_load_acquire(&stop)) {
        uint32_t now = tpp_load_acquire(&round_number);
        if (now == seen) {
            sched_yield();
            continue;
        }
        seen = now;
        contend(tpp_load_acquire(&contested));
    }
    return NULL;
}

/* What I/O objects are bound to, one at a time; always writable. */
static int ends[2];

static void hear_of(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                    uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    (void)context;
    (void)operation;
    (void)bytes;
    check(io != NULL);
    check(error == 0 || error == ECANCELED);
    tpp_add_acq_rel(&live.runs, 1);
}

static void *make(const struct row *row)
{
    union {
        tp_pool_t *pool;
        tp_env_t *env;
        tp_work_t *work;
        tp_timer_t *timer;
        tp_wait_t *wait;
        tp_io_t *io;
        tp_cleanup_group_t *group;
        tp_event_t *event;
        tp_semaphore_t *semaphore;
        tp_mutex_t *mutex;
        void *any;
    } made = {.any = NULL};
    tp_status_t status = TP_ERR_STATE;
    if (row->kind == TPI_KIND_POOL)
        status = tp_pool_create(NULL, &made.pool);
    else if (row->kind == TPI_KIND_ENV)
        status = tp_env_create(&made.env);
    else if (row->kind == TPI_KIND_WORK)
        status = tp_work_create(count_run, NULL, live.env, &made.work);
    else if (row->kind == TPI_KIND_TIMER)
        status = tp_timer_create(count_expiry, NULL, live.env, &made.timer);
    else if (row->kind == TPI_KIND_WAIT)
        status = tp_wait_create(count_signal, NULL, live.env, &made.wait);
    else if (row->kind == TPI_KIND_IO) /* the one before was closed: it is not bound any more */
        status = tp_io_create(ends[0], hear_of, NULL, live.env, &made.io);
    else if (row->kind == TPI_KIND_GROUP)
        status = tp_cleanup_group_create(&made.group);
    else if (row->kind == TPI_KIND_EVENT)
        status = tp_event_create(true, false, &made.event);
    else if (row->kind == TPI_KIND_SEMAPHORE)
        status = tp_semaphore_create(0, 1, &made.semaphore);
    else
        status = tp_mutex_create(true, &made.mutex);
    check_eq(status, TP_OK);
    return made.any;
}

static tp_event_t *lit; /* always signaled */

/* Done within the submit; or in flight, until a byte comes; or only announced. */
static void occupy_io(tp_io_t *io, uint32_t round)
{
    static char byte;
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = round % 3 ? TP_IO_POLL : TP_IO_RECV;
    op.flags = round % 3 ? POLLOUT : 0;
    op.buffer = op.operation = &byte;
    op.length = 1;
    if (round % 7 == 0)
        check_eq(tp_io_start(io), TP_OK);
    check_eq(tp_io_submit(io, &op), TP_OK);
}

/* What is in flight goes on: each of those that receive has its byte. */
static void relieve(const struct row *row, uint32_t round)
{
    if (row->kind == TPI_KIND_IO && round % 2 && round % 3 == 0)
        check_eq(write(ends[1], "x", 1), 1);
}

/* Every other round the object has something to do when it is closed. */
static void occupy(const struct row *row, void *handle, uint32_t round)
{
    tp_timer_spec_t spec = after(round % 3 ? 0 : 20000); /* ns: it expires about now */
    spec.period = round % 5 ? 0 : 10000;
    if (row->kind == TPI_KIND_WORK && round % 2)
        check_eq(tp_work_submit(handle), TP_OK);
    if (row->kind == TPI_KIND_TIMER && round % 2)
        check_eq(tp_timer_set(handle, &spec, NULL), TP_OK);
    if (row->kind == TPI_KIND_WAIT && round % 2) {
        tp_wait_spec_t at_once = until(tp_waitable_event(lit));
        check_eq(tp_wait_set(handle, &at_once, NULL), TP_OK);
    }
    if (row->kind == TPI_KIND_IO && round % 2)
        occupy_io(handle, round);
}

static bool posts(const struct row *row)
{
    return row->kind == TPI_KIND_WORK || row->kind == TPI_KIND_TIMER || row->kind == TPI_KIND_WAIT;
}

static void contest(const struct row *row, uint32_t rounds)
{
    unsigned wrong = 0;
    closer = row->call;
    for (uint32_t i = 0; i < rounds; i++) {
        void *handle = make(row);
        occupy(row, handle, i);
        tpp_store_relaxed(&won, 0);
        tpp_store_relaxed(&answers, 0);
        tpp_store_relaxed(&contested, handle);
        tpp_add_acq_rel(&round_number, 1);
        for (uint32_t turns = i * 7 % 50; turns > 0; turns--)
            tpp_cpu_relax();
        contend(handle);
        while (tpp_load_acquire(&answers) < 2)
            sched_yield();
        wrong += tpp_load_acquire(&won) != 1;
        relieve(row, i);
    }
    check_eq(wrong, 0);
}

/* A callback of a closed object may still be at its end. */
static void await_gone(enum tpi_kind kind, uint32_t expected)
{
    for (int i = 0; i < 1000 && tpi_slab_in_use(kind) > expected; i++)
        usleep(10000);
    check_eq(tpi_slab_in_use(kind), expected);
}

TAP_TEST(close__two_close_at_once_exactly_one_succeeds)
{
    uint32_t rounds = SANITIZED ? 2000 : 10000, before[TPI_KIND_COUNT], after[TPI_KIND_COUNT];
    pthread_t other;
    tap_timeout(120);
    require(pthread_create(&other, NULL, second_closer, NULL) == 0);
    require(tp_event_create(true, true, &lit) == TP_OK);
    require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    in_use(before);
    for (size_t r = 0; r < COUNT(rows); r++)
        if (rows[r].null_allowed && strstr(rows[r].function, "_set_") == NULL &&
            (strstr(rows[r].function, "_close") || strstr(rows[r].function, "_destroy")))
            contest(&rows[r], posts(&rows[r]) ? 4 * rounds : rounds);
    tpp_store_release(&stop, 1);
    pthread_join(other, NULL);
    check_eq(tp_work_wait(live.work, false, TP_INFINITE), TP_OK);
    await_gone(TPI_KIND_WORK, before[TPI_KIND_WORK]);
    await_gone(TPI_KIND_TIMER, before[TPI_KIND_TIMER]);
    await_gone(TPI_KIND_WAIT, before[TPI_KIND_WAIT]);
    await_gone(TPI_KIND_IO, before[TPI_KIND_IO]);
    in_use(after);
    check_eq(statistics().timers_armed, 1); /* the live one's */
    check_eq(statistics().io_in_flight, 1); /* too */
    check_eq(after[TPI_KIND_OPERATION], before[TPI_KIND_OPERATION]);
    check_eq(close(ends[0]) | close(ends[1]), 0);
    check_eq(after[TPI_KIND_POOL], before[TPI_KIND_POOL]);
    check_eq(after[TPI_KIND_EVENT], before[TPI_KIND_EVENT]);
    check_eq(after[TPI_KIND_MUTEX], before[TPI_KIND_MUTEX]);
}

/* ---- a handle that is guessed while its object is being made --------------------------------- */

static tpp_ptr last_made;
static tpp_u32 made_all;

static bool told(tp_status_t status)
{
    return status == TP_OK || status == TP_ERR_HANDLE || status == TP_ERR_TIMEOUT;
}

/* What follows the last handle will be a handle soon, or is one just now. */
static void *guess_work(void *memory)
{
    (void)memory;
    for (uint32_t i = 0; !tpp_load_acquire(&made_all); i++) {
        uintptr_t token = (uintptr_t)tpp_load_relaxed(&last_made);
        tp_work_t *guessed = (tp_work_t *)(token + i % 8);
        check(told(tp_work_submit(guessed)));
        check(told(i % 64 ? tp_work_wait(guessed, true, 0) : tp_work_close(guessed)));
    }
    return NULL;
}

static void *guess_timer(void *memory)
{
    (void)memory;
    for (uint32_t i = 0; !tpp_load_acquire(&made_all); i++) {
        uintptr_t token = (uintptr_t)tpp_load_relaxed(&last_made);
        tp_timer_t *guessed = (tp_timer_t *)(token + i % 8);
        tp_timer_spec_t spec = after(i % 3 ? 0 : 1000);
        bool flag;
        check(told(tp_timer_set(guessed, i % 7 ? &spec : NULL, &flag)));
        check(told(tp_timer_is_set(guessed, &flag)));
        check(told(i % 64 ? tp_timer_wait(guessed, true, 0) : tp_timer_close(guessed)));
    }
    return NULL;
}

/* Some of these find the object that was meant in a state that they do not want. */
static bool told_of_io(tp_status_t status)
{
    return told(status) || status == TP_ERR_STATE || status == TP_ERR_EXISTS ||
           status == TP_ERR_ARGUMENT;
}

static void *guess_io(void *memory)
{
    (void)memory;
    for (uint32_t i = 0; !tpp_load_acquire(&made_all); i++) {
        uintptr_t token = (uintptr_t)tpp_load_relaxed(&last_made);
        tp_io_t *guessed = (tp_io_t *)(token + i % 8);
        tp_io_op_t op = TP_IO_OP_INIT;
        op.opcode = TP_IO_POLL;
        op.flags = i % 2 ? POLLOUT : POLLIN; /* which is so, and which never will be */
        check(told_of_io(tp_io_submit(guessed, &op)));
        check(told_of_io(tp_io_abort(guessed, NULL)));
        check(told(tp_io_start(guessed)));
        check(told_of_io(i % 3 ? tp_io_cancel(guessed) : tp_io_complete(guessed, NULL, 0, 0)));
        check(told(i % 64 ? tp_io_wait(guessed, true, 0) : tp_io_close(guessed)));
    }
    return NULL;
}

static tp_status_t make_work(void **made)
{
    tp_work_t *work = NULL;
    tp_status_t status = tp_work_create(count_run, NULL, live.env, &work);
    *made = work;
    return status;
}

static tp_status_t make_timer(void **made)
{
    tp_timer_t *timer = NULL;
    tp_status_t status = tp_timer_create(count_expiry, NULL, live.env, &timer);
    *made = timer;
    return status;
}

static void make_while_guessed(enum tpi_kind kind, tp_status_t (*create)(void **made),
                               tp_status_t (*end)(void *handle), void *(*guess)(void *memory))
{
    uint32_t before = tpi_slab_in_use(kind), count = SANITIZED ? 5000 : 50000;
    pthread_t other;
    tap_timeout(120);
    tpp_store_relaxed(&last_made, NULL);
    tpp_store_relaxed(&made_all, 0);
    require(pthread_create(&other, NULL, guess, NULL) == 0);
    void **made = calloc(count, sizeof(void *));
    require(made);
    for (uint32_t i = 0; i < count; i++) {
        check_eq(create(&made[i]), TP_OK);
        tpp_store_relaxed(&last_made, made[i]);
    }
    tpp_store_release(&made_all, 1);
    pthread_join(other, NULL);
    for (uint32_t i = 0; i < count; i++)
        check(told(end(made[i])));
    free(made);
    await_gone(kind, before);
}

TAP_TEST(close__a_guessed_work_handle_is_of_a_whole_object_or_of_none)
{
    make_while_guessed(TPI_KIND_WORK, make_work, work_close, guess_work);
}

TAP_TEST(close__a_guessed_timer_handle_is_of_a_whole_object_or_of_none)
{
    make_while_guessed(TPI_KIND_TIMER, make_timer, timer_close, guess_timer);
    check_eq(statistics().timers_armed, 1); /* the live one's */
}

/* One object for each descriptor at a time. */
TAP_TEST(close__a_guessed_io_handle_is_of_a_whole_object_or_of_none)
{
    enum { COPIES = 16 };
    uint32_t before = tpi_slab_in_use(TPI_KIND_IO), rounds = SANITIZED ? 2000 : 10000;
    int copies[COPIES];
    tp_io_t *made[COPIES] = {NULL};
    pthread_t other;
    tap_timeout(120);
    require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    for (int i = 0; i < COPIES; i++)
        copies[i] = dup(ends[0]);
    tpp_store_relaxed(&last_made, NULL);
    tpp_store_relaxed(&made_all, 0);
    require(pthread_create(&other, NULL, guess_io, NULL) == 0);
    for (uint32_t i = 0; i < rounds + COPIES; i++) {
        tp_io_t **mine = &made[i % COPIES];
        check(told(tp_io_close(*mine)));
        *mine = NULL;
        if (i < rounds)
            check_eq(tp_io_create(copies[i % COPIES], hear_of, NULL, live.env, mine), TP_OK);
        if (i < rounds)
            tpp_store_relaxed(&last_made, *mine);
    }
    tpp_store_release(&made_all, 1);
    pthread_join(other, NULL);
    check_eq(shutdown(ends[1], SHUT_RDWR), 0); /* the end of what polls for input */
    await_gone(TPI_KIND_IO, before);
    for (int i = 0; i < COPIES; i++)
        check_eq(close(copies[i]), 0);
    check_eq(close(ends[0]) | close(ends[1]), 0);
    check_eq(statistics().io_in_flight, 1); /* the live one's */
}

int main(void)
{
    build_live();
    tap_run(close__two_close_at_once_exactly_one_succeeds);
    tap_run(close__a_guessed_work_handle_is_of_a_whole_object_or_of_none);
    tap_run(close__a_guessed_timer_handle_is_of_a_whole_object_or_of_none);
    tap_run(close__a_guessed_io_handle_is_of_a_whole_object_or_of_none);
    use_live();
    close_live();
    return tap_done();
}
