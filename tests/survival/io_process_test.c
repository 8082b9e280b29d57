/* io_process_test.c - processes that fork, execute and end while operations are in flight. */
#define _GNU_SOURCE
#include "tests/survival/ending.h"
#include "tests/survival/io_scene.h"

enum { LANES = 4 };

/* ---- a process with operations in flight ----------------------------------------------------- */

static pid_t owner; /* of the objects that a fork leaves behind */
static tpp_u32 inherited;

static void only_in_owner(tp_callback_instance_t *instance, void *context, void *operation,
                          int32_t error, uint64_t bytes, tp_io_t *io)
{
    if (getpid() != owner)
        tpp_add_acq_rel(&inherited, 1);
    count_io(instance, context, operation, error, bytes, io);
}

/* Reads that wait, a write that waits, one that was forgotten, and one that is announced. */
struct house {
    struct scene scene;
    tp_io_t *ios[LANES], *full;
    int ends[LANES][2], crammed[2];
    char bytes[LANES], forgotten, out;
    uint64_t room;
};

static void fill_up(struct house *house)
{
    static char bytes[4096];
    ssize_t some;
    check_eq(pipe2(house->crammed, O_CLOEXEC | O_NONBLOCK), 0);
    while ((some = write(house->crammed[1], bytes, sizeof bytes)) > 0)
        house->room += (uint64_t)some;
    check_eq(fcntl(house->crammed[0], F_SETFL, 0), 0);
}

static void begin_house(struct house *house)
{
    owner = getpid();
    begin_count();
    tpp_store_release(&inherited, 0);
    *house = (struct house){.scene = scene_plan(0, 2)};
    scene_build(&house->scene);
    fill_up(house);
    for (int i = 0; i < LANES; i++) {
        new_pair(house->ends[i]);
        house->ios[i] = scene_io(&house->scene, house->ends[i][0], only_in_owner, NULL);
    }
    house->full = scene_io(&house->scene, house->crammed[1], only_in_owner, NULL);
    submit(house->ios[0], TP_IO_RECV, &house->forgotten, 1);
    check_eq(tp_io_wait(house->ios[0], true, TP_INFINITE), TP_OK);
    for (int i = 1; i < LANES; i++)
        submit(house->ios[i], TP_IO_RECV, &house->bytes[i], 1);
    submit(house->full, TP_IO_WRITE, &house->out, 1);
    check_eq(tp_io_start(house->ios[1]), TP_OK);
    check_eq(stats_of(house->scene.pool).io_in_flight, LANES + 2);
}

/* All that is in flight comes as if nothing had happened. */
static void end_house(struct house *house)
{
    static char bytes[1 << 16];
    check_eq(stats_of(house->scene.pool).io_in_flight, LANES + 2);
    check_eq(tpp_load_acquire(&runs), 0);
    for (int i = 0; i < LANES; i++)
        put(house->ends[i][1], "x");
    check(reaches(&good, LANES - 1));
    for (int i = 1; i < LANES; i++)
        check_eq(house->bytes[i], 'x');
    while (house->room > 0)
        house->room -= (uint64_t)read(house->crammed[0], bytes,
                                      sizeof bytes < house->room ? sizeof bytes : house->room);
    check(reaches(&good, LANES));
    check_eq(tp_io_complete(house->ios[1], NULL, 0, 1), TP_OK);
    check(reaches(&good, LANES + 1));
    check_eq(tpp_load_acquire(&runs), LANES + 1);
    for (int i = 0; i < LANES; i++) {
        finish_io(house->ios[i]);
        close_pair(house->ends[i]);
    }
    finish_io(house->full);
    close_pair(house->crammed);
    scene_end(&house->scene);
}

/* ---- forks ----------------------------------------------------------------------------------- */

