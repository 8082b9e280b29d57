/* fork_test.c - the child of a busy process: old handles are refused, everything begins anew. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/capi/calls.h"
#undef COUNT
#include "tests/survival/scene.h"

enum { POOLS = 4 };

/* ---- a process with a lot to do -------------------------------------------------------------- */

/* One busy pool: a thread that submits and waits, one that creates and closes, callbacks that work,
 * by themselves or when a timer says so, and callbacks that are blocked in the kernel. One I/O
 * operation is in flight, others complete all the time. */
struct busy {
    tp_pool_t *pool; /* NULL: the default pool */
    tp_env_t *env;
    tp_cleanup_group_t *group;
    tp_work_t *work, *blocked;
    tp_timer_t *timer;
    tp_wait_t *wait;
    tp_io_t *io;
    int socket, peer;
    char byte; /* that never comes */
    pthread_t threads[2];
    bool driven;
};

static struct busy busy[POOLS];
static tpp_u32 busy_end;
static tpp_u64 busy_runs;
static int hose[2];
static struct {
    tp_event_t *event;
    tp_semaphore_t *semaphore;
    tp_mutex_t *mutex;
    tp_callback_instance_t *instance; /* of a callback that runs for as long as all is busy */
} old;

static void spin(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    for (volatile int i = 0; i < 300; i++)
        ;
    tpp_add_relaxed(&busy_runs, 1);
}

static void spin_once(tp_callback_instance_t *instance, void *context)
{
    spin(instance, context, NULL);
}

static void spin_often(tp_callback_instance_t *instance, void *context, tp_timer_t *timer)
{
    (void)timer;
    spin(instance, context, NULL);
}

/* A descriptor that never has what is asked for: a time runs out, often. */
static tp_wait_spec_t in_vain(void)
{
    tp_wait_spec_t spec = TP_WAIT_SPEC_INIT;
    spec.source = tp_waitable_fd(hose[0], POLLPRI);
    spec.timeout = MS;
    return spec;
}

static void spin_again(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                       tp_wait_result_t result)
{
    tp_wait_spec_t spec = in_vain();
    check_eq(result, TP_WAIT_TIMEOUT);
    spin(instance, context, NULL);
    if (!tpp_load_acquire(&busy_end))
        check_eq(tp_wait_set(wait, &spec, NULL), TP_OK);
}

static void spin_told(tp_callback_instance_t *instance, void *context, void *operation,
                      int32_t error, uint64_t bytes, tp_io_t *io)
{
    (void)bytes;
    (void)io;
    check_eq(error, operation ? ECANCELED : 0);
    spin(instance, context, NULL);
}

static void drink(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    char byte;
    (void)work;
    if (context)
        __atomic_store_n(&old.instance, instance, __ATOMIC_SEQ_CST);
    check_eq(read(hose[0], &byte, 1), 1);
}

/* The socket can be written to: that is so at once. It may be in flight from the last time. */
static void ask_the_socket(struct busy *mine)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    op.opcode = TP_IO_POLL;
    op.flags = POLLOUT;
    tp_status_t status = tp_io_submit(mine->io, &op);
    check(status == TP_OK || status == TP_ERR_EXISTS);
}

static void *submit_and_wait(void *argument)
{
    struct busy *mine = argument;
    while (!tpp_load_acquire(&busy_end)) {
        check_eq(tp_work_submit_many(mine->work, 5), TP_OK);
        ask_the_socket(mine);
        if (mine->driven)
            (void)tp_pool_run(mine->pool, 0, 0, NULL);
        else
            check_eq(tp_work_wait(mine->work, false, TP_INFINITE), TP_OK);
        check_eq(tp_event_set(old.event), TP_OK);
    }
    return NULL;
}

static void *create_and_close(void *argument)
{
    struct busy *mine = argument;
    tp_wait_result_t result;
    while (!tpp_load_acquire(&busy_end)) {
        tp_work_t *work = NULL;
        check_eq(tp_work_create(spin, NULL, mine->env, &work), TP_OK);
        check_eq(tp_try_submit(spin_once, NULL, mine->env), TP_OK);
        check_eq(tp_work_submit(work), TP_OK);
        check_eq(tp_waitable_wait(tp_waitable_event(old.event), MS, &result), TP_OK);
        check_eq(tp_cleanup_group_close_members(mine->group, true, NULL), TP_OK);
    }
    return NULL;
}

