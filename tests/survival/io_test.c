/* io_test.c - I/O where the system refuses rings, descriptors or memory, or interrupts. */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/survival/io_scene.h"
#include "tests/survival/storm.h"

enum { SKIPPED = 77, UNBOUND = 78, NO_RING = 79 };

/* Descriptors that the library opens once, at the latest when it needs them. */
enum { OF_THE_PROCESS = 3 };

/* ---- the choice of a back end ---------------------------------------------------------------- */

/* Before the library has looked. */
static void wish(const char *backend)
{
    if (backend)
        check_eq(setenv("TP_IO_BACKEND", backend, 1), 0);
    else
        check_eq(unsetenv("TP_IO_BACKEND"), 0);
}

/* What is in use after a pool with this demand has an object; AUTO: it was refused. */
static uint32_t backend_of(uint32_t demand)
{
    struct scene scene = scene_plan(0, 2);
    tp_io_t *io = NULL;
    int fd = eventfd(0, EFD_CLOEXEC);
    scene.config.io_backend = demand;
    scene_build(&scene);
    check_eq(stats_of(scene.pool).io_backend, TP_IO_BACKEND_AUTO);
    tp_status_t status = tp_io_create(fd, count_io, NULL, scene.env, &io);
    uint32_t backend = stats_of(scene.pool).io_backend;
    check(status == TP_OK ? backend != TP_IO_BACKEND_AUTO : backend == TP_IO_BACKEND_AUTO);
    check(status == TP_OK || status == TP_ERR_UNSUPPORTED);
    check_eq(io != NULL, status == TP_OK);
    if (status == TP_OK) {
        expect_io_works(&scene);
        check_eq(tp_io_close(io), TP_OK);
    }
    check_eq(close(fd), 0);
    scene_end(&scene);
    return backend;
}

static bool system_has_rings(void)
{
    uint32_t params[30] = {0}; /* struct io_uring_params */
    long fd = syscall(SYS_io_uring_setup, 4, params);
    if (fd >= 0)
        close((int)fd);
    return fd >= 0;
}

static void without_a_wish(void)
{
    wish(NULL);
    check_eq(backend_of(TP_IO_BACKEND_EPOLL), TP_IO_BACKEND_EPOLL);
    if (!system_has_rings())
        _exit(NO_RING);
    check_eq(backend_of(TP_IO_BACKEND_AUTO), TP_IO_BACKEND_URING);
    check_eq(backend_of(TP_IO_BACKEND_URING), TP_IO_BACKEND_URING);
}

/* The environment has the last word, if it says something. */
static void environment_says_epoll(void)
{
    wish("epoll");
    for (uint32_t demand = TP_IO_BACKEND_AUTO; demand <= TP_IO_BACKEND_URING; demand++)
        check_eq(backend_of(demand), TP_IO_BACKEND_EPOLL);
}

static void environment_says_uring(void)
{
    wish("uring");
    if (!system_has_rings())
        _exit(NO_RING);
    for (uint32_t demand = TP_IO_BACKEND_AUTO; demand <= TP_IO_BACKEND_URING; demand++)
        check_eq(backend_of(demand), TP_IO_BACKEND_URING);
}

static void environment_says_nothing(void)
{
    wish("what is that?");
    check_eq(backend_of(TP_IO_BACKEND_EPOLL), TP_IO_BACKEND_EPOLL);
    wish("auto"); /* it is read once, if at all */
    check_eq(backend_of(TP_IO_BACKEND_EPOLL), TP_IO_BACKEND_EPOLL);
}

/* ---- a filter that forbids rings ------------------------------------------------------------- */

static void forbid_rings(uint32_t error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = COUNT(filter), .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(SKIPPED);
    check(!system_has_rings());
}

/* Asked for or not, what cannot be had is not used; demanded, it is refused. */
static void rings_are_forbidden(uint32_t error)
{
    uint32_t before;
    wish(NULL);
    check_eq(backend_of(TP_IO_BACKEND_EPOLL), TP_IO_BACKEND_EPOLL); /* the gate is there */
    before = descriptors_now();
    forbid_rings(error);
    for (int i = 0; i < 4; i++) {
        check_eq(backend_of(TP_IO_BACKEND_AUTO), TP_IO_BACKEND_EPOLL);
        check_eq(backend_of(TP_IO_BACKEND_URING), TP_IO_BACKEND_AUTO); /* refused */
    }
    check(descriptors_fall_to(before + OF_THE_PROCESS));
}

static void rings_are_not_permitted(void)
{
    rings_are_forbidden(EPERM);
}