static void expect_old_refused(struct house *house)
{
    tp_io_t *io = house->ios[1], *other = NULL;
    char byte;
    tp_io_op_t op = op_of(TP_IO_RECV, &op, &byte, 1);
    uint32_t submitted = 9;
    check_eq(tp_io_submit(io, &op), TP_ERR_FORKED);
    check_eq(tp_io_submit_many(io, &op, 1, &submitted), TP_ERR_FORKED);
    check_eq(submitted, 0);
    check_eq(tp_io_abort(io, &house->bytes[1]), TP_ERR_FORKED);
    check_eq(tp_io_start(io), TP_ERR_FORKED);
    check_eq(tp_io_cancel(io), TP_ERR_FORKED);
    check_eq(tp_io_complete(io, NULL, 0, 0), TP_ERR_FORKED);
    check_eq(tp_io_wait(io, false, TP_INFINITE), TP_ERR_FORKED);
    check_eq(tp_io_wait(io, true, TP_INFINITE), TP_ERR_FORKED);
    check_eq(tp_io_close(house->ios[0]), TP_ERR_FORKED);
    check_eq(tp_io_close(io), TP_ERR_FORKED);
    check(tp_io_create(house->ends[1][0], count_io, NULL, house->scene.env, &other) != TP_OK);
    check(other == NULL);
}

/* The child's own, one of them on a descriptor that is bound in its parent. */
static void expect_new_io(struct house *house)
{
    struct scene scene = scene_plan(0, 2);
    tp_io_t *shared = NULL, *plain = NULL;
    char out = 'c';
    int pair[2];
    begin_count();
    scene_build(&scene);
    expect_io_works(&scene);
    new_pair(pair);
    check_eq(tp_io_create(pair[0], count_io, NULL, NULL, &plain), TP_OK);
    check_eq(tp_io_create(house->ends[2][0], count_io, NULL, scene.env, &shared), TP_OK);
    uint32_t before = tpp_load_acquire(&good);
    submit(plain, TP_IO_SEND, &out, 1);
    check(reaches(&good, before + 1));
    finish_io(plain);
    finish_io(shared);
    scene_end(&scene);
    close_pair(pair);
    check_eq(tpp_load_acquire(&inherited), 0);
}

enum { FORKS = 12 };

TAP_TEST(io_process__r39_a_child_has_none_of_the_operations_and_its_parent_all)
{
    static struct house house;
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    check_eq(tp_set_misuse_hook(hear_forked, NULL), TP_OK);
    for (int i = 0; i < FORKS; i++) {
        begin_house(&house);
        pid_t child = fork();
        if (child == 0) {
            child_begin();
            if (i % 3)
                expect_old_refused(&house);
            if (i % 3 != 1)
                expect_new_io(&house);
            child_end();
        }
        if (i % 2)
            check_eq(end_of(child), 0);
        end_house(&house);
        if (i % 2 == 0)
            check_eq(end_of(child), 0);
        check_eq(tpp_load_acquire(&inherited), 0);
    }
    check_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
}

/* In a callback, whose object the child does not have either. */
struct forking {
    struct house *house;
    pid_t child;
    bool returns;
};

static void fork_inside(tp_callback_instance_t *instance, void *context, void *operation,
                        int32_t error, uint64_t bytes, tp_io_t *io)
{
    struct forking *forking = context;
    tp_io_op_t op = op_of(TP_IO_FSYNC, &op, NULL, 0);
    (void)instance;
    (void)operation;
    check(error == 0 && bytes == 1);
    pid_t child = fork();
    if (child != 0) {
        forking->child = child;
        return;
    }
    child_begin();
    check_eq(tp_io_submit(io, &op), TP_ERR_FORKED);
    expect_new_io(forking->house);
    if (!forking->returns || __atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) != 0)
        child_end();
}

TAP_TEST(io_process__r39_a_callback_forks_and_the_parent_goes_on)
{
    static struct house house;
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    check_eq(tp_set_misuse_hook(hear_forked, NULL), TP_OK);
    begin_house(&house);
    for (int i = 0; i < 4; i++) {
        struct forking forking = {.house = &house, .returns = i % 2};
        char byte = 'x';
        int pair[2];
        new_pair(pair);
        tp_io_t *io = scene_io(&house.scene, pair[0], fork_inside, &forking);
        submit(io, i / 2 ? TP_IO_RECV : TP_IO_SEND, &byte, 1);
        put(pair[1], "y");
        finish_io(io);
        check_eq(end_of(forking.child), 0);
        close_pair(pair);
    }
    end_house(&house);
    check_eq(tp_set_misuse_hook(NULL, NULL), TP_OK);
}