static void begin_io(struct busy *mine, const tp_env_t *env)
{
    tp_io_op_t op = TP_IO_OP_INIT;
    int ends[2];
    check_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    mine->socket = ends[0];
    mine->peer = ends[1];
    check_eq(tp_io_create(mine->socket, spin_told, NULL, env, &mine->io), TP_OK);
    op.opcode = TP_IO_RECV;
    op.operation = op.buffer = &mine->byte;
    op.length = 1;
    check_eq(tp_io_submit(mine->io, &op), TP_OK);
}

/* What waits for the peer is ended; or forgotten, where nobody runs callbacks any more. */
static void finish_io(struct busy *mine)
{
    if (!mine->driven)
        check_eq(tp_io_abort(mine->io, &mine->byte), TP_OK);
    check_eq(tp_io_wait(mine->io, mine->driven, TP_INFINITE), TP_OK);
    check_eq(tp_io_close(mine->io), TP_OK);
    check_eq(close(mine->socket) | close(mine->peer), 0);
}

static void begin_pool(struct busy *mine, tp_env_t **plain)
{
    if (mine != busy) {
        tp_pool_config_t config = TP_POOL_CONFIG_INIT;
        config.flags = mine->driven ? TP_POOL_CALLER_DRIVEN : 0;
        config.thread_maximum = 8;
        check_eq(tp_pool_create(&config, &mine->pool), TP_OK);
    }
    check_eq(tp_env_create(plain) | tp_env_create(&mine->env), TP_OK);
    check_eq(tp_env_set_pool(*plain, mine->pool) | tp_env_set_pool(mine->env, mine->pool), TP_OK);
    check_eq(tp_cleanup_group_create(&mine->group), TP_OK);
    check_eq(tp_env_set_cleanup_group(mine->env, mine->group, NULL), TP_OK);
    check_eq(tp_work_create(spin, NULL, *plain, &mine->work), TP_OK);
    check_eq(tp_timer_create(spin_often, NULL, *plain, &mine->timer), TP_OK);
    tp_timer_spec_t spec = after(MS);
    spec.period = MS;
    check_eq(tp_timer_set(mine->timer, &spec, NULL), TP_OK);
    tp_wait_spec_t spec_in_vain = in_vain();
    check_eq(tp_wait_create(spin_again, NULL, *plain, &mine->wait), TP_OK);
    check_eq(tp_wait_set(mine->wait, &spec_in_vain, NULL), TP_OK);
    begin_io(mine, *plain);
}

static void busy_begin(void)
{
    check_eq(pipe(hose), 0);
    tpp_store_release(&busy_end, 0);
    check_eq(tp_event_create(false, false, &old.event), TP_OK);
    check_eq(tp_semaphore_create(1, 5, &old.semaphore), TP_OK);
    check_eq(tp_mutex_create(false, &old.mutex), TP_OK);
    for (int i = 0; i < POOLS; i++) {
        struct busy *mine = &busy[i];
        tp_env_t *plain = NULL;
        *mine = (struct busy){.driven = i == POOLS - 1};
        begin_pool(mine, &plain);
        if (!mine->driven) {
            check_eq(tp_work_create(drink, i == 1 ? &old : NULL, plain, &mine->blocked), TP_OK);
            check_eq(tp_work_submit_many(mine->blocked, 3), TP_OK);
        }
        check_eq(tp_env_destroy(plain), TP_OK);
        check_eq(pthread_create(&mine->threads[0], NULL, submit_and_wait, mine), 0);
        if (!mine->driven)
            check_eq(pthread_create(&mine->threads[1], NULL, create_and_close, mine), 0);
    }
    while (!__atomic_load_n(&old.instance, __ATOMIC_SEQ_CST))
        usleep(1000);
}