static void rings_are_unknown(void)
{
    rings_are_forbidden(ENOSYS);
}

static void environment_demands_what_is_forbidden(void)
{
    wish("uring");
    forbid_rings(EPERM);
    check_eq(backend_of(TP_IO_BACKEND_AUTO), TP_IO_BACKEND_AUTO); /* refused */
    check_eq(backend_of(TP_IO_BACKEND_EPOLL), TP_IO_BACKEND_AUTO);
}

/* ---- no descriptors -------------------------------------------------------------------------- */

/* So many more than are in use. */
static void allow_more_descriptors(rlim_t more)
{
    struct rlimit limit;
    allow_no_descriptor();
    check_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur += more;
    check_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void nap(tp_callback_instance_t *instance, void *context, void *operation, int32_t error,
                uint64_t bytes, tp_io_t *io)
{
    usleep(30000);
    count_io(instance, context, operation, error, bytes, io);
}

/* Has the library open all that it needs once: the gate looks for threads that are all busy. Then
 * until nothing more is opened or closed. */
static uint32_t descriptors_at_rest(void)
{
    struct scene scene = scene_plan(0, 1);
    char bytes[2];
    int pair[2], same = 0;
    uint32_t seen = 0;
    scene_build(&scene);
    expect_io_works(&scene);
    new_pair(pair);
    tp_io_t *io = scene_io(&scene, pair[0], nap, NULL);
    for (int i = 0; i < 2; i++) {
        submit(io, TP_IO_RECV, &bytes[i], 1);
        put(pair[1], "x");
    }
    finish_io(io);
    close_pair(pair);
    scene_end(&scene);
    while (same < 10) {
        uint32_t now_open = descriptors_now();
        same = now_open == seen ? same + 1 : 0;
        seen = now_open;
        usleep(5000);
    }
    return seen;
}

/* With `more` descriptors left a first object is made, or refused and nothing is left of it; then
 * with all of them it works. */
static tp_status_t create_with(rlim_t more, int fd)
{
    struct scene scene = scene_plan(0, 2);
    tp_io_t *io = NULL;
    uint64_t count = 1;
    uint32_t before = descriptors_now();
    scene_build(&scene);
    allow_more_descriptors(more);
    tp_status_t status = tp_io_create(fd, count_io, NULL, scene.env, &io);
    check(status == TP_OK || status == TP_ERR_SYSTEM || status == TP_ERR_UNSUPPORTED);
    check_eq(io != NULL, status == TP_OK);
    if (status == TP_ERR_SYSTEM)
        check_eq(tp_last_errno(), EMFILE);
    if (status == TP_OK) {
        uint32_t begun = tpp_load_acquire(&good);
        submit(io, TP_IO_READ, &count, sizeof count);
        check_eq(eventfd_write(fd, 3), 0);
        check(reaches(&good, begun + 1));
        check_eq(count, 3);
        finish_io(io);
    }
    allow_descriptors();
    expect_io_works(&scene);
    scene_end(&scene);
    check(descriptors_fall_to(before));
    return status;
}

static void few_descriptors(void)
{
    rlim_t needed = 0;
    int fd = eventfd(0, EFD_CLOEXEC);
    uint32_t before = descriptors_at_rest();
    check_eq(create_with(0, fd), TP_ERR_SYSTEM);
    while (needed < 20 && create_with(needed, fd) != TP_OK)
        needed++;
    check(needed > 0 && needed < 20);
    for (rlim_t more = needed; more < needed + 6; more++)
        check_eq(create_with(more, fd), TP_OK);
    printf("# an object needs %d descriptors at first\n", (int)needed);
    check(descriptors_fall_to(before));
    check_eq(close(fd), 0);
}

/* A process that never had one of the library's before. */
static void no_descriptors_from_the_start(void)
{
    struct scene scene = scene_plan(0, 2);
    tp_io_t *io = NULL;
    int fd = eventfd(0, EFD_CLOEXEC);
    scene_build(&scene);
    allow_no_descriptor();
    for (int i = 0; i < 5; i++) {
        check_eq(tp_io_create(fd, count_io, NULL, scene.env, &io), TP_ERR_SYSTEM);
        check_eq(tp_last_errno(), EMFILE);
        check_eq(tp_io_create(fd, count_io, NULL, NULL, &io), TP_ERR_SYSTEM); /* default pool */
        check(io == NULL);
    }
    allow_descriptors();
    expect_io_works(&scene);
    check_eq(tp_io_create(fd, count_io, NULL, NULL, &io), TP_OK);
    finish_io(io);
    scene_end(&scene);
    check_eq(close(fd), 0);
}

/* An accept that finds no number for what it brings says so; the connection stays where it is. */
static void accept_without_descriptors(void)
{
    struct scene scene = scene_plan(0, 2);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check_eq(bind(listener, (struct sockaddr *)&address, length) | listen(listener, 5), 0);
    check_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    scene_build(&scene);
    expect_io_works(&scene);
    begin_count();
    tp_io_t *io = scene_io(&scene, listener, count_io, NULL);
    tp_io_op_t op = op_of(TP_IO_ACCEPT, NULL, NULL, 0);
    check_eq(tp_io_submit(io, &op), TP_OK);
    allow_no_descriptor();
    check_eq(connect(near, (struct sockaddr *)&address, sizeof address), 0);
    check(reaches(&wrong, 1));
    allow_descriptors();
    check_eq(tp_io_submit(io, &op), TP_OK);
    check(reaches(&good, 1)); /* its descriptor is this process's, which ends */
    finish_io(io);
    scene_end(&scene);
    check_eq(close(listener) | close(near), 0);
}

/* ---- no locked memory ------------------------------------------------------------------------ */

static void no_locked_memory(void)
{
    struct rlimit limit = {0, 0};
    wish(NULL);
    if (setgid(65534) != 0 || setuid((uid_t)(1000000 + getpid())) != 0)
        _exit(SKIPPED);
    check_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
    bool has_rings = system_has_rings();
    uint32_t backend = backend_of(TP_IO_BACKEND_AUTO);
    check_eq(backend, has_rings ? TP_IO_BACKEND_URING : TP_IO_BACKEND_EPOLL);
    check_eq(backend_of(TP_IO_BACKEND_EPOLL), TP_IO_BACKEND_EPOLL);
    if (has_rings && __atomic_load_n(&tap_failures_, __ATOMIC_SEQ_CST) == 0)
        _exit(UNBOUND);
}

/* ---- again and again ------------------------------------------------------------------------- */

TAP_TEST(io_survival__a_hundred_cycles_leak_no_descriptor_and_no_thread)
{
    struct scene first = scene_plan(0, 2);
    scene_build(&first);
    expect_io_works(&first);
    scene_end(&first);
    uint32_t before = descriptors_now();
    for (int i = 0; i < (SANITIZED ? 20 : 100); i++) {
        struct scene scene = scene_plan(0, 2);
        int ends[2];
        char bytes[4];
        scene_build(&scene);
        new_pair(ends);
        tp_io_t *io = scene_io(&scene, ends[0], count_io, NULL);
        for (int k = 0; k < 4; k++)
            submit(io, TP_IO_RECV, &bytes[k], 1);
        if (i % 2)
            put(ends[1], "ab");
        if (i % 3 == 0)
            check_eq(tp_io_wait(io, true, TP_INFINITE), TP_OK);
        if (i % 4 < 2)
            check_eq(tp_io_close(io), TP_OK);
        if (i % 5) {
            check_eq(tp_pool_shutdown(scene.pool, i % 2, TP_INFINITE), TP_OK);
            check_eq(i % 4 < 2 ? TP_OK : tp_io_close(io), TP_OK);
            close_pair(ends);
        } else { /* what is in flight ends, and so the pool does */
            check_eq(tp_pool_close(scene.pool), TP_OK);
            check_eq(i % 4 < 2 ? TP_OK : tp_io_close(io), TP_OK);
            check_eq(close(ends[1]), 0);
            check_eq(close(ends[0]), 0);
        }
        check_eq(tp_env_destroy(scene.env), TP_OK);
    }
    check(descriptors_fall_to(before + OF_THE_PROCESS));
    check(threads_fall_to(THREADS_BEFORE + 1)); /* the gate's stays */
}

/* ---- interrupted ----------------------------------------------------------------------------- */

enum { BURST = 50 };

/* A burst of operations, half of which come while the others are aborted. */
static void expect_burst(tp_io_t *io, int peer, char *bytes)
{
    uint32_t before = tpp_load_acquire(&runs);
    for (int i = 0; i < BURST; i++)
        submit(io, TP_IO_RECV, &bytes[i], 1);
    for (int i = 0; i < BURST / 2; i++)
        check_eq(tp_io_abort(io, &bytes[i]), TP_OK);
    for (int i = BURST / 2; i < BURST; i++)
        put(peer, "x");
    check_eq(tp_io_wait(io, false, TP_INFINITE), TP_OK);
    check_eq(tpp_load_acquire(&runs), before + BURST);
    check_eq(tpp_load_acquire(&wrong), 0);
}

/* Every system call is interrupted, the library's as well, on every thread: no call is cut short,
 * nothing is lost. */
TAP_TEST(io_survival__r41_storm_of_signals)
{
    struct storm storm;
    struct scene scene = scene_plan(1, 2), driven = scene_plan(0, 0);
    static char bytes[2][BURST];
    int ends[2], others[2];
    uint32_t enough = SANITIZED ? 20 : 200;
    int64_t end = now() + 20000 * MS * patience();
    begin_count();
    begin_storm(&storm);
    scene.config.on_thread_start = bare_thread;
    driven.config.flags = TP_POOL_CALLER_DRIVEN;
    scene_build(&scene);
    scene_build(&driven);
    drive_in_storm(&storm, &driven);
    new_pair(ends);
    new_pair(others);
    tp_io_t *io = scene_io(&scene, ends[0], count_io, NULL);
    tp_io_t *other = scene_io(&driven, others[0], count_io, NULL);
    while (tpp_load_acquire(&handled) <= enough && now() < end) {
        expect_burst(io, ends[1], bytes[0]);
        expect_burst(other, others[1], bytes[1]);
        expect_io_works(&scene);
    }
    finish_io(io);
    finish_io(other);
    end_storm(&storm);
    scene_end(&scene);
    scene_end(&driven);
    printf("# %u signals, %u callbacks\n", tpp_load_acquire(&handled), tpp_load_acquire(&runs));
    check(tpp_load_acquire(&handled) > enough);
    check_eq(sigaction(SIGUSR1, &storm.before, NULL), 0);
    close_pair(ends);
    close_pair(others);
}

/* ---- the tests, most of them in a process of their own --------------------------------------- */

static const struct mode modes[] = {
    {"default", without_a_wish},
    {"epoll", environment_says_epoll},
    {"uring", environment_says_uring},
    {"nonsense", environment_says_nothing},
    {"eperm", rings_are_not_permitted},
    {"enosys", rings_are_unknown},
    {"demanded", environment_demands_what_is_forbidden},
    {"few", few_descriptors},
    {"none", no_descriptors_from_the_start},
    {"accept", accept_without_descriptors},
    {"memlock", no_locked_memory},
};

static void expect_success(const char *mode)
{
    int end = end_of(start_again(mode, 30, -1));
    if (end == SKIPPED)
        tap_skip("this user or this system does not allow it");
    if (end == NO_RING)
        tap_skip("the system has no io_uring for this process");
    if (end == UNBOUND)
        tap_skip("rings do not count as locked memory here; all else was tested");
    check_eq(end, 0);
}

TAP_TEST(io_survival__a_ring_is_chosen_where_there_is_one_and_nobody_says_otherwise)
{
    expect_success("default");
}

TAP_TEST(io_survival__the_environment_has_the_last_word)
{
    expect_success("epoll");
    expect_success("nonsense");
    expect_success("uring");
}

TAP_TEST(io_survival__a_filter_forbids_rings)
{
    expect_success("eperm");
    expect_success("demanded");
}

TAP_TEST(io_survival__a_filter_hides_rings)
{
    expect_success("enosys");
}

TAP_TEST(io_survival__few_descriptors_are_left)
{
    if (SANITIZED)
        tap_skip("a sanitizer wants descriptors");
    expect_success("few");
}

TAP_TEST(io_survival__no_descriptor_is_left_from_the_start)
{
    if (SANITIZED)
        tap_skip("a sanitizer wants descriptors");
    expect_success("none");
}

TAP_TEST(io_survival__no_descriptor_is_left_for_an_accept)
{
    if (SANITIZED)
        tap_skip("a sanitizer wants descriptors");
    expect_success("accept");
}

TAP_TEST(io_survival__no_memory_may_be_locked)
{
    expect_success("memlock");
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return run_mode_of(modes, COUNT(modes), argv[1]);
    tap_run(io_survival__a_ring_is_chosen_where_there_is_one_and_nobody_says_otherwise);
    tap_run(io_survival__the_environment_has_the_last_word);
    tap_run(io_survival__a_filter_forbids_rings);
    tap_run(io_survival__a_filter_hides_rings);
    tap_run(io_survival__few_descriptors_are_left);
    tap_run(io_survival__no_descriptor_is_left_from_the_start);
    tap_run(io_survival__no_descriptor_is_left_for_an_accept);
    tap_run(io_survival__no_memory_may_be_locked);
    tap_run(io_survival__a_hundred_cycles_leak_no_descriptor_and_no_thread);
    tap_run(io_survival__r41_storm_of_signals);
    return tap_done();
}