/* Reads of a file go on while the process forks: each has the right bytes, in the parent. */
TAP_TEST(io_process__r39_forks_while_files_are_read)
{
    enum { READS = 200, EACH = 512 };
    static uint8_t bytes[READS][EACH];
    struct scene scene = scene_plan(0, 2);
    char name[] = "/var/tmp/tp-io-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    check(fd >= 0 && unlink(name) == 0);
    for (int i = 0; i < READS; i++) {
        memset(bytes[i], i, EACH);
        check_eq(pwrite(fd, bytes[i], EACH, i * EACH), EACH);
    }
    begin_count();
    scene_build(&scene);
    tp_io_t *io = scene_io(&scene, fd, count_io, NULL);
    for (uint32_t round = 0; round < 5; round++) {
        pid_t child = -1;
        check_eq(fdatasync(fd) | posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        memset(bytes, 0xff, sizeof bytes);
        for (int i = 0; i < READS; i++) {
            tp_io_op_t op = op_of(TP_IO_READ, bytes[i], bytes[i], EACH);
            op.offset = i * EACH;
            check_eq(tp_io_submit(io, &op), TP_OK);
            if (i == READS / 2)
                child = fork();
            if (child == 0)
                _exit(0);
        }
        check_eq(tp_io_wait(io, false, TP_INFINITE), TP_OK);
        check_eq(tpp_load_acquire(&good), (round + 1) * READS);
        for (int i = 0; i < READS; i++)
            check(bytes[i][0] == (uint8_t)i && bytes[i][EACH - 1] == (uint8_t)i);
        check_eq(end_of(child), 0);
    }
    finish_io(io);
    scene_end(&scene);
    check_eq(close(fd), 0);
}

/* ---- what a child keeps open ----------------------------------------------------------------- */

static bool hung_up(int fd, int timeout_ms)
{
    struct pollfd look = {.fd = fd, .events = POLLIN};
    return poll(&look, 1, timeout_ms) == 1 && (look.revents & POLLHUP) != 0;
}

/* The library keeps descriptors of its own. If a child kept them too, a peer would not see the end
 * for as long as that child lives. */
TAP_TEST(io_process__a_child_does_not_keep_open_what_its_parent_has_bound)
{
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    for (int i = 0; i < 4; i++) {
        struct scene scene = scene_plan(0, 1);
        int pair[2], word[2];
        char byte = 0;
        begin_count();
        new_pair(pair);
        check_eq(pipe2(word, O_CLOEXEC), 0);
        scene_build(&scene);
        tp_io_t *io = scene_io(&scene, pair[0], count_io, NULL);
        if (i / 2)
            submit(io, TP_IO_RECV, &byte, 1);
        pid_t child = fork();
        if (child == 0) { /* it lives until `word` says that it may go */
            child_begin();
            check_eq(close(pair[0]), 0);
            if (i % 2)
                check_eq(tp_io_close(io), TP_ERR_FORKED);
            close(word[1]);
            check_eq(read(word[0], &byte, 1), 0);
            child_end();
        }
        check_eq(close(pair[0]), 0);
        check(!hung_up(pair[1], 0)); /* the library's own is there */
        if (i / 2)
            check_eq(tp_io_abort(io, &byte), TP_OK);
        finish_io(io);
        check(hung_up(pair[1], 5000 * (int)patience()));
        close(word[1]);
        close(word[0]);
        check_eq(end_of(child), 0);
        check_eq(close(pair[1]), 0);
        scene_end(&scene);
    }
}

/* Just what the application itself has open is open in its children. */
static void children_have_no_descriptor_of_the_library(void)
{
    static struct house house;
    uint32_t before = descriptors_now();
    begin_house(&house);
    check(others_rest());
    pid_t child = fork();
    if (child == 0) {
        child_begin();
        check_eq(descriptors_now(), before + 2 * LANES + 2);
        expect_new_io(&house);
        child_end();
    }
    check_eq(end_of(child), 0);
    end_house(&house);
}

TAP_TEST(io_process__a_child_has_no_descriptor_of_the_library)
{
    if (SANITIZED)
        tap_skip(NEEDS_ORDER_AFTER_FORK);
    check_eq(end_of(start_again("inherited", 20, -1)), 0);
}

/* ---- another program ------------------------------------------------------------------------- */

static void count_descriptors(const char *expected)
{
    uint32_t count = descriptors_now();
    if (count != (uint32_t)atoi(expected))
        printf("# %u descriptors after exec, before the library there were %s\n", count, expected);
    fflush(stdout);
    _exit(count != (uint32_t)atoi(expected));
}

/* All that this program itself opens is closed when another is executed. */
static void execute(void)
{
    static struct house house;
    char number[16];
    const char *arguments[] = {"/proc/self/exe", "count", number, NULL};
    snprintf(number, sizeof number, "%u", descriptors_now());
    begin_house(&house);
    if (__atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) != 0)
        _exit(97);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(98);
}