static void busy_finish(void)
{
    tpp_store_release(&busy_end, 1);
    check_eq(write(hose[1], "123456789", 3 * (POOLS - 1)), 3 * (POOLS - 1));
    for (int i = 0; i < POOLS; i++) {
        struct busy *mine = &busy[i];
        check_eq(pthread_join(mine->threads[0], NULL), 0);
        if (!mine->driven)
            check_eq(pthread_join(mine->threads[1], NULL), 0);
        check_eq(tp_work_close(mine->work) | tp_work_close(mine->blocked), TP_OK);
        check_eq(tp_timer_set(mine->timer, NULL, NULL) | tp_timer_close(mine->timer), TP_OK);
        check_eq(tp_wait_wait(mine->wait, true, TP_INFINITE), TP_OK); /* who arms it again ends */
        check_eq(tp_wait_set(mine->wait, NULL, NULL) | tp_wait_close(mine->wait), TP_OK);
        finish_io(mine);
        check_eq(tp_cleanup_group_close_members(mine->group, false, NULL), TP_OK);
        check_eq(tp_cleanup_group_close(mine->group) | tp_env_destroy(mine->env), TP_OK);
        if (i != 0)
            check_eq(tp_pool_shutdown(mine->pool, false, TP_INFINITE), TP_OK);
    }
    check_eq(tp_event_close(old.event) | tp_semaphore_close(old.semaphore), TP_OK);
    check_eq(tp_mutex_close(old.mutex), TP_OK);
    __atomic_store_n(&old.instance, NULL, __ATOMIC_SEQ_CST);
    close(hose[0]);
    close(hose[1]);
}

/* ---- what the child does --------------------------------------------------------------------- */

static tp_pool_t *old_default;

static void *old_handle(enum tpi_kind kind)
{
    void *const handles[TPI_KIND_COUNT] = {
        [TPI_KIND_NONE] = old.event,        [TPI_KIND_POOL] = busy[1].pool,
        [TPI_KIND_ENV] = busy[1].env,       [TPI_KIND_WORK] = busy[1].work,
        [TPI_KIND_EVENT] = old.event,       [TPI_KIND_GROUP] = busy[1].group,
        [TPI_KIND_MUTEX] = old.mutex,       [TPI_KIND_SEMAPHORE] = old.semaphore,
        [TPI_KIND_INSTANCE] = old.instance, [TPI_KIND_TIMER] = busy[1].timer,
        [TPI_KIND_WAIT] = busy[1].wait,     [TPI_KIND_IO] = busy[1].io,
    };
    return handles[kind];
}

/* Every function with an old handle in each place where it takes one, the others being good. */
static void expect_refused(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        tp_status_t status = row->call(old_handle(row->kind));
        if (status != TP_ERR_FORKED)
            printf("# %s: %s\n", row->function, tp_status_name(status));
        check_eq(status, TP_ERR_FORKED);
        if (row->kind == TPI_KIND_POOL)
            check_eq(row->call(busy[POOLS - 1].pool), TP_ERR_FORKED);
        if (row->kind == TPI_KIND_POOL)
            check_eq(row->call(old_default), TP_ERR_FORKED);
    }
}

static void refused_inside(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    live.instance = instance;
    expect_refused();
    tpp_add_acq_rel(&live.runs, 1);
}

/* A pool of its own for each kind of life: the default one, and a private one. */
static void expect_new_life(void)
{
    tp_work_t *work = NULL, *refusals = NULL;
    build_live();
    check(live.default_pool != old_default);
    use_live();
    check_eq(tp_work_create(count_run, NULL, NULL, &work), TP_OK);
    uint32_t before = tpp_load_acquire(&live.runs);
    check_eq(tp_work_submit_many(work, 50), TP_OK);
    finish_work(work);
    check_eq(tpp_load_acquire(&live.runs), before + 50);
    /* Once more where there are good handles for the other arguments, one of a callback too. */
    check_eq(tp_work_create(refused_inside, NULL, live.env, &refusals), TP_OK);
    check_eq(tp_work_submit(refusals), TP_OK);
    finish_work(refusals);
    use_live();
    close_live();
}

/* The first that the child says to the library; nothing is allocated for it. */
static void child_that_asks(void)
{
    child_begin();
    check_eq(tp_work_submit(busy[1].work), TP_ERR_FORKED);
    check_eq(tp_work_wait(busy[1].work, false, TP_INFINITE), TP_ERR_FORKED);
    check_eq(tp_timer_set(busy[1].timer, NULL, NULL), TP_ERR_FORKED);
    check_eq(tp_timer_wait(busy[1].timer, false, TP_INFINITE), TP_ERR_FORKED);
    check_eq(tp_io_start(busy[1].io), TP_ERR_FORKED);
    check_eq(tp_io_wait(busy[1].io, false, TP_INFINITE), TP_ERR_FORKED);
    check_eq(tp_cleanup_group_close_members(busy[1].group, false, NULL), TP_ERR_FORKED);
    check_eq(tp_pool_shutdown(busy[1].pool, false, TP_INFINITE), TP_ERR_FORKED);
}

static void child_at_length(void)
{
    child_that_asks();
    expect_new_life();
}

static void expect_new_life_in_short(void)
{
    tp_work_t *work = NULL;
    uint32_t before = tpp_load_acquire(&live.runs);
    check_eq(tp_work_create(count_run, NULL, NULL, &work), TP_OK);
    check_eq(tp_work_submit_many(work, 3), TP_OK);
    finish_work(work);
    check_eq(tpp_load_acquire(&live.runs), before + 3);
}

static void child_in_short(void)
{
    child_begin();
    check_eq(tp_work_submit(busy[1].work), TP_ERR_FORKED);
    check_eq(tp_work_close(busy[2].work), TP_ERR_FORKED);
    check_eq(tp_timer_close(busy[2].timer), TP_ERR_FORKED);
    check_eq(tp_io_close(busy[2].io), TP_ERR_FORKED);
    expect_new_life_in_short();
}

/* The parent goes on as if nothing had happened. */
static void expect_unaffected(void)
{
    uint64_t before = tpp_load_relaxed(&busy_runs);
    int64_t end = now() + 20000 * MS * patience();
    while (tpp_load_relaxed(&busy_runs) < before + 100 && now() < end)
        usleep(1000);
    check(tpp_load_relaxed(&busy_runs) >= before + 100);
}

static void hear_too(void *context, const char *function, tp_status_t status, const char *message)
{
    if (status != TP_ERR_FORKED)
        hear(context, function, status, message);
}

static void with_busy_pools(void (*body)(void))
{
    memset(&heard, 0, sizeof heard);
    check_eq(tp_pool_default(&old_default), TP_OK);
    check_eq(tp_set_misuse_hook(hear_too, NULL), TP_OK);
    busy_begin();
    usleep(50000);
    body();
    expect_unaffected();
    busy_finish();
    check_eq(heard.calls, 0);
}

static void fork_once(void)
{
    pid_t child = fork();
    if (child == 0) {
        child_at_length();
        child_end();
    }
    check_eq(end_of(child), 0);
    child = fork();
    if (child == 0) {
        child_at_length();
        exit(__atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) != 0);
    }
    check_eq(end_of(child), 0);
}

TAP_TEST(fork__r39_the_child_of_busy_pools_finds_old_handles_refused_and_all_else_new)
{
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    with_busy_pools(fork_once);
}

static void children_in_a_row(uint32_t count, void (*child_main)(void))
{
    for (uint32_t i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            child_main();
            child_end();
        }
        check_eq(end_of(child), 0);
    }
}

static void fork_and_ask(void)
{
    children_in_a_row(SANITIZED ? 20 : 50, child_that_asks);
}

TAP_TEST(fork__r39_children_that_only_ask_find_old_handles_refused)
{
    with_busy_pools(fork_and_ask);
}

static void fork_often(void)
{
    children_in_a_row(200, child_in_short);
}

TAP_TEST(fork__r39_two_hundred_children_in_a_row)
{
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    with_busy_pools(fork_often);
}