TAP_TEST(io_process__another_program_inherits_no_descriptor)
{
    check_eq(end_of(start_again("execute", 20, -1)), 0);
}

/* ---- the end of the process ------------------------------------------------------------------ */

static struct house last_house;
static int ball[2];
static char ball_byte;

/* Both ends play for as long as the process lives. */
static void play(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                 uint64_t bytes, tp_io_t *io)
{
    tp_io_op_t op = op_of(TP_IO_RECV, operation, &ball_byte, 1);
    count_io(instance, context, operation, error, bytes, io);
    (void)tp_io_submit(io, &op);
    if (write(ball[1], "x", 1) != 1)
        _exit(89);
}

static void be_armed(void)
{
    begin_house(&last_house);
    new_pair(ball);
    tp_io_t *io = scene_io(&last_house.scene, ball[0], play, NULL);
    submit(io, TP_IO_RECV, &ball_byte, 1);
    put(ball[1], "x");
    check(reaches(&good, 20));
}

static void set_once_more(void)
{
    tp_io_t *io = NULL;
    char *byte = &last_house.out;
    tp_io_op_t op = op_of(TP_IO_RECV, byte, byte, 1);
    if (tp_io_submit(last_house.ios[0], &op) != TP_OK)
        _exit(90);
    if (tp_io_create(ball[1], count_io, NULL, NULL, &io) != TP_OK || tp_io_start(io) != TP_OK)
        _exit(91);
    if (tp_io_abort(last_house.ios[0], byte) != TP_OK || tp_io_close(io) != TP_OK)
        _exit(92);
}

static void exit_inside(tp_callback_instance_t *instance, void *context, void *operation,
                        int32_t error, uint64_t bytes, tp_io_t *io)
{
    (void)instance;
    (void)context;
    (void)operation;
    (void)io;
    exit(error == 0 && bytes == 1 ? STATUS : 88);
}

static void let_a_callback_exit(void)
{
    int pair[2];
    new_pair(pair);
    tp_io_t *io = scene_io(&last_house.scene, pair[0], exit_inside, NULL);
    put(pair[1], "x");
    submit(io, TP_IO_RECV, &last_house.forgotten, 1);
}

TAP_TEST(io_process__c210_ends_at_once_with_operations_in_flight)
{
    expect_ends_at_once();
}

static const struct mode modes[] = {
    {"inherited", children_have_no_descriptor_of_the_library},
    {"execute", execute},
};

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "count") == 0)
        count_descriptors(argv[2]);
    if (argc > 1)
        end_if_asked(argv[1]);
    if (argc > 1)
        return run_mode_of(modes, COUNT(modes), argv[1]);
    tap_run(io_process__r39_a_child_has_none_of_the_operations_and_its_parent_all);
    tap_run(io_process__r39_a_callback_forks_and_the_parent_goes_on);
    tap_run(io_process__r39_forks_while_files_are_read);
    tap_run(io_process__a_child_does_not_keep_open_what_its_parent_has_bound);
    tap_run(io_process__a_child_has_no_descriptor_of_the_library);
    tap_run(io_process__another_program_inherits_no_descriptor);
    tap_run(io_process__c210_ends_at_once_with_operations_in_flight);
    return tap_done();
}