/* Objects of the child are old in its own child. */
static void grandchild(void)
{
    tp_work_t *work = NULL;
    check_eq(tp_work_create(count_run, NULL, NULL, &work), TP_OK);
    check_eq(tp_work_submit_many(work, 100), TP_OK);
    pid_t child = fork();
    if (child == 0) {
        child_begin();
        check_eq(tp_work_wait(work, false, TP_INFINITE), TP_ERR_FORKED);
        check_eq(tp_work_submit(busy[1].work), TP_ERR_FORKED);
        child_at_length();
        child_end();
    }
    check_eq(end_of(child), 0);
    finish_work(work);
}

static void fork_twice(void)
{
    pid_t child = fork();
    if (child == 0) {
        child_at_length();
        grandchild();
        child_end();
    }
    check_eq(end_of(child), 0);
}

TAP_TEST(fork__r39_the_child_forks_again)
{
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    with_busy_pools(fork_twice);
}

/* ---- fork in a callback ---------------------------------------------------------------------- */

enum way { EXEC, LEAVE, RETURN, USE_AND_RETURN };

struct forking {
    enum way way;
    pid_t child;
    uint32_t after;
};

static void fork_inside(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct forking *forking = context;
    pid_t child = fork();
    if (child != 0) {
        forking->child = child;
        return;
    }
    child_begin();
    if (forking->way == EXEC) {
        execl("/bin/true", "true", NULL);
        _exit(99);
    }
    if (forking->way == LEAVE)
        _exit(7);
    if (forking->way == USE_AND_RETURN) {
        check_eq(tp_callback_may_run_long(instance), TP_ERR_FORKED);
        check_eq(tp_work_submit(work), TP_ERR_FORKED);
        check_eq(tp_work_close(work), TP_ERR_FORKED);
        expect_new_life();
        if (__atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) != 0)
            _exit(1);
    }
}

static void count_after(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct forking *forking = context;
    (void)instance;
    (void)work;
    __atomic_fetch_add(&forking->after, 1, __ATOMIC_SEQ_CST);
}

/* The callback forks with more queued behind it, in a pool with so many threads. */
static int fork_in_callback(enum way way, uint32_t maximum)
{
    struct forking forking = {.way = way, .child = -1};
    struct scene scene = scene_plan(0, maximum);
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, fork_inside, &forking);
    tp_work_t *after = scene_work(&scene, count_after, &forking);
    check_eq(tp_work_submit(work), TP_OK);
    check_eq(tp_work_submit_many(after, 10), TP_OK);
    finish_work(after);
    finish_work(work);
    check_eq(__atomic_load_n(&forking.after, __ATOMIC_SEQ_CST), 10);
    int end = end_of(forking.child);
    scene_end(&scene);
    return end;
}

TAP_TEST(fork__r39_in_a_callback_whose_child_executes_another_program)
{
    for (int i = 0; i < 20; i++)
        check_eq(fork_in_callback(EXEC, i % 2 ? 1 : 4), 0);
}

TAP_TEST(fork__r39_in_a_callback_whose_child_exits)
{
    for (int i = 0; i < 20; i++)
        check_eq(fork_in_callback(LEAVE, i % 2 ? 1 : 4), 7);
}

TAP_TEST(fork__r39_in_a_callback_whose_child_returns_from_it)
{
    for (int i = 0; i < 20; i++)
        check_eq(fork_in_callback(RETURN, i % 2 ? 1 : 4), 0);
}

static void fork_in_callbacks(void)
{
    for (int i = 0; i < 6; i++)
        check_eq(fork_in_callback(USE_AND_RETURN, i % 2 ? 1 : 4), 0);
}

TAP_TEST(fork__r39_in_a_callback_whose_child_uses_the_library_and_returns)
{
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    with_busy_pools(fork_in_callbacks);
}

/* ---- a pool that a caller drives ------------------------------------------------------------- */

static bool readable(int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    return poll(&wanted, 1, 0) == 1 && wanted.revents == POLLIN;
}

/* A descriptor of the same kind that the child makes may get the same number, later. */
static void child_of_driver(tp_pool_t *pool, int fd)
{
    struct scene scene = scene_plan(0, 0);
    int again = -1;
    child_begin();
    check(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
    check_eq(tp_pool_run(pool, 0, TP_INFINITE, NULL), TP_ERR_FORKED);
    check_eq(tp_pool_poll_fd(pool, &again), TP_ERR_FORKED);
    check_eq(tp_pool_close(pool), TP_ERR_FORKED);
    scene.config.flags = TP_POOL_CALLER_DRIVEN;
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, count_run, NULL);
    check_eq(tp_pool_poll_fd(scene.pool, &again), TP_OK);
    check(!readable(again));
    check_eq(tp_work_submit(work), TP_OK);
    check(readable(again));
    check_eq(tp_pool_run(scene.pool, 0, 0, NULL), TP_OK);
    check(!readable(again));
    check_eq(tp_work_close(work), TP_OK);
    scene_end(&scene);
    child_end();
}

TAP_TEST(fork__descriptor_of_a_driven_pool_is_closed_in_the_child_and_kept_in_the_parent)
{
    struct scene scene = scene_plan(0, 0);
    uint32_t ran = 0;
    int fd = -1;
    scene.config.flags = TP_POOL_CALLER_DRIVEN;
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, count_run, NULL);
    check_eq(tp_pool_poll_fd(scene.pool, &fd), TP_OK);
    for (int raised = 0; raised < 2; raised++) {
        if (raised)
            check_eq(tp_work_submit_many(work, 3), TP_OK);
        check_eq(readable(fd), raised);
        pid_t child = fork();
        if (child == 0)
            child_of_driver(scene.pool, fd);
        check_eq(end_of(child), 0);
        check_eq(readable(fd), raised);
    }
    check_eq(tp_pool_run(scene.pool, 0, 0, &ran), TP_OK);
    check_eq(ran, 3);
    check(!readable(fd));
    check_eq(tp_work_close(work), TP_OK);
    scene_end(&scene);
}

struct driving {
    tp_pool_t *pool;
    pid_t child;
    bool is_child;
};

static void fork_while_driven(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct driving *driving = context;
    (void)instance;
    (void)work;
    if (driving->child == -1) {
        driving->child = fork();
        driving->is_child = driving->child == 0;
    }
}

TAP_TEST(fork__in_a_callback_that_the_caller_drives_ends_the_call_in_the_child)
{
    struct scene scene = scene_plan(0, 0);
    struct driving driving = {.child = -1};
    uint32_t ran = 0;
    scene.config.flags = TP_POOL_CALLER_DRIVEN;
    scene_build(&scene);
    tp_work_t *work = scene_work(&scene, fork_while_driven, &driving);
    check_eq(tp_work_submit_many(work, 3), TP_OK);
    tp_status_t status = tp_pool_run(scene.pool, 0, TP_INFINITE, &ran);
    if (driving.is_child) {
        child_begin();
        check_eq(status, TP_ERR_FORKED);
        check_eq(tp_work_submit(work), TP_ERR_FORKED);
        expect_new_life_in_short();
        child_end();
    }
    check_eq(status, TP_OK);
    check_eq(ran, 3);
    check_eq(end_of(driving.child), 0);
    check_eq(tp_work_close(work), TP_OK);
    scene_end(&scene);
}

int main(void)
{
    tap_run(fork__r39_the_child_of_busy_pools_finds_old_handles_refused_and_all_else_new);
    tap_run(fork__r39_children_that_only_ask_find_old_handles_refused);
    tap_run(fork__r39_two_hundred_children_in_a_row);
    tap_run(fork__r39_the_child_forks_again);
    tap_run(fork__r39_in_a_callback_whose_child_executes_another_program);
    tap_run(fork__r39_in_a_callback_whose_child_exits);
    tap_run(fork__r39_in_a_callback_whose_child_returns_from_it);
    tap_run(fork__r39_in_a_callback_whose_child_uses_the_library_and_returns);
    tap_run(fork__descriptor_of_a_driven_pool_is_closed_in_the_child_and_kept_in_the_parent);
    tap_run(fork__in_a_callback_that_the_caller_drives_ends_the_call_in_the_child);
    return tap_done();
}
